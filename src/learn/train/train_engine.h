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

/* Elements of the flat vector whose state of the optimiser this rank holds. */
typedef struct part {
    int64_t first, n;
    crm_optim *optim;
} part;

typedef struct engine_class {
    const char *name;
    /* Memory, and the weights run->w taken over.  Collective. */
    crm_status (*open)(engine *e);
    /* The next batch of the loader: gradients, sum, update.  Counts run->step, sets run->lr and
     * run->grad_norm; where the gradient is not finite run->failed is set sooner or later, in the
     * same epoch and on all ranks alike, and weights are left as they were before that step.
     * Collective. */
    crm_status (*step)(engine *e, crm_loader *loader);
    /* Wait for the steps that were begun: what end does, in the middle of an epoch, and run->failed
     * is known.  Collective. */
    crm_status (*settle)(engine *e);
    /* After open: weights from run->w, losses of own lanes from run->lane_loss, as after run->step
     * steps; the state of the optimiser is the caller's to fill.  Rank-local. */
    crm_status (*restore)(engine *e);
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
    int n_parts;
    part *part; /* after open */
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
    float *w; /* [size] weights when the engine last ended an epoch or settled, host; of "leaves" at
                 any time */
    float *best_w; /* [size] those of best_epoch, lent */
    double best;   /* lowest loss of the validation part */
    int64_t best_epoch;
    int n_heads;
    double *lane_loss;              /* [lanes][heads] of the epoch, this rank's lanes only */
    double *head_loss, *valid_loss; /* [heads] of the epoch */
    int64_t *labelled;              /* [heads] steps of the epoch with labels of a head */
    const char **head;              /* [heads] names */
    uint32_t epoch;
    bool ended, over; /* the epoch, and with it the run */
    int64_t from;     /* first batch of the epoch in this process */
    int64_t at;       /* batches of the epoch whose step was begun */
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

/* Between two steps, or after an epoch (run->ended): what the hooks want is done, and what on_epoch
 * answered (told; GO between steps).  CRM_ERR_STOPPED at a pause.  Where a step that was begun
 * fails before the state is saved run->failed is set and nothing is saved.  Collective. */
CRM_CHECKED crm_run_boundary(run *r, crm_hook_answer told);
/* After open: back to where trainer->resume was saved, which is used up then.  Collective. */
CRM_CHECKED crm_run_resume(run *r);

#endif
