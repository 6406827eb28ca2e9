/* boost_loss.c - derivatives of the log loss by the scores of own rows, and mean losses.
 *
 *     two classes:  p = sigmoid(f)        more:  p = softmax(f)
 *     g_c = w (p_c - [y = c])      h_c = w p_c (1 - p_c)
 * with the weight w of the row's class, rounded to multiples of 2^-(30 - e) and 2^-(32 - e) for
 * weights of at most 2^e.  Losses are sums over the leaves of the training view. */
#include <string.h>

#include "boost_impl.h"
#include "crmpi/base_math.h"

enum { STRIP = 256, VALUE_BITS = 30, ROW_BITS_MAX = 28 };

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
    return (int32_t)(x < 0 ? x - 0.5 : x + 0.5);
}

static inline boost_pair pair_of(const boost_scale *s, double g, double h)
{
    return (boost_pair){rounded(g * s->g), rounded(h * s->h)};
}

/* ---- two classes ---- */

/* e = exp(-|f|) of a row becomes its derivatives, and 1 + e. */
static void differ(const boost_loss *l, int64_t at, int64_t n, double *e)
{
    const double *f = l->f + at, *weight = l->classes->weight;
    const int32_t *slot = l->slot + at;
    boost_pair *pair = l->pair + at;

    for (int64_t i = 0; i < n; i++) {
        double inv = 1 / (1 + e[i]), q = e[i] * inv, p = f[i] >= 0 ? inv : q;
        bool y = slot[i] > 0;
        double w = y ? weight[1] : weight[0];
        pair[i] = pair_of(&l->scale, w * (p - y), w * (inv * q));
        e[i] += 1;
    }
}

/* What a strip adds to the sums: a row loses log(1 + exp(-|f|)) + max(-s f, 0) with s = +-1, and
 * the logarithm of a product is taken at once: 2^256 is no trouble. */
typedef struct strip_sum {
    double product[2][2], rest[2][2], rows[2][2]; /* by use and class */
    int64_t right;
} strip_sum;

static void lose(const boost_loss *l, int64_t at, int64_t n, const double *e, strip_sum *s)
{
    const double *f = l->f + at;

    for (int64_t i = 0; i < n; i++) {
        int use = l->use[at + i], y;
        double z;
        if (use == BOOST_NONE) continue;
        y = l->slot[at + i];
        z = y ? f[i] : -f[i];
        s->product[use][y] *= e[i];
        s->rest[use][y] += z < 0 ? -z : 0;
        s->rows[use][y] += 1;
        s->right += use == BOOST_VALID && (f[i] > 0) == y;
    }
}

static void add_two(const boost_loss *l, int64_t at, int64_t n, double *out)
{
    double e[STRIP];
    strip_sum s = {.product = {{1, 1}, {1, 1}}};

    for (int64_t i = 0; i < n; i++)
        e[i] = crm_exp(-fabs(l->f[at + i]));
    differ(l, at, n, e);
    lose(l, at, n, e, &s);
    for (int use = 0; use < 2; use++)
        for (int y = 0; y < 2; y++) {
            double w = l->classes->weight[y];
            if (s.rows[use][y] == 0) continue;
            out[2 * use] += w * (crm_log(s.product[use][y]) + s.rest[use][y]);
            out[2 * use + 1] += w * s.rows[use][y];
        }
    out[4] += (double)s.right;
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
