/* table_single.h - inside of room table: one CSV without a schema, by the options data.*.
 *
 *   table_plan    what each column of the file is
 *   table_single  a schema of one table, made in memory; its frame -> columns of the data set
 *   table_codes   classes of the label
 *   table_write   the data set
 *   table_import  from end to end */
#ifndef CRM_TABLE_SINGLE_H
#define CRM_TABLE_SINGLE_H

#include "table_scan.h"

/* ---- plan ---- */
typedef struct table_plan_column {
    char *name;
    size_t at; /* position in the header                                       */
    crm_table_kind kind;
    bool guess; /* numeric so far; text makes it categorical                    */
    int slot;   /* index among the numeric, or the categorical columns          */
} table_plan_column;

typedef struct table_plan {
    const crm_table_cfg *cfg;
    const crm_table_like *like; /* or NULL */
    int n, n_num, n_cat;
    table_plan_column *column;
    int label, id; /* columns, -1 when none */
    char target[CRM_TABLE_TARGET_MAX + 1];
} table_plan;

/* Give each column of the header its kind.  Not collective, but equal on all ranks. */
CRM_CHECKED crm_table_plan_make(const table_source *s, const crm_table_cfg *cfg,
                                const crm_table_like *like, table_plan *p);
/* Number the numeric and the categorical columns, once no kind is a guess any more. */
void crm_table_plan_slots(table_plan *p);
void crm_table_plan_free(table_plan *p);

/* ---- columns of the data set ---- */
typedef struct table_part {
    int64_t n, before, total; /* rows here, on ranks before, on all           */
    int64_t *missing;         /* [plan.n], sum of all ranks                   */
    float *num;               /* [n][n_num]                                   */
    int32_t *cat;             /* [n][n_cat] codes                             */
    int32_t *label;           /* [n] likewise, NULL when there is none        */
    int64_t *id_end;          /* [n] end of each id in id_bytes               */
    int64_t *id_number;       /* [n] ids as numbers, when all are             */
    bool id_whole;            /* every id of the file is a whole number       */
    char *id_bytes;
    size_t id_used;
    table_levels *levels; /* [n_cat + 1] of all ranks, the last of the label  */
    int64_t *n_levels;    /* [n_cat + 1]                                      */
    const char ***sorted; /* [n_cat + 1] texts in order of the codes          */
} table_part;

/* The definition of the table as far as no column is needed. */
crm_table_def crm_table_single_def(const crm_table_cfg *cfg, const char *const *csv_path);
/* Read the rows; the kinds that are guesses become known.  What is left out is noted in rejects.
 * Collective. */
CRM_CHECKED crm_table_part_read(crm_comm *comm, const crm_table_def *def, table_input *in,
                                table_plan *p, table_rejects *rejects, table_part *t);
void crm_table_part_free(table_part *t, const table_plan *p);
/* The classes of the label in their order, and the codes of this rank's rows.  Not collective. */
CRM_CHECKED crm_table_part_classes(const table_file *f, const table_plan *p, table_part *t);

/* ---- writer ---- */
/* Digest of the file, the options and the columns asked for.  Collective. */
CRM_CHECKED crm_table_digest(crm_comm *comm, const table_source *s, const crm_table_cfg *cfg,
                             const crm_table_like *like, crm_digest *out);
/* Write the data set, and, unless it is made like another, its data dictionary beside it; csv:
 * where the rows are from.  Collective.
 */
CRM_CHECKED crm_table_write(crm_comm *comm, const char *path, const char *csv, const table_plan *p,
                            const table_part *t, crm_digest source, crm_digest *content);
#endif
