/* table_values.c - values of a path for the rows of a table, and lists of names. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

/* ---- names ---- */
crm_status crm_table_names_copy(int64_t n, const char *const *item, table_names *out)
{
    size_t bytes = 0, used = 0;

    *out = (table_names){.n = n};
    for (int64_t i = 0; i < n; i++)
        bytes += strlen(item[i]) + 1;
    CRM_NEW(out->item, n);
    CRM_NEW(out->bytes, bytes);
    for (int64_t i = 0; i < n; i++) {
        size_t len = strlen(item[i]) + 1;
        out->item[i] = memcpy(out->bytes + used, item[i], len);
        used += len;
    }
    return CRM_OK;
}

void crm_table_names_free(table_names *x)
{
    crm_mem_free(x->item);
    crm_mem_free(x->bytes);
    *x = (table_names){0};
}

crm_status crm_table_names_add(table_names *x, const char *text)
{
    table_names more;
    const char **item;
    crm_status st;

    for (int64_t k = 0; k < x->n; k++)
        if (strcmp(x->item[k], text) == 0) return CRM_OK;
    CRM_NEW(item, x->n + 1);
    for (int64_t k = 0; k < x->n; k++)
        item[k] = x->item[k];
    item[x->n] = text;
    st = crm_table_names_copy(x->n + 1, item, &more);
    crm_mem_free(item);
    if (st) return st;
    crm_table_names_free(x);
    *x = more;
    return CRM_OK;
}

void crm_table_names_keep(table_names *x, int64_t *used)
{
    int64_t n = 0;

    for (int64_t k = 0; k < x->n; k++) {
        if (used[k] > 0) x->item[n] = x->item[k];
        used[k] = used[k] > 0 ? n++ : -1;
    }
    x->n = n;
}

/* ---- one value for each row ---- */
void *crm_table_values_data(const table_values *v, size_t *size)
{
    *size = v->real   ? sizeof *v->real
            : v->code ? sizeof *v->code
            : v->key  ? sizeof *v->key
                      : sizeof *v->whole;
    return v->real   ? (void *)v->real
           : v->code ? (void *)v->code
           : v->key  ? (void *)v->key
                     : (void *)v->whole;
}

bool crm_table_values_missing(const table_values *v, int64_t i)
{
    if (v->real) return isnan(v->real[i]);
    if (v->code) return v->code[i] < 0;
    if (v->key) return v->key[i].hi == 0 && v->key[i].lo == 0;
    return v->whole[i] == CRM_WHOLE_MISSING;
}

void crm_table_values_clear(table_values *v, int64_t i)
{
    if (v->real) v->real[i] = NAN;
    if (v->code) v->code[i] = -1;
    if (v->key) v->key[i] = (crm_digest){0};
    if (v->whole) v->whole[i] = CRM_WHOLE_MISSING;
}

double crm_table_values_number(const table_values *v, int64_t i)
{
    if (v->real) return v->real[i];
    if (!v->whole || v->whole[i] == CRM_WHOLE_MISSING) return NAN;
    return (double)v->whole[i];
}

void crm_table_values_free(table_values *v)
{
    if (v->owned) {
        crm_mem_free(v->real);
        crm_mem_free(v->whole);
        crm_mem_free(v->code);
        crm_mem_free(v->key);
        crm_mem_free(v->filled);
    }
    crm_table_names_free(&v->names);
    *v = (table_values){0};
}

/* n missing values of a type. */
static crm_status make_missing(crm_field_type type, int64_t n, table_values *out)
{
    *out = (table_values){.type = type, .n = n, .owned = true};
    if (type == CRM_FIELD_REAL)
        CRM_NEW(out->real, n);
    else if (type == CRM_FIELD_CATEGORY)
        CRM_NEW(out->code, n);
    else if (type == CRM_FIELD_ID)
        CRM_NEW(out->key, n);
    else
        CRM_NEW(out->whole, n);
    for (int64_t i = 0; i < n; i++)
        crm_table_values_clear(out, i);
    return CRM_OK;
}

crm_status crm_table_values_like(const table_values *v, int64_t n, table_values *out)
{
    CRM_TRY(make_missing(v->type, n, out));
    if (v->type != CRM_FIELD_CATEGORY) return CRM_OK;
    CRM_TRY(crm_table_names_copy(v->n_levels, v->level, &out->names));
    out->n_levels = v->n_levels;
    out->level = (const char *const *)out->names.item;
    return CRM_OK;
}

/* The column itself, borrowed. */
static table_values of_column(const crm_table_schema *s, const table_frame *f, int column,
                              bool uncut)
{
    const table_cells *c = &f->column[column];

    return (table_values){.type = s->table[f->table].column[column].type,
                          .n = f->n,
                          .real = uncut && c->uncut_real ? c->uncut_real : c->real,
                          .whole = uncut && c->uncut_whole ? c->uncut_whole : c->whole,
                          .code = c->code,
                          .key = c->key,
                          .filled = c->filled,
                          .n_levels = c->n_levels,
                          .level = c->level};
}

static crm_status make_unfilled(table_values *v)
{
    CRM_NEW(v->filled, v->n);
    return CRM_OK;
}

crm_status crm_table_values_get(table_world *w, int from, const crm_path *p, table_values *out)
{
    const table_member *m = &w->member[p->table];
    table_values column = of_column(w->schema, &m->frame, p->column, w->uncut);
    int64_t *row = NULL, n = w->member[from].frame.n;
    size_t size;
    void *data = crm_table_values_data(&column, &size);
    crm_status st;

    *out = column;
    if (p->n_hops == 0) return CRM_OK;
    *out = (table_values){0};
    CRM_TRY_TO(st, done, crm_table_world_rows(w, from, p, &row));
    CRM_TRY_TO(st, done, crm_comm_agree(w->comm, make_missing(column.type, n, out)));
    CRM_TRY_TO(
        st, done,
        crm_table_take(w->comm, m->first, data, size, row, n, crm_table_values_data(out, &size)));
    out->n_levels = column.n_levels;
    out->level = column.level;
    if (column.filled) {
        CRM_TRY_TO(st, done, crm_comm_agree(w->comm, make_unfilled(out)));
        CRM_TRY_TO(st, done,
                   crm_table_take(w->comm, m->first, column.filled, 1, row, n, out->filled));
    }
done:
    crm_mem_free(row);
    return st;
}
