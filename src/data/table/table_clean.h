/* table_clean.h - inside of room table: columns of numbers dealt out over the ranks by row number,
 * and the steps of the cleaning. */
#ifndef CRM_TABLE_CLEAN_H
#define CRM_TABLE_CLEAN_H

#include "table_frame.h"

/* ---- spread: a column of numbers by leaves of CRM_LEAF_ROWS rows ----
 * Which rows a rank has read depends on the number of ranks; the leaves do not, and so neither do
 * sums over them. */
typedef struct table_spread {
    crm_comm *comm;
    int64_t total, first, n; /* rows of all ranks; of this one: first and how many */
    double *value;           /* [n] NaN: missing */
    double *sorted;          /* [here] without missing ones, ascending */
    int64_t here, present;   /* values of this rank, of all */
} table_spread;
typedef struct table_moments {
    double min, max, mean;
    double squares; /* sum of squares about the mean */
} table_moments;
/* v [n] of rows before .. before + n - 1.  Collective, as are the others. */
CRM_CHECKED crm_table_spread_new(crm_comm *comm, const double *v, int64_t n, int64_t before,
                                 int64_t total, table_spread *s);
/* Exact quantiles, linear between order statistics; NaN without values. */
CRM_CHECKED crm_table_spread_quantiles(const table_spread *s, int n_p, const double *p,
                                       double *out);
CRM_CHECKED crm_table_spread_moments(const table_spread *s, table_moments *m);
/* Distinct values; -1: more than 2^20. */
CRM_CHECKED crm_table_spread_distinct(const table_spread *s, int64_t *distinct);
/* Put the absolute distances from a centre in the place of the values. */
CRM_CHECKED crm_table_spread_distances(table_spread *s, double centre);
void crm_table_spread_free(table_spread *s);

/* ---- the steps ---- */
enum { TABLE_DISTINCT_MAX = 1 << 20 };
typedef struct table_cleaner {
    crm_comm *comm;
    table_frame *frame;
    const crm_table_def *def;
    table_extra *extra;
    table_quality *quality;
    table_rejects *rejects;
    uint8_t *keep; /* [frame->n] rows that stay */
    bool *now;     /* [columns] those that a step looks at */
} table_cleaner;

bool crm_table_is_number(crm_field_type t); /* INTEGER, REAL */
bool crm_table_cell_missing(const crm_field *c, const table_cells *v, int64_t i);
/* INTEGER, REAL, TIME, BOOLEAN: as a number; NaN: missing. */
double crm_table_cell_number(const crm_field *c, const table_cells *v, int64_t i);
/* Text i of a TEXT or ID. */
const char *crm_table_cell_text(const table_cells *v, int64_t i, size_t *len);

/* Rows that are duplicates leave the frame; counts them.  Collective. */
CRM_CHECKED crm_table_clean_duplicates(table_cleaner *c);
/* Rows of groups in the order of the file: of each its group's digest, then its numbers. */
typedef struct table_near {
    const char *item; /* [n][size] */
    int64_t n;
    size_t size;
    int n_numbers;
} table_near;
enum { NEAR_COMPARED = 256, NEAR_EDGES = 6 };
/* near [n]: whether a row before it that stays (is not near itself) has numbers that are all near.
 * *uncompared: rows that were not compared with all that might be near.  Not collective;
 * CRM_ERR_STOPPED once a signal has come. */
CRM_CHECKED crm_table_near(const table_near *t, uint8_t *near, int64_t *uncompared);
/* Column k is derived, and cleaning changes a column that it is made of (winsorise, constant). */
bool crm_table_made_anew(const crm_table_def *t, int k);
/* Make column k of the two that it is derived from; *bad (may be NULL: the range is not looked at)
 * counts values out of range, keep[i] = 0 where the row goes for one.  Not collective. */
CRM_CHECKED crm_table_derive_column(table_frame *f, int k, table_rejects *rejects, uint8_t *keep,
                                    int64_t *bad);
/* Flags, winsorises, or takes rows out of keep.  Collective. */
CRM_CHECKED crm_table_clean_outliers(table_cleaner *c);
/* Fills, or takes rows out of keep.  Collective. */
CRM_CHECKED crm_table_clean_fill(table_cleaner *c);
/* What fills an integer, boolean or time. */
CRM_CHECKED crm_table_fill_whole_value(const crm_field *c, int64_t *out);
/* Value [rows of this rank] of the column that tells about column `of`: flag of outliers, else
 * indicator of missing values; NULL when there is none. */
uint8_t *crm_table_clean_extra(const table_cleaner *c, int of, bool outlier);

/* What column k of the frame holds: as it was read, or as it is.  outliers, filled and changed stay
 * as they are.  Collective. */
CRM_CHECKED crm_table_quality_measure(crm_comm *comm, const table_frame *f, int k, bool as_read,
                                      table_quality_column *q);
/* Append " text |" with what is special in Markdown made plain. */
void crm_table_markdown_cell(crm_str *out, const char *text);
/* Append a Markdown table of a cleaned table's quality. */
void crm_table_quality_markdown(const crm_table_schema *s, int table, const table_quality *q,
                                crm_str *out);
#endif
