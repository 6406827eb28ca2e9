/* record.h - the folder of a run: lock, provenance, metrics, predictions, summary (room record).
 *
 *     RUN/config.yaml     effective configuration with the origin of each value
 *     RUN/run.json        provenance: versions, host, ranks, times, digests (not reproducible)
 *     RUN/metrics.jsonl   one JSON object per epoch and per finished unit
 *     RUN/units/          result of each finished unit (a bag), so that a restart repeats none
 *     RUN/checkpoints/    fits at hand (ckpt_series.h), gone at the end
 *     RUN/models/         one model file per model, fitted on all rows
 *     RUN/predictions.h5  row ids, folds and probabilities per model
 *     RUN/units.json      digests of the weights and the predictions of each unit (reproducible)
 *     RUN/summary.json    the result, a contract for scripts (reproducible: no time, host, path,
 *                         ranks)
 *     RUN/report.md       the result for people, RUN/report.svg its figure (made by room report)
 *     RUN/ro-crate-metadata.json   the run as an RO-Crate 1.1, for archives
 *     RUN/.lock, .lease, .digest   who holds the folder; digest and command of the run
 *     RUN/.starts         a line for each time that the run was started
 *
 * Files are written by rank 0 through a temporary name; a reader never sees a part of one. */
#ifndef CRM_RECORD_H
#define CRM_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/base_str.h"
#include "crmpi/comm.h"
#include "crmpi/opt.h"

typedef enum crm_record_lock {
    CRM_RECORD_LOCK_AUTO,  /* flock; a lease file where there is none; heeds a lease */
    CRM_RECORD_LOCK_LEASE, /* the file always: flock may end at the node             */
    CRM_RECORD_LOCK_COUNT
} crm_record_lock;
typedef struct crm_record_cfg {
    double lock_wait;             /* s */
    int lock;                     /* crm_record_lock */
    const char *author, *license; /* for ro-crate-metadata.json; "": not told */
} crm_record_cfg;
extern const crm_opt crm_record_opts[]; /* record.* (LAYOUT) */

typedef struct crm_record crm_record;
typedef enum crm_record_state {
    CRM_RECORD_NEW,      /* the folder was made now, or was empty                   */
    CRM_RECORD_STARTED,  /* same config digest, not finished: go on                 */
    CRM_RECORD_FINISHED, /* same config digest, summary.json is there: print it     */
} crm_record_state;

/** Open or make the run folder and lock it (flock on RUN/.lock by rank 0; where flock is not
 * offered a lease file with host, pid, job id).  Collective.
 *  @param[in] config_yaml  effective configuration (crm_opt_set_write_yaml), written to config.yaml
 * when new
 *  @param[in] digest       of the configuration and the data
 *  @return CRM_OK; CRM_ERR_CONFIG when the folder holds a run with another digest (both named, the
 * options that differ, and what to do), is not a run folder (not empty, no digest in it), or is
 * locked after lock_wait seconds (holder named: host, pid, job); CRM_ERR_IO when it cannot be
 * written; CRM_ERR_FORMAT when its digest file is damaged, and no finished result or checkpoint
 * tells whose the folder is; else it is made again.  A failure leaves the folder as it was; *out is
 * then NULL. */
CRM_CHECKED crm_record_open(crm_comm *comm, const crm_record_cfg *cfg, const char *dir,
                            const char *command, const char *config_yaml, crm_digest digest,
                            crm_record_state *state, crm_record **out);
/** As crm_record_open, for one of several jobs that work on a run: when another job holds the
 * folder, and holds this run, it is not waited for.  This job then works beside it:
 * crm_record_is_beside; the record tells where the folder is and must not be written.  It waits
 * until `begun` (a file or folder of the run) is there.
 *  @return as crm_record_open, which waits for a holder that is of no run; CRM_ERR_STOPPED */
CRM_CHECKED crm_record_join(crm_comm *comm, const crm_record_cfg *cfg, const char *dir,
                            const char *command, const char *config_yaml, crm_digest digest,
                            const char *begun, crm_record_state *state, crm_record **out);
bool crm_record_is_beside(const crm_record *r);
/** Beside another job: hold the folder when nobody does any more, from now on as after
 *  crm_record_open.  Where it is still held nothing changes.  Collective.  CRM_ERR_IO */
CRM_CHECKED crm_record_hold(crm_record *r, const crm_record_cfg *cfg, crm_record_state *state);
/** Hold the folder no more, and work beside whoever does.  Not collective; on all ranks. */
void crm_record_release(crm_record *r);
/** A run that is there is gone on with, or what is not whole of a finished one is made again: this
 * start is noted, and config.yaml is written as it is now.  Collective. */
CRM_CHECKED crm_record_renew(crm_record *r, const char *config_yaml);
/** RUN/name into out. */
CRM_CHECKED crm_record_path(const crm_record *r, const char *name, char *out, size_t cap);
const char *crm_record_dir(const crm_record *r);
/** Append one line to metrics.jsonl: pairs of a key and a text, or a real number (NaN is written as
 * null) when text is NULL, after the texts "event", "unit" and "model".  The first call of a
 * process starts the file anew. Rank 0 writes, other ranks return at once.  CRM_ERR_IO.  Not
 * collective. */
typedef struct crm_record_pair {
    const char *key;
    double value;
    const char *text;
} crm_record_pair;
CRM_CHECKED crm_record_metrics(crm_record *r, const char *event, const char *unit,
                               const char *model, int n, const crm_record_pair *pair);
/** Add to run.json; written at close and by flush.  Rank 0 only, elsewhere no effect. path is
 * dotted: "digests.data".
 */
CRM_CHECKED crm_record_note_text(crm_record *r, const char *path, const char *value);
CRM_CHECKED crm_record_note_f64(crm_record *r, const char *path, double value);
CRM_CHECKED crm_record_note_i64(crm_record *r, const char *path, int64_t value);
CRM_CHECKED crm_record_note_list(crm_record *r, const char *path, int n, const char *const *item);
/** Effective configuration with origins into run.json ("config": {key: {value, origin}}). */
CRM_CHECKED crm_record_note_options(crm_record *r, const crm_opt_set *s);
/** Facts every run.json has: version and build, libraries, kernel, CPU, job, environment, starts of
 * the run, host and memory of each rank.  Collective. */
CRM_CHECKED crm_record_note_ranks(crm_record *r);
/** Write run.json.  Collective. */
CRM_CHECKED crm_record_flush(crm_record *r);
/** Last step of a run: size and digest of each file that is a result into run.json, then
 * ro-crate-metadata.json, then run.json.  Collective; CRM_ERR_IO, CRM_ERR_NOMEM. */
CRM_CHECKED crm_record_finish(crm_record *r);
/** Write a text file of the run atomically (rank 0; the others agree).  Collective. */
CRM_CHECKED crm_record_write(crm_record *r, const char *name, const char *text, size_t len);
/** Unlock and free.  Collective.  A folder that this call made and in which nothing was finished is
 * removed when failed is true and it holds nothing but what open wrote. */
void crm_record_close(crm_record **r, bool failed);

/** Read the effective configuration and digest of a finished run for predict or report.  CRM_ERR_IO
 * when dir is not a run folder (says what is missing).  *yaml is the caller's (crm_mem_free).  Not
 * collective. */
CRM_CHECKED crm_record_read_config(const char *dir, char **yaml, size_t *len);
/** Digest and command of the run in a folder, finished or not.  CRM_ERR_IO, CRM_ERR_FORMAT.  Not
 *  collective. */
CRM_CHECKED crm_record_read_origin(const char *dir, crm_digest *digest, char command[32]);
/** The text or whole number that was noted at a path in RUN/run.json ("data.kinds.0": the first of
 * a list); "" when there is none, nor a run.json that can be read.  Not collective. */
void crm_record_read_note(const char *dir, const char *path, char *out, size_t cap);

/* ---- what a run came to, unit by unit, and whether its folder is whole (docs/run-folder.md) ----
 */
enum { CRM_RECORD_UNIT_NAME_MAX = 96 };
/** Digests of a unit's results as hexadecimal texts; "" for what a unit of its kind does not have.
 */
typedef struct crm_record_unit {
    char name[CRM_RECORD_UNIT_NAME_MAX]; /* "hybrid-r0-f3", "hybrid-all"; "null-000002" */
    char weights[CRM_DIGEST_HEX];        /* fitted state                       */
    char predictions[CRM_DIGEST_HEX];    /* row numbers and probabilities      */
    char values[CRM_DIGEST_HEX];         /* what a block of experiments gave   */
} crm_record_unit;
/** Write RUN/units.json, one line for each of n units.  Rank 0 only, elsewhere no effect.
 *  CRM_ERR_IO, CRM_ERR_NOMEM. */
CRM_CHECKED crm_record_units(crm_record *r, int n, const crm_record_unit *unit);
/** Read DIR/units.json.  *out [n] is the caller's (crm_mem_free).  CRM_ERR_IO missing,
 *  CRM_ERR_FORMAT damaged.  Not collective. */
CRM_CHECKED crm_record_read_units(const char *dir, int *n, crm_record_unit **out);
/** Whether the folder holds a finished run as it was left: run.json has the digest that it says of
 *  itself, and each file that it lists has its size and digest.  Not collective.
 *  @return CRM_ERR_IO when the folder is no run, or one that is not finished; CRM_ERR_FORMAT names
 *          the first file that is missing or changed, with both digests */
CRM_CHECKED crm_record_check(const char *dir);
/** Lines "  program.compiler: gcc 12 there, gcc 13 here" for what can change a bit of a result and
 *  differs between the run.json of two folders; nothing when all is equal.  Not collective. */
CRM_CHECKED crm_record_differences(const char *there, const char *here, crm_str *out);
/** Make DIR/ro-crate-metadata.json anew when there is one: after files of the run were written
 *  again.  Not collective. */
CRM_CHECKED crm_record_crate_renew(const char *dir);
#endif
