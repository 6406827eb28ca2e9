/* linear_kernels.c - the arithmetic of linear models on strips of rows, in a fixed order for every
 * width of registers.
 *
 * exp: x = k ln2 + r, Taylor series of degree 13 in r, |r| <= ln2 / 2; log: x = 2^k (1 + f),
 * s = f / (2 + f), 2 atanh(s) by the polynomial of FDLIBM e_log; both within 2 ulp, without
 * branches, so that compilers turn loops over rows into vector code. */
#include <math.h>
#include <string.h>

#include "crmpi/base_simd.h"
#include "linear_parts.h"

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

/* log(1 + f) + k ln2, f in [sqrt(1/2) - 1, sqrt(2) - 1]. */
static inline double log_of_part(double f, double k)
{
    double s = f / (2 + f), z = s * s, w = z * z, h = 0.5 * f * f;
    double r = z * (6.666666666666735130e-01 +
                    w * (2.857142874366239149e-01 +
                         w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))) +
               w * (3.999999999940941908e-01 +
                    w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));

    return k * 6.93147180369123816490e-01 -
           ((h - (s * (h + r) + k * 1.90821492927058770002e-10)) - f);
}

/* log(1 + e), 0 <= e <= 1. */
static inline double log1p_of(double e)
{
    double big = e > 0.41421356237309504880 ? 1 : 0;
    double f = e > 0.41421356237309504880 ? (e - 1) * 0.5 : e;

    return log_of_part(f, big);
}

/* log(x), x >= 1 (up to 2^50). */
static inline double log_of(double x)
{
    uint64_t u = to_bits(x), m = (u & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    double k = from_bits((u >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023);
    double f = from_bits(m);
    double big = f > 1.41421356237309504880 ? 1 : 0;

    f = f > 1.41421356237309504880 ? f * 0.5 : f;
    return log_of_part(f - 1, k + big);
}

CRM_SIMD void linear_strip_turn(int64_t d, int64_t n, const float *num, float *x)
{
    for (int64_t j = 0; j < d; j++, x += STRIP) {
        for (int64_t l = 0; l < n; l++)
            x[l] = num[l * d + j];
        for (int64_t l = n; l < STRIP; l++)
            x[l] = 0;
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

CRM_SIMD void linear_strip_add(int64_t d, const float *x, const double *r, double *lanes)
{
    for (int64_t j = 0; j < d; j++, x += STRIP, lanes += LANES)
        for (int g = 0; g < STRIP; g += LANES)
            for (int l = 0; l < LANES; l++)
                lanes[l] += (double)x[g + l] * r[g + l];
    for (int g = 0; g < STRIP; g += LANES)
        for (int l = 0; l < LANES; l++)
            lanes[l] += r[g + l];
}

CRM_SIMD void linear_strip_squares(int64_t d, const float *x, const double *r, double *lanes)
{
    for (int64_t j = 0; j < d; j++, x += STRIP, lanes += LANES)
        for (int g = 0; g < STRIP; g += LANES)
            for (int l = 0; l < LANES; l++)
                lanes[l] += ((double)x[g + l] * (double)x[g + l]) * r[g + l];
    for (int g = 0; g < STRIP; g += LANES)
        for (int l = 0; l < LANES; l++)
            lanes[l] += r[g + l];
}

CRM_SIMD void linear_strip_gram(int n_a, int n_b, const double *a, const double *b, double *lanes)
{
    for (int i = 0; i < n_a; i++)
        for (int k = 0; k < n_b; k++, lanes += LANES) {
            const double *p = a + i * STRIP, *q = b + k * STRIP;
            for (int g = 0; g < STRIP; g += LANES)
                for (int l = 0; l < LANES; l++)
                    lanes[l] += p[g + l] * q[g + l];
        }
}

/* ---- losses ---- */

/* s[STRIP] weights of rows; 0 without a class. */
static inline void weigh(const int32_t *slot, const double *weight, double *s)
{
    for (int l = 0; l < STRIP; l++)
        s[l] = slot[l] < 0 ? 0 : weight[slot[l]];
}

static inline void add_lanes(const double *v, double *sum)
{
    for (int g = 0; g < STRIP; g += LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] += v[g + l];
}

/* With t the margin, e = exp(-|t|): log(1 + exp(-t)) = log1p(e) + max(0, -t). */
CRM_SIMD static void logistic(const int32_t *slot, const double *weight, const double *z,
                              double *sum, double *r, float *curve)
{
    double s[STRIP], loss[STRIP];

    weigh(slot, weight, s);
    for (int l = 0; l < STRIP; l++) {
        double sign = slot[l] > 0 ? 1 : -1, t = sign * z[l];
        double e = exp_of(-fabs(t)), inverse = 1 / (1 + e), q = e * inverse;
        double wrong = t < 0 ? inverse : q;
        loss[l] = s[l] * (log1p_of(e) + (t < 0 ? -t : 0));
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

CRM_SIMD void linear_scores(int vectors, int64_t d, const double *w, int64_t n, const float *x,
                            double *z)
{
    for (int64_t i = 0; i < n; i++, x += d)
        for (int v = 0; v < vectors; v++)
            *z++ = dot(x, w + v * (d + 1), d) + w[v * (d + 1) + d];
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
