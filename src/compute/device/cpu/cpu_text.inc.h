/* cpu_text.inc.h - embedding, convolutions over tokens and maximum over positions in one.
 *
 * Linear in the token vectors, so a window is a sum over its tokens of what each token gives at
 * each tap, P[token][j][f] = chain over c of x[token][c] w[f][c][j].  These products depend on
 * nothing but the token: they are made once per distinct token, LANES filters at a time (all taps
 * of them stay in registers), then documents are run through: window sums ((P[0][0] + P[1][1]) +
 * ...) slide along in registers, with maximum and position.  A token that is not there is row 0,
 * which is 0.
 *
 * Backward: the maximum sends the gradient of a filter to one window of a document.  A hit is one
 * such (document, filter) whose gradient is not 0. */

/* Taps and rows of a tile of products; rows fit the registers. */
enum { TEXT_TAPS = 5, TEXT_ROWS = 12, TEXT_TILE = LANES == 16 ? 25 : 12 };
enum { TEXT_SLIDE = CRM_TEXT_KERNELS }; /* widest kernel whose windows slide in registers */
#define TEXT_STEP(taps) (TEXT_TILE / (taps) < TEXT_ROWS ? TEXT_TILE / (taps) : TEXT_ROWS)

/* Taps and vecs of a tile of weight gradients. */
enum { HIT_TAPS = LANES == 16 ? 5 : 1, HIT_VECS = LANES == 16 ? 4 : 8 };

/* w [filters][e][taps] in panels of LANES filters, [e][taps][LANES]. */
static void text_pack(const float *w, int64_t filters, int64_t n, float *dst)
{
    pack((crm_cpu_operand){w, n, 1}, filters, n, LANES, dst);
}

/* The cache lines that a tile will write, and the rows of the next one. */
static inline void text_fetch(int rows, int taps, const crm_cpu_text *t, const float *x, float *p)
{
    for (int64_t i = 0; i < rows; i++)
        for (int j = 0; j < taps; j++)
            __builtin_prefetch(p + (i * t->taps + j) * LANES, 1);
    for (int64_t i = 0; i < rows * t->e; i += 16)
        __builtin_prefetch(x + rows * t->e + i);
}

/* rows x taps vecs of products; w and p are at the first tap of the tile. */
static inline __attribute__((always_inline)) void
text_tile(int rows, int taps, const crm_cpu_text *t, const float *x, const float *w, float *p)
{
    int64_t step = t->taps * LANES;

    for (int64_t c0 = 0; c0 < t->e; c0 += CRM_CHAIN) {
        int64_t end = t->e - c0 < CRM_CHAIN ? t->e : c0 + CRM_CHAIN;
        vec acc[TEXT_ROWS][TEXT_TAPS];

        text_fetch(rows, taps, t, x, p);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < taps; j++)
                acc[i][j] = V_ZERO();
        for (int64_t c = c0; c < end; c++) {
            vec wv[TEXT_TAPS];

            for (int j = 0; j < taps; j++)
                wv[j] = V_LOAD(w + c * step + j * LANES);
            for (int i = 0; i < rows; i++) {
                vec xv = V_SPREAD(x[i * t->e + c]);

                for (int j = 0; j < taps; j++)
                    acc[i][j] = V_FMA(xv, wv[j], acc[i][j]);
            }
        }
        if (c0 > 0)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < taps; j++)
                    acc[i][j] = V_ADD(V_LOAD(p + i * step + j * LANES), acc[i][j]);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < taps; j++)
                V_STORE(p + i * step + j * LANES, acc[i][j]);
    }
}

/* All rows but row 0 for `taps` taps. */
static inline __attribute__((always_inline)) void text_taps(int taps, const crm_cpu_text *t,
                                                            const float *w, float *p)
{
    const int step = TEXT_STEP(taps);
    int64_t r = 1, width = t->taps * LANES;

    for (; r + step <= t->rows; r += step)
        text_tile(step, taps, t, t->x + r * t->e, w, p + r * width);
    for (; r < t->rows; r++)
        text_tile(1, taps, t, t->x + r * t->e, w, p + r * width);
}

/* t->part[rows][taps][LANES] for the filters of one panel. */
static void text_products(const crm_cpu_text *t, const float *w)
{
    memset(t->part, 0, (size_t)t->taps * LANES * sizeof *t->part);
    for (int64_t j = 0; j < t->taps; j += TEXT_TAPS) {
        const float *wj = w + j * LANES;
        float *p = t->part + j * LANES;

        switch (t->taps - j) {
        case 1:
            text_taps(1, t, wj, p);
            break;
        case 2:
            text_taps(2, t, wj, p);
            break;
        case 3:
            text_taps(3, t, wj, p);
            break;
        case 4:
            text_taps(4, t, wj, p);
            break;
        default:
            text_taps(TEXT_TAPS, t, wj, p);
        }
    }
}

/* The maximum so far, its position, and whether a window was NaN. */
typedef struct text_best {
    vec max, arg, bad;
} text_best;

static inline __attribute__((always_inline)) void text_better(text_best *b, vec sum, vec pos)
{
    V_MASK more = V_GREATER(sum, b->max), nan = V_UNORDERED(sum);

    b->max = V_CHOOSE(more, sum, b->max);
    b->arg = V_CHOOSE(more, pos, b->arg);
    b->bad = V_CHOOSE(nan, sum, b->bad);
}

/* The next token: gives the sum of the window that it completes; open[j] are the sums of those that
 * have j + 1 taps. */
static inline __attribute__((always_inline)) vec text_next(int taps, vec *open, const float *p)
{
    vec done = taps > 1 ? V_ADD(open[taps - 2], V_LOAD(p + (taps - 1) * LANES)) : V_LOAD(p);

    for (int j = taps - 2; j > 0; j--)
        open[j] = V_ADD(open[j - 1], V_LOAD(p + j * LANES));
    if (taps > 1) open[0] = V_LOAD(p);
    return done;
}

/* Windows at 0 ... last over the rows of one document. */
static inline __attribute__((always_inline)) text_best text_slide(int taps, const float *part,
                                                                  const int32_t *row, int64_t last)
{
    text_best b = {V_SPREAD(-INFINITY), V_ZERO(), V_ZERO()};
    vec open[TEXT_SLIDE], pos = V_ZERO(), one = V_SPREAD(1.0f);

    for (int j = 0; j < taps; j++)
        open[j] = V_ZERO();
    for (int j = 0; j < taps - 1; j++)
        (void)text_next(taps, open, part + (int64_t)row[j] * taps * LANES);
    row += taps - 1;
    for (int64_t q = 0; q <= last; q++) {
        text_better(&b, text_next(taps, open, part + (int64_t)row[q] * taps * LANES), pos);
        pos = V_ADD(pos, one);
    }
    return b;
}

/* The same for any width. */
static text_best text_walk(int64_t taps, const float *part, const int32_t *row, int64_t last)
{
    text_best b = {V_SPREAD(-INFINITY), V_ZERO(), V_ZERO()};

    for (int64_t q = 0; q <= last; q++) {
        vec sum = V_LOAD(part + row[q] * taps * LANES);

        for (int64_t j = 1; j < taps; j++)
            sum = V_ADD(sum, V_LOAD(part + (row[q + j] * taps + j) * LANES));
        text_better(&b, sum, V_SPREAD((float)q));
    }
    return b;
}

/* n filters of one document: maximum + bias; + 0 first, so that a sum of nothing but zeros is +0
 * with or without the terms that are not there. */
static inline __attribute__((always_inline)) void text_put(const text_best *b, const float *bias,
                                                           int64_t n, float *y, int32_t *arg)
{
    float max[LANES], pos[LANES];

    V_STORE(max, V_CHOOSE(V_UNORDERED(b->bad), b->bad, b->max));
    V_STORE(pos, b->arg);
    EACH(n, y[i] = (max[i] + 0.0f) + bias[i]);
    if (arg) EACH(n, arg[i] = (int32_t)pos[i]);
}

/* All documents for the filters [f, f + LANES) whose products are in t->part. */
static inline __attribute__((always_inline)) void text_docs(int taps, const crm_cpu_text *t,
                                                            int64_t f)
{
    for (int64_t d = 0; d < t->docs; d++) {
        int64_t n = t->first[d + 1] - t->first[d], last = t->length - t->taps;
        const int32_t *row = t->row + t->place[d];
        float *y = t->y + d * t->ldy + f;
        int32_t *arg = t->arg ? t->arg + d * t->ldarg + f : NULL;
        text_best b;

        if (n < last) last = n; /* the window behind the last token stands for all after it */
        b = taps ? text_slide(taps, t->part, row, last) : text_walk(t->taps, t->part, row, last);
        if (t->filters - f >= LANES)
            text_put(&b, t->bias + f, LANES, y, arg);
        else
            text_put(&b, t->bias + f, t->filters - f, y, arg);
    }
}

static void text_max(const crm_cpu_text *t, int64_t f)
{
    switch (t->taps) {
    case 1:
        text_docs(1, t, f);
        break;
    case 2:
        text_docs(2, t, f);
        break;
    case 3:
        text_docs(3, t, f);
        break;
    case 4:
        text_docs(4, t, f);
        break;
    case 5:
        text_docs(5, t, f);
        break;
    default:
        text_docs(0, t, f);
    }
}

static void text_conv(const crm_cpu_text *t)
{
    for (int64_t f = 0; f < t->filters; f += LANES) {
        text_products(t, t->w + f * t->e * t->taps);
        text_max(t, f);
    }
    for (int64_t d = 0; d < t->docs; d++)
        act_row(t->act, t->y + d * t->ldy, t->filters);
}

/* ---- backward ---- */

/* What the gradients that are not 0 belong to: a document (weights) or a filter (token vectors). */
typedef struct text_hits {
    int64_t n;
    float g[CRM_CHAIN];
    int64_t at[CRM_CHAIN];
} text_hits;

/* Hits of filter f in documents [d, end), end - d <= CRM_CHAIN; at: place of the window in t->row.
 */
static void hits_of_filter(const crm_cpu_text_bwd *t, int64_t f, int64_t d, int64_t end,
                           text_hits *h)
{
    h->n = 0;
    for (; d < end; d++) {
        float g = t->dy[d * t->lddy + f];

        h->g[h->n] = g;
        h->at[h->n] = t->place[d] + t->arg[d * t->ldarg + f];
        h->n += g != 0.0f; /* no branch: half of them may be 0 behind a ReLU */
    }
}

/* to[taps][e], columns [c, c + vecs LANES): chain over the hits of g x. */
static inline __attribute__((always_inline)) void hit_tile(int taps, int vecs,
                                                           const crm_cpu_text_bwd *t,
                                                           const text_hits *h, int64_t tap,
                                                           int64_t c, float *to)
{
    vec acc[HIT_TAPS][HIT_VECS];

    for (int j = 0; j < taps; j++)
        for (int v = 0; v < vecs; v++)
            acc[j][v] = V_ZERO();
    for (int64_t i = 0; i < h->n; i++) {
        const int32_t *row = t->row + h->at[i] + tap;
        vec g = V_SPREAD(h->g[i]);

        for (int j = 0; j < taps; j++) {
            const float *x = t->table + row[j] * t->ldt + c;

            if (row[j] < 0) continue;
            for (int v = 0; v < vecs; v++)
                acc[j][v] = V_FMA(g, V_LOAD(x + v * LANES), acc[j][v]);
        }
    }
    for (int j = 0; j < taps; j++)
        for (int v = 0; v < vecs; v++)
            V_STORE(to + j * t->e + c + v * LANES, acc[j][v]);
}

/* As hit_tile for all columns of a table narrower than a vec. */
static void hit_narrow(int taps, const crm_cpu_text_bwd *t, const text_hits *h, int64_t tap,
                       float *to)
{
    memset(to, 0, (size_t)(taps * t->e) * sizeof *to);
    for (int64_t i = 0; i < h->n; i++)
        for (int j = 0; j < taps; j++) {
            int64_t r = t->row[h->at[i] + tap + j];

            if (r >= 0)
                for (int64_t c = 0; c < t->e; c++)
                    to[j * t->e + c] = fmaf(h->g[i], t->table[r * t->ldt + c], to[j * t->e + c]);
        }
}

/* All columns: the last tile overlaps the one before it (each column is a chain of its own, so it
 * gets the same bits twice). */
static inline __attribute__((always_inline)) void
hit_taps(int taps, const crm_cpu_text_bwd *t, const text_hits *h, int64_t tap, float *to)
{
    const int64_t wide = HIT_VECS * LANES;

    if (t->e >= wide)
        for (int64_t c = 0; c < t->e; c += wide)
            hit_tile(taps, HIT_VECS, t, h, tap, c < t->e - wide ? c : t->e - wide, to);
    else if (t->e >= LANES)
        for (int64_t c = 0; c < t->e; c += LANES)
            hit_tile(taps, 1, t, h, tap, c < t->e - LANES ? c : t->e - LANES, to);
    else
        hit_narrow(taps, t, h, tap, to);
}

static void hit_sums(const crm_cpu_text_bwd *t, const text_hits *h, int64_t taps, float *to)
{
    for (int64_t j = 0; j < taps; j += HIT_TAPS, to += HIT_TAPS * t->e)
        switch (HIT_TAPS == 1 ? 5 : taps - j) {
        case 1:
            hit_taps(1, t, h, j, to);
            break;
        case 2:
            hit_taps(HIT_TAPS < 2 ? 1 : 2, t, h, j, to);
            break;
        case 3:
            hit_taps(HIT_TAPS < 3 ? 1 : 3, t, h, j, to);
            break;
        case 4:
            hit_taps(HIT_TAPS < 4 ? 1 : 4, t, h, j, to);
            break;
        default:
            hit_taps(HIT_TAPS, t, h, j, to);
        }
}

/* dw [filters][e][taps] of kernel k from the documents [doc, end) of a lane. */
static void text_bwd_w(const crm_cpu_text_bwd *t, int k, int64_t doc, int64_t end, float *dw)
{
    int64_t taps = t->taps[k], n = taps * t->e;
    float *sum = t->sum, *more = t->sum + n;
    text_hits h;

    for (int64_t f = 0; f < t->filters; f++, dw += n) {
        memset(sum, 0, (size_t)n * sizeof *sum);
        for (int64_t d = doc; d < end; d += CRM_CHAIN) {
            hits_of_filter(t, k * t->filters + f, d, end - d < CRM_CHAIN ? end : d + CRM_CHAIN, &h);
            hit_sums(t, &h, taps, d == doc ? sum : more);
            if (d != doc) EACH(n, sum[i] += more[i]);
        }
        for (int64_t j = 0; j < taps; j++)
            for (int64_t c = 0; c < t->e; c++)
                dw[c * taps + j] = sum[j * t->e + c] + 0.0f;
    }
}

/* Hits in document d of filters [f, end) of kernel k; at: the filter in the kernel. */
static void hits_of_doc(const crm_cpu_text_bwd *t, int64_t d, int k, int64_t f, int64_t end,
                        text_hits *h)
{
    const float *dy = t->dy + d * t->lddy + k * t->filters;

    h->n = 0;
    for (; f < end; f++) {
        h->g[h->n] = dy[f];
        h->at[h->n] = f;
        h->n += dy[f] != 0.0f;
    }
}

/* dx += g w for the window of each hit: its rows of dx lie side by side, as do the taps in w. */
static void text_spread(const crm_cpu_text_bwd *t, const text_hits *h, const int32_t *arg,
                        const float *w, int64_t n)
{
    for (int64_t i = 0; i < h->n; i++) {
        float *dx = t->dx + arg[h->at[i]] * t->ew;
        const float *from = w + h->at[i] * n;
        vec g = V_SPREAD(h->g[i]);

        for (int64_t c = 0; c < n; c += LANES)
            V_STORE(dx + c, V_FMA(g, V_LOAD(from + c), V_LOAD(dx + c)));
    }
}

/* Adds the gradients of the token vectors of document d into dtable [v][e], rows ldt apart.  A
 * last + 0 turns a -0 (a sum flushed to zero) into +0. */
static void text_rows_add(const crm_cpu_text_bwd *t, int64_t d, float *dtable, int64_t ldt)
{
    int64_t n = t->first[d + 1] - t->first[d];

    for (int64_t p = 0; p < n; p++) {
        int64_t r = t->row[t->place[d] + p];
        const float *dx = t->dx + p * t->ew;
        float *to = dtable + r * ldt;

        if (r >= 0) EACH(t->e, to[i] = (to[i] + dx[i]) + 0.0f);
    }
}

static void text_bwd_x(const crm_cpu_text_bwd *t, int64_t doc, int64_t end, float *dtable,
                       int64_t ldt)
{
    text_hits h;

    for (int64_t d = doc; d < end; d++) {
        int64_t n = t->first[d + 1] - t->first[d];

        if (n == 0) continue;
        memset(t->dx, 0, (size_t)(n * t->ew) * sizeof *t->dx);
        for (int k = 0; k < t->n_kernels; k++)
            for (int64_t f = 0; f < t->filters; f += CRM_CHAIN) {
                int64_t more = t->filters - f < CRM_CHAIN ? t->filters : f + CRM_CHAIN;

                hits_of_doc(t, d, k, f, more, &h);
                text_spread(t, &h, t->arg + d * t->ldarg + k * t->filters, t->w[k],
                            t->taps[k] * t->ew);
            }
        text_rows_add(t, d, dtable, ldt);
    }
}
