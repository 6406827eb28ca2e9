/* train_values.c - s(x) = sign(x) log(1 + |x|) of many values, without branches, so that a compiler
 * can take several at a time; every way of doing so gives the same bits.
 *
 *     a = |x|;  a < 2^-12:  a - a^2 / 2 + a^3 / 3            (error below a^4 / 4)
 *     else u = 1 + a = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f / (2 + f):
 *     log u = k log 2 + 2 s (1 + s^2 / 3 + s^4 / 5 + ...)    (atanh series, here to s^18)
 *
 * Relative error below 4e-12, the most just below 2^-12, where a float has 6e-8. */
#include <math.h>
#include <string.h>

#include "train_blocks.h"

/* log u for a finite u >= 1. */
static inline double log_above_one(double u)
{
    static const uint64_t sqrt_half = 0x3FE6A09E667F3BCD, magic_bits = 0x4330000000000000;
    static const double magic = 0x1p52, log2 = 0.69314718055994530942;
    uint64_t bits, k_bits;
    double m, k, s, z, p;

    memcpy(&bits, &u, sizeof bits);
    k_bits = (bits - sqrt_half) >> 52;
    bits -= k_bits << 52;
    k_bits |= magic_bits; /* the double 2^52 + k */
    memcpy(&m, &bits, sizeof m);
    memcpy(&k, &k_bits, sizeof k);
    k -= magic;
    s = (m - 1) / (m + 1);
    z = s * s;
    p = 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    return k * log2 + (2 * s + 2 * s * z * p);
}

/* where ? x : y without a branch; where is 0 or 1. */
static inline double pick(uint64_t where, double x, double y)
{
    uint64_t bx, by;

    memcpy(&bx, &x, sizeof bx);
    memcpy(&by, &y, sizeof by);
    bx = (bx & (0 - where)) | (by & (where - 1));
    memcpy(&x, &bx, sizeof x);
    return x;
}

static inline double squash(float x)
{
    static const uint64_t limit = 0x3F30000000000000; /* 2^-12 */
    double a = fabs((double)x);
    double small = a - a * a * (0.5 - a * (1.0 / 3)), large = log_above_one(1 + a);
    uint64_t bits;

    memcpy(&bits, &a, sizeof bits);
    return copysign(pick((bits - limit) >> 63, small, large), (double)x);
}

bool crm_values_more(const blocks *b, values *v)
{
    v->x += v->n;
    v->left -= v->n;
    v->n = v->left < CRM_VALUES ? v->left : CRM_VALUES;
    if (b->log_inputs)
        for (int64_t i = 0; i < v->n; i++)
            v->y[i] = squash(v->x[i]);
    else
        for (int64_t i = 0; i < v->n; i++)
            v->y[i] = (double)v->x[i];
    return v->n > 0;
}
