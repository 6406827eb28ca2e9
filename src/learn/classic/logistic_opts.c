/* logistic_opts.c - options logistic.*. */
#include "crmpi/classic_linear.h"

static const char *const penalty_names[] = {"l2", "l1", "elasticnet", NULL};
_Static_assert(sizeof penalty_names / sizeof *penalty_names == CRM_LOGISTIC_PENALTY_COUNT + 1,
               "names");

#define L crm_logistic_cfg
const crm_opt crm_logistic_opts[] = {
    CRM_OPT_R(
        L, c, "logistic.c", 1, 0, 1e12, "1", 0,
        "Inverse strength of the penalty, as C in scikit-learn; 0: chosen from 1e-5, 1e-4, "
        "1e-3, 0.01, 0.1 and 1, with n-grams from 0.01, 0.1, 1, 3, 10 and 30, by the log loss "
        "on a fifth of the training rows."),
    CRM_OPT_E(L, penalty, "logistic.penalty", "l2", penalty_names, 0,
              "Penalty on the weights: half their squares, their absolute values, or a mixture "
              "of both."),
    CRM_OPT_R(L, l1_ratio, "logistic.l1_ratio", 0.5, 0, 1, "1", 0,
              "Share of the absolute values in the penalty elasticnet."),
    CRM_OPT_I(L, max_iter, "logistic.max_iter", 100, 1, 1e9, "iterations", 0,
              "Most Newton iterations."),
    CRM_OPT_R(L, tol, "logistic.tol", 1e-5, 0, 1, "1", 0,
              "Stop when the norm of the gradient, in units in which second derivatives are at "
              "most 1, falls below this part of sqrt(C n) or of 1."),
    CRM_OPT_L(L, class_weight, "logistic.class_weight", "none", NULL, CRM_OPT_WORD,
              "Weights of the classes in the loss: none, balanced (n / (k n_c)), or a list of "
              "CLASS:WEIGHT."),
    CRM_OPT_I(L, cache_bytes, "logistic.cache_bytes", 536870912, 0, 1e15, "bytes", CRM_OPT_LAYOUT,
              "Transformed rows are kept in memory up to this size per rank, else made again in "
              "each iteration."),
    {.key = NULL},
};
