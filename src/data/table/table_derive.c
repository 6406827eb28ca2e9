/* table_derive.c - columns that are made of two others of their row. */
#include <float.h>
#include <math.h>
#include <string.h>

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

/* A value outside of the column's range: an error, or missing; keep[i] = 0: the row goes. */
static crm_status refuse(table_frame *f, int k, int64_t i, table_rejects *rejects, uint8_t *keep)
{
    const crm_table_def *t = &f->schema->table[f->table];
    const crm_field *c = &t->column[k];
    table_cells *v = &f->column[k];
    char place[4096 + 32];
    const char *what = v->real[i] < c->min   ? "derived value below the range"
                       : v->real[i] > c->max ? "derived value above the range"
                                             : "derived value beyond 3.4e38, the largest number "
                                               "that a data set holds";

    CRM_CHECK(c->bad != CRM_BAD_ERROR, CRM_ERR_FORMAT,
              "%s: column '%s' of table %s: %s (%g to %g in the schema)",
              crm_table_frame_where(f, i, place, sizeof place), c->name, t->name, what, c->min,
              c->max);
    if (rejects)
        crm_table_rejects_add(rejects, f->file[f->where[i] >> 40],
                              f->where[i] & (((int64_t)1 << 40) - 1), 1, t->name, c->name, what);
    CRM_TRY(crm_table_raw_add(v, i, isfinite(v->real[i]) ? v->real[i] : (double)NAN));
    v->real[i] = NAN;
    v->bad++;
    if (c->bad == CRM_BAD_SKIP) keep[i] = 0;
    return CRM_OK;
}

static bool is_changed(const crm_field *c)
{
    return c->fill == CRM_FILL_CONSTANT ||
           (c->outlier != CRM_OUTLIER_NONE && c->outlier_action == CRM_OUTLIER_WINSORISE);
}

bool crm_table_made_anew(const crm_table_def *t, int k)
{
    if (t->column[k].derive == CRM_DERIVE_NONE) return false;
    for (int i = 0; i < 2; i++) {
        int from = t->column[k].from[i];
        if (is_changed(&t->column[from]) || crm_table_made_anew(t, from)) return true;
    }
    return false;
}

crm_status crm_table_derive_column(table_frame *f, int k, table_rejects *rejects, uint8_t *keep,
                                   int64_t *bad)
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
        to->real[i] = days ? v / 86400 : v;
        to->missing += isnan(v);
        if (!bad || !(fabs(v) > (double)FLT_MAX || to->real[i] < c->min || to->real[i] > c->max))
            continue;
        CRM_TRY(refuse(f, k, i, rejects, keep));
        ++*bad;
    }
    return CRM_OK;
}

static crm_status derive_all(table_frame *f, table_rejects *rejects, uint8_t **keep)
{
    const crm_table_def *t = &f->schema->table[f->table];
    int64_t bad = 0;

    CRM_NEW(*keep, f->n);
    memset(*keep, 1, (size_t)f->n);
    for (int k = 0; k < t->n; k++)
        if (t->column[k].derive != CRM_DERIVE_NONE)
            CRM_TRY(crm_table_derive_column(f, k, rejects, *keep,
                                            crm_table_made_anew(t, k) ? NULL : &bad));
    return CRM_OK;
}

crm_status crm_table_derive(crm_comm *comm, table_frame *f, table_rejects *rejects)
{
    uint8_t *keep = NULL;
    int64_t gone = 0;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_first_error(comm, derive_all(f, rejects, &keep)));
    for (int64_t i = 0; i < f->n; i++)
        gone += !keep[i];
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, &gone, 1));
    f->skipped += gone;
    if (gone > 0) CRM_TRY_TO(st, done, crm_table_frame_keep(comm, f, keep));
done:
    crm_mem_free(keep);
    return st;
}
