/* feature_permute.c - how much worse a linear model becomes when a column is permuted, over rows
 * that the model has not seen.
 *
 * The training rows are drawn into PARTS parts.  For each part a ridge regression of the indicators
 * of the classes (one of two; all of more) is fitted on the rows of the others,
 *
 *     min_b  1/n sum_i (a + z_i b - y_i)^2 + RIDGE |b|^2,
 *
 * z standardised, missing values at 0, a not penalised.  On the part, with r_i = a + z_i b - y_i
 * and z_ij replaced by z_s(i)j, the squared error rises by the mean of 2 r_i b_j (z_s(i)j - z_ij) +
 * b_j^2 (z_s(i)j - z_ij)^2. Its mean over all permutations s needs no draw (a row may keep its own
 * value): 2 b_j (mean(z_j) mean(r) - mean(r z_j)) + 2 b_j^2 var(z_j), and all of it follows from
 * the sums of n, z, y, z z' and z y of each part, which are exact over ranks.  Importance by
 * permutation: L. Breiman, "Random forests", Machine Learning 45, 2001; its mean over all
 * permutations: A. Fisher, C. Rudin and F. Dominici, J. Mach. Learn. Res. 20 (177), 2019. */
#include <math.h>

#include "crmpi/base_rng.h"
#include "feature_impl.h"

enum { PARTS = 4 };
static const double RIDGE = 1e-3;

typedef struct permute {
    const crm_fit *fit;
    int64_t n_num, p, k;     /* p columns take part; k regressions */
    int64_t *column;         /* [p] */
    double *centre, *spread; /* [n_num] */
    int64_t *present;        /* [n_num] */
    uint8_t *part;           /* [rows of the data set] */
    int now;                 /* the part that is summed */
    double *sum[PARTS], *others;
    double *system; /* [p][p] its factor L, lower triangle */
    double *b;      /* [p] */
} permute;

/* Sums over rows; row has room for one while it is added, and 0 else. */
typedef struct sums {
    double *n, *z, *y; /* [1], [p], [k] */
    double *zz, *zy;   /* [p][p] lower triangle, [k][p] */
    double *row;       /* [p] */
} sums;

static int64_t width(const permute *x)
{
    return 1 + x->p + x->k + x->p * x->p + x->k * x->p + x->p;
}

static sums sums_at(const permute *x, double *at)
{
    sums s = {.n = at};

    s.z = s.n + 1;
    s.y = s.z + x->p;
    s.zz = s.y + x->k;
    s.zy = s.zz + x->p * x->p;
    s.row = s.zy + x->k * x->p;
    return s;
}

static crm_status permute_new(permute *x, const crm_source *in)
{
    const crm_target *t = crm_data_target(x->fit->train->data, x->fit->target);

    x->n_num = crm_source_schema(in)->n_num;
    x->k = t->n_classes == 2 ? 1 : t->n_classes;
    CRM_NEW(x->column, x->n_num);
    CRM_NEW(x->centre, x->n_num);
    CRM_NEW(x->spread, x->n_num);
    CRM_NEW(x->present, x->n_num);
    return CRM_OK;
}

/* Part of each training row; duplicates are in one. */
static crm_status draw_parts(permute *x)
{
    const crm_view *v = x->fit->train;
    const int64_t *group = crm_data_group(v->data);

    CRM_NEW(x->part, crm_data_rows(v->data));
    for (int64_t i = 0; i < v->n; i++) {
        uint64_t key = (uint64_t)(group ? group[v->row[i]] : v->row[i]);
        crm_rng r = crm_rng_at(x->fit->seed, CRM_RNG_SELECT, 0, key);
        x->part[v->row[i]] = (uint8_t)crm_rng_below(&r, PARTS);
    }
    return CRM_OK;
}

static crm_status permute_shape(permute *x, const uint8_t *take)
{
    for (int64_t c = 0; c < x->n_num; c++) {
        x->spread[c] = isfinite(x->spread[c]) ? sqrt(x->spread[c]) : 0;
        if (take[c] && x->spread[c] > 0) x->column[x->p++] = c;
    }
    for (int q = 0; q < PARTS; q++)
        CRM_NEW(x->sum[q], width(x));
    CRM_NEW(x->others, width(x));
    CRM_NEW(x->system, x->p * x->p);
    CRM_NEW(x->b, x->p);
    return draw_parts(x);
}

static void permute_free(permute *x)
{
    for (int q = 0; q < PARTS; q++)
        crm_mem_free(x->sum[q]);
    crm_mem_free(x->column);
    crm_mem_free(x->centre);
    crm_mem_free(x->spread);
    crm_mem_free(x->present);
    crm_mem_free(x->part);
    crm_mem_free(x->others);
    crm_mem_free(x->system);
    crm_mem_free(x->b);
}

/* ---- sums ---- */
static void add_row(const permute *x, const float *num, int32_t label, const sums *s)
{
    for (int64_t j = 0; j < x->p; j++) {
        int64_t c = x->column[j];
        s->row[j] = isfinite(num[c]) ? ((double)num[c] - x->centre[c]) / x->spread[c] : 0;
    }
    *s->n += 1;
    for (int64_t j = 0; j < x->p; j++) {
        s->z[j] += s->row[j];
        for (int64_t i = 0; i <= j; i++)
            s->zz[j * x->p + i] += s->row[j] * s->row[i];
    }
    for (int64_t k = 0; k < x->k; k++) {
        if (label != (x->k == 1 ? 1 : k)) continue;
        s->y[k] += 1;
        for (int64_t j = 0; j < x->p; j++)
            s->zy[k * x->p + j] += s->row[j];
    }
}

static void add_leaf(void *ctx, const crm_rows_piece *piece, double *out)
{
    const permute *x = ctx;
    const int32_t *label = crm_data_target(x->fit->train->data, x->fit->target)->label;
    sums s = sums_at(x, out);

    for (int64_t i = 0; i < piece->n; i++)
        if (x->part[piece->row[i]] == x->now)
            add_row(x, piece->num + i * x->n_num, label[piece->row[i]], &s);
    for (int64_t j = 0; j < x->p; j++)
        s.row[j] = 0;
}

/* ---- a ridge regression; all local, and the same on every rank ---- */
static void add_others(const permute *x, int part)
{
    for (int64_t i = 0; i < width(x); i++) {
        x->others[i] = 0;
        for (int q = 0; q < PARTS; q++)
            if (q != part) x->others[i] += x->sum[q][i];
    }
}

/* L L' = Z'Z / n - mean mean' + RIDGE I; a diagonal that rounding has eaten up is RIDGE. */
static void factorise(const permute *x, const sums *s)
{
    double *l = x->system, n = *s->n;
    int64_t p = x->p;

    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j <= i; j++) {
            double v = s->zz[i * p + j] / n - s->z[i] / n * (s->z[j] / n);
            if (i == j) v += RIDGE;
            for (int64_t h = 0; h < j; h++)
                v -= l[i * p + h] * l[j * p + h];
            if (i == j)
                l[i * p + i] = sqrt(v > 0 ? v : RIDGE);
            else
                l[i * p + j] = v / l[j * p + j];
        }
}

static void solve(const permute *x, const sums *s, int64_t k)
{
    const double *l = x->system;
    double *b = x->b, n = *s->n;
    int64_t p = x->p;

    for (int64_t i = 0; i < p; i++) {
        b[i] = s->zy[k * p + i] / n - s->z[i] / n * (s->y[k] / n);
        for (int64_t h = 0; h < i; h++)
            b[i] -= l[i * p + h] * b[h];
        b[i] /= l[i * p + i];
    }
    for (int64_t i = p - 1; i >= 0; i--) {
        for (int64_t h = i + 1; h < p; h++)
            b[i] -= l[h * p + i] * b[h];
        b[i] /= l[i * p + i];
    }
}

/* ---- importance ---- */
/* (z z' b)_j of the sums of a part. */
static double product(const permute *x, const sums *s, int64_t j)
{
    double v = 0;

    for (int64_t i = 0; i < x->p; i++)
        v += x->b[i] * (i <= j ? s->zz[j * x->p + i] : s->zz[i * x->p + j]);
    return v;
}

/* Add what regression k, fitted on s, loses in a part t by each column, times the part's rows. */
static void add_losses(const permute *x, const sums *s, const sums *t, int64_t k, double *loss)
{
    double a = s->y[k] / *s->n, n = *t->n, mean_r;

    for (int64_t j = 0; j < x->p; j++)
        a -= x->b[j] * s->z[j] / *s->n;
    mean_r = a - t->y[k] / n;
    for (int64_t j = 0; j < x->p; j++)
        mean_r += x->b[j] * t->z[j] / n;
    for (int64_t j = 0; j < x->p; j++) {
        double b = x->b[j], mean = t->z[j] / n, var = t->zz[j * x->p + j] / n - mean * mean;
        double rz = (product(x, t, j) + a * t->z[j] - t->zy[k * x->p + j]) / n;
        loss[x->column[j]] += n * (2 * b * (mean * mean_r - rz) + 2 * b * b * var);
    }
}

static void judge(const permute *x, double *loss)
{
    for (int q = 0; q < PARTS; q++) {
        sums s = sums_at(x, x->others), t = sums_at(x, x->sum[q]);
        add_others(x, q);
        if (*s.n < 1 || *t.n < 1) continue;
        factorise(x, &s);
        for (int64_t k = 0; k < x->k; k++) {
            solve(x, &s, k);
            add_losses(x, &s, &t, k, loss);
        }
    }
    for (int64_t c = 0; c < x->n_num; c++)
        loss[c] /= (double)x->fit->train->n;
}

crm_status feature_permute(const crm_fit *fit, const crm_source *in, const uint8_t *take,
                           double *loss)
{
    permute x = {.fit = fit};
    crm_status st = crm_comm_agree(fit->comm, permute_new(&x, in));

    for (int64_t c = 0; c < x.n_num; c++)
        loss[c] = 0;
    if (!st) st = feature_moments(fit, in, x.centre, x.spread, x.present);
    if (!st) st = crm_comm_agree(fit->comm, permute_shape(&x, take));
    for (int q = 0; q < PARTS && !st; q++) {
        x.now = q;
        st = crm_rows_sum(fit, in, width(&x), add_leaf, &x, x.sum[q]);
    }
    if (!st) judge(&x, loss);
    permute_free(&x);
    return st;
}
