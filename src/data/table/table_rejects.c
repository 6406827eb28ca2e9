/* table_rejects.c - rows and values that are left out, by place only.
 *
 * Of each table a rank keeps the first places in the order of files and lines, in a heap whose top
 * is the last of them: the first of all ranks are then among them, however the rows are divided.
 * Texts (files, columns, reasons) are few and kept once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "table_scan.h"

enum { FILE_NAME, TABLE_NAME, COLUMN_NAME, REASON, TEXTS };

typedef struct reject {
    int64_t table, line, col;
    int64_t begin, end;  /* lines of a row of several; 0: of one */
    int64_t text[TEXTS]; /* bytes from the first of the texts */
} reject;

typedef struct heap {
    int64_t n, cap;
    reject *item;
} heap;

struct table_rejects {
    int64_t limit, count;
    table_levels text;
    int n_tables, cap_tables;
    int64_t *name; /* [n_tables] of each table, in the texts */
    heap *heap;    /* [n_tables]                             */
    bool failed;   /* memory was out: said when written      */
};

crm_status crm_table_rejects_new(int64_t limit, table_rejects **out)
{
    CRM_NEW(*out, 1);
    (*out)->limit = limit;
    return CRM_OK;
}

/* Where a text stands; -1 when memory is out. */
static int64_t text_of(table_rejects *r, const char *text)
{
    int32_t index;

    if (crm_table_levels_add(&r->text, text, strlen(text), INT32_MAX - 1, &index)) {
        crm_err_clear();
        return -1;
    }
    return (int64_t)r->text.at[index];
}

static bool room_for_table(table_rejects *r)
{
    size_t have = (size_t)r->cap_tables, cap = have ? 2 * have : 8;
    int64_t *name;
    heap *more;

    if (r->n_tables < r->cap_tables) return true;
    name = crm_mem_grow(r->name, have, cap, sizeof *name);
    if (!name) return false;
    r->name = name;
    more = crm_mem_grow(r->heap, have, cap, sizeof *more);
    if (!more) return false;
    r->heap = more;
    r->cap_tables = (int)cap;
    return true;
}

static int number_of(table_rejects *r, int64_t name)
{
    for (int i = 0; i < r->n_tables; i++)
        if (r->name[i] == name) return i;
    if (name < 0 || !room_for_table(r)) return -1;
    r->name[r->n_tables] = name;
    r->heap[r->n_tables] = (heap){0};
    return r->n_tables++;
}

crm_status crm_table_rejects_table(table_rejects *r, const char *table)
{
    CRM_CHECK(number_of(r, text_of(r, table)) >= 0, CRM_ERR_NOMEM, "out of memory: rejects of %s",
              table);
    return CRM_OK;
}

/* ---- order ---- */
static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_texts(const char *x, const char *y)
{
    return x == y ? 0 : strcmp(x, y);
}

/* Of one table; the texts of each from x and y on. */
static int compare(const reject *a, const char *x, const reject *b, const char *y)
{
    int c = compare_texts(x + a->text[FILE_NAME], y + b->text[FILE_NAME]);

    if (!c) c = compare_i64(a->line, b->line);
    if (!c) c = compare_i64(a->col, b->col);
    if (!c) c = compare_texts(x + a->text[COLUMN_NAME], y + b->text[COLUMN_NAME]);
    return c ? c : compare_texts(x + a->text[REASON], y + b->text[REASON]);
}

static bool behind(const table_rejects *r, const reject *a, const reject *b)
{
    return compare(a, r->text.bytes, b, r->text.bytes) > 0;
}

static void swap(reject *a, reject *b)
{
    reject c = *a;

    *a = *b;
    *b = c;
}

static void move_up(const table_rejects *r, heap *h, int64_t i)
{
    for (; i > 0 && behind(r, &h->item[i], &h->item[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&h->item[i], &h->item[(i - 1) / 2]);
}

static void move_down(const table_rejects *r, heap *h)
{
    for (int64_t i = 0, child = 1; child < h->n; i = child, child = 2 * i + 1) {
        child += child + 1 < h->n && behind(r, &h->item[child + 1], &h->item[child]);
        if (!behind(r, &h->item[child], &h->item[i])) return;
        swap(&h->item[child], &h->item[i]);
    }
}

static bool keep(table_rejects *r, heap *h, const reject *x)
{
    if (h->n == r->limit) {
        if (h->n == 0 || !behind(r, &h->item[0], x)) return true;
        h->item[0] = *x;
        move_down(r, h);
        return true;
    }
    if (h->n == h->cap) {
        int64_t cap = h->cap ? 2 * h->cap : 64;
        reject *more = crm_mem_grow(h->item, (size_t)h->cap, (size_t)cap, sizeof *more);
        if (!more) return false;
        h->item = more;
        h->cap = cap;
    }
    h->item[h->n++] = *x;
    move_up(r, h, h->n - 1);
    return true;
}

static void add(table_rejects *r, const char *const part[TEXTS], reject x)
{
    bool good = true;

    r->count++;
    for (int k = 0; k < TEXTS; k++) {
        x.text[k] = text_of(r, part[k]);
        good &= x.text[k] >= 0;
    }
    x.table = good ? number_of(r, x.text[TABLE_NAME]) : -1;
    if (x.table < 0 || !keep(r, &r->heap[x.table], &x)) r->failed = true;
}

void crm_table_rejects_add(table_rejects *r, const char *file, int64_t line, int64_t col,
                           const char *table, const char *column, const char *what)
{
    const char *const part[TEXTS] = {file, table, column, what};

    add(r, part, (reject){.line = line, .col = col});
}

void crm_table_rejects_add_row(table_rejects *r, const char *file, int64_t line, int64_t col,
                               const char *table, const char *what, int64_t begin, int64_t end)
{
    const char *const part[TEXTS] = {file, table, "", what};
    reject x = {.line = line, .col = col};

    if (end > begin) {
        x.begin = begin;
        x.end = end;
    }
    add(r, part, x);
}

int64_t crm_table_rejects_count(const table_rejects *r)
{
    return r->count;
}

void crm_table_rejects_free(table_rejects **r)
{
    if (!*r) return;
    for (int t = 0; t < (*r)->n_tables; t++)
        crm_mem_free((*r)->heap[t].item);
    crm_mem_free((*r)->heap);
    crm_mem_free((*r)->name);
    crm_table_levels_free(&(*r)->text);
    crm_mem_free(*r);
    *r = NULL;
}

/* ---- the file ---- */
typedef struct line {
    const reject *at;
    const char *text; /* the texts of its rank */
} line;

static int compare_lines(const void *a, const void *b)
{
    const line *x = a, *y = b;
    int c = compare_i64(x->at->table, y->at->table);

    return c ? c : compare(x->at, x->text, y->at, y->text);
}

/* A text in one field of a line. */
static void add_text(crm_str *out, const char *text)
{
    for (const char *p = text; *p; p++)
        crm_str_add(out, (unsigned char)*p < 0x20 ? " " : p, 1);
}

static void add_line(const line *l, crm_str *out)
{
    add_text(out, l->text + l->at->text[FILE_NAME]);
    crm_str_addf(out, ":%lld:%lld", (long long)l->at->line, (long long)l->at->col);
    for (int k = TABLE_NAME; k < TEXTS; k++) {
        crm_str_add(out, "\t", 1);
        add_text(out, l->text + l->at->text[k]);
    }
    if (l->at->end)
        crm_str_addf(out, "; lines %lld to %lld are one broken row", (long long)l->at->begin,
                     (long long)l->at->end);
    crm_str_add(out, "\n", 1);
}

/* The first limit lines of each table, and how many more there are; the number of lines. */
static int64_t add_lines(const table_rejects *r, const line *l, int64_t n, int64_t total,
                         crm_str *out)
{
    int64_t table = -1, of_table = 0, listed = 0;

    for (int64_t i = 0; i < n; i++) {
        if (l[i].at->table != table) of_table = 0;
        table = l[i].at->table;
        if (of_table++ >= r->limit) continue;
        add_line(&l[i], out);
        listed++;
    }
    if (total > listed)
        crm_str_addf(out, "\t\t\t%lld more rows or values; listed are the first %lld of a table\n",
                     (long long)(total - listed), (long long)r->limit);
    return listed;
}

static crm_status write_lines(const table_rejects *r, const reject *kept, const size_t *kept_bytes,
                              const char *text, const size_t *text_bytes, int size,
                              const char *path, int64_t total, int64_t *listed)
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
        for (size_t i = 0; i < kept_bytes[k] / sizeof *kept; i++)
            l[n++] = (line){kept++, text};
        text += text_bytes[k];
    }
    qsort(l, (size_t)n, sizeof *l, compare_lines);
    *listed = add_lines(r, l, n, total, &out);
    crm_mem_free(l);
    if (out.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", path);
    if (!st && out.len > 0) st = crm_path_write_atomic(path, out.text, out.len);
    if (!st && out.len == 0) st = crm_path_remove(path);
    crm_str_free(&out);
    return st;
}

/* The items of all tables, one behind the other; the caller's. */
static crm_status join(const table_rejects *r, reject **out, size_t *bytes)
{
    int64_t n = 0;

    for (int t = 0; t < r->n_tables; t++)
        n += r->heap[t].n;
    CRM_NEW(*out, n);
    n = 0;
    for (int t = 0; t < r->n_tables; t++)
        for (int64_t i = 0; i < r->heap[t].n; i++)
            (*out)[n++] = r->heap[t].item[i];
    *bytes = (size_t)n * sizeof **out;
    return CRM_OK;
}

crm_status crm_table_rejects_write(crm_comm *comm, table_rejects *r, const char *path,
                                   int64_t *total, int64_t *listed)
{
    size_t size = (size_t)crm_comm_size(comm), mine_bytes = 0, bytes;
    size_t *kept_bytes = crm_mem_new(2 * size, sizeof *kept_bytes);
    void *kept = NULL, *text = NULL;
    reject *mine = NULL;
    crm_status st = CRM_OK;

    *total = r->count;
    *listed = 0;
    if (!kept_bytes || r->failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: rejects, %s", path);
    if (!st) st = join(r, &mine, &mine_bytes);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, total, 1));
    CRM_TRY_TO(st, done, crm_comm_gather(comm, 0, mine, mine_bytes, &kept, &bytes, kept_bytes));
    CRM_TRY_TO(
        st, done,
        crm_comm_gather(comm, 0, r->text.bytes, r->text.used, &text, &bytes, kept_bytes + size));
    if (crm_comm_rank(comm) == 0)
        st = write_lines(r, kept, kept_bytes, text, kept_bytes + size, (int)size, path, *total,
                         listed);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    st = crm_comm_bcast(comm, 0, listed, sizeof *listed);
done:
    crm_mem_free(mine);
    crm_mem_free(kept);
    crm_mem_free(text);
    crm_mem_free(kept_bytes);
    return st;
}

/* ---- beside the data set ---- */
/* Where the places of rejects are listed; next: until the data set is there. */
static crm_status rejects_path(const char *store_path, bool next, char *out, size_t cap)
{
    int len = snprintf(out, cap, "%s.rejects%s.tsv", store_path, next ? ".next" : "");

    CRM_CHECK(len > 0 && (size_t)len < cap, CRM_ERR_CONFIG, "data.store: the path is too long");
    return CRM_OK;
}

static crm_status settle_rejects(const char *next, const char *path, bool made)
{
    if (made && crm_path_is_file(next)) return crm_path_commit(next, path);
    return crm_path_remove(made ? path : next);
}

crm_status crm_table_rejects_begin(crm_comm *comm, table_rejects *r, const char *store_path,
                                   int64_t *total, int64_t *listed)
{
    char next[CRM_PATH_MAX];

    CRM_TRY(rejects_path(store_path, true, next, sizeof next));
    return crm_table_rejects_write(comm, r, next, total, listed);
}

crm_status crm_table_rejects_end(crm_comm *comm, const char *store_path, bool made)
{
    char path[CRM_PATH_MAX], next[CRM_PATH_MAX];
    crm_status st = rejects_path(store_path, false, path, sizeof path);

    if (!st) st = rejects_path(store_path, true, next, sizeof next);
    if (!st && crm_comm_rank(comm) == 0) st = settle_rejects(next, path, made);
    return made ? crm_comm_agree(comm, st) : CRM_OK;
}
