/* table_record.c - one record byte by byte: what the fast scan of table_scan means, and what is
 * wrong where that finds something odd. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_scan.h"

const char *const crm_table_fault_names[] = {
    "no fault",
    "NUL byte; the file must be text, is it UTF-16 or binary?",
    "byte that is not valid UTF-8; convert the file, or say encoding: latin-1",
    "carriage return without newline; lines must end with LF or CRLF",
    "quote inside a field that does not begin with one; put the field in quotes and double this "
    "one",
    "text follows the closing quote of this field; double the quotes inside it",
    "the quote that opens here is never closed; close it, or double a quote that is meant as text",
    "field in quotes of more than 1048576 bytes; is a quote missing?",
    "field of more than 1048576 bytes",
    "number of fields is not that of the header; mend the row, or put values that hold the "
    "separator in quotes",
    "value is not a finite number",
    "value is not a whole number",
    "value is none of the two of a boolean",
    "value is not a time of the format of the column",
    "value is below the minimum of the column",
    "value is above the maximum of the column",
    "value is beyond 3.4e38, the largest number that a data set holds",
    NULL,
};
_Static_assert(sizeof crm_table_fault_names / sizeof *crm_table_fault_names ==
                   TABLE_FAULT_COUNT + 1,
               "a text for each fault");

typedef struct reading {
    const table_source *source;
    const char *data;
    size_t size;
    char sep;
    table_record *r;
} reading;

static void fault(const reading *x, table_fault what, size_t at)
{
    table_record *r = x->r;

    /* the first one counts, but that the end is not known beats all */
    if (r->fault == TABLE_ENDLESS) return;
    if (r->fault != TABLE_FINE && r->fault_at <= at && what != TABLE_ENDLESS) return;
    r->fault = what;
    r->fault_at = at;
}

/* Bytes of the line end at i: 0 when there is none. */
static size_t line_end(const reading *x, size_t i)
{
    if (x->data[i] == '\n') return 1;
    return x->data[i] == '\r' && i + 1 < x->size && x->data[i + 1] == '\n' ? 2 : 0;
}

/* From i on, outside quotes, to a separator, a line end or the end of the file. */
static size_t pass_plain(const reading *x, size_t i, bool behind)
{
    for (; i < x->size; i++) {
        char c = x->data[i];
        if (c == x->sep || c == '\n') break;
        if (c == '\r') {
            if (line_end(x, i)) break;
            fault(x, TABLE_CR, i);
        }
        if (c == '"' && !behind && !x->source->unquoted) fault(x, TABLE_STRAY, i);
    }
    return i;
}

/* Behind the closing quote of the field whose opening quote is at open; the end of the file when
 * there is none. */
static size_t pass_quoted(const reading *x, size_t open)
{
    size_t i = open + 1;

    for (;;) {
        const char *q = i < x->size ? memchr(x->data + i, '"', x->size - i) : NULL;
        size_t stop = q ? (size_t)(q - x->data) : x->size;
        if (stop - open - 1 > CRM_TABLE_FIELD_MAX) {
            fault(x, TABLE_ENDLESS, open);
            if (!q) return x->size;
        }
        if (!q) {
            fault(x, TABLE_UNCLOSED, open);
            return x->size;
        }
        if (stop + 1 >= x->size || x->data[stop + 1] != '"') return stop + 1;
        i = stop + 2;
    }
}

static size_t pass_field(const reading *x, size_t i)
{
    size_t open = i;

    if (i >= x->size || x->data[i] != '"' || x->source->unquoted) {
        i = pass_plain(x, i, false);
        if (i - open > CRM_TABLE_FIELD_MAX) fault(x, TABLE_LONG, open);
        return i;
    }
    i = pass_quoted(x, i);
    if (i < x->size && x->data[i] != x->sep && !line_end(x, i)) {
        fault(x, TABLE_BEHIND, open);
        i = pass_plain(x, i, true);
    }
    return i;
}

static void check_bytes(const reading *x, bool latin1, size_t at, size_t n)
{
    const char *zero;
    size_t good;

    if (latin1) {
        if ((zero = memchr(x->data + at, '\0', n))) fault(x, TABLE_NUL, (size_t)(zero - x->data));
        return;
    }
    good = crm_table_utf8(x->data + at, n);
    if (good < n) fault(x, x->data[at + good] ? TABLE_BYTE : TABLE_NUL, at + good);
}

void crm_table_record_read(const table_source *s, bool latin1, size_t base, size_t at,
                           table_span *span, int n_want, table_record *r)
{
    reading x = {s, s->file.data, s->file.size, s->sep, r};
    size_t i = at;
    bool more = true;

    *r = (table_record){.begin = at};
    while (more) {
        size_t begin = i;
        i = pass_field(&x, i);
        if (r->n < n_want && i - base <= UINT32_MAX)
            span[r->n] = (table_span){(uint32_t)(begin - base), (uint32_t)(i - base)};
        r->n += r->n < INT_MAX;
        more = i < x.size && x.data[i] == x.sep;
        i += more;
    }
    check_bytes(&x, latin1, at, i - at);
    if (r->fault == TABLE_FINE && i - at > TABLE_RECORD_MAX) fault(&x, TABLE_LONG, at);
    if (r->fault == TABLE_FINE && r->n != n_want) fault(&x, TABLE_COUNT, at);
    r->next = i < x.size ? i + line_end(&x, i) : i;
    r->lines = crm_table_lines(x.data + at, r->next - at);
}

const char *crm_table_fault_text(const crm_table_def *t, const table_source *s,
                                 const table_record *r, int n, char out[CRM_TABLE_FAULT_MAX])
{
    if (r->fault == TABLE_COUNT)
        snprintf(out, CRM_TABLE_FAULT_MAX, "row has %d fields, the %s has %d; mend the row%s", r->n,
                 t->headerless ? "schema" : "header", n,
                 s->unquoted ? "" : ", or put values that hold the separator in quotes");
    else if (r->fault == TABLE_BYTE)
        snprintf(out, CRM_TABLE_FAULT_MAX,
                 "byte 0x%02X is not valid UTF-8; convert the file to UTF-8%s",
                 (unsigned char)s->file.data[r->fault_at],
                 t->single ? "" : ", or say encoding: latin-1");
    else
        snprintf(out, CRM_TABLE_FAULT_MAX, "%s", crm_table_fault_names[r->fault]);
    return out;
}

crm_status crm_table_field_text(const char **text, size_t *len, bool quotes, bool latin1,
                                char **scratch, size_t *cap)
{
    const char *p = *text, *end = p + *len;
    bool quoted = quotes && *len >= 2 && p[0] == '"';
    size_t used = 0;

    if (quoted) {
        p++;
        end--;
    }
    *text = p;
    *len = (size_t)(end - p);
    if (*len == 0) return CRM_OK;
    if (!latin1 && !(quoted && memchr(p, '"', *len))) return CRM_OK;
    if (2 * *len > *cap) {
        char *more = crm_mem_new(4 * *len + TABLE_PAD, 1);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: field of %zu bytes", *len);
        crm_mem_free(*scratch);
        *scratch = more;
        *cap = 4 * *len;
    }
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (latin1 && c >= 0x80) {
            (*scratch)[used++] = (char)(0xC0 | c >> 6);
            (*scratch)[used++] = (char)(0x80 | (c & 0x3F));
        } else {
            (*scratch)[used++] = (char)c;
        }
        p += quoted && c == '"';
    }
    *text = *scratch;
    *len = used;
    return CRM_OK;
}

crm_status crm_table_batch_room(table_batch *b, size_t rows)
{
    size_t spans = rows * (size_t)b->n + TABLE_PAD;

    if (spans > b->cap_span) {
        table_span *p = crm_mem_grow(b->span, b->cap_span, 2 * spans, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu fields", spans);
        b->span = p;
        b->cap_span = 2 * spans;
    }
    if (rows > b->cap_line) {
        int64_t *p = crm_mem_grow(b->line, b->cap_line, 2 * rows, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu rows", rows);
        b->line = p;
        b->cap_line = 2 * rows;
    }
    return CRM_OK;
}

void crm_table_batch_free(table_batch *b)
{
    crm_mem_free(b->span);
    crm_mem_free(b->line);
    *b = (table_batch){0};
}
