/* train_leaves.c - the engine of worker threads: gradients of lanes as leaves of an exact tree sum,
 * optimiser on the slice of this rank. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "train_engine.h"

/* What all ranks told of a step, sorted. */
typedef struct told {
    double *sums, *losses; /* [blocks], [lanes] */
    check_word *word;      /* [ranks]           */
} told;

typedef struct leaves {
    engine base;
    crm_tree *tree;
    part slice;     /* of this rank */
    float *whole;   /* gradient of the whole vector (fast mode) */
    double *loss;   /* [lanes][heads] of the step, own lanes */
    double *parcel; /* what this rank tells */
    told told;
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

    crm_model_touched(m, &b, touch, &to);
    return crm_model_forward_backward(m, &b, r->w, grad, r->t->size, e->loss + lane * r->n_heads);
}

static blame_at here(const leaves *e, float *grad)
{
    const run *r = e->base.run;

    return (blame_at){.batch = e->b, .w = r->w, .grad = grad, .stride = r->t->size};
}

/* First thing that is not finite in this rank's lanes; the agreement then keeps the lowest lane's.
 */
static crm_status name_nonfinite(engine *base)
{
    leaves *e = (leaves *)base;
    const run *r = base->run;
    int64_t end = r->feed->first_lane + r->feed->n_lanes;
    crm_status st = CRM_OK;
    float *grad = NULL;
    blame_at at;

    CRM_NEW(grad, r->t->size);
    at = here(e, grad);
    for (int64_t lane = r->feed->first_lane; lane < end && !st; lane++) {
        crm_model_batch b = lane_batch(e, lane);
        st = crm_run_nonfinite(r, &b, &at, e->b->piece[lane - r->feed->first_lane].row_id);
    }
    crm_mem_free(grad);
    return st;
}

/* ---- what ranks tell each other of a step, in one message ---- */

/* Lengths in doubles of what a rank sends: sums of blocks, losses of lanes, its check word. */
typedef struct parcel {
    int64_t sums, losses, words;
} parcel;

static parcel parcel_of(const leaves *e, int rank)
{
    const run *r = e->base.run;
    int64_t first, end, n;

    crm_tree_slice(e->tree, rank, &first, &n);
    crm_tree_range(r->t->cfg->train.lanes, rank, crm_comm_size(r->t->fit->comm), &first, &end);
    return (parcel){.sums = (n + CRM_BLOCK - 1) / CRM_BLOCK,
                    .losses = end - first,
                    .words = crm_check_open(crm_guard_check(r->guard))
                                 ? (int64_t)(sizeof(check_word) / sizeof(double))
                                 : 0};
}

/* Of the heads that are watched, lane by lane. */
static void pack_losses(const leaves *e, double *out)
{
    const run *r = e->base.run;
    const double *loss = e->loss + r->feed->first_lane * r->n_heads;

    for (int64_t lane = 0; lane < r->feed->n_lanes; lane++, loss += r->n_heads) {
        out[lane] = 0;
        for (int h = 0; h < crm_guard_heads(r); h++)
            out[lane] += loss[h];
    }
}

static crm_status pack(leaves *e, const float *grad, const parcel *p)
{
    const run *r = e->base.run;
    double *out = e->parcel;
    check_word word;

    pack_losses(e, out + p->sums);
    if (p->words) {
        CRM_TRY(crm_check_verify(crm_guard_check(r->guard), r->w, &word));
        memcpy(out + p->sums + p->losses, &word, sizeof word);
    }
    return crm_optim_block_sums(e->slice.optim, grad, out);
}

static void unpack(leaves *e, const double *all)
{
    told *t = &e->told;
    double *sums = t->sums, *losses = t->losses;

    for (int q = 0; q < crm_comm_size(e->base.run->t->fit->comm); q++) {
        parcel p = parcel_of(e, q);
        memcpy(sums, all, (size_t)p.sums * sizeof *all);
        memcpy(losses, all + p.sums, (size_t)p.losses * sizeof *all);
        if (p.words) memcpy(&t->word[q], all + p.sums + p.losses, sizeof *t->word);
        sums += p.sums;
        losses += p.losses;
        all += p.sums + p.losses + p.words;
    }
}

/* Sums of the squares of every slice's blocks, losses of all lanes, the same on all ranks. */
static crm_status tell_others(leaves *e, const float *grad)
{
    crm_comm *comm = e->base.run->t->fit->comm;
    parcel p = parcel_of(e, crm_comm_rank(comm));
    size_t n = (size_t)(p.sums + p.losses + p.words), bytes;
    void *all = NULL;

    CRM_TRY(crm_comm_agree(comm, pack(e, grad, &p)));
    CRM_TRY(crm_comm_allgather(comm, e->parcel, n * sizeof *e->parcel, &all, &bytes, NULL));
    unpack(e, all);
    crm_mem_free(all);
    return CRM_OK;
}

/* The norm of the gradient and what is wrong with the step, if anything is. */
static crm_status judge_step(leaves *e, const float *grad, double *norm, bool *spike)
{
    run *r = e->base.run;
    check *c = crm_guard_check(r->guard);
    int64_t lanes = r->t->cfg->train.lanes;

    CRM_TRY(tell_others(e, grad));
    if (crm_check_open(c)) CRM_TRY(crm_check_compare(c, e->told.word));
    *norm = crm_optim_norm(e->told.sums, (r->t->size + CRM_BLOCK - 1) / CRM_BLOCK);
    crm_guard_judge(r->guard, r->step, r->at - 1, e->b->rows, crm_guard_loss(e->told.losses, lanes),
                    *norm, spike);
    return CRM_OK;
}

/* Rows of a spike. */
static crm_status blame(leaves *e)
{
    run *r = e->base.run;
    const feed *f = r->feed;
    int64_t n = f->piece_rows, *row = NULL;
    row_list list = {.n = 0};
    float *grad = NULL;
    blame_at at;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, row, f->n_lanes * n);
    CRM_NEW_TO(st, agree, grad, r->t->size);
    for (int64_t l = 0; l < f->n_lanes; l++)
        memcpy(row + l * n, e->b->piece[l].row_id, (size_t)n * sizeof *row);
agree:
    st = crm_comm_agree(r->t->fit->comm, st);
    at = here(e, grad);
    if (!st)
        st = crm_blame_spike(r, &at, row, f->n_lanes * n, crm_guard_median(r->guard),
                             crm_guard_excess(r->guard), &list);
    if (!st) crm_guard_blame(r->guard, r->step, &list);
    crm_mem_free(row);
    crm_mem_free(grad);
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
    check *c = crm_guard_check(r->guard);

    crm_check_over(c);
    CRM_TRY(crm_comm_agree(r->t->fit->comm,
                           crm_optim_apply(e->slice.optim, crm_guard_updates(r->guard, r->step),
                                           r->lr, crm_optim_clip(cfg, r->grad_norm), grad, r->w)));
    CRM_TRY(crm_tree_gather(e->tree, r->w));
    return crm_check_keeps(c) ? crm_check_keep(c, r->w) : CRM_OK;
}

/* The losses of a step that is taken. */
static void add_losses(leaves *e)
{
    run *r = e->base.run;
    int64_t first = r->feed->first_lane * r->n_heads, n = r->feed->n_lanes * r->n_heads;

    for (int64_t i = first; i < first + n; i++)
        r->lane_loss[i] += e->loss[i];
    crm_run_count(r, e->b);
}

/* What is told of a step: the sum of the gradients from the slices of all ranks. */
static crm_status show(leaves *e, const float *grad, double norm)
{
    run *r = e->base.run;
    replayed *p = &r->replayed;
    size_t losses = (size_t)(r->t->cfg->train.lanes * r->n_heads);
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, p->grad, r->t->size);
    CRM_NEW_TO(st, agree, p->loss, losses);
    memcpy(p->loss, e->loss, losses * sizeof *p->loss);
    memcpy(p->grad + e->slice.first, grad, (size_t)e->slice.n * sizeof *grad);
agree:
    CRM_TRY(crm_comm_agree(r->t->fit->comm, st));
    p->norm = norm;
    p->there = true;
    return crm_tree_gather(e->tree, p->grad);
}

/* From the gradient of this rank's slice on. */
static crm_status finish(leaves *e, const float *grad)
{
    run *r = e->base.run;
    bool spike = false;
    double norm = 0;

    CRM_TRY(judge_step(e, grad, &norm, &spike));
    if (crm_replay_here(r)) {
        r->failed = 0;
        return show(e, grad, norm);
    }
    if (spike && (r->failed || r->t->spikes == 0))
        CRM_TRY(blame(e));
    else if (spike) /* one of many that are let pass: its rows would cost another step */
        crm_guard_blame(r->guard, r->step, NULL);
    if (r->failed) return CRM_OK;
    r->grad_norm = norm;
    add_losses(e);
    return update(e, grad);
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
    crm_run_begin_step(r);
    if (crm_guard_left_out(r->guard, r->step)) return CRM_OK;
    CRM_RANGE(d, "forward, backward, exchange", st, reduce(e, &grad));
    CRM_TRY(st);
    CRM_RANGE(d, "update", st, finish(e, grad));
    return st;
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

static crm_status new_parcels(leaves *e)
{
    const trainer *t = e->base.run->t;
    int64_t n = (t->size + CRM_BLOCK - 1) / CRM_BLOCK, lanes = t->cfg->train.lanes;

    CRM_NEW(e->parcel, n + lanes + (int64_t)(sizeof(check_word) / sizeof(double)));
    CRM_NEW(e->told.sums, n);
    CRM_NEW(e->told.losses, lanes);
    CRM_NEW(e->told.word, crm_comm_size(t->fit->comm));
    return CRM_OK;
}

static crm_status open_local(leaves *e)
{
    const run *r = e->base.run;
    const trainer *t = r->t;
    uint8_t *decay = NULL;
    crm_status st = CRM_OK;

    CRM_NEW(e->loss, t->cfg->train.lanes * r->n_heads);
    CRM_TRY(new_parcels(e));
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
    crm_mem_free(e->parcel);
    crm_mem_free(e->told.sums);
    crm_mem_free(e->told.losses);
    crm_mem_free(e->told.word);
    crm_mem_free(e);
    *base = NULL;
}

static const engine_class leaves_class = {
    .name = "leaves",
    .open = open,
    .step = step,
    .settle = in_place,
    .judge = in_place,
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
