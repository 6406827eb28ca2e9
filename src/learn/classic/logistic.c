/* logistic.c - logistic regression as an estimator: shape, fit, predict, save and load. */
#include <string.h>

#include "logistic_impl.h"

static crm_status logistic_make(const void *cfg, crm_estimator **out)
{
    const crm_logistic_cfg *o = cfg;
    logistic *h;

    *out = NULL;
    CRM_CHECK(o->c == 0 || o->c >= CRM_LOGISTIC_C_MIN, CRM_ERR_CONFIG,
              "logistic.c: '%g' is too small; give 0 to have it chosen, else at least %g", o->c,
              CRM_LOGISTIC_C_MIN);
    CRM_TRY(crm_class_weights_check(&o->class_weight, "logistic.class_weight", NULL));
    CRM_NEW(h, 1);
    h->base.class = &crm_logistic_class;
    h->cfg = o;
    h->c = o->c > 0 ? o->c : LOGISTIC_C_FALLBACK;
    *out = &h->base;
    return CRM_OK;
}

static void logistic_free(crm_estimator *e)
{
    logistic *h = (logistic *)e;

    classic_classes_free(&h->classes);
    crm_mem_free(h->w);
    crm_mem_free(h);
}

linear_spec logistic_spec(const logistic *h)
{
    static const double l1[] = {
        [CRM_LOGISTIC_L2] = 0, [CRM_LOGISTIC_L1] = 1, [CRM_LOGISTIC_ELASTICNET] = -1};
    const crm_logistic_cfg *o = h->cfg;

    return (linear_spec){.loss = h->vectors > 1 ? LINEAR_SOFTMAX : LINEAR_LOGISTIC,
                         .l1_ratio = l1[o->penalty] < 0 ? o->l1_ratio : l1[o->penalty],
                         .max_iter = o->max_iter,
                         .tol = o->tol,
                         .cache_bytes = o->cache_bytes,
                         .model = "logistic"};
}

/* The classes are known. */
static crm_status shape(logistic *h, const crm_source *in)
{
    h->d = crm_source_schema(in)->n_num;
    h->s = crm_source_sparse_width(in);
    h->vectors = linear_vectors(h->classes.m);
    CRM_NEW(h->w, h->vectors * linear_width(h->d, h->s));
    return CRM_OK;
}

static crm_status begin_fit(logistic *h, const crm_fit *fit, const crm_source *in)
{
    CRM_TRY(classic_classes_new(fit, &h->cfg->class_weight, "logistic.class_weight", &h->classes));
    return shape(h, in);
}

/* On all training rows, from the weights that are there. */
static crm_status minimise(logistic *h, const crm_fit *fit, const crm_source *in)
{
    linear_spec spec = logistic_spec(h);
    linear_problem *p = NULL;
    bool chosen = false;
    crm_status st = CRM_OK;

    if (h->cfg->c == 0) CRM_TRY(logistic_choose(h, fit, in, &chosen));
    CRM_TRY_TO(st, done, linear_problem_new(&spec, fit, in, &h->classes, &p));
    st = linear_problem_solve(p, h->c, chosen ? CRM_PHASE_REFIT : CRM_PHASE_FIT, 1, h->w);
done:
    linear_problem_free(&p);
    return st;
}

static crm_status logistic_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    logistic *h = (logistic *)e;

    CRM_TRY(crm_comm_agree(fit->comm, begin_fit(h, fit, in)));
    return h->vectors ? minimise(h, fit, in) : CRM_OK;
}

/* p[n][2], in pieces; scores stand in its second half until they are needed. */
static void predict_two(const logistic *h, int64_t n, const float *x, const crm_sparse *text,
                        double *p)
{
    enum { PIECE = 64 };
    int64_t width = linear_width(h->d, h->s);
    double *z = p + n, piece[PIECE];

    linear_scores(1, h->d, width, h->w, n, x, z);
    if (h->s) linear_scores_add(1, h->d, width, h->w, text, z);
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t m = n - i < PIECE ? n - i : PIECE;
        memcpy(piece, z + i, (size_t)m * sizeof *piece);
        linear_sigmoid(m, piece, p + 2 * i);
    }
}

/* proba[n][m] first, then its rows, from the last on, each spread to where they belong. */
static void predict_piece(const crm_estimator *e, int64_t n, const float *num, const int32_t *cat,
                          const crm_sparse *text, double *proba)
{
    const logistic *h = (const logistic *)e;
    int m = h->classes.m, k = h->classes.n_classes;

    (void)cat;
    if (m == 1)
        for (int64_t i = 0; i < n; i++)
            proba[i] = 1;
    else if (m == 2)
        predict_two(h, n, num, text, proba);
    else {
        int64_t width = linear_width(h->d, h->s);
        linear_scores(m, h->d, width, h->w, n, num, proba);
        if (h->s) linear_scores_add(m, h->d, width, h->w, text, proba);
        linear_softmax(n, m, proba);
    }
    for (int64_t i = n - 1; i >= 0 && m < k; i--) {
        memmove(proba + i * k, proba + i * m, (size_t)m * sizeof *proba);
        classic_spread(&h->classes, proba + i * k);
    }
}

static crm_status logistic_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                                   int64_t n, double *proba)
{
    return classic_predict(e, in, row, n, ((logistic *)e)->classes.n_classes, predict_piece, proba);
}

static crm_status logistic_save(const crm_estimator *e, crm_bag *b)
{
    const logistic *h = (const logistic *)e;

    if (h->cfg->c == 0) CRM_TRY(crm_bag_put(b, "c", CRM_F64, 1, (int64_t[]){1}, &h->c));
    CRM_TRY(classic_classes_save(&h->classes, b));
    return linear_save(h->vectors, h->d, h->s, h->w, b);
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

    CRM_TRY(classic_classes_load(&h->classes, n_classes, b));
    CRM_TRY(shape(h, in));
    CRM_TRY(linear_load(h->vectors, h->d, h->s, h->w, b));
    return load_c(h, b);
}

static crm_status logistic_check(const void *cfg, const crm_schema *s, const crm_target *t,
                                 int64_t rows)
{
    (void)s;
    (void)rows;
    return crm_class_weights_check(&((const crm_logistic_cfg *)cfg)->class_weight,
                                   "logistic.class_weight", t);
}

static const crm_cfg_part parts[] = {{crm_logistic_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_logistic_class = {
    .name = "logistic",
    .parts = parts,
    .cfg_size = sizeof(crm_logistic_cfg),
    .help = "Logistic regression on the numeric columns and n-grams, with L2, L1 or elastic-net "
            "penalty.",
    .reading = "one weight for each column",
    .make = logistic_make,
    .fit = logistic_fit,
    .predict = logistic_predict,
    .save = logistic_save,
    .load = logistic_load,
    .free = logistic_free,
    .check = logistic_check,
};
