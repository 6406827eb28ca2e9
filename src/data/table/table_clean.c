/* table_clean.c - the cleaning of a frame: quality before, duplicates, outliers, fills, quality
 * behind. */
#include "table_clean.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"

/* ---- cells ---- */
bool crm_table_is_number(crm_field_type t)
{
    return t == CRM_FIELD_INTEGER || t == CRM_FIELD_REAL;
}

bool crm_table_cell_missing(const crm_field *c, const table_cells *v, int64_t i)
{
    switch (c->type) {
    case CRM_FIELD_REAL:
        return isnan(v->real[i]);
    case CRM_FIELD_INTEGER:
    case CRM_FIELD_BOOLEAN:
    case CRM_FIELD_TIME:
        return v->whole[i] == CRM_WHOLE_MISSING;
    case CRM_FIELD_CATEGORY:
        return v->code[i] < 0;
    case CRM_FIELD_ID:
        return v->key[i].hi == 0 && v->key[i].lo == 0;
    case CRM_FIELD_TEXT:
        return v->end[i] == (i ? v->end[i - 1] : 0);
    case CRM_FIELD_IGNORE:
    case CRM_FIELD_TYPE_COUNT:
        break;
    }
    return true;
}

double crm_table_cell_number(const crm_field *c, const table_cells *v, int64_t i)
{
    if (c->type == CRM_FIELD_REAL) return v->real[i];
    return v->whole[i] == CRM_WHOLE_MISSING ? (double)NAN : (double)v->whole[i];
}

const char *crm_table_cell_text(const table_cells *v, int64_t i, size_t *len)
{
    int64_t begin = i ? v->end[i - 1] : 0;

    *len = (size_t)(v->end[i] - begin);
    return *len ? v->bytes + begin : "";
}

/* ---- columns that are added ---- */
static crm_status add_extra(table_cleaner *c, int of, const char *what)
{
    table_extra *x = c->extra;
    const char *name = c->def->column[of].name;
    size_t size = strlen(name) + strlen(what) + 2;

    x->of[x->n] = of;
    CRM_NEW(x->name[x->n], size);
    snprintf(x->name[x->n], size, "%s %s", name, what);
    x->n++;
    CRM_NEW(x->value[x->n - 1], c->frame->n);
    return CRM_OK;
}

static bool has_flag(const crm_field *c)
{
    return c->outlier != CRM_OUTLIER_NONE && c->outlier_action == CRM_OUTLIER_FLAG;
}

static crm_status make_extra(table_cleaner *c)
{
    table_extra *x = c->extra;

    CRM_NEW(x->name, 2 * c->def->n);
    CRM_NEW(x->of, 2 * c->def->n);
    CRM_NEW(x->value, 2 * c->def->n);
    for (int k = 0; k < c->def->n; k++) {
        const crm_field *f = &c->def->column[k];
        if (f->type == CRM_FIELD_IGNORE) continue;
        if (f->indicator) CRM_TRY(add_extra(c, k, "missing"));
        if (has_flag(f)) CRM_TRY(add_extra(c, k, "outlier"));
    }
    return CRM_OK;
}

uint8_t *crm_table_clean_extra(const table_cleaner *c, int of, bool outlier)
{
    const table_extra *x = c->extra;

    for (int e = 0; e < x->n; e++)
        if (x->of[e] == of) {
            bool second = e > 0 && x->of[e - 1] == of;
            if (outlier == (second || !c->def->column[of].indicator)) return x->value[e];
        }
    return NULL;
}

/* Indicators tell what is missing before it is filled. */
static void indicate(const table_cleaner *c)
{
    for (int k = 0; k < c->def->n; k++) {
        uint8_t *value = c->now[k] ? crm_table_clean_extra(c, k, false) : NULL;
        for (int64_t i = 0; value && i < c->frame->n; i++)
            value[i] = crm_table_cell_missing(&c->def->column[k], &c->frame->column[k], i);
    }
}

static void keep_extra(table_extra *x, const uint8_t *keep, int64_t n)
{
    for (int e = 0; e < x->n; e++) {
        int64_t at = 0;
        for (int64_t i = 0; i < n; i++)
            if (keep[i]) x->value[e][at++] = x->value[e][i];
    }
}

void crm_table_extra_free(table_extra *x)
{
    for (int e = 0; e < x->n; e++) {
        crm_mem_free(x->name[e]);
        crm_mem_free(x->value[e]);
    }
    crm_mem_free(x->name);
    crm_mem_free(x->of);
    crm_mem_free(x->value);
    *x = (table_extra){0};
}

/* ---- labels see what was read ---- */
static bool is_at(const crm_path *p, int table, int column)
{
    return p->column == column && p->table == table;
}

static bool label_looks(const crm_label_def *l, int table, int column)
{
    bool looks = is_at(&l->path, table, column);

    for (int i = 0; i < l->when.n; i++)
        looks |= is_at(&l->when.term[i].left.path, table, column) ||
                 is_at(&l->when.term[i].right.path, table, column);
    return looks;
}

/* Whether a label of entities or documents is made of a column. */
static bool is_in_label(const crm_table_schema *s, int table, int column)
{
    bool is = false;

    for (int l = 0; l < s->n_labels; l++)
        is |= label_looks(&s->label[l], table, column);
    for (int t = 0; t < s->n; t++)
        for (int l = 0; l < s->table[t].documents.n_labels; l++)
            is |= is_at(&s->table[t].documents.label[l], table, column);
    return is;
}

static crm_status keep_uncut(const table_cleaner *c)
{
    for (int k = 0; k < c->def->n; k++) {
        const crm_field *f = &c->def->column[k];
        table_cells *v = &c->frame->column[k];
        size_t n = (size_t)c->frame->n;
        bool cut = f->outlier != CRM_OUTLIER_NONE && f->outlier_action == CRM_OUTLIER_WINSORISE;
        if (!cut && !crm_table_made_anew(c->def, k)) continue;
        if (!is_in_label(c->frame->schema, c->frame->table, k)) continue;
        if (v->real) {
            CRM_NEW(v->uncut_real, n);
            memcpy(v->uncut_real, v->real, n * sizeof *v->real);
        } else if (v->whole) {
            CRM_NEW(v->uncut_whole, n);
            memcpy(v->uncut_whole, v->whole, n * sizeof *v->whole);
        }
    }
    return CRM_OK;
}

/* ---- order of the steps ---- */
static crm_status start(table_cleaner *c)
{
    CRM_NEW(c->quality->before, c->def->n);
    CRM_NEW(c->quality->after, c->def->n);
    c->quality->n = c->def->n;
    return CRM_OK;
}

static crm_status start_rows(table_cleaner *c)
{
    CRM_NEW(c->now, c->def->n);
    CRM_NEW(c->keep, c->frame->n);
    CRM_TRY(keep_uncut(c));
    memset(c->keep, 1, (size_t)c->frame->n);
    return make_extra(c);
}

/* Whether any step can change a cell or a row. */
static bool anything_to_do(const crm_table_def *t)
{
    bool any = t->duplicates != CRM_DUPLICATES_KEEP;

    for (int k = 0; k < t->n; k++)
        any = any || t->column[k].outlier != CRM_OUTLIER_NONE || t->column[k].fill != CRM_FILL_KEEP;
    return any;
}

/* Rows that the steps took out leave the frame; counts of all ranks. */
static crm_status finish_rows(table_cleaner *c)
{
    int64_t n = c->frame->n, before = c->frame->total;

    keep_extra(c->extra, c->keep, n);
    CRM_TRY(crm_table_frame_keep(c->comm, c->frame, c->keep));
    c->quality->dropped = before - c->frame->total;
    return CRM_OK;
}

static crm_status sum_counts(table_cleaner *c)
{
    for (int k = 0; k < c->def->n; k++) {
        table_quality_column *q = &c->quality->after[k];
        int64_t count[3] = {q->outliers, q->filled, q->changed + c->frame->column[k].changed};
        CRM_TRY(crm_comm_sum_i64(c->comm, count, 3));
        q->outliers = count[0];
        q->filled = count[1];
        q->changed = count[2];
    }
    return CRM_OK;
}

/* Where no step did anything, a column is as it was read unless bad values became missing or its
 * texts others. */
static crm_status measure_after(table_cleaner *c)
{
    bool all = anything_to_do(c->def);

    for (int k = 0; k < c->def->n; k++) {
        const table_quality_column *before = &c->quality->before[k];
        table_quality_column *after = &c->quality->after[k], counts = *after;
        if (all || before->bad > 0 || c->frame->column[k].raw_levels != 0)
            CRM_TRY(crm_table_quality_measure(c->comm, c->frame, k, false, after));
        else
            *after = *before;
        after->outliers = counts.outliers;
        after->filled = counts.filled;
        after->changed = counts.changed;
        CRM_TRY(crm_table_check_stop(c->comm));
    }
    return CRM_OK;
}

static crm_status clean_now(table_cleaner *c)
{
    CRM_TRY(crm_table_clean_outliers(c));
    CRM_TRY(crm_table_check_stop(c->comm));
    indicate(c);
    return crm_table_clean_fill(c);
}

static crm_status make_anew(table_cleaner *c, int k)
{
    int64_t bad = 0;

    CRM_TRY(crm_table_first_error(c->comm,
                                  crm_table_derive_column(c->frame, k, c->rejects, c->keep, &bad)));
    CRM_TRY(crm_comm_sum_i64(c->comm, &bad, 1));
    c->quality->before[k].bad += bad;
    return CRM_OK;
}

/* What is derived from cleaned columns is made behind their cleaning, then cleaned itself. */
static crm_status clean_columns(table_cleaner *c)
{
    for (int k = 0; k < c->def->n; k++)
        c->now[k] = !crm_table_made_anew(c->def, k);
    CRM_TRY(clean_now(c));
    for (int k = 0; k < c->def->n; k++) {
        if (!crm_table_made_anew(c->def, k)) continue;
        memset(c->now, 0, (size_t)c->def->n * sizeof *c->now);
        c->now[k] = true;
        CRM_TRY(make_anew(c, k));
        CRM_TRY(clean_now(c));
    }
    return CRM_OK;
}

static crm_status clean(table_cleaner *c)
{
    table_quality *q = c->quality;

    q->rows_before = c->frame->total;
    q->skipped = c->frame->skipped;
    for (int k = 0; k < c->def->n; k++) {
        CRM_TRY(crm_table_quality_measure(c->comm, c->frame, k, true, &q->before[k]));
        CRM_TRY(crm_table_check_stop(c->comm));
    }
    CRM_TRY(crm_table_clean_duplicates(c));
    CRM_TRY(crm_table_check_stop(c->comm));
    CRM_TRY(crm_comm_agree(c->comm, start_rows(c)));
    CRM_TRY(clean_columns(c));
    CRM_TRY(finish_rows(c));
    CRM_TRY(sum_counts(c));
    q->rows_after = c->frame->total;
    return measure_after(c);
}

crm_status crm_table_clean(crm_comm *comm, table_frame *f, table_rejects *rejects,
                           table_extra *extra, table_quality *q)
{
    table_cleaner c = {.comm = comm,
                       .frame = f,
                       .def = &f->schema->table[f->table],
                       .extra = extra,
                       .quality = q,
                       .rejects = rejects};
    crm_status st;

    *extra = (table_extra){0};
    *q = (table_quality){0};
    st = crm_comm_agree(comm, start(&c));
    if (!st) st = clean(&c);
    crm_mem_free(c.keep);
    crm_mem_free(c.now);
    if (!st) return CRM_OK;
    crm_table_extra_free(extra);
    crm_table_quality_free(q);
    return st;
}
