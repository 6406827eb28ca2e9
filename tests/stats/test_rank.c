/* test_rank.c - Wilcoxon, Friedman, Nemenyi, DeLong against published values and scipy. */
#include <math.h>

#include "crm_test.h"
#include "crmpi/stats.h"

static void wilcoxon_demsar(void) /* Demsar 2006, section 3.1.3: R+ 93, R- 12 */
{
    static const double d[] = {0.005, -0.008, 0.017, 0.033, 0.006, -0.005, 0.007,
                               0,     0.063,  0,     0.022, 0.047, 0.009,  0.021};
    crm_wilcoxon w;

    T_OK(crm_stats_wilcoxon(d, 14, &w));
    T_EQ_I(w.n, 14);
    T_NEAR(w.r_plus, 93, 0);
    T_NEAR(w.r_minus, 12, 0);
    T_NEAR(w.z, -2.542447523326095, 1e-14);
    T_CHECK(w.exact && w.p_exact < 0.02 && w.p_exact > 0.005);
}

/* scipy 1.10.1: W = 24, p = 0.0412597656 (no ties); tied cases: all sign patterns counted one by
 * one, the first also by scipy 1.17.1 with PermutationMethod. */
static void wilcoxon_exact(void)
{
    static const struct {
        int n;
        double d[15], plus, minus, p;
    } v[] = {
        {15, {6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75}, 96, 24, 0.041259765625},
        {10, {1, 1, -2, 3, 3, -3, 5, 6, 7, -8}, 37, 18, 0.361328125},
        {10, {0, 0, 0, 2, -1, 3, 3, 4, 5, -2}, 36, 9, 0.125},
        {2, {0, 0}, 1.5, 1.5, 1},
        {1, {3}, 1, 0, 1}};
    crm_wilcoxon w;

    for (int i = 0; i < 5; i++) {
        T_OK(crm_stats_wilcoxon(v[i].d, v[i].n, &w));
        T_EQ_I(w.state, CRM_STATS_OK);
        T_NEAR(w.r_plus, v[i].plus, 0);
        T_NEAR(w.r_minus, v[i].minus, 0);
        T_NEAR(w.p_exact, v[i].p, 1e-15);
    }
}

static void wilcoxon_edges(void)
{
    static const double d[] = {NAN, 0, INFINITY};
    double many[60];
    crm_wilcoxon w;

    T_OK(crm_stats_wilcoxon(d, 3, &w)); /* the one zero is odd and left out */
    T_EQ_I(w.state, CRM_STATS_UNDEFINED);
    T_EQ_I(w.dropped, 2);
    T_CHECK(w.p_exact == 1 && w.p_normal == 1);
    T_OK(crm_stats_wilcoxon(d, 0, &w));
    T_EQ_I(w.state, CRM_STATS_UNDEFINED);
    T_FAILS(crm_stats_wilcoxon(d, -1, &w), CRM_ERR_ARG, "-1");
    for (int i = 0; i < 60; i++)
        many[i] = i + 1;
    T_OK(crm_stats_wilcoxon(many, 60,
                            &w)); /* z = -sqrt(n (n + 1) 6 / (4 (2 n + 1))) when one sum is 0 */
    T_CHECK(!w.exact && w.p_exact == w.p_normal);
    T_NEAR(w.z, -sqrt(60 * 61 * 6 / (4 * 121.0)), 1e-14);
    T_OK(crm_stats_wilcoxon(many, 50, &w));
    T_CHECK(w.exact);
    T_NEAR(w.p_exact / 0x1p-49, 1, 1e-15); /* two of 2^50 patterns */
}

/* .3 - .2, .4 - .3 and .5 - .4 are equal but for rounding: one tie group, not an order by the last
 * bit.  Differences of ranks 2 2 2 and -4: R+ 6, R- 4; signs with a sum of at most 4: 0; one 2 (3
 * ways); two 2 (3); 4 (1): 8 of 16, twice is 1. */
static void wilcoxon_rounding(void)
{
    static const double a[] = {.3, .4, .5, .1}, b[] = {.2, .3, .4, .9};
    crm_wilcoxon w;

    T_CHECK(a[0] - b[0] != a[1] - b[1]);
    T_OK(crm_stats_wilcoxon_pairs(a, b, 4, &w));
    T_NEAR(w.r_plus, 6, 0);
    T_NEAR(w.r_minus, 4, 0);
    T_NEAR(w.p_exact, 1, 1e-15);
    T_FAILS(crm_stats_wilcoxon_pairs(a, b, -1, &w), CRM_ERR_ARG, "-1 pairs");
}

/* Demsar 2006, section 3.2.2: chi2 9.28, F 3.69, CD 1.25 (q printed as 2.569, so three digits). */
static void friedman_demsar(void)
{
    static const double sums[] = {44, 28, 40.5, 27.5};
    crm_friedman f = crm_stats_friedman_ranks(sums, 14, 4);

    T_EQ_I(f.state, CRM_STATS_OK);
    T_NEAR(f.chi2, 9.278571428571437, 2e-15);
    T_NEAR(f.p_chi2, 0.025807496707063185, 1e-14);
    T_NEAR(f.f, 3.686313032089068, 4e-15);
    T_NEAR(f.p_f, 0.01982300619224907, 1e-14);
    T_EQ_I(f.df1, 3);
    T_EQ_I(f.df2, 39);
    T_NEAR(f.cd, 1.2535436437023908, 2e-5);
    T_NEAR(f.cd, 2.569031772546482 * sqrt(20 / 84.0), 1e-9); /* q by scipy 1.17.1, df 1e7 */
    T_NEAR(crm_stats_f_tail(2.8450678052793514, 3, 39), 0.05, 1e-13);
}

static void nemenyi_table(void) /* Demsar 2006, table 5a (q of k = 3 prints 2.343 or 2.344) */
{
    static const double q[] = {1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164};

    for (int k = 2; k <= 10; k++)
        T_NEAR(crm_stats_range_quantile(0.05, k) / sqrt(2), q[k - 2], 5e-4);
}

static void friedman_scores(void)
{
    /* scipy's example: 10.571428, p 0.005063 */
    static const double abc[] = {72, 120, 76,  96, 120, 95, 88, 132, 104, 92, 120,
                                 96, 74,  101, 84, 76,  96, 72, 82,  112, 76};
    /* with ties: scipy 1.17.1 friedmanchisquare 5.285714, p 0.0711577 */
    static const double tied[] = {.9, .8, .7, .8, .8, .6, .7, .9, .7, .95, .9, .85, .6, .6, .6};
    double ranks[3];
    crm_friedman f;

    T_OK(crm_stats_friedman(abc, 7, 3, NULL, &f));
    T_NEAR(f.chi2, 10.57142857142857, 1e-14);
    T_NEAR(f.p_chi2, 0.005063414171757498, 1e-14);
    T_OK(crm_stats_friedman(tied, 5, 3, ranks, &f));
    T_NEAR(f.chi2, 5.28571428571429, 1e-14);
    T_NEAR(f.p_chi2, 0.07115767120808178, 1e-14);
    T_NEAR(ranks[0], 1 + 1.5 + 2.5 + 1 + 2, 0);
    T_NEAR(ranks[1], 2 + 1.5 + 1 + 2 + 2, 0);
}

static void friedman_edges(void)
{
    static const double same[] = {1, 1, 1, 1}, agreed[] = {3, 2, 1, 9, 5, 2, 7, 6, 5},
                        bad[] = {1, NAN, 2, 3};
    crm_friedman f;

    T_OK(crm_stats_friedman(same, 2, 2, NULL, &f));
    T_CHECK(f.state == CRM_STATS_OK && f.p_chi2 == 1 && f.p_f == 1);
    T_OK(
        crm_stats_friedman(agreed, 3, 3, NULL, &f)); /* chi2 = n (k - 1) = 6: F would be infinite */
    T_EQ_I(f.state, CRM_STATS_DEGENERATE);
    T_NEAR(f.chi2, 6, 1e-15);
    T_NEAR(f.p_chi2, exp(-3), 1e-15);
    T_CHECK(f.f == 0 && f.p_f == f.p_chi2);
    T_OK(crm_stats_friedman(agreed, 1, 3, NULL, &f));
    T_EQ_I(f.state, CRM_STATS_UNDEFINED);
    T_OK(crm_stats_friedman(agreed, 0, 3, NULL, &f));
    T_EQ_I(f.state, CRM_STATS_UNDEFINED);
    T_FAILS(crm_stats_friedman(bad, 2, 2, NULL, &f), CRM_ERR_ARG, "data set 0, model 1");
}

/* Worked by hand in fractions, with ties. */
static const int32_t LABEL[] = {1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0};
static const double SCORE_A[] = {0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.6, 0.3, 0.2, 0.7, 0.1};
static const double SCORE_B[] = {0.85, 0.6, 0.65, 0.7, 0.4, 0.45, 0.55, 0.35, 0.6, 0.5, 0.2};

static void delong_hand(void)
{
    crm_delong d, back;
    double se = sqrt(89.0 / 7200 + 7.0 / 360 - 2 * 67.0 / 9000), diff = 13.0 / 15 - 17.0 / 20;

    T_OK(crm_stats_delong(LABEL, SCORE_A, SCORE_B, 11, &d));
    T_EQ_I(d.state, CRM_STATS_OK);
    T_NEAR(d.auc_a, 13.0 / 15, 1e-16);
    T_NEAR(d.auc_b, 17.0 / 20, 1e-16);
    T_NEAR(d.var_a, 89.0 / 7200, 1e-16);
    T_NEAR(d.var_b, 7.0 / 360, 1e-16);
    T_NEAR(d.cov, 67.0 / 9000, 1e-16);
    T_NEAR(d.z, 0.12814195740641493, 1e-14);
    T_NEAR(d.p, 0.8980366325213072, 1e-14);
    T_NEAR(d.ci95.lo, diff - 1.959963984540054 * se, 1e-14);
    T_NEAR(d.ci95.hi, diff + 1.959963984540054 * se, 1e-14);
    T_OK(crm_stats_delong(LABEL, SCORE_B, SCORE_A, 11, &back));
    T_CHECK(back.z == -d.z && back.p == d.p);
}

static void delong_edges(void)
{
    static const int32_t few[] = {1, 0, 0, -1}, wrong[] = {1, 2};
    static const double s[] = {0.9, 0.1, 0.2, NAN}, nan_score[] = {NAN, 0.5};
    static const int32_t half[] = {1, 1, 0, 0};
    static const double perfect[] = {4, 3, 2, 1}, reverse[] = {1, 2, 3, 4};
    crm_delong d;

    T_OK(crm_stats_delong(few, s, s, 4, &d)); /* one positive; the NaN has no label */
    T_EQ_I(d.state, CRM_STATS_UNDEFINED);
    T_CHECK(d.p == 1);
    T_OK(crm_stats_delong(few, s, s, 0, &d));
    T_EQ_I(d.state, CRM_STATS_UNDEFINED);
    T_OK(crm_stats_delong(LABEL, SCORE_A, SCORE_A, 11, &d));
    T_CHECK(d.state == CRM_STATS_OK && d.p == 1 && d.z == 0);
    T_OK(crm_stats_delong(half, perfect, reverse, 4,
                          &d)); /* AUC 1 against 0, both without variance */
    T_EQ_I(d.state, CRM_STATS_DEGENERATE);
    T_CHECK(d.diff == 1 && d.p == 1 && d.z == 0);
    T_FAILS(crm_stats_delong(wrong, s, s, 2, &d), CRM_ERR_ARG, "label 2 of row 1");
    T_FAILS(crm_stats_delong(few, nan_score, s, 2, &d), CRM_ERR_NUMERIC, "row 0");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"Wilcoxon of Demsar", wilcoxon_demsar},
                                   {"Wilcoxon, exact p", wilcoxon_exact},
                                   {"Wilcoxon, edges", wilcoxon_edges},
                                   {"Wilcoxon of pairs that differ by rounding", wilcoxon_rounding},
                                   {"Friedman and Nemenyi of Demsar", friedman_demsar},
                                   {"q of Nemenyi", nemenyi_table},
                                   {"Friedman from scores", friedman_scores},
                                   {"Friedman, edges", friedman_edges},
                                   {"DeLong by hand, with ties", delong_hand},
                                   {"DeLong, edges", delong_edges},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
