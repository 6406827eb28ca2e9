/* tree_columns.c - the numbers of all training rows as ranks among the distinct values of their
 * column, for exact trees: cuts then compare integers, and the values themselves are asked only
 * when a cut is written down. */
#include <string.h>

#include "tree_exact_impl.h"

enum { DIGIT = 11 }; /* most bits of a digit */
#define MISSING UINT32_MAX

/* Numbers as integers of the same order.  Zeros are one; so are numbers that the floating-point
 * mode takes for zero. */
static uint32_t order_of(float x)
{
    uint32_t bits;

    if (isnan(x)) return MISSING;
    memcpy(&bits, &x, sizeof bits);
    if (!(bits & 0x7f800000u)) bits = 0;
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float value_of(uint32_t order)
{
    uint32_t bits = order & 0x80000000u ? order & 0x7fffffffu : ~order;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static void take_piece(void *ctx, const crm_rows_piece *p, double *out)
{
    tree_columns *c = ctx;

    (void)out;
    for (int j = 0; j < c->n_columns; j++)
        for (int64_t i = 0; i < p->n; i++)
            c->rank[j][p->at + i] = (int32_t)order_of(p->num[i * c->n_columns + j]);
}

/* One pass over a digit; false, and nothing done, when all have the same. */
static bool sort_digit(int64_t n, const uint64_t *in, int shift, int bits, uint64_t *out)
{
    int64_t at[1 << DIGIT], sum = 0;
    uint64_t mask = (1u << bits) - 1;

    memset(at, 0, sizeof *at << bits);
    for (int64_t i = 0; i < n; i++)
        at[in[i] >> shift & mask]++;
    if (at[in[0] >> shift & mask] == n) return false;
    for (uint64_t k = 0; k <= mask; k++) {
        int64_t here = at[k];
        at[k] = sum;
        sum += here;
    }
    for (int64_t i = 0; i < n; i++)
        out[at[in[i] >> shift & mask]++] = in[i];
    return true;
}

uint64_t *exact_sort_pairs(int64_t n, uint64_t *a, uint64_t *b, uint32_t high)
{
    int width = n < 256 ? 6 : n < 4096 ? 9 : DIGIT;

    for (int done = 0; done < 32 && high >> done > 0; done += width) {
        int bits = width < 32 - done ? width : 32 - done;
        uint64_t *t = a;
        if (!sort_digit(n, a, 32 + done, bits, b)) continue;
        a = b;
        b = t;
    }
    return a;
}

/* Ranks for orders in place; value wants room for n. */
static int32_t number(int64_t n, const uint64_t *sorted, int32_t *rank, float *value)
{
    int32_t k = -1;

    for (int64_t i = 0; i < n; i++) {
        uint32_t order = (uint32_t)(sorted[i] >> 32);
        bool missing = order == MISSING;
        if (!missing && (i == 0 || order != (uint32_t)(sorted[i - 1] >> 32)))
            value[++k] = value_of(order);
        rank[(uint32_t)sorted[i]] = k + missing;
    }
    return k + 1;
}

static crm_status rank_column(void *ctx, int64_t j, int worker)
{
    tree_columns *c = ctx;
    uint64_t *pair = NULL;
    float *value = NULL;
    crm_status st = CRM_OK;

    (void)worker;
    CRM_TRY(crm_fit_check_stop(c->fit));
    CRM_NEW_TO(st, done, pair, 2 * c->n);
    CRM_NEW_TO(st, done, value, c->n);
    for (int64_t i = 0; i < c->n; i++)
        pair[i] = (uint64_t)(uint32_t)c->rank[j][i] << 32 | (uint64_t)i;
    c->n_values[j] =
        number(c->n, exact_sort_pairs(c->n, pair, pair + c->n, UINT32_MAX), c->rank[j], value);
    CRM_NEW_TO(st, done, c->value[j], c->n_values[j]);
    memcpy(c->value[j], value, (size_t)c->n_values[j] * sizeof *value);
done:
    crm_mem_free(pair);
    crm_mem_free(value);
    return st;
}

static crm_status make(const crm_fit *fit, const crm_source *in, tree_columns *c)
{
    CRM_CHECK(fit->train->n < INT32_MAX, CRM_ERR_CONFIG,
              "%lld training rows are too many for exact splits; set method to histogram",
              (long long)fit->train->n);
    c->fit = fit;
    c->n_columns = crm_source_schema(in)->n_num;
    c->n = fit->train->n;
    CRM_NEW(c->rank, c->n_columns);
    CRM_NEW(c->n_values, c->n_columns);
    CRM_NEW(c->value, c->n_columns);
    for (int j = 0; j < c->n_columns; j++)
        CRM_NEW(c->rank[j], c->n);
    CRM_TRY(crm_rows_each(in, fit->train, fit->pool, take_piece, c));
    CRM_TRY(crm_pool_run(fit->pool, c->n > 0 ? c->n_columns : 0, rank_column, c));
    c->fit = NULL;
    return CRM_OK;
}

crm_status tree_columns_new(const crm_fit *fit, const crm_source *in, tree_columns **out)
{
    crm_status st = CRM_OK;

    *out = crm_mem_new(1, sizeof **out);
    if (!*out)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: columns of trees");
    else
        st = make(fit, in, *out);
    st = crm_comm_agree(fit->comm, st);
    if (st) tree_columns_free(out);
    return st;
}

void tree_columns_free(tree_columns **c)
{
    if (!*c) return;
    for (int j = 0; j < (*c)->n_columns; j++) {
        if ((*c)->rank) crm_mem_free((*c)->rank[j]);
        if ((*c)->value) crm_mem_free((*c)->value[j]);
    }
    crm_mem_free((*c)->rank);
    crm_mem_free((*c)->value);
    crm_mem_free((*c)->n_values);
    crm_mem_free(*c);
    *c = NULL;
}
