/* test_comm_start.c - starting without a launcher, and the check against what Slurm granted.
 *
 * MPI starts once per process, so every case runs this program again with an environment of its
 * own. */
#include "crm_test.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crmpi/comm.h"

enum { VARS = 12 };

/* In the child: exit code 10 + status; the message, or what the group is like, to stdout. */
static int child(int argc, char **argv)
{
    crm_comm *world;
    crm_status st = crm_comm_start(&argc, &argv, &world);

    if (st)
        printf("%s", crm_err_text());
    else
        printf("rank %d of %d, on node %d of %d, yield %s", crm_comm_rank(world),
               crm_comm_size(world), crm_comm_node_rank(world), crm_comm_node_size(world),
               getenv("OMPI_MCA_mpi_yield_when_idle") ? getenv("OMPI_MCA_mpi_yield_when_idle")
                                                      : "-");
    crm_comm_stop(&world);
    return 10 + (int)st;
}

static void exec_with(char *const *vars, int out)
{
    char *env[VARS + 5] = {"CRM_TEST_CHILD=1", "PATH=/nowhere", "ASAN_OPTIONS=detect_leaks=0"};
    char *args[] = {"child", NULL};
    int n = 3;

    if (getuid() == 0) env[n++] = "OMPI_ALLOW_RUN_AS_ROOT=1";
    for (int i = 0; vars[i]; i++)
        env[n++] = vars[i];
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execve("/proc/self/exe", args, env);
    _exit(99);
}

/* Start with nothing in the environment but vars; status and output. */
static int start_with(char *const *vars, char *text, size_t cap)
{
    int ends[2], code = 0;
    size_t n = 0;
    ssize_t k;
    pid_t pid;

    T_CHECK(pipe(ends) == 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) exec_with(vars, ends[1]);
    close(ends[1]);
    while (n + 1 < cap && (k = read(ends[0], text + n, cap - 1 - n)) > 0)
        n += (size_t)k;
    text[n] = '\0';
    close(ends[0]);
    T_CHECK(waitpid(pid, &code, 0) == pid && WIFEXITED(code));
    return WEXITSTATUS(code) - 10;
}

static void expect(crm_status st, const char *part, char *const *vars)
{
    char text[4096];

    T_EQ_I(start_with(vars, text, sizeof text), st);
    T_CHECK(strstr(text, part));
    if (!strstr(text, part)) fprintf(stderr, "#   it says: %s\n", text);
}

#define EXPECT(st, part, ...) expect(st, part, (char *const[VARS]){__VA_ARGS__})

static void starts_alone(void) /* no HOME, no PATH to a daemon or to ssh */
{
    EXPECT(CRM_OK, "rank 0 of 1, on node 0 of 1, yield -", NULL);
}

/* Without a launcher there is nobody to meet in a folder of Open MPI's session. */
static void needs_no_folder(void)
{
    EXPECT(CRM_OK, "rank 0 of 1", "TMPDIR=/dev/null");
}

static void one_task_is_fine(void)
{
    EXPECT(CRM_OK, "rank 0 of 1", "SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1",
           "SLURM_NTASKS=1");
    /* srun --mpi=none or pmi2: Open MPI would look for a server that is not there */
    EXPECT(CRM_OK, "rank 0 of 1", "SLURM_STEP_ID=0", "SLURM_STEPID=0", "SLURM_JOBID=3",
           "SLURM_JOB_ID=3", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1", "SLURM_NODELIST=v1",
           "SLURM_NTASKS=1");
}

static void wrong_pmi_is_told(void)
{
    EXPECT(CRM_ERR_CONFIG, "Slurm granted 4 tasks to this step", "SLURM_STEP_ID=0",
           "SLURM_PROCID=2", "SLURM_STEP_NUM_TASKS=4");
    /* with PMIx the sizes themselves are compared */
    EXPECT(CRM_ERR_CONFIG, "MPI has 1 rank, but Slurm started 4 tasks", "SLURM_STEP_ID=0",
           "SLURM_PROCID=2", "SLURM_STEP_NUM_TASKS=4", "PMIX_RANK=0");
    EXPECT(CRM_ERR_CONFIG, "srun --mpi=pmix", "SLURM_STEP_ID=0", "SLURM_PROCID=2",
           "SLURM_NTASKS=3");
    EXPECT(CRM_ERR_CONFIG, "mpirun", "SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=2",
           "SLURM_NTASKS=1"); /* the step counts, not the job */
}

static void no_step_of_ours(void)
{
    /* the batch script itself */
    EXPECT(CRM_OK, "rank 0 of 1", "SLURM_JOB_ID=7", "SLURM_PROCID=0", "SLURM_NTASKS=1");
    EXPECT(CRM_OK, "this job has 4 tasks, the program runs as 1 rank", "SLURM_JOB_ID=7",
           "SLURM_PROCID=0", "SLURM_NTASKS=4");
    /* mpirun's daemon is a task of a step, its children inherit the numbers */
    EXPECT(CRM_OK, "rank 0 of 1", "SLURM_STEP_ID=0", "SLURM_PROCID=1", "SLURM_STEP_NUM_TASKS=2",
           "SLURM_NTASKS=8", "OMPI_COMM_WORLD_SIZE=1", "OMPI_COMM_WORLD_LOCAL_SIZE=1");
    EXPECT(CRM_OK, "rank 0 of 1", "SLURM_STEP_ID=0", "SLURM_PROCID=1", "SLURM_STEP_NUM_TASKS=2",
           "MPI_LOCALNRANKS=1");
    /* components of a heterogeneous job are counted apart */
    EXPECT(CRM_OK, "rank 0 of 1", "SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=2",
           "SLURM_HET_SIZE=2");
}

static void shared_cores_yield(void)
{
    EXPECT(CRM_OK, "yield 1", "OMPI_COMM_WORLD_SIZE=1", "OMPI_COMM_WORLD_LOCAL_SIZE=100000");
    EXPECT(CRM_OK, "yield 0", "OMPI_COMM_WORLD_SIZE=1", "OMPI_COMM_WORLD_LOCAL_SIZE=100000",
           "OMPI_MCA_mpi_yield_when_idle=0");
    EXPECT(CRM_OK, "yield 1", "SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1",
           "SLURM_STEP_TASKS_PER_NODE=1(x7),100000");
    EXPECT(CRM_OK, "yield -", "SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1",
           "SLURM_STEP_TASKS_PER_NODE=1(x100000)");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts alone on a bare machine", starts_alone},
                                   {"no folder of a session is made", needs_no_folder},
                                   {"one task of Slurm is fine", one_task_is_fine},
                                   {"a start by the wrong srun is told", wrong_pmi_is_told},
                                   {"counts that do not bind", no_step_of_ours},
                                   {"ranks that share cores yield", shared_cores_yield},
                                   {NULL, NULL}};

    return getenv("CRM_TEST_CHILD") ? child(argc, argv) : t_main(argc, argv, cases);
}
