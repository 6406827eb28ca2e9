/* classic_bayes.h - Gaussian naive Bayes (room classic). */
#ifndef CRM_CLASSIC_BAYES_H
#define CRM_CLASSIC_BAYES_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- naive_bayes: numeric columns as independent normal variables of each class ---- */
typedef enum crm_naive_bayes_prior {
    CRM_NAIVE_BAYES_EMPIRICAL, /* shares of the classes in the training rows, weighted */
    CRM_NAIVE_BAYES_UNIFORM,   /* 1 / m for each class with training rows              */
    CRM_NAIVE_BAYES_PRIOR_COUNT
} crm_naive_bayes_prior;
typedef struct crm_naive_bayes_cfg {
    double var_smoothing; /* part of the largest variance of a column that is added to all */
    int priors;           /* crm_naive_bayes_prior */
    crm_opt_list class_weight;
} crm_naive_bayes_cfg;
extern const crm_opt crm_naive_bayes_opts[];
/** p(c | x) ~ prior_c prod_j N(x_j; mean_cj, var_cj + e), with means and population variances of
 *  the training rows of class c, e = var_smoothing times the largest population variance of a
 *  column over all training rows (scikit-learn's GaussianNB).  Weights of classes change empirical
 *  priors only: within a class all rows weigh the same.
 *  Numbers that are missing or infinite drop out: of the means and variances, and of the product
 *  of the row that is predicted.  A class without any value in a column takes mean and variance of
 *  all rows there.  Columns without values, and all columns when all of them are constant, take no
 *  part.  Classes without training rows get probability 0.  Codes are not used.
 *  Bag: "class" i32 [m] classes seen, "prior" f64 [m] logarithms, "mean" and "var" f64 [m][n_num],
 *  e included; var 0: the column takes no part. */
extern const crm_estimator_class crm_naive_bayes_class;
#endif
