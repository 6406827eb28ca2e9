/* classic_opts.c - options logistic.* and rule.*. */
#include "crmpi/classic.h"

static const char *const weight_names[] = {"none", "balanced", NULL};
_Static_assert(sizeof weight_names / sizeof *weight_names == CRM_LOGISTIC_COUNT + 1, "names");
static const char *const kind_names[] = {"auto", "rfm", "list", NULL};
_Static_assert(sizeof kind_names / sizeof *kind_names == CRM_RULE_KIND_COUNT + 1, "names");

#define L crm_logistic_cfg
const crm_opt crm_logistic_opts[] = {
    CRM_OPT_R(
        L, c, "logistic.c", 1, 0, 1e12, "1", 0,
        "Inverse strength of the L2 penalty, as C in scikit-learn; 0: chosen from 1e-5, 1e-4, "
        "1e-3, 0.01, 0.1 and 1 by the log loss on a fifth of the training rows."),
    CRM_OPT_I(L, max_iter, "logistic.max_iter", 100, 1, 1e9, "iterations", 0,
              "Most Newton iterations."),
    CRM_OPT_R(L, tol, "logistic.tol", 1e-6, 0, 1, "1", 0,
              "Stop when the norm of the gradient falls below this part of that at the start."),
    CRM_OPT_E(L, class_weight, "logistic.class_weight", "none", weight_names, 0,
              "Weights of the classes in the loss; balanced is n / (k n_c)."),
    CRM_OPT_I(L, cache_bytes, "logistic.cache_bytes", 536870912, 0, 1e15, "bytes", CRM_OPT_LAYOUT,
              "Transformed rows are kept in memory up to this size per rank, else made again in "
              "each iteration."),
    {.key = NULL},
};

#define R crm_rule_cfg
const crm_opt crm_rule_opts[] = {
    CRM_OPT_E(R, kind, "rule.kind", "auto", kind_names, 0,
              "rfm: recency-frequency-monetary scores; list: rules on single columns; auto: rfm "
              "when the data have events and money."),
    CRM_OPT_I(R, max_rules, "rule.max_rules", 4, 0, 1000, "rules", 0,
              "Most rules of a list, the default rule at its end not counted."),
    CRM_OPT_I(R, min_rows, "rule.min_rows", 20, 1, 1e12, "rows", 0,
              "Fewest training rows that a rule of a list covers."),
    {.key = NULL},
};
