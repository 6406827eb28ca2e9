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

void crm_tree_add(const crm_tree *t, void *a, const void *b, int64_t n)
{
    if (t->dtype == CRM_F32)
        add_f32(a, b, n);
    else if (t->dtype == CRM_F64)
        add_f64(a, b, n);
    else
        add_i64(a, b, n);
}

static size_t bytes_of(const crm_tree *t, int64_t n)
{
    return (size_t)n * t->item;
}

void *crm_tree_element(const crm_tree *t, void *v, int64_t i)
{
    return (char *)v + bytes_of(t, i);
}

static tree_part whole(const crm_tree *t)
{
    return (tree_part){0, t->width};
}

/* ---- leaves ---- */

typedef struct leaf_job {
    crm_tree *t;
    crm_leaf_fn produce;
    void *ctx;
} leaf_job;

static crm_status produce_leaf(const leaf_job *job, int64_t leaf, int worker, int buf)
{
    crm_tree *t = job->t;
    tree_vec out = t->buf[buf];
    crm_status st;

    memset(out.v, 0, bytes_of(t, t->sparse_first));
    crm_tree_clean(t, out, whole(t));
    t->making[worker] = buf;
    st = job->produce(job->ctx, leaf, worker, out.v);
    if (!st) st = crm_tree_check(t, out);
    if (st) crm_tree_wipe(t, out); /* it may have written what it did not come to name */
    return st;
}

static void add_vec(const crm_tree *t, tree_vec to, tree_vec from)
{
    crm_tree_add(t, to.v, from.v, t->sparse_first);
    for (int64_t word = 0; word < t->words; word++)
        crm_tree_merge(t, to, from, whole(t), word);
}

/* One worker: its subtree number i is in its buffer number i. */
static crm_status count_up(void *ctx, int64_t task, int worker)
{
    const leaf_job *job = ctx;
    crm_tree *t = job->t;
    int base = t->base[task];
    int64_t first, end;
    tree_stack s;
    tree_add a;

    s.n = 0;
    crm_tree_worker_range(t, (int)task, &first, &end);
    for (int64_t leaf = first; leaf < end; leaf++) {
        CRM_TRY(produce_leaf(job, leaf, worker, base + s.n));
        crm_tree_push(&s, leaf, 0, base + s.n);
        while (crm_tree_join(&s, &a))
            add_vec(t, t->buf[a.to], t->buf[a.from]);
    }
    return CRM_OK;
}

/* ---- plans of additions, block by block so that a block stays in the cache ---- */

typedef struct plan_job {
    const crm_tree *t;
    const tree_plan *plan;
    tree_vec *vec;
    tree_part part;               /* that they hold */
    int64_t dense, blocks;        /* elements that are not sparse, and their blocks */
    int64_t first_word, n_blocks; /* blocks in all, a word of the bitmaps being one, too */
    bool settle;                  /* vector 0 is the sum */
} plan_job;

static void add_dense(const plan_job *job, int64_t block)
{
    const crm_tree *t = job->t;
    int64_t at = block * TREE_BLOCK, left = job->dense - at;
    int64_t n = left < TREE_BLOCK ? left : TREE_BLOCK;

    for (int i = 0; i < job->plan->n; i++)
        crm_tree_add(t, crm_tree_element(t, job->vec[job->plan->add[i].to].v, at),
                     crm_tree_element(t, job->vec[job->plan->add[i].from].v, at), n);
}

static void add_sparse(const plan_job *job, int64_t word)
{
    for (int i = 0; i < job->plan->n; i++)
        crm_tree_merge(job->t, job->vec[job->plan->add[i].to], job->vec[job->plan->add[i].from],
                       job->part, word);
    if (job->settle) crm_tree_settle(job->t, job->vec[0], job->part, word);
}

enum { DEAL = 8 }; /* words of a cache line */

/* Blocks are dealt to the workers by eight, since dense ones and those of frequent words stand
 * together. */
static crm_status add_blocks(void *ctx, int64_t task, int worker)
{
    const plan_job *job = ctx;
    int64_t step = (int64_t)DEAL * job->t->workers;

    (void)worker;
    for (int64_t at = task * DEAL; at < job->n_blocks; at += step)
        for (int64_t b = at; b < at + DEAL && b < job->n_blocks; b++)
            if (b < job->blocks)
                add_dense(job, b);
            else
                add_sparse(job, job->first_word + b - job->blocks);
    return CRM_OK;
}

static crm_status run_plan(const crm_tree *t, const tree_plan *plan, tree_vec *vec, tree_part part,
                           bool settle)
{
    plan_job job = {.t = t, .plan = plan, .vec = vec, .part = part, .settle = settle};
    int64_t end_word;

    if (plan->n == 0 && !(settle && t->words > 0)) return CRM_OK;
    job.dense = crm_tree_sparse_part(t, part).first - part.first;
    if (job.dense > part.end - part.first) job.dense = part.end - part.first;
    if (plan->n > 0) job.blocks = (job.dense + TREE_BLOCK - 1) / TREE_BLOCK;
    crm_tree_words(t, part, &job.first_word, &end_word);
    job.n_blocks = job.blocks + end_word - job.first_word;
    return crm_pool_run(job.n_blocks > 2 * DEAL * t->workers ? t->pool : NULL, t->workers,
                        add_blocks, &job);
}

/* ---- the exact sum ---- */

/* The sum of this rank's slice, in slot 0. */
static crm_status sum_slices(crm_tree *t, crm_leaf_fn produce, void *ctx)
{
    leaf_job job = {t, produce, ctx};
    tree_part part = crm_tree_part(t, t->comm->rank);

    CRM_TRY(crm_comm_agree(t->comm, crm_pool_run(t->pool, t->workers, count_up, &job)));
    CRM_TRY(run_plan(t, &t->merge, t->buf, whole(t), false));
    for (int i = 0; i < t->n_pieces; i++) {
        tree_vec piece = t->buf[t->piece[i]];
        t->slot[t->first_slot[t->comm->rank] + i] =
            (tree_vec){crm_tree_element(t, piece.v, part.first), piece.touched};
    }
    if (t->n_slots == 0) {
        t->slot[0] = t->buf[0];
        memset(t->slot[0].v, 0, bytes_of(t, t->width));
    }
    if (t->comm->size > 1) CRM_TRY(crm_tree_swap(t));
    return run_plan(t, &t->finish, t->slot, part, true);
}

crm_status crm_tree_sum_slice(crm_tree *t, crm_leaf_fn produce, void *ctx, void **slice)
{
    *slice = NULL;
    CRM_TRY(sum_slices(t, produce, ctx));
    *slice = t->slot[0].v;
    return CRM_OK;
}

/* One rank sums in place: out stands in for the buffer that the sum ends in. */
static crm_status sum_alone(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out)
{
    int at = t->n_pieces > 0 ? t->piece[0] : 0;
    void *own = t->buf[at].v;
    crm_status st;

    t->buf[at].v = out;
    st = sum_slices(t, produce, ctx);
    t->buf[at].v = own;
    return st;
}

crm_status crm_tree_sum(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out)
{
    bool alone = t->comm->size == 1;

    /* not for a sparse one, whose buffers know where they are not zero */
    if (alone && t->words == 0) return sum_alone(t, produce, ctx, out);
    CRM_TRY(sum_slices(t, produce, ctx));
    if (alone) memcpy(out, t->slot[0].v, bytes_of(t, t->width));
    return crm_tree_spread(t, t->slot[0].v, out);
}

/* ---- the fast sum ---- */

/* One worker adds its leaves in order, in its first buffer. */
static crm_status add_up(void *ctx, int64_t task, int worker)
{
    const leaf_job *job = ctx;
    crm_tree *t = job->t;
    int base = t->base[task];
    int64_t first, end;

    crm_tree_worker_range(t, (int)task, &first, &end);
    for (int64_t leaf = first; leaf < end; leaf++) {
        CRM_TRY(produce_leaf(job, leaf, worker, base + (leaf > first)));
        if (leaf > first) add_vec(t, t->buf[base], t->buf[base + 1]);
    }
    return CRM_OK;
}

crm_status crm_tree_sum_fast(crm_tree *t, crm_leaf_fn produce, void *ctx, void *out)
{
    leaf_job job = {t, produce, ctx};

    CRM_TRY(crm_comm_agree(t->comm, crm_pool_run(t->pool, t->workers, add_up, &job)));
    memset(out, 0, bytes_of(t, t->width));
    for (int w = 0; w < t->workers; w++) {
        if (t->base[w] == t->base[w + 1]) continue;
        crm_tree_add(t, out, t->buf[t->base[w]].v, t->sparse_first);
        crm_tree_add_touched(t, out, t->buf[t->base[w]]);
    }
    return t->comm->size > 1 ? crm_tree_all_reduce(t, out) : CRM_OK;
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
