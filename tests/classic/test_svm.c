/* test_svm.c - support vector machine: kernels and features in plain loops, machines against
 * scikit-learn 1.2.1, equal bits on any number of ranks and threads, bad input, bags.
 * ranks: 1 2 3 4
 * timeout: 180
 *
 * Reference: SVC(C, kernel, gamma, degree, coef0, class_weight, tol=1e-10) on the data of
 * test_logistic.c:
 *   X[i][j] = float32(((37 i + 101 j + i i (j + 3)) mod 97) / 97 - 0.5), i < 60, j < 3
 *   u = ((53 i + 11) mod 89) / 89, s = X[i][0] - 0.5 X[i][1]
 *   two classes: u < 0.5 + 0.6 s; three: 0 when u + s < 0.35, else 1 when u - X[i][2] < 0.7, else 2
 */
#include "../../src/learn/classic/svm_impl.h"
#include "fit_testing.h"

enum { ROWS = 60, COLS = 3 };
static const char *const class_name[] = {"a", "b", "c"};
static const char *const num_name[] = {"x0", "x1", "x2"};
static const char *const none[] = {"none"}, *const balanced[] = {"balanced"};
static const crm_svm_cfg plain_cfg = {.kernel = CRM_SVM_RBF,
                                      .c = 1,
                                      .gamma = "scale",
                                      .degree = 3,
                                      .tol = 1e-10,
                                      .class_weight = {1, none},
                                      .probability = CRM_SVM_NO_PROBA,
                                      .method = CRM_SVM_AUTO,
                                      .exact_rows = 1000,
                                      .components = 40,
                                      .max_iter = 1000,
                                      .cache_mb = 100};

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

static crm_data *open_table(int classes, int64_t n, int cols, const float *x, const int32_t *y)
{
    sd_spec s = {.n = n,
                 .n_num = cols,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = classes,
                 .class_name = class_name,
                 .label = y};
    crm_data *d;

    T_OK(sd_open("sample", &s, &d));
    return d;
}

static crm_data *open_sample(int classes, int cols)
{
    float x[ROWS * COLS];
    int32_t y2[ROWS], y3[ROWS];

    sample(x, y2, y3);
    return open_table(classes, ROWS, cols, x, classes == 2 ? y2 : y3);
}

/* ---- kernels ---- */

static double plain_kernel(const svc_kernel *k, int64_t d, const float *a, const float *b)
{
    double dot = 0, square = 0;

    for (int64_t j = 0; j < d; j++) {
        double x = (double)a[j], y = (double)b[j];
        dot += x * y;
        square += (x - y) * (x - y);
    }
    if (k->kind == CRM_SVM_LINEAR) return dot;
    if (k->kind == CRM_SVM_RBF) return exp(-k->gamma * square);
    if (k->kind == CRM_SVM_POLYNOMIAL) return pow(k->gamma * dot + k->coef0, k->degree);
    return tanh(k->gamma * dot + k->coef0);
}

enum { KROWS = 13, KCOLS = 150 };

static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(11, CRM_RNG_TEST, 0, (uint64_t)i);
        x[i] = (float)crm_rng_normal(&r);
    }
}

/* A row alone has the value that it has among others. */
static void check_kernel(const svc_kernel *k, int64_t d)
{
    float x[KROWS * KCOLS];
    double out[SVC_ROWS * 16], alone[16];
    svc_pack p;

    fill(x, KROWS * d);
    T_OK(svc_pack_new(KROWS, d, x, NULL, &p));
    T_EQ_I(p.blocks, 2);
    for (int64_t i = 0; i < KROWS; i += SVC_ROWS) {
        int64_t n = KROWS - i < SVC_ROWS ? KROWS - i : SVC_ROWS;
        svc_kernel_rows(k, &p, n, x + i * d, out);
        for (int64_t q = 0; q < n; q++) {
            svc_kernel_rows(k, &p, 1, x + (i + q) * d, alone);
            T_CHECK(memcmp(alone, out + q * 16, sizeof alone) == 0);
            for (int64_t b = 0; b < KROWS; b++) {
                double want = plain_kernel(k, d, x + (i + q) * d, x + b * d);
                T_NEAR(out[q * 16 + b], want, 1e-13);
                if (k->kind == CRM_SVM_RBF) T_NEAR(out[q * 16 + b] / want, 1, 1e-12);
            }
        }
    }
    svc_pack_free(&p);
}

static void kernels_match_loops(void)
{
    static const int64_t width[] = {0, 1, 3, 64, 65, KCOLS};

    for (int kind = 0; kind < CRM_SVM_KERNEL_COUNT; kind++)
        for (size_t w = 0; w < sizeof width / sizeof *width; w++) {
            svc_kernel k = {.kind = kind, .degree = 3, .gamma = 0.05, .coef0 = 0.25};
            check_kernel(&k, width[w]);
        }
}

/* exp over the whole of its range, and beyond it. */
static void rbf_is_exp(void)
{
    svc_kernel k = {.kind = CRM_SVM_RBF, .gamma = 1};
    float zero = 0, x[8];
    double out[8];

    for (int i = 0; i < 4000; i++) {
        svc_pack p;
        for (int l = 0; l < 8; l++)
            x[l] = (float)sqrt((8 * i + l) / 40.0);
        T_OK(svc_pack_new(8, 1, x, NULL, &p));
        svc_kernel_rows(&k, &p, 1, &zero, out);
        for (int l = 0; l < 8; l++) {
            double square = (double)x[l] * (double)x[l], want = exp(-square);
            T_CHECK(square > 708 ? out[l] >= 0 && out[l] < 1e-307
                                 : fabs(out[l] / want - 1) < 4e-16);
        }
        svc_pack_free(&p);
    }
    x[0] = 1e30F;
    for (int l = 1; l < 8; l++)
        x[l] = 3e38F;
    svc_pack huge;
    T_OK(svc_pack_new(8, 1, x, NULL, &huge));
    svc_kernel_rows(&k, &huge, 1, &zero, out);
    for (int l = 0; l < 8; l++)
        T_CHECK(out[l] == 0);
    svc_pack_free(&huge);
}

/* ---- machines against scikit-learn ---- */

typedef struct reference {
    int classes, kernel;
    double c;
    const char *gamma;
    double coef0;
    int degree, balanced;
    const char *predicted; /* of the 60 rows */
    double margin[4];      /* two classes: of the first four rows */
} reference;
static const reference references[] = {
    {.classes = 2,
     .kernel = CRM_SVM_RBF,
     .c = 1,
     .gamma = "scale",
     .coef0 = 0,
     .degree = 3,
     .balanced = 0,
     .predicted = "101001000111000100110100111110001010100111100111010100100000",
     .margin = {0.09271875223587855, -0.666926885798436, 1.3665085276644335, -0.8623916694134052}},
    {.classes = 2,
     .kernel = CRM_SVM_RBF,
     .c = 50,
     .gamma = "3",
     .coef0 = 0,
     .degree = 3,
     .balanced = 1,
     .predicted = "101001000111000100111100111110001000100111100111010101100000",
     .margin = {0.9999964010932549, -0.9604057632622824, 4.488518702902345, -1.3865253929787897}},
    {.classes = 3,
     .kernel = CRM_SVM_RBF,
     .c = 5,
     .gamma = "scale",
     .coef0 = 0,
     .degree = 3,
     .balanced = 0,
     .predicted = "000100000101000100110100111120111110112111011110212100110002"},
    {.classes = 2,
     .kernel = CRM_SVM_POLYNOMIAL,
     .c = 2,
     .gamma = "scale",
     .coef0 = 0.5,
     .degree = 3,
     .balanced = 0,
     .predicted = "101011000111000100111100111110001000100111100111010101100000",
     .margin = {1.0000029326232476, -0.8182969117689236, 5.748403494521775, -0.9999999221570484}},
    {.classes = 3,
     .kernel = CRM_SVM_POLYNOMIAL,
     .c = 3,
     .gamma = "2.5",
     .coef0 = 1,
     .degree = 2,
     .balanced = 1,
     .predicted = "200100000101000100110100111120102010112111011110212122110002"},
    {.classes = 2,
     .kernel = CRM_SVM_SIGMOID,
     .c = 1,
     .gamma = "auto",
     .coef0 = -0.5,
     .degree = 3,
     .balanced = 0,
     .predicted = "011101000111001101110100111110011010110111111110111110110000",
     .margin = {-0.5353028095907275, 0.06435844686231645, 0.79439180800684, 0.0503869683454054}},
    {.classes = 3,
     .kernel = CRM_SVM_LINEAR,
     .c = 10,
     .gamma = "scale",
     .coef0 = 0,
     .degree = 3,
     .balanced = 0,
     .predicted = "002100000121000100110100111110112110110111011111212100110000"},
    {.classes = 2,
     .kernel = CRM_SVM_LINEAR,
     .c = 10,
     .gamma = "scale",
     .coef0 = 0,
     .degree = 3,
     .balanced = 1,
     .predicted = "001001000111000100100100111110011010100111101110111110100000",
     .margin = {-1.087096400003634, -0.2870967004598074, 0.9978497037883365, -0.4043010863028645}},
};

static int best(const double *p, int m)
{
    int k = 0;

    for (int i = 1; i < m; i++)
        if (p[i] > p[k]) k = i;
    return k;
}

static void check_reference(const reference *r)
{
    crm_svm_cfg cfg = plain_cfg;
    crm_data *d = open_sample(r->classes, COLS);
    double *p;
    fitted f;

    cfg.method = CRM_SVM_EXACT;
    cfg.kernel = r->kernel;
    cfg.c = r->c;
    cfg.gamma = r->gamma;
    cfg.coef0 = r->coef0;
    cfg.degree = r->degree;
    if (r->balanced) cfg.class_weight.item = balanced;
    T_OK(fit_rows(&crm_svm_class, &cfg, d, ROWS, t_comm, NULL, false, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < ROWS; i++)
        T_EQ_I('0' + best(p + i * r->classes, r->classes), r->predicted[i]);
    for (int i = 0; i < 4 && r->classes == 2; i++)
        T_NEAR(log(p[2 * i + 1] / p[2 * i]), r->margin[i], 1e-6);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void matches_reference(void)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        check_reference(&references[i]);
}

/* Least of |w|^2 / 2 + C sum max(0, 1 - y f)^2: the slopes at the weights in plain loops. */
static void primal_is_stationary(void)
{
    crm_svm_cfg cfg = plain_cfg;
    float x[ROWS * COLS];
    int32_t y2[ROWS], y3[ROWS];
    const crm_bag_array *w, *b;
    crm_data *d = open_sample(2, COLS);
    double slope[COLS + 1] = {0};
    crm_bag *bag;
    fitted f;

    cfg.kernel = CRM_SVM_LINEAR;
    cfg.c = 0.7;
    sample(x, y2, y3);
    T_OK(fit_rows(&crm_svm_class, &cfg, d, ROWS, t_comm, NULL, false, &f));
    bag_of(f.e, &bag);
    T_OK(crm_bag_get(bag, "weight", CRM_F64, COLS, &w));
    T_OK(crm_bag_get(bag, "intercept", CRM_F64, 1, &b));
    for (int j = 0; j < COLS; j++)
        slope[j] = ((const double *)w->data)[j];
    for (int i = 0; i < ROWS; i++) {
        double y = y2[i] ? 1 : -1, z = *(const double *)b->data, r;
        for (int j = 0; j < COLS; j++)
            z += ((const double *)w->data)[j] * (double)x[i * COLS + j];
        r = 2 * cfg.c * fmax(0, 1 - y * z);
        for (int j = 0; j < COLS; j++)
            slope[j] -= r * y * (double)x[i * COLS + j];
        slope[COLS] -= r * y;
    }
    for (int j = 0; j <= COLS; j++)
        T_NEAR(slope[j], 0, 1e-6);
    crm_bag_free(&bag);
    drop(&f);
    crm_data_close(&d);
}

/* ---- features ---- */

/* With every row a landmark the features have the kernel as product; float features: 1e-5. */
static void landmarks_give_kernel(void)
{
    float x[ROWS * COLS], *z;
    int32_t y2[ROWS], y3[ROWS];
    crm_data *d = open_sample(2, COLS);
    svc_kernel k = {.kind = CRM_SVM_RBF, .gamma = 2};
    crm_fit fit = {.comm = t_comm, .seed = 4};
    crm_source *in;
    crm_view *v;
    svc_map m;

    sample(x, y2, y3);
    T_OK(crm_view_all(d, &v));
    T_OK(crm_source_new(d, CRM_FLAT_ALL, &in));
    fit.train = v;
    T_OK(svc_map_new(CRM_SVM_NYSTROEM, &k, ROWS + 5, &fit, in, &m));
    T_CHECK(m.width > 30 && m.width <= ROWS);
    z = crm_mem_new((size_t)(ROWS * m.width), sizeof *z);
    svc_map_rows(&m, ROWS, x, NULL, z);
    for (int a = 0; a < ROWS; a++)
        for (int b = 0; b < ROWS; b++) {
            double sum = 0;
            for (int64_t j = 0; j < m.width; j++)
                sum += (double)z[a * m.width + j] * (double)z[b * m.width + j];
            T_NEAR(sum, plain_kernel(&k, COLS, x + a * COLS, x + b * COLS), 1e-5);
        }
    crm_mem_free(z);
    svc_map_free(&m);
    crm_source_free(&in);
    crm_view_free(&v);
    crm_data_close(&d);
}

/* 2,048 waves: standard error of a product below 1 / sqrt(2048) = 0.022; five of them. */
static void waves_give_kernel(void)
{
    enum { WAVES = CRM_SVM_COMPONENTS_MAX };
    float x[ROWS * COLS], *z;
    int32_t y2[ROWS], y3[ROWS];
    crm_data *d = open_sample(2, COLS);
    svc_kernel k = {.kind = CRM_SVM_RBF, .gamma = 2};
    crm_fit fit = {.comm = t_comm, .seed = 4};
    crm_source *in;
    crm_view *v;
    svc_map m;

    sample(x, y2, y3);
    T_OK(crm_view_all(d, &v));
    T_OK(crm_source_new(d, CRM_FLAT_ALL, &in));
    fit.train = v;
    T_OK(svc_map_new(CRM_SVM_FOURIER, &k, WAVES, &fit, in, &m));
    z = crm_mem_new((size_t)ROWS * WAVES, sizeof *z);
    svc_map_rows(&m, ROWS, x, NULL, z);
    for (int a = 0; a < ROWS; a++)
        for (int b = 0; b < ROWS; b++) {
            double sum = 0;
            for (int64_t j = 0; j < WAVES; j++)
                sum += (double)z[a * WAVES + j] * (double)z[b * WAVES + j];
            T_NEAR(sum, plain_kernel(&k, COLS, x + a * COLS, x + b * COLS), 0.11);
        }
    for (int j = 0; j < WAVES; j += 100) { /* one wave in plain words */
        double t = m.phase[j];
        for (int c = 0; c < COLS; c++)
            t += (double)x[c] * (double)m.base[j * COLS + c];
        T_NEAR((double)z[j], sqrt(2.0 / WAVES) * cos(6.283185307179586 * t), 1e-8);
    }
    crm_mem_free(z);
    svc_map_free(&m);
    crm_source_free(&in);
    crm_view_free(&v);
    crm_data_close(&d);
}

/* ---- ranks ---- */

static void agrees_on_any_ranks(void)
{
    static const struct {
        int method, kernel, probability;
        int64_t rows;
    } runs[] = {{CRM_SVM_EXACT, CRM_SVM_RBF, CRM_SVM_PLATT, 700},
                {CRM_SVM_EXACT, CRM_SVM_POLYNOMIAL, CRM_SVM_ISOTONIC, 300},
                {CRM_SVM_EXACT, CRM_SVM_RBF, CRM_SVM_PLATT, 3},
                {CRM_SVM_AUTO, CRM_SVM_LINEAR, CRM_SVM_PLATT, SD_ROWS}, /* three classes */
                {CRM_SVM_AUTO, CRM_SVM_LINEAR, CRM_SVM_ISOTONIC, 4097},
                {CRM_SVM_AUTO, CRM_SVM_RBF, CRM_SVM_PLATT, SD_ROWS}, /* nystroem */
                {CRM_SVM_NYSTROEM, CRM_SVM_SIGMOID, CRM_SVM_NO_PROBA, 4097},
                {CRM_SVM_FOURIER, CRM_SVM_RBF, CRM_SVM_PLATT, 4097},
                {CRM_SVM_AUTO, CRM_SVM_RBF, CRM_SVM_PLATT, 1}}; /* one class */
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        crm_svm_cfg cfg = plain_cfg;
        cfg.method = runs[i].method;
        cfg.kernel = runs[i].kernel;
        cfg.probability = runs[i].probability;
        cfg.tol = 1e-3;
        cfg.c = 0.1;
        check_ranks(&crm_svm_class, &cfg, d, runs[i].rows, false);
    }
    crm_data_close(&d);
}

/* The class with one row in 9,000 and the one without any. */
static void gives_absent_classes_nothing(void)
{
    crm_svm_cfg cfg = plain_cfg;
    crm_data *d;
    fitted f;
    double *p;

    cfg.probability = CRM_SVM_PLATT;
    cfg.tol = 1e-3;
    T_OK(sd_open_large("large", SD_ROWS, &d));
    T_OK(fit_rows(&crm_svm_class, &cfg, d, SD_ROWS, t_comm, NULL, false, &f));
    p = predict_all(f.e, &f);
    for (int64_t i = 0; i < SD_ROWS; i += 100)
        T_CHECK(p[i * 4 + 2] >= 0 && p[i * 4 + 2] < 0.2 && p[i * 4 + 3] == 0);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

/* ---- bad input ---- */

static void check_make(const crm_svm_cfg *cfg, const char *text)
{
    crm_estimator *e;

    T_FAILS(crm_svm_class.make(cfg, &e), CRM_ERR_CONFIG, text);
    T_CHECK(e == NULL);
}

static void refuses_options(void)
{
    static const char *const bad_gamma[] = {"0", "-1", "x", "1x", "", "nan", "inf"};
    static const char *const bad_weight[] = {"a:0"};
    crm_svm_cfg cfg = plain_cfg;

    cfg.c = 0;
    check_make(&cfg, "svm.c = 0");
    cfg.c = (double)NAN;
    check_make(&cfg, "svm.c");
    cfg = plain_cfg;
    for (size_t i = 0; i < sizeof bad_gamma / sizeof *bad_gamma; i++) {
        cfg.gamma = bad_gamma[i];
        check_make(&cfg, "svm.gamma: '");
    }
    cfg = plain_cfg;
    cfg.method = CRM_SVM_PRIMAL;
    check_make(&cfg, "svm.method: 'primal' is for");
    cfg.method = CRM_SVM_FOURIER;
    cfg.kernel = CRM_SVM_POLYNOMIAL;
    check_make(&cfg, "svm.method: 'fourier' is for");
    cfg = plain_cfg;
    cfg.class_weight.item = bad_weight;
    check_make(&cfg, "svm.class_weight");
    cfg = plain_cfg;
    cfg.degree = 0;
    check_make(&cfg, "svm.degree");
}

static void has_options(void)
{
    static const char *const zero[] = {"svm.c=0"};
    crm_svm_cfg cfg;
    crm_opt_set *set;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_svm_opts, &cfg));
    T_CHECK(cfg.c == 1 && cfg.kernel == CRM_SVM_RBF && cfg.probability == CRM_SVM_PLATT &&
            cfg.exact_rows == 20000 && strcmp(cfg.gamma, "scale") == 0);
    T_FAILS(crm_opt_set_load(set, NULL, zero, 1), CRM_ERR_CONFIG, "svm.c");
    crm_opt_set_free(&set);
}

static void refuses_missing_numbers(void)
{
    static const int method[] = {CRM_SVM_EXACT, CRM_SVM_NYSTROEM, CRM_SVM_FOURIER, CRM_SVM_AUTO};
    crm_data *d;
    fitted f;

    T_OK(sd_open_large("large", 100, &d));
    for (int i = 0; i < 4; i++) {
        crm_svm_cfg cfg = plain_cfg;
        cfg.method = method[i];
        if (i == 3) cfg.kernel = CRM_SVM_LINEAR;
        T_FAILS(fit_rows(&crm_svm_class, &cfg, d, 100, t_comm, NULL, true, &f), CRM_ERR_NUMERIC,
                "missing");
        drop(&f);
    }
    crm_data_close(&d);
}

/* Rows so far out that their kernel is no number any more. */
static void refuses_endless_scores(void)
{
    float x[(ROWS + 1) * COLS];
    int32_t y[ROWS + 1], y3[ROWS];
    crm_svm_cfg cfg = plain_cfg;
    crm_data *d;
    fitted f;
    double p[2];

    sample(x, y, y3);
    x[ROWS * COLS] = x[ROWS * COLS + 1] = x[ROWS * COLS + 2] = 3e38F;
    y[ROWS] = 0;
    cfg.kernel = CRM_SVM_POLYNOMIAL;
    cfg.degree = 20;
    cfg.tol = 1e-3;
    d = open_table(2, ROWS + 1, COLS, x, y);
    for (int i = 0; i < 2; i++) {
        cfg.method = i ? CRM_SVM_NYSTROEM : CRM_SVM_EXACT;
        T_OK(fit_rows(&crm_svm_class, &cfg, d, ROWS, t_comm, NULL, false, &f));
        T_FAILS(crm_svm_class.predict(f.e, f.source, (int64_t[]){ROWS}, 1, p), CRM_ERR_NUMERIC,
                "row 60");
        drop(&f);
    }
    crm_data_close(&d);
}

static const int methods[][2] = {
    {CRM_SVM_EXACT, CRM_SVM_RBF},    {CRM_SVM_EXACT, CRM_SVM_POLYNOMIAL},
    {CRM_SVM_EXACT, CRM_SVM_LINEAR}, {CRM_SVM_EXACT, CRM_SVM_SIGMOID},
    {CRM_SVM_NYSTROEM, CRM_SVM_RBF}, {CRM_SVM_NYSTROEM, CRM_SVM_POLYNOMIAL},
    {CRM_SVM_FOURIER, CRM_SVM_RBF},  {CRM_SVM_PRIMAL, CRM_SVM_LINEAR}};

/* Probabilities are finite and add to 1 (predict_all), or the fit says what is wrong. */
static void survives(int classes, int64_t n, int cols, const float *x, const int32_t *y)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        for (int proba = 0; proba < CRM_SVM_PROBA_COUNT; proba++) {
            crm_svm_cfg cfg = plain_cfg;
            crm_data *d = open_table(classes, n, cols, x, y);
            fitted f;
            crm_status st;
            cfg.method = methods[i][0];
            cfg.kernel = methods[i][1];
            cfg.probability = proba;
            cfg.tol = 1e-3;
            st = fit_rows(&crm_svm_class, &cfg, d, n, t_comm, NULL, false, &f);
            if (!st) {
                crm_mem_free(predict_all(f.e, &f));
            } else {
                T_CHECK(st == CRM_ERR_NUMERIC && strstr(crm_err_text(), "feature.scale"));
                crm_err_clear();
            }
            drop(&f);
            crm_data_close(&d);
        }
}

static void survives_odd_tables(void)
{
    float x[2 * ROWS * COLS], constant[ROWS * COLS], huge[ROWS * COLS];
    int32_t y[2 * ROWS], y3[2 * ROWS], one[ROWS] = {0}, own[3] = {0, 1, 2};

    sample(x, y, y3);
    for (int i = 0; i < ROWS * COLS; i++) {
        constant[i] = 0.1F;
        huge[i] = i % COLS == 1 ? x[i] * 1e30F : x[i];
    }
    survives(2, ROWS, 0, x, y);           /* no column          */
    survives(2, ROWS, COLS, constant, y); /* no variance        */
    survives(3, ROWS, COLS, constant, y3);
    survives(2, ROWS, COLS, x, one); /* one class          */
    survives(3, 3, COLS, x, own);    /* one row of each    */
    survives(2, 2, COLS, x, own);
    survives(2, ROWS, COLS, huge, y); /* 1e30               */
    memcpy(x + ROWS * COLS, x, sizeof constant);
    memcpy(y3 + ROWS, y3, ROWS * sizeof *y3);
    survives(3, 2 * ROWS, COLS, x, y3); /* every row twice    */
}

/* Without scaling: a kernel whose values libsvm could not hold. */
static void refuses_huge_kernels(void)
{
    float x[ROWS * COLS];
    int32_t y2[ROWS], y3[ROWS];
    crm_svm_cfg cfg = plain_cfg;
    crm_data *d;
    fitted f;

    sample(x, y2, y3);
    for (int i = 0; i < ROWS * COLS; i++)
        x[i] *= 1e30F;
    d = open_table(2, ROWS, COLS, x, y2);
    cfg.kernel = CRM_SVM_POLYNOMIAL;
    cfg.gamma = "auto";
    T_FAILS(fit_rows(&crm_svm_class, &cfg, d, ROWS, t_comm, NULL, false, &f), CRM_ERR_NUMERIC,
            "svm.gamma");
    drop(&f);
    cfg.gamma = "scale";
    T_OK(fit_rows(&crm_svm_class, &cfg, d, ROWS, t_comm, NULL, false, &f));
    drop(&f);
    crm_data_close(&d);
}

/* ---- bags ---- */

/* Copy of a bag with one array replaced by another of the same name. */
static crm_bag *damaged(const crm_bag *b, const char *name, crm_dtype t, int rank,
                        const int64_t *dim, const void *data)
{
    const char *text;
    crm_bag *out;

    T_OK(crm_bag_new(&out));
    for (int i = 0; i < crm_bag_count(b); i++) {
        const crm_bag_array *a = crm_bag_at(b, i);
        if (strcmp(a->name, name) != 0)
            T_OK(crm_bag_put(out, a->name, a->dtype, a->rank, a->dim, a->data));
    }
    T_OK(crm_bag_get_text(b, "method", &text));
    T_OK(crm_bag_put_text(out, "method", text));
    T_OK(crm_bag_get_text(b, "calibration/kind", &text));
    T_OK(crm_bag_put_text(out, "calibration/kind", text));
    if (data) T_OK(crm_bag_put(out, name, t, rank, dim, data));
    return out;
}

static void check_damage(const crm_svm_cfg *cfg, const fitted *f, const crm_bag *b,
                         const char *name, crm_dtype t, int rank, const int64_t *dim,
                         const void *data)
{
    crm_bag *bad = damaged(b, name, t, rank, dim, data);
    crm_estimator *e;

    T_OK(crm_svm_class.make(cfg, &e));
    T_FAILS(crm_svm_class.load(e, f->source, 2, bad), CRM_ERR_FORMAT, "");
    crm_svm_class.free(e);
    crm_bag_free(&bad);
}

static void refuses_damage(void)
{
    static const int64_t count[2] = {1, -1}, two = 2, dim[2] = {3, 2}, square[2] = {1, 1};
    static const double nan = (double)NAN, minus = -1, zeros[6] = {0};
    crm_svm_cfg cfg = plain_cfg;
    crm_data *d = open_sample(2, COLS);
    crm_bag *b;
    fitted f;

    T_OK(fit_rows(&crm_svm_class, &cfg, d, ROWS, t_comm, NULL, false, &f));
    bag_of(f.e, &b);
    check_damage(&cfg, &f, b, "support_count", CRM_I64, 1, &two, count);
    check_damage(&cfg, &f, b, "support", CRM_F32, 2, dim, zeros);
    check_damage(&cfg, &f, b, "coef", CRM_F64, 2, dim, zeros);
    check_damage(&cfg, &f, b, "intercept", CRM_F64, 0, NULL, &nan);
    check_damage(&cfg, &f, b, "gamma", CRM_F64, 0, NULL, &minus);
    check_damage(&cfg, &f, b, "class", CRM_I32, 1, &two, (int32_t[]){0, 7});
    crm_bag_free(&b);
    drop(&f);
    cfg.method = CRM_SVM_NYSTROEM;
    cfg.components = 1;
    T_OK(fit_rows(&crm_svm_class, &cfg, d, ROWS, t_comm, NULL, false, &f));
    bag_of(f.e, &b);
    check_damage(&cfg, &f, b, "map/factor", CRM_F64, 2, square, &minus);
    check_damage(&cfg, &f, b, "map/landmark", CRM_F32, 2, dim, zeros);
    check_damage(&cfg, &f, b, "weight", CRM_F64, 2, dim, zeros);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"kernels match loops", kernels_match_loops},
                                   {"rbf is exp", rbf_is_exp},
                                   {"matches reference", matches_reference},
                                   {"primal is stationary", primal_is_stationary},
                                   {"landmarks give kernel", landmarks_give_kernel},
                                   {"waves give kernel", waves_give_kernel},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"gives absent classes nothing", gives_absent_classes_nothing},
                                   {"refuses options", refuses_options},
                                   {"has options", has_options},
                                   {"refuses missing numbers", refuses_missing_numbers},
                                   {"refuses endless scores", refuses_endless_scores},
                                   {"survives odd tables", survives_odd_tables},
                                   {"refuses huge kernels", refuses_huge_kernels},
                                   {"refuses damage", refuses_damage},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
