/* comm_health.c - what ranks tell each other through files while one of them waits too long, and
 * what follows from it.
 *
 * Used by the thread of the watchdog while the main thread may hold any lock: plain system calls on
 * memory that is there, nothing of stdio's streams or malloc.  Clocks of different nodes are never
 * compared: an answer is a file whose number has changed since the question. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "comm_watchdog_impl.h"

/* Below these, what a process does is no work: its timers, and the files it writes here. */
static const double idle_cpu = 0.02;    /* s of CPU per s */
enum { IDLE_BLOCKS = 64, TEXT = 1024 }; /* blocks per file written here */

/* ---- this process ---- */

double crm_health_cpu(clockid_t main)
{
    struct timespec t = {0, 0};

    clock_gettime(main, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

void crm_health_sample(health *h, clockid_t main)
{
    struct rusage use;

    h->main_cpu = crm_health_cpu(main);
    h->clock = crm_health_cpu(CLOCK_MONOTONIC);
    getrusage(RUSAGE_SELF, &use);
    h->cpu =
        seconds(use.ru_utime) + seconds(use.ru_stime) - crm_health_cpu(CLOCK_THREAD_CPUTIME_ID);
    h->faults = use.ru_majflt;
    h->blocks = use.ru_inblock + use.ru_oublock;
}

/* ---- files ---- */

static bool path_of(const char *dir, const char *name, char out[CRM_PATH_MAX])
{
    int n = snprintf(out, CRM_PATH_MAX, "%s/%s", dir, name);

    return n > 0 && n < CRM_PATH_MAX;
}

static bool path_of_rank(const char *dir, int rank, const char *end, char out[CRM_PATH_MAX])
{
    char name[32];

    snprintf(name, sizeof name, "%d%s", rank, end);
    return path_of(dir, name, out);
}

static const char *section_name(int s)
{
    return s >= 0 && s < CRM_SECTION_COUNT ? crm_section_names[s] : "none";
}

static int section_number(const char *name)
{
    int s = 0;

    while (s < CRM_SECTION_COUNT && strcmp(name, crm_section_names[s]) != 0)
        s++;
    return s;
}

static int write_text(const health *h, const char *note, char *out, size_t cap)
{
    char step[24] = "none";

    if (h->step >= 0) snprintf(step, sizeof step, "%lld", (long long)h->step);
    return snprintf(
        out, cap,
        "rank %d\nhost %s\npid %d\nsection %s\nstep %s\nwaited_s %.3f\nlimit_s %.3f\n"
        "main_cpu_s %.3f\nbeat %lld\nevents %lld\nclock_s %.3f\ncpu_s %.3f\nfaults %lld\n"
        "blocks %lld\n%s%s%s",
        h->rank, h->host, h->pid, section_name(h->section), step, h->waited, h->limit, h->main_cpu,
        (long long)h->beat, (long long)h->events, h->clock, h->cpu, (long long)h->faults,
        (long long)h->blocks, note ? "verdict " : "", note ? note : "", note ? "\n" : "");
}

static bool read_text(const char *text, health *h)
{
    char section[16], step[24], *end;
    long long beat, events, faults, blocks;
    int n =
        sscanf(text,
               "rank %d\nhost %63s\npid %d\nsection %15s\nstep %23s\nwaited_s %lf\nlimit_s %lf\n"
               "main_cpu_s %lf\nbeat %lld\nevents %lld\nclock_s %lf\ncpu_s %lf\nfaults %lld\n"
               "blocks %lld\n",
               &h->rank, h->host, &h->pid, section, step, &h->waited, &h->limit, &h->main_cpu,
               &beat, &events, &h->clock, &h->cpu, &faults, &blocks);

    if (n != 14) return false;
    h->section = section_number(section);
    h->step = strtoll(step, &end, 10);
    if (*end) h->step = -1; /* none */
    h->beat = beat;
    h->events = events;
    h->faults = faults;
    h->blocks = blocks;
    return true;
}

bool crm_health_write(const char *dir, const health *h, const char *note)
{
    char text[TEXT + 512], tmp[CRM_PATH_MAX], path[CRM_PATH_MAX];
    int n = write_text(h, note, text, sizeof text), fd;
    bool ok;

    if (n < 0 || n >= (int)sizeof text || !path_of_rank(dir, h->rank, ".tmp", tmp) ||
        !path_of_rank(dir, h->rank, "", path))
        return false;
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return false;
    ok = write(fd, text, (size_t)n) == n;
    ok = close(fd) == 0 && ok;
    if (ok) ok = rename(tmp, path) == 0;
    if (!ok) unlink(tmp);
    return ok;
}

void crm_health_read(const char *dir, int rank, health *h)
{
    char text[TEXT], path[CRM_PATH_MAX];
    ssize_t n = 0;
    int fd = -1;

    if (path_of_rank(dir, rank, "", path)) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        n = read(fd, text, sizeof text - 1);
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    if (!read_text(text, h)) *h = (health){.rank = rank};
}

bool crm_health_is_private(const char *dir)
{
    struct stat s;

    if (lstat(dir, &s) != 0) return errno == ENOENT;
    return S_ISDIR(s.st_mode) && s.st_uid == geteuid() && (s.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int crm_health_ask(const char *dir)
{
    char path[CRM_PATH_MAX];
    int fd;

    if (!path_of(dir, "asked", path) || (mkdir(dir, 0777) != 0 && errno != EEXIST)) return -1;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return errno == EEXIST ? 0 : -1;
    close(fd);
    return 1;
}

/* Opened, not looked up: a client of NFS then asks its server. */
bool crm_health_asked(const char *dir)
{
    char path[CRM_PATH_MAX];
    int fd = path_of(dir, "asked", path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) close(fd);
    return fd >= 0;
}

void crm_health_unask(const char *dir)
{
    char path[CRM_PATH_MAX];

    if (path_of(dir, "asked", path)) unlink(path);
}

void crm_health_clear(const char *dir, int first, int end)
{
    char path[CRM_PATH_MAX];

    if (access(dir, F_OK) != 0) return;
    crm_health_unask(dir);
    for (int q = first; q < end; q++) {
        if (path_of_rank(dir, q, ".tmp", path)) unlink(path);
        if (path_of_rank(dir, q, "", path)) unlink(path);
    }
    rmdir(dir);
}

/* ---- question and answers ---- */

static const int64_t answer_in = 5000000000; /* ns for the answers of others */
/* Where their files take longer to be seen: NFS keeps what it knows of a folder for a minute; a
 * write to a file system of a cluster may have to wait for other work there.  Numbers of statfs(2).
 */
static const struct {
    uint32_t magic;
    int64_t answer_in;
} far_systems[] = {{0x6969, 70000000000},      /* NFS */
                   {0x0bd00bd0, 30000000000},  /* Lustre */
                   {0x47504653, 30000000000},  /* GPFS */
                   {0x00c36400, 30000000000},  /* Ceph */
                   {0x19830326, 30000000000},  /* BeeGFS */
                   {0x65735546, 30000000000},  /* FUSE: GlusterFS and others */
                   {0xff534d42, 30000000000}}; /* CIFS */

int64_t crm_health_answer_in(const char *folder)
{
    struct statfs f;

    if (!folder || statfs(folder, &f) != 0) return answer_in;
    for (size_t i = 0; i < sizeof far_systems / sizeof *far_systems; i++)
        if ((uint32_t)f.f_type == far_systems[i].magic) return far_systems[i].answer_in;
    return answer_in;
}

void crm_health_begin(const char *dir, health_ranks *r, const health *self)
{
    for (int q = 0; q < r->n; q++) {
        if (q != r->self) crm_health_read(dir, q, &r->before[q]);
        r->first[q] = r->last[q] = (health){.rank = q};
    }
    r->before[r->self] = *self;
    r->first[r->self] = *self;
}

void crm_health_hear(const char *dir, health_ranks *r, const health *self)
{
    for (int q = 0; q < r->n; q++) {
        health h = *self;
        if (q != r->self) crm_health_read(dir, q, &h);
        if (h.beat == 0 || (q != r->self && h.beat == r->before[q].beat)) continue;
        if (r->first[q].beat == 0) r->first[q] = h;
        r->last[q] = h;
    }
}

/* ---- verdict ---- */

typedef enum doing { SILENT, GOES_ON, BLOCKED, WAITS } doing;

static doing what_does(const health *a, const health *b)
{
    double time = b->clock - a->clock;
    int64_t written = b->beat - a->beat + 1;

    if (b->beat == 0) return SILENT;
    if (a->events != b->events) return GOES_ON;
    if (b->section == CRM_IN_REDUCTION) return WAITS;
    if (time < 0.5) return GOES_ON; /* too few answers to tell */
    return b->cpu - a->cpu > idle_cpu * time || b->faults > a->faults ||
                   b->blocks - a->blocks > written * IDLE_BLOCKS
               ? GOES_ON
               : BLOCKED;
}

/* The first rank that does this, or -1. */
static int find(const health_ranks *r, doing what)
{
    for (int q = 0; q < r->n; q++)
        if (what_does(&r->first[q], &r->last[q]) == what) return q;
    return -1;
}

static double left(const health *h)
{
    return h->limit - h->waited;
}

/* Of the ranks that do this, the one with the least (sign 1) or the most (-1) left of its limit, or
 * -1. */
static int extreme(const health_ranks *r, doing what, double sign)
{
    int who = -1;

    for (int q = 0; q < r->n; q++)
        if (what_does(&r->first[q], &r->last[q]) == what &&
            (who < 0 || sign * left(&r->last[q]) < sign * left(&r->last[who])))
            who = q;
    return who;
}

/* A rank that is blocked must have been so for its whole limit; in a deadlock each must have. */
health_verdict crm_health_judge(const health_ranks *r, int *who, double *again)
{
    health_verdict v = HEALTH_BLOCKED;

    *again = 0;
    *who = find(r, SILENT);
    if (*who >= 0) return HEALTH_SILENT;
    *who = find(r, GOES_ON);
    if (*who >= 0) return HEALTH_GOES_ON;
    *who = extreme(r, BLOCKED, 1);
    if (*who < 0) {
        *who = extreme(r, WAITS, -1);
        v = HEALTH_DEADLOCK;
    }
    *again = left(&r->last[*who]);
    return *again > 0 ? HEALTH_GOES_ON : v;
}

static size_t add(char *out, size_t cap, size_t at, const char *text)
{
    int n = at < cap ? snprintf(out + at, cap - at, "%s", text) : 0;

    return n > 0 ? at + (size_t)n : at;
}

static size_t add_rank(const health_ranks *r, int q, char *out, size_t cap, size_t at)
{
    char text[128];

    snprintf(text, sizeof text, "rank %d (host %s, process %d)", q, r->place[q].host,
             r->place[q].pid);
    return add(out, cap, at, text);
}

static void where(const health *h, char *out, size_t cap)
{
    char step[48] = "";

    if (h->step >= 0) snprintf(step, sizeof step, " at step %lld", (long long)h->step);
    if (h->section == HEALTH_OUTSIDE)
        snprintf(out, cap, "outside of any section%s", step);
    else
        snprintf(out, cap, "in %s%s", section_name(h->section), step);
}

enum { NAMED = 4 }; /* ranks in a message */

static void tell_silent(const health_ranks *r, char *out, size_t cap)
{
    size_t at = 0;
    int n = 0;
    char more[32];

    for (int q = 0; q < r->n; q++) {
        if (r->last[q].beat > 0) continue;
        if (n++ >= NAMED) continue;
        if (n > 1) at = add(out, cap, at, ", ");
        at = add_rank(r, q, out, cap, at);
    }
    if (n > NAMED) {
        snprintf(more, sizeof more, " and %d more", n - NAMED);
        at = add(out, cap, at, more);
    }
    add(out, cap, at,
        n == 1 ? " has not answered: it is stopped, stuck or lost"
               : " have not answered: they are stopped, stuck or lost");
}

static void tell_deadlock(const health_ranks *r, char *out, size_t cap)
{
    size_t at = add(out, cap, 0, "all ranks wait for others and none computes, a deadlock:");
    char place[96], text[160];

    for (int q = 0; q < r->n && q < NAMED; q++) {
        where(&r->last[q], place, sizeof place);
        snprintf(text, sizeof text, "%s rank %d %s for %.0f s", q > 0 ? "," : "", q, place,
                 r->last[q].waited);
        at = add(out, cap, at, text);
    }
    add(out, cap, at, r->n > NAMED ? ", ..." : "");
}

void crm_health_tell(const health_ranks *r, health_verdict v, int who, char *out, size_t cap)
{
    char place[96], text[256];
    size_t at;

    out[0] = '\0';
    if (v == HEALTH_SILENT) {
        tell_silent(r, out, cap);
        return;
    }
    if (v == HEALTH_DEADLOCK) {
        tell_deadlock(r, out, cap);
        return;
    }
    at = add_rank(r, who, out, cap, 0);
    where(&r->last[who], place, sizeof place);
    if (v == HEALTH_BLOCKED)
        snprintf(text, sizeof text,
                 " has been %s for %.0f s and neither computes, nor reads, nor writes: it is "
                 "blocked, perhaps by its file system",
                 place, r->last[who].waited);
    else
        snprintf(text, sizeof text, ", which is %s and at work", place);
    add(out, cap, at, text);
}
