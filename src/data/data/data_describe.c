/* data_describe.c - figures of all columns: each column is worked out by one rank, and shared. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "crmpi/stats_relate.h"
#include "data_describe_impl.h"

const double crm_describe_p[CRM_DESCRIBE_QUANTILES] = {.05, .25, .5, .75, .95};

double crm_describe_number(const describe_source *s, int64_t i)
{
    if (s->first) return (double)(s->first[i + 1] - s->first[i]);
    return (double)s->num[i / s->inner * s->stride + i % s->inner];
}

int32_t crm_describe_code(const describe_source *s, int64_t i)
{
    return s->code[i * s->stride];
}

crm_status crm_describe_share(crm_comm *comm, void *items, int64_t n)
{
    int64_t *bits = crm_mem_new((size_t)n, sizeof *bits);
    crm_status st = CRM_OK;

    if (!bits) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld figures", (long long)n);
    st = crm_comm_agree(comm, st);
    if (!st) memcpy(bits, items, (size_t)n * sizeof *bits);
    if (!st) st = crm_comm_sum_i64(comm, bits, n);
    if (!st) memcpy(items, bits, (size_t)n * sizeof *bits);
    crm_mem_free(bits); /* also where another rank has had none */
    return st;
}

/* ---- numbers ---- */
static void no_figures(crm_figures *f)
{
    f->mean = f->sd = f->min = f->max = NAN;
    for (int i = 0; i < CRM_DESCRIBE_QUANTILES; i++)
        f->quantile[i] = NAN;
    for (int i = 0; i < CRM_DESCRIBE_PARTS; i++)
        f->psi[i] = f->psi_p[i] = f->ks[i] = NAN;
}

static void measure(const double *sorted, int64_t n, crm_figures *f)
{
    f->n = n;
    f->distinct = crm_stats_distinct_sorted(sorted, n);
    if (n == 0) return;
    f->min = sorted[0];
    f->max = sorted[n - 1];
    f->mean = crm_stats_mean(sorted, n);
    f->sd = sqrt(crm_stats_variance(sorted, n));
    for (int i = 0; i < CRM_DESCRIBE_QUANTILES; i++)
        f->quantile[i] = crm_stats_quantile_sorted(sorted, n, crm_describe_p[i]);
}

static crm_status numbers(const describe_source *s, crm_figures *f)
{
    uint64_t *key, *spare;
    double *sorted;
    int64_t n = 0;

    CRM_NEW(key, 2 * s->n);
    spare = key + s->n;
    for (int64_t i = 0; i < s->n; i++) {
        double v = crm_describe_number(s, i);
        if (!isnan(v)) key[n++] = crm_stats_key(v);
    }
    crm_stats_sort_keys(key, spare, n, 0);
    sorted = (double *)spare;
    for (int64_t i = 0; i < n; i++)
        sorted[i] = crm_stats_key_value(key[i]);
    f->missing = s->n - n;
    measure(sorted, n, f);
    crm_mem_free(key);
    return CRM_OK;
}

/* ---- categories ---- */
/* The most frequent levels; of equal ones the lower code first.  Rare ones are not listed. */
static void find_top(const int64_t *count, int64_t n_levels, crm_figures *f)
{
    for (int64_t l = 0; l < n_levels; l++) {
        int64_t at = f->n_top;
        if (count[l] == 0) continue;
        f->distinct++;
        f->n += count[l];
        if (count[l] < CRM_DESCRIBE_FEWEST) continue;
        while (at > 0 && f->top_n[at - 1] < count[l])
            at--;
        if (at == CRM_DESCRIBE_TOP) continue;
        if (f->n_top < CRM_DESCRIBE_TOP) f->n_top++;
        for (int64_t k = f->n_top - 1; k > at; k--) {
            f->top[k] = f->top[k - 1];
            f->top_n[k] = f->top_n[k - 1];
        }
        f->top[at] = l;
        f->top_n[at] = count[l];
    }
}

static crm_status categories(const describe_source *s, int64_t n_levels, crm_figures *f)
{
    int64_t *count;

    CRM_NEW(count, n_levels + 1);
    for (int64_t i = 0; i < s->n; i++) {
        int32_t c = crm_describe_code(s, i);
        count[c >= 0 && c < n_levels ? c : n_levels]++;
    }
    f->missing = count[n_levels];
    find_top(count, n_levels, f);
    crm_mem_free(count);
    return CRM_OK;
}

crm_status crm_describe_figures(const describer *x, int column, crm_figures *f)
{
    const crm_described *c = &x->out->column[column];

    no_figures(f);
    if (c->numeric) return numbers(&x->source[column], f);
    return categories(&x->source[column], c->n_levels, f);
}

/* ---- all columns ---- */
static crm_status one_column(void *ctx, int64_t task, int worker)
{
    describer *x = ctx;
    int column = crm_comm_rank(x->comm) + (int)task * crm_comm_size(x->comm);
    crm_figures *f = &x->out->column[column].f;

    (void)worker;
    CRM_TRY(crm_describe_figures(x, column, f));
    if (x->out->column[column].drifts) return crm_describe_drift(x, column, f);
    return CRM_OK;
}

static crm_status share_figures(describer *x, crm_figures *f)
{
    int n = x->out->n;
    crm_status st;

    for (int c = 0; c < n; c++)
        f[c] = x->out->column[c].f;
    st = crm_describe_share(x->comm, f, (int64_t)(n * (int64_t)sizeof *f / 8));
    for (int c = 0; c < n; c++)
        x->out->column[c].f = f[c];
    return st;
}

static crm_status all_columns(describer *x)
{
    int n = x->out->n, size = crm_comm_size(x->comm), rank = crm_comm_rank(x->comm);
    crm_figures *f = crm_mem_new((size_t)n, sizeof *f);
    crm_status st = CRM_OK;

    if (!f) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", n);
    if (!st) st = crm_pool_run(x->pool, rank < n ? (n - rank + size - 1) / size : 0, one_column, x);
    st = crm_comm_agree(x->comm, st);
    if (!st) st = share_figures(x, f);
    crm_mem_free(f);
    return st;
}

static crm_status prepare(describer *x)
{
    int64_t rows = crm_data_rows(x->data);

    CRM_CHECK(rows <= UINT32_MAX, CRM_ERR_CONFIG, "%s has %lld rows; at most %lld can be described",
              crm_data_path(x->data), (long long)rows, (long long)UINT32_MAX);
    CRM_TRY(crm_describe_columns(x));
    return crm_describe_parts(x);
}

crm_status crm_data_describe(crm_comm *comm, crm_pool *pool, const crm_data *d,
                             crm_description **out)
{
    describer x = {.comm = comm, .pool = pool, .data = d};
    crm_status st = CRM_OK;

    *out = x.out = crm_mem_new(1, sizeof *x.out);
    if (!x.out) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: a description");
    if (!st) st = prepare(&x);
    st = crm_comm_agree(comm, st);
    if (!st) st = all_columns(&x);
    if (!st) st = crm_describe_relate(&x);
    crm_mem_free(x.source);
    for (int a = 0; a < DESCRIBE_AXES; a++)
        crm_mem_free(x.parts[a].unit);
    if (st) crm_description_free(out);
    return st;
}

void crm_description_free(crm_description **xp)
{
    crm_description *x = *xp;

    *xp = NULL;
    if (!x) return;
    for (int c = 0; x->column && c < x->n; c++)
        crm_mem_free(x->column[c].name);
    crm_mem_free(x->column);
    crm_mem_free(x->num);
    crm_mem_free(x->cat);
    crm_mem_free(x->pearson);
    crm_mem_free(x->spearman);
    crm_mem_free(x->cramer);
    crm_mem_free(x->corrected);
    crm_mem_free(x);
}
