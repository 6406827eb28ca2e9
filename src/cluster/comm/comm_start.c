/* comm_start.c - start and end of MPI, and the check that the job has as many ranks as were
 * granted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "comm_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/comm_watchdog.h"

crm_status crm_comm_check(int mpi_result, const char *call)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n;

    if (mpi_result == MPI_SUCCESS) return CRM_OK;
    MPI_Error_string(mpi_result, text, &n);
    CRM_FAIL(CRM_ERR_COMM, "%s failed: %s", call, text);
}

static crm_status check_size(int64_t granted, int size)
{
    CRM_CHECK(
        granted == 0 || granted == size, CRM_ERR_CONFIG,
        "MPI has %d rank%s, but Slurm started %lld task%s in this step: start the program with "
        "`srun --mpi=pmix` (`srun --mpi=list` shows what is offered), or with `mpirun` in the "
        "batch script",
        size, size == 1 ? "" : "s", (long long)granted, granted == 1 ? "" : "s");
    return CRM_OK;
}

static crm_status make_world(int provided, int64_t granted, crm_comm **world)
{
    MPI_Comm dup;
    crm_status st = CRM_OK;

    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    CRM_CHECK(provided >= MPI_THREAD_FUNNELED, CRM_ERR_COMM,
              "%s offers thread level %d, MPI_THREAD_FUNNELED (%d) is needed", crm_comm_library(),
              provided, MPI_THREAD_FUNNELED);
    CRM_TRY(CRM_COMM_WAIT(MPI_Comm_dup(MPI_COMM_WORLD, &dup), "MPI_Comm_dup"));
    CRM_TRY(crm_comm_adopt(dup, world));
    crm_watchdog_rank((*world)->rank);
    st = crm_comm_agree(*world, check_size(granted, (*world)->size));
    if (st) crm_comm_free(world);
    return st;
}

/* Open MPI ends a task of srun by itself, in many words, when Slurm has set up no PMIx for it; said
 * here in one sentence before it can. */
static crm_status check_launcher(int64_t granted)
{
#ifdef OMPI_MAJOR_VERSION
    if (granted == 0 || getenv("PMIX_RANK")) return CRM_OK;
    CRM_CHECK(granted == 1, CRM_ERR_CONFIG,
              "Slurm granted %lld tasks to this step, but started them without PMIx, so that each "
              "would be 1 MPI "
              "rank alone; start with srun --mpi=pmix, or with mpirun inside sbatch",
              (long long)granted);
    /* Open MPI then takes a single task for a program that was started without launcher */
    unsetenv("SLURM_NODELIST");
#endif
    (void)granted;
    return CRM_OK;
}

/* A job script that starts the program without srun has one rank, whatever it was granted. */
static void tell_idle_tasks(int64_t granted, const crm_comm *world)
{
    if (granted > 1 && world->size == 1)
        crm_log_line(
            CRM_LOG_WARN, "slurm",
            "this job has %lld tasks, the program runs as 1 rank; srun --mpi=pmix in front "
            "of it starts one for each",
            (long long)granted);
}

crm_status crm_comm_start(int *argc, char ***argv, crm_comm **world)
{
    int64_t granted = crm_comm_slurm_tasks(); /* before MPI adds to the environment */
    int64_t in_script = crm_comm_script_tasks();
    int provided;
    crm_status st;

    *world = NULL;
    crm_fp_setup();
    crm_comm_prepare();
    CRM_TRY(check_launcher(granted));
    CRM_TRY(crm_comm_check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided),
                           "MPI_Init_thread"));
    st = make_world(provided, granted, world);
    if (st)
        MPI_Finalize();
    else
        tell_idle_tasks(in_script, *world);
    return st;
}

void crm_comm_stop(crm_comm **world)
{
    if (!*world) return;
    crm_comm_free(world);
    crm_watchdog_enter(CRM_IN_REDUCTION);
    crm_comm_waited(MPI_Finalize());
    crm_watchdog_stop(); /* after an error of communication it is still armed, for these two */
}

const char *crm_comm_library(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING + 1];
    int n;

    if (text[0]) return text;
    if (MPI_Get_library_version(text, &n) != MPI_SUCCESS) return "MPI library of unknown version";
    text[strcspn(text, ",\n")] = '\0'; /* "Open MPI v4.1.4, package: ..." */
    for (char *p = text; *p; p++)
        if (*p == '\t') *p = ' ';
    return text;
}

void crm_comm_host(char *out, size_t cap)
{
    if (cap == 0) return;
    if (gethostname(out, cap) != 0) snprintf(out, cap, "unknown");
    out[cap - 1] = '\0';
}
