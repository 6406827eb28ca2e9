/* table_world.c - where the references of the frames lead: from rows to rows, one reference after
 * the other. */
#include "crmpi/base_mem.h"
#include "table_relate.h"

crm_status crm_table_world_add(table_world *w, int table)
{
    table_member *m = &w->member[table];
    crm_status st = CRM_OK;

    m->link = crm_mem_new((size_t)w->schema->table[table].n, sizeof *m->link);
    if (!m->link) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: references of a table");
    CRM_TRY(crm_comm_agree(w->comm, st));
    CRM_TRY(crm_table_firsts(w->comm, m->frame.n, &m->first));
    m->here = true;
    return CRM_OK;
}

void crm_table_world_drop(table_world *w, int table)
{
    table_member *m = &w->member[table];

    for (int c = 0; m->link && c < w->schema->table[table].n; c++)
        crm_mem_free(m->link[c]);
    crm_mem_free(m->link);
    m->link = NULL;
    crm_mem_free(m->first);
    m->first = NULL;
    crm_table_index_free(&m->index);
    crm_table_extra_free(&m->extra);
    crm_table_frame_free(&m->frame);
    m->here = false;
}

static void list_row(table_world *w, const table_frame *f, int column, int64_t i, const char *what)
{
    const crm_table_def *t = &w->schema->table[f->table];

    if (!w->rejects || !f->where || !f->file) return;
    crm_table_rejects_add(w->rejects, f->file[f->where[i] >> 40],
                          f->where[i] & ((INT64_C(1) << 40) - 1), 1, t->name,
                          t->column[column].name, what);
}

/* Rows whose key an earlier one has.  Collective. */
static crm_status list_repeated(table_world *w, const table_frame *f, int key,
                                const table_index *index)
{
    int64_t *row = crm_mem_new((size_t)f->n, sizeof *row);
    crm_status st = CRM_OK;

    if (!row) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld keys", (long long)f->n);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    CRM_TRY_TO(st, done, crm_table_index_find(w->comm, index, f->column[key].key, f->n, row));
    for (int64_t i = 0; i < f->n; i++)
        if (row[i] >= 0 && row[i] != f->before + i)
            list_row(w, f, key, i, "the key comes again; the first row with it is taken");
done:
    crm_mem_free(row);
    return st;
}

/* The index of a table's key, made once.  Rows of an entity may be many: they are told by their
 * contradictions. */
static crm_status index_of(table_world *w, int table)
{
    const crm_table_schema *s = w->schema;
    table_member *m = &w->member[table];
    int key = s->table[table].key;
    int64_t repeated = 0;

    if (m->index) return CRM_OK;
    CRM_ASSERT(m->here && key >= 0);
    CRM_TRY(crm_table_index_new(w->comm, m->frame.column[key].key, m->frame.n, m->frame.before,
                                &repeated, &m->index));
    if (repeated == 0 || (table == s->entity && key == s->key)) return CRM_OK;
    m->repeated = repeated;
    return list_repeated(w, &m->frame, key, m->index);
}

/* Count keys that are not there, and list where they stand. */
static int64_t count_orphans(table_world *w, const table_frame *f, int column, const int64_t *row)
{
    int64_t orphans = 0;

    for (int64_t i = 0; i < f->n; i++) {
        crm_digest k = f->column[column].key[i];
        if (row[i] >= 0 || (k.hi == 0 && k.lo == 0)) continue;
        orphans++;
        list_row(w, f, column, i, "the key that it refers to is not there");
    }
    return orphans;
}

/* The rows that a reference of a table leads to, found once. */
static crm_status link_of(table_world *w, int table, int column, const int64_t **out)
{
    table_member *m = &w->member[table];
    const table_frame *f = &m->frame;
    int64_t *row, orphans;
    int to = w->schema->table[table].column[column].ref_table;
    crm_status st = CRM_OK;

    *out = m->link[column];
    if (*out) return CRM_OK;
    CRM_TRY(index_of(w, to));
    row = crm_mem_new((size_t)f->n, sizeof *row);
    if (!row) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld references", (long long)f->n);
    m->link[column] = row;
    CRM_TRY(crm_comm_agree(w->comm, st));
    CRM_TRY(crm_table_index_find(w->comm, w->member[to].index, f->column[column].key, f->n, row));
    orphans = count_orphans(w, f, column, row);
    CRM_TRY(crm_comm_sum_i64(w->comm, &orphans, 1));
    m->orphans += orphans;
    *out = row;
    return CRM_OK;
}

crm_status crm_table_world_rows(table_world *w, int from, const crm_path *p, int64_t **row)
{
    int64_t n = w->member[from].frame.n, *next = NULL;
    const int64_t *link;
    int at = from;
    crm_status st = CRM_OK;

    *row = crm_mem_new((size_t)n, sizeof **row);
    next = crm_mem_new((size_t)n, sizeof *next);
    if (!*row || !next) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)n);
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, st));
    for (int64_t i = 0; i < n; i++)
        (*row)[i] = w->member[from].frame.before + i;
    for (int h = 0; h < p->n_hops; h++) {
        CRM_TRY_TO(st, done, link_of(w, at, p->hop[h], &link));
        for (int64_t i = 0; i < n; i++)
            next[i] = h ? -1 : link[i];
        if (h > 0)
            CRM_TRY_TO(
                st, done,
                crm_table_take(w->comm, w->member[at].first, link, sizeof *link, *row, n, next));
        for (int64_t i = 0; i < n; i++)
            (*row)[i] = next[i];
        at = w->schema->table[at].column[p->hop[h]].ref_table;
    }
done:
    crm_mem_free(next);
    return st;
}
