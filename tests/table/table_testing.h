/* table_testing.h - what the tests of the CSV import share: a folder, options, a data set as text.
 */
#ifndef TABLE_TESTING_H
#define TABLE_TESTING_H

#include <stdlib.h>
#include <unistd.h>

#include "crm_test_mpi.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/store.h"
#include "crmpi/table.h"

/* A crm_opt_list in a table of cases. */
#define T_LIST(...)                                                                                \
    {                                                                                              \
        sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[])                   \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static char t_dir[256]; /* temporary folder, the same on all ranks */

static inline const char *t_path(const char *name, char out[512])
{
    snprintf(out, 512, "%s/%s", t_dir, name);
    return out;
}

/* Collective. */
static inline void t_enter(void)
{
    const char *tmp = getenv("TMPDIR");

    if (crm_comm_rank(t_comm) == 0) {
        snprintf(t_dir, sizeof t_dir, "%.200s/crmpi-table-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
        if (!mkdtemp(t_dir)) t_dir[0] = '\0';
    }
    T_OK(crm_comm_bcast(t_comm, 0, t_dir, sizeof t_dir));
}

static inline void t_leave(void)
{
    T_OK(crm_comm_barrier(t_comm));
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_remove(t_dir));
}

/* Rank 0 writes, all wait. */
static inline void t_write(const char *path, const char *data, size_t bytes)
{
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_write_atomic(path, data, bytes));
    T_OK(crm_comm_barrier(t_comm));
}

static const char *const T_MISSING[] = {"NA", "N/A", "NaN", "nan", "NULL", "null", "?"};

/* The defaults of the option table. */
static inline crm_table_cfg t_cfg(void)
{
    return (crm_table_cfg){.label = "",
                           .positive = "",
                           .target = "",
                           .id = "",
                           .missing = {7, T_MISSING},
                           .max_levels = 10000};
}

/* Options of a case: what it leaves out has its default. */
static inline crm_table_cfg t_complete(crm_table_cfg c)
{
    crm_table_cfg d = t_cfg();

    if (!c.label) c.label = d.label;
    if (!c.positive) c.positive = d.positive;
    if (!c.target) c.target = d.target;
    if (!c.id) c.id = d.id;
    if (!c.missing.item) c.missing = d.missing;
    if (!c.max_levels) c.max_levels = d.max_levels;
    return c;
}

static inline void t_add_floats(crm_str *out, const crm_store_array *a)
{
    for (int64_t i = 0; i < a->dim[0] * a->dim[1]; i++) {
        double v = (double)((const float *)a->data)[i];
        crm_str_addf(out, i % a->dim[1] ? " " : " |");
        if (isnan(v))
            crm_str_addf(out, "-");
        else
            crm_str_addf(out, "%.9g", v);
    }
}

static inline void t_add_names(crm_str *out, const char *const *name, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        crm_str_addf(out, "%s%s", i ? "," : "", name[i]);
}

static inline void t_add_columns(crm_str *out, const crm_store *s, const char *array)
{
    int64_t n;
    const char *const *name = crm_store_list(s, array, "columns", &n);

    for (int64_t i = 0; name && i < n; i++) {
        char levels[64];
        int64_t k = 0;
        const char *const *item;
        snprintf(levels, sizeof levels, "profile/levels/%d", (int)i);
        item = strcmp(array, "profile/cat") == 0 ? crm_store_items(s, levels, &k) : NULL;
        crm_str_addf(out, " %s", name[i]);
        if (!item) continue;
        crm_str_addf(out, "(");
        t_add_names(out, item, k);
        crm_str_addf(out, ")");
    }
}

static inline void t_add_codes(crm_str *out, const crm_store_array *a)
{
    int64_t width = a->rank == 2 ? a->dim[1] : 1;

    for (int64_t i = 0; i < a->dim[0] * width; i++)
        crm_str_addf(out, "%s%d", i % width ? " " : " |", (int)((const int32_t *)a->data)[i]);
}

static inline void t_add_ids(crm_str *out, const crm_store *s)
{
    const crm_store_array *number = crm_store_find(s, "id/number");
    const crm_store_array *first = crm_store_find(s, "id/first"),
                          *byte = crm_store_find(s, "id/byte");

    for (int64_t i = 0; number && i < number->dim[0]; i++)
        crm_str_addf(out, "%s%lld",
                     i ? " " : "; id: ", (long long)((const int64_t *)number->data)[i]);
    for (int64_t i = 0; first && byte && i + 1 < first->dim[0]; i++) {
        const int64_t *at = first->data;
        crm_str_addf(out, "%s'%.*s'", i ? " " : "; id: ", (int)(at[i + 1] - at[i]),
                     byte->data ? (const char *)byte->data + at[i] : "");
    }
}

static inline void t_add_targets(crm_str *out, const crm_store *s)
{
    for (int i = 0; i < crm_store_count(s); i++) {
        const crm_store_array *a = crm_store_at(s, i);
        int64_t n;
        const char *const *name;
        if (strncmp(a->name, "target/", 7) != 0) continue;
        name = crm_store_list(s, a->name, "classes", &n);
        crm_str_addf(out, "; %s %s(", a->name, crm_store_text(s, a->name, "level"));
        t_add_names(out, name, n);
        crm_str_addf(out, ")");
        t_add_codes(out, a);
    }
}

/* All of a data set as one line; the caller frees it (crm_mem_free). */
static inline char *t_render(const char *path)
{
    crm_str out = {0};
    crm_store *s = NULL;
    const crm_store_array *num, *cat;

    T_OK(crm_store_open(path, "crmpi-dataset", &s));
    if (!s) return crm_mem_strdup("(none)");
    num = crm_store_find(s, "profile/num");
    cat = crm_store_find(s, "profile/cat");
    crm_str_addf(&out, "rows %lld", (long long)crm_store_i64(s, "", "rows", -1));
    if (num) {
        crm_str_addf(&out, "; num");
        t_add_columns(&out, s, "profile/num");
        t_add_floats(&out, num);
    }
    if (cat) {
        crm_str_addf(&out, "; cat");
        t_add_columns(&out, s, "profile/cat");
        t_add_codes(&out, cat);
    }
    t_add_targets(&out, s);
    t_add_ids(&out, s);
    crm_store_close(&s);
    return out.text;
}

/* Pseudo-random numbers of the tests (splitmix64). */
static inline uint64_t t_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
static inline int t_below(uint64_t *state, int n)
{
    return (int)(t_next(state) % (uint64_t)n);
}
#endif
