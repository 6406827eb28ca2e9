/* test_farm.c - tasks dealt out to groups of ranks: each done once, whatever the groups; waiting
 * sources, tasks that lie ready and are called back, errors on any rank, signals to any rank.
 * ranks: 1 2 3 4
 * wrap: crm_stop_signal */
#include "crm_test_mpi.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/base_stop.h"
#include "crmpi/sweep_farm.h"

enum { TASKS_MAX = 10000 };

static int rank, size;

/* ---- a signal that can be taken back: seen from so many calls on; 0: the real one ---- */

int __real_crm_stop_signal(void);
int __wrap_crm_stop_signal(void);

static _Atomic int calls, signal_from;

int __wrap_crm_stop_signal(void)
{
    int from = atomic_load(&signal_from);

    if (from > 0 && atomic_fetch_add(&calls, 1) + 1 >= from) return SIGUSR2;
    return __real_crm_stop_signal();
}

static void pretend_signal(int from)
{
    atomic_store(&calls, 0);
    atomic_store(&signal_from, from);
}

/* ---- tasks ---- */

typedef enum how { SUM, HOLD, FOREVER, FAIL, FAIL_LAST, STOP_ITSELF, THREADS, BIG } how;

typedef struct task {
    int64_t id, steps;
    int32_t how, filler;
} task;

typedef struct result {
    int64_t id, sum, ranks;
} result;

/* Sum over i < 100 of (id + 1) i^2 mod 1009, whoever adds which part. */
static int64_t part_of(int64_t id, int64_t first, int64_t end)
{
    int64_t sum = 0;

    for (int64_t i = first; i < end; i++)
        sum += (id + 1) * i * i % 1009;
    return sum;
}

static crm_status stop_together(crm_farm *f, crm_comm *group, bool *stop)
{
    int64_t any = crm_farm_stopping(f);

    CRM_TRY(crm_comm_max_i64(group, &any, 1));
    *stop = any != 0;
    return CRM_OK;
}

static crm_status look_in_thread(void *farm, int64_t i, int worker)
{
    (void)i;
    (void)worker;
    CRM_CHECK(!crm_farm_stopping(farm), CRM_ERR_STOPPED, "stopped");
    return CRM_OK;
}

static crm_status with_threads(crm_farm *f)
{
    crm_pool *pool;
    crm_status st;

    CRM_TRY(crm_pool_new(3, &pool));
    st = crm_pool_run(pool, 3000, look_in_thread, f);
    crm_pool_free(&pool);
    return st;
}

static crm_status do_how(crm_farm *f, const task *t)
{
    CRM_CHECK(t->how != FAIL, CRM_ERR_NUMERIC, "task %lld diverged", (long long)t->id);
    CRM_CHECK(t->how != STOP_ITSELF, CRM_ERR_STOPPED, "as it likes");
    return t->how == THREADS ? with_threads(f) : CRM_OK;
}

static char gate[CRM_PATH_MAX]; /* a file: tasks that hold may end */

static bool held(const task *t)
{
    return t->how == FOREVER || (t->how == HOLD && size > 1 && !crm_path_exists(gate));
}

static crm_status run(void *ctx, crm_farm *f, crm_comm *group, const void *data, size_t bytes,
                      void *out, size_t *out_bytes)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000};
    int r = crm_comm_rank(group), n = crm_comm_size(group);
    int64_t *mine = ctx; /* tasks of this rank */
    task t;
    result x;
    bool stop = false;

    memcpy(&t, data, sizeof t);
    T_EQ_I(bytes, t.how == BIG ? CRM_FARM_BYTES_MAX : sizeof t);
    ++*mine;
    x = (result){.id = t.id, .ranks = n, .sum = part_of(t.id, 100 * r / n, 100 * (r + 1) / n)};
    CRM_TRY(do_how(f, &t));
    for (int64_t i = 0, more = 1; more; i++) {
        CRM_TRY(stop_together(f, group, &stop));
        CRM_CHECK(!stop, CRM_ERR_STOPPED, "task %lld was stopped", (long long)t.id);
        more = i < t.steps || held(&t);
        CRM_TRY(crm_comm_max_i64(group, &more, 1)); /* ranks may see the gate at different times */
        if (more) nanosleep(&pause, NULL);
    }
    CRM_TRY(crm_comm_sum_i64(group, &x.sum, 1));
    CRM_CHECK(t.how != FAIL_LAST || r < n - 1, CRM_ERR_IO, "task %lld: no file", (long long)t.id);
    *out_bytes = t.how == BIG ? CRM_FARM_BYTES_MAX : sizeof x;
    memset(out, 'r', *out_bytes);
    memcpy(out, &x, sizeof x);
    return CRM_OK;
}

/* ---- where they come from ---- */

typedef struct list {
    int n, given, results, looks;
    int round;         /* tasks after each of which the source waits for their results; 0: none */
    int look_first;    /* so many looks before the first task */
    int fail_at;       /* result that cannot be stored; 0: none */
    int sizes_seen[8]; /* by ranks */
    bool wait_at_end, fail_look;
    how of[32]; /* of the first tasks; SUM */
    int64_t steps;
    char seen[TASKS_MAX];
    int64_t mine; /* run here */
} list;

static crm_farm_answer next(void *ctx, int ranks, void *data, size_t *bytes)
{
    list *l = ctx;
    task t = {.id = l->given, .how = l->given < 32 ? (int32_t)l->of[l->given] : SUM};

    T_CHECK(ranks >= 1 && ranks <= size);
    if (l->given == l->n) return l->wait_at_end ? CRM_FARM_WAIT : CRM_FARM_END;
    if (l->looks < l->look_first) return CRM_FARM_WAIT;
    if (l->round > 0 && l->given % l->round == 0 && l->results < l->given) return CRM_FARM_WAIT;
    t.steps = l->steps * (l->given * 7 % 5);
    l->sizes_seen[ranks]++;
    l->given++;
    *bytes = t.how == BIG ? CRM_FARM_BYTES_MAX : sizeof t;
    memset(data, 't', *bytes);
    memcpy(data, &t, sizeof t);
    return CRM_FARM_TASK;
}

static crm_status done(void *ctx, const void *data, size_t bytes)
{
    list *l = ctx;
    result x;
    FILE *f;

    memcpy(&x, data, sizeof x);
    T_EQ_I(x.sum, part_of(x.id, 0, 100));
    T_CHECK(x.id >= 0 && x.id < l->given && l->seen[x.id] == 0);
    if (x.id < 32 && l->of[x.id] == BIG)
        T_CHECK(bytes == CRM_FARM_BYTES_MAX && ((const char *)data)[bytes - 1] == 'r');
    l->seen[x.id] = 1;
    l->results++;
    if (l->results == l->n - 1 && (f = fopen(gate, "w"))) fclose(f);
    CRM_CHECK(l->results != l->fail_at, CRM_ERR_IO, "result %d cannot be stored", l->results);
    return CRM_OK;
}

static crm_status look(void *ctx)
{
    list *l = ctx;

    l->looks++;
    CRM_CHECK(!l->fail_look, CRM_ERR_FORMAT, "the ledger of another job is damaged");
    return CRM_OK;
}

static list *new_list(int n)
{
    list *l = calloc(1, sizeof *l);

    if (!l) abort();
    l->n = n;
    l->steps = 1;
    return l;
}

static crm_status farm(list *l, const crm_farm_cfg *cfg, crm_farm_use *use)
{
    crm_farm_source source = {.ctx = l, .next = next, .done = done};
    crm_farm_worker worker = {.ctx = &l->mine, .run = run};
    crm_farm_use mine;
    crm_status st;

    if (l->look_first > 0 || l->fail_look) source.look = look;
    if (rank == 0) unlink(gate);
    T_OK(crm_comm_barrier(t_comm));
    st = crm_farm_run(t_comm, cfg, &source, &worker, &mine);
    T_CHECK(mine.busy_s >= 0 && mine.starved_s >= 0 && mine.dispatch_s >= 0);
    T_CHECK(mine.busy_s + mine.starved_s + mine.dispatch_s <= size * mine.wall_s);
    T_EQ_I(mine.tasks, l->results); /* of other ranks: 0 */
    if (use) *use = mine;
    return st;
}

static const crm_farm_cfg ones = {0};

static void check_all_done(const list *l)
{
    if (rank > 0) return;
    T_EQ_I(l->results, l->n);
    for (int i = 0; i < l->n; i++)
        T_EQ_I(l->seen[i], 1);
}

/* ---- cases ---- */

static void each_task_is_done_once(void)
{
    static const int counts[] = {0, 1, 2, 3, 7, 100};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        list *l = new_list(counts[i]);
        crm_farm_use use;
        int64_t ran;
        T_OK(farm(l, &ones, &use));
        check_all_done(l);
        ran = l->mine;
        T_OK(crm_comm_sum_i64(t_comm, &ran, 1));
        T_EQ_I(ran, counts[i]);
        T_EQ_I(use.groups, rank == 0 ? size : 0);
        T_CHECK(rank > 0 || counts[i] == 0 || use.busy_s > 0);
        free(l);
    }
}

/* 100 tiny tasks a rank after each other, and many runs on one world. */
static void tiny_tasks(void)
{
    list *l = new_list(TASKS_MAX);

    l->steps = 0;
    T_OK(farm(l, &ones, NULL));
    check_all_done(l);
    free(l);
    for (int i = 0; i < 30; i++) {
        l = new_list(5);
        l->steps = 0;
        T_OK(farm(l, &ones, NULL));
        check_all_done(l);
        free(l);
    }
}

static void groups_differ(void)
{
    static const int two_one[] = {2, 1}, one_two[] = {1, 2}, three[] = {3}, all[] = {99};
    const struct {
        crm_farm_cfg cfg;
        int groups[5]; /* of 1, 2 ... 4 ranks */
    } c[] = {{{.n_sizes = 2, .sizes = two_one}, {0, 1, 1, 2, 3}},
             {{.n_sizes = 2, .sizes = one_two}, {0, 1, 2, 2, 3}},
             {{.n_sizes = 1, .sizes = three}, {0, 1, 1, 1, 2}},
             {{.n_sizes = 1, .sizes = all}, {0, 1, 1, 1, 1}}};

    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        list *l = new_list(40);
        crm_farm_use use;
        T_OK(farm(l, &c[i].cfg, &use));
        check_all_done(l);
        if (rank == 0) T_EQ_I(use.groups, c[i].groups[size]);
        if (rank == 0 && i == 3) T_EQ_I(l->sizes_seen[size], 40);
        if (i == 3) T_EQ_I(l->mine, 40);
        free(l);
    }
}

static void rank_0_only_answers(void)
{
    const crm_farm_cfg lone = {.lone_from = 1}, not_yet = {.lone_from = 5};
    list *l = new_list(40);
    crm_farm_use use;

    T_OK(farm(l, &lone, &use));
    check_all_done(l);
    if (rank == 0) T_EQ_I(use.groups, size == 1 ? 1 : size - 1);
    if (rank == 0) T_EQ_I(l->mine, size == 1 ? 40 : 0);
    free(l);
    l = new_list(8 * size); /* all are at work when rank 0 is */
    T_OK(farm(l, &not_yet, &use));
    check_all_done(l);
    if (rank == 0) T_CHECK(l->mine > 0 && use.groups == size);
    free(l);
}

static void rounds_wait_for_results(void)
{
    for (int round = 1; round <= 6; round += 5) {
        list *l = new_list(24);
        l->round = round;
        T_OK(farm(l, &ones, NULL));
        check_all_done(l);
        free(l);
    }
}

/* Tasks that come from elsewhere, after a look. */
static void looks_bring_tasks(void)
{
    list *l = new_list(3);

    l->look_first = 1;
    T_OK(farm(l, &ones, NULL));
    check_all_done(l);
    free(l);
}

/* The task of rank 1 ends when all others have a result, and one of these lies ready at rank 1. */
static void ready_tasks_are_called_back(void)
{
    list *l = new_list(size + 1);

    l->of[1] = HOLD;
    l->steps = 10;
    T_OK(farm(l, &ones, NULL));
    check_all_done(l);
    if (rank == 1) T_EQ_I(l->mine, 1);
    free(l);
}

/* The same task on rank 0: it answers the others meanwhile. */
static void rank_0_answers_inside_of_a_task(void)
{
    list *l = new_list(30);

    l->of[0] = HOLD;
    T_OK(farm(l, &ones, NULL));
    check_all_done(l);
    if (rank == 0 && size > 1) T_EQ_I(l->mine, 1);
    free(l);
}

/* Layouts and lengths drawn from a seed, the same on all ranks. */
static void any_layout(void)
{
    for (uint64_t i = 0; i < 20; i++) {
        crm_rng r = crm_rng_at(7, 0, 0, i);
        int sizes[2] = {1 + (int)crm_rng_below(&r, 3), 1 + (int)crm_rng_below(&r, 3)};
        crm_farm_cfg cfg = {.n_sizes = 1 + (int)crm_rng_below(&r, 2),
                            .sizes = sizes,
                            .lone_from = (int)crm_rng_below(&r, 4)};
        list *l = new_list((int)crm_rng_below(&r, 40));
        l->round = (int)crm_rng_below(&r, 12);
        l->steps = (int64_t)crm_rng_below(&r, 4);
        T_OK(farm(l, &cfg, NULL));
        check_all_done(l);
        free(l);
    }
}

static void long_tasks_and_threads(void)
{
    static const int two[] = {2};
    const crm_farm_cfg pairs = {.n_sizes = 1, .sizes = two};
    list *l = new_list(12);

    for (int i = 0; i < 12; i++)
        l->of[i] = i % 2 ? BIG : THREADS;
    T_OK(farm(l, &pairs, NULL));
    check_all_done(l);
    free(l);
}

/* ---- errors ---- */

/* An error of task `at`, the others holding until they are stopped. */
static void task_fails(how what, int at, const crm_farm_cfg *cfg, crm_status code, const char *text)
{
    list *l = new_list(20);

    for (int i = 0; i < 20; i++)
        l->of[i] = i < at ? SUM : i > at ? FOREVER : what;
    T_FAILS(farm(l, cfg, NULL), code, text);
    T_CHECK(rank > 0 || l->results <= at);
    free(l);
}

static void errors_of_tasks(void)
{
    static const int two[] = {2};
    const crm_farm_cfg pairs = {.n_sizes = 1, .sizes = two};

    for (int at = 0; at <= 5; at += 5) {
        char text[32];
        snprintf(text, sizeof text, "task %d diverged", at);
        task_fails(FAIL, at, &ones, CRM_ERR_NUMERIC, text);
        task_fails(FAIL, at, &pairs, CRM_ERR_NUMERIC, text);
        snprintf(text, sizeof text, "task %d: no file", at);
        task_fails(FAIL_LAST, at, &pairs, CRM_ERR_IO, text);
        task_fails(STOP_ITSELF, at, &pairs, CRM_ERR_STOPPED, "stopped by one of its tasks");
    }
    each_task_is_done_once();
}

static void errors_of_the_source(void)
{
    list *l = new_list(20);

    for (int i = 3; i < 20; i++)
        l->of[i] = FOREVER;
    l->fail_at = 2;
    T_FAILS(farm(l, &ones, NULL), CRM_ERR_IO, "result 2 cannot be stored");
    free(l);
    l = new_list(20);
    l->of[0] = FOREVER;
    l->fail_look = true;
    T_FAILS(farm(l, &ones, NULL), CRM_ERR_FORMAT, "the ledger of another job is damaged");
    free(l);
    l = new_list(5);
    l->wait_at_end = true;
    T_FAILS(farm(l, &ones, NULL), CRM_ERR_INTERNAL, "waits for a result while no task");
    T_CHECK(rank > 0 || l->results == 5);
    free(l);
}

static void wrong_sizes(void)
{
    static const int none[] = {1, 0};
    list *l = new_list(2);

    T_FAILS(farm(l, &(crm_farm_cfg){.n_sizes = 2, .sizes = none}, NULL), CRM_ERR_ARG,
            "a group of 0 ranks");
    free(l);
}

/* ---- signals ---- */

/* Tasks that never end, on the first groups or on all; the signal comes to one rank. */
static void signal_at(int who, int tasks, const crm_farm_cfg *cfg)
{
    list *l = new_list(tasks);

    for (int i = 0; i < tasks; i++)
        l->of[i] = FOREVER;
    if (rank == who) pretend_signal(4);
    T_FAILS(farm(l, cfg, NULL), CRM_ERR_STOPPED, "stopped by SIGUSR2");
    T_EQ_I(l->results, 0);
    pretend_signal(0);
    free(l);
}

static void signals_to_any_rank(void)
{
    static const int two[] = {2};
    const crm_farm_cfg pairs = {.n_sizes = 1, .sizes = two}, lone = {.lone_from = 1};

    for (int who = 0; who < size; who++) {
        signal_at(who, 12, &ones);
        signal_at(who, 1, &ones); /* all but rank 0 have nothing to do */
        signal_at(who, 12, &pairs);
        signal_at(who, 1, &pairs);
        signal_at(who, 12, &lone);
    }
    each_task_is_done_once();
}

/* One that came before, or that comes to a rank in a task of its own. */
static void real_signal(void)
{
    list *l = new_list(12);

    for (int i = 0; i < 12; i++)
        l->of[i] = FOREVER;
    crm_stop_install();
    if (rank == size - 1) T_CHECK(kill(getpid(), SIGUSR1) == 0);
    T_FAILS(farm(l, &ones, NULL), CRM_ERR_STOPPED, "stopped by SIGUSR1");
    T_FAILS(farm(l, &ones, NULL), CRM_ERR_STOPPED, "stopped by SIGUSR1");
    free(l);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"each_task_is_done_once", each_task_is_done_once},
        {"tiny_tasks", tiny_tasks},
        {"groups_differ", groups_differ},
        {"rank_0_only_answers", rank_0_only_answers},
        {"rounds_wait_for_results", rounds_wait_for_results},
        {"looks_bring_tasks", looks_bring_tasks},
        {"ready_tasks_are_called_back", ready_tasks_are_called_back},
        {"rank_0_answers_inside_of_a_task", rank_0_answers_inside_of_a_task},
        {"any_layout", any_layout},
        {"long_tasks_and_threads", long_tasks_and_threads},
        {"errors_of_tasks", errors_of_tasks},
        {"errors_of_the_source", errors_of_the_source},
        {"wrong_sizes", wrong_sizes},
        {"signals_to_any_rank", signals_to_any_rank},
        {"real_signal", real_signal},
        {NULL, NULL}};

    const char *tmp = getenv("TMPDIR");
    int bad = 1;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) {
        crm_err_print(0);
        return 1;
    }
    rank = crm_comm_rank(t_comm);
    size = crm_comm_size(t_comm);
    snprintf(gate, sizeof gate, "%s/crmpi-gate-%d", tmp && *tmp ? tmp : "/tmp", (int)getpid());
    if (!crm_comm_bcast(t_comm, 0, gate, sizeof gate)) bad = t_run_mpi(argc, argv, cases);
    if (rank == 0) unlink(gate);
    crm_comm_stop(&t_comm);
    return bad;
}
