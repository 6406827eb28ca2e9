/* stats_metric.c - the table of metrics: names, directions, and all of them from probabilities.
 *
 * AUC = P(score of a positive > score of a negative) + P(equal)/2 (Mann & Whitney 1947); k > 2
 * classes: mean of one class against the rest (scikit-learn's multi_class="ovr", average="macro").
 * Brier (1950). */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/stats_curve.h"
#include "crmpi/stats_metric.h"
#include "stats_impl.h"

const char *const crm_metric_names[] = {"accuracy",          "precision",    "recall",   "f1",
                                        "precision_macro",   "recall_macro", "f1_macro", "auc",
                                        "log_loss",          "brier",        "kappa",    "mcc",
                                        "average_precision", "ece",          NULL};
_Static_assert(sizeof crm_metric_names / sizeof *crm_metric_names == CRM_METRIC_COUNT + 1,
               "a name for each metric");

int crm_metric_direction(crm_metric m)
{
    return m == CRM_METRIC_LOG_LOSS || m == CRM_METRIC_BRIER || m == CRM_METRIC_ECE ? -1 : 1;
}

int crm_metric_find(const char *name)
{
    for (int m = 0; m < CRM_METRIC_COUNT; m++)
        if (strcmp(name, crm_metric_names[m]) == 0) return m;
    return -1;
}

void crm_stats_predict(int64_t n, int k, const double *proba, int32_t *pred)
{
    for (int64_t i = 0; i < n; i++) {
        const double *p = proba + i * k;
        int32_t best = 0;

        for (int c = 1; c < k; c++)
            if (p[c] > p[best]) best = c;
        pred[i] = k == 2 ? p[1] > 0.5 : best;
    }
}

static crm_auc auc_of(const crm_ranking *r)
{
    crm_auc a = {.pos = r->pos, .neg = r->n - r->pos, .value = (double)NAN};

    a.twice_wins = crm_stats_placements(r, NULL);
    if (a.pos && a.neg) a.value = (double)a.twice_wins / (2 * (double)a.pos * (double)a.neg);
    return a;
}

crm_status crm_stats_auc(int64_t n, const int32_t *label, int32_t positive, const double *score,
                         int64_t stride, crm_auc *out)
{
    crm_ranking r = {0};

    *out = (crm_auc){.value = (double)NAN};
    CRM_TRY(crm_stats_rank(n, label, positive, score, stride, &r));
    *out = auc_of(&r);
    crm_mem_free(r.item);
    return CRM_OK;
}

/* Means over classes of one against the rest; k = 2: class 1. */
static crm_status from_ranks(int64_t n, int k, const int32_t *label, const double *proba,
                             double *out)
{
    int first = k == 2 ? 1 : 0;
    double auc = 0, precision = 0;

    for (int c = first; c < k; c++) {
        crm_ranking r = {0};
        CRM_TRY(crm_stats_rank(n, label, c, proba + c, k, &r));
        auc += auc_of(&r).value;
        precision += crm_stats_ranking_precision(&r);
        crm_mem_free(r.item);
    }
    out[CRM_METRIC_AUC] = auc / (k - first);
    out[CRM_METRIC_AVERAGE_PRECISION] = precision / (k - first);
    return CRM_OK;
}

static crm_status ece(int64_t n, int k, const int32_t *label, const double *proba, double *out)
{
    crm_bin bin[CRM_ECE_BINS];

    CRM_TRY(crm_stats_calibration(n, k, label, proba, CRM_BIN_WIDTH, CRM_ECE_BINS, bin));
    *out = crm_stats_ece(bin, CRM_ECE_BINS);
    return CRM_OK;
}

/* Mean over labelled rows of what one row costs. */
typedef double (*row_cost)(int k, int32_t label, const double *p);

static double mean_cost(int64_t n, int k, const int32_t *label, const double *proba, row_cost cost)
{
    int64_t rows = 0;
    double s = 0;

    for (int64_t i = 0; i < n; i++) {
        if (label[i] < 0) continue;
        s += cost(k, label[i], proba + i * k);
        rows++;
    }
    return rows ? s / (double)rows : (double)NAN;
}

static double log_cost(int k, int32_t label, const double *p)
{
    (void)k;
    return -crm_log(fmin(fmax(p[label], 1e-15), 1 - 1e-15));
}

static double brier_cost(int k, int32_t label, const double *p)
{
    double s = 0;

    for (int c = k == 2 ? 1 : 0; c < k; c++) {
        double e = p[c] - (label == c);

        s += e * e;
    }
    return s;
}

double crm_stats_log_loss(int64_t n, int k, const int32_t *label, const double *proba)
{
    return mean_cost(n, k, label, proba, log_cost);
}

double crm_stats_brier(int64_t n, int k, const int32_t *label, const double *proba)
{
    return mean_cost(n, k, label, proba, brier_cost);
}

static crm_status check_proba(int64_t n, int k, const double *proba)
{
    CRM_CHECK(n >= 0 && k >= 2, CRM_ERR_ARG, "%lld rows, %d classes; need at least 0 and 2",
              (long long)n, k);
    for (int64_t i = 0; i < n * k; i++)
        CRM_CHECK(
            isfinite(proba[i]), CRM_ERR_NUMERIC,
            "probability of row %lld, class %lld is not finite; look at the model that made it",
            (long long)(i / k), (long long)(i % k));
    return CRM_OK;
}

/* The metrics that need the predicted classes only. */
static void from_confusion(int k, const int64_t *cm, double *out, crm_metric_info *info)
{
    crm_cm_scores s = crm_stats_cm_scores(k, cm);
    crm_class_scores two[2];

    out[CRM_METRIC_ACCURACY] = s.accuracy;
    out[CRM_METRIC_PRECISION] = out[CRM_METRIC_PRECISION_MACRO] = s.precision_macro;
    out[CRM_METRIC_RECALL] = out[CRM_METRIC_RECALL_MACRO] = s.recall_macro;
    out[CRM_METRIC_F1] = out[CRM_METRIC_F1_MACRO] = s.f1_macro;
    out[CRM_METRIC_KAPPA] = s.kappa;
    out[CRM_METRIC_MCC] = s.mcc;
    info->rows = s.n;
    info->zero_divisions = s.zero_divisions;
    if (k != 2 || s.n == 0) return;
    crm_stats_class_scores(2, cm, two);
    out[CRM_METRIC_PRECISION] = two[1].precision;
    out[CRM_METRIC_RECALL] = two[1].recall;
    out[CRM_METRIC_F1] = two[1].f1;
}

static crm_status confusion_metrics(int64_t n, int k, const int32_t *label, const double *proba,
                                    double *out, crm_metric_info *info)
{
    crm_status st = CRM_OK;
    int32_t *pred = NULL;
    int64_t *cm = NULL;

    CRM_NEW_TO(st, done, pred, n);
    CRM_NEW_TO(st, done, cm, (int64_t)k * k);
    crm_stats_predict(n, k, proba, pred);
    CRM_TRY_TO(st, done, crm_stats_confusion(n, k, label, pred, cm));
    from_confusion(k, cm, out, info);
done:
    crm_mem_free(pred);
    crm_mem_free(cm);
    return st;
}

crm_status crm_stats_metrics(int64_t n, int k, const int32_t *label, const double *proba,
                             double *out, crm_metric_info *info)
{
    crm_metric_info own = {0};

    CRM_TRY(check_proba(n, k, proba));
    CRM_TRY(confusion_metrics(n, k, label, proba, out, &own));
    CRM_TRY(from_ranks(n, k, label, proba, out));
    CRM_TRY(ece(n, k, label, proba, &out[CRM_METRIC_ECE]));
    out[CRM_METRIC_LOG_LOSS] = crm_stats_log_loss(n, k, label, proba);
    out[CRM_METRIC_BRIER] = crm_stats_brier(n, k, label, proba);
    own.unlabelled = n - own.rows;
    for (int m = 0; m < CRM_METRIC_COUNT; m++)
        own.undefined += isnan(out[m]) != 0;
    if (info) *info = own;
    return CRM_OK;
}
