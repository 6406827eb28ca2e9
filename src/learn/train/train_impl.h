/* train_impl.h - shared by the files of room train only. */
#ifndef CRM_TRAIN_IMPL_H
#define CRM_TRAIN_IMPL_H

#include "crmpi/comm_device.h"
#include "crmpi/train.h"
#include "train_blocks.h"
#include "train_device.h"
#include "train_vectors.h"

/* ---- heads: what is learnt; the target of the fit first, then those of model.heads ---- */
struct heads {
    int n;
    crm_model_head *head; /* [n], names and class weights its own */
    /* Of the data set of the fit; a loaded model has none of these. */
    const crm_target **target; /* [n] */
    int64_t most;              /* largest n_classes */
    /* Heads with classes behind the first, but those of model files that have no names of them. */
    int n_further;
    crm_further *further; /* [n_further] */
    int *further_at;      /* [n_further] their numbers among all heads */
};

CRM_CHECKED crm_heads_new(const crm_hybrid_cfg *cfg, const crm_fit *fit, heads *out);
CRM_CHECKED crm_heads_save(const heads *hs, crm_bag *b);
CRM_CHECKED crm_heads_load(heads *hs, crm_bag *b);
void crm_heads_free(heads *hs);

/* Units of a row that have labels of this head: the row itself, or its documents that the net sees.
 */
void crm_head_units(const heads *hs, int h, const blocks_map *m, int64_t row, int64_t *first,
                    int64_t *end);
/* Labels of one head for row[n] (negative: padding) in the order of the net's rows: one of the two
 * arrays is written. */
void crm_head_labels(const heads *hs, int h, const blocks_map *m, const int64_t *row, int64_t n,
                     int32_t *class, float *value);
/* count[n_classes] of valid labels of row[n] by class; of numbers count[0] valid ones in all. */
void crm_head_count(const heads *hs, int h, const blocks_map *m, const int64_t *row, int64_t n,
                    int64_t *count);
/* Sum of the weights of labels that were counted, in class order. */
double crm_head_weight(const heads *hs, int h, const int64_t *count);

/* Training rows from which on memory is worth a line. */
enum { CRM_MANY_ROWS = 100000 };

/* ---- what all nets of one fitted model share ---- */
typedef struct plan {
    const crm_hybrid_cfg *cfg;
    heads heads;
    blocks blocks;
} plan;

/** Where nets compute: each worker thread on a CPU device of its own, lane by lane, or one worker
 * with all lanes of a rank as one call (a GPU). */
typedef struct place {
    bool whole;
    crm_device *device;        /* lent; NULL: the CPU       */
    const crm_device_cfg *gpu; /* NULL: defaults            */
    int64_t lanes;             /* whole: most lanes a call  */
} place;

/** Net and device of one worker thread. */
typedef struct worker {
    crm_device *device;
    bool lent; /* the device is that of the place */
    crm_model *model;
    int64_t max_rows; /* of a call */
    /* of place.whole only: */
    device_piece rows; /* of a call that evaluates or predicts */
    float *w;          /* weights that are evaluated, device memory */
    int64_t *places;   /* of rows that stay, device memory          */
} worker;

/* Arrays of some rows in the form of the net: a lane, or a piece of a view. */
struct piece {
    int64_t *pos;    /* in a view, -1: padding     */
    int64_t *row_id; /* in the data set, likewise  */
    float *num;
    int32_t *cat;
    block_rows blocks;
    int n_heads;     /* 0: without labels */
    int32_t **class; /* [n_heads] one of ... */
    float **value;   /* [n_heads] ... the two */
    crm_model_label *label;
};
/* hs NULL: without labels. */
CRM_CHECKED crm_piece_new(const blocks_map *m, const crm_schema *s, const heads *hs, int64_t rows,
                          piece *out);
/* Blocks and labels of the rows p->row_id[n]. */
void crm_piece_fill(const blocks_map *m, const heads *hs, int64_t n, piece *p);
crm_model_batch crm_piece_batch(const piece *p, int64_t n);
/* Array i of the list of arrays, and units that n rows have. */
void *crm_piece_array(const piece *p, int i);
int64_t crm_piece_units(const piece *p, int64_t n, unit u);
void crm_piece_free(piece *p);

/** A saved state that a fit goes on from. */
typedef struct resume {
    const crm_bag *bag; /* NULL: none, or used up by the run it is of */
    int64_t member, epochs;
    const char *phase;
} resume;

/** Everything that is equal for all runs of one fit. */
struct trainer {
    const plan *plan;
    const crm_hybrid_cfg *cfg;
    const crm_fit *fit;
    const crm_source *source;
    const blocks_map *map;
    const first_vectors *vectors; /* of words */
    place place;
    crm_pool *pool; /* of the workers; NULL: the main thread alone computes */
    int n_workers;
    worker *worker;
    crm_dsum *sum;       /* of place.whole */
    int64_t size;        /* of the flat vector */
    size_t memory_start; /* held by the process when the fit began */
    size_t nets;         /* bytes of the workers                   */
    const char *phase;   /* of the net that is trained now, for the hook */
    int member;
    int64_t bad_steps, left_out; /* of the fit: went wrong; left out        */
    int64_t spikes;              /* 1: one that was let pass was told of it */
    float **w;                   /* [members][size] nets, those before member are finished */
    resume resume;
};

/* ---- columns of rows (train_columns.c) ---- */
/* Numbers, codes and sparse entries of a view: in host memory as far as train.cache_bytes goes,
 * else made at each read; the values are the same.  Not collective. */
CRM_CHECKED crm_view_columns_new(const trainer *t, const crm_view *v, view_columns **out);
/* Those of the n rows at p->pos, which are p->row_id of the data set; padding comes last.
 * Thread-safe with a piece of each thread. */
CRM_CHECKED crm_view_columns_read(const view_columns *c, int64_t n, piece *p);
/* Entries of the rows at positions [first, first + n) alone. */
CRM_CHECKED crm_view_columns_entries(const view_columns *c, int64_t first, int64_t n,
                                     crm_sparse *out);
void crm_view_columns_free(view_columns **c);
/* Of rows p->row_id[n] of the data of in, none of them padding. */
CRM_CHECKED crm_piece_read(const crm_source *in, int64_t n, piece *p);

/** One batch: rows of this rank's lanes, a piece each, or all in one piece (place.whole). */
typedef struct batch {
    piece *piece;    /* [n_pieces] */
    int64_t *places; /* of the rows in resident memory; NULL: the pieces hold the rows */
    double *scale;   /* [heads] */
    int64_t rows;    /* valid rows of the global batch */
} batch;

/** Batches of one epoch: order of rows, two slots, loader thread. */
typedef struct feed {
    const trainer *t;
    const crm_view *view;
    view_columns *columns;
    int64_t *order; /* [view->n], of the epoch */
    int64_t *row;   /* [lanes * lane_rows] of the global batch, in the loader's hands */
    int64_t *count; /* [most classes] */
    int64_t steps, first_lane, n_lanes;
    int64_t n_pieces, piece_rows;
    resident *resident; /* rows in device memory, or NULL */
    size_t slot_bytes, columns_bytes;
    batch slot[2];
} feed;

CRM_CHECKED crm_feed_new(const trainer *t, const crm_view *view, feed **out);
/** Shuffle for an epoch (from 1) of a net. */
void crm_feed_shuffle(feed *f, uint64_t seed, uint32_t epoch);
crm_status crm_feed_load(void *ctx, int64_t step, int slot);
void crm_feed_free(feed **f);

/** First weights of a net for the rows of a view: those of the seed, then those that fit->init
 *  names, then heads at the frequencies of the view.  Not collective; equal on all ranks. */
CRM_CHECKED crm_train_init(const trainer *t, const crm_view *view, uint64_t seed, float *w);
/** Parameters of a bag over those of w, by name; each must be one of the net with the same shape.
 *  @param[in]  all    every parameter must be there
 *  @param[out] taken  [parameters] or NULL: 1 where one was replaced */
CRM_CHECKED crm_train_put(const crm_params *ps, const crm_bag *b, bool all, float *w,
                          uint8_t *taken);

/** Train one net on view for at most epochs; stops early on valid (NULL: never).
 *  @param[in]  horizon     epochs that the learning-rate schedule spans
 *  @param[out] w           [size] best weights
 *  @param[out] best_epoch  epoch they are from */
CRM_CHECKED crm_train_run(trainer *t, const crm_view *view, const crm_view *valid, uint64_t seed,
                          int64_t epochs, int64_t horizon, float *w, int64_t *best_epoch);

/** Look at the state to go on from, if there is one: it must be of this fit (CRM_ERR_FORMAT names
 * the first thing that is not).  Fills t->resume, and t->w of members that are finished.
 *  Rank-local; every rank has the same state. */
CRM_CHECKED crm_state_open(trainer *t);

/** Arm the watchdog with gpu.timeout where the ranks of a fit compute on devices; nothing
 * elsewhere.
 *  @param[in] what  as for crm_watchdog_arm */
void crm_train_watch(const trainer *t, const char *what);

/** Rows that are evaluated after each epoch: columns in host memory, or all of them in that of the
 *  device. */
typedef struct kept_view {
    const crm_view *view;
    view_columns *columns;
    resident *resident;
} kept_view;
CRM_CHECKED crm_kept_view_new(const trainer *t, const crm_view *view, kept_view *out);
void crm_kept_view_free(kept_view *k);

/** Mean loss of each head (without its weight) and accuracy of the first one, of weights w on
 *  some rows; exact sums, the same on every rank.
 *  @param[out] loss  [heads]; NaN for a head without labels there */
CRM_CHECKED crm_train_evaluate(trainer *t, const kept_view *rows, const float *w, double *loss,
                               double *accuracy);

#endif
