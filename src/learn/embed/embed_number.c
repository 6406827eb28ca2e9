/* embed_number.c - a float from decimal text, rounded right, and the shortest text of a float.
 *
 * w 10^e with w < 2^53 and |e| <= 22 is one rounding of a double away (Clinger 1990); unless that
 * lies half-way between two floats, the float nearest to it is the one nearest to the text.  What
 * is left goes to strtof (the program stays in the C locale). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embed_number.h"

enum { MOST_TEXT = 400, MOST_EXPONENT = 22, MOST_DIGITS = 15 };

static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
_Static_assert(sizeof power / sizeof *power == MOST_EXPONENT + 1, "powers");

/* Digits as an integer. */
static const char *take_digits(const char *p, const char *end, uint64_t *w, int *digits)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        *digits += *digits > 0 || *p != '0';
        if (*digits <= MOST_DIGITS) *w = 10 * *w + (uint64_t)(*p - '0');
    }
    return p;
}

static bool by_strtof(const char *text, size_t len, float *out)
{
    char copy[MOST_TEXT], *end;

    if (len >= sizeof copy) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *out = strtof(copy, &end);
    return end == copy + len && isfinite(*out);
}

/* [e|E][+-]digits; false: none of that. */
static bool take_exponent(const char *p, const char *end, int *e)
{
    bool minus = false;
    int n = 0;

    if (p == end) return true;
    if (*p != 'e' && *p != 'E') return false;
    if (++p < end && (*p == '+' || *p == '-')) minus = *p++ == '-';
    if (p == end || end - p > 4) return false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9') return false;
        n = 10 * n + (*p - '0');
    }
    *e += minus ? -n : n;
    return true;
}

static bool half_way(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return (bits & 0x1FFFFFFFu) == 0x10000000u;
}

bool embed_parse_f32(const char *text, size_t len, float *out)
{
    const char *p = text, *end = text + len, *start;
    bool minus = p < end && *p == '-';
    uint64_t w = 0;
    int digits = 0, e = 0;
    double v;

    p += p < end && (*p == '-' || *p == '+');
    start = p;
    p = take_digits(p, end, &w, &digits);
    if (p == start && !(p < end && *p == '.')) return false; /* inf, nan, 0x and words */
    if (p < end && *p == '.') {
        const char *point = p + 1;
        p = take_digits(point, end, &w, &digits);
        if (p - start == 1) return false; /* a point alone */
        e = -(int)(p - point < 1000 ? p - point : 1000);
    }
    if (!take_exponent(p, end, &e)) return false;
    if (digits > MOST_DIGITS || e < -MOST_EXPONENT || e > MOST_EXPONENT)
        return by_strtof(text, len, out);
    v = e < 0 ? (double)w / power[-e] : (double)w * power[e];
    if (half_way(v) || v > 1e38 || (v < 1e-37 && v > 0)) return by_strtof(text, len, out);
    *out = (float)(minus ? -v : v);
    return true;
}

int embed_format_f32(float v, char out[EMBED_FLOAT_TEXT])
{
    int n = 0;
    float back;

    for (int digits = 6; digits <= 9; digits++) {
        n = snprintf(out, EMBED_FLOAT_TEXT, "%.*g", digits, (double)v);
        if (embed_parse_f32(out, (size_t)n, &back) && back == v) break;
    }
    return n;
}
