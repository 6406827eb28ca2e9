/* cpu_gemm.inc.h - matrix product with a fixed order of operations.
 *
 * c(i, j) = s_0 + s_1 + ... (added in this order), s_q the chain over k in [256 q, 256 q + 256):
 * s = 0; s = fma(a(i, k), b(k, j), s) for k in order.  Whatever the blocking, an element sees these
 * operations and no others.  k is cut at CRM_CHAIN, so a block of k is a chain: the first stores
 * into c, later ones add to it; bias and activation follow the last.
 *
 * Blocks as in Goto & van de Geijn (2008): A in panels of MR rows, B in panels of NR columns, both
 * packed with k outermost; a tile of c stays in registers for a whole chain. */
#include <xmmintrin.h>

enum { NR = NV * LANES };
_Static_assert(CRM_CPU_MC % MR == 0 && CRM_CPU_NC % NR == 0, "blocks are whole panels");

enum { LINE = 64 }; /* bytes of a line of the cache */

/* What becomes of a tile: MR x NR at c, nb columns of it are wanted.  While it is worked out, lines
 * that are needed soon are fetched into the second cache (a hint: any address will do). */
typedef struct tile_out {
    float *c;
    int64_t ldc;
    int nb;
    bool first;        /* chain: stores; later ones add */
    const char *ahead; /* a line per k, `step` bytes apart */
    int64_t step;
} tile_out;

/* dst[k][width] from element (j, k) for j < n; the rest of each row is 0. */
static void pack_scalar(crm_cpu_operand s, int64_t j0, int64_t n, int64_t k0, int64_t k,
                        int64_t width, float *dst)
{
    for (int64_t kk = k0; kk < k; kk++)
        for (int64_t j = j0; j < width; j++)
            dst[kk * width + j] = j < n ? s.p[j * s.row + kk * s.col] : 0.0f;
}

/* Four rows at a time, transposed in registers (moves only). */
static void pack_transposed(crm_cpu_operand s, int64_t n, int64_t k, int64_t width, float *dst)
{
    int64_t n4 = n & ~(int64_t)3, k4 = k & ~(int64_t)3;

    for (int64_t j = 0; j < n4; j += 4) {
        const float *p = s.p + j * s.row;

        for (int64_t kk = 0; kk < k4; kk += 4) {
            __m128 r0 = _mm_loadu_ps(p + kk), r1 = _mm_loadu_ps(p + s.row + kk),
                   r2 = _mm_loadu_ps(p + 2 * s.row + kk), r3 = _mm_loadu_ps(p + 3 * s.row + kk);
            float *q = dst + kk * width + j;

            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps(q, r0);
            _mm_storeu_ps(q + width, r1);
            _mm_storeu_ps(q + 2 * width, r2);
            _mm_storeu_ps(q + 3 * width, r3);
        }
    }
    pack_scalar(s, n4, n, 0, k4, width, dst);
    pack_scalar(s, 0, n, k4, k, width, dst);
}

static inline void pack_panel(crm_cpu_operand s, int64_t n, int64_t k, int64_t width, float *dst)
{
    if (s.col == 1)
        pack_transposed(s, n, k, width, dst);
    else if (n == width)
        for (int64_t kk = 0; kk < k; kk++)
            memcpy(dst + kk * width, s.p + kk * s.col, (size_t)width * sizeof *dst);
    else
        pack_scalar(s, 0, n, 0, k, width, dst);
}

/* n rows of an operand in panels of a fixed width. */
static inline void pack(crm_cpu_operand s, int64_t n, int64_t k, int64_t width, float *dst)
{
    for (int64_t j = 0; j < n; j += width, dst += width * k) {
        crm_cpu_operand panel = {s.p + j * s.row, s.row, s.col};

        pack_panel(panel, n - j < width ? n - j : width, k, width, dst);
    }
}

/* Loops over a tile are unrolled, so that it stays in registers; clang wants to be told. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL
#endif

/* Where the elements of A are: element (i, k) at p[i * row + k * col].  A packed panel has row 1
 * and col MR; rows of a matrix are read in place with col 1, its columns with row 1. */
typedef crm_cpu_operand a_rows;

/* rows x (vecs * LANES) of c over one chain; rows, vecs, and what of a.row and a.col the caller
 * knows, are constants where this is inlined. */
static inline __attribute__((always_inline)) void micro(int rows, int vecs, int64_t k, a_rows a,
                                                        const float *b, const tile_out *o)
{
    vec acc[MR][NV];
    const float *three[(MR + 2) / 3]; /* every third row: the others are at one and two a.row */
    float edge[MR * NR];
    float *c = o->c;
    const char *ahead = o->ahead;

    UNROLL
    for (int i = 0; i < (rows + 2) / 3; i++)
        three[i] = a.p + 3 * i * a.row;
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < vecs; j++)
            acc[i][j] = V_ZERO();
    }
    for (int64_t kk = 0; kk < k; kk++, b += NR) {
        vec bv[NV];

        _mm_prefetch(ahead, _MM_HINT_T1);
        ahead += o->step;
        UNROLL
        for (int j = 0; j < vecs; j++)
            bv[j] = V_LOAD(b + j * LANES);
        UNROLL
        for (int i = 0; i < rows; i++) {
            vec av = V_SPREAD(three[i / 3][i % 3 * a.row]);

            UNROLL
            for (int j = 0; j < vecs; j++)
                acc[i][j] = V_FMA(av, bv[j], acc[i][j]);
        }
        UNROLL
        for (int i = 0; i < (rows + 2) / 3; i++)
            three[i] += a.col;
    }
    if (o->nb < vecs * LANES) { /* through memory of our own, then the columns that exist */
        UNROLL
        for (int i = 0; i < rows; i++) {
            UNROLL
            for (int j = 0; j < vecs; j++)
                V_STORE(edge + i * NR + j * LANES, acc[i][j]);
        }
        for (int i = 0; i < rows; i++, c += o->ldc)
            for (int j = 0; j < o->nb; j++)
                c[j] = o->first ? edge[i * NR + j] : c[j] + edge[i * NR + j];
        return;
    }
    UNROLL
    for (int i = 0; i < rows; i++, c += o->ldc) {
        UNROLL
        for (int j = 0; j < vecs; j++)
            V_STORE(c + j * LANES, o->first ? acc[i][j] : V_ADD(V_LOAD(c + j * LANES), acc[i][j]));
    }
}

/* The tile for a constant number of rows, half as wide where the columns fit. */
#define TILE(rows)                                                                                 \
    do {                                                                                           \
        if (o->nb <= NV / 2 * LANES)                                                               \
            micro(rows, NV / 2, k, a, b, o);                                                       \
        else                                                                                       \
            micro(rows, NV, k, a, b, o);                                                           \
    } while (0)

/* rows: MR, or the largest power of two in what is left of a panel. */
static inline __attribute__((always_inline)) void tile_rows(int rows, int64_t k, a_rows a,
                                                            const float *b, const tile_out *o)
{
    if (rows == MR)
        TILE(MR);
    else if (MR > 8 && rows == 8)
        TILE(MR > 8 ? 8 : 1);
    else if (MR > 4 && rows == 4)
        TILE(MR > 4 ? 4 : 1);
    else if (rows == 2)
        TILE(2);
    else
        TILE(1);
}

static void columns_side_by_side(int rows, int64_t k, a_rows a, const float *b, const tile_out *o)
{
    tile_rows(rows, k, (a_rows){a.p, 1, a.col}, b, o);
}

static void rows_in_place(int rows, int64_t k, a_rows a, const float *b, const tile_out *o)
{
    tile_rows(rows, k, (a_rows){a.p, a.row, 1}, b, o);
}

/* All tiles of one panel of A against one panel of B. */
static void tile(int rows, int64_t k, a_rows a, const float *b, tile_out o)
{
    while (rows > 0) {
        int step = rows >= MR ? MR : rows >= 8 ? 8 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;

        if (a.col == 1)
            rows_in_place(step, k, a, b, &o);
        else
            columns_side_by_side(step, k, a, b, &o);
        rows -= step;
        a.p += step * a.row;
        o.c += step * o.ldc;
    }
}

/* c[m][n] over one chain, k <= CRM_CHAIN.  Row i of A, a multiple of MR, begins i * apart after
 * a.p: k where A is packed, a.row where it is not. */
static void block(int64_t m, int64_t n, int64_t k, a_rows a, int64_t apart, const float *pb,
                  float *c, int64_t ldc, bool first, const void *soon)
{
    for (int64_t j = 0; j < n; j += NR)
        for (int64_t i = 0; i < m; i += MR) {
            bool fetch = soon && j == 0;
            a_rows panel = {a.p + i * apart, a.row, a.col};
            int rows = (int)(m - i < MR ? m - i : MR);
            tile_out o = {c + i * ldc + j,
                          ldc,
                          (int)(n - j < NR ? n - j : NR),
                          first,
                          fetch ? (const char *)soon + i / MR * k * LINE : (const char *)c,
                          fetch ? LINE : 0};

            tile(rows, k, panel, pb + j * k, o);
        }
}

static void finish(const crm_cpu_gemm *g, int64_t i0, int64_t m, int64_t j0, int64_t n)
{
    if (!g->bias && g->act == CRM_ACT_NONE) return;
    for (int64_t r = i0; r < i0 + m; r++) {
        float *y = g->c + r * g->ldc + j0;

        if (g->bias) EACH(n, y[i] += g->bias[j0 + i]);
        act_row(g->act, y, n);
    }
}

/* One chain for columns [j, j + n) and all rows.  Packing rows of A does not pay for few columns.
 */
static void chain(const crm_cpu_gemm *g, int64_t j, int64_t n, int64_t k0)
{
    int64_t k = g->k - k0 < CRM_CHAIN ? g->k - k0 : CRM_CHAIN;
    float *pa = g->pack, *pb = pa + CRM_CPU_MC * CRM_CHAIN;
    crm_cpu_operand b = {g->b.p + j * g->b.row + k0 * g->b.col, g->b.row, g->b.col};
    bool in_place = g->a.col == 1 && n <= 4 * NR;

    pack(b, n, k, NR, pb);
    for (int64_t i = 0; i < g->m; i += CRM_CPU_MC) {
        int64_t m = g->m - i < CRM_CPU_MC ? g->m - i : CRM_CPU_MC;
        crm_cpu_operand a = {g->a.p + i * g->a.row + k0 * g->a.col, g->a.row, g->a.col};
        float *c = g->c + i * g->ldc + j;

        if (in_place) {
            block(m, n, k, a, a.row, pb, c, g->ldc, k0 == 0, NULL);
        } else {
            pack(a, m, k, MR, pa);
            block(m, n, k, (a_rows){pa, 1, MR}, k, pb, c, g->ldc, k0 == 0, NULL);
        }
        if (k0 + k == g->k) finish(g, i, m, j, n);
    }
}

static void gemm(const crm_cpu_gemm *g)
{
    for (int64_t j = 0; j < g->n; j += CRM_CPU_NC) {
        int64_t n = g->n - j < CRM_CPU_NC ? g->n - j : CRM_CPU_NC;

        for (int64_t k = 0; k < g->k; k += CRM_CHAIN)
            chain(g, j, n, k);
    }
}

/* ---- with B packed before, for products with the same weights again and again ---- */

/* The chains one after the other, each in panels. */
static void pack_b(crm_cpu_operand b, int64_t n, int64_t k, float *dst)
{
    for (int64_t k0 = 0; k0 < k; k0 += CRM_CHAIN) {
        int64_t w = k - k0 < CRM_CHAIN ? k - k0 : CRM_CHAIN;
        crm_cpu_operand part = {b.p + k0 * b.col, b.row, b.col};

        pack(part, n, w, NR, dst + k0 * crm_cpu_packed(n, 1));
    }
}

/* Rows of A are read in place.  All rows against a panel of B before the next: for few rows. */
static void gemm_rows(const crm_cpu_rows *g)
{
    for (int64_t k0 = 0; k0 < g->k; k0 += CRM_CHAIN) {
        int64_t k = g->k - k0 < CRM_CHAIN ? g->k - k0 : CRM_CHAIN;
        a_rows a = {g->a + k0, g->lda, 1};

        block(g->m, g->n, k, a, g->lda, g->b + k0 * crm_cpu_packed(g->n, 1), g->c, g->ldc,
              !g->add && k0 == 0, g->soon);
    }
}

/* dst[k][width] from columns of k rows that may lie anywhere; the rest of each row is 0. */
static void pack_gathered_panel(const float *const *rows, int64_t first, int64_t n, int64_t k,
                                int64_t width, float *dst)
{
    for (int64_t kk = 0; kk < k; kk++, dst += width) {
        if (n == width) {
            memcpy(dst, rows[kk] + first, (size_t)width * sizeof *dst);
            continue;
        }
        memcpy(dst, rows[kk] + first, (size_t)n * sizeof *dst);
        memset(dst + n, 0, (size_t)(width - n) * sizeof *dst);
    }
}

static void pack_gathered(const float *const *rows, int64_t first, int64_t n, int64_t k,
                          int64_t width, float *dst)
{
    for (int64_t j = 0; j < n; j += width, dst += width * k)
        pack_gathered_panel(rows, first + j, n - j < width ? n - j : width, k, width, dst);
}

/* How far apart the rows are; 0: not always as far. */
static int64_t distance(const float *const *rows, int64_t k)
{
    int64_t d = k > 1 ? rows[1] - rows[0] : 2;

    for (int64_t kk = 2; kk < k; kk++)
        if (rows[kk] - rows[kk - 1] != d) return 0;
    return d;
}

/* Rows [to, to + m) of the result, from columns [from, from + m) of a. */
static void outer_rows(const crm_cpu_outer *s, int64_t from, int64_t to, int64_t m, int64_t j,
                       int64_t n)
{
    float *pa = s->pack, *pb = pa + CRM_CPU_MC * CRM_CHAIN, *c = s->c + to * s->ldc + j;
    int64_t lda = distance(s->a, s->k);
    const char *soon = s->soon ? (const char *)s->soon + to / MR * s->k * LINE : NULL;

    if (lda > 1) {
        block(m, n, s->k, (a_rows){s->a[0] + from, 1, lda}, 1, pb, c, s->ldc, s->first, soon);
        return;
    }
    for (int64_t i = 0; i < m; i += CRM_CPU_MC) {
        int64_t w = m - i < CRM_CPU_MC ? m - i : CRM_CPU_MC;

        pack_gathered(s->a, from + i, w, s->k, MR, pa);
        block(w, n, s->k, (a_rows){pa, 1, MR}, s->k, pb, c + i * s->ldc, s->ldc, s->first, NULL);
    }
}

static void outer(const crm_cpu_outer *s)
{
    for (int64_t j = 0; j < s->n; j += CRM_CPU_NC) {
        int64_t n = s->n - j < CRM_CPU_NC ? s->n - j : CRM_CPU_NC;

        pack_gathered(s->b, j, n, s->k, NR, s->pack + CRM_CPU_MC * CRM_CHAIN);
        outer_rows(s, s->turn, 0, s->m - s->turn, j, n);
        outer_rows(s, 0, s->m - s->turn, s->turn, j, n);
    }
}
