/* comm_watchdog.c - a thread that ends the process when the main thread has waited for other ranks
 * too long.
 *
 * The main thread cannot give up a collective call, and with MPI_THREAD_FUNNELED no other thread
 * may call MPI, not even MPI_Abort.  What is left is to leave: a launcher that sees a rank end with
 * an error ends the others.  The main thread may hold any lock meanwhile, so that nothing here
 * takes one of stdio or malloc once the deadline has passed. */
#include "crmpi/comm_watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "comm_impl.h"
#include "crmpi/base_log.h"

enum { NONE = 0, POLL_MS = 100, EXIT_LOST = 5 };
static const int64_t ms = 1000000; /* nanoseconds */
static const int64_t second = 1000000000;

static struct watchdog {
    /* The deadline on the clock of clock_ns; the limit and the text go with it. */
    _Atomic int64_t until;
    _Atomic double limit;
    _Atomic(const char *) what;
    int rank;
    bool runs, refused; /* of the main thread: the thread is there; could not be started */
    int64_t last; /* time before the thread was made: it may be stopped before it first runs */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * second + t.tv_nsec;
}

static void leave(void)
{
    char host[128], line[512];
    ssize_t n;

    crm_comm_host(host, sizeof host);
    n = snprintf(line, sizeof line,
                 "crmpi: error: rank %d (host %s): no answer of the other ranks for %g s while %s; "
                 "is a rank stuck or its node lost? finished units are kept, run the same command "
                 "again\n",
                 dog.rank, host, atomic_load(&dog.limit), atomic_load(&dog.what));
    if (n >= (ssize_t)sizeof line) n = (ssize_t)sizeof line - 1;
    for (ssize_t at = 0, k; at < n; at += k)
        if ((k = write(STDERR_FILENO, line + at, (size_t)(n - at))) <= 0) break;
    _exit(EXIT_LOST);
}

/* A thread that did not run for long was stopped with the whole process; what the main thread
 * could not wait for in that time is not held against the others.  An exchange that fails means
 * that the main thread has just got its answer.  Returns the time of this look. */
static int64_t look(int64_t last)
{
    int64_t now = clock_ns(), jump = now - last, until = atomic_load(&dog.until);

    if (until == NONE) return now;
    if (jump > 5 * POLL_MS * ms)
        atomic_compare_exchange_strong(&dog.until, &until, until + jump);
    else if (now >= until && atomic_compare_exchange_strong(&dog.until, &until, NONE))
        leave();
    return now;
}

static void *loop(void *arg)
{
    int64_t last = dog.last;

    (void)arg;
    pthread_mutex_lock(&dog.lock);
    while (!dog.stop) {
        int64_t next = clock_ns() + POLL_MS * ms;
        struct timespec t = {(time_t)(next / second), (long)(next % second)};
        pthread_cond_timedwait(&dog.wake, &dog.lock, &t);
        last = look(last);
    }
    pthread_mutex_unlock(&dog.lock);
    return NULL;
}

/* Signals are for the main thread. */
static bool start(void)
{
    pthread_condattr_t clock;
    sigset_t all, old;
    bool ok;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.wake, &clock);
    pthread_condattr_destroy(&clock);
    dog.stop = false;
    dog.last = clock_ns();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    ok = pthread_create(&dog.thread, NULL, loop, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!ok) pthread_cond_destroy(&dog.wake);
    return ok;
}

void crm_watchdog_rank(int rank)
{
    dog.rank = rank;
}

void crm_watchdog_arm(double seconds, const char *what)
{
    if (!dog.runs && !dog.refused) {
        dog.runs = start();
        dog.refused = !dog.runs;
        if (dog.refused)
            crm_log_line(CRM_LOG_WARN, "comm",
                         "no thread for the watchdog: a rank that is stuck will not be noticed");
    }
    atomic_store(&dog.until, NONE); /* the texts belong to no deadline while they change */
    atomic_store(&dog.limit, seconds);
    atomic_store(&dog.what, what);
    atomic_store(&dog.until, clock_ns() + (int64_t)(seconds * (double)second));
}

void crm_watchdog_disarm(void)
{
    atomic_store(&dog.until, NONE);
}

void crm_watchdog_stop(void)
{
    crm_watchdog_disarm();
    if (!dog.runs) return;
    pthread_mutex_lock(&dog.lock);
    dog.stop = true;
    pthread_cond_signal(&dog.wake);
    pthread_mutex_unlock(&dog.lock);
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.wake);
    dog.runs = false;
}
