/* test_frame_random.c - random files against a plain reader in this test: rows, values, what is
 * left out and the place of the first error; all kernels, narrow and wide windows.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "frame_testing.h"

enum { MOST_COLUMNS = 5, MOST_RECORDS = 400 };

/* ---- files ---- */
typedef struct plan {
    int n; /* columns a, b, ... */
    char type[MOST_COLUMNS];
    int bad[MOST_COLUMNS], table_bad;
    char sep, separator;
    const char *eol;
    crm_str csv;
} plan;
static const char TYPES[] = "ircxk"; /* integer, real, category, text, key */

static void add(plan *p, const char *text)
{
    crm_str_add(&p->csv, text, strlen(text));
}

static void add_value(plan *p, char type, uint64_t *s)
{
    static const char *const NUMBER[] = {"7",
                                         "-3",
                                         "+5",
                                         "007",
                                         "",
                                         "NA",
                                         "q",
                                         " 12 ",
                                         "1.5",
                                         "1e3",
                                         ".5",
                                         "5.",
                                         "-",
                                         "12345678901234567",
                                         "9223372036854775807",
                                         "0.1",
                                         "123456.789",
                                         "-0.000001",
                                         "1e999",
                                         "3.14159265358979312"};
    static const char *const WORD[] = {"x",
                                       "",
                                       "NA",
                                       " pad ",
                                       "a-much-longer-text-than-sixteen",
                                       "\xC3\xA9t\xC3\xA9",
                                       "Y",
                                       "12",
                                       "0123456789abcdef",
                                       "z y",
                                       "01234567"};
    char text[32];

    if (type == 'i' || type == 'r') {
        if (t_below(s, 3) == 0) {
            snprintf(text, sizeof text, "%d.%02d", t_below(s, 100000) - 50000, t_below(s, 100));
            if (type == 'i') *strchr(text, '.') = '\0';
            add(p, text);
        } else {
            add(p, NUMBER[t_below(s, t_below(s, 4) ? 4 : sizeof NUMBER / sizeof *NUMBER)]);
        }
        return;
    }
    add(p, WORD[t_below(s, sizeof WORD / sizeof *WORD)]);
}

static void add_field(plan *p, char type, uint64_t *s)
{
    static const char *const INNER[] = {"\"\"", ",", ";",        "\n",      "\r\n",
                                        "\r",   "a", "\xC3\xA9", "\"\"\"\""};

    if (t_below(s, 5)) {
        add_value(p, type, s);
        return;
    }
    add(p, "\"");
    if (type == 'i' || type == 'r')
        add_value(p, type, s);
    else
        for (int k = t_below(s, 6); k > 0; k--)
            add(p, INNER[t_below(s, sizeof INNER / sizeof *INNER)]);
    add(p, "\"");
}

static void add_record(plan *p, bool clean, uint64_t *s)
{
    static const char *const ODD[] = {"\"", "x\"y", "\r", "\xFF", "\"a\"b", ",,,,,,", "\"q"};
    char sep[2] = {p->sep, 0};
    int odd = !clean && t_below(s, 12) == 0 ? t_below(s, p->n) : -1;

    if (t_below(s, 30) == 0) add(p, p->eol);
    for (int c = 0; c < p->n; c++) {
        if (c) add(p, sep);
        if (c == odd) {
            add(p, ODD[t_below(s, sizeof ODD / sizeof *ODD)]);
            if (t_below(s, 4) == 0) crm_str_add(&p->csv, "\0", 1);
        } else {
            add_field(p, p->type[c], s);
        }
    }
    add(p, t_below(s, 20) ? p->eol : "\n");
}

static void make_file(plan *p, uint64_t *s)
{
    static const char SEP[] = {',', ';'};
    bool clean = t_below(s, 3) > 0;

    *p = (plan){.n = 1 + t_below(s, MOST_COLUMNS), .eol = t_below(s, 3) ? "\n" : "\r\n"};
    p->separator = (char)(1 + t_below(s, 2));
    p->sep = SEP[p->separator - 1];
    p->table_bad = t_below(s, 8) ? 1 + t_below(s, 2) : 0;
    for (int c = 0; c < p->n; c++) {
        p->type[c] = TYPES[t_below(s, 5)];
        p->bad[c] = t_below(s, 8) ? 1 + t_below(s, 2) : 0;
        crm_str_addf(&p->csv, "%s%c", c ? (char[]){p->sep, 0} : "", 'a' + c);
    }
    add(p, p->eol);
    for (int k = t_below(s, t_below(s, 4) ? 30 : MOST_RECORDS); k > 0; k--)
        add_record(p, clean, s);
    if (t_below(s, 2)) p->csv.len -= strlen(p->eol); /* no line end at the end */
}

/* ---- the plain reader ---- */
typedef struct reading {
    const plan *p;
    size_t at;
    int64_t line;
    crm_str field[MOST_COLUMNS + 1];
    int64_t field_line[MOST_COLUMNS + 1];
    int n;
    bool broken;
    int64_t fault_line;
    crm_str rows;
    int64_t rejects, skipped, error_line; /* 0: none */
} reading;

static int at(const reading *r, size_t i)
{
    return i < r->p->csv.len ? (unsigned char)r->p->csv.text[i] : -1;
}
static int eol(const reading *r)
{
    if (at(r, r->at) == '\n') return 1;
    return at(r, r->at) == '\r' && at(r, r->at + 1) == '\n' ? 2 : 0;
}
static void break_it(reading *r, int64_t line)
{
    if (!r->broken || line < r->fault_line) r->fault_line = line;
    r->broken = true;
}

static void take(reading *r, crm_str *f)
{
    char c = (char)at(r, r->at);

    if (c == '\0' || c == '\xFF') break_it(r, r->line);
    r->line += c == '\n';
    crm_str_add(f, &c, 1);
    r->at++;
}

static void ref_field(reading *r)
{
    int k = r->n < MOST_COLUMNS ? r->n : MOST_COLUMNS;
    crm_str *f = &r->field[k];

    f->len = 0;
    crm_str_add(f, "", 0);
    r->field_line[k] = r->line;
    r->n++;
    if (at(r, r->at) == '"') {
        int64_t open = r->line;
        r->at++;
        for (;;) {
            if (at(r, r->at) < 0) {
                break_it(r, open);
                return;
            }
            if (at(r, r->at) == '"') {
                r->at++;
                if (at(r, r->at) != '"') break;
            }
            take(r, f);
        }
        if (at(r, r->at) >= 0 && at(r, r->at) != r->p->sep && !eol(r)) break_it(r, open);
    }
    while (at(r, r->at) >= 0 && at(r, r->at) != r->p->sep && !eol(r)) {
        if (at(r, r->at) == '"' || at(r, r->at) == '\r') break_it(r, r->line);
        take(r, f);
    }
}

static void trim(const char **text, size_t *len)
{
    for (; *len && (**text == ' '); ++*text)
        --*len;
    while (*len && (*text)[*len - 1] == ' ')
        --*len;
}

/* Adds the value of a column; 1 when it does not fit. */
static int ref_value(reading *r, int c, crm_str *out)
{
    const char *text = r->field[c].text, *raw = text;
    size_t len = r->field[c].len, raw_len = len;
    char copy[512], *end, type = r->p->type[c];
    bool missing;

    trim(&text, &len);
    missing = len == 0 || (len == 2 && memcmp(text, "NA", 2) == 0) || (len == 1 && *text == '7');
    if (type == 'x' || type == 'k') {
        crm_str_addf(out, " '");
        if (!missing) crm_str_add(out, type == 'x' ? raw : text, type == 'x' ? raw_len : len);
        crm_str_addf(out, "'");
        return 0;
    }
    if (missing) {
        crm_str_addf(out, " -");
        return 0;
    }
    if (type == 'c') {
        crm_str_addf(out, " ");
        crm_str_add(out, text, len);
        return 0;
    }
    snprintf(copy, sizeof copy, "%.*s", (int)len, text);
    if (type == 'r') {
        double v = strtod(copy, &end);
        if (*end || isinf(v)) {
            crm_str_addf(out, " -");
            return 1;
        }
        crm_str_addf(out, " %.17g", v);
    } else {
        long long v = strtoll(copy, &end, 10);
        if (*end || end == copy) {
            crm_str_addf(out, " -");
            return 1;
        }
        crm_str_addf(out, " %lld", v);
    }
    return 0;
}

static void ref_row(reading *r, int64_t line)
{
    crm_str row = {0};
    bool out = false;

    if (r->n != r->p->n && !r->broken) break_it(r, line);
    if (r->broken) {
        r->rejects++;
        if (r->p->table_bad == CRM_BAD_ERROR) r->error_line = r->fault_line;
        out = r->p->table_bad == CRM_BAD_SKIP;
        for (int c = 0; c < MOST_COLUMNS; c++) {
            r->field[c].len = 0;
            crm_str_add(&r->field[c], "", 0);
        }
    }
    crm_str_addf(&row, "0.%lld:", (long long)line);
    for (int c = 0; c < r->p->n && !r->error_line; c++)
        if (ref_value(r, c, &row)) {
            r->rejects++;
            if (r->p->bad[c] == CRM_BAD_ERROR) r->error_line = r->field_line[c];
            out |= r->p->bad[c] == CRM_BAD_SKIP;
        }
    crm_str_addf(&row, "\n");
    r->skipped += out;
    if (!out) crm_str_add(&r->rows, row.text, row.len);
    crm_str_free(&row);
}

static void ref_read(const plan *p, reading *r)
{
    *r = (reading){.p = p, .line = 2};
    crm_str_add(&r->rows, "", 0);
    r->at = (size_t)((const char *)memchr(p->csv.text, '\n', p->csv.len) - p->csv.text) + 1;
    while (at(r, r->at) >= 0 && !r->error_line) {
        int64_t line = r->line;
        if (eol(r)) {
            r->at += (size_t)eol(r);
            r->line++;
            continue;
        }
        r->n = 0;
        r->broken = false;
        ref_field(r);
        while (at(r, r->at) == p->sep) {
            r->at++;
            ref_field(r);
        }
        r->line += eol(r) > 0;
        r->at += (size_t)eol(r);
        ref_row(r, line);
    }
}

/* ---- both ---- */
static void describe(const plan *p, t_made *m)
{
    static const char *const NAME[] = {"integer", "real", "category", "text", "id"};
    static const char *const BAD[] = {"error", "skip", "missing"};
    static const char *const NA[] = {"NA", "7"};
    crm_str text = {0};

    for (int c = 0; c < p->n; c++)
        crm_str_addf(&text, "%s%c:%s,bad=%s", c ? " " : "", 'a' + c,
                     NAME[strchr(TYPES, p->type[c]) - TYPES], BAD[p->bad[c]]);
    t_schema(m, text.text, "random.csv");
    m->table.bad = p->table_bad;
    m->table.separator = p->separator;
    m->table.missing = (crm_opt_list){2, NA};
    crm_str_free(&text);
}

static bool compare(const t_made *m, const reading *want)
{
    table_rejects *r = NULL;
    table_frame f = {0};
    int64_t count, bad = t_failures;
    crm_status st;

    T_OK(crm_table_rejects_new(1000, &r));
    st = crm_table_frame_read(t_comm, &m->schema, 0, t_dir, r, &f);
    if (want->error_line) {
        char part[64];
        snprintf(part, sizeof part, "random.csv:%lld:", (long long)want->error_line);
        T_FAILS(st, CRM_ERR_FORMAT, part);
    } else if (st) {
        T_OK(st);
        crm_err_clear();
    } else {
        char *have = t_frame_text(&f);
        T_CHECK(strcmp(have, want->rows.text) == 0);
        T_EQ_I(f.skipped, want->skipped);
        count = crm_table_rejects_count(r);
        T_OK(crm_comm_sum_i64(t_comm, &count, 1));
        T_EQ_I(count, want->rejects);
        if (t_failures > bad) fprintf(stderr, "# have\n%s# want\n%s", have, want->rows.text);
        crm_mem_free(have);
        crm_table_frame_free(&f);
    }
    crm_table_rejects_free(&r);
    return t_failures == bad;
}

static void one_file(uint64_t seed)
{
    static const char *const WAY[][2] = {
        {"plain", "1"}, {"avx512", "200"}, {"avx2", "64"}, {"avx512", "49152"}};
    char path[512];
    reading want;
    t_made m;
    plan p;

    make_file(&p, &seed);
    t_write(t_path("random.csv", path), p.csv.text, p.csv.len);
    ref_read(&p, &want);
    describe(&p, &m);
    for (size_t k = 0; k < sizeof WAY / sizeof *WAY; k++) {
        setenv("CRM_TABLE_KERNELS", WAY[k][0], 1);
        setenv("CRM_TABLE_WINDOW", WAY[k][1], 1);
        if (!compare(&m, &want)) {
            fprintf(stderr, "# kernels %s, window %s\n", WAY[k][0], WAY[k][1]);
            break;
        }
    }
    for (int c = 0; c <= MOST_COLUMNS; c++)
        crm_str_free(&want.field[c]);
    crm_str_free(&want.rows);
    crm_str_free(&p.csv);
    T_OK(crm_comm_barrier(t_comm));
}

static void files(void)
{
    const char *times = getenv("CRM_RANDOM_FILES");
    int n = times ? (int)strtol(times, NULL, 10) : 300;

    t_enter();
    for (int k = 0; k < n; k++) {
        int64_t failed = t_failures;
        one_file((uint64_t)k);
        T_OK(crm_comm_sum_i64(t_comm, &failed, 1));
        if (t_failures) fprintf(stderr, "# file %d\n", k);
        failed = t_failures;
        T_OK(crm_comm_sum_i64(t_comm, &failed, 1));
        if (failed) break;
    }
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case all[] = {{"files", files}, {NULL, NULL}};

    return t_main_mpi(argc, argv, all);
}
