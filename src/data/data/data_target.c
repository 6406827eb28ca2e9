/* data_target.c - the targets of a data set: "target/<name>/label" (classes) or
 * "target/<name>/value" (numbers), each checked once when the data set is opened. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "data_impl.h"

static crm_status open_labels(const crm_data *d, const char *array, int64_t n, crm_target *t)
{
    const char *path = crm_store_path(d->store);
    const crm_store_array *a;
    int64_t k;

    CRM_TRY(crm_data_array(d, array, CRM_I32, 1, &n, &a));
    t->label = a->data;
    t->class_name = crm_store_list(d->store, array, "classes", &k);
    CRM_CHECK(t->class_name && k >= 1 && k <= 65536, CRM_ERR_FORMAT,
              "%s: %s must have an attribute classes", path, array);
    t->n_classes = (int)k;
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(t->label[i] >= -1 && t->label[i] < k, CRM_ERR_FORMAT,
                  "%s: %s[%lld] = %d is not a class number (%lld classes)", path, array,
                  (long long)i, t->label[i], (long long)k);
    return CRM_OK;
}

static crm_status open_values(const crm_data *d, const char *array, int64_t n, crm_target *t)
{
    const char *path = crm_store_path(d->store);
    const crm_store_array *a;
    int64_t w;

    CRM_TRY(crm_data_array(d, array, CRM_F32, 2, (int64_t[]){n, -1}, &a));
    t->value = a->data;
    t->column_name = crm_store_list(d->store, array, "columns", &w);
    CRM_CHECK(a->dim[1] >= 1 && a->dim[1] <= 65536, CRM_ERR_FORMAT,
              "%s: %s has %lld numbers for each; 1 to 65536 are allowed", path, array,
              (long long)a->dim[1]);
    CRM_CHECK(t->column_name && w == a->dim[1], CRM_ERR_FORMAT,
              "%s: %s must have an attribute columns with %lld names", path, array,
              (long long)a->dim[1]);
    t->width = (int)w;
    for (int64_t i = 0; i < n * w; i++)
        CRM_CHECK(!isinf(t->value[i]), CRM_ERR_FORMAT,
                  "%s: %s of unit %lld holds an infinite value; NaN stands for a missing one", path,
                  array, (long long)(i / w));
    return CRM_OK;
}

static const struct {
    const char *tail;
    crm_status (*open)(const crm_data *d, const char *array, int64_t n, crm_target *t);
} kinds[] = {{"/label", open_labels}, {"/value", open_values}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* "target/<name>/label" -> kind 0 and the name's length, likewise "value"; -1 when the array is
 * another one. */
static int kind_of(const char *array, size_t head, size_t *length)
{
    size_t n = strlen(array);

    if (strncmp(array, "target/", head) != 0) return -1;
    for (int k = 0; k < KINDS; k++) {
        size_t tail = strlen(kinds[k].tail);
        if (n <= head + tail || strcmp(array + n - tail, kinds[k].tail) != 0) continue;
        *length = n - head - tail;
        return k;
    }
    return -1;
}

/* A level of another name, or none, is that of the rows. */
static crm_level level_of(const char *name)
{
    for (int i = 0; name && i < CRM_LEVEL_COUNT; i++)
        if (strcmp(name, crm_level_names[i]) == 0) return (crm_level)i;
    return CRM_LEVEL_CUSTOMER;
}

int64_t crm_data_units(const crm_data *d, crm_level level)
{
    if (level == CRM_LEVEL_TOKEN) return d->documents.n_tokens;
    return level == CRM_LEVEL_DOCUMENT ? d->documents.n : d->rows;
}

static crm_status open_target(crm_data *d, const char *array, int kind, crm_target *t)
{
    const char *level = crm_store_text(d->store, array, "level");
    const crm_store_array *a;
    char oracle[CRM_STORE_NAME_MAX];
    int64_t n;

    t->level = level_of(level);
    n = crm_data_units(d, t->level);
    CRM_TRY(kinds[kind].open(d, array, n, t));
    snprintf(oracle, sizeof oracle, "target/%s/oracle", t->name);
    CRM_TRY(crm_data_array(d, oracle, CRM_F32, 2, (int64_t[]){n, t->n_classes + t->width}, &a));
    t->oracle = a ? a->data : NULL;
    return CRM_OK;
}

/* The next target, with a name of its own: one kind of array only. */
static crm_status add_target(crm_data *d, const char *name, size_t length)
{
    char *copy;

    for (int i = 0; i < d->n_targets; i++)
        CRM_CHECK(strncmp(d->target[i].name, name, length) != 0 ||
                      d->target[i].name[length] != '\0',
                  CRM_ERR_FORMAT, "%s: target %s has both an array label and an array value",
                  crm_store_path(d->store), d->target[i].name);
    CRM_NEW(copy, length + 1);
    memcpy(copy, name, length);
    d->target[d->n_targets++].name = copy;
    return CRM_OK;
}

crm_status crm_data_open_targets(crm_data *d)
{
    const size_t head = strlen("target/");
    int n = crm_store_count(d->store);

    CRM_NEW(d->target, n);
    for (int i = 0; i < n; i++) {
        const char *array = crm_store_at(d->store, i)->name;
        size_t length;
        int kind = kind_of(array, head, &length);
        if (kind < 0) continue;
        CRM_TRY(add_target(d, array + head, length));
        CRM_TRY(open_target(d, array, kind, &d->target[d->n_targets - 1]));
    }
    return CRM_OK;
}
