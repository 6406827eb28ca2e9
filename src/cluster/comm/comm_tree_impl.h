/* comm_tree_impl.h - a tree sum: its nodes, its plans of additions, its memory. */
#ifndef CRM_COMM_TREE_IMPL_H
#define CRM_COMM_TREE_IMPL_H

#include "comm_impl.h"

enum {
    TREE_BLOCK = 4096
}; /* elements; slices are cut between blocks, additions go block by block */
enum { TREE_STACK = 128 }; /* a range has at most 2 subtrees of each height */

/* Complete subtree over leaves [first, first + 2^height), first a multiple of 2^height; its sum is
 * in buffer number at. */
typedef struct tree_node {
    int64_t first;
    int height, at;
} tree_node;

/* Subtrees that cover a range of leaves from left to right. */
typedef struct tree_stack {
    int n;
    tree_node node[TREE_STACK];
} tree_stack;

typedef struct tree_add { /* buffer to += buffer from */
    int to, from;
} tree_add;

typedef struct tree_plan {
    int n;
    tree_add *add;
} tree_plan;

struct crm_tree {
    crm_comm *comm;
    crm_pool *pool;
    int64_t n_leaves, width;
    crm_dtype dtype;
    size_t item;        /* bytes of an element */
    int64_t first, end; /* leaves of this rank */
    int workers;
    int *base;       /* [workers + 1] first buffer of each worker */
    void **buf;      /* buffers of all workers, each of width elements */
    char *memory;    /* what buf points into */
    tree_plan merge; /* worker's subtrees -> subtrees of this rank, over buf */
    int n_pieces;    /* subtrees of this rank, */
    int *piece;      /* [n_pieces] and the buffers that hold them */
    int n_slots;     /* subtrees of all ranks; slot k is this rank's slice of the k-th */
    int *first_slot; /* [size + 1] by rank */
    void **slot;     /* own ones point into buf, the others into inbox */
    char *inbox;
    tree_plan finish;    /* subtrees of all ranks -> the sum in slot 0, over slot */
    int *count, *offset; /* [size] the slices, in elements */
    MPI_Request *requests;
};

/* Put a subtree to the right of all others. */
void crm_tree_push(tree_stack *s, int64_t first, int height, int at);
/* If the two subtrees on the right are the children of one node, put that node in their place and
 * tell the addition. */
bool crm_tree_join(tree_stack *s, tree_add *add);
/* As join for any two subtrees: the missing right children at the end of the tree are skipped. */
bool crm_tree_fold(tree_stack *s, tree_add *add);
/* Leaves of one worker out of the leaves of this rank. */
void crm_tree_worker_range(const crm_tree *t, int worker, int64_t *first, int64_t *end);
#endif
