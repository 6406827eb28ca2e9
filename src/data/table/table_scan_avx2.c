/* table_scan_avx2.c - the kernels of the reader for AVX2. */
#include <immintrin.h>

#define KERNELS      crm_table_avx2
#define KERNELS_NAME "avx2"
#include "table_scan.inc.h"
#include "table_scan_x86.inc.h"

static inline uint64_t equal(__m256i low, __m256i high, char c)
{
    __m256i x = _mm256_set1_epi8(c);

    return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, x)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, x)) << 32;
}

static inline void masks(const char *p, char sep, marks *m)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)p);
    __m256i high = _mm256_loadu_si256((const __m256i *)(p + 32));

    m->sep = equal(low, high, sep);
    m->nl = equal(low, high, '\n');
    m->quote = equal(low, high, '"');
    m->cr = equal(low, high, '\r');
    m->zero = equal(low, high, '\0');
    m->high = (uint64_t)(uint32_t)_mm256_movemask_epi8(low) |
              (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}
