/* eval.h - cross-validation of models on the same folds, scheduled as units over groups of ranks
 * (room eval).
 *
 * A unit is (model, repeat, fold), or (model, all rows) for the model that is kept.  Ranks are
 * spent on units first, on data parallelism inside a fit second.  The result of a unit is a file in
 * RUN/units, and a fit that takes long is saved in RUN/checkpoints, so a run that was ended goes on
 * where it was.  Every function that runs units returns CRM_ERR_STOPPED when a signal came
 * (base_stop.h): to be called again.  Root reads the files in unit order and
 * makes metrics, intervals and paired tests. */
#ifndef CRM_EVAL_H
#define CRM_EVAL_H

#include "crmpi/ckpt_series.h"
#include "crmpi/estimator.h"
#include "crmpi/opt.h"
#include "crmpi/record.h"
#include "crmpi/record_null.h"
#include "crmpi/record_summary.h"

#define CRM_EVAL_ROPE_DEFAULT 0.01

typedef enum crm_eval_split {
    CRM_SPLIT_STRATIFIED,
    CRM_SPLIT_PLAIN,
    CRM_SPLIT_GROUPED,
    CRM_SPLIT_HOLDOUT,
    CRM_SPLIT_FILE,
    CRM_SPLIT_PART,       /* of the data set: crm_data_part */
    CRM_SPLIT_CONTIGUOUS, /* rows in their order            */
    CRM_SPLIT_COUNT
} crm_eval_split;
extern const char *const crm_eval_split_names[]; /* "stratified" .. "contiguous", NULL */

/** Rule that chooses the threshold of a two-class model on the training rows of a fold. */
typedef enum crm_eval_threshold {
    CRM_THRESHOLD_NONE,
    CRM_THRESHOLD_F1,
    CRM_THRESHOLD_YOUDEN,
    CRM_THRESHOLD_COST,
    CRM_THRESHOLD_COUNT
} crm_eval_threshold;
extern const char *const crm_eval_threshold_names[]; /* "none" .. "cost", NULL */

typedef struct crm_eval_cfg {
    crm_opt_list models; /* the first is the reference of the comparisons */
    const char *target;  /* "": the first one */
    int64_t folds, repeats, seed;
    int split; /* crm_eval_split */
    const char *folds_file, *group;
    double test_fraction, alpha, rope;
    const char *segment; /* categorical column whose levels are ranked over; "": none */
    int64_t group_ranks; /* ranks per unit; 0: chosen */
    bool final;          /* fit each model on all rows at the end */
    int threshold;       /* crm_eval_threshold */
    int64_t threshold_folds;
    double cost_fn, cost_fp;
    int64_t importance;     /* permutations of each feature; 0: off       */
    int importance_metric;  /* crm_metric                                 */
    crm_opt_list published; /* "MODEL:METRIC:VALUE" */
    const char *published_source;
    int64_t dependence, explain_rows; /* points of a curve, 0: off; rows looked at  */
} crm_eval_cfg;
extern const crm_opt crm_eval_opts[];

/** Whether the progress line is drawn: when stderr, of this process or of the mpirun above it, is a
 * terminal; always; never. */
typedef enum crm_progress_mode {
    CRM_PROGRESS_AUTO,
    CRM_PROGRESS_ON,
    CRM_PROGRESS_OFF,
    CRM_PROGRESS_COUNT
} crm_progress_mode;

typedef struct crm_eval {
    crm_comm *world;
    crm_pool *pool;
    const crm_eval_cfg *cfg;
    const crm_data *data;
    const crm_model_spec *const *spec; /* [n_models], in the order of cfg->models */
    int n_models;
    /** What a unit fits in place of spec[model], which names the model; repeat -1: the fit on all
     *  rows.  NULL: the same everywhere. */
    const crm_model_spec *(*spec_of)(void *ctx, int model, int repeat, int fold);
    void *spec_ctx;
    int64_t max_group; /* most ranks that can share a fit (lanes) */
    crm_progress_mode progress;
    const crm_bag *init;      /* parameters that fits begin with, NULL: none */
    const char *init_file;    /* what messages about them name; NULL: nothing */
    const char *note;         /* one more note of the summary, NULL: none */
    const crm_ckpt_cfg *ckpt; /* when fits are saved, NULL: never */
    crm_digest run;           /* of the run: a checkpoint of another one is refused */
    const char *const *only;  /* [n_only] names of units (crm_record_unit): no others are run */
    int n_only;               /* 0: all; else for crm_eval_units and crm_eval_null only */
    crm_record *record;
    struct crm_eval_cost *cost;       /* [n_models], filled on rank 0; NULL: not wanted */
    struct crm_eval_failure *failure; /* filled when a unit fails; NULL: not wanted */
} crm_eval;
/** The unit whose error ended a study, on all ranks; of several groups of ranks that failed in the
 * same way, one. */
typedef struct crm_eval_failure {
    int model, repeat,
        fold; /* model -1: none, or in several ways; repeat -1: the fit on all rows */
    crm_status status;
    char cause[512];
} crm_eval_failure;
/** What the fits of a model with a test part cost; wall times. */
typedef struct crm_eval_cost {
    int fits;
    double fit_s, fit_s_min, fit_s_max; /* mean, least, most */
    double predict_us;                  /* mean of a row     */
    double bytes;                       /* counted memory of a rank, the most */
} crm_eval_cost;

/** Run all units that have no result yet, then aggregate.  Writes predictions.h5, models/,
 * metrics.jsonl and summary.json.  Collective over e->world; *out is on rank 0 only
 * (crm_summary_free).
 *  @return what a fit or a file returned; CRM_ERR_FORMAT when the folds cannot be made. */
CRM_CHECKED crm_eval_crossval(const crm_eval *e, crm_summary **out);

/** Take away what the run folder has of a unit, its result, model and checkpoints, so that it is
 * run anew.  Rank 0.  @return CRM_ERR_IO */
CRM_CHECKED crm_eval_forget(const crm_eval *e, int model, int repeat, int fold);

/** Whether the target of the study labels tokens; CRM_ERR_CONFIG when there is no such target.  Not
 *  collective. */
CRM_CHECKED crm_eval_of_tokens(const crm_eval *e, bool *tokens);
/** As crm_eval_crossval, for a target of tokens: scores are of spans, counted as conlleval counts
 *  them; classes of the summary are their types, and "none" for spans that the other side has not.
 *  Writes summary.json, predictions.conll (word, tag, tag of each model), models/ and
 *  metrics.jsonl. */
CRM_CHECKED crm_eval_crossval_spans(const crm_eval *e, crm_summary **out);

/** What the fit of a model on all rows came to. */
typedef struct crm_eval_fit {
    int64_t epochs;    /* of all phases and members; 0: the model has none */
    double train_loss; /* of the last epoch, NaN when not known */
    double seconds;    /* NaN: fitted before this call */
    crm_digest weights;
} crm_eval_fit;
/** Fit each model on all rows with a label, without test parts, unless its result is there.  Writes
 * models/ and metrics.jsonl.  Collective over e->world.
 *  @param[out] fit  [e->n_models], rank 0 only; the caller's
 *  @return what a fit or a file returned. */
CRM_CHECKED crm_eval_train(const crm_eval *e, crm_eval_fit *fit);

/** Run the units e->only of a study, or of fits on all rows only, and write their digests to
 * RUN/units.json and that of the folds into run.json; nothing is aggregated.  Collective over
 * e->world.
 *  @return CRM_ERR_FORMAT when the study has no unit of such a name; what a fit or a file returned.
 */
CRM_CHECKED crm_eval_units(const crm_eval *e, bool fit_only);
/** A sample of n of n_units units, spread over models and folds: each time the one whose model,
 * then whose fold, was taken least, and of those the first in an order keyed by seed.  So a larger
 * sample holds the smaller one.  Not collective.
 *  @param[in] unit     [n_units] in unit order
 *  @param[out] chosen  [n] positions, ascending */
CRM_CHECKED crm_eval_sample(int n_units, const crm_record_unit *unit, uint64_t seed, int n,
                            int *chosen);

/** Repeat the fit on all rows of a model of e up to one step and tell that (crm_replay.out, on the
 *  ranks that fit, of which the first of all is one).  It begins from the newest checkpoint below
 *  the step in the run folder `run` (e->run is its digest), if there is one; nothing is written.
 *  Collective over e->world.
 *  @return what the fit returned; CRM_ERR_CONFIG when it ends before the step. */
CRM_CHECKED crm_eval_replay(const crm_eval *e, int model, const char *run, crm_replay *r);

/** Null experiments: the cross-validation of the first two models on labels without signal, many
 * times over. */
typedef enum crm_null_labels {
    CRM_NULL_PERMUTED, /* the labels there are, of other rows     */
    CRM_NULL_BALANCED, /* the first two classes, as many of each  */
    CRM_NULL_LABELS_COUNT
} crm_null_labels;
typedef struct crm_null_cfg {
    int64_t replicates, rows; /* rows 0: all */
    int labels;               /* crm_null_labels */
    int metric;               /* crm_metric */
} crm_null_cfg;
extern const crm_opt crm_null_opts[]; /* calibrate.* */
/** Run the experiments that have no result in RUN/null yet, then count on rank 0.  A rank does
 * whole experiments by itself.  Collective over e->world.  A unit is a block of ten experiments;
 * with e->only nothing is counted.
 *  @return CRM_ERR_CONFIG when eval.models has not two models; what a fit or a file returned. */
CRM_CHECKED crm_eval_null(const crm_eval *e, const crm_null_cfg *cfg, crm_null *out);

/** Models of n runs against the first of the first, with the tests of a study; run[i] is put before
 * the names of its models, which are taken out of s[i].  rope: as eval.rope.
 *  @return CRM_ERR_CONFIG when data, target or fold tables differ, or there is one model only;
 * CRM_ERR_FORMAT when the metrics are of another release. */
CRM_CHECKED crm_eval_compare_runs(int n, const char *const *run, crm_summary *const *s, double rope,
                                  crm_summary **out);

/** Whether a model that was read from `path` in the run folder `run` is the one that the run has
 *  fitted, by what units/<model>-all.h5 tells, or else units.json; a folder without both is not
 *  asked.  Not collective.
 *  @return CRM_ERR_FORMAT names both digests. */
CRM_CHECKED crm_eval_check_model(const char *run, const char *model, const char *path,
                                 const crm_bag *b);
/** Whether the result of each unit that units.json lists is in RUN/units, whole, and what the list
 *  says.  Not collective.
 *  @return CRM_ERR_FORMAT, CRM_ERR_IO names the first file that is not. */
CRM_CHECKED crm_eval_check_units(const char *run);
/** The same of the model of each fit on all rows in a list of units.  CRM_ERR_FORMAT, CRM_ERR_IO.
 */
CRM_CHECKED crm_eval_check_models(const char *run, int n, const crm_record_unit *unit);

/** Kind of the bag in RUN/models/<name>.h5. */
#define CRM_MODEL_KIND "crmpi-model"
#endif
