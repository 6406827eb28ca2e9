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
static int likely_separator(const table_file *f, size_t begin)
{
    int64_t count[SEPARATORS] = {0};
    bool quoted = false;
    int best = 1;

    for (size_t i = begin; i < f->size && (quoted || f->data[i] != '\n'); i++) {
        if (f->data[i] == '"') quoted = !quoted;
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
    int likely = likely_separator(&h->source->file, h->begin);

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
    int distance = (int)strlen(name) / 3 + 2;
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
        CRM_TRY(crm_table_field_text(&text, &len, h->table->latin1, &h->scratch, &h->scratch_cap));
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
    if (c < 0 && h->table->rest_ignored && name[0] == '\0') return CRM_OK;
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

static crm_status match_names(header *h)
{
    const crm_table_def *t = h->table;
    table_source *s = h->source;
    const char *p = h->names.text;
    char near[160], more[128];

    CRM_NEW(s->column, s->n);
    CRM_NEW(s->field, t->n);
    for (int k = 0; k < s->n; k++)
        s->column[k] = -1;
    for (int c = 0; c < t->n; c++)
        s->field[c] = -1;
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

static crm_status read_header(header *h)
{
    table_source *s = h->source;
    table_record r;
    size_t at = s->file.begin;

    while (at < s->file.size && (s->file.data[at] == '\n' || s->file.data[at] == '\r'))
        s->data_line += s->file.data[at++] == '\n';
    if (at == s->file.size)
        return crm_table_fail_at(&s->file, s->file.begin,
                                 "the file is empty; a header line is needed");
    h->begin = s->header_at = at;
    s->sep =
        SEPARATOR[h->table->separator == CRM_TABLE_SEPARATOR_AUTO ? likely_separator(&s->file, at)
                                                                  : h->table->separator];
    CRM_NEW(h->span, MOST_FIELDS);
    crm_table_record_read(s, h->table->latin1, at, at, h->span, MOST_FIELDS, &r);
    if (r.n > MOST_FIELDS)
        return crm_table_fail_at(&s->file, at, "header of more than %d fields", MOST_FIELDS);
    if (r.fault != TABLE_FINE && r.fault != TABLE_COUNT)
        return crm_table_fail_at(&s->file, r.fault_at, "%s", crm_table_fault_names[r.fault]);
    s->n = r.n;
    s->data_at = r.next;
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
