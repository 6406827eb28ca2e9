/* boost_opts.c - options boosting.*. */
#include "crmpi/classic_boost.h"

static const char *const stop_names[] = {"auto", "on", "off", NULL};
_Static_assert(sizeof stop_names / sizeof *stop_names == CRM_BOOSTING_STOP_COUNT + 1, "names");

#define B crm_boosting_cfg
const crm_opt crm_boosting_opts[] = {
    CRM_OPT_I(B, iterations, "boosting.iterations", 100, 1, 1e6, "iterations", 0,
              "Most iterations: a tree each for two classes, one for every class of more."),
    CRM_OPT_R(B, learning_rate, "boosting.learning_rate", 0.1, 1e-6, 10, "1", 0,
              "Factor of the values of all leaves."),
    CRM_OPT_I(B, max_leaves, "boosting.max_leaves", 31, 1, 65536, "leaves", 0,
              "Most leaves of a tree; the leaf whose split gains most is split next."),
    CRM_OPT_I(B, max_depth, "boosting.max_depth", -1, -1, 65536, "splits", 0,
              "Most splits on the way to a leaf; -1: no limit; 0: one leaf."),
    CRM_OPT_I(B, min_samples_leaf, "boosting.min_samples_leaf", 20, 1, 1e12, "rows", 0,
              "Fewest training rows of a leaf."),
    CRM_OPT_R(B, min_child_weight, "boosting.min_child_weight", 1e-3, 0, 1e12, "1", 0,
              "Least sum of the second derivatives of the loss in a leaf."),
    CRM_OPT_R(B, l2, "boosting.l2", 0, 0, 1e12, "1", 0,
              "Factor of half the sum of squares of the values of leaves in the loss."),
    CRM_OPT_R(B, l1, "boosting.l1", 0, 0, 1e12, "1", 0,
              "Factor of the sum of absolute values of leaves in the loss."),
    CRM_OPT_R(B, min_gain, "boosting.min_gain", 0, 0, 1e12, "1", 0,
              "A split lowers the penalised loss of the training rows by more than this."),
    CRM_OPT_R(B, subsample, "boosting.subsample", 1, 1e-3, 1, "1", 0,
              "Part of the rows that each iteration grows its trees on."),
    CRM_OPT_R(B, colsample, "boosting.colsample", 1, 1e-3, 1, "1", 0,
              "Part of the columns that each iteration looks at, at least one."),
    CRM_OPT_I(B, max_bins, "boosting.max_bins", 255, 2, 255, "bins", 0,
              "Most bins of a column; missing values have one of their own."),
    CRM_OPT_L(B, class_weight, "boosting.class_weight", "none", NULL, CRM_OPT_WORD,
              "Weights of the classes in the loss: none, balanced (n / (k n_c)), or a list of "
              "CLASS:WEIGHT."),
    CRM_OPT_E(B, early_stopping, "boosting.early_stopping", "auto", stop_names, 0,
              "Stop when the loss on rows held out no longer falls; auto: with more than 10000 "
              "training rows."),
    CRM_OPT_R(B, validation, "boosting.validation", 0.1, 0, 0.5, "1", 0,
              "Part of the training rows held out for early stopping; 0: none, no early stopping."),
    CRM_OPT_I(B, patience, "boosting.patience", 10, 1, 1e6, "iterations", 0,
              "Iterations without a lower loss on the rows held out before stopping."),
    CRM_OPT_I(B, hist_bytes, "boosting.hist_bytes", 268435456, 0, 1e15, "bytes", CRM_OPT_LAYOUT,
              "Histograms of leaves are kept up to this size per rank, four at least; a leaf whose "
              "histogram is gone has its rows counted again when it is split."),
    CRM_OPT_I(
        B, shared_values, "boosting.shared_values", 1048576, 0, 1e15, "values", CRM_OPT_LAYOUT,
        "With fewer training rows times columns each rank of a fit grows the trees by itself; "
        "else the ranks share the rows."),
    {.key = NULL},
};
