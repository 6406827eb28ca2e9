/* store_read.c - looking things up in an open file. */
#include "crmpi/comm_watchdog.h"
#include "store_impl.h"

const crm_store_array *crm_store_find(const crm_store *s, const char *name)
{
    int at = store_table_find(&s->table, name);

    return at < 0 || s->table.entry[at].text ? NULL : &s->table.entry[at].view;
}

int crm_store_count(const crm_store *s)
{
    return s->n_array;
}

const crm_store_array *crm_store_at(const crm_store *s, int i)
{
    return i >= 0 && i < s->n_array ? s->array[i] : NULL;
}

static const store_value *value(const crm_store *s, const char *name, const char *key,
                                store_attr_kind kind)
{
    int at = store_table_find_attr(&s->table, name, key);

    return at < 0 || s->table.attr[at].value.kind != kind ? NULL : &s->table.attr[at].value;
}

const char *crm_store_text(const crm_store *s, const char *name, const char *key)
{
    const store_value *v = value(s, name, key, STORE_TEXT);

    return v ? v->items[0] : NULL;
}

int64_t crm_store_i64(const crm_store *s, const char *name, const char *key, int64_t def)
{
    const store_value *v = value(s, name, key, STORE_I64);

    return v ? v->i : def;
}

double crm_store_f64(const crm_store *s, const char *name, const char *key, double def)
{
    const store_value *v = value(s, name, key, STORE_F64);

    return v ? v->f : def;
}

const char *const *crm_store_list(const crm_store *s, const char *name, const char *key, int64_t *n)
{
    const store_value *v = value(s, name, key, STORE_LIST);

    *n = v ? v->n : 0;
    return v ? v->items : NULL;
}

const char *const *crm_store_dims(const crm_store *s, const char *name)
{
    int64_t n;

    return crm_store_list(s, name, "DIMENSION_LABELS", &n);
}

static crm_status copy_attr(const store_attr *a, crm_store_writer *w)
{
    const store_value *v = &a->value;

    switch (v->kind) {
    case STORE_TEXT:
        return crm_store_attr_text(w, a->object, a->key, v->items[0]);
    case STORE_I64:
        return crm_store_attr_i64(w, a->object, a->key, v->i);
    case STORE_F64:
        return crm_store_attr_f64(w, a->object, a->key, v->f);
    default:
        return crm_store_attr_list(w, a->object, a->key, v->n, v->items);
    }
}

crm_status crm_store_copy_attrs(const crm_store *s, crm_store_writer *w,
                                bool (*take)(void *ctx, const char *object, const char *key),
                                void *ctx)
{
    for (int i = 0; i < s->table.n_attr; i++) {
        const store_attr *a = &s->table.attr[i];
        if (!store_key_fault(a->key) && take(ctx, a->object, a->key)) CRM_TRY(copy_attr(a, w));
    }
    return CRM_OK;
}

const char *const *crm_store_items(const crm_store *s, const char *name, int64_t *n)
{
    int at = store_table_find(&s->table, name);
    const store_entry *e = at < 0 ? NULL : &s->table.entry[at];

    *n = e && e->text ? e->view.dim[0] : 0;
    return e && e->text ? e->items : NULL;
}

const char *crm_store_items_name(const crm_store *s, int i)
{
    for (int k = 0; k < s->table.n; k++)
        if (s->table.entry[k].text && i-- == 0) return s->table.entry[k].name;
    return NULL;
}

crm_digest crm_store_digest(const crm_store *s)
{
    return s->digest;
}

crm_status crm_store_verify(crm_comm *comm, const crm_store *s)
{
    char have[CRM_DIGEST_HEX], noted[CRM_DIGEST_HEX];
    crm_status st = CRM_OK;
    crm_digest d;

    crm_watchdog_enter(CRM_IN_LOAD);
    st = store_digest(&s->table, s->fd, s->path, comm, &d);
    crm_watchdog_leave();
    CRM_TRY(st);
    if (!crm_digest_equal(d, s->digest))
        CRM_SET(st, CRM_ERR_FORMAT,
                "%s: is damaged: its content has the digest %s, %s was written into it", s->path,
                crm_digest_hex(d, have), crm_digest_hex(s->digest, noted));
    return store_agree(comm, st);
}

const char *crm_store_path(const crm_store *s)
{
    return s->path;
}
