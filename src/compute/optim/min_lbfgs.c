/* min_lbfgs.c - limited-memory BFGS: Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms
 * 7.4 (two-loop recursion) and 7.5, initial matrix (s'y / y'y) I of formula 7.20.
 *
 *     q = g;  newest to oldest: alpha_i = rho_i s_i'q, q -= alpha_i y_i
 *     r = gamma q;  oldest to newest: r += s_i (alpha_i - rho_i y_i'r);  direction = -r
 *
 * Sums run over the elements in order, so that equal numbers give equal steps everywhere. */
#include "min_impl.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"

/* The latest pairs s = x' - x, y = g' - g; pair i is at slot (newest - i) mod m. */
typedef struct memory {
    int m, used, newest;
    int64_t n;
    double *s, *y, *rho, *alpha;
} memory;

typedef struct state {
    double *x, *g, *xt, *gt, *d;
    memory mem;
} state;

static crm_status make_state(const min_problem *p, state *s, double **all)
{
    int64_t n = p->n, m = p->cfg->memory;
    double *at;

    CRM_NEW(*all, 4 * n + 2 * m * n + 2 * m);
    at = *all;
    s->g = at, at += n;
    s->xt = at, at += n;
    s->gt = at, at += n;
    s->d = at, at += n;
    s->mem = (memory){.m = (int)m, .newest = -1, .n = n, .s = at, .y = at + m * n};
    s->mem.rho = s->mem.y + m * n;
    s->mem.alpha = s->mem.rho + m;
    return CRM_OK;
}

static int slot(const memory *k, int age)
{
    return (k->newest - age + k->m) % k->m;
}

/* Keep the pair of a step unless its curvature is lost in rounding. */
static void remember(memory *k, const state *st)
{
    int at = (k->newest + 1) % k->m;
    double *s = k->s + at * k->n, *y = k->y + at * k->n, sy;

    min_move(k->n, st->xt, -1, st->x, s);
    min_move(k->n, st->gt, -1, st->g, y);
    sy = min_dot(k->n, s, y);
    if (!(sy > DBL_EPSILON * min_dot(k->n, y, y))) return;
    k->rho[at] = 1 / sy;
    k->newest = at;
    if (k->used < k->m) k->used++;
}

static void direction(memory *k, const double *g, double *d)
{
    for (int64_t i = 0; i < k->n; i++)
        d[i] = -g[i];
    for (int age = 0; age < k->used; age++) {
        int j = slot(k, age);

        k->alpha[j] = k->rho[j] * min_dot(k->n, k->s + j * k->n, d);
        min_move(k->n, d, -k->alpha[j], k->y + j * k->n, d);
    }
    if (k->used) {
        const double *y = k->y + k->newest * k->n;
        double gamma = 1 / (k->rho[k->newest] * min_dot(k->n, y, y));

        for (int64_t i = 0; i < k->n; i++)
            d[i] *= gamma;
    }
    for (int age = k->used - 1; age >= 0; age--) {
        int j = slot(k, age);
        double beta = k->rho[j] * min_dot(k->n, k->y + j * k->n, d);

        min_move(k->n, d, k->alpha[j] - beta, k->s + j * k->n, d);
    }
}

static void swap(double **a, double **b)
{
    double *t = *a;

    *a = *b;
    *b = t;
}

/* One search; when it fails with a remembered direction, once more along the steepest descent. */
static crm_status search(const min_problem *p, state *s, min_point *at, bool *found)
{
    double value = at->value;

    *found = false;
    for (int attempt = 0; attempt < 2 && !*found; attempt++) {
        if (attempt == 1 && s->mem.used == 0) break;
        if (attempt == 1) s->mem.used = 0;
        direction(&s->mem, s->g, s->d);
        *at = (min_point){.value = value, .slope = min_dot(p->n, s->g, s->d)};
        if (!(at->slope < 0)) continue;
        CRM_TRY(min_search(p, s->x, s->d, s->mem.used ? 1 : fmin(1, 1 / min_norm(p->n, s->g)), at,
                           s->xt, s->gt, found));
    }
    return CRM_OK;
}

static crm_status iterate(min_problem *p, state *s)
{
    min_point at;
    double before;
    bool found = false;

    CRM_TRY(min_start(p, s->x, &at.value, s->g));
    if (p->res->grad_norm == 0) p->res->reason = CRM_MIN_GRADIENT;
    while (p->res->reason == CRM_MIN_ITERATIONS && p->res->iterations < p->cfg->max_iter) {
        before = at.value;
        CRM_TRY(search(p, s, &at, &found));
        if (!found) {
            p->res->reason = CRM_MIN_LINE;
            return CRM_OK;
        }
        remember(&s->mem, s);
        memcpy(s->x, s->xt, (size_t)p->n * sizeof *s->x);
        swap(&s->g, &s->gt);
        p->res->iterations++;
        p->res->value = at.value;
        p->res->grad_norm = min_norm(p->n, s->g);
        if (min_done(p, before, s->x)) return CRM_OK;
        p->res->reason = CRM_MIN_ITERATIONS;
    }
    return CRM_OK;
}

crm_status crm_lbfgs(const crm_min_cfg *cfg, int64_t n, crm_objective_fn f, void *ctx, double *x,
                     crm_min_result *res)
{
    min_problem p = {.cfg = cfg, .n = n, .f = f, .ctx = ctx, .res = res};
    state s = {.x = x};
    double *all = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, make_state(&p, &s, &all));
    CRM_TRY_TO(st, done, iterate(&p, &s));
done:
    crm_mem_free(all);
    return st;
}
