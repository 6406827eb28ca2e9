/* estimator_impl.h - shared by the files of room estimator only. */
#ifndef CRM_ESTIMATOR_IMPL_H
#define CRM_ESTIMATOR_IMPL_H

#include "crmpi/estimator.h"

/** Columns of a flat view found by name in another: -1 where it has none. */
typedef struct remap {
    const crm_schema *want;
    int *num;       /* [want->n_num] column of the flat view */
    int in_order;   /* num[i] is i for i below this: copied as they lie */
    int *cat;       /* [want->n_cat] */
    int32_t **code; /* [want->n_cat][levels of the flat view] -> code of want, or unseen */
} remap;

CRM_CHECKED crm_remap_new(const crm_schema *have, const crm_schema *want, const char *path,
                          remap *out);
/** Row of the flat view (num, cat) -> row as want has it. */
void crm_remap_row(const remap *r, const float *num, const int32_t *cat, float *num_out,
                   int32_t *cat_out);
void crm_remap_free(remap *r);

#endif
