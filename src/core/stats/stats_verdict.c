/* stats_verdict.c - Holm's adjustment, intervals of a proportion, and the words for a comparison.
 *
 * Holm (1979): with p sorted, adjusted p_(i) = max over j <= i of (m - j + 1) p_(j), at most 1.
 * Wilson (1927): (x + z^2/2 -+ z sqrt(x (n - x)/n + z^2/4)) / (n + z^2).  Clopper & Pearson (1934).
 */
#include <math.h>
#include <stddef.h>

#include "crmpi/stats_dist.h"
#include "crmpi/stats_test.h"

const char *const crm_verdict_names[] = {"better",     "worse",         "no significant difference",
                                         "degenerate", "too few folds", NULL};
_Static_assert(sizeof crm_verdict_names / sizeof *crm_verdict_names == CRM_VERDICT_COUNT + 1,
               "a name for each verdict");

static double known(double p)
{
    return isnan(p) ? 1 : p;
}

/* (m - rank + 1) p of member j, its rank from 1; ties by index, which changes no result. */
static double stepped(const double *p, int n, int j)
{
    int below = 0;

    for (int i = 0; i < n; i++)
        below += known(p[i]) < known(p[j]) || (known(p[i]) == known(p[j]) && i < j);
    return fmin(1, (n - below) * known(p[j]));
}

void crm_stats_holm(const double *p, int n, double *adjusted)
{
    for (int i = 0; i < n; i++) {
        adjusted[i] = 0;
        for (int j = 0; j < n; j++)
            if (known(p[j]) <= known(p[i])) adjusted[i] = fmax(adjusted[i], stepped(p, n, j));
    }
}

crm_interval crm_stats_wilson(int64_t x, int64_t n)
{
    double z = crm_stats_normal_quantile(0.975), k = (double)x, m = (double)n;
    double half, mid = k + z * z / 2;

    if (n <= 0) return (crm_interval){0, 1};
    half = z * sqrt(k * (m - k) / m + z * z / 4);
    return (crm_interval){x == 0 ? 0 : (mid - half) / (m + z * z),
                          x == n ? 1 : (mid + half) / (m + z * z)};
}

crm_interval crm_stats_clopper_pearson(int64_t x, int64_t n)
{
    double k = (double)x, m = (double)n;

    if (n <= 0) return (crm_interval){0, 1};
    return (crm_interval){x == 0 ? 0 : crm_stats_beta_quantile(k, m - k + 1, 0.025),
                          x == n ? 1 : crm_stats_beta_quantile(k + 1, m - k, 0.975)};
}

crm_verdict crm_stats_verdict(const crm_ttest *corrected, double p_holm, double alpha,
                              int direction)
{
    if (corrected->state == CRM_STATS_UNDEFINED) return CRM_VERDICT_TOO_FEW;
    if (corrected->state == CRM_STATS_DEGENERATE) return CRM_VERDICT_DEGENERATE;
    if (!(p_holm < alpha)) return CRM_VERDICT_NO_DIFFERENCE;
    return corrected->mean * direction > 0 ? CRM_VERDICT_BETTER : CRM_VERDICT_WORSE;
}
