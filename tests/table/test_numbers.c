/* test_numbers.c - texts as numbers: the bits of strtod of the C library for any decimal, and what
 * is no number. */
#include <math.h>
#include <stdlib.h>

#include "../../src/data/table/table_scan.h"
#include "crm_test.h"

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The same bits as strtod, and no number where that overflows. */
static void same(const char *text)
{
    double want = strtod(text, NULL), have = 0;
    bool good = crm_table_real(text, strlen(text), '.', &have);

    if (good == (bool)isfinite(want) && (!good || memcmp(&have, &want, sizeof have) == 0)) return;
    t_fail(__FILE__, __LINE__, text);
    fprintf(stderr, "#   %d %.17g against %.17g\n", good, have, want);
}

static void random_numbers(void)
{
    uint64_t s = 1;
    char text[64];

    for (int i = 0; i < 300000 && !t_failures; i++) {
        uint64_t bits = next(&s), m = next(&s) >> next(&s) % 64;
        double v;
        memcpy(&v, &bits, sizeof v);
        if (isfinite(v)) {
            snprintf(text, sizeof text, "%.17g", v);
            same(text);
            snprintf(text, sizeof text, "%.*e", (int)(next(&s) % 20), v);
            same(text);
        }
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)m, (int)(next(&s) % 700) - 360);
        same(text);
        snprintf(text, sizeof text, "-%llu.%019llu", (unsigned long long)(m % 1000),
                 (unsigned long long)(next(&s) >> 1));
        same(text);
        snprintf(text, sizeof text, "0.0000%llu", (unsigned long long)(m >> 4));
        same(text);
    }
}

/* Just between two doubles, one more and one less: 2^53 + 1 and its like. */
static void halves(void)
{
    static const char *const TEXT[] = {"9007199254740993",
                                       "9007199254740992.9999",
                                       "9007199254740993.0001",
                                       "9007199254740995",
                                       "1.00000000000000011102230246251565",
                                       "1.00000000000000011102230246251566",
                                       "4503599627370496.5",
                                       "4503599627370497.5",
                                       "4503599627370497.49999999999",
                                       "2.2250738585072011e-308",
                                       "2.2250738585072014e-308",
                                       "4.9e-324",
                                       "2.4e-324",
                                       "1e-400",
                                       "1.7976931348623157e308",
                                       "1.7976931348623159e308",
                                       "0e999999",
                                       "-0",
                                       "0.000",
                                       "1e23",
                                       "8.5e22",
                                       "1e22",
                                       "123456789012345678e-20",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "99999999999999999999e-5"};

    for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++)
        same(TEXT[i]);
}

static void no_numbers(void)
{
    static const char *const TEXT[] = {"",    "-",        "+",     ".",     "-.",    "e5",
                                       ".e5", "1e",       "1e+",   "1e5x",  "1x",    "x1",
                                       "--1", "+-1",      "1.2.3", "1,5",   "0x10",  "nan",
                                       "inf", "infinity", "1 2",   "1e5.5", "1e999", "\xD9\xA1"};
    double v;
    int64_t w;

    for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++) {
        T_CHECK(!crm_table_real(TEXT[i], strlen(TEXT[i]), '.', &v));
        if (crm_table_whole(TEXT[i], strlen(TEXT[i]), &w)) t_fail(__FILE__, __LINE__, TEXT[i]);
    }
    T_CHECK(crm_table_real("1,5", 3, ',', &v) && v == 1.5);
    T_CHECK(!crm_table_real("1.5", 3, ',', &v));
    T_CHECK(crm_table_real("1,2345678901234567890123", 24, ',', &v) &&
            v == 1.2345678901234567890123);
    T_CHECK(!crm_table_real("1.2345678901234567890123", 24, ',', &v));
}

/* Marks between thousands and what stands round a number; by hand. */
static void forms(void)
{
    static const struct {
        const char *text;
        char decimal, thousands;
        double want; /* NAN: no number of that form */
    } CASE[] = {
        {"1,234.5", '.', ',', 1234.5},
        {"-12,345,678", '.', ',', -12345678},
        {"1234.5", '.', ',', 1234.5},
        {"1.234,5", ',', '.', 1234.5},
        {"1 234,5", ',', ' ', 1234.5},
        {"1\xC2\xA0"
         "234",
         '.', ' ', 1234},
        {"1\xE2\x80\xAF"
         "234",
         '.', ' ', 1234},
        {"1'234'567.25", '.', '\'', 1234567.25},
        {"$1,234.50", '.', ',', 1234.5},
        {"-$ 1,234.50", '.', ',', -1234.5},
        {"$-3", '.', 0, -3},
        {"12 %", '.', 0, 12},
        {"1e3 kr", '.', 0, 1000},
        {"$12%", '.', 0, 12},
        {"12,34", '.', ',', (double)NAN},
        {"1234,567", '.', ',', (double)NAN},
        {",123", '.', ',', (double)NAN},
        {"1,,234", '.', ',', (double)NAN},
        {"1,234,", '.', ',', (double)NAN},
        {"1.5,000", '.', ',', (double)NAN},
        {"1,234", '.', 0, (double)NAN},
        {"-$-3", '.', 0, (double)NAN},
        {"$", '.', 0, (double)NAN},
        {"-", '.', ',', (double)NAN},
        {"5 EUR", '.', 0, (double)NAN},
    };
    const char *strip[] = {"$", "%", "kr"};

    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        crm_field f = {
            .decimal = CASE[i].decimal, .thousands = CASE[i].thousands, .strip = {3, strip}};
        double v = 0;
        bool is = crm_table_field_real(&f, CASE[i].text, strlen(CASE[i].text), &v);
        T_CHECK(is == (CASE[i].want == CASE[i].want));
        if (is) T_CHECK(v == CASE[i].want);
        if (t_failures) fprintf(stderr, "# '%s' %g\n", CASE[i].text, v);
    }
}

static void whole_forms(void)
{
    crm_field f = {.decimal = '.', .thousands = ','};
    int64_t w;

    T_CHECK(crm_table_field_whole(&f, "1,234,567", 9, &w) && w == 1234567);
    T_CHECK(!crm_table_field_whole(&f, "1,234.5", 7, &w));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"random", random_numbers},   {"halves", halves},
                                   {"no numbers", no_numbers},   {"forms", forms},
                                   {"whole forms", whole_forms}, {NULL, NULL}};

    return t_main(argc, argv, cases);
}
