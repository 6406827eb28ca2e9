/* tree_impl.h - what decision tree, forest and boosting share: nodes, rules of growth, the two
 * growers, binned columns.
 *
 * Only the files tree*.c, forest*.c and boost*.c include it. */
#ifndef CRM_TREE_IMPL_H
#define CRM_TREE_IMPL_H

#include <math.h>

#include "classic_impl.h"
#include "crmpi/base_rng.h"

/* ---- nodes (tree_nodes.c) ---- */
typedef struct tree_node {
    double cut;           /* a row goes left when x[column] <= cut                  */
    int32_t column;       /* numeric column of the source; -1: a leaf               */
    int32_t left;         /* child, the right one is left + 1; of a leaf: its number */
    uint8_t missing_left; /* where a row without a value goes                       */
} tree_node;

/** Node 0 is the root; children stand behind their parent.  Leaf l has value[l * width ...]. */
typedef struct tree {
    int width; /* numbers of a leaf: shares of the classes, or one score */
    int32_t n_nodes, n_leaves, node_cap, leaf_cap;
    tree_node *node;
    double *value;
} tree;

/** A tree of one leaf (node 0) of zeros. */
CRM_CHECKED tree_new(int width, tree *out);
/** Split leaf node number at; its leaf number goes to the left child, the right one gets a new leaf
 *  of zeros.  @param[out] left  node of the left child. */
CRM_CHECKED tree_split(tree *t, int32_t at, int32_t column, double cut, bool missing_left,
                       int32_t *left);
void tree_free(tree *t);
/** Free n trees and their array; *t becomes NULL. */
void trees_free(int64_t n, tree **t);
/** Leaf that a row comes to. */
static inline int32_t tree_leaf(const tree *t, const float *x)
{
    const tree_node *n = t->node;

    while (n->column >= 0) {
        float v = x[n->column];
        bool left = isnan(v) ? n->missing_left : (double)v <= n->cut;
        n = t->node + n->left + !left;
    }
    return n->left;
}
/** leaf[n] of rows pick[n] of x [..][d] (NULL: of the first n): as tree_leaf, but faster. */
void tree_leaves(const tree *t, int64_t n, const float *x, int64_t d, const int32_t *pick,
                 int32_t *leaf);
/** n trees of one width in a bag: "node.column" i32, "node.left" i32, "node.cut" f64,
 *  "node.missing_left" u8, "leaf" f64 [leaves][width],
 *  "trees" i32 [n][2]: nodes and leaves of each. */
CRM_CHECKED trees_save(int64_t n, const tree *t, crm_bag *b);
/** CRM_ERR_FORMAT when a node points outside of its tree or backwards, or a column is not below
 *  n_columns.  *t is the caller's: tree_free each, crm_mem_free. */
CRM_CHECKED trees_load(crm_bag *b, int width, int n_columns, int64_t *n, tree **t);
/** Ranks have grown trees [range of crm_tree_range(n, rank, size)] of t[n], the others are zeros;
 *  afterwards all have all.  Collective. */
CRM_CHECKED trees_gather(crm_comm *comm, int64_t n, tree *t);

/* ---- binned columns (tree_bins.c) ----
 * Numbers of a column become codes 0 .. bins - 1 by cuts that lie between values of the training
 * rows; TREE_MISSING stands for no value.  Cuts depend on the rows of the view only. */
enum { TREE_BINS_MAX = 255, TREE_MISSING = 255 };
typedef struct tree_bins {
    int n_columns;
    int32_t *bins;     /* [n_columns] codes of a column, at least 1                          */
    double **cut;      /* [n_columns][bins - 1] rising: code b holds cut[b - 1] < x <= cut[b] */
    bool *has_missing; /* [n_columns] among all training rows                               */
    int64_t first, n;  /* positions of fit->train whose codes are held here                  */
    uint8_t *code;     /* [n_columns][n]: columns one after the other                        */
} tree_bins;
/** Find the cuts and code the rows: all rows of fit->train on every rank (all), or those of
 *  crm_rows_own.  At most max_bins codes: one for each distinct value where there are no more, else
 *  cuts at quantiles.  Collective. */
CRM_CHECKED tree_bins_new(const crm_fit *fit, const crm_source *in, int max_bins, bool all,
                          tree_bins **out);
void tree_bins_free(tree_bins **b);

/* ---- rules of growth that both growers keep (tree_grow.c) ----
 * As in scikit-learn's DecisionTreeClassifier, but where said. */
typedef struct tree_grow_cfg {
    int criterion;                               /* crm_tree_criterion                        */
    int64_t max_features;                        /* columns a node looks at: 1 .. n_columns   */
    int64_t max_depth;                           /* -1: no limit; 0: one leaf                 */
    int64_t max_leaf_nodes;                      /* 0: no limit; else best splits come first  */
    int64_t min_samples_split, min_samples_leaf; /* in rows; copies of a row count once       */
    double min_impurity_decrease, ccp_alpha;
    uint64_t seed;      /* of the fit                                          */
    const crm_fit *fit; /* whose hooks may end the growth; NULL: nobody's      */
} tree_grow_cfg;

/** What a tree is grown on: rows by position, in the order of the grower's columns. */
typedef struct tree_sample {
    int64_t number;       /* of the tree in its forest, from 0                                 */
    int64_t n;            /* rows that slot and count hold                                     */
    const int32_t *slot;  /* [n] class_slot; -1: takes no part                                 */
    const uint8_t *count; /* [n] how often a row is in the sample; NULL: once each             */
    const double *weight; /* [m] of a row of each slot; with copies: count times that          */
    int m;                /* slots                                                             */
    bool last;            /* nothing more is grown on the bins: their codes may be freed       */
} tree_sample;

/** What growers note of each node, for pruning and importances; by node number. */
typedef struct tree_stat {
    double weight;   /* of its rows    */
    double impurity; /* of its classes */
} tree_stat;

/** Gini 1 - sum p^2, or entropy - sum p log2 p, of weights w [m] that add up to total. */
double tree_impurity(int criterion, int m, const double *w, double total);
/** A node must be a leaf: rows (each counted once), its depth, its impurity. */
static inline bool tree_must_stop(const tree_grow_cfg *c, int64_t rows, int64_t depth,
                                  double impurity)
{
    return (c->max_depth >= 0 && depth >= c->max_depth) || rows < c->min_samples_split ||
           rows < 2 * c->min_samples_leaf || impurity <= 2.220446049250313e-16;
}
/** Weighted decrease of impurity by a split: w / total (i - w_l / w i_l - w_r / w i_r). */
static inline double tree_decrease(double total, tree_stat node, tree_stat left, tree_stat right)
{
    return node.weight / total *
           (node.impurity - left.weight / node.weight * left.impurity -
            right.weight / node.weight * right.impurity);
}
/** A split that decreases the impurity by this is not worth it. */
static inline bool tree_too_little(const tree_grow_cfg *c, double decrease)
{
    return decrease + 2.220446049250313e-16 < c->min_impurity_decrease;
}

/** Missing values: each cut is tried with them on the right, then on the left, and a cut that has
 *  all values on the left (+inf) with them on the right; in a node without any, those of other data
 *  go to the side with more weight, the right one of equals.
 *
 *  The order in which a node looks at the columns: 0, 1, ... when it looks at all of them, else
 *  random by (seed, tree, node).  A node looks at max_features columns, and at further ones as long
 *  as all before had one value only; among equally good splits the first column of this order wins,
 *  then missing values on the right, then the lowest cut. */
typedef struct tree_draw {
    int n, at;     /* columns, those drawn                           */
    bool all;      /* in their own order                             */
    int32_t *perm; /* [n] caller's: 0 .. n - 1 before and afterwards */
    int32_t *back; /* [n] caller's                                   */
    crm_rng rng;
} tree_draw;
void tree_draw_begin(tree_draw *d, const tree_grow_cfg *c, int64_t tree, int32_t node);
/** Next column; -1 when there are no more. */
int tree_draw_next(tree_draw *d);
/** Put perm in order again. */
void tree_draw_end(tree_draw *d);

/** A tree is grown, with the weights of the classes in every *node* as counts [n_nodes][m]: prune
 *  it (minimal cost-complexity pruning, Breiman et al. 1984, when ccp_alpha > 0), make the leaves
 *  shares of the classes, and, unless importance is NULL, write each column's part of the decrease
 *  of impurity [n_columns]: they add up to 1, or are 0 in a tree of one leaf. */
CRM_CHECKED tree_finish(const tree_grow_cfg *c, tree *t, const double *counts, int n_columns,
                        double *importance);

/* ---- the growers ---- */
/** Columns of all training rows as ranks among their distinct values (tree_columns.c). */
typedef struct tree_columns tree_columns;
/** Of all rows of fit->train, on every rank.  Collective only in its status. */
CRM_CHECKED tree_columns_new(const crm_fit *fit, const crm_source *in, tree_columns **out);
void tree_columns_free(tree_columns **c);
/** Exact splits between all values (tree_exact.c).  pool (NULL: none) works on the columns of large
 *  nodes.  Not collective, thread-safe with pool NULL.  *out and importance as in tree_finish. */
CRM_CHECKED tree_grow_exact(const tree_grow_cfg *cfg, crm_pool *pool, const tree_columns *columns,
                            const tree_sample *s, tree *out, double *importance);
/** Splits between bins (tree_hist.c).  comm NULL: bins holds all rows; thread-safe with pool NULL.
 *  Else its ranks hold parts of them, as slot and count do, and the call is collective.  Same bits
 *  either way.  Of bins, the codes are freed when s says that it is the last sample. */
CRM_CHECKED tree_grow_hist(const tree_grow_cfg *cfg, crm_comm *comm, crm_pool *pool,
                           tree_bins *bins, const tree_sample *s, tree *out, double *importance);
#endif
