/* cuda_text_bwd.cu - gradients of text convolutions: weights, biases, token vectors.
 *
 * The maximum sends the gradient of a filter to one window of a document, so per document and
 * filter there are `taps` rows to add instead of taps times its length (60 times less work at 64
 * tokens and widths 3, 4, 5).  A hit is a document and filter whose gradient is not 0.
 *
 * Weights: a warp has one filter and TEXT_CHUNK documents of a lane, keeps taps times 64 columns of
 * its gradient in registers and runs through its hits in order; chunks are then added in order.
 * Token vectors: a warp has TEXT_ROWS tokens of a document and runs through the hits whose windows
 * meet them, in order of kernels and filters.  The rows of the table and the weights that they read
 * are shared by the warps of a block through the first-level cache (a document of 64 tokens has 16
 * KB of vectors, the weights of three kernels with 64 filters 192 KB), so neither is copied into
 * shared memory first, and any shape runs the same way.  No atomics. */
#include "cuda_embed.h"
#include "cuda_ops.h"
#include "cuda_text.h"

enum {
    TEXT_THREADS = 256,
    TEXT_WARPS = TEXT_THREADS / 32,
    TEXT_CHUNK = 64, /* documents of a partial sum */
    TEXT_ROWS = 4,
    TEXT_TAPS = 5, /* taps of a warp, at most */
    TEXT_WIDE = 2, /* columns are taken 32 TEXT_WIDE at a time */
    TEXT_COLUMNS = 32 * TEXT_WIDE
};

/* ---- weights ---- */

/* Kernel k: dy and arg are at its first column. */
typedef struct text_sums {
    int64_t chunks; /* most chunks of a lane */
    int64_t filters, taps, e, ldt, lddy, ldarg;
    int32_t v;
    int tap_tiles; /* of TEXT_TAPS */
    cuda_lanes lanes;
    const int64_t *first;
    const int32_t *token, *arg;
    const float *dy, *table;
    float *part; /* [lane][chunk] of [filters][taps][e], [filters] */
    float *dw, *db;
    int64_t lddw;
} text_sums;

CRM_DEVICE int64_t text_part_size(const text_sums &t)
{
    return t.filters * (t.taps * t.e + 1);
}

/* What lane `lane` of a warp knows of one document: the gradient and the words of the window. */
template <int TAPS> struct text_hit {
    float g;
    int32_t word[TAPS];
};

template <int TAPS>
CRM_DEVICE text_hit<TAPS> text_hit_of(const text_sums &t, int64_t doc, int64_t end, int64_t f,
                                      int64_t tap)
{
    text_hit<TAPS> h;
    int64_t at = 0, behind = 0;

    h.g = doc < end ? t.dy[doc * t.lddy + f] : 0.0f;
    if (h.g != 0.0f) {
        at = t.first[doc] + t.arg[doc * t.ldarg + f] + tap;
        behind = t.first[doc + 1];
        if (behind > at + t.taps - tap) behind = at + t.taps - tap;
    }
    CRM_UNROLL
    for (int j = 0; j < TAPS; j++) {
        h.word[j] = at + j < behind ? t.token[at + j] : 0;
        if (h.word[j] >= t.v) h.word[j] = 0;
    }
    return h;
}

/* acc += g times the vectors of a window, columns c0 + lane + 32 v. */
template <int TAPS>
CRM_DEVICE void text_hit_add(const text_sums &t, const text_hit<TAPS> &h, int src, int64_t c,
                             float (&acc)[TAPS][TEXT_WIDE])
{
    float g = __shfl_sync(0xffffffffu, h.g, src);

    CRM_UNROLL
    for (int j = 0; j < TAPS; j++) {
        int32_t word = __shfl_sync(0xffffffffu, h.word[j], src);
        const float *x = t.table + word * t.ldt + c;

        if (word > 0) {
            CRM_UNROLL
            for (int v = 0; v < TEXT_WIDE; v++)
                if (c + 32 * v < t.e) acc[j][v] = fmaf(g, x[32 * v], acc[j][v]);
        }
    }
}

/* Grid: (lane and chunk, filters by TEXT_WARPS, tiles of taps and columns).  4 e taps bytes a hit,
 * from the first- or second-level cache; as many fused multiply-adds. */
template <int TAPS> static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS, 4) k_text_sums(text_sums t)
{
    int64_t f = (int64_t)blockIdx.y * TEXT_WARPS + threadIdx.x / 32;
    int64_t l = blockIdx.x / t.chunks, d = t.lanes.first[l] + blockIdx.x % t.chunks * TEXT_CHUNK;
    int64_t end = min(t.lanes.first[l + 1], d + TEXT_CHUNK);
    int64_t tap = (int64_t)(blockIdx.z % t.tap_tiles) * TEXT_TAPS, lane = threadIdx.x % 32;
    int64_t c = (int64_t)(blockIdx.z / t.tap_tiles) * TEXT_COLUMNS + lane;
    float acc[TAPS][TEXT_WIDE] = {}, bias = 0.0f, *to = t.part + blockIdx.x * text_part_size(t);

    if (f >= t.filters || d >= end) return;
    for (; d < end; d += 32) {
        text_hit<TAPS> h = text_hit_of<TAPS>(t, d + lane, end, f, tap);
        unsigned hits = __ballot_sync(0xffffffffu, h.g != 0.0f);

        while (hits) {
            int src = __ffs((int)hits) - 1;

            hits &= hits - 1;
            bias += __shfl_sync(0xffffffffu, h.g, src);
            text_hit_add<TAPS>(t, h, src, c, acc);
        }
    }
    CRM_UNROLL
    for (int j = 0; j < TAPS; j++)
        CRM_UNROLL
    for (int v = 0; v < TEXT_WIDE; v++)
        if (tap + j < t.taps && c + 32 * v < t.e)
            to[(f * t.taps + tap + j) * t.e + c + 32 * v] = acc[j][v];
    if (c == 0 && tap == 0) to[t.filters * t.taps * t.e + f] = bias;
}

/* Adds the chunks of each lane (blockIdx.y) in order.  4 bytes a chunk and element. */
static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS) k_text_chunks(text_sums t)
{
    int64_t l = blockIdx.y, size = text_part_size(t), weights = size - t.filters;
    int64_t docs = t.lanes.first[l + 1] - t.lanes.first[l];
    int chunks = (int)((docs + TEXT_CHUNK - 1) / TEXT_CHUNK);

    for (int64_t i = (int64_t)blockIdx.x * TEXT_THREADS + threadIdx.x; i < size;
         i += (int64_t)gridDim.x * TEXT_THREADS) {
        const float *part = t.part + l * t.chunks * size + i;
        float sum = chunks > 0 ? part[0] : 0.0f;
        int64_t f = i / (t.taps * t.e), j = i / t.e % t.taps, c = i % t.e;

        CRM_UNROLL_N(4)
        for (int q = 1; q < chunks; q++)
            sum += part[q * size];
        if (i < weights)
            t.dw[l * t.lanes.stride + f * t.lddw + c * t.taps + j] = sum + 0.0f;
        else
            t.db[l * t.lanes.stride + i - weights] = sum + 0.0f;
    }
}

static crm_status text_sums_run(cuda_state *s, text_sums *t)
{
    int64_t tiles = (t->e + TEXT_COLUMNS - 1) / TEXT_COLUMNS;
    int64_t size = t->filters * (t->taps * t->e + 1);
    dim3 grid;

    t->tap_tiles = (int)((t->taps + TEXT_TAPS - 1) / TEXT_TAPS);
    CRM_CHECK(tiles * t->tap_tiles <= 65535 && t->filters <= 65535 * TEXT_WARPS, CRM_ERR_ARG,
              "gradient of %lld filters, %lld taps and %lld columns: too large for the GPU",
              (long long)t->filters, (long long)t->taps, (long long)t->e);
    CUDA_SCRATCH(s, CUDA_TEXT_PART, t->part, t->lanes.n * t->chunks * size);
    grid = dim3((unsigned)(t->lanes.n * t->chunks), cuda_blocks(t->filters, TEXT_WARPS, 65535),
                (unsigned)(tiles > 0 ? tiles : 1) * (unsigned)t->tap_tiles);
    if (grid.x > 0) {
        switch (t->taps) {
        case 1:
            CRM_LAUNCH(k_text_sums<1>, grid, TEXT_THREADS, 0, s->stream, *t);
            break;
        case 2:
            CRM_LAUNCH(k_text_sums<2>, grid, TEXT_THREADS, 0, s->stream, *t);
            break;
        case 3:
            CRM_LAUNCH(k_text_sums<3>, grid, TEXT_THREADS, 0, s->stream, *t);
            break;
        case 4:
            CRM_LAUNCH(k_text_sums<4>, grid, TEXT_THREADS, 0, s->stream, *t);
            break;
        default:
            CRM_LAUNCH(k_text_sums<TEXT_TAPS>, grid, TEXT_THREADS, 0, s->stream, *t);
        }
        CUDA_LAUNCHED(k_text_sums);
    }
    CRM_LAUNCH(k_text_chunks, dim3(cuda_blocks(size, TEXT_THREADS, 4096), (unsigned)t->lanes.n),
               TEXT_THREADS, 0, s->stream, *t);
    CUDA_LAUNCHED(k_text_chunks);
    return CRM_OK;
}

/* ---- token vectors ---- */

typedef struct text_tokens {
    int n_kernels;
    int64_t taps[CRM_TEXT_KERNELS], at[CRM_TEXT_KERNELS];
    int64_t filters, e, lddy, ldarg;
    const int64_t *first;
    const int32_t *arg;
    const float *dy, *w; /* w + at[k]: [taps][filters][e] */
    float *dx;           /* [tokens][e] */
} text_tokens;

/* Adds the hits of kernel k to rows [row, row + TEXT_ROWS) of a document, columns c + 32 v. */
CRM_DEVICE void text_rows_of(const text_tokens &t, int k, int64_t doc, int row, int64_t c,
                             float (&acc)[TEXT_ROWS][TEXT_WIDE])
{
    const float *dy = t.dy + doc * t.lddy + k * t.filters, *w = t.w + t.at[k] + c;
    const int32_t *arg = t.arg + doc * t.ldarg + k * t.filters;
    int taps = (int)t.taps[k], filters = (int)t.filters, lane = (int)threadIdx.x % 32;

    for (int f0 = 0; f0 < filters; f0 += 32) {
        int f = f0 + lane, p = f < filters ? arg[f] : 0;
        float g = f < filters ? dy[f] : 0.0f;
        unsigned hits =
            __ballot_sync(0xffffffffu, g != 0.0f && p < row + TEXT_ROWS && p + taps > row);

        while (hits) {
            int src = __ffs((int)hits) - 1;
            int tap = row - __shfl_sync(0xffffffffu, p, src);
            float gs = __shfl_sync(0xffffffffu, g, src);

            hits &= hits - 1;
            CRM_UNROLL
            for (int r = 0; r < TEXT_ROWS; r++) {
                const float *x = w + ((int64_t)(tap + r) * filters + f0 + src) * t.e;

                if (tap + r >= 0 && tap + r < taps) {
                    CRM_UNROLL
                    for (int v = 0; v < TEXT_WIDE; v++)
                        if (c + 32 * v < t.e) acc[r][v] = fmaf(gs, x[32 * v], acc[r][v]);
                }
            }
        }
    }
}

/* dx of all tokens.  Grid: (documents, rows by TEXT_WARPS TEXT_ROWS).  4 e bytes of weights and as
 * many fused multiply-adds a hit and tap, from the first- or second-level cache; 4 e bytes written
 * a token. */
static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS, 4) k_text_tokens(text_tokens t)
{
    int64_t doc = blockIdx.x, at = t.first[doc];
    int n = (int)(t.first[doc + 1] - at), lane = (int)threadIdx.x % 32;

    for (int64_t q = (int64_t)blockIdx.y * TEXT_WARPS + threadIdx.x / 32; q * TEXT_ROWS < n;
         q += (int64_t)gridDim.y * TEXT_WARPS) {
        int row = (int)q * TEXT_ROWS;

        for (int64_t c = lane; c - lane < t.e; c += TEXT_COLUMNS) {
            float acc[TEXT_ROWS][TEXT_WIDE] = {};

            for (int k = 0; k < t.n_kernels; k++)
                text_rows_of(t, k, doc, row, c, acc);
            CRM_UNROLL
            for (int r = 0; r < TEXT_ROWS; r++)
                CRM_UNROLL
            for (int v = 0; v < TEXT_WIDE; v++)
                if (row + r < n && c + 32 * v < t.e)
                    t.dx[(at + row + r) * t.e + c + 32 * v] = acc[r][v];
        }
    }
}

/* Gradients of the token vectors, and their sums by word into the table's gradient. */
static crm_status text_table(cuda_state *s, const crm_text_conv *p, const crm_text_weights *w,
                             const crm_tensor *arg, const crm_tensor *dy, const cuda_lanes *lanes,
                             const crm_tensor *dtable)
{
    text_tokens t = {};
    cuda_text_turn turn;
    cuda_embed_rows rows = {};

    if (p->n_tokens == 0 || p->n_docs == 0) return CRM_OK;
    CRM_TRY(cuda_text_turn_weights(s, p, w, NULL, &turn));
    t.n_kernels = p->n_kernels;
    memcpy(t.taps, turn.taps, sizeof t.taps);
    memcpy(t.at, turn.at, sizeof t.at);
    t.filters = turn.filters;
    t.e = turn.e;
    t.lddy = dy->ld;
    t.ldarg = arg->ld;
    t.first = p->first;
    t.arg = (const int32_t *)arg->data;
    t.dy = (const float *)dy->data;
    t.w = turn.to;
    CUDA_SCRATCH(s, CUDA_TEXT_DX, t.dx, p->n_tokens * t.e);
    CRM_LAUNCH(
        k_text_tokens,
        dim3((unsigned)p->n_docs, cuda_blocks(p->n_tokens / p->n_docs, TEXT_WARPS * TEXT_ROWS, 64)),
        TEXT_THREADS, 0, s->stream, t);
    CUDA_LAUNCHED(k_text_tokens);
    rows.n = p->n_tokens;
    rows.ldcode = 1;
    rows.code = p->token;
    rows.least = 1;
    rows.dy = t.dx;
    rows.lddy = rows.e = t.e;
    rows.v = dtable->dim[0];
    rows.lanes = lanes;
    rows.first = p->first;
    rows.table = (float *)dtable->data;
    rows.ldt = dtable->ld;
    return cuda_embed_add(s, &rows);
}

extern "C" crm_status cuda_op_text_conv_bwd(void *state, const crm_text_conv *p,
                                            const crm_text_weights *w, const crm_tensor *arg,
                                            const crm_tensor *dy, const crm_lanes *lanes,
                                            crm_text_weights *dw, bool learn_table)
{
    cuda_state *s = (cuda_state *)state;
    text_sums t = {};

    t.lanes = cuda_lanes_of(lanes);
    t.chunks = (cuda_most_rows(&t.lanes) + TEXT_CHUNK - 1) / TEXT_CHUNK;
    t.filters = w->b[0].dim[0];
    t.e = w->table.dim[1];
    t.v = (int32_t)w->table.dim[0];
    t.ldt = w->table.ld;
    t.table = (const float *)w->table.data;
    t.lddy = dy->ld;
    t.ldarg = arg->ld;
    t.first = p->first;
    t.token = p->token;
    for (int k = 0; k < p->n_kernels; k++) {
        t.taps = p->kernel[k];
        t.dy = (const float *)dy->data + k * t.filters;
        t.arg = (const int32_t *)arg->data + k * t.filters;
        t.dw = (float *)dw->w[k].data;
        t.lddw = dw->w[k].ld;
        t.db = (float *)dw->b[k].data;
        CRM_TRY(text_sums_run(s, &t));
    }
    return learn_table ? text_table(s, p, w, arg, dy, &t.lanes, &dw->table) : CRM_OK;
}
