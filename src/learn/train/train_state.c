/* train_state.c - the state of a fit between two steps: saved through the hooks, and put back
 * (room train).
 *
 * What is saved knows nothing of ranks, threads and engines: flat vectors are whole and sums are
 * those of all lanes, brought together on rank 0.  No state of a generator is among it: order of
 * rows and dropout are keyed by seed, epoch and row.  Every name is below "fit/":
 *
 * - format, data, of/...: what the state is of, the same in the fit that goes on;
 * - params, param_sizes: likewise, parameters in the order of the flat vector;
 * - member, phase, epochs: the run that was interrupted, and the epochs it is to have;
 * - epoch, at, steps: its place, at of steps batches of the epoch are done;
 * - ended, over: on_epoch was told of the epoch; it was the last one;
 * - weights, optim/<state>: [size];
 * - best, best_epoch: of the validation part; in the search also best_weights, [size];
 * - lane_loss, labelled: [lanes][heads] and [heads], of the epoch so far;
 * - lr, grad_norm: of the last step;
 * - nets/<member>: [size], each net that is finished. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/comm_watchdog.h"
#include "train_engine.h"

enum { FORMAT = 1, NUMBERS = 9 };

/* ---- what a state is of ---- */

typedef struct number {
    const char *name;
    int64_t value;
} number;

static void numbers_of(const trainer *t, number out[NUMBERS])
{
    const crm_train_cfg *c = &t->cfg->train;
    const number all[NUMBERS] = {{"fit/format", FORMAT},
                                 {"fit/of/rows", t->fit->train->n},
                                 {"fit/of/seed", (int64_t)t->fit->seed},
                                 {"fit/of/epochs", c->epochs},
                                 {"fit/of/lanes", c->lanes},
                                 {"fit/of/lane_rows", c->lane_rows},
                                 {"fit/of/members", c->members},
                                 {"fit/of/refit", c->refit},
                                 {"fit/of/heads", t->plan->heads.n}};

    memcpy(out, all, sizeof all);
}

/* The data set and which of its rows are learnt from. */
static crm_status data_of(const trainer *t, char hex[CRM_DIGEST_HEX])
{
    const crm_view *v = t->fit->train;
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_digest(h, crm_data_digest(v->data));
    crm_hash_add_i64(h, t->fit->target);
    crm_hash_add(h, v->row, (size_t)v->n * sizeof *v->row);
    crm_digest_hex(crm_hash_value(h), hex);
    crm_hash_free(&h);
    return CRM_OK;
}

static crm_status put_params(const trainer *t, crm_bag *b)
{
    const crm_params *ps = crm_model_params(t->worker[0].model);
    int64_t n = crm_params_count(ps), *size = NULL;
    const char **name = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, size, n);
    CRM_NEW_TO(st, done, name, n);
    for (int i = 0; i < n; i++) {
        name[i] = crm_params_get(ps, i)->name;
        size[i] = crm_params_get(ps, i)->n;
    }
    CRM_TRY_TO(st, done, crm_bag_put_list(b, "fit/params", n, name));
    st = crm_bag_put(b, "fit/param_sizes", CRM_I64, 1, &n, size);
done:
    crm_mem_free(size);
    crm_mem_free(name);
    return st;
}

static crm_status check_params(const trainer *t, const crm_bag *b)
{
    const crm_params *ps = crm_model_params(t->worker[0].model);
    const char *const *name;
    const crm_bag_array *size;
    int64_t n;

    CRM_TRY(crm_bag_get_list(b, "fit/params", &n, &name));
    CRM_CHECK(n == crm_params_count(ps), CRM_ERR_FORMAT,
              "the saved state has %" PRId64 " parameters, this net %d: it is of other options", n,
              crm_params_count(ps));
    CRM_TRY(crm_bag_get(b, "fit/param_sizes", CRM_I64, n, &size));
    for (int i = 0; i < n; i++) {
        const crm_param *p = crm_params_get(ps, i);
        int64_t saved = ((const int64_t *)size->data)[i];
        CRM_CHECK(strcmp(name[i], p->name) == 0 && saved == p->n, CRM_ERR_FORMAT,
                  "the saved state has %s of %" PRId64 " numbers where this net has %s of %" PRId64
                  ": it is of other options or data",
                  name[i], saved, p->name, p->n);
    }
    return CRM_OK;
}

static crm_status put_identity(const trainer *t, crm_bag *b)
{
    number own[NUMBERS];
    char data[CRM_DIGEST_HEX];

    numbers_of(t, own);
    for (int i = 0; i < NUMBERS; i++)
        CRM_TRY(crm_bag_put_i64(b, own[i].name, own[i].value));
    CRM_TRY(data_of(t, data));
    CRM_TRY(crm_bag_put_text(b, "fit/data", data));
    return put_params(t, b);
}

static crm_status check_identity(const trainer *t, const crm_bag *b)
{
    number own[NUMBERS];
    char data[CRM_DIGEST_HEX];
    const char *saved;
    int64_t v;

    numbers_of(t, own);
    for (int i = 0; i < NUMBERS; i++) {
        CRM_TRY(crm_bag_get_i64(b, own[i].name, &v));
        CRM_CHECK(v == own[i].value, CRM_ERR_FORMAT,
                  "the saved state has %s %" PRId64 ", this fit %" PRId64
                  ": it is of other options or data",
                  own[i].name, v, own[i].value);
    }
    CRM_TRY(data_of(t, data));
    CRM_TRY(crm_bag_get_text(b, "fit/data", &saved));
    CRM_CHECK(strcmp(saved, data) == 0, CRM_ERR_FORMAT,
              "the saved state is of data %s, this fit of %s (digests of data and rows)", saved,
              data);
    return check_params(t, b);
}

/* ---- saving ---- */

static bool searches(const trainer *t)
{
    return strcmp(t->phase, CRM_PHASE_SEARCH) == 0;
}

static crm_status put_vector(const run *r, const char *name, const float *v, crm_bag *b)
{
    return crm_bag_put(b, name, CRM_F32, 1, &r->t->size, v);
}

static crm_status put_place(const run *r, crm_bag *b)
{
    const number at[] = {{"fit/member", r->t->member},  {"fit/epochs", r->epochs},
                         {"fit/epoch", r->epoch},       {"fit/at", r->at},
                         {"fit/steps", r->feed->steps}, {"fit/ended", r->ended},
                         {"fit/over", r->over},         {"fit/best_epoch", r->best_epoch}};
    int64_t n_heads = r->n_heads;

    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        CRM_TRY(crm_bag_put_i64(b, at[i].name, at[i].value));
    CRM_TRY(crm_bag_put_text(b, "fit/phase", r->t->phase));
    CRM_TRY(crm_bag_put_f64(b, "fit/best", r->best));
    CRM_TRY(crm_bag_put_f64(b, "fit/lr", r->lr));
    CRM_TRY(crm_bag_put_f64(b, "fit/grad_norm", r->grad_norm));
    return crm_bag_put(b, "fit/labelled", CRM_I64, 1, &n_heads, r->labelled);
}

static void net_name(int64_t member, char *out, size_t cap)
{
    snprintf(out, cap, "fit/nets/%" PRId64, member);
}

/* What every rank has. */
static crm_status put_own(const run *r, crm_bag *b)
{
    char name[CRM_BAG_NAME_MAX];

    CRM_TRY(put_identity(r->t, b));
    CRM_TRY(put_place(r, b));
    CRM_TRY(put_vector(r, "fit/weights", r->w, b));
    if (searches(r->t)) CRM_TRY(put_vector(r, "fit/best_weights", r->best_w, b));
    for (int64_t m = 0; m < r->t->member; m++) {
        net_name(m, name, sizeof name);
        CRM_TRY(put_vector(r, name, r->t->w[m], b));
    }
    return CRM_OK;
}

/* A slice of a vector as it is sent: this, then its n numbers. */
typedef struct slice {
    int64_t first, n;
} slice;

/* Elements of this rank's parts, own[] one part behind the other. */
static crm_status pack_slices(const run *r, const float *own, char **out, size_t *bytes)
{
    const engine *e = r->engine;
    char *to;

    *bytes = 0;
    for (int k = 0; k < e->n_parts; k++)
        *bytes += sizeof(slice) + (size_t)e->part[k].n * sizeof(float);
    CRM_NEW(*out, *bytes);
    to = *out;
    for (int k = 0; k < e->n_parts; k++) {
        slice s = {e->part[k].first, e->part[k].n};
        size_t length = (size_t)s.n * sizeof(float);
        memcpy(to, &s, sizeof s);
        to += sizeof s;
        memcpy(to, own, length);
        own += s.n;
        to += length;
    }
    return CRM_OK;
}

static crm_status unpack_slices(const char *from, size_t bytes, int64_t size, float *out)
{
    const char *end = from + bytes;
    int64_t filled = 0;
    slice s;

    for (; from < end; from += (size_t)s.n * sizeof *out) {
        memcpy(&s, from, sizeof s);
        from += sizeof s;
        CRM_ASSERT(s.first >= 0 && s.n >= 0 && s.first + s.n <= size);
        memcpy(out + s.first, from, (size_t)s.n * sizeof *out);
        filled += s.n;
    }
    CRM_ASSERT(filled == size);
    return CRM_OK;
}

static crm_status put_slices(const run *r, const char *name, const char *all, size_t bytes,
                             crm_bag *b)
{
    float *whole;
    crm_status st;

    CRM_NEW(whole, r->t->size);
    st = unpack_slices(all, bytes, r->t->size, whole);
    if (!st) st = put_vector(r, name, whole, b);
    crm_mem_free(whole);
    return st;
}

crm_status crm_state_join(const run *r, const float *own, const char *name, crm_bag *b)
{
    crm_comm *comm = r->t->fit->comm;
    char *mine = NULL;
    void *all = NULL;
    size_t bytes = 0, total = 0;
    crm_status st = crm_comm_agree(comm, pack_slices(r, own, &mine, &bytes));

    if (!st) st = crm_comm_gather(comm, 0, mine, bytes, &all, &total, NULL);
    crm_mem_free(mine);
    if (!st) st = crm_comm_agree(comm, b ? put_slices(r, name, all, total, b) : CRM_OK);
    crm_mem_free(all);
    return st;
}

/* Own parts of state vector i of the optimiser. */
static crm_status fetch_state(const run *r, int i, float **out)
{
    const engine *e = r->engine;
    const char *name;
    int64_t n = 0;

    for (int k = 0; k < e->n_parts; k++)
        n += e->part[k].n;
    CRM_NEW(*out, n);
    n = 0;
    for (int k = 0; k < e->n_parts; n += e->part[k].n, k++)
        if (e->part[k].n > 0)
            CRM_TRY(crm_buf_download(r->t->worker[0].device,
                                     crm_optim_state(e->part[k].optim, i, &name), *out + n,
                                     (size_t)e->part[k].n * sizeof **out));
    return CRM_OK;
}

/* State vector i of the optimiser into b, on rank 0. */
static crm_status gather_vector(run *r, int i, const char *state, crm_bag *b)
{
    char name[CRM_BAG_NAME_MAX];
    float *own = NULL;
    crm_status st = crm_comm_agree(r->t->fit->comm, fetch_state(r, i, &own));

    snprintf(name, sizeof name, "fit/optim/%s", state);
    if (!st) st = crm_state_join(r, own, name, b);
    crm_mem_free(own);
    return st;
}

/* Losses of the epoch so far, of all lanes: ranks have them in order. */
static crm_status gather_losses(run *r, crm_bag *b)
{
    crm_comm *comm = r->t->fit->comm;
    const feed *f = r->feed;
    int64_t dim[] = {r->t->cfg->train.lanes, r->n_heads};
    void *all = NULL;
    size_t total;
    crm_status st = crm_comm_gather(comm, 0, r->lane_loss + f->first_lane * r->n_heads,
                                    (size_t)(f->n_lanes * r->n_heads) * sizeof *r->lane_loss, &all,
                                    &total, NULL);

    if (!st)
        st = crm_comm_agree(comm,
                            b ? crm_bag_put(b, "fit/lane_loss", CRM_F64, 2, dim, all) : CRM_OK);
    crm_mem_free(all);
    return st;
}

/* *out: NULL but on rank 0. */
static crm_status make_state(run *r, crm_bag **out)
{
    crm_comm *comm = r->t->fit->comm;
    const crm_optim_cfg *optim = &r->t->cfg->optim;
    crm_status st = CRM_OK;

    if (crm_comm_rank(comm) == 0) st = crm_bag_new(out);
    if (!st && *out) st = put_own(r, *out);
    CRM_TRY(crm_comm_agree(comm, st));
    CRM_TRY(gather_losses(r, *out));
    for (int i = 0; crm_optim_state_name(optim, i); i++)
        CRM_TRY(gather_vector(r, i, crm_optim_state_name(optim, i), *out));
    return crm_guard_save(r->guard, *out);
}

static crm_status save_state(run *r, const crm_boundary *at)
{
    const crm_hooks *h = &r->t->fit->hooks;
    crm_bag *state = NULL;
    crm_status st;

    if (!r->ended) CRM_TRY(r->engine->class->settle(r->engine));
    if (r->failed) return CRM_OK;
    CRM_TRY(crm_check_now(crm_guard_check(r->guard), r->w));
    crm_watchdog_disarm();
    st = make_state(r, &state);
    if (!st) st = crm_comm_agree(r->t->fit->comm, h->save(h->ctx, at, state));
    crm_bag_free(&state);
    return st;
}

static crm_status pause_here(const run *r, bool saved)
{
    char net[32] = "";

    if (r->t->cfg->train.members > 1) snprintf(net, sizeof net, " of net %d", r->t->member + 1);
    CRM_FAIL(CRM_ERR_STOPPED, "stopped at step %" PRId64 " of phase %s%s; %s", r->step, r->t->phase,
             net,
             saved ? "run again to go on from there"
                   : "nothing of this fit was saved, run again to repeat it");
}

crm_status crm_run_boundary(run *r, crm_hook_answer told)
{
    const crm_hooks *h = &r->t->fit->hooks;
    const crm_boundary at = {.phase = r->t->phase,
                             .member = r->t->member,
                             .epoch = r->epoch,
                             .step = r->step,
                             .epoch_end = r->ended};
    crm_hook_answer answer = told == CRM_HOOK_PAUSE ? CRM_HOOK_PAUSE : CRM_HOOK_GO;

    if (answer == CRM_HOOK_GO && h->ask) CRM_TRY(h->ask(h->ctx, &at, &answer));
    if (h->save && (answer == CRM_HOOK_SAVE || answer == CRM_HOOK_PAUSE))
        CRM_TRY(save_state(r, &at));
    if (answer == CRM_HOOK_PAUSE && !r->failed) return pause_here(r, h->save != NULL);
    return CRM_OK;
}

/* ---- going on ---- */

static crm_status get_within(const crm_bag *b, const char *name, int64_t least, int64_t most,
                             int64_t *v)
{
    CRM_TRY(crm_bag_get_i64(b, name, v));
    CRM_CHECK(*v >= least && *v <= most, CRM_ERR_FORMAT,
              "the saved state has %s %" PRId64 ", possible here: %" PRId64 " to %" PRId64, name,
              *v, least, most);
    return CRM_OK;
}

static crm_status get_bool(const crm_bag *b, const char *name, bool *v)
{
    int64_t n;

    CRM_TRY(get_within(b, name, 0, 1, &n));
    *v = n == 1;
    return CRM_OK;
}

static crm_status get_vector(const crm_bag *b, const char *name, int64_t size, float *v)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_F32, size, &a));
    memcpy(v, a->data, (size_t)size * sizeof *v);
    return CRM_OK;
}

static crm_status get_phase(const crm_bag *b, const char **phase)
{
    static const char *const known[] = {CRM_PHASE_FIT, CRM_PHASE_SEARCH, CRM_PHASE_REFIT};
    const char *text;

    CRM_TRY(crm_bag_get_text(b, "fit/phase", &text));
    *phase = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i]) == 0) *phase = known[i];
    CRM_CHECK(*phase, CRM_ERR_FORMAT,
              "the saved state has phase '%s', possible: fit, search, refit", text);
    return CRM_OK;
}

crm_status crm_state_open(trainer *t)
{
    const crm_bag *b = t->fit->hooks.resume_from;
    const crm_train_cfg *cfg = &t->cfg->train;
    char name[CRM_BAG_NAME_MAX];
    resume from = {.bag = b};
    bool refit;

    if (!b) return CRM_OK;
    CRM_TRY(check_identity(t, b));
    CRM_TRY(get_within(b, "fit/member", 0, cfg->members - 1, &from.member));
    CRM_TRY(get_phase(b, &from.phase));
    refit = strcmp(from.phase, CRM_PHASE_REFIT) == 0;
    CRM_TRY(get_within(b, "fit/epochs", refit ? 1 : cfg->epochs, cfg->epochs, &from.epochs));
    for (int64_t m = 0; m < from.member; m++) {
        net_name(m, name, sizeof name);
        CRM_TRY(get_vector(b, name, t->size, t->w[m]));
    }
    t->resume = from;
    return CRM_OK;
}

static crm_status get_place(run *r, const crm_bag *b)
{
    int64_t steps = r->feed->steps, epoch;

    CRM_TRY(get_within(b, "fit/steps", steps, steps, &steps));
    CRM_TRY(get_within(b, "fit/epoch", 1, r->epochs, &epoch));
    CRM_TRY(get_within(b, "fit/at", steps > 0, steps, &r->at));
    CRM_TRY(get_bool(b, "fit/ended", &r->ended));
    CRM_TRY(get_bool(b, "fit/over", &r->over));
    CRM_CHECK(!r->ended || r->at == steps, CRM_ERR_FORMAT,
              "the saved state is at the end of an epoch after %" PRId64 " of %" PRId64 " steps",
              r->at, steps);
    CRM_CHECK(!r->over || r->ended, CRM_ERR_FORMAT,
              "the saved state is at the end of a run in the middle of an epoch");
    CRM_TRY(get_within(b, "fit/best_epoch", 0, epoch, &r->best_epoch));
    CRM_TRY(crm_bag_get_f64(b, "fit/best", &r->best));
    CRM_TRY(crm_bag_get_f64(b, "fit/lr", &r->lr));
    CRM_TRY(crm_bag_get_f64(b, "fit/grad_norm", &r->grad_norm));
    r->epoch = (uint32_t)epoch;
    r->step = (epoch - 1) * steps + r->at;
    return CRM_OK;
}

/* At the end of an epoch its sums are done with: the next one begins from zero. */
static crm_status get_sums(run *r, const crm_bag *b)
{
    int64_t n = r->t->cfg->train.lanes * r->n_heads;
    const crm_bag_array *loss, *count;

    CRM_TRY(crm_bag_get(b, "fit/lane_loss", CRM_F64, n, &loss));
    CRM_TRY(crm_bag_get(b, "fit/labelled", CRM_I64, r->n_heads, &count));
    for (int h = 0; h < r->n_heads; h++) {
        int64_t k = ((const int64_t *)count->data)[h];
        CRM_CHECK(k >= 0 && k <= r->at, CRM_ERR_FORMAT,
                  "the saved state has fit/labelled %" PRId64 " after %" PRId64 " steps", k, r->at);
    }
    if (r->ended) return CRM_OK;
    memcpy(r->lane_loss, loss->data, (size_t)n * sizeof *r->lane_loss);
    memcpy(r->labelled, count->data, (size_t)r->n_heads * sizeof *r->labelled);
    return CRM_OK;
}

/* Slices of this rank of state vector i of the optimiser. */
static crm_status get_slices(run *r, int i, const char *state, const crm_bag *b)
{
    engine *e = r->engine;
    char name[CRM_BAG_NAME_MAX];
    const crm_bag_array *a;

    snprintf(name, sizeof name, "fit/optim/%s", state);
    CRM_TRY(crm_bag_get(b, name, CRM_F32, r->t->size, &a));
    for (int k = 0; k < e->n_parts; k++) {
        const part *p = &e->part[k];
        if (p->n > 0)
            CRM_TRY(crm_buf_upload(r->t->worker[0].device, crm_optim_state(p->optim, i, &state),
                                   (const float *)a->data + p->first,
                                   (size_t)p->n * sizeof(float)));
    }
    return CRM_OK;
}

static crm_status resume_local(run *r)
{
    const trainer *t = r->t;
    const crm_bag *b = t->resume.bag;

    CRM_CHECK(t->member == t->resume.member && strcmp(t->phase, t->resume.phase) == 0,
              CRM_ERR_FORMAT, "the saved state is of phase %s, which this fit does not have",
              t->resume.phase);
    CRM_TRY(get_place(r, b));
    CRM_TRY(get_sums(r, b));
    CRM_TRY(get_vector(b, "fit/weights", t->size, r->w));
    CRM_TRY(get_vector(b, searches(t) ? "fit/best_weights" : "fit/weights", t->size, r->best_w));
    for (int i = 0; crm_optim_state_name(&t->cfg->optim, i); i++)
        CRM_TRY(get_slices(r, i, crm_optim_state_name(&t->cfg->optim, i), b));
    CRM_TRY(crm_guard_load(r->guard, b));
    return r->engine->class->restore(r->engine);
}

crm_status crm_run_resume(run *r)
{
    crm_status st = crm_comm_agree(r->t->fit->comm, resume_local(r));

    r->t->resume.bag = NULL;
    return st;
}
