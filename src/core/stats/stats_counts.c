/* stats_counts.c - tests on hits of models on one hold-out: McNemar and Cochran's Q.
 *
 * McNemar (1947), continuity correction of Edwards (1948): (|b - c| - 1)^2 / (b + c).  Exact: twice
 * the tail of Binomial(b + c, 1/2).  Cochran (1950): Q = (k - 1)(k sum C_j^2 - T^2) / (k T - sum
 * R_i^2), C columns, R rows, T the total. */
#include <math.h>

#include "crmpi/stats_dist.h"
#include "crmpi/stats_test.h"

crm_mcnemar crm_stats_mcnemar(int64_t b, int64_t c)
{
    crm_mcnemar r = {.p = 1, .p_cc = 1, .p_exact = 1};
    double n = (double)(b + c), e = fabs((double)(b - c));

    if (b + c <= 0) return r;
    r.chi2 = e * e / n;
    e = fmax(0, e - 1);
    r.chi2_cc = e * e / n;
    r.p = crm_stats_chi2_tail(r.chi2, 1);
    r.p_cc = crm_stats_chi2_tail(r.chi2_cc, 1);
    r.p_exact = fmin(1, 2 * crm_stats_binom_half_cdf(b < c ? b : c, b + c));
    return r;
}

void crm_stats_discordant(const int32_t *label, const int32_t *a, const int32_t *b, int64_t n,
                          int64_t *only_a, int64_t *only_b)
{
    *only_a = *only_b = 0;
    for (int64_t i = 0; i < n; i++) {
        bool hit_a = a[i] == label[i], hit_b = b[i] == label[i];

        if (label[i] < 0) continue;
        *only_a += hit_a && !hit_b;
        *only_b += hit_b && !hit_a;
    }
}

crm_stat crm_stats_cochran_q(const uint8_t *correct, int64_t n, int k)
{
    crm_stat r = {.state = CRM_STATS_UNDEFINED, .p = 1};
    int64_t total = 0, rows2 = 0, cols2 = 0;

    if (n < 1 || k < 2) return r;
    for (int64_t i = 0; i < n; i++) {
        int64_t hits = 0;

        for (int j = 0; j < k; j++)
            hits += correct[i * k + j] != 0;
        total += hits;
        rows2 += hits * hits;
    }
    for (int j = 0; j < k; j++) {
        int64_t hits = 0;

        for (int64_t i = 0; i < n; i++)
            hits += correct[i * k + j] != 0;
        cols2 += hits * hits;
    }
    r.state = CRM_STATS_OK;
    r.df1 = k - 1;
    if (k * total == rows2) return r; /* in no row do the models differ */
    r.value = r.df1 * (double)(k * cols2 - total * total) / (double)(k * total - rows2);
    r.p = crm_stats_chi2_tail(r.value, r.df1);
    return r;
}
