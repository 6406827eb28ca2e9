/* logistic_impl.h - shared by the files of the logistic regression only. */
#ifndef CRM_LOGISTIC_IMPL_H
#define CRM_LOGISTIC_IMPL_H

#include "linear_impl.h"

/* When there are too few rows to choose it. */
#define LOGISTIC_C_FALLBACK 1.0

typedef struct logistic {
    crm_estimator base;
    const crm_logistic_cfg *cfg;
    classic_classes classes;
    int64_t d;   /* numeric columns                          */
    int vectors; /* 0 for one class, 1 for two, else one each */
    int64_t s;   /* sparse ones                              */
    double *w;   /* [vectors][linear_width(d, s)]            */
    double c;    /* that the weights were fitted with        */
} logistic;

/** What is minimised. */
linear_spec logistic_spec(const logistic *h);
/** Choose h->c on an inner validation part of fit->train and leave the weights that go with it in
 *  h->w; *chosen is false, h->c 1 and h->w 0 when the classes have too few rows.  h has its shape,
 *  w is 0.  Collective. */
CRM_CHECKED logistic_choose(logistic *h, const crm_fit *fit, const crm_source *in, bool *chosen);
#endif
