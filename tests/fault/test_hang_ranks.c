/* test_hang_ranks.c - what ranks find out about each other while one of them waits: which are left
 * alone, which are named.  Each case is a job of its own under mpirun, all at once: this program
 * again, with the name of what its ranks do.  timeout: 120
 * builds: release */
#include "crm_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_run.h"
#include "crmpi/comm.h"
#include "crmpi/comm_watchdog.h"

static const double limit = 1.5; /* s */

/* Built with checks of every access to memory. */
#if defined __SANITIZE_ADDRESS__
#define CRM_TEST_SLOW 1
#elif defined __has_feature
#define CRM_TEST_SLOW __has_feature(address_sanitizer)
#else
#define CRM_TEST_SLOW 0
#endif

/* ---- what ranks do ---- */

static crm_comm *world;

static void sleep_for(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&t, &t) != 0)
        continue;
}

static void wait_for_all(void)
{
    if (crm_comm_barrier(world) != CRM_OK) _exit(1);
}

static void compute(double seconds)
{
    volatile double x = 1;
    double end = crm_clock_now() + seconds;

    while (crm_clock_now() < end)
        for (int i = 0; i < 100000; i++)
            x = x * 1.0000001;
}

static bool is_last(void)
{
    return crm_comm_rank(world) == crm_comm_size(world) - 1;
}

/* The last rank computes for six limits, outside of any section. */
static void busy(void)
{
    if (is_last()) compute(6 * limit);
    wait_for_all();
}

/* ... reads in many short pieces, in none of which it computes. */
static void reading(void)
{
    for (int i = 0; is_last() && i < 90; i++) {
        crm_watchdog_enter(CRM_IN_LOAD);
        sleep_for(0.1);
        crm_watchdog_leave();
    }
    wait_for_all();
}

static void blocked(void)
{
    crm_watchdog_step(812);
    crm_watchdog_enter(CRM_IN_STEP);
    if (is_last()) {
        crm_watchdog_enter(CRM_IN_LOAD);
        sleep_for(60);
    }
    wait_for_all();
}

static void stopped(void)
{
    crm_watchdog_step(812);
    if (is_last()) raise(SIGSTOP);
    wait_for_all();
}

/* Rank 0 computes alone and waits for nobody. */
static void apart(void)
{
    if (is_last()) raise(SIGSTOP);
    for (int i = 0; i < 400; i++) {
        crm_watchdog_enter(CRM_IN_STEP);
        compute(0.1);
        crm_watchdog_leave();
    }
    wait_for_all();
}

/* Rank 0 waits for a sum, the others at a barrier. */
static void deadlock(void)
{
    int64_t v = 1;

    if (crm_comm_rank(world) == 0 && crm_comm_sum_i64(world, &v, 1)) _exit(1);
    wait_for_all();
}

/* One rank has nobody to ask but itself. */
static void alone(void)
{
    crm_watchdog_enter(CRM_IN_LOAD);
    sleep_for(60);
}

static void alone_busy(void)
{
    crm_watchdog_enter(CRM_IN_STEP);
    compute(6 * limit);
    crm_watchdog_leave();
}

/* A limit set by hand ends the job whatever the others do. */
static void armed(void)
{
    crm_watchdog_arm(limit, "this was tested (an.option)");
    if (is_last()) {
        crm_watchdog_disarm();
        compute(40);
    }
    wait_for_all();
}

/* Time of entering and leaving a section, the best of some thousand. */
static void cost(void)
{
    enum { TIMES = 10000, ROUNDS = 200 };
    double best = 1;

    for (int k = 0; k < ROUNDS; k++) {
        double start = crm_clock_now(), took;
        for (int i = 0; i < TIMES; i++) {
            crm_watchdog_enter(CRM_IN_REDUCTION);
            crm_watchdog_leave();
        }
        took = crm_clock_now() - start;
        if (took < best) best = took;
    }
    fprintf(stderr, "ns %.1f\n", best / TIMES * 1e9);
}

/* ---- the jobs ---- */

typedef struct job {
    const char *name;
    void (*ranks_do)(void);
    int ranks;
    bool anywhere; /* no folder is named */
    pid_t pid;
    double start, took;
    int code; /* of mpirun */
    char text[4096];
} job;

static job jobs[] = {{"busy", busy, 2, false, 0, 0, 0, 0, ""},
                     {"reading", reading, 3, false, 0, 0, 0, 0, ""},
                     {"blocked", blocked, 3, false, 0, 0, 0, 0, ""},
                     {"stopped", stopped, 4, false, 0, 0, 0, 0, ""},
                     {"nowhere", stopped, 2, true, 0, 0, 0, 0, ""},
                     {"apart", apart, 2, false, 0, 0, 0, 0, ""},
                     {"deadlock", deadlock, 2, false, 0, 0, 0, 0, ""},
                     {"alone", alone, 1, false, 0, 0, 0, 0, ""},
                     {"alone-busy", alone_busy, 1, false, 0, 0, 0, 0, ""},
                     {"armed", armed, 2, false, 0, 0, 0, 0, ""},
                     {"cost", cost, 1, false, 0, 0, 0, 0, ""}};
enum { JOBS = sizeof jobs / sizeof *jobs };
static char folder[256];

static job *find(const char *name)
{
    for (int i = 0; i < JOBS; i++)
        if (strcmp(jobs[i].name, name) == 0) return &jobs[i];
    abort();
}

static void path_of(const job *j, const char *what, char out[512])
{
    snprintf(out, 512, "%s/%s%s", folder, j->name, what);
}

/* A rank of a job. */
static int be_rank(int argc, char **argv, const char *name, const char *dir)
{
    const crm_watchdog_cfg cfg = {limit};
    const job *j = find(name);
    char health[512];

    snprintf(folder, sizeof folder, "%s", dir);
    path_of(j, ".health", health);
    if (crm_comm_start(&argc, &argv, &world)) return 1;
    if (crm_watchdog_start(world, &cfg, j->anywhere ? NULL : health)) return 1;
    j->ranks_do();
    crm_comm_stop(&world);
    return 0;
}

static void exec_job(const job *j, const char *self)
{
    char ranks[16], out[512];
    int fd;

    path_of(j, ".err", out);
    fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    snprintf(ranks, sizeof ranks, "%d", j->ranks);
    path_of(j, ".tmp", out); /* two Open MPIs that begin at once would both make its folder */
    mkdir(out, 0700);
    setenv("TMPDIR", out, 1);
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* Open MPI has some */
    execlp("mpirun", "mpirun", "--oversubscribe", "--bind-to", "none", "-n", ranks, self, "--rank",
           j->name, folder, (char *)NULL);
    _exit(127);
}

static void start_jobs(const char *self)
{
    const char *tmp = getenv("TMPDIR");

    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    snprintf(folder, sizeof folder, "%s/hang.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) abort();
    fflush(stdout);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].start = crm_clock_now();
        jobs[i].pid = fork();
        if (jobs[i].pid == 0) exec_job(&jobs[i], self);
    }
}

static void read_output(job *j)
{
    char path[512];
    FILE *f;

    path_of(j, ".err", path);
    f = fopen(path, "r");
    if (!f) return;
    j->text[fread(j->text, 1, sizeof j->text - 1, f)] = '\0';
    fclose(f);
}

static void look_at(job *j, bool last_chance)
{
    int status = 0;
    pid_t got;

    if (j->took > 0) return;
    if (last_chance) kill(j->pid, SIGTERM); /* mpirun ends its ranks */
    got = waitpid(j->pid, &status, last_chance ? 0 : WNOHANG);
    if (got == 0) return;
    j->took = crm_clock_now() - j->start;
    j->code = last_chance ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_output(j);
}

static void collect_jobs(void)
{
    double end = crm_clock_now() + 90;

    for (bool late = false, all = false; !all; sleep_for(0.05)) {
        late = crm_clock_now() > end;
        all = true;
        for (int i = 0; i < JOBS; i++) {
            look_at(&jobs[i], late);
            all = all && jobs[i].took > 0;
        }
    }
}

/* ---- checks ---- */

static void show(const job *j)
{
    if (t_failures)
        fprintf(stderr, "# %s: exit code %d after %.1f s\n%s\n", j->name, j->code, j->took,
                j->text);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, part)); p++)
        n++;
    return n;
}

static void health_of(const job *j, int rank, char text[4096])
{
    char end[32], path[512];
    FILE *f;

    snprintf(end, sizeof end, ".health/%d", rank);
    path_of(j, end, path);
    text[0] = '\0';
    f = fopen(path, "r");
    if (!f) return;
    text[fread(text, 1, 4095, f)] = '\0';
    fclose(f);
}

static void check_lives(const char *name)
{
    const job *j = find(name);
    char dir[512];

    T_EQ_I(j->code, 0);
    T_CHECK(!strstr(j->text, "error"));
    T_CHECK(j->took >= 6 * limit);
    path_of(j, ".health", dir);
    T_CHECK(access(dir, F_OK) != 0); /* nothing is left of a question that went well */
    show(j);
}

/* Ends with code 5 and one line with these parts, within the limit + 10 s and what a busy machine
 * adds at the start. */
static void check_ends(const char *name, const char *part, const char *part2)
{
    const job *j = find(name);

    T_EQ_I(j->code, 5);
    T_CHECK(j->took >= limit && j->took < limit + 25);
    T_EQ_I(count(j->text, "crmpi: error: rank "), 1);
    T_CHECK(strstr(j->text, part) != NULL);
    T_CHECK(strstr(j->text, part2) != NULL);
    show(j);
}

static void one_that_computes_is_left_alone(void)
{
    const char *text = find("busy")->text;

    check_lives("busy");
    T_CHECK(strstr(text, "crmpi: warning: rank 0 (host ") != NULL);
    T_CHECK(strstr(text, " s in reduction for rank 1 (host ") != NULL);
    T_CHECK(strstr(text, "which is outside of any section and at work") != NULL);
    T_CHECK(count(text, "warning") <= 3); /* after 1, 2 and 4 limits at most */
}

static void one_that_goes_on_is_left_alone(void)
{
    check_lives("reading");
}

static void one_that_computes_alone_lives(void)
{
    check_lives("alone-busy");
}

static void one_that_is_blocked_is_named(void)
{
    char text[4096];

    /* the one that says so may be that rank itself */
    check_ends("blocked", " at step 812; rank 2 (host ", ") has been in load at step 812 for ");
    health_of(find("blocked"), 2, text);
    T_CHECK(strstr(text, "rank 2\n") == text && strstr(text, "section load\nstep 812\n"));
}

static void one_that_is_stopped_is_named(void)
{
    char text[4096];
    int told = 0;

    check_ends("stopped", " s in reduction at step 812; rank 3 (host ",
               ") has not answered: it is stopped, stuck or lost; finished work is kept, run the "
               "same command again; what each rank did: ");
    for (int q = 0; q < 3; q++) {
        health_of(find("stopped"), q, text);
        T_CHECK(strstr(text, "section reduction\nstep 812\nwaited_s ") != NULL);
        told += count(text, "verdict waited ");
    }
    T_EQ_I(told, 1);
}

static void one_that_nobody_waits_for_is_named(void)
{
    char text[4096];

    check_ends("apart", "): heard nothing for ", "; rank 1 (host ");
    health_of(find("apart"), 1, text);
    T_CHECK(strstr(text, "rank 1\n") == text);
}

static void a_folder_of_the_node_does(void)
{
    check_ends("nowhere", "; rank 1 (host ", " has not answered");
}

static void a_deadlock_is_told(void)
{
    check_ends("deadlock", "a deadlock: rank 0 in reduction for ", ", rank 1 in reduction for ");
}

static void one_alone_that_is_blocked_ends(void)
{
    check_ends("alone", "waited ", " in load; rank 0 (host ");
}

static void a_limit_by_hand_holds(void)
{
    check_ends("armed", "no answer of the other ranks for 1.5 s while this was tested (an.option)",
               "run the same command again");
}

/* A collective call of two ranks takes some hundred ns at least. */
static void entering_is_cheap(void)
{
    const char *text = strstr(find("cost")->text, "ns ");
    double ns = text ? strtod(text + 3, NULL) : 1e9;

    printf("# %.1f ns to enter and leave a section\n", ns);
    T_CHECK(ns < (CRM_TEST_SLOW ? 500 : 50));
    show(find("cost"));
}

static void remove_folder(void)
{
    char command[512];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "# %s stays\n", folder);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"a rank that computes for longer than the limit is left alone",
         one_that_computes_is_left_alone},
        {"so is one that goes from section to section", one_that_goes_on_is_left_alone},
        {"and a single rank that computes", one_that_computes_alone_lives},
        {"a rank that is blocked is named with its section", one_that_is_blocked_is_named},
        {"a rank that is stopped is named", one_that_is_stopped_is_named},
        {"so is one that no other waits for", one_that_nobody_waits_for_is_named},
        {"ranks without a folder use one of their node", a_folder_of_the_node_does},
        {"a deadlock is told with all sections", a_deadlock_is_told},
        {"a single rank that is blocked ends", one_alone_that_is_blocked_ends},
        {"a limit set by hand ends a rank in any case", a_limit_by_hand_holds},
        {"to enter and leave a section takes less than 50 ns", entering_is_cheap},
        {NULL, NULL},
    };
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    int bad;

    if (argc == 4 && strcmp(argv[1], "--rank") == 0) return be_rank(argc, argv, argv[2], argv[3]);
    if (n < 0) return 1;
    self[n] = '\0';
    start_jobs(self);
    collect_jobs();
    bad = t_main(argc, argv, cases);
    remove_folder();
    return bad;
}
