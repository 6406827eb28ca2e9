/* stats_calibration.c - do probabilities mean what they say: reliability bins and the expected
 * calibration error (Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017). */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_curve.h"
#include "stats_impl.h"

/* Bin with i/bins < p <= (i + 1)/bins.  The division rounds as that of any other program does. */
static int bin_of(double p, int bins)
{
    int i = (int)(p * bins);

    if (i > bins - 1) i = bins - 1;
    while (i > 0 && p <= (double)i / bins)
        i--;
    while (i < bins - 1 && p > (double)(i + 1) / bins)
        i++;
    return i;
}

/* Probability that a row is judged by, and whether it came true. */
static bool judged(int k, int32_t label, const double *proba, double *p)
{
    int best = 1;

    if (k > 2) {
        best = 0;
        for (int c = 1; c < k; c++)
            if (proba[c] > proba[best]) best = c;
    }
    *p = proba[best];
    return label == best;
}

static void add(crm_bin *b, double p, bool hit)
{
    b->rows++;
    b->hits += hit;
    b->mean += p;
}

/* judged rows: p[m], label 1 for a hit; returns m. */
static crm_status collect(int64_t n, int k, const int32_t *label, const double *proba, double *p,
                          int32_t *hit, int64_t *m)
{
    *m = 0;
    for (int64_t i = 0; i < n; i++) {
        if (label[i] < 0) continue;
        hit[*m] = judged(k, label[i], proba + i * k, &p[*m]);
        CRM_CHECK(crm_stats_is_probability(p[*m]), CRM_ERR_NUMERIC,
                  "probability %g of row %lld; must be 0 .. 1", p[*m], (long long)i);
        (*m)++;
    }
    return CRM_OK;
}

static crm_status by_rank(int64_t m, const double *p, const int32_t *hit, int bins, crm_bin *out)
{
    crm_ranking r = {0};
    int64_t end, pos;

    CRM_TRY(crm_stats_rank(m, hit, 1, p, 1, &r));
    for (int64_t i = 0; i < m; i = end) {
        crm_bin *b = &out[i * bins / m];
        end = crm_stats_tie_end(&r, i, &pos);
        for (int64_t j = i; j < end; j++)
            add(b, r.item[j].score, r.item[j].positive);
    }
    crm_mem_free(r.item);
    return CRM_OK;
}

crm_status crm_stats_calibration(int64_t n, int k, const int32_t *label, const double *proba,
                                 crm_bin_kind kind, int bins, crm_bin *out)
{
    double *p = NULL;
    int32_t *hit = NULL;
    int64_t m = 0;
    crm_status st = CRM_OK;

    CRM_CHECK(n >= 0 && k >= 2 && bins >= 1, CRM_ERR_ARG,
              "%lld rows, %d classes, %d bins; need at least 0, 2 and 1", (long long)n, k, bins);
    memset(out, 0, (size_t)bins * sizeof *out);
    CRM_NEW_TO(st, done, p, n);
    CRM_NEW_TO(st, done, hit, n);
    CRM_TRY_TO(st, done, collect(n, k, label, proba, p, hit, &m));
    if (kind == CRM_BIN_QUANTILE) CRM_TRY_TO(st, done, by_rank(m, p, hit, bins, out));
    for (int64_t i = 0; kind == CRM_BIN_WIDTH && i < m; i++)
        add(&out[bin_of(p[i], bins)], p[i], hit[i]);
    for (int b = 0; b < bins; b++)
        if (out[b].rows) out[b].mean /= (double)out[b].rows;
done:
    crm_mem_free(p);
    crm_mem_free(hit);
    return st;
}

double crm_stats_ece(const crm_bin *bin, int bins)
{
    int64_t n = 0;
    double sum = 0;

    for (int b = 0; b < bins; b++) {
        n += bin[b].rows;
        sum += fabs((double)bin[b].hits - bin[b].mean * (double)bin[b].rows);
    }
    return n ? sum / (double)n : (double)NAN;
}
