/* table_testing.h - arrays, draws and lanes of the tests of tables. */
#ifndef TABLE_TESTING_H
#define TABLE_TESTING_H

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"

static inline void *new_array(int64_t n, size_t size)
{
    void *p = crm_mem_new((size_t)n, size);

    if (!p) abort();
    return p;
}

/* In [0, 1). */
static inline double unit(uint32_t stream, int64_t at)
{
    crm_rng r = crm_rng_at(6, CRM_RNG_TEST, stream, (uint64_t)at);

    return crm_rng_uniform(&r);
}

/* Lane l ends at row n (l / lanes)^2: the first may be empty. */
static inline void uneven_lanes(int64_t n, int64_t lanes, int64_t *first)
{
    for (int64_t l = 0; l <= lanes; l++)
        first[l] = n * l * l / (lanes * lanes);
}

#endif
