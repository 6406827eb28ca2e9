/* record_files.c - the files of a run folder: names, sizes, digests of whole files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

enum { PIECE = 1 << 20 };

static crm_status add_file(int fd, const char *path, crm_hash *h, int64_t *bytes)
{
    char *piece;
    ssize_t n;
    crm_status st = CRM_OK;

    CRM_NEW(piece, PIECE);
    *bytes = 0;
    while ((n = read(fd, piece, PIECE)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            CRM_SET(st, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
            break;
        }
        crm_hash_add(h, piece, (size_t)n);
        *bytes += n;
    }
    crm_mem_free(piece);
    return st;
}

crm_status crm_record_file_digest(const char *path, int64_t *bytes, crm_digest *out)
{
    crm_hash *h;
    int fd;
    crm_status st;

    CRM_TRY(crm_path_file_size(path, bytes)); /* tells a missing file from a folder */
    fd = crm_path_open(path, O_RDONLY);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    st = crm_hash_new(&h);
    if (!st) st = add_file(fd, path, h, bytes);
    if (!st) *out = crm_hash_value(h);
    if (h) crm_hash_free(&h);
    close(fd);
    return st;
}

/* ---- names ---- */

static bool is_temporary(const char *name)
{
    size_t n = strlen(name);

    return name[0] == '.' || (n > 4 && strcmp(name + n - 4, ".tmp") == 0);
}

static int by_text(const void *a, const void *b)
{
    const json_t *const *x = a, *const *y = b;

    return strcmp(json_string_value(*x), json_string_value(*y));
}

static crm_status sort(json_t *list)
{
    size_t n = json_array_size(list);
    json_t **item;

    CRM_NEW(item, n);
    for (size_t i = 0; i < n; i++)
        item[i] = json_incref(json_array_get(list, i));
    qsort(item, n, sizeof *item, by_text);
    json_array_clear(list);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, item[i]);
    crm_mem_free(item);
    return CRM_OK;
}

/* A name that is no UTF-8 is not one of ours. */
static crm_status add_names(DIR *d, const char *dir, const char *sub, json_t *list)
{
    char path[CRM_PATH_MAX], name[512];
    struct dirent *e;

    while ((e = readdir(d))) {
        json_t *text;
        if (is_temporary(e->d_name)) continue;
        snprintf(name, sizeof name, "%s%s%s", sub, sub[0] ? "/" : "", e->d_name);
        CRM_TRY(crm_path_join(dir, name, path, sizeof path));
        text = crm_path_is_file(path) ? json_string(name) : NULL;
        if (text) json_array_append_new(list, text);
    }
    return CRM_OK;
}

crm_status crm_record_list(const char *dir, const char *sub, json_t **out)
{
    char path[CRM_PATH_MAX];
    DIR *d;
    crm_status st;

    *out = json_array();
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: files of %s", dir);
    CRM_TRY(crm_path_join(dir, sub, path, sizeof path));
    d = opendir(path);
    if (!d) return CRM_OK; /* there need be no models */
    st = add_names(d, dir, sub, *out);
    closedir(d);
    return st ? st : sort(*out);
}

/* ---- results ---- */

/* {"bytes", "digest"} of a file into all, unless it is not there. */
static crm_status add_result(const char *dir, const char *name, json_t *all)
{
    char path[CRM_PATH_MAX], hex[CRM_DIGEST_HEX];
    crm_digest d;
    int64_t bytes;
    json_t *one;

    CRM_TRY(crm_path_join(dir, name, path, sizeof path));
    if (!crm_path_is_file(path)) return CRM_OK;
    CRM_TRY(crm_record_file_digest(path, &bytes, &d));
    one = json_object();
    json_object_set_new(one, "bytes", json_integer(bytes));
    json_object_set_new(one, "digest", json_string(crm_digest_hex(d, hex)));
    CRM_CHECK(json_object_set_new(all, name, one) == 0, CRM_ERR_NOMEM, "out of memory: files of %s",
              dir);
    return CRM_OK;
}

/* What `report` can make again is no result, nor is what tells of times. */
crm_status crm_record_results(const char *dir, json_t **out)
{
    static const char *const names[] = {
        RECORD_CONFIG_FILE, "summary.json", "units.json", "predictions.h5",
        "calibrate.json",   "sweep.tsv",    NULL};
    json_t *models = NULL;
    crm_status st;

    *out = json_object();
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: files of %s", dir);
    st = crm_record_list(dir, "models", &models);
    for (const char *const *name = names; *name && !st; name++)
        st = add_result(dir, *name, *out);
    for (size_t i = 0; i < json_array_size(models) && !st; i++)
        st = add_result(dir, json_string_value(json_array_get(models, i)), *out);
    json_decref(models);
    if (st) json_decref(*out);
    if (st) *out = NULL;
    return st;
}
