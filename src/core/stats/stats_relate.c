/* stats_relate.c - correlation of numbers, association of categories, distance of two samples.
 *
 * Pearson    r = S_xy / sqrt(S_xx S_yy), sums about the means.
 * Cramer     phi2 = chi2 / n; V = sqrt(phi2 / min(r - 1, c - 1)).  Bergsma (2013): phi2 less its
 *            mean under independence, (r - 1)(c - 1) / (n - 1), at least 0, and r and c less
 *            (r - 1)^2 / (n - 1) and (c - 1)^2 / (n - 1).
 * KS         D = max |F_a(x) - F_b(x)|. */
#include "crmpi/stats_relate.h"

#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"

enum { BLOCK = 128 };

typedef struct products {
    double xx, xy, yy;
} products;

/* Sums of products about the means, by pairs of blocks as crm_stats_sum. */
static products sum_products(const double *x, const double *y, int64_t n, double mx, double my)
{
    products s = {0, 0, 0}, t;
    int64_t half = BLOCK;

    if (n <= BLOCK) {
        for (int64_t i = 0; i < n; i++) {
            double a = x[i] - mx, b = y[i] - my;
            s.xx += a * a;
            s.xy += a * b;
            s.yy += b * b;
        }
        return s;
    }
    while (2 * half < n)
        half *= 2;
    s = sum_products(x, y, half, mx, my);
    t = sum_products(x + half, y + half, n - half, mx, my);
    return (products){s.xx + t.xx, s.xy + t.xy, s.yy + t.yy};
}

static int constant(const double *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (x[i] != x[0]) return 0;
    return 1;
}

double crm_stats_pearson(const double *x, const double *y, int64_t n)
{
    products s;
    double r;

    if (n < 2 || constant(x, n) || constant(y, n)) return NAN;
    s = sum_products(x, y, n, crm_stats_sum(x, n) / (double)n, crm_stats_sum(y, n) / (double)n);
    r = s.xy / (sqrt(s.xx) * sqrt(s.yy));
    return r > 1 ? 1 : r < -1 ? -1 : r; /* NaN, of infinite sums, stays */
}

void crm_stats_order(const double *x, int64_t n, uint64_t *key, uint32_t *order)
{
    uint64_t *spare = key + n;

    /* Two sorts of (32 bits of the key, row): by the low half, then, which keeps it, by the high
     * one. */
    for (int64_t i = 0; i < n; i++)
        key[i] = crm_stats_key(x[i]) << 32 | (uint64_t)i;
    crm_stats_sort_keys(key, spare, n, 32);
    for (int64_t i = 0; i < n; i++) {
        uint64_t row = key[i] & UINT32_MAX;
        key[i] = (crm_stats_key(x[row]) >> 32 << 32) | row;
    }
    crm_stats_sort_keys(key, spare, n, 32);
    for (int64_t i = 0; i < n; i++)
        order[i] = (uint32_t)(key[i] & UINT32_MAX);
}

crm_status crm_stats_spearman(const double *x, const double *y, int64_t n, double *out)
{
    uint64_t *key = NULL;
    uint32_t *order = NULL;
    double *rank = NULL;
    crm_status st = CRM_OK;

    *out = NAN;
    CRM_CHECK(n >= 0 && n <= UINT32_MAX, CRM_ERR_ARG, "%lld rows to rank", (long long)n);
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(!isnan(x[i]) && !isnan(y[i]), CRM_ERR_NUMERIC, "value %lld is NaN: no rank",
                  (long long)i);
    CRM_NEW_TO(st, done, key, 2 * n);
    CRM_NEW_TO(st, done, order, n);
    CRM_NEW_TO(st, done, rank, 2 * n);
    crm_stats_order(x, n, key, order);
    crm_stats_midranks2(x, order, n, rank);
    crm_stats_order(y, n, key, order);
    crm_stats_midranks2(y, order, n, rank + n);
    *out = crm_stats_pearson(rank, rank + n, n);
done:
    crm_mem_free(key);
    crm_mem_free(order);
    crm_mem_free(rank);
    return st;
}

/* ---- categories ---- */
static int64_t line_sum(const int64_t *count, int n, int stride)
{
    int64_t s = 0;

    for (int i = 0; i < n; i++)
        s += count[(int64_t)i * stride];
    return s;
}

/* Sum over cells of count^2 / (row sum x column sum): chi2 = n (sum - 1). */
static double cells(const int64_t *count, int r, int c, const int64_t *down)
{
    double sum = 0;

    for (int i = 0; i < r; i++) {
        const int64_t *row = count + (int64_t)i * c;
        double across = (double)line_sum(row, c, 1), part = 0;
        for (int j = 0; j < c; j++)
            if (row[j] > 0) part += (double)row[j] / across * ((double)row[j] / (double)down[j]);
        sum += part;
    }
    return sum;
}

static double bergsma(double phi2, double n, double r, double c)
{
    double less = fmax(0, phi2 - (r - 1) * (c - 1) / (n - 1));
    double rr = r - (r - 1) * (r - 1) / (n - 1), cc = c - (c - 1) * (c - 1) / (n - 1);
    double d = fmin(rr - 1, cc - 1);

    return d > 0 ? fmin(1, sqrt(less / d)) : (double)NAN;
}

crm_cramer crm_stats_cramer(const int64_t *count, int r, int c)
{
    crm_cramer v = {.plain = NAN, .corrected = NAN, .chi2 = NAN};
    int64_t down[CRM_CRAMER_COLS];
    double phi2;

    if (c > CRM_CRAMER_COLS) return v;
    for (int i = 0; i < r; i++) {
        int64_t across = line_sum(count + (int64_t)i * c, c, 1);
        v.n += across;
        v.rows += across > 0;
    }
    for (int j = 0; j < c; j++) {
        down[j] = line_sum(count + j, r, c);
        v.cols += down[j] > 0;
    }
    if (v.rows < 2 || v.cols < 2) return v;
    phi2 = fmax(0, cells(count, r, c, down) - 1);
    v.chi2 = phi2 * (double)v.n;
    v.plain = fmin(1, sqrt(phi2 / fmin(v.rows - 1, v.cols - 1)));
    v.corrected = bergsma(phi2, (double)v.n, v.rows, v.cols);
    return v;
}

/* ---- two samples ---- */
double crm_stats_ks_distance(const double *a, int64_t n, const double *b, int64_t m)
{
    int64_t i = 0, j = 0;
    double d = 0;

    if (n < 1 || m < 1) return NAN;
    while (i < n && j < m) {
        double x = a[i] < b[j] ? a[i] : b[j];
        while (i < n && a[i] <= x)
            i++;
        while (j < m && b[j] <= x)
            j++;
        d = fmax(d, fabs((double)i / (double)n - (double)j / (double)m));
    }
    return d;
}

double crm_stats_psi_counts(const int64_t *a, const int64_t *b, int bins, double floor_share)
{
    double na = (double)line_sum(a, bins, 1), nb = (double)line_sum(b, bins, 1), s = 0;

    if (na <= 0 || nb <= 0) return NAN;
    for (int i = 0; i < bins; i++) {
        double p = (double)a[i] / na, q = (double)b[i] / nb;
        s += crm_stats_psi(&p, &q, 1, floor_share);
    }
    return s;
}
