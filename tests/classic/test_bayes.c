/* test_bayes.c - Gaussian naive Bayes against scikit-learn 1.2.1 and against plain loops: missing
 * values, classes far apart, huge and constant columns, weights and priors, damaged files; equal
 * bits on any number of ranks. ranks: 1 2 3 4  timeout: 120
 *
 * Reference: GaussianNB(var_smoothing, priors).fit(X, y, sample_weight) in float64 on the float32
 * values X[i][j] = ((37 i + 101 j + i i (j + 3)) mod 97) / 97 - 0.5, i < 60, j < 4; column 3 is
 * then 100 + 5 of it;
 *   u = ((53 i + 11) mod 89) / 89, s = X[i][0] - 0.5 X[i][1]
 *   y = 0 when u + s < 0.35, else 1 when u - X[i][2] < 0.7, else 2 */
#include "fit_testing.h"

enum { ROWS = 60, COLS = 4, CLASSES = 3, BIG = 6000 };
static const char *const class_name[] = {"a", "b", "c"};
static const char *const num_name[] = {"x0", "x1", "x2", "x3"};
static const char *const none[] = {"none"};
static const crm_naive_bayes_cfg plain_cfg = {.var_smoothing = 1e-9, .class_weight = {1, none}};

static void sample(float *x, int32_t *y)
{
    for (int i = 0; i < ROWS; i++) {
        float *r = x + i * COLS;
        double u = ((53 * i + 11) % 89) / 89.0, s;
        for (int j = 0; j < COLS; j++) {
            double v = ((37 * i + 101 * j + i * i * (j + 3)) % 97) / 97.0 - 0.5;
            r[j] = (float)v;
        }
        r[3] = (float)(100 + 5 * (double)r[3]);
        s = (double)r[0] - 0.5 * (double)r[1];
        y[i] = u + s < 0.35 ? 0 : u - (double)r[2] < 0.7 ? 1 : 2;
    }
}

static crm_data *open_rows(const char *name, int64_t n, const float *x, const int32_t *y)
{
    sd_spec s = {.n = n,
                 .n_num = COLS,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = CLASSES,
                 .class_name = class_name,
                 .label = y};
    crm_data *d;

    T_OK(sd_open(name, &s, &d));
    return d;
}

static crm_data *open_sample(void)
{
    float x[ROWS * COLS];
    int32_t y[ROWS];

    sample(x, y);
    return open_rows("sample", ROWS, x, y);
}

typedef struct reference {
    double smoothing;
    int priors;
    crm_opt_list weight;
    double proba[3][CLASSES]; /* of the first rows */
} reference;
static const char *const weights[] = {"b:5", "c:0.5"};
static const reference references[] = {
    {1e-9,
     CRM_NAIVE_BAYES_EMPIRICAL,
     {1, none},
     {{0.7248591525884248, 0.0002499004389553119, 0.2748909469726201},
      {0.4645508109373081, 0.32416382182646347, 0.21128536723622854},
      {0.21751068184986744, 0.18288166017340657, 0.5996076579767264}}},
    {0.1,
     CRM_NAIVE_BAYES_EMPIRICAL,
     {1, none},
     {{0.5896722805797743, 0.18084864952788385, 0.22947906989234207},
      {0.3662690935257439, 0.43811537596091504, 0.19561553051334132},
      {0.3409278570086376, 0.4619836396129137, 0.19708850337844883}}},
    {1e-9,
     CRM_NAIVE_BAYES_UNIFORM,
     {1, none},
     {{0.6009879230458265, 0.00016115161693869854, 0.3988509253372346},
      {0.42759480902248387, 0.23207014641460375, 0.3403350445629124},
      {0.15436521667317332, 0.10094726179109474, 0.744687521535732}}},
    {1e-9,
     CRM_NAIVE_BAYES_EMPIRICAL,
     {2, weights},
     {{0.839390524414469, 0.0014469297915122648, 0.15916254579401876},
      {0.21202562237908312, 0.7397580034018436, 0.04821637421907335},
      {0.1519223414417767, 0.6386769096581763, 0.2094007489000472}}},
};

static void matches_reference(void)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        const reference *r = &references[i];
        crm_naive_bayes_cfg cfg = {r->smoothing, r->priors, r->weight};
        crm_data *d = open_sample();
        double *p;
        fitted f;

        T_OK(fit_rows(&crm_naive_bayes_class, &cfg, d, ROWS, t_comm, NULL, true, &f));
        p = predict_all(f.e, &f);
        for (int k = 0; k < 3 * CLASSES; k++)
            T_NEAR(p[k], r->proba[k / CLASSES][k % CLASSES], 1e-13);
        crm_mem_free(p);
        drop(&f);
        crm_data_close(&d);
    }
}

/* ---- plain loops ---- */

/* Mean and variance of class c (-1: all) in column j, in two passes; returns the values there. */
static double moments(int64_t n, const float *x, const int32_t *y, int j, int c, double *mean,
                      double *var)
{
    long double count = 0, sum = 0, square = 0;

    for (int64_t i = 0; i < n; i++)
        if ((c < 0 || y[i] == c) && isfinite(x[i * COLS + j])) {
            count += 1;
            sum += (long double)x[i * COLS + j];
        }
    for (int64_t i = 0; i < n; i++)
        if ((c < 0 || y[i] == c) && isfinite(x[i * COLS + j])) {
            long double t = (long double)x[i * COLS + j] - sum / count;
            square += t * t;
        }
    *mean = count > 0 ? (double)(sum / count) : 0;
    *var = count > 0 ? (double)(square / count) : 0;
    return (double)count;
}

/* As the model is documented, all classes occurring. */
static void by_hand(int64_t n, const float *x, const int32_t *y, double smoothing, double *proba)
{
    double mean[CLASSES][COLS], var[CLASSES][COLS], most = 0, m, v, share[CLASSES] = {0};

    for (int64_t i = 0; i < n; i++)
        share[y[i]] += 1 / (double)n;
    for (int j = 0; j < COLS; j++) {
        moments(n, x, y, j, -1, &m, &v);
        most = v > most ? v : most;
    }
    for (int j = 0; j < COLS; j++)
        for (int c = 0; c < CLASSES; c++) {
            if (moments(n, x, y, j, c, &mean[c][j], &var[c][j]) == 0)
                moments(n, x, y, j, -1, &mean[c][j], &var[c][j]);
            var[c][j] += smoothing * most;
        }
    for (int64_t i = 0; i < n; i++) {
        long double z[CLASSES], top = -INFINITY, sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            z[c] = logl((long double)share[c]);
            for (int j = 0; j < COLS; j++) {
                long double t = (long double)x[i * COLS + j] - (long double)mean[c][j];
                if (isfinite(x[i * COLS + j]))
                    z[c] -= 0.5L * (logl(2 * 3.14159265358979323846L * (long double)var[c][j]) +
                                    t * t / (long double)var[c][j]);
            }
            top = z[c] > top ? z[c] : top;
        }
        for (int c = 0; c < CLASSES; c++)
            sum += expl(z[c] - top);
        for (int c = 0; c < CLASSES; c++)
            proba[i * CLASSES + c] = (double)(expl(z[c] - top) / sum);
    }
}

/* The moments in the bag, each to a part of itself. */
static void check_moments(const fitted *f, int64_t n, const float *x, const int32_t *y)
{
    const crm_bag_array *mean, *var;
    double most = 0, m, v;
    crm_bag *b;

    bag_of(f->e, &b);
    T_OK(crm_bag_get(b, "mean", CRM_F64, CLASSES * COLS, &mean));
    T_OK(crm_bag_get(b, "var", CRM_F64, CLASSES * COLS, &var));
    for (int j = 0; j < COLS; j++) {
        moments(n, x, y, j, -1, &m, &v);
        most = v > most ? v : most;
    }
    for (int k = 0; k < CLASSES * COLS; k++) {
        int c = k / COLS, j = k % COLS;
        if (moments(n, x, y, j, c, &m, &v) == 0) moments(n, x, y, j, -1, &m, &v);
        T_NEAR(((const double *)mean->data)[k] / (fabs(m) + sqrt(v)), m / (fabs(m) + sqrt(v)),
               1e-14);
        v += plain_cfg.var_smoothing * most;
        T_NEAR(((const double *)var->data)[k] / v, 1, 1e-11);
    }
    crm_bag_free(&b);
}

static void check_by_hand(const char *name, int64_t n, const float *x, const int32_t *y, double tol)
{
    crm_data *d = open_rows(name, n, x, y);
    double *want = crm_mem_new((size_t)(n * CLASSES), sizeof *want), *p, worst = 0;
    fitted f;

    T_OK(fit_rows(&crm_naive_bayes_class, &plain_cfg, d, n, t_comm, NULL, true, &f));
    check_moments(&f, n, x, y);
    p = predict_all(f.e, &f);
    by_hand(n, x, y, plain_cfg.var_smoothing, want);
    for (int64_t i = 0; i < n * CLASSES; i++)
        worst = fabs(p[i] - want[i]) > worst ? fabs(p[i] - want[i]) : worst;
    T_NEAR(worst, 0, tol);
    crm_mem_free(p);
    crm_mem_free(want);
    drop(&f);
    crm_data_close(&d);
}

typedef struct table {
    float x[BIG * COLS];
    int32_t y[BIG];
} table;

/* Normal columns around centre[j] + apart * class. */
static table *make_table(const double *centre, double apart)
{
    table *t = crm_mem_new(1, sizeof *t);

    for (int64_t i = 0; i < BIG; i++) {
        crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 1, (uint64_t)i);
        t->y[i] = (int32_t)crm_rng_below(&r, CLASSES);
        for (int j = 0; j < COLS; j++)
            t->x[i * COLS + j] = (float)(crm_rng_normal(&r) + centre[j] + apart * t->y[i]);
    }
    return t;
}

static void leaves_out_missing_values(void)
{
    static const double centre[COLS] = {0, 1, -2, 50};
    table *t = make_table(centre, 0.5);

    for (int64_t i = 0; i < BIG * COLS; i++)
        if (i % 7 == 3 || (i / COLS) % 97 == 1) t->x[i] = i % 2 ? NAN : -INFINITY;
    for (int64_t i = 0; i < BIG; i++) /* a class without values in a column */
        if (t->y[i] == 1) t->x[i * COLS + 2] = NAN;
    check_by_hand("missing", BIG, t->x, t->y, 1e-12);
    crm_mem_free(t);
}

/* Far from 0, and classes far apart: sums of squares without a shift would have lost everything. */
static void keeps_digits(void)
{
    static const double centre[COLS] = {1e4, -3e4, 0, 1};
    table *t = make_table(centre, 0);

    check_by_hand("offset", BIG, t->x, t->y, 1e-9);
    crm_mem_free(t);
    t = make_table(centre, 3000); /* the shift suits one class only */
    check_by_hand("apart", BIG, t->x, t->y, 1e-9);
    for (int64_t i = 0; i < 12; i++) { /* huge values among the rows that the shift is made of */
        t->y[i] = 0;
        for (int j = 0; j < COLS; j++)
            t->x[i * COLS + j] = i % 2 ? 1e30F : -1e30F;
    }
    check_by_hand("huge", BIG, t->x, t->y, 1e-9);
    crm_mem_free(t);
}

/* Every row twice: the same means, variances, priors and so the same probabilities. */
static void takes_rows_twice(void)
{
    float x[2 * ROWS * COLS];
    int32_t y[2 * ROWS];
    fitted once, twice;
    double *p, *q;
    crm_data *d, *e;

    sample(x, y);
    memcpy(x + ROWS * COLS, x, sizeof x / 2);
    memcpy(y + ROWS, y, sizeof y / 2);
    d = open_rows("once", ROWS, x, y);
    e = open_rows("twice", 2 * ROWS, x, y);
    T_OK(fit_rows(&crm_naive_bayes_class, &plain_cfg, d, ROWS, t_comm, NULL, true, &once));
    T_OK(fit_rows(&crm_naive_bayes_class, &plain_cfg, e, 2 * ROWS, t_comm, NULL, true, &twice));
    p = predict_all(once.e, &once);
    q = predict_all(twice.e, &twice);
    for (int i = 0; i < ROWS * CLASSES; i++) {
        T_NEAR(p[i], q[i], 1e-13);
        T_CHECK(memcmp(&q[i], &q[i + ROWS * CLASSES], sizeof *q) == 0);
    }
    crm_mem_free(p);
    crm_mem_free(q);
    drop(&once);
    drop(&twice);
    crm_data_close(&d);
    crm_data_close(&e);
}

/* All columns constant, or without any value: the priors are left, whatever comes to be predicted.
 * One constant column among others, and one class: numbers that make sense. */
static void takes_odd_columns(void)
{
    static const double share[] = {2.0 / 8, 3.0 / 8, 3.0 / 8};
    float x[10 * COLS];
    const int32_t y[10] = {0, 0, 1, 1, 1, 2, 2, 2, 0, 0};
    crm_data *d;
    fitted f;
    double *p;

    for (int i = 0; i < 10 * COLS; i++)
        x[i] = i % COLS == 1 ? NAN : i % COLS == 2 ? -1e30F : 7;
    x[8 * COLS] = 1e30F; /* predicted only */
    x[9 * COLS + 3] = NAN;
    d = open_rows("constant", 10, x, y);
    T_OK(fit_rows(&crm_naive_bayes_class, &plain_cfg, d, 8, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < 10 * CLASSES; i++)
        T_NEAR(p[i], share[i % CLASSES], 1e-15);
    crm_mem_free(p);
    drop(&f);
    T_OK(fit_rows(&crm_naive_bayes_class, &plain_cfg, d, 2, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < 10; i++)
        T_CHECK(p[i * CLASSES] == 1 && p[i * CLASSES + 1] == 0 && p[i * CLASSES + 2] == 0);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

/* Scores are finite for all numbers that there are. */
static void takes_extremes(void)
{
    static const float values[] = {3e38F, -3e38F, 1e-37F, -1e-37F, 0, 1};
    float x[36 * COLS];
    int32_t y[36];
    crm_naive_bayes_cfg cfg = plain_cfg;
    crm_data *d;

    cfg.var_smoothing = 1e-30;
    for (int i = 0; i < 36; i++) {
        y[i] = i % 3;
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = j == 0 ? values[i % 6] : j == 1 ? values[i % 2 + 2] : values[i / 6];
    }
    d = open_rows("extremes", 36, x, y);
    for (int n = 1; n <= 36; n++) {
        fitted f;
        T_OK(fit_rows(&crm_naive_bayes_class, &cfg, d, n, t_comm, NULL, true, &f));
        crm_mem_free(predict_all(f.e, &f)); /* checks that they sum up to 1 */
        drop(&f);
    }
    crm_data_close(&d);
}

static void agrees_on_any_ranks(void)
{
    crm_naive_bayes_cfg balanced = plain_cfg;
    static const char *const word[] = {"balanced"};
    crm_data *d;

    balanced.class_weight = (crm_opt_list){1, word};
    T_OK(sd_open_large("large", SD_ROWS, &d));
    check_ranks(&crm_naive_bayes_class, &plain_cfg, d, SD_ROWS, true); /* with holes */
    check_ranks(&crm_naive_bayes_class, &balanced, d, SD_ROWS, false);
    check_ranks(&crm_naive_bayes_class, &plain_cfg, d, 4097, true);
    check_ranks(&crm_naive_bayes_class, &plain_cfg, d, 1, true);
    crm_data_close(&d);
}

static void gives_absent_classes_nothing(void)
{
    crm_data *d;
    fitted f;
    double *p;

    T_OK(sd_open_large("absent", SD_ROWS, &d));
    T_OK(fit_rows(&crm_naive_bayes_class, &plain_cfg, d, SD_ROWS, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int64_t i = 0; i < SD_ROWS; i++)
        T_CHECK(p[i * 4 + 3] == 0);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

/* A bag with one array changed. */
static void refuse(const fitted *f, int64_t m, const double *prior, const double *mean,
                   const double *var, const char *word)
{
    crm_estimator *e;
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put(b, "class", CRM_I32, 1, (int64_t[]){3}, (int32_t[]){0, 1, 2}));
    T_OK(crm_bag_put(b, "prior", CRM_F64, 1, (int64_t[]){m}, prior));
    T_OK(crm_bag_put(b, "mean", CRM_F64, 2, (int64_t[]){3, COLS}, mean));
    T_OK(crm_bag_put(b, "var", CRM_F64, 2, (int64_t[]){3, COLS}, var));
    T_OK(crm_naive_bayes_class.make(&plain_cfg, &e));
    T_FAILS(crm_naive_bayes_class.load(e, f->source, CLASSES, b), CRM_ERR_FORMAT, word);
    crm_naive_bayes_class.free(e);
    crm_bag_free(&b);
}

static void refuses_damage(void)
{
    const double good[3 * COLS] = {0}, nan_[3 * COLS] = {0, (double)NAN},
                          minus[3 * COLS] = {0, 0, -1};
    crm_data *d = open_sample();
    fitted f;

    T_OK(fit_rows(&crm_naive_bayes_class, &plain_cfg, d, ROWS, t_comm, NULL, true, &f));
    refuse(&f, 2, good, good, good, "prior");
    refuse(&f, 3, nan_, good, good, "'prior'");
    refuse(&f, 3, good, nan_, good, "'mean'");
    refuse(&f, 3, good, good, nan_, "'var'");
    refuse(&f, 3, good, good, minus, "not negative");
    drop(&f);
    crm_data_close(&d);
}

static void has_options(void)
{
    static const char *const wrong[] = {"b:-1"}, *const other[] = {"z:2"};
    crm_naive_bayes_cfg cfg;
    crm_estimator *e;
    crm_opt_set *set;
    crm_data *d = open_sample();
    fitted f;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_naive_bayes_opts, &cfg));
    T_CHECK(cfg.var_smoothing == 1e-9 && cfg.priors == CRM_NAIVE_BAYES_EMPIRICAL &&
            cfg.class_weight.n == 1);
    cfg.class_weight = (crm_opt_list){1, wrong};
    T_FAILS(crm_naive_bayes_class.make(&cfg, &e), CRM_ERR_CONFIG, "naive_bayes.class_weight");
    cfg.class_weight = (crm_opt_list){1, other};
    T_FAILS(fit_rows(&crm_naive_bayes_class, &cfg, d, ROWS, t_comm, NULL, true, &f), CRM_ERR_CONFIG,
            "'z'");
    drop(&f);
    crm_opt_set_free(&set);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"matches reference", matches_reference},
                                   {"leaves out missing values", leaves_out_missing_values},
                                   {"keeps digits", keeps_digits},
                                   {"takes rows twice", takes_rows_twice},
                                   {"takes odd columns", takes_odd_columns},
                                   {"takes extremes", takes_extremes},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"gives absent classes nothing", gives_absent_classes_nothing},
                                   {"refuses damage", refuses_damage},
                                   {"has options", has_options},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
