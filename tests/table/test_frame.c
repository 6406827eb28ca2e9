/* test_frame.c - the files of a table as typed columns: values, policies, places, errors, and the
 * same on any number of ranks.  Expected values are worked out by hand.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "../../src/data/table/table_scan.h"
#include "frame_testing.h"

typedef struct frame_case {
    const char *columns, *csv; /* @ in csv stands for a NUL byte */
    int bad;                   /* of the table */
    const char *expect;        /* rows, or the error after "!"; $ stands for the path */
    const char *rejects;       /* lines, $ for the path; NULL: none */
    bool latin1, rest;
    int separator;
} frame_case;

static const frame_case CASES[] = {
    {"a:integer b:real c:category d:text e:id f:boolean g:time",
     "a,b,c,d,e,f,g\n1,2.5,x,hello,k1,yes,2020-01-02\n-7,1e3,y, hi ,k2,NO,2020-01-02 03:04:05\n", 0,
     "0.2: 1 2.5 x 'hello' 'k1' 1 1577923200\n0.3: -7 1000 y ' hi ' 'k2' 0 1577934245\n",
     .rejects = NULL},
    /* another order, quotes, doubled quotes, newlines and separators in quotes, blank lines, CRLF
     */
    {"a:integer t:text c:category",
     "t,c,a\r\n\"x\r\ny\",\"p,q\",\"5\"\r\n\r\n\"say \"\"no\"\"\",p,6\r\n", 0,
     "0.2: 5 'x\r\ny' p,q\n0.5: 6 'say \"no\"' p\n", .rejects = NULL},
    /* byte order mark, last line without newline, missing values of table and column */
    {"a:integer,missing=?/none b:real c:category,missing=?",
     "\xEF\xBB\xBF"
     "a,b,c\n?,NA,?\n none ,,NA\n3,4,x",
     0, "0.2: - - -\n0.3: - - -\n0.4: 3 4 x\n", .rejects = NULL},
    /* texts that mean missing though they are values */
    {"a:integer,missing=-999 b:real,missing=0/1.50 c:time,missing=1900-01-01",
     "a,b,c\n-999,0,1900-01-01\n-998,1.5,1900-01-02\n 7,\"1.50\", 1900-01-01\n", 0,
     "0.2: - - -\n0.3: -998 1.5 -2208902400\n0.4: 7 - -\n", .rejects = NULL},
    /* numbers */
    {"a:real", "a\n+1\n-.5\n5.\n1e-3\n3.4028234663852886e38\n 12 \n-0\n0.1\n9007199254740993\n", 0,
     "0.2: 1\n0.3: -0.5\n0.4: 5\n0.5: 0.001\n0.6: 3.4028234663852886e+38\n0.7: 12\n0.8: -0\n"
     "0.9: 0.10000000000000001\n0.10: 9007199254740992\n",
     .rejects = NULL},
    {"a:real,decimal=comma", "a;b\n1,5;x\n-2;y\n1.5;z\n", CRM_BAD_ERROR,
     "!$:4:1: column 'a': value is not a finite number", .rest = true},
    {"a:real", "a\n1e999\n", 0, "!$:2:1: column 'a': value is not a finite number",
     .rejects = NULL},
    {"a:real", "a\n1\n3.4028235e38\n", 0, "!$:3:1: column 'a': value is beyond 3.4e38",
     .rejects = NULL},
    {"a:real", "a\n0x10\n", 0, "!$:2:1: column 'a': value is not a finite number", .rejects = NULL},
    {"a:real", "a\nnan\n", 0, "!$:2:1: column 'a': value is not a finite number", .rejects = NULL},
    {"a:integer", "a\n9223372036854775807\n-9223372036854775807\n+5\n007\n", 0,
     "0.2: 9223372036854775807\n0.3: -9223372036854775807\n0.4: 5\n0.5: 7\n", .rejects = NULL},
    {"a:integer", "a\n9223372036854775808\n", 0, "!$:2:1: column 'a': value is not a whole number",
     .rejects = NULL},
    {"a:integer", "a\n1.0\n", 0, "!$:2:1: column 'a': value is not a whole number",
     .rejects = NULL},
    /* booleans */
    {"a:boolean", "a\nTrue\nF\n1\n0\ny\nNo\n", 0,
     "0.2: 1\n0.3: 0\n0.4: 1\n0.5: 0\n0.6: 1\n0.7: 0\n", .rejects = NULL},
    {"a:boolean,yes=J,no=N", "a\nJ\nN\n", 0, "0.2: 1\n0.3: 0\n", .rejects = NULL},
    {"a:boolean,yes=J,no=N", "a\nJ\ny\n", 0, "!$:3:1: column 'a': value is none of the two",
     .rejects = NULL},
    {"a:boolean,yes=J", "a\nJ\nno\n", 0, "0.2: 1\n0.3: 0\n", .rejects = NULL},
    /* categories: letters first, then the map; levels of rows that are left out do not stay */
    {"a:category,case=lower,map=f/female/m/male", "a\nF\nfemale\nM\n m\n", 0,
     "0.2: female\n0.3: female\n0.4: male\n0.5: male\n", .rejects = NULL},
    {"a:category,levels=2", "a\nx\ny\nz\n", 0,
     "!test:0:0: column 'a' of table t has more than 2 distinct values in its files",
     .rejects = NULL},
    /* values that do not fit: left out, or missing, with their places */
    {"a:integer,bad=skip b:real,bad=missing,min=0,max=10 c:category",
     "a,b,c\n1,2,x\nq,3,y\n3,11,z\n4,-1,x\n5,w,x\n", 0,
     "0.2: 1 2 x\n0.4: 3 - z\n0.5: 4 - x\n0.6: 5 - x\n",
     .rejects = "$:3:1\tt\ta\tvalue is not a whole number\n$:4:3\tt\tb\tvalue is above the maximum "
                "of the column\n"
                "$:5:3\tt\tb\tvalue is below the minimum of the column\n$:6:3\tt\tb\tvalue is not "
                "a finite number\n"},
    {"a:time,bad=missing,from=0,to=86400", "a\n1970-01-01\n1969-12-31\n1970-01-03\n2023-02-30\n", 0,
     "0.2: 0\n0.3: -\n0.4: -\n0.5: -\n",
     .rejects = "$:3:1\tt\ta\tvalue is below the minimum of the column\n$:4:1\tt\ta\tvalue is "
                "above the maximum of the column\n"
                "$:5:1\tt\ta\tvalue is not a time of the format of the column\n"},
    /* broken rows */
    {"a:integer b:text", "a,b\n1,x\n2\n3,y,z\n4,w\n", CRM_BAD_ERROR,
     "!$:3:1: row has 1 fields, the header has 2", .rejects = NULL},
    {"a:integer b:text", "a,b\n1,x\n2\n3,y,z\n4,w\n", CRM_BAD_SKIP, "0.2: 1 'x'\n0.5: 4 'w'\n",
     .rejects = "$:3:1\tt\t\tnumber of fields is not that of the header; mend the row, or put "
                "values that hold the separator in quotes\n"
                "$:4:1\tt\t\tnumber of fields is not that of the header; mend the row, or put "
                "values that hold the separator in quotes\n"},
    {"a:integer b:text", "a,b\n1,x\n2\n4,w\n", CRM_BAD_MISSING,
     "0.2: 1 'x'\n0.3: - ''\n0.4: 4 'w'\n",
     .rejects = "$:3:1\tt\t\tnumber of fields is not that of the header; mend the row, or put "
                "values that hold the separator in quotes\n"},
    {"a:integer b:text", "a,b\n1,5\" nail\n2,x\"y\"\n3,z\n", CRM_BAD_SKIP, "0.4: 3 'z'\n",
     .rejects = "$:2:4\tt\t\tquote inside a field that does not begin with one; put the field in "
                "quotes and double this one\n"
                "$:3:4\tt\t\tquote inside a field that does not begin with one; put the field in "
                "quotes and double this one\n"},
    {"a:integer b:text", "a,b\n1,\"x\"y\n2,z\n", CRM_BAD_SKIP, "0.3: 2 'z'\n",
     .rejects =
         "$:2:3\tt\t\ttext follows the closing quote of this field; double the quotes inside it\n"},
    {"a:integer b:text", "a,b\n1,\"x\n2,y\n3,z\n", CRM_BAD_SKIP, "",
     .rejects = "$:2:3\tt\t\tthe quote that opens here is never closed; close it, or double a "
                "quote that is meant as text; lines 2 to 4 are one broken row\n"},
    {"a:integer b:text", "a,b\n1,\"x\n2,y", CRM_BAD_MISSING, "0.2: - ''\n",
     .rejects = "$:2:3\tt\t\tthe quote that opens here is never closed; close it, or double a "
                "quote that is meant as text; lines 2 to 3 are one broken row\n"},
    {"a:integer b:text", "a,b\n1,\"x\n2,y\n", CRM_BAD_ERROR,
     "!$:2:3: the quote that opens here is never closed", .rejects = NULL},
    {"a:integer b:text", "a,b\n1,\"x\n2,\"y\"\n3,z\n", CRM_BAD_SKIP, "0.4: 3 'z'\n",
     .rejects =
         "$:2:3\tt\t\ttext follows the closing quote of this field; double the quotes inside it; "
         "lines 2 to 3 are one broken row\n"},
    {"a:integer b:text", "a,b\n1,x@y\n2,z\n", CRM_BAD_SKIP, "0.3: 2 'z'\n",
     .rejects = "$:2:4\tt\t\tNUL byte; the file must be text, is it UTF-16 or binary?\n"},
    {"a:integer b:text", "a,b\n1,\xC3\xA9\xFF\n2,z\n", CRM_BAD_SKIP, "0.3: 2 'z'\n",
     .rejects =
         "$:2:4\tt\t\tbyte that is not valid UTF-8; convert the file, or say encoding: latin-1\n"},
    {"a:integer b:text", "a,b\n1,x\ry\n2,z\n", CRM_BAD_SKIP, "0.3: 2 'z'\n",
     .rejects = "$:2:4\tt\t\tcarriage return without newline; lines must end with LF or CRLF\n"},
    {"a:integer b:text", "a,b\n1,x\r2,z\r", CRM_BAD_ERROR,
     "!$:2:4: carriage return without newline", .rejects = NULL},
    /* LF and CRLF in one file */
    {"a:integer b:text", "a,b\r\n1,x\n2,y\r\n3,\"z\"\r\n", CRM_BAD_ERROR,
     "0.2: 1 'x'\n0.3: 2 'y'\n0.4: 3 'z'\n", .rejects = NULL},
    /* the first error in the order of the file counts, whatever its kind */
    {"a:integer b:text", "a,b\n1,x\nq,y\n3\n", CRM_BAD_ERROR, "!$:3:1: column 'a'",
     .rejects = NULL},
    {"a:integer b:text", "a,b\n1,x\n3\nq,y\n", CRM_BAD_ERROR,
     "!$:3:1: row has 1 fields, the header has 2", .rejects = NULL},
    {"a:integer b:integer", "b,a\n1,x\ny,1\n", CRM_BAD_ERROR, "!$:2:3: column 'a'",
     .rejects = NULL},
    {"a:integer b:integer", "b,a\n\xC3\xA4,x\n", CRM_BAD_ERROR, "!$:2:1: column 'b'",
     .rejects = NULL},
    {"b:text a:integer", "b,a\n\xC3\xA4\xE2\x82\xAC,x\n", CRM_BAD_ERROR, "!$:2:4: column 'a'",
     .rejects = NULL},
    /* Latin-1 */
    {"b:text c:category i:id a:integer", "b,c,i,a\n\xE4,\xDF,\xFC,1\n", 0,
     "0.2: '\xC3\xA4' \xC3\x9F '\xC3\xBC' 1\n", .latin1 = true},
    {"b:text a:integer", "b,a\n\xE4\xA4,x\n", 0, "!$:2:4: column 'a'", .latin1 = true},
    {"\xC3\xA4:integer", "\xE4\n1\n", 0, "0.2: 1\n", .latin1 = true},
    /* header */
    {"a:integer b:integer", "a,b,a\n1,2,3\n", 0,
     "!$:1:5: column 'a' is named twice, as number 1 and 3", .rejects = NULL},
    {"a:integer b:integer", "a,c\n1,2\n", 0, "!$:1:3: column 'c' is not one of table t",
     .rejects = NULL},
    {"a:integer b:integer", "a,c\n1,2\n", 0, "!!$:1:1: the header has no column 'b' of table t",
     .rest = true},
    {"a:integer city:integer", "a,citi\n1,2\n", 0,
     "!$:1:1: the header has no column 'city' of table t; the nearest is 'citi'", .rest = true},
    {"a:integer b:ignore", "a,c\n1,2\n", 0, "0.2: 1\n", .rest = true},
    {"a:integer", ",a\n0,2\n", 0, "0.2: 2\n", .rest = true},
    {"a:integer", ",a\n0,2\n", 0, "!$:1:1: the name of column 1 is empty", .rejects = NULL},
    {"a:integer b:integer", "a;b\n1;2\n", 0,
     "!$:1:1: column 'a;b' is not one of table t; name it there with its type (or ignore), or say "
     "rest: ignore; the header is one field, is it separator: semicolon?",
     .separator = CRM_TABLE_SEPARATOR_COMMA},
    {"a:integer b:integer", "a|b\n1|2\n", 0, "0.2: 1 2\n", .separator = CRM_TABLE_SEPARATOR_COUNT},
    {"a:integer b:integer", "a\tb\n1\t2\n", 0, "0.2: 1 2\n", .rejects = NULL},
    {"a:integer", "", 0, "!$:1:1: the file is empty", .rejects = NULL},
    {"a:integer", "\n\n", 0, "!$:1:1: the file is empty", .rejects = NULL},
    {"a:integer", "a\n", 0, "", .rejects = NULL},
    {"a:integer", "a", 0, "", .rejects = NULL},
    {"a:integer", "\n\na\n\n1\n\n", 0, "0.5: 1\n", .rejects = NULL},
};

/* text with the path for $ */
static char *with_path(const char *text, const char *path)
{
    crm_str out = {0};

    crm_str_add(&out, "", 0);
    for (; *text; text++)
        if (*text == '$')
            crm_str_add(&out, path, strlen(path));
        else
            crm_str_add(&out, text, 1);
    return out.text;
}

static void same_text(const char *what, size_t i, const char *have, const char *want)
{
    if (strcmp(have, want) == 0) return;
    t_fail(__FILE__, __LINE__, what);
    fprintf(stderr, "# case %zu: have\n%s\n# want\n%s\n", i, have, want);
}

static void check_rejects(size_t i, table_rejects *r, const char *want)
{
    char path[512], *have = NULL;
    int64_t total = 0, lines = 0, listed = 0;
    size_t bytes;

    for (const char *p = want; *p; p++)
        lines += *p == '\n';
    T_OK(crm_table_rejects_write(t_comm, r, t_path("rejects.tsv", path), &total, &listed));
    T_EQ_I(total, lines);
    T_EQ_I(listed, lines);
    if (crm_path_exists(path)) T_OK(crm_path_read(path, 1 << 20, &have, &bytes));
    same_text("rejects", i, have ? have : "", want);
    crm_mem_free(have);
    T_OK(crm_comm_barrier(t_comm));
}

static void one_case(size_t i, const frame_case *c)
{
    char path[512], *want, *rejects, *have;
    static const char *const NA[] = {"NA"};
    table_rejects *r = NULL;
    table_frame f;
    t_made m;
    crm_status st;
    char *csv = crm_mem_strdup(c->csv);
    size_t bytes = strlen(csv);

    for (size_t k = 0; k < bytes; k++)
        if (csv[k] == '@') csv[k] = '\0';
    t_write(t_path("case.csv", path), csv, bytes);
    t_schema(&m, c->columns, "case.csv");
    m.table.bad = c->bad;
    m.table.latin1 = c->latin1;
    m.table.rest_ignored = c->rest;
    m.table.separator = c->separator;
    m.table.missing = (crm_opt_list){1, NA};
    want = with_path(c->expect, path);
    rejects = with_path(c->rejects ? c->rejects : "", path);
    T_OK(crm_table_rejects_new(100, &r));
    st = crm_table_frame_read(t_comm, &m.schema, 0, t_dir, r, &f);
    if (want[0] == '!') {
        bool whole = want[1] == '!'; /* of the message */
        const char *text = want + 1 + whole;
        if (st != CRM_ERR_FORMAT || strncmp(crm_err_text(), text, strlen(text)) != 0 ||
            (whole && crm_err_text()[strlen(text)])) {
            t_fail(__FILE__, __LINE__, "error");
            fprintf(stderr, "# case %zu: status %s: %s\n# want %s\n", i, crm_status_name(st),
                    crm_err_text(), text);
        }
        crm_err_clear();
    } else if (st) {
        t_fail(__FILE__, __LINE__, "frame");
        fprintf(stderr, "# case %zu: %s\n", i, crm_err_text());
        crm_err_clear();
    } else {
        have = t_frame_text(&f);
        same_text("rows", i, have, want);
        crm_mem_free(have);
        check_rejects(i, r, rejects);
        crm_table_frame_free(&f);
    }
    crm_table_rejects_free(&r);
    crm_mem_free(want);
    crm_mem_free(rejects);
    crm_mem_free(csv);
    T_OK(crm_comm_barrier(t_comm));
}

static void cases(void)
{
    t_enter();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        one_case(i, &CASES[i]);
    t_leave();
}

/* Places of two tables, added by blocks of ranks and from the last to the first: the list has the
 * first three of each in order, whoever has them. */
static void first_rejects(void)
{
    enum { N = 24 };
    static const char want[] = "a.csv:1:1\tt\tx\tw\na.csv:2:1\tt\tx\tv\na.csv:2:1\tt\tx\tw\n"
                               "a.csv:10:1\tu\tx\tw\n"
                               "\t\t\t20 more rows or values; listed are the first 3 of a table\n";
    int size = crm_comm_size(t_comm), rank = crm_comm_rank(t_comm);
    char path[512], *have = NULL;
    int64_t total = 0, listed = 0;
    table_rejects *r = NULL;
    size_t bytes;

    t_enter();
    T_OK(crm_table_rejects_new(3, &r));
    T_OK(crm_table_rejects_table(r, "t"));
    for (int i = N * (rank + 1) / size - 1; i >= N * rank / size; i--) {
        int line = 1 + (i * 7 + 5) % N / 2; /* each of 1 .. 12 twice */
        bool second = (i * 7 + 5) % N % 2;
        if (line == 1 && second)
            crm_table_rejects_add(r, "a.csv", 10, 1, "u", "x", "w");
        else
            crm_table_rejects_add(r, line > 6 ? "b.csv" : "a.csv", line, 1, "t", "x",
                                  second      ? "w"
                                  : line == 1 ? "w"
                                              : "v");
    }
    T_OK(crm_table_rejects_write(t_comm, r, t_path("first.tsv", path), &total, &listed));
    T_EQ_I(total, N);
    T_EQ_I(listed, 4);
    T_OK(crm_path_read(path, 1 << 20, &have, &bytes));
    same_text("first rejects", 0, have ? have : "", want);
    crm_mem_free(have);
    crm_table_rejects_free(&r);
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case all[] = {
        {"cases", cases}, {"the first rejects of all ranks", first_rejects}, {NULL, NULL}};

    return t_main_mpi(argc, argv, all);
}
