/* table_part.c - the rows of this rank as typed columns.
 *
 * Two passes over the mapped range: the first checks the rows, counts them and finds out which
 * columns are numbers (which only the whole file can tell); the second fills the columns.  So no
 * memory is needed but that of the columns themselves. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_stop.h"
#include "crmpi/base_str.h"
#include "table_impl.h"

enum {
    BATCH = 4 << 20
}; /* bytes of the file between two looks for a signal: tens of milliseconds */

typedef struct pass {
    const table_file *file;
    const table_plan *plan;
    table_part *part;
    int64_t *is_text; /* [plan->n] first pass: a value is not a number */
} pass;
typedef crm_status (*row_fn)(const pass *x, int64_t row, const table_reader *r);

/* The data set is written whole or not at all, so that there is nothing to go on with. */
static crm_status check_stop(crm_comm *comm, const table_file *f)
{
    int signal;

    CRM_TRY(crm_comm_stop_signal(comm, &signal));
    CRM_CHECK(!signal, CRM_ERR_STOPPED,
              "stopped by %s while %s was read: no data set is written; run the same command again "
              "to make it",
              crm_stop_name(signal), f->path);
    return CRM_OK;
}

/* Records that begin before r->end. */
static crm_status read_batch(const pass *x, table_reader *r, row_fn fn, int64_t *rows)
{
    bool got = true;

    while (got) {
        CRM_TRY(crm_table_reader_next(r, &got));
        if (got) CRM_TRY(fn(x, (*rows)++, r));
    }
    return CRM_OK;
}

/* The rows of this rank, batch by batch; between two batches the ranks agree whether to stop.  A
 * rank with a bad row goes on agreeing, since a rank before it may yet find one further up. */
static crm_status each_row(crm_comm *comm, const pass *x, size_t begin, size_t end, row_fn fn,
                           int64_t *rows)
{
    table_reader r = {.file = x->file, .sep = x->plan->sep, .pos = begin, .n_want = x->plan->n};
    int64_t batches = (int64_t)((end - begin + BATCH - 1) / BATCH);
    crm_status st, row = CRM_OK;

    *rows = 0;
    st = crm_comm_max_i64(comm, &batches, 1);
    for (size_t at = begin; !st && batches-- > 0; at = r.end) {
        r.end = end - at < BATCH ? end : at + BATCH;
        if (!row) row = read_batch(x, &r, fn, rows);
        st = check_stop(comm, x->file);
    }
    crm_table_reader_free(&r);
    return st ? st : crm_table_first_error(comm, row);
}

/* ---- first pass ---- */
static crm_status check_number(const pass *x, int k, const table_field *field, const char *text,
                               size_t len)
{
    char show[CRM_TABLE_SHOW_MAX];
    float v;

    if (x->is_text[k] || crm_table_number(text, len, &v)) return CRM_OK;
    if (x->plan->column[k].guess) {
        x->is_text[k] = 1;
        return CRM_OK;
    }
    if (x->plan->cfg->bad_values == CRM_TABLE_BAD_MISSING) return CRM_OK;
    return crm_table_fail_at(x->file, field->at,
                             "column '%s': value '%s' is not a finite number; correct it, name it "
                             "in data.missing, or set data.bad_values to missing",
                             x->plan->column[k].name, crm_table_show(text, len, show));
}

static bool same_text(const char *s, const char *text, size_t len)
{
    return strlen(s) == len && memcmp(s, text, len) == 0;
}

static crm_status check_label(const pass *x, int k, const table_field *field)
{
    const crm_table_like *like = x->plan->like;
    char show[CRM_TABLE_SHOW_MAX];

    if (!like || like->n_classes == 0) return CRM_OK;
    for (int c = 0; c < like->n_classes; c++)
        if (same_text(like->class_name[c], field->text, field->len)) return CRM_OK;
    return crm_table_fail_at(x->file, field->at,
                             "column '%s': value '%s' is not one of the model's %d classes (the "
                             "first is '%s'); correct it or leave it empty",
                             x->plan->column[k].name, crm_table_show(field->text, field->len, show),
                             like->n_classes, like->class_name[0]);
}

static crm_status check_row(const pass *x, int64_t row, const table_reader *r)
{
    (void)row;
    for (int k = 0; k < r->n; k++) {
        crm_table_kind kind = x->plan->column[k].kind;
        const char *text = r->field[k].text;
        size_t len = r->field[k].len;

        if (kind != CRM_TABLE_NUMERIC && kind != CRM_TABLE_LABEL) continue;
        crm_table_trim(&text, &len);
        if (crm_table_is_missing(x->plan, text, len)) continue;
        CRM_TRY(kind == CRM_TABLE_LABEL ? check_label(x, k, &r->field[k])
                                        : check_number(x, k, &r->field[k], text, len));
    }
    return CRM_OK;
}

static crm_status count_rows(crm_comm *comm, const table_file *f, table_part *t)
{
    t->total = t->n;
    CRM_TRY(crm_comm_exscan_i64(comm, t->n, &t->before));
    CRM_TRY(crm_comm_sum_i64(comm, &t->total, 1));
    CRM_CHECK(t->total > 0, CRM_ERR_FORMAT,
              "%s:1:1: the file has a header only, no row; rows are needed", f->path);
    return CRM_OK;
}

crm_status crm_table_part_scan(crm_comm *comm, const table_file *f, size_t begin, size_t end,
                               table_plan *p, table_part *t)
{
    int64_t *is_text = crm_mem_new((size_t)p->n, sizeof *is_text);
    pass x = {.file = f, .plan = p, .part = t, .is_text = is_text};
    crm_status st = CRM_OK;

    if (!is_text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", p->n);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, each_row(comm, &x, begin, end, check_row, &t->n));
    CRM_TRY_TO(st, done, count_rows(comm, f, t));
    CRM_TRY_TO(st, done, crm_comm_max_i64(comm, is_text, p->n));
    for (int k = 0; k < p->n; k++)
        if (is_text[k]) p->column[k].kind = CRM_TABLE_CATEGORICAL;
    crm_table_plan_slots(p);
done:
    crm_mem_free(is_text);
    return st;
}

/* ---- second pass ---- */
static crm_status add_id(table_part *t, int64_t row, const char *text, size_t len)
{
    char again[32];
    int64_t v = 0;

    if (t->id_used + len > t->id_room) {
        size_t room = 2 * (t->id_used + len);
        char *p = crm_mem_grow(t->id_bytes, t->id_used, room, 1);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu bytes of ids", room);
        t->id_bytes = p;
        t->id_room = room;
    }
    if (len) memcpy(t->id_bytes + t->id_used, text, len);
    t->id_used += len;
    t->id_end[row] = (int64_t)t->id_used;
    /* "007" and "+7" are texts: an id must come out as it went in */
    if (t->id_whole && crm_parse_i64(text, len, &v)) {
        snprintf(again, sizeof again, "%lld", (long long)v);
        t->id_whole = same_text(again, text, len);
    } else {
        t->id_whole = false;
    }
    t->id_number[row] = v;
    return CRM_OK;
}

static crm_status fill_field(const pass *x, int64_t row, int k, const table_field *field)
{
    const table_plan *p = x->plan;
    const table_plan_column *c = &p->column[k];
    table_part *t = x->part;
    const char *text = field->text;
    size_t len = field->len;
    bool missing;

    if (c->kind == CRM_TABLE_IGNORED) return CRM_OK;
    if (c->kind == CRM_TABLE_ID) return add_id(t, row, text, len);
    crm_table_trim(&text, &len);
    missing = crm_table_is_missing(p, text, len);
    if (c->kind == CRM_TABLE_NUMERIC) {
        float *v = &t->num[row * p->n_num + c->slot];
        if (missing || !crm_table_number(text, len, v)) {
            *v = (float)NAN;
            t->missing[k]++;
        }
    } else {
        bool label = c->kind == CRM_TABLE_LABEL;
        int set = label ? p->n_cat : c->slot;
        int32_t *code = label ? &t->label[row] : &t->cat[row * p->n_cat + c->slot];
        *code = -1;
        t->missing[k] += missing;
        if (!missing)
            return crm_table_levels_add(&t->local[set], field->text, field->len, p->cfg->max_levels,
                                        code);
    }
    return CRM_OK;
}

static crm_status fill_row(const pass *x, int64_t row, const table_reader *r)
{
    CRM_ASSERT(row < x->part->n);
    for (int k = 0; k < r->n; k++)
        CRM_TRY(fill_field(x, row, k, &r->field[k]));
    return CRM_OK;
}

static crm_status make_columns(const table_plan *p, table_part *t)
{
    size_t n = (size_t)t->n;

    CRM_NEW(t->missing, p->n);
    CRM_NEW(t->num, n * (size_t)p->n_num);
    CRM_NEW(t->cat, n * (size_t)p->n_cat);
    CRM_NEW(t->local, p->n_cat + 1);
    CRM_NEW(t->all, p->n_cat + 1);
    CRM_NEW(t->n_levels, p->n_cat + 1);
    CRM_NEW(t->sorted, p->n_cat + 1);
    if (p->label >= 0) CRM_NEW(t->label, n);
    if (p->id >= 0) {
        CRM_NEW(t->id_end, n);
        CRM_NEW(t->id_number, n);
    }
    return CRM_OK;
}

crm_status crm_table_part_fill(crm_comm *comm, const table_file *f, size_t begin, size_t end,
                               const table_plan *p, table_part *t)
{
    pass x = {.file = f, .plan = p, .part = t};
    int64_t rows, whole;

    CRM_TRY(crm_comm_agree(comm, make_columns(p, t)));
    t->id_whole = p->id >= 0;
    CRM_TRY(each_row(comm, &x, begin, end, fill_row, &rows));
    CRM_TRY(crm_comm_sum_i64(comm, t->missing, p->n));
    whole = t->id_whole;
    CRM_TRY(crm_comm_min_i64(comm, &whole, 1));
    t->id_whole = whole != 0;
    return crm_table_part_codes(comm, f, p, t);
}

void crm_table_part_free(table_part *t, const table_plan *p)
{
    for (int k = 0; k <= p->n_cat; k++) {
        if (t->local) crm_table_levels_free(&t->local[k]);
        if (t->all) crm_table_levels_free(&t->all[k]);
        if (t->sorted) crm_mem_free(t->sorted[k]);
    }
    {
        void *owned[] = {t->missing,  t->num,   t->cat, t->label,    t->id_end, t->id_number,
                         t->id_bytes, t->local, t->all, t->n_levels, t->sorted};
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
            crm_mem_free(owned[i]);
    }
    *t = (table_part){0};
}
