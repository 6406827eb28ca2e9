/* test_stop.c - the wish to stop: what sets it, what stays ignored, and the end that comes when
 * nobody looks.  Processes that may end are forked; timeout: 60 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_run.h"
#include "crmpi/base_stop.h"

static void sleep_for(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&t, &t) != 0)
        continue;
}

/* Exit code of a process that runs body, or -signal; what it wrote to stderr; how long it lived. */
static int run(int (*body)(void), char text[512], double *seconds)
{
    double start = crm_clock_now();
    int ends[2], status = 0;
    size_t n = 0;
    ssize_t k;
    pid_t pid;

    if (pipe(ends) != 0) abort();
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        _exit(body());
    }
    close(ends[1]);
    while (n < 511 && (k = read(ends[0], text + n, 511 - n)) > 0)
        n += (size_t)k;
    text[n] = '\0';
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid) return -1000;
    *seconds = crm_clock_now() - start;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static const int all[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP};
static int which; /* of the case at hand */

static int takes_one(void)
{
    crm_stop_install();
    if (crm_stop_signal() != 0) return 1;
    errno = 77;
    raise(which);
    if (errno != 77) return 2;
    return crm_stop_signal() == which ? 0 : 3;
}

static void each_signal_sets_the_flag(void)
{
    static const char *const names[] = {"SIGUSR1", "SIGUSR2", "SIGTERM", "SIGHUP"};
    char text[512];
    double seconds;

    for (int i = 0; i < 4; i++) {
        which = all[i];
        T_EQ_I(run(takes_one, text, &seconds), 0);
        T_CHECK(text[0] == '\0');
        T_CHECK(strcmp(crm_stop_name(all[i]), names[i]) == 0);
    }
    T_CHECK(strcmp(crm_stop_name(SIGINT), "signal") == 0);
    T_CHECK(strcmp(crm_stop_name(0), "signal") == 0);
}

static int takes_two(void)
{
    crm_stop_install();
    raise(SIGUSR2);
    raise(SIGTERM);
    raise(SIGUSR2);
    return crm_stop_signal() == SIGUSR2 ? 0 : 1;
}

static void the_first_one_counts(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(takes_two, text, &seconds), 0);
}

static int ignores(void)
{
    signal(SIGHUP, SIG_IGN);
    crm_stop_install();
    raise(SIGHUP);
    if (crm_stop_signal() != 0) return 1;
    raise(SIGTERM);
    return crm_stop_signal() == SIGTERM ? 0 : 2;
}

static void what_was_ignored_stays_ignored(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(ignores, text, &seconds), 0);
}

static int takes_no_interrupt(void)
{
    crm_stop_install();
    raise(SIGINT);
    return 0;
}

static void the_keyboard_ends_as_ever(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(takes_no_interrupt, text, &seconds), -SIGINT);
}

static void *raise_here(void *arg)
{
    pthread_kill(pthread_self(), SIGUSR1);
    return arg;
}

static int takes_on_a_thread(void)
{
    pthread_t t;

    crm_stop_install();
    if (pthread_create(&t, NULL, raise_here, NULL) != 0) return 1;
    pthread_join(t, NULL);
    return crm_stop_signal() == SIGUSR1 ? 0 : 2;
}

static void any_thread_may_get_it(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(takes_on_a_thread, text, &seconds), 0);
}

/* A read that a signal interrupts goes on. */
static int reads_on(void)
{
    int ends[2];
    char c = 0;
    pid_t parent = getpid(), pid;

    crm_stop_install();
    if (pipe(ends) != 0) return 1;
    pid = fork();
    if (pid == 0) {
        sleep_for(0.1);
        kill(parent, SIGTERM);
        sleep_for(0.1);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    if (read(ends[0], &c, 1) != 1 || c != 'x') return 2;
    waitpid(pid, NULL, 0);
    return crm_stop_signal() == SIGTERM ? 0 : 3;
}

static void reading_goes_on(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(reads_on, text, &seconds), 0);
}

/* ---- the grace ---- */

static int looks_away(void)
{
    crm_stop_install();
    crm_stop_grace(0.4);
    raise(SIGTERM);
    for (double start = crm_clock_now(); crm_clock_now() - start < 5;)
        continue; /* a fit that looks for nothing */
    return 0;
}

static void who_looks_away_ends_after_the_grace(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(looks_away, text, &seconds), 75);
    T_CHECK(seconds > 0.35 && seconds < 2);
    T_CHECK(strstr(text, "stopped by SIGTERM: no place to stop") && strstr(text, "0.4 s"));
    T_CHECK(strchr(text, '\n') == text + strlen(text) - 1); /* one line */
}

static int ends_in_time(void)
{
    crm_stop_install();
    crm_stop_grace(0.5);
    raise(SIGTERM);
    sleep_for(0.1);
    return 3;
}

static int is_not_asked(void)
{
    crm_stop_install();
    crm_stop_grace(0.05);
    sleep_for(0.4);
    return 4;
}

static int has_no_grace(void)
{
    crm_stop_install();
    crm_stop_grace(0.2);
    raise(SIGTERM);
    crm_stop_grace(0);
    sleep_for(0.6);
    return 5;
}

static int is_asked_before(void)
{
    crm_stop_install();
    raise(SIGUSR1);
    sleep_for(0.3);
    crm_stop_grace(0.1); /* over already */
    sleep_for(3);
    return 6;
}

static void the_grace_is_from_the_signal_on(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(ends_in_time, text, &seconds), 3);
    T_EQ_I(run(is_not_asked, text, &seconds), 4);
    T_EQ_I(run(has_no_grace, text, &seconds), 5);
    T_CHECK(text[0] == '\0');
    T_EQ_I(run(is_asked_before, text, &seconds), 75);
    T_CHECK(seconds < 2);
}

/* ---- a mark for others ---- */

static char mark[64];

static bool mark_comes(void)
{
    for (double start = crm_clock_now(); crm_clock_now() - start < 5; sleep_for(0.01))
        if (unlink(mark) == 0) return true;
    return false;
}

/* Once, while the main thread does other things; not before a signal, nor after the end. */
static int tells_others(void)
{
    crm_stop_install();
    crm_stop_tell(mark);
    sleep_for(0.1);
    if (unlink(mark) == 0) return 1;
    raise(SIGUSR1);
    if (!mark_comes()) return 2;
    crm_stop_tell(NULL);
    sleep_for(0.1);
    return unlink(mark) == 0 ? 3 : 0;
}

static int tells_late(void)
{
    crm_stop_install();
    raise(SIGUSR1);
    crm_stop_tell(mark);
    return mark_comes() ? 0 : 4;
}

static int tells_no_more(void)
{
    crm_stop_install();
    crm_stop_tell(mark);
    crm_stop_tell(NULL);
    raise(SIGUSR1);
    sleep_for(0.2);
    return unlink(mark) == 0 ? 5 : 0;
}

static void a_mark_tells_others(void)
{
    char text[512];
    double seconds;

    snprintf(mark, sizeof mark, "/tmp/crmpi-test-stop-%ld", (long)getpid());
    T_EQ_I(run(tells_others, text, &seconds), 0);
    T_EQ_I(run(tells_late, text, &seconds), 0);
    T_EQ_I(run(tells_no_more, text, &seconds), 0);
    unlink(mark);
}

static int ends_at_once(void)
{
    crm_stop_install();
    crm_stop_grace(1e-3);
    raise(SIGHUP);
    sleep_for(3);
    return 0;
}

static void commands_that_cannot_stop_end_at_once(void)
{
    char text[512];
    double seconds;

    T_EQ_I(run(ends_at_once, text, &seconds), 75);
    T_CHECK(seconds < 1);
    T_CHECK(strstr(text, "stopped by SIGHUP;") && !strstr(text, "grace"));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"each of the four signals sets the flag", each_signal_sets_the_flag},
        {"the first one counts", the_first_one_counts},
        {"what was ignored stays ignored", what_was_ignored_stays_ignored},
        {"an interrupt from the keyboard ends the process as ever", the_keyboard_ends_as_ever},
        {"any thread may get it", any_thread_may_get_it},
        {"reading goes on", reading_goes_on},
        {"who looks away ends after the grace", who_looks_away_ends_after_the_grace},
        {"the grace is from the signal on", the_grace_is_from_the_signal_on},
        {"commands that cannot stop end at once", commands_that_cannot_stop_end_at_once},
        {"a mark tells others", a_mark_tells_others},
        {NULL, NULL}};

    return t_main(argc, argv, cases);
}
