/* test_grams.c - n-grams as sparse columns: products of rows against a computation from the
 * definitions, columns that are cut, a model file and its damage, another data set, the same bits
 * on any number of ranks. ranks: 1 2 3 4 */
#include <math.h>

#include "feature/feature_kit.h"
#include "feature/four_texts.h"

static crm_status fit(const crm_grams_cfg *cfg, const sd_spec *s, fk_fitted *f)
{
    CRM_TRY(sd_open("grams", s, &f->data));
    return fk_fit(&crm_grams_class, cfg, t_comm, 3, f);
}

static double product(const crm_sparse *x, int64_t a, int64_t b)
{
    double s = 0;

    for (int64_t i = x->first[a]; i < x->first[a + 1]; i++)
        for (int64_t j = x->first[b]; j < x->first[b + 1]; j++)
            if (x->id[i] == x->id[j]) s += (double)x->value[i] * (double)x->value[j];
    return s;
}

static void check_products(const crm_source *in, int64_t width, const double want[4][4])
{
    static const int64_t row[4] = {0, 1, 2, 3};
    int64_t most = 0;
    crm_sparse x = {0};

    T_EQ_I(crm_source_sparse_width(in), width);
    T_OK(crm_source_sparse_most(in, &most));
    T_OK(crm_source_read_sparse(in, row, 4, &x));
    T_EQ_I(x.n, 4);
    for (int a = 0; a < 4; a++) {
        T_CHECK(x.first[a + 1] - x.first[a] <= most && most <= width);
        for (int b = 0; b < 4; b++)
            T_NEAR(product(&x, a, b), want[a][b], 1e-6);
        for (int64_t i = x.first[a] + 1; i < x.first[a + 1]; i++)
            T_CHECK(x.id[i] > x.id[i - 1]);
    }
    crm_sparse_free(&x);
}

static const crm_grams_cfg CFG = {.words = 2,
                                  .chars_from = 2,
                                  .chars_to = 3,
                                  .bits = 22,
                                  .min_count = 1,
                                  .max_columns = 1000000,
                                  .sublinear = true,
                                  .text = SD_TEXT};

/* Products of the rows: Python, from the definitions (tests/feature/grams.py prints them). */
enum { BOTH_WIDTH = 38 };
static const double BOTH[4][4] = {
    {2.000000000, 1.589176855, 0.408468548, 0.000000000},
    {1.589176855, 2.000000000, 0.476855452, 0.000000000},
    {0.408468548, 0.476855452, 2.000000000, 0.000000000},
    {0.000000000, 0.000000000, 0.000000000, 0.000000000},
};
enum { WORDS_WIDTH = 8 };
static const double WORDS_ONLY[4][4] = {
    {1.000000000, 0.701085967, 0.154315098, 0.000000000},
    {0.701085967, 1.000000000, 0.185492532, 0.000000000},
    {0.154315098, 0.185492532, 1.000000000, 0.000000000},
    {0.000000000, 0.000000000, 0.000000000, 0.000000000},
};

static const double OFTEN[4][4] = {
    {1.000000000, 0.957557837, 0.570483386, 0.000000000},
    {0.957557837, 1.000000000, 0.481334169, 0.000000000},
    {0.570483386, 0.481334169, 1.000000000, 0.000000000},
    {0.000000000, 0.000000000, 0.000000000, 0.000000000},
};

static void matches_definitions(void)
{
    sd_spec s = ft_spec(ft_words, ft_tokens);
    fk_fitted f = {0};
    crm_grams_cfg cfg = CFG;

    T_OK(fit(&cfg, &s, &f));
    check_products(f.source, BOTH_WIDTH, BOTH);
    fk_drop(&f);
    cfg.chars_to = 0;
    T_OK(fit(&cfg, &s, &f));
    check_products(f.source, WORDS_WIDTH, WORDS_ONLY);
    fk_drop(&f);
    cfg.min_count = 2; /* "the" in 3 rows, "good" and "the good" in 2 */
    cfg.sublinear = false;
    T_OK(fit(&cfg, &s, &f));
    check_products(f.source, 3, OFTEN);
    fk_drop(&f);
    cfg.min_count = 1;
    cfg.max_columns = 2; /* "the" and one of the two others */
    T_OK(fit(&cfg, &s, &f));
    T_EQ_I(crm_source_sparse_width(f.source), 2);
    fk_drop(&f);
}

/* The same documents behind a dictionary in another order, by the model read from a bag. */
static void elsewhere(void)
{
    sd_spec s = ft_spec(ft_words, ft_tokens), o = ft_spec(ft_other_words, ft_other_tokens);
    fk_fitted f = {0}, g = {0};
    crm_data *d = NULL;

    T_OK(fit(&CFG, &s, &f));
    T_OK(sd_open("other", &o, &d));
    T_OK(fk_again(&f, d, &g));
    T_OK(crm_source_new(d, CRM_FLAT_ALL, &g.source));
    T_OK(crm_source_add(g.source, g.t));
    check_products(g.source, BOTH_WIDTH, BOTH);
    fk_drop(&g);
    crm_data_close(&d);
    fk_drop(&f);
}

static void refuses_damage(void)
{
    static const int64_t five[] = {5};
    int64_t part[5] = {2, 2, 3, 22, 1};
    int32_t bucket[2] = {7, 7};
    double idf[2] = {1, 1};
    sd_spec s = ft_spec(ft_words, ft_tokens);
    fk_fitted f = {0};

    T_OK(fit(&CFG, &s, &f));
    for (int k = 0; k < 3; k++) {
        crm_transform *t = NULL;
        crm_bag *b = NULL;
        T_OK(crm_bag_new(&b));
        T_OK(crm_bag_put_list(b, "text", 0, NULL));
        part[3] = k == 1 ? 40 : 22;
        if (k == 2) bucket[1] = 1 << 22;
        T_OK(crm_bag_put(b, "parts", CRM_I64, 1, five, part));
        T_OK(crm_bag_put(b, "bucket", CRM_I32, 1, (int64_t[]){2}, bucket));
        T_OK(crm_bag_put(b, "idf", CRM_F64, 1, (int64_t[]){2}, idf));
        T_OK(crm_grams_class.make(&CFG, &t));
        T_FAILS(crm_grams_class.load(t, crm_source_schema(f.source), b), CRM_ERR_FORMAT,
                k == 1 ? "'parts' is out of range" : "bucket 1 is out of order or range");
        crm_grams_class.free(t);
        crm_bag_free(&b);
    }
    fk_drop(&f);
}

static void odd_options(void)
{
    crm_grams_cfg cfg = CFG;
    crm_transform *t = NULL;

    cfg.chars_from = 4;
    T_FAILS(crm_grams_class.make(&cfg, &t), CRM_ERR_CONFIG, "grams.chars_from: 4 is above");
    cfg.chars_to = cfg.words = 0;
    T_CHECK(crm_grams_class.idle(&cfg) && !crm_grams_class.idle(&CFG));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"matches definitions", matches_definitions},
                                   {"elsewhere", elsewhere},
                                   {"refuses damage", refuses_damage},
                                   {"odd options", odd_options},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
