/* data_extend.h - a data set with more numeric columns of the profile (room data). */
#ifndef CRM_DATA_EXTEND_H
#define CRM_DATA_EXTEND_H

#include <stdint.h>

#include "crmpi/data.h"

/** A column that is added, and what the data dictionary says of it; texts are not NULL. */
typedef struct crm_extend_column {
    const char *name, *type, *unit, *meaning, *source;
} crm_extend_column;
/** What is added to a data set; all but value is the same on every rank. */
typedef struct crm_extension {
    int n;
    const crm_extend_column *column; /* [n] */
    /** [own rows][n], NaN: missing; own rows are those of crm_tree_range over the rows of d. */
    const float *value;
    int n_notes;
    const char *const *note; /* [n_notes] lines that tell where the columns come from */
} crm_extension;

/** Write d with the columns behind its numbers of the profile to path, which may be the file that d
 * was opened from (d goes on with the old one).  All other arrays, texts and attributes stay as
 * they are.  The data dictionary gets a row for each column behind those of the profile, root
 * attribute `annotations` the notes behind those that are there, `former_digests` the digest of d:
 * the rows are the same customers.
 * @return CRM_OK; CRM_ERR_CONFIG when a column of the profile has one of the names, or two have the
 * same; CRM_ERR_IO; CRM_ERR_NOMEM.  Collective. */
CRM_CHECKED crm_data_extend(crm_comm *comm, const crm_data *d, const crm_extension *x,
                            const char *path, crm_digest *out);

/** Notes of the columns that were added to a data set, in order; *n = 0: none were. */
const char *const *crm_data_annotations(const crm_data *d, int64_t *n);
#endif
