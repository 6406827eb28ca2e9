/* test_stop.c - the end by the grace: code 75, and a folder that is to go with the process goes,
 * whatever is in it, and nothing that its links lead to. */
#include "crm_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_stop.h"

enum { FILES = 500 };
static char folder[200];

static const char *in_folder(const char *name)
{
    static char path[2][300];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void write_file(const char *name)
{
    T_OK(crm_path_write_atomic(in_folder(name), "x", 1));
}

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");
    char name[64];

    snprintf(folder, sizeof folder, "%.150s/crmpi-stop-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    T_CHECK(mkdtemp(folder) != NULL);
    T_CHECK(mkdir(in_folder("stays"), 0700) == 0);
    T_CHECK(mkdir(in_folder("goes"), 0700) == 0);
    T_CHECK(mkdir(in_folder("goes/in"), 0700) == 0);
    T_CHECK(mkdir(in_folder("goes/in/deep"), 0700) == 0);
    write_file("stays/file");
    write_file("goes/in/deep/file");
    T_CHECK(symlink(in_folder("stays"), in_folder("goes/in/link")) == 0);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "goes/in/a_file_with_a_longer_name_%d", i);
        write_file(name);
    }
}

static void end(void)
{
    T_OK(crm_path_remove(folder));
}

/* A process that gets a signal and looks nowhere; its exit code. */
static bool keeps_nothing; /* of stopped */

static void make_last(void)
{
    (void)mkdir(in_folder("last"), 0700);
}

static int stopped(const char *discarded)
{
    const struct timespec long_time = {.tv_sec = 20};
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (!freopen(in_folder("said"), "w", stderr)) _exit(1);
        crm_stop_install();
        crm_stop_grace(0.2);
        crm_stop_discard("/nowhere");
        crm_stop_discard(discarded);
        if (keeps_nothing) crm_stop_keeps_nothing();
        crm_stop_before_end(make_last);
        raise(SIGTERM);
        nanosleep(&long_time, NULL);
        nanosleep(&long_time, NULL); /* the first one is cut short by the signal */
        _exit(0);
    }
    T_CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool said(const char *text)
{
    char *all = NULL;
    size_t n = 0;
    bool found;

    T_OK(crm_path_read(in_folder("said"), 4096, &all, &n));
    found = all && strstr(all, text) != NULL;
    crm_mem_free(all);
    return found;
}

static void keeps(void)
{
    T_EQ_I(stopped(NULL), 75);
    T_CHECK(said("stopped by SIGTERM: no place to stop at came within 0.2 s"));
    T_CHECK(said("what was finished or saved is kept"));
    T_CHECK(crm_path_exists(in_folder("goes/in/deep/file")));
}

static void discards(void)
{
    T_EQ_I(stopped(in_folder("goes")), 75);
    T_CHECK(said("what was done is removed"));
    T_CHECK(!crm_path_exists(in_folder("goes")));
    T_CHECK(crm_path_exists(in_folder("stays/file")));
}

static void says_nothing(void)
{
    keeps_nothing = true;
    T_EQ_I(stopped(NULL), 75);
    T_CHECK(said("; nothing is kept, run the same command again\n"));
    T_CHECK(!said("what was"));
    T_CHECK(crm_path_exists(in_folder("last")));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"begins", begin},
                                   {"everything stays", keeps},
                                   {"a folder goes with the process", discards},
                                   {"a command without results says so", says_nothing},
                                   {"ends", end},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
