/* data_keep.h - some rows of a data set as a data set of their own (room data). */
#ifndef CRM_DATA_KEEP_H
#define CRM_DATA_KEEP_H

#include <stdint.h>

#include "crmpi/data.h"

/** What was written; the same on every rank. */
typedef struct crm_kept {
    int64_t rows, events, documents, tokens; /* that stay */
    int64_t levels, words; /* categories and words that only the others had: gone */
    crm_digest digest;     /* content digest of the new file */
} crm_kept;

/** Write the rows of d with keep[row] != 0, in their order, with their events and documents, to
 * path, which may be the file that d was opened from (d goes on with the old one).  Levels of
 * categories and words that no row has any more are left out; classes of targets stay.  Root
 * attribute `former_digests` is that of d with the digest of d behind it.
 * @param keep [in] [rows], the same on every rank
 * @return CRM_OK; CRM_ERR_CONFIG when no row would stay; CRM_ERR_IO; CRM_ERR_NOMEM; CRM_ERR_FORMAT
 * when d holds an array that this version does not know.  Collective. */
CRM_CHECKED crm_data_keep(crm_comm *comm, const crm_data *d, const uint8_t *keep, const char *path,
                          crm_kept *out);

/** Digests that the data set had before rows were taken out of it, oldest first; *n = 0: none. */
const char *const *crm_data_former(const crm_data *d, int64_t *n);

/** Rows whose ids are among the n texts: found[row] = 1 (as crm_data_row_id writes them), [rows]
 * zeros before.  hit[i] = 1 when a row has id i, [n] zeros before; may be NULL.  Ids of more
 * than 1,024 bytes are not found.  Not collective. */
CRM_CHECKED crm_data_find_ids(const crm_data *d, int64_t n, const char *const *id, uint8_t *found,
                              uint8_t *hit);
#endif
