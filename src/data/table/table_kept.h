/* table_kept.h - inside of room table: the typed tables of an import, kept in a file beside the
 * data set, so that a later export can be put behind them without the files of the old one.
 *
 * "<store>.tables.h5" (store kind "crmpi-tables") holds each table as it is after reading, keyed
 * hashes and derived columns and before cleaning, so that what is cleaned as a whole is the same
 * either way.  Table t is the group "t", its column c "t/c":
 *
 *   t/where      i64 [rows]     file number << 40 | line
 *   t/file       u8             paths of the files, each with its 0
 *   t/bad        i64 [columns]  values that became missing because they did not fit
 *   t/c/real     f64 [rows]     likewise whole (i64), code (i32)
 *   t/c/level    u8             levels of the codes in their order, each with its 0
 *   t/c/end      i64 [rows]     end of each text in t/c/byte (u8)
 *   schema/keys  u8             crm_table_schema_keys
 *   schema/text  u8             the YAML
 *   exports      texts          digest of the files of each export, in order
 *
 * Root attribute `source_digest` is that of the data set that was made of them: only then do the
 * two belong together.  Bytes do not depend on the number of ranks. */
#ifndef CRM_TABLE_KEPT_H
#define CRM_TABLE_KEPT_H

#include "crmpi/store.h"
#include "table_private.h"

typedef struct table_kept {
    crm_comm *comm;
    crm_store *store;
    const crm_table_schema *schema;
} table_kept;

/* "<store_path>.tables.h5", or the one that is about to take its place. */
CRM_CHECKED crm_table_kept_path(const char *store_path, bool next, char *out, size_t cap);
/* Open, and with verify compare with its digest.  The schema must be the one that the tables were
 * read by, but for what crm_table_schema_keys leaves out: CRM_ERR_CONFIG names the key.  NULL:
 * schema is to be set before a frame is asked for.  Collective. */
CRM_CHECKED crm_table_kept_open(crm_comm *comm, const char *path, const crm_table_schema *s,
                                bool verify, table_kept *out);
void crm_table_kept_close(table_kept *k);
/* This rank's share of a table.  Collective. */
CRM_CHECKED crm_table_kept_frame(const table_kept *k, int table, table_frame *f);
/* Digest of the data set that belongs to it, as text; never NULL. */
const char *crm_table_kept_source(const table_kept *k);

/* ---- writing ---- */
typedef struct table_keeper {
    crm_comm *comm;
    const crm_table_schema *schema;
    const table_kept *old; /* NULL: none */
    crm_store_writer *w;
} table_keeper;

CRM_CHECKED crm_table_keeper_open(crm_comm *comm, const crm_table_schema *s, const table_kept *old,
                                  const char *path, table_keeper *x);
/* The old rows of the frame's table, and those of the frame behind them, which is used up.
 * CRM_ERR_FORMAT when a column has more levels than it may.  Collective. */
CRM_CHECKED crm_table_keeper_add(table_keeper *x, table_frame *f);
/* The rest, once all tables are there: source_digest, digests of exports (n texts), key_check, the
 * text of the schema (rank 0's; 0 bytes on all ranks: none).  Collective. */
CRM_CHECKED crm_table_keeper_commit(table_keeper *x, const char *source, int64_t n,
                                    const char *const *exports, const char *key_check,
                                    const char *text, size_t bytes);
void crm_table_keeper_abandon(table_keeper *x);
#endif
