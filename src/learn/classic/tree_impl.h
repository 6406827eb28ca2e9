/* tree_impl.h - what decision tree, forest and boosting share: nodes, binned columns.
 *
 * Only the files tree_*, forest*.c and boost*.c include it. */
#ifndef CRM_TREE_IMPL_H
#define CRM_TREE_IMPL_H

#include <math.h>

#include "classic_impl.h"

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
/** n trees of one width in a bag: "node.column" i32, "node.left" i32, "node.cut" f64,
 *  "node.missing_left" u8 (as CRM_I32 where the bag has no u8), "leaf" f64 [leaves][width],
 *  "trees" i32 [n][2]: nodes and leaves of each. */
CRM_CHECKED trees_save(int64_t n, const tree *t, crm_bag *b);
/** CRM_ERR_FORMAT when a node points outside of its tree or backwards, or a column is not below
 *  n_columns.  *t is the caller's: tree_free each, crm_mem_free. */
CRM_CHECKED trees_load(crm_bag *b, int width, int n_columns, int64_t *n, tree **t);
/** Ranks have grown trees [range of crm_tree_range(n, rank, size)] of t[n]; afterwards all have
 * all. Collective. */
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
#endif
