/* Blocks and the flat view of a data set of three rows whose values are worked out by hand, and
 * data sets that must be refused. */
#include "crm_test.h"
#include "crmpi/data_columns.h"
#include "data_sample.h"

/* Row 0: 2 events, 2 documents.  Row 1: nothing.  Row 2: 1 event, 1 document. */
static const float NUM[3][2] = {{1, 2}, {3, NAN}, {5, 6}};
static const int32_t CAT[3][1] = {{1}, {-1}, {0}};
static const float MONTHLY[3][1][4] = {{{1, 3, 5, 7}}, {{0, 0, 0, 0}}, {{8, 0, 4, 0}}};
static const int64_t EVENT_FIRST[4] = {0, 2, 2, 3};
static const int32_t CATEGORY[3] = {1, 1, -1};
static const float EVENT_TIME[3] = {30, 10, 5};
static const float EVENT_VALUE[3][1] = {{2.5f}, {4}, {9}};
static const int64_t DOC_FIRST[4] = {0, 2, 2, 3}, TOKEN_FIRST[4] = {0, 3, 4, 4};
static const int32_t KIND[3] = {1, 0, 1}, TOKEN[4] = {0, 1, 0, 1};
static const float DOC_TIME[3] = {100, 20, 50};
static const int32_t LABEL[3] = {0, 1, -1};
static const float ORACLE[3][2] = {{0.9f, 0.1f}, {0.2f, 0.8f}, {0.5f, 0.5f}};
static const float BEFORE[3] = {3, NAN, 4}, AFTER[3] = {4, NAN, 5};
static const int32_t TREATED[3] = {1, 0, 0};
static const int64_t ID_FIRST[4] = {0, 2, 3, 6};

static const sample_array ARRAYS[] = {
    {"profile/num", CRM_F32, 2, {3, 2}, NUM},
    {"profile/cat", CRM_I32, 2, {3, 1}, CAT},
    {"monthly/value", CRM_F32, 3, {3, 1, 4}, MONTHLY},
    {"events/first", CRM_I64, 1, {4}, EVENT_FIRST},
    {"events/category", CRM_I32, 1, {3}, CATEGORY},
    {"events/time", CRM_F32, 1, {3}, EVENT_TIME},
    {"events/value", CRM_F32, 2, {3, 1}, EVENT_VALUE},
    {"documents/first", CRM_I64, 1, {4}, DOC_FIRST},
    {"documents/token_first", CRM_I64, 1, {4}, TOKEN_FIRST},
    {"documents/kind", CRM_I32, 1, {3}, KIND},
    {"documents/time", CRM_F32, 1, {3}, DOC_TIME},
    {"documents/token", CRM_I32, 1, {4}, TOKEN},
    {"target/t/label", CRM_I32, 1, {3}, LABEL},
    {"target/t/oracle", CRM_F32, 2, {3, 2}, ORACLE},
    {"survey/before", CRM_F32, 1, {3}, BEFORE},
    {"survey/after", CRM_F32, 1, {3}, AFTER},
    {"survey/treated", CRM_I32, 1, {3}, TREATED},
    {"id/first", CRM_I64, 1, {4}, ID_FIRST},
    {"id/byte", CRM_U8, 1, {6}, "abcxyz"},
};
static const sample_names NAMES[] = {
    {"profile/num", "columns", 2, {"age", "income"}},
    {"profile/cat", "columns", 1, {"region"}},
    {"profile/levels/0", NULL, 2, {"north", "south"}},
    {"monthly/value", "channels", 1, {"spend"}},
    {"events/value", "columns", 1, {"amount"}},
    {"events/categories", NULL, 2, {"food", "toys"}},
    {"documents/kinds", NULL, 2, {"review", "ticket"}},
    {"documents/words", NULL, 2, {"good", "bad"}},
    {"target/t/label", "classes", 2, {"no", "yes"}},
    {0},
};
enum { N_ARRAYS = sizeof ARRAYS / sizeof *ARRAYS };

/* By hand.  Trend of 1 3 5 7 is 2 a month; of 8 0 4 0: sum of (x - 1.5) y = -12 + 2 = -10, over 5:
 * -2. */
static const struct {
    const char *name;
    float want[3];
} COLUMNS[] = {
    {"age", {1, 3, 5}},
    {"income", {2, NAN, 6}},
    {"spend[01]", {1, 0, 8}},
    {"spend[02]", {3, 0, 0}},
    {"spend[03]", {5, 0, 4}},
    {"spend[04]", {7, 0, 0}},
    {"spend sum", {16, 0, 12}},
    {"spend trend", {2, 0, -2}},
    {"spend last3", {5, 0, 4 / 3.0f}},
    {"events", {2, 0, 1}},
    {"events recency", {10, NAN, 5}},
    {"events food", {0, 0, 0}},
    {"events toys", {2, 0, 0}},
    {"events amount sum", {6.5f, 0, 9}},
    {"events amount mean", {3.25f, NAN, 9}},
    {"events amount last", {4, NAN, 9}},
    {"documents recency", {20, NAN, 50}},
    {"documents review", {1, 0, 0}},
    {"tokens review", {1, 0, 0}},
    {"documents ticket", {1, 0, 1}},
    {"tokens ticket", {3, 0, 0}},
};
enum { N_COLUMNS = sizeof COLUMNS / sizeof *COLUMNS };

/* The sample with array number change replaced, and those number skip left out (-1: none). */
static crm_status write_changed(const char *path, int change, const sample_array *with, int skip)
{
    sample_array a[N_ARRAYS + 1] = {{0}};
    sample_names t[sizeof NAMES / sizeof *NAMES] = {{0}};
    int n = 0, m = 0;

    for (int i = 0; i < N_ARRAYS; i++)
        if (i != skip) a[n++] = i == change ? *with : ARRAYS[i];
    for (int i = 0; NAMES[i].name; i++)
        if (skip < 0 || strcmp(NAMES[i].name, ARRAYS[skip].name) != 0) t[m++] = NAMES[i];
    return sample_write(path, 3, a, t, "customer");
}

static crm_data *open_sample(void)
{
    crm_data *d = NULL;

    T_OK(write_changed(sample_path("sample.h5"), -1, NULL, -1));
    T_OK(crm_data_open(sample_path("sample.h5"), &d));
    return d;
}

static void blocks(void)
{
    crm_data *d = open_sample();
    const float *num, *after;
    const int32_t *cat, *treated;
    const crm_schema *s;
    char id[16];
    crm_ids ids;
    int index = -1;

    if (!d) return;
    T_EQ_I(crm_data_rows(d), 3);
    s = crm_data_profile(d, &num, &cat);
    T_CHECK(s->n_num == 2 && s->n_cat == 1 && strcmp(s->num_name[1], "income") == 0);
    T_CHECK(s->n_levels[0] == 2 && strcmp(s->level[0][1], "south") == 0);
    T_CHECK(memcmp(num, NUM, sizeof NUM) == 0 && memcmp(cat, CAT, sizeof CAT) == 0);
    T_CHECK(crm_data_monthly(d)->months == 4 && crm_data_events(d)->n == 3);
    T_CHECK(crm_data_documents(d)->n == 3 && crm_data_documents(d)->n_tokens == 4);
    T_CHECK(crm_data_survey(d, &after, &treated) && after[2] == 5 && treated[0] == 1);
    T_EQ_I(crm_data_n_targets(d), 1);
    T_CHECK(crm_data_target(d, 0)->oracle && crm_data_target(d, 0)->oracle[3] == 0.8f);
    T_OK(crm_data_find_target(d, "t", &index));
    T_EQ_I(index, 0);
    T_FAILS(crm_data_find_target(d, "u", &index), CRM_ERR_CONFIG, "'u' is not a target of");
    ids = crm_data_ids(d);
    T_CHECK(!ids.number && ids.first && ids.first[3] == 6 && memcmp(ids.byte, "abcxyz", 6) == 0);
    T_CHECK(strcmp(crm_data_row_id(d, 0, id, sizeof id), "ab") == 0);
    T_CHECK(strcmp(crm_data_row_id(d, 2, id, sizeof id), "xyz") == 0);
    T_CHECK(strcmp(crm_data_row_id(d, 2, id, 3), "xy") == 0);
    T_CHECK(crm_data_source_digest(d)[0] == '\0');
    crm_data_close(&d);
    crm_data_close(&d);
}

static void flat_columns(void)
{
    static const int64_t rows[] = {2, 0, 1, 2}; /* any order, also twice */
    crm_data *d = open_sample();
    float num[4][N_COLUMNS];
    int32_t cat[4];
    crm_block b = {.n = 4, .row = rows, .num = num[0], .cat = cat};
    crm_flat *f = NULL;
    const crm_schema *s;

    if (d) T_OK(crm_flat_new(d, CRM_FLAT_ALL, &f));
    if (!f) return;
    s = crm_flat_schema(f);
    T_EQ_I(s->n_num, N_COLUMNS);
    T_CHECK(s->n_cat == 1 && strcmp(s->cat_name[0], "region") == 0 && s->n_levels[0] == 2);
    memset(num, 0x55, sizeof num);
    crm_flat_fill(f, &b);
    for (int c = 0; c < N_COLUMNS && c < s->n_num; c++) {
        T_CHECK(strcmp(s->num_name[c], COLUMNS[c].name) == 0);
        for (int i = 0; i < 4; i++) {
            float got = num[i][c], want = COLUMNS[c].want[rows[i]];
            T_CHECK(got == want || (isnan(got) && isnan(want)));
            if (got != want && !isnan(want))
                fprintf(stderr, "#   %s of row %d: %g, %g expected\n", COLUMNS[c].name,
                        (int)rows[i], (double)got, (double)want);
        }
    }
    T_CHECK(cat[0] == 0 && cat[1] == 1 && cat[2] == -1 && cat[3] == 0);
    crm_flat_free(&f);
    crm_data_close(&d);
}

/* A data set of labels alone has a flat view without columns. */
static void no_blocks(void)
{
    crm_data *d = sample_labels(2, (const int32_t[]){0, 1});
    const float *num, *after;
    const int32_t *cat, *treated;
    crm_flat *f = NULL;
    char id[16];

    if (!d) return;
    T_CHECK(crm_data_profile(d, &num, &cat)->n_num == 0 && !num && !cat);
    T_CHECK(!crm_data_monthly(d) && !crm_data_events(d) && !crm_data_documents(d));
    T_CHECK(!crm_data_survey(d, &after, &treated));
    T_CHECK(strcmp(crm_data_row_id(d, 1, id, sizeof id), "1") == 0);
    T_CHECK(!crm_data_ids(d).number && !crm_data_ids(d).first);
    T_OK(crm_flat_new(d, CRM_FLAT_ALL, &f));
    T_CHECK(f && crm_flat_schema(f)->n_num == 0 && crm_flat_schema(f)->n_cat == 0);
    crm_flat_fill(f, &(crm_block){.n = 2, .row = (const int64_t[]){0, 1}});
    crm_flat_free(&f);
    crm_data_close(&d);
}

static void refused(void)
{
    const struct {
        int array;
        sample_array with;
        const char *message;
    } row[] = {
        {0, {"profile/num", CRM_F64, 2, {3, 1}, NUM}, "is f64 of rank 2, f32 of rank 2"},
        {0, {"profile/num", CRM_F32, 2, {2, 2}, NUM}, "2 entries in dimension 0, 3 are needed"},
        {0, {"profile/num", CRM_F32, 2, {3, 1}, NUM}, "an attribute columns with 1 names"},
        {1,
         {"profile/cat", CRM_I32, 2, {3, 1}, (const int32_t[]){1, 2, 0}},
         "row 1 holds code 2, column 'region' has 2 levels"},
        {1, {"profile/cat", CRM_I32, 2, {3, 1}, (const int32_t[]){1, 0, -2}}, "holds code -2"},
        {3, {"events/first", CRM_I64, 1, {4}, (const int64_t[]){0, 2, 1, 3}}, "falls at row 1"},
        {3, {"events/first", CRM_I64, 1, {4}, (const int64_t[]){0, 2, 2, 4}}, "run from 0 to 3"},
        {3, {"events/first", CRM_I64, 1, {4}, (const int64_t[]){1, 2, 2, 3}}, "run from 0 to 3"},
        {8, {"documents/token_first", CRM_I64, 1, {3}, TOKEN_FIRST}, "3 entries in dimension 0"},
        {12,
         {"target/t/label", CRM_I32, 1, {3}, (const int32_t[]){0, 2, 1}},
         "is not a class number"},
        {13, {"target/t/oracle", CRM_F32, 2, {3, 1}, ORACLE}, "1 entries in dimension 1"},
    };
    static const struct {
        int array;
        const char *message;
    } absent[] = {{3, "events/first is missing"},
                  {4, "events/category is missing"},
                  {9, "documents/kind is missing"},
                  {17, "id/first is missing"}};
    crm_data *d = NULL;

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        T_OK(write_changed(sample_path("bad.h5"), row[i].array, &row[i].with, -1));
        T_FAILS(crm_data_open(sample_path("bad.h5"), &d), CRM_ERR_FORMAT, row[i].message);
        T_CHECK(!d);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        T_OK(write_changed(sample_path("bad.h5"), -1, NULL, absent[i].array));
        T_FAILS(crm_data_open(sample_path("bad.h5"), &d), CRM_ERR_FORMAT, absent[i].message);
    }
    T_FAILS(crm_data_open(sample_path("none.h5"), &d), CRM_ERR_IO, "none.h5");
    T_OK(sample_write(sample_path("bad.h5"), 0, (const sample_array[]){{0}}, NULL, NULL));
    T_FAILS(crm_data_open(sample_path("bad.h5"), &d), CRM_ERR_FORMAT, "has no rows");
}

/* Labels of documents are not labels of customers, whose rows a view counts. */
static void document_target(void)
{
    crm_data *d = NULL;
    crm_view *v = NULL;

    sample_array a[N_ARRAYS + 1] = {{0}};
    for (int i = 0, n = 0; i < N_ARRAYS; i++)
        if (strcmp(ARRAYS[i].name, "target/t/oracle") != 0) a[n++] = ARRAYS[i];
    T_OK(sample_write(sample_path("doc.h5"), 3, a, NAMES, "document"));
    T_OK(crm_data_open(sample_path("doc.h5"), &d));
    if (!d) return;
    T_EQ_I(crm_data_target(d, 0)->level, CRM_LEVEL_DOCUMENT);
    T_FAILS(crm_view_labelled(d, 0, &v), CRM_ERR_CONFIG, "a class for each document");
    T_CHECK(!v);
    crm_data_close(&d);
}

static void columns_grow(void)
{
    static const char *const level[] = {"x", "y", "z"};
    crm_columns *c = NULL, *copy = NULL;
    const crm_schema *s, *t;

    T_OK(crm_columns_new(&c));
    T_OK(crm_columns_new(&copy));
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "cat %d", i);
        crm_columns_add_num(c, "num %d", i);
        crm_columns_add_cat(c, name, i % 2 ? 3 : 5, i % 2 ? level : NULL);
    }
    T_OK(crm_columns_schema(c, &s));
    crm_columns_add_nums(copy, s);
    crm_columns_add_cats(copy, s);
    T_OK(crm_columns_schema(copy, &t));
    crm_columns_free(&c);
    T_CHECK(t->n_num == 100 && t->n_cat == 100);
    T_CHECK(strcmp(t->num_name[99], "num 99") == 0 && strcmp(t->cat_name[50], "cat 50") == 0);
    T_CHECK(t->n_levels[50] == 5 && !t->level[50]);
    T_CHECK(t->n_levels[51] == 3 && strcmp(t->level[51][2], "z") == 0);
    crm_columns_free(&copy);
}

/* The flat view of rows put together is, block by block, that of the rows they were taken from. */
static void same_as(const crm_data *base, const crm_data *d, const crm_recombine *g)
{
    enum { N = 4 };
    const int64_t here[N] = {0, 1, 2, 3}, *from[4] = {g->row, g->monthly, g->events, g->documents};
    static float num[N * N_COLUMNS], want[4][N * N_COLUMNS];
    int32_t cat[N], cat_want[N];
    crm_flat *f[2] = {NULL};

    T_OK(crm_flat_new(base, CRM_FLAT_ALL, &f[0]));
    T_OK(crm_flat_new(d, CRM_FLAT_ALL, &f[1]));
    if (f[0] && f[1]) {
        for (int b = 3; b >= 0; b--)
            crm_flat_fill(f[0], &(crm_block){N, from[b] ? from[b] : g->row, want[b], cat_want});
        crm_flat_fill(f[1], &(crm_block){N, here, num, cat});
        for (int i = 0; i < N * N_COLUMNS; i++) {
            int c = i % N_COLUMNS, b = c < 2 ? 0 : c < 9 ? 1 : c < 16 ? 2 : 3;
            float w = b == 0 && g->num && c == g->column ? g->num[i / N_COLUMNS] : want[b][i];
            if (memcmp(&num[i], &w, sizeof w) != 0) t_fail(__FILE__, __LINE__, COLUMNS[c].name);
        }
        for (int i = 0; i < N; i++)
            T_EQ_I(cat[i], g->cat ? g->cat[i] : cat_want[i]);
    }
    crm_flat_free(&f[0]);
    crm_flat_free(&f[1]);
}

static void gathered(void)
{
    const int64_t row[4] = {2, 0, 0, 1}, months[4] = {0, 0, 2, 1}, events[4] = {0, 2, 1, 0},
                  documents[4] = {1, 2, 0, 0};
    const int32_t label[4] = {1, 0, 1, -1}, codes[4] = {-1, 0, 1, 1};
    const float other[4] = {7, NAN, -1, 0};
    crm_recombine g[3] = {{.n = 4, .row = row},
                          {.n = 4,
                           .row = row,
                           .monthly = months,
                           .events = events,
                           .documents = documents,
                           .column = 1,
                           .num = other,
                           .label = label},
                          {.n = 4, .row = row, .column = 0, .cat = codes, .events = events}};
    crm_data *base = open_sample(), *d = NULL;

    for (int i = 0; base && i < 3; i++) {
        T_OK(crm_data_recombine(base, &g[i], &d));
        if (!d) continue;
        T_EQ_I(crm_data_rows(d), 4);
        T_CHECK(crm_digest_equal(crm_data_digest(d), crm_data_digest(base)));
        same_as(base, d, &g[i]);
        for (int r = 0; r < 4; r++) {
            T_EQ_I(crm_data_target(d, 0)->label[r], g[i].label ? label[r] : LABEL[row[r]]);
            T_CHECK(crm_data_target(d, 0)->oracle[r * 2 + 1] == ORACLE[row[r]][1]);
        }
        crm_data_close(&d);
    }
    crm_data_close(&base);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"blocks", blocks},
                                   {"columns of the flat view", flat_columns},
                                   {"no blocks", no_blocks},
                                   {"refused data sets", refused},
                                   {"a target of documents", document_target},
                                   {"columns grow", columns_grow},
                                   {"rows put together", gathered},
                                   {NULL, NULL}};
    return sample_main(argc, argv, cases);
}
