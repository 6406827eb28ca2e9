/* boost_split.c - the best split of a node by its histogram.
 *
 * With G, H the sums of the derivatives of a side, T(G) = max(|G| - l1, 0):
 *     gain = 1/2 [T(G_L)^2 / (H_L + l2) + T(G_R)^2 / (H_R + l2) - T(G)^2 / (H + l2)]
 * (Chen & Guestrin 2016, eq. 7, with the l1 of their program).  Everything is computed in the units
 * of the histogram, powers of two, from exact sums. */
#include <string.h>

#include "boost_impl.h"
#include "crmpi/base_simd.h"

enum { CODES = 256, LANES = 8 };
/* Sums of codes 0 .. i, and what a split behind code i is worth; whole lanes. */
typedef struct scan {
    int64_t g[CODES], hc[CODES];
    double score[CODES];
} scan;
typedef struct side {
    double g, h, n;
} side;
typedef struct job {
    const boost_table *t;
    const boost_rule *rule;
    const uint8_t *take;
    const boost_sum *hist;
    boost_sum total;
    boost_split *out; /* [n_columns] */
} job;

boost_rule boost_rule_of(const crm_boosting_cfg *cfg, const boost_scale *s)
{
    double h = s->h / (double)((int64_t)1 << s->shift), weight = cfg->min_child_weight * h;

    return (boost_rule){.l1 = cfg->l1 * s->g,
                        .l2 = cfg->l2 * h,
                        .min_weight = weight > 1 ? weight : 1, /* never divide by 0 */
                        .min_rows = (double)cfg->min_samples_leaf,
                        .min_gain = cfg->min_gain,
                        .to_loss = 0.5 * h / (s->g * s->g),
                        .scale = *s};
}

double boost_value(const crm_boosting_cfg *cfg, double g, double h)
{
    double t = fabs(g) - cfg->l1, den = h + cfg->l2, v;

    if (!(t > 0 && den > 0)) return 0;
    v = t / den * cfg->learning_rate;
    return g > 0 ? -v : v;
}

static side side_of(const boost_scale *s, boost_sum v)
{
    return (side){(double)v.g, (double)(v.hc >> s->count_bits), (double)boost_rows(s, v.hc)};
}

static inline double shrink(double g, double l1)
{
    double t = fabs(g) - l1;

    return t > 0 ? t : 0;
}

/* From at on; a place behind the n codes has no rows. */
static void add_up(const boost_sum *e, int n, boost_sum at, scan *o)
{
    for (int i = 0; i < n; i++) {
        o->g[i] = at.g += e[i].g;
        o->hc[i] = at.hc += e[i].hc;
    }
    for (int i = n; i % LANES; i++)
        o->g[i] = o->hc[i] = 0;
}

/* The two terms of the sides; -1 where a side is too small.  Returns the largest. */
CRM_SIMD static double score_all(const boost_rule *r, int n, const side *total, scan *o)
{
    double l1 = r->l1, l2 = r->l2, rows = r->min_rows, weight = r->min_weight;
    double tg = total->g, th = total->h, tn = total->n, top[LANES], best = -1;
    int64_t mask = ((int64_t)1 << r->scale.count_bits) - 1;
    int bits = r->scale.count_bits;

    for (int l = 0; l < LANES; l++)
        top[l] = -1;
    for (int i = 0; i < n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double gl = (double)o->g[i + l], hl = (double)(o->hc[i + l] >> bits),
                   nl = (double)(o->hc[i + l] & mask);
            double gr = tg - gl, hr = th - hl, nr = tn - nl;
            double a = shrink(gl, l1), b = shrink(gr, l1), dl = hl + l2, dr = hr + l2;
            double value = (a * a * dr + b * b * dl) / (dl * dr);
            int fine = (nl >= rows) & (nr >= rows) & (hl >= weight) & (hr >= weight);
            value = fine ? value : -1;
            o->score[i + l] = value;
            top[l] = value > top[l] ? value : top[l];
        }
    for (int l = 0; l < LANES; l++)
        best = top[l] > best ? top[l] : best;
    return best;
}

/* *score and *out when a split behind one of the first n codes, with sums from at on, is better. */
static void take_best(const job *j, const boost_sum *e, int n, boost_sum at, const side *total,
                      double *score, boost_split *out)
{
    scan o;
    double best;
    int i = 0;

    add_up(e, n, at, &o);
    best = score_all(j->rule, n, total, &o);
    if (!(best > *score)) return;
    while (o.score[i] < best)
        i++;
    *score = best;
    out->code = i;
    out->missing_left = at.hc > 0;
}

static void scan_column(const job *j, int c, boost_split *out)
{
    const boost_table *t = j->t;
    const boost_sum *e = j->hist + t->first[c], none = {0, 0};
    const boost_scale *s = &j->rule->scale;
    side total = side_of(s, j->total);
    double g = shrink(total.g, j->rule->l1), parent = g * g / (total.h + j->rule->l2);
    double least = parent * (1 + 1e-12), best = least; /* more than what rounding does */
    int codes = t->codes[c], holes = t->missing[c] && boost_rows(s, e[codes].hc) > 0;

    take_best(j, e, codes - !holes, none, &total, &best, out);
    if (holes) take_best(j, e, codes - 1, e[codes], &total, &best, out);
    out->column = c;
    out->gain = best > least ? (best - parent) * j->rule->to_loss : 0;
    if (!(out->gain > j->rule->min_gain)) out->gain = 0;
}

static crm_status scan_task(void *ctx, int64_t c, int worker)
{
    const job *j = ctx;

    (void)worker;
    j->out[c] = (boost_split){0};
    if (j->take[c]) scan_column(j, (int)c, &j->out[c]);
    return CRM_OK;
}

/* The left child's sum; missing values go to the larger child, of equals to the right, where the
 * node has none. */
static void finish(const job *j, boost_split *b)
{
    const boost_scale *s = &j->rule->scale;
    const boost_sum *e = j->hist + j->t->first[b->column];
    int codes = j->t->codes[b->column];
    bool holes = j->t->missing[b->column] && boost_rows(s, e[codes].hc) > 0;

    for (int i = 0; i <= b->code; i++) {
        b->left.g += e[i].g;
        b->left.hc += e[i].hc;
    }
    if (holes && b->missing_left) {
        b->left.g += e[codes].g;
        b->left.hc += e[codes].hc;
    }
    if (!holes) b->missing_left = 2 * boost_rows(s, b->left.hc) > boost_rows(s, j->total.hc);
}

crm_status boost_split_find(const boost_table *t, const boost_rule *r, const uint8_t *take,
                            const boost_sum *hist, boost_sum total, crm_pool *pool,
                            boost_split *work, boost_split *out)
{
    job j = {.t = t, .rule = r, .take = take, .hist = hist, .total = total, .out = work};

    *out = (boost_split){0};
    CRM_TRY(crm_pool_run(pool, t->n_columns, scan_task, &j));
    for (int c = 0; c < t->n_columns; c++)
        if (work[c].gain > out->gain) *out = work[c];
    if (out->gain > 0) finish(&j, out);
    return CRM_OK;
}
