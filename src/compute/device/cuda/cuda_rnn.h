/* cuda_rnn.h - what the forward and the backward kernels of recurrent nets share: sequences of
 * blocks, the walk over steps, who owns which element, products with the recurrent weights.
 *
 * A block takes SEQS neighbouring sequences of one lane, which are of nearly equal length because
 * lanes are packed longest first, and goes through their steps alone: sequences need nothing of one
 * another, so there is no barrier between blocks, and a row's bits depend on neither the other rows
 * nor the number of lanes.
 *
 * 64 units.  Weights stay in registers for the whole walk, the state lies in shared memory, twice,
 * so that a step takes one barrier.  With lane = 4 g + t (g = 0..7, t = 0..3) a thread owns the
 * elements of sequences 2t and 2t + 1 and of unit 8 warp + g (fp32: 8 warps), or of units 16 warp +
 * g and + 8 (TF32: 4 warps).  That is what mma.m16n8k8 leaves where the weights are the 16 rows and
 * the sequences the 8 columns, and what the sums of the fp32 products are shuffled to.
 *
 * Other sizes.  A thread has one unit of all sequences of the block at a time; weights come from
 * L2, and are used for SEQS sequences each. */
#ifndef CRM_CUDA_RNN_H
#define CRM_CUDA_RNN_H

#include "cuda_math.h"
#include "cuda_mma.h"

enum {
    RNN_SEQS = 8,   /* of a block, all kernels for 64 units                    */
    RNN_FAST = 64,  /* units that have kernels of their own                    */
    RNN_WIDE = 512, /* units from which blocks take RNN_FEW sequences: memory  */
    RNN_FEW = 4,    /* of a block is at most 163 KB on compute capability 8.0  */
    RNN_UNITS_MAX = 1024,
    RNN_THREADS = 256
};

/* Lanes as an argument of kernels; a lane without rows has no steps. */
typedef struct rnn_lanes {
    int n;
    struct {
        const int64_t *first; /* crm_packed.device_first */
        int steps, seqs;
    } lane[CRM_LANES_MAX];
} rnn_lanes;

CRM_CHECKED cuda_rnn_lanes(const crm_rnn *p, const crm_lanes *lanes, rnn_lanes *out);
/* Blocks of a launch: all lanes at once, each as many as the lane with the most sequences needs. */
unsigned cuda_rnn_blocks(const rnn_lanes *lanes, int seqs);
unsigned cuda_rnn_threads(int64_t units); /* of a block of the kernels for any size */
CRM_CHECKED cuda_rnn_fits(const crm_rnn_weights *w);
/* Lets a kernel have more shared memory than it may without being asked.  The limit is the
 * kernel's, not the launch's, and graphs hold launches of other sizes: it is never lowered. */
CRM_CHECKED cuda_rnn_shared(const void *kernel, size_t bytes);

template <int KIND> struct rnn_of {
    enum { GATES = KIND == CRM_RNN_GRU ? 3 : 4, KEEP = KIND == CRM_RNN_GRU ? 4 : 5 };
};

/* ---- the walk ---- */

/* What a block walks over.  Blocks of all lanes take turns, so that the longest sequences of all of
 * them start first. */
typedef struct rnn_walk {
    const int64_t *first;
    int seq0;   /* first sequence of the block, of its lane */
    int length; /* steps of that sequence, the longest      */
    bool down;  /* from the last step to the first          */
} rnn_walk;

/* All threads of the block call it. */
template <int SEQS> CRM_DEVICE rnn_walk rnn_walk_of(const rnn_lanes &lanes, bool down)
{
    int lane = (int)(blockIdx.x % (unsigned)lanes.n), threads = (int)blockDim.x;
    int steps = lanes.lane[lane].steps;
    rnn_walk w;

    w.first = lanes.lane[lane].first;
    w.seq0 = (int)(blockIdx.x / (unsigned)lanes.n) * SEQS;
    w.length = 0;
    w.down = down;
    if (w.seq0 >= lanes.lane[lane].seqs) return w;
    for (int t0 = 0; t0 < steps; t0 += threads) {
        int t = t0 + (int)threadIdx.x;
        int more = __syncthreads_count(t < steps && w.first[t + 1] - w.first[t] > w.seq0);

        w.length += more;
        if (more < threads) break;
    }
    return w;
}

/* Step k of a walk: the row of the block's first sequence, and how many of its sequences take part;
 * none behind the end. */
typedef struct rnn_step {
    int64_t row;
    int n;
} rnn_step;
CRM_DEVICE rnn_step rnn_step_at(const rnn_walk &w, int k)
{
    rnn_step s = {0, 0};
    int t = w.down ? w.length - 1 - k : k;
    int64_t begin, n;

    if (k >= w.length) return s;
    begin = w.first[t];
    n = w.first[t + 1] - begin - w.seq0;
    s.row = begin + w.seq0;
    s.n = n < 64 ? (int)n : 64; /* 64: all of the block */
    return s;
}

/* ---- products with the recurrent weights, 64 units ---- */

/* v[i] of this thread and of the thread `apart` lanes away, added, for the half of the n values
 * that the lane's bit says; both add the same two numbers. */
template <int N> CRM_DEVICE void rnn_fold(const float *v, int apart, float *half)
{
    bool upper = threadIdx.x & (unsigned)apart;

    CRM_UNROLL
    for (int i = 0; i < N / 2; i++) {
        float mine = upper ? v[i + N / 2] : v[i], other = upper ? v[i] : v[i + N / 2];

        half[i] = mine + __shfl_xor_sync(0xffffffffu, other, apart);
    }
}

/* v[i] += f x[i] for N sequences side by side in shared memory. */
template <int N> CRM_DEVICE void rnn_fma(float f, const float *x, float *v)
{
    CRM_UNROLL
    for (int i = 0; i < N; i += 4) {
        float4 a = *reinterpret_cast<const float4 *>(x + i);

        v[i] = fmaf(f, a.x, v[i]);
        v[i + 1] = fmaf(f, a.y, v[i + 1]);
        v[i + 2] = fmaf(f, a.z, v[i + 2]);
        v[i + 3] = fmaf(f, a.w, v[i + 3]);
    }
}

/* D += weights of 16 units and 8 states, as TF32, side by side, times 8 sequences. */
CRM_DEVICE void rnn_mma(float d[4], const float *w, const uint32_t b[2])
{
    float4 v = make_float4(w[0], w[1], w[2], w[3]);
    uint32_t a[4] = {__float_as_uint(v.x), __float_as_uint(v.y), __float_as_uint(v.z),
                     __float_as_uint(v.w)};

    crm_mma_tf32(d, a, b);
}

/* What kernels for 64 units are made of. */
template <bool TF32> struct rnn_fast {
    enum {
        WARPS = TF32 ? 4 : 8,
        THREADS = 32 * WARPS,
        UNITS = TF32 ? 2 : 1, /* of a thread          */
        ELEMENTS = 2 * UNITS  /* unit e / 2, sequence e % 2 */
    };
};
template <bool TF32> CRM_DEVICE int rnn_unit(int e)
{
    int warp = (int)threadIdx.x / 32, g = (int)threadIdx.x % 32 / 4;

    return TF32 ? warp * 16 + g + e / 2 * 8 : warp * 8 + g;
}
CRM_DEVICE int rnn_seq(int e)
{
    return 2 * ((int)threadIdx.x % 4) + e % 2;
}

#endif
