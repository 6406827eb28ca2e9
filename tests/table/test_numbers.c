/* test_numbers.c - texts as numbers: the bits of strtod of the C library for any decimal, and what
 * is no number. */
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

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"random", random_numbers}, {"halves", halves}, {"no numbers", no_numbers}, {NULL, NULL}};

    return t_main(argc, argv, cases);
}
