/* data_describe_drift.c - each part of the rows, or of the events and documents, in the order of
 * time, against the first part (data_describe_parts.c cuts them).
 *
 * PSI = sum over bins of (q - p) log(q / p), p and q the shares of the first and of another part.
 * Bins of numbers: between the deciles of the first part, or its values when they are few; of
 * categories: the levels; missing values are a bin of their own.  A share below half a row counts
 * as half a row.  KS: the largest distance of the two distribution functions. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "crmpi/stats_relate.h"
#include "data_describe_impl.h"

enum { EDGES = 10 };

static const describe_parts *parts_of(const describer *x, int column)
{
    return &x->parts[x->source[column].axis];
}

static int64_t unit_at(const describe_parts *p, int64_t i)
{
    return p->unit ? (int64_t)p->unit[i] : i;
}

static int64_t part_size(const describe_parts *p, int part)
{
    return p->begin[part + 1] - p->begin[part];
}

/* One sample: counts of the bins, and the sorted values of a column of numbers. */
typedef struct sample {
    int64_t n;      /* values that are not missing */
    double *sorted; /* [units of the part]; NULL: categories */
    int64_t *count; /* [bins], the last one for missing values */
} sample;

static void sort_part(const describer *x, int column, int part, uint64_t *key, sample *s)
{
    const describe_parts *p = parts_of(x, column);

    s->n = 0;
    for (int64_t i = p->begin[part]; i < p->begin[part + 1]; i++) {
        double v = crm_describe_number(&x->source[column], unit_at(p, i));
        if (!isnan(v)) key[s->n++] = crm_stats_key(v);
    }
    crm_stats_sort_keys(key, (uint64_t *)s->sorted, s->n, 0);
    for (int64_t i = 0; i < s->n; i++)
        s->sorted[i] = crm_stats_key_value(key[i]);
}

/* Edges of bins: the values of the first part when there are at most ten different ones, else its
 * different deciles; a value belongs to the bin of the first edge that is not below it. */
static int find_edges(const sample *first, double *edge)
{
    bool few = crm_stats_distinct_sorted(first->sorted, first->n) <= EDGES;
    int n = 0;

    for (int64_t i = 0; few && i < first->n; i++)
        if (n == 0 || first->sorted[i] != edge[n - 1]) edge[n++] = first->sorted[i];
    for (int e = 1; !few && e < EDGES; e++) {
        double q = crm_stats_quantile_sorted(first->sorted, first->n, e / 10.0);
        if (n == 0 || q != edge[n - 1]) edge[n++] = q;
    }
    return n;
}

static void count_numbers(sample *s, int64_t units, int n_edges, const double *edge)
{
    int bin = 0;

    for (int b = 0; b <= n_edges + 1; b++)
        s->count[b] = 0;
    for (int64_t i = 0; i < s->n; i++) {
        while (bin < n_edges && s->sorted[i] > edge[bin])
            bin++;
        s->count[bin]++;
    }
    s->count[n_edges + 1] = units - s->n;
}

/* PSI of two parts and its chance under no drift; bins without a value in both tell nothing. */
static void compare(const int64_t *a, const int64_t *b, int bins, int64_t n, int64_t m, double *psi,
                    double *p)
{
    int used = 0;

    for (int k = 0; k < bins; k++)
        used += a[k] + b[k] > 0;
    *psi = crm_stats_psi_counts(a, b, bins, .5 / (double)(n < m ? n : m));
    *p = crm_stats_psi_p(*psi, n, m, used);
}

/* Both parts have what is needed to compare them. */
static bool comparable(const describer *x, const describe_parts *p, int part)
{
    int64_t fewest = x->out->drift == CRM_DRIFT_TIME ? CRM_DESCRIBE_PART_FEWEST : 1;

    return part_size(p, 0) >= fewest && part_size(p, part) >= fewest;
}

static int64_t largest_part(const describer *x, const describe_parts *p)
{
    int64_t most = 1;

    for (int k = 0; k < x->out->parts; k++)
        if (part_size(p, k) > most) most = part_size(p, k);
    return most;
}

static crm_status numbers(const describer *x, int column, crm_figures *f)
{
    const describe_parts *p = parts_of(x, column);
    int64_t count[2][EDGES + 2], first_n = part_size(p, 0), most = largest_part(x, p);
    double edge[EDGES], *room;
    sample first = {.count = count[0]}, part = {.count = count[1]};
    int n_edges;

    CRM_NEW(room, 3 * most);
    first.sorted = room;
    part.sorted = room + most;
    sort_part(x, column, 0, (uint64_t *)(room + 2 * most), &first);
    n_edges = find_edges(&first, edge);
    count_numbers(&first, first_n, n_edges, edge);
    for (int k = 1; k < x->out->parts; k++) {
        int64_t n = part_size(p, k);
        if (!comparable(x, p, k)) continue;
        sort_part(x, column, k, (uint64_t *)(room + 2 * most), &part);
        count_numbers(&part, n, n_edges, edge);
        compare(first.count, part.count, n_edges + 2, first_n, n, &f->psi[k], &f->psi_p[k]);
        f->ks[k] = crm_stats_ks_distance(first.sorted, first.n, part.sorted, part.n);
    }
    crm_mem_free(room);
    return CRM_OK;
}

static void count_codes(const describer *x, int column, int part, int bins, int64_t *count)
{
    const describe_parts *p = parts_of(x, column);

    for (int b = 0; b < bins; b++)
        count[b] = 0;
    for (int64_t i = p->begin[part]; i < p->begin[part + 1]; i++) {
        int32_t c = crm_describe_code(&x->source[column], unit_at(p, i));
        count[c >= 0 && c < bins - 1 ? c : bins - 1]++;
    }
}

static crm_status categories(const describer *x, int column, crm_figures *f)
{
    const describe_parts *p = parts_of(x, column);
    int64_t first_n = part_size(p, 0), *count;
    int bins = (int)x->out->column[column].n_levels + 1;

    CRM_NEW(count, 2 * bins);
    count_codes(x, column, 0, bins, count);
    for (int k = 1; k < x->out->parts; k++) {
        int64_t n = part_size(p, k);
        if (!comparable(x, p, k)) continue;
        count_codes(x, column, k, bins, count + bins);
        compare(count, count + bins, bins, first_n, n, &f->psi[k], &f->psi_p[k]);
    }
    crm_mem_free(count);
    return CRM_OK;
}

crm_status crm_describe_drift(const describer *x, int column, crm_figures *f)
{
    if (x->out->column[column].numeric) return numbers(x, column, f);
    if (x->out->column[column].n_levels > CRM_DESCRIBE_LEVELS) return CRM_OK;
    return categories(x, column, f);
}
