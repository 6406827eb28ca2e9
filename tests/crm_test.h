/* crm_test.h - small test harness: one line per case in TAP ("ok", "not ok", "ok ... # SKIP
 * reason").
 *
 * A test program lists its cases and runs them:
 *
 *     static void adds(void) { T_CHECK(1 + 1 == 2); }
 *     int main(int argc, char **argv)
 *     {
 *         static const t_case cases[] = {{"adds", adds}, {NULL, NULL}};
 *         return t_main(argc, argv, cases);      (t_main_mpi from crm_test_mpi.h for several ranks)
 *     }
 *
 * tests/run.sh reads marks in the head comment of a test: "ranks: 1 2 3 4" (run under mpirun for
 * each), "tier: full" or "tier: long", "timeout: SECONDS" (default 60). */
#ifndef CRM_TEST_H
#define CRM_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_status.h"

typedef struct t_case {
    const char *name;
    void (*run)(void);
} t_case;

static int t_failures;      /* in the case that runs */
static char t_skipped[256]; /* reason, "" when not skipped */

/* A failed check is printed and counted; the case goes on. */
#define T_CHECK(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) t_fail(__FILE__, __LINE__, #cond);                                            \
    } while (0)
#define T_EQ_I(a, b)                                                                               \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_) {                                                                            \
            t_fail(__FILE__, __LINE__, #a " == " #b);                                              \
            fprintf(stderr, "#   %lld against %lld\n", a_, b_);                                    \
        }                                                                                          \
    } while (0)
/* |a - b| <= tol * max(1, |b|) */
#define T_NEAR(a, b, tol)                                                                          \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (!(fabs(a_ - b_) <= (tol)*fmax(1, fabs(b_)))) {                                         \
            t_fail(__FILE__, __LINE__, #a " near " #b);                                            \
            fprintf(stderr, "#   %.17g against %.17g\n", a_, b_);                                  \
        }                                                                                          \
    } while (0)
#define T_OK(expr)                                                                                 \
    do {                                                                                           \
        if ((expr) != CRM_OK) {                                                                    \
            t_fail(__FILE__, __LINE__, #expr);                                                     \
            crm_err_print(0);                                                                      \
        }                                                                                          \
    } while (0)
/* The call fails with this status and its message holds the text. */
#define T_FAILS(expr, code, part)                                                                  \
    do {                                                                                           \
        crm_status s_ = (expr);                                                                    \
        if (s_ != (code) || !strstr(crm_err_text(), part)) {                                       \
            t_fail(__FILE__, __LINE__, #expr);                                                     \
            fprintf(stderr, "#   status %s, message: %s\n", crm_status_name(s_), crm_err_text());  \
        }                                                                                          \
        crm_err_clear();                                                                           \
    } while (0)
#define T_SKIP(...) snprintf(t_skipped, sizeof t_skipped, __VA_ARGS__)

static inline void t_fail(const char *file, int line, const char *what)
{
    t_failures++;
    fprintf(stderr, "# %s:%d: %s\n", file, line, what);
}

static inline int t_report(const char *name, int failures, bool quiet)
{
    if (quiet) return failures != 0;
    if (failures)
        printf("not ok - %s\n", name);
    else if (t_skipped[0])
        printf("ok - %s # SKIP %s\n", name, t_skipped);
    else
        printf("ok - %s\n", name);
    fflush(stdout);
    return failures != 0;
}

static inline int t_main(int argc, char **argv, const t_case *cases)
{
    int bad = 0;

    for (const t_case *c = cases; c->name; c++) {
        if (argc > 1 && !strstr(c->name, argv[1])) continue;
        t_failures = 0;
        t_skipped[0] = '\0';
        c->run();
        bad |= t_report(c->name, t_failures, false);
    }
    return bad;
}
#endif
