/* Every call to the file system that writing checkpoints makes fails once, by each kind of failure:
 * no crash, the message names path and cause, the newest acknowledged checkpoint loads bit for bit,
 * nothing half is left behind, and the next one can be written.
 *
 * One kind per call by default, every kind for every call with tier full.
 * timeout: 300 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_log.h"
#include "crmpi/base_path.h"
#include "crmpi/ckpt_series.h"

enum { WRITES = 3, LIMIT = 60, KIND = 1 };
static const char *const HOW[] = {"EIO", "short", "ENOSPC", "EINTR", "EIO+", "ENOSPC+"};
enum { HOWS = sizeof HOW / sizeof *HOW };
static const char *const CAUSE[] = {"Input/output error",      NULL,
                                    "No space left on device", NULL,
                                    "Input/output error",      "No space left on device"};

static void (*fault_set)(const char *word, long k, const char *how);
static long (*fault_calls)(void);
static const char *(*fault_hit)(void);
static void (*skip_sync)(void);
static char folder[CRM_PATH_MAX], series[CRM_PATH_MAX + 16];

/* What a child found, in memory shared with it. */
typedef struct found {
    long calls;
    int acknowledged, refused; /* number of the newest written; writes that failed */
    char hit[256], wrong[512]; /* the call that failed; what is not as it must be, or "" */
} found;
static found *result;

#define WRONG(...) snprintf(result->wrong, sizeof result->wrong, __VA_ARGS__)

static crm_status make_bag(int number, crm_bag **out)
{
    static const char *const word[] = {"one", "", "three"};
    static float w[5000];
    const int64_t dim[] = {50, 100};

    for (int i = 0; i < 5000; i++)
        w[i] = (float)(i * 7 + number) / 3;
    CRM_TRY(crm_bag_new(out));
    CRM_TRY(crm_bag_put(*out, "net/weight", CRM_F32, 2, dim, w));
    CRM_TRY(crm_bag_put_i64(*out, "step", number));
    return crm_bag_put_list(*out, "names", 3, word);
}

/* Names in the folder that end in ".tmp". */
static int count_tmp(void)
{
    DIR *d = opendir(series);
    struct dirent *e;
    int n = 0;

    while (d && (e = readdir(d)))
        n += strstr(e->d_name, ".tmp") != NULL;
    if (d) closedir(d);
    return n;
}

static void write_one(int number, int how)
{
    crm_bag *b = NULL;
    crm_status st = make_bag(number, &b);

    if (!st) st = crm_ckpt_write(series, "test", number, b);
    crm_bag_free(&b);
    if (!st) {
        result->acknowledged = number;
        return;
    }
    result->refused++;
    if (!CAUSE[how])
        WRONG("checkpoint %d was not written: %s", number, crm_err_text());
    else if (st != CRM_ERR_IO || !strstr(crm_err_text(), series) ||
             !strstr(crm_err_text(), CAUSE[how]))
        WRONG("%s without path or cause: %s", crm_status_name(st), crm_err_text());
}

/* The newest is the one acknowledged last, bit for bit. */
static void check_newest(void)
{
    crm_bag *have = NULL, *want = NULL;
    crm_digest a = {0}, b = {1, 1};
    int64_t number = 0;
    crm_status st = crm_ckpt_newest(series, "test", &have, &number);

    if (st)
        WRONG("not read: %s", crm_err_text());
    else if (number != result->acknowledged || !have != !result->acknowledged)
        WRONG("%d was acknowledged, %d is read", result->acknowledged, (int)number);
    if (have && (make_bag((int)number, &want) || crm_bag_digest(have, NULL, &a) ||
                 crm_bag_digest(want, NULL, &b) || !crm_digest_equal(a, b)))
        WRONG("checkpoint %d has other bits", (int)number);
    crm_bag_free(&have);
    crm_bag_free(&want);
}

static void child(long k, int how)
{
    alarm(LIMIT);
    skip_sync();
    fault_set("series", k, HOW[how]);
    for (int i = 1; i <= WRITES && !result->wrong[0]; i++)
        write_one(i, how);
    result->calls = fault_calls();
    snprintf(result->hit, sizeof result->hit, "%s", fault_hit());
    fault_set("", 0, "none");
    if (!result->wrong[0] && count_tmp() > 0) WRONG("a temporary file is left");
    if (!result->wrong[0]) check_newest();
    if (!result->wrong[0]) write_one(WRITES + 1, KIND);
    if (!result->wrong[0]) check_newest();
    exit(0); /* HDF5 closes what it could not close before */
}

/* One child with the k-th call failing; false when no call was hit. */
static bool try_one(long k, int how)
{
    int status = 0;
    pid_t pid;

    T_OK(crm_path_remove(series));
    memset(result, 0, sizeof *result);
    fflush(NULL);
    pid = fork();
    if (pid == 0) child(k, how);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
        WRONG("the process ended with status %x", (unsigned)status);
    if (result->wrong[0]) {
        t_fail(__FILE__, __LINE__, "a checkpoint survives a call that fails");
        fprintf(stderr, "#   call %ld, %s, %s: %s\n", k, HOW[how], result->hit, result->wrong);
    }
    return result->hit[0] != '\0';
}

static void nothing_fails(void)
{
    T_CHECK(!try_one(0, KIND));
    T_EQ_I(result->acknowledged, WRITES + 1);
    T_CHECK(result->calls >= 3 * WRITES); /* writes at least */
}

static void every_call_fails(void)
{
    const char *tier = getenv("CRM_TIER");
    bool all = tier && strcmp(tier, "default") != 0;
    static const int turn[5] = {0, 2, 3, 4, 5}; /* all but KIND */
    long tried = 0, refused = 0, k = 1;
    bool hit = true;

    for (; hit; k++) {
        hit = false;
        for (int h = 0; h < HOWS; h++) {
            if (!all && h != turn[k % 5] && h != KIND) continue;
            /* Where writes are cut short, only they are counted: the end comes first there. */
            if (!try_one(k, h)) continue;
            hit = true;
            tried++;
            refused += result->refused > 0;
        }
    }
    printf("# %ld calls, %ld failures tried, %ld of them refused a checkpoint\n", k - 2, tried,
           refused);
    T_CHECK(k - 2 > 60 && refused > 20);
}

static void tidy(void)
{
    T_OK(crm_path_remove(folder));
}

/* Begin again with the library in front. */
static void load_library(char **argv)
{
    char path[CRM_PATH_MAX], options[1024];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
    const char *asan = getenv("ASAN_OPTIONS");

    if (n <= 0 || getenv("LD_PRELOAD")) return;
    path[n] = '\0';
    snprintf(strrchr(path, '/'), 32, "/crm_io_fault.so");
    snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", asan ? asan : "",
             asan ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
    setenv("LD_PRELOAD", path, 1);
    execv("/proc/self/exe", argv);
}

static bool find_library(void)
{
    *(void **)&fault_set = dlsym(RTLD_DEFAULT, "io_fault_set");
    *(void **)&fault_calls = dlsym(RTLD_DEFAULT, "io_fault_calls");
    *(void **)&fault_hit = dlsym(RTLD_DEFAULT, "io_fault_hit");
    *(void **)&skip_sync = dlsym(RTLD_DEFAULT, "io_fault_skip_sync");
    return fault_set && fault_calls && fault_hit && skip_sync;
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"no call fails", nothing_fails},
                                   {"each call fails", every_call_fails},
                                   {"tidy up", tidy},
                                   {NULL, NULL}};
    const char *base = getenv("TMPDIR");

    if (!find_library()) load_library(argv);
    snprintf(folder, sizeof folder, "%s/crmpi-io-XXXXXX", base && *base ? base : "/tmp");
    result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!find_library() || result == MAP_FAILED || !mkdtemp(folder)) {
        printf("not ok - crm_io_fault.so is loaded in front\n");
        return 1;
    }
    unsetenv("LD_PRELOAD");
    snprintf(series, sizeof series, "%s/series", folder);
    crm_log_setup(CRM_LOG_QUIET, 0);
    return t_main(argc, argv, cases);
}
