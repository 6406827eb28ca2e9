/* record_summary.h - summary.json in memory (room record).  docs/summary-format.md.
 *
 *     {"format": 1, "targets": [{"name", "level", "rows", "folds", "repeats", "split",
 *        "test_over_train", "alpha", "classes": [..],
 *        "models": [{"name", "metrics": {"accuracy": {"mean", "ci95": [lo, hi], "folds": [..]},
 * ..}, "confusion": [[..]]}], "comparisons": [{"a", "b", "metric", "mean_diff", "naive": {"t",
 * "df", "p"}, "corrected": {"t", "df", "p", "p_holm", "ci95"}, "verdict"}], "satisfaction": {..},
 * "notes": [..]}], "digests": {"data", "folds", "weights", "predictions", "summary"}}
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
typedef struct crm_sum_model {
    char *name; /* "hybrid"; "oracle" for the true probabilities of synthetic data */
    int n_metrics;
    crm_sum_metric *metric;
    int64_t *confusion; /* [n_classes][n_classes], rows = true, summed over repeats; NULL: none */
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
} crm_sum_comparison;
typedef struct crm_sum_lift { /* satisfaction before and after a measure */
    bool present;
    int64_t treated, control;                            /* customers asked twice */
    double before, after, diff, ci[2], p;                /* treated, paired */
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
