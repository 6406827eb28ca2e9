/* table_frame.h - inside of room table: the rows of one table of a schema as typed columns, and the
 * steps from files to the data set.
 *
 *   table_input    bytes of the files of a table, plain or unpacked, as one long text
 *   table_frame    this rank's rows of a table: a contiguous part in the order of the files
 *   table_clean    duplicates, ranges, outliers, fills: frame -> frame, with a report per column
 *   table_index    rows found by key, over all ranks
 *   table_take     values of rows that other ranks have
 *   table_entity   rows of the data set; events and documents grouped by them and ordered by time
 *   table_make     profile, monthly, events, documents, targets, features -> store */
#ifndef CRM_TABLE_FRAME_H
#define CRM_TABLE_FRAME_H

#include "crmpi/table_schema.h"
#include "table_impl.h"

#define CRM_WHOLE_MISSING INT64_MIN

/* ---- typed columns ---- */
/* A bad value that became missing: the number that it was read as, NaN where it was none. */
typedef struct table_raw {
    int64_t row;
    double value;
} table_raw;
/* A column of a frame.  Rows are those of the frame; what its type does not use is NULL. */
typedef struct table_cells {
    double *real;   /* REAL: NaN is missing                                                      */
    int64_t *whole; /* INTEGER; BOOLEAN (0, 1); TIME (s since 1970 UTC): CRM_WHOLE_MISSING        */
    int32_t *code;  /* CATEGORY: index into level, -1 missing                                     */
    crm_digest *key; /* ID: XXH3-128 of the text (of its keyed hash when hashed); zeros: missing.
                        Two keys are taken for equal when these are: among 1e9 keys that goes wrong
                        with a probability below 1e-20 */
    int64_t *end; /* TEXT, ID: end of each text in bytes                                        */
    char *bytes;  /* TEXT, ID: one after the other, without 0                                   */
    bool text;    /* a guess that failed, on this rank: there are texts among the numbers */
    bool far;     /* a guess with numbers beyond 3.4e38, on this rank */
    int64_t n_levels; /* CATEGORY: of all ranks, sorted as crm_table_levels_sort */
    const char **level;
    table_levels levels; /* what level points into */
    double *uncut_real;  /* as it was before the cleaning, but filled: for labels; NULL: as it is */
    int64_t *uncut_whole;
    uint8_t *filled; /* 1: missing, and filled with a constant; NULL: nothing was, on any rank */
    int64_t missing; /* on this rank, as they came from the file     */
    int64_t bad; /* on this rank: values that became missing because they did not fit          */
    /* for the report: what was read */
    int64_t n_raw, cap_raw;
    table_raw *raw;     /* [n_raw] by row: the bad values of the rows of the frame              */
    int64_t raw_levels; /* CATEGORY with case or map: distinct texts of all ranks in front of them,
                           -1: too many to count; 0: those of level */
    int64_t changed;    /* on this rank: values that case, map, hash or scrub made others      */
} table_cells;

typedef struct table_frame {
    const crm_table_schema *schema;
    int table;
    int64_t n, before, total; /* rows here, on ranks before, on all */
    table_cells *column;      /* [columns of the table]             */
    int64_t *where;           /* [n] file number << 40 | line where the row begins */
    int n_files;
    char **file;       /* [n_files] paths, in order */
    int64_t skipped;   /* rows of all ranks left out as broken or bad                             */
    crm_digest source; /* of the bytes of all files */
} table_frame;

/* ---- signals ---- */
/* CRM_ERR_STOPPED on all ranks when one of them has been asked to stop.  Collective. */
CRM_CHECKED crm_table_check_stop(crm_comm *comm);
/* Likewise on this rank alone, which looks at each 65,536th i: for loops between two agreements. */
CRM_CHECKED crm_table_go_on(int64_t i);

/* ---- rejects: rows and values that are left out, by place only ---- */
/* Lines "FILE:LINE:COL<tab>TABLE<tab>COLUMN<tab>what is wrong", without values.  The first limit
 * lines of each table are kept, the rest is counted.  Not collective but where said. */
typedef struct table_rejects table_rejects;
CRM_CHECKED crm_table_rejects_new(int64_t limit, table_rejects **out);
void crm_table_rejects_add(table_rejects *r, const char *file, int64_t line, int64_t col,
                           const char *table, const char *column, const char *what);
/* A broken row from line begin to line end: the list says so when they are several. */
void crm_table_rejects_add_row(table_rejects *r, const char *file, int64_t line, int64_t col,
                               const char *table, const char *what, int64_t begin, int64_t end);
int64_t crm_table_rejects_count(const table_rejects *r);
/* Write the first limit lines of each table, those of all ranks in the order of tables, files,
 * lines, to path (removed when there are none); a last line says how many more there are.  The same
 * on any number of ranks.  Collective; *total is the count of all ranks, *listed the lines. */
CRM_CHECKED crm_table_rejects_write(crm_comm *comm, table_rejects *r, const char *path,
                                    int64_t *total, int64_t *listed);
/* The list of a data set: written beside it, it takes its place behind the commit (made), and goes
 * when that fails.  Collective. */
CRM_CHECKED crm_table_rejects_begin(crm_comm *comm, table_rejects *r, const char *store_path,
                                    int64_t *total, int64_t *listed);
CRM_CHECKED crm_table_rejects_end(crm_comm *comm, const char *store_path, bool made);
void crm_table_rejects_free(table_rejects **r);

/* Read the files of a table; every rank gets a contiguous part of its rows, about equal in bytes.
 * folder: what relative patterns begin at.  Numbers are correctly rounded; categories have one list
 * of levels, equal on all ranks.  The rows and their order do not depend on the number of ranks.
 * @return CRM_OK; CRM_ERR_IO no file for a pattern, unreadable; CRM_ERR_FORMAT "FILE:LINE:COL: ..."
 * of the first fault in file order that the schema does not allow; CRM_ERR_NOMEM.  Collective. */
CRM_CHECKED crm_table_frame_read(crm_comm *comm, const crm_table_schema *s, int table,
                                 const char *folder, table_rejects *rejects, table_frame *f);
struct table_input;
/* The second half of it: read the open files of a table.  Collective. */
CRM_CHECKED crm_table_frame_fill(crm_comm *comm, const crm_table_schema *s, int table,
                                 const struct table_input *in, table_rejects *rejects,
                                 table_frame *f);
/* Fill the columns that are made of others (crm_field.derive), which crm_table_frame_read passes
 * over; real is made when it is NULL.  Before the cleaning, which makes columns anew whose sources
 * it changes.  Values outside of min .. max are handled as the column's `bad` says, as
 * crm_table_frame_read does; of columns that will be made anew only then.  Collective. */
CRM_CHECKED crm_table_derive(crm_comm *comm, table_frame *f, table_rejects *rejects);
/* Digest of the bytes of the files of a table, as in its frame.  Collective. */
CRM_CHECKED crm_table_frame_source(crm_comm *comm, const crm_table_schema *s, int table,
                                   const char *folder, crm_digest *out);
/* Keep the rows i of this rank with keep[i] != 0; before and total follow.  Collective. */
CRM_CHECKED crm_table_frame_keep(crm_comm *comm, table_frame *f, const uint8_t *keep);
/* Note a bad value; rows ascend.  Not collective. */
CRM_CHECKED crm_table_raw_add(table_cells *c, int64_t row, double value);
/* "FILE:LINE" of a row. */
const char *crm_table_frame_where(const table_frame *f, int64_t row, char *out, size_t cap);
void crm_table_frame_free(table_frame *f);

/* A text as seconds since 1970 UTC by a format of strptime (or "iso"); false when it does not fit
 * or is no date ("2023-02-30").  Does not depend on locale or time zone of the machine. */
bool crm_table_time(const char *format, const char *text, size_t len, int64_t *out);
/* "2018-03-01 12:00:00" (UTC). */
const char *crm_table_time_text(int64_t t, char out[32]);

/* ---- cleaning ---- */
/* What stood in a column, as it was read and as it is stored; sums of all ranks. */
typedef struct table_quality_column {
    int64_t rows, missing, bad, distinct; /* distinct: exact up to 2^20, else -1 */
    int64_t beyond; /* numbers beyond the quartiles by more than 1.5 of their distance (J. Tukey,
                       Exploratory Data Analysis, 1977) */
    int64_t outliers, filled; /* behind: those that the column's own rule found; filled     */
    int64_t changed; /* behind: made others by case, map, hash, scrub or the limits of outliers */
    double min, max, mean, sd, quantile[5]; /* .05 .25 .5 .75 .95; numbers and times; NaN else */
} table_quality_column;
typedef struct table_quality {
    int n;
    table_quality_column *before, *after; /* [n] columns of the table */
    int64_t rows_before, rows_after, duplicates, near_duplicates, dropped;
    int64_t skipped;    /* rows of the files that are no rows of the table: broken, or bad values */
    int64_t uncompared; /* rows not compared with all that might be near duplicates of them */
} table_quality;
/* Duplicates, outliers, fills, indicator and flag columns as the schema of the table says.  Columns
 * that are added ("<name> missing", "<name> outlier") are in extra, in the order of the schema.
 * Collective. */
typedef struct table_extra {
    int n;
    char **name;
    int *of;         /* [n] column that it tells about */
    uint8_t **value; /* [n][rows of this rank]         */
} table_extra;
CRM_CHECKED crm_table_clean(crm_comm *comm, table_frame *f, table_rejects *rejects,
                            table_extra *extra, table_quality *q);
void crm_table_extra_free(table_extra *x);
void crm_table_quality_free(table_quality *q);

/* ---- rows by key ---- */
typedef struct table_index table_index;
/* key[n] of this rank's rows before .. before + n - 1.  A key that comes more than once gives its
 * first row; *repeated (may be NULL) counts the others.  Missing keys are passed over.  Each key is
 * kept by one rank, chosen by its bits: 24 bytes each.  Collective. */
CRM_CHECKED crm_table_index_new(crm_comm *comm, const crm_digest *key, int64_t n, int64_t before,
                                int64_t *repeated, table_index **out);
/* row[i] = global row of key[i], -1 when there is none.  Collective; n may differ. */
CRM_CHECKED crm_table_index_find(crm_comm *comm, const table_index *x, const crm_digest *key,
                                 int64_t n, int64_t *row);
void crm_table_index_free(table_index **x);
/* Fetch: out[i] = the item of bytes size of global row row[i] (-1: out[i] is left as it is); rank r
 * has items of rows first[r] .. first[r + 1] - 1, first [ranks + 1].  Collective. */
CRM_CHECKED crm_table_take(crm_comm *comm, const int64_t *first, const void *items, size_t size,
                           const int64_t *row, int64_t n, void *out);
#endif
