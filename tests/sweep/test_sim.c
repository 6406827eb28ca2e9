/* test_sim.c - a simulated farm against cases worked out by hand, and what must hold for any. */
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/sweep_sim.h"
#include "functions.h"

/* ---- small farms, by hand ---- */

/* Units by search, or by rung and trial; the first try of some fails in the middle. */
typedef struct known {
    double seconds[3];      /* of each search                          */
    double rung_seconds[3]; /* of trials 0, 1 at rung 0, of any later  */
    int fails;              /* the search whose unit fails at first, -1 */
} known;

static double known_seconds(void *ctx, const crm_sweep_unit *u)
{
    const known *k = ctx;

    if (k->rung_seconds[0] > 0) return k->rung_seconds[u->rung > 0 ? 2 : u->trial];
    return k->seconds[u->search];
}

static double known_loss(void *ctx, const crm_sweep_unit *u)
{
    (void)ctx;
    return u->trial;
}

static double known_fails(void *ctx, const crm_sweep_unit *u, int lost)
{
    return u->search == ((const known *)ctx)->fails && lost == 0 ? 0.5 : 1;
}

static crm_sweep_sim_draws draws_of(known *k)
{
    return (crm_sweep_sim_draws){
        .ctx = k, .seconds = known_seconds, .loss = known_loss, .fails = known_fails};
}

/* One unit in each of n searches; the one that costs most comes first. */
static void run_units(known *k, int n, const crm_sweep_sim_cfg *sim, int ranks,
                      crm_sweep_sim_use *use)
{
    const crm_sweep_cfg cfg = {.sampler = CRM_SAMPLER_RANDOM,
                               .scheduler = CRM_SCHEDULER_NONE,
                               .trials = 1,
                               .folds = 1,
                               .repeats = 1,
                               .eta = 3,
                               .least = 0.1,
                               .group_ranks = 1,
                               .list = ""};
    const crm_search search[3] = {{.space = &functions[0].space, .cost = 3},
                                  {.space = &functions[0].space, .cost = 2},
                                  {.space = &functions[0].space, .cost = 1}};
    const crm_sweep_sim_draws draws = draws_of(k);

    T_OK(crm_sweep_simulate(&cfg, sim, n, search, &draws, ranks, NULL, use));
}

static double sum_of(const crm_sweep_sim_use *u)
{
    return u->busy_s + u->rounds_s + u->end_s + u->dispatch_s + u->thrown_s + u->away_s +
           u->answering_s;
}

/* Rank 0 has 3 s, rank 1 has 2 s and then 2 s. */
static void three_units_on_two_ranks(void)
{
    known k = {.seconds = {3, 2, 2}, .fails = -1};
    crm_sweep_sim_use u;

    run_units(&k, 3, &(crm_sweep_sim_cfg){.node_ranks = 1}, 2, &u);
    T_CHECK(u.units == 3 && u.groups == 2 && u.longest_s == 3);
    T_CHECK(u.makespan_s == 4 && u.busy_s == 7 && u.end_s == 1);
    T_CHECK(u.rounds_s == 0 && u.dispatch_s == 0 && u.thrown_s == 0 && u.away_s == 0);
    /* Units come after 0.1, 0.2 and 0.3 s; the third one lies ready when it is wanted. */
    run_units(&k, 3, &(crm_sweep_sim_cfg){.node_ranks = 1, .dispatch = 0.1}, 2, &u);
    T_NEAR(u.makespan_s, 4.2, 1e-12);
    T_NEAR(u.dispatch_s, 0.3, 1e-12);
    T_NEAR(u.end_s, 1.1, 1e-12);
    /* On one rank all of them wait for their unit: it needs none ready. */
    run_units(&k, 3, &(crm_sweep_sim_cfg){.node_ranks = 1, .dispatch = 0.1}, 1, &u);
    T_NEAR(u.makespan_s, 7.3, 1e-12);
    T_NEAR(u.dispatch_s, 0.3, 1e-12);
}

/* Rank 0 has ended its unit after 1 s; the one that lies ready behind 3 s at rank 1 comes to it
 * after 1 ms, though it was the last. */
static void a_unit_is_called_back(void)
{
    known k = {.seconds = {1, 3, 2}, .fails = -1};
    crm_sweep_sim_use u;

    run_units(&k, 3, &(crm_sweep_sim_cfg){.node_ranks = 1}, 2, &u);
    T_NEAR(u.makespan_s, 3.001, 1e-12);
    T_NEAR(u.rounds_s + u.end_s, 0.002, 1e-12);
    T_EQ_I(u.units, 3);
}

/* The first unit, of 4 s, is lost after 2 s; rank 1 runs it again behind its own 3 s. */
static void a_node_fails(void)
{
    known k = {.seconds = {4, 3}, .fails = 0};
    crm_sweep_sim_use u;

    run_units(&k, 2, &(crm_sweep_sim_cfg){.node_ranks = 1, .repair = 1}, 2, &u);
    T_CHECK(u.makespan_s == 7 && u.busy_s == 7 && u.thrown_s == 2 && u.away_s == 1 && u.end_s == 4);
    T_CHECK(u.units == 2 && u.lost == 1 && u.failures == 1);
    run_units(&k, 2, &(crm_sweep_sim_cfg){.node_ranks = 1, .repair = -1}, 2, &u);
    T_CHECK(u.makespan_s == 7 && u.thrown_s == 2 && u.away_s == 5 && u.end_s == 0);
    /* Both ranks on one node: the other unit is lost, too, and both begin again after 3 s. */
    run_units(&k, 2, &(crm_sweep_sim_cfg){.node_ranks = 2, .repair = 1}, 2, &u);
    T_CHECK(u.makespan_s == 7 && u.busy_s == 7 && u.thrown_s == 4 && u.away_s == 2 && u.end_s == 1);
    T_CHECK(u.units == 2 && u.lost == 2 && u.failures == 1);
}

static crm_sweep_cfg usual(int scheduler, int64_t trials)
{
    return (crm_sweep_cfg){.sampler = CRM_SAMPLER_RANDOM,
                           .scheduler = scheduler,
                           .trials = trials,
                           .seed = 3,
                           .startup = 6,
                           .candidates = 24,
                           .points = 5,
                           .eta = 3,
                           .least = 1.0 / 9,
                           .folds = 3,
                           .repeats = 1,
                           .group_ranks = 1,
                           .list = ""};
}

/* A rung of two trials on two folds, 1 s and 2 s each, and one of one trial, 3 s each, on three
 * ranks: 1, 2 and 1 s; the second unit of 2 s, called back after 1 s and 1 ms, ends the rung. */
static void ranks_wait_for_a_round(void)
{
    known k = {.rung_seconds = {1, 2, 3}, .fails = -1};
    crm_sweep_cfg cfg = usual(CRM_SCHEDULER_HALVING, 2);
    const crm_search search = {.space = &functions[0].space, .cost = 1};
    const crm_sweep_sim_draws draws = draws_of(&k);
    crm_sweep_sim_use u;

    cfg.eta = 2;
    cfg.least = 0.5;
    cfg.folds = 2;
    T_OK(crm_sweep_simulate(&cfg, &(crm_sweep_sim_cfg){.node_ranks = 1}, 1, &search, &draws, 3,
                            NULL, &u));
    T_NEAR(u.makespan_s, 6.001, 1e-12);
    T_NEAR(u.rounds_s, 0.001 + 1.001 + 2.001, 1e-12);
    T_CHECK(fabs(u.busy_s - 12) < 1e-12 && fabs(u.end_s - 3) < 1e-12);
    T_EQ_I(u.units, 6);
}

static double always_fails(void *ctx, const crm_sweep_unit *u, int lost)
{
    (void)ctx;
    (void)u;
    (void)lost;
    return 0.9;
}

static void limits(void)
{
    known k = {.seconds = {4, 3}, .fails = 0};
    const crm_sweep_cfg cfg = usual(CRM_SCHEDULER_NONE, 1);
    const crm_search search = {.space = &functions[0].space, .cost = 1};
    const crm_sweep_sim_cfg sim = {.node_ranks = 1, .repair = -1};
    crm_sweep_sim_draws draws = draws_of(&k);
    crm_sweep_sim_use u;

    T_FAILS(crm_sweep_simulate(&cfg, &sim, 1, &search, &draws, 0, NULL, &u), CRM_ERR_ARG,
            "0 ranks; allowed: 1 to 10000");
    T_FAILS(crm_sweep_simulate(&cfg, &sim, 1, &search, &draws, 10001, NULL, &u), CRM_ERR_ARG,
            "10001 ranks");
    T_FAILS(crm_sweep_simulate(&cfg, &sim, 1, &search, &draws, 1, NULL, &u), CRM_ERR_CONFIG,
            "all nodes are lost");
    draws.fails = always_fails;
    T_FAILS(crm_sweep_simulate(&cfg, &(crm_sweep_sim_cfg){.node_ranks = 1}, 1, &search, &draws, 1,
                               NULL, &u),
            CRM_ERR_CONFIG, "was lost 1000 times");
}

/* ---- any farm ---- */

static const crm_search two[2] = {{.space = &functions[0].space, .cost = 3},
                                  {.space = &functions[0].space, .cost = 1}};
static const crm_sweep_sim_cfg modelled = {.seconds = 10,
                                           .sigma = 0.5,
                                           .sigma_folds = 0.1,
                                           .failures = 0.05,
                                           .repair = 20,
                                           .dispatch = 1e-3,
                                           .node_ranks = 8};

static void simulate(const crm_sweep_cfg *cfg, const crm_sweep_sim_cfg *sim, int ranks,
                     crm_sweep_plan **plan, crm_sweep_sim_use *use)
{
    crm_sweep_sim_world *w;
    crm_sweep_sim_draws draws;

    T_OK(crm_sweep_sim_world_new(cfg, sim, 2, two, NULL, NULL, &w));
    draws = crm_sweep_sim_draws_of(w);
    T_OK(crm_sweep_simulate(cfg, sim, 2, two, &draws, ranks, plan, use));
    crm_sweep_sim_world_free(&w);
}

static void no_second_is_lost(void)
{
    static const int ranks[] = {1, 2, 7, 63, 64, 65, 200, 1000};
    int lost = 0;

    for (int scheduler = 0; scheduler < CRM_SCHEDULER_COUNT; scheduler++)
        for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
            for (int size = 1; size <= 11; size += 5) {
                crm_sweep_cfg cfg = usual(scheduler, 60);
                crm_sweep_sim_use u, again;
                cfg.group_ranks = size;
                simulate(&cfg, &modelled, ranks[i], NULL, &u);
                simulate(&cfg, &modelled, ranks[i], NULL, &again);
                T_CHECK(memcmp(&u, &again, sizeof u) == 0);
                T_NEAR(sum_of(&u) / (ranks[i] * u.makespan_s), 1, 1e-9);
                T_CHECK(u.rounds_s >= 0 && u.end_s >= 0 && u.dispatch_s >= 0 && u.thrown_s >= 0);
                T_CHECK((u.answering_s > 0) == ((ranks[i] + size - 1) / size >= 64));
                lost += u.lost > 0;
            }
    T_CHECK(lost > 100);
}

/* What trials come to is drawn by trial, and rounds make the rest: the same on any ranks. */
static void the_same_promotions_on_any_ranks(void)
{
    for (int scheduler = 0; scheduler < CRM_SCHEDULER_ASYNCHRONOUS; scheduler++) {
        const crm_sweep_cfg cfg = usual(scheduler, 100);
        crm_sweep_plan *alone, *many;
        crm_sweep_sim_use one, u;
        simulate(&cfg, &modelled, 1, &alone, &one);
        for (int ranks = 5; ranks <= 3125; ranks *= 25) {
            int other = 0;
            simulate(&cfg, &modelled, ranks, &many, &u);
            T_EQ_I(u.units, one.units);
            T_NEAR(u.busy_s, one.busy_s, 1e-9);
            for (int s = 0; s < 2; s++) {
                T_EQ_I(crm_sweep_plan_winner(alone, s), crm_sweep_plan_winner(many, s));
                for (int64_t i = 0; i < crm_sweep_plan_trials(alone, s); i++)
                    other += crm_sweep_plan_trial(alone, s, i)->rung !=
                             crm_sweep_plan_trial(many, s, i)->rung;
            }
            T_EQ_I(other, 0);
            crm_sweep_plan_free(&many);
        }
        T_CHECK(scheduler != CRM_SCHEDULER_NONE || one.units == 2 * 3 * 100);
        T_CHECK(scheduler != CRM_SCHEDULER_HALVING || one.units == 2 * 3 * (100 + 33 + 11));
        T_CHECK(scheduler != CRM_SCHEDULER_MEDIAN || one.units < 2 * 3 * 100);
        crm_sweep_plan_free(&alone);
    }
}

/* Rows of the model: mean time by cost and resource, spread, share of units that are lost. */
static void the_model_has_its_moments(void)
{
    const crm_sweep_cfg cfg = usual(CRM_SCHEDULER_NONE, 1);
    crm_sweep_sim_cfg sim = modelled;
    crm_sweep_sim_world *w;
    crm_sweep_sim_draws d;
    double sum = 0, logs = 0, squares = 0, expected = 0;
    int n = 20000, lost = 0;

    sim.failures = 0.2;
    T_OK(crm_sweep_sim_world_new(&cfg, &sim, 2, two, NULL, NULL, &w));
    d = crm_sweep_sim_draws_of(w);
    for (int i = 0; i < n; i++) {
        const crm_sweep_unit u = {
            .search = 2, .trial = i, .resource = 0.5}; /* of the first model */
        double s = d.seconds(d.ctx, &u);
        sum += s;
        logs += log(s);
        squares += log(s) * log(s);
        lost += d.fails(d.ctx, &u, 0) < 1;
        expected += 1 - exp(-0.2 / 8 * s / 10); /* eight groups on a node share its failures */
    }
    T_NEAR(sum / n, 10 * 1.5 * 0.5, 0.02);
    T_NEAR(sqrt(squares / n - logs / n * (logs / n)), sqrt(0.26), 0.02);
    T_NEAR(lost / expected, 1, 0.15);
    T_CHECK(lost > 300);
    crm_sweep_sim_world_free(&w);
}

/* 20,001 units of 6,667 trials and one search, log-normal, with failures, on five seeds. */
static void a_thousand_ranks_are_useful(void)
{
    const crm_sweep_sim_cfg sim = {.seconds = 60,
                                   .sigma = 0.5,
                                   .sigma_folds = 0.1,
                                   .failures = 0.01,
                                   .repair = 60,
                                   .dispatch = 73e-6,
                                   .node_ranks = 1};
    double least = 1;

    for (int seed = 0; seed < 5; seed++) {
        crm_sweep_cfg cfg = usual(CRM_SCHEDULER_NONE, 6667);
        crm_sweep_sim_world *w;
        crm_sweep_sim_draws d;
        crm_sweep_sim_use u;
        cfg.seed = seed;
        T_OK(crm_sweep_sim_world_new(&cfg, &sim, 1, two, NULL, NULL, &w));
        d = crm_sweep_sim_draws_of(w);
        T_OK(crm_sweep_simulate(&cfg, &sim, 1, two, &d, 1024, NULL, &u));
        least = fmin(least, u.busy_s / (1024 * u.makespan_s));
        T_CHECK(u.units == 20001 && u.lost > 100);
        crm_sweep_sim_world_free(&w);
    }
    T_CHECK(least >= 0.95);
}

/* ---- the past ---- */

static void times_of_a_ledger(void)
{
    const crm_sweep_cfg cfg = usual(CRM_SCHEDULER_HALVING, 9);
    crm_sweep_ledger_entry e[] = {{.name = "s0-t0-k0-r0-f0-x0", .loss = 1, .seconds = 2},
                                  {.name = "s0-t0-k0-r0-f1-x0", .loss = 3, .seconds = 5},
                                  {.name = "s0-t4-k0-r0-f0-x0", .failed = true, .seconds = 100}};
    const crm_sweep_ledger_all all = {.n = 3, .entry = e}, none = {0};
    const double first = 1.0 / 9;
    crm_sweep_unit u = {.resource = first};
    crm_sweep_sim_world *w;
    crm_sweep_sim_draws d;
    crm_sweep_plan *p;
    int two_s = 0, five_s = 0;

    T_OK(crm_sweep_plan_new(&cfg, 2, two, &p));
    T_FAILS(crm_sweep_sim_world_new(&cfg, &modelled, 2, two, &none, p, &w), CRM_ERR_CONFIG,
            "no unit of the sweep has a result");
    T_OK(crm_sweep_sim_world_new(&cfg, &modelled, 2, two, &all, p, &w));
    d = crm_sweep_sim_draws_of(w);
    T_CHECK(d.seconds(d.ctx, &u) == 2 && d.loss(d.ctx, &u) == 1);
    u.fold = 1;
    T_CHECK(d.seconds(d.ctx, &u) == 5 && d.loss(d.ctx, &u) == 3);
    u.fold = 2; /* of that trial, but not there */
    T_CHECK(d.loss(d.ctx, &u) == 2);
    u.trial = 4;
    T_CHECK(isnan(d.loss(d.ctx, &(crm_sweep_unit){.trial = 4, .resource = first})));
    for (u.trial = 5; u.trial < 105; u.trial++) {
        two_s += d.seconds(d.ctx, &u) == 2;
        five_s += d.seconds(d.ctx, &u) == 5;
    }
    T_CHECK(two_s + five_s == 100 && two_s > 30 && five_s > 30);
    u = (crm_sweep_unit){.trial = 7, .rung = 1, .resource = 3 * first};
    T_CHECK(fabs(d.seconds(d.ctx, &u) - 6) < 1e-9 || fabs(d.seconds(d.ctx, &u) - 15) < 1e-9);
    u = (crm_sweep_unit){.search = 1, .trial = 7, .resource = first}; /* a third of the cost */
    T_CHECK(fabs(d.seconds(d.ctx, &u) - 2.0 / 3) < 1e-9 ||
            fabs(d.seconds(d.ctx, &u) - 5.0 / 3) < 1e-9);
    crm_sweep_sim_world_free(&w);
    crm_sweep_plan_free(&p);
}

/* ---- schedulers beside each other ---- */

static void rounds_beside_none(void)
{
    const crm_sweep_cfg cfg = usual(CRM_SCHEDULER_HALVING, 60);
    crm_sweep_cfg plain = usual(CRM_SCHEDULER_NONE, 60);
    crm_sweep_sim_world *w;
    crm_sweep_sim_draws d;
    crm_sweep_sim_runs r;
    crm_sweep_sim_use own;
    crm_str text = {0}, json = {0};

    T_OK(crm_sweep_sim_world_new(&cfg, &modelled, 2, two, NULL, NULL, &w));
    d = crm_sweep_sim_draws_of(w);
    T_OK(crm_sweep_sim_compare(&cfg, &modelled, 2, two, &d, 100, &r));
    T_EQ_I(r.n, 3);
    T_CHECK(r.scheduler[1] == CRM_SCHEDULER_ASYNCHRONOUS && r.scheduler[2] == CRM_SCHEDULER_NONE);
    T_OK(crm_sweep_simulate(&cfg, &modelled, 2, two, &d, 100, NULL, &own));
    T_CHECK(memcmp(&own, &r.use[0], sizeof own) == 0);
    T_CHECK(r.use[0].rounds_s > r.use[1].rounds_s && r.use[2].units == 360);
    crm_sweep_sim_tell(&r, &text);
    crm_sweep_sim_json(&r, &json);
    T_CHECK(strstr(text.text, "| sweep.scheduler | halving | asynchronous, without rounds |"));
    T_CHECK(strstr(text.text, "against none without rounds: makespan x "));
    T_CHECK(strstr(json.text, "{\"ranks\": 100, \"groups\": 99, \"runs\": ["));
    crm_str_free(&text);
    crm_str_free(&json);
    /* Without rounds there is nothing to compare; those of tpe can be left out. */
    T_OK(crm_sweep_sim_compare(&plain, &modelled, 2, two, &d, 100, &r));
    T_EQ_I(r.n, 1);
    plain.sampler = CRM_SAMPLER_TPE;
    T_OK(crm_sweep_sim_compare(&plain, &modelled, 2, two, &d, 100, &r));
    T_EQ_I(r.n, 2);
    T_CHECK(r.use[0].rounds_s > 0 && r.use[1].rounds_s == 0 && r.use[0].units == r.use[1].units);
    crm_sweep_sim_world_free(&w);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"three units on two ranks", three_units_on_two_ranks},
        {"a unit is called back", a_unit_is_called_back},
        {"a node fails", a_node_fails},
        {"ranks wait for a round", ranks_wait_for_a_round},
        {"limits", limits},
        {"no second of a rank is lost", no_second_is_lost},
        {"the same promotions on any ranks", the_same_promotions_on_any_ranks},
        {"the model has its moments", the_model_has_its_moments},
        {"a thousand ranks are useful", a_thousand_ranks_are_useful},
        {"times of a ledger", times_of_a_ledger},
        {"rounds beside none", rounds_beside_none},
        {NULL, NULL}};
    return t_main(argc, argv, cases);
}
