/* train_run.c - the step loop: gradients of lanes as leaves of an exact tree sum, optimiser on
 * slices, early stopping on the inner validation part, a stop with a name when something is not
 * finite. */
#include <math.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "train_impl.h"

/* State of one run. */
typedef struct run {
    trainer *t;
    feed *feed;
    crm_tree *tree, *loss_tree;
    crm_optim *optim;
    uint64_t seed;
    int64_t first, n; /* slice of this rank */
    float *w, *whole; /* weights; gradient of the whole vector (fast mode) */
    int n_heads;
    double *lane_loss;                     /* [lanes][heads] of the epoch, this rank's lanes only */
    double *head_loss, *valid_loss, *loss; /* [heads] of the epoch; [workers][heads] of a lane */
    int64_t *labelled;                     /* [heads] steps of the epoch with labels of a head */
    const char **head;                     /* [heads] names */
    const batch *b;                        /* of the step that runs */
    uint32_t epoch;
    int64_t step, total_steps, epochs;
    double grad_norm, lr;
} run;

/* Seconds between two calls of the hook of steps in an epoch. */
static const double step_pause = 0.5;
/* Training rows from which on memory is worth a line. */
static const int64_t many_rows = 100000;

static crm_model_batch lane_batch(const run *r, int64_t lane)
{
    crm_model_batch b =
        crm_piece_batch(&r->b->lane[lane - r->feed->first_lane], r->t->cfg->train.lane_rows);

    b.scale = r->b->scale;
    b.seed = r->seed;
    b.epoch = r->epoch;
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
    run *r = ctx;
    toucher to = {.tree = r->tree, .worker = id};
    crm_model *m = r->t->worker[id].model;
    crm_model_batch b = lane_batch(r, lane);
    double *loss = r->loss + (int64_t)id * r->n_heads;

    crm_model_touched(m, &b, touch, &to);
    CRM_TRY(crm_model_forward_backward(m, &b, r->w, grad, r->t->size, loss));
    for (int h = 0; h < r->n_heads; h++)
        r->lane_loss[lane * r->n_heads + h] += loss[h];
    return CRM_OK;
}

/* Leaf of the loss sums of an epoch. */
static crm_status lane_loss(void *ctx, int64_t lane, int id, void *out)
{
    const run *r = ctx;

    (void)id;
    memcpy(out, r->lane_loss + lane * r->n_heads, (size_t)r->n_heads * sizeof(double));
    return CRM_OK;
}

/* First thing that is not finite in this rank's lanes; the agreement then keeps the lowest lane's.
 */
static crm_status name_nonfinite(run *r)
{
    int64_t end = r->feed->first_lane + r->feed->n_lanes;
    char name[192];
    crm_status st = CRM_OK;
    float *grad = NULL;

    CRM_NEW(grad, r->t->size);
    for (int64_t lane = r->feed->first_lane; lane < end && !st; lane++) {
        crm_model_batch b = lane_batch(r, lane);
        memset(grad, 0, (size_t)r->t->size * sizeof *grad);
        st = crm_model_find_nonfinite(r->t->worker[0].model, &b, r->w, grad, r->t->size, name,
                                      sizeof name);
        if (!st && name[0])
            CRM_SET(st, CRM_ERR_NUMERIC,
                    "epoch %u, step %lld: %s is not finite; lower optim.lr or set optim.clip_norm",
                    r->epoch, (long long)r->step, name);
    }
    crm_mem_free(grad);
    return st;
}

static crm_status stop_nonfinite(run *r)
{
    CRM_TRY(crm_comm_agree(r->t->fit->comm, name_nonfinite(r)));
    CRM_FAIL(CRM_ERR_NUMERIC,
             "epoch %u, step %lld: the sum of the gradients overflows; lower optim.lr", r->epoch,
             (long long)r->step);
}

/* Norm of the whole gradient from the block sums of every slice, the same on all ranks. */
static crm_status gradient_norm(run *r, const float *grad, double *norm)
{
    crm_comm *comm = r->t->fit->comm;
    int64_t n_blocks = (r->n + CRM_BLOCK - 1) / CRM_BLOCK;
    double *sums = NULL;
    void *all = NULL;
    size_t bytes;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, sums, n_blocks);
    st = crm_optim_block_sums(r->optim, grad, sums);
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
static crm_status reduce(run *r, const float **grad)
{
    void *slice;

    if (r->t->cfg->train.reduce == CRM_REDUCE_FAST) {
        CRM_TRY(crm_tree_sum_fast(r->tree, lane_gradient, r, r->whole));
        *grad = r->whole + r->first;
        return CRM_OK;
    }
    CRM_TRY(crm_tree_sum_slice(r->tree, lane_gradient, r, &slice));
    *grad = slice;
    return CRM_OK;
}

static crm_status one_step(run *r)
{
    const crm_optim_cfg *cfg = &r->t->cfg->optim;
    const float *grad = NULL;

    r->step++;
    CRM_TRY(reduce(r, &grad));
    CRM_TRY(gradient_norm(r, grad, &r->grad_norm));
    if (!isfinite(r->grad_norm)) return stop_nonfinite(r);
    r->lr = crm_optim_lr(cfg, r->step, r->total_steps);
    CRM_TRY(crm_comm_agree(
        r->t->fit->comm,
        crm_optim_apply(r->optim, r->step, r->lr, crm_optim_clip(cfg, r->grad_norm), grad, r->w)));
    return crm_tree_gather(r->tree, r->w);
}

/* Loss of the first head so far, from the lanes of this rank; for display. */
static double loss_so_far(const run *r, int64_t steps)
{
    double sum = 0;
    int64_t n = r->feed->n_lanes;

    for (int64_t lane = r->feed->first_lane; lane < r->feed->first_lane + n; lane++)
        sum += r->lane_loss[lane * r->n_heads];
    return n > 0 ? sum * (double)r->t->cfg->train.lanes / (double)(n * steps) : (double)NAN;
}

static void tell_step(const run *r, int64_t done, double seconds)
{
    const crm_hooks *h = &r->t->fit->hooks;
    const crm_train_cfg *cfg = &r->t->cfg->train;
    int64_t rows = done * cfg->lanes * cfg->lane_rows;
    crm_step s = {.phase = r->t->phase,
                  .member = r->t->member,
                  .epoch = r->epoch,
                  .of = r->epochs,
                  .step = done,
                  .steps = r->feed->steps};

    if (rows > r->feed->view->n) rows = r->feed->view->n;
    s.rows_per_s = seconds > 0 ? (double)rows / seconds : 0;
    s.loss = loss_so_far(r, done);
    h->on_step(h->ctx, &s);
}

static crm_status all_steps(run *r, crm_loader *loader)
{
    double start = crm_clock_now(), told = (double)-INFINITY; /* the first step is always told */

    for (int64_t s = 0; s < r->feed->steps; s++) {
        int slot = 0;
        CRM_TRY(crm_comm_agree(r->t->fit->comm, crm_loader_next(loader, &slot)));
        r->b = &r->feed->slot[slot];
        for (int h = 0; h < r->n_heads; h++)
            r->labelled[h] += r->b->scale[h] > 0;
        CRM_TRY(one_step(r));
        if (!r->t->fit->hooks.on_step || crm_clock_now() - told < step_pause) continue;
        told = crm_clock_now();
        tell_step(r, s + 1, told - start);
    }
    return CRM_OK;
}

/* 1 / weight of a head in the loss, to tell losses without it. */
static double unweighted(const run *r, int h)
{
    double weight = r->t->plan->heads.head[h].weight;

    return weight > 0 ? 1 / weight : 0;
}

static crm_status one_epoch(run *r)
{
    crm_loader *loader = NULL;
    crm_status st;
    size_t n = (size_t)(r->t->cfg->train.lanes * r->n_heads);

    memset(r->lane_loss, 0, n * sizeof *r->lane_loss);
    memset(r->labelled, 0, (size_t)r->n_heads * sizeof *r->labelled);
    crm_feed_shuffle(r->feed, r->seed, r->epoch);
    st = crm_comm_agree(r->t->fit->comm,
                        crm_loader_start(r->feed->steps, crm_feed_load, r->feed, &loader));
    if (!st) st = all_steps(r, loader);
    crm_loader_stop(&loader);
    if (!st) st = crm_tree_sum(r->loss_tree, lane_loss, r, r->head_loss);
    for (int h = 0; h < r->n_heads && !st; h++)
        r->head_loss[h] = r->labelled[h] > 0
                              ? r->head_loss[h] * unweighted(r, h) / (double)r->labelled[h]
                              : (double)NAN;
    return st;
}

/* Rank-local part of the set-up. */
static crm_status run_local(run *r, const crm_view *view)
{
    const trainer *t = r->t;

    CRM_TRY(crm_feed_new(t, view, &r->feed));
    r->n_heads = t->plan->heads.n;
    CRM_NEW(r->lane_loss, t->cfg->train.lanes * r->n_heads);
    CRM_NEW(r->head_loss, r->n_heads);
    CRM_NEW(r->valid_loss, r->n_heads);
    CRM_NEW(r->labelled, r->n_heads);
    CRM_NEW(r->loss, t->n_workers * r->n_heads);
    CRM_NEW(r->head, r->n_heads);
    for (int h = 0; h < r->n_heads; h++)
        r->head[h] = t->plan->heads.head[h].name;
    if (t->cfg->train.reduce == CRM_REDUCE_FAST) CRM_NEW(r->whole, t->size);
    return crm_train_init(t, view, r->seed, r->w);
}

static crm_status run_optim(run *r)
{
    const trainer *t = r->t;
    uint8_t *decay;
    crm_status st;

    CRM_NEW(decay, t->size);
    crm_params_decay_mask(crm_model_params(t->worker[0].model), decay);
    crm_tree_slice(r->tree, crm_comm_rank(t->fit->comm), &r->first, &r->n);
    st = crm_optim_new(&t->cfg->optim, t->worker[0].device, r->first, r->n, decay, &r->optim);
    crm_mem_free(decay);
    return st;
}

/* What this process holds for the fit; the data set itself is mapped and paged.  The many small
 * fits of a cross-validation keep it to the debug level. */
static void tell_memory(const run *r)
{
    const trainer *t = r->t;
    const double mib = 1 << 20;
    size_t all = crm_mem_used() - t->memory_start;
    size_t known = r->feed->slot_bytes + r->feed->matrix_bytes + t->nets;

    if (t->member > 0 || strcmp(t->phase, CRM_PHASE_REFIT) == 0) return;
    crm_log_line(t->fit->train->n >= many_rows ? CRM_LOG_INFO : CRM_LOG_DEBUG, "train",
                 "this rank holds %.1f MiB: batches %.1f, columns %.1f, nets of %d threads %.1f, "
                 "parameters and sums %.1f; the data set stays in its file",
                 (double)all / mib, (double)r->feed->slot_bytes / mib,
                 (double)r->feed->matrix_bytes / mib, t->n_workers, (double)t->nets / mib,
                 (double)(all > known ? all - known : 0) / mib);
}

static crm_status run_open(run *r, const crm_view *view, int64_t horizon)
{
    const trainer *t = r->t;
    const crm_fit *fit = t->fit;
    int64_t lanes = t->cfg->train.lanes;
    crm_status st;

    CRM_TRY(crm_comm_agree(fit->comm, run_local(r, view)));
    CRM_TRY(crm_tree_new_sparse(fit->comm, fit->pool, lanes, t->size,
                                crm_model_tables(t->worker[0].model), &r->tree));
    CRM_TRY(crm_tree_new(fit->comm, NULL, lanes, r->n_heads, CRM_F64, &r->loss_tree));
    r->total_steps = horizon * r->feed->steps;
    st = crm_comm_agree(fit->comm, run_optim(r));
    if (!st) tell_memory(r);
    return st;
}

static void run_close(run *r)
{
    crm_optim_free(&r->optim);
    crm_tree_free(&r->tree);
    crm_tree_free(&r->loss_tree);
    crm_feed_free(&r->feed);
    crm_mem_free(r->lane_loss);
    crm_mem_free(r->head_loss);
    crm_mem_free(r->valid_loss);
    crm_mem_free(r->labelled);
    crm_mem_free(r->loss);
    crm_mem_free(r->head);
    crm_mem_free(r->whole);
    crm_mem_free(r->w);
}

static crm_hook_answer tell(const run *r, double valid_score, double seconds)
{
    const crm_hooks *h = &r->t->fit->hooks;
    crm_epoch e = {.phase = r->t->phase,
                   .member = r->t->member,
                   .epoch = r->epoch,
                   .of = r->epochs,
                   .train_loss = r->head_loss[0],
                   .valid_loss = r->valid_loss[0],
                   .valid_score = valid_score,
                   .lr = r->lr,
                   .grad_norm = r->grad_norm,
                   .seconds = seconds,
                   .rows = r->feed->view->n,
                   .n_heads = r->n_heads,
                   .head = r->head,
                   .head_loss = r->head_loss,
                   .head_valid_loss = r->valid_loss};

    return h->on_epoch ? h->on_epoch(h->ctx, &e) : CRM_HOOK_GO;
}

/* Losses on the validation part into r->valid_loss; NaN without one. */
static crm_status validate(run *r, const crm_view *valid, const crm_matrix *m, double *score)
{
    *score = (double)NAN;
    for (int h = 0; h < r->n_heads; h++)
        r->valid_loss[h] = (double)NAN;
    if (!valid) return CRM_OK;
    CRM_TRY(crm_train_evaluate(r->t, valid, m, r->w, r->valid_loss, score));
    CRM_CHECK(isfinite(r->valid_loss[0]) || r->epoch > 0, CRM_ERR_NUMERIC,
              "the validation loss of the first weights is not finite");
    CRM_CHECK(isfinite(r->valid_loss[0]), CRM_ERR_NUMERIC,
              "epoch %u: the validation loss is not finite; lower optim.lr", r->epoch);
    return CRM_OK;
}

/* Epochs until the end, a stop by the hook, or patience runs out; best weights into w. */
static crm_status epochs_loop(run *r, const crm_view *valid, const crm_matrix *m, float *w,
                              int64_t *best_epoch)
{
    int64_t patience = r->t->cfg->train.patience;
    double best = (double)INFINITY, score;

    memcpy(w, r->w, (size_t)r->t->size * sizeof *w);
    if (valid && r->t->cfg->train.prior_start) {
        CRM_TRY(validate(r, valid, m, &score));
        best = r->valid_loss[0];
    }
    for (int64_t e = 1; e <= r->epochs; e++) {
        double start = crm_clock_now();
        r->epoch = (uint32_t)e;
        CRM_TRY(one_epoch(r));
        CRM_TRY(validate(r, valid, m, &score));
        if (!valid || r->valid_loss[0] < best) {
            best = r->valid_loss[0];
            *best_epoch = e;
            memcpy(w, r->w, (size_t)r->t->size * sizeof *w);
        }
        if (tell(r, score, crm_clock_now() - start) == CRM_HOOK_STOP) break;
        if (valid && patience > 0 && e - *best_epoch >= patience) break;
    }
    return CRM_OK;
}

crm_status crm_train_run(trainer *t, const crm_view *view, const crm_view *valid, uint64_t seed,
                         int64_t epochs, int64_t horizon, float *w, int64_t *best_epoch)
{
    run r = {.t = t, .seed = seed, .epochs = epochs};
    crm_matrix *m = NULL;
    crm_status st = CRM_OK;

    *best_epoch = 0;
    CRM_NEW_TO(st, agree, r.w, t->size);
    if (valid)
        st = crm_matrix_new(t->source, valid, t->fit->pool, (size_t)t->cfg->train.cache_bytes, &m);
agree:
    st = crm_comm_agree(t->fit->comm, st);
    if (!st) st = run_open(&r, view, horizon);
    if (!st) st = epochs_loop(&r, valid, m, w, best_epoch);
    crm_matrix_free(&m);
    run_close(&r);
    return st;
}
