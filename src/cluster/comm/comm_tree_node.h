/* comm_tree_node.h - the tree of an exact sum as a plan: complete subtrees, and the additions that
 * join them.  Shared by sums of vectors in host memory (comm_tree) and in that of devices
 * (comm_device): one algorithm, hence one tree. */
#ifndef CRM_COMM_TREE_NODE_H
#define CRM_COMM_TREE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/device.h"

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

typedef crm_add tree_add; /* buffer to += buffer from */

typedef struct tree_plan {
    int n;
    tree_add *add;
} tree_plan;

/* Put a subtree to the right of all others. */
void crm_tree_push(tree_stack *s, int64_t first, int height, int at);
/* If the two subtrees on the right are the children of one node, put that node in their place and
 * tell the addition. */
bool crm_tree_join(tree_stack *s, tree_add *add);
/* As join for any two subtrees: the missing right children at the end of the tree are skipped. */
bool crm_tree_fold(tree_stack *s, tree_add *add);
/* Push, and plan the joins that become possible; plan->add has room for one more than there are. */
void crm_tree_plan_push(tree_stack *s, tree_plan *plan, int64_t first, int height, int at);

/* Maximal subtrees of all ranks in order of leaves: rank q has numbers [first_slot[q], first_slot[q
 * + 1]).  With finish, the additions that make the whole tree of them, its sum in number 0; room
 * for as many additions as there are subtrees.  Returns how many there are. */
int crm_tree_plan_ranks(int64_t n_leaves, int size, int *first_slot, tree_plan *finish);

#endif
