/* eval_compare.c - paired tests of the first model against every other on the same folds, and the
 * lift of satisfaction by a measure.  Formulas: docs/statistics.md. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

const int crm_eval_compared[] = {CRM_METRIC_ACCURACY, CRM_METRIC_F1, CRM_METRIC_F1_MACRO,
                                 CRM_METRIC_AUC, CRM_METRIC_LOG_LOSS};
_Static_assert(sizeof crm_eval_compared / sizeof *crm_eval_compared == EVAL_COMPARED, "metrics");
const int crm_eval_span_metrics[] = {CRM_METRIC_F1, CRM_METRIC_PRECISION, CRM_METRIC_RECALL};
_Static_assert(sizeof crm_eval_span_metrics / sizeof *crm_eval_span_metrics == EVAL_SPAN_METRICS,
               "metrics");

/* Splits and levels of the tests. */
typedef struct design {
    const crm_sum_target *t;
    double rope;
} design;

static void set_test(const crm_ttest *t, crm_sum_test *out)
{
    bool ok = t->state == CRM_STATS_OK;

    out->t = ok ? t->t : (double)NAN;
    out->df = t->n > 1 ? t->df : (double)NAN;
    out->p = t->state == CRM_STATS_UNDEFINED ? (double)NAN : t->p;
    out->p_holm = (double)NAN;
    out->ci[0] = ok ? t->ci95.lo : (double)NAN;
    out->ci[1] = ok ? t->ci95.hi : (double)NAN;
}

static double known(crm_stats_state state, double v)
{
    return state == CRM_STATS_OK ? v : (double)NAN;
}

/* P of a difference outside and inside the rope, for model a; rho = n2/(n1 + n2), 1/k for k folds.
 */
static void bayes(const design *g, crm_metric metric, const crm_sum_metric *a,
                  const crm_sum_metric *b, crm_sum_comparison *c)
{
    double ratio = g->t->test_over_train;
    crm_bayes p =
        crm_stats_bayes_t_pairs(a->fold, b->fold, a->n_folds, ratio / (1 + ratio), g->rope);
    bool up = crm_metric_direction(metric) > 0;

    c->rope = g->rope;
    c->worse = known(p.state, up ? p.worse : p.better);
    c->in_rope = known(p.state, p.rope);
    c->better = known(p.state, up ? p.better : p.worse);
}

static void five_by_two(const design *g, const crm_sum_metric *a, const crm_sum_metric *b,
                        crm_sum_comparison *c)
{
    double d[10];
    crm_stat t, f;

    c->t5x2 = c->t5x2_p = c->f5x2 = c->f5x2_p = (double)NAN;
    if (g->t->folds != 2 || g->t->repeats != 5 ||
        strcmp(g->t->split, crm_eval_split_names[CRM_SPLIT_FILE]) == 0)
        return;
    for (int j = 0; j < 10; j++) /* fold j % 2 of repeat j / 2 */
        d[j] = a->fold[j] - b->fold[j];
    t = crm_stats_5x2_t(d);
    f = crm_stats_5x2_f(d);
    c->t5x2 = known(t.state, t.value);
    c->t5x2_p = t.state == CRM_STATS_UNDEFINED ? (double)NAN : t.p;
    c->f5x2 = known(f.state, f.value);
    c->f5x2_p = f.state == CRM_STATS_UNDEFINED ? (double)NAN : f.p;
}

/* What stands beside the tests and decides nothing. */
static crm_status beside(const design *g, crm_metric metric, const crm_sum_metric *a,
                         const crm_sum_metric *b, crm_sum_comparison *c)
{
    crm_effect e = crm_stats_effect(a->fold, b->fold, a->n_folds, crm_metric_direction(metric));
    crm_wilcoxon w;

    bayes(g, metric, a, b, c);
    five_by_two(g, a, b, c);
    c->effect = known(e.state, e.d);
    c->wins = (int)e.wins;
    c->ties = (int)e.ties;
    c->losses = (int)e.losses;
    CRM_TRY(crm_stats_wilcoxon_pairs(a->fold, b->fold, a->n_folds, &w));
    c->wilcoxon_p = w.n > 1 ? w.p_exact : (double)NAN;
    return CRM_OK;
}

/* Model 0 against models 1 .. n-1 on one metric: a family for Holm's adjustment. */
static crm_status family(const design *g, crm_sum_target *t, crm_metric metric, int n,
                         crm_ttest *corrected, double *p, double *holm)
{
    crm_sum_comparison *c = t->comparison + t->n_comparisons;
    const crm_sum_metric *a = crm_summary_metric(&t->model[0], crm_metric_names[metric]);

    for (int i = 1; i < n; i++) {
        const crm_sum_metric *b = crm_summary_metric(&t->model[i], crm_metric_names[metric]);
        crm_ttest naive = crm_stats_ttest_pairs(a->fold, b->fold, a->n_folds, 0);
        corrected[i - 1] = crm_stats_ttest_pairs(a->fold, b->fold, a->n_folds, t->test_over_train);
        p[i - 1] = corrected[i - 1].p;
        set_test(&naive, &c[i - 1].naive);
        set_test(&corrected[i - 1], &c[i - 1].corrected);
        c[i - 1].mean_diff = corrected[i - 1].n > 0 ? corrected[i - 1].mean : (double)NAN;
        c[i - 1].dropped = (int)corrected[i - 1].dropped;
        CRM_TRY(beside(g, metric, a, b, &c[i - 1]));
    }
    crm_stats_holm(p, n - 1, holm);
    for (int i = 1; i < n; i++) {
        crm_verdict v = crm_stats_verdict(&corrected[i - 1], holm[i - 1], t->alpha,
                                          crm_metric_direction(metric));
        t->n_comparisons++;
        c[i - 1].corrected.p_holm =
            corrected[i - 1].state == CRM_STATS_UNDEFINED ? (double)NAN : holm[i - 1];
        CRM_TRY(crm_study_text(t->model[0].name, &c[i - 1].a));
        CRM_TRY(crm_study_text(t->model[i].name, &c[i - 1].b));
        CRM_TRY(crm_study_text(crm_metric_names[metric], &c[i - 1].metric));
        CRM_TRY(crm_study_text(crm_verdict_names[v], &c[i - 1].verdict));
    }
    return CRM_OK;
}

bool crm_study_is_of_spans(const crm_sum_target *t)
{
    return strcmp(t->level, crm_level_names[CRM_LEVEL_TOKEN]) == 0;
}

crm_status crm_study_compare(crm_sum_target *t, int n, double rope)
{
    const design g = {t, rope};
    const bool spans = crm_study_is_of_spans(t);
    const int *metric = spans ? crm_eval_span_metrics : crm_eval_compared;
    const int metrics = spans ? EVAL_SPAN_METRICS : EVAL_COMPARED;
    crm_ttest *corrected = NULL;
    double *p = NULL, *holm = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, t->comparison, metrics * (n - 1));
    CRM_NEW_TO(st, done, corrected, n);
    CRM_NEW_TO(st, done, p, n);
    CRM_NEW_TO(st, done, holm, n);
    for (int i = 0; i < metrics && !st && n > 1; i++)
        st = family(&g, t, (crm_metric)metric[i], n, corrected, p, holm);
done:
    crm_mem_free(corrected);
    crm_mem_free(p);
    crm_mem_free(holm);
    return st;
}

/* before and after of the customers with this treatment who were asked twice. */
static int64_t asked_twice(int64_t n, const float *before, const float *after,
                           const int32_t *treated, int32_t which, double *b, double *a)
{
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++) {
        if (isnan(before[i]) || isnan(after[i]) || (treated ? treated[i] != which : which != 1))
            continue;
        b[m] = (double)before[i];
        a[m++] = (double)after[i];
    }
    return m;
}

static void subtract(double *a, const double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        a[i] -= b[i];
}

static void set_effect(const crm_lift *d, crm_sum_lift *out)
{
    out->control_diff = d->n_before > 0 ? d->mean_before : (double)NAN;
    out->effect = d->n_before > 0 ? d->diff : (double)NAN;
    out->effect_ci[0] = known(d->state, d->ci95.lo);
    out->effect_ci[1] = known(d->state, d->ci95.hi);
    out->effect_p = known(d->state, d->p);
}

crm_status crm_study_lift(const crm_data *d, crm_sum_lift *out)
{
    const float *after;
    const int32_t *treated;
    const float *before = crm_data_survey(d, &after, &treated);
    int64_t n = crm_data_rows(d);
    double *b = NULL, *a = NULL, *cb = NULL, *ca = NULL;
    crm_lift paired, effect;
    crm_status st = CRM_OK;

    if (!before || !after) return CRM_OK;
    CRM_NEW_TO(st, done, b, n);
    CRM_NEW_TO(st, done, a, n);
    CRM_NEW_TO(st, done, cb, n);
    CRM_NEW_TO(st, done, ca, n);
    out->treated = asked_twice(n, before, after, treated, 1, b, a);
    out->control = asked_twice(n, before, after, treated, 0, cb, ca);
    out->present = out->treated > 1;
    paired = crm_stats_lift_paired(b, a, out->treated);
    out->before = paired.mean_before;
    out->after = paired.mean_after;
    out->diff = paired.diff;
    out->ci[0] = known(paired.state, paired.ci95.lo);
    out->ci[1] = known(paired.state, paired.ci95.hi);
    out->p = known(paired.state, paired.p);
    out->relative = paired.has_relative ? paired.relative : (double)NAN;
    out->relative_ci[0] = paired.has_relative_ci ? paired.relative_ci95.lo : (double)NAN;
    out->relative_ci[1] = paired.has_relative_ci ? paired.relative_ci95.hi : (double)NAN;
    subtract(a, b, out->treated);
    subtract(ca, cb, out->control);
    effect = crm_stats_lift_groups(ca, out->control, a, out->treated);
    set_effect(&effect, out);
done:
    crm_mem_free(b);
    crm_mem_free(a);
    crm_mem_free(cb);
    crm_mem_free(ca);
    return st;
}
