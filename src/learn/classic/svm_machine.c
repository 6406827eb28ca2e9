/* svm_machine.c - the machines of all pairs of classes over one set of support vectors. */
#include <math.h>
#include <string.h>

#include "svm_impl.h"

void svc_pair_free(svc_pair *p)
{
    crm_mem_free(p->row);
    crm_mem_free(p->coef);
    *p = (svc_pair){0};
}

/* Place of the other class k among the coefficients of a vector of class c. */
static int other(int c, int k)
{
    return k - (k > c);
}

static crm_status shape(const svc_kernel *k, int m, int64_t d, int64_t n, svc_machine *s)
{
    s->kernel = *k;
    s->m = m;
    s->d = d;
    s->n = n;
    s->pairs = (int64_t)m * (m - 1) / 2;
    CRM_NEW(s->count, m);
    CRM_NEW(s->x, n * d);
    CRM_NEW(s->coef, (m - 1) * n);
    CRM_NEW(s->rho, s->pairs);
    CRM_NEW(s->begin, m + 1);
    return CRM_OK;
}

/* Vectors and coefficients in the order of the pack, each class filled up to whole blocks. */
static crm_status pack(svc_machine *s)
{
    int64_t *row = NULL, from = 0;
    crm_status st = CRM_OK;

    for (int c = 0; c < s->m; c++)
        s->begin[c + 1] = s->begin[c] + (s->count[c] + SVC_LANES - 1) / SVC_LANES * SVC_LANES;
    CRM_NEW_TO(st, done, row, s->begin[s->m]);
    CRM_NEW_TO(st, done, s->packed, (s->m - 1) * s->begin[s->m]);
    for (int64_t i = 0; i < s->begin[s->m]; i++)
        row[i] = -1;
    for (int c = 0; c < s->m; from += s->count[c++])
        for (int64_t i = 0; i < s->count[c]; i++) {
            row[s->begin[c] + i] = from + i;
            for (int k = 0; k < s->m - 1; k++)
                s->packed[k * s->begin[s->m] + s->begin[c] + i] = s->coef[k * s->n + from + i];
        }
    st = svc_pack_new(s->begin[s->m], s->d, s->x, row, &s->pack);
done:
    crm_mem_free(row);
    return st;
}

/* place[r] of each row that some pair needs, by class and then by row; -1: none.  Returns their
 * number. */
static int64_t number_rows(int m, int64_t pairs, const svc_pair *pair, int64_t n_rows,
                           const int32_t *slot, int64_t *place)
{
    int64_t n = 0;

    for (int64_t r = 0; r < n_rows; r++)
        place[r] = -1;
    for (int64_t p = 0; p < pairs; p++)
        for (int64_t i = 0; i < pair[p].n; i++)
            place[pair[p].row[i]] = 0;
    for (int c = 0; c < m; c++)
        for (int64_t r = 0; r < n_rows; r++)
            if (slot[r] == c && place[r] == 0) place[r] = n++;
    return n;
}

static void put_vectors(svc_machine *s, int64_t n_rows, const float *x, const int32_t *slot,
                        const int64_t *place)
{
    for (int64_t r = 0; r < n_rows; r++) {
        if (place[r] < 0) continue;
        s->count[slot[r]]++;
        if (s->d) memcpy(s->x + place[r] * s->d, x + r * s->d, (size_t)s->d * sizeof *x);
    }
}

static void put_pair(svc_machine *s, int i, int j, const svc_pair *p, const int32_t *slot,
                     const int64_t *place)
{
    s->rho[calibrate_pair(s->m, i, j)] = p->rho;
    for (int64_t v = 0; v < p->n; v++) {
        int c = slot[p->row[v]];
        s->coef[other(c, c == i ? j : i) * s->n + place[p->row[v]]] = p->coef[v];
    }
}

crm_status svc_machine_new(const svc_kernel *k, int m, int64_t d, int64_t n_rows, const float *x,
                           const int32_t *slot, const svc_pair *pair, svc_machine *out)
{
    int64_t pairs = (int64_t)m * (m - 1) / 2, *place, n;
    crm_status st;

    *out = (svc_machine){0};
    CRM_NEW(place, n_rows);
    n = number_rows(m, pairs, pair, n_rows, slot, place);
    CRM_TRY_TO(st, done, shape(k, m, d, n, out));
    put_vectors(out, n_rows, x, slot, place);
    for (int i = 0; i < m; i++)
        for (int j = i + 1; j < m; j++)
            put_pair(out, i, j, &pair[calibrate_pair(m, i, j)], slot, place);
    st = pack(out);
done:
    crm_mem_free(place);
    return st;
}

void svc_machine_free(svc_machine *s)
{
    crm_mem_free(s->count);
    crm_mem_free(s->x);
    crm_mem_free(s->coef);
    crm_mem_free(s->rho);
    crm_mem_free(s->begin);
    crm_mem_free(s->packed);
    svc_pack_free(&s->pack);
    *s = (svc_machine){0};
}

/* Part of the sum of a pair by the vectors of class c, the other class being k. */
static double part(const svc_machine *s, int c, int k, const double *kernel)
{
    int64_t from = s->begin[c];

    return svc_dot(s->begin[c + 1] - from, kernel + from,
                   s->packed + other(c, k) * s->begin[s->m] + from);
}

static void row_scores(const svc_machine *s, const double *kernel, double *score)
{
    int64_t p = 0;

    for (int i = 0; i < s->m; i++)
        for (int j = i + 1; j < s->m; j++, p++)
            score[p] = part(s, i, j, kernel) + part(s, j, i, kernel) - s->rho[p];
}

void svc_machine_scores(const svc_machine *s, int64_t n, const float *x, double *work,
                        double *score)
{
    for (int64_t at = 0; at < n; at += SVC_ROWS) {
        int64_t rows = n - at < SVC_ROWS ? n - at : SVC_ROWS;
        svc_kernel_rows(&s->kernel, &s->pack, rows, x + at * s->d, work);
        for (int64_t q = 0; q < rows; q++)
            row_scores(s, work + q * s->begin[s->m], score + (at + q) * s->pairs);
    }
}

/* ---- bags ---- */

crm_status svc_machine_save(const svc_machine *s, crm_bag *b)
{
    double *above;
    crm_status st;

    CRM_TRY(crm_bag_put(b, "support", CRM_F32, 2, (int64_t[]){s->n, s->d}, s->x));
    CRM_TRY(crm_bag_put(b, "support_count", CRM_I64, 1, (int64_t[]){s->m}, s->count));
    CRM_TRY(crm_bag_put(b, "coef", CRM_F64, 2, (int64_t[]){s->m - 1, s->n}, s->coef));
    CRM_NEW(above, s->pairs);
    for (int64_t p = 0; p < s->pairs; p++)
        above[p] = -s->rho[p];
    st = crm_bag_put(b, "intercept", CRM_F64, 1, (int64_t[]){s->pairs}, above);
    crm_mem_free(above);
    return st;
}

static crm_status load_f64(const crm_bag *b, const char *name, int64_t n, double *out)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_F64, n, &a));
    for (int64_t i = 0; i < n; i++) {
        out[i] = ((const double *)a->data)[i];
        CRM_CHECK(isfinite(out[i]), CRM_ERR_FORMAT, "model file: %s[%lld] is not finite", name,
                  (long long)i);
    }
    return CRM_OK;
}

static crm_status load_counts(const crm_bag *b, int m, const crm_bag_array **count, int64_t *n)
{
    CRM_TRY(crm_bag_get(b, "support_count", CRM_I64, m, count));
    *n = 0;
    for (int c = 0; c < m; c++) {
        int64_t k = ((const int64_t *)(*count)->data)[c];
        CRM_CHECK(k >= 0 && k <= INT32_MAX, CRM_ERR_FORMAT,
                  "model file: %lld support vectors of a class", (long long)k);
        *n += k;
    }
    return CRM_OK;
}

crm_status svc_machine_load(const svc_kernel *k, int m, int64_t d, crm_bag *b, svc_machine *out)
{
    const crm_bag_array *count, *x;
    int64_t n = 0;

    CRM_TRY(load_counts(b, m, &count, &n));
    CRM_TRY(crm_bag_get(b, "support", CRM_F32, n * d, &x));
    CRM_TRY(shape(k, m, d, n, out));
    memcpy(out->count, count->data, (size_t)m * sizeof *out->count);
    for (int64_t i = 0; i < n * d; i++) {
        out->x[i] = ((const float *)x->data)[i];
        CRM_CHECK(isfinite(out->x[i]), CRM_ERR_FORMAT, "model file: support[%lld] is not finite",
                  (long long)i);
    }
    CRM_TRY(load_f64(b, "coef", (m - 1) * n, out->coef));
    CRM_TRY(load_f64(b, "intercept", out->pairs, out->rho));
    for (int64_t p = 0; p < out->pairs; p++)
        out->rho[p] = -out->rho[p];
    return pack(out);
}
