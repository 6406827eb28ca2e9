/* estimator.h - what everything that is fitted has in common: transform, estimator, pipeline (room
 * estimator).
 *
 * A class is a static table of functions with an option table; a registry in app lists the classes.
 * A pipeline is a list of transforms and one estimator; transforms and estimator are fitted on the
 * training view only.  Fitted state goes through bags (ckpt.h), so that any model can be saved,
 * loaded and digested. */
#ifndef CRM_ESTIMATOR_H
#define CRM_ESTIMATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_run.h"
#include "crmpi/base_status.h"
#include "crmpi/base_str.h"
#include "crmpi/ckpt.h"
#include "crmpi/comm.h"
#include "crmpi/data.h"
#include "crmpi/data_columns.h"
#include "crmpi/device.h"
#include "crmpi/opt.h"

/* ---- hooks and the context of a fit ---- */
typedef enum crm_hook_answer {
    CRM_HOOK_GO,
    CRM_HOOK_STOP,  /* of on_epoch: enough, what is learnt so far is the result                  */
    CRM_HOOK_PAUSE, /* save where there is a way to, then end the fit with CRM_ERR_STOPPED       */
    CRM_HOOK_SAVE   /* of ask: save and go on                                                    */
} crm_hook_answer;
/** Phases of a fit: on all training rows at once; on part of them to find the number of epochs; on
 * all of them for that number. */
#define CRM_PHASE_FIT    "fit"
#define CRM_PHASE_SEARCH "search"
#define CRM_PHASE_REFIT  "refit"
/** What a learner tells after each epoch (iteration, tree ...). */
typedef struct crm_epoch {
    const char *phase;    /* CRM_PHASE_...; NULL: CRM_PHASE_FIT */
    int member;           /* net of an ensemble, from 0 */
    int64_t epoch, of;    /* from 1, in each phase of each member anew */
    double train_loss;    /* NaN when not known */
    double valid_loss;    /* NaN when there is no inner validation part */
    double valid_score;   /* AUC or accuracy of it, NaN likewise */
    double lr, grad_norm; /* NaN when not known */
    double seconds;       /* wall time, never part of a result */
    int64_t rows;         /* rows seen in this epoch */
    int64_t left_out;     /* steps of it that went wrong and were left out */
    /* Losses by target, the one that decides first; 0: not told.  Lent for the call. */
    int n_heads;
    const char *const *head;       /* [n_heads] names of targets                          */
    const double *head_loss;       /* [n_heads] of the training rows, without its weight;
                                      NaN without any label there                         */
    const double *head_valid_loss; /* [n_heads]; NaN likewise, and without inner validation */
} crm_epoch;
/** Where an epoch stands: after its first step, then about twice a second.  All of it is for
 * display only: the loss is a mean over what this rank has seen of the epoch. */
typedef struct crm_step {
    const char *phase;
    int member;
    int64_t epoch, of, step, steps; /* step: done, of this epoch */
    double rows_per_s, loss;
} crm_step;
/** A place between two steps of a fit, the same on all ranks. */
typedef struct crm_boundary {
    const char *phase; /* CRM_PHASE_...                                  */
    int member;
    int64_t epoch, step; /* step: done, of the phase, counted over epochs  */
    bool epoch_end;      /* after the last step and on_epoch               */
} crm_boundary;
/** A step of a fit of a net that is told in lines instead of being taken. */
typedef struct crm_replay {
    const char *phase; /* CRM_PHASE_..., of the first net; NULL: the first that comes to the step */
    int64_t step;      /* of the phase, from 1 */
    crm_str *out;      /* the same on all ranks */
    bool told;         /* the fit has ended with CRM_ERR_STOPPED for that */
} crm_replay;
typedef struct crm_hooks {
    void *ctx;
    /** Collective over the fit's group, same answer on all ranks; NULL: none. */
    crm_hook_answer (*on_epoch)(void *ctx, const crm_epoch *e);
    /** By the main thread of each rank, at times of its own; NULL: none. */
    void (*on_step)(void *ctx, const crm_step *s);
    /** Asked between steps by estimators that can save in the middle of a fit: GO, SAVE or PAUSE,
     *  the same on all ranks.  Collective; NULL: never asked. */
    crm_status (*ask)(void *ctx, const crm_boundary *at, crm_hook_answer *answer);
    /** Takes what a fit needs to go on from a boundary: a bag on rank 0 of the group, NULL on the
     *  others.  The bag is lent; the hook may add to it, outside of "fit/".  Collective. */
    crm_status (*save)(void *ctx, const crm_boundary *at, crm_bag *state);
    /** Whether this rank knows of a wish to stop, for fits that work long between two answers of
     *  on_epoch (crm_fit_check_stop).  Once true it stays so.  Thread-safe, not collective; NULL:
     *  never. */
    bool (*stopping)(void *ctx);
    /** What save was given, on all ranks, of this fit (same data, options, seed) on any number of
     *  ranks; NULL: from the start.  CRM_ERR_FORMAT from the fit when it does not belong to it. */
    const crm_bag *resume_from;
    /** NULL: none.  By nets only. */
    crm_replay *replay;
} crm_hooks;

typedef struct crm_source crm_source; /* rows of the data set after transforms; below */

/** Arguments of a fit.  Collective over comm; everything is equal on all ranks of it. */
typedef struct crm_fit {
    crm_comm *comm;
    crm_pool *pool;        /* worker threads, NULL: none */
    const crm_view *train; /* rows to learn from */
    int target;            /* of the data set */
    uint64_t seed;
    const int64_t *group; /* [rows of the data set] rows that stay together beside duplicates, as
                             folds keep them; NULL: none */
    crm_hooks hooks;
    const crm_bag *init;   /* initial parameters by name; NULL: none.  Estimators without `weights`
                              refuse it */
    const char *init_file; /* what messages about them name; NULL: nothing */
} crm_fit;

/** What hooks.stopping says, false without it or a fit; some tens of ns.  Thread-safe, not
 *  collective. */
bool crm_fit_stopping(const crm_fit *fit);
/** CRM_ERR_STOPPED for true: the ranks of the fit must agree on it. */
CRM_CHECKED crm_fit_check_stop(const crm_fit *fit);

/** Option tables of a class, each bound at an offset of its config struct; ends with {NULL, 0}. */
typedef struct crm_cfg_part {
    const crm_opt *opts;
    size_t offset;
} crm_cfg_part;

/* ---- sparse columns ---- */
/** Rows with few values among many columns, such as n-grams of documents: row i has id[first[i]] ..
 *  id[first[i + 1] - 1], ascending, and as many values.  Zeros to begin with. */
typedef struct crm_sparse {
    int64_t n;
    int64_t *first; /* [n + 1] */
    int32_t *id;
    float *value;
    int64_t room_rows, room; /* rows and entries that there is memory for */
} crm_sparse;
/** An entry of the row in the making; ids must ascend. */
CRM_CHECKED crm_sparse_add(crm_sparse *s, int32_t id, float value);
/** The row is done; the next one begins. */
CRM_CHECKED crm_sparse_end_row(crm_sparse *s);
/** Rows [first, first + n) of other, behind those that are there; no row is in the making. */
CRM_CHECKED crm_sparse_add_rows(crm_sparse *s, const crm_sparse *other, int64_t first, int64_t n);
/** No rows; the memory stays. */
void crm_sparse_clear(crm_sparse *s);
void crm_sparse_free(crm_sparse *s);

/* ---- transform ---- */
/** Between transforms, code of a level that the model was not fitted with; -1 is a missing one. Who
 *  reads a source finds -1 for both. */
enum { CRM_CODE_UNSEEN = -2 };
typedef struct crm_transform crm_transform;
typedef struct crm_transform_class {
    const char *name;
    const crm_cfg_part *parts; /* NULL: no options */
    size_t cfg_size;
    const char *help;
    /** New, unfitted; cfg is borrowed. */
    crm_status (*make)(const void *cfg, crm_transform **out);
    /** Learn from the training rows as in (its rows read through in) gives them.  Collective. */
    crm_status (*fit)(crm_transform *t, const crm_fit *fit, const crm_source *in);
    /** Columns after the transform; valid after fit or load. */
    const crm_schema *(*schema)(const crm_transform *t);
    /** in -> out (out's memory is given, shaped by schema).  Thread-safe, not collective. */
    crm_status (*apply)(const crm_transform *t, const crm_data *data, const crm_schema *in_schema,
                        const crm_block *in, crm_block *out);
    crm_status (*save)(const crm_transform *t, crm_bag *b);
    crm_status (*load)(crm_transform *t, const crm_schema *in_schema, crm_bag *b);
    void (*free)(crm_transform *t);
    /** True when a transform of this config passes everything as it is: models are made without it
     *  then, so that their files stay what they were before there was such a transform.  NULL:
     *  never. */
    bool (*idle)(const void *cfg);
    /** Make what apply needs of these data; called when a source of them gets the fitted transform,
     *  perhaps by several threads at a time.  NULL: nothing.  Not collective. */
    crm_status (*ready)(const crm_transform *t, const crm_data *data);
    /** Sparse columns of its own, beside those that it hands on: how many, and rows row[n] of data
     *  behind those that out holds.  At most one transform of a pipeline has some.  Thread-safe,
     *  not collective.  NULL: none. */
    int64_t (*sparse_width)(const crm_transform *t);
    crm_status (*sparse)(const crm_transform *t, const crm_data *data, const int64_t *row,
                         int64_t n, crm_sparse *out);
    /** No row of data has more entries than *out; cheap beside sparse.  NULL: as many as columns.
     * Thread-safe, not collective. */
    crm_status (*sparse_most)(const crm_transform *t, const crm_data *data, int64_t *out);
} crm_transform_class;
/** First member of every transform. */
struct crm_transform {
    const crm_transform_class *class;
};

/* ---- source: flat view followed by fitted transforms ---- */
/** parts: CRM_FLAT_...; columns of other parts are left out. */
CRM_CHECKED crm_source_new(const crm_data *d, unsigned parts, crm_source **out);
/** As new, for data other than what want was taken from: columns are found by name and category
 * codes by the names of their levels; levels that want does not know are unseen. CRM_ERR_FORMAT
 * names the first column that d lacks.  want must outlive the source. */
CRM_CHECKED crm_source_new_like(const crm_data *d, unsigned parts, const crm_schema *want,
                                crm_source **out);
/** Append a fitted transform (borrowed). */
CRM_CHECKED crm_source_add(crm_source *s, const crm_transform *t);
/** A source of its own: what s gives, then t (both borrowed; s must outlive it and get no further
 *  transforms meanwhile). */
CRM_CHECKED crm_source_then(const crm_source *s, const crm_transform *t, crm_source **out);
const crm_data *crm_source_data(const crm_source *s);
const crm_schema *crm_source_schema(const crm_source *s);
/** Rows row[n] after all transforms into num [n][n_num] and cat [n][n_cat] (caller's). Thread-safe;
 *  allocates only working memory of its own, in pieces of at most CRM_LEAF_ROWS rows. */
CRM_CHECKED crm_source_read(const crm_source *s, const int64_t *row, int64_t n, float *num,
                            int32_t *cat);
/** Number of sparse columns; 0: none. */
int64_t crm_source_sparse_width(const crm_source *s);
/** No row of the data has more entries in its sparse columns than *out. */
CRM_CHECKED crm_source_sparse_most(const crm_source *s, int64_t *out);
/** Sparse columns of rows row[n], in place of what out holds.  Thread-safe with an out of each
 *  thread. */
CRM_CHECKED crm_source_read_sparse(const crm_source *s, const int64_t *row, int64_t n,
                                   crm_sparse *out);
void crm_source_free(crm_source **s);

/** Result of the source for the rows of a view, held in memory when it fits in limit bytes, else
 * computed at each read; the values are the same.  Reads are by position in the view. */
typedef struct crm_matrix crm_matrix;
CRM_CHECKED crm_matrix_new(const crm_source *s, const crm_view *v, crm_pool *pool, size_t limit,
                           crm_matrix **out);
/** Positions pos[n] of the view; negative: a row of zeros and codes -1 (padding). */
CRM_CHECKED crm_matrix_read(const crm_matrix *t, const int64_t *pos, int64_t n, float *num,
                            int32_t *cat);
/** Rows [first, first + ...) in place when they are kept in memory: *num and *cat point to position
 * first. False when rows are made at each read. */
bool crm_matrix_kept(const crm_matrix *t, int64_t first, const float **num, const int32_t **cat);
void crm_matrix_free(crm_matrix **t);

/* ---- schemas in bags ---- */
/** Names of columns and levels under "num", "cat" and "levels<k>" (empty: levels without names). */
CRM_CHECKED crm_schema_save(const crm_schema *s, crm_bag *b);
CRM_CHECKED crm_schema_load(crm_bag *b, crm_columns *out);

/* ---- estimator ---- */
/** What a study has to know of an estimator before it is made. */
typedef struct crm_estimator_traits {
    int64_t max_ranks; /* most ranks that can share a fit; 0: any number     */
    bool by_layout;    /* results depend on the number of ranks and threads  */
    unsigned parts;    /* CRM_FLAT_... of the flat view that it reads as columns */
    bool no_sparse;    /* sparse columns are not made for it                 */
} crm_estimator_traits;
/** A target with classes that an estimator has learnt beside that of its fit. */
typedef struct crm_further {
    const char *target;
    int n_classes;
    const char *const *class_name; /* [n_classes] */
} crm_further;
typedef struct crm_estimator crm_estimator;
typedef struct crm_estimator_class {
    const char *name;
    const crm_cfg_part *parts;
    size_t cfg_size;
    const char *help;
    bool uses_device; /* computes on the device of the pipeline; false: always on the CPU */
    crm_status (*make)(const void *cfg, crm_estimator **out);
    /** Learn.  Collective over fit->comm; the fitted state is the same on all its ranks. */
    crm_status (*fit)(crm_estimator *e, const crm_fit *fit, const crm_source *in);
    /** proba[n][k] f64 of rows row[n].  Not collective, not thread-safe. */
    crm_status (*predict)(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                          double *proba);
    /** In place of predict, for targets of tokens: the class of each token of the documents of rows
     *  row[n], one after the other, to tag.  Not collective, not thread-safe.  NULL: none. */
    crm_status (*decode)(crm_estimator *e, const crm_data *d, const int64_t *row, int64_t n,
                         int32_t *tag);
    crm_status (*save)(const crm_estimator *e, crm_bag *b);
    /** source: where rows will come from (its schema shapes the estimator); n_classes of the
     * target. */
    crm_status (*load)(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b);
    void (*free)(crm_estimator *e);
    /* Optional, NULL when a class has no such thing: */
    /** Replace the parameters of a fitted estimator by those of a bag, by name; all must be there
     *  with equal shapes, and no others.  CRM_ERR_FORMAT names the first that is not. */
    crm_status (*weights)(crm_estimator *e, const crm_bag *b);
    /** The learnt vector of each row: its width, and out [n][width]. */
    int64_t (*embed_width)(const crm_estimator *e);
    crm_status (*embed)(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                        float *out);
    /** Further targets with classes, as many as returned and the estimator's own; and proba
     *  [units][n_classes] of one of them for rows row[n]: a unit for each row, or for each of its
     *  documents that the estimator sees. */
    int (*further)(const crm_estimator *e, const crm_further **out);
    crm_status (*predict_further)(crm_estimator *e, const crm_source *in, const int64_t *row,
                                  int64_t n, int number, double *proba);
    /** What was learnt, in lines for people to read; "" before the fit. */
    const char *(*text)(const crm_estimator *e);
    /** CRM_ERR_CONFIG when its options do not fit data with these columns (as they are before any
     *  transform), this target, and so many training rows at least: to be found before a study
     *  begins. */
    crm_status (*check)(const void *cfg, const crm_schema *s, const crm_target *t, int64_t rows);
    /** NULL: any number of ranks, the same bits on all of them, all columns. */
    crm_estimator_traits (*traits)(const void *cfg);
    const char *reading; /* how its decisions can be read, a few words: "one weight per column" */
} crm_estimator_class;
struct crm_estimator {
    const crm_estimator_class *class;
    crm_device *device;        /* set by the pipeline after make: where to compute; NULL: the CPU */
    const crm_device_cfg *gpu; /* how, when device is no CPU; else NULL                           */
};

/* ---- pipeline: named model of a study ---- */
typedef struct crm_pipeline crm_pipeline;
enum { CRM_PIPELINE_MAX = 16 };
/** A model as the registry describes it: transforms in order, then the estimator, each with its
 * config. */
typedef struct crm_model_spec {
    const char *name; /* "hybrid", "logistic", "rule" */
    int n_transforms;
    const crm_transform_class *transform[CRM_PIPELINE_MAX];
    const void *transform_cfg[CRM_PIPELINE_MAX];
    const crm_estimator_class *estimator;
    const void *estimator_cfg;
    double cost;               /* relative time of a fit, for scheduling only */
    unsigned parts;            /* CRM_FLAT_... of the flat view that the model sees as columns */
    crm_device *device;        /* of this rank, borrowed; NULL: the CPU.  Classes that do not use
                                  it compute on the CPU */
    const crm_device_cfg *gpu; /* its options, borrowed */
} crm_model_spec;

CRM_CHECKED crm_pipeline_new(const crm_model_spec *spec, crm_pipeline **out);
/** Fit transforms one after the other, then the estimator.  Collective over fit->comm. */
CRM_CHECKED crm_pipeline_fit(crm_pipeline *p, const crm_fit *fit);
/** proba[n][k] of rows of the view's data.  Not collective. */
CRM_CHECKED crm_pipeline_predict(crm_pipeline *p, const crm_data *d, const int64_t *row, int64_t n,
                                 double *proba);
/** The class of each token of the documents of rows row[n] to tag.  CRM_ERR_CONFIG when the
 * estimator has no decode.  Not collective. */
CRM_CHECKED crm_pipeline_decode(crm_pipeline *p, const crm_data *d, const int64_t *row, int64_t n,
                                int32_t *tag);
/** What the estimator has learnt, for people to read; "" when its class has no such thing. */
const char *crm_pipeline_text(const crm_pipeline *p);
/** CRM_ERR_CONFIG when options of the estimator do not fit these data, as its class's check says.
 *  @param[in] rows  fewest training rows of a fit
 *  Not collective. */
CRM_CHECKED crm_model_check(const crm_model_spec *spec, const crm_data *d, int target,
                            int64_t rows);
/** Let go of the data last used: to be called before they are closed when the pipeline lives on. */
void crm_pipeline_forget(crm_pipeline *p);
/** As the estimator's functions of these names; CRM_ERR_CONFIG when it has none. */
CRM_CHECKED crm_pipeline_weights(crm_pipeline *p, const crm_bag *b);
CRM_CHECKED crm_pipeline_embed(crm_pipeline *p, const crm_data *d, const int64_t *row, int64_t n,
                               int64_t *width, float **out);
/** As the estimator's functions; 0 when its class has none. */
int crm_pipeline_further(const crm_pipeline *p, const crm_further **out);
CRM_CHECKED crm_pipeline_predict_further(crm_pipeline *p, const crm_data *d, const int64_t *row,
                                         int64_t n, int number, double *proba);
/** All fitted state under "transform<i>/..." and "estimator/...", plus names and the columns
 * expected. */
CRM_CHECKED crm_pipeline_save(const crm_pipeline *p, crm_bag *b);
/** For new data d: its profile columns must have the names the model was fitted on (categories may
 * have unseen levels, which become missing; order may differ).  CRM_ERR_FORMAT names the first
 * column that is missing. */
CRM_CHECKED crm_pipeline_load(crm_pipeline *p, const crm_data *d, crm_bag *b);
/** Digest of the fitted state. */
CRM_CHECKED crm_pipeline_digest(const crm_pipeline *p, crm_digest *out);
void crm_pipeline_free(crm_pipeline **p);
#endif
