/* table_value.c - one field as a value: missing, or a number.
 *
 * A decimal of at most 15 digits is m / 10^k with m and 10^k exact doubles, so that one division
 * rounds it correctly (W. D. Clinger, How to read floating point numbers accurately, PLDI 1990);
 * anything else goes through strtod, which gives the same. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "crmpi/base_str.h"
#include "table_impl.h"

bool crm_table_is_missing(const table_plan *p, const char *text, size_t len)
{
    if (len == 0) return true;
    for (int i = 0; i < p->cfg->missing.n; i++)
        if (p->missing_len[i] == len && memcmp(p->cfg->missing.item[i], text, len) == 0)
            return true;
    return false;
}

/* [-]digits[.digits] of at most 15 digits; false for any other form. */
static bool short_decimal(const char *text, size_t len, double *out)
{
    static const double POWER[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = len > 0 && text[0] == '-', behind = 0, digits = 0;
    bool point = false;
    int64_t m = 0;

    if (len > 17) return false;
    for (; i < len; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') return false;
        m = 10 * m + (text[i] - '0');
        digits++;
        behind += point;
    }
    if (digits == 0 || digits > 15) return false;
    *out = (double)m / POWER[behind];
    if (text[0] == '-') *out = -*out;
    return true;
}

bool crm_table_number(const char *text, size_t len, float *out)
{
    double v;

    if (len == 0 || !strchr("+-.0123456789", text[0])) return false;
    if (!short_decimal(text, len, &v) && !crm_parse_f64(text, len, &v)) return false;
    /* Below FLT_MIN the result would depend on the mode of the thread (flush to zero): always 0. */
    if (isinf((float)v)) return false;
    *out = fabs(v) < (double)FLT_MIN || v == 0 ? 0 : (float)v;
    return true;
}
