/* cuda_gemm.cu - matrix products on the GPU: C = act(A B^T + bias), and sums over the rows of
 * lanes.
 *
 * In fp32 an element is what docs/numerics.md says of the CPU: chains of fmaf over at most
 * CRM_CHAIN terms in order, added from left to right.  So its bits depend on neither the tile that
 * was chosen nor m nor the position, and they are the CPU's (but for the sign of a zero that was
 * flushed).  With TF32 the factors are rounded first, and a tensor core adds 8 terms at a time.
 *
 * Sums over rows have a block for each chain of CRM_CHAIN rows of a lane and each tile; a second
 * kernel adds the chains in order.  Chains wait in scratch memory, a round of them at a time. */
#include "cuda_gemm.h"
#include "cuda_math.h"
#include "cuda_tile.h"

/* Tiles: for large results, for up to 64 columns, for fewer blocks, for still fewer, for up to 8
 * columns.  Registers (compute capability 8.0 and 9.0) and shared memory of k_product, by ptxas;
 * nothing spills:
 *
 *     tile_large   128, 41 KB, 16 warps a multiprocessor    core_large   112, 31 KB, 16 warps
 *     tile_tall    126, 31 KB, 16                           core_middle  112, 21 KB, 16
 *     tile_middle  114, 21 KB, 16                           core_small    62, 10 KB, 32
 *     tile_small    80, 10 KB, 24
 *     tile_narrow   80, 22 KB, 24
 *
 * and of k_outer: tile_middle 85, 18 KB; tile_small 80, 10 KB; core_middle 122, 18 KB; core_small
 * 72, 10 KB.  A thread of tile_large reads shared memory 16 times, 16 bytes each, for 256 fmaf. */
using tile_large = fma_tile<128, 128, 8, 8, 2>;
using tile_tall = fma_tile<128, 64, 8, 4, 2>;
using tile_middle = fma_tile<64, 64, 4, 4, 2>;
using tile_small = fma_tile<32, 32, 2, 2, 3>;
using tile_narrow = fma_tile<128, 8, 2, 2, 3>;
using core_large = mma_tile<128, 64, 4, 2, 2>;
using core_middle = mma_tile<64, 64, 2, 2, 4>;
using core_small = mma_tile<32, 32, 2, 2, 4>;

/* Blocks that keep a GPU busy: with fewer, smaller tiles are taken. */
enum { ENOUGH_BLOCKS = 128 };
/* Bytes of chains that wait at a time. */
enum { ROUND_BYTES = 1 << 26 };

static int64_t tiles_of(int64_t m, int64_t n, int64_t bm, int64_t bn)
{
    return (m + bm - 1) / bm * ((n + bn - 1) / bn);
}

CRM_DEVICE int at_most(int64_t n, int most)
{
    return n < most ? (int)n : most;
}

/* Rows of a tile, from `first` on. */
template <int ROWS, bool TURNED>
CRM_DEVICE operand operand_of(const float *p, int64_t ld, int64_t first, int64_t rows, int64_t k)
{
    operand o;

    o.p = p + first * (TURNED ? 1 : ld);
    o.ld = ld;
    o.rows = at_most(rows - first, ROWS);
    o.k = (int)k;
    o.aligned = aligned_to(o.p, ld, 4);
    return o;
}

/* Limited by flops from n = 64, k = 64 on (TF32: some 256), by bytes below.  Blocks that share rows
 * of A follow each other, so that A comes out of the L2 cache.  Registers: see the tiles. */
template <class TILE, bool BT>
static CRM_KERNEL CRM_BOUNDS(TILE::THREADS, TILE::BLOCKS) k_product(cuda_product p)
{
    constexpr int na = layout<TILE::BM, false>::FLOATS, nb = layout<TILE::BN, BT>::FLOATS;
    CRM_SHARED(float, sa, [2 * na]);
    CRM_SHARED(float, sb, [2 * nb]);
    CRM_SHARED(result, out, [1]);
    int64_t across = (p.n + TILE::BN - 1) / TILE::BN;
    int64_t column = blockIdx.x % across * TILE::BN, row = blockIdx.x / across * TILE::BM;
    operand a = operand_of<TILE::BM, false>(p.a, p.lda, row, p.m, p.k);
    operand b = operand_of<TILE::BN, BT>(p.b, p.ldb, column, p.n, p.k);
    column_sum none = {0.0f, false};

    if (threadIdx.x == 0) {
        result o;

        o.c = p.c + row * p.ldc + column;
        o.ld = p.ldc;
        o.m = a.rows;
        o.n = b.rows;
        o.aligned = aligned_to(o.c, p.ldc, BT ? TILE::RUN_TURNED : TILE::RUN);
        o.bias = p.bias ? p.bias + column : nullptr;
        o.relu = p.act == CRM_ACT_RELU;
        out[0] = o;
    }
    __syncthreads();
    multiply_tile<TILE, false, BT>(a, b, out, sa, sb, &none);
}

/* Limited by bytes; 22 registers. */
static CRM_KERNEL CRM_BOUNDS(256) k_activate(cuda_product p)
{
    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < p.m * p.n; i += (int64_t)gridDim.x * 256) {
        float *c = p.c + i / p.n * p.ldc + i % p.n;

        *c = cuda_act(p.act, *c);
    }
}

crm_status cuda_activate(cuda_state *s, const cuda_product *p)
{
    if (p->act == CRM_ACT_NONE) return CRM_OK;
    CRM_LAUNCH(k_activate, cuda_blocks(p->m * p->n, 1024, 4096), 256, 0, s->stream, *p);
    CUDA_LAUNCHED(k_activate);
    return CRM_OK;
}

template <class TILE> static crm_status multiply_with(cuda_state *s, const cuda_product *p)
{
    int64_t blocks = tiles_of(p->m, p->n, TILE::BM, TILE::BN);

    CRM_CHECK(blocks <= INT32_MAX && p->k <= INT32_MAX - CRM_CHAIN, CRM_ERR_ARG,
              "a product of %lld x %lld x %lld: too large for one launch", (long long)p->m,
              (long long)p->n, (long long)p->k);
    if (p->b_turned)
        CRM_LAUNCH((k_product<TILE, true>), (unsigned)blocks, TILE::THREADS, 0, s->stream, *p);
    else
        CRM_LAUNCH((k_product<TILE, false>), (unsigned)blocks, TILE::THREADS, 0, s->stream, *p);
    CUDA_LAUNCHED(k_product);
    return p->act == CRM_ACT_RELU ? CRM_OK : cuda_activate(s, p);
}

/* Products that are worth a tensor core; the rule knows nothing of m. */
static bool in_tf32(const cuda_state *s, int64_t n, int64_t k)
{
    return s->cfg.math != CRM_GPU_FP32 && n >= 16 && k >= 16;
}

/* The GPU has something to do with tiles of this size. */
template <class TILE> static bool enough(int64_t m, int64_t n, int64_t times)
{
    return tiles_of(m, n, TILE::BM, TILE::BN) * times >= ENOUGH_BLOCKS;
}

crm_status cuda_multiply_own(cuda_state *s, const cuda_product *p)
{
    int64_t m = p->m, n = p->n;

    if (in_tf32(s, n, p->k))
        return enough<core_large>(m, n, 1)    ? multiply_with<core_large>(s, p)
               : enough<core_middle>(m, n, 1) ? multiply_with<core_middle>(s, p)
                                              : multiply_with<core_small>(s, p);
    if (n <= 8) return multiply_with<tile_narrow>(s, p);
    if (n > 64 && enough<tile_large>(m, n, 1)) return multiply_with<tile_large>(s, p);
    return enough<tile_tall>(m, n, 1)     ? multiply_with<tile_tall>(s, p)
           : enough<tile_middle>(m, n, 1) ? multiply_with<tile_middle>(s, p)
                                          : multiply_with<tile_small>(s, p);
}

crm_status cuda_multiply(cuda_state *s, const cuda_product *p)
{
    bool done;

    if (p->m == 0 || p->n == 0) return CRM_OK;
    CRM_TRY(cuda_multiply_lt(s, p, &done));
    return done ? CRM_OK : cuda_multiply_own(s, p);
}

/* ---- sums over the rows of lanes ---- */

/* Chains are numbered through all lanes; a lane without rows has one of no rows, which writes the
 * zeros.  first[l]: the first of lane l. */
struct chain_list {
    int first[CRM_LANES_MAX + 1];
};

static chain_list chains_of(const cuda_lanes *lanes)
{
    chain_list c = {};

    for (int l = 0; l < lanes->n; l++) {
        int64_t rows = lanes->first[l + 1] - lanes->first[l];

        c.first[l + 1] = c.first[l] + (int)(rows > 0 ? (rows + CRM_CHAIN - 1) / CRM_CHAIN : 1);
    }
    return c;
}

/* A round: chains [begin, end), whose sums go to part [end - begin][m][n] and part_sums [..][m];
 * those of a lane with one chain only go to C straight away. */
struct round_of {
    cuda_outer o;
    cuda_lanes lanes;
    chain_list chains;
    int begin, end;
    float *part, *part_sums;
};

CRM_DEVICE int lane_of(const round_of &r, int chain)
{
    int l = 0;

    while (chain >= r.chains.first[l + 1])
        l++;
    return l;
}

CRM_DEVICE bool one_chain(const round_of &r, int lane)
{
    return r.chains.first[lane + 1] - r.chains.first[lane] == 1;
}

/* Limited by flops and by the bytes of chains: 2 CRM_CHAIN flops to 8 bytes of the L2 cache.
 * Registers: see the tiles. */
template <class TILE> static CRM_KERNEL CRM_BOUNDS(TILE::THREADS, TILE::BLOCKS) k_outer(round_of r)
{
    constexpr int na = layout<TILE::BM, true>::FLOATS, nb = layout<TILE::BN, true>::FLOATS;
    CRM_SHARED(float, sa, [2 * na]);
    CRM_SHARED(float, sb, [2 * nb]);
    CRM_SHARED(result, out, [1]);
    int across = (int)((r.o.n + TILE::BN - 1) / TILE::BN);
    int tiles = across * (int)((r.o.m + TILE::BM - 1) / TILE::BM);
    int tile = (int)blockIdx.x % tiles, at = (int)blockIdx.x / tiles,
        lane = lane_of(r, r.begin + at);
    int64_t column = (int64_t)(tile % across) * TILE::BN, row = (int64_t)(tile / across) * TILE::BM;
    int64_t first =
        r.lanes.first[lane] + (int64_t)(r.begin + at - r.chains.first[lane]) * CRM_CHAIN;
    int64_t rows = r.lanes.first[lane + 1] - first;
    bool alone = one_chain(r, lane);
    float *sums = !r.o.sums ? nullptr
                  : alone   ? r.o.sums + lane * r.lanes.stride
                            : r.part_sums + at * r.o.m;
    operand a, b;
    result o;

    rows = at_most(rows, CRM_CHAIN);
    a = operand_of<TILE::BM, true>(r.o.a + first * r.o.lda, r.o.lda, row, r.o.m, rows);
    b = operand_of<TILE::BN, true>(r.o.b + first * r.o.ldb, r.o.ldb, column, r.o.n, rows);
    o.c = alone ? r.o.c + lane * r.lanes.stride : r.part + at * r.o.m * r.o.n;
    o.ld = alone ? r.o.ldc : r.o.n;
    o.c += row * o.ld + column;
    o.m = a.rows;
    o.n = b.rows;
    o.aligned = aligned_to(o.c, o.ld, TILE::RUN_TURNED);
    o.bias = nullptr;
    o.relu = false;
    if (threadIdx.x == 0) out[0] = o;
    __syncthreads();
    column_sum sum = {0.0f, sums && column == 0 && (int)threadIdx.x < a.rows};
    multiply_tile<TILE, true, true>(a, b, out, sa, sb, &sum);
    if (sum.wanted) sums[row + threadIdx.x] = sum.s;
}

/* Adds the chains of the round to what stands at `to`, or begins with the lane's first. */
CRM_DEVICE void add_chains(const round_of &r, int lane, const float *part, int64_t apart, float *to)
{
    int from = max(r.chains.first[lane], r.begin), end = min(r.chains.first[lane + 1], r.end);
    float s;

    if (from >= end) return;
    part += (from - r.begin) * apart;
    s = from == r.chains.first[lane] ? *part : *to + *part;
    for (int i = from + 1; i < end; i++) {
        part += apart;
        s += *part;
    }
    *to = s;
}

/* Limited by the bytes of chains; 32 registers.  A thread per element, lanes side by side. */
static CRM_KERNEL CRM_BOUNDS(256) k_add_chains(round_of r)
{
    int64_t size = r.o.m * r.o.n, all = size + (r.o.sums ? r.o.m : 0);
    int lane = (int)blockIdx.y;

    if (one_chain(r, lane)) return;
    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < all; i += (int64_t)gridDim.x * 256)
        if (i < size)
            add_chains(r, lane, r.part + i, size,
                       r.o.c + lane * r.lanes.stride + i / r.o.n * r.o.ldc + i % r.o.n);
        else
            add_chains(r, lane, r.part_sums + i - size, r.o.m,
                       r.o.sums + lane * r.lanes.stride + i - size);
}

template <class TILE> static crm_status outer_with(cuda_state *s, const round_of *r)
{
    int64_t blocks = tiles_of(r->o.m, r->o.n, TILE::BM, TILE::BN) * (r->end - r->begin);

    CRM_CHECK(blocks <= INT32_MAX, CRM_ERR_ARG, "sums of %lld x %lld: too large for one launch",
              (long long)r->o.m, (long long)r->o.n);
    CRM_LAUNCH((k_outer<TILE>), (unsigned)blocks, TILE::THREADS, 0, s->stream, *r);
    CUDA_LAUNCHED(k_outer);
    return CRM_OK;
}

static crm_status one_round(cuda_state *s, const round_of *r)
{
    bool many = enough<tile_middle>(r->o.m, r->o.n, r->end - r->begin);
    dim3 grid(cuda_blocks(r->o.m * r->o.n + r->o.m, 256, 1024), (unsigned)r->lanes.n);

    if (s->cfg.math != CRM_GPU_FP32 && r->o.m >= 16 && r->o.n >= 16)
        CRM_TRY(many ? outer_with<core_middle>(s, r) : outer_with<core_small>(s, r));
    else
        CRM_TRY(many ? outer_with<tile_middle>(s, r) : outer_with<tile_small>(s, r));
    if (!r->part) return CRM_OK;
    CRM_LAUNCH(k_add_chains, grid, 256, 0, s->stream, *r);
    CUDA_LAUNCHED(k_add_chains);
    return CRM_OK;
}

crm_status cuda_outer_sum(cuda_state *s, const cuda_outer *p)
{
    int64_t size = p->m * (p->n + 1), most = ROUND_BYTES / (int64_t)sizeof(float) / (size + 1) + 1;
    round_of r = {};
    int chains;

    if (p->lanes->n == 0 || p->m == 0) return CRM_OK;
    r.o = *p;
    r.lanes = *p->lanes;
    r.chains = chains_of(p->lanes);
    chains = r.chains.first[r.lanes.n];
    if (chains > r.lanes.n) {
        int64_t held = chains < most ? chains : most;

        CUDA_SCRATCH(s, CUDA_GEMM_PART, r.part, held * size);
        r.part_sums = r.part + held * p->m * p->n;
    } else
        most = chains;
    for (int begin = 0; begin < chains; begin = r.end) {
        r.begin = begin;
        r.end = chains - begin < most ? chains : begin + (int)most;
        CRM_TRY(one_round(s, &r));
    }
    return CRM_OK;
}
