/* tree_exact_sort.c - the best cut of one column for any number of classes: rows in the order of
 * their ranks, a score at each place where the value changes. */
#include <string.h>

#include "crmpi/base_math.h"
#include "tree_exact_impl.h"

/* ---- scores ---- */

static double gini_two(const exact_rules *r, const int64_t *count, const int64_t *left)
{
    double t0 = (double)count[0], t1 = (double)count[1], a = (double)left[0], b = (double)left[1];
    double w0 = r->weight[0], w1 = r->weight[1], total = w0 * t0 + w1 * t1;
    double d = a * t1 - b * t0, l = w0 * a + w1 * b, product = l * (total - l);

    return product > 0 ? d * d / product : -INFINITY;
}

/* Sum of squares over sum, of each side. */
static double gini_many(const exact_rules *r, const int64_t *count, const int64_t *left)
{
    double l = 0, l2 = 0, g = 0, g2 = 0;

    for (int c = 0; c < r->m; c++) {
        double a = r->weight[c] * (double)left[c];
        double b = r->weight[c] * (double)(count[c] - left[c]);
        l += a;
        l2 += a * a;
        g += b;
        g2 += b * b;
    }
    return l > 0 && g > 0 ? l2 / l + g2 / g : -INFINITY;
}

static double x_log_x(double x)
{
    return x > 0 ? x * crm_log(x) : 0;
}

static double entropy_plain(const exact_rules *r, const int64_t *count, const int64_t *left)
{
    const double *f = r->x_log_x;
    double below = 0, above = 0;
    int64_t l = 0, g = 0;

    for (int c = 0; c < r->m; c++) {
        int64_t a = left[c], b = count[c] - left[c];
        below += f[a];
        above += f[b];
        l += a;
        g += b;
    }
    return l > 0 && g > 0 ? (below - f[l]) + (above - f[g]) : -INFINITY;
}

static double entropy_weighted(const exact_rules *r, const int64_t *count, const int64_t *left)
{
    double below = 0, above = 0, l = 0, g = 0;

    for (int c = 0; c < r->m; c++) {
        double a = r->weight[c] * (double)left[c];
        double b = r->weight[c] * (double)(count[c] - left[c]);
        below += x_log_x(a);
        above += x_log_x(b);
        l += a;
        g += b;
    }
    return l > 0 && g > 0 ? (below - x_log_x(l)) + (above - x_log_x(g)) : -INFINITY;
}

double exact_score(const exact_rules *r, const int64_t *count, const int64_t *left)
{
    if (r->cfg->criterion == CRM_TREE_ENTROPY)
        return r->x_log_x ? entropy_plain(r, count, left) : entropy_weighted(r, count, left);
    return r->m == 2 ? gini_two(r, count, left) : gini_many(r, count, left);
}

/* ---- order ---- */

enum { FEW = 32 };

static void sort_few(int64_t n, uint64_t *a)
{
    for (int64_t i = 1; i < n; i++) {
        uint64_t x = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1] > x; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

/* ---- a column of a node ---- */

typedef struct walk {
    const exact_rules *rules;
    const exact_node *node;
    exact_bench *bench;
    exact_split *best;
    int place, column;
    int64_t n;             /* rows with a value        */
    const uint64_t *order; /* [n] rank and row, rising */
} walk;

static int32_t rank_at(const walk *w, int64_t i)
{
    return (int32_t)(w->order[i] >> 32);
}

/* Rows up to number i of the order may stand on the left: enough rows on each side, and the value
 * changes. */
static bool may_cut(const walk *w, int64_t i, int64_t rows)
{
    int64_t least = w->rules->cfg->min_samples_leaf, others = w->node->n - rows;

    if (rows < least || others < least || others < 1) return false;
    return i + 1 == w->n || rank_at(w, i) != rank_at(w, i + 1);
}

static void offer(const walk *w, int64_t i, bool missing_left, double score)
{
    exact_split s = {.score = score,
                     .place = w->place,
                     .column = w->column,
                     .cutoff = rank_at(w, i),
                     .missing_left = missing_left};

    if (!(score >= w->best->score) || score == -INFINITY || !exact_better(&s, w->best)) return;
    if (i + 1 < w->n && exact_is_close(w->rules->columns, w->column, s.cutoff, rank_at(w, i + 1)))
        return;
    *w->best = s;
}

static void walk_rows(const walk *w, bool missing_left)
{
    const exact_rules *r = w->rules;
    int64_t rows = missing_left ? w->node->n - w->n : 0;

    for (int64_t i = 0; i < w->n; i++) {
        exact_add(r, w->node->mark[(uint32_t)w->order[i]], w->bench->left);
        if (may_cut(w, i, ++rows))
            offer(w, i, missing_left, exact_score(r, w->node->count, w->bench->left));
    }
}

/* Sums of the two sides, for Gini without weights: gini_many, one row at a time. */
typedef struct squares {
    int64_t l, l2, g, g2; /* copies, sums of squares over the slots */
} squares;

static squares begin_squares(const walk *w)
{
    const int64_t *left = w->bench->left;
    squares s = {0};

    for (int c = 0; c < w->rules->m; c++) {
        int64_t a = left[c], b = w->node->count[c] - a;
        s.l += a;
        s.l2 += a * a;
        s.g += b;
        s.g2 += b * b;
    }
    return s;
}

static void walk_squares(const walk *w, bool missing_left)
{
    const int64_t *count = w->node->count;
    int64_t rows = missing_left ? w->node->n - w->n : 0, *left = w->bench->left;
    squares s = begin_squares(w);

    for (int64_t i = 0; i < w->n; i++) {
        uint64_t mark = w->node->mark[(uint32_t)w->order[i]];
        int64_t k = (int64_t)(mark & UINT32_MAX), a = left[mark >> 32], b = count[mark >> 32] - a;
        s.l2 += k * (2 * a + k);
        s.g2 -= k * (2 * b - k);
        s.l += k;
        s.g -= k;
        left[mark >> 32] = a + k;
        if (may_cut(w, i, ++rows))
            offer(w, i, missing_left, (double)s.l2 / (double)s.l + (double)s.g2 / (double)s.g);
    }
}

static void walk_column(const walk *w, bool missing_left)
{
    const exact_rules *r = w->rules;

    if (r->plain && !r->packed && r->m > 2 && r->cfg->criterion == CRM_TREE_GINI)
        walk_squares(w, missing_left);
    else
        walk_rows(w, missing_left);
}

/* Pairs of rank and row for rows with a value; left = counts of the others. */
static int64_t take_present(const exact_rules *r, const exact_node *x, int column, exact_bench *b,
                            uint32_t *high)
{
    const int32_t *rank = r->columns->rank[column];
    int32_t none = r->columns->n_values[column];
    int64_t n = 0;

    *high = 0;
    for (int64_t i = 0; i < x->n; i++) {
        int32_t k = rank[x->row[i]];
        if (k == none) {
            exact_add(r, x->mark[i], b->left);
            continue;
        }
        b->pair[n++] = (uint64_t)k << 32 | (uint64_t)i;
        *high = (uint32_t)k > *high ? (uint32_t)k : *high;
    }
    return n;
}

bool exact_sort(const exact_rules *r, const exact_node *x, int column, int place, exact_bench *b,
                exact_split *best)
{
    walk w = {.rules = r, .node = x, .bench = b, .best = best, .place = place, .column = column};
    size_t bytes = (size_t)r->m * sizeof *b->left;
    uint32_t high;

    memset(b->left, 0, bytes);
    w.n = take_present(r, x, column, b, &high);
    if (w.n == 0) return false;
    w.order = b->pair;
    if (w.n <= FEW)
        sort_few(w.n, b->pair);
    else
        w.order = exact_sort_pairs(w.n, b->pair, b->pair + x->n, high);
    if (w.n < x->n) {
        walk_column(&w, true);
    } else if (exact_is_close(r->columns, column, (int32_t)(w.order[0] >> 32),
                              (int32_t)(w.order[w.n - 1] >> 32))) {
        return false;
    }
    memset(b->left, 0, bytes);
    walk_column(&w, false);
    return true;
}
