/* feature_lasso.c - the order in which columns enter the path of a logistic regression with an L1
 * penalty:
 *
 *     min_b  1/n sum_i log(1 + exp(-s_i (b_0 + x_i b))) + l |b|_1,   l = l_max, 0.8 l_max, ...
 *
 * on columns less their mean, divided by their deviation, missing values at the mean; l_max is the
 * least penalty at which all b are 0.  More than two classes: one regression for each against the
 * rest, on one path.  A step minimises the quadratic bound with X'X / (4 n) in the place of the
 * Hessian (Boehning 1992), by coordinate descent (Friedman, Hastie, Tibshirani, "Regularization
 * paths for generalized linear models via coordinate descent", J. Stat. Software 33, 2010): X'X is
 * one exact sum over the rows, and each step one more, of the gradient. */
#include <math.h>

#include "crmpi/base_math.h"
#include "feature_impl.h"

enum { PENALTIES = 60, STEPS = 50, SWEEPS = 1000 };
static const double RATIO = 0.8, TOL = 1e-5, SWEEP_TOL = 1e-7;
static const size_t KEEP_BYTES = (size_t)1 << 28; /* rows kept in memory */

typedef struct lasso {
    const crm_fit *fit;
    int64_t n_num, n_cat, p, k, rows; /* p columns take part; k regressions */
    int64_t *column;                  /* [p] */
    double *centre, *spread;          /* [n_num] */
    int64_t *present;                 /* [n_num] */
    crm_view own;
    int64_t own_at; /* position of the first own row */
    crm_matrix *x;
    double *gram;          /* [p][p] of 1/n X'X */
    double *b, *b0;        /* [k][p], [k] */
    double *gradient;      /* [k][p + 1], the last of the intercept */
    double *delta, *slope; /* [p] step of a regression, and gram * delta */
    double penalty;
} lasso;

static crm_status lasso_new(lasso *l, const crm_source *in)
{
    const crm_schema *s = crm_source_schema(in);
    const crm_target *t = crm_data_target(l->fit->train->data, l->fit->target);

    l->n_num = s->n_num;
    l->n_cat = s->n_cat;
    l->k = t->n_classes == 2 ? 1 : t->n_classes;
    l->rows = l->fit->train->n;
    l->own = crm_rows_own(l->fit);
    l->own_at = l->own.row - l->fit->train->row;
    CRM_NEW(l->column, l->n_num);
    CRM_NEW(l->centre, l->n_num);
    CRM_NEW(l->spread, l->n_num);
    CRM_NEW(l->present, l->n_num);
    return crm_matrix_new(in, &l->own, l->fit->pool, KEEP_BYTES, &l->x);
}

/* Columns that take part, and room for them. */
static crm_status lasso_shape(lasso *l, const uint8_t *take)
{
    for (int64_t c = 0; c < l->n_num; c++) {
        l->spread[c] = isfinite(l->spread[c]) ? sqrt(l->spread[c]) : 0;
        if (take[c] && l->spread[c] > 0) l->column[l->p++] = c;
    }
    CRM_NEW(l->gram, l->p * l->p);
    CRM_NEW(l->b, l->k * l->p);
    CRM_NEW(l->b0, l->k);
    CRM_NEW(l->gradient, l->k * (l->p + 1));
    CRM_NEW(l->delta, l->p);
    CRM_NEW(l->slope, l->p);
    return CRM_OK;
}

static void lasso_free(lasso *l)
{
    crm_matrix_free(&l->x);
    crm_mem_free(l->column);
    crm_mem_free(l->centre);
    crm_mem_free(l->spread);
    crm_mem_free(l->present);
    crm_mem_free(l->gram);
    crm_mem_free(l->b);
    crm_mem_free(l->b0);
    crm_mem_free(l->gradient);
    crm_mem_free(l->delta);
    crm_mem_free(l->slope);
}

/* ---- sums over leaves ---- */

/* Standardised rows of a leaf, z[n][p]. */
typedef struct leaf {
    int64_t at, n;
    double *z;
    float *num;
    int32_t *cat;
    int64_t *pos;
} leaf;

static crm_status leaf_read(const lasso *l, int64_t number, leaf *f)
{
    crm_leaf_rows(l->rows, number, &f->at, &f->n);
    CRM_NEW(f->z, f->n * l->p);
    CRM_NEW(f->num, f->n * l->n_num);
    CRM_NEW(f->cat, f->n * l->n_cat);
    CRM_NEW(f->pos, f->n);
    for (int64_t i = 0; i < f->n; i++)
        f->pos[i] = f->at - l->own_at + i;
    CRM_TRY(crm_matrix_read(l->x, f->pos, f->n, f->num, f->cat));
    for (int64_t i = 0; i < f->n; i++)
        for (int64_t j = 0; j < l->p; j++) {
            int64_t c = l->column[j];
            float v = f->num[i * l->n_num + c];
            f->z[i * l->p + j] = isfinite(v) ? ((double)v - l->centre[c]) / l->spread[c] : 0;
        }
    return CRM_OK;
}

static void leaf_free(leaf *f)
{
    crm_mem_free(f->z);
    crm_mem_free(f->num);
    crm_mem_free(f->cat);
    crm_mem_free(f->pos);
}

static crm_status gram_leaf(void *ctx, int64_t number, int worker, void *out)
{
    const lasso *l = ctx;
    double *gram = out;
    leaf f = {0};
    crm_status st = leaf_read(l, number, &f);

    (void)worker;
    for (int64_t i = 0; i < f.n && !st; i++) {
        const double *z = f.z + i * l->p;
        for (int64_t a = 0; a < l->p; a++)
            for (int64_t b = 0; b <= a; b++)
                gram[a * l->p + b] += z[a] * z[b];
    }
    leaf_free(&f);
    return st;
}

/* Of regression k at row i: probability less label. */
static double residual(const lasso *l, const double *z, int64_t k, bool positive)
{
    double eta = l->b0[k];

    for (int64_t j = 0; j < l->p; j++)
        eta += z[j] * l->b[k * l->p + j];
    return crm_sigmoid(eta) - (positive ? 1 : 0);
}

static crm_status gradient_leaf(void *ctx, int64_t number, int worker, void *out)
{
    const lasso *l = ctx;
    const int32_t *label = crm_data_target(l->fit->train->data, l->fit->target)->label;
    leaf f = {0};
    crm_status st = leaf_read(l, number, &f);

    (void)worker;
    for (int64_t i = 0; i < f.n && !st; i++) {
        int32_t y = label[l->fit->train->row[f.at + i]];
        for (int64_t k = 0; k < l->k; k++) {
            double *g = (double *)out + k * (l->p + 1);
            double r = residual(l, f.z + i * l->p, k, y == (l->k == 1 ? 1 : k));
            for (int64_t j = 0; j < l->p; j++)
                g[j] += r * f.z[i * l->p + j];
            g[l->p] += r;
        }
    }
    leaf_free(&f);
    return st;
}

static crm_status find_gram(lasso *l)
{
    CRM_TRY(crm_tree_sum_once(l->fit->comm, l->fit->pool, crm_leaf_count(l->rows), l->p * l->p,
                              gram_leaf, l, l->gram));
    for (int64_t a = 0; a < l->p; a++)
        for (int64_t b = 0; b <= a; b++) {
            l->gram[a * l->p + b] /= (double)l->rows;
            l->gram[b * l->p + a] = l->gram[a * l->p + b];
        }
    return CRM_OK;
}

static crm_status find_gradient(lasso *l)
{
    int64_t width = l->k * (l->p + 1);

    CRM_TRY(crm_tree_sum_once(l->fit->comm, l->fit->pool, crm_leaf_count(l->rows), width,
                              gradient_leaf, l, l->gradient));
    for (int64_t i = 0; i < width; i++)
        l->gradient[i] /= (double)l->rows;
    return CRM_OK;
}

/* ---- steps; all local, and the same on every rank ---- */
static double shrink(double v, double by)
{
    return v > by ? v - by : v < -by ? v + by : 0;
}

/* One pass over the coordinates of regression k; returns the largest change. */
static double sweep(lasso *l, int64_t k)
{
    const double *g = l->gradient + k * (l->p + 1);
    double *b = l->b + k * l->p, most = 0;

    for (int64_t j = 0; j < l->p; j++) {
        double h = l->gram[j * l->p + j] / 4, old = b[j] + l->delta[j];
        double next = h > 0 ? shrink(h * old - g[j] - l->slope[j] / 4, l->penalty) / h : 0;
        double by = next - old;
        if (by == 0) continue;
        l->delta[j] += by;
        for (int64_t i = 0; i < l->p; i++)
            l->slope[i] += by * l->gram[j * l->p + i];
        if (fabs(by) > most) most = fabs(by);
    }
    return most;
}

/* Minimises the bound around b; returns the largest change of a coefficient. */
static double step(lasso *l, int64_t k)
{
    double most, by = 4 * l->gradient[k * (l->p + 1) + l->p];

    for (int64_t j = 0; j < l->p; j++)
        l->delta[j] = l->slope[j] = 0;
    for (int i = 0; i < SWEEPS; i++)
        if (sweep(l, k) < SWEEP_TOL) break;
    l->b0[k] -= by;
    most = fabs(by);
    for (int64_t j = 0; j < l->p; j++) {
        double *b = &l->b[k * l->p + j], next = *b + l->delta[j];
        if (fabs(l->delta[j]) > most) most = fabs(l->delta[j]);
        *b = fabs(next) < 1e-12 ? 0 : next; /* what rounding leaves of a 0 */
    }
    return most;
}

static crm_status solve(lasso *l)
{
    double most = INFINITY;

    for (int i = 0; i < STEPS && most > TOL; i++) {
        CRM_TRY(find_gradient(l));
        most = 0;
        for (int64_t k = 0; k < l->k; k++) {
            double by = step(l, k);
            if (by > most) most = by;
        }
    }
    return CRM_OK;
}

/* At the intercepts alone; the bound of log-odds keeps a class without rows finite. */
static crm_status find_first_penalty(lasso *l)
{
    l->penalty = INFINITY;
    CRM_TRY(solve(l));
    CRM_TRY(find_gradient(l));
    l->penalty = 0;
    for (int64_t k = 0; k < l->k; k++)
        for (int64_t j = 0; j < l->p; j++) {
            double g = fabs(l->gradient[k * (l->p + 1) + j]);
            if (g > l->penalty) l->penalty = g;
        }
    return CRM_OK;
}

/* Columns that are new at this penalty stand in the order of their largest coefficient; returns how
 * many have entered. */
static crm_status enter(const lasso *l, int64_t entered, int64_t *entry, int64_t *now)
{
    double *size = NULL;
    int64_t *place = NULL;
    crm_status st = CRM_OK;

    *now = entered;
    CRM_NEW_TO(st, done, size, l->p);
    CRM_NEW_TO(st, done, place, l->p);
    for (int64_t i = 0; i < l->k * l->p; i++) {
        double b = fabs(l->b[i]);
        bool fresh = entry[l->column[i % l->p]] < 0;
        if (fresh && b > size[i % l->p]) size[i % l->p] = b;
    }
    CRM_TRY_TO(st, done, feature_rank(l->p, size, place));
    for (int64_t j = 0; j < l->p; j++) {
        if (!(size[j] > 0)) continue;
        entry[l->column[j]] = entered + place[j];
        ++*now;
    }
done:
    crm_mem_free(size);
    crm_mem_free(place);
    return st;
}

static crm_status walk(lasso *l, int64_t want, int64_t *entry)
{
    int64_t entered = 0;

    CRM_TRY(find_gram(l));
    CRM_TRY(find_first_penalty(l));
    for (int i = 0; i < PENALTIES && entered < want && entered < l->p; i++) {
        l->penalty *= RATIO;
        if (!(l->penalty > 0)) break;
        CRM_TRY(solve(l));
        CRM_TRY(crm_comm_agree(l->fit->comm, enter(l, entered, entry, &entered)));
    }
    return CRM_OK;
}

crm_status feature_lasso(const crm_fit *fit, const crm_source *in, const uint8_t *take,
                         int64_t want, int64_t *entry)
{
    lasso l = {.fit = fit};
    crm_status st = crm_comm_agree(fit->comm, lasso_new(&l, in));

    for (int64_t c = 0; c < l.n_num; c++)
        entry[c] = -1;
    if (!st) st = feature_moments(fit, in, l.centre, l.spread, l.present);
    if (!st) st = crm_comm_agree(fit->comm, lasso_shape(&l, take));
    if (!st && l.p > 0) st = walk(&l, want, entry);
    lasso_free(&l);
    return st;
}
