/* cuda_sort.cu - stable radix sort of keys with their positions, least digit first.
 *
 * A tile is SORT_TILE keys side by side, sorted by one block.  A pass over one digit counts the
 * digits of each tile, sums the counts over tiles, and writes each key where it belongs: behind all
 * smaller digits, behind its own digit in earlier tiles, earlier warps, earlier keys of its warp.
 * All of it is counting, so the result is one and the same whatever runs first.  What fits one tile
 * is sorted by one block in shared memory, all passes in one launch.
 *
 * Registers and shared memory are those of ptxas for sm_80 and sm_90, the larger. */
#include "cuda_impl.h"

enum {
    SORT_THREADS = 256,
    SORT_WARPS = SORT_THREADS / 32,
    SORT_ITEMS = 8, /* keys of a thread */
    SORT_TILE = SORT_THREADS * SORT_ITEMS,
    SORT_BITS = 8, /* of a digit, at most */
    SORT_BINS = 1 << SORT_BITS,
    SORT_NONE = SORT_BINS /* digit of what is behind the last key */
};
static_assert(SORT_BINS == SORT_THREADS, "thread d looks after digit d");

/* Place in the tile of a thread's item i: each warp has SORT_ITEMS rows of 32 side by side. */
CRM_DEVICE int sort_item(int i)
{
    return (int)(threadIdx.x / 32) * (SORT_ITEMS * 32) + i * 32 + (int)(threadIdx.x % 32);
}

/* Sum of x over the threads before this one; sums [SORT_WARPS] is shared memory for it alone. */
CRM_DEVICE int sort_sum_before(int x, int *sums)
{
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, upto = x, before = 0;

    CRM_UNROLL
    for (int o = 1; o < 32; o *= 2) {
        int y = __shfl_up_sync(0xffffffffu, upto, o);

        if (lane >= o) upto += y;
    }
    if (lane == 31) sums[warp] = upto;
    __syncthreads();
    for (int w = 0; w < warp; w++)
        before += sums[w];
    return before + upto - x;
}

/* rank[i] = how many keys of the warp before item i have its digit; count [digit] of this warp =
 * how many there are. */
CRM_DEVICE void sort_rank(const int *digit, int *count, int *rank)
{
    int lane = (int)threadIdx.x % 32;

    for (int d = lane; d < SORT_BINS; d += 32)
        count[d] = 0;
    __syncwarp();
    CRM_UNROLL
    for (int i = 0; i < SORT_ITEMS; i++) {
        unsigned same = __match_any_sync(0xffffffffu, digit[i]);
        int before = __popc(same & ((1u << lane) - 1u));
        int seen = digit[i] < SORT_NONE ? count[digit[i]] : 0;

        __syncwarp();
        if (before == 0 && digit[i] < SORT_NONE) count[digit[i]] = seen + __popc(same);
        __syncwarp();
        rank[i] = seen + before;
    }
}

/* count [warp][digit] into where the first key of that warp and digit goes; place: that of the
 * tile's first key of digit threadIdx.x. */
CRM_DEVICE void sort_places(int (*count)[SORT_BINS], int place)
{
    for (int w = 0; w < SORT_WARPS; w++) {
        int n = count[w][threadIdx.x];

        count[w][threadIdx.x] = place;
        place += n;
    }
}

/* One block sorts all: bound by the latency of its barriers.  93 registers, 24 KB shared. */
static CRM_KERNEL CRM_BOUNDS(SORT_THREADS)
    k_sort_tile(int n, const uint32_t *keys, int bits, int width, uint32_t *key_to, int32_t *to)
{
    CRM_SHARED(int, count, [SORT_WARPS][SORT_BINS]);
    CRM_SHARED(int, sums, [SORT_WARPS]);
    CRM_SHARED(uint32_t, tile_key, [SORT_TILE]);
    CRM_SHARED(int32_t, tile_value, [SORT_TILE]);
    uint32_t key[SORT_ITEMS];
    int32_t value[SORT_ITEMS];
    int digit[SORT_ITEMS], rank[SORT_ITEMS], warp = (int)threadIdx.x / 32;

    CRM_UNROLL
    for (int i = 0; i < SORT_ITEMS; i++) {
        value[i] = sort_item(i);
        key[i] = value[i] < n ? keys[value[i]] : 0;
    }
    for (int shift = 0; shift < bits; shift += width) {
        int total = 0;

        CRM_UNROLL
        for (int i = 0; i < SORT_ITEMS; i++)
            digit[i] = sort_item(i) < n ? (int)(key[i] >> shift & ((1u << width) - 1u)) : SORT_NONE;
        sort_rank(digit, count[warp], rank);
        __syncthreads();
        for (int w = 0; w < SORT_WARPS; w++)
            total += count[w][threadIdx.x];
        sort_places(count, sort_sum_before(total, sums));
        __syncthreads();
        CRM_UNROLL
        for (int i = 0; i < SORT_ITEMS; i++)
            if (digit[i] < SORT_NONE) {
                int at = count[warp][digit[i]] + rank[i];

                tile_key[at] = key[i];
                tile_value[at] = value[i];
            }
        __syncthreads();
        CRM_UNROLL
        for (int i = 0; i < SORT_ITEMS; i++)
            if (sort_item(i) < n) {
                key[i] = tile_key[sort_item(i)];
                value[i] = tile_value[sort_item(i)];
            }
    }
    CRM_UNROLL
    for (int i = 0; i < SORT_ITEMS; i++)
        if (sort_item(i) < n) {
            key_to[sort_item(i)] = key[i];
            to[sort_item(i)] = value[i];
        }
}

/* A pass over digit `shift`; value_from NULL: positions. */
typedef struct sort_pass {
    int64_t n;
    int tiles, shift;
    uint32_t mask;
    const uint32_t *from;
    const int32_t *value_from;
    uint32_t *to;
    int32_t *value_to;
    int *count, *total; /* [digit][tile], [digit] */
} sort_pass;

CRM_DEVICE int sort_digit(const sort_pass &p, uint32_t key)
{
    return (int)(key >> p.shift & p.mask);
}

/* count [digit][tile].  Reads 4 bytes a key; 16 registers, 1 KB shared. */
static CRM_KERNEL CRM_BOUNDS(SORT_THREADS) k_sort_count(sort_pass p)
{
    CRM_SHARED(int, count, [SORT_BINS]);
    int64_t begin = (int64_t)blockIdx.x * SORT_TILE;

    count[threadIdx.x] = 0;
    __syncthreads();
    for (int i = (int)threadIdx.x; i < SORT_TILE && begin + i < p.n; i += SORT_THREADS)
        atomicAdd(&count[sort_digit(p, p.from[begin + i])], 1);
    __syncthreads();
    if (threadIdx.x <= p.mask)
        p.count[threadIdx.x * (int64_t)p.tiles + blockIdx.x] = count[threadIdx.x];
}

/* Counts of one digit (blockIdx.x) into sums over the tiles before; total [digit].  8 bytes a
 * count; 29 registers. */
static CRM_KERNEL CRM_BOUNDS(SORT_THREADS) k_sort_sum(sort_pass p)
{
    CRM_SHARED(int, sums, [SORT_WARPS]);
    CRM_SHARED(int, end, );
    int *count = p.count + blockIdx.x * (int64_t)p.tiles, before = 0;

    for (int tile = 0; tile < p.tiles; tile += SORT_THREADS) {
        int at = tile + (int)threadIdx.x, x = at < p.tiles ? count[at] : 0;
        int place = before + sort_sum_before(x, sums);

        if (at < p.tiles) count[at] = place;
        if (threadIdx.x == SORT_THREADS - 1) end = place + x;
        __syncthreads();
        before = end;
    }
    if (threadIdx.x == 0) p.total[blockIdx.x] = before;
}

/* Keys and values to their places.  Reads 8 and writes 8 bytes a key, these scattered in runs; 58
 * registers, 8 KB shared. */
static CRM_KERNEL CRM_BOUNDS(SORT_THREADS) k_sort_move(sort_pass p)
{
    CRM_SHARED(int, count, [SORT_WARPS][SORT_BINS]);
    CRM_SHARED(int, sums, [SORT_WARPS]);
    int64_t begin = (int64_t)blockIdx.x * SORT_TILE;
    uint32_t key[SORT_ITEMS];
    int digit[SORT_ITEMS], rank[SORT_ITEMS], warp = (int)threadIdx.x / 32, place = 0, total = 0;

    CRM_UNROLL
    for (int i = 0; i < SORT_ITEMS; i++) {
        int64_t at = begin + sort_item(i);

        key[i] = at < p.n ? p.from[at] : 0;
        digit[i] = at < p.n ? sort_digit(p, key[i]) : (int)SORT_NONE;
    }
    if (threadIdx.x <= p.mask) {
        total = p.total[threadIdx.x];
        place = p.count[threadIdx.x * (int64_t)p.tiles + blockIdx.x];
    }
    sort_rank(digit, count[warp], rank);
    place += sort_sum_before(total, sums); /* its barrier ends the counting, too */
    sort_places(count, place);
    __syncthreads();
    CRM_UNROLL
    for (int i = 0; i < SORT_ITEMS; i++)
        if (digit[i] < SORT_NONE) {
            int to = count[warp][digit[i]] + rank[i];
            int64_t at = begin + sort_item(i);

            p.to[to] = key[i];
            p.value_to[to] = p.value_from ? p.value_from[at] : (int32_t)at;
        }
}

static crm_status sort_digits(cuda_state *s, const sort_pass *p)
{
    CRM_LAUNCH(k_sort_count, (unsigned)p->tiles, SORT_THREADS, 0, s->stream, *p);
    CUDA_LAUNCHED(k_sort_count);
    CRM_LAUNCH(k_sort_sum, p->mask + 1, SORT_THREADS, 0, s->stream, *p);
    CUDA_LAUNCHED(k_sort_sum);
    CRM_LAUNCH(k_sort_move, (unsigned)p->tiles, SORT_THREADS, 0, s->stream, *p);
    CUDA_LAUNCHED(k_sort_move);
    return CRM_OK;
}

extern "C" crm_status cuda_sort(cuda_state *s, const uint32_t *keys, int64_t n, int bits,
                                uint32_t **key, int32_t **value)
{
    int passes = bits <= SORT_BITS ? 1 : (bits + SORT_BITS - 1) / SORT_BITS;
    int width = bits < 1 ? 1 : (bits + passes - 1) / passes;
    uint32_t *k;
    int32_t *v;
    int *count;
    sort_pass p = {};

    CRM_CHECK(n <= INT32_MAX, CRM_ERR_ARG, "sort of %lld keys, %d is the most", (long long)n,
              INT32_MAX);
    CUDA_SCRATCH(s, CUDA_SORT_KEY, k, 2 * n);
    CUDA_SCRATCH(s, CUDA_SORT_VALUE, v, 2 * n);
    *key = k;
    *value = v;
    if (n == 0) return CRM_OK;
    if (n <= SORT_TILE) {
        CRM_LAUNCH(k_sort_tile, 1, SORT_THREADS, 0, s->stream, (int)n, keys, passes * width, width,
                   k, v);
        return cuda_launched("k_sort_tile");
    }
    p.n = n;
    p.tiles = (int)((n + SORT_TILE - 1) / SORT_TILE);
    p.mask = (1u << width) - 1u;
    p.from = keys;
    CUDA_SCRATCH(s, CUDA_SORT_COUNT, count, ((int64_t)p.tiles + 1) * SORT_BINS);
    p.count = count + SORT_BINS;
    p.total = count;
    for (int i = 0; i < passes; i++) {
        p.shift = i * width;
        p.to = *key = k + (i % 2) * n;
        p.value_to = *value = v + (i % 2) * n;
        CRM_TRY(sort_digits(s, &p));
        p.from = p.to;
        p.value_from = p.value_to;
    }
    return CRM_OK;
}
