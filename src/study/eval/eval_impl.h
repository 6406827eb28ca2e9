/* eval_impl.h - shared by the files of room eval only. */
#ifndef CRM_EVAL_IMPL_H
#define CRM_EVAL_IMPL_H

#include <stdatomic.h>

#include "crmpi/eval.h"

enum { UNIT_NAME_MAX = 96, LEFT_MAX = UNIT_NAME_MAX + 192 };
/* A unit's result; it is run again when the kind is older. */
#define UNIT_KIND "crmpi-unit-5"

/* Numbers kept of each epoch; the phase is a place in crm_phase_names. */
typedef enum history_field {
    HISTORY_PHASE,
    HISTORY_MEMBER,
    HISTORY_EPOCH,
    HISTORY_TRAIN_LOSS,
    HISTORY_VALID_LOSS,
    HISTORY_VALID_SCORE,
    HISTORY_LR,
    HISTORY_GRAD_NORM,
    HISTORY_ROWS,
    HISTORY_SECONDS, /* wall time: the only thing in a unit's file that is not reproducible */
    HISTORY_FIELDS
} history_field;

typedef struct unit {
    int model, repeat, fold;  /* repeat -1: all rows, no test part */
    int group;                /* that runs it; -1: has a result already */
    bool skip;                /* is none of e->only */
    char name[UNIT_NAME_MAX]; /* "hybrid-r0-f3", "hybrid-all" */
} unit;

/** Epochs of the fits of one unit, kept by every rank, written by the first. */
typedef struct history {
    int64_t n, cap;
    double *row; /* [cap][HISTORY_FIELDS] */
    int64_t heads;
    crm_str head;     /* names of targets, each with its final 0 */
    double *losses;   /* [cap][2][heads] of training, of validation */
    double *left_out; /* [cap] steps that went wrong and were left out */
    bool failed;      /* a line had no memory: saving fails */
} history;
void crm_history_add(history *h, const crm_epoch *e);
CRM_CHECKED crm_history_save(const history *h, crm_bag *b);
/** Into an empty history. */
CRM_CHECKED crm_history_load(history *h, const crm_bag *b);
void crm_history_free(history *h);

/** The study on this rank. */
typedef struct study {
    const crm_eval *e;
    bool fit_only; /* no folds: fits on all rows only */
    int target;
    crm_view *view;    /* labelled rows */
    int64_t *group_of; /* [rows of the data set] of eval.group; NULL: eval.split is another */
    crm_folds *folds;
    int n_units;
    unit *unit; /* unit order: repeats, folds, models; then the fits on all rows */
    crm_comm *group;
    int group_id, n_groups;
    int64_t *nanoseconds; /* [n_units] that a fit took; 0: not run by this rank */
    struct progress *progress;
    bool told_unlabelled; /* that a head of the net has no labels: once a study */
    /* Clock at the begin, s spent on checkpoints so far, and what the next one will take: on the
     * first rank of a group. */
    double begun, spent, expected;
    int64_t saves;
    double looked; /* clock of the last look whether another group has stopped */
    bool others_stopped;
    /* The same for threads of a fit, on every rank. */
    _Atomic double polled;
    atomic_bool saw_stop;
    char left[LEFT_MAX]; /* after a stop: what became of the unit at hand */
} study;

/* ---- the wish to stop (eval_stop.c) ---- */
/** On this rank: a signal came, or it is the first of its group and sees that one came to a rank
 *  outside of it, or that another group has stopped. */
bool crm_study_wants_stop(study *s);
/** For hooks.stopping, ctx is the study: a signal came to this rank, or it sees the mark of
 * another. Thread-safe, not collective. */
bool crm_study_stopping(void *study);
/** CRM_ERR_STOPPED when a rank of the group wants to stop.  Collective over the group. */
CRM_CHECKED crm_study_check_stop(study *s);
/** For fits without a history: on_epoch answers PAUSE when a rank of the group wants to stop, and
 *  the fit may ask between. */
crm_hooks crm_study_stop_hooks(study *s);
/** CRM_ERR_STOPPED with the signal that came to any rank, the text of the error before ("" or what
 *  became of the unit at hand; the lowest rank's), how much is done (as rank 0 says) and what to
 * do. Collective over world. */
CRM_CHECKED crm_stopped(crm_comm *world, int64_t done, int64_t of, const char *what);
/** Leave a mark of a group that has failed or stopped, without a word and without touching the
 * error that is under way: when that fails, the others end their units first. */
void crm_study_mark(const study *s, crm_status why);
/** From now on a signal to this rank leaves the mark of a stop, wherever the rank waits; or no
 *  more. */
void crm_study_listen(const study *s, bool on);
/** Whether some group has left a mark; that it has failed. */
bool crm_study_marked(const study *s);
bool crm_study_failed(const study *s);
/** Remove temporary files that processes left which were killed.  One process. */
CRM_CHECKED crm_remove_unfinished(const crm_record *r);
/** Remove what an earlier run left: marks and temporary files.  Rank 0 of all, elsewhere no effect.
 */
CRM_CHECKED crm_study_begin(study *s);
/** Remove the mark of a stop and, after all units, the folder of checkpoints.  Rank 0 of all,
 *  elsewhere no effect.  Returns st, or what failed when st is CRM_OK. */
CRM_CHECKED crm_study_end(const study *s, crm_status st);

/* ---- checkpoints of the unit at hand (eval_checkpoint.c) ---- */
#define CHECKPOINTS_DIR "checkpoints" /* RUN/checkpoints/<unit>/ */
typedef struct keeper {
    study *study;
    const unit *unit;
    history *history;
    crm_bag *from;  /* that the unit goes on from, NULL: from its beginning */
    int64_t number; /* of the newest checkpoint, 0: none */
    /* Where the fit is; done counts the steps of all its phases. */
    char phase[16];
    int member;
    int64_t epoch, step, done;
    int64_t saved;               /* done at the last checkpoint                 */
    double begun, seconds;       /* clock; s that went into it before that      */
    double saved_at, asked_at;   /* clock                                       */
    bool asked, wanted, pausing; /* the fit asks; a checkpoint was put off; ... */
} keeper;
/** Collective over the group, like hooks and epoch.  CRM_ERR_FORMAT when the checkpoints are of
 * another unit or run, or none of them is whole. */
CRM_CHECKED crm_keeper_open(study *s, const unit *u, history *h, keeper *k);
/** Let a fit ask, save and go on; the hooks' ctx is the keeper. */
void crm_keeper_hooks(keeper *k, crm_hooks *hooks);
/** st of a fit; when it did not take the checkpoint, with the path of that. */
CRM_CHECKED crm_keeper_judge(const keeper *k, crm_status st);
/** What to answer to an epoch: fits that do not ask stop there. */
crm_hook_answer crm_keeper_epoch(keeper *k, const crm_epoch *e);
void crm_keeper_close(keeper *k);
/** The unit has its result: its checkpoints go.  One process; what cannot be removed is told. */
void crm_keeper_forget(const study *s, const unit *u);

/** What a unit's model listens to on its test rows (eval_explain.c). */
typedef struct explanation {
    int64_t features, permutations, grid;
    double *importance; /* [features][permutations] fall of the score           */
    double *x, *y;      /* [features][grid] NaN behind the last point of a curve */
} explanation;
/** Features of a data set: columns of the profile, then blocks. */
int64_t crm_features_count(const crm_data *d);
const char *crm_feature_name(const crm_data *d, int64_t i);
/** Importance and dependence as the options ask; nothing without a test part.  Collective over the
 * group; the same on all its ranks. */
CRM_CHECKED crm_unit_explain(study *s, const unit *u, crm_pipeline *p, const crm_view *test,
                             explanation *out);
void crm_explanation_free(explanation *x);

/** Threshold of the second class chosen on inner folds of train; NaN when none is asked for, or the
 * classes have too few rows.  Collective over the group; right on its first rank. */
CRM_CHECKED crm_unit_threshold(study *s, const unit *u, const crm_fit *outer, double *out);

/** proba [v->n][k] on the group's first rank, the caller's; each rank predicts a part.  Collective
 * over the group. */
CRM_CHECKED crm_unit_predict(study *s, crm_pipeline *p, const crm_view *v, double **proba);

/** The same of any fit; hooks->stopping is asked between pieces. */
CRM_CHECKED crm_group_predict(crm_comm *group, const crm_hooks *hooks, crm_pipeline *p,
                              const crm_view *v, int k, double **proba);

/** Whether the target labels tokens: models tag documents then, and spans are counted. */
bool crm_study_of_tokens(const study *s);
/** Classes that a model gives probabilities of for each row; 0 when it tags tokens. */
int crm_study_classes(const study *s);
/** Tags of all tokens of the rows of v, [*n] on the group's first rank, the caller's; each rank
 * tags a part.  Collective over the group. */
CRM_CHECKED crm_unit_decode(study *s, crm_pipeline *p, const crm_view *v, int32_t **tag,
                            int64_t *n);

/** The target of the study and the rows that have a label of it. */
CRM_CHECKED crm_study_target(study *s);
/** What a unit fits. */
const crm_model_spec *crm_unit_spec(const study *s, const unit *u);
/** Groups, and folds of s->view unless it is fit_only, as the options ask. */
CRM_CHECKED crm_study_folds(study *s);
/** Groups of all rows by eval.group, a row without a level alone, for the caller to free; NULL when
 *  eval.split is another.  Not collective.  @return CRM_ERR_CONFIG: no such column; CRM_ERR_NOMEM
 */
CRM_CHECKED crm_study_groups(const crm_eval *e, int64_t **group_of);
CRM_CHECKED crm_study_plan(study *s);
/** Path of a unit's result, or of its model. */
CRM_CHECKED crm_unit_path(const study *s, const unit *u, char *out, size_t cap);
CRM_CHECKED crm_model_path(const study *s, int model, char *out, size_t cap);
/** Of what people can read of a model. */
CRM_CHECKED crm_text_path(const study *s, int model, char *out, size_t cap);

/* ---- the ledger of finished units (eval_ledger.c) ---- */
/** The run and the unit that a result is of, into its bag; whether it is of these: CRM_ERR_FORMAT
 * names both. */
CRM_CHECKED crm_ledger_sign(const crm_eval *e, const char *name, crm_bag *b);
CRM_CHECKED crm_ledger_check(const crm_eval *e, const char *name, const char *path,
                             const crm_bag *b);
/** done[n_units]: units that need not be run, as their results are there, whole and of this run;
 *  what is wrong with the others is told.  Rank 0. */
CRM_CHECKED crm_ledger_read(study *s, int64_t *done);
/** Digest of the pipeline in a model file, as crm_pipeline_digest gave it when it was fitted. */
CRM_CHECKED crm_model_digest(const crm_bag *model, char hex[CRM_DIGEST_HEX]);
/** Run this group's units. */
CRM_CHECKED crm_study_run(study *s);

/* Progress line on a terminal: fed by this process's fits and, on rank 0, by messages of the
 * others. */
CRM_CHECKED crm_progress_new(study *s);
crm_hook_answer crm_progress_epoch(void *ctx, const crm_epoch *e);
void crm_progress_step(study *s, const crm_step *step);
void crm_progress_begin(study *s, const unit *u);
void crm_progress_done(study *s);
void crm_progress_free(study *s);

/** Plan and run the units. */
CRM_CHECKED crm_study_do(study *s);
void crm_study_free(study *s);
/** Whether a unit of this name is to be run: one of e->only, or any when there are none. */
bool crm_study_wants(const crm_eval *e, const char *name);

/** Results of all units, read on rank 0. */
typedef struct result {
    int64_t n; /* test rows */
    const int64_t *row;
    const double *proba;
    int64_t n_tags; /* of tokens of those rows; 0 when rows have probabilities */
    const int32_t *tag;
    int64_t epochs, heads;
    const char *const *head; /* [heads] names of targets whose losses are told one by one */
    const double *history;   /* [epochs][HISTORY_FIELDS] */
    const double *losses;    /* [epochs][2][heads] of training, of validation */
    const double *left_out;  /* [epochs] steps; NULL: none anywhere */
    crm_digest weights;
    double threshold;        /* NaN: none           */
    double fit_s, predict_s; /* wall time           */
    double bytes;            /* held at most, the largest of the group's ranks */
    explanation explanation; /* arrays of the bag   */
    const char *device; /* that computed: model of GPU or "cpu"; "": not known, or never another */
    crm_bag *bag;       /* owns the arrays */
} result;
extern const char *const crm_history_names[HISTORY_FIELDS];
extern const char *const crm_phase_names[]; /* "fit", ..., NULL */
CRM_CHECKED crm_result_read(const study *s, const unit *u, result *out);
void crm_result_free(result *r);

/** Scores of spans from all results, and the test parts as CoNLL columns: word, tag, tag of each
 * model (first repeat); rank 0. */
CRM_CHECKED crm_study_spans(const study *s, const result *r, crm_summary **out, crm_str *tagged);
/** Digests of all units into units.json; rank 0. */
CRM_CHECKED crm_study_units(const study *s, const result *r);

/** Summary of the study from all results; rank 0. */
CRM_CHECKED crm_study_summary(const study *s, const result *r, crm_summary **out);
/** Name, rows, folds and split of the study's target, of this level. */
CRM_CHECKED crm_study_head(const study *s, crm_level level, crm_sum_target *t);
/** Metrics (crm_metric) of a model with room for a value of each fold. */
CRM_CHECKED crm_study_metrics_new(const study *s, int n, const int *metric, crm_sum_model *m);
CRM_CHECKED crm_study_note(crm_sum_target *t, const char *text);
/** What is to be said about any study. */
CRM_CHECKED crm_study_notes(const study *s, crm_sum_target *t);
/** A copy of a text for the summary; CRM_ERR_NOMEM. */
CRM_CHECKED crm_study_text(const char *s, char **out);
/** n2/n1 of the corrected test, test rows over training rows of a split: 1/(k - 1) for k folds; for
 * a hold-out or folds from a file, of the mean sizes. */
double crm_study_ratio(const study *s);
/** Paired tests of the first of n models against the others by each metric of crm_eval_compared,
 * from the folds' values, folds, repeats, split, test_over_train and alpha of t. */
CRM_CHECKED crm_study_compare(crm_sum_target *t, int n, double rope);
/** Mean and corrected interval of the folds' values. */
void crm_study_mean(const study *s, crm_sum_metric *m);
/** Beside the scores of a model, when the options ask for it (eval_explained.c). */
CRM_CHECKED crm_study_threshold(const study *s, const result *r, int model, crm_sum_threshold *out);
CRM_CHECKED crm_study_explanation(const study *s, const result *r, int model,
                                  crm_sum_explanation *out);
/** Figures of eval.published; CRM_ERR_CONFIG when one of them cannot be read. */
CRM_CHECKED crm_study_published(const study *s, crm_sum_published *out);
CRM_CHECKED crm_study_check_published(const study *s);
/** Metrics by which models are compared: crm_metric values. */
enum { EVAL_COMPARED = 5 };
extern const int crm_eval_compared[EVAL_COMPARED];
/** crm_metric of a target of tokens, all of them compared. */
enum { EVAL_SPAN_METRICS = 3 };
extern const int crm_eval_span_metrics[EVAL_SPAN_METRICS];
/** Whether the scores are of spans: of a target of tokens. */
bool crm_study_is_of_spans(const crm_sum_target *t);

/** Test predictions of the first repeat, all folds one behind the other. */
typedef struct tested_rows {
    int64_t n;
    int k;          /* classes */
    int64_t *row;   /* [n] of the data set */
    int32_t *label; /* [n] */
    double *proba;  /* [n][k] */
} tested_rows;
/** Of a model; -1: the oracle, on the rows of the first model. */
CRM_CHECKED crm_study_tested(const study *s, const result *r, int model, tested_rows *out);
void crm_tested_free(tested_rows *t);
/** Of all models, [n_models], on the same rows in the same order. */
CRM_CHECKED crm_study_all_tested(const study *s, const result *r, tested_rows **out);
void crm_study_free_tested(const study *s, tested_rows **t);
CRM_CHECKED crm_study_pooled(const study *s, const result *r, int model, crm_sum_pooled *out);
/** Nothing unless there is one test part and two models. */
CRM_CHECKED crm_study_holdout(const study *s, const result *r, crm_sum_holdout *out);
/** Place of eval.segment among the categorical columns, -1 when it is not set; CRM_ERR_CONFIG. */
CRM_CHECKED crm_study_segment_column(const study *s, int *at);
CRM_CHECKED crm_study_segments(const study *s, const result *r, crm_sum_segments *out);
CRM_CHECKED crm_study_lift(const crm_data *d, crm_sum_lift *out);
/** What a unit's model computes on: model of GPU, or "cpu"; "" when it is always the CPU. */
const char *crm_unit_device(const study *s, const unit *u);
/** A warning and a note in run.json when units were computed on several kinds of device; rank 0. */
CRM_CHECKED crm_study_devices(const study *s, const result *r);
/** predictions.h5; collective, r on rank 0 only. */
CRM_CHECKED crm_study_predictions(const study *s, const result *r);
CRM_CHECKED crm_study_metrics(const study *s, const result *r);

#endif
