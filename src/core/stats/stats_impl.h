/* stats_impl.h - what the files of room stats share. */
#ifndef CRM_STATS_IMPL_H
#define CRM_STATS_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_status.h"

/** A probability but for rounding; NaN is none. */
static inline bool crm_stats_is_probability(double p)
{
    return p >= -1e-6 && p <= 1 + 1e-6;
}

/** I_x(a, b) with y = 1 - x given apart, so that neither end loses digits. */
double crm_stats_beta_inc_xy(double a, double b, double x, double y);

/** Moments of x_j = a[j] - b[j], or a[j] when b is NULL; values that are not finite are left out.
 */
typedef struct crm_moments {
    int64_t n, dropped;
    double mean, sd; /* sd by n - 1; 0 when it is rounding only or n < 2, and then mean likewise */
} crm_moments;
crm_moments crm_stats_moments(const double *a, const double *b, int64_t n);

/** Spread and differences below this are taken as rounding, for values up to scale. */
double crm_stats_noise(double scale);

/* One row of a ranking. */
typedef struct crm_scored {
    double score;
    int64_t row;
    bool positive;
} crm_scored;
typedef struct crm_ranking {
    crm_scored *item; /* ascending by score; the caller frees it (crm_mem_free) */
    int64_t n, pos;   /* rows counted, positives among them                     */
} crm_ranking;
/** Rows with a label (>= 0) sorted by score; positive where label == positive; label NULL: every
 * row, none positive.  CRM_ERR_NUMERIC when a score is NaN. */
CRM_CHECKED crm_stats_rank(int64_t n, const int32_t *label, int32_t positive, const double *score,
                           int64_t stride, crm_ranking *out);
/** End (one past) of the tie group that begins at item i, and the positives in it. */
int64_t crm_stats_tie_end(const crm_ranking *r, int64_t i, int64_t *pos);
/** Sum over positives of 2 wins + ties against negatives; when w is not NULL also each row's own
 * count against the other class, w[row]. */
int64_t crm_stats_placements(const crm_ranking *r, int64_t *w);
/** Average precision of a ranking; NaN without positives. */
double crm_stats_ranking_precision(const crm_ranking *r);

/** Largest |score| among the finite pairs of a and b (NULL: none). */
double crm_stats_scale(const double *a, const double *b, int64_t n);
/** a - b on a grid of 2^-40 of the scale, so that differences that are equal but for rounding are
 * equal, and none that is rounding only has a sign. */
double crm_stats_on_grid(double difference, double scale);
#endif
