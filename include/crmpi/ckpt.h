/* ckpt.h - bags of named arrays and texts: fitted models, results of units, checkpoints (room
 * ckpt).
 *
 * A bag lives in memory; it is written to one HDF5 file atomically (temporary file, fsync, rename)
 * with a digest of its content, and read back verified.  Not collective (but bcast): one process
 * writes, any may read. Names are paths "linear1/weight"; docs/model-format.md. */
#ifndef CRM_CKPT_H
#define CRM_CKPT_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_dtype.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/comm.h"

enum { CRM_BAG_MAX_RANK = 5, CRM_BAG_NAME_MAX = 192 };
typedef struct crm_bag crm_bag;
typedef struct crm_bag_array {
    const char *name;
    crm_dtype dtype;
    int rank; /* 0 is a scalar of one element */
    int64_t dim[CRM_BAG_MAX_RANK];
    int64_t n; /* elements */
    const void *data;
} crm_bag_array;

CRM_CHECKED crm_bag_new(crm_bag **out);
/** Copy an array into the bag; data may be NULL when it has no elements.  CRM_ERR_ARG when the name
 * is taken (as an array, a text, or a group of either) or not allowed (crm_store_name_fault). */
CRM_CHECKED crm_bag_put(crm_bag *b, const char *name, crm_dtype dtype, int rank, const int64_t *dim,
                        const void *data);
/** A number is an array of rank 0, a text is a list of one. */
CRM_CHECKED crm_bag_put_i64(crm_bag *b, const char *name, int64_t v);
CRM_CHECKED crm_bag_put_f64(crm_bag *b, const char *name, double v);
CRM_CHECKED crm_bag_put_text(crm_bag *b, const char *name, const char *text);
CRM_CHECKED crm_bag_put_list(crm_bag *b, const char *name, int64_t n, const char *const *items);
/** Arrays of the present scope in name order, texts left out; names are seen without the prefix.
 * NULL when absent or past the last.  Valid until the next put, push or pop. */
const crm_bag_array *crm_bag_find(const crm_bag *b, const char *name);
int crm_bag_count(const crm_bag *b);
const crm_bag_array *crm_bag_at(const crm_bag *b, int i);
/** Array of this type and element count (n < 0: any); CRM_ERR_FORMAT names what is wrong. */
CRM_CHECKED crm_bag_get(const crm_bag *b, const char *name, crm_dtype dtype, int64_t n,
                        const crm_bag_array **out);
CRM_CHECKED crm_bag_get_i64(const crm_bag *b, const char *name, int64_t *v);
CRM_CHECKED crm_bag_get_f64(const crm_bag *b, const char *name, double *v);
CRM_CHECKED crm_bag_get_text(const crm_bag *b, const char *name, const char **text);
/** Whether there is a list (or one text) of this name. */
bool crm_bag_has_list(const crm_bag *b, const char *name);
/** Items live as long as the bag. */
CRM_CHECKED crm_bag_get_list(const crm_bag *b, const char *name, int64_t *n,
                             const char *const **items);
/** A view of the bag in which every name is put behind prefix + "/"; for parts that do not know
 * where they are stored.  Nested scopes add up; pop restores. */
CRM_CHECKED crm_bag_push(crm_bag *b, const char *prefix);
void crm_bag_pop(crm_bag *b);
/** Digest over (name, dtype, shape, content) sorted by name.  only: names that begin with it, or
 * NULL. */
CRM_CHECKED crm_bag_digest(const crm_bag *b, const char *only, crm_digest *out);
/** The same of all but the entries of these names; NULL ends the list. */
CRM_CHECKED crm_bag_digest_without(const crm_bag *b, const char *const *names, crm_digest *out);
/** Write the whole bag (whatever the scope) atomically; kind is stored and checked at reading. */
CRM_CHECKED crm_bag_write(const crm_bag *b, const char *path, const char *kind);
/** Read and verify; kind NULL takes any.  CRM_ERR_IO missing, CRM_ERR_FORMAT not ours, other kind,
 * or damaged. */
CRM_CHECKED crm_bag_read(const char *path, const char *kind, crm_bag **out);
/** Numbers of an HDF5 file that another program wrote, as f32 (crm_store_read_plain); "/" in their
 * paths becomes ".", so that "conv/weight" and "conv.weight" are the same name.  CRM_ERR_IO
 * missing, CRM_ERR_FORMAT not HDF5, damaged, without numbers, a name twice or not allowed. */
CRM_CHECKED crm_bag_read_plain(const char *path, crm_bag **out);
/** The bag of one rank to all: *b is that bag or NULL on root, and becomes a copy of it (the
 *  caller's) or NULL elsewhere.  Collective. */
CRM_CHECKED crm_bag_bcast(crm_comm *c, int root, crm_bag **b);
void crm_bag_free(crm_bag **b);
#endif
