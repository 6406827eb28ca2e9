/* text_split.c - text to tokens: at each place of the clean text the longest of the kinds of
 * token, told by its first character.  Tokens are lent out of the clean text itself: a 0 takes the
 * place of the byte behind them meanwhile. */
#include <string.h>

#include "text_impl.h"

typedef struct scan {
    unsigned char *s;
    size_t n, i;
    size_t at_sign; /* place of the next '@', n when there is none */
    crm_text_fn fn;
    void *ctx;
} scan;

static text_class class_at(const unsigned char *s, size_t *used)
{
    *used = 1;
    if (s[0] < 128) return s[0] ? (text_class)text_ascii[s[0]] : TEXT_SPACE;
    return text_class_of(text_next(s, used));
}

static bool is_word(text_class k)
{
    return k == TEXT_LETTER || k == TEXT_DIGIT;
}

/* ---- words ---- */

/* Bytes of an apostrophe or hyphen. */
static size_t joiner(const unsigned char *s)
{
    if (s[0] == '\'' || s[0] == '-') return 1;
    if (s[0] != 0xE2 || s[1] != 0x80) return 0;
    return s[2] == 0x99 || s[2] == 0x90 || s[2] == 0x91 ? 3 : 0; /* U+2019, U+2010, U+2011 */
}

/* Bytes of the word at s; *joined: has an apostrophe or hyphen. */
static size_t word_length(const unsigned char *s, bool *joined)
{
    size_t n = 0, used, next;
    text_class k;

    *joined = false;
    for (;;) {
        while (text_ascii[s[n]] == TEXT_LETTER || text_ascii[s[n]] == TEXT_DIGIT)
            n++;
        if (s[n] >= 128) {
            k = class_at(s + n, &used);
            if (is_word(k) || k == TEXT_MARK) {
                n += used;
                continue;
            }
        }
        used = n > 0 ? joiner(s + n) : 0;
        if (used == 0 || !is_word(class_at(s + n + used, &next))) return n;
        *joined = true;
        n += used + next;
    }
}

/* Joiners in their plain form; returns the bytes then. */
static size_t make_plain(unsigned char *s, size_t n)
{
    size_t to = 0;

    for (size_t i = 0; i < n; i++) {
        bool three = s[i] == 0xE2 && i + 2 < n && joiner(s + i) == 3;
        s[to++] = !three ? s[i] : s[i + 2] == 0x99 ? '\'' : '-';
        i += three ? 2 : 0;
    }
    return to;
}

static bool same_letters(const unsigned char *s, const char *lower, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 32 : s[i]) != (unsigned char)lower[i])
            return false;
    return true;
}

/* Bytes of the English clitic that a word of n bytes ends with, less than n; 0: none. */
static size_t clitic(const unsigned char *s, size_t n)
{
    static const char *const end[] = {"n't", "'re", "'s", "'m", "'ve", "'ll", "'d"};

    for (size_t i = 0; i < sizeof end / sizeof *end; i++) {
        size_t len = strlen(end[i]);
        if (n > len && same_letters(s + n - len, end[i], len)) return len;
    }
    return 0;
}

/* Bytes of what French elides, with its apostrophe: "l'", "qu'". */
static size_t elision(const unsigned char *s, size_t n)
{
    if (n > 2 && s[1] == '\'' && s[0] < 128 && strchr("cdjlmnst", s[0] | 32) &&
        text_ascii[s[0]] == TEXT_LETTER)
        return 2;
    return n > 3 && s[2] == '\'' && same_letters(s, "qu", 2) ? 3 : 0;
}

/* ---- numbers ---- */
static size_t digits(const unsigned char *s)
{
    size_t n = 0, used;

    while (class_at(s + n, &used) == TEXT_DIGIT)
        n += used;
    return n;
}

/* "3.5", "24/7", "10-12", "20%", "5€"; s begins with a digit. */
static size_t number_length(const unsigned char *s)
{
    size_t n = digits(s), more, used;

    while (n > 0 && s[n] && strchr(".,:/-+", s[n]) && (more = digits(s + n + 1)) > 0)
        n += 1 + more;
    if (n > 0 && (s[n] == '%' || class_at(s + n, &used) == TEXT_CURRENCY))
        n += s[n] == '%' ? 1 : used;
    return n;
}

/* "-3", ".5", "$20", "-$20". */
static size_t signed_number(const unsigned char *s, bool after_word)
{
    size_t n = 0, used, more;
    text_class k = class_at(s, &used);

    if (after_word && k != TEXT_CURRENCY) return 0;
    if (s[0] == '+' || s[0] == '-') k = class_at(s + ++n, &used);
    if (k == TEXT_CURRENCY) n += used;
    if (s[n] == '.') n++;
    more = n > 0 ? number_length(s + n) : 0;
    return more ? n + more : 0;
}

/* ---- addresses and names ---- */
static size_t domain_length(const unsigned char *s, size_t n)
{
    size_t i = 0, dot = 0;

    for (; i < n && (text_ascii[s[i]] == TEXT_LETTER || text_ascii[s[i]] == TEXT_DIGIT ||
                     s[i] == '-' || s[i] == '.');
         i++)
        if (s[i] == '.') {
            if (i == 0 || s[i - 1] == '.') break;
            dot = i;
        }
    while (i > 0 && (s[i - 1] == '.' || s[i - 1] == '-'))
        i--;
    if (dot >= i)
        for (dot = i ? i - 1 : 0; dot > 0 && s[dot] != '.';)
            dot--;
    return dot > 0 && i >= dot + 3 && text_ascii[s[i - 1]] == TEXT_LETTER ? i : 0;
}

size_t text_mail(const unsigned char *s, size_t n)
{
    size_t i = 0, domain;

    while (i < n && (text_ascii[s[i]] == TEXT_LETTER || text_ascii[s[i]] == TEXT_DIGIT ||
                     (s[i] && strchr("._%+-", s[i]))))
        i++;
    if (i == 0 || i >= n || s[i] != '@') return 0;
    n -= i + 1;
    domain = domain_length(s + i + 1, n < CRM_TOKEN_MAX ? n : CRM_TOKEN_MAX);
    return domain ? i + 1 + domain : 0;
}

static size_t scheme(const unsigned char *s, size_t n)
{
    static const char *const begin[] = {"http://", "https://", "ftp://", "www."};

    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++) {
        size_t len = strlen(begin[i]);
        if (n > len && same_letters(s, begin[i], len)) return len;
    }
    return 0;
}

/* Without what a sentence puts behind it. */
static size_t trim(const unsigned char *s, size_t first, size_t n)
{
    bool open = memchr(s, '(', n) != NULL;

    while (n > first && (strchr(".,;:!?'\"]*", s[n - 1]) || (s[n - 1] == ')' && !open)))
        n--;
    return n;
}

size_t text_url(const unsigned char *s, size_t n)
{
    size_t first, i, used;
    text_class k;

    if ((s[0] | 32) != 'h' && (s[0] | 32) != 'w' && (s[0] | 32) != 'f') return 0;
    first = scheme(s, n);
    if (!first || !is_word(class_at(s + first, &used))) return 0;
    for (i = first; i < n; i += used) {
        k = class_at(s + i, &used);
        if (s[i] < 128 ? k == TEXT_SPACE || strchr("<>\"`{}|\\^", s[i])
                       : !is_word(k) && k != TEXT_MARK)
            break;
    }
    i = trim(s, first, i);
    return i > first ? i : 0;
}

/* "@name", "#name": what is behind the sign; a letter is needed for a hashtag. */
static size_t name_length(const unsigned char *s, bool letter)
{
    size_t n = 0, used;

    for (;; n += used) {
        text_class k = class_at(s + n, &used);
        if (!is_word(k) && k != TEXT_ALONE && k != TEXT_MARK && s[n] != '_') break;
        letter &= k != TEXT_LETTER && k != TEXT_ALONE;
    }
    return letter ? 0 : n;
}

/* ---- handing out ---- */

/* s.s[at .. at + n), in pieces when it is long. */
static crm_status hand(scan *x, size_t at, size_t n)
{
    while (n > 0) {
        size_t m = n;
        unsigned char *end, kept;
        crm_status st;
        if (m > CRM_TOKEN_MAX)
            for (m = CRM_TOKEN_MAX; (x->s[at + m] & 0xC0) == 0x80;)
                m--;
        end = x->s + at + m;
        kept = *end;
        *end = '\0';
        st = x->fn(x->ctx, (const char *)x->s + at, m);
        *end = kept;
        if (st) return st;
        at += m;
        n -= m;
    }
    return CRM_OK;
}

/* A word with an apostrophe or hyphen: its clitics apart. */
static crm_status hand_joined(scan *x, size_t n)
{
    size_t at = x->i, end[16], ends = 0, cut;

    n = make_plain(x->s + at, n);
    while (ends < 16 && (cut = clitic(x->s + at, n)) > 0) {
        end[ends++] = n;
        n -= cut;
    }
    if (ends == 0 && (cut = elision(x->s + at, n)) > 0) {
        CRM_TRY(hand(x, at, cut));
        at += cut;
        n -= cut;
    }
    CRM_TRY(hand(x, at, n));
    for (; ends > 0; ends--) {
        at += n;
        n = end[ends - 1] - (at - x->i);
        CRM_TRY(hand(x, at, n));
    }
    return CRM_OK;
}

static size_t longer(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A letter, digit or mark stands at x->i. */
static crm_status take_word(scan *x)
{
    const unsigned char *s = x->s + x->i;
    bool joined;
    size_t left = x->n - x->i, word, other = 0, keycap;
    crm_status st;

    if ((s[0] | 32) == 'h' || (s[0] | 32) == 'w' || (s[0] | 32) == 'f') other = text_url(s, left);
    if (x->at_sign < x->n && x->at_sign - x->i < CRM_TOKEN_MAX)
        other = longer(other, text_mail(s, left));
    if (strchr("ToOXx", s[0])) other = longer(other, text_emoticon(s, false));
    word = word_length(s, &joined);
    if (s[0] >= 128 || text_ascii[s[0]] == TEXT_DIGIT) other = longer(other, number_length(s));
    keycap = text_ascii[s[0]] == TEXT_DIGIT ? text_emoji(s) : 0;
    if (keycap) other = keycap;
    if (keycap || other > word || (other == word && !joined)) {
        st = hand(x, x->i, other);
        x->i += other;
    } else {
        st = joined ? hand_joined(x, word) : hand(x, x->i, word);
        x->i += word;
    }
    return st;
}

/* A character with the marks behind it. */
static size_t with_marks(const unsigned char *s, size_t n)
{
    size_t used;

    while (class_at(s + n, &used) == TEXT_MARK)
        n += used;
    return n;
}

/* The same character again and again. */
static size_t run_length(const unsigned char *s, size_t used)
{
    size_t n = used;

    while (strncmp((const char *)s, (const char *)s + n, used) == 0)
        n += used;
    return n;
}

/* Anything but a letter, digit or mark. */
static crm_status take_sign(scan *x, text_class k, size_t used)
{
    const unsigned char *s = x->s + x->i;
    unsigned char last = x->i > 0 ? x->s[x->i - 1] : ' ';
    bool after_word =
        text_ascii[last] == TEXT_LETTER || text_ascii[last] == TEXT_DIGIT || last > 127;
    size_t at = x->i, n = 0, name = 0;

    if (k == TEXT_NOTHING) { /* a joiner or tag on its own */
        x->i += used;
        return CRM_OK;
    }
    if (s[0] == '@' || s[0] == '#') name = name_length(s + 1, s[0] == '#');
    if (name) n = 1 + name;
    if (s[0] == '<') n = text_mark(s, x->n - x->i);
    n = longer(n, longer(text_emoji(s), text_emoticon(s, after_word)));
    if (k == TEXT_CURRENCY || (s[0] && strchr("+-.", s[0])))
        n = longer(n, signed_number(s, after_word));
    if (n == 0) n = k == TEXT_ALONE ? with_marks(s, used) : run_length(s, used);
    x->i += n;
    return hand(x, at, n);
}

static void find_at_sign(scan *x)
{
    const unsigned char *p = memchr(x->s + x->i, '@', x->n - x->i);

    x->at_sign = p ? (size_t)(p - x->s) : x->n;
}

static crm_status take_all(scan *x)
{
    while (x->i < x->n) {
        size_t used;
        text_class k = class_at(x->s + x->i, &used);
        if (x->at_sign < x->i) find_at_sign(x);
        if (k == TEXT_SPACE)
            x->i += used;
        else if (is_word(k) || k == TEXT_MARK)
            CRM_TRY(take_word(x));
        else
            CRM_TRY(take_sign(x, k, used));
    }
    return CRM_OK;
}

crm_status crm_text_split(const char *text, size_t len, crm_text_fn fn, void *ctx, int64_t *faults)
{
    text_clean c;
    scan x = {.fn = fn, .ctx = ctx};
    crm_status st;

    CRM_TRY(text_clean_make(text, len, &c));
    x.s = c.s;
    x.n = c.n;
    find_at_sign(&x);
    st = take_all(&x);
    if (faults) *faults += c.faults;
    text_clean_free(&c);
    return st;
}

/* ---- kinds ---- */
static crm_token_kind kind_by_class(const unsigned char *s)
{
    bool digit = false;
    size_t used;

    for (; *s; s += used) {
        text_class k = class_at(s, &used);
        if (k == TEXT_LETTER || k == TEXT_ALONE) return CRM_TOKEN_WORD;
        digit |= k == TEXT_DIGIT;
    }
    return digit ? CRM_TOKEN_NUMBER : CRM_TOKEN_PUNCT;
}

crm_token_kind crm_token_kind_of(const char *token)
{
    const unsigned char *s = (const unsigned char *)token;
    size_t n = strlen(token);

    if (n > 1 && s[0] == '@' && name_length(s + 1, false)) return CRM_TOKEN_USER;
    if (n > 1 && s[0] == '#' && name_length(s + 1, true)) return CRM_TOKEN_HASHTAG;
    if (text_url(s, n) == n || (memchr(s, '@', n) && text_mail(s, n) == n)) return CRM_TOKEN_URL;
    if (text_emoji(s) > 0 || text_emoticon(s, false) == n) return CRM_TOKEN_EMOJI;
    return kind_by_class(s);
}
