/* rule_impl.h - shared by the files of the rule-based model only. */
#ifndef CRM_RULE_IMPL_H
#define CRM_RULE_IMPL_H

#include "classic_impl.h"
#include "crmpi/base_str.h"

enum { RFM_PARTS = 3, RFM_CUTS = 4, RFM_GROUPS = 13 /* totals 3..15 */ };

typedef enum rule_op { RULE_BELOW, RULE_ABOVE, RULE_MISSING, RULE_LEVEL, RULE_OP_COUNT } rule_op;
/** column <= cut, column > cut, column is missing (numeric), category == level (-1: missing). */
typedef struct rule_cond {
    int32_t op, column, level;
    float cut;
} rule_cond;

typedef struct rule_model {
    crm_estimator base;
    const crm_rule_cfg *cfg;
    int kind; /* CRM_RULE_RFM or CRM_RULE_LIST once fitted */
    int n_classes, n_num, n_cat;
    int n_rules;
    rule_cond *cond;                 /* [n_rules] */
    int32_t column[RFM_PARTS];       /* recency, frequency, monetary */
    float cut[RFM_PARTS * RFM_CUTS]; /* quintiles of each */
    int n_groups;
    int64_t *count; /* [n_groups][n_classes] training rows */
    char *text;
} rule_model;

/** Groups and their counters (all 0) once kind and n_rules stand. */
CRM_CHECKED rule_make_groups(rule_model *m);
/** Group of a row. */
int rule_group(const rule_model *m, const float *num, const int32_t *cat);
/** Probability of each class in a group. */
void rule_proba(const rule_model *m, int group, double *proba);

/** Find the columns of recency, frequency and money; false and the name of the first that is
 * missing (may be NULL). */
bool rule_rfm_find(const crm_source *in, int32_t column[RFM_PARTS], const char **lacks);
/** Quintiles.  Collective. */
CRM_CHECKED rule_rfm_learn(rule_model *m, const crm_fit *fit, const crm_source *in);
int rule_rfm_group(const rule_model *m, const float *num);
/** Learn the conditions of a list.  Collective. */
CRM_CHECKED rule_list_learn(rule_model *m, const crm_fit *fit, const crm_source *in);
int rule_list_group(const rule_model *m, const float *num, const int32_t *cat);

/** The rules as text; class names of the target. */
void rule_write(const rule_model *m, const crm_schema *s, const crm_target *t, crm_str *out);
#endif
