/* sweep_search.c - rounds of a search: trials are sampled, judged together, and go on or not. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "sweep_plan.h"

/* Trials that look at results of others come in so many rounds where no batch is given. */
enum { ROUNDS = 4, BATCH = 8 };

static bool looks_at_results(const crm_sweep_plan *p, const search *s)
{
    return p->cfg.sampler == CRM_SAMPLER_TPE && s->of.n_list == 0;
}

/* ---- rungs ---- */

static int folds_of(const crm_sweep_plan *p, double resource)
{
    int n = (int)ceil(resource * p->units * (1 - 1e-9));

    return n < 1 ? 1 : n > p->units ? p->units : n;
}

bool sweep_by_folds(const crm_sweep_plan *p)
{
    return p->cfg.resource == CRM_RESOURCE_FOLDS || p->cfg.scheduler == CRM_SCHEDULER_MEDIAN;
}

void sweep_rung_units(const crm_sweep_plan *p, const bracket *b, int rung, int *first, int *end)
{
    *first = 0;
    *end = p->units;
    if (!sweep_by_folds(p)) return;
    *end = folds_of(p, b->rung[rung].resource);
    if (rung > 0) *first = folds_of(p, b->rung[rung - 1].resource);
}

/* One fold more at each rung; how many go on is for the rule to say. */
static void rungs_of_median(const crm_sweep_plan *p, int64_t n, bracket *b)
{
    int last = p->units < CRM_RUNGS_MAX ? p->units : CRM_RUNGS_MAX;

    for (int k = 0; k < last; k++)
        b->rung[k] = (crm_rung){.trials = n, .resource = (double)(k + 1) / last};
    b->n_rungs = last;
}

static double least_of(const crm_sweep_plan *p)
{
    double fold = 1.0 / p->units;

    return sweep_by_folds(p) && p->cfg.least < fold ? fold : p->cfg.least;
}

static void set_rungs(const crm_sweep_plan *p, int64_t n, int hyperband, bracket *b)
{
    int eta = (int)p->cfg.eta;

    switch (p->cfg.scheduler) {
    case CRM_SCHEDULER_MEDIAN:
        rungs_of_median(p, n, b);
        return;
    case CRM_SCHEDULER_HALVING:
    case CRM_SCHEDULER_ASYNCHRONOUS:
        b->n_rungs = crm_rungs_halving(n, least_of(p), 1, eta, b->rung);
        return;
    case CRM_SCHEDULER_HYPERBAND:
        b->n_rungs = crm_rungs_hyperband(hyperband, least_of(p), 1, eta, b->rung);
        return;
    default:
        b->rung[0] = (crm_rung){.trials = n, .resource = 1};
        b->n_rungs = 1;
    }
}

/* ---- trials ---- */

/* Room for a point; one of a fixed list is put into it. */
static double *new_point(const search *s, int64_t number)
{
    double *x = crm_mem_new((size_t)s->of.space->n + 1, sizeof *x);

    if (x && s->of.n_list > 0)
        memcpy(x, s->of.list + number * s->of.space->n, (size_t)s->of.space->n * sizeof *x);
    return x;
}

static uint32_t digest_point(const search *s, const double *x)
{
    uint64_t n = (uint64_t)s->of.space->n;
    uint64_t digest = n;

    for (uint64_t d = 0; d < n; d++) {
        uint64_t bits = 0; /* of a dimension that does not count */
        if (!isnan(x[d])) memcpy(&bits, &x[d], sizeof bits);
        digest = crm_digest_of(&(uint64_t[2]){digest, bits}, 2 * sizeof bits).lo;
    }
    return (uint32_t)digest;
}

/* Trials with a loss at one resource. */
typedef struct level {
    double resource;
    int64_t n;
} level;

/* Resources at which trials have a loss, in the order in which they come; there are no more than
 * rungs have. */
static int levels_of(const search *s, level *out)
{
    int n = 0;

    for (int64_t i = 0; i < s->n; i++) {
        const crm_trial *t = &s->trial[i].told;
        int k = 0;
        if (isnan(t->loss)) continue;
        while (k < n && out[k].resource != t->resource)
            k++;
        if (k == n && n == CRM_RUNGS_MAX) continue;
        if (k == n) out[n++] = (level){.resource = t->resource};
        out[k].n++;
    }
    return n;
}

/* Results that a sampler may compare: those of the largest resource that has enough of them, else
 * of the one that has most. */
static int64_t comparable(const search *s, crm_seen *seen)
{
    level at[CRM_RUNGS_MAX], best = {0};
    int levels = levels_of(s, at);
    int64_t enough = s->of.space->n + 1, n = 0;

    for (int k = 0; k < levels; k++)
        if (at[k].n >= enough ? best.n < enough || at[k].resource > best.resource
                              : best.n < enough && at[k].n > best.n)
            best = at[k];
    for (int64_t i = 0; i < s->n; i++) {
        const crm_trial *t = &s->trial[i].told;
        if (t->failed || (t->resource == best.resource && !isnan(t->loss)))
            seen[n++] = (crm_seen){.x = t->x, .loss = t->failed ? (double)NAN : t->loss};
    }
    return n;
}

static crm_status add_trial(crm_sweep_plan *p, search *s, const crm_seen *seen, int64_t n_seen,
                            int which)
{
    const crm_sample_cfg how = {.sampler = p->cfg.sampler,
                                .seed = (uint64_t)p->cfg.seed,
                                .points = (int)p->cfg.points,
                                .startup = p->cfg.startup,
                                .candidates = (int)p->cfg.candidates};
    trial t = {.bracket = which, .told = {.loss = (double)NAN, .spread = (double)NAN}};
    crm_status st = CRM_OK;

    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 32;
        trial *more = crm_mem_grow(s->trial, (size_t)s->cap, (size_t)cap, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: trials");
        s->trial = more;
        s->cap = cap;
    }
    t.told.x = new_point(s, s->n);
    CRM_NEW_TO(st, end, t.state, (int64_t)CRM_RUNGS_MAX * p->units);
    CRM_NEW_TO(st, end, t.loss, (int64_t)CRM_RUNGS_MAX * p->units);
    if (!t.told.x) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: trials");
    if (!st && s->of.n_list == 0) st = crm_sample(&how, s->of.space, s->n, seen, n_seen, t.told.x);
    if (!st) t.told.point = digest_point(s, t.told.x);
end:
    if (st) {
        crm_mem_free(t.told.x);
        crm_mem_free(t.state);
        crm_mem_free(t.loss);
        return st;
    }
    s->trial[s->n++] = t;
    return CRM_OK;
}

static bool goes_on(const trial *t)
{
    return !t->told.failed && !t->told.stopped;
}

/* Units of a rung for the trials of a bracket that are in it: one of each trial, and again, so that
 * it is soon known which trials take long.  Asynchronous halving wants whole trials soon. */
static crm_status start_rung(crm_sweep_plan *p, int number, bracket *b)
{
    search *s = &p->search[number];
    int first, end, step;

    sweep_rung_units(p, b, b->at, &first, &end);
    b->missing = 0;
    for (int64_t i = b->first; i < b->first + b->n; i++) {
        crm_trial *t = &s->trial[i].told;
        if (!goes_on(&s->trial[i])) continue;
        t->rung = b->at;
        t->resource = b->rung[b->at].resource;
        t->units += end - first;
    }
    step = p->cfg.scheduler == CRM_SCHEDULER_ASYNCHRONOUS ? end - first : 1;
    for (int u = first; u < end; u += step)
        for (int64_t i = b->first; i < b->first + b->n; i++)
            if (goes_on(&s->trial[i]))
                CRM_TRY(sweep_plan_ready(p, number, i, sweep_by_folds(p) ? 0 : b->at, u, u + step,
                                         sweep_by_folds(p) ? 1 : b->rung[b->at].resource,
                                         &b->missing));
    return CRM_OK;
}

/* n trials, sampled from what is known now, with the units of their first rung. */
static crm_status add_bracket(crm_sweep_plan *p, int number, int64_t n, int hyperband)
{
    search *s = &p->search[number];
    bracket b = {.first = s->n, .n = n};
    crm_seen *seen;
    int64_t n_seen;
    crm_status st = CRM_OK;

    if (s->n_brackets == s->cap_brackets) {
        int cap = s->cap_brackets ? 2 * s->cap_brackets : 8;
        bracket *more =
            crm_mem_grow(s->bracket, (size_t)s->cap_brackets, (size_t)cap, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: brackets");
        s->bracket = more;
        s->cap_brackets = cap;
    }
    set_rungs(p, n, hyperband, &b);
    CRM_NEW(seen, s->n + 1);
    n_seen = comparable(s, seen);
    for (int64_t i = 0; i < n && !st; i++)
        st = add_trial(p, s, seen, n_seen, s->n_brackets);
    crm_mem_free(seen);
    if (st) return st;
    s->bracket[s->n_brackets++] = b;
    return start_rung(p, number, &s->bracket[s->n_brackets - 1]);
}

/* ---- rounds ---- */

static int hyperband_most(const crm_sweep_plan *p)
{
    crm_rung rung[CRM_RUNGS_MAX];
    int s = 0;

    while (crm_rungs_hyperband(s + 1, least_of(p), 1, (int)p->cfg.eta, rung) > 0)
        s++;
    return s;
}

/* Brackets of Hyperband from the one with most trials to the one with fewest, and again. */
static crm_status next_of_hyperband(crm_sweep_plan *p, int number)
{
    const search *s = &p->search[number];
    int most = hyperband_most(p), now = most - s->n_brackets % (most + 1);
    crm_rung rung[CRM_RUNGS_MAX];
    int64_t n;

    crm_rungs_hyperband(now, least_of(p), 1, (int)p->cfg.eta, rung);
    n = rung[0].trials;
    return add_bracket(p, number, n < s->want - s->n ? n : s->want - s->n, now);
}

/* Of so many trials with a sampler that looks at results. */
static int64_t batch_of(const crm_sweep_cfg *cfg, int64_t want)
{
    int64_t n = cfg->batch;

    if (n == 0 && cfg->scheduler == CRM_SCHEDULER_HALVING) n = (want + ROUNDS - 1) / ROUNDS;
    n = n > 0 ? n : BATCH;
    return n < want ? n : want;
}

int64_t crm_sweep_round(const crm_sweep_cfg *cfg)
{
    bool looks = cfg->sampler == CRM_SAMPLER_TPE && !cfg->list[0];

    return looks ? batch_of(cfg, cfg->trials) : cfg->trials;
}

static crm_status next_bracket(crm_sweep_plan *p, int number)
{
    const search *s = &p->search[number];
    int64_t left = s->want - s->n;
    int64_t n = looks_at_results(p, s) ? batch_of(&p->cfg, s->want) : s->want;

    if (p->cfg.scheduler == CRM_SCHEDULER_HYPERBAND) return next_of_hyperband(p, number);
    return add_bracket(p, number, n < left ? n : left, 0);
}

static void look_for_end(search *s)
{
    bool all = s->n == s->want;

    for (int i = 0; i < s->n_brackets && all; i++)
        all = s->bracket[i].ended;
    s->ended = all;
}

/* Rounds that need no result of another begin at once. */
static crm_status go_on(crm_sweep_plan *p, int number)
{
    search *s = &p->search[number];

    while (s->n < s->want &&
           (!looks_at_results(p, s) || s->n_brackets == 0 || s->bracket[s->n_brackets - 1].ended))
        CRM_TRY(next_bracket(p, number));
    look_for_end(s);
    return CRM_OK;
}

crm_status sweep_search_begin(crm_sweep_plan *p, int number)
{
    search *s = &p->search[number];

    s->want = p->cfg.trials;
    if (s->of.n_list > 0)
        s->want = s->of.n_list;
    else if (s->of.space->n == 0)
        s->want = 1; /* nothing to search: the model as it is */
    else if (p->cfg.sampler == CRM_SAMPLER_GRID)
        s->want = crm_space_grid(s->of.space, (int)p->cfg.points, CRM_SWEEP_TRIALS_MAX);
    CRM_CHECK(s->want <= CRM_SWEEP_TRIALS_MAX, CRM_ERR_CONFIG,
              "sweep.sampler: the grid has more than %d points; allowed: fewer values or steps, or "
              "another sampler",
              (int)CRM_SWEEP_TRIALS_MAX);
    return go_on(p, number);
}

/* ---- judgement ---- */

/* Mean and spread of the units that a trial has at a rung, in their order. */
void sweep_search_score(const crm_sweep_plan *p, const bracket *b, trial *t)
{
    int first, end;
    const double *loss = t->loss + (sweep_by_folds(p) ? 0 : (int64_t)t->told.rung * p->units);
    double sum = 0, squares = 0;

    sweep_rung_units(p, b, t->told.rung, &first, &end);
    for (int i = 0; i < end; i++)
        sum += loss[i]; /* NaN: a unit failed */
    t->told.failed = isnan(sum);
    t->told.loss = sum / end;
    for (int i = 0; i < end; i++)
        squares += (loss[i] - t->told.loss) * (loss[i] - t->told.loss);
    t->told.spread = end > 1 ? sqrt(squares / (end - 1)) : (double)NAN;
    t->told.whole = !t->told.failed && t->told.resource == 1;
}

/* Mean over the first `units` folds, NaN where there are not so many. */
static double loss_of_folds(const trial *t, int units)
{
    double sum = 0;

    for (int i = 0; i < units; i++) {
        if (t->state[i] != UNIT_DONE) return (double)NAN;
        sum += t->loss[i];
    }
    return sum / units;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* How many of n ascending losses are less. */
static int64_t count_below(const double *all, int64_t n, double loss)
{
    int64_t lo = 0, hi = n;

    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (all[mid] < loss)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Stops trials of a bracket that are worse than the median of the others on the same folds.  The
 * loss of one that is not stopped is among all of them. */
static crm_status judge_by_median(const crm_sweep_plan *p, search *s, const bracket *b)
{
    int first, units;
    double *all;
    int64_t n = 0;

    sweep_rung_units(p, b, b->at, &first, &units);
    CRM_NEW(all, s->n);
    for (int64_t i = 0; i < s->n; i++) {
        double loss = loss_of_folds(&s->trial[i], units);
        if (!isnan(loss)) all[n++] = loss;
    }
    qsort(all, (size_t)n, sizeof *all, ascending);
    for (int64_t i = b->first; i < b->first + b->n; i++) {
        crm_trial *t = &s->trial[i].told;
        if (!t->stopped)
            t->stopped =
                crm_median_stops(t->loss, count_below(all, n, t->loss), n - 1, p->cfg.startup);
    }
    crm_mem_free(all);
    return CRM_OK;
}

static crm_status judge_by_rank(search *s, const bracket *b)
{
    double *loss;
    bool *on;
    int64_t n = 0;
    crm_status st = CRM_OK;

    CRM_NEW(loss, b->n);
    CRM_NEW_TO(st, end, on, b->n);
    for (int64_t i = 0; i < b->n; i++) {
        const crm_trial *t = &s->trial[b->first + i].told;
        loss[i] = t->stopped ? (double)NAN : t->loss;
    }
    n = crm_rungs_promote(loss, b->n, b->rung[b->at + 1].trials, on);
    if (n < 0) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: promotions");
    for (int64_t i = 0; i < b->n && !st; i++)
        if (!on[i] && !s->trial[b->first + i].told.failed)
            s->trial[b->first + i].told.stopped = true;
    crm_mem_free(on);
end:
    crm_mem_free(loss);
    return st;
}

crm_status sweep_search_judge(crm_sweep_plan *p, int number, int which)
{
    search *s = &p->search[number];
    bracket *b = &s->bracket[which];

    while (!b->ended && b->missing == 0) {
        for (int64_t i = b->first; i < b->first + b->n; i++)
            if (goes_on(&s->trial[i])) sweep_search_score(p, b, &s->trial[i]);
        if (b->at + 1 == b->n_rungs) {
            b->ended = true;
            break;
        }
        CRM_TRY(p->cfg.scheduler == CRM_SCHEDULER_MEDIAN ? judge_by_median(p, s, b)
                                                         : judge_by_rank(s, b));
        b->at++;
        CRM_TRY(start_rung(p, number, b));
        b = &s->bracket[which];
    }
    return go_on(p, number);
}
