/* record_json.h - a JSON text put together step by step (room record).
 *
 * The whole is an object.  Inside of an object each value has a key; inside of a list the key is
 * NULL.  A number that is not finite is written as null.  Memory that runs out shows at the end. */
#ifndef CRM_RECORD_JSON_H
#define CRM_RECORD_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/base_str.h"

typedef struct crm_json crm_json;
CRM_CHECKED crm_json_new(crm_json **out);
/** Begin an object or a list inside of the present one; end: go back to the one around it. */
void crm_json_object(crm_json *j, const char *key);
void crm_json_list(crm_json *j, const char *key);
void crm_json_end(crm_json *j);
/** Bytes that are no UTF-8 become '?'. */
void crm_json_text(crm_json *j, const char *key, const char *value);
void crm_json_int(crm_json *j, const char *key, int64_t value);
void crm_json_real(crm_json *j, const char *key, double value);
void crm_json_bool(crm_json *j, const char *key, bool value);
/** A list of n numbers. */
void crm_json_reals(crm_json *j, const char *key, int64_t n, const double *value);
/** Indented text of the whole, appended.  CRM_ERR_NOMEM; CRM_ERR_ARG when something was begun and
 * not ended. */
CRM_CHECKED crm_json_print(const crm_json *j, crm_str *out);
void crm_json_free(crm_json **j);
#endif
