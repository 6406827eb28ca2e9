/* sweep_run.c - searches on ranks: units from the plan to groups, results from groups to ledgers
 * and plan. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_stop.h"
#include "crmpi/eval_inner.h"
#include "crmpi/sweep_run.h"
#include "sweep_others.h"
#include "sweep_result.h"

/* A unit on its way to a group. */
typedef struct task {
    crm_sweep_unit unit;
    double x[CRM_SWEEP_DIMS_MAX];
} task;
_Static_assert(sizeof(task) <= CRM_FARM_BYTES_MAX, "a task fits");

/* And back. */
typedef struct outcome {
    crm_sweep_unit unit;
    double loss, seconds;
    char cause[CRM_SWEEP_LEDGER_CAUSE_MAX]; /* "": it has a loss */
} outcome;
_Static_assert(sizeof(outcome) <= CRM_FARM_BYTES_MAX, "a result fits");

typedef struct runner {
    const crm_sweep *sweep;
    crm_inner *inner;
    crm_sweep_result *out;
    char dir[CRM_PATH_MAX];
    const crm_sweep_ledger_all *known; /* of a review; else NULL            */
    sweep_others others;               /* rank 0 of a search                */
    crm_sweep_ledger *ledger;          /* first ranks of groups, once it is needed; rank 0 */
    char writer[CRM_SWEEP_TAG_MAX + 16];
    double told;
    crm_status broken; /* rank 0: what ended the search while units were taken from the ledger, */
    char why[CRM_ERR_TEXT_MAX]; /* and its text, which the unit under way may clear */
} runner;

/* ---- rank 0: from the plan ---- */

static crm_status take(runner *r, const crm_sweep_unit *u, double loss, double seconds,
                       const char *cause)
{
    bool fresh;

    CRM_TRY(crm_sweep_plan_done(r->out->plan, u, loss, seconds, &fresh));
    return fresh && cause[0] ? sweep_add_failure(r->sweep->cfg, r->out, u, cause) : CRM_OK;
}

static const crm_sweep_ledger_entry *find_result(const runner *r, const char *name)
{
    return r->known ? crm_sweep_ledger_find(r->known, name)
                    : crm_sweep_follow_find(r->others.follow, name);
}

/* The next unit without a result in the ledgers that this job is to run; those with one go into the
 * plan. */
static crm_status next_unknown(runner *r, crm_sweep_unit *u, bool *found)
{
    char name[CRM_SWEEP_UNIT_NAME_MAX];

    while ((*found = crm_sweep_plan_next(r->out->plan, u)) == true) {
        const crm_sweep_ledger_entry *e;
        bool left = false;
        crm_sweep_unit_key(u, name);
        e = find_result(r, name);
        if (!e && !r->known) CRM_TRY(sweep_others_leave(&r->others, r->out->plan, u, &left));
        if (left) continue;
        if (!e) return CRM_OK;
        r->out->before++;
        CRM_TRY(take(r, u, e->loss, e->seconds, e->failed ? e->cause : ""));
    }
    *found = !r->known && sweep_others_spare(&r->others, u);
    return CRM_OK;
}

/* There is no unit to run now.  A task of an array ends with what is known of its share; of those
 * that end at the same time the last one sees what the others have done, so it looks again. */
static crm_farm_answer answer(runner *r)
{
    if (crm_sweep_plan_ended(r->out->plan)) return CRM_FARM_END;
    if (r->others.shares == 0 || r->others.n_out > 0) return CRM_FARM_WAIT;
    return sweep_others_saw_all(&r->others) ? CRM_FARM_END : CRM_FARM_WAIT;
}

static crm_farm_answer next(void *ctx, int ranks, void *out, size_t *bytes)
{
    runner *r = ctx;
    task *t = out;
    crm_sweep_unit u;
    bool found = false;

    (void)ranks;
    r->broken = next_unknown(r, &u, &found);
    if (!r->broken && !found) return answer(r);
    if (!r->broken) r->broken = sweep_others_give(&r->others, &u);
    if (r->broken) {
        snprintf(r->why, sizeof r->why, "%s", crm_err_text());
        return CRM_FARM_END;
    }
    *t = (task){.unit = u};
    memcpy(t->x, crm_sweep_plan_trial(r->out->plan, u.search, u.trial)->x,
           (size_t)r->sweep->models->search[u.search % r->out->n_models].space->n * sizeof *t->x);
    *bytes = sizeof *t;
    return CRM_FARM_TASK;
}

static crm_status done(void *ctx, const void *result, size_t bytes)
{
    runner *r = ctx;
    crm_sweep_ledger_entry e = {.failed = false};
    outcome o;

    (void)bytes;
    memcpy(&o, result, sizeof o);
    sweep_others_done(&r->others, &o.unit);
    e.failed = o.cause[0] != '\0';
    e.loss = o.loss;
    e.seconds = o.seconds;
    crm_sweep_unit_key(&o.unit, e.name);
    memcpy(e.cause, o.cause, sizeof e.cause);
    CRM_TRY(crm_sweep_follow_add(r->others.follow, &e));
    return take(r, &o.unit, o.loss, o.seconds, o.cause);
}

static crm_status make_searches(const crm_sweep_cfg *cfg, const crm_sweep_models *m,
                                crm_sweep_result *out)
{
    crm_search *all;
    crm_status st = CRM_OK;

    CRM_NEW(all, out->n);
    for (int i = 0; i < out->n; i++)
        all[i] = m->search[i % out->n_models];
    st = crm_sweep_plan_new(cfg, out->n, all, &out->plan);
    crm_mem_free(all);
    return st;
}

/* A failure that another job could not confirm: what followed from it is judged again. */
static crm_status plan_anew(runner *r)
{
    crm_sweep_result *out = r->out;

    crm_log_line(CRM_LOG_INFO, "sweep",
                 "a unit that has failed in one job has a result of another, which counts");
    crm_sweep_plan_free(&out->plan);
    crm_mem_free(out->failure);
    out->failure = NULL;
    out->n_failed = 0;
    sweep_others_anew(&r->others);
    return make_searches(r->sweep->cfg, r->sweep->models, out);
}

/* Other jobs, and a line now and then. */
static crm_status look(void *ctx)
{
    runner *r = ctx;
    double now = crm_clock_now();
    int64_t units, of;
    bool revised;

    CRM_TRY(sweep_others_look(&r->others, r->ledger, r->out->plan, &revised));
    if (revised) CRM_TRY(plan_anew(r));
    if (now - r->told < 10) return CRM_OK;
    r->told = now;
    crm_sweep_plan_count(r->out->plan, &units, &of);
    crm_log_line(CRM_LOG_INFO, "sweep", "%lld of %lld units so far known, %lld failed",
                 (long long)units, (long long)of, (long long)r->out->n_failed);
    return CRM_OK;
}

/* ---- a group: a unit ---- */

/* What a trial may come to without harm to the others. */
static bool survives(crm_status st)
{
    return st == CRM_ERR_CONFIG || st == CRM_ERR_NUMERIC || st == CRM_ERR_NOMEM ||
           st == CRM_ERR_FORMAT || st == CRM_ERR_ARG;
}

/* A fit within a farm, which is served and may stop between its steps. */
typedef struct served {
    crm_farm *farm;
    crm_comm *group;
} served;

static bool is_stopping(void *ctx)
{
    return crm_farm_stopping(((served *)ctx)->farm);
}

/* Of nets.  Ranks that share a fit agree now and then. */
static crm_status ask(void *ctx, const crm_boundary *at, crm_hook_answer *answer)
{
    enum { STEPS = 16 };
    const served *s = ctx;
    int64_t stop = crm_farm_stopping(s->farm);

    *answer = CRM_HOOK_GO;
    if (crm_comm_size(s->group) > 1) {
        if (at->step % STEPS != 0 && !at->epoch_end) return CRM_OK;
        CRM_TRY(crm_comm_max_i64(s->group, &stop, 1));
    }
    if (stop) *answer = CRM_HOOK_PAUSE;
    return CRM_OK;
}

static crm_status fit(runner *r, crm_farm *f, crm_comm *group, const task *t,
                      crm_inner_score *score)
{
    const crm_sweep_models *m = r->sweep->models;
    served within = {.farm = f, .group = group};
    const crm_hooks hooks = {.ctx = &within, .ask = ask, .stopping = is_stopping};
    crm_inner_unit u = {.part = t->unit.search / m->n,
                        .repeat = t->unit.repeat,
                        .fold = t->unit.fold,
                        .share = t->unit.resource,
                        .metric = (crm_metric)r->sweep->cfg->metric};
    void *made = NULL;
    crm_status st = m->make(m->ctx, t->unit.search % m->n, t->x, &made, &u.spec);

    *score = (crm_inner_score){.value = (double)NAN};
    st = crm_comm_agree(group, st);
    if (!st) st = crm_inner_run(r->inner, group, &u, &hooks, score);
    m->unmake(m->ctx, made);
    return st;
}

static crm_status write_down(runner *r, const outcome *o, const crm_inner_score *score)
{
    crm_sweep_ledger_entry e = {.failed = o->cause[0] != '\0',
                                .loss = o->loss,
                                .seconds = o->seconds,
                                .result = score->result};

    if (!r->ledger) CRM_TRY(crm_sweep_ledger_open(r->dir, r->writer, r->sweep->e->run, &r->ledger));
    crm_sweep_unit_key(&o->unit, e.name);
    memcpy(e.cause, o->cause, sizeof e.cause);
    return crm_sweep_ledger_add(r->ledger, &e);
}

static crm_status run_unit(void *ctx, crm_farm *f, crm_comm *group, const void *data, size_t bytes,
                           void *result, size_t *result_bytes)
{
    runner *r = ctx;
    crm_metric metric = (crm_metric)r->sweep->cfg->metric;
    crm_inner_score score;
    outcome o = {.loss = (double)NAN};
    task t;
    crm_status st;

    (void)bytes;
    memcpy(&t, data, sizeof t);
    o.unit = t.unit;
    o.seconds = crm_clock_now();
    st = fit(r, f, group, &t, &score);
    o.seconds = crm_clock_now() - o.seconds;
    if (st && !survives(st)) return st;
    if (st)
        snprintf(o.cause, sizeof o.cause, "%s", crm_err_text());
    else if (isnan(score.value))
        snprintf(o.cause, sizeof o.cause, "%s has no meaning on the fold",
                 crm_metric_names[metric]);
    else
        o.loss = crm_metric_direction(metric) > 0 ? -score.value : score.value;
    crm_err_clear();
    st = crm_comm_rank(group) == 0 ? write_down(r, &o, &score) : CRM_OK;
    memcpy(result, &o, sizeof o);
    *result_bytes = sizeof o;
    return crm_comm_agree(group, st);
}

/* ---- the whole ---- */

crm_status crm_sweep_tag(crm_comm *world, char tag[CRM_SWEEP_TAG_MAX])
{
    const char *job = getenv("SLURM_JOB_ID");
    char host[48];

    crm_comm_host(host, sizeof host);
    for (char *c = host; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9')) *c = '-';
    memset(tag, 0, CRM_SWEEP_TAG_MAX);
    snprintf(tag, CRM_SWEEP_TAG_MAX, "%.16s-%.20s-%ld", job ? job : "0", host, (long)getpid());
    return crm_comm_bcast(world, 0, tag, CRM_SWEEP_TAG_MAX);
}

/* Rank 0: what is there of an earlier run and of other jobs, and the plan. */
static crm_status begin(runner *r, const char *tag)
{
    const crm_sweep *s = r->sweep;

    r->others = (sweep_others){.dir = r->dir,
                               .run = s->e->run,
                               .holds = s->holds,
                               .share = s->share,
                               .shares = s->shares,
                               .every = s->cfg->look_s,
                               .lease = s->cfg->lease_s};
    CRM_TRY(crm_path_mkdirs(r->dir));
    CRM_TRY(sweep_others_begin(&r->others, tag));
    CRM_TRY(crm_sweep_ledger_open(r->dir, r->writer, s->e->run, &r->ledger));
    CRM_TRY(s->holds ? crm_sweep_ledger_hold(r->ledger)
                     : crm_sweep_ledger_claim(r->ledger, 0, NULL));
    return make_searches(s->cfg, s->models, r->out);
}

static crm_status make_room(runner *r)
{
    const crm_sweep *s = r->sweep;
    crm_sweep_result *out = r->out;

    CRM_TRY(crm_record_path(s->e->record, CRM_SWEEP_DIR, r->dir, sizeof r->dir));
    CRM_TRY(crm_inner_new(s->e, s->cfg->nested, (int)s->cfg->folds, (int)s->cfg->repeats,
                          (uint64_t)s->cfg->seed, &r->inner));
    CRM_CHECK(s->cfg->nested || crm_inner_parts(r->inner) == 1, CRM_ERR_CONFIG,
              "sweep.nested: 'false', but eval.split has %d test parts; allowed: one, or "
              "sweep.nested: true",
              crm_inner_parts(r->inner));
    CRM_TRY(sweep_size_result(crm_inner_parts(r->inner), s->models->n, out));
    for (int p = 0; p < out->parts; p++)
        crm_inner_place(r->inner, p, &out->repeat[p], &out->fold[p]);
    return CRM_OK;
}

static crm_status tell_stop(const runner *r)
{
    int64_t units = 0, of = 0;

    if (r->out->plan) crm_sweep_plan_count(r->out->plan, &units, &of);
    CRM_TRY(crm_comm_bcast(r->sweep->e->world, 0, &units, sizeof units));
    CRM_FAIL(CRM_ERR_STOPPED,
             "stopped by a signal: %lld units of the sweep are finished; the same command goes on",
             (long long)units);
}

/* Whether all searches have ended, on all ranks. */
static crm_status share_end(runner *r)
{
    crm_sweep_result *out = r->out;
    int64_t ended = out->plan && crm_sweep_plan_ended(out->plan);

    CRM_TRY(crm_comm_bcast(r->sweep->e->world, 0, &ended, sizeof ended));
    out->ended = ended != 0;
    return CRM_OK;
}

static crm_status run_all(runner *r, const crm_farm_cfg *farm)
{
    crm_comm *world = r->sweep->e->world;
    const crm_farm_source source = {.ctx = r, .next = next, .done = done, .look = look};
    const crm_farm_worker worker = {.ctx = r, .run = run_unit};

    CRM_TRY(crm_farm_run(world, farm, &source, &worker, &r->out->use));
    if (r->broken) CRM_SET(r->broken, r->broken, "%s", r->why);
    return crm_comm_agree(world, r->broken);
}

crm_status crm_sweep_search(const crm_sweep *s, crm_sweep_result *out)
{
    crm_comm *world = s->e->world;
    runner r = {.sweep = s, .out = out, .told = crm_clock_now()};
    char tag[CRM_SWEEP_TAG_MAX];
    int sizes[CRM_SWEEP_SIZES_MAX];
    crm_farm_cfg farm = {.sizes = sizes};
    crm_status st, closed = CRM_OK;

    *out = (crm_sweep_result){0};
    CRM_TRY(crm_sweep_tag(world, tag));
    snprintf(r.writer, sizeof r.writer, "%s-%d", tag, crm_comm_rank(world));
    st = crm_sweep_sizes(s->cfg, sizes, &farm.n_sizes);
    if (!st) st = make_room(&r);
    if (!st && crm_comm_rank(world) == 0) st = begin(&r, tag);
    st = crm_comm_agree(world, st);
    if (!st) st = run_all(&r, &farm);
    if (r.ledger) closed = crm_sweep_ledger_close(&r.ledger);
    if (!st) st = crm_comm_agree(world, closed);
    if (!st) st = share_end(&r);
    if (!st && out->ended) st = sweep_share_winners(s, out);
    if (st == CRM_ERR_STOPPED) st = tell_stop(&r);
    crm_inner_free(&r.inner);
    sweep_others_end(&r.others);
    return st;
}

crm_status crm_sweep_review(const crm_sweep_cfg *cfg, const crm_sweep_models *m, int repeats,
                            int folds, const crm_sweep_ledger_all *known, crm_sweep_result *out)
{
    crm_sweep_cfg unlimited = *cfg;
    const crm_sweep s = {.cfg = &unlimited, .models = m};
    runner r = {.sweep = &s, .out = out};
    int parts = cfg->nested ? repeats * folds + 1 : 1;
    crm_sweep_unit u;
    bool found = known != NULL;

    *out = (crm_sweep_result){0};
    unlimited.max_failed = 0;
    r.known = known;
    CRM_TRY(sweep_size_result(parts, m->n, out));
    for (int p = 0; p < parts; p++) {
        bool all = cfg->nested && p == parts - 1;
        out->repeat[p] = all ? -1 : p / folds;
        out->fold[p] = all ? -1 : p % folds;
    }
    CRM_TRY(make_searches(cfg, m, out));
    while (found) /* what is left is taken, and stays without a result */
        CRM_TRY(next_unknown(&r, &u, &found));
    for (int i = 0; i < out->n; i++)
        CRM_TRY(sweep_find_winner(&s, out, i, known));
    return CRM_OK;
}
