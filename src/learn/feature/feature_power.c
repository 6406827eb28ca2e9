/* feature_power.c - numbers made more symmetric: sign(x) log(1 + |x|), or the Yeo-Johnson transform
 *
 *     T(x) = ((1 + x)^l - 1) / l                   x >= 0   (log(1 + x)  at l = 0)
 *     T(x) = -((1 - x)^(2 - l) - 1) / (2 - l)      x < 0    (-log(1 - x) at l = 2)
 *
 * with the l in -5..5 that maximises the log-likelihood of a normal distribution
 *
 *     -n/2 log(variance of T) + (l - 1) sum sign(x) log(1 + |x|)
 *
 * (Yeo and Johnson, "A new family of power transformations to improve normality or symmetry",
 * Biometrika 87, 2000), found by Brent's search without derivatives (Brent, "Algorithms for
 * Minimization Without Derivatives", 1973, ch. 5) for all columns at once: a step is one exact sum
 * over the rows.  The result is then centred and divided by its deviation, because T itself may be
 * too large or too flat for a float. */
#include <float.h>
#include <math.h>

#include "crmpi/base_math.h"
#include "feature_brent.h"
#include "feature_impl.h"

static const double LAMBDA_MIN = -5, LAMBDA_MAX = 5, LAMBDA_TOL = 1.5e-8;
enum { STEPS = 200 };

typedef struct power {
    feature f;
    int n;
    int64_t kind;
    double *lambda, *centre, *spread; /* [n]; spread 0: the column passes */
} power;

static crm_status power_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_power_class, sizeof(power), cfg, out);
}

static void power_free(crm_transform *t)
{
    power *m = (power *)t;

    crm_mem_free(m->lambda);
    crm_mem_free(m->centre);
    crm_mem_free(m->spread);
    feature_free(t);
}

static crm_status shape(power *m, const crm_schema *in)
{
    m->n = in->n_num;
    CRM_NEW(m->lambda, m->n);
    CRM_NEW(m->centre, m->n);
    CRM_NEW(m->spread, m->n);
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

/* (exp(l e) - 1) / l for e = log(1 + |x|), by its series where that would cancel. */
static double box(double e, double l)
{
    double t = l * e;

    if (fabs(t) > 1e-3) return (crm_exp(t) - 1) / l;
    return e * (1 + t * (1.0 / 2 + t * (1.0 / 6 + t * (1.0 / 24 + t * (1.0 / 120 + t / 720)))));
}

static double yeo_johnson(double x, double l)
{
    return x >= 0 ? box(crm_log1p(x), l) : -box(crm_log1p(-x), 2 - l);
}

static double log1p_signed(double x)
{
    return x >= 0 ? crm_log1p(x) : -crm_log1p(-x);
}

/* ---- likelihood ---- */

/* Where the search stands, for all columns. */
typedef struct search {
    int n;
    feature_brent *at; /* [n] */
    double *lambda;    /* [n] under trial */
    double *mean;      /* [n] of x, near which sums are taken */
    double *pivot;     /* [n] T(mean) */
    double *logs;      /* [n] mean of sign(x) log(1 + |x|) */
    double *sum;       /* [2 n] of T - pivot, of its square */
    int64_t *present;  /* [n] */
    bool *idle;        /* [n] found, or constant */
} search;

static void add_logs(void *ctx, const crm_rows_piece *p, double *out)
{
    const search *s = ctx;

    for (int64_t i = 0; i < p->n * s->n; i++)
        if (!isnan(p->num[i])) out[i % s->n] += log1p_signed(p->num[i]);
}

static void add_trial(void *ctx, const crm_rows_piece *p, double *out)
{
    const search *s = ctx;

    for (int64_t r = 0; r < p->n; r++)
        for (int c = 0; c < s->n; c++) {
            float x = p->num[r * s->n + c];
            double d;
            if (s->idle[c] || isnan(x)) continue;
            d = yeo_johnson(x, s->lambda[c]) - s->pivot[c];
            out[c] += d;
            out[s->n + c] += d * d;
        }
}

static crm_status try_lambda(search *s, const crm_fit *fit, const crm_source *in)
{
    for (int c = 0; c < s->n; c++)
        s->pivot[c] = s->idle[c] ? 0 : yeo_johnson(s->mean[c], s->lambda[c]);
    return crm_rows_sum(fit, in, 2 * (int64_t)s->n, add_trial, s, s->sum);
}

static double variance_of(const search *s, int c)
{
    double n = (double)s->present[c], mean = s->sum[c] / n;

    return s->sum[s->n + c] / n - mean * mean;
}

/* Of one row, negative; infinite where the variance cannot be told. */
static double loss_of(const search *s, int c)
{
    double v = variance_of(s, c);

    if (!(v > 0) || !isfinite(v)) return INFINITY;
    return 0.5 * crm_log(v) - (s->lambda[c] - 1) * s->logs[c];
}

static crm_status search_new(search *s, const crm_schema *in)
{
    s->n = in->n_num;
    CRM_NEW(s->at, s->n);
    CRM_NEW(s->lambda, s->n);
    CRM_NEW(s->mean, s->n);
    CRM_NEW(s->pivot, s->n);
    CRM_NEW(s->logs, s->n);
    CRM_NEW(s->sum, 2 * s->n);
    CRM_NEW(s->present, s->n);
    CRM_NEW(s->idle, s->n);
    return CRM_OK;
}

static void search_free(search *s)
{
    crm_mem_free(s->at);
    crm_mem_free(s->lambda);
    crm_mem_free(s->mean);
    crm_mem_free(s->pivot);
    crm_mem_free(s->logs);
    crm_mem_free(s->sum);
    crm_mem_free(s->present);
    crm_mem_free(s->idle);
}

static crm_status search_begin(search *s, const crm_fit *fit, const crm_source *in)
{
    CRM_TRY(feature_moments(fit, in, s->mean, s->pivot, s->present)); /* variances for now */
    for (int c = 0; c < s->n; c++) {
        s->idle[c] = !(s->pivot[c] > 0) || !isfinite(s->pivot[c]);
        s->lambda[c] = 1;
        if (!s->idle[c]) s->lambda[c] = feature_brent_begin(&s->at[c], LAMBDA_MIN, LAMBDA_MAX);
    }
    CRM_TRY(crm_rows_sum(fit, in, s->n, add_logs, s, s->logs));
    for (int c = 0; c < s->n; c++)
        if (!s->idle[c]) s->logs[c] /= (double)s->present[c];
    return CRM_OK;
}

/* True while any column goes on. */
static bool search_step(search *s)
{
    bool more = false;

    for (int c = 0; c < s->n; c++) {
        if (s->idle[c]) continue;
        s->idle[c] = !feature_brent_step(&s->at[c], loss_of(s, c), LAMBDA_TOL, &s->lambda[c]);
        more = more || !s->idle[c];
    }
    return more;
}

static crm_status find_lambdas(search *s, const crm_fit *fit, const crm_source *in)
{
    bool more = true;

    CRM_TRY(search_begin(s, fit, in));
    for (int i = 0; i < STEPS && more; i++) {
        CRM_TRY(try_lambda(s, fit, in));
        more = search_step(s);
    }
    return CRM_OK;
}

/* Centre and spread of the transformed columns. */
static crm_status standardise(power *m, search *s, const crm_fit *fit, const crm_source *in)
{
    for (int c = 0; c < s->n; c++)
        s->idle[c] = !s->at[c].begun;
    CRM_TRY(try_lambda(s, fit, in));
    for (int c = 0; c < s->n; c++) {
        double v = s->idle[c] ? 0 : variance_of(s, c);
        m->lambda[c] = s->lambda[c];
        if (!(v > 0) || !isfinite(v)) continue;
        m->centre[c] = s->pivot[c] + s->sum[c] / (double)s->present[c];
        m->spread[c] = sqrt(v);
    }
    return CRM_OK;
}

static crm_status power_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    power *m = (power *)t;
    const crm_schema *schema = crm_source_schema(in);
    search s = {0};
    crm_status st;

    m->kind = ((const crm_power_cfg *)m->f.cfg)->kind;
    CRM_TRY(crm_comm_agree(fit->comm, shape(m, schema)));
    if (m->kind != CRM_POWER_YEO_JOHNSON) return CRM_OK;
    st = crm_comm_agree(fit->comm, search_new(&s, schema));
    if (!st) st = find_lambdas(&s, fit, in);
    if (!st) st = standardise(m, &s, fit, in);
    search_free(&s);
    return st;
}

/* ---- apply ---- */
static float finite_of(double v, float x)
{
    if (!isfinite(x)) return x;
    if (v > FLT_MAX) return FLT_MAX;
    return v < -FLT_MAX ? -FLT_MAX : (float)v;
}

static float powered(const power *m, int c, float x)
{
    if (isnan(x) || m->kind == CRM_POWER_NONE) return x;
    if (m->kind == CRM_POWER_LOG1P) return finite_of(log1p_signed(x), x);
    if (!(m->spread[c] > 0)) return x;
    return finite_of((yeo_johnson(x, m->lambda[c]) - m->centre[c]) / m->spread[c], x);
}

static crm_status power_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                              const crm_block *in, crm_block *out)
{
    const power *m = (const power *)t;

    (void)data;
    for (int64_t r = 0; r < in->n; r++)
        for (int c = 0; c < m->n; c++)
            out->num[r * m->n + c] = powered(m, c, in->num[r * m->n + c]);
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static crm_status power_save(const crm_transform *t, crm_bag *b)
{
    const power *m = (const power *)t;

    CRM_TRY(crm_bag_put_i64(b, "kind", m->kind));
    CRM_TRY(feature_put(b, "lambda", CRM_F64, m->n, m->lambda));
    CRM_TRY(feature_put(b, "centre", CRM_F64, m->n, m->centre));
    return feature_put(b, "spread", CRM_F64, m->n, m->spread);
}

static crm_status power_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    power *m = (power *)t;

    CRM_TRY(shape(m, in));
    CRM_TRY(crm_bag_get_i64(b, "kind", &m->kind));
    CRM_TRY(feature_get(b, "lambda", CRM_F64, m->n, m->lambda));
    CRM_TRY(feature_get(b, "centre", CRM_F64, m->n, m->centre));
    return feature_get(b, "spread", CRM_F64, m->n, m->spread);
}

static bool power_idle(const void *cfg)
{
    return ((const crm_power_cfg *)cfg)->kind == CRM_POWER_NONE;
}

static const crm_cfg_part parts[] = {{crm_power_opts, 0}, {NULL, 0}};

const crm_transform_class crm_power_class = {
    .name = "power",
    .parts = parts,
    .cfg_size = sizeof(crm_power_cfg),
    .help = "Numbers are made more symmetric by a logarithm or a power of their own.",
    .make = power_make,
    .fit = power_fit,
    .schema = feature_schema,
    .apply = power_apply,
    .save = power_save,
    .load = power_load,
    .free = power_free,
    .idle = power_idle,
};
