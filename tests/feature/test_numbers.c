/* test_numbers.c - transforms of numbers: nearest neighbours and commonest values for missing ones,
 * outliers, powers, bins; against scikit-learn 1.2.1 and scipy 1.10.1.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "feature/feature_kit.h"

static const char *const two[] = {"a", "b"};
static const int32_t no_label[16];

/* Columns a, b, c of n rows. */
static void fit_columns(const crm_transform_class *class, const void *cfg, const float *x,
                        int64_t n, int n_num, int64_t n_train, fk_fitted *f)
{
    static const char *const name[] = {"a", "b", "c"};
    sd_spec s = {.n = n,
                 .n_num = n_num,
                 .num_name = name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = two,
                 .label = no_label};

    *f = (fk_fitted){0};
    T_OK(sd_open("columns", &s, &f->data));
    T_OK(fk_fit(class, cfg, t_comm, n_train, f));
}

/* ---- impute: knn, mode ---- */

/* Origin: S = StandardScaler().fit(A); S.inverse_transform(KNNImputer(k).fit_transform(S(A))) */
static void asks_neighbours(void)
{
    static const float a[] = {1, 2,   NAN, 3, 4, 3,    NAN, 6,   5, 8,   8, 7,
                              2, NAN, 1,   4, 3, 2.5F, NAN, NAN, 4, NAN, 1, NAN};
    static const double two_near[] = {1, 2, 2, 3, 4, 3,   5.5, 6, 5, 8,   8, 7,
                                      2, 3, 1, 4, 3, 2.5, 3.5, 5, 4, 2.5, 1, 2.75};
    static const double three_near[] = {1, 2, 13.0 / 6, 3, 4, 3,   5, 6,        5, 8,       8, 7,
                                        2, 3, 1,        4, 3, 2.5, 5, 13.0 / 3, 4, 8.0 / 3, 1, 3.5};
    crm_impute_cfg cfg = {.fill = CRM_IMPUTE_KNN, .neighbours = 2, .rows = 100};
    fk_fitted f;

    for (int k = 2; k <= 3; k++) {
        cfg.neighbours = k;
        fit_columns(&crm_impute_class, &cfg, a, 8, 3, 8, &f);
        T_EQ_I(f.out->n_num, 3);
        for (int i = 0; i < 24 && f.out->n_num == 3; i++)
            T_NEAR(f.num[i], k == 2 ? two_near[i] : three_near[i], 1e-6);
        fk_same_again(&f);
        fk_drop(&f);
    }
    cfg.rows = 2; /* of the 8 rows two are kept: a mean of at most two of them, or of all */
    cfg.indicator = true;
    fit_columns(&crm_impute_class, &cfg, a, 8, 3, 8, &f);
    T_EQ_I(f.out->n_num, 6);
    for (int i = 0; i < 48; i++)
        T_CHECK(isfinite(f.num[i]));
    fk_same_again(&f);
    fk_drop(&f);
}

/* Twelve columns, so that a row misses more than are filled in one pass: every other row has all of
 * them equal to 1 or to 3, and the last row misses all but the first. */
static void fills_many_columns(void)
{
    enum { D = 12, N = 5 };
    static const char *const name[D] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    float x[N * D];
    sd_spec s = {.n = N,
                 .n_num = D,
                 .num_name = name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = two,
                 .label = no_label};
    crm_impute_cfg cfg = {.fill = CRM_IMPUTE_KNN, .neighbours = 1, .rows = 100};
    fk_fitted f = {0};

    for (int i = 0; i < N * D; i++)
        x[i] = i / D == 4 ? (i % D ? NAN : 2.9F) : i / D % 2 ? 3 : 1;
    T_OK(sd_open("wide", &s, &f.data));
    T_OK(fk_fit(&crm_impute_class, &cfg, t_comm, N, &f));
    for (int j = 1; j < D; j++)
        T_NEAR(f.num[4 * D + j], 3, 0);
    T_NEAR(f.num[4 * D], 2.9F, 0);
    fk_drop(&f);
}

/* 2.5 three times, -1 three times: the smaller; a column of which nothing is known: 0. */
static void takes_commonest(void)
{
    static const float x[] = {2.5F, NAN, -1,  NAN,  7,   NAN, -1,  NAN, 2.5F,
                              NAN,  -1,  NAN, 2.5F, NAN, NAN, NAN, 9,   8};
    crm_impute_cfg cfg = {.fill = CRM_IMPUTE_MODE};
    fk_fitted f;

    fit_columns(&crm_impute_class, &cfg, x, 9, 2, 8, &f);
    T_NEAR(f.num[2 * 7], -1, 0);
    T_NEAR(f.num[1], 0, 0);
    T_NEAR(f.num[2 * 8 + 1], 8, 0);
    fk_same_again(&f);
    fk_drop(&f);
}

/* ---- outliers ---- */
static const float skewed[] = {0.5F, 1, 2, 3.5F, 8, 20, -1.25F, -4, 0, 55, 7.5F, 2.25F, NAN};
enum { SKEWED = 12 };

/* Limits by numpy: percentile 25, 75; mean, std; median, median of |x - median| / 0.6745. */
static void limits_outliers(void)
{
    static const double low[] = {-10.5, -7.512190289328329, -12.144829503335805};
    static const double high[] = {18.5, 23.26219028932833, 16.394829503335806};
    crm_outliers_cfg cfg = {.action = CRM_OUTLIERS_WINSORISE};
    fk_fitted f;

    for (int rule = 0; rule < CRM_OUTLIERS_RULES; rule++) {
        cfg.rule = rule;
        cfg.factor = rule == CRM_OUTLIERS_ZSCORE ? 1 : 0;
        cfg.action = CRM_OUTLIERS_WINSORISE;
        fit_columns(&crm_outliers_class, &cfg, skewed, SKEWED + 1, 1, SKEWED, &f);
        T_NEAR(f.num[9], high[rule], 1e-6);
        T_NEAR(f.num[7], -4, 0);
        T_NEAR(f.num[5], high[rule] < 20 ? high[rule] : 20, 1e-6);
        T_CHECK(isnan(f.num[SKEWED]));
        fk_same_again(&f);
        fk_drop(&f);
        cfg.action = CRM_OUTLIERS_FLAG;
        fit_columns(&crm_outliers_class, &cfg, skewed, SKEWED + 1, 1, SKEWED, &f);
        T_CHECK(f.out->n_num == 2 && fk_has(&f, 1, "a outlier"));
        for (int i = 0; i <= SKEWED; i++)
            T_EQ_I(f.num[2 * i + 1], skewed[i] < low[rule] || skewed[i] > high[rule]);
        fk_same_again(&f);
        fk_drop(&f);
    }
}

/* Quartiles are equal: no limits; a column without outliers in training has no column that tells.
 */
static void knows_no_limits(void)
{
    static const float x[] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 9, 1000};
    crm_outliers_cfg cfg = {.action = CRM_OUTLIERS_WINSORISE};
    fk_fitted f;

    fit_columns(&crm_outliers_class, &cfg, x, 8, 2, 7, &f);
    T_NEAR(f.num[14], 9, 0);
    T_NEAR(f.num[15], 10, 1e-6); /* quartiles 2.5 and 5.5: 5.5 + 1.5 * 3 */
    fk_drop(&f);
    cfg = (crm_outliers_cfg){.action = CRM_OUTLIERS_FLAG, .factor = 2};
    fit_columns(&crm_outliers_class, &cfg, x, 8, 2, 7, &f);
    T_EQ_I(f.out->n_num, 2);
    fk_drop(&f);
}

/* ---- power ---- */

/* Origin: sklearn.preprocessing.PowerTransformer("yeo-johnson").fit_transform of 12 values, and of
 * 10, most of them negative; lambda 0.4315026486270803 and 2.206567185188429, as
 * scipy.stats.yeojohnson_normmax too. */
static void powers(void)
{
    static const double want[] = {-0.3260597703544031, -0.23882677027977903, -0.09595576998830835,
                                  0.07423183636245276, 0.4438925129693038,   1.0750701378250653,
                                  -0.8233987308496088, -2.182391994611509,   -0.43199705693165363,
                                  2.161055682524216,   0.4090553097471518,   -0.06467538641292721};
    static const float low[] = {-3, -2.5F, -1, -0.25F, 0.125F, 0.5F, -9, -30, -2, -1.75F};
    static const double want_low[] = {
        -0.4038041897112073,  -0.28595921395009,  0.24484837951276403, 0.7405966857271065,
        1.149248289370151,    1.7531756713646818, -1.1304202870561437, -1.8571589889395024,
        -0.14581284855620996, -0.0647134977615504};
    static const double lambda[] = {0.4315026486270803, 2.206567185188429};
    const crm_power_cfg cfg = {.kind = CRM_POWER_YEO_JOHNSON};
    const crm_bag_array *a;
    crm_bag *b;
    fk_fitted f;

    for (int set = 0; set < 2; set++) {
        const double *w = set ? want_low : want;
        int n = set ? 10 : SKEWED;
        fit_columns(&crm_power_class, &cfg, set ? low : skewed, n, 1, n, &f);
        for (int i = 0; i < n; i++)
            T_NEAR(f.num[i], w[i], 2e-7);
        T_OK(crm_bag_new(&b));
        T_OK(crm_power_class.save(f.t, b));
        T_OK(crm_bag_get(b, "lambda", CRM_F64, 1, &a));
        T_NEAR(*(const double *)a->data, lambda[set], 1e-7);
        crm_bag_free(&b);
        fk_same_again(&f);
        fk_drop(&f);
    }
}

static void takes_logarithms(void)
{
    static const float same[] = {3, 3, 3, 9, NAN, INFINITY};
    crm_power_cfg cfg = {.kind = CRM_POWER_LOG1P};
    fk_fitted f;

    fit_columns(&crm_power_class, &cfg, skewed, SKEWED + 1, 1, SKEWED, &f);
    T_NEAR(f.num[9], log1p(55), 1e-7);
    T_NEAR(f.num[7], -log1p(4), 1e-7);
    T_NEAR(f.num[8], 0, 0);
    T_CHECK(isnan(f.num[SKEWED]));
    fk_same_again(&f);
    fk_drop(&f);
    cfg.kind = CRM_POWER_YEO_JOHNSON; /* constant in training */
    fit_columns(&crm_power_class, &cfg, same, 6, 1, 3, &f);
    T_CHECK(f.num[0] == 3 && f.num[3] == 9 && isnan(f.num[4]) && isinf(f.num[5]));
    fk_drop(&f);
}

/* ---- bins ---- */

/* Origin: KBinsDiscretizer(4, encode="ordinal", strategy="quantile"): edges -4,
 * 0.375, 2.125, 7.625, 55 */
static void bins_numbers(void)
{
    static const int want[] = {1, 1, 1, 2, 3, 3, 0, 0, 0, 3, 2, 2};
    crm_bins_cfg cfg = {.count = 4};
    fk_fitted f;

    fit_columns(&crm_bins_class, &cfg, skewed, SKEWED + 1, 1, SKEWED, &f);
    T_EQ_I(f.out->n_num, 1);
    for (int i = 0; i < SKEWED; i++)
        T_EQ_I(f.num[i], want[i]);
    T_CHECK(isnan(f.num[SKEWED]));
    fk_same_again(&f);
    fk_drop(&f);
    cfg.code = CRM_BINS_ONEHOT;
    fit_columns(&crm_bins_class, &cfg, skewed, SKEWED + 1, 1, SKEWED + 1, &f);
    T_CHECK(f.out->n_num == 5 && fk_has(&f, 3, "a in bin 3") && fk_has(&f, 4, "a missing"));
    for (int i = 0; i <= SKEWED; i++)
        for (int b = 0; b < 5; b++)
            T_EQ_I(f.num[5 * i + b], b == (i < SKEWED ? want[i] : 4));
    fk_same_again(&f);
    fk_drop(&f);
}

/* Quantiles 0, 1/2, 1 are 0, 1, 1 and 0, 0, 9: two edges, so both columns pass. */
static void bins_few_values(void)
{
    static const float x[] = {0, 0, 1, 0, 1, 0, 1, 9, NAN, 0};
    crm_bins_cfg cfg = {.count = 2, .code = CRM_BINS_ONEHOT};
    fk_fitted f;

    fit_columns(&crm_bins_class, &cfg, x, 5, 2, 4, &f);
    T_CHECK(f.out->n_num == 2 && f.num[2] == 1 && f.num[7] == 9 && isnan(f.num[8]));
    fk_drop(&f);
}

/* ---- all ---- */
static void same_bits(void)
{
    const crm_impute_cfg knn = {CRM_IMPUTE_KNN, true, 0, 3, 500}, mode = {.fill = CRM_IMPUTE_MODE};
    const crm_power_cfg power = {CRM_POWER_YEO_JOHNSON};
    const crm_bins_cfg bins = {7, CRM_BINS_ONEHOT};
    crm_outliers_cfg outliers = {.action = CRM_OUTLIERS_FLAG};

    fk_same_bits(&crm_impute_class, &knn);
    fk_same_bits(&crm_impute_class, &mode);
    fk_same_bits(&crm_power_class, &power);
    fk_same_bits(&crm_bins_class, &bins);
    for (outliers.rule = 0; outliers.rule < CRM_OUTLIERS_RULES; outliers.rule++)
        fk_same_bits(&crm_outliers_class, &outliers);
}

static void knows_idleness(void)
{
    T_CHECK(crm_outliers_class.idle(&(crm_outliers_cfg){0}));
    T_CHECK(!crm_outliers_class.idle(&(crm_outliers_cfg){.action = CRM_OUTLIERS_FLAG}));
    T_CHECK(crm_power_class.idle(&(crm_power_cfg){0}) && crm_bins_class.idle(&(crm_bins_cfg){0}));
    T_CHECK(!crm_power_class.idle(&(crm_power_cfg){CRM_POWER_LOG1P}));
    T_CHECK(!crm_bins_class.idle(&(crm_bins_cfg){.count = 2}));
    T_CHECK(!crm_impute_class.idle);
}

static void starts(void)
{
    sd_begin();
    T_CHECK(sd_dir[0]);
}

static void ends(void)
{
    sd_end();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", starts},
                                   {"asks neighbours", asks_neighbours},
                                   {"fills many columns", fills_many_columns},
                                   {"takes commonest", takes_commonest},
                                   {"limits outliers", limits_outliers},
                                   {"knows no limits", knows_no_limits},
                                   {"powers", powers},
                                   {"takes logarithms", takes_logarithms},
                                   {"bins numbers", bins_numbers},
                                   {"bins few values", bins_few_values},
                                   {"same bits", same_bits},
                                   {"knows idleness", knows_idleness},
                                   {"ends", ends},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
