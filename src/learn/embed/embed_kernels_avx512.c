/* embed_kernels_avx512.c - the kernels of word vectors for AVX-512: one register holds 16 sums. */
#include <immintrin.h>

#define KERNELS      crm_embed_avx512
#define KERNELS_NAME "avx512"
typedef __m512 vec;
#define ZERO()       _mm512_setzero_ps()
#define LOAD(p)      _mm512_loadu_ps(p)
#define STORE(p, v)  _mm512_storeu_ps(p, v)
#define SPREAD(x)    _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define ADD(a, b)    _mm512_add_ps(a, b)
#define SUB(a, b)    _mm512_sub_ps(a, b)
#define MUL(a, b)    _mm512_mul_ps(a, b)
#define DIV(a, b)    _mm512_div_ps(a, b)
#define ROOT(a)      _mm512_sqrt_ps(a)

static inline __m128 fold_to_4(vec v)
{
    __m256 w = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));

    return _mm_add_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));
}

static inline void fold4(vec a, vec b, vec c, vec d, float *out)
{
    __m128 r0 = fold_to_4(a), r1 = fold_to_4(b), r2 = fold_to_4(c), r3 = fold_to_4(d);

    _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
    _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(r0, r2), _mm_add_ps(r1, r3)));
}

#include "embed_kernels.inc.h"
