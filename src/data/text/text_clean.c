/* text_clean.c - any bytes to UTF-8 in NFC, without markup, on which the splitter works.
 *
 * NFC (Unicode Standard Annex 15) is made a piece at a time: from a character that joins nothing
 * before it to the next of that kind, and only where a piece holds a character that NFC could
 * change.  A piece is cut at PIECE characters, so that a heap of marks costs time in proportion to
 * its length (their order is then right within pieces only). */
#include <string.h>
#include <utf8proc.h>

#include "crmpi/base_mem.h"
#include "text_impl.h"

enum { PIECE = 64, GROWN = 4, SLACK = 4 * PIECE * GROWN };

typedef struct cleaner {
    unsigned char *s;
    size_t n;
    size_t piece;  /* where the piece at the end begins   */
    int in_piece;  /* characters of it                    */
    bool dirty;    /* NFC may change it                   */
    uint32_t last; /* character written last, 0 at first  */
} cleaner;

/* Bytes of plain ASCII at s: no control characters, '&' or '<'. */
static size_t plain_run(const unsigned char *s, size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t w, x, hit;
        memcpy(&w, s + i, 8);
        hit = w | (w - 0x2020202020202020u); /* beyond ASCII, and below a space */
        x = w ^ 0x2626262626262626u;         /* '&' */
        hit |= (x - 0x0101010101010101u) & ~x;
        x = w ^ 0x3C3C3C3C3C3C3C3Cu; /* '<' */
        hit |= (x - 0x0101010101010101u) & ~x;
        x = w ^ 0x7F7F7F7F7F7F7F7Fu;
        hit |= (x - 0x0101010101010101u) & ~x;
        if (hit & 0x8080808080808080u) break;
    }
    while (i < len && s[i] >= 0x20 && s[i] < 0x7F && s[i] != '&' && s[i] != '<')
        i++;
    return i;
}

/* ---- normal form ---- */

/* Marks in canonical order: by class, equal ones as they stand. */
static void order_marks(utf8proc_int32_t *c, utf8proc_ssize_t n)
{
    for (utf8proc_ssize_t i = 1; i < n; i++)
        for (utf8proc_ssize_t j = i; j > 0; j--) {
            int a = utf8proc_get_property(c[j - 1])->combining_class;
            int b = utf8proc_get_property(c[j])->combining_class;
            utf8proc_int32_t swap = c[j];
            if (b == 0 || a <= b) break;
            c[j] = c[j - 1];
            c[j - 1] = swap;
        }
}

static void compose(cleaner *x)
{
    utf8proc_int32_t c[PIECE * GROWN];
    utf8proc_ssize_t n = 0;
    size_t used;

    for (size_t at = x->piece; at < x->n && n + GROWN <= PIECE * GROWN; at += used) {
        int bound = 0;
        utf8proc_int32_t one = (utf8proc_int32_t)text_next(x->s + at, &used);
        n += utf8proc_decompose_char(one, c + n, GROWN, UTF8PROC_DECOMPOSE, &bound);
    }
    order_marks(c, n);
    n = utf8proc_normalize_utf32(c, n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    x->n = x->piece;
    for (utf8proc_ssize_t i = 0; i < n; i++)
        x->n += text_encode((uint32_t)c[i], (char *)x->s + x->n);
}

static void end_piece(cleaner *x)
{
    if (x->dirty) compose(x);
    x->piece = x->n;
    x->in_piece = 0;
    x->dirty = false;
}

static void write_char(cleaner *x, uint32_t c)
{
    if (text_is_starter(c) || x->in_piece == PIECE) end_piece(x);
    x->n += text_encode(c, (char *)x->s + x->n);
    x->in_piece++;
    x->dirty |= !text_is_plain(c);
    x->last = c;
}

/* ---- what stays ---- */

/* Joiners and tags only where they make emoji. */
static bool makes_emoji(const cleaner *x, uint32_t c)
{
    if (c == TEXT_ZWJ) return x->last == TEXT_PICTURE || text_class_of(x->last) == TEXT_EMOJI;
    return text_is_tag(c) && (x->last == TEXT_FLAG_BASE || text_is_tag(x->last));
}

static void take(cleaner *x, uint32_t c)
{
    text_class k = text_class_of(c);

    if (k == TEXT_SPACE)
        write_char(x, ' ');
    else if (k != TEXT_NOTHING || makes_emoji(x, c))
        write_char(x, c);
}

/* The character, tag or reference at s; returns its bytes. */
static size_t take_next(cleaner *x, const unsigned char *s, size_t len, int64_t *faults)
{
    size_t used = 0;
    uint32_t c = ' ';
    bool bad = false;

    if (s[0] == '<') used = text_tag(s, len);
    if (s[0] == '&') used = text_reference(s, len, &c);
    if (used == 0) c = text_decode(s, len, &used, &bad);
    *faults += bad;
    take(x, c);
    return used;
}

static void take_all(cleaner *x, const unsigned char *s, size_t len, int64_t *faults)
{
    for (size_t i = 0; i < len;) {
        size_t run = plain_run(s + i, len - i);
        if (run > 0) {
            end_piece(x);
            memcpy(x->s + x->n, s + i, run);
            x->n += run;
            x->piece = x->n - 1; /* a mark may join the last one */
            x->in_piece = 1;
            x->last = x->s[x->n - 1];
            i += run;
        } else {
            i += take_next(x, s + i, len - i, faults);
        }
    }
    end_piece(x);
}

/* Replaced bytes and characters in NFC take three times their place at most. */
crm_status text_clean_make(const char *text, size_t len, text_clean *out)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t run = len ? plain_run(s, len) : 0, cap = run == len ? len + 1 : 3 * len + SLACK;
    cleaner x = {.s = out->local};

    out->faults = 0;
    out->s = out->local;
    if (cap > sizeof out->local) {
        out->s = crm_mem_new(cap, 1);
        CRM_CHECK(out->s, CRM_ERR_NOMEM, "out of memory: a text of %zu bytes", len);
        x.s = out->s;
    }
    if (run == len) {
        if (len) memcpy(x.s, s, len);
        x.n = len;
    } else {
        take_all(&x, s, len, &out->faults);
    }
    x.s[x.n] = '\0';
    out->n = x.n;
    return CRM_OK;
}

void text_clean_free(text_clean *c)
{
    if (c->s != c->local) crm_mem_free(c->s);
    c->s = NULL;
}
