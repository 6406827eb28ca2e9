/* test_comm_health.c - the folder in /tmp through which ranks of one node ask each other: one that
 * somebody else has put there under that name is neither written to nor emptied.
 * ranks: 1  timeout: 60 */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../src/cluster/comm/comm_watchdog_impl.h"
#include "crm_test_mpi.h"
#include "crmpi/base_path.h"

static char folder[200];

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.150s/crmpi-private-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    T_CHECK(mkdtemp(folder) != NULL);
}

static void end(void)
{
    T_OK(crm_path_remove(folder));
}

static const char *in_folder(const char *name)
{
    static char path[2][320];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* ---- whose it is ---- */

static void tells_private(void)
{
    const char *dir = in_folder("dir");

    T_CHECK(crm_health_is_private(dir)); /* not there */
    T_CHECK(mkdir(dir, 0700) == 0 && crm_health_is_private(dir));
    T_CHECK(chmod(dir, 0755) == 0 && crm_health_is_private(dir));
    T_CHECK(chmod(dir, 0775) == 0 && !crm_health_is_private(dir));
    T_CHECK(chmod(dir, 0702) == 0 && !crm_health_is_private(dir));
    T_CHECK(chmod(dir, 0700) == 0);
    T_CHECK(symlink(dir, in_folder("link")) == 0 && !crm_health_is_private(in_folder("link")));
    T_OK(crm_path_write_atomic(in_folder("file"), "x", 1));
    T_CHECK(!crm_health_is_private(in_folder("file")));
}

static void tells_another_user(void)
{
    const char *dir = in_folder("foreign");

    T_CHECK(mkdir(dir, 0700) == 0);
    if (chown(dir, 65534, 65534) != 0) {
        T_SKIP("only root gives folders away");
        return;
    }
    T_CHECK(!crm_health_is_private(dir));
}

/* ---- files ---- */

static void keeps_steps(void)
{
    static const int64_t steps[] = {-1, 0, 812};
    static const char *const told[] = {"\nstep none\n", "\nstep 0\n", "\nstep 812\n"};
    char text[2048];

    T_CHECK(mkdir(in_folder("steps"), 0700) == 0);
    for (int i = 0; i < 3; i++) {
        health h = {
            .rank = 3, .host = "n7", .section = HEALTH_OUTSIDE, .step = steps[i], .beat = 5};
        health got;
        FILE *f;
        T_CHECK(crm_health_write(in_folder("steps"), &h, NULL));
        f = fopen(in_folder("steps/3"), "r");
        T_CHECK(f != NULL);
        if (!f) return;
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
        T_CHECK(strstr(text, "\nsection none\n") && strstr(text, told[i]));
        crm_health_read(in_folder("steps"), 3, &got);
        T_EQ_I(got.beat, 5);
        T_EQ_I(got.step, steps[i]);
        T_EQ_I(got.section, HEALTH_OUTSIDE);
    }
}

/* ---- a link in the place of the folder ---- */

static void leaves_others_alone(void)
{
    static const char *const names[] = {"asked", "0", "0.tmp"};
    const crm_watchdog_cfg cfg = {.limit = 0.5};
    const struct timespec more_than_a_look = {.tv_sec = 1, .tv_nsec = 500000000};
    char name[64];

    T_CHECK(mkdir(in_folder("mine"), 0700) == 0);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "mine/%s", names[i]);
        T_OK(crm_path_write_atomic(in_folder(name), "kept", 4));
    }
    snprintf(name, sizeof name, "/tmp/crmpi-health-%d", (int)getpid());
    T_CHECK(symlink(in_folder("mine"), name) == 0);
    T_OK(crm_watchdog_start(t_comm, &cfg, NULL));
    crm_watchdog_enter(CRM_IN_LOAD);
    nanosleep(&more_than_a_look, NULL);
    crm_watchdog_leave();
    crm_watchdog_stop();
    T_CHECK(unlink(name) == 0);
    for (int i = 0; i < 3; i++) {
        char text[8] = "";
        FILE *f;
        snprintf(name, sizeof name, "mine/%s", names[i]);
        f = fopen(in_folder(name), "r");
        T_CHECK(f && fread(text, 1, 7, f) == 4 && strcmp(text, "kept") == 0);
        if (f) fclose(f);
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", begin},
                                   {"a folder of one's own is told", tells_private},
                                   {"a folder of another user is told", tells_another_user},
                                   {"a step is a number or none", keeps_steps},
                                   {"what a link leads to stays as it is", leaves_others_alone},
                                   {"ends", end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
