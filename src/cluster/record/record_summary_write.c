/* record_summary_write.c - a summary as the text of summary.json (docs/summary-format.md). */
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_summary_impl.h"

void crm_summary_set(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

void crm_summary_set_text(json_t *o, const char *key, const char *value)
{
    crm_summary_set(o, key, value ? json_string(value) : NULL);
}

void crm_summary_set_count(json_t *o, const char *key, int64_t value)
{
    crm_summary_set(o, key, json_integer(value));
}

void crm_summary_set_real(json_t *o, const char *key, double value)
{
    crm_summary_set(o, key, crm_record_json_real(value));
}

json_t *crm_summary_reals(const double *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, crm_record_json_real(v[i]));
    return a;
}

json_t *crm_summary_counts(const int64_t *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_integer(v[i]));
    return a;
}

json_t *crm_summary_texts(char *const *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_string(v[i]));
    return a;
}

static json_t *confusion(const int64_t *cm, int k)
{
    json_t *rows = cm ? json_array() : json_null();

    for (int i = 0; cm && i < k; i++)
        json_array_append_new(rows, crm_summary_counts(cm + (int64_t)i * k, k));
    return rows;
}

json_t *crm_summary_metrics_json(const crm_sum_metric *m, int n)
{
    json_t *all = json_object();

    for (int i = 0; i < n; i++) {
        json_t *one = json_object();
        crm_summary_set_real(one, "mean", m[i].mean);
        crm_summary_set(one, "ci95", crm_summary_reals(m[i].ci, 2));
        crm_summary_set(one, "folds", crm_summary_reals(m[i].fold, m[i].n_folds));
        crm_summary_set(all, m[i].name, one);
    }
    return all;
}

static json_t *tokens(const crm_sum_model *m)
{
    json_t *o = json_object();

    crm_summary_set_count(o, "tested", m->tokens);
    crm_summary_set_count(o, "right", m->tokens_right);
    return o;
}

static json_t *models(const crm_sum_target *t)
{
    json_t *all = json_array();

    for (int i = 0; i < t->n_models; i++) {
        json_t *one = json_object();
        crm_summary_set_text(one, "name", t->model[i].name);
        crm_summary_set(one, "metrics",
                        crm_summary_metrics_json(t->model[i].metric, t->model[i].n_metrics));
        crm_summary_set(one, "confusion", confusion(t->model[i].confusion, t->n_classes));
        if (t->model[i].tokens) crm_summary_set(one, "tokens", tokens(&t->model[i]));
        crm_summary_set(one, "pooled", crm_summary_pooled_json(&t->model[i].pooled));
        crm_summary_set(one, "threshold", crm_summary_threshold_json(&t->model[i].threshold));
        crm_summary_set(one, "explanation", crm_summary_explanation_json(&t->model[i].explanation));
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *test(const crm_sum_test *t, bool corrected)
{
    json_t *o = json_object();

    crm_summary_set_real(o, "t", t->t);
    crm_summary_set_real(o, "df", t->df);
    crm_summary_set_real(o, "p", t->p);
    if (!corrected) return o;
    crm_summary_set_real(o, "p_holm", t->p_holm);
    crm_summary_set(o, "ci95", crm_summary_reals(t->ci, 2));
    return o;
}

static json_t *comparisons(const crm_sum_target *t)
{
    json_t *all = json_array();

    for (int i = 0; i < t->n_comparisons; i++) {
        const crm_sum_comparison *c = &t->comparison[i];
        json_t *one = json_object();
        crm_summary_set_text(one, "a", c->a);
        crm_summary_set_text(one, "b", c->b);
        crm_summary_set_text(one, "metric", c->metric);
        crm_summary_set_real(one, "mean_diff", c->mean_diff);
        crm_summary_set_count(one, "dropped", c->dropped);
        crm_summary_set(one, "naive", test(&c->naive, false));
        crm_summary_set(one, "corrected", test(&c->corrected, true));
        crm_summary_set_text(one, "verdict", c->verdict);
        crm_summary_beside_json(c, one);
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *satisfaction(const crm_sum_lift *l)
{
    json_t *o;

    if (!l->present) return json_null();
    o = json_object();
    crm_summary_set_count(o, "treated", l->treated);
    crm_summary_set_count(o, "control", l->control);
    crm_summary_set_real(o, "before", l->before);
    crm_summary_set_real(o, "after", l->after);
    crm_summary_set_real(o, "diff", l->diff);
    crm_summary_set(o, "ci95", crm_summary_reals(l->ci, 2));
    crm_summary_set_real(o, "p", l->p);
    crm_summary_set_real(o, "relative", l->relative);
    crm_summary_set(o, "relative_ci95", crm_summary_reals(l->relative_ci, 2));
    crm_summary_set_real(o, "control_diff", l->control_diff);
    crm_summary_set_real(o, "effect", l->effect);
    crm_summary_set(o, "effect_ci95", crm_summary_reals(l->effect_ci, 2));
    crm_summary_set_real(o, "effect_p", l->effect_p);
    return o;
}

static json_t *target(const crm_sum_target *t)
{
    json_t *o = json_object();

    crm_summary_set_text(o, "name", t->name);
    crm_summary_set_text(o, "level", t->level);
    crm_summary_set_count(o, "rows", t->rows);
    crm_summary_set_count(o, "folds", t->folds);
    crm_summary_set_count(o, "repeats", t->repeats);
    crm_summary_set(o, "split", t->split ? json_string(t->split) : json_null());
    crm_summary_set_real(o, "test_over_train", t->test_over_train);
    crm_summary_set_real(o, "alpha", t->alpha);
    crm_summary_set(o, "classes", crm_summary_texts(t->class_name, t->n_classes));
    crm_summary_set(o, "models", models(t));
    crm_summary_set(o, "comparisons", comparisons(t));
    crm_summary_set(o, "holdout", crm_summary_holdout_json(&t->holdout));
    crm_summary_set(o, "segments", crm_summary_segments_json(&t->segments));
    crm_summary_set(o, "published", crm_summary_published_json(&t->published));
    crm_summary_set(o, "satisfaction", satisfaction(&t->lift));
    crm_summary_set(o, "notes", crm_summary_texts(t->note, t->n_notes));
    return o;
}

static json_t *tree_of(const crm_summary *s)
{
    json_t *o = json_object(), *all = json_array();

    crm_summary_set_count(o, "format", RECORD_SUMMARY_FORMAT);
    for (int i = 0; i < s->n_targets; i++)
        json_array_append_new(all, target(&s->target[i]));
    crm_summary_set(o, "targets", all);
    return o;
}

static void set_digest(json_t *o, const char *key, crm_digest d)
{
    char hex[CRM_DIGEST_HEX];

    crm_summary_set_text(o, key, crm_digest_hex(d, hex));
}

static void add_digests(const crm_summary *s, json_t *tree)
{
    json_t *o = json_object();

    set_digest(o, "data", s->data);
    set_digest(o, "folds", s->folds);
    set_digest(o, "weights", s->weights);
    set_digest(o, "predictions", s->predictions);
    set_digest(o, "summary", s->summary);
    crm_summary_set(tree, "digests", o);
}

crm_status crm_record_summary_digest(const json_t *tree, crm_digest *out)
{
    crm_str text = {0};
    crm_status st = CRM_OK;

    crm_record_json_canonical(tree, &text);
    if (text.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: digest of the summary");
    else
        *out = crm_digest_of(text.text, text.len);
    crm_str_free(&text);
    return st;
}

static crm_status check_text(int target, const char *text)
{
    json_t *v = text ? json_string(text) : NULL;

    json_decref(v);
    CRM_CHECK(v, CRM_ERR_FORMAT, "summary, target %d: '%.40s' is no UTF-8 text", target,
              text ? text : "(none)");
    return CRM_OK;
}

static crm_status check_texts(int target, char *const *text, int n)
{
    for (int i = 0; i < n; i++)
        CRM_TRY(check_text(target, text[i]));
    return CRM_OK;
}

static crm_status check_explanation(int target, const crm_sum_explanation *x)
{
    for (int f = 0; f < x->n; f++) {
        CRM_TRY(check_text(target, x->feature[f].name));
        CRM_TRY(check_texts(target, x->feature[f].level, x->feature[f].n_levels));
    }
    return CRM_OK;
}

/* Every text of the data is UTF-8 (jansson refuses others, and a hole would go unseen). */
static crm_status complete(const crm_summary *s)
{
    for (int i = 0; i < s->n_targets; i++) {
        const crm_sum_target *t = &s->target[i];
        CRM_TRY(check_text(i, t->name));
        CRM_TRY(check_text(i, t->level));
        CRM_TRY(check_texts(i, t->class_name, t->n_classes));
        CRM_TRY(check_texts(i, t->note, t->n_notes));
        if (t->published.source) CRM_TRY(check_text(i, t->published.source));
        for (int m = 0; m < t->n_models; m++)
            CRM_TRY(check_explanation(i, &t->model[m].explanation));
        if (t->segments.column) CRM_TRY(check_text(i, t->segments.column));
        CRM_TRY(check_texts(i, t->segments.level, t->segments.n_levels));
    }
    return CRM_OK;
}

crm_status crm_summary_write(crm_summary *s, char **text, size_t *len)
{
    crm_str out = {0};
    json_t *tree;
    crm_status st;

    *text = NULL;
    CRM_TRY(complete(s));
    tree = tree_of(s);
    CRM_CHECK(tree, CRM_ERR_NOMEM, "out of memory: summary");
    st = crm_record_summary_digest(tree, &s->summary);
    if (!st) {
        add_digests(s, tree);
        crm_record_json_print(tree, &out);
        if (out.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: summary.json");
    }
    json_decref(tree);
    if (st) {
        crm_str_free(&out);
        return st;
    }
    *text = out.text;
    *len = out.len;
    return CRM_OK;
}
