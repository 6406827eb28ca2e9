/* base_run.h - clock, floating-point mode and worker threads of this process (room base). */
#ifndef CRM_BASE_RUN_H
#define CRM_BASE_RUN_H

#include <stdint.h>

#include "crmpi/base_status.h"

/** Seconds of a clock that never goes back; only differences mean something. */
double crm_clock_now(void);
/** UTC as "2026-01-31T12:00:00Z" for provenance; out has 32 bytes; returns out. */
char *crm_clock_utc(char out[32]);

/** Round to nearest, flush denormals to zero (FTZ + DAZ) in the calling thread.  Every thread that
 *  computes calls it first; pool threads do so by themselves. */
void crm_fp_setup(void);

/** Fixed set of worker threads.  A pool belongs to the main thread, which takes part as worker 0.
 */
typedef struct crm_pool crm_pool;
typedef crm_status (*crm_task_fn)(void *ctx, int64_t task, int worker);
/** n_workers >= 1 in all, the caller included; 1 makes no thread. */
CRM_CHECKED crm_pool_new(int n_workers, crm_pool **out);
int crm_pool_size(const crm_pool *p);
/** Run fn for every task in [0, n); worker w takes tasks [w n / W, (w + 1) n / W) in order. Returns
 * the status of the lowest failing task, with its message.  pool NULL means: all in the calling
 * thread. */
CRM_CHECKED crm_pool_run(crm_pool *p, int64_t n, crm_task_fn fn, void *ctx);
void crm_pool_free(crm_pool **p);
#endif
