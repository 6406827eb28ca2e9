/* eval_opts.c - options eval.*. */
#include "crmpi/eval.h"
#include "crmpi/stats.h"

const char *const crm_eval_split_names[] = {"stratified", "plain", "grouped",    "holdout",
                                            "file",       "part",  "contiguous", NULL};
_Static_assert(sizeof crm_eval_split_names / sizeof *crm_eval_split_names == CRM_SPLIT_COUNT + 1,
               "names");
const char *const crm_eval_threshold_names[] = {"none", "f1", "youden", "cost", NULL};
_Static_assert(sizeof crm_eval_threshold_names / sizeof *crm_eval_threshold_names ==
                   CRM_THRESHOLD_COUNT + 1,
               "names");
/* Names that a registry may offer; a variant adds "-suffix". */
#define S crm_eval_cfg
const crm_opt crm_eval_opts[] = {
    CRM_OPT_L(S, models, "eval.models", "hybrid,logistic,rule", NULL, 0,
              "Models to compare; the first is the one the others are compared with."),
    CRM_OPT_S(S, target, "eval.target", "", 0,
              "Target to learn; empty takes the first of the data set."),
    CRM_OPT_E(
        S, split, "eval.split", "stratified", crm_eval_split_names, 0,
        "How test parts are made: k folds stratified by class, plain, or grouped by a column; "
        "one hold-out; folds from a file; the test file of the data (part); or k folds of rows "
        "that "
        "stand together in the data (contiguous)."),
    CRM_OPT_I(S, folds, "eval.folds", 5, 2, 1000, "folds", 0, "Folds of each repeat."),
    CRM_OPT_I(S, repeats, "eval.repeats", 1, 1, 1000, "1", 0,
              "Repeats of the cross-validation with other folds."),
    CRM_OPT_I(S, seed, "eval.seed", 0, 0, 9007199254740992.0, "1", 0,
              "Seed of folds, initial weights, row order and dropout."),
    CRM_OPT_R(S, test_fraction, "eval.test_fraction", 0.2, 0.01, 0.9, "1", 0,
              "Test part of eval.split = holdout."),
    CRM_OPT_S(S, folds_file, "eval.folds_file", "", 0,
              "File for eval.split = file: per row of the data set a fold number for each repeat, "
              "-1 for never tested."),
    CRM_OPT_S(S, group, "eval.group", "", 0,
              "Categorical column for eval.split = grouped: rows with the same level stay "
              "together, also in what early stopping and logistic.c: 0 hold out; the column stays "
              "an input of the models."),
    CRM_OPT_R(S, alpha, "eval.alpha", 0.05, 1e-6, 0.5, "1", 0,
              "Significance level of the verdicts (Holm-adjusted corrected p)."),
    CRM_OPT_R(S, rope, "eval.rope", CRM_EVAL_ROPE_DEFAULT, 0, 1e6, "1", 0,
              "Region of practical equivalence: a difference of scores up to this is none, in the "
              "Bayesian correlated t that stands beside the tests."),
    CRM_OPT_S(S, segment, "eval.segment", "", 0,
              "Categorical column: models are ranked over its levels too (Friedman, Nemenyi)."),
    CRM_OPT_B(S, final, "eval.final", 1, 0, "Fit each model on all rows at the end, for predict."),
    CRM_OPT_I(S, group_ranks, "eval.group_ranks", 0, 0, 1e6, "ranks", CRM_OPT_LAYOUT,
              "Ranks that share one fit; 0 spends ranks on units first."),
    CRM_OPT_E(
        S, threshold, "eval.threshold", "none", crm_eval_threshold_names, 0,
        "Two classes: the threshold above which a row is taken for the second class is chosen "
        "on inner folds of the training part, for the best F1, for the best Youden index, or "
        "for the least cost; reported beside the scores at 0.5."),
    CRM_OPT_I(S, threshold_folds, "eval.threshold_folds", 3, 2, 100, "folds", 0,
              "Inner folds of eval.threshold; each is one more fit."),
    CRM_OPT_R(S, cost_fn, "eval.cost_fn", 5, 0, 1e12, "1", 0,
              "Cost of a row of the second class that is taken for the first (a churner missed)."),
    CRM_OPT_R(S, cost_fp, "eval.cost_fp", 1, 0, 1e12, "1", 0,
              "Cost of a row of the first class that is taken for the second."),
    CRM_OPT_I(
        S, importance, "eval.importance", 0, 0, 1000, "permutations", 0,
        "Permutations of each feature of the test rows for permutation importance; 0 is off."),
    CRM_OPT_E(S, importance_metric, "eval.importance_metric", "auc", crm_metric_names, 0,
              "Score whose fall is the importance of a feature."),
    CRM_OPT_I(S, dependence, "eval.dependence", 0, 0, 100, "points", 0,
              "Points of the partial dependence curve of each profile column; 0 is off."),
    CRM_OPT_L(S, published, "eval.published", "", NULL, 0,
              "Published figures to print beside ours, each MODEL:METRIC:VALUE, such as "
              "forest:accuracy:0.925."),
    CRM_OPT_S(S, published_source, "eval.published_source", "", 0, "Where they are from."),
    CRM_OPT_I(S, explain_rows, "eval.explain_rows", 1000, 10, 1e9, "rows", 0,
              "Most test rows of a fold that importance and dependence look at."),
    {.key = NULL},
};
