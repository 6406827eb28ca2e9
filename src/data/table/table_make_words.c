/* table_make_words.c - the data dictionary of a data set made of tables: what each column is, where
 * it comes from, and how much of it is missing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_make.h"

typedef struct writer {
    const table_output *o;
    const crm_table_schema *s;
    crm_table_dictionary *d;
    bool counts;    /* the first time round: missing values of this rank, no rows */
    int64_t *count; /* [2 * room] missing values and all, of all ranks the second time */
    int at, room;
} writer;

static double share(const writer *w, int64_t missing)
{
    return (double)missing / (double)w->o->x->total;
}

/* Share of all ranks; here and n are this rank's. */
static double share_of(writer *w, int64_t here, int64_t n)
{
    int64_t *c = w->count + 2 * w->at++;

    CRM_ASSERT(w->at <= w->room);
    if (w->counts) {
        c[0] = here;
        c[1] = n;
    }
    return c[1] > 0 ? (double)c[0] / (double)c[1] : 0;
}

static crm_status add_row(const writer *w, crm_table_entry *e, crm_str *meaning, crm_str *source)
{
    crm_status st = CRM_OK;

    e->meaning = meaning->text;
    e->source = source->text;
    if (meaning->failed || source->failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: the data dictionary");
    else if (!w->counts)
        st = crm_table_dictionary_add(w->d, e);
    crm_str_free(meaning);
    crm_str_free(source);
    return st;
}

/* ---- profile ---- */
static crm_status add_flag(const writer *w, const table_column *c, int64_t missing)
{
    const crm_field *f = &w->s->table[c->about.table].column[c->about.column];
    crm_table_entry e = {
        .block = "profile", .name = c->name, .type = "boolean", .missing = share(w, missing)};
    crm_str meaning = {0}, source = {0};

    crm_str_addf(&meaning, c->outlier ? "1 where %s is an outlier" : "1 where %s is missing",
                 f->name);
    crm_table_say_source(w->s, &c->about, &source);
    return add_row(w, &e, &meaning, &source);
}

static crm_status add_column(const writer *w, const table_column *c, int64_t missing)
{
    const crm_path *p = &c->from;
    const crm_field *f;
    bool judged;

    if (p->column < 0) return add_flag(w, c, missing);
    if (w->counts) return CRM_OK;
    f = &w->s->table[p->table].column[p->column];
    judged = f->type == CRM_FIELD_TIME && !f->ahead;
    return crm_table_dictionary_add_field(
        w->d, w->s, p->table, p->column, "profile", c->name, share(w, missing),
        judged ? "missing where it lies at or behind the cut-off" : NULL);
}

static const char *unit_of(const writer *w, const table_stream *s, int number)
{
    const crm_path *p = &w->s->table[s->table].events.number[number];

    return w->s->table[p->table].column[p->column].unit;
}

static void add_stream_source(const writer *w, const table_stream *s, int number, crm_str *out)
{
    if (number >= 0)
        crm_table_say_source(w->s, &w->s->table[s->table].events.number[number], out);
    else
        crm_table_say_files(w->s, s->table, out);
}

static crm_status add_feature(const writer *w, const table_feature *f, int64_t missing)
{
    bool days = f->op == TABLE_RECENCY || f->op == TABLE_GAP_MEAN || f->op == TABLE_GAP_MAX;
    const table_stream *s = &w->o->x->stream[f->stream];
    crm_table_entry e = {.block = "profile",
                         .name = f->name,
                         .type = "real",
                         .unit = days             ? "days"
                                 : f->number >= 0 ? unit_of(w, s, f->number)
                                                  : "",
                         .cleaning = "rows before the cut-off only",
                         .missing = share(w, missing)};
    crm_str meaning = {0}, source = {0};

    crm_table_say_feature(w->s, s, f, &meaning);
    add_stream_source(w, s, f->number, &source);
    return add_row(w, &e, &meaning, &source);
}

static crm_status add_pair(const writer *w, const table_pair *p, int64_t missing)
{
    const char *a = w->o->f.name[p->of[0]], *b = w->o->f.name[p->of[1]];
    crm_table_entry e = {
        .block = "profile", .name = p->name, .type = "real", .missing = share(w, missing)};
    crm_str meaning = {0}, source = {0};

    crm_str_addf(&meaning, p->ratio ? "%s over %s; missing when that is 0" : "%s times %s", a, b);
    crm_str_addf(&source, "columns %s and %s", a, b);
    return add_row(w, &e, &meaning, &source);
}

static crm_status add_profile(const writer *w, const int64_t *missing)
{
    const table_set *x = w->o->x;
    const table_features *f = &w->o->f;

    for (int k = 0; k < x->n_num; k++)
        CRM_TRY(add_column(w, &x->num[k], *missing++));
    for (int k = 0; k < f->n_features; k++)
        CRM_TRY(add_feature(w, &f->feature[k], *missing++));
    for (int k = 0; k < f->n_pairs; k++)
        CRM_TRY(add_pair(w, &f->pair[k], *missing++));
    for (int k = 0; k < x->n_cat; k++)
        CRM_TRY(add_column(w, &x->cat[k], *missing++));
    return CRM_OK;
}

/* ---- blocks ---- */
static crm_status add_field(const writer *w, const crm_path *p, const char *block, const char *name,
                            double missing)
{
    if (w->counts) return CRM_OK;
    return crm_table_dictionary_add_field(w->d, w->s, p->table, p->column, block, name, missing,
                                          NULL);
}

static crm_status add_months(const writer *w)
{
    const table_features *f = &w->o->f;

    for (int c = 0; c < f->n_channels; c++) {
        const table_stream *s = &w->o->x->stream[f->channel_stream[c]];
        int number = f->channel_number[c];
        crm_table_entry e = {.block = "monthly",
                             .name = f->channel[c],
                             .type = "real",
                             .unit = number >= 0 ? unit_of(w, s, number) : "",
                             .missing = 0};
        crm_str meaning = {0}, source = {0};
        crm_table_say_channel(w->s, s, number, &meaning);
        add_stream_source(w, s, number, &source);
        CRM_TRY(add_row(w, &e, &meaning, &source));
    }
    return CRM_OK;
}

static int64_t no_code(const int32_t *code, int64_t n)
{
    int64_t missing = 0;

    for (int64_t i = 0; code && i < n; i++)
        missing += code[i] < 0;
    return missing;
}

static int64_t no_number(const double *v, int64_t n)
{
    int64_t missing = 0;

    for (int64_t i = 0; i < n; i++)
        missing += isnan(crm_table_float(v[i]));
    return missing;
}

/* A column of a role: where several tables have it, with its table in front. */
static crm_status add_part(const writer *w, const crm_path *p, const table_stream *s,
                           const char *block, const char *part, double missing)
{
    int tables = 0;
    crm_str name = {0};
    crm_status st;

    for (int k = 0; k < w->o->x->n_streams; k++)
        tables += w->o->x->stream[k].documents == s->documents;
    if (tables > 1) crm_str_addf(&name, "%s.", w->s->table[s->table].name);
    crm_str_addf(&name, "%s", part);
    CRM_CHECK(!name.failed, CRM_ERR_NOMEM, "out of memory: the data dictionary");
    st = add_field(w, p, block, name.text, missing);
    crm_str_free(&name);
    return st;
}

static crm_status add_events(writer *w)
{
    for (int k = 0; k < w->o->x->n_streams; k++) {
        const table_stream *s = &w->o->x->stream[k];
        const crm_event_role *r = &w->s->table[s->table].events;
        if (s->documents) continue;
        if (r->category.column >= 0)
            CRM_TRY(add_part(w, &r->category, s, "events", "category",
                             share_of(w, no_code(s->category, s->n), s->n)));
        CRM_TRY(add_part(w, &r->time, s, "events", "time", 0)); /* without time it is no event */
        for (int q = 0; q < s->n_numbers; q++)
            CRM_TRY(add_field(w, &r->number[q], "events",
                              w->o->numbers.item[w->o->first_number[k] + q],
                              share_of(w, no_number(s->number[q], s->n), s->n)));
    }
    return CRM_OK;
}

static crm_status add_document_labels(writer *w, const table_stream *s, const crm_document_role *r)
{
    for (int l = 0; l < s->n_labels; l++) {
        int64_t all = w->o->documents.here;
        int64_t without =
            s->label[l] ? no_code(s->label[l], s->n) : no_number(s->label_number[l], s->n);
        CRM_TRY(add_field(w, &r->label[l], "target", r->label_name[l],
                          share_of(w, all - s->n + without, all)));
    }
    return CRM_OK;
}

static crm_status add_documents(writer *w)
{
    for (int k = 0; k < w->o->x->n_streams; k++) {
        const table_stream *s = &w->o->x->stream[k];
        const crm_document_role *r = &w->s->table[s->table].documents;
        if (!s->documents) continue;
        for (int t = 0; t < r->n_texts; t++) { /* a document has a text; of several, any of them */
            crm_path p = {.table = s->table, .column = r->text[t]};
            CRM_TRY(add_field(w, &p, "documents", w->s->table[s->table].column[p.column].name,
                              r->n_texts == 1 ? 0 : (double)NAN));
        }
        if (r->kind.column >= 0)
            CRM_TRY(add_part(w, &r->kind, s, "documents", "kind",
                             share_of(w, no_code(s->category, s->n), s->n)));
        if (r->time.column >= 0) CRM_TRY(add_part(w, &r->time, s, "documents", "time", 0));
        CRM_TRY(add_document_labels(w, s, r));
    }
    return CRM_OK;
}

static crm_status add_labels(writer *w)
{
    const table_set *x = w->o->x;

    for (int k = 0; k < w->s->n_labels; k++) {
        const crm_label_def *l = &w->s->label[k];
        const table_label *v = &x->label[k];
        crm_str meaning = {0}, source = {0};
        crm_table_entry e = {.block = "target", .name = l->name, .type = "category"};
        e.missing = share_of(w, v->code ? no_code(v->code, x->n) : no_number(v->value, x->n), x->n);
        if (l->path.column >= 0 && l->kind != CRM_LABEL_CUTS) {
            CRM_TRY(add_field(w, &l->path, "target", l->name, e.missing));
            continue;
        }
        crm_table_say_label(w->s, l, &meaning);
        crm_table_say_label_source(w->s, l, &source);
        CRM_TRY(add_row(w, &e, &meaning, &source));
    }
    return CRM_OK;
}

static crm_status add_all(writer *w)
{
    w->at = 0;
    CRM_TRY(add_profile(w, w->o->missing));
    CRM_TRY(add_months(w));
    CRM_TRY(add_events(w));
    CRM_TRY(add_documents(w));
    CRM_TRY(add_labels(w));
    if (w->s->key < 0) return CRM_OK;
    return add_field(w, &(crm_path){.table = w->s->entity, .column = w->s->key}, "id",
                     w->s->table[w->s->entity].column[w->s->key].name, 0);
}

static crm_status make_room(writer *w, crm_table_dictionary **out)
{
    w->room = w->s->n_labels;
    for (int k = 0; k < w->o->x->n_streams; k++)
        w->room += 1 + w->o->x->stream[k].n_numbers + w->o->x->stream[k].n_labels;
    CRM_NEW(w->count, 2 * w->room);
    return crm_table_dictionary_new(out);
}

crm_status crm_table_make_dictionary(table_output *o, crm_table_dictionary **out)
{
    writer w = {.o = o, .s = o->x->schema, .counts = true};
    crm_status st;

    CRM_TRY(crm_comm_sum_i64(o->x->comm, o->missing, o->f.n + o->x->n_cat));
    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, make_room(&w, out)));
    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, add_all(&w)));
    CRM_TRY_TO(st, done, crm_comm_sum_i64(o->x->comm, w.count, 2 * w.room));
    w.counts = false;
    w.d = *out;
    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, add_all(&w)));
    st = crm_table_dictionary_write(o->x->comm, o->w, *out);
done:
    crm_mem_free(w.count);
    return st;
}
