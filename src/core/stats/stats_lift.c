/* stats_lift.c - satisfaction lift, lift of a churn score, population stability index.
 *
 * Groups: Welch (1947), df of Satterthwaite (1946).  Relative lift R = (after - before) / |before|
 * of means: by the delta method its error is that of the mean of e = (after - q before) / |before|,
 * q the quotient of the means.  The interval of Fieller (1954) differs from it by a factor of about
 * 1 + (t se / before)^2, 4 % where before is 10 standard errors from 0.  PSI without drift ~ (1/n +
 * 1/m) chi2(bins - 1): Yurdakul & Naranjo 2020, "Statistical properties of the population stability
 * index". */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "stats_impl.h"

static void set_relative(crm_lift *r)
{
    r->has_relative = r->mean_before != 0;
    r->relative = r->has_relative ? 100 * r->diff / fabs(r->mean_before) : 0;
    r->relative_ci95 = (crm_interval){r->relative, r->relative};
}

/* Means of the two sides over the pairs that a paired test uses. */
static void pair_means(const double *before, const double *after, int64_t n, crm_lift *r)
{
    double b = 0, a = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(after[i] - before[i])) continue;
        b += before[i];
        a += after[i];
    }
    if (r->n_before) {
        r->mean_before = b / (double)r->n_before;
        r->mean_after = a / (double)r->n_before;
    }
}

/* Whether a quotient by this mean can have an interval. */
static bool far_from_0(double mean, double se)
{
    return mean != 0 && fabs(mean) >= 10 * se;
}

static void set_relative_ci(crm_lift *r, double se, double df)
{
    double half = 100 * crm_stats_t_quantile(0.975, df) * se;

    r->has_relative_ci = true;
    r->relative_ci95 = (crm_interval){r->relative - half, r->relative + half};
}

/* Paired: e_i of the customers asked twice, whose mean is 0. */
static void relative_paired(const double *before, const double *after, int64_t n, crm_lift *r)
{
    double m = (double)r->n_before, quotient = r->mean_after / r->mean_before, ee = 0, bb = 0;

    for (int64_t i = 0; i < n; i++) {
        double e = (after[i] - quotient * before[i]) / r->mean_before,
               b = before[i] - r->mean_before;

        if (!isfinite(after[i] - before[i])) continue;
        ee += e * e;
        bb += b * b;
    }
    if (far_from_0(r->mean_before, sqrt(bb / (m - 1) / m)))
        set_relative_ci(r, sqrt(ee / (m - 1) / m), m - 1);
}

crm_lift crm_stats_lift_paired(const double *before, const double *after, int64_t n)
{
    crm_ttest t = crm_stats_ttest_pairs(after, before, n, 0);
    crm_lift r = {.state = t.state, .n_before = t.n, .n_after = t.n, .dropped = t.dropped};

    pair_means(before, after, n, &r);
    r.diff = t.mean;
    r.ci95 = t.ci95;
    r.t = t.t;
    r.df = t.df;
    r.p = t.p;
    set_relative(&r);
    if (r.state == CRM_STATS_OK && r.has_relative) relative_paired(before, after, n, &r);
    return r;
}

/* Degrees of freedom of e1 + e2, squared standard errors of two means (Satterthwaite). */
static double welch_df(double e1, double n1, double e2, double n2)
{
    return (e1 + e2) * (e1 + e2) / (e1 * e1 / (n1 - 1) + e2 * e2 / (n2 - 1));
}

/* Groups: the errors of the two means in units of the first, that of the first times their
 * quotient.
 */
static void relative_groups(double e1, double n1, double e2, double n2, crm_lift *r)
{
    double b2 = r->mean_before * r->mean_before, q = r->mean_after / r->mean_before;
    double c = q * q * e1 / b2, t = e2 / b2;

    if (far_from_0(r->mean_before, sqrt(e1)) && c + t > 0)
        set_relative_ci(r, sqrt(c + t), welch_df(c, n1, t, n2));
}

/* Welch's t, its df, p and interval of r->diff, from the squared standard errors of the two means.
 */
static void welch(double e1, double n1, double e2, double n2, crm_lift *r)
{
    double se2 = e1 + e2, half;

    r->df = welch_df(e1, n1, e2, n2);
    r->t = r->diff / sqrt(se2);
    r->p = crm_stats_t_p2(r->t, r->df);
    half = crm_stats_t_quantile(0.975, r->df) * sqrt(se2);
    r->ci95 = (crm_interval){r->diff - half, r->diff + half};
}

crm_lift crm_stats_lift_groups(const double *control, int64_t n_control, const double *treated,
                               int64_t n_treated)
{
    crm_moments c = crm_stats_moments(control, NULL, n_control),
                t = crm_stats_moments(treated, NULL, n_treated);
    crm_lift r = {.n_before = c.n, .n_after = t.n, .dropped = c.dropped + t.dropped, .p = 1};
    double nc = (double)c.n, nt = (double)t.n;

    r.mean_before = c.mean;
    r.mean_after = t.mean;
    r.diff = t.mean - c.mean;
    r.ci95 = (crm_interval){r.diff, r.diff};
    set_relative(&r);
    if (c.n < 2 || t.n < 2)
        r.state = CRM_STATS_UNDEFINED;
    else if (c.sd > 0 || t.sd > 0)
        welch(c.sd * c.sd / nc, nc, t.sd * t.sd / nt, nt, &r);
    else
        r.state = r.diff == 0 ? CRM_STATS_OK : CRM_STATS_DEGENERATE;
    if (r.df > 0 && r.has_relative) relative_groups(c.sd * c.sd / nc, nc, t.sd * t.sd / nt, nt, &r);
    return r;
}

/* Expected positives among the top rows; within a tie group every order is as likely. */
static double expected_top(const crm_ranking *r, int64_t top)
{
    int64_t low = r->n - top, end, pos; /* items low .. n - 1 are taken */
    double sum = 0;

    for (int64_t i = 0; i < r->n; i = end) {
        end = crm_stats_tie_end(r, i, &pos);
        int64_t taken = end <= low ? 0 : end - (i > low ? i : low);

        sum += (double)pos * (double)taken / (double)(end - i);
    }
    return sum;
}

crm_status crm_stats_top_lift(int64_t n, const int32_t *label, const double *score, int percent,
                              crm_top_lift *out)
{
    crm_ranking r = {0};

    memset(out, 0, sizeof *out);
    CRM_CHECK(percent >= 1 && percent <= 100, CRM_ERR_ARG,
              "top %d %% of the rows; must be 1 .. 100", percent);
    CRM_TRY(crm_stats_rank(n, label, 1, score, 1, &r));
    out->rows = r.n;
    out->positives = r.pos;
    out->top = (r.n * percent + 99) / 100;
    out->state = r.pos ? CRM_STATS_OK : CRM_STATS_UNDEFINED;
    if (r.pos) {
        out->top_positives = expected_top(&r, out->top);
        out->rate = out->top_positives / (double)out->top;
        out->base = (double)r.pos / (double)r.n;
        out->lift = out->rate / out->base;
    }
    crm_mem_free(r.item);
    return CRM_OK;
}

double crm_stats_psi(const double *p, const double *q, int bins, double floor_share)
{
    double s = 0;

    for (int i = 0; i < bins; i++) {
        double a = fmax(p[i], floor_share), b = fmax(q[i], floor_share);

        if (a > 0 || b > 0) s += (b - a) * crm_log(b / a);
    }
    return s;
}

double crm_stats_psi_p(double psi, int64_t n, int64_t m, int bins)
{
    if (n < 1 || m < 1 || bins < 2) return 1;
    return crm_stats_chi2_tail(psi / (1 / (double)n + 1 / (double)m), bins - 1);
}
