/* sweep_follow.h - what other jobs on the same sweep have done and are about to do (room sweep).
 *
 * Several jobs may work in one folder.  Each follows the ledgers of the others: of a file only what
 * is new is read, and a line counts when it has its end.  A job claims units before it runs them,
 * so that others take different ones.  A claim is worth something while its job is alive: some file
 * of it has grown within the lease, by the clock of the one who looks, so clocks of two hosts are
 * never compared.  Claims save time and nothing else: two results of a unit are equal.
 *
 * A job is known by its tag; its ledgers are "TAG-RANK.log".  Nothing here is collective. */
#ifndef CRM_SWEEP_FOLLOW_H
#define CRM_SWEEP_FOLLOW_H

#include "crmpi/sweep_ledger.h"

typedef struct crm_sweep_follow crm_sweep_follow;
/** Follow the ledgers in a folder; those of job `own` are read by the first look only, and its
 *  claims never count.  holds: this job holds the run, so others that said that they do are gone.
 *  lease: s without a sign of life.  @return CRM_ERR_NOMEM */
CRM_CHECKED crm_sweep_follow_new(const char *dir, crm_digest run, const char *own, bool holds,
                                 double lease, crm_sweep_follow **out);
void crm_sweep_follow_free(crm_sweep_follow **f);
/** Read what is new; now: s of any clock that only goes forward.  A folder that is not there is
 *  empty.  @return CRM_ERR_IO, CRM_ERR_NOMEM; CRM_ERR_FORMAT names a unit with two different
 * results
 */
CRM_CHECKED crm_sweep_follow_look(crm_sweep_follow *f, double now);
/** A result of this job, so that it is found. */
CRM_CHECKED crm_sweep_follow_add(crm_sweep_follow *f, const crm_sweep_ledger_entry *e);
/** The result of a unit, valid until the next look; NULL: none yet.  A result counts before a
 *  failure. */
const crm_sweep_ledger_entry *crm_sweep_follow_find(const crm_sweep_follow *f, const char *name);
/** Whether another job that is alive is about to run it. */
bool crm_sweep_follow_claimed(const crm_sweep_follow *f, const char *name, double now);
/** Living jobs in the order of their tags, this one among them: their number, and its place. */
void crm_sweep_follow_place(const crm_sweep_follow *f, double now, int *place, int *jobs);
/** Whether a result has come since the last call for a unit of which a failure was known. */
bool crm_sweep_follow_revised(crm_sweep_follow *f);
/** Whether the writer of a file is gone (for crm_sweep_ledger_compact). */
bool crm_sweep_follow_gone(const crm_sweep_follow *f, const char *file, double now);
/** Files of dead writers that were not ended. */
int64_t crm_sweep_follow_left(const crm_sweep_follow *f, double now);
/** Lines that are torn, damaged or of another run. */
int64_t crm_sweep_follow_damaged(const crm_sweep_follow *f, double now);
#endif
