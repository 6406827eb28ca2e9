/* test_ttest.c - t tests, Bayesian reading, 5x2cv, mean with interval, verdicts, against published
 * numbers and against scipy 1.10.1 (p values and intervals recomputed with mpmath at 30 digits). */
#include <math.h>

#include "crm_test.h"
#include "crmpi/stats.h"

enum { COUNT_MAX = 100 };

/* R, t.test(extra ~ group, data = sleep, paired = TRUE): t = -4.0621, df 9, p 0.002833. */
static const double SLEEP_X[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
static const double SLEEP_Y[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
/* First ten scores of "sonar", naive Bayes and J48, as in the documentation of baycomp. */
static const double NBC[] = {94.203, 92.754, 95.652, 91.176, 92.647,
                             91.176, 92.647, 92.647, 86.765, 91.176};
static const double J48[] = {92.754, 92.754, 89.855, 89.706, 95.588,
                             89.706, 95.588, 94.118, 91.176, 92.647};

/* The ends by mpmath 1.4.1 at 40 digits, and as printed.  The printed ends rest on qt(0.975, 9)
 * = 2.262157162740992 of R and of scipy 1.10, whose tail is off by 5e-12; the quantile
 * is 2.262157162798206. */
static void check_interval(crm_interval i, double lo, double hi, double printed_lo,
                           double printed_hi)
{
    T_NEAR(i.lo, lo, 1e-14);
    T_NEAR(i.hi, hi, 1e-14);
    T_NEAR(i.lo, printed_lo, 1e-10);
    T_NEAR(i.hi, printed_hi, 1e-10);
}

static void sleep_data(void)
{
    crm_ttest naive = crm_stats_ttest_pairs(SLEEP_X, SLEEP_Y, 10, 0);
    crm_ttest nb = crm_stats_ttest_pairs(SLEEP_X, SLEEP_Y, 10, 1.0 / 9);

    T_EQ_I(naive.state, CRM_STATS_OK);
    T_EQ_I(naive.n, 10);
    T_EQ_I(naive.df, 9);
    T_NEAR(naive.t, -4.062127683382037, 1e-13);
    T_NEAR(naive.p, 0.00283289019738427, 1e-14);
    check_interval(naive.ci95, -2.45988576327698272, -0.700114236723017286, -2.459885763254729,
                   -0.7001142367452712);
    T_NEAR(nb.t, -2.7957480106770447, 1e-13);
    T_NEAR(nb.p, 0.0208570229576868, 1e-13);
    check_interval(nb.ci95, -2.85844437466150638, -0.301555625338493622, -2.8584443746291726,
                   -0.3015556253708278);
    T_NEAR(nb.t / naive.t, 0.688247, 5e-7); /* the published shrink factor of 10 folds */
}

static void baycomp_sonar(void)
{
    double d[10];
    crm_bayes b;
    crm_ttest nb, naive;

    for (int i = 0; i < 10; i++)
        d[i] = J48[i] - NBC[i];
    nb = crm_stats_ttest(d, 10, 1.0 / 9);
    naive = crm_stats_ttest(d, 10, 0);
    T_NEAR(nb.mean, 0.3049, 1e-13);
    T_NEAR(nb.sd * nb.sd, 8.908948322222203, 1e-13);
    T_NEAR(naive.t, 0.3230310019685184, 1e-13);
    T_NEAR(naive.p, 0.754050602719634, 1e-13);
    T_NEAR(nb.t, 0.2223251831386516, 1e-13);
    T_NEAR(nb.p, 0.829023995012292, 1e-13);
    check_interval(nb.ci95, -2.79745533914762086, 3.40725533914761649, -2.797455339069157,
                   3.4072553390691525);
    b = crm_stats_bayes_t(d, 10, 0.1, 0);
    T_NEAR(b.worse, 0.4145119975061462, 1e-13);
    T_NEAR(b.better, 0.5854880024938538, 1e-13);
    b = crm_stats_bayes_t(d, 10, 0.1, 0.5);
    T_NEAR(b.worse, 0.28584464173791, 1e-13);
    T_NEAR(b.rope, 0.2691518716880249, 1e-13);
    T_NEAR(b.better, 0.4450034865740651, 1e-13);
    b = crm_stats_bayes_t(d, 10, 0.1, 1);
    T_NEAR(b.worse, 0.1831014652216406, 1e-13);
    T_NEAR(b.rope, 0.504675958521125, 1e-13);
    T_NEAR(b.better, 0.3122225762572344, 1e-13);
}

/* scikit-learn 1.2.1, plot_grid_search_stats.py: rbf - linear, 10 x 10 folds; its p values are
 * one-sided. */
static void moons_10x10(void)
{
    static const struct {
        double d;
        int times;
    } runs[] = {{-0.12, 1}, {-0.08, 2}, {-0.04, 10}, {0, 53}, {0.04, 29}, {0.08, 4}, {0.2, 1}};
    double d[COUNT_MAX];
    int n = 0;
    crm_ttest t;
    crm_bayes b;

    for (int i = 0; i < 7; i++)
        for (int j = 0; j < runs[i].times; j++)
            d[n++] = runs[i].d;
    T_EQ_I(n, 100);
    t = crm_stats_ttest(d, n, 0);
    T_NEAR(t.mean, 0.01, 1e-15);
    T_NEAR(t.t, 2.6111648393354643, 1e-13);
    T_NEAR(t.p, 2 * 0.00521301315039, 1e-13);
    t = crm_stats_ttest(d, n, 10.0 / 90);
    T_NEAR(t.t, 0.7503126954482318, 1e-13);
    T_NEAR(t.p, 2 * 0.227422971013, 2e-12);
    b = crm_stats_bayes_t(d, n, 0.1, 0);
    T_NEAR(b.better, 0.7725770289866336, 1e-13);
    T_NEAR(crm_stats_bayes_t(d, n, 0.1, 0.01).rope, 0.43168245824269985, 1e-13);
}

/* mlxtend's test suite: t = 22.277. */
static void iris_10_folds(void)
{
    static const int a15[] = {15, 15, 15, 15, 14, 13, 15, 13, 13, 14},
                     b15[] = {0, 0, 0, 5, 0, 0, 5, 0, 0, 0};
    double a[10], b[10];
    crm_ttest t;

    for (int i = 0; i < 10; i++) {
        a[i] = a15[i] / 15.0;
        b[i] = b15[i] / 15.0;
    }
    t = crm_stats_ttest_pairs(a, b, 10, 0);
    T_NEAR(t.t, 22.276740438335285, 1e-13);
    T_NEAR(t.p * 1e9, 3.50162295608655, 1e-12);
    t = crm_stats_ttest_pairs(a, b, 10, 1.0 / 9);
    T_NEAR(t.t, 15.331904267714126, 1e-13);
    T_NEAR(t.p * 1e8, 9.32685890317712, 1e-12);
}

static void model_mean(void) /* scipy 1.17.1: mean -+ t.ppf(0.975, 4) sqrt((1/5 + 1/4) var) */
{
    static const double folds[] = {0.81, 0.79, 0.84, 0.80, 0.78};
    crm_ttest t = crm_stats_ttest(folds, 5, 0.25);

    T_NEAR(t.mean, 0.804, 1e-15);
    T_NEAR(t.ci95.lo, 0.7611221221351947, 1e-14);
    T_NEAR(t.ci95.hi, 0.8468778778648054, 1e-14);
}

static bool all_finite(const crm_ttest *t)
{
    return isfinite(t->mean) && isfinite(t->sd) && isfinite(t->se) && isfinite(t->t) &&
           isfinite(t->df) && isfinite(t->p) && isfinite(t->ci95.lo) && isfinite(t->ci95.hi);
}

static void check_edge(const double *a, const double *b, int n, crm_stats_state state, int used)
{
    crm_ttest t = crm_stats_ttest_pairs(a, b, n, 0.25);

    T_EQ_I(t.state, state);
    T_EQ_I(t.n, used);
    T_EQ_I(t.dropped, n - used);
    T_CHECK(all_finite(&t));
    T_CHECK(t.p == 1 && t.t == 0);
}

static void no_spread(void)
{
    static const double same[] = {0.9, 0.8, 0.7, 0.6, 0.5}, less[] = {0.8, 0.7, 0.6, 0.5, 0.4};
    static const double third[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    double other[5];

    check_edge(same, same, 5, CRM_STATS_OK, 5);
    /* every difference is 0.1, but for rounding: no t of 1e15 may come of it */
    T_CHECK(same[0] - less[0] != same[1] - less[1]);
    check_edge(same, less, 5, CRM_STATS_DEGENERATE, 5);
    check_edge(third, NULL, 10, CRM_STATS_DEGENERATE, 10);
    for (int i = 0; i < 5; i++)
        other[i] = same[i] * (1 + 0x1p-52);
    check_edge(other, same, 5, CRM_STATS_OK, 5);
    T_EQ_I(crm_stats_bayes_t(third, 10, 0.1, 0.01).state, CRM_STATS_DEGENERATE);
    T_CHECK(crm_stats_bayes_t(third, 10, 0.1, 0.01).better == 1);
    T_CHECK(crm_stats_bayes_t(third, 10, 0.1, 0.2).rope == 1);
}

static void undefined_folds(void)
{
    static const double a[] = {0.9, NAN, 0.7, 0.8, INFINITY}, b[] = {0.8, 0.7, NAN, 0.5, 0.1};
    static const double one[] = {NAN, 0.25, NAN};
    crm_ttest t = crm_stats_ttest_pairs(a, b, 5, 0);

    T_EQ_I(t.n, 2); /* differences 0.1 and 0.3: mean 0.2, S^2 = 0.02, t = 0.2 / sqrt(0.01) = 2 */
    T_EQ_I(t.dropped, 3);
    T_NEAR(t.t, 2, 1e-14);
    check_edge(one, NULL, 3, CRM_STATS_UNDEFINED, 1);
    check_edge(one, NULL, 1, CRM_STATS_UNDEFINED, 0);
    check_edge(one, NULL, 0, CRM_STATS_UNDEFINED, 0);
    T_NEAR(crm_stats_ttest(one, 3, 0).mean, 0.25, 0);
    T_EQ_I(crm_stats_bayes_t(one, 3, 0.1, 0).state, CRM_STATS_UNDEFINED);
}

/* Differences in units of 1/unit. */
static void check_5x2(const double d10[10], double unit, double t, double p_t, double f, double p_f)
{
    double d[10];
    crm_stat s;

    for (int i = 0; i < 10; i++)
        d[i] = d10[i] / unit;
    s = crm_stats_5x2_t(d);
    T_EQ_I(s.state, CRM_STATS_OK);
    T_NEAR(s.value, t, 1e-13);
    T_NEAR(s.p, p_t, 1e-13);
    s = crm_stats_5x2_f(d);
    T_NEAR(s.value, f, 1e-13);
    T_NEAR(s.p, p_f, 1e-13);
    T_EQ_I(s.df1, 10);
    T_EQ_I(s.df2, 5);
}

static void five_by_two(void)
{
    /* mlxtend's test suite: t = 0, p = 1, F = 1.14, p = 0.47; t = 7.269, F = 59.587 */
    static const double tree[] = {0, 0, 3, -2, 1, 2, 1, 2, 1, 5},
                        stump[] = {24, 26, 26, 20, 25, 33, 24, 25, 24, 26};
    static const double hand[] = {31, 12, -8, 25, 40, -4, 11, -19, 27, 18};
    double d[10] = {0};

    check_5x2(tree, 75, 0, 1, 49.0 / 43, 0.470462947812444);
    check_5x2(stump, 75, 7.269390393784586, 0.0007701198372066762, 6495.0 / 109,
              0.00014469995171312577);
    check_5x2(hand, 1000, 1.4834403845112552, 0.19807021753588946, 1.1323563086787267,
              0.4735526249896028);
    T_EQ_I(crm_stats_5x2_t(d).state, CRM_STATS_OK);
    T_CHECK(crm_stats_5x2_t(d).p == 1 && crm_stats_5x2_f(d).p == 1);
    for (int i = 0; i < 10; i++)
        d[i] = 0.1;
    T_EQ_I(crm_stats_5x2_t(d).state, CRM_STATS_DEGENERATE);
    T_EQ_I(crm_stats_5x2_f(d).state, CRM_STATS_DEGENERATE);
    d[3] = NAN;
    T_EQ_I(crm_stats_5x2_t(d).state, CRM_STATS_UNDEFINED);
    T_EQ_I(crm_stats_5x2_f(d).state, CRM_STATS_UNDEFINED);
}

/* scores .81 .79 .84 .80 .78 and .80 .79 .80 .81 .75: differences .01 0 .04 -.01 .03, mean / sd by
 * numpy; three of them are won, one tied. */
static void effects(void)
{
    static const double a[] = {.81, .79, .84, .80, .78, NAN}, b[] = {.80, .79, .80, .81, .75, .5};
    static const double same[] = {0.9, 0.8, 0.7}, less[] = {0.8, 0.7, 0.6};
    crm_effect e = crm_stats_effect(a, b, 6, 1);

    T_CHECK(e.state == CRM_STATS_OK && e.n == 5 && e.dropped == 1);
    T_NEAR(e.d, 0.67513995103857694, 1e-13);
    T_CHECK(e.wins == 3 && e.ties == 1 && e.losses == 1);
    e = crm_stats_effect(a, b, 6, -1);
    T_CHECK(e.wins == 1 && e.ties == 1 && e.losses == 3 && e.d > 0);
    e = crm_stats_effect(same, less, 3, 1);
    T_CHECK(e.state == CRM_STATS_DEGENERATE && e.d == 0 && e.wins == 3);
    e = crm_stats_effect(same, same, 3, 1);
    T_CHECK(e.state == CRM_STATS_OK && e.d == 0 && e.ties == 3);
    e = crm_stats_effect(a, b, 1, 1);
    T_CHECK(e.state == CRM_STATS_UNDEFINED && e.wins == 1);
    e = crm_stats_effect(a, b, 0, 1);
    T_CHECK(e.state == CRM_STATS_UNDEFINED && e.wins + e.ties + e.losses == 0);
    T_CHECK(crm_stats_bayes_t_pairs(same, less, 3, 0.1, 0.01).state == CRM_STATS_DEGENERATE);
}

static void verdicts(void)
{
    crm_ttest t = {.state = CRM_STATS_OK, .mean = 0.1};

    T_EQ_I(crm_stats_verdict(&t, 0.01, 0.05, 1), CRM_VERDICT_BETTER);
    T_EQ_I(crm_stats_verdict(&t, 0.01, 0.05, -1), CRM_VERDICT_WORSE);
    T_EQ_I(crm_stats_verdict(&t, 0.05, 0.05, 1), CRM_VERDICT_NO_DIFFERENCE);
    T_EQ_I(crm_stats_verdict(&t, NAN, 0.05, 1), CRM_VERDICT_NO_DIFFERENCE);
    t.mean = -0.1;
    T_EQ_I(crm_stats_verdict(&t, 0.01, 0.05, 1), CRM_VERDICT_WORSE);
    t.state = CRM_STATS_DEGENERATE;
    T_EQ_I(crm_stats_verdict(&t, 0.01, 0.05, 1), CRM_VERDICT_DEGENERATE);
    t.state = CRM_STATS_UNDEFINED;
    T_EQ_I(crm_stats_verdict(&t, 0.01, 0.05, 1), CRM_VERDICT_TOO_FEW);
    T_CHECK(strcmp(crm_verdict_names[CRM_VERDICT_NO_DIFFERENCE], "no significant difference") == 0);
    T_CHECK(strcmp(crm_verdict_names[CRM_VERDICT_TOO_FEW], "too few folds") == 0);
    T_CHECK(strcmp(crm_stats_state_names[CRM_STATS_DEGENERATE], "degenerate") == 0);
}

static void sums(void)
{
    static double x[1000];

    for (int i = 0; i < 1000; i++)
        x[i] = i + 1;
    T_CHECK(crm_stats_sum(x, 0) == 0);
    T_CHECK(crm_stats_sum(x, 1000) == 500500);
    T_CHECK(crm_stats_sum(x, 129) == 129 * 65);
    T_NEAR(crm_stats_mean(x, 1000), 500.5, 0);
    T_NEAR(crm_stats_variance(x, 1000), 1001 * 1000 / 12.0, 1e-14); /* n (n + 1) / 12 */
    T_CHECK(isnan(crm_stats_mean(x, 0)) && isnan(crm_stats_variance(x, 1)));
    for (int i = 0; i < 10; i++)
        x[i] = 0.1;
    T_CHECK(crm_stats_mean(x, 10) == 0.1 && crm_stats_variance(x, 10) == 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"sleep data, naive and corrected", sleep_data},
                                   {"sonar of baycomp, corrected and Bayesian", baycomp_sonar},
                                   {"moons, 10 x 10 folds", moons_10x10},
                                   {"iris, 10 folds", iris_10_folds},
                                   {"mean of one model with corrected interval", model_mean},
                                   {"no spread: p 1 or degenerate, never inf", no_spread},
                                   {"undefined folds are dropped", undefined_folds},
                                   {"5x2cv t and F", five_by_two},
                                   {"size of a difference", effects},
                                   {"verdicts", verdicts},
                                   {"sums, mean, variance", sums},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
