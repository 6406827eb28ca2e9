/* tree_bins_cut.c - cuts of a column from its values.
 *
 * A value that alone makes a share of 1 / max_bins has a code of its own; the others share what is
 * left about equally (the rule of LightGBM, Ke et al., NIPS 2017).  Cuts are midpoints of
 * neighbours. */
#include <float.h>
#include <string.h>

#include "tree_bins_impl.h"

static double value_of_key(uint32_t key)
{
    uint32_t bits = key & 0x80000000U ? key ^ 0x80000000U : ~key;
    float v;

    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

/* A cut c with a <= c < b, halfway where that is a number. */
static double halfway(uint32_t low, uint32_t high)
{
    double a = value_of_key(low), b = value_of_key(high);

    return isinf(b) ? (double)FLT_MAX : 0.5 * (a + b);
}

/* Sort by bytes from the lowest on; spare has n places. */
static void sort_keys(uint32_t *key, uint32_t *spare, int64_t n)
{
    for (int shift = 0; shift < 32; shift += 8) {
        int64_t start[257] = {0};
        uint32_t *swap = key;
        for (int64_t i = 0; i < n; i++)
            start[(key[i] >> shift & 255) + 1]++;
        for (int v = 0; v < 256; v++)
            start[v + 1] += start[v];
        for (int64_t i = 0; i < n; i++)
            spare[start[key[i] >> shift & 255]++] = key[i];
        key = spare;
        spare = swap;
    }
}

/* Sorted keys -> distinct ones with their counts; missing ones are left out. */
static int64_t count_runs(uint32_t *key, int64_t n, int32_t *count)
{
    int64_t k = 0;

    for (int64_t i = 0; i < n && key[i] != BINS_NONE; i++) {
        if (k == 0 || key[k - 1] != key[i]) {
            key[k] = key[i];
            count[k++] = 0;
        }
        count[k - 1]++;
    }
    return k;
}

typedef struct shares {
    const int32_t *count;
    int64_t n, rest_n; /* rows in all; without a code of their own, not yet given out */
    int max_bins, rest_bins;
} shares;

static bool is_big(const shares *s, int64_t i)
{
    return (int64_t)s->count[i] * s->max_bins >= s->n;
}

static shares share_out(const int32_t *count, int64_t k, int max_bins)
{
    shares s = {.count = count, .max_bins = max_bins, .rest_bins = max_bins};

    for (int64_t i = 0; i < k; i++)
        s.n += count[i];
    s.rest_n = s.n;
    for (int64_t i = 0; i < k; i++)
        if (is_big(&s, i)) {
            s.rest_n -= count[i];
            s.rest_bins--;
        }
    return s;
}

/* Cuts between k distinct values; returns their number. */
static int cut_shares(const uint32_t *key, const int32_t *count, int64_t k, int max_bins,
                      double *cut)
{
    shares s = share_out(count, k, max_bins);
    int64_t held = 0;
    int n = 0;

    for (int64_t i = 0; i + 1 < k && n + 1 < max_bins; i++) {
        bool big = is_big(&s, i);
        double mean = s.rest_bins > 0 ? (double)s.rest_n / s.rest_bins : DBL_MAX;
        held += count[i];
        if (k > max_bins && !big && (double)held < mean &&
            !(is_big(&s, i + 1) && (double)held >= 0.5 * mean))
            continue;
        cut[n++] = halfway(key[i], key[i + 1]);
        if (!big) {
            s.rest_n -= held;
            s.rest_bins--;
        }
        held = 0;
    }
    return n;
}

static const uint32_t *record_of(const bins_cutter *t, int rank, int64_t c)
{
    const uint32_t *at = t->record;

    for (int r = 0; r < rank; r++)
        at += t->d * t->width[r];
    return at + c * t->width[rank];
}

/* Distinct keys of all ranks into key [size * TREE_BINS_MAX]; -1 when a rank has too many. */
static int64_t take_distinct(const bins_cutter *t, int64_t c, uint32_t *key)
{
    int64_t n = 0;

    for (int r = 0; r < t->size; r++) {
        const uint32_t *head = record_of(t, r, c);
        if (head[HEAD_DISTINCT] > (uint32_t)t->max_bins) return -1;
        memcpy(key + n, head + HEAD_KEYS, head[HEAD_DISTINCT] * sizeof *key);
        n += head[HEAD_DISTINCT];
    }
    return n;
}

/* Sampled keys of all ranks, the lowest and the highest of all rows. */
static int64_t take_sample(const bins_cutter *t, int64_t c, uint32_t *key)
{
    uint32_t low = BINS_NONE, high = 0;
    int64_t n = 0;

    for (int r = 0; r < t->size; r++) {
        const uint32_t *head = record_of(t, r, c);
        memcpy(key + n, head + HEAD, (size_t)(t->width[r] - HEAD) * sizeof *key);
        n += t->width[r] - HEAD;
        low = head[HEAD_LOW] < low ? head[HEAD_LOW] : low;
        high = head[HEAD_HIGH] > high ? head[HEAD_HIGH] : high;
    }
    key[n++] = low;
    key[n++] = high;
    return n;
}

static void cut_keys(const bins_cutter *t, int64_t c, uint32_t *key, uint32_t *spare,
                     int32_t *count)
{
    double *out = t->cut + c * CUT_WIDTH;
    int64_t n = take_distinct(t, c, key), k = -1;

    if (n >= 0) {
        sort_keys(key, spare, n);
        k = count_runs(key, n, count);
    }
    if (k < 0 || k > t->max_bins) {
        n = take_sample(t, c, key);
        sort_keys(key, spare, n);
        k = count_runs(key, n, count);
    }
    out[CUT_BINS] = 1 + cut_shares(key, count, k, t->max_bins, out + CUT_FIRST);
    for (int r = 0; r < t->size; r++)
        if (record_of(t, r, c)[HEAD_MISSING]) out[CUT_MISSING] = 1;
}

crm_status bins_cut_column(void *ctx, int64_t c, int worker)
{
    const bins_cutter *t = ctx;
    int64_t n = (int64_t)t->size * TREE_BINS_MAX, m = 2;
    uint32_t *key;

    (void)worker;
    for (int r = 0; r < t->size; r++)
        m += t->width[r] - HEAD;
    n = m > n ? m : n;
    CRM_NEW(key, 3 * n);
    cut_keys(t, c, key, key + n, (int32_t *)(key + 2 * n));
    crm_mem_free(key);
    return CRM_OK;
}
