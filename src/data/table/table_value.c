/* table_value.c - one field as a value: missing, or a number. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "table_scan.h"

bool crm_table_is_missing(const table_plan *p, const char *text, size_t len)
{
    if (len == 0) return true;
    for (int i = 0; i < p->cfg->missing.n; i++)
        if (p->missing_len[i] == len && memcmp(p->cfg->missing.item[i], text, len) == 0)
            return true;
    return false;
}

bool crm_table_number(const char *text, size_t len, float *out)
{
    double v;

    if (len == 0 || !strchr("+-.0123456789", text[0])) return false;
    if (!crm_table_real(text, len, '.', &v)) return false;
    /* Below FLT_MIN the result would depend on the mode of the thread (flush to zero): always 0. */
    if (isinf((float)v)) return false;
    *out = fabs(v) < (double)FLT_MIN || v == 0 ? 0 : (float)v;
    return true;
}
