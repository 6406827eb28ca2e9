/* stats_relate.h - how two columns go together, how two samples of one column differ, and the
 * orders that this needs (room stats).
 *
 * Pure functions on arrays, thread-safe, not collective.  Bits depend on the arguments only. */
#ifndef CRM_STATS_RELATE_H
#define CRM_STATS_RELATE_H

#include <stdint.h>

#include "crmpi/base_status.h"

/** Key of a number: keys are in the order of the numbers, -0 has the key of 0; NaN: UINT64_MAX. */
uint64_t crm_stats_key(double x);
/** The number of a key. */
double crm_stats_key_value(uint64_t key);
/** Sort v[n] ascending by its bits from number low_bit (0 to 63) on; what is equal there stays in
 * order.  spare[n] is working memory.  Radix sort: time n. */
void crm_stats_sort_keys(uint64_t *v, uint64_t *spare, int64_t n, int low_bit);
/** Quantile p (0 to 1) of sorted[n], linear between order statistics (Hyndman & Fan's type 7, as
 * numpy.quantile); NaN when n is 0. */
double crm_stats_quantile_sorted(const double *sorted, int64_t n, double p);
/** Distinct values of sorted[n]. */
int64_t crm_stats_distinct_sorted(const double *sorted, int64_t n);

/** Numbers of x[n] in ascending order, equal ones as they are, NaN last; n below 2^32; work[2 n].
 */
void crm_stats_order(const double *x, int64_t n, uint64_t *work, uint32_t *order);
/** Twice the midrank of each value among x[n] (1 is the smallest, ties share the mean of their
 * ranks), so that all are whole.  order[n]: rows in ascending order of x. */
void crm_stats_midranks2(const double *x, const uint32_t *order, int64_t n, double *rank2);
/** Pearson's correlation of x[n] and y[n]; NaN when n < 2 or one of them is constant.  Two passes,
 * sums by pairs. */
double crm_stats_pearson(const double *x, const double *y, int64_t n);
/** Spearman's: Pearson's of midranks.  n below 2^32.  CRM_ERR_NOMEM, CRM_ERR_NUMERIC when a value
 * is NaN. */
CRM_CHECKED crm_stats_spearman(const double *x, const double *y, int64_t n, double *out);

typedef struct crm_cramer {
    int64_t n;        /* rows of the table                                                      */
    int rows, cols;   /* levels that come up                                                    */
    double chi2;      /* Pearson's, without correction for continuity                           */
    double plain;     /* sqrt(chi2 / n / min(rows - 1, cols - 1)); NaN with fewer than 2 levels */
    double corrected; /* less its bias under independence: W. Bergsma (2013), "A bias-correction
                         for Cramer's V and Tschuprow's T", eq. 2-4; NaN likewise, or n < 2     */
} crm_cramer;
enum { CRM_CRAMER_COLS = 1024 };
/** Cramer's V of count[r][c]; rows and columns without a count are left out; NaN when c is above
 * CRM_CRAMER_COLS. */
crm_cramer crm_stats_cramer(const int64_t *count, int r, int c);

/** Kolmogorov-Smirnov distance of two samples: the largest distance of their distribution
 * functions.  a[n] and b[m] ascending; NaN when one is empty. */
double crm_stats_ks_distance(const double *a, int64_t n, const double *b, int64_t m);
/** Population stability index of counts a[bins] against b[bins]; a share below floor_share counts
 * as that (crm_stats_psi); NaN when one has no counts. */
double crm_stats_psi_counts(const int64_t *a, const int64_t *b, int bins, double floor_share);
#endif
