/* knn_metric.c - distances of a query to a block of rows, to one row and to a box.
 *
 * Each metric is a function that adds a difference to a sum; the loops around it are the same.
 * Minkowski distances are taken of differences divided by the largest one, so that no power
 * overflows. */
#include <math.h>

#include "crmpi/base_math.h"
#include "crmpi/base_simd.h"
#include "knn_impl.h"

enum { W = KNN_LANES };

/* ---- adding a difference ---- */
static inline double add_square(double sum, double t)
{
    return sum + t * t;
}

static inline double add_size(double sum, double t)
{
    return sum + fabs(t);
}

static inline double larger(double sum, double t)
{
    double a = fabs(t);

    return a > sum ? a : sum;
}

/* ---- joining the four sums ---- */
static inline double total(const double *a)
{
    return (a[0] + a[2]) + (a[1] + a[3]);
}

static inline double largest(const double *a)
{
    double x = a[0] > a[2] ? a[0] : a[2], y = a[1] > a[3] ? a[1] : a[3];

    return x > y ? x : y;
}

/* Part of a query's coordinate outside of [low, high]. */
static inline double outside(float low, float high, double q)
{
    double below = (double)low - q, above = q - (double)high;

    return below > 0 ? below : above > 0 ? above : 0;
}

#define METRIC(name, add, join)                                                                    \
    static CRM_SIMD void name##_block(const float *restrict x, const double *restrict q,           \
                                      int64_t d, double p, double *restrict out)                   \
    {                                                                                              \
        double a[4][W] = {{0}};                                                                    \
        int64_t j = 0;                                                                             \
        (void)p;                                                                                   \
        for (; j + 4 <= d; j += 4)                                                                 \
            for (int s = 0; s < 4; s++)                                                            \
                for (int i = 0; i < W; i++)                                                        \
                    a[s][i] = add(a[s][i], (double)x[(j + s) * W + i] - q[j + s]);                 \
        for (int s = 0; j < d; s++, j++)                                                           \
            for (int i = 0; i < W; i++)                                                            \
                a[s][i] = add(a[s][i], (double)x[j * W + i] - q[j]);                               \
        for (int i = 0; i < W; i++)                                                                \
            out[i] = join(((double[]){a[0][i], a[1][i], a[2][i], a[3][i]}));                       \
    }                                                                                              \
    static CRM_SIMD double name##_row(const float *restrict x, const double *restrict q,           \
                                      int64_t d, double p)                                         \
    {                                                                                              \
        double a[4] = {0};                                                                         \
        int64_t j = 0;                                                                             \
        (void)p;                                                                                   \
        for (; j + 4 <= d; j += 4)                                                                 \
            for (int s = 0; s < 4; s++)                                                            \
                a[s] = add(a[s], (double)x[j + s] - q[j + s]);                                     \
        for (int s = 0; j < d; s++, j++)                                                           \
            a[s] = add(a[s], (double)x[j] - q[j]);                                                 \
        return join(a);                                                                            \
    }                                                                                              \
    static CRM_SIMD double name##_box(const float *restrict low, const float *restrict high,       \
                                      const double *restrict q, int64_t d, double p)               \
    {                                                                                              \
        double a[4] = {0};                                                                         \
        int64_t j = 0;                                                                             \
        (void)p;                                                                                   \
        for (; j + 4 <= d; j += 4)                                                                 \
            for (int s = 0; s < 4; s++)                                                            \
                a[s] = add(a[s], outside(low[j + s], high[j + s], q[j + s]));                      \
        for (int s = 0; j < d; s++, j++)                                                           \
            a[s] = add(a[s], outside(low[j], high[j], q[j]));                                      \
        return join(a);                                                                            \
    }

METRIC(euclidean, add_square, total)
METRIC(manhattan, add_size, total)
METRIC(chebyshev, larger, largest)

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
        most = larger(most, (double)x[j * step] - q[j]);
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
