/* tree_opts.c - options tree.* and forest.*; what they mean for a fit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree_model_impl.h"

static const char *const method_names[] = {"auto", "exact", "histogram", NULL};
_Static_assert(sizeof method_names / sizeof *method_names == CRM_TREE_METHOD_COUNT + 1, "names");
static const char *const criterion_names[] = {"gini", "entropy", NULL};
_Static_assert(sizeof criterion_names / sizeof *criterion_names == CRM_TREE_CRITERION_COUNT + 1,
               "names");

/* What trees and forests have in common: S the config, f(x) its field, k(x) the key. */
#define COMMON(S, f, k, features)                                                                  \
    CRM_OPT_E(S, f(method), k("method"), "auto", method_names, 0,                                  \
              "exact: cuts between all neighbouring values; histogram: cuts between bins; auto: "  \
              "exact up to exact_rows training rows."),                                            \
        CRM_OPT_E(S, f(criterion), k("criterion"), "gini", criterion_names, 0,                     \
                  "Impurity that splits lower."),                                                  \
        CRM_OPT_S(S, f(max_features), k("max_features"), features, 0,                              \
                  "Columns that a node looks at: all, sqrt, log2, a number, or a share of the "    \
                  "columns such as 0.5."),                                                         \
        CRM_OPT_I(S, f(max_depth), k("max_depth"), -1, -1, 1e9, "splits", 0,                       \
                  "Most splits between root and leaf; 0: one leaf, -1: no limit."),                \
        CRM_OPT_I(S, f(max_leaf_nodes), k("max_leaf_nodes"), 0, 0, 1e9, "leaves", 0,               \
                  "Most leaves, the best splits first; 0: no limit."),                             \
        CRM_OPT_I(S, f(min_samples_split), k("min_samples_split"), 2, 2, 1e12, "rows", 0,          \
                  "Fewest training rows of a node that is split."),                                \
        CRM_OPT_I(S, f(min_samples_leaf), k("min_samples_leaf"), 1, 1, 1e12, "rows", 0,            \
                  "Fewest training rows of a leaf."),                                              \
        CRM_OPT_R(                                                                                 \
            S, f(min_impurity_decrease), k("min_impurity_decrease"), 0, 0, 1e12, "1", 0,           \
            "Least decrease of the impurity by a split, weighted by the share of the rows."),      \
        CRM_OPT_R(S, f(ccp_alpha), k("ccp_alpha"), 0, 0, 1e12, "1", 0,                             \
                  "Cost of a leaf in minimal cost-complexity pruning; 0: none."),                  \
        CRM_OPT_L(S, f(class_weight), k("class_weight"), "none", NULL, CRM_OPT_WORD,               \
                  "Weights of the classes: none, balanced (n / (k n_c)), or a list of "            \
                  "CLASS:WEIGHT."),                                                                \
        CRM_OPT_I(S, f(exact_rows), k("exact_rows"), 200000, 0, 1e12, "rows", 0,                   \
                  "Most training rows for which method auto takes exact splits."),                 \
        CRM_OPT_I(S, f(max_bins), k("max_bins"), 255, 2, 255, "bins", 0,                           \
                  "Most bins of a column of histogram splits.")

#define TREE_FIELD(x)   x
#define TREE_KEY(x)     "tree." x
#define FOREST_FIELD(x) tree.x
#define FOREST_KEY(x)   "forest." x

const crm_opt crm_tree_opts[] = {
    COMMON(crm_tree_cfg, TREE_FIELD, TREE_KEY, "all"),
    {.key = NULL},
};

#define F crm_forest_cfg
const crm_opt crm_forest_opts[] = {
    CRM_OPT_I(F, trees, "forest.trees", 100, 1, 1e6, "trees", 0, "Trees of the forest."),
    CRM_OPT_B(F, bootstrap, "forest.bootstrap", 1, 0,
              "Draw the rows of a tree with replacement; else each tree has all rows."),
    CRM_OPT_B(F, oob, "forest.oob", 1, 0,
              "Score the forest by the trees that have not seen a row."),
    COMMON(crm_forest_cfg, FOREST_FIELD, FOREST_KEY, "sqrt"),
    CRM_OPT_I(F, rows_bytes, "forest.rows_bytes", 4294967296, 0, 1e15, "bytes", CRM_OPT_LAYOUT,
              "Binned rows are kept whole on each rank, which then grows trees of its own, up to "
              "this size; larger ones are shared out and all ranks grow each tree together."),
    {.key = NULL},
};

/* ---- max_features ---- */

static int64_t root_of(int64_t n)
{
    int64_t k = (int64_t)sqrt((double)n);

    return k;
}

static int64_t log2_of(int64_t n)
{
    int64_t k = 0;

    while (n >> (k + 1) > 0)
        k++;
    return k;
}

/* A number of columns, or a share of d where the text has a point. */
static bool read_number(const char *text, int64_t d, int64_t *out)
{
    char *end = NULL;
    double x;

    errno = 0;
    x = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(x)) return false;
    if (strchr(text, '.') || strchr(text, 'e')) {
        *out = (int64_t)(x * (double)d);
        return x > 0 && x <= 1;
    }
    *out = x < (double)d ? (int64_t)x : d;
    return x >= 1 && x == floor(x);
}

crm_status tree_max_features(const char *text, const char *key, int64_t d, int64_t *out)
{
    bool good = true;

    *out = d;
    if (strcmp(text, "sqrt") == 0)
        *out = root_of(d);
    else if (strcmp(text, "log2") == 0)
        *out = log2_of(d);
    else if (strcmp(text, "all") != 0)
        good = read_number(text, d, out);
    CRM_CHECK(good, CRM_ERR_CONFIG,
              "%s: '%s' is no number of columns; give all, sqrt, log2, a number from 1, or a share "
              "above 0.0 and up to 1.0",
              key, text);
    if (*out < 1) *out = 1;
    return CRM_OK;
}

crm_status tree_check_cfg(const crm_tree_cfg *c, const char *prefix)
{
    char key[64];
    int64_t n;

    snprintf(key, sizeof key, "%s.class_weight", prefix);
    CRM_TRY(crm_class_weights_check(&c->class_weight, key, NULL));
    snprintf(key, sizeof key, "%s.max_features", prefix);
    return tree_max_features(c->max_features, key, 1, &n);
}
