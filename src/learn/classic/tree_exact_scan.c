/* tree_exact_scan.c - the best cut of one column for two classes, without sorting.
 *
 * Rows are counted in up to EXACT_BUCKETS buckets of neighbouring ranks.  The score of a cut is a
 * convex function of the counts on its left, so that within a bucket it is at most that at a corner
 * of the box between the counts before and behind the bucket: only buckets whose bound reaches the
 * best score are looked into, in the same way (the idea of CLOUDS: Alsabti, Ranka, Singh, KDD 1998;
 * here without estimates, so that the result is that of all cuts).  Few rows are compared each with
 * each, which needs neither branches nor order.
 *
 * With t_c rows of class c, l_c of them on the left, and weights w_c, the decrease of the Gini
 * impurity is a constant times
 *
 *     (l_0 t_1 - l_1 t_0)^2 / (L R),   L = w_0 l_0 + w_1 l_1,   R = w_0 t_0 + w_1 t_1 - L
 */
#include <string.h>

#include "crmpi/base_math.h"
#include "tree_exact_impl.h"

/* What cuts of a column are judged by. */
typedef struct judge {
    const exact_rules *rules;
    exact_bench *bench;
    exact_split *best;
    int place, column;
    bool missing_left;
    int64_t count[2];
    int32_t fewest, most; /* rows on the left */
    double slack;         /* rounding of a score */
} judge;

/* ---- scores ---- */

CRM_SIMD static void score_gini(int n, const int32_t *l0, const int32_t *l1, const double *t,
                                const double *w, double *out)
{
    double t0 = t[0], t1 = t[1], w0 = w[0], w1 = w[1], total = w0 * t0 + w1 * t1;

    for (int i = 0; i < n; i++) {
        double a = l0[i], b = l1[i], d = a * t1 - b * t0, left = w0 * a + w1 * b;
        double product = left * (total - left);
        out[i] = product > 0 ? d * d / product : -INFINITY;
    }
}

static double x_log_x(const exact_rules *r, const int64_t *n, int side)
{
    double x, sum = 0;

    if (r->x_log_x) return side < 2 ? r->x_log_x[n[side]] : r->x_log_x[n[0] + n[1]];
    for (int c = 0; c < 2; c++)
        if (side == 2 || side == c) sum += r->weight[c] * (double)n[c];
    x = sum;
    return x > 0 ? x * crm_log(x) : 0;
}

static double side_entropy(const exact_rules *r, int64_t n0, int64_t n1)
{
    int64_t n[2] = {n0, n1};

    return x_log_x(r, n, 0) + x_log_x(r, n, 1) - x_log_x(r, n, 2);
}

static void score_entropy(const judge *g, int n, const int32_t *l0, const int32_t *l1, double *out)
{
    for (int i = 0; i < n; i++) {
        int64_t r0 = g->count[0] - l0[i], r1 = g->count[1] - l1[i];
        bool both = l0[i] + l1[i] > 0 && r0 + r1 > 0;
        out[i] = both ? side_entropy(g->rules, l0[i], l1[i]) + side_entropy(g->rules, r0, r1)
                      : -INFINITY;
    }
}

static void score(const judge *g, int n, const int32_t *l0, const int32_t *l1, double *out)
{
    double t[2] = {(double)g->count[0], (double)g->count[1]};

    if (g->rules->cfg->criterion == CRM_TREE_GINI)
        score_gini(n, l0, l1, t, g->rules->weight, out);
    else
        score_entropy(g, n, l0, l1, out);
}

/* Scores of cuts with rows[n] on the left, the largest of them. */
CRM_SIMD static double allow(int n, const int32_t *rows, int32_t fewest, int32_t most,
                             double *score)
{
    double top[8], all = -INFINITY;
    int i = 0;

    for (int k = 0; k < 8; k++)
        top[k] = -INFINITY;
    for (int k = 0; k < n; k++)
        score[k] = ((rows[k] >= fewest) & (rows[k] <= most)) ? score[k] : -INFINITY;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            top[k] = score[i + k] > top[k] ? score[i + k] : top[k];
    for (; i < n; i++)
        top[0] = score[i] > top[0] ? score[i] : top[0];
    for (int k = 0; k < 8; k++)
        all = top[k] > all ? top[k] : all;
    return all;
}

static void offer(const judge *g, double value, int32_t cutoff)
{
    exact_split s = {.score = value,
                     .place = g->place,
                     .column = g->column,
                     .cutoff = cutoff,
                     .missing_left = g->missing_left};

    if (exact_better(&s, g->best)) *g->best = s;
}

static void unpack(int n, const uint64_t *sum, exact_bench *b)
{
    for (int i = 0; i < n; i++) {
        b->rows[i] = (int32_t)(sum[i] & EXACT_MASK);
        b->l0[i] = (int32_t)(sum[i] >> EXACT_FIELD & EXACT_MASK);
        b->l1[i] = (int32_t)(sum[i] >> 2 * EXACT_FIELD & EXACT_MASK);
    }
}

/* ---- few rows ---- */

static uint64_t widen(uint32_t mark)
{
    return (uint64_t)(mark & 0xff) | (uint64_t)(mark >> 8 & 0xfff) << EXACT_FIELD |
           (uint64_t)(mark >> 20) << 2 * EXACT_FIELD;
}

/* sum[i] = marks of the rows whose key is at most key[i]; room for whole groups of 16. */
CRM_SIMD static void compare_all(int n, const int32_t *key, const uint32_t *mark, uint32_t *sum)
{
    for (int i = 0; i < n; i += 16) {
        uint32_t s[16] = {0};
        for (int j = 0; j < n; j++)
            for (int k = 0; k < 16; k++)
                s[k] += key[j] <= key[i + k] ? mark[j] : 0;
        memcpy(sum + i, s, sizeof s);
    }
}

static void scan_few(const judge *g, int n, const int32_t *key, const uint32_t *mark, uint64_t base)
{
    exact_bench *b = g->bench;
    uint32_t sum[EXACT_SMALL];
    double top;

    compare_all(n, key, mark, sum);
    for (int i = 0; i < n; i++)
        b->sum[i] = base + widen(sum[i]);
    unpack(n, b->sum, b);
    score(g, n, b->l0, b->l1, b->score);
    top = allow(n, b->rows, g->fewest, g->most, b->score);
    if (!(top >= g->best->score) || top == -INFINITY) return;
    for (int i = 0; i < n; i++)
        if (b->score[i] == top) offer(g, top, key[i]);
}

/* ---- many rows: buckets ---- */

typedef struct range {
    int64_t n;
    const int32_t *key;
    const uint64_t *mark;
    int32_t low, high; /* keys */
    uint64_t base;     /* marks of the rows on the left of all cuts here */
    int64_t at;        /* place in the whole column, for working memory  */
    int turn;          /* of working memory                              */
} range;

static void scan_range(const judge *g, const range *r);

CRM_SIMD static void span(int64_t n, const int32_t *key, int32_t *low, int32_t *high)
{
    int32_t lo = key[0], hi = key[0];

    for (int64_t i = 1; i < n; i++) {
        lo = key[i] < lo ? key[i] : lo;
        hi = key[i] > hi ? key[i] : hi;
    }
    *low = lo;
    *high = hi;
}

static int choose_shift(const range *r)
{
    int64_t most = r->n / 4 < EXACT_BUCKETS ? r->n / 4 : EXACT_BUCKETS;
    int shift = 0;

    while ((r->high - r->low) >> shift >= most)
        shift++;
    return shift;
}

static void fill_buckets(const range *r, int shift, int buckets, uint64_t *sum)
{
    memset(sum, 0, (size_t)buckets * sizeof *sum);
    for (int64_t i = 0; i < r->n; i++)
        sum[(r->key[i] - r->low) >> shift] += r->mark[i];
    sum[0] += r->base;
    for (int k = 1; k < buckets; k++)
        sum[k] += sum[k - 1];
}

/* Not beyond the ranks of the column, where missing values are. */
static int32_t cutoff_of(const range *r, int shift, int k)
{
    int64_t end = r->low + ((int64_t)(k + 1) << shift) - 1;

    return end < r->high ? (int32_t)end : r->high;
}

static void offer_edges(const judge *g, const range *r, int shift, int buckets)
{
    exact_bench *b = g->bench;
    double top;

    unpack(buckets, b->sum, b);
    score(g, buckets, b->l0, b->l1, b->score);
    top = allow(buckets, b->rows, g->fewest, g->most, b->score);
    if (!(top >= g->best->score) || top == -INFINITY) return;
    for (int k = 0; k < buckets; k++)
        if (b->score[k] == top) {
            offer(g, top, cutoff_of(r, shift, k));
            return;
        }
}

/* Two values at most, as in columns of 0 and 1: no buckets in memory. */
CRM_SIMD static void add_two(int64_t n, const int32_t *key, const uint64_t *mark, int32_t low,
                             uint64_t *sum)
{
    uint64_t below = 0, all = 0;

    for (int64_t i = 0; i < n; i++) {
        below += key[i] == low ? mark[i] : 0;
        all += mark[i];
    }
    sum[0] += below;
    sum[1] += all;
}

static void scan_two(const judge *g, const range *r)
{
    g->bench->sum[0] = g->bench->sum[1] = r->base;
    add_two(r->n, r->key, r->mark, r->low, g->bench->sum);
    offer_edges(g, r, 0, r->high - r->low + 1);
}

/* A bucket to be looked into. */
typedef struct look {
    int bucket;
    double bound;
    uint64_t before; /* marks on the left of it */
    int64_t first, n;
} look;

static double limit(const judge *g)
{
    return g->best->score - 1e-12 * fabs(g->best->score) - g->slack;
}

/* Bounds of all buckets: the larger of the two corners of each. */
static void bound_buckets(const judge *g, uint64_t base, int buckets, double *bound)
{
    exact_bench *b = g->bench;
    double other[EXACT_BUCKETS];
    int32_t l0[EXACT_BUCKETS], l1[EXACT_BUCKETS];

    l0[0] = (int32_t)exact_count(base, 0);
    l1[0] = (int32_t)exact_count(base, 1);
    for (int k = 1; k < buckets; k++) {
        l0[k] = b->l0[k - 1];
        l1[k] = b->l1[k - 1];
    }
    score(g, buckets, b->l0, l1, bound);
    score(g, buckets, l0, b->l1, other);
    for (int k = 0; k < buckets; k++)
        bound[k] = other[k] > bound[k] ? other[k] : bound[k];
}

/* Buckets with two rows or more that may hold a better cut. */
static int choose_looks(const judge *g, const range *r, int buckets, const double *bound,
                        look *looks, int16_t *number)
{
    const uint64_t *sum = g->bench->sum;
    double least = limit(g);
    uint64_t before = r->base;
    int64_t first = 0;
    int n = 0;

    for (int k = 0; k < buckets; before = sum[k++]) {
        int64_t rows = exact_rows(sum[k]) - exact_rows(before);
        number[k] = -1;
        if (rows < 2 || !(bound[k] >= least) || bound[k] == -INFINITY) continue;
        number[k] = (int16_t)n;
        looks[n++] =
            (look){.bucket = k, .bound = bound[k], .before = before, .first = first, .n = rows};
        first += rows;
    }
    return n;
}

/* Rows of the chosen buckets, bucket after bucket. */
static void collect(const judge *g, const range *r, int shift, const int16_t *number, look *looks)
{
    int32_t *key = g->bench->part[r->turn] + r->at;
    uint64_t *mark = g->bench->part_mark[r->turn] + r->at;

    for (int64_t i = 0; i < r->n; i++) {
        int16_t k = number[(r->key[i] - r->low) >> shift];
        if (k < 0) continue;
        key[looks[k].first] = r->key[i];
        mark[looks[k].first++] = r->mark[i];
    }
}

static void look_into(const judge *g, const range *r, const look *l)
{
    range part = {.n = l->n, .at = r->at + l->first - l->n, .base = l->before, .turn = !r->turn};
    uint32_t mark[EXACT_SMALL];

    part.key = g->bench->part[r->turn] + part.at;
    part.mark = g->bench->part_mark[r->turn] + part.at;
    if (part.n > EXACT_SMALL) {
        scan_range(g, &part);
        return;
    }
    for (int i = 0; i < part.n; i++)
        mark[i] = exact_narrow(part.mark[i]);
    scan_few(g, (int)part.n, part.key, mark, part.base);
}

static void scan_buckets(const judge *g, const range *r)
{
    double bound[EXACT_BUCKETS];
    look looks[EXACT_BUCKETS];
    int16_t number[EXACT_BUCKETS];
    int shift = choose_shift(r), buckets = ((r->high - r->low) >> shift) + 1, n;

    fill_buckets(r, shift, buckets, g->bench->sum);
    offer_edges(g, r, shift, buckets);
    if (shift == 0) return;
    bound_buckets(g, r->base, buckets, bound);
    n = choose_looks(g, r, buckets, bound, looks, number);
    if (n > 0) collect(g, r, shift, number, looks);
    for (int k = 0; k < n; k++)
        if (looks[k].bound >= limit(g)) look_into(g, r, &looks[k]);
}

static void scan_range(const judge *g, const range *r)
{
    range here = *r;

    span(r->n, r->key, &here.low, &here.high);
    scan_buckets(g, &here);
}

/* ---- a column of a node ---- */

CRM_SIMD static void gather(int64_t n, const int32_t *row, const int32_t *rank, int32_t *key,
                            int32_t *low, int32_t *high)
{
    int32_t lo = INT32_MAX, hi = -1;

    for (int64_t i = 0; i < n; i++) {
        int32_t k = rank[row[i]];
        key[i] = k;
        lo = k < lo ? k : lo;
        hi = k > hi ? k : hi;
    }
    *low = lo;
    *high = hi;
}

/* Rows with a value; returns their number, *missing the marks of the others. */
static int64_t take_present(const exact_node *x, int32_t none, exact_bench *b, uint64_t *missing)
{
    int64_t n = 0;

    *missing = 0;
    for (int64_t i = 0; i < x->n; i++) {
        int32_t k = b->key[i];
        b->key[n] = k;
        b->present[n] = x->mark[i];
        *missing += k == none ? x->mark[i] : 0;
        n += k != none;
    }
    return n;
}

/* small: narrow marks of the rows, when there are few. */
static void scan_all(const judge *g, const range *r, const uint32_t *small)
{
    if (r->high - r->low <= 1)
        scan_two(g, r);
    else if (r->n > EXACT_SMALL)
        scan_buckets(g, r);
    else
        scan_few(g, (int)r->n, r->key, small, r->base);
}

/* With missing values: those on the right, then on the left. */
static bool scan_missing(judge *g, const exact_node *x, int32_t none)
{
    exact_bench *b = g->bench;
    uint32_t small[EXACT_SMALL];
    uint64_t missing;
    range r = {.key = b->key, .mark = b->present};

    r.n = take_present(x, none, b, &missing);
    if (r.n == 0) return false;
    span(r.n, b->key, &r.low, &r.high);
    for (int i = 0; r.n <= EXACT_SMALL && i < r.n; i++)
        small[i] = exact_narrow(b->present[i]);
    scan_all(g, &r, small);
    g->missing_left = true;
    r.base = missing;
    scan_all(g, &r, small);
    return true;
}

static double slack_of(const exact_rules *r, const exact_node *x)
{
    double n = r->weight[0] * (double)x->count[0] + r->weight[1] * (double)x->count[1];

    return r->cfg->criterion == CRM_TREE_GINI ? 0 : 1e-12 * (1 + n * fabs(crm_log(n)));
}

bool exact_scan(const exact_rules *r, const exact_node *x, int column, int place, exact_bench *b,
                exact_split *best)
{
    const tree_columns *c = r->columns;
    int64_t least = r->cfg->min_samples_leaf;
    judge g = {.rules = r, .bench = b, .best = best, .place = place, .column = column};
    range all = {.n = x->n, .key = b->key, .mark = x->mark};

    g.count[0] = x->count[0];
    g.count[1] = x->count[1];
    g.fewest = (int32_t)(least < 1 ? 1 : least);
    g.most = (int32_t)(x->n - g.fewest);
    g.slack = slack_of(r, x);
    gather(x->n, x->row, c->rank[column], b->key, &all.low, &all.high);
    if (all.high == c->n_values[column]) return scan_missing(&g, x, all.high);
    if (all.low == all.high || exact_is_close(c, column, all.low, all.high)) return false;
    scan_all(&g, &all, b->small);
    return true;
}
