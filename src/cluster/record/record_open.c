/* record_open.c - open and close a run folder; its text files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_stop.h"
#include "record_impl.h"

/* Under the lock, or after it was not to be had; whatever fails, the folder is left as it was
 * found.
 */
static crm_status claim_root(crm_record *r, const record_claim *c, crm_status st)
{
    r->state = CRM_RECORD_STARTED;
    if (st && r->made) rmdir(c->dir); /* only goes when it is empty */
    if (!st) st = crm_record_folder_claim(c, &r->state);
    if (st && r->state == CRM_RECORD_NEW) crm_record_folder_undo(c->dir, r->made);
    if (st) crm_record_lock_drop(&r->lock);
    if (!st && r->state != CRM_RECORD_FINISHED)
        crm_record_starts_add(c->dir, crm_comm_size(r->comm));
    return st;
}

/* Rank 0's part of open. */
static crm_status open_root(crm_record *r, const crm_record_cfg *cfg, const record_claim *c)
{
    CRM_TRY(crm_record_folder_check(c));
    r->made = !crm_path_is_dir(c->dir);
    return claim_root(r, c, crm_record_lock_take(c->dir, cfg, &r->lock));
}

/* Another job holds the folder: whether it has got so far that one can work beside it. */
static crm_status find_begun(const record_claim *c, const char *begun, bool *ours, bool *ready)
{
    char path[CRM_PATH_MAX];

    *ready = false;
    CRM_TRY(crm_record_folder_is_ours(c, ours));
    CRM_TRY(crm_path_join(c->dir, begun, path, sizeof path));
    *ready = *ours && crm_path_exists(path);
    return CRM_OK;
}

/* Rank 0's part of join.  A holder that is of this run may take its time until it has begun; one
 * that is of none is waited for as by open. */
static crm_status join_root(crm_record *r, const crm_record_cfg *cfg, const record_claim *c,
                            const char *begun)
{
    double end = crm_clock_now() + 1;
    bool taken, ours = false, told = false;
    crm_status st;

    CRM_TRY(crm_record_folder_check(c));
    r->made = !crm_path_is_dir(c->dir);
    while (!crm_stop_signal()) {
        st = crm_record_lock_try(c->dir, cfg, &r->lock, &taken);
        if (st || taken) return claim_root(r, c, st);
        r->made = false;
        CRM_TRY(find_begun(c, begun, &ours, &r->beside));
        r->state = CRM_RECORD_STARTED;
        if (r->beside) return CRM_OK;
        if (!ours && crm_clock_now() >= end)
            return claim_root(r, c, crm_record_lock_take(c->dir, cfg, &r->lock));
        if (ours && !told)
            crm_log_line(CRM_LOG_INFO, "record", "%s: waits for the job that begins it", c->dir);
        told = told || ours;
        crm_record_lock_pause();
    }
    CRM_FAIL(CRM_ERR_STOPPED, "stopped by %s before the run had begun",
             crm_stop_name(crm_stop_signal()));
}

crm_status crm_record_renew(crm_record *r, const char *config_yaml)
{
    if (r->root && r->state == CRM_RECORD_FINISHED) /* else open has told it */
        crm_record_starts_add(r->dir, crm_comm_size(r->comm));
    return crm_record_write(r, RECORD_CONFIG_FILE, config_yaml, strlen(config_yaml));
}

static crm_status new_record(crm_comm *comm, const char *dir, crm_record **out)
{
    crm_record *r;

    *out = NULL;
    CRM_NEW(r, 1);
    *out = r;
    r->comm = comm;
    r->root = crm_comm_rank(comm) == 0;
    r->metrics_fd = -1;
    r->lock.fd = -1;
    r->start = crm_clock_now();
    CRM_TRY(crm_path_join("", dir, r->dir, sizeof r->dir));
    CRM_CHECK(r->dir[0], CRM_ERR_CONFIG, "the run folder has an empty name: --out DIR");
    return CRM_OK;
}

static crm_status note_start(crm_record *r, const record_claim *c)
{
    char hex[CRM_DIGEST_HEX], utc[32];

    if (!r->root) return CRM_OK;
    r->run = json_object();
    CRM_CHECK(r->run, CRM_ERR_NOMEM, "out of memory: run.json");
    CRM_TRY(crm_record_note_text(r, "command", c->command));
    CRM_TRY(crm_record_note_text(r, "digests.run", crm_digest_hex(c->digest, hex)));
    CRM_TRY(crm_record_note_text(r, "time.started", crm_clock_utc(utc)));
    r->dirty = false; /* nothing to write yet: a finished run keeps its run.json */
    return CRM_OK;
}

static void free_record(crm_record *r)
{
    if (r->metrics_fd >= 0) close(r->metrics_fd);
    crm_record_lock_drop(&r->lock);
    json_decref(r->run);
    crm_mem_free(r);
}

/* begun NULL: open, else join. */
static crm_status open_or_join(crm_comm *comm, const crm_record_cfg *cfg, const record_claim *claim,
                               const char *begun, crm_record_state *state, crm_record **out)
{
    crm_record *r = NULL;
    int64_t found[2] = {0, 0};
    crm_status st = new_record(comm, claim->dir, &r);

    crm_record_json_watch();
    *out = NULL;
    if (!st) st = note_start(r, claim);
    st = crm_comm_agree(comm, st);
    if (!st && r->root) st = begun ? join_root(r, cfg, claim, begun) : open_root(r, cfg, claim);
    st = crm_comm_agree(comm, st);
    if (!st) {
        found[0] = r->state;
        found[1] = r->beside;
        st = crm_comm_bcast(comm, 0, found, sizeof found);
    }
    if (st) {
        if (r) free_record(r);
        return st;
    }
    *state = r->state = (crm_record_state)found[0];
    r->beside = found[1] != 0;
    *out = r;
    return CRM_OK;
}

crm_status crm_record_open(crm_comm *comm, const crm_record_cfg *cfg, const char *dir,
                           const char *command, const char *config_yaml, crm_digest digest,
                           crm_record_state *state, crm_record **out)
{
    const record_claim claim = {
        .dir = dir, .command = command, .config = config_yaml, .digest = digest};

    return open_or_join(comm, cfg, &claim, NULL, state, out);
}

crm_status crm_record_join(crm_comm *comm, const crm_record_cfg *cfg, const char *dir,
                           const char *command, const char *config_yaml, crm_digest digest,
                           const char *begun, crm_record_state *state, crm_record **out)
{
    const record_claim claim = {
        .dir = dir, .command = command, .config = config_yaml, .digest = digest};

    return open_or_join(comm, cfg, &claim, begun, state, out);
}

bool crm_record_is_beside(const crm_record *r)
{
    return r->beside;
}

/* Under the lock: what has become of the run meanwhile. */
static void found_free(crm_record *r)
{
    char summary[CRM_PATH_MAX];

    r->beside = false;
    r->state = CRM_RECORD_STARTED;
    if (crm_record_path(r, "summary.json", summary, sizeof summary))
        crm_err_clear();
    else if (crm_path_exists(summary))
        r->state = CRM_RECORD_FINISHED;
    if (r->state != CRM_RECORD_FINISHED) crm_record_starts_add(r->dir, crm_comm_size(r->comm));
}

crm_status crm_record_hold(crm_record *r, const crm_record_cfg *cfg, crm_record_state *state)
{
    int64_t found[2];
    bool taken = false;
    crm_status st = CRM_OK;

    if (r->root) st = crm_record_lock_try(r->dir, cfg, &r->lock, &taken);
    if (taken) found_free(r);
    CRM_TRY(crm_comm_agree(r->comm, st));
    found[0] = r->state;
    found[1] = r->beside;
    CRM_TRY(crm_comm_bcast(r->comm, 0, found, sizeof found));
    *state = r->state = (crm_record_state)found[0];
    r->beside = found[1] != 0;
    return CRM_OK;
}

void crm_record_release(crm_record *r)
{
    if (r->root) crm_record_lock_drop(&r->lock);
    r->beside = true;
}

crm_status crm_record_path(const crm_record *r, const char *name, char *out, size_t cap)
{
    return crm_path_join(r->dir, name, out, cap);
}

const char *crm_record_dir(const crm_record *r)
{
    return r->dir;
}

crm_status crm_record_write(crm_record *r, const char *name, const char *text, size_t len)
{
    char path[CRM_PATH_MAX];
    crm_status st = crm_record_path(r, name, path, sizeof path);

    if (!st && r->root) st = crm_path_write_atomic(path, text ? text : "", text ? len : 0);
    return crm_comm_agree(r->comm, st);
}

/* Rank 0: last words into run.json; a failure there does not undo a finished result. */
static void close_root(crm_record *r, bool failed)
{
    if (failed && r->state == CRM_RECORD_NEW) crm_record_folder_undo(r->dir, r->made);
    if (failed || !r->dirty) return;
    if (crm_record_run_write(r)) {
        crm_log_line(CRM_LOG_WARN, "record", "run.json is not written: %s", crm_err_text());
        crm_err_clear();
    }
}

void crm_record_close(crm_record **rp, bool failed)
{
    crm_record *r = *rp;

    if (!r) return;
    *rp = NULL;
    if (crm_comm_barrier(r->comm)) failed = true; /* nobody writes any more */
    if (r->root && !r->beside) close_root(r, failed);
    free_record(r);
}

crm_status crm_record_read_config(const char *dir, char **yaml, size_t *len)
{
    enum { LIMIT = 1 << 20 };
    char path[CRM_PATH_MAX];

    *yaml = NULL;
    *len = 0;
    CRM_TRY(crm_path_join(dir, RECORD_CONFIG_FILE, path, sizeof path));
    CRM_CHECK(crm_path_exists(dir), CRM_ERR_IO, "%s: there is no such run folder", dir);
    CRM_CHECK(crm_path_is_dir(dir), CRM_ERR_IO, "%s: is a file; a run folder is needed", dir);
    CRM_CHECK(crm_path_exists(path), CRM_ERR_IO,
              "%s: is not a run folder: " RECORD_CONFIG_FILE " is missing in it", dir);
    return crm_path_read(path, LIMIT, yaml, len);
}

/* What stands at a dotted path; NULL when there is nothing. */
static const json_t *at_path(const json_t *tree, const char *path)
{
    char key[128];

    for (; tree && *path; path += strcspn(path, "."), path += *path == '.') {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(path, "."), path);
        tree = json_is_array(tree) ? json_array_get(tree, strtoul(key, NULL, 10))
                                   : json_object_get(tree, key);
    }
    return tree;
}

void crm_record_read_note(const char *dir, const char *path, char *out, size_t cap)
{
    json_t *tree = NULL;
    const json_t *at;

    out[0] = '\0';
    if (crm_record_run_read(dir, &tree)) {
        crm_err_clear();
        return;
    }
    at = at_path(tree, path);
    if (json_is_string(at)) snprintf(out, cap, "%s", json_string_value(at));
    if (json_is_integer(at)) snprintf(out, cap, "%lld", (long long)json_integer_value(at));
    json_decref(tree);
}
