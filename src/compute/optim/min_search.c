/* min_search.c - line search for the strong Wolfe conditions
 *
 *     f(a) <= f(0) + c1 a f'(0),    |f'(a)| <= c2 |f'(0)|
 *
 * by bracketing and zoom with cubic interpolation: Nocedal & Wright, Numerical Optimization, 2nd
 * ed., algorithms 3.5 and 3.6 and formula 3.59.
 *
 * Close to a minimum f(a) - f(0) is rounding only, while slopes are still good to many digits.
 * There the first condition is replaced by f'(a) <= (2 c1 - 1) f'(0), which is the same for a
 * quadratic: the approximate Wolfe condition of Hager & Zhang, SIAM J. Optim. 16 (2005). */
#include "min_impl.h"

#include <math.h>
#include <string.h>

static const double c1 = 1e-4, c2 = 0.9, rounding = 1e-13;
enum { TRIES_MAX = 60 };

typedef struct line {
    const min_problem *p;
    const double *x, *d;
    double *xt, *gt;
    min_point zero;
    int tries;
} line;

static crm_status try_step(line *l, double a, min_point *out)
{
    l->tries++;
    min_move(l->p->n, l->x, a, l->d, l->xt);
    CRM_TRY(min_eval(l->p, l->xt, &out->value, l->gt));
    out->a = a;
    out->slope = min_dot(l->p->n, l->gt, l->d);
    return CRM_OK;
}

/* a is above b by more than rounding, or not a number. */
static bool above(const line *l, double a, double b)
{
    return !(a <= b + rounding * fabs(l->zero.value));
}

static bool low_enough(const line *l, const min_point *q)
{
    if (q->value <= l->zero.value + c1 * q->a * l->zero.slope) return true;
    return !above(l, q->value, l->zero.value) && q->slope <= (2 * c1 - 1) * l->zero.slope;
}

static bool flat_enough(const line *l, const min_point *q)
{
    return fabs(q->slope) <= -c2 * l->zero.slope;
}

/* Minimum of the cubic through two points and slopes, kept off the ends of the interval. */
static double interpolate(const min_point *p, const min_point *q)
{
    double lo = fmin(p->a, q->a), hi = fmax(p->a, q->a), edge = 0.1 * (hi - lo), a;
    double d1 = p->slope + q->slope - 3 * (p->value - q->value) / (p->a - q->a);
    double root = d1 * d1 - p->slope * q->slope;
    double d2 = sqrt(root) * (q->a > p->a ? 1 : -1);

    a = q->a - (q->a - p->a) * ((q->slope + d2 - d1) / (q->slope - p->slope + 2 * d2));
    if (!(root >= 0) || !isfinite(a)) return (lo + hi) / 2;
    return fmin(fmax(a, lo + edge), hi - edge);
}

/* Algorithm 3.6: lo has the lowest value so far and its slope points to hi. */
static crm_status zoom(line *l, min_point lo, min_point hi, min_point *at, bool *good)
{
    min_point q = lo;

    *good = false;
    while (l->tries < TRIES_MAX && fabs(hi.a - lo.a) > 1e-15 * fmax(lo.a, hi.a)) {
        CRM_TRY(try_step(l, interpolate(&lo, &hi), &q));
        if (!low_enough(l, &q) || above(l, q.value, lo.value)) {
            hi = q;
            continue;
        }
        if (flat_enough(l, &q)) {
            *at = q;
            *good = true;
            return CRM_OK;
        }
        if (q.slope * (hi.a - lo.a) >= 0) hi = lo;
        lo = q;
    }
    *at = lo;
    return CRM_OK;
}

/* Algorithm 3.5: double the step until a good one is found or bracketed. */
static crm_status bracket(line *l, double first, min_point *at, bool *good)
{
    min_point last = l->zero, q;

    *good = false;
    for (double a = first; l->tries < TRIES_MAX; a *= 2) {
        CRM_TRY(try_step(l, a, &q));
        if (!low_enough(l, &q) || (last.a > 0 && above(l, q.value, last.value)))
            return zoom(l, last, q, at, good);
        if (flat_enough(l, &q)) {
            *at = q;
            *good = true;
            return CRM_OK;
        }
        if (q.slope >= 0) return zoom(l, q, last, at, good);
        last = q;
    }
    *at = last;
    return CRM_OK;
}

crm_status min_search(const min_problem *p, const double *x, const double *d, double first,
                      min_point *at, double *xt, double *gt, bool *found)
{
    line l = {.p = p, .x = x, .d = d, .xt = xt, .gt = gt, .zero = *at};

    l.zero.a = 0;
    CRM_TRY(bracket(&l, first, at, found));
    if (*found) return CRM_OK;
    /* no good step within the tries: the lowest point seen will do, when it is lower than the start
     */
    *found = at->a > 0 && at->value < l.zero.value;
    return *found ? try_step(&l, at->a, at) : CRM_OK;
}
