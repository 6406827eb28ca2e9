/* farm.c - what dealing out units to ranks costs, and how much of the ranks' time goes into units
 * of unequal length.
 *
 *     bench_farm [units (400)] [mean ms (60)] [ranks of a group (1)] [answering rank: 0 | 1 (0)]
 *
 * First 10,000 units without work.  Then units whose lengths are log-normal (sigma 1, so the
 * longest of 400 is some twenty times the median), longest first: so many rounds of arithmetic as
 * take that long on a core of its own, on the main thread, which asks whether to stop after each 20
 * us or so. Useful is the time inside of units of all ranks by their number times the time of the
 * whole; ranks that share cores take longer for a unit, and are busy all the same.
 *
 * Then the same with the measured lengths in the simulation (sweep_sim.h), which should come to the
 * same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_str.h"
#include "crmpi/sweep_farm.h"
#include "crmpi/sweep_sim.h"
#include "fit.h"

enum { EMPTY = 10000, PIECE = 10000 };

typedef struct units {
    int64_t n, given, done, here; /* here: on this rank */
    int64_t *pieces;              /* [n], falling */
    double *seconds;              /* [n] measured; of units without work NULL */
} units;

typedef struct unit {
    int64_t number, pieces;
    double seconds;
} unit;

static volatile double sink;

/* Some 20 us: a chain of additions and products. */
static void piece(void)
{
    double x = 1;

    for (int i = 0; i < PIECE; i++)
        x = x * 0.999999 + 1e-6;
    sink = x;
}

static crm_farm_answer next(void *ctx, int ranks, void *task, size_t *bytes)
{
    units *u = ctx;

    (void)ranks;
    if (u->given == u->n) return CRM_FARM_END;
    *bytes = sizeof(unit);
    memcpy(task, &(unit){.number = u->given, .pieces = u->pieces[u->given]}, *bytes);
    u->given++;
    return CRM_FARM_TASK;
}

static crm_status done(void *ctx, const void *result, size_t bytes)
{
    units *u = ctx;
    unit x;

    memcpy(&x, result, bytes);
    if (u->seconds) u->seconds[x.number] = x.seconds;
    u->done++;
    return CRM_OK;
}

static crm_status run(void *ctx, crm_farm *f, crm_comm *group, const void *task, size_t bytes,
                      void *result, size_t *result_bytes)
{
    double start = crm_clock_now();
    unit x;

    ++*(int64_t *)ctx;
    (void)group;
    memcpy(&x, task, bytes);
    for (int64_t i = 0; i < x.pieces; i++) {
        piece();
        CRM_CHECK(!crm_farm_stopping(f), CRM_ERR_STOPPED, "stopped");
    }
    x.seconds = crm_clock_now() - start;
    memcpy(result, &x, sizeof x);
    *result_bytes = sizeof x;
    return CRM_OK;
}

static crm_status deal(crm_comm *world, const crm_farm_cfg *cfg, units *u, crm_farm_use *use)
{
    crm_farm_source source = {.ctx = u, .next = next, .done = done};
    crm_farm_worker worker = {.ctx = &u->here, .run = run};

    CRM_TRY(crm_farm_run(world, cfg, &source, &worker, use));
    CRM_CHECK(use->tasks == u->done && (use->groups == 0 || u->done == u->n), CRM_ERR_INTERNAL,
              "%lld units done of %lld", (long long)u->done, (long long)u->n);
    return CRM_OK;
}

static double seconds_of_piece(void)
{
    double best = INFINITY;

    for (int i = 0; i < 2000; i++) {
        double start = crm_clock_now(), t;
        piece();
        t = crm_clock_now() - start;
        if (t < best) best = t;
    }
    return best;
}

static int falling(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x > y ? -1 : x < y;
}

static void draw(units *u, double mean)
{
    double one = seconds_of_piece();

    for (int64_t i = 0; i < u->n; i++) {
        crm_rng r = crm_rng_at(1, 0, 0, (uint64_t)i);
        u->pieces[i] = (int64_t)(mean * exp(crm_rng_normal(&r) - 0.5) / one);
    }
    qsort(u->pieces, (size_t)u->n, sizeof *u->pieces, falling);
}

static void print_use(const units *u, const crm_farm_use *use, int ranks)
{
    double all = ranks * use->wall_s;

    printf("units of unequal length   %lld in %.2f s, %.1f ms of a rank each: useful %.1f %%, "
           "nothing left %.1f %%, waiting %.2f %%, rest %.2f %%\n",
           (long long)u->n, use->wall_s, 1e3 * use->busy_s / (double)u->n, 100 * use->busy_s / all,
           100 * use->starved_s / all, 100 * use->dispatch_s / all,
           100 * (1 - (use->busy_s + use->starved_s + use->dispatch_s) / all));
}

/* ---- the same simulated: each unit a search of its own ---- */

static double known_seconds(void *ctx, const crm_sweep_unit *u)
{
    return ((const units *)ctx)->seconds[u->search];
}

static double no_loss(void *ctx, const crm_sweep_unit *u)
{
    (void)ctx;
    (void)u;
    return 0;
}

static crm_status simulate(units *u, int ranks, int group_ranks, double dispatch)
{
    const crm_sweep_cfg cfg = {.sampler = CRM_SAMPLER_RANDOM,
                               .scheduler = CRM_SCHEDULER_NONE,
                               .trials = 1,
                               .folds = 1,
                               .repeats = 1,
                               .eta = 3,
                               .least = 1,
                               .group_ranks = group_ranks,
                               .list = ""};
    const crm_sweep_sim_cfg sim = {.dispatch = dispatch, .node_ranks = 1};
    const crm_sweep_sim_draws draws = {.ctx = u, .seconds = known_seconds, .loss = no_loss};
    const crm_space space = {0};
    crm_sweep_sim_use use;
    crm_search *search;
    crm_status st;

    CRM_NEW(search, u->n);
    for (int64_t i = 0; i < u->n; i++) /* in their order */
        search[i] = (crm_search){.space = &space, .cost = (double)(u->n - i)};
    st = crm_sweep_simulate(&cfg, &sim, (int)u->n, search, &draws, ranks, NULL, &use);
    crm_mem_free(search);
    if (st) return st;
    printf(
        "simulated                 %lld in %.2f s: useful %.1f %%, nothing left %.1f %%, waiting "
        "%.2f %%\n",
        (long long)use.units, use.makespan_s, 100 * use.busy_s / (ranks * use.makespan_s),
        100 * (use.rounds_s + use.end_s) / (ranks * use.makespan_s),
        100 * use.dispatch_s / (ranks * use.makespan_s));
    return CRM_OK;
}

static crm_status measure(crm_comm *world, const crm_farm_cfg *cfg, int64_t n, double mean)
{
    units empty = {.n = EMPTY}, u = {.n = n};
    crm_farm_use use;
    crm_status st;
    double dispatch;

    CRM_NEW_TO(st, done, empty.pieces, EMPTY);
    CRM_NEW_TO(st, done, u.pieces, n);
    CRM_NEW_TO(st, done, u.seconds, n);
    CRM_TRY_TO(st, done, deal(world, cfg, &empty, &use));
    printf("%d ranks, %d groups\nunits without work        %.2f us each, %lld of %d on rank 0\n",
           crm_comm_size(world), use.groups, 1e6 * use.wall_s / EMPTY, (long long)empty.here,
           (int)EMPTY);
    dispatch = use.wall_s / EMPTY;
    if (crm_comm_rank(world) == 0) draw(&u, mean);
    CRM_TRY_TO(st, done, deal(world, cfg, &u, &use));
    print_use(&u, &use, crm_comm_size(world));
    if (crm_comm_rank(world) == 0 && cfg->lone_from == 0)
        st = simulate(&u, crm_comm_size(world), cfg->sizes[0], dispatch);
done:
    crm_mem_free(empty.pieces);
    crm_mem_free(u.pieces);
    crm_mem_free(u.seconds);
    return st;
}

static crm_status bench(crm_comm *world, int argc, char **argv)
{
    int64_t arg[] = {400, 60, 1, 0};
    int size;

    for (int i = 1; i < argc && i <= 4; i++)
        CRM_CHECK(crm_parse_i64(argv[i], strlen(argv[i]), &arg[i - 1]) && arg[i - 1] >= (i < 4) &&
                      arg[i - 1] <= 1000000,
                  CRM_ERR_CONFIG, "argument %d is %s", i, argv[i]);
    size = (int)arg[2];
    return measure(world,
                   &(crm_farm_cfg){.n_sizes = 1, .sizes = &size, .lone_from = arg[3] ? 1 : 0},
                   arg[0], (double)arg[1] * 1e-3);
}

int main(int argc, char **argv)
{
    return fit_main(
        argc, argv, 1,
        "usage: bench_farm [units] [mean ms] [ranks of a group] [answering rank: 0 | 1]", bench);
}
