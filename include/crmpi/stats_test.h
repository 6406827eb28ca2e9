/* stats_test.h - paired tests, intervals and verdicts (room stats).
 *
 * Notation: d_j = score of A - score of B on split j; J splits; S^2 = sum (d_j - mean)^2 / (J - 1).
 * Pure functions on arrays, thread-safe, not collective; functions with a crm_status take working
 * memory and can return CRM_ERR_NOMEM and CRM_ERR_ARG (n < 0 and the like), outputs then zeroed.
 * Every number in a result is finite, always: where a test has no answer the state says so and p is
 * 1, so that code that looks at p alone never claims a difference.  Formulas, sources and traps:
 * docs/statistics.md. */
#ifndef CRM_STATS_TEST_H
#define CRM_STATS_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_status.h"

typedef enum crm_stats_state {
    CRM_STATS_OK,
    CRM_STATS_DEGENERATE, /* no spread but a difference: the statistic would be infinite */
    CRM_STATS_UNDEFINED,  /* too few values (fewer than 2 pairs, one class only)         */
    CRM_STATS_STATE_COUNT
} crm_stats_state;
/** "ok", "degenerate", "undefined"; NULL-terminated. */
extern const char *const crm_stats_state_names[CRM_STATS_STATE_COUNT + 1];

typedef struct crm_interval {
    double lo, hi;
} crm_interval;

/** Result of a t test. */
typedef struct crm_ttest {
    crm_stats_state state;
    int64_t n;         /* values used: J                                       */
    int64_t dropped;   /* values left out because not finite (undefined metric) */
    double mean;       /* 0 when n = 0                                         */
    double sd;         /* S, without any factor                                */
    double se;         /* sqrt((1/J + ratio) S^2)                              */
    double t, df, p;   /* p two-sided; t = 0 and p = 1 unless state is OK      */
    crm_interval ci95; /* mean -+ t(0.975, df) se; both ends = mean unless state is OK */
} crm_ttest;

/** t test that the mean of x[n] is 0, and its interval, with variance factor 1/J + ratio.
 *  ratio = n2/n1 = test rows / training rows of a split, 1/(k - 1) for k folds (any number of
 * repeats): the corrected resampled t (Nadeau & Bengio 2003; Bouckaert & Frank 2004).  ratio = 0:
 * the naive paired t. x is the differences of two models, or one model's fold scores (then only
 * mean and ci95 mean something). Values that are not finite are dropped and counted.  S = 0 up to
 * rounding (8 units in the last place of the largest |x|): OK with t = 0, p = 1 when the mean is 0
 * too, else DEGENERATE.  n < 2: UNDEFINED. */
crm_ttest crm_stats_ttest(const double *x, int64_t n, double ratio);
/** The same on a[j] - b[j]; a pair with a value that is not finite is dropped; rounding is judged
 * by the size of the scores.  Use this one for scores: 0.9 - 0.8 and 0.8 - 0.7 differ by rounding
 * only. */
crm_ttest crm_stats_ttest_pairs(const double *a, const double *b, int64_t n, double ratio);

/** Posterior of the mean difference, Student(J - 1, mean, (1/J + rho/(1 - rho)) S^2) (Corani &
 * Benavoli 2015): P(mean < -rope), P(|mean| <= rope), P(mean > rope); they add to 1 unless
 * UNDEFINED (all 0). */
typedef struct crm_bayes {
    crm_stats_state state;
    double worse, rope, better;
} crm_bayes;
/** rho = 1/k, 0 <= rho < 1; rope >= 0.  With S = 0 all mass lies at the mean (state DEGENERATE
 * unless 0). */
crm_bayes crm_stats_bayes_t(const double *d, int64_t n, double rho, double rope);
/** The same on a[j] - b[j], with pairs and rounding as in crm_stats_ttest_pairs. */
crm_bayes crm_stats_bayes_t_pairs(const double *a, const double *b, int64_t n, double rho,
                                  double rope);

/** Size of a difference over the splits, in two forms that say nothing of chance. */
typedef struct crm_effect {
    crm_stats_state state; /* of d: as in the t test */
    int64_t n, dropped;
    double d;                   /* mean / S of the differences (Cohen's d_z); 0 unless OK */
    int64_t wins, ties, losses; /* splits on which a is better, as good, worse          */
} crm_effect;
/** Of a[j] - b[j]; direction is +1 when a higher score is better, -1 when a lower one is (for wins
 * and losses; d has the sign of a - b). */
crm_effect crm_stats_effect(const double *a, const double *b, int64_t n, int direction);

/** A statistic with its p value; df2 = 0 where the distribution has one df or none. */
typedef struct crm_stat {
    crm_stats_state state;
    double value, df1, df2, p;
} crm_stat;
/** 5x2cv t of Dietterich (1998), df 5, two-sided; d[2 i + j] = difference of fold j of repeat i. */
crm_stat crm_stats_5x2_t(const double d[10]);
/** 5x2cv F of Alpaydin (1999), df 10 and 5. */
crm_stat crm_stats_5x2_f(const double d[10]);

typedef struct crm_mcnemar {
    double chi2, p;       /* (b - c)^2 / (b + c), df 1                */
    double chi2_cc, p_cc; /* continuity-corrected (Edwards)           */
    double p_exact;       /* two-sided binomial; every p = 1 at b = c = 0 */
} crm_mcnemar;
/** b, c = rows only A, only B had right on one hold-out. */
crm_mcnemar crm_stats_mcnemar(int64_t b, int64_t c);
/** b, c for the above from labels and two predictions; a label of -1 is not counted. */
void crm_stats_discordant(const int32_t *label, const int32_t *a, const int32_t *b, int64_t n,
                          int64_t *only_a, int64_t *only_b);

/** Cochran's Q over correct[n][k] (nonzero = right), df k - 1; no row with a difference: value 0,
 * p 1. UNDEFINED when k < 2 or n < 1. */
crm_stat crm_stats_cochran_q(const uint8_t *correct, int64_t n, int k);

typedef struct crm_wilcoxon {
    crm_stats_state state;
    int64_t n;              /* differences ranked                                */
    int64_t dropped;        /* not finite                                        */
    double r_plus, r_minus; /* rank sums, ranks of zeros split evenly            */
    double z, p_normal;     /* Demsar (2006), no tie term; z <= 0, from the smaller sum */
    double p_exact;         /* conditional permutation p; = p_normal when n > 50 */
    bool exact;
} crm_wilcoxon;
/** Wilcoxon signed rank, two-sided.  Zero differences are ranked and their ranks split between the
 * sums (an odd one is left out).  n = 0: UNDEFINED. */
CRM_CHECKED crm_stats_wilcoxon(const double *d, int64_t n, crm_wilcoxon *out);
/** The same on a[j] - b[j], on a grid of 2^-40 of the largest score: differences of scores that are
 * equal but for rounding get equal ranks. */
CRM_CHECKED crm_stats_wilcoxon_pairs(const double *a, const double *b, int64_t n,
                                     crm_wilcoxon *out);

typedef struct crm_friedman {
    crm_stats_state
        state; /* DEGENERATE: all data sets agree fully, F would be infinite: p_f = p_chi2, f = 0 */
    int64_t n;
    int k;
    double chi2, p_chi2;     /* Friedman, df k - 1                          */
    double f, df1, df2, p_f; /* Iman-Davenport                              */
    double cd;               /* Nemenyi critical difference of mean ranks at 0.05 */
} crm_friedman;
/** From rank_sum[k] over n data sets (or segments), no tie correction.  UNDEFINED when n < 2 or k
 * < 2. */
crm_friedman crm_stats_friedman_ranks(const double *rank_sum, int64_t n, int k);
/** From score[n][k], higher is better (negate losses); rank 1 = best, ties get the midrank and the
 * usual tie correction; rank_sum[k] is written when not NULL.  CRM_ERR_ARG when a score is not
 * finite. */
CRM_CHECKED crm_stats_friedman(const double *score, int64_t n, int k, double *rank_sum,
                               crm_friedman *out);

typedef struct crm_delong {
    crm_stats_state state;
    double auc_a, auc_b, var_a, var_b, cov;
    double diff, z, p; /* diff = a - b */
    crm_interval ci95; /* of diff      */
} crm_delong;
/** DeLong, DeLong & Clarke-Pearson (1988) for two scores of the same rows; label[n] 1 positive, 0
 * negative, -1 not counted.  Fewer than 2 rows of a class: UNDEFINED.  CRM_ERR_ARG on another
 * label, CRM_ERR_NUMERIC when a score is NaN. */
CRM_CHECKED crm_stats_delong(const int32_t *label, const double *a, const double *b, int64_t n,
                             crm_delong *out);

/** Wilson score interval, 95 %, of x successes in n; n = 0 gives [0, 1]. */
crm_interval crm_stats_wilson(int64_t x, int64_t n);
/** Clopper-Pearson ("exact") interval, 95 %. */
crm_interval crm_stats_clopper_pearson(int64_t x, int64_t n);
/** Holm (1979) step-down adjustment of a family p[n]; adjusted[n] must not overlap p; NaN counts
 * as 1.
 */
void crm_stats_holm(const double *p, int n, double *adjusted);

/** What a comparison says about A against B. */
typedef enum crm_verdict {
    CRM_VERDICT_BETTER,
    CRM_VERDICT_WORSE,
    CRM_VERDICT_NO_DIFFERENCE,
    CRM_VERDICT_DEGENERATE,
    CRM_VERDICT_TOO_FEW,
    CRM_VERDICT_COUNT
} crm_verdict;
/** "better", "worse", "no significant difference", "degenerate", "too few folds"; NULL-terminated.
 */
extern const char *const crm_verdict_names[CRM_VERDICT_COUNT + 1];
/** Verdict of a corrected test of A - B whose Holm-adjusted p is p_holm; direction is +1 when a
 * higher score is better, -1 when a lower one is (crm_metric_direction).  Significant means p_holm
 * < alpha. */
crm_verdict crm_stats_verdict(const crm_ttest *corrected, double p_holm, double alpha,
                              int direction);
#endif
