/* test_logistic.c - logistic regression against scikit-learn 1.9.1, classes that are rare or
 * absent, no columns, missing numbers, hooks; equal bits on any number of ranks. ranks: 1 2 3 4
 * timeout: 120
 *
 * Reference: LogisticRegression(C, class_weight, tol=1e-12, solver="newton-cg").fit(X, y) on
 *   X[i][j] = float32(((37 i + 101 j + i i (j + 3)) mod 97) / 97 - 0.5), i < 60, j < 3
 *   u = ((53 i + 11) mod 89) / 89, s = X[i][0] - 0.5 X[i][1]
 *   two classes: u < 0.5 + 0.6 s; three: 0 when u + s < 0.35, else 1 when u - X[i][2] < 0.7, else 2
 */
#include "fit_testing.h"

enum { ROWS = 60, COLS = 3 };
static const char *const class_name[] = {"a", "b", "c"};
static const char *const num_name[] = {"x0", "x1", "x2"};
static const crm_logistic_cfg plain_cfg = {
    .c = 1, .max_iter = 1000, .tol = 1e-8, .cache_bytes = 1 << 30};

static void sample(float *x, int32_t *y2, int32_t *y3)
{
    for (int i = 0; i < ROWS; i++) {
        float *r = x + i * COLS;
        double u = ((53 * i + 11) % 89) / 89.0, s;
        for (int j = 0; j < COLS; j++)
            r[j] = (float)(((37 * i + 101 * j + i * i * (j + 3)) % 97) / 97.0 - 0.5);
        s = (double)r[0] - 0.5 * (double)r[1];
        y2[i] = u < 0.5 + s * 0.6;
        y3[i] = u + s < 0.35 ? 0 : u - (double)r[2] < 0.7 ? 1 : 2;
    }
}

static crm_data *open_sample(int classes, int cols)
{
    float x[ROWS * COLS];
    int32_t y2[ROWS], y3[ROWS];
    sd_spec s = {.n = ROWS,
                 .n_num = cols,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = classes,
                 .class_name = class_name,
                 .label = classes == 2 ? y2 : y3};
    crm_data *d;

    sample(x, y2, y3);
    T_OK(sd_open("sample", &s, &d));
    return d;
}

static const char *const balanced_item[] = {"balanced"};
static const crm_opt_list balanced = {1, balanced_item};

typedef struct reference {
    int classes;
    double c;
    bool balanced;
    double coef[3][COLS], intercept[3], proba[2][3]; /* of the first two rows */
} reference;
static const reference references[] = {
    {.classes = 2,
     .c = 1,
     .coef = {{1.9912208668904368, -0.7320352784610455, -0.16646253766390937}},
     .intercept = {0.14535300943414964},
     .proba = {{0.6094317913590508, 0.39056820864094915},
               {0.5013239800672804, 0.49867601993271954}}},
    {.classes = 2,
     .c = 10,
     .balanced = true,
     .coef = {{3.8536191453286626, -1.6819559930785568, -0.6818755377776843}},
     .intercept = {0.04420822336623782},
     .proba = {{0.6955681538304253, 0.3044318461695747},
               {0.5605354367076867, 0.43946456329231337}}},
    {.classes = 3,
     .c = 1,
     .coef = {{-1.6858707413520688, 0.5903155576003051, -0.6674966462030434},
              {1.8169111061634722, -0.43145283750174945, 1.771609514279107},
              {-0.13104036481140408, -0.1588627200985558, -1.1041128680760637}},
     .intercept = {0.06265123737545723, 0.3205580827317576, -0.38320932010721254},
     .proba = {{0.6144166982258006, 0.07964259186678951, 0.30594070990740985},
               {0.3852016289027914, 0.3951695950747566, 0.21962877602245195}}},
};

static void check_reference(const reference *r)
{
    crm_logistic_cfg cfg = plain_cfg;
    crm_data *d = open_sample(r->classes, COLS);
    int vectors = r->classes == 2 ? 1 : 3;
    const crm_bag_array *w, *b;
    crm_bag *bag;
    double *p;
    fitted f;

    cfg.c = r->c;
    if (r->balanced) cfg.class_weight = balanced;
    T_OK(fit_rows(&crm_logistic_class, &cfg, d, ROWS, t_comm, NULL, false, &f));
    bag_of(f.e, &bag);
    T_OK(crm_bag_get(bag, "weight", CRM_F64, vectors * COLS, &w));
    T_OK(crm_bag_get(bag, "intercept", CRM_F64, vectors, &b));
    for (int v = 0; v < vectors; v++) {
        T_NEAR(((const double *)b->data)[v], r->intercept[v], 1e-6);
        for (int j = 0; j < COLS; j++)
            T_NEAR(((const double *)w->data)[v * COLS + j], r->coef[v][j], 1e-6);
    }
    p = predict_all(f.e, &f);
    for (int i = 0; i < 2 * r->classes; i++)
        T_NEAR(p[i], r->proba[i / r->classes][i % r->classes], 1e-6);
    crm_mem_free(p);
    crm_bag_free(&bag);
    drop(&f);
    crm_data_close(&d);
}

static void matches_reference(void)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        check_reference(&references[i]);
}

/* Without columns only intercepts are left: the frequencies of the classes, 28 and 32, then
 * 21, 27 and 12 of 60. */
static void fits_frequencies(void)
{
    static const double want[2][3] = {{28.0 / 60, 32.0 / 60}, {21.0 / 60, 27.0 / 60, 12.0 / 60}};

    for (int k = 2; k <= 3; k++) {
        crm_data *d = open_sample(k, 0);
        fitted f;
        double *p;

        T_OK(fit_rows(&crm_logistic_class, &plain_cfg, d, ROWS, t_comm, NULL, false, &f));
        p = predict_all(f.e, &f);
        for (int c = 0; c < k; c++)
            T_NEAR(p[c], want[k - 2][c], 1e-7);
        crm_mem_free(p);
        drop(&f);
        crm_data_close(&d);
    }
}

static void agrees_on_any_ranks(void)
{
    crm_logistic_cfg uncached = plain_cfg;
    crm_data *d;

    uncached.cache_bytes = 0;
    T_OK(sd_open_large("large", SD_ROWS, &d));
    check_ranks(&crm_logistic_class, &plain_cfg, d, SD_ROWS, false); /* three of four classes */
    check_ranks(&crm_logistic_class, &plain_cfg, d, 4097, false);    /* two */
    check_ranks(&crm_logistic_class, &uncached, d, 4097, false);
    check_ranks(&crm_logistic_class, &plain_cfg, d, 1, false); /* one */
    crm_data_close(&d);
}

/* A cache must not show in the result. */
static void caches_do_not_show(void)
{
    crm_logistic_cfg uncached = plain_cfg;
    crm_bag *a, *b;
    crm_data *d;
    fitted f, g;

    uncached.cache_bytes = 0;
    T_OK(sd_open_large("large", 5000, &d));
    T_OK(fit_rows(&crm_logistic_class, &plain_cfg, d, 5000, t_comm, NULL, false, &f));
    T_OK(fit_rows(&crm_logistic_class, &uncached, d, 5000, t_comm, NULL, false, &g));
    T_CHECK(crm_digest_equal(bag_of(f.e, &a), bag_of(g.e, &b)));
    crm_bag_free(&a);
    crm_bag_free(&b);
    drop(&f);
    drop(&g);
    crm_data_close(&d);
}

static void gives_absent_classes_nothing(void)
{
    crm_data *d;
    fitted f;
    double *p;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    T_OK(fit_rows(&crm_logistic_class, &plain_cfg, d, SD_ROWS, t_comm, NULL, false, &f));
    p = predict_all(f.e, &f);
    for (int64_t i = 0; i < SD_ROWS; i += 100) {
        T_CHECK(p[i * 4] > 0 && p[i * 4 + 1] > 0 && p[i * 4 + 2] > 0 && p[i * 4 + 3] == 0);
        T_CHECK(p[i * 4 + 2] < 0.1); /* one row of 9000 */
    }
    crm_mem_free(p);
    drop(&f);
    T_OK(fit_rows(&crm_logistic_class, &plain_cfg, d, 1, t_comm, NULL, false, &f));
    p = predict_all(f.e, &f);
    T_NEAR(p[crm_data_target(d, 0)->label[0]], 1, 0);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void refuses_missing_numbers(void)
{
    crm_data *d;
    fitted f;

    T_OK(sd_open_large("large", 100, &d));
    T_FAILS(fit_rows(&crm_logistic_class, &plain_cfg, d, 100, t_comm, NULL, true, &f),
            CRM_ERR_NUMERIC, "");
    drop(&f);
    crm_data_close(&d);
}

/* ---- hooks ---- */
typedef struct hook {
    int64_t calls, until;
    crm_hook_answer answer;
    double first, last;
} hook;

static crm_hook_answer on_epoch(void *ctx, const crm_epoch *e)
{
    hook *h = ctx;

    if (h->calls++ == 0) h->first = e->train_loss;
    h->last = e->train_loss;
    return h->calls < h->until ? CRM_HOOK_GO : h->answer;
}

static crm_status fit_hooked(crm_data *d, hook *h)
{
    fitted f = {.data = d, .k = 2};
    crm_fit fit = {.comm = t_comm, .hooks = {.ctx = h, .on_epoch = on_epoch}};
    crm_status st;

    CRM_TRY(crm_view_all(d, &f.view));
    fit.train = f.view;
    CRM_TRY(crm_source_new(d, CRM_FLAT_ALL, &f.source));
    CRM_TRY(crm_logistic_class.make(&plain_cfg, &f.e));
    st = crm_logistic_class.fit(f.e, &fit, f.source);
    drop(&f);
    return st;
}

static void tells_its_progress(void)
{
    crm_data *d = open_sample(2, COLS);
    hook h = {.until = 1000};

    T_OK(fit_hooked(d, &h));
    T_CHECK(h.calls > 3 && h.last < h.first && h.first < log(2));
    h = (hook){.until = 2, .answer = CRM_HOOK_STOP};
    T_OK(fit_hooked(d, &h));
    T_EQ_I(h.calls, 2);
    h = (hook){.until = 2, .answer = CRM_HOOK_PAUSE};
    T_FAILS(fit_hooked(d, &h), CRM_ERR_STOPPED, "stopped");
    crm_data_close(&d);
}

static void refuses_damage(void)
{
    crm_data *d = open_sample(2, COLS);
    crm_estimator *e;
    crm_bag *b;
    fitted f;

    T_OK(fit_rows(&crm_logistic_class, &plain_cfg, d, ROWS, t_comm, NULL, false, &f));
    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put(b, "class", CRM_I32, 1, (int64_t[]){2}, (int32_t[]){0, 7}));
    T_OK(crm_logistic_class.make(&plain_cfg, &e));
    T_FAILS(crm_logistic_class.load(e, f.source, 2, b), CRM_ERR_FORMAT, "class 7");
    crm_logistic_class.free(e);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

/* Given: no trace of a choice in the bag.  Too small: refused. */
static void takes_c_as_given(void)
{
    crm_data *d = open_sample(2, COLS);
    crm_logistic_cfg tiny = plain_cfg;
    const crm_bag_array *a;
    crm_estimator *e;
    crm_bag *b;
    fitted f;

    T_OK(fit_rows(&crm_logistic_class, &plain_cfg, d, ROWS, t_comm, NULL, false, &f));
    bag_of(f.e, &b);
    T_FAILS(crm_bag_get(b, "c", CRM_F64, 1, &a), CRM_ERR_FORMAT, "");
    crm_bag_free(&b);
    drop(&f);
    tiny.c = 1e-13;
    T_FAILS(crm_logistic_class.make(&tiny, &e), CRM_ERR_CONFIG, "logistic.c: '1e-13'");
    crm_data_close(&d);
}

static void has_options(void)
{
    crm_logistic_cfg cfg;
    crm_opt_set *set;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_logistic_opts, &cfg));
    T_CHECK(cfg.c == 1 && cfg.class_weight.n == 1 && cfg.penalty == CRM_LOGISTIC_L2 &&
            cfg.tol == 1e-5);
    crm_opt_set_free(&set);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"matches reference", matches_reference},
                                   {"fits frequencies", fits_frequencies},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"caches do not show", caches_do_not_show},
                                   {"gives absent classes nothing", gives_absent_classes_nothing},
                                   {"refuses missing numbers", refuses_missing_numbers},
                                   {"tells its progress", tells_its_progress},
                                   {"refuses damage", refuses_damage},
                                   {"takes c as given", takes_c_as_given},
                                   {"has options", has_options},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
