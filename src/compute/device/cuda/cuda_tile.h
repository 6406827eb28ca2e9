/* cuda_tile.h - one block's share of a matrix product: operands through shared memory, a tile of
 * the result in registers.  Seen by cuda_gemm.cu only.
 *
 * A tile of BM x BN elements walks along k in steps of TILE_K; while one step is worked on, the
 * next is on its way (cp.async, two buffers, one barrier a step).  An operand lies in shared memory
 * as it lies in global memory: k side by side, rows TILE_K + 4 floats apart, or, turned, rows side
 * by side and the k of a step ROWS + 8 floats apart; both strides keep the reads below free of bank
 * conflicts.
 *
 * Two kinds of tile, with the same members.  fma_tile: a chain of fmaf in order of k per element,
 * so that bits depend on neither tile nor position.  mma_tile: tensor cores, factors rounded to
 * TF32 (nearest), sums in fp32, 8 terms at a time in order of k. */
#ifndef CRM_CUDA_TILE_H
#define CRM_CUDA_TILE_H

#include "cuda_impl.h"
#include "cuda_mma.h"

enum { TILE_K = 16, PAD_K = 4, PAD_ROWS = 8 };

/* W floats that are read and written at once. */
template <int W> struct alignas(4 * W) run_of {
    float v[W];
};

/* Rows [0, rows) of an operand from the first of the tile on, and k in [0, k). */
struct operand {
    const float *p;
    int64_t ld;
    int rows, k;
    bool aligned; /* every 4th element of a line lies at a multiple of 16 bytes */
};

CRM_DEVICE bool aligned_to(const float *p, int64_t ld, int floats)
{
    return reinterpret_cast<uintptr_t>(p) % (4 * floats) == 0 && ld % floats == 0;
}

template <int ROWS, bool TURNED> struct layout {
    enum {
        LINES = TURNED ? TILE_K : ROWS,
        WIDTH = TURNED ? ROWS : TILE_K,
        STRIDE = WIDTH + (TURNED ? PAD_ROWS : PAD_K),
        FLOATS = LINES * STRIDE
    };
};

/* Four floats of a line of which `left` are there, zeros behind them. */
CRM_DEVICE void copy_four(float *to, const float *from, int left, const operand &o)
{
    if (o.aligned && (left >= 4 || left <= 0)) {
        crm_cp_async16(to, left > 0 ? from : o.p, left > 0);
        return;
    }
    CRM_UNROLL
    for (int i = 0; i < 4; i++)
        to[i] = i < left ? from[i] : 0.0f;
}

/* The step from k on, into one buffer. */
template <int ROWS, bool TURNED, int THREADS>
CRM_DEVICE void load_step(float *to, const operand &o, int k)
{
    using at = layout<ROWS, TURNED>;
    const int across = at::WIDTH / 4, pieces = at::LINES * across;

    CRM_UNROLL
    for (int i = (int)threadIdx.x; i < pieces; i += THREADS) {
        int line = i / across, first = i % across * 4;
        int l = line + (TURNED ? k : 0), e = first + (TURNED ? 0 : k);
        int left = l < (TURNED ? o.k : o.rows) ? (TURNED ? o.rows : o.k) - e : 0;

        copy_four(to + line * at::STRIDE + first, o.p + l * o.ld + e, left, o);
    }
}

/* ---- fp32 ---- */

/* Which of the tile's rows (or columns) is the i-th of thread t of G: quads where a step is turned,
 * so that they are read at once. */
template <int T, int G, bool TURNED> CRM_DEVICE int line_of(int t, int i)
{
    return TURNED && T % 4 == 0 ? i / 4 * (4 * G) + t * 4 + i % 4 : t + i * G;
}

/* f[i] = element k of line i of a turned operand. */
template <int T, int G> CRM_DEVICE void across_lines(const float *s, int t, int k, float f[T])
{
    const int w = T % 4 == 0 ? 4 : 1;

    CRM_UNROLL
    for (int i = 0; i < T; i += w) {
        const float *at = s + k * layout<T * G, true>::STRIDE + line_of<T, G, true>(t, i);
        run_of<w> v = *reinterpret_cast<const run_of<w> *>(at);

        CRM_UNROLL
        for (int j = 0; j < w; j++)
            f[i + j] = v.v[j];
    }
}

/* Elements k to k + 3 of line i of one that is not turned. */
template <int T, int G> CRM_DEVICE run_of<4> along_line(const float *s, int t, int k, int i)
{
    const float *at = s + line_of<T, G, false>(t, i) * layout<T * G, false>::STRIDE + k;

    return *reinterpret_cast<const run_of<4> *>(at);
}

/* f[q][i] = element k + q of line i. */
template <int T, int G, bool TURNED>
CRM_DEVICE void fragment(const float *s, int t, int k, float f[4][T])
{
    if constexpr (TURNED) {
        CRM_UNROLL
        for (int q = 0; q < 4; q++)
            across_lines<T, G>(s, t, k + q, f[q]);
    } else {
        CRM_UNROLL
        for (int i = 0; i < T; i++) {
            run_of<4> v = along_line<T, G>(s, t, k, i);

            CRM_UNROLL
            for (int q = 0; q < 4; q++)
                f[q][i] = v.v[q];
        }
    }
}

template <int BM_, int BN_, int TM, int TN, int BLOCKS_> struct fma_tile {
    enum {
        BM = BM_,
        BN = BN_,
        TX = BN / TN,
        TY = BM / TM,
        THREADS = TX * TY,
        BLOCKS = BLOCKS_, /* per multiprocessor, at least */
        VALUES = TM * TN,
        GROUPS = VALUES > 16 ? 1 : 4, /* of 4 k that are worked on without a jump between */
        RUN = 1,                      /* values that lie side by side in a row of the result */
        RUN_TURNED = TN % 4 == 0 ? 4 : 1
    };
    float v[VALUES];

    template <bool AT> static CRM_DEVICE int row(int i)
    {
        return line_of<TM, TY, AT>((int)threadIdx.x / TX, i / TN);
    }
    template <bool BT> static CRM_DEVICE int column(int i)
    {
        return line_of<TN, TX, BT>((int)threadIdx.x % TX, i % TN);
    }
    template <bool AT, bool BT> CRM_DEVICE void step(const float *a, const float *b)
    {
        int tx = (int)threadIdx.x % TX, ty = (int)threadIdx.x / TX;

        CRM_UNROLL_N(GROUPS)
        for (int k = 0; k < TILE_K; k += 4) {
            float fb[4][TN];

            fragment<TN, TX, BT>(b, tx, k, fb);
            if constexpr (AT)
                four_columns(a, ty, k, fb);
            else
                four_rows(a, ty, k, fb);
        }
    }

  private:
    /* Terms k to k + 3, one after the other for each value; A k by k, or row by row. */
    CRM_DEVICE void four_columns(const float *a, int ty, int k, const float fb[4][TN])
    {
        CRM_UNROLL
        for (int q = 0; q < 4; q++) {
            float fa[TM];

            across_lines<TM, TY>(a, ty, k + q, fa);
            CRM_UNROLL
            for (int i = 0; i < VALUES; i++)
                v[i] = fmaf(fa[i / TN], fb[q][i % TN], v[i]);
        }
    }
    CRM_DEVICE void four_rows(const float *a, int ty, int k, const float fb[4][TN])
    {
        CRM_UNROLL
        for (int r = 0; r < TM; r++) {
            run_of<4> fa = along_line<TM, TY>(a, ty, k, r);

            CRM_UNROLL
            for (int i = 0; i < 4 * TN; i++)
                v[r * TN + i % TN] = fmaf(fa.v[i / TN], fb[i / TN][i % TN], v[r * TN + i % TN]);
        }
    }
};

/* ---- TF32 ---- */

/* WM x WN warps, each with MI x NI fragments of 16 x 8. */
template <int BM_, int BN_, int WM, int WN, int BLOCKS_> struct mma_tile {
    enum {
        BM = BM_,
        BN = BN_,
        THREADS = 32 * WM * WN,
        BLOCKS = BLOCKS_,
        MI = BM / WM / 16,
        NI = BN / WN / 8,
        VALUES = MI * NI * 4,
        RUN = 2,
        RUN_TURNED = 2
    };
    float v[VALUES];

    static CRM_DEVICE int warp_row()
    {
        return (int)threadIdx.x / 32 / WN * (MI * 16);
    }
    static CRM_DEVICE int warp_column()
    {
        return (int)threadIdx.x / 32 % WN * (NI * 8);
    }
    template <bool AT> static CRM_DEVICE int row(int i)
    {
        return warp_row() + i / (4 * NI) * 16 + (int)threadIdx.x % 32 / 4 + i / 2 % 2 * 8;
    }
    template <bool BT> static CRM_DEVICE int column(int i)
    {
        return warp_column() + i / 4 % NI * 8 + (int)threadIdx.x % 4 * 2 + i % 2;
    }
    /* Element (line, k) of a step, rounded. */
    template <int ROWS, bool TURNED>
    static CRM_DEVICE uint32_t factor(const float *s, int line, int k)
    {
        const int stride = layout<ROWS, TURNED>::STRIDE;

        return crm_to_tf32(TURNED ? s[k * stride + line] : s[line * stride + k]);
    }
    template <bool AT, bool BT> CRM_DEVICE void step(const float *a, const float *b)
    {
        int g = (int)threadIdx.x % 32 / 4, t = (int)threadIdx.x % 4;

        CRM_UNROLL
        for (int k = 0; k < TILE_K; k += 8) {
            uint32_t fb[NI][2];

            CRM_UNROLL
            for (int j = 0; j < 2 * NI; j++)
                fb[j / 2][j % 2] =
                    factor<BN, BT>(b, warp_column() + j / 2 * 8 + g, k + t + j % 2 * 4);
            CRM_UNROLL
            for (int i = 0; i < MI; i++) {
                uint32_t fa[4];

                CRM_UNROLL
                for (int j = 0; j < 4; j++)
                    fa[j] =
                        factor<BM, AT>(a, warp_row() + i * 16 + g + j % 2 * 8, k + t + j / 2 * 4);
                CRM_UNROLL
                for (int j = 0; j < NI; j++)
                    crm_mma_tf32(v + (i * NI + j) * 4, fa, fb[j]);
            }
        }
    }
};

/* ---- the result ---- */

/* The tile's rows and columns of C.  bias, relu: at the end only.  Kept in shared memory, so that
 * nothing worked out from it takes registers while the tile is summed. */
struct result {
    float *c;
    int64_t ld;
    int m, n;
    bool aligned; /* runs of values lie at multiples of their size */
    const float *bias;
    bool relu;
};

CRM_DEVICE float finish(const result &o, int column, float v)
{
    if (o.bias) v += o.bias[column];
    return o.relu && v < 0.0f ? 0.0f : v; /* NaN stays NaN */
}

/* C = v or C + v; last: finished. */
template <int W>
CRM_DEVICE void put(const result &o, int row, int column, const float *v, bool first, bool last)
{
    float *to = o.c + row * o.ld + column;
    bool whole = o.aligned && column + W <= o.n;
    run_of<W> r;

    if (row >= o.m) return;
    CRM_UNROLL
    for (int i = 0; i < W; i++)
        r.v[i] = v[i];
    if (!first) {
        run_of<W> was = {};

        if (whole) was = *reinterpret_cast<run_of<W> *>(to);
        CRM_UNROLL
        for (int i = 0; i < W; i++)
            if (column + i < o.n) r.v[i] += whole ? was.v[i] : to[i];
    }
    CRM_UNROLL
    for (int i = 0; i < W; i++)
        if (last && column + i < o.n) r.v[i] = finish(o, column + i, r.v[i]);
    if (whole) {
        *reinterpret_cast<run_of<W> *>(to) = r;
        return;
    }
    CRM_UNROLL
    for (int i = 0; i < W; i++)
        if (column + i < o.n) to[i] = r.v[i];
}

template <class TILE, bool AT, bool BT>
CRM_DEVICE void put_tile(const TILE &t, const result *shared, bool first, bool last)
{
    const result o = *shared;
    const int w = BT ? TILE::RUN_TURNED : TILE::RUN;

    CRM_UNROLL
    for (int i = 0; i < TILE::VALUES; i += w)
        put<w>(o, TILE::template row<AT>(i), TILE::template column<BT>(i), t.v + i, first, last);
}

/* The sum of a column of a turned A, taken along as its steps come by. */
struct column_sum {
    float s;
    bool wanted;
};

/* C = sum over k; k is cut at CRM_CHAIN, what is there so far waits in C.  sa, sb:
 * two buffers each.  o: in shared memory, there for all threads. */
template <class TILE, bool AT, bool BT>
CRM_DEVICE void multiply_tile(const operand &a, const operand &b, const result *o, float *sa,
                              float *sb, column_sum *sum)
{
    const int na = layout<TILE::BM, AT>::FLOATS, nb = layout<TILE::BN, BT>::FLOATS;
    TILE t;
    int now = 0;

    load_step<TILE::BM, AT, TILE::THREADS>(sa, a, 0);
    load_step<TILE::BN, BT, TILE::THREADS>(sb, b, 0);
    crm_cp_commit();
    for (int chain = 0; chain == 0 || chain < a.k; chain += CRM_CHAIN) {
        int end = a.k - chain < CRM_CHAIN ? a.k : chain + CRM_CHAIN;

        CRM_UNROLL
        for (int i = 0; i < TILE::VALUES; i++)
            t.v[i] = 0.0f;
        for (int k = chain; k < end; k += TILE_K, now ^= 1) {
            crm_cp_wait<0>();
            __syncthreads(); /* this step is there, the one before is no longer read */
            if (k + TILE_K < a.k) {
                load_step<TILE::BM, AT, TILE::THREADS>(sa + (now ^ 1) * na, a, k + TILE_K);
                load_step<TILE::BN, BT, TILE::THREADS>(sb + (now ^ 1) * nb, b, k + TILE_K);
                crm_cp_commit();
            }
            t.template step<AT, BT>(sa + now * na, sb + now * nb);
            if (sum->wanted) CRM_UNROLL
            for (int i = 0; i < TILE_K; i++)
                sum->s += sa[now * na + i * layout<TILE::BM, AT>::STRIDE + (int)threadIdx.x];
        }
        put_tile<TILE, AT, BT>(t, o, chain == 0, end == a.k);
    }
    crm_cp_wait<0>();
}

#endif
