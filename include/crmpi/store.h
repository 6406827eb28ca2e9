/* store.h - named contiguous arrays in one HDF5 file: written in parallel, read through a map.
 *
 * A store is the file layer under the data set (docs/data-format.md): groups, arrays of at most
 * four dimensions, text attributes, lists of names.  The bytes of a file depend on what was put in,
 * not on the number of ranks that wrote it. */
#ifndef CRM_STORE_H
#define CRM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_dtype.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/comm.h"

enum { CRM_STORE_MAX_RANK = 4, CRM_STORE_NAME_MAX = 128 };

/* ---- writing: all functions are collective, arguments equal on all ranks but where said ---- */
typedef struct crm_store_writer crm_store_writer;

/** Begin path.tmp; path itself changes only at commit.  CRM_ERR_IO when it cannot be written. */
CRM_CHECKED crm_store_create(crm_comm *comm, const char *path, const char *kind,
                             crm_store_writer **out);
/** Announce an array "group/name" of shape dim[rank]; dim[0] counts rows. dim_names (may be NULL)
 * has one name per dimension, attached as HDF5 dimension labels. */
CRM_CHECKED crm_store_define(crm_store_writer *w, const char *name, crm_dtype dtype, int rank,
                             const int64_t *dim, const char *const *dim_names);
/** Attributes of an array or group ("" is the root): one text, one integer, one real, a list of
 * texts (vlen UTF-8). */
CRM_CHECKED crm_store_attr_text(crm_store_writer *w, const char *name, const char *key,
                                const char *value);
CRM_CHECKED crm_store_attr_i64(crm_store_writer *w, const char *name, const char *key,
                               int64_t value);
CRM_CHECKED crm_store_attr_f64(crm_store_writer *w, const char *name, const char *key,
                               double value);
CRM_CHECKED crm_store_attr_list(crm_store_writer *w, const char *name, const char *key, int64_t n,
                                const char *const *items);
/** A list of texts as an array of fixed-length UTF-8 strings (category levels, dictionaries). The
 * items must be the same on all ranks; 0 items are allowed. */
CRM_CHECKED crm_store_texts(crm_store_writer *w, const char *name, int64_t n,
                            const char *const *items);
/** Rows [first, first + n) of an array; each rank gives its own part (n = 0 takes part too).  first
 * and n may differ by rank.  Every row must be written once before commit. */
CRM_CHECKED crm_store_write(crm_store_writer *w, const char *name, int64_t first, int64_t n,
                            const void *data);
/** Finish: content digest into the file, fsync, rename to path.  Before the first write the space
 * needed is compared with what is free (CRM_ERR_IO names both).  Frees the writer in any case. */
CRM_CHECKED crm_store_commit(crm_store_writer **w, crm_digest *digest);
/** Give up: removes path.tmp.  NULL is allowed. */
void crm_store_abandon(crm_store_writer **w);

/* ---- reading: not collective; a handle maps the file read-only and belongs to one process ---- */
typedef struct crm_store crm_store;
typedef struct crm_store_array {
    const char *name;
    crm_dtype dtype;
    int rank;
    int64_t dim[CRM_STORE_MAX_RANK];
    const void *data; /* mapped; valid until close; NULL when it has no elements */
} crm_store_array;

/** Open and check: HDF5, our kind, known format version, contiguous arrays of allowed types inside
 * the file, no links out of it.  CRM_ERR_IO missing or unreadable, CRM_ERR_FORMAT anything else. */
CRM_CHECKED crm_store_open(const char *path, const char *kind, crm_store **out);
/** NULL when there is no such array. */
const crm_store_array *crm_store_find(const crm_store *s, const char *name);
int crm_store_count(const crm_store *s);
const crm_store_array *crm_store_at(const crm_store *s, int i);
/** Attributes; absent ones give NULL or def.  Texts live until close. */
const char *crm_store_text(const crm_store *s, const char *name, const char *key);
int64_t crm_store_i64(const crm_store *s, const char *name, const char *key, int64_t def);
double crm_store_f64(const crm_store *s, const char *name, const char *key, double def);
const char *const *crm_store_list(const crm_store *s, const char *name, const char *key,
                                  int64_t *n);
/** Items of a text array written by crm_store_texts; NULL and n = 0 when absent. */
const char *const *crm_store_items(const crm_store *s, const char *name, int64_t *n);
/** Content digest recorded in the file. */
crm_digest crm_store_digest(const crm_store *s);
/** Recompute the content digest; CRM_ERR_FORMAT when it differs.  Collective over comm, the arrays
 * are shared out by blocks. */
CRM_CHECKED crm_store_verify(crm_comm *comm, const crm_store *s);
const char *crm_store_path(const crm_store *s);
void crm_store_close(crm_store **s);
/** True when the file begins with the HDF5 signature (else it is taken for CSV). */
bool crm_store_is_hdf5(const char *path);
/** Version text of the HDF5 library, and whether it was built with MPI. */
const char *crm_store_library(void);
#endif
