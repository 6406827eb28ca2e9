/* test_conll.c - CoNLL columns: tokens, tags as BIO2, rows, the test part, and messages with
 * places. Expected data sets are worked out by hand. ranks: 1 2 3 4 */
#include <unistd.h>

#include "../crm_test_mpi.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/store.h"
#include "crmpi/table_conll.h"

static void write_file(const char *name, const char *text, size_t len, char out[CRM_PATH_MAX])
{
    crm_status st = CRM_OK;

    t_in_folder(name, out);
    if (crm_comm_rank(t_comm) == 0) st = crm_path_write_atomic(out, text, len);
    T_OK(crm_comm_agree(t_comm, st));
}

static crm_status import_bytes(const char *text, size_t len, const char *test, crm_conll_rows rows,
                               crm_conll_info *info)
{
    char path[CRM_PATH_MAX], second[CRM_PATH_MAX] = "", store[CRM_PATH_MAX];
    crm_conll_cfg cfg = {.format = CRM_TABLE_AUTO, .rows = rows, .test_path = second};

    write_file("a.conll", text, len, path);
    if (test) write_file("b.conll", test, strlen(test), second);
    t_in_folder("a.h5", store);
    return crm_conll_import(t_comm, &cfg, "", path, store, info);
}

static crm_status import_text(const char *text, const char *test, crm_conll_rows rows,
                              crm_conll_info *info)
{
    return import_bytes(text, strlen(text), test, rows, info);
}

static void add_i64(crm_store *s, const char *name, crm_str *out)
{
    const crm_store_array *a = crm_store_find(s, name);

    crm_str_addf(out, "%s", "|");
    for (int64_t i = 0; a && i < a->dim[0]; i++)
        crm_str_addf(out, " %lld",
                     a->dtype == CRM_I64 ? (long long)((const int64_t *)a->data)[i]
                                         : (long long)((const int32_t *)a->data)[i]);
}

static void add_list(const char *const *item, int64_t n, crm_str *out)
{
    for (int64_t i = 0; i < n; i++)
        crm_str_addf(out, "%s%s", i ? " " : "", item[i]);
}

/* "words|classes| tokens| labels| sentences| rows| parts" */
static void holds(const char *expect)
{
    char store[CRM_PATH_MAX];
    crm_store *s = NULL;
    crm_str out = {0};
    const char *const *list;
    int64_t n = 0;

    t_in_folder("a.h5", store);
    T_OK(crm_store_open(store, "crmpi-dataset", &s));
    if (!s) return;
    list = crm_store_items(s, "documents/words", &n);
    add_list(list, n, &out);
    crm_str_add(&out, "|", 1);
    list = crm_store_list(s, "target/entity/label", "classes", &n);
    add_list(list, n, &out);
    add_i64(s, "documents/token", &out);
    add_i64(s, "target/entity/label", &out);
    add_i64(s, "documents/token_first", &out);
    add_i64(s, "documents/first", &out);
    add_i64(s, "row/part", &out);
    if (strcmp(out.text, expect) != 0) {
        t_fail(__FILE__, __LINE__, "the data set is as expected");
        fprintf(stderr, "#   %s\n#   %s\n", out.text, expect);
    }
    T_CHECK(strcmp(crm_store_text(s, "target/entity/label", "level"), "token") == 0);
    crm_str_free(&out);
    crm_store_close(&s);
}

static void reads(const char *text, crm_conll_rows rows, const char *expect)
{
    crm_conll_info info;

    T_OK(import_text(text, NULL, rows, &info));
    holds(expect);
}

static void columns(void)
{
    reads("a O\nb B-x\nc I-x\n\nb O\n", CRM_CONLL_SENTENCES,
          "a b c|O B-x I-x| 0 1 2 1| 0 1 2 0| 0 3 4| 0 1 2|");
    /* tabs, CRLF, BOM, columns between, no newline at the end, blank lines with blanks */
    reads("\xEF\xBB\xBF"
          "a\tNN\tO\r\nb  VB  B-x\r\n\t\r\n  \r\n\r\na X B-x",
          CRM_CONLL_SENTENCES, "a b|O B-x I-x| 0 1 0| 0 1 1| 0 2 3| 0 1 2|");
    /* types in byte order */
    reads("a B-y\nb B-x\n", CRM_CONLL_SENTENCES, "a b|O B-x I-x B-y I-y| 0 1| 3 1| 0 2| 0 1|");
    /* words only: all labels are missing */
    reads("a\nb\n\na\n", CRM_CONLL_SENTENCES, "a b|O| 0 1 0| -1 -1 -1| 0 2 3| 0 1 2|");
}

/* IOB1: a span begins with I, with B only where one of its type ends. */
static void iob1(void)
{
    reads("a I-x\nb I-x\nc B-x\nd I-y\ne O\nf I-y\n\ng I-y\n", CRM_CONLL_SENTENCES,
          "a b c d e f g|O B-x I-x B-y I-y| 0 1 2 3 4 5 6| 1 2 1 3 0 3 3| 0 6 7| 0 1 2|");
}

static void rows_of_documents(void)
{
    static const char text[] = "-DOCSTART- -X- O\n\na O\n\nb O\n-DOCSTART- O\nc O\n";

    reads(text, CRM_CONLL_DOCUMENTS, "a b c|O| 0 1 2| 0 0 0| 0 1 2 3| 0 2 3|");
    reads(text, CRM_CONLL_SENTENCES, "a b c|O| 0 1 2| 0 0 0| 0 1 2 3| 0 1 2 3|");
}

static void test_part(void)
{
    crm_conll_info info;

    T_OK(import_text("a O\n\nb B-x\n", "c B-z\na O\n", CRM_CONLL_SENTENCES, &info));
    T_EQ_I(info.rows, 3);
    T_EQ_I(info.test_rows, 1);
    T_EQ_I(info.tokens, 4);
    holds("a b c|O B-x I-x B-z I-z| 0 1 2 0| 0 1 3 0| 0 1 2 4| 0 1 2 3| 0 0 1");
}

static void fails(const char *text, size_t len, const char *what)
{
    crm_conll_info info;
    char store[CRM_PATH_MAX];

    t_in_folder("a.h5", store);
    if (crm_comm_rank(t_comm) == 0) unlink(store);
    T_EQ_I(import_bytes(text, len, NULL, CRM_CONLL_SENTENCES, &info), CRM_ERR_FORMAT);
    if (!strstr(crm_err_text(), what)) {
        t_fail(__FILE__, __LINE__, what);
        fprintf(stderr, "#   %s\n", crm_err_text());
    }
    T_CHECK(!crm_path_exists(store));
}
#define FAILS(text, what) fails(text, sizeof text - 1, what)

static void errors_have_places(void)
{
    char text[700];

    FAILS("", "no token");
    FAILS("\n\n-DOCSTART- O\n", "no token");
    FAILS("a O\nb\n", "a.conll:2:1: no tag behind the word, the first token of the file has one");
    FAILS("a\nb O\n", "a.conll:2:1: a tag, the first token of the file has none");
    FAILS("a O\nb\tPER\n", "a.conll:2:3: the last column is no tag; allowed: O, B-TYPE, I-TYPE");
    FAILS("a B-\n", "a.conll:1:3:");
    FAILS("a O\n\xC3\xA9\xFF O\n", "a.conll:2:2: the word is not UTF-8");
    FAILS("a\0b O\n", "a.conll:1:2: the word is not UTF-8 or holds a control character");
    FAILS("a B-\xC0\xAF\n", "a.conll:1:5: the tag is not UTF-8"); /* an overlong form */
    FAILS("\xED\xA0\x80 O\n", "a.conll:1:1:");                    /* a surrogate */
    memset(text, 'x', 600);
    snprintf(text + 600, 100, " O\n");
    fails(text, strlen(text), "a.conll:1:1: a word of 600 bytes; at most 256 are allowed");
}

static void names_and_digests(void)
{
    char path[CRM_PATH_MAX];
    crm_conll_cfg cfg = {.test_path = ""};
    crm_digest a, b, c;
    crm_conll_info info;

    T_CHECK(crm_conll_is(&cfg, "x/y.conll") && !crm_conll_is(&cfg, "y.conll.csv"));
    T_CHECK(!crm_conll_is(&cfg, ".conll"));
    cfg.format = CRM_TABLE_CONLL;
    T_CHECK(crm_conll_is(&cfg, "y.txt"));
    write_file("d.conll", "a O\n", 4, path);
    T_OK(crm_conll_source_digest(t_comm, &cfg, "", path, &a));
    T_OK(crm_conll_source_digest(t_comm, &cfg, "entity", path, &b));
    T_CHECK(crm_digest_equal(a, b));
    write_file("d.conll", "b O\n", 4, path);
    T_OK(crm_conll_source_digest(t_comm, &cfg, "", path, &c));
    T_CHECK(!crm_digest_equal(a, c));
    t_in_folder("none.conll", path);
    T_EQ_I(crm_conll_source_digest(t_comm, &cfg, "", path, &c), CRM_ERR_IO);
    T_EQ_I(crm_conll_import(t_comm, &cfg, "a/b", path, path, &info), CRM_ERR_CONFIG);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"columns", columns},
                                   {"iob1", iob1},
                                   {"rows_of_documents", rows_of_documents},
                                   {"test_part", test_part},
                                   {"errors_have_places", errors_have_places},
                                   {"names_and_digests", names_and_digests},
                                   {NULL, NULL}};

    return t_main_in_folder(argc, argv, cases);
}
