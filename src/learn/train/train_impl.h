/* train_impl.h - shared by the files of room train only. */
#ifndef CRM_TRAIN_IMPL_H
#define CRM_TRAIN_IMPL_H

#include "crmpi/train.h"

/** Net, device and label scratch of one worker thread. */
typedef struct worker {
    crm_device *device;
    crm_model *model;
} worker;

/** Everything that is equal for all runs of one fit. */
typedef struct trainer {
    const crm_hybrid_cfg *cfg;
    const crm_fit *fit;
    const crm_source *source;
    int n_classes;
    float *class_weight; /* [n_classes] or NULL */
    int n_workers;
    worker *worker;
    int64_t size;      /* of the flat vector */
    const char *phase; /* of the net that is trained now, for the hook */
    int member;
} trainer;

/** Arrays of one batch, rows of this rank's lanes only. */
typedef struct batch {
    float *num;
    int32_t *cat;
    int32_t *label;
    int64_t *row_id, *pos;
    double scale;
    int64_t rows; /* valid rows of the global batch */
} batch;

/** Batches of one epoch: order of rows, two slots, loader thread. */
typedef struct feed {
    const trainer *t;
    const crm_view *view;
    const crm_matrix *matrix;
    const int32_t *label; /* of the data set */
    int64_t *order;       /* [view->n], of the epoch */
    int64_t steps, first_lane, n_lanes;
    batch slot[2];
} feed;

CRM_CHECKED crm_workers_new(const crm_hybrid_cfg *cfg, const crm_schema *s, const char *target,
                            int n_classes, const float *class_weight, int n, worker **out);
void crm_workers_free(worker **w, int n);

CRM_CHECKED crm_feed_new(const trainer *t, const crm_view *view, feed **out);
/** Shuffle for an epoch (from 1) of a net. */
void crm_feed_shuffle(feed *f, uint64_t seed, uint32_t epoch);
crm_status crm_feed_load(void *ctx, int64_t step, int slot);
void crm_feed_free(feed **f);

/** Train one net on view for at most epochs; stops early on valid (NULL: never).
 *  @param[in]  horizon     epochs that the learning-rate schedule spans
 *  @param[out] w           [size] best weights
 *  @param[out] best_epoch  epoch they are from */
CRM_CHECKED crm_train_run(trainer *t, const crm_view *view, const crm_view *valid, uint64_t seed,
                          int64_t epochs, int64_t horizon, float *w, int64_t *best_epoch);

/** Mean loss and accuracy of weights w on the rows of a matrix; exact sums, the same on every rank.
 */
CRM_CHECKED crm_train_evaluate(trainer *t, const crm_view *view, const crm_matrix *m,
                               const float *w, double *loss, double *accuracy);

#endif
