/* test_clean.c - duplicates, outliers, fills and the quality report on frames made by hand; the
 * same bits on any number of ranks.
 *
 * Expected values: pandas 1.5.3 and numpy 1.24.2 on the same 1,000 rows (drop_duplicates, quantile,
 * mean, std, nunique; near duplicates by a loop over the rows of each key).
 * ranks: 1 2 3 4 */
#include "../../src/data/table/table_clean.h"
#include "table_testing.h"

/* Of the last case but one, from a run on one rank. */
static const char BITS[] =
    "dbb13655f11aa5dbd7afd4283fe4d230 0x1.3e4bf97e4e782p+8 0x1.82af9f930b547p+7";
static int64_t rows_of_test = 1000;
enum { K, X, N, C, B, D, T, COLUMNS };

static const char YAML[] = "tables:\n"
                           "  t:\n"
                           "    files: t.csv\n"
                           "    key: k\n"
                           "    duplicates: %s\n"
                           "    columns:\n"
                           "      k: id\n"
                           "      x: {type: real%s}\n"
                           "      n: {type: integer%s}\n"
                           "      c: {type: category%s}\n"
                           "      b: {type: boolean%s}\n"
                           "      d: {type: time%s}\n"
                           "      t: {type: text%s}\n"
                           "entity: {table: t, key: none, profile: [x, n]}\n";

/* ---- rows ---- */
typedef struct cells {
    double x;
    int64_t k, n, b, d;
    int32_t c;
    char t[32];
} cells;
static const char *const LEVELS[] = {"Blue", "green", "red"};

static uint64_t draw(int64_t row, int column)
{
    uint64_t state = (uint64_t)(row * 16 + column);

    return t_next(&state);
}

static cells plain_row(int64_t i)
{
    cells r = {.k = i,
               .x = draw(i, 1) % 20 == 0 ? (double)NAN : (double)(draw(i, 2) % 10000) / 16,
               .n = (int64_t)(draw(i, 3) % 50),
               .c = (int32_t)(draw(i, 4) % 4) - 1,
               .b = draw(i, 5) % 10 == 0 ? CRM_WHOLE_MISSING : (int64_t)(draw(i, 5) % 2),
               .d = 1500000000 + (int64_t)(draw(i, 6) % 1000) * 86400};

    if (i % 97 == 5) r.x = 20000;
    if (i % 111 == 7) r.n = -5000;
    if (draw(i, 7) % 8) snprintf(r.t, sizeof r.t, "It's fine %d", (int)(draw(i, 8) % 100));
    return r;
}

/* Rows 900 .. 999 are rows 0 .. 99 again: as they were, nearly, or changed. */
static cells row_of(int64_t i)
{
    cells r = plain_row(i < 900 ? i : i - 900);

    if (i < 900 || i % 3 == 0) return r;
    if (i % 3 == 2) {
        r.x += 1;
        r.n += 1;
        return r;
    }
    r.x *= 1 + 1e-8;
    if (r.t[0]) snprintf(r.t, sizeof r.t, "its FINE, %d!", (int)(draw(i - 900, 8) % 100));
    return r;
}

/* ---- frames ---- */
static void put_text(table_cells *v, int64_t i, const char *text)
{
    int64_t begin = i ? v->end[i - 1] : 0;

    memcpy(v->bytes + begin, text, strlen(text));
    v->end[i] = begin + (int64_t)strlen(text);
}

static void put_row(table_frame *f, int64_t i, const cells *r)
{
    char key[16];

    snprintf(key, sizeof key, "c%d", (int)r->k);
    f->column[K].key[i] = crm_digest_of(key, strlen(key));
    put_text(&f->column[K], i, key);
    f->column[X].real[i] = r->x;
    f->column[N].whole[i] = r->n;
    f->column[C].code[i] = r->c;
    f->column[B].whole[i] = r->b;
    f->column[D].whole[i] = r->d;
    put_text(&f->column[T], i, r->t);
}

static void room(table_frame *f)
{
    int64_t n = f->n;
    int32_t index;
    table_cells *v = f->column;

    v[K].key = crm_mem_new((size_t)n, sizeof(crm_digest));
    v[X].real = crm_mem_new((size_t)n, sizeof(double));
    v[C].code = crm_mem_new((size_t)n, sizeof(int32_t));
    for (int k = 0; k < COLUMNS; k++) {
        if (k == N || k == B || k == D) v[k].whole = crm_mem_new((size_t)n, sizeof(int64_t));
        if (k != K && k != T) continue;
        v[k].end = crm_mem_new((size_t)n, sizeof(int64_t));
        v[k].bytes = crm_mem_new((size_t)n * 32 + 1, 1);
    }
    for (int l = 0; l < 3; l++)
        T_OK(crm_table_levels_add(&v[C].levels, LEVELS[l], strlen(LEVELS[l]), 100, &index));
    T_OK(crm_table_levels_sort(&v[C].levels, &v[C].level));
    v[C].n_levels = 3;
}

/* This rank's rows: the first rank has few, the last one most. */
static void make_frame(const crm_table_schema *s, table_frame *f)
{
    int64_t size = crm_comm_size(t_comm), rank = crm_comm_rank(t_comm);
    int64_t first = rows_of_test * rank * rank / (size * size);
    int64_t end = rows_of_test * (rank + 1) * (rank + 1) / (size * size);

    *f = (table_frame){.schema = s, .n = end - first, .before = first, .total = rows_of_test};
    f->column = crm_mem_new(COLUMNS, sizeof *f->column);
    f->where = crm_mem_new((size_t)f->n, sizeof *f->where);
    room(f);
    for (int64_t i = 0; i < f->n; i++) {
        cells r = row_of(first + i);
        put_row(f, i, &r);
    }
}

/* ---- a cleaning ---- */
typedef struct run {
    crm_table_schema *schema;
    table_frame frame;
    table_extra extra;
    table_quality quality;
} run;

static void run_it(run *r, const char *duplicates, const char *const more[6])
{
    char yaml[2048];
    int n = snprintf(yaml, sizeof yaml, YAML, duplicates, more[0], more[1], more[2], more[3],
                     more[4], more[5]);

    memset(r, 0, sizeof *r);
    T_OK(crm_table_schema_text("t.yaml", yaml, (size_t)n, &r->schema));
    make_frame(r->schema, &r->frame);
    T_OK(crm_table_clean(t_comm, &r->frame, NULL, &r->extra, &r->quality));
}

static void end_it(run *r)
{
    crm_table_extra_free(&r->extra);
    crm_table_quality_free(&r->quality);
    crm_table_frame_free(&r->frame);
    crm_table_schema_free(&r->schema);
}

static const char *const NOTHING[6] = {"", "", "", "", "", ""};

static void quality_before(void)
{
    static const double q[5] = {33.275, 153.5, 314.0625, 466.0, 590.6125};
    run r;
    const table_quality_column *x;

    run_it(&r, "keep", NOTHING);
    x = &r.quality.before[X];
    T_EQ_I(x->rows, 1000);
    T_EQ_I(x->missing, 47);
    T_EQ_I(x->distinct, 865);
    T_NEAR(x->min, 0.125, 0);
    T_NEAR(x->max, 20001, 0);
    T_NEAR(x->mean, 537.3940845580496, 1e-14);
    T_NEAR(x->sd, 2111.7173593975313, 1e-14);
    for (int i = 0; i < 5; i++)
        T_NEAR(x->quantile[i], q[i], 1e-15);
    T_EQ_I(r.quality.before[K].distinct, 900);
    T_EQ_I(r.quality.before[N].distinct, 51);
    T_EQ_I(r.quality.before[C].missing, 242);
    T_EQ_I(r.quality.before[C].distinct, 3);
    T_EQ_I(r.quality.before[B].missing, 94);
    T_EQ_I(r.quality.before[B].distinct, 2);
    T_NEAR(r.quality.before[D].mean, 1542609715.2, 1e-15);
    T_EQ_I(r.quality.before[T].missing, 111);
    T_EQ_I(r.quality.before[T].distinct, 125);
    T_EQ_I(r.quality.rows_after, 1000);
    T_CHECK(memcmp(&r.quality.before[X], &r.quality.after[X], sizeof *x) == 0);
    end_it(&r);
}

/* The rows that stay, by their number in the file: keys and whether x was changed tell them. */
static void duplicates(void)
{
    run r;

    run_it(&r, "drop", NOTHING);
    T_EQ_I(r.quality.duplicates, 35);
    T_EQ_I(r.quality.near_duplicates, 0);
    T_EQ_I(r.frame.total, 1000 - 35);
    T_EQ_I(r.quality.rows_after, 1000 - 35);
    T_EQ_I(r.quality.after[X].missing, 44);
    T_NEAR(r.quality.after[X].mean, 544.2481678434541, 1e-14);
    end_it(&r);
}

static void near_duplicates(void)
{
    run r;

    run_it(&r, "near", NOTHING);
    T_EQ_I(r.quality.duplicates, 35);
    T_EQ_I(r.quality.near_duplicates, 32);
    T_NEAR(r.quality.after[X].mean, 553.1654741863075, 1e-14);
    T_NEAR(r.quality.after[N].mean, -24.111468381564844, 1e-14);
    end_it(&r);
}

static void winsorised(void) /* limits from all rows, by numpy.quantile and numpy.median */
{
    static const char *const more[6] = {", outliers: {rule: iqr, factor: 1.5, action: winsorise}",
                                        ", outliers: {rule: robust, factor: 3, action: winsorise}",
                                        "",
                                        "",
                                        "",
                                        ""};
    run r;

    run_it(&r, "keep", more);
    T_EQ_I(r.quality.after[X].outliers, 11);
    T_EQ_I(r.quality.after[X].changed, 11);
    T_NEAR(r.quality.after[X].max, 934.75, 0);
    T_NEAR(r.quality.after[X].mean, 317.33243712887855, 1e-14);
    T_EQ_I(r.quality.after[N].outliers, 10);
    T_NEAR(r.quality.after[N].min, -28.0, 0);
    T_EQ_I(r.quality.rows_after, 1000);
    end_it(&r);
}

static void flagged_and_dropped(void)
{
    static const char *const more[6] = {
        ", indicator: yes, outliers: {rule: zscore, factor: 3, action: flag}",
        ", outliers: {rule: zscore, factor: 3, action: drop}",
        "",
        "",
        "",
        ""};
    int64_t count[2] = {0, 0};
    run r;

    run_it(&r, "keep", more);
    T_EQ_I(r.quality.after[X].outliers, 11);
    T_EQ_I(r.quality.after[N].outliers, 10);
    T_EQ_I(r.quality.dropped, 10);
    T_EQ_I(r.quality.rows_after, 1000 - 10);
    T_EQ_I(r.extra.n, 2);
    T_CHECK(strcmp(r.extra.name[0], "x missing") == 0 && r.extra.of[0] == X);
    T_CHECK(strcmp(r.extra.name[1], "x outlier") == 0 && r.extra.of[1] == X);
    for (int64_t i = 0; i < r.frame.n; i++)
        for (int e = 0; e < 2; e++) {
            count[e] += r.extra.value[e][i];
            double x = r.frame.column[X].real[i];
            T_EQ_I(r.extra.value[e][i], e ? x > 10000 : isnan(x));
        }
    T_OK(crm_comm_sum_i64(t_comm, count, 2));
    T_EQ_I(count[0], 47);
    T_EQ_I(count[1], 11);
    end_it(&r);
}

static void filled(void)
{
    static const char *const more[6] = {", fill: drop",           "", ", fill: {constant: black}",
                                        ", fill: {constant: no}", "", ""};
    int64_t black = 0;
    run r;

    run_it(&r, "keep", more);
    T_EQ_I(r.quality.rows_after, 1000 - 47);
    T_EQ_I(r.quality.after[X].missing, 0);
    T_EQ_I(r.quality.after[C].missing, 0);
    T_EQ_I(r.quality.after[C].filled, 227);
    T_EQ_I(r.quality.after[C].distinct, 4);
    T_EQ_I(r.quality.after[B].filled, 91);
    for (int64_t i = 0; i < r.frame.n; i++) {
        const table_cells *c = &r.frame.column[C];
        black += strcmp(c->level[c->code[i]], "black") == 0;
    }
    T_OK(crm_comm_sum_i64(t_comm, &black, 1));
    T_EQ_I(black, 227);
    end_it(&r);
}

/* All steps: what comes out has the bits of one rank on any number of them. */
static void same_bits(void)
{
    static const char *const more[6] = {
        ", outliers: {rule: robust, factor: 3, action: winsorise}, indicator: yes",
        ", outliers: {rule: iqr, factor: 2, action: drop}",
        ", fill: {constant: black}",
        "",
        "",
        ""};
    char mine[256], hex[CRM_DIGEST_HEX];
    void *all = NULL;
    size_t bytes = 0;
    crm_str rows = {0};
    run r;

    rows_of_test = 9000; /* of three leaves */
    run_it(&r, "near", more);
    rows_of_test = 1000;
    for (int64_t i = 0; i < r.frame.n; i++)
        crm_str_addf(&rows, "%a %lld %d %d\n", r.frame.column[X].real[i],
                     (long long)r.frame.column[N].whole[i], r.frame.column[C].code[i],
                     r.extra.value[0][i]);
    T_OK(crm_comm_allgather(t_comm, rows.text, rows.len, &all, &bytes, NULL));
    snprintf(mine, sizeof mine, "%s %a %a", crm_digest_hex(crm_digest_of(all, bytes), hex),
             r.quality.after[X].mean, r.quality.after[X].sd);
    if (strcmp(mine, BITS) != 0) {
        t_fail(__FILE__, __LINE__, "the bits of one rank");
        fprintf(stderr, "# %s\n", mine);
    }
    crm_mem_free(all);
    crm_str_free(&rows);
    end_it(&r);
}

static void refused(void)
{
    crm_table_schema *s = NULL;
    char yaml[2048];
    int n =
        snprintf(yaml, sizeof yaml, YAML, "keep", "", "", "", ", fill: {constant: maybe}", "", "");

    T_FAILS(crm_table_schema_text("t.yaml", yaml, (size_t)n, &s), CRM_ERR_CONFIG,
            "'maybe' is no value of the column");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"quality before", quality_before},
                                   {"duplicates", duplicates},
                                   {"near duplicates", near_duplicates},
                                   {"winsorised", winsorised},
                                   {"flagged and dropped", flagged_and_dropped},
                                   {"filled", filled},
                                   {"same bits", same_bits},
                                   {"refused", refused},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
