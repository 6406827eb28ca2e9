/* sweep_others.c - units of this job among those of other jobs: claims, what is left to others. */
#include "sweep_others.h"

#include <stdio.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"

/* Parts of a lease after which a job that has nothing to say gives a sign of life. */
static const double signs = 6;
/* Looks take at most one part of so many of the time of rank 0. */
static const double share_of_looks = 20;

static bool is_gone(void *ctx, const char *file)
{
    const sweep_others *o = ctx;

    return crm_sweep_follow_gone(o->follow, file, o->looked);
}

static crm_status look(sweep_others *o)
{
    double start = crm_clock_now();

    CRM_TRY(crm_sweep_follow_look(o->follow, start));
    o->began = start;
    o->hurry = false;
    o->looked = crm_clock_now();
    o->cost = o->looked - start;
    crm_sweep_follow_place(o->follow, o->looked, &o->place, &o->jobs);
    return CRM_OK;
}

crm_status sweep_others_begin(sweep_others *o, const char *own)
{
    int64_t damaged;

    CRM_TRY(crm_sweep_follow_new(o->dir, o->run, own, o->holds, o->lease, &o->follow));
    CRM_TRY(look(o));
    damaged = crm_sweep_follow_damaged(o->follow, o->looked);
    if (damaged > 0)
        crm_log_line(
            CRM_LOG_WARN, "sweep",
            "%s: %lld lines are torn, damaged or of another run; their units are run again", o->dir,
            (long long)damaged);
    return o->holds ? crm_sweep_ledger_compact(o->dir, o->run, is_gone, o) : CRM_OK;
}

void sweep_others_end(sweep_others *o)
{
    crm_sweep_follow_free(&o->follow);
    crm_mem_free(o->aside.unit);
    crm_mem_free(o->spare.unit);
    crm_mem_free(o->out);
    o->aside = o->spare = (others_list){0};
    o->out = NULL;
    o->n_out = 0;
}

/* ---- which units ---- */

static bool same(const crm_sweep_unit *a, const crm_sweep_unit *b)
{
    return a->search == b->search && a->trial == b->trial && a->rung == b->rung &&
           a->repeat == b->repeat && a->fold == b->fold && a->point == b->point;
}

static int64_t find_out(const sweep_others *o, const crm_sweep_unit *u)
{
    for (int64_t i = 0; i < o->n_out; i++)
        if (same(&o->out[i].unit, u)) return i;
    return -1;
}

/* Of an array, tasks have different units, so claims do not matter; those of an earlier start of
 * this task must not keep it from its own. */
static bool is_for_others(const sweep_others *o, const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    char name[CRM_SWEEP_UNIT_NAME_MAX];

    if (o->anew && find_out(o, u) >= 0) return true;
    if (o->shares > 0) return crm_sweep_plan_number(p, u) % o->shares != o->share;
    crm_sweep_unit_key(u, name);
    return crm_sweep_follow_claimed(o->follow, name, crm_clock_now());
}

static crm_status keep(others_list *l, const crm_sweep_unit *u)
{
    if (l->n == l->cap) {
        int64_t cap = 2 * l->cap + 64;
        crm_sweep_unit *more = crm_mem_grow(l->unit, (size_t)l->n, (size_t)cap, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: units of other jobs");
        l->unit = more;
        l->cap = cap;
    }
    l->unit[l->n++] = *u;
    return CRM_OK;
}

crm_status sweep_others_leave(sweep_others *o, const crm_sweep_plan *p, const crm_sweep_unit *u,
                              bool *left)
{
    *left = is_for_others(o, p, u);
    if (*left) return keep(&o->aside, u);
    *left = crm_sweep_plan_number(p, u) % o->jobs != o->place && o->shares == 0;
    return *left ? keep(&o->spare, u) : CRM_OK;
}

/* Each job begins with units of its own number; the last of the others' is the one that stays
 * longest with them. */
bool sweep_others_spare(sweep_others *o, crm_sweep_unit *u)
{
    if (o->spare.n == 0) return false;
    *u = o->spare.unit[--o->spare.n];
    return true;
}

crm_status sweep_others_give(sweep_others *o, const crm_sweep_unit *u)
{
    if (o->n_out == o->cap_out) {
        int64_t cap = 2 * o->cap_out + 64;
        others_unit *more = crm_mem_grow(o->out, (size_t)o->n_out, (size_t)cap, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: units under way");
        o->out = more;
        o->cap_out = cap;
    }
    o->out[o->n_out++] = (others_unit){.unit = *u};
    return CRM_OK;
}

void sweep_others_done(sweep_others *o, const crm_sweep_unit *u)
{
    int64_t at = find_out(o, u);

    if (at >= 0) o->out[at] = o->out[--o->n_out];
    o->done = crm_clock_now();
}

bool sweep_others_saw_all(sweep_others *o)
{
    o->hurry = o->began <= o->done;
    return !o->hurry;
}

void sweep_others_anew(sweep_others *o)
{
    o->anew = true;
    o->aside.n = o->spare.n = 0;
}

/* ---- telling and looking ---- */

/* Nothing depends on a claim: on a full disk there is none. */
static void say(sweep_others *o, crm_sweep_ledger *ledger, int64_t n,
                const crm_sweep_ledger_entry *e)
{
    o->told = crm_clock_now();
    if (crm_sweep_ledger_claim(ledger, n, e)) crm_err_clear();
}

static crm_status claim(sweep_others *o, crm_sweep_ledger *ledger)
{
    crm_sweep_ledger_entry *e;
    int64_t n = 0;

    CRM_NEW(e, o->n_out + 1);
    for (int64_t i = 0; i < o->n_out; i++) {
        char name[CRM_SWEEP_UNIT_NAME_MAX];
        if (o->out[i].claimed) continue;
        o->out[i].claimed = true;
        crm_sweep_unit_key(&o->out[i].unit, name);
        snprintf(e[n++].name, sizeof e->name, "%s", name);
    }
    if (n > 0) say(o, ledger, n, e);
    crm_mem_free(e);
    return CRM_OK;
}

static crm_status give_back(others_list *l, crm_sweep_plan *p)
{
    while (l->n > 0)
        CRM_TRY(crm_sweep_plan_back(p, &l->unit[--l->n]));
    return CRM_OK;
}

crm_status sweep_others_look(sweep_others *o, crm_sweep_ledger *ledger, crm_sweep_plan *p,
                             bool *revised)
{
    double now = crm_clock_now();

    *revised = false;
    if (now - o->claimed >= o->every / 4) {
        CRM_TRY(claim(o, ledger));
        o->claimed = now;
    }
    if (now - o->told >= o->lease / signs) say(o, ledger, 0, NULL);
    if (!o->hurry && (now - o->looked < o->every || now - o->looked < share_of_looks * o->cost))
        return CRM_OK;
    CRM_TRY(look(o));
    /* What dead jobs have left is put together by the job that holds the run. */
    if (o->holds && crm_sweep_follow_left(o->follow, o->looked) > 0)
        CRM_TRY(crm_sweep_ledger_compact(o->dir, o->run, is_gone, o));
    *revised = crm_sweep_follow_revised(o->follow);
    if (*revised) return CRM_OK;
    CRM_TRY(give_back(&o->aside, p));
    return give_back(&o->spare, p);
}
