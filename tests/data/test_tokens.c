/* test_tokens.c - targets of tokens: units, views, folds in their order and of a fixed test part,
 * and what becomes of them when documents are rows and when rows are taken out.
 * ranks: 1 */
#include "crm_test_mpi.h"
#include "crmpi/data_keep.h"
#include "data/sample_ranks.h"

enum { ROWS = 4, DOCS = 5, TOKENS = 8 };
/* Row 1 has two documents, row 2 none that is tagged, row 3 one without tokens. */
static const int64_t FIRST[ROWS + 1] = {0, 1, 3, 4, 5}, TOKEN_FIRST[DOCS + 1] = {0, 2, 4, 6, 8, 8};
static const int32_t TOKEN[TOKENS] = {0, 1, 1, 2, 0, 0, 2, 1};
static const int32_t TAG[TOKENS] = {0, 1, 1, 2, -1, 0, -1, -1};
static const sample_names NAMES[] = {{"target/entity/label", "classes", 3, {"O", "B-x", "I-x"}},
                                     {"documents/words", NULL, 3, {"a", "b", "c"}},
                                     {"documents/kinds", NULL, 1, {"sentence"}},
                                     {0}};

static crm_data *open_tokens(const int32_t *tag)
{
    static const int32_t kind[DOCS] = {0}, part[ROWS] = {0, 1, 0, 0};
    static const float time[DOCS] = {0};
    sample_array a[] = {
        {"documents/first", CRM_I64, 1, {ROWS + 1}, FIRST},
        {"documents/token_first", CRM_I64, 1, {DOCS + 1}, TOKEN_FIRST},
        {"documents/kind", CRM_I32, 1, {DOCS}, kind},
        {"documents/time", CRM_F32, 1, {DOCS}, time},
        {"documents/token", CRM_I32, 1, {TOKENS}, TOKEN},
        {"target/entity/label", CRM_I32, 1, {TOKENS}, tag},
        {"row/part", CRM_I32, 1, {ROWS}, part},
        {0},
    };
    const char *path = sample_path("tokens.h5");
    crm_data *d = NULL;
    crm_store_writer *w;
    crm_status st;

    T_OK(crm_store_create(t_comm, path, "crmpi-dataset", &w));
    st = sample_put(w, ROWS, a, NAMES);
    if (!st) st = crm_store_attr_text(w, "target/entity/label", "level", "token");
    if (!st) st = crm_store_commit(&w, NULL);
    T_OK(st);
    if (!st && crm_data_open(path, &d)) d = NULL;
    return d;
}

static void units_and_views(void)
{
    crm_data *d = open_tokens(TAG);
    crm_view *v = NULL;

    if (!d) return t_fail(__FILE__, __LINE__, crm_err_text());
    T_EQ_I(crm_data_target(d, 0)->level, CRM_LEVEL_TOKEN);
    T_EQ_I(crm_data_units(d, CRM_LEVEL_TOKEN), TOKENS);
    T_EQ_I(crm_data_units(d, CRM_LEVEL_DOCUMENT), DOCS);
    T_EQ_I(crm_data_units(d, CRM_LEVEL_CUSTOMER), ROWS);
    T_OK(crm_view_labelled(d, 0, &v));
    T_EQ_I(v->n, 2); /* rows 0 and 1; the document of row 2 is at tokens 6 and 7 */
    T_EQ_I(v->row[1], 1);
    crm_view_free(&v);
    crm_data_close(&d);
}

static void folds(void)
{
    crm_data *d = open_tokens(TAG);
    crm_view *v = NULL;
    crm_folds *f = NULL;

    if (!d) return t_fail(__FILE__, __LINE__, crm_err_text());
    T_OK(crm_view_labelled(d, 0, &v));
    T_OK(crm_folds_make(v, 0, CRM_FOLDS_CONTIGUOUS, 2, 1, 3, NULL, &f));
    T_CHECK(f->fold[0] == 0 && f->fold[1] == 1);
    crm_folds_free(&f);
    T_OK(crm_folds_part(v, &f));
    T_EQ_I(f->folds, 1);
    T_CHECK(f->fold[0] == -1 && f->fold[1] == 0);
    crm_folds_free(&f);
    T_EQ_I(crm_folds_make(v, 0, CRM_FOLDS_STRATIFIED, 2, 1, 3, NULL, &f), CRM_ERR_CONFIG);
    T_EQ_I(crm_folds_holdout(v, 0, 0.5, 1, 3, &f), CRM_ERR_CONFIG);
    crm_view_free(&v);
    crm_data_close(&d);
}

static void documents_as_rows(void)
{
    crm_data *d = open_tokens(TAG);

    if (!d) return t_fail(__FILE__, __LINE__, crm_err_text());
    T_OK(crm_data_take_documents(&d));
    T_EQ_I(crm_data_rows(d), DOCS);
    T_EQ_I(crm_data_n_targets(d), 1);
    T_EQ_I(crm_data_target(d, 0)->level, CRM_LEVEL_TOKEN);
    T_CHECK(memcmp(crm_data_target(d, 0)->label, TAG, sizeof TAG) == 0);
    T_CHECK(crm_data_part(d)[0] == 0 && crm_data_part(d)[1] == 1 && crm_data_part(d)[2] == 1);
    crm_data_close(&d);
}

/* Without row 0, its two tokens and their tags are gone; so is no word, as all are used elsewhere.
 */
static void rows_taken_out(void)
{
    static const uint8_t keep[ROWS] = {0, 1, 1, 1};
    crm_data *d = open_tokens(TAG), *left = NULL;
    const char *path = sample_path("left.h5");
    crm_kept kept;

    if (!d) return t_fail(__FILE__, __LINE__, crm_err_text());
    T_OK(crm_data_keep(t_comm, d, keep, path, &kept));
    T_OK(crm_data_open(path, &left));
    if (left) {
        T_EQ_I(crm_data_units(left, CRM_LEVEL_TOKEN), TOKENS - 2);
        T_CHECK(memcmp(crm_data_target(left, 0)->label, TAG + 2, (TOKENS - 2) * sizeof *TAG) == 0);
        T_EQ_I(crm_data_part(left)[0], 1);
    }
    crm_data_close(&left);
    crm_data_close(&d);
}

static void bad_labels_are_refused(void)
{
    int32_t tag[TOKENS];

    memcpy(tag, TAG, sizeof tag);
    tag[7] = 3;
    T_CHECK(open_tokens(tag) == NULL);
    T_CHECK(strstr(crm_err_text(), "target/entity/label[7] = 3") != NULL);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"(a folder)", sample_enter},
                                   {"units_and_views", units_and_views},
                                   {"folds", folds},
                                   {"documents_as_rows", documents_as_rows},
                                   {"rows_taken_out", rows_taken_out},
                                   {"bad_labels_are_refused", bad_labels_are_refused},
                                   {"(the folder goes)", sample_leave},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
