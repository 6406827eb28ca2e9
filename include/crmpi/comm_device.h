/* comm_device.h - exact sums of gradients that lie in the memory of devices, over the ranks of a
 * group (room comm).
 *
 * A rank's leaves (lanes) lie side by side in device memory.  The flat vector is cut into buckets
 * at CRM_BLOCK elements; as soon as a bucket is final in all leaves of a rank, the rank adds its
 * leaves to the maximal complete subtrees of its range, and while the computation goes on each
 * subtree's piece of the bucket goes to the rank that owns it, which finishes the tree.  The tree
 * is that of crm_tree_sum: same bits on any number of ranks, by any transport, and equal to those
 * of crm_tree_sum on the same leaves.  Transports move bytes: NCCL, or MPI through host memory.
 *
 * With several ranks the statuses of crm_dsum_new, _finish and _gather* agree (collective; with
 * NCCL within the time limit); those of the functions that enqueue before the exchange are
 * rank-local. */
#ifndef CRM_COMM_DEVICE_H
#define CRM_COMM_DEVICE_H

#include "crmpi/comm.h"
#include "crmpi/device.h"

typedef struct crm_dsum crm_dsum;

typedef struct crm_dsum_cfg {
    int64_t n_leaves, width; /* of the whole group; elements of a leaf       */
    int64_t bucket;          /* bytes of a bucket, about                     */
    bool exact;              /* false: leaves of a rank in order, then the library's own sum */
    int transport;           /* crm_transport                                */
    double timeout;          /* seconds                                      */
} crm_dsum_cfg;

/** Tells each device how many ranks of comm have its GPU, those of one host and one crm_device_id
 * (crm_device_set_shared).  d may be NULL, or without a GPU, on any rank.  Collective. */
CRM_CHECKED crm_dsum_find_shared(crm_comm *comm, crm_device *d);

/** How sums between the ranks of comm would travel with this value of gpu.transport, and why:
 * "nccl: each of 4 ranks has a GPU of its own".  Collective. */
enum { CRM_DSUM_WHY_MAX = 384 };
CRM_CHECKED crm_dsum_explain(crm_comm *comm, crm_device *d, int transport,
                             char out[CRM_DSUM_WHY_MAX]);

/** comm and d are borrowed.  CRM_ERR_CONFIG when NCCL is asked for and cannot be had (two ranks on
 * one GPU, no library), with what to do.  Collective. */
CRM_CHECKED crm_dsum_new(crm_comm *comm, crm_device *d, const crm_dsum_cfg *cfg, crm_dsum **out);
/** "none" (one rank), "nccl", "mpi". */
const char *crm_dsum_transport(const crm_dsum *t);
/** Leaves of this rank: leaf first + i at leaves + i * stride, device memory. */
float *crm_dsum_leaves(crm_dsum *t, int64_t *first, int64_t *n, int64_t *stride);

/** Zero the leaves and begin a sum (enqueues only; may be part of a captured graph). */
CRM_CHECKED crm_dsum_begin(crm_dsum *t);
/** Elements [0, upto) of all leaves of this rank are final, by operations enqueued before.  upto
 * grows from call to call.  Enqueues only: may be part of a captured graph. */
CRM_CHECKED crm_dsum_ready(crm_dsum *t, int64_t upto);
/** Exchange and the rest of the tree, after crm_dsum_ready(width), also where that was part of a
 * graph that ran again; not part of a captured graph itself.  With NCCL it enqueues only.
 * Collective. */
CRM_CHECKED crm_dsum_finish(crm_dsum *t);

/** The pieces [first, first + n) of the vector that this rank owns, at most one a bucket; first is
 * a multiple of CRM_BLOCK.  Without leaves of its own a rank owns pieces all the same. */
typedef struct crm_dsum_piece {
    int64_t first, n;
} crm_dsum_piece;
const crm_dsum_piece *crm_dsum_pieces(const crm_dsum *t, int *n);
/** [width] device memory; after finish the pieces of this rank hold the sum. */
float *crm_dsum_sum(crm_dsum *t);
/** v [width], f32 in device memory: every rank has filled its pieces; afterwards all are there.
 *  Collective. */
CRM_CHECKED crm_dsum_gather(crm_dsum *t, float *v);
/** As gather, of one double for each CRM_BLOCK elements: sums [ceil(width / CRM_BLOCK)], device
 * memory.  Collective. */
CRM_CHECKED crm_dsum_gather_blocks(crm_dsum *t, double *sums);
/** Wait until the device is done with what was enqueued, with an eye on the transport: CRM_ERR_COMM
 * when a peer is lost or cfg.timeout passes.  Not collective. */
CRM_CHECKED crm_dsum_wait(crm_dsum *t);
/** The same look at the transport, without waiting; *idle: its queue is empty.  Not collective. */
CRM_CHECKED crm_dsum_check(crm_dsum *t, bool *idle);
/** crm_later_get of the device, for what stands behind an exchange in its queue: waits as
 * crm_dsum_wait does.  Not collective. */
CRM_CHECKED crm_dsum_later_get(crm_dsum *t, int ticket, void *host, size_t bytes);
/** Statuses of all ranks as one, as crm_comm_agree; with NCCL within cfg.timeout, and an error is
 * the end of the transport.  Collective. */
CRM_CHECKED crm_dsum_agree(crm_dsum *t, crm_status local);
void crm_dsum_free(crm_dsum **t);

#endif
