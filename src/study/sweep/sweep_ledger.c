/* sweep_ledger.c - the ledger of a sweep.
 *
 *     CHECKSUM ok NAME LOSS SECONDS RESULT
 *     CHECKSUM failed NAME LOSS SECONDS RESULT CAUSE
 *     end
 *
 * CHECKSUM: 32 digits, of the digest of the run and the rest of the line.  A file may end in the
 * middle of a line; whoever goes on with it begins a new one. */
#include "crmpi/sweep_ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"

enum { LINE_MAX_BYTES = 1024, FILE_MAX_BYTES = 1 << 30 };
static const char end_line[] = "end\n";
static const char all_name[] = "all.log";

struct crm_sweep_ledger {
    int fd;
    crm_digest run;
    bool torn; /* the last line has no end */
    char path[CRM_PATH_MAX];
};

/* ---- lines ---- */

static void checksum(crm_digest run, const char *text, size_t len, char hex[CRM_DIGEST_HEX])
{
    char all[LINE_MAX_BYTES + CRM_DIGEST_HEX];

    crm_digest_hex(run, all);
    memcpy(all + CRM_DIGEST_HEX - 1, text, len);
    crm_digest_hex(crm_digest_of(all, CRM_DIGEST_HEX - 1 + len), hex);
}

static void put_line(crm_digest run, const crm_sweep_ledger_entry *e, crm_str *out)
{
    char loss[32], seconds[32], hex[CRM_DIGEST_HEX], text[LINE_MAX_BYTES];
    int n = snprintf(text, sizeof text, "%s %.*s %s %s %s %.*s", e->failed ? "failed" : "ok",
                     CRM_SWEEP_LEDGER_NAME_MAX - 1, e->name, crm_format_f64(e->loss, loss),
                     crm_format_f64(e->seconds, seconds), crm_digest_hex(e->result, hex),
                     CRM_SWEEP_LEDGER_CAUSE_MAX - 1, e->failed ? e->cause : "");

    for (int i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ') text[i] = ' ';
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = '\0';
    checksum(run, text, (size_t)n, hex);
    crm_str_addf(out, "%s %s\n", hex, text);
}

static bool take_word(const char **p, char *out, size_t cap)
{
    size_t n = strcspn(*p, " ");

    if (n == 0 || n >= cap) return false;
    memcpy(out, *p, n);
    out[n] = '\0';
    *p += n;
    if (**p == ' ') (*p)++;
    return true;
}

static bool take_f64(const char **p, double *out)
{
    char word[40];

    if (!take_word(p, word, sizeof word)) return false;
    if (strcmp(word, "nan") == 0 || strcmp(word, "-nan") == 0) {
        *out = NAN;
        return true;
    }
    return crm_parse_f64(word, strlen(word), out);
}

static bool take_digest(const char **p, crm_digest *out)
{
    char word[CRM_DIGEST_HEX], half[17] = "";
    char *end;

    if (!take_word(p, word, sizeof word) || strlen(word) != 32) return false;
    memcpy(half, word, 16);
    out->hi = strtoull(half, &end, 16);
    if (*end) return false;
    out->lo = strtoull(word + 16, &end, 16);
    return !*end;
}

/* text[len] is 0. */
static bool read_line(crm_digest run, const char *text, size_t len, crm_sweep_ledger_entry *e)
{
    char hex[CRM_DIGEST_HEX], kind[8];
    const char *p = text + CRM_DIGEST_HEX;

    *e = (crm_sweep_ledger_entry){.failed = false};
    if (len <= CRM_DIGEST_HEX || len >= LINE_MAX_BYTES || strlen(text) != len) return false;
    checksum(run, p, len - CRM_DIGEST_HEX, hex);
    if (memcmp(hex, text, CRM_DIGEST_HEX - 1) != 0 || p[-1] != ' ') return false;
    if (!take_word(&p, kind, sizeof kind) || !take_word(&p, e->name, sizeof e->name) ||
        !take_f64(&p, &e->loss) || !take_f64(&p, &e->seconds) || !take_digest(&p, &e->result))
        return false;
    e->failed = strcmp(kind, "failed") == 0;
    snprintf(e->cause, sizeof e->cause, "%s", p);
    return true;
}

/* ---- writing ---- */

static crm_status write_all(crm_sweep_ledger *l, const char *text, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(l->fd, text + done, len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n > 0) done += (size_t)n;
        if (n > 0) continue;
        l->torn = l->torn || done > 0;
        CRM_FAIL(CRM_ERR_IO, "%s: cannot be written: %s", l->path, strerror(n < 0 ? errno : EIO));
    }
    return crm_path_sync(l->fd, l->path);
}

/* Whether a file of an earlier process of that name ends within a line. */
static crm_status find_torn(crm_sweep_ledger *l)
{
    off_t bytes = lseek(l->fd, 0, SEEK_END);
    char last = '\n';

    CRM_CHECK(bytes >= 0 && (bytes == 0 || pread(l->fd, &last, 1, bytes - 1) == 1), CRM_ERR_IO,
              "%s: cannot be read: %s", l->path, strerror(errno));
    l->torn = last != '\n';
    return CRM_OK;
}

static crm_status sync_folder(const char *dir)
{
    int fd = crm_path_open(dir, O_RDONLY | O_DIRECTORY);
    crm_status st, closed;

    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: cannot be opened for fsync: %s", dir, strerror(errno));
    st = crm_path_sync(fd, dir);
    closed = crm_path_close(&fd, dir);
    return st ? st : closed;
}

crm_status crm_sweep_ledger_open(const char *dir, const char *writer, crm_digest run,
                                 crm_sweep_ledger **out)
{
    char name[CRM_SWEEP_LEDGER_NAME_MAX + 8];
    crm_sweep_ledger *l;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_CHECK(strlen(writer) < CRM_SWEEP_LEDGER_NAME_MAX, CRM_ERR_ARG, "name of a ledger: %s",
              writer);
    snprintf(name, sizeof name, "%s.log", writer);
    CRM_NEW(l, 1);
    l->run = run;
    l->fd = -1;
    CRM_TRY_TO(st, fail, crm_path_join(dir, name, l->path, sizeof l->path));
    l->fd = crm_path_open(l->path, O_RDWR | O_APPEND | O_CREAT);
    CRM_CHECK_TO(st, fail, l->fd >= 0, CRM_ERR_IO, "%s: cannot be opened: %s", l->path,
                 strerror(errno));
    CRM_TRY_TO(st, fail, find_torn(l));
    CRM_TRY_TO(st, fail, sync_folder(dir));
    *out = l;
    return CRM_OK;
fail:
    if (l->fd >= 0) close(l->fd);
    crm_mem_free(l);
    return st;
}

crm_status crm_sweep_ledger_add(crm_sweep_ledger *l, const crm_sweep_ledger_entry *e)
{
    crm_str line = {0};
    crm_status st = CRM_OK;

    if (l->torn) crm_str_add(&line, "\n", 1);
    put_line(l->run, e, &line);
    if (line.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: ledger");
    else
        st = write_all(l, line.text, line.len);
    if (!st) l->torn = false;
    crm_str_free(&line);
    return st;
}

crm_status crm_sweep_ledger_close(crm_sweep_ledger **l)
{
    crm_status st = CRM_OK, closed;

    if (!*l) return CRM_OK;
    if ((*l)->torn) st = write_all(*l, "\n", 1);
    if (!st) st = write_all(*l, end_line, sizeof end_line - 1);
    closed = crm_path_close(&(*l)->fd, (*l)->path);
    crm_mem_free(*l);
    *l = NULL;
    return st ? st : closed;
}

/* ---- reading ---- */

/* Entries as they are found, with room for more. */
typedef struct heap {
    crm_sweep_ledger_entry *entry;
    int64_t n, cap;
} heap;

static crm_status heap_add(heap *h, const crm_sweep_ledger_entry *e)
{
    if (h->n == h->cap) {
        int64_t cap = h->cap ? 2 * h->cap : 256;
        crm_sweep_ledger_entry *more =
            crm_mem_grow(h->entry, (size_t)h->n, (size_t)cap, sizeof *h->entry);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: ledger of %lld units", (long long)cap);
        h->entry = more;
        h->cap = cap;
    }
    h->entry[h->n++] = *e;
    return CRM_OK;
}

/* Lines of a file; *ended: it has its last one. */
static crm_status read_file(const char *path, crm_digest run, heap *h, int64_t *damaged,
                            bool *ended)
{
    char *text, *line;
    size_t bytes;
    crm_status st = CRM_OK;

    *ended = false;
    CRM_TRY(crm_path_read(path, FILE_MAX_BYTES, &text, &bytes));
    line = text;
    while (line < text + bytes && !st) {
        size_t left = (size_t)(text + bytes - line);
        char *stop = memchr(line, '\n', left);
        size_t len = stop ? (size_t)(stop - line) : left;
        crm_sweep_ledger_entry e;
        line[len] = '\0';
        *ended = stop && strcmp(line, "end") == 0;
        if (stop && read_line(run, line, len, &e))
            st = heap_add(h, &e);
        else if (len > 0 && !*ended)
            ++*damaged;
        line += len + 1;
    }
    crm_mem_free(text);
    return st;
}

static bool is_log(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".log") == 0;
}

/* Files of a folder. */
typedef struct log_file {
    char name[CRM_SWEEP_LEDGER_NAME_MAX + 8];
    bool ended;
} log_file;
typedef struct folder {
    log_file *file;
    int64_t n, cap;
} folder;

static crm_status folder_add(folder *f, const char *name)
{
    if (f->n == f->cap) {
        int64_t cap = f->cap ? 2 * f->cap : 64;
        log_file *more = crm_mem_grow(f->file, (size_t)f->n, (size_t)cap, sizeof *f->file);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: ledger of %lld files", (long long)cap);
        f->file = more;
        f->cap = cap;
    }
    f->file[f->n] = (log_file){.ended = false};
    memcpy(f->file[f->n++].name, name, strlen(name) + 1); /* list_files looked at its length */
    return CRM_OK;
}

static crm_status list_files(const char *dir, folder *f)
{
    DIR *d = opendir(dir);
    crm_status st = CRM_OK;

    if (!d && errno == ENOENT) return CRM_OK;
    CRM_CHECK(d, CRM_ERR_IO, "%s: cannot be read: %s", dir, strerror(errno));
    for (struct dirent *it = readdir(d); it && !st; it = readdir(d))
        if (is_log(it->d_name) && strlen(it->d_name) < sizeof f->file->name)
            st = folder_add(f, it->d_name);
    closedir(d);
    return st;
}

/* A file that another process takes away meanwhile had its lines put into all.log before, which is
 * read last. */
static crm_status read_folder(const char *dir, crm_digest run, folder *f, heap *h, int64_t *damaged)
{
    char path[CRM_PATH_MAX];
    bool ended;
    crm_status st;

    CRM_TRY(list_files(dir, f));
    for (int64_t i = 0; i < f->n; i++) {
        log_file *it = &f->file[i];
        if (strcmp(it->name, all_name) == 0) continue;
        CRM_TRY(crm_path_join(dir, it->name, path, sizeof path));
        if (!crm_path_exists(path)) continue;
        st = read_file(path, run, h, damaged, &it->ended);
        if (st && crm_path_exists(path)) return st;
    }
    CRM_TRY(crm_path_join(dir, all_name, path, sizeof path));
    return crm_path_exists(path) ? read_file(path, run, h, damaged, &ended) : CRM_OK;
}

static int by_name(const void *a, const void *b)
{
    const crm_sweep_ledger_entry *x = a, *y = b;
    int c = strcmp(x->name, y->name);

    return c ? c : x->failed - y->failed;
}

/* Each name once, a result before a failure. */
static crm_status unite(const char *dir, heap *h)
{
    int64_t n = 0;

    if (h->n) qsort(h->entry, (size_t)h->n, sizeof *h->entry, by_name);
    for (int64_t i = 0; i < h->n; i++) {
        const crm_sweep_ledger_entry *e = &h->entry[i];
        if (n == 0 || strcmp(h->entry[n - 1].name, e->name) != 0) {
            if (n != i) h->entry[n] = *e;
            n++;
            continue;
        }
        CRM_CHECK(e->failed || crm_digest_equal(h->entry[n - 1].result, e->result), CRM_ERR_FORMAT,
                  "%s: unit %s has two different results; the program, the data or a machine "
                  "differ between the jobs of this sweep",
                  dir, e->name);
    }
    h->n = n;
    return CRM_OK;
}

crm_status crm_sweep_ledger_read(const char *dir, crm_digest run, crm_sweep_ledger_all *out)
{
    folder f = {.n = 0};
    heap h = {0};
    crm_status st;

    *out = (crm_sweep_ledger_all){.n = 0};
    st = read_folder(dir, run, &f, &h, &out->damaged);
    if (!st) st = unite(dir, &h);
    out->files = f.n;
    crm_mem_free(f.file);
    if (st) {
        crm_mem_free(h.entry);
        *out = (crm_sweep_ledger_all){.n = 0};
        return st;
    }
    out->n = h.n;
    out->entry = h.entry;
    return CRM_OK;
}

const crm_sweep_ledger_entry *crm_sweep_ledger_find(const crm_sweep_ledger_all *a, const char *name)
{
    int64_t lo = 0, hi = a->n;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int c = strcmp(a->entry[mid].name, name);
        if (c == 0) return &a->entry[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

void crm_sweep_ledger_all_free(crm_sweep_ledger_all *a)
{
    crm_mem_free(a->entry);
    *a = (crm_sweep_ledger_all){.n = 0};
}

static crm_status write_united(const char *dir, crm_digest run, const heap *h)
{
    char path[CRM_PATH_MAX];
    crm_str text = {0};
    crm_status st = CRM_OK;

    for (int64_t i = 0; i < h->n; i++)
        put_line(run, &h->entry[i], &text);
    crm_str_add(&text, end_line, sizeof end_line - 1);
    if (text.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: ledger");
    else
        st = crm_path_join(dir, all_name, path, sizeof path);
    if (!st) st = crm_path_write_atomic(path, text.text, text.len);
    crm_str_free(&text);
    return st;
}

crm_status crm_sweep_ledger_compact(const char *dir, crm_digest run, bool alone)
{
    char path[CRM_PATH_MAX];
    folder f = {.n = 0};
    heap h = {0};
    int64_t damaged = 0;
    crm_status st = read_folder(dir, run, &f, &h, &damaged);

    if (!st) st = unite(dir, &h);
    if (!st && f.n > 0) st = write_united(dir, run, &h);
    for (int64_t i = 0; i < f.n && !st; i++) {
        const log_file *it = &f.file[i];
        if (strcmp(it->name, all_name) == 0 || !(it->ended || alone)) continue;
        st = crm_path_join(dir, it->name, path, sizeof path);
        if (!st) st = crm_path_remove(path);
    }
    crm_mem_free(f.file);
    crm_mem_free(h.entry);
    return st;
}
