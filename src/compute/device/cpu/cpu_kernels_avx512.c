/* cpu_kernels_avx512.c - the CPU kernels for AVX-512 (F, DQ, BW, VL): 12 x 32 tile, 24
 * accumulators. */
#include <immintrin.h>

#define KERNELS      crm_cpu_avx512
#define KERNELS_NAME "avx512"
typedef __m512 vec;
enum { LANES = 16, MR = 12, NV = 2 };
#define V_ZERO()       _mm512_setzero_ps()
#define V_LOAD(p)      _mm512_loadu_ps(p)
#define V_STORE(p, v)  _mm512_storeu_ps(p, v)
#define V_SPREAD(x)    _mm512_set1_ps(x)
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_ADD(a, b)    _mm512_add_ps(a, b)
/* A bit for each element that is not zero. */
#define V_NONZERO(p)                                                                               \
    (unsigned)_mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_setzero_ps(), _CMP_NEQ_UQ)
#define V_MASK               __mmask16
#define V_GREATER(a, b)      _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ)
#define V_UNORDERED(a)       _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q)
#define V_CHOOSE(m, yes, no) _mm512_mask_blend_ps(m, no, yes)

#include "cpu_kernels.inc.h"
