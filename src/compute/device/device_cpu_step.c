/* device_cpu_step.c - operations of a step beside the net on the CPU device: rows of a batch, sums
 * over vectors, the norm of the gradient, losses of an epoch. */
#include <math.h>
#include <string.h>

#include "device_cpu_impl.h"

crm_status crm_cpu_take(void *state, const crm_tensor *x, const crm_tensor *at, int32_t least,
                        crm_tensor *y)
{
    const int32_t *from = x->data;
    const int32_t *place = at->data;
    int32_t *to = y->data;

    (void)state;
    for (int64_t i = 0; i < at->dim[0]; i++) {
        bool inside = place[i] >= 0 && place[i] < x->dim[0];

        to[i] = inside && from[place[i]] >= least ? from[place[i]] : -1;
    }
    return CRM_OK;
}

/* ---- gather ---- */

/* n elements from element `from` of x to element `to` of y. */
static void copy_elements(const crm_tensor *x, int64_t from, crm_tensor *y, int64_t to, int64_t n)
{
    int32_t *out = (int32_t *)y->data + to;

    if (x->dtype == CRM_U8)
        for (int64_t i = 0; i < n; i++) {
            uint8_t v = ((const uint8_t *)x->data)[from + i];

            out[i] = v == UINT8_MAX ? -1 : v;
        }
    else if (x->dtype == CRM_U16)
        for (int64_t i = 0; i < n; i++) {
            uint16_t v = ((const uint16_t *)x->data)[from + i];

            out[i] = v == UINT16_MAX ? -1 : v;
        }
    else
        memcpy(out, (const int32_t *)x->data + from, (size_t)n * sizeof *out);
}

static void fill_elements(double fill, crm_tensor *y, int64_t to, int64_t n)
{
    for (int64_t i = to; i < to + n; i++)
        if (y->dtype == CRM_F32)
            ((float *)y->data)[i] = (float)fill;
        else
            ((int32_t *)y->data)[i] = (int32_t)fill;
}

static int64_t first_of(const crm_gather *g, int64_t i)
{
    return g->first ? g->first[i] : i;
}

/* Parents follow one another in y and have their rows in x. */
static crm_status valid_gather(const crm_gather *g, const crm_tensor *x, const crm_tensor *y)
{
    if (g->n == 0) return CRM_OK;
    CRM_CHECK(first_of(g, 0) == 0 && first_of(g, g->n) == y->dim[0], CRM_ERR_ARG,
              "rows [%lld, %lld) are gathered into %lld", (long long)first_of(g, 0),
              (long long)first_of(g, g->n), (long long)y->dim[0]);
    for (int64_t i = 0; i < g->n; i++) {
        int64_t n = first_of(g, i + 1) - first_of(g, i);

        CRM_CHECK(n >= 0 && (g->from[i] < 0 || g->from[i] + n <= x->dim[0]), CRM_ERR_ARG,
                  "parent %lld has %lld rows from row %lld on, there are %lld", (long long)i,
                  (long long)n, (long long)g->from[i], (long long)x->dim[0]);
    }
    return CRM_OK;
}

static void gather_rows(const crm_gather *g, const crm_tensor *x, crm_tensor y)
{
    int64_t w = x->dim[1];

    for (int64_t i = 0; i < g->n; i++) {
        int64_t to = first_of(g, i) * w, n = first_of(g, i + 1) * w - to;

        if (g->from[i] < 0)
            fill_elements(g->fill, &y, to, n);
        else
            copy_elements(x, g->from[i] * w, &y, to, n);
    }
}

crm_status crm_cpu_gather(void *state, const crm_gather_item *item, int n)
{
    (void)state;
    for (int i = 0; i < n; i++)
        CRM_TRY(valid_gather(&item[i].g, &item[i].x, &item[i].y));
    for (int i = 0; i < n; i++)
        gather_rows(&item[i].g, &item[i].x, item[i].y);
    return CRM_OK;
}

/* ---- sums ---- */

/* A piece of all vectors at a time, so that it stays in the caches. */
crm_status crm_cpu_combine(void *state, float *const *vec, int n_vec, const crm_add *add,
                           int n_adds, int64_t first, int64_t n, float *sum)
{
    enum { PIECE = 1024 };
    cpu_state *s = state;

    (void)n_vec;
    for (int64_t at = first; at < first + n; at += PIECE) {
        int64_t m = first + n - at < PIECE ? first + n - at : PIECE;

        for (int i = 0; i < n_adds; i++)
            s->k->add_row(vec[add[i].from] + at, vec[add[i].to] + at, m);
        if (sum && sum != vec[0]) memcpy(sum + at, vec[0] + at, (size_t)m * sizeof *sum);
    }
    return CRM_OK;
}

/* The tree of crm_tree_sum, level by level. */
crm_status crm_cpu_norm(void *state, const crm_tensor *sums, double clip, double *live)
{
    double *s = sums->data;
    double norm;

    (void)state;
    for (int64_t n = sums->dim[0]; n > 1; n = (n + 1) / 2)
        for (int64_t i = 0; i < n; i += 2)
            s[i / 2] = i + 1 < n ? s[i] + s[i + 1] : s[i];
    norm = sums->dim[0] > 0 ? sqrt(s[0]) : 0;
    live[CRM_LIVE_NORM] = norm;
    live[CRM_LIVE_GRAD_SCALE] = !isfinite(norm)           ? (double)NAN
                                : clip > 0 && norm > clip ? clip / norm
                                                          : 1;
    return CRM_OK;
}

crm_status crm_cpu_tally(void *state, const crm_tensor *x, crm_tensor *total)
{
    const double *from = x->data;
    double *to = total->data;

    (void)state;
    for (int64_t i = 0; i < x->dim[0]; i++)
        to[i] += from[i];
    return CRM_OK;
}
