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

/** first[n_cat + 1]: levels before each categorical column; the caller's. */
CRM_CHECKED feature_levels_new(const crm_schema *in, int64_t **first);
/** Training rows with each level, all columns one behind the other; *count is the caller's, NULL on
 *  failure.  Collective. */
CRM_CHECKED feature_count_levels(const crm_fit *fit, const crm_source *in, int64_t **count);

/** Mutual information (nats) of each column with the target over the training rows: numbers in the
 *  cells between their distinct quantiles 0/bins .. 1, a missing one in a cell of its own;
 *  categories (cat, may be NULL) by level.
 *  @param[out] num  [n_num]
 *  @param[out] cat  [n_cat]
 *  Collective. */
CRM_CHECKED feature_mutual(const crm_fit *fit, const crm_source *in, int bins, double *num,
                           double *cat);
/** Place of each of n values when they are sorted by falling value (equal ones by number). */
CRM_CHECKED feature_rank(int64_t n, const double *value, int64_t *place);

/** Numeric columns in the order in which they enter the path of a logistic regression with an L1
 *  penalty, until at least want have: entry[n_num] counts from 0, -1 for those that did not.  take
 *  [n_num]: 0 for columns that take no part.  Collective. */
CRM_CHECKED feature_lasso(const crm_fit *fit, const crm_source *in, const uint8_t *take,
                          int64_t want, int64_t *entry);

/** Rise of the squared error of a linear model of the target when a column is permuted, on rows
 * that it was not fitted on: loss[n_num], a mean over the training rows; near 0, on either side of
 * it, for a column that says nothing more than the others.  take [n_num]: 0 for columns that take
 * no part (loss 0).  Collective. */
CRM_CHECKED feature_permute(const crm_fit *fit, const crm_source *in, const uint8_t *take,
                            double *loss);

/** Copy of an array of n elements of the bag. */
CRM_CHECKED feature_get(const crm_bag *b, const char *name, crm_dtype dtype, int64_t n, void *to);
/** Put a vector. */
CRM_CHECKED feature_put(crm_bag *b, const char *name, crm_dtype dtype, int64_t n, const void *data);
#endif
