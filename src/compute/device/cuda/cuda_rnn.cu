/* cuda_rnn.cu - recurrent nets forward.
 *
 * Products of the inputs, wi x, are one matrix product over all rows before the walk (into keep,
 * whose places the gates take afterwards, or scratch memory).  Inside the step they would save
 * writing and reading 4 G H bytes a row, about as much as keep and h take anyway; but they would
 * add to the chain of dependent work that a step is, for 22 inputs and 64 units a third, and to
 * registers that are full of recurrent weights, so that inputs would have to be few.  Order of
 * operations as in docs/numerics.md, but for sums over the states: interleaved chains (fp32, 64
 * units) or what a tensor core does (TF32). */
#include "cuda_ops.h"
#include "cuda_rnn.h"

/* What a launch gets. */
typedef struct rnn_args {
    rnn_lanes lanes;
    bool reverse;
    int64_t units;
    const float *wh;
    int64_t ldw;
    const float *bi, *bh;
    const float *x; /* wi x, rows ldx apart; may be keep */
    float *h, *keep;
    int64_t ldx, ldh, ldk;
} rnn_args;

/* Bias of a unit: GRU bi + bh of r and z, bi of n, bh of n; LSTM bi + bh. */
template <int KIND> CRM_DEVICE void rnn_bias(const rnn_args &a, int64_t unit, float b[4])
{
    const int both = KIND == CRM_RNN_GRU ? 2 : 4;

    CRM_UNROLL
    for (int g = 0; g < both; g++)
        b[g] = a.bi[g * a.units + unit] + a.bh[g * a.units + unit];
    if (KIND == CRM_RNN_GRU) {
        b[2] = a.bi[2 * a.units + unit];
        b[3] = a.bh[2 * a.units + unit];
    }
}

/* State after the step of one element from X = wi x and H = wh h; kept: as keep has it. */
template <int KIND>
CRM_DEVICE float rnn_cell(const float *X, const float *H, const float b[4], float prev, float *c,
                          float *kept)
{
    if (KIND == CRM_RNN_GRU) {
        float r = cuda_gate_sigmoid((X[0] + H[0]) + b[0]);
        float z = cuda_gate_sigmoid((X[1] + H[1]) + b[1]), nh = H[2] + b[3];
        float n = cuda_gate_tanh(fmaf(r, nh, X[2] + b[2]));

        kept[0] = r;
        kept[1] = z;
        kept[2] = n;
        kept[3] = nh;
        return fmaf(z, prev - n, n);
    }
    kept[0] = cuda_gate_sigmoid((X[0] + H[0]) + b[0]);
    kept[1] = cuda_gate_sigmoid((X[1] + H[1]) + b[1]);
    kept[2] = cuda_gate_tanh((X[2] + H[2]) + b[2]);
    kept[3] = cuda_gate_sigmoid((X[3] + H[3]) + b[3]);
    *c = kept[4] = fmaf(kept[1], *c, kept[0] * kept[2]);
    return kept[3] * cuda_gate_tanh(*c);
}

/* ---- 64 units ---- */

/* Weights of a thread.  fp32: of its unit, states 4 i + t.  TF32: fragments of 16 units; of the
 * fourth gate in shared memory, since registers do not hold 128 of them beside the rest. */
template <int KIND, bool TF32> struct rnn_fast_weights {
    enum {
        N = TF32 ? 32 : 16,
        HELD = TF32 ? 3 : rnn_of<KIND>::GATES, /* gates in registers     */
        SPARE = TF32 && KIND == CRM_RNN_LSTM,  /* gates in shared memory */
        STATE = TF32 ? 8 * 68 : 64 * 8
    };
};

/* Weight i of a thread. */
template <bool TF32> CRM_DEVICE float rnn_fast_weight(const rnn_args &a, int gate, int i)
{
    int t = (int)threadIdx.x % 4, k = TF32 ? i / 4 * 8 + i % 4 / 2 * 4 + t : 4 * i + t;
    float v = a.wh[(gate * RNN_FAST + rnn_unit<TF32>(TF32 ? i % 2 * 2 : 0)) * a.ldw + k];

    return TF32 ? __uint_as_float(crm_to_tf32(v)) : v;
}

/* state [k][sequence] */
template <int G>
CRM_DEVICE void rnn_products_fp32(const float *state, const float w[G][16], float H[G][2])
{
    const float *s = state + threadIdx.x % 4 * 8;
    float sum[G][8] = {};

    CRM_UNROLL
    for (int i = 0; i < 16; i++)
        CRM_UNROLL
    for (int g = 0; g < G; g++)
        rnn_fma<8>(w[g][i], s + i * 32, sum[g]);
    CRM_UNROLL
    for (int g = 0; g < G; g++) {
        float half[4];

        rnn_fold<8>(sum[g], 2, half);
        rnn_fold<4>(half, 1, H[g]);
    }
}

/* state [sequence][k], rows 68 apart against bank conflicts; spare [8][threads][4] */
template <int G>
CRM_DEVICE void rnn_products_tf32(const float *state, const float w[3][32], const float *spare,
                                  float H[G][4])
{
    const float *s = state + threadIdx.x % 32 / 4 * 68 + threadIdx.x % 4;

    CRM_UNROLL
    for (int g = 0; g < G; g++)
        CRM_UNROLL
    for (int i = 0; i < 4; i++)
        H[g][i] = 0.0f;
    CRM_UNROLL
    for (int k = 0; k < 8; k++) {
        uint32_t b[2] = {__float_as_uint(s[k * 8]), __float_as_uint(s[k * 8 + 4])};

        CRM_UNROLL
        for (int g = 0; g < 3; g++)
            rnn_mma(H[g], w[g] + 4 * k, b);
        if (G == 4) rnn_mma(H[G - 1], spare + (k * 128 + threadIdx.x) * 4, b);
    }
}

template <bool TF32> CRM_DEVICE void rnn_put_state(float *state, int e, float h)
{
    if (TF32)
        state[rnn_seq(e) * 68 + rnn_unit<TF32>(e)] = __uint_as_float(crm_to_tf32(h));
    else
        state[rnn_unit<TF32>(e) * 8 + rnn_seq(e)] = h;
}

/* Products of the inputs of a step, 0 where the sequence takes no part. */
template <int G, bool TF32>
CRM_DEVICE void rnn_fast_inputs(const rnn_args &a, rnn_step s, float X[][G])
{
    CRM_UNROLL
    for (int e = 0; e < rnn_fast<TF32>::ELEMENTS; e++) {
        const float *x = a.x + (s.row + rnn_seq(e)) * a.ldx + rnn_unit<TF32>(e);

        CRM_UNROLL
        for (int g = 0; g < G; g++)
            X[e][g] = rnn_seq(e) < s.n ? x[g * RNN_FAST] : 0.0f;
    }
}

template <int KIND>
CRM_DEVICE void rnn_put_row(const rnn_args &a, int64_t row, int64_t unit, float h,
                            const float *kept)
{
    a.h[row * a.ldh + unit] = h;
    if (!a.keep) return;
    CRM_UNROLL
    for (int j = 0; j < rnn_of<KIND>::KEEP; j++)
        a.keep[row * a.ldk + j * a.units + unit] = kept[j];
}

/* Limited by the chain of dependent work that a step is and, with fp32, by the rate of
 * instructions: memory is asked for a step before it is needed.  By ptxas, for capability 9.0 (8.0
 * differs by at most 2 registers), none spilled; instructions of a warp and cycles of a step are
 * estimates.
 *
 *              registers   shared   blocks an SM   a warp and step               cycles
 *   GRU fp32     128        4 KB         2         384 fma, 32 loads, 18 shfl     1,400
 *   LSTM fp32    167        4 KB         1         512 fma, 32 loads, 24 shfl     1,900
 *   GRU TF32     186        4 KB         2         24 mma, 16 loads                 900
 *   LSTM TF32    216       20 KB         2         32 mma, 24 loads               1,100
 *
 * and some 70 for the gates of each of a thread's elements, 2 (fp32) or 4. */
template <int KIND, bool TF32>
static CRM_KERNEL CRM_BOUNDS(rnn_fast<TF32>::THREADS) k_rnn_fast(const rnn_args a)
{
    const int G = rnn_of<KIND>::GATES, E = rnn_fast<TF32>::ELEMENTS;
    typedef rnn_fast_weights<KIND, TF32> weights;
    CRM_SHARED(float, state, [2][weights::STATE]);
    CRM_SHARED(float, spare, [weights::SPARE ? 8 * 128 * 4 : 4]);
    rnn_walk walk = rnn_walk_of<RNN_SEQS>(a.lanes, a.reverse);
    rnn_step now = rnn_step_at(walk, 0), next = rnn_step_at(walk, 1);
    float w[weights::HELD][weights::N], b[rnn_fast<TF32>::UNITS][4];
    float X[E][G], h[E] = {}, c[E] = {};

    if (walk.length == 0) return;
    CRM_UNROLL
    for (int i = 0; i < weights::N; i++) {
        CRM_UNROLL
        for (int g = 0; g < weights::HELD; g++)
            w[g][i] = rnn_fast_weight<TF32>(a, g, i);
        if (weights::SPARE)
            spare[(i / 4 * 128 + threadIdx.x) * 4 + i % 4] = rnn_fast_weight<TF32>(a, 3, i);
    }
    CRM_UNROLL
    for (int u = 0; u < rnn_fast<TF32>::UNITS; u++)
        rnn_bias<KIND>(a, rnn_unit<TF32>(2 * u), b[u]);
    rnn_fast_inputs<G, TF32>(a, now, X);
    for (int i = (int)threadIdx.x; i < weights::STATE; i += rnn_fast<TF32>::THREADS)
        state[0][i] = 0.0f;
    __syncthreads();
    for (int k = 0; k < walk.length; k++) {
        rnn_step after = rnn_step_at(walk, k + 2);
        float H[G][E], later[E][G];

        rnn_fast_inputs<G, TF32>(a, next, later);
        if constexpr (TF32)
            rnn_products_tf32<G>(state[k & 1], w, spare, H);
        else
            rnn_products_fp32<G>(state[k & 1], w, H);
        CRM_UNROLL
        for (int e = 0; e < E; e++) {
            float one[G], kept[5];

            CRM_UNROLL
            for (int g = 0; g < G; g++)
                one[g] = H[g][e];
            if (rnn_seq(e) < now.n) {
                h[e] = rnn_cell<KIND>(X[e], one, b[e / 2], h[e], &c[e], kept);
                rnn_put_row<KIND>(a, now.row + rnn_seq(e), rnn_unit<TF32>(e), h[e], kept);
            }
            rnn_put_state<TF32>(state[(k + 1) & 1], e, h[e]);
            CRM_UNROLL
            for (int g = 0; g < G; g++)
                X[e][g] = later[e][g];
        }
        now = next;
        next = after;
        __syncthreads();
    }
}

/* ---- any size ---- */

/* to[j][i] = from[i][j], from [n][m] with rows ld apart.  Limited by bytes; 32 registers, 4 KB
 * shared. */
static CRM_KERNEL CRM_BOUNDS(256)
    k_rnn_turn(int64_t n, int64_t m, const float *from, int64_t ld, float *to)
{
    CRM_SHARED(float, tile, [32][33]);
    int64_t i0 = (int64_t)blockIdx.y * 32, j0 = (int64_t)blockIdx.x * 32;
    int column = (int)threadIdx.x % 32;

    for (int r = (int)threadIdx.x / 32; r < 32; r += 8)
        if (i0 + r < n && j0 + column < m) tile[r][column] = from[(i0 + r) * ld + j0 + column];
    __syncthreads();
    for (int r = (int)threadIdx.x / 32; r < 32; r += 8)
        if (j0 + r < m && i0 + column < n) to[(j0 + r) * n + i0 + column] = tile[column][r];
}

/* H[g][s] += sum over the states of weights of a unit: chains in order.  wh [k][G units]. */
template <int G, int SEQS>
CRM_DEVICE void rnn_chains(const rnn_args &a, const float *state, int64_t unit, float H[G][SEQS])
{
    for (int64_t k0 = 0; k0 < a.units; k0 += CRM_CHAIN) {
        int64_t end = k0 + CRM_CHAIN < a.units ? k0 + CRM_CHAIN : a.units;
        float sum[G][SEQS] = {};

        CRM_UNROLL_N(2)
        for (int64_t k = k0; k < end; k++)
            CRM_UNROLL
        for (int g = 0; g < G; g++)
            rnn_fma<SEQS>(a.wh[(k * G + g) * a.units + unit], state + k * SEQS, sum[g]);
        CRM_UNROLL
        for (int g = 0; g < G; g++)
            CRM_UNROLL
        for (int s = 0; s < SEQS; s++)
            H[g][s] += sum[g][s];
    }
}

/* A step of one unit.  X + H is worked out as docs/numerics.md has it: chains of H are added to X
 * one after another, but for nh of GRU, which X takes no part in. */
template <int KIND, int SEQS>
CRM_DEVICE void rnn_unit_step(const rnn_args &a, rnn_step step, int64_t unit, const float *state,
                              float *to, float *cell)
{
    const int G = rnn_of<KIND>::GATES, BOTH = KIND == CRM_RNN_GRU ? 2 : 4;
    float H[G][SEQS] = {}, apart[SEQS] = {}, b[4];

    CRM_UNROLL
    for (int s = 0; s < SEQS; s++) {
        const float *x = a.x + (step.row + s) * a.ldx + unit;

        CRM_UNROLL
        for (int g = 0; g < BOTH; g++)
            H[g][s] = s < step.n ? x[g * a.units] : 0.0f;
        if (G > BOTH) apart[s] = s < step.n ? x[2 * a.units] : 0.0f;
    }
    rnn_chains<G, SEQS>(a, state, unit, H);
    rnn_bias<KIND>(a, unit, b);
    CRM_UNROLL
    for (int s = 0; s < SEQS; s++) {
        float X[4] = {0.0f, 0.0f, apart[s], 0.0f}, one[G], kept[5], h = state[unit * SEQS + s];

        CRM_UNROLL
        for (int g = 0; g < G; g++)
            one[g] = H[g][s];
        if (s < step.n) {
            float c = KIND == CRM_RNN_LSTM ? cell[unit * SEQS + s] : 0.0f;

            h = rnn_cell<KIND>(X, one, b, h, &c, kept);
            rnn_put_row<KIND>(a, step.row + s, unit, h, kept);
            if (KIND == CRM_RNN_LSTM) cell[unit * SEQS + s] = c;
        }
        to[unit * SEQS + s] = h;
    }
}

/* Shared memory: state twice, cells of LSTM, [units][SEQS] each.  Limited by L2, out of which each
 * block reads all weights at each step, and for few units by how few threads there are: 128
 * registers (LSTM 148; blocks of 4 sequences 80 and 96), none spilled.  A step of a warp takes, for
 * each state, G loads of weights, 2 of states and 8 G fma: for 128 units of GRU about 4,000 cycles
 * (estimate). */
template <int KIND, int SEQS>
static CRM_KERNEL CRM_BOUNDS(RNN_THREADS, 1) k_rnn_any(const rnn_args a)
{
    CRM_DYN_SHARED(float, memory);
    int size = (int)a.units * SEQS;
    float *cell = memory + 2 * size;
    rnn_walk walk = rnn_walk_of<SEQS>(a.lanes, a.reverse);

    for (int i = (int)threadIdx.x; i < size; i += (int)blockDim.x) {
        memory[i] = 0.0f;
        if (KIND == CRM_RNN_LSTM) cell[i] = 0.0f;
    }
    __syncthreads();
    for (int k = 0; k < walk.length; k++) {
        rnn_step now = rnn_step_at(walk, k);

        for (int64_t unit = threadIdx.x; unit < a.units; unit += blockDim.x)
            rnn_unit_step<KIND, SEQS>(a, now, unit, memory + (k & 1) * size,
                                      memory + ((k + 1) & 1) * size, cell);
        __syncthreads();
    }
}

/* ---- launches ---- */

template <int KIND> static crm_status launch_fast(cuda_state *s, const rnn_args *a)
{
    unsigned blocks = cuda_rnn_blocks(&a->lanes, RNN_SEQS);

    if (s->cfg.math == CRM_GPU_FP32)
        CRM_LAUNCH((k_rnn_fast<KIND, false>), blocks, 256, 0, s->stream, *a);
    else
        CRM_LAUNCH((k_rnn_fast<KIND, true>), blocks, 128, 0, s->stream, *a);
    CUDA_LAUNCHED(k_rnn_fast);
    return CRM_OK;
}

template <int KIND, int SEQS> static crm_status launch_any(cuda_state *s, const rnn_args *a)
{
    size_t bytes = (size_t)(a->units * SEQS * (KIND == CRM_RNN_GRU ? 2 : 3)) * sizeof(float);

    CRM_TRY(cuda_rnn_shared((const void *)k_rnn_any<KIND, SEQS>, bytes));
    CRM_LAUNCH((k_rnn_any<KIND, SEQS>), cuda_rnn_blocks(&a->lanes, SEQS),
               cuda_rnn_threads(a->units), bytes, s->stream, *a);
    CUDA_LAUNCHED(k_rnn_any);
    return CRM_OK;
}

/* The recurrent weights [units][G units], so that threads of neighbouring units read side by side.
 */
static crm_status turn_weights(cuda_state *s, const crm_tensor *wh, rnn_args *a)
{
    int64_t rows = wh->dim[0], units = wh->dim[1];
    dim3 grid(cuda_blocks(units, 32, INT_MAX), cuda_blocks(rows, 32, INT_MAX));
    float *to;

    CUDA_SCRATCH(s, CUDA_RNN_WEIGHT, to, rows * units);
    CRM_LAUNCH(k_rnn_turn, grid, 256, 0, s->stream, rows, units, (const float *)wh->data, wh->ld,
               to);
    CUDA_LAUNCHED(k_rnn_turn);
    a->wh = to;
    a->ldw = rows;
    return CRM_OK;
}

/* wi x of all rows, where keep will have the gates, or in scratch memory with rows as far apart:
 * distances have a say in how cuBLASLt multiplies, and both are to have the same bits. */
template <int KIND>
static crm_status multiply_inputs(cuda_state *s, const crm_rnn_weights *w, const crm_tensor *x,
                                  rnn_args *a)
{
    float *to = a->keep;
    cuda_product p = {};

    a->ldx = a->keep ? a->ldk : rnn_of<KIND>::KEEP * a->units;
    if (!to) CUDA_SCRATCH(s, CUDA_RNN_GATE, to, x->dim[0] * a->ldx);
    a->x = to;
    p.m = x->dim[0];
    p.n = w->wi.dim[0];
    p.k = w->wi.dim[1];
    p.a = (const float *)x->data;
    p.lda = x->ld;
    p.b = (const float *)w->wi.data;
    p.ldb = w->wi.ld;
    p.c = to;
    p.ldc = a->ldx;
    return cuda_multiply(s, &p);
}

template <int KIND>
static crm_status run(cuda_state *s, const crm_rnn_weights *w, const crm_tensor *x, rnn_args *a)
{
    CRM_TRY(multiply_inputs<KIND>(s, w, x, a));
    if (a->units == RNN_FAST) return launch_fast<KIND>(s, a);
    CRM_TRY(turn_weights(s, &w->wh, a));
    if (a->units <= RNN_WIDE) return launch_any<KIND, RNN_SEQS>(s, a);
    return launch_any<KIND, RNN_FEW>(s, a);
}

extern "C" crm_status cuda_op_rnn(void *state, const crm_rnn *p, const crm_rnn_weights *w,
                                  const crm_lanes *lanes, const crm_tensor *x, crm_tensor *h,
                                  crm_tensor *keep)
{
    cuda_state *s = (cuda_state *)state;
    rnn_args a = {};

    if (x->dim[0] == 0) return CRM_OK;
    CRM_TRY(cuda_rnn_fits(w));
    CRM_TRY(cuda_rnn_lanes(p, lanes, &a.lanes));
    a.reverse = p->reverse;
    a.units = w->wh.dim[1];
    a.wh = (const float *)w->wh.data;
    a.ldw = w->wh.ld;
    a.bi = (const float *)w->bi.data;
    a.bh = (const float *)w->bh.data;
    a.h = (float *)h->data;
    a.ldh = h->ld;
    a.keep = keep ? (float *)keep->data : NULL;
    a.ldk = keep ? keep->ld : 0;
    return p->kind == CRM_RNN_GRU ? run<CRM_RNN_GRU>(s, w, x, &a) : run<CRM_RNN_LSTM>(s, w, x, &a);
}

/* ---- what the backward pass uses too ---- */

crm_status cuda_rnn_fits(const crm_rnn_weights *w)
{
    CRM_CHECK(w->wh.dim[1] <= RNN_UNITS_MAX, CRM_ERR_CONFIG,
              "a recurrent net of %lld units, at most %d run on a GPU: take fewer, or device: cpu",
              (long long)w->wh.dim[1], RNN_UNITS_MAX);
    return CRM_OK;
}

crm_status cuda_rnn_lanes(const crm_rnn *p, const crm_lanes *lanes, rnn_lanes *out)
{
    out->n = (int)lanes->n;
    for (int l = 0; l < out->n; l++) {
        const crm_packed *q = &p->packed[l];

        out->lane[l].first = q->device_first;
        out->lane[l].steps = (int)q->steps;
        out->lane[l].seqs = q->steps > 0 ? (int)(q->first[1] - q->first[0]) : 0;
        CRM_CHECK(q->steps == 0 || q->device_first, CRM_ERR_ARG,
                  "packed sequences of lane %d are not in device memory", l);
    }
    return CRM_OK;
}

unsigned cuda_rnn_blocks(const rnn_lanes *lanes, int seqs)
{
    int most = 0;

    for (int l = 0; l < lanes->n; l++)
        if (lanes->lane[l].seqs > most) most = lanes->lane[l].seqs;
    return cuda_blocks(most, seqs, INT_MAX / CRM_LANES_MAX) * (unsigned)lanes->n;
}

unsigned cuda_rnn_threads(int64_t units)
{
    return units < RNN_THREADS ? (unsigned)(units + 31) / 32 * 32 : (unsigned)RNN_THREADS;
}

crm_status cuda_rnn_shared(const void *kernel, size_t bytes)
{
    struct cudaFuncAttributes now;

    if (bytes <= 48 * 1024) return CRM_OK;
    CUDA_TRY(cudaFuncGetAttributes(&now, kernel));
    if (now.maxDynamicSharedSizeBytes >= (int)bytes) return CRM_OK;
    return cuda_check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes),
        "cudaFuncSetAttribute");
}
