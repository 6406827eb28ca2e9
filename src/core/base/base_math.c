/* base_math.c - exp, log, tanh, normal quantile from IEEE operations alone (no libm but the exact
 * functions), so that bits do not depend on the C library or on the CPU.
 *
 * exp: x = k ln2 + r, |r| <= ln2/2, exp(r) = 1 + 2r/(c - r) with Remez polynomial c (FDLIBM e_exp).
 * log: x = 2^k (1 + f), s = f/(2 + f), log(1 + f) = 2 atanh(s) (FDLIBM e_log). */
#include "crmpi/base_math.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "crmpi/base_simd.h"

static const double LN2_HI = 6.93147180369123816490e-01, LN2_LO = 1.90821492927058770002e-10;

static inline double from_bits(uint64_t u)
{
    double x;

    memcpy(&x, &u, sizeof x);
    return x;
}

/* floor(x) for |x| < 2^51, for vector code. */
static inline double floor_small(double x)
{
    double t = x + 6755399441055744.0 - 6755399441055744.0; /* the nearest whole number */

    return t - (t > x);
}

/* x 2^k, k a whole number from -1100 to 1100, in two exact steps, also for denormal results.  The
 * low bits of k + 1.5 2^52 + 2048 are k + 2048, which serves vector code better than a cast. */
static inline double scale2(double x, double k)
{
    double t = k + (6755399441055744.0 + 2048);
    uint64_t u, half;

    memcpy(&u, &t, sizeof u);
    u &= 0xFFF;
    half = u >> 1;
    return x * from_bits((half - 1) << 52) * from_bits((u - half - 1) << 52);
}

static const double EXP_HIGH = 709.782712893383973096, EXP_LOW = -745.13321910194110842;

/* exp(x) for x from EXP_LOW to EXP_HIGH. */
static inline double exp_core(double x)
{
    static const double P1 = 1.66666666666666019037e-01, P2 = -2.77777777770155933842e-03,
                        P3 = 6.61375632143793436117e-05, P4 = -1.65339022054652515390e-06,
                        P5 = 4.13813679705723846039e-08;
    double k, hi, lo, r, t, c;

    k = floor_small(x * 1.44269504088896338700 + 0.5);
    hi = x - k * LN2_HI;
    lo = k * LN2_LO;
    r = hi - lo;
    t = r * r;
    c = r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))));
    return scale2(1 - ((lo - (r * c) / (2 - c)) - hi), k);
}

double crm_exp(double x)
{
    if (isnan(x)) return x;
    if (x > EXP_HIGH) return (double)INFINITY;
    if (x < EXP_LOW) return 0;
    return exp_core(x);
}

enum { STRIP = 64 };

/* Returns whether all of x[n] are in the range of the core. */
CRM_SIMD static bool exp_strip(int64_t n, const double *x, double *y)
{
    int64_t odd = 0;

    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > EXP_LOW ? x[i] : EXP_LOW; /* of NaN too */
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] < EXP_HIGH ? y[i] : EXP_HIGH;
    for (int64_t i = 0; i < n; i++)
        odd += y[i] != x[i];
    for (int64_t i = 0; i < n; i++)
        y[i] = exp_core(y[i]);
    return odd == 0;
}

void crm_exp_each(int64_t n, const double *x, double *out)
{
    double y[STRIP];

    for (int64_t at = 0, m; at < n; at += m) {
        m = n - at < STRIP ? n - at : STRIP;
        if (!exp_strip(m, x + at, y))
            for (int64_t i = 0; i < m; i++)
                y[i] = crm_exp(x[at + i]);
        memcpy(out + at, y, (size_t)m * sizeof *y);
    }
}

/* log(1 + f) + k ln2 for 1 + f in [sqrt(1/2), sqrt(2)); c is a small correction of f. */
static double log_core(double f, double k, double c)
{
    static const double G1 = 6.666666666666735130e-01, G2 = 3.999999999940941908e-01,
                        G3 = 2.857142874366239149e-01, G4 = 2.222219843214978396e-01,
                        G5 = 1.818357216161805012e-01, G6 = 1.531383769920937332e-01,
                        G7 = 1.479819860511658591e-01;
    double s = f / (2 + f), z = s * s, w = z * z, h = 0.5 * f * f;
    double r = z * (G1 + w * (G3 + w * (G5 + w * G7))) + w * (G2 + w * (G4 + w * G6));

    return k * LN2_HI - ((h - (s * (h + r) + (k * LN2_LO + c))) - f);
}

/* x = 2^k m with m in [sqrt(1/2), sqrt(2)). */
static double split(double x, double *k)
{
    uint64_t u;
    int e = 0;

    if (x < 0x1p-1022) {
        x *= 0x1p54;
        e = -54;
    }
    memcpy(&u, &x, sizeof u);
    e += (int)(u >> 52) - 1023;
    u = (u & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    memcpy(&x, &u, sizeof x);
    if (x > 1.41421356237309504880) {
        x *= 0.5;
        e++;
    }
    *k = e;
    return x;
}

double crm_log(double x)
{
    double k, m;

    if (isnan(x) || x == (double)INFINITY) return x;
    if (x < 0) return (double)NAN;
    if (x == 0) return -(double)INFINITY;
    m = split(x, &k);
    return log_core(m - 1, k, 0);
}

double crm_log1p(double x)
{
    double u = 1 + x, k, m, c;

    if (isnan(x) || x <= -1 || x == (double)INFINITY) return x <= -1 ? crm_log(u) : x;
    if (fabs(x) < 0x1p-53) return x;
    if (x > -0.2928 && x < 0.4142) return log_core(x, 0, 0);
    c = (x > 1 ? 1 - (u - x) : x - (u - 1)) / u; /* what 1 + x lost by rounding */
    m = split(u, &k);
    return log_core(m - 1, k, c);
}

double crm_pow(double x, double y)
{
    return crm_exp(y * crm_log(x));
}

double crm_cos(double x)
{
    /* x = n pi/2 + r by a three-part pi/2 (Cody and Waite), |r| <= pi/4; then cosine or sine of r
     * (FDLIBM k_cos, k_sin) */
    static const double C1 = 4.16666666666666019037e-02, C2 = -1.38888888888741095749e-03,
                        C3 = 2.48015872894767294178e-05, C4 = -2.75573143513906633035e-07,
                        C5 = 2.08757232129817482790e-09, C6 = -1.13596475577881948265e-11;
    static const double S1 = -1.66666666666666324348e-01, S2 = 8.33333333332248946124e-03,
                        S3 = -1.98412698298579493134e-04, S4 = 2.75573137070700676789e-06,
                        S5 = -2.50507602534068634195e-08, S6 = 1.58969099521155010221e-10;
    double n = floor(x * 0.63661977236758134308 + 0.5), r, z, h, w, c, s;
    int q;

    if (!isfinite(x)) return (double)NAN;
    q = (int)((int64_t)n & 3);
    r = ((x - n * 1.5707963267341256) - n * 6.077100506303966e-11) - n * 2.0222662487959506e-21;
    z = r * r;
    h = 0.5 * z;
    w = 1 - h;
    c = z * z * (C1 + z * (C2 + z * (C3 + z * (C4 + z * (C5 + z * C6)))));
    c = w + (((1 - w) - h) + c);
    s = r + r * z * (S1 + z * (S2 + z * (S3 + z * (S4 + z * (S5 + z * S6)))));
    if (q == 0) return c;
    if (q == 1) return -s;
    return q == 2 ? -c : s;
}

/* Below 0.625 x + x^3 P(x^2) / Q(x^2) (Cephes tanh): 1 - 2 / (exp(2x) + 1) would cancel there. */
double crm_tanh(double x)
{
    static const double P0 = -1.61468768441708447952e3, P1 = -9.92877231001918586564e1,
                        P2 = -9.64399179425052238628e-1, Q0 = 4.84406305325125486048e3,
                        Q1 = 2.23548839060100448583e3, Q2 = 1.12811678491632931402e2;
    double a = fabs(x), z = x * x, y;

    if (isnan(x)) return x;
    if (a > 22) return x > 0 ? 1 : -1;
    if (a < 0.625) return x + x * z * ((P0 + z * (P1 + z * P2)) / (Q0 + z * (Q1 + z * (Q2 + z))));
    y = 1 - 2 / (crm_exp(2 * a) + 1);
    return x > 0 ? y : -y;
}

double crm_sigmoid(double x)
{
    double e;

    if (x >= 0) return 1 / (1 + crm_exp(-x));
    e = crm_exp(x);
    return e / (1 + e);
}

double crm_log_sigmoid(double x)
{
    return x >= 0 ? -crm_log1p(crm_exp(-x)) : x - crm_log1p(crm_exp(x));
}

static double ratio(const double *num, const double *den, double r) /* degree 7 over degree 7 */
{
    double a = num[7], b = den[7];

    for (int i = 6; i >= 0; i--) {
        a = a * r + num[i];
        b = b * r + den[i];
    }
    return a / b;
}

/* Wichura (1988), "Algorithm AS 241: the percentage points of the normal distribution", PPND16. */
double crm_normal_quantile(double p)
{
    static const double A[] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                               1.9715909503065514427e+3, 1.3731693765509461125e+4,
                               4.5921953931549871457e+4, 6.7265770927008700853e+4,
                               3.3430575583588128105e+4, 2.5090809287301226727e+3},
                        B[] = {1.0,
                               4.2313330701600911252e+1,
                               6.8718700749205790830e+2,
                               5.3941960214247511077e+3,
                               2.1213794301586595867e+4,
                               3.9307895800092710610e+4,
                               2.8729085735721942674e+4,
                               5.2264952788528545610e+3},
                        C[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                               5.76949722146069140550e0,  3.64784832476320460504e0,
                               1.27045825245236838258e0,  2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4},
                        D[] = {1.0,
                               2.05319162663775882187e0,
                               1.67638483018380384940e0,
                               6.89767334985100004550e-1,
                               1.48103976427480074590e-1,
                               1.51986665636164571966e-2,
                               5.47593808499534494600e-4,
                               1.05075007164441684324e-9},
                        E[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                               1.78482653991729133580e0,  2.96560571828504891230e-1,
                               2.65321895265761230930e-2, 1.24266094738807843860e-3,
                               2.71155556874348757815e-5, 2.01033439929228813265e-7},
                        F[] = {1.0,
                               5.99832206555887937690e-1,
                               1.36929880922735805310e-1,
                               1.48753612908506148525e-2,
                               7.86869131145613259100e-4,
                               1.84631831751005468180e-5,
                               1.42151175831644588870e-7,
                               2.04426310338993978564e-15};
    double q = p - 0.5, r, z;

    if (fabs(q) <= 0.425) return q * ratio(A, B, 0.180625 - q * q);
    r = sqrt(-crm_log(q < 0 ? p : 1 - p));
    z = r <= 5 ? ratio(C, D, r - 1.6) : ratio(E, F, r - 5);
    return q < 0 ? -z : z;
}
