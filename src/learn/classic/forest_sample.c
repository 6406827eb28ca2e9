/* forest_sample.c - the rows of a tree of a forest, and the score by the trees that have not seen
 * them (out of bag; Breiman 2001): every rank scores rows of its own with all trees, in their
 * order. */
#include <string.h>

#include "crmpi/base_log.h"
#include "tree_model_impl.h"

enum {
    MANY_ROWS = 100000, /* from which a user may like to be told */
    RELEASE_EACH = 16   /* leaves of which the data set need not stay in memory */
};

void forest_draw(uint64_t seed, int64_t number, int64_t n, int64_t n_labelled,
                 const int32_t *labelled, uint8_t *count)
{
    crm_rng r = crm_rng_at(seed, CRM_RNG_SAMPLE, (uint32_t)number, 0);

    memset(count, 0, (size_t)n);
    for (int64_t i = 0; i < n_labelled; i++) {
        int32_t row = labelled[crm_rng_below(&r, (uint64_t)n_labelled)];
        count[row] = (uint8_t)(count[row] + (count[row] < UINT8_MAX));
    }
}

/* ---- out of bag ---- */

typedef struct scorer {
    const tree_model *model;
    const tree_task *task;
    int64_t n_labelled;
    const int32_t *labelled;
    crm_view own;
    int64_t first;        /* position of the own rows                       */
    int64_t stride;       /* bytes of a tree in seen                        */
    uint8_t *seen;        /* [trees][stride] bit i: own row i is in its sample */
    uint8_t **count;      /* [workers][rows of the view]                    */
    int32_t *pick, *leaf; /* [own rows] of a piece: rows not seen, leaves   */
    double *sum;          /* [own rows][m]                                  */
    int64_t n_workers;
} scorer;

static crm_status draw_one(void *ctx, int64_t t, int worker)
{
    scorer *s = ctx;
    const crm_fit *fit = s->task->fit;
    uint8_t *count = s->count[worker], *seen = s->seen + t * s->stride;

    CRM_TRY(crm_fit_check_stop(fit));
    forest_draw(fit->seed, t, fit->train->n, s->n_labelled, s->labelled, count);
    for (int64_t i = 0; i < s->own.n; i++)
        seen[i / 8] = (uint8_t)(seen[i / 8] | (count[s->first + i] > 0) << i % 8);
    return CRM_OK;
}

/* Rows of the piece with a label that tree t has not seen. */
static int64_t find_unseen(const scorer *s, int64_t t, const crm_rows_piece *p, int32_t *pick)
{
    const uint8_t *seen = s->seen + t * s->stride;
    const int32_t *slot = s->task->slot + s->first + p->at;
    int64_t n = 0;

    for (int64_t i = 0; i < p->n; i++) {
        int64_t own = p->at + i;
        pick[n] = (int32_t)i;
        n += slot[i] >= 0 && !(seen[own / 8] >> own % 8 & 1);
    }
    return n;
}

/* The class with the largest sum, the first of equals; -1: no tree has a say. */
static int winner(int m, const double *sum)
{
    int best = 0;
    double all = 0;

    for (int c = 0; c < m; c++) {
        all += sum[c];
        if (sum[c] > sum[best]) best = c;
    }
    return all > 0 ? best : -1;
}

static void score_piece(void *ctx, const crm_rows_piece *p, double *out)
{
    const scorer *s = ctx;
    const tree_model *h = s->model;
    int32_t *pick = s->pick + p->at, *leaf = s->leaf + p->at;
    int64_t m = h->classes.m;
    double *sum = s->sum + p->at * m;

    (void)out;
    for (int64_t t = 0; t < h->n && !crm_fit_stopping(s->task->fit); t++) {
        int64_t n = find_unseen(s, t, p, pick);
        tree_leaves(&h->tree[t], n, p->num, h->n_columns, pick, leaf);
        for (int64_t i = 0; i < n; i++)
            for (int64_t c = 0; c < m; c++)
                sum[pick[i] * m + c] += h->tree[t].value[leaf[i] * m + c];
    }
    if (p->at / CRM_LEAF_ROWS % RELEASE_EACH == 0) crm_data_release(crm_source_data(s->task->in));
}

static crm_status reserve(scorer *s)
{
    int64_t n = s->own.n, m = s->model->classes.m;

    s->stride = (n + 7) / 8;
    CRM_NEW(s->seen, s->model->n * s->stride);
    CRM_NEW(s->pick, n + 1);
    CRM_NEW(s->leaf, n + 1);
    CRM_NEW(s->sum, n * m);
    CRM_NEW(s->count, s->n_workers);
    for (int64_t w = 0; w < s->n_workers; w++)
        CRM_NEW(s->count[w], s->task->fit->train->n);
    return CRM_OK;
}

static void release(scorer *s)
{
    for (int64_t w = 0; s->count && w < s->n_workers; w++)
        crm_mem_free(s->count[w]);
    crm_mem_free(s->count);
    crm_mem_free(s->seen);
    crm_mem_free(s->pick);
    crm_mem_free(s->leaf);
    crm_mem_free(s->sum);
}

static crm_status score_own(scorer *s, int64_t *right_of)
{
    const crm_fit *fit = s->task->fit;
    int m = s->model->classes.m;

    CRM_TRY(reserve(s));
    CRM_TRY(crm_pool_run(fit->pool, s->model->n, draw_one, s));
    CRM_TRY(crm_rows_each(s->task->in, &s->own, fit->pool, score_piece, s));
    CRM_TRY(crm_fit_check_stop(fit)); /* some piece may be without its sums */
    for (int64_t i = 0; i < s->own.n; i++) {
        int best = winner(m, s->sum + i * m);
        right_of[0] += best >= 0 && best == s->task->slot[s->first + i];
        right_of[1] += best >= 0;
    }
    return CRM_OK;
}

crm_status forest_score_unseen(tree_model *h, const tree_task *task, int64_t n_labelled,
                               const int32_t *labelled)
{
    const crm_fit *fit = task->fit;
    int64_t right_of[2] = {0};
    scorer s = {.model = h, .task = task, .n_labelled = n_labelled, .labelled = labelled};
    crm_status st;

    s.own = crm_rows_own(fit);
    s.first = s.own.row - fit->train->row;
    s.n_workers = fit->pool ? crm_pool_size(fit->pool) : 1;
    st = crm_comm_agree(fit->comm, score_own(&s, right_of));
    release(&s);
    CRM_TRY(st);
    CRM_TRY(crm_comm_sum_i64(fit->comm, right_of, 2));
    h->has_oob = true;
    h->oob_rows = right_of[1];
    h->oob_accuracy = right_of[1] > 0 ? (double)right_of[0] / (double)right_of[1] : 0;
    crm_log_line(fit->train->n >= MANY_ROWS ? CRM_LOG_INFO : CRM_LOG_DEBUG, "forest",
                 "out-of-bag accuracy %.4f of %lld rows", h->oob_accuracy, (long long)h->oob_rows);
    return CRM_OK;
}
