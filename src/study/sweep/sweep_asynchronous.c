/* sweep_asynchronous.c - asynchronous halving (Li et al. 2020): a trial goes on as soon as it is
 * among the best of those that have completed its rung, one in sweep.eta of them.
 *
 * A rung keeps them in two heaps, so that a result costs no look at the others: a new one comes in,
 * and at most two trials get among the best. */
#include "crmpi/base_mem.h"
#include "sweep_plan.h"

static crm_status raise_trial(crm_sweep_plan *p, int number, int rung, int64_t i)
{
    search *s = &p->search[number];
    bracket *b = &s->bracket[0];
    crm_trial *t = &s->trial[i].told;
    int first, end;

    if (t->rung != rung) return CRM_OK; /* it was among the best before */
    sweep_rung_units(p, b, ++rung, &first, &end);
    t->rung = rung;
    t->resource = b->rung[rung].resource;
    t->units += end - first;
    return sweep_plan_ready(p, number, i, sweep_by_folds(p) ? 0 : rung, first, end,
                            sweep_by_folds(p) ? 1 : t->resource, &b->missing);
}

/* The one on top goes to the other heap, which has the opposite order; its number, -1: none. */
static crm_status move(sweep_heap *from, sweep_heap *to, int64_t *moved)
{
    sweep_item x;

    *moved = -1;
    if (!sweep_heap_pop(from, &x)) return CRM_OK;
    *moved = x.order < 0 ? -x.order : x.order;
    return sweep_heap_push(to, (sweep_item){.key = -x.key, .order = -x.order});
}

/* A trial joins those that have completed the rung, and who gets among the best goes on. */
static crm_status join(crm_sweep_plan *p, int number, int rung, int64_t i)
{
    search *s = &p->search[number];
    ladder *l = &s->ladder[rung];
    int64_t out, in = -1;

    CRM_TRY(sweep_heap_push(&l->best, (sweep_item){.key = -s->trial[i].told.loss, .order = -i}));
    CRM_TRY(move(&l->best, &l->rest, &out));
    if (l->best.n < (l->best.n + l->rest.n) / p->cfg.eta) CRM_TRY(move(&l->rest, &l->best, &in));
    if (out == i) i = in; /* which may be -1, or that trial again */
    if (in >= 0 && in < i) CRM_TRY(raise_trial(p, number, rung, in));
    if (i >= 0) CRM_TRY(raise_trial(p, number, rung, i));
    return in > i ? raise_trial(p, number, rung, in) : CRM_OK;
}

/* So many have failed, or there are so few, that none is among the best of the highest rung that
 * was completed: the first of it goes on all the same. */
static crm_status raise_first(crm_sweep_plan *p, int number)
{
    search *s = &p->search[number];
    const bracket *b = &s->bracket[0];
    int64_t first;

    for (int k = b->n_rungs - 2; k >= 0 && b->missing == 0; k--) {
        ladder *l = &s->ladder[k];
        if (l->best.n > 0) continue;
        CRM_TRY(move(&l->rest, &l->best, &first));
        if (first >= 0) CRM_TRY(raise_trial(p, number, k, first));
    }
    return CRM_OK;
}

/* Nothing is under way. */
static void end_search(search *s)
{
    for (int64_t i = 0; i < s->n; i++)
        s->trial[i].told.stopped = !s->trial[i].told.failed && !s->trial[i].told.whole;
    s->bracket[0].ended = s->ended = true;
}

crm_status sweep_search_asynchronous(crm_sweep_plan *p, int number, int64_t which)
{
    search *s = &p->search[number];
    bracket *b = &s->bracket[0];
    trial *t = &s->trial[which];

    if (!s->ladder) CRM_NEW(s->ladder, CRM_RUNGS_MAX);
    b->missing--;
    if (t->told.done == t->told.units) {
        sweep_search_score(p, b, t);
        if (!t->told.failed && t->told.rung + 1 < b->n_rungs)
            CRM_TRY(join(p, number, t->told.rung, which));
    }
    if (b->missing == 0) CRM_TRY(raise_first(p, number));
    if (b->missing == 0) end_search(s);
    return CRM_OK;
}

void sweep_ladder_free(search *s)
{
    for (int k = 0; s->ladder && k < CRM_RUNGS_MAX; k++) {
        sweep_heap_free(&s->ladder[k].best);
        sweep_heap_free(&s->ladder[k].rest);
    }
    crm_mem_free(s->ladder);
}
