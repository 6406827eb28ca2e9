/* data_open.c - a store as the typed blocks of a data set; every shape is checked against the
 * number of rows. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "data_impl.h"

const char *const crm_level_names[] = {"customer", "document", "token", NULL};

crm_status crm_data_array(const crm_data *d, const char *name, crm_dtype dtype, int rank,
                          const int64_t *want, const crm_store_array **out)
{
    const crm_store_array *a = crm_store_find(d->store, name);
    const char *path = crm_store_path(d->store);

    *out = a;
    if (!a) return CRM_OK;
    CRM_CHECK(a->dtype == dtype && a->rank == rank, CRM_ERR_FORMAT,
              "%s: array %s is %s of rank %d, %s of rank %d is needed", path, name,
              crm_dtype_name(a->dtype), a->rank, crm_dtype_name(dtype), rank);
    for (int i = 0; i < rank; i++)
        CRM_CHECK(want[i] < 0 || a->dim[i] == want[i], CRM_ERR_FORMAT,
                  "%s: array %s has %lld entries in dimension %d, %lld are needed", path, name,
                  (long long)a->dim[i], i, (long long)want[i]);
    return CRM_OK;
}

crm_status crm_data_offsets(const crm_data *d, const char *name, int64_t n, int64_t total,
                            const int64_t **out)
{
    const crm_store_array *a;
    const int64_t *v;

    CRM_TRY(crm_data_array(d, name, CRM_I64, 1, (int64_t[]){n + 1}, &a));
    CRM_CHECK(a, CRM_ERR_FORMAT, "%s: array %s is missing", crm_store_path(d->store), name);
    v = a->data;
    CRM_CHECK(v[0] == 0 && v[n] == total, CRM_ERR_FORMAT, "%s: array %s must run from 0 to %lld",
              crm_store_path(d->store), name, (long long)total);
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(v[i] <= v[i + 1], CRM_ERR_FORMAT, "%s: array %s falls at row %lld",
                  crm_store_path(d->store), name, (long long)i);
    *out = v;
    return CRM_OK;
}

/* An array that must be there when its block is. */
static crm_status need(const crm_data *d, const char *name, crm_dtype dtype, int rank,
                       const int64_t *want, const void **data)
{
    const crm_store_array *a;

    CRM_TRY(crm_data_array(d, name, dtype, rank, want, &a));
    CRM_CHECK(a, CRM_ERR_FORMAT, "%s: array %s is missing", crm_store_path(d->store), name);
    *data = a->data;
    return CRM_OK;
}

static crm_status names(const crm_data *d, const char *array, const char *key, int64_t n,
                        const char *const **out)
{
    int64_t have;

    *out = crm_store_list(d->store, array, key, &have);
    CRM_CHECK(*out && have == n, CRM_ERR_FORMAT, "%s: %s must have an attribute %s with %lld names",
              crm_store_path(d->store), array, key, (long long)n);
    return CRM_OK;
}

static crm_status open_levels(crm_data *d)
{
    int k = d->profile.n_cat;
    char name[64];

    CRM_NEW(d->levels, k);
    CRM_NEW(d->n_levels, k);
    for (int i = 0; i < k; i++) {
        snprintf(name, sizeof name, "profile/levels/%d", i);
        d->levels[i] = crm_store_items(d->store, name, &d->n_levels[i]);
    }
    d->profile.level = d->levels;
    d->profile.n_levels = d->n_levels;
    return CRM_OK;
}

/* Codes index tables of levels later on, so they are checked once here. */
static crm_status check_codes(const crm_data *d)
{
    int k = d->profile.n_cat;

    for (int64_t i = 0; i < d->rows * k; i++)
        CRM_CHECK(d->cat[i] >= -1 && d->cat[i] < d->n_levels[i % k], CRM_ERR_FORMAT,
                  "%s: profile/cat of row %lld holds code %d, column '%s' has %lld levels",
                  crm_store_path(d->store), (long long)(i / k), d->cat[i],
                  d->profile.cat_name[i % k], (long long)d->n_levels[i % k]);
    return CRM_OK;
}

static crm_status open_profile(crm_data *d)
{
    const crm_store_array *num, *cat;
    const int64_t shape[] = {d->rows, -1};

    CRM_TRY(crm_data_array(d, "profile/num", CRM_F32, 2, shape, &num));
    if (num) {
        CRM_TRY(crm_to_int(num->dim[1], &d->profile.n_num));
        CRM_TRY(names(d, "profile/num", "columns", num->dim[1], &d->profile.num_name));
        d->num = num->data;
    }
    CRM_TRY(crm_data_array(d, "profile/cat", CRM_I32, 2, shape, &cat));
    if (cat) {
        CRM_TRY(crm_to_int(cat->dim[1], &d->profile.n_cat));
        CRM_TRY(names(d, "profile/cat", "columns", cat->dim[1], &d->profile.cat_name));
        d->cat = cat->data;
    }
    CRM_TRY(open_levels(d));
    return check_codes(d);
}

static crm_status open_monthly(crm_data *d)
{
    const crm_store_array *a;

    CRM_TRY(crm_data_array(d, "monthly/value", CRM_F32, 3, (int64_t[]){d->rows, -1, -1}, &a));
    if (!a) return CRM_OK;
    d->monthly.channels = a->dim[1];
    d->monthly.months = a->dim[2];
    d->monthly.value = a->data;
    return names(d, "monthly/value", "channels", a->dim[1], &d->monthly.name);
}

static crm_status open_events(crm_data *d)
{
    crm_events *e = &d->events;
    const crm_store_array *a;
    int64_t n;

    CRM_TRY(crm_data_array(d, "events/value", CRM_F32, 2, (int64_t[]){-1, -1}, &a));
    if (!a) return CRM_OK;
    n = e->n = a->dim[0];
    e->numbers = a->dim[1];
    e->value = a->data;
    CRM_TRY(names(d, "events/value", "columns", e->numbers, &e->number_name));
    CRM_TRY(crm_data_offsets(d, "events/first", d->rows, n, &e->first));
    CRM_TRY(need(d, "events/category", CRM_I32, 1, &n, (const void **)&e->category));
    CRM_TRY(need(d, "events/time", CRM_F32, 1, &n, (const void **)&e->time));
    e->category_name = crm_store_items(d->store, "events/categories", &e->n_categories);
    return CRM_OK;
}

static crm_status open_documents(crm_data *d)
{
    crm_documents *t = &d->documents;
    const crm_store_array *a;
    int64_t n;

    CRM_TRY(crm_data_array(d, "documents/token", CRM_I32, 1, (int64_t[]){-1}, &a));
    if (!a) return CRM_OK;
    t->n_tokens = a->dim[0];
    t->token = a->data;
    CRM_TRY(crm_data_array(d, "documents/kind", CRM_I32, 1, (int64_t[]){-1}, &a));
    CRM_CHECK(a, CRM_ERR_FORMAT, "%s: array documents/kind is missing", crm_store_path(d->store));
    n = t->n = a->dim[0];
    t->kind = a->data;
    CRM_TRY(need(d, "documents/time", CRM_F32, 1, &n, (const void **)&t->time));
    CRM_TRY(crm_data_offsets(d, "documents/first", d->rows, n, &t->first));
    CRM_TRY(crm_data_offsets(d, "documents/token_first", n, t->n_tokens, &t->token_first));
    t->word = crm_store_items(d->store, "documents/words", &t->n_words);
    t->kind_name = crm_store_items(d->store, "documents/kinds", &t->n_kinds);
    return CRM_OK;
}

static crm_status optional(const crm_data *d, const char *name, crm_dtype dtype, int64_t n,
                           const void **data)
{
    const crm_store_array *a;

    CRM_TRY(crm_data_array(d, name, dtype, 1, &n, &a));
    *data = a ? a->data : NULL;
    return CRM_OK;
}

static crm_status open_rest(crm_data *d)
{
    const crm_store_array *a;
    int64_t n = d->rows;

    CRM_TRY(optional(d, "survey/before", CRM_F32, n, (const void **)&d->survey_before));
    CRM_TRY(optional(d, "survey/after", CRM_F32, n, (const void **)&d->survey_after));
    CRM_TRY(optional(d, "survey/treated", CRM_I32, n, (const void **)&d->survey_treated));
    CRM_TRY(optional(d, "group/number", CRM_I64, n, (const void **)&d->group_number));
    CRM_TRY(optional(d, "row/part", CRM_I32, n, (const void **)&d->part));
    CRM_TRY(optional(d, "id/number", CRM_I64, n, (const void **)&d->id_number));
    CRM_TRY(crm_data_array(d, "id/byte", CRM_U8, 1, (int64_t[]){-1}, &a));
    if (!a) return CRM_OK;
    d->id_byte = a->data;
    return crm_data_offsets(d, "id/first", n, a->dim[0], &d->id_first);
}

crm_status crm_data_open(const char *path, crm_data **out)
{
    crm_data *d = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(d, 1);
    CRM_TRY_TO(st, fail, crm_store_open(path, "crmpi-dataset", &d->store));
    d->rows = crm_store_i64(d->store, "", "rows", -1);
    CRM_CHECK_TO(st, fail, d->rows > 0, CRM_ERR_FORMAT, "%s: the data set has no rows", path);
    CRM_TRY_TO(st, fail, open_profile(d));
    CRM_TRY_TO(st, fail, open_monthly(d));
    CRM_TRY_TO(st, fail, open_events(d));
    CRM_TRY_TO(st, fail, open_documents(d));
    CRM_TRY_TO(st, fail, open_rest(d));
    CRM_TRY_TO(st, fail, crm_data_open_targets(d));
    CRM_TRY_TO(st, fail, crm_data_open_dictionary(d));
    *out = d;
    return CRM_OK;
fail:
    crm_data_close(&d);
    return st;
}

static void close_opened(crm_data *d)
{
    crm_store_close(&d->store);
    crm_mem_free(d->levels);
    crm_mem_free(d->n_levels);
    for (int i = 0; i < d->n_targets; i++)
        crm_mem_free((void *)d->target[i].name);
    crm_mem_free(d->target);
    crm_mem_free(d);
}

void crm_data_release(const crm_data *d)
{
    crm_store_release(d->store);
}

void crm_data_close(crm_data **dp)
{
    crm_data *d = *dp;

    *dp = NULL;
    if (d && d->recombined)
        crm_data_close_recombined(d);
    else if (d && d->units)
        crm_data_close_documents(d);
    else if (d)
        close_opened(d);
}
