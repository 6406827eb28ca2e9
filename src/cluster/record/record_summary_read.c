/* record_summary_read.c - summary.json back into memory, each value checked; an error names its
 * place: "targets[0].models[1].metrics.auc.mean". */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

enum { SUMMARY_MAX = 256 << 20 };

/* A value and the way to it from the root, whose key is the path of the file. */
typedef struct node {
    const struct node *up;
    const char *key; /* NULL: item number index of a list */
    size_t index;
    const json_t *v;
} node;

static void where(const node *n, crm_str *out)
{
    if (!n->up) {
        crm_str_addf(out, "%s: ", n->key);
        return;
    }
    where(n->up, out);
    if (n->key)
        crm_str_addf(out, "%s%s", n->up->up ? "." : "", n->key);
    else
        crm_str_addf(out, "[%zu]", n->index);
}

static crm_status wrong(const node *n, const char *expected)
{
    crm_str place = {0};
    crm_status st;

    where(n, &place);
    CRM_SET(st, CRM_ERR_FORMAT, "%s: %s is expected, %s", place.text ? place.text : "summary",
            expected, n->v ? "another value is there" : "nothing is there");
    crm_str_free(&place);
    return st;
}

static node child(const node *up, const char *key)
{
    return (node){.up = up, .key = key, .v = json_object_get(up->v, key)};
}

static node item(const node *up, size_t i)
{
    return (node){.up = up, .index = i, .v = json_array_get(up->v, i)};
}

/* ---- values ------------------------------------------------------------------------------------
 */

static crm_status text_of(const node *n, char **out)
{
    if (!json_is_string(n->v)) return wrong(n, "a text");
    *out = crm_mem_strdup(json_string_value(n->v));
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: summary");
    return CRM_OK;
}

static crm_status get_text(const node *up, const char *key, char **out)
{
    const node n = child(up, key);

    return text_of(&n, out);
}

static crm_status real_of(const node *n, double *out)
{
    if (!json_is_number(n->v) && !json_is_null(n->v)) return wrong(n, "a number or null");
    *out = json_is_null(n->v) ? (double)NAN : json_number_value(n->v);
    return CRM_OK;
}

static crm_status get_real(const node *up, const char *key, double *out)
{
    const node n = child(up, key);

    return real_of(&n, out);
}

/* Keys that a file of an earlier release lacks: NULL, NaN. */
static crm_status get_new_text(const node *up, const char *key, char **out)
{
    const node n = child(up, key);

    return !n.v || json_is_null(n.v) ? CRM_OK : text_of(&n, out);
}

static crm_status get_new_real(const node *up, const char *key, double *out)
{
    const node n = child(up, key);

    *out = (double)NAN;
    return n.v ? real_of(&n, out) : CRM_OK;
}

static crm_status count_of(const node *n, int64_t max, int64_t *out)
{
    json_int_t v = json_integer_value(n->v);

    if (!json_is_integer(n->v) || v < 0 || v > max) return wrong(n, "a count");
    *out = v;
    return CRM_OK;
}

static crm_status get_count(const node *up, const char *key, int64_t *out)
{
    const node n = child(up, key);

    return count_of(&n, INT64_MAX, out);
}

static crm_status get_int(const node *up, const char *key, int *out)
{
    const node n = child(up, key);
    int64_t v = 0;

    CRM_TRY(count_of(&n, INT_MAX, &v));
    *out = (int)v;
    return CRM_OK;
}

static crm_status get_list(const node *up, const char *key, node *out, int *n)
{
    *out = child(up, key);
    if (!json_is_array(out->v)) return wrong(out, "a list");
    *n = (int)json_array_size(out->v);
    return CRM_OK;
}

static crm_status get_object(const node *up, const char *key, node *out)
{
    *out = child(up, key);
    return json_is_object(out->v) ? CRM_OK : wrong(out, "an object");
}

static crm_status get_interval(const node *up, const char *key, double ci[2])
{
    node list;
    int n = 0;

    CRM_TRY(get_list(up, key, &list, &n));
    if (n != 2) return wrong(&list, "a list of 2 numbers");
    for (size_t i = 0; i < 2; i++) {
        const node one = item(&list, i);
        CRM_TRY(real_of(&one, &ci[i]));
    }
    return CRM_OK;
}

/* The list and its length only as far as it is filled, so that what is there can be freed. */
static crm_status get_texts(const node *up, const char *key, char ***out, int *filled)
{
    node list;
    int n = 0;

    CRM_TRY(get_list(up, key, &list, &n));
    CRM_NEW(*out, n);
    for (int i = 0; i < n; i++) {
        const node one = item(&list, (size_t)i);
        CRM_TRY(text_of(&one, &(*out)[i]));
        *filled = i + 1;
    }
    return CRM_OK;
}

/* ---- models ------------------------------------------------------------------------------------
 */

static crm_status read_metric(const node *n, crm_sum_metric *m)
{
    node list;
    int n_folds = 0;

    if (!json_is_object(n->v)) return wrong(n, "an object");
    m->name = crm_mem_strdup(n->key);
    CRM_CHECK(m->name, CRM_ERR_NOMEM, "out of memory: summary");
    CRM_TRY(get_real(n, "mean", &m->mean));
    CRM_TRY(get_interval(n, "ci95", m->ci));
    CRM_TRY(get_list(n, "folds", &list, &n_folds));
    CRM_NEW(m->fold, n_folds);
    m->n_folds = n_folds;
    for (int i = 0; i < n_folds; i++) {
        const node one = item(&list, (size_t)i);
        CRM_TRY(real_of(&one, &m->fold[i]));
    }
    return CRM_OK;
}

static crm_status read_metrics(const node *model, crm_sum_model *m)
{
    node all;
    int i = 0;

    CRM_TRY(get_object(model, "metrics", &all));
    CRM_NEW(m->metric, json_object_size(all.v));
    m->n_metrics = (int)json_object_size(all.v);
    for (void *it = json_object_iter((json_t *)all.v); it;
         it = json_object_iter_next((json_t *)all.v, it)) {
        const node one = child(&all, json_object_iter_key(it));
        CRM_TRY(read_metric(&one, &m->metric[i++]));
    }
    return CRM_OK;
}

static crm_status read_row(const node *row, int k, int64_t *out)
{
    if (!json_is_array(row->v) || json_array_size(row->v) != (size_t)k)
        return wrong(row, "a list with a count for each class");
    for (int i = 0; i < k; i++) {
        const node one = item(row, (size_t)i);
        CRM_TRY(count_of(&one, INT64_MAX, &out[i]));
    }
    return CRM_OK;
}

static crm_status read_confusion(const node *model, int k, int64_t **out)
{
    node rows = child(model, "confusion");
    int n = 0;

    if (json_is_null(rows.v)) return CRM_OK;
    CRM_TRY(get_list(model, "confusion", &rows, &n));
    if (n != k) return wrong(&rows, "a list with a row for each class");
    CRM_NEW(*out, (int64_t)k * k);
    for (int i = 0; i < k; i++) {
        const node row = item(&rows, (size_t)i);
        CRM_TRY(read_row(&row, k, *out + (int64_t)i * k));
    }
    return CRM_OK;
}

static crm_status read_models(const node *t, crm_sum_target *out)
{
    node list;
    int n = 0;

    CRM_TRY(get_list(t, "models", &list, &n));
    CRM_NEW(out->model, n);
    out->n_models = n;
    for (int i = 0; i < n; i++) {
        const node one = item(&list, (size_t)i);
        if (!json_is_object(one.v)) return wrong(&one, "an object");
        CRM_TRY(get_text(&one, "name", &out->model[i].name));
        CRM_TRY(read_metrics(&one, &out->model[i]));
        CRM_TRY(read_confusion(&one, out->n_classes, &out->model[i].confusion));
    }
    return CRM_OK;
}

/* ---- comparisons, satisfaction ------------------------------------------------------------------
 */

static crm_status read_test(const node *up, const char *key, bool corrected, crm_sum_test *out)
{
    node n;

    CRM_TRY(get_object(up, key, &n));
    CRM_TRY(get_real(&n, "t", &out->t));
    CRM_TRY(get_real(&n, "df", &out->df));
    CRM_TRY(get_real(&n, "p", &out->p));
    out->p_holm = out->ci[0] = out->ci[1] = (double)NAN;
    if (!corrected) return CRM_OK;
    CRM_TRY(get_real(&n, "p_holm", &out->p_holm));
    return get_interval(&n, "ci95", out->ci);
}

static crm_status read_comparison(const node *n, crm_sum_comparison *c)
{
    if (!json_is_object(n->v)) return wrong(n, "an object");
    CRM_TRY(get_text(n, "a", &c->a));
    CRM_TRY(get_text(n, "b", &c->b));
    CRM_TRY(get_text(n, "metric", &c->metric));
    CRM_TRY(get_real(n, "mean_diff", &c->mean_diff));
    CRM_TRY(get_int(n, "dropped", &c->dropped));
    CRM_TRY(read_test(n, "naive", false, &c->naive));
    CRM_TRY(read_test(n, "corrected", true, &c->corrected));
    return get_text(n, "verdict", &c->verdict);
}

static crm_status read_comparisons(const node *t, crm_sum_target *out)
{
    node list;
    int n = 0;

    CRM_TRY(get_list(t, "comparisons", &list, &n));
    CRM_NEW(out->comparison, n);
    out->n_comparisons = n;
    for (int i = 0; i < n; i++) {
        const node one = item(&list, (size_t)i);
        CRM_TRY(read_comparison(&one, &out->comparison[i]));
    }
    return CRM_OK;
}

static crm_status read_lift(const node *t, crm_sum_lift *l)
{
    node n = child(t, "satisfaction");

    if (json_is_null(n.v)) return CRM_OK;
    CRM_TRY(get_object(t, "satisfaction", &n));
    l->present = true;
    CRM_TRY(get_count(&n, "treated", &l->treated));
    CRM_TRY(get_count(&n, "control", &l->control));
    CRM_TRY(get_real(&n, "before", &l->before));
    CRM_TRY(get_real(&n, "after", &l->after));
    CRM_TRY(get_real(&n, "diff", &l->diff));
    CRM_TRY(get_interval(&n, "ci95", l->ci));
    CRM_TRY(get_real(&n, "p", &l->p));
    CRM_TRY(get_real(&n, "control_diff", &l->control_diff));
    CRM_TRY(get_real(&n, "effect", &l->effect));
    CRM_TRY(get_interval(&n, "effect_ci95", l->effect_ci));
    return get_real(&n, "effect_p", &l->effect_p);
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static crm_status read_target(const node *n, crm_sum_target *t)
{
    if (!json_is_object(n->v)) return wrong(n, "an object");
    CRM_TRY(get_text(n, "name", &t->name));
    CRM_TRY(get_text(n, "level", &t->level));
    CRM_TRY(get_count(n, "rows", &t->rows));
    CRM_TRY(get_int(n, "folds", &t->folds));
    CRM_TRY(get_int(n, "repeats", &t->repeats));
    CRM_TRY(get_new_text(n, "split", &t->split));
    CRM_TRY(get_new_real(n, "test_over_train", &t->test_over_train));
    CRM_TRY(get_new_real(n, "alpha", &t->alpha));
    CRM_TRY(get_texts(n, "classes", &t->class_name, &t->n_classes));
    CRM_TRY(read_models(n, t));
    CRM_TRY(read_comparisons(n, t));
    CRM_TRY(read_lift(n, &t->lift));
    return get_texts(n, "notes", &t->note, &t->n_notes);
}

static crm_status read_targets(const node *root, crm_summary *s)
{
    node list;
    int n = 0;

    CRM_TRY(get_list(root, "targets", &list, &n));
    CRM_NEW(s->target, n);
    s->n_targets = n;
    for (int i = 0; i < n; i++) {
        const node one = item(&list, (size_t)i);
        CRM_TRY(read_target(&one, &s->target[i]));
    }
    return CRM_OK;
}

static crm_status get_digest(const node *up, const char *key, crm_digest *out)
{
    const node n = child(up, key);
    const char *hex = json_string_value(n.v);
    char part[17] = "";

    if (!hex || strlen(hex) != 32 || strspn(hex, "0123456789abcdef") != 32)
        return wrong(&n, "a digest of 32 hexadecimal digits");
    memcpy(part, hex, 16);
    out->hi = strtoull(part, NULL, 16);
    out->lo = strtoull(hex + 16, NULL, 16);
    return CRM_OK;
}

static crm_status read_digests(const node *root, crm_summary *s)
{
    node n;

    CRM_TRY(get_object(root, "digests", &n));
    CRM_TRY(get_digest(&n, "data", &s->data));
    CRM_TRY(get_digest(&n, "folds", &s->folds));
    CRM_TRY(get_digest(&n, "weights", &s->weights));
    CRM_TRY(get_digest(&n, "predictions", &s->predictions));
    return get_digest(&n, "summary", &s->summary);
}

static crm_status read_format(const node *root)
{
    int64_t format = 0;

    if (!json_is_object(root->v)) return wrong(root, "an object");
    CRM_TRY(get_count(root, "format", &format));
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
              "%s: digests.summary: is %s, the content has %s: the file was changed or damaged",
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
    CRM_CHECK(*tree, CRM_ERR_FORMAT, "%s:%d:%d: is no JSON: %s", path, error.line, error.column,
              error.text);
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
