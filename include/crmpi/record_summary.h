/* record_summary.h - summary.json in memory (room record).  docs/summary-format.md.
 *
 *     {"format": 1, "targets": [{"name", "level", "rows", "folds", "repeats", "split",
 *        "test_over_train", "alpha", "classes": [..],
 *        "models": [{"name", "metrics": {"accuracy": {"mean", "ci95": [lo, hi], "folds": [..]},
 *           ..}, "confusion": [[..]], "pooled": {..}, "threshold": {..}, "explanation": {..}}],
 *        "comparisons": [{"a", "b", "metric", "mean_diff", "naive": {"t", "df", "p"}, "corrected":
 *           {"t", "df", "p", "p_holm", "ci95"}, "verdict", "bayes": {..}, "effect": {..},
 *           "wilcoxon": {..}, "cv5x2": {..}}],
 *        "holdout": {..}, "segments": {..}, "published": {..}, "satisfaction": {..}, "notes":
 * [..]}], "digests": {"data", "folds", "weights", "predictions", "summary"}}
 *
 * A number that is not defined is null.  digests.summary is the digest of the file without
 * "digests", keys sorted, numbers as hexadecimal floats. */
#ifndef CRM_RECORD_SUMMARY_H
#define CRM_RECORD_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"

typedef struct crm_sum_metric {
    char *name;         /* "accuracy" */
    double mean, ci[2]; /* over folds; NaN: undefined */
    int n_folds;        /* repeats x folds */
    double *fold;       /* [n_folds]; NaN where undefined */
} crm_sum_metric;
/** One class against the rest: how many rows of each are taken at each threshold, from the highest
 * down. */
typedef struct crm_sum_curve {
    char *class_name;
    int64_t positives, negatives;
    int n;             /* points */
    double *threshold; /* [n]; NaN: above all scores (the first) */
    int64_t *tp, *fp;  /* [n] */
} crm_sum_curve;
/** Reliability in bins of equal width. */
typedef struct crm_sum_calibration {
    int n;
    int64_t *rows, *hits; /* [n] */
    double *mean;         /* [n] probability; NaN without rows */
    double ece;
} crm_sum_calibration;
/** Of the test predictions of the first repeat, all folds together. */
typedef struct crm_sum_pooled {
    bool present;
    int64_t rows, right;
    double accuracy, accuracy_ci[2]; /* Wilson */
    double auc, auc_ci[2];
    char *auc_ci_method; /* "bootstrap", "delong"; NULL: no interval */
    int n_curves;
    crm_sum_curve *curve; /* two classes: of the second; more: of each, up to 10 */
    crm_sum_calibration calibration;
} crm_sum_pooled;
/** Scores at a threshold of the second class that was chosen on training rows. */
typedef struct crm_sum_threshold {
    bool present;
    char *rule;              /* "f1", "youden", "cost" */
    double cost_fn, cost_fp; /* of a row of the second class missed, of the first taken for it */
    int n_folds;
    double *fold; /* [n_folds] thresholds; NaN: none could be chosen, 0.5 was used */
    int n_metrics;
    crm_sum_metric *metric; /* accuracy, precision, recall, f1, cost (mean of a row) */
} crm_sum_threshold;
/** A column of the profile, or a block, as a model needs it. */
typedef struct crm_sum_feature {
    char *name;
    int n_folds;        /* 0: no importance */
    double *fold;       /* [n_folds] fall of the score, mean over the permutations */
    double mean, ci[2]; /* over folds */
    int n_points;       /* 0: no curve of dependence */
    double *x, *y;      /* [n_points] value or number of the level; mean probability of the last
                           class over rows and folds */
    int n_levels;       /* 0: x are values */
    char **level;       /* [n_levels] */
} crm_sum_feature;
typedef struct crm_sum_explanation {
    char *metric; /* whose fall is the importance; NULL: no explanation */
    int64_t permutations;
    int n;
    crm_sum_feature *feature;
} crm_sum_explanation;
typedef struct crm_sum_model {
    char *name; /* "hybrid"; "oracle" for the true probabilities of synthetic data */
    int n_metrics;
    crm_sum_metric *metric;
    int64_t *confusion; /* [n_classes][n_classes], rows = true, summed over repeats; NULL: none */
    int64_t tokens, tokens_right; /* of a target of tokens: tested, with the right tag; else 0 */
    crm_sum_pooled pooled;
    crm_sum_threshold threshold;
    crm_sum_explanation explanation;
} crm_sum_model;
typedef struct crm_sum_test {
    double t, df, p, p_holm, ci[2]; /* NaN: undefined; p_holm and ci of the corrected test only */
} crm_sum_test;
typedef struct crm_sum_comparison {
    char *a, *b, *metric;
    double mean_diff; /* a - b */
    int dropped;      /* folds in which the metric is undefined */
    crm_sum_test naive, corrected;
    char *verdict; /* in words, for a: "better", "no significant difference" ... */
    /* Beside the tests; none of it decides.  NaN, -1: not known or not defined. */
    double rope, worse, in_rope, better; /* Bayesian correlated t, of a */
    double effect;                       /* mean / S of the differences */
    int wins, ties, losses;              /* folds, of a */
    double wilcoxon_p;
    double t5x2, t5x2_p, f5x2, f5x2_p; /* 5 x 2 folds only */
} crm_sum_comparison;

/** Two models on the one test part. */
typedef struct crm_sum_holdout_pair {
    char *a, *b;
    int64_t only_a, only_b; /* rows that only this one has right */
    double chi2_corrected, p_corrected, p_exact, p_exact_holm; /* McNemar */
    char *verdict;                                             /* from p_exact_holm, for a */
    bool has_auc;                                              /* two classes */
    double auc_a, auc_b, diff;                                 /* a - b */
    double ci[2], z, p, p_holm;                                /* DeLong */
    char *auc_verdict;
} crm_sum_holdout_pair;
typedef struct crm_sum_holdout {
    bool present; /* one test part, two models or more */
    int64_t rows;
    double q, q_df, q_p; /* Cochran, all models */
    int n;
    crm_sum_holdout_pair *pair;
} crm_sum_holdout;

/** Ranks of the models over the levels of a column, by one metric. */
typedef struct crm_sum_segment_test {
    char *metric;
    int used;                     /* segments in which the metric is defined for all models */
    double *score;                /* [n_models][n_levels]; NaN: not used */
    double *mean_rank;            /* [n_models]; 1 is best */
    double chi2, chi2_df, chi2_p; /* Friedman */
    double f, f_df1, f_df2, f_p;  /* Iman-Davenport */
    double cd;                    /* Nemenyi, 0.05 */
} crm_sum_segment_test;
typedef struct crm_sum_segments {
    char *column; /* NULL: none */
    int n_models, n_levels, n_tests;
    char **model, **level;
    int64_t *rows; /* [n_levels] tested */
    crm_sum_segment_test *test;
} crm_sum_segments;

/** Figures that somebody published for these models, to stand beside ours. */
typedef struct crm_sum_published {
    char *source; /* "": not told; NULL: no figures */
    int n;
    char **model, **metric; /* [n] */
    double *value;          /* [n] */
} crm_sum_published;

typedef struct crm_sum_lift { /* satisfaction before and after a measure */
    bool present;
    int64_t treated, control;                            /* customers asked twice */
    double before, after, diff, ci[2], p;                /* treated, paired */
    double relative, relative_ci[2];                     /* 100 diff / |before|, %; NaN: none */
    double control_diff, effect, effect_ci[2], effect_p; /* difference in differences, Welch */
} crm_sum_lift;
typedef struct crm_sum_target {
    char *name, *level;
    int64_t rows;
    int folds, repeats, n_classes;
    char *split; /* "stratified", "plain", "grouped", "holdout", "file"; NULL: not known */
    double test_over_train; /* n2/n1 of the corrected tests; NaN: not known */
    double alpha;           /* significance level of the verdicts; NaN: not known */
    char **class_name;
    int n_models, n_comparisons, n_notes;
    crm_sum_model *model;
    crm_sum_comparison *comparison;
    crm_sum_holdout holdout;
    crm_sum_segments segments;
    crm_sum_published published;
    crm_sum_lift lift;
    char **note;
} crm_sum_target;
typedef struct crm_summary {
    int n_targets;
    crm_sum_target *target;
    crm_digest data, folds, weights, predictions, summary;
} crm_summary;

/** JSON text of a summary (fills s->summary first).  *text is the caller's (crm_mem_free). */
CRM_CHECKED crm_summary_write(crm_summary *s, char **text, size_t *len);
/** Read summary.json.  CRM_ERR_IO missing, CRM_ERR_FORMAT not ours or digest does not fit. */
CRM_CHECKED crm_summary_read(const char *path, crm_summary **out);
/** Free everything in it and itself; all pointers come from crm_mem_new. */
void crm_summary_free(crm_summary **s);
/** Model and metric by name, NULL when absent. */
const crm_sum_model *crm_summary_model(const crm_sum_target *t, const char *name);
const crm_sum_metric *crm_summary_metric(const crm_sum_model *m, const char *name);
#endif
