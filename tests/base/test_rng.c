/* base_rng.h: known answers of Philox, independence of order, and moments of the distributions. */
#include <Random123/philox.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"

/* From the file kat_vectors of Random123 1.14: counter, key, output of philox4x32-10. */
static const uint32_t KNOWN[][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
     0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
     0x5001e420, 0x24126ea1},
};

static void known_answers(void)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        const uint32_t *k = KNOWN[i];
        philox4x32_ctr_t c = {{k[0], k[1], k[2], k[3]}};
        philox4x32_key_t key = {{k[4], k[5]}};
        philox4x32_ctr_t v = philox4x32(c, key);
        crm_rng r = {.ctr = {k[0], k[1], k[2], k[3]}, .key = {k[4], k[5]}};
        for (int w = 0; w < 4; w++) {
            T_EQ_I(v.v[w], k[6 + w]);
            T_EQ_I(crm_rng_u32(&r), k[6 + w]);
        }
    }
}

/* A number depends on its coordinates only, however the cursor came there. */
static void order_does_not_matter(void)
{
    enum { N = 50 };
    uint32_t forward[N];
    crm_rng r = crm_rng_at(9, CRM_RNG_TEST, 3, 1ull << 40), other;

    for (int i = 0; i < N; i++)
        forward[i] = crm_rng_u32(&r);
    for (int i = N - 1; i >= 0; i--)
        T_EQ_I(crm_rng_element(9, CRM_RNG_TEST, 3, 1ull << 40, (uint32_t)i), forward[i]);
    other = crm_rng_at(9, CRM_RNG_TEST, 3, (1ull << 40) + 1);
    crm_rng_u32(&other);
    r = crm_rng_at(9, CRM_RNG_TEST, 3, 1ull << 40);
    T_EQ_I(crm_rng_u32(&r), forward[0]);
}

/* Each coordinate matters: 32 words in common would come once in 2^1024. */
static void coordinates_differ(void)
{
    crm_rng r[] = {crm_rng_at(1, 1, 1, 1),          crm_rng_at(2, 1, 1, 1),
                   crm_rng_at(1, 2, 1, 1),          crm_rng_at(1, 1, 2, 1),
                   crm_rng_at(1, 1, 1, 2),          crm_rng_at(1, 1, 1, 1 + (1ull << 32)),
                   crm_rng_at(1ull << 63, 1, 1, 1), crm_rng_at(0, 1, 1, 1)};
    enum { K = sizeof r / sizeof *r, WORDS = 32 };
    uint32_t out[K][WORDS];

    for (int k = 0; k < K; k++)
        for (int i = 0; i < WORDS; i++)
            out[k][i] = crm_rng_u32(&r[k]);
    for (int a = 0; a < K; a++)
        for (int b = a + 1; b < K; b++)
            T_CHECK(memcmp(out[a], out[b], sizeof out[a]) != 0);
    T_CHECK(crm_rng_derive(1, 2, 3, 4) != crm_rng_derive(1, 2, 4, 3));
    T_CHECK(crm_rng_derive(1, 2, 3, 4) != crm_rng_derive(2, 2, 3, 4));
}

typedef double (*draw)(crm_rng *r);
static double draw_poisson(crm_rng *r)
{
    return crm_rng_poisson(r, 3.5);
}
static double draw_large_poisson(crm_rng *r)
{
    return crm_rng_poisson(r, 200);
}
static double draw_die(crm_rng *r)
{
    return crm_rng_below(r, 6);
}

/* Mean and variance over 200 000 rows lie within 5 standard errors; var_error is that of the
 * variance: sqrt((kurtosis - 1) / n) variance, kurtosis from the textbooks. */
static void moments(void)
{
    enum { N = 200000 };
    static const struct {
        const char *name;
        draw f;
        double mean, variance, kurtosis;
    } row[] = {
        {"uniform", crm_rng_uniform, 0.5, 1 / 12.0, 1.8},
        {"normal", crm_rng_normal, 0, 1, 3},
        {"exponential", crm_rng_exponential, 1, 1, 9},
        {"poisson 3.5", draw_poisson, 3.5, 3.5, 3 + 1 / 3.5},
        {"poisson 200", draw_large_poisson, 200, 200, 3 + 1 / 200.0},
        {"die", draw_die, 2.5, 35 / 12.0, 1.7314},
    };

    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        double sum = 0, square = 0, mean, variance;
        for (int i = 0; i < N; i++) {
            crm_rng r = crm_rng_at(77, CRM_RNG_TEST, (uint32_t)k, (uint64_t)i);
            double v = row[k].f(&r) - row[k].mean;
            sum += v;
            square += v * v;
        }
        mean = sum / N;
        variance = square / N;
        T_CHECK(fabs(mean) < 5 * sqrt(row[k].variance / N));
        T_CHECK(fabs(variance / row[k].variance - 1) < 5 * sqrt((row[k].kurtosis - 1) / N));
        if (t_failures) fprintf(stderr, "#   %s: %g %g\n", row[k].name, mean, variance);
    }
}

/* Chi-squared of 256 bins of the first byte and of the bins of below(7); mean df, variance 2 df. */
static void bins_are_even(void)
{
    enum { N = 256000 };
    static const int bins[] = {256, 7};

    for (int k = 0; k < 2; k++) {
        double count[256] = {0}, chi2 = 0, want = (double)N / bins[k], df = bins[k] - 1;
        crm_rng r = crm_rng_at(5, CRM_RNG_TEST, 1, (uint64_t)k);
        for (int i = 0; i < N; i++)
            count[k ? crm_rng_below(&r, 7) : crm_rng_u32(&r) >> 24]++;
        for (int b = 0; b < bins[k]; b++)
            chi2 += (count[b] - want) * (count[b] - want) / want;
        T_CHECK(fabs(chi2 - df) < 5 * sqrt(2 * df));
    }
}

static void ranges(void)
{
    crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, 0);
    crm_rng zeros = {.out = {0, 0, 0, 0}, .left = 4}, ones = {.left = 4};

    memset(ones.out, 0xff, sizeof ones.out);
    T_CHECK(crm_rng_uniform(&zeros) > 0);
    T_CHECK(crm_rng_uniform(&ones) < 1);
    for (int i = 0; i < 1000; i++) {
        T_EQ_I(crm_rng_below(&r, 1), 0);
        T_CHECK(crm_rng_below(&r, 3) < 3);
        T_CHECK(isfinite(crm_rng_normal(&r)));
    }
    crm_rng_below(&r, 1ull << 32);
    T_EQ_I(crm_rng_poisson(&r, 0), 0);
}

/* A permutation holds every number once; over many seeds each place is even. */
static void permutations(void)
{
    enum { N = 1000, SMALL = 4, SEEDS = 24000 };
    int64_t p[N];
    uint8_t seen[N] = {0};
    double count[SMALL][SMALL] = {{0}}, want = (double)SEEDS / SMALL;

    crm_rng_permute(1, CRM_RNG_TEST, 0, N, p);
    for (int i = 0; i < N; i++) {
        T_CHECK(p[i] >= 0 && p[i] < N);
        seen[p[i]]++;
    }
    for (int i = 0; i < N; i++)
        T_EQ_I(seen[i], 1);
    for (int s = 0; s < SEEDS; s++) {
        crm_rng_permute((uint64_t)s, CRM_RNG_TEST, 0, SMALL, p);
        for (int i = 0; i < SMALL; i++)
            count[i][p[i]]++;
    }
    for (int i = 0; i < SMALL * SMALL; i++) /* binomial: variance n p (1 - p) */
        T_CHECK(fabs(count[i / SMALL][i % SMALL] - want) < 5 * sqrt(want * (1 - 1.0 / SMALL)));
    crm_rng_permute(1, CRM_RNG_TEST, 0, 0, p);
    crm_rng_permute(1, CRM_RNG_TEST, 0, 1, p);
    T_EQ_I(p[0], 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"known answers of Philox", known_answers},
                                   {"the order of draws does not matter", order_does_not_matter},
                                   {"every coordinate matters", coordinates_differ},
                                   {"mean and variance", moments},
                                   {"even bins", bins_are_even},
                                   {"ranges", ranges},
                                   {"permutations", permutations},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
