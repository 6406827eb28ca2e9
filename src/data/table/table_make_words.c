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
} writer;

static double share(const writer *w, int64_t missing)
{
    return (double)missing / (double)w->o->x->total;
}

/* ---- profile ---- */
static crm_status add_column(const writer *w, const table_column *c, int64_t missing)
{
    crm_table_entry e = {.block = "profile", .name = c->name, .type = "boolean"};

    if (c->from.column >= 0)
        return crm_table_dictionary_add_field(w->d, w->s, c->from.table, c->from.column, "profile",
                                              c->name, share(w, missing), NULL);
    e.meaning = "1 where the cleaning found it so";
    e.source = w->s->table[c->from.table].name;
    e.missing = share(w, missing);
    return crm_table_dictionary_add(w->d, &e);
}

static crm_status add_feature(const writer *w, const table_feature *f, int64_t missing)
{
    static const char *const meaning[TABLE_OP_COUNT] = {
        [TABLE_COUNT] = "how many",
        [TABLE_SUM] = "sum",
        [TABLE_MEAN] = "mean",
        [TABLE_MAX] = "largest",
        [TABLE_DISTINCT] = "distinct categories",
        [TABLE_RECENCY] = "from the last one to the cut-off",
        [TABLE_GAP_MEAN] = "mean time between two at different times",
        [TABLE_GAP_MAX] = "longest time between two at different times",
        [TABLE_TREND] = "least-squares slope over the months",
        [TABLE_SEASON_SIN] = "mean sine of the phase of the year",
        [TABLE_SEASON_COS] = "mean cosine of the phase of the year",
        [TABLE_CHANGE] = "window less the one before it",
        [TABLE_SHARE] = "share of a category"};
    bool days = f->op == TABLE_RECENCY || f->op == TABLE_GAP_MEAN || f->op == TABLE_GAP_MAX;
    const crm_table_def *t = &w->s->table[w->o->x->stream[f->stream].table];
    const crm_path *p = f->number < 0 ? NULL : &t->events.number[f->number];
    crm_table_entry e = {.block = "profile",
                         .name = f->name,
                         .type = "real",
                         .unit = days ? "days"
                                 : p  ? w->s->table[p->table].column[p->column].unit
                                      : "",
                         .meaning = meaning[f->op],
                         .source = t->name,
                         .cleaning = "rows before the cut-off only",
                         .missing = share(w, missing)};

    return crm_table_dictionary_add(w->d, &e);
}

static crm_status add_pair(const writer *w, const table_pair *p, int64_t missing)
{
    crm_table_entry e = {.block = "profile",
                         .name = p->name,
                         .type = "real",
                         .meaning = p->ratio ? "ratio; missing when the divisor is 0 or missing"
                                             : "product",
                         .source = "other columns",
                         .missing = share(w, missing)};

    return crm_table_dictionary_add(w->d, &e);
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
static crm_status add_field(const writer *w, const crm_path *p, const char *block, const char *name)
{
    return crm_table_dictionary_add_field(w->d, w->s, p->table, p->column, block, name, NAN, NULL);
}

static crm_status add_months(const writer *w)
{
    const table_features *f = &w->o->f;

    for (int c = 0; c < f->n_channels; c++) {
        const table_stream *s = &w->o->x->stream[f->channel_stream[c]];
        crm_table_entry e = {.block = "monthly",
                             .name = f->channel[c],
                             .type = "real",
                             .meaning = "of each month of 30 days before the cut-off",
                             .source = w->s->table[s->table].name,
                             .missing = 0};
        CRM_TRY(crm_table_dictionary_add(w->d, &e));
    }
    return CRM_OK;
}

static crm_status add_events(const writer *w)
{
    for (int k = 0; k < w->o->x->n_streams; k++) {
        const table_stream *s = &w->o->x->stream[k];
        const crm_event_role *r = &w->s->table[s->table].events;
        if (s->documents) continue;
        if (r->category.column >= 0) CRM_TRY(add_field(w, &r->category, "events", "category"));
        CRM_TRY(add_field(w, &r->time, "events", "time"));
        for (int q = 0; q < s->n_numbers; q++)
            CRM_TRY(add_field(w, &r->number[q], "events",
                              w->o->numbers.item[w->o->first_number[k] + q]));
    }
    return CRM_OK;
}

static crm_status add_documents(const writer *w)
{
    for (int k = 0; k < w->o->x->n_streams; k++) {
        const table_stream *s = &w->o->x->stream[k];
        const crm_document_role *r = &w->s->table[s->table].documents;
        if (!s->documents) continue;
        for (int t = 0; t < r->n_texts; t++)
            CRM_TRY(add_field(w, &(crm_path){.table = s->table, .column = r->text[t]}, "documents",
                              w->s->table[s->table].column[r->text[t]].name));
        if (r->kind.column >= 0) CRM_TRY(add_field(w, &r->kind, "documents", "kind"));
        if (r->time.column >= 0) CRM_TRY(add_field(w, &r->time, "documents", "time"));
        for (int l = 0; l < s->n_labels; l++)
            CRM_TRY(add_field(w, &r->label[l], "target", r->label_name[l]));
    }
    return CRM_OK;
}

static crm_status add_labels(const writer *w)
{
    for (int k = 0; k < w->s->n_labels; k++) {
        const crm_label_def *l = &w->s->label[k];
        crm_table_entry e = {
            .block = "target", .name = l->name, .type = "category", .missing = NAN};
        if (l->path.column >= 0) {
            CRM_TRY(add_field(w, &l->path, "target", l->name));
            continue;
        }
        e.meaning = l->kind == CRM_LABEL_ANY ? "whether a row of the table meets the condition"
                                             : "whether the condition holds";
        e.source = w->s->table[l->kind == CRM_LABEL_ANY ? l->table : w->s->entity].name;
        CRM_TRY(crm_table_dictionary_add(w->d, &e));
    }
    return CRM_OK;
}

static crm_status add_all(const writer *w)
{
    CRM_TRY(add_profile(w, w->o->missing));
    CRM_TRY(add_months(w));
    CRM_TRY(add_events(w));
    CRM_TRY(add_documents(w));
    CRM_TRY(add_labels(w));
    if (w->s->key < 0) return CRM_OK;
    return add_field(w, &(crm_path){.table = w->s->entity, .column = w->s->key}, "id",
                     w->s->table[w->s->entity].column[w->s->key].name);
}

crm_status crm_table_make_dictionary(table_output *o, crm_table_dictionary **out)
{
    writer w = {.o = o, .s = o->x->schema};
    crm_status st;

    CRM_TRY(crm_comm_sum_i64(o->x->comm, o->missing, o->f.n + o->x->n_cat));
    st = crm_table_dictionary_new(out);
    w.d = *out;
    if (!st) st = add_all(&w);
    CRM_TRY(crm_comm_agree(o->x->comm, st));
    return crm_table_dictionary_write(o->x->comm, o->w, *out);
}
