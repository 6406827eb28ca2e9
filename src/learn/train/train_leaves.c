/* train_leaves.c - the engine of worker threads: gradients of lanes as leaves of an exact tree sum,
 * optimiser on the slice of this rank. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "train_engine.h"

typedef struct leaves {
    engine base;
    crm_tree *tree;
    part slice;     /* of this rank */
    float *whole;   /* gradient of the whole vector (fast mode) */
    double *loss;   /* [workers][heads] of a lane */
    const batch *b; /* of the step that runs */
} leaves;

static crm_model_batch lane_batch(const leaves *e, int64_t lane)
{
    const run *r = e->base.run;
    crm_model_batch b =
        crm_piece_batch(&e->b->piece[lane - r->feed->first_lane], r->t->cfg->train.lane_rows);

    crm_run_batch(r, e->b, &b);
    return b;
}

/* Where a leaf tells which rows of tables it touches. */
typedef struct toucher {
    crm_tree *tree;
    int worker;
} toucher;

static void touch(void *ctx, int64_t first, int64_t n)
{
    const toucher *to = ctx;

    crm_tree_touch(to->tree, to->worker, first, n);
}

/* Leaf of the gradient sum: one lane, forward and backward. */
static crm_status lane_gradient(void *ctx, int64_t lane, int id, void *grad)
{
    leaves *e = ctx;
    run *r = e->base.run;
    toucher to = {.tree = e->tree, .worker = id};
    crm_model *m = r->t->worker[id].model;
    crm_model_batch b = lane_batch(e, lane);
    double *loss = e->loss + (int64_t)id * r->n_heads;

    crm_model_touched(m, &b, touch, &to);
    CRM_TRY(crm_model_forward_backward(m, &b, r->w, grad, r->t->size, loss));
    for (int h = 0; h < r->n_heads; h++)
        r->lane_loss[lane * r->n_heads + h] += loss[h];
    return CRM_OK;
}

/* First thing that is not finite in this rank's lanes; the agreement then keeps the lowest lane's.
 */
static crm_status name_nonfinite(engine *base)
{
    leaves *e = (leaves *)base;
    const run *r = base->run;
    int64_t end = r->feed->first_lane + r->feed->n_lanes;
    char name[192];
    crm_status st = CRM_OK;
    float *grad = NULL;

    CRM_NEW(grad, r->t->size);
    for (int64_t lane = r->feed->first_lane; lane < end && !st; lane++) {
        crm_model_batch b = lane_batch(e, lane);
        memset(grad, 0, (size_t)r->t->size * sizeof *grad);
        st = crm_model_find_nonfinite(r->t->worker[0].model, &b, r->w, grad, r->t->size, name,
                                      sizeof name);
        if (!st) st = crm_run_nonfinite(r, name);
    }
    crm_mem_free(grad);
    return st;
}

/* Norm of the whole gradient from the block sums of every slice, the same on all ranks. */
static crm_status gradient_norm(leaves *e, const float *grad, double *norm)
{
    crm_comm *comm = e->base.run->t->fit->comm;
    int64_t n_blocks = (e->slice.n + CRM_BLOCK - 1) / CRM_BLOCK;
    double *sums = NULL;
    void *all = NULL;
    size_t bytes;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, sums, n_blocks);
    st = crm_optim_block_sums(e->slice.optim, grad, sums);
agree:
    st = crm_comm_agree(comm, st);
    if (!st)
        st = crm_comm_allgather(comm, sums, (size_t)n_blocks * sizeof *sums, &all, &bytes, NULL);
    if (!st) *norm = crm_optim_norm(all, (int64_t)(bytes / sizeof(double)));
    crm_mem_free(all);
    crm_mem_free(sums);
    return st;
}

/* This rank's slice of the summed gradient. */
static crm_status reduce(leaves *e, const float **grad)
{
    void *slice;

    if (e->base.run->t->cfg->train.reduce == CRM_REDUCE_FAST) {
        CRM_TRY(crm_tree_sum_fast(e->tree, lane_gradient, e, e->whole));
        *grad = e->whole + e->slice.first;
        return CRM_OK;
    }
    CRM_TRY(crm_tree_sum_slice(e->tree, lane_gradient, e, &slice));
    *grad = slice;
    return CRM_OK;
}

static crm_status update(leaves *e, const float *grad)
{
    run *r = e->base.run;
    const crm_optim_cfg *cfg = &r->t->cfg->optim;

    CRM_TRY(crm_comm_agree(r->t->fit->comm,
                           crm_optim_apply(e->slice.optim, r->step, r->lr,
                                           crm_optim_clip(cfg, r->grad_norm), grad, r->w)));
    return crm_tree_gather(e->tree, r->w);
}

static crm_status step(engine *base, crm_loader *loader)
{
    leaves *e = (leaves *)base;
    run *r = base->run;
    crm_device *d = r->t->worker[0].device;
    const float *grad = NULL;
    crm_status st;
    int slot = 0;

    CRM_RANGE(d, "load", st, crm_loader_next(loader, &slot));
    CRM_TRY(crm_comm_agree(r->t->fit->comm, st));
    e->b = &r->feed->slot[slot];
    crm_run_begin_step(r, e->b);
    CRM_RANGE(d, "forward, backward, exchange", st, reduce(e, &grad));
    CRM_TRY(st);
    CRM_TRY(gradient_norm(e, grad, &r->grad_norm));
    if (isfinite(r->grad_norm)) {
        CRM_RANGE(d, "update", st, update(e, grad));
        return st;
    }
    r->failed = r->step;
    r->failed_at = r->at - 1;
    return CRM_OK;
}

/* Weights and losses are where they belong, and no step is on its way. */
static crm_status in_place(engine *base)
{
    (void)base;
    return CRM_OK;
}

static crm_status loss(engine *base, double *sum)
{
    const run *r = base->run;

    *sum = 0;
    for (int64_t lane = 0; lane < r->feed->n_lanes; lane++)
        *sum += r->lane_loss[(r->feed->first_lane + lane) * r->n_heads];
    return CRM_OK;
}

static crm_status open_local(leaves *e)
{
    const run *r = e->base.run;
    const trainer *t = r->t;
    uint8_t *decay = NULL;
    crm_status st = CRM_OK;

    CRM_NEW(e->loss, t->n_workers * r->n_heads);
    if (t->cfg->train.reduce == CRM_REDUCE_FAST) CRM_NEW(e->whole, t->size);
    CRM_NEW(decay, t->size);
    crm_params_decay_mask(crm_model_params(t->worker[0].model), decay);
    st = crm_optim_new(&t->cfg->optim, t->worker[0].device, e->slice.first, e->slice.n, decay,
                       &e->slice.optim);
    crm_mem_free(decay);
    return st;
}

static crm_status open(engine *base)
{
    leaves *e = (leaves *)base;
    const trainer *t = base->run->t;

    CRM_TRY(crm_tree_new_sparse(t->fit->comm, t->pool, t->cfg->train.lanes, t->size,
                                crm_model_tables(t->worker[0].model), &e->tree));
    crm_tree_slice(e->tree, crm_comm_rank(t->fit->comm), &e->slice.first, &e->slice.n);
    return crm_comm_agree(t->fit->comm, open_local(e));
}

static void leaves_free(engine **base)
{
    leaves *e = (leaves *)*base;

    crm_optim_free(&e->slice.optim);
    crm_tree_free(&e->tree);
    crm_mem_free(e->loss);
    crm_mem_free(e->whole);
    crm_mem_free(e);
    *base = NULL;
}

static const engine_class leaves_class = {
    .name = "leaves",
    .open = open,
    .step = step,
    .settle = in_place,
    .restore = in_place,
    .end = in_place,
    .loss = loss,
    .name_nonfinite = name_nonfinite,
    .free = leaves_free,
};

crm_status crm_engine_leaves(run *r, engine **out)
{
    leaves *e;

    *out = NULL;
    CRM_NEW(e, 1);
    e->base = (engine){.class = &leaves_class, .run = r, .n_parts = 1, .part = &e->slice};
    *out = &e->base;
    return CRM_OK;
}
