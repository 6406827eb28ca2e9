/* test_join.c - several jobs on one sweep: ledgers that grow are followed, claims run out, files of
 * dead writers go and nothing is lost, two plans come to the same without doing work twice. */
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/sweep_follow.h"
#include "crmpi/sweep_plan.h"

static char dir[200];
static const crm_digest run = {.hi = 12, .lo = 34};
static const double lease = 10;

static const char *in_dir(const char *name)
{
    static char path[320];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void clear(void)
{
    T_OK(crm_path_remove(dir));
    T_OK(crm_path_mkdirs(dir));
}

static crm_sweep_ledger *open_log(const char *writer)
{
    crm_sweep_ledger *l = NULL;

    T_OK(crm_sweep_ledger_open(dir, writer, run, &l));
    return l;
}

static crm_sweep_follow *follow(const char *own, bool holds)
{
    crm_sweep_follow *f = NULL;

    T_OK(crm_sweep_follow_new(dir, run, own, holds, lease, &f));
    return f;
}

static crm_sweep_ledger_entry entry_of(const char *name, double loss)
{
    crm_sweep_ledger_entry e = {.failed = isnan(loss),
                                .loss = loss,
                                .seconds = 1,
                                .result = {.hi = 1, .lo = (uint64_t)(loss * 1000)}};

    snprintf(e.name, sizeof e.name, "%s", name);
    if (e.failed) snprintf(e.cause, sizeof e.cause, "no memory");
    return e;
}

static void add(crm_sweep_ledger *l, const char *name, double loss)
{
    crm_sweep_ledger_entry e = entry_of(name, loss);

    T_OK(crm_sweep_ledger_add(l, &e));
}

static void claim(crm_sweep_ledger *l, const char *name)
{
    crm_sweep_ledger_entry e = entry_of(name, 0);

    T_OK(crm_sweep_ledger_claim(l, 1, &e));
}

static double loss_of(const crm_sweep_follow *f, const char *name)
{
    const crm_sweep_ledger_entry *e = crm_sweep_follow_find(f, name);

    return e ? e->loss : -1;
}

static void put(const char *name, const char *text, size_t bytes, const char *mode)
{
    FILE *file = fopen(in_dir(name), mode);

    T_CHECK(file && fwrite(text, 1, bytes, file) == bytes);
    if (file) fclose(file);
}

/* A file that grows by a few bytes at a time: a line counts when it is whole, and once. */
static void lines_count_when_they_are_whole(void)
{
    crm_sweep_follow *f;
    crm_sweep_ledger *l;
    char *text, name[16];
    size_t bytes;
    int bad = 0, lines = 0;

    clear();
    l = open_log("a-0");
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "u%d", i);
        add(l, name, i + 1);
    }
    T_OK(crm_sweep_ledger_close(&l));
    T_OK(crm_path_read(in_dir("a-0.log"), 1 << 20, &text, &bytes));
    clear();
    f = follow("me", false);
    for (size_t at = 0; at < bytes; at += 7) {
        size_t n = at + 7 < bytes ? 7 : bytes - at;
        put("a-0.log", text + at, n, at ? "a" : "w");
        for (size_t i = at; i < at + n; i++)
            lines += text[i] == '\n';
        T_OK(crm_sweep_follow_look(f, 0));
        for (int i = 0; i < 5; i++) {
            snprintf(name, sizeof name, "u%d", i);
            bad += loss_of(f, name) != (i < lines ? i + 1 : -1);
        }
    }
    T_EQ_I(bad, 0);
    T_EQ_I(crm_sweep_follow_damaged(f, 0), 0);
    /* A line that was cut, and after it those of whoever went on with the file. */
    put("a-0.log", text, 30, "a");
    T_OK(crm_sweep_follow_look(f, 0));
    T_EQ_I(crm_sweep_follow_damaged(f, 0), 0); /* it may still come */
    l = open_log("a-0");
    add(l, "later", 7);
    T_OK(crm_sweep_ledger_close(&l));
    T_OK(crm_sweep_follow_look(f, 0));
    T_EQ_I(crm_sweep_follow_damaged(f, 0), 1);
    T_NEAR(loss_of(f, "later"), 7, 0);
    crm_sweep_follow_free(&f);
    crm_mem_free(text);
}

/* By the clock of the one who looks: as long as a file of the job grows. */
static void claims_run_out(void)
{
    crm_sweep_ledger *a, *other_rank;
    crm_sweep_follow *f;
    int place, jobs;

    clear();
    a = open_log("b-0");
    other_rank = open_log("b-1");
    claim(a, "u1");
    f = follow("c", false);
    T_CHECK(!crm_sweep_follow_claimed(f, "u1", 100));
    T_OK(crm_sweep_follow_look(f, 100));
    T_CHECK(crm_sweep_follow_claimed(f, "u1", 109));
    T_CHECK(!crm_sweep_follow_claimed(f, "u1", 110));
    T_CHECK(!crm_sweep_follow_claimed(f, "u2", 100));
    T_OK(crm_sweep_ledger_claim(a, 0, NULL)); /* alive */
    T_OK(crm_sweep_follow_look(f, 108));
    T_CHECK(crm_sweep_follow_claimed(f, "u1", 117));
    T_OK(crm_sweep_follow_look(f, 117));
    T_CHECK(!crm_sweep_follow_claimed(f, "u1", 118)); /* nothing has grown */
    add(other_rank, "u5", 1);
    T_OK(crm_sweep_follow_look(f, 120));
    T_CHECK(crm_sweep_follow_claimed(f, "u1", 129)); /* another rank of it has */
    crm_sweep_follow_place(f, 129, &place, &jobs);
    T_EQ_I(place, 1);
    T_EQ_I(jobs, 2);
    crm_sweep_follow_place(f, 131, &place, &jobs);
    T_EQ_I(place, 0);
    T_EQ_I(jobs, 1);
    T_OK(crm_sweep_ledger_close(&a)); /* it ends, so its claims do */
    T_OK(crm_sweep_follow_look(f, 132));
    T_CHECK(!crm_sweep_follow_claimed(f, "u1", 132));
    crm_sweep_follow_free(&f);
    T_OK(crm_sweep_ledger_close(&other_rank));
}

/* Whoever holds the run knows that holders before are gone; and no claim of its own counts. */
static void a_holder_is_the_only_one(void)
{
    crm_sweep_ledger *a, *own;
    crm_sweep_follow *holder, *guest;

    clear();
    a = open_log("a-0");
    T_OK(crm_sweep_ledger_hold(a));
    claim(a, "u1");
    own = open_log("me-0");
    claim(own, "u2");
    holder = follow("me", true);
    guest = follow("guest", false);
    T_OK(crm_sweep_follow_look(holder, 0));
    T_OK(crm_sweep_follow_look(guest, 0));
    T_CHECK(!crm_sweep_follow_claimed(holder, "u1", 0));
    T_CHECK(!crm_sweep_follow_claimed(holder, "u2", 0));
    T_CHECK(crm_sweep_follow_claimed(guest, "u1", 0));
    T_CHECK(crm_sweep_follow_claimed(guest, "u2", 0));
    T_EQ_I(crm_sweep_follow_left(holder, 0), 1);
    T_EQ_I(crm_sweep_follow_left(guest, 0), 0);
    crm_sweep_follow_free(&holder);
    crm_sweep_follow_free(&guest);
    T_OK(crm_sweep_ledger_close(&a));
    T_OK(crm_sweep_ledger_close(&own));
}

typedef struct judge {
    const crm_sweep_follow *f;
    double now;
} judge;

static bool is_gone(void *ctx, const char *name)
{
    const judge *j = ctx;

    return crm_sweep_follow_gone(j->f, name, j->now);
}

/* Another job compacts: living writers keep their files, dead ones lose them, and one that was only
 * slow goes on in a new file.  Followers miss nothing and see nothing twice. */
static void compaction_by_another(void)
{
    crm_sweep_ledger *alive, *slow, *done;
    crm_sweep_follow *f, *guest;
    crm_sweep_ledger_all all;
    judge j;

    clear();
    alive = open_log("alive-0");
    slow = open_log("slow-0");
    done = open_log("done-0");
    f = follow("me", true);
    guest = follow("guest", false);
    add(slow, "u1", 1);
    add(done, "u2", 2);
    T_OK(crm_sweep_follow_look(f, 0));
    T_OK(crm_sweep_follow_look(guest, 0));
    add(alive, "u3", 3);
    add(slow, "unread", 8);
    T_OK(crm_sweep_ledger_close(&done));
    add(alive, "u4", 4);
    j = (judge){.f = f, .now = 11};
    T_CHECK(!is_gone(&j, "nothing.log"));
    T_OK(crm_sweep_ledger_compact(dir, run, NULL, NULL));
    T_CHECK(!crm_path_exists(in_dir("done-0.log")));
    T_CHECK(crm_path_exists(in_dir("slow-0.log")));
    T_CHECK(crm_path_exists(in_dir("alive-0.log")));
    T_CHECK(is_gone(&j, "slow-0.log")); /* without a look since */
    j.now = 9;
    T_CHECK(!is_gone(&j, "slow-0.log"));
    T_OK(crm_sweep_follow_look(f, 9));
    add(alive, "u5", 5);
    T_OK(crm_sweep_follow_look(f, 20));
    j.now = 20;
    T_OK(crm_sweep_ledger_compact(dir, run, is_gone, &j));
    T_CHECK(crm_path_exists(in_dir("alive-0.log")));
    T_CHECK(!crm_path_exists(in_dir("slow-0.log")));
    T_OK(crm_sweep_follow_look(f, 20));
    T_EQ_I(crm_sweep_follow_left(f, 20), 0);
    add(slow, "u6", 6);
    T_CHECK(crm_path_exists(in_dir("slow-0.log")));
    T_OK(crm_sweep_follow_look(guest, 21));
    T_OK(crm_sweep_follow_look(f, 21));
    for (int i = 1; i <= 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%d", i);
        T_NEAR(loss_of(f, name), i, 0);
        T_NEAR(loss_of(guest, name), i, 0);
    }
    T_NEAR(loss_of(guest, "unread"), 8, 0);
    T_OK(crm_sweep_ledger_read(dir, run, &all));
    T_EQ_I(all.n, 7);
    T_EQ_I(all.damaged, 0);
    crm_sweep_ledger_all_free(&all);
    crm_sweep_follow_free(&f);
    crm_sweep_follow_free(&guest);
    T_OK(crm_sweep_ledger_close(&alive));
    T_OK(crm_sweep_ledger_close(&slow));
}

static void results_of_two_jobs(void)
{
    crm_sweep_ledger *a = NULL, *b;
    crm_sweep_follow *f;

    clear();
    a = open_log("a-0");
    b = open_log("b-0");
    f = follow("me", false);
    add(a, "u1", 1);
    add(b, "u1", 1);
    add(a, "u2", (double)NAN);
    T_OK(crm_sweep_follow_look(f, 0));
    T_CHECK(crm_sweep_follow_find(f, "u2")->failed);
    T_CHECK(!crm_sweep_follow_revised(f));
    add(b, "u2", 5); /* where there was memory */
    T_OK(crm_sweep_follow_look(f, 0));
    T_NEAR(loss_of(f, "u2"), 5, 0);
    T_CHECK(crm_sweep_follow_revised(f));
    T_CHECK(!crm_sweep_follow_revised(f));
    add(b, "u1", 2);
    T_EQ_I(crm_sweep_follow_look(f, 0), CRM_ERR_FORMAT);
    T_CHECK(strstr(crm_err_text(), "unit u1 has two different results") != NULL);
    crm_sweep_follow_free(&f);
    T_OK(crm_sweep_ledger_close(&a));
    T_OK(crm_sweep_ledger_close(&b));
}

/* ---- two jobs with plans of their own ---- */

static crm_dim one_dim = {.key = "x", .kind = CRM_DIM_REAL, .lo = 0, .hi = 1, .when = -1};
static const crm_space space = {.n = 1, .dim = &one_dim};

typedef struct worker {
    crm_sweep_plan *plan;
    crm_sweep_follow *follow;
    crm_sweep_ledger *log;
    int ran;
} worker;

static void open_worker(worker *w, const char *tag)
{
    const crm_sweep_cfg cfg = {.sampler = CRM_SAMPLER_TPE,
                               .scheduler = CRM_SCHEDULER_HALVING,
                               .trials = 12,
                               .startup = 3,
                               .candidates = 8,
                               .batch = 4,
                               .points = 3,
                               .eta = 2,
                               .least = 0.2,
                               .folds = 3,
                               .repeats = 1};
    const crm_search search[] = {{.space = &space, .cost = 1}, {.space = &space, .cost = 3}};
    char writer[32];

    *w = (worker){.ran = 0};
    snprintf(writer, sizeof writer, "%s-0", tag);
    T_OK(crm_sweep_plan_new(&cfg, 2, search, &w->plan));
    w->follow = follow(tag, false);
    w->log = open_log(writer);
}

static void close_worker(worker *w)
{
    crm_sweep_plan_free(&w->plan);
    crm_sweep_follow_free(&w->follow);
    T_OK(crm_sweep_ledger_close(&w->log));
}

/* The next unit that is neither known nor claimed, first of those of the worker's number; others'
 * results go into the plan. */
static bool take_unit(worker *w, crm_sweep_unit *u)
{
    crm_sweep_unit aside[200], spare[200];
    int n = 0, spares = 0, place, jobs;
    bool found, fresh;

    crm_sweep_follow_place(w->follow, 0, &place, &jobs);
    while ((found = crm_sweep_plan_next(w->plan, u))) {
        char name[CRM_SWEEP_UNIT_NAME_MAX];
        const crm_sweep_ledger_entry *e;
        crm_sweep_unit_key(u, name);
        e = crm_sweep_follow_find(w->follow, name);
        if (e)
            T_OK(crm_sweep_plan_done(w->plan, u, e->loss, e->seconds, &fresh));
        else if (crm_sweep_follow_claimed(w->follow, name, 0))
            aside[n++] = *u;
        else if (crm_sweep_plan_number(w->plan, u) % jobs != place)
            spare[spares++] = *u;
        else
            break;
    }
    if (!found && spares > 0) {
        found = true;
        *u = spare[--spares];
    }
    while (n > 0)
        T_OK(crm_sweep_plan_back(w->plan, &aside[--n]));
    while (spares > 0)
        T_OK(crm_sweep_plan_back(w->plan, &spare[--spares]));
    return found;
}

static void run_unit(worker *w, const crm_sweep_unit *u)
{
    double x = crm_sweep_plan_trial(w->plan, u->search, u->trial)->x[0];
    double loss = (x - 0.3) * (x - 0.3) + 0.01 * u->fold + 0.1 * u->rung + u->search;
    char name[CRM_SWEEP_UNIT_NAME_MAX];
    crm_sweep_ledger_entry e;
    bool fresh;

    crm_sweep_unit_key(u, name);
    e = entry_of(name, loss);
    T_OK(crm_sweep_ledger_add(w->log, &e));
    T_OK(crm_sweep_follow_add(w->follow, &e));
    T_OK(crm_sweep_plan_done(w->plan, u, loss, 1, &fresh));
    w->ran++;
}

/* n jobs take a unit each, in turn or at once, and look before that. */
static void play(int n, bool at_once, worker *w, int *twice)
{
    crm_sweep_unit u[4];
    crm_sweep_ledger_all all;
    bool has[4], any = true;
    int ran = 0;

    clear();
    for (int i = 0; i < n; i++) {
        char tag[16];
        snprintf(tag, sizeof tag, "w%d", i);
        open_worker(&w[i], tag);
    }
    while (any) {
        any = false;
        for (int i = 0; i < n && at_once; i++)
            T_OK(crm_sweep_follow_look(w[i].follow, 0));
        for (int i = 0; i < n; i++) {
            char name[CRM_SWEEP_UNIT_NAME_MAX];
            if (!at_once) T_OK(crm_sweep_follow_look(w[i].follow, 0));
            has[i] = take_unit(&w[i], &u[i]);
            any = any || has[i];
            if (!has[i]) continue;
            crm_sweep_unit_key(&u[i], name);
            claim(w[i].log, name);
        }
        for (int i = 0; i < n; i++)
            if (has[i]) run_unit(&w[i], &u[i]);
    }
    T_OK(crm_sweep_ledger_read(dir, run, &all));
    for (int i = 0; i < n; i++)
        ran += w[i].ran;
    *twice = ran - (int)all.n;
    crm_sweep_ledger_all_free(&all);
}

static void two_plans_come_to_the_same(void)
{
    worker alone[1], w[3];
    int twice;

    play(1, false, alone, &twice);
    T_EQ_I(twice, 0);
    T_CHECK(crm_sweep_plan_ended(alone->plan));
    for (int how = 0; how < 2; how++) {
        play(3, how == 1, w, &twice);
        if (how == 0) T_EQ_I(twice, 0); /* each sees the claims of the others */
        if (how == 1) T_CHECK(twice <= alone->ran / 8);
        for (int i = 0; i < 3; i++) {
            T_CHECK(w[i].ran > alone->ran / 6 && w[i].ran < alone->ran / 2);
            T_CHECK(crm_sweep_plan_ended(w[i].plan));
            for (int s = 0; s < 2; s++)
                T_EQ_I(crm_sweep_plan_winner(w[i].plan, s), crm_sweep_plan_winner(alone->plan, s));
            close_worker(&w[i]);
        }
    }
    close_worker(alone);
}

/* A job that has seen a failure draws other points than one that has not: a result counts for its
 * own point only. */
static void a_trial_made_anew_has_other_units(void)
{
    worker w[2];
    crm_sweep_unit u, last[2];
    crm_sweep_ledger_entry e;
    char key[2][CRM_SWEEP_UNIT_NAME_MAX];
    bool fresh;

    clear();
    open_worker(&w[0], "sees");
    open_worker(&w[1], "not");
    for (int i = 0; i < 2; i++) {
        while (crm_sweep_plan_next(w[i].plan, &last[i])) {
            if (last[i].search == 0 && last[i].trial == 8) break; /* of the third round */
            if (i == 0 && last[i].trial == 1)
                T_OK(crm_sweep_plan_done(w[i].plan, &last[i], (double)NAN, 1, &fresh));
            else
                run_unit(&w[i], &last[i]);
        }
        T_EQ_I(last[i].trial, 8);
        crm_sweep_unit_key(&last[i], key[i]);
        T_CHECK(crm_sweep_unit_of(key[i], &u) && u.point == last[i].point);
    }
    T_CHECK(last[0].point != last[1].point);
    T_CHECK(strcmp(key[0], key[1]) != 0);
    T_OK(crm_sweep_plan_done(w[1].plan, &last[0], -100, 1, &fresh));
    T_CHECK(!fresh && !crm_sweep_plan_has(w[1].plan, &last[0]));
    T_OK(crm_sweep_plan_done(w[1].plan, &last[1], 1, 1, &fresh));
    T_CHECK(fresh && crm_sweep_plan_has(w[1].plan, &last[1]));
    e = entry_of(key[0], 1); /* no two results of one unit */
    T_OK(crm_sweep_follow_add(w[1].follow, &e));
    e = entry_of(key[1], 2);
    T_OK(crm_sweep_follow_add(w[1].follow, &e));
    for (int i = 0; i < 2; i++)
        close_worker(&w[i]);
}

static void count_share(void *ctx, const crm_sweep_unit *u)
{
    int *n = ctx;

    (void)u;
    ++*n;
}

/* Units of a round fall evenly to tasks of an array, whatever their number. */
static void shares_are_even(void)
{
    worker w;
    int left = 0;

    clear();
    open_worker(&w, "w");
    crm_sweep_plan_each_open(w.plan, count_share, &left);
    for (int tasks = 1; tasks <= 6; tasks++) {
        int share[6] = {0}, most = 0, least = 1000;
        crm_sweep_unit u, all[200];
        int n = 0;
        while (crm_sweep_plan_next(w.plan, &u)) {
            share[crm_sweep_plan_number(w.plan, &u) % tasks]++;
            all[n++] = u;
        }
        T_EQ_I(n, left);
        for (int i = 0; i < tasks; i++) {
            most = share[i] > most ? share[i] : most;
            least = share[i] < least ? share[i] : least;
        }
        T_CHECK(most - least <= 2);
        while (n > 0)
            T_OK(crm_sweep_plan_back(w.plan, &all[--n]));
    }
    close_worker(&w);
}

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof dir, "%.150s/crmpi-join-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    T_CHECK(mkdtemp(dir) != NULL);
}

static void end(void)
{
    T_OK(crm_path_remove(dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"starts", begin},
        {"lines count when they are whole", lines_count_when_they_are_whole},
        {"claims run out", claims_run_out},
        {"a holder is the only one", a_holder_is_the_only_one},
        {"compaction by another", compaction_by_another},
        {"results of two jobs", results_of_two_jobs},
        {"two plans come to the same", two_plans_come_to_the_same},
        {"a trial made anew has other units", a_trial_made_anew_has_other_units},
        {"shares are even", shares_are_even},
        {"ends", end},
        {NULL, NULL}};
    return t_main(argc, argv, cases);
}
