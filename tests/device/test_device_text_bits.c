/* test_device_text_bits.c - bits of text convolutions: the documented order of operations one
 * element after the other; equal on all instruction sets, with and without sharing of tokens, for a
 * document alone, for a lane alone, for one padded by hand, however the batch falls into pieces.
 *
 * A GPU cuts sums at other places, which are documented too.  Its products are only promised to
 * depend on nothing but their token, and near the definition (test_device_text.c).
 *
 * timeout: 300 */
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

/* Where sums are cut: documents of weights, rows of a word in the table. */
typedef struct cuts {
    int64_t docs, rows;
} cuts;

/* A GPU has shorter chains for the shape of the reference model. */
static cuts cuts_of(const crm_device *d, const text_shape *s)
{
    bool reference = s->n_kernels == 3 && s->kernel[0] == 3 && s->kernel[1] == 4 &&
                     s->kernel[2] == 5 && s->filters == 64 && s->e == 64 && s->length <= 64;

    if (exact_bits(d)) return (cuts){CRM_CHAIN, INT64_MAX};
    return (cuts){reference ? 32 : 64, 128};
}

/* dw of filter f of kernel k for a lane: its documents in order; chains, then added. */
static float weight_gradient(const text_net *n, const int32_t *arg, int64_t lane, int64_t cut,
                             int k, int64_t f, int64_t c, int64_t j)
{
    float sum = 0;
    int64_t doc = n->lane_first[lane], end = n->lane_first[lane + 1];

    for (int64_t d0 = doc; d0 < end; d0 += cut) {
        float chain = 0;

        for (int64_t d = d0; d < end && d < d0 + cut; d++) {
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

/* Sums of the rows of each word of a lane, in order of position; chains of `cut`, then added. */
typedef struct word_sums {
    int64_t *rows;      /* [v] */
    float *sum, *chain; /* [v][e] */
} word_sums;

static void add_row(const text_net *n, const word_sums *s, int64_t cut, int64_t word,
                    const float *row)
{
    bool full = s->rows[word] > 0 && s->rows[word] % cut == 0, second = s->rows[word] == cut;

    for (int64_t c = 0; c < n->s.e; c++) {
        float *sum = s->sum + word * n->s.e + c, *chain = s->chain + word * n->s.e + c;

        if (full) *sum = second ? *chain : *sum + *chain;
        *chain = full ? 0 + row[c] : *chain + row[c];
    }
    s->rows[word]++;
}

static void table_gradient(const text_net *n, const int32_t *arg, int64_t lane, int64_t cut,
                           float *grad)
{
    int64_t v = n->s.v, e = n->s.e;
    word_sums s = {text_new(v, sizeof *s.rows), text_new(v * e, sizeof *s.sum),
                   text_new(v * e, sizeof *s.chain)};
    float *row = text_new(e, sizeof *row);

    for (int64_t d = n->lane_first[lane]; d < n->lane_first[lane + 1]; d++)
        for (int64_t p = 0; p < n->first[d + 1] - n->first[d]; p++) {
            int64_t word = token_at(n, d, p);

            for (int64_t c = 0; word > 0 && c < e; c++)
                row[c] = token_gradient(n, arg, d, p, c);
            if (word > 0) add_row(n, &s, cut, word, row);
        }
    for (int64_t i = 0; i < v * e; i++)
        grad[i] = (s.rows[i / e] > cut ? s.sum[i] + s.chain[i] : s.chain[i]) + 0.0f;
    crm_mem_free(s.rows);
    crm_mem_free(s.sum);
    crm_mem_free(s.chain);
    crm_mem_free(row);
}

/* Gradients of a lane by the documented order into grad [params] (sentinels where b is). */
static void lane_gradients(const text_net *n, const int32_t *arg, int64_t lane, cuts cut,
                           float *grad)
{
    table_gradient(n, arg, lane, cut.rows, grad);
    for (int k = 0; k < n->s.n_kernels; k++)
        for (int64_t f = 0, e = n->s.e, taps = n->s.kernel[k]; f < n->s.filters; f++)
            for (int64_t i = 0; i < e * taps; i++)
                grad[n->at_w[k] + f * e * taps + i] =
                    weight_gradient(n, arg, lane, cut.docs, k, f, i / taps, i % taps);
}

static void same_values(const text_net *n, const text_out *o)
{
    int64_t other = 0;

    for (int64_t i = 0; i < n->s.docs * n->columns; i++) {
        int64_t col = i % n->columns;
        int32_t arg;
        float want =
            value_of(n, i / n->columns, (int)(col / n->s.filters), col % n->s.filters, &arg);

        other += memcmp(&want, &o->y[i], sizeof want) != 0 || arg != o->arg[i];
    }
    T_EQ_I(other, 0);
}

static void same_as_definition(crm_device *d, const text_net *n, const text_out *best)
{
    text_out o = text_run(d, n, CRM_ACT_NONE, true);
    float *grad = text_new(n->params, sizeof *grad);
    int64_t stride = n->params + TEXT_GAP;

    if (exact_bits(d)) same_values(n, &o);
    T_CHECK(memcmp(o.grad, best->grad, (size_t)(n->s.lanes * stride) * sizeof *grad) == 0);
    for (int64_t l = 0; l < n->s.lanes; l++) {
        lane_gradients(n, o.arg, l, cuts_of(d, &n->s), grad);
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

    if (!crm_device_is_host(d)) return;
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
    if (!crm_device_is_host(d)) return;
    same_on_path(n, o, CRM_CPU_PORTABLE);
    same_on_path(n, o, CRM_CPU_AVX2);
    same_on_path(n, o, CRM_CPU_AVX512);
}

static void paths(void)
{
    text_each(same_on_paths);
}

/* Documents [doc, end) as a batch of one lane; first and lane_first are the caller's to free. */
static text_net part_of(const text_net *n, int64_t doc, int64_t end)
{
    text_net part = *n;

    part.s.docs = end - doc;
    part.first = text_new(end - doc + 1, sizeof *part.first);
    for (int64_t i = 0; i <= end - doc; i++)
        part.first[i] = n->first[doc + i] - n->first[doc];
    part.token += n->first[doc];
    part.dy += doc * n->columns;
    part.s.lanes = 1;
    part.lane_first = text_new(2, sizeof *part.lane_first);
    part.lane_first[1] = end - doc;
    return part;
}

/* y of documents [doc, end) alone. */
static void same_slice(crm_device *d, const text_net *n, const text_out *o, int64_t doc,
                       int64_t end)
{
    text_net part = part_of(n, doc, end);
    text_out alone = text_run(d, &part, CRM_ACT_TANH, false);
    size_t size = (size_t)((end - doc) * n->columns);

    T_CHECK(memcmp(alone.y, o->y + doc * n->columns, size * sizeof *o->y) == 0);
    T_CHECK(memcmp(alone.arg, o->arg + doc * n->columns, size * sizeof *o->arg) == 0);
    text_out_free(&alone);
    crm_mem_free(part.first);
    crm_mem_free(part.lane_first);
}

/* Gradients of each lane alone. */
static void same_lane(crm_device *d, const text_net *n, const text_out *o)
{
    for (int64_t l = 0; l < n->s.lanes; l++) {
        text_net part = part_of(n, n->lane_first[l], n->lane_first[l + 1]);
        text_out alone = text_run(d, &part, CRM_ACT_TANH, true);
        int64_t stride = n->params + TEXT_GAP;

        T_CHECK(memcmp(alone.grad, o->grad + l * stride, (size_t)stride * sizeof *o->grad) == 0);
        text_out_free(&alone);
        crm_mem_free(part.first);
        crm_mem_free(part.lane_first);
    }
}

static void lanes_alone(void)
{
    text_each(same_lane);
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
 * large one where many do.  On a GPU: products by token, by word. */
static void several_pieces_on(crm_device *d)
{
    static const text_shape large[] = {{20000, 64, 16, 64, 1, {5}, 1, 200},
                                       {4000, 64, 16, 64, 1, {5}, 1, 500}};

    for (int i = 0; i < 2; i++) {
        text_net n = text_make(large[i]);
        text_out o = text_run(d, &n, CRM_ACT_TANH, true);

        if (crm_device_is_host(d)) same_as_definition(d, &n, &o);
        same_apart(d, &n, &o);
        same_slice(d, &n, &o, 9, 10);
        same_slice(d, &n, &o, n.s.docs / 3, n.s.docs);
        text_out_free(&o);
        text_free(&n);
    }
}

static void several_pieces(void)
{
    for (int i = 0; i < TEXT_DEVICES; i++) {
        crm_device *d = text_open_nth(i);

        if (d) several_pieces_on(d);
        crm_device_free(&d);
    }
}

/* Products of a GPU rounded to fewer bits; one document has them by token, all of them by word, and
 * in bf16 where words are few. */
static void reduced(void)
{
    for (int math = CRM_GPU_TF32; math <= CRM_GPU_BF16; math++) {
        crm_device *d = text_open_gpu((crm_gpu_math)math);

        if (d) {
            text_each_shape(d, same_alone);
            text_each_shape(d, same_padded);
            text_each_shape(d, same_lane);
        } else
            T_SKIP("CRM_CUDA_PLUGIN names no module");
        crm_device_free(&d);
    }
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
                                   {"a lane alone", lanes_alone},
                                   {"documents padded by hand", padded},
                                   {"several pieces", several_pieces},
                                   {"products of fewer bits", reduced},
                                   {"a table that is not learnt", table_not_learnt},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
