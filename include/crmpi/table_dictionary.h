/* table_dictionary.h - the data dictionary of a data set in the making: one row for each column of
 * each block (room table).  docs/data-set-arrays.md says how it is stored; crm_data_dictionary
 * (data.h) reads it. */
#ifndef CRM_TABLE_DICTIONARY_H
#define CRM_TABLE_DICTIONARY_H

#include "crmpi/base_status.h"
#include "crmpi/base_str.h"
#include "crmpi/comm.h"
#include "crmpi/store.h"
#include "crmpi/table_schema.h"

typedef struct crm_table_dictionary crm_table_dictionary;

/** A row as it is given; NULL is taken for "".  Texts are copied. */
typedef struct crm_table_entry {
    const char *block;   /* "profile", "monthly", "events", "documents", "target", "survey", "id" */
    const char *name;    /* of the column, channel, number or target                              */
    const char *type;    /* "real", "category", ...                                               */
    const char *unit;    /* "EUR", "days"                                                         */
    const char *meaning; /* in words                                                              */
    const char *source;  /* file pattern and column, or what it was worked out from               */
    const char *cleaning; /* what was done to the values */
    double missing; /* share of values that are missing, 0 to 1; NaN: not counted            */
} crm_table_entry;

CRM_CHECKED crm_table_dictionary_new(crm_table_dictionary **out);
/** Add a row.  CRM_ERR_NOMEM. */
CRM_CHECKED crm_table_dictionary_add(crm_table_dictionary *d, const crm_table_entry *row);
/** Add a row for a column that comes from column `column` of table `table` of a schema: type, unit,
 * meaning, source and cleaning are the schema's.  done (may be NULL) is added to the cleaning: what
 * came of it ("3 winsorised"). */
CRM_CHECKED crm_table_dictionary_add_field(crm_table_dictionary *d, const crm_table_schema *s,
                                           int table, int column, const char *block,
                                           const char *name, double missing, const char *done);
int crm_table_dictionary_rows(const crm_table_dictionary *d);
/** Write the arrays dictionary/... of a data set.  Collective over the writer's comm (NULL: alone);
 * d equal on all ranks. */
CRM_CHECKED crm_table_dictionary_write(crm_comm *comm, crm_store_writer *w,
                                       const crm_table_dictionary *d);
/** Append it as a Markdown table under the heading "Data dictionary".  out->failed when memory is
 * out. */
void crm_table_dictionary_markdown(const crm_table_dictionary *d, crm_str *out);
/** Write "<store_path>.md": a heading, `quality` (Markdown; may be NULL), the dictionary.  Rank 0
 * writes.  A file that cannot be written is a warning in the log: the dictionary is in the data set
 * too.  Not collective. */
void crm_table_dictionary_beside(crm_comm *comm, const char *store_path, const char *quality,
                                 const crm_table_dictionary *d);
void crm_table_dictionary_free(crm_table_dictionary **d);
#endif
