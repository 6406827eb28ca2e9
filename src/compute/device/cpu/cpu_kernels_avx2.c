/* cpu_kernels_avx2.c - the CPU kernels for AVX2 with FMA: 6 x 16 tile, 12 accumulators. */
#include <immintrin.h>

#define KERNELS      crm_cpu_avx2
#define KERNELS_NAME "avx2"
typedef __m256 vec;
enum { LANES = 8, MR = 6, NV = 2 };
#define V_ZERO()       _mm256_setzero_ps()
#define V_LOAD(p)      _mm256_loadu_ps(p)
#define V_STORE(p, v)  _mm256_storeu_ps(p, v)
#define V_SPREAD(x)    _mm256_set1_ps(x)
#define V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define V_ADD(a, b)    _mm256_add_ps(a, b)
/* A bit for each element that is not zero. */
#define V_NONZERO(p)                                                                               \
    (unsigned)_mm256_movemask_ps(                                                                  \
        _mm256_cmp_ps(_mm256_loadu_ps(p), _mm256_setzero_ps(), _CMP_NEQ_UQ))
#define V_MASK               __m256
#define V_GREATER(a, b)      _mm256_cmp_ps(a, b, _CMP_GT_OQ)
#define V_UNORDERED(a)       _mm256_cmp_ps(a, a, _CMP_UNORD_Q)
#define V_CHOOSE(m, yes, no) _mm256_blendv_ps(no, yes, m)

#include "cpu_kernels.inc.h"
