/* classic_rule.h - the rule-based model of customer management (room classic). */
#ifndef CRM_CLASSIC_RULE_H
#define CRM_CLASSIC_RULE_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

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
