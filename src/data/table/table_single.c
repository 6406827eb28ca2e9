/* table_single.c - a CSV without a schema as a table of a schema that is made in memory, and its
 * rows as columns of the data set.
 *
 * The file is read twice: first the columns that are numbers, or may be; a column with text in it
 * is none.  Then the categories, the label and the ids.  Each time only those are in memory, beside
 * the columns of the data set themselves. */
#include "table_single.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"

typedef struct single {
    crm_comm *comm;
    table_input *in;
    table_plan *plan;
    table_part *part;
    table_rejects *rejects;
    crm_table_def def;
    crm_table_schema schema;
    table_frame frame;
} single;

crm_table_def crm_table_single_def(const crm_table_cfg *cfg, const char *const *csv_path)
{
    return (crm_table_def){.name = crm_path_base(*csv_path),
                           .files = {1, (const char **)(uintptr_t)csv_path},
                           .separator = cfg->separator,
                           .missing = cfg->missing,
                           .bad = CRM_BAD_ERROR,
                           .key = -1,
                           .rest_ignored = true,
                           .entity = -1,
                           .single = true};
}

/* ---- the schema ---- */
static void set_field(const single *x, int k, crm_field_type type)
{
    const table_plan_column *c = &x->plan->column[k];
    bool missing = x->plan->cfg->bad_values == CRM_TABLE_BAD_MISSING;
    int64_t line, col;

    crm_table_place(&x->in->source[0].file, c->at, &line, &col);
    x->def.column[k] = (crm_field){.name = c->name,
                                   .type = type,
                                   .format = "iso",
                                   .unit = "",
                                   .meaning = "",
                                   .decimal = '.',
                                   .min = -INFINITY,
                                   .max = INFINITY,
                                   .bad = missing ? CRM_BAD_MISSING : CRM_BAD_ERROR,
                                   .yes = "",
                                   .no = "",
                                   .max_levels = x->plan->cfg->max_levels,
                                   .fill_value = "",
                                   .ref_table = -1,
                                   .from = {-1, -1},
                                   .guess = c->guess,
                                   .line = (int)line,
                                   .col = (int)col};
}

/* Read the columns of some kinds: type [kind]. */
static crm_status read_kinds(single *x, const crm_field_type type[CRM_TABLE_KIND_COUNT])
{
    for (int k = 0; k < x->plan->n; k++)
        set_field(x, k, type[x->plan->column[k].kind]);
    CRM_TRY(crm_comm_agree(x->comm, crm_table_input_columns(&x->def, x->in)));
    return crm_table_frame_fill(x->comm, &x->schema, 0, x->in, x->rejects, &x->frame);
}

/* ---- numbers ---- */
/* A guess is wrong when any rank has found text.  far [columns]: numbers of a right one are beyond
 * what a data set holds. */
static crm_status settle_kinds(single *x, int64_t *far)
{
    table_plan *p = x->plan;
    int64_t *text = crm_mem_new((size_t)p->n, sizeof *text);
    crm_status st = CRM_OK;

    if (!text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", p->n);
    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, st));
    for (int k = 0; k < p->n; k++) {
        text[k] = x->frame.column[k].text;
        far[k] = x->frame.column[k].far;
    }
    CRM_TRY_TO(st, done, crm_comm_max_i64(x->comm, text, p->n));
    CRM_TRY_TO(st, done, crm_comm_max_i64(x->comm, far, p->n));
    for (int k = 0; k < p->n; k++) {
        if (text[k]) p->column[k].kind = CRM_TABLE_CATEGORICAL;
        far[k] &= !text[k];
    }
    crm_table_plan_slots(p);
done:
    crm_mem_free(text);
    return st;
}

static crm_status make_columns(const single *x)
{
    const table_plan *p = x->plan;
    table_part *t = x->part;
    size_t n = (size_t)t->n;

    CRM_NEW(t->missing, p->n);
    CRM_NEW(t->num, n * (size_t)p->n_num);
    CRM_NEW(t->cat, n * (size_t)p->n_cat);
    CRM_NEW(t->levels, p->n_cat + 1);
    CRM_NEW(t->n_levels, p->n_cat + 1);
    CRM_NEW(t->sorted, p->n_cat + 1);
    if (p->id >= 0) CRM_NEW(t->id_number, n);
    return CRM_OK;
}

static void take_number(const single *x, int k)
{
    const table_plan *p = x->plan;
    table_cells *c = &x->frame.column[k];
    table_part *t = x->part;

    for (int64_t i = 0; i < t->n; i++)
        t->num[i * p->n_num + p->column[k].slot] = crm_table_float(c->real[i]);
    t->missing[k] = c->missing + c->bad;
    crm_mem_free(c->real);
    c->real = NULL;
}

static void take_numbers(single *x, const int64_t *far, bool which)
{
    for (int k = 0; k < x->plan->n; k++)
        if (x->plan->column[k].kind == CRM_TABLE_NUMERIC && (far[k] != 0) == which)
            take_number(x, k);
    crm_table_frame_free(&x->frame);
}

/* Columns that are numbers for certain now, and have some that no data set holds: these are bad. */
static crm_status read_far(single *x, const int64_t *far)
{
    bool any = false;

    for (int k = 0; k < x->plan->n; k++) {
        x->plan->column[k].guess &= !far[k];
        set_field(x, k, far[k] ? CRM_FIELD_REAL : CRM_FIELD_IGNORE);
        any |= far[k] != 0;
    }
    if (!any) return CRM_OK;
    CRM_TRY(crm_comm_agree(x->comm, crm_table_input_columns(&x->def, x->in)));
    CRM_TRY(crm_table_frame_fill(x->comm, &x->schema, 0, x->in, x->rejects, &x->frame));
    take_numbers(x, far, true);
    return CRM_OK;
}

static crm_status read_sure(single *x, int64_t *far)
{
    static const crm_field_type type[CRM_TABLE_KIND_COUNT] = {[CRM_TABLE_NUMERIC] = CRM_FIELD_REAL};

    CRM_TRY(read_kinds(x, type));
    x->part->n = x->frame.n;
    x->part->before = x->frame.before;
    x->part->total = x->frame.total;
    CRM_CHECK(x->part->total > 0, CRM_ERR_FORMAT,
              "%s:1:1: the file has a header only, no row; rows are needed",
              x->in->source[0].file.path);
    CRM_TRY(settle_kinds(x, far));
    CRM_TRY(crm_comm_agree(x->comm, make_columns(x)));
    take_numbers(x, far, false);
    return CRM_OK;
}

static crm_status read_numbers(single *x)
{
    int64_t *far = crm_mem_new((size_t)x->plan->n, sizeof *far);
    crm_status st = CRM_OK;

    if (!far) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", x->plan->n);
    st = crm_comm_agree(x->comm, st);
    if (!st) st = read_sure(x, far);
    if (!st) st = read_far(x, far);
    crm_mem_free(far);
    return st;
}

/* ---- texts ---- */
static void take_levels(single *x, int k, int set)
{
    table_cells *c = &x->frame.column[k];
    table_part *t = x->part;

    t->levels[set] = c->levels;
    t->n_levels[set] = c->n_levels;
    t->sorted[set] = c->level;
    t->missing[k] = c->missing;
    c->levels = (table_levels){0};
    c->level = NULL;
}

static void take_codes(single *x, int k)
{
    const table_plan *p = x->plan;
    int slot = p->column[k].slot;

    for (int64_t i = 0; i < x->part->n; i++)
        x->part->cat[i * p->n_cat + slot] = x->frame.column[k].code[i];
    take_levels(x, k, slot);
}

static void take_label(single *x, int k)
{
    x->part->label = x->frame.column[k].code;
    x->frame.column[k].code = NULL;
    take_levels(x, k, x->plan->n_cat);
}

/* "007" and "+7" are texts: an id must come out as it went in. */
static bool is_whole(const char *text, size_t len, int64_t *v)
{
    char again[32];

    if (!crm_parse_i64(text, len, v)) return false;
    snprintf(again, sizeof again, "%lld", (long long)*v);
    return strlen(again) == len && memcmp(again, text, len) == 0;
}

static void take_ids(single *x, int k)
{
    table_cells *c = &x->frame.column[k];
    table_part *t = x->part;

    t->id_end = c->end;
    t->id_bytes = c->bytes;
    c->end = NULL;
    c->bytes = NULL;
    t->id_used = t->n ? (size_t)t->id_end[t->n - 1] : 0;
    t->id_whole = true;
    for (int64_t i = 0; i < t->n && t->id_whole; i++) {
        int64_t from = i ? t->id_end[i - 1] : 0;
        t->id_whole = is_whole(t->id_bytes + from, (size_t)(t->id_end[i] - from), &t->id_number[i]);
    }
}

static crm_status read_texts(single *x)
{
    static const crm_field_type type[CRM_TABLE_KIND_COUNT] = {
        [CRM_TABLE_CATEGORICAL] = CRM_FIELD_CATEGORY,
        [CRM_TABLE_LABEL] = CRM_FIELD_CATEGORY,
        [CRM_TABLE_ID] = CRM_FIELD_TEXT};
    const table_plan *p = x->plan;

    if (p->n_cat == 0 && p->label < 0 && p->id < 0) return CRM_OK;
    CRM_TRY(read_kinds(x, type));
    for (int k = 0; k < p->n; k++) {
        if (p->column[k].kind == CRM_TABLE_CATEGORICAL) take_codes(x, k);
        if (p->column[k].kind == CRM_TABLE_ID) take_ids(x, k);
        if (p->column[k].kind == CRM_TABLE_LABEL) take_label(x, k);
    }
    return CRM_OK;
}

/* ---- the label of a model ---- */
/* Field k of a row of the frame. */
static crm_status fail_row(const single *x, int64_t row, int k)
{
    const table_source *s = &x->in->source[0];
    int64_t line = x->frame.where[row] & (((int64_t)1 << 40) - 1);
    size_t at = 0;
    table_span *span;
    table_record r;
    crm_status st;

    for (int64_t i = 1; i < line; i++)
        at = (size_t)((const char *)memchr(s->file.data + at, '\n', s->file.size - at) -
                      s->file.data) +
             1;
    CRM_NEW(span, s->n);
    crm_table_record_read(s, false, at, at, span, s->n, &r);
    st = crm_table_fail_at(&s->file, at + span[k].begin,
                           "column '%s': value is not one of the model's %d classes (the first is "
                           "'%s'); correct it or leave it empty",
                           x->plan->column[k].name, x->plan->like->n_classes,
                           x->plan->like->class_name[0]);
    crm_mem_free(span);
    return st;
}

static crm_status check_label(const single *x)
{
    const crm_table_like *like = x->plan->like;
    const table_part *t = x->part;
    const char *const *level = t->sorted[x->plan->n_cat];

    if (x->plan->label < 0 || !like || like->n_classes == 0) return CRM_OK;
    for (int64_t i = 0; i < t->n; i++) {
        bool known = t->label[i] < 0;
        for (int c = 0; c < like->n_classes && !known; c++)
            known = strcmp(like->class_name[c], level[t->label[i]]) == 0;
        if (!known) return fail_row(x, i, x->plan->label);
    }
    return CRM_OK;
}

/* ---- all of it ---- */
static crm_status settle(single *x)
{
    int64_t whole = x->part->id_whole;

    CRM_TRY(crm_table_first_error(x->comm, check_label(x)));
    if (x->plan->label >= 0)
        CRM_TRY(crm_table_first_error(
            x->comm, crm_table_part_classes(&x->in->source[0].file, x->plan, x->part)));
    CRM_TRY(crm_comm_sum_i64(x->comm, x->part->missing, x->plan->n));
    CRM_TRY(crm_comm_min_i64(x->comm, &whole, 1));
    x->part->id_whole = whole != 0;
    return CRM_OK;
}

crm_status crm_table_part_read(crm_comm *comm, const crm_table_def *def, table_input *in,
                               table_plan *p, table_rejects *rejects, table_part *t)
{
    single x = {.comm = comm, .in = in, .plan = p, .part = t, .rejects = rejects, .def = *def};
    crm_status st = CRM_OK;

    x.schema =
        (crm_table_schema){.path = in->source[0].file.path, .n = 1, .table = &x.def, .key = -1};
    x.def.n = p->n;
    x.def.column = crm_mem_new((size_t)p->n, sizeof *x.def.column);
    if (!x.def.column) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", p->n);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, read_numbers(&x));
    CRM_TRY_TO(st, done, read_texts(&x));
    st = settle(&x);
done:
    crm_table_frame_free(&x.frame);
    crm_mem_free(x.def.column);
    return st;
}

void crm_table_part_free(table_part *t, const table_plan *p)
{
    for (int k = 0; k <= p->n_cat; k++) {
        if (t->levels) crm_table_levels_free(&t->levels[k]);
        if (t->sorted) crm_mem_free(t->sorted[k]);
    }
    {
        void *owned[] = {t->missing,   t->num,      t->cat,    t->label,    t->id_end,
                         t->id_number, t->id_bytes, t->levels, t->n_levels, t->sorted};
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
            crm_mem_free(owned[i]);
    }
    *t = (table_part){0};
}
