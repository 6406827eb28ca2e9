/* cpu_rows.inc.h - kernels on rows that a list names: sums with weights, largest elements, places
 * that are not zero. */

/* How many of the vecs that are left of a row are worked on together.  The last vec of a row ends
 * with the row, so it may begin within the one before: never is it left alone. */
static int vecs_together(int64_t left)
{
    static const int together[] = {0, 1, 2, 3, 4, 5, 6, 5, 8, 6, 8, 8, 12, 8};

    return left <= 13 ? together[left] : 12;
}

/* acc[vecs * LANES], columns from j on, one chain over the terms; vecs is a constant where this is
 * inlined.  Columns of the last vec that belong to the one before come out twice, the same. */
static inline __attribute__((always_inline)) void gather_vecs(int vecs, const crm_cpu_terms *t,
                                                              int64_t j, float *to)
{
    int64_t fits = t->width - LANES, whole = j + (vecs - 1) * LANES;
    int64_t last = whole < fits ? whole : fits; /* where the last vec begins */
    vec acc[12];

    for (int v = 0; v < vecs; v++)
        acc[v] = V_LOAD(to + (v < vecs - 1 ? j + v * LANES : last));
    for (int64_t i = 0; i < t->n; i++) {
        const float *x = t->x + (t->row ? t->row[i] : t->first + i) * t->ld;
        vec f = V_SPREAD(t->factor ? t->factor[i] : 1.0f);

        for (int v = 0; v < vecs; v++)
            acc[v] = V_FMA(f, V_LOAD(x + (v < vecs - 1 ? j + v * LANES : last)), acc[v]);
    }
    for (int v = 0; v < vecs; v++)
        V_STORE(to + (v < vecs - 1 ? j + v * LANES : last), acc[v]);
}

/* Rows that do not fill a vec; width is a constant where this is inlined with one. */
static inline __attribute__((always_inline)) void gather_few(int64_t width, const crm_cpu_terms *t,
                                                             float *to)
{
    float acc[LANES > 3 ? LANES : 3];

    memcpy(acc, to, (size_t)width * sizeof *acc);
    for (int64_t i = 0; i < t->n; i++) {
        const float *x = t->x + (t->row ? t->row[i] : t->first + i) * t->ld;
        float f = t->factor ? t->factor[i] : 1.0f;

        for (int64_t k = 0; k < width; k++)
            acc[k] = fmaf(f, x[k], acc[k]);
    }
    memcpy(to, acc, (size_t)width * sizeof *acc);
}

static void gather_narrow(const crm_cpu_terms *t, float *to)
{
    switch (t->width) {
    case 1:
        gather_few(1, t, to);
        break;
    case 2:
        gather_few(2, t, to);
        break;
    case 3:
        gather_few(3, t, to);
        break;
    default:
        gather_few(t->width, t, to);
    }
}

/* The number is a constant in each of the calls. */
static void gather_some(int vecs, const crm_cpu_terms *t, int64_t j, float *to)
{
    switch (vecs) {
    case 1:
        gather_vecs(1, t, j, to);
        break;
    case 2:
        gather_vecs(2, t, j, to);
        break;
    case 3:
        gather_vecs(3, t, j, to);
        break;
    case 4:
        gather_vecs(4, t, j, to);
        break;
    case 5:
        gather_vecs(5, t, j, to);
        break;
    case 6:
        gather_vecs(6, t, j, to);
        break;
    case 8:
        gather_vecs(8, t, j, to);
        break;
    default:
        gather_vecs(12, t, j, to);
    }
}

static void gather(const crm_cpu_terms *t, float *to)
{
    int64_t left = (t->width + LANES - 1) / LANES;

    if (t->width < LANES) {
        gather_narrow(t, to);
        return;
    }
    for (int64_t j = 0; left > 0;) {
        int vecs = vecs_together(left);

        gather_some(vecs, t, j, to);
        j += vecs * LANES;
        left -= vecs;
    }
}

static void scatter(const crm_cpu_terms *t, const float *restrict from)
{
    for (int64_t term = 0; term < t->n; term++) {
        float *restrict to = (float *)(uintptr_t)t->x + t->row[term] * t->ld;
        float f = t->factor[term];

        EACH(t->width, to[i] = fmaf(f, from[i], to[i]) + 0.0f);
    }
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
