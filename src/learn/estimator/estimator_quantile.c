/* estimator_quantile.c - exact order statistics of the columns of a distributed view.
 *
 * A float has an int32 key in the same order, so the k-th smallest value of a column is the
 * smallest key with more than k keys at or below it: bisection over the keys.  Each rank sorts the
 * keys of its own rows once and counts by binary search; one round sums the counts of all columns
 * and order statistics over the ranks.  32 rounds do. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/estimator_rows.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
static const int32_t MISSING = INT32_MAX; /* above the key of infinity */
static const int64_t KEY_BYTES = (int64_t)1
                                 << 28; /* columns are worked on in groups of this size */

typedef struct sorter {
    const crm_fit *fit;
    const crm_source *in;
    crm_view own;
    int64_t n_num, group;  /* columns in all; of a group at most */
    int64_t first, n_cols; /* of the present group */
    int n_p;
    const double *p;
    int32_t *key, *spare; /* [group][own.n] */
    int64_t *lo, *hi;     /* [group][n_p][2] bounds of the keys in search */
    int64_t *count;       /* [group][n_p][2] */
} sorter;

static int32_t key_of(float v)
{
    int32_t bits;
    float plain = v + 0.0F; /* -0 becomes +0 */

    if (isnan(v)) return MISSING;
    memcpy(&bits, &plain, sizeof bits);
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

static float value_of(int64_t key)
{
    int32_t bits = (int32_t)key;
    float v;

    if (bits < 0) bits ^= INT32_MAX;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void take_keys(void *ctx, const crm_rows_piece *p, double *out)
{
    sorter *s = ctx;

    (void)out;
    for (int64_t c = 0; c < s->n_cols; c++) {
        int32_t *key = s->key + c * s->own.n + p->at;
        const float *x = p->num + s->first + c;
        for (int64_t i = 0; i < p->n; i++)
            key[i] = key_of(x[i * s->n_num]);
    }
}

/* One pass of a radix sort by the digit at shift; the sign bit is turned so that order is unsigned.
 */
static void radix_pass(const int32_t *from, int32_t *to, int64_t n, int shift)
{
    int64_t start[DIGITS] = {0}, at = 0;

    for (int64_t i = 0; i < n; i++)
        start[(((uint32_t)from[i] ^ 0x80000000U) >> shift) % DIGITS]++;
    for (int d = 0; d < DIGITS; d++) {
        int64_t count = start[d];
        start[d] = at;
        at += count;
    }
    for (int64_t i = 0; i < n; i++)
        to[start[(((uint32_t)from[i] ^ 0x80000000U) >> shift) % DIGITS]++] = from[i];
}

static crm_status sort_column(void *ctx, int64_t c, int worker)
{
    sorter *s = ctx;
    int64_t n = s->own.n;
    int32_t *key = s->key + c * n, *spare = s->spare + c * n;

    (void)worker;
    radix_pass(key, spare, n, 0);
    radix_pass(spare, key, n, DIGIT_BITS);
    radix_pass(key, spare, n, 2 * DIGIT_BITS);
    memcpy(key, spare, (size_t)n * sizeof *key);
    return CRM_OK;
}

/* Keys at or below bound in the sorted own keys of column c. */
static int64_t at_or_below(const sorter *s, int64_t c, int64_t bound)
{
    const int32_t *key = s->key + c * s->own.n;
    int64_t lo = 0, hi = s->own.n;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (key[mid] <= bound)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static crm_status sort_group(sorter *s)
{
    int64_t left = s->n_num - s->first;

    s->n_cols = left < s->group ? left : s->group;
    CRM_TRY(crm_rows_each(s->in, &s->own, s->fit->pool, take_keys, s));
    return crm_pool_run(s->fit->pool, s->n_cols, sort_column, s);
}

/* Number from 0 of the order statistic below (side 0) or above (side 1) quantile p of n values. */
static int64_t order_of(double p, int64_t n, int side)
{
    int64_t k = (int64_t)floor(p * (double)(n - 1)) + side;

    return k < n - 1 ? k : n - 1;
}

static int64_t middle(const sorter *s, int64_t i)
{
    return s->lo[i] + (s->hi[i] - s->lo[i]) / 2;
}

/* One round for all order statistics of the group. */
static crm_status bisect(sorter *s, const int64_t *present)
{
    int64_t per = 2 * s->n_p, n = s->n_cols * per;

    for (int64_t i = 0; i < n; i++)
        s->count[i] = at_or_below(s, i / per, middle(s, i));
    CRM_TRY(crm_comm_sum_i64(s->fit->comm, s->count, n));
    for (int64_t i = 0; i < n; i++) {
        int64_t k = order_of(s->p[i % per / 2], present[i / per], (int)(i % 2));
        if (s->lo[i] >= s->hi[i]) continue;
        if (s->count[i] > k)
            s->hi[i] = middle(s, i);
        else
            s->lo[i] = middle(s, i) + 1;
    }
    return CRM_OK;
}

static double between(const sorter *s, int64_t c, int q, int64_t present)
{
    const int64_t *key = s->lo + (c * s->n_p + q) * 2;
    double h = s->p[q] * (double)(present - 1);
    double a = value_of(key[0]), b = value_of(key[1]);

    if (present == 0) return NAN;
    return a == b ? a : a + (h - floor(h)) * (b - a);
}

static crm_status search_group(sorter *s, double *out, int64_t *present)
{
    for (int64_t c = 0; c < s->n_cols; c++)
        present[c] = at_or_below(s, c, MISSING - 1);
    CRM_TRY(crm_comm_sum_i64(s->fit->comm, present, s->n_cols));
    for (int64_t i = 0; i < s->n_cols * s->n_p * 2; i++) {
        s->lo[i] = INT32_MIN;
        s->hi[i] = MISSING;
    }
    for (int round = 0; round < 32; round++)
        CRM_TRY(bisect(s, present));
    for (int64_t c = 0; c < s->n_cols; c++)
        for (int q = 0; q < s->n_p; q++)
            out[c * s->n_p + q] = between(s, c, q, present[c]);
    return CRM_OK;
}

/* The size of a group depends on the largest share of rows, which every rank knows. */
static crm_status sorter_make(sorter *s)
{
    int64_t leaves = crm_leaf_count(s->fit->train->n) / crm_comm_size(s->fit->comm) + 1;

    s->group = KEY_BYTES / (leaves * CRM_LEAF_ROWS * (int64_t)sizeof *s->key);
    if (s->group < 1) s->group = 1;
    if (s->group > s->n_num) s->group = s->n_num;
    CRM_NEW(s->key, s->group * s->own.n);
    CRM_NEW(s->spare, s->group * s->own.n);
    CRM_NEW(s->lo, s->group * s->n_p * 2);
    CRM_NEW(s->hi, s->group * s->n_p * 2);
    CRM_NEW(s->count, s->group * s->n_p * 2);
    return CRM_OK;
}

crm_status crm_rows_quantiles(const crm_fit *fit, const crm_source *in, int n_p, const double *p,
                              double *out, int64_t *present)
{
    sorter s = {.fit = fit, .in = in, .own = crm_rows_own(fit), .n_p = n_p, .p = p};
    crm_status st;

    s.n_num = crm_source_schema(in)->n_num;
    st = crm_comm_agree(fit->comm, sorter_make(&s));
    for (; !st && s.first < s.n_num; s.first += s.group) {
        st = crm_comm_agree(fit->comm, sort_group(&s));
        if (!st) st = search_group(&s, out + s.first * n_p, present + s.first);
    }
    crm_mem_free(s.key);
    crm_mem_free(s.spare);
    crm_mem_free(s.lo);
    crm_mem_free(s.hi);
    crm_mem_free(s.count);
    return st;
}
