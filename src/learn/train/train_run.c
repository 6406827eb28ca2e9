/* train_run.c - the loop over epochs: early stopping on the inner validation part, a stop with a
 * name when something is not finite; an engine makes the steps. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/comm_watchdog.h"
#include "train_engine.h"

/* Seconds between two calls of the hook of steps in an epoch. */
static const double step_pause = 0.5;

/* ---- what engines share ---- */

void crm_run_begin_step(run *r)
{
    r->step++;
    r->at++;
    r->lr = crm_optim_lr(&r->t->cfg->optim, r->step, r->total_steps);
}

void crm_run_count(run *r, const batch *b)
{
    for (int h = 0; h < r->n_heads; h++)
        r->labelled[h] += b->scale[h] > 0;
}

int64_t crm_run_rows(const run *r, int64_t at)
{
    int64_t rows = r->t->cfg->train.lanes * r->t->cfg->train.lane_rows;
    int64_t left = r->feed->view->n - at * rows;

    return rows < left ? rows : left;
}

void crm_run_batch(const run *r, const batch *b, crm_model_batch *out)
{
    out->scale = b->scale;
    out->seed = r->seed;
    out->epoch = r->epoch;
}

const char *crm_run_lr_key(const run *r)
{
    return r->t->cfg->lr_key ? r->t->cfg->lr_key : "optim.lr";
}

crm_status crm_run_nonfinite(const run *r, const crm_model_batch *b, const blame_at *at,
                             const int64_t *row)
{
    static const char parameter[] = "parameter ";
    const worker *w = &r->t->worker[0];
    char name[192], which[BLAME_TEXT] = "";
    row_list rows;

    CRM_TRY(crm_buf_zero(w->device, at->grad, (size_t)at->stride * sizeof *at->grad));
    CRM_TRY(crm_model_find_nonfinite(w->model, b, at->w, at->grad, at->stride, name, sizeof name));
    if (!name[0]) return CRM_OK;
    if (strncmp(name, parameter, sizeof parameter - 1) != 0) { /* of all rows else */
        CRM_TRY(crm_blame_nonfinite(r, at, row, r->t->cfg->train.lane_rows, &rows));
        crm_blame_text(&rows, which);
    }
    CRM_FAIL(CRM_ERR_NUMERIC, "epoch %u, step %lld: %s is not finite%s; lower %s%s", r->epoch,
             (long long)r->failed, name, which, crm_run_lr_key(r),
             r->t->cfg->lr_key ? "" : " or set optim.clip_norm");
}

/* ---- a rank that is stuck or lost ---- */

/* Where a device computes: the next wait for the other ranks of the fit has a limit. */
void crm_train_watch(const trainer *t, const char *what)
{
    if (!t->place.whole || crm_comm_size(t->fit->comm) == 1) return;
    crm_watchdog_arm(t->place.gpu ? t->place.gpu->timeout : 120, what);
}

/* ---- one epoch ---- */

/* Leaf of the loss sums of an epoch. */
static crm_status lane_loss(void *ctx, int64_t lane, int id, void *out)
{
    const run *r = ctx;

    (void)id;
    memcpy(out, r->lane_loss + lane * r->n_heads, (size_t)r->n_heads * sizeof(double));
    return CRM_OK;
}

/* Loss of the first head so far, from the lanes of this rank; for display. */
static double loss_so_far(const run *r, int64_t steps)
{
    double sum = 0;
    int64_t n = r->feed->n_lanes;

    if (n == 0 || r->engine->class->loss(r->engine, &sum)) return (double)NAN;
    return sum * (double)r->t->cfg->train.lanes / (double)(n * steps);
}

static void tell_step(const run *r, double seconds)
{
    const crm_hooks *h = &r->t->fit->hooks;
    const crm_train_cfg *cfg = &r->t->cfg->train;
    int64_t rows = (r->at - r->from) * cfg->lanes * cfg->lane_rows;
    crm_step s = {.phase = r->t->phase,
                  .member = r->t->member,
                  .epoch = r->epoch,
                  .of = r->epochs,
                  .step = r->at,
                  .steps = r->feed->steps};

    if (rows > r->feed->view->n) rows = r->feed->view->n;
    s.rows_per_s = seconds > 0 ? (double)rows / seconds : 0;
    s.loss = loss_so_far(r, r->at);
    crm_watchdog_disarm();
    h->on_step(h->ctx, &s);
}

static crm_status watched_step(run *r, crm_loader *loader)
{
    crm_status st;

    crm_train_watch(r->t, "gradients were exchanged (gpu.timeout)");
    crm_watchdog_step(r->step + 1);
    crm_watchdog_enter(CRM_IN_STEP);
    st = r->engine->class->step(r->engine, loader);
    crm_watchdog_leave();
    return st;
}

static crm_status all_steps(run *r, crm_loader *loader)
{
    double start = crm_clock_now(), told = (double)-INFINITY; /* the first step is always told */

    while (r->at < r->feed->steps && !r->failed) {
        CRM_TRY(watched_step(r, loader));
        if (r->failed && crm_guard_skips_here(r->guard)) CRM_TRY(crm_guard_failed(r->guard));
        if (r->failed || r->replayed.there) break;
        if (r->t->fit->hooks.on_step && crm_clock_now() - told >= step_pause) {
            told = crm_clock_now();
            tell_step(r, told - start);
        }
        CRM_TRY(crm_run_boundary(r, CRM_HOOK_GO));
    }
    return CRM_OK;
}

/* Batch i from where this epoch goes on. */
static crm_status load_batch(void *ctx, int64_t i, int slot)
{
    const run *r = ctx;

    return crm_feed_load(r->feed, r->from + i, slot);
}

/* The next epoch, or the rest of one that was saved. */
static void begin_epoch(run *r)
{
    size_t n = (size_t)(r->t->cfg->train.lanes * r->n_heads);

    if (r->ended) {
        r->ended = false;
        r->epoch++;
        r->at = 0;
        memset(r->lane_loss, 0, n * sizeof *r->lane_loss);
        memset(r->labelled, 0, (size_t)r->n_heads * sizeof *r->labelled);
    }
    r->from = r->at;
    crm_feed_shuffle(r->feed, r->seed, r->epoch);
}

/* 1 / weight of a head in the loss, to tell losses without it. */
static double unweighted(const run *r, int h)
{
    double weight = r->t->plan->heads.head[h].weight;

    return weight > 0 ? 1 / weight : 0;
}

/* The steps of an epoch, or what is left of them, until one fails. */
static crm_status pass_over(run *r)
{
    crm_loader *loader = NULL;
    crm_status st;

    begin_epoch(r);
    CRM_TRY(crm_guard_begin(r->guard));
    crm_train_watch(r->t, "an epoch was begun (gpu.timeout)");
    st = crm_comm_agree(r->t->fit->comm,
                        crm_loader_start(r->feed->steps - r->from, load_batch, r, &loader));
    if (!st) st = all_steps(r, loader);
    crm_loader_stop(&loader);
    if (!st && r->replayed.there) return crm_replay_tell(r);
    if (!st) crm_train_watch(r->t, "an epoch was ended (gpu.timeout)");
    return st ? st : r->engine->class->judge(r->engine);
}

static crm_status one_epoch(run *r)
{
    crm_status st = pass_over(r);

    while (!st && r->failed) {
        st = crm_guard_failed(r->guard);
        if (!st) st = pass_over(r);
    }
    if (!st) st = r->engine->class->end(r->engine);
    if (!st) st = crm_check_now(crm_guard_check(r->guard), r->w);
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
    CRM_NEW(r->head, r->n_heads);
    for (int h = 0; h < r->n_heads; h++)
        r->head[h] = t->plan->heads.head[h].name;
    CRM_TRY(crm_train_init(t, view, r->seed, r->w));
    CRM_TRY(crm_guard_new(r, &r->guard));
    return t->place.whole ? crm_engine_whole(r, &r->engine) : crm_engine_leaves(r, &r->engine);
}

/* What this process holds on the device, graphs and earlier models included; or nothing. */
static const char *device_memory(const trainer *t, char *out, size_t cap)
{
    crm_device_usage use;

    out[0] = '\0';
    if (!t->place.whole || crm_device_use(t->worker[0].device, &use) || use.bytes < 0) return out;
    snprintf(out, cap, "; %.1f MiB of device memory are in use", (double)use.bytes / (1 << 20));
    return out;
}

/* What this process holds for the fit; the data set itself is mapped and paged.  The many small
 * fits of a cross-validation keep it to the debug level. */
static void tell_memory(const run *r)
{
    const trainer *t = r->t;
    const double mib = 1 << 20;
    size_t all = crm_mem_used() - t->memory_start;
    size_t known = r->feed->slot_bytes + r->feed->columns_bytes + t->nets;
    char device[64];

    if (t->member > 0 || strcmp(t->phase, CRM_PHASE_REFIT) == 0) return;
    crm_log_line(t->fit->train->n >= CRM_MANY_ROWS ? CRM_LOG_INFO : CRM_LOG_DEBUG, "train",
                 "this rank holds %.1f MiB: batches %.1f, columns %.1f, nets of %d threads %.1f, "
                 "parameters and sums %.1f; the data set stays in its file%s",
                 (double)all / mib, (double)r->feed->slot_bytes / mib,
                 (double)r->feed->columns_bytes / mib, t->n_workers, (double)t->nets / mib,
                 (double)(all > known ? all - known : 0) / mib,
                 device_memory(t, device, sizeof device));
}

static crm_status run_open(run *r, const crm_view *view, int64_t horizon)
{
    const trainer *t = r->t;

    CRM_TRY(crm_comm_agree(t->fit->comm, run_local(r, view)));
    CRM_TRY(
        crm_tree_new(t->fit->comm, NULL, t->cfg->train.lanes, r->n_heads, CRM_F64, &r->loss_tree));
    r->total_steps = horizon * r->feed->steps;
    CRM_TRY(r->engine->class->open(r->engine));
    tell_memory(r);
    return CRM_OK;
}

static void run_close(run *r)
{
    if (r->engine) r->engine->class->free(&r->engine);
    crm_guard_free(&r->guard);
    crm_mem_free(r->replayed.loss);
    crm_mem_free(r->replayed.grad);
    crm_tree_free(&r->loss_tree);
    crm_feed_free(&r->feed);
    crm_mem_free(r->lane_loss);
    crm_mem_free(r->head_loss);
    crm_mem_free(r->valid_loss);
    crm_mem_free(r->labelled);
    crm_mem_free(r->head);
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
                   .left_out =
                       crm_guard_left_out_of(r->guard, r->step - r->feed->steps + 1, r->step + 1),
                   .n_heads = r->n_heads,
                   .head = r->head,
                   .head_loss = r->head_loss,
                   .head_valid_loss = r->valid_loss};

    return h->on_epoch ? h->on_epoch(h->ctx, &e) : CRM_HOOK_GO;
}

/* Losses on the validation part into r->valid_loss; NaN without one. */
static crm_status validate(run *r, const kept_view *valid, double *score)
{
    *score = (double)NAN;
    for (int h = 0; h < r->n_heads; h++)
        r->valid_loss[h] = (double)NAN;
    if (!valid->view) return CRM_OK;
    CRM_TRY(crm_train_evaluate(r->t, valid, r->w, r->valid_loss, score));
    CRM_CHECK(isfinite(r->valid_loss[0]) || r->epoch > 0, CRM_ERR_NUMERIC,
              "the validation loss of the first weights is not finite: a value of some validation "
              "row is too large, or no number");
    CRM_CHECK(isfinite(r->valid_loss[0]), CRM_ERR_NUMERIC,
              "epoch %u: the validation loss is not finite, which no step is to blame for; lower "
              "%s, or scale values that are far out",
              r->epoch, crm_run_lr_key(r));
    return CRM_OK;
}

static void keep_weights(run *r)
{
    r->best = r->valid_loss[0];
    r->best_epoch = r->epoch;
    memcpy(r->best_w, r->w, (size_t)r->t->size * sizeof *r->w);
}

/* The first weights, or what was saved. */
static crm_status begin_run(run *r, const kept_view *valid)
{
    double score;

    if (r->t->resume.bag) return crm_run_resume(r);
    r->ended = true;
    r->valid_loss[0] = (double)INFINITY;
    if (valid->view && r->t->cfg->train.prior_start) CRM_TRY(validate(r, valid, &score));
    keep_weights(r);
    return CRM_OK;
}

/* Epochs until the end, a stop by the hook, or patience runs out. */
static crm_status epochs_loop(run *r, const kept_view *valid)
{
    int64_t patience = r->t->cfg->train.patience;
    crm_hook_answer told;
    double score;

    CRM_TRY(begin_run(r, valid));
    while (!r->over && (!r->ended || r->epoch < r->epochs)) {
        double start = crm_clock_now();
        CRM_TRY(one_epoch(r));
        CRM_TRY(validate(r, valid, &score));
        if (!valid->view || r->valid_loss[0] < r->best) keep_weights(r);
        crm_watchdog_disarm();
        told = tell(r, score, crm_clock_now() - start);
        r->ended = true;
        r->over = told == CRM_HOOK_STOP ||
                  (valid->view && patience > 0 && r->epoch - r->best_epoch >= patience);
        CRM_TRY(crm_run_boundary(r, told));
    }
    return CRM_OK;
}

crm_status crm_train_run(trainer *t, const crm_view *view, const crm_view *valid, uint64_t seed,
                         int64_t epochs, int64_t horizon, float *w, int64_t *best_epoch)
{
    run r = {.t = t, .seed = seed, .epochs = epochs, .best_w = w};
    kept_view kept = {.view = NULL};
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, r.w, t->size);
    if (valid) st = crm_kept_view_new(t, valid, &kept);
agree:
    st = crm_comm_agree(t->fit->comm, st);
    if (!st) st = run_open(&r, view, horizon);
    if (!st) st = epochs_loop(&r, &kept);
    if (st != CRM_ERR_COMM) crm_watchdog_disarm(); /* nobody may answer to that error either */
    crm_watchdog_step(-1);
    crm_kept_view_free(&kept);
    run_close(&r);
    *best_epoch = r.best_epoch;
    return st;
}
