/* boost_flat.c - scores of many rows by trees laid out for it.
 *
 * A tree of up to 64 leaves, numbered from left to right, is a mask for each split: the leaves that
 * are left when a row goes right there.  A row's leaf is the lowest bit that no split on its way,
 * or off its way, takes away (Lucchese et al. 2015, "QuickScorer").  All rows of a strip pass one
 * split after the other, so that the loop has no branch.  Larger trees are walked. */
#include <string.h>

#include "boost_impl.h"
#include "crmpi/base_simd.h"

enum { STRIP = 256, SMALL = 32, LARGE = 64 };

typedef struct flat_split {
    uint64_t keep;  /* leaves after a step to the right                  */
    float cut;      /* left: x <= cut, which is so for the same floats    */
    int32_t column; /* number among those that are used                   */
    bool missing_left;
} flat_split;
typedef struct flat_tree {
    int64_t first;  /* of its splits            */
    int64_t value;  /* of its leaves in value   */
    int32_t splits; /* -1: to be walked         */
    int32_t leaves;
} flat_tree;

struct boost_flat {
    const tree *t;
    int64_t n_trees;
    int vectors, n_used;
    double *start;   /* [vectors]                             */
    int32_t *used;   /* [n_used] columns of a row             */
    flat_tree *tree; /* [n_trees]                             */
    flat_split *split;
    double *value;
    float *x;       /* [n_used][STRIP]                       */
    double *z;      /* [vectors][STRIP]                      */
    int32_t *below; /* working memory: leaves below a node, number of the first */
};

/* ---- making it ---- */

/* The largest float that is not above cut. */
static float float_cut(double cut)
{
    float f = (float)cut;

    return (double)f > cut ? nextafterf(f, -INFINITY) : f;
}

/* Leaves below each node of t, then the number of its first leaf, from left to right. */
static void number_leaves(const tree *t, int32_t *below, int32_t *first)
{
    for (int32_t i = t->n_nodes - 1; i >= 0; i--) {
        const tree_node *n = &t->node[i];
        below[i] = n->column < 0 ? 1 : below[n->left] + below[n->left + 1];
    }
    first[0] = 0;
    for (int32_t i = 0; i < t->n_nodes; i++) {
        const tree_node *n = &t->node[i];
        if (n->column < 0) continue;
        first[n->left] = first[i];
        first[n->left + 1] = first[i] + below[n->left];
    }
}

static uint64_t keep_right(int32_t first, int32_t leaves)
{
    uint64_t lefts = leaves < 64 ? ((uint64_t)1 << leaves) - 1 : ~(uint64_t)0;

    return ~(lefts << first);
}

static void lay_out(boost_flat *f, const tree *t, const int32_t *number, flat_tree *o)
{
    int32_t *first = f->below + t->n_nodes;

    number_leaves(t, f->below, first);
    for (int32_t i = 0; i < t->n_nodes; i++) {
        const tree_node *n = &t->node[i];
        if (n->column < 0)
            f->value[o->value + first[i]] = t->value[n->left];
        else
            f->split[o->first + o->splits++] =
                (flat_split){.keep = keep_right(first[i], f->below[n->left]),
                             .cut = float_cut(n->cut),
                             .column = number[n->column],
                             .missing_left = n->missing_left != 0};
    }
}

/* number [columns]: 1 + place among the columns that some tree asks for, 0: none does. */
static int number_columns(int64_t n, const tree *t, int32_t *number)
{
    int used = 0;

    for (int64_t i = 0; i < n; i++)
        for (int32_t k = 0; k < t[i].n_nodes; k++) {
            int32_t c = t[i].node[k].column;
            if (c >= 0 && number[c] == 0) number[c] = ++used;
        }
    return used;
}

static crm_status lay_all(boost_flat *f, int32_t *number, int32_t columns)
{
    int64_t splits = 0, values = 0;

    for (int32_t c = 0; c < columns; c++)
        if (number[c]-- > 0) f->used[number[c]] = c;
    for (int64_t i = 0; i < f->n_trees; i++) {
        const tree *t = &f->t[i];
        f->tree[i] = (flat_tree){.first = splits, .value = values, .leaves = t->n_leaves};
        if (t->n_leaves > LARGE) {
            f->tree[i].splits = -1;
            continue;
        }
        lay_out(f, t, number, &f->tree[i]);
        splits += t->n_leaves - 1;
        values += t->n_leaves;
    }
    return CRM_OK;
}

static crm_status make(boost_flat *f, const double *start, int32_t columns, int32_t *number)
{
    int64_t leaves = 0;
    int32_t nodes = 1;

    for (int64_t i = 0; i < f->n_trees; i++) {
        leaves += f->t[i].n_leaves;
        nodes = f->t[i].n_nodes > nodes ? f->t[i].n_nodes : nodes;
    }
    f->n_used = number_columns(f->n_trees, f->t, number);
    CRM_NEW(f->start, f->vectors);
    CRM_NEW(f->used, f->n_used);
    CRM_NEW(f->tree, f->n_trees);
    CRM_NEW(f->split, leaves);
    CRM_NEW(f->value, leaves);
    CRM_NEW(f->x, (int64_t)f->n_used * STRIP);
    CRM_NEW(f->z, (int64_t)f->vectors * STRIP);
    CRM_NEW(f->below, 2 * (int64_t)nodes);
    memcpy(f->start, start, (size_t)f->vectors * sizeof *start);
    return lay_all(f, number, columns);
}

crm_status boost_flat_new(int64_t n, const tree *t, int vectors, const double *start,
                          boost_flat **out)
{
    int32_t columns = 0, *number = NULL;
    crm_status st = CRM_OK;
    boost_flat *f = NULL;

    for (int64_t i = 0; i < n; i++)
        for (int32_t k = 0; k < t[i].n_nodes; k++)
            columns = t[i].node[k].column >= columns ? t[i].node[k].column + 1 : columns;
    CRM_NEW_TO(st, done, number, columns);
    CRM_NEW_TO(st, done, f, 1);
    f->t = t;
    f->n_trees = n;
    f->vectors = vectors;
    st = make(f, start, columns, number);
done:
    crm_mem_free(number);
    *out = f;
    return st;
}

void boost_flat_free(boost_flat **at)
{
    boost_flat *f = *at;

    if (!f) return;
    crm_mem_free(f->start);
    crm_mem_free(f->used);
    crm_mem_free(f->tree);
    crm_mem_free(f->split);
    crm_mem_free(f->value);
    crm_mem_free(f->x);
    crm_mem_free(f->z);
    crm_mem_free(f->below);
    crm_mem_free(f);
    *at = NULL;
}

/* ---- scores ---- */

CRM_SIMD static void pass_small(const flat_split *s, int32_t splits, const float *x, int n,
                                uint32_t *mask)
{
    for (; splits > 0; splits--, s++) {
        const float *v = x + (int64_t)s->column * STRIP;
        uint32_t keep = (uint32_t)s->keep;
        float cut = s->cut;
        if (s->missing_left)
            for (int i = 0; i < n; i++)
                mask[i] &= v[i] > cut ? keep : ~(uint32_t)0;
        else
            for (int i = 0; i < n; i++)
                mask[i] &= v[i] <= cut ? ~(uint32_t)0 : keep;
    }
}

CRM_SIMD static void pass_large(const flat_split *s, int32_t splits, const float *x, int n,
                                uint64_t *mask)
{
    for (; splits > 0; splits--, s++) {
        const float *v = x + (int64_t)s->column * STRIP;
        uint64_t keep = s->keep;
        float cut = s->cut;
        if (s->missing_left)
            for (int i = 0; i < n; i++)
                mask[i] &= v[i] > cut ? keep : ~(uint64_t)0;
        else
            for (int i = 0; i < n; i++)
                mask[i] &= v[i] <= cut ? ~(uint64_t)0 : keep;
    }
}

static void add_small(const boost_flat *f, const flat_tree *t, int n, double *z)
{
    const double *value = f->value + t->value;
    uint32_t mask[STRIP];

    memset(mask, 0xFF, (size_t)n * sizeof *mask);
    pass_small(f->split + t->first, t->splits, f->x, n, mask);
    for (int i = 0; i < n; i++)
        z[i] += value[__builtin_ctz(mask[i])];
}

static void add_large(const boost_flat *f, const flat_tree *t, int n, double *z)
{
    const double *value = f->value + t->value;
    uint64_t mask[STRIP];

    memset(mask, 0xFF, (size_t)n * sizeof *mask);
    pass_large(f->split + t->first, t->splits, f->x, n, mask);
    for (int i = 0; i < n; i++)
        z[i] += value[__builtin_ctzll(mask[i])];
}

static void add_walk(const tree *t, const float *x, int64_t d, int n, double *z)
{
    for (int i = 0; i < n; i++)
        z[i] += t->value[tree_leaf(t, x + i * d)];
}

static void turn(boost_flat *f, const float *x, int64_t d, int n)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < f->n_used; c++)
            f->x[(int64_t)c * STRIP + i] = x[i * d + f->used[c]];
}

static void score_strip(boost_flat *f, int n, const float *x, int64_t d, double *z)
{
    turn(f, x, d, n);
    for (int v = 0; v < f->vectors; v++)
        for (int i = 0; i < n; i++)
            f->z[v * STRIP + i] = f->start[v];
    for (int64_t k = 0; k < f->n_trees; k++) {
        const flat_tree *t = &f->tree[k];
        double *sum = f->z + k % f->vectors * STRIP;
        if (t->splits < 0)
            add_walk(&f->t[k], x, d, n, sum);
        else if (t->leaves <= SMALL)
            add_small(f, t, n, sum);
        else
            add_large(f, t, n, sum);
    }
    for (int i = 0; i < n; i++)
        for (int v = 0; v < f->vectors; v++)
            z[i * f->vectors + v] = f->z[v * STRIP + i];
}

void boost_flat_scores(boost_flat *f, int64_t n, const float *x, int64_t d, double *z)
{
    for (int64_t i = 0; i < n; i += STRIP)
        score_strip(f, (int)(n - i < STRIP ? n - i : STRIP), x + i * d, d, z + i * f->vectors);
}
