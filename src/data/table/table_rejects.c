/* table_rejects.c - rows and values that are left out, by place only.
 *
 * A line is kept as a record (table, line, column) and its text, so that all ranks' lines can be
 * put in the order of tables, files, lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "table_scan.h"

typedef struct reject {
    int64_t table, line, col, order;
    int64_t text; /* in the texts: file, table, column, what, each with its 0 */
} reject;

struct table_rejects {
    int64_t limit, count;
    int64_t n_kept, cap;
    reject *kept;
    crm_str text;
    crm_str tables; /* names, each with its 0 */
    int64_t n_tables, *of_table, cap_tables;
    bool failed; /* memory was out: said when written */
};

crm_status crm_table_rejects_new(int64_t limit, table_rejects **out)
{
    CRM_NEW(*out, 1);
    (*out)->limit = limit;
    return CRM_OK;
}

static int64_t number_of(table_rejects *r, const char *table)
{
    const char *p = r->tables.text;

    for (int64_t i = 0; i < r->n_tables; i++, p += strlen(p) + 1)
        if (strcmp(p, table) == 0) return i;
    if (r->n_tables == r->cap_tables) {
        int64_t cap = r->cap_tables ? 2 * r->cap_tables : 8;
        int64_t *more = crm_mem_grow(r->of_table, (size_t)r->cap_tables, (size_t)cap, sizeof *more);
        if (!more) return -1;
        r->of_table = more;
        r->cap_tables = cap;
    }
    crm_str_add(&r->tables, table, strlen(table) + 1);
    if (r->tables.failed) return -1;
    return r->n_tables++;
}

crm_status crm_table_rejects_table(table_rejects *r, const char *table)
{
    CRM_CHECK(number_of(r, table) >= 0, CRM_ERR_NOMEM, "out of memory: rejects of %s", table);
    return CRM_OK;
}

static bool keep(table_rejects *r, const reject *x)
{
    if (r->n_kept == r->cap) {
        int64_t cap = r->cap ? 2 * r->cap : 64;
        reject *more = crm_mem_grow(r->kept, (size_t)r->cap, (size_t)cap, sizeof *more);
        if (!more) return false;
        r->kept = more;
        r->cap = cap;
    }
    r->kept[r->n_kept++] = *x;
    return true;
}

void crm_table_rejects_add(table_rejects *r, const char *file, int64_t line, int64_t col,
                           const char *table, const char *column, const char *what)
{
    const char *const part[] = {file, table, column, what};
    int64_t t = number_of(r, table);
    reject x = {.table = t, .line = line, .col = col, .order = r->count};

    r->count++;
    if (t < 0) {
        r->failed = true;
        return;
    }
    if (r->of_table[t]++ >= r->limit) return;
    x.text = (int64_t)r->text.len;
    for (int k = 0; k < 4; k++)
        crm_str_add(&r->text, part[k], strlen(part[k]) + 1);
    if (r->text.failed || !keep(r, &x)) r->failed = true;
}

int64_t crm_table_rejects_count(const table_rejects *r)
{
    return r->count;
}

void crm_table_rejects_free(table_rejects **r)
{
    if (!*r) return;
    crm_mem_free((*r)->kept);
    crm_mem_free((*r)->of_table);
    crm_str_free(&(*r)->text);
    crm_str_free(&(*r)->tables);
    crm_mem_free(*r);
    *r = NULL;
}

/* ---- the file ---- */
typedef struct line {
    const reject *at;
    const char *text;
    int64_t rank;
} line;

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_lines(const void *a, const void *b)
{
    const line *x = a, *y = b;
    int c = compare_i64(x->at->table, y->at->table);

    if (!c) c = strcmp(x->text, y->text); /* the file stands first */
    if (!c) c = compare_i64(x->at->line, y->at->line);
    if (!c) c = compare_i64(x->at->col, y->at->col);
    if (!c) c = compare_i64(x->at->order, y->at->order);
    return c ? c : compare_i64(x->rank, y->rank);
}

/* A text in one field of a line. */
static void add_text(crm_str *out, const char *text)
{
    for (const char *p = text; *p; p++)
        crm_str_add(out, (unsigned char)*p < 0x20 ? " " : p, 1);
}

static void add_line(const line *l, crm_str *out)
{
    const char *table = l->text + strlen(l->text) + 1, *column = table + strlen(table) + 1;

    add_text(out, l->text);
    crm_str_addf(out, ":%lld:%lld\t", (long long)l->at->line, (long long)l->at->col);
    add_text(out, table);
    crm_str_add(out, "\t", 1);
    add_text(out, column);
    crm_str_add(out, "\t", 1);
    add_text(out, column + strlen(column) + 1);
    crm_str_add(out, "\n", 1);
}

/* The first limit lines of each table. */
static void add_lines(const table_rejects *r, const line *l, int64_t n, crm_str *out)
{
    int64_t table = -1, of_table = 0;

    for (int64_t i = 0; i < n; i++) {
        if (l[i].at->table != table) of_table = 0;
        table = l[i].at->table;
        if (of_table++ < r->limit) add_line(&l[i], out);
    }
}

static crm_status write_lines(const table_rejects *r, const reject *kept, const size_t *kept_bytes,
                              const char *text, const size_t *text_bytes, int size,
                              const char *path)
{
    int64_t n = 0;
    crm_status st = CRM_OK;
    crm_str out = {0};
    line *l;

    for (int k = 0; k < size; k++)
        n += (int64_t)(kept_bytes[k] / sizeof *kept);
    CRM_NEW(l, n);
    n = 0;
    for (int k = 0; k < size; k++) {
        for (size_t i = 0; i < kept_bytes[k] / sizeof *kept; i++, kept++)
            l[n++] = (line){kept, text + kept->text, k};
        text += text_bytes[k];
    }
    qsort(l, (size_t)n, sizeof *l, compare_lines);
    add_lines(r, l, n, &out);
    crm_mem_free(l);
    if (out.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", path);
    if (!st && out.len > 0) st = crm_path_write_atomic(path, out.text, out.len);
    if (!st && out.len == 0) st = crm_path_remove(path);
    crm_str_free(&out);
    return st;
}

crm_status crm_table_rejects_write(crm_comm *comm, table_rejects *r, const char *path,
                                   int64_t *total)
{
    size_t size = (size_t)crm_comm_size(comm), bytes;
    size_t *kept_bytes = crm_mem_new(2 * size, sizeof *kept_bytes);
    void *kept = NULL, *text = NULL;
    crm_status st = CRM_OK;

    *total = r->count;
    if (!kept_bytes || r->failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: rejects, %s", path);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, total, 1));
    CRM_TRY_TO(st, done,
               crm_comm_gather(comm, 0, r->kept, (size_t)r->n_kept * sizeof *r->kept, &kept, &bytes,
                               kept_bytes));
    CRM_TRY_TO(
        st, done,
        crm_comm_gather(comm, 0, r->text.text, r->text.len, &text, &bytes, kept_bytes + size));
    if (crm_comm_rank(comm) == 0)
        st = write_lines(r, kept, kept_bytes, text, kept_bytes + size, (int)size, path);
    st = crm_comm_agree(comm, st);
done:
    crm_mem_free(kept);
    crm_mem_free(text);
    crm_mem_free(kept_bytes);
    return st;
}
