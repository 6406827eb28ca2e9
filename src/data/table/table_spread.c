/* table_spread.c - a column of numbers over the ranks: exact quantiles, sums whose bits do not
 * depend on the ranks.
 *
 * The k-th smallest value is the smallest key (crm_stats_key) with more than k values at or below
 * it: bisection over the keys, one sum of counts over the ranks in each of at most 64 rounds. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_relate.h"
#include "table_clean.h"

/* Rows that belong to a rank. */
static void range_of(int64_t total, int rank, int size, int64_t *first, int64_t *end)
{
    crm_tree_range(crm_leaf_count(total), rank, size, first, end);
    *first = *first * CRM_LEAF_ROWS < total ? *first * CRM_LEAF_ROWS : total;
    *end = *end * CRM_LEAF_ROWS < total ? *end * CRM_LEAF_ROWS : total;
}

/* Bytes of the rows before .. before + n - 1 that belong to each rank. */
static void shares(crm_comm *comm, int64_t n, int64_t before, int64_t total, size_t *bytes)
{
    int size = crm_comm_size(comm);

    for (int r = 0; r < size; r++) {
        int64_t first, end;
        range_of(total, r, size, &first, &end);
        first = first > before ? first : before;
        end = end < before + n ? end : before + n;
        bytes[r] = end > first ? (size_t)(end - first) * sizeof(double) : 0;
    }
}

static crm_status deal(const double *v, int64_t n, int64_t before, table_spread *s)
{
    int size = crm_comm_size(s->comm);
    size_t *bytes = crm_mem_new((size_t)size * 2, sizeof *bytes);
    void *in = NULL;
    crm_status st = CRM_OK;
    int64_t end;

    if (!bytes) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d ranks", size);
    CRM_TRY_TO(st, done, crm_comm_agree(s->comm, st));
    shares(s->comm, n, before, s->total, bytes);
    CRM_TRY_TO(st, done, crm_comm_exchange(s->comm, v, bytes, &in, bytes + size));
    range_of(s->total, crm_comm_rank(s->comm), size, &s->first, &end);
    s->n = end - s->first;
    s->value = in;
done:
    crm_mem_free(bytes);
    return st;
}

static crm_status sort_own(table_spread *s)
{
    uint64_t *key, *spare;

    s->here = 0;
    CRM_NEW(key, s->n);
    spare = crm_mem_new((size_t)s->n, sizeof *spare);
    if (!s->sorted) s->sorted = crm_mem_new((size_t)s->n, sizeof *s->sorted);
    if (!spare || !s->sorted) {
        crm_mem_free(key);
        crm_mem_free(spare);
        CRM_FAIL(CRM_ERR_NOMEM, "out of memory: %lld numbers", (long long)s->n);
    }
    for (int64_t i = 0; i < s->n; i++)
        if (!isnan(s->value[i])) key[s->here++] = crm_stats_key(s->value[i]);
    crm_stats_sort_keys(key, spare, s->here, 0);
    for (int64_t i = 0; i < s->here; i++)
        s->sorted[i] = crm_stats_key_value(key[i]);
    crm_mem_free(key);
    crm_mem_free(spare);
    return CRM_OK;
}

static crm_status sort_all(table_spread *s)
{
    CRM_TRY(crm_comm_agree(s->comm, sort_own(s)));
    s->present = s->here;
    return crm_comm_sum_i64(s->comm, &s->present, 1);
}

crm_status crm_table_spread_new(crm_comm *comm, const double *v, int64_t n, int64_t before,
                                int64_t total, table_spread *s)
{
    *s = (table_spread){.comm = comm, .total = total};
    CRM_TRY(deal(v, n, before, s));
    return sort_all(s);
}

crm_status crm_table_spread_distances(table_spread *s, double centre)
{
    for (int64_t i = 0; i < s->n; i++)
        s->value[i] = fabs(s->value[i] - centre);
    return sort_all(s);
}

void crm_table_spread_free(table_spread *s)
{
    crm_mem_free(s->value);
    crm_mem_free(s->sorted);
    *s = (table_spread){0};
}

/* ---- quantiles ---- */
static crm_status extremes(const table_spread *s, double *min, double *max)
{
    double low = s->here ? s->sorted[0] : (double)INFINITY;
    double high = s->here ? s->sorted[s->here - 1] : -(double)INFINITY;

    CRM_TRY(crm_comm_min_f64(s->comm, &low, 1));
    CRM_TRY(crm_comm_max_f64(s->comm, &high, 1));
    *min = s->present ? low : (double)NAN;
    *max = s->present ? high : (double)NAN;
    return CRM_OK;
}

/* Own values at or below the one of a key.  Keys are compared, as numbers below the least normal
 * one count as 0 when numbers are. */
static int64_t at_or_below(const table_spread *s, uint64_t key)
{
    int64_t lo = 0, hi = s->here;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (crm_stats_key(s->sorted[mid]) <= key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Order statistics number order[n], from 0. */
static crm_status find_orders(const table_spread *s, int n, const int64_t *order, uint64_t *lo,
                              uint64_t *hi, int64_t *count)
{
    for (int round = 0; round < 64; round++) {
        for (int i = 0; i < n; i++)
            count[i] = at_or_below(s, lo[i] + (hi[i] - lo[i]) / 2);
        CRM_TRY(crm_comm_sum_i64(s->comm, count, n));
        for (int i = 0; i < n; i++) {
            uint64_t mid = lo[i] + (hi[i] - lo[i]) / 2;
            if (lo[i] >= hi[i]) continue;
            if (count[i] > order[i])
                hi[i] = mid;
            else
                lo[i] = mid + 1;
        }
    }
    return CRM_OK;
}

enum { ORDERS_MAX = 16 };

crm_status crm_table_spread_quantiles(const table_spread *s, int n_p, const double *p, double *out)
{
    int64_t order[ORDERS_MAX], count[ORDERS_MAX];
    uint64_t lo[ORDERS_MAX], hi[ORDERS_MAX];
    double min = NAN, max = NAN;

    CRM_ASSERT(2 * n_p <= ORDERS_MAX);
    CRM_TRY(extremes(s, &min, &max));
    for (int i = 0; i < n_p; i++)
        out[i] = NAN;
    if (s->present == 0) return CRM_OK;
    for (int i = 0; i < 2 * n_p; i++) {
        int64_t k = (int64_t)floor(p[i / 2] * (double)(s->present - 1)) + i % 2;
        order[i] = k < s->present - 1 ? k : s->present - 1;
        lo[i] = crm_stats_key(min);
        hi[i] = crm_stats_key(max);
    }
    CRM_TRY(find_orders(s, 2 * n_p, order, lo, hi, count));
    for (int i = 0; i < n_p; i++) {
        double h = p[i] * (double)(s->present - 1), part = h - floor(h);
        double a = crm_stats_key_value(lo[2 * i]), b = crm_stats_key_value(lo[2 * i + 1]);
        out[i] = a == b ? a : a + part * (b - a);
    }
    return CRM_OK;
}

/* ---- moments ---- */
typedef struct pass {
    const table_spread *s;
    double centre;
    bool squares;
} pass;

static crm_status leaf_sum(void *ctx, int64_t leaf, int worker, void *out)
{
    const pass *p = ctx;
    double *sum = out;
    int64_t first, n;

    (void)worker;
    crm_leaf_rows(p->s->total, leaf, &first, &n);
    for (int64_t i = first - p->s->first; i < first - p->s->first + n; i++) {
        double d = p->s->value[i] - p->centre;
        if (!isnan(d)) *sum += p->squares ? d * d : d;
    }
    return CRM_OK;
}

crm_status crm_table_spread_moments(const table_spread *s, table_moments *m)
{
    pass p = {.s = s};
    double sum;

    *m = (table_moments){NAN, NAN, NAN, NAN};
    CRM_TRY(extremes(s, &m->min, &m->max));
    if (s->present == 0) return CRM_OK;
    p.centre = m->min; /* equal values then have their own value as mean */
    CRM_TRY(crm_tree_sum_once(s->comm, NULL, crm_leaf_count(s->total), 1, leaf_sum, &p, &sum));
    m->mean = m->min + sum / (double)s->present;
    p.centre = m->mean;
    p.squares = true;
    return crm_tree_sum_once(s->comm, NULL, crm_leaf_count(s->total), 1, leaf_sum, &p, &m->squares);
}

/* ---- distinct values ---- */
static crm_status own_keys(const table_spread *s, crm_digest **key, int64_t *n)
{
    *n = 0;
    CRM_NEW(*key, s->here < TABLE_DISTINCT_MAX ? s->here : TABLE_DISTINCT_MAX);
    for (int64_t i = 0; i < s->here; i++) {
        if (i && s->sorted[i] == s->sorted[i - 1]) continue;
        if (*n < TABLE_DISTINCT_MAX) (*key)[*n] = crm_digest_of(&s->sorted[i], sizeof(double));
        (*n)++;
    }
    return CRM_OK;
}

crm_status crm_table_spread_distinct(const table_spread *s, int64_t *distinct)
{
    crm_digest *key = NULL;
    table_index *x = NULL;
    int64_t n = 0, most, repeated = 0;
    crm_status st = crm_comm_agree(s->comm, own_keys(s, &key, &n));

    *distinct = -1;
    most = n;
    if (!st) st = crm_comm_max_i64(s->comm, &most, 1);
    if (!st && most <= TABLE_DISTINCT_MAX) {
        st = crm_table_index_new(s->comm, key, n, 0, &repeated, &x);
        if (!st) st = crm_comm_sum_i64(s->comm, &n, 1);
        if (!st && n - repeated <= TABLE_DISTINCT_MAX) *distinct = n - repeated;
    }
    crm_table_index_free(&x);
    crm_mem_free(key);
    return st;
}
