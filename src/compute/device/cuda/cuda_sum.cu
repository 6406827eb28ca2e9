/* cuda_sum.cu - additions of up to 128 vectors, element by element.
 *
 * Lanes and subtrees of a sum are added in an order that the caller fixes.  Where the result goes
 * to a vector of its own and each vector is added to another at most once, the additions are a
 * binary tree, and one pass reads each leaf once and writes the result: complete subtrees of up to
 * 16 leaves in registers, what they give is joined through a small stack in shared memory.
 * Otherwise the additions are done one by one on the vectors.  a + b = b + a to the bit, so that
 * both forms, and any order of the branches, give what the plain sequence gives. */
#include "cuda_ops.h"
#include "cuda_rows.h"

enum { SUM_THREADS = 128, SUM_DEPTH = 8, SUM_HEIGHT = 4, SUM_ADDS = 256 };

/* ---- the tree ---- */

/* Step i: a complete subtree of 2^height[i] leaves, the next of leaf[]; then merges[i] times the
 * sum of what is on top of the stack and it; then it is pushed. */
struct sum_plan {
    const float *vec[CRM_COMBINE_MAX];
    uint8_t leaf[CRM_COMBINE_MAX], height[CRM_COMBINE_MAX], merges[CRM_COMBINE_MAX];
    int steps;
};

template <int V, int N> struct subtree {
    static CRM_DEVICE cuda_pack<V> sum(const sum_plan &p, int leaf, int64_t at)
    {
        const cuda_pack<V> left = subtree<V, N / 2>::sum(p, leaf, at);
        cuda_pack<V> right = subtree<V, N / 2>::sum(p, leaf + N / 2, at);

        CRM_UNROLL
        for (int i = 0; i < V; i++)
            right.v[i] = left.v[i] + right.v[i];
        return right;
    }
};
template <int V> struct subtree<V, 1> {
    static CRM_DEVICE cuda_pack<V> sum(const sum_plan &p, int leaf, int64_t at)
    {
        return cuda_load<V>(p.vec[p.leaf[leaf]] + at);
    }
};

template <int V>
CRM_DEVICE cuda_pack<V> complete_sum(const sum_plan &p, int height, int leaf, int64_t at)
{
    switch (height) {
    case 0:
        return subtree<V, 1>::sum(p, leaf, at);
    case 1:
        return subtree<V, 2>::sum(p, leaf, at);
    case 2:
        return subtree<V, 4>::sum(p, leaf, at);
    case 3:
        return subtree<V, 8>::sum(p, leaf, at);
    default:
        return subtree<V, 16>::sum(p, leaf, at);
    }
}

/* Bytes: 4 n (leaves + 1).  An item is V elements. */
template <int V>
static CRM_KERNEL CRM_BOUNDS(SUM_THREADS)
    k_sum_tree(sum_plan p, int64_t first, int64_t n, float *sum)
{
    CRM_SHARED(cuda_pack<V>, stack, [SUM_DEPTH][SUM_THREADS]);
    int64_t at = first + V * ((int64_t)blockIdx.x * SUM_THREADS + threadIdx.x);

    for (; at < first + n; at += (int64_t)V * gridDim.x * SUM_THREADS) {
        int leaf = 0, depth = 0;

        for (int i = 0; i < p.steps; i++) {
            cuda_pack<V> v = complete_sum<V>(p, p.height[i], leaf, at);

            leaf += 1 << p.height[i];
            for (int m = 0; m < p.merges[i]; m++) {
                const cuda_pack<V> top = stack[--depth][threadIdx.x];

                CRM_UNROLL
                for (int k = 0; k < V; k++)
                    v.v[k] = top.v[k] + v.v[k];
            }
            if (i + 1 < p.steps)
                stack[depth++][threadIdx.x] = v;
            else
                cuda_store<V>(sum + at, v);
        }
    }
}

/* What a vector holds: nodes below CRM_COMBINE_MAX are the vectors as given. */
struct sum_node {
    int left, right; /* -1: a leaf             */
    int height;      /* complete; -1: it is not */
    int need;        /* places of the stack     */
};
struct sum_tree {
    sum_node node[2 * CRM_COMBINE_MAX];
    int n;
};

static void join(sum_tree *t, int left, int right)
{
    sum_node l = t->node[left], r = t->node[right];
    sum_node *both = &t->node[t->n++];

    both->left = l.need >= r.need ? left : right; /* first what needs more of the stack */
    both->right = l.need >= r.need ? right : left;
    both->height = l.height >= 0 && l.height == r.height ? l.height + 1 : -1;
    both->need = l.need == r.need ? l.need + 1 : l.need > r.need ? l.need : r.need;
    if (both->height >= 0 && both->height <= SUM_HEIGHT) both->need = 1;
}

/* The tree of vector 0 after all additions, its node in *root; false when they are no tree. */
static bool tree_of(int n_vec, const crm_add *add, int n_adds, sum_tree *t, int *root)
{
    int holds[CRM_COMBINE_MAX];

    for (int i = 0; i < n_vec; i++) {
        t->node[i].left = t->node[i].right = -1;
        t->node[i].height = 0;
        t->node[i].need = 1;
        holds[i] = i;
    }
    t->n = n_vec;
    for (int i = 0; i < n_adds; i++) {
        int to = add[i].to, from = add[i].from;

        if (holds[to] < 0 || holds[from] < 0) return false; /* used once already */
        join(t, holds[to], holds[from]);
        holds[to] = t->n - 1;
        holds[from] = -1;
    }
    *root = holds[0];
    return holds[0] >= 0 && t->node[holds[0]].need <= SUM_DEPTH;
}

static void put_leaves(const sum_tree *t, int at, sum_plan *p, int *leaves)
{
    if (t->node[at].left < 0) {
        p->leaf[(*leaves)++] = (uint8_t)at;
        return;
    }
    put_leaves(t, t->node[at].left, p, leaves);
    put_leaves(t, t->node[at].right, p, leaves);
}

static void put_steps(const sum_tree *t, int at, sum_plan *p, int *leaves)
{
    const sum_node *v = &t->node[at];

    if (v->height >= 0 && v->height <= SUM_HEIGHT) {
        p->height[p->steps] = (uint8_t)v->height;
        p->merges[p->steps++] = 0;
        put_leaves(t, at, p, leaves);
        return;
    }
    put_steps(t, v->left, p, leaves);
    put_steps(t, v->right, p, leaves);
    p->merges[p->steps - 1]++;
}

/* Places of the result are those of the vectors; four floats at a time where all allow it. */
static crm_status add_tree(cuda_state *s, const sum_plan *p, int n_vec, int64_t first, int64_t n,
                           float *sum)
{
    bool wide = cuda_wide(sum + first, 0);
    int64_t most;

    for (int i = 0; i < n_vec; i++)
        wide = wide && cuda_wide(p->vec[i] + first, 0);
    most = wide ? n - n % 4 : 0;
    if (most > 0)
        CRM_LAUNCH((k_sum_tree<4>), cuda_blocks(most, 4 * SUM_THREADS, 1 << 20), SUM_THREADS, 0,
                   s->stream, *p, first, most, sum);
    if (n > most)
        CRM_LAUNCH((k_sum_tree<1>), cuda_blocks(n - most, SUM_THREADS, 1 << 20), SUM_THREADS, 0,
                   s->stream, *p, first + most, n - most, sum);
    CUDA_LAUNCHED(k_sum_tree);
    return CRM_OK;
}

/* ---- one addition after the other ---- */

struct sum_list {
    float *vec[CRM_COMBINE_MAX];
    uint8_t to[SUM_ADDS], from[SUM_ADDS];
    int adds;
};

/* Bytes: 12 n for each addition, fewer where the caches hold the vectors. */
static CRM_KERNEL CRM_BOUNDS(256) k_sum_list(sum_list p, int64_t first, int64_t n, float *sum)
{
    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < n; i += (int64_t)gridDim.x * 256) {
        for (int k = 0; k < p.adds; k++)
            p.vec[p.to[k]][first + i] += p.vec[p.from[k]][first + i];
        if (sum) sum[first + i] = p.vec[0][first + i];
    }
}

static crm_status add_list(cuda_state *s, float *const *vec, int n_vec, const crm_add *add,
                           int n_adds, int64_t first, int64_t n, float *sum)
{
    sum_list p = {};

    for (int i = 0; i < n_vec; i++)
        p.vec[i] = vec[i];
    for (int done = 0; done < n_adds; done += p.adds) {
        p.adds = n_adds - done < SUM_ADDS ? n_adds - done : SUM_ADDS;
        for (int i = 0; i < p.adds; i++) {
            p.to[i] = (uint8_t)add[done + i].to;
            p.from[i] = (uint8_t)add[done + i].from;
        }
        CRM_LAUNCH(k_sum_list, cuda_blocks(n, 256, 1 << 20), 256, 0, s->stream, p, first, n,
                   done + p.adds == n_adds ? sum : (float *)NULL);
        CUDA_LAUNCHED(k_sum_list);
    }
    return CRM_OK;
}

extern "C" crm_status cuda_op_combine(void *state, float *const *vec, int n_vec, const crm_add *add,
                                      int n_adds, int64_t first, int64_t n, float *sum)
{
    cuda_state *s = (cuda_state *)state;
    sum_tree t;
    sum_plan p = {};
    int root, leaves = 0;

    if (!sum || n_adds >= CRM_COMBINE_MAX || !tree_of(n_vec, add, n_adds, &t, &root))
        return add_list(s, vec, n_vec, add, n_adds, first, n, sum);
    for (int i = 0; i < n_vec; i++)
        p.vec[i] = vec[i];
    put_steps(&t, root, &p, &leaves);
    return add_tree(s, &p, n_vec, first, n, sum);
}
