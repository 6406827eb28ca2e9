/* bayes.c - Gaussian naive Bayes as an estimator: fit, predict, save and load.
 *
 *     log p(c | x) + const = log prior_c - sum_j (log(2 pi v_cj) + (x_j - mean_cj)^2 / v_cj) / 2 */
#include <math.h>
#include <string.h>

#include "bayes_impl.h"
#include "crmpi/base_math.h"
#include "crmpi/base_simd.h"

#define TWO_PI 6.283185307179586

static const char *const prior_names[] = {"empirical", "uniform", NULL};
_Static_assert(sizeof prior_names / sizeof *prior_names == CRM_NAIVE_BAYES_PRIOR_COUNT + 1,
               "names");

#define B crm_naive_bayes_cfg
const crm_opt crm_naive_bayes_opts[] = {
    CRM_OPT_R(B, var_smoothing, "naive_bayes.var_smoothing", 1e-9, 1e-30, 1e12, "1", 0,
              "Part of the largest variance of a column that is added to the variances of all."),
    CRM_OPT_E(B, priors, "naive_bayes.priors", "empirical", prior_names, 0,
              "Probabilities of the classes before a row is seen: their shares of the training "
              "rows, or equal ones."),
    CRM_OPT_L(B, class_weight, "naive_bayes.class_weight", "none", NULL, CRM_OPT_WORD,
              "Weights of the classes in empirical priors: none, balanced (n / (k n_c)), or a list "
              "of CLASS:WEIGHT."),
    {.key = NULL},
};

typedef struct bayes {
    crm_estimator base;
    const crm_naive_bayes_cfg *cfg;
    classic_classes classes;
    int64_t d;          /* numeric columns */
    double *prior;      /* [m] logarithms */
    double *mean, *var; /* [m][d]; var 0: the column takes no part */
    /* Made of them: */
    double *half;       /* [m][d] 1 / (2 var), 0 where var is      */
    double *norm;       /* [m][d] -log(2 pi var) / 2, 0 likewise   */
    double *base_score; /* [m] prior and the sum of norm     */
} bayes;

static crm_status bayes_make(const void *cfg, crm_estimator **out)
{
    bayes *h;

    *out = NULL;
    CRM_TRY(crm_class_weights_check(&((const crm_naive_bayes_cfg *)cfg)->class_weight,
                                    "naive_bayes.class_weight", NULL));
    CRM_NEW(h, 1);
    h->base.class = &crm_naive_bayes_class;
    h->cfg = cfg;
    *out = &h->base;
    return CRM_OK;
}

static void bayes_free(crm_estimator *e)
{
    bayes *h = (bayes *)e;

    classic_classes_free(&h->classes);
    crm_mem_free(h->prior);
    crm_mem_free(h->mean);
    crm_mem_free(h->var);
    crm_mem_free(h->half);
    crm_mem_free(h->norm);
    crm_mem_free(h->base_score);
    crm_mem_free(h);
}

/* Classes are known. */
static crm_status shape(bayes *h, const crm_source *in)
{
    int64_t m = h->classes.m;

    h->d = crm_source_schema(in)->n_num;
    CRM_NEW(h->prior, m);
    CRM_NEW(h->half, m * h->d);
    CRM_NEW(h->norm, m * h->d);
    CRM_NEW(h->base_score, m);
    return CRM_OK;
}

/* What predictions need of prior, mean and var. */
static void derive(bayes *h)
{
    for (int64_t c = 0; c < h->classes.m; c++) {
        h->base_score[c] = h->prior[c];
        for (int64_t at = c * h->d; at < (c + 1) * h->d; at++) {
            double v = h->var[at];
            h->half[at] = v > 0 ? 0.5 / v : 0;
            h->norm[at] = v > 0 ? -0.5 * crm_log(TWO_PI * v) : 0;
            h->base_score[c] += h->norm[at];
        }
    }
}

/* Mean and population variance of column j over all classes; returns the number of values. */
static double pool(const bayes *h, const bayes_moments *m, int64_t j, double *mean, double *var)
{
    double n = 0, sum = 0;

    *mean = *var = 0;
    for (int64_t at = j; at < h->classes.m * h->d; at += h->d) {
        n += m->count[at];
        sum += m->count[at] * m->mean[at];
    }
    if (n == 0) return 0;
    *mean = sum / n;
    for (int64_t at = j; at < h->classes.m * h->d; at += h->d) {
        double t = m->mean[at] - *mean;
        *var += m->count[at] * (m->var[at] + t * t);
    }
    *var /= n;
    return n;
}

/* Classes without values in a column take those of all rows. */
static void smooth(const bayes *h, const bayes_moments *m)
{
    double most = 0, mean, var;

    for (int64_t j = 0; j < h->d; j++) {
        pool(h, m, j, &mean, &var);
        most = var > most ? var : most;
    }
    for (int64_t j = 0; j < h->d; j++) {
        bool some = pool(h, m, j, &mean, &var) > 0;
        for (int64_t at = j; at < h->classes.m * h->d; at += h->d) {
            if (m->count[at] == 0) {
                m->mean[at] = mean;
                m->var[at] = var;
            }
            m->var[at] = some ? m->var[at] + h->cfg->var_smoothing * most : 0;
        }
    }
}

static void set_priors(bayes *h)
{
    const classic_classes *k = &h->classes;

    for (int c = 0; c < k->m; c++)
        h->prior[c] = h->cfg->priors == CRM_NAIVE_BAYES_UNIFORM
                          ? -crm_log(k->m)
                          : crm_log(k->weight[c] * (double)k->count[c] / k->total);
}

static crm_status begin_fit(bayes *h, const crm_fit *fit, const crm_source *in)
{
    CRM_TRY(
        classic_classes_new(fit, &h->cfg->class_weight, "naive_bayes.class_weight", &h->classes));
    return shape(h, in);
}

static crm_status bayes_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    bayes *h = (bayes *)e;
    bayes_moments m = {0};
    crm_status st;

    CRM_TRY(crm_comm_agree(fit->comm, begin_fit(h, fit, in)));
    st = bayes_measure(fit, in, &h->classes, &m);
    h->mean = m.mean;
    h->var = m.var;
    if (!st) {
        smooth(h, &m);
        set_priors(h);
        derive(h);
    }
    crm_mem_free(m.count);
    return st;
}

/* sum_j half_j (x_j - mean_j)^2 as eight sums side by side. */
static inline double distance(const float *restrict x, const double *restrict mean,
                              const double *restrict half, int64_t d)
{
    double a[8] = {0};
    int64_t j = 0;

    for (; j + 8 <= d; j += 8)
        for (int l = 0; l < 8; l++) {
            double t = (double)x[j + l] - mean[j + l];
            a[l] += t * t * half[j + l];
        }
    for (int l = 0; j < d; j++, l++) {
        double t = (double)x[j] - mean[j];
        a[l] += t * t * half[j];
    }
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

static CRM_SIMD void score_rows(const bayes *h, int64_t n, const float *num, double *proba)
{
    int64_t d = h->d;

    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < h->classes.m; c++)
            proba[i * h->classes.n_classes + c] =
                h->base_score[c] - distance(num + i * d, h->mean + c * d, h->half + c * d, d);
}

/* Score of a row in which numbers are missing or infinite. */
static double score_rest(const bayes *h, const float *x, int64_t c)
{
    double z = h->prior[c];

    for (int64_t j = 0; j < h->d; j++) {
        int64_t at = c * h->d + j;
        double t = (double)x[j] - h->mean[at];
        if (isfinite(x[j])) z += h->norm[at] - t * t * h->half[at];
    }
    return z;
}

/* Finite scores -> probabilities. */
static void normalise(double *z, int m)
{
    double top = z[0], sum = 0;

    for (int c = 1; c < m; c++)
        top = z[c] > top ? z[c] : top;
    for (int c = 0; c < m; c++) {
        z[c] = crm_exp(z[c] - top);
        sum += z[c];
    }
    for (int c = 0; c < m; c++)
        z[c] /= sum;
}

/* Scores of finite numbers are finite: differences are below 2^129 and variances above 2^-420. */
static void predict_piece(const crm_estimator *e, int64_t n, const float *num, const int32_t *cat,
                          const crm_sparse *text, double *proba)
{
    const bayes *h = (const bayes *)e;
    const classic_classes *k = &h->classes;

    (void)text;
    (void)cat;
    score_rows(h, n, num, proba);
    for (int64_t i = 0; i < n; i++, proba += k->n_classes) {
        bool whole = true;
        for (int c = 0; c < k->m; c++)
            whole &= isfinite(proba[c]);
        for (int c = 0; c < k->m && !whole; c++)
            proba[c] = score_rest(h, num + i * h->d, c);
        normalise(proba, k->m);
        classic_spread(k, proba);
    }
}

static crm_status bayes_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                                int64_t n, double *proba)
{
    return classic_predict(e, in, row, n, ((bayes *)e)->classes.n_classes, predict_piece, proba);
}

static crm_status bayes_save(const crm_estimator *e, crm_bag *b)
{
    const bayes *h = (const bayes *)e;
    int64_t m = h->classes.m;

    CRM_TRY(classic_classes_save(&h->classes, b));
    CRM_TRY(crm_bag_put(b, "prior", CRM_F64, 1, &m, h->prior));
    CRM_TRY(crm_bag_put(b, "mean", CRM_F64, 2, (int64_t[]){m, h->d}, h->mean));
    return crm_bag_put(b, "var", CRM_F64, 2, (int64_t[]){m, h->d}, h->var);
}

static crm_status take(crm_bag *b, const char *name, int64_t n, double least, double *to)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_F64, n, &a));
    for (int64_t i = 0; i < n; i++) {
        double v = ((const double *)a->data)[i];
        CRM_CHECK(isfinite(v) && v >= least, CRM_ERR_FORMAT,
                  "model file: element %lld of '%s' is %g; it must be finite%s", (long long)i, name,
                  v, least == 0 ? " and not negative" : "");
        to[i] = v;
    }
    return CRM_OK;
}

static crm_status bayes_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    bayes *h = (bayes *)e;
    int64_t n;

    CRM_TRY(classic_classes_load(&h->classes, n_classes, b));
    CRM_TRY(shape(h, in));
    n = h->classes.m * h->d;
    CRM_NEW(h->mean, n);
    CRM_NEW(h->var, n);
    CRM_TRY(take(b, "prior", h->classes.m, -(double)INFINITY, h->prior));
    CRM_TRY(take(b, "mean", n, -(double)INFINITY, h->mean));
    CRM_TRY(take(b, "var", n, 0, h->var));
    derive(h);
    return CRM_OK;
}

static crm_status bayes_check(const void *cfg, const crm_schema *s, const crm_target *t,
                              int64_t rows)
{
    (void)s;
    (void)rows;
    return crm_class_weights_check(&((const crm_naive_bayes_cfg *)cfg)->class_weight,
                                   "naive_bayes.class_weight", t);
}

static const crm_cfg_part parts[] = {{crm_naive_bayes_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_naive_bayes_class = {
    .name = "naive_bayes",
    .parts = parts,
    .cfg_size = sizeof(crm_naive_bayes_cfg),
    .help = "Gaussian naive Bayes on the numeric columns.",
    .reading = "mean and spread of each column by class",
    .make = bayes_make,
    .fit = bayes_fit,
    .predict = bayes_predict,
    .save = bayes_save,
    .load = bayes_load,
    .free = bayes_free,
    .check = bayes_check,
};
