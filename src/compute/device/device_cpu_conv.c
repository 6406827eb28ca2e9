/* device_cpu_conv.c - convolution over the steps of samples on the CPU device.
 *
 * A window is what one output row sees: kernel rows side by side, taps outermost, zeros beyond the
 * ends of the sample.  Windows are written out a piece at a time, so that all three passes are
 * matrix products with the order of operations of any other product:
 *
 *     y[t][o]     = sum over (j, c) of x[t + j - pad][c] w[o][c][j]
 *     dx[t][c]    = sum over (j, o) of dy[t + pad - j][o] w[o][c][j]
 *     dw[o][c][j] = sum over rows t of dy[t][o] x[t + j - pad][c]
 *
 * Zeros take part in the sums: for a finite other factor fma(0, x, s) = s, so that they cannot
 * change an element and may as well be skipped.  That is the sparse form of the two gradients,
 * taken where few elements of dy are not zero, as after a maximum over time.  One thing differs: a
 * chain that was flushed to -0 becomes +0 when a zero is added.  Sums end with + 0 in both forms,
 * which makes +0 of either; so their bits are equal. */
#include <string.h>

#include "crmpi/base_mem.h"

#include "device_cpu_impl.h"

/* Windows written out at a time. */
enum { PIECE = 96 };
/* The sparse form is taken when at most one element of this many is not zero (measured). */
enum { SPARSE_X = 4, SPARSE_W = 6 };

/* Window r of sample s, r in [0, count): tap j is row r + first + j * way of the sample's rows in
 * x, zeros outside [0, steps). */
typedef struct windows {
    const crm_tensor *x;
    int64_t steps, count, kernel, first, way;
} windows;

static int64_t output_steps(const crm_conv *p)
{
    return p->steps + 2 * p->pad - p->kernel + 1;
}

static windows windows_of_x(const crm_conv *p, const crm_tensor *x)
{
    return (windows){x, p->steps, output_steps(p), p->kernel, -p->pad, 1};
}

static windows windows_of_dy(const crm_conv *p, const crm_tensor *dy)
{
    return (windows){dy, output_steps(p), p->steps, p->kernel, p->pad, -1};
}

/* Taps of a dense x that are inside lie side by side. */
static void copy_window(const windows *w, int64_t sample, int64_t at, float *to)
{
    int64_t d = w->x->dim[1], from = at < 0 ? -at : 0,
            till = at + w->kernel > w->steps ? w->steps - at : w->kernel;

    memset(to, 0, (size_t)(from * d) * sizeof *to);
    memcpy(to + from * d, row(w->x, sample * w->steps + at + from),
           (size_t)((till - from) * d) * sizeof *to);
    memset(to + till * d, 0, (size_t)((w->kernel - till) * d) * sizeof *to);
}

/* Window r of all samples, [kernel][d]. */
static void write_window(const windows *w, int64_t r, float *to)
{
    int64_t d = w->x->dim[1], sample = r / w->count, at = r % w->count + w->first;

    if (w->way == 1 && w->x->ld == d) {
        copy_window(w, sample, at, to);
        return;
    }
    for (int64_t j = 0; j < w->kernel; j++, at += w->way, to += d)
        if (at >= 0 && at < w->steps)
            memcpy(to, row(w->x, sample * w->steps + at), (size_t)d * sizeof *to);
        else
            memset(to, 0, (size_t)d * sizeof *to);
}

static void write_windows(const windows *w, int64_t first, int64_t end, float *to)
{
    for (int64_t r = first; r < end; r++, to += w->kernel * w->x->dim[1])
        write_window(w, r, to);
}

/* y = act(windows b + bias), b [kernel d][n]. */
static crm_status product_of_windows(cpu_state *s, const windows *w, const float *b,
                                     const float *bias, crm_act act, crm_tensor *y)
{
    int64_t k = w->kernel * w->x->dim[1], n = y->dim[1];
    crm_cpu_operand weight = {b, 1, n};
    float *piece, *packed;

    CPU_SCRATCH(s, CPU_CONV_WINDOW, piece, PIECE * k);
    CPU_SCRATCH(s, CPU_CONV_PACKED, packed, crm_cpu_packed(n, k));
    s->k->pack_b(weight, n, k, packed);
    for (int64_t r = 0; r < y->dim[0]; r += PIECE) {
        int64_t rows = y->dim[0] - r < PIECE ? y->dim[0] - r : PIECE;
        crm_cpu_gemm end = {
            .m = rows, .n = n, .bias = bias, .act = act, .c = row(y, r), .ldc = y->ld};
        crm_cpu_rows g = {.m = rows,
                          .n = n,
                          .k = k,
                          .a = piece,
                          .lda = k,
                          .b = packed,
                          .c = end.c,
                          .ldc = end.ldc};

        write_windows(w, r, r + rows, piece);
        s->k->gemm_rows(&g);
        s->k->finish(&end);
    }
    return CRM_OK;
}

/* Weights [o][c][j] in another order: element (o, c, j) at o * by_o + c * by_c + j * by_j. */
static crm_status turn_weights(cpu_state *s, const crm_tensor *w, int64_t by_o, int64_t by_c,
                               int64_t by_j, const float **out)
{
    int64_t n = w->dim[0], channels = w->dim[1], kernel = w->dim[2];
    const float *from = w->data;
    float *to;

    CPU_SCRATCH(s, CPU_CONV_WEIGHT, to, n * channels * kernel);
    for (int64_t o = 0; o < n; o++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t j = 0; j < kernel; j++)
                to[o * by_o + c * by_c + j * by_j] = *from++;
    *out = to;
    return CRM_OK;
}

crm_status crm_cpu_conv(void *state, const crm_conv *p, const crm_tensor *x, const crm_tensor *w,
                        const crm_tensor *b, crm_tensor *y)
{
    windows win = windows_of_x(p, x);
    const float *turned;

    CRM_TRY(turn_weights(state, w, 1, w->dim[0], w->dim[0] * w->dim[1], &turned));
    return product_of_windows(state, &win, turned, b ? b->data : NULL, p->act, y);
}

/* ---- which form ---- */

void crm_cpu_conv_form(crm_device *d, int form)
{
    ((cpu_state *)d->state)->conv_form = form;
}

/* Rows [first, end) of dy have few elements that are not zero. */
static bool is_sparse(const cpu_state *s, const crm_tensor *dy, int64_t first, int64_t end,
                      int64_t one_of)
{
    int64_t d = dy->dim[1], filled = 0;

    if (s->conv_form != CRM_CPU_FORM_BEST) return s->conv_form == CRM_CPU_FORM_SPARSE;
    for (int64_t r = first; r < end; r++)
        filled += s->k->count_nonzero(row(dy, r), d);
    return filled * one_of <= (end - first) * d;
}

/* Elements that are not zero, row by row: those of row i are [start[i], start[i + 1]). */
typedef struct nonzero {
    float *value;
    int32_t *at; /* column */
    int64_t *start;
} nonzero;

static crm_status nonzero_new(cpu_state *s, int64_t rows, int64_t d, nonzero *z)
{
    CPU_SCRATCH(s, CPU_CONV_VALUE, z->value, rows * d);
    CPU_SCRATCH(s, CPU_CONV_AT, z->at, rows * d);
    CPU_SCRATCH(s, CPU_CONV_START, z->start, rows + 1);
    return CRM_OK;
}

static void find_nonzero(const cpu_state *s, const crm_tensor *dy, int64_t first, int64_t end,
                         const nonzero *z)
{
    int64_t n = 0;

    for (int64_t r = first; r < end; r++) {
        z->start[r - first] = n;
        n += s->k->find_nonzero(row(dy, r), dy->dim[1], z->value + n, z->at + n);
    }
    z->start[end - first] = n;
}

/* ---- gradient of x ---- */

static crm_status dense_bwd_x(cpu_state *s, const crm_conv *p, const crm_tensor *dy,
                              const float *turned, crm_tensor *dx)
{
    windows win = windows_of_dy(p, dy);
    int64_t c = dx->dim[1];
    float *zero;

    CPU_SCRATCH(s, CPU_CONV_SUM, zero, c);
    memset(zero, 0, (size_t)c * sizeof *zero);
    return product_of_windows(s, &win, turned, zero, CRM_ACT_NONE, dx);
}

/* The sparse form for the rows of one sample. */
typedef struct scatter {
    const cpu_state *s;
    const crm_conv *p;
    const nonzero *z; /* of the sample's rows of dy */
    const float *w;   /* [kernel][o][c]             */
    int64_t filters, channels;
    float *chain, *zero; /* [channels] */
} scatter;

/* to = the terms (j, o) in [first, end) that are not zero, for row t of dx. */
static void gather_chain(const scatter *q, int64_t t, int64_t first, int64_t end, float *to)
{
    crm_cpu_terms terms = {.ld = q->channels, .width = q->channels};

    memset(to, 0, (size_t)q->channels * sizeof *to);
    for (int64_t j = first / q->filters; j * q->filters < end; j++) {
        int64_t at = t + q->p->pad - j, from, till, base = j * q->filters;

        if (at < 0 || at >= output_steps(q->p)) continue;
        from = q->z->start[at];
        till = q->z->start[at + 1];
        while (from < till && base + q->z->at[from] < first)
            from++;
        while (from < till && base + q->z->at[till - 1] >= end)
            till--;
        terms.n = till - from;
        terms.factor = q->z->value + from;
        terms.row = q->z->at + from;
        terms.x = q->w + base * q->channels;
        q->s->k->gather(&terms, to);
    }
}

static void scatter_row(const scatter *q, int64_t t, float *to)
{
    int64_t all = q->p->kernel * q->filters;

    for (int64_t k = 0; k < all; k += CRM_CHAIN) {
        gather_chain(q, t, k, k + CRM_CHAIN < all ? k + CRM_CHAIN : all, k ? q->chain : to);
        if (k) q->s->k->add_row(q->chain, to, q->channels);
    }
    q->s->k->add_row(q->zero, to, q->channels);
}

static crm_status sparse_bwd_x(cpu_state *s, const crm_conv *p, const crm_tensor *dy,
                               const float *turned, crm_tensor *dx)
{
    int64_t out = output_steps(p), n = dx->dim[0] / p->steps;
    nonzero z;
    scatter q = {s, p, &z, turned, dy->dim[1], dx->dim[1], NULL, NULL};

    CRM_TRY(nonzero_new(s, out, q.filters, &z));
    CPU_SCRATCH(s, CPU_CONV_CHAIN, q.chain, q.channels);
    CPU_SCRATCH(s, CPU_CONV_SUM, q.zero, q.channels);
    memset(q.zero, 0, (size_t)q.channels * sizeof *q.zero);
    for (int64_t i = 0; i < n; i++) {
        find_nonzero(s, dy, i * out, (i + 1) * out, &z);
        for (int64_t t = 0; t < p->steps; t++)
            scatter_row(&q, t, row(dx, i * p->steps + t));
    }
    return CRM_OK;
}

crm_status crm_cpu_conv_bwd_x(void *state, const crm_conv *p, const crm_tensor *dy,
                              const crm_tensor *w, crm_tensor *dx)
{
    const float *turned;

    CRM_TRY(turn_weights(state, w, w->dim[1], 1, w->dim[0] * w->dim[1], &turned));
    return is_sparse(state, dy, 0, dy->dim[0], SPARSE_X) ? sparse_bwd_x(state, p, dy, turned, dx)
                                                         : dense_bwd_x(state, p, dy, turned, dx);
}

/* ---- gradient of w ---- */

/* Rows [first, end) of dy, one chain, and their windows: these lie in a copy of the samples with
 * zeros at both ends, where the window of a row is [k] floats from row place[i] on. */
typedef struct chain_rows {
    const crm_tensor *dy;
    const windows *win;
    int64_t first, end, k;
    float *copy;
    int32_t place[CRM_CHAIN];
    const float *a[CRM_CHAIN], *b[CRM_CHAIN]; /* rows of dy, windows */
    nonzero by_row, by_filter;
} chain_rows;

/* Rows of one sample in the copy. */
static int64_t copied_rows(const windows *w)
{
    return w->count + w->kernel - 1;
}

static void copy_sample(const windows *w, int64_t sample, float *to)
{
    int64_t d = w->x->dim[1];

    for (int64_t t = w->first; t < copied_rows(w) + w->first; t++, to += d)
        if (t >= 0 && t < w->steps)
            memcpy(to, row(w->x, sample * w->steps + t), (size_t)d * sizeof *to);
        else
            memset(to, 0, (size_t)d * sizeof *to);
}

static void read_chain(chain_rows *c)
{
    const windows *w = c->win;
    int64_t d = w->x->dim[1], from = c->first / w->count, till = (c->end - 1) / w->count;

    for (int64_t i = from; i <= till; i++)
        copy_sample(w, i, c->copy + (i - from) * copied_rows(w) * d);
    for (int64_t i = 0; i < c->end - c->first; i++) {
        int64_t r = c->first + i;
        int64_t place = (r / w->count - from) * copied_rows(w) + r % w->count;

        c->place[i] = (int32_t)place;
        c->a[i] = row(c->dy, r);
        c->b[i] = c->copy + place * d;
    }
}

/* sum = the chain (first), or + it */
static void dense_chain(const cpu_state *s, const chain_rows *c, float *sum, bool first)
{
    crm_cpu_outer o = {.m = c->dy->dim[1],
                       .n = c->k,
                       .k = c->end - c->first,
                       .a = c->a,
                       .b = c->b,
                       .c = sum,
                       .ldc = c->k,
                       .first = first,
                       .pack = s->pack};

    s->k->outer(&o);
}

/* The same elements filter by filter: those of one filter side by side, at = place[row]. */
static void turn_nonzero(const nonzero *r, const int32_t *place, int64_t rows, const nonzero *f,
                         int64_t filters)
{
    int64_t n = 0;

    memset(f->start, 0, (size_t)(filters + 1) * sizeof *f->start);
    for (int64_t i = 0; i < r->start[rows]; i++)
        f->start[r->at[i]]++;
    for (int64_t o = 0; o <= filters; o++) { /* how many: to where the next goes */
        int64_t count = f->start[o];

        f->start[o] = n;
        n += count;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = r->start[i]; j < r->start[i + 1]; j++) {
            int64_t to = f->start[r->at[j]]++;

            f->value[to] = r->value[j];
            f->at[to] = place[i];
        }
}

static void sparse_chain(const cpu_state *s, const chain_rows *c, float *to)
{
    int64_t filters = c->dy->dim[1], from = 0;

    find_nonzero(s, c->dy, c->first, c->end, &c->by_row);
    turn_nonzero(&c->by_row, c->place, c->end - c->first, &c->by_filter, filters);
    memset(to, 0, (size_t)(filters * c->k) * sizeof *to);
    for (int64_t o = 0; o < filters; o++) { /* start[o] is now the end of filter o */
        crm_cpu_terms t = {.n = c->by_filter.start[o] - from,
                           .factor = c->by_filter.value + from,
                           .row = c->by_filter.at + from,
                           .x = c->copy,
                           .ld = c->win->x->dim[1],
                           .width = c->k};

        s->k->gather(&t, to + o * c->k);
        from = c->by_filter.start[o];
    }
}

/* sum [o][kernel][c] over rows [first, end) of dy; chain: memory as large. */
static void sum_rows(const cpu_state *s, chain_rows *c, int64_t first, int64_t end, float *chain,
                     float *sum)
{
    bool sparse = is_sparse(s, c->dy, first, end, SPARSE_W);
    int64_t size = c->dy->dim[1] * c->k;

    if (first == end) memset(sum, 0, (size_t)size * sizeof *sum);
    for (int64_t r = first; r < end; r = c->end) {
        c->first = r;
        c->end = end - r < CRM_CHAIN ? end : r + CRM_CHAIN;
        read_chain(c);
        if (!sparse) {
            dense_chain(s, c, sum, r == first);
            continue;
        }
        sparse_chain(s, c, r > first ? chain : sum);
        if (r > first) s->k->add_row(chain, sum, size);
    }
}

/* dw[o][c][j] = sum[o][j][c] + 0 */
static void write_gradient(const float *sum, const crm_tensor *dw, float *to)
{
    int64_t channels = dw->dim[1], kernel = dw->dim[2];

    for (int64_t o = 0; o < dw->dim[0]; o++, sum += channels * kernel)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t j = 0; j < kernel; j++)
                *to++ = sum[j * channels + c] + 0.0f;
}

static crm_status chain_rows_new(cpu_state *s, chain_rows *c)
{
    int64_t filters = c->dy->dim[1], n = CRM_CHAIN * filters;
    int64_t samples = (CRM_CHAIN - 2) / c->win->count + 2; /* that a chain touches */

    CPU_SCRATCH(s, CPU_CONV_WINDOW, c->copy, samples * copied_rows(c->win) * c->win->x->dim[1]);
    CRM_TRY(nonzero_new(s, CRM_CHAIN, filters, &c->by_row));
    CPU_SCRATCH(s, CPU_CONV_VALUE_TURNED, c->by_filter.value, n);
    CPU_SCRATCH(s, CPU_CONV_AT_TURNED, c->by_filter.at, n);
    CPU_SCRATCH(s, CPU_CONV_START_TURNED, c->by_filter.start, filters + 1);
    if (!s->pack) CRM_NEW(s->pack, CRM_CPU_PACK);
    return CRM_OK;
}

crm_status crm_cpu_conv_bwd_w(void *state, const crm_conv *p, const crm_tensor *x,
                              const crm_tensor *dy, const crm_lanes *lanes, crm_tensor *dw,
                              crm_tensor *db)
{
    cpu_state *s = state;
    windows win = windows_of_x(p, x);
    chain_rows c = {.dy = dy, .win = &win, .k = p->kernel * x->dim[1]};
    int64_t d = dy->dim[1];
    float *sum, *chain;

    CRM_TRY(chain_rows_new(s, &c));
    CPU_SCRATCH(s, CPU_CONV_SUM, sum, d * c.k);
    CPU_SCRATCH(s, CPU_CONV_CHAIN, chain, d * c.k);
    for (int64_t l = 0; l < lanes->n; l++) {
        int64_t first = crm_lane_first(lanes, l) * win.count,
                end = crm_lane_first(lanes, l + 1) * win.count, at = l * lanes->stride;

        sum_rows(s, &c, first, end, chain, sum);
        write_gradient(sum, dw, (float *)dw->data + at);
        if (db) s->k->column_sums(row(dy, first), dy->ld, end - first, d, (float *)db->data + at);
    }
    return CRM_OK;
}
