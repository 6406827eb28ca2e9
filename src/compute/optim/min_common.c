/* min_common.c - vectors, start and end rules of the minimisers. */
#include "min_impl.h"

#include <math.h>

const char *const crm_min_reason_names[] = {"gradient", "value",   "iterations",
                                            "line",     "stopped", NULL};
_Static_assert(sizeof crm_min_reason_names / sizeof *crm_min_reason_names ==
                   CRM_MIN_REASON_COUNT + 1,
               "a name per reason");

crm_min_cfg crm_min_defaults(void)
{
    return (crm_min_cfg){.max_iter = 200, .memory = 10, .grad_tol = 1e-8};
}

double min_dot(int64_t n, const double *a, const double *b)
{
    double s = 0;

    for (int64_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

double min_norm(int64_t n, const double *a)
{
    return sqrt(min_dot(n, a, a));
}

void min_move(int64_t n, const double *x, double a, const double *d, double *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + a * d[i];
}

crm_status min_eval(const min_problem *p, const double *x, double *value, double *grad)
{
    p->res->evaluations++;
    return p->f(p->ctx, x, value, grad);
}

crm_status min_start(min_problem *p, const double *x, double *value, double *grad)
{
    double norm;

    CRM_CHECK(p->n >= 1 && p->cfg->max_iter >= 0 && p->cfg->memory >= 1 && p->cfg->memory <= 100,
              CRM_ERR_ARG, "minimiser: %lld unknowns, %lld iterations, memory %d (1..100)",
              (long long)p->n, (long long)p->cfg->max_iter, p->cfg->memory);
    *p->res = (crm_min_result){.reason = CRM_MIN_ITERATIONS};
    CRM_TRY(min_eval(p, x, value, grad));
    norm = min_norm(p->n, grad);
    CRM_CHECK(isfinite(*value) && isfinite(norm), CRM_ERR_NUMERIC,
              "minimiser: value %g and gradient norm %g at the start", *value, norm);
    p->grad_limit = p->cfg->grad_tol * fmax(1, norm);
    p->res->value = *value;
    p->res->grad_norm = norm;
    return CRM_OK;
}

bool min_done(const min_problem *p, double before, const double *x)
{
    crm_min_result *r = p->res;

    r->reason = CRM_MIN_REASON_COUNT;
    if (r->grad_norm <= p->grad_limit)
        r->reason = CRM_MIN_GRADIENT;
    else if (p->cfg->value_tol > 0 &&
             before - r->value <= p->cfg->value_tol * fmax(1, fabs(r->value)))
        r->reason = CRM_MIN_VALUE;
    else if (r->iterations >= p->cfg->max_iter)
        r->reason = CRM_MIN_ITERATIONS;
    if (p->cfg->progress && !p->cfg->progress(p->ctx, r, x) && r->reason == CRM_MIN_REASON_COUNT)
        r->reason = CRM_MIN_STOPPED;
    return r->reason != CRM_MIN_REASON_COUNT;
}
