/* sweep_heap.c - a binary heap: the least item on top. */
#include "crmpi/base_mem.h"
#include "sweep_impl.h"

static bool before(const sweep_item *a, const sweep_item *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

crm_status sweep_heap_push(sweep_heap *h, sweep_item x)
{
    int64_t i = h->n;

    if (h->n == h->cap) {
        int64_t cap = h->cap ? 2 * h->cap : 64;
        sweep_item *more = crm_mem_grow(h->item, (size_t)h->cap, (size_t)cap, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: a heap of a sweep");
        h->item = more;
        h->cap = cap;
    }
    h->n++;
    for (; i > 0 && before(&x, &h->item[(i - 1) / 2]); i = (i - 1) / 2)
        h->item[i] = h->item[(i - 1) / 2];
    h->item[i] = x;
    return CRM_OK;
}

bool sweep_heap_pop(sweep_heap *h, sweep_item *out)
{
    sweep_item last;
    int64_t i = 0, child;

    if (h->n == 0) return false;
    *out = h->item[0];
    last = h->item[--h->n];
    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && before(&h->item[child + 1], &h->item[child])) child++;
        if (!before(&h->item[child], &last)) break;
        h->item[i] = h->item[child];
        i = child;
    }
    h->item[i] = last;
    return true;
}

void sweep_heap_free(sweep_heap *h)
{
    crm_mem_free(h->item);
    *h = (sweep_heap){0};
}
