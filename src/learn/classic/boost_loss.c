/* boost_loss.c - derivatives of the log loss by the scores of own rows, and mean losses.
 *
 *     two classes:  p = sigmoid(f)        more:  p = softmax(f)
 *     g_c = w (p_c - [y = c])      h_c = w p_c (1 - p_c)
 * with the weight w of the row's class, rounded to multiples of 2^-(30 - e) and 2^-(32 - e) for
 * weights of at most 2^e.  Losses are sums over the leaves of the training view. */
#include <string.h>

#include "boost_impl.h"
#include "crmpi/base_math.h"
#include "crmpi/base_simd.h"

enum { STRIP = 256, LANES = 8, VALUE_BITS = 30, ROW_BITS_MAX = 28 };

/* ---- units ---- */

static crm_status find_scale(const classic_classes *c, int64_t n, boost_scale *s)
{
    double most = 0;
    int e, bits = 0;

    for (int i = 0; i < c->m; i++)
        most = c->weight[i] > most ? c->weight[i] : most;
    frexp(most, &e);
    while (n >> bits)
        bits++;
    CRM_CHECK(bits <= ROW_BITS_MAX, CRM_ERR_ARG,
              "boosting takes at most %d training rows, not %lld", (1 << ROW_BITS_MAX) - 1,
              (long long)n);
    s->g = ldexp(1, VALUE_BITS - e);
    s->h = ldexp(1, VALUE_BITS + 2 - e); /* p (1 - p) <= 1/4 */
    s->count_bits = bits;
    /* rows 2^bits, h up to 2^(30 - shift) each, in the 62 bits that the number of rows leaves */
    s->shift = VALUE_BITS + 2 * bits > 62 ? VALUE_BITS + 2 * bits - 62 : 0;
    return CRM_OK;
}

static inline int32_t rounded(double x)
{
    return (int32_t)(x + copysign(0.5, x));
}

static inline boost_pair pair_of(const boost_scale *s, double g, double h)
{
    return (boost_pair){rounded(g * s->g), rounded(h * s->h)};
}

/* ---- two classes ---- */

/* e [n] of a row: exp(-|f|).  Choices are products with 0 or 1, exact, for the sake of vector code.
 */
CRM_SIMD static void differ(const boost_scale *scale, const double *weight, const double *f,
                            const int32_t *slot, int64_t n, const double *e, boost_pair *pair)
{
    double w0 = weight[0], w1 = weight[1];
    boost_scale s = *scale;

    for (int64_t i = 0; i < n; i++) {
        double inv = 1 / (1 + e[i]), q = e[i] * inv, up = f[i] >= 0, y = slot[i] > 0;
        double p = up * inv + (1 - up) * q, w = y * w1 + (1 - y) * w0;
        pair[i] = pair_of(&s, w * (p - y), w * (inv * q));
    }
}

/* Rows of a strip of one use and class: a row loses log(1 + exp(-|f|)) + max(-s f, 0) with
 * s = +-1; out has the product of 1 + exp(-|f|), in lanes: its logarithm is taken at once, 2^256
 * being no trouble; the sum of the rest, in lanes; the number of rows. */
typedef struct kind_sum {
    double product[LANES], rest[LANES];
    int64_t rows;
} kind_sum;

CRM_SIMD static void lose(const double *f, const int32_t *kind, int32_t want, double sign,
                          const double *e, kind_sum *out)
{
    double factor[STRIP], rest[STRIP];
    int32_t rows = 0;

    for (int i = 0; i < STRIP; i++) {
        double z = -sign * f[i], in = kind[i] == want;
        factor[i] = 1 + in * e[i];
        rest[i] = in * (0.5 * (z + fabs(z)));
    }
    for (int i = 0; i < STRIP; i++)
        rows += kind[i] == want;
    for (int half = STRIP / 2; half >= LANES; half /= 2)
        for (int i = 0; i < half; i++) {
            factor[i] *= factor[i + half];
            rest[i] += rest[i + half];
        }
    memcpy(out->product, factor, sizeof out->product);
    memcpy(out->rest, rest, sizeof out->rest);
    out->rows = rows;
}

static void add_kind(const boost_loss *l, const double *f, const int32_t *kind, const double *e,
                     int32_t want, double *out)
{
    double product = 1, rest = 0, w = l->classes->weight[want % 2];
    kind_sum s;

    lose(f, kind, want, want % 2 ? 1 : -1, e, &s);
    for (int i = 0; i < LANES; i++) {
        product *= s.product[i];
        rest += s.rest[i];
    }
    if (s.rows == 0) return;
    out[0] += w * (crm_log(product) + rest);
    out[1] += w * (double)s.rows;
}

/* A strip of up to STRIP rows; those that it lacks are of no kind. */
static void add_two(const boost_loss *l, int64_t at, int64_t n, double *out)
{
    double e[STRIP] = {0}, f[STRIP] = {0};
    int32_t kind[STRIP];

    memcpy(f, l->f + at, (size_t)n * sizeof *f);
    for (int i = 0; i < STRIP; i++)
        e[i] = -fabs(f[i]);
    crm_exp_each(STRIP, e, e);
    differ(&l->scale, l->classes->weight, f, l->slot + at, n, e, l->pair + at);
    for (int i = 0; i < STRIP; i++)
        kind[i] = i < n && l->slot[at + i] >= 0 ? 2 * l->use[at + i] + l->slot[at + i] : -1;
    for (int32_t k = 0; k < (l->held ? 4 : 2); k++)
        add_kind(l, f, kind, e, k, out + k / 2 * 2);
    for (int64_t i = 0; i < n && l->held; i++)
        if (kind[i] / 2 == BOOST_VALID) out[4] += (f[i] > 0) == kind[i] % 2;
}

/* ---- more ---- */

double boost_softmax(int m, double *z)
{
    double most = z[0], sum = 0;

    for (int c = 1; c < m; c++)
        if (z[c] > most) most = z[c];
    for (int c = 0; c < m; c++)
        sum += z[c] = crm_exp(z[c] - most);
    for (int c = 0; c < m; c++)
        z[c] /= sum;
    return most + crm_log(sum);
}

static void add_row(const boost_loss *l, int64_t at, double *z, double *out)
{
    int m = l->vectors, y = l->slot[at], use = l->use[at], top = 0;
    double w, loss;

    for (int c = 0; c < m; c++) {
        z[c] = l->f[c * l->n + at];
        if (z[c] > z[top]) top = c;
    }
    w = l->classes->weight[y];
    loss = -z[y];
    loss += boost_softmax(m, z);
    for (int c = 0; c < m; c++)
        l->pair[c * l->n + at] = pair_of(&l->scale, w * (z[c] - (c == y)), w * (z[c] * (1 - z[c])));
    out[2 * use] += w * loss;
    out[2 * use + 1] += w;
    if (use == BOOST_VALID) out[4] += top == y;
}

/* ---- all ---- */

static crm_status add_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const boost_loss *l = ctx;
    int64_t first, n;

    crm_leaf_rows(l->of, leaf, &first, &n);
    first -= l->first;
    if (l->vectors > 1) {
        for (int64_t i = first; i < first + n; i++)
            if (l->use[i] != BOOST_NONE) add_row(l, i, l->row + worker * l->vectors, out);
    } else
        for (int64_t i = 0; i < n; i += STRIP)
            add_two(l, first + i, n - i < STRIP ? n - i : STRIP, out);
    return CRM_OK;
}

crm_status boost_loss_update(boost_loss *l, boost_losses *out)
{
    double sum[BOOST_SUMS];

    CRM_TRY(crm_tree_sum(l->tree, add_leaf, l, sum));
    out->train = sum[1] > 0 ? sum[0] / sum[1] : (double)NAN;
    out->valid = sum[3] > 0 ? sum[2] / sum[3] : (double)NAN;
    out->accuracy = l->held > 0 ? sum[4] / (double)l->held : (double)NAN;
    return CRM_OK;
}

crm_status boost_loss_begin(const crm_fit *fit, boost_loss *l)
{
    return crm_tree_new(fit->comm, fit->pool, crm_leaf_count(l->of), BOOST_SUMS, CRM_F64, &l->tree);
}

static void fill(const crm_fit *fit, const double *start, const uint8_t *held, boost_loss *l)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    for (int64_t i = 0; i < l->of; i++)
        l->held += held[i] != 0;
    for (int64_t i = 0; i < l->n; i++) {
        int64_t at = l->first + i;
        l->slot[i] = classic_slot(l->classes, t, fit->train->row[at]);
        l->use[i] = l->slot[i] < 0 ? BOOST_NONE : held[at] ? BOOST_VALID : BOOST_LEARN;
    }
    for (int v = 0; v < l->vectors; v++)
        for (int64_t i = 0; i < l->n; i++)
            l->f[v * l->n + i] = start[v];
}

crm_status boost_loss_new(const crm_fit *fit, const classic_classes *c, int vectors,
                          const double *start, const uint8_t *held, boost_loss *out)
{
    crm_view own = crm_rows_own(fit);

    *out = (boost_loss){.classes = c, .vectors = vectors, .n = own.n, .of = fit->train->n};
    out->first = own.row - fit->train->row;
    CRM_TRY(find_scale(c, out->of, &out->scale));
    CRM_NEW(out->slot, out->n);
    CRM_NEW(out->use, out->n);
    CRM_NEW(out->f, vectors * out->n);
    CRM_NEW(out->pair, vectors * out->n);
    CRM_NEW(out->row, vectors * (fit->pool ? crm_pool_size(fit->pool) : 1));
    fill(fit, start, held, out);
    return CRM_OK;
}

void boost_loss_free(boost_loss *l)
{
    crm_mem_free(l->slot);
    crm_mem_free(l->use);
    crm_mem_free(l->f);
    crm_mem_free(l->pair);
    crm_mem_free(l->row);
    crm_tree_free(&l->tree);
    *l = (boost_loss){0};
}
