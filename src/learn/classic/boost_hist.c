/* boost_hist.c - histograms of derivatives: integer sums by code of each column.
 *
 * Eight columns at a time, whose places fit in the first cache, over a strip of rows whose codes
 * stay in the second; a row adds to eight places that do not depend on each other. */
#include <string.h>

#include "boost_impl.h"

enum { STRIP = 512, GROUP = 8, LINE = 64 };

typedef struct job {
    const boost_table *t;
    const boost_scale *scale;
    const boost_pair *pair;
    const int32_t *row;
    int64_t n;
    boost_sum *hist;
    int parts;
} job;

/* k is a constant of the caller. */
static inline void add_columns(const boost_table *t, const int32_t *row, const boost_sum *term,
                               int64_t n, int first, int k, boost_sum *hist)
{
    const uint8_t *code = t->code + first;
    int64_t stride = t->stride;
    boost_sum *at[GROUP];

    for (int j = 0; j < k; j++)
        at[j] = hist + t->first[first + j];
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *c = code + row[i] * stride;
        boost_sum v = term[i];
        for (int j = 0; j < k; j++) {
            boost_sum *p = at[j] + c[j];
            p->g += v.g;
            p->hc += v.hc;
        }
    }
}

static void add_strip(const boost_table *t, const int32_t *row, const boost_sum *term, int64_t n,
                      int first, int end, boost_sum *hist)
{
    int c = first;

    for (; c + 8 <= end; c += 8)
        add_columns(t, row, term, n, c, 8, hist);
    if (c + 4 <= end) {
        add_columns(t, row, term, n, c, 4, hist);
        c += 4;
    }
    if (c + 2 <= end) {
        add_columns(t, row, term, n, c, 2, hist);
        c += 2;
    }
    if (c < end) add_columns(t, row, term, n, c, 1, hist);
}

/* What each row adds; its codes are on their way meanwhile. */
static void fetch(const job *j, const int32_t *row, int64_t n, int first, int end, boost_sum *term)
{
    const boost_table *t = j->t;

    for (int64_t i = 0; i < n; i++) {
        const uint8_t *code = t->code + row[i] * t->stride;
        for (int c = first; c < end; c += LINE)
            __builtin_prefetch(code + c);
        term[i] = boost_term(j->scale, j->pair[row[i]]);
    }
}

static crm_status add_part(void *ctx, int64_t part, int worker)
{
    const job *j = ctx;
    int64_t groups = (j->t->n_columns + GROUP - 1) / GROUP;
    int first = (int)(part * groups / j->parts) * GROUP,
        end = (int)((part + 1) * groups / j->parts) * GROUP;
    boost_sum term[STRIP];

    (void)worker;
    if (end > j->t->n_columns) end = j->t->n_columns;
    for (int64_t at = 0; at < j->n && first < end; at += STRIP) {
        int64_t n = j->n - at < STRIP ? j->n - at : STRIP;
        fetch(j, j->row + at, n, first, end, term);
        add_strip(j->t, j->row + at, term, n, first, end, j->hist);
    }
    return CRM_OK;
}

crm_status boost_hist_add(const boost_table *t, const boost_scale *s, const boost_pair *pair,
                          const int32_t *row, int64_t n, crm_pool *pool, boost_sum *hist)
{
    job j = {.t = t, .scale = s, .pair = pair, .row = row, .n = n, .hist = hist, .parts = 1};

    if (pool) j.parts = crm_pool_size(pool);
    return crm_pool_run(pool, j.parts, add_part, &j);
}

void boost_hist_subtract(int64_t places, boost_sum *a, const boost_sum *b)
{
    for (int64_t i = 0; i < places; i++) {
        a[i].g -= b[i].g;
        a[i].hc -= b[i].hc;
    }
}
