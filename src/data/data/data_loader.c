/* data_loader.c - a thread that prepares the next batch while the current one is used (two slots).
 */
#include <pthread.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"
#include "data_impl.h"

struct crm_loader {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t n, loaded, taken; /* batches: in all, ready so far, handed out so far */
    int stop;
    crm_load_fn fn;
    void *ctx;
    crm_status st;
    char text[CRM_ERR_TEXT_MAX];
};

/* Batch i may be written when batch i - 2 is no longer held, that is, when i - 1 was asked for. */
static int may_load(const crm_loader *l)
{
    return l->loaded < l->taken + 1 && l->loaded < l->n;
}

static void *loop(void *arg)
{
    crm_loader *l = arg;
    crm_status st;

    crm_fp_setup();
    pthread_mutex_lock(&l->lock);
    while (!l->stop && !l->st && l->loaded < l->n) {
        int64_t i = l->loaded;
        if (!may_load(l)) {
            pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        st = l->fn(l->ctx, i, (int)(i & 1));
        if (st) memcpy(l->text, crm_err_text(), sizeof l->text);
        pthread_mutex_lock(&l->lock);
        l->st = st;
        l->loaded++;
        pthread_cond_signal(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

crm_status crm_loader_start(int64_t n, crm_load_fn fn, void *ctx, crm_loader **out)
{
    crm_loader *l = NULL;

    *out = NULL;
    CRM_NEW(l, 1);
    l->n = n;
    l->fn = fn;
    l->ctx = ctx;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    if (pthread_create(&l->thread, NULL, loop, l) != 0) {
        crm_mem_free(l);
        CRM_FAIL(CRM_ERR_NOMEM, "cannot start the loader thread");
    }
    *out = l;
    return CRM_OK;
}

crm_status crm_loader_next(crm_loader *l, int *slot)
{
    crm_status st = CRM_OK;

    pthread_mutex_lock(&l->lock);
    *slot = -1;
    if (l->taken < l->n) {
        int64_t want = l->taken++;
        pthread_cond_signal(&l->changed);
        while (l->loaded <= want && !l->st)
            pthread_cond_wait(&l->changed, &l->lock);
        *slot = (int)(want & 1);
    }
    /* the failed batch is the last loaded: those before it are still handed out */
    if (l->st && l->taken >= l->loaded) CRM_SET(st, l->st, "%s", l->text);
    pthread_mutex_unlock(&l->lock);
    return st;
}

void crm_loader_stop(crm_loader **lp)
{
    crm_loader *l = *lp;

    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = 1;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    crm_mem_free(l);
    *lp = NULL;
}
