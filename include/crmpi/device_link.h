/* device_link.h - transport between the devices of several ranks: NCCL (room device).
 *
 * Work on a link is enqueued on a queue of its own: what crm_link_move sends must have been
 * computed by operations before the last crm_link_after; operations after crm_link_use see what was
 * received.  The link moves bytes; all but crm_link_sum leave additions to kernels of our own, so
 * that the order of a sum is fixed.  Every call is made by all ranks of the link, in the same
 * order; statuses are rank-local (comm makes them agree). */
#ifndef CRM_DEVICE_LINK_H
#define CRM_DEVICE_LINK_H

#include "crmpi/device.h"

typedef struct crm_link crm_link;
enum { CRM_LINK_ID = 128 };

/** Whether this device has a transport; if not, *why says what is missing (static text). */
bool crm_link_offered(const crm_device *d, const char **why);
/** A name for a new group; one rank asks and tells the others. */
CRM_CHECKED crm_link_id(crm_device *d, unsigned char id[CRM_LINK_ID]);
/** Join; returns when all ranks have, CRM_ERR_COMM after timeout seconds or when the library says
 * no: two ranks with one GPU are told to take another transport (gpu.transport: mpi) or fewer ranks
 * a node. */
CRM_CHECKED crm_link_open(crm_device *d, const unsigned char id[CRM_LINK_ID], int rank, int size,
                          double timeout, crm_link **out);

/** Bytes at `at` (device memory) to or from a peer. */
typedef struct crm_link_part {
    int peer;
    void *at;
    size_t bytes;
} crm_link_part;
/** The link's queue goes on only after all operations enqueued so far. */
CRM_CHECKED crm_link_after(crm_link *l);
/** Mark number i (from 0, as many as are used): done when the operations enqueued so far are.  May
 * be part of a captured graph, each run of which then sets it anew. */
CRM_CHECKED crm_link_mark(crm_link *l, int i);
/** The link's queue goes on only after mark i as it was set last: what is sent then may go while
 * operations after the mark still run. */
CRM_CHECKED crm_link_after_mark(crm_link *l, int i);
/** All parts at once (one group of sends and receives); between two ranks parts are matched in
 * order. */
CRM_CHECKED crm_link_move(crm_link *l, const crm_link_part *send, int n_send,
                          const crm_link_part *recv, int n_recv);
/** Each of n parts: at [size][bytes], of which every rank has filled its own; peer is not read.  In
 * one group. */
CRM_CHECKED crm_link_gather(crm_link *l, const crm_link_part *part, int n);
/** The library's own sum, in place; the order of the additions depends on the layout. */
CRM_CHECKED crm_link_sum(crm_link *l, float *v, int64_t n);
/** Operations enqueued from now on wait for the link's queue. */
CRM_CHECKED crm_link_use(crm_link *l);
/** Errors that arrived since, and the time limit while nothing in the queue comes to an end:
 * CRM_ERR_COMM; the link is aborted then.  *idle: the queue is empty.  Does not wait. */
CRM_CHECKED crm_link_check(crm_link *l, bool *idle);
/** Give up: what is in the queue ends, later calls fail, peers are told by their own crm_link_check
 * (at the latest by the time limit). */
void crm_link_abort(crm_link *l);
void crm_link_free(crm_link **l);

#endif
