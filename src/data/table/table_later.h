/* table_later.h - inside of room table: an export is put behind the tables of those before it, and
 * the import goes on from all of them. */
#ifndef CRM_TABLE_LATER_H
#define CRM_TABLE_LATER_H

#include "crmpi/base_path.h"
#include "table_kept.h"
#include "table_relate.h"

/* Rows of the files of a table as everything else sees them: with keyed hashes and derived columns,
 * not cleaned.  Collective. */
CRM_CHECKED crm_table_rows_read(const table_world *w, const table_key *key, int table,
                                table_frame *f);
/* Open the key file when a column is hashed; *out NULL: none is.  Collective. */
CRM_CHECKED crm_table_key_needed(crm_comm *comm, const crm_table_schema *s, const char *key_file,
                                 table_key **out);
/* source_digest of a data set: of the schema, of the files of each table, and of which key its
 * columns are hashed with (NULL: none).  Not collective. */
CRM_CHECKED crm_table_source_of(const crm_table_schema *s, const crm_digest *source,
                                const table_key *key, crm_digest *out);

/* Tables beside a data set while an import makes it. */
typedef struct table_later {
    char path[CRM_PATH_MAX], next[CRM_PATH_MAX]; /* of the tables, and of those to be */
    const char *store_path;
    table_kept old, kept; /* before; now, at next */
    table_names former;   /* digests that the data set has and had */
    int64_t exports;
    crm_digest source; /* of the data set to be */
} table_later;

/* Read the files of all tables, behind those that are kept when append, and write them to x->next.
 * @return CRM_ERR_CONFIG no data set to append to, none of its tables, another schema or key, or
 * files that are in it already; CRM_ERR_FORMAT tables that do not belong to the data set.
 * Collective; crm_table_later_close in any case. */
CRM_CHECKED crm_table_later_open(const table_world *w, const table_key *key, const char *store_path,
                                 bool append, table_later *x);
/* The data set is written: its tables take their place.  Collective. */
CRM_CHECKED crm_table_later_commit(crm_comm *comm, table_later *x);
/* An import that was cut off behind its data set is ended, one before it is cleared away.
 * Collective. */
CRM_CHECKED crm_table_later_settle(crm_comm *comm, const char *store_path);
/* What was not committed is removed.  Collective in effect: rank 0 does it. */
void crm_table_later_close(crm_comm *comm, table_later *x);
/* Tables beside a data set that was made without keeping them go.  Collective. */
CRM_CHECKED crm_table_later_drop(crm_comm *comm, const char *store_path);
#endif
