/* embed_kernels_plain.c - the kernels of word vectors in plain C (fmaf is a call of libm, slow and
 * exact), and the choice among all of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "embed_kernels.h"

#define KERNELS      crm_embed_plain
#define KERNELS_NAME "portable"
typedef struct vec {
    float x[EMBED_STRIDE];
} vec;
#define EACH(expr)                                                                                 \
    vec r;                                                                                         \
    for (int l = 0; l < EMBED_STRIDE; l++)                                                         \
        r.x[l] = (expr);                                                                           \
    return r

/* With sanitizers these functions take a compiler a minute where they are put into each other. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PUT_IN __attribute__((noinline))
#else
#define PUT_IN inline
#endif

static PUT_IN vec spread(float x)
{
    EACH(x);
}
static PUT_IN vec load(const float *p)
{
    EACH(p[l]);
}
static PUT_IN vec fma_(vec a, vec b, vec c)
{
    EACH(fmaf(a.x[l], b.x[l], c.x[l]));
}
static PUT_IN vec add_(vec a, vec b)
{
    EACH(a.x[l] + b.x[l]);
}
static PUT_IN vec sub_(vec a, vec b)
{
    EACH(a.x[l] - b.x[l]);
}
static PUT_IN vec mul_(vec a, vec b)
{
    EACH(a.x[l] * b.x[l]);
}
static PUT_IN vec div_(vec a, vec b)
{
    EACH(a.x[l] / b.x[l]);
}
static PUT_IN vec root(vec a)
{
    EACH(sqrtf(a.x[l]));
}
#define ZERO()       spread(0.0f)
#define LOAD(p)      load(p)
#define STORE(p, v)  memcpy(p, (v).x, sizeof(v).x)
#define SPREAD(x)    spread(x)
#define FMA(a, b, c) fma_(a, b, c)
#define ADD(a, b)    add_(a, b)
#define SUB(a, b)    sub_(a, b)
#define MUL(a, b)    mul_(a, b)
#define DIV(a, b)    div_(a, b)
#define ROOT(a)      root(a)

static float fold(vec v)
{
    for (int n = EMBED_STRIDE / 2; n > 0; n /= 2)
        for (int l = 0; l < n; l++)
            v.x[l] += v.x[l + n];
    return v.x[0];
}

static inline void fold4(vec a, vec b, vec c, vec d, float *out)
{
    out[0] = fold(a);
    out[1] = fold(b);
    out[2] = fold(c);
    out[3] = fold(d);
}

#include "embed_kernels.inc.h"

static bool has(const embed_kernels *k)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (k == &crm_embed_avx512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (k == &crm_embed_avx2) return avx2;
#endif
    return k == &crm_embed_plain;
}

const embed_kernels *crm_embed_kernels(void)
{
    static const embed_kernels *const all[] = {&crm_embed_avx512, &crm_embed_avx2,
                                               &crm_embed_plain};
    const char *wanted = getenv("CRM_CPU");

    for (int k = 0; k < 3; k++)
        if (has(all[k]) && (!wanted || !wanted[0] || strcmp(wanted, all[k]->name) == 0))
            return all[k];
    return &crm_embed_plain;
}
