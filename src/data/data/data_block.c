/* data_block.c - access to the blocks and targets of an open data set. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "data_impl.h"

int64_t crm_data_rows(const crm_data *d)
{
    return d->rows;
}

crm_digest crm_data_digest(const crm_data *d)
{
    return crm_store_digest(d->store);
}

const char *crm_data_source_digest(const crm_data *d)
{
    const char *text = crm_store_text(d->store, "", "source_digest");

    return text ? text : "";
}

const char *crm_data_path(const crm_data *d)
{
    return crm_store_path(d->store);
}

const crm_schema *crm_data_profile(const crm_data *d, const float **num, const int32_t **cat)
{
    *num = d->num;
    *cat = d->cat;
    return &d->profile;
}

const crm_monthly *crm_data_monthly(const crm_data *d)
{
    return d->monthly.months ? &d->monthly : NULL;
}

const crm_events *crm_data_events(const crm_data *d)
{
    return d->events.first ? &d->events : NULL;
}

const crm_documents *crm_data_documents(const crm_data *d)
{
    return d->documents.first ? &d->documents : NULL;
}

int crm_data_n_targets(const crm_data *d)
{
    return d->n_targets;
}

const crm_target *crm_data_target(const crm_data *d, int i)
{
    return &d->target[i];
}

const float *crm_data_survey(const crm_data *d, const float **after, const int32_t **treated)
{
    *after = d->survey_after;
    *treated = d->survey_treated;
    return d->survey_after ? d->survey_before : NULL;
}

crm_ids crm_data_ids(const crm_data *d)
{
    return (crm_ids){.number = d->id_number, .first = d->id_first, .byte = d->id_byte};
}

const char *crm_data_row_id(const crm_data *d, int64_t row, char *out, size_t cap)
{
    int64_t n;

    if (d->id_first) {
        n = d->id_first[row + 1] - d->id_first[row];
        snprintf(out, cap, "%.*s", (int)(n < 1024 ? n : 1024), d->id_byte + d->id_first[row]);
    } else {
        snprintf(out, cap, "%lld", (long long)(d->id_number ? d->id_number[row] : row));
    }
    return out;
}

/* "target/<name>/label" -> name, NULL when the array is another one. */
static char *target_name(const char *array)
{
    static const char head[] = "target/", tail[] = "/label";
    size_t n = strlen(array), h = sizeof head - 1, t = sizeof tail - 1;
    char *name;

    if (n <= h + t || strncmp(array, head, h) != 0 || strcmp(array + n - t, tail) != 0) return NULL;
    name = crm_mem_strdup(array + h);
    if (name) name[n - h - t] = '\0';
    return name;
}

static crm_status open_target(crm_data *d, crm_target *t)
{
    const char *path = crm_store_path(d->store);
    const crm_store_array *a;
    const char *level;
    char array[CRM_STORE_NAME_MAX];
    int64_t n, k;

    snprintf(array, sizeof array, "target/%s/label", t->name);
    level = crm_store_text(d->store, array, "level");
    t->level = level && strcmp(level, "document") == 0 ? CRM_LEVEL_DOCUMENT : CRM_LEVEL_CUSTOMER;
    n = t->level == CRM_LEVEL_DOCUMENT ? d->documents.n : d->rows;
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
    snprintf(array, sizeof array, "target/%s/oracle", t->name);
    CRM_TRY(crm_data_array(d, array, CRM_F32, 2, (int64_t[]){n, k}, &a));
    t->oracle = a ? a->data : NULL;
    return CRM_OK;
}

crm_status crm_data_open_targets(crm_data *d)
{
    int n = crm_store_count(d->store);

    CRM_NEW(d->target, n);
    for (int i = 0; i < n; i++) {
        char *name = target_name(crm_store_at(d->store, i)->name);
        if (!name) continue;
        d->target[d->n_targets].name = name;
        d->n_targets++;
        CRM_TRY(open_target(d, &d->target[d->n_targets - 1]));
    }
    return CRM_OK;
}

crm_status crm_data_find_target(const crm_data *d, const char *name, int *index)
{
    crm_str have = {0};
    crm_status st;

    for (int i = 0; i < d->n_targets; i++) {
        if (strcmp(d->target[i].name, name) == 0) {
            *index = i;
            return CRM_OK;
        }
        crm_str_addf(&have, "%s%s", i ? ", " : "", d->target[i].name);
    }
    CRM_SET(st, CRM_ERR_CONFIG, "eval.target: '%s' is not a target of %s; it has: %s", name,
            crm_data_path(d), have.text ? have.text : "none (set data.label when importing)");
    crm_str_free(&have);
    return st;
}
