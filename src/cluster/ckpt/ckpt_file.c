/* ckpt_file.c - a bag as a file: the file layer of the room store, written and read by one process.
 */
#include "ckpt_impl.h"
#include "crmpi/store.h"

static crm_status write_entry(crm_store_writer *w, const bag_entry *e)
{
    const crm_bag_array *a = &e->view;

    if (e->text) return crm_store_texts(w, e->name, a->n, e->items);
    CRM_TRY(crm_store_define(w, e->name, a->dtype, a->rank, a->dim, NULL));
    return crm_store_write(w, e->name, 0, a->rank ? a->dim[0] : 1, a->data);
}

crm_status crm_bag_write(const crm_bag *b, const char *path, const char *kind)
{
    crm_store_writer *w;
    crm_status st = CRM_OK;

    CRM_TRY(crm_store_create(NULL, path, kind, &w));
    for (int i = 0; i < b->n && !st; i++)
        st = write_entry(w, b->entry[i]);
    if (!st) return crm_store_commit(&w, NULL);
    crm_store_abandon(&w);
    return st;
}

static crm_status take_all(crm_bag *b, const crm_store *s)
{
    const char *const *items, *name;
    int64_t n;

    for (int i = 0; i < crm_store_count(s); i++) {
        const crm_store_array *a = crm_store_at(s, i);
        CRM_TRY(crm_bag_put(b, a->name, a->dtype, a->rank, a->dim, a->data));
    }
    for (int i = 0; (name = crm_store_items_name(s, i)); i++) {
        items = crm_store_items(s, name, &n);
        CRM_TRY(crm_bag_put_list(b, name, n, items));
    }
    return CRM_OK;
}

crm_status crm_bag_read(const char *path, const char *kind, crm_bag **out)
{
    crm_store *s = NULL;
    crm_bag *b = NULL;
    crm_status st;

    *out = NULL;
    CRM_TRY(crm_store_open(path, kind, &s));
    CRM_TRY_TO(st, done, crm_store_verify(NULL, s));
    CRM_TRY_TO(st, done, crm_bag_new(&b));
    CRM_TRY_TO(st, done, take_all(b, s));
    *out = b;
    b = NULL;
done:
    crm_bag_free(&b);
    crm_store_close(&s);
    return st;
}
