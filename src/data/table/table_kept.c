/* table_kept.c - reading the tables that an import has kept. */
#include "table_kept.h"

#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "table_schema_impl.h"

crm_status crm_table_kept_path(const char *store_path, bool next, char *out, size_t cap)
{
    int len = snprintf(out, cap, "%s.tables%s.h5", store_path, next ? ".next" : "");

    CRM_CHECK(len > 0 && (size_t)len < cap, CRM_ERR_CONFIG, "data.store: the path is too long");
    return CRM_OK;
}

/* ---- the schema ---- */
static crm_status damaged(const table_kept *k, const char *what)
{
    CRM_FAIL(CRM_ERR_FORMAT, "%s: %s; the file is damaged, or of another version: import all again",
             crm_store_path(k->store), what);
}

/* Keys and digests, each with its 0, in the order of either schema. */
static crm_status compare_keys(const table_kept *k, const crm_str *mine)
{
    const crm_store_array *a = crm_store_find(k->store, "schema/keys");
    const char *old = a ? a->data : NULL, *now = mine->text;
    const char *old_end = old ? old + a->dim[0] : NULL, *now_end = now + mine->len;

    if (!old || a->dtype != CRM_U8 || a->rank != 1 || old_end[-1] != '\0')
        return damaged(k, "the keys of its schema are not there");
    while (now < now_end || old < old_end) {
        const char *name = now < now_end ? now : old;
        size_t n = now < now_end ? strlen(now) + 1 : 0, m = old < old_end ? strlen(old) + 1 : 0;
        bool same = n > 0 && n == m && memcmp(now, old, n) == 0 &&
                    old_end - old >= (int64_t)n + CRM_DIGEST_HEX &&
                    memcmp(now + n, old + n, CRM_DIGEST_HEX) == 0;
        CRM_CHECK(same, CRM_ERR_CONFIG,
                  "%s: %s: is not what it was when the tables in %s were read; a later export can "
                  "change files, profile, cut-off, labels and features only: set it back, or "
                  "import all exports again",
                  k->schema->path, name, crm_store_path(k->store));
        now += n + CRM_DIGEST_HEX;
        old += n + CRM_DIGEST_HEX;
    }
    return CRM_OK;
}

static crm_status open_local(const char *path, table_kept *k)
{
    crm_str keys = {0};
    crm_status st;

    CRM_TRY(crm_store_open(path, "crmpi-tables", &k->store));
    if (!k->schema) return CRM_OK;
    st = crm_table_schema_keys(k->schema, &keys);
    if (!st) st = compare_keys(k, &keys);
    crm_str_free(&keys);
    return st;
}

crm_status crm_table_kept_open(crm_comm *comm, const char *path, const crm_table_schema *s,
                               bool verify, table_kept *out)
{
    crm_status st;

    *out = (table_kept){.comm = comm, .schema = s};
    st = crm_comm_agree(comm, open_local(path, out));
    if (!st && verify) st = crm_store_verify(comm, out->store);
    if (st) crm_table_kept_close(out);
    return st;
}

void crm_table_kept_close(table_kept *k)
{
    if (k->store) crm_store_close(&k->store);
    *k = (table_kept){0};
}

const char *crm_table_kept_source(const table_kept *k)
{
    const char *text = crm_store_text(k->store, "", "source_digest");

    return text ? text : "";
}

/* ---- columns ---- */
typedef struct reader {
    const table_kept *k;
    int table;
    int64_t rows, first, n; /* of all, before and of this rank's share */
} reader;

static const crm_store_array *find(const reader *r, int column, const char *what)
{
    char name[64];

    if (column < 0)
        snprintf(name, sizeof name, "%d/%s", r->table, what);
    else
        snprintf(name, sizeof name, "%d/%d/%s", r->table, column, what);
    return crm_store_find(r->k->store, name);
}

/* This rank's items of an array of one for each row; *out stays NULL when there is no such one. */
static crm_status share(const reader *r, int column, const char *what, crm_dtype type, void **out)
{
    const crm_store_array *a = find(r, column, what);
    size_t size = crm_dtype_size(type);

    *out = NULL;
    if (!a) return CRM_OK;
    if (a->dtype != type || a->rank != 1 || a->dim[0] != r->rows)
        return damaged(r->k, "a column has another shape than its table");
    *out = crm_mem_new((size_t)r->n, size);
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes", (long long)r->n, size);
    if (r->n > 0)
        memcpy(*out, (const char *)a->data + (size_t)r->first * size, (size_t)r->n * size);
    return CRM_OK;
}

static crm_status read_levels(const reader *r, int column, table_cells *c)
{
    const crm_store_array *a = find(r, column, "level");
    const char *p = a ? a->data : NULL, *end = p ? p + a->dim[0] : NULL;

    if (!a || (p && end[-1] != '\0')) return damaged(r->k, "a category has no levels");
    for (int32_t i; p < end; p += strlen(p) + 1)
        CRM_TRY(crm_table_levels_add(&c->levels, p, strlen(p), INT32_MAX, &i));
    CRM_TRY(crm_table_levels_sort(&c->levels, &c->level));
    c->n_levels = c->levels.n;
    for (int64_t i = 0; i < r->n; i++)
        if (c->code[i] < -1 || c->code[i] >= c->n_levels)
            return damaged(r->k, "a category has a code without level");
    return CRM_OK;
}

static crm_status read_texts(const reader *r, int column, bool keys, table_cells *c)
{
    const crm_store_array *byte = find(r, column, "byte"), *end = find(r, column, "end");
    int64_t before, used, begin = 0;

    if (!byte || byte->dtype != CRM_U8) return damaged(r->k, "a column of texts has no bytes");
    before = r->first > 0 ? ((const int64_t *)end->data)[r->first - 1] : 0;
    used = r->n > 0 ? c->end[r->n - 1] - before : 0;
    if (before < 0 || used < 0 || before + used > byte->dim[0])
        return damaged(r->k, "a text ends outside of the bytes");
    CRM_NEW(c->bytes, used + 1);
    if (used > 0) memcpy(c->bytes, (const char *)byte->data + before, (size_t)used);
    if (keys) CRM_NEW(c->key, r->n);
    for (int64_t i = 0; i < r->n; i++) {
        c->end[i] -= before;
        if (c->end[i] < begin) return damaged(r->k, "a text ends before it begins");
        if (keys && c->end[i] > begin)
            c->key[i] = crm_digest_of(c->bytes + begin, (size_t)(c->end[i] - begin));
        begin = c->end[i];
    }
    return CRM_OK;
}

static crm_status read_column(const reader *r, int column, table_cells *c)
{
    crm_field_type type = r->k->schema->table[r->table].column[column].type;

    CRM_TRY(share(r, column, "real", CRM_F64, (void **)&c->real));
    CRM_TRY(share(r, column, "whole", CRM_I64, (void **)&c->whole));
    CRM_TRY(share(r, column, "code", CRM_I32, (void **)&c->code));
    CRM_TRY(share(r, column, "end", CRM_I64, (void **)&c->end));
    if (type != CRM_FIELD_IGNORE && !c->real && !c->whole && !c->code && !c->end)
        return damaged(r->k, "a column of the schema is not there");
    if (c->code) CRM_TRY(read_levels(r, column, c));
    return c->end ? read_texts(r, column, type == CRM_FIELD_ID, c) : CRM_OK;
}

/* ---- the table ---- */
static crm_status read_files(const reader *r, table_frame *f)
{
    const crm_store_array *a = find(r, -1, "file");
    const char *p = a ? a->data : NULL, *end = p ? p + a->dim[0] : NULL;
    int n = 0;

    if (p && end[-1] != '\0') return damaged(r->k, "names of files are cut");
    for (const char *q = p; q < end; q += strlen(q) + 1)
        n++;
    CRM_NEW(f->file, n);
    for (; p < end; p += strlen(p) + 1) {
        f->file[f->n_files] = crm_mem_strdup(p);
        CRM_CHECK(f->file[f->n_files++], CRM_ERR_NOMEM, "out of memory: names of %d files", n);
    }
    for (int64_t i = 0; i < f->n; i++)
        if (f->where[i] < 0 || f->where[i] >> 40 >= n) return damaged(r->k, "a row is of no file");
    return CRM_OK;
}

/* Counts are those of all ranks: one rank has them. */
static crm_status read_bad(const reader *r, int columns, table_frame *f)
{
    const crm_store_array *a = find(r, -1, "bad");

    if (columns > 0 && (!a || a->dtype != CRM_I64 || a->dim[0] != columns))
        return damaged(r->k, "counts of bad values are not there");
    for (int c = 0; c < columns && crm_comm_rank(r->k->comm) == 0; c++)
        f->column[c].bad = ((const int64_t *)a->data)[c];
    return CRM_OK;
}

static crm_status read_table(reader *r, table_frame *f)
{
    const crm_store_array *a = find(r, -1, "where");
    int columns = r->k->schema->table[r->table].n;
    char group[32];

    if (!a || a->dtype != CRM_I64 || a->rank != 1) return damaged(r->k, "a table is not there");
    r->rows = a->dim[0];
    crm_tree_range(r->rows, crm_comm_rank(r->k->comm), crm_comm_size(r->k->comm), &r->first, &r->n);
    r->n -= r->first;
    f->n = r->n;
    f->before = r->first;
    f->total = r->rows;
    snprintf(group, sizeof group, "%d", r->table);
    f->skipped = crm_store_i64(r->k->store, group, "skipped", 0);
    CRM_NEW(f->column, columns);
    CRM_TRY(share(r, -1, "where", CRM_I64, (void **)&f->where));
    CRM_TRY(read_files(r, f));
    CRM_TRY(read_bad(r, columns, f));
    for (int c = 0; c < columns; c++)
        CRM_TRY(read_column(r, c, &f->column[c]));
    return CRM_OK;
}

crm_status crm_table_kept_frame(const table_kept *k, int table, table_frame *f)
{
    reader r = {.k = k, .table = table};
    crm_status st;

    *f = (table_frame){.schema = k->schema, .table = table};
    st = crm_comm_agree(k->comm, read_table(&r, f));
    crm_store_release(k->store);
    if (st) crm_table_frame_free(f);
    return st;
}
