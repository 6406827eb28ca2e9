/* knn_list.c - the k nearest rows of a query: a heap with the farthest on top. */
#include <math.h>

#include "knn_impl.h"

static bool farther(const knn_near *a, const knn_near *b)
{
    return a->dist > b->dist || (a->dist == b->dist && a->at > b->at);
}

/* Put v where near[at] is free, below its children among the first n. */
static void sink(knn_near *near, int64_t n, int64_t at, knn_near v)
{
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && farther(&near[child + 1], &near[child])) child++;
        if (!farther(&near[child], &v)) break;
        near[at] = near[child];
    }
    near[at] = v;
}

static void rise(knn_near *near, int64_t at, knn_near v)
{
    for (; at > 0 && farther(&v, &near[(at - 1) / 2]); at = (at - 1) / 2)
        near[at] = near[(at - 1) / 2];
    near[at] = v;
}

void knn_offer(knn_list *l, double dist, int64_t at)
{
    knn_near v = {dist, at};

    if (l->n < l->k)
        rise(l->near, l->n++, v);
    else if (farther(&l->near[0], &v))
        sink(l->near, l->n, 0, v);
}

void knn_sort(knn_list *l)
{
    for (int64_t n = l->n - 1; n > 0; n--) {
        knn_near last = l->near[n];
        l->near[n] = l->near[0];
        sink(l->near, n, 0, last);
    }
}
