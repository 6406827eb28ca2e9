/* stats_sort.c - numbers as keys that sort by their bits, quantiles and ranks. */
#include <math.h>
#include <string.h>

#include "crmpi/stats_relate.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
static const uint64_t SIGN = (uint64_t)1 << 63;

uint64_t crm_stats_key(double x)
{
    uint64_t bits;
    double plain = x + 0.0; /* -0 becomes 0 */

    if (isnan(x)) return UINT64_MAX;
    memcpy(&bits, &plain, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

double crm_stats_key_value(uint64_t key)
{
    uint64_t bits = key & SIGN ? key & ~SIGN : ~key;
    double x;

    if (key == UINT64_MAX) return NAN;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* One pass by the digit at shift; false when all have the same digit, and nothing was moved. */
static int pass(const uint64_t *from, uint64_t *to, int64_t n, int shift)
{
    int64_t start[DIGITS] = {0}, at = 0;

    for (int64_t i = 0; i < n; i++)
        start[(from[i] >> shift) % DIGITS]++;
    if (start[(from[0] >> shift) % DIGITS] == n) return 0;
    for (int d = 0; d < DIGITS; d++) {
        int64_t count = start[d];
        start[d] = at;
        at += count;
    }
    for (int64_t i = 0; i < n; i++)
        to[start[(from[i] >> shift) % DIGITS]++] = from[i];
    return 1;
}

void crm_stats_sort_keys(uint64_t *v, uint64_t *spare, int64_t n, int low_bit)
{
    uint64_t *from = v, *to = spare;

    if (n < 2) return;
    for (int shift = low_bit; shift < 64; shift += DIGIT_BITS)
        if (pass(from, to, n, shift)) {
            uint64_t *swap = from;
            from = to;
            to = swap;
        }
    if (from != v) memcpy(v, from, (size_t)n * sizeof *v);
}

double crm_stats_quantile_sorted(const double *sorted, int64_t n, double p)
{
    double h = p * (double)(n - 1);
    int64_t k = (int64_t)floor(h);
    double a, b;

    if (n < 1) return NAN;
    a = sorted[k];
    b = sorted[k + 1 < n ? k + 1 : n - 1];
    return a == b ? a : a + (h - (double)k) * (b - a);
}

int64_t crm_stats_distinct_sorted(const double *sorted, int64_t n)
{
    int64_t k = 0;

    for (int64_t i = 0; i < n; i++)
        k += i == 0 || sorted[i] != sorted[i - 1];
    return k;
}

void crm_stats_midranks2(const double *x, const uint32_t *order, int64_t n, double *rank2)
{
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && x[order[end]] == x[order[i]]; end++)
            ;
        for (int64_t j = i; j < end; j++)
            rank2[order[j]] = (double)(i + 1 + end);
    }
}
