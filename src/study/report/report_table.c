/* report_table.c - one table, printed as aligned text or as Markdown. */
#include <stdarg.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "report_impl.h"

enum { GAP = 2 };

void crm_report_cell(report_table *t, const char *fmt, ...)
{
    crm_str s = {0};
    va_list ap;

    va_start(ap, fmt);
    crm_str_addv(&s, fmt, ap);
    va_end(ap);
    if (t->n == t->cap) {
        int cap = t->cap ? 2 * t->cap : 64;
        char **more = crm_mem_grow(t->cell, (size_t)t->n, (size_t)cap, sizeof *more);
        if (more) {
            t->cell = more;
            t->cap = cap;
        }
    }
    if (t->n == t->cap || s.failed || !s.text) {
        t->failed = true;
        crm_str_free(&s);
        return;
    }
    t->cell[t->n++] = s.text;
}

void crm_report_table_free(report_table *t)
{
    for (int i = 0; i < t->n; i++)
        crm_mem_free(t->cell[i]);
    crm_mem_free(t->cell);
    *t = (report_table){0};
}

static int column_width(const report_table *t, int column)
{
    int width = 0;

    for (int i = column; i < t->n; i += t->columns) {
        int w = crm_report_columns(t->cell[i]);
        if (w > width) width = w;
    }
    return width;
}

static bool is_left(const report_table *t, int column)
{
    return column == 0 || (t->last_left && column == t->columns - 1);
}

/* What the first column may take so that a line stays within the report's width. */
static int first_width(const report_table *t)
{
    int width = column_width(t, 0), room = REPORT_WIDTH;

    for (int c = 1; c < t->columns; c++)
        room -= GAP + column_width(t, c);
    if (room < 4) room = 4;
    return width < room ? width : room;
}

static void print_row(const report_table *t, char *const *cell, int first, crm_str *out)
{
    int name = crm_report_columns(cell[0]), pending;

    crm_report_plain(cell[0], out);
    if (name > first) crm_str_addf(out, "\n"); /* a long name has a line of its own */
    pending = name > first ? first : first - name;
    for (int c = 1; c < t->columns; c++) {
        int pad = column_width(t, c) - crm_report_columns(cell[c]);
        crm_str_addf(out, "%*s", pending + GAP + (is_left(t, c) ? 0 : pad), "");
        crm_report_plain(cell[c], out);
        pending = is_left(t, c) ? pad : 0;
    }
    crm_str_addf(out, "\n");
}

void crm_report_table_text(const report_table *t, crm_str *out)
{
    int first = first_width(t);

    if (t->failed) out->failed = true;
    for (int i = 0; i + t->columns <= t->n; i += t->columns)
        print_row(t, t->cell + i, first, out);
}

static void markdown_row(const report_table *t, char *const *cell, crm_str *out)
{
    for (int c = 0; c < t->columns; c++) {
        crm_str_addf(out, "| ");
        crm_report_escape(cell[c], out);
        crm_str_addf(out, " ");
    }
    crm_str_addf(out, "|\n");
}

void crm_report_table_markdown(const report_table *t, crm_str *out)
{
    if (t->failed) out->failed = true;
    for (int i = 0; i + t->columns <= t->n; i += t->columns) {
        markdown_row(t, t->cell + i, out);
        for (int c = 0; i == 0 && c < t->columns; c++)
            crm_str_addf(out, is_left(t, c) ? "|---" : "|---:");
        if (i == 0) crm_str_addf(out, "|\n");
    }
    crm_str_addf(out, "\n");
}
