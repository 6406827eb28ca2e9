/* test_columns.c - mutual information, products of columns, the path of L1, selection; against
 * scikit-learn 1.2.1.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "../../src/learn/feature/feature_brent.h"
#include "../../src/learn/feature/feature_impl.h"
#include "crmpi/base_rng.h"
#include "feature/feature_kit.h"

typedef struct asked {
    crm_data *data;
    crm_view *view;
    crm_source *source;
    crm_fit fit;
} asked;

static asked ask(bool cats)
{
    asked a = {.fit = {.comm = t_comm}};

    T_OK(fk_open("formulas", cats, 1, &a.data));
    T_OK(crm_view_all(a.data, &a.view));
    T_OK(crm_source_new(a.data, CRM_FLAT_ALL, &a.source));
    a.fit.train = a.view;
    return a;
}

static void thank(asked *a)
{
    crm_source_free(&a->source);
    crm_view_free(&a->view);
    crm_data_close(&a->data);
}

/* Origin: sklearn.metrics.mutual_info_score(cells, y) with cells = np.searchsorted(
 * np.unique(np.quantile(x, np.arange(17) / 16)), x, side="left"), missing values a cell of their
 * own
 */
static void finds_mutual_information(void)
{
    static const double want[FK_NUM + 1] = {
        0.10468151000226666, 0.12567791681010265, 0.16436752523917297, 0.1379519014934375,
        0.09877796104940541, 0.09412878730655093, 0.1759413273036797};
    double num[FK_NUM], cat[1];
    asked a = ask(true);

    T_OK(feature_mutual(&a.fit, a.source, 16, num, cat));
    for (int j = 0; j < FK_NUM; j++)
        T_NEAR(num[j], want[j], 1e-13);
    T_NEAR(cat[0], want[FK_NUM], 1e-13);
    thank(&a);
}

/* A rare value is a cell of its own, however few quantiles it has: 1 of 60 rows, with its own
 * class; I = H(y) = -(1/60 ln 1/60 + 59/60 ln 59/60). */
static void sees_rare_values(void)
{
    static const char *const name[] = {"one", "zero"}, *const two[] = {"a", "b"};
    float x[120];
    int32_t label[60];
    double num[2], want = log(60) / 60 + 59.0 / 60 * log(60.0 / 59);
    sd_spec s = {.n = 60,
                 .n_num = 2,
                 .num_name = name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = two,
                 .label = label};
    asked a = {.fit = {.comm = t_comm}};

    for (int i = 0; i < 60; i++) {
        label[i] = i == 17;
        x[2 * i] = i == 17;
        x[2 * i + 1] = i != 17;
    }
    T_OK(sd_open("few", &s, &a.data));
    T_OK(crm_view_all(a.data, &a.view));
    T_OK(crm_source_new(a.data, CRM_FLAT_ALL, &a.source));
    a.fit.train = a.view;
    T_OK(feature_mutual(&a.fit, a.source, 4, num, NULL));
    T_NEAR(num[0], want, 1e-13);
    T_NEAR(num[1], want, 1e-13);
    thank(&a);
}

/* Origin: the same score of products of standardised columns in 10 quantile cells, less that of the
 * better column: x0 x1 .1629, x2 x4 .0321, x0 x2 .0176, x0 x4 .0042, all others below 0. */
static void finds_products(void)
{
    static const char *const want[] = {"x0 x x1", "x2 x x4", "x0 x x2", "x0 x x4"};
    crm_interact_cfg cfg = {.pairs = 10, .columns = 6, .bins = 10};
    fk_fitted f = {0};
    double mean = 0, square = 0, other = 0, other_square = 0;

    T_OK(fk_open("formulas", true, 1, &f.data));
    T_OK(fk_fit(&crm_interact_class, &cfg, t_comm, FK_ROWS, &f));
    T_CHECK(f.out->n_num == FK_NUM + 4 && f.out->n_cat == 1);
    for (int k = 0; k < 4; k++)
        T_CHECK(fk_has(&f, FK_NUM + k, want[k]));
    for (int i = 0; i < FK_ROWS; i++) {
        double a = f.num[i * f.out->n_num], b = f.num[i * f.out->n_num + 1];
        mean += a / FK_ROWS, other += b / FK_ROWS;
        square += a * a / FK_ROWS, other_square += b * b / FK_ROWS;
    }
    for (int i = 0; i < FK_ROWS; i++) {
        const float *x = f.num + i * f.out->n_num;
        T_NEAR(x[FK_NUM],
               (x[0] - mean) * (x[1] - other) /
                   sqrt((square - mean * mean) * (other_square - other * other)),
               1e-6);
    }
    fk_same_again(&f);
    fk_drop(&f);
    cfg.pairs = 1;
    cfg.columns = 3; /* x2, x3, x0 tell most by themselves */
    T_OK(fk_open("formulas", true, 1, &f.data));
    T_OK(fk_fit(&crm_interact_class, &cfg, t_comm, FK_ROWS, &f));
    T_CHECK(f.out->n_num == FK_NUM + 1 && fk_has(&f, FK_NUM, "x0 x x2"));
    fk_drop(&f);
}

/* Origin: LogisticRegression(penalty="l1", solver="saga", tol=1e-10, C=1/(n l)) on standardised
 * columns, missing values at 0, for l = l_max .8^t: x3 and x2 at t = 1 with .143 and .067, x0 at 6,
 * x1 at 7, x5 at 10, x4 at 19. */
static void walks_the_path(void)
{
    static const int64_t want[FK_NUM] = {2, 3, 1, 0, 5, 4};
    const uint8_t take[FK_NUM] = {1, 1, 1, 1, 1, 1}, some[FK_NUM] = {1, 1, 0, 0, 1, 1};
    int64_t entry[FK_NUM];
    asked a = ask(false);

    T_OK(feature_lasso(&a.fit, a.source, take, FK_NUM, entry));
    for (int j = 0; j < FK_NUM; j++)
        T_EQ_I(entry[j], want[j]);
    T_OK(feature_lasso(&a.fit, a.source, take, 3, entry));
    T_CHECK(entry[3] == 0 && entry[2] == 1 && entry[0] == 2 && entry[4] < 0 && entry[5] < 0);
    T_OK(feature_lasso(&a.fit, a.source, some, FK_NUM, entry));
    T_CHECK(entry[2] < 0 && entry[3] < 0 && entry[0] >= 0);
    thank(&a);
}

/* ---- permutation ---- */
enum { PERM_N = FK_ROWS, PERM_P = FK_NUM };

/* Gaussian elimination of m [p][p + 1], in place; the solution is the last column. */
static void eliminate(double m[PERM_P][PERM_P + 1])
{
    for (int c = 0; c < PERM_P; c++)
        for (int r = 0; r < PERM_P; r++) {
            double by = m[r][c] / m[c][c];
            for (int k = c; k <= PERM_P && r != c; k++)
                m[r][k] -= by * m[c][k];
        }
    for (int c = 0; c < PERM_P; c++)
        m[c][PERM_P] /= m[c][c];
}

/* Fit on the rows that are not in the part: intercept and coefficients of centred rows. */
static double fit_ridge(double z[PERM_N][PERM_P], const int32_t *y, const int *part, int q,
                        double b[PERM_P])
{
    double m[PERM_P][PERM_P + 1] = {{0}}, mean[PERM_P] = {0}, mean_y = 0, n = 0, a;

    for (int i = 0; i < PERM_N; i++) {
        if (part[i] == q) continue;
        n++, mean_y += y[i];
        for (int j = 0; j < PERM_P; j++)
            mean[j] += z[i][j];
    }
    for (int i = 0; i < PERM_N; i++)
        for (int j = 0; j < PERM_P && part[i] != q; j++) {
            double d = z[i][j] - mean[j] / n;
            for (int k = 0; k < PERM_P; k++)
                m[j][k] += d * (z[i][k] - mean[k] / n) / n;
            m[j][PERM_P] += d * (y[i] - mean_y / n) / n;
        }
    for (int j = 0; j < PERM_P; j++)
        m[j][j] += 1e-3;
    eliminate(m);
    a = mean_y / n;
    for (int j = 0; j < PERM_P; j++) {
        b[j] = m[j][PERM_P];
        a -= b[j] * mean[j] / n;
    }
    return a;
}

/* Rise of the squared error of the part's rows, summed, when column j is shifted by each number of
 * rows: the mean over all shifts has each pair of rows as often as that over all permutations. */
static double shift_loss(double z[PERM_N][PERM_P], const int32_t *y, const int *row, int n,
                         double a, const double b[PERM_P], int j)
{
    double rise = 0;

    for (int i = 0; i < n; i++) {
        double f = a, old;
        for (int k = 0; k < PERM_P; k++)
            f += b[k] * z[row[i]][k];
        old = (f - y[row[i]]) * (f - y[row[i]]);
        for (int s = 0; s < n; s++) {
            double g = f + b[j] * (z[row[(i + s) % n]][j] - z[row[i]][j]);
            rise += ((g - y[row[i]]) * (g - y[row[i]]) - old) / n;
        }
    }
    return rise;
}

static void standardise(double z[PERM_N][PERM_P], int32_t *y)
{
    for (int j = 0; j < PERM_P; j++) {
        double mean = 0, square = 0, n = 0;
        float x[PERM_P];
        int32_t c;
        for (int i = 0; i < PERM_N; i++) {
            fk_row(i, x, &c, &y[i]);
            z[i][j] = (double)x[j];
            if (isnan(x[j])) continue;
            n++, mean += (double)x[j], square += (double)x[j] * (double)x[j];
        }
        mean /= n;
        for (int i = 0; i < PERM_N; i++)
            z[i][j] = isnan(z[i][j]) ? 0 : (z[i][j] - mean) / sqrt(square / n - mean * mean);
    }
}

/* Against permutations that are made. */
static void loses_by_permutation(void)
{
    static double z[PERM_N][PERM_P];
    static int32_t y[PERM_N];
    const uint8_t take[FK_NUM] = {1, 1, 1, 1, 1, 1}, some[FK_NUM] = {0, 1, 1, 1, 1, 1};
    int part[PERM_N], row[PERM_N];
    double want[FK_NUM] = {0}, got[FK_NUM], b[PERM_P];
    asked a = ask(false);

    standardise(z, y);
    for (int i = 0; i < PERM_N; i++) {
        crm_rng r = crm_rng_at(a.fit.seed, CRM_RNG_SELECT, 0, (uint64_t)i);
        part[i] = (int)crm_rng_below(&r, 4);
    }
    for (int q = 0; q < 4; q++) {
        double intercept = fit_ridge(z, y, part, q, b);
        int n = 0;
        for (int i = 0; i < PERM_N; i++)
            if (part[i] == q) row[n++] = i;
        for (int j = 0; j < PERM_P; j++)
            want[j] += shift_loss(z, y, row, n, intercept, b, j) / PERM_N;
    }
    T_OK(feature_permute(&a.fit, a.source, take, got));
    for (int j = 0; j < FK_NUM; j++)
        T_NEAR(got[j], want[j], 1e-12);
    T_OK(feature_permute(&a.fit, a.source, some, got));
    T_CHECK(got[0] == 0 && got[2] > 0);
    thank(&a);
}

/* u decides most, v a third as much, w is u with a little noise, the others are noise; three
 * classes. */
static crm_status open_planted(crm_data **out)
{
    enum { N = 6000, P = 10 };
    static const char *const name[P] = {"n0", "w", "n1", "n2", "v", "n3", "u", "n4", "n5", "n6"};
    static const char *const three[] = {"a", "b", "c"};
    static float x[N * P];
    static int32_t label[N];
    sd_spec s = {.n = N,
                 .n_num = P,
                 .num_name = name,
                 .num = x,
                 .n_classes = 3,
                 .class_name = three,
                 .label = label};

    for (int i = 0; i < N; i++) {
        crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, (uint64_t)i);
        float *of = x + i * P;
        double z;
        for (int j = 0; j < P; j++)
            of[j] = (float)crm_rng_normal(&r);
        of[1] = of[6] + of[1] / 2;
        z = 3 * (double)of[6] + (double)of[4] + crm_rng_normal(&r);
        label[i] = z < -1 ? 0 : z > 1 ? 2 : 1;
    }
    return sd_open("planted", &s, out);
}

/* Mutual information takes u and its copy; permutation u and v, for w says nothing beside u.  The
 * most that is kept are columns without which a model loses. */
static void finds_what_is_planted(void)
{
    const crm_select_cfg cfg[] = {{2, CRM_SELECT_MUTUAL, 16},
                                  {2, CRM_SELECT_PERMUTATION, 16},
                                  {9, CRM_SELECT_PERMUTATION, 16}};
    fk_fitted f = {0};

    for (int k = 0; k < 3; k++) {
        T_OK(open_planted(&f.data));
        T_OK(fk_fit(&crm_select_class, &cfg[k], t_comm, 6000, &f));
        if (k < 2)
            T_CHECK(f.out->n_num == 2 && fk_has(&f, 0, k == 0 ? "w" : "v") && fk_has(&f, 1, "u"));
        else
            T_CHECK(f.out->n_num >= 2 && f.out->n_num < 9);
        fk_drop(&f);
    }
}

static void check_selected(crm_select_cfg cfg, bool cats, const char *want, int n_cat)
{
    char names[64] = "";
    fk_fitted f = {0};

    T_OK(fk_open("formulas", cats, 1, &f.data));
    T_OK(fk_fit(&crm_select_class, &cfg, t_comm, FK_ROWS, &f));
    for (int j = 0; j < f.out->n_num; j++)
        strncat(names, f.out->num_name[j], sizeof names - strlen(names) - 1);
    T_CHECK(strcmp(names, want) == 0);
    T_EQ_I(f.out->n_cat, n_cat);
    for (int i = 0; i < FK_ROWS && n_cat; i++) {
        float x[FK_NUM];
        int32_t c, y;
        fk_row(i, x, &c, &y);
        T_EQ_I(f.cat[i], c);
    }
    fk_same_again(&f);
    fk_drop(&f);
}

/* By the figures above: c tells most, then x2, x3, x1, x0. */
static void selects(void)
{
    check_selected((crm_select_cfg){3, CRM_SELECT_MUTUAL, 16}, true, "x2x3", 1);
    check_selected((crm_select_cfg){3, CRM_SELECT_MUTUAL, 16}, false, "x1x2x3", 0);
    check_selected((crm_select_cfg){3, CRM_SELECT_L1, 16}, false, "x0x2x3", 0);
    check_selected((crm_select_cfg){4, CRM_SELECT_L1, 16}, true, "x0x2x3", 1);
    check_selected((crm_select_cfg){1, CRM_SELECT_L1, 16}, true, "", 1);
    check_selected((crm_select_cfg){3, CRM_SELECT_PERMUTATION, 16}, true, "x2x3", 1);
    check_selected((crm_select_cfg){1, CRM_SELECT_PERMUTATION, 16}, true, "", 1);
    check_selected((crm_select_cfg){99, CRM_SELECT_L1, 16}, true, "x0x1x2x3x4x5", 1);
}

static void same_bits(void)
{
    const crm_interact_cfg interact = {3, 5, 8};
    const crm_select_cfg mutual = {4, CRM_SELECT_MUTUAL, 16}, l1 = {3, CRM_SELECT_L1, 16},
                         permutation = {3, CRM_SELECT_PERMUTATION, 16};

    fk_same_bits(&crm_interact_class, &interact);
    fk_same_bits(&crm_select_class, &mutual);
    fk_same_bits(&crm_select_class, &l1);
    fk_same_bits(&crm_select_class, &permutation);
}

/* (x - 1/3)^2 + 2 has its minimum at 1/3; so has |x - 1/3|, infinite beyond 1/2. */
static void searches(void)
{
    for (int kind = 0; kind < 2; kind++) {
        feature_brent s;
        double x = feature_brent_begin(&s, -5, 5);
        int n = 0;
        while (n++ < 200) {
            double d = x - 1.0 / 3, f = kind == 0 ? d * d + 2 : x > 0.5 ? INFINITY : fabs(d);
            if (!feature_brent_step(&s, f, 1e-9, &x)) break;
        }
        T_NEAR(x, 1.0 / 3, 3e-8);
        T_CHECK(n < 100);
    }
}

/* Without options none of the new transforms has anything to do. */
static void is_off_by_default(void)
{
    static const crm_transform_class *const class[] = {
        &crm_outliers_class, &crm_interact_class, &crm_power_class, &crm_bins_class,
        &crm_rare_class,     &crm_encode_class,   &crm_select_class};
    crm_opt_set *set;
    double cfg[7][8]; /* room for any of them */

    T_OK(crm_opt_set_new(&set));
    for (int i = 0; i < 7; i++) {
        T_CHECK(class[i] -> cfg_size <= sizeof cfg[i]);
        T_OK(crm_opt_set_add(set, class[i] -> parts[0].opts, cfg[i]));
        T_CHECK(class[i] -> idle(cfg[i]));
    }
    crm_opt_set_free(&set);
}

static void knows_idleness(void)
{
    T_CHECK(crm_interact_class.idle(&(crm_interact_cfg){0}));
    T_CHECK(!crm_interact_class.idle(&(crm_interact_cfg){.pairs = 1}));
    T_CHECK(crm_select_class.idle(&(crm_select_cfg){0}));
    T_CHECK(!crm_select_class.idle(&(crm_select_cfg){.columns = 1}));
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
                                   {"finds mutual information", finds_mutual_information},
                                   {"sees rare values", sees_rare_values},
                                   {"finds products", finds_products},
                                   {"walks the path", walks_the_path},
                                   {"loss by permutation", loses_by_permutation},
                                   {"permutation finds what is planted", finds_what_is_planted},
                                   {"selects", selects},
                                   {"same bits", same_bits},
                                   {"searches", searches},
                                   {"is off by default", is_off_by_default},
                                   {"knows idleness", knows_idleness},
                                   {"ends", ends},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
