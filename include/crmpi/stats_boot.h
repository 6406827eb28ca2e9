/* stats_boot.h - bootstrap intervals (room stats).
 *
 * Draw i of replicate b is a function of (seed, b, i) alone, so a replicate can be made at any time
 * and by any thread.  Pure functions, thread-safe, not collective.  Efron & Tibshirani 1993,
 * chapters 13 and 14; docs/statistics.md. */
#ifndef CRM_STATS_BOOT_H
#define CRM_STATS_BOOT_H

#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/stats_test.h"

enum { CRM_BOOT_REPLICATES = 2000 };

typedef enum crm_boot_kind {
    CRM_BOOT_PERCENTILE,
    CRM_BOOT_BCA, /* bias-corrected and accelerated */
    CRM_BOOT_COUNT
} crm_boot_kind;

typedef struct crm_boot {
    /* DEGENERATE: all replicates are equal; UNDEFINED: the statistic is, or it is in more than a
     * tenth of the replicates.  The ends are then the value, or 0. */
    crm_stats_state state;
    int replicates, dropped;   /* used; not finite, left out */
    double value;              /* of the sample itself */
    double se;                 /* standard deviation of the replicates */
    crm_interval ci95;         /* quantiles by linear interpolation (type 7) */
    double bias, acceleration; /* z0 and a of BCa; 0 for PERCENTILE */
} crm_boot;

/** Row that draw i of a replicate takes out of n. */
int64_t crm_boot_row(uint64_t seed, uint32_t replicate, int64_t i, int64_t n);

/** A statistic of the sample row[n] (rows may come several times); NaN where it is not defined.
 * Bits must depend on the rows only. */
typedef double (*crm_boot_fn)(const void *ctx, int64_t n, const int64_t *row);
/** Interval of f over rows 0 .. n - 1.  BCa calls f n times more, each with a row left out.
 * CRM_ERR_ARG, CRM_ERR_NOMEM; out then zeroed. */
CRM_CHECKED crm_stats_bootstrap(crm_boot_fn f, const void *ctx, int64_t n, crm_boot_kind kind,
                                int replicates, uint64_t seed, crm_boot *out);
/** The same for the AUC of proba[n][k] (crm_metric's: class 1, or the macro value), from whole pair
 * counts: rows without a label are not drawn, and neither the order of the rows nor that of the
 * sums has a say.  Time about 15 ns x n x replicates for two classes.  CRM_ERR_ARG, CRM_ERR_NUMERIC
 * on NaN, CRM_ERR_NOMEM; out then zeroed. */
CRM_CHECKED crm_stats_bootstrap_auc(int64_t n, int k, const int32_t *label, const double *proba,
                                    crm_boot_kind kind, int replicates, uint64_t seed,
                                    crm_boot *out);
#endif
