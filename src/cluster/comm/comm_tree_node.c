/* comm_tree_node.c - subtrees of ranges of leaves and how they join (comm_tree_plan.c has the
 * why). */
#include "comm_tree_node.h"

#include "crmpi/comm.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void crm_tree_range(int64_t n_leaves, int rank, int size, int64_t *first, int64_t *end)
{
    if (size <= n_leaves) {
        *first = rank * n_leaves / size;
        *end = (rank + 1) * n_leaves / size;
    } else {
        *first = smaller(rank, n_leaves);
        *end = smaller(rank + 1, n_leaves);
    }
}

void crm_tree_push(tree_stack *s, int64_t first, int height, int at)
{
    s->node[s->n++] = (tree_node){first, height, at};
}

bool crm_tree_fold(tree_stack *s, tree_add *add)
{
    if (s->n < 2) return false;
    s->n--;
    *add = (tree_add){s->node[s->n - 1].at, s->node[s->n].at};
    s->node[s->n - 1].height++;
    return true;
}

bool crm_tree_join(tree_stack *s, tree_add *add)
{
    const tree_node *left;

    if (s->n < 2) return false;
    left = &s->node[s->n - 2];
    if (left->height != left[1].height || (left->first >> left->height) % 2 != 0) return false;
    return crm_tree_fold(s, add);
}

void crm_tree_plan_push(tree_stack *s, tree_plan *plan, int64_t first, int height, int at)
{
    crm_tree_push(s, first, height, at);
    while (crm_tree_join(s, &plan->add[plan->n]))
        plan->n++;
}

/* Height of the largest complete subtree that starts at first and ends by end. */
static int height_at(int64_t first, int64_t end)
{
    int h = 0;

    while ((first >> h) % 2 == 0 && first + ((int64_t)2 << h) <= end)
        h++;
    return h;
}

int crm_tree_plan_ranks(int64_t n_leaves, int size, int *first_slot, tree_plan *finish)
{
    tree_stack s = {0};
    int64_t first, end;
    int k = 0;

    for (int q = 0; q < size; q++) {
        first_slot[q] = k;
        crm_tree_range(n_leaves, q, size, &first, &end);
        for (int h; first < end; first += (int64_t)1 << h, k++) {
            h = height_at(first, end);
            if (finish) crm_tree_plan_push(&s, finish, first, h, k);
        }
    }
    first_slot[size] = k;
    while (finish && crm_tree_fold(&s, &finish->add[finish->n]))
        finish->n++;
    return k;
}
