/* test_comm_device.c - exact sums in device memory against a plain recursion over all leaves and
 * against crm_tree_sum, bit by bit.
 *
 * On the CPU with MPI; with CRM_TEST_DEVICE=cuda on a GPU, by the transport that CRM_TEST_TRANSPORT
 * names (mpi, nccl, auto; default mpi).  ranks: 1 2 3 4 timeout: 120 */
#include "crm_test_mpi.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/comm_device.h"
#include "crmpi/device_link.h"

enum { WIDTH_MAX = 60000, LEAVES_MAX = 16, BLOCKS_MAX = WIDTH_MAX / CRM_BLOCK + 1 };
static const int64_t LEAVES[] = {1, 2, 3, 4, 5, 7, 8, 16};
enum { N_LEAVES = sizeof LEAVES / sizeof *LEAVES };

static crm_device *device;
static int transport = CRM_TRANSPORT_MPI;
static crm_device_cfg options = {.kind = CRM_DEVICE_CPU,
                                 .math = CRM_GPU_FP32,
                                 .graph = true,
                                 .transport = CRM_TRANSPORT_AUTO,
                                 .bucket = 1 << 20,
                                 .timeout = 60};

static int ranks(void)
{
    return crm_comm_size(t_comm);
}

/* ---- leaves: numbers of very different size, so that nearly every other order rounds differently;
 * among them zeros of both signs and numbers whose sum is denormal ---- */

static int64_t salt; /* other leaves for other steps */

static float value(int64_t leaf, int64_t i)
{
    uint64_t x =
        (uint64_t)(leaf + salt) * 0x9E3779B97F4A7C15u + (uint64_t)i * 0xD1B54A32D192ED03u + 1;

    x = (x ^ (x >> 31)) * 0xBF58476D1CE4E5B9u;
    x ^= x >> 29;
    if (i % 97 == 5) return -0.0f;
    if (i % 97 == 6) return x % 2 ? -0.0f : 0.0f;
    if (i % 97 == 7) return (float)((double)(int64_t)x * 0x1p-200);
    if (i % 97 == 8) return x % 2 ? 0x1.8p-126f : -0x1.4p-126f;
    return (float)((double)((int64_t)(x >> 11) - ((int64_t)1 << 52)) * (x % 3 ? 0x1p-52 : 0x1p-40));
}

static void fill(int64_t leaf, int64_t width, float *out)
{
    for (int64_t i = 0; i < width; i++)
        out[i] = value(leaf, i);
}

/* node(h, i), or NULL where the tree has no such node. */
static float *node(int64_t n_leaves, int h, int64_t i)
{
    float *left, *right;

    if (i << h >= n_leaves) return NULL;
    if (h == 0) {
        left = crm_mem_new(WIDTH_MAX, sizeof *left);
        fill(i, WIDTH_MAX, left);
        return left;
    }
    left = node(n_leaves, h - 1, 2 * i);
    right = node(n_leaves, h - 1, 2 * i + 1);
    for (int64_t j = 0; right && j < WIDTH_MAX; j++)
        left[j] += right[j];
    crm_mem_free(right);
    return left;
}

static float *reference(int64_t n_leaves)
{
    return node(n_leaves, 4, 0); /* up to 16 leaves */
}

/* ---- one sum ---- */

static crm_dsum_cfg shape(int64_t n_leaves, int64_t width, int64_t bucket)
{
    return (crm_dsum_cfg){.n_leaves = n_leaves,
                          .width = width,
                          .bucket = bucket,
                          .exact = true,
                          .transport = transport,
                          .timeout = options.timeout};
}

/* Leaves of this rank become final in steps; step 0: all at once. */
static void produce(crm_dsum *t, const crm_dsum_cfg *c, int64_t step)
{
    static float leaf[WIDTH_MAX];
    int64_t first, n, stride;
    float *leaves = crm_dsum_leaves(t, &first, &n, &stride);

    T_OK(crm_dsum_begin(t));
    for (int64_t i = 0; i < n; i++) {
        fill(first + i, c->width, leaf);
        T_OK(crm_buf_upload(device, leaves + i * stride, leaf, (size_t)c->width * sizeof *leaf));
    }
    for (int64_t upto = 0; step > 0 && upto < c->width; upto += step)
        T_OK(crm_dsum_ready(t, upto));
    T_OK(crm_dsum_ready(t, c->width));
}

static void *device_memory(size_t bytes)
{
    void *p = NULL;

    T_OK(crm_buf_new(device, bytes, &p));
    return p;
}

/* Pieces of this rank, as they are in device memory, into a vector that is poison elsewhere. */
static void take_pieces(crm_dsum *t, float *v, int64_t width)
{
    int n;
    const crm_dsum_piece *p = crm_dsum_pieces(t, &n);

    memset(v, 0xA5, (size_t)width * sizeof *v);
    for (int i = 0; i < n; i++)
        T_OK(crm_buf_download(device, crm_dsum_sum(t) + p[i].first, v + p[i].first,
                              (size_t)p[i].n * sizeof *v));
}

static bool same_bits(const float *a, const float *b, int64_t n)
{
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static void check_pieces(crm_dsum *t, const float *got, const float *want)
{
    int n;
    const crm_dsum_piece *p = crm_dsum_pieces(t, &n);

    for (int i = 0; i < n; i++)
        T_CHECK(same_bits(got + p[i].first, want + p[i].first, p[i].n));
}

/* The first bytes of the same, by a ticket. */
static void check_later(crm_dsum *t, const float *v, const float *want, int64_t width)
{
    static float head[CRM_LATER_MAX / sizeof(float)];
    int64_t n = width < (int64_t)(sizeof head / sizeof *head)
                    ? width
                    : (int64_t)(sizeof head / sizeof *head);
    size_t bytes = (size_t)n * sizeof *head;

    if (n == 0) return;
    T_OK(crm_later_download(device, 1, v, bytes));
    T_OK(crm_dsum_later_get(t, 1, head, bytes));
    T_CHECK(same_bits(head, want, n));
}

/* Everybody's pieces come to everybody. */
static void check_gather(crm_dsum *t, float *mine, const float *want, int64_t width)
{
    static float all[WIDTH_MAX];
    size_t bytes = (size_t)width * sizeof *all;
    float *v = device_memory(bytes + 1);
    bool idle = false;

    T_OK(crm_buf_upload(device, v, mine, bytes));
    T_OK(crm_dsum_gather(t, v));
    check_later(t, v, want, width);
    T_OK(crm_dsum_wait(t));
    T_OK(crm_dsum_check(t, &idle));
    T_CHECK(idle);
    T_OK(crm_buf_download(device, v, all, bytes));
    T_CHECK(same_bits(all, want, width));
    crm_buf_free(device, v);
}

static void check_blocks(crm_dsum *t, int64_t width)
{
    static double sums[BLOCKS_MAX];
    int64_t blocks = (width + CRM_BLOCK - 1) / CRM_BLOCK;
    size_t bytes = (size_t)blocks * sizeof *sums;
    double *at = device_memory(bytes + 1);
    int n;
    const crm_dsum_piece *p = crm_dsum_pieces(t, &n);

    memset(sums, 0xA5, sizeof sums);
    for (int i = 0; i < n; i++)
        for (int64_t b = p[i].first / CRM_BLOCK; b * CRM_BLOCK < p[i].first + p[i].n; b++)
            sums[b] = 1.5 + (double)b;
    T_OK(crm_buf_upload(device, at, sums, bytes));
    T_OK(crm_dsum_gather_blocks(t, at));
    T_OK(crm_dsum_wait(t));
    T_OK(crm_buf_download(device, at, sums, bytes));
    for (int64_t b = 0; b < blocks; b++)
        T_CHECK(sums[b] == 1.5 + (double)b);
    crm_buf_free(device, at);
}

/* Behind what was enqueued, without a look at the transport: operations wait for it by themselves.
 */
static crm_status wait_for_operations(crm_dsum *t)
{
    float any;

    return crm_buf_download(device, crm_dsum_sum(t), &any, sizeof any);
}

static void check_sum(const crm_dsum_cfg *c, const float *want)
{
    static const int64_t STEPS[] = {0, 1000, 4096};
    static float got[WIDTH_MAX];
    crm_dsum *t = NULL;

    T_OK(crm_dsum_new(t_comm, device, c, &t));
    if (!t) return;
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        produce(t, c, STEPS[i]);
        T_OK(crm_dsum_finish(t));
        T_OK(i == 0 ? wait_for_operations(t) : crm_dsum_wait(t));
        take_pieces(t, got, c->width);
        check_pieces(t, got, want);
    }
    check_gather(t, got, want, c->width);
    check_blocks(t, c->width);
    crm_dsum_free(&t);
}

/* ---- cases ---- */

/* Around the borders of blocks, of the least bucket (a block a rank) and of three of them. */
static int widths(int64_t out[16])
{
    int64_t b = (int64_t)CRM_BLOCK * ranks(), n = 0;
    const int64_t all[] = {0,     1, 5,     4095,      4096,  4097,        2 * 4096 - 1,
                           b - 1, b, b + 1, 3 * b - 1, 3 * b, 3 * b + 4097};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        out[n++] = all[i];
    return (int)n;
}

static void sum_is_the_tree(void)
{
    int64_t width[16];
    int n = widths(width);

    for (int l = 0; l < N_LEAVES; l++) {
        float *want = reference(LEAVES[l]);
        for (int w = 0; w < n; w++) {
            crm_dsum_cfg small = shape(LEAVES[l], width[w], 0);
            crm_dsum_cfg large = shape(LEAVES[l], width[w], 3 * 16384 * ranks());
            check_sum(&small, want);
            if (w % 3 == 0) check_sum(&large, want);
        }
        crm_mem_free(want);
    }
}

static crm_status leaf_of_tree(void *ctx, int64_t leaf, int worker, void *out)
{
    (void)worker;
    fill(leaf, *(const int64_t *)ctx, out);
    return CRM_OK;
}

static void sum_is_that_of_host_memory(void)
{
    static float want[WIDTH_MAX];
    int64_t width = WIDTH_MAX - 3;

    for (int l = 0; l < N_LEAVES; l++) {
        crm_dsum_cfg c = shape(LEAVES[l], width, 1 << 16);
        crm_tree *t = NULL;
        T_OK(crm_tree_new(t_comm, NULL, LEAVES[l], width, CRM_F32, &t));
        T_OK(crm_tree_sum(t, leaf_of_tree, &width, want));
        crm_tree_free(&t);
        check_sum(&c, want);
    }
}

/* Else the comparisons above could not fail. */
static void another_order_differs(void)
{
    float *tree = reference(16), *line = crm_mem_new(WIDTH_MAX, sizeof *line);
    int64_t differ = 0, flushed = 0;

    for (int64_t leaf = 0; leaf < 16; leaf++)
        for (int64_t i = 0; i < WIDTH_MAX; i++)
            line[i] += value(leaf, i);
    for (int64_t i = 0; i < WIDTH_MAX; i++) {
        differ += memcmp(&tree[i], &line[i], sizeof *tree) != 0;
        flushed += i % 97 == 5 && tree[i] == 0;
    }
    T_CHECK(differ > WIDTH_MAX / 4);
    T_CHECK(flushed > 0);
    crm_mem_free(tree);
    crm_mem_free(line);
}

static void pieces_cover_once(void)
{
    int64_t width[16], has[BLOCKS_MAX];
    int n = widths(width), n_pieces;

    for (int w = 0; w < n; w++) {
        crm_dsum_cfg c = shape(8, width[w], 1 << 16);
        crm_dsum *t = NULL;
        const crm_dsum_piece *p;
        int64_t at = 0, elements = 0;
        T_OK(crm_dsum_new(t_comm, device, &c, &t));
        if (!t) return;
        p = crm_dsum_pieces(t, &n_pieces);
        memset(has, 0, sizeof has);
        for (int i = 0; i < n_pieces; i++) {
            T_CHECK(p[i].n > 0 && p[i].first % CRM_BLOCK == 0 && p[i].first >= at);
            at = p[i].first + p[i].n;
            elements += p[i].n;
            for (int64_t b = p[i].first / CRM_BLOCK; b * CRM_BLOCK < at; b++)
                has[b]++;
        }
        T_CHECK(at <= width[w]);
        T_OK(crm_comm_sum_i64(t_comm, has, BLOCKS_MAX));
        T_OK(crm_comm_sum_i64(t_comm, &elements, 1));
        T_EQ_I(elements, width[w]);
        for (int64_t b = 0; b < BLOCKS_MAX; b++)
            T_EQ_I(has[b], b * CRM_BLOCK < width[w]);
        crm_dsum_free(&t);
    }
}

/* A peak that does not move says that nothing was allocated, not even for a moment. */
static void a_sum_allocates_nothing(void)
{
    crm_dsum_cfg c = shape(8, WIDTH_MAX, 1 << 16);
    crm_dsum *t = NULL;
    size_t used, peak;
    void *filler;
    float *v = device_memory(WIDTH_MAX * sizeof *v);
    double *sums = device_memory(BLOCKS_MAX * sizeof *sums);

    T_OK(crm_dsum_new(t_comm, device, &c, &t));
    filler = crm_mem_new(crm_mem_peak() + 1, 1);
    used = crm_mem_used();
    peak = crm_mem_peak();
    T_EQ_I(used, peak);
    produce(t, &c, 4096);
    T_OK(crm_dsum_finish(t));
    T_OK(crm_dsum_gather(t, v));
    T_OK(crm_dsum_gather_blocks(t, sums));
    T_OK(crm_dsum_wait(t));
    T_EQ_I(crm_mem_used(), used);
    T_EQ_I(crm_mem_peak(), peak);
    crm_mem_free(filler);
    crm_dsum_free(&t);
    crm_buf_free(device, v);
    crm_buf_free(device, sums);
}

static void fast_sum_is_close(void)
{
    static float got[WIDTH_MAX];

    for (int l = 0; l < N_LEAVES; l++) {
        crm_dsum_cfg c = shape(LEAVES[l], WIDTH_MAX, 1 << 16);
        crm_dsum *t = NULL;
        c.exact = false;
        T_OK(crm_dsum_new(t_comm, device, &c, &t));
        if (!t) return;
        for (int round = 0; round < 2; round++) {
            produce(t, &c, round * 5000);
            T_OK(crm_dsum_finish(t));
            T_OK(crm_dsum_wait(t));
            T_OK(crm_buf_download(device, crm_dsum_sum(t), got, sizeof got));
            for (int64_t i = 0; i < WIDTH_MAX; i++) {
                double want = 0, size = 0;
                for (int64_t leaf = 0; leaf < LEAVES[l]; leaf++) {
                    want += value(leaf, i);
                    size += fabs((double)value(leaf, i));
                }
                /* as many additions as leaves, each off by 2^-24 of at most `size`; and what is
                 * denormal becomes 0 */
                T_CHECK(fabs(got[i] - want) <= (double)LEAVES[l] * (0x1p-24 * size + 0x1p-126));
            }
        }
        crm_dsum_free(&t);
    }
}

/* Leaves come from `from` by operations, as a graph allows no uploads.  Whether it was known. */
static bool produce_in_graph(crm_dsum *t, int64_t width, float *from)
{
    int64_t first, n, stride;
    float *leaves = crm_dsum_leaves(t, &first, &n, &stride);
    bool known = true, again;

    T_OK(crm_graph_begin(device, "sum", 3, &known));
    if (known) return true;
    T_OK(crm_dsum_begin(t));
    for (int64_t at = 0, m; at < width; at += m) {
        m = width - at < 5000 ? width - at : 5000;
        for (int64_t i = 0; i < n; i++) {
            crm_tensor x = crm_tensor_2d(from + i * width + at, CRM_F32, 1, m);
            crm_tensor y = crm_tensor_2d(leaves + i * stride + at, CRM_F32, 1, m);
            T_OK(crm_op_copy(device, &x, &y));
        }
        T_OK(crm_dsum_ready(t, at + m));
    }
    T_OK(crm_graph_end(device, CRM_OK, &again));
    T_CHECK(!again);
    return false;
}

static void a_graph_runs_again(void)
{
    static float leaf[WIDTH_MAX], got[WIDTH_MAX];
    crm_dsum_cfg c = shape(7, WIDTH_MAX, 1 << 16);
    crm_dsum *t = NULL;
    int64_t first, n, stride;
    float *from;

    T_OK(crm_dsum_new(t_comm, device, &c, &t));
    if (!t) return;
    crm_dsum_leaves(t, &first, &n, &stride);
    from = device_memory((size_t)n * sizeof leaf + 1);
    for (int step = 0; step < 4; step++) {
        float *want;
        salt = 1000 * step;
        want = reference(c.n_leaves);
        for (int64_t i = 0; i < n; i++) {
            fill(first + i, c.width, leaf);
            T_OK(crm_buf_upload(device, from + i * c.width, leaf, sizeof leaf));
        }
        /* as it comes, captured, then again and again, in other sums too */
        T_EQ_I(produce_in_graph(t, c.width, from), step >= 2 && !crm_device_is_host(device));
        T_OK(crm_dsum_finish(t));
        T_OK(crm_dsum_wait(t));
        take_pieces(t, got, c.width);
        check_pieces(t, got, want);
        crm_mem_free(want);
    }
    salt = 0;
    crm_graph_forget(device);
    crm_buf_free(device, from);
    crm_dsum_free(&t);
}

static void wrong_uses_are_told(void)
{
    crm_dsum_cfg c = shape(8, 10000, 0);
    crm_dsum *t = NULL;

    T_OK(crm_dsum_new(t_comm, device, &c, &t));
    T_OK(crm_dsum_begin(t));
    T_FAILS(crm_dsum_ready(t, 10001), CRM_ERR_ARG, "10001");
    T_FAILS(crm_dsum_ready(t, -1), CRM_ERR_ARG, "-1");
    T_OK(crm_dsum_ready(t, 9999));
    T_FAILS(crm_dsum_finish(t), CRM_ERR_ARG, "crm_dsum_ready(width)");
    crm_dsum_free(&t);
    c.n_leaves = 0;
    T_FAILS(crm_dsum_new(t_comm, device, &c, &t), CRM_ERR_ARG, "0 leaves");
    T_CHECK(!t);
    c.n_leaves = CRM_LANES_MAX + 1;
    T_FAILS(crm_dsum_new(t_comm, device, &c, &t), CRM_ERR_ARG, "65 leaves");
    c = shape(8, 100, 0);
    c.timeout = 0;
    T_FAILS(crm_dsum_new(t_comm, device, &c, &t), CRM_ERR_ARG, "time limit");
}

static void transport_is_told(void)
{
    static const char *const names[] = {"auto", "nccl", "mpi"};
    crm_dsum_cfg c = shape(4, 100, 0);
    crm_dsum *t = NULL;
    bool there = crm_link_offered(device, NULL) && !crm_device_shared(device);

    for (int i = CRM_TRANSPORT_AUTO; i < CRM_TRANSPORT_COUNT; i++) {
        const char *want = i == CRM_TRANSPORT_AUTO ? there ? "nccl" : "mpi" : names[i];
        c.transport = i;
        if (ranks() > 1 && i == CRM_TRANSPORT_NCCL && !there) {
            T_FAILS(crm_dsum_new(t_comm, device, &c, &t), CRM_ERR_CONFIG,
                    crm_device_shared(device) ? "share one GPU" : "gpu.transport=mpi");
            continue;
        }
        T_OK(crm_dsum_new(t_comm, device, &c, &t));
        if (!t) return;
        T_CHECK(strcmp(crm_dsum_transport(t), ranks() == 1 ? "none" : want) == 0);
        crm_dsum_free(&t);
    }
}

/* ---- the device ---- */

static crm_status open_device(void)
{
    static const char *const names[] = {"auto", "nccl", "mpi"};
    const char *want = getenv("CRM_TEST_TRANSPORT"), *kind = getenv("CRM_TEST_DEVICE");

    for (int i = 0; want && i < CRM_TRANSPORT_COUNT; i++)
        if (strcmp(want, names[i]) == 0) transport = i;
    if (kind && strcmp(kind, "cuda") == 0) options.kind = CRM_DEVICE_CUDA;
    CRM_TRY(
        crm_device_open(&options, crm_comm_node_rank(t_comm), crm_comm_node_size(t_comm), &device));
    return crm_dsum_find_shared(t_comm, device);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"pieces of the sum, and gathered, have the bits of the recursion", sum_is_the_tree},
        {"the bits are those of the sum in host memory", sum_is_that_of_host_memory},
        {"another order of additions has other bits", another_order_differs},
        {"pieces cover the vector once", pieces_cover_once},
        {"a sum allocates nothing", a_sum_allocates_nothing},
        {"the fast sum is close", fast_sum_is_close},
        {"leaves and subtrees as a graph that runs again", a_graph_runs_again},
        {"wrong uses are told", wrong_uses_are_told},
        {"a transport is chosen, or refused with the way out", transport_is_told},
        {NULL, NULL}};
    int bad = 1;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK ||
        crm_comm_agree(t_comm, open_device()) != CRM_OK)
        crm_err_print(0);
    else
        bad = t_run_mpi(argc, argv, cases);
    crm_device_free(&device);
    crm_comm_stop(&t_comm);
    return bad;
}
