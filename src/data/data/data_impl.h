/* data_impl.h - shared by the files of room data only. */
#ifndef CRM_DATA_IMPL_H
#define CRM_DATA_IMPL_H

#include "crmpi/data.h"
#include "crmpi/store.h"

struct crm_data {
    crm_store *store;
    int64_t rows;
    crm_schema profile;
    const char *const **levels; /* [profile.n_cat], rows borrowed from the store */
    int64_t *n_levels;          /* [profile.n_cat] */
    const float *num;
    const int32_t *cat;
    crm_monthly monthly;
    crm_events events;
    crm_documents documents;
    int n_targets;
    crm_target *target;
    const float *survey_before, *survey_after;
    const int32_t *survey_treated;
    const int64_t *id_number, *id_first;
    const uint8_t *id_byte;
    const int64_t *cutoff;
    const int32_t *part;         /* [rows] 1: of the fixed test part; NULL: there is none */
    crm_dictionary dictionary;   /* n 0: none */
    const int64_t *group_number; /* [rows] duplicates have equal numbers; NULL: none are known */
    struct crm_units *units;     /* of crm_data_take_documents; NULL: rows are customers */
    struct crm_recombined *recombined; /* memory of crm_data_recombine; NULL: opened from a file */
};

/** Array of this type with dim[i] == want[i] where want[i] >= 0; *out = NULL when absent. */
CRM_CHECKED crm_data_array(const crm_data *d, const char *name, crm_dtype dtype, int rank,
                           const int64_t *want, const crm_store_array **out);
/** Ragged offsets "name" [n + 1]: begin at 0, never fall, end at total. */
CRM_CHECKED crm_data_offsets(const crm_data *d, const char *name, int64_t n, int64_t total,
                             const int64_t **out);
CRM_CHECKED crm_data_open_targets(crm_data *d);
CRM_CHECKED crm_data_open_dictionary(crm_data *d);
void crm_data_close_recombined(crm_data *d);
void crm_data_close_documents(crm_data *d);
/** Empty view of n rows over d. */
CRM_CHECKED crm_view_new(const crm_data *d, int64_t n, crm_view **out);

#endif
