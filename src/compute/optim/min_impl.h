/* min_impl.h - what the minimisers in double share (room optim). */
#ifndef CRM_MIN_IMPL_H
#define CRM_MIN_IMPL_H

#include "crmpi/optim.h"

/* A problem and its counted evaluations. */
typedef struct min_problem {
    const crm_min_cfg *cfg;
    int64_t n;
    crm_objective_fn f;
    void *ctx;
    crm_min_result *res;
    double grad_limit; /* converged at this norm of the gradient */
} min_problem;

double min_dot(int64_t n, const double *a, const double *b);
double min_norm(int64_t n, const double *a);
/* y = x + a d */
void min_move(int64_t n, const double *x, double a, const double *d, double *y);
crm_status min_eval(const min_problem *p, const double *x, double *value, double *grad);
/* Evaluate the start, set grad_limit and res; CRM_ERR_NUMERIC when it is not finite. */
crm_status min_start(min_problem *p, const double *x, double *value, double *grad);
/* After an iteration from value `before` to res->value: true and res->reason when it is over. */
bool min_done(const min_problem *p, double before, const double *x);

/* Point of a line search: step, value, slope. */
typedef struct min_point {
    double a, value, slope;
} min_point;
/* Strong Wolfe search from x along d.  In: *at holds value and slope at step 0, first is the first
 * step tried.  Out: *at the step found, xt and gt point and gradient there; *found false: no lower
 * value was seen, and xt, gt are undefined. */
crm_status min_search(const min_problem *p, const double *x, const double *d, double first,
                      min_point *at, double *xt, double *gt, bool *found);
#endif
