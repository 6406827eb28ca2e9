/* logistic_impl.h - shared by the files of the logistic regression only. */
#ifndef CRM_LOGISTIC_IMPL_H
#define CRM_LOGISTIC_IMPL_H

#include "classic_impl.h"

typedef struct logistic {
    crm_estimator base;
    const crm_logistic_cfg *cfg;
    int n_classes;
    int64_t d;     /* numeric columns */
    int m;         /* classes with training rows */
    int32_t *seen; /* [m] their codes */
    int vectors;   /* 0 for one class, 1 for two, else m */
    double *w;     /* [vectors][d + 1], the intercept last */
} logistic;

/** Vectors of weights for m classes. */
int logistic_vectors(int m);
/** z[vectors] = scores of a row. */
void logistic_scores(int vectors, int64_t d, const double *w, const float *x, double *z);
/** z[m] of softmax -> probabilities in place; returns the log of the sum of exp(z). */
double logistic_softmax(int m, double *z);
/** Minimise; h has its shape (seen, vectors, w all 0).  count[n_classes] training rows of a class.
 *  Collective. */
CRM_CHECKED logistic_minimise(logistic *h, const crm_fit *fit, const crm_source *in,
                              const int64_t *count);
#endif
