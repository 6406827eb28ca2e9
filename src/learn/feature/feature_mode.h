/* feature_mode.h - the commonest values (room feature only). */
#ifndef CRM_FEATURE_MODE_H
#define CRM_FEATURE_MODE_H

#include "feature_impl.h"

/** mode[n_num]: commonest value of each numeric column of the training rows, the smallest of
 * equally common ones; infinite for a column without any value.  Collective. */
CRM_CHECKED feature_modes(const crm_fit *fit, const crm_source *in, double *mode);

#endif
