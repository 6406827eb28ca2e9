/* comm_device_impl.h - an exact sum in device memory: its cuts, its plans of additions, its memory.
 */
#ifndef CRM_COMM_DEVICE_IMPL_H
#define CRM_COMM_DEVICE_IMPL_H

#include "comm_impl.h"
#include "comm_tree_node.h"
#include "crmpi/comm_device.h"
#include "crmpi/device_link.h"

/* Elements [first, first + n) of the vector; rank q owns the q-th `part` of them (the last ones
 * fewer or none).  All buckets but the last have size * part elements. */
typedef struct dsum_bucket {
    int64_t first, n, part;
} dsum_bucket;

/* Something that has `item` bytes for every `per` elements of the vector. */
typedef struct dsum_view {
    char *at;
    size_t item;
    int64_t per;
} dsum_view;

struct crm_dsum {
    crm_comm *comm;
    crm_device *d;
    crm_dsum_cfg cfg;
    crm_link *link;          /* NULL: one rank, or MPI */
    int64_t first_leaf, own; /* leaves of this rank    */
    int64_t stride;
    float *leaves; /* device [own][stride]; the leftmost of a subtree becomes its sum */
    float *sum;    /* device [width] */

    int64_t bucket; /* elements of all buckets but the last */
    int n_buckets;
    int ready; /* buckets whose additions are enqueued; a captured graph has all of them */
    crm_dsum_piece *piece;
    int n_pieces;

    tree_plan merge; /* leaves -> subtrees of this rank (one rank, or not exact: -> their sum) */
    int n_trees;     /* subtrees of this rank, */
    int *tree;       /* [n_trees] and the leaves that hold them */
    float **leaf;    /* [own] */

    tree_plan finish; /* subtrees of all ranks -> the sum */
    int n_slots;      /* subtrees of all ranks, */
    int *first_slot;  /* [size + 1] by rank */
    float **slot;     /* [n_slots] this rank's piece of a bucket in each subtree */
    float *inbox;     /* device [n_slots - n_trees][inbox_stride]: pieces of foreign ones */
    int64_t inbox_stride;

    /* NCCL */
    crm_link_part *send, *recv; /* of one bucket */
    crm_link_part *gather;      /* [n_buckets] */
    char *spare;                /* device: the parts of the last bucket, padded */

    /* MPI */
    MPI_Request *req;    /* of all buckets */
    int *count, *offset; /* [size] bytes of the parts of a bucket */
    float *out;          /* host [n_trees][width]; these are NULL on a device with host memory */
    float *in;           /* host: as inbox */
    double *whole;       /* host [width] f32, or the sums of blocks */
};

/* ---- cuts and plans (comm_device_plan.c) ---- */

dsum_bucket crm_dsum_bucket(const crm_dsum *t, int k);
/* What rank q owns of a bucket; n may be 0. */
crm_dsum_piece crm_dsum_part(const dsum_bucket *b, int q);
CRM_CHECKED crm_dsum_plan(crm_dsum *t);
/* Where this rank's piece of bucket k of foreign subtree i (in order of subtrees) arrives, in an
 * inbox. */
float *crm_dsum_letter(const crm_dsum *t, float *inbox, int i, int k);

/* ---- what transports share ---- */

/* The tree of this rank's piece of bucket k, its subtrees being where they are. */
CRM_CHECKED crm_dsum_finish_bucket(crm_dsum *t, int k);
int64_t crm_dsum_items(const dsum_view *v, int64_t n); /* items that n elements have */

/* ---- MPI (comm_device_mpi.c); collective ---- */

CRM_CHECKED crm_dsum_mpi_new(crm_dsum *t); /* its memory; rank-local */
CRM_CHECKED crm_dsum_mpi_exchange(crm_dsum *t);
CRM_CHECKED crm_dsum_mpi_gather(crm_dsum *t, const dsum_view *v);
CRM_CHECKED crm_dsum_mpi_sum(crm_dsum *t);
void crm_dsum_mpi_free(crm_dsum *t);

/* ---- NCCL (comm_device_link.c) ---- */

/* Opens t->link, or leaves it NULL for MPI.  Collective. */
CRM_CHECKED crm_dsum_choose(crm_dsum *t);
/* These enqueue only; their statuses are rank-local. */
CRM_CHECKED crm_dsum_link_exchange(crm_dsum *t);
CRM_CHECKED crm_dsum_link_gather(crm_dsum *t, const dsum_view *v);
CRM_CHECKED crm_dsum_link_sum(crm_dsum *t);
void crm_dsum_link_free(crm_dsum *t);

#endif
