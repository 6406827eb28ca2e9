/* table_scrub_number.c - numbers in free text: which belong to somebody, by their form.
 *
 * A run is groups of digits with separators between them.  Dates, decimals, amounts, ratings and
 * times of the day at its head stay, and the run ends in front of such ones further on; what is
 * left is looked at as one number.  In doubt it goes: nine digits in three groups are a telephone
 * number unless a currency or decimals stand beside them. */
#include <string.h>

#include "table_scrub.h"

enum { DIGITS_MAX = 40, GROUPS_MAX = 16, WORD_MAX = 12 };

typedef struct group {
    size_t begin, end; /* bytes of the text */
    int first, n;      /* digits */
    char sep;          /* in front of it; '?': several */
    bool blank;        /* a blank is in front of it */
} group;

typedef struct run {
    const char *text;
    size_t len;
    int groups, digits;
    bool plus;
    group group[GROUPS_MAX + 1];
    char digit[DIGITS_MAX];
} run;

/* ---- reading ---- */
/* Separators from s[at] up to a digit; 0: something else comes, or more than is usual.  A number of
 * a telephone that begins with 0 or + may have blanks around a dash. */
static size_t read_gap(const char *s, size_t len, size_t at, bool trunk, group *g)
{
    size_t i = at, n;
    int count = 0;
    char c;

    g->sep = 0;
    g->blank = false;
    while ((c = crm_scrub_separator(s + i, len - i, &n)) != 0 && count < 3) {
        if (c == ' ')
            g->blank = true;
        else
            g->sep = g->sep ? '?' : c;
        count++;
        i += n;
    }
    if (!g->sep) g->sep = ' ';
    if (i >= len || !crm_scrub_digit(s[i]) || count > (trunk ? 3 : 2)) return 0;
    return i - at;
}

static void read_group(run *r, size_t at, group *g)
{
    g->begin = at;
    g->first = r->digits;
    for (g->n = 0; at < r->len && crm_scrub_digit(r->text[at]); at++, g->n++)
        if (r->digits < DIGITS_MAX) r->digit[r->digits++] = r->text[at];
    g->end = at;
    r->groups++;
}

static run read_run(const char *text, size_t len, size_t at)
{
    run r = {.text = text, .len = len, .plus = text[at] == '+'};
    group *g = r.group;
    size_t gap;

    read_group(&r, at + r.plus, g);
    while (r.groups < GROUPS_MAX && r.digits < DIGITS_MAX) {
        gap = read_gap(text, len, g->end, r.plus || r.digit[0] == '0', g + 1);
        if (gap == 0) break;
        read_group(&r, g->end + gap, g + 1);
        g++;
    }
    return r;
}

static void cut_run(run *r, int groups)
{
    r->groups = groups;
    r->digits = r->group[groups - 1].first + r->group[groups - 1].n;
    if (r->digits > DIGITS_MAX) r->digits = DIGITS_MAX;
}

/* Its number; -1 when it has more than eight digits. */
static int value(const run *r, int g)
{
    int v = 0;

    if (r->group[g].n > 8) return -1;
    for (int i = 0; i < r->group[g].n; i++)
        v = 10 * v + (r->digit[r->group[g].first + i] - '0');
    return v;
}

static char first_digit(const run *r, int g)
{
    return r->digit[r->group[g].first];
}

static bool is_year(const run *r, int g)
{
    return r->group[g].n == 4 && value(r, g) >= 1900 && value(r, g) < 2100;
}

/* ---- what stays ---- */
/* Groups g .. g + n - 1 are not part of a longer chain by the same separator. */
static bool stands_alone(const run *r, int g, int n)
{
    const group *in = &r->group[g + 1], *next = &r->group[g + n];

    if (g > 0 && r->group[g].sep == in->sep && r->group[g].blank == in->blank) return false;
    return g + n == r->groups || next->sep != in->sep || next->blank != in->blank;
}

static bool is_part_of_date(char sep)
{
    return sep == '-' || sep == '.' || sep == '/';
}

/* 2018-03-01, 01.03.2018, 1. 3. 2018, 3/1/18. */
static bool is_whole_date(const run *r, int g)
{
    const group *x = &r->group[g];
    int a = value(r, g), b = value(r, g + 1), c = value(r, g + 2);

    if (x[1].sep != x[2].sep || !is_part_of_date(x[1].sep)) return false;
    if (x[0].n > 4 || x[0].n == 3 || x[1].n > 2 || x[2].n > 4 || x[2].n == 3) return false;
    if (x[1].blank != x[2].blank && !is_year(r, g + 2)) return false;
    if (x[0].n == 4) return b >= 1 && b <= 12 && c >= 1 && c <= 31 && x[2].n <= 2;
    return a >= 1 && a <= 31 && b >= 1 && b <= 31 && (a <= 12 || b <= 12);
}

/* 03/2018, 2018-03, 2017-2018. */
static bool is_month(const run *r, int g)
{
    bool from = is_year(r, g), to = is_year(r, g + 1);

    if (!is_part_of_date(r->group[g + 1].sep) || r->group[g + 1].blank) return false;
    if (from && to) return true;
    if (from) return r->group[g + 1].n <= 2 && value(r, g + 1) >= 1 && value(r, g + 1) <= 12;
    return to && r->group[g].n <= 2 && value(r, g) >= 1 && value(r, g) <= 12;
}

/* Groups of the date at g; 0: none. */
static int date_at(const run *r, int g)
{
    if (g + 3 <= r->groups && is_whole_date(r, g) && stands_alone(r, g, 3)) return 3;
    return g + 2 <= r->groups && is_month(r, g) && stands_alone(r, g, 2) ? 2 : 0;
}

/* Groups up to the next blank or dash. */
static int word_groups(const run *r, int g)
{
    int n = 1;

    while (g + n < r->groups && !r->group[g + n].blank && r->group[g + n].sep != '-')
        n++;
    return n;
}

/* 9.99, 1.234.567; 10.45 of a clock and 24.02. of a calendar may begin with 0. */
static bool is_decimal(const run *r, int g, int n)
{
    const group *x = &r->group[g];
    bool clock = x[0].n <= 2 && value(r, g) <= 31 && x[1].n == 2 && value(r, g + 1) <= 59;

    if (n == 2 && x[1].n <= 2)
        return clock || (x[0].n <= 6 && (first_digit(r, g) != '0' || x[0].n == 1));
    if (x[0].n > 3 || first_digit(r, g) == '0' || (n == 3 && x[0].n == 3)) return false;
    for (int i = 1; i < n; i++)
        if (x[i].n != 3) return false;
    return true;
}

/* 4/5, 10/10, 4.5/5, 24/12: of two numbers, or a day and a month. */
static bool is_rating(const run *r, int g, int n)
{
    const group *x = &r->group[g];
    int of = g + n - 1;

    if (n == 3 && (x[1].sep != '.' || x[1].n > 1)) return false;
    if (n > 3 || x[n - 1].sep != '/' || x[0].n > 2) return false;
    if (x[n - 1].n > 2 && value(r, of) != 100) return false;
    return first_digit(r, g) != '0' || x[0].n == 1 || (value(r, g) <= 31 && value(r, of) <= 12);
}

/* Groups of the decimal or rating at g that stands by itself; 0: none. */
static int word_at(const run *r, int g)
{
    int n = word_groups(r, g);

    if (n < 2 || (g > 0 && !r->group[g].blank && r->group[g].sep != '-')) return 0;
    if (is_rating(r, g, n)) return n;
    for (int i = 1; i < n; i++)
        if (r->group[g + i].sep != '.') return 0;
    return is_decimal(r, g, n) ? n : 0;
}

static int harmless_at(const run *r, int g)
{
    int n = date_at(r, g);

    return n ? n : word_at(r, g);
}

/* The first group behind the head at which something stands that is no part of a number; all: none.
 * Behind a 0 or + only a date with its year is taken for one. */
static int head_groups(const run *r)
{
    bool trunk = r->plus || r->digit[0] == '0';

    for (int g = 1; g < r->groups; g++) {
        int n = trunk ? date_at(r, g) : harmless_at(r, g);
        bool year = n == 3 && (is_year(r, g) || is_year(r, g + 2));
        if (n && (!trunk || year)) return g;
    }
    return r->groups;
}

/* ---- what surrounds a run ---- */
static bool same_word(const char *s, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((s[i] | 32) != word[i]) return false;
    return true;
}

/* A sign or code of a currency that begins (ends) at s[at]. */
static bool is_currency(const char *s, size_t len, size_t at, bool ends)
{
    static const char *const KNOWN[] = {"$",   "\xe2\x82\xac", "\xc2\xa3", "\xc2\xa5", "eur", "usd",
                                        "gbp", "brl",          "chf",      "inr",      "jpy"};

    for (size_t k = 0; k < sizeof KNOWN / sizeof *KNOWN; k++) {
        size_t n = strlen(KNOWN[k]), begin = ends ? at - n : at;
        bool letters = crm_scrub_ascii(KNOWN[k][0]);
        if (ends ? at < n : len - at < n) continue;
        if (letters ? same_word(s + begin, KNOWN[k], n) : memcmp(s + begin, KNOWN[k], n) == 0)
            return true;
    }
    return false;
}

/* Decimals behind a comma, or a currency beside the run, with a blank between them or without. */
static bool is_money(const run *r)
{
    const char *s = r->text;
    size_t begin = r->group[0].begin, end = r->group[r->groups - 1].end, n = 0, back = begin;

    if (end + 1 < r->len && s[end] == ',' && crm_scrub_digit(s[end + 1])) return true;
    if (end < r->len && crm_scrub_separator(s + end, r->len - end, &n) == ' ') end += n;
    if (back >= 1 && s[back - 1] == ' ') back--;
    if (back >= 2 && memcmp(s + back - 2, "\xc2\xa0", 2) == 0) back -= 2;
    return is_currency(s, r->len, end, false) || is_currency(s, r->len, back, true);
}

typedef enum front { FREE, CODE, GLUED } front;

/* Bytes of the letter that ends in front of s[at], of an alphabet whose words are not written
 * without blanks in front of numbers; 0: none. */
static size_t letter_before(const char *s, size_t at)
{
    uint32_t code = 0;

    if (at == 0) return 0;
    if (crm_scrub_ascii(s[at - 1])) return 1;
    for (size_t n = 2; n <= 4 && n <= at; n++) {
        if (crm_scrub_letter(s + at - n, n) != n) continue;
        crm_scrub_wide(s + at - n, n, &code);
        return code < 0x590 || (code >= 0x1E00 && code < 0x2000) ? n : 0;
    }
    return 0;
}

/* The word that ends in front of s[at] tells of a telephone. */
static bool tells_phone(const char *s, size_t at)
{
    static const char *const KNOWN[] = {"tel",  "fon",     "phone",   "telefon", "telefone",
                                        "fone", "mobil",   "handy",   "fax",     "mobile",
                                        "cel",  "celular", "whatsapp"};
    size_t n = 0;

    while (n < WORD_MAX && n < at && crm_scrub_ascii(s[at - n - 1]))
        n++;
    for (size_t k = 0; k < sizeof KNOWN / sizeof *KNOWN; k++)
        if (n == strlen(KNOWN[k]) && same_word(s + at - n, KNOWN[k], n)) return true;
    return false;
}

/* A number behind letters is part of a code such as A1234567 or ORD-1234-5678. */
static front front_of(const char *s, size_t at)
{
    bool mark = at > 0 && memchr("-_/", s[at - 1], 3);

    if (!letter_before(s, at - mark) || tells_phone(s, at - mark)) return FREE;
    return mark ? CODE : GLUED;
}

/* ---- what goes ---- */
/* The check digit of ISO/IEC 7812: every second digit from the right doubled. */
static bool is_card(const char *digit, int n)
{
    int sum = 0;

    if (n < 13 || n > 19) return false;
    for (int i = 0; i < n; i++) {
        int v = digit[n - 1 - i] - '0';
        if (i % 2 == 1) v = v > 4 ? 2 * v - 9 : 2 * v;
        sum += v;
    }
    return sum % 10 == 0;
}

/* Groups of the card number at group g; 0: none. */
static int card_at(const run *r, int g)
{
    for (int n = r->groups - g; n > 0; n--) {
        const group *last = &r->group[g + n - 1];
        if (is_card(r->digit + r->group[g].first, last->first + last->n - r->group[g].first))
            return n;
    }
    return 0;
}

/* 1.234.567 or 12 345 678: groups of three behind the first. */
static bool is_amount(const run *r)
{
    if (r->groups < 2 || r->group[0].n > 3 || r->digit[0] == '0') return false;
    for (int i = 1; i < r->groups; i++)
        if (r->group[i].n != 3 || !memchr(". ", r->group[i].sep, 2)) return false;
    if (r->groups != 3 || r->group[0].n != 3) return true;
    return value(r, 2) == 0 || is_money(r);
}

/* Years, ratings of one digit each, and numbers behind a year such as 2018-00451. */
static bool is_list(const run *r)
{
    bool years = r->groups > 1, ratings = r->digit[0] != '0';

    for (int g = 0; g < r->groups; g++) {
        years = years && is_year(r, g);
        ratings = ratings && r->group[g].n == 1;
    }
    if (r->groups == 2 && is_year(r, 0) && memchr("-/", r->group[1].sep, 2))
        return r->group[1].n == 5 || r->group[1].n == 6;
    return years || ratings;
}

/* What a run is to be replaced by; NULL: it stays. */
static const char *meaning(const run *r, front f)
{
    bool zero = r->digit[0] == '0', grouped = r->groups > 1 || r->digits >= 10;
    bool abroad = r->plus || (zero && r->digit[1] == '0' && grouped);

    if (is_card(r->digit, r->digits)) return "<card>";
    if (abroad && r->digits >= 7 && r->digits <= 15) return "<phone>";
    if (is_list(r)) return NULL;
    for (int g = 0; g < r->groups; g++)
        if (r->group[g].n >= 8) return "<number>";
    if (is_amount(r)) return NULL;
    if (r->groups > 1 && r->digits >= 7 && r->digits <= 15)
        return f == FREE || (zero && r->digits >= 9) ? "<phone>" : NULL;
    return r->digits > 15 ? "<number>" : NULL;
}

/* A code goes only where a card number is in it. */
static size_t glued(const run *r, const char **name)
{
    int n = card_at(r, 0), g = 1;

    if (n) {
        *name = "<card>";
        return r->group[n - 1].end - r->group[0].begin;
    }
    while (g < r->groups && !r->group[g].blank && !card_at(r, g))
        g++;
    return r->group[g - 1].end - r->group[0].begin;
}

size_t crm_scrub_number(const char *text, size_t len, size_t at, const char **name)
{
    run r = read_run(text, len, at);
    front f = text[at] == '+' ? FREE : front_of(text, at);
    int n;

    *name = NULL;
    if (f == GLUED) return glued(&r, name);
    n = r.plus ? 0 : harmless_at(&r, 0);
    if (n) return r.group[n - 1].end - at;
    cut_run(&r, head_groups(&r));
    *name = meaning(&r, f);
    return r.group[r.groups - 1].end - at;
}
