/* train_whole.c - the engine of a device: the lanes of a rank are one call, and weights, gradients,
 * state of the optimiser, sums and losses stay in its memory.
 *
 * Step s uses the buffers of slot s % 2; those of step s + 1 are filled while it computes.  What is
 * enqueued from the first layer to the last gradient (with one rank: to the updated weights) is one
 * graph.  Nothing in a step waits for the device: the norm of the gradient is looked at one step
 * later, and a step whose norm is not finite, and all after it, leave the weights as they are. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "train_engine.h"

/* Bytes in the key of a graph before those of the model. */
enum { KEY_OWN = sizeof(uint64_t) };
/* Tickets of steps: of the norm, and from here on of the losses. */
enum { LOSS_TICKET = 2 };

typedef struct whole {
    engine base;
    crm_device *device;
    crm_model *model;
    crm_dsum *sum;
    bool alone;           /* one rank: the update is part of the graph */
    device_piece slot[2]; /* with resident rows only the first */
    int64_t *places[2];   /* of resident rows; device memory   */
    int64_t leaf, n_leaves, stride;
    float *w, *grad;    /* device memory, grad [n_leaves][stride] */
    double *numbers;    /* device: crm_live, then head weight * scale of each head */
    double *staged;     /* the same on the host */
    double *total;      /* device [heads][lanes]: losses of the epoch */
    double *block_sums; /* device [blocks of the flat vector] */
    uint64_t number;    /* of this engine, in keys: graphs outlive it */
    char *key;
    size_t key_room;
    const batch *b; /* in hand, its rows are on their way to slot held */
    int held;
    bool apart;      /* the update of the step is no part of its graph */
    int64_t looked;  /* steps whose norm was looked at */
    int64_t judged;  /* steps whose loss was           */
    int64_t watched; /* numbers of a step's losses that are looked at; 0: none */
    double *losses;  /* [batches of an epoch][n_leaves] */
    float *copy;     /* [size] of the parameters, for checks; NULL until needed */
    crm_status late; /* what went wrong after the last agreement */
} whole;

static const batch *batch_of(const whole *e, int slot)
{
    return &e->base.run->feed->slot[slot];
}

static device_piece *buffers(whole *e, int slot)
{
    return &e->slot[e->base.run->feed->resident ? 0 : slot];
}

/* ---- rows ---- */

static crm_status upload_rows(whole *e, int slot)
{
    const feed *f = e->base.run->feed;
    const batch *b = batch_of(e, slot);

    if (f->n_pieces == 0) return CRM_OK;
    if (f->resident)
        return crm_resident_upload(f->resident, f->piece_rows, b->places, e->places[slot]);
    return crm_device_piece_upload(&e->slot[slot], b->piece, f->piece_rows);
}

/* Beside the computation. */
static crm_status send_ahead(whole *e, int slot)
{
    crm_status st, ended;

    CRM_TRY(crm_ahead_begin(e->device, slot));
    st = upload_rows(e, slot);
    ended = crm_ahead_end(e->device, slot);
    return st ? st : ended;
}

static crm_status take(whole *e, crm_loader *loader)
{
    crm_status st;
    int slot = 0;

    CRM_RANGE(e->device, "load", st, crm_loader_next(loader, &slot));
    CRM_TRY(st);
    e->b = batch_of(e, slot);
    e->held = slot;
    CRM_RANGE(e->device, "load", st, send_ahead(e, slot));
    return st;
}

/* The rows of a slot, for operations that follow. */
static crm_status use_rows(whole *e, int slot, crm_model_batch *out)
{
    const run *r = e->base.run;
    const feed *f = r->feed;
    const batch *b = batch_of(e, slot);
    device_piece *to = buffers(e, slot);

    CRM_TRY(crm_ahead_use(e->device, slot));
    if (f->n_pieces == 0) return CRM_OK;
    if (f->resident)
        CRM_TRY(crm_resident_gather(f->resident, f->piece_rows, e->places[slot], b->piece, to));
    *out = crm_device_piece_batch(to, b->piece, f->n_lanes, r->t->cfg->train.lane_rows);
    crm_run_batch(r, b, out);
    return CRM_OK;
}

/* ---- one step ---- */

static crm_status upload_numbers(whole *e)
{
    const run *r = e->base.run;
    int first = CRM_LIVE_LR, n = CRM_LIVE_COUNT + r->n_heads;

    crm_optim_live(&r->t->cfg->optim, crm_guard_updates(r->guard, r->step), r->lr, e->staged);
    for (int h = 0; h < r->n_heads; h++)
        e->staged[CRM_LIVE_COUNT + h] = r->t->plan->heads.head[h].weight * e->b->scale[h];
    return crm_buf_upload(e->device, e->numbers + first, e->staged + first,
                          (size_t)(n - first) * sizeof *e->staged);
}

static crm_status bind(whole *e, crm_model_batch *b)
{
    crm_status st;

    if (e->n_leaves == 0) return CRM_OK;
    b->scale_at = e->numbers + CRM_LIVE_COUNT;
    CRM_RANGE(e->device, "bind", st, crm_model_bind(e->model, b, e->w, e->grad, e->stride));
    return st;
}

static crm_status ready(void *ctx, int64_t upto)
{
    const whole *e = ctx;

    return crm_dsum_ready(e->sum, upto);
}

/* Gradients of own lanes, and their losses. */
static crm_status gradients(whole *e)
{
    const run *r = e->base.run;
    crm_tensor loss, total;

    CRM_TRY(crm_dsum_begin(e->sum));
    if (e->n_leaves == 0) return crm_dsum_ready(e->sum, r->t->size);
    CRM_TRY(crm_model_run(e->model, ready, e));
    loss = crm_model_losses(e->model);
    total = crm_tensor_1d(e->total, CRM_F64, loss.dim[0]);
    return crm_op_tally(e->device, &loss, &total);
}

static crm_status square_parts(whole *e)
{
    float *sum = crm_dsum_sum(e->sum);

    for (int i = 0; i < e->base.n_parts; i++) {
        const part *p = &e->base.part[i];
        crm_tensor x = crm_tensor_1d(sum + p->first, CRM_F32, p->n);
        crm_tensor y = crm_tensor_1d(e->block_sums + p->first / CRM_BLOCK, CRM_F64,
                                     (p->n + CRM_BLOCK - 1) / CRM_BLOCK);
        CRM_TRY(crm_op_sum_squares(e->device, &x, &y));
    }
    return CRM_OK;
}

/* From the sums of all blocks to the new weights of this rank's parts. */
static crm_status update_parts(whole *e)
{
    const trainer *t = e->base.run->t;
    float *sum = crm_dsum_sum(e->sum);
    crm_tensor squares =
        crm_tensor_1d(e->block_sums, CRM_F64, (t->size + CRM_BLOCK - 1) / CRM_BLOCK);

    CRM_TRY(crm_op_norm(e->device, &squares, t->cfg->optim.clip_norm, e->numbers));
    for (int i = 0; i < e->base.n_parts; i++) {
        const part *p = &e->base.part[i];
        CRM_TRY(crm_optim_apply_live(p->optim, e->numbers, sum + p->first, e->w));
    }
    return CRM_OK;
}

/* What a graph holds. */
static crm_status graph_part(whole *e)
{
    CRM_TRY(gradients(e));
    if (!e->alone || e->apart) return CRM_OK;
    CRM_TRY(crm_dsum_finish(e->sum));
    CRM_TRY(square_parts(e));
    return update_parts(e);
}

/* The model's key, and which engine it belongs to: the model does not know the rest of the step. */
static crm_status make_key(whole *e, size_t *bytes)
{
    uint64_t own = 2 * e->number + e->apart;
    size_t n = 0, need;
    const void *of_model = e->n_leaves > 0 ? crm_model_key(e->model, &n) : NULL;

    need = KEY_OWN + n;
    if (need > e->key_room) {
        char *grown = crm_mem_grow(e->key, 0, 2 * need, 1);
        CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %zu bytes for the key of a step", 2 * need);
        e->key = grown;
        e->key_room = 2 * need;
    }
    memcpy(e->key, &own, KEY_OWN);
    if (n > 0) memcpy(e->key + KEY_OWN, of_model, n);
    *bytes = need;
    return CRM_OK;
}

static crm_status run_graph(whole *e)
{
    size_t bytes = 0;

    CRM_TRY(make_key(e, &bytes));
    for (bool known = false, again = true; again;) {
        CRM_TRY(crm_graph_begin(e->device, e->key, bytes, &known));
        if (known) break;
        CRM_TRY(crm_graph_end(e->device, graph_part(e), &again));
    }
    return CRM_OK;
}

/* Rank-local part of a step. */
static crm_status enqueue(whole *e)
{
    crm_model_batch b = {.lanes = 0};
    crm_status st;

    CRM_TRY(use_rows(e, e->held, &b));
    CRM_TRY(bind(e, &b));
    CRM_TRY(upload_numbers(e));
    CRM_RANGE(e->device, "forward, backward", st, run_graph(e));
    return st ? st : crm_ahead_done(e->device, e->held);
}

/* What is told of a step, whose update is not made.  Rank-local part. */
static crm_status show_local(whole *e)
{
    run *r = e->base.run;
    const trainer *t = r->t;
    replayed *p = &r->replayed;
    double *loss = NULL;
    crm_status st = CRM_OK;

    CRM_TRY(e->late);
    CRM_NEW(p->grad, t->size);
    CRM_NEW(p->loss, t->cfg->train.lanes * r->n_heads);
    CRM_TRY(crm_dsum_wait(e->sum));
    CRM_TRY(crm_buf_download(e->device, crm_dsum_sum(e->sum), p->grad,
                             (size_t)t->size * sizeof *p->grad));
    CRM_TRY(crm_buf_download(e->device, e->w, r->w, (size_t)t->size * sizeof *r->w));
    CRM_TRY(crm_buf_download(e->device, e->numbers + CRM_LIVE_NORM, &p->norm, sizeof p->norm));
    if (e->n_leaves == 0) return CRM_OK;
    CRM_NEW(loss, r->n_heads * e->n_leaves);
    st = crm_buf_download(e->device, crm_model_losses(e->model).data, loss,
                          (size_t)(r->n_heads * e->n_leaves) * sizeof *loss);
    for (int64_t l = 0; l < e->n_leaves && !st; l++)
        for (int h = 0; h < r->n_heads; h++)
            p->loss[(e->leaf + l) * r->n_heads + h] = loss[h * e->n_leaves + l];
    crm_mem_free(loss);
    return st;
}

static crm_status show(whole *e)
{
    const trainer *t = e->base.run->t;
    crm_tensor squares =
        crm_tensor_1d(e->block_sums, CRM_F64, (t->size + CRM_BLOCK - 1) / CRM_BLOCK);

    if (!e->late) e->late = crm_op_norm(e->device, &squares, t->cfg->optim.clip_norm, e->numbers);
    CRM_TRY(crm_dsum_gather(e->sum, crm_dsum_sum(e->sum)));
    e->base.run->replayed.there = true;
    return crm_dsum_agree(e->sum, show_local(e));
}

/* Exchange and update among several ranks.  What fails on one of them only is kept for the next
 * agreement: it takes part until then. */
static crm_status exchange(whole *e)
{
    crm_status st, *late = &e->late;

    CRM_RANGE(e->device, "exchange", st, crm_dsum_finish(e->sum));
    CRM_TRY(st);
    CRM_RANGE(e->device, "update", *late, square_parts(e));
    CRM_RANGE(e->device, "exchange", st, crm_dsum_gather_blocks(e->sum, e->block_sums));
    CRM_TRY(st);
    if (crm_replay_here(e->base.run)) return show(e);
    if (!*late) CRM_RANGE(e->device, "update", *late, update_parts(e));
    CRM_RANGE(e->device, "exchange", st, crm_dsum_gather(e->sum, e->w));
    return st;
}

/* ---- copies of the parameters ---- */

static crm_status fetch_copy(whole *e)
{
    size_t n = (size_t)e->base.run->t->size;

    if (!e->copy) CRM_NEW(e->copy, n);
    return crm_buf_download(e->device, e->w, e->copy, n * sizeof *e->copy);
}

static crm_status keep_copy(whole *e)
{
    CRM_TRY(crm_dsum_wait(e->sum));
    CRM_TRY(fetch_copy(e));
    return crm_check_keep(crm_guard_check(e->base.run->guard), e->copy);
}

/* After the gradients were computed with the copy, before it is overwritten. */
static crm_status verify_copy(whole *e)
{
    check *c = crm_guard_check(e->base.run->guard);
    crm_comm *comm = e->base.run->t->fit->comm;
    check_word word;
    void *all = NULL;
    size_t bytes;
    crm_status st = fetch_copy(e);

    if (!st) st = crm_check_verify(c, e->copy, &word);
    CRM_TRY(crm_dsum_agree(e->sum, st));
    CRM_TRY(crm_comm_allgather(comm, &word, sizeof word, &all, &bytes, NULL));
    st = crm_check_compare(c, all);
    crm_mem_free(all);
    crm_check_over(c);
    return st;
}

/* ---- what became of a step ---- */

/* Its norm and its losses; they stand behind its exchange. */
static crm_status look(whole *e, int64_t step)
{
    run *r = e->base.run;
    int64_t at = r->at - 1 - (r->step - step), lanes = e->n_leaves;
    double norm, loss[CRM_LATER_MAX / sizeof(double)];

    if (step <= e->looked || r->failed) return CRM_OK;
    e->looked = step;
    if (crm_guard_left_out(r->guard, step)) return CRM_OK;
    CRM_TRY(crm_dsum_later_get(e->sum, (int)(step & 1), &norm, sizeof norm));
    if (e->watched > 0) {
        double *sum = e->losses + at * lanes;
        CRM_TRY(crm_dsum_later_get(e->sum, LOSS_TICKET + (int)(step & 1), loss,
                                   (size_t)e->watched * sizeof *loss));
        memset(sum, 0, (size_t)lanes * sizeof *sum);
        for (int64_t i = 0; i < e->watched; i++)
            sum[i % lanes] += loss[i];
    }
    if (isfinite(norm)) {
        r->grad_norm = norm;
        return CRM_OK;
    }
    r->failed = step;
    r->failed_at = at;
    return CRM_OK;
}

/* Losses of the steps that nobody judged yet, of all ranks: [ranks] of [steps][lanes of it]. */
static void judge_all(whole *e, const double *all, int64_t end)
{
    run *r = e->base.run;
    int64_t lanes = r->t->cfg->train.lanes, n = end - e->judged;
    int size = crm_comm_size(r->t->fit->comm);
    double loss[CRM_LANES_MAX];
    bool spike;

    for (int64_t s = 0; s < n; s++) {
        int64_t step = e->judged + 1 + s, at = r->at - 1 - (r->step - step), first = 0, stop = 0;
        const double *from = all;
        if (crm_guard_left_out(r->guard, step)) continue;
        for (int q = 0; q < size; q++, from += n * (stop - first)) {
            crm_tree_range(lanes, q, size, &first, &stop);
            memcpy(loss + first, from + s * (stop - first), (size_t)(stop - first) * sizeof *loss);
        }
        crm_guard_judge(r->guard, step, at, crm_run_rows(r, at), crm_guard_loss(loss, lanes), 0,
                        &spike);
        if (spike) crm_guard_blame(r->guard, step, NULL);
        if (r->failed == step) return;
    }
    e->judged = end;
}

static crm_status judge(engine *base)
{
    whole *e = (whole *)base;
    run *r = base->run;
    int64_t end, at = r->at - (r->step - e->judged);
    void *all = NULL;
    size_t bytes;

    CRM_TRY(crm_dsum_agree(e->sum, e->late ? e->late : look(e, r->step)));
    end = r->failed ? r->failed - 1 : r->step;
    if (end <= e->judged) return CRM_OK;
    CRM_TRY(crm_comm_allgather(r->t->fit->comm, e->losses + at * e->n_leaves,
                               (size_t)((end - e->judged) * e->n_leaves) * sizeof *e->losses, &all,
                               &bytes, NULL));
    judge_all(e, all, end);
    crm_mem_free(all);
    return CRM_OK;
}

/* After the step was enqueued: the next rows on their way, the step before looked at. */
static crm_status go_on(whole *e, crm_loader *loader)
{
    run *r = e->base.run;
    bool last = r->at == r->feed->steps;
    int ticket = (int)(r->step & 1);

    if (!crm_guard_left_out(r->guard, r->step)) {
        CRM_TRY(crm_later_download(e->device, ticket, e->numbers + CRM_LIVE_NORM, sizeof(double)));
        if (e->watched > 0)
            CRM_TRY(crm_later_download(e->device, LOSS_TICKET + ticket,
                                       crm_model_losses(e->model).data,
                                       (size_t)e->watched * sizeof(double)));
    }
    if (!last) CRM_TRY(take(e, loader));
    CRM_TRY(look(e, r->step - 1));
    return last ? look(e, r->step) : CRM_OK;
}

/* A batch that is passed over: its rows arrive all the same. */
static crm_status pass_over(whole *e)
{
    CRM_TRY(crm_ahead_use(e->device, e->held));
    return crm_ahead_done(e->device, e->held);
}

/* Gradients, exchange and update of the batch in hand. */
static crm_status take_step(whole *e)
{
    run *r = e->base.run;
    check *c = crm_guard_check(r->guard);
    bool verify = crm_check_open(c);
    crm_status st = e->late;

    e->apart = e->alone && (verify || crm_replay_here(r));
    if (!st) {
        crm_run_count(r, e->b);
        st = enqueue(e);
    }
    CRM_TRY(crm_dsum_agree(e->sum, st));
    if (verify) CRM_TRY(verify_copy(e));
    if (!e->alone || e->apart) CRM_TRY(exchange(e));
    if (crm_check_keeps(c) && !r->replayed.there && !e->late) e->late = keep_copy(e);
    return CRM_OK;
}

static crm_status step(engine *base, crm_loader *loader)
{
    whole *e = (whole *)base;
    run *r = base->run;

    if (!e->late && r->at == r->from) e->late = take(e, loader);
    crm_run_begin_step(r);
    if (!crm_guard_left_out(r->guard, r->step))
        CRM_TRY(take_step(e));
    else if (!e->late)
        e->late = pass_over(e);
    if (!e->late && !r->replayed.there) e->late = go_on(e, loader);
    return CRM_OK;
}

/* ---- end of an epoch, failures ---- */

/* zero: an epoch is over, its losses with it. */
static crm_status fetch(whole *e, bool zero)
{
    const run *r = e->base.run;
    double *total = NULL;
    size_t n = (size_t)(r->n_heads * e->n_leaves);
    crm_status st = CRM_OK;

    CRM_TRY(e->late);
    CRM_TRY(crm_dsum_wait(e->sum));
    CRM_TRY(crm_buf_download(e->device, e->w, r->w, (size_t)r->t->size * sizeof *r->w));
    CRM_NEW(total, n);
    CRM_TRY_TO(st, done, crm_buf_download(e->device, e->total, total, n * sizeof *total));
    for (int64_t l = 0; l < e->n_leaves; l++)
        for (int h = 0; h < r->n_heads; h++)
            r->lane_loss[(e->leaf + l) * r->n_heads + h] = total[h * e->n_leaves + l];
    if (zero) st = crm_buf_zero(e->device, e->total, n * sizeof *total);
done:
    crm_mem_free(total);
    return st;
}

static crm_status end(engine *base)
{
    whole *e = (whole *)base;

    return crm_dsum_agree(e->sum, fetch(e, true));
}

static crm_status settle(engine *base)
{
    whole *e = (whole *)base;
    run *r = base->run;

    CRM_TRY(judge(base));
    return r->failed ? CRM_OK : crm_dsum_agree(e->sum, fetch(e, false));
}

static crm_status restore(engine *base)
{
    whole *e = (whole *)base;
    const run *r = base->run;
    size_t n = (size_t)(r->n_heads * e->n_leaves);
    double *total;
    crm_status st;

    e->looked = e->judged = r->step;
    CRM_TRY(crm_buf_zero(e->device, e->numbers + CRM_LIVE_NORM, sizeof(double)));
    CRM_TRY(crm_buf_upload(e->device, e->w, r->w, (size_t)r->t->size * sizeof *r->w));
    CRM_NEW(total, n);
    for (int64_t l = 0; l < e->n_leaves; l++)
        for (int h = 0; h < r->n_heads; h++)
            total[h * e->n_leaves + l] = r->lane_loss[(e->leaf + l) * r->n_heads + h];
    st = crm_buf_upload(e->device, e->total, total, n * sizeof *total);
    crm_mem_free(total);
    return st;
}

static crm_status loss(engine *base, double *sum)
{
    const whole *e = (const whole *)base;
    double lane[CRM_LANES_MAX];

    *sum = 0;
    CRM_TRY(crm_dsum_wait(e->sum));
    CRM_TRY(crm_buf_download(e->device, e->total, lane, (size_t)e->n_leaves * sizeof *lane));
    for (int64_t l = 0; l < e->n_leaves; l++)
        *sum += lane[l];
    return CRM_OK;
}

static crm_status name_in_lane(whole *e, const crm_model_batch *b, int64_t lane,
                               crm_model_label *label)
{
    const run *r = e->base.run;
    const batch *of = batch_of(e, 0);
    crm_model_batch one = crm_batch_lane(buffers(e, 0), b, lane, label);
    blame_at at = {.batch = of, .w = e->w, .grad = e->grad, .stride = e->stride};

    return crm_run_nonfinite(r, &one, &at, of->piece->row_id + lane * r->t->cfg->train.lane_rows);
}

/* The weights are still those that the failing step began with; its rows are loaded again. */
static crm_status name_nonfinite(engine *base)
{
    whole *e = (whole *)base;
    run *r = base->run;
    crm_model_label *label = NULL;
    crm_model_batch b;
    crm_status st = CRM_OK;

    if (e->late || e->n_leaves == 0) return e->late;
    CRM_TRY(crm_dsum_wait(e->sum));
    CRM_TRY(crm_feed_load(r->feed, r->failed_at, 0));
    CRM_TRY(send_ahead(e, 0));
    CRM_TRY(use_rows(e, 0, &b));
    CRM_NEW(label, r->n_heads);
    for (int64_t l = 0; l < e->n_leaves && !st; l++)
        st = name_in_lane(e, &b, l, label);
    crm_mem_free(label);
    return st;
}

/* ---- life ---- */

static crm_status new_zeroed(crm_device *d, int64_t n, size_t size, void *out)
{
    void *at;

    CRM_TRY(crm_buf_new(d, (size_t)n * size, &at));
    memcpy(out, &at, sizeof at);
    return crm_buf_zero(d, at, (size_t)n * size);
}

/* Pieces that touch become one. */
static void join_pieces(const crm_dsum_piece *own, int n, part *to, int *n_parts)
{
    for (int i = 0; i < n; i++) {
        part *last = *n_parts > 0 ? &to[*n_parts - 1] : NULL;
        if (last && last->first + last->n == own[i].first)
            last->n += own[i].n;
        else
            to[(*n_parts)++] = (part){.first = own[i].first, .n = own[i].n};
    }
}

static crm_status new_parts(whole *e)
{
    const trainer *t = e->base.run->t;
    const crm_dsum_piece *own;
    uint8_t *decay = NULL;
    crm_status st = CRM_OK;
    int n;

    own = crm_dsum_pieces(e->sum, &n);
    CRM_NEW(e->base.part, n);
    join_pieces(own, n, e->base.part, &e->base.n_parts);
    CRM_NEW(decay, t->size);
    crm_params_decay_mask(crm_model_params(e->model), decay);
    for (int i = 0; i < e->base.n_parts && !st; i++) {
        part *p = &e->base.part[i];
        st = crm_optim_new(&t->cfg->optim, e->device, p->first, p->n, decay, &p->optim);
    }
    crm_mem_free(decay);
    return st;
}

static crm_status new_slots(whole *e)
{
    const run *r = e->base.run;
    const trainer *t = r->t;
    const feed *f = r->feed;
    const crm_schema *s = crm_source_schema(t->source);

    if (f->n_pieces == 0) return CRM_OK;
    for (int i = 0; i < 2; i++) {
        if (f->resident)
            CRM_TRY(new_zeroed(e->device, crm_resident_places(f->piece_rows), sizeof(int64_t),
                               &e->places[i]));
        if (i == 0 || !f->resident)
            CRM_TRY(crm_device_piece_new(e->device, t->map, s, &t->plan->heads, f->piece_rows,
                                         &e->slot[i]));
    }
    /* Copies ahead come after the zeros, and not only after what an earlier engine did. */
    CRM_TRY(crm_ahead_done(e->device, 0));
    return crm_ahead_done(e->device, 1);
}

static crm_status open_local(whole *e)
{
    const run *r = e->base.run;
    const trainer *t = r->t;
    int64_t n_blocks = (t->size + CRM_BLOCK - 1) / CRM_BLOCK;
    int64_t numbers = CRM_LIVE_COUNT + r->n_heads;

    e->grad = crm_dsum_leaves(e->sum, &e->leaf, &e->n_leaves, &e->stride);
    CRM_ASSERT(e->n_leaves == r->feed->n_lanes);
    CRM_ASSERT(e->n_leaves == 0 || crm_model_losses(e->model).dim[0] == r->n_heads * e->n_leaves);
    CRM_NEW(e->staged, numbers);
    e->watched = crm_guard_heads(r) * e->n_leaves;
    CRM_NEW(e->losses, r->feed->steps * e->n_leaves);
    CRM_TRY(new_zeroed(e->device, numbers, sizeof(double), &e->numbers));
    CRM_TRY(new_zeroed(e->device, r->n_heads * (e->n_leaves + 1), sizeof(double), &e->total));
    CRM_TRY(new_zeroed(e->device, n_blocks, sizeof(double), &e->block_sums));
    CRM_TRY(new_zeroed(e->device, t->size, sizeof(float), &e->w));
    CRM_TRY(new_slots(e));
    CRM_TRY(new_parts(e));
    return crm_buf_upload(e->device, e->w, r->w, (size_t)t->size * sizeof *r->w);
}

static crm_status open(engine *base)
{
    return crm_comm_agree(base->run->t->fit->comm, open_local((whole *)base));
}

static void whole_free(engine **base)
{
    whole *e = (whole *)*base;
    void *buf[] = {e->places[0], e->places[1], e->w, e->numbers, e->total, e->block_sums};

    crm_graph_forget(e->device);
    for (int i = 0; i < e->base.n_parts; i++)
        crm_optim_free(&e->base.part[i].optim);
    for (int i = 0; i < 2; i++)
        crm_device_piece_free(&e->slot[i]);
    for (size_t i = 0; i < sizeof buf / sizeof *buf; i++)
        crm_buf_free(e->device, buf[i]);
    crm_mem_free(e->base.part);
    crm_mem_free(e->staged);
    crm_mem_free(e->losses);
    crm_mem_free(e->copy);
    crm_mem_free(e->key);
    crm_mem_free(e);
    *base = NULL;
}

static const engine_class whole_class = {
    .name = "whole",
    .open = open,
    .step = step,
    .settle = settle,
    .judge = judge,
    .restore = restore,
    .end = end,
    .loss = loss,
    .name_nonfinite = name_nonfinite,
    .free = whole_free,
};

crm_status crm_engine_whole(run *r, engine **out)
{
    static _Atomic uint64_t made; /* counts engines of this process */
    whole *e;

    *out = NULL;
    CRM_NEW(e, 1);
    e->base = (engine){.class = &whole_class, .run = r};
    e->device = r->t->worker[0].device;
    e->model = r->t->worker[0].model;
    e->sum = r->t->sum;
    e->alone = crm_comm_size(r->t->fit->comm) == 1;
    e->number = atomic_fetch_add(&made, 1) + 1;
    *out = &e->base;
    return CRM_OK;
}
