/* comm.h - process groups, agreement on errors, exact sums (room comm; the only one that knows
 * MPI).
 *
 * Thread level is MPI_THREAD_FUNNELED: every function here is called by the main thread.
 * "Collective" means: all ranks of the group call it, in the same order; all get the same status.
 */
#ifndef CRM_COMM_H
#define CRM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_dtype.h"
#include "crmpi/base_run.h"
#include "crmpi/base_status.h"

typedef struct crm_comm crm_comm;

/** Start MPI (funneled; errors are returned, not fatal) and give the group of all ranks.  Also sets
 * the floating-point mode of the calling thread (crm_fp_setup). Checks that the group has as many
 * ranks as Slurm granted tasks to this step (CRM_ERR_CONFIG, e.g. a program started by srun without
 * --mpi=pmix comes up as N times 1 rank).
 */
CRM_CHECKED crm_comm_start(int *argc, char ***argv, crm_comm **world);
/** Finalize MPI.  Collective. */
void crm_comm_stop(crm_comm **world);

int crm_comm_rank(const crm_comm *c);
int crm_comm_size(const crm_comm *c);
/** Ranks on this node and this rank's number among them. */
int crm_comm_node_size(const crm_comm *c);
int crm_comm_node_rank(const crm_comm *c);
/** One-line description of the library ("Open MPI v4.1.4"), static text. */
const char *crm_comm_library(void);
/** Name of this node; out has cap bytes. */
void crm_comm_host(char *out, size_t cap);

/** Turn rank-local results into one: the status of the lowest rank that failed with the highest
 * code, with its text on every rank.  Text of the failing rank is kept as it is when all other
 * ranks are fine.  Collective. */
CRM_CHECKED crm_comm_agree(crm_comm *c, crm_status local);
/** A signal to stop (base_stop.h) that has come to any of the ranks, the same on all; 0 while none
 * has.  Collective. */
CRM_CHECKED crm_comm_stop_signal(crm_comm *c, int *signal);
/** New group of the ranks with equal color, ordered by rank; a negative color gives *out = NULL.
 *  Collective over c. */
CRM_CHECKED crm_comm_split(crm_comm *c, int color, crm_comm **out);
/** Take what is still posted to rank 0 off the wire and end the group.  Collective over it; NULL is
 * fine. */
void crm_comm_free(crm_comm **c);
/** Longest single message in bytes (default and most: 1 GiB); longer data go in several.  A small
 * value lets a test walk that path with little data.  Not collective, but to be equal on all ranks.
 */
void crm_comm_set_chunk(crm_comm *c, size_t bytes);

CRM_CHECKED crm_comm_barrier(crm_comm *c);
/** Bytes of root to all.  Collective; bytes equal on all ranks; larger than 2 GiB is fine. */
CRM_CHECKED crm_comm_bcast(crm_comm *c, int root, void *data, size_t bytes);
/** In-place integer sums, and extremes, over all ranks (order-free, so exact). n equal everywhere.
 */
CRM_CHECKED crm_comm_sum_i64(crm_comm *c, int64_t *v, int64_t n);
CRM_CHECKED crm_comm_max_i64(crm_comm *c, int64_t *v, int64_t n);
CRM_CHECKED crm_comm_min_i64(crm_comm *c, int64_t *v, int64_t n);
CRM_CHECKED crm_comm_max_f64(crm_comm *c, double *v, int64_t n);
CRM_CHECKED crm_comm_min_f64(crm_comm *c, double *v, int64_t n);
/** Sum of v over the ranks before this one (0 on rank 0). */
CRM_CHECKED crm_comm_exscan_i64(crm_comm *c, int64_t v, int64_t *before);
/** Concatenation of every rank's bytes in rank order, on all ranks.  *all is the caller's
 *  (crm_mem_free); sizes (may be NULL) has one entry per rank. */
CRM_CHECKED crm_comm_allgather(crm_comm *c, const void *mine, size_t bytes, void **all,
                               size_t *total, size_t *sizes);
/** As allgather, on root only; elsewhere *all = NULL. */
CRM_CHECKED crm_comm_gather(crm_comm *c, int root, const void *mine, size_t bytes, void **all,
                            size_t *total, size_t *sizes);
/** Bytes to send to each rank (send_bytes[size]; data in rank order) -> bytes from each rank, in
 * rank order.  *recv is the caller's; recv_bytes[size] is filled.  Collective. */
CRM_CHECKED crm_comm_exchange(crm_comm *c, const void *send, const size_t *send_bytes, void **recv,
                              size_t *recv_bytes);

/** Fire-and-forget message of at most CRM_COMM_POST_MAX bytes to rank 0 (progress).  Not
 * collective. A message may be dropped when rank 0 does not poll; posting to oneself works. */
enum { CRM_COMM_POST_MAX = 256 };
void crm_comm_post(crm_comm *c, const void *data, size_t bytes);
/** Rank 0: next waiting message, or false.  Not collective. */
bool crm_comm_poll(crm_comm *c, void *data, size_t cap, size_t *bytes, int *from);

/* ---- Exact sums -------------------------------------------------------------------------------
 * Leaves 0..n-1 are summed by a fixed binary tree: node(h, i) = node(h-1, 2i) + node(h-1, 2i+1), a
 * missing right child leaves the left unchanged.  The sum therefore depends on the leaves only, not
 * on ranks, threads or who made which leaf.  docs/exactness.md. */

/** Leaves [*first, *end) that rank owns of n: [rank n / size, (rank + 1) n / size) when size <= n,
 * else one leaf each for ranks 0..n-1. */
void crm_tree_range(int64_t n_leaves, int rank, int size, int64_t *first, int64_t *end);

/** Fill out[width] (zeroed before the call) with leaf number leaf.  Called on worker threads. */
typedef crm_status (*crm_leaf_fn)(void *ctx, int64_t leaf, int worker, void *out);

/** Working memory of tree sums of one shape; reuse it, a call then allocates nothing. */
typedef struct crm_tree crm_tree;
/** dtype CRM_F32, CRM_F64 or CRM_I64.  comm and pool (NULL: no threads) are borrowed.  Collective.
 */
CRM_CHECKED crm_tree_new(crm_comm *comm, crm_pool *pool, int64_t n_leaves, int64_t width,
                         crm_dtype dtype, crm_tree **out);
/** A tree of CRM_F32 whose leaves are zero from element sparse_first (0 to width) on save in few
 * places, such as the gradient of a table of which a batch touches few rows: what a leaf does not
 * name by crm_tree_touch is neither zeroed, nor added, nor sent.  The elements from sparse_first on
 * of every sum are those of a tree that is not sparse + 0.0f: no zero among them is negative.
 * Fastest where the rows have a multiple of 64 elements.  Collective.
 */
CRM_CHECKED crm_tree_new_sparse(crm_comm *comm, crm_pool *pool, int64_t n_leaves, int64_t width,
                                int64_t sparse_first, crm_tree **out);
/** Called by a leaf function with its worker number: elements [first, first + n) of the leaf that
 * this worker makes may be not zero.  What lies outside of the sparse part is ignored, and all of
 * it when the tree has none.  A leaf that writes there without naming it is a bug (CRM_ERR_INTERNAL
 * in builds without NDEBUG). */
void crm_tree_touch(crm_tree *t, int worker, int64_t first, int64_t n);
/** Sum of all leaves into out[width], on every rank.  Collective.  A failing leaf fails the call on
 * all ranks; out is then undefined. */
CRM_CHECKED crm_tree_sum(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out);
/** Same sum, but each rank gets only its slice [first, first + n) of the width (cut at
 * 4,096-element blocks; n may be 0).  *slice belongs to the tree, is for reading only and is valid
 * until the tree's next use.  Collective. */
CRM_CHECKED crm_tree_sum_slice(crm_tree *t, crm_leaf_fn produce, void *ctx, void **slice);
void crm_tree_slice(const crm_tree *t, int rank, int64_t *first, int64_t *n);
/** All-gather: each rank has filled its slice of full[width]; afterwards all slices are there. */
CRM_CHECKED crm_tree_gather(crm_tree *t, void *full);
/** Layout-dependent sum for train.reduce = fast: leaves of a rank are added in order, then plain
 *  all-reduce. */
CRM_CHECKED crm_tree_sum_fast(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out);
void crm_tree_free(crm_tree **t);

/** One-shot tree sum over rows: leaf i is rows [4096 i, 4096 (i + 1)) of n_rows, out[width] of
 * double. Used by statistics that are computed once (means, counts, likelihood of classical
 * models). */
enum { CRM_LEAF_ROWS = 4096 };
CRM_CHECKED crm_tree_sum_once(crm_comm *c, crm_pool *pool, int64_t n_leaves, int64_t width,
                              crm_leaf_fn produce, void *ctx, double *out);
int64_t crm_leaf_count(int64_t n_rows);
/** Rows [*first, *first + *n) of a leaf. */
void crm_leaf_rows(int64_t n_rows, int64_t leaf, int64_t *first, int64_t *n);
#endif
