/* train_hybrid.c - the hybrid net as an estimator: inner validation, refit, members; save and load
 * by parameter name in PyTorch's shapes. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "train_impl.h"

/* Nets and arrays for the rows of one data set. */
typedef struct reader {
    blocks_map map;
    int n_workers; /* one, but in a fit */
    worker *worker;
    piece rows;   /* lane_rows of them */
    double *part; /* [lane_rows][n_classes] of one member */
} reader;

typedef struct hybrid {
    crm_estimator base;
    const crm_hybrid_cfg *cfg;
    plan plan;
    int n_classes;
    int64_t size;
    float **w; /* [members][size] */
    reader reader;
} hybrid;

static crm_status workers_new(const plan *p, const blocks_map *m, const crm_schema *s, int n,
                              worker **out)
{
    crm_model_inputs in = {.n_num = s->n_num, .n_cat = s->n_cat, .n_levels = s->n_levels};

    crm_blocks_inputs(m, &in);
    CRM_NEW(*out, n);
    for (int i = 0; i < n; i++) {
        CRM_TRY(crm_device_cpu(CRM_CPU_BEST, &(*out)[i].device));
        CRM_TRY(crm_model_new(&p->cfg->model, &in, p->heads.head, p->heads.n,
                              p->cfg->train.lane_rows, 1, (*out)[i].device, &(*out)[i].model));
    }
    return CRM_OK;
}

static void worker_free(worker *w)
{
    crm_model_free(&w->model);
    crm_device_free(&w->device);
}

static void workers_free(worker **w, int n)
{
    for (int i = 0; *w && i < n; i++)
        worker_free(&(*w)[i]);
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
    h->plan.cfg = cfg;
    *out = &h->base;
    return CRM_OK;
}

static void reader_free(reader *r)
{
    crm_blocks_map_free(&r->map);
    workers_free(&r->worker, r->n_workers);
    crm_piece_free(&r->rows);
    crm_mem_free(r->part);
    *r = (reader){0};
}

static void hybrid_free(crm_estimator *e)
{
    hybrid *h = (hybrid *)e;

    reader_free(&h->reader);
    for (int64_t i = 0; h->w && i < h->cfg->train.members; i++)
        crm_mem_free(h->w[i]);
    crm_mem_free(h->w);
    crm_blocks_free(&h->plan.blocks);
    crm_heads_free(&h->plan.heads);
    crm_mem_free(h);
}

static crm_status reader_new(const plan *p, const crm_source *in, int n_workers, reader *r)
{
    const crm_schema *s = crm_source_schema(in);
    int64_t rows = p->cfg->train.lane_rows;

    CRM_TRY(crm_blocks_map(&p->blocks, crm_source_data(in), &r->map));
    r->n_workers = n_workers;
    CRM_TRY(workers_new(p, &r->map, s, n_workers, &r->worker));
    CRM_TRY(crm_piece_new(&r->map, s, NULL, rows, &r->rows));
    CRM_NEW(r->part, rows * p->heads.head[0].n_classes);
    return CRM_OK;
}

/* The reader for the data of a source: that in hand when the data set is the same. */
static crm_status use_source(hybrid *h, const crm_source *in, int n_workers)
{
    reader r = {.n_workers = 0};
    crm_status st;

    if (h->reader.worker &&
        crm_digest_equal(h->reader.map.digest, crm_data_digest(crm_source_data(in)))) {
        h->reader.map.data = crm_source_data(in);
        return CRM_OK;
    }
    st = reader_new(&h->plan, in, n_workers, &r);
    if (!st) {
        reader_free(&h->reader);
        h->reader = r;
        return CRM_OK;
    }
    reader_free(&r); /* the reader in hand stays */
    return st;
}

/* Graph, weights and reader for a source, from heads and blocks. */
static crm_status hybrid_shape(hybrid *h, const crm_source *in, int n_workers)
{
    h->n_classes = h->plan.heads.head[0].n_classes;
    CRM_TRY(use_source(h, in, n_workers));
    h->size = crm_model_size(h->reader.worker->model);
    CRM_NEW(h->w, h->cfg->train.members);
    for (int64_t i = 0; i < h->cfg->train.members; i++)
        CRM_NEW(h->w[i], h->size);
    return CRM_OK;
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

static crm_status fit_local(hybrid *h, trainer *t)
{
    size_t start = crm_mem_used();

    t->n_workers = crm_pool_size(t->fit->pool);
    CRM_TRY(hybrid_shape(h, t->source, t->n_workers));
    t->map = &h->reader.map;
    t->worker = h->reader.worker;
    t->size = h->size;
    t->nets = crm_mem_used() - start - (size_t)(h->cfg->train.members * h->size) * sizeof(float);
    return CRM_OK;
}

/* After the fit one worker is enough. */
static void keep_one(reader *r)
{
    for (int i = 1; r->worker && i < r->n_workers; i++)
        worker_free(&r->worker[i]);
    if (r->worker) r->n_workers = 1;
}

static crm_status hybrid_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    hybrid *h = (hybrid *)e;
    trainer t = {
        .cfg = h->cfg, .plan = &h->plan, .fit = fit, .source = in, .memory_start = crm_mem_used()};
    crm_status st = crm_comm_agree(fit->comm, crm_heads_new(h->cfg, fit, &h->plan.heads));

    if (!st) st = crm_blocks_fit(&h->plan.blocks, h->cfg, fit);
    if (!st) st = crm_comm_agree(fit->comm, fit_local(h, &t));
    if (!st) st = fit_members(&t, h);
    keep_one(&h->reader);
    return st;
}

/* Calls fn for rows row[n] in pieces of lane_rows; b has their arrays. */
typedef crm_status (*piece_fn)(hybrid *h, const crm_model_batch *b, int64_t at, void *out);

static crm_status each_piece(hybrid *h, const crm_source *in, const int64_t *row, int64_t n,
                             piece_fn fn, void *out)
{
    piece *p;
    int64_t step = h->cfg->train.lane_rows;

    CRM_TRY(use_source(h, in, 1));
    p = &h->reader.rows;
    for (int64_t i = 0; i < n; i += step) {
        int64_t m = n - i < step ? n - i : step;
        crm_model_batch b;
        memcpy(p->row_id, row + i, (size_t)m * sizeof *row);
        CRM_TRY(crm_source_read(in, p->row_id, m, p->num, p->cat));
        crm_piece_fill(&h->reader.map, NULL, m, p);
        b = crm_piece_batch(p, m);
        CRM_TRY(fn(h, &b, i, out));
    }
    return CRM_OK;
}

/* Mean of the probabilities of all members. */
static crm_status predict_piece(hybrid *h, const crm_model_batch *b, int64_t at, void *out)
{
    double *proba = (double *)out + at * h->n_classes, **parts;
    int64_t members = h->cfg->train.members, n = b->lane_rows * h->n_classes;
    crm_status st = CRM_OK;

    CRM_NEW(parts, h->plan.heads.n);
    parts[0] = h->reader.part;
    memset(proba, 0, (size_t)n * sizeof *proba);
    for (int64_t m = 0; m < members && !st; m++) {
        st = crm_model_predict(h->reader.worker->model, b, h->w[m], parts);
        for (int64_t i = 0; i < n && !st; i++)
            proba[i] += parts[0][i];
    }
    for (int64_t i = 0; i < n; i++)
        proba[i] /= (double)members;
    crm_mem_free(parts);
    return st;
}

static crm_status hybrid_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                                 int64_t n, double *proba)
{
    return each_piece((hybrid *)e, in, row, n, predict_piece, proba);
}

static int64_t hybrid_embed_width(const crm_estimator *e)
{
    return crm_model_fused_width(((const hybrid *)e)->reader.worker->model);
}

static crm_status embed_piece(hybrid *h, const crm_model_batch *b, int64_t at, void *out)
{
    crm_model *m = h->reader.worker->model;

    return crm_model_fused(m, b, h->w[0], (float *)out + at * crm_model_fused_width(m));
}

static crm_status hybrid_embed(crm_estimator *e, const crm_source *in, const int64_t *row,
                               int64_t n, float *out)
{
    hybrid *h = (hybrid *)e;

    CRM_CHECK(h->cfg->train.members == 1, CRM_ERR_CONFIG,
              "the model averages %lld nets (train.members), each with vectors of its own; vectors "
              "are those of one net",
              (long long)h->cfg->train.members);
    return each_piece(h, in, row, n, embed_piece, out);
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
    const crm_params *ps = crm_model_params(h->reader.worker->model);
    char name[CRM_BAG_NAME_MAX];

    CRM_TRY(crm_heads_save(&h->plan.heads, b));
    CRM_TRY(crm_blocks_save(&h->plan.blocks, b));
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

    CRM_TRY(crm_heads_load(&h->plan.heads, b));
    CRM_CHECK(h->plan.heads.head[0].n_classes == n_classes, CRM_ERR_FORMAT,
              "the model file has %d classes for its first head, %d are needed",
              h->plan.heads.head[0].n_classes, n_classes);
    CRM_TRY(crm_blocks_load(&h->plan.blocks, h->cfg, b));
    CRM_TRY(hybrid_shape(h, in, 1));
    ps = crm_model_params(h->reader.worker->model);
    for (int64_t m = 0; m < h->cfg->train.members; m++)
        for (int i = 0; i < crm_params_count(ps); i++)
            CRM_TRY(load_param(h, m, crm_params_get(ps, i), b));
    return CRM_OK;
}

static crm_status hybrid_weights(crm_estimator *e, const crm_bag *b)
{
    hybrid *h = (hybrid *)e;
    const crm_params *ps = crm_model_params(h->reader.worker->model);
    float *w;
    crm_status st;

    CRM_CHECK(h->cfg->train.members == 1, CRM_ERR_CONFIG,
              "the model averages %lld nets (train.members); weights replace those of one net",
              (long long)h->cfg->train.members);
    CRM_NEW(w, h->size);
    st = crm_train_put(ps, b, true, w, NULL);
    if (!st) memcpy(h->w[0], w, (size_t)h->size * sizeof *w);
    crm_mem_free(w);
    return st;
}

static const crm_cfg_part parts[] = {
    {crm_model_opts, offsetof(crm_hybrid_cfg, model)},
    {crm_train_opts, offsetof(crm_hybrid_cfg, train)},
    {crm_optim_opts, offsetof(crm_hybrid_cfg, optim)},
    {crm_text_opts, offsetof(crm_hybrid_cfg, text)},
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
    .weights = hybrid_weights,
    .embed_width = hybrid_embed_width,
    .embed = hybrid_embed,
};
