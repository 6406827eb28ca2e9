/* table_file.c - positions of a file in messages, and its UTF-8. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table_impl.h"

crm_status crm_table_first_error(crm_comm *comm, crm_status local)
{
    int64_t first = local ? crm_comm_rank(comm) : crm_comm_size(comm);

    CRM_TRY(crm_comm_min_i64(comm, &first, 1));
    if (local && first != crm_comm_rank(comm)) {
        crm_err_clear();
        local = CRM_OK;
    }
    return crm_comm_agree(comm, local);
}

/* ---- messages ---- */
int64_t crm_table_lines(const char *p, size_t n)
{
    const char *end = p + n;
    int64_t lines = 0;

    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        lines++;
        p++;
    }
    return lines;
}

void crm_table_place(const table_file *f, size_t at, int64_t *line, int64_t *col)
{
    *line = 1 + crm_table_lines(f->data, at);
    *col = 1;
    for (size_t i = at; i > f->begin && f->data[i - 1] != '\n'; i--)
        *col += ((unsigned char)f->data[i - 1] & 0xC0) != 0x80;
}

crm_status crm_table_fail_at(const table_file *f, size_t at, const char *fmt, ...)
{
    int64_t line, col;
    char text[2048];
    va_list ap;

    crm_table_place(f, at, &line, &col);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20) *c = ' '; /* a column's name may hold newlines */
    CRM_FAIL(CRM_ERR_FORMAT, "%s:%lld:%lld: %s", f->path, (long long)line, (long long)col, text);
}

const char *crm_table_show(const char *text, size_t len, char out[CRM_TABLE_SHOW_MAX])
{
    enum { TAIL = 8 }; /* room for one \xNN or one character, the dots and the final 0 */
    size_t used = 0, i = 0;

    while (i < len && used + TAIL < CRM_TABLE_SHOW_MAX) {
        unsigned char c = (unsigned char)text[i];
        size_t width = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

        if (c < 0x20 || c == 0x7F || i + width > len || crm_table_utf8(text + i, width) < width) {
            used += (size_t)snprintf(out + used, 5, "\\x%02X", c);
            i++;
        } else {
            memcpy(out + used, text + i, width);
            used += width;
            i += width;
        }
    }
    snprintf(out + used, CRM_TABLE_SHOW_MAX - used, "%s", i < len ? "..." : "");
    return out;
}

void crm_table_trim(const char **text, size_t *len)
{
    while (*len > 0 && ((*text)[0] == ' ' || (*text)[0] == '\t')) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
        (*len)--;
}

/* ---- UTF-8 (Unicode 15, table 3-7: no overlong forms, surrogates or values above U+10FFFF) ----
 */
static size_t utf8_width(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last, low, high, width; /* first byte; bounds of the second */
    } FORM[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t k = 0; k < sizeof FORM / sizeof *FORM; k++) {
        size_t width = FORM[k].width;
        if (p[0] < FORM[k].first || p[0] > FORM[k].last) continue;
        if (width > left || p[1] < FORM[k].low || p[1] > FORM[k].high) return 0;
        for (size_t i = 2; i < width; i++)
            if ((p[i] & 0xC0) != 0x80) return 0;
        return width;
    }
    return 0;
}

size_t crm_table_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;

    while (i < len) {
        size_t width;
        uint64_t w = 0;
        if (len - i >= sizeof w) memcpy(&w, p + i, sizeof w);
        if (w && !((w | (w - 0x0101010101010101u)) & 0x8080808080808080u)) {
            i += sizeof w; /* eight bytes of ASCII, none of them 0 */
            continue;
        }
        width = p[i] == 0 ? 0 : p[i] < 0x80 ? 1 : utf8_width(p + i, len - i);
        if (width == 0) break;
        i += width;
    }
    return i;
}
