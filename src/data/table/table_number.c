/* table_number.c - a text as a number, correctly rounded.
 *
 * A decimal m * 10^k with m < 2^53 and |k| <= 22 is one exact double times or divided by another,
 * so that one operation rounds it correctly (W. D. Clinger, How to read floating point numbers
 * accurately, PLDI 1990); anything else goes through strtod, which gives the same. */
#include <math.h>
#include <string.h>

#include "crmpi/base_str.h"
#include "table_scan.h"

static const double POWER[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at text[*i ..], and how many; *m is exact as long as there are at most 18 in all. */
static int digits(const char *text, size_t len, size_t *i, uint64_t *m)
{
    size_t first = *i;

    for (; *i < len && is_digit(text[*i]); ++*i)
        *m = 10 * *m + (uint64_t)(text[*i] - '0');
    return (int)(*i - first);
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
    int n, behind = 0, exponent;
    bool minus_e = false;

    if (len - i == 0) return false;
    n = digits(text, len, &i, &m);
    if (i < len && text[i] == decimal) {
        i++;
        n += behind = digits(text, len, &i, &m);
    }
    if (n == 0) return false;
    if (i < len && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        if (i < len && (text[i] == '-' || text[i] == '+')) minus_e = text[i++] == '-';
        if (len - i > 6 || digits(text, len, &i, &e) == 0)
            return by_library(text, len, decimal, out);
    }
    if (i != len) return false;
    exponent = (minus_e ? -(int)e : (int)e) - behind;
    if (n > 18 || m > (uint64_t)1 << 53 || exponent < -22 || exponent > 22)
        return by_library(text, len, decimal, out);
    *out = exponent < 0 ? (double)m / POWER[-exponent] : (double)m * POWER[exponent];
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
