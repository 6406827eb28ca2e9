/* test_tree_bins.c - columns as codes: one for each value where there are few, equal shares where
 * there are many, values that fill a code alone; missing, infinite and huge values; equal on any
 * number of ranks and threads. ranks: 1 2 3 4
 */
#include <float.h>

#include "../../src/learn/classic/tree_impl.h"
#include "feature/small_data.h"

static const char *const class_name[] = {"a", "b"};

/* A data set of n rows and d numbers of which nothing but the numbers matters. */
static crm_data *open_numbers(int64_t n, int d, const float *num)
{
    static const char *const name[] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"};
    int32_t *label = crm_mem_new((size_t)n, sizeof *label);
    sd_spec s = {.n = n,
                 .n_num = d,
                 .num_name = name,
                 .num = num,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = label};
    crm_data *data = NULL;

    T_OK(sd_open("numbers", &s, &data));
    crm_mem_free(label);
    return data;
}

static crm_status bins_of(crm_comm *comm, crm_pool *pool, crm_data *d, int max_bins, bool all,
                          tree_bins **out)
{
    crm_fit fit = {.comm = comm, .pool = pool, .seed = 1};
    crm_source *in = NULL;
    crm_view *v = NULL;
    crm_status st = crm_view_all(d, &v);

    fit.train = v;
    if (!st) st = crm_source_new(d, CRM_FLAT_ALL, &in);
    if (!st) st = tree_bins_new(&fit, in, max_bins, all, out);
    crm_source_free(&in);
    crm_view_free(&v);
    return st;
}

/* The law of the header: code b holds cut[b - 1] < x <= cut[b]. */
static void check_law(const tree_bins *b, const float *num)
{
    int64_t wrong = 0;

    for (int c = 0; c < b->n_columns; c++)
        for (int64_t i = 0; i < b->n; i++) {
            float x = num[(b->first + i) * b->n_columns + c];
            int code = b->code[c * b->n + i];
            if (isnan(x))
                wrong += code != TREE_MISSING || !b->has_missing[c];
            else
                wrong += code >= b->bins[c] || (code > 0 && !(b->cut[c][code - 1] < (double)x)) ||
                         (code + 1 < b->bins[c] && !((double)x <= b->cut[c][code]));
        }
    T_EQ_I(wrong, 0);
}

static void codes_few_values(void)
{
    enum { N = 12, D = 4 };
    const float inf = INFINITY, none = NAN;
    /* three values and gaps; two signs of zero; the infinities and huge numbers; nothing */
    const float x[N][D] = {{3, 0.0F, inf, none},     {1, -0.0F, -inf, none}, {7, 1, 1e30F, none},
                           {none, -1, -1e30F, none}, {3, 0, FLT_MAX, none},  {1, 0, -FLT_MAX, none},
                           {7, 0, none, none},       {7, 0, 0, none},        {3, 0, 0, none},
                           {1, 0, inf, none},        {1, 0, -inf, none},     {none, 0, 1, none}};
    const int want[N] = {1, 0, 2, 255, 1, 0, 2, 2, 1, 0, 0, 255};
    crm_data *d = open_numbers(N, D, &x[0][0]);
    tree_bins *b = NULL;

    T_OK(bins_of(t_comm, NULL, d, 255, true, &b));
    T_CHECK(b->n_columns == D && b->first == 0 && b->n == N);
    T_CHECK(b->bins[0] == 3 && b->bins[1] == 3 && b->bins[2] == 8 && b->bins[3] == 1);
    T_CHECK(b->cut[0][0] == 2 && b->cut[0][1] == 5);
    T_CHECK(b->cut[1][0] == -0.5 && b->cut[1][1] == 0.5);
    T_CHECK(b->has_missing[0] && !b->has_missing[1] && b->has_missing[2] && b->has_missing[3]);
    for (int i = 0; i < N; i++)
        T_EQ_I(b->code[i], want[i]);
    for (int k = 0; k < b->bins[2] - 1; k++)
        T_CHECK(!isnan(b->cut[2][k]));
    check_law(b, &x[0][0]);
    tree_bins_free(&b);
    crm_data_close(&d);
}

/* 0: continuous, 1: long tail, 2: six in ten are 0, 3: max_bins values, 4: one more, 5: holes,
 * 6: constant, 7: constant but for one row */
static float *many(int64_t n, int max_bins)
{
    float *x = crm_mem_new((size_t)n * 8, sizeof *x);

    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(9, CRM_RNG_TEST, 0, (uint64_t)i);
        float *row = x + i * 8;
        row[0] = (float)crm_rng_normal(&r);
        row[1] = (float)crm_rng_exponential(&r) * 1e30F;
        row[2] = crm_rng_uniform(&r) < 0.6 ? 0 : (float)crm_rng_normal(&r);
        row[3] = (float)(i % max_bins);
        row[4] = (float)(i % (max_bins + 1));
        row[5] = crm_rng_uniform(&r) < 0.3 ? NAN : (float)crm_rng_uniform(&r);
        row[6] = -2;
        row[7] = i == n / 3 ? 5 : 4;
    }
    return x;
}

static void count_codes(const tree_bins *b, int c, int64_t *count)
{
    memset(count, 0, 256 * sizeof *count);
    for (int64_t i = 0; i < b->n; i++)
        count[b->code[c * b->n + i]]++;
}

/* Codes of about equal size; the first and the last may have less. */
static void check_shares(const tree_bins *b, int c, int64_t n, double slack)
{
    int64_t count[256];
    double mean = (double)n / b->bins[c];

    count_codes(b, c, count);
    for (int k = 0; k < b->bins[c]; k++)
        if ((double)count[k] > mean * (1 + slack) ||
            (k > 0 && k < b->bins[c] - 1 && (double)count[k] < mean * (1 - slack)))
            T_NEAR((double)count[k], mean, slack);
}

/* Zeros stand alone in their code; the others share the rest. */
static void check_zeros(const tree_bins *b, int64_t n, int max_bins, double slack)
{
    int64_t count[256];

    T_CHECK(b->bins[2] > max_bins * 0.9 && b->bins[2] <= max_bins);
    count_codes(b, 2, count);
    for (int k = 0; k < b->bins[2]; k++) {
        double share = (double)count[k] / (double)n;
        T_CHECK(share > 0.58 ? share < 0.62 : share < (1 + slack) * 0.4 / (max_bins - 1));
    }
}

static void check_many(int64_t n, int max_bins, double slack)
{
    float *x = many(n, max_bins);
    crm_data *d = open_numbers(n, 8, x);
    tree_bins *b = NULL;

    T_OK(bins_of(t_comm, NULL, d, max_bins, true, &b));
    check_law(b, x);
    for (int c = 0; c < 2; c++) {
        T_EQ_I(b->bins[c], max_bins);
        check_shares(b, c, n, slack);
    }
    if (max_bins > 2) check_zeros(b, n, max_bins, slack);
    T_EQ_I(b->bins[3], max_bins);
    T_CHECK(b->bins[4] >= max_bins / 2 && b->bins[4] <= max_bins);
    T_CHECK(b->has_missing[5] && !b->has_missing[4]);
    T_EQ_I(b->bins[6], 1);
    T_EQ_I(b->bins[7], 2);
    T_NEAR(b->cut[7][0], 4.5, 0);
    tree_bins_free(&b);
    crm_data_close(&d);
    crm_mem_free(x);
}

static void shares_out_many_values(void)
{
    check_many(9000, 255, 0.5);
    check_many(9000, 2, 0.1);
    check_many(5000, 16, 0.1);
}

/* More rows than are sampled: shares are those of the sample. */
static void cuts_on_a_sample(void)
{
    check_many(230000, 64, 0.25);
}

static bool equal_cuts(const tree_bins *a, const tree_bins *b)
{
    bool same = a->n_columns == b->n_columns;

    for (int c = 0; same && c < a->n_columns; c++)
        same = a->bins[c] == b->bins[c] && a->has_missing[c] == b->has_missing[c] &&
               memcmp(a->cut[c], b->cut[c], (size_t)(a->bins[c] - 1) * sizeof(double)) == 0;
    return same;
}

/* Together, with threads, every rank alone; own rows are a part of all. */
static void check_ranks(int64_t n, int max_bins)
{
    float *x = many(n, 7);
    crm_data *d = open_numbers(n, 8, x);
    tree_bins *all = NULL, *own = NULL, *alone = NULL;
    crm_comm *single;
    crm_pool *pool;
    int64_t wrong = 0;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &single));
    T_OK(crm_pool_new(3, &pool));
    T_OK(bins_of(t_comm, NULL, d, max_bins, true, &all));
    T_OK(bins_of(t_comm, pool, d, max_bins, false, &own));
    T_OK(bins_of(single, pool, d, max_bins, true, &alone));
    T_CHECK(equal_cuts(all, own) && equal_cuts(all, alone));
    T_CHECK(all->n == n && alone->n == n && memcmp(all->code, alone->code, (size_t)n * 8) == 0);
    for (int c = 0; c < 8; c++)
        for (int64_t i = 0; i < own->n; i++)
            wrong += own->code[c * own->n + i] != all->code[c * n + own->first + i];
    T_EQ_I(wrong, 0);
    n -= own->n;
    T_OK(crm_comm_sum_i64(t_comm, &n, 1));
    T_EQ_I(n, (crm_comm_size(t_comm) - 1) * all->n);
    tree_bins_free(&all);
    tree_bins_free(&own);
    tree_bins_free(&alone);
    crm_comm_free(&single);
    crm_pool_free(&pool);
    crm_data_close(&d);
    crm_mem_free(x);
}

static void agrees_on_any_ranks(void)
{
    check_ranks(1, 255);
    check_ranks(4097, 20);
    check_ranks(9000, 255);
    check_ranks(203000, 100);
}

static void takes_no_columns(void)
{
    crm_data *d = open_numbers(5, 0, NULL);
    tree_bins *b = NULL;

    T_OK(bins_of(t_comm, NULL, d, 255, true, &b));
    T_CHECK(b && b->n_columns == 0 && b->n == 5);
    tree_bins_free(&b);
    tree_bins_free(&b);
    T_FAILS(bins_of(t_comm, NULL, d, 1, true, &b), CRM_ERR_ARG, "1 bins");
    T_FAILS(bins_of(t_comm, NULL, d, 256, true, &b), CRM_ERR_ARG, "256 bins");
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"codes few values", codes_few_values},
                                   {"shares out many values", shares_out_many_values},
                                   {"cuts on a sample", cuts_on_a_sample},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"takes no columns", takes_no_columns},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
