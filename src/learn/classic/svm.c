/* svm.c - support vector machine as an estimator: choice of the method, predict, save and load. */
#include <math.h>
#include <string.h>

#include "svm_impl.h"

enum { PIECE = 512 };

static const char *const method_names[CRM_SVM_METHOD_COUNT] = {"auto", "exact", "nystroem",
                                                               "fourier", "primal"};

calibrate_shape svc_shape(int method)
{
    return method == CRM_SVM_EXACT ? CALIBRATE_PAIRS : CALIBRATE_REST;
}

static crm_status check(const crm_svm_cfg *c)
{
    double gamma;

    CRM_CHECK(c->c >= CRM_SVM_C_MIN && isfinite(c->c), CRM_ERR_CONFIG,
              "svm.c = %g; give at least %g", c->c, CRM_SVM_C_MIN);
    CRM_TRY(svc_gamma_read(c->gamma, &gamma));
    CRM_TRY(crm_class_weights_check(&c->class_weight, "svm.class_weight", NULL));
    CRM_CHECK(c->method != CRM_SVM_PRIMAL || c->kernel == CRM_SVM_LINEAR, CRM_ERR_CONFIG,
              "svm.method: 'primal' is for svm.kernel linear; give exact, nystroem or auto");
    CRM_CHECK(c->method != CRM_SVM_FOURIER || c->kernel == CRM_SVM_RBF, CRM_ERR_CONFIG,
              "svm.method: 'fourier' is for svm.kernel rbf; give exact, nystroem or auto");
    CRM_CHECK(c->degree >= 1 && c->components >= 1 && c->components <= CRM_SVM_COMPONENTS_MAX,
              CRM_ERR_CONFIG,
              "svm.degree = %lld and svm.components = %lld; they are 1 or more, "
              "components at most %d",
              (long long)c->degree, (long long)c->components, CRM_SVM_COMPONENTS_MAX);
    return CRM_OK;
}

static crm_status svc_make(const void *cfg, crm_estimator **out)
{
    const crm_svm_cfg *c = cfg;
    svc *s;

    *out = NULL;
    CRM_TRY(check(c));
    CRM_NEW(s, 1);
    s->base.class = &crm_svm_class;
    s->cfg = c;
    s->kernel =
        (svc_kernel){.kind = c->kernel, .degree = (int)c->degree, .gamma = 1, .coef0 = c->coef0};
    *out = &s->base;
    return CRM_OK;
}

static void svc_free(crm_estimator *e)
{
    svc *s = (svc *)e;

    classic_classes_free(&s->classes);
    svc_machine_free(&s->machine);
    svc_map_free(&s->map);
    calibrate_free(&s->cal);
    crm_mem_free(s->w);
    crm_mem_free(s);
}

/* ---- fit ---- */

static int choose(const crm_svm_cfg *c, const classic_classes *classes)
{
    int64_t n = 0;

    if (c->method != CRM_SVM_AUTO) return c->method;
    if (c->kernel == CRM_SVM_LINEAR) return CRM_SVM_PRIMAL;
    for (int i = 0; i < classes->m; i++)
        n += classes->count[i];
    return n <= c->exact_rows ? CRM_SVM_EXACT : CRM_SVM_NYSTROEM;
}

static crm_status begin(svc *s, const crm_fit *fit, const crm_source *in)
{
    s->d = crm_source_schema(in)->n_num;
    CRM_TRY(classic_classes_new(fit, &s->cfg->class_weight, "svm.class_weight", &s->classes));
    s->method = choose(s->cfg, &s->classes);
    return calibrate_new(s->cfg->probability == CRM_SVM_PLATT      ? CALIBRATE_PLATT
                         : s->cfg->probability == CRM_SVM_ISOTONIC ? CALIBRATE_ISOTONIC
                                                                   : CALIBRATE_NONE,
                         svc_shape(s->method), s->classes.m, &s->cal);
}

#define KERNEL_MAX 1e35 /* libsvm keeps values as float */

static crm_status find_kernel(svc *s, const crm_fit *fit, const crm_source *in)
{
    double square = 0, bound;

    CRM_TRY(svc_gamma_find(s, fit, in, &s->kernel.gamma, &square));
    bound = svc_kernel_bound(&s->kernel, square);
    CRM_CHECK(bound <= KERNEL_MAX, CRM_ERR_NUMERIC,
              "svm: values of the kernel reach %.3g, more than %g; scale the columns "
              "(feature.scale) or lower svm.gamma or svm.degree",
              bound, KERNEL_MAX);
    return CRM_OK;
}

static crm_status svc_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    svc *s = (svc *)e;

    CRM_TRY(crm_comm_agree(fit->comm, begin(s, fit, in)));
    if (s->classes.m < 2) return CRM_OK;
    if (s->method != CRM_SVM_PRIMAL) CRM_TRY(find_kernel(s, fit, in));
    return s->method == CRM_SVM_EXACT ? svc_exact_fit(s, fit, in) : svc_primal_fit(s, fit, in);
}

/* ---- predict ---- */

/* Working memory of a prediction. */
typedef struct bench {
    float *num, *mapped;
    int32_t *cat;
    double *score, *kernel;
    crm_sparse text;
} bench;

static void bench_free(bench *b)
{
    crm_mem_free(b->num);
    crm_mem_free(b->mapped);
    crm_mem_free(b->cat);
    crm_mem_free(b->score);
    crm_mem_free(b->kernel);
    crm_sparse_free(&b->text);
}

static crm_status bench_new(const svc *s, const crm_source *in, bench *b)
{
    const crm_schema *c = crm_source_schema(in);

    CRM_NEW(b->num, (int64_t)PIECE * c->n_num);
    CRM_NEW(b->cat, (int64_t)PIECE * c->n_cat);
    CRM_NEW(b->score, PIECE * s->cal.n);
    if (s->map.width) CRM_NEW(b->mapped, PIECE * s->map.width);
    if (s->machine.begin) CRM_NEW(b->kernel, SVC_ROWS * s->machine.begin[s->machine.m]);
    return CRM_OK;
}

static void linear_piece(const svc *s, const double *w, int64_t n, bench *b, double *score)
{
    const float *x = b->num;

    if (s->method != CRM_SVM_PRIMAL) {
        svc_map_rows(&s->map, n, b->num, b->cat, b->mapped);
        x = b->mapped;
    }
    linear_scores(s->vectors, s->width, linear_width(s->width, s->sparse), w, n, x, score);
    if (s->sparse)
        linear_scores_add(s->vectors, s->width, linear_width(s->width, s->sparse), w, &b->text,
                          score);
}

static crm_status read_piece(const svc *s, const crm_source *in, const int64_t *row, int64_t n,
                             bench *b)
{
    CRM_TRY(crm_source_read(in, row, n, b->num, b->cat));
    return s->sparse ? crm_source_read_sparse(in, row, n, &b->text) : CRM_OK;
}

crm_status svc_primal_scores(const svc *s, const double *w, const crm_source *in,
                             const int64_t *row, int64_t n, double *score)
{
    bench b = {0};
    crm_status st = bench_new(s, in, &b);

    for (int64_t i = 0; i < n && !st; i += PIECE) {
        int64_t m = n - i < PIECE ? n - i : PIECE;
        st = read_piece(s, in, row + i, m, &b);
        if (!st) linear_piece(s, w, m, &b, score + i * s->vectors);
    }
    bench_free(&b);
    return st;
}

/* Values that training had none of can make a kernel overflow. */
static crm_status check_scores(const svc *s, const int64_t *row, int64_t n, const double *score)
{
    for (int64_t i = 0; i < n * s->cal.n; i++)
        CRM_CHECK(
            isfinite(score[i]), CRM_ERR_NUMERIC,
            "svm: the score of row %lld is not finite, its values lie too far out; cut scaled "
            "values with feature.clip, or lower svm.degree",
            (long long)row[i / s->cal.n]);
    return CRM_OK;
}

static crm_status predict_piece(const svc *s, const crm_source *in, const int64_t *row, int64_t n,
                                bench *b, double *proba)
{
    int k = s->classes.n_classes;

    CRM_TRY(read_piece(s, in, row, n, b));
    if (s->classes.m > 1 && s->method == CRM_SVM_EXACT)
        svc_machine_scores(&s->machine, n, b->num, b->kernel, b->score);
    else if (s->classes.m > 1)
        linear_piece(s, s->w, n, b, b->score);
    CRM_TRY(check_scores(s, row, n, b->score));
    CRM_TRY(calibrate_proba(&s->cal, n, b->score, proba, k));
    for (int64_t i = 0; i < n; i++)
        classic_spread(&s->classes, proba + i * k);
    return CRM_OK;
}

static crm_status svc_predict(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                              double *proba)
{
    const svc *s = (const svc *)e;
    bench b = {0};
    crm_status st = bench_new(s, in, &b);

    for (int64_t i = 0; i < n && !st; i += PIECE)
        st = predict_piece(s, in, row + i, n - i < PIECE ? n - i : PIECE, &b,
                           proba + i * s->classes.n_classes);
    bench_free(&b);
    return st;
}

/* ---- save and load ---- */

static crm_status save_scope(crm_bag *b, const char *scope, const svc *s,
                             crm_status (*save)(const svc *s, crm_bag *b))
{
    crm_status st;

    CRM_TRY(crm_bag_push(b, scope));
    st = save(s, b);
    crm_bag_pop(b);
    return st;
}

static crm_status save_calibration(const svc *s, crm_bag *b)
{
    return calibrate_save(&s->cal, b);
}

static crm_status save_map(const svc *s, crm_bag *b)
{
    return svc_map_save(&s->map, b);
}

static crm_status svc_save(const crm_estimator *e, crm_bag *b)
{
    const svc *s = (const svc *)e;

    CRM_TRY(crm_bag_put_text(b, "method", method_names[s->method]));
    CRM_TRY(classic_classes_save(&s->classes, b));
    if (s->classes.m < 2) return CRM_OK;
    CRM_TRY(save_scope(b, "calibration", s, save_calibration));
    if (s->method != CRM_SVM_PRIMAL) CRM_TRY(crm_bag_put_f64(b, "gamma", s->kernel.gamma));
    if (s->method == CRM_SVM_EXACT) return svc_machine_save(&s->machine, b);
    if (s->method != CRM_SVM_PRIMAL) CRM_TRY(save_scope(b, "map", s, save_map));
    return linear_save(s->vectors, s->width, s->sparse, s->w, b);
}

static crm_status load_method(svc *s, const crm_bag *b)
{
    const char *text;

    CRM_TRY(crm_bag_get_text(b, "method", &text));
    for (s->method = CRM_SVM_EXACT; s->method < CRM_SVM_METHOD_COUNT; s->method++)
        if (strcmp(text, method_names[s->method]) == 0) break;
    CRM_CHECK(s->method < CRM_SVM_METHOD_COUNT, CRM_ERR_FORMAT,
              "model file: svm has the method '%.40s'", text);
    return CRM_OK;
}

static crm_status load_gamma(svc *s, const crm_bag *b)
{
    double gamma;

    CRM_TRY(crm_bag_get_f64(b, "gamma", &gamma));
    CRM_CHECK(isfinite(gamma) && gamma > 0, CRM_ERR_FORMAT, "model file: svm has gamma %g", gamma);
    s->kernel.gamma = gamma;
    return CRM_OK;
}

static crm_status load_calibration(svc *s, crm_bag *b)
{
    static const calibrate_kind kind[CRM_SVM_PROBA_COUNT] = {CALIBRATE_PLATT, CALIBRATE_ISOTONIC,
                                                             CALIBRATE_NONE};
    crm_status st;

    CRM_TRY(crm_bag_push(b, "calibration"));
    st = calibrate_load(&s->cal, kind[s->cfg->probability], svc_shape(s->method), s->classes.m, b);
    crm_bag_pop(b);
    return st;
}

static crm_status load_linear(svc *s, crm_bag *b)
{
    s->vectors = linear_vectors(s->classes.m);
    s->width = s->method == CRM_SVM_PRIMAL ? s->d : s->map.width;
    CRM_NEW(s->w, s->vectors * linear_width(s->width, s->sparse));
    return linear_load(s->vectors, s->width, s->sparse, s->w, b);
}

static crm_status svc_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    svc *s = (svc *)e;
    crm_status st;

    s->d = crm_source_schema(in)->n_num;
    CRM_TRY(load_method(s, b));
    s->sparse = s->method == CRM_SVM_PRIMAL ? crm_source_sparse_width(in) : 0;
    CRM_TRY(classic_classes_load(&s->classes, n_classes, b));
    if (s->classes.m < 2)
        return calibrate_new(CALIBRATE_NONE, svc_shape(s->method), s->classes.m, &s->cal);
    CRM_TRY(load_calibration(s, b));
    if (s->method != CRM_SVM_PRIMAL) CRM_TRY(load_gamma(s, b));
    if (s->method == CRM_SVM_EXACT)
        return svc_machine_load(&s->kernel, s->classes.m, s->d, b, &s->machine);
    if (s->method != CRM_SVM_PRIMAL) {
        CRM_TRY(crm_bag_push(b, "map"));
        st = svc_map_load(s->method, &s->kernel, s->d, b, &s->map);
        crm_bag_pop(b);
        CRM_TRY(st);
    }
    return load_linear(s, b);
}

static crm_status svc_check(const void *cfg, const crm_schema *s, const crm_target *t, int64_t rows)
{
    (void)s;
    (void)rows;
    return crm_class_weights_check(&((const crm_svm_cfg *)cfg)->class_weight, "svm.class_weight",
                                   t);
}

static const crm_cfg_part parts[] = {{crm_svm_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_svm_class = {
    .name = "svm",
    .parts = parts,
    .cfg_size = sizeof(crm_svm_cfg),
    .help = "Support vector machine on the numeric columns: exact by libsvm, by kernel features, "
            "or linear.",
    .reading = "importance, dependence; linear kernel: one weight for each column",
    .make = svc_make,
    .fit = svc_fit,
    .predict = svc_predict,
    .save = svc_save,
    .load = svc_load,
    .free = svc_free,
    .check = svc_check,
};
