/* record_check.c - whether a run folder is as the run left it, and in what the machines and
 * programs of two runs differ. */
#include <string.h>

#include "record_impl.h"

#define REMEDY "; the command of the run with the same --out makes it again"

static crm_status check_self(const char *dir, const json_t *run)
{
    const char *was = json_string_value(json_object_get(run, "digest"));
    char now[CRM_DIGEST_HEX];
    crm_digest d;

    CRM_CHECK(
        was && json_is_object(json_object_get(run, "files")), CRM_ERR_FORMAT,
        "%s/run.json: has no digests of itself and of the files: a version of crmpi that kept "
        "none wrote it, or it was changed" REMEDY,
        dir);
    CRM_TRY(crm_record_run_digest(run, &d));
    CRM_CHECK(
        strcmp(was, crm_digest_hex(d, now)) == 0, CRM_ERR_FORMAT,
        "%s/run.json: was changed or damaged after the run: its digest is %s, it says %s" REMEDY,
        dir, now, was);
    return CRM_OK;
}

static crm_status check_file(const char *dir, const char *name, const json_t *entry)
{
    const char *was = json_string_value(json_object_get(entry, "digest"));
    int64_t bytes, then = json_integer_value(json_object_get(entry, "bytes"));
    char path[CRM_PATH_MAX], now[CRM_DIGEST_HEX];
    crm_digest d;

    CRM_TRY(crm_path_join(dir, name, path, sizeof path));
    CRM_CHECK(crm_path_exists(path), CRM_ERR_FORMAT,
              "%s: is missing: run.json lists it with digest %s" REMEDY, path, was ? was : "?");
    CRM_TRY(crm_record_file_digest(path, &bytes, &d));
    CRM_CHECK(was && strcmp(was, crm_digest_hex(d, now)) == 0, CRM_ERR_FORMAT,
              "%s: was changed or damaged after the run: it has %lld bytes and digest %s, run.json "
              "says %lld bytes and digest %s" REMEDY,
              path, (long long)bytes, crm_digest_hex(d, now), (long long)then, was ? was : "?");
    return CRM_OK;
}

static crm_status check_files(const char *dir, const json_t *run)
{
    json_t *files = json_object_get(run, "files");

    for (void *it = json_object_iter(files); it; it = json_object_iter_next(files, it))
        CRM_TRY(check_file(dir, json_object_iter_key(it), json_object_iter_value(it)));
    return CRM_OK;
}

/* A folder that is no run is told apart from a run that is not finished. */
static crm_status check_finished(const char *dir)
{
    char path[CRM_PATH_MAX];

    CRM_CHECK(crm_path_exists(dir), CRM_ERR_IO, "%s: there is no such run folder", dir);
    CRM_CHECK(crm_path_is_dir(dir), CRM_ERR_IO, "%s: is a file; a run folder is needed", dir);
    CRM_TRY(crm_path_join(dir, "run.json", path, sizeof path));
    if (crm_path_is_file(path)) return CRM_OK;
    CRM_TRY(crm_path_join(dir, RECORD_DIGEST_FILE, path, sizeof path));
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO,
              "%s: is not a run folder: run.json is missing in it", dir);
    CRM_FAIL(CRM_ERR_IO,
             "%s: the run is not finished, run.json is missing; the same command with the same "
             "--out goes on with it",
             dir);
}

crm_status crm_record_check(const char *dir)
{
    json_t *run;
    crm_status st;

    CRM_TRY(check_finished(dir));
    CRM_TRY(crm_record_run_read(dir, &run));
    st = check_self(dir, run);
    if (!st) st = check_files(dir, run);
    json_decref(run);
    return st;
}

/* ---- two runs ---- */

/* What can change a bit of a result, or tells where to look for what did. */
static const char *const telling[][2] = {
    {"program", "version"}, {"program", "commit"}, {"program", "compiler"}, {"program", "build"},
    {"program", "flags"},   {"program", "mpi"},    {"program", "hdf5"},     {"program", "glibc"},
    {"cpu", "model"},       {"cpu", "features"},   {"cpu", "kernels"},      {"device", NULL},
    {"devices", "0"},       {"kernel", NULL},      {"layout", "ranks"},     {"layout", "nodes"},
    {"threads", NULL},
};

/* A device by what decides its bits; the other numbers of run.json are times and memory. */
static const json_t *find(const json_t *run, const char *const path[2])
{
    const json_t *at = json_object_get(run, path[0]);

    if (at && path[1]) at = json_object_get(at, path[1]);
    return json_is_object(at) ? json_object_get(at, "arithmetic") : at;
}

static void value_text(const json_t *v, char *out, size_t cap)
{
    snprintf(out, cap, "none");
    if (json_is_string(v)) snprintf(out, cap, "%s", json_string_value(v));
    if (json_is_integer(v)) snprintf(out, cap, "%lld", (long long)json_integer_value(v));
}

static void add_difference(const char *group, const char *key, const json_t *a, const json_t *b,
                           crm_str *out)
{
    char there[1024], here[1024];

    value_text(a, there, sizeof there);
    value_text(b, here, sizeof here);
    if (strcmp(there, here) == 0) return;
    crm_str_addf(out, "  %s%s%s: %s there, %s here\n", group, key ? "." : "", key ? key : "", there,
                 here);
}

/* Variables of a that b has otherwise or not at all; the second time only the latter are new. */
static void add_variables(const json_t *a, const json_t *b, bool there_first, crm_str *out)
{
    json_t *all = json_object_get(a, "environment"), *others = json_object_get(b, "environment");

    for (void *it = json_object_iter(all); it; it = json_object_iter_next(all, it)) {
        const char *name = json_object_iter_key(it);
        const json_t *v = json_object_iter_value(it), *w = json_object_get(others, name);
        if (there_first)
            add_difference("environment", name, v, w, out);
        else if (!w)
            add_difference("environment", name, w, v, out);
    }
}

static void compare(const json_t *there, const json_t *here, crm_str *out)
{
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
        add_difference(telling[i][0], telling[i][1], find(there, telling[i]),
                       find(here, telling[i]), out);
    add_variables(there, here, true, out);
    add_variables(here, there, false, out);
}

crm_status crm_record_differences(const char *there, const char *here, crm_str *out)
{
    json_t *a = NULL, *b = NULL;
    crm_status st = crm_record_run_read(there, &a);

    if (!st) st = crm_record_run_read(here, &b);
    if (!st) compare(a, b, out);
    if (!st && out->failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: differences of two runs");
    json_decref(a);
    json_decref(b);
    return st;
}
