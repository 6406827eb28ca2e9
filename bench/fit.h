/* fit.h - what the programs that time one fit beside a peer share: their frame and the clock. */
#ifndef CRM_BENCH_FIT_H
#define CRM_BENCH_FIT_H

#include <stdio.h>
#include <time.h>

#include "crmpi/base_run.h"
#include "crmpi/comm.h"

typedef struct fit_clock {
    double wall; /* s */
    clock_t core;
} fit_clock;

static inline fit_clock fit_clock_start(void)
{
    return (fit_clock){crm_clock_now(), clock()};
}

/* Seconds since then, of the clock and of this process's core. */
static inline void fit_clock_read(const fit_clock *since, double *wall, double *core)
{
    *core = (double)(clock() - since->core) / CLOCKS_PER_SEC;
    *wall = crm_clock_now() - since->wall;
}

/* main() around run, which needs at least so many arguments; rank 0 alone prints. */
static inline int fit_main(int argc, char **argv, int least, const char *usage,
                           crm_status (*run)(crm_comm *world, int argc, char **argv))
{
    crm_comm *world = NULL;
    crm_status st;

    if (argc < least) {
        fprintf(stderr, "%s\n", usage);
        return 2;
    }
    st = crm_comm_start(&argc, &argv, &world);
    if (!st && crm_comm_rank(world) > 0 && !freopen("/dev/null", "w", stdout))
        CRM_SET(st, CRM_ERR_IO, "/dev/null: cannot be written");
    if (!st) st = run(world, argc, argv);
    if (st) crm_err_print(0);
    crm_comm_stop(&world);
    return st ? 1 : 0;
}
#endif
