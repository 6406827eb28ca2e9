/* cuda_embed.cu - gradient of an embedding without atomics: rows sorted by code, equal codes added
 * in order of position.
 *
 * The sort is stable and the rows of a lane stand side by side, so the rows of one code and one
 * lane, a segment, stand side by side too, in order of position.  A segment is summed in chunks of
 * EMBED_CHUNK rows from its own beginning, by one warp each, the columns in its lanes; the chunks
 * of a segment are then added in order.  Nothing of this depends on other codes or lanes. */
#include "cuda_embed.h"
#include "cuda_ops.h"

enum { EMBED_THREADS = 256, EMBED_CHUNK = 128 };

/* The sorted rows, and where sums go. */
typedef struct embed_sort {
    int64_t n, lddy, e, ldt, stride;
    uint32_t v;
    int lanes;
    const uint32_t *key;
    const int32_t *row;
    const int64_t *bound; /* [lanes + 1] first row of each lane */
    const int32_t *of;    /* as in cuda_embed_rows */
    const float *dy, *value;
    float factor;
    float *table, *part; /* part: see embed_slot */
    int32_t *large;      /* by 32 places: where a segment of several chunks begins, or -1 */
} embed_sort;

/* key = code, or v for rows that are left out; bound [lanes + 1].  8 bytes a row; 12 registers. */
static CRM_KERNEL CRM_BOUNDS(EMBED_THREADS)
    k_embed_keys(int64_t n, const int32_t *code, int64_t ldcode, int32_t least, uint32_t v,
                 cuda_lanes lanes, const int64_t *first, uint32_t *key, int64_t *bound)
{
    int64_t i = (int64_t)blockIdx.x * EMBED_THREADS + threadIdx.x;

    if (i <= lanes.n) bound[i] = first ? first[lanes.first[i]] : lanes.first[i];
    if (i < n) {
        int32_t c = code[i * ldcode];

        key[i] = c >= least && (uint32_t)c < v ? (uint32_t)c : v;
    }
}

/* The lane that holds a row. */
CRM_DEVICE int embed_lane(const embed_sort &s, int64_t row)
{
    int at = 0, end = s.lanes;

    while (end - at > 1) {
        int mid = (at + end) / 2;

        if (s.bound[mid] <= row)
            at = mid;
        else
            end = mid;
    }
    return at;
}

/* Whether place i holds a row of this key from [begin, end). */
CRM_DEVICE bool embed_in(const embed_sort &s, int64_t i, uint32_t key, int64_t begin, int64_t end)
{
    return i >= 0 && i < s.n && s.key[i] == key && s.row[i] >= begin && s.row[i] < end;
}

/* First place of the segment that place i belongs to. */
CRM_DEVICE int64_t embed_begin(const embed_sort &s, int64_t i, uint32_t key, int64_t begin)
{
    int64_t at = 0, end = i; /* the answer is within [at, end] */

    while (at < end) {
        int64_t mid = (at + end) / 2;

        if (s.key[mid] < key || (s.key[mid] == key && s.row[mid] < begin))
            at = mid + 1;
        else
            end = mid;
    }
    return at;
}

/* Row of part for the chunk at place i of a segment of several: two such segments begin more than
 * EMBED_CHUNK places apart, as do the chunks of one, so a stretch of EMBED_CHUNK places holds at
 * most one beginning of a segment and one of a later chunk. */
CRM_DEVICE int64_t embed_slot(int64_t i, bool head)
{
    return 2 * (i / EMBED_CHUNK) + head;
}

/* acc[v] = sum of the rows of the chunk at place `begin`, column c0 + lane + 32 v; W: with weights.
 */
template <int V, bool W>
CRM_DEVICE void embed_chunk(const embed_sort &s, int64_t begin, uint32_t key, int64_t end_row,
                            int64_t c0, float *acc)
{
    int lane = (int)threadIdx.x % 32;

    CRM_UNROLL
    for (int v = 0; v < V; v++)
        acc[v] = 0.0f;
    for (int64_t i = begin; i < begin + EMBED_CHUNK; i += 32) {
        bool in = embed_in(s, i + lane, key, 0, end_row);
        int32_t row = in ? s.row[i + lane] : 0;
        float weight = W && in ? s.value[row] : 0.0f;
        int rows = __popc(__ballot_sync(0xffffffffu, in));

        if (W) row = s.of[row];
        CRM_UNROLL_N(4)
        for (int q = 0; q < rows; q++) {
            float w = W ? __shfl_sync(0xffffffffu, weight, q) : 1.0f;
            const float *dy = s.dy + __shfl_sync(0xffffffffu, row, q) * s.lddy + c0 + lane;

            CRM_UNROLL
            for (int v = 0; v < V; v++)
                if (c0 + lane + 32 * v < s.e)
                    acc[v] = W ? fmaf(w, s.factor * dy[32 * v], acc[v]) : acc[v] + dy[32 * v];
        }
        if (rows < 32) break;
    }
}

/* Sums of the chunks that begin at the 32 places of a warp: into the table where a segment is one
 * chunk, else into part.  Limited by bytes: 4 e a row of dy, 8 e a distinct row of the table; 48
 * registers. */
template <int V, bool W> static CRM_KERNEL CRM_BOUNDS(EMBED_THREADS) k_embed_sum(embed_sort s)
{
    int64_t group = ((int64_t)blockIdx.x * EMBED_THREADS + threadIdx.x) / 32;
    int lane = (int)threadIdx.x % 32, of = 0;
    int64_t first = group * 32, i = first + lane, begin = 0, end = 0;
    uint32_t key = i < s.n ? s.key[i] : s.v;
    bool in = key < s.v, head = false, start = false, several = false;
    unsigned starts, large;

    if (first >= s.n) return;
    if (in) {
        of = embed_lane(s, s.row[i]);
        begin = s.bound[of];
        end = s.bound[of + 1];
        head = !embed_in(s, i - 1, key, begin, end);
        several = head && embed_in(s, i + EMBED_CHUNK, key, begin, end);
        start = head || (embed_in(s, i - EMBED_CHUNK, key, begin, end) &&
                         (i - embed_begin(s, i, key, begin)) % EMBED_CHUNK == 0);
    }
    starts = __ballot_sync(0xffffffffu, start);
    large = __ballot_sync(0xffffffffu, several);
    if (lane == 0) s.large[group] = large ? (int32_t)(first + __ffs((int)large) - 1) : -1;
    while (starts) {
        int src = __ffs((int)starts) - 1, l = __shfl_sync(0xffffffffu, of, src);
        uint32_t code = __shfl_sync(0xffffffffu, key, src);
        bool whole = __shfl_sync(0xffffffffu, (int)(head && !several), src) != 0;
        bool is_head = __shfl_sync(0xffffffffu, (int)head, src) != 0;
        int64_t end_row = __shfl_sync(0xffffffffu, (long long)end, src);

        starts &= starts - 1;
        for (int64_t c0 = 0; c0 < s.e; c0 += 32 * V) {
            float acc[V];
            float *to = whole ? s.table + l * s.stride + code * s.ldt
                              : s.part + embed_slot(first + src, is_head) * s.e;

            embed_chunk<V, W>(s, first + src, code, end_row, c0, acc);
            CRM_UNROLL
            for (int v = 0; v < V; v++) {
                int64_t c = c0 + lane + 32 * v;

                if (c < s.e) to[c] = whole ? (to[c] + acc[v]) + 0.0f : acc[v];
            }
        }
    }
}

/* Adds up the chunks of segments of several, in order; a warp each.  4 e bytes a chunk; 32
 * registers.
 */
static CRM_KERNEL CRM_BOUNDS(EMBED_THREADS) k_embed_chunks(embed_sort s)
{
    int64_t group = ((int64_t)blockIdx.x * EMBED_THREADS + threadIdx.x) / 32, at, end;
    int lane = (int)threadIdx.x % 32, chunks = 1, of, more;
    uint32_t key;
    float *to;

    if (group * 32 >= s.n || s.large[group] < 0) return;
    at = s.large[group];
    key = s.key[at];
    of = embed_lane(s, s.row[at]);
    end = s.bound[of + 1];
    do {
        more = __popc(
            __ballot_sync(0xffffffffu, embed_in(s, at + (int64_t)(chunks + lane) * EMBED_CHUNK, key,
                                                s.bound[of], end)));
        chunks += more;
    } while (more == 32);
    to = s.table + of * s.stride + key * s.ldt;
    for (int64_t c = lane; c < s.e; c += 32) {
        float sum = s.part[embed_slot(at, true) * s.e + c];

        CRM_UNROLL_N(8)
        for (int q = 1; q < chunks; q++)
            sum += s.part[embed_slot(at + (int64_t)q * EMBED_CHUNK, false) * s.e + c];
        to[c] = (to[c] + sum) + 0.0f;
    }
}

template <bool W> static void embed_launch(cuda_state *s, const embed_sort *p, unsigned blocks)
{
    if (p->e <= 64)
        CRM_LAUNCH((k_embed_sum<2, W>), blocks, EMBED_THREADS, 0, s->stream, *p);
    else
        CRM_LAUNCH((k_embed_sum<4, W>), blocks, EMBED_THREADS, 0, s->stream, *p);
}

static crm_status embed_sums(cuda_state *s, const embed_sort *p)
{
    unsigned blocks = (unsigned)((p->n + EMBED_THREADS - 1) / EMBED_THREADS);

    if (p->of)
        embed_launch<true>(s, p, blocks);
    else
        embed_launch<false>(s, p, blocks);
    CUDA_LAUNCHED(k_embed_sum);
    if (p->n <= EMBED_CHUNK) return CRM_OK;
    CRM_LAUNCH(k_embed_chunks, blocks, EMBED_THREADS, 0, s->stream, *p);
    CUDA_LAUNCHED(k_embed_chunks);
    return CRM_OK;
}

/* Bits of the numbers 0 ... most. */
static int bits_of(uint32_t most)
{
    int bits = 1;

    while (bits < 32 && most >> bits)
        bits++;
    return bits;
}

extern "C" crm_status cuda_embed_add(cuda_state *s, const cuda_embed_rows *p)
{
    int64_t groups = (p->n + 31) / 32, bytes = sizeof(int64_t) * (CRM_LANES_MAX + 1);
    unsigned blocks = cuda_blocks(p->n, EMBED_THREADS, INT32_MAX);
    char *memory;
    uint32_t *keys, *key;
    int32_t *row;
    embed_sort e = {};

    if (p->n == 0 || p->v == 0 || p->e == 0) return CRM_OK;
    CRM_CHECK(p->n <= INT32_MAX && p->v <= INT32_MAX, CRM_ERR_ARG,
              "gradient of an embedding of %lld rows and %lld codes, %d is the most",
              (long long)p->n, (long long)p->v, INT32_MAX);
    CUDA_SCRATCH(s, CUDA_EMBED, memory, bytes + 4 * (p->n + groups));
    CUDA_SCRATCH(s, CUDA_EMBED_PART, e.part, 2 * (p->n / EMBED_CHUNK + 1) * p->e);
    keys = (uint32_t *)(memory + bytes);
    CRM_LAUNCH(k_embed_keys, blocks, EMBED_THREADS, 0, s->stream, p->n, p->code, p->ldcode,
               p->least, (uint32_t)p->v, *p->lanes, p->first, keys, (int64_t *)memory);
    CUDA_LAUNCHED(k_embed_keys);
    CRM_TRY(cuda_sort(s, keys, p->n, bits_of((uint32_t)p->v), &key, &row));
    e.n = p->n;
    e.lddy = p->lddy;
    e.e = p->e;
    e.ldt = p->ldt;
    e.stride = p->lanes->stride;
    e.v = (uint32_t)p->v;
    e.lanes = p->lanes->n;
    e.key = key;
    e.row = row;
    e.bound = (const int64_t *)memory;
    e.of = p->of;
    e.dy = p->dy;
    e.value = p->value;
    e.factor = p->factor;
    e.table = p->table;
    e.large = (int32_t *)(keys + p->n);
    return embed_sums(s, &e);
}

extern "C" crm_status cuda_embed_sum(cuda_state *s, const int32_t *code, int64_t ldcode,
                                     int32_t least, const float *dy, int64_t lddy, int64_t e,
                                     int64_t v, const cuda_lanes *lanes, float *table, int64_t ldt)
{
    cuda_embed_rows p = {};

    p.n = lanes->first[lanes->n];
    p.code = code;
    p.ldcode = ldcode;
    p.least = least;
    p.dy = dy;
    p.lddy = lddy;
    p.e = e;
    p.v = v;
    p.lanes = lanes;
    p.table = table;
    p.ldt = ldt;
    return cuda_embed_add(s, &p);
}

extern "C" crm_status cuda_op_embed_bwd(void *state, const crm_tensor *code, const crm_tensor *dy,
                                        const crm_lanes *lanes, crm_tensor *dtable)
{
    cuda_lanes c = cuda_lanes_of(lanes);

    return cuda_embed_sum((cuda_state *)state, (const int32_t *)code->data, code->ld, 0,
                          (const float *)dy->data, dy->ld, dtable->dim[1], dtable->dim[0], &c,
                          (float *)dtable->data, dtable->ld);
}
