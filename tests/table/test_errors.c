/* test_errors.c - wrong files and options: one message, the same on every rank, and no file left.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "table_testing.h"

typedef struct error_case {
    const char *csv;   /* @ stands for a NUL byte */
    crm_table_cfg cfg; /* NULL texts stand for "" */
    crm_status status;
    const char *expect; /* the message holds this; $ stands for the path of the CSV */
} error_case;

static const error_case ERRORS[] = {
    /* nothing in it */
    {"", {0}, CRM_ERR_FORMAT, "$:1:1: the file is empty"},
    {"\n\r\n\n", {0}, CRM_ERR_FORMAT, "$:1:1: the file is empty"},
    {"\xEF\xBB\xBF", {0}, CRM_ERR_FORMAT, "$:1:1: the file is empty"},
    {"a,b\n", {0}, CRM_ERR_FORMAT, "$:1:1: the file has a header only"},
    {"a,b", {0}, CRM_ERR_FORMAT, "$:1:1: the file has a header only"},
    {"a,b\n\n\n", {0}, CRM_ERR_FORMAT, "$:1:1: the file has a header only"},
    /* header */
    {"a,,c\n1,2,3\n", {0}, CRM_ERR_FORMAT, "$:1:3: the name of column 2 is empty"},
    {"a,b, a\n1,2,3\n", {0}, CRM_ERR_FORMAT, "$:1:5: column 'a' is named twice, as number 1 and 3"},
    /* ragged rows; the line is that of the file, whatever stands in quotes before */
    {"a,b\n1,2\n3\n4,5,6\n", {0}, CRM_ERR_FORMAT, "$:3:1: row has 1 fields, the header has 2"},
    {"a,b\n1,2\n3,4,\n", {0}, CRM_ERR_FORMAT, "$:3:1: row has 3 fields, the header has 2"},
    {"a,b\n\"x\n\n\ny\",2\n\n3\n", {0}, CRM_ERR_FORMAT, "$:7:1: row has 1 fields"},
    {"a,b\r\n\"x\r\ny\",2\r\n3\r\n", {0}, CRM_ERR_FORMAT, "$:4:1: row has 1 fields"},
    {"a,b\n1,2\n \n", {0}, CRM_ERR_FORMAT, "$:3:1: row has 1 fields"},
    /* text in a column declared numeric: columns count characters */
    {"a,b\n1,x\n2,y\n",
     {.numeric = T_LIST("b")},
     CRM_ERR_FORMAT,
     "$:2:3: column 'b': value is not a finite number"},
    {"b,a\n\xC3\xA9\xE2\x82\xAC,1\n2,1e999\n",
     {.numeric = T_LIST("a")},
     CRM_ERR_FORMAT,
     "$:3:3: column 'a': value is not a finite number"},
    {"b,a\n\xC3\xA9\xE2\x82\xAC,inf\n",
     {.numeric = T_LIST("a")},
     CRM_ERR_FORMAT,
     "$:2:4: column 'a': value is not a finite number"},
    {"a\n\"1\n2\"\n",
     {.numeric = T_LIST("a")},
     CRM_ERR_FORMAT,
     "$:2:1: column 'a': value is not a finite number"},
    {"a\n1\n2\n3\n4\n5\n6\n7\n8\nx\n9\ny\n",
     {.numeric = T_LIST("a")},
     CRM_ERR_FORMAT,
     "$:10:1: column 'a': value is not a finite number"},
    {"\"a\nb\"\n1\nx\n",
     {.numeric = T_LIST("a\nb")},
     CRM_ERR_FORMAT,
     "$:4:1: column 'a b': value is not a finite number"},
    /* a column of numbers stays one, with a number that no data set holds; one of texts has none */
    {"a,b\n1,2\n1e39,3\n", {0}, CRM_ERR_FORMAT, "$:3:1: column 'a': value is beyond 3.4e38"},
    {"b,a\n2,1\nx,2\n1e39,-1e39\n",
     {0},
     CRM_ERR_FORMAT,
     "$:4:6: column 'a': value is beyond 3.4e38"},
    /* the first error in file order counts, whatever its kind */
    {"a,b\nx,1\n1\n\xFF,1\n",
     {.numeric = T_LIST("a")},
     CRM_ERR_FORMAT,
     "$:2:1: column 'a': value is not a finite number"},
    {"a,b\n1\nx,1\n\xFF,1\n", {.numeric = T_LIST("a")}, CRM_ERR_FORMAT, "$:2:1: row has 1"},
    {"a,b\n\xFF,1\n1\nx,1\n", {.numeric = T_LIST("a")}, CRM_ERR_FORMAT, "$:2:1: byte 0xFF"},
    /* UTF-8: wrong byte, cut character, overlong form, surrogate, beyond U+10FFFF; in quotes; in
       the header */
    {"a,b\n1,\xC3\xA9\xFFz\n", {0}, CRM_ERR_FORMAT, "$:2:4: byte 0xFF is not valid UTF-8"},
    {"a,b\n1,\"q\n\xC3\"\n", {0}, CRM_ERR_FORMAT, "$:3:1: byte 0xC3 is not valid UTF-8"},
    {"a\n\xC0\xAF\n", {0}, CRM_ERR_FORMAT, "$:2:1: byte 0xC0"},
    {"a\n\xE0\x80\xAF\n", {0}, CRM_ERR_FORMAT, "$:2:1: byte 0xE0"},
    {"a\n\xED\xA0\x80\n", {0}, CRM_ERR_FORMAT, "$:2:1: byte 0xED"},
    {"a\n\xF4\x90\x80\x80\n", {0}, CRM_ERR_FORMAT, "$:2:1: byte 0xF4"},
    {"a\nx\xE2\x82", {0}, CRM_ERR_FORMAT, "$:2:2: byte 0xE2"},
    {"a,\xE4\n1,2\n", {0}, CRM_ERR_FORMAT, "$:1:3: byte 0xE4"},
    {"\xFF\xFE"
     "a@\n@",
     {0},
     CRM_ERR_FORMAT,
     "$:1:1: the file is UTF-16 by its byte order mark"},
    {"a,b\n1,x@y\n", {0}, CRM_ERR_FORMAT, "$:2:4: NUL byte"},
    {"a,b\n1,\"x\n@\"\n", {0}, CRM_ERR_FORMAT, "$:3:1: NUL byte"},
    /* quotes and carriage returns */
    {"a,b\n1,2\n3,\"x\n4,5\n6,7\n",
     {0},
     CRM_ERR_FORMAT,
     "$:3:3: the quote that opens here is never closed"},
    {"a,\"b\n", {0}, CRM_ERR_FORMAT, "$:1:3: the quote that opens here is never closed"},
    {"a,b\n1,\"x\"y\n3,4\n", {0}, CRM_ERR_FORMAT, "$:2:3: text follows the closing quote"},
    {"a,b\n1,\"x\n3,\"y\"\n5,6\n", {0}, CRM_ERR_FORMAT, "$:2:3: text follows the closing quote"},
    {"a,b\n1,x\"y\"\n3,4\n", {0}, CRM_ERR_FORMAT, "$:2:4: quote inside a field"},
    {"a,b\n1,5\"\n2,6\n3,7\"\n", {0}, CRM_ERR_FORMAT, "$:2:4: quote inside a field"},
    {"a,b\n1,2\r3,4\n", {0}, CRM_ERR_FORMAT, "$:2:4: carriage return without newline"},
    {"a,b\n1,2\r", {0}, CRM_ERR_FORMAT, "$:2:4: carriage return without newline"},
    /* unknown and doubly used columns */
    {"Churn,b\n0,1\n1,2\n",
     {.label = "churn"},
     CRM_ERR_CONFIG,
     "data.label: $ has no column 'churn'; the nearest is 'Churn'"},
    {"a,b\n0,1\n",
     {.label = "zzzzzz"},
     CRM_ERR_CONFIG,
     "data.label: $ has no column 'zzzzzz'; the first is 'a'"},
    {"number,b\n0,1\n",
     {.id = "numbr"},
     CRM_ERR_CONFIG,
     "data.id: $ has no column 'numbr'; the nearest is 'number'"},
    {"age,b\n0,1\n",
     {.numeric = T_LIST("b", "agee")},
     CRM_ERR_CONFIG,
     "data.numeric: $ has no column 'agee'; the nearest is 'age'"},
    {"age,b\n0,1\n",
     {.categorical = T_LIST("ag")},
     CRM_ERR_CONFIG,
     "data.categorical: $ has no column 'ag'; the nearest is 'age'"},
    {"age,b\n0,1\n",
     {.ignore = T_LIST("Age")},
     CRM_ERR_CONFIG,
     "data.ignore: $ has no column 'Age'; the nearest is 'age'"},
    {"a,b\n0,1\n",
     {.numeric = T_LIST("a"), .categorical = T_LIST("a")},
     CRM_ERR_CONFIG,
     "data.categorical: column 'a' is also listed as numeric"},
    {"a,b\n0,1\n",
     {.label = "a", .ignore = T_LIST("a")},
     CRM_ERR_CONFIG,
     "data.ignore: column 'a' is also listed as label"},
    /* label */
    {"y,b\n0,1\n0,2\n",
     {.label = "y"},
     CRM_ERR_FORMAT,
     "$:1:1: column 'y': all rows have the same class;"},
    {"b,y\n1,\n2,NA\n", {.label = "y"}, CRM_ERR_FORMAT, "$:1:3: column 'y': no row has a value"},
    {"y\n0\n1\n",
     {.label = "y", .positive = "2"},
     CRM_ERR_CONFIG,
     "data.positive: none of the two values of column 'y' is '2'"},
    {"y\n0\n1\n2\n",
     {.label = "y", .positive = "2"},
     CRM_ERR_CONFIG,
     "data.positive: '2' chooses one of two classes, but column 'y' has 3"},
    {"a/b\n0\n1\n", {.label = "a/b"}, CRM_ERR_CONFIG, "data.label: 'a/b' cannot name a target"},
    {"y\n0\n1\n",
     {.label = "y", .target = ".."},
     CRM_ERR_CONFIG,
     "data.target: '..' cannot name a target"},
    /* levels, over all ranks */
    {"b,a\n1,u\n1,v\n1,w\n1,u\n",
     {.max_levels = 2},
     CRM_ERR_FORMAT,
     "$:1:3: column 'a': more than 2 distinct values"},
    {"a,y\nu,1\nv,2\nw,3\n",
     {.label = "y", .max_levels = 2},
     CRM_ERR_FORMAT,
     "$:1:1: column 'a': more than 2"},
    {"y,a\n1,u\n2,v\n3,w\n",
     {.label = "y", .max_levels = 2},
     CRM_ERR_FORMAT,
     "$:1:1: column 'y': more than 2 distinct values"},
};

/* Every rank has the same text: all bytes of it have one largest and one smallest value. */
static void check_same_text(const char *text)
{
    enum { N = 512 };
    int64_t high[N] = {0}, low[N];

    for (int i = 0; i < N && text[i]; i++)
        high[i] = (unsigned char)text[i];
    memcpy(low, high, sizeof low);
    T_OK(crm_comm_max_i64(t_comm, high, N));
    T_OK(crm_comm_min_i64(t_comm, low, N));
    T_CHECK(memcmp(low, high, sizeof low) == 0);
}

static void check_failed(crm_status st, crm_status want, const char *expect, const char *h5)
{
    char text[CRM_ERR_TEXT_MAX], tmp[600];

    snprintf(text, sizeof text, "%s", crm_err_text());
    if (st != want || !strstr(text, expect) || strchr(text, '\n')) {
        t_fail(__FILE__, __LINE__, expect);
        fprintf(stderr, "#   got %s: %s\n", crm_status_name(st), text);
    }
    crm_err_clear();
    check_same_text(text);
    snprintf(tmp, sizeof tmp, "%s.tmp", h5);
    T_CHECK(!crm_path_exists(h5) && !crm_path_exists(tmp));
}

/* The text with the path in the place of $. */
static void put_path(const char *expect, const char *path, char out[1024])
{
    const char *dollar = strchr(expect, '$');

    if (!dollar)
        snprintf(out, 1024, "%s", expect);
    else
        snprintf(out, 1024, "%.*s%s%s", (int)(dollar - expect), expect, path, dollar + 1);
}

static void check_import(const char *csv, const crm_table_cfg *cfg, const crm_table_like *like,
                         crm_status status, const char *expect)
{
    char h5[512], text[1024];
    crm_table_info info;

    t_path("a.h5", h5);
    put_path(expect, csv, text);
    check_failed(crm_table_import(t_comm, cfg, csv, h5, like, &info), status, text, h5);
    crm_table_info_free(&info);
    T_OK(crm_comm_barrier(t_comm));
}

static void check_error(const error_case *x)
{
    char csv[512], bytes[512];
    crm_table_cfg cfg = t_complete(x->cfg);
    size_t n = strlen(x->csv);

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(x->csv[i] == '@' ? '\0' : x->csv[i]);
    t_write(t_path("a.csv", csv), bytes, n);
    check_import(csv, &cfg, NULL, x->status, x->expect);
}

static void refuses(void)
{
    t_enter();
    for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++)
        check_error(&ERRORS[i]);
    t_leave();
}

static void files(void)
{
    crm_table_cfg cfg = t_cfg();
    char csv[512], h5[512];
    crm_digest d;

    t_enter();
    check_import(t_path("none.csv", csv), &cfg, NULL, CRM_ERR_IO, "$: No such file or directory");
    T_FAILS(crm_table_source_digest(t_comm, &cfg, csv, &d), CRM_ERR_IO, "No such file");
    check_import(t_dir, &cfg, NULL, CRM_ERR_IO, "$: is a folder");
    check_import("/dev/null", &cfg, NULL, CRM_ERR_IO, "/dev/null: is not a regular file");
    t_write(t_path("a.csv", csv), "a\n1\n", 4);
    T_FAILS(crm_table_import(t_comm, &cfg, csv, csv, NULL, NULL), CRM_ERR_CONFIG,
            "is the CSV itself");
    T_CHECK(crm_path_is_file(csv));
    T_FAILS(crm_table_import(t_comm, &cfg, csv, t_path("no/folder.h5", h5), NULL, NULL), CRM_ERR_IO,
            "no/folder.h5");
    T_FAILS(crm_table_import(t_comm, &cfg, csv, t_dir, NULL, NULL), CRM_ERR_IO, "is a folder");
    t_leave();
}

/* A failed import leaves the data set that was there before. */
static void keeps_old(void)
{
    crm_table_cfg cfg = t_cfg();
    char csv[512], h5[512], *before, *after;

    t_enter();
    t_write(t_path("a.csv", csv), "a\n1\n", 4);
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, NULL));
    before = t_render(h5);
    t_write(csv, "a\n\xFF\n", 4);
    T_FAILS(crm_table_import(t_comm, &cfg, csv, h5, NULL, NULL), CRM_ERR_FORMAT, ":2:1: byte 0xFF");
    after = t_render(h5);
    T_CHECK(strcmp(before, after) == 0 && strcmp(before, "rows 1; num a |1") == 0);
    crm_mem_free(before);
    crm_mem_free(after);
    t_leave();
}

/* A field of 1 MiB passes, one byte more does not, with and without quotes; nor does a quote that
 * is lost far before the end. */
static void long_fields(void)
{
    enum { MIB = 1 << 20 };
    crm_table_cfg cfg = t_cfg();
    char csv[512], h5[512];

    t_enter();
    t_path("a.csv", csv);
    for (int k = 0; k < 5; k++) {
        bool quoted = k % 2;
        crm_str s = {0};
        crm_str_addf(&s, "a,b\n1,%s", quoted || k == 4 ? "\"" : "");
        for (int i = 0; i < MIB + (k > 1 ? 1 + 200 * (k == 4) : 0); i++)
            crm_str_add(&s, k == 4 && i % 3 == 2 ? "\n" : "x", 1);
        crm_str_addf(&s, "%s\n2,y\n", quoted ? "\"" : "");
        t_write(csv, s.text, s.len);
        crm_str_free(&s);
        if (k > 1)
            check_import(csv, &cfg, NULL, CRM_ERR_FORMAT,
                         k == 2 ? "$:2:3: field of more than 1048576 bytes"
                                : "$:2:3: field in quotes of more");
        else
            T_OK(crm_table_import(t_comm, &cfg, csv, t_path("long.h5", h5), NULL, NULL));
    }
    t_leave();
}

static void model_columns(void)
{
    static const char *const NUM[] = {"age", "fee"}, *const CAT[] = {"city"},
                             *const CLASS[] = {"0", "1"};
    static const crm_table_like LIKE = {.n_num = 2,
                                        .n_cat = 1,
                                        .num_name = NUM,
                                        .cat_name = CAT,
                                        .n_classes = 2,
                                        .class_name = CLASS};
    static const struct {
        const char *csv, *expect;
    } CASES[] = {
        {"age,city\n1,x\n", "$:1:1: column 'fee' is missing, the model was fitted with it"},
        {"age,fee,citi\n1,2,x\n",
         "$:1:1: column 'city' is missing, the model was fitted with it; the nearest is 'citi'"},
        {"age,fee,city\n1,2,x\n1,y,x\n", "$:3:3: column 'fee': value is not a finite number"},
        {"age,fee,city,y\n1,2,x,1\n1,2,x,7\n",
         "$:3:7: column 'y': value is not one of the model's 2 classes"},
        {"age,fee,city\n", "$:1:1: the file has a header only"},
    };
    crm_table_cfg cfg = t_cfg();
    char csv[512];

    cfg.label = "y";
    t_enter();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        t_write(t_path("a.csv", csv), CASES[i].csv, strlen(CASES[i].csv));
        check_import(csv, &cfg, &LIKE, CRM_ERR_FORMAT, CASES[i].expect);
    }
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"wrong content and options", refuses},        {"wrong files", files},
        {"an old data set stays", keeps_old},          {"long fields", long_fields},
        {"columns that a model needs", model_columns}, {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
