/* linear_sparse.c - the sparse columns of a linear problem: rows of n-grams, their scores and sums.
 * Weights and sums stand by column, those of all vectors side by side, since a row touches few
 * columns; sums run over the rows of a leaf in their order. */
#include <string.h>

#include "linear_parts.h"

/* Rows of strip number `strip` of this rank among those of its leaf: [*from, *end). */
static const crm_sparse *rows_of(const linear_problem *p, int64_t strip, int64_t *from,
                                 int64_t *end)
{
    const crm_sparse *x = &p->rows[strip / LEAF_STRIPS];

    *from = strip % LEAF_STRIPS * STRIP;
    *end = *from + STRIP < x->n ? *from + STRIP : x->n;
    return x;
}

static void add_squares(const linear_problem *p, linear_worker *w, const crm_sparse *x,
                        int64_t first_row)
{
    for (int64_t i = 0; i < x->n; i++) {
        int32_t slot = p->slot[first_row + i];
        double weight = slot < 0 ? 0 : p->classes->weight[slot];
        for (int64_t e = x->first[i]; e < x->first[i + 1]; e++)
            w->sparse[(int64_t)x->id[e] * p->vectors] +=
                weight * (double)x->value[e] * (double)x->value[e];
    }
}

crm_status linear_sparse_load(linear_problem *p, linear_worker *w, int64_t leaf)
{
    int64_t at = leaf - p->first_leaf, first = at * CRM_LEAF_ROWS, n = p->own.n - first;
    crm_sparse *x = &p->rows[at];

    if (n > CRM_LEAF_ROWS) n = CRM_LEAF_ROWS;
    CRM_TRY(crm_source_read_sparse(p->in, p->own.row + first, n, x));
    add_squares(p, w, x, first);
    return CRM_OK;
}

void linear_sparse_begin(linear_problem *p)
{
    for (int v = 0; v < p->vectors; v++)
        for (int64_t j = 0; j < p->s; j++)
            p->at_sparse[j * p->vectors + v] = p->at[v * p->width + p->d + 1 + j];
}

void linear_sparse_scores(const linear_problem *p, int64_t strip, double *z)
{
    int64_t from, end;
    const crm_sparse *x = rows_of(p, strip, &from, &end);

    for (int64_t i = from; i < end; i++)
        for (int64_t e = x->first[i]; e < x->first[i + 1]; e++) {
            const double *a = p->at_sparse + (int64_t)x->id[e] * p->vectors;
            for (int v = 0; v < p->vectors; v++)
                z[(int64_t)v * STRIP + i - from] += (double)x->value[e] * a[v];
        }
}

void linear_sparse_add(const linear_problem *p, linear_worker *w, int64_t strip, const double *r)
{
    int64_t from, end;
    const crm_sparse *x = rows_of(p, strip, &from, &end);

    for (int64_t i = from; i < end; i++)
        for (int64_t e = x->first[i]; e < x->first[i + 1]; e++) {
            double *a = w->sparse + (int64_t)x->id[e] * p->vectors;
            for (int v = 0; v < p->vectors; v++)
                a[v] += (double)x->value[e] * r[(int64_t)v * STRIP + i - from];
        }
}

void linear_sparse_fold(const linear_problem *p, linear_worker *w, double *out)
{
    for (int v = 0; v < p->vectors; v++)
        for (int64_t j = 0; j < p->s; j++)
            out[v * p->width + p->d + 1 + j] = w->sparse[j * p->vectors + v];
    memset(w->sparse, 0, (size_t)(p->s * p->vectors) * sizeof *w->sparse);
}

void linear_sparse_free(linear_problem *p)
{
    for (int64_t i = 0; p->rows && i * CRM_LEAF_ROWS < p->own.n; i++)
        crm_sparse_free(&p->rows[i]);
    crm_mem_free(p->rows);
    crm_mem_free(p->at_sparse);
}

void linear_scores_add(int vectors, int64_t d, int64_t width, const double *w, const crm_sparse *x,
                       double *z)
{
    for (int64_t i = 0; i < x->n; i++, z += vectors)
        for (int64_t e = x->first[i]; e < x->first[i + 1]; e++)
            for (int v = 0; v < vectors; v++)
                z[v] += (double)x->value[e] * w[v * width + d + 1 + x->id[e]];
}
