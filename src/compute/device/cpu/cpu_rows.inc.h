/* cpu_rows.inc.h - kernels on rows that a list names: sums with weights, largest elements, places
 * that are not zero. */

/* acc[vecs * LANES], columns from j on, one chain over the terms; vecs is a constant where this is
 * inlined. */
static inline __attribute__((always_inline)) void gather_vecs(int vecs, const crm_cpu_terms *t,
                                                              int64_t j, float *to)
{
    vec acc[12];

    for (int v = 0; v < vecs; v++)
        acc[v] = V_LOAD(to + j + v * LANES);
    for (int64_t i = 0; i < t->n; i++) {
        const float *x = t->x + (t->row ? t->row[i] : t->first + i) * t->ld + j;
        vec f = V_SPREAD(t->factor ? t->factor[i] : 1.0f);

        for (int v = 0; v < vecs; v++)
            acc[v] = V_FMA(f, V_LOAD(x + v * LANES), acc[v]);
    }
    for (int v = 0; v < vecs; v++)
        V_STORE(to + j + v * LANES, acc[v]);
}

/* The columns that do not fill a vec. */
static void gather_rest(const crm_cpu_terms *t, int64_t j, float *restrict to)
{
    for (int64_t i = 0; i < t->n; i++) {
        const float *x = t->x + (t->row ? t->row[i] : t->first + i) * t->ld;
        float f = t->factor ? t->factor[i] : 1.0f;

        for (int64_t k = j; k < t->width; k++)
            to[k] = fmaf(f, x[k], to[k]);
    }
}

static void gather(const crm_cpu_terms *t, float *to)
{
    int64_t j = 0;

    for (; j + 12 * LANES <= t->width; j += 12 * LANES)
        gather_vecs(12, t, j, to);
    for (; j + 4 * LANES <= t->width; j += 4 * LANES)
        gather_vecs(4, t, j, to);
    for (; j + LANES <= t->width; j += LANES)
        gather_vecs(1, t, j, to);
    if (j < t->width) gather_rest(t, j, to);
}

/* The first of equals stays; a NaN comes through, the first of several. */
static void max_row(const float *restrict x, int32_t row, float *restrict y, int32_t *restrict arg,
                    int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        bool more = (x[i] > y[i]) | ((x[i] != x[i]) & (y[i] == y[i]));

        y[i] = more ? x[i] : y[i];
        arg[i] = more ? row : arg[i];
    }
}

static void finish_all(const crm_cpu_gemm *g)
{
    finish(g, 0, g->m, 0, g->n);
}

static void add_row(const float *restrict x, float *restrict y, int64_t n)
{
    EACH(n, y[i] += x[i]);
}

static int64_t count_nonzero(const float *x, int64_t n)
{
    int64_t count = 0, j = 0;

    for (; j + LANES <= n; j += LANES)
        count += __builtin_popcount(V_NONZERO(x + j));
    for (; j < n; j++)
        count += x[j] != 0.0f;
    return count;
}

static int64_t find_nonzero(const float *x, int64_t n, float *value, int32_t *at)
{
    int64_t count = 0, j = 0;

    for (; j + LANES <= n; j += LANES)
        for (unsigned m = V_NONZERO(x + j); m; m &= m - 1) {
            int64_t k = j + __builtin_ctz(m);

            at[count] = (int32_t)k;
            value[count++] = x[k];
        }
    for (; j < n; j++)
        if (x[j] != 0.0f) {
            at[count] = (int32_t)j;
            value[count++] = x[j];
        }
    return count;
}

/* y = factor x */
static void times_row(const float *restrict x, float factor, float *restrict y, int64_t n)
{
    EACH(n, y[i] = factor * x[i]);
}

/* 16 chains, that of column j is j mod 16; then halves are added. */
static float dot(const float *a, const float *b, int64_t n)
{
    enum { W = 16, VECS = W / LANES };
    vec acc[VECS];
    float s[W];
    int64_t j = 0;

    for (int v = 0; v < VECS; v++)
        acc[v] = V_ZERO();
    for (; j + W <= n; j += W)
        for (int v = 0; v < VECS; v++)
            acc[v] = V_FMA(V_LOAD(a + j + v * LANES), V_LOAD(b + j + v * LANES), acc[v]);
    for (int v = 0; v < VECS; v++)
        V_STORE(s + v * LANES, acc[v]);
    for (int64_t i = 0; j + i < n; i++)
        s[i] = fmaf(a[j + i], b[j + i], s[i]);
    for (int64_t half = W / 2; half > 0; half /= 2)
        EACH(half, s[i] += s[i + half]);
    return s[0];
}
