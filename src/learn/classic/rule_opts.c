/* rule_opts.c - options rule.*. */
#include "rule_impl.h"

const char *const rule_kind_names[] = {"auto", "rfm", "list", "rules", NULL};
_Static_assert(sizeof rule_kind_names / sizeof *rule_kind_names == CRM_RULE_KIND_COUNT + 1,
               "names");

#define R crm_rule_cfg
const crm_opt crm_rule_opts[] = {
    CRM_OPT_E(R, kind, "rule.kind", "auto", rule_kind_names, 0,
              "list: a list of rules that is learned; rules: those of rule.rules; rfm: "
              "recency-frequency-monetary scores of data with events and money; auto: rules when "
              "rule.rules has some, else list."),
    CRM_OPT_L(
        R, rules, "rule.rules", "", NULL, 0,
        "Rules in their order, the first that holds decides: \"when recency_days > 90 and not "
        "plan in (gold, silver) then churn: 0.8\", at last \"else stay\"; docs/rules.md."),
    CRM_OPT_I(R, max_rules, "rule.max_rules", 24, 0, 1000, "rules", 0,
              "Most rules of a list that is learned, the default at its end not counted."),
    CRM_OPT_I(R, max_conditions, "rule.max_conditions", 3, 1, 16, "conditions", 0,
              "Most conditions of each of its rules."),
    CRM_OPT_I(R, min_rows, "rule.min_rows", 20, 1, 1e12, "rows", 0,
              "Fewest training rows that a rule of it covers."),
    {.key = NULL},
};
#undef R
