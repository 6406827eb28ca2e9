/* logistic_impl.h - shared by the files of the logistic regression only. */
#ifndef CRM_LOGISTIC_IMPL_H
#define CRM_LOGISTIC_IMPL_H

#include "classic_impl.h"

/* When there are too few rows to choose it. */
#define LOGISTIC_C_FALLBACK 1.0

typedef struct logistic {
    crm_estimator base;
    const crm_logistic_cfg *cfg;
    int n_classes;
    int64_t d;     /* numeric columns */
    int m;         /* classes with training rows */
    int32_t *seen; /* [m] their codes */
    int vectors;   /* 0 for one class, 1 for two, else m */
    double *w;     /* [vectors][d + 1], the intercept last */
    double c;      /* that the weights were fitted with */
} logistic;

/** Vectors of weights for m classes. */
int logistic_vectors(int m);
/** z[vectors] = scores of a row. */
void logistic_scores(int vectors, int64_t d, const double *w, const float *x, double *z);
/** z[m] of softmax -> probabilities in place; returns the log of the sum of exp(z). */
double logistic_softmax(int m, double *z);
/** count[t->n_classes] rows of each class in v; returns the number of classes that have some. */
int64_t logistic_count(const crm_view *v, const crm_target *t, int64_t *count);

/* ---- the objective over the rows of fit->train (logistic_fit.c) ---- */
typedef struct logistic_problem logistic_problem;
/** h has its shape; h, fit and the rows are borrowed.  count[n_classes] gives the weights of the
 *  classes; rows are kept in memory up to cache_bytes.  On failure *out may be there and wants its
 *  free.  Collective. */
CRM_CHECKED logistic_problem_new(const logistic *h, const crm_fit *fit, const crm_source *in,
                                 const int64_t *count, int64_t cache_bytes, logistic_problem **out);
/** Minimise from w [vectors][d + 1] on.  phase, and fits that are expected of this problem: for the
 *  hook.  CRM_ERR_STOPPED when the hook pauses.  Collective. */
CRM_CHECKED logistic_problem_solve(logistic_problem *p, double c, const char *phase, int fits,
                                   double *w);
/** Mean loss of the rows at w, weighted by class as in a fit.  Collective. */
CRM_CHECKED logistic_problem_loss(logistic_problem *p, const double *w, double *loss);
/** The hook has ended the last fit. */
bool logistic_problem_stopped(const logistic_problem *p);
void logistic_problem_free(logistic_problem **p);

/** Choose h->c on an inner validation part of fit->train and leave the weights that go with it in
 *  h->w; *chosen is false, h->c 1 and h->w 0 when the classes have too few rows.  h has its shape,
 *  w is 0.  Collective. */
CRM_CHECKED logistic_choose(logistic *h, const crm_fit *fit, const crm_source *in, bool *chosen);
#endif
