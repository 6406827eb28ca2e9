/* sample_ranks.h - data_sample.h on several ranks: one folder for all of them. */
#ifndef CRM_SAMPLE_RANKS_H
#define CRM_SAMPLE_RANKS_H

#include "crm_test_mpi.h"
#include "data/data_sample.h"

static inline void sample_enter(void)
{
    if (crm_comm_rank(t_comm) == 0) T_CHECK(sample_folder());
    T_OK(crm_comm_bcast(t_comm, 0, s_dir, sizeof s_dir));
}

static inline void sample_leave(void)
{
    T_OK(crm_comm_barrier(t_comm));
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_remove(s_dir));
}
#endif
