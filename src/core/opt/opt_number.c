/* opt_number.c - numbers as people write them, read exactly.
 *
 * Form: [+-] digits [. digits] [e [+-] digits].  An integer may use it as long as the value is one:
 * the digits d and the exponent e are taken apart, trailing zeros move from d to e, and the value
 * d * 10^e is an integer when e >= 0. */
#include "opt_impl.h"

typedef struct decimal {
    const char *whole, *fraction;
    size_t n_whole, n_fraction;
    int64_t exponent;
    bool negative;
} decimal;

static size_t count_digits(const char *p, const char *end)
{
    size_t n = 0;

    while (p + n < end && p[n] >= '0' && p[n] <= '9')
        n++;
    return n;
}

static bool skip(const char **p, const char *end, char a, char b)
{
    bool there = *p < end && (**p == a || **p == b);

    *p += there;
    return there;
}

/* Bounded, so that any number of digits is safe; such a value is out of range anyway. */
static int64_t read_exponent(const char *p, size_t n)
{
    int64_t v = 0;

    for (size_t i = 0; i < n; i++)
        if (v < 100000000) v = v * 10 + (p[i] - '0');
    return v;
}

static bool scan(const char *p, size_t n, decimal *d)
{
    const char *end = p + n;
    bool minus;
    size_t digits;

    *d = (decimal){.negative = n > 0 && *p == '-'};
    skip(&p, end, '-', '+');
    d->whole = p;
    p += d->n_whole = count_digits(p, end);
    if (skip(&p, end, '.', '.')) {
        d->fraction = p;
        p += d->n_fraction = count_digits(p, end);
    }
    if (d->n_whole + d->n_fraction == 0) return false;
    if (!skip(&p, end, 'e', 'E')) return p == end;
    minus = p < end && *p == '-';
    skip(&p, end, '-', '+');
    digits = count_digits(p, end);
    d->exponent = read_exponent(p, digits);
    if (minus) d->exponent = -d->exponent;
    return digits > 0 && p + digits == end;
}

static int digit(const decimal *d, size_t k)
{
    return (k < d->n_whole ? d->whole[k] : d->fraction[k - d->n_whole]) - '0';
}

/* v = v * 10 + sign * x; false when it does not fit. */
static bool shift_in(int64_t *v, int x)
{
    return !__builtin_mul_overflow(*v, (int64_t)10, v) &&
           !__builtin_add_overflow(*v, (int64_t)x, v);
}

opt_number crm_opt_number_int(const char *p, size_t n, int64_t *out)
{
    int64_t v = 0, e;
    size_t digits;
    decimal d;

    if (!scan(p, n, &d)) return OPT_NUM_NOT;
    digits = d.n_whole + d.n_fraction;
    e = d.exponent - (int64_t)d.n_fraction;
    for (; digits > 0 && digit(&d, digits - 1) == 0; digits--)
        e++;
    if (digits > 0 && e < 0) return OPT_NUM_FRACTION;
    for (size_t k = 0; k < digits; k++)
        if (!shift_in(&v, d.negative ? -digit(&d, k) : digit(&d, k))) return OPT_NUM_HUGE;
    for (; digits > 0 && e > 0; e--)
        if (!shift_in(&v, 0)) return OPT_NUM_HUGE;
    *out = v;
    return OPT_NUM_OK;
}

opt_number crm_opt_number_real(const char *p, size_t n, double *out)
{
    decimal d;

    if (!scan(p, n, &d)) return OPT_NUM_NOT;
    return crm_parse_f64(p, n, out) ? OPT_NUM_OK : OPT_NUM_HUGE;
}
