/* classic_tree.h - decision tree and random forest (room classic). */
#ifndef CRM_CLASSIC_TREE_H
#define CRM_CLASSIC_TREE_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

typedef enum crm_tree_method {
    CRM_TREE_AUTO,      /* exact up to exact_rows training rows, else histogram */
    CRM_TREE_EXACT,     /* cuts between all neighbouring values                 */
    CRM_TREE_HISTOGRAM, /* cuts between bins of values                          */
    CRM_TREE_METHOD_COUNT
} crm_tree_method;
typedef enum crm_tree_criterion {
    CRM_TREE_GINI,
    CRM_TREE_ENTROPY,
    CRM_TREE_CRITERION_COUNT
} crm_tree_criterion;

/* ---- tree: a classification tree (Breiman, Friedman, Olshen, Stone 1984) ---- */
/** Names and meanings are scikit-learn's (DecisionTreeClassifier 1.2), but -1 or 0 where it has
 *  None. */
typedef struct crm_tree_cfg {
    int method;               /* crm_tree_method                                             */
    int criterion;            /* crm_tree_criterion                                          */
    const char *max_features; /* "all", "sqrt", "log2", a number, or a share such as "0.5"   */
    int64_t max_depth;        /* -1: no limit; 0: one leaf                                   */
    int64_t max_leaf_nodes;   /* 0: no limit                                                 */
    int64_t min_samples_split, min_samples_leaf;
    double min_impurity_decrease, ccp_alpha;
    crm_opt_list class_weight; /* none, balanced, or CLASS:WEIGHT                            */
    int64_t exact_rows;        /* most training rows of method auto for exact splits         */
    int64_t max_bins;          /* of a column with histogram splits                          */
} crm_tree_cfg;
extern const crm_opt crm_tree_opts[];
/** Numeric columns only.  Missing numbers go to the side of a split where they lower the impurity
 *  more; where training rows of a node had none, to the heavier side.  Probabilities are the shares
 *  of the classes in a leaf, by weight.  Exact splits want all rows on every rank; a histogram's
 *  rows are shared out.
 *  CRM_ERR_CONFIG from make for max_features that is none of the above.
 *  Bag: "class" i32 [m]; nodes and leaves of the tree; "importance" f64 [n_num]: part of each
 * column in the decrease of impurity. */
extern const crm_estimator_class crm_tree_class;

/* ---- forest: trees on samples of the rows (Breiman 2001, Machine Learning 45) ---- */
typedef struct crm_forest_cfg {
    crm_tree_cfg tree; /* of each tree */
    int64_t trees;
    bool bootstrap;     /* rows of a tree are drawn with replacement; else all rows */
    bool oob;           /* score by the trees that have not seen a row              */
    int64_t rows_bytes; /* larger tables of bins are shared out over the ranks      */
} crm_forest_cfg;
extern const crm_opt crm_forest_opts[];
/** The mean of the probabilities of all trees.  A tree depends on the training rows, the seed of
 * the fit and its number only; the ranks grow different trees. Bag: as of a tree, "importance"
 * being the mean over the trees; with bootstrap and oob "oob.accuracy" f64 [1] and "oob.rows" i64
 * [1]: of the labelled training rows that some tree has not seen. */
extern const crm_estimator_class crm_forest_class;
#endif
