/* calibrate_folds.c - scores of training rows by models that did not see them. */
#include <math.h>
#include <string.h>

#include "calibrate.h"
#include "crmpi/base_rng.h"

/* ---- folds ---- */

/* Positions of the labelled rows by slot; from[m + 1] where each slot begins. */
static crm_status by_slot(const crm_view *v, const crm_target *t, const classic_classes *c,
                          int64_t **from, int64_t **pos)
{
    int64_t *at;

    CRM_NEW(*from, c->m + 2);
    at = *from + 1; /* rises to where the next slot begins */
    for (int i = 0; i < c->m; i++)
        at[i + 1] = at[i] + c->count[i];
    CRM_NEW(*pos, at[c->m]);
    for (int64_t i = 0; i < v->n; i++) {
        int s = classic_slot(c, t, v->row[i]);
        if (s >= 0) (*pos)[at[s]++] = i;
    }
    return CRM_OK;
}

/* The classes follow one another round the folds: fold (number of the row among all) mod k. */
static crm_status deal(calibrate_folds *f, int m, const int64_t *from, const int64_t *pos,
                       uint64_t seed)
{
    int64_t *order;

    CRM_NEW(order, from[m]);
    for (int s = 0; s < m; s++) {
        int64_t n = from[s + 1] - from[s];
        crm_rng_permute(seed, CRM_RNG_CALIBRATE, (uint32_t)s, n, order);
        for (int64_t i = 0; i < n; i++)
            f->fold[pos[from[s] + order[i]]] = (int32_t)((from[s] + i) % f->k);
    }
    crm_mem_free(order);
    return CRM_OK;
}

crm_status calibrate_folds_new(const crm_view *v, const crm_target *t, const classic_classes *c,
                               uint64_t seed, calibrate_folds *out)
{
    int64_t *from = NULL, *pos = NULL;
    crm_status st = CRM_OK;

    *out = (calibrate_folds){.k = CALIBRATE_FOLDS, .n = v->n};
    CRM_NEW_TO(st, done, out->fold, v->n);
    for (int64_t i = 0; i < v->n; i++)
        out->fold[i] = -1;
    CRM_TRY_TO(st, done, by_slot(v, t, c, &from, &pos));
    if (from[c->m] < out->k) out->k = (int)from[c->m];
    st = deal(out, c->m, from, pos, seed);
done:
    crm_mem_free(from);
    crm_mem_free(pos);
    return st;
}

void calibrate_folds_free(calibrate_folds *f)
{
    crm_mem_free(f->fold);
    *f = (calibrate_folds){0};
}

/* ---- one fold after the other, each by all ranks ---- */

typedef struct cross {
    const crm_fit *fit;
    const calibrate_folds *f;
    int64_t width;
    crm_fit part;
    crm_view *learn, *held; /* rows of the other folds, and of this one */
    int64_t *pos;           /* positions of held in the training view   */
    int64_t first, n;       /* of held: this rank's                     */
    double *mine;           /* [n][width]                               */
} cross;

static void cross_end(cross *c)
{
    crm_view_free(&c->learn);
    crm_view_free(&c->held);
    crm_mem_free(c->pos);
    crm_mem_free(c->mine);
}

static crm_status cross_begin(cross *c, int fold)
{
    const crm_view *v = c->fit->train;
    int rank = crm_comm_rank(c->fit->comm), size = crm_comm_size(c->fit->comm);
    uint8_t *keep;
    int64_t n = 0;
    crm_status st;

    CRM_NEW(c->pos, v->n);
    CRM_NEW(keep, v->n);
    for (int64_t i = 0; i < v->n; i++)
        if ((keep[i] = c->f->fold[i] == fold)) c->pos[n++] = i;
    st = crm_view_select(v, keep, &c->held);
    for (int64_t i = 0; i < v->n; i++)
        keep[i] = c->f->fold[i] >= 0 && c->f->fold[i] != fold;
    if (!st) st = crm_view_select(v, keep, &c->learn);
    crm_mem_free(keep);
    CRM_TRY(st);
    c->part = *c->fit;
    c->part.train = c->learn;
    c->part.hooks = (crm_hooks){.ctx = c->fit->hooks.ctx, .stopping = c->fit->hooks.stopping};
    c->first = rank * n / size;
    c->n = (rank + 1) * n / size - c->first;
    CRM_NEW(c->mine, c->n * c->width);
    return CRM_OK;
}

/* Ranks hold consecutive parts, so their scores in rank order are those of the fold. */
static crm_status cross_join(cross *c, double *score)
{
    size_t bytes = 0, row = (size_t)c->width * sizeof(double);
    void *all = NULL;

    CRM_TRY(crm_comm_allgather(c->fit->comm, c->mine, (size_t)c->n * row, &all, &bytes, NULL));
    for (int64_t i = 0; i < c->held->n; i++)
        memcpy(score + c->pos[i] * c->width, (const char *)all + (size_t)i * row, row);
    crm_mem_free(all);
    return CRM_OK;
}

static crm_status cross_fold(const crm_fit *fit, const calibrate_folds *f, int fold, int64_t width,
                             calibrate_fold_fn fn, void *ctx, double *score)
{
    cross c = {.fit = fit, .f = f, .width = width};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, cross_begin(&c, fold)));
    CRM_TRY_TO(st, done,
               crm_comm_agree(fit->comm, fn(ctx, &c.part, c.held->row + c.first, c.n, c.mine)));
    st = cross_join(&c, score);
done:
    cross_end(&c);
    return st;
}

crm_status calibrate_cross(const crm_fit *fit, const calibrate_folds *f, int64_t width,
                           calibrate_fold_fn fn, void *ctx, double *score)
{
    for (int64_t i = 0; i < f->n * width; i++)
        score[i] = (double)NAN;
    for (int k = 0; k < f->k; k++)
        CRM_TRY(cross_fold(fit, f, k, width, fn, ctx, score));
    return CRM_OK;
}
