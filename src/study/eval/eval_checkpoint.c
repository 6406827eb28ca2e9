/* eval_checkpoint.c - when the unit at hand is saved, what its checkpoint holds beside the state of
 * the fit, and how it goes on from one.
 *
 * The first rank of a group decides by its clock and its count of steps, every rank tells whether a
 * signal came to it, and one maximum over the group makes that one answer: a checkpoint changes no
 * number, so no result depends on when one was made. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "eval_impl.h"

#define CHECKPOINT_KIND "crmpi-checkpoint-1"

static bool is_first(const study *s)
{
    return crm_comm_rank(s->group) == 0;
}

/* ---- the decision ---- */

/* Steps that were done since the last place of this fit. */
static int64_t steps_since(const keeper *k, const crm_boundary *at)
{
    bool same = k->member == at->member && strcmp(k->phase, at->phase) == 0;

    return at->step - (same ? k->step : 0);
}

static void move_to(keeper *k, const crm_boundary *at)
{
    k->done += steps_since(k, at);
    k->member = at->member;
    k->epoch = at->epoch;
    k->step = at->step;
    snprintf(k->phase, sizeof k->phase, "%s", at->phase);
}

/* Wanted since a place before this one counts: it was put off then. */
static bool is_due(keeper *k, const crm_boundary *at)
{
    const crm_ckpt_cfg *cfg = k->study->e->ckpt;
    const study *s = k->study;
    double now = crm_clock_now();

    k->wanted = k->wanted || (cfg->epochs && at->epoch_end) ||
                (cfg->steps > 0 && k->done - k->saved >= cfg->steps) ||
                (cfg->minutes > 0 && now - k->saved_at >= 60 * cfg->minutes);
    if (!k->wanted || cfg->cost <= 0) return k->wanted;
    return s->spent + s->expected <= cfg->cost * (now - s->begun);
}

static crm_status ask(void *ctx, const crm_boundary *at, crm_hook_answer *answer)
{
    static const crm_hook_answer answers[] = {CRM_HOOK_GO, CRM_HOOK_SAVE, CRM_HOOK_PAUSE};
    keeper *k = ctx;
    int64_t wish = 0;

    k->asked = true;
    move_to(k, at);
    if (is_first(k->study) && is_due(k, at)) wish = 1;
    if (crm_study_wants_stop(k->study)) wish = 2;
    CRM_TRY(crm_comm_max_i64(k->study->group, &wish, 1));
    k->pausing = wish == 2;
    k->asked_at = crm_clock_now();
    *answer = answers[wish];
    return CRM_OK;
}

/* ---- saving ---- */

static crm_status unit_folder(const study *s, const unit *u, char *out, size_t cap)
{
    char name[UNIT_NAME_MAX + sizeof CHECKPOINTS_DIR + 1];

    snprintf(name, sizeof name, CHECKPOINTS_DIR "/%s", u->name);
    return crm_record_path(s->e->record, name, out, cap);
}

/* What tells that a checkpoint is of this unit of this run, and where the unit stands. */
static crm_status put_place(const keeper *k, crm_bag *b)
{
    char hex[CRM_DIGEST_HEX];

    CRM_TRY(crm_bag_put_text(b, "run", crm_digest_hex(k->study->e->run, hex)));
    CRM_TRY(crm_bag_put_text(b, "name", k->unit->name));
    CRM_TRY(crm_bag_put_text(b, "phase", k->phase));
    CRM_TRY(crm_bag_put_i64(b, "member", k->member));
    CRM_TRY(crm_bag_put_i64(b, "epoch", k->epoch));
    CRM_TRY(crm_bag_put_i64(b, "step", k->step));
    CRM_TRY(crm_bag_put_i64(b, "done", k->done));
    CRM_TRY(crm_bag_put_f64(b, "seconds", k->seconds + crm_clock_now() - k->begun));
    return crm_history_save(k->history, b);
}

static crm_status write(keeper *k, crm_bag *state)
{
    int64_t number = k->done > k->number ? k->done : k->number + 1;
    char dir[CRM_PATH_MAX];
    crm_status st;

    CRM_ASSERT(state);
    CRM_TRY(unit_folder(k->study, k->unit, dir, sizeof dir));
    CRM_TRY(crm_bag_push(state, "unit"));
    st = put_place(k, state);
    crm_bag_pop(state);
    if (!st) st = crm_ckpt_write(dir, CHECKPOINT_KIND, number, state);
    if (!st) k->number = number;
    return st;
}

static const char *phase_text(const keeper *k)
{
    if (strcmp(k->phase, CRM_PHASE_SEARCH) == 0) return " of the search";
    if (strcmp(k->phase, CRM_PHASE_REFIT) == 0) return " of the refit";
    return "";
}

/* "step 812 of the search, epoch 7" */
static void place_text(const keeper *k, char *out, size_t cap)
{
    char net[32] = "";

    if (k->member > 0) snprintf(net, sizeof net, " of net %d", k->member + 1);
    snprintf(out, cap, "step %lld%s%s, epoch %lld", (long long)k->step, phase_text(k), net,
             (long long)k->epoch);
}

/* A day of work is not given up because a disk is full: the run goes on, and so does its stop. */
static void tell_written(keeper *k, crm_status st)
{
    study *s = k->study;
    char place[96];

    place_text(k, place, sizeof place);
    if (k->pausing && !st)
        snprintf(s->left, sizeof s->left, "%s is saved at %s", k->unit->name, place);
    if (k->pausing && st)
        snprintf(s->left, sizeof s->left,
                 "%s could NOT be saved (see the warning) and %s, so that without a remedy a "
                 "restart comes no further than this one",
                 k->unit->name, k->number > 0 ? "goes on at the checkpoint before" : "begins anew");
    if (!st) return;
    crm_log_line(CRM_LOG_WARN, "checkpoint", "%s: not saved at %s: %s; the checkpoints before stay",
                 k->unit->name, place, crm_err_text());
    crm_err_clear();
}

static void count_cost(keeper *k)
{
    study *s = k->study;
    double now = crm_clock_now();

    s->expected = now - k->asked_at;
    s->spent += s->expected;
    s->saves++;
    k->saved = k->done;
    k->saved_at = now;
    k->wanted = false;
}

/* The others wait here until the file is on the disk, not in the next exchange of the fit. */
static crm_status save(void *ctx, const crm_boundary *at, crm_bag *state)
{
    keeper *k = ctx;
    int64_t waited = 0;

    (void)at; /* it is that of ask */
    if (is_first(k->study)) tell_written(k, write(k, state));
    CRM_TRY(crm_comm_max_i64(k->study->group, &waited, 1));
    count_cost(k);
    return CRM_OK;
}

/* ---- going on ---- */

/* First rank: the newest checkpoint that is whole, when there is one. */
static crm_status read_newest(keeper *k)
{
    char dir[CRM_PATH_MAX], hex[CRM_DIGEST_HEX];
    const char *run, *name;

    CRM_TRY(unit_folder(k->study, k->unit, dir, sizeof dir));
    CRM_TRY(crm_ckpt_newest(dir, CHECKPOINT_KIND, &k->from, &k->number));
    if (!k->from) return CRM_OK;
    CRM_TRY(crm_bag_get_text(k->from, "unit/run", &run));
    CRM_TRY(crm_bag_get_text(k->from, "unit/name", &name));
    crm_digest_hex(k->study->e->run, hex);
    CRM_CHECK(strcmp(run, hex) == 0 && strcmp(name, k->unit->name) == 0, CRM_ERR_FORMAT,
              "%s: checkpoint %lld is of %.96s of run %.40s, not of %s of run %s; remove that "
              "folder to begin the unit anew",
              dir, (long long)k->number, name, run, k->unit->name, hex);
    return CRM_OK;
}

static crm_status take_place(keeper *k)
{
    int64_t member;
    const char *phase;

    CRM_TRY(crm_bag_get_text(k->from, "phase", &phase));
    snprintf(k->phase, sizeof k->phase, "%s", phase);
    CRM_TRY(crm_bag_get_i64(k->from, "member", &member));
    k->member = (int)member;
    CRM_TRY(crm_bag_get_i64(k->from, "epoch", &k->epoch));
    CRM_TRY(crm_bag_get_i64(k->from, "step", &k->step));
    CRM_TRY(crm_bag_get_i64(k->from, "done", &k->done));
    CRM_TRY(crm_bag_get_f64(k->from, "seconds", &k->seconds));
    return crm_history_load(k->history, k->from);
}

/* Lines of ranks other than the first of all are warnings or nothing, and this is no warning. */
static void tell_resumed(const keeper *k)
{
    char place[96];

    if (!is_first(k->study) || crm_log_get_level() < CRM_LOG_INFO) return;
    place_text(k, place, sizeof place);
    fprintf(stderr, "crmpi: checkpoint: %s: goes on at %s (checkpoint %lld)\n", k->unit->name,
            place, (long long)k->number);
}

static crm_status take(keeper *k)
{
    crm_status st = crm_bag_push(k->from, "unit");

    if (!st) st = take_place(k);
    crm_bag_pop(k->from);
    return st;
}

crm_status crm_keeper_open(study *s, const unit *u, history *h, keeper *k)
{
    *k = (keeper){.study = s, .unit = u, .history = h, .begun = crm_clock_now()};
    k->saved_at = k->begun;
    if (!s->e->ckpt) return CRM_OK;
    CRM_TRY(crm_comm_agree(s->group, is_first(s) ? read_newest(k) : CRM_OK));
    CRM_TRY(crm_comm_bcast(s->group, 0, &k->number, sizeof k->number));
    CRM_TRY(crm_bag_bcast(s->group, 0, &k->from));
    if (!k->from) return CRM_OK;
    CRM_TRY(crm_comm_agree(s->group, take(k)));
    k->saved = k->done;
    tell_resumed(k);
    return CRM_OK;
}

void crm_keeper_hooks(keeper *k, crm_hooks *hooks)
{
    if (!k->study->e->ckpt) return;
    hooks->ask = ask;
    hooks->save = save;
    hooks->resume_from = k->from;
}

crm_status crm_keeper_judge(const keeper *k, crm_status st)
{
    char why[CRM_ERR_TEXT_MAX], dir[CRM_PATH_MAX];

    if (st != CRM_ERR_FORMAT || !k->from) return st;
    snprintf(why, sizeof why, "%s", crm_err_text());
    CRM_TRY(unit_folder(k->study, k->unit, dir, sizeof dir));
    CRM_FAIL(CRM_ERR_FORMAT, "%s: checkpoint %lld: %s; remove that folder to begin the unit anew",
             dir, (long long)k->number, why);
}

crm_hook_answer crm_keeper_epoch(keeper *k, const crm_epoch *e)
{
    const crm_hooks stop = crm_study_stop_hooks(k->study);

    return k->asked ? CRM_HOOK_GO : stop.on_epoch(stop.ctx, e);
}

void crm_keeper_forget(const study *s, const unit *u)
{
    char dir[CRM_PATH_MAX];
    crm_status st;

    if (!s->e->ckpt) return;
    st = unit_folder(s, u, dir, sizeof dir);
    if (!st) st = crm_ckpt_clear(dir);
    if (!st) return;
    crm_log_line(CRM_LOG_WARN, "checkpoint", "%s", crm_err_text());
    crm_err_clear();
}

void crm_keeper_close(keeper *k)
{
    crm_bag_free(&k->from);
}
