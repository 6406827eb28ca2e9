/* table_forget.c - customers go out of the tables that are kept beside a data set. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_later.h"

typedef struct forgetter {
    table_world w;
    table_kept old;
    crm_digest *gone; /* [n] keys, sorted */
    int64_t n, rows;
} forgetter;

static int compare_keys(const void *a, const void *b)
{
    const crm_digest *x = a, *y = b;

    if (x->hi != y->hi) return x->hi < y->hi ? -1 : 1;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

static crm_status take_ids(int64_t n, const char *const *id, forgetter *x)
{
    CRM_NEW(x->gone, n);
    for (int64_t i = 0; i < n; i++)
        x->gone[i] = crm_digest_of(id[i], strlen(id[i]));
    x->n = n;
    qsort(x->gone, (size_t)n, sizeof *x->gone, compare_keys);
    return CRM_OK;
}

/* ---- whose a row is ---- */
/* Where the key of a row's entity stands.  The last reference on the way to the entity table holds
 * it itself, also for an entity that has no row. */
static bool find_key(const crm_table_schema *s, int table, crm_path *p)
{
    if (table == s->entity) {
        *p = (crm_path){.table = table, .column = s->key};
        return s->key >= 0;
    }
    *p = s->table[table].entity_path;
    if (p->column < 0) return false;
    if (p->n_hops == 0 || p->table != s->entity || p->column != s->key) return true;
    p->column = p->hop[--p->n_hops];
    p->table = table;
    for (int h = 0; h < p->n_hops; h++)
        p->table = s->table[p->table].column[p->hop[h]].ref_table;
    return true;
}

static crm_status load(forgetter *x, int table)
{
    table_member *m = &x->w.member[table];

    if (m->here) return CRM_OK;
    CRM_TRY(crm_table_kept_frame(&x->old, table, &m->frame));
    return crm_table_world_add(&x->w, table);
}

static crm_status load_way(forgetter *x, int table, const crm_path *p)
{
    CRM_TRY(load(x, table));
    for (int h = 0; h < p->n_hops; h++) {
        table = x->w.schema->table[table].column[p->hop[h]].ref_table;
        CRM_TRY(load(x, table));
    }
    return CRM_OK;
}

static crm_status mark_rows(const forgetter *x, const table_values *key, uint8_t **keep)
{
    CRM_NEW(*keep, key->n);
    for (int64_t i = 0; i < key->n; i++)
        (*keep)[i] = crm_table_values_missing(key, i) ||
                     !bsearch(&key->key[i], x->gone, (size_t)x->n, sizeof *x->gone, compare_keys);
    return CRM_OK;
}

/* ---- levels that nobody has any more ---- */
static crm_status keep_levels(const int64_t *used, table_cells *c, int64_t n)
{
    table_levels left = {0};
    const char **sorted = NULL;
    int32_t *to = NULL, i;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, failed, to, c->n_levels);
    for (int64_t k = 0; k < c->n_levels; k++) {
        if (used[k] == 0) continue;
        to[k] = (int32_t)left.n; /* they are sorted */
        CRM_TRY_TO(st, failed,
                   crm_table_levels_add(&left, c->level[k], strlen(c->level[k]), INT32_MAX, &i));
    }
    CRM_TRY_TO(st, failed, crm_table_levels_sort(&left, &sorted));
    for (int64_t r = 0; r < n; r++)
        if (c->code[r] >= 0) c->code[r] = to[c->code[r]];
    crm_table_levels_free(&c->levels);
    crm_mem_free(c->level);
    c->levels = left;
    c->level = sorted;
    c->n_levels = left.n;
    crm_mem_free(to);
    return CRM_OK;
failed:
    crm_table_levels_free(&left);
    crm_mem_free(to);
    return st;
}

static crm_status tidy_levels(crm_comm *comm, table_cells *c, int64_t n)
{
    int64_t *used = crm_mem_new((size_t)c->n_levels, sizeof *used);
    crm_status st = CRM_OK;

    if (!used) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld levels", (long long)c->n_levels);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    for (int64_t r = 0; r < n; r++)
        if (c->code[r] >= 0) used[c->code[r]]++;
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, used, c->n_levels));
    st = crm_comm_agree(comm, keep_levels(used, c, n));
done:
    crm_mem_free(used);
    return st;
}

/* ---- a table ---- */
static crm_status forget_rows(forgetter *x, int table, const crm_path *p)
{
    table_frame *f = &x->w.member[table].frame;
    table_values key = {0};
    uint8_t *keep = NULL;
    int64_t before = f->total;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(&x->w, table, p, &key));
    CRM_TRY_TO(st, done, crm_comm_agree(x->w.comm, mark_rows(x, &key, &keep)));
    CRM_TRY_TO(st, done, crm_table_frame_keep(x->w.comm, f, keep));
    x->rows += before - f->total;
    for (int c = 0; c < x->w.schema->table[table].n; c++)
        if (f->column[c].code) CRM_TRY_TO(st, done, tidy_levels(x->w.comm, &f->column[c], f->n));
done:
    crm_table_values_free(&key);
    crm_mem_free(keep);
    return st;
}

static crm_status forget_table(forgetter *x, int table, table_keeper *k)
{
    crm_path p;
    bool has = find_key(x->w.schema, table, &p);

    CRM_TRY(has ? load_way(x, table, &p) : load(x, table));
    if (has) CRM_TRY(forget_rows(x, table, &p));
    CRM_TRY(crm_table_keeper_add(k, &x->w.member[table].frame));
    for (int t = 0; t < x->w.schema->n; t++)
        if (x->w.member[t].here) crm_table_world_drop(&x->w, t);
    return CRM_OK;
}

/* ---- the file ---- */
static crm_status read_schema(forgetter *x, crm_table_schema **out)
{
    const crm_store_array *a = crm_store_find(x->old.store, "schema/text");
    const char *path = crm_store_path(x->old.store);

    CRM_CHECK(a && a->data, CRM_ERR_FORMAT,
              "%s: holds no schema, so that nobody can be found in it; remove it, or import all "
              "exports again without those to be forgotten",
              path);
    CRM_TRY(crm_table_schema_text(path, a->data, (size_t)a->dim[0], out));
    x->old.schema = x->w.schema = *out;
    CRM_NEW(x->w.member, (*out)->n);
    return CRM_OK;
}

static crm_status rewrite(forgetter *x, const char *next)
{
    const crm_store *old = x->old.store;
    const crm_store_array *text = crm_store_find(old, "schema/text");
    const char *check = crm_store_text(old, "", "key_check");
    const char *const *exports;
    table_keeper k;
    int64_t n;
    crm_status st;

    exports = crm_store_items(old, "exports", &n);
    CRM_TRY_TO(st, done, crm_table_keeper_open(x->w.comm, x->w.schema, NULL, next, &k));
    for (int t = 0; t < x->w.schema->n; t++)
        CRM_TRY_TO(st, done, forget_table(x, t, &k));
    st = crm_table_keeper_commit(&k, crm_table_kept_source(&x->old), n, exports, check ? check : "",
                                 text->data, (size_t)text->dim[0]);
done:
    crm_table_keeper_abandon(&k);
    return st;
}

static crm_status forget_in(forgetter *x, const char *path, const char *next)
{
    crm_comm *comm = x->w.comm;
    crm_status st = CRM_OK;

    CRM_TRY(rewrite(x, next));
    crm_table_kept_close(&x->old);
    if (crm_comm_rank(comm) == 0)
        st = x->rows > 0 ? crm_path_commit(next, path) : crm_path_remove(next);
    return crm_comm_agree(comm, st);
}

crm_status crm_table_forget(crm_comm *comm, const char *store_path, int64_t n,
                            const char *const *id, int64_t *rows)
{
    char path[CRM_PATH_MAX], next[CRM_PATH_MAX];
    forgetter x = {.w = {.comm = comm}};
    crm_table_schema *s = NULL;
    int64_t there = 0;
    crm_status st;

    *rows = -1;
    CRM_TRY(crm_table_kept_path(store_path, false, path, sizeof path));
    CRM_TRY(crm_table_kept_path(store_path, true, next, sizeof next));
    CRM_TRY(crm_table_later_settle(comm, store_path));
    if (crm_comm_rank(comm) == 0) there = crm_path_is_file(path);
    CRM_TRY(crm_comm_bcast(comm, 0, &there, sizeof there));
    if (!there) return CRM_OK;
    CRM_TRY_TO(st, done, crm_table_kept_open(comm, path, NULL, true, &x.old));
    CRM_TRY_TO(st, done, crm_comm_agree(comm, read_schema(&x, &s)));
    CRM_TRY_TO(st, done, crm_comm_agree(comm, take_ids(n, id, &x)));
    CRM_TRY_TO(st, done, forget_in(&x, path, next));
    *rows = x.rows;
done:
    for (int t = 0; x.w.member && t < s->n; t++)
        crm_table_world_drop(&x.w, t);
    crm_mem_free(x.w.member);
    crm_mem_free(x.gone);
    crm_table_kept_close(&x.old);
    crm_table_schema_free(&s);
    return st;
}
