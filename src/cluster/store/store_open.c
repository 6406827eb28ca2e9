/* store_open.c - the seal of a file is checked, then it is looked through with HDF5 once, then HDF5
 * is closed and the file is mapped. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/comm_watchdog.h"
#include "store_impl.h"

static const unsigned char SIGNATURE[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

bool crm_store_is_hdf5(const char *path)
{
    unsigned char head[sizeof SIGNATURE];
    int fd = crm_path_open(path, O_RDONLY | O_NONBLOCK); /* a FIFO must not block */
    bool yes = fd >= 0 && pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
               memcmp(head, SIGNATURE, sizeof head) == 0;

    if (fd >= 0) close(fd);
    return yes;
}

/* The superblock of the 1.10 format holds the length of the file at byte 28: a short file is told
 * apart from a foreign one before HDF5 stumbles. */
static crm_status check_length(const crm_store *s)
{
    unsigned char head[36];
    uint64_t end = 0;
    size_t got;

    CRM_TRY(store_read_at(s->fd, head, sizeof head, 0, s->path, &got));
    CRM_CHECK(got >= sizeof SIGNATURE && memcmp(head, SIGNATURE, sizeof SIGNATURE) == 0,
              CRM_ERR_FORMAT, "%s: is not an HDF5 file (%lld bytes)", s->path, (long long)s->size);
    CRM_CHECK(got == sizeof head, CRM_ERR_FORMAT, "%s: is truncated: the file has %lld bytes only",
              s->path, (long long)s->size);
    if (head[8] < 2 || head[9] != 8) return CRM_OK;
    for (int i = 7; i >= 0; i--)
        end = end << 8 | head[28 + i];
    CRM_CHECK(end <= (uint64_t)s->size || end > (uint64_t)INT64_MAX, CRM_ERR_FORMAT,
              "%s: is truncated: it needs %llu bytes, the file has %lld", s->path,
              (unsigned long long)end, (long long)s->size);
    return CRM_OK;
}

static crm_status look_through(crm_store *s, const char *kind)
{
    crm_status st;
    hid_t file;

    CRM_TRY(store_source_open(s->fd, s->content, s->path, &file));
    st = store_scan(s, file, kind);
    H5Fclose(file);
    return st;
}

/* Zero-terminated copies of the items of a text array. */
static crm_status take_items(crm_store *s, store_entry *e)
{
    const char *from = (const char *)s->map + e->offset;
    int64_t n = e->view.dim[0];
    size_t step = e->width + 1;

    e->items = crm_mem_new((size_t)n, sizeof *e->items);
    e->chars = crm_mem_new((size_t)n, step);
    CRM_CHECK(e->items && e->chars, CRM_ERR_NOMEM, "out of memory: %lld texts of %zu bytes",
              (long long)n, step);
    for (int64_t i = 0; i < n; i++) {
        memcpy(e->chars + (size_t)i * step, from + (size_t)i * e->width, e->width);
        e->items[i] = e->chars + (size_t)i * step;
    }
    return CRM_OK;
}

/* Rows are read in random order in training.  A file that memory cannot hold is then read page by
 * page: reading ahead would throw out more than it brings. */
static void advise(const crm_store *s)
{
    int64_t limit = crm_mem_limit();

    if (limit > 0 && s->size > limit / 2) posix_madvise(s->map, (size_t)s->size, POSIX_MADV_RANDOM);
}

static crm_status map_arrays(crm_store *s)
{
    s->map = mmap(NULL, (size_t)s->size, PROT_READ, MAP_SHARED, s->fd, 0);
    if (s->map == MAP_FAILED) s->map = NULL;
    CRM_CHECK(s->map, CRM_ERR_IO, "%s: cannot be mapped: %s", s->path, strerror(errno));
    advise(s);
    CRM_NEW(s->array, s->table.n);
    for (int i = 0; i < s->table.n; i++) {
        store_entry *e = &s->table.entry[i];
        if (e->text)
            CRM_TRY(take_items(s, e));
        else
            s->array[s->n_array++] = &e->view;
        if (e->bytes > 0) e->view.data = (const char *)s->map + e->offset;
    }
    return CRM_OK;
}

static crm_status open_file(crm_store *s, const char *path, const char *kind)
{
    struct stat found;

    s->path = crm_mem_strdup(path);
    CRM_CHECK(s->path, CRM_ERR_NOMEM, "out of memory: path");
    CRM_TRY(crm_path_file_size(path, &s->size));
    s->fd = crm_path_open(path, O_RDONLY | O_NONBLOCK);
    CRM_CHECK(s->fd >= 0, CRM_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    /* of what was opened: another may have taken its place since */
    CRM_CHECK(fstat(s->fd, &found) == 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    s->size = found.st_size;
    CRM_TRY(check_length(s));
    CRM_TRY(store_seal_check(s, kind));
    CRM_TRY(look_through(s, kind));
    CRM_TRY(store_seal_match(s));
    return map_arrays(s);
}

void crm_store_release(const crm_store *s)
{
    if (s && s->map) (void)madvise(s->map, (size_t)s->size, MADV_DONTNEED);
}

crm_status crm_store_open(const char *path, const char *kind, crm_store **out)
{
    crm_store *s;
    crm_status st;

    *out = NULL;
    CRM_NEW(s, 1);
    s->fd = -1;
    crm_watchdog_enter(CRM_IN_LOAD);
    st = open_file(s, path, kind);
    crm_watchdog_leave();
    CRM_TRY_TO(st, fail, st);
    *out = s;
    return CRM_OK;
fail:
    crm_store_close(&s);
    return st;
}

void crm_store_close(crm_store **sp)
{
    crm_store *s = *sp;

    if (!s) return;
    if (s->map) munmap(s->map, (size_t)s->size);
    if (s->fd >= 0) close(s->fd);
    store_table_free(&s->table);
    crm_mem_free(s->array);
    crm_mem_free(s->span);
    crm_mem_free(s->path);
    crm_mem_free(s);
    *sp = NULL;
}
