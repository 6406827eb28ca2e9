/* eval_explain.c - what a fitted model listens to, on the test rows of a unit: permutation
 * importance (Breiman 2001, Machine Learning 45; on test rows as in Fisher, Rudin, Dominici 2019,
 * JMLR 20) and partial dependence (Friedman 2001, Annals of Statistics 29).
 *
 * A feature is a column of the profile, or the months, events or documents of a customer as a
 * whole, so that all models, nets that read the blocks too, have the same ones.  Rows with a
 * feature of other rows are a data set of their own (crm_data_recombine), predicted as any other.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

enum { GRID_LEVELS = 20 };

typedef struct explain {
    study *s;
    const unit *u;
    crm_pipeline *p;
    int64_t n; /* rows that are looked at */
    int64_t *row;
    int32_t *label;
    int64_t k;   /* classes */
    double base; /* score of the rows as they are */
    double *proba;
    int64_t *order, *from;
    float *num;
    int32_t *cat;
} explain;

/* ---- features ---- */

int64_t crm_features_count(const crm_data *d)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(d, &num, &cat);

    return s->n_num + s->n_cat + !!crm_data_monthly(d) + !!crm_data_events(d) +
           !!crm_data_documents(d);
}

/* The i-th of the blocks that are there; NULL: past the last. */
static const char *block_name(const crm_data *d, int64_t i)
{
    if (crm_data_monthly(d) && i-- == 0) return "monthly values";
    if (crm_data_events(d) && i-- == 0) return "events";
    if (crm_data_documents(d) && i-- == 0) return "documents";
    return NULL;
}

const char *crm_feature_name(const crm_data *d, int64_t i)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(d, &num, &cat);

    if (i < s->n_num) return s->num_name[i];
    if (i < s->n_num + s->n_cat) return s->cat_name[i - s->n_num];
    return block_name(d, i - s->n_num - s->n_cat);
}

/* ---- rows with another feature ---- */

/* Column values of the rows from[n] into num or cat of g. */
static void take_column(explain *e, int64_t feature, const int64_t *from, crm_recombine *g)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(e->s->e->data, &num, &cat);
    bool numeric = feature < s->n_num;

    g->column = (int)(numeric ? feature : feature - s->n_num);
    for (int64_t i = 0; i < e->n; i++)
        if (numeric)
            e->num[i] = num[from[i] * s->n_num + g->column];
        else
            e->cat[i] = cat[from[i] * s->n_cat + g->column];
    g->num = numeric ? e->num : NULL;
    g->cat = numeric ? NULL : e->cat;
}

static void take_feature(explain *e, int64_t feature, const int64_t *from, crm_recombine *g)
{
    const crm_data *d = e->s->e->data;
    const char *name = crm_feature_name(d, feature);
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(d, &num, &cat);

    if (feature < s->n_num + s->n_cat)
        take_column(e, feature, from, g);
    else if (strcmp(name, "monthly values") == 0)
        g->monthly = from;
    else if (strcmp(name, "events") == 0)
        g->events = from;
    else
        g->documents = from;
}

/* e->proba of the rows of g.  The pipeline lets go of them again. */
static crm_status predict(explain *e, const crm_recombine *g)
{
    crm_data *d = NULL;
    crm_status st = crm_data_recombine(e->s->e->data, g, &d);

    for (int64_t i = 0; i < e->n; i++)
        e->order[i] = i;
    if (!st) st = crm_pipeline_predict(e->p, d, e->order, e->n, e->proba);
    crm_pipeline_forget(e->p);
    crm_data_close(&d);
    return st;
}

static crm_status score(const explain *e, double *out)
{
    double all[CRM_METRIC_COUNT];

    CRM_TRY(crm_stats_metrics(e->n, (int)e->k, e->label, e->proba, all, NULL));
    *out = all[e->s->e->cfg->importance_metric];
    return CRM_OK;
}

/* Fall of the score when the feature is another row's, positive where the model needs it. */
static crm_status importance(explain *e, int64_t feature, int64_t permutation, double *out)
{
    crm_recombine g = {.n = e->n, .row = e->row};
    uint64_t seed = crm_rng_derive((uint64_t)e->s->e->cfg->seed, (uint64_t)(e->u->repeat + 1),
                                   (uint64_t)(e->u->fold + 1), (uint64_t)feature);
    double value = 0;

    crm_rng_permute(seed, CRM_RNG_EXPLAIN, (uint32_t)permutation, e->n, e->order);
    for (int64_t i = 0; i < e->n; i++)
        e->from[i] = e->row[e->order[i]];
    take_feature(e, feature, e->from, &g);
    CRM_TRY(predict(e, &g));
    CRM_TRY(score(e, &value));
    *out = crm_metric_direction((crm_metric)e->s->e->cfg->importance_metric) * (e->base - value);
    return CRM_OK;
}

/* ---- grids of partial dependence ---- */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* Distinct quantiles of a numeric column over all rows of the study, at most n; their number.  All
 * folds have the same grid, so that their curves have a mean. */
static crm_status numeric_grid(const explain *e, int64_t column, int64_t n, double *x, int64_t *m)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(e->s->e->data, &num, &cat);
    int64_t have = 0;
    float *v;

    CRM_NEW(v, e->s->view->n);
    for (int64_t i = 0; i < e->s->view->n; i++) {
        float value = num[e->s->view->row[i] * s->n_num + column];
        if (isfinite(value)) v[have++] = value;
    }
    qsort(v, (size_t)have, sizeof *v, by_value);
    *m = 0;
    for (int64_t i = 0; i < n && have > 0; i++) {
        double value = (double)v[n > 1 ? (have - 1) * i / (n - 1) : have / 2];
        if (*m == 0 || value > x[*m - 1]) x[(*m)++] = value;
    }
    crm_mem_free(v);
    return CRM_OK;
}

static int64_t grid_size(const study *s, int64_t feature)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *c = crm_data_profile(s->e->data, &num, &cat);
    int64_t level = feature - c->n_num;

    if (level < 0) return s->e->cfg->dependence;
    if (level >= c->n_cat) return 0;
    return c->n_levels[level] < GRID_LEVELS ? c->n_levels[level] : GRID_LEVELS;
}

/* x[points] of a feature: values, or the codes of the first levels. */
static crm_status make_grid(const explain *e, int64_t feature, double *x, int64_t *points)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(e->s->e->data, &num, &cat);
    int64_t n = grid_size(e->s, feature);

    if (feature < s->n_num) return numeric_grid(e, feature, n, x, points);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)i;
    *points = n;
    return CRM_OK;
}

/* Mean probability of the last class (of two: the positive one) when all rows have value x. */
static crm_status dependence(explain *e, int64_t feature, double x, double *out)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(e->s->e->data, &num, &cat);
    bool numeric = feature < s->n_num;
    crm_recombine g = {.n = e->n,
                       .row = e->row,
                       .column = (int)(numeric ? feature : feature - s->n_num),
                       .num = numeric ? e->num : NULL,
                       .cat = numeric ? NULL : e->cat};

    for (int64_t i = 0; i < e->n; i++)
        if (numeric)
            e->num[i] = (float)x;
        else
            e->cat[i] = (int32_t)x;
    CRM_TRY(predict(e, &g));
    for (int64_t i = 0; i < e->n; i++)
        e->proba[i] = e->proba[i * e->k + e->k - 1];
    *out = crm_stats_mean(e->proba, e->n);
    return CRM_OK;
}

/* ---- a unit ---- */

/* Rows at equal distances of the test part. */
static crm_status take_rows(explain *e, const crm_view *test)
{
    const crm_target *t = crm_data_target(e->s->e->data, e->s->target);
    int64_t limit = e->s->e->cfg->explain_rows;

    e->k = t->n_classes;
    e->n = test->n < limit ? test->n : limit;
    CRM_NEW(e->row, e->n);
    CRM_NEW(e->label, e->n);
    CRM_NEW(e->proba, e->n * e->k);
    CRM_NEW(e->order, e->n);
    CRM_NEW(e->from, e->n);
    CRM_NEW(e->num, e->n);
    CRM_NEW(e->cat, e->n);
    for (int64_t i = 0; i < e->n; i++) {
        e->row[i] = test->row[(int64_t)((double)i * (double)test->n / (double)e->n)];
        e->label[i] = t->label[e->row[i]];
    }
    CRM_TRY(crm_pipeline_predict(e->p, e->s->e->data, e->row, e->n, e->proba));
    return score(e, &e->base);
}

static void explain_free(explain *e)
{
    crm_mem_free(e->row);
    crm_mem_free(e->label);
    crm_mem_free(e->proba);
    crm_mem_free(e->order);
    crm_mem_free(e->from);
    crm_mem_free(e->num);
    crm_mem_free(e->cat);
}

/* This rank's share of the features; the others' stay as they are. */
static crm_status own_features(explain *e, explanation *out)
{
    int rank = crm_comm_rank(e->s->group), size = crm_comm_size(e->s->group);

    for (int64_t f = rank; f < out->features; f += size) {
        double *x = out->x + f * out->grid, *y = out->y + f * out->grid;
        int64_t points = 0;
        CRM_CHECK(!crm_study_stopping(e->s), CRM_ERR_STOPPED, "stopped while %s was explained",
                  e->u->name);
        for (int64_t j = 0; j < out->permutations; j++)
            CRM_TRY(importance(e, f, j, out->importance + f * out->permutations + j));
        if (out->grid > 0) CRM_TRY(make_grid(e, f, x, &points));
        for (int64_t j = 0; j < points; j++)
            CRM_TRY(dependence(e, f, x[j], &y[j]));
        for (int64_t j = points; j < out->grid; j++)
            x[j] = y[j] = (double)NAN;
    }
    return CRM_OK;
}

static crm_status shape(const study *s, explanation *out)
{
    out->features = crm_features_count(s->e->data);
    out->permutations = s->e->cfg->importance;
    out->grid = s->e->cfg->dependence;
    for (int64_t f = 0; f < out->features && out->grid > 0; f++)
        if (grid_size(s, f) > out->grid) out->grid = grid_size(s, f);
    CRM_NEW(out->importance, out->features * out->permutations);
    CRM_NEW(out->x, out->features * out->grid);
    CRM_NEW(out->y, out->features * out->grid);
    return CRM_OK;
}

/* Each value is known to one rank: as bits, which no sum can change. */
static crm_status share(const study *s, const explanation *out, double *v, int64_t each)
{
    int rank = crm_comm_rank(s->group), size = crm_comm_size(s->group);
    int64_t n = out->features * each, *bits;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, bits, n);
agree:
    st = crm_comm_agree(s->group, st);
    if (st) {
        crm_mem_free(bits); /* of a rank that had its memory */
        return st;
    }
    for (int64_t i = 0; i < n; i++)
        if (i / each % size == rank) memcpy(&bits[i], &v[i], sizeof *bits);
    st = crm_comm_sum_i64(s->group, bits, n);
    if (!st && n > 0) memcpy(v, bits, (size_t)n * sizeof *v);
    crm_mem_free(bits);
    return st;
}

crm_status crm_unit_explain(study *s, const unit *u, crm_pipeline *p, const crm_view *test,
                            explanation *out)
{
    explain e = {.s = s, .u = u, .p = p};
    crm_status st;

    *out = (explanation){0};
    if (!test || (s->e->cfg->importance == 0 && s->e->cfg->dependence == 0)) return CRM_OK;
    st = shape(s, out);
    if (!st) st = take_rows(&e, test);
    if (!st) st = own_features(&e, out);
    explain_free(&e);
    CRM_TRY(crm_comm_agree(s->group, st));
    CRM_TRY(share(s, out, out->importance, out->permutations));
    CRM_TRY(share(s, out, out->x, out->grid));
    return share(s, out, out->y, out->grid);
}

void crm_explanation_free(explanation *x)
{
    crm_mem_free(x->importance);
    crm_mem_free(x->x);
    crm_mem_free(x->y);
    *x = (explanation){0};
}
