/* train_hybrid.c - the hybrid net as an estimator: inner validation, refit, members; save and load
 * by parameter name in PyTorch's shapes. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "train_impl.h"

typedef struct hybrid {
    crm_estimator base;
    const crm_hybrid_cfg *cfg;
    int n_classes;
    int64_t size;
    float **w;   /* [members][size] */
    worker *one; /* for predict */
} hybrid;

crm_status crm_workers_new(const crm_hybrid_cfg *cfg, const crm_schema *s, const char *target,
                           int n_classes, const float *class_weight, int n, worker **out)
{
    crm_model_inputs in = {.n_num = s->n_num, .n_cat = s->n_cat, .n_levels = s->n_levels};
    crm_model_head head = {
        .name = target, .n_classes = n_classes, .weight = 1, .class_weight = class_weight};

    CRM_NEW(*out, n);
    for (int i = 0; i < n; i++) {
        CRM_TRY(crm_device_cpu(CRM_CPU_BEST, &(*out)[i].device));
        CRM_TRY(crm_model_new(&cfg->model, &in, &head, 1, cfg->train.lane_rows, 1, (*out)[i].device,
                              &(*out)[i].model));
    }
    return CRM_OK;
}

void crm_workers_free(worker **w, int n)
{
    for (int i = 0; *w && i < n; i++) {
        crm_model_free(&(*w)[i].model);
        crm_device_free(&(*w)[i].device);
    }
    crm_mem_free(*w);
    *w = NULL;
}

static crm_status hybrid_make(const void *cfg, crm_estimator **out)
{
    hybrid *h;

    *out = NULL;
    CRM_TRY(crm_model_cfg_check(&((const crm_hybrid_cfg *)cfg)->model));
    CRM_NEW(h, 1);
    h->base.class = &crm_hybrid_class;
    h->cfg = cfg;
    *out = &h->base;
    return CRM_OK;
}

static void hybrid_free(crm_estimator *e)
{
    hybrid *h = (hybrid *)e;

    for (int64_t i = 0; h->w && i < h->cfg->train.members; i++)
        crm_mem_free(h->w[i]);
    crm_mem_free(h->w);
    crm_workers_free(&h->one, 1);
    crm_mem_free(h);
}

/* Graph, weights and predictor for a source and a number of classes. */
static crm_status hybrid_shape(hybrid *h, const crm_source *in, int n_classes)
{
    h->n_classes = n_classes;
    CRM_TRY(crm_workers_new(h->cfg, crm_source_schema(in), "target", n_classes, NULL, 1, &h->one));
    h->size = crm_model_size(h->one->model);
    CRM_NEW(h->w, h->cfg->train.members);
    for (int64_t i = 0; i < h->cfg->train.members; i++)
        CRM_NEW(h->w[i], h->size);
    return CRM_OK;
}

static crm_status balanced_weights(const crm_view *v, const crm_target *t, float **out)
{
    int64_t *count = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, *out, t->n_classes);
    CRM_NEW_TO(st, done, count, t->n_classes);
    for (int64_t i = 0; i < v->n; i++)
        count[t->label[v->row[i]]]++;
    for (int c = 0; c < t->n_classes; c++)
        (*out)[c] =
            (float)(count[c] ? (double)v->n / ((double)t->n_classes * (double)count[c]) : 0);
done:
    crm_mem_free(count);
    return st;
}

/* One net: with an inner validation part first when asked for, then again on all rows when asked
 * for. */
static crm_status fit_member(trainer *t, const crm_view *inner, const crm_view *valid,
                             uint64_t seed, float *w)
{
    const crm_train_cfg *cfg = &t->cfg->train;
    int64_t best;

    t->phase = valid ? CRM_PHASE_SEARCH : CRM_PHASE_FIT;
    if (!valid)
        return crm_train_run(t, t->fit->train, NULL, seed, cfg->epochs, cfg->epochs, w, &best);
    CRM_TRY(crm_train_run(t, inner, valid, seed, cfg->epochs, cfg->epochs, w, &best));
    if (!cfg->refit) return CRM_OK;
    t->phase = CRM_PHASE_REFIT;
    return crm_train_run(t, t->fit->train, NULL, seed, best, cfg->epochs, w, &best);
}

static crm_status fit_members(trainer *t, hybrid *h)
{
    const crm_train_cfg *cfg = &h->cfg->train;
    crm_view *inner = NULL, *valid = NULL;
    crm_status st = CRM_OK;

    if (cfg->validation > 0 && cfg->patience > 0)
        st = crm_view_split(t->fit->train, t->fit->target, cfg->validation, t->fit->seed, &inner,
                            &valid);
    st = crm_comm_agree(t->fit->comm, st);
    if (valid && valid->n == 0) crm_view_free(&valid);
    for (int64_t i = 0; i < cfg->members && !st; i++) {
        t->member = (int)i;
        st = fit_member(t, inner, valid, crm_rng_derive(t->fit->seed, (uint64_t)i, 0, 0), h->w[i]);
    }
    crm_view_free(&inner);
    crm_view_free(&valid);
    return st;
}

static crm_status fit_local(hybrid *h, trainer *t, const crm_target *target)
{
    CRM_TRY(hybrid_shape(h, t->source, target->n_classes));
    t->size = h->size;
    if (h->cfg->train.class_weight == CRM_WEIGHT_BALANCED)
        CRM_TRY(balanced_weights(t->fit->train, target, &t->class_weight));
    t->n_workers = crm_pool_size(t->fit->pool);
    return crm_workers_new(h->cfg, crm_source_schema(t->source), "target", target->n_classes,
                           t->class_weight, t->n_workers, &t->worker);
}

static crm_status hybrid_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    hybrid *h = (hybrid *)e;
    const crm_target *target = crm_data_target(fit->train->data, fit->target);
    trainer t = {.cfg = h->cfg, .fit = fit, .source = in, .n_classes = target->n_classes};
    crm_status st = crm_comm_agree(fit->comm, fit_local(h, &t, target));

    if (!st) st = fit_members(&t, h);
    crm_workers_free(&t.worker, t.n_workers);
    crm_mem_free(t.class_weight);
    return st;
}

/* Adds the probabilities of every member for the rows in num, cat; proba[n][k]. */
static crm_status predict_rows(hybrid *h, int64_t n, const float *num, const int32_t *cat,
                               double *part, double *proba)
{
    crm_model_batch b = {.lanes = 1, .lane_rows = n, .num = num, .cat = cat};
    int64_t members = h->cfg->train.members;

    memset(proba, 0, (size_t)(n * h->n_classes) * sizeof *proba);
    for (int64_t m = 0; m < members; m++) {
        CRM_TRY(crm_model_predict(h->one->model, &b, h->w[m], &part));
        for (int64_t i = 0; i < n * h->n_classes; i++)
            proba[i] += part[i];
    }
    for (int64_t i = 0; i < n * h->n_classes; i++)
        proba[i] /= (double)members;
    return CRM_OK;
}

static crm_status hybrid_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                                 int64_t n, double *proba)
{
    hybrid *h = (hybrid *)e;
    const crm_schema *s = crm_source_schema(in);
    int64_t step = h->cfg->train.lane_rows;
    float *num = NULL;
    int32_t *cat = NULL;
    double *part = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, num, step * s->n_num);
    CRM_NEW_TO(st, done, cat, step * s->n_cat);
    CRM_NEW_TO(st, done, part, step * h->n_classes);
    for (int64_t i = 0; i < n; i += step) {
        int64_t m = n - i < step ? n - i : step;
        CRM_TRY_TO(st, done, crm_source_read(in, row + i, m, num, cat));
        CRM_TRY_TO(st, done, predict_rows(h, m, num, cat, part, proba + i * h->n_classes));
    }
done:
    crm_mem_free(num);
    crm_mem_free(cat);
    crm_mem_free(part);
    return st;
}

/* Bag name of parameter p of a member: plain for a single net, "member3/..." otherwise. */
static void bag_name(const hybrid *h, int64_t member, const crm_param *p, char *out, size_t cap)
{
    if (h->cfg->train.members > 1)
        snprintf(out, cap, "member%lld/%s", (long long)member, p->name);
    else
        snprintf(out, cap, "%s", p->name);
}

static crm_status hybrid_save(const crm_estimator *e, crm_bag *b)
{
    const hybrid *h = (const hybrid *)e;
    const crm_params *ps = crm_model_params(h->one->model);
    char name[CRM_BAG_NAME_MAX];

    for (int64_t m = 0; m < h->cfg->train.members; m++)
        for (int i = 0; i < crm_params_count(ps); i++) {
            const crm_param *p = crm_params_get(ps, i);
            bag_name(h, m, p, name, sizeof name);
            CRM_TRY(crm_bag_put(b, name, CRM_F32, p->rank, p->dim, h->w[m] + p->offset));
        }
    return CRM_OK;
}

static crm_status load_param(hybrid *h, int64_t member, const crm_param *p, crm_bag *b)
{
    const crm_bag_array *a;
    char name[CRM_BAG_NAME_MAX];

    bag_name(h, member, p, name, sizeof name);
    CRM_TRY(crm_bag_get(b, name, CRM_F32, p->n, &a));
    memcpy(h->w[member] + p->offset, a->data, (size_t)p->n * sizeof(float));
    return CRM_OK;
}

static crm_status hybrid_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    hybrid *h = (hybrid *)e;
    const crm_params *ps;

    CRM_TRY(hybrid_shape(h, in, n_classes));
    ps = crm_model_params(h->one->model);
    for (int64_t m = 0; m < h->cfg->train.members; m++)
        for (int i = 0; i < crm_params_count(ps); i++)
            CRM_TRY(load_param(h, m, crm_params_get(ps, i), b));
    return CRM_OK;
}

static const crm_cfg_part parts[] = {
    {crm_model_opts, offsetof(crm_hybrid_cfg, model)},
    {crm_train_opts, offsetof(crm_hybrid_cfg, train)},
    {crm_optim_opts, offsetof(crm_hybrid_cfg, optim)},
    {NULL, 0},
};

const crm_estimator_class crm_hybrid_class = {
    .name = "hybrid",
    .parts = parts,
    .cfg_size = sizeof(crm_hybrid_cfg),
    .help = "Neural net over all blocks of the data set, trained data-parallel.",
    .make = hybrid_make,
    .fit = hybrid_fit,
    .predict = hybrid_predict,
    .save = hybrid_save,
    .load = hybrid_load,
    .free = hybrid_free,
};
