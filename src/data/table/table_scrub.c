/* table_scrub.c - free text without e-mail addresses and numbers that belong to somebody.
 *
 * A rule of thumb by form, not by meaning: names and street addresses stay.  It errs towards taking
 * out: an order number of eight digits goes too. */
#include "table_scrub.h"

#include <string.h>

#include "table_private.h"

size_t crm_scrub_wide(const char *s, size_t len, uint32_t *code)
{
    unsigned char first = (unsigned char)s[0];
    size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;

    if (first < 0xC2 || first > 0xF4 || n > len) return 0;
    *code = first & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80) return 0;
        *code = *code << 6 | ((unsigned char)s[i] & 0x3F);
    }
    return n;
}

/* What is no letter outside of ASCII are the blocks of Unicode that hold punctuation and symbols,
 * and the signs of ordinals, which stand in front of numbers. */
size_t crm_scrub_letter(const char *s, size_t len)
{
    static const uint32_t OTHER[][2] = {
        {0x80, 0xB4},     {0xB6, 0xBF},     {0xD7, 0xD7},     {0xF7, 0xF7},     {0x2000, 0x2BFF},
        {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030}, {0xFE10, 0xFE6F}, {0xFEFF, 0xFF0F},
        {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF}};
    uint32_t code = 0;
    size_t n = crm_scrub_wide(s, len, &code);

    for (size_t k = 0; n && k < sizeof OTHER / sizeof *OTHER; k++)
        if (code >= OTHER[k][0] && code <= OTHER[k][1]) return 0;
    return n;
}

char crm_scrub_separator(const char *s, size_t len, size_t *bytes)
{
    uint32_t code = 0;

    *bytes = 1;
    if (len == 0) return 0;
    if (s[0] == ' ' || s[0] == '\t') return ' ';
    if (s[0] && strchr("-./()", s[0])) return s[0];
    *bytes = crm_scrub_wide(s, len, &code);
    if (*bytes == 0) return 0;
    if (code == 0xA0 || (code >= 0x2000 && code <= 0x200A) || code == 0x202F || code == 0x3000)
        return ' ';
    return (code >= 0x2010 && code <= 0x2015) || code == 0x2212 ? '-' : 0;
}

/* Bytes of the letter or digit at s; 0: none. */
static size_t word(const char *s, size_t len)
{
    if (len == 0) return 0;
    return crm_scrub_ascii(s[0]) || crm_scrub_digit(s[0]) ? 1 : crm_scrub_letter(s, len);
}

/* ---- e-mail ---- */
static bool is_mark(char c)
{
    return c && strchr("._%+-", c);
}

/* Bytes of a character of the local part. */
static size_t local(const char *s, size_t len)
{
    return len && is_mark(s[0]) ? 1 : word(s, len);
}

/* Length of an address that begins at s: local@part.part, the last part of two or more letters; any
 * of Unicode (RFC 6531). */
static size_t email(const char *s, size_t len)
{
    size_t i = 0, end = 0, n;

    while ((n = local(s + i, len - i)) > 0)
        i += n;
    if (i == 0 || i >= len || s[i] != '@') return 0;
    i++;
    while (word(s + i, len - i)) {
        size_t part = i, letters = 0;
        for (; (n = word(s + i, len - i)) > 0 || (i < len && s[i] == '-'); i += n ? n : 1)
            letters += crm_scrub_digit(s[i]) ? 0 : n;
        if (end && letters == i - part && letters >= 2) end = i;
        if (i >= len || s[i] != '.') break;
        if (!end) end = 1; /* a dot behind the first part: the next may be the last */
        i++;
    }
    return end > 1 ? end : 0;
}

/* ---- international account number ---- */
/* Length of one at s, blanks between its groups allowed; 0: none.  ISO 13616: the number with its
 * first four characters at the end, letters as 10 .. 35, is 1 modulo 97. */
static size_t account(const char *s, size_t len)
{
    char text[36];
    size_t n = 0, i = 0, end = 0;

    if (len < 15 || !crm_scrub_ascii(s[0]) || !crm_scrub_ascii(s[1]) || !crm_scrub_digit(s[2]) ||
        !crm_scrub_digit(s[3]))
        return 0;
    for (; i < len && n < 34; i++) {
        unsigned rest = 0;
        size_t blank = 0;
        if (crm_scrub_separator(s + i, len - i, &blank) == ' ' && i + blank < len &&
            (crm_scrub_digit(s[i + blank]) || crm_scrub_ascii(s[i + blank]))) {
            i += blank - 1;
            continue;
        }
        if (!crm_scrub_digit(s[i]) && !crm_scrub_ascii(s[i])) break;
        text[n++] = s[i];
        if (n < 15 || word(s + i + 1, len - i - 1)) continue;
        for (size_t k = 0; k < n; k++) {
            char c = text[(k + 4) % n];
            unsigned v = crm_scrub_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
            rest = (rest * (v > 9 ? 100 : 10) + v) % 97;
        }
        if (rest == 1) end = i + 1;
    }
    return end;
}

/* ---- the text ---- */
typedef struct scrubber {
    char *text;
    size_t len, in, out;
    size_t settled; /* numbers that begin in front of this stay */
    bool begins;    /* no address goes on here */
    bool inside;    /* a word or number goes on here */
    bool changed;
} scrubber;

/* Bytes of the address or account number at text[in]. */
static size_t find_name(const scrubber *x, const char **name)
{
    const char *s = x->text + x->in;
    size_t len = x->len - x->in, n;

    *name = "<mail>";
    if ((x->begins || s[0] == '+') && (n = email(s, len)) > 0) return n;
    *name = "<account>";
    return !x->inside && crm_scrub_ascii(s[0]) ? account(s, len) : 0;
}

/* Bytes of the number at text[in] that goes. */
static size_t find_number(scrubber *x, const char **name)
{
    const char *s = x->text + x->in;
    bool plus = s[0] == '+' && x->in + 1 < x->len && crm_scrub_digit(s[1]);
    size_t n;

    if (x->in < x->settled || (!plus && !crm_scrub_digit(s[0]))) return 0;
    if (!plus && x->in > 0 && crm_scrub_digit(s[-1])) return 0;
    n = crm_scrub_number(x->text, x->len, x->in, name);
    if (*name) return n;
    x->settled = x->in + n;
    return 0;
}

/* What is taken out is never longer than what stands for it. */
static void replace(scrubber *x, size_t n, const char *name)
{
    size_t m = strlen(name) < n ? strlen(name) : n;

    memcpy(x->text + x->out, name, m);
    x->out += m;
    x->in += n;
    x->begins = false;
    x->inside = false;
    x->changed = true;
}

static void keep(scrubber *x)
{
    const char *s = x->text + x->in;
    size_t n = word(s, x->len - x->in);

    x->inside = n > 0;
    x->begins = n == 0 && !is_mark(s[0]);
    if (n == 0) n = 1;
    memmove(x->text + x->out, s, n);
    x->out += n;
    x->in += n;
}

size_t crm_table_scrub(char *text, size_t len, bool *changed)
{
    scrubber x = {.text = text, .len = len, .begins = true};

    while (x.in < len) {
        const char *name = NULL;
        size_t n = find_name(&x, &name);
        if (n == 0) n = find_number(&x, &name);
        if (n > 0)
            replace(&x, n, name);
        else
            keep(&x);
    }
    *changed = x.changed;
    return x.out;
}
