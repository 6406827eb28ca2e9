/* record_run.c - run.json: where, when and with what a result was made (not reproducible).  It
 * carries a digest of itself, so that damage and changes by hand are seen (record_check.c). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

crm_status crm_record_put(crm_record *r, const char *path, json_t *value)
{
    json_t *at = r->run;
    const char *dot;

    for (; at && (dot = strchr(path, '.')); path = dot + 1) {
        char key[128];
        json_t *next;
        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        next = json_object_get(at, key);
        if (!json_is_object(next)) {
            next = json_object();
            if (json_object_set_new(at, key, next) != 0) next = NULL;
        }
        at = next;
    }
    if (!value || !at || json_object_set_new(at, path, value) != 0) {
        if (!at) json_decref(value);
        CRM_FAIL(CRM_ERR_NOMEM, "out of memory: run.json, %s", path);
    }
    r->dirty = true;
    return CRM_OK;
}

json_t *crm_record_json_text(const char *s)
{
    json_t *v = json_string(s);
    char *plain;

    if (v) return v;
    plain = crm_mem_strdup(s);
    for (char *c = plain; c && *c; c++)
        if ((unsigned char)*c > 126) *c = '?';
    v = plain ? json_string(plain) : NULL;
    crm_mem_free(plain);
    return v;
}

crm_status crm_record_note_text(crm_record *r, const char *path, const char *value)
{
    return r->root ? crm_record_put(r, path, crm_record_json_text(value)) : CRM_OK;
}

crm_status crm_record_note_f64(crm_record *r, const char *path, double value)
{
    return r->root ? crm_record_put(r, path, crm_record_json_real(value)) : CRM_OK;
}

crm_status crm_record_note_i64(crm_record *r, const char *path, int64_t value)
{
    return r->root ? crm_record_put(r, path, json_integer(value)) : CRM_OK;
}

crm_status crm_record_note_list(crm_record *r, const char *path, int n, const char *const *item)
{
    json_t *all;

    if (!r->root) return CRM_OK;
    all = json_array();
    for (int i = 0; i < n && all; i++) {
        if (json_array_append_new(all, crm_record_json_text(item[i])) == 0) continue;
        json_decref(all);
        all = NULL;
    }
    return crm_record_put(r, path, all);
}

/* jansson says by its result that something is missing. */
typedef struct option_list {
    json_t *all;
    bool failed;
} option_list;

static void add_option(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    option_list *list = ctx;
    json_t *one = json_object();

    list->failed |= json_object_set_new(one, "value", crm_record_json_text(value)) != 0;
    list->failed |= json_object_set_new(one, "origin", crm_record_json_text(origin)) != 0;
    list->failed |= json_object_set_new(list->all, o->key, one) != 0;
}

crm_status crm_record_note_options(crm_record *r, const crm_opt_set *s)
{
    option_list list = {.all = NULL};
    crm_status st;

    if (!r->root) return CRM_OK;
    list.all = json_object();
    st = crm_opt_set_each(s, add_option, &list);
    if (!st && list.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: options for run.json");
    if (!st) return crm_record_put(r, "config", list.all);
    json_decref(list.all);
    return st;
}

typedef struct place {
    char host[256];
    int64_t pid, resident, held;
} place;

static json_t *rank_list(const place *p, int n)
{
    json_t *all = json_array();

    for (int i = 0; i < n && all; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "rank", json_integer(i));
        json_object_set_new(one, "host", crm_record_json_text(p[i].host));
        json_object_set_new(one, "pid", json_integer(p[i].pid));
        json_object_set_new(one, "peak_resident_bytes", json_integer(p[i].resident));
        json_object_set_new(one, "peak_held_bytes", json_integer(p[i].held));
        if (json_object_size(one) < 5) {
            json_decref(one);
            one = NULL;
        }
        if (json_array_append_new(all, one) != 0) {
            json_decref(all); /* memory is out; the caller sees it by NULL */
            return NULL;
        }
    }
    return all;
}

static int nodes(const place *p, int n)
{
    int all = 0;

    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < i && strcmp(p[k].host, p[i].host) != 0)
            k++;
        all += k == i;
    }
    return all;
}

static crm_status note_places(crm_record *r, const place *p, int n)
{
    CRM_TRY(crm_record_facts(r));
    CRM_TRY(crm_record_note_i64(r, "layout.ranks", n));
    CRM_TRY(crm_record_note_i64(r, "layout.nodes", nodes(p, n)));
    return crm_record_put(r, "ranks", rank_list(p, n));
}

crm_status crm_record_note_ranks(crm_record *r)
{
    place mine = {.pid = getpid(),
                  .resident = (int64_t)crm_mem_resident_peak(),
                  .held = (int64_t)crm_mem_peak()};
    void *all = NULL;
    size_t total;
    crm_status st;

    crm_comm_host(mine.host, sizeof mine.host);
    CRM_TRY(crm_comm_gather(r->comm, 0, &mine, sizeof mine, &all, &total, NULL));
    st = r->root ? note_places(r, all, crm_comm_size(r->comm)) : CRM_OK;
    crm_mem_free(all);
    return crm_comm_agree(r->comm, st);
}

/* ---- the file ---- */

crm_status crm_record_run_digest(const json_t *run, crm_digest *out)
{
    json_t *rest = json_copy((json_t *)run); /* shallow: its values are shared */
    crm_str text = {0};
    crm_status st = CRM_OK;

    json_object_del(rest, "digest");
    if (rest) crm_record_json_canonical(rest, &text);
    if (!rest || text.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: digest of run.json");
    else
        *out = crm_digest_of(text.text, text.len);
    crm_str_free(&text);
    json_decref(rest);
    return st;
}

crm_status crm_record_run_text(crm_record *r, crm_str *text)
{
    char utc[32], hex[CRM_DIGEST_HEX];
    crm_digest d;

    CRM_TRY(crm_record_note_text(r, "time.ended", crm_clock_utc(utc)));
    CRM_TRY(crm_record_note_f64(r, "time.seconds", crm_clock_now() - r->start));
    CRM_TRY(crm_record_run_digest(r->run, &d));
    CRM_TRY(crm_record_note_text(r, "digest", crm_digest_hex(d, hex)));
    crm_record_json_print_sorted(r->run, text);
    CRM_CHECK(!text->failed, CRM_ERR_NOMEM, "out of memory: run.json");
    return CRM_OK;
}

static crm_status write_text(crm_record *r, const crm_str *text)
{
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_record_path(r, "run.json", path, sizeof path));
    CRM_TRY(crm_path_write_atomic(path, text->text, text->len));
    r->dirty = false;
    return CRM_OK;
}

crm_status crm_record_run_write(crm_record *r)
{
    crm_str text = {0};
    crm_status st = crm_record_run_text(r, &text);

    if (!st) st = write_text(r, &text);
    crm_str_free(&text);
    return st;
}

crm_status crm_record_flush(crm_record *r)
{
    return crm_comm_agree(r->comm, r->root ? crm_record_run_write(r) : CRM_OK);
}

/* The crate goes first: a run without run.json is not finished, and is ended again. */
static crm_status finish_root(crm_record *r)
{
    crm_str text = {0};
    json_t *files = NULL;
    crm_status st;

    CRM_TRY(crm_record_results(r->dir, &files));
    CRM_TRY(crm_record_put(r, "files", files));
    st = crm_record_run_text(r, &text);
    if (!st) st = crm_record_crate(r->dir, r->run, &text);
    if (!st) st = write_text(r, &text);
    crm_str_free(&text);
    return st;
}

crm_status crm_record_finish(crm_record *r)
{
    return crm_comm_agree(r->comm, r->root ? finish_root(r) : CRM_OK);
}

crm_status crm_record_run_read(const char *dir, json_t **out)
{
    enum { LIMIT = 64 << 20 };
    char path[CRM_PATH_MAX], *text;
    json_error_t why;
    size_t len;

    *out = NULL;
    CRM_TRY(crm_path_join(dir, "run.json", path, sizeof path));
    CRM_TRY(crm_path_read(path, LIMIT, &text, &len));
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    crm_mem_free(text);
    if (!json_is_object(*out)) {
        bool parsed = *out != NULL;
        json_decref(*out);
        *out = NULL;
        CRM_FAIL(CRM_ERR_FORMAT,
                 "%s: is damaged: line %d: %s; the command of the run with the same --out makes it "
                 "again",
                 path, parsed ? 1 : why.line, parsed ? "not an object" : why.text);
    }
    return CRM_OK;
}
