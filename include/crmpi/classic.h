/* classic.h - estimators that stand beside the net in a comparison (room classic): one header for
 * each family of models. */
#ifndef CRM_CLASSIC_H
#define CRM_CLASSIC_H

#include "crmpi/classic_bayes.h"
#include "crmpi/classic_boost.h"
#include "crmpi/classic_knn.h"
#include "crmpi/classic_linear.h"
#include "crmpi/classic_rule.h"
#include "crmpi/classic_svm.h"
#include "crmpi/classic_tree.h"
#endif
