/* test_transforms.c - values of every transform by hand; what they do with missing values, constant
 * columns, unseen levels and missing blocks; save and load; equal bits on any number of ranks.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "crmpi/estimator_rows.h"
#include "crmpi/feature.h"
#include "feature/four_texts.h"

static const char *const two[] = {"a", "b"};

typedef struct fitted {
    crm_data *data;
    crm_source *source;
    crm_view *view;
    crm_transform *t;
    const crm_schema *out;
    float *num;
    int32_t *cat;
} fitted;

/* Fit on the rows in [0, n_train) of d and transform all rows. */
static crm_status fit_one(const crm_transform_class *class, const void *cfg, crm_comm *comm,
                          int64_t n_train, fitted *f)
{
    crm_fit fit = {.comm = comm, .seed = 1};

    CRM_TRY(crm_view_all(f->data, &f->view));
    f->view->n = n_train;
    fit.train = f->view;
    CRM_TRY(crm_source_new(f->data, CRM_FLAT_ALL, &f->source));
    CRM_TRY(class->make(cfg, &f->t));
    CRM_TRY(class->fit(f->t, &fit, f->source));
    CRM_TRY(crm_source_add(f->source, f->t));
    return CRM_OK;
}

static crm_status read_all(fitted *f)
{
    int64_t n = crm_data_rows(f->data);
    crm_view *all;
    crm_status st;

    f->out = crm_source_schema(f->source);
    CRM_NEW(f->num, n * f->out->n_num);
    CRM_NEW(f->cat, n * f->out->n_cat);
    CRM_TRY(crm_view_all(f->data, &all));
    st = crm_source_read(f->source, all->row, n, f->num, f->cat);
    crm_view_free(&all);
    return st;
}

static void drop(fitted *f)
{
    crm_source_free(&f->source);
    crm_view_free(&f->view);
    if (f->t) f->t->class->free(f->t);
    crm_mem_free(f->num);
    crm_mem_free(f->cat);
    crm_data_close(&f->data);
    *f = (fitted){0};
}

/* One numeric column "x" with n values. */
static void fit_column(const crm_transform_class *class, const void *cfg, const float *x, int64_t n,
                       int64_t n_train, fitted *f)
{
    static const char *const name[] = {"x"};
    static const int32_t label[16];
    sd_spec s = {.n = n,
                 .n_num = 1,
                 .num_name = name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = two,
                 .label = label};

    *f = (fitted){0};
    T_OK(sd_open("column", &s, &f->data));
    T_OK(fit_one(class, cfg, t_comm, n_train, f));
    T_OK(read_all(f));
}

/* ---- impute ---- */
static void imputes(void)
{
    /* training rows: 4, missing, 1, 2; median 2, mean 7/3; all values as common: the smallest; one
     * column says nothing of its own missing values: the mean again */
    static const float x[] = {4, NAN, 1, 2, 100, NAN};
    static const double want[CRM_IMPUTE_COUNT] = {2, 7.0 / 3, 0, 1, -9, 7.0 / 3};
    fitted f;

    for (int kind = 0; kind < CRM_IMPUTE_COUNT; kind++) {
        crm_impute_cfg cfg = {
            .fill = kind, .indicator = true, .constant = -9, .neighbours = 2, .rows = 100};
        fit_column(&crm_impute_class, &cfg, x, 6, 4, &f);
        T_EQ_I(f.out->n_num, 2);
        T_CHECK(strcmp(f.out->num_name[1], "x missing") == 0);
        T_NEAR(f.num[0], 4, 0);
        T_NEAR(f.num[2], want[kind], 1e-7);
        T_NEAR(f.num[10], want[kind], 1e-7);
        for (int i = 0; i < 6; i++)
            T_EQ_I(f.num[2 * i + 1], isnan(x[i]) != 0);
        drop(&f);
    }
}

static void imputes_without_indicator(void)
{
    static const float some[] = {1, 3, NAN}, none[] = {NAN, NAN, 5};
    crm_impute_cfg cfg = {.indicator = true};
    fitted f;

    fit_column(&crm_impute_class, &cfg, some, 3, 2, &f); /* none missing in training */
    T_EQ_I(f.out->n_num, 1);
    T_NEAR(f.num[2], 2, 0);
    drop(&f);
    cfg.indicator = false;
    fit_column(&crm_impute_class, &cfg, none, 3, 2, &f); /* no value in training */
    T_EQ_I(f.out->n_num, 1);
    T_NEAR(f.num[0], 0, 0);
    T_NEAR(f.num[2], 5, 0);
    drop(&f);
}

/* ---- scale ---- */
static void scales_huge_values(void)
{
    static const float x[] = {1e-3F, 2e-3F, 3e-3F, 4e-3F, 3e38F, -3e38F, NAN};
    fitted f;

    for (int kind = 0; kind < CRM_SCALE_COUNT; kind++) {
        fit_column(&crm_scale_class, &(crm_scale_cfg){.kind = kind}, x, 7, 4, &f);
        T_CHECK(isfinite(f.num[4]) && f.num[4] > 1e38F);
        T_CHECK(isfinite(f.num[5]) && f.num[5] < -1e38F);
        T_CHECK(isnan(f.num[6]));
        drop(&f);
    }
}

static void scales(void)
{
    /* of 1, 2, 3, 4: mean 2.5, deviation sqrt(1.25); median 2.5, quartiles 1.75 and 3.25 */
    static const float x[] = {1, 2, 3, 4, 10, NAN};
    static const double first[] = {-1.3416407864998738, -1, 0, 1};
    static const double fifth[] = {6.708203932499369, 5, 3, 10};
    fitted f;

    for (int kind = 0; kind < CRM_SCALE_COUNT; kind++) {
        crm_scale_cfg cfg = {.kind = kind};
        fit_column(&crm_scale_class, &cfg, x, 6, 4, &f);
        T_NEAR(f.num[0], first[kind], 1e-7);
        T_NEAR(f.num[4], fifth[kind], 1e-7);
        T_CHECK(isnan(f.num[5]));
        drop(&f);
        cfg.clip = 1.25;
        fit_column(&crm_scale_class, &cfg, x, 6, 4, &f);
        T_NEAR(f.num[0], kind == CRM_SCALE_ZSCORE ? -1.25 : first[kind], 1e-7);
        T_NEAR(f.num[4], 1.25, 0);
        T_CHECK(isnan(f.num[5]));
        drop(&f);
    }
}

static void scales_constants(void)
{
    static const float same[] = {0.1F, 0.1F, 0.1F, 0.1F, 7}, rare[] = {0, 0, 0, 0, 0, 0, 0, 0, 3};
    fitted f;

    for (int kind = 0; kind < CRM_SCALE_NONE; kind++) {
        crm_scale_cfg cfg = {.kind = kind};
        fit_column(&crm_scale_class, &cfg, same, 5, 4, &f);
        for (int i = 0; i < 5; i++)
            T_NEAR(f.num[i], 0, 0);
        drop(&f);
    }
    /* quartiles are equal but the column is not constant: spread 1 */
    fit_column(&crm_scale_class, &(crm_scale_cfg){.kind = CRM_SCALE_ROBUST}, rare, 9, 9, &f);
    T_NEAR(f.num[8], 3, 0);
    drop(&f);
}

/* ---- ple ---- */
static void encodes_pieces(void)
{
    /* quartiles of 0, 1, 2, 4, 8: edges 0, 1, 2, 4, 8 */
    static const float x[] = {0, 1, 2, 4, 8, 3, -5, 99, NAN};
    static const float want[][4] = {{0, 0, 0, 0}, {1, 0, 0, 0}, {1, 1, 0, 0},
                                    {1, 1, 1, 0}, {1, 1, 1, 1}, {1, 1, 0.5F, 0},
                                    {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 0, 0}};
    crm_ple_cfg cfg = {.bins = 4, .keep = true};
    fitted f;

    fit_column(&crm_ple_class, &cfg, x, 9, 5, &f);
    T_EQ_I(f.out->n_num, 5);
    T_CHECK(strcmp(f.out->num_name[4], "x bin 4") == 0);
    for (int i = 0; i < 9 && f.out->n_num == 5; i++)
        for (int b = 0; b < 4; b++)
            T_NEAR(f.num[5 * i + 1 + b], want[i][b], 0);
    T_NEAR(f.num[5 * 5], 3, 0);
    drop(&f);
    cfg.keep = false;
    fit_column(&crm_ple_class, &cfg, x, 9, 5, &f);
    T_EQ_I(f.out->n_num, 4);
    drop(&f);
    cfg.bins = 0;
    fit_column(&crm_ple_class, &cfg, x, 9, 5, &f);
    T_EQ_I(f.out->n_num, 1);
    T_NEAR(f.num[5], 3, 0);
    drop(&f);
}

static void encodes_equal_edges(void)
{
    static const float same[] = {3, 3, 3, 3}, few[] = {0, 0, 0, 0, 0, 0, 0, 2};
    crm_ple_cfg cfg = {.bins = 4};
    fitted f;

    fit_column(&crm_ple_class, &cfg, same, 4, 4, &f);
    T_EQ_I(f.out->n_num, 0); /* one edge */
    drop(&f);
    fit_column(&crm_ple_class, &cfg, few, 8, 8, &f);
    T_EQ_I(f.out->n_num, 1); /* edges 0 and 2 */
    T_NEAR(f.num[7], 1, 0);
    drop(&f);
}

/* ---- onehot ---- */
static void encodes_levels(void)
{
    static const char *const num_name[] = {"x"}, *const cat_name[] = {"colour", "size"};
    static const char *const colour[] = {"red", "green", "blue"}, *const size[] = {"s", "m"};
    static const float x[] = {1, 2, 3, 4, 5};
    static const int32_t cat[] = {0, 1, 0, 1, 2, 1, -1, 1, 1, 0}, label[5];
    sd_spec s = {.n = 5,
                 .n_num = 1,
                 .num_name = num_name,
                 .num = x,
                 .n_cat = 2,
                 .cat_name = cat_name,
                 .cat = cat,
                 .n_levels = {3, 2},
                 .level = {colour, size},
                 .n_classes = 2,
                 .class_name = two,
                 .label = label};
    /* trained on the first four rows: red 2, blue 1, m 4 */
    static const float want[5][4] = {
        {1, 1, 0, 1}, {2, 1, 0, 1}, {3, 0, 1, 1}, {4, 0, 0, 1}, {5, 0, 0, 0}};
    crm_onehot_cfg cfg = {.min_count = 1};
    fitted f = {0};

    T_OK(sd_open("levels", &s, &f.data));
    T_OK(fit_one(&crm_onehot_class, &cfg, t_comm, 4, &f));
    T_OK(read_all(&f));
    T_EQ_I(f.out->n_num, 4);
    T_EQ_I(f.out->n_cat, 0);
    T_CHECK(strcmp(f.out->num_name[2], "colour=blue") == 0);
    for (int i = 0; i < 20 && f.out->n_num == 4; i++)
        T_NEAR(f.num[i], want[i / 4][i % 4], 0);
    drop(&f);
    cfg.min_count = 2;
    T_OK(sd_open("levels", &s, &f.data));
    T_OK(fit_one(&crm_onehot_class, &cfg, t_comm, 4, &f));
    T_EQ_I(crm_source_schema(f.source)->n_num, 3);
    drop(&f);
}

/* ---- text_bag ---- */
/* Training: D = 3 documents of the first two customers; df good 2, bad 1, the 3 (cut off by 0.7).
 * idf good = ln(4/3) + 1, bad = ln(4/2) + 1. */
static void check_text(const fitted *f)
{
    double good = log(3) * (log(4.0 / 3) + 1), bad = log(2) * (log(2) + 1);
    double norm = sqrt(good * good + bad * bad);
    int n = f->out->n_num;

    T_CHECK(strcmp(f->out->num_name[n - 2], "word good") == 0);
    T_CHECK(strcmp(f->out->num_name[n - 1], "word bad") == 0);
    T_NEAR(f->num[n - 2], good / norm, 1e-6);
    T_NEAR(f->num[n - 1], bad / norm, 1e-6);
    T_NEAR(f->num[2 * n - 2], 1, 1e-7);
    T_NEAR(f->num[2 * n - 1], 0, 0);
    T_NEAR(f->num[3 * n - 2], 0, 0); /* only words that are no columns */
    T_NEAR(f->num[4 * n - 1], 0, 0); /* no documents */
}

/* The same documents in a data set whose dictionary stands in another order. */
static void apply_elsewhere(const fitted *f)
{
    sd_spec s = ft_spec(ft_other_words, ft_other_tokens);
    fitted g = {0};

    T_OK(sd_open("other", &s, &g.data));
    T_OK(crm_source_new(g.data, CRM_FLAT_ALL, &g.source));
    T_OK(crm_source_add(g.source, f->t));
    T_OK(read_all(&g));
    check_text(&g);
    T_CHECK(memcmp(g.num, f->num, sizeof(float) * 4 * (size_t)f->out->n_num) == 0);
    drop(&g);
}

static void weighs_words(void)
{
    crm_text_bag_cfg cfg = {.words = 100, .max_df = 0.7, .text = SD_TEXT};
    sd_spec s = ft_spec(ft_words, ft_tokens);
    fitted f = {0};
    int base;

    T_OK(sd_open("text", &s, &f.data));
    T_OK(fit_one(&crm_text_bag_class, &cfg, t_comm, 2, &f));
    T_OK(read_all(&f));
    base = f.out->n_num - 2;
    check_text(&f);
    apply_elsewhere(&f);
    drop(&f);
    cfg.words = 1;
    T_OK(sd_open("text", &s, &f.data));
    T_OK(fit_one(&crm_text_bag_class, &cfg, t_comm, 2, &f));
    T_OK(read_all(&f));
    T_EQ_I(f.out->n_num, base + 1);
    T_NEAR(f.num[base], 1, 1e-7);
    drop(&f);
    cfg.words = 0;
    T_OK(sd_open("text", &s, &f.data));
    T_OK(fit_one(&crm_text_bag_class, &cfg, t_comm, 2, &f));
    T_EQ_I(crm_source_schema(f.source)->n_num, base);
    drop(&f);
}

static void passes_without_documents(void)
{
    static const float x[] = {1, 2, 3};
    crm_text_bag_cfg cfg = {.words = 100, .max_df = 0.5, .text = SD_TEXT};
    fitted f;

    fit_column(&crm_text_bag_class, &cfg, x, 3, 3, &f);
    T_EQ_I(f.out->n_num, 1);
    T_NEAR(f.num[2], 3, 0);
    drop(&f);
}

/* ---- quantiles against a plain sort of all rows ---- */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double plain_quantile(const double *sorted, int64_t n, double p)
{
    double h = p * (double)(n - 1);
    int64_t k = (int64_t)h;

    if (n == 0) return NAN;
    return k + 1 < n ? sorted[k] + (h - (double)k) * (sorted[k + 1] - sorted[k]) : sorted[k];
}

static void finds_quantiles(void)
{
    enum { NP = 6 };
    static const double p[NP] = {0, 0.013, 0.25, 0.5, 0.999, 1};
    double got[SD_NUM * NP], *sorted = crm_mem_new(SD_ROWS, sizeof *sorted);
    const float *num;
    const int32_t *cat;
    int64_t present[SD_NUM];
    crm_fit fit = {.comm = t_comm};
    crm_view *view;
    fitted f = {0};

    T_OK(sd_open_large("large", SD_ROWS, &f.data));
    T_OK(crm_view_all(f.data, &view));
    fit.train = view;
    T_OK(crm_source_new(f.data, CRM_FLAT_ALL, &f.source));
    T_OK(crm_rows_quantiles(&fit, f.source, NP, p, got, present));
    T_CHECK(crm_data_profile(f.data, &num, &cat)->n_num == SD_NUM);
    for (int c = 0; c < SD_NUM; c++) {
        int64_t n = 0;
        for (int64_t i = 0; i < SD_ROWS; i++)
            if (!isnan(num[i * SD_NUM + c])) sorted[n++] = num[i * SD_NUM + c];
        qsort(sorted, (size_t)n, sizeof *sorted, by_value);
        T_EQ_I(present[c], n);
        for (int q = 0; q < NP && n; q++)
            T_NEAR(got[c * NP + q], plain_quantile(sorted, n, p[q]), 1e-12);
        T_CHECK(n > 0 || isnan(got[c * NP]));
    }
    crm_mem_free(sorted);
    crm_view_free(&view);
    drop(&f);
}

/* ---- bags, ranks and shapes ---- */
enum { STAGES = 5 };
static const crm_transform_class *const stage[STAGES] = {
    &crm_text_bag_class, &crm_impute_class, &crm_scale_class, &crm_ple_class, &crm_onehot_class};

static const void *stage_cfg(int i, int variant)
{
    static const crm_text_bag_cfg text = {.words = 10, .max_df = 1, .text = SD_TEXT};
    static const crm_impute_cfg impute[] = {{.indicator = true}, {CRM_IMPUTE_MEAN, true, 0, 0, 0}};
    static const crm_scale_cfg scale[] = {{CRM_SCALE_ZSCORE, 0}, {CRM_SCALE_ROBUST, 3}};
    static const crm_ple_cfg ple = {.bins = 7, .keep = true};
    static const crm_onehot_cfg onehot = {.min_count = 1};
    const void *const cfg[STAGES] = {&text, &impute[variant], &scale[variant], &ple, &onehot};

    return cfg[i];
}

typedef struct chain {
    crm_source *source;
    crm_transform *t[STAGES];
    crm_bag *bag;
    crm_digest digest;
} chain;

/* Each stage in a scope of the bag, after fit; or before use, from the bag. */
static crm_status chain_stage(chain *c, int i, const crm_fit *fit, crm_bag *from, int variant)
{
    char scope[16];
    crm_bag *b = from ? from : c->bag;
    crm_status st;

    snprintf(scope, sizeof scope, "t%d", i);
    CRM_TRY(stage[i]->make(stage_cfg(i, variant), &c->t[i]));
    if (!from) CRM_TRY(stage[i]->fit(c->t[i], fit, c->source));
    CRM_TRY(crm_bag_push(b, scope));
    st = from ? stage[i]->load(c->t[i], crm_source_schema(c->source), b)
              : stage[i]->save(c->t[i], b);
    crm_bag_pop(b);
    if (st) return st;
    return crm_source_add(c->source, c->t[i]);
}

static crm_status chain_make(chain *c, const crm_data *d, const crm_fit *fit, crm_bag *from,
                             int variant)
{
    *c = (chain){0};
    CRM_TRY(crm_source_new(d, CRM_FLAT_ALL, &c->source));
    CRM_TRY(crm_bag_new(&c->bag));
    for (int i = 0; i < STAGES; i++)
        CRM_TRY(chain_stage(c, i, fit, from, variant));
    return from ? CRM_OK : crm_bag_digest(c->bag, NULL, &c->digest);
}

static void chain_free(chain *c)
{
    crm_source_free(&c->source);
    for (int i = 0; i < STAGES; i++)
        if (c->t[i]) c->t[i]->class->free(c->t[i]);
    crm_bag_free(&c->bag);
}

static void same_rows(const chain *a, const chain *b, const crm_view *v)
{
    int64_t width = crm_source_schema(a->source)->n_num, size = v->n * width;
    float *x = crm_mem_new((size_t)(2 * size), sizeof *x);
    int32_t none[1];

    T_EQ_I(crm_source_schema(b->source)->n_num, width);
    T_EQ_I(crm_source_schema(b->source)->n_cat, 0);
    T_OK(crm_source_read(a->source, v->row, v->n, x, none));
    T_OK(crm_source_read(b->source, v->row, v->n, x + size, none));
    T_CHECK(memcmp(x, x + size, (size_t)size * sizeof *x) == 0);
    for (int64_t i = 0; i < size; i++)
        if (!isfinite(x[i])) {
            T_CHECK(isfinite(x[i]));
            break;
        }
    crm_mem_free(x);
}

/* All ranks with threads against one rank alone, then save and load. */
static void check_chain(const crm_data *d, int64_t n, int variant)
{
    crm_comm *alone;
    crm_pool *pool;
    crm_view *view;
    crm_fit fit = {.comm = t_comm};
    chain together, single, loaded;

    T_OK(crm_view_all(d, &view));
    view->n = n;
    fit.train = view;
    T_OK(crm_pool_new(2, &pool));
    fit.pool = pool;
    T_OK(chain_make(&together, d, &fit, NULL, variant));
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit.comm = alone;
    fit.pool = NULL;
    T_OK(chain_make(&single, d, &fit, NULL, variant));
    T_CHECK(crm_digest_equal(together.digest, single.digest));
    T_OK(chain_make(&loaded, d, NULL, together.bag, variant));
    view->n = crm_data_rows(d);
    same_rows(&together, &loaded, view);
    chain_free(&together);
    chain_free(&single);
    chain_free(&loaded);
    crm_comm_free(&alone);
    crm_pool_free(&pool);
    crm_view_free(&view);
}

static void agrees_on_any_ranks(void)
{
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    for (int variant = 0; variant < 2; variant++) {
        check_chain(d, SD_ROWS, variant);
        check_chain(d, 4097, variant);
        check_chain(d, 1, variant);
    }
    crm_data_close(&d);
}

static void takes_other_shapes(void)
{
    static const char *const name[] = {"c"}, *const level[] = {"u", "v"};
    static const float x[] = {1, 2, 3, 4};
    static const int32_t cat[] = {0, 1, -1, 1};
    sd_spec cats = {.n = 4, .n_cat = 1, .cat_name = name, .cat = cat, .n_levels = {2}};
    sd_spec nums = {.n = 4, .n_num = 1, .num_name = name, .num = x};
    sd_spec text = ft_spec(ft_words, ft_tokens);
    sd_spec *all[] = {&cats, &nums, &text};
    crm_data *d;

    cats.level[0] = level;
    for (int i = 0; i < 3; i++) {
        all[i]->n_classes = 2;
        all[i]->class_name = two;
        all[i]->label = text.label;
        T_OK(sd_open("shape", all[i], &d));
        check_chain(d, 4, 0);
        check_chain(d, 1, 1);
        crm_data_close(&d);
    }
}

static void has_options(void)
{
    crm_impute_cfg impute;
    crm_scale_cfg scale;
    crm_ple_cfg ple;
    crm_onehot_cfg onehot;
    crm_text_bag_cfg text;
    crm_opt_set *set;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_impute_opts, &impute));
    T_OK(crm_opt_set_add(set, crm_scale_opts, &scale));
    T_OK(crm_opt_set_add(set, crm_ple_opts, &ple));
    T_OK(crm_opt_set_add(set, crm_onehot_opts, &onehot));
    T_OK(crm_opt_set_add(set, crm_text_bag_opts, &text));
    T_CHECK(impute.fill == CRM_IMPUTE_MEDIAN && impute.indicator);
    T_CHECK(scale.kind == CRM_SCALE_ZSCORE && scale.clip == 0);
    T_CHECK(ple.bins == 0 && ple.keep && onehot.min_count == 1);
    T_CHECK(text.words == 100 && text.max_df == 0.5);
    crm_opt_set_free(&set);
}

/* ---- damaged bags ---- */
static void refuses_damage(void)
{
    static const char *const name[] = {"x"};
    static const float falling[] = {2, 1};
    const crm_schema in = {.n_num = 1, .num_name = name};
    crm_ple_cfg ple = {.bins = 2};
    crm_impute_cfg impute = {0};
    crm_bag *b;
    crm_transform *t;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put_i64(b, "keep", 1));
    T_OK(crm_bag_put(b, "edges", CRM_I64, 1, (int64_t[]){1}, (int64_t[]){2}));
    T_OK(crm_bag_put(b, "edge", CRM_F32, 1, (int64_t[]){2}, falling));
    T_OK(crm_ple_class.make(&ple, &t));
    T_FAILS(crm_ple_class.load(t, &in, b), CRM_ERR_FORMAT, "do not rise");
    crm_ple_class.free(t);
    T_OK(crm_impute_class.make(&impute, &t));
    T_FAILS(crm_impute_class.load(t, &in, b), CRM_ERR_FORMAT, "fill");
    crm_impute_class.free(t);
    crm_bag_free(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"imputes", imputes},
                                   {"imputes without indicator", imputes_without_indicator},
                                   {"scales", scales},
                                   {"scales constants", scales_constants},
                                   {"scales huge values", scales_huge_values},
                                   {"encodes pieces", encodes_pieces},
                                   {"encodes equal edges", encodes_equal_edges},
                                   {"encodes levels", encodes_levels},
                                   {"weighs words", weighs_words},
                                   {"passes without documents", passes_without_documents},
                                   {"finds quantiles", finds_quantiles},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"takes other shapes", takes_other_shapes},
                                   {"has options", has_options},
                                   {"refuses damage", refuses_damage},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
