/* data_describe_columns.c - the columns of all blocks of a data set, one after the other. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "data_describe_impl.h"

typedef struct lister {
    describer *x;
    int cap;
} lister;

static crm_status more(lister *l)
{
    describer *x = l->x;
    int n = x->out->n, cap = l->cap ? 2 * l->cap : 64;
    crm_described *column = crm_mem_grow(x->out->column, (size_t)n, (size_t)cap, sizeof *column);
    describe_source *source;

    CRM_CHECK(column, CRM_ERR_NOMEM, "out of memory: %d columns", cap);
    x->out->column = column;
    source = crm_mem_grow(x->source, (size_t)n, (size_t)cap, sizeof *source);
    CRM_CHECK(source, CRM_ERR_NOMEM, "out of memory: %d columns", cap);
    x->source = source;
    l->cap = cap;
    return CRM_OK;
}

/* Add a column; its name is name, or "name tail". */
static crm_status add(lister *l, crm_described c, const char *name, const char *tail,
                      describe_source s)
{
    crm_description *out = l->x->out;
    crm_str text = {0};

    if (out->n == l->cap) CRM_TRY(more(l));
    crm_str_addf(&text, tail ? "%s %s" : "%s", name, tail);
    CRM_CHECK(!text.failed, CRM_ERR_NOMEM, "out of memory: names of columns");
    c.name = text.text;
    c.numeric = !s.code;
    if (s.inner == 0) s.inner = 1;
    if (s.stride == 0) s.stride = 1;
    if (c.per_row) s.axis = DESCRIBE_ROW;
    out->column[out->n] = c;
    l->x->source[out->n++] = s;
    return CRM_OK;
}

static crm_status add_profile(lister *l)
{
    const crm_data *d = l->x->data;
    const crm_schema *p = &d->profile;

    for (int i = 0; i < p->n_num; i++)
        CRM_TRY(add(l, (crm_described){.block = "profile", .per_row = true}, p->num_name[i], NULL,
                    (describe_source){.num = d->num + i, .n = d->rows, .stride = p->n_num}));
    for (int i = 0; i < p->n_cat; i++)
        CRM_TRY(add(l,
                    (crm_described){.block = "profile",
                                    .per_row = true,
                                    .level_name = p->level ? p->level[i] : NULL,
                                    .n_levels = p->n_levels[i]},
                    p->cat_name[i], NULL,
                    (describe_source){.code = d->cat + i, .n = d->rows, .stride = p->n_cat}));
    return CRM_OK;
}

static crm_status add_monthly(lister *l)
{
    const crm_monthly *m = &l->x->data->monthly;

    for (int64_t c = 0; c < m->channels && m->months > 0; c++)
        CRM_TRY(add(l, (crm_described){.block = "monthly"}, m->name[c], NULL,
                    (describe_source){.num = m->value + c * m->months,
                                      .n = l->x->data->rows * m->months,
                                      .inner = m->months,
                                      .stride = m->channels * m->months}));
    return CRM_OK;
}

static crm_status add_events(lister *l)
{
    const crm_events *e = &l->x->data->events;

    if (!e->first) return CRM_OK;
    CRM_TRY(add(l, (crm_described){.block = "events", .per_row = true}, "events of a row", NULL,
                (describe_source){.first = e->first, .n = l->x->data->rows}));
    CRM_TRY(add(l, (crm_described){.block = "events"}, "time", NULL,
                (describe_source){.num = e->time, .n = e->n}));
    for (int64_t q = 0; q < e->numbers; q++)
        CRM_TRY(
            add(l, (crm_described){.block = "events"}, e->number_name[q], NULL,
                (describe_source){
                    .num = e->value + q, .n = e->n, .stride = e->numbers, .axis = DESCRIBE_EVENT}));
    return add(l,
               (crm_described){
                   .block = "events", .level_name = e->category_name, .n_levels = e->n_categories},
               "category", NULL,
               (describe_source){.code = e->category, .n = e->n, .axis = DESCRIBE_EVENT});
}

static crm_status add_documents(lister *l)
{
    const crm_documents *t = &l->x->data->documents;

    if (!t->first) return CRM_OK;
    CRM_TRY(add(l, (crm_described){.block = "documents", .per_row = true}, "documents of a row",
                NULL, (describe_source){.first = t->first, .n = l->x->data->rows}));
    CRM_TRY(add(l, (crm_described){.block = "documents"}, "words of a document", NULL,
                (describe_source){.first = t->token_first, .n = t->n, .axis = DESCRIBE_DOCUMENT}));
    CRM_TRY(add(l, (crm_described){.block = "documents"}, "time", NULL,
                (describe_source){.num = t->time, .n = t->n}));
    return add(
        l,
        (crm_described){.block = "documents", .level_name = t->kind_name, .n_levels = t->n_kinds},
        "kind", NULL, (describe_source){.code = t->kind, .n = t->n, .axis = DESCRIBE_DOCUMENT});
}

static crm_status add_survey(lister *l)
{
    const crm_data *d = l->x->data;
    const crm_described c = {.block = "survey", .per_row = true};

    if (d->survey_before)
        CRM_TRY(
            add(l, c, "before", NULL, (describe_source){.num = d->survey_before, .n = d->rows}));
    if (d->survey_after)
        CRM_TRY(add(l, c, "after", NULL, (describe_source){.num = d->survey_after, .n = d->rows}));
    return CRM_OK;
}

static crm_status add_target(lister *l, const crm_target *t)
{
    const crm_data *d = l->x->data;
    int64_t n = crm_data_units(d, t->level);
    crm_described c = {.block = "target", .per_row = t->level == CRM_LEVEL_CUSTOMER};
    describe_axis axis = t->level == CRM_LEVEL_DOCUMENT ? DESCRIBE_DOCUMENT : DESCRIBE_NONE;

    for (int w = 0; w < t->width; w++)
        CRM_TRY(
            add(l, c, t->name, t->column_name[w],
                (describe_source){.num = t->value + w, .n = n, .stride = t->width, .axis = axis}));
    if (!t->label) return CRM_OK;
    c.level_name = t->class_name;
    c.n_levels = t->n_classes;
    return add(l, c, t->name, NULL, (describe_source){.code = t->label, .n = n, .axis = axis});
}

crm_status crm_describe_columns(describer *x)
{
    lister l = {.x = x};

    CRM_TRY(add_profile(&l));
    CRM_TRY(add_monthly(&l));
    CRM_TRY(add_events(&l));
    CRM_TRY(add_documents(&l));
    CRM_TRY(add_survey(&l));
    for (int t = 0; t < crm_data_n_targets(x->data); t++)
        CRM_TRY(add_target(&l, crm_data_target(x->data, t)));
    return CRM_OK;
}
