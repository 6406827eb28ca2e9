/* linear_save.c - weights of a linear model in a bag. */
#include <math.h>
#include <string.h>

#include "linear_impl.h"

/* Weights, intercepts and weights of sparse columns as arrays of their own. */
static void split(int vectors, int64_t d, int64_t s, const double *w, double *weight,
                  double *intercept, double *sparse)
{
    for (int v = 0; v < vectors; v++, w += linear_width(d, s)) {
        if (d) memcpy(weight + v * d, w, (size_t)d * sizeof *w);
        intercept[v] = w[d];
        if (s) memcpy(sparse + v * s, w + d + 1, (size_t)s * sizeof *w);
    }
}

crm_status linear_save(int vectors, int64_t d, int64_t s, const double *w, crm_bag *b)
{
    double *part, *intercept, *sparse;
    crm_status st;

    CRM_NEW(part, vectors * linear_width(d, s));
    intercept = part + vectors * d;
    sparse = intercept + vectors;
    split(vectors, d, s, w, part, intercept, sparse);
    st = crm_bag_put(b, "weight", CRM_F64, 2, (int64_t[]){vectors, d}, part);
    if (!st) st = crm_bag_put(b, "intercept", CRM_F64, 1, (int64_t[]){vectors}, intercept);
    if (!st && s) st = crm_bag_put(b, "sparse", CRM_F64, 2, (int64_t[]){vectors, s}, sparse);
    crm_mem_free(part);
    return st;
}

static crm_status check(const char *name, const crm_bag_array *a)
{
    const double *x = a->data;

    for (int64_t i = 0; i < a->n; i++)
        CRM_CHECK(isfinite(x[i]), CRM_ERR_FORMAT, "model file: number %lld of '%s' is not finite",
                  (long long)i, name);
    return CRM_OK;
}

crm_status linear_load(int vectors, int64_t d, int64_t s, double *w, crm_bag *b)
{
    const crm_bag_array *weight, *intercept, *sparse = NULL;

    CRM_TRY(crm_bag_get(b, "weight", CRM_F64, vectors * d, &weight));
    CRM_TRY(crm_bag_get(b, "intercept", CRM_F64, vectors, &intercept));
    CRM_TRY(check("weight", weight));
    CRM_TRY(check("intercept", intercept));
    if (s) CRM_TRY(crm_bag_get(b, "sparse", CRM_F64, vectors * s, &sparse));
    if (s) CRM_TRY(check("sparse", sparse));
    for (int v = 0; v < vectors; v++, w += linear_width(d, s)) {
        if (d) memcpy(w, (const double *)weight->data + v * d, (size_t)d * sizeof *w);
        w[d] = ((const double *)intercept->data)[v];
        if (s) memcpy(w + d + 1, (const double *)sparse->data + v * s, (size_t)s * sizeof *w);
    }
    return CRM_OK;
}
