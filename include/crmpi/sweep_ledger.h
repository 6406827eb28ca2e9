/* sweep_ledger.h - results of units as lines of files that are only ever appended to (room sweep).
 *
 * Each writer has a file of its own, so that nothing is locked and several jobs may work in one
 * folder on a shared file system.  A line carries a checksum that also covers the digest of the
 * run: a torn or damaged line, or one of another run, counts as not there, and its unit is run
 * again.  Nothing here is collective. */
#ifndef CRM_SWEEP_LEDGER_H
#define CRM_SWEEP_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"

enum { CRM_SWEEP_LEDGER_NAME_MAX = 96, CRM_SWEEP_LEDGER_CAUSE_MAX = 240 };

typedef struct crm_sweep_ledger_entry {
    char name[CRM_SWEEP_LEDGER_NAME_MAX];   /* of the unit; no blanks                    */
    bool failed;                            /* and not to be run again                   */
    double loss, seconds;                   /* loss NaN: none                            */
    crm_digest result;                      /* of what was computed; not of the time     */
    char cause[CRM_SWEEP_LEDGER_CAUSE_MAX]; /* of a failure; control characters are written as
                                               blanks */
} crm_sweep_ledger_entry;

typedef struct crm_sweep_ledger crm_sweep_ledger;
/** Append to DIR/WRITER.log, made when it is not there; the folder exists.  writer: letters,
 *  digits, '-', '_' and '.', of one process at a time, such as "JOB-RANK".
 *  @return CRM_ERR_IO, CRM_ERR_NOMEM */
CRM_CHECKED crm_sweep_ledger_open(const char *dir, const char *writer, crm_digest run,
                                  crm_sweep_ledger **out);
/** One line, on disk when this returns, also when the file was taken away meanwhile.  After
 * CRM_ERR_IO (a full disk) the line is not there, or counts as torn, and the next one can be added.
 */
CRM_CHECKED crm_sweep_ledger_add(crm_sweep_ledger *l, const crm_sweep_ledger_entry *e);
/** Tell other jobs which units this writer's job is about to run, n entries of which the names
 *  count; n 0: only that it is alive.  As crm_sweep_ledger_add, but nothing depends on it. */
CRM_CHECKED crm_sweep_ledger_claim(crm_sweep_ledger *l, int64_t n, const crm_sweep_ledger_entry *e);
/** Tell them that this writer's job holds the run: those that said so before are gone. */
CRM_CHECKED crm_sweep_ledger_hold(crm_sweep_ledger *l);
/** Ends the file: from now on crm_sweep_ledger_compact may take it away.  Returns what went wrong;
 * *l is freed and NULL in any case. */
CRM_CHECKED crm_sweep_ledger_close(crm_sweep_ledger **l);

typedef struct crm_sweep_ledger_all {
    int64_t n;
    crm_sweep_ledger_entry *entry; /* [n] by name, each name once; a result before a failure */
    int64_t files, damaged;        /* lines that are torn, damaged or of another run         */
} crm_sweep_ledger_all;
/** All lines of all files of a folder; a folder that is not there has none.
 *  @return CRM_ERR_IO, CRM_ERR_NOMEM; CRM_ERR_FORMAT names a unit with two different results */
CRM_CHECKED crm_sweep_ledger_read(const char *dir, crm_digest run, crm_sweep_ledger_all *out);
/** The entry of a unit, NULL: none. */
const crm_sweep_ledger_entry *crm_sweep_ledger_find(const crm_sweep_ledger_all *a,
                                                    const char *name);
void crm_sweep_ledger_all_free(crm_sweep_ledger_all *a);
/** Put all lines into DIR/all.log and remove the files that were ended, and those that gone (may be
 *  NULL) says are of a writer that is dead; one that was not goes on in a new file.  Whenever it is
 *  killed, all lines are there.  One process at a time.  @return as crm_sweep_ledger_read */
CRM_CHECKED crm_sweep_ledger_compact(const char *dir, crm_digest run,
                                     bool (*gone)(void *ctx, const char *name), void *ctx);
#endif
