/* text_chars.c - UTF-8, and what characters are to the splitter.
 *
 * UTF-8: Unicode 15, section 3.9, table 3-7 (well-formed byte sequences).  Classes come from the
 * general categories and the property Extended_Pictographic of utf8proc. */
#include <utf8proc.h>

#include "text_impl.h"

#define P      TEXT_SIGN
#define S      TEXT_SPACE
#define D      TEXT_DIGIT
#define L      TEXT_LETTER
#define X      TEXT_NOTHING
#define C      TEXT_CURRENCY
#define R16(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x
const uint8_t text_ascii[256] = {
    R16(S), R16(S), /* 0x00 */
    S,      P,      P,      P,      C,      P,      P,      P,
    P,      P,      P,      P,      P,      P,      P,      P, /* space */
    D,      D,      D,      D,      D,      D,      D,      D,
    D,      D,      P,      P,      P,      P,      P,      P, /* 0 */
    P,      L,      L,      L,      L,      L,      L,      L,
    L,      L,      L,      L,      L,      L,      L,      L, /* @ */
    L,      L,      L,      L,      L,      L,      L,      L,
    L,      L,      L,      P,      P,      P,      P,      P, /* P */
    P,      L,      L,      L,      L,      L,      L,      L,
    L,      L,      L,      L,      L,      L,      L,      L, /* ` */
    L,      L,      L,      L,      L,      L,      L,      L,
    L,      L,      L,      P,      P,      P,      P,      S, /* p */
    R16(X), R16(X), R16(X), R16(X), R16(X), R16(X), R16(X), R16(X),
};
#undef P
#undef S
#undef D
#undef L
#undef X
#undef C
#undef R16

/* Scripts that are written without spaces (Unicode 15, Blocks.txt): Thai and Lao, Myanmar, Khmer,
 * Tai Le to New Tai Lue, Tai Tham, CJK radicals, iteration mark and number zero, Hiragana and
 * Katakana, extensions of Katakana, ideographs, Myanmar's extensions, Tai Viet, Katakana of half
 * width, ideographs beyond the first plane. */
static const struct {
    uint32_t first, last;
} alone[] = {
    {0xE00, 0xEFF},     {0x1000, 0x109F},   {0x1780, 0x17FF}, {0x1950, 0x19DF}, {0x1A20, 0x1AAF},
    {0x2E80, 0x2FDF},   {0x3005, 0x3007},   {0x3041, 0x30FF}, {0x31F0, 0x31FF}, {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},   {0xA9E0, 0xA9FF},   {0xAA60, 0xAADF}, {0xF900, 0xFAFF}, {0xFF66, 0xFF9D},
    {0x1B000, 0x1B16F}, {0x20000, 0x3FFFF},
};

static bool is_alone(uint32_t c)
{
    if (c < alone[0].first) return false;
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (c >= alone[i].first && c <= alone[i].last) return true;
    return false;
}

static const text_class by_category[] = {
    [UTF8PROC_CATEGORY_CN] = TEXT_SIGN,     [UTF8PROC_CATEGORY_LU] = TEXT_LETTER,
    [UTF8PROC_CATEGORY_LL] = TEXT_LETTER,   [UTF8PROC_CATEGORY_LT] = TEXT_LETTER,
    [UTF8PROC_CATEGORY_LM] = TEXT_LETTER,   [UTF8PROC_CATEGORY_LO] = TEXT_LETTER,
    [UTF8PROC_CATEGORY_MN] = TEXT_MARK,     [UTF8PROC_CATEGORY_MC] = TEXT_MARK,
    [UTF8PROC_CATEGORY_ME] = TEXT_MARK,     [UTF8PROC_CATEGORY_ND] = TEXT_DIGIT,
    [UTF8PROC_CATEGORY_NL] = TEXT_DIGIT,    [UTF8PROC_CATEGORY_NO] = TEXT_DIGIT,
    [UTF8PROC_CATEGORY_PC] = TEXT_SIGN,     [UTF8PROC_CATEGORY_PD] = TEXT_SIGN,
    [UTF8PROC_CATEGORY_PS] = TEXT_SIGN,     [UTF8PROC_CATEGORY_PE] = TEXT_SIGN,
    [UTF8PROC_CATEGORY_PI] = TEXT_SIGN,     [UTF8PROC_CATEGORY_PF] = TEXT_SIGN,
    [UTF8PROC_CATEGORY_PO] = TEXT_SIGN,     [UTF8PROC_CATEGORY_SM] = TEXT_SIGN,
    [UTF8PROC_CATEGORY_SC] = TEXT_CURRENCY, [UTF8PROC_CATEGORY_SK] = TEXT_SIGN,
    [UTF8PROC_CATEGORY_SO] = TEXT_SIGN,     [UTF8PROC_CATEGORY_ZS] = TEXT_SPACE,
    [UTF8PROC_CATEGORY_ZL] = TEXT_SPACE,    [UTF8PROC_CATEGORY_ZP] = TEXT_SPACE,
    [UTF8PROC_CATEGORY_CC] = TEXT_SPACE,    [UTF8PROC_CATEGORY_CF] = TEXT_NOTHING,
    [UTF8PROC_CATEGORY_CS] = TEXT_NOTHING,  [UTF8PROC_CATEGORY_CO] = TEXT_SIGN,
};

static const utf8proc_property_t *property(uint32_t c)
{
    return utf8proc_get_property((utf8proc_int32_t)c);
}

text_class text_class_of(uint32_t c)
{
    const utf8proc_property_t *p;
    text_class k;

    if (c < 128) return (text_class)text_ascii[c];
    if (c == TEXT_FAULT || c == TEXT_KEYCAP) return TEXT_MARK;
    p = property(c);
    k = by_category[p->category];
    if (p->boundclass == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR) return TEXT_FLAG;
    /* (c), (r) and TM are pictographs to Unicode, signs to people */
    if (p->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC && c > 0xAE && c != 0x2122)
        return TEXT_EMOJI;
    if (text_is_modifier(c)) return TEXT_EMOJI;
    if ((k == TEXT_LETTER || k == TEXT_DIGIT) && is_alone(c))
        return k == TEXT_DIGIT && p->category == UTF8PROC_CATEGORY_ND ? TEXT_DIGIT : TEXT_ALONE;
    return k;
}

bool text_is_tag(uint32_t c)
{
    return c >= 0xE0020 && c <= 0xE007F;
}

bool text_is_modifier(uint32_t c)
{
    return c >= 0x1F3FB && c <= 0x1F3FF;
}

/* Below U+0300 nothing joins what stands before it.  Vowels and final consonants of Hangul join by
 * rule, other characters by the table of compositions. */
bool text_is_starter(uint32_t c)
{
    const utf8proc_property_t *p;

    if (c < 0x300) return true;
    if (c >= 0x1160 && c <= 0x11FF) return false;
    p = property(c);
    return p->combining_class == 0 && p->comb_index == UINT16_MAX;
}

bool text_is_plain(uint32_t c)
{
    return c < 0x300 || (text_is_starter(c) && property(c)->decomp_seqindex == UINT16_MAX);
}

/* ---- UTF-8 ---- */

/* Bytes of a character by its first byte, and the least and greatest second byte; 0: never first.
 */
static size_t shape(unsigned char first, unsigned char *lo, unsigned char *hi)
{
    *lo = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80; /* no overlong forms */
    *hi = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF; /* no surrogates, end of Unicode */
    if (first < 0x80) return 1;
    if (first < 0xC2) return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

uint32_t text_decode(const unsigned char *s, size_t len, size_t *used, bool *bad)
{
    unsigned char lo, hi;
    size_t n = shape(s[0], &lo, &hi);
    uint32_t c = n < 2 ? s[0] : s[0] & (0x7Fu >> n);

    *bad = n == 0;
    *used = 1;
    if (*bad) return TEXT_FAULT;
    for (; *used < n; (*used)++) {
        if (*used == len || s[*used] < lo || s[*used] > hi) {
            *bad = true;
            return TEXT_FAULT;
        }
        c = c << 6 | (s[*used] & 0x3Fu);
        lo = 0x80;
        hi = 0xBF;
    }
    return c;
}

uint32_t text_next(const unsigned char *s, size_t *used)
{
    if (s[0] < 0x80) {
        *used = 1;
        return s[0];
    }
    if (s[0] < 0xE0) {
        *used = 2;
        return (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    }
    if (s[0] < 0xF0) {
        *used = 3;
        return (s[0] & 0xFu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    }
    *used = 4;
    return (s[0] & 7u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

size_t text_encode(uint32_t c, char out[4])
{
    static const uint32_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(first[n] | c);
    return n;
}
