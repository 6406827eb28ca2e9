/* test_split.c - tokens as they are written: what joins and what separates, clitics, addresses,
 * names, numbers, emoji, markup, NFC, scripts, faults of UTF-8, hostile texts.  Expected tokens are
 * written by hand from the rules of text.h. */
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
        {"Hello, World!", "Hello|,|World|!"},
        {"3.5 kg for $20", "3.5|kg|for|$20"},
        {"iPhone15 24h 5-star 3.5kg", "iPhone15|24h|5-star|3.5|kg"},
        {"1,000.50 24/7 10:30 20% 12/05/2020", "1,000.50|24/7|10:30|20%|12/05/2020"},
        {"-3 (+5) .5 a-5 a+5 -$20 5\xE2\x82\xAC \xE2\x82\xAC"
         "5",
         "-3|(|+5|)|.5|a-5|a|+|5|-$20|5\xE2\x82\xAC|\xE2\x82\xAC"
         "5"},
        {"one...two;three(four)", "one|...|two|;|three|(|four|)"},
        {"what?!?! -- a_b", "what|?|!|?|!|--|a|_|b"},
        {"v2.0 ends 5.", "v2|.|0|ends|5|."},
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
        {"Don't e-mail 24-7", "Do|n't|e-mail|24-7"},
        {"DON'T WE'RE", "DO|N'T|WE|'RE"},
        {"we're it's I'm we've she'll he'd", "we|'re|it|'s|I|'m|we|'ve|she|'ll|he|'d"},
        {"shouldn't've can't won't cannot", "should|n't|'ve|ca|n't|wo|n't|cannot"},
        {"don\xE2\x80\x99t re\xE2\x80\x90"
         "do re\xE2\x80\x91"
         "do",
         "do|n't|re-do|re-do"},
        {"'quoted' -minus- trailing-", "'|quoted|'|-|minus|-|trailing|-"},
        {"rock-'n'-roll a--b a''b", "rock|-|'|n|'|-|roll|a|--|b|a|''|b"},
        {"mother-in-law's o'clock O'Neil", "mother-in-law|'s|o'clock|O'Neil"},
        {"l'ami C'est qu'il aujourd'hui jusqu'ici", "l'|ami|C'|est|qu'|il|aujourd'hui|jusqu'ici"},
        {"so\xC2\xADlu\xC2\xADtion", "solution"}, /* soft hyphens */
        {"a\xE2\x80\x93"
         "b",
         "a|\xE2\x80\x93|b"}, /* a dash joins nothing */
        {"\xE2\x80\x98hi\xE2\x80\x99", "\xE2\x80\x98|hi|\xE2\x80\x99"},
        {NULL, NULL},
    };

    all(rows);
}

static void addresses_and_names(void)
{
    static const row rows[] = {
        {"see http://t.co/a1?b=c, or (https://x.org/a_(b)).",
         "see|http://t.co/a1?b=c|,|or|(|https://x.org/a_(b))|."},
        {"WWW.Shop.DE! http:// www. wwwx", "WWW.Shop.DE|!|http|:|//|www|.|wwwx"},
        {"mail a.b+c@x-y.co.uk. or a@b now", "mail|a.b+c@x-y.co.uk|.|or|a|@b|now"},
        {"@VirginAmerica: #fail #1 ## @ #a_b", "@VirginAmerica|:|#fail|#|1|##|@|#a_b"},
        {"cc@all @caf\xC3\xA9", "cc|@all|@caf\xC3\xA9"},
        {NULL, NULL},
    };

    all(rows);
}

static void emoticons(void)
{
    static const row rows[] = {
        {"good :-) bad :( ;D <3 </3 :'( =) ^_^ XD", "good|:-)|bad|:(|;D|<3|</3|:'(|=)|^_^|XD"},
        {"so happy:))) at 10:30", "so|happy|:)))|at|10:30"},
        {"note:(see) C:x and/or: 1:D", "note|:|(|see|)|C|:|x|and|/|or|:|1|:|D"},
        {"XDA :Don't", "XDA|:|Do|n't"},
        {NULL, NULL},
    };

    all(rows);
}

#define GRIN   "\xF0\x9F\x98\x80"
#define THUMB  "\xF0\x9F\x91\x8D"
#define BROWN  "\xF0\x9F\x8F\xBD"
#define ZWJ    "\xE2\x80\x8D"
#define FAMILY "\xF0\x9F\x91\xA8" ZWJ "\xF0\x9F\x91\xA9" ZWJ "\xF0\x9F\x91\xA7"
#define HEART  "\xE2\x9D\xA4\xEF\xB8\x8F"
#define DE     "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA"
#define FR     "\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7"
#define KEYCAP "1\xEF\xB8\x8F\xE2\x83\xA3"
#define WALES                                                                                      \
    "\xF0\x9F\x8F\xB4\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xB7\xF3\xA0\x81\xAC"             \
    "\xF3\xA0\x81\xB3\xF3\xA0\x81\xBF"
static void emoji(void)
{
    static const row rows[] = {
        {"ok" GRIN GRIN "yes", "ok|" GRIN "|" GRIN "|yes"},
        {THUMB BROWN THUMB, THUMB BROWN "|" THUMB},
        {FAMILY GRIN, FAMILY "|" GRIN},
        {"a" ZWJ "b " GRIN ZWJ "c", "ab|" GRIN "|c"}, /* a joiner that joins nothing */
        {HEART HEART, HEART "|" HEART},
        {DE FR, DE "|" FR},
        {KEYCAP "2", KEYCAP "|2"},
        {WALES "x", WALES "|x"},
        {"\xC2\xA9 \xE2\x84\xA2 \xE2\x80\xBC", "\xC2\xA9|\xE2\x84\xA2|\xE2\x80\xBC"},
        {NULL, NULL},
    };

    all(rows);
}

static void markup(void)
{
    static const row rows[] = {
        {"a<br />b<p class='x'>c</p><!-- no -->d", "a|b|c|d"},
        {"1 < 2 > 0 a<b", "1|<|2|>|0|a|<|b"},
        {"AT&amp;T &lt;b&gt; &#39;x&#x27; caf&eacute; &nbsp;&hellip;",
         "AT|&|T|<|b|>|'|x|'|caf\xC3\xA9|\xE2\x80\xA6"},
        {"write <mail>, call <phone>! <mailto>", "write|<mail>|,|call|<phone>|!"},
        {"R&D &amp &x; &#0; &#xD800;", "R|&|D|&|amp|&|x|;|&|#|0|;|&|#xD800|;"},
        {"don&#39;t e&#769;t&#233;", "do|n't|\xC3\xA9t\xC3\xA9"},
        {NULL, NULL},
    };

    all(rows);
}

/* NFC: Unicode Standard Annex 15, figures 3 to 6, and chapter 3.12 for Hangul. */
static void normal_form(void)
{
    static const row rows[] = {
        {"cafe\xCC\x81", "caf\xC3\xA9"},
        {"\xE2\x84\xAB \xE2\x84\xA6", "\xC3\x85|\xCE\xA9"}, /* Angstrom, Ohm */
        {"s\xCC\xA3\xCC\x87 s\xCC\x87\xCC\xA3", "\xE1\xB9\xA9|\xE1\xB9\xA9"},
        {"q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87"}, /* marks in order */
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C"},
        {"\xED\x95\x98\xE1\x86\xAB", "\xED\x95\x9C"},
        {"\xEF\xAC\x81", "\xEF\xAC\x81"}, /* a compatibility character stays */
        {"\xCC\x81 x", "\xCC\x81|x"},
        {"a \xCC\x81", "a|\xCC\x81"},
        {NULL, NULL},
    };

    all(rows);
}

static void scripts(void)
{
    static const row rows[] = {
        {"\xE6\x9D\xB1\xE4\xBA\xAC\xE3\x80\x81\xE5\xA4\xA7",
         "\xE6\x9D\xB1|\xE4\xBA\xAC|\xE3\x80\x81|\xE5\xA4\xA7"},
        {"\xE3\x83\x86\xE3\x82\xB9ok", "\xE3\x83\x86|\xE3\x82\xB9|ok"},
        {"\xE0\xB8\x81\xE0\xB8\xB5\xE0\xB9\x88\xE0\xB8\x99",
         "\xE0\xB8\x81\xE0\xB8\xB5\xE0\xB9\x88|\xE0\xB8\x99"}, /* Thai: a letter and its marks */
        /* Hebrew and Arabic, with marks of direction */
        {"\xE2\x80\x8F\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D! "
         "\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7\xD8\x9F",
         "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D|!|\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7|\xD8\x9F"},
        {"\xC4\xB0stanbul \xC4\xB1", "\xC4\xB0stanbul|\xC4\xB1"},
        {"\xD0\x9C\xD0\x98\xD0\xA0 \xCE\xA9\xCE\xBC", "\xD0\x9C\xD0\x98\xD0\xA0|\xCE\xA9\xCE\xBC"},
        {"\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8\xE0\xA5\x8D\xE0\xA4\xA6\xE0\xA5\x80",
         "\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8\xE0\xA5\x8D\xE0\xA4\xA6\xE0\xA5\x80"}, /* Hindi */
        {"\xD9\xA3\xD9\xAB\xD9\xA5", "\xD9\xA3|\xD9\xAB|\xD9\xA5"}, /* Arabic digits */
        {"2\xC3\x97"
         "3 m\xC2\xB2 \xC2\xBD",
         "2|\xC3\x97|3|m\xC2\xB2|\xC2\xBD"},
        {"\xEF\xBB\xBF"
         "bom",
         "bom"},
        {NULL, NULL},
    };

    all(rows);
}

static void kinds(void)
{
    static const struct {
        const char *token;
        crm_token_kind kind;
    } rows[] = {
        {"good", CRM_TOKEN_WORD},
        {"n't", CRM_TOKEN_WORD},
        {"'s", CRM_TOKEN_WORD},
        {"e-mail", CRM_TOKEN_WORD},
        {"24h", CRM_TOKEN_WORD},
        {"l'", CRM_TOKEN_WORD},
        {"\xE6\x9D\xB1", CRM_TOKEN_WORD},
        {"caf\xEF\xBF\xBD", CRM_TOKEN_WORD},
        {"3.5", CRM_TOKEN_NUMBER},
        {"$20", CRM_TOKEN_NUMBER},
        {"24-7", CRM_TOKEN_NUMBER},
        {"\xC2\xBD", CRM_TOKEN_NUMBER},
        {"-3", CRM_TOKEN_NUMBER},
        {"https://a.b/c", CRM_TOKEN_URL},
        {"www.a.b", CRM_TOKEN_URL},
        {"a@b.de", CRM_TOKEN_URL},
        {"@name", CRM_TOKEN_USER},
        {"#name", CRM_TOKEN_HASHTAG},
        {"#", CRM_TOKEN_PUNCT},
        {"@", CRM_TOKEN_PUNCT},
        {GRIN, CRM_TOKEN_EMOJI},
        {KEYCAP, CRM_TOKEN_EMOJI},
        {DE, CRM_TOKEN_EMOJI},
        {":-)", CRM_TOKEN_EMOJI},
        {"<3", CRM_TOKEN_EMOJI},
        {"!!!", CRM_TOKEN_PUNCT},
        {"...", CRM_TOKEN_PUNCT},
        {"(", CRM_TOKEN_PUNCT},
        {"\xE2\x82\xAC", CRM_TOKEN_PUNCT},
        {"\xEF\xBF\xBD", CRM_TOKEN_PUNCT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        crm_token_kind k = crm_token_kind_of(rows[i].token);
        if (k != rows[i].kind)
            fprintf(stderr, "#   '%s' is %s\n", rows[i].token, crm_token_kind_names[k]);
        T_CHECK(k == rows[i].kind);
    }
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
        {"\xFF\xFE", FD FD, 2},
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
         "a" FD FD FD FD "A", 4},
        {"a\xF0\x90\x80", "a" FD, 1}, /* cut short by the end */
        {"a\xC3", "a" FD, 1},
        {"a" FD "b", "a" FD "b", 0}, /* a proper U+FFFD is no fault */
        {"a-\x80"
         "b",
         "a|-|" FD "b", 1},
        {"\xE9t\xE9", FD "t" FD, 2}, /* a word of Latin-1 stays one */
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
    T_CHECK(token[len] == '\0' && len <= CRM_TOKEN_MAX);
    return CRM_OK;
}

static measure measured(const char *text, size_t len, int64_t *bad)
{
    measure m = {0};

    *bad = 0;
    T_OK(crm_text_split(text, len, note, &m, bad));
    return m;
}

/* A megabyte of one thing: in pieces of 256 bytes, none lost. */
enum { N = 1000000 };
static void long_texts(void)
{
    static const char *const unit[] = {"X",        "1",
                                       "!",        "\xC3\xA9",
                                       "\xCC\x81", "<a ",
                                       "&#39;",    "a@",
                                       "#1",       "$1.",
                                       "www.",     "<!--",
                                       ":)",       "a'b-",
                                       "<",        "\xCC\x81\xCC\xA3",
                                       "x@y.",     GRIN,
                                       "-$",       "http://)",
                                       GRIN ZWJ,   "\xF0\x9F\x87\xA9",
                                       "@_",       "T_"};
    char *text = malloc(N + 16);
    int64_t bad;

    if (!text) return;
    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        size_t len = strlen(unit[u]), n = N / len * len;
        measure m;
        for (size_t i = 0; i < n; i += len)
            memcpy(text + i, unit[u], len);
        m = measured(text, n, &bad);
        T_CHECK(bad == 0 && m.bytes <= n);
        if (len == 1) T_CHECK(m.bytes == N || unit[u][0] == '<');
    }
    memset(text, 0xE9, N); /* faults grow threefold */
    T_EQ_I(measured(text, N, &bad).bytes, 3 * N);
    T_EQ_I(bad, N);
    memset(text, 'X', N);
    T_EQ_I(measured(text, N, &bad).n, (N + CRM_TOKEN_MAX - 1) / CRM_TOKEN_MAX);
    T_EQ_I(measured(text, N, &bad).longest, CRM_TOKEN_MAX);
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

/* What tokens add up to, without space. */
static crm_status glue(void *ctx, const char *token, size_t len)
{
    joined *j = ctx;

    if (j->len + len + 1 <= sizeof j->text) memcpy(j->text + j->len, token, len + 1);
    j->len += len;
    j->n++;
    return CRM_OK;
}

/* Any text of printable ASCII without markup: the tokens are the text without its spaces. */
static void nothing_is_lost(void)
{
    uint64_t x = 88172645463325252u; /* xorshift64 (Marsaglia 2003) */
    char text[80], want[81];

    for (int i = 0; i < 20000 && !t_failures; i++) {
        joined j = {.n = 0};
        size_t n = 0;
        for (size_t k = 0; k < sizeof text; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            text[k] = i % 2 ? (char)(32 + (x >> 32) % 95) : "aB1 '.-@#:)/$wn't,_"[(x >> 32) % 19];
            if (text[k] == '<' || text[k] == '&') text[k] = ' ';
            if (text[k] != ' ') want[n++] = text[k];
        }
        want[n] = '\0';
        T_OK(crm_text_split(text, sizeof text, glue, &j, NULL));
        if (strcmp(j.text, want) != 0) fprintf(stderr, "#   %.80s\n#   %s\n", text, j.text);
        T_CHECK(strcmp(j.text, want) == 0);
    }
}

/* Any bytes: tokens are UTF-8 without space, in NFC: to be glued and split again loses nothing. */
static crm_status look(void *ctx, const char *token, size_t len)
{
    int64_t bad = 0;
    joined j = {.n = 0};

    T_CHECK(len > 0 && strlen(token) == len && !strchr(token, ' '));
    CRM_TRY(crm_text_split(token, len, glue, &j, &bad));
    T_CHECK(bad == 0);
    T_CHECK((j.len == len && strcmp(j.text, token) == 0) || strchr(token, '&') || token[0] == '<');
    T_CHECK((unsigned)crm_token_kind_of(token) < CRM_TOKEN_KIND_COUNT);
    ++*(int64_t *)ctx;
    return CRM_OK;
}

static void any_bytes(void)
{
    uint64_t x = 88172645463325252u;
    char text[64];
    int64_t n = 0;

    for (int i = 0; i < 20000 && !t_failures; i++) {
        for (size_t k = 0; k < sizeof text; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            text[k] = (char)(i % 2 ? x >> 32 : 0xC0 + (x >> 32 & 63) * (x >> 40 & 1));
        }
        T_OK(crm_text_split(text, sizeof text, look, &n, NULL));
    }
    T_CHECK(n > 20000);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"words and numbers", words_and_numbers},
        {"apostrophes and hyphens", apostrophes_and_hyphens},
        {"addresses and names", addresses_and_names},
        {"emoticons", emoticons},
        {"emoji", emoji},
        {"markup", markup},
        {"normal form", normal_form},
        {"scripts", scripts},
        {"kinds", kinds},
        {"faults of UTF-8", faults},
        {"long texts", long_texts},
        {"the taker may stop", the_taker_may_stop},
        {"nothing is lost", nothing_is_lost},
        {"any bytes", any_bytes},
        {NULL, NULL},
    };

    return t_main(argc, argv, cases);
}
