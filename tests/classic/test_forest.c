/* test_forest.c - random forests: samples of rows, the mean of trees, out-of-bag score,
 * importances; equal bits on any number of ranks, with all rows or parts of them on a rank; files.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "../../src/learn/classic/tree_model_impl.h"
#include "fit_testing.h"

enum { ROWS = 700, COLS = 5, TREES = 7 };
static const char *const class_name[] = {"a", "b", "c"};
static const char *const num_name[] = {"x0", "x1", "x2", "x3", "x4"};
static const crm_forest_cfg plain_cfg = {
    .trees = TREES,
    .bootstrap = true,
    .oob = true,
    .rows_bytes = 1 << 30,
    .tree = {.max_features = "sqrt",
             .max_depth = -1,
             .min_samples_split = 2,
             .min_samples_leaf = 1,
             .class_weight = {1, (const char *const[]){"none"}},
             .exact_rows = 1000000,
             .max_bins = 255}};

/* Column 0 tells the class, 1 a little, the others nothing; some rows have no label. */
static void sample(float *x, int32_t *y)
{
    for (int i = 0; i < ROWS; i++) {
        crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, (uint64_t)i);
        float *v = x + i * COLS;
        double s;
        for (int j = 0; j < COLS; j++)
            v[j] = (float)crm_rng_normal(&r);
        s = 2 * (double)v[0] + 0.5 * (double)v[1] + crm_rng_normal(&r);
        if (crm_rng_below(&r, 10) == 0) v[2] = NAN;
        y[i] = crm_rng_below(&r, 12) == 0 ? -1 : s > 1 ? 2 : s > -1 ? 1 : 0;
    }
}

static crm_data *open_sample(float *x, int32_t *y)
{
    sd_spec s = {.n = ROWS,
                 .n_num = COLS,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = 3,
                 .class_name = class_name,
                 .label = y};
    crm_data *d;

    sample(x, y);
    T_OK(sd_open("forest", &s, &d));
    return d;
}

/* ---- samples of rows ---- */
static void draws_rows(void)
{
    enum { N = 3000, LABELLED = 2000 };
    static int32_t labelled[LABELLED];
    static uint8_t count[N], other[N];
    int64_t sum = 0, unseen = 0, squares = 0, differ = 0;

    for (int i = 0; i < LABELLED; i++)
        labelled[i] = i / 2 * 3 + i % 2; /* 0 1 3 4 6 7 ... */
    forest_draw(9, 4, N, LABELLED, labelled, count);
    forest_draw(9, 5, N, LABELLED, labelled, other);
    for (int i = 0; i < N; i++) {
        if (i % 3 == 2) T_EQ_I(count[i], 0);
        sum += count[i];
        squares += count[i] * count[i];
        unseen += i % 3 < 2 && count[i] == 0;
        differ += count[i] != other[i];
    }
    T_EQ_I(sum, LABELLED);
    T_NEAR((double)unseen / LABELLED, exp(-1), 0.035); /* 3 standard errors: .032 */
    T_NEAR((double)squares / LABELLED - 1, 1, 0.12);   /* variance of a Poisson number */
    T_CHECK(differ > N / 4);
}

/* ---- the mean of trees, which are walked here by hand ---- */
typedef struct parts {
    const int32_t *size, *column, *left;
    const double *cut, *leaf;
    const uint8_t *missing_left;
    int64_t n;
} parts;

static parts parts_of(const crm_bag *b)
{
    const crm_bag_array *a;
    parts p = {0};

    T_OK(crm_bag_get(b, "trees", CRM_I32, -1, &a));
    p.size = a->data;
    p.n = a->n / 2;
    T_OK(crm_bag_get(b, "node.column", CRM_I32, -1, &a));
    p.column = a->data;
    T_OK(crm_bag_get(b, "node.left", CRM_I32, -1, &a));
    p.left = a->data;
    T_OK(crm_bag_get(b, "node.cut", CRM_F64, -1, &a));
    p.cut = a->data;
    T_OK(crm_bag_get(b, "node.missing_left", CRM_U8, -1, &a));
    p.missing_left = a->data;
    T_OK(crm_bag_get(b, "leaf", CRM_F64, -1, &a));
    p.leaf = a->data;
    return p;
}

/* Adds the shares of tree t for a row. */
static void add_tree(const parts *p, int64_t t, const float *x, double *sum)
{
    int64_t node = 0, leaf = 0, at = 0;

    for (int64_t i = 0; i < t; i++) {
        node += p->size[2 * i];
        leaf += p->size[2 * i + 1];
    }
    while (p->column[node + at] >= 0) {
        float v = x[p->column[node + at]];
        bool left = isnan(v) ? p->missing_left[node + at] : (double)v <= p->cut[node + at];
        at = p->left[node + at] + !left;
    }
    for (int c = 0; c < 3; c++)
        sum[c] += p->leaf[(leaf + p->left[node + at]) * 3 + c];
}

static void averages_trees(void)
{
    static float x[ROWS * COLS];
    static int32_t y[ROWS];
    crm_data *d = open_sample(x, y);
    crm_bag *b;
    double *p;
    parts all;
    fitted f;

    T_OK(fit_rows(&crm_forest_class, &plain_cfg, d, ROWS, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    all = parts_of(b);
    T_EQ_I(all.n, TREES);
    p = predict_all(f.e, &f);
    for (int i = 0; i < ROWS; i++) {
        double sum[3] = {0};
        for (int64_t t = 0; t < all.n; t++)
            add_tree(&all, t, x + i * COLS, sum);
        for (int c = 0; c < 3; c++)
            T_NEAR(p[i * 3 + c], sum[c] / TREES, 1e-15);
    }
    crm_mem_free(p);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

/* Out of bag: draws again, trees by hand, votes counted here. */
static void scores_unseen_rows(void)
{
    static float x[ROWS * COLS];
    static int32_t y[ROWS], labelled[ROWS];
    static uint8_t count[TREES][ROWS];
    crm_data *d = open_sample(x, y);
    int64_t right = 0, rows = 0, n = 0, got;
    double accuracy;
    crm_bag *b;
    parts all;
    fitted f;

    T_OK(fit_rows(&crm_forest_class, &plain_cfg, d, ROWS, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    all = parts_of(b);
    for (int i = 0; i < ROWS; i++)
        if (y[i] >= 0) labelled[n++] = i;
    for (int t = 0; t < TREES; t++)
        forest_draw(1, t, ROWS, n, labelled, count[t]);
    for (int i = 0; i < ROWS; i++) {
        double sum[3] = {0};
        int best;
        for (int t = 0; t < TREES && y[i] >= 0; t++)
            if (!count[t][i]) add_tree(&all, t, x + i * COLS, sum);
        if (sum[0] + sum[1] + sum[2] == 0) continue;
        best = sum[1] > sum[0] ? 1 : 0;
        best = sum[2] > sum[best] ? 2 : best;
        rows++;
        right += best == y[i];
    }
    T_OK(crm_bag_get_f64(b, "oob.accuracy", &accuracy));
    T_OK(crm_bag_get_i64(b, "oob.rows", &got));
    T_EQ_I(got, rows);
    T_NEAR(accuracy, (double)right / (double)rows, 1e-15);
    T_CHECK(accuracy > 0.6 && rows < n);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

/* All rows, all columns, no draws: each tree is the tree. */
static void is_a_tree_without_chance(void)
{
    static float x[ROWS * COLS];
    static int32_t y[ROWS];
    crm_data *d = open_sample(x, y);
    crm_forest_cfg cfg = plain_cfg;
    double *p, *q;
    crm_bag *b;
    fitted f, g;

    cfg.trees = 2;
    cfg.bootstrap = false;
    cfg.tree.max_features = "1.0";
    T_OK(fit_rows(&crm_forest_class, &cfg, d, ROWS, t_comm, NULL, true, &f));
    T_OK(fit_rows(&crm_tree_class, &cfg.tree, d, ROWS, t_comm, NULL, true, &g));
    p = predict_all(f.e, &f);
    q = predict_all(g.e, &g);
    T_CHECK(memcmp(p, q, (size_t)ROWS * 3 * sizeof *p) == 0);
    bag_of(f.e, &b);
    T_CHECK(!crm_bag_find(b, "oob.rows"));
    crm_bag_free(&b);
    crm_mem_free(p);
    crm_mem_free(q);
    drop(&f);
    drop(&g);
    crm_data_close(&d);
}

static void weighs_columns(void)
{
    static float x[ROWS * COLS];
    static int32_t y[ROWS];
    crm_data *d = open_sample(x, y);
    const crm_bag_array *a;
    const double *v;
    double sum = 0;
    crm_bag *b;
    fitted f;

    T_OK(fit_rows(&crm_forest_class, &plain_cfg, d, ROWS, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    T_OK(crm_bag_get(b, "importance", CRM_F64, COLS, &a));
    v = a->data;
    for (int j = 0; j < COLS; j++)
        sum += v[j];
    T_NEAR(sum, 1, 1e-12);
    T_CHECK(v[0] > v[1] && v[1] > v[2] && v[1] > v[3] && v[1] > v[4] && v[0] > 0.4);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

/* ---- columns that a node looks at ---- */
static void draws_columns(void)
{
    enum { D = 9, DRAWS = 3000 };
    tree_grow_cfg cfg = {.max_features = 3, .seed = 2};
    int32_t perm[D], back[D];
    tree_draw t = {.n = D, .perm = perm, .back = back};
    int first[D] = {0};

    for (int j = 0; j < D; j++)
        perm[j] = j;
    for (int i = 0; i < DRAWS; i++) {
        bool seen[D] = {false};
        tree_draw_begin(&t, &cfg, i / 50, i % 50);
        for (int j = 0; j < D; j++) {
            int c = tree_draw_next(&t);
            if (c >= 0 && c < D && !seen[c])
                seen[c] = true;
            else
                T_EQ_I(c, -2);
            first[j ? 0 : c] += j == 0;
        }
        T_EQ_I(tree_draw_next(&t), -1);
        tree_draw_end(&t);
        for (int j = 0; j < D; j++)
            if (perm[j] != j) T_EQ_I(perm[j], j);
    }
    for (int j = 0; j < D; j++) /* 3.5 standard errors */
        T_NEAR((double)first[j] / DRAWS, 1.0 / D, 0.02);
}

/* ---- bits, files, options ---- */
static void agrees_on_any_ranks(void)
{
    crm_forest_cfg cfg = plain_cfg;
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    check_ranks(&crm_forest_class, &cfg, d, SD_ROWS, true);
    check_ranks(&crm_forest_class, &cfg, d, 1, true);
    cfg.trees = 2; /* fewer than ranks */
    cfg.tree.max_leaf_nodes = 12;
    check_ranks(&crm_forest_class, &cfg, d, 4097, true);
    cfg.tree.method = CRM_TREE_HISTOGRAM;
    check_ranks(&crm_forest_class, &cfg, d, 4097, true);
    cfg.trees = 5;
    cfg.tree.max_leaf_nodes = 0;
    check_ranks(&crm_forest_class, &cfg, d, SD_ROWS, true);
    crm_data_close(&d);
}

/* Rows whole on each rank or in parts: it does not show. */
static void parts_do_not_show(void)
{
    crm_forest_cfg whole = plain_cfg, part = plain_cfg;
    crm_bag *a, *b;
    crm_data *d;
    fitted f, g;

    whole.tree.method = part.tree.method = CRM_TREE_HISTOGRAM;
    part.rows_bytes = 0;
    T_OK(sd_open_large("large", SD_ROWS, &d));
    T_OK(fit_rows(&crm_forest_class, &whole, d, SD_ROWS, t_comm, NULL, true, &f));
    T_OK(fit_rows(&crm_forest_class, &part, d, SD_ROWS, t_comm, NULL, true, &g));
    T_CHECK(crm_digest_equal(bag_of(f.e, &a), bag_of(g.e, &b)));
    crm_bag_free(&a);
    crm_bag_free(&b);
    drop(&f);
    drop(&g);
    crm_data_close(&d);
}

static void has_options(void)
{
    crm_forest_cfg cfg;
    crm_estimator *e;
    crm_opt_set *set;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_forest_opts, &cfg));
    T_CHECK(cfg.trees == 100 && cfg.bootstrap && cfg.oob &&
            strcmp(cfg.tree.max_features, "sqrt") == 0 && cfg.tree.max_depth == -1 &&
            cfg.tree.exact_rows == 200000);
    cfg.tree.max_features = "root";
    T_FAILS(crm_forest_class.make(&cfg, &e), CRM_ERR_CONFIG, "forest.max_features");
    crm_opt_set_free(&set);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"draws rows", draws_rows},
                                   {"draws columns", draws_columns},
                                   {"averages trees", averages_trees},
                                   {"scores unseen rows", scores_unseen_rows},
                                   {"is a tree without chance", is_a_tree_without_chance},
                                   {"weighs columns", weighs_columns},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"parts do not show", parts_do_not_show},
                                   {"has options", has_options},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
