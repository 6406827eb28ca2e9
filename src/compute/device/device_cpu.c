/* device_cpu.c - the CPU device: chooses a kernel table and fills the ops table with it.
 *
 * Tensors become rows of plain arrays here, per-lane work becomes a loop over lanes; the arithmetic
 * is in cpu/.  Calls are synchronous. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"

#include "device_cpu_impl.h"

/* For work without regard to rows: two dense tensors of one shape are one long row. */
typedef struct extent {
    int64_t rows, width;
} extent;

static extent extent_of(const crm_tensor *a, const crm_tensor *b)
{
    int64_t n = a->dim[0], d = a->dim[1];

    return a->ld == d && b->ld == d ? (extent){n > 0, n * d} : (extent){n, d};
}

crm_status crm_cpu_scratch(cpu_state *s, cpu_use use, int64_t n, size_t size)
{
    size_t bytes = (size_t)n * size;
    void *p;

    if (s->scratch[use].at && bytes <= s->scratch[use].bytes) return CRM_OK;
    p = crm_mem_new((size_t)n, size);
    CRM_CHECK(p != NULL, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes of scratch", (long long)n,
              size);
    crm_mem_free(s->scratch[use].at);
    s->scratch[use].at = p;
    s->scratch[use].bytes = bytes;
    return CRM_OK;
}

/* ---- matrix products ---- */

crm_status crm_cpu_product(cpu_state *s, crm_cpu_gemm g)
{
    if (!s->pack) CRM_NEW(s->pack, CRM_CPU_PACK);
    g.pack = s->pack;
    s->k->gemm(&g);
    return CRM_OK;
}

static crm_status cpu_linear(void *state, const crm_tensor *x, const crm_tensor *w,
                             const crm_tensor *b, crm_act act, crm_tensor *y)
{
    crm_cpu_gemm g = {.m = x->dim[0],
                      .n = w->dim[0],
                      .k = x->dim[1],
                      .a = {x->data, x->ld, 1},
                      .b = {w->data, w->ld, 1},
                      .bias = b ? b->data : NULL,
                      .act = act,
                      .c = y->data,
                      .ldc = y->ld};

    return crm_cpu_product(state, g);
}

static crm_status cpu_linear_bwd_x(void *state, const crm_tensor *dy, const crm_tensor *w,
                                   crm_tensor *dx)
{
    crm_cpu_gemm g = {.m = dy->dim[0],
                      .n = w->dim[1],
                      .k = w->dim[0],
                      .a = {dy->data, dy->ld, 1},
                      .b = {w->data, 1, w->ld},
                      .c = dx->data,
                      .ldc = dx->ld};

    return crm_cpu_product(state, g);
}

/* One lane: its rows are the index summed over. */
static crm_status lane_bwd_w(cpu_state *s, const crm_tensor *x, const crm_tensor *dy,
                             const crm_lanes *lanes, int64_t lane, crm_tensor *dw, crm_tensor *db)
{
    int64_t r = crm_lane_first(lanes, lane), at = lane * lanes->stride;
    crm_cpu_gemm g = {.m = dy->dim[1],
                      .n = x->dim[1],
                      .k = crm_lane_first(lanes, lane + 1) - r,
                      .a = {row(dy, r), 1, dy->ld},
                      .b = {row(x, r), 1, x->ld},
                      .c = (float *)dw->data + at,
                      .ldc = dw->ld};

    if (db) s->k->column_sums(g.a.p, dy->ld, g.k, g.m, (float *)db->data + at);
    return crm_cpu_product(s, g);
}

/* A lane without rows sums nothing. */
static void lane_zero(const crm_lanes *lanes, int64_t lane, crm_tensor *dw, crm_tensor *db)
{
    int64_t at = lane * lanes->stride;

    for (int64_t o = 0; o < dw->dim[0]; o++)
        memset(row(dw, o) + at, 0, row_bytes(dw));
    if (db) memset((float *)db->data + at, 0, (size_t)db->dim[0] * sizeof(float));
}

static crm_status cpu_linear_bwd_w(void *state, const crm_tensor *x, const crm_tensor *dy,
                                   const crm_lanes *lanes, crm_tensor *dw, crm_tensor *db)
{
    for (int64_t l = 0; l < lanes->n; l++)
        if (crm_lane_first(lanes, l + 1) == crm_lane_first(lanes, l))
            lane_zero(lanes, l, dw, db);
        else
            CRM_TRY(lane_bwd_w(state, x, dy, lanes, l, dw, db));
    return CRM_OK;
}

/* ---- element by element ---- */

static crm_status cpu_act_bwd(void *state, crm_act act, const crm_tensor *src, crm_tensor *dy)
{
    cpu_state *s = state;
    extent e = extent_of(src, dy);

    for (int64_t r = 0; r < e.rows; r++)
        s->k->act_bwd(act, row(src, r), row(dy, r), e.width);
    return CRM_OK;
}

static crm_status cpu_sigmoid(void *state, const crm_tensor *logits, crm_tensor *proba)
{
    cpu_state *s = state;
    extent e = extent_of(logits, proba);

    for (int64_t r = 0; r < e.rows; r++)
        s->k->sigmoid(row(logits, r), row(proba, r), e.width);
    return CRM_OK;
}

static void add_row(const float *x, float *y, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        y[j] += x[j];
}

static crm_status cpu_add(void *state, const crm_tensor *x, crm_tensor *y)
{
    extent e = extent_of(x, y);

    (void)state;
    for (int64_t r = 0; r < e.rows; r++)
        add_row(row(x, r), row(y, r), e.width);
    return CRM_OK;
}

static crm_status cpu_copy(void *state, const crm_tensor *x, crm_tensor *y)
{
    extent e = extent_of(x, y);

    (void)state;
    for (int64_t r = 0; r < e.rows; r++)
        memcpy(row(y, r), row(x, r), (size_t)e.width * sizeof(float));
    return CRM_OK;
}

uint32_t crm_cpu_dropout_below(double rate)
{
    double t = rate * 0x1p32 + 0.5;

    return t >= 0x1p32 ? UINT32_MAX : (uint32_t)t;
}

static crm_status cpu_dropout(void *state, const crm_dropout *p, const crm_tensor *x, crm_tensor *y)
{
    cpu_state *s = state;
    crm_rng at = crm_rng_at(p->seed, CRM_RNG_DROPOUT, p->epoch, 0);
    crm_cpu_mask m = {.key = {at.key[0], at.key[1]},
                      .epoch = p->epoch,
                      .first = p->layer << 18, /* element layer << 20, four to a block */
                      .below = crm_cpu_dropout_below(p->rate),
                      .scale = (float)(1 / (1 - p->rate))};

    for (int64_t r = 0; r < x->dim[0]; r++) {
        m.row[0] = (uint32_t)p->row_id[r];
        m.row[1] = (uint32_t)((uint64_t)p->row_id[r] >> 32);
        if (y->data != x->data) memcpy(row(y, r), row(x, r), row_bytes(x));
        s->k->dropout(&m, row(y, r), y->dim[1]);
    }
    return CRM_OK;
}

/* ---- embedding ---- */

/* Code of row r, -1 for one outside [0, v). */
static int64_t code_at(const crm_tensor *code, int64_t r, int64_t v)
{
    int64_t c = ((const int32_t *)code->data)[r * code->ld];

    return c >= 0 && c < v ? c : -1;
}

static crm_status cpu_embed(void *state, const crm_tensor *code, const crm_tensor *table,
                            crm_tensor *y)
{
    (void)state;
    for (int64_t r = 0; r < y->dim[0]; r++) {
        int64_t c = code_at(code, r, table->dim[0]);

        if (c < 0)
            memset(row(y, r), 0, row_bytes(y));
        else
            memcpy(row(y, r), row(table, c), row_bytes(y));
    }
    return CRM_OK;
}

/* Rows are added straight into the table in the order of position: each distinct code then holds 0
 * + its rows in order, which are the operations of a sort by (code, position) without the sort.  A
 * last + 0 turns a -0 (a negative sum flushed to zero) into +0. */
static void lane_embed_bwd(const crm_tensor *code, const crm_tensor *dy, int64_t first,
                           int64_t rows, const crm_tensor *table)
{
    int64_t c, e = dy->dim[1];

    for (int64_t r = first; r < first + rows; r++)
        if ((c = code_at(code, r, table->dim[0])) >= 0) add_row(row(dy, r), row(table, c), e);
    for (int64_t r = first; r < first + rows; r++)
        if ((c = code_at(code, r, table->dim[0])) >= 0)
            for (int64_t j = 0; j < e; j++)
                row(table, c)[j] += 0.0f;
}

static crm_status cpu_embed_bwd(void *state, const crm_tensor *code, const crm_tensor *dy,
                                const crm_lanes *lanes, crm_tensor *dtable)
{
    (void)state;
    for (int64_t l = 0; l < lanes->n; l++) {
        crm_tensor table = *dtable;

        table.data = (float *)dtable->data + l * lanes->stride;
        lane_embed_bwd(code, dy, crm_lane_first(lanes, l),
                       crm_lane_first(lanes, l + 1) - crm_lane_first(lanes, l), &table);
    }
    return CRM_OK;
}

/* ---- flat vectors ---- */

static double square(float x)
{
    return (double)x * (double)x; /* exact */
}

/* Four whole blocks side by side: one block alone waits for each addition. */
static void four_blocks(const float *x, double out[4])
{
    double s[4] = {0};

    for (int64_t i = 0; i < CRM_BLOCK; i++)
        for (int64_t b = 0; b < 4; b++)
            s[b] += square(x[b * CRM_BLOCK + i]);
    memcpy(out, s, sizeof s);
}

static crm_status cpu_sum_squares(void *state, const crm_tensor *x, crm_tensor *out)
{
    const float *p = x->data;
    double *to = out->data;
    int64_t n = x->dim[0];

    (void)state;
    for (; n >= 4 * CRM_BLOCK; n -= 4 * CRM_BLOCK, p += 4 * CRM_BLOCK, to += 4)
        four_blocks(p, to);
    for (; n > 0; n -= CRM_BLOCK, p += CRM_BLOCK, to++) {
        *to = 0;
        for (int64_t i = 0; i < n && i < CRM_BLOCK; i++)
            *to += square(p[i]);
    }
    return CRM_OK;
}

/* 1 - beta^t. */
static double bias_correction(double beta, int64_t step)
{
    return beta > 0 ? 1 - crm_pow(beta, (double)step) : 1;
}

/* The member, or what takes its place. */
static double live_or(const double *live, crm_live at, double member)
{
    return live ? live[at] : member;
}

static crm_status valid_decay(const crm_decay *d, int64_t n)
{
    for (int64_t i = 0; d->bound && i < 2 * d->n; i++)
        CRM_CHECK(d->bound[i] >= (i > 0 ? d->bound[i - 1] : 0) && d->bound[i] <= n, CRM_ERR_ARG,
                  "boundary %lld of weight decay is %lld: they rise from 0 to %lld at most",
                  (long long)i, (long long)d->bound[i], (long long)n);
    return CRM_OK;
}

/* A run of elements that all have weight decay, or all have none. */
typedef struct decay_run {
    int64_t first, n;
    bool on;
} decay_run;

/* Run i of n elements; false: there are no more.  Those without decay have even numbers. */
static bool decay_run_at(const crm_decay *d, int64_t n, int64_t i, decay_run *out)
{
    int64_t last = d->bound ? 2 * d->n : 0;
    int64_t first = i > 0 && i <= last ? d->bound[i - 1] : 0;
    int64_t end = i < last ? d->bound[i] : n;

    *out = (decay_run){first, end - first, !d->bound || i % 2};
    return i <= last;
}

static float *floats(const crm_tensor *t, decay_run r)
{
    return (float *)t->data + r.first;
}

static crm_status cpu_adam(void *state, const crm_adam *p, const crm_tensor *g, crm_tensor *w,
                           crm_tensor *m, crm_tensor *v)
{
    cpu_state *s = state;
    double grad_scale = live_or(p->live, CRM_LIVE_GRAD_SCALE, p->grad_scale),
           lr = live_or(p->live, CRM_LIVE_LR, p->lr);
    double bias1 = p->live ? p->live[CRM_LIVE_BIAS1] : bias_correction(p->beta1, p->step);
    double bias2 = p->live ? p->live[CRM_LIVE_BIAS2] : bias_correction(p->beta2, p->step);
    crm_cpu_adam c = {
        .grad_scale = (float)grad_scale,
        .keep1 = (float)p->beta1,
        .new1 = (float)(1 - p->beta1),
        .keep2 = (float)p->beta2,
        .new2 = (float)(1 - p->beta2),
        .rate = (float)(lr / bias1),
        .root_scale = (float)sqrt(1 / bias2),
        .eps = (float)p->eps,
    };
    decay_run r;

    CRM_TRY(valid_decay(&p->decay, g->dim[0]));
    if (!isfinite(grad_scale) || g->dim[0] == 0) return CRM_OK;
    for (int64_t i = 0; decay_run_at(&p->decay, g->dim[0], i, &r); i++) {
        c.decay = (float)(1 - lr * (r.on ? p->weight_decay : 0));
        s->k->adam(&c, floats(g, r), floats(w, r), floats(m, r), floats(v, r), r.n);
    }
    return CRM_OK;
}

static crm_status cpu_sgd(void *state, const crm_sgd *p, const crm_tensor *g, crm_tensor *w,
                          crm_tensor *m)
{
    cpu_state *s = state;
    double grad_scale = live_or(p->live, CRM_LIVE_GRAD_SCALE, p->grad_scale);
    crm_cpu_sgd c = {.grad_scale = (float)grad_scale,
                     .momentum = (float)p->momentum,
                     .lr = (float)live_or(p->live, CRM_LIVE_LR, p->lr),
                     .nesterov = p->nesterov};
    decay_run r;

    CRM_TRY(valid_decay(&p->decay, g->dim[0]));
    if (!isfinite(grad_scale) || g->dim[0] == 0) return CRM_OK;
    for (int64_t i = 0; decay_run_at(&p->decay, g->dim[0], i, &r); i++) {
        c.weight_decay = r.on ? (float)p->weight_decay : 0;
        s->k->sgd(&c, floats(g, r), floats(w, r), m ? floats(m, r) : NULL, r.n);
    }
    return CRM_OK;
}

/* ---- the handle ---- */

static void cpu_close(void *state)
{
    cpu_state *s = state;

    for (int use = 0; use < CPU_USES; use++)
        crm_mem_free(s->scratch[use].at);
    crm_mem_free(s->pack);
    crm_mem_free(s);
}

static crm_status cpu_buf_new(void *state, size_t bytes, void **out)
{
    (void)state;
    *out = crm_mem_new(bytes, 1);
    CRM_CHECK(*out != NULL, CRM_ERR_NOMEM, "out of memory: %zu bytes for the CPU device", bytes);
    return CRM_OK;
}

static void cpu_buf_free(void *state, void *buf)
{
    (void)state;
    crm_mem_free(buf);
}

/* Up and down alike. */
static crm_status cpu_transfer(void *state, void *dst, const void *src, size_t bytes)
{
    (void)state;
    memcpy(dst, src, bytes);
    return CRM_OK;
}

static crm_status cpu_download(void *state, const void *src, void *host, size_t bytes)
{
    return cpu_transfer(state, host, src, bytes);
}

static crm_status cpu_zero(void *state, void *buf, size_t bytes)
{
    (void)state;
    memset(buf, 0, bytes);
    return CRM_OK;
}

static crm_status cpu_sync(void *state)
{
    (void)state;
    return CRM_OK;
}

static const crm_device_ops cpu_ops = {
    .abi = CRM_DEVICE_ABI,
    .offered = CRM_OFFER(CRM_OP_COUNT) - 1,
    .host_memory = true,
    .close = cpu_close,
    .buf_new = cpu_buf_new,
    .buf_free = cpu_buf_free,
    .zero = cpu_zero,
    .upload = cpu_transfer,
    .download = cpu_download,
    .sync = cpu_sync,
    .linear = cpu_linear,
    .linear_bwd_x = cpu_linear_bwd_x,
    .linear_bwd_w = cpu_linear_bwd_w,
    .act_bwd = cpu_act_bwd,
    .embed = cpu_embed,
    .embed_bwd = cpu_embed_bwd,
    .bag = crm_cpu_bag,
    .bag_bwd = crm_cpu_bag_bwd,
    .dropout = cpu_dropout,
    .drop_words = crm_cpu_drop_words,
    .add = cpu_add,
    .copy = cpu_copy,
    .softmax = crm_cpu_softmax,
    .sigmoid = cpu_sigmoid,
    .ce_loss = crm_cpu_ce_loss,
    .bce_loss = crm_cpu_bce_loss,
    .rnn = crm_cpu_op_rnn,
    .rnn_bwd = crm_cpu_op_rnn_bwd,
    .huber_loss = crm_cpu_huber_loss,
    .poisson_loss = crm_cpu_poisson_loss,
    .pool = crm_cpu_pool,
    .pool_bwd = crm_cpu_pool_bwd,
    .attend = crm_cpu_attend,
    .attend_bwd = crm_cpu_attend_bwd,
    .conv = crm_cpu_conv,
    .conv_bwd_x = crm_cpu_conv_bwd_x,
    .conv_bwd_w = crm_cpu_conv_bwd_w,
    .text_conv = crm_cpu_text_conv,
    .text_conv_bwd = crm_cpu_text_conv_bwd,
    .sum_squares = cpu_sum_squares,
    .adam = cpu_adam,
    .sgd = cpu_sgd,
    .take = crm_cpu_take,
    .gather = crm_cpu_gather,
    .combine = crm_cpu_combine,
    .norm = crm_cpu_norm,
    .tally = crm_cpu_tally,
};

crm_status crm_device_cpu(crm_cpu_path path, crm_device **out)
{
    cpu_state *s = NULL;
    const crm_cpu_kernels *k;
    crm_device_words words = {.arithmetic = "CPU"};
    crm_status st;

    *out = NULL;
    CRM_TRY(crm_cpu_choose(path, &k));
    CRM_NEW(s, 1);
    s->k = k;
    snprintf(words.name, sizeof words.name, "cpu:%s", k->name);
    st = crm_device_wrap(&cpu_ops, s, &words, out);
    if (st) cpu_close(s);
    return st;
}
