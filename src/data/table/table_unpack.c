/* table_unpack.c - gzip and zstd files as plain text.
 *
 * The text is written to a file in a folder of TMPDIR that the ranks of a node map, so that a node
 * holds it once, in its page cache; the file has no name any more as soon as all have opened it.
 * Files of a table are shared out among the ranks of a node. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_temp.h"
#include "table_scan.h"

enum { STEP = 1 << 20, TAG = 24, NAME = 128 };

typedef struct sink {
    const char *path; /* of the compressed file */
    char *buffer;     /* [STEP] */
    int fd;
} sink;

static crm_status drain(const sink *out, size_t n)
{
    const char *p = out->buffer;

    while (n > 0) {
        ssize_t done = write(out->fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        CRM_CHECK(done > 0, CRM_ERR_IO,
                  "%s: its unpacked text cannot be written to a temporary file: %s (TMPDIR names "
                  "the folder)",
                  out->path, strerror(errno));
        p += done;
        n -= (size_t)done;
    }
    return CRM_OK;
}

static crm_status damaged(const sink *out, const char *kind, size_t at, const char *why)
{
    CRM_FAIL(CRM_ERR_FORMAT, "%s: damaged %s data at byte %zu (%s); make or transfer it anew",
             out->path, kind, at, why);
}

static crm_status cut(const sink *out, const char *kind, size_t size)
{
    CRM_FAIL(CRM_ERR_FORMAT,
             "%s: the %s data is cut off: it goes on behind its last byte, %zu; make or transfer "
             "it anew",
             out->path, kind, size);
}

/* ---- gzip: one member after the other ---- */
static crm_status inflate_all(z_stream *z, const table_source *s, const sink *out)
{
    size_t used = 0;
    int got = Z_STREAM_END;

    while (used < s->raw_size || got == Z_OK) {
        size_t give = s->raw_size - used < STEP ? s->raw_size - used : STEP;
        if (got == Z_STREAM_END) {
            if (s->raw[used] == 0) { /* padding of tapes */
                used++;
                continue;
            }
            if (inflateReset(z) != Z_OK) return damaged(out, "gzip", used, "no stream");
        }
        z->next_in = (Bytef *)(uintptr_t)(s->raw + used);
        z->avail_in = (uInt)give;
        z->next_out = (Bytef *)out->buffer;
        z->avail_out = STEP;
        got = inflate(z, Z_NO_FLUSH);
        used += give - z->avail_in;
        CRM_TRY(drain(out, STEP - z->avail_out));
        if (got == Z_BUF_ERROR && used == s->raw_size) return cut(out, "gzip", s->raw_size);
        CRM_CHECK(got != Z_MEM_ERROR, CRM_ERR_NOMEM, "out of memory: unpacking %s", out->path);
        if (got != Z_OK && got != Z_STREAM_END)
            return damaged(out, "gzip", used, z->msg ? z->msg : "no gzip stream");
    }
    return CRM_OK;
}

static crm_status unpack_gzip(const table_source *s, const sink *out)
{
    z_stream z = {0};
    crm_status st;

    CRM_CHECK(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK, CRM_ERR_NOMEM,
              "out of memory: unpacking %s", out->path);
    st = inflate_all(&z, s, out);
    inflateEnd(&z);
    return st;
}

/* ---- zstd: one frame after the other ---- */
static crm_status unpack_zstd(const table_source *s, const sink *out)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    ZSTD_inBuffer in = {s->raw, s->raw_size, 0};
    crm_status st = CRM_OK;
    size_t left = 1;
    bool full = false;

    CRM_CHECK(z, CRM_ERR_NOMEM, "out of memory: unpacking %s", out->path);
    while (!st && (in.pos < in.size || full)) {
        ZSTD_outBuffer o = {out->buffer, STEP, 0};
        left = ZSTD_decompressStream(z, &o, &in);
        if (ZSTD_isError(left))
            st = damaged(out, "zstd", in.pos, ZSTD_getErrorName(left));
        else
            st = drain(out, o.pos);
        full = o.pos == STEP;
    }
    ZSTD_freeDStream(z);
    if (!st && left != 0) st = cut(out, "zstd", s->raw_size);
    return st;
}

/* ---- temporary files ---- */
/* Of the folder of a rank of this node. */
static void name_folder(const char *tag, int rank, char out[NAME])
{
    char host[64];

    crm_comm_host(host, sizeof host);
    snprintf(out, NAME, "%.63s-%.23s-%d", host, tag, rank);
}

static crm_status name_file(crm_comm *comm, const char *tag, int i, char out[CRM_PATH_MAX])
{
    char name[NAME], dir[CRM_PATH_MAX];

    name_folder(tag, i % crm_comm_node_size(comm), name);
    CRM_TRY(crm_temp_path("unpack", name, dir));
    snprintf(name, sizeof name, "%d", i);
    return crm_path_join(dir, name, out, CRM_PATH_MAX);
}

static crm_status write_text(const table_source *s, const char *name)
{
    sink out = {.path = s->file.path};
    crm_status st = CRM_OK;

    CRM_NEW(out.buffer, STEP);
    out.fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out.fd < 0)
        CRM_SET(st, CRM_ERR_IO,
                "%s: cannot be made, to unpack %s there: %s (TMPDIR names the folder)", name,
                out.path, strerror(errno));
    if (!st) st = s->packing == 1 ? unpack_gzip(s, &out) : unpack_zstd(s, &out);
    if (out.fd >= 0) close(out.fd);
    crm_mem_free(out.buffer);
    return st;
}

static crm_status map_text(table_source *s, const char *name)
{
    crm_status st;
    int64_t bytes;
    int fd;

    CRM_TRY(crm_path_file_size(name, &bytes));
    fd = open(name, O_RDONLY | O_CLOEXEC);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: %s", name, strerror(errno));
    st = crm_table_map(fd, s->file.path, (size_t)bytes, &s->map[1], &s->map_size[1]);
    close(fd);
    if (st) return st;
    s->file.data = s->map[1];
    s->file.size = (size_t)bytes;
    return CRM_OK;
}

/* The i-th file is the work of this rank of its node. */
static bool is_mine(crm_comm *comm, const table_input *in, int i)
{
    return in->source[i].packing && i % crm_comm_node_size(comm) == crm_comm_node_rank(comm);
}

static crm_status write_mine(crm_comm *comm, const table_input *in, const char *tag, crm_temp *temp)
{
    char name[CRM_PATH_MAX], folder[NAME];

    name_folder(tag, crm_comm_node_rank(comm), folder);
    for (int i = 0; i < in->n; i++) {
        if (!is_mine(comm, in, i)) continue;
        if (!temp->dir[0]) CRM_TRY(crm_temp_make("unpack", folder, temp));
        CRM_TRY(name_file(comm, tag, i, name));
        CRM_TRY(write_text(&in->source[i], name));
    }
    return CRM_OK;
}

static crm_status map_packed(crm_comm *comm, table_input *in, const char *tag)
{
    char name[CRM_PATH_MAX];

    for (int i = 0; i < in->n; i++) {
        if (!in->source[i].packing) continue;
        CRM_TRY(name_file(comm, tag, i, name));
        CRM_TRY(map_text(&in->source[i], name));
    }
    return CRM_OK;
}

crm_status crm_table_unpack(crm_comm *comm, table_input *in)
{
    static int calls;
    char tag[TAG];
    crm_temp temp = {.lock = -1};
    bool any = false;
    crm_status st;

    for (int i = 0; i < in->n; i++)
        any |= in->source[i].packing != 0;
    if (!any) return CRM_OK;
    snprintf(tag, sizeof tag, "%lld-%d", (long long)getpid(), calls++);
    CRM_TRY(crm_comm_bcast(comm, 0, tag, sizeof tag)); /* of rank 0, so that it is one for all */
    st = crm_table_first_error(comm, write_mine(comm, in, tag, &temp));
    if (!st) st = crm_comm_agree(comm, map_packed(comm, in, tag));
    crm_temp_remove(&temp);
    return st;
}
