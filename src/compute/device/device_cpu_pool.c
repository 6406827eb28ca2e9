/* device_cpu_pool.c - pooling and attention over segments of rows on the CPU device.
 *
 * Sums over the rows of a segment are chains of CRM_CHAIN rows in order, added in order.
 * Attention: a = softmax of the scores s of a segment, y = sum a_r x_r; backward with g_r = dy x_r:
 * ds_r = a_r (g_r - sum_q a_q g_q), dx_r = a_r dy.  The softmax is that of crm_op_softmax. */
#include <string.h>

#include "device_cpu_impl.h"

/* ---- segments ---- */

static int64_t row_at(const crm_segments *s, int64_t i)
{
    return s->row ? s->row[i] : i;
}

/* Segments do not fall and name rows of [0, e). */
static crm_status valid_segments(const crm_segments *s, int64_t e)
{
    CRM_CHECK(s->n == 0 || s->first[0] >= 0, CRM_ERR_ARG, "segments begin at %lld",
              (long long)s->first[0]);
    for (int64_t i = 0; i < s->n; i++)
        CRM_CHECK(s->first[i] <= s->first[i + 1], CRM_ERR_ARG,
                  "segment %lld begins at %lld and ends at %lld", (long long)i,
                  (long long)s->first[i], (long long)s->first[i + 1]);
    if (s->n == 0) return CRM_OK;
    CRM_CHECK(s->row || s->first[s->n] <= e, CRM_ERR_ARG,
              "segments end at row %lld, there are %lld", (long long)s->first[s->n], (long long)e);
    for (int64_t i = s->first[0]; s->row && i < s->first[s->n]; i++)
        CRM_CHECK(s->row[i] >= 0 && s->row[i] < e, CRM_ERR_ARG,
                  "row %d at place %lld of the segments, there are %lld", (int)s->row[i],
                  (long long)i, (long long)e);
    return CRM_OK;
}

static int64_t longest(const crm_segments *s)
{
    int64_t most = 0;

    for (int64_t i = 0; i < s->n; i++)
        if (s->first[i + 1] - s->first[i] > most) most = s->first[i + 1] - s->first[i];
    return most;
}

static void zero_rows(crm_tensor *t)
{
    if (t->ld == t->dim[1])
        memset(t->data, 0, (size_t)t->dim[0] * row_bytes(t));
    else
        for (int64_t r = 0; r < t->dim[0]; r++)
            memset(row(t, r), 0, row_bytes(t));
}

/* Rows of no segment get 0; nothing to do where every row has one. */
static void zero_strays(const crm_segments *s, crm_tensor *t)
{
    if (s->n == 0 || s->first[s->n] - s->first[0] < t->dim[0]) zero_rows(t);
}

/* y = sum of the rows [first, end) of the segments, times factor[0 ..) unless NULL. */
static void sum_rows(const cpu_state *cpu, const crm_segments *s, int64_t first, int64_t end,
                     const float *factor, const crm_tensor *x, float *chain, float *y)
{
    for (int64_t i = first; i < end || i == first; i += CRM_CHAIN) {
        crm_cpu_terms t = {.n = end - i < CRM_CHAIN ? end - i : CRM_CHAIN,
                           .factor = factor ? factor + (i - first) : NULL,
                           .row = s->row ? s->row + i : NULL,
                           .first = i,
                           .x = x->data,
                           .ld = x->ld,
                           .width = x->dim[1]};
        float *to = i > first ? chain : y;

        memset(to, 0, row_bytes(x));
        cpu->k->gather(&t, to);
        if (i > first) cpu->k->add_row(chain, y, x->dim[1]);
    }
}

/* ---- pooling ---- */

static int32_t *arg_row(const crm_tensor *arg, int64_t i)
{
    return (int32_t *)arg->data + i * arg->ld;
}

static void max_segment(const cpu_state *cpu, const crm_segments *s, int64_t i, const crm_tensor *x,
                        float *y, int32_t *arg)
{
    int64_t d = x->dim[1], from = s->first[i], end = s->first[i + 1];

    for (int64_t j = 0; j < d; j++) {
        y[j] = from < end ? row(x, row_at(s, from))[j] : 0.0f;
        arg[j] = from < end ? (int32_t)row_at(s, from) : -1;
    }
    for (int64_t r = from + 1; r < end; r++)
        cpu->k->max_row(row(x, row_at(s, r)), (int32_t)row_at(s, r), y, arg, d);
}

static void last_of_segment(const crm_segments *s, int64_t i, const crm_tensor *x, float *y)
{
    if (s->first[i] < s->first[i + 1])
        memcpy(y, row(x, row_at(s, s->first[i + 1] - 1)), row_bytes(x));
    else
        memset(y, 0, row_bytes(x));
}

crm_status crm_cpu_pool(void *state, crm_pool_kind kind, const crm_segments *s, const crm_tensor *x,
                        crm_tensor *y, crm_tensor *arg)
{
    cpu_state *cpu = state;
    float *chain;

    CRM_TRY(valid_segments(s, x->dim[0]));
    CPU_SCRATCH(cpu, CPU_POOL_ROW, chain, x->dim[1]);
    for (int64_t i = 0; i < s->n; i++) {
        int64_t n = s->first[i + 1] - s->first[i];

        if (kind == CRM_POOL_MAX)
            max_segment(cpu, s, i, x, row(y, i), arg_row(arg, i));
        else if (kind == CRM_POOL_LAST)
            last_of_segment(s, i, x, row(y, i));
        else {
            sum_rows(cpu, s, s->first[i], s->first[i + 1], NULL, x, chain, row(y, i));
            if (n > 0) cpu->k->divide(row(y, i), (float)n, x->dim[1]);
        }
    }
    return CRM_OK;
}

static crm_status max_bwd(const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx)
{
    for (int64_t i = 0; i < dy->dim[0]; i++)
        for (int64_t j = 0; j < dy->dim[1]; j++)
            CRM_CHECK(arg_row(arg, i)[j] < dx->dim[0], CRM_ERR_ARG,
                      "maximum in row %d, there are %lld", (int)arg_row(arg, i)[j],
                      (long long)dx->dim[0]);
    zero_rows(dx);
    for (int64_t i = 0; i < dy->dim[0]; i++)
        for (int64_t j = 0; j < dy->dim[1]; j++)
            if (arg_row(arg, i)[j] >= 0) row(dx, arg_row(arg, i)[j])[j] = row(dy, i)[j];
    return CRM_OK;
}

/* Every row of a segment gets its share of dy. */
static crm_status mean_bwd(cpu_state *cpu, const crm_segments *s, const crm_tensor *dy,
                           crm_tensor *dx)
{
    float *share;

    CPU_SCRATCH(cpu, CPU_POOL_ROW, share, dy->dim[1]);
    zero_strays(s, dx);
    for (int64_t i = 0; i < s->n; i++) {
        memcpy(share, row(dy, i), row_bytes(dy));
        cpu->k->divide(share, (float)(s->first[i + 1] - s->first[i]), dy->dim[1]);
        for (int64_t r = s->first[i]; r < s->first[i + 1]; r++)
            memcpy(row(dx, row_at(s, r)), share, row_bytes(dy));
    }
    return CRM_OK;
}

crm_status crm_cpu_pool_bwd(void *state, crm_pool_kind kind, const crm_segments *s,
                            const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx)
{
    CRM_TRY(valid_segments(s, dx->dim[0]));
    if (kind == CRM_POOL_MAX) return max_bwd(dy, arg, dx);
    if (kind == CRM_POOL_MEAN) return mean_bwd(state, s, dy, dx);
    zero_rows(dx);
    for (int64_t i = 0; i < s->n; i++)
        if (s->first[i] < s->first[i + 1])
            memcpy(row(dx, row_at(s, s->first[i + 1] - 1)), row(dy, i), row_bytes(dy));
    return CRM_OK;
}

/* ---- attention ---- */

/* a[n] = softmax of a[n], n >= 1. */
static void softmax(const cpu_state *cpu, float *a, int64_t n)
{
    float most = a[0];
    double sum;

    for (int64_t i = 1; i < n; i++)
        most = a[i] > most ? a[i] : most;
    sum = cpu->k->exp_sum(a, most, a, n);
    cpu->k->divide(a, (float)sum, n);
}

/* A column [e][1] and its elements of segment i, side by side. */
static void read_segment(const crm_segments *s, int64_t i, const crm_tensor *column, float *a)
{
    for (int64_t r = s->first[i]; r < s->first[i + 1]; r++)
        *a++ = *row(column, row_at(s, r));
}

static void write_segment(const crm_segments *s, int64_t i, const float *a, crm_tensor *column)
{
    for (int64_t r = s->first[i]; r < s->first[i + 1]; r++)
        *row(column, row_at(s, r)) = *a++;
}

crm_status crm_cpu_attend(void *state, const crm_segments *s, const crm_tensor *score,
                          const crm_tensor *x, crm_tensor *weight, crm_tensor *y)
{
    cpu_state *cpu = state;
    float *chain, *a;

    CRM_TRY(valid_segments(s, x->dim[0]));
    CPU_SCRATCH(cpu, CPU_POOL_ROW, chain, x->dim[1]);
    CPU_SCRATCH(cpu, CPU_POOL_SCORE, a, longest(s));
    zero_strays(s, weight);
    for (int64_t i = 0; i < s->n; i++) {
        int64_t n = s->first[i + 1] - s->first[i];

        read_segment(s, i, score, a);
        if (n > 0) softmax(cpu, a, n);
        write_segment(s, i, a, weight);
        sum_rows(cpu, s, s->first[i], s->first[i + 1], a, x, chain, row(y, i));
    }
    return CRM_OK;
}

/* dx_r = a_r dy; g[] = dy x_r; the sum of a_r g_r in double, rows in order. */
static double attend_rows(const cpu_state *cpu, const crm_segments *s, int64_t i,
                          const crm_tensor *x, const float *dy, const float *a, float *g,
                          crm_tensor *dx)
{
    int64_t d = x->dim[1];
    double sum = 0;

    for (int64_t r = s->first[i]; r < s->first[i + 1]; r++, a++, g++) {
        *g = cpu->k->dot(dy, row(x, row_at(s, r)), d);
        sum += (double)*a * (double)*g; /* the product is exact */
        cpu->k->times_row(dy, *a, row(dx, row_at(s, r)), d);
    }
    return sum;
}

crm_status crm_cpu_attend_bwd(void *state, const crm_segments *s, const crm_tensor *weight,
                              const crm_tensor *x, const crm_tensor *dy, crm_tensor *dscore,
                              crm_tensor *dx)
{
    cpu_state *cpu = state;
    int64_t most = longest(s);
    float *a, *g;

    CRM_TRY(valid_segments(s, x->dim[0]));
    CPU_SCRATCH(cpu, CPU_POOL_SCORE, a, 2 * most);
    g = a + most;
    zero_strays(s, dscore);
    zero_strays(s, dx);
    for (int64_t i = 0; i < s->n; i++) {
        float mean;

        read_segment(s, i, weight, a);
        mean = (float)attend_rows(cpu, s, i, x, row(dy, i), a, g, dx);
        for (int64_t k = 0; k < s->first[i + 1] - s->first[i]; k++)
            g[k] = a[k] * (g[k] - mean);
        write_segment(s, i, g, dscore);
    }
    return CRM_OK;
}
