/* opt_text.c - UTF-8, positions in a file, texts for messages and for YAML. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "opt_impl.h"

enum { SHOW_MAX = 80 };

size_t crm_opt_utf8(const char *p, size_t n, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* shorter forms are invalid */
    const unsigned char *u = (const unsigned char *)p;
    size_t len;

    if (n == 0) return 0;
    len = u[0] < 0x80             ? 1
          : (u[0] & 0xE0) == 0xC0 ? 2
          : (u[0] & 0xF0) == 0xE0 ? 3
          : (u[0] & 0xF8) == 0xF0 ? 4
                                  : 0;
    if (len == 0 || len > n) return 0;
    *c = len == 1 ? u[0] : u[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((u[i] & 0xC0) != 0x80) return 0;
        *c = *c << 6 | (u[i] & 0x3F);
    }
    if (*c < least[len] || *c > 0x10FFFF || (*c >= 0xD800 && *c <= 0xDFFF)) return 0;
    return len;
}

/* The characters of YAML 1.1, section 5.1. */
static bool is_yaml_character(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7E) || c == 0x85 ||
           (c >= 0xA0 && c <= 0xFFFD) || c >= 0x10000;
}

bool crm_opt_text_valid(const char *p, size_t n, size_t *at)
{
    uint32_t c = 0;
    size_t len;

    for (*at = 0; *at < n; *at += len) {
        len = crm_opt_utf8(p + *at, n - *at, &c);
        if (len == 0 || !is_yaml_character(c)) return false;
    }
    return true;
}

/* True when the byte ends a line: \n, or \r without \n behind it. */
static bool ends_line(const char *p, size_t at, size_t n)
{
    return p[at] == '\n' || (p[at] == '\r' && (at + 1 >= n || p[at + 1] != '\n'));
}

static bool starts_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

void crm_opt_text_position(const char *p, size_t at, int *line, int *col)
{
    *line = *col = 1;
    for (size_t i = 0; i < at; i++) {
        if (ends_line(p, i, at)) {
            (*line)++;
            *col = 1;
        } else if (starts_character(p[i])) {
            (*col)++;
        }
    }
}

size_t crm_opt_text_offset(const char *p, size_t n, int line, int col)
{
    size_t i = 0;

    for (; i < n && line > 1; i++)
        line -= ends_line(p, i, n);
    for (; i < n && col > 1 && p[i] != '\n'; col--)
        do
            i++;
        while (i < n && !starts_character(p[i]));
    return i;
}

static bool needs_escape(uint32_t c)
{
    bool turns =
        (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069); /* the line's order */

    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF ||
           c == 0xFFFE || c == 0xFFFF || turns;
}

static void add_escaped(crm_str *out, const char *p, size_t n, size_t max)
{
    size_t len;
    uint32_t c;

    for (size_t i = 0; i < n; i += len) {
        if (i >= max) {
            crm_str_addf(out, "...");
            return;
        }
        len = crm_opt_utf8(p + i, n - i, &c);
        if (len == 0) {
            crm_str_addf(out, "\\x%02x", (unsigned)(unsigned char)p[i]);
            len = 1;
        } else if (needs_escape(c)) {
            crm_str_addf(out, "\\u%04x", (unsigned)c);
        } else {
            crm_str_add(out, p + i, len);
        }
    }
}

void crm_opt_escape(crm_str *out, const char *p, size_t n)
{
    add_escaped(out, p, n, n);
}

void crm_opt_show(crm_str *out, const char *p, size_t n)
{
    add_escaped(out, p, n, SHOW_MAX);
}

/* Plain when it begins with a letter or '/', has only harmless characters and is no word that some
 * YAML reader takes for null or a boolean. */
static bool is_plain(const char *s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};

    if (!isalpha((unsigned char)s[0]) && s[0] != '/') return false;
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_./+-", *p)) return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(s, words[i]) == 0) return false;
    return true;
}

void crm_opt_quote(crm_str *out, const char *s)
{
    size_t n = strlen(s), len;
    uint32_t c = 0;

    if (is_plain(s)) {
        crm_str_add(out, s, n);
        return;
    }
    crm_str_addf(out, "\"");
    for (size_t i = 0; i < n; i += len) {
        len = crm_opt_utf8(s + i, n - i, &c);
        if (len == 0) len = 1; /* cannot be: texts are checked when they are set */
        if (needs_escape(c))
            crm_str_addf(out, "\\u%04X", (unsigned)c);
        else if (c == '"' || c == '\\')
            crm_str_addf(out, "\\%c", (char)c);
        else
            crm_str_add(out, s + i, len);
    }
    crm_str_addf(out, "\"");
}
