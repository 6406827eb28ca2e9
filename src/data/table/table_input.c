/* table_input.c - the files of a table: found, mapped, unpacked. */
#include "table_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

/* ---- paths ---- */
static crm_status add_pattern(const char *folder, const char *pattern, crm_str *out)
{
    char path[CRM_PATH_MAX];
    glob_t g = {0};
    int failed;

    CRM_TRY(crm_path_join(folder, pattern, path, sizeof path));
    failed = glob(path, GLOB_NOSORT, NULL, &g);
    if (failed || g.gl_pathc == 0) {
        globfree(&g);
        CRM_CHECK(failed != GLOB_NOSPACE, CRM_ERR_NOMEM, "out of memory: files of %s", path);
        CRM_FAIL(CRM_ERR_IO, "%s: no such file; correct the pattern, or the folder (data.path)",
                 path);
    }
    for (size_t i = 0; i < g.gl_pathc; i++)
        crm_str_add(out, g.gl_pathv[i], strlen(g.gl_pathv[i]) + 1);
    globfree(&g);
    CRM_CHECK(!out->failed, CRM_ERR_NOMEM, "out of memory: files of %s", path);
    return CRM_OK;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The paths in text, each with its 0, sorted, each once. */
static crm_status sort_paths(const char *text, size_t bytes, const char ***out, int *n)
{
    size_t count = 0, kept = 0;

    for (size_t i = 0; i < bytes; i++)
        count += text[i] == '\0';
    CRM_NEW(*out, count);
    for (size_t i = 0, k = 0; i < bytes; i += strlen(text + i) + 1)
        (*out)[k++] = text + i;
    qsort(*out, count, sizeof **out, compare_text);
    for (size_t k = 0; k < count; k++)
        if (kept == 0 || strcmp((*out)[kept - 1], (*out)[k]) != 0) (*out)[kept++] = (*out)[k];
    return crm_to_int((int64_t)kept, n);
}

static crm_status find_paths(const crm_table_def *t, const char *folder, crm_str *out)
{
    CRM_CHECK(t->files.n > 0, CRM_ERR_CONFIG, "table %s has no files", t->name);
    if (t->single) {
        crm_str_add(out, t->files.item[0], strlen(t->files.item[0]) + 1);
        CRM_CHECK(!out->failed, CRM_ERR_NOMEM, "out of memory: %s", t->files.item[0]);
        return CRM_OK;
    }
    for (int i = 0; i < t->files.n; i++)
        CRM_TRY(add_pattern(folder, t->files.item[i], out));
    return CRM_OK;
}

/* Rank 0 looks, so that all have one list. */
static crm_status agree_paths(crm_comm *comm, const crm_table_def *t, const char *folder,
                              char **text, size_t *bytes)
{
    crm_str found = {0};
    crm_status st =
        crm_comm_agree(comm, crm_comm_rank(comm) == 0 ? find_paths(t, folder, &found) : CRM_OK);
    void *all = NULL;

    if (!st) st = crm_comm_allgather(comm, found.text, found.len, &all, bytes, NULL);
    crm_str_free(&found);
    *text = all;
    return st;
}

/* ---- mapping ---- */
crm_status crm_table_map(int fd, const char *path, size_t bytes, void **map, size_t *map_size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (bytes + TABLE_PAD + page - 1) / page * page;
    void *p = mmap(NULL, whole, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CRM_CHECK(p != MAP_FAILED, CRM_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
    if (bytes > 0 && mmap(p, bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED) {
        int why = errno;
        munmap(p, whole);
        CRM_FAIL(CRM_ERR_IO, "%s: cannot be mapped: %s", path, strerror(why));
    }
    *map = p;
    *map_size = whole;
    return CRM_OK;
}

static int packing_of(const char *p, size_t n)
{
    if (n >= 2 && memcmp(p, "\x1F\x8B", 2) == 0) return 1;
    return n >= 4 && memcmp(p, "\x28\xB5\x2F\xFD", 4) == 0 ? 2 : 0;
}

static crm_status map_source(const char *path, table_source *s)
{
    crm_status st = CRM_OK;
    int64_t bytes;
    int fd;

    s->file.path = crm_mem_strdup(path);
    CRM_CHECK(s->file.path, CRM_ERR_NOMEM, "out of memory: %s", path);
    CRM_TRY(crm_path_file_size(path, &bytes));
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO, "%s: is not a regular file", path);
    fd = crm_path_open(path, O_RDONLY);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    st = crm_table_map(fd, path, (size_t)bytes, &s->map[0], &s->map_size[0]);
    close(fd);
    if (st) return st;
    s->raw = s->map[0];
    s->raw_size = (size_t)bytes;
    s->packing = packing_of(s->raw, s->raw_size);
    if (s->packing == 0) {
        s->file.data = s->raw;
        s->file.size = s->raw_size;
    }
    return CRM_OK;
}

static crm_status map_all(const char *const *path, table_input *in)
{
    for (int i = 0; i < in->n; i++)
        CRM_TRY(map_source(path[i], &in->source[i]));
    return CRM_OK;
}

/* Every node must see the same bytes; sizes are what can be compared cheaply. */
static crm_status check_sizes(crm_comm *comm, const table_input *in)
{
    int64_t *extent = crm_mem_new((size_t)in->n, 2 * sizeof *extent);
    crm_status st = CRM_OK;

    if (!extent) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d files", in->n);
    for (int i = 0; extent && i < in->n; i++) {
        extent[2 * i] = (int64_t)in->source[i].raw_size;
        extent[2 * i + 1] = -extent[2 * i];
    }
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, crm_comm_max_i64(comm, extent, 2 * in->n));
    for (int i = 0; i < in->n; i++)
        CRM_CHECK_TO(st, done, extent[2 * i] == -extent[2 * i + 1], CRM_ERR_IO,
                     "%s: has %lld bytes on one node and %lld on another; wait until it is written "
                     "and seen by all",
                     in->source[i].file.path, (long long)-extent[2 * i + 1],
                     (long long)extent[2 * i]);
done:
    crm_mem_free(extent);
    return st;
}

crm_status crm_table_input_map(crm_comm *comm, const crm_table_def *t, const char *folder,
                               table_input *in)
{
    const char **path = NULL;
    char *text = NULL;
    size_t bytes = 0;
    crm_status st;

    *in = (table_input){0};
    CRM_TRY_TO(st, done, agree_paths(comm, t, folder, &text, &bytes));
    st = sort_paths(text, bytes, &path, &in->n);
    if (!st && !(in->source = crm_mem_new((size_t)in->n, sizeof *in->source)))
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d files", in->n);
    if (!st) st = map_all(path, in);
    CRM_TRY_TO(st, done, crm_table_first_error(comm, st));
    st = check_sizes(comm, in);
done:
    crm_mem_free(path);
    crm_mem_free(text);
    return st;
}

crm_status crm_table_input_begin(const crm_table_def *t, table_input *in)
{
    for (int i = 0; i < in->n; i++) {
        table_file *f = &in->source[i].file;
        f->begin = f->size >= 3 && memcmp(f->data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        CRM_TRY(crm_table_header(t, &in->source[i]));
    }
    return CRM_OK;
}

crm_status crm_table_input_open(crm_comm *comm, const crm_table_def *t, const char *folder,
                                table_input *in)
{
    CRM_TRY(crm_table_input_map(comm, t, folder, in));
    CRM_TRY(crm_table_unpack(comm, in));
    return crm_table_first_error(comm, crm_table_input_begin(t, in));
}

void crm_table_input_close(table_input *in)
{
    for (int i = 0; in->source && i < in->n; i++) {
        table_source *s = &in->source[i];
        for (int k = 0; k < 2; k++)
            if (s->map[k]) munmap(s->map[k], s->map_size[k]);
        crm_mem_free((void *)(uintptr_t)s->file.path);
        crm_mem_free(s->column);
        crm_mem_free(s->field);
    }
    crm_mem_free(in->source);
    crm_mem_free(in->segment);
    *in = (table_input){0};
}

/* ---- digest: of each MiB of each file, then of these ---- */
enum { BLOCK = 1 << 20 };

static int64_t blocks_of(const table_source *s)
{
    return (int64_t)((s->raw_size + BLOCK - 1) / BLOCK);
}

static crm_status hash_blocks(const table_input *in, int64_t first, int64_t end, crm_digest **out)
{
    int64_t block = 0;

    CRM_NEW(*out, end - first);
    for (int i = 0; i < in->n; i++) {
        const table_source *s = &in->source[i];
        for (int64_t k = 0; k < blocks_of(s); k++, block++) {
            size_t at = (size_t)k * BLOCK, left = s->raw_size - at;
            if (block < first || block >= end) continue;
            (*out)[block - first] = crm_digest_of(s->raw + at, left < BLOCK ? left : BLOCK);
        }
    }
    return CRM_OK;
}

crm_status crm_table_input_digest(crm_comm *comm, const table_input *in, crm_digest *out)
{
    int64_t blocks = 0, first, end;
    crm_digest *mine = NULL;
    crm_hash *h = NULL;
    void *all = NULL;
    size_t bytes = 0;
    crm_status st;

    for (int i = 0; i < in->n; i++)
        blocks += blocks_of(&in->source[i]);
    crm_tree_range(blocks, crm_comm_rank(comm), crm_comm_size(comm), &first, &end);
    st = hash_blocks(in, first, end, &mine);
    if (!st) st = crm_hash_new(&h);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(
        st, done,
        crm_comm_allgather(comm, mine, (size_t)(end - first) * sizeof *mine, &all, &bytes, NULL));
    crm_hash_add_i64(h, in->n);
    for (int i = 0; i < in->n; i++)
        crm_hash_add_i64(h, (int64_t)in->source[i].raw_size);
    crm_hash_add(h, all, bytes);
    *out = crm_hash_value(h);
done:
    crm_hash_free(&h);
    crm_mem_free(all);
    crm_mem_free(mine);
    return st;
}
