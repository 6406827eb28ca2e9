/* test_ledger.c - the ledger of a sweep: what is written is read, whatever happens to a file. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/sweep_ledger.h"

static char dir[200];
static const crm_digest run = {.hi = 12, .lo = 34};

static const char *in_dir(const char *name)
{
    static char path[320];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static crm_sweep_ledger *left_open;

static void clear(void)
{
    if (left_open) T_OK(crm_sweep_ledger_close(&left_open));
    if (dir[0]) T_OK(crm_path_remove(dir));
    T_OK(crm_path_mkdirs(dir));
}

static crm_sweep_ledger_entry entry_of(int i)
{
    crm_sweep_ledger_entry e = {.failed = i % 5 == 4,
                                .loss = i % 5 == 4 ? NAN : 1.0 / (i + 1),
                                .seconds = 0.1 * i,
                                .result = {.hi = (uint64_t)i * 77, .lo = (uint64_t)i}};

    snprintf(e.name, sizeof e.name, "t%03d-r0-f%d", i, i % 3);
    if (e.failed) snprintf(e.cause, sizeof e.cause, "loss of heads.churn is not\nfinite");
    return e;
}

static void write_some(const char *writer, int from, int to, bool close)
{
    crm_sweep_ledger *l = NULL;

    T_OK(crm_sweep_ledger_open(dir, writer, run, &l));
    for (int i = from; i < to; i++) {
        crm_sweep_ledger_entry e = entry_of(i);
        T_OK(crm_sweep_ledger_add(l, &e));
    }
    if (close) {
        T_OK(crm_sweep_ledger_close(&l));
    } else {
        T_CHECK(left_open == NULL); /* one at a time */
        left_open = l;              /* as if killed: open until the folder is cleared */
    }
}

static void put_file(const char *text, size_t bytes)
{
    FILE *f = fopen(in_dir("a.log"), "w");

    T_CHECK(f && fwrite(text, 1, bytes, f) == bytes);
    if (f) fclose(f);
}

/* n entries, each as it was written. */
static bool holds(int n)
{
    crm_sweep_ledger_all all;
    bool ok;

    if (crm_sweep_ledger_read(dir, run, &all)) return false;
    ok = all.n == n;
    for (int i = 0; i < n && ok; i++) {
        crm_sweep_ledger_entry want = entry_of(i);
        const crm_sweep_ledger_entry *e = crm_sweep_ledger_find(&all, want.name);
        ok = e && e->failed == want.failed && crm_digest_equal(e->result, want.result) &&
             (e->loss == want.loss || (isnan(e->loss) && isnan(want.loss))) &&
             e->seconds == want.seconds &&
             strcmp(e->cause, want.failed ? "loss of heads.churn is not finite" : "") == 0;
    }
    T_CHECK(crm_sweep_ledger_find(&all, "t9") == NULL);
    crm_sweep_ledger_all_free(&all);
    return ok;
}

static void keeps_what_is_added(void)
{
    crm_sweep_ledger_all all;

    clear();
    write_some("a-0", 0, 20, true);
    write_some("a-1", 20, 30, false);
    write_some("a-0", 25, 40, true); /* once more by another; five units twice */
    T_CHECK(holds(40));
    T_OK(crm_sweep_ledger_read(dir, (crm_digest){.hi = 12, .lo = 35}, &all)); /* another run */
    T_EQ_I(all.n, 0);
    T_EQ_I(all.damaged, 45);
    crm_sweep_ledger_all_free(&all);
    T_OK(crm_sweep_ledger_read("/nowhere/at/all", run, &all));
    T_EQ_I(all.n, 0);
}

/* A file cut anywhere (its last line at every other byte) loses at most the line it is cut in, and
 * goes on. */
static void survives_a_cut_anywhere(void)
{
    char *text;
    size_t bytes;
    int bad = 0;

    clear();
    write_some("a", 0, 6, true);
    T_OK(crm_path_read(in_dir("a.log"), 1 << 20, &text, &bytes));
    for (size_t cut = 0; cut <= bytes; cut += cut + 120 < bytes ? 29 : 2) {
        int lines = 0;
        for (size_t i = 0; i < cut; i++)
            lines += text[i] == '\n';
        if (lines > 6) lines = 6;
        put_file(text, cut);
        bad += !holds(lines);
        write_some("a", lines, 8, true);
        bad += !holds(8);
    }
    T_EQ_I(bad, 0);
    crm_mem_free(text);
}

/* A byte that is wrong costs the line it is in, or with a line end the two beside it. */
static void finds_every_flip(void)
{
    char *text;
    size_t bytes;
    int bad = 0;

    clear();
    write_some("a", 0, 4, true);
    T_OK(crm_path_read(in_dir("a.log"), 1 << 20, &text, &bytes));
    for (size_t at = 0; at < bytes - 4; at++) {
        crm_sweep_ledger_all all;
        text[at] ^= 1;
        put_file(text, bytes);
        text[at] ^= 1;
        T_OK(crm_sweep_ledger_read(dir, run, &all));
        bad += all.n != 3 && all.n != (text[at] == '\n' ? 2 : 3);
        bad += all.damaged == 0;
        crm_sweep_ledger_all_free(&all);
    }
    T_EQ_I(bad, 0);
    crm_mem_free(text);
}

static void tells_two_results(void)
{
    crm_sweep_ledger_entry e = entry_of(3);
    crm_sweep_ledger_all all;
    crm_sweep_ledger *l;

    clear();
    write_some("a", 0, 5, true);
    e.result.lo++;
    T_OK(crm_sweep_ledger_open(dir, "b", run, &l));
    T_OK(crm_sweep_ledger_add(l, &e));
    T_OK(crm_sweep_ledger_close(&l));
    T_EQ_I(crm_sweep_ledger_read(dir, run, &all), CRM_ERR_FORMAT);
    T_CHECK(strstr(crm_err_text(), "unit t003-r0-f0 has two different results") != NULL);
    /* A failure beside a result is none. */
    clear();
    write_some("a", 0, 5, true);
    e = entry_of(3);
    e.failed = true;
    T_OK(crm_sweep_ledger_open(dir, "b", run, &l));
    T_OK(crm_sweep_ledger_add(l, &e));
    T_OK(crm_sweep_ledger_close(&l));
    T_CHECK(holds(5));
}

static bool all_gone(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return true;
}

static void compaction_keeps_all(void)
{
    crm_sweep_ledger_all all;

    clear();
    write_some("a", 0, 10, true);
    write_some("b", 10, 15, false);
    T_OK(crm_sweep_ledger_compact(dir, run, NULL, NULL));
    T_CHECK(holds(15));
    T_CHECK(!crm_path_exists(in_dir("a.log")));
    T_CHECK(crm_path_exists(in_dir("b.log"))); /* may still be written */
    write_some("c", 15, 20, true);
    T_OK(crm_sweep_ledger_compact(dir, run, all_gone, NULL));
    T_CHECK(holds(20));
    T_OK(crm_sweep_ledger_read(dir, run, &all));
    T_EQ_I(all.files, 1);
    T_EQ_I(all.damaged, 0);
    crm_sweep_ledger_all_free(&all);
    T_OK(crm_sweep_ledger_compact(dir, run, all_gone, NULL)); /* of itself */
    T_CHECK(holds(20));
}

/* Killed between writing all.log and removing files: each line is there twice. */
static void compaction_may_be_killed(void)
{
    char *text;
    size_t bytes;

    clear();
    write_some("a", 0, 10, true);
    T_OK(crm_path_read(in_dir("a.log"), 1 << 20, &text, &bytes));
    T_OK(crm_sweep_ledger_compact(dir, run, all_gone, NULL));
    T_OK(crm_path_write_atomic(in_dir("a.log"), text, bytes));
    T_CHECK(holds(10));
    crm_mem_free(text);
}

/* In a process of its own, files end at `limit` bytes, as on a full disk. */
static void fill_disk(rlim_t limit)
{
    const struct rlimit r = {.rlim_cur = limit, .rlim_max = RLIM_INFINITY};
    const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    crm_sweep_ledger *l;
    int i = 0;

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &r);
    if (crm_sweep_ledger_open(dir, "a", run, &l)) _exit(1);
    for (crm_sweep_ledger_entry e = entry_of(0); crm_sweep_ledger_add(l, &e) == CRM_OK;
         e = entry_of(i))
        i++;
    if (i == 0 || i > 8) _exit(2);
    if (!strstr(crm_err_text(), "cannot be written")) _exit(3);
    setrlimit(RLIMIT_FSIZE, &none); /* there is room again */
    for (; i < 12; i++) {
        crm_sweep_ledger_entry e = entry_of(i);
        if (crm_sweep_ledger_add(l, &e)) _exit(4);
    }
    _exit(crm_sweep_ledger_close(&l) ? 5 : 0);
}

static void goes_on_after_a_full_disk(void)
{
    for (rlim_t limit = 300; limit < 420; limit += 29) {
        int status = -1;
        pid_t child;
        clear();
        child = fork();
        if (child == 0) fill_disk(limit);
        T_CHECK(child > 0 && waitpid(child, &status, 0) == child);
        T_EQ_I(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
        T_CHECK(holds(12));
    }
}

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof dir, "%.150s/crmpi-ledger-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    T_CHECK(mkdtemp(dir) != NULL);
}

static void end(void)
{
    T_OK(crm_path_remove(dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", begin},
                                   {"what is added is read", keeps_what_is_added},
                                   {"a file cut anywhere loses one line", survives_a_cut_anywhere},
                                   {"a wrong byte is found", finds_every_flip},
                                   {"two results of a unit are told", tells_two_results},
                                   {"compaction keeps all", compaction_keeps_all},
                                   {"compaction may be killed", compaction_may_be_killed},
                                   {"a full disk is told and goes by", goes_on_after_a_full_disk},
                                   {"ends", end},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
