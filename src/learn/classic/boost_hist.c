/* boost_hist.c - histograms of derivatives: integer sums by code of each column.
 *
 * Eight columns at a time, whose places fit in the first cache, over a strip of rows whose codes
 * stay in the second; a row adds to eight places that do not depend on each other. */
#include <string.h>

#include "boost_impl.h"
#include "crmpi/base_simd.h"

enum { STRIP = 256, BLOCK = 16, GROUP = 8, LINE = 64 };

typedef struct job {
    const boost_table *t;
    const boost_scale *scale;
    const boost_pair *pair;
    const int32_t *row;
    int64_t n;
    boost_sum *hist;
    int parts;
} job;

/* Rows of a strip, and rows of the next one, whose codes and derivatives are asked for while these
 * are added up: each BLOCK of rows asks for some. */
typedef struct strip {
    const job *j;
    const int32_t *row;
    const boost_sum *term; /* [n] what each adds */
    int64_t n;
    const int32_t *next, *next_end;
    int ask, first, last; /* rows by block; columns */
} strip;

static inline void ask_ahead(strip *s)
{
    const boost_table *t = s->j->t;

    for (int k = 0; k < s->ask && s->next < s->next_end; k++, s->next++) {
        const uint8_t *code = t->code + *s->next * t->stride;
        __builtin_prefetch(&s->j->pair[*s->next]);
        for (int c = s->first; c < s->last; c += LINE)
            __builtin_prefetch(code + c);
    }
}

/* Add the rows to k columns from first on, whose places begin at at [k].  k is a constant. */
static inline void add_columns(strip *s, int first, int k, boost_sum *const *at)
{
    const uint8_t *code = s->j->t->code + first;
    int64_t stride = s->j->t->stride;

    for (int64_t b = 0; b < s->n; b += BLOCK) {
        int64_t end = b + BLOCK < s->n ? b + BLOCK : s->n;
        ask_ahead(s);
        for (int64_t i = b; i < end; i++) {
            const uint8_t *c = code + s->row[i] * stride;
            boost_sum v = s->term[i];
            for (int l = 0; l < k; l++) {
                boost_sum *p = at[l] + c[l];
                p->g += v.g;
                p->hc += v.hc;
            }
        }
    }
}

CRM_SIMD static void add_eight(strip *s, int first, boost_sum *const *at)
{
    add_columns(s, first, GROUP, at);
}

static void add_strip(strip *s)
{
    boost_sum *at[GROUP];
    int c = s->first;

    for (; c < s->last; c += GROUP) {
        int k = s->last - c < GROUP ? s->last - c : GROUP;
        for (int l = 0; l < k; l++)
            at[l] = s->j->hist + s->j->t->first[c + l];
        if (k == GROUP)
            add_eight(s, c, at);
        else
            for (int l = 0; l < k; l++)
                add_columns(s, c + l, 1, at + l);
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
        int64_t n = j->n - at < STRIP ? j->n - at : STRIP, next = at + n,
                more = j->n - next < STRIP ? j->n - next : STRIP;
        strip s = {.j = j,
                   .row = j->row + at,
                   .term = term,
                   .n = n,
                   .next = j->row + next,
                   .next_end = j->row + next + more,
                   .ask = BLOCK * GROUP / (end - first) + 1,
                   .first = first,
                   .last = end};
        for (int64_t i = 0; i < n; i++)
            term[i] = boost_term(j->scale, j->pair[j->row[at + i]]);
        add_strip(&s);
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
