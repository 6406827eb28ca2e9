/* test_tree.c - exact decision trees against trees grown by plain loops (tree_reference.h): ties,
 * missing values, duplicates, weights of classes, limits, pruning; odd data; equal bits on any
 * number of ranks; files. ranks: 1 2 3 4
 * timeout: 120 */
#include "../../src/learn/classic/tree_impl.h"
#include "fit_testing.h"
#include "tree_reference.h"

enum { ROWS = 900, COLS = 6 };
static const char *const class_name[] = {"a", "b", "c", "d"};
static const char *const num_name[] = {"normal", "ties", "skewed", "constant", "holes", "flag"};
static const crm_tree_cfg plain_cfg = {.max_features = "all",
                                       .max_depth = -1,
                                       .min_samples_split = 2,
                                       .min_samples_leaf = 1,
                                       .class_weight = {1, (const char *const[]){"none"}},
                                       .exact_rows = 1000000,
                                       .max_bins = 255};

/* Numbers of all kinds; where "holes" is missing class 0 is rarer. */
static void sample(int64_t n, int k, float *x, int32_t *y)
{
    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(11, CRM_RNG_TEST, 0, (uint64_t)i);
        float *v = x + i * COLS;
        double s;
        v[0] = (float)crm_rng_normal(&r);
        v[1] = (float)crm_rng_below(&r, 7) / 4;
        v[2] = crm_rng_below(&r, 5) ? floorf((float)crm_rng_exponential(&r) * 20) * 1e5F : NAN;
        v[3] = 0.1F;
        v[4] = crm_rng_below(&r, 20) ? (float)crm_rng_normal(&r) * 3e-3F : NAN;
        v[5] = (float)crm_rng_below(&r, 2);
        s = (double)v[0] + (double)v[1] - (double)v[5] + (isnan(v[4]) ? 1 : 100 * (double)v[4]);
        y[i] = (int32_t)floor(fabs(s + crm_rng_normal(&r))) % k;
    }
}

typedef struct table {
    int64_t n;
    int k;
    float *x;
    int32_t *y;
    crm_data *data;
} table;

static table open_table(int64_t n, int k)
{
    table t = {.n = n, .k = k};
    sd_spec s = {
        .n = n, .n_num = COLS, .num_name = num_name, .n_classes = k, .class_name = class_name};

    t.x = crm_mem_new((size_t)(n * COLS), sizeof *t.x);
    t.y = crm_mem_new((size_t)n, sizeof *t.y);
    sample(n, k, t.x, t.y);
    s.num = t.x;
    s.label = t.y;
    T_OK(sd_open("table", &s, &t.data));
    return t;
}

static void close_table(table *t)
{
    crm_data_close(&t->data);
    crm_mem_free(t->x);
    crm_mem_free(t->y);
}

static int64_t nodes_of(const crm_estimator *e)
{
    const crm_bag_array *a;
    int64_t n = -1;
    crm_bag *b;

    bag_of(e, &b);
    T_OK(crm_bag_get(b, "trees", CRM_I32, 2, &a));
    n = ((const int32_t *)a->data)[0];
    crm_bag_free(&b);
    return n;
}

/* ---- against plain loops ---- */
typedef struct variant {
    int64_t n; /* rows to learn from; the others are predicted, too */
    int k, criterion;
    const char *weights;
    double w[REF_CLASSES];
    int64_t depth, leaf, split;
    double alpha;
    int leaves;
} variant;
static const variant variants[] = {
    {600, 2, CRM_TREE_GINI, "none", {1, 1}, -1, 1, 2, 0, 0},
    {600, 2, CRM_TREE_ENTROPY, "none", {1, 1}, -1, 1, 2, 0, 0},
    {600, 3, CRM_TREE_GINI, "none", {1, 1, 1}, 7, 3, 2, 0, 0},
    {600, 4, CRM_TREE_ENTROPY, "none", {1, 1, 1, 1}, 6, 5, 2, 0, 0},
    {600, 2, CRM_TREE_GINI, "a:1,b:4.5", {1, 4.5}, 8, 4, 2, 0, 0},
    {600, 2, CRM_TREE_ENTROPY, "b:0.3", {1, 0.3}, 5, 7, 30, 0, 0},
    {600, 3, CRM_TREE_GINI, "c:2.5", {1, 1, 2.5}, 5, 10, 40, 0, 0},
    {600, 2, CRM_TREE_GINI, "none", {1, 1}, 1, 1, 2, 0, 0},
    {600, 2, CRM_TREE_GINI, "none", {1, 1}, -1, 150, 2, 0, 0},
    {600, 2, CRM_TREE_GINI, "none", {1, 1}, -1, 2, 100, 0, 0},
    {600, 2, CRM_TREE_GINI, "none", {1, 1}, -1, 3, 2, 0.002, 0},
    {600, 3, CRM_TREE_ENTROPY, "none", {1, 1, 1}, -1, 3, 2, 0.01, 0},
    {600, 2, CRM_TREE_GINI, "none", {1, 1}, -1, 1, 2, 0, 11},
    {600, 3, CRM_TREE_ENTROPY, "b:2", {1, 2, 1}, -1, 2, 2, 0, 8},
    {63, 2, CRM_TREE_GINI, "none", {1, 1}, -1, 1, 2, 0, 0},
    {2, 2, CRM_TREE_GINI, "none", {1, 1}, -1, 1, 2, 0, 0},
};

/* The list of a text "a,b". */
static crm_opt_list list_of(const char *text, char *room, const char **item)
{
    crm_opt_list l = {0, item};

    snprintf(room, 64, "%s", text);
    for (char *p = strtok(room, ","); p; p = strtok(NULL, ","))
        item[l.n++] = p;
    return l;
}

static void compare_shares(const table *t, const ref_tree *ref, const double *p)
{
    int bad = 0;

    for (int64_t i = 0; i < t->n; i++) {
        const ref_node *leaf = ref_leaf(ref, t->x + i * COLS);
        for (int c = 0; c < t->k; c++)
            bad += !(fabs(p[i * t->k + c] - (double)(leaf->weight[c] / leaf->total)) < 1e-12);
    }
    T_EQ_I(bad, 0);
}

static void check_variant(const variant *v)
{
    table t = open_table(ROWS, v->k);
    crm_tree_cfg cfg = plain_cfg;
    const char *item[4];
    char room[64];
    ref_tree ref = {.n = v->n,
                    .d = COLS,
                    .k = v->k,
                    .x = t.x,
                    .y = t.y,
                    .w = v->w,
                    .entropy = v->criterion == CRM_TREE_ENTROPY,
                    .min_leaf = v->leaf,
                    .min_split = v->split,
                    .max_depth = v->depth};
    double *p;
    fitted f;

    cfg.criterion = v->criterion;
    cfg.max_depth = v->depth;
    cfg.min_samples_leaf = v->leaf;
    cfg.min_samples_split = v->split;
    cfg.ccp_alpha = v->alpha;
    cfg.max_leaf_nodes = v->leaves;
    cfg.class_weight = list_of(v->weights, room, item);
    ref_fit(&ref);
    if (v->alpha > 0) ref_prune(&ref, v->alpha);
    if (v->leaves > 0) ref_limit(&ref, v->leaves);
    T_OK(fit_rows(&crm_tree_class, &cfg, t.data, v->n, t_comm, NULL, true, &f));
    T_EQ_I(nodes_of(f.e), ref_count(&ref, 0));
    p = predict_all(f.e, &f);
    compare_shares(&t, &ref, p);
    crm_mem_free(p);
    drop(&f);
    ref_free(&ref);
    close_table(&t);
}

static void matches_plain_loops(void)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        check_variant(&variants[i]);
}

/* Values nearer than 1e-7 are not cut apart, whatever would be gained. */
static void keeps_close_values_together(void)
{
    enum { N = 400 };
    static const char *const name[] = {"close"};
    float x[N];
    int32_t y[N];
    sd_spec s = {.n = N,
                 .n_num = 1,
                 .num_name = name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = y};
    ref_tree ref = {.n = N, .d = 1, .k = 2, .x = x, .y = y, .w = (double[]){1, 1}};
    crm_data *d;
    double *p;
    fitted f;

    for (int i = 0; i < N; i++) { /* groups of 4 within 0.9e-7, 1e-5 apart */
        x[i] = (float)(i / 4) * 1e-5F + (float)(i % 4) * 3e-8F;
        y[i] = (i % 4 < 1 + i / 4 % 2) ^ (i / 40 % 2);
    }
    ref.min_leaf = 1;
    ref.min_split = 2;
    ref.max_depth = -1;
    ref_fit(&ref);
    T_OK(sd_open("close", &s, &d));
    T_OK(fit_rows(&crm_tree_class, &plain_cfg, d, N, t_comm, NULL, true, &f));
    T_EQ_I(nodes_of(f.e), ref_count(&ref, 0));
    p = predict_all(f.e, &f);
    for (int i = 0; i < N; i++)
        T_NEAR(p[2 * i], (double)(ref_leaf(&ref, x + i)->weight[0] / ref_leaf(&ref, x + i)->total),
               1e-12);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
    ref_free(&ref);
}

/* ---- copies of rows: as if they stood there several times ---- */
static crm_status grow(const table *t, int64_t n, const uint8_t *count, const crm_view *v,
                       tree *out, double *importance)
{
    tree_grow_cfg cfg = {
        .max_features = COLS, .max_depth = -1, .min_samples_split = 2, .min_samples_leaf = 1};
    crm_fit fit = {.comm = t_comm, .train = v};
    tree_sample s = {.n = n, .count = count, .weight = (double[]){1, 1, 1, 1}, .m = t->k};
    int32_t *slot = crm_mem_new((size_t)n, sizeof *slot);
    tree_columns *columns;
    crm_source *source;

    for (int64_t i = 0; i < n; i++)
        slot[i] = t->y[v->row[i]];
    s.slot = slot;
    CRM_TRY(crm_source_new(t->data, CRM_FLAT_ALL, &source));
    CRM_TRY(tree_columns_new(&fit, source, &columns));
    CRM_TRY(tree_grow_exact(&cfg, NULL, columns, &s, out, importance));
    tree_columns_free(&columns);
    crm_source_free(&source);
    crm_mem_free(slot);
    return CRM_OK;
}

static void check_copies(int k, int most)
{
    enum { N = 200 };
    table t = open_table(N, k);
    uint8_t count[N];
    int64_t *row = crm_mem_new((size_t)N * (size_t)most, sizeof *row), m = 0;
    crm_view *all, many;
    double a[COLS], b[COLS];
    tree x, y;

    for (int i = 0; i < N; i++) {
        count[i] = (uint8_t)(i * 7 % (most + 1));
        for (int j = 0; j < count[i]; j++)
            row[m++] = i;
    }
    T_OK(crm_view_all(t.data, &all));
    many = (crm_view){.data = t.data, .n = m, .row = row};
    T_OK(grow(&t, N, count, all, &x, a));
    T_OK(grow(&t, m, NULL, &many, &y, b));
    T_EQ_I(x.n_nodes, y.n_nodes);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < k; c++)
            T_NEAR(x.value[tree_leaf(&x, t.x + i * COLS) * k + c],
                   y.value[tree_leaf(&y, t.x + i * COLS) * k + c], 0);
    for (int j = 0; j < COLS; j++)
        T_NEAR(a[j], b[j], 1e-12);
    tree_free(&x);
    tree_free(&y);
    crm_view_free(&all);
    crm_mem_free(row);
    close_table(&t);
}

static void counts_copies(void)
{
    check_copies(2, 3);
    check_copies(3, 3);
    check_copies(2, 60); /* more than packed rows hold */
}

static void walks_rows_abreast(void)
{
    table t = open_table(ROWS, 2);
    int32_t leaf[ROWS], pick[ROWS];
    crm_view *all;
    tree x;

    T_OK(crm_view_all(t.data, &all));
    T_OK(grow(&t, ROWS, NULL, all, &x, NULL));
    for (int i = 0; i < ROWS; i++)
        pick[i] = ROWS - 1 - i;
    tree_leaves(&x, ROWS, t.x, COLS, NULL, leaf);
    for (int i = 0; i < ROWS; i++)
        T_EQ_I(leaf[i], tree_leaf(&x, t.x + i * COLS));
    tree_leaves(&x, ROWS - 5, t.x, COLS, pick, leaf);
    for (int i = 0; i < ROWS - 5; i++)
        T_EQ_I(leaf[i], tree_leaf(&x, t.x + pick[i] * COLS));
    tree_free(&x);
    crm_view_free(&all);
    close_table(&t);
}

/* ---- limits ---- */
static void keeps_limits(void)
{
    table t = open_table(ROWS, 2);
    crm_tree_cfg cfg = plain_cfg;
    int64_t count[2] = {0};
    double *p;
    fitted f;

    cfg.max_depth = 0; /* shares of all rows */
    T_OK(fit_rows(&crm_tree_class, &cfg, t.data, ROWS, t_comm, NULL, true, &f));
    for (int i = 0; i < ROWS; i++)
        count[t.y[i]]++;
    p = predict_all(f.e, &f);
    T_NEAR(p[0], (double)count[0] / ROWS, 1e-15);
    T_EQ_I(nodes_of(f.e), 1);
    crm_mem_free(p);
    drop(&f);
    cfg = plain_cfg;
    cfg.max_leaf_nodes = 9;
    T_OK(fit_rows(&crm_tree_class, &cfg, t.data, ROWS, t_comm, NULL, true, &f));
    T_EQ_I(nodes_of(f.e), 17);
    drop(&f);
    cfg.max_leaf_nodes = 1;
    T_OK(fit_rows(&crm_tree_class, &cfg, t.data, ROWS, t_comm, NULL, true, &f));
    T_EQ_I(nodes_of(f.e), 1);
    drop(&f);
    cfg = plain_cfg;
    cfg.min_impurity_decrease = 1;
    T_OK(fit_rows(&crm_tree_class, &cfg, t.data, ROWS, t_comm, NULL, true, &f));
    T_EQ_I(nodes_of(f.e), 1);
    drop(&f);
    close_table(&t);
}

/* Without a limit the order of splits does not matter; with one, the same splits come first. */
static void takes_best_splits_first(void)
{
    table t = open_table(ROWS, 2);
    crm_tree_cfg cfg = plain_cfg;
    fitted f, g;
    double *p, *q;
    int bad = 0;

    cfg.max_leaf_nodes = 100000;
    T_OK(fit_rows(&crm_tree_class, &cfg, t.data, ROWS, t_comm, NULL, true, &f));
    T_OK(fit_rows(&crm_tree_class, &plain_cfg, t.data, ROWS, t_comm, NULL, true, &g));
    p = predict_all(f.e, &f);
    q = predict_all(g.e, &g);
    for (int i = 0; i < 2 * ROWS; i++)
        bad += p[i] != q[i];
    T_EQ_I(bad, 0);
    T_EQ_I(nodes_of(f.e), nodes_of(g.e));
    crm_mem_free(p);
    crm_mem_free(q);
    drop(&f);
    drop(&g);
    close_table(&t);
}

/* ---- odd data ---- */
static void check_finite_shares(const fitted *f, int64_t n, int k)
{
    double *p = predict_all(f->e, f);

    for (int64_t i = 0; i < n * k; i++)
        if (!(p[i] >= 0 && p[i] <= 1)) T_NEAR(p[i], 0.5, 0.5);
    crm_mem_free(p);
}

static void try_odd(const char *what, float *x, int32_t *y, int64_t n, int d, int64_t nodes)
{
    sd_spec s = {.n = n,
                 .n_num = d,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = 3,
                 .class_name = class_name,
                 .label = y};
    crm_data *data;
    fitted f;

    T_OK(sd_open(what, &s, &data));
    T_OK(fit_rows(&crm_tree_class, &plain_cfg, data, n, t_comm, NULL, true, &f));
    if (nodes_of(f.e) != nodes) fprintf(stderr, "# %s\n", what);
    T_EQ_I(nodes_of(f.e), nodes);
    check_finite_shares(&f, n, 3);
    drop(&f);
    crm_data_close(&data);
}

static void takes_odd_data(void)
{
    enum { N = 130 };
    float x[2 * N];
    int32_t y[N];

    for (int i = 0; i < N; i++) {
        x[2 * i] = 5;
        x[2 * i + 1] = NAN;
        y[i] = i % 2;
    }
    try_odd("constant", x, y, N, 2, 1);
    try_odd("no_columns", x, y, N, 0, 1);
    for (int i = 0; i < 2 * N; i++)
        x[i] = NAN;
    try_odd("missing", x, y, N, 2, 1);
    for (int i = 0; i < N; i++) /* the only news is that a value is there */
        x[2 * i] = i % 2 ? 3.0F : NAN;
    try_odd("there", x, y, N, 2, 3);
    for (int i = 0; i < N; i++)
        x[2 * i] = i % 2 ? 3e38F : -3e38F;
    try_odd("huge", x, y, N, 2, 3);
    for (int i = 0; i < N; i++)
        x[2 * i] = i % 2 ? INFINITY : i % 4 ? -INFINITY : 1e30F;
    try_odd("infinite", x, y, N, 2, 3);
    for (int i = 0; i < N; i++) { /* every row twice, with both labels */
        x[2 * i] = x[2 * i + 1] = (float)(i / 2 % 3);
        y[i] = i % 2;
    }
    try_odd("twice", x, y, N, 2, 5);
    for (int i = 0; i < N; i++)
        y[i] = 2;
    try_odd("one_class", x, y, N, 2, 1);
    try_odd("one_row", x, y, 1, 2, 1);
}

static void leaves_rows_without_label_out(void)
{
    enum { N = 100 };
    float x[N];
    int32_t y[N];
    sd_spec s = {.n = N,
                 .n_num = 1,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = y};
    crm_data *d;
    double *p;
    fitted f;

    for (int i = 0; i < N; i++) {
        x[i] = (float)i;
        y[i] = i % 3 ? -1 : i > 50;
    }
    T_OK(sd_open("labels", &s, &d));
    T_OK(fit_rows(&crm_tree_class, &plain_cfg, d, N, t_comm, NULL, true, &f));
    T_EQ_I(nodes_of(f.e), 3);
    p = predict_all(f.e, &f); /* the cut is at (48 + 51) / 2 */
    T_CHECK(p[2 * 49] == 1 && p[2 * 50 + 1] == 0 + 1);
    crm_mem_free(p);
    drop(&f);
    for (int i = 0; i < N; i++)
        y[i] = -1;
    crm_data_close(&d);
    T_OK(sd_open("unlabelled", &s, &d));
    T_FAILS(fit_rows(&crm_tree_class, &plain_cfg, d, N, t_comm, NULL, true, &f), CRM_ERR_FORMAT,
            "no training row has a label");
    drop(&f);
    crm_data_close(&d);
}

/* A node that draws constant columns only draws on until one varies. */
static void looks_beyond_constants(void)
{
    enum { N = 40 };
    float x[N * COLS];
    int32_t y[N];
    sd_spec s = {.n = N,
                 .n_num = COLS,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = y};
    crm_tree_cfg cfg = plain_cfg;
    crm_data *d;
    fitted f;

    for (int i = 0; i < N; i++) {
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = j == 4 ? (float)i : 1;
        y[i] = i % 2;
    }
    cfg.max_features = "1";
    T_OK(sd_open("constants", &s, &d));
    T_OK(fit_rows(&crm_tree_class, &cfg, d, N, t_comm, NULL, true, &f));
    T_EQ_I(nodes_of(f.e), 2 * N - 1);
    drop(&f);
    crm_data_close(&d);
}

/* Missing values where the training rows had none: to the side with more rows, else to the right.
 */
static void sends_the_unknown_to_more_rows(void)
{
    float x[] = {0, 1, 0, 1, 0, 1, NAN};
    int32_t y[] = {0, 1, 0, 1, 0, 1, 0};
    sd_spec s = {.n = 7,
                 .n_num = 1,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = y};
    crm_data *d;
    fitted f;

    T_OK(sd_open("unknown", &s, &d));
    for (int n = 5; n <= 6; n++) {
        double *p;
        T_OK(fit_rows(&crm_tree_class, &plain_cfg, d, n, t_comm, NULL, true, &f));
        p = predict_all(f.e, &f);
        T_EQ_I(p[2 * 6], n == 5);
        crm_mem_free(p);
        drop(&f);
    }
    crm_data_close(&d);
}

/* ---- importances ---- */
static void weighs_columns(void)
{
    table t = open_table(ROWS, 2);
    const crm_bag_array *a;
    const double *v;
    double sum = 0;
    crm_bag *b;
    fitted f;

    T_OK(fit_rows(&crm_tree_class, &plain_cfg, t.data, ROWS, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    T_OK(crm_bag_get(b, "importance", CRM_F64, COLS, &a));
    v = a->data;
    for (int j = 0; j < COLS; j++)
        sum += v[j];
    T_NEAR(sum, 1, 1e-12);
    T_CHECK(v[3] == 0 && v[0] > 0.1);
    crm_bag_free(&b);
    drop(&f);
    close_table(&t);
}

/* ---- bits, files, options ---- */
static void agrees_on_any_ranks(void)
{
    crm_tree_cfg cfg = plain_cfg;
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    check_ranks(&crm_tree_class, &cfg, d, SD_ROWS, true);
    cfg.max_features = "sqrt";
    check_ranks(&crm_tree_class, &cfg, d, 4097, true);
    cfg.method = CRM_TREE_HISTOGRAM;
    check_ranks(&crm_tree_class, &cfg, d, SD_ROWS, true);
    cfg.ccp_alpha = 1e-3;
    check_ranks(&crm_tree_class, &cfg, d, 4097, true);
    check_ranks(&crm_tree_class, &cfg, d, 1, true);
    crm_data_close(&d);
}

/* Damaged: what[] of the bag is replaced. */
static void check_damage(const fitted *f, crm_bag *good, const char *what, crm_dtype dtype,
                         const void *data, const char *part)
{
    crm_estimator *e;
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    for (int i = 0; i < crm_bag_count(good); i++) {
        const crm_bag_array *a = crm_bag_at(good, i);
        bool other = strcmp(a->name, what) == 0;
        T_OK(crm_bag_put(b, a->name, other ? dtype : a->dtype, a->rank, a->dim,
                         other ? data : a->data));
    }
    T_OK(crm_tree_class.make(&plain_cfg, &e));
    T_FAILS(crm_tree_class.load(e, f->source, 2, b), CRM_ERR_FORMAT, part);
    crm_tree_class.free(e);
    crm_bag_free(&b);
}

static void refuses_damage(void)
{
    table t = open_table(ROWS, 2);
    crm_tree_cfg cfg = plain_cfg;
    crm_bag *b;
    fitted f;

    cfg.max_depth = 1;
    T_OK(fit_rows(&crm_tree_class, &cfg, t.data, ROWS, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    check_damage(&f, b, "class", CRM_I32, (int32_t[]){0, 5}, "class 5");
    check_damage(&f, b, "trees", CRM_I32, (int32_t[]){3, 3}, "3 nodes and 3 leaves");
    check_damage(&f, b, "trees", CRM_I32, (int32_t[]){5, 3}, "node.column");
    check_damage(&f, b, "node.column", CRM_I32, (int32_t[]){COLS, -1, -1}, "column 6 of 6");
    check_damage(&f, b, "node.left", CRM_I32, (int32_t[]){0, 0, 1}, "child 0");
    check_damage(&f, b, "node.left", CRM_I32, (int32_t[]){2, 0, 1}, "child 2");
    check_damage(&f, b, "node.left", CRM_I32, (int32_t[]){1, 0, 2}, "leaf 2 of 2");
    check_damage(&f, b, "node.left", CRM_I32, (int32_t[]){1, 0, 0}, "leaf 0 of 2");
    check_damage(&f, b, "node.left", CRM_I32, (int32_t[]){1, -1, 0}, "leaf -1 of 2");
    check_damage(&f, b, "node.cut", CRM_F64, (double[]){NAN, 0, 0}, "cut of node 0");
    check_damage(&f, b, "node.missing_left", CRM_U8, (uint8_t[]){2, 0, 0}, "cut of node 0");
    check_damage(&f, b, "leaf", CRM_F64, (double[]){1, 0, NAN, 1}, "leaf");
    check_damage(&f, b, "importance", CRM_F32, (float[COLS]){0}, "importance");
    crm_bag_free(&b);
    drop(&f);
    close_table(&t);
}

static void checks_options(void)
{
    static const char *const bad[] = {"0",   "1.5", "0.0", "many", "-1", "2.0",
                                      "nan", "",    "1e9", "0x",   "inf"};
    static const char *const bad_weight[] = {"a:0",     "a:-1",   "a:nan",  "a:inf",
                                             "a:1e308", "a:1e13", "a:1e-13"};
    crm_tree_cfg cfg, other = plain_cfg;
    crm_estimator *e;
    crm_opt_set *set;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_tree_opts, &cfg));
    T_CHECK(cfg.max_depth == -1 && strcmp(cfg.max_features, "all") == 0 &&
            cfg.min_samples_split == 2 && cfg.exact_rows == 200000 && cfg.max_bins == 255);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cfg.max_features = bad[i];
        T_FAILS(crm_tree_class.make(&cfg, &e), CRM_ERR_CONFIG, "tree.max_features");
    }
    crm_opt_set_free(&set);
    for (size_t i = 0; i < sizeof bad_weight / sizeof *bad_weight; i++) {
        other.class_weight = (crm_opt_list){1, &bad_weight[i]};
        T_FAILS(crm_tree_class.make(&other, &e), CRM_ERR_CONFIG, "tree.class_weight");
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"starts", sd_begin},
        {"matches plain loops", matches_plain_loops},
        {"keeps close values together", keeps_close_values_together},
        {"counts copies", counts_copies},
        {"walks rows abreast", walks_rows_abreast},
        {"keeps limits", keeps_limits},
        {"takes best splits first", takes_best_splits_first},
        {"takes odd data", takes_odd_data},
        {"leaves rows without label out", leaves_rows_without_label_out},
        {"sends the unknown to more rows", sends_the_unknown_to_more_rows},
        {"looks beyond constants", looks_beyond_constants},
        {"weighs columns", weighs_columns},
        {"agrees on any ranks", agrees_on_any_ranks},
        {"refuses damage", refuses_damage},
        {"checks options", checks_options},
        {"ends", sd_end},
        {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
