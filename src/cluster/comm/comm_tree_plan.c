/* comm_tree_plan.c - which buffers a tree sum needs and which additions it does, settled once.
 *
 * A worker pushes its leaves from left to right on a stack of complete aligned subtrees and joins
 * siblings as soon as both are there: a binary counter.  What remains are the maximal aligned
 * subtrees of its range (at most 2 log2 n); pushed worker by worker, then rank by rank, they join
 * to the very nodes that one worker alone would have made, since a node is only ever made from its
 * two children. */
#include <limits.h>

#include "comm_tree_impl.h"
#include "crmpi/base_mem.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void crm_tree_worker_range(const crm_tree *t, int worker, int64_t *first, int64_t *end)
{
    int64_t n = t->end - t->first;

    *first = t->first + worker * n / t->workers;
    *end = t->first + (worker + 1) * n / t->workers;
}

/* Blocks are dealt so that rank 0 has the first: rank r owns [ceil(r b / R), ceil((r + 1) b / R)).
 */
static int64_t cut(const crm_tree *t, int rank)
{
    int64_t blocks = (t->width + TREE_BLOCK - 1) / TREE_BLOCK, size = t->comm->size;

    return smaller((rank * blocks + size - 1) / size * TREE_BLOCK, t->width);
}

void crm_tree_slice(const crm_tree *t, int rank, int64_t *first, int64_t *n)
{
    *first = cut(t, rank);
    *n = cut(t, rank + 1) - *first;
}

tree_part crm_tree_part(const crm_tree *t, int rank)
{
    return (tree_part){cut(t, rank), cut(t, rank + 1)};
}

/* Go through a worker's leaves without adding; the depth of the stack is its number of buffers. */
static int walk(const crm_tree *t, int worker, tree_stack *s)
{
    int64_t first, end;
    tree_add add;
    int depth = 0;

    s->n = 0;
    crm_tree_worker_range(t, worker, &first, &end);
    for (int64_t leaf = first; leaf < end; leaf++) {
        crm_tree_push(s, leaf, 0, s->n);
        if (s->n > depth) depth = s->n;
        while (crm_tree_join(s, &add)) {
        }
    }
    return depth;
}

static crm_status plan_buffers(crm_tree *t)
{
    size_t bytes = ((size_t)t->width * t->item + 63) / 64 * 64; /* no cache line has two owners */
    tree_stack s;
    int n;

    CRM_NEW(t->base, t->workers + 1);
    for (int w = 0; w < t->workers; w++)
        t->base[w + 1] = t->base[w] + walk(t, w, &s);
    n = t->base[t->workers] + (t->n_leaves == 0); /* the sum of nothing needs a place, too */
    CRM_NEW(t->buf, n + 1);
    t->memory = crm_mem_new((size_t)n, bytes);
    CRM_CHECK(
        t->memory, CRM_ERR_NOMEM,
        "out of memory: %d buffers of %zu bytes for an exact sum over %lld leaves by %d threads", n,
        bytes, (long long)t->n_leaves, t->workers);
    CRM_NEW(t->bits, n * t->words);
    CRM_NEW(t->making, t->workers);
    for (int i = 0; i < n; i++)
        t->buf[i] = (tree_vec){t->memory + (size_t)i * bytes, t->bits + i * t->words};
    return CRM_OK;
}

static crm_status plan_merge(crm_tree *t)
{
    tree_stack all = {0}, s;

    CRM_NEW(t->merge.add, t->base[t->workers] + 1);
    for (int w = 0; w < t->workers; w++) {
        walk(t, w, &s);
        for (int i = 0; i < s.n; i++)
            crm_tree_plan_push(&all, &t->merge, s.node[i].first, s.node[i].height,
                               t->base[w] + s.node[i].at);
    }
    t->n_pieces = all.n;
    CRM_NEW(t->piece, all.n + 1);
    for (int i = 0; i < all.n; i++)
        t->piece[i] = all.node[i].at;
    return CRM_OK;
}

static crm_status plan_finish(crm_tree *t)
{
    int size = t->comm->size;

    CRM_NEW(t->first_slot, size + 1);
    t->n_slots = crm_tree_plan_ranks(t->n_leaves, size, t->first_slot, NULL);
    CRM_NEW(t->finish.add, t->n_slots + 1);
    crm_tree_plan_ranks(t->n_leaves, size, t->first_slot, &t->finish);
    return CRM_OK;
}

/* This rank's slices of other ranks' subtrees, and room for sparse parts as they are sent. */
static crm_status plan_inbox(crm_tree *t, int foreign)
{
    int me = t->comm->rank, k = 0;
    size_t bytes = ((size_t)t->count[me] * t->item + 63) / 64 * 64;
    tree_part mine = crm_tree_sparse_part(t, crm_tree_part(t, me));

    t->inbox = crm_mem_new((size_t)foreign, bytes);
    CRM_CHECK(t->inbox, CRM_ERR_NOMEM, "out of memory: %d subtrees of %zu bytes from other ranks",
              foreign, bytes);
    CRM_NEW(t->inbox_bits, foreign * t->words);
    CRM_NEW(t->packed_in, foreign * (mine.end - mine.first));
    CRM_NEW(t->packed_out, t->n_pieces * (t->width - t->sparse_first));
    for (int i = 0; i < t->n_slots; i++) {
        if (i >= t->first_slot[me] && i < t->first_slot[me + 1]) continue;
        t->slot[i] = (tree_vec){t->inbox + bytes * (size_t)k, t->inbox_bits + k * t->words};
        k++;
    }
    return CRM_OK;
}

static crm_status plan_messages(crm_tree *t)
{
    int size = t->comm->size, foreign = t->n_slots - t->n_pieces, messages;
    int64_t at, n;

    CRM_NEW(t->count, size);
    CRM_NEW(t->offset, size);
    for (int q = 0; q < size; q++) {
        crm_tree_slice(t, q, &at, &n);
        t->count[q] = (int)n; /* fits: see check_shape */
        t->offset[q] = (int)at;
    }
    CRM_NEW(t->slot, t->n_slots + 1);
    messages = 2 * (foreign + t->n_pieces * size); /* a dense and a sparse part each */
    CRM_NEW(t->requests, messages);
    CRM_NEW(t->statuses, messages);
    return plan_inbox(t, foreign);
}

static crm_status check_shape(const crm_tree *t)
{
    bool kind = t->dtype == CRM_F32 || t->dtype == CRM_F64 || t->dtype == CRM_I64;
    int64_t most = t->comm->size > 1 ? INT_MAX : INT64_MAX / 16;

    CRM_CHECK(kind, CRM_ERR_ARG, "an exact sum of %s is not offered, only f32, f64, i64",
              crm_dtype_name(t->dtype));
    CRM_CHECK(t->n_leaves >= 0 && t->n_leaves < (int64_t)1 << 40, CRM_ERR_ARG,
              "exact sum over %lld leaves, 0 to 2^40 are possible", (long long)t->n_leaves);
    CRM_CHECK(t->width >= 0 && t->width <= most, CRM_ERR_ARG,
              "exact sum of %lld elements over %d ranks, 0 to %lld are possible",
              (long long)t->width, t->comm->size, (long long)most);
    CRM_CHECK(t->sparse_first >= 0 && t->sparse_first <= t->width, CRM_ERR_ARG,
              "exact sum sparse from element %lld on, 0 to the width %lld are possible",
              (long long)t->sparse_first, (long long)t->width);
    return CRM_OK;
}

static crm_status plan(crm_tree *t)
{
    CRM_TRY(check_shape(t));
    t->words = (t->width - t->sparse_first + TREE_WORD - 1) / TREE_WORD;
    crm_tree_range(t->n_leaves, t->comm->rank, t->comm->size, &t->first, &t->end);
    CRM_TRY(plan_buffers(t));
    CRM_TRY(plan_merge(t));
    CRM_TRY(plan_finish(t));
    if (t->comm->size > 1) return plan_messages(t);
    CRM_NEW(t->slot, t->n_slots + 1);
    return CRM_OK;
}

static crm_status make(const crm_tree *shape, crm_tree **out)
{
    CRM_NEW(*out, 1);
    **out = *shape;
    return plan(*out);
}

static crm_status make_everywhere(const crm_tree *shape, crm_tree **out)
{
    crm_status st;

    *out = NULL;
    crm_fp_setup(); /* additions of this thread and of the pool's treat denormals alike */
    st = crm_comm_agree(shape->comm, make(shape, out));
    if (st) crm_tree_free(out);
    return st;
}

static crm_tree shape_of(crm_comm *comm, crm_pool *pool, int64_t n_leaves, int64_t width,
                         crm_dtype dtype)
{
    return (crm_tree){.comm = comm,
                      .pool = pool,
                      .n_leaves = n_leaves,
                      .width = width,
                      .sparse_first = width,
                      .dtype = dtype,
                      .item = crm_dtype_size(dtype),
                      .workers = crm_pool_size(pool)};
}

crm_status crm_tree_new(crm_comm *comm, crm_pool *pool, int64_t n_leaves, int64_t width,
                        crm_dtype dtype, crm_tree **out)
{
    crm_tree shape = shape_of(comm, pool, n_leaves, width, dtype);

    return make_everywhere(&shape, out);
}

crm_status crm_tree_new_sparse(crm_comm *comm, crm_pool *pool, int64_t n_leaves, int64_t width,
                               int64_t sparse_first, crm_tree **out)
{
    crm_tree shape = shape_of(comm, pool, n_leaves, width, CRM_F32);

    shape.sparse_first = sparse_first;
    return make_everywhere(&shape, out);
}

void crm_tree_free(crm_tree **tp)
{
    crm_tree *t = *tp;

    if (!t) return;
    crm_mem_free(t->base);
    crm_mem_free(t->buf);
    crm_mem_free(t->memory);
    crm_mem_free(t->bits);
    crm_mem_free(t->making);
    crm_mem_free(t->merge.add);
    crm_mem_free(t->piece);
    crm_mem_free(t->first_slot);
    crm_mem_free(t->slot);
    crm_mem_free(t->inbox);
    crm_mem_free(t->inbox_bits);
    crm_mem_free(t->packed_in);
    crm_mem_free(t->packed_out);
    crm_mem_free(t->finish.add);
    crm_mem_free(t->count);
    crm_mem_free(t->offset);
    crm_mem_free(t->requests);
    crm_mem_free(t->statuses);
    crm_mem_free(t);
    *tp = NULL;
}
