/* cuda_rows.cu - operations on rows that stand alone: maps, embedding, dropout, softmax, rows of a
 * batch.  Each is limited by memory; the bytes that it has to move stand above its kernel (n rows
 * of d floats). */
#include "cuda_math.h"
#include "cuda_ops.h"
#include "cuda_rows.h"

/* ---- maps of elements ---- */

enum { MAP_ADD, MAP_COPY, MAP_SIGMOID, MAP_ACT_BWD };

template <int MAP> CRM_DEVICE float mapped(int act, float x, float y)
{
    if (MAP == MAP_ADD) return y + x;
    if (MAP == MAP_SIGMOID) return cuda_sigmoid(x);
    if (MAP == MAP_ACT_BWD) return cuda_act_back(act, x, y);
    return x;
}

template <int MAP, int V> CRM_DEVICE void map_pack(int act, const float *x, float *y)
{
    cuda_pack<V> from = cuda_load<V>(x), to = from;

    if (MAP == MAP_ADD || MAP == MAP_ACT_BWD) to = cuda_load<V>(y);
    CRM_UNROLL
    for (int i = 0; i < V; i++)
        to.v[i] = mapped<MAP>(act, from.v[i], to.v[i]);
    cuda_store<V>(y, to);
}

/* Bytes: 8 n d (copy, sigmoid), 12 n d (add, act_bwd).  An item is V columns. */
template <int MAP, int V>
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS)
    k_map(int64_t rows, int64_t width, int shift, int act, const float *x, int64_t ldx, float *y,
          int64_t ldy)
{
    for (int64_t r = cuda_first_row(shift); r < rows; r += cuda_next_row(shift))
        for (int64_t c = V * cuda_first_item(shift); c < width; c += V * cuda_next_item(shift)) {
            const float *from = x + r * ldx + c;
            float *to = y + r * ldy + c;

            if (c + V <= width)
                map_pack<MAP, V>(act, from, to);
            else
                for (int i = 0; i < width - c; i++)
                    to[i] = mapped<MAP>(act, from[i], to[i]);
        }
}

/* y = map(x, y); two dense matrices are one long row. */
template <int MAP>
static crm_status map_rows(void *state, int act, const crm_tensor *x, crm_tensor *y)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = x->dim[0], d = x->dim[1];
    bool wide, dense = x->ld == d && y->ld == d;
    cuda_row_grid g;

    if (n == 0) return CRM_OK;
    if (dense) {
        d *= n;
        n = 1;
    }
    wide = cuda_wide(x->data, n == 1 ? 0 : x->ld) && cuda_wide(y->data, n == 1 ? 0 : y->ld);
    g = cuda_row_grid_of(n, wide ? (d + 3) / 4 : d);
    if (wide)
        CRM_LAUNCH((k_map<MAP, 4>), g.grid, CUDA_ROW_THREADS, 0, s->stream, n, d, g.shift, act,
                   (const float *)x->data, x->ld, (float *)y->data, y->ld);
    else
        CRM_LAUNCH((k_map<MAP, 1>), g.grid, CUDA_ROW_THREADS, 0, s->stream, n, d, g.shift, act,
                   (const float *)x->data, x->ld, (float *)y->data, y->ld);
    CUDA_LAUNCHED(k_map);
    return CRM_OK;
}

extern "C" crm_status cuda_op_act_bwd(void *state, crm_act act, const crm_tensor *src,
                                      crm_tensor *dy)
{
    return map_rows<MAP_ACT_BWD>(state, act, src, dy);
}

extern "C" crm_status cuda_op_add(void *state, const crm_tensor *x, crm_tensor *y)
{
    return map_rows<MAP_ADD>(state, 0, x, y);
}

extern "C" crm_status cuda_op_copy(void *state, const crm_tensor *x, crm_tensor *y)
{
    return map_rows<MAP_COPY>(state, 0, x, y);
}

extern "C" crm_status cuda_op_sigmoid(void *state, const crm_tensor *logits, crm_tensor *proba)
{
    return map_rows<MAP_SIGMOID>(state, 0, logits, proba);
}

/* ---- embedding ---- */

/* Bytes: 4 n (code) + 8 n e, the table's rows mostly from the second cache. */
template <int V>
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS)
    k_embed(int64_t n, int64_t e, int64_t v, int shift, const int32_t *__restrict__ code,
            int64_t ldcode, const float *__restrict__ table, int64_t ldt, float *__restrict__ y,
            int64_t ldy)
{
    for (int64_t r = cuda_first_row(shift); r < n; r += cuda_next_row(shift)) {
        int64_t at = code[r * ldcode];

        for (int64_t c = V * cuda_first_item(shift); c < e; c += V * cuda_next_item(shift)) {
            cuda_pack<V> x = {};

            if (at >= 0 && at < v) x = cuda_load<V>(table + at * ldt + c);
            cuda_store<V>(y + r * ldy + c, x);
        }
    }
}

extern "C" crm_status cuda_op_embed(void *state, const crm_tensor *code, const crm_tensor *table,
                                    crm_tensor *y)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = y->dim[0], e = y->dim[1];
    bool wide = e % 4 == 0 && cuda_wide(table->data, table->ld) && cuda_wide(y->data, y->ld);
    cuda_row_grid g = cuda_row_grid_of(n, wide ? e / 4 : e);

    if (n == 0) return CRM_OK;
    if (wide)
        CRM_LAUNCH((k_embed<4>), g.grid, CUDA_ROW_THREADS, 0, s->stream, n, e, table->dim[0],
                   g.shift, (const int32_t *)code->data, code->ld, (const float *)table->data,
                   table->ld, (float *)y->data, y->ld);
    else
        CRM_LAUNCH((k_embed<1>), g.grid, CUDA_ROW_THREADS, 0, s->stream, n, e, table->dim[0],
                   g.shift, (const int32_t *)code->data, code->ld, (const float *)table->data,
                   table->ld, (float *)y->data, y->ld);
    CUDA_LAUNCHED(k_embed);
    return CRM_OK;
}

/* ---- dropout ---- */

/* Philox4x32-10 (Salmon et al., SC 2011), as base_rng.c has it. */
CRM_DEVICE void philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    CRM_UNROLL
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint32_t h0 = __umulhi(c[0], 0xD2511F53u), l0 = c[0] * 0xD2511F53u;
        uint32_t h1 = __umulhi(c[2], 0xCD9E8D57u), l1 = c[2] * 0xCD9E8D57u;

        c[0] = h1 ^ c[1] ^ k0;
        c[1] = l1;
        c[2] = h0 ^ c[3] ^ k1;
        c[3] = l0;
    }
}

struct dropout_mask {
    uint32_t k0, k1, epoch, first, below;
    float scale;
};

/* Bytes: 8 n d + 8 n.  An item is a block of four random words; y may be x. */
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS)
    k_dropout(int64_t n, int64_t d, int shift, dropout_mask m, bool wide,
              const int64_t *__restrict__ row_id, const float *x, int64_t ldx, float *y,
              int64_t ldy)
{
    for (int64_t r = cuda_first_row(shift); r < n; r += cuda_next_row(shift)) {
        uint64_t id = (uint64_t)row_id[r];

        for (int64_t q = cuda_first_item(shift); 4 * q < d; q += cuda_next_item(shift)) {
            uint32_t c[4] = {(uint32_t)id, (uint32_t)(id >> 32), m.epoch, m.first + (uint32_t)q};
            const float *from = x + r * ldx + 4 * q;
            float *to = y + r * ldy + 4 * q;

            philox(c, m.k0, m.k1);
            if (wide && 4 * q + 4 <= d) {
                cuda_pack<4> v = cuda_load<4>(from);

                CRM_UNROLL
                for (int i = 0; i < 4; i++)
                    v.v[i] = c[i] < m.below ? 0.0f : v.v[i] * m.scale;
                cuda_store<4>(to, v);
            } else {
                CRM_UNROLL
                for (int i = 0; i < 4; i++)
                    if (4 * q + i < d) to[i] = c[i] < m.below ? 0.0f : from[i] * m.scale;
            }
        }
    }
}

/* splitmix64, as base_rng.c. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static dropout_mask mask_of(const crm_dropout *p, uint64_t stream)
{
    uint64_t key = mix(mix(p->seed) ^ stream);
    double below = p->rate * 0x1p32 + 0.5;
    dropout_mask m;

    m.k0 = (uint32_t)key;
    m.k1 = (uint32_t)(key >> 32);
    m.epoch = p->epoch;
    m.first = p->layer << 18; /* element layer << 20, four to a block */
    m.below = below >= 0x1p32 ? UINT32_MAX : (uint32_t)below;
    m.scale = (float)(1 / (1 - p->rate));
    return m;
}

extern "C" crm_status cuda_op_dropout(void *state, const crm_dropout *p, const crm_tensor *x,
                                      crm_tensor *y)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = x->dim[0], d = x->dim[1];
    cuda_row_grid g = cuda_row_grid_of(n, (d + 3) / 4);

    if (n == 0) return CRM_OK;
    CRM_LAUNCH(k_dropout, g.grid, CUDA_ROW_THREADS, 0, s->stream, n, d, g.shift, mask_of(p, 3),
               cuda_wide(x->data, x->ld) && cuda_wide(y->data, y->ld), p->row_id,
               (const float *)x->data, x->ld, (float *)y->data, y->ld);
    CUDA_LAUNCHED(k_dropout);
    return CRM_OK;
}

/* Bytes: 8 for a token; a warp to a sample, a lane to a token. */
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS)
    k_drop_words(crm_doc_tokens of, dropout_mask m, const int64_t *__restrict__ row_id,
                 const int32_t *__restrict__ x, int32_t *__restrict__ y)
{
    for (int64_t r = cuda_first_row(5); r < of.n; r += cuda_next_row(5)) {
        uint64_t id = (uint64_t)row_id[r];

        for (int64_t d = of.first[r]; d < of.first[r + 1]; d++) {
            int64_t first = of.token_first[d], n = of.token_first[d + 1] - first;

            for (int64_t t = threadIdx.x % 32; t < n; t += 32) {
                uint32_t unit = (uint32_t)((d - of.first[r]) * of.length + t);
                uint32_t c[4] = {(uint32_t)id, (uint32_t)(id >> 32), m.epoch, unit / 4};

                philox(c, m.k0, m.k1);
                y[first + t] = c[unit % 4] < m.below ? 0 : x[first + t];
            }
        }
    }
}

extern "C" crm_status cuda_op_drop_words(void *state, const crm_dropout *p,
                                         const crm_doc_tokens *of, const crm_tensor *x,
                                         crm_tensor *y)
{
    cuda_state *s = (cuda_state *)state;

    if (of->n == 0) return CRM_OK;
    CRM_LAUNCH(k_drop_words, cuda_blocks(of->n, CUDA_ROW_THREADS / 32, 1 << 16), CUDA_ROW_THREADS,
               0, s->stream, *of, mask_of(p, 91), p->row_id, (const int32_t *)x->data,
               (int32_t *)y->data);
    CUDA_LAUNCHED(k_drop_words);
    return CRM_OK;
}

/* ---- softmax ---- */

enum { SOFTMAX_THREADS = 128 };

/* Bytes: 8 n k (more passes over a row come from the first cache).  G lanes to a row, by k alone;
 * proba may be the logits themselves: a thread reads and writes columns of its own. */
template <int G>
static CRM_KERNEL CRM_BOUNDS(SOFTMAX_THREADS)
    k_softmax(int64_t n, int64_t k, const float *z, int64_t ldz, float *y, int64_t ldy)
{
    const int rows = SOFTMAX_THREADS / G, lane = threadIdx.x % G;

    for (int64_t r0 = (int64_t)blockIdx.x * rows; r0 < n; r0 += (int64_t)gridDim.x * rows) {
        int64_t r = r0 + threadIdx.x / G, end = r < n ? k : 0;
        const float *from = z + r * ldz;
        float *to = y + r * ldy, most = -INFINITY, total;
        double sum = 0;

        for (int64_t j = lane; j < end; j += G)
            most = from[j] > most ? from[j] : most;
        most = cuda_group_max<G>(most);
        for (int64_t j = lane; j < end; j += G) {
            float e = cuda_exp(from[j] - most);

            to[j] = e;
            sum += (double)e;
        }
        total = (float)cuda_group_sum<G>(sum);
        for (int64_t j = lane; j < end; j += G)
            to[j] /= total;
    }
}

extern "C" crm_status cuda_op_softmax(void *state, const crm_tensor *logits, crm_tensor *proba)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = logits->dim[0], k = logits->dim[1];
    int lanes = k <= 8 ? 1 : k <= 32 ? 8 : 32;
    unsigned blocks = cuda_blocks(n, SOFTMAX_THREADS / lanes, 1 << 20);
    const float *z = (const float *)logits->data;
    float *y = (float *)proba->data;

    if (n == 0) return CRM_OK;
    if (lanes == 1)
        CRM_LAUNCH((k_softmax<1>), blocks, SOFTMAX_THREADS, 0, s->stream, n, k, z, logits->ld, y,
                   proba->ld);
    else if (lanes == 8)
        CRM_LAUNCH((k_softmax<8>), blocks, SOFTMAX_THREADS, 0, s->stream, n, k, z, logits->ld, y,
                   proba->ld);
    else
        CRM_LAUNCH((k_softmax<32>), blocks, SOFTMAX_THREADS, 0, s->stream, n, k, z, logits->ld, y,
                   proba->ld);
    CUDA_LAUNCHED(k_softmax);
    return CRM_OK;
}

/* ---- rows of a batch ---- */

/* Bytes: 12 n, x mostly from the second cache. */
static CRM_KERNEL CRM_BOUNDS(256)
    k_take(int64_t n, const int32_t *__restrict__ x, int64_t n_x, const int32_t *__restrict__ at,
           int32_t least, int32_t *__restrict__ y)
{
    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < n; i += (int64_t)gridDim.x * 256) {
        int64_t from = at[i];
        int32_t v = from >= 0 && from < n_x ? x[from] : -1;

        y[i] = from >= 0 && from < n_x && v >= least ? v : -1;
    }
}

extern "C" crm_status cuda_op_take(void *state, const crm_tensor *x, const crm_tensor *at,
                                   int32_t least, crm_tensor *y)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = at->dim[0];

    if (n == 0) return CRM_OK;
    CRM_LAUNCH(k_take, cuda_blocks(n, 256, 1 << 20), 256, 0, s->stream, n, (const int32_t *)x->data,
               x->dim[0], (const int32_t *)at->data, least, (int32_t *)y->data);
    CUDA_LAUNCHED(k_take);
    return CRM_OK;
}

/* f32 as it is, too: both types of results have four bytes. */
CRM_DEVICE int32_t gathered(int32_t v)
{
    return v;
}
CRM_DEVICE int32_t gathered(uint8_t v)
{
    return v == 0xFF ? -1 : v;
}
CRM_DEVICE int32_t gathered(uint16_t v)
{
    return v == 0xFFFF ? -1 : v;
}

/* Arrays of one launch: array k has the blocks [block[k], block[k + 1]) of the grid. */
struct gather_array {
    int64_t n, w; /* parents; width of a row */
    const int64_t *first, *from;
    const void *x;
    int32_t *y;
    int32_t fill; /* its bits */
    int size;     /* bytes of an element of x */
    int shift;    /* 2^shift lanes to a parent */
};
struct gather_list {
    unsigned block[CRM_GATHER_MAX + 1];
    gather_array array[CRM_GATHER_MAX];
};

/* The rows of a parent lie side by side in source and result. */
template <class T> CRM_DEVICE void gather_rows(const gather_array &a, int64_t block, int64_t blocks)
{
    const T *__restrict__ x = (const T *)a.x;
    int32_t *__restrict__ y = a.y;
    const int64_t per = CUDA_ROW_THREADS >> a.shift, lanes = (int64_t)1 << a.shift;
    const int64_t lane = threadIdx.x & (lanes - 1);

    for (int64_t i = block * per + (threadIdx.x >> a.shift); i < a.n; i += blocks * per) {
        int64_t to = a.first ? a.first[i] : i, n = (a.first ? a.first[i + 1] - to : 1) * a.w;
        int64_t from = a.from[i];

        for (int64_t j = lane; j < n; j += lanes)
            y[to * a.w + j] = from < 0 ? a.fill : gathered(x[from * a.w + j]);
    }
}

/* Bytes of each array: (size of a source element + 4) rows w + 16 parents. */
static CRM_KERNEL CRM_BOUNDS(CUDA_ROW_THREADS) k_gather(gather_list list)
{
    int k = 0;

    while (blockIdx.x >= list.block[k + 1])
        k++;
    const gather_array &a = list.array[k];
    const int64_t block = blockIdx.x - list.block[k], blocks = list.block[k + 1] - list.block[k];

    if (a.size == 1)
        gather_rows<uint8_t>(a, block, blocks);
    else if (a.size == 2)
        gather_rows<uint16_t>(a, block, blocks);
    else
        gather_rows<int32_t>(a, block, blocks);
}

static int32_t fill_bits(const crm_gather_item *item)
{
    const float f = (float)item->g.fill;
    int32_t bits = 0;

    if (item->y.dtype != CRM_F32) return (int32_t)item->g.fill;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* The array, and the blocks it needs. */
static unsigned gather_array_of(const crm_gather_item *item, gather_array *a)
{
    const int64_t all = item->y.dim[0] * item->x.dim[1], each = item->g.n > 0 ? all / item->g.n : 0;

    a->n = item->g.n;
    a->w = item->x.dim[1];
    a->first = item->g.first;
    a->from = item->g.from;
    a->x = item->x.data;
    a->y = (int32_t *)item->y.data;
    a->fill = fill_bits(item);
    a->size = item->x.dtype == CRM_U8 ? 1 : item->x.dtype == CRM_U16 ? 2 : 4;
    a->shift = each <= 1 ? 0 : each <= 8 ? 3 : 5;
    return all > 0 ? cuda_blocks(a->n, CUDA_ROW_THREADS >> a->shift, 1 << 16) : 0;
}

extern "C" crm_status cuda_op_gather(void *state, const crm_gather_item *item, int n)
{
    cuda_state *s = (cuda_state *)state;
    gather_list list = {};

    for (int k = 0; k < CRM_GATHER_MAX; k++)
        list.block[k + 1] = list.block[k] + (k < n ? gather_array_of(&item[k], &list.array[k]) : 0);
    if (list.block[n] == 0) return CRM_OK;
    CRM_LAUNCH(k_gather, list.block[n], CUDA_ROW_THREADS, 0, s->stream, list);
    CUDA_LAUNCHED(k_gather);
    return CRM_OK;
}
