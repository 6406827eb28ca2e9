/* data_columns.h - a schema under construction: names of numeric and categorical columns with their
 * levels (room data).  Used by the flat view and by transforms that change columns. */
#ifndef CRM_DATA_COLUMNS_H
#define CRM_DATA_COLUMNS_H

#include "crmpi/data.h"

typedef struct crm_columns crm_columns;

CRM_CHECKED crm_columns_new(crm_columns **out);
/** Add a numeric column.  When memory is out, schema fails later. */
void crm_columns_add_num(crm_columns *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/** Add a categorical column; level[n_levels] is copied, NULL for levels without names. */
void crm_columns_add_cat(crm_columns *c, const char *name, int64_t n_levels,
                         const char *const *level);
/** Add all columns of a schema: numeric, categorical or both. */
void crm_columns_add_nums(crm_columns *c, const crm_schema *s);
void crm_columns_add_cats(crm_columns *c, const crm_schema *s);
/** The schema so far; valid until the next addition or free.  CRM_ERR_NOMEM when an addition
 * failed. */
CRM_CHECKED crm_columns_schema(crm_columns *c, const crm_schema **out);
void crm_columns_free(crm_columns **c);
#endif
