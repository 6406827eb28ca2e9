/* estimator_classes.h - weights of classes as an option (room estimator). */
#ifndef CRM_ESTIMATOR_CLASSES_H
#define CRM_ESTIMATOR_CLASSES_H

#include "crmpi/data.h"
#include "crmpi/opt.h"

/** An option of class weights is none or empty (1 each), balanced (n / (m n_c) over the m classes
 * with rows, as in scikit-learn), or a list of CLASS:WEIGHT with weights from 1e-12 to 1e12, other
 * classes 1. CRM_ERR_CONFIG, naming key, when it is none of these, or (t not NULL) names no class
 * of t. */
CRM_CHECKED crm_class_weights_check(const crm_opt_list *weights, const char *key,
                                    const crm_target *t);
/** weight[t->n_classes] of an option; count[t->n_classes] are the labelled training rows of each
 *  class, of which those without rows get weight 0. */
CRM_CHECKED crm_class_weights(const crm_opt_list *weights, const char *key, const crm_target *t,
                              const int64_t *count, double *weight);
#endif
