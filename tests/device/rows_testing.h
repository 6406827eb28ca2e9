/* rows_testing.h - what tests of operations on rows share: random arrays, the three instruction
 * sets, bits side by side. */
#ifndef ROWS_TESTING_H
#define ROWS_TESTING_H

#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/device.h"

/* n floats uniform on [-1, 1); key tells arrays apart. */
static inline float *random_floats(int64_t n, uint32_t key)
{
    float *x = crm_mem_new((size_t)n, sizeof *x);
    crm_rng r = crm_rng_at(5, CRM_RNG_TEST, key, 0);

    if (!x) abort();
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(2 * crm_rng_uniform(&r) - 1);
    return x;
}

/* n floats that must be overwritten. */
static inline float *nan_floats(int64_t n)
{
    float *x = crm_mem_new((size_t)n, sizeof *x);

    if (!x) abort();
    for (int64_t i = 0; i < n; i++)
        x[i] = NAN;
    return x;
}

/* [n][d] with rows ld apart. */
static inline crm_tensor strided(float *p, int64_t n, int64_t d, int64_t ld)
{
    return (crm_tensor){.data = p, .dtype = CRM_F32, .rank = 2, .dim = {n, d}, .ld = ld};
}

static inline crm_tensor cube(float *p, int64_t a, int64_t b, int64_t c)
{
    return (crm_tensor){.data = p, .dtype = CRM_F32, .rank = 3, .dim = {a, b, c}, .ld = b * c};
}

static inline int64_t other_bits(const float *a, const float *b, int64_t n)
{
    int64_t other = 0;

    for (int64_t i = 0; i < n; i++)
        other += memcmp(a + i, b + i, sizeof *a) != 0;
    return other;
}

static inline void add_bits(crm_hash *h, const float *x, int64_t n)
{
    crm_hash_add(h, x, (size_t)n * sizeof *x);
}

/* The test, once on each instruction set; what it adds to the digest is the same on all.
 * CRM_TEST_DIGEST=1 prints it, to compare builds of different compilers. */
static inline void on_all_paths(void (*test)(crm_device *d, crm_hash *bits))
{
    static const crm_cpu_path paths[] = {CRM_CPU_PORTABLE, CRM_CPU_AVX2, CRM_CPU_AVX512};
    crm_digest first = {0, 0};

    for (int p = 0; p < 3; p++) {
        crm_device *d = NULL;
        crm_hash *h = NULL;
        crm_status st = crm_device_cpu(paths[p], &d);

        if (st == CRM_ERR_DEVICE) {
            crm_err_clear();
            fprintf(stderr, "# this CPU has %s: path %d is left out\n", crm_cpu_features(), p);
            continue;
        }
        T_OK(st);
        T_OK(crm_hash_new(&h));
        if (!d || !h) abort();
        test(d, h);
        if (p == 0) {
            char hex[CRM_DIGEST_HEX];

            first = crm_hash_value(h);
            if (getenv("CRM_TEST_DIGEST")) printf("# digest %s\n", crm_digest_hex(first, hex));
        }
        T_CHECK(crm_digest_equal(first, crm_hash_value(h)));
        crm_hash_free(&h);
        crm_device_free(&d);
    }
}
#endif
