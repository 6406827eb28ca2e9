/* synth_shelf.c - table of the arrays of a data set, and the buffers that fill them. */
#include "synth_shelf.h"

#include <string.h>

#include "crmpi/base_mem.h"

enum {
    A_NUM,
    A_CAT,
    A_MONTHLY,
    A_EVENT_FIRST,
    A_EVENT_CATEGORY,
    A_EVENT_TIME,
    A_EVENT_VALUE,
    A_DOC_FIRST,
    A_TOKEN_FIRST,
    A_DOC_KIND,
    A_DOC_TIME,
    A_TOKEN,
    A_ENTITY, /* with synth.entities only */
    A_CHURN,
    A_CHURN_ORACLE,
    A_NEXT,
    A_NEXT_ORACLE,
    A_SEGMENT,
    A_SEGMENT_ORACLE,
    A_STARS,
    A_SENTIMENT,
    A_ISSUE,
    A_STATUS,
    A_STARS_ORACLE, /* with synth.document_oracle only, as the next three; in the order of labels */
    A_SENTIMENT_ORACLE,
    A_ISSUE_ORACLE,
    A_STATUS_ORACLE,
    A_BEFORE,
    A_AFTER,
    A_TREATED,
    A_AHEAD,
    A_AHEAD_ORACLE,
    A_CATEGORY,
    A_CATEGORY_ORACLE,
    A_COUNT
};

/* An array: what its rows are, its further extents, one row more for offsets. */
static const struct {
    const char *name;
    crm_dtype dtype;
    synth_unit unit;
    int extra;
    int64_t d1, d2; /* 0: no such dimension */
    const char *dim[3];
} arrays[A_COUNT] = {
    [A_NUM] = {"profile/num", CRM_F32, UNIT_ROW, 0, NUM_COUNT, 0, {"row", "column", NULL}},
    [A_CAT] = {"profile/cat", CRM_I32, UNIT_ROW, 0, CAT_COUNT, 0, {"row", "column", NULL}},
    [A_MONTHLY] = {"monthly/value",
                   CRM_F32,
                   UNIT_ROW,
                   0,
                   CH_COUNT,
                   SYNTH_MONTHS,
                   {"row", "channel", "month"}},
    [A_EVENT_FIRST] = {"events/first", CRM_I64, UNIT_ROW, 1, 0, 0, {"row_offset", NULL, NULL}},
    [A_EVENT_CATEGORY] = {"events/category", CRM_I32, UNIT_EVENT, 0, 0, 0, {"event", NULL, NULL}},
    [A_EVENT_TIME] = {"events/time", CRM_F32, UNIT_EVENT, 0, 0, 0, {"event", NULL, NULL}},
    [A_EVENT_VALUE] =
        {"events/value", CRM_F32, UNIT_EVENT, 0, VAL_COUNT, 0, {"event", "column", NULL}},
    [A_DOC_FIRST] = {"documents/first", CRM_I64, UNIT_ROW, 1, 0, 0, {"row_offset", NULL, NULL}},
    [A_TOKEN_FIRST] =
        {"documents/token_first", CRM_I64, UNIT_DOC, 1, 0, 0, {"document_offset", NULL, NULL}},
    [A_DOC_KIND] = {"documents/kind", CRM_I32, UNIT_DOC, 0, 0, 0, {"document", NULL, NULL}},
    [A_DOC_TIME] = {"documents/time", CRM_F32, UNIT_DOC, 0, 0, 0, {"document", NULL, NULL}},
    [A_TOKEN] = {"documents/token", CRM_I32, UNIT_TOKEN, 0, 0, 0, {"token", NULL, NULL}},
    [A_ENTITY] = {"target/entity/label", CRM_I32, UNIT_TOKEN, 0, 0, 0, {"token", NULL, NULL}},
    [A_CHURN] = {"target/churn/label", CRM_I32, UNIT_ROW, 0, 0, 0, {"row", NULL, NULL}},
    [A_CHURN_ORACLE] = {"target/churn/oracle", CRM_F32, UNIT_ROW, 0, 2, 0, {"row", "class", NULL}},
    [A_NEXT] = {"target/next_purchase/label", CRM_I32, UNIT_ROW, 0, 0, 0, {"row", NULL, NULL}},
    [A_NEXT_ORACLE] =
        {"target/next_purchase/oracle", CRM_F32, UNIT_ROW, 0, 2, 0, {"row", "class", NULL}},
    [A_SEGMENT] = {"target/segment/label", CRM_I32, UNIT_ROW, 0, 0, 0, {"row", NULL, NULL}},
    [A_SEGMENT_ORACLE] =
        {"target/segment/oracle", CRM_F32, UNIT_ROW, 0, SYNTH_SEGMENTS, 0, {"row", "class", NULL}},
    [A_STARS] = {"target/stars/label", CRM_I32, UNIT_DOC, 0, 0, 0, {"document", NULL, NULL}},
    [A_SENTIMENT] =
        {"target/sentiment/label", CRM_I32, UNIT_DOC, 0, 0, 0, {"document", NULL, NULL}},
    [A_ISSUE] = {"target/issue/label", CRM_I32, UNIT_DOC, 0, 0, 0, {"document", NULL, NULL}},
    [A_STATUS] = {"target/status/label", CRM_I32, UNIT_DOC, 0, 0, 0, {"document", NULL, NULL}},
    [A_STARS_ORACLE] =
        {"target/stars/oracle", CRM_F32, UNIT_DOC, 0, 5, 0, {"document", "class", NULL}},
    [A_SENTIMENT_ORACLE] =
        {"target/sentiment/oracle", CRM_F32, UNIT_DOC, 0, 3, 0, {"document", "class", NULL}},
    [A_ISSUE_ORACLE] =
        {"target/issue/oracle", CRM_F32, UNIT_DOC, 0, 4, 0, {"document", "class", NULL}},
    [A_STATUS_ORACLE] =
        {"target/status/oracle", CRM_F32, UNIT_DOC, 0, 2, 0, {"document", "class", NULL}},
    [A_BEFORE] = {"survey/before", CRM_F32, UNIT_ROW, 0, 0, 0, {"row", NULL, NULL}},
    [A_AFTER] = {"survey/after", CRM_F32, UNIT_ROW, 0, 0, 0, {"row", NULL, NULL}},
    [A_TREATED] = {"survey/treated", CRM_I32, UNIT_ROW, 0, 0, 0, {"row", NULL, NULL}},
    [A_AHEAD] = {"target/purchases_ahead/value",
                 CRM_F32,
                 UNIT_ROW,
                 0,
                 SYNTH_AHEAD,
                 0,
                 {"row", "column", NULL}},
    [A_AHEAD_ORACLE] = {"target/purchases_ahead/oracle",
                        CRM_F32,
                        UNIT_ROW,
                        0,
                        SYNTH_AHEAD,
                        0,
                        {"row", "column", NULL}},
    [A_CATEGORY] = {"target/next_category/label", CRM_I32, UNIT_ROW, 0, 0, 0, {"row", NULL, NULL}},
    [A_CATEGORY_ORACLE] = {"target/next_category/oracle",
                           CRM_F32,
                           UNIT_ROW,
                           0,
                           SYNTH_GROUPS,
                           0,
                           {"row", "class", NULL}},
};

/* What a target is: labels or numbers. */
static const int targets[] = {A_CHURN, A_NEXT,   A_SEGMENT, A_STARS,   A_SENTIMENT,
                              A_ISSUE, A_STATUS, A_AHEAD,   A_CATEGORY};

/* Lists of names: attributes (key) of an array or group, or text arrays (key NULL). */
static const struct {
    const char *name, *key;
    const char *const *items;
} lists[] = {
    {"profile/num", "columns", crm_synth_profile_num},
    {"profile/cat", "columns", crm_synth_profile_cat},
    {"profile/levels/0", NULL, crm_synth_cities},
    {"profile/levels/1", NULL, crm_synth_contact},
    {"profile/levels/2", NULL, crm_synth_plans},
    {"profile/levels/3", NULL, crm_synth_payments},
    {"monthly/value", "channels", crm_synth_channels},
    {"events/categories", NULL, crm_synth_categories},
    {"events/value", "columns", crm_synth_numbers},
    {"documents/kinds", NULL, crm_synth_kinds},
    {"target/churn/label", "classes", crm_synth_churn_names},
    {"target/next_purchase/label", "classes", crm_synth_yes_no},
    {"target/segment/label", "classes", crm_synth_segments},
    {"target/purchases_ahead/value", "columns", crm_synth_months_ahead},
    {"target/next_category/label", "classes", crm_synth_groups},
    {"target/stars/label", "classes", crm_synth_star_names},
    {"target/sentiment/label", "classes", crm_synth_sentiments},
    {"target/issue/label", "classes", crm_synth_issues},
    {"target/status/label", "classes", crm_synth_status},
};

/* Whether a data set of these options has the array. */
static bool wanted(const crm_synth_cfg *cfg, int a)
{
    if (a == A_ENTITY) return cfg->entities != 0;
    if (a >= A_STARS_ORACLE && a <= A_STATUS_ORACLE) return cfg->document_oracle != 0;
    return true;
}

static size_t row_bytes(int a)
{
    int64_t d1 = arrays[a].d1 ? arrays[a].d1 : 1, d2 = arrays[a].d2 ? arrays[a].d2 : 1;

    return crm_dtype_size(arrays[a].dtype) * (size_t)(d1 * d2);
}

crm_status crm_synth_shelf_new(const synth_model *m, const int64_t before[UNIT_COUNT],
                               synth_shelf *s)
{
    *s = (synth_shelf){.cfg = &m->cfg};
    memcpy(s->done, before, sizeof s->done);
    CRM_NEW(s->column, A_COUNT);
    return CRM_OK;
}

void crm_synth_shelf_free(synth_shelf *s)
{
    for (int a = 0; s->column && a < A_COUNT; a++)
        crm_mem_free(s->column[a].data);
    crm_mem_free(s->column);
    *s = (synth_shelf){0};
}

/* Room for n more rows of an array; NULL when memory is out. */
static void *more(synth_shelf *s, int a, int64_t n)
{
    synth_column *c = &s->column[a];
    size_t bytes = row_bytes(a);

    if (c->n + n > c->cap) {
        int64_t cap = 2 * (c->n + n) + 1024;
        char *data = crm_mem_grow(c->data, (size_t)c->n, (size_t)cap, bytes);
        if (!data) return NULL;
        c->data = data;
        c->cap = cap;
    }
    c->n += n;
    return c->data + (size_t)(c->n - n) * bytes;
}

static crm_status put(synth_shelf *s, int a, int64_t n, const void *rows)
{
    void *to;

    if (n == 0 || !wanted(s->cfg, a)) return CRM_OK;
    to = more(s, a, n);
    CRM_CHECK(to, CRM_ERR_NOMEM, "out of memory for rows of %s", arrays[a].name);
    memcpy(to, rows, (size_t)n * row_bytes(a));
    return CRM_OK;
}

/* The offset of the next row of a unit. */
static crm_status put_first(synth_shelf *s, int a, synth_unit unit)
{
    int64_t first = s->done[unit] + s->added[unit];

    return put(s, a, 1, &first);
}

static crm_status add_events(synth_shelf *s, const synth_person *p)
{
    CRM_TRY(put_first(s, A_EVENT_FIRST, UNIT_EVENT));
    for (int i = 0; i < p->n_events; i++) {
        int32_t category = p->event[i].category;
        CRM_TRY(put(s, A_EVENT_CATEGORY, 1, &category));
        CRM_TRY(put(s, A_EVENT_TIME, 1, &p->event[i].time));
        CRM_TRY(put(s, A_EVENT_VALUE, 1, p->event[i].value));
    }
    s->added[UNIT_EVENT] += p->n_events;
    return CRM_OK;
}

static crm_status add_documents(synth_shelf *s, const synth_person *p)
{
    CRM_TRY(put_first(s, A_DOC_FIRST, UNIT_DOC));
    for (int i = 0; i < p->n_docs; i++) {
        const synth_doc *d = &p->doc[i];
        int32_t kind = d->kind;
        CRM_TRY(put_first(s, A_TOKEN_FIRST, UNIT_TOKEN));
        CRM_TRY(put(s, A_DOC_KIND, 1, &kind));
        CRM_TRY(put(s, A_DOC_TIME, 1, &d->time));
        for (int t = 0; t < DOC_TARGETS; t++)
            CRM_TRY(put(s, A_STARS + t, 1, &d->label[t]));
        for (int t = 0; t < DOC_TARGETS; t++)
            CRM_TRY(put(s, A_STARS_ORACLE + t, 1, d->p[t]));
        s->added[UNIT_TOKEN] += d->n_tokens;
    }
    CRM_TRY(put(s, A_TOKEN, p->n_tokens, p->token));
    CRM_TRY(put(s, A_ENTITY, p->n_tokens, p->entity));
    s->added[UNIT_DOC] += p->n_docs;
    return CRM_OK;
}

crm_status crm_synth_shelf_add(synth_shelf *s, const synth_person *p)
{
    const struct {
        int array;
        const void *row;
    } one[] = {
        {A_NUM, p->num},
        {A_CAT, p->cat},
        {A_MONTHLY, p->month},
        {A_CHURN, &p->churn},
        {A_CHURN_ORACLE, p->p_churn},
        {A_NEXT, &p->next},
        {A_NEXT_ORACLE, p->p_next},
        {A_SEGMENT, &p->label_segment},
        {A_SEGMENT_ORACLE, p->p_segment},
        {A_BEFORE, &p->before},
        {A_AFTER, &p->after},
        {A_TREATED, &p->treated},
        {A_AHEAD, p->ahead},
        {A_AHEAD_ORACLE, p->mean_ahead},
        {A_CATEGORY, &p->next_category},
        {A_CATEGORY_ORACLE, p->p_category},
    };

    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        CRM_TRY(put(s, one[i].array, 1, one[i].row));
    CRM_TRY(add_events(s, p));
    CRM_TRY(add_documents(s, p));
    s->added[UNIT_ROW]++;
    return CRM_OK;
}

crm_status crm_synth_shelf_end(synth_shelf *s)
{
    CRM_TRY(put_first(s, A_EVENT_FIRST, UNIT_EVENT));
    CRM_TRY(put_first(s, A_DOC_FIRST, UNIT_DOC));
    return put_first(s, A_TOKEN_FIRST, UNIT_TOKEN);
}

static crm_status define_names(crm_store_writer *w, const synth_model *m)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        int n = crm_synth_names_count(lists[i].items);
        if (lists[i].key)
            CRM_TRY(crm_store_attr_list(w, lists[i].name, lists[i].key, n, lists[i].items));
        else
            CRM_TRY(crm_store_texts(w, lists[i].name, n, lists[i].items));
    }
    return crm_store_texts(w, "documents/words", m->lexicon.n_words, m->lexicon.word);
}

static crm_status define_entities(crm_store_writer *w)
{
    const char *name = arrays[A_ENTITY].name;

    CRM_TRY(crm_store_attr_text(w, name, "level", "token"));
    return crm_store_attr_list(w, name, "classes", crm_synth_names_count(crm_synth_entities),
                               crm_synth_entities);
}

crm_status crm_synth_shelf_define(crm_store_writer *w, const synth_model *m,
                                  const int64_t total[UNIT_COUNT])
{
    for (int a = 0; a < A_COUNT; a++) {
        if (!wanted(&m->cfg, a)) continue;
        int64_t dim[3] = {total[arrays[a].unit] + arrays[a].extra, arrays[a].d1, arrays[a].d2};
        int rank = arrays[a].d2 ? 3 : arrays[a].d1 ? 2 : 1;
        CRM_TRY(crm_store_define(w, arrays[a].name, arrays[a].dtype, rank, dim, arrays[a].dim));
    }
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        CRM_TRY(crm_store_attr_text(w, arrays[targets[i]].name, "level",
                                    arrays[targets[i]].unit == UNIT_DOC ? "document" : "customer"));
    if (m->cfg.entities) CRM_TRY(define_entities(w));
    return define_names(w, m);
}

crm_status crm_synth_shelf_flush(synth_shelf *s, crm_store_writer *w)
{
    for (int a = 0; a < A_COUNT; a++) {
        synth_column *c = &s->column[a];
        if (!wanted(s->cfg, a)) continue;
        CRM_TRY(crm_store_write(w, arrays[a].name, s->done[arrays[a].unit], c->n, c->data));
        c->n = 0;
    }
    for (int u = 0; u < UNIT_COUNT; u++) {
        s->done[u] += s->added[u];
        s->added[u] = 0;
    }
    return CRM_OK;
}
