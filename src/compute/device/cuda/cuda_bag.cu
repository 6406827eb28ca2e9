/* cuda_bag.cu - weighted bags of rows of a table (the wide part of a net); going back, the sums of
 * an embedding with weights (cuda_embed.cu). */
#include "cuda_embed.h"
#include "cuda_ops.h"

enum { BAG_THREADS = 64 }; /* few bags: many blocks */

struct bag_rows {
    int64_t n, k, v, ldt, ldy;
    int shift; /* lanes along a row of the table: 2^shift */
    float factor;
    const int64_t *first;
    const int32_t *id;
    const float *value, *table;
    float *y;
};

/* acc[j] += value table[id][c + 32 j] for the entries begin, begin + step, ... of a bag. */
template <int V>
CRM_DEVICE void bag_chain(const bag_rows &p, int64_t begin, int64_t end, int step, int64_t c,
                          float *acc)
{
    CRM_UNROLL
    for (int j = 0; j < V; j++)
        acc[j] = 0.0f;
    CRM_UNROLL_N(4)
    for (int64_t i = begin; i < end; i += step) {
        int64_t id = p.id[i];
        float w = p.value[i];

        if (id < 0 || id >= p.v) continue;
        CRM_UNROLL
        for (int j = 0; j < V; j++)
            if (c + 32 * j < p.k) acc[j] = fmaf(w, p.table[id * p.ldt + c + 32 * j], acc[j]);
    }
}

/* A warp for each bag: 2^shift of its lanes along the columns, the others take every so many'th
 * entry; then their chains are added pair by pair.  Limited by bytes: 8 + 4 k an entry, rows of the
 * table from anywhere; 48 registers. */
template <int V> static CRM_KERNEL CRM_BOUNDS(BAG_THREADS) k_bag(bag_rows p)
{
    int64_t warp = ((int64_t)blockIdx.x * BAG_THREADS + threadIdx.x) / 32;
    int64_t warps = (int64_t)gridDim.x * (BAG_THREADS / 32);
    int lane = (int)threadIdx.x % 32, side = 1 << p.shift;

    for (int64_t r = warp; r < p.n; r += warps)
        for (int64_t c0 = 0; c0 < p.k; c0 += 32 * V) {
            int64_t c = c0 + lane % side;
            float acc[V];

            bag_chain<V>(p, p.first[r] + lane / side, p.first[r + 1], 32 / side, c, acc);
            for (int o = side; o < 32; o *= 2)
                CRM_UNROLL
            for (int j = 0; j < V; j++)
                acc[j] += __shfl_xor_sync(0xffffffffu, acc[j], o);
            CRM_UNROLL
            for (int j = 0; j < V; j++)
                if (lane < side && c + 32 * j < p.k)
                    p.y[r * p.ldy + c + 32 * j] = p.factor * acc[j];
        }
}

extern "C" crm_status cuda_op_bag(void *state, const crm_bag *b, const crm_tensor *table,
                                  crm_tensor *y)
{
    cuda_state *s = (cuda_state *)state;
    unsigned blocks = cuda_blocks(b->n, BAG_THREADS / 32, 1 << 20);
    bag_rows p = {};

    if (b->n == 0) return CRM_OK;
    p.n = b->n;
    p.k = y->dim[1];
    p.v = table->dim[0];
    p.ldt = table->ld;
    p.ldy = y->ld;
    while (p.shift < 5 && (1 << p.shift) < p.k)
        p.shift++;
    p.factor = (float)b->factor;
    p.first = b->first;
    p.id = b->id;
    p.value = b->value;
    p.table = (const float *)table->data;
    p.y = (float *)y->data;
    if (p.k <= 32)
        CRM_LAUNCH(k_bag<1>, blocks, BAG_THREADS, 0, s->stream, p);
    else
        CRM_LAUNCH(k_bag<4>, blocks, BAG_THREADS, 0, s->stream, p);
    CUDA_LAUNCHED(k_bag);
    return CRM_OK;
}

/* of[i] = the bag that entry i is in; a warp for each bag.  4 bytes an entry; 16 registers. */
static CRM_KERNEL CRM_BOUNDS(BAG_THREADS) k_bag_of(int64_t n, const int64_t *first, int32_t *of)
{
    int64_t warp = ((int64_t)blockIdx.x * BAG_THREADS + threadIdx.x) / 32;
    int64_t warps = (int64_t)gridDim.x * (BAG_THREADS / 32);

    for (int64_t r = warp; r < n; r += warps)
        for (int64_t i = first[r] + threadIdx.x % 32; i < first[r + 1]; i += 32)
            of[i] = (int32_t)r;
}

extern "C" crm_status cuda_op_bag_bwd(void *state, const crm_bag *b, const crm_tensor *dy,
                                      const crm_lanes *lanes, crm_tensor *dtable)
{
    cuda_state *s = (cuda_state *)state;
    unsigned blocks = cuda_blocks(b->n, BAG_THREADS / 32, 1 << 20);
    cuda_lanes c = cuda_lanes_of(lanes);
    cuda_embed_rows p = {};
    int32_t *of;

    if (b->n == 0 || b->n_entries == 0) return CRM_OK;
    CRM_CHECK(b->n <= INT32_MAX, CRM_ERR_ARG, "%lld bags, %d is the most", (long long)b->n,
              INT32_MAX);
    CUDA_SCRATCH(s, CUDA_BAG, of, b->n_entries);
    CRM_LAUNCH(k_bag_of, blocks, BAG_THREADS, 0, s->stream, b->n, b->first, of);
    CUDA_LAUNCHED(k_bag_of);
    p.n = b->n_entries;
    p.code = b->id;
    p.ldcode = 1;
    p.of = of;
    p.value = b->value;
    p.factor = (float)b->factor;
    p.dy = (const float *)dy->data;
    p.lddy = dy->ld;
    p.e = dtable->dim[1];
    p.v = dtable->dim[0];
    p.lanes = &c;
    p.first = b->first;
    p.table = (float *)dtable->data;
    p.ldt = dtable->ld;
    return cuda_embed_add(s, &p);
}
