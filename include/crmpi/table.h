/* table.h - one customer CSV into a data set, without a schema (room table).
 *
 * It is a table of a schema that is made from the options data.* (table_schema.h), and is read as
 * one, plain, gzip or zstd.  CSV is RFC 4180: quotes, doubled quotes, separators and newlines
 * inside quotes, CRLF or LF; also a byte order mark, blank lines (skipped) and a last line without
 * newline.  A header is required. The data set, its bytes and every message are the same on any
 * number of ranks. */
#ifndef CRM_TABLE_H
#define CRM_TABLE_H

#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/comm.h"
#include "crmpi/opt.h"

typedef enum crm_table_separator {
    CRM_TABLE_SEPARATOR_AUTO, /* the one that stands most often in the header */
    CRM_TABLE_SEPARATOR_COMMA,
    CRM_TABLE_SEPARATOR_SEMICOLON,
    CRM_TABLE_SEPARATOR_TAB,
    CRM_TABLE_SEPARATOR_COUNT
} crm_table_separator;

typedef enum crm_table_bad_values {
    CRM_TABLE_BAD_ERROR,   /* text in a column declared numeric ends the import */
    CRM_TABLE_BAD_MISSING, /* ... counts as missing                             */
    CRM_TABLE_BAD_COUNT
} crm_table_bad_values;

/** Options data.* of this room; texts "" mean "none".  An empty or blank field is always missing.
 */
typedef struct crm_table_cfg {
    const char *label;        /* column of the class label                             */
    const char *positive;     /* level that is class 1 of two; "": the last one sorted */
    const char *target;       /* name of the target; "": the label column, lower case  */
    const char *id;           /* column of the row ids                                 */
    crm_opt_list numeric;     /* columns declared numeric                              */
    crm_opt_list categorical; /* columns declared categorical                          */
    crm_opt_list ignore;      /* columns left out                                      */
    crm_opt_list missing;     /* texts that mean "missing", besides the empty one      */
    int separator;            /* crm_table_separator                                   */
    int bad_values;           /* crm_table_bad_values                                  */
    int64_t max_levels;       /* most distinct values of a categorical column          */
} crm_table_cfg;

/** Option table for crm_opt_set_add, over crm_table_cfg. */
extern const crm_opt crm_table_opts[];

/** Columns a fitted model needs: forces their types and their order in the data set.  The other
 * columns of the file are ignored; label and id columns may be absent.  With n_classes > 0 the
 * label codes follow class_name, and another label is CRM_ERR_FORMAT; with 0 classes they come from
 * the file. */
typedef struct crm_table_like {
    int n_num, n_cat;
    const char *const *num_name; /* [n_num] */
    const char *const *cat_name; /* [n_cat] */
    int n_classes;
    const char *const *class_name; /* [n_classes] */
} crm_table_like;

typedef enum crm_table_kind {
    CRM_TABLE_IGNORED,
    CRM_TABLE_NUMERIC,
    CRM_TABLE_CATEGORICAL,
    CRM_TABLE_LABEL,
    CRM_TABLE_ID,
    CRM_TABLE_KIND_COUNT
} crm_table_kind;
/** "ignored", "numeric", "categorical", "label", "id", NULL. */
extern const char *const crm_table_kind_names[];

typedef struct crm_table_column {
    char *name;
    crm_table_kind kind;
    int64_t missing; /* fields that are missing; 0 for ignored and id columns        */
    int64_t levels;  /* distinct values: categorical and label columns, else 0       */
} crm_table_column;

/** What was imported; the same on every rank. */
typedef struct crm_table_info {
    int64_t rows;
    int n_columns;
    crm_table_column *column; /* [n_columns], file order                               */
    int n_num, n_cat;
    char *target; /* name of the target, NULL when there is no label       */
    int n_classes;
    char **class_name;    /* [n_classes], order of the codes                       */
    int64_t *class_count; /* [n_classes] rows                                      */
    int64_t unlabelled;   /* rows without label (all of them when there is none)   */
    int64_t rejected;     /* values made missing (data.bad_values)                 */
    int64_t listed;       /* those of them in the rejects file                     */
    crm_digest source;    /* as written into `source_digest`                       */
    crm_digest content;   /* content digest of the data set                        */
} crm_table_info;

/** Import csv_path into the data set store_path (arrays: docs/data-set-arrays.md).  Values that are
 * made missing are listed, by place only, in "<store_path>.rejects.tsv".
 *
 * A column is: the label; the id; ignored; numeric or categorical as listed, else numeric when all
 * its values that are not missing are numbers, and categorical otherwise.  Numbers become f32
 * (decimal to nearest double, to nearest float; smaller than FLT_MIN becomes 0; larger than FLT_MAX
 * is a bad value).  Levels and classes are sorted: numbers by value, then texts by bytes.
 *
 * Collective; all arguments equal on all ranks.  like may be NULL.  info may be NULL; else
 * crm_table_info_free it, also after a failure.  Nothing is left at store_path (what was there
 * stays) unless the import succeeds.
 * @return CRM_OK; CRM_ERR_IO missing or unreadable file, unwritable store; CRM_ERR_CONFIG unknown
 * or doubly used column, data.positive that is no class; CRM_ERR_FORMAT content, with
 *         "FILE:LINE:COL: ..." of the first error in file order (columns count characters). */
CRM_CHECKED crm_table_import(crm_comm *comm, const crm_table_cfg *cfg, const char *csv_path,
                             const char *store_path, const crm_table_like *like,
                             crm_table_info *info);
/** Free what an import put into info, and zero it.  An info of zeros is fine. */
void crm_table_info_free(crm_table_info *info);

/** Digest of the content of csv_path and of the options above: what crm_table_import (like = NULL)
 * writes into the root attribute `source_digest`, to tell a fresh import from an old one.
 * Collective; CRM_ERR_IO as crm_table_import. */
CRM_CHECKED crm_table_source_digest(crm_comm *comm, const crm_table_cfg *cfg, const char *csv_path,
                                    crm_digest *digest);
#endif
