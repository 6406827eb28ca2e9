/* comm_device_plan.c - how the vector of a sum in device memory is cut and who adds what.
 *
 * The vector is cut into buckets and each bucket into a part per rank, both at CRM_BLOCK elements.
 * All buckets but the last are a multiple of size * CRM_BLOCK, so that their parts are equal and
 * stand in the order of the ranks: what a library's all-gather wants, without copies.  The cuts
 * depend on the number of ranks, the bits of the sum do not: every element is added by the same
 * tree. */
#include "comm_device_impl.h"
#include "crmpi/base_mem.h"

enum { LINE = 64 }; /* elements to which vectors of leaves are aligned */

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

dsum_bucket crm_dsum_bucket(const crm_dsum *t, int k)
{
    dsum_bucket b = {.first = k * t->bucket};

    b.n = smaller(t->bucket, t->cfg.width - b.first);
    b.part = round_up((b.n + t->comm->size - 1) / t->comm->size, CRM_BLOCK);
    return b;
}

crm_dsum_piece crm_dsum_part(const dsum_bucket *b, int q)
{
    int64_t at = smaller(q * b->part, b->n);

    return (crm_dsum_piece){b->first + at, smaller(b->part, b->n - at)};
}

float *crm_dsum_letter(const crm_dsum *t, float *inbox, int i, int k)
{
    return inbox + i * t->inbox_stride + k * (t->bucket / t->comm->size);
}

/* A bucket fits one message of MPI, so that no piece has to go in several. */
static crm_status plan_buckets(crm_dsum *t)
{
    int64_t least = (int64_t)CRM_BLOCK * t->comm->size, most = (int64_t)(t->comm->chunk / 4);
    int64_t want = smaller(t->cfg.bucket / 4, most) / least * least, n;

    t->bucket = want > least ? want : least;
    n = (t->cfg.width + t->bucket - 1) / t->bucket;
    CRM_CHECK(n <= 1 << 20, CRM_ERR_CONFIG,
              "%lld buckets of %lld bytes for a vector of %lld elements: at most %d; raise "
              "gpu.bucket",
              (long long)n, (long long)t->bucket * 4, (long long)t->cfg.width, 1 << 20);
    t->n_buckets = (int)n;
    CRM_NEW(t->piece, t->n_buckets + 1);
    for (int k = 0; k < t->n_buckets; k++) {
        dsum_bucket b = crm_dsum_bucket(t, k);
        crm_dsum_piece p = crm_dsum_part(&b, t->comm->rank);
        if (p.n > 0) t->piece[t->n_pieces++] = p;
    }
    return CRM_OK;
}

/* Leaves of this rank to its subtrees. */
static void plan_trees(crm_dsum *t)
{
    tree_stack s = {0};

    for (int i = 0; i < (int)t->own; i++)
        crm_tree_plan_push(&s, &t->merge, t->first_leaf + i, 0, i);
    t->n_trees = s.n;
    for (int i = 0; i < s.n; i++)
        t->tree[i] = s.node[i].at;
    while (t->comm->size == 1 && crm_tree_fold(&s, &t->merge.add[t->merge.n]))
        t->merge.n++;
}

/* Not exact: leaves one after the other. */
static void plan_line(crm_dsum *t)
{
    for (int i = 1; i < (int)t->own; i++)
        t->merge.add[t->merge.n++] = (tree_add){0, i};
}

static crm_status plan_additions(crm_dsum *t)
{
    int64_t end;

    crm_tree_range(t->cfg.n_leaves, t->comm->rank, t->comm->size, &t->first_leaf, &end);
    t->own = end - t->first_leaf;
    CRM_NEW(t->merge.add, t->own + 1);
    CRM_NEW(t->tree, t->own + 1);
    CRM_NEW(t->leaf, t->own + 1);
    CRM_NEW(t->first_slot, t->comm->size + 1);
    if (!t->cfg.exact) {
        plan_line(t);
        return CRM_OK;
    }
    plan_trees(t);
    t->n_slots = crm_tree_plan_ranks(t->cfg.n_leaves, t->comm->size, t->first_slot, NULL);
    CRM_NEW(t->slot, t->n_slots + 1);
    CRM_NEW(t->finish.add, t->n_slots + 1);
    crm_tree_plan_ranks(t->cfg.n_leaves, t->comm->size, t->first_slot, &t->finish);
    return CRM_OK;
}

static crm_status new_vectors(crm_device *d, int64_t n, int64_t width, float **out)
{
    void *p = NULL;
    int64_t items = n * width;

    CRM_TRY(crm_buf_new(d, (size_t)(items > 0 ? items : 1) * sizeof **out, &p));
    *out = p;
    return CRM_OK;
}

static crm_status plan_memory(crm_dsum *t)
{
    bool send = t->comm->size > 1 && t->cfg.exact;
    int foreign = send ? t->n_slots - t->n_trees : 0;

    t->stride = round_up(t->cfg.width, LINE);
    t->inbox_stride = t->n_buckets * (t->bucket / t->comm->size);
    CRM_TRY(new_vectors(t->d, t->own, t->stride, &t->leaves));
    CRM_TRY(new_vectors(t->d, 1, t->stride, &t->sum));
    CRM_TRY(new_vectors(t->d, foreign, t->inbox_stride, &t->inbox));
    for (int i = 0; i < (int)t->own; i++)
        t->leaf[i] = t->leaves + i * t->stride;
    return CRM_OK;
}

static crm_status check_shape(const crm_dsum *t)
{
    const crm_dsum_cfg *c = &t->cfg;

    CRM_CHECK(c->n_leaves >= 1 && c->n_leaves <= CRM_LANES_MAX, CRM_ERR_ARG,
              "a sum over %lld leaves in device memory, 1 to %d are possible",
              (long long)c->n_leaves, (int)CRM_LANES_MAX);
    CRM_CHECK(c->width >= 0 && c->width <= INT64_MAX / 4096, CRM_ERR_ARG,
              "a sum of %lld elements in device memory", (long long)c->width);
    CRM_CHECK(c->bucket >= 0 && c->timeout > 0, CRM_ERR_ARG,
              "buckets of %lld bytes, time limit of %g s", (long long)c->bucket, c->timeout);
    CRM_CHECK(c->transport >= 0 && c->transport < CRM_TRANSPORT_COUNT, CRM_ERR_ARG,
              "transport number %d", c->transport);
    return CRM_OK;
}

crm_status crm_dsum_plan(crm_dsum *t)
{
    CRM_TRY(check_shape(t));
    CRM_TRY(plan_buckets(t));
    CRM_TRY(plan_additions(t));
    return plan_memory(t);
}
