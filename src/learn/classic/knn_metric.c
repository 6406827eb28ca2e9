/* knn_metric.c - distances of a query to a block of rows, to one row and to a box.
 *
 * A metric adds differences to four sums (of columns j mod 4), which are joined at the end.  For a
 * block the lanes of a vector are rows, for one row and for a box they are the four sums; columns
 * that are not there add 0.  Minkowski distances are taken of differences divided by the largest
 * one, so that no power overflows. */
#include <math.h>

#include "crmpi/base_math.h"
#include "crmpi/base_simd.h"
#include "knn_impl.h"

enum { W = KNN_LANES, LANES = 4 };
typedef double lanes __attribute__((vector_size(LANES * 8)));
typedef int64_t ints __attribute__((vector_size(LANES * 8)));
/* The same anywhere in memory. */
typedef double lanes_at __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef float floats_at __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
#define WIDEN(p) __builtin_convertvector(*(const floats_at *)(p), lanes)

/* ---- adding differences t to sums, and joining sums, lane by lane ---- */
#define MAGNITUDE(t)       ((lanes)((ints)(t)&INT64_MAX))
#define LARGER(a, b)       ((lanes)(((ints)(a) & ((a) > (b))) | ((ints)(b) & ~((a) > (b)))))
#define ADD_SQUARE(sum, t) ((sum) + (t) * (t))
#define ADD_SIZE(sum, t)   ((sum) + MAGNITUDE(t))
#define ADD_LARGER(sum, t) LARGER(sum, MAGNITUDE(t))
#define TOTAL(a)           (((a)[0] + (a)[2]) + ((a)[1] + (a)[3]))
#define LARGEST(a)         LARGER(LARGER((a)[0], (a)[2]), LARGER((a)[1], (a)[3]))

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double largest(const double *a)
{
    return larger(larger(a[0], a[2]), larger(a[1], a[3]));
}

static inline double total(const double *a)
{
    return TOTAL(a);
}

/* The last columns of a row, of a query and of a box, fewer than LANES of them; the rest is 0. */
typedef struct tail {
    float x[LANES], y[LANES];
    double q[LANES];
} tail;

static inline void take_tail(tail *t, const float *x, const float *y, const double *q, int64_t n)
{
    *t = (tail){{0}, {0}, {0}};
    for (int64_t j = 0; j < n; j++) {
        t->x[j] = x[j];
        t->y[j] = y[j];
        t->q[j] = q[j];
    }
}

/* Part of q outside of [low, high]. */
#define OUTSIDE(low, high, q)                                                                      \
    LARGER(LARGER(WIDEN(low) - *(const lanes_at *)(q), *(const lanes_at *)(q)-WIDEN(high)), zero)

#define METRIC(name, ADD, JOIN, join)                                                              \
    static CRM_SIMD void name##_block(const float *restrict x, const double *restrict q,           \
                                      int64_t d, double p, double *restrict out)                   \
    {                                                                                              \
        (void)p;                                                                                   \
        for (int i = 0; i < W; i += LANES) {                                                       \
            lanes a[4] = {{0}};                                                                    \
            const float *at = x + i;                                                               \
            int64_t j = 0;                                                                         \
            for (; j + 4 <= d; j += 4, at += 4 * W)                                                \
                for (int s = 0; s < 4; s++)                                                        \
                    a[s] = ADD(a[s], WIDEN(at + s * W) - q[j + s]);                                \
            for (int s = 0; j < d; s++, j++, at += W)                                              \
                a[s] = ADD(a[s], WIDEN(at) - q[j]);                                                \
            *(lanes_at *)(out + i) = JOIN(a);                                                      \
        }                                                                                          \
    }                                                                                              \
    static CRM_SIMD double name##_row(const float *restrict x, const double *restrict q,           \
                                      int64_t d, double p)                                         \
    {                                                                                              \
        lanes a = {0};                                                                             \
        int64_t j = 0;                                                                             \
        tail t;                                                                                    \
        (void)p;                                                                                   \
        for (; j + 4 <= d; j += 4)                                                                 \
            a = ADD(a, WIDEN(x + j) - *(const lanes_at *)(q + j));                                 \
        if (j < d) {                                                                               \
            take_tail(&t, x + j, x + j, q + j, d - j);                                             \
            a = ADD(a, WIDEN(t.x) - *(const lanes_at *)t.q);                                       \
        }                                                                                          \
        return join((const double *)&a);                                                           \
    }                                                                                              \
    static CRM_SIMD double name##_box(const float *restrict low, const float *restrict high,       \
                                      const double *restrict q, int64_t d, double p)               \
    {                                                                                              \
        const lanes zero = {0};                                                                    \
        lanes a = zero;                                                                            \
        int64_t j = 0;                                                                             \
        tail t;                                                                                    \
        (void)p;                                                                                   \
        for (; j + 4 <= d; j += 4)                                                                 \
            a = ADD(a, OUTSIDE(low + j, high + j, q + j));                                         \
        if (j < d) {                                                                               \
            take_tail(&t, low + j, high + j, q + j, d - j);                                        \
            a = ADD(a, OUTSIDE(t.x, t.y, t.q));                                                    \
        }                                                                                          \
        return join((const double *)&a);                                                           \
    }

METRIC(euclidean, ADD_SQUARE, TOTAL, total)
METRIC(manhattan, ADD_SIZE, TOTAL, total)
METRIC(chebyshev, ADD_LARGER, LARGEST, largest)

/* ---- minkowski ---- */

/* t^p for 0 <= t <= 1; whole powers by multiplication. */
static double power(double t, double p)
{
    double y = 1;

    if (t == 0) return 0;
    if (p != floor(p) || p > 64) return crm_pow(t, p);
    for (int n = (int)p; n > 0; n >>= 1, t *= t)
        if (n & 1) y *= t;
    return y;
}

/* Columns are `step` floats apart. */
static double minkowski(const float *x, int64_t step, const double *q, int64_t d, double p)
{
    double a[4] = {0}, most = 0;

    for (int64_t j = 0; j < d; j++)
        most = larger(most, fabs((double)x[j * step] - q[j]));
    if (most == 0) return 0;
    for (int64_t j = 0; j < d; j++)
        a[j & 3] += power(fabs((double)x[j * step] - q[j]) / most, p);
    return most * crm_pow(total(a), 1 / p);
}

static void minkowski_block(const float *x, const double *q, int64_t d, double p, double *out)
{
    for (int i = 0; i < W; i++)
        out[i] = minkowski(x + i, W, q, d, p);
}

static double minkowski_row(const float *x, const double *q, int64_t d, double p)
{
    return minkowski(x, 1, q, d, p);
}

/* No Minkowski distance is below that of the largest difference. */
static double minkowski_box(const float *low, const float *high, const double *q, int64_t d,
                            double p)
{
    return chebyshev_box(low, high, q, d, p);
}

static double root(double rank)
{
    return sqrt(rank);
}

static double same(double rank)
{
    return rank;
}

static const knn_metric metrics[] = {
    [CRM_KNN_EUCLIDEAN] = {euclidean_block, euclidean_row, euclidean_box, root},
    [CRM_KNN_MANHATTAN] = {manhattan_block, manhattan_row, manhattan_box, same},
    [CRM_KNN_CHEBYSHEV] = {chebyshev_block, chebyshev_row, chebyshev_box, same},
    [CRM_KNN_MINKOWSKI] = {minkowski_block, minkowski_row, minkowski_box, same},
};
_Static_assert(sizeof metrics / sizeof *metrics == CRM_KNN_METRIC_COUNT, "a row for each metric");

const knn_metric *knn_metric_of(const crm_knn_cfg *cfg)
{
    if (cfg->metric != CRM_KNN_MINKOWSKI) return &metrics[cfg->metric];
    if (cfg->p == 1) return &metrics[CRM_KNN_MANHATTAN];
    if (cfg->p == 2) return &metrics[CRM_KNN_EUCLIDEAN];
    return &metrics[CRM_KNN_MINKOWSKI];
}
