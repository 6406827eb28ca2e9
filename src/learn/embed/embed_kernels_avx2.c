/* embed_kernels_avx2.c - the kernels of word vectors for AVX2 with FMA: 16 sums in two registers.
 */
#include <immintrin.h>

#define KERNELS      crm_embed_avx2
#define KERNELS_NAME "avx2"
typedef struct vec {
    __m256 lo, hi;
} vec;
#define EACH(f, ...)     ((vec){f(lo, __VA_ARGS__), f(hi, __VA_ARGS__)})
#define ADD_(h, a, b)    _mm256_add_ps((a).h, (b).h)
#define SUB_(h, a, b)    _mm256_sub_ps((a).h, (b).h)
#define MUL_(h, a, b)    _mm256_mul_ps((a).h, (b).h)
#define DIV_(h, a, b)    _mm256_div_ps((a).h, (b).h)
#define FMA_(h, a, b, c) _mm256_fmadd_ps((a).h, (b).h, (c).h)
#define ROOT_(h, a)      _mm256_sqrt_ps((a).h)
#define SPREAD_(h, x)    _mm256_set1_ps(x)
#define ZERO()           ((vec){_mm256_setzero_ps(), _mm256_setzero_ps()})
#define LOAD(p)          ((vec){_mm256_loadu_ps(p), _mm256_loadu_ps((p) + 8)})
#define STORE(p, v)      store(p, v)
#define SPREAD(x)        EACH(SPREAD_, x)
#define FMA(a, b, c)     EACH(FMA_, a, b, c)
#define ADD(a, b)        EACH(ADD_, a, b)
#define SUB(a, b)        EACH(SUB_, a, b)
#define MUL(a, b)        EACH(MUL_, a, b)
#define DIV(a, b)        EACH(DIV_, a, b)
#define ROOT(a)          EACH(ROOT_, a)

static inline void store(float *p, vec v)
{
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
}

static inline __m128 fold_to_4(vec v)
{
    __m256 w = _mm256_add_ps(v.lo, v.hi);

    return _mm_add_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));
}

static inline void fold4(vec a, vec b, vec c, vec d, float *out)
{
    __m128 r0 = fold_to_4(a), r1 = fold_to_4(b), r2 = fold_to_4(c), r3 = fold_to_4(d);

    _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
    _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(r0, r2), _mm_add_ps(r1, r3)));
}

#include "embed_kernels.inc.h"
