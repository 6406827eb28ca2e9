/* paths_testing.h - one step of a net on every instruction set that this CPU has.  Included behind
 * what differs: bench, open_bench, step, close_bench, and bench_input, what a bench is made from.
 */
#ifndef PATHS_TESTING_H
#define PATHS_TESTING_H

#include "crmpi/base_status.h"

/* Number of sets that were compared with the portable path. */
static int same_on_paths(const bench_input *in)
{
    static const crm_cpu_path paths[] = {CRM_CPU_PORTABLE, CRM_CPU_AVX2, CRM_CPU_AVX512};
    bench first = {0}, b = {0};
    int compared = 0;

    for (int i = 0; i < 3; i++) {
        bench *at = i ? &b : &first;

        if (crm_device_cpu(paths[i], &at->device)) { /* this CPU has not got it */
            crm_err_clear();
            continue;
        }
        if (open_bench(at, in)) step(at, &in->batch, at->grad, at->loss);
        T_CHECK(memcmp(at->grad, first.grad, sizeof at->grad) == 0);
        T_CHECK(memcmp(at->loss, first.loss, sizeof at->loss) == 0);
        compared += i > 0;
        close_bench(&b);
    }
    close_bench(&first);
    return compared;
}
#endif
