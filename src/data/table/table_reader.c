/* table_reader.c - records of a byte range of the CSV as fields (RFC 4180).
 *
 * A record that begins in the range is read to its end, also beyond the range.  What RFC 4180 does
 * not allow is an error, never a guess: a quote inside an unquoted field, text behind a closing
 * quote, a carriage return alone; for then the counting of quotes in table_file.c would not hold.
 */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_impl.h"

static int at_byte(const table_reader *r, size_t i)
{
    return i < r->file->size ? (unsigned char)r->file->data[i] : -1;
}

/* Bytes of the line end at i: 0 when there is none there. */
static size_t line_end(const table_reader *r, size_t i)
{
    int c = at_byte(r, i);

    if (c == '\n') return 1;
    return c == '\r' && at_byte(r, i + 1) == '\n' ? 2 : 0;
}

static crm_status check_bytes(const table_reader *r, size_t at, size_t len)
{
    size_t good = crm_table_utf8(r->file->data + at, len);
    unsigned c;

    if (good < len) {
        c = (unsigned char)r->file->data[at + good];
        if (c == 0)
            return crm_table_fail_at(
                r->file, at + good,
                "NUL byte; the file must be UTF-8 text, is it UTF-16 or binary?");
        return crm_table_fail_at(r->file, at + good,
                                 "byte 0x%02X is not valid UTF-8; convert the file to UTF-8", c);
    }
    if (len > CRM_TABLE_FIELD_MAX)
        return crm_table_fail_at(r->file, at, "field of more than %d bytes; is a quote missing?",
                                 CRM_TABLE_FIELD_MAX);
    return CRM_OK;
}

static crm_status read_plain(table_reader *r, table_field *f)
{
    const char *data = r->file->data;
    size_t i = r->pos, stop = r->pos + CRM_TABLE_FIELD_MAX + 1;

    if (stop > r->file->size) stop = r->file->size;
    while (i < stop && data[i] != r->sep && data[i] != '\n' && data[i] != '\r' && data[i] != '"')
        i++;
    CRM_TRY(check_bytes(r, r->pos, i - r->pos));
    if (at_byte(r, i) == '"')
        return crm_table_fail_at(r->file, i,
                                 "quote inside a field that does not begin with one; put the field "
                                 "in quotes and double this one");
    if (at_byte(r, i) == '\r' && line_end(r, i) == 0)
        return crm_table_fail_at(r->file, i,
                                 "carriage return without newline; lines must end with LF or CRLF");
    *f = (table_field){.text = data + r->pos, .len = i - r->pos, .at = r->pos};
    r->pos = i;
    return CRM_OK;
}

/* Position of the closing quote of the field whose opening quote is at open; stop when none is
 * there. */
static size_t closing_quote(const table_reader *r, size_t open, size_t stop, bool *doubled)
{
    size_t i = open + 1;

    while (i < stop) {
        const char *q = memchr(r->file->data + i, '"', stop - i);
        if (!q) return stop;
        i = (size_t)(q - r->file->data);
        if (at_byte(r, i + 1) != '"') return i;
        *doubled = true;
        i += 2;
    }
    return stop;
}

static crm_status read_quoted(table_reader *r, table_field *f)
{
    size_t open = r->pos, stop = open + CRM_TABLE_FIELD_MAX + 2, close;
    bool doubled = false;

    if (stop > r->file->size) stop = r->file->size;
    close = closing_quote(r, open, stop, &doubled);
    if (close >= stop && stop == r->file->size)
        return crm_table_fail_at(r->file, open,
                                 "the quote that opens here is never closed; close it, or double a "
                                 "quote that is meant as text");
    CRM_TRY(check_bytes(r, open + 1, close - open - 1));
    if (at_byte(r, close + 1) != r->sep && line_end(r, close + 1) == 0 && close + 1 < r->file->size)
        return crm_table_fail_at(r->file, open,
                                 "text follows the closing quote of this field; double the quotes "
                                 "inside it");
    *f = (table_field){
        .text = r->file->data + open + 1, .len = close - open - 1, .at = open, .doubled = doubled};
    r->pos = close + 1;
    return CRM_OK;
}

/* Doubled quotes of the record's fields become single ones, in scratch memory. */
static crm_status resolve_doubled(table_reader *r)
{
    size_t need = 0, used = 0;

    for (int k = 0; k < r->n; k++)
        need += r->field[k].doubled ? r->field[k].len : 0;
    if (need > r->scratch_cap) {
        crm_mem_free(r->scratch);
        r->scratch_cap = 0;
        CRM_NEW(r->scratch, need * 2);
        r->scratch_cap = need * 2;
    }
    for (int k = 0; k < r->n; k++) {
        table_field *f = &r->field[k];
        size_t begin = used;
        if (!f->doubled) continue;
        for (size_t i = 0; i < f->len; i++) {
            r->scratch[used++] = f->text[i];
            if (f->text[i] == '"') i++;
        }
        f->text = r->scratch + begin;
        f->len = used - begin;
    }
    return CRM_OK;
}

static crm_status add_field(table_reader *r)
{
    if (r->n == r->cap) {
        int cap = r->cap ? 2 * r->cap : 32;
        table_field *p = crm_mem_grow(r->field, (size_t)r->cap, (size_t)cap, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %d fields of a record", cap);
        r->field = p;
        r->cap = cap;
    }
    CRM_TRY(at_byte(r, r->pos) == '"' ? read_quoted(r, &r->field[r->n])
                                      : read_plain(r, &r->field[r->n]));
    r->n++;
    return CRM_OK;
}

static crm_status read_record(table_reader *r)
{
    size_t begin = r->pos;

    r->n = 0;
    CRM_TRY(add_field(r));
    while (at_byte(r, r->pos) == r->sep) {
        r->pos++;
        CRM_TRY(add_field(r));
    }
    r->pos += line_end(r, r->pos);
    if (r->n_want && r->n != r->n_want)
        return crm_table_fail_at(
            r->file, begin,
            "row has %d fields, the header has %d; mend the row, or put values "
            "that hold the separator in quotes",
            r->n, r->n_want);
    return resolve_doubled(r);
}

crm_status crm_table_reader_next(table_reader *r, bool *got)
{
    size_t blank;

    while (r->pos < r->end && (blank = line_end(r, r->pos)) > 0)
        r->pos += blank;
    *got = r->pos < r->end;
    if (*got) CRM_TRY(read_record(r));
    return CRM_OK;
}

void crm_table_reader_free(table_reader *r)
{
    crm_mem_free(r->field);
    crm_mem_free(r->scratch);
    *r = (table_reader){0};
}
