/* feature_impl.h - shared by the files of room feature only. */
#ifndef CRM_FEATURE_IMPL_H
#define CRM_FEATURE_IMPL_H

#include "crmpi/base_mem.h"
#include "crmpi/estimator_rows.h"
#include "crmpi/feature.h"

/** Head of every transform here: the columns it gives. */
typedef struct feature {
    crm_transform base;
    const void *cfg; /* borrowed */
    crm_columns *columns;
    const crm_schema *schema; /* of columns; NULL until fitted or loaded */
} feature;

/** New transform of size bytes (a struct that begins with a feature), all else 0. */
CRM_CHECKED feature_make(const crm_transform_class *class, size_t size, const void *cfg,
                         crm_transform **out);
const crm_schema *feature_schema(const crm_transform *t);
void feature_free(crm_transform *t);
/** Begin the columns anew; name them, then end. */
CRM_CHECKED feature_columns_begin(feature *f);
CRM_CHECKED feature_columns_end(feature *f);
/** Copy the numbers of a row, or all codes of a block. */
void feature_copy_row(const float *from, int n, float *to);
void feature_copy_cats(const crm_schema *s, const crm_block *in, crm_block *out);

/** Mean and, when variance is not NULL, population variance of each numeric column of the training
 *  rows, over the present values; 0 for a column without any.  A constant column has exactly its
 *  value and variance 0.  present[n_num] counts the values.  Collective. */
CRM_CHECKED feature_moments(const crm_fit *fit, const crm_source *in, double *mean,
                            double *variance, int64_t *present);

/** Copy of an array of n elements of the bag. */
CRM_CHECKED feature_get(const crm_bag *b, const char *name, crm_dtype dtype, int64_t n, void *to);
/** Put a vector. */
CRM_CHECKED feature_put(crm_bag *b, const char *name, crm_dtype dtype, int64_t n, const void *data);
#endif
