/* test_linear.c - linear models: the conditions of a minimum in plain loops for every loss and
 * penalty, few and many unknowns, samples, scikit-learn's weights, bad input; equal bits on any
 * number of ranks and threads.
 * ranks: 1 2 3 4
 * timeout: 180
 *
 * Reference: scikit-learn 1.2.1 on the data of test_logistic.c: LogisticRegression(penalty, C,
 * l1_ratio, class_weight, solver="saga", tol=1e-13, max_iter=10^6), LinearSVC(C, dual=False,
 * tol=1e-12, max_iter=10^6). */
#include "../../src/learn/classic/linear_impl.h"
#include "fit_testing.h"

enum { ROWS = 60, COLS = 3, WIDE = 250 };
static const char *const class_name[] = {"a", "b", "c", "d"};
static char wide_text[WIDE][16];
static const char *wide_name[WIDE];

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

/* ---- a problem and its data ---- */
typedef struct table {
    int64_t n, d;
    int classes;
    float *x; /* [n][d] */
    int32_t *y;
    crm_data *data;
} table;

static table table_new(int64_t n, int64_t d, int classes)
{
    return (table){.n = n,
                   .d = d,
                   .classes = classes,
                   .x = crm_mem_new((size_t)(n * d), sizeof(float)),
                   .y = crm_mem_new((size_t)n, sizeof(int32_t))};
}

static void table_open(table *t)
{
    sd_spec s = {.n = t->n,
                 .n_num = t->d,
                 .num_name = wide_name,
                 .num = t->x,
                 .n_classes = t->classes,
                 .class_name = class_name,
                 .label = t->y};

    for (int j = 0; j < WIDE; j++) {
        snprintf(wide_text[j], sizeof wide_text[j], "x%d", j);
        wide_name[j] = wide_text[j];
    }
    T_OK(crm_comm_barrier(t_comm)); /* all ranks are done with the last of this name */
    T_OK(sd_open("linear", &s, &t->data));
}

static void table_free(table *t)
{
    crm_data_close(&t->data);
    crm_mem_free(t->x);
    crm_mem_free(t->y);
}

static table small_table(int classes)
{
    int32_t y2[ROWS], y3[ROWS];
    table t = table_new(ROWS, COLS, classes);

    sample(t.x, y2, y3);
    memcpy(t.y, classes == 2 ? y2 : y3, sizeof y2);
    table_open(&t);
    return t;
}

/* Normal columns of different scale, each sixth of them close to the one before; classes by the
 * first columns and noise. */
static table large_table(int64_t n, int64_t d, int classes)
{
    table t = table_new(n, d, classes);

    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, (uint64_t)i);
        float *x = t.x + i * d;
        for (int64_t j = 0; j < d; j++) {
            x[j] = (float)crm_rng_normal(&r);
            if (j % 6 == 5) x[j] = x[j - 1] + 0.1F * x[j];
        }
        t.y[i] = x[0] - x[1] + (float)crm_rng_normal(&r) > 0;
        if (classes > 2 && x[2] + 0.5F * (float)crm_rng_normal(&r) > 0.8F) t.y[i] = 2;
        if (classes > 3 && x[3] + 0.5F * (float)crm_rng_normal(&r) > 1) t.y[i] = 3;
        for (int64_t j = 0; j < d; j++)
            x[j] *= j % 3 == 0 ? 100 : 1;
    }
    table_open(&t);
    return t;
}

/* A transform that takes the profile's numbers away and gives those that are not 0 as sparse
 * columns. */
static const crm_schema no_columns;
static bool as_sparse; /* solve uses it */

static const crm_schema *sparse_schema(const crm_transform *t)
{
    (void)t;
    return &no_columns;
}
static crm_status sparse_apply(const crm_transform *t, const crm_data *data,
                               const crm_schema *in_schema, const crm_block *in, crm_block *out)
{
    (void)t, (void)data, (void)in_schema, (void)in, (void)out;
    return CRM_OK;
}
static int64_t all_columns;
static int64_t sparse_width(const crm_transform *t)
{
    (void)t;
    return all_columns;
}
static crm_status sparse_rows(const crm_transform *t, const crm_data *data, const int64_t *row,
                              int64_t n, crm_sparse *out)
{
    const float *num;
    const crm_schema *s = crm_data_profile(data, &num, &(const int32_t *){NULL});

    (void)t;
    for (int64_t i = 0; i < n; i++) {
        const float *x = num + row[i] * s->n_num;
        for (int j = 0; j < s->n_num; j++)
            if (x[j] > 0 || x[j] < 0) CRM_TRY(crm_sparse_add(out, j, x[j]));
        CRM_TRY(crm_sparse_end_row(out));
    }
    return CRM_OK;
}
static const crm_transform_class sparse_class = {.name = "sparse",
                                                 .schema = sparse_schema,
                                                 .apply = sparse_apply,
                                                 .sparse_width = sparse_width,
                                                 .sparse = sparse_rows};
static const crm_transform sparse_transform = {&sparse_class};

/* Weights [vectors][d + 1] of a fit; of sparse columns the intercepts come first. */
static crm_status solve(const linear_spec *spec, double c, const crm_opt_list *weights,
                        const table *t, crm_comm *comm, crm_pool *pool, double *w)
{
    crm_fit fit = {.comm = comm, .pool = pool, .seed = 1};
    classic_classes classes = {0};
    linear_problem *p = NULL;
    crm_source *in = NULL;
    crm_view *view = NULL;
    crm_status st = CRM_OK;

    CRM_TRY_TO(st, done, crm_view_all(t->data, &view));
    fit.train = view;
    CRM_TRY_TO(st, done, crm_source_new(t->data, CRM_FLAT_ALL, &in));
    all_columns = t->d;
    if (as_sparse) CRM_TRY_TO(st, done, crm_source_add(in, &sparse_transform));
    CRM_TRY_TO(st, done, classic_classes_new(&fit, weights, "test.class_weight", &classes));
    CRM_TRY_TO(st, done, linear_problem_new(spec, &fit, in, &classes, &p));
    st = linear_problem_solve(p, c, CRM_PHASE_FIT, 1, w);
done:
    linear_problem_free(&p);
    classic_classes_free(&classes);
    crm_source_free(&in);
    crm_view_free(&view);
    return st;
}

/* ---- the conditions of a minimum, by the C library ---- */

/* r[vectors] = derivatives of a row's loss by its scores. */
static void slopes(linear_loss loss, int vectors, int y, const double *weight, const double *z,
                   double *r)
{
    double sum = 0;

    for (int v = 0; v < vectors; v++)
        sum += exp(z[v]);
    for (int v = 0; v < vectors; v++) {
        bool own = vectors == 1 ? y == 1 : y == v;
        double sign = own ? 1 : -1, s = vectors == 1 || own ? weight[y] : 1;
        if (loss == LINEAR_LOGISTIC)
            r[v] = -sign * weight[y] / (1 + exp(sign * z[v]));
        else if (loss == LINEAR_SOFTMAX)
            r[v] = weight[y] * (exp(z[v]) / sum - own);
        else
            r[v] = -2 * sign * s * fmax(0, 1 - sign * z[v]);
    }
}

/* Gradient of the losses and, for scale, the sum of what it adds up without signs. */
static void gradient(const linear_spec *spec, int vectors, const double *weight, const table *t,
                     const double *w, double *g, double *size)
{
    for (int64_t i = 0; i < t->n; i++) {
        double z[4], r[4];
        if (t->y[i] < 0) continue;
        for (int v = 0; v < vectors; v++) {
            z[v] = w[v * (t->d + 1) + t->d];
            for (int64_t j = 0; j < t->d; j++)
                z[v] += w[v * (t->d + 1) + j] * (double)t->x[i * t->d + j];
        }
        slopes(spec->loss, vectors, t->y[i], weight, z, r);
        for (int64_t k = 0; k < vectors * (t->d + 1); k++) {
            int64_t j = k % (t->d + 1);
            double a = r[k / (t->d + 1)] * (j < t->d ? (double)t->x[i * t->d + j] : 1);
            g[k] += a;
            size[k] += fabs(a);
        }
    }
}

/* The largest distance from a minimum, as a part of the terms that must cancel. */
static double distance(const linear_spec *spec, double c, const double *weight, const table *t,
                       int vectors, const double *w)
{
    int64_t n = vectors * (t->d + 1);
    double *g = crm_mem_new((size_t)n, sizeof *g), *size = crm_mem_new((size_t)n, sizeof *size);
    double far = 0;

    gradient(spec, vectors, weight, t, w, g, size);
    for (int64_t k = 0; k < n; k++) {
        bool free = k % (t->d + 1) == t->d && !spec->penalise_intercept;
        double l1 = free ? 0 : spec->l1_ratio, l2 = free ? 0 : 1 - spec->l1_ratio;
        double s = c * g[k] + l2 * w[k];
        if (w[k] != 0)
            s += w[k] > 0 ? l1 : -l1;
        else
            s = fmax(0, fabs(s) - l1);
        far = fmax(far, fabs(s) / (c * size[k] + 1));
    }
    crm_mem_free(g);
    crm_mem_free(size);
    return far;
}

static const linear_spec plain = {
    .max_iter = 1000, .tol = 1e-10, .cache_bytes = 1 << 30, .model = "test"};

static void check_minimum(const linear_spec *spec, double c, const crm_opt_list *list,
                          const double *weight, const table *t, double tol)
{
    int vectors = linear_vectors(t->classes);
    double *w = crm_mem_new((size_t)(vectors * (t->d + 1)), sizeof *w);

    T_OK(solve(spec, c, list, t, t_comm, NULL, w));
    T_NEAR(distance(spec, c, weight, t, vectors, w), 0, tol);
    crm_mem_free(w);
}

static const char *const weight_item[] = {"a:0.5", "b:2", "c:3"};
static const crm_opt_list none = {0, NULL};
static const double one[] = {1, 1, 1, 1}, given_weight[] = {0.5, 2, 3, 1};

static void finds_minima(void)
{
    static const double ratio[] = {0, 0.3, 1}, c[] = {1e-3, 1, 100};

    for (int classes = 2; classes <= 3; classes++) {
        table t = small_table(classes);
        crm_opt_list list = {classes, weight_item};
        for (int i = 0; i < 9; i++) {
            linear_spec s = plain;
            s.l1_ratio = ratio[i % 3];
            s.loss = classes == 2 ? LINEAR_LOGISTIC : LINEAR_SOFTMAX;
            check_minimum(&s, c[i / 3], &none, one, &t, 1e-8);
            check_minimum(&s, c[i / 3], &list, given_weight, &t, 1e-8);
            s.loss = LINEAR_SQUARED_HINGE;
            check_minimum(&s, c[i / 3], &none, one, &t, 1e-8);
            s.penalise_intercept = true;
            check_minimum(&s, c[i / 3], &list, given_weight, &t, 1e-8);
        }
        table_free(&t);
    }
}

/* So many rows that samples of them are solved first. */
static void finds_minima_of_many_rows(void)
{
    for (int classes = 2; classes <= 3; classes++) {
        table t = large_table(20000, 12, classes);
        for (int i = 0; i < 3; i++) {
            linear_spec s = plain;
            s.l1_ratio = i / 2.0;
            s.loss = classes == 2 ? LINEAR_LOGISTIC : LINEAR_SOFTMAX;
            check_minimum(&s, 0.01, &none, one, &t, 1e-9);
            s.loss = LINEAR_SQUARED_HINGE;
            check_minimum(&s, 0.01, &none, one, &t, 1e-9);
        }
        table_free(&t);
    }
}

/* Four classes of so many columns take minutes under the sanitizers. */
#ifdef __SANITIZE_ADDRESS__
enum { MOST_CLASSES = 2 };
#else
enum { MOST_CLASSES = 4 };
#endif

/* More unknowns than a matrix is made for: conjugate gradients, or a part of the columns at once.
 */
static void finds_minima_of_many_columns(void)
{
    int most = crm_comm_size(t_comm) == 1 ? MOST_CLASSES : 2; /* the rows are those of one rank */

    for (int classes = 2; classes <= most; classes += 2) {
        table t = large_table(600, WIDE, classes);
        linear_spec s = plain;
        s.loss = classes == 2 ? LINEAR_LOGISTIC : LINEAR_SOFTMAX;
        check_minimum(&s, 0.1, &none, one, &t, 1e-8);
        s.l1_ratio = 1;
        check_minimum(&s, 0.1, &none, one, &t, 1e-8);
        s.l1_ratio = 0.01; /* nearly all columns stay; with four classes not all at once */
        s.tol = classes == 2 ? 1e-10 : 1e-5;
        check_minimum(&s, 0.1, &none, one, &t, classes == 2 ? 1e-8 : 1e-3);
        table_free(&t);
    }
}

/* ---- scikit-learn ---- */
typedef struct reference {
    linear_loss loss;
    int classes;
    double c, l1_ratio;
    bool penalise, balanced;
    double w[3][COLS + 1]; /* the intercept last */
} reference;
static const reference references[] = {
    {LINEAR_LOGISTIC,
     2,
     1,
     1,
     false,
     false,
     {{2.758240795902807, -0.6966464466756589, 0.0, 0.14746880376822447}}},
    {LINEAR_LOGISTIC,
     2,
     1,
     0.3,
     false,
     false,
     {{2.1213224524506478, -0.7180744007292144, -0.06217786324983081, 0.1463533434010136}}},
    {LINEAR_LOGISTIC,
     2,
     10,
     1,
     false,
     true,
     {{4.265683849830841, -1.8979191046486021, -0.7508576987856412, 0.04911263848383156}}},
    {LINEAR_SQUARED_HINGE,
     2,
     1,
     0,
     true,
     false,
     {{1.5895626928331599, -0.6538239426360176, -0.26153499758720966, 0.06933706832735151}}},
    {LINEAR_SQUARED_HINGE,
     2,
     0.1,
     0,
     true,
     true,
     {{0.8725157098390474, -0.3028689565095455, -0.06334416343197037, 0.008823420490725016}}},
    {LINEAR_SOFTMAX,
     3,
     1,
     1,
     false,
     false,
     {{-1.8253224235635082, 0.5798714821663922, 0.0, 0.04422525710058423},
      {2.965645404921822, 0.0, 3.6793849158953815, 0.25199165929994616},
      {0.0, 0.0, -0.055522241533710104, -0.29621691640053033}}},
    {LINEAR_SOFTMAX,
     3,
     1,
     0.3,
     false,
     false,
     {{-1.7154061197037278, 0.6155316349101302, -0.5011960412809916, 0.06438357880193243},
      {1.9912961047745628, -0.2902835665961882, 1.979903963394938, 0.316407692345328},
      {0.0, 0.0, -1.0501364935425148, -0.3807912711472604}}},
    {LINEAR_SOFTMAX,
     3,
     10,
     1,
     false,
     true,
     {{-3.1160201361876037, 1.4834943881217708, 0.0, -0.06643765120885},
      {5.222707231731035, -1.11691267877277, 5.939654523612276, -0.209262387758914},
      {0.0, 0.0, -0.8110495070351758, 0.275700038967764}}},
    {LINEAR_SQUARED_HINGE,
     3,
     1,
     0,
     true,
     false,
     {{-1.6481273151772806, 0.7377117013408732, -0.663991742570194, -0.3395628627175369},
      {1.7915199055001159, -0.5979890327898564, 1.7195647161243153, -0.12821306003018026},
      {0.004702458965166329, -0.06659056809476165, -0.8939336729414383, -0.6078542740740144}}},
    {LINEAR_SQUARED_HINGE,
     3,
     0.1,
     0,
     true,
     true,
     {{-0.892738959728006, 0.2764178400961556, -0.4062241358409626, -0.2974134779315463},
      {0.8726762039005612, -0.20074210670602188, 0.8261380459643236, -0.17328063110359498},
      {-0.07468330652355816, -0.0705884447514234, -0.6557715899762783, -0.4053889912638069}}},
};

static void matches_reference(void)
{
    static const char *const balanced_item[] = {"balanced"};
    crm_opt_list balanced = {1, balanced_item};

    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        const reference *r = &references[i];
        table t = small_table(r->classes);
        linear_spec s = plain;
        double w[3 * (COLS + 1)] = {0};
        s.loss = r->loss;
        s.l1_ratio = r->l1_ratio;
        s.penalise_intercept = r->penalise;
        T_OK(solve(&s, r->c, r->balanced ? &balanced : &none, &t, t_comm, NULL, w));
        for (int k = 0; k < linear_vectors(r->classes) * (COLS + 1); k++)
            T_NEAR(w[k], r->w[k / (COLS + 1)][k % (COLS + 1)], 1e-6);
        table_free(&t);
    }
}

/* ---- equal bits ---- */
static void check_bits(const linear_spec *spec, const table *t)
{
    int64_t n = linear_vectors(t->classes) * (t->d + 1);
    double *w = crm_mem_new((size_t)n, sizeof *w), *v = crm_mem_new((size_t)n, sizeof *v);
    linear_spec uncached = *spec;
    crm_comm *alone;
    crm_pool *pool;

    uncached.cache_bytes = 0;
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(crm_pool_new(2, &pool));
    T_OK(solve(spec, 0.1, &none, t, t_comm, pool, w));
    if (crm_comm_rank(t_comm) == 0) T_OK(solve(spec, 0.1, &none, t, alone, NULL, v));
    T_OK(crm_comm_bcast(t_comm, 0, v, (size_t)n * sizeof *v));
    T_CHECK(memcmp(w, v, (size_t)n * sizeof *w) == 0);
    memset(v, 0, (size_t)n * sizeof *v);
    T_OK(solve(&uncached, 0.1, &none, t, t_comm, NULL, v));
    T_CHECK(memcmp(w, v, (size_t)n * sizeof *w) == 0);
    crm_pool_free(&pool);
    crm_comm_free(&alone);
    crm_mem_free(w);
    crm_mem_free(v);
}

static void agrees_on_any_ranks(void)
{
    for (int classes = 2; classes <= 4; classes += 2) {
        table t = large_table(9000, 10, classes), u = large_table(4097, WIDE, classes);
        for (int i = 0; i < 3; i++) {
            linear_spec s = plain;
            s.tol = 1e-4;
            s.l1_ratio = i / 2.0;
            s.loss = classes == 2 ? LINEAR_LOGISTIC : LINEAR_SOFTMAX;
            check_bits(&s, &t);
            s.loss = LINEAR_SQUARED_HINGE;
            check_bits(&s, &t);
            if (i == 0) check_bits(&s, &u);
        }
        table_free(&t);
        table_free(&u);
    }
}

/* ---- sparse columns ---- */

/* The minimum does not know how its columns are held. */
static void check_sparse(const linear_spec *spec, const table *t)
{
    int vectors = linear_vectors(t->classes);
    int64_t n = vectors * (t->d + 1);
    double *w = crm_mem_new((size_t)n, sizeof *w), *v = crm_mem_new((size_t)n, sizeof *v);
    double most = 0;

    T_OK(solve(spec, 0.1, &none, t, t_comm, NULL, w));
    as_sparse = true;
    T_OK(solve(spec, 0.1, &none, t, t_comm, NULL, v));
    as_sparse = false;
    for (int k = 0; k < vectors; k++) {
        const double *dense = w + k * (t->d + 1), *sparse = v + k * (t->d + 1);
        most = fmax(most, fabs(dense[t->d] - sparse[0]));
        for (int64_t j = 0; j < t->d; j++)
            most = fmax(most, fabs(dense[j] - sparse[j + 1]));
    }
    T_NEAR(most, 0, 1e-5);
    crm_mem_free(w);
    crm_mem_free(v);
}

static void takes_sparse_columns(void)
{
    linear_spec s = plain;

    for (int classes = 2; classes <= 4; classes += 2) {
        table t = large_table(4500, 10, classes);
        s.tol = 1e-8;
        s.loss = classes == 2 ? LINEAR_LOGISTIC : LINEAR_SOFTMAX;
        check_sparse(&s, &t);
        s.loss = LINEAR_SQUARED_HINGE;
        check_sparse(&s, &t);
        s.tol = 1e-4;
        as_sparse = true;
        check_bits(&s, &t);
        s.l1_ratio = 0.5;
        T_FAILS(solve(&s, 0.1, &none, &t, t_comm, NULL, &(double){0}), CRM_ERR_CONFIG, "take l2");
        s.l1_ratio = 0;
        as_sparse = false;
        table_free(&t);
    }
}

/* ---- odd input ---- */

/* Weights are numbers and a minimum. */
static void check_odd(table *t, double c, double tol)
{
    int vectors = linear_vectors(t->classes);
    double w[4 * 5];

    table_open(t);
    for (int i = 0; i < 9; i++) {
        linear_spec s = plain;
        s.l1_ratio = i % 3 / 2.0;
        s.loss = i < 3 ? LINEAR_SQUARED_HINGE : vectors > 1 ? LINEAR_SOFTMAX : LINEAR_LOGISTIC;
        s.max_iter = i < 6 ? 1000 : 1;
        memset(w, 0, sizeof w);
        T_OK(solve(&s, c, &none, t, t_comm, NULL, w));
        for (int64_t k = 0; k < vectors * (t->d + 1); k++)
            T_CHECK(isfinite(w[k]));
        if (i < 6) T_NEAR(distance(&s, c, one, t, vectors, w), 0, tol);
    }
    table_free(t);
}

static void survives_odd_input(void)
{
    for (int classes = 2; classes <= 3; classes++) {
        for (int kind = 0; kind < 6; kind++) {
            table t = table_new(200, 4, classes);
            for (int i = 0; i < 200; i++) {
                crm_rng r = crm_rng_at(5, CRM_RNG_TEST, 1, (uint64_t)(kind == 3 ? i / 2 : i));
                float *x = t.x + (int64_t)i * 4;
                for (int j = 0; j < 4; j++)
                    x[j] = (float)crm_rng_normal(&r);
                t.y[i] = (int32_t)crm_rng_below(&r, (uint32_t)classes);
                if (kind == 0) x[0] = 7, x[1] = 0;               /* constant columns     */
                if (kind == 1) x[2] = x[1], x[3] = -2 * x[1];    /* equal columns        */
                if (kind == 2) x[0] *= 1e30F, x[1] *= 1e-30F;    /* huge and tiny ones   */
                if (kind == 4) x[0] = (float)t.y[i];             /* separable            */
                if (kind == 5 && i % 3) t.y[i] = -1, x[1] = NAN; /* without labels     */
            }
            check_odd(&t, kind == 4 ? 1e3 : 1, kind == 5 ? INFINITY : 1e-6);
        }
    }
}

static void refuses_what_is_not_finite(void)
{
    table t = small_table(2);
    linear_spec s = plain;
    double w[COLS + 1] = {0};

    crm_data_close(&t.data);
    t.x[17 * COLS + 1] = INFINITY;
    table_open(&t);
    T_FAILS(solve(&s, 1, &none, &t, t_comm, NULL, w), CRM_ERR_NUMERIC,
            "'x1' of row 17 is infinite");
    crm_data_close(&t.data);
    t.x[17 * COLS + 1] = NAN;
    table_open(&t);
    T_FAILS(solve(&s, 1, &none, &t, t_comm, NULL, w), CRM_ERR_NUMERIC, "'x1' of row 17 is missing");
    table_free(&t);
}

/* Weights that go with scores of rows, alone and among others. */
static void scores_rows(void)
{
    float x[70 * 11];
    double w[2 * 12], z[140], p[140];

    for (int i = 0; i < 70 * 11; i++)
        x[i] = (float)(i % 37) / 7 - 2;
    for (int i = 0; i < 24; i++)
        w[i] = (i % 5 - 2) / 3.0;
    linear_scores(2, 11, 12, w, 70, x, z);
    for (int i = 0; i < 70; i++)
        for (int v = 0; v < 2; v++) {
            double sum = w[v * 12 + 11], alone[2];
            for (int j = 0; j < 11; j++)
                sum += w[v * 12 + j] * (double)x[i * 11 + j];
            T_NEAR(z[2 * i + v], sum, 1e-14);
            linear_scores(2, 11, 12, w, 1, x + i * 11, alone);
            T_CHECK(alone[v] == z[2 * i + v]);
        }
    linear_sigmoid(70, z, p);
    for (int i = 0; i < 70; i++) {
        T_NEAR(p[2 * i], 1 / (1 + exp(z[i])), 1e-15);
        T_NEAR(p[2 * i + 1], 1 / (1 + exp(-z[i])), 1e-15);
    }
    z[0] = 800, z[1] = -800, z[2] = 0, z[3] = 1000;
    linear_softmax(2, 2, z);
    T_CHECK(z[0] == 1 && z[1] >= 0 && z[1] < 1e-300 && z[2] >= 0 && z[2] < 1e-300 && z[3] == 1);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"matches reference", matches_reference},
                                   {"finds minima", finds_minima},
                                   {"finds minima of many rows", finds_minima_of_many_rows},
                                   {"finds minima of many columns", finds_minima_of_many_columns},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"takes sparse columns", takes_sparse_columns},
                                   {"survives odd input", survives_odd_input},
                                   {"refuses what is not finite", refuses_what_is_not_finite},
                                   {"scores rows", scores_rows},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
