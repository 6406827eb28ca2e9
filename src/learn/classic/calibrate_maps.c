/* calibrate_maps.c - one score to a probability: Platt's sigmoid and isotonic regression. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate_impl.h"
#include "crmpi/base_math.h"

/* ---- Platt ---- */

enum { MAX_ITER = 100 };
#define MIN_STEP 1e-10
#define RIDGE    1e-12

typedef struct platt {
    int64_t n;
    const double *s;
    const uint8_t *yes;
    double unit;       /* power of two that brings the scores to -1 .. 1 */
    double high, low;  /* targets of yes and no */
    double a, b;       /* p = 1 / (1 + exp(a s + b)) */
    double g[2], h[3]; /* gradient; second derivatives aa, ab, bb */
} platt;

static double platt_loss(const platt *p, double a, double b)
{
    double loss = 0;

    for (int64_t i = 0; i < p->n; i++) {
        double t = p->yes[i] ? p->high : p->low, z = p->s[i] * p->unit * a + b;
        loss -= t * crm_log_sigmoid(-z) + (1 - t) * crm_log_sigmoid(z);
    }
    return loss;
}

static void platt_slopes(platt *p)
{
    double g0 = 0, g1 = 0, aa = RIDGE, ab = 0, bb = RIDGE;

    for (int64_t i = 0; i < p->n; i++) {
        double s = p->s[i] * p->unit, z = s * p->a + p->b, q = crm_sigmoid(z);
        double w = q * crm_sigmoid(-z), d = (p->yes[i] ? p->high : p->low) - (1 - q);
        g0 += s * d;
        g1 += d;
        aa += s * s * w;
        ab += s * w;
        bb += w;
    }
    p->g[0] = g0;
    p->g[1] = g1;
    p->h[0] = aa;
    p->h[1] = ab;
    p->h[2] = bb;
}

/* Newton step with halving; false when none lowers the loss. */
static bool platt_step(platt *p, double *loss)
{
    double det = p->h[0] * p->h[2] - p->h[1] * p->h[1];
    double da = -(p->h[2] * p->g[0] - p->h[1] * p->g[1]) / det;
    double db = -(p->h[0] * p->g[1] - p->h[1] * p->g[0]) / det;
    double fall = p->g[0] * da + p->g[1] * db;

    if (!(det > 0) || !isfinite(da) || !isfinite(db)) return false;
    for (double step = 1; step >= MIN_STEP; step /= 2) {
        double a = p->a + step * da, b = p->b + step * db, at = platt_loss(p, a, b);
        if (!(at < *loss + 1e-4 * step * fall)) continue;
        p->a = a;
        p->b = b;
        *loss = at;
        return true;
    }
    return false;
}

void calibrate_platt(int64_t n, const double *s, const uint8_t *yes, double *a, double *b)
{
    platt p = {.n = n, .s = s, .yes = yes};
    double n1 = 0, top = 0, loss;
    int e;

    for (int64_t i = 0; i < n; i++) {
        n1 += yes[i] != 0;
        top = fabs(s[i]) > top ? fabs(s[i]) : top;
    }
    frexp(top, &e);
    p.unit = ldexp(1, -e);
    p.high = (n1 + 1) / (n1 + 2);
    p.low = 1 / ((double)n - n1 + 2);
    p.b = crm_log(((double)n - n1 + 1) / (n1 + 1));
    loss = platt_loss(&p, p.a, p.b);
    for (int i = 0; i < MAX_ITER; i++) {
        platt_slopes(&p);
        if (fabs(p.g[0]) < 1e-10 * (double)n && fabs(p.g[1]) < 1e-10 * (double)n) break;
        if (!platt_step(&p, &loss)) break;
    }
    *a = p.a * p.unit;
    *b = p.b;
}

/* ---- isotonic ---- */

typedef struct point {
    double s, sum; /* score, rows of the class */
    double n;      /* rows                     */
    double last;   /* score of the last row    */
} point;

static int by_score(const void *a, const void *b)
{
    double x = ((const point *)a)->s, y = ((const point *)b)->s;

    return (x > y) - (x < y);
}

/* Rows of equal scores become one point: no order among them shows. */
static int64_t merge_ties(point *p, int64_t n)
{
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++) {
        if (m > 0 && p[m - 1].s == p[i].s) {
            p[m - 1].sum += p[i].sum;
            p[m - 1].n += p[i].n;
        } else
            p[m++] = p[i];
    }
    return m;
}

/* Sums are whole numbers, so means are compared without rounding. */
static bool violates(const point *a, const point *b)
{
    return a->sum * b->n >= b->sum * a->n;
}

static int64_t pool(point *p, int64_t n)
{
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++) {
        point at = p[i];
        while (m > 0 && violates(&p[m - 1], &at)) {
            m--;
            at = (point){p[m].s, p[m].sum + at.sum, p[m].n + at.n, at.last};
        }
        p[m++] = at;
    }
    return m;
}

int64_t calibrate_isotonic(int64_t n, const double *s, const uint8_t *yes, void *work, double *knot,
                           double *height)
{
    point *p = work;
    int64_t m, k = 0;

    for (int64_t i = 0; i < n; i++)
        p[i] = (point){s[i], yes[i] != 0, 1, s[i]};
    qsort(p, (size_t)n, sizeof *p, by_score);
    m = pool(p, merge_ties(p, n));
    for (int64_t i = 0; i < m; i++) {
        knot[k] = p[i].s;
        height[k++] = p[i].sum / p[i].n;
        if (p[i].last == p[i].s) continue;
        knot[k] = p[i].last;
        height[k++] = p[i].sum / p[i].n;
    }
    return k;
}

size_t calibrate_isotonic_work(void)
{
    return sizeof(point);
}

double calibrate_interpolate(int64_t n, const double *knot, const double *height, double s)
{
    int64_t lo = 0, hi = n - 1;
    double part;

    if (!(s > knot[0])) return height[0];
    if (s >= knot[hi]) return height[hi];
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (knot[mid] <= s)
            lo = mid;
        else
            hi = mid;
    }
    part = (s - knot[lo]) / (knot[hi] - knot[lo]);
    return height[lo] + part * (height[hi] - height[lo]);
}
