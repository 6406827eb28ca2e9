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

#include "cpu_kernels.inc.h"
