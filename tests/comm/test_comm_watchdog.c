/* test_comm_watchdog.c - the watchdog: what it lets pass, how it ends a process, that a process
 * that was stopped lives on.  Processes that may end are forked; timeout: 60
 * builds: release */
#include "crm_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_run.h"
#include "crmpi/comm.h"
#include "crmpi/comm_watchdog.h"

static void sleep_for(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&t, &t) != 0)
        continue;
}

typedef struct child {
    pid_t pid;
    int err; /* reads its stderr */
    double start;
} child;

/* A process that runs body and ends with code 0 when nothing ends it before. */
static child begin(void (*body)(void))
{
    child c = {.start = crm_clock_now()};
    int ends[2];

    if (pipe(ends) != 0) abort();
    fflush(stdout);
    c.pid = fork();
    if (c.pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    c.err = ends[0];
    return c;
}

/* Its exit code, or -signal; what it wrote to stderr; how long it lived. */
static int end(child *c, char text[1024], double *seconds)
{
    int status = 0;
    size_t n = 0;
    ssize_t k;

    while (n < 1023 && (k = read(c->err, text + n, 1023 - n)) > 0)
        n += (size_t)k;
    text[n] = '\0';
    close(c->err);
    if (waitpid(c->pid, &status, 0) != c->pid) return -1000;
    *seconds = crm_clock_now() - c->start;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run(void (*body)(void), char text[1024], double *seconds)
{
    child c = begin(body);

    return end(&c, text, seconds);
}

/* ---- lives ---- */

static void in_time(void)
{
    for (int i = 0; i < 12; i++) { /* 1.2 s in all, each within its limit */
        crm_watchdog_arm(1, "this was tested");
        sleep_for(0.1);
    }
    crm_watchdog_disarm();
    sleep_for(1.3);
    crm_watchdog_stop();
    crm_watchdog_stop();
    crm_watchdog_disarm();
}

static void who_answers_in_time_lives(void)
{
    char text[1024];
    double seconds;

    T_EQ_I(run(in_time, text, &seconds), 0);
    T_CHECK(text[0] == '\0');
}

static void many_times(void)
{
    double start = crm_clock_now();

    for (int i = 0; i < 100000; i++) {
        crm_watchdog_arm(1, "this was tested");
        crm_watchdog_disarm();
    }
    if (crm_clock_now() - start > 10) _exit(1); /* a tenth of a millisecond each is far too much */
}

static void arming_is_cheap(void)
{
    char text[1024];
    double seconds;

    T_EQ_I(run(many_times, text, &seconds), 0);
    T_CHECK(text[0] == '\0');
}

/* ---- ends ---- */

static void too_late(void)
{
    crm_watchdog_arm(100, "something else was done");
    crm_watchdog_arm(0.5, "this was tested (an.option)");
    sleep_for(20);
}

static void again(void)
{
    crm_watchdog_arm(100, "something else was done");
    crm_watchdog_stop();
    too_late();
}

static void check_end(void (*body)(void))
{
    char text[1024], host[128];
    double seconds = 0;

    T_EQ_I(run(body, text, &seconds), 5);
    T_CHECK(seconds >= 0.5 && seconds < 15);
    crm_comm_host(host, sizeof host);
    T_CHECK(strstr(text, "crmpi: error: rank 0 (host ") == text);
    T_CHECK(strstr(text, host) != NULL);
    T_CHECK(strstr(text, "no answer of the other ranks for 0.5 s while this was tested "
                         "(an.option); is a rank stuck"));
    T_CHECK(strstr(text, "run the same command again\n") != NULL);
    T_CHECK(strchr(text, '\n') == text + strlen(text) - 1); /* one line */
}

static void who_does_not_is_ended(void)
{
    check_end(too_late);
}

static void a_thread_that_ended_starts_again(void)
{
    check_end(again);
}

/* An error that came before nobody answered any more; the first of two is the cause. */
static void after_an_error(void)
{
    crm_watchdog_note("NCCL: unhandled system error");
    crm_watchdog_note("something else that follows");
    too_late();
}

static void what_went_wrong_before_is_told(void)
{
    char text[1024];
    double seconds = 0;

    T_EQ_I(run(after_an_error, text, &seconds), 5);
    T_CHECK(strstr(text, "; is a rank stuck or its node lost? NCCL: unhandled system error; "
                         "finished units are kept") != NULL);
    T_CHECK(!strstr(text, "something else"));
}

/* Nothing is watched yet; leaving what was never entered, and too many levels, do no harm. */
static void sections_only(void)
{
    crm_watchdog_leave();
    crm_watchdog_step(3);
    for (int i = 0; i < 100; i++)
        crm_watchdog_enter(CRM_IN_LOAD);
    sleep_for(0.5);
    for (int i = 0; i < 200; i++)
        crm_watchdog_leave();
    crm_watchdog_stop();
}

static void sections_need_a_start(void)
{
    char text[1024];
    double seconds;

    T_EQ_I(run(sections_only, text, &seconds), 0);
    T_CHECK(text[0] == '\0');
}

/* The main thread may wait while it holds the lock of stderr. */
static void locked(void)
{
    flockfile(stderr);
    flockfile(stdout);
    too_late();
}

static void locks_do_not_matter(void)
{
    check_end(locked);
}

/* ---- stopped ---- */

static void waits_2_seconds(void)
{
    crm_watchdog_arm(2, "this was tested");
    fprintf(stderr, "armed\n");
    sleep_for(0.5);
    crm_watchdog_disarm();
    crm_watchdog_stop();
}

static void waits_for_ever(void)
{
    crm_watchdog_arm(2, "this was tested");
    fprintf(stderr, "armed\n");
    sleep_for(60);
}

/* Stop it for 4 s once it is armed. */
static child stopped(void (*body)(void))
{
    child c = begin(body);
    char byte;

    if (read(c.err, &byte, 1) == 1) {
        kill(c.pid, SIGSTOP);
        sleep_for(4);
        kill(c.pid, SIGCONT);
    }
    return c;
}

static void who_was_stopped_lives(void)
{
    child c = stopped(waits_2_seconds);
    char text[1024];
    double seconds = 0;

    T_EQ_I(end(&c, text, &seconds), 0);
    T_CHECK(seconds >= 4);
    T_CHECK(strstr(text, "error") == NULL);
}

/* ... and has the rest of its limit, no more. */
static void the_deadline_moves_once(void)
{
    child c = stopped(waits_for_ever);
    char text[1024];
    double seconds = 0;

    T_EQ_I(end(&c, text, &seconds), 5);
    T_CHECK(seconds >= 5.5 && seconds < 25);
    T_CHECK(strstr(text, "for 2 s while this was tested"));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"who answers in time lives", who_answers_in_time_lives},
        {"arming is cheap", arming_is_cheap},
        {"who does not is ended with code 5 and one line", who_does_not_is_ended},
        {"a thread that ended starts again", a_thread_that_ended_starts_again},
        {"an error that came before is told", what_went_wrong_before_is_told},
        {"sections have no effect before the start", sections_need_a_start},
        {"locks of stdio do not hold it up", locks_do_not_matter},
        {"a process that was stopped and continued lives", who_was_stopped_lives},
        {"the deadline moves by the time stopped", the_deadline_moves_once},
        {NULL, NULL},
    };

    return t_main(argc, argv, cases);
}
