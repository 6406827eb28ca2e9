/* train_guard.c - steps that go wrong: a gradient that is not finite, a loss that is a spike; what
 * is done about them, and what has to be remembered for that.
 *
 * A spike is a step's loss above  median + factor * max(MAD, |median| / 100) * sqrt(full / rows),
 * of the last WINDOW steps that were taken on full batches; a short batch has a mean over fewer
 * rows, whose spread is larger by that root.  All of it depends on sums over lanes only, so that
 * any number of ranks decides the same.
 *
 * A step is left out where it stands when the engine has done nothing of it yet ("leaves", skip).
 * Otherwise the epoch is repeated from a copy of weights and optimiser, and steps that are on the
 * list are passed over: of its begin (rollback), or of where it went on in this process (skip; the
 * steps in between give the same bits again). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "train_engine.h"

enum { WINDOW = 64, LEAST = 16, STATES_MAX = 4, TEXT_MAX = 768 };

/* Losses of the last steps; the k-th is at k % WINDOW. */
typedef struct window {
    int64_t n;
    double x[WINDOW];
} window;

/* A place in the epoch to go back to. */
typedef struct snapshot {
    bool there;
    int64_t step, at;
    double lr, grad_norm;
    float *w;                 /* [size]                                         */
    float *state[STATES_MAX]; /* [elements of own parts] of the optimiser       */
    double *lane_loss;        /* [lanes][heads] */
    int64_t *labelled;        /* [heads] */
    window losses;
} snapshot;

struct guard {
    run *r;
    check *check;
    window losses;
    int64_t *left; /* [n_left] steps that are left out, ascending */
    int64_t n_left, room;
    snapshot back;
    /* The step that was judged last: */
    bool spike;    /* and must not be taken */
    bool infinite; /* its loss is, or no number, though its gradient is finite */
    double loss, median, mad;
    int of; /* losses that median and mad are of */
    char text[TEXT_MAX];
};

/* ---- life ---- */

static const crm_train_cfg *cfg_of(const guard *g)
{
    return &g->r->t->cfg->train;
}

static bool does(const guard *g, int policy)
{
    const crm_train_cfg *c = cfg_of(g);

    return c->on_nonfinite == policy || c->on_spike == policy;
}

/* Copies are kept of the begin of each epoch, or of where one goes on. */
static bool needs_begin(const guard *g)
{
    return does(g, CRM_BAD_ROLLBACK);
}

static bool needs_copy(const guard *g)
{
    return needs_begin(g) || (g->r->t->place.whole && does(g, CRM_BAD_SKIP));
}

static int64_t own_elements(const run *r)
{
    int64_t n = 0;

    for (int k = 0; k < r->engine->n_parts; k++)
        n += r->engine->part[k].n;
    return n;
}

crm_status crm_guard_new(run *r, guard **out)
{
    guard *g;
    crm_status st;

    *out = NULL;
    CRM_NEW(g, 1);
    g->r = r;
    st = crm_check_new(r, &g->check);
    if (st)
        crm_guard_free(&g);
    else
        *out = g;
    return st;
}

void crm_guard_free(guard **gp)
{
    guard *g = *gp;

    if (!g) return;
    crm_check_free(&g->check);
    crm_mem_free(g->left);
    crm_mem_free(g->back.w);
    for (int i = 0; i < STATES_MAX; i++)
        crm_mem_free(g->back.state[i]);
    crm_mem_free(g->back.lane_loss);
    crm_mem_free(g->back.labelled);
    crm_mem_free(g);
    *gp = NULL;
}

check *crm_guard_check(guard *g)
{
    return g->check;
}

/* ---- steps that are left out ---- */

/* How many are below step. */
static int64_t below(const guard *g, int64_t step)
{
    int64_t n = 0;

    while (n < g->n_left && g->left[n] < step)
        n++;
    return n;
}

bool crm_guard_left_out(const guard *g, int64_t step)
{
    int64_t i = below(g, step);

    return i < g->n_left && g->left[i] == step;
}

int64_t crm_guard_updates(const guard *g, int64_t step)
{
    return step - below(g, step + 1);
}

int64_t crm_guard_left_out_of(const guard *g, int64_t first, int64_t end)
{
    return below(g, end) - below(g, first);
}

static crm_status leave_out(guard *g, int64_t step)
{
    int64_t i = below(g, step);

    if (crm_guard_left_out(g, step)) return CRM_OK;
    if (g->n_left == g->room) {
        size_t n = (size_t)g->room, more = n ? 2 * n : 16;
        int64_t *grown = crm_mem_grow(g->left, n, more, sizeof *grown);
        CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: steps that are left out");
        g->left = grown;
        g->room = (int64_t)more;
    }
    memmove(g->left + i + 1, g->left + i, (size_t)(g->n_left - i) * sizeof *g->left);
    g->left[i] = step;
    g->n_left++;
    g->r->t->left_out++;
    return CRM_OK;
}

/* ---- losses ---- */

int crm_guard_heads(const run *r)
{
    int64_t most = (int64_t)(CRM_LATER_MAX / sizeof(double)) / r->t->cfg->train.lanes;

    return r->n_heads < most ? r->n_heads : (int)most;
}

double crm_guard_loss(double *lane, int64_t n)
{
    for (; n > 1; n /= 2)
        for (int64_t i = 0; i < n / 2; i++)
            lane[i] = lane[2 * i] + lane[2 * i + 1];
    return lane[0];
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of n values, which are sorted. */
static double median_of(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Median and median absolute deviation of the window. */
static void spread(guard *g)
{
    double x[WINDOW];
    int n = g->losses.n < WINDOW ? (int)g->losses.n : WINDOW;

    g->of = n;
    memcpy(x, g->losses.x, (size_t)n * sizeof *x);
    g->median = median_of(x, n);
    for (int i = 0; i < n; i++)
        x[i] = fabs(x[i] - g->median);
    g->mad = median_of(x, n);
}

/* Rows of a full batch; of a view that is smaller than one, its own. */
static int64_t full_rows(const guard *g)
{
    int64_t rows = cfg_of(g)->lanes * cfg_of(g)->lane_rows;

    return rows < g->r->feed->view->n ? rows : g->r->feed->view->n;
}

static bool is_spike(guard *g, double loss, int64_t rows)
{
    double mad;

    if (g->losses.n < LEAST) return false;
    spread(g);
    mad = fmax(g->mad, fabs(g->median) / 100) * sqrt((double)full_rows(g) / (double)rows);
    return loss > g->median + cfg_of(g)->spike_factor * mad;
}

static void fail(guard *g, int64_t step, int64_t at)
{
    g->r->failed = step;
    g->r->failed_at = at;
}

void crm_guard_judge(guard *g, int64_t step, int64_t at, int64_t rows, double loss, double norm,
                     bool *spike)
{
    g->spike = *spike = false;
    g->loss = loss;
    g->infinite = isfinite(norm) && !isfinite(loss);
    if (!isfinite(norm) || g->infinite) {
        fail(g, step, at);
        return;
    }
    if (cfg_of(g)->on_spike == CRM_BAD_OFF) return;
    g->spike = *spike = is_spike(g, loss, rows);
    if (g->spike && cfg_of(g)->on_spike != CRM_BAD_WARN) {
        fail(g, step, at);
        return;
    }
    g->spike = false;
    if (rows >= full_rows(g)) g->losses.x[g->losses.n++ % WINDOW] = loss;
}

double crm_guard_median(const guard *g)
{
    return g->median;
}

double crm_guard_excess(const guard *g)
{
    return g->loss - g->median;
}

/* ---- telling ---- */

static void spike_text(const guard *g, int64_t step, const row_list *rows, char *out)
{
    char which[BLAME_TEXT] = "";

    if (rows) crm_blame_text(rows, which);
    snprintf(out, TEXT_MAX,
             "epoch %u, step %lld: the loss of the batch, %.6g, is a spike above %.6g, the median "
             "of the last %d, with a MAD of %.3g%s",
             g->r->epoch, (long long)step, g->loss, g->median, g->of, g->mad, which);
}

static void say(const run *r, crm_log_level level, const char *text)
{
    if (crm_comm_rank(r->t->fit->comm) == 0) crm_log_line(level, "train", "%s", text);
}

void crm_guard_blame(guard *g, int64_t step, const row_list *rows)
{
    trainer *t = g->r->t;

    spike_text(g, step, rows, g->text);
    if (g->r->failed) return;
    say(g->r, t->spikes > 0 ? CRM_LOG_DEBUG : CRM_LOG_WARN, g->text);
    if (t->spikes == 0) say(g->r, CRM_LOG_WARN, "further spikes of this fit: log.level debug");
    t->spikes = 1;
}

/* ---- going back ---- */

static crm_status new_copy(guard *g)
{
    const run *r = g->r;
    snapshot *s = &g->back;

    if (s->w) return CRM_OK;
    CRM_NEW(s->lane_loss, r->t->cfg->train.lanes * r->n_heads);
    CRM_NEW(s->labelled, r->n_heads);
    for (int i = 0; crm_optim_state_name(&r->t->cfg->optim, i); i++) {
        CRM_ASSERT(i < STATES_MAX);
        CRM_NEW(s->state[i], own_elements(r));
    }
    CRM_NEW(s->w, r->t->size);
    return CRM_OK;
}

/* Own parts of the optimiser's state vector i: to the copy, or back. */
static crm_status move_state(guard *g, int i, bool back)
{
    const engine *e = g->r->engine;
    crm_device *d = g->r->t->worker[0].device;
    float *at = g->back.state[i];
    const char *name;

    for (int k = 0; k < e->n_parts; at += e->part[k].n, k++) {
        size_t bytes = (size_t)e->part[k].n * sizeof *at;
        float *state = crm_optim_state(e->part[k].optim, i, &name);
        if (bytes == 0) continue;
        if (back)
            CRM_TRY(crm_buf_upload(d, state, at, bytes));
        else
            CRM_TRY(crm_buf_download(d, state, at, bytes));
    }
    return CRM_OK;
}

static crm_status move_states(guard *g, bool back)
{
    for (int i = 0; crm_optim_state_name(&g->r->t->cfg->optim, i); i++)
        CRM_TRY(move_state(g, i, back));
    return CRM_OK;
}

static crm_status copy_here(guard *g)
{
    const run *r = g->r;
    snapshot *s = &g->back;

    CRM_TRY(new_copy(g));
    s->step = r->step;
    s->at = r->at;
    s->lr = r->lr;
    s->grad_norm = r->grad_norm;
    s->losses = g->losses;
    memcpy(s->w, r->w, (size_t)r->t->size * sizeof *s->w);
    memcpy(s->lane_loss, r->lane_loss,
           (size_t)(r->t->cfg->train.lanes * r->n_heads) * sizeof *s->lane_loss);
    memcpy(s->labelled, r->labelled, (size_t)r->n_heads * sizeof *s->labelled);
    CRM_TRY(move_states(g, false));
    s->there = true;
    return CRM_OK;
}

static crm_status go_back(guard *g)
{
    run *r = g->r;
    const snapshot *s = &g->back;

    CRM_ASSERT(s->there);
    r->step = s->step;
    r->at = s->at;
    r->lr = s->lr;
    r->grad_norm = s->grad_norm;
    g->losses = s->losses;
    memcpy(r->w, s->w, (size_t)r->t->size * sizeof *s->w);
    memcpy(r->lane_loss, s->lane_loss,
           (size_t)(r->t->cfg->train.lanes * r->n_heads) * sizeof *s->lane_loss);
    memcpy(r->labelled, s->labelled, (size_t)r->n_heads * sizeof *s->labelled);
    crm_check_over(g->check);
    CRM_TRY(move_states(g, true));
    return r->engine->class->restore(r->engine);
}

crm_status crm_guard_begin(guard *g)
{
    const run *r = g->r;
    bool same = g->back.there && g->back.step == r->step;

    if (!needs_copy(g) || same || (g->back.there && r->at > 0)) return CRM_OK;
    return crm_comm_agree(r->t->fit->comm, copy_here(g));
}

/* ---- what is done ---- */

static int policy_of(const guard *g)
{
    return g->spike ? cfg_of(g)->on_spike : cfg_of(g)->on_nonfinite;
}

bool crm_guard_skips_here(const guard *g)
{
    return policy_of(g) == CRM_BAD_SKIP && !g->r->t->place.whole;
}

/* CRM_ERR_NUMERIC with what is wrong with the step that failed; the same on all ranks. */
static crm_status describe(guard *g)
{
    run *r = g->r;

    if (g->spike) {
        if (!g->text[0]) spike_text(g, r->failed, NULL, g->text);
        CRM_FAIL(CRM_ERR_NUMERIC, "%s", g->text);
    }
    /* An engine that is ahead has other weights by now. */
    if (!g->infinite || !r->t->place.whole)
        CRM_TRY(crm_comm_agree(r->t->fit->comm, r->engine->class->name_nonfinite(r->engine)));
    CRM_FAIL(CRM_ERR_NUMERIC, "epoch %u, step %lld: the %s; lower %s", r->epoch,
             (long long)r->failed,
             g->infinite ? "loss of the batch is not finite" : "sum of the gradients overflows",
             crm_run_lr_key(r));
}

static crm_status count_bad(guard *g)
{
    trainer *t = g->r->t;

    CRM_CHECK(t->bad_steps < cfg_of(g)->max_bad_steps, CRM_ERR_NUMERIC,
              "%s; %lld steps of this fit went wrong before, more are not left out "
              "(train.max_bad_steps)",
              g->text, (long long)t->bad_steps);
    t->bad_steps++;
    return CRM_OK;
}

static crm_status skip(guard *g)
{
    run *r = g->r;
    char text[TEXT_MAX + 64];

    snprintf(text, sizeof text, "%s; the step is left out", g->text);
    say(r, CRM_LOG_WARN, text);
    CRM_TRY(leave_out(g, r->failed));
    return crm_guard_skips_here(g) ? CRM_OK : go_back(g);
}

/* Back to the begin of the epoch; the steps before the one that failed may have led there. */
static crm_status roll_back(guard *g)
{
    run *r = g->r;
    int64_t begin = (int64_t)(r->epoch - 1) * r->feed->steps, first = r->failed;
    char text[TEXT_MAX + 96];

    first = r->failed - cfg_of(g)->rollback_span;
    if (first <= begin) first = begin + 1;
    snprintf(text, sizeof text, "%s; the epoch is repeated without steps %lld to %lld", g->text,
             (long long)first, (long long)r->failed);
    say(r, CRM_LOG_WARN, text);
    for (int64_t s = first; s <= r->failed; s++)
        CRM_TRY(leave_out(g, s));
    return go_back(g);
}

crm_status crm_guard_failed(guard *g)
{
    run *r = g->r;
    int policy = policy_of(g);
    crm_status st = describe(g);

    if (st != CRM_ERR_NUMERIC || policy == CRM_BAD_STOP) return st;
    snprintf(g->text, sizeof g->text, "%s", crm_err_text());
    crm_err_clear();
    CRM_TRY(count_bad(g));
    st = policy == CRM_BAD_SKIP ? skip(g) : roll_back(g);
    g->text[0] = '\0';
    g->spike = g->infinite = false;
    r->failed = 0;
    return crm_comm_agree(r->t->fit->comm, st);
}

void crm_guard_tell(const trainer *t)
{
    if (t->left_out > 0 && crm_comm_rank(t->fit->comm) == 0)
        crm_log_line(CRM_LOG_WARN, "train",
                     "%lld step%s of this fit %s left out (train.on_nonfinite, "
                     "train.on_spike)",
                     (long long)t->left_out, t->left_out == 1 ? "" : "s",
                     t->left_out == 1 ? "was" : "were");
}

/* ---- in a saved state ---- */

static crm_status put_window(const window *w, const char *name, crm_bag *b)
{
    char seen[CRM_BAG_NAME_MAX];
    int64_t n = WINDOW;

    snprintf(seen, sizeof seen, "%s_seen", name);
    CRM_TRY(crm_bag_put_i64(b, seen, w->n));
    return crm_bag_put(b, name, CRM_F64, 1, &n, w->x);
}

static crm_status get_count(const crm_bag *b, const char *name, int64_t most, int64_t *v)
{
    CRM_TRY(crm_bag_get_i64(b, name, v));
    CRM_CHECK(*v >= 0 && *v <= most, CRM_ERR_FORMAT,
              "the saved state has %s %lld, possible here: 0 to %lld", name, (long long)*v,
              (long long)most);
    return CRM_OK;
}

static crm_status get_window(const guard *g, const crm_bag *b, const char *name, window *w)
{
    char seen[CRM_BAG_NAME_MAX];
    const crm_bag_array *a;

    snprintf(seen, sizeof seen, "%s_seen", name);
    CRM_TRY(get_count(b, seen, g->r->step, &w->n));
    CRM_TRY(crm_bag_get(b, name, CRM_F64, WINDOW, &a));
    memcpy(w->x, a->data, sizeof w->x);
    return CRM_OK;
}

static crm_status put_own(const guard *g, crm_bag *b)
{
    const trainer *t = g->r->t;

    CRM_TRY(crm_bag_put_i64(b, "fit/guard/bad", t->bad_steps));
    CRM_TRY(crm_bag_put_i64(b, "fit/guard/left_out", t->left_out));
    CRM_TRY(crm_bag_put_i64(b, "fit/guard/spikes", t->spikes));
    CRM_TRY(crm_bag_put_i64(b, "fit/guard/steps_count", g->n_left));
    if (g->n_left > 0) CRM_TRY(crm_bag_put(b, "fit/guard/steps", CRM_I64, 1, &g->n_left, g->left));
    CRM_TRY(put_window(&g->losses, "fit/guard/losses", b));
    if (!needs_begin(g) || g->r->ended) return CRM_OK;
    CRM_TRY(crm_bag_put_f64(b, "fit/guard/begin/grad_norm", g->back.grad_norm));
    CRM_TRY(put_window(&g->back.losses, "fit/guard/begin/losses", b));
    return crm_bag_put(b, "fit/guard/begin/weights", CRM_F32, 1, &t->size, g->back.w);
}

static void begin_name(const char *state, char out[CRM_BAG_NAME_MAX])
{
    snprintf(out, CRM_BAG_NAME_MAX, "fit/guard/begin/%s", state);
}

crm_status crm_guard_save(guard *g, crm_bag *b)
{
    run *r = g->r;
    char name[CRM_BAG_NAME_MAX];
    const char *state;

    CRM_TRY(crm_comm_agree(r->t->fit->comm, b ? put_own(g, b) : CRM_OK));
    if (!needs_begin(g) || r->ended) return CRM_OK;
    for (int i = 0; (state = crm_optim_state_name(&r->t->cfg->optim, i)); i++) {
        begin_name(state, name);
        CRM_TRY(crm_state_join(r, g->back.state[i], name, b));
    }
    return CRM_OK;
}

static crm_status get_steps(guard *g, const crm_bag *b)
{
    const run *r = g->r;
    const crm_bag_array *a;
    int64_t n, end = r->epoch * r->feed->steps;

    CRM_TRY(get_count(b, "fit/guard/steps_count", end, &n));
    if (n > 0) CRM_TRY(crm_bag_get(b, "fit/guard/steps", CRM_I64, n, &a));
    for (int64_t i = 0; i < n; i++) {
        int64_t step = ((const int64_t *)a->data)[i];
        CRM_CHECK(step >= 1 && step <= end, CRM_ERR_FORMAT,
                  "the saved state has step %lld in fit/guard/steps, possible here: 1 to %lld",
                  (long long)step, (long long)end);
        CRM_TRY(leave_out(g, step));
    }
    return CRM_OK;
}

static crm_status get_counts(guard *g, const crm_bag *b)
{
    const crm_train_cfg *cfg = cfg_of(g);
    trainer *t = g->r->t;

    /* Of a fit with another train.max_bad_steps, perhaps. */
    CRM_TRY(get_count(b, "fit/guard/bad", CRM_BAD_STEPS_MAX, &t->bad_steps));
    CRM_TRY(get_count(b, "fit/guard/spikes", 1, &t->spikes));
    return get_count(b, "fit/guard/left_out", t->bad_steps * (cfg->rollback_span + 1),
                     &t->left_out);
}

static crm_status get_state(guard *g, int i, const char *state, const crm_bag *b)
{
    const engine *e = g->r->engine;
    char name[CRM_BAG_NAME_MAX];
    const crm_bag_array *a;
    float *to = g->back.state[i];

    begin_name(state, name);
    CRM_TRY(crm_bag_get(b, name, CRM_F32, g->r->t->size, &a));
    for (int k = 0; k < e->n_parts; to += e->part[k].n, k++)
        memcpy(to, (const float *)a->data + e->part[k].first, (size_t)e->part[k].n * sizeof *to);
    return CRM_OK;
}

/* The begin of the epoch in the middle of which the state was saved. */
static crm_status get_begin(guard *g, const crm_bag *b)
{
    const run *r = g->r;
    snapshot *s = &g->back;
    const crm_bag_array *a;
    const char *state;

    CRM_TRY(new_copy(g));
    CRM_TRY(crm_bag_get_f64(b, "fit/guard/begin/grad_norm", &s->grad_norm));
    CRM_TRY(get_window(g, b, "fit/guard/begin/losses", &s->losses));
    CRM_TRY(crm_bag_get(b, "fit/guard/begin/weights", CRM_F32, r->t->size, &a));
    memcpy(s->w, a->data, (size_t)a->n * sizeof *s->w);
    for (int i = 0; (state = crm_optim_state_name(&r->t->cfg->optim, i)); i++)
        CRM_TRY(get_state(g, i, state, b));
    s->step = (int64_t)(r->epoch - 1) * r->feed->steps;
    s->at = 0;
    s->lr = r->lr; /* each step sets it */
    s->there = true;
    return CRM_OK;
}

crm_status crm_guard_load(guard *g, const crm_bag *b)
{
    CRM_TRY(get_steps(g, b));
    CRM_TRY(get_counts(g, b));
    CRM_TRY(get_window(g, b, "fit/guard/losses", &g->losses));
    return needs_begin(g) && !g->r->ended ? get_begin(g, b) : CRM_OK;
}
