/* stats_boot_impl.h - shared by the bootstraps of room stats. */
#ifndef CRM_STATS_BOOT_IMPL_H
#define CRM_STATS_BOOT_IMPL_H

#include "crmpi/stats_boot.h"

/** How often each of n rows is drawn in a replicate: the draws of crm_boot_row. */
void crm_boot_draw(uint64_t seed, uint32_t replicate, int64_t n, int32_t *times);
CRM_CHECKED crm_boot_check(int64_t n, int replicates);
/** Interval from x[replicates] and, for BCa, the values jack[n_jack] with one row left out (NULL:
 * percentile); reorders both. */
void crm_boot_finish(double value, double *x, int replicates, double *jack, int64_t n_jack,
                     crm_boot *out);
#endif
