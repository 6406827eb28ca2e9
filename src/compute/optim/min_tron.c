/* min_tron.c - trust-region Newton with conjugate gradients: Lin, Weng, Keerthi, "Trust region
 * Newton method for large-scale logistic regression", JMLR 9 (2008), algorithms 1 and 2.
 *
 * In each iteration conjugate gradients minimise q(s) = g's + s'Hs / 2 in |s| <= delta until the
 * residual falls to 0.1 |g| or the border is met; the step is taken when f falls by more than
 * eta0 of what q foretold, and delta follows the ratio of both. */
#include "min_impl.h"

#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"

static const double eta0 = 1e-4, eta1 = 0.25, eta2 = 0.75;
static const double sigma1 = 0.25, sigma2 = 0.5, sigma3 = 4, cg_tol = 0.1;

typedef struct tron {
    min_problem p;
    crm_hessian_fn hv;
    double *x, *g, *xt, *gt, *s, *r, *d, *hd;
    double delta;
} tron;

/* Longest t with |s + t d| <= delta (the larger root of a quadratic, in its stable form). */
static double to_border(const tron *t)
{
    int64_t n = t->p.n;
    double sd = min_dot(n, t->s, t->d), dd = min_dot(n, t->d, t->d);
    double left = t->delta * t->delta - min_dot(n, t->s, t->s);
    double root = sqrt(fmax(0, sd * sd + dd * left));

    return sd >= 0 ? left / (sd + root) : (root - sd) / dd;
}

/* Algorithm 2; at the end r = -g - H s. */
static crm_status conjugate_gradients(tron *t)
{
    int64_t n = t->p.n;
    double rr, next, dhd, a;

    memset(t->s, 0, (size_t)n * sizeof *t->s);
    for (int64_t i = 0; i < n; i++)
        t->d[i] = t->r[i] = -t->g[i];
    rr = min_dot(n, t->r, t->r);
    for (int64_t i = 0; i < n + 10 && sqrt(rr) > cg_tol * t->p.res->grad_norm; i++) {
        CRM_TRY(t->hv(t->p.ctx, t->x, t->d, t->hd));
        dhd = min_dot(n, t->d, t->hd);
        a = rr / dhd;
        min_move(n, t->s, a, t->d, t->xt);
        if (!(dhd > 0) || min_norm(n, t->xt) > t->delta) {
            a = to_border(t);
            min_move(n, t->s, a, t->d, t->s);
            min_move(n, t->r, -a, t->hd, t->r);
            return CRM_OK;
        }
        memcpy(t->s, t->xt, (size_t)n * sizeof *t->s);
        min_move(n, t->r, -a, t->hd, t->r);
        next = min_dot(n, t->r, t->r);
        min_move(n, t->r, next / rr, t->d, t->d);
        rr = next;
    }
    return CRM_OK;
}

/* New radius from what happened: actual and foretold fall, length of the step, slope g's. */
static void resize(tron *t, double actual, double foretold, double length, double gs)
{
    double curve = -actual - gs;
    double a = curve <= 0 ? sigma3 : fmax(sigma1, -0.5 * (gs / curve));

    if (!isfinite(a)) a = sigma1;
    if (t->p.res->iterations == 0) t->delta = fmin(t->delta, length);
    if (!(actual >= eta0 * foretold))
        t->delta = fmin(fmax(a, sigma1) * length, sigma2 * t->delta);
    else if (actual < eta1 * foretold)
        t->delta = fmax(sigma1 * t->delta, fmin(a * length, sigma2 * t->delta));
    else if (actual < eta2 * foretold)
        t->delta = fmax(sigma1 * t->delta, fmin(a * length, sigma3 * t->delta));
    else
        t->delta = fmax(t->delta, fmin(a * length, sigma3 * t->delta));
}

/* One trial step; *taken tells whether x moved.  Where the falls of f are rounding only, a step is
 * taken when it lowers the norm of the gradient, which is still good to many digits; when it does
 * not, the limit of precision is met. */
static crm_status trial(tron *t, bool *taken)
{
    int64_t n = t->p.n;
    crm_min_result *res = t->p.res;
    double gs, foretold, actual, value, norm;
    bool rounding;

    CRM_TRY(conjugate_gradients(t));
    gs = min_dot(n, t->g, t->s);
    foretold = -0.5 * (gs - min_dot(n, t->s, t->r));
    min_move(n, t->x, 1, t->s, t->xt);
    CRM_TRY(min_eval(&t->p, t->xt, &value, t->gt));
    actual = res->value - value;
    norm = min_norm(n, t->gt);
    rounding = fmax(fabs(actual), fabs(foretold)) <= 1e-12 * fabs(res->value);
    *taken = rounding ? norm < res->grad_norm : actual > eta0 * foretold && foretold > 0;
    if (!rounding) resize(t, actual, foretold, min_norm(n, t->s), gs);
    if (!*taken) {
        if (rounding) res->reason = CRM_MIN_LINE;
        return CRM_OK;
    }
    memcpy(t->x, t->xt, (size_t)n * sizeof *t->x);
    memcpy(t->g, t->gt, (size_t)n * sizeof *t->g);
    res->value = value;
    res->grad_norm = norm;
    return CRM_OK;
}

static crm_status iterate(tron *t)
{
    crm_min_result *res = t->p.res;
    double before;
    bool taken = false;

    CRM_TRY(min_start(&t->p, t->x, &before, t->g));
    t->delta = res->grad_norm;
    if (res->grad_norm == 0) res->reason = CRM_MIN_GRADIENT;
    for (int64_t tries = 0; res->reason == CRM_MIN_ITERATIONS && tries < 4 * t->p.cfg->max_iter &&
                            res->iterations < t->p.cfg->max_iter;
         tries++) {
        before = res->value;
        CRM_TRY(trial(t, &taken));
        if (!taken) continue;
        res->iterations++;
        if (min_done(&t->p, before, t->x)) return CRM_OK;
        res->reason = CRM_MIN_ITERATIONS;
    }
    return CRM_OK;
}

crm_status crm_tron(const crm_min_cfg *cfg, int64_t n, crm_objective_fn f, crm_hessian_fn hv,
                    void *ctx, double *x, crm_min_result *res)
{
    tron t = {.p = {.cfg = cfg, .n = n, .f = f, .ctx = ctx, .res = res}, .hv = hv, .x = x};
    double **part[] = {&t.g, &t.xt, &t.gt, &t.s, &t.r, &t.d, &t.hd};
    int64_t n_parts = (int64_t)(sizeof part / sizeof *part);
    double *all;
    crm_status st;

    CRM_NEW(all, n_parts * n);
    for (int64_t i = 0; i < n_parts; i++)
        *part[i] = all + i * n;
    st = iterate(&t);
    crm_mem_free(all);
    return st;
}
