/* table_scan_avx512.c - the kernels of the reader for AVX-512 (BW). */
#include <immintrin.h>

#define KERNELS      crm_table_avx512
#define KERNELS_NAME "avx512"
#include "table_scan.inc.h"
#include "table_scan_x86.inc.h"

static inline void masks(const char *p, char sep, marks *m)
{
    __m512i v = _mm512_loadu_si512(p);

    m->sep = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(sep));
    m->nl = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n'));
    m->quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    m->cr = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\r'));
    m->zero = _mm512_testn_epi8_mask(v, v);
    m->high = _mm512_movepi8_mask(v);
}
