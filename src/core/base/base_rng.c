/* base_rng.c - Philox4x32-10 through Random123; see the header for the coordinates. */
#include "crmpi/base_rng.h"

#include <string.h>

#include <Random123/philox.h>

#include "crmpi/base_math.h"

/* splitmix64 (Steele, Lea, Flood 2014): spreads seed and stream over the 64 key bits. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

uint64_t crm_rng_derive(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
    return mix(mix(mix(mix(seed) ^ a) ^ b) ^ c);
}

crm_rng crm_rng_at(uint64_t seed, uint32_t stream, uint32_t epoch, uint64_t row)
{
    uint64_t key = mix(mix(seed) ^ stream);

    return (crm_rng){.key = {(uint32_t)key, (uint32_t)(key >> 32)},
                     .ctr = {(uint32_t)row, (uint32_t)(row >> 32), epoch, 0}};
}

static void block(const crm_rng *r, uint32_t number, uint32_t out[4])
{
    philox4x32_ctr_t c = {{r->ctr[0], r->ctr[1], r->ctr[2], number}};
    philox4x32_key_t k = {{r->key[0], r->key[1]}};
    philox4x32_ctr_t v = philox4x32(c, k);

    memcpy(out, v.v, 4 * sizeof *out);
}

uint32_t crm_rng_u32(crm_rng *r)
{
    if (r->left == 0) {
        block(r, r->ctr[3]++, r->out);
        r->left = 4;
    }
    return r->out[4 - r->left--];
}

double crm_rng_uniform(crm_rng *r)
{
    uint64_t hi = crm_rng_u32(r), lo = crm_rng_u32(r);

    /* 53 bits, plus half a unit: the middle of its cell, so 0 and 1 never come; exact while below
     * 2^53 */
    return ((double)((hi << 32 | lo) >> 12) + 0.5) * 0x1p-52;
}

uint32_t crm_rng_below(crm_rng *r, uint64_t n)
{
    uint64_t reject = (0x100000000u - n) % n, m; /* Lemire 2019 */

    do {
        m = (uint64_t)crm_rng_u32(r) * n;
    } while ((uint32_t)m < reject);
    return (uint32_t)(m >> 32);
}

double crm_rng_normal(crm_rng *r)
{
    return crm_normal_quantile(crm_rng_uniform(r));
}

double crm_rng_exponential(crm_rng *r)
{
    return -crm_log(crm_rng_uniform(r));
}

int crm_rng_poisson(crm_rng *r, double lambda)
{
    double u = crm_rng_uniform(r), p = crm_exp(-lambda), sum = p;
    int k = 0;

    while (u > sum && k < 1000) { /* inversion by adding up the terms */
        p *= lambda / ++k;
        sum += p;
    }
    return k;
}

uint32_t crm_rng_element(uint64_t seed, uint32_t stream, uint32_t epoch, uint64_t row,
                         uint32_t element)
{
    crm_rng r = crm_rng_at(seed, stream, epoch, row);
    uint32_t out[4];

    block(&r, element >> 2, out);
    return out[element & 3];
}

void crm_rng_permute(uint64_t seed, uint32_t stream, uint32_t epoch, int64_t n, int64_t *out)
{
    crm_rng r = crm_rng_at(seed, stream, epoch, (uint64_t)n);

    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = crm_rng_below(&r, (uint64_t)i + 1), t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}
