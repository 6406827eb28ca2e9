/* base_stop.c - the wish to stop: a flag that signals set, and a thread that leaves a mark for
 * other processes and ends a process which does not come to look at the flag.
 *
 * A handler may run on any thread, at any place: it writes the flag and the time and wakes the
 * thread of the grace, nothing else. */
#include "crmpi/base_stop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_path.h"

enum { EXIT_STOPPED = 75, POLL_MS = 20, ALSO = 4 };
static const int64_t second = 1000000000; /* nanoseconds */

static const struct {
    int signal;
    const char *name;
} SIGNALS[] = {
    {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}};
enum { N_SIGNALS = sizeof SIGNALS / sizeof *SIGNALS };

static struct wish {
    _Atomic int signal;    /* the first, 0: none */
    _Atomic int64_t at;    /* when it came */
    _Atomic int64_t grace; /* ns, 0: none */
    sem_t came;
    bool ready, runs; /* of the main thread: the semaphore and the thread are there */
    pthread_mutex_t lock;
    /* Under lock; "": none (any more). */
    char mark[CRM_PATH_MAX], folder[CRM_PATH_MAX];
    char also[ALSO][CRM_PATH_MAX];
    _Atomic bool keeps_nothing;
    _Atomic(crm_stop_hook) before_end;
} wish = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * second + t.tv_nsec;
}

static void on_signal(int signal)
{
    int none = 0, error = errno;

    if (atomic_compare_exchange_strong(&wish.signal, &none, signal)) {
        atomic_store(&wish.at, clock_ns());
        sem_post(&wish.came);
    }
    errno = error;
}

static void prepare(void)
{
    if (!wish.ready) sem_init(&wish.came, 0, 0);
    wish.ready = true;
}

void crm_stop_install(void)
{
    struct sigaction set = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, was;

    prepare();
    sigemptyset(&set.sa_mask); /* one after the other */
    for (int i = 0; i < N_SIGNALS; i++)
        sigaddset(&set.sa_mask, SIGNALS[i].signal);
    for (int i = 0; i < N_SIGNALS; i++)
        if (sigaction(SIGNALS[i].signal, NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            sigaction(SIGNALS[i].signal, &set, NULL);
}

int crm_stop_signal(void)
{
    return atomic_load_explicit(&wish.signal, memory_order_relaxed);
}

const char *crm_stop_name(int signal)
{
    for (int i = 0; i < N_SIGNALS; i++)
        if (SIGNALS[i].signal == signal) return SIGNALS[i].name;
    return "signal";
}

/* ---- the grace ---- */

/* An entry as the kernel gives it (getdents64); opendir would take memory. */
typedef struct entry {
    uint64_t number;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
} entry;
enum { DEPTH = 16, ENTRIES = 2048 };

static int remove_entries(int fd, int depth);

static bool remove_tree(int parent, const char *name, int depth)
{
    int fd;

    if (unlinkat(parent, name, 0) == 0) return true;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    while (depth < DEPTH && remove_entries(fd, depth + 1) > 0)
        (void)lseek(fd, 0, SEEK_SET); /* some may have been passed over */
    close(fd);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

/* How many were removed. */
static int remove_entries(int fd, int depth)
{
    _Alignas(entry) char some[ENTRIES];
    int removed = 0;
    long n;

    while ((n = syscall(SYS_getdents64, fd, some, sizeof some)) > 0)
        for (long at = 0; at < n;) {
            const entry *e = (const entry *)(const void *)(some + at);
            at += e->size;
            if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
                removed += remove_tree(fd, e->name, depth);
        }
    return removed;
}

static bool has_folder(void)
{
    bool has;

    pthread_mutex_lock(&wish.lock);
    has = wish.folder[0] != '\0';
    pthread_mutex_unlock(&wish.lock);
    return has;
}

void crm_stop_clean(void)
{
    pthread_mutex_lock(&wish.lock);
    if (wish.folder[0]) (void)remove_tree(AT_FDCWD, wish.folder, 0);
    for (int i = 0; i < ALSO; i++)
        if (wish.also[i][0]) (void)remove_tree(AT_FDCWD, wish.also[i], 0);
    pthread_mutex_unlock(&wish.lock);
}

/* The main thread may hold any lock, so that nothing here takes one of stdio or malloc. */
static void leave(int64_t grace)
{
    const char *name = crm_stop_name(crm_stop_signal());
    char line[256], why[96] = "";
    bool removed = has_folder(), nothing = atomic_load(&wish.keeps_nothing);
    crm_stop_hook before_end = atomic_load(&wish.before_end);
    int n;

    if (grace > second / 10)
        snprintf(why, sizeof why, ": no place to stop at came within %g s (stop.grace)",
                 (double)grace / (double)second);
    n = snprintf(line, sizeof line, "crmpi: stopped by %s%s; %s, run the same command again%s\n",
                 name, why,
                 nothing   ? "nothing is kept"
                 : removed ? "what was done is removed"
                           : "what was finished or saved is kept",
                 nothing || removed ? "" : " to go on");

    for (int at = 0, k; at < n; at += k)
        if ((k = (int)write(STDERR_FILENO, line + at, (size_t)(n - at))) <= 0) break;
    crm_stop_clean();
    if (before_end) before_end();
    _exit(EXIT_STOPPED);
}

/* One that cannot be made is not told: the others got the signal too, or end with this process. */
static void make_mark(void)
{
    int fd;

    pthread_mutex_lock(&wish.lock);
    if (wish.mark[0]) {
        fd = open(wish.mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0) close(fd);
        wish.mark[0] = '\0';
    }
    pthread_mutex_unlock(&wish.lock);
}

static void *loop(void *arg)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000 * 1000};

    (void)arg;
    while (sem_wait(&wish.came) != 0)
        continue;
    for (;; nanosleep(&pause, NULL)) {
        int64_t grace = atomic_load(&wish.grace);
        make_mark();
        if (grace > 0 && clock_ns() - atomic_load(&wish.at) >= grace) leave(grace);
    }
    return NULL;
}

/* Signals are for the other threads. */
static bool start(void)
{
    pthread_attr_t detached;
    sigset_t all, old;
    pthread_t thread;
    bool ok;

    prepare();
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    ok = pthread_create(&thread, &detached, loop, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&detached);
    return ok;
}

static void need_thread(void)
{
    if (wish.runs) return;
    wish.runs = start();
    if (!wish.runs)
        crm_log_line(CRM_LOG_WARN, "stop",
                     "no thread for stop.grace: a signal waits for the next place to stop at");
}

void crm_stop_grace(double seconds)
{
    atomic_store(&wish.grace, (int64_t)(seconds * (double)second));
    if (seconds > 0) need_thread();
}

void crm_stop_tell(const char *path)
{
    if (path) need_thread();
    pthread_mutex_lock(&wish.lock);
    snprintf(wish.mark, sizeof wish.mark, "%s", path ? path : "");
    pthread_mutex_unlock(&wish.lock);
}

void crm_stop_discard(const char *folder)
{
    pthread_mutex_lock(&wish.lock);
    snprintf(wish.folder, sizeof wish.folder, "%s", folder ? folder : "");
    pthread_mutex_unlock(&wish.lock);
}

void crm_stop_keeps_nothing(void)
{
    atomic_store(&wish.keeps_nothing, true);
}

void crm_stop_before_end(crm_stop_hook hook)
{
    atomic_store(&wish.before_end, hook);
}

void crm_stop_also(const char *folder, bool on)
{
    bool done = false;

    pthread_mutex_lock(&wish.lock);
    for (int i = 0; i < ALSO && !done; i++) {
        done = strcmp(wish.also[i], on ? "" : folder) == 0;
        if (done) snprintf(wish.also[i], sizeof wish.also[i], "%s", on ? folder : "");
    }
    pthread_mutex_unlock(&wish.lock);
}
