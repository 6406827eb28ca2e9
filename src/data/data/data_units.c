/* data_units.c - the documents of a data set as rows of their own, in memory: what is learnt of a
 * review or a ticket goes the way of all that is learnt of a customer. */
#include <stdio.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "data_impl.h"

struct crm_units {
    crm_data *base;
    int64_t *first;  /* [documents + 1] 0, 1, 2 ...: each row has one document */
    int64_t *group;  /* [documents] of the customer                           */
    int64_t *cutoff; /* [documents] of the customer, or NULL                   */
    int32_t *part;   /* [documents] of the customer, or NULL                   */
    int64_t *id_first;
    crm_str id; /* "<customer>#<document of his, from 1>" */
    const char *const *kinds[1];
    int64_t n_kinds;
    const char *kind_name;
};

static crm_status arrays(struct crm_units *u, const crm_data *base, int64_t n)
{
    CRM_NEW(u->first, n + 1);
    CRM_NEW(u->group, n);
    CRM_NEW(u->id_first, n + 1);
    if (base->cutoff) CRM_NEW(u->cutoff, n);
    if (base->part) CRM_NEW(u->part, n);
    return CRM_OK;
}

/* What a document has of its customer. */
static void inherit(struct crm_units *u, const crm_data *base, int64_t row)
{
    const int64_t *first = base->documents.first;
    char id[2048];

    crm_data_row_id(base, row, id, sizeof id);
    for (int64_t i = first[row]; i < first[row + 1]; i++) {
        u->first[i + 1] = i + 1;
        u->group[i] = base->group_number ? base->group_number[row] : row;
        if (u->cutoff) u->cutoff[i] = base->cutoff[row];
        if (u->part) u->part[i] = base->part[row];
        crm_str_addf(&u->id, "%s#%lld", id, (long long)(i - first[row] + 1));
        u->id_first[i + 1] = (int64_t)u->id.len;
    }
}

/* The kind of a document is all that is known of it beside its text. */
static void make_profile(crm_data *d, struct crm_units *u)
{
    const crm_documents *t = &d->documents;

    d->profile = (crm_schema){0};
    d->num = NULL;
    d->cat = NULL;
    if (t->n_kinds < 2) return;
    u->kind_name = "kind";
    u->kinds[0] = t->kind_name;
    u->n_kinds = t->n_kinds;
    d->profile = (crm_schema){
        .n_cat = 1, .cat_name = &u->kind_name, .n_levels = &u->n_kinds, .level = u->kinds};
    d->cat = t->kind;
}

/* Targets of documents are those of the rows now, those of tokens stay; the others are of none. */
static crm_status make_targets(crm_data *d, const crm_data *base)
{
    d->n_targets = 0;
    CRM_NEW(d->target, base->n_targets);
    for (int i = 0; i < base->n_targets; i++) {
        crm_target *t = &d->target[d->n_targets];
        if (base->target[i].level == CRM_LEVEL_CUSTOMER) continue;
        *t = base->target[i];
        if (t->level == CRM_LEVEL_DOCUMENT) t->level = CRM_LEVEL_CUSTOMER;
        d->n_targets++;
    }
    return CRM_OK;
}

static crm_status make_units(crm_data *d, struct crm_units *u, const crm_data *base)
{
    int64_t n = base->documents.n;

    *d = *base; /* names, words and store stay the base's */
    d->units = u;
    d->target = NULL;
    CRM_TRY(make_targets(d, base));
    CRM_TRY(arrays(u, base, n));
    for (int64_t row = 0; row < base->rows; row++)
        inherit(u, base, row);
    CRM_CHECK(!u->id.failed, CRM_ERR_NOMEM, "out of memory: ids of %lld documents", (long long)n);
    d->rows = n;
    d->documents.first = u->first;
    d->monthly = (crm_monthly){0};
    d->events = (crm_events){0};
    d->survey_before = d->survey_after = NULL;
    d->survey_treated = NULL;
    d->id_number = NULL;
    d->id_first = u->id_first;
    d->id_byte = (const uint8_t *)u->id.text;
    d->cutoff = u->cutoff;
    d->part = u->part;
    d->group_number = u->group;
    d->dictionary = (crm_dictionary){0};
    make_profile(d, u);
    return CRM_OK;
}

/* Without the base. */
static void free_units(crm_data *d, struct crm_units *u)
{
    if (u) {
        crm_mem_free(u->first);
        crm_mem_free(u->group);
        crm_mem_free(u->cutoff);
        crm_mem_free(u->part);
        crm_mem_free(u->id_first);
        crm_str_free(&u->id);
    }
    if (d) crm_mem_free(d->target);
    crm_mem_free(u);
    crm_mem_free(d);
}

crm_status crm_data_take_documents(crm_data **dp)
{
    crm_data *base = *dp, *d = NULL;
    struct crm_units *u = NULL;
    crm_status st = CRM_OK;

    CRM_CHECK(base->documents.first && base->documents.n > 0, CRM_ERR_CONFIG,
              "data.units: %s has no documents; its rows are customers only", crm_data_path(base));
    CRM_CHECK(!base->units && !base->recombined, CRM_ERR_ARG, "rows are documents already");
    CRM_NEW(d, 1);
    CRM_NEW_TO(st, fail, u, 1);
    CRM_TRY_TO(st, fail, make_units(d, u, base));
    u->base = base;
    *dp = d;
    return CRM_OK;
fail:
    free_units(d, u);
    return st;
}

crm_level crm_data_unit(const crm_data *d)
{
    return d->units ? CRM_LEVEL_DOCUMENT : CRM_LEVEL_CUSTOMER;
}

void crm_data_close_documents(crm_data *d)
{
    crm_data *base = d->units->base;

    free_units(d, d->units);
    crm_data_close(&base);
}
