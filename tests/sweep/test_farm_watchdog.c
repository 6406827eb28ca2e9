/* test_farm_watchdog.c - ranks that wait for long, for a task of another rank or for results of
 * other jobs, are not ended by the watchdog, which has asked meanwhile.
 * ranks: 2 3
 * tier: full
 * builds: release
 * timeout: 90 */
#include "crm_test_mpi.h"

#include "crmpi/base_run.h"
#include "crmpi/comm_watchdog.h"
#include "crmpi/sweep_farm.h"

/* s; the watchdog asks after `limit`, and judges 5 s later. */
static const double limit = 1, long_enough = 8;

typedef struct source {
    double wait_until; /* before the first task */
    int given, results;
} source;

static crm_farm_answer next(void *ctx, int ranks, void *task, size_t *bytes)
{
    source *s = ctx;

    (void)ranks;
    if (crm_clock_now() < s->wait_until) return CRM_FARM_WAIT;
    if (s->given == 1) return CRM_FARM_END;
    s->given = 1;
    memcpy(task, "task", 4);
    *bytes = 4;
    return CRM_FARM_TASK;
}

static crm_status done(void *ctx, const void *result, size_t bytes)
{
    (void)result;
    (void)bytes;
    ((source *)ctx)->results++;
    return CRM_OK;
}

static crm_status look(void *ctx)
{
    (void)ctx;
    return CRM_OK;
}

static crm_status compute(void *ctx, crm_farm *f, crm_comm *group, const void *task, size_t bytes,
                          void *result, size_t *result_bytes)
{
    double end = crm_clock_now() + *(const double *)ctx;

    (void)group;
    (void)task;
    (void)bytes;
    (void)result;
    *result_bytes = 0;
    while (crm_clock_now() < end)
        CRM_CHECK(!crm_farm_stopping(f), CRM_ERR_STOPPED, "stopped");
    return CRM_OK;
}

static void deal_one(double wait, double length, int lone_from)
{
    const crm_watchdog_cfg watch = {.limit = limit};
    double begin = crm_clock_now();
    source s = {.wait_until = begin + wait};
    crm_farm_source from = {.ctx = &s, .next = next, .done = done, .look = look};
    crm_farm_worker worker = {.ctx = &length, .run = compute};
    char dir[CRM_PATH_MAX];
    crm_farm_use use;

    t_in_folder("health", dir);
    T_OK(crm_watchdog_start(t_comm, &watch, dir));
    T_OK(crm_farm_run(t_comm, &(crm_farm_cfg){.lone_from = lone_from}, &from, &worker, &use));
    crm_watchdog_stop();
    if (crm_comm_rank(t_comm) > 0) return;
    T_EQ_I(s.results, 1);
    T_CHECK(crm_clock_now() - begin >= long_enough);
}

/* First, while no rank has waited for long: the watchdog takes a wait of ten times as long for a
 * healthy one. */
static void for_other_jobs(void)
{
    deal_one(long_enough, 0, 0);
}

static void for_rank_0(void)
{
    deal_one(0, long_enough, 0);
}

static void for_another_rank(void)
{
    deal_one(0, long_enough, 1);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"for_other_jobs", for_other_jobs},
                                   {"for_rank_0", for_rank_0},
                                   {"for_another_rank", for_another_rank},
                                   {NULL, NULL}};

    return t_main_in_folder(argc, argv, cases);
}
