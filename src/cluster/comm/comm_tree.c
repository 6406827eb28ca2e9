/* comm_tree.c - the exact sum: leaves -> subtrees of this rank -> slices to their owners -> the
 * sum.
 *
 *     node(0, i) = leaf i,  node(h, i) = node(h - 1, 2i) + node(h - 1, 2i + 1)
 *
 * element by element; a missing right child leaves the left unchanged.  comm_tree_plan.c says who
 * adds what; here it is done.  Nothing is allocated. */
#include <string.h>

#include "comm_tree_impl.h"

/* Plain loops, vectorised by the compiler: each element is one addition, so its width changes no
 * bit. */
#define DEFINE_ADD(name, T)                                                                        \
    static void name(void *to, const void *from, int64_t n)                                        \
    {                                                                                              \
        T *restrict a = to;                                                                        \
        const T *restrict b = from;                                                                \
        for (int64_t i = 0; i < n; i++)                                                            \
            a[i] += b[i];                                                                          \
    }
DEFINE_ADD(add_f32, float)
DEFINE_ADD(add_f64, double)
DEFINE_ADD(add_i64, uint64_t) /* wraps instead of being undefined */

static void add(const crm_tree *t, void *to, const void *from, int64_t n)
{
    if (t->dtype == CRM_F32)
        add_f32(to, from, n);
    else if (t->dtype == CRM_F64)
        add_f64(to, from, n);
    else
        add_i64(to, from, n);
}

static MPI_Datatype mpi_type(const crm_tree *t)
{
    return t->dtype == CRM_F32 ? MPI_FLOAT : t->dtype == CRM_F64 ? MPI_DOUBLE : MPI_INT64_T;
}

static size_t bytes_of(const crm_tree *t, int64_t n)
{
    return (size_t)n * t->item;
}

static void *element(const crm_tree *t, void *v, int64_t i)
{
    return (char *)v + bytes_of(t, i);
}

/* ---- leaves ---- */

typedef struct leaf_job {
    crm_tree *t;
    crm_leaf_fn produce;
    void *ctx;
} leaf_job;

static crm_status produce_leaf(const leaf_job *job, int64_t leaf, int worker, void *out)
{
    memset(out, 0, bytes_of(job->t, job->t->width));
    return job->produce(job->ctx, leaf, worker, out);
}

/* One worker: its subtree number i is in its buffer number i. */
static crm_status count_up(void *ctx, int64_t task, int worker)
{
    const leaf_job *job = ctx;
    crm_tree *t = job->t;
    void **buf = t->buf + t->base[task];
    int64_t first, end;
    tree_stack s;
    tree_add a;

    s.n = 0;
    crm_tree_worker_range(t, (int)task, &first, &end);
    for (int64_t leaf = first; leaf < end; leaf++) {
        CRM_TRY(produce_leaf(job, leaf, worker, buf[s.n]));
        crm_tree_push(&s, leaf, 0, s.n);
        while (crm_tree_join(&s, &a))
            add(t, buf[a.to], buf[a.from], t->width);
    }
    return CRM_OK;
}

/* ---- plans of additions, block by block so that a block stays in the cache ---- */

typedef struct plan_job {
    const crm_tree *t;
    const tree_plan *plan;
    void **buf;
    int64_t n;
} plan_job;

static crm_status add_block(void *ctx, int64_t block, int worker)
{
    const plan_job *job = ctx;
    int64_t at = block * TREE_BLOCK, left = job->n - at;
    int64_t n = left < TREE_BLOCK ? left : TREE_BLOCK;

    (void)worker;
    for (int i = 0; i < job->plan->n; i++)
        add(job->t, element(job->t, job->buf[job->plan->add[i].to], at),
            element(job->t, job->buf[job->plan->add[i].from], at), n);
    return CRM_OK;
}

static crm_status run_plan(const crm_tree *t, const tree_plan *plan, void **buf, int64_t n)
{
    plan_job job = {t, plan, buf, n};
    int64_t blocks = (n + TREE_BLOCK - 1) / TREE_BLOCK;

    if (plan->n == 0) return CRM_OK;
    return crm_pool_run(blocks > 2 * t->workers ? t->pool : NULL, blocks, add_block, &job);
}

/* ---- slices ---- */

/* Subtrees of this rank go to the owners of their slices, those of others come into the inbox. */
static crm_status swap_slices(crm_tree *t)
{
    int me = t->comm->rank, size = t->comm->size, n = 0;
    MPI_Datatype type = mpi_type(t);

    for (int d = 1; d < size; d++) {
        int q = (me + size - d) % size;
        for (int k = t->first_slot[q]; t->count[me] > 0 && k < t->first_slot[q + 1]; k++)
            CRM_TRY(crm_comm_check(MPI_Irecv(t->slot[k], t->count[me], type, q,
                                             TAG_TREE + k - t->first_slot[q], t->comm->mpi,
                                             &t->requests[n++]),
                                   "MPI_Irecv"));
    }
    for (int d = 1; d < size;
         d++) { /* each rank begins with another one, so that none is flooded */
        int q = (me + d) % size;
        for (int i = 0; t->count[q] > 0 && i < t->n_pieces; i++)
            CRM_TRY(
                crm_comm_check(MPI_Isend(element(t, t->buf[t->piece[i]], t->offset[q]), t->count[q],
                                         type, q, TAG_TREE + i, t->comm->mpi, &t->requests[n++]),
                               "MPI_Isend"));
    }
    return crm_comm_check(MPI_Waitall(n, t->requests, MPI_STATUSES_IGNORE), "MPI_Waitall");
}

/* The sum of this rank's slice, in slot 0. */
static crm_status sum_slices(crm_tree *t, crm_leaf_fn produce, void *ctx)
{
    leaf_job job = {t, produce, ctx};
    int64_t first, n;

    CRM_TRY(crm_comm_agree(t->comm, crm_pool_run(t->pool, t->workers, count_up, &job)));
    CRM_TRY(run_plan(t, &t->merge, t->buf, t->width));
    crm_tree_slice(t, t->comm->rank, &first, &n);
    for (int i = 0; i < t->n_pieces; i++)
        t->slot[t->first_slot[t->comm->rank] + i] = element(t, t->buf[t->piece[i]], first);
    if (t->n_slots == 0) {
        t->slot[0] = t->buf[0];
        memset(t->slot[0], 0, bytes_of(t, t->width));
    }
    if (t->comm->size > 1) CRM_TRY(swap_slices(t));
    return run_plan(t, &t->finish, t->slot, n);
}

/* All slices to all ranks; mine is this rank's, or MPI_IN_PLACE when it is in full already. */
static crm_status spread(crm_tree *t, const void *mine, void *full)
{
    crm_comm *c = t->comm;
    MPI_Datatype type = mpi_type(t);

    if (c->size == 1) return CRM_OK;
    if (t->width > TREE_BLOCK)
        return crm_comm_check(
            MPI_Allgatherv(mine, t->count[c->rank], type, full, t->count, t->offset, type, c->mpi),
            "MPI_Allgatherv");
    /* a single block is rank 0's */
    if (c->rank == 0 && mine != MPI_IN_PLACE && t->width > 0)
        memcpy(full, mine, bytes_of(t, t->width));
    return crm_comm_check(MPI_Bcast(full, (int)t->width, type, 0, c->mpi), "MPI_Bcast");
}

crm_status crm_tree_sum_slice(crm_tree *t, crm_leaf_fn produce, void *ctx, void **slice)
{
    *slice = NULL;
    CRM_TRY(sum_slices(t, produce, ctx));
    *slice = t->slot[0];
    return CRM_OK;
}

crm_status crm_tree_gather(crm_tree *t, void *full)
{
    return spread(t, MPI_IN_PLACE, full);
}

/* One rank sums in place: out stands in for the buffer that the sum ends in. */
static crm_status sum_alone(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out)
{
    int at = t->n_pieces > 0 ? t->piece[0] : 0;
    void *own = t->buf[at];
    crm_status st;

    t->buf[at] = out;
    st = sum_slices(t, produce, ctx);
    t->buf[at] = own;
    return st;
}

crm_status crm_tree_sum(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out)
{
    if (t->comm->size == 1) return sum_alone(t, produce, ctx, out);
    CRM_TRY(sum_slices(t, produce, ctx));
    return spread(t, t->slot[0], out);
}

/* ---- the fast sum ---- */

/* One worker adds its leaves in order, in its first buffer. */
static crm_status add_up(void *ctx, int64_t task, int worker)
{
    const leaf_job *job = ctx;
    crm_tree *t = job->t;
    void **buf = t->buf + t->base[task];
    int64_t first, end;

    crm_tree_worker_range(t, (int)task, &first, &end);
    for (int64_t leaf = first; leaf < end; leaf++) {
        CRM_TRY(produce_leaf(job, leaf, worker, buf[leaf > first]));
        if (leaf > first) add(t, buf[0], buf[1], t->width);
    }
    return CRM_OK;
}

crm_status crm_tree_sum_fast(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out)
{
    leaf_job job = {t, produce, ctx};
    crm_comm *c = t->comm;

    CRM_TRY(crm_comm_agree(c, crm_pool_run(t->pool, t->workers, add_up, &job)));
    memset(out, 0, bytes_of(t, t->width));
    for (int w = 0; w < t->workers; w++)
        if (t->base[w] < t->base[w + 1]) add(t, out, t->buf[t->base[w]], t->width);
    if (c->size == 1) return CRM_OK;
    /* The one floating MPI_SUM there is: train.reduce = fast, whose results depend on the layout.
     */
    return crm_comm_check(
        MPI_Allreduce(MPI_IN_PLACE, out, (int)t->width, mpi_type(t), MPI_SUM, c->mpi),
        "MPI_Allreduce");
}

/* ---- sums over rows ---- */

crm_status crm_tree_sum_once(crm_comm *c, crm_pool *pool, int64_t n_leaves, int64_t width,
                             crm_leaf_fn produce, void *ctx, double *out)
{
    crm_tree *t;
    crm_status st;

    CRM_TRY(crm_tree_new(c, pool, n_leaves, width, CRM_F64, &t));
    st = crm_tree_sum(t, produce, ctx, out);
    crm_tree_free(&t);
    return st;
}

int64_t crm_leaf_count(int64_t n_rows)
{
    return n_rows / CRM_LEAF_ROWS + (n_rows % CRM_LEAF_ROWS > 0);
}

void crm_leaf_rows(int64_t n_rows, int64_t leaf, int64_t *first, int64_t *n)
{
    int64_t left = n_rows - leaf * CRM_LEAF_ROWS;

    *first = leaf * CRM_LEAF_ROWS;
    *n = left < CRM_LEAF_ROWS ? left : CRM_LEAF_ROWS;
}
