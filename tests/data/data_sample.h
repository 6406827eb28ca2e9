/* data_sample.h - a temporary folder and small data sets written through room store, for the data
 * tests. */
#ifndef CRM_DATA_SAMPLE_H
#define CRM_DATA_SAMPLE_H

#include <stdlib.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/data.h"
#include "crmpi/store.h"

static char s_dir[CRM_PATH_MAX]; /* of this test */

static inline bool sample_folder(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(s_dir, sizeof s_dir, "%s/crmpi-data-XXXXXX", base && *base ? base : "/tmp");
    return mkdtemp(s_dir) != NULL;
}

/* Path of a file in the folder; two results may be in use at a time. */
static inline const char *sample_path(const char *name)
{
    static char path[2][CRM_PATH_MAX + 64];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", s_dir, name);
    return path[turn];
}

/* One array to be written whole. */
typedef struct sample_array {
    const char *name;
    crm_dtype dtype;
    int rank;
    int64_t dim[3];
    const void *data;
} sample_array;
/* A list of names on an array (key) or as a text array (key NULL). */
typedef struct sample_names {
    const char *name, *key;
    int64_t n;
    const char *item[16];
} sample_names;

static inline crm_status sample_put(crm_store_writer *w, int64_t rows, const sample_array *a,
                                    const sample_names *t)
{
    CRM_TRY(crm_store_attr_i64(w, "", "rows", rows));
    for (const sample_array *x = a; x->name; x++)
        CRM_TRY(crm_store_define(w, x->name, x->dtype, x->rank, x->dim, NULL));
    for (; t && t->name; t++)
        if (t->key)
            CRM_TRY(crm_store_attr_list(w, t->name, t->key, t->n, t->item));
        else
            CRM_TRY(crm_store_texts(w, t->name, t->n, t->item));
    for (const sample_array *x = a; x->name; x++)
        CRM_TRY(crm_store_write(w, x->name, 0, x->dim[0], x->data));
    return CRM_OK;
}

/* Write a data set; a ends with name NULL, t likewise. */
static inline crm_status sample_write(const char *path, int64_t rows, const sample_array *a,
                                      const sample_names *t, const char *level)
{
    crm_store_writer *w;
    crm_status st;

    CRM_TRY(crm_store_create(NULL, path, "crmpi-dataset", &w));
    st = sample_put(w, rows, a, t);
    if (!st && level) st = crm_store_attr_text(w, "target/t/label", "level", level);
    if (st)
        crm_store_abandon(&w);
    else
        st = crm_store_commit(&w, NULL);
    return st;
}

/* A data set with nothing but the labels of one target t with classes a, b, c. */
static inline crm_data *sample_labels(int64_t n, const int32_t *label)
{
    sample_array a[] = {{"target/t/label", CRM_I32, 1, {n}, label}, {0}};
    static const sample_names t[] = {{"target/t/label", "classes", 3, {"a", "b", "c"}}, {0}};
    crm_data *d = NULL;

    if (sample_write(sample_path("labels.h5"), n, a, t, "customer") ||
        crm_data_open(sample_path("labels.h5"), &d)) {
        t_fail(__FILE__, __LINE__, "sample_labels");
        crm_err_print(0);
    }
    return d;
}

/* Runs the cases in a folder of their own. */
static inline int sample_main(int argc, char **argv, const t_case *cases)
{
    int bad = 1;

    if (!sample_folder()) return 1;
    bad = t_main(argc, argv, cases);
    return crm_path_remove(s_dir) ? 1 : bad;
}
#endif
