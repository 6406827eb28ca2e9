/* test_comm_tree.c - the exact sum against a plain recursion over all leaves, bit by bit.
 *
 * The reference follows the definition in comm.h and knows nothing of ranks, threads, stacks or
 * slices. ranks: 1 2 3 4 5 6 7 8 timeout: 120 */
#include "crm_test_mpi.h"

#include "crmpi/base_mem.h"

enum { WIDTH_MAX = 20000, THREADS_MAX = 4 };
static const int64_t LEAVES[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 33};
static const int64_t WIDTHS[] = {1, 5, 4096, 4097, WIDTH_MAX};
static const crm_dtype TYPES[] = {CRM_F32, CRM_F64, CRM_I64};
enum { N_LEAVES = sizeof LEAVES / sizeof *LEAVES, N_WIDTHS = sizeof WIDTHS / sizeof *WIDTHS };

/* ---- leaves: numbers of very different size, so that nearly every other order rounds differently
 * ---- */

static double value(int64_t leaf, int64_t i)
{
    uint64_t x = (uint64_t)leaf * 0x9E3779B97F4A7C15u + (uint64_t)i * 0xD1B54A32D192ED03u + 1;

    x = (x ^ (x >> 31)) * 0xBF58476D1CE4E5B9u;
    x ^= x >> 29;
    return (double)((int64_t)(x >> 11) - ((int64_t)1 << 52)) * (x % 3 ? 0x1p-52 : 0x1p-40);
}

typedef struct job {
    int64_t width, bad_leaf, bad_leaf_2;
    crm_dtype dtype;
    int workers;
    int64_t made[64]; /* how often this rank made a leaf; each entry has one writer */
} job;

static void add_leaf(crm_dtype dtype, int64_t leaf, int64_t width, void *out)
{
    for (int64_t i = 0; i < width; i++) {
        double v = value(leaf, i);
        if (dtype == CRM_F32)
            ((float *)out)[i] += (float)v;
        else if (dtype == CRM_F64)
            ((double *)out)[i] += v;
        else
            ((int64_t *)out)[i] += (int64_t)(v * 1000000);
    }
}

static crm_status produce(void *ctx, int64_t leaf, int worker, void *out)
{
    job *j = ctx;

    CRM_CHECK(worker >= 0 && worker < j->workers, CRM_ERR_INTERNAL, "worker %d", worker);
    CRM_CHECK(leaf != j->bad_leaf, CRM_ERR_NUMERIC, "leaf %d is not finite", (int)leaf);
    CRM_CHECK(leaf != j->bad_leaf_2, CRM_ERR_NUMERIC, "leaf %d is not finite", (int)leaf);
    j->made[leaf]++;
    add_leaf(j->dtype, leaf, j->width, out); /* right only if out is zero before */
    return CRM_OK;
}

static job job_of(int64_t width, crm_dtype dtype, int workers)
{
    return (job){
        .width = width, .dtype = dtype, .workers = workers, .bad_leaf = -1, .bad_leaf_2 = -1};
}

/* ---- the reference ---- */

static void add(crm_dtype dtype, void *a, const void *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (dtype == CRM_F32)
            ((float *)a)[i] += ((const float *)b)[i];
        else if (dtype == CRM_F64)
            ((double *)a)[i] += ((const double *)b)[i];
        else
            ((int64_t *)a)[i] += ((const int64_t *)b)[i];
    }
}

/* node(h, i), or NULL where the tree has no such node. */
static void *node(crm_dtype dtype, int64_t n_leaves, int h, int64_t i)
{
    void *left, *right;

    if (i << h >= n_leaves) return NULL;
    if (h == 0) {
        left = crm_mem_new(WIDTH_MAX, 8);
        add_leaf(dtype, i, WIDTH_MAX, left);
        return left;
    }
    left = node(dtype, n_leaves, h - 1, 2 * i);
    right = node(dtype, n_leaves, h - 1, 2 * i + 1);
    if (right) add(dtype, left, right, WIDTH_MAX);
    crm_mem_free(right);
    return left;
}

static void *reference(crm_dtype dtype, int64_t n_leaves)
{
    return node(dtype, n_leaves, 6, 0); /* up to 64 leaves */
}

/* ---- cases ---- */

static crm_pool *pools[THREADS_MAX + 1]; /* by number of threads; 1 is no pool */

static bool equal(const void *a, const void *b, int64_t n, crm_dtype dtype)
{
    return memcmp(a, b, (size_t)n * crm_dtype_size(dtype)) == 0;
}

static void check_made(const job *j, int64_t n_leaves)
{
    int64_t made[64];

    memcpy(made, j->made, sizeof made);
    T_OK(crm_comm_sum_i64(t_comm, made, 64));
    for (int64_t i = 0; i < 64; i++)
        T_EQ_I(made[i], i < n_leaves);
}

static void check_sum(int64_t n_leaves, int64_t width, crm_dtype dtype, int threads,
                      const void *want)
{
    job j = job_of(width, dtype, threads);
    size_t item = crm_dtype_size(dtype);
    void *out = crm_mem_new((size_t)width, item), *slice;
    int64_t first, n;
    crm_tree *t = NULL;

    T_OK(crm_tree_new(t_comm, pools[threads], n_leaves, width, dtype, &t));
    if (!t) return;
    T_OK(crm_tree_sum(t, produce, &j, out));
    T_CHECK(equal(out, want, width, dtype));
    if (width == 5) check_made(&j, n_leaves);

    memset(out, 0xA5, (size_t)width * item);
    T_OK(crm_tree_sum_slice(t, produce, &j, &slice));
    crm_tree_slice(t, crm_comm_rank(t_comm), &first, &n);
    if (n > 0) memcpy((char *)out + (size_t)first * item, slice, (size_t)n * item);
    T_OK(crm_tree_gather(t, out));
    T_CHECK(equal(out, want, width, dtype));
    crm_tree_free(&t);
    crm_mem_free(out);
}

static void sum_is_the_tree(void)
{
    for (int d = 0; d < 3; d++) {
        for (int l = 0; l < N_LEAVES; l++) {
            void *want = reference(TYPES[d], LEAVES[l]);
            for (int w = 0; w < N_WIDTHS; w++)
                for (int threads = 1; threads <= THREADS_MAX; threads++)
                    check_sum(LEAVES[l], WIDTHS[w], TYPES[d], threads, want);
            crm_mem_free(want);
        }
    }
}

/* Else the comparison above could not fail. */
static void another_order_differs(void)
{
    float *tree = reference(CRM_F32, 16), *line = crm_mem_new(WIDTH_MAX, sizeof *line);
    int64_t differ = 0;

    for (int64_t leaf = 0; leaf < 16; leaf++)
        add_leaf(CRM_F32, leaf, WIDTH_MAX, line);
    for (int64_t i = 0; i < WIDTH_MAX; i++)
        differ += memcmp(&tree[i], &line[i], sizeof *tree) != 0;
    T_CHECK(differ > WIDTH_MAX / 4);
    crm_mem_free(tree);
    crm_mem_free(line);
}

static void ranges_and_slices_cover(void)
{
    for (int size = 1; size <= 9; size++) {
        for (int64_t n = 0; n <= 20; n++) {
            int64_t at = 0, first, end;
            for (int r = 0; r < size; r++) {
                crm_tree_range(n, r, size, &first, &end);
                T_CHECK(first == at && end >= first);
                if (size > n) T_EQ_I(end - first, r < n);
                at = end;
            }
            T_EQ_I(at, n);
        }
    }
    for (int w = 0; w < N_WIDTHS; w++) {
        int64_t at = 0, first, n;
        crm_tree *t = NULL;
        T_OK(crm_tree_new(t_comm, NULL, 3, WIDTHS[w], CRM_F32, &t));
        for (int r = 0; r < crm_comm_size(t_comm); r++) {
            crm_tree_slice(t, r, &first, &n);
            T_CHECK(first == at && (first % 4096 == 0 || n == 0));
            at += n;
        }
        T_EQ_I(at, WIDTHS[w]);
        crm_tree_free(&t);
    }
}

static void no_leaves_give_zero(void)
{
    double out[3] = {1, 2, 3};
    job j = job_of(3, CRM_F64, 1);
    void *slice;
    crm_tree *t;

    T_OK(crm_tree_sum_once(t_comm, NULL, 0, 3, produce, &j, out));
    T_CHECK(out[0] == 0 && out[1] == 0 && out[2] == 0);
    j.width = 0; /* and no width is no harm */
    T_OK(crm_tree_sum_once(t_comm, NULL, 4, 0, produce, &j, out));
    T_OK(crm_tree_new(t_comm, pools[2], 0, 3, CRM_I64, &t));
    T_OK(crm_tree_sum_slice(t, produce, &j, &slice));
    if (crm_comm_rank(t_comm) == 0) T_EQ_I(*(int64_t *)slice, 0);
    T_OK(crm_tree_sum_fast(t, produce, &j, out));
    crm_tree_free(&t);
}

/* A peak that does not move says that nothing was allocated, not even for a moment. */
static void a_sum_allocates_nothing(void)
{
    static float out[WIDTH_MAX];
    job j = job_of(WIDTH_MAX, CRM_F32, 3);
    size_t peak, used;
    void *filler, *slice;
    crm_tree *t;

    T_OK(crm_tree_new(t_comm, pools[3], 11, WIDTH_MAX, CRM_F32, &t));
    filler = crm_mem_new(crm_mem_peak() + 1, 1);
    used = crm_mem_used();
    peak = crm_mem_peak();
    T_EQ_I(used, peak);
    T_OK(crm_tree_sum(t, produce, &j, out));
    T_OK(crm_tree_sum_slice(t, produce, &j, &slice));
    T_OK(crm_tree_gather(t, out));
    T_OK(crm_tree_sum_fast(t, produce, &j, out));
    T_EQ_I(crm_mem_used(), used);
    T_EQ_I(crm_mem_peak(), peak);
    crm_mem_free(filler);
    crm_tree_free(&t);
}

static void a_failing_leaf_fails_everywhere(void)
{
    void *out = crm_mem_new(4097, sizeof(double)), *slice, *want = reference(CRM_F64, 13);

    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        job j = job_of(4097, CRM_F64, threads);
        crm_tree *t;
        T_OK(crm_tree_new(t_comm, pools[threads], 13, 4097, CRM_F64, &t));
        for (j.bad_leaf = 0; j.bad_leaf < 13; j.bad_leaf++) {
            char text[64];
            snprintf(text, sizeof text, "leaf %d is not finite", (int)j.bad_leaf);
            j.bad_leaf_2 = 12; /* of two the lower one is told */
            T_FAILS(crm_tree_sum(t, produce, &j, out), CRM_ERR_NUMERIC, text);
            T_FAILS(crm_tree_sum_slice(t, produce, &j, &slice), CRM_ERR_NUMERIC, text);
            T_FAILS(crm_tree_sum_fast(t, produce, &j, out), CRM_ERR_NUMERIC, text);
        }
        j.bad_leaf = j.bad_leaf_2 = -1;
        T_OK(crm_tree_sum(t, produce, &j, out)); /* the tree is as good as before */
        T_CHECK(equal(out, want, 4097, CRM_F64));
        crm_tree_free(&t);
    }
    crm_mem_free(out);
    crm_mem_free(want);
}

static void fast_sum_is_close(void)
{
    double *want = reference(CRM_F64, 16), *out = crm_mem_new(WIDTH_MAX, sizeof *out);
    int64_t *want_i = reference(CRM_I64, 16);
    /* two orders of 15 additions, each off by at most 2^-53 of a partial sum of 16 values below
     * 4096 */
    double bound = 2 * 15 * 0x1p-53 * 16 * 4096;

    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        job j = job_of(WIDTH_MAX, CRM_F64, threads), k = job_of(WIDTH_MAX, CRM_I64, threads);
        crm_tree *t;
        T_OK(crm_tree_new(t_comm, pools[threads], 16, WIDTH_MAX, CRM_F64, &t));
        T_OK(crm_tree_sum_fast(t, produce, &j, out));
        for (int64_t i = 0; i < WIDTH_MAX; i++)
            T_CHECK(fabs(out[i] - want[i]) <= bound);
        crm_tree_free(&t);
        T_OK(crm_tree_new(t_comm, pools[threads], 16, WIDTH_MAX, CRM_I64, &t));
        T_OK(crm_tree_sum_fast(t, produce, &k, out));
        T_CHECK(equal(out, want_i, WIDTH_MAX, CRM_I64));
        crm_tree_free(&t);
    }
    crm_mem_free(want);
    crm_mem_free(want_i);
    crm_mem_free(out);
}

static void wrong_shapes_are_told(void)
{
    crm_tree *t;

    T_FAILS(crm_tree_new(t_comm, NULL, 1, 1, CRM_U8, &t), CRM_ERR_ARG, "u8");
    T_CHECK(!t);
    T_FAILS(crm_tree_new(t_comm, NULL, -1, 1, CRM_F32, &t), CRM_ERR_ARG, "-1 leaves");
    T_FAILS(crm_tree_new(t_comm, NULL, 1, -7, CRM_F32, &t), CRM_ERR_ARG, "-7 elements");
    if (crm_comm_size(t_comm) > 1)
        T_FAILS(crm_tree_new(t_comm, NULL, 1, (int64_t)1 << 31, CRM_F32, &t), CRM_ERR_ARG,
                "2147483648 elements");
}

/* Sum and sum of squares of the row numbers: n (n - 1) / 2 and (n - 1) n (2 n - 1) / 6, exact in
 * double. */
static crm_status rows(void *ctx, int64_t leaf, int worker, void *out)
{
    int64_t n_rows = *(const int64_t *)ctx, first, n;
    double *sum = out;

    (void)worker;
    crm_leaf_rows(n_rows, leaf, &first, &n);
    CRM_CHECK(n >= 1 && n <= CRM_LEAF_ROWS, CRM_ERR_INTERNAL, "leaf of %d rows", (int)n);
    for (int64_t i = first; i < first + n; i++) {
        sum[0] += (double)i;
        sum[1] += (double)(i * i);
    }
    return CRM_OK;
}

static void rows_are_leaves(void)
{
    static const struct {
        int64_t rows, leaves;
        double sum, squares;
    } CASES[] = {{0, 0, 0, 0},
                 {1, 1, 0, 0},
                 {4096, 1, 8386560, 22898104320},
                 {4097, 2, 8390656, 22914881536},
                 {100000, 25, 4999950000, 333328333350000}};

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int64_t n = CASES[i].rows;
        double out[2];
        T_EQ_I(crm_leaf_count(n), CASES[i].leaves);
        T_OK(crm_tree_sum_once(t_comm, pools[2], crm_leaf_count(n), 2, rows, &n, out));
        T_CHECK(out[0] == CASES[i].sum && out[1] == CASES[i].squares);
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"sum, and slice with gather, have the bits of the recursion", sum_is_the_tree},
        {"another order of additions has other bits", another_order_differs},
        {"leaf ranges and slices cover everything once", ranges_and_slices_cover},
        {"no leaves give zero", no_leaves_give_zero},
        {"a sum allocates nothing", a_sum_allocates_nothing},
        {"a failing leaf fails everywhere, with its message", a_failing_leaf_fails_everywhere},
        {"the fast sum is close, for integers equal", fast_sum_is_close},
        {"wrong shapes are told", wrong_shapes_are_told},
        {"leaves of 4096 rows", rows_are_leaves},
        {NULL, NULL}};
    int bad;

    for (int threads = 2; threads <= THREADS_MAX; threads++)
        if (crm_pool_new(threads, &pools[threads]) != CRM_OK) return 1;
    bad = t_main_mpi(argc, argv, cases);
    for (int threads = 2; threads <= THREADS_MAX; threads++)
        crm_pool_free(&pools[threads]);
    return bad;
}
