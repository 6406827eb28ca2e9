/* eval_explained.c - what stands beside the scores of a model in the summary: scores at the
 * threshold that was chosen, importance and dependence over the folds, published figures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

/* Unit of a model in a fold; all are there. */
static const result *of_fold(const study *s, const result *r, int model, int j)
{
    for (int i = 0; i < s->n_units; i++) {
        const unit *u = &s->unit[i];
        if (u->model == model && u->repeat >= 0 && u->repeat * s->folds->folds + u->fold == j)
            return &r[i];
    }
    return NULL;
}

/* ---- threshold ---- */

enum { AT_ACCURACY, AT_PRECISION, AT_RECALL, AT_F1, AT_COST, AT_COUNT };
static const char *const at_names[AT_COUNT] = {"accuracy", "precision", "recall", "f1", "cost"};

static crm_status new_threshold(const study *s, crm_sum_threshold *t)
{
    const crm_eval_cfg *cfg = s->e->cfg;

    t->present = true;
    t->cost_fn = cfg->cost_fn;
    t->cost_fp = cfg->cost_fp;
    CRM_TRY(crm_study_text(crm_eval_threshold_names[cfg->threshold], &t->rule));
    t->n_folds = s->folds->repeats * s->folds->folds;
    CRM_NEW(t->fold, t->n_folds);
    CRM_NEW(t->metric, AT_COUNT);
    t->n_metrics = AT_COUNT;
    for (int i = 0; i < AT_COUNT; i++) {
        CRM_TRY(crm_study_text(at_names[i], &t->metric[i].name));
        t->metric[i].n_folds = t->n_folds;
        CRM_NEW(t->metric[i].fold, t->n_folds);
    }
    return CRM_OK;
}

static void score_at(const study *s, const result *r, int j, crm_sum_threshold *t)
{
    const int32_t *label = crm_data_target(s->e->data, s->target)->label;
    const double cut = isnan(r->threshold) ? 0.5 : r->threshold;
    const double cost[] = {0, t->cost_fp, t->cost_fn, 0}; /* [label][prediction] */
    int64_t cm[4] = {0};
    crm_class_scores c[2];

    for (int64_t i = 0; i < r->n; i++)
        cm[label[r->row[i]] * 2 + (r->proba[i * 2 + 1] > cut)]++;
    crm_stats_class_scores(2, cm, c);
    t->fold[j] = r->threshold;
    t->metric[AT_ACCURACY].fold[j] = crm_stats_cm_scores(2, cm).accuracy;
    t->metric[AT_PRECISION].fold[j] = c[1].precision;
    t->metric[AT_RECALL].fold[j] = c[1].recall;
    t->metric[AT_F1].fold[j] = c[1].f1;
    t->metric[AT_COST].fold[j] = crm_stats_cost(2, cm, cost);
}

crm_status crm_study_threshold(const study *s, const result *r, int model, crm_sum_threshold *out)
{
    if (s->e->cfg->threshold == CRM_THRESHOLD_NONE || model < 0 ||
        crm_data_target(s->e->data, s->target)->n_classes != 2)
        return CRM_OK;
    CRM_TRY(new_threshold(s, out));
    for (int j = 0; j < out->n_folds; j++)
        score_at(s, of_fold(s, r, model, j), j, out);
    for (int i = 0; i < AT_COUNT; i++)
        crm_study_mean(s, &out->metric[i]);
    return CRM_OK;
}

/* ---- importance and dependence ---- */

static crm_status set_importance(const study *s, const result *r, int model, int64_t f,
                                 crm_sum_feature *out)
{
    crm_sum_metric mean = {0};

    if (s->e->cfg->importance == 0) {
        out->mean = out->ci[0] = out->ci[1] = (double)NAN;
        return CRM_OK;
    }
    CRM_NEW(out->fold, s->folds->repeats * s->folds->folds);
    out->n_folds = s->folds->repeats * s->folds->folds;
    for (int j = 0; j < out->n_folds; j++) {
        const explanation *x = &of_fold(s, r, model, j)->explanation;
        out->fold[j] = crm_stats_mean(x->importance + f * x->permutations, x->permutations);
    }
    mean.fold = out->fold;
    mean.n_folds = out->n_folds;
    crm_study_mean(s, &mean);
    out->mean = mean.mean;
    out->ci[0] = mean.ci[0];
    out->ci[1] = mean.ci[1];
    return CRM_OK;
}

/* All folds have the same grid. */
static crm_status set_curve(const study *s, const result *r, int model, int64_t f,
                            crm_sum_feature *out)
{
    int folds = s->folds->repeats * s->folds->folds, n = 0;
    const explanation *x = &of_fold(s, r, model, 0)->explanation;
    double *y;

    while (n < x->grid && !isnan(x->x[f * x->grid + n]))
        n++;
    CRM_NEW(out->x, n);
    CRM_NEW(out->y, n);
    CRM_NEW(y, folds);
    out->n_points = n;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < folds; j++)
            y[j] = of_fold(s, r, model, j)->explanation.y[f * x->grid + i];
        out->x[i] = x->x[f * x->grid + i];
        out->y[i] = crm_stats_mean(y, folds);
    }
    crm_mem_free(y);
    return CRM_OK;
}

/* Names of the levels that the curve of a category shows. */
static crm_status set_levels(const study *s, int64_t f, crm_sum_feature *out)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *c = crm_data_profile(s->e->data, &num, &cat);
    int64_t at = f - c->n_num;

    if (at < 0 || at >= c->n_cat || out->n_points == 0) return CRM_OK;
    CRM_NEW(out->level, out->n_points);
    for (int i = 0; i < out->n_points; i++) {
        CRM_TRY(crm_study_text(c->level[at] ? c->level[at][i] : "", &out->level[i]));
        out->n_levels++;
    }
    return CRM_OK;
}

crm_status crm_study_explanation(const study *s, const result *r, int model,
                                 crm_sum_explanation *out)
{
    const crm_eval_cfg *cfg = s->e->cfg;
    int n = (int)crm_features_count(s->e->data);

    if (model < 0 || (cfg->importance == 0 && cfg->dependence == 0)) return CRM_OK;
    CRM_TRY(crm_study_text(crm_metric_names[cfg->importance_metric], &out->metric));
    out->permutations = cfg->importance;
    CRM_NEW(out->feature, n);
    for (int f = 0; f < n; f++) {
        out->n = f + 1;
        CRM_TRY(crm_study_text(crm_feature_name(s->e->data, f), &out->feature[f].name));
        CRM_TRY(set_importance(s, r, model, f, &out->feature[f]));
        CRM_TRY(set_curve(s, r, model, f, &out->feature[f]));
        CRM_TRY(set_levels(s, f, &out->feature[f]));
    }
    return CRM_OK;
}

/* ---- published figures ---- */

/* "forest:accuracy:0.925"; a model's name holds no colon. */
static crm_status read_figure(const char *item, crm_sum_published *out)
{
    const char *first = strchr(item, ':'), *last = strrchr(item, ':');
    char *metric;
    double value = 0;

    CRM_CHECK(first && last > first + 1 && first > item &&
                  crm_parse_f64(last + 1, strlen(last + 1), &value) && isfinite(value),
              CRM_ERR_CONFIG,
              "eval.published: '%s' is no published figure; write MODEL:METRIC:VALUE, such as "
              "forest:accuracy:0.925",
              item);
    CRM_TRY(crm_study_text(item, &out->model[out->n]));
    out->model[out->n][first - item] = '\0';
    CRM_TRY(crm_study_text(first + 1, &out->metric[out->n]));
    metric = out->metric[out->n];
    metric[last - first - 1] = '\0';
    out->value[out->n++] = value;
    CRM_CHECK(crm_metric_find(metric) >= 0, CRM_ERR_CONFIG,
              "eval.published: '%s' of '%s' is no metric; nearest: '%s'", metric, item,
              crm_nearest(metric, crm_metric_names, CRM_METRIC_COUNT)
                  ? crm_nearest(metric, crm_metric_names, CRM_METRIC_COUNT)
                  : "accuracy");
    return CRM_OK;
}

crm_status crm_study_published(const study *s, crm_sum_published *out)
{
    const crm_opt_list *list = &s->e->cfg->published;

    if (list->n == 0) return CRM_OK;
    CRM_TRY(crm_study_text(s->e->cfg->published_source, &out->source));
    CRM_NEW(out->model, list->n + 1);
    CRM_NEW(out->metric, list->n + 1);
    CRM_NEW(out->value, list->n + 1);
    for (int i = 0; i < list->n; i++)
        CRM_TRY(read_figure(list->item[i], out));
    return CRM_OK;
}

static void free_published(crm_sum_published *p)
{
    for (int i = 0; i <= p->n && p->model && p->metric; i++) {
        crm_mem_free(p->model[i]); /* the last one may have failed half way */
        crm_mem_free(p->metric[i]);
    }
    crm_mem_free(p->model);
    crm_mem_free(p->metric);
    crm_mem_free(p->value);
    crm_mem_free(p->source);
}

crm_status crm_study_check_published(const study *s)
{
    crm_sum_published p = {0};
    crm_status st = crm_study_published(s, &p);

    free_published(&p);
    return st;
}
