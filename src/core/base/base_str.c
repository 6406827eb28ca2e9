/* base_str.c - text buffer, number conversion, near names. */
#include "crmpi/base_str.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"

static bool reserve(crm_str *s, size_t more)
{
    size_t cap = s->cap ? s->cap : 64;
    char *p;

    if (s->failed) return false;
    while (cap < s->len + more + 1)
        cap *= 2;
    if (cap == s->cap) return true;
    p = crm_mem_grow(s->text, s->len, cap, 1);
    if (!p) {
        s->failed = true;
        return false;
    }
    s->text = p;
    s->cap = cap;
    return true;
}

void crm_str_add(crm_str *s, const char *data, size_t len)
{
    if (!reserve(s, len)) return;
    memcpy(s->text + s->len, data, len);
    s->len += len;
    s->text[s->len] = '\0';
}

void crm_str_addv(crm_str *s, const char *fmt, va_list ap)
{
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0 || !reserve(s, (size_t)n)) return;
    vsnprintf(s->text + s->len, (size_t)n + 1, fmt, ap);
    s->len += (size_t)n;
}

void crm_str_addf(crm_str *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    crm_str_addv(s, fmt, ap);
    va_end(ap);
}

void crm_str_free(crm_str *s)
{
    crm_mem_free(s->text);
    *s = (crm_str){0};
}

bool crm_parse_i64(const char *text, size_t len, int64_t *out)
{
    char buf[32], *end;
    long long v;

    if (len == 0 || len >= sizeof buf || (unsigned char)text[0] <= ' ') return false;
    memcpy(buf, text, len);
    buf[len] = '\0';
    errno = 0;
    v = strtoll(buf, &end, 10);
    if (errno || end != buf + len) return false;
    *out = v;
    return true;
}

bool crm_parse_f64(const char *text, size_t len, double *out)
{
    char buf[512], *end;
    double v;

    if (len == 0 || len >= sizeof buf || (unsigned char)text[0] <= ' ') return false;
    memcpy(buf, text, len);
    buf[len] = '\0';
    if (strpbrk(buf, "xXpPnN")) return false; /* no hexadecimal, nan or inf */
    v = strtod(buf, &end);
    if (end != buf + len || !isfinite(v)) return false;
    *out = v;
    return true;
}

char *crm_format_f64(double v, char out[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, v);
        if (strtod(out, NULL) == v) break;
    }
    return out;
}

int64_t crm_column(const char *line, const char *at)
{
    int64_t column = 1;

    for (const char *p = line; p < at; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    return column;
}

size_t crm_character(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = left == 0 || s[0] < 0x20 || s[0] == 0x7F ? 0
               : s[0] < 0x80                            ? 1
               : s[0] < 0xC2                            ? 0
               : s[0] < 0xE0                            ? 2
               : s[0] < 0xF0                            ? 3
               : s[0] < 0xF5                            ? 4
                                                        : 0;

    if (n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if (n > 2 && s[0] == 0xE0 && s[1] < 0xA0) return 0;
    if (n > 2 && s[0] == 0xED && s[1] > 0x9F) return 0;
    if (n > 3 && s[0] == 0xF0 && s[1] < 0x90) return 0;
    if (n > 3 && s[0] == 0xF4 && s[1] > 0x8F) return 0;
    return n;
}

crm_status crm_to_int(int64_t v, int *out)
{
    CRM_CHECK(v >= INT_MIN && v <= INT_MAX, CRM_ERR_ARG, "%lld does not fit in an int",
              (long long)v);
    *out = (int)v;
    return CRM_OK;
}

int crm_edit_distance(const char *a, const char *b)
{
    enum { MAX = 128 };
    size_t n = strlen(a), m = strlen(b);
    int row[MAX];

    if (n >= MAX || m >= MAX) return MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *crm_nearest(const char *text, const char *const *candidates, int n)
{
    int limit = (int)strlen(text) / 3 + 1, best = limit + 1;
    const char *found = NULL;

    for (int i = 0; i < n; i++) {
        int d = crm_edit_distance(text, candidates[i]);
        if (d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}
