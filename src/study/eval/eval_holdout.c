/* eval_holdout.c - tests of models on one test part, where there are no folds to compare over:
 * McNemar and DeLong of the first model against every other, each a family for Holm's adjustment,
 * and Cochran's Q over all.  Formulas: docs/statistics.md. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

/* What the models made of the rows: predicted classes pred[models][n]. */
typedef struct holdout {
    const study *s;
    const tested_rows *t; /* [models] */
    int models;
    int64_t n;
    int32_t *pred;
    double *p, *holm; /* [models - 1] */
} holdout;

static crm_status cochran(const holdout *h, crm_sum_holdout *out)
{
    uint8_t *right;
    crm_stat q;

    CRM_NEW(right, h->n * h->models);
    for (int64_t i = 0; i < h->n; i++)
        for (int m = 0; m < h->models; m++)
            right[i * h->models + m] = h->pred[m * h->n + i] == h->t->label[i];
    q = crm_stats_cochran_q(right, h->n, h->models);
    crm_mem_free(right);
    out->q = q.state == CRM_STATS_OK ? q.value : (double)NAN;
    out->q_df = h->models - 1;
    out->q_p = q.state == CRM_STATS_OK ? q.p : (double)NAN;
    return CRM_OK;
}

static crm_verdict judge(const holdout *h, double p_holm, double diff)
{
    if (!(p_holm < h->s->e->cfg->alpha)) return CRM_VERDICT_NO_DIFFERENCE;
    return diff > 0 ? CRM_VERDICT_BETTER : CRM_VERDICT_WORSE;
}

static crm_status mcnemar(const holdout *h, crm_sum_holdout *out)
{
    for (int m = 1; m < h->models; m++) {
        crm_sum_holdout_pair *c = &out->pair[m - 1];
        crm_mcnemar t;
        crm_stats_discordant(h->t->label, h->pred, h->pred + m * h->n, h->n, &c->only_a,
                             &c->only_b);
        t = crm_stats_mcnemar(c->only_a, c->only_b);
        c->chi2_corrected = t.chi2_cc;
        c->p_corrected = t.p_cc;
        c->p_exact = h->p[m - 1] = t.p_exact;
    }
    crm_stats_holm(h->p, h->models - 1, h->holm);
    for (int m = 1; m < h->models; m++) {
        crm_sum_holdout_pair *c = &out->pair[m - 1];
        c->p_exact_holm = h->holm[m - 1];
        CRM_TRY(crm_study_text(
            crm_verdict_names[judge(h, c->p_exact_holm, (double)(c->only_a - c->only_b))],
            &c->verdict));
    }
    return CRM_OK;
}

/* ---- AUC of two classes ------------------------------------------------------------------------
 */

static void set_delong(const crm_delong *d, crm_sum_holdout_pair *c)
{
    bool ok = d->state == CRM_STATS_OK, defined = d->state != CRM_STATS_UNDEFINED;

    c->has_auc = true;
    c->auc_a = defined ? d->auc_a : (double)NAN;
    c->auc_b = defined ? d->auc_b : (double)NAN;
    c->diff = defined ? d->diff : (double)NAN;
    c->p = defined ? d->p : (double)NAN;
    c->z = ok ? d->z : (double)NAN;
    c->ci[0] = ok ? d->ci95.lo : (double)NAN;
    c->ci[1] = ok ? d->ci95.hi : (double)NAN;
}

static crm_status compare_aucs(const holdout *h, const double *a, double *b, crm_sum_holdout *out)
{
    for (int m = 1; m < h->models; m++) {
        crm_delong d;
        for (int64_t i = 0; i < h->n; i++)
            b[i] = h->t[m].proba[2 * i + 1];
        CRM_TRY(crm_stats_delong(h->t->label, a, b, h->n, &d));
        set_delong(&d, &out->pair[m - 1]);
        h->p[m - 1] = d.p;
    }
    return CRM_OK;
}

static crm_status delong(const holdout *h, crm_sum_holdout *out)
{
    double *a = NULL, *b = NULL;
    crm_status st = CRM_OK;

    if (h->t->k != 2) return CRM_OK;
    CRM_NEW_TO(st, done, a, h->n);
    CRM_NEW_TO(st, done, b, h->n);
    for (int64_t i = 0; i < h->n; i++)
        a[i] = h->t[0].proba[2 * i + 1];
    CRM_TRY_TO(st, done, compare_aucs(h, a, b, out));
    crm_stats_holm(h->p, h->models - 1, h->holm);
    for (int m = 1; m < h->models && !st; m++) {
        crm_sum_holdout_pair *c = &out->pair[m - 1];
        bool degenerate = isfinite(c->p) && isnan(c->z);
        c->p_holm = isfinite(c->p) ? h->holm[m - 1] : (double)NAN;
        st = crm_study_text(degenerate       ? crm_verdict_names[CRM_VERDICT_DEGENERATE]
                            : isfinite(c->p) ? crm_verdict_names[judge(h, c->p_holm, c->diff)]
                                             : "undefined",
                            &c->auc_verdict);
    }
done:
    crm_mem_free(a);
    crm_mem_free(b);
    return st;
}

static crm_status fill(holdout *h, crm_sum_holdout *out)
{
    CRM_NEW(h->pred, h->n * h->models);
    CRM_NEW(h->p, h->models);
    CRM_NEW(h->holm, h->models);
    CRM_NEW(out->pair, h->models - 1);
    for (int m = 0; m < h->models; m++)
        crm_stats_predict(h->n, h->t->k, h->t[m].proba, h->pred + m * h->n);
    for (int m = 1; m < h->models; m++) {
        out->n = m;
        CRM_TRY(crm_study_text(h->s->e->spec[0]->name, &out->pair[m - 1].a));
        CRM_TRY(crm_study_text(h->s->e->spec[m]->name, &out->pair[m - 1].b));
    }
    CRM_TRY(cochran(h, out));
    CRM_TRY(mcnemar(h, out));
    return delong(h, out);
}

crm_status crm_study_holdout(const study *s, const result *r, crm_sum_holdout *out)
{
    tested_rows *t = NULL;
    holdout h = {.s = s, .models = s->e->n_models};
    crm_status st;

    if (s->folds->folds * s->folds->repeats != 1 || h.models < 2) return CRM_OK;
    CRM_TRY(crm_study_all_tested(s, r, &t));
    h.t = t;
    h.n = t->n;
    out->present = true;
    out->rows = h.n;
    st = fill(&h, out);
    crm_study_free_tested(s, &t);
    crm_mem_free(h.pred);
    crm_mem_free(h.p);
    crm_mem_free(h.holm);
    return st;
}
