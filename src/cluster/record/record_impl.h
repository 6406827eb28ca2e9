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
void crm_record_lock_drop(record_lock *l);

/* ---- what a folder holds (record_folder.c); one process -------------------------------------- */
#define RECORD_DIGEST_FILE ".digest"
#define RECORD_CONFIG_FILE "config.yaml"
typedef struct record_claim { /* what open wants of a folder */
    const char *dir, *command, *config;
    crm_digest digest;
} record_claim;
/** CRM_ERR_CONFIG when the folder is somebody else's: not empty and without a digest. */
CRM_CHECKED crm_record_folder_check(const char *dir);
/** Under the lock: compare with the run that is there, or write the claim.  *state becomes NEW just
 *  before something is written to an empty folder, and is untouched by an error before that. */
CRM_CHECKED crm_record_folder_claim(const record_claim *c, crm_record_state *state);
/** Remove what open wrote when there is nothing else; the folder itself when with_folder.  Silent:
 *  the error trail stays that of the failure. */
void crm_record_folder_undo(const char *dir, bool with_folder);
/** Lines "key: value" of two effective configurations that differ, at most 5, into out; how many.
 */
int crm_record_config_diff(const char *was, const char *is, crm_str *out);

/* ---- JSON (record_json.c) ---------------------------------------------------------------------
 */
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
    int metrics_fd;   /* rank 0: -1 until the first line */
    json_t *run;      /* rank 0: run.json */
    bool dirty;       /* notes that no file holds yet */
    double start;
};
/** run.json as noted so far; rank 0. */
CRM_CHECKED crm_record_run_write(crm_record *r);
#endif
