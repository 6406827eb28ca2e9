/* test_quality.c - the report on a table as it was read and as it is stored, worked out by hand,
 * and near duplicates against the comparison of each row with each.
 * ranks: 1 2 3 4 */
#include "../../src/data/table/table_clean.h"
#include "../../src/data/table/table_private.h"
#include "table_testing.h"

/* ---- the report ---- */
static const char SCHEMA[] = "tables:\n"
                             "  t:\n"
                             "    files: q.csv\n"
                             "    bad: skip\n"
                             "    columns:\n"
                             "      x: {type: real, min: 0, max: 100, bad: missing}\n"
                             "      c: {type: category, case: lower, map: {f: female}}\n"
                             "      t: {type: time, bad: missing}\n"
                             "      n: integer\n"
                             "      w: {type: text, scrub: yes}\n"
                             "    derive:\n"
                             "      d: {product: [x, n], max: 20}\n"
                             "entity: {table: t, key: none, profile: [x, n]}\n";
/* Left out: the first row, for d = 50, the fifth, for n, and the seventh, which is broken. */
static const char ROWS[] = "x,c,t,n,w\n"
                           "50,red,2024-01-01,1,a\n"
                           "-7,red,2024-01-02,2,b\n"
                           "oops,RED,2024-01-03,3,me@example.org\n"
                           "1000,f,bad,4,c\n"
                           ",blue,2024-01-05,x,d\n"
                           "8,f,2024-01-06,2,d\n"
                           "9,blue,2024-01-07,7,e,f\n"
                           "3.5,,2024-01-08,1,\n";
enum { X, C, T, N, W, D };

static void check(const table_quality_column *q, int64_t missing, int64_t bad, int64_t distinct,
                  int64_t changed)
{
    T_EQ_I(q->rows, 5);
    T_EQ_I(q->missing, missing);
    T_EQ_I(q->bad, bad);
    T_EQ_I(q->distinct, distinct);
    T_EQ_I(q->changed, changed);
}

static void check_report(const table_quality *q)
{
    T_EQ_I(q->rows_before, 5);
    T_EQ_I(q->rows_after, 5);
    T_EQ_I(q->skipped, 3);
    check(&q->before[X], 0, 3, 4, 0);
    T_NEAR(q->before[X].min, -7, 0);
    T_NEAR(q->before[X].max, 1000, 0);
    T_NEAR(q->before[X].mean, 251.125, 0);
    T_NEAR(q->before[X].quantile[2], 5.75, 0);
    T_EQ_I(q->before[X].beyond, 1); /* quartiles .875 and 256 */
    check(&q->after[X], 3, 0, 2, 0);
    T_NEAR(q->after[X].max, 8, 0);
    T_EQ_I(q->after[X].beyond, 0);
    check(&q->before[C], 1, 0, 3, 0);
    check(&q->after[C], 1, 0, 2, 3);
    check(&q->before[T], 0, 1, 4, 0);
    check(&q->after[T], 1, 0, 4, 0);
    check(&q->after[W], 1, 0, 4, 1);
    check(&q->after[N], 0, 0, 4, 0);
    T_CHECK(memcmp(&q->before[N], &q->after[N], sizeof q->after[N]) == 0);
}

static void report(void)
{
    crm_table_schema *s = NULL;
    table_rejects *rejects = NULL;
    table_frame f = {0};
    table_extra extra;
    table_quality q;
    crm_str text = {0};
    char path[512];

    T_OK(crm_table_schema_text("q.yaml", SCHEMA, strlen(SCHEMA), &s));
    t_write(t_path("q.csv", path), ROWS, strlen(ROWS));
    T_OK(crm_table_rejects_new(100, &rejects));
    T_OK(crm_table_frame_read(t_comm, s, 0, t_dir, rejects, &f));
    T_OK(crm_table_make_private(t_comm, NULL, &f));
    T_OK(crm_table_derive(t_comm, &f, rejects));
    T_OK(crm_table_clean(t_comm, &f, NULL, &extra, &q));
    check_report(&q);
    crm_table_quality_markdown(s, 0, &q, &text);
    T_CHECK(strstr(text.text, "5 rows taken, 3 left out as broken or for bad values;"));
    T_CHECK(strstr(text.text, "\n| x | real | as read | 5 | 0 | 3 | 4 | 251.125 |"));
    T_CHECK(strstr(text.text, "\n| x | real | as stored | 5 | 3 | 0 | 2 | 5.75 |"));
    /* what cleaning did is empty where nothing was looked for */
    T_CHECK(strstr(text.text, " | 1000 | 1 | | | |\n| x | real | as stored"));
    T_CHECK(strstr(text.text, " | | | 3 |\n| t | time | as read"));
    crm_str_free(&text);
    crm_table_extra_free(&extra);
    crm_table_quality_free(&q);
    crm_table_frame_free(&f);
    crm_table_rejects_free(&rejects);
    crm_table_schema_free(&s);
}

/* ---- near duplicates ---- */
enum { NUMBERS = 3, ROW = sizeof(crm_digest) + NUMBERS * sizeof(double) };

static void put(char *item, int64_t i, const char *group, const double *x)
{
    crm_digest d = crm_digest_of(group, strlen(group));

    memcpy(item + i * ROW, &d, sizeof d);
    memcpy(item + i * ROW + sizeof d, x, NUMBERS * sizeof *x);
}

static double number(const char *item, int64_t i, int k)
{
    double x;

    memcpy(&x, item + i * ROW + sizeof(crm_digest) + (size_t)k * sizeof x, sizeof x);
    return x;
}

static bool same(const char *item, int64_t i, int64_t j)
{
    for (int k = 0; k < NUMBERS; k++) {
        double a = number(item, i, k), b = number(item, j, k);
        bool near = a == b || (isnan(a) && isnan(b)) || fabs(a - b) < 1e-6 * fmax(fabs(a), fabs(b));
        if (!near) return false;
    }
    return memcmp(item + i * ROW, item + j * ROW, sizeof(crm_digest)) == 0;
}

/* Few values, many of them just at the limit of being near, and at the edge of a cell, which is at
 * 1 + .63 / 1024. */
static void fill(char *item, int64_t n)
{
    static const double BASE[] = {1,      -1,   2,   4096, 0,          1e-300,      0.1,
                                  3.3e38, 1e10, 1.5, 7.25, 1.00061523, 1.0006152344};
    static const double MORE[] = {0, 1e-8, 5e-7, 9.9e-7, 1.01e-6, 2e-6, 1e-3};
    static const char *const GROUP[] = {"a", "b", "c"};
    uint64_t state = 77;

    for (int64_t i = 0; i < n; i++) {
        double x[NUMBERS];
        int g = (int)(t_next(&state) % 3);
        for (int k = 0; k < NUMBERS; k++) {
            uint64_t r = t_next(&state);
            double more = MORE[(r >> 8) % 7];
            x[k] = BASE[k == 0 ? (int)((r >> 16) % 13) : 7 + k] * (r & 1 ? 1 + more : 1 - more);
        }
        if (g == 2) x[2] = (double)NAN;
        put(item, i, GROUP[g], x);
    }
}

static void as_each_with_each(void)
{
    enum { ROWS_OF = 3000 };
    char *item = crm_mem_new(ROWS_OF, ROW);
    uint8_t *near = crm_mem_new(ROWS_OF, 1), *want = crm_mem_new(ROWS_OF, 1);
    int64_t uncompared, found = 0, wrong = 0;

    fill(item, ROWS_OF);
    T_OK(crm_table_near(&(table_near){item, ROWS_OF, ROW, NUMBERS}, near, &uncompared));
    for (int64_t i = 0; i < ROWS_OF; i++) {
        for (int64_t j = 0; j < i && !want[i]; j++)
            want[i] = !want[j] && same(item, i, j);
        found += want[i];
        wrong += want[i] != near[i];
    }
    T_CHECK(found > 500 && found < ROWS_OF - 500);
    T_EQ_I(wrong, 0);
    T_EQ_I(uncompared, 0);
    crm_mem_free(item);
    crm_mem_free(near);
    crm_mem_free(want);
}

/* One group of n rows whose first numbers are from, from + step ... */
static int64_t line(int64_t n, double from, double step, int64_t *uncompared)
{
    char *item = crm_mem_new((size_t)n, ROW);
    uint8_t *near = crm_mem_new((size_t)n, 1);
    int64_t found = 0;

    for (int64_t i = 0; i < n; i++)
        put(item, i, "g", (double[]){from + step * (double)i, 5, 0});
    T_OK(crm_table_near(&(table_near){item, n, ROW, NUMBERS}, near, uncompared));
    for (int64_t i = 0; i < n; i++)
        found += near[i];
    crm_mem_free(item);
    crm_mem_free(near);
    return found;
}

/* Each with each would be 2e10 comparisons. */
static void large_groups(void)
{
    int64_t uncompared;

    T_EQ_I(line(200000, 1, 1, &uncompared), 0);
    T_EQ_I(uncompared, 0);
    T_EQ_I(line(200000, 3, 0, &uncompared), 199999);
    T_EQ_I(uncompared, 0);
    /* 488 rows, none near another, are in one cell of width 2 / 2048 */
    T_EQ_I(line(4880, 1, 2e-6, &uncompared), 0);
    T_CHECK(uncompared > 1500 && uncompared < 3000);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"a table as read and as stored", report},
        {"near duplicates as by comparing each with each", as_each_with_each},
        {"large groups", large_groups},
        {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
