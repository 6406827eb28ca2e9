/* classic.h - estimators that stand beside the net in a comparison: logistic regression and the
 * rule-based model of customer management (room classic). */
#ifndef CRM_CLASSIC_H
#define CRM_CLASSIC_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- logistic: L2-regularised logistic regression on the numeric columns ---- */
typedef enum crm_logistic_weight {
    CRM_LOGISTIC_NONE,
    CRM_LOGISTIC_BALANCED, /* n / (k n_c), as in scikit-learn */
    CRM_LOGISTIC_COUNT
} crm_logistic_weight;
typedef struct crm_logistic_cfg {
    double c; /* inverse strength: 0.5 |w|^2 + c sum of losses; 0: chosen */
    int64_t max_iter;
    double tol;
    int class_weight;    /* crm_logistic_weight */
    int64_t cache_bytes; /* transformed rows are kept in memory up to this size */
} crm_logistic_cfg;
#define CRM_LOGISTIC_C_MIN 1e-12
extern const crm_opt crm_logistic_opts[];
/** Two classes: one vector of weights; more: softmax with a vector for each.  Intercepts are not
 *  penalised.  Classes without training rows get probability 0 and take no part.  Missing numbers
 *  must have been filled (CRM_ERR_NUMERIC otherwise); codes are not used.
 *  c = 0: a fifth of the training rows, stratified and keyed by the seed of the fit, is held out.
 *  Of 1e-5, 1e-4 ... 1 in this order the c with the least loss there (weighted by class as in the
 *  fit; the smaller of equals; the search ends when the loss has risen twice running) is used for
 *  a fit on all training rows.  c is 1 when the classes have too few rows for that.
 *  CRM_ERR_CONFIG from make when c is neither 0 nor at least CRM_LOGISTIC_C_MIN.
 *  Bag: "class" i32 [m] classes seen, "weight" f64 [vectors][n_num], "intercept" f64 [vectors];
 *  "c" f64 [1] when it was chosen. */
extern const crm_estimator_class crm_logistic_class;

/* ---- rule: recency-frequency-monetary scores, or a list of rules ---- */
typedef enum crm_rule_kind {
    CRM_RULE_AUTO, /* rfm when its columns are there, else list */
    CRM_RULE_RFM,
    CRM_RULE_LIST,
    CRM_RULE_KIND_COUNT
} crm_rule_kind;
typedef struct crm_rule_cfg {
    int kind;          /* crm_rule_kind */
    int64_t max_rules; /* of a list */
    int64_t min_rows;  /* training rows that a rule covers at least */
} crm_rule_cfg;
extern const crm_opt crm_rule_opts[];
/** rfm: scores 1..5 by training quintiles of "events recency" (recent is 5), "events" and the sum
 * of a monetary column; their total is the group of a row.  list: rules "column <= cut", "column >
 *  cut" (cuts at training deciles), "column is missing" or "column is level" are taken greedily by
 *  the fall of the Gini impurity of the rows that no earlier rule covers; the rest is the last
 *  group.  Probability of class c in a group: (n_c + 1) / (n + k); of a group without training
 * rows, that of all rows.  Takes the source as it is: missing numbers and codes. CRM_ERR_CONFIG
 * from a fit when rule.kind is rfm and a column for it is missing. */
extern const crm_estimator_class crm_rule_class;
/** The fitted rules as text, one line each; "" before the fit.  e is of crm_rule_class and owns it.
 */
const char *crm_rule_text(const crm_estimator *e);
#endif
