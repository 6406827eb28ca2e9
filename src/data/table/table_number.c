/* table_number.c - a text as a number, correctly rounded.
 *
 * A decimal m * 10^k with m < 2^53 and |k| <= 22 is one exact double times or divided by another,
 * so that one operation rounds it correctly (W. D. Clinger, How to read floating point numbers
 * accurately, PLDI 1990).  Other numbers of up to 19 digits: m times 128 bits of 5^k gives more
 * bits than a double has, and tells whether they decide the rounding (D. Lemire, Number parsing at
 * a gigabyte per second, Software: Practice and Experience 51, 2021).  The rest goes through
 * strtod, which gives the same. */
#include <math.h>
#include <string.h>

#include "crmpi/base_str.h"
#include "table_powers.h"
#include "table_scan.h"

static const double POWER[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at text[*i ..], and how many; *m is exact as long as *places, those behind zeros, are at
 * most 19. */
static int digits(const char *text, size_t len, size_t *i, uint64_t *m, int *places)
{
    size_t first = *i;

    for (; *i < len && is_digit(text[*i]); ++*i) {
        *m = 10 * *m + (uint64_t)(text[*i] - '0');
        *places += *places > 0 || text[*i] != '0';
    }
    return (int)(*i - first);
}

/* m * 10^q; false when the bits do not decide, or it is no normal double. */
static bool by_powers(uint64_t m, int q, double *out)
{
    int zeros, up, power;
    unsigned __int128 product;
    uint64_t high, low, bits;

    if (m == 0 || q < TABLE_POWER_LEAST || q > TABLE_POWER_MOST) return false;
    zeros = __builtin_clzll(m);
    m <<= zeros;
    product = (unsigned __int128)m * TABLE_POWER[q - TABLE_POWER_LEAST][0];
    high = (uint64_t)(product >> 64);
    if ((high & 0x1FF) == 0x1FF) {
        product += (unsigned __int128)m * TABLE_POWER[q - TABLE_POWER_LEAST][1] >> 64;
        high = (uint64_t)(product >> 64);
    }
    low = (uint64_t)product;
    if (low == UINT64_MAX && (q < -27 || q > 55)) return false;
    up = (int)(high >> 63);
    bits = high >> (up + 9); /* 54 of them: one more than a double has */
    power = (217706 * q >> 16) + 63 + up - zeros + 1023; /* 217706 / 2^16: log2 of 10 */
    if (power <= 0) return false;
    if (low <= 1 && q >= -4 && q <= 23 && (bits & 3) == 1 && bits << (up + 9) == high)
        bits &= ~(uint64_t)1; /* just between two: to the even one */
    bits = (bits + (bits & 1)) >> 1;
    if (bits >> 53) {
        bits >>= 1;
        power++;
    }
    if (power >= 0x7FF) return false;
    bits = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)power << 52;
    memcpy(out, &bits, sizeof *out);
    return true;
}

/* By strtod, in the C locale. */
static bool by_library(const char *text, size_t len, char decimal, double *out)
{
    char copy[512];
    char *comma;

    if (decimal == '.') return crm_parse_f64(text, len, out);
    if (len >= sizeof copy || memchr(text, '.', len)) return false;
    memcpy(copy, text, len);
    if ((comma = memchr(copy, decimal, len))) *comma = '.';
    return crm_parse_f64(copy, len, out);
}

bool crm_table_real(const char *text, size_t len, char decimal, double *out)
{
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+');
    uint64_t m = 0, e = 0;
    int n, behind = 0, exponent, places = 0, unused = 0;
    bool minus_e = false;

    if (len - i == 0) return false;
    n = digits(text, len, &i, &m, &places);
    if (i < len && text[i] == decimal) {
        i++;
        n += behind = digits(text, len, &i, &m, &places);
    }
    if (n == 0) return false;
    if (i < len && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        if (i < len && (text[i] == '-' || text[i] == '+')) minus_e = text[i++] == '-';
        if (len - i > 6 || digits(text, len, &i, &e, &unused) == 0)
            return by_library(text, len, decimal, out);
    }
    if (i != len) return false;
    exponent = (minus_e ? -(int)e : (int)e) - behind;
    if (places > 19) return by_library(text, len, decimal, out);
    if (m <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22)
        *out = exponent < 0 ? (double)m / POWER[-exponent] : (double)m * POWER[exponent];
    else if (!by_powers(m, exponent, out))
        return by_library(text, len, decimal, out);
    if (text[0] == '-') *out = -*out;
    return true;
}

bool crm_table_whole(const char *text, size_t len, int64_t *out)
{
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+');
    int64_t v = 0;

    if (i == len) return false;
    for (; i < len; i++) {
        if (!is_digit(text[i])) return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, text[i] - '0', &v))
            return false;
    }
    if (text[0] != '-' && v == INT64_MIN) return false;
    *out = text[0] == '-' ? v : -v;
    return *out != CRM_WHOLE_MISSING; /* the sign of a missing value */
}

/* Bytes of the mark between thousands at text: a blank may be one that does not break the line. */
static size_t mark_at(const char *text, size_t len, char mark)
{
    if (len > 0 && text[0] == mark) return 1;
    if (mark != ' ') return 0;
    if (len >= 2 && memcmp(text, "\xC2\xA0", 2) == 0) return 2;
    return len >= 3 && memcmp(text, "\xE2\x80\xAF", 3) == 0 ? 3 : 0;
}

size_t crm_table_ungroup(const char *text, size_t len, char mark, char decimal,
                         char out[CRM_TABLE_DIGITS_MAX])
{
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+'), used = i, n, marks = 0;

    if (len >= CRM_TABLE_DIGITS_MAX) return 0;
    if (i) out[0] = text[0];
    for (;;) {
        size_t digits = 0, bytes;
        for (; i < len && is_digit(text[i]); digits++)
            out[used++] = text[i++];
        if (marks ? digits != 3 : digits < 1 || digits > 3) return 0;
        bytes = mark_at(text + i, len - i, mark);
        if (bytes == 0) break;
        i += bytes;
        marks++;
    }
    n = len - i;
    if (marks == 0 || (n > 0 && text[i] != decimal)) return 0;
    memcpy(out + used, text + i, n);
    return used + n;
}

/* Takes one of the texts away at either end, and the blanks beside it. */
static bool strip_one(const crm_opt_list *l, const char **text, size_t *len)
{
    for (int i = 0; i < l->n; i++) {
        size_t n = strlen(l->item[i]);
        bool front = n > 0 && *len > n && memcmp(*text, l->item[i], n) == 0;
        bool behind = n > 0 && *len > n && memcmp(*text + *len - n, l->item[i], n) == 0;
        if (!front && !behind) continue;
        *text += front ? n : 0;
        *len -= n;
        crm_table_trim(text, len);
        return true;
    }
    return false;
}

/* "-$ 1,234.50" -> "-1234.50"; bytes of it, 0 when it is no number of that form. */
static size_t plain_number(const crm_field *f, const char *text, size_t len,
                           char out[CRM_TABLE_DIGITS_MAX])
{
    char copy[CRM_TABLE_DIGITS_MAX];
    bool minus = len > 1 && text[0] == '-';
    size_t n;

    if (len + 1 >= CRM_TABLE_DIGITS_MAX || (f->thousands == 0 && f->strip.n == 0)) return 0;
    text += minus;
    len -= minus;
    while (strip_one(&f->strip, &text, &len)) {
    }
    if (minus && (text[0] == '-' || text[0] == '+')) return 0;
    copy[0] = '-';
    memcpy(copy + minus, text, len);
    n = f->thousands
            ? crm_table_ungroup(copy, len + minus, f->thousands, f->decimal ? f->decimal : '.', out)
            : 0;
    if (n > 0) return n;
    memcpy(out, copy, len + minus);
    return len + minus;
}

bool crm_table_field_real(const crm_field *f, const char *text, size_t len, double *out)
{
    char decimal = f->decimal ? f->decimal : '.', copy[CRM_TABLE_DIGITS_MAX];

    if (crm_table_real(text, len, decimal, out)) return true;
    len = plain_number(f, text, len, copy);
    return len > 0 && crm_table_real(copy, len, decimal, out);
}

bool crm_table_field_whole(const crm_field *f, const char *text, size_t len, int64_t *out)
{
    char copy[CRM_TABLE_DIGITS_MAX];

    if (crm_table_whole(text, len, out)) return true;
    len = plain_number(f, text, len, copy);
    return len > 0 && crm_table_whole(copy, len, out);
}
