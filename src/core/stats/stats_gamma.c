/* stats_gamma.c - log Gamma and the incomplete beta and gamma functions.
 *
 * delta(x) = log Gamma(x + 1) - (x + 1/2) log x + x - log(2 pi)/2 is Stirling's error; for x >= 10
 * its asymptotic series is exact to double, below that delta(x) = delta(x + 1) + (x + 1/2) log(1 +
 * 1/x) - 1. Powers over B(a, b) or Gamma(a) are formed as saddle-point binomial and Poisson terms
 * (Loader 2000, "Fast and accurate computation of binomial probabilities"), which do not cancel for
 * large a, b.  The continued fractions are Abramowitz & Stegun 26.5.8 and 6.5.31, evaluated by
 * Lentz's method as modified by Thompson & Barnett (1986). */
#include <math.h>

#include "crmpi/base_math.h"
#include "crmpi/stats_dist.h"
#include "stats_impl.h"

enum { STEPS_MAX = 1000000 }; /* a fraction needs about sqrt(max(a, b)) steps */
static const double HALF_LOG_2PI = 0.91893853320467274178, TWO_PI = 6.28318530717958647693;
static const double EPS = 0x1p-53,
                    TINY = 1e-290; /* TINY is no denormal: flushing stays off the path */

static double delta(double x)
{
    /* B_2k / (2k (2k - 1)), k = 1..8 */
    static const double C[] = {1 / 12.0,   -1 / 360.0,      1 / 1260.0, -1 / 1680.0,
                               1 / 1188.0, -691 / 360360.0, 1 / 156.0,  -3617 / 122400.0};
    double extra = 0, z, s = 0;

    for (; x < 10; x++)
        extra += (x + 0.5) * crm_log1p(1 / x) - 1;
    z = 1 / (x * x);
    for (int i = 7; i >= 0; i--)
        s = s * z + C[i];
    return s / x + extra;
}

double crm_stats_lgamma(double x)
{
    double shift = 0;

    if (!(x > 0)) return (double)NAN;
    if (isinf(x)) return x;
    if (x < 1) { /* log1p(1/x) of a tiny x would lose the digits of x */
        shift = crm_log(x);
        x += 1;
    }
    return delta(x) + (x - 0.5) * crm_log(x) - x + HALF_LOG_2PI - shift;
}

double crm_stats_digamma(double x)
{
    static const double C[] = {1 / 12.0,   -1 / 120.0, 1 / 252.0,
                               -1 / 240.0, 1 / 132.0,  -691 / 32760.0};
    double before = 0, z, s = 0;

    if (!(x > 0)) return (double)NAN;
    if (isinf(x)) return x;
    for (; x < 10; x++)
        before += 1 / x;
    z = 1 / (x * x);
    for (int i = 5; i >= 0; i--)
        s = (s + C[i]) * z;
    return crm_log(x) - 0.5 / x - s - before;
}

/* Deviance x log(x/m) + m - x without cancellation near x = m. */
static double deviance(double x, double m)
{
    double v, v2, term, s, next;

    if (fabs(x - m) >= 0.1 * (x + m)) return x * crm_log(x / m) + m - x;
    v = (x - m) / (x + m);
    v2 = v * v;
    s = (x - m) * v;
    term = 2 * x * v;
    for (int j = 1; j < 1000; j++) {
        term *= v2;
        next = s + term / (2 * j + 1);
        if (next == s) break;
        s = next;
    }
    return s;
}

/* x^a y^b / B(a, b), x + y = 1. */
static double beta_power(double a, double b, double x, double y)
{
    double n = a + b;
    double l = delta(n) - delta(a) - delta(b) - deviance(a, n * x) - deviance(b, n * y);

    return crm_exp(l) * sqrt(a * (b / n) / TWO_PI);
}

static double guard(double v)
{
    return fabs(v) < TINY ? TINY : v;
}

/* State of a continued fraction evaluated from the front. */
typedef struct fraction {
    double c, d, h;
} fraction;

/* One step with numerator an and denominator bn; returns the factor by which h changed. */
static double fraction_step(fraction *f, double an, double bn)
{
    double change;

    f->d = 1 / guard(bn + an * f->d);
    f->c = guard(bn + an / f->c);
    change = f->c * f->d;
    f->h *= change;
    return change;
}

static double beta_fraction(double a, double b, double x)
{
    fraction f = {1, 1 / guard(1 - (a + b) * x / (a + 1)), 0};

    f.h = f.d;
    for (int m = 1; m < STEPS_MAX; m++) {
        double a2 = a + 2.0 * m;
        double change;

        (void)fraction_step(&f, m * (b - m) * x / ((a2 - 1) * a2), 1);
        change = fraction_step(&f, -(a + m) * (a + b + m) * x / (a2 * (a2 + 1)), 1);
        if (fabs(change - 1) <= 2 * EPS) break;
    }
    return f.h;
}

double crm_stats_beta_inc_xy(double a, double b, double x, double y)
{
    if (!(a > 0 && b > 0 && x >= 0 && y >= 0) || isinf(a) || isinf(b)) return (double)NAN;
    if (x == 0 || y == 0) return x == 0 ? 0 : 1;
    if (x < (a + 1) / (a + b + 2)) return beta_power(a, b, x, y) * beta_fraction(a, b, x) / a;
    return 1 - beta_power(b, a, y, x) * beta_fraction(b, a, y) / b;
}

double crm_stats_beta_inc(double a, double b, double x)
{
    return crm_stats_beta_inc_xy(a, b, x, 1 - x);
}

/* x^a exp(-x) / Gamma(a). */
static double gamma_power(double a, double x)
{
    return crm_exp(-delta(a) - deviance(a, x)) * sqrt(a / TWO_PI);
}

/* P by its power series, for x < a + 1. */
static double gamma_series(double a, double x)
{
    double term = 1 / a, s = term;

    for (int i = 1; i < STEPS_MAX && term > s * EPS; i++) {
        term *= x / (a + i);
        s += term;
    }
    return s * gamma_power(a, x);
}

/* Q by its continued fraction, for x >= a + 1. */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a;
    fraction f = {1 / TINY, 1 / guard(b), 0};

    f.h = f.d;
    for (int i = 1; i < STEPS_MAX; i++) {
        b += 2;
        if (fabs(fraction_step(&f, -i * (i - a), b) - 1) <= 2 * EPS) break;
    }
    return f.h * gamma_power(a, x);
}

double crm_stats_gamma_p(double a, double x)
{
    if (!(a > 0 && x >= 0) || isinf(a)) return (double)NAN;
    if (x == 0 || isinf(x)) return x == 0 ? 0 : 1;
    return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double crm_stats_gamma_q(double a, double x)
{
    if (!(a > 0 && x >= 0) || isinf(a)) return (double)NAN;
    if (x == 0 || isinf(x)) return x == 0 ? 1 : 0;
    return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}
