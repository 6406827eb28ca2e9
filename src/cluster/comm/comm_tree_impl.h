/* comm_tree_impl.h - a tree sum: its nodes, its plans of additions, its memory. */
#ifndef CRM_COMM_TREE_IMPL_H
#define CRM_COMM_TREE_IMPL_H

#include "comm_impl.h"
#include "comm_tree_node.h"

enum {
    TREE_BLOCK = 4096
}; /* elements; slices are cut between blocks, additions go block by block */
#ifndef CRM_TREE_TOUCH
#define CRM_TREE_TOUCH 64
#endif
/* Elements of a block of the sparse part, and those that a word of its bitmap covers. */
enum { TREE_TOUCH = CRM_TREE_TOUCH, TREE_WORD = 64 * TREE_TOUCH };

/* Elements [first, end) of the vector that is summed. */
typedef struct tree_part {
    int64_t first, end;
} tree_part;

/* A vector, or a part of one whose first element is at v.  Bit b of touched is block b of the
 * sparse part of the whole vector; a block whose bit is not set is zero, so that nobody has to look
 * at it.
 */
typedef struct tree_vec {
    void *v;
    uint64_t *touched;
} tree_vec;

struct crm_tree {
    crm_comm *comm;
    crm_pool *pool;
    int64_t n_leaves, width;
    crm_dtype dtype;
    size_t item;          /* bytes of an element */
    int64_t sparse_first; /* elements from here on are zero but in touched blocks */
    int64_t words;        /* of a bitmap of these blocks; 0: all is dense */
    int64_t first, end;   /* leaves of this rank */
    int workers;
    int *base;       /* [workers + 1] first buffer of each worker */
    tree_vec *buf;   /* buffers of all workers, each of width elements */
    char *memory;    /* what buf points into */
    uint64_t *bits;  /* its bitmaps */
    int *making;     /* [workers] buffer of the leaf that a worker makes */
    tree_plan merge; /* worker's subtrees -> subtrees of this rank, over buf */
    int n_pieces;    /* subtrees of this rank, */
    int *piece;      /* [n_pieces] and the buffers that hold them */
    int n_slots;     /* subtrees of all ranks; slot k is this rank's slice of the k-th */
    int *first_slot; /* [size + 1] by rank */
    tree_vec *slot;  /* own ones point into buf, the others into inbox */
    char *inbox;
    uint64_t *inbox_bits;
    uint32_t *packed_in,
        *packed_out;     /* sparse parts on the wire: of foreign slots, of own pieces */
    tree_plan finish;    /* subtrees of all ranks -> the sum in slot 0, over slot */
    int *count, *offset; /* [size] the slices, in elements */
    MPI_Request *requests;
    MPI_Status *statuses;
};

/* Leaves of one worker out of the leaves of this rank. */
void crm_tree_worker_range(const crm_tree *t, int worker, int64_t *first, int64_t *end);

/* a[i] += b[i] in the tree's type. */
void crm_tree_add(const crm_tree *t, void *a, const void *b, int64_t n);
/* Address of element i of an array. */
void *crm_tree_element(const crm_tree *t, void *v, int64_t i);
tree_part crm_tree_part(const crm_tree *t, int rank); /* as crm_tree_slice */

/* ---- sparse part (comm_tree_sparse.c); part says which elements a vector holds ---- */

tree_part crm_tree_sparse_part(const crm_tree *t, tree_part part);
/* Words [*first, *end) of the bitmaps have blocks in part. */
void crm_tree_words(const crm_tree *t, tree_part part, int64_t *first, int64_t *end);
/* Zero the touched blocks. */
void crm_tree_clean(const crm_tree *t, tree_vec vec, tree_part part);
/* Zero all blocks, named or not. */
void crm_tree_wipe(const crm_tree *t, tree_vec vec);
/* Fails when a block that is not touched is not zero (in builds without NDEBUG). */
CRM_CHECKED crm_tree_check(const crm_tree *t, tree_vec vec);
/* to += from in the blocks of one word. */
void crm_tree_merge(const crm_tree *t, tree_vec to, tree_vec from, tree_part part, int64_t word);
/* full[width] += vec in all blocks. */
void crm_tree_add_touched(const crm_tree *t, void *full, tree_vec vec);
/* x + 0 in the blocks of one word: no zero of a sum is negative. */
void crm_tree_settle(const crm_tree *t, tree_vec vec, tree_part part, int64_t word);
/* The part of a whole vector as bitmap and touched blocks.  Items written, or 0 when the part as it
 * lies is no longer than that. */
int crm_tree_pack(const crm_tree *t, tree_vec whole, tree_part part, uint32_t *out);
/* The same n items, or the part as it lay, into a part's own vector. */
void crm_tree_unpack(const crm_tree *t, const uint32_t *in, int n, tree_vec vec, tree_part part);

/* ---- exchange (comm_tree_swap.c) ---- */

/* Subtrees of this rank go to the owners of their slices, those of others come into the inbox. */
CRM_CHECKED crm_tree_swap(crm_tree *t);
/* All slices to all ranks; mine is this rank's, or MPI_IN_PLACE when it is in full already. */
CRM_CHECKED crm_tree_spread(crm_tree *t, const void *mine, void *full);
/* MPI's own sum of all ranks' full[width], in place: for the fast sum only. */
CRM_CHECKED crm_tree_all_reduce(crm_tree *t, void *full);
#endif
