/* synth_testing.h - a folder of data sets made by the generator, and access to their arrays, for
 * the tests of room synth. */
#ifndef SYNTH_TESTING_H
#define SYNTH_TESTING_H

#include "crm_test_mpi.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"
#include "crmpi/synth.h"

enum { N = 12000, PRODUCTS = 24 };

static char folder[256];

static inline const char *path(const char *name)
{
    static char out[2][512];
    static int turn;

    turn = !turn;
    snprintf(out[turn], sizeof out[turn], "%s/%s", folder, name);
    return out[turn];
}

static inline bool root(void)
{
    return crm_comm_rank(t_comm) == 0;
}

static inline crm_synth_cfg defaults(int64_t customers)
{
    crm_synth_cfg cfg;

    for (const crm_opt *o = crm_synth_opts; o->key; o++) {
        char *field = (char *)&cfg + o->offset;
        int64_t whole = (int64_t)o->def;
        if (o->type == CRM_OPT_INT)
            memcpy(field, &whole, sizeof whole);
        else
            memcpy(field, &o->def, sizeof o->def);
    }
    cfg.customers = customers;
    return cfg;
}

/* The folder, and in it all.h5: N customers with all defaults. */
static inline void make(void)
{
    const char *tmp = getenv("TMPDIR");
    crm_synth_cfg cfg = defaults(N);

    snprintf(folder, sizeof folder, "%s/crm_synth_XXXXXX", tmp ? tmp : "/tmp");
    if (root()) T_CHECK(mkdtemp(folder) != NULL);
    T_OK(crm_comm_bcast(t_comm, 0, folder, sizeof folder));
    T_OK(crm_synth_write(t_comm, &cfg, path("all.h5"), NULL));
}

static inline void clean(void)
{
    T_OK(crm_comm_barrier(t_comm));
    if (root()) T_OK(crm_path_remove(folder));
}

/* ---- reading ---- */

static inline crm_store *open_file(const char *name)
{
    crm_store *s = NULL;

    T_OK(crm_store_open(path(name), "crmpi-dataset", &s));
    return s;
}

/* Data of an array that must be there with this type and number of rows (-1: any). */
static inline const void *get(const crm_store *s, const char *name, crm_dtype dtype, int64_t rows)
{
    const crm_store_array *a = crm_store_find(s, name);
    bool fits = a && a->dtype == dtype && (rows < 0 || a->dim[0] == rows);

    if (!fits) { /* nothing that follows could be read */
        fprintf(stderr, "# %s is missing or has another type or number of rows\n", name);
        exit(1);
    }
    return a->data;
}

static inline int64_t rows_of(const crm_store *s, const char *name)
{
    const crm_store_array *a = crm_store_find(s, name);

    return a ? a->dim[0] : -1;
}

/* Array contents equal in two files, over the first n rows when n >= 0. */
static inline bool same_array(const crm_store *a, const crm_store *b, const char *name, int64_t n)
{
    const crm_store_array *x = crm_store_find(a, name), *y = crm_store_find(b, name);
    size_t bytes = crm_dtype_size(x->dtype);

    if (n < 0 && x->dim[0] != y->dim[0]) return false;
    for (int d = 1; d < x->rank; d++)
        bytes *= (size_t)x->dim[d];
    return memcmp(x->data, y->data, bytes * (size_t)(n < 0 ? x->dim[0] : n)) == 0;
}

static inline int64_t count_code(const int32_t *code, int64_t n, int32_t what)
{
    int64_t k = 0;

    for (int64_t i = 0; i < n; i++)
        k += code[i] == what;
    return k;
}

static const float *sort_key;
static int sort_stride;
static inline int by_key(const void *a, const void *b)
{
    float x = sort_key[*(const int64_t *)a * sort_stride],
          y = sort_key[*(const int64_t *)b * sort_stride];

    return (x > y) - (x < y);
}

#endif
