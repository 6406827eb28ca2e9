/* record_lock.c - one job per run folder.
 *
 * RUN/.lock is held with flock, which the kernel drops with the process however it ends; the file
 * names its holder for the loser's message.  Where flock is not offered a lease file made with
 * O_EXCL stands for it; it outlives a killed process, so a lease of this host whose process is gone
 * is taken over, and so is one of an earlier start of this very Slurm job: Slurm puts a job back
 * into the queue only when it takes the earlier start for dead.  Every job takes flock first where
 * it works and then looks for a lease, whether it makes one itself or not, so that record.lock=auto
 * and record.lock=lease exclude each other. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/comm_watchdog.h"
#include "record_impl.h"

enum { HOLDER_MAX = 512 };

/* Job of Slurm, "none" outside of one, and how often it was put back into the queue. */
static const char *this_job(long *restart)
{
    const char *job = getenv("SLURM_JOB_ID"), *count = getenv("SLURM_RESTART_COUNT");

    *restart = count ? strtol(count, NULL, 10) : 0;
    return job && job[0] ? job : "none";
}

static void this_holder(char out[HOLDER_MAX])
{
    long restart;
    const char *job = this_job(&restart);
    char host[256] = "?", utc[32];

    if (gethostname(host, sizeof host) != 0) memcpy(host, "?", 2);
    host[sizeof host - 1] = '\0';
    snprintf(out, HOLDER_MAX, "host %s, pid %ld, job %.64s, restart %ld, since %s\n", host,
             (long)getpid(), job, restart, crm_clock_utc(utc));
}

/* First line of a lock file, "" when it cannot be read. */
static void read_holder(const char *path, char out[HOLDER_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, HOLDER_MAX - 1);

    out[n < 0 ? 0 : n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ') *c = '?';
    if (fd >= 0) close(fd);
}

static bool write_holder(int fd)
{
    char text[HOLDER_MAX];
    size_t n;

    this_holder(text);
    n = strlen(text);
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, n, 0) == (ssize_t)n;
}

static bool no_flock(int error)
{
    return error == ENOTSUP || error == EOPNOTSUPP || error == ENOLCK || error == ENOSYS;
}

/* Whether the file behind fd still has this name: a holder that failed removes its folder. */
static bool still_there(int fd, const char *path)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

typedef enum attempt { TAKEN, BUSY, NO_FLOCK, GONE, BROKEN } attempt;

static attempt try_flock(const char *path, int *out)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    attempt a = TAKEN;

    *out = -1;
    if (fd < 0) return errno == ENOENT ? GONE : BROKEN;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        a = no_flock(errno) ? NO_FLOCK : errno == EWOULDBLOCK ? BUSY : BROKEN;
    else if (!still_there(fd, path))
        a = GONE;
    else if (!write_holder(fd))
        a = BROKEN;
    if (a == TAKEN) {
        *out = fd;
    } else {
        int error = errno;
        close(fd);
        errno = error;
    }
    return a;
}

/* A lease of this host whose process is gone, or of an earlier start of this job. */
static bool is_stale(const char *holder)
{
    char host[256] = "", theirs[256] = "", job[65] = "";
    long pid = 0, restart = 0, ours;
    const char *own = this_job(&ours);
    int n = sscanf(holder, "host %255[^,], pid %ld, job %64[^,], restart %ld", theirs, &pid, job,
                   &restart);

    if (n == 4 && strcmp(own, "none") != 0 && strcmp(own, job) == 0 && restart < ours) return true;
    if (gethostname(host, sizeof host) != 0) return false;
    if (n < 2 || pid <= 0) return false;
    return strcmp(host, theirs) == 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Move a stale lease away; another's new lease that slipped in between is put back. */
static void break_lease(const char *path, const char *holder)
{
    char aside[CRM_PATH_MAX + 32], found[HOLDER_MAX];

    snprintf(aside, sizeof aside, "%s.%ld", path, (long)getpid());
    if (rename(path, aside) != 0) return;
    read_holder(aside, found);
    if (strcmp(found, holder) != 0 && link(aside, path) != 0)
        crm_log_line(CRM_LOG_WARN, "record", "%s: lease lost: %s", path, strerror(errno));
    else if (strcmp(found, holder) == 0)
        crm_log_line(CRM_LOG_WARN, "record", "%s: taken over from a process that is gone (%s)",
                     path, holder);
    unlink(aside);
}

/* True when nobody holds the lease any more; one whose process is gone is moved away. */
static bool lease_is_free(const char *path)
{
    char holder[HOLDER_MAX];

    if (!crm_path_exists(path)) return true;
    read_holder(path, holder);
    if (!is_stale(holder)) return false;
    break_lease(path, holder);
    return !crm_path_exists(path);
}

static attempt make_lease(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool good;

    if (fd < 0) return errno == EEXIST ? BUSY : errno == ENOENT ? GONE : BROKEN;
    good = write_holder(fd) && fsync(fd) == 0;
    if (close(fd) == 0 && good) return TAKEN;
    unlink(path);
    return BROKEN;
}

static void drop_flock(record_lock *l)
{
    int error = errno;

    if (l->fd >= 0) {
        if (ftruncate(l->fd, 0) != 0) errno = 0; /* the name of a holder who is gone: no harm */
        close(l->fd);
    }
    l->fd = -1;
    errno = error;
}

/* One attempt at both; *file is what its outcome is about.  A job that makes a lease in any case
 * goes on without a flock that does not work. */
static attempt try_both(record_lock *l, const char *lock, const char *lease, bool always_lease,
                        const char **file)
{
    attempt a = try_flock(lock, &l->fd);

    *file = lock;
    if (a == BROKEN && always_lease) a = NO_FLOCK;
    if (a != TAKEN && a != NO_FLOCK) return a;
    *file = lease;
    always_lease = always_lease || a == NO_FLOCK;
    a = !lease_is_free(lease) ? BUSY : always_lease ? make_lease(lease) : TAKEN;
    l->lease = always_lease && a == TAKEN;
    if (a != TAKEN) drop_flock(l);
    return a;
}

static crm_status fail_busy(const char *dir, const char *path, double wait)
{
    char holder[HOLDER_MAX];

    read_holder(path, holder);
    CRM_FAIL(CRM_ERR_CONFIG,
             "%s: is in use by %s; waited %.3g s (record.lock_wait): wait for that job to end, or "
             "choose another --out%s",
             dir, holder[0] ? holder : "another process", wait,
             strcmp(crm_path_base(path), RECORD_LEASE_FILE) == 0
                 ? "; when that job is gone remove .lease in the folder"
                 : "");
}

/* A job that is about to end is waited for in silence. */
static void tell_wait(const char *dir, const char *path, double wait)
{
    char holder[HOLDER_MAX];

    read_holder(path, holder);
    crm_log_line(CRM_LOG_WARN, "record", "%s: waits up to %.3g s (record.lock_wait) for %s", dir,
                 wait, holder[0] ? holder : "another process");
}

/* One attempt: taken, or held by the one whom *file names. */
static crm_status try_lock(const char *dir, const crm_record_cfg *cfg, record_lock *out,
                           bool *taken, char file[CRM_PATH_MAX])
{
    char lock[CRM_PATH_MAX], lease[CRM_PATH_MAX];
    const char *which;
    attempt a;

    *out = (record_lock){.fd = -1};
    CRM_TRY(crm_path_join("", dir, out->dir, sizeof out->dir));
    CRM_TRY(crm_path_join(dir, RECORD_LOCK_FILE, lock, sizeof lock));
    CRM_TRY(crm_path_join(dir, RECORD_LEASE_FILE, lease, sizeof lease));
    CRM_TRY(crm_path_mkdirs(dir));
    a = try_both(out, lock, lease, cfg->lock == CRM_RECORD_LOCK_LEASE, &which);
    *taken = a == TAKEN;
    CRM_CHECK(a != BROKEN, CRM_ERR_IO, "%s: cannot be written: %s", which, strerror(errno));
    return crm_path_join("", which, file, CRM_PATH_MAX);
}

void crm_record_lock_pause(void)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

    crm_watchdog_enter(CRM_IN_LOAD); /* this rank sleeps, but it goes on */
    crm_watchdog_leave();
    nanosleep(&pause, NULL);
}

crm_status crm_record_lock_try(const char *dir, const crm_record_cfg *cfg, record_lock *out,
                               bool *taken)
{
    char file[CRM_PATH_MAX];

    return try_lock(dir, cfg, out, taken, file);
}

crm_status crm_record_lock_take(const char *dir, const crm_record_cfg *cfg, record_lock *out)
{
    double start = crm_clock_now(), end = start + cfg->lock_wait;
    char file[CRM_PATH_MAX];
    bool told = false, taken;

    for (;;) {
        CRM_TRY(try_lock(dir, cfg, out, &taken, file));
        if (taken) return CRM_OK;
        if (crm_clock_now() >= end) return fail_busy(dir, file, cfg->lock_wait);
        if (!told && crm_clock_now() >= start + 1) {
            tell_wait(dir, file, cfg->lock_wait);
            told = true;
        }
        crm_record_lock_pause();
    }
}

void crm_record_lock_drop(record_lock *l)
{
    char path[CRM_PATH_MAX + 16];

    if (l->lease) {
        snprintf(path, sizeof path, "%s/" RECORD_LEASE_FILE, l->dir);
        unlink(path);
    }
    drop_flock(l);
    *l = (record_lock){.fd = -1};
}
