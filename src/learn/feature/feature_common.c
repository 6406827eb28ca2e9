/* feature_common.c - what the transforms share: life cycle, columns, moments, arrays of bags. */
#include <math.h>
#include <string.h>

#include "feature_impl.h"

crm_status feature_make(const crm_transform_class *class, size_t size, const void *cfg,
                        crm_transform **out)
{
    feature *f = crm_mem_new(1, size);

    *out = NULL;
    CRM_CHECK(f, CRM_ERR_NOMEM, "out of memory: transform %s", class->name);
    f->base.class = class;
    f->cfg = cfg;
    *out = &f->base;
    return CRM_OK;
}

const crm_schema *feature_schema(const crm_transform *t)
{
    return ((const feature *)t)->schema;
}

void feature_free(crm_transform *t)
{
    feature *f = (feature *)t;

    crm_columns_free(&f->columns);
    crm_mem_free(f);
}

crm_status feature_columns_begin(feature *f)
{
    f->schema = NULL;
    crm_columns_free(&f->columns);
    return crm_columns_new(&f->columns);
}

crm_status feature_columns_end(feature *f)
{
    return crm_columns_schema(f->columns, &f->schema);
}

void feature_copy_row(const float *from, int n, float *to)
{
    if (n) memcpy(to, from, (size_t)n * sizeof *to);
}

void feature_copy_cats(const crm_schema *s, const crm_block *in, crm_block *out)
{
    if (s->n_cat) memcpy(out->cat, in->cat, (size_t)(in->n * s->n_cat) * sizeof *out->cat);
}

/* Sums of (x - pivot)^power and counts of the present values: out[n], out[n + n_num]. */
typedef struct moment {
    int64_t n_num;
    const double *pivot;
    bool square;
} moment;

static void add_moment(void *ctx, const crm_rows_piece *p, double *out)
{
    const moment *m = ctx;

    for (int64_t i = 0; i < p->n; i++)
        for (int64_t c = 0; c < m->n_num; c++) {
            float x = p->num[i * m->n_num + c];
            double d = (double)x - m->pivot[c];
            if (isnan(x)) continue;
            out[c] += m->square ? d * d : d;
            out[m->n_num + c] += 1;
        }
}

/* Values of the first training row, so that sums of differences are small, and 0 for constants. */
static crm_status first_row(const crm_fit *fit, const crm_source *in, double *pivot, double **sum)
{
    const crm_schema *s = crm_source_schema(in);
    float *num = NULL;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, *sum, 2 * s->n_num);
    CRM_NEW_TO(st, done, num, s->n_num);
    CRM_NEW_TO(st, done, cat, s->n_cat);
    if (fit->train->n) CRM_TRY_TO(st, done, crm_source_read(in, fit->train->row, 1, num, cat));
    for (int i = 0; i < s->n_num; i++)
        pivot[i] = isnan(num[i]) ? 0 : num[i];
done:
    crm_mem_free(num);
    crm_mem_free(cat);
    return st;
}

crm_status feature_moments(const crm_fit *fit, const crm_source *in, double *mean, double *variance,
                           int64_t *present)
{
    int64_t n = crm_source_schema(in)->n_num;
    moment m = {.n_num = n, .pivot = mean};
    double *sum = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, first_row(fit, in, mean, &sum)));
    CRM_TRY_TO(st, done, crm_rows_sum(fit, in, 2 * n, add_moment, &m, sum));
    for (int64_t i = 0; i < n; i++) {
        present[i] = (int64_t)sum[n + i];
        mean[i] = present[i] ? mean[i] + sum[i] / sum[n + i] : 0;
    }
    if (!variance) goto done;
    m.square = true;
    CRM_TRY_TO(st, done, crm_rows_sum(fit, in, 2 * n, add_moment, &m, sum));
    for (int64_t i = 0; i < n; i++)
        variance[i] = present[i] ? sum[i] / sum[n + i] : 0;
done:
    crm_mem_free(sum);
    return st;
}

crm_status feature_get(const crm_bag *b, const char *name, crm_dtype dtype, int64_t n, void *to)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, dtype, n, &a));
    if (n) memcpy(to, a->data, (size_t)n * crm_dtype_size(dtype));
    return CRM_OK;
}

crm_status feature_put(crm_bag *b, const char *name, crm_dtype dtype, int64_t n, const void *data)
{
    return crm_bag_put(b, name, dtype, 1, &n, data);
}
