/* table_entity.c - rows of the data set: distinct keys of the entity table in the order in which
 * they come up, shared out over the ranks, and what the rows of each say together. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

enum { SAY_FIRST, SAY_LAST, SAY_MISSING, SAY_ERROR }; /* schema.contradictions */

/* ---- which rows are whose ---- */
/* Global row at which the entity of each row comes up first; -1: it has no key. */
static crm_status first_rows(table_world *w, int64_t *row)
{
    const crm_table_schema *s = w->schema;
    const table_frame *f = &w->member[s->entity].frame;
    const crm_digest *key = s->key < 0 ? NULL : f->column[s->key].key;
    table_index *x = NULL;
    crm_status st;

    for (int64_t i = 0; !key && i < f->n; i++)
        row[i] = f->before + i;
    if (s->key < 0) return CRM_OK;
    st = crm_table_index_new(w->comm, key, f->n, f->before, NULL, &x);
    if (!st) st = crm_table_index_find(w->comm, x, key, f->n, row);
    crm_table_index_free(&x);
    return st;
}

/* Rows become the numbers of their entities, in place. */
static crm_status number_entities(table_world *w, table_entities *e, int64_t *number)
{
    const table_member *m = &w->member[w->schema->entity];
    int64_t n = m->frame.n, heads = 0, before;

    for (int64_t i = 0; i < n; i++)
        heads += e->of_row[i] == m->frame.before + i;
    e->total = heads;
    CRM_TRY(crm_comm_exscan_i64(w->comm, heads, &before));
    CRM_TRY(crm_comm_sum_i64(w->comm, &e->total, 1));
    for (int64_t i = 0; i < n; i++)
        number[i] = e->of_row[i] == m->frame.before + i ? before++ : -1;
    return crm_table_take(w->comm, m->first, number, sizeof *number, e->of_row, n, number);
}

static crm_status find_entities(table_world *w, table_entities *e)
{
    int64_t n = w->member[w->schema->entity].frame.n, *number = NULL;
    crm_status st = CRM_OK;

    e->of_row = crm_mem_new((size_t)n, sizeof *e->of_row);
    number = crm_mem_new((size_t)n, sizeof *number);
    if (!e->of_row || !number) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)n);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    CRM_TRY_TO(st, done, first_rows(w, e->of_row));
    CRM_TRY_TO(st, done, number_entities(w, e, number));
    crm_mem_free(e->of_row);
    e->of_row = number;
    number = NULL;
done:
    crm_mem_free(number);
    return st;
}

/* Each rank gets a contiguous part of the entities. */
static crm_status share_out(table_world *w, table_entities *e)
{
    int rank = crm_comm_rank(w->comm), ranks = crm_comm_size(w->comm);
    int64_t n = w->member[w->schema->entity].frame.n;
    int32_t *to = NULL;
    void *in = NULL;
    crm_status st = CRM_OK;

    e->first = crm_mem_new((size_t)ranks + 1, sizeof *e->first);
    if (!e->first) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d ranks", ranks);
    for (int r = 0; !st && r <= ranks; r++)
        e->first[r] = e->total / ranks * r + e->total % ranks * r / ranks;
    if (!st) st = crm_table_owners(w->comm, e->first, e->of_row, n, &to);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    e->before = e->first[rank];
    e->n = e->first[rank + 1] - e->before;
    CRM_TRY_TO(st, done, crm_table_route_new(w->comm, to, n, &e->route));
    CRM_TRY_TO(st, done, crm_table_route_items(&e->route, e->of_row, sizeof *e->of_row, &in));
    e->entity = in;
    for (int64_t i = 0; i < e->route.n_in; i++)
        e->entity[i] -= e->before;
done:
    crm_mem_free(to);
    return st;
}

/* A table has a column of the entity's key itself. */
static bool asks_by_key(const crm_table_schema *s)
{
    for (int t = 0; s->key >= 0 && t < s->n; t++) {
        const crm_path *p = &s->table[t].entity_path;
        if (p->column >= 0 && (p->table != s->entity || p->column != s->key)) return true;
    }
    return false;
}

static crm_status index_entities(table_world *w, table_entities *e)
{
    const table_frame *f = &w->member[w->schema->entity].frame;
    crm_digest *key = crm_mem_new((size_t)e->n, sizeof *key);
    void *in = NULL;
    crm_status st = CRM_OK;

    if (!key) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld keys", (long long)e->n);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    CRM_TRY_TO(st, done,
               crm_table_route_items(&e->route, f->column[w->schema->key].key, sizeof *key, &in));
    for (int64_t i = 0; i < e->route.n_in; i++)
        key[e->entity[i]] = ((const crm_digest *)in)[i];
    CRM_TRY_TO(st, done, crm_table_index_new(w->comm, key, e->n, e->before, NULL, &e->by_key));
done:
    crm_mem_free(in);
    crm_mem_free(key);
    return st;
}

crm_status crm_table_entities_new(table_world *w, table_entities *e)
{
    *e = (table_entities){.comm = w->comm};
    CRM_TRY(find_entities(w, e));
    CRM_TRY(share_out(w, e));
    return asks_by_key(w->schema) ? index_entities(w, e) : CRM_OK;
}

void crm_table_entities_free(table_entities *e)
{
    crm_mem_free(e->first);
    crm_mem_free(e->of_row);
    crm_mem_free(e->entity);
    crm_table_route_free(&e->route);
    crm_table_index_free(&e->by_key);
    *e = (table_entities){0};
}

/* ---- entities of the rows of any table ---- */
static crm_status all_ones(table_world *w, int64_t n, const int64_t *from, int64_t **of)
{
    crm_status st = CRM_OK;

    *of = crm_mem_new((size_t)n, sizeof **of);
    if (!*of) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)n);
    for (int64_t i = 0; *of && i < n; i++)
        (*of)[i] = from ? from[i] : -1;
    return crm_comm_agree(w->comm, st);
}

crm_status crm_table_entities_of(table_world *w, const table_entities *e, int table, int64_t **of)
{
    const crm_table_schema *s = w->schema;
    const crm_path *p = &s->table[table].entity_path;
    int64_t n = w->member[table].frame.n, *row = NULL;
    table_values key = {0};
    crm_status st;

    CRM_TRY(all_ones(w, n, table == s->entity ? e->of_row : NULL, of));
    if (table == s->entity) return CRM_OK;
    if (e->by_key && p->column >= 0 && (p->table != s->entity || p->column != s->key)) {
        st = crm_table_values_get(w, table, p, &key);
        if (!st) st = crm_table_index_find(w->comm, e->by_key, key.key, n, *of);
        crm_table_values_free(&key);
        return st;
    }
    if (p->n_hops == 0) return CRM_OK;
    st = crm_table_world_rows(w, table, p, &row);
    if (!st)
        st = crm_table_take(w->comm, w->member[s->entity].first, e->of_row, sizeof *e->of_row, row,
                            n, *of);
    crm_mem_free(row);
    return st;
}

/* ---- what the rows of an entity say ---- */
typedef struct saying {
    table_values in; /* [route.n_in] */
    table_values *out;
    uint8_t *differs; /* [entities] */
    uint8_t *own;     /* [entities] a row has a value that is not filled */
    int64_t bad;      /* the first that comes in and differs; -1: none */
} saying;

/* What is filled speaks after all else, and only of entities of which nothing else does. */
static void listen(const table_entities *e, int policy, const uint8_t *use, bool filled, saying *x)
{
    size_t size;
    const char *in = crm_table_values_data(&x->in, &size);
    char *out = crm_table_values_data(x->out, &size);
    table_values pair = x->in; /* of what comes in, and of what stands */

    for (int64_t i = 0; i < e->route.n_in; i++) {
        int64_t to = e->entity[i];
        bool stands = !crm_table_values_missing(x->out, to);
        if ((use && !use[i]) || crm_table_values_missing(&pair, i)) continue;
        if ((pair.filled && pair.filled[i]) != filled || (filled && x->own[to])) continue;
        if (!filled) x->own[to] = 1;
        if (stands && memcmp(in + (size_t)i * size, out + (size_t)to * size, size) != 0) {
            if (x->bad < 0) x->bad = i;
            x->differs[to] = 1;
        }
        if (!stands || policy == SAY_LAST)
            memcpy(out + (size_t)to * size, in + (size_t)i * size, size);
    }
}

static int64_t settle(const table_entities *e, int policy, saying *x)
{
    int64_t count = 0;

    for (int64_t i = 0; i < e->n; i++) {
        if (!x->differs[i]) continue;
        count++;
        if (policy == SAY_MISSING) crm_table_values_clear(x->out, i);
    }
    return count;
}

/* The first row, on any rank, that differs from one before it with its key. */
static crm_status refuse(table_world *w, const table_entities *e, const saying *x, const char *name)
{
    const table_frame *f = &w->member[w->schema->entity].frame;
    int64_t *row = NULL, first = INT64_MAX;
    void *in = NULL;
    char place[CRM_TABLE_SHOW_MAX + 512] = "";
    crm_status st = CRM_OK;

    row = crm_mem_new((size_t)f->n, sizeof *row);
    if (!row) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)f->n);
    for (int64_t i = 0; row && i < f->n; i++)
        row[i] = f->before + i;
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    CRM_TRY_TO(st, done, crm_table_route_items(&e->route, row, sizeof *row, &in));
    if (x->bad >= 0) first = ((const int64_t *)in)[x->bad];
    CRM_TRY_TO(st, done, crm_comm_min_i64(w->comm, &first, 1));
    if (first >= f->before && first < f->before + f->n)
        CRM_SET(st, CRM_ERR_FORMAT,
                "%s: column '%s' differs from an earlier row with the same key "
                "(entity.contradictions: error); choose first, last or missing",
                crm_table_frame_where(f, first - f->before, place, sizeof place), name);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
done:
    crm_mem_free(in);
    crm_mem_free(row);
    return st;
}

/* Bring the values to the ranks of their entities. */
static crm_status collect(const table_entities *e, const table_values *v, saying *x)
{
    size_t size;
    const void *data = crm_table_values_data(v, &size);
    void *in = NULL;
    crm_status st = crm_table_route_items(&e->route, data, size, &in);

    x->in = (table_values){.type = v->type, .n = e->route.n_in, .owned = true};
    if (v->real)
        x->in.real = in;
    else if (v->code)
        x->in.code = in;
    else if (v->key)
        x->in.key = in;
    else
        x->in.whole = in;
    if (st || !v->filled) return st;
    CRM_TRY(crm_table_route_items(&e->route, v->filled, 1, &in));
    x->in.filled = in;
    return CRM_OK;
}

crm_status crm_table_entities_say(table_world *w, table_entities *e, const table_values *v,
                                  const uint8_t *use, const char *name, table_values *out)
{
    int policy = w->schema->contradictions;
    saying x = {.out = out, .bad = -1};
    int64_t differ = 0;
    crm_status st = crm_table_values_like(v, e->n, out);

    x.differs = crm_mem_new((size_t)e->n, 1);
    x.own = crm_mem_new((size_t)e->n, 1);
    if (!st && (!x.differs || !x.own))
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)e->n);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    CRM_TRY_TO(st, done, collect(e, v, &x));
    listen(e, policy, use, false, &x);
    if (x.in.filled) listen(e, policy, use, true, &x);
    differ = settle(e, policy, &x);
    CRM_TRY_TO(st, done, crm_comm_sum_i64(w->comm, &differ, 1));
    e->contradictions += differ;
    if (policy == SAY_ERROR && differ > 0) CRM_TRY_TO(st, done, refuse(w, e, &x, name));
done:
    crm_table_values_free(&x.in);
    crm_mem_free(x.differs);
    crm_mem_free(x.own);
    return st;
}

/* ---- keys as texts ---- */
/* Of what comes in the first text of each entity; at [entities] is working memory. */
static crm_status first_texts(const table_entities *e, const int64_t *in_end, const char *in,
                              int64_t *at, int64_t **end, char **bytes)
{
    int64_t used = 0;

    for (int64_t i = e->route.n_in - 1; i >= 0; i--)
        at[e->entity[i]] = i;
    CRM_NEW(*end, e->n);
    for (int64_t k = 0; k < e->n; k++)
        (*end)[k] = used += in_end[at[k]] - (at[k] ? in_end[at[k] - 1] : 0);
    CRM_NEW(*bytes, used);
    for (int64_t k = 0; k < e->n; k++) {
        int64_t from = at[k] ? in_end[at[k] - 1] : 0, len = in_end[at[k]] - from;
        if (len > 0) memcpy(*bytes + (*end)[k] - len, in + from, (size_t)len);
    }
    return CRM_OK;
}

crm_status crm_table_entities_ids(table_world *w, const table_entities *e, int64_t **end,
                                  char **bytes)
{
    const table_cells *c = &w->member[w->schema->entity].frame.column[w->schema->key];
    int64_t *in_end = NULL, *at = crm_mem_new((size_t)e->n, sizeof *at);
    char *in = NULL;
    crm_status st = CRM_OK;

    *end = NULL;
    *bytes = NULL;
    if (!at) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld ids", (long long)e->n);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    CRM_TRY_TO(st, done, crm_table_route_texts(&e->route, c->end, c->bytes, &in_end, &in));
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, first_texts(e, in_end, in, at, end, bytes)));
done:
    crm_mem_free(at);
    crm_mem_free(in_end);
    crm_mem_free(in);
    return st;
}
