/* test_temp.c - folders that must not outlive their process: made, removed, and what a process that
 * was killed left is removed by the next one. */
#include "crm_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "crmpi/base_stop.h"
#include "crmpi/base_temp.h"

static char folder[256];

static const char *in_folder(const char *name)
{
    static char path[4][512];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.150s/temp-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    T_CHECK(mkdtemp(folder) != NULL);
    T_CHECK(setenv("TMPDIR", folder, 1) == 0);
}

static void end(void)
{
    T_OK(crm_path_remove(folder));
}

static void comes_and_goes(void)
{
    crm_temp a, b;
    struct stat s;

    T_OK(crm_temp_make("rows", NULL, &a));
    T_OK(crm_temp_make("rows", "n7-1", &b));
    T_CHECK(stat(a.dir, &s) == 0 && S_ISDIR(s.st_mode) && (s.st_mode & 0777) == 0700);
    T_CHECK(strcmp(b.dir, in_folder("crmpi-rows-n7-1")) == 0 && crm_path_is_dir(b.dir));
    crm_temp_remove(&a);
    crm_temp_remove(&b);
    crm_temp_remove(&b);
    T_CHECK(a.dir[0] == '\0' && !crm_path_exists(in_folder("crmpi-rows-n7-1")));
}

static void a_name_that_is_taken_fails(void)
{
    crm_temp t;

    T_CHECK(mkdir(in_folder("crmpi-rows-taken"), 0700) == 0);
    T_FAILS(crm_temp_make("rows", "taken", &t), CRM_ERR_IO, "set TMPDIR");
    T_CHECK(t.dir[0] == '\0');
    T_CHECK(crm_path_exists(in_folder("crmpi-rows-taken")));
}

/* A folder with a file of rows, whose lock was last touched so many seconds ago. */
static void leave(const char *name, int seconds)
{
    struct utimbuf t = {.actime = time(NULL) - seconds, .modtime = time(NULL) - seconds};
    char path[600];

    T_CHECK(mkdir(in_folder(name), 0700) == 0);
    snprintf(path, sizeof path, "%s/rows.h5", in_folder(name));
    T_OK(crm_path_write_atomic(path, "rows", 4));
    snprintf(path, sizeof path, "%s/lock", in_folder(name));
    T_OK(crm_path_write_atomic(path, "", 0));
    T_CHECK(utime(path, &t) == 0);
}

static void what_the_killed_left_goes(void)
{
    char lock[CRM_PATH_MAX + 8];
    struct utimbuf old = {.actime = time(NULL) - 60, .modtime = time(NULL) - 60};
    crm_temp mine, t;

    leave("crmpi-rows-old", 60);
    leave("crmpi-rows-young", 1);
    leave("crmpi-text-old", 60);
    T_OK(crm_temp_make("rows", "mine", &mine));
    snprintf(lock, sizeof lock, "%s/lock", mine.dir);
    T_CHECK(utime(lock, &old) == 0); /* old, and held */
    T_OK(crm_temp_make("rows", NULL, &t));
    T_CHECK(!crm_path_exists(in_folder("crmpi-rows-old")));
    T_CHECK(crm_path_exists(in_folder("crmpi-rows-young")));
    T_CHECK(crm_path_exists(in_folder("crmpi-text-old")));
    T_CHECK(crm_path_exists(mine.dir));
    crm_temp_remove(&t);
    crm_temp_remove(&mine);
}

static void a_signal_takes_it_along(void)
{
    const struct timespec long_time = {.tv_sec = 20};
    int status = 0;
    pid_t pid;
    crm_temp t;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        crm_stop_install();
        crm_stop_grace(0.001);
        if (crm_temp_make("rows", "signalled", &t)) _exit(1);
        raise(SIGTERM);
        nanosleep(&long_time, NULL);
        nanosleep(&long_time, NULL);
        _exit(0);
    }
    T_CHECK(waitpid(pid, &status, 0) == pid);
    T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 75);
    T_CHECK(!crm_path_exists(in_folder("crmpi-rows-signalled")));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"begins", begin},
        {"a folder comes and goes", comes_and_goes},
        {"a name that is taken is an error", a_name_that_is_taken_fails},
        {"what killed processes left goes, what is in use stays", what_the_killed_left_goes},
        {"a signal takes the folder along", a_signal_takes_it_along},
        {"ends", end},
        {NULL, NULL}};
    return t_main(argc, argv, cases);
}
