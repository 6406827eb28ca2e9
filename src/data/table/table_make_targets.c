/* table_make_targets.c - targets of entities, ids, and groups of rows with equal content. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_make.h"

/* ---- targets ---- */
static crm_status write_classes(table_output *o, const char *title, const table_label *l)
{
    static const char *const DIM[] = {"row"};
    char name[CRM_STORE_NAME_MAX];

    snprintf(name, sizeof name, "target/%s/label", title);
    CRM_TRY(crm_store_define(o->w, name, CRM_I32, 1, &o->x->total, DIM));
    CRM_TRY(crm_store_attr_text(o->w, name, "level", "customer"));
    CRM_TRY(crm_store_attr_list(o->w, name, "classes", l->classes.n,
                                (const char *const *)l->classes.item));
    return crm_store_write(o->w, name, o->x->before, o->x->n, l->code);
}

static crm_status write_numbers(table_output *o, const char *title, const table_label *l)
{
    static const char *const DIM[] = {"row", "column"};
    int64_t dim[] = {o->x->total, 1};
    float *value = crm_mem_new((size_t)o->x->n, sizeof *value);
    char name[CRM_STORE_NAME_MAX];
    crm_status st = CRM_OK;

    if (!value) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld labels", (long long)o->x->n);
    for (int64_t i = 0; value && i < o->x->n; i++)
        value[i] = crm_table_float(l->value[i]);
    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, st));
    snprintf(name, sizeof name, "target/%s/value", title);
    CRM_TRY_TO(st, done, crm_store_define(o->w, name, CRM_F32, 2, dim, DIM));
    CRM_TRY_TO(st, done, crm_store_attr_text(o->w, name, "level", "customer"));
    CRM_TRY_TO(st, done,
               crm_store_attr_list(o->w, name, "columns", 1, (const char *const *)&l->column));
    CRM_TRY_TO(st, done, crm_store_write(o->w, name, o->x->before, o->x->n, value));
done:
    crm_mem_free(value);
    return st;
}

crm_status crm_table_make_targets(table_output *o)
{
    for (int k = 0; k < o->x->schema->n_labels; k++) {
        const table_label *l = &o->x->label[k];
        const char *title = o->x->schema->label[k].name;
        CRM_TRY(l->code ? write_classes(o, title, l) : write_numbers(o, title, l));
    }
    return CRM_OK;
}

/* ---- ids ---- */
/* All ids of this rank are whole numbers, written as such. */
static bool all_whole(const table_set *x, int64_t *number)
{
    for (int64_t i = 0, from = 0; i < x->n; from = x->id_end[i++]) {
        size_t len = (size_t)(x->id_end[i] - from);
        char text[24];
        if (len > 20 || !crm_parse_i64(x->id_bytes + from, len, &number[i])) return false;
        snprintf(text, sizeof text, "%lld", (long long)number[i]);
        if (strlen(text) != len || memcmp(text, x->id_bytes + from, len) != 0) return false;
    }
    return true;
}

static crm_status write_texts(table_output *o, int64_t *length)
{
    static const char *const BYTE[] = {"byte"};
    const table_set *x = o->x;
    int64_t bytes = x->n ? x->id_end[x->n - 1] : 0, total = bytes, before;

    for (int64_t i = 0; i < x->n; i++)
        length[i] = x->id_end[i] - (i ? x->id_end[i - 1] : 0);
    CRM_TRY(crm_comm_exscan_i64(x->comm, bytes, &before));
    CRM_TRY(crm_comm_sum_i64(x->comm, &total, 1));
    CRM_TRY(crm_table_make_offsets(o, "id/first", "row_offset", x->n, x->before, x->total, length,
                                   before));
    CRM_TRY(crm_store_define(o->w, "id/byte", CRM_U8, 1, &total, BYTE));
    return crm_store_write(o->w, "id/byte", before, bytes, x->id_bytes);
}

crm_status crm_table_make_ids(table_output *o)
{
    static const char *const DIM[] = {"row"};
    const table_set *x = o->x;
    int64_t *number = NULL, whole;
    crm_status st = CRM_OK;

    if (!x->id_end) return CRM_OK;
    number = crm_mem_new((size_t)x->n, sizeof *number);
    if (!number) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld ids", (long long)x->n);
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, st));
    whole = all_whole(x, number);
    CRM_TRY_TO(st, done, crm_comm_min_i64(x->comm, &whole, 1));
    if (!whole) {
        CRM_TRY_TO(st, done, write_texts(o, number));
    } else {
        CRM_TRY_TO(st, done, crm_store_define(o->w, "id/number", CRM_I64, 1, &x->total, DIM));
        CRM_TRY_TO(st, done, crm_store_write(o->w, "id/number", x->before, x->n, number));
    }
done:
    crm_mem_free(number);
    return st;
}

/* ---- groups ---- */
crm_status crm_table_make_groups(table_output *o)
{
    static const char *const DIM[] = {"row"};
    const table_set *x = o->x;
    int64_t *number = crm_mem_new((size_t)x->n, sizeof *number), repeated = 0;
    table_index *index = NULL;
    crm_status st = CRM_OK;

    if (!number) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)x->n);
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, st));
    CRM_TRY_TO(st, done,
               crm_table_index_new(x->comm, o->content, x->n, x->before, &repeated, &index));
    if (repeated == 0) goto done;
    CRM_TRY_TO(st, done, crm_table_index_find(x->comm, index, o->content, x->n, number));
    CRM_TRY_TO(st, done, crm_store_define(o->w, "group/number", CRM_I64, 1, &x->total, DIM));
    CRM_TRY_TO(st, done, crm_store_write(o->w, "group/number", x->before, x->n, number));
done:
    crm_table_index_free(&index);
    crm_mem_free(number);
    return st;
}
