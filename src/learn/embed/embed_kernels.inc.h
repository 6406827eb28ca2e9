/* embed_kernels.inc.h - the kernels, for a width of registers.  The including file defines KERNELS,
 * KERNELS_NAME, the type vec of EMBED_STRIDE floats, and ZERO(), LOAD, STORE, SPREAD, FMA, ADD,
 * SUB, MUL, DIV, ROOT on it, and fold4(), which sums the elements of four of them. */
#include <math.h>
#include <string.h>

#include "embed_kernels.h"

/* 1 / (1 + e^-x) from e^-|x| = 2^k 2^f, |f| <= 1/2, 2^f by its Taylor polynomial: within 2e-7. */
static inline float sigmoid(float x)
{
    const float shift = 0x1.8p23f; /* adding it rounds to an integer, left in the low bits */
    float a = fabsf(x), y, t, f, p, e;
    uint32_t k, bits;

    a = a > 80.0f ? 80.0f : a;
    y = a * -0x1.715476p0f;
    t = y + shift;
    f = y - (t - shift);
    p = fmaf(f, 1.5403530e-4f, 1.3333558e-3f);
    p = fmaf(p, f, 9.6181291e-3f);
    p = fmaf(p, f, 5.5504109e-2f);
    p = fmaf(p, f, 2.4022651e-1f);
    p = fmaf(p, f, 6.9314718e-1f);
    p = fmaf(p, f, 1.0f);
    memcpy(&k, &t, sizeof k);
    memcpy(&bits, &p, sizeof bits);
    bits += k << 23; /* what shift has in the low nine bits is 0 */
    memcpy(&e, &bits, sizeof e);
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

static void slopes(const embed_pairs *p)
{
    for (int i = 0; i < p->m; i++) {
        const float *z = p->score + (int64_t)i * EMBED_SCORES;
        float *g = p->slope + (int64_t)i * EMBED_SCORES;
        for (int j = 0; j < EMBED_SCORES; j++)
            g[j] = (p->label[j] - sigmoid(z[j])) * p->rate[j];
    }
}

static void scores(const embed_pairs *p)
{
    const float *const t0 = p->target[0], *const t1 = p->target[1], *const t2 = p->target[2],
                       *const t3 = p->target[3], *const t4 = p->target[4], *const t5 = p->target[5];

    for (int i = 0; i < p->m; i++) {
        vec s0 = ZERO(), s1 = ZERO(), s2 = ZERO(), s3 = ZERO(), s4 = ZERO(), s5 = ZERO();
        float *z = p->score + (int64_t)i * EMBED_SCORES;
        for (int64_t c = 0; c < p->width; c += EMBED_STRIDE) {
            vec x = LOAD(p->in[i] + c);
            s0 = FMA(x, LOAD(t0 + c), s0);
            s1 = FMA(x, LOAD(t1 + c), s1);
            s2 = FMA(x, LOAD(t2 + c), s2);
            s3 = FMA(x, LOAD(t3 + c), s3);
            s4 = FMA(x, LOAD(t4 + c), s4);
            s5 = FMA(x, LOAD(t5 + c), s5);
        }
        fold4(s0, s1, s2, s3, z);
        fold4(s4, s5, s4, s5, z + 4);
    }
}

static void score_rows(int64_t width, const float *x, const float *rows, int m, float *out)
{
    embed_pairs p = {.width = width, .m = 1, .in = &x, .score = out};

    for (int j = 0; j < EMBED_TARGETS; j++)
        p.target[j] = (float *)(rows + (j < m ? j : 0) * width); /* which are only read */
    scores(&p);
}

/* Columns c .. c + EMBED_STRIDE of the step. */
static inline void step_columns(const embed_pairs *p, int64_t c)
{
    float *const *t = (float *const *)p->target;
    vec t0 = LOAD(t[0] + c), t1 = LOAD(t[1] + c), t2 = LOAD(t[2] + c), t3 = LOAD(t[3] + c),
        t4 = LOAD(t[4] + c), t5 = LOAD(t[5] + c);
    vec d0 = ZERO(), d1 = ZERO(), d2 = ZERO(), d3 = ZERO(), d4 = ZERO(), d5 = ZERO();

    for (int i = 0; i < p->m; i++) {
        const float *g = p->slope + (int64_t)i * EMBED_SCORES;
        vec x = LOAD(p->in[i] + c), y = LOAD(p->to[i] + c), w;
        w = SPREAD(g[0]), y = FMA(w, t0, y), d0 = FMA(w, x, d0);
        w = SPREAD(g[1]), y = FMA(w, t1, y), d1 = FMA(w, x, d1);
        w = SPREAD(g[2]), y = FMA(w, t2, y), d2 = FMA(w, x, d2);
        w = SPREAD(g[3]), y = FMA(w, t3, y), d3 = FMA(w, x, d3);
        w = SPREAD(g[4]), y = FMA(w, t4, y), d4 = FMA(w, x, d4);
        w = SPREAD(g[5]), y = FMA(w, t5, y), d5 = FMA(w, x, d5);
        STORE(p->to[i] + c, y);
    }
    /* A row may be a target twice, so each is read again. */
    STORE(t[0] + c, ADD(LOAD(t[0] + c), d0));
    STORE(t[1] + c, ADD(LOAD(t[1] + c), d1));
    STORE(t[2] + c, ADD(LOAD(t[2] + c), d2));
    STORE(t[3] + c, ADD(LOAD(t[3] + c), d3));
    STORE(t[4] + c, ADD(LOAD(t[4] + c), d4));
    STORE(t[5] + c, ADD(LOAD(t[5] + c), d5));
}

static void pairs(const embed_pairs *p)
{
    scores(p);
    slopes(p);
    for (int64_t c = 0; c < p->width; c += EMBED_STRIDE)
        step_columns(p, c);
}

static void add(int64_t width, float a, const float *x, float *y)
{
    vec w = SPREAD(a);

    for (int64_t c = 0; c < width; c += EMBED_STRIDE)
        STORE(y + c, FMA(w, LOAD(x + c), LOAD(y + c)));
}

static void subtract(int64_t width, const float *x, float *y)
{
    for (int64_t c = 0; c < width; c += EMBED_STRIDE)
        STORE(y + c, SUB(LOAD(y + c), LOAD(x + c)));
}

/* Step of x against gradient g, whose squares are summed in h: h is what came before it. */
static inline vec adagrad(vec rate, vec g, vec x, vec *h)
{
    vec step = DIV(MUL(rate, g), ROOT(*h));

    *h = FMA(g, g, *h);
    return SUB(x, step);
}

static inline void bias_step(const embed_glove_pair *p, float *row, float bias, float g)
{
    float *h = row + p->width + p->dim;

    row[p->dim] = bias - p->rate * g / sqrtf(*h);
    *h = fmaf(g, g, *h);
}

static float glove(const embed_glove_pair *p)
{
    vec s = ZERO(), rate = SPREAD(p->rate), f;
    float z[4], bias_a = p->a[p->dim], bias_b = p->b[p->dim], diff;

    p->a[p->dim] = 0.0f; /* the biases are no part of the product */
    p->b[p->dim] = 0.0f;
    for (int64_t c = 0; c < p->width; c += EMBED_STRIDE)
        s = FMA(LOAD(p->a + c), LOAD(p->b + c), s);
    fold4(s, s, s, s, z);
    diff = z[0] + bias_a + bias_b - p->target;
    f = SPREAD(p->weight * diff);
    for (int64_t c = 0; c < p->width; c += EMBED_STRIDE) {
        float *a = p->a + c, *b = p->b + c;
        vec xa = LOAD(a), xb = LOAD(b), ha = LOAD(a + p->width), hb = LOAD(b + p->width);
        STORE(a, adagrad(rate, MUL(f, xb), xa, &ha));
        STORE(b, adagrad(rate, MUL(f, xa), xb, &hb));
        STORE(a + p->width, ha);
        STORE(b + p->width, hb);
    }
    bias_step(p, p->a, bias_a, p->weight * diff);
    bias_step(p, p->b, bias_b, p->weight * diff);
    return diff;
}

const embed_kernels KERNELS = {KERNELS_NAME, pairs, score_rows, add, subtract, glove};
