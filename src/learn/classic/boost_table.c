/* boost_table.c - the columns that trees can be grown on, a second time row after row: a node's
 * histograms read all columns of some rows. */
#include "boost_impl.h"

enum { CODES = 256, STRIP = 64, ALIGN = 8 };

typedef struct job {
    const tree_bins *bins;
    const uint8_t *use;
    int64_t *count; /* [columns of the source][CODES] */
    boost_table *t;
} job;

static crm_status count_column(void *ctx, int64_t column, int worker)
{
    const job *j = ctx;
    const uint8_t *code = j->bins->code + column * j->bins->n;
    int64_t *count = j->count + column * CODES;

    (void)worker;
    for (int64_t i = 0; i < j->bins->n; i++)
        count[code[i]] += j->use[i] == BOOST_LEARN;
    return CRM_OK;
}

/* Some split leaves at least so many rows on both sides; parts of these rows cannot do better. */
static bool divides(const int64_t *count, int bins, int64_t least)
{
    int64_t missing = count[TREE_MISSING], left = 0, right = 0;

    for (int b = 0; b < bins; b++)
        right += count[b];
    for (int b = 0; b < bins; b++) {
        left += count[b];
        right -= count[b];
        if (left >= least && right + missing >= least) return true;
        if (left + missing >= least && right >= least) return true;
    }
    return false;
}

static crm_status choose(boost_table *t, const int64_t *count, int64_t least)
{
    const tree_bins *b = t->bins;

    CRM_NEW(t->column, b->n_columns);
    CRM_NEW(t->codes, b->n_columns);
    CRM_NEW(t->missing, b->n_columns);
    CRM_NEW(t->first, b->n_columns + 1);
    for (int c = 0; c < b->n_columns; c++) {
        int k = t->n_columns;
        if (!divides(count + (int64_t)c * CODES, b->bins[c], least)) continue;
        t->column[k] = c;
        t->codes[k] = b->bins[c];
        t->missing[k] = b->has_missing[c];
        CRM_CHECK(t->first[k] <= INT32_MAX - CODES, CRM_ERR_ARG,
                  "boosting takes fewer columns: %d have more bins than a histogram has places",
                  b->n_columns);
        t->first[k + 1] = t->first[k] + t->codes[k] + t->missing[k];
        t->n_columns++;
    }
    return CRM_OK;
}

static void turn_strip(const boost_table *t, int64_t at, int64_t n)
{
    for (int k = 0; k < t->n_columns; k++) {
        const uint8_t *from = t->bins->code + t->column[k] * t->n + at;
        uint8_t *to = t->code + at * t->stride + k, missing = (uint8_t)t->codes[k];
        for (int64_t i = 0; i < n; i++)
            to[i * t->stride] = from[i] == TREE_MISSING ? missing : from[i];
    }
}

static crm_status turn_strips(void *ctx, int64_t strip, int worker)
{
    const boost_table *t = ((job *)ctx)->t;
    int64_t at = strip * STRIP;

    (void)worker;
    turn_strip(t, at, t->n - at < STRIP ? t->n - at : STRIP);
    return CRM_OK;
}

static crm_status turn(const crm_fit *fit, boost_table *t)
{
    job j = {.t = t};

    t->stride = ((int64_t)t->n_columns + ALIGN - 1) / ALIGN * ALIGN;
    CRM_NEW(t->code, t->n * t->stride);
    return crm_pool_run(fit->pool, (t->n + STRIP - 1) / STRIP, turn_strips, &j);
}

/* Rows by code of each column, of all ranks. */
static crm_status count_codes(const crm_fit *fit, const boost_table *t, const uint8_t *use,
                              int64_t **count)
{
    job j = {.bins = t->bins, .use = use, .count = *count};
    int64_t n = (int64_t)t->bins->n_columns * CODES;
    crm_status st = CRM_OK;

    *count = j.count = crm_mem_new((size_t)n, sizeof **count);
    if (!*count) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", t->bins->n_columns);
    if (!st) st = crm_pool_run(fit->pool, t->bins->n_columns, count_column, &j);
    CRM_TRY(crm_comm_agree(fit->comm, st));
    return crm_comm_sum_i64(fit->comm, *count, n);
}

crm_status boost_table_new(const crm_fit *fit, const crm_source *in, const crm_boosting_cfg *cfg,
                           const uint8_t *use, boost_table *out)
{
    int64_t *count = NULL;
    crm_status st;

    *out = (boost_table){0};
    CRM_TRY(tree_bins_new(fit, in, (int)cfg->max_bins, false, &out->bins));
    out->n = out->bins->n;
    st = count_codes(fit, out, use, &count);
    if (!st) {
        st = choose(out, count, cfg->min_samples_leaf);
        if (!st) st = turn(fit, out);
        st = crm_comm_agree(fit->comm, st);
    }
    crm_mem_free(count);
    return st;
}

void boost_table_free(boost_table *t)
{
    tree_bins_free(&t->bins);
    crm_mem_free(t->column);
    crm_mem_free(t->codes);
    crm_mem_free(t->missing);
    crm_mem_free(t->first);
    crm_mem_free(t->code);
    *t = (boost_table){0};
}
