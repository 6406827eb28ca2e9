/* test_counts.c - McNemar, Cochran Q, Wilson, Clopper-Pearson, Holm, against published values and
 * scipy 1.10.1. */
#include <math.h>

#include "crm_test.h"
#include "crmpi/stats.h"

static void mcnemar(void)
{
    static const struct {
        int b, c;
        double chi2_cc, p_cc, chi2, p, p_exact;
    } v[] = {
        {25, 15, 2.025, 0.15472892348537437, 2.5, 0.11384629800665763, 0.1538599441628321},
        /* exact: 26/4096 by hand; the documentation of mlxtend prints a stale 24/4096 */
        {11, 1, 6.75, 0.0093747684594349, 8.333333333333334, 0.003892417122778637, 0.00634765625},
        {121, 59, 20.67222222222222, 5.450094825427117e-6, 21.355555555555554, 3.815135865112594e-6,
         4.4344492637551645e-6},
    };

    for (int i = 0; i < 3; i++) {
        crm_mcnemar m = crm_stats_mcnemar(v[i].b, v[i].c);

        T_NEAR(m.chi2_cc, v[i].chi2_cc, 1e-14);
        T_NEAR(m.p_cc / v[i].p_cc, 1, 1e-12);
        T_NEAR(m.chi2, v[i].chi2, 1e-14);
        T_NEAR(m.p / v[i].p, 1, 1e-12);
        T_NEAR(m.p_exact / v[i].p_exact, 1, 1e-12);
        T_CHECK(crm_stats_mcnemar(v[i].c, v[i].b).p_exact == m.p_exact);
    }
}

static void mcnemar_edges(void)
{
    crm_mcnemar none = crm_stats_mcnemar(0, 0), even = crm_stats_mcnemar(7, 7),
                one = crm_stats_mcnemar(1, 0);

    T_CHECK(none.p == 1 && none.p_cc == 1 && none.p_exact == 1 && none.chi2 == 0);
    T_CHECK(even.p == 1 && even.p_cc == 1 && even.p_exact == 1);
    T_NEAR(one.p_exact, 1, 1e-15);
}

static void discordant(void)
{
    static const int32_t label[] = {0, 1, 1, 0, -1, 2}, a[] = {0, 1, 0, 1, 0, 2},
                         b[] = {0, 0, 1, 1, -1, 1};
    int64_t only_a, only_b;

    crm_stats_discordant(label, a, b, 6, &only_a, &only_b);
    T_EQ_I(only_a, 2);
    T_EQ_I(only_b, 1);
}

/* Kuncheva's example as in the documentation of mlxtend: Q = 7.529 (128/17), p = 0.023; first
 * two 5.333, 0.021. */
static void cochran(void)
{
    static const struct {
        int pattern, times;
    } rows[] = {{0, 3}, {1, 3}, {2, 1}, {3, 9}, {4, 2}, {6, 2}, {7, 80}};
    uint8_t three[300], two[200];
    int n = 0;
    crm_stat q;

    for (int i = 0; i < 7; i++)
        for (int j = 0; j < rows[i].times; j++, n++)
            for (int c = 0; c < 3; c++) {
                three[3 * n + c] = (uint8_t)(rows[i].pattern >> (2 - c) & 1);
                if (c < 2) two[2 * n + c] = three[3 * n + c];
            }
    T_EQ_I(n, 100);
    q = crm_stats_cochran_q(three, n, 3);
    T_NEAR(q.value, 128.0 / 17, 1e-14);
    T_NEAR(q.p, 0.023174427241061245, 1e-13);
    T_EQ_I(q.df1, 2);
    q = crm_stats_cochran_q(two, n, 2);
    T_NEAR(q.value, 5.333333333333333, 1e-14);
    T_NEAR(q.p, 0.020921335337794035, 1e-13);
    q = crm_stats_cochran_q(three + 60, 80, 3); /* the last rows: all right */
    T_CHECK(q.state == CRM_STATS_OK && q.value == 0 && q.p == 1);
    T_EQ_I(crm_stats_cochran_q(three, 0, 3).state, CRM_STATS_UNDEFINED);
    T_EQ_I(crm_stats_cochran_q(three, 10, 1).state, CRM_STATS_UNDEFINED);
}

static void intervals(void) /* Newcombe 1998, Brown, Cai & DasGupta 2001; digits by scipy 1.10.1 */
{
    static const struct {
        int x, n;
        double wilson[2], exact[2];
    } v[] = {{81,
              263,
              {0.2552885198782742, 0.36620957698280004},
              {0.2527367455852713, 0.36762192260135146}},
             {15,
              148,
              {0.0623863995307363, 0.16048724172330803},
              {0.05784401008344857, 0.161650490349479}},
             {0, 20, {0, 0.16112515805281938}, {0, 0.1684334709830853}},
             {1,
              29,
              {0.006113214292762653, 0.17175521879320288},
              {0.000872646883579922, 0.1776442954887229}}};

    for (int i = 0; i < 4; i++) {
        crm_interval w = crm_stats_wilson(v[i].x, v[i].n),
                     e = crm_stats_clopper_pearson(v[i].x, v[i].n);

        T_NEAR(w.lo, v[i].wilson[0], 1e-14);
        T_NEAR(w.hi, v[i].wilson[1], 1e-14);
        T_NEAR(e.lo, v[i].exact[0], 1e-14);
        T_NEAR(e.hi, v[i].exact[1], 1e-14);
        w = crm_stats_wilson(v[i].n - v[i].x, v[i].n); /* the mirror image */
        T_NEAR(w.hi, 1 - v[i].wilson[0], 1e-14);
    }
    T_CHECK(crm_stats_wilson(0, 0).lo == 0 && crm_stats_wilson(0, 0).hi == 1);
    T_CHECK(crm_stats_wilson(5, 5).hi == 1 && crm_stats_clopper_pearson(5, 5).hi == 1);
}

static void holm(void)
{
    static const double p[] = {0.01, 0.04, 0.03, 0.005}, adj[] = {0.03, 0.06, 0.06, 0.02};
    static const double odd[] = {0.02, NAN, 0.02}, odd_adj[] = {0.06, 1, 0.06};
    double out[4];

    crm_stats_holm(p, 4, out);
    for (int i = 0; i < 4; i++)
        T_NEAR(out[i], adj[i], 1e-16);
    crm_stats_holm(odd, 3, out);
    for (int i = 0; i < 3; i++)
        T_NEAR(out[i], odd_adj[i], 1e-16);
    crm_stats_holm(p, 1, out);
    T_NEAR(out[0], 0.01, 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"McNemar", mcnemar},
                                   {"McNemar without discordant rows", mcnemar_edges},
                                   {"discordant rows are counted", discordant},
                                   {"Cochran Q", cochran},
                                   {"Wilson and Clopper-Pearson", intervals},
                                   {"Holm", holm},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
