/* stats_curve.h - ROC and precision-recall curves, calibration, choice of a threshold, cost (room
 * stats).
 *
 * Counts are whole numbers, so a curve does not depend on the order of the rows.  Labels are
 * classes, -1 for a row without label, which is not counted.  Pure functions, thread-safe, not
 * collective.  Rules and sources: docs/statistics.md. */
#ifndef CRM_STATS_CURVE_H
#define CRM_STATS_CURVE_H

#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/stats_test.h"

/** Rows taken as positive (score >= threshold), right and wrong. */
typedef struct crm_cut {
    double threshold; /* infinity for the first, which takes no row */
    int64_t tp, fp;
} crm_cut;
/** One cut for each distinct score, from the highest down.  ROC: (fp/neg, tp/pos);
 * precision-recall: (tp/pos, tp/(tp + fp)). */
typedef struct crm_curve {
    int64_t pos, neg; /* rows of each class        */
    int64_t n;        /* 1 + distinct scores       */
    crm_cut *cut;     /* [n], the caller's (crm_mem_free) */
} crm_curve;
/** Curve of class positive against the rest; the score of row i is score[i * stride].
 * CRM_ERR_NUMERIC when a score is NaN, CRM_ERR_ARG, CRM_ERR_NOMEM; out then zeroed. */
CRM_CHECKED crm_stats_curve(int64_t n, const int32_t *label, int32_t positive, const double *score,
                            int64_t stride, crm_curve *out);
/** Leave at most `most` cuts (>= 4) of a longer curve: both ends; the corners of the upper hull of
 * the ROC curve (evenly by number when they are more than half of `most`); in the places left, the
 * first cut at or behind each of so many even marks of fp/neg + tp/pos.  CRM_ERR_NOMEM. */
CRM_CHECKED crm_stats_curve_reduce(crm_curve *c, int64_t most);
/** Average precision, sum over cuts of (recall - recall before) precision, without interpolation
 * (scikit-learn's); of a whole curve.  NaN without positives. */
double crm_stats_average_precision(const crm_curve *c);

/** How probabilities are put into bins. */
typedef enum crm_bin_kind {
    CRM_BIN_WIDTH,   /* i/bins < p <= (i + 1)/bins, 0 in the first                              */
    CRM_BIN_QUANTILE /* by rank, equal counts; equal probabilities go where the first of them goes
                      */
} crm_bin_kind;
typedef struct crm_bin {
    int64_t rows, hits;
    double mean; /* probability; 0 without rows */
} crm_bin;
/** Reliability of proba[n][k] into out[bins].  Two classes: p is that of class 1, a hit is a row of
 * class 1; more: p is the largest one (confidence), a hit is a row predicted right (Guo et al.
 * 2017). Means are summed in row order (width) or in the order of p (quantile).  CRM_ERR_ARG,
 * CRM_ERR_NUMERIC when p is outside 0 .. 1 by more than rounding (1e-6), CRM_ERR_NOMEM. */
CRM_CHECKED crm_stats_calibration(int64_t n, int k, const int32_t *label, const double *proba,
                                  crm_bin_kind kind, int bins, crm_bin *out);
/** Expected calibration error, sum over bins of rows/n |hits/rows - mean|; NaN without rows. */
double crm_stats_ece(const crm_bin *bin, int bins);

/** What a threshold is chosen for. */
typedef enum crm_criterion {
    CRM_CRITERION_F1,     /* of class 1                               */
    CRM_CRITERION_YOUDEN, /* tp/pos - fp/neg (Youden 1950)            */
    CRM_CRITERION_COST,   /* least mean cost                          */
    CRM_CRITERION_COUNT
} crm_criterion;
/** "f1", "youden", "cost"; NULL-terminated. */
extern const char *const crm_criterion_names[CRM_CRITERION_COUNT + 1];
typedef struct crm_threshold {
    crm_stats_state state; /* UNDEFINED: a class has no row; the threshold is then 0.5 */
    double threshold;      /* class 1 when p > threshold */
    double value;          /* F1, Youden index or mean cost of a row there */
    int64_t tp, fp, fn, tn;
} crm_threshold;
/** Best threshold of the probability p of class 1, p of row i = p[i * stride], over all that part
 * the rows otherwise: of the thresholds between two neighbouring probabilities 0.5 where it lies
 * there, else the middle; equally good ones: the nearest to 0.5, then the lower.  Compared in whole
 * numbers (cost: in doubles, whole costs are exact).  Choose on training rows only.  cost[4], rows
 * = label, columns = prediction, is read for CRM_CRITERION_COST alone.  CRM_ERR_ARG on another
 * label, CRM_ERR_NUMERIC when p is outside 0 .. 1 by more than 1e-6 or a cost is not finite,
 * CRM_ERR_NOMEM. */
CRM_CHECKED crm_stats_threshold(int64_t n, const int32_t *label, const double *p, int64_t stride,
                                crm_criterion criterion, const double *cost, crm_threshold *out);
/** Mean cost of a row: sum cost[i][j] cm[i][j] / rows, for cost[k][k] and cm[k][k] with rows =
 * label, columns = prediction; NaN without rows. */
double crm_stats_cost(int k, const int64_t *cm, const double *cost);
#endif
