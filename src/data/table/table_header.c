/* table_header.c - the header of a file: which field is which column of the schema. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_scan.h"

enum { MOST_FIELDS = 1 << 14 };
static const char SEPARATOR[] = {'\0', ',', ';', '\t', '|'};
static const char *const SEPARATOR_NAME[] = {"auto", "comma", "semicolon", "tab", "pipe"};
enum { SEPARATORS = sizeof SEPARATOR };

typedef struct header {
    const crm_table_def *table;
    table_source *source;
    table_span *span; /* [MOST_FIELDS], from data_begin */
    size_t begin;
    char *scratch; /* name of a field */
    size_t scratch_cap;
    crm_str names; /* [n] names, each with its 0 */
} header;

/* How often each separator stands in the line at begin, outside quotes; the first most frequent. */
static int likely_separator(const table_file *f, size_t begin, bool unquoted)
{
    int64_t count[SEPARATORS] = {0};
    bool quoted = false;
    int best = 1;

    for (size_t i = begin; i < f->size && (quoted || f->data[i] != '\n'); i++) {
        if (f->data[i] == '"' && !unquoted) quoted = !quoted;
        for (int k = 1; k < SEPARATORS && !quoted; k++)
            count[k] += f->data[i] == SEPARATOR[k];
    }
    for (int k = 2; k < SEPARATORS; k++)
        if (count[k] > count[best]) best = k;
    return best;
}

/* What may help when a name is not found: another separator. */
static const char *hint(const header *h, char out[128])
{
    int likely = likely_separator(&h->source->file, h->begin, h->source->unquoted);

    out[0] = '\0';
    if (h->source->n == 1 && SEPARATOR[likely] != h->source->sep &&
        memchr(h->source->file.data + h->begin, SEPARATOR[likely], h->source->data_at - h->begin))
        snprintf(out, 128, "; the header is one field, is it separator: %s?",
                 SEPARATOR_NAME[likely]);
    return out;
}

static const char *nearest(const header *h, const char *name, char out[160])
{
    const char *best = NULL, *p = h->names.text;
    int len = (int)strlen(name), distance = len < 2 ? 1 : len / 3 + 1 + (len < 3);
    char show[CRM_TABLE_SHOW_MAX];

    for (int k = 0; k < h->source->n; k++, p += strlen(p) + 1) {
        int d = crm_edit_distance(name, p);
        if (d < distance) {
            distance = d;
            best = p;
        }
    }
    out[0] = '\0';
    if (best) snprintf(out, 160, "; the nearest is '%s'", crm_table_show(best, strlen(best), show));
    return out;
}

static crm_status add_name(header *h, const char *text, size_t len)
{
    crm_table_trim(&text, &len);
    crm_str_add(&h->names, text, len);
    crm_str_add(&h->names, "", 1);
    CRM_CHECK(!h->names.failed, CRM_ERR_NOMEM, "out of memory: header of %s", h->source->file.path);
    return CRM_OK;
}

static crm_status read_names(header *h)
{
    table_source *s = h->source;

    for (int k = 0; k < s->n; k++) {
        const char *text = s->file.data + h->begin + h->span[k].begin;
        size_t len = h->span[k].end - h->span[k].begin;
        CRM_TRY(crm_table_field_text(&text, &len, !s->unquoted, h->table->latin1, &h->scratch,
                                     &h->scratch_cap));
        CRM_TRY(add_name(h, text, len));
    }
    return CRM_OK;
}

static int column_named(const crm_table_def *t, const char *name)
{
    for (int c = 0; c < t->n; c++)
        if (t->column[c].derive == CRM_DERIVE_NONE && strcmp(t->column[c].name, name) == 0)
            return c;
    return -1;
}

static crm_status match_field(header *h, int k, const char *name)
{
    table_source *s = h->source;
    size_t at = h->begin + h->span[k].begin;
    int c = column_named(h->table, name);
    char show[CRM_TABLE_SHOW_MAX], more[128];
    const char *p = h->names.text;

    crm_table_show(name, strlen(name), show);
    if (c < 0 && h->table->rest_ignored && !h->table->single && !name[0]) return CRM_OK;
    if (name[0] == '\0')
        return crm_table_fail_at(&s->file, at, "the name of column %d is empty; give it one",
                                 k + 1);
    for (int i = 0; i < k; i++, p += strlen(p) + 1)
        if (strcmp(p, name) == 0)
            return crm_table_fail_at(&s->file, at,
                                     "column '%s' is named twice, as number %d and %d; rename one",
                                     show, i + 1, k + 1);
    if (c < 0 && !h->table->rest_ignored)
        return crm_table_fail_at(&s->file, at,
                                 "column '%s' is not one of table %s; name it there with its type "
                                 "(or ignore), or say rest: ignore%s",
                                 show, h->table->name, hint(h, more));
    if (c < 0) return CRM_OK;
    s->field[c] = k;
    if (h->table->column[c].type != CRM_FIELD_IGNORE) s->column[k] = c;
    return CRM_OK;
}

static crm_status new_maps(header *h)
{
    table_source *s = h->source;

    CRM_NEW(s->column, s->n);
    CRM_NEW(s->field, h->table->n);
    for (int k = 0; k < s->n; k++)
        s->column[k] = -1;
    for (int c = 0; c < h->table->n; c++)
        s->field[c] = -1;
    return CRM_OK;
}

/* Without a header: the columns as the schema names them, one after the other. */
static crm_status match_places(header *h)
{
    const crm_table_def *t = h->table;
    table_source *s = h->source;
    int named = 0;

    while (named < t->n && t->column[named].derive == CRM_DERIVE_NONE)
        named++;
    if (s->n < named || (s->n > named && !t->rest_ignored))
        return crm_table_fail_at(&s->file, h->begin,
                                 "the first row has %d fields, table %s has %d columns%s", s->n,
                                 t->name, named,
                                 s->n < named ? "; header: no takes each column of the schema from "
                                                "its place in the row, is it separator: tab?"
                                              : "; name them all, or say rest: ignore");
    CRM_TRY(new_maps(h));
    for (int c = 0; c < named; c++) {
        s->field[c] = c;
        if (t->column[c].type != CRM_FIELD_IGNORE) s->column[c] = c;
    }
    return CRM_OK;
}

static crm_status match_names(header *h)
{
    const crm_table_def *t = h->table;
    table_source *s = h->source;
    const char *p = h->names.text;
    char near[160], more[128];

    CRM_TRY(new_maps(h));
    for (int k = 0; k < s->n; k++, p += strlen(p) + 1)
        CRM_TRY(match_field(h, k, p));
    for (int c = 0; c < t->n; c++)
        if (s->field[c] < 0 && t->column[c].type != CRM_FIELD_IGNORE &&
            t->column[c].derive == CRM_DERIVE_NONE)
            return crm_table_fail_at(
                &s->file, h->begin, "the header has no column '%s' of table %s%s%s",
                t->column[c].name, t->name, nearest(h, t->column[c].name, near), hint(h, more));
    return CRM_OK;
}

/* By the byte order mark; without one its NUL bytes are told. */
static crm_status refuse_utf16(const table_source *s)
{
    const char *p = s->file.data, *name = NULL;

    if (s->file.size >= 4 && memcmp(p, "\xFF\xFE\0\0", 4) == 0)
        name = "UTF-32";
    else if (s->file.size >= 2 && (!memcmp(p, "\xFF\xFE", 2) || !memcmp(p, "\xFE\xFF", 2)))
        name = "UTF-16";
    if (!name) return CRM_OK;
    return crm_table_fail_at(&s->file, 0,
                             "the file is %s by its byte order mark; make it UTF-8: iconv -f %s -t "
                             "UTF-8 FILE > NEW",
                             name, name);
}

static crm_status read_header(header *h)
{
    table_source *s = h->source;
    table_record r;
    size_t at = s->file.begin;
    char what[CRM_TABLE_FAULT_MAX];

    s->unquoted = h->table->unquoted;
    CRM_TRY(refuse_utf16(s));
    while (at < s->file.size && (s->file.data[at] == '\n' || s->file.data[at] == '\r'))
        s->data_line += s->file.data[at++] == '\n';
    if (at == s->file.size)
        return crm_table_fail_at(&s->file, s->file.begin, "the file is empty; a %s line is needed",
                                 h->table->headerless ? "first" : "header");
    h->begin = s->header_at = at;
    s->sep = SEPARATOR[h->table->separator == CRM_TABLE_SEPARATOR_AUTO
                           ? likely_separator(&s->file, at, s->unquoted)
                           : h->table->separator];
    CRM_NEW(h->span, MOST_FIELDS);
    crm_table_record_read(s, h->table->latin1, at, at, h->span, MOST_FIELDS, &r);
    if (r.n > MOST_FIELDS)
        return crm_table_fail_at(&s->file, at, "header of more than %d fields", MOST_FIELDS);
    if (r.fault != TABLE_FINE && r.fault != TABLE_COUNT)
        return crm_table_fail_at(&s->file, r.fault_at, "%s",
                                 crm_table_fault_text(h->table, s, &r, 0, what));
    s->n = r.n;
    s->data_at = h->table->headerless ? at : r.next;
    if (h->table->headerless) return match_places(h);
    s->data_line += r.lines;
    CRM_TRY(read_names(h));
    return match_names(h);
}

crm_status crm_table_header(const crm_table_def *t, table_source *s)
{
    header h = {.table = t, .source = s};
    crm_status st = read_header(&h);

    crm_mem_free(h.span);
    crm_mem_free(h.scratch);
    crm_str_free(&h.names);
    return st;
}

crm_status crm_table_input_columns(const crm_table_def *t, table_input *in)
{
    for (int i = 0; i < in->n; i++) {
        table_source *s = &in->source[i];
        crm_mem_free(s->column);
        crm_mem_free(s->field);
        s->column = s->field = NULL;
        s->data_line = 0;
        CRM_TRY(crm_table_header(t, s));
    }
    return CRM_OK;
}

crm_status crm_table_header_fields(const crm_table_def *t, const table_source *s, char **name,
                                   size_t *at)
{
    table_span *span;
    table_record r;
    char *scratch = NULL;
    size_t cap = 0;
    crm_status st = CRM_OK;

    CRM_NEW(span, s->n);
    crm_table_record_read(s, t->latin1, s->header_at, s->header_at, span, s->n, &r);
    for (int k = 0; k < s->n && !st; k++) {
        const char *text = s->file.data + s->header_at + span[k].begin;
        size_t len = span[k].end - span[k].begin;
        at[k] = s->header_at + span[k].begin;
        CRM_TRY_TO(st, done,
                   crm_table_field_text(&text, &len, !s->unquoted, t->latin1, &scratch, &cap));
        crm_table_trim(&text, &len);
        CRM_NEW_TO(st, done, name[k], len + 1);
        memcpy(name[k], text, len);
    }
done:
    crm_mem_free(scratch);
    crm_mem_free(span);
    return st;
}
