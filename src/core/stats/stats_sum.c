/* stats_sum.c - sums and moments in a fixed order.
 *
 * Moments are taken about the first value: equal values then have their own value as mean and
 * variance 0 exactly, where sum / n may miss it by a rounding and make a t statistic of 1e16 out of
 * nothing. */
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "crmpi/stats.h"
#include "stats_impl.h"

enum { BLOCK = 128 };

double crm_stats_sum(const double *x, int64_t n)
{
    int64_t half = BLOCK;
    double s = 0;

    if (n <= BLOCK) {
        for (int64_t i = 0; i < n; i++)
            s += x[i];
        return s;
    }
    while (2 * half < n) /* the left part is the largest whole power of two of blocks below n */
        half *= 2;
    return crm_stats_sum(x, half) + crm_stats_sum(x + half, n - half);
}

/* Mean of x[n] and, when ss is not NULL, the sum of squares about it. */
static double about_first(const double *x, int64_t n, double *ss)
{
    double shift = 0, s = 0;

    for (int64_t i = 1; i < n; i++)
        shift += x[i] - x[0];
    shift /= (double)n;
    for (int64_t i = 0; ss && i < n; i++) {
        double e = x[i] - x[0] - shift;

        s += e * e;
    }
    if (ss) *ss = s;
    return x[0] + shift;
}

double crm_stats_mean(const double *x, int64_t n)
{
    return n < 1 ? (double)NAN : about_first(x, n, NULL);
}

double crm_stats_variance(const double *x, int64_t n)
{
    double ss;

    if (n < 2) return (double)NAN;
    (void)about_first(x, n, &ss);
    return ss / (double)(n - 1);
}

double crm_stats_noise(double scale)
{
    return 8 * DBL_EPSILON * scale;
}

/* x_j, false when it is to be left out. */
static bool pick(const double *a, const double *b, int64_t j, double *x)
{
    *x = b ? a[j] - b[j] : a[j];
    return isfinite(*x);
}

/* First pass: count, mean, largest value that went in. */
static double first_pass(const double *a, const double *b, int64_t n, crm_moments *m,
                         double *origin)
{
    double x, scale = 0, shift = 0;

    for (int64_t j = 0; j < n; j++) {
        if (!pick(a, b, j, &x)) continue;
        if (m->n++ == 0) *origin = x;
        shift += x - *origin;
        scale = fmax(scale, fmax(fabs(a[j]), b ? fabs(b[j]) : 0));
    }
    m->dropped = (n > 0 ? n : 0) - m->n;
    if (m->n) m->mean = *origin + shift / (double)m->n;
    return crm_stats_noise(scale);
}

crm_moments crm_stats_moments(const double *a, const double *b, int64_t n)
{
    crm_moments m = {0};
    double origin = 0, ss = 0, x, noise = first_pass(a, b, n, &m, &origin);
    double shift = m.mean - origin;

    for (int64_t j = 0; j < n; j++)
        if (pick(a, b, j, &x)) ss += (x - origin - shift) * (x - origin - shift);
    if (m.n > 1) m.sd = sqrt(ss / (double)(m.n - 1));
    if (m.sd <= noise) m.sd = 0;
    if (m.sd == 0 && fabs(m.mean) <= noise) m.mean = 0;
    return m;
}

double crm_stats_scale(const double *a, const double *b, int64_t n)
{
    double scale = 0;

    for (int64_t j = 0; j < n; j++)
        if (isfinite(a[j] - (b ? b[j] : 0)))
            scale = fmax(scale, fmax(fabs(a[j]), b ? fabs(b[j]) : 0));
    return scale;
}

double crm_stats_on_grid(double difference, double scale)
{
    double unit = scale * 0x1p-40;

    return unit > 0 ? floor(difference / unit + 0.5) * unit : difference;
}
