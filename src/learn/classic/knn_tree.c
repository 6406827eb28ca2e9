/* knn_tree.c - search in a k-d tree (Bentley 1975; bounds by the boxes of the rows, as in Friedman,
 * Bentley & Finkel 1977). */
#include "knn_impl.h"

enum { DEPTH = 64 }; /* of 2^31 rows; each level leaves one node behind */

/* A box is left out when even its nearest point, less what rounding may add, is too far. */
#define SLACK (1 - 0x1p-30)

typedef struct later {
    int32_t node;
    double bound;
} later;

static double bound_of(const knn_tree *t, int32_t node, const double *q)
{
    const knn_rows *r = t->rows;

    return SLACK * r->metric->box(t->low + node * r->d, t->high + node * r->d, q, r->d, r->p);
}

static void search_leaf(const knn_tree *t, const struct knn_node *leaf, const double *q,
                        knn_list *l)
{
    const knn_rows *r = t->rows;
    double dist[KNN_LANES];

    for (int64_t b = leaf->first; b < leaf->end; b++) {
        const int32_t *at = t->at + b * KNN_LANES;
        r->metric->block(t->block + b * r->d * KNN_LANES, q, r->d, r->p, dist);
        for (int i = 0; i < KNN_LANES; i++)
            if (dist[i] <= knn_worst(l) && at[i] >= 0) knn_offer(l, dist[i], at[i]);
    }
}

/* From a node to a leaf by the nearer child; the other ones are put on the stack. */
static int32_t descend(const knn_tree *t, const double *q, int32_t node, later *stack, int *n,
                       int64_t *nodes)
{
    while (t->node[node].right) {
        int32_t left = node + 1, right = t->node[node].right;
        double l = bound_of(t, left, q), r = bound_of(t, right, q);

        stack[(*n)++] = l <= r ? (later){right, r} : (later){left, l};
        node = l <= r ? left : right;
        *nodes += 2;
    }
    return node;
}

void knn_tree_search(const knn_tree *t, const double *q, knn_list *l, int64_t *nodes,
                     int64_t *blocks)
{
    later stack[DEPTH] = {{0, bound_of(t, 0, q)}};

    for (int n = 1; n > 0;) {
        later at = stack[--n];
        const struct knn_node *leaf;
        if (at.bound > knn_worst(l)) continue;
        leaf = &t->node[descend(t, q, at.node, stack, &n, nodes)];
        *blocks += leaf->end - leaf->first;
        search_leaf(t, leaf, q, l);
    }
}
