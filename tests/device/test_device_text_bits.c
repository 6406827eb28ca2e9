/* test_device_text_bits.c - bits of text convolutions: the documented order of operations one
 * element after the other; equal on all instruction sets, with and without sharing of tokens, for a
 * document alone, for one padded by hand, however the batch falls into pieces.
 *
 * timeout: 120 */
#include "text_net.h"

#include "crmpi/base_run.h"

/* Of the CPU device: work out equal tokens once, or one by one. */
void crm_cpu_text_share(crm_device *d, bool share);

static bool same_bits(const text_net *n, const text_out *a, const text_out *b)
{
    size_t size = (size_t)(n->s.docs * n->columns);
    size_t grads = (size_t)(n->s.lanes * (n->params + TEXT_GAP));

    return memcmp(a->y, b->y, size * sizeof *a->y) == 0 &&
           memcmp(a->arg, b->arg, size * sizeof *a->arg) == 0 &&
           memcmp(a->grad, b->grad, grads * sizeof *a->grad) == 0;
}

/* The order of operations in docs/numerics.md, one element after the other. */
static float chain_of(const text_net *n, int64_t token, const float *w, int64_t taps)
{
    float sum = 0, chain = 0;

    if (token <= 0 || token >= n->s.v) return 0;
    for (int64_t c = 0; c < n->s.e; c++) {
        if (c % CRM_CHAIN == 0) {
            sum = c == CRM_CHAIN ? chain : sum + chain;
            chain = 0;
        }
        chain = fmaf(n->par[token * n->s.e + c], w[c * taps], chain);
    }
    return n->s.e <= CRM_CHAIN ? chain : sum + chain;
}

static float value_of(const text_net *n, int64_t doc, int k, int64_t f, int32_t *arg)
{
    int64_t taps = n->s.kernel[k], tokens = n->first[doc + 1] - n->first[doc];
    const float *w = n->par + n->at_w[k] + f * n->s.e * taps;
    float best = -INFINITY;

    *arg = 0;
    for (int64_t p = 0; p <= n->s.length - taps && p <= tokens; p++) {
        float sum = p < tokens ? chain_of(n, n->token[n->first[doc] + p], w, taps) : 0;

        for (int64_t j = 1; j < taps && p + j < tokens; j++)
            sum += chain_of(n, n->token[n->first[doc] + p + j], w + j, taps);
        if (!(sum > best)) continue;
        best = sum;
        *arg = (int32_t)p;
    }
    return best + 0.0f + n->par[n->at_b[k] + f];
}

static int64_t token_at(const text_net *n, int64_t doc, int64_t p)
{
    int64_t at = n->first[doc] + p;
    int64_t t = at < n->first[doc + 1] ? n->token[at] : 0;

    return t > 0 && t < n->s.v ? t : 0;
}

/* dw of filter f of kernel k for a lane: its documents in order; chains of CRM_CHAIN, then added.
 */
static float weight_gradient(const text_net *n, const int32_t *arg, int64_t lane, int k, int64_t f,
                             int64_t c, int64_t j)
{
    float sum = 0;
    int64_t doc = n->lane_first[lane], end = n->lane_first[lane + 1];

    for (int64_t d0 = doc; d0 < end; d0 += CRM_CHAIN) {
        float chain = 0;

        for (int64_t d = d0; d < end && d < d0 + CRM_CHAIN; d++) {
            int64_t at = d * n->columns + k * n->s.filters + f;
            int64_t t = token_at(n, d, arg[at] + j);

            if (n->dy[at] != 0 && t > 0) chain = fmaf(n->dy[at], n->par[t * n->s.e + c], chain);
        }
        sum = d0 == doc ? chain : sum + chain;
    }
    return sum + 0.0f;
}

/* Component c of the gradient of the token vector at position p: kernels, filters, taps in order.
 */
static float token_gradient(const text_net *n, const int32_t *arg, int64_t doc, int64_t p,
                            int64_t c)
{
    float sum = 0;

    for (int64_t col = 0; col < n->columns; col++) {
        int k = (int)(col / n->s.filters);
        int64_t taps = n->s.kernel[k], at = doc * n->columns + col, j = p - arg[at];
        const float *w = n->par + n->at_w[k] + (col % n->s.filters) * n->s.e * taps;

        if (j >= 0 && j < taps && n->dy[at] != 0) sum = fmaf(n->dy[at], w[c * taps + j], sum);
    }
    return sum;
}

/* Gradients of a lane by the documented order into grad [params] (sentinels where b is). */
static void lane_gradients(const text_net *n, const int32_t *arg, int64_t lane, float *grad)
{
    for (int64_t d = n->lane_first[lane]; d < n->lane_first[lane + 1]; d++)
        for (int64_t p = 0; p < n->first[d + 1] - n->first[d]; p++)
            for (int64_t c = 0, t = token_at(n, d, p); t > 0 && c < n->s.e; c++)
                grad[t * n->s.e + c] += token_gradient(n, arg, d, p, c);
    for (int64_t i = 0; i < n->at_w[0]; i++)
        grad[i] += 0.0f;
    for (int k = 0; k < n->s.n_kernels; k++)
        for (int64_t f = 0, e = n->s.e, taps = n->s.kernel[k]; f < n->s.filters; f++)
            for (int64_t i = 0; i < e * taps; i++)
                grad[n->at_w[k] + f * e * taps + i] =
                    weight_gradient(n, arg, lane, k, f, i / taps, i % taps);
}

static void same_as_definition(crm_device *d, const text_net *n, const text_out *best)
{
    text_out o = text_run(d, n, CRM_ACT_NONE, true);
    float *grad = text_new(n->params, sizeof *grad);
    int64_t other = 0, stride = n->params + TEXT_GAP;

    for (int64_t i = 0; i < n->s.docs * n->columns; i++) {
        int64_t col = i % n->columns;
        int32_t arg;
        float want =
            value_of(n, i / n->columns, (int)(col / n->s.filters), col % n->s.filters, &arg);

        other += memcmp(&want, &o.y[i], sizeof want) != 0 || arg != o.arg[i];
    }
    T_EQ_I(other, 0);
    T_CHECK(memcmp(o.grad, best->grad, (size_t)(n->s.lanes * stride) * sizeof *grad) == 0);
    for (int64_t l = 0; l < n->s.lanes; l++) {
        memset(grad, 0, (size_t)n->params * sizeof *grad);
        lane_gradients(n, o.arg, l, grad);
        T_CHECK(memcmp(grad, o.grad + l * stride, (size_t)n->at_b[0] * sizeof *grad) == 0);
    }
    crm_mem_free(grad);
    text_out_free(&o);
}

static void documented_order(void)
{
    text_each(same_as_definition);
}

static void same_apart(crm_device *d, const text_net *n, const text_out *o)
{
    text_out apart;

    crm_cpu_text_share(d, false);
    apart = text_run(d, n, CRM_ACT_TANH, true);
    T_CHECK(same_bits(n, o, &apart));
    crm_cpu_text_share(d, true);
    text_out_free(&apart);
}

static void sharing(void)
{
    text_each(same_apart);
}

static void same_on_path(const text_net *n, const text_out *o, crm_cpu_path path)
{
    crm_device *d = text_open(path);
    text_out other;

    if (!d) return;
    other = text_run(d, n, CRM_ACT_TANH, true);
    T_CHECK(same_bits(n, o, &other));
    text_out_free(&other);
    crm_device_free(&d);
}

static void same_on_paths(crm_device *d, const text_net *n, const text_out *o)
{
    (void)d;
    same_on_path(n, o, CRM_CPU_PORTABLE);
    same_on_path(n, o, CRM_CPU_AVX2);
    same_on_path(n, o, CRM_CPU_AVX512);
}

static void paths(void)
{
    text_each(same_on_paths);
}

/* y of documents [doc, end) alone. */
static void same_slice(crm_device *d, const text_net *n, const text_out *o, int64_t doc,
                       int64_t end)
{
    text_net part = *n;
    text_out alone;
    size_t size = (size_t)((end - doc) * n->columns);

    part.s.docs = end - doc;
    part.first = text_new(end - doc + 1, sizeof *part.first);
    for (int64_t i = 0; i <= end - doc; i++)
        part.first[i] = n->first[doc + i] - n->first[doc];
    part.token += n->first[doc];
    part.dy += doc * n->columns;
    part.s.lanes = 1;
    part.lane_first = (int64_t[]){0, end - doc};
    alone = text_run(d, &part, CRM_ACT_TANH, false);
    T_CHECK(memcmp(alone.y, o->y + doc * n->columns, size * sizeof *o->y) == 0);
    T_CHECK(memcmp(alone.arg, o->arg + doc * n->columns, size * sizeof *o->arg) == 0);
    text_out_free(&alone);
    crm_mem_free(part.first);
}

static void same_alone(crm_device *d, const text_net *n, const text_out *o)
{
    for (int64_t doc = 0; doc < n->s.docs && doc < 30; doc++)
        same_slice(d, n, o, doc, doc + 1);
    same_slice(d, n, o, n->s.docs / 3, n->s.docs);
}

static void alone(void)
{
    text_each(same_alone);
}

/* Every document filled up to the length with token 0. */
static void same_padded(crm_device *d, const text_net *n, const text_out *o)
{
    text_net full = *n;
    text_out other;

    full.first = text_new(n->s.docs + 1, sizeof *full.first);
    full.token = text_new(n->s.docs * n->s.length, sizeof *full.token);
    for (int64_t i = 0; i < n->s.docs; i++) {
        full.first[i + 1] = (i + 1) * n->s.length;
        memcpy(full.token + full.first[i], n->token + n->first[i],
               (size_t)(n->first[i + 1] - n->first[i]) * sizeof *n->token);
    }
    other = text_run(d, &full, CRM_ACT_TANH, true);
    T_CHECK(same_bits(n, o, &other));
    text_out_free(&other);
    crm_mem_free(full.first);
    crm_mem_free(full.token);
}

static void padded(void)
{
    text_each(same_padded);
}

/* More distinct tokens than one piece of the batch holds: several pieces where few tokens repeat, a
 * large one where many do. */
static void several_pieces(void)
{
    static const text_shape large[] = {{20000, 64, 16, 64, 1, {5}, 1, 200},
                                       {4000, 64, 16, 64, 1, {5}, 1, 500}};
    crm_device *d = text_open(CRM_CPU_BEST);

    for (int i = 0; i < 2; i++) {
        text_net n = text_make(large[i]);
        text_out o = text_run(d, &n, CRM_ACT_TANH, true);

        same_as_definition(d, &n, &o);
        same_apart(d, &n, &o);
        same_alone(d, &n, &o);
        text_out_free(&o);
        text_free(&n);
    }
    crm_device_free(&d);
}

/* A table that is not learnt is not touched; the rest is the same. */
static void same_without_table(crm_device *d, const text_net *n, const text_out *o)
{
    text_out other = text_run(d, n, CRM_ACT_TANH, false);
    int64_t stride = n->params + TEXT_GAP, touched = 0;

    for (int64_t l = 0; l < n->s.lanes; l++) {
        for (int64_t i = 0; i < n->at_w[0]; i++)
            touched += other.grad[l * stride + i] != 0;
        T_CHECK(memcmp(other.grad + l * stride + n->at_w[0], o->grad + l * stride + n->at_w[0],
                       (size_t)(stride - n->at_w[0]) * sizeof(float)) == 0);
    }
    T_EQ_I(touched, 0);
    text_out_free(&other);
}

static void table_not_learnt(void)
{
    text_each(same_without_table);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"documented order", documented_order},
                                   {"tokens shared or apart", sharing},
                                   {"instruction sets", paths},
                                   {"a document alone", alone},
                                   {"documents padded by hand", padded},
                                   {"several pieces", several_pieces},
                                   {"a table that is not learnt", table_not_learnt},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
