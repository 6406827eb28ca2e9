/* train_engine.h - between the loop over epochs and the way that a step is made.  Inside of room
 * train.
 *
 * "leaves": each lane is a leaf of a tree sum, made by a worker thread on a CPU device of its own.
 * "whole": the lanes of a rank are one call on one device, and all that a step needs stays in its
 * memory.  Both give the same bits where their kernels do. */
#ifndef CRM_TRAIN_ENGINE_H
#define CRM_TRAIN_ENGINE_H

#include "train_guard.h"
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
     * run->grad_norm; where the gradient is not finite, or the loss is a spike that is not let
     * pass, run->failed is set sooner or later, in the same epoch and on all ranks alike.  "leaves"
     * sets it at once, with weights as they were before that step.  Steps that are left out are
     * passed over. In the step that is to be told run->replayed is filled and nothing is updated.
     * Collective. */
    crm_status (*step)(engine *e, crm_loader *loader);
    /* Wait for the steps that were begun: what end does, in the middle of an epoch, and run->failed
     * is known.  Collective. */
    crm_status (*settle)(engine *e);
    /* Judge all steps that were begun: run->failed is known then.  Collective. */
    crm_status (*judge)(engine *e);
    /* After open: weights from run->w, losses of own lanes from run->lane_loss, as after run->step
     * steps; the state of the optimiser is the caller's to fill.  Rank-local. */
    crm_status (*restore)(engine *e);
    /* After the last step of an epoch: weights into run->w, losses of own lanes into
     * run->lane_loss. Collective. */
    crm_status (*end)(engine *e);
    /* Sum of the losses of the first head over own lanes, of the epoch so far; for display. */
    crm_status (*loss)(engine *e, double *sum);
    /* CRM_ERR_NUMERIC with the name of the first thing that is not finite in own lanes at step
     * run->failed, with rows; CRM_OK when all of it is finite.  Weights are those before that step;
     * the loader has stopped, or the batch is still in hand.  Rank-local. */
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

/* What is told of a step. */
typedef struct replayed {
    bool there;
    double norm;
    double *loss; /* [lanes][heads], those of own lanes */
    float *grad;  /* [size] the sum over all lanes      */
} replayed;

/* State of one run. */
struct run {
    trainer *t;
    feed *feed;
    engine *engine;
    crm_tree *loss_tree;
    guard *guard;
    replayed replayed;
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

/* Begin the next step: its number, learning rate. */
void crm_run_begin_step(run *r);
/* Count the labels of a batch whose step is taken. */
void crm_run_count(run *r, const batch *b);
/* Rows of the global batch number `at` of an epoch. */
int64_t crm_run_rows(const run *r, int64_t at);
/* Look at one lane, in the batch b of its own with rows row[lane_rows], and say what is not finite.
 */
CRM_CHECKED crm_run_nonfinite(const run *r, const crm_model_batch *b, const blame_at *at,
                              const int64_t *row);
const char *crm_run_lr_key(const run *r);
/* What a net needs beside the rows of a batch. */
void crm_run_batch(const run *r, const batch *b, crm_model_batch *out);

/* Between two steps, or after an epoch (run->ended): what the hooks want is done, and what on_epoch
 * answered (told; GO between steps).  CRM_ERR_STOPPED at a pause.  Where a step that was begun
 * fails before the state is saved run->failed is set and nothing is saved.  Collective. */
CRM_CHECKED crm_run_boundary(run *r, crm_hook_answer told);
/* After open: back to where trainer->resume was saved, which is used up then.  Collective. */
CRM_CHECKED crm_run_resume(run *r);
/* Put a vector under a name: own[] are the elements of this rank's parts one behind the other; b is
 * there on rank 0.  Collective. */
CRM_CHECKED crm_state_join(const run *r, const float *own, const char *name, crm_bag *b);

/* The step that is run is the one to be told (train_replay.c). */
bool crm_replay_here(const run *r);
/* Tell it from run->replayed and run->w, after the loader has stopped: CRM_ERR_STOPPED. */
CRM_CHECKED crm_replay_tell(run *r);

#endif
