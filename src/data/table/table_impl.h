/* table_impl.h - inside of room table: file -> reader -> plan -> typed columns -> writer.
 *
 * table_file    bytes of the CSV, mapped; positions in messages; the byte range of a rank
 * table_reader  records of a byte range as fields
 * table_plan    what each column of the file is
 * table_part    the rows of this rank as typed columns
 * table_levels  distinct texts of a column */
#ifndef CRM_TABLE_IMPL_H
#define CRM_TABLE_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/table.h"

enum {
    CRM_TABLE_FIELD_MAX = 1 << 20, /* bytes of a field; also bounds the cost of a lost quote */
    CRM_TABLE_SHOW_MAX = 96,       /* bytes of a value as shown in a message                 */
    CRM_TABLE_TARGET_MAX = 64      /* bytes of a target's name                               */
};

/* ---- file ---- */
typedef struct table_file {
    const char *path;
    const char *data; /* mapped */
    size_t size;
    size_t begin;      /* first byte after the byte order mark         */
    size_t mark;       /* a position with a known number of lines ...  */
    int64_t mark_line; /* ... that end before it                       */
} table_file;

/* Map the file on every rank.  Collective. */
CRM_CHECKED crm_table_file_open(crm_comm *comm, const char *path, table_file *f);
void crm_table_file_close(table_file *f);
/* CRM_ERR_FORMAT "FILE:LINE:COL: ..." for byte position at. */
CRM_CHECKED crm_table_fail_at(const table_file *f, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* One line of at most CRM_TABLE_SHOW_MAX bytes for a message: cut, control and bad bytes as \xNN.
 */
const char *crm_table_show(const char *text, size_t len, char out[CRM_TABLE_SHOW_MAX]);
/* One status and text for all: those of the lowest rank that failed.  As ranks hold the file in
 * order and all before the first error is sound, that is the first error of the file.  Collective.
 */
CRM_CHECKED crm_table_first_error(crm_comm *comm, crm_status local);
/* Range of this rank in the bytes [from, size): *begin is a record's first byte (or *end).  Sets
 * the mark to the range.  Collective. */
CRM_CHECKED crm_table_file_range(crm_comm *comm, table_file *f, size_t from, size_t *begin,
                                 size_t *end);
/* Line ends in text. */
int64_t crm_table_lines(const char *text, size_t len);
/* Bytes of valid UTF-8 without NUL at the start of text; len when all are. */
size_t crm_table_utf8(const char *text, size_t len);

/* ---- reader ---- */
typedef struct table_field {
    const char *text; /* without quotes; not 0-terminated           */
    size_t len;
    size_t at;    /* position of its first byte in the file     */
    bool doubled; /* has doubled quotes, resolved at the record's end */
} table_field;

typedef struct table_reader {
    const table_file *file;
    char sep;
    size_t pos, end;    /* next record; records that begin before end are read */
    int n_want;         /* fields of a record; 0: any number                   */
    int n, cap;         /* fields of the current record                        */
    table_field *field; /* valid until the next record                         */
    char *scratch;
    size_t scratch_cap;
} table_reader;

/* Next record that is not a blank line; *got = false after the last.  Not collective. */
CRM_CHECKED crm_table_reader_next(table_reader *r, bool *got);
void crm_table_reader_free(table_reader *r);

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
    char sep;
    size_t data_at; /* first byte after the header */
    int n, n_num, n_cat;
    table_plan_column *column;
    int label, id; /* columns, -1 when none */
    char target[CRM_TABLE_TARGET_MAX + 1];
    size_t *missing_len; /* [cfg->missing.n] */
} table_plan;

/* Read the header and give each column its kind.  Not collective, but equal on all ranks. */
CRM_CHECKED crm_table_plan_make(const table_file *f, const crm_table_cfg *cfg,
                                const crm_table_like *like, table_plan *p);
/* Number the numeric and the categorical columns, once no kind is a guess any more. */
void crm_table_plan_slots(table_plan *p);
void crm_table_plan_free(table_plan *p);
/* Field without the blanks round it. */
void crm_table_trim(const char **text, size_t *len);
/* The (trimmed) text stands for a missing value. */
bool crm_table_is_missing(const table_plan *p, const char *text, size_t len);
/* The (trimmed) text as a number; false when it is not a finite one. */
bool crm_table_number(const char *text, size_t len, float *out);

/* ---- levels ---- */
typedef struct table_levels {
    int64_t n, cap;
    size_t *at; /* [n] in bytes; each text ends with 0 */
    char *bytes;
    size_t used, room;
    int32_t *slot; /* hash table: index + 1 of a text, 0 = free */
    int64_t n_slots;
} table_levels;

/* Index of a text, added when new; beyond limit + 1 texts new ones are not added (*index = 0). */
CRM_CHECKED crm_table_levels_add(table_levels *l, const char *text, size_t len, int64_t limit,
                                 int32_t *index);
const char *crm_table_levels_text(const table_levels *l, int64_t i);
void crm_table_levels_free(table_levels *l);
/* The texts of all ranks in set[n_sets], each at most limit + 1.  Collective. */
CRM_CHECKED crm_table_levels_gather(crm_comm *comm, const table_levels *mine, int n_sets,
                                    int64_t limit, table_levels *all);
/* Texts in order: numbers by value, then texts by bytes.  *out [l->n] is the caller's, the texts
 * are l's. */
CRM_CHECKED crm_table_levels_sort(const table_levels *l, const char ***out);
/* Index in a sorted list of n, -1 when absent. */
int32_t crm_table_levels_find(const char *const *sorted, int64_t n, const char *text);

/* ---- typed columns ---- */
typedef struct table_part {
    int64_t n, before, total; /* rows here, on ranks before, on all           */
    int64_t *missing;         /* [plan.n], sum of all ranks after the fill    */
    float *num;               /* [n][n_num]                                   */
    int32_t *cat;             /* [n][n_cat] index of local level, later codes */
    int32_t *label;           /* [n] likewise, NULL when there is none        */
    int64_t *id_end;          /* [n] end of each id in id_bytes               */
    int64_t *id_number;       /* [n] ids as numbers, when all are             */
    bool id_whole;            /* every id of the file is a whole number       */
    char *id_bytes;
    size_t id_used, id_room;
    table_levels *local;  /* [n_cat + 1], the last for the label          */
    table_levels *all;    /* [n_cat + 1] of all ranks                     */
    int64_t *n_levels;    /* [n_cat + 1]                                  */
    const char ***sorted; /* [n_cat + 1] texts in order of the codes      */
} table_part;

/* First pass: check the range, count rows, settle the kinds.  Collective. */
CRM_CHECKED crm_table_part_scan(crm_comm *comm, const table_file *f, size_t begin, size_t end,
                                table_plan *p, table_part *t);
/* Second pass: fill the columns, agree on levels, turn them into codes.  Collective. */
CRM_CHECKED crm_table_part_fill(crm_comm *comm, const table_file *f, size_t begin, size_t end,
                                const table_plan *p, table_part *t);
void crm_table_part_free(table_part *t, const table_plan *p);
/* Second half of the fill: levels of all ranks, limits, codes of this rank's rows.  Collective. */
CRM_CHECKED crm_table_part_codes(crm_comm *comm, const table_file *f, const table_plan *p,
                                 table_part *t);

/* ---- writer ---- */
/* Digest of the file, the options and the columns asked for.  Collective. */
CRM_CHECKED crm_table_digest(crm_comm *comm, const table_file *f, const crm_table_cfg *cfg,
                             const crm_table_like *like, crm_digest *out);
/* Write the data set, and, unless it is made like another, its data dictionary beside it; csv:
 * where the rows are from.  Collective.
 */
CRM_CHECKED crm_table_write(crm_comm *comm, const char *path, const char *csv, const table_plan *p,
                            const table_part *t, crm_digest source, crm_digest *content);
#endif
