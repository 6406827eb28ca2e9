/* cuda_math.h - functions of one number for kernels: those of the CPU device (cpu/cpu_math.inc.h,
 * cpu/cpu_rnn.inc.h, base_math.h), operation by operation.
 *
 * Fused multiply-adds are written as fmaf and nothing else is fused (-fmad=false); float denormals
 * are flushed (-ftz=true), division and root are correctly rounded, so that results are those of
 * the CPU.  Polynomials: S. L. Moshier, Cephes 2.2 (expf.c, tanhf.c, logf.c); doubles: FDLIBM.
 * Largest errors against double, in units of the last place of the result:
 *
 *     exp 0.80   sigmoid 2.4   tanh 1.31   gate_sigmoid 2.4   gate_tanh 2.5
 *     log 0.80   log1p 0.90   softplus 1.6 (x > -87)
 *     f64: exp 1.3   log1p 0.8 */
#ifndef CUDA_MATH_H
#define CUDA_MATH_H

#include "cuda_impl.h"

/* x with the sign of s. */
CRM_DEVICE float cuda_with_sign(float x, float s)
{
    return __uint_as_float((__float_as_uint(x) & 0x7FFFFFFFu) | (__float_as_uint(s) & 0x80000000u));
}

/* exp(r) = 1 + r + r^2 q(r) for |r| <= ln2 / 2: gives q. */
CRM_DEVICE float cuda_exp_poly(float r)
{
    float q = fmaf(r, 1.9875691500e-4f, 1.3981999507e-3f);

    q = fmaf(q, r, 8.3334519073e-3f);
    q = fmaf(q, r, 4.1665795894e-2f);
    q = fmaf(q, r, 1.6666665459e-1f);
    return fmaf(q, r, 5.0000001201e-1f);
}

/* r of x = k ln2 + r, k = round(x / ln2); *bits holds k in its low bits. */
CRM_DEVICE float cuda_exp_rest(float x, uint32_t *bits)
{
    const float shift = 0x1.8p23f;
    float t = fmaf(x, 1.44269504f, shift), k = t - shift;

    *bits = __float_as_uint(t);
    return fmaf(k, 2.12194440e-4f, fmaf(k, -0.693359375f, x));
}

/* 0 where the result would be below 2^-126, infinite above the largest float. */
CRM_DEVICE float cuda_exp(float x)
{
    float c = x < -104.0f ? -104.0f : x, r, q, one;
    uint32_t n, half;

    c = c > 89.0f ? 89.0f : c; /* NaN passes both */
    r = cuda_exp_rest(c, &n);
    q = cuda_exp_poly(r);
    one = 1.0f + r;
    q = one + fmaf(q, r * r, r - (one - 1.0f)); /* with what 1 + r lost (Dekker 1971) */
    n = n - 0x4B400000u + 1024u;                /* k + 1024 > 0 */
    half = n >> 1;
    return q * __uint_as_float((half - 512u + 127u) << 23) *
           __uint_as_float((n - half - 512u + 127u) << 23);
}

CRM_DEVICE float cuda_sigmoid(float x)
{
    float e = cuda_exp(-fabsf(x));

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

CRM_DEVICE float cuda_tanh(float x)
{
    float a = fabsf(x), z = a * a, p, large, small;

    p = fmaf(z, -5.70498872745e-3f, 2.06390887954e-2f);
    p = fmaf(p, z, -5.37397155531e-2f);
    p = fmaf(p, z, 1.33314422036e-1f);
    p = fmaf(p, z, -3.33332819422e-1f);
    small = fmaf(p, z * a, a);
    large = 1.0f - 2.0f / (cuda_exp(2.0f * a) + 1.0f);
    return cuda_with_sign(a < 0.625f ? small : large, x);
}

/* log(m 2^k) for m in [sqrt(1/2), sqrt(2)), f = m - 1; c is a small correction of the result. */
CRM_DEVICE float cuda_log_core(float f, float k, float c)
{
    float z = f * f, p = fmaf(f, 7.0376836292e-2f, -1.1514610310e-1f);

    p = fmaf(p, f, 1.1676998740e-1f);
    p = fmaf(p, f, -1.2420140846e-1f);
    p = fmaf(p, f, 1.4249322787e-1f);
    p = fmaf(p, f, -1.6668057665e-1f);
    p = fmaf(p, f, 2.0000714765e-1f);
    p = fmaf(p, f, -2.4999993993e-1f);
    p = fmaf(p, f, 3.3333331174e-1f);
    p = fmaf(p * f, z, fmaf(k, -2.12194440e-4f, c));
    p = fmaf(-0.5f, z, p);
    return fmaf(k, 0.693359375f, f + p);
}

/* f and k of x = (1 + f) 2^k, x positive and normal. */
CRM_DEVICE float cuda_log_split(float x, float *k)
{
    uint32_t u = __float_as_uint(x) - 0x3F3504F3u; /* sqrt(1/2) */

    *k = (float)((int32_t)u >> 23);
    return __uint_as_float((u & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
}

/* -inf at 0, NaN below. */
CRM_DEVICE float cuda_log(float x)
{
    float k, f = cuda_log_split(x, &k), y = cuda_log_core(f, k, 0.0f);

    if (x >= FLT_MIN && x <= FLT_MAX) return y;
    return x < 0.0f ? __uint_as_float(0x7FC00000u) : x < FLT_MIN ? -INFINITY : x;
}

/* log(1 + x) for x > -1. */
CRM_DEVICE float cuda_log1p(float x)
{
    float u = 1.0f + x, k, f, c;

    if (!(x > -1.0f && u <= FLT_MAX)) return x == INFINITY ? x : cuda_log(u);
    c = (x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f)) / u; /* what 1 + x lost by rounding */
    f = cuda_log_split(u, &k);
    return cuda_log_core(f, k, c);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)). */
CRM_DEVICE float cuda_softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + cuda_log1p(cuda_exp(-fabsf(x)));
}

/* ---- gates of recurrent nets (docs/numerics.md, "Recurrent nets") ---- */

/* exp(x) = power (1 + s) for x <= 0, clamped at -87: gives s and power, a normal number. */
CRM_DEVICE float cuda_gate_exp(float x, float *power)
{
    uint32_t bits;
    float r = cuda_exp_rest(x < -87.0f ? -87.0f : x, &bits); /* NaN passes */

    *power = __uint_as_float((bits << 23) + 0x3F800000u);
    return fmaf(cuda_exp_poly(r), r * r, r);
}

CRM_DEVICE float cuda_gate_sigmoid(float x)
{
    float power, s = cuda_gate_exp(-fabsf(x), &power), e = fmaf(power, s, power);

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

CRM_DEVICE float cuda_gate_tanh(float x)
{
    float power, s = cuda_gate_exp(-2.0f * fabsf(x), &power), e = fmaf(power, s, power - 1.0f);

    return cuda_with_sign(e / (2.0f + e), x);
}

/* ---- activations ---- */

CRM_DEVICE float cuda_gelu_inner(float x)
{
    return x * fmaf(x * x, 0.0713548163f, 1.59576912f);
}

CRM_DEVICE float cuda_act(int act, float x)
{
    switch (act) {
    case CRM_ACT_RELU:
        return x < 0.0f ? 0.0f : x; /* NaN stays NaN, so that divergence is seen */
    case CRM_ACT_TANH:
        return cuda_tanh(x);
    case CRM_ACT_SIGMOID:
        return cuda_sigmoid(x);
    case CRM_ACT_SILU:
        return x * cuda_sigmoid(x);
    case CRM_ACT_GELU:
        return x * cuda_sigmoid(cuda_gelu_inner(x));
    default:
        return x;
    }
}

/* d/dx of x s(u(x)) = s + x s (1 - s) u'; s (1 - s) = e / (1 + e)^2 does not cancel. */
CRM_DEVICE float cuda_gated_slope(float x, float u, float du)
{
    float e = cuda_exp(-fabsf(u)), inv = 1.0f / (1.0f + e);

    return fmaf(x * du, e * inv * inv, (u < 0.0f ? e : 1.0f) * inv);
}

/* dy act'(.) from s: the output for RELU, TANH, SIGMOID, the input for SILU and GELU. */
CRM_DEVICE float cuda_act_back(int act, float s, float dy)
{
    switch (act) {
    case CRM_ACT_RELU:
        return s > 0.0f ? dy : 0.0f;
    case CRM_ACT_TANH:
        return dy * fmaf(-s, s, 1.0f);
    case CRM_ACT_SIGMOID:
        return dy * (s * (1.0f - s));
    case CRM_ACT_SILU:
        return dy * cuda_gated_slope(s, s, 1.0f);
    case CRM_ACT_GELU:
        return dy * cuda_gated_slope(s, cuda_gelu_inner(s), fmaf(s * s, 0.214064449f, 1.59576912f));
    default:
        return dy;
    }
}

/* ---- double, as base_math.h ---- */

#define CUDA_LN2_HI 6.93147180369123816490e-01
#define CUDA_LN2_LO 1.90821492927058770002e-10

/* 2^k for k in -1022 .. 1023. */
CRM_DEVICE double cuda_power2_f64(int k)
{
    return __longlong_as_double((long long)(1023 + k) << 52);
}

CRM_DEVICE double cuda_exp_f64(double x)
{
    double k, hi, lo, r, t, c;
    int n;

    if (x != x) return x;
    if (x > 709.782712893383973096) return (double)INFINITY;
    if (x < -745.13321910194110842) return 0.0;
    k = floor(x * 1.44269504088896338700 + 0.5);
    hi = x - k * CUDA_LN2_HI;
    lo = k * CUDA_LN2_LO;
    r = hi - lo;
    t = r * r;
    c = 6.61375632143793436117e-05 +
        t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08);
    c = r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * c));
    n = (int)k;
    return (1.0 - ((lo - (r * c) / (2.0 - c)) - hi)) * cuda_power2_f64(n / 2) *
           cuda_power2_f64(n - n / 2);
}

/* log(1 + f) + k ln2 for 1 + f in [sqrt(1/2), sqrt(2)); c is a small correction of f. */
CRM_DEVICE double cuda_log_core_f64(double f, double k, double c)
{
    double s = f / (2.0 + f), z = s * s, w = z * z, h = 0.5 * f * f, odd, even;

    odd = 6.666666666666735130e-01 +
          w * (2.857142874366239149e-01 +
               w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01));
    even = 3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01);
    odd = z * odd + w * even;
    return k * CUDA_LN2_HI - ((h - (s * (h + odd) + (k * CUDA_LN2_LO + c))) - f);
}

/* log(x (1 + c / x)) for a positive normal x. */
CRM_DEVICE double cuda_log_of_f64(double x, double c)
{
    long long bits = __double_as_longlong(x);
    int e = (int)(bits >> 52) - 1023;
    double m = __longlong_as_double((bits & 0xFFFFFFFFFFFFFll) | 0x3FF0000000000000ll);

    if (m > 1.41421356237309504880) {
        m *= 0.5;
        e++;
    }
    return cuda_log_core_f64(m - 1.0, (double)e, c);
}

/* log(1 + x) for x >= 0 (or NaN): all that losses need. */
CRM_DEVICE double cuda_log1p_f64(double x)
{
    double u = 1.0 + x, c;

    if (!(x <= DBL_MAX) || x < 0x1p-53) return x;
    if (x < 0.4142) return cuda_log_core_f64(x, 0.0, 0.0);
    c = (x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0)) / u; /* what 1 + x lost by rounding */
    return cuda_log_of_f64(u, c);
}

/* x^y for a positive normal x. */
CRM_DEVICE double cuda_pow_f64(double x, double y)
{
    return cuda_exp_f64(y * cuda_log_of_f64(x, 0.0));
}

/* log(sigmoid(x)), without underflow to -inf. */
CRM_DEVICE double cuda_log_sigmoid_f64(double x)
{
    return x >= 0.0 ? -cuda_log1p_f64(cuda_exp_f64(-x)) : x - cuda_log1p_f64(cuda_exp_f64(x));
}

#endif
