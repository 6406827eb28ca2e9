/* bayes_impl.h - shared by the files of naive Bayes only. */
#ifndef CRM_BAYES_IMPL_H
#define CRM_BAYES_IMPL_H

#include "classic_impl.h"

/* Means and population variances of each class and column; count: values that they are of. */
typedef struct bayes_moments {
    double *count, *mean, *var; /* [m][d] */
} bayes_moments;

/** Moments of the training rows by class, missing and infinite values left out; 0 where there are
 *  none.  The arrays are the caller's.  Collective. */
CRM_CHECKED bayes_measure(const crm_fit *fit, const crm_source *in, const classic_classes *classes,
                          bayes_moments *out);
#endif
