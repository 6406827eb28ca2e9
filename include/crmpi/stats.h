/* stats.h - sums in a fixed order, satisfaction lift, churn lift, PSI; takes in the other headers
 * of room stats.
 *
 * Pure functions on arrays: no MPI, no files, no state.  Thread-safe, not collective. */
#ifndef CRM_STATS_H
#define CRM_STATS_H

#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/stats_boot.h"
#include "crmpi/stats_curve.h"
#include "crmpi/stats_dist.h"
#include "crmpi/stats_metric.h"
#include "crmpi/stats_test.h"

/** Sum of x[n] by a fixed pairwise tree over blocks of 128; the bits depend on x and n only. */
double crm_stats_sum(const double *x, int64_t n);
/** Mean, and sum of squares about the mean / (n - 1); NaN when n < 1, n < 2.  Equal values have
 * variance 0 exactly. */
double crm_stats_mean(const double *x, int64_t n);
double crm_stats_variance(const double *x, int64_t n);

/** Change of a satisfaction score by a measure. */
typedef struct crm_lift {
    crm_stats_state state;
    int64_t n_before, n_after; /* paired: the same number; groups: control, treated */
    int64_t dropped;           /* values or pairs that are not finite               */
    double mean_before, mean_after;
    double diff;       /* mean_after - mean_before                          */
    crm_interval ci95; /* of diff; both ends = diff unless state is OK       */
    double t, df, p;   /* two-sided; t = 0, p = 1 unless state is OK        */
    double relative;   /* 100 diff / |mean_before| in %; 0 when not has_relative */
    bool has_relative; /* mean_before is not 0                              */
    /* Of relative, by the delta method; both ends = relative unless has_relative_ci: state is OK
     * and mean_before lies at least 10 of its standard errors from 0. */
    crm_interval relative_ci95;
    bool has_relative_ci;
} crm_lift;
/** Survey of the same customers before[n] and after[n]: paired t (customers are independent: no
 * correction). */
crm_lift crm_stats_lift_paired(const double *before, const double *after, int64_t n);
/** Two groups, control (in the place of before) and treated: Welch's t. */
crm_lift crm_stats_lift_groups(const double *control, int64_t n_control, const double *treated,
                               int64_t n_treated);

/** Positive rate among the rows with the highest scores against the base rate. */
typedef struct crm_top_lift {
    crm_stats_state state; /* UNDEFINED: no row or no positive */
    int64_t rows, positives;
    int64_t top;             /* rows taken: ceil(rows * percent / 100)                          */
    double top_positives;    /* expected over the order of tied scores, so it need not be whole */
    double rate, base, lift; /* lift = rate / base; 0 when UNDEFINED                          */
} crm_top_lift;
/** label[n] 1 positive, 0 negative, -1 not counted; percent 1 .. 100 (10 = top decile).
 * CRM_ERR_ARG, CRM_ERR_NUMERIC when a score is NaN, CRM_ERR_NOMEM. */
CRM_CHECKED crm_stats_top_lift(int64_t n, const int32_t *label, const double *score, int percent,
                               crm_top_lift *out);

/** Population stability index sum (q - p) log(q / p) of two lists of shares; each share is
 *  raised to floor_share, which must be above 0 where a bin can be empty on one side only. */
double crm_stats_psi(const double *p, const double *q, int bins, double floor_share);
/** P of a PSI at least this large without drift: PSI ~ (1/n + 1/m) chi2(bins - 1); n, m = rows of
 * the samples. */
double crm_stats_psi_p(double psi, int64_t n, int64_t m, int bins);
#endif
