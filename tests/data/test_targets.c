/* test_targets.c - targets of a data set: classes and numbers, of customers and of documents; what
 * is no target is refused, and studies take classes of customers only. */
#include "crm_test.h"
#include "data_sample.h"

enum { ROWS = 3, DOCS = 2 };
static const int32_t LABEL[ROWS] = {1, -1, 0};
static const float VALUE[ROWS][2] = {{1, 2}, {NAN, 4}, {5, NAN}};
static const float MEAN[ROWS][2] = {{1.5f, 2.5f}, {3, 4}, {5, 6}};

/* Two documents, of the first and of the last row. */
#define DOCUMENTS                                                                                  \
    {"documents/first", CRM_I64, 1, {ROWS + 1}, (const int64_t[]){0, 1, 1, 2}},                    \
        {"documents/token_first", CRM_I64, 1, {DOCS + 1}, (const int64_t[]){0, 1, 2}},             \
        {"documents/kind", CRM_I32, 1, {DOCS}, (const int32_t[]){0, 0}},                           \
        {"documents/time", CRM_F32, 1, {DOCS}, (const float[]){9, 8}},                             \
    {                                                                                              \
        "documents/token", CRM_I32, 1, {DOCS}, (const int32_t[])                                   \
        {                                                                                          \
            0, 0                                                                                   \
        }                                                                                          \
    }

static const sample_names NAMES[] = {{"target/a/label", "classes", 2, {"no", "yes"}},
                                     {"target/t/value", "columns", 2, {"first", "second"}},
                                     {"documents/words", NULL, 1, {"word"}},
                                     {"documents/kinds", NULL, 1, {"review"}},
                                     {0}};

/* Class target a of customers, numeric target t of the level. */
static crm_data *open_both(const char *level)
{
    bool docs = strcmp(level, "document") == 0;
    sample_array a[] = {
        {"target/a/label", CRM_I32, 1, {ROWS}, LABEL},
        {"target/t/value", CRM_F32, 2, {docs ? DOCS : ROWS, 2}, VALUE},
        {"target/t/oracle", CRM_F32, 2, {docs ? DOCS : ROWS, 2}, MEAN},
        DOCUMENTS,
        {0},
    };
    const char *path = sample_path("both.h5");
    crm_data *d = NULL;
    crm_store_writer *w;
    crm_status st;

    T_OK(crm_store_create(NULL, path, "crmpi-dataset", &w));
    st = sample_put(w, ROWS, a, NAMES);
    if (!st) st = crm_store_attr_text(w, "target/t/value", "level", level);
    if (!st) st = crm_store_commit(&w, NULL);
    T_OK(st);
    if (st)
        crm_store_abandon(&w);
    else
        T_OK(crm_data_open(path, &d));
    return d;
}

static void numbers_of_customers(void)
{
    crm_data *d = open_both("customer");
    const crm_target *t;
    int i = -1;

    if (!d) return;
    T_EQ_I(crm_data_n_targets(d), 2);
    T_OK(crm_data_find_target(d, "t", &i));
    t = crm_data_target(d, i);
    T_CHECK(t->level == CRM_LEVEL_CUSTOMER && t->n_classes == 0 && t->width == 2);
    T_CHECK(!t->label && !t->class_name && t->value && t->oracle);
    T_CHECK(memcmp(t->value, VALUE, sizeof VALUE) == 0);
    T_CHECK(memcmp(t->oracle, MEAN, sizeof MEAN) == 0);
    T_CHECK(strcmp(t->column_name[1], "second") == 0);
    T_OK(crm_data_find_target(d, "a", &i));
    t = crm_data_target(d, i);
    T_CHECK(t->n_classes == 2 && t->width == 0 && t->label[0] == 1 && !t->value && !t->oracle);
    crm_data_close(&d);
}

/* The two documents as rows: of customers 0 and 2, labels 4 and 5 by hand. */
static void documents_as_rows(void)
{
    crm_data *d = open_both("document");
    const crm_target *t;
    char id[64];

    if (!d) return;
    T_EQ_I(crm_data_unit(d), CRM_LEVEL_CUSTOMER);
    T_OK(crm_data_take_documents(&d));
    T_EQ_I(crm_data_unit(d), CRM_LEVEL_DOCUMENT);
    T_EQ_I(crm_data_rows(d), DOCS);
    T_EQ_I(crm_data_n_targets(d), 1);
    t = crm_data_target(d, 0);
    T_CHECK(strcmp(t->name, "t") == 0 && t->level == CRM_LEVEL_CUSTOMER);
    T_CHECK(memcmp(t->value, VALUE, DOCS * sizeof VALUE[0]) == 0);
    T_EQ_I(crm_data_documents(d)->first[2], 2);
    T_EQ_I(crm_data_group(d)[0], 0);
    T_EQ_I(crm_data_group(d)[1], 2);
    T_CHECK(strcmp(crm_data_row_id(d, 1, id, sizeof id), "2#1") == 0);
    T_FAILS(crm_data_take_documents(&d), CRM_ERR_ARG, "documents already");
    crm_data_close(&d);
}

static void numbers_of_documents(void)
{
    crm_data *d = open_both("document");
    const crm_target *t;

    if (!d) return;
    t = crm_data_target(d, 1);
    T_CHECK(t->level == CRM_LEVEL_DOCUMENT && t->width == 2 && t->value[1] == 2);
    crm_data_close(&d);
}

/* The only targets of a study are classes of customers; the message names them. */
static void studies_take_classes_of_customers(void)
{
    static const char *const level[] = {"customer", "document"};

    for (int l = 0; l < 2; l++) {
        crm_data *d = open_both(level[l]);
        crm_view *v = NULL;
        char message[96];
        if (!d) return;
        snprintf(message, sizeof message,
                 "'t' has numbers for each %s; choose a target with a class for each customer: a",
                 level[l]);
        T_FAILS(crm_view_labelled(d, 1, &v), CRM_ERR_CONFIG, message);
        T_CHECK(!v);
        T_OK(crm_view_labelled(d, 0, &v));
        T_CHECK(v && v->n == 2 && v->row[1] == 2);
        crm_view_free(&v);
        crm_data_close(&d);
    }
}

static void refused(void)
{
    static const float endless[ROWS][2] = {{1, 2}, {3, INFINITY}, {5, 6}};
    static const struct {
        sample_array a[3];
        const char *message;
    } bad[] = {
        {{{"target/t/value", CRM_F32, 1, {ROWS}, VALUE}, {0}}, "is f32 of rank 1, f32 of rank 2"},
        {{{"target/t/value", CRM_F32, 2, {2, 2}, VALUE}, {0}}, "2 entries in dimension 0"},
        {{{"target/t/value", CRM_F32, 2, {ROWS, 1}, VALUE}, {0}}, "columns with 1 names"},
        {{{"target/t/value", CRM_F32, 2, {ROWS, 2}, endless}, {0}}, "unit 1 holds an infinite"},
        {{{"target/t/value", CRM_F32, 2, {ROWS, 2}, VALUE},
          {"target/t/oracle", CRM_F32, 2, {ROWS, 1}, MEAN},
          {0}},
         "1 entries in dimension 1, 2 are needed"},
        {{{"target/t/value", CRM_F32, 2, {ROWS, 2}, VALUE},
          {"target/t/label", CRM_I32, 1, {ROWS}, LABEL},
          {0}},
         "both an array label and an array value"},
    };
    static const sample_names names[] = {{"target/t/value", "columns", 2, {"first", "second"}},
                                         {0}};
    crm_data *d = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bool both = strcmp(bad[i].a[1].name ? bad[i].a[1].name : "", "target/t/label") == 0;
        sample_names t[3] = {names[0], {0}};
        if (both) t[1] = (sample_names){"target/t/label", "classes", 2, {"no", "yes"}};
        T_OK(sample_write(sample_path("bad.h5"), ROWS, bad[i].a, t, NULL));
        T_FAILS(crm_data_open(sample_path("bad.h5"), &d), CRM_ERR_FORMAT, bad[i].message);
        T_CHECK(!d);
    }
    T_OK(sample_write(sample_path("bad.h5"), ROWS, bad[0].a, NULL, NULL));
    T_FAILS(crm_data_open(sample_path("bad.h5"), &d), CRM_ERR_FORMAT, "rank 1");
}

/* Arrays beside a target are none. */
static void no_targets(void)
{
    sample_array a[] = {{"target/t/oracle", CRM_F32, 2, {ROWS, 2}, MEAN},
                        {"target/label", CRM_I32, 1, {ROWS}, LABEL},
                        {0}};
    crm_data *d = NULL;

    T_OK(sample_write(sample_path("none.h5"), ROWS, a, NULL, NULL));
    T_OK(crm_data_open(sample_path("none.h5"), &d));
    if (d) T_EQ_I(crm_data_n_targets(d), 0);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"documents as rows", documents_as_rows},
        {"numbers of customers", numbers_of_customers},
        {"numbers of documents", numbers_of_documents},
        {"studies take classes of customers", studies_take_classes_of_customers},
        {"refused targets", refused},
        {"no targets", no_targets},
        {NULL, NULL}};
    return sample_main(argc, argv, cases);
}
