/* tree_sum.c - time of the sum of gradients of a net with a word table, exact and fast, with leaves
 * that are dense and with leaves that name the rows they touch; and of what follows it in a step.
 *
 *     bench_tree_sum [touched rows of a leaf (2000)] [rounds (40)] [threads (1)]
 *
 * A leaf writes all of the dense part and its rows of the table; words are drawn with a density
 * falling like 1 / (rank of the word), as in text, so that lanes share the frequent ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/comm.h"
#include "crmpi/device.h"
#include "crmpi/optim.h"

enum { LANES = 8, DENSE = 166000, ROWS = 20000, ROW = 64, WIDTH = DENSE + ROWS * ROW };

typedef struct bench {
    crm_comm *comm;
    crm_pool *pool;
    crm_device *device;
    crm_optim *optim;
    crm_tree *dense, *sparse, *tree; /* tree: the one that is in use */
    int64_t touched, rounds, threads;
    int32_t *rows[LANES]; /* [touched] each */
    float *full, *w;      /* [WIDTH] a sum, the parameters */
    const float *slice;   /* of the exact sum of sparse leaves */
    double *squares;      /* its blocks' sums */
} bench;

/* Rows of a lane, none twice. */
static crm_status draw_rows(bench *b, int lane)
{
    char *has;
    uint64_t x = 88172645463325252u + (uint64_t)lane;

    CRM_NEW(has, ROWS);
    CRM_NEW(b->rows[lane], b->touched);
    for (int64_t n = 0; n < b->touched;) {
        double u, r = 1;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        u = (double)(x >> 11) * 0x1p-53 * 14.2877; /* log2(20000): density 1 / row */
        for (; u >= 1; u--)
            r *= 2;
        r += r * u - 1;
        if (r >= ROWS || has[(int)r]) continue;
        has[(int)r] = 1;
        b->rows[lane][n++] = (int32_t)r;
    }
    crm_mem_free(has);
    return CRM_OK;
}

static crm_status write_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const bench *b = ctx;
    float *v = out, x = (float)(leaf + 1) * 1e-3f;

    for (int64_t i = 0; i < DENSE; i++)
        v[i] = x * (float)(i & 255);
    for (int64_t k = 0; k < b->touched; k++) {
        int64_t at = DENSE + (int64_t)b->rows[leaf][k] * ROW;
        crm_tree_touch(b->tree, worker, at, ROW);
        for (int64_t i = 0; i < ROW; i++)
            v[at + i] = x * (float)(i + 1);
    }
    return CRM_OK;
}

/* ---- what is timed ---- */

static crm_status slice_of(bench *b, crm_tree *tree)
{
    void *slice;

    b->tree = tree;
    CRM_TRY(crm_tree_sum_slice(tree, write_leaf, b, &slice));
    b->slice = slice;
    return CRM_OK;
}

static crm_status exact_dense(bench *b)
{
    return slice_of(b, b->dense);
}

static crm_status exact_sparse(bench *b)
{
    return slice_of(b, b->sparse);
}

static crm_status fast_dense(bench *b)
{
    b->tree = b->dense;
    return crm_tree_sum_fast(b->dense, write_leaf, b, b->full);
}

static crm_status fast_sparse(bench *b)
{
    b->tree = b->sparse;
    return crm_tree_sum_fast(b->sparse, write_leaf, b, b->full);
}

/* The leaves alone, by one thread, into the same memory again and again. */
static crm_status leaves(bench *b)
{
    int64_t first, end;

    b->tree = b->dense;
    crm_tree_range(LANES, crm_comm_rank(b->comm), crm_comm_size(b->comm), &first, &end);
    for (; first < end; first++)
        CRM_TRY(write_leaf(b, first, 0, b->full));
    return CRM_OK;
}

static crm_status squares(bench *b)
{
    return crm_optim_block_sums(b->optim, b->slice, b->squares);
}

static crm_status update(bench *b)
{
    return crm_optim_apply(b->optim, 1, 1e-3, 1, b->slice, b->w);
}

static crm_status gather(bench *b)
{
    return crm_tree_gather(b->sparse, b->w);
}

static const struct {
    const char *name;
    crm_status (*run)(bench *);
} PARTS[] = {{"leaves alone, one thread", leaves},
             {"fast sum, dense leaves", fast_dense},
             {"fast sum, sparse leaves", fast_sparse},
             {"exact sum, dense leaves", exact_dense},
             {"exact sum, sparse leaves", exact_sparse},
             {"sums of squares of a slice", squares},
             {"adamw on a slice", update},
             {"all-gather of the slices", gather}};
enum { N_PARTS = sizeof PARTS / sizeof *PARTS, WARM = 3 };

/* In turn, so that what else runs on the machine disturbs all parts alike. */
static crm_status time_parts(bench *b, double *ms)
{
    for (int64_t i = -WARM; i < b->rounds; i++) {
        for (int k = 0; k < N_PARTS; k++) {
            double from;
            CRM_TRY(crm_comm_barrier(b->comm));
            from = crm_clock_now();
            CRM_TRY(PARTS[k].run(b));
            if (i >= 0) ms[k * b->rounds + i] = (crm_clock_now() - from) * 1e3;
        }
    }
    return crm_comm_max_f64(b->comm, ms, N_PARTS * b->rounds);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The slowest rank's times. */
static void print(const bench *b, double *ms)
{
    printf("%d elements, %d lanes, %d x %d in the table, %d rows touched by a lane; %d ranks of %d "
           "threads\n%-28s %9s %9s ms\n",
           WIDTH, LANES, ROWS, ROW, (int)b->touched, crm_comm_size(b->comm), (int)b->threads, "",
           "median", "least");
    for (int k = 0; k < N_PARTS; k++, ms += b->rounds) {
        qsort(ms, (size_t)b->rounds, sizeof *ms, by_value);
        printf("%-28s %9.3f %9.3f\n", PARTS[k].name, ms[b->rounds / 2], ms[0]);
    }
}

/* ---- the program ---- */

static crm_status open_optim(bench *b)
{
    crm_optim_cfg cfg = {
        .kind = CRM_OPTIM_ADAMW, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    int64_t first, n;
    uint8_t *decay;
    crm_status st;

    crm_tree_slice(b->sparse, crm_comm_rank(b->comm), &first, &n);
    CRM_NEW(b->squares, n / CRM_BLOCK + 1);
    CRM_TRY(crm_device_cpu(CRM_CPU_BEST, &b->device));
    CRM_NEW(decay, WIDTH);
    st = crm_optim_new(&cfg, b->device, first, n, decay, &b->optim);
    crm_mem_free(decay);
    return st;
}

static crm_status open_bench(bench *b)
{
    for (int lane = 0; lane < LANES; lane++)
        CRM_TRY(draw_rows(b, lane));
    if (b->threads > 1) CRM_TRY(crm_pool_new((int)b->threads, &b->pool));
    CRM_NEW(b->full, WIDTH);
    CRM_NEW(b->w, WIDTH);
    CRM_TRY(crm_tree_new(b->comm, b->pool, LANES, WIDTH, CRM_F32, &b->dense));
    CRM_TRY(crm_tree_new_sparse(b->comm, b->pool, LANES, WIDTH, DENSE, &b->sparse));
    return open_optim(b);
}

static void close_bench(bench *b)
{
    for (int lane = 0; lane < LANES; lane++)
        crm_mem_free(b->rows[lane]);
    crm_optim_free(&b->optim);
    crm_device_free(&b->device);
    crm_tree_free(&b->dense);
    crm_tree_free(&b->sparse);
    crm_pool_free(&b->pool);
    crm_mem_free(b->squares);
    crm_mem_free(b->full);
    crm_mem_free(b->w);
}

static crm_status measure(bench *b)
{
    double *ms;
    crm_status st;

    CRM_TRY(open_bench(b));
    CRM_NEW(ms, N_PARTS * b->rounds);
    st = time_parts(b, ms);
    if (!st && crm_comm_rank(b->comm) == 0) print(b, ms);
    crm_mem_free(ms);
    return st;
}

static crm_status number(int argc, char **argv, int i, int64_t most, int64_t *v)
{
    if (i >= argc) return CRM_OK;
    CRM_CHECK(crm_parse_i64(argv[i], strlen(argv[i]), v) && *v >= 1 && *v <= most, CRM_ERR_CONFIG,
              "argument %d is %s, but 1 to %lld are possible", i, argv[i], (long long)most);
    return CRM_OK;
}

static crm_status arguments(int argc, char **argv, bench *b)
{
    CRM_TRY(number(argc, argv, 1, ROWS, &b->touched));
    CRM_TRY(number(argc, argv, 2, 100000, &b->rounds));
    return number(argc, argv, 3, 1024, &b->threads);
}

int main(int argc, char **argv)
{
    bench b = {.touched = 2000, .rounds = 40, .threads = 1};
    crm_status st = crm_comm_start(&argc, &argv, &b.comm);

    if (!st) st = arguments(argc, argv, &b);
    if (!st) st = measure(&b);
    if (st) crm_err_print(b.comm ? crm_comm_rank(b.comm) : 0);
    close_bench(&b);
    crm_comm_stop(&b.comm);
    return crm_status_exit_code(st);
}
