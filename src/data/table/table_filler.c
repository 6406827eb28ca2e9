/* table_filler.c - batches of fields -> the typed columns of a frame.
 *
 * Column by column: the kernels read what is as it should be, the rest comes here one by one.
 * First the types whose values can be wrong; then rows are left out as the schema says; then the
 * other types, so that no level of a category comes from a row that is not there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_scan.h"

typedef struct bad_value {
    int64_t row;
    int field;
    table_fault what;
} bad_value;

typedef struct column {
    const crm_field *field;
    table_cells *cells;
    table_time time;
    table_front front;
    table_levels levels;
    size_t longest_missing;
    bool marked;       /* a text that means missing is also a value: -999, 1900-01-01 */
    size_t used, room; /* bytes of texts */
    int64_t bad;
} column;

struct table_filler {
    const crm_table_def *table;
    table_frame *frame;
    table_rejects *rejects;
    const table_kernels *kernels;
    int64_t room, most; /* rows that there is room for now, that there can be */
    size_t done, total; /* bytes of the part that are read, all of them       */
    column *column;
    int64_t skipped;
    /* of a batch */
    const table_source *source;
    int source_number;
    table_batch *batch;
    size_t cap; /* rows of what follows */
    int32_t *code;
    uint32_t *odd;
    uint8_t *out;
    bad_value *bad;
    size_t n_bad, cap_bad;
    char *scratch, *letters;
    size_t scratch_cap, letters_cap;
};

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

static crm_status resize(void **p, size_t have, size_t room, size_t size)
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
            CRM_TRY(resize(a[k].p, n, (size_t)room, a[k].size));
    }
    CRM_TRY(resize(&where, n, (size_t)room, sizeof *x->frame->where));
    x->frame->where = where;
    x->room = room;
    return CRM_OK;
}

/* What have (rows, bytes) comes to at the end of the part, with a little to spare. */
static double foresee(const table_filler *x, double have)
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
    likely = foresee(x, (double)need);
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
static bool has_value(const column *c, const crm_opt_list *l)
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
    column *col = &x->column[c];

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
    bool ended = r->next > r->begin && s->file.data[r->next - 1] == '\n';

    if (r->fault == TABLE_ENDLESS || x->table->bad == CRM_BAD_ERROR)
        CRM_FAIL(CRM_ERR_FORMAT, "%s:%lld:%lld: %s", s->file.path, (long long)p.line,
                 (long long)p.col, what);
    crm_table_rejects_add_row(x->rejects, s->file.path, p.line, p.col, x->table->name, what, line,
                              line + r->lines - ended);
    x->skipped += x->table->bad == CRM_BAD_SKIP;
    return CRM_OK;
}

/* ---- missing values ---- */
static bool in_list(const crm_opt_list *l, const char *text, size_t len)
{
    for (int i = 0; i < l->n; i++)
        if (strlen(l->item[i]) == len && memcmp(l->item[i], text, len) == 0) return true;
    return false;
}

static bool is_missing(const table_filler *x, const column *c, const char *text, size_t len)
{
    if (len == 0) return true;
    if (len > c->longest_missing) return false;
    return in_list(&c->field->missing, text, len) || in_list(&x->table->missing, text, len);
}

/* Text of a field without quotes and the blanks round it. */
static crm_status text_of(table_filler *x, int64_t row, int field, const char **text, size_t *len)
{
    const table_batch *b = x->batch;
    table_span s = b->span[row * b->n + field];

    *text = b->base + s.begin;
    *len = s.end - s.begin;
    return crm_table_field_text(text, len, x->table->latin1 && b->high, &x->scratch,
                                &x->scratch_cap);
}

/* The field as it stands in the file but for its quotes: what the front knows it by. */
static const char *raw_of(const table_batch *b, int64_t row, int k, size_t *len)
{
    table_span s = b->span[row * b->n + k];
    const char *p = b->base + s.begin;

    *len = s.end - s.begin;
    if (b->quotes && *len >= 2 && *p == '"') {
        p++;
        *len -= 2;
    }
    return p;
}

static crm_status note_bad(table_filler *x, int64_t row, int field, table_fault what)
{
    if (x->n_bad == x->cap_bad) {
        size_t cap = x->cap_bad ? 2 * x->cap_bad : 256;
        bad_value *p = crm_mem_grow(x->bad, x->cap_bad, cap, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu bad values", cap);
        x->bad = p;
        x->cap_bad = cap;
    }
    x->bad[x->n_bad++] = (bad_value){row, field, what};
    return CRM_OK;
}

/* Texts that mean missing though they are values. */
static crm_status clear_marked(table_filler *x, column *c, int k, double *real, int64_t *whole)
{
    for (int64_t i = 0; c->marked && i < x->batch->rows; i++) {
        const char *text;
        size_t len;
        CRM_TRY(text_of(x, i, k, &text, &len));
        crm_table_trim(&text, &len);
        if (!is_missing(x, c, text, len)) continue;
        if (real) real[i] = (double)NAN;
        if (whole) whole[i] = CRM_WHOLE_MISSING;
    }
    return CRM_OK;
}

/* ---- numbers ---- */
static crm_status fill_real(table_filler *x, column *c, int k)
{
    double *out = c->cells->real + x->frame->n, low = c->field->min, high = c->field->max;
    char decimal = c->field->decimal ? c->field->decimal : '.';
    int64_t n = x->kernels->real(x->batch, k, decimal, out, x->odd);

    for (int64_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        double *v = &out[x->odd[i]];
        CRM_TRY(text_of(x, x->odd[i], k, &text, &len));
        crm_table_trim(&text, &len);
        *v = (double)NAN;
        if (is_missing(x, c, text, len) || crm_table_real(text, len, decimal, v)) continue;
        CRM_TRY(note_bad(x, x->odd[i], k, TABLE_NO_NUMBER));
    }
    CRM_TRY(clear_marked(x, c, k, out, NULL));
    if (low == -INFINITY && high == INFINITY) return CRM_OK;
    for (int64_t i = 0; i < x->batch->rows; i++)
        if (out[i] < low || out[i] > high)
            CRM_TRY(note_bad(x, i, k, out[i] < low ? TABLE_BELOW : TABLE_ABOVE));
    return CRM_OK;
}

static crm_status fill_whole(table_filler *x, column *c, int k)
{
    int64_t *out = c->cells->whole + x->frame->n;
    double low = c->field->min, high = c->field->max;
    int64_t n = x->kernels->whole(x->batch, k, out, x->odd);

    for (int64_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        int64_t *v = &out[x->odd[i]];
        CRM_TRY(text_of(x, x->odd[i], k, &text, &len));
        crm_table_trim(&text, &len);
        *v = CRM_WHOLE_MISSING;
        if (is_missing(x, c, text, len) || crm_table_whole(text, len, v)) continue;
        *v = CRM_WHOLE_MISSING;
        CRM_TRY(note_bad(x, x->odd[i], k, TABLE_NO_WHOLE));
    }
    CRM_TRY(clear_marked(x, c, k, NULL, out));
    if (low == -INFINITY && high == INFINITY) return CRM_OK;
    for (int64_t i = 0; i < x->batch->rows; i++)
        if (out[i] != CRM_WHOLE_MISSING && ((double)out[i] < low || (double)out[i] > high))
            CRM_TRY(note_bad(x, i, k, (double)out[i] < low ? TABLE_BELOW : TABLE_ABOVE));
    return CRM_OK;
}

/* What is not as most are: with blanks, missing, or no time. */
static crm_status odd_time(table_filler *x, column *c, int k, int64_t row, int64_t *out)
{
    const char *text;
    size_t len;

    *out = CRM_WHOLE_MISSING;
    CRM_TRY(text_of(x, row, k, &text, &len));
    crm_table_trim(&text, &len);
    if (is_missing(x, c, text, len) || crm_table_time_read(&c->time, text, len, out)) return CRM_OK;
    *out = CRM_WHOLE_MISSING;
    return note_bad(x, row, k, TABLE_NO_TIME);
}

static crm_status fill_time(table_filler *x, column *c, int k)
{
    int64_t *out = c->cells->whole + x->frame->n;
    const crm_field *f = c->field;

    for (int64_t i = 0; i < x->batch->rows; i++) {
        size_t len;
        const char *text = raw_of(x->batch, i, k, &len);
        if (!crm_table_time_read(&c->time, text, len, &out[i]))
            CRM_TRY(odd_time(x, c, k, i, &out[i]));
    }
    CRM_TRY(clear_marked(x, c, k, NULL, out));
    if (f->time_min == INT64_MIN && f->time_max == INT64_MAX) return CRM_OK;
    for (int64_t i = 0; i < x->batch->rows; i++)
        if (out[i] != CRM_WHOLE_MISSING && (out[i] < f->time_min || out[i] > f->time_max))
            CRM_TRY(note_bad(x, i, k, out[i] < f->time_min ? TABLE_BELOW : TABLE_ABOVE));
    return CRM_OK;
}

/* ---- texts of few values ---- */
static bool same_letters(const char *word, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]) != word[i]) return false;
    return word[len] == '\0';
}

static int32_t boolean_of(const crm_field *f, const char *text, size_t len)
{
    static const char *const WORD[2][4] = {{"no", "false", "n", "f"}, {"yes", "true", "y", "t"}};
    const char *const own[2] = {f->no, f->yes};

    for (int v = 0; v < 2; v++)
        if (own[v] && own[v][0]) {
            if (strlen(own[v]) == len && memcmp(own[v], text, len) == 0) return v;
            if (own[1 - v] && own[1 - v][0]) continue;
        }
    if (own[0] && own[0][0] && own[1] && own[1][0]) return TABLE_FRONT_BAD;
    for (int v = 0; v < 2; v++) {
        if (own[v] && own[v][0]) continue;
        if (len == 1 && text[0] == (v ? '1' : '0')) return v;
        for (int k = 0; k < 4; k++)
            if (len <= 5 && same_letters(WORD[v][k], text, len)) return v;
    }
    return TABLE_FRONT_BAD;
}

/* Case as the schema wants it: letters of ASCII, and for lower case those that crm_text_lower
 * knows.
 */
static crm_status make_case(table_filler *x, crm_letter_case how, const char **text, size_t *len)
{
    if (how == CRM_CASE_KEEP || *len == 0) return CRM_OK;
    if (*len > x->letters_cap) {
        char *more = crm_mem_new(2 * *len, 1);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: field of %zu bytes", *len);
        crm_mem_free(x->letters);
        x->letters = more;
        x->letters_cap = 2 * *len;
    }
    for (size_t i = 0; i < *len; i++) {
        char c = (*text)[i];
        if (how == CRM_CASE_LOWER && c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if (how == CRM_CASE_UPPER && c >= 'a' && c <= 'z') c = (char)(c - 32);
        x->letters[i] = c;
    }
    *text = x->letters;
    return CRM_OK;
}

static crm_status level_of(table_filler *x, column *c, const char *text, size_t len, int32_t *code)
{
    const crm_field *f = c->field;

    CRM_TRY(make_case(x, f->letters, &text, &len));
    for (int i = 0; i < f->map_from.n; i++)
        if (strlen(f->map_from.item[i]) == len && memcmp(f->map_from.item[i], text, len) == 0) {
            text = f->map_to.item[i];
            len = strlen(text);
            break;
        }
    return crm_table_levels_add(&c->levels, text, len, f->max_levels, code);
}

/* Codes of the rows of a batch, -1 for a missing value, TABLE_FRONT_BAD for one of a boolean. */
static crm_status find_codes(table_filler *x, column *c, int k, int32_t *out)
{
    int64_t n = x->kernels->code(x->batch, k, &c->front, out, x->odd);

    for (int64_t i = 0; i < n; i++) {
        int64_t row = x->odd[i];
        size_t len, raw_len;
        const char *text, *raw = raw_of(x->batch, row, k, &raw_len);
        int32_t *code = &out[row];
        *code = c->front.slot[crm_table_front_slot(&c->front, raw, raw_len)].code;
        if (*code != TABLE_FRONT_FREE) continue; /* came up in this batch */
        CRM_TRY(text_of(x, row, k, &text, &len));
        crm_table_trim(&text, &len);
        if (is_missing(x, c, text, len))
            *code = -1;
        else if (c->field->type == CRM_FIELD_BOOLEAN)
            *code = boolean_of(c->field, text, len);
        else
            CRM_TRY(level_of(x, c, text, len, code));
        CRM_TRY(crm_table_front_add(&c->front, raw, raw_len, *code));
    }
    return CRM_OK;
}

static crm_status fill_boolean(table_filler *x, column *c, int k)
{
    int64_t *out = c->cells->whole + x->frame->n;

    CRM_TRY(find_codes(x, c, k, x->code));
    for (int64_t i = 0; i < x->batch->rows; i++) {
        out[i] = x->code[i] < 0 ? CRM_WHOLE_MISSING : x->code[i];
        if (x->code[i] == TABLE_FRONT_BAD) CRM_TRY(note_bad(x, i, k, TABLE_NO_BOOLEAN));
    }
    return CRM_OK;
}

/* ---- other texts ---- */
static crm_status text_room(const table_filler *x, column *c, size_t more)
{
    size_t room;
    char *p;

    if (c->used + more <= c->room) return CRM_OK;
    room = (size_t)foresee(x, (double)(c->used + more)) + more;
    p = crm_mem_grow(c->cells->bytes, c->used, room, 1);
    CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu bytes of texts", room);
    c->cells->bytes = p;
    c->room = room;
    return CRM_OK;
}

static crm_status fill_text(table_filler *x, column *c, int k)
{
    int64_t n = x->frame->n;
    bool id = c->field->type == CRM_FIELD_ID;

    for (int64_t i = 0; i < x->batch->rows; i++) {
        const char *text, *inner;
        size_t len, inner_len;
        bool missing;
        CRM_TRY(text_of(x, i, k, &text, &len));
        inner = text;
        inner_len = len;
        crm_table_trim(&inner, &inner_len);
        missing = is_missing(x, c, inner, inner_len);
        if (id) {
            text = inner;
            len = inner_len;
            CRM_TRY(make_case(x, c->field->letters, &text, &len));
            c->cells->key[n + i] = missing ? (crm_digest){0, 0} : crm_digest_of(text, len);
        }
        c->cells->missing += missing;
        if (missing) len = 0;
        CRM_TRY(text_room(x, c, len));
        if (len) memcpy(c->cells->bytes + c->used, text, len);
        c->used += len;
        c->cells->end[n + i] = (int64_t)c->used;
    }
    return CRM_OK;
}

/* ---- bad values ---- */
static int compare_bad(const void *a, const void *b)
{
    const bad_value *x = a, *y = b;

    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return (x->field > y->field) - (x->field < y->field);
}

static crm_status handle_bad(table_filler *x, const bad_value *v)
{
    const table_batch *b = x->batch;
    const crm_field *f = x->column[x->source->column[v->field]].field;
    place p = place_of(x->source, x->table->latin1, at_of(x, v->row, 0), b->line[v->row],
                       at_of(x, v->row, v->field));
    const char *what = crm_table_fault_names[v->what];
    char name[CRM_TABLE_SHOW_MAX];

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

/* Bad values of rows that stay become missing. */
static void clear_bad(table_filler *x, const bad_value *v)
{
    column *c = &x->column[x->source->column[v->field]];

    if (x->out[v->row]) return;
    c->bad++;
    if (c->cells->real)
        c->cells->real[x->frame->n + v->row] = (double)NAN;
    else
        c->cells->whole[x->frame->n + v->row] = CRM_WHOLE_MISSING;
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
    for (size_t i = 0; i < x->n_bad; i++)
        clear_bad(x, &x->bad[i]);
    close_up(x);
    x->n_bad = 0;
    return CRM_OK;
}

/* ---- batches ---- */
typedef crm_status (*fill_fn)(table_filler *x, column *c, int k);

static crm_status fill_code(table_filler *x, column *c, int k)
{
    return find_codes(x, c, k, c->cells->code + x->frame->n);
}

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
    static const fill_fn MAY_FAIL[CRM_FIELD_TYPE_COUNT] = {[CRM_FIELD_REAL] = fill_real,
                                                           [CRM_FIELD_INTEGER] = fill_whole,
                                                           [CRM_FIELD_BOOLEAN] = fill_boolean,
                                                           [CRM_FIELD_TIME] = fill_time};
    static const fill_fn OTHER[CRM_FIELD_TYPE_COUNT] = {
        [CRM_FIELD_CATEGORY] = fill_code, [CRM_FIELD_ID] = fill_text, [CRM_FIELD_TEXT] = fill_text};

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
static void count_missing(column *c, int64_t n)
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

static crm_status check_levels(const table_filler *x, const table_input *in, int c)
{
    const crm_field *f = x->column[c].field;
    char name[CRM_TABLE_SHOW_MAX];

    if (x->frame->column[c].levels.n <= f->max_levels) return CRM_OK;
    return crm_table_fail_at(
        &in->source[0].file, in->source[0].header_at,
        "column '%s': more than %lld distinct values; raise its max_levels, or "
        "make it text, id or ignore",
        crm_table_show(f->name, strlen(f->name), name), (long long)f->max_levels);
}

/* Indices into the levels of this rank become codes. */
static crm_status recode(column *c, int64_t n)
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

static crm_status settle(table_filler *x, const table_input *in)
{
    if (x->frame->n < x->room - x->room / 8) CRM_TRY(set_room(x, x->frame->n));
    for (int c = 0; c < x->table->n; c++)
        if (x->frame->column[c].code) CRM_TRY(check_levels(x, in, c));
    for (int c = 0; c < x->table->n; c++) {
        if (x->frame->column[c].code) CRM_TRY(recode(&x->column[c], x->frame->n));
        count_missing(&x->column[c], x->frame->n);
    }
    return CRM_OK;
}

crm_status crm_table_filler_end(crm_comm *comm, table_filler *x, const table_input *in)
{
    for (int c = 0; c < x->table->n; c++)
        if (x->frame->column[c].code)
            CRM_TRY(crm_table_levels_gather(comm, &x->column[c].levels, 1,
                                            x->column[c].field->max_levels,
                                            &x->frame->column[c].levels));
    return crm_table_first_error(comm, settle(x, in));
}
