/* comm_env.c - what the launcher left in the environment: how many ranks there should be, whether
 * they share cores, and what a start without any launcher needs. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "comm_impl.h"
#include "crmpi/base_str.h"

static int64_t number(const char *name) /* value of a variable, 0 when unset or no number */
{
    const char *s = getenv(name);
    int64_t v;

    return s && crm_parse_i64(s, strlen(s), &v) ? v : 0;
}

/* Largest of Slurm's task counts per node: "4(x2),3" says 4, 4, 3. */
static int64_t most_per_node(const char *s)
{
    int64_t most = 0, n = 0;
    bool repeat = false; /* inside "(x2)" */

    for (; s && *s; s++) {
        if (*s == ',') {
            n = 0;
            repeat = false;
        } else if (*s == '(') {
            repeat = true;
        } else if (!repeat && *s >= '0' && *s <= '9' && n < 1000000) {
            n = 10 * n + (*s - '0');
            if (n > most) most = n;
        }
    }
    return most;
}

/* Ranks on this node if mpirun says so (Open MPI's and Hydra's names), else NULL. */
static const char *mpirun_local(void)
{
    return getenv("OMPI_COMM_WORLD_LOCAL_SIZE") ? "OMPI_COMM_WORLD_LOCAL_SIZE"
           : getenv("MPI_LOCALNRANKS")          ? "MPI_LOCALNRANKS"
                                                : NULL;
}

/* As a task that Slurm started; mpirun's daemons are tasks too, but their children are not. */
static bool in_slurm_task(void)
{
    return getenv("SLURM_PROCID") && !mpirun_local() && !getenv("OMPI_COMM_WORLD_SIZE");
}

static bool in_slurm_step(void)
{
    return getenv("SLURM_STEP_ID") && in_slurm_task();
}

int64_t crm_comm_slurm_tasks(void)
{
    int64_t n = number("SLURM_STEP_NUM_TASKS");

    /* a heterogeneous job counts tasks per component, MPI counts them all */
    if (!in_slurm_step() || getenv("SLURM_HET_SIZE")) return 0;
    return n > 0 ? n : number("SLURM_NTASKS");
}

int64_t crm_comm_script_tasks(void)
{
    return in_slurm_task() && !in_slurm_step() ? number("SLURM_NTASKS") : 0;
}

static int64_t ranks_here(void)
{
    if (mpirun_local()) return number(mpirun_local());
    return in_slurm_step() ? most_per_node(getenv("SLURM_STEP_TASKS_PER_NODE")) : 1;
}

static int64_t cores_here(void)
{
    int64_t online = sysconf(_SC_NPROCESSORS_ONLN), granted = number("SLURM_CPUS_ON_NODE");

    return granted > 0 && granted < online ? granted : online;
}

/* One that Open MPI knows: it has given this process a name. */
static bool has_launcher(void)
{
    return getenv("PMIX_RANK") || getenv("PMI_RANK") || getenv("PMI_FD") ||
           getenv("OMPI_COMM_WORLD_SIZE") || mpirun_local();
}

void crm_comm_prepare(void)
{
    /* ranks that share a core and spin make each other wait whole time slices: milliseconds a
     * message */
    if (ranks_here() > cores_here()) setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    /* a start without launcher then needs no daemon, so no ssh; it has no effect on other starts */
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    /* ... nor a folder of the session, which starts at the same time make and remove under each
     * other: one in a hundred then fails */
    if (!has_launcher()) setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
    setenv("HOME", "/tmp", 0); /* some builds of PMIx crash without one */
}
