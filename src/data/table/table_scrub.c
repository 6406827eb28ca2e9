/* table_scrub.c - free text without e-mail addresses and numbers that belong to somebody.
 *
 * A rule of thumb by form, not by meaning: names and street addresses stay.  It errs towards taking
 * out: an order number of eight digits goes too. */
#include <stdbool.h>
#include <string.h>

#include "table_private.h"

enum { DIGITS_MAX = 40 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || (unsigned char)c >= 0x80;
}

/* ---- e-mail ---- */
static bool is_local(char c)
{
    return is_letter(c) || is_digit(c) || (c && strchr("._%+-", c));
}

/* Length of an address that begins at s: local@part.part, the last part of two or more letters. */
static size_t email(const char *s, size_t len)
{
    size_t i = 0, end = 0;

    while (i < len && is_local(s[i]))
        i++;
    if (i == 0 || i >= len || s[i] != '@') return 0;
    i++;
    while (i < len && (is_letter(s[i]) || is_digit(s[i]))) {
        size_t part = i, letters = 0;
        while (i < len && (is_letter(s[i]) || is_digit(s[i]) || s[i] == '-'))
            letters += is_letter(s[i++]);
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

    if (len < 15 || !is_letter(s[0]) || !is_letter(s[1]) || !is_digit(s[2]) || !is_digit(s[3]))
        return 0;
    for (; i < len && n < 34; i++) {
        unsigned rest = 0;
        if (s[i] == ' ' && i + 1 < len && (is_digit(s[i + 1]) || is_letter(s[i + 1]))) continue;
        if (!is_digit(s[i]) && !is_letter(s[i])) break;
        text[n++] = s[i];
        if (n < 15 || (i + 1 < len && is_word(s[i + 1]))) continue;
        for (size_t k = 0; k < n; k++) {
            char c = text[(k + 4) % n];
            unsigned v = is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
            rest = (rest * (v > 9 ? 100 : 10) + v) % 97;
        }
        if (rest == 1) end = i + 1;
    }
    return end;
}

/* ---- numbers ---- */
typedef struct run {
    size_t len;      /* bytes, from the first digit or sign to the last digit */
    int digits;      /* in all */
    int groups;      /* runs of digits */
    int group[8];    /* digits of the first ones */
    char between[8]; /* last separator in front of group i */
    bool international;
    char digit[DIGITS_MAX];
} run;

/* Digits with at most two separators between each two of them. */
static run read_run(const char *s, size_t len)
{
    run r = {0};
    size_t i = 0, gap = 0;
    char sep = 0;
    bool in = false;

    if (s[0] == '+') i = 1;
    r.international = i == 1;
    for (; i < len; i++) {
        if (is_digit(s[i])) {
            if (!in) {
                if (r.groups < 8) r.between[r.groups] = sep;
                r.groups++;
            }
            if (r.groups <= 8) r.group[r.groups - 1]++;
            if (r.digits < DIGITS_MAX) r.digit[r.digits] = s[i];
            r.digits++;
            r.len = i + 1;
            in = true;
            gap = 0;
        } else if (s[i] && strchr(" -./()", s[i]) && gap < 2) {
            sep = s[i];
            in = false;
            gap++;
        } else {
            break;
        }
    }
    if (r.digits > 4 && r.digit[0] == '0' && r.digit[1] == '0') r.international = true;
    return r;
}

/* The check digit of ISO/IEC 7812: every second digit from the right doubled. */
static bool is_card(const run *r)
{
    int sum = 0;

    if (r->digits < 13 || r->digits > 19) return false;
    for (int i = 0; i < r->digits; i++) {
        int v = r->digit[r->digits - 1 - i] - '0';
        if (i % 2 == 1) v = v > 4 ? 2 * v - 9 : 2 * v;
        sum += v;
    }
    return sum % 10 == 0;
}

static int number_at(const run *r, int from, int n)
{
    int v = 0;

    for (int i = from; i < from + n; i++)
        v = 10 * v + (r->digit[i] - '0');
    return v;
}

/* 2018-03-01, 01.03.2018, 3/1/18: three groups between equal separators, a day and a month among
 * them. */
static bool is_date(const run *r)
{
    int a, b, c;

    if (r->groups < 3 || r->between[1] != r->between[2] || !strchr("-./", r->between[1]))
        return false;
    if (r->group[0] > 4 || r->group[1] > 2 || r->group[2] > 4) return false;
    a = number_at(r, 0, r->group[0]);
    b = number_at(r, r->group[0], r->group[1]);
    c = number_at(r, r->group[0] + r->group[1], r->group[2]);
    if (r->group[0] == 4) return b >= 1 && b <= 12 && c >= 1 && c <= 31 && r->group[2] <= 2;
    return a >= 1 && a <= 31 && b >= 1 && b <= 31 && (a <= 12 || b <= 12) && r->group[2] != 3;
}

/* 1.234.567 or 12 345 678: groups of three behind the first, by one separator. */
static bool is_amount(const run *r)
{
    if (r->groups < 2 || r->groups > 8 || r->group[0] > 3 || r->digit[0] == '0') return false;
    for (int i = 1; i < r->groups; i++) {
        bool last = i == r->groups - 1;
        if (r->between[i] != '.' && r->between[i] != ' ') return false;
        if (r->group[i] != 3 && !(last && r->groups == 2 && r->between[i] == '.')) return false;
    }
    return true;
}

/* What a run of digits is to be replaced by; NULL: it stays. */
static const char *meaning(const run *r)
{
    if (is_card(r)) return "<card>";
    if (r->international && r->digits >= 7 && r->digits <= 15) return "<phone>";
    if (is_date(r)) return NULL;
    for (int i = 0; i < r->groups && i < 8; i++)
        if (r->group[i] >= 8) return "<number>";
    if (is_amount(r)) return NULL;
    if (r->groups > 1 && r->digits >= 7 && r->digits <= 15) return "<phone>";
    return r->digits > 15 ? "<number>" : NULL;
}

/* ---- the text ---- */
/* Bytes at s that are replaced, by *name. */
static size_t find(const char *s, size_t len, const char **name)
{
    size_t n;
    run r;

    *name = "<mail>";
    if (is_local(s[0]) && (n = email(s, len)) > 0) return n;
    *name = "<account>";
    if (is_letter(s[0]) && (n = account(s, len)) > 0) return n;
    if (!is_digit(s[0]) && !(s[0] == '+' && len > 1 && is_digit(s[1]))) return 0;
    r = read_run(s, len);
    *name = meaning(&r);
    return *name ? r.len : 0;
}

size_t crm_table_scrub(char *text, size_t len)
{
    size_t out = 0, i = 0;

    while (i < len) {
        bool begins = i == 0 || (!is_word(text[i - 1]) && !strchr("._%+-", text[i - 1]));
        const char *name = NULL;
        size_t n = begins || text[i] == '+' ? find(text + i, len - i, &name) : 0;
        if (n > 0) {
            size_t m = strlen(name);
            if (m > n) m = n; /* never longer than what it stands for */
            memcpy(text + out, name, m);
            out += m;
            i += n;
            continue;
        }
        /* The rest of a run of digits that stays is passed over with it: no part of it is looked
         * at. */
        do
            text[out++] = text[i++];
        while (i < len && begins && is_digit(text[i - 1]) && (is_digit(text[i])));
    }
    return out;
}
