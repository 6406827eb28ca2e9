/* test_plan.c - plans: the same trials, promotions and winner in whatever order results come. */
#include "crm_test.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/sweep_plan.h"
#include "functions.h"

enum { UNITS_MAX = 4096 };

/* What a unit would come to: the function of its point, some noise of its fold, and less of it the
 * more it has learnt from.  Every 11th trial fails in its last fold when some fail. */
typedef struct world {
    const function *f;
    bool some_fail;
} world;

static double loss_of(const world *w, const crm_sweep_plan *p, const crm_sweep_unit *u)
{
    const crm_trial *t = crm_sweep_plan_trial(p, u->search, u->trial);
    crm_rng r =
        crm_rng_at(1, CRM_RNG_SWEEP, (uint32_t)(u->repeat * 8 + u->fold), (uint64_t)u->trial);
    double noise = crm_rng_uniform(&r);

    if (w->some_fail && u->trial % 11 == 4 && u->fold == 1) return (double)NAN;
    return w->f->of(t->x) + 0.01 * noise + 1 / u->resource;
}

/* Run a plan to its end with up to `hands` units under way, results in a random order. */
static int64_t run(const world *w, crm_sweep_plan *p, int hands, uint64_t order)
{
    static crm_sweep_unit held[64];
    int n = 0;
    int64_t done = 0;
    bool fresh;

    for (;;) {
        while (n < hands && crm_sweep_plan_next(p, &held[n]))
            n++;
        if (n == 0) break;
        int i = (int)(crm_rng_derive(order, (uint64_t)done, 0, 0) % (uint64_t)n);
        crm_sweep_unit u = held[i];
        held[i] = held[--n];
        if (crm_rng_derive(order, (uint64_t)done, 1, 0) % 7 == 0) { /* lost, and run again */
            T_OK(crm_sweep_plan_back(p, &u));
            order++;
            continue;
        }
        T_OK(crm_sweep_plan_done(p, &u, loss_of(w, p, &u), 1 + i, &fresh));
        T_CHECK(fresh);
        T_OK(crm_sweep_plan_done(p, &u, 0, 1, &fresh)); /* twice: ignored */
        T_CHECK(!fresh);
        done++;
    }
    T_CHECK(crm_sweep_plan_ended(p));
    return done;
}

static crm_digest digest_of(const crm_sweep_plan *p, int searches)
{
    crm_digest d;
    crm_hash *h;

    T_OK(crm_hash_new(&h));
    for (int s = 0; s < searches; s++) {
        for (int64_t i = 0; i < crm_sweep_plan_trials(p, s); i++) {
            const crm_trial *t = crm_sweep_plan_trial(p, s, i);
            crm_hash_add_i64(h, t->rung);
            crm_hash_add_f64(h, t->resource);
            crm_hash_add_f64(h, t->loss);
            crm_hash_add_i64(h, t->stopped + 2 * t->failed + 4 * t->whole);
            crm_hash_add_f64(h, t->x[0]);
            T_EQ_I(t->done, t->units);
        }
        crm_hash_add_i64(h, crm_sweep_plan_winner(p, s));
    }
    d = crm_hash_value(h);
    crm_hash_free(&h);
    return d;
}

static crm_sweep_cfg usual(int sampler, int scheduler, int resource)
{
    return (crm_sweep_cfg){.sampler = sampler,
                           .scheduler = scheduler,
                           .resource = resource,
                           .trials = 27,
                           .seed = 5,
                           .startup = 6,
                           .candidates = 24,
                           .points = 5,
                           .eta = 3,
                           .least = 1.0 / 9,
                           .folds = 3,
                           .repeats = 2,
                           .list = ""};
}

static void order_changes_nothing(void)
{
    int runs = 0;

    for (int sampler = 0; sampler < CRM_SAMPLER_COUNT; sampler++)
        for (int scheduler = 0; scheduler < CRM_SCHEDULER_ASYNCHRONOUS; scheduler++)
            for (int resource = 0; resource < CRM_RESOURCE_COUNT; resource++) {
                const crm_sweep_cfg cfg = usual(sampler, scheduler, resource);
                const world w = {.f = &functions[0], .some_fail = resource == 0};
                const crm_search of[2] = {{.space = &functions[0].space, .cost = 10},
                                          {.space = &functions[0].space, .cost = 1}};
                crm_digest first = {0};
                if (sampler == CRM_SAMPLER_GRID && scheduler == CRM_SCHEDULER_HYPERBAND) continue;
                for (int hands = 1; hands <= 17; hands += 8) {
                    crm_sweep_plan *p;
                    crm_digest d;
                    T_OK(crm_sweep_plan_new(&cfg, 2, of, &p));
                    run(&w, p, hands, (uint64_t)hands);
                    d = digest_of(p, 2);
                    T_CHECK(hands == 1 || crm_digest_equal(d, first));
                    T_CHECK(crm_sweep_plan_winner(p, 0) >= 0);
                    first = d;
                    crm_sweep_plan_free(&p);
                    runs++;
                }
            }
    T_EQ_I(runs, 3 * (4 * 4 * 2 - 2));
}

/* Trials that got at least so far. */
static int64_t reached(const crm_sweep_plan *p, int rung)
{
    int64_t n = 0;

    for (int64_t i = 0; i < crm_sweep_plan_trials(p, 0); i++)
        n += crm_sweep_plan_trial(p, 0, i)->rung >= rung;
    return n;
}

static void halving_raises_a_third(void)
{
    crm_sweep_cfg cfg = usual(CRM_SAMPLER_RANDOM, CRM_SCHEDULER_HALVING, CRM_RESOURCE_ROWS);
    const crm_search of = {.space = &functions[0].space, .cost = 1};
    const world w = {.f = &functions[0]};
    const crm_trial *best;
    crm_sweep_plan *p;

    T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
    T_EQ_I(run(&w, p, 4, 3), (27 + 9 + 3) * 6);
    T_CHECK(reached(p, 0) == 27 && reached(p, 1) == 9 && reached(p, 2) == 3);
    best = crm_sweep_plan_trial(p, 0, crm_sweep_plan_winner(p, 0));
    T_CHECK(best->whole && best->resource == 1 && best->spread > 0);
    for (int64_t i = 0; i < 27; i++) { /* the three of the least loss at the end */
        const crm_trial *t = crm_sweep_plan_trial(p, 0, i);
        T_CHECK(t->whole == (t->rung == 2) && t->stopped == !t->whole);
    }
    crm_sweep_plan_free(&p);
    /* By folds: 1, 2 and 6 of them; none is run twice. */
    cfg.resource = CRM_RESOURCE_FOLDS;
    cfg.least = 1.0 / 6;
    T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
    T_EQ_I(run(&w, p, 4, 3), 27 * 2 + 9 * 4);
    T_CHECK(reached(p, 0) == 27 && reached(p, 1) == 9);
    crm_sweep_plan_free(&p);
}

/* As the rule says, asked here about each trial's mean over the same folds. */
static void median_compares_the_same_folds(void)
{
    crm_sweep_cfg cfg = usual(CRM_SAMPLER_SOBOL, CRM_SCHEDULER_MEDIAN, CRM_RESOURCE_ROWS);
    const crm_search of = {.space = &functions[0].space, .cost = 1};
    const world w = {.f = &functions[0]};
    double mean[27];
    crm_sweep_plan *p;
    int wrong = 0;

    T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
    run(&w, p, 5, 8);
    for (int i = 0; i < 27; i++)
        mean[i] = crm_sweep_plan_loss(p, &(crm_sweep_unit){.trial = i});
    for (int i = 0; i < 27; i++) {
        const crm_trial *t = crm_sweep_plan_trial(p, 0, i);
        int below = 0;
        for (int j = 0; j < 27; j++)
            below += mean[j] < mean[i];
        wrong += (t->rung == 0) != (2 * below > 26); /* stopped after the first fold */
        T_CHECK(!t->stopped || t->units == t->rung + 1);
    }
    T_EQ_I(wrong, 0);
    T_EQ_I(crm_sweep_plan_trial(p, 0, crm_sweep_plan_winner(p, 0))->units, 6);
    crm_sweep_plan_free(&p);
}

static void hyperband_takes_its_brackets(void)
{
    crm_sweep_cfg cfg = usual(CRM_SAMPLER_RANDOM, CRM_SCHEDULER_HYPERBAND, CRM_RESOURCE_ROWS);
    const crm_search of = {.space = &functions[0].space, .cost = 1};
    const world w = {.f = &functions[0]};
    crm_sweep_plan *p;

    cfg.least = 1.0 / 81;
    cfg.trials = 81 + 34 + 15 + 8 + 5;
    cfg.folds = 2;
    cfg.repeats = 1;
    T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
    T_EQ_I(run(&w, p, 7, 1), 2 * (121 + 49 + 21 + 10 + 5));
    crm_sweep_plan_free(&p);
}

static void failures_go_no_further(void)
{
    const crm_sweep_cfg cfg = usual(CRM_SAMPLER_TPE, CRM_SCHEDULER_NONE, CRM_RESOURCE_ROWS);
    const crm_search of = {.space = &functions[0].space, .cost = 1};
    const world w = {.f = &functions[0], .some_fail = true};
    crm_sweep_plan *p;
    int failed = 0;

    T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
    T_EQ_I(crm_sweep_plan_trials(p, 0), 8); /* a round */
    run(&w, p, 3, 2);
    T_EQ_I(crm_sweep_plan_trials(p, 0), 27);
    for (int i = 0; i < 27; i++) {
        const crm_trial *t = crm_sweep_plan_trial(p, 0, i);
        failed += t->failed;
        T_CHECK(t->failed == (i % 11 == 4) && isnan(t->loss) == t->failed);
    }
    T_EQ_I(failed, 3);
    crm_sweep_plan_free(&p);
}

static void asynchronous_comes_to_an_end(void)
{
    crm_sweep_cfg cfg = usual(CRM_SAMPLER_RANDOM, CRM_SCHEDULER_ASYNCHRONOUS, CRM_RESOURCE_ROWS);
    const crm_search of = {.space = &functions[0].space, .cost = 1};
    const world w = {.f = &functions[0], .some_fail = true};
    crm_sweep_plan *p;

    for (uint64_t order = 0; order < 6; order++) {
        cfg.resource = order % 2 ? CRM_RESOURCE_FOLDS : CRM_RESOURCE_ROWS;
        cfg.trials = order < 4 ? 27 : 2; /* 2: fewer than eta */
        T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
        run(&w, p, 5, order);
        T_CHECK(crm_sweep_plan_winner(p, 0) >= 0);
        T_CHECK(order > 3 || reached(p, 1) >= 8);
        crm_sweep_plan_free(&p);
    }
}

/* Losses at which trials have completed each rung, and how far each one has come, by the rule. */
typedef struct promotions {
    double loss[4][64];
    int rung[64];
} promotions;

/* All that are among the best of those who have completed the rung, one in three of them, go on. */
static void promote(promotions *e, int64_t n, int rung)
{
    bool on[64];
    int64_t complete = 0;

    for (int64_t i = 0; i < n; i++)
        complete += !isnan(e->loss[rung][i]);
    crm_rungs_promote(e->loss[rung], n, complete / 3, on);
    for (int64_t i = 0; i < n; i++)
        if (on[i] && e->rung[i] == rung) e->rung[i]++;
}

static void asynchronous_raises_the_best_so_far(void)
{
    const crm_sweep_cfg cfg =
        usual(CRM_SAMPLER_RANDOM, CRM_SCHEDULER_ASYNCHRONOUS, CRM_RESOURCE_ROWS);
    const crm_search of = {.space = &functions[0].space, .cost = 1};
    const world w = {.f = &functions[0], .some_fail = true};
    promotions e = {.rung = {0}};
    crm_sweep_plan *p;
    crm_sweep_unit held[16], u;
    int64_t n, complete = 0, wrong = 0;
    int hands = 0;
    bool fresh;

    for (int i = 0; i < 4 * 64; i++)
        e.loss[i / 64][i % 64] = (double)NAN;
    T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
    n = crm_sweep_plan_trials(p, 0);
    for (uint64_t k = 0;; k++) {
        const crm_trial *t;
        while (hands < 16 && crm_sweep_plan_next(p, &held[hands]))
            hands++;
        if (hands < 16) break; /* then nothing more may be under way, and the best go on anyway */
        u = held[crm_rng_derive(k, 3, 0, 0) % 16];
        for (int i = 0; i < hands; i++)
            if (memcmp(&held[i], &u, sizeof u) == 0) held[i] = held[--hands];
        T_OK(crm_sweep_plan_done(p, &u, loss_of(&w, p, &u), 1, &fresh));
        t = crm_sweep_plan_trial(p, 0, u.trial);
        if (t->done >= 6 * (u.rung + 1)) { /* it has completed this rung */
            e.loss[u.rung][u.trial] = t->loss;
            promote(&e, n, u.rung);
            complete++;
        }
        for (int64_t i = 0; i < n; i++) {
            t = crm_sweep_plan_trial(p, 0, i);
            wrong += e.rung[i] < 3 && t->rung != e.rung[i];
        }
    }
    T_EQ_I(wrong, 0);
    T_CHECK(complete > 20);
    crm_sweep_plan_free(&p);
}

static void fixed_points_are_taken(void)
{
    static const double list[] = {1, 2, 3, 4, 5, 6};
    const crm_sweep_cfg cfg = usual(CRM_SAMPLER_TPE, CRM_SCHEDULER_NONE, CRM_RESOURCE_ROWS);
    const crm_space none = {0};
    const crm_search of[2] = {{.space = &functions[0].space, .cost = 1, .n_list = 3, .list = list},
                              {.space = &none, .cost = 1}};
    crm_sweep_plan *p;
    int64_t done, units;

    T_OK(crm_sweep_plan_new(&cfg, 2, of, &p));
    T_EQ_I(crm_sweep_plan_trials(p, 0), 3);
    T_CHECK(crm_sweep_plan_trial(p, 0, 2)->x[1] == 6);
    T_EQ_I(crm_sweep_plan_trials(p, 1), 1); /* nothing to search: the model as it is */
    crm_sweep_plan_count(p, &done, &units);
    T_CHECK(done == 0 && units == 4 * 6);
    crm_sweep_plan_free(&p);
}

static void largest_units_come_first(void)
{
    const crm_sweep_cfg cfg = usual(CRM_SAMPLER_RANDOM, CRM_SCHEDULER_NONE, CRM_RESOURCE_ROWS);
    const crm_search of[2] = {{.space = &functions[0].space, .cost = 1},
                              {.space = &functions[0].space, .cost = 5}};
    crm_sweep_plan *p;
    crm_sweep_unit u;
    bool fresh;

    T_OK(crm_sweep_plan_new(&cfg, 2, of, &p));
    T_CHECK(crm_sweep_plan_next(p, &u) && u.search == 1);
    T_OK(
        crm_sweep_plan_done(p, &u, 1, 0.1, &fresh)); /* it was thought to take longer than it did */
    T_CHECK(crm_sweep_plan_next(p, &u) && u.search == 1);
    u = (crm_sweep_unit){.resource = 1, .point = crm_sweep_plan_trial(p, 0, 0)->point};
    T_OK(crm_sweep_plan_done(p, &u, 1, 3, &fresh));
    T_CHECK(crm_sweep_plan_next(p, &u) && u.search == 0);
    crm_sweep_plan_free(&p);
}

/* One unit of each trial; then those of the trials that took longest. */
static void long_trials_come_first(void)
{
    const crm_sweep_cfg cfg = usual(CRM_SAMPLER_RANDOM, CRM_SCHEDULER_NONE, CRM_RESOURCE_ROWS);
    const crm_search of = {.space = &functions[0].space, .cost = 1};
    crm_sweep_plan *p;
    crm_sweep_unit u, other;
    bool fresh;

    T_OK(crm_sweep_plan_new(&cfg, 1, &of, &p));
    for (int i = 0; i < 27; i++) {
        T_CHECK(crm_sweep_plan_next(p, &u) && u.trial == i && u.fold == 0 && u.repeat == 0);
        T_OK(crm_sweep_plan_done(p, &u, 1, 10 + i % 9, &fresh));
    }
    for (int i = 0; i < 27 * 5; i++) {
        int takes = 18 - i / 15;
        T_CHECK(crm_sweep_plan_next(p, &u) && u.trial % 9 == takes - 10 && u.resource == 1);
        if (i == 0) { /* put back, it comes after the others; what another job did is not given */
            T_OK(crm_sweep_plan_back(p, &u));
            other = u;
            other.fold = 2;
            T_OK(crm_sweep_plan_done(p, &other, 1, 18, &fresh));
            T_CHECK(fresh);
            i++;
            T_CHECK(crm_sweep_plan_next(p, &u) && u.trial % 9 == 8);
        }
        T_OK(crm_sweep_plan_done(p, &u, 1, takes, &fresh));
        T_CHECK(fresh);
    }
    T_CHECK(crm_sweep_plan_ended(p) && !crm_sweep_plan_next(p, &u));
    crm_sweep_plan_free(&p);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"the order of results changes nothing", order_changes_nothing},
        {"halving raises a third", halving_raises_a_third},
        {"the median is of the same folds", median_compares_the_same_folds},
        {"Hyperband takes its brackets", hyperband_takes_its_brackets},
        {"failures go no further", failures_go_no_further},
        {"asynchronous halving comes to an end", asynchronous_comes_to_an_end},
        {"asynchronous halving raises the best so far", asynchronous_raises_the_best_so_far},
        {"fixed points are taken", fixed_points_are_taken},
        {"the largest units come first", largest_units_come_first},
        {"units of long trials come first", long_trials_come_first},
        {NULL, NULL}};
    return t_main(argc, argv, cases);
}
