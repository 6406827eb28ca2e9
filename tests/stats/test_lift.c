/* test_lift.c - satisfaction lift, lift of the top decile, PSI; values by scipy 1.17.1 (ttest_rel,
 * ttest_ind) and hand. */
#include <math.h>

#include "crm_test.h"
#include "crmpi/stats.h"

static void paired(void)
{
    static const double before[] = {3, 4, 2, 5, NAN, 3, 4, 2, 3},
                        after[] = {4, 4, 3, 5, 2, 5, 4, 3, 5};
    crm_lift l = crm_stats_lift_paired(before, after, 9);

    T_EQ_I(l.state, CRM_STATS_OK);
    T_EQ_I(l.n_before, 8);
    T_EQ_I(l.dropped, 1);
    T_NEAR(l.mean_before, 3.25, 1e-15);
    T_NEAR(l.mean_after, 4.125, 1e-15);
    T_NEAR(l.diff, 0.875, 1e-15);
    T_NEAR(l.t, 2.965614910077132, 1e-14);
    T_EQ_I(l.df, 7);
    T_NEAR(l.p, 0.020937570206924636, 1e-14);
    T_NEAR(l.ci95.lo, 0.17732134552834689, 1e-14);
    T_NEAR(l.ci95.hi, 1.5726786544716531, 1e-14);
    T_NEAR(l.relative, 26.923076923076923, 1e-14);
    T_CHECK(l.has_relative);
}

static void groups(void)
{
    static const double control[] = {3.0, 4.0, 2.5, 5.0, 3.5, 4.5},
                        treated[] = {4.0, 5.5, 4.5, 5.0, 6.0, 3.5, 5.0};
    crm_lift l = crm_stats_lift_groups(control, 6, treated, 7);

    T_EQ_I(l.state, CRM_STATS_OK);
    T_NEAR(l.t, 2.066164449649379, 1e-14);
    T_NEAR(l.df, 10.339732823900201, 1e-14);
    T_NEAR(l.p, 0.0647948827704034, 1e-14);
    T_NEAR(l.ci95.lo, -0.07623907067210123, 1e-14);
    T_NEAR(l.ci95.hi, 2.1476676421006724, 1e-14);
}

/* numpy and mpmath: the gradient of (a - b)/b times the covariance, t quantile of n - 1, of
 * Satterthwaite's df for groups. */
static void relative_lift(void)
{
    static const double before[] = {5, 6, 4, 7, NAN, 5, 6, 4, 5},
                        after[] = {6, 6, 5, 7, 2, 7, 6, 5, 7};
    static const double control[] = {4.0, 5.0, 3.5, 6.0, 4.5, 5.5},
                        treated[] = {5.0, 6.5, 5.5, 6.0, 7.0, 4.5, 6.0};
    static const double near[] = {1, -1, 2, -1}, far[] = {3, 1, 4, 2};
    double minus[9], less[9];
    crm_lift l = crm_stats_lift_paired(before, after, 9);

    T_CHECK(l.has_relative_ci);
    T_NEAR(l.relative, 16.666666666666664, 1e-14);
    T_NEAR(l.relative_ci95.lo, 1.5197235098662147, 1e-13);
    T_NEAR(l.relative_ci95.hi, 31.813609823467117, 1e-13);
    for (int i = 0; i < 9; i++) {
        minus[i] = -before[i];
        less[i] = -after[i];
    }
    l = crm_stats_lift_paired(minus, less, 9); /* by |before|: the mirror image */
    T_NEAR(l.relative_ci95.lo, -31.813609823467117, 1e-13);
    T_NEAR(l.relative_ci95.hi, -1.5197235098662147, 1e-13);
    l = crm_stats_lift_groups(control, 6, treated, 7);
    T_CHECK(l.has_relative_ci);
    T_NEAR(l.relative, 21.804511278195491, 1e-14);
    T_NEAR(l.relative_ci95.lo, -5.1080293971934087, 1e-13);
    T_NEAR(l.relative_ci95.hi, 48.717051953584395, 1e-13);
    l = crm_stats_lift_paired(near, far, 4); /* the mean before is 0.25 with an error of 0.75 */
    T_CHECK(l.has_relative && !l.has_relative_ci && l.relative_ci95.lo == l.relative);
}

static void lift_edges(void)
{
    static const double zero[] = {0, 0, 0}, one[] = {1, 1, 1};
    crm_lift l = crm_stats_lift_paired(zero, one, 3);

    T_EQ_I(l.state, CRM_STATS_DEGENERATE);
    T_CHECK(l.diff == 1 && l.p == 1 && l.t == 0 && !l.has_relative && l.relative == 0);
    T_CHECK(!l.has_relative_ci && l.relative_ci95.hi == 0);
    T_EQ_I(crm_stats_lift_paired(one, one, 3).state, CRM_STATS_OK);
    T_EQ_I(crm_stats_lift_paired(zero, one, 1).state, CRM_STATS_UNDEFINED);
    T_EQ_I(crm_stats_lift_paired(zero, one, 0).state, CRM_STATS_UNDEFINED);
    T_EQ_I(crm_stats_lift_groups(zero, 3, one, 3).state, CRM_STATS_DEGENERATE);
    T_EQ_I(crm_stats_lift_groups(one, 3, one, 2).state, CRM_STATS_OK);
    T_EQ_I(crm_stats_lift_groups(one, 3, one, 1).state, CRM_STATS_UNDEFINED);
    T_CHECK(crm_stats_lift_groups(one, 3, one, 0).p == 1);
}

/* 20 rows, 4 positives; the top tenth is 2 rows.  Row 7 (positive) leads alone; rows 3, 11, 15
 * share the next score and one of them is positive: 1 + 1/3 positives in 2 rows, rate 2/3, base
 * 1/5, lift 10/3. */
static void top_decile(void)
{
    int32_t label[21] = {0};
    double score[21] = {0};
    crm_top_lift t;

    label[7] = label[11] = label[1] = label[2] = 1;
    score[7] = 0.9;
    score[3] = score[11] = score[15] = 0.8;
    label[20] = -1;
    score[20] = 1;
    T_OK(crm_stats_top_lift(21, label, score, 10, &t));
    T_EQ_I(t.rows, 20);
    T_EQ_I(t.top, 2);
    T_NEAR(t.top_positives, 4.0 / 3, 1e-15);
    T_NEAR(t.rate, 2.0 / 3, 1e-15);
    T_NEAR(t.lift, 10.0 / 3, 1e-15);
    T_OK(crm_stats_top_lift(21, label, score, 100, &t));
    T_NEAR(t.lift, 1, 1e-15);
    T_OK(crm_stats_top_lift(21, label, score, 11, &t)); /* 2.2 rows: 3 */
    T_EQ_I(t.top, 3);
    T_NEAR(t.top_positives, 1 + 2.0 / 3, 1e-15);
}

static void top_decile_edges(void)
{
    static const int32_t none[] = {0, 0, 0}, one[] = {1};
    static const double score[] = {1, 2, 3};
    crm_top_lift t;

    T_OK(crm_stats_top_lift(3, none, score, 10, &t));
    T_EQ_I(t.state, CRM_STATS_UNDEFINED);
    T_OK(crm_stats_top_lift(0, none, score, 10, &t));
    T_EQ_I(t.state, CRM_STATS_UNDEFINED);
    T_OK(crm_stats_top_lift(1, one, score, 10, &t));
    T_CHECK(t.top == 1 && t.lift == 1);
    T_FAILS(crm_stats_top_lift(3, none, score, 0, &t), CRM_ERR_ARG, "0 %");
    T_FAILS(crm_stats_top_lift(3, none, score, 101, &t), CRM_ERR_ARG, "101 %");
}

static void psi(void)
{
    static const double p4[] = {0.25, 0.25, 0.25, 0.25}, q4[] = {0.3, 0.3, 0.2, 0.2};
    static const double q10[] = {0.08, 0.09, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.11, 0.12},
                        empty[] = {0.5, 0.5, 0, 0};
    double p10[10];

    for (int i = 0; i < 10; i++)
        p10[i] = 0.1;
    T_NEAR(crm_stats_psi(p4, q4, 4, 1e-6), 0.04054651081081642, 1e-15);
    T_NEAR(crm_stats_psi(p10, q10, 10, 1e-6), 0.0101160091167848, 1e-15);
    T_CHECK(crm_stats_psi(p4, p4, 4, 1e-6) == 0);
    T_CHECK(isfinite(crm_stats_psi(p4, empty, 4, 1e-6)));
    /* without drift, n = m = 1000, 10 bins: the 99 % point is 0.04333 */
    T_NEAR(crm_stats_psi_p(0.04333, 1000, 1000, 10), 0.01, 2e-5);
    T_CHECK(crm_stats_psi_p(0, 10, 10, 10) == 1 && crm_stats_psi_p(1, 0, 10, 10) == 1);
    T_CHECK(crm_stats_psi_p(1, 10, 10, 1) == 1);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"the same customers before and after", paired},
                                   {"control and treated group", groups},
                                   {"lift without spread or rows", lift_edges},
                                   {"top decile, expected over ties", top_decile},
                                   {"top decile, edges", top_decile_edges},
                                   {"relative lift and its interval", relative_lift},
                                   {"population stability index", psi},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
