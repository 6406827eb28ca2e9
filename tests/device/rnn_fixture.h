/* rnn_fixture.h - batches of packed sequences for the test of recurrent nets, and a plain double
 * reference that takes one sequence at a time, with PyTorch's formulas (torch.nn.GRU and
 * torch.nn.LSTM, "Shapes" and "Variables" of its documentation).
 *
 * Numbers are functions of the sequence, step and column that they belong to, whatever the batch.
 * Matrices have gaps between rows and behind, which hold MARK. */
#ifndef RNN_FIXTURE_H
#define RNN_FIXTURE_H

#include <stdlib.h>

#include "crmpi/base_rng.h"
#include "devices_testing.h"

enum { MOST_LANES = 3, MOST_SEQS = 64, MOST_STEPS = 48, GAP = 3, MARK = -77 };

/* Lengths of a lane, longest first; 0 ends them. */
typedef struct spec {
    const char *name;
    int64_t inputs, units;
    int lanes;
    int64_t length[MOST_LANES][MOST_SEQS];
} spec;

typedef struct trial {
    const spec *s;
    crm_rnn_kind kind;
    bool reverse;
} trial;

/* A matrix with gaps between rows and behind, which hold MARK. */
typedef struct mat {
    float *p;
    int64_t n, d, ld, count;
} mat;

enum { WI, WH, BI, BH, WEIGHTS };
typedef struct batch {
    trial t;
    int64_t id[MOST_LANES][MOST_SEQS]; /* whose numbers a sequence has */
    int64_t seqs[MOST_LANES], steps[MOST_LANES], first[MOST_LANES][MOST_STEPS + 1];
    int64_t lane_first[MOST_LANES + 1], n;
    int lanes;
    crm_packed packed[MOST_LANES];
    mat x, h, keep, dh, dx, w[WEIGHTS], dw[WEIGHTS];
    int64_t stride;
} batch;

static inline mat mat_new(int64_t n, int64_t d, int64_t ld)
{
    mat m = {.n = n, .d = d, .ld = ld, .count = n * ld + GAP};

    m.p = crm_mem_new((size_t)m.count, sizeof *m.p);
    if (!m.p) abort();
    for (int64_t i = 0; i < m.count; i++)
        m.p[i] = MARK;
    return m;
}

static inline crm_tensor tensor_of(const mat *m)
{
    return (crm_tensor){
        .data = m->p, .dtype = CRM_F32, .rank = 2, .dim = {m->n, m->d}, .ld = m->ld};
}

/* Only elements of the first `copies` copies may have changed. */
static inline void check_gaps(const mat *m, int64_t copies, int64_t apart)
{
    int64_t touched = 0;

    for (int64_t i = 0; i < m->count; i++) {
        int64_t at = apart ? i % apart : i;
        bool element = at / m->ld < m->n && at % m->ld < m->d && (!apart || i / apart < copies);

        touched += !element && m->p[i] != MARK;
    }
    T_EQ_I(touched, 0);
}

/* ---- numbers: functions of what they belong to, whatever the batch ---- */

static inline double number(uint32_t what, int64_t a, int64_t b, double size)
{
    crm_rng r = crm_rng_at(11, CRM_RNG_TEST, what, (uint64_t)(a * 1000 + b));

    return (double)(float)(size * (2 * crm_rng_uniform(&r) - 1));
}

static inline double weight_size(const trial *t)
{
    return 2 / sqrt((double)(t->s->units + 3));
}

static inline double x_at(int64_t id, int64_t step, int64_t j)
{
    return number(10, id * 100 + step, j, 1);
}

static inline double dh_at(int64_t id, int64_t step, int64_t j)
{
    return number(11, id * 100 + step, j, 1);
}

static inline int64_t weight_rows(const trial *t)
{
    return crm_rnn_gates(t->kind) * t->s->units;
}

static inline int64_t weight_columns(const trial *t, int k)
{
    return k == WI ? t->s->inputs : k == WH ? t->s->units : 1;
}

/* ---- reference ---- */

/* Weights and inputs of one sequence; state after each step. */
typedef struct reference {
    trial t;
    int64_t id, steps;
    double *w[WEIGHTS], *x, *h;
} reference;

static inline reference reference_new(trial t, int64_t steps)
{
    reference r = {.t = t, .steps = steps};

    for (int k = 0; k < WEIGHTS; k++) {
        int64_t rows = weight_rows(&t), columns = weight_columns(&t, k);

        r.w[k] = crm_mem_new((size_t)(rows * columns), sizeof *r.w[k]);
        if (!r.w[k]) abort();
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                r.w[k][i * columns + j] = number((uint32_t)k, i, j, weight_size(&t));
    }
    r.x = crm_mem_new((size_t)(steps * t.s->inputs), sizeof *r.x);
    r.h = crm_mem_new((size_t)(steps * t.s->units), sizeof *r.h);
    if (!r.x || !r.h) abort();
    return r;
}

static inline void reference_free(reference *r)
{
    for (int k = 0; k < WEIGHTS; k++)
        crm_mem_free(r->w[k]);
    crm_mem_free(r->x);
    crm_mem_free(r->h);
}

static inline void reference_set(reference *r, int64_t id, int64_t steps)
{
    r->id = id;
    r->steps = steps;
    for (int64_t s = 0; s < steps; s++)
        for (int64_t j = 0; j < r->t.s->inputs; j++)
            r->x[s * r->t.s->inputs + j] = x_at(id, s, j);
}

static inline double dot(const double *a, const double *b, int64_t n)
{
    double s = 0;

    for (int64_t i = 0; b && i < n; i++)
        s += a[i] * b[i];
    return s;
}

static inline double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* h[u] of one step; before NULL: zeros.  c: cell states of this step, of the one before. */
static inline double unit_step(const reference *r, int64_t step, int64_t u, const double *before,
                               double *c)
{
    int64_t n = r->t.s->units, in = r->t.s->inputs;
    double a[4] = {0}, b[4] = {0};

    for (int g = 0; g < crm_rnn_gates(r->t.kind); g++) {
        int64_t i = g * n + u;

        a[g] = dot(&r->w[WI][i * in], &r->x[step * in], in) + r->w[BI][i];
        b[g] = dot(&r->w[WH][i * n], before, n) + r->w[BH][i];
    }
    if (r->t.kind == CRM_RNN_GRU) {
        double z = sigmoid(a[1] + b[1]), new = tanh(a[2] + sigmoid(a[0] + b[0]) * b[2]);

        return (1 - z) * new + z *(before ? before[u] : 0);
    }
    *c = sigmoid(a[1] + b[1]) * *c + sigmoid(a[0] + b[0]) * tanh(a[2] + b[2]);
    return sigmoid(a[3] + b[3]) * tanh(*c);
}

/* Fills h; the sum of dh h. */
static inline double reference_run(reference *r)
{
    int64_t n = r->t.s->units;
    double c[128] = {0}, loss = 0;
    const double *before = NULL;

    for (int64_t k = 0; k < r->steps; k++) {
        int64_t step = r->t.reverse ? r->steps - 1 - k : k;
        double *h = &r->h[step * n];

        for (int64_t u = 0; u < n; u++) {
            h[u] = unit_step(r, step, u, before, &c[u]);
            loss += h[u] * dh_at(r->id, step, u);
        }
        before = h;
    }
    return loss;
}

/* Derivative of the loss of the sequence by a number that the reference holds. */
static inline double slope(reference *r, double *by)
{
    const double e = 1e-5, was = *by;
    double up, down;

    *by = was + e;
    up = reference_run(r);
    *by = was - e;
    down = reference_run(r);
    *by = was;
    return (up - down) / (2 * e);
}

/* ---- the batch on a device ---- */

static inline int64_t row_of(const batch *b, int lane, int64_t i, int64_t step)
{
    return b->first[lane][step] + i;
}

static inline void pack_lane(batch *b, int lane, const int64_t *length)
{
    int64_t seqs = 0, at = b->n;

    while (seqs < MOST_SEQS && length[seqs] > 0)
        seqs++;
    b->seqs[lane] = seqs;
    b->steps[lane] = seqs ? length[0] : 0;
    b->lane_first[lane] = at;
    for (int64_t t = 0; t < b->steps[lane]; t++) {
        b->first[lane][t] = at;
        for (int64_t i = 0; i < seqs && length[i] > t; i++)
            at++;
    }
    b->first[lane][b->steps[lane]] = at;
    b->n = b->lane_first[lane + 1] = at;
    b->packed[lane] = (crm_packed){.steps = b->steps[lane], .first = b->first[lane]};
}

static inline int64_t length_of(const batch *b, int lane, int64_t i)
{
    int64_t n = 0;

    while (n < b->steps[lane] && b->first[lane][n] + i < b->first[lane][n + 1])
        n++;
    return n;
}

static inline void fill_rows(batch *b, int lane, int64_t i, int64_t length)
{
    for (int64_t s = 0; s < length; s++) {
        int64_t r = row_of(b, lane, i, s);

        for (int64_t j = 0; j < b->x.d; j++)
            b->x.p[r * b->x.ld + j] = (float)x_at(b->id[lane][i], s, j);
        for (int64_t j = 0; j < b->dh.d; j++)
            b->dh.p[r * b->dh.ld + j] = (float)dh_at(b->id[lane][i], s, j);
    }
}

static inline void batch_weights(batch *b)
{
    const trial *t = &b->t;
    int64_t rows = weight_rows(t);

    b->stride = 0;
    for (int k = 0; k < WEIGHTS; k++) {
        int64_t d = weight_columns(t, k), ld = k == BI || k == BH ? 1 : d + k + 1;

        b->w[k] = mat_new(rows, d, ld);
        if (rows * ld + GAP > b->stride) b->stride = rows * ld + GAP;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < d; j++)
                b->w[k].p[i * ld + j] = (float)number((uint32_t)k, i, j, weight_size(t));
    }
    for (int k = 0; k < WEIGHTS; k++) {
        b->dw[k] = mat_new(b->lanes * b->stride, 1, 1);
        b->dw[k].n = rows;
        b->dw[k].d = b->w[k].d;
        b->dw[k].ld = b->w[k].ld;
    }
}

/* Lengths as in the trial, or of a single lane. */
static inline void batch_new(batch *b, trial t, int lanes, const int64_t (*length)[MOST_SEQS],
                             int64_t first_id)
{
    int64_t units = t.s->units;

    *b = (batch){.t = t, .lanes = lanes};

    for (int l = 0; l < lanes; l++) {
        pack_lane(b, l, length[l]);
        for (int64_t i = 0; i < b->seqs[l]; i++)
            b->id[l][i] = first_id + l * MOST_SEQS + i;
    }
    b->x = mat_new(b->n, t.s->inputs, t.s->inputs + 1);
    b->h = mat_new(b->n, units, units + 2);
    b->keep = mat_new(b->n, crm_rnn_keep(t.kind) * units, crm_rnn_keep(t.kind) * units + 1);
    b->dh = mat_new(b->n, units, units + 3);
    b->dx = mat_new(b->n, t.s->inputs, t.s->inputs + 2);
    batch_weights(b);
    for (int l = 0; l < lanes; l++)
        for (int64_t i = 0; i < b->seqs[l]; i++)
            fill_rows(b, l, i, length_of(b, l, i));
}

static inline void batch_free(batch *b)
{
    mat *all[] = {&b->x, &b->h, &b->keep, &b->dh, &b->dx};

    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        crm_mem_free(all[k]->p);
    for (int k = 0; k < WEIGHTS; k++) {
        crm_mem_free(b->w[k].p);
        crm_mem_free(b->dw[k].p);
    }
}

static inline crm_rnn_weights weights_of(const mat *w)
{
    return (crm_rnn_weights){tensor_of(&w[WI]), tensor_of(&w[WH]),
                             crm_tensor_1d(w[BI].p, CRM_F32, w[BI].n),
                             crm_tensor_1d(w[BH].p, CRM_F32, w[BH].n)};
}

/* The arguments of both operations. */
typedef struct call {
    crm_packed packed[MOST_LANES];
    crm_rnn p;
    crm_rnn_weights w, dw;
    crm_lanes lanes;
    crm_tensor x, h, keep, dh, dx;
} call;

/* In host memory. */
static inline void call_of(const batch *b, call *c)
{
    *c = (call){.p = {b->t.kind, b->t.reverse, c->packed},
                .w = weights_of(b->w),
                .dw = weights_of(b->dw),
                .lanes = {.n = b->lanes, .stride = b->stride, .first = b->lane_first},
                .x = tensor_of(&b->x),
                .h = tensor_of(&b->h),
                .keep = tensor_of(&b->keep),
                .dh = tensor_of(&b->dh),
                .dx = tensor_of(&b->dx)};
    memcpy(c->packed, b->packed, sizeof c->packed);
}

static inline void hold_weights(held_arrays *m, const mat *from, crm_rnn_weights *w)
{
    void *at[WEIGHTS];

    for (int k = 0; k < WEIGHTS; k++)
        at[k] = array_on_device(m, from[k].p, from[k].count, sizeof(float));
    w->wi.data = at[WI];
    w->wh.data = at[WH];
    w->bi.data = at[BI];
    w->bh.data = at[BH];
}

/* In memory of the device, gaps too. */
static inline void call_on(held_arrays *m, const batch *b, call *c)
{
    const mat *all[] = {&b->x, &b->h, &b->keep, &b->dh, &b->dx};

    call_of(b, c);
    crm_tensor *to[] = {&c->x, &c->h, &c->keep, &c->dh, &c->dx};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        to[k]->data = array_on_device(m, all[k]->p, all[k]->count, sizeof(float));
    hold_weights(m, b->w, &c->w);
    hold_weights(m, b->dw, &c->dw);
    for (int l = 0; l < b->lanes; l++)
        c->packed[l].device_first =
            array_on_device(m, b->first[l], b->steps[l] + 1, sizeof b->first[l][0]);
}

static inline void run_batch(crm_device *d, const batch *b)
{
    held_arrays m = {.d = d};
    call c;

    call_on(&m, b, &c);
    T_OK(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep));
    T_OK(crm_op_rnn_bwd(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep, &c.dh, &c.dx, &c.dw));
    T_OK(crm_device_sync(d));
    bring_back(&m);
    let_go(&m);
    check_gaps(&b->h, 1, 0);
    check_gaps(&b->keep, 1, 0);
    check_gaps(&b->dx, 1, 0);
    for (int k = 0; k < WEIGHTS; k++)
        check_gaps(&b->dw[k], b->lanes, b->stride);
}
#endif
