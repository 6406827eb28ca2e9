/* record_run.c - run.json: where, when and with what a result was made (not reproducible). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/store.h"
#include "record_impl.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Puts value, which it takes over, at a dotted path, making objects on the way. */
static crm_status put(crm_record *r, const char *path, json_t *value)
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

/* Text of foreign origin (paths) may be no UTF-8; such bytes become '?'. */
static json_t *any_text(const char *s)
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
    return r->root ? put(r, path, any_text(value)) : CRM_OK;
}

crm_status crm_record_note_f64(crm_record *r, const char *path, double value)
{
    return r->root ? put(r, path, crm_record_json_real(value)) : CRM_OK;
}

crm_status crm_record_note_i64(crm_record *r, const char *path, int64_t value)
{
    return r->root ? put(r, path, json_integer(value)) : CRM_OK;
}

static void add_option(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    json_t *one = json_object();

    json_object_set_new(one, "value", any_text(value));
    json_object_set_new(one, "origin", any_text(origin));
    json_object_set_new(ctx, o->key, one);
}

crm_status crm_record_note_options(crm_record *r, const crm_opt_set *s)
{
    json_t *all;

    if (!r->root) return CRM_OK;
    all = json_object();
    if (all) crm_opt_set_each(s, add_option, all);
    return put(r, "config", all);
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
        json_object_set_new(one, "host", any_text(p[i].host));
        json_object_set_new(one, "pid", json_integer(p[i].pid));
        json_object_set_new(one, "peak_resident_bytes", json_integer(p[i].resident));
        json_object_set_new(one, "peak_held_bytes", json_integer(p[i].held));
        json_array_append_new(all, one);
    }
    return all;
}

/* Instruction sets that our kernels choose by, of the first processor. */
static void cpu_features(const char *flags, crm_str *out)
{
    static const char *const known[] = {"avx2",     "fma",      "avx512f",
                                        "avx512dq", "avx512bw", "avx512vl"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        for (const char *p = flags; (p = strstr(p, known[i])); p += n)
            if (p > flags && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0')) {
                crm_str_addf(out, "%s%s", out->len ? " " : "", known[i]);
                break;
            }
    }
}

/* Linux says in /proc/cpuinfo what there is; elsewhere the notes stay away. */
static crm_status note_cpu(crm_record *r)
{
    char line[8192], model[256] = "";
    crm_str features = {0};
    FILE *f = fopen("/proc/cpuinfo", "r");
    crm_status st = CRM_OK;

    if (!f) return CRM_OK;
    while (fgets(line, sizeof line, f) && !features.text) {
        sscanf(line, "model name : %255[^\n]", model);
        if (strncmp(line, "flags", 5) == 0) cpu_features(line, &features);
    }
    fclose(f);
    if (model[0]) st = crm_record_note_text(r, "cpu.model", model);
    if (!st && features.text) st = crm_record_note_text(r, "cpu.features", features.text);
    crm_str_free(&features);
    return st;
}

static crm_status note_program(crm_record *r)
{
    CRM_TRY(crm_record_note_text(r, "program.version", CRM_VERSION));
    CRM_TRY(crm_record_note_text(r, "program.compiler", COMPILER));
    CRM_TRY(crm_record_note_text(r, "program.mpi", crm_comm_library()));
    CRM_TRY(crm_record_note_text(r, "program.hdf5", crm_store_library()));
    return note_cpu(r);
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
    st = r->root ? note_program(r) : CRM_OK;
    if (!st && r->root) st = put(r, "ranks", rank_list(all, crm_comm_size(r->comm)));
    crm_mem_free(all);
    return crm_comm_agree(r->comm, st);
}

crm_status crm_record_run_write(crm_record *r)
{
    char path[CRM_PATH_MAX], utc[32];
    crm_str text = {0};
    crm_status st = CRM_OK;

    CRM_TRY(crm_record_note_text(r, "time.ended", crm_clock_utc(utc)));
    CRM_TRY(crm_record_note_f64(r, "time.seconds", crm_clock_now() - r->start));
    CRM_TRY(crm_record_path(r, "run.json", path, sizeof path));
    crm_record_json_print_sorted(r->run, &text);
    if (text.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: run.json");
    if (!st) st = crm_path_write_atomic(path, text.text, text.len);
    if (!st) r->dirty = false;
    crm_str_free(&text);
    return st;
}

crm_status crm_record_flush(crm_record *r)
{
    return crm_comm_agree(r->comm, r->root ? crm_record_run_write(r) : CRM_OK);
}
