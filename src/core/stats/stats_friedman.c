/* stats_friedman.c - Friedman (1937), Iman & Davenport (1980) and the critical difference of
 * Nemenyi (1963), as set out by Demsar (2006), for models over several data sets or segments.
 *
 * chi2 = 12 / (n k (k + 1)) sum (R_j - n (k + 1)/2)^2 / C, C = 1 - sum (t^3 - t) / (n (k^3 - k))
 * over tie groups of size t.  F = (n - 1) chi2 / (n (k - 1) - chi2), df k - 1 and (k - 1)(n - 1).
 * CD = q(0.05, k) / sqrt(2) sqrt(k (k + 1) / (6 n)), q of the studentised range with infinite df.
 */
#include <math.h>
#include <string.h>

#include "crmpi/stats_dist.h"
#include "crmpi/stats_test.h"
#include "stats_impl.h"

static double critical_difference(int64_t n, int k)
{
    return crm_stats_range_quantile(0.05, k) * sqrt(k * (k + 1.0) / (12 * (double)n));
}

/* ss = sum of squared deviations of the rank sums from their common mean. */
static crm_friedman finish(double ss, int64_t rows, int k, double correction)
{
    crm_friedman r = {.state = CRM_STATS_UNDEFINED, .n = rows, .k = k, .p_chi2 = 1, .p_f = 1};
    double n = (double)rows, rest;

    if (rows < 2 || k < 2) return r;
    r.state = CRM_STATS_OK;
    r.df1 = k - 1;
    r.df2 = (k - 1) * (n - 1);
    r.cd = critical_difference(rows, k);
    if (!(correction > 0)) return r; /* all scores tied everywhere */
    r.chi2 = 12 * ss / (n * k * (k + 1.0)) / correction;
    r.p_chi2 = crm_stats_chi2_tail(r.chi2, r.df1);
    r.p_f = r.p_chi2;
    rest = n * r.df1 - r.chi2;
    if (rest <= crm_stats_noise(n * r.df1)) {
        r.state = CRM_STATS_DEGENERATE;
        return r;
    }
    r.f = (n - 1) * r.chi2 / rest;
    r.p_f = crm_stats_f_tail(r.f, r.df1, r.df2);
    return r;
}

crm_friedman crm_stats_friedman_ranks(const double *rank_sum, int64_t n, int k)
{
    double ss = 0;

    for (int j = 0; j < k; j++) {
        double e = rank_sum[j] - (double)n * (k + 1) / 2;

        ss += e * e;
    }
    return finish(ss, n, k, 1);
}

/* Doubled midrank of model j among s[k], 1 = best; *tied takes the size of its tie group. */
static int64_t rank2(const double *s, int k, int j, int64_t *tied)
{
    int64_t better = 0;

    *tied = 0;
    for (int i = 0; i < k; i++) {
        better += s[i] > s[j];
        *tied += s[i] == s[j];
    }
    return 2 * better + *tied + 1;
}

/* Doubled rank sum of model j; adds t^2 - 1 per score to *ties, which is t^3 - t per tie group. */
static int64_t column_rank2(const double *score, int64_t n, int k, int j, double *ties)
{
    int64_t sum = 0, tied;

    for (int64_t i = 0; i < n; i++) {
        sum += rank2(score + i * k, k, j, &tied);
        *ties += (double)(tied * tied - 1);
    }
    return sum;
}

static crm_status check_finite(const double *score, int64_t n, int k)
{
    CRM_CHECK(n >= 0 && k >= 1, CRM_ERR_ARG, "%lld data sets x %d models; need at least 0 x 1",
              (long long)n, k);
    for (int64_t i = 0; i < n * k; i++)
        CRM_CHECK(isfinite(score[i]), CRM_ERR_ARG,
                  "score of data set %lld, model %lld is not finite: leave such data sets out",
                  (long long)(i / k), (long long)(i % k));
    return CRM_OK;
}

crm_status crm_stats_friedman(const double *score, int64_t n, int k, double *rank_sum,
                              crm_friedman *out)
{
    double ties = 0, ss = 0, kk = k;

    memset(out, 0, sizeof *out);
    CRM_TRY(check_finite(score, n, k));
    for (int j = 0; j < k; j++) {
        double sum = (double)column_rank2(score, n, k, j, &ties) / 2;
        double e = sum - (double)n * (kk + 1) / 2;

        if (rank_sum) rank_sum[j] = sum;
        ss += e * e;
    }
    *out = finish(ss, n, k, n < 1 || k < 2 ? 1 : 1 - ties / ((double)n * (kk * kk * kk - kk)));
    return CRM_OK;
}
