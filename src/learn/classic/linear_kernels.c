/* linear_kernels.c - the arithmetic of linear models on strips of rows, in a fixed order for every
 * width of registers.
 *
 * exp: x = k ln2 + r, Taylor series of degree 13 in r, |r| <= ln2 / 2; log: x = 2^k (1 + f),
 * s = f / (2 + f), 2 atanh(s) by the polynomial of FDLIBM e_log; both within 2 ulp, without
 * branches, so that compilers turn loops over rows into vector code. */
#include <math.h>
#include <string.h>
#include <xmmintrin.h>

#include "crmpi/base_simd.h"
#include "linear_parts.h"

_Static_assert(STRIP == 64 && LANES == 8, "sums of a lane are written out");

static inline double from_bits(uint64_t u)
{
    double x;

    memcpy(&x, &u, sizeof x);
    return x;
}

static inline uint64_t to_bits(double x)
{
    uint64_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

/* exp(x) for x <= 0; what is below exp(-708) is that. */
static inline double exp_of(double x)
{
    const double shift = 6755399441055744.0; /* 1.5 2^52: its low bits become k */
    double y = x < -708 ? -708 : x, t = y * 1.44269504088896338700 + shift, k = t - shift;
    double r = (y - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10, p;

    p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    return p * from_bits((to_bits(t) + 1023) << 52);
}

/* log(1 + f) + k ln2 with s = f / (2 + f), f in [sqrt(1/2) - 1, sqrt(2) - 1]. */
static inline double log_of_part(double f, double s, double k)
{
    double z = s * s, w = z * z, h = 0.5 * f * f;
    double r = z * (6.666666666666735130e-01 +
                    w * (2.857142874366239149e-01 +
                         w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))) +
               w * (3.999999999940941908e-01 +
                    w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));

    return k * 6.93147180369123816490e-01 -
           ((h - (s * (h + r) + k * 1.90821492927058770002e-10)) - f);
}

/* log(x), x >= 1 (up to 2^50). */
static inline double log_of(double x)
{
    uint64_t u = to_bits(x), m = (u & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    double k = from_bits((u >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023);
    double f = from_bits(m);
    double big = f > 1.41421356237309504880 ? 1 : 0;

    f = f > 1.41421356237309504880 ? f * 0.5 : f;
    f -= 1;
    return log_of_part(f, f / (2 + f), k + big);
}

/* 4 rows x 4 columns. */
static inline void turn_square(int64_t d, const float *num, float *x)
{
    __m128 a = _mm_loadu_ps(num), b = _mm_loadu_ps(num + d), c = _mm_loadu_ps(num + 2 * d),
           e = _mm_loadu_ps(num + 3 * d);

    _MM_TRANSPOSE4_PS(a, b, c, e);
    _mm_storeu_ps(x, a);
    _mm_storeu_ps(x + STRIP, b);
    _mm_storeu_ps(x + 2 * STRIP, c);
    _mm_storeu_ps(x + 3 * STRIP, e);
}

void linear_strip_turn(int64_t d, int64_t n, const float *num, float *x)
{
    int64_t j = 0;

    for (; j + 4 <= d && n == STRIP; j += 4)
        for (int64_t l = 0; l < STRIP; l += 4)
            turn_square(d, num + l * d + j, x + j * STRIP + l);
    for (; j < d; j++) {
        for (int64_t l = 0; l < n; l++)
            x[j * STRIP + l] = num[l * d + j];
        for (int64_t l = n; l < STRIP; l++)
            x[j * STRIP + l] = 0;
    }
}

CRM_SIMD bool linear_strip_finite(int64_t d, const float *x)
{
    float bad[STRIP] = {0}, sum = 0;

    for (int64_t j = 0; j < d; j++, x += STRIP)
        for (int l = 0; l < STRIP; l++)
            bad[l] += x[l] * 0;
    for (int l = 0; l < STRIP; l++)
        sum += bad[l];
    return sum == 0;
}

CRM_SIMD void linear_strip_scores(int64_t d, const float *x, const double *w, double *z)
{
    double s[STRIP];

    for (int l = 0; l < STRIP; l++)
        s[l] = w[d];
    for (int64_t j = 0; j < d; j++, x += STRIP)
        for (int l = 0; l < STRIP; l++)
            s[l] += (double)x[l] * w[j];
    for (int l = 0; l < STRIP; l++)
        z[l] = s[l];
}

/* Lane l of the sum of p q over a strip. */
static inline double products(const double *restrict p, const double *restrict q, int l)
{
    return ((p[l] * q[l] + p[l + 8] * q[l + 8]) + (p[l + 16] * q[l + 16] + p[l + 24] * q[l + 24])) +
           ((p[l + 32] * q[l + 32] + p[l + 40] * q[l + 40]) +
            (p[l + 48] * q[l + 48] + p[l + 56] * q[l + 56]));
}

static inline double row_products(const float *restrict x, const double *restrict q, int l)
{
    return (((double)x[l] * q[l] + (double)x[l + 8] * q[l + 8]) +
            ((double)x[l + 16] * q[l + 16] + (double)x[l + 24] * q[l + 24])) +
           (((double)x[l + 32] * q[l + 32] + (double)x[l + 40] * q[l + 40]) +
            ((double)x[l + 48] * q[l + 48] + (double)x[l + 56] * q[l + 56]));
}

static inline double sums(const double *restrict q, int l)
{
    return ((q[l] + q[l + 8]) + (q[l + 16] + q[l + 24])) +
           ((q[l + 32] + q[l + 40]) + (q[l + 48] + q[l + 56]));
}

CRM_SIMD void linear_strip_add(int64_t d, const float *restrict x, const double *restrict r,
                               double *restrict lanes)
{
    for (int64_t j = 0; j < d; j++, x += STRIP, lanes += LANES)
        for (int l = 0; l < LANES; l++)
            lanes[l] += row_products(x, r, l);
    for (int l = 0; l < LANES; l++)
        lanes[l] += sums(r, l);
}

CRM_SIMD void linear_strip_squares(int64_t d, const float *restrict x, const double *restrict r,
                                   double *restrict lanes)
{
    double q[STRIP];

    for (int64_t j = 0; j < d; j++, x += STRIP, lanes += LANES) {
        for (int l = 0; l < STRIP; l++)
            q[l] = (double)x[l] * r[l];
        for (int l = 0; l < LANES; l++)
            lanes[l] += row_products(x, q, l);
    }
    for (int l = 0; l < LANES; l++)
        lanes[l] += sums(r, l);
}

CRM_SIMD void linear_strip_take(int64_t d, int64_t n, const int64_t *column, const float *x,
                                const double *restrict q, double *restrict out)
{
    for (int64_t i = 0; i < n; i++, out += STRIP) {
        const float *restrict from = x + column[i] * STRIP;
        if (column[i] == d)
            for (int l = 0; l < STRIP; l++)
                out[l] = q[l];
        else
            for (int l = 0; l < STRIP; l++)
                out[l] = (double)from[l] * q[l];
    }
}

CRM_SIMD void linear_strip_gram(int n_a, int n_b, bool upper, const double *restrict a,
                                const double *restrict b, double *restrict lanes)
{
    for (int i = 0; i < n_a; i++)
        for (int k = upper ? i : 0; k < n_b; k++)
            for (int l = 0; l < LANES; l++)
                lanes[(i * n_b + k) * LANES + l] += products(a + i * STRIP, b + k * STRIP, l);
}

CRM_SIMD double linear_dot(int64_t n, const double *restrict a, const double *restrict b)
{
    enum { WIDE = 32 };
    double s[WIDE] = {0};
    int64_t i = 0;

    for (; i + WIDE <= n; i += WIDE)
        for (int l = 0; l < WIDE; l++)
            s[l] += a[i + l] * b[i + l];
    for (int l = 0; i < n; i++, l++)
        s[l] += a[i] * b[i];
    for (int half = WIDE / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            s[l] += s[l + half];
    return s[0];
}

/* ---- losses ---- */

/* s[STRIP] weights of rows; 0 without a class. */
static inline void weigh(const int32_t *slot, const double *weight, double *s)
{
    for (int l = 0; l < STRIP; l++)
        s[l] = slot[l] < 0 ? 0 : weight[slot[l]];
}

static inline void add_lanes(const double *restrict v, double *restrict sum)
{
    for (int l = 0; l < LANES; l++)
        sum[l] += sums(v, l);
}

/* With t the margin and e = exp(-|t|): log(1 + exp(-t)) = log(1 + e) + max(0, -t), where log(1 + e)
 * = log(1 + f) + (0 or ln2).  One division gives 1 / (1 + e) and f / (2 + f). */
CRM_SIMD static void logistic(const int32_t *slot, const double *weight, const double *z,
                              double *sum, double *r, float *curve)
{
    double s[STRIP], loss[STRIP];

    weigh(slot, weight, s);
    for (int l = 0; l < STRIP; l++) {
        double sign = slot[l] > 0 ? 1 : -1, t = sign * z[l];
        double e = exp_of(-fabs(t));
        double half = e > 0.41421356237309504880 ? 1 : 0, f = half > 0 ? (e - 1) * 0.5 : e;
        double both = 1 / ((1 + e) * (2 + f)), inverse = both * (2 + f), q = e * inverse;
        double wrong = t < 0 ? inverse : q;
        loss[l] = s[l] * (log_of_part(f, f * (both * (1 + e)), half) + (t < 0 ? -t : 0));
        r[l] = -sign * s[l] * wrong;
        curve[l] = (float)(s[l] * (q * inverse));
    }
    add_lanes(loss, sum);
}

/* z -> probabilities p, and the log of the sum of exp z. */
static inline void softmax(int m, const double *z, double *p, double *log_sum)
{
    double top[STRIP], total[STRIP];

    for (int l = 0; l < STRIP; l++)
        top[l] = z[l], total[l] = 0;
    for (int c = 1; c < m; c++)
        for (int l = 0; l < STRIP; l++)
            top[l] = z[c * STRIP + l] > top[l] ? z[c * STRIP + l] : top[l];
    for (int c = 0; c < m; c++)
        for (int l = 0; l < STRIP; l++) {
            p[c * STRIP + l] = exp_of(z[c * STRIP + l] - top[l]);
            total[l] += p[c * STRIP + l];
        }
    for (int c = 0; c < m; c++)
        for (int l = 0; l < STRIP; l++)
            p[c * STRIP + l] /= total[l];
    for (int l = 0; l < STRIP; l++)
        log_sum[l] = top[l] + log_of(total[l]);
}

CRM_SIMD static void softmax_loss(int m, const int32_t *slot, const double *weight, const double *z,
                                  double *sum, double *r, float *curve)
{
    double s[STRIP], loss[STRIP];

    weigh(slot, weight, s);
    softmax(m, z, r, loss);
    for (int c = 0; c < m; c++)
        for (int l = 0; l < STRIP; l++) {
            bool own = slot[l] == c;
            curve[c * STRIP + l] = (float)r[c * STRIP + l];
            loss[l] -= own ? z[c * STRIP + l] : 0;
            r[c * STRIP + l] = s[l] * (r[c * STRIP + l] - (own ? 1 : 0));
        }
    for (int l = 0; l < STRIP; l++)
        loss[l] *= s[l];
    add_lanes(loss, sum);
}

CRM_SIMD static void squared_hinge(int vectors, const int32_t *slot, const double *weight,
                                   const double *z, double *sum, double *r, float *curve)
{
    double s[STRIP], loss[STRIP];

    weigh(slot, weight, s);
    for (int v = 0; v < vectors; v++, z += STRIP, r += STRIP, curve += STRIP) {
        int own = vectors == 1 ? 1 : v;
        for (int l = 0; l < STRIP; l++) {
            double sign = slot[l] == own ? 1 : -1, t = 1 - sign * z[l];
            double rest = slot[l] < 0 ? 0 : 1;
            double weigh = vectors == 1 || slot[l] == own ? s[l] : rest;
            double short_of = t > 0 ? t : 0;
            loss[l] = weigh * short_of * short_of;
            r[l] = -2 * sign * weigh * short_of;
            curve[l] = (float)(t > 0 ? 2 * weigh : 0);
        }
        add_lanes(loss, sum);
    }
}

void linear_strip_loss(linear_loss loss, int vectors, const int32_t *slot, const double *weight,
                       const double *z, double *sum, double *r, float *curve)
{
    if (loss == LINEAR_LOGISTIC)
        logistic(slot, weight, z, sum, r, curve);
    else if (loss == LINEAR_SOFTMAX)
        softmax_loss(vectors, slot, weight, z, sum, r, curve);
    else
        squared_hinge(vectors, slot, weight, z, sum, r, curve);
}

/* ---- second derivatives ---- */

/* Softmax: s p_c (z_c - mean of z under p).  The mean divides by the sum of the rounded p, so that
 * the second derivatives stay those of a variance, never negative. */
CRM_SIMD static void softmax_curve(int m, const double *s, const float *p, double *z)
{
    double mean[STRIP] = {0}, total[STRIP] = {0};

    for (int c = 0; c < m; c++)
        for (int l = 0; l < STRIP; l++) {
            mean[l] += (double)p[c * STRIP + l] * z[c * STRIP + l];
            total[l] += (double)p[c * STRIP + l];
        }
    for (int l = 0; l < STRIP; l++)
        mean[l] /= total[l];
    for (int c = 0; c < m; c++)
        for (int l = 0; l < STRIP; l++)
            z[c * STRIP + l] = s[l] * ((double)p[c * STRIP + l] * (z[c * STRIP + l] - mean[l]));
}

void linear_strip_curve(linear_loss loss, int vectors, const int32_t *slot, const double *weight,
                        const float *curve, double *z)
{
    double s[STRIP];

    if (loss == LINEAR_SOFTMAX) {
        weigh(slot, weight, s);
        softmax_curve(vectors, s, curve, z);
        return;
    }
    for (int64_t i = 0; i < (int64_t)vectors * STRIP; i++)
        z[i] *= (double)curve[i];
}

void linear_strip_cross(linear_loss loss, int vectors, int a, int b, const int32_t *slot,
                        const double *weight, const float *curve, double *q)
{
    const float *p = curve + (int64_t)a * STRIP, *o = curve + (int64_t)b * STRIP;
    double s[STRIP], total[STRIP] = {0};

    if (loss != LINEAR_SOFTMAX) {
        for (int l = 0; l < STRIP; l++)
            q[l] = (double)p[l];
        return;
    }
    weigh(slot, weight, s);
    for (int c = 0; c < vectors; c++)
        for (int l = 0; l < STRIP; l++)
            total[l] += (double)curve[c * STRIP + l];
    for (int l = 0; l < STRIP; l++)
        q[l] = s[l] * ((double)p[l] * ((a == b ? 1 : 0) - (double)o[l] / total[l]));
}

/* ---- prediction: rows as they are ---- */

/* Sums in lanes along the columns, so that a row does not wait for others. */
static inline double dot(const float *x, const double *w, int64_t d)
{
    double a[LANES] = {0};
    int64_t j = 0;

    for (; j + LANES <= d; j += LANES)
        for (int l = 0; l < LANES; l++)
            a[l] += (double)x[j + l] * w[j + l];
    for (int l = 0; j < d; j++, l++)
        a[l] += (double)x[j] * w[j];
    return linear_fold(a);
}

CRM_SIMD void linear_scores(int vectors, int64_t d, int64_t width, const double *w, int64_t n,
                            const float *x, double *z)
{
    for (int64_t i = 0; i < n; i++, x += d)
        for (int v = 0; v < vectors; v++)
            *z++ = dot(x, w + v * width, d) + w[v * width + d];
}

CRM_SIMD void linear_softmax(int64_t n, int m, double *z)
{
    for (int64_t i = 0; i < n; i++, z += m) {
        double top = z[0], sum = 0;
        for (int c = 1; c < m; c++)
            top = z[c] > top ? z[c] : top;
        for (int c = 0; c < m; c++) {
            z[c] = exp_of(z[c] - top);
            sum += z[c];
        }
        for (int c = 0; c < m; c++)
            z[c] /= sum;
    }
}

CRM_SIMD void linear_sigmoid(int64_t n, const double *z, double *p)
{
    for (int64_t i = 0; i < n; i++) {
        double e = exp_of(-fabs(z[i])), inverse = 1 / (1 + e), q = e * inverse;
        p[2 * i] = z[i] < 0 ? inverse : q;
        p[2 * i + 1] = z[i] < 0 ? q : inverse;
    }
}
