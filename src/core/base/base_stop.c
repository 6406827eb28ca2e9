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
#include <time.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_path.h"

enum { EXIT_STOPPED = 75, POLL_MS = 20 };
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
    char mark[CRM_PATH_MAX]; /* under lock; "": none, or it was made */
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

/* The main thread may hold any lock, so that nothing here takes one of stdio or malloc. */
static void leave(int64_t grace)
{
    const char *name = crm_stop_name(crm_stop_signal());
    char line[256], why[96] = "";
    int n;

    if (grace > second / 10)
        snprintf(why, sizeof why, ": no place to stop at came within %g s (stop.grace)",
                 (double)grace / (double)second);
    n = snprintf(line, sizeof line,
                 "crmpi: stopped by %s%s; what was finished or saved is kept, run the same command "
                 "again to go on\n",
                 name, why);

    for (int at = 0, k; at < n; at += k)
        if ((k = (int)write(STDERR_FILENO, line + at, (size_t)(n - at))) <= 0) break;
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
