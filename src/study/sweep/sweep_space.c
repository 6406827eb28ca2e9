/* sweep_space.c - points of a space: from the unit cube, as text, and those of a grid. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "sweep_impl.h"

/* ---- one dimension ---- */

int64_t sweep_dim_count(const crm_dim *d)
{
    if (d->kind == CRM_DIM_LIST) return d->n;
    return d->step > 0 ? (int64_t)floor((d->hi - d->lo) / d->step * (1 + 1e-12)) + 1 : 0;
}

/* Half a step more at both ends, so that the first and the last value are as wide as the others;
 * what lies below 0 cannot be, where the logarithm is even. */
sweep_range sweep_dim_range(const crm_dim *d)
{
    sweep_range r = {.lo = d->lo, .hi = d->hi};

    if (d->kind == CRM_DIM_LIST) return (sweep_range){.lo = 0, .hi = (double)d->n};
    if (d->step > 0) {
        double last = d->lo + (double)(sweep_dim_count(d) - 1) * d->step;
        double below = d->log ? fmin(d->step / 2, d->lo / 2) : d->step / 2;
        r.lo = d->lo - below;
        r.hi = last + d->step / 2;
    }
    if (d->log) {
        r.lo = crm_log(r.lo);
        r.hi = crm_log(r.hi);
    }
    return r;
}

double sweep_dim_inner(const crm_dim *d, double x)
{
    return d->log && d->kind != CRM_DIM_LIST ? crm_log(x) : x;
}

double sweep_dim_outer(const crm_dim *d, double z)
{
    double x, last = (double)(sweep_dim_count(d) - 1);

    if (d->kind == CRM_DIM_LIST) return fmin(fmax(floor(z), 0), last);
    x = d->log ? crm_exp(z) : z;
    if (d->step > 0)
        return d->lo + d->step * fmin(fmax(floor((x - d->lo) / d->step + 0.5), 0), last);
    return fmin(fmax(x, d->lo), d->hi);
}

double sweep_dim_unit(const crm_dim *d, double x)
{
    sweep_range r = sweep_dim_range(d);

    return (sweep_dim_inner(d, x) + (d->kind == CRM_DIM_LIST ? 0.5 : 0) - r.lo) / (r.hi - r.lo);
}

/* ---- points ---- */

static bool has_value(const crm_dim *d, double x)
{
    for (int i = 0; i < d->n_given; i++)
        if (d->given[i] == x) return true;
    return false;
}

bool crm_space_active(const crm_space *s, int d, const double *x)
{
    const crm_dim *it = &s->dim[d];

    if (it->when < 0) return true;
    return !isnan(x[it->when]) && has_value(it, x[it->when]) != it->unless;
}

void crm_space_point(const crm_space *s, const double *u, double *x)
{
    for (int d = 0; d < s->n; d++) {
        sweep_range r = sweep_dim_range(&s->dim[d]);
        x[d] = crm_space_active(s, d, x) ? sweep_dim_outer(&s->dim[d], r.lo + u[d] * (r.hi - r.lo))
                                         : NAN;
    }
}

const char *crm_space_text(const crm_space *s, int d, double x, char room[32])
{
    const crm_dim *it = &s->dim[d];

    if (it->kind == CRM_DIM_LIST) return it->value[(int)x];
    if (it->kind == CRM_DIM_INTEGER) {
        snprintf(room, 32, "%lld", (long long)x);
        return room;
    }
    return crm_format_f64(x, room);
}

/* ---- grid ---- */

static int64_t grid_count(const crm_dim *d, int points)
{
    int64_t n = sweep_dim_count(d);

    return n > 0 && (d->kind == CRM_DIM_LIST || n <= points) ? n : points;
}

static double grid_value(const crm_dim *d, int points, int64_t i)
{
    int64_t n = grid_count(d, points);
    double lo = sweep_dim_inner(d, d->lo), hi = sweep_dim_inner(d, d->hi);

    if (d->kind == CRM_DIM_LIST) return (double)i;
    if (n == sweep_dim_count(d)) return d->lo + (double)i * d->step;
    return n == 1 ? d->lo : sweep_dim_outer(d, lo + (hi - lo) * (double)i / (double)(n - 1));
}

/* An odometer: dimensions that are part of the point turn, the others stand. */
typedef struct odometer {
    const crm_space *s;
    int points;
    int64_t at[CRM_SWEEP_DIMS_MAX];
    double *x;
} odometer;

static void set_from(odometer *o, int d)
{
    for (; d < o->s->n; d++)
        o->x[d] =
            crm_space_active(o->s, d, o->x) ? grid_value(&o->s->dim[d], o->points, o->at[d]) : NAN;
}

static bool turn(odometer *o)
{
    for (int d = o->s->n - 1; d >= 0; d--) {
        if (isnan(o->x[d]) || o->at[d] + 1 >= grid_count(&o->s->dim[d], o->points)) continue;
        o->at[d]++;
        memset(o->at + d + 1, 0, (size_t)(o->s->n - d - 1) * sizeof *o->at);
        set_from(o, d);
        return true;
    }
    return false;
}

int64_t crm_space_grid(const crm_space *s, int points, int64_t max)
{
    double x[CRM_SWEEP_DIMS_MAX];
    odometer o = {.s = s, .points = points, .x = x};
    int64_t n = 1;

    set_from(&o, 0);
    while (n <= max && turn(&o))
        n++;
    return n;
}

bool crm_space_grid_point(const crm_space *s, int points, int64_t i, double *x)
{
    odometer o = {.s = s, .points = points, .x = x};

    set_from(&o, 0);
    for (; i > 0; i--)
        if (!turn(&o)) return false;
    return true;
}
