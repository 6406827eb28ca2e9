/* whole_fit.h - a fit with everything it tells: weights, losses, predictions, vectors, message; to
 * compare ways of computing it. */
#ifndef WHOLE_FIT_H
#define WHOLE_FIT_H

#include <unistd.h>

#include "crmpi/base_log.h"
#include "full_fit.h"

/* Everything a fit tells, as numbers in order. */
enum { HEARD_MAX = 4096 };
typedef struct heard {
    int n, steps;
    int64_t left_out;
    double x[HEARD_MAX];
    bool strange; /* a loss of a step that is no number */
} heard;

static inline void note(heard *h, double x)
{
    if (h->n < HEARD_MAX) h->x[h->n++] = x;
}

static inline crm_hook_answer hear(void *ctx, const crm_epoch *e)
{
    heard *h = ctx;

    note(h, (double)e->epoch);
    note(h, e->train_loss);
    note(h, e->valid_loss);
    note(h, e->valid_score);
    note(h, e->lr);
    note(h, e->grad_norm);
    note(h, (double)e->left_out);
    h->left_out += e->left_out;
    for (int i = 0; i < e->n_heads; i++) {
        note(h, e->head_loss[i]);
        note(h, e->head_valid_loss[i]);
    }
    return CRM_HOOK_GO;
}

static inline void hear_step(void *ctx, const crm_step *s)
{
    heard *h = ctx;

    h->steps++;
    h->strange |= !(s->loss > 0);
}

typedef struct outcome {
    crm_status st;
    char text[256];
    crm_digest weights;
    heard heard;
    double proba[ROWS * 2];
    float embedded[ROWS * 64];
    int64_t width;
    char log[4096]; /* what was logged, on rank 0 */
} outcome;

/* How a fit is made. */
typedef struct way {
    bool whole, resident;
    bool by_itself; /* gpu.resident: auto          */
    bool listen;    /* outcome.log is wanted       */
    bool nccl;      /* gpu.transport; else MPI     */
    int threads;
    const char *file;   /* NULL: path[FILE_PLAIN]    */
    crm_device *device; /* NULL: the CPU             */
    int64_t rows;       /* of the view; 0: all       */
} way;

static inline crm_status embed_all(fitted *f, outcome *o)
{
    int64_t row[ROWS], n = f->view->n;
    float *x = NULL;

    if (f->cfg.train.members > 1) return CRM_OK;
    for (int64_t i = 0; i < n; i++)
        row[i] = n - 1 - i;
    CRM_TRY(crm_pipeline_embed(f->pipe, f->data, row, n, &o->width, &x));
    T_CHECK(o->width <= 64);
    if (o->width <= 64) memcpy(o->embedded, x, (size_t)(n * o->width) * sizeof *x);
    crm_mem_free(x);
    return CRM_OK;
}

/* Lines of the log go to a file for a while. */
typedef struct ear {
    int before;
    FILE *file;
    crm_log_level level;
} ear;

static inline void listen(ear *e)
{
    e->level = crm_log_get_level();
    e->file = tmpfile();
    e->before = dup(STDERR_FILENO);
    if (!e->file || e->before < 0 || dup2(fileno(e->file), STDERR_FILENO) < 0) abort();
    crm_log_setup(CRM_LOG_DEBUG, crm_comm_rank(t_comm));
}

static inline void hush(ear *e, char *text, size_t cap)
{
    size_t n;

    crm_log_setup(e->level, crm_comm_rank(t_comm));
    if (dup2(e->before, STDERR_FILENO) < 0) abort();
    close(e->before);
    rewind(e->file);
    n = fread(text, 1, cap - 1, e->file);
    text[n] = '\0';
    fclose(e->file);
}

static inline void fit_one(crm_comm *comm, way how, const char *const *sets, int n, outcome *o)
{
    crm_device_cfg gpu = {.resident = how.by_itself  ? CRM_GPU_SWITCH_AUTO
                                      : how.resident ? CRM_GPU_ON
                                                     : CRM_GPU_OFF,
                          .bucket = 4096 * sizeof(float), /* several buckets */
                          .transport = how.nccl ? CRM_TRANSPORT_NCCL : CRM_TRANSPORT_MPI,
                          .timeout = 60};
    fitted f = {.parts = CRM_FLAT_PROFILE,
                .whole = how.whole,
                .gpu = how.whole ? &gpu : NULL,
                .rows = how.rows,
                .device = how.device};
    ear e = {.before = -1};
    const char *file = how.file ? how.file : path[FILE_PLAIN];

    memset(o, 0, sizeof *o);
    f.hooks = (crm_hooks){.ctx = &o->heard, .on_epoch = hear, .on_step = hear_step};
    if (how.listen) listen(&e);
    o->st = fit_on(comm, file, how.threads, sets, n, &f);
    if (how.listen) hush(&e, o->log, sizeof o->log);
    if (o->st) snprintf(o->text, sizeof o->text, "%s", crm_err_text());
    if (!o->st) {
        T_OK(crm_pipeline_digest(f.pipe, &o->weights));
        /* a row that is not finite has no probabilities */
        T_OK(predict_first(f.pipe, file == path[FILE_INFINITE] ? path[FILE_PLAIN] : file, f.view->n,
                           o->proba));
        T_OK(embed_all(&f, o));
    }
    drop(&f);
}

static inline void same(const outcome *a, const outcome *b)
{
    T_OK(a->st);
    T_OK(b->st);
    T_CHECK(crm_digest_equal(a->weights, b->weights));
    T_EQ_I(a->heard.n, b->heard.n);
    T_CHECK(memcmp(a->heard.x, b->heard.x, sizeof a->heard.x) == 0);
    T_CHECK(memcmp(a->proba, b->proba, sizeof a->proba) == 0);
    T_CHECK(memcmp(a->embedded, b->embedded, sizeof a->embedded) == 0);
    T_CHECK(a->heard.steps > 0 && b->heard.steps > 0);
}

#endif
