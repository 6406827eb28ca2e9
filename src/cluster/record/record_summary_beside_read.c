/* record_summary_beside_read.c - what record_summary_beside.c writes, back into memory.  Each array
 * is counted as soon as it is there, so that what was read before an error can be freed. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "record_summary_impl.h"

/* ---- pooled predictions ------------------------------------------------------------------------
 */

static crm_status read_curve(const node *n, crm_sum_curve *c)
{
    node list;
    int points = 0;

    if (!json_is_object(n->v)) return crm_record_node_wrong(n, "an object");
    CRM_TRY(crm_record_node_text(n, "class", &c->class_name));
    CRM_TRY(crm_record_node_count(n, "positives", &c->positives));
    CRM_TRY(crm_record_node_count(n, "negatives", &c->negatives));
    CRM_TRY(crm_record_node_list(n, "threshold", &list, &points));
    CRM_NEW(c->threshold, points);
    CRM_NEW(c->tp, points);
    CRM_NEW(c->fp, points);
    c->n = points;
    CRM_TRY(crm_record_node_reals(n, "threshold", points, c->threshold));
    CRM_TRY(crm_record_node_counts(n, "tp", points, c->tp));
    return crm_record_node_counts(n, "fp", points, c->fp);
}

static crm_status read_calibration(const node *pooled, crm_sum_calibration *c)
{
    node n, list;
    int bins = 0;

    CRM_TRY(crm_record_node_object(pooled, "calibration", &n));
    CRM_TRY(crm_record_node_real(&n, "ece", &c->ece));
    CRM_TRY(crm_record_node_list(&n, "rows", &list, &bins));
    CRM_NEW(c->rows, bins);
    CRM_NEW(c->hits, bins);
    CRM_NEW(c->mean, bins);
    c->n = bins;
    CRM_TRY(crm_record_node_counts(&n, "rows", bins, c->rows));
    CRM_TRY(crm_record_node_counts(&n, "hits", bins, c->hits));
    return crm_record_node_reals(&n, "mean", bins, c->mean);
}

static crm_status read_curves(const node *pooled, crm_sum_pooled *out)
{
    node list;
    int n = 0;

    CRM_TRY(crm_record_node_list(pooled, "curves", &list, &n));
    CRM_NEW(out->curve, n);
    out->n_curves = n;
    for (int i = 0; i < n; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(read_curve(&one, &out->curve[i]));
    }
    return CRM_OK;
}

crm_status crm_summary_pooled_read(const node *model, crm_sum_pooled *out)
{
    node n;

    CRM_TRY(crm_record_node_new_object(model, "pooled", &n, &out->present));
    if (!out->present) return CRM_OK;
    CRM_TRY(crm_record_node_count(&n, "rows", &out->rows));
    CRM_TRY(crm_record_node_count(&n, "right", &out->right));
    CRM_TRY(crm_record_node_real(&n, "accuracy", &out->accuracy));
    CRM_TRY(crm_record_node_interval(&n, "accuracy_ci95", out->accuracy_ci));
    CRM_TRY(crm_record_node_real(&n, "auc", &out->auc));
    CRM_TRY(crm_record_node_interval(&n, "auc_ci95", out->auc_ci));
    CRM_TRY(crm_record_node_new_text(&n, "auc_ci_method", &out->auc_ci_method));
    CRM_TRY(read_curves(&n, out));
    return read_calibration(&n, &out->calibration);
}

/* ---- a comparison ------------------------------------------------------------------------------
 */

static crm_status read_bayes(const node *comparison, crm_sum_comparison *c)
{
    node n;
    bool present;

    c->rope = c->worse = c->in_rope = c->better = (double)NAN;
    CRM_TRY(crm_record_node_new_object(comparison, "bayes", &n, &present));
    if (!present) return CRM_OK;
    CRM_TRY(crm_record_node_real(&n, "rope", &c->rope));
    CRM_TRY(crm_record_node_real(&n, "worse", &c->worse));
    CRM_TRY(crm_record_node_real(&n, "in_rope", &c->in_rope));
    return crm_record_node_real(&n, "better", &c->better);
}

static crm_status read_effect(const node *comparison, crm_sum_comparison *c)
{
    node n;
    bool present;

    c->effect = (double)NAN;
    c->wins = c->ties = c->losses = -1;
    CRM_TRY(crm_record_node_new_object(comparison, "effect", &n, &present));
    if (!present) return CRM_OK;
    CRM_TRY(crm_record_node_real(&n, "size", &c->effect));
    CRM_TRY(crm_record_node_int(&n, "wins", &c->wins));
    CRM_TRY(crm_record_node_int(&n, "ties", &c->ties));
    return crm_record_node_int(&n, "losses", &c->losses);
}

crm_status crm_summary_beside_read(const node *comparison, crm_sum_comparison *c)
{
    node n;
    bool present;

    CRM_TRY(read_bayes(comparison, c));
    CRM_TRY(read_effect(comparison, c));
    CRM_TRY(crm_record_node_new_real(comparison, "wilcoxon_p", &c->wilcoxon_p));
    c->t5x2 = c->t5x2_p = c->f5x2 = c->f5x2_p = (double)NAN;
    CRM_TRY(crm_record_node_new_object(comparison, "cv5x2", &n, &present));
    if (!present) return CRM_OK;
    CRM_TRY(crm_record_node_real(&n, "t", &c->t5x2));
    CRM_TRY(crm_record_node_real(&n, "t_p", &c->t5x2_p));
    CRM_TRY(crm_record_node_real(&n, "f", &c->f5x2));
    return crm_record_node_real(&n, "f_p", &c->f5x2_p);
}

/* ---- one hold-out ------------------------------------------------------------------------------
 */

static crm_status read_mcnemar(const node *pair, crm_sum_holdout_pair *p)
{
    node n;

    CRM_TRY(crm_record_node_object(pair, "mcnemar", &n));
    CRM_TRY(crm_record_node_count(&n, "only_a", &p->only_a));
    CRM_TRY(crm_record_node_count(&n, "only_b", &p->only_b));
    CRM_TRY(crm_record_node_real(&n, "chi2_corrected", &p->chi2_corrected));
    CRM_TRY(crm_record_node_real(&n, "p_corrected", &p->p_corrected));
    CRM_TRY(crm_record_node_real(&n, "p_exact", &p->p_exact));
    CRM_TRY(crm_record_node_real(&n, "p_exact_holm", &p->p_exact_holm));
    return crm_record_node_text(&n, "verdict", &p->verdict);
}

static crm_status read_pair(const node *pair, crm_sum_holdout_pair *p)
{
    node n;

    if (!json_is_object(pair->v)) return crm_record_node_wrong(pair, "an object");
    CRM_TRY(crm_record_node_text(pair, "a", &p->a));
    CRM_TRY(crm_record_node_text(pair, "b", &p->b));
    CRM_TRY(read_mcnemar(pair, p));
    CRM_TRY(crm_record_node_new_object(pair, "delong", &n, &p->has_auc));
    if (!p->has_auc) return CRM_OK;
    CRM_TRY(crm_record_node_real(&n, "auc_a", &p->auc_a));
    CRM_TRY(crm_record_node_real(&n, "auc_b", &p->auc_b));
    CRM_TRY(crm_record_node_real(&n, "diff", &p->diff));
    CRM_TRY(crm_record_node_interval(&n, "ci95", p->ci));
    CRM_TRY(crm_record_node_real(&n, "z", &p->z));
    CRM_TRY(crm_record_node_real(&n, "p", &p->p));
    CRM_TRY(crm_record_node_real(&n, "p_holm", &p->p_holm));
    return crm_record_node_text(&n, "verdict", &p->auc_verdict);
}

crm_status crm_summary_holdout_read(const node *target, crm_sum_holdout *h)
{
    node n, q, list;
    int pairs = 0;

    CRM_TRY(crm_record_node_new_object(target, "holdout", &n, &h->present));
    if (!h->present) return CRM_OK;
    CRM_TRY(crm_record_node_count(&n, "rows", &h->rows));
    CRM_TRY(crm_record_node_object(&n, "cochran", &q));
    CRM_TRY(crm_record_node_real(&q, "q", &h->q));
    CRM_TRY(crm_record_node_real(&q, "df", &h->q_df));
    CRM_TRY(crm_record_node_real(&q, "p", &h->q_p));
    CRM_TRY(crm_record_node_list(&n, "comparisons", &list, &pairs));
    CRM_NEW(h->pair, pairs);
    h->n = pairs;
    for (int i = 0; i < pairs; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(read_pair(&one, &h->pair[i]));
    }
    return CRM_OK;
}

/* ---- segments ----------------------------------------------------------------------------------
 */

static crm_status read_scores(const node *test, const crm_sum_segments *s, double *out)
{
    node list;
    int n = 0;

    CRM_TRY(crm_record_node_list(test, "scores", &list, &n));
    if (n != s->n_models) return crm_record_node_wrong(&list, "a list for each model");
    for (int m = 0; m < n; m++) {
        const node row = crm_record_node_item(&list, (size_t)m);
        if (!json_is_array(row.v) || json_array_size(row.v) != (size_t)s->n_levels)
            return crm_record_node_wrong(&row, "a list with a score for each level");
        for (int i = 0; i < s->n_levels; i++) {
            const node one = crm_record_node_item(&row, (size_t)i);
            CRM_TRY(crm_record_node_real_of(&one, &out[(int64_t)m * s->n_levels + i]));
        }
    }
    return CRM_OK;
}

static crm_status read_segment_test(const node *n, const crm_sum_segments *s,
                                    crm_sum_segment_test *t)
{
    node friedman, iman;

    if (!json_is_object(n->v)) return crm_record_node_wrong(n, "an object");
    CRM_TRY(crm_record_node_text(n, "metric", &t->metric));
    CRM_TRY(crm_record_node_int(n, "used", &t->used));
    CRM_NEW(t->score, (int64_t)s->n_models * s->n_levels);
    CRM_TRY(read_scores(n, s, t->score));
    CRM_NEW(t->mean_rank, s->n_models);
    CRM_TRY(crm_record_node_reals(n, "mean_rank", s->n_models, t->mean_rank));
    CRM_TRY(crm_record_node_object(n, "friedman", &friedman));
    CRM_TRY(crm_record_node_real(&friedman, "chi2", &t->chi2));
    CRM_TRY(crm_record_node_real(&friedman, "df", &t->chi2_df));
    CRM_TRY(crm_record_node_real(&friedman, "p", &t->chi2_p));
    CRM_TRY(crm_record_node_object(n, "iman_davenport", &iman));
    CRM_TRY(crm_record_node_real(&iman, "f", &t->f));
    CRM_TRY(crm_record_node_real(&iman, "df1", &t->f_df1));
    CRM_TRY(crm_record_node_real(&iman, "df2", &t->f_df2));
    CRM_TRY(crm_record_node_real(&iman, "p", &t->f_p));
    return crm_record_node_real(n, "nemenyi_cd", &t->cd);
}

crm_status crm_summary_segments_read(const node *target, crm_sum_segments *s)
{
    node n, list;
    bool present;
    int tests = 0;

    CRM_TRY(crm_record_node_new_object(target, "segments", &n, &present));
    if (!present) return CRM_OK;
    CRM_TRY(crm_record_node_text(&n, "column", &s->column));
    CRM_TRY(crm_record_node_texts(&n, "models", &s->model, &s->n_models));
    CRM_TRY(crm_record_node_texts(&n, "levels", &s->level, &s->n_levels));
    CRM_NEW(s->rows, s->n_levels);
    CRM_TRY(crm_record_node_counts(&n, "rows", s->n_levels, s->rows));
    CRM_TRY(crm_record_node_list(&n, "tests", &list, &tests));
    CRM_NEW(s->test, tests);
    s->n_tests = tests;
    for (int i = 0; i < tests; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(read_segment_test(&one, s, &s->test[i]));
    }
    return CRM_OK;
}
