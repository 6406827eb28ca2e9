/* cuda_text.cu - embedding, convolutions over tokens and maximum over positions in one, forward.
 * cuda_text_bwd.cu has the gradients.
 *
 * Linear in the token vectors, so a window is a sum over its tokens of what each token gives at
 * each tap, the product of its vector with one column of the filter (docs/numerics.md, "Text
 * convolution").  cuda_multiply makes these products, one kernel after the other so that they stay
 * in the second-level cache where the vocabulary is small; k_text_max runs through documents and
 * adds them up.
 *
 * A row of products depends on its token vector alone, so it does not matter which rows there are:
 * all words of the table, or, where the batch has fewer tokens than the table words, one row a
 * token.  (Numbering distinct words would not make the product smaller: how many there are is known
 * on the device only, and the extents of a product belong to its call.)
 *
 * With gpu.math = bf16 products are rounded to bf16, and kept in it where each serves many tokens:
 * half the bytes for the same bits. */
#include "cuda_math.h"
#include "cuda_ops.h"
#include "cuda_text.h"

enum {
    TEXT_THREADS = 256,
    TEXT_PANEL = 8 << 20,  /* products of a panel of filters, if that leaves TEXT_FILTERS */
    TEXT_MOST = 256 << 20, /* and if not even that does */
    TEXT_FILTERS = 64,
    TEXT_SHARED = 4 /* tokens to a word from which products are kept in bf16 */
};

/* How products are read: as they are, rounded to bf16, from bf16. */
typedef enum text_form { TEXT_F32, TEXT_ROUND, TEXT_BF16 } text_form;

/* ---- weights in the order of products ---- */

/* w [filters][e][taps] of each kernel into [panel][taps][filters of the panel][e].  8 bytes a
 * weight; 36 registers. */
static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS) k_text_turn(cuda_text_turn t)
{
    int k = (int)blockIdx.y;
    int64_t taps = t.taps[k], n = t.filters * taps * t.e;

    for (int64_t i = (int64_t)blockIdx.x * TEXT_THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * TEXT_THREADS) {
        int64_t before = i / (t.panel[k] * taps * t.e) * t.panel[k];
        int64_t width = min(t.panel[k], t.filters - before), at = i - before * taps * t.e;
        int64_t j = at / (width * t.e), f = before + at / t.e % width, c = at % t.e;

        t.to[t.at[k] + i] = t.w[k][f * t.ldw[k] + c * taps + j];
    }
}

extern "C" crm_status cuda_text_turn_weights(cuda_state *s, const crm_text_conv *p,
                                             const crm_text_weights *w, const int64_t *panel,
                                             cuda_text_turn *t)
{
    int64_t n = 0, most = 0;

    memset(t, 0, sizeof *t);
    t->filters = w->b[0].dim[0];
    t->e = w->table.dim[1];
    for (int k = 0; k < p->n_kernels; k++) {
        int64_t size = t->filters * p->kernel[k] * t->e;

        t->taps[k] = p->kernel[k];
        t->panel[k] = panel ? panel[k] : t->filters;
        t->w[k] = (const float *)w->w[k].data;
        t->ldw[k] = w->w[k].ld;
        t->at[k] = n;
        n += size;
        if (size > most) most = size;
    }
    CUDA_SCRATCH(s, CUDA_TEXT_WEIGHT, t->to, n);
    if (n == 0) return CRM_OK;
    CRM_LAUNCH(k_text_turn, dim3(cuda_blocks(most, TEXT_THREADS, 4096), (unsigned)p->n_kernels),
               TEXT_THREADS, 0, s->stream, *t);
    CUDA_LAUNCHED(k_text_turn);
    return CRM_OK;
}

/* ---- maximum over windows ---- */

/* A panel of filters of one kernel, and the batch. */
typedef struct text_panel {
    int64_t docs, ldy, ldarg;
    int length, ldp, taps, filters, act;
    bool words; /* row of a product: token - 1, else the token's place in the batch */
    int32_t v;
    const int64_t *first;
    const int32_t *token;
    const void *p; /* [row][taps][filters] */
    const float *bias;
    float *y;
    int32_t *arg;
} text_panel;

CRM_DEVICE float text_rounded(float x)
{
    return __bfloat162float(__float2bfloat16_rn(x));
}

/* Row of the products of the token at place i of a document; -1: none.  at: place of the document's
 * first token in the batch, n: its tokens. */
CRM_DEVICE int text_row(const text_panel &t, int at, int n, int i)
{
    int32_t token = i < n ? t.token[at + i] : 0;

    if (token <= 0 || token >= t.v) return -1;
    return t.words ? token - 1 : at + i;
}

/* A product; 0 for a token that is not there. */
template <int FORM> CRM_DEVICE float text_product(const text_panel &t, int row, int at)
{
    int64_t i = (int64_t)row * t.ldp + at;

    if (row < 0) return 0.0f;
    if (FORM == TEXT_BF16) return __bfloat162float(static_cast<const __nv_bfloat16 *>(t.p)[i]);
    if (FORM == TEXT_ROUND) return text_rounded(static_cast<const float *>(t.p)[i]);
    return static_cast<const float *>(t.p)[i];
}

/* The window at p of the rows of its tokens. */
template <int TAPS, int FORM>
CRM_DEVICE float text_window(const text_panel &t, const int *row, int f)
{
    float sum = text_product<FORM>(t, row[0], f);

    CRM_UNROLL
    for (int j = 1; j < TAPS; j++)
        sum += text_product<FORM>(t, row[j], j * t.filters + f);
    return sum;
}

/* The same for any width. */
template <int FORM>
CRM_DEVICE float text_wide_window(const text_panel &t, int at, int n, int p, int f)
{
    float sum = text_product<FORM>(t, text_row(t, at, n, p), f);

    CRM_UNROLL_N(2)
    for (int j = 1; j < t.taps && p + j < n; j++)
        sum += text_product<FORM>(t, text_row(t, at, n, p + j), j * t.filters + f);
    return sum;
}

typedef struct text_best {
    float max, bad;
    int arg;
} text_best;

CRM_DEVICE void text_better(text_best &b, float sum, int p)
{
    if (sum > b.max) {
        b.max = sum;
        b.arg = p;
    }
    if (sum != sum) b.bad = sum;
}

/* A thread a document and filter; TAPS 0: any width.  Each token costs a thread TAPS loads of 4 (2)
 * bytes, side by side in a warp: limited by the second-level cache, 4 taps filters bytes a token
 * and kernel.  At most 44 registers. */
template <int TAPS, int FORM> static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS) k_text_max(text_panel t)
{
    int64_t doc = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    int f = (int)(blockIdx.y * blockDim.x + threadIdx.x), at, n, last;
    text_best b = {-INFINITY, 0.0f, 0};
    float max;

    if (doc >= t.docs || f >= t.filters) return;
    at = (int)t.first[doc];
    n = (int)(t.first[doc + 1] - at);
    last = min(n, t.length - t.taps); /* at n: no token, and none behind it */
    if (TAPS == 0) {
        for (int p = 0; p <= last; p++)
            text_better(b, text_wide_window<FORM>(t, at, n, p, f), p);
    } else {
        int row[TAPS > 0 ? TAPS : 1];

        CRM_UNROLL
        for (int j = 0; j < TAPS - 1; j++)
            row[j] = text_row(t, at, n, j);
        CRM_UNROLL_N(4)
        for (int p = 0; p <= last; p++) {
            row[TAPS - 1] = text_row(t, at, n, p + TAPS - 1);
            text_better(b, text_window<TAPS, FORM>(t, row, f), p);
            CRM_UNROLL
            for (int j = 0; j < TAPS - 1; j++)
                row[j] = row[j + 1];
        }
    }
    max = b.bad != b.bad ? b.bad : b.max; /* + 0: zeros that are not there leave no sign */
    t.y[doc * t.ldy + f] = cuda_act(t.act, (max + 0.0f) + t.bias[f]);
    if (t.arg) t.arg[doc * t.ldarg + f] = b.arg;
}

template <int FORM> static void text_max(cudaStream_t stream, const text_panel *t)
{
    dim3 block(t->filters <= 32 ? 32 : 64, t->filters <= 32 ? 8 : 4);
    dim3 grid(cuda_blocks(t->docs, block.y, INT32_MAX),
              cuda_blocks(t->filters, block.x, INT32_MAX));

    switch (t->taps) {
    case 1:
        CRM_LAUNCH((k_text_max<1, FORM>), grid, block, 0, stream, *t);
        break;
    case 2:
        CRM_LAUNCH((k_text_max<2, FORM>), grid, block, 0, stream, *t);
        break;
    case 3:
        CRM_LAUNCH((k_text_max<3, FORM>), grid, block, 0, stream, *t);
        break;
    case 4:
        CRM_LAUNCH((k_text_max<4, FORM>), grid, block, 0, stream, *t);
        break;
    case 5:
        CRM_LAUNCH((k_text_max<5, FORM>), grid, block, 0, stream, *t);
        break;
    default:
        CRM_LAUNCH((k_text_max<0, FORM>), grid, block, 0, stream, *t);
    }
}

/* ---- products ---- */

/* Rounds n products.  6 bytes each; 15 registers. */
static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS)
    k_text_narrow(int64_t n, const float *from, __nv_bfloat16 *to)
{
    CRM_UNROLL_N(4)
    for (int64_t i = (int64_t)blockIdx.x * TEXT_THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * TEXT_THREADS)
        to[i] = __float2bfloat16_rn(from[i]);
}

/* x [n][e] = vector of each token of the batch, zeros for none; a warp a token.  8 e bytes a token;
 * 26 registers. */
static CRM_KERNEL CRM_BOUNDS(TEXT_THREADS)
    k_text_vectors(int64_t n, const int32_t *token, const float *table, int64_t ldt, int64_t v,
                   int64_t e, float *x)
{
    int64_t warps = (int64_t)gridDim.x * TEXT_THREADS / 32;

    for (int64_t i = ((int64_t)blockIdx.x * TEXT_THREADS + threadIdx.x) / 32; i < n; i += warps) {
        int32_t t = token[i];
        bool in = t > 0 && t < v;

        CRM_UNROLL_N(2)
        for (int64_t c = threadIdx.x % 32; c < e; c += 32)
            x[i * e + c] = in ? table[t * ldt + c] : 0.0f;
    }
}

/* Filters of a panel.  Does not look at the batch: a product may depend on how many columns it is
 * made with. */
static int64_t panel_of(int64_t v, int64_t taps, int64_t filters)
{
    int64_t width = TEXT_PANEL / (v * taps) / 32 * 32;

    if (width < TEXT_FILTERS) width = TEXT_FILTERS;
    if (width * v * taps > TEXT_MOST) width = TEXT_MOST / (v * taps);
    if (width < 1) width = 1;
    return width < filters ? width : filters;
}

/* What all panels share. */
typedef struct text_batch {
    cuda_state *s;
    const crm_text_conv *p;
    const crm_text_weights *w;
    cuda_text_turn turn;
    crm_tensor *y, *arg;
    text_form form;
    bool words;
    int64_t rows, lda;
    const float *x; /* [rows][e] */
    float *product;
    __nv_bfloat16 *narrow; /* of TEXT_BF16 */
} text_batch;

/* Rows of products: words of the table, from word 1 on, or tokens. */
static crm_status text_rows(text_batch *b)
{
    int64_t v = b->w->table.dim[0], e = b->w->table.dim[1], n = b->p->n_tokens;
    const float *table = (const float *)b->w->table.data;
    float *x;

    b->words = v - 1 <= n;
    b->rows = b->words ? v - 1 : n;
    b->lda = b->words ? b->w->table.ld : e;
    b->x = table + b->w->table.ld;
    if (b->words || n == 0) return CRM_OK;
    CUDA_SCRATCH(b->s, CUDA_TEXT_PLACE, x, n * e);
    CRM_LAUNCH(k_text_vectors, cuda_blocks(n, TEXT_THREADS / 32, 65536), TEXT_THREADS, 0,
               b->s->stream, n, b->p->token, table, b->w->table.ld, v, e, x);
    CUDA_LAUNCHED(k_text_vectors);
    b->x = x;
    return CRM_OK;
}

/* Memory for the products of the largest panel. */
static crm_status text_memory(text_batch *b)
{
    int64_t n = 0;
    char *memory;

    for (int k = 0; k < b->p->n_kernels; k++) {
        int64_t size = b->rows * b->turn.panel[k] * b->turn.taps[k];

        if (size > n) n = size;
    }
    CUDA_SCRATCH(b->s, CUDA_TEXT_TABLE, memory, n * (b->form == TEXT_BF16 ? 6 : 4));
    b->product = (float *)memory;
    b->narrow = (__nv_bfloat16 *)(memory + 4 * n);
    return CRM_OK;
}

/* Products of filters [f, f + width) of kernel k. */
static crm_status text_products(const text_batch *b, int k, int64_t f, int64_t width)
{
    const cuda_text_turn *t = &b->turn;
    cuda_product p = {};

    p.m = b->rows;
    p.n = p.ldc = width * t->taps[k];
    p.k = p.ldb = t->e;
    p.a = b->x;
    p.lda = b->lda;
    p.b = t->to + t->at[k] + f * t->taps[k] * t->e;
    p.c = b->product;
    if (p.m == 0) return CRM_OK;
    CRM_TRY(cuda_multiply(b->s, &p));
    if (b->form != TEXT_BF16) return CRM_OK;
    CRM_LAUNCH(k_text_narrow, cuda_blocks(p.m * p.n, 4 * TEXT_THREADS, 65536), TEXT_THREADS, 0,
               b->s->stream, p.m * p.n, p.c, b->narrow);
    CUDA_LAUNCHED(k_text_narrow);
    return CRM_OK;
}

static crm_status text_panel_max(const text_batch *b, int k, int64_t f, int64_t width)
{
    int64_t column = k * b->turn.filters + f;
    text_panel t = {};

    t.docs = b->p->n_docs;
    t.length = (int)b->p->length;
    t.ldp = (int)(width * b->turn.taps[k]);
    t.taps = (int)b->turn.taps[k];
    t.filters = (int)width;
    t.act = (int)b->p->act;
    t.words = b->words;
    t.v = (int32_t)b->w->table.dim[0];
    t.first = b->p->first;
    t.token = b->p->token;
    t.p = b->form == TEXT_BF16 ? (const void *)b->narrow : (const void *)b->product;
    t.bias = (const float *)b->w->b[k].data + f;
    t.y = (float *)b->y->data + column;
    t.ldy = b->y->ld;
    t.arg = b->arg ? (int32_t *)b->arg->data + column : NULL;
    t.ldarg = b->arg ? b->arg->ld : 0;
    if (b->form == TEXT_F32)
        text_max<TEXT_F32>(b->s->stream, &t);
    else if (b->form == TEXT_ROUND)
        text_max<TEXT_ROUND>(b->s->stream, &t);
    else
        text_max<TEXT_BF16>(b->s->stream, &t);
    CUDA_LAUNCHED(k_text_max);
    return CRM_OK;
}

extern "C" crm_status cuda_op_text_conv(void *state, const crm_text_conv *p,
                                        const crm_text_weights *w, crm_tensor *y, crm_tensor *arg)
{
    int64_t panel[CRM_TEXT_KERNELS], filters = w->b[0].dim[0], v = w->table.dim[0];
    text_batch b = {};

    if (p->n_docs == 0) return CRM_OK;
    CRM_CHECK(v <= INT32_MAX && p->n_tokens <= INT32_MAX, CRM_ERR_ARG,
              "table of %lld words, batch of %lld tokens: %d is the most", (long long)v,
              (long long)p->n_tokens, INT32_MAX);
    b.s = (cuda_state *)state;
    b.p = p;
    b.w = w;
    b.y = y;
    b.arg = arg;
    for (int k = 0; k < p->n_kernels; k++)
        panel[k] = panel_of(v > 1 ? v : 1, p->kernel[k], filters);
    CRM_TRY(cuda_text_turn_weights(b.s, p, w, panel, &b.turn));
    CRM_TRY(text_rows(&b));
    if (b.s->cfg.math == CRM_GPU_BF16)
        b.form = b.words && p->n_tokens >= TEXT_SHARED * v ? TEXT_BF16 : TEXT_ROUND;
    CRM_TRY(text_memory(&b));
    for (int k = 0; k < p->n_kernels; k++)
        for (int64_t f = 0; f < filters; f += panel[k]) {
            int64_t width = filters - f < panel[k] ? filters - f : panel[k];

            CRM_TRY(text_products(&b, k, f, width));
            CRM_TRY(text_panel_max(&b, k, f, width));
        }
    return CRM_OK;
}
