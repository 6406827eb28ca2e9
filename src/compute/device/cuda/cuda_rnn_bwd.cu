/* cuda_rnn_bwd.cu - recurrent nets back through time.
 *
 * The walk goes through the steps of the forward walk from the last to the first.  Gradients before
 * the gates take the places of keep: GRU dr, dz, dn, dnh (dnh: of wh h + bh of n), LSTM di, df, dg,
 * do, so that those of wi x lie side by side in the order of the weights.  State that comes before
 * each row is written to scratch memory on the way, 0 where there is none: rows without an earlier
 * step take part in the sum for wh as zeros, and every sum is one of all rows of a lane in packed
 * order (cuda_outer_sum).  Order of operations as in docs/numerics.md, but for the product with wh
 * (fp32, 64 units: 8 interleaved chains; TF32: what a tensor core does) and where chains of the sum
 * for wh are cut. */
#include "cuda_ops.h"
#include "cuda_rnn.h"

typedef struct rnn_back {
    rnn_lanes lanes;
    bool reverse;
    int64_t units;
    const float *wh;
    int64_t ldw;
    const float *h, *dh;
    float *keep, *before; /* before [rows][units]: h of the step before */
    int64_t ldh, ldd, ldk;
} rnn_back;

/* What the slopes of one element need. */
template <int KIND> struct rnn_element {
    float keep[rnn_of<KIND>::KEEP], dh, h, c; /* h, c: of the step before */
};

/* Of a row, at a unit; `with`: it has a step before, `before` its row. */
template <int KIND>
CRM_DEVICE void rnn_fetch(const rnn_back &a, int64_t row, int64_t unit, bool with, int64_t before,
                          rnn_element<KIND> *x)
{
    CRM_UNROLL
    for (int j = 0; j < rnn_of<KIND>::KEEP; j++)
        x->keep[j] = a.keep[row * a.ldk + j * a.units + unit];
    x->dh = a.dh[row * a.ldd + unit];
    x->h = with ? a.h[before * a.ldh + unit] : 0.0f;
    if (KIND == CRM_RNN_LSTM) x->c = with ? a.keep[before * a.ldk + 4 * a.units + unit] : 0.0f;
}

/* Gradients before the gates, d[0..2] r, z, nh and d[3] n for GRU, i, f, g, o for LSTM, from later
 * = what comes from the step after; *dc: of c, LSTM.  What goes on to the step before by z. */
template <int KIND>
CRM_DEVICE float rnn_slopes(const rnn_element<KIND> &x, float later, float *dc, float d[4])
{
    float dh = x.dh + later;

    if (KIND == CRM_RNN_GRU) {
        float r = x.keep[0], z = x.keep[1], n = x.keep[2];

        d[3] = dh * (1.0f - z) * fmaf(-n, n, 1.0f);
        d[0] = d[3] * x.keep[3] * (r * (1.0f - r));
        d[1] = dh * (x.h - n) * (z * (1.0f - z));
        d[2] = d[3] * r;
        return dh * z;
    }
    float in = x.keep[0], f = x.keep[1], g = x.keep[2], o = x.keep[3];
    float t = cuda_gate_tanh(x.keep[rnn_of<KIND>::KEEP - 1]);
    float c = fmaf(dh * o, fmaf(-t, t, 1.0f), *dc);

    d[0] = c * g * (in * (1.0f - in));
    d[1] = c * x.c * (f * (1.0f - f));
    d[2] = c * in * fmaf(-g, g, 1.0f);
    d[3] = dh * t * (o * (1.0f - o));
    *dc = c * f;
    return 0.0f;
}

template <int KIND>
CRM_DEVICE void rnn_put_slopes(const rnn_back &a, int64_t row, int64_t unit, float h,
                               const float d[4])
{
    float *k = a.keep + row * a.ldk + unit;

    k[0] = d[0];
    k[a.units] = d[1];
    k[2 * a.units] = KIND == CRM_RNN_GRU ? d[3] : d[2];
    k[3 * a.units] = KIND == CRM_RNN_GRU ? d[2] : d[3];
    a.before[row * a.units + unit] = h;
}

/* ---- 64 units ---- */

/* Weights of a thread, G RNN_FAST terms k.  fp32: lane = 8 p + s has units 2 p and 2 p + 1 of the
 * warp's 8, terms 8 i + s.  TF32: fragments of 16 units, of the fourth gate in shared memory. */
template <int KIND, bool TF32> struct rnn_back_weights {
    enum {
        GATES = rnn_of<KIND>::GATES,
        HELD = TF32 ? 3 : 2, /* gates, or units */
        N = TF32 ? 32 : GATES * 8,
        SPARE = TF32 && KIND == CRM_RNN_LSTM,
        ROW = GATES * RNN_FAST + 4, /* TF32: floats of a sequence, against bank conflicts */
        SLOPES = TF32 ? 8 * ROW : GATES * RNN_FAST * 8
    };
};

/* Weight i of gate j (TF32) or of unit j (fp32) of a thread. */
template <bool TF32> CRM_DEVICE float rnn_back_weight(const rnn_back &a, int j, int i)
{
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;

    if (TF32) {
        int k = j * RNN_FAST + i / 4 * 8 + i % 4 / 2 * 4 + lane % 4;

        return __uint_as_float(crm_to_tf32(a.wh[k * a.ldw + rnn_unit<TF32>(i % 2 * 2)]));
    }
    return a.wh[(8 * i + lane % 8) * a.ldw + warp * 8 + lane / 8 * 2 + j];
}

/* to[e] += sum over k of slopes and weights.  slopes [k][sequence] */
template <int G>
CRM_DEVICE void rnn_back_fp32(const float *slopes, const float w[2][8 * G], float *to)
{
    const float *s = slopes + threadIdx.x % 8 * 8;
    float sum[16] = {}, half[8], quarter[4], mine[2];

    CRM_UNROLL
    for (int i = 0; i < 8 * G; i++) {
        rnn_fma<8>(w[0][i], s + i * 64, sum);
        rnn_fma<8>(w[1][i], s + i * 64, sum + 8);
    }
    rnn_fold<16>(sum, 4, half);
    rnn_fold<8>(half, 2, quarter);
    rnn_fold<4>(quarter, 1, mine);
    to[0] += mine[0];
    to[1] += mine[1];
}

/* slopes [sequence][k], rows 64 G + 4 apart */
template <int G>
CRM_DEVICE void rnn_back_tf32(const float *slopes, const float w[3][32], const float *spare,
                              float *to)
{
    const float *s = slopes + threadIdx.x % 32 / 4 * (G * RNN_FAST + 4) + threadIdx.x % 4;
    float sum[G][4] = {};

    CRM_UNROLL
    for (int k = 0; k < 8; k++)
        CRM_UNROLL
    for (int g = 0; g < G; g++) {
        const float *at = s + g * RNN_FAST + k * 8;
        uint32_t b[2] = {__float_as_uint(at[0]), __float_as_uint(at[4])};

        rnn_mma(sum[g], g < 3 ? w[g % 3] + 4 * k : spare + (k * 128 + threadIdx.x) * 4, b);
    }
    CRM_UNROLL
    for (int e = 0; e < 4; e++)
        CRM_UNROLL
    for (int g = 0; g < G; g++)
        to[e] += sum[g][e];
}

template <int KIND, bool TF32>
CRM_DEVICE void rnn_share_slopes(float *slopes, int e, const float d[4])
{
    CRM_UNROLL
    for (int g = 0; g < rnn_of<KIND>::GATES; g++) {
        int k = g * RNN_FAST + rnn_unit<TF32>(e);

        if (TF32)
            slopes[rnn_seq(e) * rnn_back_weights<KIND, TF32>::ROW + k] =
                __uint_as_float(crm_to_tf32(d[g]));
        else
            slopes[k * 8 + rnn_seq(e)] = d[g];
    }
}

/* Elements of a thread at a step, from memory. */
template <int KIND, bool TF32>
CRM_DEVICE void rnn_fetch_step(const rnn_back &a, rnn_step s, rnn_step before, rnn_element<KIND> *x)
{
    CRM_UNROLL
    for (int e = 0; e < rnn_fast<TF32>::ELEMENTS; e++)
        if (rnn_seq(e) < s.n)
            rnn_fetch<KIND>(a, s.row + rnn_seq(e), rnn_unit<TF32>(e), rnn_seq(e) < before.n,
                            before.row + rnn_seq(e), &x[e]);
}

/* Limited as k_rnn_fast is.  By ptxas, for capability 9.0 (8.0: at most 4 registers fewer), none
 * spilled; instructions of a warp and cycles of a step are estimates.
 *
 *              registers   shared   blocks an SM   a warp and step               cycles
 *   GRU fp32     127       12 KB         2         384 fma, 48 loads, 14 shfl     1,200
 *   LSTM fp32    150       16 KB         1         512 fma, 64 loads, 14 shfl     1,700
 *   GRU TF32     220       12 KB         2         24 mma, 48 loads                 700
 *   LSTM TF32    234       33 KB         2         32 mma, 72 loads                 900
 *
 * and some 30 (LSTM 50) for the slopes of each of a thread's elements, 2 (fp32) or 4. */
template <int KIND, bool TF32>
static CRM_KERNEL CRM_BOUNDS(rnn_fast<TF32>::THREADS) k_rnn_fast_bwd(const rnn_back a)
{
    typedef rnn_back_weights<KIND, TF32> weights;
    const int E = rnn_fast<TF32>::ELEMENTS;
    CRM_SHARED(float, slopes, [2][weights::SLOPES]);
    CRM_SHARED(float, spare, [weights::SPARE ? 8 * 128 * 4 : 4]);
    rnn_walk walk = rnn_walk_of<RNN_SEQS>(a.lanes, !a.reverse);
    rnn_step now = rnn_step_at(walk, 0), next = rnn_step_at(walk, 1), after = rnn_step_at(walk, 2);
    float w[weights::HELD][weights::N], later[E] = {}, dc[E] = {};
    rnn_element<KIND> x[E];

    if (walk.length == 0) return;
    CRM_UNROLL
    for (int i = 0; i < weights::N; i++) {
        CRM_UNROLL
        for (int j = 0; j < weights::HELD; j++)
            w[j][i] = rnn_back_weight<TF32>(a, j, i);
        if (weights::SPARE)
            spare[(i / 4 * 128 + threadIdx.x) * 4 + i % 4] = rnn_back_weight<TF32>(a, 3, i);
    }
    rnn_fetch_step<KIND, TF32>(a, now, next, x);
    for (int k = 0; k < walk.length; k++) {
        rnn_step third = rnn_step_at(walk, k + 3);
        rnn_element<KIND> ahead[E];

        rnn_fetch_step<KIND, TF32>(a, next, after, ahead);
        CRM_UNROLL
        for (int e = 0; e < E; e++) {
            float d[4] = {};

            if (rnn_seq(e) < now.n) {
                later[e] = rnn_slopes<KIND>(x[e], later[e], &dc[e], d);
                rnn_put_slopes<KIND>(a, now.row + rnn_seq(e), rnn_unit<TF32>(e), x[e].h, d);
            }
            rnn_share_slopes<KIND, TF32>(slopes[k & 1], e, d);
            x[e] = ahead[e];
        }
        now = next;
        next = after;
        after = third;
        __syncthreads();
        if constexpr (TF32)
            rnn_back_tf32<weights::GATES>(slopes[k & 1], w, spare, later);
        else
            rnn_back_fp32<weights::GATES>(slopes[k & 1], w, later);
    }
}

/* ---- any size ---- */

/* Slopes of a unit of all sequences, into keep and slopes [k][SEQS]. */
template <int KIND, int SEQS>
CRM_DEVICE void rnn_unit_slopes(const rnn_back &a, rnn_step now, rnn_step before, int64_t unit,
                                float *slopes, float *later, float *cell)
{
    CRM_UNROLL
    for (int s = 0; s < SEQS; s++) {
        int64_t at = unit * SEQS + s;
        rnn_element<KIND> x;
        float d[4] = {};

        if (s < now.n) {
            rnn_fetch<KIND>(a, now.row + s, unit, s < before.n, before.row + s, &x);
            later[at] = rnn_slopes<KIND>(x, later[at], &cell[at], d);
            rnn_put_slopes<KIND>(a, now.row + s, unit, x.h, d);
        }
        CRM_UNROLL
        for (int g = 0; g < rnn_of<KIND>::GATES; g++)
            slopes[g * a.units * SEQS + at] = d[g];
    }
}

/* later of a unit += chains over the slopes. */
template <int SEQS>
CRM_DEVICE void rnn_unit_back(const rnn_back &a, int64_t terms, int64_t unit, const float *slopes,
                              float *later)
{
    float total[SEQS];

    CRM_UNROLL
    for (int s = 0; s < SEQS; s++)
        total[s] = later[unit * SEQS + s];
    for (int64_t k0 = 0; k0 < terms; k0 += CRM_CHAIN) {
        int64_t end = k0 + CRM_CHAIN < terms ? k0 + CRM_CHAIN : terms;
        float sum[SEQS] = {};

        CRM_UNROLL_N(8)
        for (int64_t k = k0; k < end; k++)
            rnn_fma<SEQS>(a.wh[k * a.ldw + unit], slopes + k * SEQS, sum);
        CRM_UNROLL
        for (int s = 0; s < SEQS; s++)
            total[s] += sum[s];
    }
    CRM_UNROLL
    for (int s = 0; s < SEQS; s++)
        later[unit * SEQS + s] = total[s];
}

/* Shared memory: slopes [G units][SEQS], later and, of LSTM, dc [units][SEQS].  Limited by L2, as
 * k_rnn_any; 98 registers (LSTM 100; blocks of 4 sequences 80), none spilled.  A term takes a load
 * of a weight, 2 of slopes and 8 fma: for 128 units of GRU about 5,000 cycles a step (estimate). */
template <int KIND, int SEQS>
static CRM_KERNEL CRM_BOUNDS(RNN_THREADS, 1) k_rnn_any_bwd(const rnn_back a)
{
    CRM_DYN_SHARED(float, slopes);
    int64_t terms = rnn_of<KIND>::GATES * a.units, size = a.units * SEQS;
    float *later = slopes + terms * SEQS, *cell = later + (KIND == CRM_RNN_LSTM ? size : 0);
    rnn_walk walk = rnn_walk_of<SEQS>(a.lanes, !a.reverse);

    for (int64_t unit = threadIdx.x; unit < a.units; unit += blockDim.x)
        CRM_UNROLL
    for (int s = 0; s < SEQS; s++)
        later[unit * SEQS + s] = cell[unit * SEQS + s] = 0.0f;
    for (int k = 0; k < walk.length; k++) {
        rnn_step now = rnn_step_at(walk, k), before = rnn_step_at(walk, k + 1);

        for (int64_t unit = threadIdx.x; unit < a.units; unit += blockDim.x)
            rnn_unit_slopes<KIND, SEQS>(a, now, before, unit, slopes, later, cell);
        __syncthreads();
        for (int64_t unit = threadIdx.x; unit < a.units; unit += blockDim.x)
            rnn_unit_back<SEQS>(a, terms, unit, slopes, later);
        __syncthreads();
    }
}

/* ---- launches ---- */

template <int KIND> static crm_status launch_fast(cuda_state *s, const rnn_back *a)
{
    unsigned blocks = cuda_rnn_blocks(&a->lanes, RNN_SEQS);

    if (s->cfg.math == CRM_GPU_FP32)
        CRM_LAUNCH((k_rnn_fast_bwd<KIND, false>), blocks, 256, 0, s->stream, *a);
    else
        CRM_LAUNCH((k_rnn_fast_bwd<KIND, true>), blocks, 128, 0, s->stream, *a);
    CUDA_LAUNCHED(k_rnn_fast_bwd);
    return CRM_OK;
}

template <int KIND, int SEQS> static crm_status launch_any(cuda_state *s, const rnn_back *a)
{
    size_t bytes = (size_t)(a->units * SEQS * (KIND == CRM_RNN_GRU ? 4 : 6)) * sizeof(float);

    CRM_TRY(cuda_rnn_shared((const void *)k_rnn_any_bwd<KIND, SEQS>, bytes));
    CRM_LAUNCH((k_rnn_any_bwd<KIND, SEQS>), cuda_rnn_blocks(&a->lanes, SEQS),
               cuda_rnn_threads(a->units), bytes, s->stream, *a);
    CUDA_LAUNCHED(k_rnn_any_bwd);
    return CRM_OK;
}

template <int KIND> static crm_status launch(cuda_state *s, const rnn_back *a)
{
    if (a->units == RNN_FAST) return launch_fast<KIND>(s, a);
    if (a->units <= RNN_WIDE) return launch_any<KIND, RNN_SEQS>(s, a);
    return launch_any<KIND, RNN_FEW>(s, a);
}

/* dx = gradients before the gates times wi. */
static crm_status input_gradients(cuda_state *s, const crm_rnn_weights *w, const rnn_back *a,
                                  crm_tensor *dx)
{
    cuda_product p = {};

    p.m = dx->dim[0];
    p.n = w->wi.dim[1];
    p.k = w->wi.dim[0];
    p.a = a->keep;
    p.lda = a->ldk;
    p.b = (const float *)w->wi.data;
    p.ldb = w->wi.ld;
    p.b_turned = true;
    p.c = (float *)dx->data;
    p.ldc = dx->ld;
    return cuda_multiply(s, &p);
}

/* Rows [row, row + n) of a gradient of weights, and of its bias, from columns of keep that begin at
 * `column`. */
static crm_status sum_rows(cuda_state *s, const cuda_lanes *lanes, const rnn_back *a,
                           int64_t column, const crm_tensor *dw, const crm_tensor *db, int64_t row,
                           int64_t n, const float *b, int64_t ldb)
{
    cuda_outer o = {};

    o.m = n;
    o.n = dw->dim[1];
    o.a = a->keep + column;
    o.lda = a->ldk;
    o.b = b;
    o.ldb = ldb;
    o.c = (float *)dw->data + row * dw->ld;
    o.ldc = dw->ld;
    o.sums = (float *)db->data + row;
    o.lanes = lanes;
    return cuda_outer_sum(s, &o);
}

static crm_status weight_gradients(cuda_state *s, crm_rnn_kind kind, const crm_lanes *lanes,
                                   const rnn_back *a, const crm_tensor *x, crm_rnn_weights *dw)
{
    cuda_lanes c = cuda_lanes_of(lanes);
    int64_t n = a->units, rows = dw->wi.dim[0], both = kind == CRM_RNN_GRU ? 2 * n : rows;

    CRM_TRY(sum_rows(s, &c, a, 0, &dw->wi, &dw->bi, 0, rows, (const float *)x->data, x->ld));
    CRM_TRY(sum_rows(s, &c, a, 0, &dw->wh, &dw->bh, 0, both, a->before, n));
    if (both == rows) return CRM_OK;
    return sum_rows(s, &c, a, 3 * n, &dw->wh, &dw->bh, both, n, a->before, n);
}

extern "C" crm_status cuda_op_rnn_bwd(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                                      const crm_lanes *lanes, const crm_tensor *x,
                                      const crm_tensor *h, crm_tensor *keep, const crm_tensor *dh,
                                      crm_tensor *dx, crm_rnn_weights *dw)
{
    cuda_state *s = (cuda_state *)state;
    rnn_back a = {};

    CRM_TRY(cuda_rnn_fits(w));
    CRM_TRY(cuda_rnn_lanes(p, lanes, &a.lanes));
    a.reverse = p->reverse;
    a.units = w->wh.dim[1];
    a.wh = (const float *)w->wh.data;
    a.ldw = w->wh.ld;
    a.h = (const float *)h->data;
    a.ldh = h->ld;
    a.dh = (const float *)dh->data;
    a.ldd = dh->ld;
    a.keep = (float *)keep->data;
    a.ldk = keep->ld;
    CUDA_SCRATCH(s, CUDA_RNN_PART, a.before, h->dim[0] * a.units);
    if (h->dim[0] > 0)
        CRM_TRY(p->kind == CRM_RNN_GRU ? launch<CRM_RNN_GRU>(s, &a) : launch<CRM_RNN_LSTM>(s, &a));
    if (h->dim[0] > 0 && dx) CRM_TRY(input_gradients(s, w, &a, dx));
    return weight_gradients(s, p->kind, lanes, &a, x, dw);
}
