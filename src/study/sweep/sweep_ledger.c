/* sweep_ledger.c - the ledger of a sweep: writing, reading all of it, compaction.
 *
 * A file may end in the middle of a line; whoever goes on with it begins a new one.  A file is
 * taken away in four steps: it gets another name, is read, its lines are put into all.log, and it
 * is removed.  A writer that was only taken for dead looks after each line whether its file still
 * has its name.  What it added before the first step is read in the second; a line that it added
 * later it writes again, into a new file. */
#include "crmpi/sweep_ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "sweep_ledger_impl.h"

enum { FILE_MAX_BYTES = 1 << 30 };

struct crm_sweep_ledger {
    int fd;
    crm_digest run;
    bool torn; /* the last line has no end */
    char dir[CRM_PATH_MAX], path[CRM_PATH_MAX];
};

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
    CRM_TRY(crm_path_sync(l->fd, l->path));
    l->torn = false;
    return CRM_OK;
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

static crm_status open_file(crm_sweep_ledger *l)
{
    l->fd = crm_path_open(l->path, O_RDWR | O_APPEND | O_CREAT);
    CRM_CHECK(l->fd >= 0, CRM_ERR_IO, "%s: cannot be opened: %s", l->path, strerror(errno));
    CRM_TRY(find_torn(l));
    return sync_folder(l->dir);
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
    CRM_TRY_TO(st, fail, crm_path_join("", dir, l->dir, sizeof l->dir));
    CRM_TRY_TO(st, fail, crm_path_join(dir, name, l->path, sizeof l->path));
    CRM_TRY_TO(st, fail, open_file(l));
    *out = l;
    return CRM_OK;
fail:
    if (l->fd >= 0) close(l->fd);
    crm_mem_free(l);
    return st;
}

static bool has_name(const crm_sweep_ledger *l)
{
    struct stat a, b;

    return fstat(l->fd, &a) == 0 && stat(l->path, &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

/* Whole lines. */
static crm_status append(crm_sweep_ledger *l, const crm_str *lines)
{
    crm_status st = CRM_OK;

    CRM_CHECK(!lines->failed, CRM_ERR_NOMEM, "out of memory: ledger");
    if (l->torn) CRM_TRY(write_all(l, "\n", 1));
    st = write_all(l, lines->text, lines->len);
    if (has_name(l)) return st;
    crm_err_clear(); /* on some file systems writing to a file that was removed is an error */
    close(l->fd);
    l->fd = -1;
    CRM_TRY(open_file(l));
    return write_all(l, lines->text, lines->len);
}

crm_status crm_sweep_ledger_add(crm_sweep_ledger *l, const crm_sweep_ledger_entry *e)
{
    crm_str line = {0};
    crm_status st;

    sweep_line_put(l->run, LEDGER_RESULT, e, &line);
    st = append(l, &line);
    crm_str_free(&line);
    return st;
}

crm_status crm_sweep_ledger_claim(crm_sweep_ledger *l, int64_t n, const crm_sweep_ledger_entry *e)
{
    crm_str lines = {0};
    crm_status st;

    for (int64_t i = 0; i < n; i++)
        sweep_line_put(l->run, LEDGER_CLAIM, &e[i], &lines);
    if (n == 0) sweep_line_put(l->run, LEDGER_ALIVE, NULL, &lines);
    st = append(l, &lines);
    crm_str_free(&lines);
    return st;
}

crm_status crm_sweep_ledger_hold(crm_sweep_ledger *l)
{
    crm_str line = {0};
    crm_status st;

    sweep_line_put(l->run, LEDGER_HOLDS, NULL, &line);
    st = append(l, &line);
    crm_str_free(&line);
    return st;
}

crm_status crm_sweep_ledger_close(crm_sweep_ledger **l)
{
    crm_str line = {0};
    crm_status st, closed;

    if (!*l) return CRM_OK;
    sweep_line_put((*l)->run, LEDGER_END, NULL, &line);
    st = append(*l, &line);
    crm_str_free(&line);
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
        ledger_line kind;
        line[len] = '\0';
        kind = stop ? sweep_line_read(run, line, len, &e) : LEDGER_BAD;
        *ended = kind == LEDGER_END;
        if (kind == LEDGER_RESULT) st = heap_add(h, &e);
        if (kind == LEDGER_BAD && len > 0) ++*damaged;
        line += len + 1;
    }
    crm_mem_free(text);
    return st;
}

bool sweep_name_ends(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n > k && strcmp(name + n - k, end) == 0;
}

crm_status sweep_ledger_list(const char *dir, int64_t *n, ledger_name **out)
{
    DIR *d = opendir(dir);
    int64_t cap = 0;
    crm_status st = CRM_OK;

    *n = 0;
    *out = NULL;
    if (!d && errno == ENOENT) return CRM_OK;
    CRM_CHECK(d, CRM_ERR_IO, "%s: cannot be read: %s", dir, strerror(errno));
    for (struct dirent *it = readdir(d); it && !st; it = readdir(d)) {
        if (!sweep_name_ends(it->d_name, ".log") || strlen(it->d_name) >= sizeof(ledger_name))
            continue;
        if (*n == cap) {
            ledger_name *more =
                crm_mem_grow(*out, (size_t)cap, (size_t)(2 * cap + 64), sizeof *more);
            if (!more) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld ledgers", (long long)cap);
            if (!more) break;
            *out = more;
            cap = 2 * cap + 64;
        }
        memcpy((*out)[(*n)++].text, it->d_name, strlen(it->d_name) + 1);
    }
    closedir(d);
    return st;
}

/* Files of a folder. */
typedef struct folder {
    int64_t n;
    ledger_name *name;
    bool *ended;
} folder;

static void folder_free(folder *f)
{
    crm_mem_free(f->name);
    crm_mem_free(f->ended);
    *f = (folder){0};
}

/* A file that another process takes away meanwhile had its lines put into all.log before, which is
 * read last. */
static crm_status read_folder(const char *dir, crm_digest run, folder *f, heap *h, int64_t *damaged)
{
    char path[CRM_PATH_MAX];
    bool ended;
    crm_status st;

    CRM_TRY(sweep_ledger_list(dir, &f->n, &f->name));
    CRM_NEW(f->ended, f->n + 1);
    for (int64_t i = 0; i < f->n; i++) {
        if (strcmp(f->name[i].text, LEDGER_ALL) == 0) continue;
        CRM_TRY(crm_path_join(dir, f->name[i].text, path, sizeof path));
        if (!crm_path_exists(path)) continue;
        st = read_file(path, run, h, damaged, &f->ended[i]);
        if (st && crm_path_exists(path)) return st;
        if (st) crm_err_clear();
    }
    CRM_TRY(crm_path_join(dir, LEDGER_ALL, path, sizeof path));
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
    folder_free(&f);
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
        sweep_line_put(run, LEDGER_RESULT, &h->entry[i], &text);
    sweep_line_put(run, LEDGER_END, NULL, &text);
    if (text.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: ledger");
    else
        st = crm_path_join(dir, LEDGER_ALL, path, sizeof path);
    if (!st) st = crm_path_write_atomic(path, text.text, text.len);
    crm_str_free(&text);
    return st;
}

/* The first step: files of writers that are gone get their other name. */
static crm_status set_aside(const char *dir, bool (*gone)(void *ctx, const char *name), void *ctx)
{
    char path[CRM_PATH_MAX], other[CRM_PATH_MAX + 8];
    ledger_name *name;
    int64_t n;
    crm_status st = sweep_ledger_list(dir, &n, &name);

    for (int64_t i = 0; i < n && !st; i++) {
        if (strcmp(name[i].text, LEDGER_ALL) == 0 || sweep_name_ends(name[i].text, LEDGER_GONE))
            continue;
        if (!gone(ctx, name[i].text)) continue;
        st = crm_path_join(dir, name[i].text, path, sizeof path);
        if (st) break;
        snprintf(other, sizeof other, "%.*s" LEDGER_GONE, (int)strlen(path) - 4, path);
        CRM_CHECK_TO(st, end, rename(path, other) == 0 || errno == ENOENT, CRM_ERR_IO,
                     "%s: cannot be renamed: %s", path, strerror(errno));
    }
end:
    crm_mem_free(name);
    return st;
}

crm_status crm_sweep_ledger_compact(const char *dir, crm_digest run,
                                    bool (*gone)(void *ctx, const char *name), void *ctx)
{
    char path[CRM_PATH_MAX];
    folder f = {.n = 0};
    heap h = {0};
    int64_t damaged = 0;
    crm_status st = gone ? set_aside(dir, gone, ctx) : CRM_OK;

    if (!st) st = read_folder(dir, run, &f, &h, &damaged);
    if (!st) st = unite(dir, &h);
    if (!st && f.n > 0) st = write_united(dir, run, &h);
    for (int64_t i = 0; i < f.n && !st; i++) {
        const char *name = f.name[i].text;
        if (strcmp(name, LEDGER_ALL) == 0 || !(f.ended[i] || sweep_name_ends(name, LEDGER_GONE)))
            continue;
        st = crm_path_join(dir, name, path, sizeof path);
        if (!st) st = crm_path_remove(path);
    }
    folder_free(&f);
    crm_mem_free(h.entry);
    return st;
}
