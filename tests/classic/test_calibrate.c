/* test_calibrate.c - probabilities from scores: Platt's sigmoid, isotonic regression, pairwise
 * coupling, stratified folds, cross-fitting; bags.  ranks: 1 2 3 4
 *
 * Independent: the slopes of Platt's loss and the min-max formula of isotonic regression in plain
 * loops; _sigmoid_calibration and IsotonicRegression(out_of_bounds="clip") of scikit-learn 1.2.1 on
 *   s_i = ((37 i + i i) mod 101) / 25 - 2, y_i = ((53 i + 11) mod 89) / 89 < 0.5 + 0.2 s_i, i < 40
 */
#include "../../src/learn/classic/calibrate_impl.h"
#include "fit_testing.h"

enum { N = 40 };

static void sample(double *s, uint8_t *y)
{
    for (int i = 0; i < N; i++) {
        s[i] = ((37 * i + i * i) % 101) / 25.0 - 2;
        y[i] = ((53 * i + 11) % 89) / 89.0 < 0.5 + 0.2 * s[i];
    }
}

static calibrate one_map(calibrate_kind kind, int64_t n, const double *s, const uint8_t *y)
{
    calibrate c;

    T_OK(calibrate_new(kind, CALIBRATE_REST, 2, &c));
    T_OK(calibrate_fit_map(&c, 0, n, s, y));
    return c;
}

static double proba_of(const calibrate *c, double s)
{
    double p[2];

    T_OK(calibrate_proba(c, 1, &s, p, 2));
    T_NEAR(p[0] + p[1], 1, 1e-15);
    return p[1];
}

static void platt_matches_reference(void)
{
    double s[N];
    uint8_t y[N];
    calibrate c;

    sample(s, y);
    c = one_map(CALIBRATE_PLATT, N, s, y);
    T_NEAR(c.a[0], -0.7167068619448268, 1e-5); /* the reference ends at a gradient of 1e-5 */
    T_NEAR(c.b[0], 0.11216467192579235, 1e-5);
    T_NEAR(proba_of(&c, 0.5), 1 / (1 + exp(c.a[0] * 0.5 + c.b[0])), 1e-14);
    calibrate_free(&c);
}

/* Slopes of the loss with the targets of Lin, Lin & Weng at (a, b). */
static void check_stationary(int64_t n, const double *s, const uint8_t *y)
{
    calibrate c = one_map(CALIBRATE_PLATT, n, s, y);
    double n1 = 0, da = 0, db = 0, top = 1e-300;

    for (int64_t i = 0; i < n; i++)
        n1 += y[i];
    for (int64_t i = 0; i < n; i++) {
        double t = y[i] ? (n1 + 1) / (n1 + 2) : 1 / ((double)n - n1 + 2);
        double d = t - 1 / (1 + exp(c.a[0] * s[i] + c.b[0]));
        da += s[i] * d;
        db += d;
        top = fmax(top, fabs(s[i]));
    }
    T_NEAR(da / top, 0, 1e-8 * (double)n);
    T_NEAR(db, 0, 1e-8 * (double)n);
    calibrate_free(&c);
}

static void platt_is_stationary(void)
{
    static const double unit[] = {1, 1e-30, 1e30};
    double s[N];
    uint8_t y[N];

    for (int u = 0; u < 3; u++) {
        sample(s, y);
        for (int i = 0; i < N; i++)
            s[i] *= unit[u];
        check_stationary(N, s, y);
        for (int i = 0; i < N; i++)
            y[i] = s[i] > 0; /* no overlap */
        check_stationary(N, s, y);
        memset(y, 1, N); /* one class */
        check_stationary(N, s, y);
        for (int i = 0; i < N; i++) { /* one score */
            s[i] = unit[u];
            y[i] = i % 3 == 0;
        }
        check_stationary(N, s, y);
    }
    s[0] = 0;
    y[0] = 1;
    check_stationary(1, s, y);
}

static void isotonic_matches_reference(void)
{
    static const double at[] = {-3, -2, -1.3, -0.61, 0.13, 0.5, 1.01, 1.9, 5};
    static const double want[] = {0.0,
                                  0.0,
                                  0.2222222222222222,
                                  0.5,
                                  0.5,
                                  0.6527777777777777,
                                  0.6666666666666666,
                                  0.7777777777777778,
                                  0.7777777777777778};
    double s[N];
    uint8_t y[N];
    calibrate c;

    sample(s, y);
    c = one_map(CALIBRATE_ISOTONIC, N, s, y);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        T_NEAR(proba_of(&c, at[i]), want[i], 1e-12);
    calibrate_free(&c);
}

/* Mean of the rows whose score is between two scores. */
static double mean_between(int n, const double *s, const uint8_t *y, double lo, double hi)
{
    double sum = 0, rows = 0;

    for (int i = 0; i < n; i++)
        if (s[i] >= lo && s[i] <= hi) {
            sum += y[i];
            rows++;
        }
    return sum / rows;
}

/* g(s_i) = max over lo <= s_i of min over hi >= s_i of the mean between. */
static double min_max(int n, const double *s, const uint8_t *y, double at)
{
    double most = 0;

    for (int a = 0; a < n; a++) {
        double least = 1;
        if (s[a] > at) continue;
        for (int b = 0; b < n; b++)
            if (s[b] >= at) least = fmin(least, mean_between(n, s, y, s[a], s[b]));
        most = fmax(most, least);
    }
    return most;
}

static void isotonic_is_min_max(void)
{
    double s[3 * N];
    uint8_t y[3 * N];

    for (int round = 0; round < 3; round++) {
        crm_rng r = crm_rng_at(7, CRM_RNG_TEST, 0, (uint64_t)round);
        calibrate c;
        for (int i = 0; i < 3 * N; i++) { /* the last round has many ties */
            s[i] = round < 2 ? crm_rng_normal(&r) : crm_rng_below(&r, 9);
            y[i] = crm_rng_normal(&r) + (round == 1 ? -s[i] : s[i]) > 0;
        }
        c = one_map(CALIBRATE_ISOTONIC, 3 * N, s, y);
        for (int i = 0; i < 3 * N; i++)
            T_NEAR(proba_of(&c, s[i]), min_max(3 * N, s, y, s[i]), 1e-12);
        calibrate_free(&c);
    }
}

/* A map without rows is the logistic function; NaN is no row. */
static void maps_without_rows(void)
{
    double s[2] = {(double)NAN, (double)NAN};
    uint8_t y[2] = {0, 1};

    for (int kind = CALIBRATE_PLATT; kind <= CALIBRATE_ISOTONIC; kind++) {
        calibrate c = one_map(kind, 2, s, y);
        T_NEAR(proba_of(&c, 0.7), 1 / (1 + exp(-0.7)), 1e-14);
        calibrate_free(&c);
    }
}

/* ---- classes ---- */

static double logit(double p)
{
    return log(p / (1 - p));
}

/* Pairs that fit together give back what they were made from. */
static void coupling_recovers(void)
{
    static const double p[4] = {0.1, 0.2, 0.3, 0.4};
    double s[6], q[4];
    calibrate c;

    T_OK(calibrate_new(CALIBRATE_PLATT, CALIBRATE_PAIRS, 4, &c));
    T_EQ_I(c.n, 6);
    for (int i = 0; i < 4; i++)
        for (int j = i + 1; j < 4; j++)
            s[calibrate_pair(4, i, j)] = logit(p[i] / (p[i] + p[j]));
    T_OK(calibrate_proba(&c, 1, s, q, 4));
    for (int i = 0; i < 4; i++)
        T_NEAR(q[i], p[i], 1e-9);
    calibrate_free(&c);
}

/* The loss of Wu, Lin & Weng: sum over pairs of (r_ji p_i - r_ij p_j)^2. */
static double pair_loss(int m, const double *r, const double *p)
{
    double loss = 0;

    for (int i = 0; i < m; i++)
        for (int j = i + 1; j < m; j++) {
            double rij = r[calibrate_pair(m, i, j)], d = (1 - rij) * p[i] - rij * p[j];
            loss += d * d;
        }
    return loss;
}

/* No step along the simplex lowers it. */
static void coupling_is_least(void)
{
    enum { M = 5 };
    double r[M * (M - 1) / 2], s[M * (M - 1) / 2], p[M];
    crm_rng g = crm_rng_at(3, CRM_RNG_TEST, 0, 0);
    calibrate c;

    T_OK(calibrate_new(CALIBRATE_PLATT, CALIBRATE_PAIRS, M, &c));
    for (int k = 0; k < c.n; k++) {
        r[k] = 0.05 + 0.9 * crm_rng_uniform(&g);
        s[k] = logit(r[k]);
    }
    T_OK(calibrate_proba(&c, 1, s, p, M));
    for (int i = 0; i < M; i++)
        for (int j = 0; j < M; j++) {
            double q[M], eps = 1e-4;
            memcpy(q, p, sizeof q);
            q[i] += eps;
            q[j] -= eps;
            if (i != j && q[j] >= 0) T_CHECK(pair_loss(M, r, q) > pair_loss(M, r, p));
        }
    calibrate_free(&c);
}

static int best(const double *p, int m)
{
    int k = 0;

    for (int i = 1; i < m; i++)
        if (p[i] > p[k]) k = i;
    return k;
}

/* The decision of the machine stays that of the probabilities. */
static void none_keeps_decisions(void)
{
    static const double tiny[] = {1e-300, -1e-300, 0};
    /* (0,1) (0,2) (1,2): a cycle of three votes is a tie, which goes to the lowest */
    static const double cycle[] = {1, -1, 1}, won[] = {-1, 3, 1};
    double p[3];
    calibrate c;

    T_OK(calibrate_new(CALIBRATE_NONE, CALIBRATE_REST, 2, &c));
    for (int i = 0; i < 3; i++) {
        double q = proba_of(&c, tiny[i]);
        T_CHECK(tiny[i] > 0 ? q > 0.5 : q < 0.5);
    }
    T_NEAR(proba_of(&c, 1.5), 1 / (1 + exp(-1.5)), 1e-14);
    calibrate_free(&c);
    T_OK(calibrate_new(CALIBRATE_NONE, CALIBRATE_PAIRS, 3, &c));
    T_OK(calibrate_proba(&c, 1, cycle, p, 3));
    T_EQ_I(best(p, 3), 0);
    T_OK(calibrate_proba(&c, 1, won, p, 3));
    T_EQ_I(best(p, 3), 1);
    T_NEAR(p[1], 2.0 / 3, 1e-14);
    calibrate_free(&c);
    T_OK(calibrate_new(CALIBRATE_NONE, CALIBRATE_PAIRS, 1, &c));
    T_OK(calibrate_proba(&c, 1, NULL, p, 3));
    T_NEAR(p[0], 1, 0);
    calibrate_free(&c);
}

static void rest_is_normalised(void)
{
    static const double s[3] = {0.3, -1, 2};
    double p[3], q[3], sum = 0;
    calibrate c;

    T_OK(calibrate_new(CALIBRATE_PLATT, CALIBRATE_REST, 3, &c));
    T_OK(calibrate_proba(&c, 1, s, p, 3));
    for (int i = 0; i < 3; i++)
        sum += q[i] = 1 / (1 + exp(-s[i]));
    for (int i = 0; i < 3; i++)
        T_NEAR(p[i], q[i] / sum, 1e-14);
    calibrate_free(&c);
}

/* ---- bags ---- */

static void round_trip(calibrate_kind kind, calibrate_shape shape)
{
    double s[3 * N], p[3 * N], q[3 * N];
    int32_t slot[N];
    calibrate c, back;
    crm_bag *b;

    for (int i = 0; i < N; i++) {
        slot[i] = i % 3;
        for (int k = 0; k < 3; k++)
            s[3 * i + k] = ((37 * i + 11 * k + i * i) % 101) / 50.0 - 1 + (slot[i] == k);
    }
    T_OK(calibrate_new(kind, shape, 3, &c));
    T_OK(calibrate_fit(&c, N, s, slot));
    T_OK(crm_bag_new(&b));
    T_OK(calibrate_save(&c, b));
    T_OK(calibrate_load(&back, kind, shape, 3, b));
    T_OK(calibrate_proba(&c, N, s, p, 3));
    T_OK(calibrate_proba(&back, N, s, q, 3));
    T_CHECK(memcmp(p, q, sizeof p) == 0);
    calibrate_free(&back);
    T_FAILS(calibrate_load(&back, kind == CALIBRATE_PLATT ? CALIBRATE_ISOTONIC : CALIBRATE_PLATT,
                           shape, 3, b),
            CRM_ERR_FORMAT, "calibration by");
    calibrate_free(&back);
    if (kind != CALIBRATE_NONE)
        T_FAILS(calibrate_load(&back, kind, shape, 4, b), CRM_ERR_FORMAT, "");
    calibrate_free(&back);
    calibrate_free(&c);
    crm_bag_free(&b);
}

static void goes_through_bags(void)
{
    for (int kind = 0; kind < CALIBRATE_KIND_COUNT; kind++)
        for (int shape = CALIBRATE_REST; shape <= CALIBRATE_PAIRS; shape++)
            round_trip(kind, shape);
}

static void put(crm_bag *b, const char *name, crm_dtype t, int64_t n, const void *p)
{
    T_OK(crm_bag_put(b, name, t, 1, &n, p));
}

static void refuses_damage(void)
{
    static const double ab[1] = {0}, nan[1] = {(double)NAN}, knot[2][2] = {{1, 0}, {0, 1}},
                        height[2][2] = {{0, 1}, {0, 2}};
    static const int64_t first[2][2] = {{0, 2}, {0, 3}};

    for (int k = 0; k < 4; k++) {
        crm_bag *b;
        calibrate c = {0};
        T_OK(crm_bag_new(&b));
        T_OK(crm_bag_put_text(b, "kind", "isotonic"));
        put(b, "a", CRM_F64, 1, k == 0 ? nan : ab);
        put(b, "b", CRM_F64, 1, ab);
        put(b, "first", CRM_I64, 2, first[k == 1]);
        put(b, "knot", CRM_F64, 2, knot[k != 2]);
        put(b, "height", CRM_F64, 2, height[k == 3]);
        T_FAILS(calibrate_load(&c, CALIBRATE_ISOTONIC, CALIBRATE_REST, 2, b), CRM_ERR_FORMAT,
                "calibration");
        calibrate_free(&c);
        crm_bag_free(&b);
    }
}

/* ---- folds and cross-fitting ---- */

typedef struct study {
    crm_data *data;
    crm_view *view;
    crm_source *source;
    const crm_target *target;
    classic_classes classes;
    crm_fit fit;
} study;

static void study_begin(study *s, int64_t n)
{
    static const char *const word[] = {"none"};
    const crm_opt_list none = {1, word};

    T_OK(sd_open_large("large", SD_ROWS, &s->data));
    T_OK(crm_view_all(s->data, &s->view));
    s->view->n = n;
    s->target = crm_data_target(s->data, 0);
    s->fit = (crm_fit){.comm = t_comm, .train = s->view, .seed = 9};
    T_OK(classic_classes_new(&s->fit, &none, "", &s->classes));
}

static void study_end(study *s)
{
    classic_classes_free(&s->classes);
    crm_view_free(&s->view);
    crm_data_close(&s->data);
}

static void folds_are_stratified(void)
{
    int64_t count[CALIBRATE_FOLDS][SD_CLASSES] = {{0}}, all[CALIBRATE_FOLDS] = {0};
    calibrate_folds f, g;
    study s;

    study_begin(&s, SD_ROWS);
    T_OK(calibrate_folds_new(s.view, s.target, &s.classes, 1, &f));
    T_OK(calibrate_folds_new(s.view, s.target, &s.classes, 2, &g));
    T_EQ_I(f.k, CALIBRATE_FOLDS);
    T_CHECK(memcmp(f.fold, g.fold, (size_t)f.n * sizeof *f.fold) != 0);
    for (int64_t i = 0; i < f.n; i++) {
        T_CHECK(f.fold[i] >= 0 && f.fold[i] < f.k);
        count[f.fold[i]][s.target->label[s.view->row[i]]]++;
        all[f.fold[i]]++;
    }
    for (int a = 0; a < f.k; a++)
        for (int b = 0; b < f.k; b++) {
            T_CHECK(llabs(all[a] - all[b]) <= 1);
            for (int c = 0; c < SD_CLASSES; c++)
                T_CHECK(llabs(count[a][c] - count[b][c]) <= 1);
        }
    calibrate_folds_free(&f);
    calibrate_folds_free(&g);
    study_end(&s);
}

static void few_rows_make_few_folds(void)
{
    calibrate_folds f;
    study s;

    study_begin(&s, 3);
    T_OK(calibrate_folds_new(s.view, s.target, &s.classes, 1, &f));
    T_EQ_I(f.k, 3);
    T_EQ_I(f.fold[0] + f.fold[1] + f.fold[2], 3); /* one each */
    calibrate_folds_free(&f);
    study_end(&s);
}

/* A model that knows the sum of the rows it was fitted on; its score of a row is that sum and the
 * row.  So the score tells which rows the model saw. */
static crm_status sum_of_rows(void *ctx, const crm_fit *part, const int64_t *row, int64_t n,
                              double *score)
{
    double sum = 0;

    (*(int *)ctx)++;
    for (int64_t i = 0; i < part->train->n; i++)
        sum += (double)part->train->row[i];
    for (int64_t i = 0; i < n; i++) {
        score[2 * i] = sum;
        score[2 * i + 1] = (double)row[i];
    }
    return CRM_OK;
}

static void cross_scores_are_from_others(void)
{
    enum { ROWS = 103 };
    double score[2 * ROWS], out[CALIBRATE_FOLDS] = {0};
    calibrate_folds f;
    int calls = 0;
    study s;

    study_begin(&s, ROWS);
    T_OK(calibrate_folds_new(s.view, s.target, &s.classes, 1, &f));
    T_OK(calibrate_cross(&s.fit, &f, 2, sum_of_rows, &calls, score));
    T_EQ_I(calls, CALIBRATE_FOLDS);
    for (int64_t i = 0; i < ROWS; i++)
        for (int k = 0; k < CALIBRATE_FOLDS; k++)
            if (f.fold[i] != k) out[k] += (double)s.view->row[i];
    for (int64_t i = 0; i < ROWS; i++) {
        T_NEAR(score[2 * i], out[f.fold[i]], 0);
        T_NEAR(score[2 * i + 1], (double)s.view->row[i], 0);
    }
    calibrate_folds_free(&f);
    study_end(&s);
}

static crm_status fails_on_last(void *ctx, const crm_fit *part, const int64_t *row, int64_t n,
                                double *score)
{
    (void)ctx, (void)row, (void)n, (void)score;
    CRM_CHECK(crm_comm_rank(part->comm) != crm_comm_size(part->comm) - 1, CRM_ERR_NUMERIC,
              "the last rank has no wish to");
    return CRM_OK;
}

static void cross_fails_everywhere(void)
{
    double score[20];
    calibrate_folds f;
    study s;

    study_begin(&s, 20);
    T_OK(calibrate_folds_new(s.view, s.target, &s.classes, 1, &f));
    T_FAILS(calibrate_cross(&s.fit, &f, 1, fails_on_last, NULL, score), CRM_ERR_NUMERIC, "no wish");
    calibrate_folds_free(&f);
    study_end(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"Platt matches reference", platt_matches_reference},
                                   {"Platt is stationary", platt_is_stationary},
                                   {"isotonic matches reference", isotonic_matches_reference},
                                   {"isotonic is min-max", isotonic_is_min_max},
                                   {"maps without rows", maps_without_rows},
                                   {"coupling recovers", coupling_recovers},
                                   {"coupling is least", coupling_is_least},
                                   {"none keeps decisions", none_keeps_decisions},
                                   {"rest is normalised", rest_is_normalised},
                                   {"goes through bags", goes_through_bags},
                                   {"refuses damage", refuses_damage},
                                   {"folds are stratified", folds_are_stratified},
                                   {"few rows make few folds", few_rows_make_few_folds},
                                   {"cross scores are from others", cross_scores_are_from_others},
                                   {"cross fails everywhere", cross_fails_everywhere},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
