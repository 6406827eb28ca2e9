/* tree_reference.h - a decision tree by plain loops, for the tests of trees: each cut of each
 * column is tried, impurities are those of the definition in long double, pruning goes link by
 * link. */
#ifndef CRM_TREE_REFERENCE_H
#define CRM_TREE_REFERENCE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { REF_CLASSES = 4 };
/* Differences of decreases up to this are rounding: the first split wins. */
#define REF_TIE 1e-13L

typedef struct ref_node {
    int column; /* -1: a leaf */
    double cut;
    bool missing_left;
    int left, right, depth;
    long double weight[REF_CLASSES], total, impurity;
} ref_node;

typedef struct ref_tree {
    int64_t n;
    int d, k;
    const float *x;   /* [n][d] */
    const int32_t *y; /* [n]    */
    const double *w;  /* [k]    */
    bool entropy;
    int64_t min_leaf, min_split, max_depth; /* -1: no limit */
    int n_nodes;
    ref_node *node;
    float *value; /* working memory */
    int64_t *order, *part;
} ref_tree;

typedef struct ref_split {
    int column;
    double cut;
    bool missing_left;
    long double decrease;
} ref_split;

static inline long double ref_impurity(const ref_tree *t, const long double *w, long double total)
{
    long double sum = 0;

    for (int c = 0; c < t->k; c++) {
        long double p = w[c] / total;
        if (t->entropy)
            sum -= p > 0 ? p * log2l(p) : 0;
        else
            sum += p * (1 - p);
    }
    return sum;
}

static inline void ref_weigh(const ref_tree *t, int64_t n, const int64_t *row, ref_node *out)
{
    memset(out->weight, 0, sizeof out->weight);
    out->total = 0;
    for (int64_t i = 0; i < n; i++)
        out->weight[t->y[row[i]]] += t->w[t->y[row[i]]];
    for (int c = 0; c < t->k; c++)
        out->total += out->weight[c];
    out->impurity = n > 0 ? ref_impurity(t, out->weight, out->total) : 0;
}

static inline bool ref_goes_left(const ref_split *s, float x)
{
    return isnan(x) ? s->missing_left : (double)x <= s->cut;
}

/* Decrease by a split; -1 when a side has too few rows. */
static inline long double ref_decrease(const ref_tree *t, const ref_node *here, int64_t n,
                                       const int64_t *row, const ref_split *s)
{
    ref_node side[2];
    int64_t count[2] = {0};

    memset(side, 0, sizeof side);
    for (int64_t i = 0; i < n; i++) {
        int g = !ref_goes_left(s, t->x[row[i] * t->d + s->column]);
        side[g].weight[t->y[row[i]]] += t->w[t->y[row[i]]];
        count[g]++;
    }
    if (count[0] < t->min_leaf || count[1] < t->min_leaf || !count[0] || !count[1]) return -1;
    for (int g = 0; g < 2; g++) {
        for (int c = 0; c < t->k; c++)
            side[g].total += side[g].weight[c];
        side[g].impurity = ref_impurity(t, side[g].weight, side[g].total);
    }
    return here->impurity - side[0].total / here->total * side[0].impurity -
           side[1].total / here->total * side[1].impurity;
}

static inline int ref_compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static inline void ref_try(const ref_tree *t, const ref_node *here, int64_t n, const int64_t *row,
                           ref_split s, ref_split *best)
{
    s.decrease = ref_decrease(t, here, n, row, &s);
    if (s.decrease > best->decrease + REF_TIE) *best = s;
}

/* All cuts of a column: missing values on the right, then on the left. */
static inline void ref_column(const ref_tree *t, const ref_node *here, int64_t n,
                              const int64_t *row, int column, ref_split *best)
{
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++)
        if (!isnan(t->x[row[i] * t->d + column])) t->value[m++] = t->x[row[i] * t->d + column];
    qsort(t->value, (size_t)m, sizeof *t->value, ref_compare);
    for (int left = 0; left <= (m < n); left++) {
        ref_split s = {.column = column, .missing_left = left};
        for (int64_t i = 0; i + 1 < m; i++) {
            if (t->value[i + 1] <= t->value[i] + 1e-7f) continue;
            s.cut = (double)t->value[i] / 2 + (double)t->value[i + 1] / 2;
            ref_try(t, here, n, row, s, best);
        }
        s.cut = INFINITY;
        if (m > 0 && m < n && !left) ref_try(t, here, n, row, s, best);
    }
}

static inline bool ref_has_missing(const ref_tree *t, int64_t n, const int64_t *row, int column)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(t->x[row[i] * t->d + column])) return true;
    return false;
}

/* Rows of the left side first; returns how many. */
static inline int64_t ref_part(ref_tree *t, int64_t n, int64_t *row, const ref_split *s)
{
    int64_t l = 0, g = 0;

    for (int64_t i = 0; i < n; i++)
        if (ref_goes_left(s, t->x[row[i] * t->d + s->column]))
            row[l++] = row[i];
        else
            t->part[g++] = row[i];
    memcpy(row + l, t->part, (size_t)g * sizeof *row);
    return l;
}

static inline int ref_grow(ref_tree *t, int64_t n, int64_t *row, int depth)
{
    int at = t->n_nodes++;
    ref_node *here = &t->node[at];
    ref_split best = {.column = -1, .decrease = -1};
    int64_t l;

    here->column = -1;
    here->depth = depth;
    ref_weigh(t, n, row, here);
    if (here->impurity < 1e-15L || n < t->min_split || (t->max_depth >= 0 && depth >= t->max_depth))
        return at;
    for (int j = 0; j < t->d; j++)
        ref_column(t, here, n, row, j, &best);
    if (best.column < 0) return at;
    bool missing = ref_has_missing(t, n, row, best.column);
    l = ref_part(t, n, row, &best);
    int left = ref_grow(t, l, row, depth + 1), right = ref_grow(t, n - l, row + l, depth + 1);
    here->column = best.column;
    here->cut = best.cut;
    here->left = left;
    here->right = right;
    here->missing_left =
        missing ? best.missing_left : t->node[left].total > t->node[right].total + 1e-9L;
    return at;
}

static inline void ref_fit(ref_tree *t)
{
    t->node = calloc((size_t)(2 * t->n), sizeof *t->node);
    t->value = calloc((size_t)t->n, sizeof *t->value);
    t->order = calloc((size_t)t->n, sizeof *t->order);
    t->part = calloc((size_t)t->n, sizeof *t->part);
    for (int64_t i = 0; i < t->n; i++)
        t->order[i] = i;
    t->n_nodes = 0;
    ref_grow(t, t->n, t->order, 0);
}

static inline void ref_free(ref_tree *t)
{
    free(t->node);
    free(t->value);
    free(t->order);
    free(t->part);
}

static inline const ref_node *ref_leaf(const ref_tree *t, const float *x)
{
    const ref_node *n = t->node;

    while (n->column >= 0) {
        ref_split s = {.column = n->column, .cut = n->cut, .missing_left = n->missing_left};
        n = &t->node[ref_goes_left(&s, x[n->column]) ? n->left : n->right];
    }
    return n;
}

/* ---- pruning: the weakest link again and again (Breiman, Friedman, Olshen, Stone 1984, ch. 3) */
static inline long double ref_branch(const ref_tree *t, int at, int *leaves)
{
    const ref_node *n = &t->node[at];

    if (n->column < 0) {
        ++*leaves;
        return n->total * n->impurity / t->node[0].total;
    }
    return ref_branch(t, n->left, leaves) + ref_branch(t, n->right, leaves);
}

static inline int ref_weakest(const ref_tree *t, int at, int best, long double *least)
{
    const ref_node *n = &t->node[at];
    int leaves = 0;
    long double g;

    if (n->column < 0) return best;
    g = n->total * n->impurity / t->node[0].total - ref_branch(t, at, &leaves);
    g /= leaves - 1;
    if (g < *least) {
        *least = g;
        best = at;
    }
    best = ref_weakest(t, n->left, best, least);
    return ref_weakest(t, n->right, best, least);
}

static inline void ref_prune(ref_tree *t, double alpha)
{
    for (;;) {
        long double least = INFINITY;
        int at = ref_weakest(t, 0, -1, &least);
        if (at < 0 || least > (long double)alpha) return;
        t->node[at].column = -1;
    }
}

/* ---- few leaves: the split with the largest decrease first ---- */
static inline long double ref_gain(const ref_tree *t, int at)
{
    const ref_node *n = &t->node[at];

    return n->total * n->impurity - t->node[n->left].total * t->node[n->left].impurity -
           t->node[n->right].total * t->node[n->right].impurity;
}

static inline void ref_limit(ref_tree *t, int leaves)
{
    int *edge = calloc((size_t)leaves, sizeof *edge), n = 1;

    for (int best = 0; n < leaves && best >= 0;) {
        best = -1;
        for (int i = 0; i < n; i++)
            if (t->node[edge[i]].column >= 0 &&
                (best < 0 || ref_gain(t, edge[i]) > ref_gain(t, edge[best])))
                best = i;
        if (best < 0) break;
        edge[n++] = t->node[edge[best]].right;
        edge[best] = t->node[edge[best]].left;
    }
    for (int i = 0; i < n; i++)
        t->node[edge[i]].column = -1;
    free(edge);
}

static inline int ref_count(const ref_tree *t, int at)
{
    const ref_node *n = &t->node[at];

    return n->column < 0 ? 1 : 1 + ref_count(t, n->left) + ref_count(t, n->right);
}
#endif
