/* eval_curves.c - what one model's test predictions of the first repeat say: accuracy with Wilson's
 * interval, AUC with an interval, ROC and precision-recall curves, calibration.
 *
 * Predictions of several folds come from several fits, whose probabilities need not be on one
 * scale; so these stand beside the means over folds and in no test. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

/* Draws of a bootstrap (rows x AUCs) up to which one is made; above, DeLong's interval is as good:
 * the two differ by a few hundredths of their width there. */
enum { BOOT_MOST = 50000, CURVE_POINTS = 200, CURVE_CLASSES = 10 };

static crm_status accuracy(const tested_rows *t, crm_sum_pooled *out)
{
    int32_t *pred;
    crm_interval ci;

    CRM_NEW(pred, t->n);
    crm_stats_predict(t->n, t->k, t->proba, pred);
    for (int64_t i = 0; i < t->n; i++)
        out->right += pred[i] == t->label[i];
    crm_mem_free(pred);
    ci = crm_stats_wilson(out->right, t->n);
    out->rows = t->n;
    out->accuracy = t->n ? (double)out->right / (double)t->n : (double)NAN;
    out->accuracy_ci[0] = ci.lo;
    out->accuracy_ci[1] = ci.hi;
    return CRM_OK;
}

/* ---- AUC ---------------------------------------------------------------------------------------
 */

static crm_status boot_auc(const study *s, const tested_rows *t, crm_sum_pooled *out)
{
    crm_boot b;

    CRM_TRY(crm_stats_bootstrap_auc(t->n, t->k, t->label, t->proba, CRM_BOOT_BCA,
                                    CRM_BOOT_REPLICATES, (uint64_t)s->e->cfg->seed, &b));
    if (b.state != CRM_STATS_OK) return CRM_OK;
    out->auc_ci[0] = b.ci95.lo;
    out->auc_ci[1] = b.ci95.hi;
    return crm_study_text("bootstrap", &out->auc_ci_method);
}

static crm_status delong_auc(const tested_rows *t, crm_sum_pooled *out)
{
    crm_delong d;
    double *score, half;
    crm_status st;

    CRM_NEW(score, t->n);
    for (int64_t i = 0; i < t->n; i++)
        score[i] = t->proba[2 * i + 1];
    st = crm_stats_delong(t->label, score, score, t->n, &d);
    crm_mem_free(score);
    if (st || d.state != CRM_STATS_OK || !(d.var_a > 0)) return st;
    half = crm_stats_normal_quantile(0.975) * sqrt(d.var_a);
    out->auc_ci[0] = fmax(0, d.auc_a - half);
    out->auc_ci[1] = fmin(1, d.auc_a + half);
    return crm_study_text("delong", &out->auc_ci_method);
}

static crm_status auc(const study *s, const tested_rows *t, crm_sum_pooled *out)
{
    int first = t->k == 2 ? 1 : 0;
    double sum = 0;

    for (int c = first; c < t->k; c++) {
        crm_auc one;
        CRM_TRY(crm_stats_auc(t->n, t->label, c, t->proba + c, t->k, &one));
        sum += one.value;
    }
    out->auc = sum / (t->k - first);
    out->auc_ci[0] = out->auc_ci[1] = (double)NAN;
    if (!isfinite(out->auc)) return CRM_OK;
    if (t->n * (t->k - first) <= BOOT_MOST) return boot_auc(s, t, out);
    return t->k == 2 ? delong_auc(t, out) : CRM_OK;
}

/* ---- curves ------------------------------------------------------------------------------------
 */

static crm_status copy_curve(const char *name, const crm_curve *from, crm_sum_curve *to)
{
    CRM_TRY(crm_study_text(name, &to->class_name));
    CRM_NEW(to->threshold, from->n);
    CRM_NEW(to->tp, from->n);
    CRM_NEW(to->fp, from->n);
    to->n = (int)from->n;
    to->positives = from->pos;
    to->negatives = from->neg;
    for (int i = 0; i < to->n; i++) {
        to->threshold[i] = isfinite(from->cut[i].threshold) ? from->cut[i].threshold : (double)NAN;
        to->tp[i] = from->cut[i].tp;
        to->fp[i] = from->cut[i].fp;
    }
    return CRM_OK;
}

/* A class without a row, or without another, has no curve. */
static crm_status add_curve(const study *s, const tested_rows *t, int c, crm_sum_pooled *out)
{
    crm_curve curve;
    crm_status st;

    CRM_TRY(crm_stats_curve(t->n, t->label, c, t->proba + c, t->k, &curve));
    st = crm_stats_curve_reduce(&curve, CURVE_POINTS);
    if (!st && curve.pos && curve.neg)
        st = copy_curve(crm_data_target(s->e->data, s->target)->class_name[c], &curve,
                        &out->curve[out->n_curves++]);
    crm_mem_free(curve.cut);
    return st;
}

static crm_status curves(const study *s, const tested_rows *t, crm_sum_pooled *out)
{
    if (t->k > CURVE_CLASSES) return CRM_OK;
    CRM_NEW(out->curve, t->k);
    for (int c = t->k == 2 ? 1 : 0; c < t->k; c++)
        CRM_TRY(add_curve(s, t, c, out));
    return CRM_OK;
}

static crm_status calibration(const tested_rows *t, crm_sum_calibration *out)
{
    crm_bin bin[CRM_ECE_BINS];

    CRM_TRY(
        crm_stats_calibration(t->n, t->k, t->label, t->proba, CRM_BIN_WIDTH, CRM_ECE_BINS, bin));
    CRM_NEW(out->rows, CRM_ECE_BINS);
    CRM_NEW(out->hits, CRM_ECE_BINS);
    CRM_NEW(out->mean, CRM_ECE_BINS);
    out->n = CRM_ECE_BINS;
    out->ece = crm_stats_ece(bin, CRM_ECE_BINS);
    for (int b = 0; b < CRM_ECE_BINS; b++) {
        out->rows[b] = bin[b].rows;
        out->hits[b] = bin[b].hits;
        out->mean[b] = bin[b].rows ? bin[b].mean : (double)NAN;
    }
    return CRM_OK;
}

crm_status crm_study_pooled(const study *s, const result *r, int model, crm_sum_pooled *out)
{
    tested_rows t;
    crm_status st;

    CRM_TRY(crm_study_tested(s, r, model, &t));
    out->present = true;
    st = accuracy(&t, out);
    if (!st) st = auc(s, &t, out);
    if (!st) st = curves(s, &t, out);
    if (!st) st = calibration(&t, &out->calibration);
    crm_tested_free(&t);
    return st;
}
