/* table_keeper.c - writing the tables of an import for later exports: rows that were kept before,
 * straight from their file, and those of a frame behind them. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_kept.h"
#include "table_schema_impl.h"

enum { BLOCK = 1 << 16 }; /* codes that are renumbered at once */

static const char *const DIM[] = {"item"};

crm_status crm_table_keeper_open(crm_comm *comm, const crm_table_schema *s, const table_kept *old,
                                 const char *path, table_keeper *x)
{
    *x = (table_keeper){.comm = comm, .schema = s, .old = old};
    return crm_store_create(comm, path, "crmpi-tables", &x->w);
}

void crm_table_keeper_abandon(table_keeper *x)
{
    crm_store_abandon(&x->w);
}

/* ---- arrays ---- */
typedef struct part {
    table_keeper *x;
    const table_frame *f;
    char name[CRM_STORE_NAME_MAX];
    const crm_store_array *old; /* NULL: none */
} part;

/* Look at array "table/what", or "table/column/what". */
static part look_at(table_keeper *x, const table_frame *f, int column, const char *what)
{
    part p = {.x = x, .f = f};

    if (column < 0)
        snprintf(p.name, sizeof p.name, "%d/%s", f->table, what);
    else
        snprintf(p.name, sizeof p.name, "%d/%d/%s", f->table, column, what);
    if (x->old) p.old = crm_store_find(x->old->store, p.name);
    return p;
}

static int64_t old_items(const part *p)
{
    return p->old ? p->old->dim[0] : 0;
}

/* Where they begin, also when there are none. */
static const char *old_bytes(const part *p)
{
    return p->old && p->old->data ? p->old->data : "";
}

static crm_status define(const part *p, crm_dtype type, int64_t items)
{
    return crm_store_define(p->x->w, p->name, type, 1, &items, DIM);
}

/* The old items, shared out over the ranks, and n of this rank behind them. */
static crm_status put(const part *p, crm_dtype type, int64_t n, int64_t before, int64_t total,
                      const void *data)
{
    int64_t had = old_items(p), first, end;
    crm_comm *comm = p->x->comm;

    CRM_TRY(define(p, type, had + total));
    crm_tree_range(had, crm_comm_rank(comm), crm_comm_size(comm), &first, &end);
    if (had > 0)
        CRM_TRY(crm_store_write(p->x->w, p->name, first, end - first,
                                old_bytes(p) + (size_t)first * crm_dtype_size(type)));
    return crm_store_write(p->x->w, p->name, had + before, n, data);
}

static crm_status put_rows(const part *p, crm_dtype type, const void *data)
{
    return put(p, type, p->f->n, p->f->before, p->f->total, data);
}

/* An array that every rank has: rank 0 writes it. */
static crm_status put_whole(table_keeper *x, const char *name, crm_dtype type, int64_t n,
                            const void *data)
{
    CRM_TRY(crm_store_define(x->w, name, type, 1, &n, DIM));
    return crm_store_write(x->w, name, 0, crm_comm_rank(x->comm) == 0 ? n : 0, data);
}

/* ---- categories ---- */
typedef struct merged {
    table_levels all;
    const char **sorted;
    int32_t *old_to, *new_to;
    crm_str bytes; /* of sorted, each with its 0 */
} merged;

static void merged_free(merged *m)
{
    crm_table_levels_free(&m->all);
    crm_mem_free(m->sorted);
    crm_mem_free(m->old_to);
    crm_mem_free(m->new_to);
    crm_str_free(&m->bytes);
}

/* Levels of both, sorted, and where those of each have gone. */
static crm_status merge(const char *old, int64_t bytes, const table_cells *c, merged *m)
{
    int64_t n_old = 0;
    int32_t i;

    for (const char *p = old; p < old + bytes; p += strlen(p) + 1, n_old++)
        CRM_TRY(crm_table_levels_add(&m->all, p, strlen(p), INT32_MAX, &i));
    for (int64_t k = 0; k < c->n_levels; k++)
        CRM_TRY(crm_table_levels_add(&m->all, c->level[k], strlen(c->level[k]), INT32_MAX, &i));
    CRM_TRY(crm_table_levels_sort(&m->all, &m->sorted));
    CRM_NEW(m->old_to, n_old);
    CRM_NEW(m->new_to, c->n_levels);
    n_old = 0;
    for (const char *p = old; p < old + bytes; p += strlen(p) + 1)
        m->old_to[n_old++] = crm_table_levels_find(m->sorted, m->all.n, p);
    for (int64_t k = 0; k < c->n_levels; k++)
        m->new_to[k] = crm_table_levels_find(m->sorted, m->all.n, c->level[k]);
    for (int64_t k = 0; k < m->all.n; k++)
        crm_str_add(&m->bytes, m->sorted[k], strlen(m->sorted[k]) + 1);
    CRM_CHECK(!m->bytes.failed, CRM_ERR_NOMEM, "out of memory: %lld levels", (long long)m->all.n);
    return CRM_OK;
}

static crm_status check_levels(const table_keeper *x, const table_frame *f, int column,
                               const merged *m)
{
    const crm_table_def *t = &x->schema->table[f->table];
    const crm_field *c = &t->column[column];

    CRM_CHECK(m->all.n <= c->max_levels, CRM_ERR_FORMAT,
              "table %s, column '%s': more than %lld distinct values with those of the exports "
              "before; raise its max_levels and import all exports again",
              t->name, c->name, (long long)c->max_levels);
    return CRM_OK;
}

/* As many blocks on each rank as the rank with the most needs. */
static crm_status put_old_codes(const part *p, const int32_t *to)
{
    crm_comm *comm = p->x->comm;
    int64_t had = old_items(p), ranks = crm_comm_size(comm), first, end;
    int64_t blocks = had == 0 ? 0 : ((had + ranks - 1) / ranks + BLOCK - 1) / BLOCK;
    const int32_t *old = had > 0 ? p->old->data : NULL;
    int32_t *buffer = crm_mem_new(BLOCK, sizeof *buffer);
    crm_status st = CRM_OK;

    if (!buffer) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: codes");
    st = crm_comm_agree(comm, st);
    crm_tree_range(had, crm_comm_rank(comm), (int)ranks, &first, &end);
    for (int64_t k = 0; k < blocks && !st; k++) {
        int64_t n = end - first < BLOCK ? end - first : BLOCK;
        for (int64_t i = 0; i < n; i++)
            buffer[i] = old[first + i] < 0 ? -1 : to[old[first + i]];
        st = crm_store_write(p->x->w, p->name, first, n, buffer);
        first += n;
    }
    crm_mem_free(buffer);
    return st;
}

static crm_status put_codes(table_keeper *x, const table_frame *f, int column)
{
    part code = look_at(x, f, column, "code"), level = look_at(x, f, column, "level");
    table_cells *c = &f->column[column];
    merged m = {0};
    crm_status st;

    st = merge(old_bytes(&level), old_items(&level), c, &m);
    if (!st) st = check_levels(x, f, column, &m);
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, st));
    for (int64_t i = 0; i < f->n; i++)
        if (c->code[i] >= 0) c->code[i] = m.new_to[c->code[i]];
    CRM_TRY_TO(st, done, define(&code, CRM_I32, old_items(&code) + f->total));
    CRM_TRY_TO(st, done, put_old_codes(&code, m.old_to));
    CRM_TRY_TO(st, done,
               crm_store_write(x->w, code.name, old_items(&code) + f->before, f->n, c->code));
    CRM_TRY_TO(st, done, put_whole(x, level.name, CRM_U8, (int64_t)m.bytes.len, m.bytes.text));
done:
    merged_free(&m);
    return st;
}

/* ---- texts ---- */
static crm_status put_texts(table_keeper *x, const table_frame *f, int column)
{
    part end = look_at(x, f, column, "end"), byte = look_at(x, f, column, "byte");
    table_cells *c = &f->column[column];
    int64_t bytes = f->n > 0 ? c->end[f->n - 1] : 0, total = bytes, before;

    CRM_TRY(crm_comm_exscan_i64(x->comm, bytes, &before));
    CRM_TRY(crm_comm_sum_i64(x->comm, &total, 1));
    for (int64_t i = 0; i < f->n; i++)
        c->end[i] += old_items(&byte) + before;
    CRM_TRY(put_rows(&end, CRM_I64, c->end));
    return put(&byte, CRM_U8, bytes, before, total, c->bytes);
}

static crm_status put_column(table_keeper *x, const table_frame *f, int column)
{
    table_cells *c = &f->column[column];
    part real = look_at(x, f, column, "real"), whole = look_at(x, f, column, "whole");

    if (x->schema->table[f->table].column[column].type == CRM_FIELD_IGNORE) return CRM_OK;
    if (c->real) return put_rows(&real, CRM_F64, c->real);
    if (c->whole) return put_rows(&whole, CRM_I64, c->whole);
    if (c->code) return put_codes(x, f, column);
    return put_texts(x, f, column);
}

/* ---- tables ---- */
static int64_t count_files(const part *p)
{
    const char *at = old_bytes(p);
    int64_t n = 0;

    for (const char *end = at + old_items(p); at < end; at += strlen(at) + 1)
        n++;
    return n;
}

static crm_status put_places(table_keeper *x, const table_frame *f)
{
    part where = look_at(x, f, -1, "where"), file = look_at(x, f, -1, "file");
    int64_t files = count_files(&file);
    crm_str names = {0};
    crm_status st = CRM_OK;

    for (int64_t i = 0; i < f->n; i++)
        f->where[i] += files << 40;
    crm_str_add(&names, old_bytes(&file), (size_t)old_items(&file));
    for (int k = 0; k < f->n_files; k++)
        crm_str_add(&names, f->file[k], strlen(f->file[k]) + 1);
    if (names.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: names of files");
    st = crm_comm_agree(x->comm, st);
    if (!st) st = put_rows(&where, CRM_I64, f->where);
    if (!st) st = put_whole(x, file.name, CRM_U8, (int64_t)names.len, names.text);
    crm_str_free(&names);
    return st;
}

static crm_status put_counts(table_keeper *x, const table_frame *f)
{
    part bad = look_at(x, f, -1, "bad");
    int n = x->schema->table[f->table].n;
    int64_t skipped = f->skipped, *sum = crm_mem_new((size_t)n, sizeof *sum);
    char group[32];
    crm_status st = CRM_OK;

    snprintf(group, sizeof group, "%d", f->table);
    if (x->old) skipped += crm_store_i64(x->old->store, group, "skipped", 0);
    if (!sum) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", n);
    for (int c = 0; sum && c < n; c++)
        sum[c] = f->column[c].bad;
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, st));
    CRM_TRY_TO(st, done, crm_comm_sum_i64(x->comm, sum, n));
    for (int c = 0; c < n && bad.old && c < bad.old->dim[0]; c++)
        sum[c] += ((const int64_t *)bad.old->data)[c];
    CRM_TRY_TO(st, done, put_whole(x, bad.name, CRM_I64, n, sum));
    st = crm_store_attr_i64(x->w, group, "skipped", skipped);
done:
    crm_mem_free(sum);
    return st;
}

crm_status crm_table_keeper_add(table_keeper *x, table_frame *f)
{
    CRM_TRY(put_places(x, f));
    CRM_TRY(put_counts(x, f));
    for (int c = 0; c < x->schema->table[f->table].n; c++)
        CRM_TRY(put_column(x, f, c));
    if (x->old) crm_store_release(x->old->store);
    return CRM_OK;
}

crm_status crm_table_keeper_commit(table_keeper *x, const char *source, int64_t n,
                                   const char *const *exports, const char *key_check,
                                   const char *text, size_t bytes)
{
    crm_str keys = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, crm_table_schema_keys(x->schema, &keys)));
    CRM_TRY_TO(st, done, put_whole(x, "schema/keys", CRM_U8, (int64_t)keys.len, keys.text));
    if (bytes > 0) CRM_TRY_TO(st, done, put_whole(x, "schema/text", CRM_U8, (int64_t)bytes, text));
    CRM_TRY_TO(st, done, crm_store_texts(x->w, "exports", n, exports));
    CRM_TRY_TO(st, done, crm_store_attr_text(x->w, "", "source_digest", source));
    CRM_TRY_TO(st, done, crm_store_attr_text(x->w, "", "key_check", key_check));
    st = crm_store_commit(&x->w, NULL);
done:
    crm_str_free(&keys);
    return st;
}
