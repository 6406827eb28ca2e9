/* train_hybrid.c - the hybrid net as an estimator: inner validation, refit, members; save and load
 * by parameter name in PyTorch's shapes. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/estimator_classes.h"
#include "train_guard.h"
#include "train_impl.h"

/* Nets and arrays for the rows of one data set. */
typedef struct reader {
    blocks_map map;
    int n_workers; /* one, but in a fit */
    worker *worker;
    piece rows; /* of one call */
    float **w;  /* place.whole: [members] weights in device memory ... */
    bool fresh; /* ... are those of the net */
} reader;

typedef struct hybrid {
    crm_estimator base;
    const crm_hybrid_cfg *cfg;
    plan plan;
    int n_classes;
    int64_t size;
    float **w; /* [members][size] */
    place place;
    reader reader;
} hybrid;

static void worker_free(worker *w)
{
    crm_model_free(&w->model);
    crm_device_piece_free(&w->rows);
    if (w->w) crm_buf_free(w->device, w->w);
    if (w->places) crm_buf_free(w->device, w->places);
    if (!w->lent) crm_device_free(&w->device);
    *w = (worker){.max_rows = 0};
}

/* Memory of a device for rows that are evaluated or predicted, and for weights. */
static crm_status worker_memory(const plan *p, const blocks_map *m, const crm_schema *s,
                                bool labels, worker *w)
{
    void *weights, *places;

    CRM_TRY(
        crm_device_piece_new(w->device, m, s, labels ? &p->heads : NULL, w->max_rows, &w->rows));
    CRM_TRY(crm_buf_new(w->device, (size_t)crm_model_size(w->model) * sizeof *w->w, &weights));
    w->w = weights;
    if (!labels) return CRM_OK;
    CRM_TRY(crm_buf_new(w->device, (size_t)crm_resident_places(w->max_rows) * sizeof *w->places,
                        &places));
    w->places = places;
    return CRM_OK;
}

static crm_status worker_new(const plan *p, const blocks_map *m, const crm_schema *s,
                             const place *at, bool labels, worker *w)
{
    crm_model_inputs in = {.n_num = s->n_num, .n_cat = s->n_cat, .n_levels = s->n_levels};
    int64_t lanes = at->whole ? at->lanes : 1;

    crm_blocks_inputs(m, &in);
    w->lent = at->device != NULL;
    w->device = at->device;
    w->max_rows = lanes * p->cfg->train.lane_rows;
    if (!w->lent) CRM_TRY(crm_device_cpu(CRM_CPU_BEST, &w->device));
    CRM_TRY(crm_model_new(&p->cfg->model, &in, p->heads.head, p->heads.n, w->max_rows, lanes,
                          w->device, &w->model));
    return at->whole ? worker_memory(p, m, s, labels, w) : CRM_OK;
}

static void workers_free(worker **w, int n)
{
    for (int i = 0; *w && i < n; i++)
        worker_free(&(*w)[i]);
    crm_mem_free(*w);
    *w = NULL;
}

/* lanes: most that this rank takes in one call of a step. */
static void find_place(hybrid *h, int64_t lanes)
{
    crm_device *d = h->base.device;
    bool whole = h->cfg->whole || (d && !crm_device_is_host(d));

    h->place = (place){.whole = whole, .lanes = lanes};
    if (!whole) return;
    h->place.device = d;
    h->place.gpu = h->base.gpu;
}

static crm_status check_weights(const crm_hybrid_cfg *cfg, const crm_target *t)
{
    const char *key = cfg->weight_key ? cfg->weight_key : "train.class_weight";

    return crm_class_weights_check(&cfg->train.class_weight, key, t);
}

static crm_status check_data(const void *cfg, const crm_schema *s, const crm_target *t,
                             int64_t rows)
{
    (void)s, (void)rows;
    return check_weights(cfg, t);
}

static crm_status hybrid_make(const void *cfg, crm_estimator **out)
{
    hybrid *h;

    *out = NULL;
    CRM_TRY(crm_model_cfg_check(&((const crm_hybrid_cfg *)cfg)->model));
    CRM_TRY(check_weights(cfg, NULL));
    CRM_NEW(h, 1);
    h->base.class = &crm_hybrid_class;
    h->cfg = cfg;
    h->plan.cfg = cfg;
    *out = &h->base;
    return CRM_OK;
}

static void reader_free(const hybrid *h, reader *r)
{
    for (int64_t i = 0; r->w && i < h->cfg->train.members; i++)
        if (r->w[i]) crm_buf_free(r->worker->device, r->w[i]);
    crm_mem_free(r->w);
    crm_blocks_map_free(&r->map);
    workers_free(&r->worker, r->n_workers);
    crm_piece_free(&r->rows);
    *r = (reader){0};
}

static void hybrid_free(crm_estimator *e)
{
    hybrid *h = (hybrid *)e;

    reader_free(h, &h->reader);
    for (int64_t i = 0; h->w && i < h->cfg->train.members; i++)
        crm_mem_free(h->w[i]);
    crm_mem_free(h->w);
    crm_blocks_free(&h->plan.blocks);
    crm_heads_free(&h->plan.heads);
    crm_mem_free(h);
}

static crm_status reader_new(const hybrid *h, const crm_source *in, int n_workers, bool labels,
                             reader *r)
{
    const crm_schema *s = crm_source_schema(in);
    const plan *p = &h->plan;

    CRM_TRY(crm_blocks_map(&p->blocks, in, &r->map));
    CRM_NEW(r->worker, n_workers);
    r->n_workers = n_workers;
    for (int i = 0; i < n_workers; i++)
        CRM_TRY(worker_new(p, &r->map, s, &h->place, labels, &r->worker[i]));
    return crm_piece_new(&r->map, s, NULL, r->worker->max_rows, &r->rows);
}

/* The reader for the data of a source: that in hand when the data set is the same.  labels: for a
 * fit, which always makes its own. */
static crm_status use_source(hybrid *h, const crm_source *in, int n_workers, bool labels)
{
    reader r = {.n_workers = 0};
    crm_status st;

    if (h->reader.worker && !labels &&
        crm_digest_equal(h->reader.map.digest, crm_data_digest(crm_source_data(in)))) {
        h->reader.map.data = crm_source_data(in);
        return CRM_OK;
    }
    st = reader_new(h, in, n_workers, labels, &r);
    if (!st) {
        reader_free(h, &h->reader);
        h->reader = r;
        return CRM_OK;
    }
    reader_free(h, &r); /* the reader in hand stays */
    return st;
}

/* Weights of all members to the device of the reader, once. */
static crm_status send_weights(hybrid *h)
{
    reader *r = &h->reader;
    crm_device *d = r->worker->device;
    size_t bytes = (size_t)h->size * sizeof **r->w;
    void *w;

    if (!h->place.whole || r->fresh) return CRM_OK;
    if (!r->w) CRM_NEW(r->w, h->cfg->train.members);
    for (int64_t i = 0; i < h->cfg->train.members; i++) {
        if (!r->w[i]) {
            CRM_TRY(crm_buf_new(d, bytes, &w));
            r->w[i] = w;
        }
        CRM_TRY(crm_buf_upload(d, r->w[i], h->w[i], bytes));
    }
    r->fresh = true;
    return CRM_OK;
}

/* Weights of a member where its net computes. */
static const float *weights_of(const hybrid *h, int64_t member)
{
    return h->place.whole ? h->reader.w[member] : h->w[member];
}

/* Graph, weights and reader for a source, from heads and blocks. */
static crm_status hybrid_shape(hybrid *h, const crm_source *in, int n_workers, bool labels)
{
    h->n_classes = h->plan.heads.head[0].n_classes;
    CRM_TRY(use_source(h, in, n_workers, labels));
    h->size = crm_model_size(h->reader.worker->model);
    CRM_NEW(h->w, h->cfg->train.members);
    for (int64_t i = 0; i < h->cfg->train.members; i++)
        CRM_NEW(h->w[i], h->size);
    return CRM_OK;
}

/* One net: with an inner validation part first when asked for, then again on all rows when asked
 * for; or what is left of that after a saved state. */
static crm_status fit_member(trainer *t, const crm_view *inner, const crm_view *valid,
                             uint64_t seed, float *w)
{
    const crm_train_cfg *cfg = &t->cfg->train;
    bool found = t->resume.bag && strcmp(t->resume.phase, CRM_PHASE_REFIT) == 0;
    int64_t best = t->resume.epochs;

    t->phase = valid ? CRM_PHASE_SEARCH : CRM_PHASE_FIT;
    if (!valid)
        return crm_train_run(t, t->fit->train, NULL, seed, cfg->epochs, cfg->epochs, w, &best);
    if (!found) CRM_TRY(crm_train_run(t, inner, valid, seed, cfg->epochs, cfg->epochs, w, &best));
    CRM_CHECK(cfg->refit || !found, CRM_ERR_FORMAT,
              "the saved state is of phase refit, and train.refit is false");
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
        st = crm_view_split(t->fit->train, t->fit->group, t->fit->target, cfg->validation,
                            t->fit->seed, &inner, &valid);
    st = crm_comm_agree(t->fit->comm, st);
    if (valid && valid->n == 0) crm_view_free(&valid);
    for (int64_t i = t->resume.member; i < cfg->members && !st; i++) {
        t->member = (int)i;
        st = fit_member(t, inner, valid, crm_rng_derive(t->fit->seed, (uint64_t)i, 0, 0), h->w[i]);
    }
    crm_view_free(&inner);
    crm_view_free(&valid);
    return st;
}

/* A device computes for the main thread alone; worker threads then only prepare rows. */
static crm_status fit_local(hybrid *h, trainer *t)
{
    size_t start = crm_mem_used();
    int64_t first, end;

    crm_tree_range(h->cfg->train.lanes, crm_comm_rank(t->fit->comm), crm_comm_size(t->fit->comm),
                   &first, &end);
    find_place(h, end > first ? end - first : 1);
    t->place = h->place;
    t->pool = t->place.whole ? NULL : t->fit->pool;
    t->n_workers = t->place.whole ? 1 : crm_pool_size(t->fit->pool);
    CRM_TRY(hybrid_shape(h, t->source, t->n_workers, true));
    t->map = &h->reader.map;
    t->worker = h->reader.worker;
    t->size = h->size;
    t->w = h->w;
    t->nets = crm_mem_used() - start - (size_t)(h->cfg->train.members * h->size) * sizeof(float);
    return CRM_OK;
}

static crm_status check_places(const trainer *t)
{
    int64_t kind[] = {t->place.whole, !t->place.whole};

    CRM_TRY(crm_comm_max_i64(t->fit->comm, kind, 2));
    CRM_CHECK(!kind[0] || !kind[1], CRM_ERR_DEVICE,
              "some ranks of this fit have a GPU and others none; write device: cpu, or run where "
              "all have one");
    return CRM_OK;
}

/* Sums of gradients between devices, for all runs of the fit. */
static crm_status open_sum(trainer *t)
{
    const crm_device_cfg *gpu = t->place.gpu;
    crm_dsum_cfg cfg = {.n_leaves = t->cfg->train.lanes,
                        .width = t->size,
                        .bucket = gpu ? gpu->bucket : 1 << 20,
                        .exact = t->cfg->train.reduce == CRM_REDUCE_EXACT,
                        .transport = gpu ? gpu->transport : CRM_TRANSPORT_AUTO,
                        .timeout = gpu ? gpu->timeout : 300};

    CRM_TRY(check_places(t));
    if (!t->place.whole) return CRM_OK;
    CRM_TRY(crm_dsum_new(t->fit->comm, t->worker[0].device, &cfg, &t->sum));
    crm_log_line(CRM_LOG_DEBUG, "train", "gradients on %s, transport %s",
                 crm_device_name(t->worker[0].device), crm_dsum_transport(t->sum));
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
    first_vectors vectors = {.n = 0};
    trainer t = {.vectors = &vectors,
                 .cfg = h->cfg,
                 .plan = &h->plan,
                 .fit = fit,
                 .source = in,
                 .memory_start = crm_mem_used()};
    crm_status st = crm_comm_agree(fit->comm, crm_heads_new(h->cfg, fit, &h->plan.heads));

    if (!st) st = crm_blocks_fit(&h->plan.blocks, h->cfg, fit, in);
    if (!st) st = crm_first_vectors_new(h->cfg, &h->plan.blocks, fit, &vectors);
    if (!st) st = crm_comm_agree(fit->comm, fit_local(h, &t));
    if (!st) st = crm_comm_agree(fit->comm, crm_state_open(&t));
    if (!st) st = open_sum(&t);
    if (!st) st = fit_members(&t, h);
    if (!st) crm_guard_tell(&t);
    crm_dsum_free(&t.sum);
    crm_first_vectors_free(&vectors);
    h->reader.fresh = false;
    keep_one(&h->reader);
    return st;
}

/* Calls fn for rows row[n] in pieces; b has their arrays. */
typedef crm_status (*piece_fn)(hybrid *h, const crm_model_batch *b, int64_t at, void *out);

/* Rows p->row_id[n] where the net computes. */
static crm_status bring_piece(hybrid *h, const crm_source *in, int64_t n, crm_model_batch *b)
{
    piece *p = &h->reader.rows;
    device_piece *to = &h->reader.worker->rows;

    CRM_TRY(crm_piece_read(in, n, p));
    crm_piece_fill(&h->reader.map, NULL, n, p);
    *b = h->place.whole ? crm_device_piece_batch(to, p, 1, n) : crm_piece_batch(p, n);
    return h->place.whole ? crm_device_piece_upload(to, p, n) : CRM_OK;
}

static crm_status each_piece(hybrid *h, const crm_source *in, const int64_t *row, int64_t n,
                             piece_fn fn, void *out)
{
    int64_t step;

    CRM_TRY(use_source(h, in, 1, false));
    CRM_TRY(send_weights(h));
    step = h->reader.worker->max_rows;
    for (int64_t i = 0; i < n; i += step) {
        int64_t m = n - i < step ? n - i : step;
        crm_model_batch b;
        memcpy(h->reader.rows.row_id, row + i, (size_t)m * sizeof *row);
        CRM_TRY(bring_piece(h, in, m, &b));
        CRM_TRY(fn(h, &b, i, out));
    }
    return CRM_OK;
}

/* Where the next rows of a head go. */
typedef struct asked {
    int head;
    double *out;
} asked;

static int64_t units_of(const hybrid *h, int head, int64_t n)
{
    int64_t units = 0, first, end;

    for (int64_t i = 0; i < n; i++) {
        crm_head_units(&h->plan.heads, head, &h->reader.map, h->reader.rows.row_id[i], &first,
                       &end);
        units += end - first;
    }
    return units;
}

/* Mean of the probabilities of all members. */
static crm_status predict_piece(hybrid *h, const crm_model_batch *b, int64_t at, void *ctx)
{
    asked *x = ctx;
    int64_t members = h->cfg->train.members;
    int64_t n = units_of(h, x->head, b->lane_rows) * h->plan.heads.head[x->head].n_classes;
    double *part = NULL, **parts = NULL;
    crm_status st = CRM_OK;

    (void)at;
    CRM_NEW_TO(st, done, part, n);
    CRM_NEW_TO(st, done, parts, h->plan.heads.n);
    parts[x->head] = part;
    memset(x->out, 0, (size_t)n * sizeof *x->out);
    for (int64_t m = 0; m < members && !st; m++) {
        st = crm_model_predict(h->reader.worker->model, b, weights_of(h, m), parts);
        for (int64_t i = 0; i < n && !st; i++)
            x->out[i] += part[i];
    }
    for (int64_t i = 0; i < n; i++)
        x->out[i] /= (double)members;
    x->out += n;
done:
    crm_mem_free(part);
    crm_mem_free(parts);
    return st;
}

static crm_status hybrid_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                                 int64_t n, double *proba)
{
    return each_piece((hybrid *)e, in, row, n, predict_piece, &(asked){.head = 0, .out = proba});
}

static int hybrid_further(const crm_estimator *e, const crm_further **out)
{
    const heads *hs = &((const hybrid *)e)->plan.heads;

    *out = hs->further;
    return hs->n_further;
}

static crm_status hybrid_predict_further(crm_estimator *e, const crm_source *in, const int64_t *row,
                                         int64_t n, int number, double *proba)
{
    hybrid *h = (hybrid *)e;
    asked x = {.head = h->plan.heads.further_at[number], .out = proba};

    return each_piece(h, in, row, n, predict_piece, &x);
}

static int64_t hybrid_embed_width(const crm_estimator *e)
{
    const hybrid *h = (const hybrid *)e;

    return h->cfg->train.members * crm_model_fused_width(h->reader.worker->model);
}

/* Vectors of all members side by side. */
static crm_status embed_piece(hybrid *h, const crm_model_batch *b, int64_t at, void *out)
{
    crm_model *model = h->reader.worker->model;
    int64_t members = h->cfg->train.members, width = crm_model_fused_width(model);
    float *to = (float *)out + at * members * width, *part;
    crm_status st = CRM_OK;

    CRM_NEW(part, b->lane_rows * width);
    for (int64_t m = 0; m < members && !st; m++) {
        st = crm_model_fused(model, b, weights_of(h, m), part);
        for (int64_t i = 0; i < b->lane_rows && !st; i++)
            memcpy(to + (i * members + m) * width, part + i * width, (size_t)width * sizeof *part);
    }
    crm_mem_free(part);
    return st;
}

static crm_status hybrid_embed(crm_estimator *e, const crm_source *in, const int64_t *row,
                               int64_t n, float *out)
{
    return each_piece((hybrid *)e, in, row, n, embed_piece, out);
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
    CRM_TRY(crm_blocks_load(&h->plan.blocks, h->cfg, in, b));
    find_place(h, h->cfg->train.lanes);
    CRM_TRY(hybrid_shape(h, in, 1, false));
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
    h->reader.fresh = false;
    return st;
}

/* The profile branch reads columns; the other branches read the blocks. */
static crm_estimator_traits hybrid_traits(const void *config)
{
    static const unsigned parts_of[] = {[CRM_COLUMNS_FLAT] = CRM_FLAT_ALL,
                                        [CRM_COLUMNS_OWN] = CRM_FLAT_PROFILE,
                                        [CRM_COLUMNS_NONE] = 0};
    const crm_hybrid_cfg *cfg = config;

    return (crm_estimator_traits){.max_ranks = cfg->train.lanes,
                                  .by_layout = cfg->train.reduce == CRM_REDUCE_FAST,
                                  .parts = parts_of[cfg->model.columns],
                                  .no_sparse = cfg->model.wide_rate == 0};
}

static const crm_cfg_part parts[] = {
    {crm_model_opts, offsetof(crm_hybrid_cfg, model)},
    {crm_train_opts, offsetof(crm_hybrid_cfg, train)},
    {crm_optim_opts, offsetof(crm_hybrid_cfg, optim)},
    {crm_text_opts, offsetof(crm_hybrid_cfg, text)},
    {crm_embed_opts, offsetof(crm_hybrid_cfg, embed)},
    {crm_check_opts, offsetof(crm_hybrid_cfg, check)},
    {NULL, 0},
};

const crm_estimator_class crm_hybrid_class = {
    .name = "hybrid",
    .parts = parts,
    .cfg_size = sizeof(crm_hybrid_cfg),
    .help = "Neural net over all blocks of the data set, trained data-parallel.",
    .uses_device = true,
    .reading = "importance, dependence",
    .check = check_data,
    .make = hybrid_make,
    .fit = hybrid_fit,
    .predict = hybrid_predict,
    .save = hybrid_save,
    .load = hybrid_load,
    .free = hybrid_free,
    .weights = hybrid_weights,
    .embed_width = hybrid_embed_width,
    .embed = hybrid_embed,
    .further = hybrid_further,
    .predict_further = hybrid_predict_further,
    .traits = hybrid_traits,
};
