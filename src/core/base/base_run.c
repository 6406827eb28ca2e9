/* base_run.c - clock, floating-point mode, worker threads. */
#include "crmpi/base_run.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <xmmintrin.h>

#include "crmpi/base_mem.h"

double crm_clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

char *crm_clock_utc(char out[32])
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

void crm_fp_setup(void)
{
    enum { FTZ = 0x8000, DAZ = 0x0040, ROUND = 0x6000 };

    _mm_setcsr((_mm_getcsr() | FTZ | DAZ) & ~(unsigned)ROUND);
}

typedef struct worker {
    struct crm_pool *pool;
    pthread_t thread;
    int index;
    crm_status st;
    char text[CRM_ERR_TEXT_MAX];
} worker;

struct crm_pool {
    int n; /* workers, the caller included */
    worker *w;
    pthread_mutex_t lock;
    pthread_cond_t go, done;
    int64_t round; /* counts calls of run; a worker waits for the next */
    int busy, stop;
    int64_t n_tasks;
    crm_task_fn fn;
    void *ctx;
};

static void work(crm_pool *p, worker *w)
{
    int64_t first = w->index * p->n_tasks / p->n, end = (w->index + 1) * p->n_tasks / p->n;

    w->st = CRM_OK;
    for (int64_t i = first; i < end && !w->st; i++)
        w->st = p->fn(p->ctx, i, w->index);
    if (w->st) memcpy(w->text, crm_err_text(), sizeof w->text);
}

static void *loop(void *arg)
{
    worker *w = arg;
    crm_pool *p = w->pool;
    int64_t seen = 0;

    crm_fp_setup();
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->round == seen && !p->stop)
            pthread_cond_wait(&p->go, &p->lock);
        if (p->stop) break;
        seen = p->round;
        pthread_mutex_unlock(&p->lock);
        work(p, w);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0) pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

crm_status crm_pool_new(int n_workers, crm_pool **out)
{
    crm_pool *p = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_CHECK(n_workers >= 1, CRM_ERR_ARG, "%d workers, at least 1 is needed", n_workers);
    CRM_NEW(p, 1);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->go, NULL);
    pthread_cond_init(&p->done, NULL);
    p->n = 1;
    CRM_NEW_TO(st, fail, p->w, n_workers);
    for (int i = 0; i < n_workers; i++) {
        p->w[i].pool = p;
        p->w[i].index = i;
        if (i == 0) continue;
        CRM_CHECK_TO(st, fail, pthread_create(&p->w[i].thread, NULL, loop, &p->w[i]) == 0,
                     CRM_ERR_NOMEM, "cannot start worker thread %d of %d", i, n_workers);
        p->n = i + 1;
    }
    *out = p;
    return CRM_OK;
fail:
    crm_pool_free(&p);
    return st;
}

int crm_pool_size(const crm_pool *p)
{
    return p ? p->n : 1;
}

static crm_status run_alone(int64_t n, crm_task_fn fn, void *ctx)
{
    for (int64_t i = 0; i < n; i++)
        CRM_TRY(fn(ctx, i, 0));
    return CRM_OK;
}

crm_status crm_pool_run(crm_pool *p, int64_t n, crm_task_fn fn, void *ctx)
{
    if (!p || p->n == 1) return run_alone(n, fn, ctx);
    pthread_mutex_lock(&p->lock);
    p->n_tasks = n;
    p->fn = fn;
    p->ctx = ctx;
    p->busy = p->n - 1;
    p->round++;
    pthread_cond_broadcast(&p->go);
    pthread_mutex_unlock(&p->lock);
    work(p, &p->w[0]);
    pthread_mutex_lock(&p->lock);
    while (p->busy > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n; i++)
        if (p->w[i].st) CRM_FAIL(p->w[i].st, "%s", p->w[i].text);
    return CRM_OK;
}

void crm_pool_free(crm_pool **pp)
{
    crm_pool *p = *pp;

    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stop = 1;
    pthread_cond_broadcast(&p->go);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->n; i++)
        pthread_join(p->w[i].thread, NULL);
    pthread_cond_destroy(&p->go);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    crm_mem_free(p->w);
    crm_mem_free(p);
    *pp = NULL;
}
