/* ckpt_get.c - looking things up in a bag, and its digest. */
#include <string.h>

#include "ckpt_impl.h"

const crm_bag_array *crm_bag_find(const crm_bag *b, const char *name)
{
    const bag_entry *e = bag_find(b, name);

    return e && !e->text ? &e->view : NULL;
}

/* The i-th array of the scope, or with i past the last NULL; *n counts those met. */
static const crm_bag_array *nth(const crm_bag *b, int i, int *n)
{
    *n = 0;
    for (int k = bag_place(b, b->prefix); k < b->n && bag_sees(b, b->entry[k]); k++) {
        if (b->entry[k]->text) continue;
        if ((*n)++ == i) return &b->entry[k]->view;
    }
    return NULL;
}

int crm_bag_count(const crm_bag *b)
{
    int n;

    nth(b, -1, &n);
    return n;
}

const crm_bag_array *crm_bag_at(const crm_bag *b, int i)
{
    int n;

    return i < 0 ? NULL : nth(b, i, &n);
}

crm_status crm_bag_get(const crm_bag *b, const char *name, crm_dtype dtype, int64_t n,
                       const crm_bag_array **out)
{
    const bag_entry *e = bag_find(b, name);

    *out = NULL;
    CRM_CHECK(e, CRM_ERR_FORMAT, "no array %s%s is there", b->prefix, name);
    CRM_CHECK(!e->text && e->view.dtype == dtype, CRM_ERR_FORMAT, "%s is %s, %s is needed", e->name,
              e->text ? "text" : crm_dtype_name(e->view.dtype), crm_dtype_name(dtype));
    CRM_CHECK(n < 0 || e->view.n == n, CRM_ERR_FORMAT, "%s has %lld elements, %lld are needed",
              e->name, (long long)e->view.n, (long long)n);
    *out = &e->view;
    return CRM_OK;
}

crm_status crm_bag_get_i64(const crm_bag *b, const char *name, int64_t *v)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_I64, 1, &a));
    *v = *(const int64_t *)a->data;
    return CRM_OK;
}

crm_status crm_bag_get_f64(const crm_bag *b, const char *name, double *v)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_F64, 1, &a));
    *v = *(const double *)a->data;
    return CRM_OK;
}

bool crm_bag_has_list(const crm_bag *b, const char *name)
{
    const bag_entry *e = bag_find(b, name);

    return e && e->text;
}

crm_status crm_bag_get_list(const crm_bag *b, const char *name, int64_t *n,
                            const char *const **items)
{
    const bag_entry *e = bag_find(b, name);

    *n = 0;
    *items = NULL;
    CRM_CHECK(e, CRM_ERR_FORMAT, "no text %s%s is there", b->prefix, name);
    CRM_CHECK(e->text, CRM_ERR_FORMAT, "%s is an array of %s, text is needed", e->name,
              crm_dtype_name(e->view.dtype));
    *n = e->view.n;
    *items = e->items;
    return CRM_OK;
}

crm_status crm_bag_get_text(const crm_bag *b, const char *name, const char **text)
{
    const char *const *items;
    int64_t n;

    *text = NULL;
    CRM_TRY(crm_bag_get_list(b, name, &n, &items));
    CRM_CHECK(n == 1, CRM_ERR_FORMAT, "%s%s is a list of %lld texts, one is needed", b->prefix,
              name, (long long)n);
    *text = items[0];
    return CRM_OK;
}

static void add_entry(crm_hash *h, const bag_entry *e)
{
    const crm_bag_array *a = &e->view;

    crm_hash_add_text(h, a->name);
    crm_hash_add_text(h, e->text ? "text" : crm_dtype_name(a->dtype));
    crm_hash_add_i64(h, e->text ? 1 : a->rank);
    for (int d = 0; d < a->rank; d++)
        crm_hash_add_i64(h, a->dim[d]);
    if (e->text) crm_hash_add_i64(h, a->n);
    /* Texts lie side by side with their final zeros, so their bytes say where each ends. */
    crm_hash_add_digest(h, crm_digest_of(e->data, e->bytes));
}

static bool is_one_of(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

crm_status crm_bag_digest_without(const crm_bag *b, const char *const *names, crm_digest *out)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    for (int k = bag_place(b, b->prefix); k < b->n && bag_sees(b, b->entry[k]); k++)
        if (!is_one_of(b->entry[k]->view.name, names)) add_entry(h, b->entry[k]);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

crm_status crm_bag_digest(const crm_bag *b, const char *only, crm_digest *out)
{
    size_t len = only ? strlen(only) : 0;
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    for (int k = bag_place(b, b->prefix); k < b->n && bag_sees(b, b->entry[k]); k++)
        if (len == 0 || strncmp(b->entry[k]->view.name, only, len) == 0) add_entry(h, b->entry[k]);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}
