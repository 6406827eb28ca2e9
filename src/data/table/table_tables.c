/* table_tables.c - the import of related tables from end to end.
 *
 * First the entity table, then each table with events or documents, in the order of the schema.  A
 * frame is read when a step asks for it and goes as soon as no later step does. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_stop.h"
#include "crmpi/comm_watchdog.h"
#include "table_private.h"
#include "table_relate.h"

enum { REJECTS_MAX = 100000 }; /* lines of a table in the rejects file */
static const char IMPORTER[] =
    "crmpi-tables 1"; /* raise it when equal input gives another data set */

typedef struct import {
    table_world w;
    table_set set;
    table_key *key;
    uint8_t *needs; /* [steps][tables] frames that a step asks for; step 0: the entity table, 1 +
                       t: table t */
} import;

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

static crm_status plan(import *x)
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

static crm_status load(import *x, int table)
{
    table_world *w = &x->w;
    table_member *m = &w->member[table];

    CRM_TRY(crm_table_frame_read(w->comm, w->schema, table, w->folder, w->rejects, &m->frame));
    m->source = m->frame.source;
    m->rows = m->frame.total;
    CRM_TRY(crm_table_make_private(w->comm, x->key, &m->frame));
    CRM_TRY(crm_table_derive(w->comm, &m->frame, w->rejects));
    CRM_TRY(crm_table_clean(w->comm, &m->frame, &m->extra, &m->quality));
    drop_id_texts(w->schema, &m->frame);
    return crm_table_world_add(w, table);
}

static crm_status check_stop(crm_comm *comm)
{
    int signal;

    CRM_TRY(crm_comm_stop_signal(comm, &signal));
    CRM_CHECK(!signal, CRM_ERR_STOPPED,
              "stopped by %s: no data set is written; run the same command again to make it",
              crm_stop_name(signal));
    return CRM_OK;
}

static crm_status load_needed(import *x, int step)
{
    int n = x->w.schema->n;

    for (int t = 0; t < n; t++) {
        if (!x->needs[step * n + t] || x->w.member[t].here) continue;
        CRM_TRY(check_stop(x->w.comm));
        CRM_TRY(load(x, t));
    }
    return check_stop(x->w.comm);
}

static void drop_unneeded(import *x, int step)
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
static crm_status add_stream(import *x, int table, bool documents)
{
    table_set *set = &x->set;

    return crm_table_stream_new(&x->w, &set->e, table, documents, &set->words,
                                &set->stream[set->n_streams++]);
}

static crm_status run_step(import *x, int step)
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
static crm_status read_rest(import *x)
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
static crm_status digest_of(const crm_table_schema *s, const crm_digest *source, crm_digest *out)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_text(h, IMPORTER);
    crm_hash_add_digest(h, s->digest);
    for (int t = 0; t < s->n; t++)
        crm_hash_add_digest(h, source[t]);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

crm_status crm_table_schema_source(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                   crm_digest *digest)
{
    crm_digest *source = crm_mem_new((size_t)s->n, sizeof *source);
    crm_status st = CRM_OK;

    *digest = (crm_digest){0};
    if (!source) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d tables", s->n);
    st = crm_comm_agree(comm, st);
    for (int t = 0; !st && t < s->n; t++)
        st = crm_table_frame_source(comm, s, t, folder, &source[t]);
    if (!st) st = crm_comm_agree(comm, digest_of(s, source, digest));
    crm_mem_free(source);
    return st;
}

static crm_status describe(import *x, crm_table_tables *out)
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
        source[t] = m->source;
    }
    for (int k = 0; k < x->set.n_streams; k++) {
        out->homeless += x->set.stream[k].homeless;
        out->undated += x->set.stream[k].undated;
        out->empty += x->set.stream[k].empty;
    }
    out->contradictions = x->set.e.contradictions;
    st = digest_of(s, source, &out->source);
    crm_mem_free(source);
    return st;
}

/* ---- import ---- */
static crm_status open_import(import *x, const char *key_file)
{
    CRM_TRY(crm_comm_agree(x->w.comm, plan(x)));
    CRM_TRY(crm_comm_agree(x->w.comm, crm_table_rejects_new(REJECTS_MAX, &x->w.rejects)));
    if (!crm_table_wants_key(x->w.schema)) return CRM_OK;
    CRM_CHECK(key_file && key_file[0], CRM_ERR_CONFIG,
              "%s: a column is hashed, but there is no key; set privacy.key to a file with one",
              x->w.schema->path);
    return crm_table_key_open(x->w.comm, key_file, &x->key);
}

static void close_import(import *x)
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

static crm_status write_all(import *x, const char *store_path, crm_table_tables *out)
{
    char rejects[CRM_PATH_MAX];
    int len = snprintf(rejects, sizeof rejects, "%s.rejects.tsv", store_path);

    CRM_CHECK(len > 0 && (size_t)len < sizeof rejects, CRM_ERR_CONFIG,
              "data.store: the path is too long");
    CRM_TRY(crm_comm_agree(x->w.comm, describe(x, out)));
    CRM_TRY(crm_table_rejects_write(x->w.comm, x->w.rejects, rejects, &out->rejected));
    return crm_table_make(&x->set, store_path, out->source, &x->w, out);
}

crm_status crm_table_import_schema(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                   const char *key_file, const char *store_path,
                                   const crm_table_like *like, crm_table_tables *info)
{
    crm_table_schema mine = *s; /* without labels for a model */
import x = {.w = {.comm = comm, .schema = & mine, .folder = folder, .key_file = key_file } };
    crm_table_tables own = {0}, *out = info ? info : &own;
    crm_status st;

    *out = (crm_table_tables){0};
    if (like) mine.n_labels = 0;
    crm_watchdog_enter(CRM_IN_IMPORT);
    CRM_TRY_TO(st, done, open_import(&x, key_file));
    for (int step = 0; step <= s->n; step++)
        if (step == 0 || has_role(&s->table[step - 1])) CRM_TRY_TO(st, done, run_step(&x, step));
    x.set.like = like;
    CRM_TRY_TO(st, done, read_rest(&x));
    CRM_TRY_TO(st, done, crm_table_set_settle(&x.set));
    CRM_TRY_TO(st, done, write_all(&x, store_path, out));
done:
    crm_watchdog_leave();
    close_import(&x);
    crm_table_tables_free(&own);
    return st;
}

void crm_table_tables_free(crm_table_tables *info)
{
    crm_mem_free(info->rows);
    *info = (crm_table_tables){0};
}
