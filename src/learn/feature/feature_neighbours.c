/* feature_neighbours.c - a missing number is the mean of it in the k nearest of the training rows
 * that have it (Troyanskaya et al., "Missing value estimation methods for DNA microarrays",
 * Bioinformatics 17, 2001).  Distance over the columns that both rows have:
 *
 *     d^2 = n / m sum (x_j / s_j - r_j / s_j)^2,   m of the n columns in both, s_j deviations
 *
 * as scikit-learn's KNNImputer has it behind a StandardScaler.  Equal distances: the row that comes
 * first. */
#include <math.h>
#include <stdlib.h>

#include "crmpi/base_rng.h"
#include "feature_neighbours.h"

enum { BATCH = 8 }; /* missing columns that one pass over the rows fills */

static int by_number(const void *pa, const void *pb)
{
    int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;

    return (a > b) - (a < b);
}

/* Positions in the training view, rising: all, or the first of a permutation. */
static crm_status draw_rows(const crm_fit *fit, int64_t most, int64_t **row, int64_t *n)
{
    const crm_view *v = fit->train;

    CRM_NEW(*row, v->n);
    *n = v->n < most ? v->n : most;
    crm_rng_permute(fit->seed, CRM_RNG_NEIGHBOURS, 0, v->n, *row);
    if (v->n > most) qsort(*row, (size_t)most, sizeof **row, by_number);
    for (int64_t i = 0; i < *n; i++)
        (*row)[i] = v->row[v->n > most ? (*row)[i] : i];
    return CRM_OK;
}

static crm_status scale_rows(feature_neighbours *m)
{
    CRM_NEW(m->scaled, m->rows * m->n);
    for (int64_t i = 0; i < m->rows * m->n; i++) {
        double s = m->deviation[i % m->n];
        m->scaled[i] = s > 0 ? (float)(m->row[i] / s) : m->row[i] * 0;
    }
    return CRM_OK;
}

/* The same on every rank: each reads all rows that are kept. */
static crm_status keep_rows(feature_neighbours *m, const crm_fit *fit, const crm_source *in,
                            int64_t most)
{
    int64_t *row = NULL;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    CRM_TRY_TO(st, done, draw_rows(fit, most, &row, &m->rows));
    CRM_NEW_TO(st, done, m->row, m->rows * m->n);
    CRM_NEW_TO(st, done, cat, m->rows * crm_source_schema(in)->n_cat);
    CRM_TRY_TO(st, done, crm_source_read(in, row, m->rows, m->row, cat));
    st = scale_rows(m);
done:
    crm_mem_free(row);
    crm_mem_free(cat);
    return st;
}

static crm_status begin(feature_neighbours *m, const crm_source *in, int64_t k)
{
    m->n = crm_source_schema(in)->n_num;
    m->k = k;
    CRM_NEW(m->deviation, m->n);
    return CRM_OK;
}

crm_status feature_neighbours_fit(feature_neighbours *m, const crm_fit *fit, const crm_source *in,
                                  int64_t k, int64_t most, double *mean, int64_t *present)
{
    CRM_TRY(crm_comm_agree(fit->comm, begin(m, in, k)));
    CRM_TRY(feature_moments(fit, in, mean, m->deviation, present));
    for (int i = 0; i < m->n; i++)
        m->deviation[i] = isfinite(m->deviation[i]) ? sqrt(m->deviation[i]) : 0;
    return crm_comm_agree(fit->comm, keep_rows(m, fit, in, most));
}

/* ---- fill ---- */

/* The k nearest so far, nearest first. */
typedef struct nearest {
    int n;
    double distance[CRM_IMPUTE_NEIGHBOURS_MAX];
    float value[CRM_IMPUTE_NEIGHBOURS_MAX];
} nearest;

/* Rows come in their order, so an equal distance stands behind those that are there. */
static void take(nearest *l, int64_t k, double distance, float value)
{
    int at = l->n;

    if (at == k && distance >= l->distance[at - 1]) return;
    if (at < k) l->n++;
    at = l->n - 1;
    for (; at > 0 && distance < l->distance[at - 1]; at--) {
        l->distance[at] = l->distance[at - 1];
        l->value[at] = l->value[at - 1];
    }
    l->distance[at] = distance;
    l->value[at] = value;
}

/* Squared, of the scaled row a of x and another; infinite when no column is in both.  What a has in
 * columns that x lacks does not matter. */
static double distance_of(const float *x, const float *a, const float *b, int n)
{
    double sum = 0;
    int both = 0;

    for (int i = 0; i < n; i++) {
        double d = (double)a[i] - b[i];
        if (isnan(d) || isnan(x[i])) continue;
        sum += d * d;
        both++;
    }
    return both ? sum * n / both : INFINITY;
}

static void fill_batch(const feature_neighbours *m, const float *x, const int *column, int n,
                       float *y)
{
    nearest list[BATCH];

    for (int c = 0; c < n; c++)
        list[c].n = 0;
    for (int64_t r = 0; r < m->rows; r++) {
        const float *row = m->row + r * m->n;
        double d = distance_of(x, y, m->scaled + r * m->n, m->n);
        if (!isfinite(d)) continue;
        for (int c = 0; c < n; c++)
            if (!isnan(row[column[c]])) take(&list[c], m->k, d, row[column[c]]);
    }
    for (int c = 0; c < n; c++) {
        double sum = 0;
        for (int i = 0; i < list[c].n; i++)
            sum += list[c].value[i];
        if (list[c].n) y[column[c]] = (float)(sum / list[c].n);
    }
}

/* The scaled row stands in y meanwhile. */
void feature_neighbours_fill(const feature_neighbours *m, const float *x, float *y)
{
    int column[BATCH], from = 0, missing = 0;

    for (int i = 0; i < m->n; i++) {
        missing += isnan(x[i]) != 0;
        y[i] = isnan(x[i]) ? NAN : m->deviation[i] > 0 ? (float)(x[i] / m->deviation[i]) : 0;
    }
    for (int n = 0; missing > 0; missing -= n) {
        for (n = 0; from < m->n && n < BATCH; from++)
            if (isnan(x[from])) column[n++] = from;
        fill_batch(m, x, column, n, y);
    }
    for (int i = 0; i < m->n; i++)
        if (!isnan(x[i])) y[i] = x[i];
}

/* ---- bags ---- */
crm_status feature_neighbours_save(const feature_neighbours *m, crm_bag *b)
{
    const int64_t shape[] = {m->rows, m->n};

    CRM_TRY(crm_bag_put_i64(b, "neighbours", m->k));
    CRM_TRY(feature_put(b, "deviation", CRM_F64, m->n, m->deviation));
    return crm_bag_put(b, "rows", CRM_F32, 2, shape, m->row);
}

crm_status feature_neighbours_load(feature_neighbours *m, int n, crm_bag *b)
{
    const crm_bag_array *a;

    m->n = n;
    CRM_TRY(crm_bag_get_i64(b, "neighbours", &m->k));
    CRM_CHECK(m->k >= 1 && m->k <= CRM_IMPUTE_NEIGHBOURS_MAX, CRM_ERR_FORMAT,
              "model file: %lld neighbours", (long long)m->k);
    CRM_TRY(crm_bag_get(b, "rows", CRM_F32, -1, &a));
    CRM_CHECK(a->rank == 2 && a->dim[1] == n, CRM_ERR_FORMAT,
              "model file: rows have not the %d columns that are needed", n);
    m->rows = a->dim[0];
    CRM_NEW(m->row, a->n);
    CRM_NEW(m->deviation, n);
    CRM_TRY(feature_get(b, "rows", CRM_F32, a->n, m->row));
    CRM_TRY(feature_get(b, "deviation", CRM_F64, n, m->deviation));
    return scale_rows(m);
}

void feature_neighbours_free(feature_neighbours *m)
{
    crm_mem_free(m->row);
    crm_mem_free(m->scaled);
    crm_mem_free(m->deviation);
}
