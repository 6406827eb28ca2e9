/* comm_impl.h - what the files of room comm share about a group. */
#ifndef CRM_COMM_IMPL_H
#define CRM_COMM_IMPL_H

#include <mpi.h>

#include "crmpi/comm.h"
#include "crmpi/comm_watchdog.h"

/* Message tags; the trees use 128 numbers from TAG_TREE and as many from TAG_TREE_SPARSE. */
enum { TAG_POST = 1, TAG_MOVE = 2, TAG_TREE = 16, TAG_TREE_SPARSE = 144, TAG_DSUM = 272 };
enum { POST_RING = 32 }; /* messages of one rank on their way to rank 0; more are dropped */

typedef struct post_slot {
    MPI_Request request;
    char data[CRM_COMM_POST_MAX];
} post_slot;

struct crm_comm {
    MPI_Comm mpi;
    int rank, size, node_rank, node_size;
    size_t chunk;           /* most bytes of one message */
    int64_t posted, polled; /* messages of crm_comm_post from here; those that rank 0 took */
    post_slot ring[POST_RING];
    int vote[2], worst[2]; /* of crm_comm_agree_within, where they outlive the call */
};

/* CRM_OK, or CRM_ERR_COMM with MPI's own text for a call that failed. */
CRM_CHECKED crm_comm_check(int mpi_result, const char *call);
/* As crm_comm_check(call, name) for a call that waits for other ranks: the watchdog sees it. */
#define CRM_COMM_WAIT(call, name)                                                                  \
    crm_comm_check((crm_watchdog_enter(CRM_IN_REDUCTION), crm_comm_waited(call)), name)
static inline int crm_comm_waited(int mpi_result)
{
    crm_watchdog_leave();
    return mpi_result;
}
/* New group that owns mpi; mpi is freed when it cannot be made.  Collective over mpi. */
CRM_CHECKED crm_comm_adopt(MPI_Comm mpi, crm_comm **out);
/* MPI's own sum of n items, in place: for the fast sums only, its order depends on the layout. */
CRM_CHECKED crm_comm_sum_fast(crm_comm *c, void *v, int64_t n, size_t item, MPI_Datatype type);
/* As crm_comm_agree, but CRM_ERR_COMM when there is no answer from all ranks within so many
 * seconds: for what a rank that is stuck in a device's queue would hold up for ever.  The group is
 * lost then. */
CRM_CHECKED crm_comm_agree_within(crm_comm *c, crm_status local, double seconds);
/* Receive what is still on its way to rank 0, so that nothing is pending afterwards.  Collective.
 */
CRM_CHECKED crm_comm_drain(crm_comm *c);
/* Number of this process in the message of the watchdog. */
void crm_watchdog_rank(int rank);
/* Settings of the MPI library that have to stand in the environment before it starts. */
void crm_comm_prepare(void);
/* Tasks that Slurm started in the step this process is a task of; 0 when no such count binds. */
int64_t crm_comm_slurm_tasks(void);
/* Tasks that Slurm granted to the job script which started this process without srun or mpirun; 0
 * elsewhere. */
int64_t crm_comm_script_tasks(void);
#endif
