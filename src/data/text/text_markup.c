/* text_markup.c - tags and character references of HTML.
 *
 * Names of the characters U+00A0 .. U+00FF: HTML 4.01, section 24.2, in their order. */
#include <string.h>

#include "text_impl.h"

enum { TAG_MAX = 4096, COMMENT_MAX = 1024, NAME_MAX = 8 };

static const char *const latin[] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};
_Static_assert(sizeof latin / sizeof *latin == 96, "U+00A0 .. U+00FF");

static const struct {
    const char *name;
    uint32_t c;
} others[] = {
    {"amp", '&'},      {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
    {"apos", '\''},    {"hellip", 0x2026}, {"ndash", 0x2013},  {"mdash", 0x2014},
    {"lsquo", 0x2018}, {"rsquo", 0x2019},  {"sbquo", 0x201A},  {"ldquo", 0x201C},
    {"rdquo", 0x201D}, {"bdquo", 0x201E},  {"bull", 0x2022},   {"euro", 0x20AC},
    {"trade", 0x2122}, {"hearts", 0x2665}, {"lsaquo", 0x2039}, {"rsaquo", 0x203A},
    {"zwj", TEXT_ZWJ}, {"thinsp", 0x2009}, {"ensp", 0x2002},   {"emsp", 0x2003},
};

static bool is_letter(unsigned char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of "<!-- ... -->". */
static size_t comment(const unsigned char *s, size_t len)
{
    for (size_t i = 4; i + 3 <= len && i < COMMENT_MAX; i++)
        if (memcmp(s + i, "-->", 3) == 0) return i + 3;
    return 0;
}

size_t text_mark(const unsigned char *s, size_t len)
{
    static const char *const marks[] = {"<mail>", "<phone>", "<card>",  "<account>", "<number>",
                                        "<url>",  "<user>",  "<emoji>", "<hashtag>", "<punct>"};

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t n = strlen(marks[i]);
        if (n <= len && memcmp(s, marks[i], n) == 0) return n;
    }
    return 0;
}

size_t text_tag(const unsigned char *s, size_t len)
{
    size_t i = 1;

    if (text_mark(s, len)) return 0;

    if (len > 4 && memcmp(s, "<!--", 4) == 0) return comment(s, len);
    if (i < len && (s[i] == '/' || s[i] == '!')) i++;
    if (i >= len || !is_letter(s[i])) return 0;
    while (i < len && (is_letter(s[i]) || is_digit(s[i]) || s[i] == '-' || s[i] == ':'))
        i++;
    if (i < len && !strchr(" \t\r\n/>", s[i])) return 0;
    for (; i < len && i < TAG_MAX && s[i] != '<'; i++)
        if (s[i] == '>') return i + 1;
    return 0;
}

static int digit_value(unsigned char c, int base)
{
    if (is_digit(c)) return c - '0';
    if (base == 16 && (c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

/* "&#39;", "&#x27;" */
static size_t by_number(const unsigned char *s, size_t len, uint32_t *c)
{
    int base = len > 2 && (s[2] | 32) == 'x' ? 16 : 10, v;
    size_t first = base == 16 ? 3 : 2, i = first;
    uint32_t n = 0;

    for (; i < len && i < first + 8 && (v = digit_value(s[i], base)) >= 0; i++)
        if (n <= 0x10FFFF) n = n * (uint32_t)base + (uint32_t)v;
    if (i == first || i >= len || s[i] != ';') return 0;
    if (n == 0 || n > 0x10FFFF || (n >= 0xD800 && n <= 0xDFFF)) return 0;
    *c = n;
    return i + 1;
}

static uint32_t by_name(const char *name)
{
    for (uint32_t i = 0; i < sizeof latin / sizeof *latin; i++)
        if (strcmp(latin[i], name) == 0) return 0xA0 + i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, name) == 0) return others[i].c;
    return 0;
}

size_t text_reference(const unsigned char *s, size_t len, uint32_t *c)
{
    char name[NAME_MAX];
    size_t i = 1;
    uint32_t found;

    if (len > 3 && s[1] == '#') return by_number(s, len, c);
    while (i < len && i < NAME_MAX && (is_letter(s[i]) || is_digit(s[i])))
        i++;
    if (i == 1 || i >= len || s[i] != ';') return 0;
    memcpy(name, s + 1, i - 1);
    name[i - 1] = '\0';
    found = by_name(name);
    if (!found) return 0;
    *c = found;
    return i + 1;
}
