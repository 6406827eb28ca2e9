/* store_sample.h - a temporary folder and a sample file that holds every kind of thing, for the
 * store tests. */
#ifndef CRM_STORE_SAMPLE_H
#define CRM_STORE_SAMPLE_H

#include <stdlib.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"

enum { SAMPLE_LEVELS = 10000 };
static char s_dir[CRM_PATH_MAX]; /* of this test */

/* Folder under $TMPDIR or /tmp; with comm, that of rank 0 on all ranks. */
static inline void sample_folder(crm_comm *comm)
{
    const char *base = getenv("TMPDIR");

    snprintf(s_dir, sizeof s_dir, "%s/crmpi-store-XXXXXX", base && *base ? base : "/tmp");
    if ((!comm || crm_comm_rank(comm) == 0) && !mkdtemp(s_dir)) s_dir[0] = '\0';
    if (comm && crm_comm_bcast(comm, 0, s_dir, sizeof s_dir)) s_dir[0] = '\0';
}

/* Path of a file in the folder; two results may be in use at a time. */
static inline const char *sample_path(const char *name)
{
    static char path[2][CRM_PATH_MAX + 64];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", s_dir[0] ? s_dir : "/nonexistent", name);
    return path[turn];
}

/* Arrays of the sample: value of element i (counted over the array) is (i * 37 + 11) % 251. */
typedef struct sample_array {
    const char *name;
    crm_dtype dtype;
    int rank;
    int64_t dim[CRM_STORE_MAX_RANK];
} sample_array;
static const sample_array SAMPLE[] = {
    {"profile/age", CRM_F32, 1, {1003}},
    {"profile/income", CRM_F64, 2, {1003, 3}},
    {"profile/flag", CRM_U8, 1, {7}},
    {"odd/u16", CRM_U16, 3, {11, 3, 5}},
    {"odd/i32", CRM_I32, 4, {2, 3, 5, 7}},
    {"i64", CRM_I64, 5, {5, 1, 2, 1, 3}},
    {"scalar", CRM_F64, 0, {0}},
    {"empty/rows", CRM_F32, 2, {0, 9}},
    {"empty/columns", CRM_I64, 2, {9, 0}},
    {"large", CRM_F32, 2, {3000, 400}}, /* 4.8 MB: more than one block of the digest */
};
enum { SAMPLE_COUNT = sizeof SAMPLE / sizeof *SAMPLE };

static inline int64_t sample_rows(const sample_array *a)
{
    return a->rank ? a->dim[0] : 1;
}

static inline int64_t sample_row_size(const sample_array *a)
{
    int64_t n = 1;

    for (int d = 1; d < a->rank; d++)
        n *= a->dim[d];
    return n;
}

static inline void sample_set(void *data, crm_dtype t, int64_t at, int64_t i)
{
    int v = (int)((i * 37 + 11) % 251);

    switch (t) {
    case CRM_F32:
        ((float *)data)[at] = (float)v;
        break;
    case CRM_F64:
        ((double *)data)[at] = v;
        break;
    case CRM_U8:
        ((uint8_t *)data)[at] = (uint8_t)v;
        break;
    case CRM_U16:
        ((uint16_t *)data)[at] = (uint16_t)v;
        break;
    case CRM_I32:
        ((int32_t *)data)[at] = v;
        break;
    default:
        ((int64_t *)data)[at] = v;
        break;
    }
}

/* Write rows [first, first + n) of a sample array. */
static inline crm_status sample_write(crm_store_writer *w, const sample_array *a, int64_t first,
                                      int64_t n)
{
    int64_t size = sample_row_size(a);
    void *data = crm_mem_new((size_t)(n * size), crm_dtype_size(a->dtype));
    crm_status st;

    for (int64_t i = 0; data && i < n * size; i++)
        sample_set(data, a->dtype, i, first * size + i);
    st = crm_store_write(w, a->name, first, n, data);
    crm_mem_free(data);
    return st;
}

static inline const char *const *sample_levels(void)
{
    static char text[SAMPLE_LEVELS][24];
    static const char *level[SAMPLE_LEVELS];

    for (int i = 0; i < SAMPLE_LEVELS; i++) {
        snprintf(text[i], sizeof text[i], "level-%d", i * 7919);
        level[i] = text[i];
    }
    return level;
}

static inline crm_status sample_attrs(crm_store_writer *w)
{
    static const char *const list[] = {"first", "", "dr\303\274ben"};

    CRM_TRY(crm_store_attr_text(w, "", "title", "a sample"));
    CRM_TRY(crm_store_attr_text(w, "profile", "empty", ""));
    CRM_TRY(crm_store_attr_i64(w, "odd", "count", -42));
    CRM_TRY(crm_store_attr_f64(w, "profile/age", "mean", 0.1));
    CRM_TRY(crm_store_attr_list(w, "profile/age", "names", 3, list));
    CRM_TRY(crm_store_attr_list(w, "lonely/group", "none", 0, NULL));
    CRM_TRY(crm_store_attr_list(w, "profile/flag", "levels", SAMPLE_LEVELS, sample_levels()));
    for (int i = 0; i < 12; i++) { /* more than HDF5 keeps in an object header */
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        CRM_TRY(crm_store_attr_i64(w, "", key, i));
    }
    return CRM_OK;
}

/* Rank r of n writes rows [r rows / n, (r + 1) rows / n), the arrays in order. */
static inline crm_status sample_fill(crm_store_writer *w, int rank, int size)
{
    static const char *const labels[] = {"row", "channel", "month", "k", "m"};
    static const char *const words[] = {"one", "", "three\nlines", "\xe2\x82\xac"};

    for (int i = 0; i < SAMPLE_COUNT; i++)
        CRM_TRY(crm_store_define(w, SAMPLE[i].name, SAMPLE[i].dtype, SAMPLE[i].rank, SAMPLE[i].dim,
                                 i % 2 ? labels : NULL));
    CRM_TRY(sample_attrs(w));
    CRM_TRY(crm_store_texts(w, "words/few", 4, words));
    CRM_TRY(crm_store_texts(w, "words/none", 0, NULL));
    CRM_TRY(crm_store_texts(w, "words/many", SAMPLE_LEVELS, sample_levels()));
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        int64_t rows = sample_rows(&SAMPLE[i]), a = rows * rank / size,
                b = rows * (rank + 1) / size;
        CRM_TRY(sample_write(w, &SAMPLE[i], a, b - a));
    }
    return crm_store_attr_text(w, "", "late", "set after the data");
}

static inline crm_status sample_make(crm_comm *comm, const char *path, crm_digest *digest)
{
    crm_store_writer *w;
    crm_status st;

    CRM_TRY(crm_store_create(comm, path, "sample", &w));
    st = sample_fill(w, comm ? crm_comm_rank(comm) : 0, comm ? crm_comm_size(comm) : 1);
    if (st) {
        crm_store_abandon(&w);
        return st;
    }
    return crm_store_commit(&w, digest);
}
#endif
