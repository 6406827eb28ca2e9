/* test_knn.c - k nearest neighbours against plain loops: all metrics and ways to search, ties, rows
 * twice, columns far from 0, huge and constant ones, k = n, damaged files; equal bits on any number
 * of ranks. ranks: 1 2 3 4  timeout: 120
 *
 * Many classes (label = 37 i mod 61) tell from the votes which rows the neighbours are. */
#include "fit_testing.h"

enum { CLASSES = 61, MOST = 40 };
static const char *class_name[CLASSES], *num_name[MOST];
static char text[CLASSES + MOST][16];
static const crm_knn_cfg plain_cfg = {.k = 5, .p = 2, .max_bytes = 1 << 30};
static const char *const metric[] = {"euclidean", "manhattan", "chebyshev", "minkowski"};

static void begin(void)
{
    for (int i = 0; i < CLASSES + MOST; i++) {
        snprintf(text[i], sizeof text[i], "n%02d", i);
        if (i < CLASSES) class_name[i] = text[i];
        if (i >= CLASSES) num_name[i - CLASSES] = text[i];
    }
    sd_begin();
}

/* n rows, the last n_test of which are predicted only. */
typedef struct sample {
    int64_t n, n_test, d;
    float *x;
    int32_t *y;
    crm_data *data;
} sample;

static sample make(int64_t n, int64_t n_test, int64_t d)
{
    sample s = {.n = n, .n_test = n_test, .d = d};

    s.x = crm_mem_new((size_t)(n * d), sizeof *s.x);
    s.y = crm_mem_new((size_t)n, sizeof *s.y);
    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(9, CRM_RNG_TEST, (uint32_t)d, (uint64_t)i);
        for (int64_t j = 0; j < d; j++)
            s.x[i * d + j] = (float)crm_rng_normal(&r);
        s.y[i] = (int32_t)(37 * i % CLASSES);
    }
    return s;
}

static void open_data(sample *s, const char *name)
{
    sd_spec spec = {.n = s->n,
                    .n_num = s->d,
                    .num_name = num_name,
                    .num = s->x,
                    .n_classes = CLASSES,
                    .class_name = class_name,
                    .label = s->y};

    T_OK(sd_open(name, &spec, &s->data));
}

static void drop_sample(sample *s)
{
    crm_data_close(&s->data);
    crm_mem_free(s->x);
    crm_mem_free(s->y);
}

/* ---- plain loops ---- */
static double distance(const float *x, const float *y, int64_t d, const crm_knn_cfg *cfg)
{
    long double sum = 0;

    for (int64_t j = 0; j < d; j++) {
        long double t = fabsl((long double)x[j] - (long double)y[j]);
        if (cfg->metric == CRM_KNN_MANHATTAN) sum += t;
        if (cfg->metric == CRM_KNN_EUCLIDEAN) sum += t * t;
        if (cfg->metric == CRM_KNN_CHEBYSHEV) sum = t > sum ? t : sum;
        if (cfg->metric == CRM_KNN_MINKOWSKI) sum += powl(t, (long double)cfg->p);
    }
    if (cfg->metric == CRM_KNN_EUCLIDEAN) sum = sqrtl(sum);
    if (cfg->metric == CRM_KNN_MINKOWSKI) sum = powl(sum, 1 / (long double)cfg->p);
    return (double)sum;
}

/* The k best one after the other, the lower position among equals. */
static void by_hand(const sample *s, int64_t row, const crm_knn_cfg *cfg, double *proba)
{
    int64_t n = s->n - s->n_test;
    double *dist = crm_mem_new((size_t)n, sizeof *dist), total = 0;
    bool exact = false;

    for (int c = 0; c < CLASSES; c++)
        proba[c] = 0;
    for (int64_t i = 0; i < n; i++)
        dist[i] = distance(s->x + i * s->d, s->x + row * s->d, s->d, cfg);
    for (int64_t k = 0; k < cfg->k; k++) {
        int64_t best = 0;
        double w = 1;
        for (int64_t i = 1; i < n; i++)
            if (dist[i] < dist[best]) best = i;
        if (cfg->weights == CRM_KNN_DISTANCE && k == 0) exact = dist[best] == 0;
        if (cfg->weights == CRM_KNN_DISTANCE && exact) w = dist[best] == 0;
        if (cfg->weights == CRM_KNN_DISTANCE && !exact) w = 1 / dist[best];
        proba[s->y[best]] += w;
        total += w;
        dist[best] = INFINITY;
    }
    for (int c = 0; c < CLASSES; c++)
        proba[c] /= total;
    crm_mem_free(dist);
}

/* Every row by every way to search: as by hand, and with equal bits.  All ranks fit, one of them,
 * another one each time, predicts. */
static void check_cfg(const sample *s, crm_knn_cfg cfg)
{
    static int turn;
    bool mine = turn++ % crm_comm_size(t_comm) == crm_comm_rank(t_comm);
    double want[CLASSES], *p[CRM_KNN_METHOD_COUNT], worst = 0;
    size_t bytes = (size_t)(s->n * CLASSES) * sizeof(double);

    for (int m = 0; m < CRM_KNN_METHOD_COUNT; m++) {
        fitted f;
        cfg.method = m;
        T_OK(fit_rows(&crm_knn_class, &cfg, s->data, s->n - s->n_test, t_comm, NULL, true, &f));
        p[m] = mine ? predict_all(f.e, &f) : NULL;
        drop(&f);
    }
    if (!mine) return;
    for (int64_t i = 0; i < s->n; i += i < s->n - s->n_test ? 97 : 1) {
        by_hand(s, i, &cfg, want);
        for (int c = 0; c < CLASSES; c++) {
            double t = fabs(p[0][i * CLASSES + c] - want[c]);
            worst = t > worst ? t : worst;
        }
    }
    if (worst > 1e-12) printf("# %s, k %d, p %g\n", metric[cfg.metric], (int)cfg.k, cfg.p);
    T_NEAR(worst, 0, 1e-12);
    for (int m = 1; m < CRM_KNN_METHOD_COUNT; m++) {
        T_CHECK(memcmp(p[0], p[m], bytes) == 0);
        crm_mem_free(p[m]);
    }
    crm_mem_free(p[0]);
}

static void check_all(const sample *s)
{
    static const double power[] = {1, 1.5, 2, 3};
    crm_knn_cfg cfg = plain_cfg;

    for (cfg.metric = 0; cfg.metric < CRM_KNN_MINKOWSKI; cfg.metric++)
        check_cfg(s, cfg);
    for (size_t i = 0; i < sizeof power / sizeof *power; i++) {
        cfg.p = power[i];
        check_cfg(s, cfg);
    }
    cfg = plain_cfg;
    cfg.weights = CRM_KNN_DISTANCE;
    for (cfg.metric = 0; cfg.metric < CRM_KNN_METRIC_COUNT; cfg.metric++)
        check_cfg(s, cfg);
}

/* Few columns, some, and more than a chain of the products. */
static void finds_neighbours(void)
{
    static const int64_t columns[] = {1, 2, 3, 7, 33};
    crm_knn_cfg cfg = plain_cfg;

    cfg.metric = CRM_KNN_MINKOWSKI;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        sample s = make(500, 30, columns[i]);
        open_data(&s, "normal");
        check_all(&s);
        cfg.p = 70; /* differences have powers that no number holds */
        if (i == 2) check_cfg(&s, cfg);
        drop_sample(&s);
    }
}

/* Whole numbers: many equal distances, which only positions tell apart. */
static void breaks_ties_by_position(void)
{
    crm_knn_cfg cfg = plain_cfg;
    sample s = make(900, 100, 3);

    for (int64_t i = 0; i < s.n * s.d; i++)
        s.x[i] = floorf(s.x[i] * 1.5F);
    open_data(&s, "ties");
    for (cfg.metric = 0; cfg.metric < CRM_KNN_MINKOWSKI; cfg.metric++)
        for (cfg.k = 1; cfg.k < 60; cfg.k += 19)
            check_cfg(&s, cfg);
    drop_sample(&s);
}

static void takes_rows_twice(void)
{
    crm_knn_cfg cfg = plain_cfg;
    sample s = make(600, 100, 5);

    memcpy(s.x + 250 * s.d, s.x, (size_t)(250 * s.d) * sizeof *s.x);
    memcpy(s.x + 500 * s.d, s.x, (size_t)(100 * s.d) * sizeof *s.x);
    open_data(&s, "twice");
    check_cfg(&s, cfg);
    cfg.weights = CRM_KNN_DISTANCE; /* two votes, both at distance 0 */
    check_cfg(&s, cfg);
    drop_sample(&s);
}

/* Products in f32 know little of rows that lie close together far from the centre, or under one
 * huge value, or of columns of very different size. */
static void loses_no_neighbour(void)
{
    for (int kind = 0; kind < 6; kind++) {
        sample s = make(800, 100, 6);
        char name[16];
        for (int64_t i = 0; i < s.n; i++)
            for (int64_t j = 0; j < s.d; j++) {
                float *x = &s.x[i * s.d + j];
                if (kind == 0) *x += 1e4F;                       /* all far from 0 */
                if (kind == 1) *x += i % 2 ? 3e4F : -3e4F;       /* two places */
                if (kind == 2 && i == 77) *x = 1e30F;            /* one huge row */
                if (kind == 3) *x *= j == 0 ? 1e6F : 1;          /* a wide column */
                if (kind == 4) *x = j % 2 ? 1e30F : *x * 1e-25F; /* constant, tiny */
                if (kind == 5) *x *= i < 700 ? 1e-20F : 1e30F;   /* queries far out */
            }
        snprintf(name, sizeof name, "kind%d", kind);
        open_data(&s, name);
        check_cfg(&s, plain_cfg);
        drop_sample(&s);
    }
}

/* Several pieces of queries, several panels, k = n. */
static void takes_large_k(void)
{
    crm_knn_cfg cfg = plain_cfg;
    sample s = make(1300, 20, 2);

    open_data(&s, "large-k");
    for (cfg.k = 320; cfg.k <= 1280; cfg.k *= 2)
        check_cfg(&s, cfg);
    drop_sample(&s);
}

static void refuses_what_cannot_be(void)
{
    crm_knn_cfg cfg = plain_cfg;
    sample s = make(300, 10, 4);
    int64_t row = 1;
    double p[CLASSES];
    crm_opt_set *set;
    fitted f;

    s.x[4 * 298 + 1] = NAN;
    s.x[4 * 299 + 2] = INFINITY;
    open_data(&s, "refused");
    cfg.k = 11;
    T_FAILS(fit_rows(&crm_knn_class, &cfg, s.data, 10, t_comm, NULL, true, &f), CRM_ERR_CONFIG,
            "knn.k = 11 neighbours, but there are 10 training rows");
    drop(&f);
    cfg.k = 5;
    T_FAILS(fit_rows(&crm_knn_class, &cfg, s.data, 299, t_comm, NULL, true, &f), CRM_ERR_NUMERIC,
            "of row 298 is missing");
    drop(&f);
    cfg.max_bytes = 290 * 4 * 4 - 1;
    T_FAILS(fit_rows(&crm_knn_class, &cfg, s.data, 290, t_comm, NULL, true, &f), CRM_ERR_CONFIG,
            "knn.max_bytes");
    drop(&f);
    cfg.max_bytes++;
    T_OK(fit_rows(&crm_knn_class, &cfg, s.data, 290, t_comm, NULL, true, &f));
    T_OK(crm_knn_class.predict(f.e, f.source, &row, 1, p));
    T_OK(crm_knn_class.predict(f.e, f.source, &row, 0, p));
    row = 299;
    T_FAILS(crm_knn_class.predict(f.e, f.source, &row, 1, p), CRM_ERR_NUMERIC, "is infinite");
    drop(&f);
    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_knn_opts, &cfg));
    T_CHECK(cfg.k == 5 && cfg.p == 2 && cfg.metric == CRM_KNN_EUCLIDEAN &&
            cfg.method == CRM_KNN_AUTO && cfg.weights == CRM_KNN_UNIFORM);
    crm_opt_set_free(&set);
    drop_sample(&s);
}

/* No columns: all rows are equally near, the first ones vote. */
static void takes_no_columns(void)
{
    sample s = make(50, 5, 0);

    open_data(&s, "none");
    check_cfg(&s, plain_cfg);
    drop_sample(&s);
}

static void agrees_on_any_ranks(void)
{
    crm_knn_cfg cfg = plain_cfg;
    crm_data *d;

    T_OK(sd_open_large("large", 5000, &d));
    check_ranks(&crm_knn_class, &cfg, d, 5000, false);
    check_ranks(&crm_knn_class, &cfg, d, 4097, false);
    check_ranks(&crm_knn_class, &cfg, d, 5, false);
    cfg.method = CRM_KNN_BRUTE;
    cfg.metric = CRM_KNN_MANHATTAN;
    cfg.weights = CRM_KNN_DISTANCE;
    check_ranks(&crm_knn_class, &cfg, d, 4200, false);
    crm_data_close(&d);
}

static void gives_absent_classes_nothing(void)
{
    crm_data *d;
    fitted f;
    double *p;

    T_OK(sd_open_large("absent", SD_ROWS, &d));
    T_OK(fit_rows(&crm_knn_class, &plain_cfg, d, SD_ROWS, t_comm, NULL, false, &f));
    p = predict_all(f.e, &f);
    for (int64_t i = 0; i < SD_ROWS; i++)
        T_CHECK(p[i * 4 + 3] == 0);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void refuse(const fitted *f, int64_t n, const float *x, const int32_t *label,
                   crm_status status, const char *word)
{
    crm_estimator *e;
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put(b, "class", CRM_I32, 1, (int64_t[]){2}, (int32_t[]){0, 7}));
    T_OK(crm_bag_put(b, "x", CRM_F32, 2, (int64_t[]){6, 2}, x));
    T_OK(crm_bag_put(b, "label", CRM_I32, 1, &n, label));
    T_OK(crm_knn_class.make(&plain_cfg, &e));
    T_FAILS(crm_knn_class.load(e, f->source, CLASSES, b), status, word);
    crm_knn_class.free(e);
    crm_bag_free(&b);
}

static void refuses_damage(void)
{
    const float good[12] = {0}, bad[12] = {0, 0, 0, NAN};
    const int32_t label[6] = {0, 1, 1, 0, 0, 0}, high[6] = {0, 2}, low[6] = {-1};
    sample s = make(20, 0, 2);
    fitted f;

    open_data(&s, "damage");
    T_OK(fit_rows(&crm_knn_class, &plain_cfg, s.data, 20, t_comm, NULL, true, &f));
    refuse(&f, 6, good, high, CRM_ERR_FORMAT, "class number 2 of 2");
    refuse(&f, 6, good, low, CRM_ERR_FORMAT, "class number -1");
    refuse(&f, 6, bad, label, CRM_ERR_FORMAT, "training row 1");
    refuse(&f, 5, good, label, CRM_ERR_FORMAT, "x");
    drop(&f);
    drop_sample(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", begin},
                                   {"finds neighbours", finds_neighbours},
                                   {"breaks ties by position", breaks_ties_by_position},
                                   {"takes rows twice", takes_rows_twice},
                                   {"loses no neighbour", loses_no_neighbour},
                                   {"takes large k", takes_large_k},
                                   {"refuses what cannot be", refuses_what_cannot_be},
                                   {"takes no columns", takes_no_columns},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"gives absent classes nothing", gives_absent_classes_nothing},
                                   {"refuses damage", refuses_damage},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
