/* sweep_sim_draws.c - what simulated units come to: by a model, or by the ledger of a run. */
#include <math.h>
#include <stdlib.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/sweep_sim.h"

#define S crm_sweep_sim_cfg
const crm_opt crm_sweep_sim_opts[] = {
    CRM_OPT_R(
        S, seconds, "sweep.simulate.seconds", 60, 1e-6, 1e9, "s", CRM_OPT_LAYOUT,
        "Mean time of a unit with all rows, over eval.models; without a run to take it from."),
    CRM_OPT_R(S, sigma, "sweep.simulate.sigma", 0.5, 0, 3, "1", CRM_OPT_LAYOUT,
              "Standard deviation of the logarithm of that time between trials."),
    CRM_OPT_R(S, sigma_folds, "sweep.simulate.sigma_folds", 0.1, 0, 3, "1", CRM_OPT_LAYOUT,
              "And between the folds of a trial."),
    CRM_OPT_R(S, failures, "sweep.simulate.failures", 0.01, 0, 0.5, "1", CRM_OPT_LAYOUT,
              "Chance that a node fails in the mean time of a unit with all rows; units there are "
              "lost, and run again."),
    CRM_OPT_I(S, node_ranks, "sweep.simulate.node_ranks", 1, 1, 1e6, "ranks", CRM_OPT_LAYOUT,
              "Ranks that are lost together: those of a node, or of a whole job."),
    CRM_OPT_R(S, repair, "sweep.simulate.repair", 60, -1, 1e9, "s", CRM_OPT_LAYOUT,
              "Time until ranks that were lost come back; -1: never."),
    CRM_OPT_R(S, dispatch, "sweep.simulate.dispatch", 73e-6, 0, 60, "s", CRM_OPT_LAYOUT,
              "Time of rank 0 for each unit that it deals out, one after the other."),
    {.key = NULL},
};

/* A unit that has a result. */
typedef struct record {
    crm_sweep_unit unit; /* with its resource */
    double loss, seconds;
} record;

struct crm_sweep_sim_world {
    crm_sweep_sim_cfg sim;
    uint64_t seed;
    int n_models;
    double *cost; /* [n_models], mean 1 */
    double fails; /* failures of a node in a second, by each of its units */
    int64_t n;
    record *by_unit; /* [n] by search, trial, resource, repeat, fold */
    int64_t n_timed;
    record *by_kind; /* [n_timed] with a loss, by model and resource: times to draw from */
};

/* ---- draws ---- */

/* What a draw is for; numbers never change. */
typedef enum draw_of { TIME_OF_TRIAL, TIME_OF_FOLD, LOSS_OF_TRIAL, LOSS_OF_FOLD, FAILURE } draw_of;

/* Keyed by search and trial, and with a fold by resource and fold, too. */
static crm_rng draw(const crm_sweep_sim_world *w, draw_of what, const crm_sweep_unit *u, bool fold)
{
    uint64_t trial = (uint64_t)u->search << 32 | (uint32_t)u->trial, place = 0;

    if (fold)
        place = crm_rng_derive((uint64_t)llround(u->resource * 1e9), (uint64_t)u->repeat,
                               (uint64_t)u->fold, 1);
    return crm_rng_at(crm_rng_derive(w->seed, trial, place, 0), CRM_RNG_SIMULATE, (uint32_t)what,
                      0);
}

static double normal(const crm_sweep_sim_world *w, draw_of what, const crm_sweep_unit *u, bool fold)
{
    crm_rng r = draw(w, what, u, fold);

    return crm_rng_normal(&r);
}

/* What it should take. */
static double price(const crm_sweep_sim_world *w, const crm_sweep_unit *u)
{
    return w->sim.seconds * w->cost[u->search % w->n_models] * u->resource;
}

static double model_seconds(const crm_sweep_sim_world *w, const crm_sweep_unit *u)
{
    double s = w->sim.sigma, t = w->sim.sigma_folds;

    return price(w, u) * crm_exp(s * normal(w, TIME_OF_TRIAL, u, false) +
                                 t * normal(w, TIME_OF_FOLD, u, true) - 0.5 * (s * s + t * t));
}

static double model_loss(const crm_sweep_sim_world *w, const crm_sweep_unit *u)
{
    return normal(w, LOSS_OF_TRIAL, u, false) + 0.3 * normal(w, LOSS_OF_FOLD, u, true);
}

/* ---- the past ---- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_trial(const record *x, const record *y)
{
    int s = compare(x->unit.search, y->unit.search);

    return s ? s : compare(x->unit.trial, y->unit.trial);
}

static int by_unit(const void *a, const void *b)
{
    const record *x = a, *y = b;
    int c = by_trial(x, y);

    if (!c) c = compare(x->unit.resource, y->unit.resource);
    if (!c) c = compare(x->unit.repeat, y->unit.repeat);
    return c ? c : compare(x->unit.fold, y->unit.fold);
}

/* Here the number of a search is that of its model. */
static int by_kind(const void *a, const void *b)
{
    const record *x = a, *y = b;
    int c = compare(x->unit.search, y->unit.search);

    if (!c) c = compare(x->unit.resource, y->unit.resource);
    return c ? c : compare(x->seconds, y->seconds);
}

/* Records [*first, *end) that are equal to x, in an order of which `compare_to` looks at the
 * beginning. */
static void range(const record *all, int64_t n, const record *x,
                  int (*compare_to)(const record *, const record *), int64_t *first, int64_t *end)
{
    int64_t lo = 0, hi = n;

    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (compare_to(&all[mid], x) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *first = lo;
    hi = n;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (compare_to(&all[mid], x) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *end = lo;
}

static int same_search(const record *x, const record *y)
{
    return compare(x->unit.search, y->unit.search);
}

static int same_kind(const record *x, const record *y)
{
    int c = same_search(x, y);

    return c ? c : compare(x->unit.resource, y->unit.resource);
}

static const record *find(const crm_sweep_sim_world *w, const crm_sweep_unit *u)
{
    const record x = {.unit = *u};

    return w->n > 0 ? bsearch(&x, w->by_unit, (size_t)w->n, sizeof x, by_unit) : NULL;
}

/* One of a range, by a trial, so that all folds of it are alike. */
static const record *pick(const crm_sweep_sim_world *w, draw_of what, const crm_sweep_unit *u,
                          const record *all, int64_t first, int64_t end)
{
    crm_rng r = draw(w, what, u, false);

    return &all[first + crm_rng_below(&r, (uint64_t)(end - first))];
}

static double past_seconds(const crm_sweep_sim_world *w, const crm_sweep_unit *u)
{
    const record *r = find(w, u);
    record x = {.unit = *u};
    int64_t first, end;

    if (r && r->seconds >= 0) return r->seconds;
    x.unit.search %= w->n_models;
    range(w->by_kind, w->n_timed, &x, same_kind, &first, &end);
    if (first == end) range(w->by_kind, w->n_timed, &x, same_search, &first, &end);
    if (first == end) {
        first = 0;
        end = w->n_timed;
    }
    r = pick(w, TIME_OF_TRIAL, u, w->by_kind, first, end);
    return r->seconds * price(w, u) / price(w, &r->unit);
}

/* Over the units of a trial with most resource; NaN when one of them failed. */
static double mean_loss(const record *all, int64_t first, int64_t end)
{
    double most = all[end - 1].unit.resource, sum = 0;
    int64_t n = 0;

    for (int64_t i = end - 1; i >= first && all[i].unit.resource == most; i--, n++)
        sum += all[i].loss;
    return sum / (double)n;
}

/* A trial that was never run is like one that was. */
static double past_loss(const crm_sweep_sim_world *w, const crm_sweep_unit *u)
{
    const record *r = find(w, u);
    record x = {.unit = *u};
    int64_t first, end;

    if (r) return r->loss;
    range(w->by_unit, w->n, &x, by_trial, &first, &end);
    if (first < end) return mean_loss(w->by_unit, first, end);
    range(w->by_unit, w->n, &x, same_search, &first, &end);
    if (first == end) return model_loss(w, u);
    x = *pick(w, LOSS_OF_TRIAL, u, w->by_unit, first, end);
    range(w->by_unit, w->n, &x, by_trial, &first, &end);
    return mean_loss(w->by_unit, first, end);
}

static double seconds(void *ctx, const crm_sweep_unit *u)
{
    const crm_sweep_sim_world *w = ctx;

    return w->n_timed > 0 ? past_seconds(w, u) : model_seconds(w, u);
}

/* Failures come at random, so a unit is lost the likelier the longer it takes. */
static double fails(void *ctx, const crm_sweep_unit *u, int lost)
{
    const crm_sweep_sim_world *w = ctx;
    double expected = w->fails * seconds(ctx, u);
    crm_rng r = draw(w, FAILURE, u, true);

    for (int i = 0; i < lost; i++)
        (void)crm_rng_exponential(&r);
    return expected > 0 ? crm_rng_exponential(&r) / expected : 1;
}

static double loss(void *ctx, const crm_sweep_unit *u)
{
    const crm_sweep_sim_world *w = ctx;

    return w->n_timed > 0 ? past_loss(w, u) : model_loss(w, u);
}

/* ---- life ---- */

static crm_status read_past(crm_sweep_sim_world *w, const crm_sweep_ledger_all *known,
                            const crm_sweep_plan *plan)
{
    CRM_NEW(w->by_unit, known->n);
    CRM_NEW(w->by_kind, known->n);
    for (int64_t i = 0; i < known->n; i++) {
        const crm_sweep_ledger_entry *e = &known->entry[i];
        record r = {.loss = e->failed ? (double)NAN : e->loss, .seconds = e->seconds};
        if (!crm_sweep_unit_of(e->name, &r.unit) ||
            r.unit.trial >= crm_sweep_plan_trials(plan, r.unit.search))
            continue;
        r.unit.resource = crm_sweep_plan_share(plan, r.unit.search, r.unit.trial, r.unit.rung);
        w->by_unit[w->n++] = r;
        if (isnan(r.loss) || !(r.seconds >= 0)) continue;
        r.unit.search %= w->n_models;
        w->by_kind[w->n_timed++] = r;
    }
    CRM_CHECK(w->n_timed > 0, CRM_ERR_CONFIG,
              "no unit of the sweep has a result, so none has a time; allowed: a sweep that has "
              "begun, or its config, with times of sweep.simulate.seconds");
    qsort(w->by_unit, (size_t)w->n, sizeof *w->by_unit, by_unit);
    qsort(w->by_kind, (size_t)w->n_timed, sizeof *w->by_kind, by_kind);
    return CRM_OK;
}

/* Of a unit with all rows. */
static double mean_seconds(const crm_sweep_sim_world *w)
{
    double sum = 0, rows = 0;

    for (int64_t i = 0; i < w->n_timed; i++) {
        sum += w->by_kind[i].seconds;
        rows += w->by_kind[i].unit.resource;
    }
    return w->n_timed > 0 ? sum / rows : w->sim.seconds;
}

static crm_status set_costs(crm_sweep_sim_world *w, const crm_search *search)
{
    double sum = 0;

    CRM_NEW(w->cost, w->n_models);
    for (int i = 0; i < w->n_models; i++)
        sum += search[i].cost;
    for (int i = 0; i < w->n_models; i++)
        w->cost[i] = search[i].cost * w->n_models / sum;
    return CRM_OK;
}

crm_status crm_sweep_sim_world_new(const crm_sweep_cfg *cfg, const crm_sweep_sim_cfg *sim,
                                   int n_models, const crm_search *search,
                                   const crm_sweep_ledger_all *known, const crm_sweep_plan *plan,
                                   crm_sweep_sim_world **out)
{
    double together = ceil((double)sim->node_ranks / (double)cfg->group_ranks);
    crm_sweep_sim_world *w;
    crm_status st;

    *out = NULL;
    CRM_NEW(w, 1);
    w->sim = *sim;
    w->seed = (uint64_t)cfg->seed;
    w->n_models = n_models;
    st = set_costs(w, search);
    if (!st && known) st = read_past(w, known, plan);
    if (!st) w->fails = sim->failures / together / mean_seconds(w);
    if (st) crm_sweep_sim_world_free(&w);
    *out = w;
    return st;
}

void crm_sweep_sim_world_free(crm_sweep_sim_world **w)
{
    if (!*w) return;
    crm_mem_free((*w)->cost);
    crm_mem_free((*w)->by_unit);
    crm_mem_free((*w)->by_kind);
    crm_mem_free(*w);
    *w = NULL;
}

crm_sweep_sim_draws crm_sweep_sim_draws_of(crm_sweep_sim_world *w)
{
    return (crm_sweep_sim_draws){
        .ctx = w, .seconds = seconds, .loss = loss, .fails = w->fails > 0 ? fails : NULL};
}
