/* train_engine.h - between the loop over epochs and the way that a step is made.  Inside of room
 * train.
 *
 * "leaves": each lane is a leaf of a tree sum, made by a worker thread on a CPU device of its own.
 * "whole": the lanes of a rank are one call on one device, and all that a step needs stays in its
 * memory.  Both give the same bits where their kernels do. */
#ifndef CRM_TRAIN_ENGINE_H
#define CRM_TRAIN_ENGINE_H

#include "train_impl.h"

/* Status of a call within a named range of the profiler. */
#define CRM_RANGE(d, name, st, call)                                                               \
    do {                                                                                           \
        crm_range_push(d, name);                                                                   \
        (st) = (call);                                                                             \
        crm_range_pop(d);                                                                          \
    } while (0)

typedef struct run run;
typedef struct engine engine;

typedef struct engine_class {
    const char *name;
    /* Memory, and the weights run->w taken over.  Collective. */
    crm_status (*open)(engine *e);
    /* The next batch of the loader: gradients, sum, update.  Counts run->step, sets run->lr and
     * run->grad_norm; where the gradient is not finite run->failed is set sooner or later, in the
     * same epoch and on all ranks alike, and weights are left as they were before that step.
     * Collective. */
    crm_status (*step)(engine *e, crm_loader *loader);
    /* After the last step of an epoch: weights into run->w, losses of own lanes into
     * run->lane_loss. Collective. */
    crm_status (*end)(engine *e);
    /* Sum of the losses of the first head over own lanes, of the epoch so far; for display. */
    crm_status (*loss)(engine *e, double *sum);
    /* CRM_ERR_NUMERIC with the name of the first thing that is not finite in own lanes at step
     * run->failed; CRM_OK when all of it is finite.  The loader has stopped.  Rank-local. */
    crm_status (*name_nonfinite)(engine *e);
    void (*free)(engine **e);
} engine_class;

struct engine {
    const engine_class *class;
    run *run;
};
CRM_CHECKED crm_engine_leaves(run *r, engine **out);
CRM_CHECKED crm_engine_whole(run *r, engine **out);

/* State of one run. */
struct run {
    trainer *t;
    feed *feed;
    engine *engine;
    crm_tree *loss_tree;
    uint64_t seed;
    float *w; /* [size] weights at the end of the last epoch, host; of "leaves" at any time */
    int n_heads;
    double *lane_loss;              /* [lanes][heads] of the epoch, this rank's lanes only */
    double *head_loss, *valid_loss; /* [heads] of the epoch */
    int64_t *labelled;              /* [heads] steps of the epoch with labels of a head */
    const char **head;              /* [heads] names */
    uint32_t epoch;
    int64_t at; /* batches of the epoch whose step was begun */
    int64_t step, total_steps, epochs;
    int64_t failed, failed_at; /* step (0: none) and batch of the epoch that failed */
    double grad_norm, lr;
};

/* Begin the next step with a batch: counts, learning rate. */
void crm_run_begin_step(run *r, const batch *b);
/* Say what was found in a lane; CRM_OK for an empty name. */
CRM_CHECKED crm_run_nonfinite(const run *r, const char *name);
/* What a net needs beside the rows of a batch. */
void crm_run_batch(const run *r, const batch *b, crm_model_batch *out);

#endif
