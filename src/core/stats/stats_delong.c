/* stats_delong.c - comparison of two correlated AUCs.
 *
 * DeLong, DeLong & Clarke-Pearson (1988), by the rank form of Sun & Xu (2014).  V of a positive =
 * share of negatives below it, V of a negative = share of positives above it, ties a half.  With S
 * the covariances of V: cov = S_positives / m + S_negatives / n. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_dist.h"
#include "crmpi/stats_test.h"
#include "stats_impl.h"

typedef struct placed {
    int64_t *w; /* [rows] doubled pair counts */
    int64_t twice_wins;
} placed;

static crm_status place(const int32_t *label, const double *score, int64_t n, placed *out,
                        int64_t *pos, int64_t *neg)
{
    crm_status st = CRM_OK;
    crm_ranking r = {0};

    CRM_NEW_TO(st, done, out->w, n);
    CRM_TRY_TO(st, done, crm_stats_rank(n, label, 1, score, 1, &r));
    out->twice_wins = crm_stats_placements(&r, out->w);
    *pos = r.pos;
    *neg = r.n - r.pos;
done:
    crm_mem_free(r.item);
    return st;
}

/* Sum over rows of one class of (a - mean a)(b - mean b), by (count - 1), of V = w / (2 others). */
static double class_cov(const int32_t *label, int32_t cls, int64_t n, const placed *a,
                        const placed *b, int64_t count, int64_t others)
{
    double mean_a = (double)a->twice_wins / (double)count,
           mean_b = (double)b->twice_wins / (double)count;
    double s = 0, scale = 2 * (double)others;

    for (int64_t i = 0; i < n; i++)
        if (label[i] == cls) s += ((double)a->w[i] - mean_a) * ((double)b->w[i] - mean_b);
    return s / (double)(count - 1) / (scale * scale);
}

static double covariance(const int32_t *label, int64_t n, const placed *a, const placed *b,
                         int64_t pos, int64_t neg)
{
    return class_cov(label, 1, n, a, b, pos, neg) / (double)pos +
           class_cov(label, 0, n, a, b, neg, pos) / (double)neg;
}

/* z, p and interval of a difference with its variance. */
static void compare(crm_delong *r)
{
    double se = sqrt(fmax(0, r->var_a + r->var_b - 2 * r->cov)), half;

    r->ci95 = (crm_interval){r->diff, r->diff};
    r->state = CRM_STATS_OK;
    if (se <= crm_stats_noise(1)) {
        if (r->diff != 0) r->state = CRM_STATS_DEGENERATE;
        return;
    }
    half = crm_stats_normal_quantile(0.975) * se;
    r->z = r->diff / se;
    r->p = crm_stats_normal_p2(r->z);
    r->ci95 = (crm_interval){r->diff - half, r->diff + half};
}

static crm_status check_labels(const int32_t *label, int64_t n)
{
    CRM_CHECK(n >= 0, CRM_ERR_ARG, "%lld rows; must be 0 or more", (long long)n);
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(label[i] >= -1 && label[i] <= 1, CRM_ERR_ARG,
                  "label %d of row %lld; two AUCs are compared for labels 0 and 1 (-1: none)",
                  (int)label[i], (long long)i);
    return CRM_OK;
}

crm_status crm_stats_delong(const int32_t *label, const double *a, const double *b, int64_t n,
                            crm_delong *out)
{
    crm_status st = CRM_OK;
    placed pa = {0}, pb = {0};
    int64_t pos, neg;

    memset(out, 0, sizeof *out);
    CRM_TRY(check_labels(label, n));
    CRM_TRY_TO(st, done, place(label, a, n, &pa, &pos, &neg));
    CRM_TRY_TO(st, done, place(label, b, n, &pb, &pos, &neg));
    out->state = CRM_STATS_UNDEFINED;
    out->p = 1;
    if (pos < 2 || neg < 2) goto done;
    double pairs2 = 2 * (double)pos * (double)neg;
    out->auc_a = (double)pa.twice_wins / pairs2;
    out->auc_b = (double)pb.twice_wins / pairs2;
    out->diff = (double)(pa.twice_wins - pb.twice_wins) / pairs2;
    out->var_a = covariance(label, n, &pa, &pa, pos, neg);
    out->var_b = covariance(label, n, &pb, &pb, pos, neg);
    out->cov = covariance(label, n, &pa, &pb, pos, neg);
    compare(out);
done:
    crm_mem_free(pa.w);
    crm_mem_free(pb.w);
    return st;
}
