/* sweep_follow.c - ledgers of other jobs, read as they grow. */
#include "crmpi/sweep_follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "sweep_ledger_impl.h"

enum {
    PIECE = 1 << 22, /* bytes read at once */
    TAIL = 64
};

typedef struct job {
    char tag[CRM_SWEEP_LEDGER_NAME_MAX];
    double seen; /* when a file of it was seen to grow */
    bool holds;
} job;

typedef struct log_file {
    ledger_name name;
    int64_t job; /* -1: all.log and files of writers that are gone */
    ino_t inode;
    off_t offset, size; /* read so far, up to the end of a line; seen */
    struct timespec changed;
    char tail[TAIL]; /* the last bytes that were read, by which the file is known again */
    size_t n_tail;
    bool there, ended; /* in the folder at the last look; its last line was "end" */
} log_file;

/* Numbers by name: a table with open addressing, at most half full. */
typedef struct slot {
    crm_digest key;
    int64_t value; /* from 1; 0: the slot is empty */
} slot;
typedef struct table {
    slot *slot;
    int64_t n, cap; /* cap: a power of 2 */
} table;

struct crm_sweep_follow {
    char dir[CRM_PATH_MAX], own[CRM_SWEEP_LEDGER_NAME_MAX];
    crm_digest run;
    bool holds, looked, revised;
    double lease;
    int64_t damaged;
    log_file *file;
    int64_t n_files, cap_files;
    job *job;
    int64_t n_jobs, cap_jobs;
    crm_sweep_ledger_entry *entry;
    int64_t n_entries, cap_entries;
    table results; /* entry, from 1     */
    table claims;  /* file, from 1      */
};

/* ---- tables ---- */

static crm_digest key_of(const char *name)
{
    return crm_digest_of(name, strlen(name));
}

static slot *find_slot(const table *t, crm_digest key)
{
    int64_t at = (int64_t)(key.lo & (uint64_t)(t->cap - 1));

    while (t->slot[at].value && !crm_digest_equal(t->slot[at].key, key))
        at = (at + 1) & (t->cap - 1);
    return &t->slot[at];
}

static int64_t find_value(const table *t, const char *name)
{
    return t->n > 0 ? find_slot(t, key_of(name))->value : 0;
}

static crm_status grow_table(table *t)
{
    table more = {.cap = t->cap ? 2 * t->cap : 1024, .n = t->n};

    CRM_NEW(more.slot, more.cap);
    for (int64_t i = 0; i < t->cap; i++)
        if (t->slot[i].value) *find_slot(&more, t->slot[i].key) = t->slot[i];
    crm_mem_free(t->slot);
    *t = more;
    return CRM_OK;
}

static crm_status set_value(table *t, const char *name, int64_t value)
{
    slot *s;

    if (2 * t->n >= t->cap) CRM_TRY(grow_table(t));
    s = find_slot(t, key_of(name));
    if (!s->value) t->n++;
    *s = (slot){.key = key_of(name), .value = value};
    return CRM_OK;
}

/* Room for one more in a list that doubles. */
static crm_status room_for(void **list, int64_t n, int64_t *cap, size_t size)
{
    int64_t want = *cap ? 2 * *cap : 64;
    void *more;

    if (n < *cap) return CRM_OK;
    more = crm_mem_grow(*list, (size_t)n, (size_t)want, size);
    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: ledgers of a sweep");
    *list = more;
    *cap = want;
    return CRM_OK;
}

/* ---- begin and end ---- */

crm_status crm_sweep_follow_new(const char *dir, crm_digest run, const char *own, bool holds,
                                double lease, crm_sweep_follow **out)
{
    crm_sweep_follow *f;
    crm_status st;

    *out = NULL;
    CRM_CHECK(strlen(own) < CRM_SWEEP_LEDGER_NAME_MAX, CRM_ERR_ARG, "tag of a job: %s", own);
    CRM_NEW(f, 1);
    memcpy(f->own, own, strlen(own) + 1);
    f->run = run;
    f->holds = holds;
    f->lease = lease;
    st = crm_path_join("", dir, f->dir, sizeof f->dir);
    if (st) crm_sweep_follow_free(&f);
    *out = f;
    return st;
}

void crm_sweep_follow_free(crm_sweep_follow **f)
{
    if (!*f) return;
    crm_mem_free((*f)->file);
    crm_mem_free((*f)->job);
    crm_mem_free((*f)->entry);
    crm_mem_free((*f)->results.slot);
    crm_mem_free((*f)->claims.slot);
    crm_mem_free(*f);
    *f = NULL;
}

/* ---- jobs and their files ---- */

/* "TAG-RANK.log"; without a rank the job has this file alone. */
static void tag_of(const char *file, char tag[CRM_SWEEP_LEDGER_NAME_MAX])
{
    const char *dash = strrchr(file, '-');
    size_t n = dash && dash > file ? (size_t)(dash - file) : strlen(file) - 4;

    if (n >= CRM_SWEEP_LEDGER_NAME_MAX) n = CRM_SWEEP_LEDGER_NAME_MAX - 1;
    memcpy(tag, file, n);
    tag[n] = '\0';
}

static crm_status find_job(crm_sweep_follow *f, const char *file, double now, int64_t *out)
{
    char tag[CRM_SWEEP_LEDGER_NAME_MAX];

    *out = -1;
    if (strcmp(file, LEDGER_ALL) == 0 || sweep_name_ends(file, LEDGER_GONE)) return CRM_OK;
    tag_of(file, tag);
    for (*out = 0; *out < f->n_jobs; ++*out)
        if (strcmp(f->job[*out].tag, tag) == 0) return CRM_OK;
    CRM_TRY(room_for((void **)&f->job, f->n_jobs, &f->cap_jobs, sizeof *f->job));
    f->job[f->n_jobs] = (job){.seen = now};
    memcpy(f->job[f->n_jobs++].tag, tag, sizeof tag);
    return CRM_OK;
}

static bool is_own(const crm_sweep_follow *f, const log_file *it)
{
    return it->job >= 0 && strcmp(f->job[it->job].tag, f->own) == 0;
}

static crm_status find_file(crm_sweep_follow *f, const ledger_name *name, double now, int64_t *out)
{
    log_file it = {.name = *name};

    for (*out = 0; *out < f->n_files; ++*out)
        if (strcmp(f->file[*out].name.text, name->text) == 0) return CRM_OK;
    CRM_TRY(room_for((void **)&f->file, f->n_files, &f->cap_files, sizeof *f->file));
    CRM_TRY(find_job(f, name->text, now, &it.job));
    f->file[f->n_files++] = it;
    return CRM_OK;
}

static bool lives(const crm_sweep_follow *f, int64_t number, double now)
{
    const job *j = &f->job[number];

    if (strcmp(j->tag, f->own) == 0) return true;
    return now - j->seen < f->lease && !(f->holds && j->holds);
}

/* ---- lines ---- */

static crm_status take_result(crm_sweep_follow *f, const crm_sweep_ledger_entry *e)
{
    int64_t at = find_value(&f->results, e->name);
    crm_sweep_ledger_entry *old;
    const crm_digest none = {0, 0};

    if (at == 0) {
        CRM_TRY(room_for((void **)&f->entry, f->n_entries, &f->cap_entries, sizeof *f->entry));
        f->entry[f->n_entries++] = *e;
        return set_value(&f->results, e->name, f->n_entries);
    }
    old = &f->entry[at - 1];
    if (e->failed) return CRM_OK;
    if (old->failed) {
        f->revised = true;
        *old = *e;
        return CRM_OK;
    }
    CRM_CHECK(crm_digest_equal(old->result, e->result) || crm_digest_equal(old->result, none) ||
                  crm_digest_equal(e->result, none),
              CRM_ERR_FORMAT,
              "%s: unit %s has two different results; the program, the data or a machine differ "
              "between the jobs of this sweep",
              f->dir, e->name);
    return CRM_OK;
}

crm_status crm_sweep_follow_add(crm_sweep_follow *f, const crm_sweep_ledger_entry *e)
{
    return take_result(f, e);
}

static crm_status take_line(crm_sweep_follow *f, int64_t number, const char *text, size_t len)
{
    log_file *it = &f->file[number];
    crm_sweep_ledger_entry e;
    ledger_line kind = sweep_line_read(f->run, text, len, &e);

    it->ended = kind == LEDGER_END;
    if (kind == LEDGER_BAD && len > 0) f->damaged++;
    if (kind == LEDGER_RESULT) return take_result(f, &e);
    if (kind == LEDGER_HOLDS && it->job >= 0) f->job[it->job].holds = true;
    if (kind == LEDGER_CLAIM && it->job >= 0 && !is_own(f, it))
        return set_value(&f->claims, e.name, number + 1);
    return CRM_OK;
}

/* Whole lines of a piece of a file; *used: their bytes. */
static crm_status take_lines(crm_sweep_follow *f, int64_t number, char *text, size_t bytes,
                             size_t *used)
{
    char *stop;

    *used = 0;
    while ((stop = memchr(text + *used, '\n', bytes - *used)) != NULL) {
        char *line = text + *used;
        *stop = '\0';
        *used += (size_t)(stop - line) + 1;
        CRM_TRY(take_line(f, number, line, (size_t)(stop - line)));
        *stop = '\n';
    }
    return CRM_OK;
}

/* ---- looking ---- */

/* What is new in an open file. */
static crm_status read_on(crm_sweep_follow *f, int64_t number, int fd)
{
    log_file *it = &f->file[number];
    size_t want = (size_t)(it->size - it->offset), used;
    char *text;
    crm_status st = CRM_OK;

    if (want > PIECE) want = PIECE;
    CRM_NEW(text, (int64_t)want + 1);
    while (!st && it->offset < it->size) {
        ssize_t n = pread(fd, text, want, it->offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            CRM_SET(st, CRM_ERR_IO, "%s/%s: cannot be read: %s", f->dir, it->name.text,
                    strerror(errno));
        if (n <= 0) break;
        st = take_lines(f, number, text, (size_t)n, &used);
        it->offset += (off_t)used;
        if (used == 0) break;
        it->n_tail = used < TAIL ? used : TAIL;
        memcpy(it->tail, text + used - it->n_tail, it->n_tail);
    }
    crm_mem_free(text);
    return st;
}

/* all.log is written anew each time; other files only grow, unless a writer that was taken for dead
 * has begun one anew, which may have got the same number. */
static bool begins_anew(const log_file *it, int fd, const struct stat *s)
{
    char tail[TAIL];
    size_t n = it->n_tail;

    if (it->inode != s->st_ino || s->st_size < it->offset) return true;
    if (s->st_mtim.tv_sec == it->changed.tv_sec && s->st_mtim.tv_nsec == it->changed.tv_nsec)
        return false;
    if (strcmp(it->name.text, LEDGER_ALL) == 0) return true;
    return pread(fd, tail, n, it->offset - (off_t)n) != (ssize_t)n ||
           memcmp(tail, it->tail, n) != 0;
}

/* Opening asks a shared file system how long the file is now; one that is gone has been compacted,
 * and all.log, which is read last, has its lines. */
static crm_status look_at(crm_sweep_follow *f, const ledger_name *name, double now)
{
    char path[CRM_PATH_MAX];
    int64_t number;
    log_file *it;
    struct stat s;
    crm_status st = CRM_OK;
    int fd;

    CRM_TRY(find_file(f, name, now, &number));
    it = &f->file[number];
    it->there = true;
    if (f->looked && is_own(f, it)) return CRM_OK;
    CRM_TRY(crm_path_join(f->dir, name->text, path, sizeof path));
    fd = crm_path_open(path, O_RDONLY);
    if (fd < 0 && (errno == ENOENT || errno == ESTALE)) return CRM_OK;
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &s) != 0) {
        CRM_SET(st, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    } else {
        if (begins_anew(it, fd, &s)) {
            it->offset = 0;
            it->n_tail = 0;
        }
        if (it->job >= 0 && (it->inode != s.st_ino || it->size != s.st_size))
            f->job[it->job].seen = now;
        it->inode = s.st_ino;
        it->size = s.st_size;
        it->changed = s.st_mtim;
        if (it->offset < it->size) st = read_on(f, number, fd);
    }
    close(fd);
    return st;
}

crm_status crm_sweep_follow_look(crm_sweep_follow *f, double now)
{
    const ledger_name all = {LEDGER_ALL};
    ledger_name *name;
    int64_t n;
    crm_status st = sweep_ledger_list(f->dir, &n, &name);

    for (int64_t i = 0; i < f->n_files; i++)
        f->file[i].there = false;
    for (int64_t i = 0; i < n && !st; i++)
        if (strcmp(name[i].text, LEDGER_ALL) != 0) st = look_at(f, &name[i], now);
    if (!st) st = look_at(f, &all, now);
    if (!st) f->looked = true;
    crm_mem_free(name);
    return st;
}

/* ---- asking ---- */

const crm_sweep_ledger_entry *crm_sweep_follow_find(const crm_sweep_follow *f, const char *name)
{
    int64_t at = find_value(&f->results, name);

    return at ? &f->entry[at - 1] : NULL;
}

bool crm_sweep_follow_claimed(const crm_sweep_follow *f, const char *name, double now)
{
    int64_t at = find_value(&f->claims, name);
    const log_file *it = at ? &f->file[at - 1] : NULL;

    return it && !it->ended && lives(f, it->job, now);
}

/* A job without a file that goes on has ended. */
static bool works(const crm_sweep_follow *f, int64_t number, double now)
{
    if (!lives(f, number, now) || strcmp(f->job[number].tag, f->own) == 0) return false;
    for (int64_t i = 0; i < f->n_files; i++)
        if (f->file[i].job == number && !f->file[i].ended) return true;
    return false;
}

void crm_sweep_follow_place(const crm_sweep_follow *f, double now, int *place, int *jobs)
{
    *place = 0;
    *jobs = 1;
    for (int64_t i = 0; i < f->n_jobs; i++) {
        if (!works(f, i, now)) continue;
        ++*jobs;
        *place += strcmp(f->job[i].tag, f->own) < 0;
    }
}

bool crm_sweep_follow_revised(crm_sweep_follow *f)
{
    bool was = f->revised;

    f->revised = false;
    return was;
}

static bool is_left(const crm_sweep_follow *f, const log_file *it, double now)
{
    if (!it->there) return false;
    return it->job < 0 ? sweep_name_ends(it->name.text, LEDGER_GONE)
                       : !it->ended && !lives(f, it->job, now);
}

bool crm_sweep_follow_gone(const crm_sweep_follow *f, const char *file, double now)
{
    for (int64_t i = 0; i < f->n_files; i++)
        if (strcmp(f->file[i].name.text, file) == 0) return is_left(f, &f->file[i], now);
    return false;
}

int64_t crm_sweep_follow_left(const crm_sweep_follow *f, double now)
{
    int64_t n = 0;

    for (int64_t i = 0; i < f->n_files; i++)
        n += is_left(f, &f->file[i], now);
    return n;
}

int64_t crm_sweep_follow_damaged(const crm_sweep_follow *f, double now)
{
    int64_t n = f->damaged;

    for (int64_t i = 0; i < f->n_files; i++)
        n += is_left(f, &f->file[i], now) && f->file[i].offset < f->file[i].size;
    return n;
}
