/* Worker pool, floating-point mode, clock. */
#include <stdatomic.h>
#include <time.h>

#include "crm_test.h"
#include "crmpi/base_run.h"

enum { MAX_TASKS = 1000, MAX_WORKERS = 5 };
static atomic_int calls[MAX_TASKS];
static int worker_of[MAX_TASKS];
static int64_t fail_from, fail_step;

static crm_status count_call(void *ctx, int64_t task, int worker)
{
    T_CHECK(ctx == calls);
    calls[task]++;
    worker_of[task] = worker;
    return CRM_OK;
}

static crm_status fail_some(void *ctx, int64_t task, int worker)
{
    (void)ctx, (void)worker;
    CRM_CHECK(task < fail_from || (task - fail_from) % fail_step, CRM_ERR_NUMERIC, "task %lld",
              (long long)task);
    return CRM_OK;
}

static void all_once(crm_pool *p, int64_t n)
{
    int size = crm_pool_size(p);

    memset((void *)calls, 0, sizeof calls);
    T_OK(crm_pool_run(p, n, count_call, calls));
    for (int64_t i = 0; i < n; i++) {
        int w = worker_of[i];
        T_EQ_I(calls[i], 1);
        T_CHECK(i >= w * n / size && i < (w + 1) * n / size);
    }
}

static void every_task_once(void)
{
    static const int64_t n[] = {0, 1, 2, 3, 7, 64, MAX_TASKS};

    for (int w = 1; w <= MAX_WORKERS; w++) {
        crm_pool *p = NULL;
        T_OK(crm_pool_new(w, &p));
        T_EQ_I(crm_pool_size(p), w);
        for (int again = 0; again < 20; again++)
            for (size_t i = 0; i < sizeof n / sizeof *n; i++)
                all_once(p, n[i]);
        crm_pool_free(&p);
        T_CHECK(!p);
    }
    all_once(NULL, 10);
}

static void lowest_error(void)
{
    for (int w = 1; w <= MAX_WORKERS; w++) {
        crm_pool *p = NULL;
        T_OK(crm_pool_new(w, &p));
        for (fail_from = 0; fail_from < 40; fail_from += 13)
            for (fail_step = 1; fail_step < 30; fail_step += 9) {
                char want[32];
                snprintf(want, sizeof want, "task %lld", (long long)fail_from);
                T_EQ_I(crm_pool_run(p, 40, fail_some, NULL), CRM_ERR_NUMERIC);
                T_CHECK(strcmp(crm_err_text(), want) == 0);
            }
        T_OK(crm_pool_run(p, fail_from = 40, fail_some, NULL)); /* an error does not stay */
        crm_pool_free(&p);
    }
    crm_pool_free(&(crm_pool *){NULL});
    T_FAILS(crm_pool_new(0, &(crm_pool *){NULL}), CRM_ERR_ARG, "0 workers");
}

static crm_status make_denormal(void *ctx, int64_t task, int worker)
{
    volatile float tiny = 1e-30f;
    float *out = ctx;

    (void)worker;
    out[task] = tiny * 1e-10f; /* 1e-40, a denormal, where they are not flushed */
    return CRM_OK;
}

static void denormals_are_zero(void)
{
    float out[16];
    crm_pool *p = NULL;

    crm_fp_setup();
    T_OK(crm_pool_new(4, &p));
    memset(out, 0xff, sizeof out);
    T_OK(crm_pool_run(p, 16, make_denormal, out));
    for (int i = 0; i < 16; i++)
        T_CHECK(out[i] == 0 && !signbit(out[i]));
    crm_pool_free(&p);
}

static void clocks(void)
{
    char text[32];
    int year, month, day, hour, minute, second, n = 0;
    double a = crm_clock_now(), b;
    struct timespec nap = {0, 20000000};

    nanosleep(&nap, NULL);
    b = crm_clock_now();
    T_CHECK(b - a >= 0.019 && b - a < 30);
    T_CHECK(sscanf(crm_clock_utc(text), "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour,
                   &minute, &second, &n) == 6);
    T_CHECK(n == 20 && strlen(text) == 20 && year >= 2024 && month <= 12 && hour < 24);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"every task once", every_task_once},
                                   {"the lowest error", lowest_error},
                                   {"denormals are zero in every worker", denormals_are_zero},
                                   {"clocks", clocks},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
