/* table_schema_digest.c - digest of all of a schema that can change a data set or what is written
 * beside it; not of where it stands in the file. */
#include <string.h>

#include "table_schema_impl.h"

static void add_list(crm_hash *h, const crm_opt_list *l)
{
    crm_hash_add_i64(h, l->n);
    for (int i = 0; i < l->n; i++)
        crm_hash_add_text(h, l->item[i]);
}

static void add_path(crm_hash *h, const crm_path *p)
{
    crm_hash_add_i64(h, p->table);
    crm_hash_add_i64(h, p->column);
    crm_hash_add_i64(h, p->n_hops);
    for (int i = 0; i < p->n_hops; i++)
        crm_hash_add_i64(h, p->hop[i]);
}

static void add_operand(crm_hash *h, const crm_operand *o)
{
    add_path(h, &o->path);
    crm_hash_add_f64(h, o->number);
    crm_hash_add_i64(h, o->is_whole ? o->whole : 0);
    crm_hash_add_text(h, o->text);
}

static void add_when(crm_hash *h, const crm_when *w)
{
    crm_hash_add_i64(h, w->n);
    for (int i = 0; i < w->n; i++) {
        add_operand(h, &w->term[i].left);
        add_operand(h, &w->term[i].right);
        crm_hash_add_i64(h, w->term[i].relation);
    }
}

static void add_column(crm_hash *h, const crm_field *c)
{
    const char *const text[] = {c->name, c->format, c->unit,      c->meaning,
                                c->yes,  c->no,     c->fill_value};
    const int64_t whole[] = {c->type,      c->decimal,    c->time_min, c->time_max,       c->bad,
                             c->letters,   c->max_levels, c->outlier,  c->outlier_action, c->fill,
                             c->indicator, c->ref_table,  c->hashed,   c->scrubbed,       c->derive,
                             c->from[0],   c->from[1]};

    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        crm_hash_add_text(h, text[i]);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        crm_hash_add_i64(h, whole[i]);
    crm_hash_add_f64(h, c->min);
    crm_hash_add_f64(h, c->max);
    crm_hash_add_f64(h, c->outlier_factor);
    add_list(h, &c->missing);
    if (c->ahead) crm_hash_add_text(h, "known_ahead");
    if (c->thousands) crm_hash_add_i64(h, c->thousands);
    if (c->strip.n) add_list(h, &c->strip);
    add_list(h, &c->map_from);
    add_list(h, &c->map_to);
}

static void add_events(crm_hash *h, const crm_event_role *e)
{
    crm_hash_add_i64(h, e->is);
    add_path(h, &e->time);
    add_path(h, &e->category);
    crm_hash_add_i64(h, e->n_numbers);
    for (int i = 0; i < e->n_numbers; i++)
        add_path(h, &e->number[i]);
    add_when(h, &e->when);
}

static void add_documents(crm_hash *h, const crm_document_role *d)
{
    crm_hash_add_i64(h, d->is);
    crm_hash_add_i64(h, d->n_texts);
    for (int i = 0; i < d->n_texts; i++)
        crm_hash_add_i64(h, d->text[i]);
    add_path(h, &d->time);
    add_path(h, &d->kind);
    crm_hash_add_text(h, d->kind_name);
    crm_hash_add_i64(h, d->n_labels);
    for (int i = 0; i < d->n_labels; i++) {
        crm_hash_add_text(h, d->label_name[i]);
        add_path(h, &d->label[i]);
    }
}

static void add_table(crm_hash *h, const crm_table_def *t)
{
    const int64_t whole[] = {t->separator,  t->latin1,       t->bad,    t->key,
                             t->duplicates, t->rest_ignored, t->entity, t->n};

    crm_hash_add_text(h, t->name);
    add_list(h, &t->files);
    add_list(h, &t->missing);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        crm_hash_add_i64(h, whole[i]);
    if (t->headerless) crm_hash_add_text(h, "header");
    if (t->unquoted) crm_hash_add_text(h, "quotes");
    for (int i = 0; i < t->n; i++)
        add_column(h, &t->column[i]);
    add_path(h, &t->entity_path);
    add_events(h, &t->events);
    add_documents(h, &t->documents);
}

static void add_label(crm_hash *h, const crm_label_def *l)
{
    crm_hash_add_text(h, l->name);
    crm_hash_add_i64(h, l->kind);
    add_path(h, &l->path);
    crm_hash_add_text(h, l->positive);
    add_when(h, &l->when);
    crm_hash_add_i64(h, l->table);
    crm_hash_add_i64(h, l->within);
    if (l->without_missing) crm_hash_add_text(h, "without_rows");
    for (int i = 0; i < l->n_cuts; i++)
        crm_hash_add_f64(h, l->cut[i]);
    if (l->n_cuts) add_list(h, &l->cut_class);
}

static void add_pairs(crm_hash *h, int n, const char *(*pair)[2])
{
    crm_hash_add_i64(h, n);
    for (int i = 0; i < n; i++) {
        crm_hash_add_text(h, pair[i][0]);
        crm_hash_add_text(h, pair[i][1]);
    }
}

static void add_features(crm_hash *h, const crm_feature_def *f)
{
    crm_hash_add_i64(h, f->n_windows);
    for (int i = 0; i < f->n_windows; i++)
        crm_hash_add_i64(h, f->window[i]);
    crm_hash_add_i64(h, f->aggregates);
    crm_hash_add_i64(h, f->months);
    add_pairs(h, f->n_products, f->product);
    add_pairs(h, f->n_ratios, f->ratio);
}

crm_status crm_table_schema_digest(const crm_table_schema *s, crm_digest *out)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_text(h, "schema 1");
    crm_hash_add_i64(h, s->n);
    for (int i = 0; i < s->n; i++)
        add_table(h, &s->table[i]);
    crm_hash_add_i64(h, s->entity);
    crm_hash_add_i64(h, s->key);
    crm_hash_add_i64(h, s->n_profile);
    for (int i = 0; i < s->n_profile; i++)
        add_path(h, &s->profile[i]);
    crm_hash_add_i64(h, s->contradictions);
    add_path(h, &s->cutoff);
    crm_hash_add_i64(h, s->cutoff_at);
    crm_hash_add_i64(h, s->history);
    crm_hash_add_i64(h, s->n_labels);
    for (int i = 0; i < s->n_labels; i++)
        add_label(h, &s->label[i]);
    add_features(h, &s->features);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

/* ---- key by key: what the typed columns of a table depend on, and who they belong to ---- */
typedef struct key_writer {
    crm_hash *h;
    const char *table;
    crm_str *out;
} key_writer;

/* The key with the digest of what was added since the key before it. */
static crm_status end_key(key_writer *w, const char *group, const char *name)
{
    char hex[CRM_DIGEST_HEX];

    if (w->table) crm_str_addf(w->out, "tables.%s%s", w->table, group);
    crm_str_add(w->out, name, strlen(name) + 1);
    crm_digest_hex(crm_hash_value(w->h), hex);
    crm_str_add(w->out, hex, sizeof hex);
    crm_hash_free(&w->h);
    return crm_hash_new(&w->h);
}

static crm_status table_keys(key_writer *w, const crm_table_def *t)
{
    const struct {
        const char *name;
        int64_t value;
    } whole[] = {{"separator", t->separator},   {"encoding", t->latin1}, {"bad", t->bad},
                 {"duplicates", t->duplicates}, {"key", t->key},         {"rest", t->rest_ignored}};

    w->table = t->name;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        crm_hash_add_i64(w->h, whole[i].value);
        CRM_TRY(end_key(w, ".", whole[i].name));
    }
    if (t->headerless) CRM_TRY(end_key(w, ".", "header"));
    if (t->unquoted) CRM_TRY(end_key(w, ".", "quotes"));
    add_list(w->h, &t->missing);
    CRM_TRY(end_key(w, ".", "missing"));
    for (int i = 0; i < t->n; i++) {
        add_column(w->h, &t->column[i]);
        CRM_TRY(end_key(w, t->column[i].derive ? ".derive." : ".columns.", t->column[i].name));
    }
    add_path(w->h, &t->entity_path);
    CRM_TRY(end_key(w, ".", "entity"));
    add_events(w->h, &t->events);
    CRM_TRY(end_key(w, ".", "events"));
    add_documents(w->h, &t->documents);
    return end_key(w, ".", "documents");
}

static crm_status all_keys(key_writer *w, const crm_table_schema *s)
{
    const struct {
        const char *name;
        int64_t value;
    } whole[] = {{"entity.table", s->entity},
                 {"entity.key", s->key},
                 {"entity.contradictions", s->contradictions},
                 {"entity.history", s->history}};

    CRM_TRY(crm_hash_new(&w->h));
    for (int t = 0; t < s->n; t++)
        CRM_TRY(table_keys(w, &s->table[t]));
    w->table = NULL;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        crm_hash_add_i64(w->h, whole[i].value);
        CRM_TRY(end_key(w, "", whole[i].name));
    }
    CRM_CHECK(!w->out->failed, CRM_ERR_NOMEM, "out of memory: keys of a schema");
    return CRM_OK;
}

crm_status crm_table_schema_keys(const crm_table_schema *s, crm_str *out)
{
    key_writer w = {.out = out};
    crm_status st = all_keys(&w, s);

    crm_hash_free(&w.h);
    return st;
}
