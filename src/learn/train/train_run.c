/* train_run.c - the step loop: gradients of lanes as leaves of an exact tree sum, optimiser on
 * slices, early stopping on the inner validation part, a stop with a name when something is not
 * finite. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "train_impl.h"

/* State of one run. */
typedef struct run {
    trainer *t;
    feed *feed;
    crm_tree *tree, *loss_tree;
    crm_optim *optim;
    uint64_t seed;
    int64_t first, n;  /* slice of this rank */
    float *w, *whole;  /* weights; gradient of the whole vector (fast mode) */
    double *lane_loss; /* [lanes] of the epoch, this rank's lanes only */
    const batch *b;    /* of the step that runs */
    uint32_t epoch;
    int64_t step, total_steps;
    double grad_norm, lr;
} run;

static crm_model_batch lane_batch(const run *r, int64_t lane, const int32_t **label)
{
    const crm_schema *s = crm_source_schema(r->t->source);
    int64_t rows = r->t->cfg->train.lane_rows, at = (lane - r->feed->first_lane) * rows;

    *label = r->b->label + at;
    return (crm_model_batch){.lanes = 1,
                             .lane_rows = rows,
                             .num = r->b->num + at * s->n_num,
                             .cat = r->b->cat + at * s->n_cat,
                             .label = label,
                             .scale = &r->b->scale,
                             .row_id = r->b->row_id + at,
                             .seed = r->seed,
                             .epoch = r->epoch};
}

/* Leaf of the gradient sum: one lane, forward and backward. */
static crm_status lane_gradient(void *ctx, int64_t lane, int id, void *grad)
{
    run *r = ctx;
    const int32_t *label;
    crm_model_batch b = lane_batch(r, lane, &label);
    double loss = 0;

    CRM_TRY(crm_model_forward_backward(r->t->worker[id].model, &b, r->w, grad, r->t->size, &loss));
    r->lane_loss[lane] += loss;
    return CRM_OK;
}

/* Leaf of the loss sum of an epoch. */
static crm_status lane_loss(void *ctx, int64_t lane, int id, void *out)
{
    const run *r = ctx;

    (void)id;
    *(double *)out = r->lane_loss[lane];
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
        const int32_t *label;
        crm_model_batch b = lane_batch(r, lane, &label);
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
    int64_t blocks = (r->n + CRM_BLOCK - 1) / CRM_BLOCK;
    double *sums = NULL;
    void *all = NULL;
    size_t bytes;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, sums, blocks);
    st = crm_optim_block_sums(r->optim, grad, sums);
agree:
    st = crm_comm_agree(comm, st);
    if (!st) st = crm_comm_allgather(comm, sums, (size_t)blocks * sizeof *sums, &all, &bytes, NULL);
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

static crm_status all_steps(run *r, crm_loader *loader)
{
    for (int64_t s = 0; s < r->feed->steps; s++) {
        int slot = 0;
        CRM_TRY(crm_comm_agree(r->t->fit->comm, crm_loader_next(loader, &slot)));
        r->b = &r->feed->slot[slot];
        CRM_TRY(one_step(r));
    }
    return CRM_OK;
}

static crm_status one_epoch(run *r, double *loss)
{
    crm_loader *loader = NULL;
    crm_status st;

    memset(r->lane_loss, 0, (size_t)r->t->cfg->train.lanes * sizeof *r->lane_loss);
    crm_feed_shuffle(r->feed, r->seed, r->epoch);
    st = crm_comm_agree(r->t->fit->comm,
                        crm_loader_start(r->feed->steps, crm_feed_load, r->feed, &loader));
    if (!st) st = all_steps(r, loader);
    crm_loader_stop(&loader);
    if (!st) st = crm_tree_sum(r->loss_tree, lane_loss, r, loss);
    *loss /= (double)r->feed->steps;
    return st;
}

static float *parameter(const run *r, const char *name, int64_t *n)
{
    const crm_params *ps = crm_model_params(r->t->worker[0].model);
    int i = crm_params_find(ps, name);

    *n = i < 0 ? 0 : crm_params_get(ps, i)->n;
    return i < 0 ? NULL : r->w + crm_params_get(ps, i)->offset;
}

static double class_weight(const trainer *t, int c)
{
    return t->class_weight && t->class_weight[c] > 0 ? (double)t->class_weight[c] : 1;
}

/* The head predicts the (weighted) class frequencies of the view whatever it sees; an empty class
 * counts as half a row. */
static crm_status start_from_prior(run *r, const crm_view *view)
{
    int k = r->t->n_classes;
    int64_t n_weight, n_bias;
    float *weight = parameter(r, "heads.target.weight", &n_weight);
    float *bias = parameter(r, "heads.target.bias", &n_bias);
    double *count = NULL, total = 0;

    CRM_ASSERT(weight && bias && n_bias == (k == 2 ? 1 : k));
    CRM_NEW(count, k);
    for (int64_t i = 0; i < view->n; i++)
        count[r->feed->label[view->row[i]]] += 1;
    memset(weight, 0, (size_t)n_weight * sizeof *weight);
    for (int c = 0; c < k; c++) {
        count[c] = (count[c] > 0 ? count[c] : 0.5) * class_weight(r->t, c);
        total += count[c];
        count[c] = crm_log(count[c]);
    }
    for (int c = 0; c < (int)n_bias; c++)
        bias[c] = (float)(k == 2 ? count[1] - count[0] : count[c] - crm_log(total));
    crm_mem_free(count);
    return CRM_OK;
}

/* Rank-local part of the set-up. */
static crm_status run_local(run *r, const crm_view *view)
{
    const trainer *t = r->t;

    CRM_TRY(crm_feed_new(t, view, &r->feed));
    CRM_NEW(r->lane_loss, t->cfg->train.lanes);
    if (t->cfg->train.reduce == CRM_REDUCE_FAST) CRM_NEW(r->whole, t->size);
    crm_model_init(t->worker[0].model, r->seed, r->w);
    return t->cfg->train.prior_start ? start_from_prior(r, view) : CRM_OK;
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

static crm_status run_open(run *r, const crm_view *view, int64_t horizon)
{
    const trainer *t = r->t;

    CRM_TRY(crm_comm_agree(t->fit->comm, run_local(r, view)));
    CRM_TRY(
        crm_tree_new(t->fit->comm, t->fit->pool, t->cfg->train.lanes, t->size, CRM_F32, &r->tree));
    CRM_TRY(crm_tree_new(t->fit->comm, NULL, t->cfg->train.lanes, 1, CRM_F64, &r->loss_tree));
    r->total_steps = horizon * r->feed->steps;
    return crm_comm_agree(t->fit->comm, run_optim(r));
}

static void run_close(run *r)
{
    crm_optim_free(&r->optim);
    crm_tree_free(&r->tree);
    crm_tree_free(&r->loss_tree);
    crm_feed_free(&r->feed);
    crm_mem_free(r->lane_loss);
    crm_mem_free(r->whole);
    crm_mem_free(r->w);
}

static crm_hook_answer tell(const run *r, int64_t of, double loss, double valid_loss,
                            double valid_score, double seconds)
{
    const crm_hooks *h = &r->t->fit->hooks;
    crm_epoch e = {.phase = r->t->phase,
                   .member = r->t->member,
                   .epoch = r->epoch,
                   .of = of,
                   .train_loss = loss,
                   .valid_loss = valid_loss,
                   .valid_score = valid_score,
                   .lr = r->lr,
                   .grad_norm = r->grad_norm,
                   .seconds = seconds,
                   .rows = r->feed->view->n};

    return h->on_epoch ? h->on_epoch(h->ctx, &e) : CRM_HOOK_GO;
}

/* Epochs until the end, a stop by the hook, or patience runs out; best weights into w. */
static crm_status epochs_loop(run *r, const crm_view *valid, const crm_matrix *m, int64_t epochs,
                              float *w, int64_t *best_epoch)
{
    int64_t patience = r->t->cfg->train.patience;
    double best = INFINITY, ignored;

    memcpy(w, r->w, (size_t)r->t->size * sizeof *w);
    if (valid && r->t->cfg->train.prior_start)
        CRM_TRY(crm_train_evaluate(r->t, valid, m, r->w, &best, &ignored));
    for (int64_t e = 1; e <= epochs; e++) {
        double start = crm_clock_now(), loss, valid_loss = NAN, score = NAN;
        r->epoch = (uint32_t)e;
        CRM_TRY(one_epoch(r, &loss));
        if (valid) CRM_TRY(crm_train_evaluate(r->t, valid, m, r->w, &valid_loss, &score));
        CRM_CHECK(!valid || isfinite(valid_loss), CRM_ERR_NUMERIC,
                  "epoch %u: the validation loss is not finite; lower optim.lr", r->epoch);
        if (!valid || valid_loss < best) {
            best = valid_loss;
            *best_epoch = e;
            memcpy(w, r->w, (size_t)r->t->size * sizeof *w);
        }
        if (tell(r, epochs, loss, valid_loss, score, crm_clock_now() - start) == CRM_HOOK_STOP)
            break;
        if (valid && patience > 0 && e - *best_epoch >= patience) break;
    }
    return CRM_OK;
}

crm_status crm_train_run(trainer *t, const crm_view *view, const crm_view *valid, uint64_t seed,
                         int64_t epochs, int64_t horizon, float *w, int64_t *best_epoch)
{
    run r = {.t = t, .seed = seed};
    crm_matrix *m = NULL;
    crm_status st = CRM_OK;

    *best_epoch = 0;
    CRM_NEW_TO(st, agree, r.w, t->size);
    if (valid)
        st = crm_matrix_new(t->source, valid, t->fit->pool, (size_t)t->cfg->train.cache_bytes, &m);
agree:
    st = crm_comm_agree(t->fit->comm, st);
    if (!st) st = run_open(&r, view, horizon);
    if (!st) st = epochs_loop(&r, valid, m, epochs, w, best_epoch);
    crm_matrix_free(&m);
    run_close(&r);
    return st;
}
