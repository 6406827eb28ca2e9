/* sweep_plan.c - units of a sweep: which are ready, which have a result. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "sweep_plan.h"

const char *const crm_scheduler_names[] = {"none",      "median",       "halving",
                                           "hyperband", "asynchronous", NULL};
_Static_assert(sizeof crm_scheduler_names / sizeof *crm_scheduler_names == CRM_SCHEDULER_COUNT + 1,
               "names");
const char *const crm_resource_names[] = {"rows", "folds", NULL};
_Static_assert(sizeof crm_resource_names / sizeof *crm_resource_names == CRM_RESOURCE_COUNT + 1,
               "names");

void crm_sweep_unit_name(const crm_sweep_unit *u, char out[CRM_SWEEP_UNIT_NAME_MAX])
{
    if (u->fold < 0)
        snprintf(out, CRM_SWEEP_UNIT_NAME_MAX, "s%d-t%d-outer", (int)u->search, (int)u->trial);
    else
        snprintf(out, CRM_SWEEP_UNIT_NAME_MAX, "s%d-t%d-k%d-r%d-f%d", (int)u->search, (int)u->trial,
                 (int)u->rung, (int)u->repeat, (int)u->fold);
}

void crm_sweep_unit_key(const crm_sweep_unit *u, char out[CRM_SWEEP_UNIT_NAME_MAX])
{
    size_t n;

    crm_sweep_unit_name(u, out);
    n = strlen(out);
    snprintf(out + n, CRM_SWEEP_UNIT_NAME_MAX - n, "-x%08x", (unsigned)u->point);
}

bool crm_sweep_unit_of(const char *key, crm_sweep_unit *u)
{
    int end = 0, at[5];
    unsigned point;

    *u = (crm_sweep_unit){0};
    if (sscanf(key, "s%d-t%d-k%d-r%d-f%d-x%8x%n", &at[0], &at[1], &at[2], &at[3], &at[4], &point,
               &end) != 6 ||
        key[end])
        return false;
    *u = (crm_sweep_unit){.search = at[0],
                          .trial = at[1],
                          .rung = at[2],
                          .repeat = at[3],
                          .fold = at[4],
                          .point = point};
    return true;
}

/* ---- a unit's place ---- */

/* Units of a rung of folds are those of the rungs before and some more, all kept at rung 0. */
static int64_t place(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    return (int64_t)u->rung * p->units + u->repeat * p->cfg.folds + u->fold;
}

static bool is_of(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    return u->search >= 0 && u->search < p->n && u->trial >= 0 &&
           u->trial < p->search[u->search].n && u->rung >= 0 && u->rung < CRM_RUNGS_MAX &&
           u->repeat >= 0 && u->repeat < p->cfg.repeats && u->fold >= 0 && u->fold < p->cfg.folds;
}

static trial *trial_of(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    return &p->search[u->search].trial[u->trial];
}

static uint32_t point_of(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    return trial_of(p, u)->told.point;
}

/* ---- a unit's number ---- */

int64_t crm_sweep_plan_number(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    return (int64_t)u->trial * p->units + u->repeat * p->cfg.folds + u->fold + u->search + u->rung;
}

/* ---- ready units ----
 *
 * Longest first.  Units of trials that have run wait in a heap by the time that their trial took so
 * far; those of the others wait by search and rung, at the mean time of units like them, and may
 * come to be longer: they go before units of a trial that takes up to SURPRISE times that.
 * Asynchronous halving has no such heap: trials that take long would be the first to go on. */

enum { SURPRISE = 2 };

static bool knows_time(const crm_sweep_plan *p, const trial *t)
{
    return t->timed > 0 && p->cfg.scheduler != CRM_SCHEDULER_ASYNCHRONOUS;
}

static crm_status add_timed(crm_sweep_plan *p, const crm_sweep_unit *u)
{
    trial *t = trial_of(p, u);

    t->state[place(p, u)] = UNIT_TIMED;
    return sweep_heap_push(
        &p->timed,
        (sweep_item){.key = -u->resource * t->seconds / t->timed,
                     .order = p->put++,
                     .value = {(int64_t)u->search * CRM_SWEEP_TRIALS_MAX + u->trial, place(p, u)}});
}

static crm_sweep_unit unit_of(const crm_sweep_plan *p, const sweep_item *x)
{
    int at = (int)(x->value[1] % p->units), folds = (int)p->cfg.folds;
    crm_sweep_unit u = {.search = (int32_t)(x->value[0] / CRM_SWEEP_TRIALS_MAX),
                        .trial = (int32_t)(x->value[0] % CRM_SWEEP_TRIALS_MAX),
                        .rung = (int32_t)(x->value[1] / p->units),
                        .repeat = at / folds,
                        .fold = at % folds};

    u.point = point_of(p, &u);
    u.resource = crm_sweep_plan_share(p, u.search, u.trial, u.rung);
    return u;
}

static crm_status add_waiting(crm_sweep_plan *p, const crm_sweep_unit *u)
{
    waiting *w = &p->search[u->search].wait[u->rung];

    if (knows_time(p, trial_of(p, u))) return add_timed(p, u);
    if (w->first > 0 && w->first + w->n == w->cap) {
        memmove(w->unit, w->unit + w->first, (size_t)w->n * sizeof *w->unit);
        w->first = 0;
    }
    if (w->n == w->cap) {
        int64_t cap = w->cap ? 2 * w->cap : 64;
        crm_sweep_unit *more = crm_mem_grow(w->unit, (size_t)w->cap, (size_t)cap, sizeof *w->unit);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: units of a sweep");
        w->unit = more;
        w->cap = cap;
    }
    w->unit[w->first + w->n++] = *u;
    trial_of(p, u)->state[place(p, u)] = UNIT_READY;
    return CRM_OK;
}

crm_status sweep_plan_ready(crm_sweep_plan *p, int number, int64_t which, int rung, int first,
                            int end, double resource, int64_t *made)
{
    for (int i = first; i < end; i++) {
        crm_sweep_unit u = {.search = number,
                            .trial = (int32_t)which,
                            .rung = rung,
                            .repeat = i / (int32_t)p->cfg.folds,
                            .fold = i % (int32_t)p->cfg.folds,
                            .resource = resource};
        u.point = point_of(p, &u);
        if (trial_of(p, &u)->state[place(p, &u)] != UNIT_NONE) continue;
        CRM_TRY(add_waiting(p, &u));
        p->made++;
        *made += 1;
    }
    return CRM_OK;
}

/* Seconds of units like these, so far as is known. */
static double price(const crm_sweep_plan *p, const search *s, const waiting *w)
{
    double cost = s->of.cost * w->unit[w->first].resource;

    if (w->timed > 0) return w->seconds / (double)w->timed;
    return p->cost > 0 ? cost * (p->seconds / p->cost) : cost;
}

static unit_state state_of(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    return (unit_state)trial_of(p, u)->state[place(p, u)];
}

/* The first that still waits here; false: none. */
static bool find_first(const crm_sweep_plan *p, waiting *w)
{
    for (; w->n > 0; w->first++, w->n--)
        if (state_of(p, &w->unit[w->first]) == UNIT_READY) return true;
    return false;
}

/* The longest whose trial has run; false: none. */
static bool find_timed(crm_sweep_plan *p, crm_sweep_unit *out)
{
    sweep_item passed;

    while (p->timed.n > 0) {
        *out = unit_of(p, &p->timed.item[0]);
        if (state_of(p, out) == UNIT_TIMED) return true;
        (void)sweep_heap_pop(&p->timed, &passed);
    }
    return false;
}

bool crm_sweep_plan_next(crm_sweep_plan *p, crm_sweep_unit *out)
{
    waiting *best = NULL;
    double most = -1;
    sweep_item x;
    bool timed = find_timed(p, out);

    for (int i = 0; i < p->n; i++)
        for (int k = 0; k < CRM_RUNGS_MAX; k++) {
            waiting *w = &p->search[i].wait[k];
            double cost = find_first(p, w) ? price(p, &p->search[i], w) : -1;
            if (cost > most) {
                most = cost;
                best = w;
            }
        }
    if (!best && !timed) return false;
    if (timed && -p->timed.item[0].key > SURPRISE * most) {
        (void)sweep_heap_pop(&p->timed, &x);
    } else {
        *out = best->unit[best->first];
        best->first++;
        best->n--;
    }
    trial_of(p, out)->state[place(p, out)] = UNIT_TAKEN;
    return true;
}

crm_status crm_sweep_plan_back(crm_sweep_plan *p, const crm_sweep_unit *u)
{
    unit_state state = is_of(p, u) ? state_of(p, u) : UNIT_NONE;

    CRM_CHECK(state == UNIT_TAKEN || state == UNIT_DONE, CRM_ERR_ARG,
              "a unit is put back that was not taken");
    return state == UNIT_DONE ? CRM_OK : add_waiting(p, u);
}

/* ---- results ---- */

/* Other units of the trial that wait are now known to take as long. */
static crm_status time_others(crm_sweep_plan *p, const crm_sweep_unit *of)
{
    for (int i = 0; i < p->units; i++) {
        crm_sweep_unit u = *of;
        u.repeat = i / (int32_t)p->cfg.folds;
        u.fold = i % (int32_t)p->cfg.folds;
        if (state_of(p, &u) == UNIT_READY) CRM_TRY(add_timed(p, &u));
    }
    return CRM_OK;
}

static crm_status count_time(crm_sweep_plan *p, const crm_sweep_unit *u, double seconds)
{
    search *s = &p->search[u->search];
    trial *t = trial_of(p, u);
    crm_sweep_unit like = *u;
    bool known = t->timed > 0;

    if (!(seconds >= 0)) return CRM_OK;
    like.resource = crm_sweep_plan_share(p, u->search, u->trial, u->rung);
    s->wait[u->rung].seconds += seconds;
    s->wait[u->rung].timed++;
    p->seconds += seconds;
    p->cost += s->of.cost * like.resource;
    t->seconds += seconds;
    t->timed += like.resource;
    return !known && knows_time(p, t) ? time_others(p, &like) : CRM_OK;
}

crm_status crm_sweep_plan_done(crm_sweep_plan *p, const crm_sweep_unit *u, double loss,
                               double seconds, bool *was_new)
{
    trial *t;
    bracket *b;
    unsigned char *state;

    *was_new = false;
    if (!is_of(p, u) || u->point != point_of(p, u)) return CRM_OK;
    t = trial_of(p, u);
    state = &t->state[place(p, u)];
    if (*state == UNIT_NONE || *state == UNIT_DONE) return CRM_OK;
    *state = UNIT_DONE;
    *was_new = true;
    t->loss[place(p, u)] = loss;
    t->told.done++;
    p->done++;
    CRM_TRY(count_time(p, u, seconds));
    if (p->cfg.scheduler == CRM_SCHEDULER_ASYNCHRONOUS)
        return sweep_search_asynchronous(p, u->search, u->trial);
    b = &p->search[u->search].bracket[t->bracket];
    return --b->missing > 0 ? CRM_OK : sweep_search_judge(p, u->search, t->bracket);
}

bool crm_sweep_plan_has(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    return is_of(p, u) && u->point == point_of(p, u) && state_of(p, u) == UNIT_DONE;
}

/* ---- the whole ---- */

crm_status crm_sweep_plan_new(const crm_sweep_cfg *cfg, int n, const crm_search *of,
                              crm_sweep_plan **out)
{
    crm_sweep_plan *p;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(p, 1);
    p->cfg = *cfg;
    p->units = (int)(cfg->folds * cfg->repeats);
    CRM_NEW_TO(st, end, p->search, n);
    p->n = n;
    for (int i = 0; i < n; i++)
        p->search[i].of = of[i];
    for (int i = 0; i < n && !st; i++)
        st = sweep_search_begin(p, i);
end:
    if (st)
        crm_sweep_plan_free(&p);
    else
        *out = p;
    return st;
}

static void free_search(search *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        crm_mem_free(s->trial[i].told.x);
        crm_mem_free(s->trial[i].state);
        crm_mem_free(s->trial[i].loss);
    }
    for (int k = 0; k < CRM_RUNGS_MAX; k++)
        crm_mem_free(s->wait[k].unit);
    sweep_ladder_free(s);
    crm_mem_free(s->trial);
    crm_mem_free(s->bracket);
}

void crm_sweep_plan_free(crm_sweep_plan **p)
{
    if (!*p) return;
    for (int i = 0; i < (*p)->n; i++)
        free_search(&(*p)->search[i]);
    sweep_heap_free(&(*p)->timed);
    crm_mem_free((*p)->search);
    crm_mem_free(*p);
    *p = NULL;
}

bool crm_sweep_plan_ended(const crm_sweep_plan *p)
{
    for (int i = 0; i < p->n; i++)
        if (!p->search[i].ended) return false;
    return true;
}

int64_t crm_sweep_plan_trials(const crm_sweep_plan *p, int number)
{
    return p->search[number].n;
}

const crm_trial *crm_sweep_plan_trial(const crm_sweep_plan *p, int number, int64_t which)
{
    return &p->search[number].trial[which].told;
}

int64_t crm_sweep_plan_winner(const crm_sweep_plan *p, int number)
{
    const search *s = &p->search[number];
    double most = 0, least = 0;
    int64_t best = -1;

    for (int64_t i = 0; i < s->n; i++) {
        const crm_trial *t = &s->trial[i].told;
        double got = t->whole ? INFINITY : t->resource;
        if (isnan(t->loss) || (!t->whole && !s->ended) || got < most) continue;
        if (best >= 0 && got == most && t->loss >= least) continue;
        best = i;
        most = got;
        least = t->loss;
    }
    return best;
}

void crm_sweep_plan_drop(crm_sweep_plan *p, int number, int64_t which)
{
    crm_trial *t = &p->search[number].trial[which].told;

    t->failed = true;
    t->loss = (double)NAN;
}

double crm_sweep_plan_loss(const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    const trial *t = is_of(p, u) ? trial_of(p, u) : NULL;

    return t && t->state[place(p, u)] == UNIT_DONE ? t->loss[place(p, u)] : (double)NAN;
}

double crm_sweep_plan_share(const crm_sweep_plan *p, int number, int64_t which, int rung)
{
    const search *s = &p->search[number];

    return sweep_by_folds(p) ? 1 : s->bracket[s->trial[which].bracket].rung[rung].resource;
}

double crm_sweep_plan_whole_loss(const crm_sweep_plan *p, int number, int64_t which, int repeat,
                                 int fold)
{
    const trial *t = &p->search[number].trial[which];
    const crm_sweep_unit u = {.search = number,
                              .trial = (int32_t)which,
                              .rung = sweep_by_folds(p) ? 0 : t->told.rung,
                              .repeat = repeat,
                              .fold = fold};

    return crm_sweep_plan_loss(p, &u);
}

double crm_sweep_plan_first_loss(const crm_sweep_plan *p, int number, int64_t which)
{
    const search *s = &p->search[number];
    const trial *t = &s->trial[which];
    int first, end;
    double sum = 0;

    sweep_rung_units(p, &s->bracket[t->bracket], 0, &first, &end);
    for (int i = 0; i < end; i++)
        sum += t->state[i] == UNIT_DONE ? t->loss[i] : (double)NAN;
    return sum / end;
}

void crm_sweep_plan_each_open(const crm_sweep_plan *p,
                              void (*f)(void *ctx, const crm_sweep_unit *u), void *ctx)
{
    for (int s = 0; s < p->n; s++)
        for (int64_t t = 0; t < p->search[s].n; t++)
            for (int i = 0; i < CRM_RUNGS_MAX * p->units; i++) {
                int state = p->search[s].trial[t].state[i];
                crm_sweep_unit u = {.search = s,
                                    .trial = (int32_t)t,
                                    .rung = i / p->units,
                                    .repeat = i % p->units / (int32_t)p->cfg.folds,
                                    .fold = i % p->units % (int32_t)p->cfg.folds};
                u.point = point_of(p, &u);
                if (state != UNIT_NONE && state != UNIT_DONE) f(ctx, &u);
            }
}

void crm_sweep_plan_count(const crm_sweep_plan *p, int64_t *done, int64_t *units)
{
    *done = p->done;
    *units = p->made;
}
