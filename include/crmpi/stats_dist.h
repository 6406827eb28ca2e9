/* stats_dist.h - tails and quantiles of the distributions that tests need (room stats).
 *
 * Own continued fractions on crm_exp and crm_log, so the bits do not depend on the C library.  Pure
 * functions, thread-safe, not collective.  Accuracy about 1e-13 relative, tails included, unless
 * said otherwise.  A NaN argument, or one outside the stated range, gives NaN. */
#ifndef CRM_STATS_DIST_H
#define CRM_STATS_DIST_H

#include <stdint.h>

/** log Gamma(x), x > 0; error 1e-15 relative or absolute, whichever is larger. */
double crm_stats_lgamma(double x);
/** Its derivative, x > 0 (Abramowitz, Stegun 6.3.5, 6.3.18); error 1e-14 relative or absolute,
 *  whichever is larger. */
double crm_stats_digamma(double x);
/** Regularised incomplete beta I_x(a, b); a, b > 0, 0 <= x <= 1. */
double crm_stats_beta_inc(double a, double b, double x);
/** x with I_x(a, b) = p; a, b > 0, 0 <= p <= 1. */
double crm_stats_beta_quantile(double a, double b, double p);
/** Regularised incomplete gamma P(a, x) and its complement Q(a, x); a > 0, x >= 0. */
double crm_stats_gamma_p(double a, double x);
double crm_stats_gamma_q(double a, double x);

/** P(|T| >= |t|) of Student's t; df > 0 (need not be whole). */
double crm_stats_t_p2(double t, double df);
/** P(T <= t). */
double crm_stats_t_cdf(double t, double df);
/** t with P(T <= t) = p; 0 < p < 1.  p = 0.975 gives the factor of a 95 % interval. */
double crm_stats_t_quantile(double p, double df);
/** P(F >= f); d1, d2 > 0; f <= 0 gives 1. */
double crm_stats_f_tail(double f, double d1, double d2);
/** P(X >= x) of chi-squared; df > 0; x <= 0 gives 1. */
double crm_stats_chi2_tail(double x, double df);
/** P(Z <= z), P(|Z| >= |z|) and z with P(Z <= z) = p (0 < p < 1) of the standard normal. */
double crm_stats_normal_cdf(double z);
double crm_stats_normal_p2(double z);
double crm_stats_normal_quantile(double p);
/** P(range of k independent standard normals >= q): the studentised range with infinite df; 2 <= k.
 */
double crm_stats_range_tail(double q, int k);
/** q with that tail = alpha, 0 < alpha < 1 (Tukey, Nemenyi). */
double crm_stats_range_quantile(double alpha, int k);
/** P(X <= x) of Binomial(n, 1/2), 0 <= x <= n (sign test, exact McNemar). */
double crm_stats_binom_half_cdf(int64_t x, int64_t n);
#endif
