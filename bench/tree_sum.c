/* tree_sum.c - time of one sum of gradients of a net with a word table: exact over dense leaves,
 * exact over leaves that name the rows they touch, and fast; and of what follows it in a step.
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

enum { LANES = 8, DENSE = 166000, ROWS = 20000, ROW = 64, WIDTH = DENSE + ROWS * ROW };

typedef struct bench {
    crm_comm *comm;
    crm_pool *pool;
    crm_tree *dense, *sparse, *tree; /* tree: the one that is timed */
    int64_t touched, rounds, threads;
    int32_t *rows[LANES]; /* [touched] each */
    float *full;
    const float *slice;
    double squares;
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

static crm_status sum_slice(bench *b)
{
    void *slice;

    CRM_TRY(crm_tree_sum_slice(b->tree, write_leaf, b, &slice));
    b->slice = slice;
    return CRM_OK;
}

static crm_status sum_fast(bench *b)
{
    return crm_tree_sum_fast(b->tree, write_leaf, b, b->full);
}

static crm_status gather(bench *b)
{
    return crm_tree_gather(b->tree, b->full);
}

/* In double, as for the optimiser's norm. */
static crm_status squares(bench *b)
{
    int64_t first, n;
    double sum = 0;

    crm_tree_slice(b->tree, crm_comm_rank(b->comm), &first, &n);
    for (int64_t i = 0; i < n; i++)
        sum += (double)b->slice[i] * b->slice[i];
    b->squares += sum;
    return CRM_OK;
}

/* The leaves alone, into the same memory again and again. */
static crm_status leaves(bench *b)
{
    int64_t first, end;

    crm_tree_range(LANES, crm_comm_rank(b->comm), crm_comm_size(b->comm), &first, &end);
    for (; first < end; first++)
        CRM_TRY(write_leaf(b, first, 0, b->full));
    return CRM_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median over the rounds of the slowest rank's time, in ms. */
static crm_status timed(bench *b, const char *name, crm_tree *tree, crm_status (*what)(bench *))
{
    double *ms;
    crm_status st = CRM_OK;

    CRM_NEW(ms, b->rounds);
    b->tree = tree;
    for (int64_t i = -3; i < b->rounds && !st; i++) {
        double from;
        st = crm_comm_barrier(b->comm);
        from = crm_clock_now();
        if (!st) st = what(b);
        if (!st && i >= 0) ms[i] = (crm_clock_now() - from) * 1e3;
    }
    if (!st) st = crm_comm_max_f64(b->comm, ms, b->rounds);
    if (!st) {
        qsort(ms, (size_t)b->rounds, sizeof *ms, by_value);
        if (crm_comm_rank(b->comm) == 0)
            printf("%-28s %7.3f ms  (fastest %.3f)\n", name, ms[b->rounds / 2], ms[0]);
    }
    crm_mem_free(ms);
    return st;
}

static crm_status measure(bench *b)
{
    for (int lane = 0; lane < LANES; lane++)
        CRM_TRY(draw_rows(b, lane));
    if (b->threads > 1) CRM_TRY(crm_pool_new((int)b->threads, &b->pool));
    CRM_NEW(b->full, WIDTH);
    CRM_TRY(crm_tree_new(b->comm, b->pool, LANES, WIDTH, CRM_F32, &b->dense));
    CRM_TRY(crm_tree_new_sparse(b->comm, b->pool, LANES, WIDTH, DENSE, &b->sparse));
    if (crm_comm_rank(b->comm) == 0)
        printf(
            "%d elements, %d lanes, %d x %d in the table, %d rows touched by a lane; %d ranks of "
            "%d threads\n",
            WIDTH, LANES, ROWS, ROW, (int)b->touched, crm_comm_size(b->comm), (int)b->threads);
    CRM_TRY(timed(b, "leaves alone, one thread", b->sparse, leaves));
    CRM_TRY(timed(b, "exact, dense leaves", b->dense, sum_slice));
    CRM_TRY(timed(b, "exact, sparse leaves", b->sparse, sum_slice));
    CRM_TRY(timed(b, "fast, dense leaves", b->dense, sum_fast));
    CRM_TRY(timed(b, "fast, sparse leaves", b->sparse, sum_fast));
    CRM_TRY(sum_slice(b));
    CRM_TRY(timed(b, "sum of squares of a slice", b->sparse, squares));
    return timed(b, "all-gather of the slices", b->sparse, gather);
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
    for (int lane = 0; lane < LANES; lane++)
        crm_mem_free(b.rows[lane]);
    crm_tree_free(&b.dense);
    crm_tree_free(&b.sparse);
    crm_pool_free(&b.pool);
    crm_mem_free(b.full);
    crm_comm_stop(&b.comm);
    return crm_status_exit_code(st);
}
