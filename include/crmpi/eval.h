/* eval.h - cross-validation of models on the same folds, scheduled as units over groups of ranks
 * (room eval).
 *
 * A unit is (model, repeat, fold), or (model, all rows) for the model that is kept.  Ranks are
 * spent on units first, on data parallelism inside a fit second.  The result of a unit is a file in
 * RUN/units, so a run that was ended goes on where it was.  Root reads the files in unit order and
 * makes metrics, intervals and paired tests. */
#ifndef CRM_EVAL_H
#define CRM_EVAL_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"
#include "crmpi/record.h"
#include "crmpi/record_summary.h"

typedef enum crm_eval_split {
    CRM_SPLIT_STRATIFIED,
    CRM_SPLIT_PLAIN,
    CRM_SPLIT_GROUPED,
    CRM_SPLIT_HOLDOUT,
    CRM_SPLIT_FILE,
    CRM_SPLIT_COUNT
} crm_eval_split;
extern const char *const crm_eval_split_names[]; /* "stratified" .. "file", NULL */

typedef struct crm_eval_cfg {
    crm_opt_list models; /* the first is the reference of the comparisons */
    const char *target;  /* "": the first one */
    int64_t folds, repeats, seed;
    int split; /* crm_eval_split */
    const char *folds_file, *group;
    double test_fraction, alpha;
    int64_t group_ranks; /* ranks per unit; 0: chosen */
    bool final;          /* fit each model on all rows at the end */
} crm_eval_cfg;
extern const crm_opt crm_eval_opts[];

typedef struct crm_eval {
    crm_comm *world;
    crm_pool *pool;
    const crm_eval_cfg *cfg;
    const crm_data *data;
    const crm_model_spec *const *spec; /* [n_models], in the order of cfg->models */
    int n_models;
    bool fit_only;     /* no test parts: fit each model on all rows, no summary */
    int64_t max_group; /* most ranks that can share a fit (lanes) */
    crm_record *record;
} crm_eval;

/** Run all units that have no result yet, then aggregate.  Writes predictions.h5, models/,
 * metrics.jsonl and summary.json.  Collective over e->world; *out is on rank 0 only
 * (crm_summary_free).
 *  @return what a fit or a file returned; CRM_ERR_FORMAT when the folds cannot be made. */
CRM_CHECKED crm_eval_crossval(const crm_eval *e, crm_summary **out);

/** Kind of the bag in RUN/models/<name>.h5. */
#define CRM_MODEL_KIND "crmpi-model"
#endif
