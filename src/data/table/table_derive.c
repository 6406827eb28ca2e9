/* table_derive.c - columns that are made of two others of their row. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "table_clean.h"

static double combine(crm_derive how, double a, double b)
{
    switch (how) {
    case CRM_DERIVE_PRODUCT:
        return a * b;
    case CRM_DERIVE_RATIO:
        return b == 0 ? NAN : a / b;
    case CRM_DERIVE_DIFFERENCE:
        return a - b;
    case CRM_DERIVE_SUM:
        return a + b;
    default:
        return NAN;
    }
}

static crm_status derive(table_frame *f, int k)
{
    const crm_field *column = f->schema->table[f->table].column, *c = &column[k];
    const crm_field *a = &column[c->from[0]], *b = &column[c->from[1]];
    const table_cells *from[2] = {&f->column[c->from[0]], &f->column[c->from[1]]};
    bool days = a->type == CRM_FIELD_TIME && b->type == CRM_FIELD_TIME;
    table_cells *to = &f->column[k];

    if (!to->real) CRM_NEW(to->real, f->n);
    to->missing = 0;
    for (int64_t i = 0; i < f->n; i++) {
        double v = combine(c->derive, crm_table_cell_number(a, from[0], i),
                           crm_table_cell_number(b, from[1], i));
        to->real[i] = !isfinite(v) ? NAN : days ? v / 86400 : v;
        to->missing += !isfinite(v);
    }
    return CRM_OK;
}

crm_status crm_table_derive(table_frame *f)
{
    const crm_table_def *t = &f->schema->table[f->table];

    for (int k = 0; k < t->n; k++)
        if (t->column[k].derive != CRM_DERIVE_NONE) CRM_TRY(derive(f, k));
    return CRM_OK;
}
