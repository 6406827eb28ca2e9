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

crm_status crm_data_verify(crm_comm *comm, const crm_data *d)
{
    return crm_store_verify(comm, d->store);
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

const char *crm_data_key_check(const crm_data *d)
{
    const char *text = crm_store_text(d->store, "", "key_check");

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

const int64_t *crm_data_group(const crm_data *d)
{
    return d->group_number;
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

crm_status crm_data_find_target(const crm_data *d, const char *name, int *index)
{
    crm_str have = {0};
    crm_status st;

    for (int i = 0; i < d->n_targets; i++) {
        if (strcmp(d->target[i].name, name) == 0) {
            *index = i;
            crm_str_free(&have);
            return CRM_OK;
        }
        crm_str_addf(&have, "%s%s", i ? ", " : "", d->target[i].name);
    }
    CRM_SET(st, CRM_ERR_CONFIG, "eval.target: '%s' is not a target of %s; it has: %s", name,
            crm_data_path(d), have.text ? have.text : "none (set data.label when importing)");
    crm_str_free(&have);
    return st;
}
