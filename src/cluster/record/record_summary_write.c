/* record_summary_write.c - a summary as the text of summary.json (docs/summary-format.md). */
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

/* Setters take value over; a failure (memory, text that is no UTF-8) leaves a hole that
 * complete() finds, so that the tree is built without a check at each leaf. */
static void set(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

static void set_text(json_t *o, const char *key, const char *value)
{
    set(o, key, value ? json_string(value) : NULL);
}

static json_t *reals(const double *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, crm_record_json_real(v[i]));
    return a;
}

static json_t *texts(char *const *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_string(v[i]));
    return a;
}

static json_t *confusion(const int64_t *cm, int k)
{
    json_t *rows = cm ? json_array() : json_null();

    for (int i = 0; cm && i < k; i++) {
        json_t *row = json_array();
        for (int j = 0; j < k; j++)
            json_array_append_new(row, json_integer(cm[i * k + j]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *metrics(const crm_sum_model *m)
{
    json_t *all = json_object();

    for (int i = 0; i < m->n_metrics; i++) {
        json_t *one = json_object();
        set(one, "mean", crm_record_json_real(m->metric[i].mean));
        set(one, "ci95", reals(m->metric[i].ci, 2));
        set(one, "folds", reals(m->metric[i].fold, m->metric[i].n_folds));
        set(all, m->metric[i].name, one);
    }
    return all;
}

static json_t *models(const crm_sum_target *t)
{
    json_t *all = json_array();

    for (int i = 0; i < t->n_models; i++) {
        json_t *one = json_object();
        set_text(one, "name", t->model[i].name);
        set(one, "metrics", metrics(&t->model[i]));
        set(one, "confusion", confusion(t->model[i].confusion, t->n_classes));
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *test(const crm_sum_test *t, bool corrected)
{
    json_t *o = json_object();

    set(o, "t", crm_record_json_real(t->t));
    set(o, "df", crm_record_json_real(t->df));
    set(o, "p", crm_record_json_real(t->p));
    if (!corrected) return o;
    set(o, "p_holm", crm_record_json_real(t->p_holm));
    set(o, "ci95", reals(t->ci, 2));
    return o;
}

static json_t *comparisons(const crm_sum_target *t)
{
    json_t *all = json_array();

    for (int i = 0; i < t->n_comparisons; i++) {
        const crm_sum_comparison *c = &t->comparison[i];
        json_t *one = json_object();
        set_text(one, "a", c->a);
        set_text(one, "b", c->b);
        set_text(one, "metric", c->metric);
        set(one, "mean_diff", crm_record_json_real(c->mean_diff));
        set(one, "dropped", json_integer(c->dropped));
        set(one, "naive", test(&c->naive, false));
        set(one, "corrected", test(&c->corrected, true));
        set_text(one, "verdict", c->verdict);
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *satisfaction(const crm_sum_lift *l)
{
    json_t *o;

    if (!l->present) return json_null();
    o = json_object();
    set(o, "treated", json_integer(l->treated));
    set(o, "control", json_integer(l->control));
    set(o, "before", crm_record_json_real(l->before));
    set(o, "after", crm_record_json_real(l->after));
    set(o, "diff", crm_record_json_real(l->diff));
    set(o, "ci95", reals(l->ci, 2));
    set(o, "p", crm_record_json_real(l->p));
    set(o, "control_diff", crm_record_json_real(l->control_diff));
    set(o, "effect", crm_record_json_real(l->effect));
    set(o, "effect_ci95", reals(l->effect_ci, 2));
    set(o, "effect_p", crm_record_json_real(l->effect_p));
    return o;
}

static json_t *target(const crm_sum_target *t)
{
    json_t *o = json_object();

    set_text(o, "name", t->name);
    set_text(o, "level", t->level);
    set(o, "rows", json_integer(t->rows));
    set(o, "folds", json_integer(t->folds));
    set(o, "repeats", json_integer(t->repeats));
    set(o, "split", t->split ? json_string(t->split) : json_null());
    set(o, "test_over_train", crm_record_json_real(t->test_over_train));
    set(o, "alpha", crm_record_json_real(t->alpha));
    set(o, "classes", texts(t->class_name, t->n_classes));
    set(o, "models", models(t));
    set(o, "comparisons", comparisons(t));
    set(o, "satisfaction", satisfaction(&t->lift));
    set(o, "notes", texts(t->note, t->n_notes));
    return o;
}

static json_t *tree_of(const crm_summary *s)
{
    json_t *o = json_object(), *all = json_array();

    set(o, "format", json_integer(RECORD_SUMMARY_FORMAT));
    for (int i = 0; i < s->n_targets; i++)
        json_array_append_new(all, target(&s->target[i]));
    set(o, "targets", all);
    return o;
}

static void set_digest(json_t *o, const char *key, crm_digest d)
{
    char hex[CRM_DIGEST_HEX];

    set_text(o, key, crm_digest_hex(d, hex));
}

static void add_digests(const crm_summary *s, json_t *tree)
{
    json_t *o = json_object();

    set_digest(o, "data", s->data);
    set_digest(o, "folds", s->folds);
    set_digest(o, "weights", s->weights);
    set_digest(o, "predictions", s->predictions);
    set_digest(o, "summary", s->summary);
    set(tree, "digests", o);
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

/* Every text of the summary is UTF-8 (jansson refuses others, and a hole would go unseen). */
static crm_status complete(const crm_summary *s)
{
    for (int i = 0; i < s->n_targets; i++) {
        const crm_sum_target *t = &s->target[i];
        for (int c = -2; c < t->n_classes + t->n_notes; c++) {
            const char *text = c == -2            ? t->name
                               : c == -1          ? t->level
                               : c < t->n_classes ? t->class_name[c]
                                                  : t->note[c - t->n_classes];
            json_t *v = text ? json_string(text) : NULL;
            json_decref(v);
            CRM_CHECK(v, CRM_ERR_FORMAT, "summary, target %d: '%.40s' is no UTF-8 text", i,
                      text ? text : "(none)");
        }
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
