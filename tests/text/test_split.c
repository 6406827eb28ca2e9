/* test_split.c - tokens in normal form: what joins and what separates, lower case, faults of UTF-8,
 * long words.  Expected tokens are written by hand from the rules of text.h. */
#include "crm_test.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/text.h"

/* Tokens joined by "|". */
typedef struct joined {
    char text[4096];
    size_t len;
    int64_t n, stop_at; /* fails at token number stop_at > 0 */
} joined;

static crm_status join(void *ctx, const char *token, size_t len)
{
    joined *j = ctx;

    T_CHECK(len > 0 && strlen(token) == len);
    if (++j->n == j->stop_at) CRM_FAIL(CRM_ERR_FORMAT, "enough");
    if (j->len + len + 2 > sizeof j->text) return CRM_OK;
    if (j->n > 1) j->text[j->len++] = '|';
    memcpy(j->text + j->len, token, len + 1);
    j->len += len;
    return CRM_OK;
}

static void gives(const char *text, size_t len, const char *want, int64_t faults)
{
    joined j = {.n = 0};
    int64_t bad = 0;
    char *copy = malloc(len ? len : 1); /* without a 0 behind it: reading on would be found */

    if (!copy) return;
    memcpy(copy, text, len);
    T_OK(crm_text_split(copy, len, join, &j, &bad));
    if (strcmp(j.text, want) != 0)
        fprintf(stderr, "#   '%s': '%s', not '%s'\n", text, j.text, want);
    T_CHECK(strcmp(j.text, want) == 0);
    T_EQ_I(bad, faults);
    free(copy);
}

typedef struct row {
    const char *text, *want;
} row;

static void all(const row *r)
{
    for (; r->text; r++)
        gives(r->text, strlen(r->text), r->want, 0);
}

static void words_and_numbers(void)
{
    static const row rows[] = {
        {"", ""},
        {" \t\r\n", ""},
        {"Hello, World!", "hello|world"},
        {"3.5 kg for $20", "3|5|kg|for|20"},
        {"iPhone15 #sale @Shop", "iphone15|sale|shop"},
        {"one...two;three(four)", "one|two|three|four"},
        {"a", "a"},
        {NULL, NULL},
    };

    all(rows);
    gives("ab\0cd", 5, "ab|cd", 0);
    T_OK(crm_text_split(NULL, 0, join, &(joined){.n = 0}, NULL));
}

static void apostrophes_and_hyphens(void)
{
    static const row rows[] = {
        {"Don't e-mail 24-7", "don't|e-mail|24-7"},
        {"don\xE2\x80\x99t re\xE2\x80\x90"
         "do re\xE2\x80\x91"
         "do",
         "don't|re-do|re-do"},
        {"'quoted' -minus- trailing-", "quoted|minus|trailing"},
        {"rock-'n'-roll a--b a''b", "rock|n|roll|a|b|a|b"},
        {"mother-in-law's", "mother-in-law's"},
        {"- ' -' '-", ""},
        {"so\xC2\xADlu\xC2\xADtion", "solution"}, /* soft hyphens */
        {"a\xE2\x80\x93"
         "b",
         "a|b"},                              /* a dash is none */
        {"\xE2\x80\x98hi\xE2\x80\x99", "hi"}, /* quotation marks */
        {NULL, NULL},
    };

    all(rows);
}

static void lower_case(void)
{
    static const row rows[] = {
        {"\xC3\x84\xC3\x96\xC3\x9C \xC3\x89TAT \xC3\x9E",
         "\xC3\xA4\xC3\xB6\xC3\xBC|\xC3\xA9tat|\xC3\xBE"},
        {"STRA\xC3\x9F"
         "E",
         "stra\xC3\x9F"
         "e"},
        {"2\xC3\x97"
         "3\xC3\xB7"
         "4",
         "2|3|4"}, /* times and divided by are no letters */
        /* Latin Extended-A: A-macron, C-caron, dotted I, L-stroke, N-acute, Y-diaeresis, Z-caron */
        {"\xC4\x80\xC4\x8C\xC4\xB0\xC5\x81\xC5\x83\xC5\xB8\xC5\xBD",
         "\xC4\x81\xC4\x8Di\xC5\x82\xC5\x84\xC3\xBF\xC5\xBE"},
        /* kra, n-apostrophe, long s and dotless i have no other form */
        {"\xC4\xB8\xC5\x89\xC5\xBF\xC4\xB1", "\xC4\xB8\xC5\x89\xC5\xBF\xC4\xB1"},
        {"\xCE\x91\xCE\xA9 \xCE\x86 \xCE\x8F", "\xCE\xB1\xCF\x89|\xCE\xAC|\xCF\x8E"},
        {"\xD0\x9C\xD0\x98\xD0\xA0 \xD0\x81", "\xD0\xBC\xD0\xB8\xD1\x80|\xD1\x91"},
        {"\xE6\x9D\xB1\xE4\xBA\xAC\xE3\x80\x81\xE5\xA4\xA7\xE9\x98\xAA",
         "\xE6\x9D\xB1\xE4\xBA\xAC|\xE5\xA4\xA7\xE9\x98\xAA"},
        {"cafe\xCC\x81", "cafe\xCC\x81"}, /* a combining accent stays */
        {"\xCC\x81 x", "x"},              /* alone it is no token */
        {"ok\xF0\x9F\x98\x80yes \xE2\x82\xAC"
         "5",
         "ok|yes|5"}, /* a picture, a currency */
        {"\xEF\xBB\xBF"
         "bom",
         "bom"},
        {NULL, NULL},
    };

    all(rows);
}

/* U+FFFD is EF BF BD.  Numbers of replacements: Unicode 15, 3.9, tables 3-8 to 3-11. */
#define FD "\xEF\xBF\xBD"
static void faults(void)
{
    static const struct {
        const char *text, *want;
        int64_t faults;
    } rows[] = {
        {"caf\xE9 bar", "caf" FD "|bar", 1},
        {"stra\xDF"
         "e",
         "stra" FD "e", 1},
        {"\xFF\xFE", "", 2},
        {"a\x80\xBF", "a" FD FD, 2},
        {"a\xC0\xAF"
         "b",
         "a" FD FD "b", 2}, /* overlong */
        {"a\xE0\x80\xBF"
         "b",
         "a" FD FD FD "b", 3}, /* overlong, table 3-8 */
        {"a\xED\xA0\x80"
         "b",
         "a" FD FD FD "b", 3}, /* a surrogate, table 3-9 */
        {"a\xF4\x91\x92\x93"
         "b",
         "a" FD FD FD FD "b", 4}, /* above U+10FFFF, table 3-10 */
        {"a\xE1\x80"
         "b",
         "a" FD "b", 1}, /* cut short, table 3-11 */
        {"a\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
         "A",
         "a" FD FD FD FD "a", 4},
        {"a\xF0\x90\x80", "a" FD, 1}, /* cut short by the end */
        {"a\xC3", "a" FD, 1},
        {"a" FD "b", "a" FD "b", 0}, /* a proper U+FFFD is no fault */
        {"a-\x80"
         "b",
         "a|" FD "b", 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        gives(rows[i].text, strlen(rows[i].text), rows[i].want, rows[i].faults);
}

typedef struct measure {
    int64_t n;
    size_t longest, bytes;
} measure;

static crm_status note(void *ctx, const char *token, size_t len)
{
    measure *m = ctx;

    m->n++;
    m->bytes += len;
    if (len > m->longest) m->longest = len;
    T_CHECK(token[len] == '\0');
    return CRM_OK;
}

static void long_words(void)
{
    enum { N = 300000 };
    char *text = malloc(N);
    measure m = {0};
    int64_t bad = 0;

    if (!text) return;
    memset(text, 'X', N);
    text[N - 4] = ' ';
    T_OK(crm_text_split(text, N, note, &m, &bad));
    T_CHECK(m.n == 2 && m.longest == N - 4 && m.bytes == N - 1 && bad == 0);
    memset(text, 0xE9, N); /* faults grow threefold */
    text[0] = 'a';
    m = (measure){0};
    T_OK(crm_text_split(text, N, note, &m, &bad));
    T_CHECK(m.n == 1 && m.longest == 1 + 3 * (N - 1) && bad == N - 1);
    free(text);
}

static void the_taker_may_stop(void)
{
    joined j = {.stop_at = 2};
    size_t before = crm_mem_used();

    T_FAILS(crm_text_split("a b c", 5, join, &j, NULL), CRM_ERR_FORMAT, "enough");
    T_CHECK(j.n == 2 && strcmp(j.text, "a") == 0);
    T_EQ_I(crm_mem_used(), before);
}

/* Any bytes whatever: every token is well-formed, and splitting it again changes nothing. */
static crm_status again(void *ctx, const char *token, size_t len)
{
    joined j = {.n = 0};
    int64_t bad = 0;

    CRM_TRY(crm_text_split(token, len, join, &j, &bad));
    T_CHECK(bad == 0 && j.n == 1 && j.len == len && memcmp(j.text, token, len) == 0);
    ++*(int64_t *)ctx;
    return CRM_OK;
}

static void any_bytes(void)
{
    uint64_t x = 88172645463325252u; /* xorshift64 (Marsaglia 2003) */
    char text[64];
    int64_t n = 0;

    for (int i = 0; i < 20000; i++) {
        for (size_t k = 0; k < sizeof text; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            text[k] = (char)(i % 2 ? x >> 32 : 0xC0 + (x >> 32 & 63) * (x >> 40 & 1));
        }
        T_OK(crm_text_split(text, sizeof text, again, &n, NULL));
        if (t_failures) return;
    }
    T_CHECK(n > 20000);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"words and numbers", words_and_numbers},
        {"apostrophes and hyphens", apostrophes_and_hyphens},
        {"lower case", lower_case},
        {"faults of UTF-8", faults},
        {"long words", long_words},
        {"the taker may stop", the_taker_may_stop},
        {"any bytes", any_bytes},
        {NULL, NULL},
    };

    return t_main(argc, argv, cases);
}
