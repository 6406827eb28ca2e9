/* classic_linear.h - logistic regression (room classic). */
#ifndef CRM_CLASSIC_LINEAR_H
#define CRM_CLASSIC_LINEAR_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- logistic: regularised logistic regression on the numeric columns ---- */
typedef enum crm_logistic_penalty {
    CRM_LOGISTIC_L2,         /* 0.5 |w|^2                                         */
    CRM_LOGISTIC_L1,         /* |w|_1                                             */
    CRM_LOGISTIC_ELASTICNET, /* l1_ratio |w|_1 + (1 - l1_ratio) 0.5 |w|^2         */
    CRM_LOGISTIC_PENALTY_COUNT
} crm_logistic_penalty;
typedef struct crm_logistic_cfg {
    double c;    /* inverse strength: penalty + c sum of losses; 0: chosen */
    int penalty; /* crm_logistic_penalty */
    double l1_ratio;
    int64_t max_iter;
    double tol;
    crm_opt_list class_weight; /* empty or none: 1; balanced: n / (k n_c); else CLASS:WEIGHT */
    int64_t cache_bytes;       /* transformed rows are kept in memory up to this size */
} crm_logistic_cfg;
#define CRM_LOGISTIC_C_MIN 1e-12
extern const crm_opt crm_logistic_opts[];
/** Two classes: one vector of weights; more: softmax with a vector for each.  Intercepts are not
 *  penalised.  Classes without training rows get probability 0 and take no part.  Missing numbers
 *  must have been filled (CRM_ERR_NUMERIC otherwise); codes are not used.
 *  c = 0: a fifth of the training rows, stratified and keyed by the seed of the fit, is held out.
 *  Of 1e-5, 1e-4 ... 1 in this order the c with the least loss there (weighted by class as in the
 *  fit; the smaller of equals; the search ends when the loss has risen twice running) is used for
 *  a fit on all training rows.  c is 1 when the classes have too few rows for that.
 *  CRM_ERR_CONFIG from make when c is neither 0 nor at least CRM_LOGISTIC_C_MIN, or a class weight
 *  is none; from fit when a class weight names no class of the target.
 *  Bag: "class" i32 [m] classes seen, "weight" f64 [vectors][n_num], "intercept" f64 [vectors];
 *  "c" f64 [1] when it was chosen. */
extern const crm_estimator_class crm_logistic_class;
#endif
