/* record_null.h - what simulated null experiments say of the tests: calibrate.json in memory (room
 * record).
 *
 *     {"format": 1, "data", "a", "b", "metric", "target", "labels", "rows", "folds", "repeats",
 *      "split", "alpha", "replicates", "constant", "mean_diff", "se_diff", "tests": [{"name",
 * "replicates", "rejected", "rate", "ci95": [lo, hi]}]}
 *
 * No time, host, path or number of ranks: equal data, configuration and seed give an equal file. */
#ifndef CRM_RECORD_NULL_H
#define CRM_RECORD_NULL_H

#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"

enum { CRM_NULL_TESTS_MAX = 12 };
typedef struct crm_null_test {
    const char *name;     /* static: "corrected t"                         */
    int64_t n, rejected;  /* replicates in which it has an answer, says no */
    double rate, ci95[2]; /* rejected / n, Wilson; NaN when n = 0          */
} crm_null_test;
typedef struct crm_null {
    const char *a, *b, *metric, *target, *labels, *split; /* borrowed */
    crm_digest data;
    int64_t rows, replicates, constant; /* constant: all differences were 0 */
    int folds, repeats;
    double alpha;
    double mean_diff, se_diff; /* score of a - score of b over the experiments; NaN: not defined */
    int n_tests;
    crm_null_test test[CRM_NULL_TESTS_MAX];
} crm_null;
/** Text of calibrate.json; the caller's (crm_mem_free). */
CRM_CHECKED crm_null_write(const crm_null *n, char **text, size_t *len);
#endif
