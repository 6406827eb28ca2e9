/* text_chars.c - UTF-8, and small tables of characters: which are parts of words, which have a
 * lower case.
 *
 * UTF-8: Unicode 15, section 3.9, table 3-7 (well-formed byte sequences).  Lower case: simple case
 * mappings of UnicodeData.txt for Latin-1, Latin Extended-A, Greek and Cyrillic; U+0130 becomes i.
 * Beyond Latin Extended-A every character is taken for a letter but those of the blocks of marks,
 * punctuation, symbols and private use below. */
#include "text_impl.h"

/* Characters first .. last by kind, in order; those not listed are words from U+0180 on and
 * separators before. */
static const struct {
    uint32_t first, last;
    text_kind kind;
} kinds[] = {
    {'\'', '\'', TEXT_JOINER},
    {'-', '-', TEXT_JOINER},
    {'0', '9', TEXT_WORD},
    {'A', 'Z', TEXT_WORD},
    {'a', 'z', TEXT_WORD},
    {0xAA, 0xAA, TEXT_WORD}, /* feminine ordinal */
    {0xAD, 0xAD, TEXT_NOTHING},
    {0xB5, 0xB5, TEXT_WORD}, /* micro sign */
    {0xBA, 0xBA, TEXT_WORD}, /* masculine ordinal */
    {0xC0, 0xD6, TEXT_WORD},
    {0xD8, 0xF6, TEXT_WORD},
    {0xF8, 0x17F, TEXT_WORD},
    {0x2C2, 0x2DF, TEXT_SEPARATOR}, /* spacing modifiers */
    {0x300, 0x36F, TEXT_MARK},
    {0x37E, 0x37E, TEXT_SEPARATOR}, /* Greek question mark */
    {0x387, 0x387, TEXT_SEPARATOR}, /* Greek ano teleia */
    {0x482, 0x482, TEXT_SEPARATOR},
    {0x483, 0x489, TEXT_MARK},
    {0x55A, 0x55F, TEXT_SEPARATOR}, /* Armenian, Hebrew, Arabic punctuation */
    {0x589, 0x58F, TEXT_SEPARATOR},
    {0x5BE, 0x5BE, TEXT_SEPARATOR},
    {0x600, 0x60F, TEXT_SEPARATOR},
    {0x61B, 0x61F, TEXT_SEPARATOR},
    {0x66A, 0x66D, TEXT_SEPARATOR},
    {0x6D4, 0x6D4, TEXT_SEPARATOR},
    {0x964, 0x965, TEXT_SEPARATOR}, /* danda */
    {0x1680, 0x1680, TEXT_SEPARATOR},
    {0x2000, 0x200B, TEXT_SEPARATOR},
    {0x200C, 0x200F, TEXT_NOTHING}, /* joiners, directions */
    {0x2010, 0x2011, TEXT_JOINER},
    {0x2012, 0x2018, TEXT_SEPARATOR},
    {0x2019, 0x2019, TEXT_JOINER},
    {0x201A, 0x205F, TEXT_SEPARATOR},
    {0x2060, 0x2064, TEXT_NOTHING},
    {0x2065, 0x20CF, TEXT_SEPARATOR}, /* super- and subscripts, currencies */
    {0x20D0, 0x20FF, TEXT_MARK},
    {0x2100, 0x2BFF, TEXT_SEPARATOR}, /* symbols, arrows, figures */
    {0x2E00, 0x2E7F, TEXT_SEPARATOR},
    {0x3000, 0x3004, TEXT_SEPARATOR}, /* East Asian punctuation */
    {0x3008, 0x3020, TEXT_SEPARATOR},
    {0x3030, 0x3030, TEXT_SEPARATOR},
    {0x30FB, 0x30FB, TEXT_SEPARATOR},
    {0xE000, 0xF8FF, TEXT_SEPARATOR}, /* private use */
    {0xFE00, 0xFE0F, TEXT_NOTHING},   /* variation selectors */
    {0xFE10, 0xFE6F, TEXT_SEPARATOR},
    {0xFEFF, 0xFEFF, TEXT_NOTHING}, /* byte order mark */
    {0xFF01, 0xFF0F, TEXT_SEPARATOR},
    {0xFF1A, 0xFF20, TEXT_SEPARATOR},
    {0xFF3B, 0xFF40, TEXT_SEPARATOR},
    {0xFF5B, 0xFF65, TEXT_SEPARATOR},
    {0xFFE0, 0xFFFC, TEXT_SEPARATOR},
    {TEXT_FAULT, TEXT_FAULT, TEXT_MARK},
    {0xFFFE, 0xFFFF, TEXT_SEPARATOR},
    {0x1F000, 0x1FAFF, TEXT_SEPARATOR}, /* pictures */
    {0xE0000, 0x10FFFF, TEXT_SEPARATOR},
};

/* Upper-case letters first, first + step, ..., last; lower case is delta above. */
static const struct {
    uint16_t first, last;
    int16_t step, delta;
} lower[] = {
    {'A', 'Z', 1, 32},       {0xC0, 0xD6, 1, 32},   {0xD8, 0xDE, 1, 32},   {0x100, 0x12E, 2, 1},
    {0x130, 0x130, 1, -199}, {0x132, 0x136, 2, 1},  {0x139, 0x147, 2, 1},  {0x14A, 0x176, 2, 1},
    {0x178, 0x178, 1, -121}, {0x179, 0x17D, 2, 1},  {0x386, 0x386, 1, 38}, {0x388, 0x38A, 1, 37},
    {0x38C, 0x38C, 1, 64},   {0x38E, 0x38F, 1, 63}, {0x391, 0x3A1, 1, 32}, {0x3A3, 0x3AB, 1, 32},
    {0x400, 0x40F, 1, 80},   {0x410, 0x42F, 1, 32}, {0x460, 0x480, 2, 1},
};

text_kind text_kind_of(uint32_t c)
{
    size_t lo = 0, hi = sizeof kinds / sizeof *kinds;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c > kinds[mid].last)
            lo = mid + 1;
        else if (c < kinds[mid].first)
            hi = mid;
        else
            return kinds[mid].kind;
    }
    return c < 0x180 ? TEXT_SEPARATOR : TEXT_WORD;
}

uint32_t text_lower(uint32_t c)
{
    for (size_t i = 0; i < sizeof lower / sizeof *lower && c >= lower[i].first; i++)
        if (c <= lower[i].last && (c - lower[i].first) % (uint32_t)lower[i].step == 0)
            return (uint32_t)((int32_t)c + lower[i].delta);
    return c;
}

uint32_t text_plain(uint32_t c)
{
    return c == 0x2019 ? '\'' : c == 0x2010 || c == 0x2011 ? '-' : c;
}

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

size_t text_encode(uint32_t c, char out[4])
{
    static const uint32_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(first[n] | c);
    return n;
}
