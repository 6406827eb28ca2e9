/* table_clean_fill.c - missing values: rows without them leave, or a constant takes their place. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_clean.h"

static crm_status no_value(const crm_field *c)
{
    CRM_FAIL(CRM_ERR_CONFIG, "line %d:%d of the schema: fill of column '%s': '%s' is no %s",
             c->line, c->col, c->name, c->fill_value, crm_field_type_names[c->type]);
}

/* Missing values of this rank. */
static int64_t missing(const table_cleaner *c, int k)
{
    int64_t n = 0;

    for (int64_t i = 0; i < c->frame->n; i++)
        n += c->keep[i] && crm_table_cell_missing(&c->def->column[k], &c->frame->column[k], i);
    return n;
}

/* ---- numbers and times ---- */
static crm_status read_number(const crm_field *c, double *out)
{
    char text[64];
    size_t len = strlen(c->fill_value);

    if (len >= sizeof text) return no_value(c);
    for (size_t i = 0; i <= len; i++)
        text[i] = c->decimal == ',' && c->fill_value[i] == ',' ? '.' : c->fill_value[i];
    return crm_parse_f64(text, len, out) ? CRM_OK : no_value(c);
}

/* The texts that a column of truth values may hold, when it has none of its own. */
static int truth(const char *text)
{
    static const char *const words[] = {"no", "yes", "false", "true", "n", "y", "f", "t", "0", "1"};
    char lower[8] = {0};

    for (size_t i = 0; i + 1 < sizeof lower && text[i]; i++)
        lower[i] = (char)tolower((unsigned char)text[i]);
    for (int w = 0; w < (int)(sizeof words / sizeof *words); w++)
        if (strcmp(lower, words[w]) == 0) return w % 2;
    return -1;
}

crm_status crm_table_fill_whole_value(const crm_field *c, int64_t *out)
{
    if (c->type == CRM_FIELD_INTEGER)
        return crm_parse_i64(c->fill_value, strlen(c->fill_value), out) ? CRM_OK : no_value(c);
    if (c->type == CRM_FIELD_TIME)
        return crm_table_time(c->format && c->format[0] ? c->format : "iso", c->fill_value,
                              strlen(c->fill_value), out)
                   ? CRM_OK
                   : no_value(c);
    *out = truth(c->fill_value);
    if (c->yes && c->yes[0] && strcmp(c->fill_value, c->yes) == 0) *out = 1;
    if (c->no && c->no[0] && strcmp(c->fill_value, c->no) == 0) *out = 0;
    return *out >= 0 ? CRM_OK : no_value(c);
}

static crm_status fill_numbers(const table_cleaner *c, int k)
{
    const crm_field *f = &c->def->column[k];
    table_cells *v = &c->frame->column[k];
    double real = 0;
    int64_t whole = 0;

    CRM_TRY(f->type == CRM_FIELD_REAL ? read_number(f, &real)
                                      : crm_table_fill_whole_value(f, &whole));
    for (int64_t i = 0; i < c->frame->n; i++) {
        if (!crm_table_cell_missing(f, v, i)) continue;
        if (v->uncut_real) v->uncut_real[i] = real;
        if (v->uncut_whole) v->uncut_whole[i] = whole;
        if (f->type == CRM_FIELD_REAL)
            v->real[i] = real;
        else
            v->whole[i] = whole;
    }
    return CRM_OK;
}

/* ---- categories ---- */
/* The level in the list, added in its place when it is new: codes behind it move up by one.  The
 * same on all ranks. */
static crm_status find_level(table_cells *v, const char *text, int32_t *code, int32_t *moved)
{
    int64_t n = v->levels.n;
    const char **sorted;
    int32_t index;

    *moved = INT32_MAX;
    *code = v->n_levels ? crm_table_levels_find(v->level, v->n_levels, text) : -1;
    if (*code >= 0) return CRM_OK;
    CRM_TRY(crm_table_levels_add(&v->levels, text, strlen(text), INT32_MAX - 1, &index));
    CRM_ASSERT(v->levels.n == n + 1);
    CRM_TRY(crm_table_levels_sort(&v->levels, &sorted));
    crm_mem_free((void *)v->level);
    v->level = sorted;
    v->n_levels = v->levels.n;
    *code = *moved = crm_table_levels_find(sorted, v->n_levels, text);
    return CRM_OK;
}

static crm_status fill_codes(const table_cleaner *c, int k)
{
    table_cells *v = &c->frame->column[k];
    int32_t code, moved;

    CRM_TRY(find_level(v, c->def->column[k].fill_value, &code, &moved));
    for (int64_t i = 0; i < c->frame->n; i++)
        if (v->code[i] < 0)
            v->code[i] = code;
        else
            v->code[i] += v->code[i] >= moved;
    return CRM_OK;
}

/* ---- a column ---- */
static crm_status fill_constant(table_cleaner *c, int k, int64_t n_missing)
{
    const crm_field *f = &c->def->column[k];
    table_cells *v = &c->frame->column[k];

    CRM_ASSERT(f->type != CRM_FIELD_ID && f->type != CRM_FIELD_TEXT); /* refused by the schema */
    c->quality->after[k].filled = n_missing;
    CRM_NEW(v->filled, c->frame->n);
    for (int64_t i = 0; i < c->frame->n; i++)
        v->filled[i] = crm_table_cell_missing(f, v, i);
    if (f->type == CRM_FIELD_CATEGORY) return fill_codes(c, k);
    return fill_numbers(c, k);
}

static void drop_missing(table_cleaner *c, int k)
{
    for (int64_t i = 0; i < c->frame->n; i++)
        if (crm_table_cell_missing(&c->def->column[k], &c->frame->column[k], i)) c->keep[i] = 0;
}

/* Rows leave first, so that none is filled that goes. */
crm_status crm_table_clean_fill(table_cleaner *c)
{
    for (int k = 0; k < c->def->n; k++)
        if (c->now[k] && c->def->column[k].type != CRM_FIELD_IGNORE &&
            c->def->column[k].fill == CRM_FILL_DROP)
            drop_missing(c, k);
    for (int k = 0; k < c->def->n; k++) {
        const crm_field *f = &c->def->column[k];
        int64_t here, all;
        if (!c->now[k] || f->type == CRM_FIELD_IGNORE || f->fill != CRM_FILL_CONSTANT) continue;
        all = here = missing(c, k);
        CRM_TRY(crm_comm_sum_i64(c->comm, &all, 1));
        if (all > 0) CRM_TRY(crm_comm_agree(c->comm, fill_constant(c, k, here)));
    }
    return CRM_OK;
}
