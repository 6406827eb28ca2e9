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
#include "cuda_mma.h"
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
    int64_t chunk, chunks; /* documents of a partial sum; most of these in a lane */
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
 * from the first- or second-level cache; as many fused multiply-adds.  46 registers. */
template <int TAPS> static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS, 4) k_text_sums(text_sums t)
{
    int64_t f = (int64_t)blockIdx.y * TEXT_WARPS + threadIdx.x / 32;
    int64_t l = blockIdx.x / t.chunks, d = t.lanes.first[l] + blockIdx.x % t.chunks * t.chunk;
    int64_t end = min(t.lanes.first[l + 1], d + t.chunk);
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

/* Adds the chunks of each lane (blockIdx.y) in order.  4 bytes a chunk and element; 40 registers.
 */
static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS) k_text_chunks(text_sums t)
{
    int64_t l = blockIdx.y, size = text_part_size(t), weights = size - t.filters;
    int64_t docs = t.lanes.first[l + 1] - t.lanes.first[l];
    int chunks = (int)((docs + t.chunk - 1) / t.chunk);

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

static crm_status text_add_chunks(cuda_state *s, const text_sums *t)
{
    int64_t size = t->filters * (t->taps * t->e + 1);

    CRM_LAUNCH(k_text_chunks, dim3(cuda_blocks(size, TEXT_THREADS, 4096), (unsigned)t->lanes.n),
               TEXT_THREADS, 0, s->stream, *t);
    CUDA_LAUNCHED(k_text_chunks);
    return CRM_OK;
}

static void text_sums_launch(cudaStream_t stream, const text_sums *t, dim3 grid)
{
    switch (t->taps) {
    case 1:
        CRM_LAUNCH(k_text_sums<1>, grid, TEXT_THREADS, 0, stream, *t);
        break;
    case 2:
        CRM_LAUNCH(k_text_sums<2>, grid, TEXT_THREADS, 0, stream, *t);
        break;
    case 3:
        CRM_LAUNCH(k_text_sums<3>, grid, TEXT_THREADS, 0, stream, *t);
        break;
    case 4:
        CRM_LAUNCH(k_text_sums<4>, grid, TEXT_THREADS, 0, stream, *t);
        break;
    default:
        CRM_LAUNCH(k_text_sums<TEXT_TAPS>, grid, TEXT_THREADS, 0, stream, *t);
    }
}

/* Gradients of kernel k. */
static crm_status text_sums_run(cuda_state *s, text_sums *t)
{
    int64_t tiles = t->e > 0 ? (t->e + TEXT_COLUMNS - 1) / TEXT_COLUMNS : 1;
    int64_t size = t->filters * (t->taps * t->e + 1);
    dim3 grid;

    t->tap_tiles = (int)((t->taps + TEXT_TAPS - 1) / TEXT_TAPS);
    CRM_CHECK(tiles * t->tap_tiles <= 65535 && t->filters <= 65535 * TEXT_WARPS, CRM_ERR_ARG,
              "gradient of %lld filters, %lld taps and %lld columns: too large for the GPU",
              (long long)t->filters, (long long)t->taps, (long long)t->e);
    CUDA_SCRATCH(s, CUDA_TEXT_PART, t->part, t->lanes.n * t->chunks * size);
    grid = dim3((unsigned)(t->lanes.n * t->chunks), cuda_blocks(t->filters, TEXT_WARPS, 65535),
                (unsigned)tiles * (unsigned)t->tap_tiles);
    if (grid.x > 0) text_sums_launch(s->stream, t, grid);
    CUDA_LAUNCHED(k_text_sums);
    return text_add_chunks(s, t);
}

/* ---- weights of the reference shape: 64 filters of 3, 4 and 5 taps, 64 columns, 64 tokens ---- */

enum {
    REF_THREADS = 512,
    REF_CHUNK = 32,
    REF_SIDE = 64, /* filters of a kernel, columns, most tokens */
    REF_FILTERS = 3 * REF_SIDE,
    REF_EACH = REF_SIDE / (REF_THREADS / 32), /* filters of a warp and kernel */
    REF_HALF = REF_SIDE / 2                   /* tokens that a block fetches at a time */
};

/* part[k] of kernel k, each [lane][chunk] of [filters][taps][e], [filters]; dy, arg: of kernel 0.
 */
typedef struct text_reference {
    text_sums t;
    float *part[3];
} text_reference;

/* What all threads of a block read. */
struct ref_shared {
    float x[2][REF_SIDE * REF_SIDE]; /* token vectors of this document and the next, then zeros */
    float g[2][REF_FILTERS];
    int at[2][REF_FILTERS];
    int32_t word[2][REF_SIDE];
    int64_t first[REF_CHUNK + 1];
};

/* Word at place r of document i of the chunk; 0 for none. */
CRM_DEVICE int32_t ref_word(const text_sums &t, const ref_shared &s, int docs, int i, int r)
{
    int64_t at = i < docs ? s.first[i] + r : 0;
    int32_t word = i < docs && at < s.first[i + 1] ? t.token[at] : 0;

    return word > 0 && word < t.v ? word : 0;
}

/* Starts the copy of the vectors of a document. */
CRM_DEVICE void ref_fetch(const text_sums &t, float *x, const int32_t *words)
{
    int c = (int)threadIdx.x % 16 * 4;

    CRM_UNROLL
    for (int r = (int)threadIdx.x / 16; r < REF_SIDE; r += REF_THREADS / 16)
        crm_cp_async16(x + r * REF_SIDE + c, t.table + words[r] * t.ldt + c, words[r] > 0);
    crm_cp_commit();
}

/* acc += g x for the windows of REF_EACH filters; a lane has columns 2 lane and 2 lane + 1. */
template <int TAPS>
CRM_DEVICE void ref_add(const float *x, const float *g, const int *at,
                        float2 (&acc)[REF_EACH][TAPS])
{
    CRM_UNROLL
    for (int q = 0; q < REF_EACH; q++) {
        const float *row = x + at[q] * REF_SIDE + threadIdx.x % 32 * 2;
        float gq = g[q];

        if (gq != 0.0f) {
            CRM_UNROLL
            for (int j = 0; j < TAPS; j++) {
                float2 v = *reinterpret_cast<const float2 *>(row + j * REF_SIDE);

                acc[q][j].x = fmaf(gq, v.x, acc[q][j].x);
                acc[q][j].y = fmaf(gq, v.y, acc[q][j].y);
            }
        }
    }
}

/* Chunk `slot` of a kernel: the filters [f, f + REF_EACH) of this warp, bias in the lanes of kernel
 * k. */
template <int TAPS>
CRM_DEVICE void ref_put(float *part, int k, int f, const float2 (&acc)[REF_EACH][TAPS], float bias)
{
    int lane = (int)threadIdx.x % 32;
    float *to = part + blockIdx.x * (int64_t)(REF_SIDE * (TAPS * REF_SIDE + 1));

    CRM_UNROLL
    for (int q = 0; q < REF_EACH; q++)
        CRM_UNROLL
    for (int j = 0; j < TAPS; j++)
        *reinterpret_cast<float2 *>(to + ((f + q) * TAPS + j) * REF_SIDE + 2 * lane) = acc[q][j];
    if (lane / REF_EACH == k) to[TAPS * REF_SIDE * REF_SIDE + f + lane % REF_EACH] = bias;
}

/* A block has a chunk of documents and all filters: their gradients stay in registers, the vectors
 * of a document are copied into shared memory while those of the one before are used.  16 KB from
 * the second-level cache and 0.4 MFLOP a document, 200 KB written a chunk; limited by reads of
 * shared memory, 256 bytes a hit and tap.  128 registers, 36 KB shared: one block a multiprocessor.
 */
static CRM_KERNEL CRM_BOUNDS(REF_THREADS, 1) k_text_reference(text_reference p)
{
    CRM_SHARED(ref_shared, s, );
    const text_sums &t = p.t;
    int tid = (int)threadIdx.x, warp = tid / 32, lane = tid % 32;
    int64_t l = blockIdx.x / t.chunks, d = t.lanes.first[l] + blockIdx.x % t.chunks * REF_CHUNK;
    int docs = (int)min(t.lanes.first[l + 1] - d, (int64_t)REF_CHUNK), f = warp * REF_EACH;
    /* lanes 0 .. 3 REF_EACH - 1 have the bias of one filter of the warp each */
    int own = lane < 3 * REF_EACH ? lane / REF_EACH * REF_SIDE + f + lane % REF_EACH : 0;
    float2 acc3[REF_EACH][3] = {}, acc4[REF_EACH][4] = {}, acc5[REF_EACH][5] = {};
    const float *dy = t.dy + d * t.lddy + tid;
    const int32_t *arg = t.arg + d * t.ldarg + tid;
    float bias = 0.0f;

    if (docs <= 0) return;
    if (tid <= docs) s.first[tid] = t.first[d + tid];
    if (tid < REF_FILTERS) {
        s.g[0][tid] = *dy;
        s.at[0][tid] = *arg;
    }
    __syncthreads();
    if (tid < 2 * REF_SIDE)
        s.word[tid / REF_SIDE][tid % REF_SIDE] =
            ref_word(t, s, docs, tid / REF_SIDE, tid % REF_SIDE);
    __syncthreads();
    ref_fetch(t, s.x[0], s.word[0]);
    crm_cp_wait<0>();
    __syncthreads();
    for (int i = 0; i < docs; i++) {
        int b = i % 2, at = 0;
        int32_t word = 0;
        float g = 0.0f;

        ref_fetch(t, s.x[1 - b], s.word[1 - b]);
        if (i + 1 < docs && tid < REF_FILTERS) {
            g = dy[(i + 1) * t.lddy];
            at = arg[(i + 1) * t.ldarg];
        }
        if (tid < REF_SIDE) word = ref_word(t, s, docs, i + 2, tid);
        ref_add<3>(s.x[b], s.g[b] + f, s.at[b] + f, acc3);
        ref_add<4>(s.x[b], s.g[b] + REF_SIDE + f, s.at[b] + REF_SIDE + f, acc4);
        ref_add<5>(s.x[b], s.g[b] + 2 * REF_SIDE + f, s.at[b] + 2 * REF_SIDE + f, acc5);
        bias += s.g[b][own];
        if (tid < REF_SIDE) s.word[b][tid] = word;
        if (tid < REF_FILTERS) {
            s.g[1 - b][tid] = g;
            s.at[1 - b][tid] = at;
        }
        crm_cp_wait<0>();
        __syncthreads();
    }
    ref_put<3>(p.part[0], 0, f, acc3, bias);
    ref_put<4>(p.part[1], 1, f, acc4, bias);
    ref_put<5>(p.part[2], 2, f, acc5, bias);
}

/* Looks at the shape of the model alone, never at the batch. */
static bool is_reference(const crm_text_conv *p, const text_sums *t)
{
    return p->n_kernels == 3 && p->kernel[0] == 3 && p->kernel[1] == 4 && p->kernel[2] == 5 &&
           t->filters == REF_SIDE && t->e == REF_SIDE && p->length <= REF_SIDE && t->ldt % 4 == 0 &&
           (uintptr_t)t->table % 16 == 0;
}

static void text_set_chunk(text_sums *t, int64_t docs)
{
    t->chunk = docs;
    t->chunks = (cuda_most_rows(&t->lanes) + docs - 1) / docs;
}

/* dw and db of kernel k, and where its columns begin. */
static text_sums text_kernel(const text_sums *t, const crm_text_conv *p, const crm_text_weights *dw,
                             int k)
{
    text_sums of = *t;

    of.taps = p->kernel[k];
    of.dy += k * t->filters;
    of.arg += k * t->filters;
    of.dw = (float *)dw->w[k].data;
    of.lddw = dw->w[k].ld;
    of.db = (float *)dw->b[k].data;
    return of;
}

static crm_status text_reference_run(cuda_state *s, text_sums *t, const crm_text_conv *p,
                                     const crm_text_weights *dw)
{
    text_reference r = {};
    int64_t slots, size = 0;
    float *part;

    text_set_chunk(t, REF_CHUNK);
    slots = t->lanes.n * t->chunks;
    for (int k = 0; k < 3; k++)
        size += REF_SIDE * (p->kernel[k] * REF_SIDE + 1);
    CUDA_SCRATCH(s, CUDA_TEXT_PART, part, slots * size);
    r.t = *t;
    for (int k = 0; k < 3; k++) {
        r.part[k] = part;
        part += slots * REF_SIDE * (p->kernel[k] * REF_SIDE + 1);
    }
    if (slots > 0) {
        CRM_LAUNCH(k_text_reference, (unsigned)slots, REF_THREADS, 0, s->stream, r);
        CUDA_LAUNCHED(k_text_reference);
    }
    for (int k = 0; k < 3; k++) {
        text_sums of = text_kernel(t, p, dw, k);

        of.part = r.part[k];
        CRM_TRY(text_add_chunks(s, &of));
    }
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
 * a token.  56 registers. */
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
    t.filters = w->b[0].dim[0];
    t.e = w->table.dim[1];
    t.v = (int32_t)w->table.dim[0];
    t.ldt = w->table.ld;
    t.table = (const float *)w->table.data;
    t.dy = (const float *)dy->data;
    t.lddy = dy->ld;
    t.arg = (const int32_t *)arg->data;
    t.ldarg = arg->ld;
    t.first = p->first;
    t.token = p->token;
    if (is_reference(p, &t)) {
        CRM_TRY(text_reference_run(s, &t, p, dw));
    } else {
        text_set_chunk(&t, TEXT_CHUNK);
        for (int k = 0; k < p->n_kernels; k++) {
            text_sums of = text_kernel(&t, p, dw, k);

            CRM_TRY(text_sums_run(s, &of));
        }
    }
    return learn_table ? text_table(s, p, w, arg, dy, &t.lanes, &dw->table) : CRM_OK;
}
