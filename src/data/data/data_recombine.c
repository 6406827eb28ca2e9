/* data_recombine.c - rows of an open data set put together anew, in memory: what a model says of
 * customers whose column or block is another customer's, or of other labels. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "data_impl.h"

enum { KEPT = 20 };

/* Memory of a gathered data set: freed with it. */
struct crm_recombined {
    void *part[KEPT];
    void **target_part; /* three for each target */
    int n;
};

/* *out = room for n items of size bytes, owned by d. */
static crm_status keep(crm_data *d, int64_t n, size_t size, void *out)
{
    void *p = crm_mem_new((size_t)n, size);

    CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes", (long long)n, size);
    CRM_CHECK(d->recombined->n < KEPT, CRM_ERR_INTERNAL, "more than %d arrays", KEPT);
    d->recombined->part[d->recombined->n++] = p;
    memcpy(out, &p, sizeof p);
    return CRM_OK;
}

/* Items row[i] of size bytes each. */
static void pick(const void *from, const int64_t *row, int64_t n, size_t size, void *to)
{
    for (int64_t i = 0; i < n && size > 0; i++)
        memcpy((char *)to + (size_t)i * size, (const char *)from + (size_t)row[i] * size, size);
}

static crm_status pick_new(crm_data *d, const void *from, const int64_t *row, int64_t n,
                           size_t size, const void **out)
{
    void *to = NULL;

    if (!from) return CRM_OK;
    CRM_TRY(keep(d, n, size ? size : 1, &to));
    pick(from, row, n, size, to);
    *out = to;
    return CRM_OK;
}

/* first[n + 1] of the groups row[n] of ragged offsets, and the number of their items. */
static crm_status pick_offsets(crm_data *d, const int64_t *from, const int64_t *row, int64_t n,
                               const int64_t **out)
{
    int64_t *first = NULL;

    CRM_TRY(keep(d, n + 1, sizeof *first, &first));
    for (int64_t i = 0; i < n; i++)
        first[i + 1] = first[i] + from[row[i] + 1] - from[row[i]];
    *out = first;
    return CRM_OK;
}

/* Items of the groups row[n]: those of a group lie together. */
static crm_status pick_items(crm_data *d, const void *from, const int64_t *offset,
                             const int64_t *row, int64_t n, size_t size, const int64_t *first,
                             const void **out)
{
    char *to = NULL;

    CRM_TRY(keep(d, first[n], size ? size : 1, &to));
    for (int64_t i = 0; i < n && size > 0; i++)
        if (first[i + 1] > first[i])
            memcpy(to + (size_t)first[i] * size, (const char *)from + (size_t)offset[row[i]] * size,
                   (size_t)(first[i + 1] - first[i]) * size);
    *out = to;
    return CRM_OK;
}

static crm_status gather_profile(crm_data *d, const crm_data *base, const crm_recombine *g)
{
    size_t num = (size_t)d->profile.n_num * sizeof *d->num;
    size_t cat = (size_t)d->profile.n_cat * sizeof *d->cat;
    float *v;
    int32_t *c;

    CRM_TRY(pick_new(d, base->num, g->row, g->n, num, (const void **)&d->num));
    CRM_TRY(pick_new(d, base->cat, g->row, g->n, cat, (const void **)&d->cat));
    v = (float *)d->num; /* memory of its own, written before it is handed out */
    c = (int32_t *)d->cat;
    for (int64_t i = 0; g->num && i < g->n; i++)
        v[i * d->profile.n_num + g->column] = g->num[i];
    for (int64_t i = 0; g->cat && i < g->n; i++)
        c[i * d->profile.n_cat + g->column] = g->cat[i];
    return CRM_OK;
}

static crm_status gather_events(crm_data *d, const crm_data *base, const int64_t *row, int64_t n)
{
    const crm_events *from = &base->events;
    crm_events *e = &d->events;

    if (!from->first) return CRM_OK;
    CRM_TRY(pick_offsets(d, from->first, row, n, &e->first));
    e->n = e->first[n];
    CRM_TRY(pick_items(d, from->category, from->first, row, n, sizeof *e->category, e->first,
                       (const void **)&e->category));
    CRM_TRY(pick_items(d, from->time, from->first, row, n, sizeof *e->time, e->first,
                       (const void **)&e->time));
    return pick_items(d, from->value, from->first, row, n, (size_t)e->numbers * sizeof *e->value,
                      e->first, (const void **)&e->value);
}

/* document[...] of the rows, in their order. */
static crm_status list_documents(crm_data *d, const crm_documents *from, const int64_t *row,
                                 int64_t n, const int64_t *first, int64_t **out)
{
    CRM_TRY(keep(d, first[n], sizeof **out, out));
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < first[i + 1] - first[i]; k++)
            (*out)[first[i] + k] = from->first[row[i]] + k;
    return CRM_OK;
}

static crm_status gather_documents(crm_data *d, const crm_data *base, const int64_t *row, int64_t n,
                                   const int64_t **document)
{
    const crm_documents *from = &base->documents;
    crm_documents *t = &d->documents;
    int64_t *list = NULL;

    if (!from->first) return CRM_OK;
    CRM_TRY(pick_offsets(d, from->first, row, n, &t->first));
    t->n = t->first[n];
    CRM_TRY(list_documents(d, from, row, n, t->first, &list));
    CRM_TRY(pick_new(d, from->kind, list, t->n, sizeof *t->kind, (const void **)&t->kind));
    CRM_TRY(pick_new(d, from->time, list, t->n, sizeof *t->time, (const void **)&t->time));
    CRM_TRY(pick_offsets(d, from->token_first, list, t->n, &t->token_first));
    t->n_tokens = t->token_first[t->n];
    *document = list;
    return pick_items(d, from->token, from->token_first, list, t->n, sizeof *t->token,
                      t->token_first, (const void **)&t->token);
}

static crm_status target_part(crm_data *d, const void *from, const int64_t *unit, int64_t n,
                              size_t size, const void **out)
{
    void *to = NULL;

    if (!from) return CRM_OK;
    to = crm_mem_new((size_t)n, size);
    CRM_CHECK(to, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes", (long long)n, size);
    *d->recombined->target_part++ = to;
    pick(from, unit, n, size, to);
    *out = to;
    return CRM_OK;
}

static crm_status gather_target(crm_data *d, const crm_recombine *g, const int64_t *document,
                                crm_target *t)
{
    bool of_documents = t->level == CRM_LEVEL_DOCUMENT;
    const int64_t *unit = of_documents ? document : g->row;
    int64_t n = of_documents ? d->documents.n : g->n;
    size_t width = (size_t)(t->n_classes ? t->n_classes : t->width);

    if (t->level == CRM_LEVEL_TOKEN) { /* nothing here is learnt of tokens */
        t->label = NULL;
        t->value = t->oracle = NULL;
        return CRM_OK;
    }
    CRM_TRY(target_part(d, t->label, unit, n, sizeof *t->label, (const void **)&t->label));
    CRM_TRY(target_part(d, t->value, unit, n, (size_t)t->width * sizeof *t->value,
                        (const void **)&t->value));
    return target_part(d, t->oracle, unit, n, width * sizeof *t->oracle, (const void **)&t->oracle);
}

static crm_status gather_targets(crm_data *d, const crm_data *base, const crm_recombine *g,
                                 const int64_t *document)
{
    void **all = NULL;
    crm_status st = CRM_OK;

    CRM_TRY(keep(d, 3 * (int64_t)base->n_targets, sizeof(void *), &all));
    d->recombined->target_part = all;
    CRM_NEW(d->target, base->n_targets);
    for (int i = 0; i < base->n_targets && !st; i++) {
        d->target[i] = base->target[i];
        st = gather_target(d, g, document, &d->target[i]);
        d->n_targets = i + 1;
    }
    d->recombined->target_part = all;
    if (!st && g->label) d->target[g->target].label = g->label;
    return st;
}

static crm_status gather_rest(crm_data *d, const crm_data *base, const crm_recombine *g)
{
    CRM_TRY(pick_new(d, base->survey_before, g->row, g->n, sizeof *d->survey_before,
                     (const void **)&d->survey_before));
    CRM_TRY(pick_new(d, base->survey_after, g->row, g->n, sizeof *d->survey_after,
                     (const void **)&d->survey_after));
    CRM_TRY(pick_new(d, base->group_number, g->row, g->n, sizeof *d->group_number,
                     (const void **)&d->group_number));
    return pick_new(d, base->survey_treated, g->row, g->n, sizeof *d->survey_treated,
                    (const void **)&d->survey_treated);
}

static crm_status gather(crm_data *d, const crm_data *base, const crm_recombine *g)
{
    const int64_t *document = NULL;
    size_t month = (size_t)(base->monthly.channels * base->monthly.months) * sizeof(float);

    d->rows = g->n;
    CRM_TRY(gather_profile(d, base, g));
    CRM_TRY(pick_new(d, base->monthly.value, g->monthly ? g->monthly : g->row, g->n, month,
                     (const void **)&d->monthly.value));
    CRM_TRY(gather_events(d, base, g->events ? g->events : g->row, g->n));
    CRM_TRY(gather_documents(d, base, g->documents ? g->documents : g->row, g->n, &document));
    CRM_TRY(gather_targets(d, base, g, document));
    return gather_rest(d, base, g);
}

crm_status crm_data_recombine(const crm_data *base, const crm_recombine *g, crm_data **out)
{
    crm_data *d = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(d, 1);
    *d = *base; /* names, levels, dictionary, kind of rows and store stay the base's */
    d->target = NULL;
    d->n_targets = 0;
    d->id_number = d->id_first = NULL;
    d->id_byte = NULL;
    d->cutoff = NULL;
    d->recombined = NULL;
    CRM_NEW_TO(st, fail, d->recombined, 1);
    CRM_TRY_TO(st, fail, gather(d, base, g));
    *out = d;
    return CRM_OK;
fail:
    if (d->recombined)
        crm_data_close(&d);
    else
        crm_mem_free(d);
    return st;
}

void crm_data_close_recombined(crm_data *d)
{
    struct crm_recombined *g = d->recombined;
    int64_t parts = g->target_part ? 3 * (int64_t)d->n_targets : 0;

    for (int64_t i = 0; i < parts; i++)
        crm_mem_free(g->target_part[i]);
    for (int i = 0; i < g->n; i++)
        crm_mem_free(g->part[i]);
    crm_mem_free(g);
    crm_mem_free(d->target);
    crm_mem_free(d);
}
