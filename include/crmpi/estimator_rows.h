/* estimator_rows.h - statistics over the rows of a training view, shared out over the ranks of a
 * fit and equal on any number of them (room estimator).
 *
 * A rank owns the rows of its leaves (crm_tree_range over crm_leaf_count of the view).  Sums go
 * through the tree of leaves; counts and order statistics are integers. */
#ifndef CRM_ESTIMATOR_ROWS_H
#define CRM_ESTIMATOR_ROWS_H

#include "crmpi/estimator.h"

/** Own rows of this rank: a part of fit->train, whose rows are borrowed (never free it). */
crm_view crm_rows_own(const crm_fit *fit);

/** CRM_ERR_CONFIG on all ranks, "WHAT is not the same on all ranks", when the texts differ: of what
 *  each rank reads from a file of its own node.  Collective. */
CRM_CHECKED crm_rows_same(const crm_fit *fit, const char *what, int64_t n, const char *const *text);

/** Rows of one leaf with their values. */
typedef struct crm_rows_piece {
    int64_t at, n;      /* positions [at, at + n) of the view */
    const int64_t *row; /* [n] rows of the data set           */
    const float *num;   /* [n][n_num]                         */
    const int32_t *cat; /* [n][n_cat]                         */
} crm_rows_piece;
/** Add to out[width] (NULL from crm_rows_each).  Called on worker threads. */
typedef void (*crm_rows_fn)(void *ctx, const crm_rows_piece *p, double *out);

/** Call fn for all rows of v in pieces of CRM_LEAF_ROWS; pieces may be worked on at the same time.
 *  Not collective. */
CRM_CHECKED crm_rows_each(const crm_source *in, const crm_view *v, crm_pool *pool, crm_rows_fn fn,
                          void *ctx);
/** out[width] = exact sum of what fn adds for each leaf of fit->train.  Collective. */
CRM_CHECKED crm_rows_sum(const crm_fit *fit, const crm_source *in, int64_t width, crm_rows_fn fn,
                         void *ctx, double *out);

/** Quantiles of every numeric column over the present values of the training rows, by linear
 *  interpolation between order statistics: h = p (n - 1), x[floor h] + (h - floor h) (x[floor h +
 * 1]
 *  - x[floor h]) (Hyndman & Fan 1996, type 7).  Exact for any number of ranks.
 *  @param[in]  p        [n_p] in 0..1
 *  @param[out] out      [n_num][n_p]; NaN for a column without values
 *  @param[out] present  [n_num] values that are not missing
 *  Collective. */
CRM_CHECKED crm_rows_quantiles(const crm_fit *fit, const crm_source *in, int n_p, const double *p,
                               double *out, int64_t *present);
#endif
