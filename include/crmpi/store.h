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

enum { CRM_STORE_MAX_RANK = 5, CRM_STORE_NAME_MAX = 192 };

/* ---- writing: all functions are collective, arguments equal on all ranks but where said ----
 * After a failure the writer refuses every further step; commit then reports it and, like abandon,
 * removes path.tmp.  Array data are not kept in memory.  Names are parts joined by "/", up to
 * CRM_STORE_NAME_MAX - 1 bytes, without empty parts, ".", ".." and control characters; keys
 * likewise, and not one of the file layer's own (crmpi_kind, crmpi_format, crmpi_digest,
 * DIMENSION_LABELS, DIMENSION_LIST, REFERENCE_LIST, CLASS, NAME). */
typedef struct crm_store_writer crm_store_writer;

/** Begin path.tmp; path itself changes only at commit.  CRM_ERR_IO when it cannot be written.
 *  comm NULL: this process writes alone and no function of the writer is collective. */
CRM_CHECKED crm_store_create(crm_comm *comm, const char *path, const char *kind,
                             crm_store_writer **out);
/** Announce an array "group/name" of shape dim[rank]; dim[0] counts rows, rank 0 is a scalar and
 * one row. dim_names (may be NULL) has one name per dimension (a part without "/"), attached as
 * HDF5 dimension labels and, at commit, as dimension scales of the netCDF-4 convention
 * (docs/data-format.md, "Dimension scales"). CRM_ERR_ARG when a name is taken or not allowed, or
 * the size is above 2^60 bytes. */
CRM_CHECKED crm_store_define(crm_store_writer *w, const char *name, crm_dtype dtype, int rank,
                             const int64_t *dim, const char *const *dim_names);
/** Attributes of an array or group ("" is the root; a group that is not there is made): one text,
 * one integer, one real, a list of texts (vlen UTF-8).  Each is set once: CRM_ERR_ARG otherwise. */
CRM_CHECKED crm_store_attr_text(crm_store_writer *w, const char *name, const char *key,
                                const char *value);
CRM_CHECKED crm_store_attr_i64(crm_store_writer *w, const char *name, const char *key,
                               int64_t value);
CRM_CHECKED crm_store_attr_f64(crm_store_writer *w, const char *name, const char *key,
                               double value);
CRM_CHECKED crm_store_attr_list(crm_store_writer *w, const char *name, const char *key, int64_t n,
                                const char *const *items);
/** A list of texts as an array of fixed-length UTF-8 strings (category levels, dictionaries), as
 * wide as the longest.  The items must be the same on all ranks; 0 items are allowed.  Also the
 * dimension scale of its name. */
CRM_CHECKED crm_store_texts(crm_store_writer *w, const char *name, int64_t n,
                            const char *const *items);
/** Rows [first, first + n) of an array; each rank gives its own part (n = 0 takes part too). first,
 * n and data may differ by rank.  Every row must be written once before commit.  Before the first
 * write the space needed is compared with what is free (CRM_ERR_IO names both). */
CRM_CHECKED crm_store_write(crm_store_writer *w, const char *name, int64_t first, int64_t n,
                            const void *data);
/** Finish: content digest into the file, fsync, rename to path.  CRM_ERR_ARG when rows were never
 * written or written twice.  digest may be NULL.  Frees the writer in any case; on failure nothing
 * is left behind and a file that stood at path is as before. */
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
/** NULL when there is no such array (text arrays: crm_store_items). */
const crm_store_array *crm_store_find(const crm_store *s, const char *name);
/** Arrays in name order, text arrays left out. */
int crm_store_count(const crm_store *s);
const crm_store_array *crm_store_at(const crm_store *s, int i);
/** Attributes; absent ones give NULL or def.  Texts live until close. */
const char *crm_store_text(const crm_store *s, const char *name, const char *key);
int64_t crm_store_i64(const crm_store *s, const char *name, const char *key, int64_t def);
double crm_store_f64(const crm_store *s, const char *name, const char *key, double def);
const char *const *crm_store_list(const crm_store *s, const char *name, const char *key,
                                  int64_t *n);
/** Set on w every attribute of s that take(ctx, object, key) says yes to: for a file that is made
 * from another one.  Not those of the file layer.  Collective, as the setters are; take answers the
 * same on all ranks. */
CRM_CHECKED crm_store_copy_attrs(const crm_store *s, crm_store_writer *w,
                                 bool (*take)(void *ctx, const char *object, const char *key),
                                 void *ctx);
/** Names of the dimensions of an array; NULL when it has none. */
const char *const *crm_store_dims(const crm_store *s, const char *name);
/** Items of a text array written by crm_store_texts; NULL and n = 0 when absent. */
const char *const *crm_store_items(const crm_store *s, const char *name, int64_t *n);
/** Name of the i-th text array in name order; NULL past the last. */
const char *crm_store_items_name(const crm_store *s, int i);
/** Content digest recorded in the file. */
crm_digest crm_store_digest(const crm_store *s);
/** Recompute the content digest; CRM_ERR_FORMAT when it differs.  Collective over comm, the arrays
 * are shared out by blocks. */
CRM_CHECKED crm_store_verify(crm_comm *comm, const crm_store *s);
const char *crm_store_path(const crm_store *s);
/** What was read of the mapped file no longer counts as memory of this process; it is still there
 *  and is found again when it is read.  Not collective, thread-safe. */
void crm_store_release(const crm_store *s);
void crm_store_close(crm_store **s);
/** True when the file begins with the HDF5 signature (else it is taken for CSV). */
bool crm_store_is_hdf5(const char *path);
/** Whether the HDF5 file at path was written by this room; it may be damaged otherwise.  CRM_ERR_IO
 * missing, CRM_ERR_FORMAT not HDF5. */
CRM_CHECKED crm_store_is_ours(const char *path, bool *ours);
/* ---- HDF5 files of other programs ---- */
/** Takes an array of numbers: name is its path in the file, parts joined by "/"; data[n] of shape
 * dim[rank] is valid during the call only. */
typedef crm_status (*crm_store_plain_fn)(void *ctx, const char *name, int rank, const int64_t *dim,
                                         int64_t n, const float *data);
/** Read every data set of integers or floating-point numbers, of at most CRM_STORE_MAX_RANK
 * dimensions, as f32; those of other types and all attributes are passed over.  Groups are walked
 * in the file's order.  Not collective.
 *  @return what take returned when it failed; CRM_ERR_IO missing or unreadable; CRM_ERR_FORMAT not
 * HDF5, damaged, links or values outside the file, more than a thousand times larger than the file,
 * or a number that is not finite. */
CRM_CHECKED crm_store_read_plain(const char *path, crm_store_plain_fn take, void *ctx);
/** Why a name of an array or group is not allowed ("a part between slashes is empty"); NULL when it
 * is. */
const char *crm_store_name_fault(const char *name);
/** Version text of the HDF5 library, and whether it was built with MPI; static. */
const char *crm_store_library(void);
#endif
