/* stats_boot.c - bootstrap intervals: percentile, and BCa (Efron 1987), of any statistic.
 *
 * With B replicates t_b of a statistic whose value is t: z0 = Phi^-1(share of t_b below t, equal
 * ones a half); a = sum u^3 / (6 (sum u^2)^1.5), u = mean of the values with one row left out -
 * each of them; ends at the quantiles Phi(z0 + (z0 + z)/(1 - a (z0 + z))), z = -+1.96. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/stats.h"
#include "stats_boot_impl.h"
#include "stats_impl.h"

static int64_t below(double u, int64_t n)
{
    int64_t i = (int64_t)(u * (double)n);

    return i < n ? i : n - 1;
}

/* Two draws of 53 bits each come from one block of the generator. */
int64_t crm_boot_row(uint64_t seed, uint32_t replicate, int64_t i, int64_t n)
{
    crm_rng r = crm_rng_at(seed, CRM_RNG_BOOTSTRAP, replicate, (uint64_t)i / 2);
    double u = crm_rng_uniform(&r);

    return below(i % 2 ? crm_rng_uniform(&r) : u, n);
}

void crm_boot_draw(uint64_t seed, uint32_t replicate, int64_t n, int32_t *times)
{
    memset(times, 0, (size_t)n * sizeof *times);
    for (int64_t i = 0; i < n; i += 2) {
        crm_rng r = crm_rng_at(seed, CRM_RNG_BOOTSTRAP, replicate, (uint64_t)i / 2);
        times[below(crm_rng_uniform(&r), n)]++;
        if (i + 1 < n) times[below(crm_rng_uniform(&r), n)]++;
    }
}

/* ---- interval from replicates ------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The finite ones to the front; how many. */
static int64_t pack(double *x, int64_t n)
{
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) x[m++] = x[i];
    return m;
}

/* Of sorted x[n]; linear between neighbours. */
static double quantile(const double *x, int64_t n, double q)
{
    double at = q * (double)(n - 1);
    int64_t i = (int64_t)at;

    return i >= n - 1 ? x[n - 1] : x[i] + (at - (double)i) * (x[i + 1] - x[i]);
}

/* z0; a value outside all replicates counts as half a replicate from their end. */
static double bias_of(const double *x, int64_t n, double value)
{
    int64_t twice = 0;
    double p, least = 0.5 / (double)n;

    for (int64_t i = 0; i < n; i++)
        twice += x[i] < value ? 2 : x[i] == value;
    p = (double)twice / (2 * (double)n);
    return crm_stats_normal_quantile(fmin(fmax(p, least), 1 - least));
}

static double acceleration_of(double *jack, int64_t n)
{
    double mean, s2 = 0, s3 = 0;

    n = pack(jack, n);
    if (n < 2) return 0;
    mean = crm_stats_mean(jack, n);
    for (int64_t i = 0; i < n; i++) {
        double u = mean - jack[i];
        s2 += u * u;
        s3 += u * u * u;
    }
    return s2 > 0 ? s3 / (6 * s2 * sqrt(s2)) : 0;
}

static double level(const crm_boot *o, double z)
{
    double shifted = o->bias + z, under = 1 - o->acceleration * shifted;

    if (!(under > 0)) return z < 0 ? 0 : 1;
    return crm_stats_normal_cdf(o->bias + shifted / under);
}

void crm_boot_finish(double value, double *x, int replicates, double *jack, int64_t n_jack,
                     crm_boot *out)
{
    int64_t n = pack(x, replicates);
    double z = crm_stats_normal_quantile(0.975);

    *out = (crm_boot){.state = CRM_STATS_UNDEFINED, .replicates = (int)n};
    out->dropped = replicates - (int)n;
    if (!isfinite(value)) return;
    out->value = value;
    out->ci95 = (crm_interval){value, value};
    if (n < 2 || n < replicates - replicates / 10) return;
    qsort(x, (size_t)n, sizeof *x, by_value);
    out->se = sqrt(crm_stats_variance(x, n));
    out->state = CRM_STATS_DEGENERATE;
    if (out->se <= crm_stats_noise(fabs(value))) return;
    out->state = CRM_STATS_OK;
    if (jack) {
        out->bias = bias_of(x, n, value);
        out->acceleration = acceleration_of(jack, n_jack);
    }
    out->ci95 = jack ? (crm_interval){quantile(x, n, level(out, -z)), quantile(x, n, level(out, z))}
                     : (crm_interval){quantile(x, n, 0.025), quantile(x, n, 0.975)};
}

crm_status crm_boot_check(int64_t n, int replicates)
{
    CRM_CHECK(n >= 0 && replicates >= 1, CRM_ERR_ARG,
              "bootstrap of %lld rows by %d replicates; need at least 0 and 1", (long long)n,
              replicates);
    return CRM_OK;
}

/* ---- any statistic -----------------------------------------------------------------------------
 */

static void run_replicates(crm_boot_fn f, const void *ctx, int64_t n, uint64_t seed, int replicates,
                           int64_t *row, double *x)
{
    for (int b = 0; b < replicates; b++) {
        for (int64_t i = 0; i < n; i++)
            row[i] = crm_boot_row(seed, (uint32_t)b, i, n);
        x[b] = f(ctx, n, row);
    }
}

/* Each row left out in turn; row[n] holds 0 .. n - 1. */
static void leave_out(crm_boot_fn f, const void *ctx, int64_t n, int64_t *row, double *jack)
{
    for (int64_t i = 0; i < n; i++) {
        row[i] = row[n - 1]; /* order says nothing to a statistic of a sample */
        jack[i] = f(ctx, n - 1, row);
        row[i] = i;
    }
}

static void count_rows(int64_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        row[i] = i;
}

crm_status crm_stats_bootstrap(crm_boot_fn f, const void *ctx, int64_t n, crm_boot_kind kind,
                               int replicates, uint64_t seed, crm_boot *out)
{
    double *x = NULL, *jack = NULL, value;
    int64_t *row = NULL;
    crm_status st = CRM_OK;

    memset(out, 0, sizeof *out);
    CRM_TRY(crm_boot_check(n, replicates));
    CRM_NEW_TO(st, done, x, replicates);
    CRM_NEW_TO(st, done, row, n);
    if (kind == CRM_BOOT_BCA) CRM_NEW_TO(st, done, jack, n);
    count_rows(row, n);
    value = n ? f(ctx, n, row) : (double)NAN;
    if (jack) leave_out(f, ctx, n, row, jack);
    if (n) run_replicates(f, ctx, n, seed, replicates, row, x);
    crm_boot_finish(value, x, n ? replicates : 0, jack, n, out);
done:
    crm_mem_free(x);
    crm_mem_free(jack);
    crm_mem_free(row);
    return st;
}
