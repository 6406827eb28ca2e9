/* stats_dist.c - tails and quantiles of t, F, chi-squared, normal, studentised range and
 * Binomial(n, 1/2).
 *
 * Identities (Abramowitz & Stegun 26.5 - 26.7), I the incomplete beta, Q the incomplete gamma:
 *     P(|T| >= t) = I(df/2, 1/2) at df / (df + t^2)      P(F >= f) = I(d2/2, d1/2) at d2 / (d2 + d1
 * f) P(X >= x) = Q(df/2, x/2)                           P(|Z| >= z) = Q(1/2, z^2/2) Quantiles halve
 * an interval until its ends are neighbours, which asks nothing of the tail but order. */
#include <math.h>
#include <stddef.h>

#include "crmpi/base_math.h"
#include "crmpi/stats_dist.h"
#include "stats_impl.h"

/* A function that does not rise, of x with two parameters. */
typedef double (*falling_fn)(double x, double p0, double p1);

/* x in [lo, hi] where f passes target; f(lo) >= target >= f(hi). */
static double halve(falling_fn f, double p0, double p1, double target, double lo, double hi)
{
    for (int i = 0; i < 2000; i++) {
        double mid = lo + (hi - lo) / 2;

        if (mid <= lo || mid >= hi) break;
        if (f(mid, p0, p1) > target)
            lo = mid;
        else
            hi = mid;
    }
    return lo + (hi - lo) / 2;
}

/* Power of two at which f is no longer above target. */
static double upper_end(falling_fn f, double p0, double p1, double target)
{
    double hi = 1;

    while (hi < 1e300 && f(hi, p0, p1) > target)
        hi *= 2;
    return hi;
}

double crm_stats_t_p2(double t, double df)
{
    double t2 = t * t;

    if (!(df > 0) || isnan(t)) return (double)NAN;
    if (isinf(t2)) return 0;
    return crm_stats_beta_inc_xy(df / 2, 0.5, df / (df + t2), t2 / (df + t2));
}

double crm_stats_t_cdf(double t, double df)
{
    double half = crm_stats_t_p2(t, df) / 2;

    return t > 0 ? 1 - half : half;
}

static double t_tail(double t, double df, double unused)
{
    (void)unused;
    return crm_stats_t_p2(t, df);
}

double crm_stats_t_quantile(double p, double df)
{
    double tail = p < 0.5 ? 2 * p : 2 * (1 - p), t;

    if (!(p > 0 && p < 1 && df > 0)) return (double)NAN;
    if (p == 0.5) return 0;
    t = halve(t_tail, df, 0, tail, 0, upper_end(t_tail, df, 0, tail));
    return p < 0.5 ? -t : t;
}

double crm_stats_f_tail(double f, double d1, double d2)
{
    double a = d1 * f;

    if (!(d1 > 0 && d2 > 0) || isnan(f)) return (double)NAN;
    if (f <= 0) return 1;
    if (isinf(a)) return 0;
    return crm_stats_beta_inc_xy(d2 / 2, d1 / 2, d2 / (d2 + a), a / (d2 + a));
}

double crm_stats_chi2_tail(double x, double df)
{
    if (isnan(x)) return x;
    return crm_stats_gamma_q(df / 2, x > 0 ? x / 2 : 0);
}

double crm_stats_normal_p2(double z)
{
    return isnan(z) ? z : crm_stats_gamma_q(0.5, z * z / 2);
}

double crm_stats_normal_cdf(double z)
{
    double half = crm_stats_normal_p2(z) / 2;

    return z > 0 ? 1 - half : half;
}

double crm_stats_normal_quantile(double p)
{
    return p > 0 && p < 1 ? crm_normal_quantile(p) : (double)NAN;
}

static double minus_beta_inc(double x, double a, double b)
{
    return -crm_stats_beta_inc(a, b, x);
}

double crm_stats_beta_quantile(double a, double b, double p)
{
    if (!(a > 0 && b > 0 && p >= 0 && p <= 1)) return (double)NAN;
    if (p == 0 || p == 1) return p;
    return halve(minus_beta_inc, a, b, -p, 0, 1);
}

/* P(range < q) = k int phi(z) (Phi(z) - Phi(z - q))^(k - 1) dz, z the largest of the k.  The
 * trapezium rule converges faster than any power of its step on such an integrand; 0.1 leaves
 * rounding only. */
double crm_stats_range_tail(double q, int k)
{
    static const double INV_SQRT_2PI = 0.39894228040143267794;
    const double step = 0.1;
    double s = 0;

    if (!(k >= 2) || isnan(q)) return (double)NAN;
    if (q <= 0) return 1;
    for (int i = -90; i <= 90; i++) {
        double z = i * step, inside = crm_stats_normal_cdf(z) - crm_stats_normal_cdf(z - q);

        if (inside > 0) s += crm_exp(-z * z / 2 + (k - 1) * crm_log(inside));
    }
    s = 1 - k * s * step * INV_SQRT_2PI;
    return s > 0 ? s : 0;
}

static double range_tail(double q, double k, double unused)
{
    (void)unused;
    return crm_stats_range_tail(q, (int)k);
}

double crm_stats_range_quantile(double alpha, int k)
{
    if (!(alpha > 0 && alpha < 1 && k >= 2)) return (double)NAN;
    return halve(range_tail, k, 0, alpha, 0, upper_end(range_tail, k, 0, alpha));
}

double crm_stats_binom_half_cdf(int64_t x, int64_t n)
{
    if (x < 0 || n < 0 || x > n) return (double)NAN;
    return x == n ? 1 : crm_stats_beta_inc_xy((double)(n - x), (double)x + 1, 0.5, 0.5);
}
