/* record_summary_explain.c - thresholds, explanations and published figures in summary.json. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "record_summary_impl.h"

/* ---- writing ----------------------------------------------------------------------------------
 */

json_t *crm_summary_threshold_json(const crm_sum_threshold *t)
{
    json_t *o;

    if (!t->present) return json_null();
    o = json_object();
    crm_summary_set_text(o, "rule", t->rule);
    crm_summary_set_real(o, "cost_fn", t->cost_fn);
    crm_summary_set_real(o, "cost_fp", t->cost_fp);
    crm_summary_set(o, "folds", crm_summary_reals(t->fold, t->n_folds));
    crm_summary_set(o, "metrics", crm_summary_metrics_json(t->metric, t->n_metrics));
    return o;
}

static json_t *feature_json(const crm_sum_feature *f)
{
    json_t *o = json_object();

    crm_summary_set_text(o, "name", f->name);
    crm_summary_set_real(o, "mean", f->mean);
    crm_summary_set(o, "ci95", crm_summary_reals(f->ci, 2));
    crm_summary_set(o, "folds", crm_summary_reals(f->fold, f->n_folds));
    crm_summary_set(o, "levels", crm_summary_texts(f->level, f->n_levels));
    crm_summary_set(o, "x", crm_summary_reals(f->x, f->n_points));
    crm_summary_set(o, "y", crm_summary_reals(f->y, f->n_points));
    return o;
}

json_t *crm_summary_explanation_json(const crm_sum_explanation *x)
{
    json_t *o, *all;

    if (!x->metric) return json_null();
    o = json_object();
    all = json_array();
    crm_summary_set_text(o, "metric", x->metric);
    crm_summary_set_count(o, "permutations", x->permutations);
    for (int i = 0; i < x->n; i++)
        json_array_append_new(all, feature_json(&x->feature[i]));
    crm_summary_set(o, "features", all);
    return o;
}

json_t *crm_summary_published_json(const crm_sum_published *p)
{
    json_t *o, *all;

    if (!p->source) return json_null();
    o = json_object();
    all = json_array();
    crm_summary_set_text(o, "source", p->source);
    for (int i = 0; i < p->n; i++) {
        json_t *one = json_object();
        crm_summary_set_text(one, "model", p->model[i]);
        crm_summary_set_text(one, "metric", p->metric[i]);
        crm_summary_set_real(one, "value", p->value[i]);
        json_array_append_new(all, one);
    }
    crm_summary_set(o, "figures", all);
    return o;
}

/* ---- reading.  Each array is counted as soon as it is there, so that what was read before an
 * error can be freed. */

crm_status crm_summary_threshold_read(const node *model, crm_sum_threshold *t)
{
    node n, list;
    int folds = 0;

    CRM_TRY(crm_record_node_new_object(model, "threshold", &n, &t->present));
    if (!t->present) return CRM_OK;
    CRM_TRY(crm_record_node_text(&n, "rule", &t->rule));
    CRM_TRY(crm_record_node_real(&n, "cost_fn", &t->cost_fn));
    CRM_TRY(crm_record_node_real(&n, "cost_fp", &t->cost_fp));
    CRM_TRY(crm_record_node_list(&n, "folds", &list, &folds));
    CRM_NEW(t->fold, folds);
    t->n_folds = folds;
    CRM_TRY(crm_record_node_reals(&n, "folds", folds, t->fold));
    return crm_summary_metrics_read(&n, &t->metric, &t->n_metrics);
}

static crm_status read_curve(const node *n, crm_sum_feature *f)
{
    node list;
    int points = 0;

    CRM_TRY(crm_record_node_list(n, "x", &list, &points));
    CRM_NEW(f->x, points);
    CRM_NEW(f->y, points);
    f->n_points = points;
    CRM_TRY(crm_record_node_reals(n, "x", points, f->x));
    CRM_TRY(crm_record_node_reals(n, "y", points, f->y));
    for (int i = 0; i < points && f->n_levels > 0; i++)
        if (!(f->x[i] >= 0 && f->x[i] < f->n_levels && f->x[i] == floor(f->x[i])))
            return crm_record_node_wrong(&list, "a list of numbers of levels");
    return CRM_OK;
}

static crm_status read_feature(const node *n, crm_sum_feature *f)
{
    node list;
    int folds = 0;

    if (!json_is_object(n->v)) return crm_record_node_wrong(n, "an object");
    CRM_TRY(crm_record_node_text(n, "name", &f->name));
    CRM_TRY(crm_record_node_real(n, "mean", &f->mean));
    CRM_TRY(crm_record_node_interval(n, "ci95", f->ci));
    CRM_TRY(crm_record_node_list(n, "folds", &list, &folds));
    CRM_NEW(f->fold, folds);
    f->n_folds = folds;
    CRM_TRY(crm_record_node_reals(n, "folds", folds, f->fold));
    CRM_TRY(crm_record_node_texts(n, "levels", &f->level, &f->n_levels));
    return read_curve(n, f);
}

crm_status crm_summary_explanation_read(const node *model, crm_sum_explanation *out)
{
    node n, list;
    bool present;
    int features = 0;

    CRM_TRY(crm_record_node_new_object(model, "explanation", &n, &present));
    if (!present) return CRM_OK;
    CRM_TRY(crm_record_node_text(&n, "metric", &out->metric));
    CRM_TRY(crm_record_node_count(&n, "permutations", &out->permutations));
    CRM_TRY(crm_record_node_list(&n, "features", &list, &features));
    CRM_NEW(out->feature, features);
    out->n = features;
    for (int i = 0; i < features; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(read_feature(&one, &out->feature[i]));
    }
    return CRM_OK;
}

crm_status crm_summary_published_read(const node *target, crm_sum_published *out)
{
    node n, list;
    bool present;
    int figures = 0;

    CRM_TRY(crm_record_node_new_object(target, "published", &n, &present));
    if (!present) return CRM_OK;
    CRM_TRY(crm_record_node_text(&n, "source", &out->source));
    CRM_TRY(crm_record_node_list(&n, "figures", &list, &figures));
    CRM_NEW(out->model, figures);
    CRM_NEW(out->metric, figures);
    CRM_NEW(out->value, figures);
    out->n = figures;
    for (int i = 0; i < figures; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        if (!json_is_object(one.v)) return crm_record_node_wrong(&one, "an object");
        CRM_TRY(crm_record_node_text(&one, "model", &out->model[i]));
        CRM_TRY(crm_record_node_text(&one, "metric", &out->metric[i]));
        CRM_TRY(crm_record_node_real(&one, "value", &out->value[i]));
    }
    return CRM_OK;
}
