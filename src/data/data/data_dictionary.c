/* data_dictionary.c - the data dictionary of a data set, as it is stored, and the cut-offs. */
#include "crmpi/base_str.h"
#include "data_impl.h"

enum { TEXTS = 7 };

crm_status crm_data_open_dictionary(crm_data *d)
{
    static const char *const name[TEXTS] = {
        "dictionary/block",   "dictionary/name",   "dictionary/type",    "dictionary/unit",
        "dictionary/meaning", "dictionary/source", "dictionary/cleaning"};
    crm_dictionary *x = &d->dictionary;
    const char *const **to[TEXTS] = {&x->block,   &x->name,   &x->type,    &x->unit,
                                     &x->meaning, &x->source, &x->cleaning};
    const crm_store_array *a;
    int64_t n;

    CRM_TRY(crm_data_array(d, "row/cutoff", CRM_I64, 1, &d->rows, &a));
    d->cutoff = a ? a->data : NULL;
    CRM_TRY(crm_data_array(d, "dictionary/missing", CRM_F32, 1, (int64_t[]){-1}, &a));
    if (!a) return CRM_OK;
    x->missing = a->data;
    CRM_TRY(crm_to_int(a->dim[0], &x->n));
    for (int k = 0; k < TEXTS; k++) {
        *to[k] = crm_store_items(d->store, name[k], &n);
        CRM_CHECK(*to[k] && n == x->n, CRM_ERR_FORMAT, "%s: text array %s must have %d items",
                  crm_store_path(d->store), name[k], x->n);
    }
    return CRM_OK;
}

const crm_dictionary *crm_data_dictionary(const crm_data *d)
{
    return d->dictionary.n ? &d->dictionary : NULL;
}

const int32_t *crm_data_part(const crm_data *d)
{
    return d->part;
}

const int64_t *crm_data_cutoff(const crm_data *d)
{
    return d->cutoff;
}
