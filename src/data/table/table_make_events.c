/* table_make_events.c - the event block: events of all tables by time.  With several tables
 * categories are called "table:category" and numbers "table.number". */
#include <math.h>
#include <stdio.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_make.h"

static int n_tables(const table_set *x)
{
    int n = 0;

    for (int k = 0; k < x->n_streams; k++)
        n += !x->stream[k].documents;
    return n;
}

/* Texts one behind the other, each with its 0, as a list. */
static crm_status to_names(crm_str *text, int64_t n, table_names *out)
{
    const char **item = NULL, *p = text->text;
    crm_status st = CRM_OK;

    CRM_CHECK(!text->failed, CRM_ERR_NOMEM, "out of memory: names of events");
    CRM_NEW(item, n);
    for (int64_t i = 0; i < n; i++) {
        item[i] = p;
        while (*p)
            p++;
        p++;
    }
    st = crm_table_names_copy(n, item, out);
    crm_mem_free(item);
    return st;
}

static crm_status name_categories(table_output *o)
{
    const table_set *x = o->x;
    bool several = n_tables(x) > 1;
    crm_str text = {0};
    int64_t n = 0;
    crm_status st;

    for (int k = 0; k < x->n_streams; k++) {
        const table_stream *s = &x->stream[k];
        if (s->documents) continue;
        o->first_name[k] = n;
        for (int64_t c = 0; c < s->names.n; c++, n++) {
            if (several && s->category) crm_str_addf(&text, "%s:", x->schema->table[s->table].name);
            crm_str_addf(&text, "%s", s->names.item[c]);
            crm_str_add(&text, "", 1);
        }
    }
    st = to_names(&text, n, &o->categories);
    crm_str_free(&text);
    return st;
}

static crm_status name_numbers(table_output *o)
{
    const table_set *x = o->x;
    bool several = n_tables(x) > 1;
    crm_str text = {0};
    int64_t n = 0;
    crm_status st;

    for (int k = 0; k < x->n_streams; k++) {
        const table_stream *s = &x->stream[k];
        const crm_table_def *t = &x->schema->table[s->table];
        if (s->documents) continue;
        o->first_number[k] = n;
        for (int q = 0; q < s->n_numbers; q++, n++) {
            if (several) crm_str_addf(&text, "%s.", t->name);
            crm_table_path_text(x->schema, s->table, &t->events.number[q], &text);
            crm_str_add(&text, "", 1);
        }
    }
    st = to_names(&text, n, &o->numbers);
    crm_str_free(&text);
    return st;
}

static crm_status define_events(table_output *o)
{
    static const char *const EVENT[] = {"event"}, *const VALUE[] = {"event", "column"};
    int64_t dim[] = {o->events.total, o->numbers.n};

    CRM_TRY(crm_store_define(o->w, "events/category", CRM_I32, 1, dim, EVENT));
    CRM_TRY(crm_store_define(o->w, "events/time", CRM_F32, 1, dim, EVENT));
    CRM_TRY(crm_store_define(o->w, "events/value", CRM_F32, 2, dim, VALUE));
    CRM_TRY(crm_store_attr_list(o->w, "events/value", "columns", o->numbers.n,
                                (const char *const *)o->numbers.item));
    return crm_store_texts(o->w, "events/categories", o->categories.n,
                           (const char *const *)o->categories.item);
}

static crm_status write_offsets(table_output *o)
{
    const table_set *x = o->x;
    int64_t *count = crm_mem_new((size_t)x->n, sizeof *count);
    crm_status st = CRM_OK;

    if (!count) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)x->n);
    for (int64_t i = 0; count && i < x->n; i++)
        count[i] = crm_table_walk_count(o, false, i);
    st = crm_comm_agree(x->comm, st);
    if (!st)
        st = crm_table_make_offsets(o, "events/first", "row_offset", x->n, x->before, x->total,
                                    count, o->events.before);
    crm_mem_free(count);
    return st;
}

crm_status crm_table_events_open(table_output *o)
{
    crm_status st;

    if (!o->has_events) return CRM_OK;
    st = name_categories(o);
    if (!st) st = name_numbers(o);
    CRM_TRY(crm_comm_agree(o->x->comm, st));
    CRM_TRY(define_events(o));
    return write_offsets(o);
}

/* Event j of the block is item i of a stream. */
static void put(const table_output *o, table_block *b, int64_t j, int stream, int64_t item,
                int64_t cutoff)
{
    const table_stream *s = &o->x->stream[stream];
    float *value = b->value + j * o->numbers.n;
    int32_t category = s->category ? s->category[item] : 0;

    b->category[j] = category < 0 ? -1 : category + (int32_t)o->first_name[stream];
    b->event_time[j] = crm_table_float((double)(cutoff - s->time[item]) / TABLE_DAY);
    for (int64_t q = 0; q < o->numbers.n; q++)
        value[q] = NAN;
    for (int q = 0; q < s->n_numbers; q++)
        value[o->first_number[stream] + q] = crm_table_float(s->number[q][item]);
}

crm_status crm_table_events_fill(table_output *o, table_block *b)
{
    int64_t n = 0, j = 0, item, q = o->numbers.n;
    int stream;

    if (!o->has_events) return CRM_OK;
    b->events.before += b->events.here;
    for (int64_t i = b->first; i < b->end; i++)
        n += crm_table_walk_count(o, false, i);
    b->events.here = n;
    CRM_NEW(b->category, n);
    CRM_NEW(b->event_time, n);
    CRM_NEW(b->value, n * q);
    for (int64_t i = b->first; i < b->end; i++) {
        int64_t from = j, k;
        crm_table_walk(o, false, i);
        for (; crm_table_walk_next(o, &stream, &item); j++)
            put(o, b, j, stream, item, o->x->cutoff[i]);
        k = j - from;
        if (o->by_text) continue;
        crm_table_content(o, i, b->category + from, (size_t)k * sizeof *b->category);
        crm_table_content(o, i, b->event_time + from, (size_t)k * sizeof *b->event_time);
        crm_table_content(o, i, b->value + from * q, (size_t)(k * q) * sizeof *b->value);
    }
    return CRM_OK;
}

crm_status crm_table_events_write(table_output *o, const table_block *b)
{
    int64_t first = o->events.before + b->events.before, n = b->events.here;

    if (!o->has_events) return CRM_OK;
    CRM_TRY(crm_store_write(o->w, "events/category", first, n, b->category));
    CRM_TRY(crm_store_write(o->w, "events/time", first, n, b->event_time));
    return crm_store_write(o->w, "events/value", first, n, b->value);
}
