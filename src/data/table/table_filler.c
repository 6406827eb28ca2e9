/* table_filler.c - batches of fields -> the typed columns of a frame.
 *
 * Column by column (table_fill).  First the types whose values can be wrong; then rows are left out
 * as the schema says; then the other types, so that no level of a category comes from a row that is
 * not there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_filler.h"

enum { RAW_MOST = 1 << 20 }; /* distinct texts that are counted */

/* ---- columns of a frame ---- */
typedef struct array {
    void **p;
    size_t size;
} array;

/* Arrays of a column with an item for each row. */
static int arrays_of(const crm_field *f, table_cells *c, array out[2])
{
    int n = 0;

    if (f->derive != CRM_DERIVE_NONE) return 0; /* crm_table_derive makes it */
    switch (f->type) {
    case CRM_FIELD_REAL:
        out[n++] = (array){(void **)&c->real, sizeof *c->real};
        break;
    case CRM_FIELD_INTEGER:
    case CRM_FIELD_BOOLEAN:
    case CRM_FIELD_TIME:
        out[n++] = (array){(void **)&c->whole, sizeof *c->whole};
        break;
    case CRM_FIELD_CATEGORY:
        out[n++] = (array){(void **)&c->code, sizeof *c->code};
        break;
    case CRM_FIELD_ID:
        out[n++] = (array){(void **)&c->key, sizeof *c->key};
        break;
    default:
        break;
    }
    if (f->type == CRM_FIELD_ID || f->type == CRM_FIELD_TEXT)
        out[n++] = (array){(void **)&c->end, sizeof *c->end};
    return n;
}

crm_status crm_table_resize(void **p, size_t have, size_t room, size_t size)
{
    void *more = crm_mem_grow(*p, have, room, size);

    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: column of %zu rows", room);
    *p = more;
    return CRM_OK;
}

static crm_status set_room(table_filler *x, int64_t room)
{
    size_t n = (size_t)x->frame->n;
    void *where = x->frame->where;

    for (int c = 0; c < x->table->n; c++) {
        array a[2];
        int k = arrays_of(&x->table->column[c], &x->frame->column[c], a);
        while (k-- > 0)
            CRM_TRY(crm_table_resize(a[k].p, n, (size_t)room, a[k].size));
    }
    CRM_TRY(crm_table_resize(&where, n, (size_t)room, sizeof *x->frame->where));
    x->frame->where = where;
    x->room = room;
    return CRM_OK;
}

/* What have (rows, bytes) comes to at the end of the part, with a little to spare. */
double crm_table_foresee(const table_filler *x, double have)
{
    double done = (double)x->done, total = (double)(x->total > x->done ? x->total : x->done);

    return have * total / (done > 0 ? done : 1) * 1.125 + 64;
}

/* Room for more rows: about what the part will come to, at most its line ends. */
static crm_status rows_room(table_filler *x, int64_t rows)
{
    int64_t need = x->frame->n + rows, room;
    double likely;

    CRM_ASSERT(need <= x->most);
    if (need <= x->room) return CRM_OK;
    likely = crm_table_foresee(x, (double)need);
    room = likely < (double)x->most ? (int64_t)likely : x->most;
    return set_room(x, room > need ? room : need);
}

static size_t longest(const crm_opt_list *l, size_t least)
{
    for (int i = 0; i < l->n; i++)
        if (strlen(l->item[i]) > least) least = strlen(l->item[i]);
    return least;
}

/* Some text of the list is a value of the column. */
static bool has_value(const table_filled *c, const crm_opt_list *l)
{
    char decimal = c->field->decimal ? c->field->decimal : '.';
    double v;
    int64_t w;

    for (int i = 0; i < l->n; i++) {
        size_t len = strlen(l->item[i]);
        if (crm_table_real(l->item[i], len, decimal, &v)) return true;
        if (c->field->type == CRM_FIELD_TIME &&
            crm_table_time(c->field->format ? c->field->format : "iso", l->item[i], len, &w))
            return true;
    }
    return false;
}

static crm_status new_column(const crm_table_def *t, int c, table_filler *x)
{
    table_filled *col = &x->column[c];

    col->field = &t->column[c];
    col->cells = &x->frame->column[c];
    if (col->field->type == CRM_FIELD_TIME)
        CRM_CHECK(crm_table_time_make(col->field->format ? col->field->format : "iso", &col->time),
                  CRM_ERR_CONFIG, "column '%s' of table %s: format '%s' is not one of strptime's",
                  col->field->name, t->name, col->field->format);
    col->marked = has_value(col, &col->field->missing) || has_value(col, &t->missing);
    col->longest_missing = longest(&col->field->missing, longest(&t->missing, 0));
    return crm_table_front_add(&col->front, "", 0, TABLE_FRONT_FREE);
}

crm_status crm_table_filler_new(const crm_table_schema *s, int table, table_frame *f,
                                table_rejects *rejects, int64_t rows, size_t bytes,
                                table_filler **out)
{
    const crm_table_def *t = &s->table[table];
    table_filler *x;

    CRM_NEW(x, 1);
    *out = x;
    *x = (table_filler){.table = t, .frame = f, .rejects = rejects, .most = rows, .total = bytes};
    x->kernels = crm_table_kernels();
    CRM_NEW(x->column, t->n);
    CRM_NEW(f->column, t->n);
    for (int c = 0; c < t->n; c++)
        CRM_TRY(new_column(t, c, x));
    return set_room(x, 0);
}

void crm_table_filler_free(table_filler **xp)
{
    table_filler *x = *xp;

    if (!x) return;
    for (int c = 0; x->column && c < x->table->n; c++) {
        crm_mem_free(x->column[c].front.slot);
        crm_table_levels_free(&x->column[c].levels);
        crm_table_levels_free(&x->column[c].raw);
        crm_mem_free(x->column[c].mapped);
        crm_mem_free(x->column[c].differs);
    }
    {
        void *owned[] = {x->column, x->code, x->odd, x->out, x->bad, x->scratch, x->letters};
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
            crm_mem_free(owned[i]);
    }
    crm_mem_free(x);
    *xp = NULL;
}

int64_t crm_table_filler_skipped(const table_filler *x)
{
    return x->skipped;
}

/* ---- places ---- */
typedef struct place {
    int64_t line, col;
} place;

/* Byte at of a file, in a record that begins at byte begin of the given line. */
static place place_of(const table_source *s, bool latin1, size_t begin, int64_t line, size_t at)
{
    const char *data = s->file.data;
    place p = {line, 1};

    for (size_t i = begin; i < at; i++) {
        bool goes_on = !latin1 && ((unsigned char)data[i] & 0xC0) == 0x80;
        p.line += data[i] == '\n';
        p.col = data[i] == '\n' ? 1 : p.col + !goes_on;
    }
    return p;
}

static size_t at_of(const table_filler *x, int64_t row, int field)
{
    return (size_t)(x->batch->base - x->source->file.data) +
           x->batch->span[row * x->batch->n + field].begin;
}

crm_status crm_table_filler_broken(table_filler *x, const table_source *s, const table_record *r,
                                   int64_t line)
{
    place p = place_of(s, x->table->latin1, r->begin, line, r->fault_at);
    const char *what = crm_table_fault_names[r->fault];
    char text[CRM_TABLE_FAULT_MAX];
    bool ended = r->next > r->begin && s->file.data[r->next - 1] == '\n';

    if (r->fault == TABLE_ENDLESS || x->table->bad == CRM_BAD_ERROR)
        CRM_FAIL(CRM_ERR_FORMAT, "%s:%lld:%lld: %s", s->file.path, (long long)p.line,
                 (long long)p.col, crm_table_fault_text(x->table, s, r, s->n, text));
    crm_table_rejects_add_row(x->rejects, s->file.path, p.line, p.col, x->table->name, what, line,
                              line + r->lines - ended);
    x->skipped += x->table->bad == CRM_BAD_SKIP;
    return CRM_OK;
}

/* ---- bad values ---- */
static int compare_bad(const void *a, const void *b)
{
    const table_bad *x = a, *y = b;

    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return (x->field > y->field) - (x->field < y->field);
}

/* Of a single CSV, which has options in the place of a schema. */
static crm_status fail_single(const table_filler *x, const char *what, place p, const crm_field *f)
{
    char name[CRM_TABLE_SHOW_MAX];

    snprintf(name, sizeof name, "%.*s", CRM_TABLE_SHOW_MAX - 1, f->name);
    for (char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20) *c = ' ';
    CRM_FAIL(CRM_ERR_FORMAT,
             "%s:%lld:%lld: column '%s': %s; correct it, name it in data.missing, or set "
             "data.bad_values to missing",
             x->source->file.path, (long long)p.line, (long long)p.col, name, what);
}

static crm_status handle_bad(table_filler *x, const table_bad *v)
{
    const table_batch *b = x->batch;
    const crm_field *f = x->column[x->source->column[v->field]].field;
    place p = place_of(x->source, x->table->latin1, at_of(x, v->row, 0), b->line[v->row],
                       at_of(x, v->row, v->field));
    const char *what = crm_table_fault_names[v->what];
    char name[CRM_TABLE_SHOW_MAX];

    if (f->bad == CRM_BAD_ERROR && x->table->single) return fail_single(x, what, p, f);
    if (f->bad == CRM_BAD_ERROR)
        CRM_FAIL(CRM_ERR_FORMAT,
                 "%s:%lld:%lld: column '%s': %s; correct it, or say what it means: missing, min, "
                 "max, bad",
                 x->source->file.path, (long long)p.line, (long long)p.col,
                 crm_table_show(f->name, strlen(f->name), name), what);
    crm_table_rejects_add(x->rejects, x->source->file.path, p.line, p.col, x->table->name, f->name,
                          what);
    x->out[v->row] |= f->bad == CRM_BAD_SKIP;
    return CRM_OK;
}

/* Bad values of rows that stay become missing; gone: rows before it that are out. */
static crm_status clear_bad(table_filler *x, const table_bad *v, int64_t gone)
{
    table_filled *c = &x->column[x->source->column[v->field]];
    int64_t row = x->frame->n + v->row;
    double value;

    if (x->out[v->row]) return CRM_OK;
    c->bad++;
    if (c->cells->real) {
        value = c->cells->real[row];
        c->cells->real[row] = (double)NAN;
    } else {
        value =
            c->cells->whole[row] == CRM_WHOLE_MISSING ? (double)NAN : (double)c->cells->whole[row];
        c->cells->whole[row] = CRM_WHOLE_MISSING;
    }
    return crm_table_raw_add(c->cells, row - gone, value);
}

static crm_status clear_all_bad(table_filler *x)
{
    int64_t at = 0, gone = 0;

    for (size_t i = 0; i < x->n_bad; i++) {
        for (; at < x->bad[i].row; at++)
            gone += x->out[at];
        CRM_TRY(clear_bad(x, &x->bad[i], gone));
    }
    return CRM_OK;
}

/* Rows that are out leave the batch and the columns that are filled already. */
static void close_up(table_filler *x)
{
    table_batch *b = x->batch;
    int64_t n = x->frame->n, to = 0;

    for (int64_t i = 0; i < b->rows; i++) {
        if (x->out[i]) continue;
        if (to < i) {
            memcpy(&b->span[to * b->n], &b->span[i * b->n], (size_t)b->n * sizeof *b->span);
            b->line[to] = b->line[i];
            for (int c = 0; c < x->table->n; c++) {
                table_cells *t = x->column[c].cells;
                if (t->real) t->real[n + to] = t->real[n + i];
                if (t->whole) t->whole[n + to] = t->whole[n + i];
            }
        }
        to++;
    }
    x->skipped += b->rows - to;
    b->rows = to;
}

static crm_status settle_bad(table_filler *x)
{
    if (x->n_bad == 0) return CRM_OK;
    qsort(x->bad, x->n_bad, sizeof *x->bad, compare_bad);
    memset(x->out, 0, (size_t)x->batch->rows);
    for (size_t i = 0; i < x->n_bad; i++)
        CRM_TRY(handle_bad(x, &x->bad[i]));
    CRM_TRY(clear_all_bad(x));
    close_up(x);
    x->n_bad = 0;
    return CRM_OK;
}

/* ---- batches ---- */
typedef crm_status (*fill_fn)(table_filler *x, table_filled *c, int k);

static crm_status fill_columns(table_filler *x, const fill_fn fill[CRM_FIELD_TYPE_COUNT])
{
    for (int k = 0; k < x->source->n; k++) {
        int c = x->source->column[k];
        fill_fn fn = c < 0 ? NULL : fill[x->column[c].field->type];
        if (fn) CRM_TRY(fn(x, &x->column[c], k));
    }
    return CRM_OK;
}

static crm_status batch_room(table_filler *x, size_t rows)
{
    if (rows <= x->cap) return CRM_OK;
    crm_mem_free(x->code);
    crm_mem_free(x->odd);
    crm_mem_free(x->out);
    x->odd = NULL;
    x->out = NULL;
    x->cap = 0;
    CRM_NEW(x->code, 2 * rows);
    CRM_NEW(x->odd, 2 * rows);
    CRM_NEW(x->out, 2 * rows);
    x->cap = 2 * rows;
    return CRM_OK;
}

crm_status crm_table_filler_add(table_filler *x, const table_source *s, int file, table_batch *b)
{
    static const fill_fn MAY_FAIL[CRM_FIELD_TYPE_COUNT] = {
        [CRM_FIELD_REAL] = crm_table_fill_real,
        [CRM_FIELD_INTEGER] = crm_table_fill_whole,
        [CRM_FIELD_BOOLEAN] = crm_table_fill_boolean,
        [CRM_FIELD_TIME] = crm_table_fill_time};
    static const fill_fn OTHER[CRM_FIELD_TYPE_COUNT] = {[CRM_FIELD_CATEGORY] = crm_table_fill_code,
                                                        [CRM_FIELD_ID] = crm_table_fill_text,
                                                        [CRM_FIELD_TEXT] = crm_table_fill_text};

    if (b->rows == 0) return CRM_OK;
    x->done += b->bytes;
    CRM_TRY(rows_room(x, b->rows));
    CRM_TRY(batch_room(x, (size_t)b->rows));
    x->source = s;
    x->source_number = file;
    x->batch = b;
    CRM_TRY(fill_columns(x, MAY_FAIL));
    CRM_TRY(settle_bad(x));
    CRM_TRY(fill_columns(x, OTHER));
    for (int64_t i = 0; i < b->rows; i++)
        x->frame->where[x->frame->n + i] = (int64_t)file << 40 | b->line[i];
    x->frame->n += b->rows;
    return CRM_OK;
}

/* ---- the end ---- */
static void count_missing(table_filled *c, int64_t n)
{
    table_cells *t = c->cells;
    int64_t missing = t->missing; /* texts and ids: counted already */

    for (int64_t i = 0; t->real && i < n; i++)
        missing += t->real[i] != t->real[i];
    for (int64_t i = 0; t->whole && i < n; i++)
        missing += t->whole[i] == CRM_WHOLE_MISSING;
    for (int64_t i = 0; t->code && i < n; i++)
        missing += t->code[i] < 0;
    t->bad = c->bad;
    t->missing = missing - c->bad;
}

/* No row is to blame: the place is that of the column in the schema. */
static crm_status check_levels(const table_filler *x, int c)
{
    const crm_field *f = x->column[c].field;
    char name[CRM_TABLE_SHOW_MAX];

    if (x->frame->column[c].levels.n <= f->max_levels) return CRM_OK;
    crm_table_show(f->name, strlen(f->name), name);
    if (x->table->single)
        CRM_FAIL(CRM_ERR_FORMAT,
                 "%s:%d:%d: column '%s': more than %lld distinct values (data.max_levels); name it "
                 "in data.ignore or data.id, or raise data.max_levels",
                 x->frame->schema->path, f->line, f->col, name, (long long)f->max_levels);
    CRM_FAIL(CRM_ERR_FORMAT,
             "%s:%d:%d: column '%s' of table %s has more than %lld distinct values in its files; "
             "raise its max_levels, or make it text, id or ignore",
             x->frame->schema->path, f->line, f->col, name, x->table->name,
             (long long)f->max_levels);
}

/* Indices into the levels of this rank become codes. */
static crm_status recode(table_filled *c, int64_t n)
{
    table_cells *t = c->cells;
    int32_t *code;

    CRM_TRY(crm_table_levels_sort(&t->levels, &t->level));
    t->n_levels = t->levels.n;
    CRM_NEW(code, c->levels.n);
    for (int64_t i = 0; i < c->levels.n; i++)
        code[i] =
            crm_table_levels_find(t->level, t->n_levels, crm_table_levels_text(&c->levels, i));
    for (int64_t i = 0; i < n; i++)
        if (t->code[i] >= 0) t->code[i] = code[t->code[i]];
    crm_mem_free(code);
    return CRM_OK;
}

static crm_status settle(table_filler *x)
{
    if (x->frame->n < x->room - x->room / 8) CRM_TRY(set_room(x, x->frame->n));
    for (int c = 0; c < x->table->n; c++)
        if (x->frame->column[c].code) CRM_TRY(check_levels(x, c));
    for (int c = 0; c < x->table->n; c++) {
        if (x->frame->column[c].code) CRM_TRY(recode(&x->column[c], x->frame->n));
        count_missing(&x->column[c], x->frame->n);
    }
    return CRM_OK;
}

/* How many distinct texts there were in front of case and map, on all ranks. */
static crm_status count_raw(crm_comm *comm, table_filled *c)
{
    table_levels all = {0};
    crm_status st = crm_table_levels_gather(comm, &c->raw, 1, RAW_MOST, &all);

    c->cells->raw_levels = all.n > RAW_MOST ? -1 : all.n;
    crm_table_levels_free(&all);
    return st;
}

crm_status crm_table_filler_end(crm_comm *comm, table_filler *x)
{
    for (int c = 0; c < x->table->n; c++)
        if (crm_table_is_mapped(x->column[c].field)) CRM_TRY(count_raw(comm, &x->column[c]));
    for (int c = 0; c < x->table->n; c++)
        if (x->frame->column[c].code)
            CRM_TRY(crm_table_levels_gather(comm, &x->column[c].levels, 1,
                                            x->column[c].field->max_levels,
                                            &x->frame->column[c].levels));
    return crm_table_first_error(comm, settle(x));
}
