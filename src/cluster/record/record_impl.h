/* record_impl.h - shared by the files of room record only. */
#ifndef CRM_RECORD_IMPL_H
#define CRM_RECORD_IMPL_H

#include <jansson.h>

#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/record.h"
#include "crmpi/record_summary.h"

/* ---- lock of a run folder (record_lock.c); one process -------------------------------------- */
typedef struct record_lock {
    char dir[CRM_PATH_MAX];
    int fd;     /* of .lock with flock held, -1: none */
    bool lease; /* .lease is ours */
} record_lock;
#define RECORD_LOCK_FILE  ".lock"
#define RECORD_LEASE_FILE ".lease"
/** Make the folder if need be and lock it.  CRM_ERR_CONFIG names the holder when the wait is over,
 *  CRM_ERR_IO when the folder cannot be made or written. */
CRM_CHECKED crm_record_lock_take(const char *dir, const crm_record_cfg *cfg, record_lock *out);
/** One attempt; *taken false: another holds it. */
CRM_CHECKED crm_record_lock_try(const char *dir, const crm_record_cfg *cfg, record_lock *out,
                                bool *taken);
/** Between two attempts. */
void crm_record_lock_pause(void);
void crm_record_lock_drop(record_lock *l);

/* ---- what a folder holds (record_folder.c); one process -------------------------------------- */
#define RECORD_DIGEST_FILE ".digest"
#define RECORD_CONFIG_FILE "config.yaml"
typedef struct record_claim { /* what open wants of a folder */
    const char *dir, *command, *config;
    crm_digest digest;
} record_claim;
/** CRM_ERR_CONFIG when the folder is somebody else's: not empty, without a digest, and without
 * results of this run. */
CRM_CHECKED crm_record_folder_check(const record_claim *c);
/** Under the lock: compare with the run that is there, or write the claim.  *state becomes NEW just
 *  before something is written to an empty folder, and is untouched by an error before that. */
CRM_CHECKED crm_record_folder_claim(const record_claim *c, crm_record_state *state);
/** Without the lock, writing nothing: whether the folder holds this run; false: nothing yet that
 * can be read.  CRM_ERR_CONFIG: another one, as claim says it. */
CRM_CHECKED crm_record_folder_is_ours(const record_claim *c, bool *ours);
/** Remove what open wrote when there is nothing else; the folder itself when with_folder.  Silent:
 *  the error trail stays that of the failure. */
void crm_record_folder_undo(const char *dir, bool with_folder);
/** Lines "key: value" of two effective configurations that differ, at most 5, into out; how many.
 */
int crm_record_config_diff(const char *was, const char *is, crm_str *out);

/** Whether the finished results and checkpoints in the folder are of this run, all that can be read
 *  and at least one (record_ledger.c). */
bool crm_record_ledger_agrees(const record_claim *c);

/* ---- JSON (record_json.c) ---------------------------------------------------------------------
 */
/** From now on it is noted when jansson gets no memory: texts of trees that are made afterwards
 *  come out as failed, once. */
void crm_record_json_watch(void);
/** Whether it got none since the last call, or the last text; for callers that do without. */
bool crm_record_json_lost(void);
/** Put back what lost said. */
void crm_record_json_lose(bool lost);
/** Indented text, keys in order of insertion, lists of plain values on one line, reals with the
 *  fewest digits that read back.  out->failed when memory is out. */
void crm_record_json_print(const json_t *v, crm_str *out);
/** The same with keys sorted. */
void crm_record_json_print_sorted(const json_t *v, crm_str *out);
/** Text for a digest: no white space, keys sorted, every number as a hexadecimal float. */
void crm_record_json_canonical(const json_t *v, crm_str *out);
/** A real; null when it is not finite; -0 as 0. */
json_t *crm_record_json_real(double v);

/** Digest of a summary's tree, which has no "digests". */
enum { RECORD_SUMMARY_FORMAT = 1 };
CRM_CHECKED crm_record_summary_digest(const json_t *tree, crm_digest *out);

struct crm_record {
    crm_comm *comm; /* borrowed */
    bool root;
    char dir[CRM_PATH_MAX];
    crm_record_state state;
    record_lock lock; /* rank 0 */
    bool made;        /* rank 0: the folder was made by open */
    bool beside;      /* another job holds the folder; nothing is written */
    int metrics_fd;   /* rank 0: -1 until the first line */
    json_t *run;      /* rank 0: run.json */
    bool dirty;       /* notes that no file holds yet */
    double start;
};
/** Put value, which it takes over, at a dotted path of run.json, making objects on the way; rank 0.
 *  CRM_ERR_NOMEM, also when value is NULL. */
CRM_CHECKED crm_record_put(crm_record *r, const char *path, json_t *value);
/** Text of foreign origin (paths) may be no UTF-8; such bytes become '?'. */
json_t *crm_record_json_text(const char *s);
/** run.json as noted so far, with its own digest; rank 0. */
CRM_CHECKED crm_record_run_text(crm_record *r, crm_str *text);
CRM_CHECKED crm_record_run_write(crm_record *r);
/** Digest of run.json without its "digest". */
CRM_CHECKED crm_record_run_digest(const json_t *run, crm_digest *out);
/** DIR/run.json as a tree (json_decref).  CRM_ERR_IO missing, CRM_ERR_FORMAT no JSON object. */
CRM_CHECKED crm_record_run_read(const char *dir, json_t **out);

/** Program, machine, job and environment into run.json (record_facts.c); rank 0. */
CRM_CHECKED crm_record_facts(crm_record *r);

/* Made at each build (cmake/build_facts.cmake); the commit is "" where it is not known. */
extern const char crm_build_commit[], crm_build_type[], crm_build_flags[];

/* ---- times at which a run was started (record_starts.c); one process ----------------------------
 */
#define RECORD_STARTS_FILE ".starts"
/** Append a line to DIR/.starts.  A failure is silent: it must not keep a run from running. */
void crm_record_starts_add(const char *dir, int ranks);
/** [{"time", "host", "ranks", "job"}] in order of time; lines that were cut off are left out. */
json_t *crm_record_starts(const char *dir);

/* ---- files of a run (record_files.c); one process ----------------------------------------------
 */
/** Size and digest (XXH3-128 of its bytes, as `xxh128sum` prints it) of a file; CRM_ERR_IO. */
CRM_CHECKED crm_record_file_digest(const char *path, int64_t *bytes, crm_digest *out);
/** {"summary.json": {"bytes", "digest"}, ...} of the results in DIR. */
CRM_CHECKED crm_record_results(const char *dir, json_t **out);
/** Names of the plain files of DIR/sub, sorted, without hidden and temporary ones; sub "": of DIR.
 *  *out is a JSON list of texts ("sub/name"), also after a failure. */
CRM_CHECKED crm_record_list(const char *dir, const char *sub, json_t **out);

/* ---- RO-Crate (record_crate.c); one process ----------------------------------------------------
 */
#define RECORD_CRATE_FILE "ro-crate-metadata.json"
/** Write it for the files in DIR; run: run.json, whose text is about to be written. */
CRM_CHECKED crm_record_crate(const char *dir, const json_t *run, const crm_str *run_text);
#endif
