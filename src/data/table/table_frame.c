/* table_frame.c - the files of a table -> the rows of this rank as typed columns.
 *
 * Each rank reads the records that begin in its part, once.  A window of the file that has nothing
 * odd in it becomes a batch through the kernels of table_scan; any other window is read byte by
 * byte.  No memory is needed but that of the columns, whose room is known from the number of
 * newlines, and of a batch. */
#include "table_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_stop.h"
#include "table_scan.h"

enum {
    STEP = 16 << 20, /* bytes between two looks for a signal: tens of milliseconds */
    WINDOW_MAX = 4 << 20
};

typedef struct reader {
    const crm_table_def *table;
    const table_input *in;
    const table_kernels *kernels;
    table_filler *filler;
    int segment; /* that is read, from byte pos, where line begins */
    bool begun;
    size_t pos, slow_until, window, slow_window;
    int64_t line;
    table_batch batch;
    uint32_t *end; /* [window + TABLE_PAD] */
} reader;

static const table_segment *segment_of(const reader *r)
{
    return &r->in->segment[r->segment];
}
static const table_source *source_of(const reader *r)
{
    return &r->in->source[segment_of(r)->source];
}

/* ---- windows with nothing odd ---- */
static bool is_regular(const reader *r, const char *p, int64_t ends, int64_t rows, unsigned flags)
{
    int64_t n = source_of(r)->n;

    if (ends == 0 || (flags & SCAN_ODD) || ends != rows * n) return false;
    for (int64_t row = 1; row <= rows; row++)
        if (p[r->end[row * n - 1]] != '\n') return false;
    if ((flags & SCAN_HIGH) && !r->table->latin1) {
        size_t bytes = r->end[ends - 1] + 1u;
        return crm_table_utf8(p, bytes) == bytes;
    }
    return true;
}

static void make_spans(const reader *r, int64_t ends, table_span *span)
{
    uint32_t begin = 0;

    for (int64_t i = 0; i < ends; i++) {
        span[i] = (table_span){begin, r->end[i]};
        begin = r->end[i] + 1;
    }
}

/* Carriage returns before line ends; false when a line is blank. */
static bool trim_lines(const reader *r, const char *p, table_batch *b)
{
    for (int64_t row = 1; row <= b->rows; row++) {
        table_span *s = &b->span[row * b->n - 1];
        if (s->end > s->begin && p[s->end - 1] == '\r') s->end--;
        if (b->n == 1 && s->end == s->begin) return false;
    }
    (void)r;
    return true;
}

static void number_lines(reader *r, const char *p, unsigned flags)
{
    table_batch *b = &r->batch;
    uint32_t begin = 0;

    for (int64_t row = 0; row < b->rows; row++) {
        uint32_t end = r->end[(row + 1) * b->n - 1] + 1;
        b->line[row] = r->line;
        r->line += flags & SCAN_INNER ? r->kernels->newlines(p + begin, end - begin) : 1;
        begin = end;
    }
}

/* *got = false: the window is not read, and is to be read byte by byte. */
static crm_status read_window(reader *r, bool *got)
{
    const table_source *s = source_of(r);
    size_t left = segment_of(r)->end - r->pos, n = left < r->window ? left : r->window;
    const char *p = s->file.data + r->pos;
    table_batch *b = &r->batch;
    unsigned flags;
    int64_t rows, ends = r->kernels->scan(p, n, s->sep, !s->unquoted, r->end, &rows, &flags);

    *got = is_regular(r, p, ends, rows, flags);
    if (!*got) {
        bool long_record = ends == 0 && n == r->window && !(flags & SCAN_ODD);
        if (long_record && r->window < WINDOW_MAX) { /* for those behind it */
            r->window *= 2;
            crm_mem_free(r->end);
            CRM_NEW(r->end, r->window + TABLE_PAD);
        }
        return CRM_OK;
    }
    b->base = p;
    b->n = s->n;
    b->rows = 0;
    CRM_TRY(crm_table_batch_room(b, (size_t)rows));
    b->rows = rows;
    b->quotes = flags & SCAN_QUOTES;
    b->high = flags & SCAN_HIGH;
    make_spans(r, ends, b->span);
    if (((flags & SCAN_CR) || b->n == 1) && !trim_lines(r, p, b)) {
        *got = false;
        return CRM_OK;
    }
    number_lines(r, p, flags);
    b->bytes = r->end[ends - 1] + 1u;
    r->pos += b->bytes;
    return crm_table_filler_add(r->filler, s, segment_of(r)->source, b);
}

/* ---- byte by byte ---- */
static size_t blank_line(const table_source *s, size_t at)
{
    const char *data = s->file.data;

    if (data[at] == '\n') return 1;
    return data[at] == '\r' && at + 1 < s->file.size && data[at + 1] == '\n' ? 2 : 0;
}

/* A record into the batch; *full when it has to wait until the rows before it are through. */
static crm_status read_record(reader *r, bool *full)
{
    const table_source *s = source_of(r);
    table_batch *b = &r->batch;
    size_t blank = blank_line(s, r->pos), base = (size_t)(b->base - s->file.data);
    table_record record;

    if (blank) {
        r->pos += blank;
        r->line++;
        return CRM_OK;
    }
    CRM_TRY(crm_table_batch_room(b, (size_t)b->rows + 1));
    crm_table_record_read(s, r->table->latin1, base, r->pos, &b->span[b->rows * b->n], b->n,
                          &record);
    if (record.fault != TABLE_FINE) {
        *full = b->rows > 0;
        if (*full) return CRM_OK;
        CRM_TRY(crm_table_filler_broken(r->filler, s, &record, r->line));
    }
    if (record.fault != TABLE_FINE && r->table->bad == CRM_BAD_MISSING)
        memset(&b->span[b->rows * b->n], 0, (size_t)b->n * sizeof *b->span);
    if (record.fault == TABLE_FINE || r->table->bad == CRM_BAD_MISSING)
        b->line[b->rows++] = r->line;
    r->line += record.lines;
    r->pos = record.next;
    return CRM_OK;
}

static crm_status read_slowly(reader *r)
{
    const table_source *s = source_of(r);
    table_batch *b = &r->batch;
    size_t end = segment_of(r)->end, begin = r->pos;
    bool full = false;

    if (end > r->slow_until) end = r->slow_until;
    *b = (table_batch){.base = s->file.data + begin,
                       .n = s->n,
                       .span = b->span,
                       .line = b->line,
                       .cap_span = b->cap_span,
                       .cap_line = b->cap_line,
                       .quotes = !s->unquoted,
                       .high = true};
    while (!full && r->pos < end && r->pos - begin < r->slow_window)
        CRM_TRY(read_record(r, &full));
    b->bytes = r->pos - begin;
    return crm_table_filler_add(r->filler, s, segment_of(r)->source, b);
}

/* ---- the part of a rank ---- */
static crm_status advance(reader *r)
{
    bool got = false;

    if (r->pos >= r->slow_until) CRM_TRY(read_window(r, &got));
    if (got) return CRM_OK;
    if (r->pos >= r->slow_until) r->slow_until = r->pos + r->slow_window;
    return read_slowly(r);
}

/* The next bytes of the part, STEP of them at least unless it ends. */
static crm_status read_step(reader *r)
{
    size_t done = 0;

    while (r->segment < r->in->n_segments && done < STEP) {
        const table_segment *g = segment_of(r);
        size_t before;
        if (!r->begun) {
            r->begun = true;
            r->pos = g->begin;
            r->line = g->line + 1;
            r->slow_until = 0;
        }
        before = r->pos;
        if (r->pos < g->end) CRM_TRY(advance(r));
        done += r->pos - before;
        if (r->pos >= g->end) {
            r->segment++;
            r->begun = false;
        }
    }
    return CRM_OK;
}

static size_t bytes_of(const table_input *in)
{
    size_t bytes = 0;

    for (int i = 0; i < in->n_segments; i++)
        bytes += in->segment[i].end - in->segment[i].begin;
    return bytes;
}

static crm_status check_stop(crm_comm *comm, const crm_table_def *t)
{
    int signal;

    CRM_TRY(crm_comm_stop_signal(comm, &signal));
    CRM_CHECK(!signal, CRM_ERR_STOPPED,
              "stopped by %s while table %s was read: no data set is written; run the same command "
              "again to make it",
              crm_stop_name(signal), t->name);
    return CRM_OK;
}

/* A rank with an error goes on agreeing, since a rank before it may yet find one further up. */
static crm_status read_part(crm_comm *comm, reader *r)
{
    crm_status st, read = CRM_OK;
    int64_t steps = (int64_t)((bytes_of(r->in) + STEP - 1) / STEP);

    if (steps == 0) steps = 1;
    st = crm_comm_max_i64(comm, &steps, 1);
    while (!st && steps-- > 0) {
        if (!read) read = read_step(r);
        st = check_stop(comm, r->table);
    }
    return st ? st : crm_table_first_error(comm, read);
}

static int64_t rows_at_most(const table_input *in)
{
    int64_t rows = 0;

    for (int i = 0; i < in->n_segments; i++)
        rows += in->segment[i].lines + 1;
    return rows;
}

/* CRM_TABLE_WINDOW is for tests: small windows let them see the ends of windows with few bytes. */
static size_t window_wanted(void)
{
    const char *text = getenv("CRM_TABLE_WINDOW");
    int64_t v;

    if (!text || !crm_parse_i64(text, strlen(text), &v) || v < 1 || v > WINDOW_MAX)
        return TABLE_WINDOW;
    return (size_t)v;
}

static crm_status make_room(reader *r, const crm_table_schema *s, int table, table_frame *f,
                            table_rejects *rejects)
{
    r->window = r->slow_window = window_wanted();
    CRM_NEW(r->end, r->window + TABLE_PAD);
    CRM_TRY(crm_table_rejects_table(rejects, s->table[table].name));
    CRM_NEW(f->file, r->in->n);
    for (f->n_files = 0; f->n_files < r->in->n; f->n_files++) {
        f->file[f->n_files] = crm_mem_strdup(r->in->source[f->n_files].file.path);
        CRM_CHECK(f->file[f->n_files], CRM_ERR_NOMEM, "out of memory: names of %d files", r->in->n);
    }
    return crm_table_filler_new(s, table, f, rejects, rows_at_most(r->in), bytes_of(r->in),
                                &r->filler);
}

static crm_status count_rows(crm_comm *comm, table_frame *f)
{
    f->total = f->n;
    CRM_TRY(crm_comm_exscan_i64(comm, f->n, &f->before));
    return crm_comm_sum_i64(comm, &f->total, 1);
}

crm_status crm_table_frame_fill(crm_comm *comm, const crm_table_schema *s, int table,
                                const table_input *in, table_rejects *rejects, table_frame *f)
{
    reader r = {.table = &s->table[table], .in = in, .kernels = crm_table_kernels()};
    crm_status st;

    *f = (table_frame){.schema = s, .table = table};
    CRM_TRY_TO(st, done, crm_comm_agree(comm, make_room(&r, s, table, f, rejects)));
    CRM_TRY_TO(st, done, read_part(comm, &r));
    CRM_TRY_TO(st, done, crm_table_filler_end(comm, r.filler));
    f->skipped = crm_table_filler_skipped(r.filler);
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, &f->skipped, 1));
    st = count_rows(comm, f);
done:
    crm_table_filler_free(&r.filler);
    crm_table_batch_free(&r.batch);
    crm_mem_free(r.end);
    if (st) crm_table_frame_free(f);
    return st;
}

crm_status crm_table_frame_read(crm_comm *comm, const crm_table_schema *s, int table,
                                const char *folder, table_rejects *rejects, table_frame *f)
{
    table_input in = {0};
    crm_status st;

    *f = (table_frame){0};
    CRM_TRY_TO(st, done, crm_table_input_open(comm, &s->table[table], folder, &in));
    CRM_TRY_TO(st, done, crm_table_input_divide(comm, &in));
    CRM_TRY_TO(st, done, crm_table_frame_fill(comm, s, table, &in, rejects, f));
    st = crm_table_input_digest(comm, &in, &f->source);
    if (st) crm_table_frame_free(f);
done:
    crm_table_input_close(&in);
    return st;
}

crm_status crm_table_frame_source(crm_comm *comm, const crm_table_schema *s, int table,
                                  const char *folder, crm_digest *out)
{
    table_input in = {0};
    crm_status st = crm_table_input_map(comm, &s->table[table], folder, &in);

    if (!st) st = crm_table_input_digest(comm, &in, out);
    crm_table_input_close(&in);
    return st;
}

/* ---- rows ---- */
static void move_text(table_cells *c, const uint8_t *keep, int64_t n)
{
    int64_t begin = 0, used = 0, to = 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t end = c->end[i], len = end - begin;
        if (keep[i]) {
            if (len) memmove(c->bytes + used, c->bytes + begin, (size_t)len);
            used += len;
            c->end[to++] = used;
        }
        begin = end;
    }
}

crm_status crm_table_raw_add(table_cells *c, int64_t row, double value)
{
    if (c->n_raw == c->cap_raw) {
        size_t cap = c->cap_raw ? 2 * (size_t)c->cap_raw : 64;
        table_raw *more = crm_mem_grow(c->raw, (size_t)c->cap_raw, cap, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %zu bad values", cap);
        c->raw = more;
        c->cap_raw = (int64_t)cap;
    }
    c->raw[c->n_raw++] = (table_raw){row, value};
    return CRM_OK;
}

static void keep_raw(table_cells *c, const uint8_t *keep)
{
    int64_t at = 0, kept = 0, to = 0;

    for (int64_t k = 0; k < c->n_raw; k++) {
        for (; at < c->raw[k].row; at++)
            kept += keep[at];
        if (keep[at]) c->raw[to++] = (table_raw){kept, c->raw[k].value};
    }
    c->n_raw = to;
}

static void keep_cells(table_cells *c, const uint8_t *keep, int64_t n)
{
    int64_t to = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!keep[i]) continue;
        if (c->real) c->real[to] = c->real[i];
        if (c->whole) c->whole[to] = c->whole[i];
        if (c->code) c->code[to] = c->code[i];
        if (c->key) c->key[to] = c->key[i];
        if (c->filled) c->filled[to] = c->filled[i];
        if (c->uncut_real) c->uncut_real[to] = c->uncut_real[i];
        if (c->uncut_whole) c->uncut_whole[to] = c->uncut_whole[i];
        to++;
    }
    if (c->end) move_text(c, keep, n);
    keep_raw(c, keep);
}

crm_status crm_table_frame_keep(crm_comm *comm, table_frame *f, const uint8_t *keep)
{
    int64_t to = 0;

    for (int c = 0; c < f->schema->table[f->table].n; c++)
        keep_cells(&f->column[c], keep, f->n);
    for (int64_t i = 0; i < f->n; i++)
        if (keep[i]) f->where[to++] = f->where[i];
    f->n = to;
    return count_rows(comm, f);
}

const char *crm_table_frame_where(const table_frame *f, int64_t row, char *out, size_t cap)
{
    int64_t w = f->where[row];

    snprintf(out, cap, "%s:%lld", f->file[w >> 40], (long long)(w & (((int64_t)1 << 40) - 1)));
    return out;
}

void crm_table_frame_free(table_frame *f)
{
    for (int c = 0; f->column && c < f->schema->table[f->table].n; c++) {
        table_cells *t = &f->column[c];
        void *owned[] = {t->real, t->whole,      t->code,       t->key,
                         t->end,  t->bytes,      t->filled,     (void *)t->level,
                         t->raw,  t->uncut_real, t->uncut_whole};
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
            crm_mem_free(owned[i]);
        crm_table_levels_free(&t->levels);
    }
    for (int i = 0; i < f->n_files; i++)
        crm_mem_free(f->file[i]);
    crm_mem_free(f->file);
    crm_mem_free(f->column);
    crm_mem_free(f->where);
    *f = (table_frame){0};
}
