/* record_summary_beside.c - what summary.json says beside the tests that decide: pooled predictions
 * and their curves, sizes of differences, the tests of one hold-out, ranks over segments. */
#include <math.h>

#include "record_summary_impl.h"

static void set_ci(json_t *o, const char *key, const double ci[2])
{
    crm_summary_set(o, key, crm_summary_reals(ci, 2));
}

/* ---- pooled predictions ------------------------------------------------------------------------
 */

static json_t *curve(const crm_sum_curve *c)
{
    json_t *o = json_object();

    crm_summary_set_text(o, "class", c->class_name);
    crm_summary_set_count(o, "positives", c->positives);
    crm_summary_set_count(o, "negatives", c->negatives);
    crm_summary_set(o, "threshold", crm_summary_reals(c->threshold, c->n));
    crm_summary_set(o, "tp", crm_summary_counts(c->tp, c->n));
    crm_summary_set(o, "fp", crm_summary_counts(c->fp, c->n));
    return o;
}

static json_t *calibration(const crm_sum_calibration *c)
{
    json_t *o = json_object();

    crm_summary_set_real(o, "ece", c->ece);
    crm_summary_set(o, "rows", crm_summary_counts(c->rows, c->n));
    crm_summary_set(o, "hits", crm_summary_counts(c->hits, c->n));
    crm_summary_set(o, "mean", crm_summary_reals(c->mean, c->n));
    return o;
}

json_t *crm_summary_pooled_json(const crm_sum_pooled *p)
{
    json_t *o, *curves = NULL;

    if (!p->present) return json_null();
    o = json_object();
    crm_summary_set_count(o, "rows", p->rows);
    crm_summary_set_count(o, "right", p->right);
    crm_summary_set_real(o, "accuracy", p->accuracy);
    set_ci(o, "accuracy_ci95", p->accuracy_ci);
    crm_summary_set_real(o, "auc", p->auc);
    set_ci(o, "auc_ci95", p->auc_ci);
    crm_summary_set(o, "auc_ci_method",
                    p->auc_ci_method ? json_string(p->auc_ci_method) : json_null());
    curves = json_array();
    for (int i = 0; i < p->n_curves; i++)
        json_array_append_new(curves, curve(&p->curve[i]));
    crm_summary_set(o, "curves", curves);
    crm_summary_set(o, "calibration", calibration(&p->calibration));
    return o;
}

/* ---- a comparison ------------------------------------------------------------------------------
 */

static json_t *bayes(const crm_sum_comparison *c)
{
    json_t *o;

    if (isnan(c->rope)) return json_null();
    o = json_object();
    crm_summary_set_real(o, "rope", c->rope);
    crm_summary_set_real(o, "worse", c->worse);
    crm_summary_set_real(o, "in_rope", c->in_rope);
    crm_summary_set_real(o, "better", c->better);
    return o;
}

static json_t *effect(const crm_sum_comparison *c)
{
    json_t *o;

    if (c->wins < 0) return json_null();
    o = json_object();
    crm_summary_set_real(o, "size", c->effect);
    crm_summary_set_count(o, "wins", c->wins);
    crm_summary_set_count(o, "ties", c->ties);
    crm_summary_set_count(o, "losses", c->losses);
    return o;
}

static json_t *cv5x2(const crm_sum_comparison *c)
{
    json_t *o;

    if (isnan(c->t5x2_p) && isnan(c->f5x2_p)) return json_null();
    o = json_object();
    crm_summary_set_real(o, "t", c->t5x2);
    crm_summary_set_real(o, "t_p", c->t5x2_p);
    crm_summary_set_real(o, "f", c->f5x2);
    crm_summary_set_real(o, "f_p", c->f5x2_p);
    return o;
}

void crm_summary_beside_json(const crm_sum_comparison *c, json_t *o)
{
    crm_summary_set(o, "bayes", bayes(c));
    crm_summary_set(o, "effect", effect(c));
    crm_summary_set_real(o, "wilcoxon_p", c->wilcoxon_p);
    crm_summary_set(o, "cv5x2", cv5x2(c));
}

/* ---- one hold-out ------------------------------------------------------------------------------
 */

static json_t *delong(const crm_sum_holdout_pair *p)
{
    json_t *o;

    if (!p->has_auc) return json_null();
    o = json_object();
    crm_summary_set_real(o, "auc_a", p->auc_a);
    crm_summary_set_real(o, "auc_b", p->auc_b);
    crm_summary_set_real(o, "diff", p->diff);
    set_ci(o, "ci95", p->ci);
    crm_summary_set_real(o, "z", p->z);
    crm_summary_set_real(o, "p", p->p);
    crm_summary_set_real(o, "p_holm", p->p_holm);
    crm_summary_set_text(o, "verdict", p->auc_verdict);
    return o;
}

static json_t *mcnemar(const crm_sum_holdout_pair *p)
{
    json_t *o = json_object();

    crm_summary_set_count(o, "only_a", p->only_a);
    crm_summary_set_count(o, "only_b", p->only_b);
    crm_summary_set_real(o, "chi2_corrected", p->chi2_corrected);
    crm_summary_set_real(o, "p_corrected", p->p_corrected);
    crm_summary_set_real(o, "p_exact", p->p_exact);
    crm_summary_set_real(o, "p_exact_holm", p->p_exact_holm);
    crm_summary_set_text(o, "verdict", p->verdict);
    return o;
}

static json_t *cochran(const crm_sum_holdout *h)
{
    json_t *o = json_object();

    crm_summary_set_real(o, "q", h->q);
    crm_summary_set_real(o, "df", h->q_df);
    crm_summary_set_real(o, "p", h->q_p);
    return o;
}

json_t *crm_summary_holdout_json(const crm_sum_holdout *h)
{
    json_t *o, *pairs;

    if (!h->present) return json_null();
    o = json_object();
    pairs = json_array();
    crm_summary_set_count(o, "rows", h->rows);
    crm_summary_set(o, "cochran", cochran(h));
    for (int i = 0; i < h->n; i++) {
        json_t *one = json_object();
        crm_summary_set_text(one, "a", h->pair[i].a);
        crm_summary_set_text(one, "b", h->pair[i].b);
        crm_summary_set(one, "mcnemar", mcnemar(&h->pair[i]));
        crm_summary_set(one, "delong", delong(&h->pair[i]));
        json_array_append_new(pairs, one);
    }
    crm_summary_set(o, "comparisons", pairs);
    return o;
}

/* ---- segments ----------------------------------------------------------------------------------
 */

static json_t *segment_test(const crm_sum_segments *s, const crm_sum_segment_test *t)
{
    json_t *o = json_object(), *scores = json_array(), *friedman = json_object(),
           *iman = json_object();

    for (int m = 0; m < s->n_models; m++)
        json_array_append_new(scores,
                              crm_summary_reals(t->score + (int64_t)m * s->n_levels, s->n_levels));
    crm_summary_set_text(o, "metric", t->metric);
    crm_summary_set_count(o, "used", t->used);
    crm_summary_set(o, "scores", scores);
    crm_summary_set(o, "mean_rank", crm_summary_reals(t->mean_rank, s->n_models));
    crm_summary_set_real(friedman, "chi2", t->chi2);
    crm_summary_set_real(friedman, "df", t->chi2_df);
    crm_summary_set_real(friedman, "p", t->chi2_p);
    crm_summary_set(o, "friedman", friedman);
    crm_summary_set_real(iman, "f", t->f);
    crm_summary_set_real(iman, "df1", t->f_df1);
    crm_summary_set_real(iman, "df2", t->f_df2);
    crm_summary_set_real(iman, "p", t->f_p);
    crm_summary_set(o, "iman_davenport", iman);
    crm_summary_set_real(o, "nemenyi_cd", t->cd);
    return o;
}

json_t *crm_summary_segments_json(const crm_sum_segments *s)
{
    json_t *o, *tests;

    if (!s->column) return json_null();
    o = json_object();
    tests = json_array();
    crm_summary_set_text(o, "column", s->column);
    crm_summary_set(o, "models", crm_summary_texts(s->model, s->n_models));
    crm_summary_set(o, "levels", crm_summary_texts(s->level, s->n_levels));
    crm_summary_set(o, "rows", crm_summary_counts(s->rows, s->n_levels));
    for (int i = 0; i < s->n_tests; i++)
        json_array_append_new(tests, segment_test(s, &s->test[i]));
    crm_summary_set(o, "tests", tests);
    return o;
}
