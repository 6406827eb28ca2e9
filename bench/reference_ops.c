/* reference_ops.c - where the time of a step of the reference model goes: each operation by itself
 * on one core, beside the core's FMA peak.  bench_reference_ops [LANES LANE_ROWS [ragged]]
 *
 * Arithmetic counted is that of the short cuts (what is really done), so the part of the peak says
 * how well an operation runs, not how much it saves.  Times are medians of repeated calls on lanes
 * with other rows, summed over the lanes of a step. */
#include <immintrin.h>
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
enum {
    H = 64,
    X = 22,
    FILTERS = 64,
    KERNELS = 3,
    TEXT = KERNELS * FILTERS,
    FUSED = 352,
    FUSION = 128
};
enum { PARAMS = 1446122, REPEATS = 15 };
static const int HEAD[] = {1, 1, 3, 5, 256};
enum { HEADS = sizeof HEAD / sizeof *HEAD };

typedef struct bench {
    crm_device *d;
    int64_t n, lanes; /* rows of a lane; lanes of a step */
    bool ragged;
    double peak, total_ms;
    int64_t *length, *events, *tokens; /* [n + 1] first rows */
    int32_t *token;
} bench;

static float *numbers(int64_t n, double scale, uint64_t key)
{
    float *p = crm_mem_new((size_t)n, sizeof *p);
    crm_rng r = crm_rng_at(2, CRM_RNG_TEST, 0, key);

    if (!p) exit(70);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)((crm_rng_uniform(&r) - 0.5) * 2 * scale);
    return p;
}

static crm_tensor matrix(int64_t n, int64_t d, double scale)
{
    static uint64_t key;

    return crm_tensor_2d(numbers(n * d, scale, key++), CRM_F32, n, d);
}

static crm_tensor cube(int64_t a, int64_t b, int64_t c, double scale)
{
    crm_tensor t = matrix(a, b * c, scale);

    t.rank = 3;
    t.dim[1] = b;
    t.dim[2] = c;
    return t;
}

static crm_tensor vector(int64_t n)
{
    crm_tensor t = matrix(1, n, 0.1);

    return crm_tensor_1d(t.data, CRM_F32, n);
}

static crm_tensor codes(int64_t n, int64_t d)
{
    return crm_tensor_2d(crm_mem_new((size_t)(n * d), sizeof(int32_t)), CRM_I32, n, d);
}

static void must(crm_status st)
{
    if (!st) return;
    fprintf(stderr, "bench_reference_ops: %s\n", crm_err_text());
    exit(70);
}

/* ---- FMA peak of one core ---- */
__attribute__((target("avx512f"))) static double peak_512(int64_t n)
{
    __m512 a[12], x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(1e-3f);
    float sink[16];

    for (int i = 0; i < 12; i++)
        a[i] = _mm512_set1_ps((float)i);
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < 12; i++)
            a[i] = _mm512_fmadd_ps(a[i], x, y);
    for (int i = 1; i < 12; i++)
        a[0] = _mm512_add_ps(a[0], a[i]);
    _mm512_storeu_ps(sink, a[0]);
    return (double)sink[3];
}

__attribute__((target("avx2,fma"))) static double peak_256(int64_t n)
{
    __m256 a[12], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-3f);
    float sink[8];

    for (int i = 0; i < 12; i++)
        a[i] = _mm256_set1_ps((float)i);
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < 12; i++)
            a[i] = _mm256_fmadd_ps(a[i], x, y);
    for (int i = 1; i < 12; i++)
        a[0] = _mm256_add_ps(a[0], a[i]);
    _mm256_storeu_ps(sink, a[0]);
    return (double)sink[3];
}

static double peak(void)
{
    bool wide = __builtin_cpu_supports("avx512f");
    int64_t n = 20000000;
    volatile double sink = wide ? peak_512(n / 10) : peak_256(n / 10);
    double start = crm_clock_now();

    sink = wide ? peak_512(n) : peak_256(n);
    (void)sink;
    return (double)n * 12 * (wide ? 32 : 16) / (crm_clock_now() - start) / 1e9;
}

/* ---- timing ---- */
typedef crm_status (*op_fn)(bench *b, void *ctx);

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* flop: of one lane.  once: done once a step, not once a lane. */
static void report(bench *b, const char *name, double flop, bool once, op_fn fn, void *ctx)
{
    double t[REPEATS], ms;

    must(fn(b, ctx));
    for (int i = 0; i < REPEATS; i++) {
        double start = crm_clock_now();
        must(fn(b, ctx));
        t[i] = crm_clock_now() - start;
    }
    qsort(t, REPEATS, sizeof *t, by_value);
    ms = t[REPEATS / 2] * 1e3 * (double)(once ? 1 : b->lanes);
    b->total_ms += ms;
    printf("%-34s %8.3f ms %8.2f us/record", name, ms, ms * 1e3 / (double)(b->n * b->lanes));
    if (flop > 0)
        printf(" %8.1f GFLOP/s %5.0f %%", flop / t[REPEATS / 2] / 1e9,
               100 * flop / t[REPEATS / 2] / 1e9 / b->peak);
    printf("\n");
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

static void bench_months(bench *b)
{
    int64_t n = b->n, rows = n * MONTHS;
    double k1 = 2.0 * (double)rows * 3 * CHANNELS * 64, k2 = 2.0 * (double)rows * 3 * 64 * 64;
    int64_t *first = crm_mem_new((size_t)n + 1, sizeof *first);
    months m = {.p = {.steps = MONTHS, .kernel = 3, .pad = 1, .act = CRM_ACT_RELU},
                .x = matrix(rows, CHANNELS, 1),
                .w = cube(64, CHANNELS, 3, 0.14),
                .b = vector(64),
                .h = matrix(rows, 64, 1),
                .w2 = cube(64, 64, 3, 0.07),
                .b2 = vector(64),
                .y = matrix(rows, 64, 1),
                .arg = codes(n, 64),
                .out = matrix(n, 64, 1),
                .dy = matrix(rows, 64, 1),
                .dh = matrix(rows, 64, 1),
                .dw = cube(64, CHANNELS, 3, 0),
                .db = vector(64),
                .dw2 = cube(64, 64, 3, 0),
                .db2 = vector(64),
                .lanes = {.n = 1, .rows = n}};

    for (int64_t i = 0; first && i <= n; i++)
        first[i] = i * MONTHS;
    m.parts = (crm_segments){.n = n, .first = first};
    report(b, "months: conv 16 -> 64", k1, false, conv1, &m);
    report(b, "months: conv 64 -> 64", k2, false, conv2, &m);
    report(b, "months: max, its gradient, ReLU", 0, false, months_pool, &m);
    report(b, "months: conv 64 -> 64, dw", k2 / MONTHS, false, conv2_w, &m);
    report(b, "months: conv 64 -> 64, dx, ReLU", k2 / MONTHS, false, conv2_x, &m);
    report(b, "months: conv 16 -> 64, dw", k1, false, conv1_w, &m);
}

/* ---- events ---- */
typedef struct events {
    crm_tensor code, table, dtable, x, xe, h, keep, dh, dx, last, dlast;
    crm_rnn_weights w, dw;
    crm_packed packed;
    crm_rnn p;
    crm_segments parts;
    int64_t lane_first[2];
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
    crm_tensor dy = crm_tensor_columns(&e->dx, 0, 16);
    return crm_op_embed_bwd(b->d, &e->code, &dy, &e->lanes, &e->dtable);
}
static crm_status events_pool(bench *b, void *c)
{
    events *e = c;
    CRM_TRY(crm_op_pool(b->d, CRM_POOL_LAST, &e->parts, &e->h, &e->last, NULL));
    return crm_op_pool_bwd(b->d, CRM_POOL_LAST, &e->parts, &e->dlast, NULL, &e->dh);
}
static crm_status events_rnn_both(bench *b, void *c)
{
    events *e = c;
    CRM_TRY(crm_op_rnn(b->d, &e->p, &e->w, &e->lanes, &e->x, &e->h, &e->keep));
    return crm_op_rnn_bwd(b->d, &e->p, &e->w, &e->lanes, &e->x, &e->h, &e->keep, &e->dh, &e->dx,
                          &e->dw);
}

static crm_rnn_weights gru_weights(double scale)
{
    return (crm_rnn_weights){.wi = matrix(3 * H, X, scale),
                             .wh = matrix(3 * H, H, scale),
                             .bi = vector(3 * H),
                             .bh = vector(3 * H)};
}

static void bench_events(bench *b)
{
    int64_t n = b->n, rows = b->events[n];
    int64_t *step = crm_mem_new(EVENTS + 1, sizeof *step);
    int64_t *scratch = crm_mem_new((size_t)(n + EVENTS + 1), sizeof *scratch);
    int32_t *place = crm_mem_new((size_t)rows, sizeof *place);
    double forward = 2.0 * (double)rows * (X + H) * 3 * H;
    events e = {.code = codes(rows, 1),
                .table = matrix(256, 16, 1),
                .dtable = matrix(256, 16, 0),
                .x = matrix(rows, X, 1),
                .h = matrix(rows, H, 0),
                .keep = matrix(rows, crm_rnn_keep(CRM_RNN_GRU) * H, 0),
                .dh = matrix(rows, H, 0),
                .dx = matrix(rows, X, 0),
                .last = matrix(n, H, 0),
                .dlast = matrix(n, H, 1e-3),
                .w = gru_weights(0.125),
                .dw = gru_weights(0),
                .parts = {.n = n, .first = b->events, .row = place},
                .lane_first = {0, rows}};

    if (!step || !scratch || !place) exit(70);
    e.packed = (crm_packed){.steps = crm_pack_sequences(n, b->events, 0, step, place, scratch),
                            .first = step};
    e.p = (crm_rnn){.kind = CRM_RNN_GRU, .packed = &e.packed};
    e.lanes = (crm_lanes){.n = 1, .first = e.lane_first};
    e.xe = crm_tensor_columns(&e.x, 0, 16);
    for (int64_t i = 0; i < rows; i++)
        ((int32_t *)e.code.data)[i] = (int32_t)(i * 37 % 256);
    report(b, "events: embedding", 0, false, events_embed, &e);
    report(b, "events: last state, its gradient", 0, false, events_pool, &e);
    report(b, "events: GRU forward + backward", 3 * forward, false, events_rnn_both, &e);
    report(b, "events: embedding, gradient", 0, false, events_embed_bwd, &e);
}

/* ---- text ---- */
typedef struct text {
    crm_text_conv p;
    crm_text_weights w, dw;
    crm_tensor y, arg, dy;
    crm_lanes lanes;
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

static crm_text_weights text_weights(double scale)
{
    crm_text_weights w = {.table = matrix(WORDS, 64, scale)};

    for (int k = 0; k < KERNELS; k++) {
        w.w[k] = cube(FILTERS, 64, 3 + k, scale * 0.06);
        w.b[k] = vector(FILTERS);
    }
    return w;
}

static int64_t distinct(const bench *b)
{
    char *seen = crm_mem_new(WORDS, 1);
    int64_t n = 0;

    for (int64_t i = 0; seen && i < b->tokens[b->n]; i++) {
        n += !seen[b->token[i]];
        seen[b->token[i]] = 1;
    }
    crm_mem_free(seen);
    return n;
}

static void bench_text(bench *b)
{
    int64_t n = b->n;
    double products = 2.0 * (double)distinct(b) * 12 * FILTERS * 64;
    double windows = (double)b->tokens[n] * 12 * FILTERS;
    text t = {.p = {.n_kernels = KERNELS,
                    .kernel = {3, 4, 5},
                    .length = TOKENS,
                    .act = CRM_ACT_RELU,
                    .n_docs = n,
                    .first = b->tokens,
                    .token = b->token},
              .w = text_weights(1),
              .dw = text_weights(0),
              .y = matrix(n, TEXT, 0),
              .arg = codes(n, TEXT),
              .dy = matrix(n, TEXT, 1e-3),
              .lanes = {.n = 1, .rows = n}};

    report(b, "text: conv + max, forward", products + windows, false, text_forward, &t);
    report(b, "text: conv + max, backward", 4.0 * (double)n * FILTERS * 12 * 64, false,
           text_backward, &t);
}

/* ---- dense layers, losses, optimiser ---- */
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
    dense l = {.x = matrix(b->n, i, 1),
               .w = matrix(o, i, 0.1),
               .b = vector(o),
               .y = matrix(b->n, o, 0),
               .dy = matrix(b->n, o, 1e-3),
               .dx = matrix(b->n, i, 0),
               .dw = matrix(o, i, 0),
               .db = vector(o),
               .act = act,
               .lanes = {.n = 1, .rows = b->n}};

    report(b, name, 6.0 * (double)(b->n * i * o), false, dense_both, &l);
}

static crm_status loss_all(bench *b, void *c)
{
    crm_tensor *z = c;
    double sum;
    crm_tensor loss = crm_tensor_1d(&sum, CRM_F64, 1);
    crm_lanes lanes = {.n = 1, .rows = b->n};

    for (int h = 0; h < HEADS; h++) {
        crm_loss p = {.label = z[2 * HEADS].data, .scale = 1};
        CRM_TRY(HEAD[h] == 1 ? crm_op_bce_loss(b->d, &z[h], &p, &lanes, &loss, &z[HEADS + h])
                             : crm_op_ce_loss(b->d, &z[h], &p, &lanes, &loss, &z[HEADS + h]));
    }
    return CRM_OK;
}

static crm_status adam(bench *b, void *c)
{
    crm_tensor *v = c;
    crm_adam p = {
        .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .grad_scale = 1, .step = 1};

    return crm_op_adam(b->d, &p, &v[0], &v[1], &v[2], &v[3]);
}

static crm_status squares(bench *b, void *c)
{
    crm_tensor *v = c;
    static double sums[PARAMS / CRM_BLOCK + 1];
    crm_tensor out = crm_tensor_1d(sums, CRM_F64, (PARAMS + CRM_BLOCK - 1) / CRM_BLOCK);

    return crm_op_sum_squares(b->d, &v[0], &out);
}

static void bench_rest(bench *b)
{
    crm_tensor z[2 * HEADS + 1], v[4];

    bench_dense(b, "profile: dense 24 -> 32", PROFILE, 32, CRM_ACT_RELU);
    bench_dense(b, "fusion: dense 352 -> 128", FUSED, FUSION, CRM_ACT_RELU);
    for (int h = 0; h < HEADS; h++) {
        char name[64];
        snprintf(name, sizeof name, "head: dense 128 -> %d", HEAD[h]);
        bench_dense(b, name, FUSION, HEAD[h], CRM_ACT_NONE);
        z[h] = matrix(b->n, HEAD[h], 1);
        z[HEADS + h] = matrix(b->n, HEAD[h], 0);
    }
    z[2 * HEADS] = codes(b->n, 1);
    report(b, "losses of five heads", 0, false, loss_all, z);
    for (int i = 0; i < 4; i++)
        v[i] = vector(PARAMS);
    memset(v[3].data, 0, PARAMS * sizeof(float));
    report(b, "norm of the gradient", 2.0 * PARAMS, true, squares, v);
    report(b, "Adam, 1.45 M parameters", 12.0 * PARAMS, true, adam, v);
}

static crm_status ragged_rows(bench *b)
{
    crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, 0);

    CRM_NEW(b->events, b->n + 1);
    CRM_NEW(b->tokens, b->n + 1);
    CRM_NEW(b->token, b->n * TOKENS);
    for (int64_t i = 0; i < b->n; i++) {
        b->events[i + 1] = b->events[i] + (b->ragged ? 1 + crm_rng_below(&r, EVENTS) : EVENTS);
        b->tokens[i + 1] = b->tokens[i] + (b->ragged ? 1 + crm_rng_below(&r, TOKENS) : TOKENS);
    }
    for (int64_t i = 0; i < b->tokens[b->n]; i++)
        b->token[i] = (int32_t)exp(crm_rng_uniform(&r) * log(WORDS));
    return CRM_OK;
}

int main(int argc, char **argv)
{
    bench b = {.n = 128, .lanes = 8};

    b.ragged = argc == 4 && strcmp(argv[3], "ragged") == 0;
    if (argc != 1 && (argc < 3 || argc > 4 || (argc == 4 && !b.ragged) ||
                      !crm_parse_i64(argv[1], strlen(argv[1]), &b.lanes) ||
                      !crm_parse_i64(argv[2], strlen(argv[2]), &b.n) || b.n < 1 || b.lanes < 1)) {
        fprintf(stderr, "usage: %s [LANES LANE_ROWS [ragged]]\n", argv[0]);
        return 2;
    }
    crm_fp_setup();
    must(crm_device_cpu(CRM_CPU_BEST, &b.d));
    must(ragged_rows(&b));
    b.peak = peak();
    printf("%s, FMA peak of one core %.1f GFLOP/s; %lld lanes of %lld records%s\n",
           crm_device_name(b.d), b.peak, (long long)b.lanes, (long long)b.n,
           b.ragged ? ", ragged" : "");
    bench_months(&b);
    bench_events(&b);
    bench_text(&b);
    bench_rest(&b);
    printf("%-34s %8.3f ms %8.2f us/record\n", "sum", b.total_ms,
           b.total_ms * 1e3 / (double)(b.n * b.lanes));
    crm_device_free(&b.d);
    return 0;
}
