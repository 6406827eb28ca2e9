/* gpu_ops.c - time of each operation of a step of the reference model on a GPU, all lanes in one
 * call, beside the limit that memory and arithmetic set: bench_gpu_ops [LANES LANE_ROWS
 * [fp32|tf32|bf16 [cpu]]]
 *
 * Two ceilings are measured first: a large copy (bytes read and written a second) and a large
 * matrix product (arithmetic a second, in the math asked for).  The limit of an operation is the
 * larger of its least bytes over the one and its arithmetic, with the exact short cuts, over the
 * other.  Times are medians of blocks of calls. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/base_str.h"
#include "crmpi/device.h"
#include "crmpi/nn.h"

enum { MONTHS = 12, CHANNELS = 16, PROFILE = 24, EVENTS = 50, TOKENS = 64, WORDS = 20000 };
enum { H = 64, GATES = 3 * H, X = 22, EMBED = 16, CATEGORIES = 256, FILTERS = 64, KERNELS = 3 };
enum { TEXT = KERNELS * FILTERS, TAPS = 12, FUSED = 352, FUSION = 128, PARAMS = 1446128 };
enum { BLOCKS = 7, LANES_MOST = CRM_LANES_MAX };

typedef struct bench {
    crm_device *d;
    crm_device_cfg cfg;
    int64_t lanes, lane_rows, n;
    double bytes_s, flop_s, total_ms, limit_ms;
    int calls; /* of a block */
} bench;

static void must(crm_status st)
{
    if (!st) return;
    fprintf(stderr, "bench_gpu_ops: %s\n", crm_err_text());
    exit(70);
}

/* ---- arrays in device memory ---- */
static void *memory(bench *b, int64_t bytes)
{
    void *p;

    must(crm_buf_new(b->d, (size_t)bytes, &p));
    must(crm_buf_zero(b->d, p, (size_t)bytes));
    return p;
}

static void *upload(bench *b, const void *host, int64_t bytes)
{
    void *p = memory(b, bytes);

    must(crm_buf_upload(b->d, p, host, (size_t)bytes));
    return p;
}

static float *numbers(bench *b, int64_t n, double scale)
{
    static uint64_t key;
    crm_rng r = crm_rng_at(2, CRM_RNG_TEST, 0, key++);
    float *host = crm_mem_new((size_t)n, sizeof *host), *p;

    if (!host) exit(70);
    for (int64_t i = 0; i < n; i++)
        host[i] = (float)((crm_rng_uniform(&r) - 0.5) * 2 * scale);
    p = upload(b, host, n * (int64_t)sizeof *host);
    crm_mem_free(host);
    return p;
}

static crm_tensor matrix(bench *b, int64_t n, int64_t d, double scale)
{
    return crm_tensor_2d(numbers(b, n * d, scale), CRM_F32, n, d);
}

static crm_tensor cube(bench *b, int64_t x, int64_t y, int64_t z, double scale)
{
    crm_tensor t = matrix(b, x, y * z, scale);

    t.rank = 3;
    t.dim[1] = y;
    t.dim[2] = z;
    return t;
}

static crm_tensor vector(bench *b, int64_t n)
{
    return crm_tensor_1d(numbers(b, n, 0.1), CRM_F32, n);
}

static crm_tensor codes(bench *b, int64_t n, int64_t levels, double skew)
{
    crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, (uint64_t)levels);
    int32_t *host = crm_mem_new((size_t)n, sizeof *host);
    crm_tensor t;

    if (!host) exit(70);
    for (int64_t i = 0; i < n; i++)
        host[i] = skew > 0 ? (int32_t)exp(crm_rng_uniform(&r) * log((double)levels))
                           : (int32_t)crm_rng_below(&r, (uint64_t)levels);
    t = crm_tensor_2d(upload(b, host, n * (int64_t)sizeof *host), CRM_I32, n, 1);
    crm_mem_free(host);
    return t;
}

static int64_t *multiples(bench *b, int64_t n, int64_t step, int64_t **host)
{
    int64_t *first = crm_mem_new((size_t)n + 1, sizeof *first);

    if (!first) exit(70);
    for (int64_t i = 0; i <= n; i++)
        first[i] = i * step;
    *host = first;
    return upload(b, first, (n + 1) * (int64_t)sizeof *first);
}

/* ---- timing ---- */
typedef crm_status (*op_fn)(bench *b, void *ctx);

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double seconds(bench *b, op_fn fn, void *ctx)
{
    double t[BLOCKS];

    must(fn(b, ctx));
    must(crm_device_sync(b->d));
    for (int i = 0; i < BLOCKS; i++) {
        double start = crm_clock_now();
        for (int k = 0; k < b->calls; k++)
            must(fn(b, ctx));
        must(crm_device_sync(b->d));
        t[i] = (crm_clock_now() - start) / b->calls;
    }
    qsort(t, BLOCKS, sizeof *t, by_value);
    return t[BLOCKS / 2];
}

/* flop and bytes: least that the operation has to do and to move. */
static void report(bench *b, const char *name, double flop, double bytes, op_fn fn, void *ctx)
{
    double s = seconds(b, fn, ctx), by_flop = flop / b->flop_s, by_bytes = bytes / b->bytes_s;
    double limit = by_flop > by_bytes ? by_flop : by_bytes;

    b->total_ms += s * 1e3;
    b->limit_ms += limit * 1e3;
    printf("%-34s %9.4f ms %8.1f GFLOP/s %8.1f GB/s  limit %8.4f ms (%s) %5.1f %%\n", name, s * 1e3,
           flop / s / 1e9, bytes / s / 1e9, limit * 1e3,
           by_flop > by_bytes ? "arithmetic" : "memory", 100 * limit / s);
}

/* ---- ceilings ---- */
typedef struct pair {
    crm_tensor x, w, y;
} pair;

static crm_status copy(bench *b, void *c)
{
    pair *p = c;
    return crm_op_copy(b->d, &p->x, &p->y);
}
static crm_status product(bench *b, void *c)
{
    pair *p = c;
    return crm_op_linear(b->d, &p->x, &p->w, NULL, CRM_ACT_NONE, &p->y);
}

static void ceilings(bench *b, bool small)
{
    int64_t n = small ? 256 : 8192, d = small ? 256 : 4096;
    pair p = {.x = matrix(b, n, d, 1), .w = matrix(b, d, d, 1), .y = matrix(b, n, d, 0)};

    b->bytes_s = 2.0 * (double)(n * d) * sizeof(float) / seconds(b, copy, &p);
    b->flop_s = 2.0 * (double)(n * d) * (double)d / seconds(b, product, &p);
    printf("ceilings measured: copy %.0f GB/s, matrix product %.1f TFLOP/s\n", b->bytes_s / 1e9,
           b->flop_s / 1e12);
}

/* ---- months ---- */
typedef struct months {
    crm_conv p;
    crm_tensor x, w, b, h, w2, b2, y, arg, out, dy, dh, dw, db, dw2, db2;
    crm_segments parts;
    crm_lanes lanes;
} months;

static crm_status conv1(bench *b, void *c)
{
    months *m = c;
    return crm_op_conv(b->d, &m->p, &m->x, &m->w, &m->b, &m->h);
}
static crm_status conv2(bench *b, void *c)
{
    months *m = c;
    return crm_op_conv(b->d, &m->p, &m->h, &m->w2, &m->b2, &m->y);
}
static crm_status months_pool(bench *b, void *c)
{
    months *m = c;
    CRM_TRY(crm_op_pool(b->d, CRM_POOL_MAX, &m->parts, &m->y, &m->out, &m->arg));
    CRM_TRY(crm_op_pool_bwd(b->d, CRM_POOL_MAX, &m->parts, &m->out, &m->arg, &m->dy));
    return crm_op_act_bwd(b->d, CRM_ACT_RELU, NULL, &m->y, &m->dy);
}
static crm_status conv2_w(bench *b, void *c)
{
    months *m = c;
    return crm_op_conv_bwd_w(b->d, &m->p, &m->h, &m->dy, &m->lanes, &m->dw2, &m->db2);
}
static crm_status conv2_x(bench *b, void *c)
{
    months *m = c;
    CRM_TRY(crm_op_conv_bwd_x(b->d, &m->p, &m->dy, &m->w2, &m->dh));
    return crm_op_act_bwd(b->d, CRM_ACT_RELU, NULL, &m->h, &m->dh);
}
static crm_status conv1_w(bench *b, void *c)
{
    months *m = c;
    return crm_op_conv_bwd_w(b->d, &m->p, &m->x, &m->dh, &m->lanes, &m->dw, &m->db);
}

/* Gradients of weights of all lanes stand one after the other: rows of a matrix, seen as lane 0. */
static crm_tensor cube_lanes(bench *b, int64_t x, int64_t y, int64_t z)
{
    crm_tensor t = cube(b, x, y, z, 0);

    t.data = memory(b, b->lanes * PARAMS * (int64_t)sizeof(float));
    return t;
}

static crm_tensor vector_lanes(bench *b, int64_t n)
{
    return crm_tensor_1d(memory(b, b->lanes * PARAMS * (int64_t)sizeof(float)), CRM_F32, n);
}

static void bench_months(bench *b)
{
    int64_t n = b->n, rows = n * MONTHS, *host;
    double r = (double)rows, k1 = 2.0 * r * 3 * CHANNELS * 64, k2 = 2.0 * r * 3 * 64 * 64;
    months m = {.p = {.steps = MONTHS, .kernel = 3, .pad = 1, .act = CRM_ACT_RELU},
                .x = matrix(b, rows, CHANNELS, 1),
                .w = cube(b, 64, CHANNELS, 3, 0.14),
                .b = vector(b, 64),
                .h = matrix(b, rows, 64, 1),
                .w2 = cube(b, 64, 64, 3, 0.07),
                .b2 = vector(b, 64),
                .y = matrix(b, rows, 64, 1),
                .arg = codes(b, n * 64, 2, 0),
                .out = matrix(b, n, 64, 1),
                .dy = matrix(b, rows, 64, 1),
                .dh = matrix(b, rows, 64, 1),
                .dw = cube_lanes(b, 64, CHANNELS, 3),
                .db = vector_lanes(b, 64),
                .dw2 = cube_lanes(b, 64, 64, 3),
                .db2 = vector_lanes(b, 64),
                .lanes = {.n = b->lanes, .rows = b->lane_rows, .stride = PARAMS}};

    m.arg = crm_tensor_2d(m.arg.data, CRM_I32, n, 64);
    m.parts = (crm_segments){.n = n, .first = multiples(b, n, MONTHS, &host)};
    crm_mem_free(host);
    report(b, "months: conv 16 -> 64", k1, r * (CHANNELS + 64) * 4, conv1, &m);
    report(b, "months: conv 64 -> 64", k2, r * (64 + 64) * 4, conv2, &m);
    report(b, "months: max, its gradient, ReLU", 0, r * 64 * 4 * 4, months_pool, &m);
    report(b, "months: conv 64 -> 64, dw", k2 / MONTHS, r * 128 * 4, conv2_w, &m);
    report(b, "months: conv 64 -> 64, dx, ReLU", k2 / MONTHS, r * 256 * 4, conv2_x, &m);
    report(b, "months: conv 16 -> 64, dw", k1, r * 80 * 4, conv1_w, &m);
}

/* ---- events ---- */
typedef struct events {
    crm_tensor code, table, dtable, x, xe, h, keep, dh, dx, last, dlast;
    crm_rnn_weights w, dw;
    crm_packed packed[LANES_MOST];
    int64_t lane_first[LANES_MOST + 1];
    crm_rnn p;
    crm_segments parts;
    crm_lanes lanes;
} events;

static crm_status events_embed(bench *b, void *c)
{
    events *e = c;
    return crm_op_embed(b->d, &e->code, &e->table, &e->xe);
}
static crm_status events_embed_bwd(bench *b, void *c)
{
    events *e = c;
    crm_tensor dy = crm_tensor_columns(&e->dx, 0, EMBED);
    return crm_op_embed_bwd(b->d, &e->code, &dy, &e->lanes, &e->dtable);
}
static crm_status events_pool(bench *b, void *c)
{
    events *e = c;
    CRM_TRY(crm_op_pool(b->d, CRM_POOL_LAST, &e->parts, &e->h, &e->last, NULL));
    return crm_op_pool_bwd(b->d, CRM_POOL_LAST, &e->parts, &e->dlast, NULL, &e->dh);
}
static crm_status events_rnn(bench *b, void *c)
{
    events *e = c;
    return crm_op_rnn(b->d, &e->p, &e->w, &e->lanes, &e->x, &e->h, &e->keep);
}
static crm_status events_rnn_bwd(bench *b, void *c)
{
    events *e = c;
    return crm_op_rnn_bwd(b->d, &e->p, &e->w, &e->lanes, &e->x, &e->h, &e->keep, &e->dh, &e->dx,
                          &e->dw);
}

/* Full sequences of every lane, packed: step t of lane l are rows (l EVENTS + t) lane_rows ... */
static void pack(bench *b, events *e)
{
    int64_t *host = crm_mem_new((size_t)(b->lanes * (EVENTS + 1)), sizeof *host), *device;

    if (!host) exit(70);
    for (int64_t l = 0; l <= b->lanes; l++)
        e->lane_first[l] = l * EVENTS * b->lane_rows;
    for (int64_t i = 0; i < b->lanes * (EVENTS + 1); i++)
        host[i] = (i / (EVENTS + 1) * EVENTS + i % (EVENTS + 1)) * b->lane_rows;
    device = upload(b, host, b->lanes * (EVENTS + 1) * (int64_t)sizeof *host);
    for (int64_t l = 0; l < b->lanes; l++)
        e->packed[l] = (crm_packed){.steps = EVENTS,
                                    .first = host + l * (EVENTS + 1),
                                    .device_first = device + l * (EVENTS + 1)};
    e->p = (crm_rnn){.kind = CRM_RNN_GRU, .packed = e->packed};
    e->lanes = (crm_lanes){.n = b->lanes, .first = e->lane_first, .stride = PARAMS};
}

/* Packed row of event t of sequence i of lane l. */
static void place_rows(bench *b, events *e)
{
    int64_t rows = b->n * EVENTS, *first;
    int32_t *host = crm_mem_new((size_t)rows, sizeof *host);

    if (!host) exit(70);
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t t = 0; t < EVENTS; t++)
            host[i * EVENTS + t] =
                (int32_t)((i / b->lane_rows * EVENTS + t) * b->lane_rows + i % b->lane_rows);
    e->parts = (crm_segments){.n = b->n,
                              .first = multiples(b, b->n, EVENTS, &first),
                              .row = upload(b, host, rows * (int64_t)sizeof *host)};
    crm_mem_free(first);
    crm_mem_free(host);
}

static crm_rnn_weights gru_weights(bench *b)
{
    return (crm_rnn_weights){.wi = matrix(b, GATES, X, 0.125),
                             .wh = matrix(b, GATES, H, 0.125),
                             .bi = vector(b, GATES),
                             .bh = vector(b, GATES)};
}

static crm_rnn_weights gru_gradients(bench *b)
{
    float *all = memory(b, b->lanes * PARAMS * (int64_t)sizeof(float));

    return (crm_rnn_weights){
        .wi = crm_tensor_2d(all, CRM_F32, GATES, X),
        .wh = crm_tensor_2d(all + GATES * X, CRM_F32, GATES, H),
        .bi = crm_tensor_1d(all + (int64_t)(GATES * (X + H)), CRM_F32, GATES),
        .bh = crm_tensor_1d(all + (int64_t)(GATES * (X + H + 1)), CRM_F32, GATES)};
}

static void bench_events(bench *b)
{
    int64_t n = b->n, rows = n * EVENTS, keep = crm_rnn_keep(CRM_RNN_GRU) * H;
    double r = (double)rows, forward = 2.0 * r * (X + H) * GATES;
    static events e;

    e.code = codes(b, rows, CATEGORIES, 0);
    e.table = matrix(b, CATEGORIES, EMBED, 1);
    e.dtable = crm_tensor_2d(memory(b, b->lanes * PARAMS * (int64_t)sizeof(float)), CRM_F32,
                             CATEGORIES, EMBED);
    e.x = matrix(b, rows, X, 1);
    e.h = matrix(b, rows, H, 0);
    e.keep = matrix(b, rows, keep, 0);
    e.dh = matrix(b, rows, H, 0);
    e.dx = matrix(b, rows, X, 0);
    e.last = matrix(b, n, H, 0);
    e.dlast = matrix(b, n, H, 1e-3);
    e.w = gru_weights(b);
    e.dw = gru_gradients(b);
    e.xe = crm_tensor_columns(&e.x, 0, EMBED);
    pack(b, &e);
    place_rows(b, &e);
    report(b, "events: embedding", 0, r * (4 + EMBED * 4), events_embed, &e);
    report(b, "events: GRU, forward", forward, r * 4 * (double)(X + H + keep), events_rnn, &e);
    report(b, "events: last state, its gradient", 0, (r + 2.0 * (double)n) * H * 4, events_pool,
           &e);
    report(b, "events: GRU, backward", 2 * forward, r * 4 * (double)(2 * X + 2 * H + keep),
           events_rnn_bwd, &e);
    report(b, "events: embedding, gradient", 0, r * (4 + EMBED * 4), events_embed_bwd, &e);
}

/* ---- text ---- */
typedef struct text {
    crm_text_conv p;
    crm_text_weights w, dw;
    crm_tensor y, arg, dy;
    crm_lanes lanes;
    float *dtable;
} text;

static crm_status text_forward(bench *b, void *c)
{
    text *t = c;
    return crm_op_text_conv(b->d, &t->p, &t->w, &t->y, &t->arg);
}
static crm_status text_backward(bench *b, void *c)
{
    text *t = c;
    return crm_op_text_conv_bwd(b->d, &t->p, &t->w, &t->arg, &t->dy, &t->lanes, &t->dw, true);
}

static void bench_text(bench *b)
{
    int64_t n = b->n, *first;
    double tokens = (double)n * TOKENS, products = 2.0 * WORDS * TAPS * FILTERS * 64;
    crm_tensor token = codes(b, n * TOKENS, WORDS, 1);
    float *grad = memory(b, b->lanes * PARAMS * (int64_t)sizeof(float));
    text t = {.p = {.n_kernels = KERNELS,
                    .kernel = {3, 4, 5},
                    .length = TOKENS,
                    .act = CRM_ACT_RELU,
                    .n_docs = n,
                    .n_tokens = n * TOKENS,
                    .first = multiples(b, n, TOKENS, &first),
                    .token = token.data},
              .w = {.table = matrix(b, WORDS, 64, 1)},
              .dw = {.table = crm_tensor_2d(grad, CRM_F32, WORDS, 64)},
              .y = matrix(b, n, TEXT, 0),
              .arg = codes(b, n * TEXT, 2, 0),
              .dy = matrix(b, n, TEXT, 1e-3),
              .lanes = {.n = b->lanes, .rows = b->lane_rows, .stride = PARAMS}};
    int64_t at = WORDS * 64;

    crm_mem_free(first);
    t.arg = crm_tensor_2d(t.arg.data, CRM_I32, n, TEXT);
    for (int k = 0; k < KERNELS; k++) {
        t.w.w[k] = cube(b, FILTERS, 64, 3 + k, 0.06);
        t.w.b[k] = vector(b, FILTERS);
        t.dw.w[k] = t.w.w[k];
        t.dw.w[k].data = grad + at;
        at += FILTERS * 64 * (3 + k);
        t.dw.b[k] = crm_tensor_1d(grad + at, CRM_F32, FILTERS);
        at += FILTERS;
    }
    report(b, "text: conv + max, forward", products + tokens * TAPS * FILTERS,
           tokens * TAPS * FILTERS * 4, text_forward, &t);
    report(b, "text: conv + max, backward", 4.0 * (double)n * FILTERS * TAPS * 64,
           tokens * 64 * 4 * 2 + (double)n * TEXT * 8, text_backward, &t);
}

/* ---- dense layers, losses, the sum over lanes, optimiser ---- */
typedef struct dense {
    crm_tensor x, w, b, y, dy, dx, dw, db;
    crm_act act;
    crm_lanes lanes;
} dense;

static crm_status dense_both(bench *b, void *c)
{
    dense *l = c;
    CRM_TRY(crm_op_linear(b->d, &l->x, &l->w, &l->b, l->act, &l->y));
    CRM_TRY(crm_op_act_bwd(b->d, l->act, NULL, &l->y, &l->dy));
    CRM_TRY(crm_op_linear_bwd_w(b->d, &l->x, &l->dy, &l->lanes, &l->dw, &l->db));
    return crm_op_linear_bwd_x(b->d, &l->dy, &l->w, &l->dx);
}

static void bench_dense(bench *b, const char *name, int64_t i, int64_t o, crm_act act)
{
    float *grad = memory(b, b->lanes * PARAMS * (int64_t)sizeof(float));
    double n = (double)b->n;
    dense l = {.x = matrix(b, b->n, i, 1),
               .w = matrix(b, o, i, 0.1),
               .b = vector(b, o),
               .y = matrix(b, b->n, o, 0),
               .dy = matrix(b, b->n, o, 1e-3),
               .dx = matrix(b, b->n, i, 0),
               .dw = crm_tensor_2d(grad, CRM_F32, o, i),
               .db = crm_tensor_1d(grad + o * i, CRM_F32, o),
               .act = act,
               .lanes = {.n = b->lanes, .rows = b->lane_rows, .stride = PARAMS}};

    report(b, name, 6.0 * n * (double)(i * o), n * 4 * (double)(3 * i + 4 * o), dense_both, &l);
}

typedef struct loss {
    crm_tensor z, dz, sum, label;
    crm_lanes lanes;
} loss;

static crm_status cross_entropy(bench *b, void *c)
{
    loss *l = c;
    crm_loss p = {.label = l->label.data, .scale = 1};

    return crm_op_ce_loss(b->d, &l->z, &p, &l->lanes, &l->sum, &l->dz);
}

typedef struct flat {
    crm_tensor v[4], sums;
    float *leaves, *sum, *vec[LANES_MOST];
    crm_add add[LANES_MOST];
    int n_adds;
} flat;

static crm_status zero_leaves(bench *b, void *c)
{
    flat *f = c;
    return crm_buf_zero(b->d, f->leaves, (size_t)(b->lanes * PARAMS) * sizeof(float));
}
static crm_status combine(bench *b, void *c)
{
    flat *f = c;
    return crm_op_combine(b->d, f->vec, (int)b->lanes, f->add, f->n_adds, 0, PARAMS, f->sum);
}
static crm_status squares(bench *b, void *c)
{
    flat *f = c;
    return crm_op_sum_squares(b->d, &f->v[0], &f->sums);
}
static crm_status adam(bench *b, void *c)
{
    flat *f = c;
    crm_adam p = {
        .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .grad_scale = 1, .step = 1};

    return crm_op_adam(b->d, &p, &f->v[0], &f->v[1], &f->v[2], &f->v[3]);
}

static void bench_rest(bench *b)
{
    double all = (double)PARAMS * sizeof(float), lanes = (double)b->lanes;
    loss l = {.z = matrix(b, b->n, 256, 1),
              .dz = matrix(b, b->n, 256, 0),
              .sum = crm_tensor_1d(memory(b, b->lanes * 8), CRM_F64, b->lanes),
              .label = codes(b, b->n, 256, 0),
              .lanes = {.n = b->lanes, .rows = b->lane_rows}};
    flat f = {.leaves = numbers(b, b->lanes * PARAMS, 1e-3), .sum = numbers(b, PARAMS, 0)};

    bench_dense(b, "profile: dense 24 -> 32", PROFILE, 32, CRM_ACT_RELU);
    bench_dense(b, "fusion: dense 352 -> 128", FUSED, FUSION, CRM_ACT_RELU);
    bench_dense(b, "head: dense 128 -> 256", FUSION, 256, CRM_ACT_NONE);
    report(b, "loss of 256 classes", 0, (double)b->n * 256 * 8, cross_entropy, &l);
    for (int i = 0; i < 4; i++)
        f.v[i] = vector(b, PARAMS);
    f.v[3].data = memory(b, PARAMS * (int64_t)sizeof(float));
    f.sums = crm_tensor_1d(memory(b, PARAMS), CRM_F64, (PARAMS + CRM_BLOCK - 1) / CRM_BLOCK);
    for (int64_t i = 0; i < b->lanes; i++)
        f.vec[i] = f.leaves + i * PARAMS;
    for (int step = 1; step < b->lanes; step *= 2)
        for (int i = 0; i + step < b->lanes; i += 2 * step)
            f.add[f.n_adds++] = (crm_add){i, i + step};
    report(b, "zeros of all lanes", 0, lanes * all, zero_leaves, &f);
    report(b, "exact sum over the lanes", 0, (lanes + 1) * all, combine, &f);
    report(b, "sums of squares", 0, all, squares, &f);
    report(b, "Adam, 1.45 M parameters", 0, 7 * all, adam, &f);
}

/* ---- the wide part, which the reference model is without ---- */
enum { WIDE = 1 << 16, WIDE_CLASSES = 3, WIDE_ENTRIES = 40 };
typedef struct wide {
    crm_bag bag;
    crm_tensor table, y, dy, dtable;
    crm_lanes lanes;
} wide;

static crm_status wide_forward(bench *b, void *c)
{
    wide *w = c;
    return crm_op_bag(b->d, &w->bag, &w->table, &w->y);
}
static crm_status wide_backward(bench *b, void *c)
{
    wide *w = c;
    return crm_op_bag_bwd(b->d, &w->bag, &w->dy, &w->lanes, &w->dtable);
}

static void bench_wide(bench *b)
{
    int64_t n = b->n * WIDE_ENTRIES, *first;
    crm_tensor id = codes(b, n, WIDE, 1);
    float *grad = memory(b, b->lanes * PARAMS * (int64_t)sizeof(float));
    wide w = {.bag = {.n = b->n,
                      .n_entries = n,
                      .first = multiples(b, b->n, WIDE_ENTRIES, &first),
                      .id = id.data,
                      .value = numbers(b, n, 1),
                      .factor = 1},
              .table = matrix(b, WIDE, WIDE_CLASSES, 1),
              .y = matrix(b, b->n, WIDE_CLASSES, 0),
              .dy = matrix(b, b->n, WIDE_CLASSES, 1e-3),
              .dtable = crm_tensor_2d(grad, CRM_F32, WIDE, WIDE_CLASSES),
              .lanes = {.n = b->lanes, .rows = b->lane_rows, .stride = PARAMS}};
    double bytes = (double)n * (8 + WIDE_CLASSES * 4);

    crm_mem_free(first);
    report(b, "beside the model: bag of 40", 0, bytes, wide_forward, &w);
    report(b, "beside the model: bag, gradient", 0, bytes, wide_backward, &w);
}

static bool arguments(bench *b, int argc, char **argv)
{
    static const char *const math[] = {"fp32", "tf32", "bf16"};

    b->cfg = (crm_device_cfg){.kind = CRM_DEVICE_CUDA, .timeout = 60, .graph = true};
    if (argc == 1) return true;
    if (argc < 3 || argc > 5 || !crm_parse_i64(argv[1], strlen(argv[1]), &b->lanes) ||
        !crm_parse_i64(argv[2], strlen(argv[2]), &b->lane_rows) || b->lanes < 1 ||
        b->lanes > LANES_MOST || b->lane_rows < 1)
        return false;
    for (int i = 0; argc > 3 && i < 3; i++)
        if (strcmp(argv[3], math[i]) == 0) b->cfg.math = i;
    if (argc == 5 && strcmp(argv[4], "cpu") == 0) b->cfg.kind = CRM_DEVICE_CPU;
    return true;
}

int main(int argc, char **argv)
{
    bench b = {.lanes = 8, .lane_rows = 128, .calls = 20};

    if (!arguments(&b, argc, argv)) {
        fprintf(stderr, "usage: %s [LANES LANE_ROWS [fp32|tf32|bf16 [cpu]]]\n", argv[0]);
        return 2;
    }
    crm_fp_setup();
    b.n = b.lanes * b.lane_rows;
    must(crm_device_open(&b.cfg, 0, 1, &b.d));
    if (crm_device_is_host(b.d)) b.calls = 1;
    printf("%s; %lld lanes of %lld records\n", crm_device_name(b.d), (long long)b.lanes,
           (long long)b.lane_rows);
    ceilings(&b, b.n < 1024);
    bench_months(&b);
    bench_events(&b);
    bench_text(&b);
    bench_rest(&b);
    printf("%-34s %9.4f ms  limit %8.4f ms %5.1f %%; %.0f records/s without launches and loader\n",
           "sum", b.total_ms, b.limit_ms, 100 * b.limit_ms / b.total_ms,
           (double)b.n / (b.total_ms / 1e3));
    bench_wide(&b);
    crm_device_free(&b.d);
    return 0;
}
