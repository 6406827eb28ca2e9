/* record_folder.c - what a run folder holds: nothing yet, our run, another run, or other people's
 * files, which are never touched. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "record_impl.h"

enum { CONFIG_MAX = 1 << 20, DIFF_MAX = 5 };

/* What open and a lock leave in a folder; a folder with these alone is as good as empty. */
static const char *const own_files[] = {RECORD_LOCK_FILE,   RECORD_LEASE_FILE,
                                        RECORD_DIGEST_FILE, RECORD_DIGEST_FILE ".tmp",
                                        RECORD_CONFIG_FILE, RECORD_CONFIG_FILE ".tmp",
                                        RECORD_STARTS_FILE, ".failed",
                                        ".failed.tmp",      NULL};
static const char *const own_folders[] = {"units", "models", NULL};

static bool is_in(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0) return true;
    return false;
}

/* Names in dir that are neither a lock nor, when ours is true, anything that open writes; -1 when
 * the folder cannot be read. */
static int foreign_entries(const char *dir, bool ours)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int n = 0;

    if (!d) return -1;
    while ((e = readdir(d))) {
        const char *name = e->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (strncmp(name, RECORD_LEASE_FILE, strlen(RECORD_LEASE_FILE)) == 0) continue;
        if (strcmp(name, RECORD_LOCK_FILE) == 0 || strcmp(name, RECORD_DIGEST_FILE ".tmp") == 0)
            continue;
        n += !ours || !(is_in(name, own_files) || is_in(name, own_folders));
    }
    closedir(d);
    return n;
}

crm_status crm_record_folder_check(const record_claim *c)
{
    const char *dir = c->dir;
    char digest[CRM_PATH_MAX];
    int n;

    if (!crm_path_is_dir(dir)) return CRM_OK; /* making it tells what is in the way */
    CRM_TRY(crm_path_join(dir, RECORD_DIGEST_FILE, digest, sizeof digest));
    if (crm_path_exists(digest)) return CRM_OK;
    n = foreign_entries(dir, false);
    CRM_CHECK(n >= 0, CRM_ERR_IO, "%s: cannot be read: %s", dir, strerror(errno));
    CRM_CHECK(n == 0 || crm_record_ledger_agrees(c), CRM_ERR_CONFIG,
              "%s: is not a run folder (%d files or folders in it, no " RECORD_DIGEST_FILE
              "); choose another --out or empty it",
              dir, n);
    return CRM_OK;
}

static void join(const char *dir, const char *name, char *out, size_t cap)
{
    if (crm_path_join(dir, name, out, cap)) {
        crm_err_clear();
        out[0] = '\0';
    }
}

void crm_record_folder_undo(const char *dir, bool with_folder)
{
    char path[CRM_PATH_MAX];

    if (foreign_entries(dir, true) != 0) return;
    for (const char *const *f = own_folders; *f; f++) {
        join(dir, *f, path, sizeof path);
        if (rmdir(path) != 0 && errno != ENOENT) return; /* a unit has finished: keep it */
    }
    for (const char *const *f = own_files; *f; f++) {
        join(dir, *f, path, sizeof path);
        unlink(path);
    }
    if (with_folder) rmdir(dir);
}

/* ---- comparing configurations ---------------------------------------------------------------- */

typedef struct option_line {
    const char *key, *value;
    size_t key_len, value_len;
} option_line;

/* Bytes of a value up to its comment; a # inside quotes is none. */
static size_t value_length(const char *s, const char *end)
{
    char quote = '\0';
    const char *p = s;

    for (; p < end; p++) {
        if (quote == '"' && *p == '\\' && p + 1 < end)
            p++;
        else if (quote)
            quote = *p == quote ? '\0' : quote;
        else if (*p == '"' || *p == '\'')
            quote = *p;
        else if (*p == '#' && p > s && p[-1] == ' ')
            break;
    }
    while (p > s && (p[-1] == ' ' || p[-1] == '\r'))
        p--;
    return (size_t)(p - s);
}

/* Next line "key: value" from *text on, or false at the end. */
static bool next_option(const char **text, option_line *o)
{
    while (**text) {
        const char *line = *text, *end = line + strcspn(line, "\n"), *colon;
        *text = *end ? end + 1 : end;
        colon = memchr(line, ':', (size_t)(end - line));
        if (!colon || *line == '#' || *line == ' ') continue;
        *o = (option_line){.key = line, .key_len = (size_t)(colon - line)};
        o->value = colon + 1 + strspn(colon + 1, " ");
        if (o->value > end) o->value = end;
        o->value_len = value_length(o->value, end);
        return true;
    }
    return false;
}

static bool find_option(const char *text, const option_line *like, option_line *out)
{
    while (next_option(&text, out))
        if (out->key_len == like->key_len && memcmp(out->key, like->key, like->key_len) == 0)
            return true;
    *out = (option_line){.value = "(none)", .value_len = 6};
    return false;
}

static bool same_value(const option_line *a, const option_line *b)
{
    return a->value_len == b->value_len && memcmp(a->value, b->value, a->value_len) == 0;
}

static void add_diff(const option_line *key, const option_line *was, const option_line *is,
                     crm_str *out)
{
    enum { SHOWN = 80 };

    crm_str_addf(out, "\n  %.*s: %.*s there, %.*s now", (int)key->key_len, key->key,
                 (int)(was->value_len < SHOWN ? was->value_len : SHOWN), was->value,
                 (int)(is->value_len < SHOWN ? is->value_len : SHOWN), is->value);
}

int crm_record_config_diff(const char *was, const char *is, crm_str *out)
{
    option_line a, b;
    int n = 0;

    for (const char *text = is; next_option(&text, &b);)
        if ((!find_option(was, &b, &a) || !same_value(&a, &b)) && n++ < DIFF_MAX)
            add_diff(&b, &a, &b, out);
    for (const char *text = was; next_option(&text, &a);)
        if (!find_option(is, &a, &b) && n++ < DIFF_MAX) add_diff(&a, &a, &b, out);
    if (n > DIFF_MAX) crm_str_addf(out, "\n  and %d more", n - DIFF_MAX);
    return n;
}

/* ---- claiming a folder -------------------------------------------------------------------------
 */

static crm_status fail_other(const record_claim *c, const char *was_digest, const char *was_command)
{
    char path[CRM_PATH_MAX], hex[CRM_DIGEST_HEX];
    char *was = NULL;
    crm_str diff = {0};
    crm_status st;
    size_t len;
    int n = 0;

    join(c->dir, RECORD_CONFIG_FILE, path, sizeof path);
    if (crm_path_read(path, CONFIG_MAX, &was, &len)) crm_err_clear();
    if (was) n = crm_record_config_diff(was, c->config, &diff);
    CRM_SET(
        st, CRM_ERR_CONFIG,
        "%s: holds another run (%s, digest %s; this is %s, digest %s); choose another --out, or "
        "remove that folder%s%s",
        c->dir, was_command, was_digest, c->command, crm_digest_hex(c->digest, hex),
        n ? ". Options that differ (threads, paths and the like do not count; if only such "
            "differ, the data changed):"
        : was && strcmp(was_command, c->command) == 0 ? ". No option differs: the data changed"
                                                      : "",
        diff.text ? diff.text : "");
    crm_str_free(&diff);
    crm_mem_free(was);
    return st;
}

static crm_status write_digest(const record_claim *c, const char *path)
{
    char text[CRM_DIGEST_HEX + 64], hex[CRM_DIGEST_HEX];
    int n = snprintf(text, sizeof text, "%s %.60s\n", crm_digest_hex(c->digest, hex), c->command);

    return crm_path_write_atomic(path, text, (size_t)n);
}

/* It is 42 bytes beside days of work, all of which tell the same. */
static crm_status mend_digest(const record_claim *c, const char *path, const char *why)
{
    crm_log_line(CRM_LOG_WARN, "record",
                 "%s: %s; it is made again, as the finished results and checkpoints in the folder "
                 "are of this run",
                 path, why);
    return write_digest(c, path);
}

/* RUN/.digest is "<32 hexadecimal digits> <command>". */
typedef struct origin {
    char digest[CRM_DIGEST_HEX], command[64];
    bool whole, ours;
} origin;

static crm_status read_origin(const record_claim *c, const char *path, origin *o)
{
    char hex[CRM_DIGEST_HEX], *text = NULL;
    size_t len;
    int n = 0;
    crm_status st = crm_path_read(path, 4096, &text, &len);

    *o = (origin){.whole = false};
    if (!st) n = sscanf(text, "%32[0-9a-f] %63[a-z_]", o->digest, o->command);
    crm_mem_free(text);
    o->whole = n == 2 && strlen(o->digest) == 32;
    o->ours = n == 2 && strcmp(o->digest, crm_digest_hex(c->digest, hex)) == 0;
    return st;
}

crm_status crm_record_folder_is_ours(const record_claim *c, bool *ours)
{
    char path[CRM_PATH_MAX];
    origin o;

    *ours = false;
    CRM_TRY(crm_path_join(c->dir, RECORD_DIGEST_FILE, path, sizeof path));
    if (!crm_path_exists(path)) return CRM_OK;
    if (read_origin(c, path, &o)) {
        crm_err_clear(); /* it may have been removed */
        return CRM_OK;
    }
    *ours = o.ours;
    return o.ours || !o.whole ? CRM_OK : fail_other(c, o.digest, o.command);
}

static crm_status compare(const record_claim *c, const char *path)
{
    origin o;
    crm_status st = read_origin(c, path, &o);

    if (o.ours) return CRM_OK;
    if (crm_record_ledger_agrees(c)) {
        crm_err_clear();
        return mend_digest(c, path, "is damaged");
    }
    CRM_TRY(st);
    CRM_CHECK(o.whole, CRM_ERR_FORMAT,
              "%s: is damaged (a digest and a command are expected); choose another --out, or "
              "remove that folder",
              path);
    return fail_other(c, o.digest, o.command);
}

crm_status crm_record_folder_claim(const record_claim *c, crm_record_state *state)
{
    char digest[CRM_PATH_MAX], config[CRM_PATH_MAX], summary[CRM_PATH_MAX];

    CRM_TRY(crm_path_join(c->dir, RECORD_DIGEST_FILE, digest, sizeof digest));
    CRM_TRY(crm_path_join(c->dir, RECORD_CONFIG_FILE, config, sizeof config));
    CRM_TRY(crm_path_join(c->dir, "summary.json", summary, sizeof summary));
    CRM_TRY(crm_record_folder_check(c)); /* again: it may have changed while we waited */
    if (crm_path_exists(digest) || crm_record_ledger_agrees(c)) {
        CRM_TRY(crm_path_exists(digest) ? compare(c, digest)
                                        : mend_digest(c, digest, "is missing"));
        *state = crm_path_exists(summary) ? CRM_RECORD_FINISHED : CRM_RECORD_STARTED;
    } else {
        *state = CRM_RECORD_NEW;
        CRM_TRY(write_digest(c, digest));
    }
    if (crm_path_exists(config)) return CRM_OK;
    return crm_path_write_atomic(config, c->config, strlen(c->config));
}

crm_status crm_record_read_origin(const char *dir, crm_digest *digest, char command[32])
{
    char path[CRM_PATH_MAX], hex[64] = "", *text;
    size_t len;
    int n;

    CRM_TRY(crm_path_join(dir, RECORD_DIGEST_FILE, path, sizeof path));
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO,
              "%s: is not a run folder (no " RECORD_DIGEST_FILE " in it)", dir);
    CRM_TRY(crm_path_read(path, 4096, &text, &len));
    n = sscanf(text, "%63s %31s", hex, command);
    crm_mem_free(text);
    CRM_CHECK(n == 2 && crm_digest_read(hex, digest), CRM_ERR_FORMAT,
              "%s: is damaged (a digest and a command are expected)", path);
    return CRM_OK;
}
