/* classic_impl.h - shared by the files of room classic only. */
#ifndef CRM_CLASSIC_IMPL_H
#define CRM_CLASSIC_IMPL_H

#include "crmpi/base_mem.h"
#include "crmpi/classic.h"
#include "crmpi/estimator_rows.h"

/** proba[n][k] of n rows with their values; a predictor's work on a piece. */
typedef void (*classic_predict_fn)(const crm_estimator *e, int64_t n, const float *num,
                                   const int32_t *cat, double *proba);
/** Read rows in pieces and predict each. */
CRM_CHECKED classic_predict(const crm_estimator *e, const crm_source *in, const int64_t *row,
                            int64_t n, int n_classes, classic_predict_fn fn, double *proba);
#endif
