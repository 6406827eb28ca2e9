/* table_make.c - the arrays of a data set, block by block of rows, so that what is written is never
 * held as a whole. */
#include "table_make.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_clean.h"

enum { BLOCK = 4096 };

float crm_table_float(double v)
{
    /* Below FLT_MIN the result would depend on the mode of the thread (flush to zero). */
    if (isnan(v) || fabs(v) > (double)FLT_MAX) return NAN;
    return fabs(v) < (double)FLT_MIN ? 0 : (float)v;
}

/* ---- walks ---- */
void crm_table_walk(table_output *o, bool documents, int64_t i)
{
    for (int k = 0; k < o->x->n_streams; k++) {
        const table_stream *s = &o->x->stream[k];
        o->at[k] = s->documents == documents ? s->first[i] : 0;
        o->end[k] = s->documents == documents ? s->first[i + 1] : 0;
    }
}

bool crm_table_walk_next(table_output *o, int *stream, int64_t *item)
{
    int best = -1;

    for (int k = 0; k < o->x->n_streams; k++)
        if (o->at[k] < o->end[k] &&
            (best < 0 || o->x->stream[k].time[o->at[k]] < o->x->stream[best].time[o->at[best]]))
            best = k;
    if (best < 0) return false;
    *stream = best;
    *item = o->at[best]++;
    return true;
}

int64_t crm_table_walk_count(const table_output *o, bool documents, int64_t i)
{
    int64_t n = 0;

    for (int k = 0; k < o->x->n_streams; k++) {
        const table_stream *s = &o->x->stream[k];
        if (s->documents == documents) n += s->first[i + 1] - s->first[i];
    }
    return n;
}

void crm_table_content(table_output *o, int64_t i, const void *data, size_t bytes)
{
    crm_digest pair[2] = {o->content[i], crm_digest_of(data, bytes)};

    o->content[i] = crm_digest_of(pair, sizeof pair);
}

/* ---- definitions ---- */
static crm_status define_num(table_output *o)
{
    static const char *const DIM[] = {"row", "column"};
    int64_t dim[] = {o->x->total, o->f.n};

    if (o->f.n == 0) return CRM_OK;
    CRM_TRY(crm_store_define(o->w, "profile/num", CRM_F32, 2, dim, DIM));
    return crm_store_attr_list(o->w, "profile/num", "columns", o->f.n,
                               (const char *const *)o->f.name);
}

static crm_status define_cat(table_output *o, const char **name)
{
    static const char *const DIM[] = {"row", "column"};
    int64_t dim[] = {o->x->total, o->x->n_cat};
    char levels[64];

    if (o->x->n_cat == 0) return CRM_OK;
    for (int k = 0; k < o->x->n_cat; k++)
        name[k] = o->x->cat[k].name;
    CRM_TRY(crm_store_define(o->w, "profile/cat", CRM_I32, 2, dim, DIM));
    CRM_TRY(crm_store_attr_list(o->w, "profile/cat", "columns", o->x->n_cat, name));
    for (int k = 0; k < o->x->n_cat; k++) {
        const table_names *l = &o->x->cat[k].v.names;
        snprintf(levels, sizeof levels, "profile/levels/%d", k);
        CRM_TRY(crm_store_texts(o->w, levels, l->n, (const char *const *)l->item));
    }
    return CRM_OK;
}

static crm_status define_monthly(table_output *o)
{
    static const char *const DIM[] = {"row", "channel", "month"};
    int64_t dim[] = {o->x->total, o->f.n_channels, o->f.months};

    if (o->f.n_channels == 0) return CRM_OK;
    CRM_TRY(crm_store_define(o->w, "monthly/value", CRM_F32, 3, dim, DIM));
    return crm_store_attr_list(o->w, "monthly/value", "channels", o->f.n_channels,
                               (const char *const *)o->f.channel);
}

static crm_status define(table_output *o, crm_digest source)
{
    const char **name = crm_mem_new((size_t)o->x->n_cat, sizeof *name);
    char hex[CRM_DIGEST_HEX];
    crm_status st = CRM_OK;

    if (!name) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: names of columns");
    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, st));
    CRM_TRY_TO(st, done, crm_store_attr_i64(o->w, "", "rows", o->x->total));
    CRM_TRY_TO(st, done,
               crm_store_attr_text(o->w, "", "source_digest", crm_digest_hex(source, hex)));
    if (o->x->key_check && o->x->key_check[0])
        CRM_TRY_TO(st, done, crm_store_attr_text(o->w, "", "key_check", o->x->key_check));
    if (o->x->former && o->x->former->n > 0)
        CRM_TRY_TO(st, done,
                   crm_store_attr_list(o->w, "", "former_digests", o->x->former->n,
                                       (const char *const *)o->x->former->item));
    CRM_TRY_TO(st, done, define_num(o));
    CRM_TRY_TO(st, done, define_cat(o, name));
    CRM_TRY_TO(st, done, define_monthly(o));
    CRM_TRY_TO(st, done, crm_table_events_open(o));
    CRM_TRY_TO(st, done, crm_table_documents_open(o));
done:
    crm_mem_free(name);
    return st;
}

/* ---- a block ---- */
static crm_status new_block(const table_output *o, table_block *b)
{
    CRM_NEW(b->num, (int64_t)BLOCK * o->f.n);
    CRM_NEW(b->cat, (int64_t)BLOCK * o->x->n_cat);
    CRM_NEW(b->monthly, (int64_t)BLOCK * o->f.n_channels * o->f.months);
    CRM_NEW(b->row, o->f.n + o->f.months);
    return CRM_OK;
}

static void empty_block(table_block *b)
{
    void **owned[] = {(void **)&b->category,   (void **)&b->kind,       (void **)&b->token,
                      (void **)&b->value,      (void **)&b->event_time, (void **)&b->document_time,
                      (void **)&b->token_first};

    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) {
        crm_mem_free(*owned[k]);
        *owned[k] = NULL;
    }
}

static void free_block(table_block *b)
{
    empty_block(b);
    crm_mem_free(b->num);
    crm_mem_free(b->cat);
    crm_mem_free(b->monthly);
    crm_mem_free(b->row);
}

static void fill_profile(table_output *o, table_block *b, int64_t i)
{
    int n = o->f.n, n_cat = o->x->n_cat;
    float *num = b->num + (i - b->first) * n;
    int32_t *cat = b->cat + (i - b->first) * n_cat;

    crm_table_features_row(o->x, &o->f, i, b->row);
    for (int k = 0; k < n; k++) {
        num[k] = crm_table_float(b->row[k]);
        o->missing[k] += isnan(num[k]);
    }
    for (int k = 0; k < n_cat; k++) {
        cat[k] = o->x->cat[k].v.code[i];
        o->missing[n + k] += cat[k] < 0;
    }
    if (o->by_text && crm_table_walk_count(o, true, i) > 0) return;
    /* what is made of events is told by these */
    crm_table_content(o, i, num, (size_t)o->x->n_num * sizeof *num);
    crm_table_content(o, i, cat, (size_t)n_cat * sizeof *cat);
}

static void fill_months(table_output *o, table_block *b, int64_t i)
{
    int months = o->f.months;
    float *to = b->monthly + (i - b->first) * o->f.n_channels * months;

    for (int c = 0; c < o->f.n_channels; c++) {
        crm_table_months(o->x, o->f.channel_stream[c], o->f.channel_number[c], i, months, b->row);
        for (int m = 0; m < months; m++)
            to[c * months + m] = crm_table_float(b->row[m]);
    }
}

static crm_status fill(table_output *o, table_block *b)
{
    empty_block(b);
    for (int64_t i = b->first; i < b->end; i++) {
        fill_profile(o, b, i);
        fill_months(o, b, i);
    }
    CRM_TRY(crm_table_events_fill(o, b));
    return crm_table_documents_fill(o, b);
}

static crm_status write_block(table_output *o, const table_block *b)
{
    int64_t first = o->x->before + b->first, n = b->end - b->first;

    if (o->f.n > 0) CRM_TRY(crm_store_write(o->w, "profile/num", first, n, b->num));
    if (o->x->n_cat > 0) CRM_TRY(crm_store_write(o->w, "profile/cat", first, n, b->cat));
    if (o->f.n_channels > 0) CRM_TRY(crm_store_write(o->w, "monthly/value", first, n, b->monthly));
    CRM_TRY(crm_table_events_write(o, b));
    return crm_table_documents_write(o, b);
}

static crm_status write_blocks(table_output *o)
{
    int64_t blocks = (o->x->n + BLOCK - 1) / BLOCK;
    table_block b = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, new_block(o, &b)));
    CRM_TRY_TO(st, done, crm_comm_max_i64(o->x->comm, &blocks, 1));
    for (int64_t k = 0; k < blocks; k++) {
        CRM_TRY_TO(st, done, crm_table_check_stop(o->x->comm));
        b.first = k * BLOCK < o->x->n ? k * BLOCK : o->x->n;
        b.end = b.first + BLOCK < o->x->n ? b.first + BLOCK : o->x->n;
        CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, fill(o, &b)));
        CRM_TRY_TO(st, done, write_block(o, &b));
    }
done:
    free_block(&b);
    return st;
}

/* ---- offsets ---- */
crm_status crm_table_make_offsets(table_output *o, const char *name, const char *dim, int64_t rows,
                                  int64_t before, int64_t total, const int64_t *count,
                                  int64_t count_before)
{
    bool last = crm_comm_rank(o->x->comm) == crm_comm_size(o->x->comm) - 1;
    int64_t *first = crm_mem_new((size_t)rows + 1, sizeof *first), n = total + 1;
    crm_status st = CRM_OK;

    if (!first) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld offsets", (long long)rows);
    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, st));
    first[0] = count_before;
    for (int64_t i = 0; i < rows; i++)
        first[i + 1] = first[i] + count[i];
    CRM_TRY_TO(st, done, crm_store_define(o->w, name, CRM_I64, 1, &n, &dim));
    CRM_TRY_TO(st, done, crm_store_write(o->w, name, before, rows + last, first));
done:
    crm_mem_free(first);
    return st;
}

/* ---- all of it ---- */
static crm_status make_room(table_output *o)
{
    const table_set *x = o->x;

    CRM_NEW(o->at, x->n_streams);
    CRM_NEW(o->end, x->n_streams);
    CRM_NEW(o->first_name, x->n_streams);
    CRM_NEW(o->first_number, x->n_streams);
    CRM_NEW(o->kind, x->n_streams);
    CRM_NEW(o->content, x->n);
    CRM_NEW(o->missing, o->f.n + x->n_cat);
    for (int k = 0; k < x->n_streams; k++) {
        const table_stream *s = &x->stream[k];
        o->has_events |= !s->documents;
        o->has_documents |= s->documents;
        o->by_text |= s->documents && s->table == x->schema->entity && x->schema->key < 0;
    }
    return CRM_OK;
}

static void free_output(table_output *o)
{
    for (int k = 0; o->kind && k < o->x->n_streams; k++)
        crm_mem_free(o->kind[k]);
    crm_mem_free(o->kind);
    crm_mem_free(o->at);
    crm_mem_free(o->end);
    crm_mem_free(o->first_name);
    crm_mem_free(o->first_number);
    crm_mem_free(o->content);
    crm_mem_free(o->letters);
    crm_mem_free(o->missing);
    crm_table_names_free(&o->categories);
    crm_table_names_free(&o->numbers);
    crm_table_names_free(&o->kinds);
    crm_table_features_free(&o->f);
    crm_store_abandon(&o->w);
}

/* Cut-offs of the rows, where they have their own: they order the rows in time. */
static crm_status write_cutoffs(table_output *o)
{
    static const char *const DIM[] = {"row"};
    const table_set *x = o->x;

    if (x->schema->cutoff.column < 0) return CRM_OK;
    CRM_TRY(crm_store_define(o->w, "row/cutoff", CRM_I64, 1, &x->total, DIM));
    return crm_store_write(o->w, "row/cutoff", x->before, x->n, x->cutoff);
}

static crm_status count_items(table_output *o)
{
    make_count *c[] = {&o->events, &o->documents, &o->tokens};

    for (int k = 0; k < o->x->n_streams; k++) {
        const table_stream *s = &o->x->stream[k];
        *(s->documents ? &o->documents.here : &o->events.here) += s->n;
        for (int64_t d = 0; s->documents && d < s->n; d++)
            o->tokens.here += s->tokens[d];
    }
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        c[k]->total = c[k]->here;
        CRM_TRY(crm_comm_exscan_i64(o->x->comm, c[k]->here, &c[k]->before));
        CRM_TRY(crm_comm_sum_i64(o->x->comm, &c[k]->total, 1));
    }
    return CRM_OK;
}

crm_status crm_table_make(const table_set *x, const char *path, crm_digest source, table_world *w,
                          crm_table_tables *out)
{
    table_output o = {.x = x};
    crm_table_dictionary *words = NULL;
    crm_str quality = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_features_new(x, &o.f));
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, make_room(&o)));
    CRM_TRY_TO(st, done, count_items(&o));
    CRM_TRY_TO(st, done, crm_store_create(x->comm, path, "crmpi-dataset", &o.w));
    CRM_TRY_TO(st, done, define(&o, source));
    CRM_TRY_TO(st, done, write_blocks(&o));
    CRM_TRY_TO(st, done, crm_table_documents_targets(&o));
    CRM_TRY_TO(st, done, crm_table_make_targets(&o));
    CRM_TRY_TO(st, done, crm_table_make_ids(&o));
    CRM_TRY_TO(st, done, crm_table_make_groups(&o));
    CRM_TRY_TO(st, done, write_cutoffs(&o));
    CRM_TRY_TO(st, done, crm_table_make_dictionary(&o, &words));
    CRM_TRY_TO(st, done, crm_store_commit(&o.w, &out->content));
    for (int t = 0; t < x->schema->n; t++)
        crm_table_quality_markdown(x->schema, t, &w->member[t].quality, &quality);
    crm_table_dictionary_beside(x->comm, path, quality.failed ? NULL : quality.text, words);
    out->entities = x->total;
    out->events = o.events.total;
    out->documents = o.documents.total;
    out->tokens = o.tokens.total;
    out->late = x->late;
    out->late_dates = x->late_dates;
    out->no_history = x->no_history;
    out->no_cutoff = x->no_cutoff;
    out->source = source;
done:
    crm_str_free(&quality);
    crm_table_dictionary_free(&words);
    free_output(&o);
    return st;
}
