/* data_describe.h - what the columns of a data set hold, how they go together, whether they drift
 * (room data).  docs/exploration.md says what the figures are. */
#ifndef CRM_DATA_DESCRIBE_H
#define CRM_DATA_DESCRIBE_H

#include "crmpi/data.h"

enum {
    CRM_DESCRIBE_QUANTILES = 5, /* .05 .25 .5 .75 .95                        */
    CRM_DESCRIBE_TOP = 10,      /* levels that are listed                    */
    CRM_DESCRIBE_FEWEST = 5, /* values of a level that is listed: a rarer one may tell who it is */
    CRM_DESCRIBE_PARTS = 10, /* most parts, in the order of time          */
    CRM_DESCRIBE_ROWS = 200, /* fewest rows, or events and documents, for drift */
    CRM_DESCRIBE_MONTH =
        30, /* fewest days of a part of a span of time, of which there are two or more */
    CRM_DESCRIBE_PART_FEWEST = 20, /* fewest events or documents of a part that is compared */
    CRM_DESCRIBE_LEVELS = 1000,    /* most levels for association and drift     */
    CRM_DESCRIBE_MATRIX = 300      /* most columns of a matrix, the first ones  */
};
extern const double crm_describe_p[CRM_DESCRIBE_QUANTILES];

/** Figures of a column; a figure that is not defined is NaN. */
typedef struct crm_figures {
    int64_t n, missing, distinct; /* values there are; not there; different ones            */
    double mean, sd, min, max;    /* numbers; sd by n - 1                                   */
    double quantile[CRM_DESCRIBE_QUANTILES]; /* linear between order statistics             */
    int64_t n_top;                           /* levels listed: most frequent first, then by code */
    int64_t top[CRM_DESCRIBE_TOP], top_n[CRM_DESCRIBE_TOP];
    /* Parts against the first one: [0] is NaN. */
    double psi[CRM_DESCRIBE_PARTS], psi_p[CRM_DESCRIBE_PARTS], ks[CRM_DESCRIBE_PARTS];
} crm_figures;

typedef struct crm_described {
    const char *block; /* "profile", "monthly", "events", "documents", "survey", "target" */
    char *name;
    bool numeric, per_row;         /* per_row: one value for each row of the data set */
    bool drifts;                   /* its parts are compared                          */
    const char *const *level_name; /* [n_levels], may be NULL                         */
    int64_t n_levels;
    crm_figures f;
} crm_described;

/** What is cut into parts: rows as they stand, where nothing has a time; rows by their cut-offs,
 * where those differ; events and documents by their times, where all rows have one cut-off. */
typedef enum crm_drift {
    CRM_DRIFT_NONE,
    CRM_DRIFT_ROW,
    CRM_DRIFT_CUTOFF,
    CRM_DRIFT_TIME
} crm_drift;

typedef struct crm_description {
    int n;
    crm_described *column; /* [n] */
    crm_drift drift;       /* NONE: too few rows, or too short a time */
    int parts;
    /* CRM_DRIFT_TIME: days from one part to the next, where the last one ends (days before the end
     * of the window), events and documents of each, and rows that have some. */
    double days, ends;
    int64_t part_events[CRM_DESCRIBE_PARTS], part_documents[CRM_DESCRIBE_PARTS];
    int64_t part_rows[CRM_DESCRIBE_PARTS];
    /* Columns of the matrices: indices into column. */
    int n_num, n_cat;
    int *num, *cat;
    double *pearson, *spearman; /* [n_num][n_num] over the rows that have both values */
    double *cramer, *corrected; /* [n_cat][n_cat] V, and V less its bias              */
} crm_description;

/** Describe a data set.  Each column and each pair of columns is worked out by one rank, in one
 * order, so the figures have the same bits on any number of ranks.  Memory of a rank: about 40
 * bytes for each value of the longest column that it works on, and 1/4 GiB for the matrices.
 *  Collective; d is open on all ranks.  *out is the caller's (crm_description_free), the same on
 *  all ranks; its texts borrow from d.
 *  @return CRM_OK; CRM_ERR_NOMEM; CRM_ERR_COMM. */
CRM_CHECKED crm_data_describe(crm_comm *comm, crm_pool *pool, const crm_data *d,
                              crm_description **out);
void crm_description_free(crm_description **x);
#endif
