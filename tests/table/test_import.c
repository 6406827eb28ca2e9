/* test_import.c - what a CSV becomes: the data set is compared with one written down by hand.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include <zlib.h>

#include "table_testing.h"

typedef struct import_case {
    const char *csv;
    crm_table_cfg cfg; /* NULL texts stand for "" */
    const char *expect;
} import_case;

static const import_case IMPORTS[] = {
    /* types found from values; integers are numbers */
    {"a,b\n1,x\n2.5,y\n-3e2,x\n", {0}, "rows 3; num a |1 |2.5 |-300; cat b(x,y) |0 |1 |0"},
    /* one row, no newline at the end; BOM; CRLF; blank lines */
    {"a,b\n1,x", {0}, "rows 1; num a |1; cat b(x) |0"},
    {"\xEF\xBB\xBF"
     "a,b\r\n\r\n1,x\r\n\r\n\r\n2,y\r\n\r\n",
     {0},
     "rows 2; num a |1 |2; cat b(x,y) |0 |1"},
    /* quotes, doubled quotes, separator and newlines inside quotes */
    {"t,n\n\"a,b\",1\n\"say \"\"hi\"\"\",2\n\"two\nlines\",3\n\"cr\r\nlf\",\"4\"\n",
     {0},
     "rows 4; num n |1 |2 |3 |4; cat t(a,b,cr\r\nlf,say \"hi\",two\nlines) |0 |2 |3 |1"},
    {"\"quoted \"\"name\"\"\", b \n1,2\n", {0}, "rows 1; num quoted \"name\" b |1 2"},
    /* missing values: empty, blank, quoted empty, markers */
    {"a,b\n,x\n  ,NA\n\"\",?\nNaN,null\n4,\n",
     {0},
     "rows 5; num a |- |- |- |- |4; cat b(x) |0 |-1 |-1 |-1 |-1"},
    {"a\n1\n-9\n", {.missing = T_LIST("-9")}, "rows 2; num a |1 |-"},
    {"a,b\nNA,\nNA,\n", {0}, "rows 2; num a b |- - |- -"},
    /* separators: found in the header, or given */
    {"a;b\n1,5;x\n", {0}, "rows 1; cat a(1,5) b(x) |0 0"},
    {"a\tb\n1\tx\n", {0}, "rows 1; num a |1; cat b(x) |0"},
    {"\"x;y;z\",b\n1,2\n", {0}, "rows 1; num x;y;z b |1 2"},
    {"a,b;c\n1,2;3\n",
     {.separator = CRM_TABLE_SEPARATOR_SEMICOLON},
     "rows 1; num c |3; cat a,b(1,2) |0"},
    /* one column: a blank line is no row, a quoted empty field is */
    {"a\n1\n\n\"\"\n2\n", {0}, "rows 3; num a |1 |- |2"},
    /* levels: numbers by value, then texts by bytes */
    {"a\n10\n9\n-1\n1e1\nb\nB\n\xC3\xA9\nz\n",
     {0},
     "rows 8; cat a(-1,9,10,1e1,B,b,z,\xC3\xA9) |2 |1 |0 |3 |5 |4 |7 |6"},
    {"a\n10\n9\n10\n", {.categorical = T_LIST("a")}, "rows 3; cat a(9,10) |1 |0 |1"},
    /* declared numeric, bad values missing; infinities and hexadecimal are no numbers */
    {"a\n1\nx\ninf\n0x10\n1e39\n1e999\n",
     {.numeric = T_LIST("a"), .bad_values = CRM_TABLE_BAD_MISSING},
     "rows 6; num a |1 |- |- |- |- |-"},
    {"a\n1\ninf\n", {0}, "rows 2; cat a(1,inf) |0 |1"},
    {"a\n\" 5 \"\n\t6\n", {0}, "rows 2; num a |5 |6"},
    /* left out, also from the checks of type */
    {"a,b,c\n1,x,2\n", {.ignore = T_LIST("a", "b")}, "rows 1; num c |2"},
    {"a\n1\n", {.ignore = T_LIST("a")}, "rows 1"},
    /* label: missing is -1; default positive is the last one; data.positive turns it round */
    {"Churn,a\n1,5\n0,6\n,7\nNA,8\n",
     {.label = "Churn"},
     "rows 4; num a |5 |6 |7 |8; target/churn/label customer(0,1) |1 |0 |-1 |-1"},
    {"y,a\nyes,5\nno,6\n",
     {.label = "y", .positive = "no", .target = "Left"},
     "rows 2; num a |5 |6; target/Left/label customer(yes,no) |0 |1"},
    {"y,a\nyes,5\nno,6\n",
     {.label = "y", .positive = "yes"},
     "rows 2; num a |5 |6; target/y/label customer(no,yes) |1 |0"},
    {"y\n10\n9\n8\n", {.label = "y"}, "rows 3; target/y/label customer(8,9,10) |2 |1 |0"},
    /* ids: whole numbers, else texts as they are */
    {"k,a\n7,1\n-8,2\n", {.id = "k"}, "rows 2; num a |1 |2; id: 7 -8"},
    {"k,a\n007,1\n8,2\n", {.id = "k"}, "rows 2; num a |1 |2; id: '007' '8'"},
    {"k,a\nx1,1\n,2\n\"y\"\"z\",3\n", {.id = "k"}, "rows 3; num a |1 |2 |3; id: 'x1' '' 'y\"z'"},
    {"k,a\n,1\n,2\n", {.id = "k"}, "rows 2; num a |1 |2; id: '' ''"},
};

static void check_import(const import_case *x)
{
    char csv[512], h5[512];
    crm_table_cfg cfg = t_complete(x->cfg);
    char *got;

    t_write(t_path("a.csv", csv), x->csv, strlen(x->csv));
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, NULL));
    got = t_render(h5);
    if (strcmp(got, x->expect) != 0) {
        t_fail(__FILE__, __LINE__, "data set as expected");
        fprintf(stderr, "#   csv:    %s\n#   got:    %s\n#   expect: %s\n", x->csv, got, x->expect);
    }
    crm_mem_free(got);
    T_OK(crm_comm_barrier(t_comm));
}

static void imports(void)
{
    t_enter();
    for (size_t i = 0; i < sizeof IMPORTS / sizeof *IMPORTS; i++)
        check_import(&IMPORTS[i]);
    t_leave();
}

/* Decimal to float.  16777217 = 2^24 + 1 ties to even 2^24; FLT_MAX = 0x1.fffffep127; below FLT_MIN
 * = 0x1p-126 all is 0; the other bits are those of Python's struct.pack("f", value). */
static void rounds_numbers(void)
{
    static const struct {
        const char *text;
        float value;
    } NUMBER[] = {
        {"16777217", 0x1p24f},
        {"16777219", 0x1.000004p24f},
        {"0.1", 0x1.99999ap-4f},
        {"-.5", -0.5f},
        {"5.", 5.0f},
        {"+5", 5.0f},
        {"1E2", 100.0f},
        {"3.4028234663852886e38", 0x1.fffffep127f},
        {"-0", 0.0f},
        {"1e-45", 0.0f},
        {"1.2e-38", 0x1.05563cp-126f},
        {"1.1e-38", 0.0f},
        {"123456789012345678", 0x1.b69b4cp56f},
        {"0.000000000000001", 0x1.203afap-50f},
        {"000000000000000000001", 1.0f},
        {"1e-400", 0.0f},
    };
    enum { N = sizeof NUMBER / sizeof *NUMBER };
    char csv[512], h5[512];
    crm_table_cfg cfg = t_cfg();
    const crm_store_array *a;
    crm_str text = {0};
    crm_store *s = NULL;

    t_enter();
    crm_str_addf(&text, "v\n");
    for (int i = 0; i < N; i++)
        crm_str_addf(&text, "%s\n", NUMBER[i].text);
    t_write(t_path("n.csv", csv), text.text, text.len);
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("n.h5", h5), NULL, NULL));
    T_OK(crm_store_open(h5, "crmpi-dataset", &s));
    a = s ? crm_store_find(s, "profile/num") : NULL;
    T_CHECK(a && a->dim[0] == N);
    for (int i = 0; a && i < N; i++)
        if (memcmp((const float *)a->data + i, &NUMBER[i].value, sizeof(float)) != 0) {
            t_fail(__FILE__, __LINE__, NUMBER[i].text);
            fprintf(stderr, "#   %a against %a\n", (double)((const float *)a->data)[i],
                    (double)NUMBER[i].value);
        }
    crm_store_close(&s);
    crm_str_free(&text);
    t_leave();
}

static void like_a_model(void)
{
    static const char *const NUM[] = {"b", "a"}, *const CAT[] = {"c"},
                             *const CLASS[] = {"yes", "no"};
    const crm_table_like like = {.n_num = 2,
                                 .n_cat = 1,
                                 .num_name = NUM,
                                 .cat_name = CAT,
                                 .n_classes = 2,
                                 .class_name = CLASS};
    static const struct {
        const char *csv, *expect;
    } CASES[] = {
        /* the model's order and types; extra columns and absent label and id are fine */
        {"extra,a,c,b\nq,1,10,2\n", "rows 1; num b a |2 1; cat c(10) |0"},
        {"a,c,b,y,k\n1,u,2,no,5\n1,,2,no,6\n1,t,2,,7\n",
         "rows 3; num b a |2 1 |2 1 |2 1; cat c(t,u) |1 |-1 |0; target/y/label customer(yes,no) |1 "
         "|1 "
         "|-1; id: 5 6 7"},
    };
    crm_table_cfg cfg = t_cfg();
    char csv[512], h5[512], *got;

    cfg.label = "y";
    cfg.id = "k";
    t_enter();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        t_write(t_path("a.csv", csv), CASES[i].csv, strlen(CASES[i].csv));
        T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), &like, NULL));
        got = t_render(h5);
        T_CHECK(strcmp(got, CASES[i].expect) == 0);
        if (strcmp(got, CASES[i].expect) != 0) fprintf(stderr, "#   %s\n", got);
        crm_mem_free(got);
        T_OK(crm_comm_barrier(t_comm));
    }
    t_leave();
}

static void describes(void)
{
    static const char TEXT[] = "y,a,c,k,z\nno,1,u,5,-\nyes,,v,6,-\nno,NA,,7,-\n,4,u,8,-\n";
    static const crm_table_kind KIND[] = {CRM_TABLE_LABEL, CRM_TABLE_NUMERIC, CRM_TABLE_CATEGORICAL,
                                          CRM_TABLE_ID, CRM_TABLE_IGNORED};
    static const int MISSING[] = {1, 2, 1, 0, 0}, LEVELS[] = {2, 0, 2, 0, 0};
    static const char *const IGNORE[] = {"z"};
    crm_table_cfg cfg = t_cfg();
    crm_table_info info;
    char csv[512], h5[512];

    cfg.label = "y";
    cfg.id = "k";
    cfg.ignore = (crm_opt_list){1, IGNORE};
    t_enter();
    t_write(t_path("a.csv", csv), TEXT, sizeof TEXT - 1);
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, &info));
    T_EQ_I(info.rows, 4);
    T_EQ_I(info.n_columns, 5);
    for (int k = 0; k < info.n_columns; k++) {
        T_EQ_I(info.column[k].kind, KIND[k]);
        T_EQ_I(info.column[k].missing, MISSING[k]);
        T_EQ_I(info.column[k].levels, LEVELS[k]);
    }
    T_EQ_I(info.n_num, 1);
    T_EQ_I(info.n_cat, 1);
    T_EQ_I(info.n_classes, 2);
    if (info.n_classes == 2) {
        T_CHECK(strcmp(info.class_name[0], "no") == 0 && strcmp(info.class_name[1], "yes") == 0);
        T_EQ_I(info.class_count[0], 2);
        T_EQ_I(info.class_count[1], 1);
    }
    T_EQ_I(info.unlabelled, 1);
    T_CHECK(info.target && strcmp(info.target, "y") == 0);
    crm_table_info_free(&info);
    T_CHECK(!info.column && !info.target);
    t_leave();
}

/* Values that are made missing are listed by place; the list goes with the data set. */
static void rejects(void)
{
    static const char TEXT[] = "a,b\n1,x\n\xC3\xA9,y\n\n\"u,\nv\",z\n2,1e39\n";
    static const char *const NUM[] = {"a", "b"};
    crm_table_cfg cfg = t_cfg();
    crm_table_info info;
    char csv[512], h5[512], tsv[600], want[1200], *have = NULL;
    size_t n;

    cfg.numeric = (crm_opt_list){2, NUM};
    cfg.bad_values = CRM_TABLE_BAD_MISSING;
    t_enter();
    t_write(t_path("a.csv", csv), TEXT, sizeof TEXT - 1);
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, &info));
    T_EQ_I(info.rejected, 6);
    T_EQ_I(info.column[0].missing, 2);
    T_EQ_I(info.column[1].missing, 4);
    crm_table_info_free(&info);
    snprintf(tsv, sizeof tsv, "%s.rejects.tsv", h5);
    T_OK(crm_path_read(tsv, 1 << 20, &have, &n));
    snprintf(want, sizeof want, "%.500s:3:1\ta.csv\ta\tvalue is not a finite number\n", csv);
    T_CHECK(have && strstr(have, want) && !strstr(have, "u,") && !strstr(have, "1e39"));
    snprintf(want, sizeof want, "%.500s:6:4\ta.csv\tb\tvalue is not a finite number\n", csv);
    T_CHECK(have && strstr(have, want));
    if (t_failures) fprintf(stderr, "%s", have ? have : "");
    crm_mem_free(have);
    T_OK(crm_comm_barrier(t_comm));
    t_write(csv, "a,b\n1,2\n", 8);
    T_OK(crm_table_import(t_comm, &cfg, csv, h5, NULL, NULL));
    T_CHECK(!crm_path_exists(tsv));
    t_leave();
}

/* Two numbers that no data set holds are missing; they make no categories of the others. */
static void far_numbers(void)
{
    static const char TEXT[] = "a,b,c\n1,1e39,x\n2,3,1e39\n3,-1e39,y\n";
    crm_table_cfg cfg = t_cfg();
    crm_table_info info = {0};
    char csv[512], h5[512];

    cfg.bad_values = CRM_TABLE_BAD_MISSING;
    t_enter();
    t_write(t_path("a.csv", csv), TEXT, sizeof TEXT - 1);
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, &info));
    T_EQ_I(info.n_columns, 3);
    if (info.n_columns == 3) {
        T_EQ_I(info.column[0].missing, 0);
        T_EQ_I(info.column[1].missing, 2);
        T_EQ_I(info.column[1].kind, CRM_TABLE_NUMERIC);
        T_EQ_I(info.column[2].kind, CRM_TABLE_CATEGORICAL);
    }
    T_EQ_I(info.rejected, 2);
    crm_table_info_free(&info);
    t_leave();
}

/* A path is no pattern; a packed file is what is in it. */
static void paths(void)
{
    static const char TEXT[] = "a,b\n1,x\n2,y\n";
    unsigned char packed[256];
    z_stream z = {0};
    crm_table_cfg cfg = t_cfg();
    char csv[512], h5[512], *got;

    T_CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)TEXT;
    z.avail_in = sizeof TEXT - 1;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    T_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    t_enter();
    for (int k = 0; k < 2; k++) {
        t_path(k ? "b.csv.gz" : "a[1]*.csv", csv);
        t_write(csv, k ? (const char *)packed : TEXT, k ? z.total_out : sizeof TEXT - 1);
        T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, NULL));
        got = t_render(h5);
        T_CHECK(strcmp(got, "rows 2; num a |1 |2; cat b(x,y) |0 |1") == 0);
        crm_mem_free(got);
        T_OK(crm_comm_barrier(t_comm));
    }
    t_leave();
    deflateEnd(&z);
}

/* The defaults that the other tests write down are those of the option table. */
static void option_table(void)
{
    static const char *const SET[] = {"data.label=Churn", "data.numeric=a,b", "data.separator=tab",
                                      "data.bad_values=missing", "data.max_levels=5"};
    crm_table_cfg cfg, def = t_cfg();
    crm_opt_set *set = NULL;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_table_opts, &cfg));
    T_CHECK(strcmp(cfg.label, "") == 0 && strcmp(cfg.positive, "") == 0);
    T_CHECK(strcmp(cfg.target, "") == 0 && strcmp(cfg.id, "") == 0);
    T_EQ_I(cfg.numeric.n + cfg.categorical.n + cfg.ignore.n, 0);
    T_EQ_I(cfg.missing.n, def.missing.n);
    for (int i = 0; i < cfg.missing.n && i < def.missing.n; i++)
        T_CHECK(strcmp(cfg.missing.item[i], def.missing.item[i]) == 0);
    T_EQ_I(cfg.max_levels, def.max_levels);
    T_EQ_I(cfg.separator, def.separator);
    T_EQ_I(cfg.bad_values, def.bad_values);
    T_OK(crm_opt_set_load(set, NULL, SET, 5));
    T_CHECK(strcmp(cfg.label, "Churn") == 0);
    T_CHECK(cfg.numeric.n == 2 && strcmp(cfg.numeric.item[1], "b") == 0);
    T_EQ_I(cfg.separator, CRM_TABLE_SEPARATOR_TAB);
    T_EQ_I(cfg.bad_values, CRM_TABLE_BAD_MISSING);
    T_EQ_I(cfg.max_levels, 5);
    crm_opt_set_free(&set);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a CSV becomes a data set", imports},
                                   {"numbers are rounded rightly", rounds_numbers},
                                   {"columns like a model's", like_a_model},
                                   {"what was imported is told", describes},
                                   {"values made missing are listed", rejects},
                                   {"numbers that no data set holds", far_numbers},
                                   {"any path, packed or not", paths},
                                   {"option table", option_table},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
