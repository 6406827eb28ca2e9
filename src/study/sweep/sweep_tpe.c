/* sweep_tpe.c - tree-structured Parzen estimator.
 *
 * The trials seen are split into the best ones and the rest; each part is a mixture of one kernel
 * for each of its trials and one prior, over all dimensions at once.  Points are drawn from the
 * mixture l of the best, and that with the largest l / g is taken (Bergstra et al., "Algorithms for
 * hyper-parameter optimization", NIPS 2011).
 *
 *     best        the ceil(n / 10) least losses, at most 25; a failed trial is none
 *     kernel      product over dimensions: normal, cut off at the ends of the range, of a value
 *                 with steps the mass of its step; of a list its own value and, less, all values
 *     width       distance to the farther of the two neighbours among the values of the dimension
 *                 (of the least and the largest value: to the only one), not below
 *                 (hi - lo) / min(100, (kernels + 1)^(1 + 1 / dimensions)) and not above hi - lo
 *     weights     1 for the last 25 trials, falling linearly to 1 / n for the first; prior 1
 *
 * The least width is the "magic clip" of Watanabe, "Tree-structured Parzen estimator: understanding
 * its algorithm components and their roles for better empirical performance" (2023), whose exponent
 * is 1 (wide) to 2 (narrow): few dimensions are soon known well enough for narrow kernels, among
 * many, narrow ones find nothing new.  docs/sweeps.md has figures.
 *
 * A trial without a dimension has the prior there. */
#include <math.h>
#include <stdlib.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/stats_dist.h"
#include "sweep_impl.h"

enum { BEST_MAX = 25, RECENT = 25 };

/* One dimension of one kernel. */
typedef struct bell {
    bool has;        /* the trial has a value here       */
    double x;        /* that value                       */
    double mean, sd; /* of a normal, on the inner scale  */
    double mass;     /* of it within the range           */
    double log_size; /* log(sd * mass)                   */
} bell;

typedef struct mixture {
    const crm_space *s;
    const sweep_range *range;
    int64_t n;        /* kernels; the last one is the prior */
    const double **x; /* [n] points, the prior's is NULL    */
    double *log_weight;
    bell *bell;   /* [n][dims] */
    double *part; /* [n] scratch */
} mixture;

/* ---- kernels ---- */

static double normal_mass(double mean, double sd, double lo, double hi)
{
    double a = (lo - mean) / sd, b = (hi - mean) / sd;

    /* Far above the mean differences of upper tails keep their digits. */
    return a > 0 ? crm_stats_normal_cdf(-a) - crm_stats_normal_cdf(-b)
                 : crm_stats_normal_cdf(b) - crm_stats_normal_cdf(a);
}

static double list_mass(const mixture *m, const crm_dim *d, const bell *k, double x)
{
    double spread = 1 / (double)m->n;

    if (!k->has) return 1 / (double)d->n;
    return ((k->x == x ? 1 : 0) + spread) / (1 + (double)d->n * spread);
}

/* The step that a value stands for, on the inner scale and cut off at the ends. */
static sweep_range step_of(const crm_dim *d, const sweep_range *r, double x)
{
    double lo = x - d->step / 2, hi = x + d->step / 2;

    return (sweep_range){.lo = lo <= 0 && d->log ? r->lo : fmax(r->lo, sweep_dim_inner(d, lo)),
                         .hi = fmin(r->hi, sweep_dim_inner(d, hi))};
}

/* A point that is looked at, on the inner scale. */
typedef struct place {
    double z;
    sweep_range own; /* of a value with steps */
} place;

static double log_kernel(const mixture *m, int d, const bell *k, double x, const place *p)
{
    const crm_dim *it = &m->s->dim[d];
    double t;

    if (it->kind == CRM_DIM_LIST) return crm_log(list_mass(m, it, k, x));
    if (it->step > 0)
        return crm_log(fmax(normal_mass(k->mean, k->sd, p->own.lo, p->own.hi) / k->mass, 1e-300));
    t = (p->z - k->mean) / k->sd;
    return -t * t / 2 - k->log_size;
}

/* log of the mixture at x, up to a constant that all mixtures share. */
static double log_density(const mixture *m, const double *x)
{
    place p[CRM_SWEEP_DIMS_MAX];
    double top = -INFINITY, sum = 0;
    int dims = m->s->n;

    for (int d = 0; d < dims; d++)
        if (!isnan(x[d]) && m->s->dim[d].kind != CRM_DIM_LIST)
            p[d] = (place){.z = sweep_dim_inner(&m->s->dim[d], x[d]),
                           .own = step_of(&m->s->dim[d], &m->range[d], x[d])};
    for (int64_t i = 0; i < m->n; i++) {
        double l = m->log_weight[i];
        for (int d = 0; d < dims; d++)
            if (!isnan(x[d])) l += log_kernel(m, d, &m->bell[i * dims + d], x[d], &p[d]);
        m->part[i] = l;
        top = fmax(top, l);
    }
    for (int64_t i = 0; i < m->n; i++)
        sum += crm_exp(m->part[i] - top);
    return top + crm_log(sum);
}

static double draw_list(const mixture *m, const crm_dim *d, const bell *k, double u)
{
    for (int v = 0; v < d->n - 1; v++) {
        u -= list_mass(m, d, k, v);
        if (u < 0) return v;
    }
    return d->n - 1;
}

static double draw_dim(const mixture *m, int d, const bell *k, double u)
{
    const crm_dim *it = &m->s->dim[d];
    const sweep_range *r = &m->range[d];
    double p;

    if (it->kind == CRM_DIM_LIST) return draw_list(m, it, k, u);
    p = crm_stats_normal_cdf((r->lo - k->mean) / k->sd) + u * k->mass;
    p = fmin(fmax(p, 1e-300), 1 - 1e-16);
    return sweep_dim_outer(it, fmin(fmax(k->mean + k->sd * crm_normal_quantile(p), r->lo), r->hi));
}

static void draw(const mixture *m, crm_rng *r, double *x)
{
    double u = crm_rng_uniform(r);
    int64_t i = 0;

    for (; i < m->n - 1; i++) {
        u -= crm_exp(m->log_weight[i]);
        if (u < 0) break;
    }
    for (int d = 0; d < m->s->n; d++) {
        u = crm_rng_uniform(r);
        x[d] = crm_space_active(m->s, d, x) ? draw_dim(m, d, &m->bell[i * m->s->n + d], u) : NAN;
    }
}

/* ---- mixtures ---- */

static void mixture_free(mixture *m)
{
    crm_mem_free(m->x);
    crm_mem_free(m->log_weight);
    crm_mem_free(m->bell);
    crm_mem_free(m->part);
}

static crm_status mixture_new(mixture *m, int64_t most)
{
    CRM_NEW(m->x, most);
    CRM_NEW(m->log_weight, most);
    CRM_NEW(m->bell, most * m->s->n);
    CRM_NEW(m->part, most);
    return CRM_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Distance of value z to the farther of its neighbours in sorted[n], in which it occurs. */
static double gap_of(double z, const double *sorted, int64_t n)
{
    const double *at = bsearch(&z, sorted, (size_t)n, sizeof z, by_value);
    int64_t first = at - sorted, last = first;
    double left, right;

    while (first > 0 && sorted[first - 1] == z)
        first--;
    while (last + 1 < n && sorted[last + 1] == z)
        last++;
    left = first > 0 ? z - sorted[first - 1] : 0;
    right = last + 1 < n ? sorted[last + 1] - z : 0;
    return fmax(left, right);
}

/* Normals of dimension d; part[n] is scratch. */
static void set_bells(mixture *m, int d)
{
    const crm_dim *it = &m->s->dim[d];
    const sweep_range *r = &m->range[d];
    double length = r->hi - r->lo;
    double least = length / fmin(100, crm_pow((double)m->n + 1, 1 + 1 / (double)m->s->n));
    int64_t n = 0;

    for (int64_t i = 0; i < m->n; i++)
        if (m->x[i] && !isnan(m->x[i][d])) m->part[n++] = sweep_dim_inner(it, m->x[i][d]);
    qsort(m->part, (size_t)n, sizeof *m->part, by_value);
    for (int64_t i = 0; i < m->n; i++) {
        bell *k = &m->bell[i * m->s->n + d];
        *k = (bell){.mean = (r->lo + r->hi) / 2, .sd = length};
        if (m->x[i] && !isnan(m->x[i][d])) {
            k->has = true;
            k->x = m->x[i][d];
            k->mean = sweep_dim_inner(it, k->x);
            k->sd = n > 1 ? fmin(fmax(gap_of(k->mean, m->part, n), least), length) : length;
        }
        k->mass = normal_mass(k->mean, k->sd, r->lo, r->hi);
        k->log_size = crm_log(k->sd * k->mass);
    }
}

/* Trials are in the order of their numbers; the prior comes last. */
static void mixture_finish(mixture *m)
{
    double total = 0, ramp = (double)(m->n - RECENT);

    for (int64_t i = 0; i < m->n; i++) {
        double first = 1 / (double)m->n, w = 1;
        if (i < m->n - RECENT) w = ramp > 1 ? first + (1 - first) * (double)i / (ramp - 1) : first;
        m->log_weight[i] = w;
        total += w;
    }
    m->x[m->n] = NULL;
    m->log_weight[m->n] = 1;
    total += 1;
    m->n++;
    for (int64_t i = 0; i < m->n; i++)
        m->log_weight[i] = crm_log(m->log_weight[i] / total);
    for (int d = 0; d < m->s->n; d++)
        if (m->s->dim[d].kind == CRM_DIM_LIST)
            for (int64_t i = 0; i < m->n; i++)
                m->bell[i * m->s->n + d] =
                    (bell){.has = m->x[i] && !isnan(m->x[i][d]), .x = m->x[i] ? m->x[i][d] : 0};
        else
            set_bells(m, d);
}

/* is_best[n]: of the trials seen. */
static crm_status find_best(const crm_seen *seen, int64_t n, bool *is_best)
{
    int64_t m = (n + 9) / 10 < BEST_MAX ? (n + 9) / 10 : BEST_MAX;
    double *loss;

    CRM_NEW(loss, n);
    for (int64_t i = 0; i < n; i++)
        loss[i] = seen[i].loss;
    m = crm_rungs_promote(loss, n, m, is_best);
    crm_mem_free(loss);
    CRM_CHECK(m >= 0, CRM_ERR_NOMEM, "out of memory: %lld trials", (long long)n);
    return CRM_OK;
}

static crm_status split(const crm_seen *seen, int64_t n, mixture *best, mixture *rest)
{
    bool *is_best = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, is_best, n);
    CRM_TRY_TO(st, done, find_best(seen, n, is_best));
    for (int64_t i = 0; i < n; i++) {
        mixture *m = is_best[i] ? best : rest;
        m->x[m->n++] = seen[i].x;
    }
    mixture_finish(best);
    mixture_finish(rest);
done:
    crm_mem_free(is_best);
    return st;
}

static void take_best(const crm_sample_cfg *cfg, int64_t trial, const mixture *best,
                      const mixture *rest, double *x)
{
    double top = -INFINITY, y[CRM_SWEEP_DIMS_MAX];

    for (int c = 0; c < cfg->candidates; c++) {
        crm_rng r = crm_rng_at(cfg->seed, CRM_RNG_SWEEP, (uint32_t)c + 1, (uint64_t)trial);
        double gain;
        draw(best, &r, y);
        gain = log_density(best, y) - log_density(rest, y);
        if (c > 0 && !(gain > top)) continue;
        top = gain;
        for (int d = 0; d < best->s->n; d++)
            x[d] = y[d];
    }
}

crm_status sweep_tpe(const crm_sample_cfg *cfg, const crm_space *s, int64_t trial,
                     const crm_seen *seen, int64_t n, double *x)
{
    sweep_range range[CRM_SWEEP_DIMS_MAX];
    mixture best = {.s = s, .range = range}, rest = {.s = s, .range = range};
    crm_status st;

    for (int d = 0; d < s->n; d++)
        range[d] = sweep_dim_range(&s->dim[d]);
    st = mixture_new(&best, n + 1);
    if (!st) st = mixture_new(&rest, n + 1);
    if (!st) st = split(seen, n, &best, &rest);
    if (!st) take_best(cfg, trial, &best, &rest, x);
    mixture_free(&best);
    mixture_free(&rest);
    return st;
}
