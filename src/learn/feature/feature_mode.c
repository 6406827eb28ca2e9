/* feature_mode.c - the commonest value of each numeric column, exact over ranks: each value is
 * counted by the rank that its bits are dealt to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "feature_mode.h"

enum { GROUP = 16 }; /* columns worked on at a time */

/* A value of a column and its rows. */
typedef struct run {
    int64_t count;
    int32_t column;
    float value;
} run;

typedef struct counter {
    int64_t n_num, first, n_cols; /* columns in all, and of the present group */
    crm_view own;
    float *value; /* [GROUP][own.n] */
    run *list;    /* own runs */
    int64_t n_list;
    size_t *bytes; /* [ranks] sent, then [ranks] received */
} counter;

static void take_values(void *ctx, const crm_rows_piece *p, double *out)
{
    counter *c = ctx;

    (void)out;
    for (int64_t k = 0; k < c->n_cols; k++)
        for (int64_t i = 0; i < p->n; i++)
            c->value[k * c->own.n + p->at + i] = p->num[i * c->n_num + c->first + k] + 0.0F;
}

/* Missing values last. */
static int by_value(const void *pa, const void *pb)
{
    float a = *(const float *)pa, b = *(const float *)pb;

    if (isnan(a) || isnan(b)) return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static int owner_of(float value, int ranks)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return (int)((bits * 2654435761U >> 8) % (uint32_t)ranks);
}

static void list_column(counter *c, int32_t column)
{
    float *x = c->value + column * c->own.n;

    qsort(x, (size_t)c->own.n, sizeof *x, by_value);
    for (int64_t i = 0; i < c->own.n && !isnan(x[i]); i++) {
        if (i > 0 && x[i] == x[i - 1])
            c->list[c->n_list - 1].count++;
        else
            c->list[c->n_list++] = (run){1, column, x[i]};
    }
}

/* Own runs, sorted by who counts them. */
static crm_status list_own(counter *c, const crm_fit *fit, const crm_source *in, run **send)
{
    int ranks = crm_comm_size(fit->comm);
    int64_t *at = NULL;

    CRM_TRY(crm_rows_each(in, &c->own, NULL, take_values, c));
    c->n_list = 0;
    for (int64_t k = 0; k < c->n_cols; k++)
        list_column(c, (int32_t)k);
    CRM_NEW(*send, c->n_list);
    CRM_NEW(at, ranks + 1);
    for (int64_t i = 0; i < c->n_list; i++)
        at[owner_of(c->list[i].value, ranks) + 1]++;
    for (int r = 0; r < ranks; r++) {
        c->bytes[r] = (size_t)at[r + 1] * sizeof(run);
        at[r + 1] += at[r];
    }
    for (int64_t i = 0; i < c->n_list; i++)
        (*send)[at[owner_of(c->list[i].value, ranks)]++] = c->list[i];
    crm_mem_free(at);
    return CRM_OK;
}

static int by_column(const void *pa, const void *pb)
{
    const run *a = pa, *b = pb;

    if (a->column != b->column) return a->column - b->column;
    return (a->value > b->value) - (a->value < b->value);
}

/* Best of the values that are counted here: count and value of each column of the group. */
static void find_best(run *got, int64_t n, int64_t *most, double *value)
{
    qsort(got, (size_t)n, sizeof *got, by_column);
    for (int64_t i = 0; i < n; i++) {
        bool same = i > 0 && by_column(&got[i], &got[i - 1]) == 0;
        int32_t c = got[i].column;
        if (same) got[i].count += got[i - 1].count;
        if (got[i].count <= most[c]) continue;
        most[c] = got[i].count;
        value[c] = got[i].value;
    }
}

static crm_status count_group(counter *c, const crm_fit *fit, const crm_source *in, double *mode)
{
    int64_t most[GROUP] = {0}, mine[GROUP];
    double value[GROUP] = {0};
    run *send = NULL;
    void *got = NULL;
    size_t *bytes = c->bytes + crm_comm_size(fit->comm), total = 0;
    crm_status st = crm_comm_agree(fit->comm, list_own(c, fit, in, &send));

    if (!st) st = crm_comm_exchange(fit->comm, send, c->bytes, &got, bytes);
    for (int r = 0; r < crm_comm_size(fit->comm) && !st; r++)
        total += bytes[r];
    if (!st) find_best(got, (int64_t)(total / sizeof(run)), most, value);
    memcpy(mine, most, sizeof mine);
    if (!st) st = crm_comm_max_i64(fit->comm, most, c->n_cols);
    for (int64_t k = 0; k < c->n_cols; k++)
        mode[c->first + k] = mine[k] == most[k] && most[k] > 0 ? value[k] : INFINITY;
    if (!st) st = crm_comm_min_f64(fit->comm, mode + c->first, c->n_cols);
    crm_mem_free(send);
    crm_mem_free(got);
    return st;
}

static crm_status counter_new(counter *c, const crm_fit *fit, const crm_source *in)
{
    c->n_num = crm_source_schema(in)->n_num;
    c->own = crm_rows_own(fit);
    CRM_NEW(c->value, GROUP * c->own.n);
    CRM_NEW(c->list, GROUP * c->own.n);
    CRM_NEW(c->bytes, 2 * crm_comm_size(fit->comm));
    return CRM_OK;
}

crm_status feature_modes(const crm_fit *fit, const crm_source *in, double *mode)
{
    counter c = {0};
    crm_status st = crm_comm_agree(fit->comm, counter_new(&c, fit, in));

    for (; c.first < c.n_num && !st; c.first += GROUP) {
        c.n_cols = c.n_num - c.first < GROUP ? c.n_num - c.first : GROUP;
        st = count_group(&c, fit, in, mode);
    }
    crm_mem_free(c.value);
    crm_mem_free(c.list);
    crm_mem_free(c.bytes);
    return st;
}
