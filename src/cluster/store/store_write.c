/* store_write.c - the collective writer: every rank keeps the same table, rank 0 also the HDF5
 * file.
 *
 * Each function ends in one agreement, so that a rank that fails alone fails all; after a failure
 * the writer refuses everything but commit (which then removes path.tmp) and abandon. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/comm_watchdog.h"
#include "store_impl.h"

struct crm_store_writer {
    crm_comm *comm;
    bool root, failed;
    bool made; /* tmp is there, by this process */
    char path[CRM_PATH_MAX], tmp[CRM_PATH_MAX];
    int fd;
    store_layout layout; /* root only */
    store_table table;
    int64_t data_bytes;    /* of all arrays */
    int64_t checked_bytes; /* of those for which free space was looked at */
};

/* Space for metadata that the check of free space allows for, and the mask under which row numbers
 * are summed. */
static const int64_t METADATA_BYTES = 65536, ROW_SUM_MASK = ((int64_t)1 << 40) - 1;

static crm_status settle(crm_store_writer *w, crm_status local)
{
    crm_status st = store_agree(w->comm, local);

    if (st) w->failed = true;
    return st;
}

static crm_status usable(const crm_store_writer *w)
{
    CRM_CHECK(!w->failed, CRM_ERR_IO, "%s: not written, as an earlier step failed", w->path);
    return CRM_OK;
}

static crm_status open_tmp(crm_store_writer *w, int flags)
{
    w->fd = crm_path_open(w->tmp, O_RDWR | flags);
    CRM_CHECK(w->fd >= 0, CRM_ERR_IO, "%s: cannot be written: %s", w->tmp, strerror(errno));
    return CRM_OK;
}

static crm_status set_attr(crm_store_writer *w, const char *object, const char *key,
                           const store_value *v)
{
    store_attr *a;

    CRM_TRY(store_table_add_attr(&w->table, object, key, v, &a));
    return w->root ? store_layout_attr(&w->layout, object, key, v) : CRM_OK;
}

static crm_status set_kind(crm_store_writer *w, const char *kind)
{
    const store_value text = {.kind = STORE_TEXT, .n = 1, .items = &kind};
    const store_value format = {.kind = STORE_I64, .i = STORE_FORMAT};

    CRM_TRY(set_attr(w, "", STORE_KIND_KEY, &text));
    return set_attr(w, "", STORE_FORMAT_KEY, &format);
}

static crm_status begin(crm_store_writer *w, const char *path)
{
    CRM_CHECK(strlen(path) + 5 < sizeof w->tmp, CRM_ERR_ARG, "path too long: %s", path);
    CRM_CHECK(!crm_path_is_dir(path), CRM_ERR_IO, "%s: is a folder, a file is needed", path);
    snprintf(w->path, sizeof w->path, "%s", path);
    snprintf(w->tmp, sizeof w->tmp, "%.*s.tmp", CRM_PATH_MAX - 5, path);
    if (!w->root) return CRM_OK;
    CRM_TRY(open_tmp(w, O_CREAT | O_TRUNC));
    w->made = true;
    return store_layout_open(&w->layout, w->tmp, w->fd);
}

crm_status crm_store_create(crm_comm *comm, const char *path, const char *kind,
                            crm_store_writer **out)
{
    crm_store_writer *w = crm_mem_new(1, sizeof *w);
    crm_status st = CRM_OK;

    *out = NULL;
    if (!w) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: writer of %s", path);
    st = store_agree(comm, st);
    if (st || !w) {
        crm_mem_free(w);
        return st;
    }
    *w = (crm_store_writer){.comm = comm, .fd = -1, .layout = {.file = -1, .driver = -1}};
    w->root = !comm || crm_comm_rank(comm) == 0;
    CRM_TRY_TO(st, fail, settle(w, begin(w, path)));
    st = w->root ? CRM_OK : open_tmp(w, 0);
    if (!st) st = set_kind(w, kind);
    CRM_TRY_TO(st, fail, settle(w, st));
    *out = w;
    return CRM_OK;
fail:
    crm_store_abandon(&w);
    return st;
}

/* Add an array to the table of every rank and to the file of the root, and tell all its place. */
static crm_status add_array(crm_store_writer *w, const char *name, store_entry *e,
                            const char *const *dim_names)
{
    crm_status st = usable(w);
    store_entry *in = NULL;
    const char *fault = crm_store_name_fault(name);

    if (!st && fault) CRM_SET(st, CRM_ERR_ARG, "array name \"%s\": %s", name, fault);
    if (!st && !store_bytes(e->view.rank, e->view.dim, e->width, &e->bytes))
        CRM_SET(st, CRM_ERR_ARG, "array %s: its size is negative or above 2^60 bytes", name);
    if (!st && dim_names) st = store_scale_names(name, e->view.rank, dim_names);
    if (!st) st = store_table_add(&w->table, e, name, &in);
    if (!st && dim_names) st = store_copy_texts(dim_names, e->view.rank, &in->dims);
    if (!st && w->root) st = store_layout_array(&w->layout, in);
    CRM_TRY(settle(w, st));
    if (w->comm) CRM_TRY(settle(w, crm_comm_bcast(w->comm, 0, &in->offset, sizeof in->offset)));
    w->data_bytes += in->bytes;
    return CRM_OK;
}

/* Attach a list of names that are no attribute of the caller's (dimension labels). */
static crm_status set_labels(crm_store_writer *w, const char *name, int rank,
                             const char *const *dim_names)
{
    const store_value v = {.kind = STORE_LIST, .n = rank, .items = dim_names};

    return settle(w, set_attr(w, name, STORE_LABELS_KEY, &v));
}

crm_status crm_store_define(crm_store_writer *w, const char *name, crm_dtype dtype, int rank,
                            const int64_t *dim, const char *const *dim_names)
{
    store_entry e = {.view = {.dtype = dtype, .rank = rank}};

    if (rank < 0 || rank > CRM_STORE_MAX_RANK || (unsigned)dtype >= CRM_DTYPE_COUNT) {
        w->failed = true;
        CRM_FAIL(CRM_ERR_ARG, "array %s: rank %d, dtype %d are not offered", name, rank,
                 (int)dtype);
    }
    e.width = crm_dtype_size(dtype);
    for (int d = 0; d < rank; d++)
        e.view.dim[d] = dim[d];
    if (rank == 0) dim_names = NULL;
    CRM_TRY(add_array(w, name, &e, dim_names));
    return dim_names ? set_labels(w, name, rank, dim_names) : CRM_OK;
}

static crm_status attr(crm_store_writer *w, const char *name, const char *key, const store_value *v)
{
    crm_status st = usable(w);
    const char *fault = name[0] ? crm_store_name_fault(name) : NULL;

    if (!fault) fault = store_key_fault(key);
    if (!st && fault) CRM_SET(st, CRM_ERR_ARG, "attribute \"%s\" of \"%s\": %s", key, name, fault);
    if (!st) st = set_attr(w, name, key, v);
    return settle(w, st);
}

crm_status crm_store_attr_text(crm_store_writer *w, const char *name, const char *key,
                               const char *value)
{
    return attr(w, name, key, &(store_value){.kind = STORE_TEXT, .n = 1, .items = &value});
}

crm_status crm_store_attr_i64(crm_store_writer *w, const char *name, const char *key, int64_t value)
{
    return attr(w, name, key, &(store_value){.kind = STORE_I64, .i = value});
}

crm_status crm_store_attr_f64(crm_store_writer *w, const char *name, const char *key, double value)
{
    return attr(w, name, key, &(store_value){.kind = STORE_F64, .f = value});
}

crm_status crm_store_attr_list(crm_store_writer *w, const char *name, const char *key, int64_t n,
                               const char *const *items)
{
    return attr(w, name, key, &(store_value){.kind = STORE_LIST, .n = n, .items = items});
}

/* Once before data are written, and again after more arrays were announced: is there room for what
 * is still to come?  The condition is the same on all ranks. */
static crm_status check_space(crm_store_writer *w)
{
    int64_t need = w->data_bytes - w->checked_bytes + METADATA_BYTES, left;
    crm_status st = CRM_OK;

    if (w->failed || w->data_bytes == w->checked_bytes) return CRM_OK;
    w->checked_bytes = w->data_bytes;
    if (w->root) st = crm_path_free_bytes(w->tmp, &left);
    if (w->root && !st && left < need)
        CRM_SET(st, CRM_ERR_IO, "%s: needs %lld bytes, %lld are free", w->path, (long long)need,
                (long long)left);
    return settle(w, st);
}

/* Sum of row numbers first .. first + n - 1, modulo a power of two. */
static int64_t sum_rows(int64_t first, int64_t n)
{
    uint64_t a = (uint64_t)n, b = (uint64_t)n - 1;

    if (n == 0) return 0;
    if (a % 2 == 0)
        a /= 2;
    else
        b /= 2;
    return (int64_t)((a * b + (uint64_t)n * (uint64_t)first) & (uint64_t)ROW_SUM_MASK);
}

static crm_status write_rows(crm_store_writer *w, store_entry *e, int64_t first, int64_t n,
                             const void *data)
{
    int64_t rows = store_rows(e), row_bytes = rows ? e->bytes / rows : 0;

    CRM_CHECK(first >= 0 && n >= 0 && n <= rows && first <= rows - n, CRM_ERR_ARG,
              "array %s: rows [%lld, +%lld) are outside its %lld rows", e->name, (long long)first,
              (long long)n, (long long)rows);
    e->rows += n;
    e->row_sum = (e->row_sum + sum_rows(first, n)) & ROW_SUM_MASK;
    return store_write_at(w->fd, data, (size_t)(n * row_bytes), e->offset + first * row_bytes,
                          w->tmp);
}

crm_status crm_store_write(crm_store_writer *w, const char *name, int64_t first, int64_t n,
                           const void *data)
{
    int at = store_table_find(&w->table, name);
    crm_status st = usable(w);

    if (!st && (at < 0 || w->table.entry[at].text))
        CRM_SET(st, CRM_ERR_ARG, "%s: no array %s was announced", w->path, name);
    CRM_TRY(check_space(w));
    crm_watchdog_enter(CRM_IN_CHECKPOINT);
    if (!st) st = write_rows(w, &w->table.entry[at], first, n, data);
    crm_watchdog_leave();
    return settle(w, st);
}

/* Items side by side, each filled up to width with zeros, through a buffer. */
static crm_status write_items(crm_store_writer *w, const store_entry *e, int64_t n,
                              const char *const *items)
{
    int64_t batch = STORE_BLOCK / (int64_t)e->width + 1;
    char *buffer = crm_mem_new((size_t)batch, e->width);
    crm_status st = CRM_OK;

    CRM_CHECK(buffer, CRM_ERR_NOMEM, "out of memory: %zu bytes", (size_t)batch * e->width);
    for (int64_t i = 0; i < n && !st; i += batch) {
        int64_t m = n - i < batch ? n - i : batch;
        memset(buffer, 0, (size_t)m * e->width);
        for (int64_t k = 0; k < m; k++)
            memcpy(buffer + (size_t)k * e->width, items[i + k], strlen(items[i + k]));
        st = store_write_at(w->fd, buffer, (size_t)m * e->width, e->offset + i * (int64_t)e->width,
                            w->tmp);
    }
    crm_mem_free(buffer);
    return st;
}

crm_status crm_store_texts(crm_store_writer *w, const char *name, int64_t n,
                           const char *const *items)
{
    store_entry e = {.text = true, .width = 1, .view = {.dtype = CRM_U8, .rank = 1, .dim = {n}}};
    crm_status st = CRM_OK;
    store_entry *in;

    for (int64_t i = 0; i < n; i++)
        if (strlen(items[i]) > e.width) e.width = strlen(items[i]);
    CRM_TRY(add_array(w, name, &e, NULL));
    CRM_TRY(check_space(w));
    in = &w->table.entry[store_table_find(&w->table, name)];
    if (w->root) {
        in->rows = n;
        in->row_sum = sum_rows(0, n);
        st = write_items(w, in, n, items);
    }
    return settle(w, st);
}

/* Every row of every array once?  Counts and sums of row numbers of all ranks tell, but for gaps
 * and doubles that make up for each other in both. */
static crm_status check_rows(crm_store_writer *w)
{
    int64_t n = w->table.n, *sum = crm_mem_new((size_t)n * 2 + 1, sizeof *sum);
    crm_status st = CRM_OK;

    if (!sum) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: row counts of %lld arrays", (long long)n);
    CRM_TRY_TO(st, done, store_agree(w->comm, st));
    for (int64_t i = 0; i < n && sum; i++) {
        sum[2 * i] = w->table.entry[i].rows;
        sum[2 * i + 1] = w->table.entry[i].row_sum;
    }
    if (w->comm) CRM_TRY_TO(st, done, crm_comm_sum_i64(w->comm, sum, 2 * n));
    for (int64_t i = 0; i < n && sum && !st; i++) {
        const store_entry *e = &w->table.entry[i];
        int64_t rows = store_rows(e);
        if (sum[2 * i] != rows)
            CRM_SET(st, CRM_ERR_ARG, "%s: array %s has %lld rows, %lld were written", w->path,
                    e->name, (long long)rows, (long long)sum[2 * i]);
        else if ((sum[2 * i + 1] & ROW_SUM_MASK) != sum_rows(0, rows))
            CRM_SET(st, CRM_ERR_ARG, "%s: some rows of array %s were written twice, others never",
                    w->path, e->name);
    }
done:
    crm_mem_free(sum);
    return st;
}

/* Through a new descriptor: on network file systems opening is what shows the writes of others. */
static crm_status digest_data(const crm_store_writer *w, crm_digest *out)
{
    int fd = crm_path_open(w->tmp, O_RDONLY);
    crm_status st = CRM_OK;

    if (fd < 0) CRM_SET(st, CRM_ERR_IO, "%s: cannot be read: %s", w->tmp, strerror(errno));
    st = store_agree(w->comm, st);
    if (!st) st = store_digest(&w->table, fd, w->tmp, w->comm, out);
    if (fd >= 0) close(fd);
    return st;
}

/* Root: scales, the last attribute, the end of the file in HDF5, the seal, and the name. */
static crm_status finish(crm_store_writer *w, crm_digest digest)
{
    char hex[CRM_DIGEST_HEX];
    const char *text = crm_digest_hex(digest, hex);
    const store_value v = {.kind = STORE_TEXT, .n = 1, .items = &text};

    CRM_TRY(store_scale_put(&w->layout, &w->table));
    CRM_TRY(store_layout_attr(&w->layout, "", STORE_DIGEST_KEY, &v));
    CRM_TRY(store_layout_close(&w->layout));
    CRM_TRY(store_seal_put(w->fd, w->tmp, &w->table));
    CRM_TRY(crm_path_sync(w->fd, w->tmp));
    CRM_TRY(crm_path_close(&w->fd, w->tmp));
    CRM_TRY(crm_path_commit(w->tmp, w->path));
    w->made = false;
    return CRM_OK;
}

static crm_status commit(crm_store_writer *w, crm_digest *digest)
{
    CRM_TRY(settle(w, usable(w)));
    CRM_TRY(settle(w, check_rows(w)));
    CRM_TRY(settle(w, crm_path_sync(w->fd, w->tmp)));
    CRM_TRY(settle(w, digest_data(w, digest)));
    return settle(w, w->root ? finish(w, *digest) : CRM_OK);
}

crm_status crm_store_commit(crm_store_writer **w, crm_digest *digest)
{
    crm_digest d = {0, 0};
    crm_status st;

    crm_watchdog_enter(CRM_IN_CHECKPOINT);
    st = commit(*w, &d);
    crm_watchdog_leave();
    if (!st && digest) *digest = d;
    crm_store_abandon(w);
    return st;
}

void crm_store_abandon(crm_store_writer **wp)
{
    crm_store_writer *w = *wp;

    if (!w) return;
    store_layout_discard(&w->layout);
    if (w->made) unlink(w->tmp);
    if (w->fd >= 0) close(w->fd);
    store_table_free(&w->table);
    crm_mem_free(w);
    *wp = NULL;
}
