/* feature_brent.c - Brent's search; see feature_brent.h. */
#include "feature_brent.h"

#include <math.h>

static const double GOLDEN = 0.3819660112501051; /* (3 - sqrt 5) / 2 */

double feature_brent_begin(feature_brent *s, double a, double b)
{
    *s = (feature_brent){.a = a, .b = b};
    s->x = s->w = s->v = s->u = a + GOLDEN * (b - a);
    return s->u;
}

/* The point just tried becomes one of the three best, or a bound. */
static void take(feature_brent *s, double f)
{
    if (f <= s->fx) {
        if (s->u < s->x)
            s->b = s->x;
        else
            s->a = s->x;
        s->v = s->w, s->fv = s->fw;
        s->w = s->x, s->fw = s->fx;
        s->x = s->u, s->fx = f;
        return;
    }
    if (s->u < s->x)
        s->a = s->u;
    else
        s->b = s->u;
    if (f <= s->fw || s->w == s->x) {
        s->v = s->w, s->fv = s->fw;
        s->w = s->u, s->fw = f;
    } else if (f <= s->fv || s->v == s->x || s->v == s->w) {
        s->v = s->u, s->fv = f;
    }
}

/* Step to the lowest point of the parabola through x, v, w; false when it is of no use. */
static bool parabola(feature_brent *s, double tol)
{
    double r = (s->x - s->w) * (s->fx - s->fv), q = (s->x - s->v) * (s->fx - s->fw);
    double p = (s->x - s->v) * q - (s->x - s->w) * r, before = s->e;

    if (!(fabs(before) > tol)) return false;
    q = 2 * (q - r);
    if (q > 0) p = -p;
    q = fabs(q);
    if (!(fabs(p) < fabs(0.5 * q * before)) || !(p > q * (s->a - s->x)) || !(p < q * (s->b - s->x)))
        return false;
    s->e = s->d;
    s->d = p / q;
    if (s->x + s->d - s->a < 2 * tol || s->b - s->x - s->d < 2 * tol)
        s->d = s->x < (s->a + s->b) / 2 ? tol : -tol;
    return true;
}

bool feature_brent_step(feature_brent *s, double f, double tol, double *next)
{
    double middle;

    if (s->begun)
        take(s, f);
    else
        s->fx = s->fw = s->fv = f;
    s->begun = true;
    middle = (s->a + s->b) / 2;
    *next = s->x;
    if (fabs(s->x - middle) <= 2 * tol - (s->b - s->a) / 2) return false;
    if (!parabola(s, tol)) {
        s->e = (s->x < middle ? s->b : s->a) - s->x;
        s->d = GOLDEN * s->e;
    }
    s->u = fabs(s->d) >= tol ? s->x + s->d : s->x + (s->d > 0 ? tol : -tol);
    *next = s->u;
    return true;
}
