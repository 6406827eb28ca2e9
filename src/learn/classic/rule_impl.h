/* rule_impl.h - shared by the files of the rule-based model only. */
#ifndef CRM_RULE_IMPL_H
#define CRM_RULE_IMPL_H

#include "classic_impl.h"
#include "crmpi/base_str.h"

enum { RFM_PARTS = 3, RFM_CUTS = 4, RFM_GROUPS = 13 /* totals 3..15 */ };

/* ---- rules of a list (rule_steps.c) ----
 * The condition of a rule is a row of steps in postfix order on a stack of truth values: "a > 1 and
 * not b = x" is [a > 1] [b = x] [not] [and].  Numbers of the ops stand in model files. */
typedef enum rule_op {
    RULE_LE,      /* number <= cut                            */
    RULE_GT,      /* number > cut                             */
    RULE_MISSING, /* number is missing                        */
    RULE_LEVEL,   /* code == level; level -1: code is missing */
    RULE_LT,
    RULE_GE,
    RULE_EQ,
    RULE_NE,
    RULE_NOT_LEVEL, /* there is a code, and it is another */
    RULE_AND,
    RULE_OR,
    RULE_NOT,
    RULE_OP_COUNT
} rule_op;
/** Deepest stack; a condition that needs more is refused. */
enum { RULE_DEPTH = 96 };
typedef struct rule_step {
    int32_t op, column, level;
    float cut;
} rule_step;
typedef struct rule_line {
    int32_t end;  /* first step behind this rule's                              */
    int32_t says; /* class that a user's rule names, or a learned one is for; -1: none */
    double given; /* probability of that class; -1: that of the training rows   */
} rule_line;
/** The first rule that holds decides; where none does, the default. */
typedef struct rule_list {
    int n;           /* rules, the default not counted                   */
    rule_line *line; /* [n + 1], the last one, without steps, is the default */
    int32_t n_steps, cap;
    rule_step *step; /* [n_steps] */
} rule_list;

/** A list of up to n rules, all still without steps, whose default names no class. */
CRM_CHECKED rule_list_new(int n, rule_list *out);
/** Append a step; it belongs to the rule that is ended next. */
CRM_CHECKED rule_list_step(rule_list *l, rule_step s);
/** End a rule with the steps appended since the last one. */
void rule_list_end(rule_list *l, int says, double given);
/** CRM_ERR_FORMAT unless every condition leaves one value on a stack of RULE_DEPTH, and columns and
 *  classes are in their ranges. */
CRM_CHECKED rule_list_check(const rule_list *l, int n_num, int n_cat, int n_classes);
/** Number of the first rule that holds, or n. */
int rule_list_group(const rule_list *l, const float *num, const int32_t *cat);
void rule_list_free(rule_list *l);

/* ---- rules of the user (rule_parse.c, rule_names.c) ---- */
/** A word of a rule. */
typedef struct rule_word {
    enum { WORD_END, WORD_PLAIN, WORD_QUOTED, WORD_SIGN } kind;
    const char *at; /* without quotes */
    size_t n;
    int character; /* place in the rule, from 1 */
} rule_word;
/** Read rule.rules into *out.
 *  @param[in] s, t  columns and classes; both NULL: see whether they can be read, *out is nothing
 *  @return CRM_ERR_CONFIG names the rule, the place in it and what stands there */
CRM_CHECKED rule_parse(const crm_opt_list *rules, const crm_schema *s, const crm_target *t,
                       rule_list *out);
/** Place of a word among n names: the one that is equal, else (a word without quotes) the one that
 * is equal with underscores for its blanks; -1: none, -2: several. */
int rule_find_name(const char *const *name, int64_t n, const rule_word *w);
/** "; did you mean 'x'?" for the nearest of n names (two lists one after the other), written as a
 *  word of a rule; "" when none is near. */
void rule_suggest(const char *const *a, int64_t n_a, const char *const *b, int64_t n_b,
                  const rule_word *w, crm_str *out);

typedef struct rule_model {
    crm_estimator base;
    const crm_rule_cfg *cfg;
    int kind; /* CRM_RULE_RFM, CRM_RULE_LIST or CRM_RULE_RULES once fitted */
    int n_classes, n_num, n_cat;
    rule_list list;
    int32_t column[RFM_PARTS];       /* recency, frequency, monetary */
    float cut[RFM_PARTS * RFM_CUTS]; /* quintiles of each */
    int n_groups;
    int64_t *count; /* [n_groups][n_classes] training rows */
    char *text;
} rule_model;
extern const char *const rule_kind_names[]; /* of crm_rule_kind */

/** Groups and their counters (all 0) once kind and list stand. */
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
/** Learn m->list (rule_learn.c).  Collective. */
CRM_CHECKED rule_list_learn(rule_model *m, const crm_fit *fit, const crm_source *in);

/** The rules as text; class names of the target. */
void rule_write(const rule_model *m, const crm_schema *s, const crm_target *t, crm_str *out);

/* ---- bags (rule_bag.c) ---- */
CRM_CHECKED rule_save(const crm_estimator *e, crm_bag *b);
/** Into a model that has its shape. */
CRM_CHECKED rule_load_into(rule_model *m, crm_bag *b);
#endif
