/* ckpt_series.c - the checkpoints of one piece of work in a folder: written so that a kill at any
 * moment leaves the ones before it whole, read only when every byte fits the manifest.
 *
 * The manifest of checkpoint N, "N.manifest", is a text of five lines:
 *
 *     crmpi checkpoint manifest 1
 *     kind <kind>
 *     number <N>
 *     bytes <bytes of N.h5>
 *     digest <XXH3-128 of all bytes of N.h5>
 *
 * It is the last thing written, and the first thing removed: a file without it is what a writer
 * that was killed has left, and a manifest always has had its file.  A reader makes the text anew
 * from the file it finds; any difference is damage.  A writer that was killed leaves one such file
 * at most: more are checkpoints whose manifests were lost.  These are read by the digests that they
 * carry themselves, and never removed before the piece of work is done. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ckpt_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/ckpt_series.h"

enum { MANIFEST_MAX = 4096, BLOCK = 1 << 20, DIGITS_MAX = 18, NUMBERS_MAX = 1 << 20 };
#define BAG      ".h5"
#define MANIFEST ".manifest"

typedef crm_ckpt_cfg S;
const crm_opt crm_ckpt_opts[] = {
    CRM_OPT_I(S, steps, "checkpoint.steps", 0, 0, 1e12, "steps", CRM_OPT_LAYOUT,
              "Save a fit after so many steps; 0: not by steps."),
    CRM_OPT_R(S, minutes, "checkpoint.minutes", 10, 0, 1e6, "min", CRM_OPT_LAYOUT,
              "Save a fit when so much time has passed since it was saved last; 0: not by time."),
    CRM_OPT_B(S, epochs, "checkpoint.epochs", true, CRM_OPT_LAYOUT,
              "Save a fit at the end of each epoch."),
    CRM_OPT_R(S, cost, "checkpoint.cost", 0.01, 0, 1, "1", CRM_OPT_LAYOUT,
              "Leave checkpoints out while saving has taken more than this part of the running "
              "time; 0: no limit."),
    {.key = NULL},
};

/* ---- names ---- */
static crm_status name_of(const char *dir, int64_t number, const char *end, char out[CRM_PATH_MAX])
{
    char name[64];

    snprintf(name, sizeof name, "%lld%s", (long long)number, end);
    return crm_path_join(dir, name, out, CRM_PATH_MAX);
}

/* Number of a file name "<number><end>", -1 when it is none. */
static int64_t number_of(const char *name, const char *end)
{
    size_t n = strspn(name, "0123456789");
    int64_t v;

    if (n == 0 || n > DIGITS_MAX || strcmp(name + n, end) != 0) return -1;
    return crm_parse_i64(name, n, &v) ? v : -1;
}

/* What a name in the folder is to a series. */
static bool is_temporary(const char *name)
{
    return number_of(name, BAG ".tmp") >= 0 || number_of(name, MANIFEST ".tmp") >= 0;
}

typedef struct entry {
    int64_t number;
    bool bare; /* a file whose manifest is missing */
} entry;

typedef struct series {
    entry *entry; /* the newest first */
    int n, cap;
    int bare; /* how many are */
} series;

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const entry *)a)->number, y = ((const entry *)b)->number;

    return x < y ? 1 : x > y ? -1 : 0;
}

static crm_status add_number(series *s, const char *dir, int64_t number, bool bare)
{
    CRM_CHECK(s->n < NUMBERS_MAX, CRM_ERR_FORMAT, "%s: holds more than %d checkpoints", dir,
              (int)NUMBERS_MAX);
    if (s->n == s->cap) {
        int cap = s->cap ? 2 * s->cap : 16;
        entry *grown = crm_mem_grow(s->entry, (size_t)s->n, (size_t)cap, sizeof *grown);
        CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %d checkpoints", cap);
        s->entry = grown;
        s->cap = cap;
    }
    s->entry[s->n++] = (entry){number, bare};
    s->bare += bare;
    return CRM_OK;
}

/* Each name of the folder: visit; a missing folder has none. */
static crm_status each_name(const char *dir,
                            crm_status (*visit)(void *, const char *, const char *), void *ctx)
{
    crm_status st = CRM_OK;
    DIR *d = opendir(dir);
    struct dirent *e;

    if (!d && errno == ENOENT) return CRM_OK;
    CRM_CHECK(d, CRM_ERR_IO, "%s: %s", dir, strerror(errno));
    for (errno = 0; !st && (e = readdir(d)); errno = 0)
        st = visit(ctx, dir, e->d_name);
    if (!st && errno) CRM_SET(st, CRM_ERR_IO, "%s: cannot be listed: %s", dir, strerror(errno));
    closedir(d);
    return st;
}

static crm_status take_name(void *ctx, const char *dir, const char *name)
{
    int64_t number = number_of(name, MANIFEST);

    return number < 0 ? CRM_OK : add_number(ctx, dir, number, false);
}

static crm_status take_bare(void *ctx, const char *dir, const char *name)
{
    int64_t number = number_of(name, BAG);
    char manifest[CRM_PATH_MAX];

    if (number < 0) return take_name(ctx, dir, name);
    CRM_TRY(name_of(dir, number, MANIFEST, manifest));
    return crm_path_exists(manifest) ? CRM_OK : add_number(ctx, dir, number, true);
}

static crm_status list_by(const char *dir, crm_status (*take)(void *, const char *, const char *),
                          series *s)
{
    *s = (series){0};
    CRM_TRY(each_name(dir, take, s));
    if (s->n > 1) qsort(s->entry, (size_t)s->n, sizeof *s->entry, newest_first);
    return CRM_OK;
}

/* Those with a manifest. */
static crm_status list(const char *dir, series *s)
{
    return list_by(dir, take_name, s);
}

/* With files that have lost theirs; a single one is what a writer has left that was killed. */
static crm_status list_all(const char *dir, series *s)
{
    CRM_TRY(list_by(dir, take_bare, s));
    if (s->bare > 1) return CRM_OK;
    crm_mem_free(s->entry);
    return list(dir, s);
}

/* ---- is it whole? ---- */
static crm_status hash_file(const char *path, int64_t *bytes, crm_digest *out)
{
    char *block = NULL;
    crm_hash *h = NULL;
    crm_status st = CRM_OK;
    int fd = crm_path_open(path, O_RDONLY | O_NONBLOCK);
    ssize_t k;

    *bytes = 0;
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    CRM_NEW_TO(st, done, block, BLOCK);
    CRM_TRY_TO(st, done, crm_hash_new(&h));
    while ((k = read(fd, block, BLOCK)) != 0) {
        if (k < 0 && errno == EINTR) continue;
        CRM_CHECK_TO(st, done, k > 0, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        crm_hash_add(h, block, (size_t)k);
        *bytes += k;
    }
    *out = crm_hash_value(h);
done:
    crm_hash_free(&h);
    crm_mem_free(block);
    close(fd);
    return st;
}

/* The manifest that the file at path should have. */
static crm_status manifest_text(const char *path, const char *kind, int64_t number,
                                char out[MANIFEST_MAX], size_t *len)
{
    char hex[CRM_DIGEST_HEX];
    int64_t bytes;
    crm_digest d;
    int n;

    CRM_TRY(hash_file(path, &bytes, &d));
    n = snprintf(out, MANIFEST_MAX,
                 "crmpi checkpoint manifest 1\nkind %s\nnumber %lld\nbytes %lld\ndigest %s\n", kind,
                 (long long)number, (long long)bytes, crm_digest_hex(d, hex));
    CRM_CHECK(n < MANIFEST_MAX, CRM_ERR_ARG, "the kind of a checkpoint is too long: %s", kind);
    *len = (size_t)n;
    return CRM_OK;
}

/* CRM_ERR_FORMAT when the two files of a number are not what was written, CRM_ERR_IO when one
 * cannot be read. */
static crm_status check_whole(const char *dir, const char *kind, int64_t number)
{
    char bag[CRM_PATH_MAX], path[CRM_PATH_MAX], want[MANIFEST_MAX], *have = NULL;
    crm_status st = CRM_OK;
    size_t n, len = 0;

    CRM_TRY(name_of(dir, number, BAG, bag));
    CRM_TRY(name_of(dir, number, MANIFEST, path));
    CRM_TRY(manifest_text(bag, kind, number, want, &n));
    CRM_TRY(crm_path_read(path, MANIFEST_MAX, &have, &len));
    if (len != n || memcmp(have, want, n) != 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: is damaged: it and its manifest %s differ", bag,
                crm_path_base(path));
    crm_mem_free(have);
    return st;
}

/* ---- removing ---- */
/* The manifest before what it tells of; what cannot be removed is told only. */
static void remove_one(const char *dir, int64_t number)
{
    static const char *const end[] = {MANIFEST, BAG};
    char path[CRM_PATH_MAX];

    for (size_t i = 0; i < sizeof end / sizeof *end; i++) {
        if (name_of(dir, number, end[i], path)) continue;
        if (unlink(path) != 0 && errno != ENOENT)
            crm_log_line(CRM_LOG_WARN, "checkpoint", "%s: cannot be removed: %s", path,
                         strerror(errno));
    }
}

/* What a writer that was killed has left: temporary files, and a file without a manifest; lost: how
 * many there are of these. */
static crm_status sweep_name(void *lost, const char *dir, const char *name)
{
    int64_t number = number_of(name, BAG);
    char path[CRM_PATH_MAX], manifest[CRM_PATH_MAX];

    if (number < 0 && !is_temporary(name)) return CRM_OK;
    CRM_TRY(crm_path_join(dir, name, path, sizeof path));
    if (number >= 0) {
        CRM_TRY(name_of(dir, number, MANIFEST, manifest));
        if (crm_path_exists(manifest) || *(const int *)lost > 1) return CRM_OK;
        crm_log_line(CRM_LOG_INFO, "checkpoint", "%s was not finished and is removed", path);
    }
    (void)unlink(path);
    return CRM_OK;
}

/* Number was just written: keep it and the newest other that is whole. */
static crm_status keep_two(const char *dir, const char *kind, int64_t number)
{
    bool kept = false;
    crm_status st;
    series s;

    st = list(dir, &s);
    for (int i = 0; i < s.n && !st; i++) {
        crm_status whole = CRM_ERR_FORMAT;
        if (s.entry[i].number == number) continue;
        if (!kept) whole = check_whole(dir, kind, s.entry[i].number);
        if (whole == CRM_OK)
            kept = true;
        else if (whole == CRM_ERR_FORMAT) /* one that cannot be read today may be tomorrow */
            remove_one(dir, s.entry[i].number);
    }
    crm_mem_free(s.entry);
    return st;
}

/* ---- writing ---- */
static crm_status check_above(const char *dir, const char *kind, int64_t number)
{
    crm_status st;
    series s;

    CRM_CHECK(number >= 0, CRM_ERR_ARG, "%s: checkpoint %lld", dir, (long long)number);
    st = list(dir, &s);
    for (int i = 0; i < s.n && !st && s.entry[i].number >= number; i++)
        if (check_whole(dir, kind, s.entry[i].number) == CRM_OK)
            CRM_SET(st, CRM_ERR_ARG, "%s: checkpoint %lld is there, %lld is to be written", dir,
                    (long long)s.entry[i].number, (long long)number);
    crm_mem_free(s.entry);
    return st;
}

/* A folder that is new has to be in the one above it after a crash of the machine, too. */
static crm_status make_folder(const char *dir)
{
    char up[CRM_PATH_MAX];
    crm_status st;
    int fd;

    if (crm_path_is_dir(dir)) return CRM_OK;
    CRM_TRY(crm_path_mkdirs(dir));
    CRM_TRY(crm_path_dir(dir, up, sizeof up));
    fd = crm_path_open(up, O_RDONLY | O_DIRECTORY);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: cannot be opened for fsync: %s", up, strerror(errno));
    st = crm_path_sync(fd, up);
    close(fd);
    return st;
}

static crm_status write_both(const char *dir, const char *kind, int64_t number, const crm_bag *b)
{
    char bag[CRM_PATH_MAX], path[CRM_PATH_MAX], text[MANIFEST_MAX];
    size_t n;

    CRM_TRY(name_of(dir, number, BAG, bag));
    CRM_TRY(name_of(dir, number, MANIFEST, path));
    /* The manifest of a damaged file of this number would not fit the new one. */
    CRM_CHECK(unlink(path) == 0 || errno == ENOENT, CRM_ERR_IO, "%s: cannot be removed: %s", path,
              strerror(errno));
    CRM_TRY(crm_bag_write(b, bag, kind));
    CRM_TRY(manifest_text(bag, kind, number, text, &n));
    return crm_path_write_atomic(path, text, n);
}

crm_status crm_ckpt_write(const char *dir, const char *kind, int64_t number, const crm_bag *b)
{
    crm_status st;

    CRM_TRY(make_folder(dir));
    CRM_TRY(check_above(dir, kind, number));
    st = write_both(dir, kind, number, b);
    if (st) {
        remove_one(dir, number);
        return st;
    }
    if (keep_two(dir, kind, number) != CRM_OK) /* it is written: older files do no harm */
        crm_log_line(CRM_LOG_WARN, "checkpoint", "%s: older ones are not removed: %s", dir,
                     crm_err_text());
    crm_err_clear();
    return CRM_OK;
}

/* ---- reading ---- */
static crm_status read_one(const char *dir, const char *kind, const entry *e, crm_bag **out)
{
    char path[CRM_PATH_MAX];

    if (!e->bare) CRM_TRY(check_whole(dir, kind, e->number));
    CRM_TRY(name_of(dir, e->number, BAG, path));
    return crm_bag_read(path, kind, out);
}

/* The newest that can be read; why collects what is wrong with the others. */
static crm_status read_newest(const char *dir, const char *kind, const series *s, crm_str *why,
                              crm_bag **out, int64_t *number)
{
    for (int i = 0; i < s->n; i++) {
        crm_status st = read_one(dir, kind, &s->entry[i], out);
        if (!st) {
            *number = s->entry[i].number;
            if (i > 0)
                crm_log_line(CRM_LOG_WARN, "checkpoint", "%s; checkpoint %lld of %s is used",
                             why->text ? why->text : "damaged", (long long)*number, dir);
            return CRM_OK;
        }
        if (st != CRM_ERR_FORMAT && st != CRM_ERR_IO) return st;
        crm_str_addf(why, "%s%s", i ? "; " : "", crm_err_text());
        crm_err_clear();
    }
    CRM_CHECK(
        s->n == 0, CRM_ERR_FORMAT,
        "%s: none of the checkpoints there can be used: %s; bring one of them back, or remove "
        "the folder to begin this piece of work anew",
        dir, why->text ? why->text : "out of memory");
    return CRM_OK;
}

crm_status crm_ckpt_newest(const char *dir, const char *kind, crm_bag **out, int64_t *number)
{
    crm_str why = {0};
    crm_status st;
    series s;

    *out = NULL;
    *number = 0;
    st = list_all(dir, &s);
    if (!st && s.bare > 0)
        crm_log_line(CRM_LOG_WARN, "checkpoint",
                     "%s: %d checkpoints there have lost their manifests; they are read by their "
                     "own digests, and none of them is removed",
                     dir, s.bare);
    if (!st) st = read_newest(dir, kind, &s, &why, out, number);
    if (!st) st = each_name(dir, sweep_name, &s.bare);
    if (st) crm_bag_free(out);
    crm_str_free(&why);
    crm_mem_free(s.entry);
    return st;
}

/* Manifests first: after a kill in between there is a checkpoint less, not a damaged one. */
crm_status crm_ckpt_clear(const char *dir)
{
    crm_status st;
    series s;

    st = list(dir, &s);
    for (int i = s.n - 1; i >= 0 && !st; i--)
        remove_one(dir, s.entry[i].number);
    crm_mem_free(s.entry);
    return st ? st : crm_path_remove(dir);
}
