/* classic_opts.c - options rule.*. */
#include "crmpi/classic.h"

static const char *const kind_names[] = {"auto", "rfm", "list", NULL};
_Static_assert(sizeof kind_names / sizeof *kind_names == CRM_RULE_KIND_COUNT + 1, "names");

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
