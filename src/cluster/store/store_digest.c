/* store_digest.c - content digest of a file, computed by all ranks together, and plain file access.
 *
 * The data of every array are cut into blocks of 1 MiB; each block has a digest, the ranks share
 * the blocks out, and the digest of the file is taken over names, types, shapes, block digests and
 * attributes in name order.  It is defined in docs/data-format.md. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "store_impl.h"

static const char *const KIND_NAME[] = {
    [STORE_TEXT] = "text", [STORE_I64] = "i64", [STORE_F64] = "f64", [STORE_LIST] = "list"};

crm_status store_agree(crm_comm *comm, crm_status local)
{
    return comm ? crm_comm_agree(comm, local) : local;
}

crm_status store_read_at(int fd, void *data, size_t bytes, int64_t offset, const char *path,
                         size_t *got)
{
    for (*got = 0; *got < bytes;) {
        ssize_t k = pread(fd, (char *)data + *got, bytes - *got, (off_t)offset + (off_t)*got);
        if (k < 0 && errno == EINTR) continue;
        CRM_CHECK(k >= 0, CRM_ERR_IO, "%s: cannot read %zu bytes at byte %lld: %s", path, bytes,
                  (long long)offset, strerror(errno));
        if (k == 0) break;
        *got += (size_t)k;
    }
    return CRM_OK;
}

crm_status store_write_at(int fd, const void *data, size_t bytes, int64_t offset, const char *path)
{
    const size_t slab = (size_t)256 << 20; /* one call takes at most 2 GiB */

    for (size_t done = 0; done < bytes;) {
        size_t n = bytes - done < slab ? bytes - done : slab;
        ssize_t k = pwrite(fd, (const char *)data + done, n, (off_t)offset + (off_t)done);
        if (k < 0 && errno == EINTR) continue;
        if (k == 0) errno = ENOSPC;
        CRM_CHECK(k > 0, CRM_ERR_IO, "%s: cannot write %zu bytes at byte %lld: %s", path, bytes,
                  (long long)offset, strerror(errno));
        done += (size_t)k;
    }
    return CRM_OK;
}

crm_status store_value_digest(const store_value *v, crm_digest *out)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_text(h, KIND_NAME[v->kind]);
    if (v->kind == STORE_I64) {
        crm_hash_add_i64(h, v->i);
    } else if (v->kind == STORE_F64) {
        crm_hash_add(h, &v->f, sizeof v->f);
    } else {
        crm_hash_add_i64(h, v->n);
        for (int64_t i = 0; i < v->n; i++)
            crm_hash_add_text(h, v->items[i]);
    }
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

static int64_t block_count(const store_entry *e)
{
    return e->bytes / STORE_BLOCK + (e->bytes % STORE_BLOCK != 0);
}

/* Digests of blocks [first, end), counted over all arrays in name order. */
static crm_status digest_blocks(const store_table *t, int fd, const char *path, int64_t first,
                                int64_t end, char *buffer, crm_digest *out)
{
    int64_t before = 0;

    for (int i = 0; i < t->n; i++) {
        const store_entry *e = &t->entry[i];
        int64_t n = block_count(e), b = first > before ? first - before : 0;
        for (; b < n && before + b < end; b++) {
            int64_t at = b * STORE_BLOCK, left = e->bytes - at;
            size_t bytes = (size_t)(left < STORE_BLOCK ? left : STORE_BLOCK), got;
            CRM_TRY(store_read_at(fd, buffer, bytes, e->offset + at, path, &got));
            CRM_CHECK(got == bytes, CRM_ERR_FORMAT, "%s: is truncated: array %s ends early", path,
                      e->name);
            out[before + b - first] = crm_digest_of(buffer, bytes);
        }
        before += n;
    }
    return CRM_OK;
}

static void add_entry(crm_hash *h, const store_entry *e, const crm_digest *block)
{
    int64_t n = block_count(e);

    crm_hash_add_text(h, e->name);
    crm_hash_add_text(h, e->text ? "text" : crm_dtype_name(e->view.dtype));
    crm_hash_add_i64(h, (int64_t)e->width);
    crm_hash_add_i64(h, e->view.rank);
    for (int d = 0; d < e->view.rank; d++)
        crm_hash_add_i64(h, e->view.dim[d]);
    crm_hash_add_i64(h, n);
    for (int64_t i = 0; i < n; i++)
        crm_hash_add_digest(h, block[i]);
}

static crm_status combine(const store_table *t, const crm_digest *block, crm_digest *out)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_i64(h, STORE_FORMAT);
    crm_hash_add_i64(h, t->n);
    for (int i = 0; i < t->n; i++) {
        add_entry(h, &t->entry[i], block);
        block += block_count(&t->entry[i]);
    }
    crm_hash_add_i64(h, t->n_attr);
    for (int i = 0; i < t->n_attr; i++) {
        crm_hash_add_text(h, t->attr[i].object);
        crm_hash_add_text(h, t->attr[i].key);
        crm_hash_add_digest(h, t->attr[i].digest);
    }
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

crm_status store_digest(const store_table *t, int fd, const char *path, crm_comm *comm,
                        crm_digest *out)
{
    int64_t n = 0, first, end;
    crm_status st = CRM_OK;
    crm_digest *mine = NULL;
    char *buffer = NULL;
    void *all = NULL;
    size_t total;

    for (int i = 0; i < t->n; i++)
        n += block_count(&t->entry[i]);
    first = 0;
    end = n;
    if (comm) crm_tree_range(n, crm_comm_rank(comm), crm_comm_size(comm), &first, &end);
    CRM_NEW_TO(st, agree, mine, end - first);
    CRM_NEW_TO(st, agree, buffer, STORE_BLOCK);
    st = digest_blocks(t, fd, path, first, end, buffer, mine);
agree:
    CRM_TRY_TO(st, done, store_agree(comm, st));
    if (comm)
        CRM_TRY_TO(st, done,
                   crm_comm_allgather(comm, mine, (size_t)(end - first) * sizeof *mine, &all,
                                      &total, NULL));
    CRM_TRY_TO(st, done, store_agree(comm, combine(t, all ? all : mine, out)));
done:
    crm_mem_free(mine);
    crm_mem_free(buffer);
    crm_mem_free(all);
    return st;
}
