/* table_fill.c - fields of a batch -> the values of one column.
 *
 * The kernels read what is as it should be, the rest comes here one by one. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_filler.h"

/* ---- missing values ---- */
static bool in_list(const crm_opt_list *l, const char *text, size_t len)
{
    for (int i = 0; i < l->n; i++)
        if (strlen(l->item[i]) == len && memcmp(l->item[i], text, len) == 0) return true;
    return false;
}

static bool is_missing(const table_filler *x, const table_filled *c, const char *text, size_t len)
{
    if (len == 0) return true;
    if (len > c->longest_missing) return false;
    return in_list(&c->field->missing, text, len) || in_list(&x->table->missing, text, len);
}

/* Text of a field without quotes and the blanks round it. */
crm_status crm_table_batch_text(table_filler *x, int64_t row, int field, const char **text,
                                size_t *len)
{
    const table_batch *b = x->batch;
    table_span s = b->span[row * b->n + field];

    *text = b->base + s.begin;
    *len = s.end - s.begin;
    return crm_table_field_text(text, len, b->quotes, x->table->latin1 && b->high, &x->scratch,
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
    const table_filled *c = &x->column[x->source->column[field]];

    if (c->field->guess) {
        c->cells->far |= what == TABLE_BEYOND;
        c->cells->text |= what != TABLE_BEYOND;
        return CRM_OK;
    }
    if (x->n_bad == x->cap_bad) {
        size_t cap = x->cap_bad ? 2 * x->cap_bad : 256;
        table_bad *p = crm_mem_grow(x->bad, x->cap_bad, cap, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu bad values", cap);
        x->bad = p;
        x->cap_bad = cap;
    }
    x->bad[x->n_bad++] = (table_bad){row, field, what};
    return CRM_OK;
}

/* Texts that mean missing though they are values. */
static crm_status clear_marked(table_filler *x, table_filled *c, int k, double *real,
                               int64_t *whole)
{
    for (int64_t i = 0; c->marked && i < x->batch->rows; i++) {
        const char *text;
        size_t len;
        CRM_TRY(crm_table_batch_text(x, i, k, &text, &len));
        crm_table_trim(&text, &len);
        if (!is_missing(x, c, text, len)) continue;
        if (real) real[i] = (double)NAN;
        if (whole) whole[i] = CRM_WHOLE_MISSING;
    }
    return CRM_OK;
}

/* ---- numbers ---- */
/* The data set holds float32: what is beyond its largest number is out of range, too. */
static crm_status check_real(table_filler *x, const table_filled *c, int k, const double *v)
{
    double low = c->field->min, high = c->field->max, most = (double)FLT_MAX;
    bool any = false;

    for (int64_t i = 0; i < x->batch->rows; i++)
        any |= v[i] < low || v[i] > high || v[i] < -most || v[i] > most;
    for (int64_t i = 0; any && i < x->batch->rows; i++) {
        table_fault what = v[i] < low                    ? TABLE_BELOW
                           : v[i] > high                 ? TABLE_ABOVE
                           : v[i] < -most || v[i] > most ? TABLE_BEYOND
                                                         : TABLE_FINE;
        if (what) CRM_TRY(note_bad(x, i, k, what));
    }
    return CRM_OK;
}

crm_status crm_table_fill_real(table_filler *x, table_filled *c, int k)
{
    double *out = c->cells->real + x->frame->n;
    char decimal = c->field->decimal ? c->field->decimal : '.';
    int64_t n;

    for (int64_t i = 0; c->cells->text && i < x->batch->rows; i++)
        out[i] = (double)NAN;
    if (c->cells->text) return CRM_OK;
    n = x->kernels->real(x->batch, k, decimal, out, x->odd);

    for (int64_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        double *v = &out[x->odd[i]];
        CRM_TRY(crm_table_batch_text(x, x->odd[i], k, &text, &len));
        crm_table_trim(&text, &len);
        *v = (double)NAN;
        if (is_missing(x, c, text, len) || crm_table_field_real(c->field, text, len, v)) continue;
        CRM_TRY(note_bad(x, x->odd[i], k, TABLE_NO_NUMBER));
    }
    CRM_TRY(clear_marked(x, c, k, out, NULL));
    return check_real(x, c, k, out);
}

crm_status crm_table_fill_whole(table_filler *x, table_filled *c, int k)
{
    int64_t *out = c->cells->whole + x->frame->n;
    int64_t low = c->field->time_min, high = c->field->time_max;
    int64_t n = x->kernels->whole(x->batch, k, out, x->odd);

    for (int64_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        int64_t *v = &out[x->odd[i]];
        CRM_TRY(crm_table_batch_text(x, x->odd[i], k, &text, &len));
        crm_table_trim(&text, &len);
        *v = CRM_WHOLE_MISSING;
        if (is_missing(x, c, text, len) || crm_table_field_whole(c->field, text, len, v)) continue;
        *v = CRM_WHOLE_MISSING;
        CRM_TRY(note_bad(x, x->odd[i], k, TABLE_NO_WHOLE));
    }
    CRM_TRY(clear_marked(x, c, k, NULL, out));
    if (low == INT64_MIN && high == INT64_MAX) return CRM_OK;
    for (int64_t i = 0; i < x->batch->rows; i++)
        if (out[i] != CRM_WHOLE_MISSING && (out[i] < low || out[i] > high))
            CRM_TRY(note_bad(x, i, k, out[i] < low ? TABLE_BELOW : TABLE_ABOVE));
    return CRM_OK;
}

/* What is not as most are: with blanks, missing, or no time. */
static crm_status odd_time(table_filler *x, table_filled *c, int k, int64_t row, int64_t *out)
{
    const char *text;
    size_t len;

    *out = CRM_WHOLE_MISSING;
    CRM_TRY(crm_table_batch_text(x, row, k, &text, &len));
    crm_table_trim(&text, &len);
    if (is_missing(x, c, text, len) || crm_table_time_read(&c->time, text, len, out)) return CRM_OK;
    *out = CRM_WHOLE_MISSING;
    return note_bad(x, row, k, TABLE_NO_TIME);
}

crm_status crm_table_fill_time(table_filler *x, table_filled *c, int k)
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

/* Case as the schema wants it: letters of ASCII. */
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

bool crm_table_is_mapped(const crm_field *f)
{
    return f->type == CRM_FIELD_CATEGORY && (f->letters != CRM_CASE_KEEP || f->map_from.n > 0);
}

static crm_status level_of(table_filler *x, table_filled *c, const char *text, size_t len,
                           int32_t *code)
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

/* The text as it was read, and the level that it becomes. */
static crm_status raw_level(table_filler *x, table_filled *c, const char *text, size_t len,
                            int32_t *code)
{
    const char *level;

    *code = 0;
    if (c->levels.n > c->field->max_levels) return CRM_OK; /* the import ends with that error */
    CRM_TRY(crm_table_levels_add(&c->raw, text, len, INT32_MAX - 2, code));
    if (c->raw.n == c->n_raw) return CRM_OK;
    if (c->n_raw == c->room_raw) {
        size_t have = (size_t)c->room_raw, room = have ? 2 * have : 64;
        CRM_TRY(crm_table_resize((void **)&c->mapped, have, room, sizeof *c->mapped));
        CRM_TRY(crm_table_resize((void **)&c->differs, have, room, 1));
        c->room_raw = (int64_t)room;
    }
    CRM_TRY(level_of(x, c, text, len, &c->mapped[c->n_raw]));
    level = crm_table_levels_text(&c->levels, c->mapped[c->n_raw]);
    c->differs[c->n_raw++] = strlen(level) != len || memcmp(level, text, len) != 0;
    return CRM_OK;
}

/* Codes of the rows of a batch, -1 for a missing value, TABLE_FRONT_BAD for one of a boolean. */
static crm_status find_codes(table_filler *x, table_filled *c, int k, int32_t *out)
{
    int64_t n = x->kernels->code(x->batch, k, &c->front, out, x->odd);

    for (int64_t i = 0; i < n; i++) {
        int64_t row = x->odd[i];
        size_t len, raw_len, outer_len;
        const char *text, *outer, *raw = raw_of(x->batch, row, k, &raw_len);
        int32_t *code = &out[row];
        *code = c->front.slot[crm_table_front_slot(&c->front, raw, raw_len)].code;
        if (*code != TABLE_FRONT_FREE) continue; /* came up in this batch */
        CRM_TRY(crm_table_batch_text(x, row, k, &text, &len));
        outer = text;
        outer_len = len;
        crm_table_trim(&text, &len);
        if (is_missing(x, c, text, len))
            *code = -1;
        else if (x->table->single)
            CRM_TRY(level_of(x, c, outer, outer_len, code));
        else if (c->field->type == CRM_FIELD_BOOLEAN)
            *code = boolean_of(c->field, text, len);
        else if (crm_table_is_mapped(c->field))
            CRM_TRY(raw_level(x, c, text, len, code));
        else
            CRM_TRY(level_of(x, c, text, len, code));
        CRM_TRY(crm_table_front_add(&c->front, raw, raw_len, *code));
    }
    return CRM_OK;
}

crm_status crm_table_fill_boolean(table_filler *x, table_filled *c, int k)
{
    int64_t *out = c->cells->whole + x->frame->n;

    CRM_TRY(find_codes(x, c, k, x->code));
    for (int64_t i = 0; i < x->batch->rows; i++) {
        out[i] = x->code[i] < 0 ? CRM_WHOLE_MISSING : x->code[i];
        if (x->code[i] == TABLE_FRONT_BAD) CRM_TRY(note_bad(x, i, k, TABLE_NO_BOOLEAN));
    }
    return CRM_OK;
}

crm_status crm_table_fill_code(table_filler *x, table_filled *c, int k)
{
    int32_t *out = c->cells->code + x->frame->n;

    CRM_TRY(find_codes(x, c, k, out));
    for (int64_t i = 0; c->n_raw && i < x->batch->rows; i++)
        if (out[i] >= 0) {
            c->cells->changed += c->differs[out[i]];
            out[i] = c->mapped[out[i]];
        }
    return CRM_OK;
}

/* ---- other texts ---- */
static crm_status text_room(const table_filler *x, table_filled *c, size_t more)
{
    size_t room;
    char *p;

    if (c->used + more <= c->room) return CRM_OK;
    room = (size_t)crm_table_foresee(x, (double)(c->used + more)) + more;
    p = crm_mem_grow(c->cells->bytes, c->used, room, 1);
    CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu bytes of texts", room);
    c->cells->bytes = p;
    c->room = room;
    return CRM_OK;
}

crm_status crm_table_fill_text(table_filler *x, table_filled *c, int k)
{
    int64_t n = x->frame->n;
    bool id = c->field->type == CRM_FIELD_ID;

    for (int64_t i = 0; i < x->batch->rows; i++) {
        const char *text, *inner;
        size_t len, inner_len;
        bool missing;
        CRM_TRY(crm_table_batch_text(x, i, k, &text, &len));
        inner = text;
        inner_len = len;
        crm_table_trim(&inner, &inner_len);
        missing = !x->table->single && is_missing(x, c, inner, inner_len);
        if (id) {
            text = inner;
            len = inner_len;
            CRM_TRY(make_case(x, c->field->letters, &text, &len));
            c->cells->changed += !missing && memcmp(text, inner, len) != 0;
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
