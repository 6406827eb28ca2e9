/* app_describe.h - a description of a data set for people and for programs. */
#ifndef CRM_APP_DESCRIBE_H
#define CRM_APP_DESCRIBE_H

#include "app_impl.h"
#include "crmpi/data_describe.h"

/** Tables on stdout; one process. */
CRM_CHECKED app_print_description(const crm_data *d, const crm_description *x);
/** Text of describe.json (docs/exploration.md); one process. */
CRM_CHECKED app_json_description(const crm_data *d, const crm_description *x, crm_str *out);
#endif
