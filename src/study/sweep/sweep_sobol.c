/* sweep_sobol.c - scrambled Sobol sequence.
 *
 * Direction numbers: S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better
 * two-dimensional projections", SIAM J. Sci. Comput. 30 (2008), set D6.  Order: that of the Gray
 * code (Antonov and Saleev 1979).  Scramble: nested uniform (Owen 1995), by the hash of Laine and
 * Karras (2011) as Burley gives it, "Practical hash-based Owen scrambling", JCGT 9 (2020). */
#include "crmpi/base_rng.h"
#include "sweep_impl.h"

/* Of each dimension but the first, which is that of van der Corput: primitive polynomial, its
 * coefficients as bits, and the first numbers m_1 .. m_degree. */
static const struct {
    uint16_t polynomial, m[9];
} table[CRM_SWEEP_DIMS_MAX - 1] = {
    /* clang-format off */
    {3, {1}}, {7, {1, 3}}, {11, {1, 3, 1}}, {13, {1, 1, 1}}, {19, {1, 1, 3, 3}},
    {25, {1, 3, 5, 13}}, {37, {1, 1, 5, 5, 17}}, {41, {1, 1, 5, 5, 5}}, {47, {1, 1, 7, 11, 19}},
    {55, {1, 1, 5, 1, 1}}, {59, {1, 1, 1, 3, 11}}, {61, {1, 3, 5, 5, 31}},
    {67, {1, 3, 3, 9, 7, 49}}, {91, {1, 1, 1, 15, 21, 21}}, {97, {1, 3, 1, 13, 27, 49}},
    {103, {1, 1, 1, 15, 7, 5}}, {109, {1, 3, 1, 15, 13, 25}}, {115, {1, 1, 5, 5, 19, 61}},
    {131, {1, 3, 7, 11, 23, 15, 103}}, {137, {1, 3, 7, 13, 13, 15, 69}},
    {143, {1, 1, 3, 13, 7, 35, 63}}, {145, {1, 3, 5, 9, 1, 25, 53}},
    {157, {1, 3, 1, 13, 9, 35, 107}}, {167, {1, 3, 1, 5, 27, 61, 31}},
    {171, {1, 1, 5, 11, 19, 41, 61}}, {185, {1, 3, 5, 3, 3, 13, 69}},
    {191, {1, 1, 7, 13, 1, 19, 1}}, {193, {1, 3, 7, 5, 13, 19, 59}},
    {203, {1, 1, 3, 9, 25, 29, 41}}, {211, {1, 3, 5, 13, 23, 1, 55}},
    {213, {1, 3, 7, 3, 13, 59, 17}}, {229, {1, 3, 1, 3, 5, 53, 69}},
    {239, {1, 1, 5, 5, 23, 33, 13}}, {241, {1, 1, 7, 7, 1, 61, 123}},
    {247, {1, 1, 7, 9, 13, 61, 49}}, {253, {1, 3, 3, 5, 3, 55, 33}},
    {285, {1, 3, 1, 15, 31, 13, 49, 245}}, {299, {1, 3, 5, 15, 31, 59, 63, 97}},
    {301, {1, 3, 1, 11, 11, 11, 77, 249}}, {333, {1, 3, 1, 11, 27, 43, 71, 9}},
    {351, {1, 1, 7, 15, 21, 11, 81, 45}}, {355, {1, 3, 7, 3, 25, 31, 65, 79}},
    {357, {1, 3, 1, 1, 19, 11, 3, 205}}, {361, {1, 1, 5, 9, 19, 21, 29, 157}},
    {369, {1, 3, 7, 11, 1, 33, 89, 185}}, {391, {1, 3, 3, 3, 15, 9, 79, 71}},
    {397, {1, 3, 7, 11, 15, 39, 119, 27}}, {425, {1, 1, 3, 1, 11, 31, 97, 225}},
    {451, {1, 1, 1, 3, 23, 43, 57, 177}}, {463, {1, 3, 7, 7, 17, 17, 37, 71}},
    {487, {1, 3, 1, 5, 27, 63, 123, 213}}, {501, {1, 1, 3, 5, 11, 43, 53, 133}},
    {529, {1, 3, 5, 5, 29, 17, 47, 173, 479}}, {539, {1, 3, 3, 11, 3, 1, 109, 9, 69}},
    {545, {1, 1, 1, 5, 17, 39, 23, 5, 343}}, {557, {1, 3, 1, 5, 25, 15, 31, 103, 499}},
    {563, {1, 1, 1, 11, 11, 17, 63, 105, 183}}, {601, {1, 1, 5, 11, 9, 29, 97, 231, 363}},
    {607, {1, 1, 5, 15, 19, 45, 41, 7, 383}}, {617, {1, 3, 7, 7, 31, 19, 83, 137, 221}},
    {623, {1, 1, 1, 3, 23, 15, 111, 223, 83}}, {631, {1, 1, 5, 13, 31, 15, 55, 25, 161}},
    {637, {1, 1, 3, 13, 25, 47, 39, 87, 257}},
    /* clang-format on */
};

static int degree_of(unsigned polynomial)
{
    int n = 0;

    while (polynomial >>= 1)
        n++;
    return n;
}

/* v[b] = direction number of bit b, the first one is the highest bit. */
static void directions(int d, uint32_t v[32])
{
    unsigned p = d > 0 ? table[d - 1].polynomial : 0;
    int s = degree_of(p);

    for (int b = 0; b < 32; b++) {
        if (d == 0 || b < s) {
            v[b] = (d == 0 ? 1U : (uint32_t)table[d - 1].m[b]) << (31 - b);
            continue;
        }
        v[b] = v[b - s] ^ (v[b - s] >> s);
        for (int k = 1; k < s; k++)
            if (p >> (s - k) & 1) v[b] ^= v[b - k];
    }
}

static uint32_t reversed(uint32_t x)
{
    uint32_t y = 0;

    for (int b = 0; b < 32; b++)
        y |= (x >> b & 1) << (31 - b);
    return y;
}

/* Each bit is turned by a hash of the bits above it: with the bits reversed, of those below. */
static uint32_t scrambled(uint32_t x, uint32_t key)
{
    x = reversed(x);
    x += key;
    x ^= x * 0x6c50b47cU;
    x ^= x * 0xb82f1e52U;
    x ^= x * 0xc7afe638U;
    x ^= x * 0x8d22f6e6U;
    return reversed(x);
}

uint32_t sweep_sobol_plain(int d, uint32_t i)
{
    uint32_t v[32], x = 0, gray = i ^ i >> 1;

    directions(d, v);
    for (int b = 0; b < 32; b++)
        if (gray >> b & 1) x ^= v[b];
    return x;
}

double sweep_sobol(uint64_t seed, int d, int64_t i)
{
    uint32_t key = (uint32_t)crm_rng_derive(seed, CRM_RNG_SWEEP, (uint64_t)d, 0);

    return (double)scrambled(sweep_sobol_plain(d, (uint32_t)i), key) / 4294967296.0;
}
