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
};

static void scrub_cases(void)
{
    char text[128];

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        size_t len = strlen(CASES[i].in);
        memcpy(text, CASES[i].in, len);
        len = crm_table_scrub(text, len);
        text[len] = 0;
        if (strcmp(text, CASES[i].want) == 0) continue;
        t_fail(__FILE__, __LINE__, CASES[i].in);
        fprintf(stderr, "#   became '%s', not '%s'\n", text, CASES[i].want);
    }
}

/* Whatever the bytes are, the result is not longer, and a second time changes nothing that it
 * should not. */
static void scrub_any(void)
{
    static const char LETTERS[] = "0123456789 -./()+@abAB.\n\xc3\xa9";
    char text[64];
    uint32_t x = 12345;

    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)(i % 63), out;
        for (size_t k = 0; k < len; k++) {
            x = x * 1664525u + 1013904223u;
            text[k] = LETTERS[(x >> 16) % (sizeof LETTERS - 1)];
        }
        out = crm_table_scrub(text, len);
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
                                   {"any bytes", scrub_any},
                                   {"keyed hashes are HMAC-SHA-256", keyed_hash},
                                   {"wrong key files are refused", wrong_keys},
                                   {"a frame without identifiers", private_frame},
                                   {"(the folder goes)", leave},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
