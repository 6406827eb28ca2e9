/* eval_inner.h - fits on inner folds of the training parts of a study (room eval).
 *
 * A part is the training part of an outer fold, in the order of repeats and folds; behind them,
 * where it is asked for, all rows with a label.  Inner folds are made of a part's rows only, by the
 * split of the study (stratified for a hold-out, folds from a file and a fixed test part), so what
 * is chosen on them has not seen an outer test part. */
#ifndef CRM_EVAL_INNER_H
#define CRM_EVAL_INNER_H

#include "crmpi/eval.h"
#include "crmpi/stats_metric.h"

typedef struct crm_inner crm_inner;

/** folds x repeats inner folds of each part; all: one more part, of all rows.  e is borrowed.  Not
 *  collective, the same on all ranks.
 *  @return CRM_ERR_CONFIG for a target of tokens; CRM_ERR_FORMAT when the folds cannot be made */
CRM_CHECKED crm_inner_new(const crm_eval *e, bool all, int folds, int repeats, uint64_t seed,
                          crm_inner **out);
void crm_inner_free(crm_inner **in);
int crm_inner_parts(const crm_inner *in);
/** Outer repeat and fold of a part; -1 and -1: all rows. */
void crm_inner_place(const crm_inner *in, int part, int *repeat, int *fold);

typedef struct crm_inner_unit {
    int part, repeat, fold; /* inner repeat and fold                                   */
    double share;           /* of the inner training rows that is learnt from, (0, 1]  */
    const crm_model_spec *spec;
    crm_metric metric;
} crm_inner_unit;
typedef struct crm_inner_score {
    double value;      /* of the metric on the inner test part; NaN where it has no meaning there */
    crm_digest result; /* of the fitted state and the predictions                                 */
} crm_inner_score;
/** Fit and score.  The seed of the fit depends on part, inner repeat and fold only, so that trials
 *  are compared on equal terms.  hooks: stopping and its ctx.  Collective over group; *out counts
 *  on its first rank.
 *  @return what the fit returned; CRM_ERR_NUMERIC when predictions are not finite */
CRM_CHECKED crm_inner_run(crm_inner *in, crm_comm *group, const crm_inner_unit *u,
                          const crm_hooks *hooks, crm_inner_score *out);
#endif
