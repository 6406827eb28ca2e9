/* test_private.c - keyed hashes of identifiers, and texts without what tells who wrote them.
 * ranks: 1 2 */
#include <sys/stat.h>

#include "../../src/data/table/table_private.h"
#include "table_testing.h"

/* ---- texts ---- */
typedef struct scrub_case {
    const char *in, *want;
} scrub_case;

/* The card numbers are those that card companies publish for tests; GB82 WEST 1234 5698 7654 32 is
 * the example of the standard's registry. */
static const scrub_case CASES[] = {
    {"", ""},
    {"no numbers here, only words.", "no numbers here, only words."},
    {"write to jane.doe+crm@mail.example.com today", "write to <mail> today"},
    {"(a_b@example.org), thanks", "(<mail>), thanks"},
    {"not an address: a@b or @user", "not an address: a@b or @user"},
    {"card 4111 1111 1111 1111 please", "card <card> please"},
    {"card 378282246310005.", "card <card>."},
    {"5555-5555-5555-4444", "<card>"},
    {"GB82 WEST 1234 5698 7654 32 is mine", "<account> is mine"},
    {"DE89370400440532013000", "<account>"},
    {"account 123456789 closed", "account <number> closed"},
    {"order 1234567 came", "order 1234567 came"},
    {"call +49 30 901820 now", "call <phone> now"},
    {"call (030) 901-8200 now", "call (<phone> now"},
    {"tel. 0049 30 901820", "tel. <phone>"},
    {"0151-555-0123", "<phone>"},
    {"on 2018-03-01 12:00:05", "on 2018-03-01 12:00:05"},
    {"on 24.02.2015 and 3/1/18", "on 24.02.2015 and 3/1/18"},
    {"paid 1.234.567 and 12 345 678", "paid 1.234.567 and 12 345 678"},
    {"costs 99.90, 12 times", "costs 99.90, 12 times"},
    {"\xc3\xa9t\xc3\xa9 12345678", "\xc3\xa9t\xc3\xa9 <number>"},
    /* letters beyond ASCII on both sides of the @; quotes, a no-break space and a wide colon end it
     */
    {"an m\xc3\xbcller@b\xc3\xbc"
     "cher.example schreiben",
     "an <mail> schreiben"},
    {"\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd@\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.\xd1\x80\xd1\x84!",
     "<mail>!"},
    {"\xe2\x80\x9cjane@mail.example.com\xe2\x80\x9d", "\xe2\x80\x9c<mail>\xe2\x80\x9d"},
    {"to\xc2\xa0jane@example.com", "to\xc2\xa0<mail>"},
    {"TEL\xef\xbc\x9a"
     "12345678",
     "TEL\xef\xbc\x9a<number>"},
    {"caf\xc3\xa9@home", "caf\xc3\xa9@home"},
};

/* What belongs to somebody, in the forms that people write it in, behind any character. */
static const scrub_case GOES[] = {
    /* quotes, dashes, blanks and letters outside of ASCII in front */
    {"“joe@web.de” schreibt", "“<mail>” schreibt"},
    {"‚0171 1234567‘ und „0171 1234567“", "‚<phone>‘ und „<phone>“"},
    {"–joe@web.de — 0171/1234567", "–<mail> — <phone>"},
    {"Tel\xc2\xa0"
     "0171 1234567",
     "Tel\xc2\xa0<phone>"},
    {"nº912345678, nª 912345678", "nº<number>, nª <number>"},
    {"邮箱joe@qq.com 电话13812345678", "<mail> 电话<number>"},
    {"jörg@web.de, info@müller.de", "<mail>, <mail>"},
    /* telephone numbers as France, Spain, Portugal, Germany and the USA write them */
    {"06.12.34.56.78", "<phone>"},
    {"06 12 34 56 78", "<phone>"},
    {"06-12-34-56-78 le 06/12/2018", "<phone> le 06/12/2018"},
    {"06\xc2\xa0"
     "12\xe2\x80\xaf"
     "34\xc2\xa0"
     "56\xc2\xa0"
     "78",
     "<phone>"},
    {"612 345 678 o 612.345.678", "<phone> o <phone>"},
    {"+34 612 345 678", "<phone>"},
    {"0171 / 123 45 67 oder 0171 – 1234567", "<phone> oder <phone>"},
    {"+49 (0) 30 901820", "<phone>"},
    {"212.555.0123", "<phone>"},
    {"am 01.02.2018 0171 1234567 angerufen", "am 01.02.2018 <phone> angerufen"},
    {"0171 1234567 01.02.2018", "<phone> 01.02.2018"},
    /* behind a full stop, a dash, a letter */
    {"Tel.0171/1234567", "Tel.<phone>"},
    {"Tel-212-555-0123, fax 555-0123", "Tel-<phone>, fax <phone>"},
    {"Tel+49 30 901820", "Tel<phone>"},
    {"Mobil0171 1234567", "Mobil<phone>"},
    {"ok.0171 1234567", "ok.<phone>"},
    {"Konto-12345678", "Konto-<number>"},
    {"card-4111111111111111", "card-<card>"},
    {"A4111111111111111", "A<card>"},
    {"visa4111 1111 1111 1111 12/25", "visa<card> 12/25"},
    {"A1-4111111111111111", "A1-<card>"},
    {"x_378282246310005.", "x_<card>."},
    {"IBAN-DE89370400440532013000", "IBAN-<account>"},
    {"DE89\xc2\xa0"
     "3704 0044 0532 0130 00",
     "<account>"},
    {"12 345 678joe@web.de", "12 345 <mail>"},
};

/* Dates, times, amounts, order numbers and ratings. */
static const char *const STAYS[] = {
    "24.02.2015-26.02.2015",
    "24.02.2015 - 26.02.2015, 24.-26.02.2015",
    "01.02.2018 - 05.02.2018 10.30 Uhr",
    "24.02. 25.02. 26.02.",
    "am 1. 2. 2018, am 01.02. 2018",
    "03/2018-05/2018 und 2018-03 2018-04",
    "2015-2018, 2015/2016, 2014 2015 2016",
    "2018-03-01 12:00:05, 2018-03-01T12:00",
    "geliefert 24.02.2015. 12 Tage",
    "1234567 01.02.2018",
    "08.30-10.45 und 08.30 - 10.45",
    "9.99 12.50 3.75 0.99",
    "100.000 200.000 300.000",
    "1.234.567 12 345 678",
    "612 345 678,90 und 612.345.678 EUR",
    "€ 612 345 678, $612 345 678, R$ 612.345.678, 612 000 000",
    "1200 - 1500 Euro",
    "4/5 3/5 5/5 4/5",
    "10/10 9/10 10/10",
    "4.5/5 3.5/5 2.5/5",
    "5 4 5 3 5 5 4 1",
    "5-4-5-3-5-5-4",
    "order 0012345 or 1234567",
    "ORD-1234-5678, RG-2018-12345, INV/2023/0001",
    "2018-00451 and 2018/004512",
    "A1234567890, AB12-345-6789",
    "SKU A4111111111111112",
};

static void scrub_one(const char *in, const char *want)
{
    char text[128];
    size_t len = strlen(in);
    bool changed;

    memcpy(text, in, len);
    len = crm_table_scrub(text, len, &changed);
    text[len] = 0;
    T_EQ_I(changed, strcmp(in, want) != 0);
    if (strcmp(text, want) == 0) return;
    t_fail(__FILE__, __LINE__, in);
    fprintf(stderr, "#   became '%s', not '%s'\n", text, want);
}

static void scrub_cases(void)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        scrub_one(CASES[i].in, CASES[i].want);
}

static void scrub_goes(void)
{
    for (size_t i = 0; i < sizeof GOES / sizeof *GOES; i++)
        scrub_one(GOES[i].in, GOES[i].want);
}

static void scrub_stays(void)
{
    for (size_t i = 0; i < sizeof STAYS / sizeof *STAYS; i++)
        scrub_one(STAYS[i], STAYS[i]);
}

/* Whatever the bytes are, the result is not longer, and a second time changes nothing that it
 * should not. */
static void scrub_any(void)
{
    static const char LETTERS[] = "0123456789 -./()+@abAB.\n\xc3\xa9\xe2\x80\xa0";
    char text[64];
    uint32_t x = 12345;
    bool changed;

    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)(i % 63), out;
        for (size_t k = 0; k < len; k++) {
            x = x * 1664525u + 1013904223u;
            text[k] = LETTERS[(x >> 16) % (sizeof LETTERS - 1)];
        }
        out = crm_table_scrub(text, len, &changed);
        T_CHECK(out <= len);
    }
}

/* ---- keys ---- */
static void write_key(const char *path, const char *key, size_t len, unsigned mode)
{
    t_write(path, key, len);
    if (crm_comm_rank(t_comm) == 0) T_CHECK(chmod(path, (mode_t)mode) == 0);
    T_OK(crm_comm_barrier(t_comm));
}

/* RFC 4231, test case 1 (its key has 20 bytes); the other by Python's hmac. */
static void keyed_hash(void)
{
    static const char OWN[] = "correct horse battery staple\n";
    char path[512], out[CRM_TABLE_KEYED + 1], key[20];
    table_key *k = NULL;

    memset(key, 0x0b, sizeof key);
    write_key(t_path("key", path), key, sizeof key, 0600);
    T_OK(crm_table_key_open(t_comm, path, &k));
    if (k) crm_table_keyed(k, "Hi There", 8, out);
    T_CHECK(k && strcmp(out, "b0344c61d8db38535ca8afceaf0bf12b") == 0);
    crm_table_key_free(&k);
    write_key(path, OWN, sizeof OWN - 1, 0400);
    T_OK(crm_table_key_open(t_comm, path, &k));
    if (k) crm_table_keyed(k, "customer-17", 11, out);
    T_CHECK(k && strcmp(out, "8dde4ac0a3f500b3fafab1062159d33e") == 0);
    crm_table_key_free(&k);
}

static void wrong_keys(void)
{
    char path[512];
    table_key *k = NULL;

    write_key(t_path("key", path), "0123456789abcdef", 16, 0640);
    T_FAILS(crm_table_key_open(t_comm, path, &k), CRM_ERR_CONFIG, "others than its owner");
    write_key(path, "0123456789abcde\n", 16, 0600);
    T_FAILS(crm_table_key_open(t_comm, path, &k), CRM_ERR_CONFIG, "has 15 bytes");
    T_FAILS(crm_table_key_open(t_comm, t_path("none", path), &k), CRM_ERR_IO, "cannot be found");
    T_CHECK(!k);
}

/* ---- frames ---- */
/* Two tables by hand: customers with a key that is hashed, a category and a text; orders that refer
 * to it. */
enum { KEY, PLAN, NOTE, COLUMNS };

static crm_field field(const char *name, crm_field_type type)
{
    return (crm_field){.name = name, .type = type, .ref_table = -1};
}

static void fill(table_cells *c, int n, const char *const *text)
{
    c->end = crm_mem_new((size_t)n, sizeof *c->end);
    c->bytes = crm_mem_new(256, 1);
    c->key = crm_mem_new((size_t)n, sizeof *c->key);
    for (int i = 0, at = 0; i < n; i++) {
        size_t len = strlen(text[i]);
        memcpy(c->bytes + at, text[i], len);
        if (len) c->key[i] = crm_digest_of(text[i], len);
        c->end[i] = at += (int)len;
    }
}

static void free_cells(table_cells *c)
{
    crm_mem_free(c->end);
    crm_mem_free(c->bytes);
    crm_mem_free(c->key);
    crm_mem_free(c->code);
    crm_mem_free(c->level);
    crm_table_levels_free(&c->levels);
}

static void private_frame(void)
{
    static const char *const IDS[] = {"customer-17", "", "customer-17"};
    static const char *const NOTES[] = {"mail a.b@example.com", "", "call +49 30 901820"};
    static const char *const PLANS[] = {"basic", "gold"};
    crm_field column[] = {field("id", CRM_FIELD_ID), field("plan", CRM_FIELD_CATEGORY),
                          field("note", CRM_FIELD_TEXT), field("customer", CRM_FIELD_ID)};
    crm_table_def table[] = {{.name = "customers", .key = 0, .n = 3, .column = column},
                             {.name = "orders", .key = -1, .n = 1, .column = column + 3}};
    crm_table_schema s = {.path = "s.yaml", .n = 2, .table = table};
    table_cells cells[COLUMNS] = {0};
    table_frame f = {.schema = &s, .n = 3, .column = cells};
    table_key *k = NULL;
    char path[512], want[CRM_TABLE_KEYED + 1];
    int32_t at;

    column[KEY].hashed = column[PLAN].hashed = column[NOTE].scrubbed = true;
    column[3].ref_table = 0;
    T_CHECK(crm_table_wants_key(&s) && crm_table_is_hashed(&s, 1, 0) &&
            !crm_table_is_hashed(&s, 0, 2));
    fill(&cells[KEY], 3, IDS);
    fill(&cells[NOTE], 3, NOTES);
    cells[PLAN].code = crm_mem_new(3, sizeof(int32_t));
    cells[PLAN].code[1] = 1;
    cells[PLAN].code[2] = -1;
    cells[PLAN].n_levels = 2;
    for (int i = 0; i < 2; i++)
        T_OK(crm_table_levels_add(&cells[PLAN].levels, PLANS[i], strlen(PLANS[i]), 9, &at));
    T_OK(crm_table_levels_sort(&cells[PLAN].levels, &cells[PLAN].level));
    T_FAILS(crm_table_make_private(t_comm, NULL, &f), CRM_ERR_CONFIG, "privacy.key");
    write_key(t_path("key", path), "correct horse battery staple", 28, 0600);
    T_OK(crm_table_key_open(t_comm, path, &k));
    T_OK(crm_table_make_private(t_comm, k, &f));
    T_CHECK(cells[KEY].end[0] == 32 && cells[KEY].end[1] == 32 && cells[KEY].end[2] == 64);
    T_CHECK(memcmp(cells[KEY].bytes, "8dde4ac0a3f500b3fafab1062159d33e", 32) == 0);
    T_CHECK(memcmp(&cells[KEY].key[0], &cells[KEY].key[2], sizeof(crm_digest)) == 0);
    for (int i = 0; i < 2; i++) {
        crm_table_keyed(k, PLANS[i], strlen(PLANS[i]), want);
        T_CHECK(strcmp(cells[PLAN].level[cells[PLAN].code[i]], want) == 0);
    }
    T_CHECK(cells[PLAN].code[2] == -1 && strcmp(cells[PLAN].level[0], cells[PLAN].level[1]) < 0);
    T_CHECK(cells[NOTE].end[2] == 23 &&
            memcmp(cells[NOTE].bytes, "mail <mail>call <phone>", 23) == 0);
    crm_table_key_free(&k);
    for (int i = 0; i < COLUMNS; i++)
        free_cells(&cells[i]);
}

static void enter(void)
{
    t_enter();
}
static void leave(void)
{
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"(a folder)", enter},
                                   {"texts lose addresses and numbers", scrub_cases},
                                   {"numbers of somebody go in every form", scrub_goes},
                                   {"dates, amounts, order numbers and ratings stay", scrub_stays},
                                   {"any bytes", scrub_any},
                                   {"keyed hashes are HMAC-SHA-256", keyed_hash},
                                   {"wrong key files are refused", wrong_keys},
                                   {"a frame without identifiers", private_frame},
                                   {"(the folder goes)", leave},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
