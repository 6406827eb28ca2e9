/* table_propose_scan.c - what stands in the columns of a file: one pass over its records. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crmpi/base_mem.h"
#include "table_propose.h"

/* Day first before month first: where nothing tells, the first that fits is taken. */
const char *const crm_guess_formats[] = {"%Y-%m-%d",
                                         "%Y-%m-%d %H:%M:%S",
                                         "%Y-%m-%d %H:%M",
                                         "%d-%m-%Y %H.%M",
                                         "%d-%m-%Y %H:%M",
                                         "%d-%m-%Y %H:%M:%S",
                                         "%d-%m-%Y",
                                         "%d.%m.%Y",
                                         "%d.%m.%Y %H:%M",
                                         "%d.%m.%Y %H:%M:%S",
                                         "%d/%m/%Y",
                                         "%m/%d/%Y",
                                         "%d/%m/%Y %H:%M",
                                         "%m/%d/%Y %H:%M",
                                         "%d/%m/%Y %H:%M:%S",
                                         "%m/%d/%Y %H:%M:%S",
                                         "%m/%d/%Y %I:%M %p",
                                         "%m-%d-%Y",
                                         "%Y/%m/%d",
                                         "%Y/%m/%d %H:%M:%S",
                                         "%Y/%m/%d %H:%M",
                                         "%d %b %Y",
                                         "%b %d, %Y",
                                         "%d-%b-%Y",
                                         "%d-%b-%y",
                                         "%d/%m/%y",
                                         "%m/%d/%y",
                                         "%d.%m.%y",
                                         "%d.%m.%y %H:%M",
                                         "%d/%m/%y %H:%M",
                                         "%m/%d/%y %H:%M",
                                         "%m/%d/%Y %I:%M:%S %p",
                                         "%d %B %Y",
                                         "%B %d, %Y",
                                         "%s",
                                         "iso",
                                         "%Y%m%d",
                                         NULL};
_Static_assert(sizeof crm_guess_formats / sizeof *crm_guess_formats <= GUESS_FORMATS_MAX, "room");

const char *const crm_guess_markers[] = {"NA", "N/A", "n/a", "NaN",  "nan", "NULL", "null", "None",
                                         "?",  "-",   "--",  "#N/A", ".",   "\\N",  NULL};
_Static_assert(sizeof crm_guess_markers / sizeof *crm_guess_markers <= GUESS_MARKERS_MAX + 1,
               "room");

const char *const crm_guess_symbols[] = {"$",   "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5", "EUR",
                                         "USD", "GBP",          "CHF",      "BRL",      "R$",
                                         "Kr",  "kr",           "%",        NULL};
_Static_assert(sizeof crm_guess_symbols / sizeof *crm_guess_symbols <= GUESS_SYMBOLS_MAX + 1,
               "room");

typedef struct scan {
    table_source *source;
    guess_table *table;
    const int *to; /* column of each field */
    table_time format[GUESS_FORMATS_MAX];
    int n_formats;
    char *scratch;
    size_t cap;
} scan;

/* ---- distinct texts ---- */
static int64_t slot_of(const guess_set *s, crm_digest d)
{
    uint64_t mask = (uint64_t)s->n_slots - 1, i = d.lo & mask;

    while ((s->slot[i].hi || s->slot[i].lo) && !crm_digest_equal(s->slot[i], d))
        i = (i + 1) & mask;
    return (int64_t)i;
}

bool crm_guess_set_has(const guess_set *s, crm_digest d)
{
    const crm_digest *found = s->n ? &s->slot[slot_of(s, d)] : NULL;

    return found && (found->hi || found->lo);
}

static crm_status grow(guess_set *s)
{
    guess_set more = {.n_slots = s->n_slots ? 2 * s->n_slots : 64};

    CRM_NEW(more.slot, more.n_slots);
    for (int64_t i = 0; i < s->n_slots; i++)
        if (s->slot[i].hi || s->slot[i].lo) more.slot[slot_of(&more, s->slot[i])] = s->slot[i];
    more.n = s->n;
    crm_mem_free(s->slot);
    *s = more;
    return CRM_OK;
}

static crm_status add_distinct(guess_set *s, const char *text, size_t len)
{
    crm_digest d = crm_digest_of(text, len);
    int64_t at;

    if (s->full) return CRM_OK;
    if (2 * s->n >= s->n_slots) CRM_TRY(grow(s));
    at = slot_of(s, d);
    if (s->slot[at].hi || s->slot[at].lo) return CRM_OK;
    s->slot[at] = d;
    s->full = ++s->n > GUESS_DISTINCT_MAX;
    return CRM_OK;
}

/* Without the difference of capitals; a column of many texts is no category. */
static crm_status add_folded(guess_set *s, const char *text, size_t len)
{
    char small[GUESS_FEW_BYTES];

    if (s->n > GUESS_FOLDED_MAX) return CRM_OK;
    if (len > sizeof small) return add_distinct(s, text, len);
    for (size_t i = 0; i < len; i++)
        small[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    return add_distinct(s, small, len);
}

/* ---- values ---- */
static void keep_text(char few[][GUESS_FEW_BYTES], int *n, const char *text, size_t len)
{
    if (*n > GUESS_FEW) return;
    for (int i = 0; i < *n; i++)
        if (strlen(few[i]) == len && memcmp(few[i], text, len) == 0) return;
    if (*n == GUESS_FEW || len >= GUESS_FEW_BYTES) {
        *n = GUESS_FEW + 1;
        return;
    }
    memcpy(few[*n], text, len);
    few[(*n)++][len] = '\0';
}

static crm_status add_number(guess_numbers *c, const char *name, double v)
{
    if (c->n_sorted == 0 && !c->sorted) CRM_NEW(c->sorted, 1024);
    if (c->n_sorted >= 1024 && c->n_sorted < GUESS_SORTED_MAX &&
        (c->n_sorted & (c->n_sorted - 1)) == 0) {
        double *more =
            crm_mem_grow(c->sorted, (size_t)c->n_sorted, 2 * (size_t)c->n_sorted, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: numbers of column '%s'", name);
        c->sorted = more;
    }
    if (c->n_sorted < GUESS_SORTED_MAX) c->sorted[c->n_sorted++] = v;
    if (v < c->min) c->min = v;
    if (v > c->max) c->max = v;
    return CRM_OK;
}

/* Digits behind the mark that are not all 0. */
static bool has_fraction(const char *text, size_t len, char mark)
{
    const char *p = memchr(text, mark, len);

    for (p = p ? p + 1 : text + len; p < text + len; p++)
        if (*p != '0') return true;
    return false;
}

/* A symbol before or behind the number is passed over. */
static void strip_symbol(guess_column *c, const char **text, size_t *len)
{
    for (int i = 0; crm_guess_symbols[i]; i++) {
        size_t n = strlen(crm_guess_symbols[i]);
        bool front = *len > n && memcmp(*text, crm_guess_symbols[i], n) == 0;
        bool behind = *len > n && memcmp(*text + *len - n, crm_guess_symbols[i], n) == 0;
        if (!front && !behind) continue;
        c->symbol[i]++;
        *text += front ? n : 0;
        *len -= n;
        crm_table_trim(text, len);
        return;
    }
}

/* Marks that can stand between thousands, beside a decimal mark. */
static const char *thousands_of(int mark, bool certain)
{
    if (mark == 0) return certain ? ",' " : ",'";
    return certain ? ".' " : ".'";
}

static crm_status read_as(guess_column *c, int mark, const char *text, size_t len, bool certain,
                          bool *is)
{
    guess_numbers *as = &c->as[mark];
    bool minus = text[0] == '-';
    char thousands = 0, decimal = ".,"[mark], copy[CRM_TABLE_DIGITS_MAX];
    int64_t whole;
    double v;

    *is = crm_table_real(text, len, decimal, &v);
    for (const char *p = thousands_of(mark, certain); !*is && *p; p++) {
        size_t n = crm_table_ungroup(text, len, *p, decimal, copy);
        *is = n > 0 && crm_table_real(copy, n, decimal, &v);
        if (*is) thousands = *p;
        if (*is) {
            text = copy;
            len = n;
        }
    }
    if (!*is) return CRM_OK;
    as->n++;
    as->plain += !thousands;
    if (thousands) as->thousands = thousands;
    as->whole += crm_table_whole(text, len, &whole);
    as->fraction += has_fraction(text, len, decimal);
    as->exponent += memchr(text, 'e', len) || memchr(text, 'E', len);
    as->zeros += len > (size_t)minus + 1 && text[minus] == '0' && text[minus + 1] >= '0' &&
                 text[minus + 1] <= '9';
    return add_number(as, c->name, v);
}

/* Of less than 64 bytes. */
static crm_status look_at_number(guess_column *c, const char *text, size_t len)
{
    bool minus = len > 1 && text[0] == '-', point, comma, certain;
    const char *inner = text + minus;
    size_t n = len - minus;
    char copy[CRM_TABLE_DIGITS_MAX] = "-";

    strip_symbol(c, &inner, &n);
    certain = n < len - minus || memchr(text, '.', len) || memchr(text, ',', len);
    memcpy(copy + minus, inner, n);
    CRM_TRY(read_as(c, 0, copy, n + minus, certain, &point));
    CRM_TRY(read_as(c, 1, copy, n + minus, certain, &comma));
    if (!point && !comma) keep_text(c->odd, &c->n_odd, text, len);
    return CRM_OK;
}

/* A format is given up once it has failed for more than ten in a hundred values.  "01.02.23" is no
 * day of the year 23. */
static void look_at_time(const scan *x, guess_column *c, const char *text, size_t len)
{
    const int64_t YEAR_1000 = -INT64_C(30610224000);
    bool is = false;
    int64_t t;

    c->tried++;
    if (len < 6 || len > 40) return;
    for (int f = 0; f < x->n_formats; f++) {
        if (c->tried > GUESS_DATED && c->time[f] < c->tried - 3 - c->tried / 10) continue;
        if (!crm_table_time_read(&x->format[f], text, len, &t) || t < YEAR_1000) continue;
        if (c->time[f] == 0 || t < c->time_min[f]) c->time_min[f] = t;
        if (c->time[f] == 0 || t > c->time_max[f]) c->time_max[f] = t;
        c->time[f]++;
        is = true;
    }
    c->dated += is && c->tried <= GUESS_DATED;
}

static void look_at_text(guess_column *c, const char *text, size_t len)
{
    const char *at = memchr(text, '@', len);
    size_t hex = 0;
    bool inside = false;

    for (size_t i = 0; i < len; i++) {
        bool space = (unsigned char)text[i] <= ' ';
        c->words += !space && !inside;
        inside = !space;
        hex += (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') ||
               (text[i] >= 'A' && text[i] <= 'F') || text[i] == '-';
    }
    c->bytes += (int64_t)len;
    if ((int64_t)len > c->longest) c->longest = (int64_t)len;
    c->hex += len >= 16 && hex == len;
    c->mail +=
        at && at > text && memchr(at, '.', (size_t)(text + len - at)) && !memchr(text, ' ', len);
}

static bool is_marker(guess_column *c, const char *text, size_t len)
{
    for (int m = 0; crm_guess_markers[m]; m++)
        if (strlen(crm_guess_markers[m]) == len && memcmp(crm_guess_markers[m], text, len) == 0) {
            c->marker[m]++;
            return true;
        }
    return false;
}

static crm_status look_at(const scan *x, guess_column *c, const char *text, size_t len)
{
    bool there = len > 0;

    c->rows++;
    crm_table_trim(&text, &len);
    if (len == 0) {
        c->empty += !there;
        c->blank += there;
        return CRM_OK;
    }
    if (is_marker(c, text, len)) return CRM_OK;
    c->n++;
    CRM_TRY(add_distinct(&c->set, text, len));
    CRM_TRY(add_folded(&c->folded, text, len));
    keep_text(c->few, &c->n_few, text, len);
    look_at_time(x, c, text, len);
    look_at_text(c, text, len);
    return len < 64 ? look_at_number(c, text, len) : CRM_OK;
}

/* ---- the file ---- */
/* The mark that stands most often in the header outside quotes; a comma where none does. */
static char find_separator(const table_file *f)
{
    static const char marks[] = ",;\t|";
    int64_t count[4] = {0};
    bool quoted = false;
    int best = 0;

    for (size_t i = f->begin; i < f->size && (quoted || f->data[i] != '\n'); i++) {
        const char *m = f->data[i] ? strchr(marks, f->data[i]) : NULL;
        quoted ^= f->data[i] == '"';
        if (m && !quoted) count[m - marks]++;
    }
    for (int k = 1; k < 4; k++)
        if (count[k] > count[best]) best = k;
    return marks[best];
}

/* A schema could not say which of two columns of one name it means. */
static crm_status check_names(const scan *x, const table_record *r)
{
    const guess_table *t = x->table;
    char show[CRM_TABLE_SHOW_MAX];

    if (r->fault != TABLE_FINE && r->fault != TABLE_COUNT)
        return crm_table_fail_at(&x->source->file, r->fault_at, "%s",
                                 crm_table_fault_names[r->fault]);
    for (int k = 0; k < t->n; k++)
        for (int i = 0; i < k; i++)
            if (t->column[k].name[0] && strcmp(t->column[k].name, t->column[i].name) == 0)
                return crm_table_fail_at(
                    &x->source->file, x->source->file.begin,
                    "columns %d and %d of the header are both called '%s'; rename one of them",
                    i + 1, k + 1,
                    crm_table_show(t->column[k].name, strlen(t->column[k].name), show));
    return CRM_OK;
}

static crm_status read_names(scan *x, size_t *at)
{
    table_source *s = x->source;
    guess_table *t = x->table;
    table_span *span = NULL;
    table_record r;
    const char *text;
    size_t len;
    int most = 1;
    crm_status st = CRM_OK;

    crm_table_record_read(s, t->latin1, s->file.begin, s->file.begin, NULL, 0, &r);
    CRM_CHECK(r.n > 0 && r.next > s->file.begin, CRM_ERR_FORMAT,
              "%s:1:1: no header; a header line and rows are needed", s->file.path);
    for (size_t i = s->file.begin; i < r.next; i++)
        most += s->file.data[i] == s->sep;
    CRM_NEW(span, most);
    CRM_NEW_TO(st, done, t->column, most);
    crm_table_record_read(s, t->latin1, s->file.begin, s->file.begin, span, most, &r);
    for (int k = 0; k < r.n; k++) {
        text = s->file.data + s->file.begin + span[k].begin;
        len = span[k].end - span[k].begin;
        CRM_TRY_TO(st, done,
                   crm_table_field_text(&text, &len, true, t->latin1, &x->scratch, &x->cap));
        crm_table_trim(&text, &len);
        t->column[k] = (guess_column){.ref_table = -1};
        for (int m = 0; m < 2; m++)
            t->column[k].as[m] = (guess_numbers){.min = INFINITY, .max = -INFINITY};
        t->n = k + 1;
        CRM_NEW_TO(st, done, t->column[k].name, len + 1);
        memcpy(t->column[k].name, text, len);
    }
    *at = r.next;
    st = check_names(x, &r);
done:
    crm_mem_free(span);
    return st;
}

static crm_status read_row(scan *x, const table_record *r, const table_span *span)
{
    for (int k = 0; k < x->table->n; k++) {
        const char *text = x->source->file.data + r->begin + span[k].begin;
        size_t len = span[k].end - span[k].begin;
        CRM_TRY(crm_table_field_text(&text, &len, true, x->table->latin1, &x->scratch, &x->cap));
        CRM_TRY(look_at(x, &x->table->column[x->to[k]], text, len));
    }
    return CRM_OK;
}

static bool is_blank_line(const table_file *f, size_t at)
{
    return f->data[at] == '\n' ||
           (f->data[at] == '\r' && at + 1 < f->size && f->data[at + 1] == '\n');
}

static crm_status read_rows(scan *x, size_t at)
{
    table_source *s = x->source;
    guess_table *t = x->table;
    table_span *span;
    crm_status st = CRM_OK;

    CRM_NEW(span, t->n);
    while (at < s->file.size && !st) {
        table_record r;
        t->cut |= at > GUESS_BYTES_MAX;
        if (at > GUESS_BYTES_MAX) break;
        if (is_blank_line(&s->file, at)) {
            at += s->file.data[at] == '\r' ? 2 : 1;
            continue;
        }
        crm_table_record_read(s, t->latin1, at, at, span, t->n, &r);
        if (r.next <= at) break;
        r.begin = at;
        t->rows++;
        if (r.fault != TABLE_FINE || r.n != t->n)
            t->broken++;
        else
            st = read_row(x, &r, span);
        at = r.next;
    }
    crm_mem_free(span);
    if (!st && t->rows > 0 && t->broken == t->rows)
        st = crm_table_fail_at(&s->file, s->file.begin,
                               "no row has the %d fields of the first line, which must be the "
                               "header; take away what stands above it",
                               t->n);
    return st;
}

static bool is_ascii(const char *p, size_t n)
{
    unsigned char all = 0;

    for (size_t i = 0; i < n; i++)
        all |= (unsigned char)p[i];
    return all < 0x80;
}

crm_status crm_guess_header(table_source *s, guess_table *t)
{
    scan x = {.source = s, .table = t};
    table_file *f = &s->file;
    size_t at, look = f->size < GUESS_BYTES_MAX ? f->size : GUESS_BYTES_MAX;
    crm_status st;

    f->begin = f->size >= 3 && memcmp(f->data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    t->sep = s->sep = find_separator(f);
    t->latin1 = crm_table_utf8(f->data, look) + 4 < look && !memchr(f->data, 0, look);
    t->ascii = is_ascii(f->data, look);
    st = read_names(&x, &at);
    crm_mem_free(x.scratch);
    return st;
}

crm_status crm_guess_rows(table_source *s, guess_table *t, const int *to)
{
    scan x = {.source = s, .table = t, .to = to};
    table_record header;
    crm_status st;

    for (; crm_guess_formats[x.n_formats]; x.n_formats++)
        if (!crm_table_time_make(crm_guess_formats[x.n_formats], &x.format[x.n_formats]))
            CRM_FAIL(CRM_ERR_INTERNAL, "format %s", crm_guess_formats[x.n_formats]);
    crm_table_record_read(s, t->latin1, s->file.begin, s->file.begin, NULL, 0, &header);
    st = read_rows(&x, header.next);
    crm_mem_free(x.scratch);
    return st;
}

void crm_guess_table_free(guess_table *t)
{
    for (int k = 0; k < t->n; k++) {
        crm_mem_free(t->column[k].name);
        crm_mem_free(t->column[k].set.slot);
        crm_mem_free(t->column[k].folded.slot);
        crm_mem_free(t->column[k].as[0].sorted);
        crm_mem_free(t->column[k].as[1].sorted);
    }
    crm_mem_free(t->column);
    crm_mem_free(t->file);
    crm_mem_free(t->name);
    *t = (guess_table){0};
}
