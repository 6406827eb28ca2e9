/* stats_metric.h - metrics of class predictions (room stats).
 *
 * Definitions are scikit-learn's: zero division gives 0 and is counted; macro averages go over the
 * classes that occur among the labels or the predictions.  Labels are 0 .. k - 1, or -1 for a row
 * without label, which is not counted.  Pure functions, thread-safe, not collective; sums run in
 * row order. */
#ifndef CRM_STATS_METRIC_H
#define CRM_STATS_METRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_status.h"

typedef enum crm_metric {
    CRM_METRIC_ACCURACY,
    CRM_METRIC_PRECISION, /* of class 1 for k = 2, macro otherwise; so are recall and f1 */
    CRM_METRIC_RECALL,
    CRM_METRIC_F1,
    CRM_METRIC_PRECISION_MACRO,
    CRM_METRIC_RECALL_MACRO,
    CRM_METRIC_F1_MACRO,
    CRM_METRIC_AUC, /* k > 2: macro of one class against the rest; NaN when a class has no row */
    CRM_METRIC_LOG_LOSS,
    CRM_METRIC_BRIER,             /* k = 2: mean (p1 - y)^2; k > 2: mean sum_c (p_c - y_c)^2 */
    CRM_METRIC_KAPPA,             /* Cohen */
    CRM_METRIC_MCC,               /* Matthews, k classes */
    CRM_METRIC_AVERAGE_PRECISION, /* of class 1; k > 2: macro of one class against the rest; NaN
                                     when such a class has no row */
    CRM_METRIC_ECE, /* expected calibration error, 10 bins of equal width: of p1 for k = 2, of the
                       largest p otherwise */
    CRM_METRIC_COUNT
} crm_metric;
/** "accuracy", "precision", "recall", "f1", "precision_macro", "recall_macro", "f1_macro", "auc",
 * "log_loss", "brier", "kappa", "mcc", "average_precision", "ece"; NULL-terminated, so it can be an
 * option table. */
extern const char *const crm_metric_names[CRM_METRIC_COUNT + 1];
/** +1 higher is better, -1 lower is better (log_loss, brier, ece). */
int crm_metric_direction(crm_metric m);
enum { CRM_ECE_BINS = 10 };
/** Metric of a name, or -1. */
int crm_metric_find(const char *name);

/** What to say beside the metrics. */
typedef struct crm_metric_info {
    int64_t rows;       /* with a label                                               */
    int64_t unlabelled; /* label -1                                                   */
    int zero_divisions; /* per-class precision, recall or F1 that were 0/0 and count as 0 */
    int undefined;      /* metrics that are NaN                                       */
} crm_metric_info;

/** All metrics of proba[n][k] against label[n] into out[CRM_METRIC_COUNT]; info may be NULL.  A
 * metric with no meaning here is NaN (AUC with one class; all with no labelled row).  k >= 2.
 * CRM_ERR_ARG on a label outside -1 .. k - 1, CRM_ERR_NUMERIC on a probability outside 0 .. 1,
 * CRM_ERR_NOMEM; out then undefined. */
CRM_CHECKED crm_stats_metrics(int64_t n, int k, const int32_t *label, const double *proba,
                              double *out, crm_metric_info *info);

/** pred[n] = class of the largest probability, ties to the lower class; k = 2: 1 when proba[1] >
 * 0.5. */
void crm_stats_predict(int64_t n, int k, const double *proba, int32_t *pred);

/** cm[k][k], rows = label, columns = prediction.  CRM_ERR_ARG on a class outside the range. */
CRM_CHECKED crm_stats_confusion(int64_t n, int k, const int32_t *label, const int32_t *pred,
                                int64_t *cm);

typedef struct crm_class_scores {
    double precision, recall, f1;
    int64_t support;    /* rows of this class               */
    int64_t predicted;  /* rows predicted as this class     */
    int zero_divisions; /* how many of the three were 0/0   */
} crm_class_scores;
/** Scores of every class of cm[k][k] into out[k]. */
void crm_stats_class_scores(int k, const int64_t *cm, crm_class_scores *out);

typedef struct crm_cm_scores {
    int64_t n;
    double accuracy, precision_macro, recall_macro, f1_macro, f1_weighted, kappa,
        mcc; /* NaN when n = 0 */
    int zero_divisions;
} crm_cm_scores;
/** Scores of the whole of cm[k][k]; kappa and MCC are 0 where they are 0/0. */
crm_cm_scores crm_stats_cm_scores(int k, const int64_t *cm);

/** AUC as counts: AUC = twice_wins / (2 pos neg), a tied pair counting 1, a won pair 2: exact,
 * order-free. Counts of disjoint parts of one score list must not be added (pairs across parts are
 * missing). */
typedef struct crm_auc {
    int64_t pos, neg, twice_wins;
    double value; /* NaN when a class has no row */
} crm_auc;
/** AUC of class positive against the rest; the score of row i is score[i * stride] (column c of
 * proba[n][k] is proba + c with stride k).  CRM_ERR_NUMERIC when a score is NaN, CRM_ERR_NOMEM. */
CRM_CHECKED crm_stats_auc(int64_t n, const int32_t *label, int32_t positive, const double *score,
                          int64_t stride, crm_auc *out);

/** Mean of -log p[label], p clipped to [1e-15, 1 - 1e-15], rows not renormalised; NaN without rows.
 */
double crm_stats_log_loss(int64_t n, int k, const int32_t *label, const double *proba);
double crm_stats_brier(int64_t n, int k, const int32_t *label, const double *proba);
#endif
