/* Round trip of every type and shape; the same bytes on any number of ranks.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "crm_test_mpi.h"
#include "store_sample.h"

static bool same_bytes(const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    bool same = !crm_path_read(a, (size_t)1 << 30, &x, &n) &&
                !crm_path_read(b, (size_t)1 << 30, &y, &m) && n == m && memcmp(x, y, n) == 0;

    crm_mem_free(x);
    crm_mem_free(y);
    return same;
}

static void check_array(const crm_store *s, const sample_array *a)
{
    const crm_store_array *have = crm_store_find(s, a->name);
    int64_t n = sample_rows(a) * sample_row_size(a), wrong = 0;
    union {
        double f64;
        unsigned char byte[8];
    } want;
    size_t size = crm_dtype_size(a->dtype);

    T_CHECK(have);
    if (!have) return;
    T_CHECK(strcmp(have->name, a->name) == 0 && have->dtype == a->dtype && have->rank == a->rank);
    for (int d = 0; d < a->rank; d++)
        T_EQ_I(have->dim[d], a->dim[d]);
    T_CHECK((have->data == NULL) == (n == 0));
    T_CHECK((uintptr_t)have->data % 4096 == 0);
    for (int64_t i = 0; i < n; i++) {
        sample_set(&want, a->dtype, 0, i);
        wrong += memcmp((const char *)have->data + (size_t)i * size, &want, size) != 0;
    }
    T_EQ_I(wrong, 0);
}

static void check_attrs(const crm_store *s)
{
    const char *const *list;
    int64_t n;

    T_CHECK(strcmp(crm_store_text(s, "", "title"), "a sample") == 0);
    T_CHECK(strcmp(crm_store_text(s, "", "late"), "set after the data") == 0);
    T_CHECK(strcmp(crm_store_text(s, "profile", "empty"), "") == 0);
    T_CHECK(strcmp(crm_store_text(s, "", "crmpi_kind"), "sample") == 0);
    T_CHECK(crm_store_text(s, "", "absent") == NULL);
    T_CHECK(crm_store_text(s, "odd", "count") == NULL); /* there, but no text */
    T_EQ_I(crm_store_i64(s, "odd", "count", 5), -42);
    T_EQ_I(crm_store_i64(s, "odd", "absent", 5), 5);
    T_EQ_I(crm_store_i64(s, "", "k11", -1), 11);
    T_CHECK(crm_store_f64(s, "profile/age", "mean", 0) == 0.1);
    T_CHECK(crm_store_f64(s, "profile/age", "absent", 2.5) == 2.5);
    list = crm_store_list(s, "profile/age", "names", &n);
    T_EQ_I(n, 3);
    T_CHECK(strcmp(list[0], "first") == 0 && strcmp(list[1], "") == 0);
    T_CHECK(strcmp(list[2], "dr\303\274ben") == 0);
    list = crm_store_list(s, "lonely/group", "none", &n);
    T_CHECK(list && n == 0);
    T_CHECK(crm_store_list(s, "", "absent", &n) == NULL && n == 0);
    list = crm_store_list(s, "profile/flag", "levels", &n);
    T_EQ_I(n, SAMPLE_LEVELS);
    T_CHECK(list && strcmp(list[SAMPLE_LEVELS - 1], "level-79182081") == 0); /* 9999 x 7919 */
    list = crm_store_list(s, "odd/i32", "DIMENSION_LABELS", &n);
    T_CHECK(list == NULL); /* even places of the table have no labels */
    list = crm_store_list(s, "odd/u16", "DIMENSION_LABELS", &n);
    T_CHECK(n == 3 && strcmp(list[2], "month") == 0);
}

static void check_texts(const crm_store *s)
{
    const char *const *item;
    int64_t n;

    item = crm_store_items(s, "words/few", &n);
    T_EQ_I(n, 4);
    T_CHECK(strcmp(item[0], "one") == 0 && strcmp(item[1], "") == 0);
    T_CHECK(strcmp(item[2], "three\nlines") == 0 && strcmp(item[3], "\xe2\x82\xac") == 0);
    item = crm_store_items(s, "words/none", &n);
    T_CHECK(item && n == 0);
    item = crm_store_items(s, "words/many", &n);
    T_CHECK(n == SAMPLE_LEVELS && strcmp(item[1], "level-7919") == 0);
    T_CHECK(crm_store_items(s, "profile/age", &n) == NULL && n == 0);
    T_CHECK(crm_store_find(s, "words/few") == NULL);
    T_CHECK(strcmp(crm_store_items_name(s, 0), "words/few") == 0);
    T_CHECK(strcmp(crm_store_items_name(s, 2), "words/none") == 0);
    T_CHECK(crm_store_items_name(s, 3) == NULL);
}

static void round_trip(void)
{
    const char *path = sample_path("round.h5");
    crm_store *s = NULL;
    crm_digest d = {0, 0};

    T_OK(sample_make(t_comm, path, &d));
    T_CHECK(!crm_path_exists(sample_path("round.h5.tmp")));
    T_CHECK(crm_store_is_hdf5(path));
    T_OK(crm_store_open(path, "sample", &s));
    if (!s) return;
    T_EQ_I(crm_store_count(s), SAMPLE_COUNT);
    T_CHECK(strcmp(crm_store_at(s, 0)->name, "empty/columns") == 0);
    T_CHECK(crm_store_at(s, SAMPLE_COUNT) == NULL);
    for (int i = 0; i < SAMPLE_COUNT; i++)
        check_array(s, &SAMPLE[i]);
    check_attrs(s);
    check_texts(s);
    T_CHECK(crm_digest_equal(crm_store_digest(s), d));
    T_CHECK(strcmp(crm_store_path(s), path) == 0);
    T_OK(crm_store_verify(t_comm, s));
    T_OK(crm_store_verify(NULL, s));
    crm_store_close(&s);
    T_CHECK(s == NULL);
}

/* All ranks together, together again, one rank of a subgroup, and one process without any group. */
static void bytes_do_not_depend_on_ranks(void)
{
    const char *together = sample_path("together.h5");
    crm_digest d[4] = {{0, 0}};
    crm_comm *alone = NULL;
    bool mine = crm_comm_rank(t_comm) == crm_comm_size(t_comm) - 1;

    T_OK(sample_make(t_comm, together, &d[0]));
    T_OK(crm_comm_split(t_comm, mine ? 0 : -1, &alone));
    if (mine) {
        T_OK(sample_make(alone, sample_path("alone.h5"), &d[1]));
        T_CHECK(crm_digest_equal(d[0], d[1]));
        T_CHECK(same_bytes(together, sample_path("alone.h5")));
        T_OK(sample_make(NULL, sample_path("serial.h5"), &d[2]));
        T_CHECK(crm_digest_equal(d[0], d[2]));
        T_CHECK(same_bytes(together, sample_path("serial.h5")));
        crm_comm_free(&alone);
    }
    T_OK(sample_make(t_comm, sample_path("again.h5"), &d[3]));
    T_CHECK(same_bytes(together, sample_path("again.h5")));
}

/* Rows in any order and by any rank give the same bytes. */
static void bytes_do_not_depend_on_order(void)
{
    const sample_array *a = &SAMPLE[1];
    int r = crm_comm_rank(t_comm), n = crm_comm_size(t_comm);
    crm_store_writer *w;

    for (int back = 0; back < 2; back++) {
        T_OK(crm_store_create(t_comm, sample_path(back ? "back.h5" : "forth.h5"), "sample", &w));
        T_OK(crm_store_define(w, a->name, a->dtype, a->rank, a->dim, NULL));
        for (int part = 0; part < 17; part++) { /* 1003 = 17 x 59 rows */
            int p = back ? 16 - part : part;
            T_OK(sample_write(w, a, 59 * p, part % n == r ? 59 : 0));
        }
        T_OK(crm_store_commit(&w, NULL));
    }
    T_CHECK(same_bytes(sample_path("back.h5"), sample_path("forth.h5")));
}

static void nothing_at_all(void)
{
    crm_store_writer *w;
    crm_store *s = NULL;

    T_OK(crm_store_create(t_comm, sample_path("nothing.h5"), "void", &w));
    T_OK(crm_store_commit(&w, NULL));
    T_OK(crm_store_open(sample_path("nothing.h5"), NULL, &s));
    T_EQ_I(crm_store_count(s), 0);
    T_OK(crm_store_verify(t_comm, s));
    crm_store_close(&s);
}

/* The digest by the words of docs/data-format.md, step by step. */
static void digest_as_documented(void)
{
    static const int64_t dim[] = {3};
    static const float x[] = {1, 2, 3};
    const char *kind = "tiny";
    crm_store_writer *w;
    crm_digest d = {0, 0}, text;
    crm_hash *h, *v;
    char name[32];

    snprintf(name, sizeof name, "tiny-%d.h5", crm_comm_rank(t_comm));
    T_OK(crm_store_create(NULL, sample_path(name), kind, &w));
    T_OK(crm_store_define(w, "x", CRM_F32, 1, dim, NULL));
    T_OK(crm_store_write(w, "x", 0, 3, x));
    T_OK(crm_store_commit(&w, &d));

    T_OK(crm_hash_new(&h));
    crm_hash_add_i64(h, 1); /* format */
    crm_hash_add_i64(h, 1); /* arrays */
    crm_hash_add_text(h, "x");
    crm_hash_add_text(h, "f32");
    crm_hash_add_i64(h, 4); /* bytes per element */
    crm_hash_add_i64(h, 1); /* rank */
    crm_hash_add_i64(h, 3); /* rows */
    crm_hash_add_i64(h, 1); /* blocks */
    crm_hash_add_digest(h, crm_digest_of(x, sizeof x));
    crm_hash_add_i64(h, 2); /* attributes */
    crm_hash_add_text(h, "");
    crm_hash_add_text(h, "crmpi_format");
    T_OK(crm_hash_new(&v));
    crm_hash_add_text(v, "i64");
    crm_hash_add_i64(v, 1);
    crm_hash_add_digest(h, crm_hash_value(v));
    crm_hash_free(&v);
    crm_hash_add_text(h, "");
    crm_hash_add_text(h, "crmpi_kind");
    T_OK(crm_hash_new(&v));
    crm_hash_add_text(v, "text");
    crm_hash_add_i64(v, 1);
    crm_hash_add_text(v, kind);
    text = crm_hash_value(v);
    crm_hash_free(&v);
    crm_hash_add_digest(h, text);
    T_CHECK(crm_digest_equal(crm_hash_value(h), d));
    crm_hash_free(&h);
}

static void tidy(void)
{
    T_OK(crm_comm_barrier(t_comm));
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_remove(s_dir));
}

static void folder(void)
{
    sample_folder(t_comm);
    T_CHECK(s_dir[0]);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"a temporary folder", folder},
        {"round trip of all types, shapes, attributes and texts", round_trip},
        {"same bytes on any number of ranks and twice", bytes_do_not_depend_on_ranks},
        {"same bytes for any order of the rows", bytes_do_not_depend_on_order},
        {"a file without arrays", nothing_at_all},
        {"digest as documented", digest_as_documented},
        {"folder removed", tidy},
        {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
