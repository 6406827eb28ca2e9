/* eval_opts.c - options eval.*. */
#include "crmpi/eval.h"

const char *const crm_eval_split_names[] = {"stratified", "plain", "grouped",
                                            "holdout",    "file",  NULL};
_Static_assert(sizeof crm_eval_split_names / sizeof *crm_eval_split_names == CRM_SPLIT_COUNT + 1,
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
        "one hold-out; folds from a file."),
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
              "together; the column stays an input of the models."),
    CRM_OPT_R(S, alpha, "eval.alpha", 0.05, 1e-6, 0.5, "1", 0,
              "Significance level of the verdicts (Holm-adjusted corrected p)."),
    CRM_OPT_B(S, final, "eval.final", 1, 0, "Fit each model on all rows at the end, for predict."),
    CRM_OPT_I(S, group_ranks, "eval.group_ranks", 0, 0, 1e6, "ranks", CRM_OPT_LAYOUT,
              "Ranks that share one fit; 0 spends ranks on units first."),
    {.key = NULL},
};
