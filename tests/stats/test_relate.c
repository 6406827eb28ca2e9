/* test_relate.c - correlation, association and distance against scipy 1.10.1 and numpy 1.24.2 on
 * fixed inputs; orders and keys by hand. */
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "crmpi/stats_relate.h"

static const double X[12] = {3.5, -1, 2, 2, 7, 0, 2, 11, -4, 5.25, 0, 1};
static const double Y[12] = {1, 0.5, 2, 3, 3, -2, 2, 8, -1, 9, 0, 0.25};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void correlations(void) /* scipy.stats.pearsonr, spearmanr */
{
    double rho;

    T_NEAR(crm_stats_pearson(X, Y, 12), 0.8017555647242252, 1e-15);
    T_OK(crm_stats_spearman(X, Y, 12, &rho));
    T_NEAR(rho, 0.8566492441029666, 1e-15);
    T_NEAR(crm_stats_pearson(X, X, 12), 1, 0);
}

static void correlations_of_little(void)
{
    static const double c[3] = {4, 4, 4}, bad[3] = {1, NAN, 2};
    double rho;

    T_CHECK(isnan(crm_stats_pearson(c, X, 3)) && isnan(crm_stats_pearson(X, Y, 1)));
    T_OK(crm_stats_spearman(X, c, 3, &rho));
    T_CHECK(isnan(rho));
    T_OK(crm_stats_spearman(X, Y, 0, &rho));
    T_CHECK(isnan(rho));
    T_FAILS(crm_stats_spearman(X, bad, 3, &rho), CRM_ERR_NUMERIC, "value 1 is NaN");
}

static void midranks(void) /* scipy.stats.rankdata: 9 2 7 7 11 3.5 7 12 1 10 3.5 5 */
{
    static const uint32_t order[12] = {8, 1, 5, 10, 11, 2, 3, 6, 0, 9, 4, 7};
    static const double twice[12] = {18, 4, 14, 14, 22, 7, 14, 24, 2, 20, 7, 10};
    double r[12];

    crm_stats_midranks2(X, order, 12, r);
    for (int i = 0; i < 12; i++)
        T_NEAR(r[i], twice[i], 0);
}

static void quantiles(void) /* numpy.quantile */
{
    static const double p[5] = {.05, .25, .5, .75, .95};
    static const double q[5] = {-2.35, 0, 2, 3.9375, 8.8};
    double s[12];

    memcpy(s, X, sizeof s);
    qsort(s, 12, sizeof *s, by_value);
    for (int i = 0; i < 5; i++)
        T_NEAR(crm_stats_quantile_sorted(s, 12, p[i]), q[i], 1e-15);
    T_NEAR(crm_stats_quantile_sorted(s, 12, 1), 11, 0);
    T_NEAR(crm_stats_quantile_sorted(s, 1, .75), -4, 0);
    T_CHECK(isnan(crm_stats_quantile_sorted(s, 0, .5)));
    T_EQ_I(crm_stats_distinct_sorted(s, 12), 9);
}

static void keys(void)
{
    static const double v[] = {-INFINITY, -1e300, -2, -1e-310, 0, 1e-310, 1, 1.5, INFINITY};

    for (int i = 0; i + 1 < 9; i++)
        T_CHECK(crm_stats_key(v[i]) < crm_stats_key(v[i + 1]));
    for (int i = 0; i < 9; i++)
        T_CHECK(crm_stats_key_value(crm_stats_key(v[i])) == v[i]);
    T_CHECK(crm_stats_key(-0.0) == crm_stats_key(0.0));
    T_CHECK(crm_stats_key(NAN) == UINT64_MAX && isnan(crm_stats_key_value(UINT64_MAX)));
}

static void sorts(void)
{
    enum { N = 5000 };
    uint64_t *v, *spare, state = 7;

    v = crm_mem_new(2 * N, sizeof *v);
    if (!v) return;
    spare = v + N;
    for (int i = 0; i < N; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        v[i] = (state >> 40 << 32) | (uint64_t)i;
    }
    crm_stats_sort_keys(v, spare, N, 32);
    for (int i = 0; i + 1 < N; i++)
        T_CHECK(v[i] < v[i + 1]); /* equal high halves stay in the order of the low ones */
    crm_mem_free(v);
}

static void cramer(void) /* scipy.stats.contingency.association; Bergsma's formula in numpy */
{
    static const int64_t t[] = {10, 20, 30, 6, 9, 17, 40, 5, 2, 0, 3, 8};
    static const int64_t weak[] = {10, 11, 12, 11};
    static const int64_t gaps[] = {10, 0, 11, 0, 0, 0, 12, 0, 11}; /* weak with empty lines */
    crm_cramer v = crm_stats_cramer(t, 4, 3);

    T_EQ_I(v.n, 150);
    T_NEAR(v.chi2, 70.2004058343294, 1e-14);
    T_NEAR(v.plain, 0.4837368631612625, 1e-14);
    T_NEAR(v.corrected, 0.465593042678222, 1e-14);
    v = crm_stats_cramer(weak, 2, 2);
    T_NEAR(v.plain, 0.045501575519329006, 1e-13);
    T_NEAR(v.corrected, 0, 0);
    v = crm_stats_cramer(gaps, 3, 3);
    T_EQ_I(v.rows, 2);
    T_EQ_I(v.cols, 2);
    T_NEAR(v.plain, 0.045501575519329006, 1e-13);
    T_CHECK(isnan(crm_stats_cramer(t, 1, 3).plain));
}

static void distances(void) /* scipy.stats.ks_2samp; the sum of the PSI in numpy, floor 1e-4 */
{
    static const int64_t a[] = {10, 20, 30, 40, 0}, b[] = {15, 15, 30, 30, 10}, none[5];
    double x[12], y[12];

    memcpy(x, X, sizeof x);
    memcpy(y, Y, sizeof y);
    qsort(x, 12, sizeof *x, by_value);
    qsort(y, 12, sizeof *y, by_value);
    T_NEAR(crm_stats_ks_distance(x, 12, y, 12), 0.16666666666666666, 1e-15);
    T_NEAR(crm_stats_ks_distance(x, 6, x + 8, 4), 1, 0); /* apart: nothing in common */
    T_CHECK(isnan(crm_stats_ks_distance(x, 0, y, 12)));
    T_NEAR(crm_stats_psi_counts(a, b, 5, 1e-4), 0.7535103186434909, 1e-14);
    T_NEAR(crm_stats_psi_counts(a, a, 5, 1e-4), 0, 0);
    T_CHECK(isnan(crm_stats_psi_counts(a, none, 5, 1e-4)));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"correlations", correlations},
                                   {"correlations of little", correlations_of_little},
                                   {"midranks", midranks},
                                   {"quantiles", quantiles},
                                   {"keys", keys},
                                   {"sorts", sorts},
                                   {"Cramer's V", cramer},
                                   {"distances", distances},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
