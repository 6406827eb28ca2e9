/* stats_wilcoxon.c - Wilcoxon's signed rank test (1945) with the ranks of zeros split between the
 * sums (Demsar 2006, "Statistical comparisons of classifiers over multiple data sets").
 *
 * Ranks are held doubled, as integers: the midrank of sorted places i .. j (from 0) is (i + j + 2)
 * / 2. z = (R - n (n + 1)/4) / sqrt(n (n + 1)(2 n + 1)/24), R the smaller sum.  Exact: each nonzero
 * rank has its sign by a fair coin; counts of the 2^m sign patterns by sum are whole numbers below
 * 2^53 for m <= 50. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_dist.h"
#include "crmpi/stats_test.h"
#include "stats_impl.h"

enum { EXACT_MAX = 50, SUMS = EXACT_MAX * (EXACT_MAX + 1) + 1 };

/* Sums of doubled ranks; of nonzero differences rank[m] in the order of size. */
typedef struct signed_ranks {
    int64_t plus, minus, zero;
    int64_t n, m;
    int rank[EXACT_MAX]; /* the first EXACT_MAX nonzero ones */
} signed_ranks;

static void add_group(const crm_ranking *r, int64_t from, int64_t to, int64_t skip, const double *d,
                      signed_ranks *s)
{
    int64_t rank =
        from + to + 1 - 2 * skip; /* doubled midrank of places from .. to - 1 less those skipped */

    for (int64_t i = from; i < to; i++) {
        double v = d[r->item[i].row];

        s->plus += v > 0 ? rank : 0;
        s->minus += v < 0 ? rank : 0;
        if (s->m < EXACT_MAX) s->rank[s->m] = (int)rank;
        s->m++;
    }
}

static void add_ranks(const crm_ranking *r, const double *d, signed_ranks *s)
{
    int64_t zeros = 0, end, pos, skip;

    while (zeros < r->n && r->item[zeros].score == 0)
        zeros++;
    skip = zeros % 2; /* an odd zero is left out: the ranks of the others move down by one */
    s->n = r->n - skip;
    s->zero = (zeros - skip) * (zeros - skip + 1);
    for (int64_t i = zeros; i < r->n; i = end) {
        end = crm_stats_tie_end(r, i, &pos);
        add_group(r, i, end, skip, d, s);
    }
}

/* P(doubled rank sum <= limit) over all sign patterns. */
static double pattern_share(const signed_ranks *s, int64_t limit)
{
    double ways[SUMS] = {1}, below = 0, all = 1;
    int64_t top = 0;

    for (int i = 0; i < s->m; i++) {
        top += s->rank[i];
        for (int64_t v = top; v >= s->rank[i]; v--)
            ways[v] += ways[v - s->rank[i]];
        all *= 2;
    }
    for (int64_t v = 0; v <= limit && v <= top; v++)
        below += ways[v];
    return below / all;
}

static void finish(const signed_ranks *s, crm_wilcoxon *out)
{
    double n = (double)s->n, small = (double)(s->plus < s->minus ? s->plus : s->minus);

    out->n = s->n;
    out->p_normal = out->p_exact = 1;
    out->state = s->n < 1 ? CRM_STATS_UNDEFINED : CRM_STATS_OK;
    if (s->n < 1) return;
    out->r_plus = (double)s->plus / 2 + (double)s->zero / 4;
    out->r_minus = (double)s->minus / 2 + (double)s->zero / 4;
    out->z =
        (fmin(out->r_plus, out->r_minus) - n * (n + 1) / 4) / sqrt(n * (n + 1) * (2 * n + 1) / 24);
    out->p_normal = out->p_exact = crm_stats_normal_p2(out->z);
    out->exact = s->n <= EXACT_MAX;
    if (out->exact) out->p_exact = fmin(1, 2 * pattern_share(s, (int64_t)small));
}

/* size[m] = |d| and kept[m] = d of the finite ones; returns m. */
static int64_t keep_finite(const double *d, int64_t n, double *size, double *kept)
{
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(d[i])) continue;
        size[m] = fabs(d[i]);
        kept[m++] = d[i];
    }
    return m;
}

crm_status crm_stats_wilcoxon(const double *d, int64_t n, crm_wilcoxon *out)
{
    crm_status st = CRM_OK;
    crm_ranking r = {0};
    signed_ranks s = {0};
    double *size = NULL, *kept = NULL;
    int64_t m;

    memset(out, 0, sizeof *out);
    CRM_CHECK(n >= 0, CRM_ERR_ARG, "%lld differences; must be 0 or more", (long long)n);
    CRM_NEW_TO(st, done, size, n);
    CRM_NEW_TO(st, done, kept, n);
    m = keep_finite(d, n, size, kept);
    CRM_TRY_TO(st, done, crm_stats_rank(m, NULL, 0, size, 1, &r));
    add_ranks(&r, kept, &s);
    finish(&s, out);
    out->dropped = n - m;
done:
    crm_mem_free(r.item);
    crm_mem_free(size);
    crm_mem_free(kept);
    return st;
}

crm_status crm_stats_wilcoxon_pairs(const double *a, const double *b, int64_t n, crm_wilcoxon *out)
{
    double *d = NULL, scale;
    crm_status st;

    memset(out, 0, sizeof *out);
    CRM_CHECK(n >= 0, CRM_ERR_ARG, "%lld pairs; must be 0 or more", (long long)n);
    CRM_NEW(d, n);
    scale = crm_stats_scale(a, b, n);
    for (int64_t j = 0; j < n; j++)
        d[j] = crm_stats_on_grid(a[j] - b[j], scale);
    st = crm_stats_wilcoxon(d, n, out);
    crm_mem_free(d);
    return st;
}
