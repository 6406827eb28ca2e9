/* logistic.c - logistic regression as an estimator: shape, predict, save and load. */
#include <string.h>

#include "crmpi/base_math.h"
#include "logistic_impl.h"

static crm_status logistic_make(const void *cfg, crm_estimator **out)
{
    double c = ((const crm_logistic_cfg *)cfg)->c;
    logistic *h;

    *out = NULL;
    CRM_CHECK(c == 0 || c >= CRM_LOGISTIC_C_MIN, CRM_ERR_CONFIG,
              "logistic.c = %g; give 0 to have it chosen, else at least %g", c, CRM_LOGISTIC_C_MIN);
    CRM_NEW(h, 1);
    h->base.class = &crm_logistic_class;
    h->cfg = cfg;
    h->c = c > 0 ? c : LOGISTIC_C_FALLBACK;
    *out = &h->base;
    return CRM_OK;
}

static void logistic_free(crm_estimator *e)
{
    logistic *h = (logistic *)e;

    crm_mem_free(h->seen);
    crm_mem_free(h->w);
    crm_mem_free(h);
}

static crm_status shape(logistic *h, const crm_source *in, int n_classes, int64_t m)
{
    h->n_classes = n_classes;
    h->d = crm_source_schema(in)->n_num;
    h->m = (int)m;
    h->vectors = logistic_vectors(h->m);
    CRM_NEW(h->seen, m);
    CRM_NEW(h->w, h->vectors * (h->d + 1));
    return CRM_OK;
}

int64_t logistic_count(const crm_view *v, const crm_target *t, int64_t *count)
{
    int64_t m = 0;

    for (int64_t i = 0; i < v->n; i++) {
        int32_t y = t->label[v->row[i]];
        if (y >= 0) m += count[y]++ == 0;
    }
    return m;
}

/* Training rows of each class; all ranks have all labels. */
static crm_status count_classes(logistic *h, const crm_fit *fit, const crm_source *in,
                                int64_t **count)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);
    int64_t m;

    CRM_NEW(*count, t->n_classes);
    m = logistic_count(fit->train, t, *count);
    CRM_CHECK(m > 0, CRM_ERR_FORMAT, "no training row has a label of target '%s'", t->name);
    CRM_TRY(shape(h, in, t->n_classes, m));
    m = 0;
    for (int c = 0; c < t->n_classes; c++)
        if ((*count)[c]) h->seen[m++] = c;
    return CRM_OK;
}

/* On all training rows, from the weights that are there. */
static crm_status minimise(logistic *h, const crm_fit *fit, const crm_source *in,
                           const int64_t *count)
{
    logistic_problem *p = NULL;
    bool chosen = false;
    crm_status st = CRM_OK;

    if (h->cfg->c == 0) CRM_TRY(logistic_choose(h, fit, in, &chosen));
    CRM_TRY_TO(st, done, logistic_problem_new(h, fit, in, count, h->cfg->cache_bytes, &p));
    st = logistic_problem_solve(p, h->c, chosen ? CRM_PHASE_REFIT : CRM_PHASE_FIT, 1, h->w);
done:
    logistic_problem_free(&p);
    return st;
}

static crm_status logistic_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    logistic *h = (logistic *)e;
    int64_t *count = NULL;
    crm_status st = crm_comm_agree(fit->comm, count_classes(h, fit, in, &count));

    if (!st && h->vectors) st = minimise(h, fit, in, count);
    crm_mem_free(count);
    return st;
}

/* The scores of at most m classes stand in the first places of the row until they are spread. */
static void predict_row(const logistic *h, const float *x, double *proba)
{
    logistic_scores(h->vectors, h->d, h->w, x, proba);
    if (h->m == 1)
        proba[0] = 1;
    else if (h->m == 2) {
        proba[1] = crm_sigmoid(proba[0]);
        proba[0] = crm_sigmoid(-proba[0]);
    } else
        logistic_softmax(h->m, proba);
    for (int c = h->m - 1; c >= 0; c--) {
        double p = proba[c];
        proba[c] = 0;
        proba[h->seen[c]] = p;
    }
}

static void predict_piece(const crm_estimator *e, int64_t n, const float *num, const int32_t *cat,
                          double *proba)
{
    const logistic *h = (const logistic *)e;

    (void)cat;
    memset(proba, 0, (size_t)(n * h->n_classes) * sizeof *proba);
    for (int64_t i = 0; i < n; i++)
        predict_row(h, num + i * h->d, proba + i * h->n_classes);
}

static crm_status logistic_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                                   int64_t n, double *proba)
{
    return classic_predict(e, in, row, n, ((logistic *)e)->n_classes, predict_piece, proba);
}

/* Weights and intercepts as arrays of their own; to_w copies back. */
static void split(const logistic *h, double *weight, double *intercept)
{
    for (int v = 0; v < h->vectors; v++) {
        const double *w = h->w + v * (h->d + 1);
        if (h->d) memcpy(weight + v * h->d, w, (size_t)h->d * sizeof *w);
        intercept[v] = w[h->d];
    }
}

static void join(logistic *h, const double *weight, const double *intercept)
{
    for (int v = 0; v < h->vectors; v++) {
        double *w = h->w + v * (h->d + 1);
        if (h->d) memcpy(w, weight + v * h->d, (size_t)h->d * sizeof *w);
        w[h->d] = intercept[v];
    }
}

static crm_status put_weights(const logistic *h, crm_bag *b, const double *weight,
                              const double *intercept)
{
    if (h->cfg->c == 0) CRM_TRY(crm_bag_put(b, "c", CRM_F64, 1, (int64_t[]){1}, &h->c));
    CRM_TRY(crm_bag_put(b, "class", CRM_I32, 1, (int64_t[]){h->m}, h->seen));
    CRM_TRY(crm_bag_put(b, "weight", CRM_F64, 2, (int64_t[]){h->vectors, h->d}, weight));
    return crm_bag_put(b, "intercept", CRM_F64, 1, (int64_t[]){h->vectors}, intercept);
}

static crm_status logistic_save(const crm_estimator *e, crm_bag *b)
{
    const logistic *h = (const logistic *)e;
    double *part;
    crm_status st;

    CRM_NEW(part, h->vectors * (h->d + 1));
    split(h, part, part + h->vectors * h->d);
    st = put_weights(h, b, part, part + h->vectors * h->d);
    crm_mem_free(part);
    return st;
}

static crm_status check_classes(const logistic *h)
{
    for (int c = 0; c < h->m; c++)
        CRM_CHECK(h->seen[c] >= 0 && h->seen[c] < h->n_classes &&
                      (c == 0 || h->seen[c] > h->seen[c - 1]),
                  CRM_ERR_FORMAT, "model file: class %d is wrong; classes rise, below %d",
                  h->seen[c], h->n_classes);
    return CRM_OK;
}

/* A C that was given stands in the config already. */
static crm_status load_c(logistic *h, crm_bag *b)
{
    const crm_bag_array *c;

    if (h->cfg->c > 0) return CRM_OK;
    CRM_TRY(crm_bag_get(b, "c", CRM_F64, 1, &c));
    h->c = *(const double *)c->data;
    return CRM_OK;
}

static crm_status logistic_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    logistic *h = (logistic *)e;
    const crm_bag_array *seen, *weight, *intercept;

    CRM_TRY(crm_bag_get(b, "class", CRM_I32, -1, &seen));
    CRM_CHECK(seen->n >= 1 && seen->n <= n_classes, CRM_ERR_FORMAT,
              "model file: weights for %lld classes, the target has %d", (long long)seen->n,
              n_classes);
    CRM_TRY(shape(h, in, n_classes, seen->n));
    CRM_TRY(crm_bag_get(b, "class", CRM_I32, h->m, &seen));
    memcpy(h->seen, seen->data, (size_t)h->m * sizeof *h->seen);
    CRM_TRY(check_classes(h));
    CRM_TRY(crm_bag_get(b, "weight", CRM_F64, h->vectors * h->d, &weight));
    CRM_TRY(crm_bag_get(b, "intercept", CRM_F64, h->vectors, &intercept));
    join(h, weight->data, intercept->data);
    return load_c(h, b);
}

static const crm_cfg_part parts[] = {{crm_logistic_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_logistic_class = {
    .name = "logistic",
    .parts = parts,
    .cfg_size = sizeof(crm_logistic_cfg),
    .help = "L2-regularised logistic regression on the numeric columns.",
    .make = logistic_make,
    .fit = logistic_fit,
    .predict = logistic_predict,
    .save = logistic_save,
    .load = logistic_load,
    .free = logistic_free,
};
