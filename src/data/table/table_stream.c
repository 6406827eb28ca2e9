/* table_stream.c - events or documents of one table, brought to the ranks of their entities and
 * ordered by entity, time and row.
 *
 * What comes in at a rank is in the order of the table's rows on any number of ranks, so a stable
 * order by (entity, time) is one by (entity, time, row). */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/text.h"
#include "table_relate.h"

/* A stream in the making. */
typedef struct maker {
    table_world *w;
    const table_entities *e;
    const crm_table_def *t;
    table_stream *s;
    int64_t n;      /* rows of the frame here */
    int64_t *of;    /* [n] entities           */
    int64_t *time;  /* [n]                    */
    uint64_t *mark; /* [n]                    */
    table_route route;
    int64_t *order; /* [s->n] number of what came in */
} maker;

static int64_t text_end(const table_cells *c, int64_t i)
{
    return i < 0 ? 0 : c->end[i];
}

/* ---- which rows ---- */
/* The stream by whose times the label of kind ANY looks: events if the table has them. */
static bool serves(const maker *m, const crm_label_def *l)
{
    return l->kind == CRM_LABEL_ANY && l->table == m->s->table &&
           m->s->documents == !m->t->events.is;
}

static crm_status add_mark(maker *m, const crm_when *when, int bit, uint8_t *holds)
{
    crm_status st;

    m->w->uncut = bit > 0; /* of a label */
    st = crm_table_when(m->w, m->s->table, when, holds);
    m->w->uncut = false;
    if (st) return st;
    for (int64_t i = 0; i < m->n; i++)
        if (holds[i] == TABLE_TRUE) m->mark[i] |= UINT64_C(1) << bit;
    return CRM_OK;
}

/* A document has a text. */
static void unmark_empty(maker *m)
{
    const crm_document_role *d = &m->t->documents;
    const table_frame *f = &m->w->member[m->s->table].frame;

    for (int64_t i = 0; i < m->n; i++) {
        bool text = false;
        for (int k = 0; k < d->n_texts; k++) {
            const table_cells *c = &f->column[d->text[k]];
            text |= text_end(c, i) > text_end(c, i - 1);
        }
        if (text) continue;
        m->mark[i] &= ~UINT64_C(1);
        m->s->empty++;
    }
}

static crm_status mark_rows(maker *m)
{
    static const crm_when always = {0};
    const crm_table_schema *schema = m->w->schema;
    uint8_t *holds = crm_mem_new((size_t)m->n, 1);
    bool there = false;
    crm_status st = CRM_OK;

    m->mark = crm_mem_new((size_t)m->n, sizeof *m->mark);
    if (!holds || !m->mark) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)m->n);
    CRM_TRY_TO(st, done, crm_comm_agree(m->w->comm, st));
    CRM_TRY_TO(st, done, add_mark(m, m->s->documents ? &always : &m->t->events.when, 0, holds));
    if (m->s->documents) unmark_empty(m);
    for (int l = 0; l < schema->n_labels; l++)
        if (serves(m, &schema->label[l])) {
            CRM_TRY_TO(st, done, add_mark(m, &schema->label[l].when, 1 + l, holds));
            there |= schema->label[l].without_missing;
        }
    for (int64_t i = 0; there && i < m->n; i++)
        m->mark[i] |= UINT64_C(1) << TABLE_MARK_THERE;
done:
    crm_mem_free(holds);
    return st;
}

static crm_status date_rows(maker *m)
{
    const crm_path *p = m->s->documents ? &m->t->documents.time : &m->t->events.time;
    table_values v = {0};
    crm_status st = CRM_OK;

    m->s->dated = p->column >= 0;
    m->s->last = INT64_MIN;
    m->time = crm_mem_new((size_t)m->n, sizeof *m->time);
    if (!m->time) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)m->n);
    CRM_TRY_TO(st, done, crm_comm_agree(m->w->comm, st));
    if (m->s->dated) CRM_TRY_TO(st, done, crm_table_values_get(m->w, m->s->table, p, &v));
    for (int64_t i = 0; i < m->n; i++) {
        m->time[i] = m->s->dated ? v.whole[i] : CRM_WHOLE_MISSING;
        if (m->time[i] > m->s->last) m->s->last = m->time[i];
    }
    CRM_TRY_TO(st, done, crm_comm_max_i64(m->w->comm, &m->s->last, 1));
done:
    crm_table_values_free(&v);
    return st;
}

/* Rows without entity or time stay out, and those that nobody asks for. */
static crm_status choose(maker *m, int32_t **to)
{
    int64_t left[3];

    for (int64_t i = 0; i < m->n; i++) {
        bool counts = m->mark[i] & 1;
        if (m->of[i] < 0) {
            m->s->homeless += counts;
        } else if (m->s->dated && m->time[i] == CRM_WHOLE_MISSING) {
            m->s->undated += counts;
            m->of[i] = -1;
        } else if (!m->mark[i]) {
            m->of[i] = -1;
        }
    }
    CRM_TRY(crm_comm_agree(m->w->comm, crm_table_owners(m->w->comm, m->e->first, m->of, m->n, to)));
    left[0] = m->s->homeless;
    left[1] = m->s->undated;
    left[2] = m->s->empty;
    CRM_TRY(crm_comm_sum_i64(m->w->comm, left, 3));
    m->s->homeless = left[0];
    m->s->undated = left[1];
    m->s->empty = left[2];
    return CRM_OK;
}

static crm_status send_rows(maker *m)
{
    int32_t *to = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_entities_of(m->w, m->e, m->s->table, &m->of));
    CRM_TRY_TO(st, done, mark_rows(m));
    CRM_TRY_TO(st, done, date_rows(m));
    CRM_TRY_TO(st, done, choose(m, &to));
    CRM_TRY_TO(st, done, crm_table_route_new(m->w->comm, to, m->n, &m->route));
done:
    crm_mem_free(to);
    return st;
}

/* ---- order ---- */
typedef struct moment {
    int64_t time, at;
} moment;

static int by_time(const void *a, const void *b)
{
    const moment *x = a, *y = b;

    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* first, and what came in by entity. */
static crm_status group(maker *m, const int64_t *entity, const int64_t *time, moment **out)
{
    table_stream *s = m->s;
    int64_t *next;

    s->n = m->route.n_in;
    CRM_NEW(s->first, m->e->n + 1);
    CRM_NEW(*out, s->n);
    CRM_NEW(m->order, s->n);
    for (int64_t i = 0; i < s->n; i++)
        s->first[entity[i] - m->e->before + 1]++;
    for (int64_t k = 0; k < m->e->n; k++)
        s->first[k + 1] += s->first[k];
    CRM_NEW(next, m->e->n);
    memcpy(next, s->first, (size_t)m->e->n * sizeof *next);
    for (int64_t i = 0; i < s->n; i++)
        (*out)[next[entity[i] - m->e->before]++] = (moment){time[i], i};
    crm_mem_free(next);
    return CRM_OK;
}

static crm_status order_rows(maker *m)
{
    void *entity = NULL, *time = NULL;
    moment *moments = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_route_items(&m->route, m->of, sizeof *m->of, &entity));
    CRM_TRY_TO(st, done, crm_table_route_items(&m->route, m->time, sizeof *m->time, &time));
    CRM_TRY_TO(st, done, crm_comm_agree(m->w->comm, group(m, entity, time, &moments)));
    for (int64_t k = 0; k < m->e->n; k++) {
        int64_t from = m->s->first[k], n = m->s->first[k + 1] - from;
        if (n > 1) qsort(moments + from, (size_t)n, sizeof *moments, by_time);
    }
    for (int64_t i = 0; i < m->s->n; i++)
        m->order[i] = moments[i].at;
done:
    crm_mem_free(entity);
    crm_mem_free(time);
    crm_mem_free(moments);
    return st;
}

/* ---- columns ---- */
/* items [n] of the frame's rows -> *out [s->n] in order, as one more lane. */
static crm_status bring(maker *m, const void *items, size_t size, void **out)
{
    table_stream *s = m->s;
    void *in = NULL;
    char *data = NULL;
    crm_status st = crm_table_route_items(&m->route, items, size, &in);

    *out = NULL;
    if (!st) {
        data = crm_mem_new((size_t)s->n, size);
        if (!data) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)s->n);
        st = crm_comm_agree(m->w->comm, st);
    }
    for (int64_t i = 0; !st && i < s->n; i++)
        memcpy(data + (size_t)i * size, (const char *)in + (size_t)m->order[i] * size, size);
    crm_mem_free(in);
    if (st) {
        crm_mem_free(data);
        return st;
    }
    s->lane[s->n_lanes++] = (table_lane){size, data};
    *out = data;
    return CRM_OK;
}

static crm_status bring_category(maker *m, const crm_path *p)
{
    table_values v = {0};
    void *data = NULL;
    crm_status st;

    if (p->column < 0) {
        const char *name = m->s->documents ? m->t->documents.kind_name : m->t->name;
        return crm_comm_agree(m->w->comm, crm_table_names_copy(1, &name, &m->s->names));
    }
    CRM_TRY_TO(st, done, crm_table_values_get(m->w, m->s->table, p, &v));
    CRM_TRY_TO(st, done, bring(m, v.code, sizeof *v.code, &data));
    m->s->category = data;
    CRM_TRY_TO(st, done,
               crm_comm_agree(m->w->comm, crm_table_names_copy(v.n_levels, v.level, &m->s->names)));
done:
    crm_table_values_free(&v);
    return st;
}

/* Numbers of a path, NaN where missing. */
static crm_status bring_number(maker *m, const crm_path *p, double **out)
{
    table_values v = {0};
    double *number = NULL;
    void *data = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(m->w, m->s->table, p, &v));
    number = crm_mem_new((size_t)m->n, sizeof *number);
    if (!number) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)m->n);
    for (int64_t i = 0; number && i < m->n; i++)
        number[i] = crm_table_values_number(&v, i);
    CRM_TRY_TO(st, done, crm_comm_agree(m->w->comm, st));
    CRM_TRY_TO(st, done, bring(m, number, sizeof *number, &data));
    *out = data;
done:
    crm_mem_free(number);
    crm_table_values_free(&v);
    return st;
}

static crm_status bring_classes(maker *m, const crm_path *p, int32_t **out, table_names *names)
{
    const crm_field *f = &m->w->schema->table[p->table].column[p->column];
    table_values v = {0};
    int32_t *code = NULL;
    void *data = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_values_get(m->w, m->s->table, p, &v));
    code = crm_mem_new((size_t)m->n, sizeof *code);
    if (!code) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)m->n);
    CRM_TRY_TO(st, done, crm_comm_agree(m->w->comm, st));
    CRM_TRY_TO(st, done, crm_table_classes(m->w->comm, &v, f, code, names));
    CRM_TRY_TO(st, done, bring(m, code, sizeof *code, &data));
    *out = data;
done:
    crm_mem_free(code);
    crm_table_values_free(&v);
    return st;
}

static crm_status bring_labels(maker *m)
{
    const crm_document_role *d = &m->t->documents;
    crm_status st = CRM_OK;

    m->w->uncut = true;
    for (int l = 0; l < d->n_labels && !st; l++) {
        const crm_path *p = &d->label[l];
        if (m->w->schema->table[p->table].column[p->column].type == CRM_FIELD_REAL)
            st = bring_number(m, p, &m->s->label_number[l]);
        else
            st = bring_classes(m, p, &m->s->label[l], &m->s->classes[l]);
    }
    m->w->uncut = false;
    return st;
}

/* ---- texts ---- */
/* The texts of each row that is sent, one line each. */
static crm_status join_texts(const maker *m, int64_t *end, char **bytes)
{
    const crm_document_role *d = &m->t->documents;
    const table_frame *f = &m->w->member[m->s->table].frame;
    int64_t used = 0;

    for (int pass = 0; pass < 2; pass++) {
        if (pass) CRM_NEW(*bytes, used);
        used = 0;
        for (int64_t i = 0; i < m->n; i++) {
            for (int k = 0; k < d->n_texts && m->route.place[i] >= 0; k++) {
                const table_cells *c = &f->column[d->text[k]];
                int64_t from = text_end(c, i - 1), len = text_end(c, i) - from;
                if (pass && k > 0) (*bytes)[used] = '\n';
                used += k > 0;
                if (pass && len > 0) memcpy(*bytes + used, c->bytes + from, (size_t)len);
                used += len;
            }
            end[i] = used;
        }
    }
    return CRM_OK;
}

typedef struct speaker {
    table_words *words;
    table_stream *s;
    int64_t cap;
} speaker;

static crm_status hear(void *ctx, const char *token, size_t len)
{
    speaker *x = ctx;
    table_stream *s = x->s;

    if (s->n_tokens == x->cap) {
        int64_t cap = 2 * x->cap + 1024;
        int32_t *p = crm_mem_grow(s->token, (size_t)s->n_tokens, (size_t)cap, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %lld words", (long long)cap);
        s->token = p;
        x->cap = cap;
    }
    return crm_table_levels_add(&x->words->local, token, len, INT32_MAX - 2,
                                &s->token[s->n_tokens++]);
}

static crm_status split_texts(maker *m, const int64_t *end, const char *bytes, table_words *words)
{
    speaker x = {.words = words, .s = m->s};
    table_stream *s = m->s;

    CRM_NEW(s->token_first, s->n);
    s->lane[s->n_lanes++] = (table_lane){sizeof *s->token_first, s->token_first};
    CRM_NEW(s->tokens, s->n);
    s->lane[s->n_lanes++] = (table_lane){sizeof *s->tokens, s->tokens};
    for (int64_t i = 0; i < s->n; i++) {
        int64_t at = m->order[i], from = at ? end[at - 1] : 0;
        s->token_first[i] = s->n_tokens;
        if (end[at] > from)
            CRM_TRY(crm_text_split(bytes + from, (size_t)(end[at] - from), hear, &x, NULL));
        s->tokens[i] = s->n_tokens - s->token_first[i];
    }
    return CRM_OK;
}

static crm_status bring_texts(maker *m, table_words *words)
{
    int64_t *end = crm_mem_new((size_t)m->n, sizeof *end), *in_end = NULL;
    char *bytes = NULL, *in = NULL;
    crm_status st = CRM_OK;

    if (!end) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld texts", (long long)m->n);
    if (!st) st = join_texts(m, end, &bytes);
    CRM_TRY_TO(st, done, crm_comm_agree(m->w->comm, st));
    CRM_TRY_TO(st, done, crm_table_route_texts(&m->route, end, bytes, &in_end, &in));
    crm_mem_free(bytes);
    bytes = NULL;
    CRM_TRY_TO(st, done, crm_comm_agree(m->w->comm, split_texts(m, in_end, in, words)));
done:
    crm_mem_free(end);
    crm_mem_free(bytes);
    crm_mem_free(in_end);
    crm_mem_free(in);
    return st;
}

/* ---- all of it ---- */
static crm_status make_room(const maker *m)
{
    int labels = m->s->documents ? m->t->documents.n_labels : 0;
    int numbers = m->s->documents ? 0 : m->t->events.n_numbers;

    m->s->n_labels = labels;
    m->s->n_numbers = numbers;
    CRM_NEW(m->s->lane, 6 + labels + numbers);
    CRM_NEW(m->s->number, numbers);
    CRM_NEW(m->s->label, labels);
    CRM_NEW(m->s->label_number, labels);
    CRM_NEW(m->s->classes, labels);
    return CRM_OK;
}

static crm_status bring_all(maker *m, table_words *words)
{
    void *data;

    CRM_TRY(bring(m, m->time, sizeof *m->time, &data));
    m->s->time = data;
    CRM_TRY(bring(m, m->mark, sizeof *m->mark, &data));
    m->s->mark = data;
    if (m->s->documents) {
        CRM_TRY(bring_category(m, &m->t->documents.kind));
        CRM_TRY(bring_labels(m));
        return bring_texts(m, words);
    }
    CRM_TRY(bring_category(m, &m->t->events.category));
    for (int q = 0; q < m->t->events.n_numbers; q++)
        CRM_TRY(bring_number(m, &m->t->events.number[q], &m->s->number[q]));
    return CRM_OK;
}

crm_status crm_table_stream_new(table_world *w, const table_entities *e, int table, bool documents,
                                table_words *words, table_stream *s)
{
    maker m = {.w = w, .e = e, .t = &w->schema->table[table], .s = s};
    crm_status st;

    *s = (table_stream){.table = table, .documents = documents};
    m.n = w->member[table].frame.n;
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, make_room(&m)));
    CRM_TRY_TO(st, done, send_rows(&m));
    CRM_TRY_TO(st, done, order_rows(&m));
    CRM_TRY_TO(st, done, bring_all(&m, words));
done:
    crm_mem_free(m.of);
    crm_mem_free(m.time);
    crm_mem_free(m.mark);
    crm_mem_free(m.order);
    crm_table_route_free(&m.route);
    return st;
}

void crm_table_stream_keep(table_stream *s, int64_t n_entities, const uint8_t *keep,
                           const uint8_t *entity_keep)
{
    int64_t n = 0, entities = 0, from = s->first[0];

    for (int64_t e = 0; e < n_entities; e++) {
        int64_t end = s->first[e + 1];
        bool stays = !entity_keep || entity_keep[e];
        for (int64_t i = from; i < end; i++) {
            if (!stays || !keep[i]) continue;
            for (int k = 0; k < s->n_lanes; k++)
                memmove((char *)s->lane[k].data + (size_t)n * s->lane[k].size,
                        (char *)s->lane[k].data + (size_t)i * s->lane[k].size, s->lane[k].size);
            n++;
        }
        from = end;
        if (stays) s->first[++entities] = n;
    }
    s->n = n;
}

void crm_table_stream_free(table_stream *s)
{
    for (int k = 0; k < s->n_lanes; k++)
        crm_mem_free(s->lane[k].data);
    crm_mem_free(s->lane);
    crm_mem_free(s->first);
    crm_mem_free(s->number);
    crm_mem_free(s->label);
    crm_mem_free(s->label_number);
    crm_mem_free(s->token);
    crm_mem_free(s->uses);
    crm_table_names_free(&s->names);
    for (int l = 0; s->classes && l < s->n_labels; l++)
        crm_table_names_free(&s->classes[l]);
    crm_mem_free(s->classes);
    *s = (table_stream){0};
}
