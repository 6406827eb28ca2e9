/* test_comm_tree_sparse.c - sums of leaves that name the blocks they fill, against a plain
 * recursion over dense leaves, bit by bit.
 *
 * The reference adds whole vectors by the definition in comm.h, then adds + 0.0f from sparse_first
 * on; it knows nothing of blocks.  Values hold negative zeros, denormals, numbers whose sum
 * underflows, and pairs that cancel.  ranks: 1 2 3 4 timeout: 180 */
#include "crm_test_mpi.h"

#include "crmpi/base_mem.h"

enum { WIDTH_MAX = 20000, LEAVES_MAX = 16, THREADS_MAX = 3, RANGES_MAX = 40 };
static const struct {
    int64_t width, first;
} SHAPES[] = {{1, 0},       {1, 1},       {70, 0},      {70, 3},           {4160, 64},  {9001, 0},
              {9001, 1000}, {9001, 8999}, {9001, 9001}, {WIDTH_MAX, 2500}, {8192, 4096}};
static const int64_t LEAVES[] = {1, 2, 3, 5, 8, 11, LEAVES_MAX};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES, N_LEAVES = sizeof LEAVES / sizeof *LEAVES };

/* ---- leaves ---- */

enum { NONE, ALL, ONE, FEW, SPREAD, MANY, MIXED, CROSSING, N_PATTERNS };

typedef struct range {
    int64_t first, n;
} range;

typedef struct job {
    int64_t width, first; /* of the vector and of its sparse part */
    int pattern, round;
    bool whole_numbers; /* small ones: their sum does not depend on the order */
    int64_t bad_leaf, silent_leaf;
    crm_tree *tree;
} job;

static uint64_t scatter(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x = a * 0x9E3779B97F4A7C15u + b * 0xD1B54A32D192ED03u + c * 0x8CB92BA72F3D8DD7u + 1;

    x = (x ^ (x >> 31)) * 0xBF58476D1CE4E5B9u;
    return x ^ (x >> 29);
}

static float denormal(uint32_t x) /* by its bits: an operation would give 0 in this mode */
{
    float v;

    x = (x & 0x807FFFFF) | 1;
    memcpy(&v, &x, sizeof v);
    return v;
}

static float value(const job *j, int64_t leaf, int64_t i)
{
    uint64_t x = scatter((uint64_t)leaf, (uint64_t)i, (uint64_t)j->round);
    float v = (float)((int64_t)(x >> 40) - ((int64_t)1 << 23));

    if (j->whole_numbers) return (float)((int)(x >> 20 & 255) - 128);
    switch (x & 15) {
    case 0:
        return -0.0f;
    case 1:
        return 0.0f;
    case 2:
        return denormal((uint32_t)(x >> 8));
    case 3:
        return (x & 16 ? -1.25f : 1.0f) * 0x1p-126f; /* whose difference underflows */
    case 4:
        return x & 16 ? 3.5f : -3.5f; /* cancels */
    case 5:
        return v * 0x1p-13f;
    default:
        return v * 0x1p-23f;
    }
}

/* What leaf names; the ranges of FEW to CROSSING lie anywhere, also over the ends. */
static int ranges_of(const job *j, int64_t leaf, range *out)
{
    static const int COUNT[N_PATTERNS] = {0, 1, 1, 3, 40, 12, 0, 2};
    static const int LONGEST[N_PATTERNS] = {0, 0, 1, 100, 3, 3000, 0, 200};
    uint64_t seed = (uint64_t)j->round * 31 + (uint64_t)leaf;
    int p = j->pattern == MIXED ? (int)(scatter(seed, 1, 1) % MIXED) : j->pattern;
    int64_t sparse = j->width - j->first;

    if (p == ALL) out[0] = (range){j->first, sparse};
    for (int i = 0; p != ALL && i < COUNT[p]; i++) {
        uint64_t x = scatter(seed, (uint64_t)i, 7);
        int64_t at = (int64_t)((x >> 8) % (uint64_t)(sparse + 1)) + j->first;
        if (p == CROSSING) at = (i ? j->width : j->first) - 50;
        out[i] = (range){at, (int64_t)((x >> 32) % (uint64_t)LONGEST[p]) + 1};
    }
    return COUNT[p];
}

static void write_range(const job *j, int64_t leaf, range r, float *out)
{
    for (int64_t i = r.first; i < r.first + r.n; i++)
        if (i >= j->first && i < j->width) out[i] = value(j, leaf, i);
}

static void write_leaf(const job *j, int64_t leaf, float *out)
{
    range r[RANGES_MAX];
    int n = ranges_of(j, leaf, r);

    for (int64_t i = 0; i < j->first; i++)
        out[i] += value(j, leaf, i); /* right only if out is zero before */
    for (int i = 0; i < n; i++)
        write_range(j, leaf, r[i], out);
}

static crm_status produce(void *ctx, int64_t leaf, int worker, void *out)
{
    job *j = ctx;
    range r[RANGES_MAX];
    int n = ranges_of(j, leaf, r);
    float *v = out;

    for (int64_t i = 0; i < j->width; i++) {
        uint32_t bits;
        memcpy(&bits, v + i, sizeof bits);
        CRM_CHECK(bits == 0, CRM_ERR_INTERNAL, "element %d of leaf %d is not zero at first", (int)i,
                  (int)leaf);
    }
    write_leaf(j, leaf, v);
    if (leaf == j->silent_leaf) v[j->width - 1] = 1;
    CRM_CHECK(leaf != j->bad_leaf, CRM_ERR_NUMERIC, "leaf %d is not finite", (int)leaf);
    for (int i = 0; i < n; i++)
        crm_tree_touch(j->tree, worker, r[i].first, r[i].n);
    return CRM_OK;
}

/* ---- the reference ---- */

/* node(h, i), or NULL where the tree has no such node. */
static float *node(const job *j, int64_t n_leaves, int h, int64_t i)
{
    float *left, *right;

    if (i << h >= n_leaves) return NULL;
    if (h == 0) {
        left = crm_mem_new((size_t)j->width, sizeof *left);
        write_leaf(j, i, left);
        return left;
    }
    left = node(j, n_leaves, h - 1, 2 * i);
    right = node(j, n_leaves, h - 1, 2 * i + 1);
    for (int64_t k = 0; right && k < j->width; k++)
        left[k] += right[k];
    crm_mem_free(right);
    return left;
}

static float *reference(const job *j, int64_t n_leaves)
{
    float *sum = node(j, n_leaves, 4, 0); /* up to 16 leaves */

    for (int64_t i = j->first; i < j->width; i++)
        sum[i] += 0.0f;
    return sum;
}

/* ---- cases ---- */

static crm_pool *pools[THREADS_MAX + 1]; /* by number of threads; 1 is no pool */
static float out[WIDTH_MAX];

static job job_of(int shape, int pattern, int round)
{
    return (job){.width = SHAPES[shape].width,
                 .first = SHAPES[shape].first,
                 .pattern = pattern,
                 .round = round,
                 .bad_leaf = -1,
                 .silent_leaf = -1};
}

static bool equal(const float *a, const float *b, int64_t n)
{
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static void check_exact(job *j, int64_t n_leaves)
{
    float *want = reference(j, n_leaves);
    void *slice;
    int64_t first, n;

    memset(out, 0xA5, sizeof out);
    T_OK(crm_tree_sum(j->tree, produce, j, out));
    T_CHECK(equal(out, want, j->width));
    memset(out, 0xA5, sizeof out);
    T_OK(crm_tree_sum_slice(j->tree, produce, j, &slice));
    crm_tree_slice(j->tree, crm_comm_rank(t_comm), &first, &n);
    if (slice && n > 0) T_CHECK(equal(slice, want + first, n));
    if (slice && n > 0) memcpy(out + first, slice, (size_t)n * sizeof *out);
    T_OK(crm_tree_gather(j->tree, out));
    T_CHECK(equal(out, want, j->width));
    crm_mem_free(want);
}

static void check_fast(job *j, int64_t n_leaves)
{
    int64_t differ = 0;
    float *want;

    j->whole_numbers = true;
    want = reference(j, n_leaves);
    memset(out, 0xA5, sizeof out);
    T_OK(crm_tree_sum_fast(j->tree, produce, j, out));
    for (int64_t i = 0; i < j->width; i++)
        differ += out[i] != want[i];
    T_EQ_I(differ, 0);
    j->whole_numbers = false;
    crm_mem_free(want);
}

/* One tree for all patterns in turn, so that each meets what the one before left. */
static void check_shape(int shape, int64_t n_leaves, int threads)
{
    crm_tree *t = NULL;

    T_OK(crm_tree_new_sparse(t_comm, pools[threads], n_leaves, SHAPES[shape].width,
                             SHAPES[shape].first, &t));
    for (int i = 0; t && i < N_PATTERNS; i++) {
        job j = job_of(shape, (i * 5 + threads) % N_PATTERNS, i + (int)n_leaves);
        j.tree = t;
        if (i % 2) check_fast(&j, n_leaves);
        check_exact(&j, n_leaves);
    }
    crm_tree_free(&t);
}

static void sum_is_the_dense_tree(void)
{
    for (int s = 0; s < N_SHAPES; s++)
        for (int l = 0; l < N_LEAVES; l++)
            for (int threads = 1; threads <= THREADS_MAX; threads++)
                check_shape(s, LEAVES[l], threads);
}

/* Else the comparison above could not see how a zero came about, or in which order was added. */
static void values_are_hard(void)
{
    job j = job_of(9, ALL, 1);
    float *tree = node(&j, 16, 4, 0), *one = node(&j, 1, 0, 0), *line = node(&j, 1, 0, 0);
    int64_t negative = 0, underflow = 0, differ = 0;

    for (int64_t i = 0; i < j.width; i++) {
        float b = value(&j, 1, i);
        negative += one[i] == 0 && signbit(one[i]);
        underflow += one[i] != 0 && b != 0 && one[i] + b == 0 && one[i] != -b;
        for (int64_t leaf = 1; leaf < 16; leaf++)
            line[i] += value(&j, leaf, i);
        differ += line[i] != tree[i];
    }
    T_CHECK(negative > 100);
    T_CHECK(underflow > 10);
    T_CHECK(differ > j.width / 4);
    crm_mem_free(tree);
    crm_mem_free(one);
    crm_mem_free(line);
}

static void a_failing_leaf_leaves_nothing(void)
{
    void *slice;

    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        job j = job_of(9, MIXED, 3);
        T_OK(crm_tree_new_sparse(t_comm, pools[threads], 11, j.width, j.first, &j.tree));
        for (int64_t bad = 0; bad < 11; bad++) {
            j.bad_leaf = bad;
            j.pattern = bad % 2 ? ALL : SPREAD;
            T_FAILS(crm_tree_sum(j.tree, produce, &j, out), CRM_ERR_NUMERIC, "is not finite");
            T_FAILS(crm_tree_sum_slice(j.tree, produce, &j, &slice), CRM_ERR_NUMERIC, "not finite");
            T_FAILS(crm_tree_sum_fast(j.tree, produce, &j, out), CRM_ERR_NUMERIC, "not finite");
            j.bad_leaf = -1;
            j.pattern = (int)bad % N_PATTERNS;
            check_exact(&j, 11);
        }
        crm_tree_free(&j.tree);
    }
}

static void an_unnamed_write_is_told(void)
{
#ifdef NDEBUG
    T_SKIP("checked in builds without NDEBUG only");
#else
    job j = job_of(9, NONE, 1);

    T_OK(crm_tree_new_sparse(t_comm, pools[2], 8, j.width, j.first, &j.tree));
    j.silent_leaf = 5;
    T_FAILS(crm_tree_sum(j.tree, produce, &j, out), CRM_ERR_INTERNAL, "zero_in_unnamed_blocks");
    j.silent_leaf = -1;
    check_exact(&j, 8);
    crm_tree_free(&j.tree);
#endif
}

/* A peak that does not move says that nothing was allocated, not even for a moment. */
static void a_sum_allocates_nothing(void)
{
    job j = job_of(9, MIXED, 1);
    size_t peak, used;
    void *filler, *slice;

    T_OK(crm_tree_new_sparse(t_comm, pools[3], 11, j.width, j.first, &j.tree));
    filler = crm_mem_new(crm_mem_peak() + 1, 1);
    used = crm_mem_used();
    peak = crm_mem_peak();
    T_EQ_I(used, peak);
    for (j.round = 0; j.round < N_PATTERNS; j.round++) {
        j.pattern = j.round;
        T_OK(crm_tree_sum(j.tree, produce, &j, out));
        T_OK(crm_tree_sum_slice(j.tree, produce, &j, &slice));
        T_OK(crm_tree_sum_fast(j.tree, produce, &j, out));
    }
    T_EQ_I(crm_mem_used(), used);
    T_EQ_I(crm_mem_peak(), peak);
    crm_mem_free(filler);
    crm_tree_free(&j.tree);
}

static void no_leaves_and_no_width(void)
{
    job j = job_of(3, ALL, 1);

    T_OK(crm_tree_new_sparse(t_comm, pools[2], 0, j.width, j.first, &j.tree));
    memset(out, 0xA5, sizeof out);
    T_OK(crm_tree_sum(j.tree, produce, &j, out));
    for (int64_t i = 0; i < j.width; i++)
        T_CHECK(out[i] == 0);
    crm_tree_free(&j.tree);
    j.width = j.first = 0;
    j.pattern = NONE;
    T_OK(crm_tree_new_sparse(t_comm, pools[2], 4, 0, 0, &j.tree));
    T_OK(crm_tree_sum(j.tree, produce, &j, out));
    crm_tree_free(&j.tree);
}

/* A leaf function may name rows without knowing whether its tree is sparse. */
static void a_dense_tree_ignores_names(void)
{
    job j = job_of(9, FEW, 2);
    float *want = node(&j, 8, 4, 0);

    T_OK(crm_tree_new(t_comm, pools[2], 8, j.width, CRM_F32, &j.tree));
    T_OK(crm_tree_sum(j.tree, produce, &j, out));
    T_CHECK(equal(out, want, j.width));
    crm_tree_free(&j.tree);
    crm_mem_free(want);
}

static void wrong_shapes_are_told(void)
{
    crm_tree *t;

    T_FAILS(crm_tree_new_sparse(t_comm, NULL, 1, 10, -1, &t), CRM_ERR_ARG, "element -1");
    T_CHECK(!t);
    T_FAILS(crm_tree_new_sparse(t_comm, NULL, 1, 10, 11, &t), CRM_ERR_ARG, "element 11");
    T_FAILS(crm_tree_new_sparse(t_comm, NULL, 1, -7, 0, &t), CRM_ERR_ARG, "-7 elements");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"sums have the bits of dense vectors, whatever was there before", sum_is_the_dense_tree},
        {"the values hold what a sum can get wrong", values_are_hard},
        {"a failing leaf leaves nothing behind", a_failing_leaf_leaves_nothing},
        {"a write to a block that was not named is told", an_unnamed_write_is_told},
        {"a sum allocates nothing", a_sum_allocates_nothing},
        {"no leaves and no width", no_leaves_and_no_width},
        {"a dense tree ignores names", a_dense_tree_ignores_names},
        {"wrong shapes are told", wrong_shapes_are_told},
        {NULL, NULL}};
    int bad;

    for (int threads = 2; threads <= THREADS_MAX; threads++)
        if (crm_pool_new(threads, &pools[threads]) != CRM_OK) return 1;
    bad = t_main_mpi(argc, argv, cases);
    for (int threads = 2; threads <= THREADS_MAX; threads++)
        crm_pool_free(&pools[threads]);
    return bad;
}
