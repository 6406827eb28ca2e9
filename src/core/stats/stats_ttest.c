/* stats_ttest.c - t tests on the differences of splits.
 *
 * Variance of the mean of J overlapping splits: (1/J + n2/n1) S^2 (Nadeau & Bengio 2003, "Inference
 * for the generalization error"; for r x k folds Bouckaert & Frank 2004).  With 0 for n2/n1 it is
 * the naive paired t, whose type I error is inflated (Dietterich 1998).  Bayesian reading of the
 * same variance: Corani & Benavoli 2015, n2/n1 = rho / (1 - rho).  5x2cv t: Dietterich 1998; 5x2cv
 * F: Alpaydin 1999. */
#include <math.h>
#include <stddef.h>

#include "crmpi/stats_dist.h"
#include "crmpi/stats_test.h"
#include "stats_impl.h"

const char *const crm_stats_state_names[] = {"ok", "degenerate", "undefined", NULL};
_Static_assert(sizeof crm_stats_state_names / sizeof *crm_stats_state_names ==
                   CRM_STATS_STATE_COUNT + 1,
               "a name for each state");

/* State of a statistic mean / se where se may be 0. */
static crm_stats_state ratio_state(double mean, double spread)
{
    return spread > 0 || mean == 0 ? CRM_STATS_OK : CRM_STATS_DEGENERATE;
}

crm_ttest crm_stats_ttest_pairs(const double *a, const double *b, int64_t n, double ratio)
{
    crm_moments m = crm_stats_moments(a, b, n);
    crm_ttest r = {.n = m.n, .dropped = m.dropped, .mean = m.mean, .sd = m.sd, .p = 1};

    r.ci95 = (crm_interval){m.mean, m.mean};
    r.state = m.n < 2 ? CRM_STATS_UNDEFINED : ratio_state(m.mean, m.sd);
    if (m.n < 2) return r;
    r.df = (double)(m.n - 1);
    r.se = sqrt(1 / (double)m.n + ratio) * m.sd;
    if (!(r.se > 0)) return r;
    r.t = m.mean / r.se;
    r.p = crm_stats_t_p2(r.t, r.df);
    double half = crm_stats_t_quantile(0.975, r.df) * r.se;
    r.ci95 = (crm_interval){m.mean - half, m.mean + half};
    return r;
}

crm_ttest crm_stats_ttest(const double *x, int64_t n, double ratio)
{
    return crm_stats_ttest_pairs(x, NULL, n, ratio);
}

crm_bayes crm_stats_bayes_t_pairs(const double *a, const double *b, int64_t n, double rho,
                                  double rope)
{
    crm_moments m = crm_stats_moments(a, b, n);
    crm_bayes r = {.state = m.n < 2 ? CRM_STATS_UNDEFINED : ratio_state(m.mean, m.sd)};
    double df = (double)(m.n - 1), se = m.sd;

    if (m.n < 2) return r;
    se *= sqrt(1 / (double)m.n + rho / (1 - rho));
    if (se > 0) {
        r.worse = crm_stats_t_cdf((-rope - m.mean) / se, df);
        r.better = crm_stats_t_cdf((m.mean - rope) / se, df);
    } else {
        r.worse = m.mean < -rope;
        r.better = m.mean > rope;
    }
    r.rope = fmax(0, 1 - r.worse - r.better);
    return r;
}

crm_bayes crm_stats_bayes_t(const double *d, int64_t n, double rho, double rope)
{
    return crm_stats_bayes_t_pairs(d, NULL, n, rho, rope);
}

crm_effect crm_stats_effect(const double *a, const double *b, int64_t n, int direction)
{
    crm_moments m = crm_stats_moments(a, b, n);
    double scale = crm_stats_scale(a, b, n);
    crm_effect r = {.n = m.n, .dropped = m.dropped};

    r.state = m.n < 2 ? CRM_STATS_UNDEFINED : ratio_state(m.mean, m.sd);
    if (m.sd > 0) r.d = m.mean / m.sd;
    for (int64_t j = 0; j < n; j++) {
        double d = direction * crm_stats_on_grid(a[j] - b[j], scale);

        if (!isfinite(d)) continue;
        r.wins += d > 0;
        r.ties += d == 0;
        r.losses += d < 0;
    }
    return r;
}

/* Sums of squares of ten differences: within the repeats (s_i^2) and of all; false when one is not
 * finite. */
static bool squares_5x2(const double d[10], double *within, double *all)
{
    double scale = 0;

    *within = *all = 0;
    for (int i = 0; i < 10; i += 2) {
        double e = d[i] - d[i + 1];

        if (!isfinite(d[i]) || !isfinite(d[i + 1])) return false;
        scale = fmax(scale, fmax(fabs(d[i]), fabs(d[i + 1])));
        *within += e * e / 2;
        *all += d[i] * d[i] + d[i + 1] * d[i + 1];
    }
    if (sqrt(*within) <= crm_stats_noise(scale)) *within = 0;
    return true;
}

crm_stat crm_stats_5x2_t(const double d[10])
{
    crm_stat r = {.state = CRM_STATS_UNDEFINED, .df1 = 5, .p = 1};
    double within, all;

    if (!squares_5x2(d, &within, &all)) return r;
    r.state = ratio_state(d[0], within);
    if (!(within > 0)) return r;
    r.value = d[0] / sqrt(within / 5);
    r.p = crm_stats_t_p2(r.value, 5);
    return r;
}

crm_stat crm_stats_5x2_f(const double d[10])
{
    crm_stat r = {.state = CRM_STATS_UNDEFINED, .df1 = 10, .df2 = 5, .p = 1};
    double within, all;

    if (!squares_5x2(d, &within, &all)) return r;
    r.state = ratio_state(all, within);
    if (!(within > 0)) return r;
    r.value = all / (2 * within);
    r.p = crm_stats_f_tail(r.value, 10, 5);
    return r;
}
