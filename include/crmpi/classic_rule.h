/* classic_rule.h - the rule-based model of customer management (room classic). */
#ifndef CRM_CLASSIC_RULE_H
#define CRM_CLASSIC_RULE_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- rule: recency-frequency-monetary scores, a list that is learned, or the user's rules ---- */
typedef enum crm_rule_kind {
    CRM_RULE_AUTO, /* rules when some are given, else list */
    CRM_RULE_RFM,
    CRM_RULE_LIST,
    CRM_RULE_RULES,
    CRM_RULE_KIND_COUNT
} crm_rule_kind;
typedef struct crm_rule_cfg {
    int kind;               /* crm_rule_kind */
    crm_opt_list rules;     /* of the user, in their order; docs/rules.md */
    int64_t max_rules;      /* of a list that is learned */
    int64_t max_conditions; /* of one of its rules */
    int64_t min_rows;       /* training rows that one of its rules covers at least */
} crm_rule_cfg;
extern const crm_opt crm_rule_opts[];
/** rfm: scores 1..5 by training quintiles of "events recency" (recent is 5), "events" and the sum
 * of a monetary column; their total is the group of a row.  list, rules: the first rule that holds
 * is the group, the rest is the last one.
 *  Probability of class c in a group: (n_c + 1) / (n + k); of a group without training rows, that
 *  of all rows; a class that a user's rule gives a probability has it, the others share what is
 *  left in these parts.  Takes the source as it is: missing numbers and codes, which make every
 *  comparison false.
 *  CRM_ERR_CONFIG from make when rule.rules cannot be read; from a fit when it names a column,
 *  level or class that there is not, and when rule.kind is rfm and a column for it is missing.
 *  Bag: rule_bag.c. */
extern const crm_estimator_class crm_rule_class;
/** The fitted rules as text, one line each; "" before the fit.  e is of crm_rule_class and owns it.
 */
const char *crm_rule_text(const crm_estimator *e);
#endif
