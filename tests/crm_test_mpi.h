/* crm_test_mpi.h - the harness on several ranks: a case fails when it fails on any rank; rank 0
 * prints. */
#ifndef CRM_TEST_MPI_H
#define CRM_TEST_MPI_H

#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_path.h"
#include "crmpi/comm.h"

static crm_comm *t_comm; /* the group of all ranks */

/* Cases in a group that is started already. */
static inline int t_run_mpi(int argc, char **argv, const t_case *cases)
{
    int bad = 0;

    for (const t_case *c = cases; c->name; c++) {
        int64_t failures;
        if (argc > 1 && !strstr(c->name, argv[1])) continue;
        t_failures = 0;
        t_skipped[0] = '\0';
        c->run();
        failures = t_failures;
        if (crm_comm_sum_i64(t_comm, &failures, 1) != CRM_OK) failures++;
        bad |= t_report(c->name, failures > 0, crm_comm_rank(t_comm) > 0);
    }
    return bad;
}

static inline int t_main_mpi(int argc, char **argv, const t_case *cases)
{
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) {
        crm_err_print(0);
        return 1;
    }
    bad = t_run_mpi(argc, argv, cases);
    crm_comm_stop(&t_comm);
    return bad;
}

static char t_folder[CRM_PATH_MAX]; /* of all ranks, while t_main_in_folder runs */

/* Path of a file in it. */
static inline void t_in_folder(const char *name, char out[CRM_PATH_MAX])
{
    T_OK(crm_path_join(t_folder, name, out, CRM_PATH_MAX));
}

/* As t_main_mpi, with a folder that is removed at the end. */
static inline int t_main_in_folder(int argc, char **argv, const t_case *cases)
{
    const char *tmp = getenv("TMPDIR");
    bool root;
    int bad = 1;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) {
        crm_err_print(0);
        return 1;
    }
    root = crm_comm_rank(t_comm) == 0;
    snprintf(t_folder, sizeof t_folder, "%s/crmpi-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (root && !mkdtemp(t_folder)) t_folder[0] = '\0';
    if (!crm_comm_bcast(t_comm, 0, t_folder, sizeof t_folder) && t_folder[0])
        bad = t_run_mpi(argc, argv, cases);
    if (root && t_folder[0] && crm_path_remove(t_folder)) crm_err_print(0);
    crm_comm_stop(&t_comm);
    return bad;
}
#endif
