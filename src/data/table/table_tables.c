/* table_tables.c - the import of related tables from end to end.
 *
 * First the entity table, then each table with events or documents, in the order of the schema.  A
 * frame is read when a step asks for it and goes as soon as no later step does. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/comm_watchdog.h"
#include "table_later.h"

typedef struct importing {
    table_world w;
    table_set set;
    table_key *key;
    table_later *later; /* NULL: the tables are not kept */
    uint8_t *needs; /* [steps][tables] frames that a step asks for; step 0: the entity table, 1 +
                       t: table t */
} importing;

/* ---- which frames a step asks for ---- */
static void need_path(const crm_table_schema *s, uint8_t *needs, int from, const crm_path *p)
{
    if (p->column < 0 && p->n_hops == 0) return;
    needs[from] = 1;
    for (int h = 0; h < p->n_hops; h++) {
        from = s->table[from].column[p->hop[h]].ref_table;
        needs[from] = 1;
    }
}

static void need_when(const crm_table_schema *s, uint8_t *needs, int from, const crm_when *when)
{
    for (int t = 0; t < when->n; t++) {
        need_path(s, needs, from, &when->term[t].left.path);
        need_path(s, needs, from, &when->term[t].right.path);
    }
}

static void need_entity(const crm_table_schema *s, uint8_t *needs)
{
    needs[s->entity] = 1;
    need_path(s, needs, s->entity, &s->cutoff);
    for (int k = 0; k < s->n_profile; k++)
        need_path(s, needs, s->entity, &s->profile[k]);
    for (int k = 0; k < s->n_labels; k++) {
        if (s->label[k].kind == CRM_LABEL_ANY) continue;
        need_path(s, needs, s->entity, &s->label[k].path);
        need_when(s, needs, s->entity, &s->label[k].when);
    }
}

static bool has_role(const crm_table_def *t)
{
    return t->events.is || t->documents.is;
}

static void need_table(const crm_table_schema *s, uint8_t *needs, int table)
{
    const crm_table_def *t = &s->table[table];

    needs[table] = 1;
    need_path(s, needs, table, &t->entity_path);
    need_path(s, needs, table, &t->events.time);
    need_path(s, needs, table, &t->events.category);
    for (int q = 0; q < t->events.n_numbers; q++)
        need_path(s, needs, table, &t->events.number[q]);
    need_when(s, needs, table, &t->events.when);
    need_path(s, needs, table, &t->documents.time);
    need_path(s, needs, table, &t->documents.kind);
    for (int l = 0; l < t->documents.n_labels; l++)
        need_path(s, needs, table, &t->documents.label[l]);
    for (int k = 0; k < s->n_labels; k++)
        if (s->label[k].kind == CRM_LABEL_ANY && s->label[k].table == table)
            need_when(s, needs, table, &s->label[k].when);
}

static crm_status plan(importing *x)
{
    const crm_table_schema *s = x->w.schema;

    CRM_CHECK(s->n_labels <= 60, CRM_ERR_CONFIG, "%s: %d labels; at most 60 are allowed", s->path,
              s->n_labels);
    CRM_NEW(x->needs, (int64_t)(s->n + 1) * s->n);
    CRM_NEW(x->w.member, s->n);
    need_entity(s, x->needs);
    for (int t = 0; t < s->n; t++)
        if (has_role(&s->table[t])) need_table(s, x->needs + (1 + t) * s->n, t);
    return CRM_OK;
}

/* ---- frames ---- */
/* Texts of ids are for the ids of the data set; elsewhere the hashes are enough. */
static void drop_id_texts(const crm_table_schema *s, table_frame *f)
{
    for (int k = 0; k < s->table[f->table].n; k++) {
        table_cells *c = &f->column[k];
        if (s->table[f->table].column[k].type != CRM_FIELD_ID) continue;
        if (f->table == s->entity && k == s->key) continue;
        crm_mem_free(c->end);
        crm_mem_free(c->bytes);
        c->end = NULL;
        c->bytes = NULL;
    }
}

static crm_status load(importing *x, int table)
{
    table_world *w = &x->w;
    table_member *m = &w->member[table];

    if (x->later)
        CRM_TRY(crm_table_kept_frame(&x->later->kept, table, &m->frame));
    else
        CRM_TRY(crm_table_rows_read(w, x->key, table, &m->frame));
    m->source = m->frame.source;
    m->rows = m->frame.total;
    CRM_TRY(crm_table_clean(w->comm, &m->frame, w->rejects, &m->extra, &m->quality));
    drop_id_texts(w->schema, &m->frame);
    return crm_table_world_add(w, table);
}

static crm_status load_needed(importing *x, int step)
{
    int n = x->w.schema->n;

    for (int t = 0; t < n; t++) {
        if (!x->needs[step * n + t] || x->w.member[t].here) continue;
        CRM_TRY(crm_table_check_stop(x->w.comm));
        CRM_TRY(load(x, t));
    }
    return crm_table_check_stop(x->w.comm);
}

static void drop_unneeded(importing *x, int step)
{
    int n = x->w.schema->n;

    for (int t = 0; t < n; t++) {
        bool later = false;
        for (int k = step + 1; k <= n; k++)
            later |= x->needs[k * n + t];
        if (!later && x->w.member[t].here) crm_table_world_drop(&x->w, t);
    }
}

/* ---- steps ---- */
static crm_status add_stream(importing *x, int table, bool documents)
{
    table_set *set = &x->set;

    return crm_table_stream_new(&x->w, &set->e, table, documents, &set->words,
                                &set->stream[set->n_streams++]);
}

static crm_status run_step(importing *x, int step)
{
    const crm_table_def *t = &x->w.schema->table[step - 1];

    CRM_TRY(load_needed(x, step));
    if (step == 0) {
        CRM_TRY(crm_table_set_entities(&x->w, &x->set));
        crm_table_route_free(&x->set.e.route);
        crm_mem_free(x->set.e.entity);
        x->set.e.entity = NULL;
    } else {
        if (t->events.is) CRM_TRY(add_stream(x, step - 1, false));
        if (t->documents.is) CRM_TRY(add_stream(x, step - 1, true));
    }
    drop_unneeded(x, step);
    return CRM_OK;
}

/* Tables that nothing looks at are checked all the same. */
static crm_status read_rest(importing *x)
{
    const crm_table_schema *s = x->w.schema;

    for (int t = 0; t < s->n; t++) {
        bool needed = false;
        for (int k = 0; k <= s->n; k++)
            needed |= x->needs[k * s->n + t];
        if (needed) continue;
        CRM_TRY(load(x, t));
        crm_table_world_drop(&x->w, t);
    }
    return CRM_OK;
}

/* ---- digest of what it is made from ---- */
crm_status crm_table_schema_source(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                   const char *key_file, crm_digest *digest)
{
    crm_digest *source = crm_mem_new((size_t)s->n, sizeof *source);
    table_key *key = NULL;
    crm_status st = CRM_OK;

    *digest = (crm_digest){0};
    if (!source) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d tables", s->n);
    st = crm_comm_agree(comm, st);
    if (!st) st = crm_table_key_needed(comm, s, key_file, &key);
    for (int t = 0; !st && t < s->n; t++)
        st = crm_table_frame_source(comm, s, t, folder, &source[t]);
    if (!st) st = crm_comm_agree(comm, crm_table_source_of(s, source, key, digest));
    crm_table_key_free(&key);
    crm_mem_free(source);
    return st;
}

static crm_status describe(importing *x, crm_table_tables *out)
{
    const crm_table_schema *s = x->w.schema;
    crm_digest *source;
    crm_status st;

    CRM_NEW(out->rows, s->n);
    CRM_NEW(source, s->n);
    for (int t = 0; t < s->n; t++) {
        const table_member *m = &x->w.member[t];
        out->rows[t] = m->rows;
        out->orphans += m->orphans;
        out->repeated += m->repeated;
        source[t] = m->source;
    }
    for (int k = 0; k < x->set.n_streams; k++) {
        out->homeless += x->set.stream[k].homeless;
        out->undated += x->set.stream[k].undated;
        out->empty += x->set.stream[k].empty;
    }
    out->contradictions = x->set.e.contradictions;
    st = crm_table_source_of(s, source, x->key, &out->source);
    if (x->later) {
        out->source = x->later->source;
        out->exports = x->later->exports;
    }
    crm_mem_free(source);
    return st;
}

/* ---- import ---- */
static crm_status open_import(importing *x, const char *key_file)
{
    CRM_TRY(crm_comm_agree(x->w.comm, plan(x)));
    CRM_TRY(crm_comm_agree(x->w.comm, crm_table_rejects_new(CRM_TABLE_REJECTS, &x->w.rejects)));
    return crm_table_key_needed(x->w.comm, x->w.schema, key_file, &x->key);
}

static void close_import(importing *x)
{
    for (int t = 0; x->w.member && t < x->w.schema->n; t++) {
        crm_table_world_drop(&x->w, t);
        crm_table_quality_free(&x->w.member[t].quality);
    }
    crm_mem_free(x->w.member);
    crm_mem_free(x->needs);
    crm_table_rejects_free(&x->w.rejects);
    crm_table_key_free(&x->key);
    if (x->set.schema) crm_table_set_free(&x->set);
}

static crm_status write_all(importing *x, const char *store_path, crm_table_tables *out)
{
    crm_comm *comm = x->w.comm;
    char check[CRM_TABLE_KEYED + 1];
    crm_status st, settled;

    crm_table_key_check(x->key, check);
    x->set.key_check = check;

    CRM_TRY(crm_comm_agree(comm, describe(x, out)));
    CRM_TRY(crm_table_rejects_begin(comm, x->w.rejects, store_path, &out->rejected, &out->listed));
    st = crm_table_make(&x->set, store_path, out->source, &x->w, out);
    settled = crm_table_rejects_end(comm, store_path, !st);
    x->set.key_check = NULL;
    return st ? st : settled;
}

static crm_status import_all(importing *x, const char *store_path, const crm_table_like *like,
                             crm_table_tables *out)
{
    const crm_table_schema *s = x->w.schema;

    for (int step = 0; step <= s->n; step++)
        if (step == 0 || has_role(&s->table[step - 1])) CRM_TRY(run_step(x, step));
    x->set.like = like;
    if (x->later) x->set.former = &x->later->former;
    CRM_TRY(read_rest(x));
    CRM_TRY(crm_table_set_settle(&x->set));
    return write_all(x, store_path, out);
}

crm_status crm_table_import_schema(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                   const char *key_file, const char *store_path,
                                   const crm_table_like *like, crm_table_tables *info)
{
    crm_table_schema mine = *s; /* without labels for a model */
    importing x = {0};
    crm_table_tables own = {0}, *out = info ? info : &own;
    crm_status st;

    x.w = (table_world){.comm = comm, .schema = &mine, .folder = folder, .key_file = key_file};
    *out = (crm_table_tables){0};
    if (like) mine.n_labels = 0;
    crm_watchdog_enter(CRM_IN_IMPORT);
    CRM_TRY_TO(st, done, open_import(&x, key_file));
    CRM_TRY_TO(st, done, import_all(&x, store_path, like, out));
    if (!like) CRM_TRY_TO(st, done, crm_table_later_drop(comm, store_path));
done:
    crm_watchdog_leave();
    close_import(&x);
    crm_table_tables_free(&own);
    return st;
}

crm_status crm_table_import_kept(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                 const char *key_file, const char *store_path, bool append,
                                 crm_table_tables *info)
{
    importing x = {0};
    crm_table_tables own = {0}, *out = info ? info : &own;
    table_later *later = crm_mem_new(1, sizeof *later);
    crm_status st = CRM_OK;

    x.w = (table_world){.comm = comm, .schema = s, .folder = folder, .key_file = key_file};
    *out = (crm_table_tables){0};
    if (!later) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: paths of tables");
    crm_watchdog_enter(CRM_IN_IMPORT);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, open_import(&x, key_file));
    CRM_TRY_TO(st, done, crm_table_later_open(&x.w, x.key, store_path, append, later));
    x.later = later;
    CRM_TRY_TO(st, done, import_all(&x, store_path, NULL, out));
    CRM_TRY_TO(st, done, crm_table_later_commit(comm, later));
done:
    crm_watchdog_leave();
    close_import(&x);
    if (later) crm_table_later_close(comm, later);
    crm_mem_free(later);
    crm_table_tables_free(&own);
    return st;
}

void crm_table_tables_free(crm_table_tables *info)
{
    crm_mem_free(info->rows);
    *info = (crm_table_tables){0};
}
