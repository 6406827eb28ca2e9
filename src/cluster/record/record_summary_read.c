/* record_summary_read.c - summary.json back into memory, each value checked; an error names its
 * place: "targets[0].models[1].metrics.auc.mean". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_summary_impl.h"

enum { SUMMARY_MAX = 256 << 20 };

/* ---- models ------------------------------------------------------------------------------------
 */

static crm_status read_metric(const node *n, crm_sum_metric *m)
{
    node list;
    int n_folds = 0;

    if (!json_is_object(n->v)) return crm_record_node_wrong(n, "an object");
    m->name = crm_mem_strdup(n->key);
    CRM_CHECK(m->name, CRM_ERR_NOMEM, "out of memory: summary");
    CRM_TRY(crm_record_node_real(n, "mean", &m->mean));
    CRM_TRY(crm_record_node_interval(n, "ci95", m->ci));
    CRM_TRY(crm_record_node_list(n, "folds", &list, &n_folds));
    CRM_NEW(m->fold, n_folds);
    m->n_folds = n_folds;
    for (int i = 0; i < n_folds; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(crm_record_node_real_of(&one, &m->fold[i]));
    }
    return CRM_OK;
}

crm_status crm_summary_metrics_read(const node *up, crm_sum_metric **metric, int *filled)
{
    node all;
    int i = 0;

    CRM_TRY(crm_record_node_object(up, "metrics", &all));
    CRM_NEW(*metric, json_object_size(all.v));
    *filled = (int)json_object_size(all.v);
    for (void *it = json_object_iter((json_t *)all.v); it;
         it = json_object_iter_next((json_t *)all.v, it)) {
        const node one = crm_record_node_child(&all, json_object_iter_key(it));
        CRM_TRY(read_metric(&one, &(*metric)[i++]));
    }
    return CRM_OK;
}

static crm_status read_row(const node *row, int k, int64_t *out)
{
    if (!json_is_array(row->v) || json_array_size(row->v) != (size_t)k)
        return crm_record_node_wrong(row, "a list with a count for each class");
    for (int i = 0; i < k; i++) {
        const node one = crm_record_node_item(row, (size_t)i);
        CRM_TRY(crm_record_node_count_of(&one, INT64_MAX, &out[i]));
    }
    return CRM_OK;
}

static crm_status read_confusion(const node *model, int k, int64_t **out)
{
    node rows = crm_record_node_child(model, "confusion");
    int n = 0;

    if (json_is_null(rows.v)) return CRM_OK;
    CRM_TRY(crm_record_node_list(model, "confusion", &rows, &n));
    if (n != k) return crm_record_node_wrong(&rows, "a list with a row for each class");
    CRM_NEW(*out, (int64_t)k * k);
    for (int i = 0; i < k; i++) {
        const node row = crm_record_node_item(&rows, (size_t)i);
        CRM_TRY(read_row(&row, k, *out + (int64_t)i * k));
    }
    return CRM_OK;
}

static crm_status read_tokens(const node *model, crm_sum_model *out)
{
    node n;
    bool present = false;

    CRM_TRY(crm_record_node_new_object(model, "tokens", &n, &present));
    if (!present) return CRM_OK;
    CRM_TRY(crm_record_node_count(&n, "tested", &out->tokens));
    return crm_record_node_count(&n, "right", &out->tokens_right);
}

static crm_status read_models(const node *t, crm_sum_target *out)
{
    node list;
    int n = 0;

    CRM_TRY(crm_record_node_list(t, "models", &list, &n));
    CRM_NEW(out->model, n);
    out->n_models = n;
    for (int i = 0; i < n; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        if (!json_is_object(one.v)) return crm_record_node_wrong(&one, "an object");
        CRM_TRY(crm_record_node_text(&one, "name", &out->model[i].name));
        CRM_TRY(crm_summary_metrics_read(&one, &out->model[i].metric, &out->model[i].n_metrics));
        CRM_TRY(read_confusion(&one, out->n_classes, &out->model[i].confusion));
        CRM_TRY(read_tokens(&one, &out->model[i]));
        CRM_TRY(crm_summary_pooled_read(&one, &out->model[i].pooled));
        CRM_TRY(crm_summary_threshold_read(&one, &out->model[i].threshold));
        CRM_TRY(crm_summary_explanation_read(&one, &out->model[i].explanation));
    }
    return CRM_OK;
}

/* ---- comparisons, satisfaction ------------------------------------------------------------------
 */

static crm_status read_test(const node *up, const char *key, bool corrected, crm_sum_test *out)
{
    node n;

    CRM_TRY(crm_record_node_object(up, key, &n));
    CRM_TRY(crm_record_node_real(&n, "t", &out->t));
    CRM_TRY(crm_record_node_real(&n, "df", &out->df));
    CRM_TRY(crm_record_node_real(&n, "p", &out->p));
    out->p_holm = out->ci[0] = out->ci[1] = (double)NAN;
    if (!corrected) return CRM_OK;
    CRM_TRY(crm_record_node_real(&n, "p_holm", &out->p_holm));
    return crm_record_node_interval(&n, "ci95", out->ci);
}

static crm_status read_comparison(const node *n, crm_sum_comparison *c)
{
    if (!json_is_object(n->v)) return crm_record_node_wrong(n, "an object");
    CRM_TRY(crm_record_node_text(n, "a", &c->a));
    CRM_TRY(crm_record_node_text(n, "b", &c->b));
    CRM_TRY(crm_record_node_text(n, "metric", &c->metric));
    CRM_TRY(crm_record_node_real(n, "mean_diff", &c->mean_diff));
    CRM_TRY(crm_record_node_int(n, "dropped", &c->dropped));
    CRM_TRY(read_test(n, "naive", false, &c->naive));
    CRM_TRY(read_test(n, "corrected", true, &c->corrected));
    CRM_TRY(crm_record_node_text(n, "verdict", &c->verdict));
    return crm_summary_beside_read(n, c);
}

static crm_status read_comparisons(const node *t, crm_sum_target *out)
{
    node list;
    int n = 0;

    CRM_TRY(crm_record_node_list(t, "comparisons", &list, &n));
    CRM_NEW(out->comparison, n);
    out->n_comparisons = n;
    for (int i = 0; i < n; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(read_comparison(&one, &out->comparison[i]));
    }
    return CRM_OK;
}

static crm_status read_lift(const node *t, crm_sum_lift *l)
{
    node n = crm_record_node_child(t, "satisfaction");

    if (json_is_null(n.v)) return CRM_OK;
    CRM_TRY(crm_record_node_object(t, "satisfaction", &n));
    l->present = true;
    CRM_TRY(crm_record_node_count(&n, "treated", &l->treated));
    CRM_TRY(crm_record_node_count(&n, "control", &l->control));
    CRM_TRY(crm_record_node_real(&n, "before", &l->before));
    CRM_TRY(crm_record_node_real(&n, "after", &l->after));
    CRM_TRY(crm_record_node_real(&n, "diff", &l->diff));
    CRM_TRY(crm_record_node_interval(&n, "ci95", l->ci));
    CRM_TRY(crm_record_node_real(&n, "p", &l->p));
    CRM_TRY(crm_record_node_new_real(&n, "relative", &l->relative));
    CRM_TRY(crm_record_node_new_interval(&n, "relative_ci95", l->relative_ci));
    CRM_TRY(crm_record_node_real(&n, "control_diff", &l->control_diff));
    CRM_TRY(crm_record_node_real(&n, "effect", &l->effect));
    CRM_TRY(crm_record_node_interval(&n, "effect_ci95", l->effect_ci));
    return crm_record_node_real(&n, "effect_p", &l->effect_p);
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static crm_status read_target(const node *n, crm_sum_target *t)
{
    if (!json_is_object(n->v)) return crm_record_node_wrong(n, "an object");
    CRM_TRY(crm_record_node_text(n, "name", &t->name));
    CRM_TRY(crm_record_node_text(n, "level", &t->level));
    CRM_TRY(crm_record_node_count(n, "rows", &t->rows));
    CRM_TRY(crm_record_node_int(n, "folds", &t->folds));
    CRM_TRY(crm_record_node_int(n, "repeats", &t->repeats));
    CRM_TRY(crm_record_node_new_text(n, "split", &t->split));
    CRM_TRY(crm_record_node_new_real(n, "test_over_train", &t->test_over_train));
    CRM_TRY(crm_record_node_new_real(n, "alpha", &t->alpha));
    CRM_TRY(crm_record_node_texts(n, "classes", &t->class_name, &t->n_classes));
    CRM_TRY(read_models(n, t));
    CRM_TRY(read_comparisons(n, t));
    CRM_TRY(crm_summary_holdout_read(n, &t->holdout));
    CRM_TRY(crm_summary_segments_read(n, &t->segments));
    CRM_TRY(crm_summary_published_read(n, &t->published));
    CRM_TRY(read_lift(n, &t->lift));
    return crm_record_node_texts(n, "notes", &t->note, &t->n_notes);
}

static crm_status read_targets(const node *root, crm_summary *s)
{
    node list;
    int n = 0;

    CRM_TRY(crm_record_node_list(root, "targets", &list, &n));
    CRM_NEW(s->target, n);
    s->n_targets = n;
    for (int i = 0; i < n; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(read_target(&one, &s->target[i]));
    }
    return CRM_OK;
}

static crm_status get_digest(const node *up, const char *key, crm_digest *out)
{
    const node n = crm_record_node_child(up, key);
    const char *hex = json_string_value(n.v);

    if (!hex || !crm_digest_read(hex, out))
        return crm_record_node_wrong(&n, "a digest of 32 hexadecimal digits");
    return CRM_OK;
}

static crm_status read_digests(const node *root, crm_summary *s)
{
    node n;

    CRM_TRY(crm_record_node_object(root, "digests", &n));
    CRM_TRY(get_digest(&n, "data", &s->data));
    CRM_TRY(get_digest(&n, "folds", &s->folds));
    CRM_TRY(get_digest(&n, "weights", &s->weights));
    CRM_TRY(get_digest(&n, "predictions", &s->predictions));
    return get_digest(&n, "summary", &s->summary);
}

static crm_status read_format(const node *root)
{
    int64_t format = 0;

    if (!json_is_object(root->v)) return crm_record_node_wrong(root, "an object");
    CRM_TRY(crm_record_node_count(root, "format", &format));
    CRM_CHECK(format == RECORD_SUMMARY_FORMAT, CRM_ERR_FORMAT,
              "%s: format: is %lld, this program reads %d", root->key, (long long)format,
              RECORD_SUMMARY_FORMAT);
    return CRM_OK;
}

static crm_status check_digest(const node *root, json_t *tree, const crm_summary *s)
{
    char is[CRM_DIGEST_HEX], says[CRM_DIGEST_HEX];
    crm_digest d;

    json_object_del(tree, "digests");
    CRM_TRY(crm_record_summary_digest(tree, &d));
    CRM_CHECK(crm_digest_equal(d, s->summary), CRM_ERR_FORMAT,
              "%s: digests.summary: is %s, the content has %s: the file was changed or damaged; "
              "the crossval of the run with the same --out makes it again",
              root->key, crm_digest_hex(s->summary, says), crm_digest_hex(d, is));
    return CRM_OK;
}

static crm_status parse(const char *path, json_t **tree)
{
    json_error_t error;
    char *text;
    size_t len;

    CRM_TRY(crm_path_read(path, SUMMARY_MAX, &text, &len));
    *tree = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    crm_mem_free(text);
    CRM_CHECK(
        *tree, CRM_ERR_FORMAT,
        "%s:%d:%d: is no JSON: %s; the crossval of the run with the same --out makes it again",
        path, error.line, error.column, error.text);
    return CRM_OK;
}

crm_status crm_summary_read(const char *path, crm_summary **out)
{
    node root = {.key = path};
    crm_summary *s = NULL;
    json_t *tree = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_TRY(parse(path, &tree));
    root.v = tree;
    CRM_NEW_TO(st, done, s, 1);
    CRM_TRY_TO(st, done, read_format(&root));
    CRM_TRY_TO(st, done, read_targets(&root, s));
    CRM_TRY_TO(st, done, read_digests(&root, s));
    CRM_TRY_TO(st, done, check_digest(&root, tree, s));
    *out = s;
    s = NULL;
done:
    json_decref(tree);
    crm_summary_free(&s);
    return st;
}
