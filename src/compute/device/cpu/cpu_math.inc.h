/* cpu_math.inc.h - exp, tanh, sigmoid and the activations in float, from IEEE operations alone.
 *
 * Straight-line code (choices are selects), so that loops over it vectorise.  Polynomials: S. L.
 * Moshier, Cephes 2.2, expf.c and tanhf.c.  Largest errors, measured over all of the range against
 * double: docs/numerics.md. */

static inline uint32_t bits_of(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float float_of(uint32_t u)
{
    float x;

    memcpy(&x, &u, sizeof x);
    return x;
}

/* x with the sign of s. */
static inline float with_sign(float x, float s)
{
    return float_of((bits_of(x) & 0x7FFFFFFFu) | (bits_of(s) & 0x80000000u));
}

/* Both sides are always worked out: as a plain ?: a compiler makes branches of long sides. */
static inline float choose(bool c, float yes, float no)
{
    uint32_t mask = 0u - (uint32_t)c;

    return float_of((bits_of(yes) & mask) | (bits_of(no) & ~mask));
}

/* exp(x) = 2^k exp(r), k = round(x / ln2), |r| <= ln2 / 2, exp(r) = 1 + r + r^2 q(r).  Adding 1.5
 * 2^23 rounds to an integer and leaves it in the low bits.  2^k is applied in two factors, so that
 * results up to the largest float come out and larger ones become infinite; below 2^-126 flushed.
 */
static inline float v_exp(float x)
{
    const float shift = 0x1.8p23f;
    float c = x < -104.0f ? -104.0f : x, t, k, r, q, one;
    uint32_t n, half;

    c = c > 89.0f ? 89.0f : c; /* NaN passes both */
    t = fmaf(c, 1.44269504f, shift);
    k = t - shift;
    r = fmaf(k, -0.693359375f, c);
    r = fmaf(k, 2.12194440e-4f, r);
    q = fmaf(r, 1.9875691500e-4f, 1.3981999507e-3f);
    q = fmaf(q, r, 8.3334519073e-3f);
    q = fmaf(q, r, 4.1665795894e-2f);
    q = fmaf(q, r, 1.6666665459e-1f);
    q = fmaf(q, r, 5.0000001201e-1f);
    one = 1.0f + r;
    q = one + fmaf(q, r * r, r - (one - 1.0f)); /* with what 1 + r lost (Dekker 1971) */
    n = bits_of(t) - bits_of(shift) + 1024u;    /* k + 1024 > 0 */
    half = n >> 1;
    return q * float_of((half - 512u + 127u) << 23) * float_of((n - half - 512u + 127u) << 23);
}

/* 1 / (1 + e) or e / (1 + e) with e = exp(-|x|): the second keeps its accuracy for negative x. */
static inline float v_sigmoid(float x)
{
    float e = v_exp(-fabsf(x));

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* Odd polynomial below 0.625, 1 - 2 / (exp(2|x|) + 1) above. */
static inline float v_tanh(float x)
{
    float a = fabsf(x), z = a * a, p, large, small;

    p = fmaf(z, -5.70498872745e-3f, 2.06390887954e-2f);
    p = fmaf(p, z, -5.37397155531e-2f);
    p = fmaf(p, z, 1.33314422036e-1f);
    p = fmaf(p, z, -3.33332819422e-1f);
    small = fmaf(p, z * a, a);
    large = 1.0f - 2.0f / (v_exp(2.0f * a) + 1.0f);
    return with_sign(choose(a < 0.625f, small, large), x);
}

static inline float v_relu(float x)
{
    return x < 0.0f ? 0.0f : x; /* NaN stays NaN, so that divergence is seen */
}

static inline float v_silu(float x)
{
    return x * v_sigmoid(x);
}

/* Argument of the sigmoid in the tanh form of GELU: x/2 (1 + tanh u) = x sigmoid(2u), 2u =
 * 2 sqrt(2/pi) (x + 0.044715 x^3); the sigmoid does not cancel for negative x.  Hendrycks & Gimpel
 * (2016). */
static inline float gelu_inner(float x)
{
    return x * fmaf(x * x, 0.0713548163f, 1.59576912f);
}

static inline float v_gelu(float x)
{
    return x * v_sigmoid(gelu_inner(x));
}

/* d/dx of x s(u(x)) = s + x s (1 - s) u'; s (1 - s) = e / (1 + e)^2 does not cancel. */
static inline float d_gated(float x, float u, float du)
{
    float e = v_exp(-fabsf(u)), inv = 1.0f / (1.0f + e);

    return fmaf(x * du, e * inv * inv, (u < 0.0f ? e : 1.0f) * inv);
}

static inline float d_silu(float x)
{
    return d_gated(x, x, 1.0f);
}

static inline float d_gelu(float x)
{
    return d_gated(x, gelu_inner(x), fmaf(x * x, 0.214064449f, 1.59576912f));
}
