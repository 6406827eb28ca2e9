/* feature_scale.c - numbers are centred and divided by their spread in the training rows. */
#include <float.h>
#include <math.h>

#include "feature_impl.h"

typedef struct scale {
    feature f;
    int n;                   /* numeric columns */
    double *centre, *spread; /* [n]; spread 0: constant, becomes 0 */
    double clip;
} scale;

static crm_status scale_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_scale_class, sizeof(scale), cfg, out);
}

static void scale_free(crm_transform *t)
{
    scale *m = (scale *)t;

    crm_mem_free(m->centre);
    crm_mem_free(m->spread);
    feature_free(t);
}

static crm_status shape(scale *m, const crm_schema *in)
{
    m->n = in->n_num;
    CRM_NEW(m->centre, m->n);
    CRM_NEW(m->spread, m->n);
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

enum { N_QUANTILES = 5 };
static const double QUANTILES[N_QUANTILES] = {0, 0.25, 0.5, 0.75, 1};

static crm_status begin_fit(scale *m, const crm_schema *in, double **value, int64_t **present)
{
    m->clip = ((const crm_scale_cfg *)m->f.cfg)->clip;
    CRM_TRY(shape(m, in));
    CRM_NEW(*value, m->n * N_QUANTILES);
    CRM_NEW(*present, m->n);
    return CRM_OK;
}

static void from_quantiles(scale *m, int kind, const double *value, const int64_t *present)
{
    for (int i = 0; i < m->n; i++, value += N_QUANTILES) {
        double range = value[4] - value[0], quartiles = value[3] - value[1];
        if (present[i] == 0) continue;
        m->centre[i] = value[kind == CRM_SCALE_ROBUST ? 2 : 0];
        m->spread[i] = range;
        if (kind == CRM_SCALE_ROBUST && range > 0) m->spread[i] = quartiles > 0 ? quartiles : 1;
    }
}

static crm_status measure(scale *m, const crm_fit *fit, const crm_source *in, double *value,
                          int64_t *present)
{
    int kind = ((const crm_scale_cfg *)m->f.cfg)->kind;

    if (kind == CRM_SCALE_ZSCORE) {
        CRM_TRY(feature_moments(fit, in, m->centre, m->spread, present));
        for (int i = 0; i < m->n; i++)
            m->spread[i] = sqrt(m->spread[i]);
    } else if (kind == CRM_SCALE_NONE) {
        for (int i = 0; i < m->n; i++)
            m->spread[i] = 1;
    } else {
        CRM_TRY(crm_rows_quantiles(fit, in, N_QUANTILES, QUANTILES, value, present));
        from_quantiles(m, kind, value, present);
    }
    return CRM_OK;
}

static crm_status scale_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    scale *m = (scale *)t;
    double *value = NULL;
    int64_t *present = NULL;
    crm_status st;

    st = crm_comm_agree(fit->comm, begin_fit(m, crm_source_schema(in), &value, &present));
    if (!st) st = measure(m, fit, in, value, present);
    crm_mem_free(value);
    crm_mem_free(present);
    return st;
}

/* A missing value fails both comparisons and stays; a finite one stays finite, however far out. */
static float scaled(const scale *m, int i, float x)
{
    double v = m->spread[i] > 0 ? ((double)x - m->centre[i]) / m->spread[i] : 0;
    double most = m->clip > 0 ? m->clip : isfinite(x) ? (double)FLT_MAX : (double)INFINITY;

    if (v > most) v = most;
    if (v < -most) v = -most;
    return (float)v;
}

static crm_status scale_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                              const crm_block *in, crm_block *out)
{
    const scale *m = (const scale *)t;

    (void)data;
    for (int64_t r = 0; r < in->n; r++)
        for (int i = 0; i < m->n; i++)
            out->num[r * m->n + i] = scaled(m, i, in->num[r * m->n + i]);
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static crm_status scale_save(const crm_transform *t, crm_bag *b)
{
    const scale *m = (const scale *)t;

    CRM_TRY(feature_put(b, "centre", CRM_F64, m->n, m->centre));
    CRM_TRY(feature_put(b, "spread", CRM_F64, m->n, m->spread));
    return crm_bag_put_f64(b, "clip", m->clip);
}

static crm_status scale_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    scale *m = (scale *)t;

    CRM_TRY(shape(m, in));
    CRM_TRY(feature_get(b, "centre", CRM_F64, m->n, m->centre));
    CRM_TRY(feature_get(b, "spread", CRM_F64, m->n, m->spread));
    return crm_bag_get_f64(b, "clip", &m->clip);
}

static const crm_cfg_part parts[] = {{crm_scale_opts, 0}, {NULL, 0}};

const crm_transform_class crm_scale_class = {
    .name = "scale",
    .parts = parts,
    .cfg_size = sizeof(crm_scale_cfg),
    .help = "Numbers are centred and divided by their spread in the training rows.",
    .make = scale_make,
    .fit = scale_fit,
    .schema = feature_schema,
    .apply = scale_apply,
    .save = scale_save,
    .load = scale_load,
    .free = scale_free,
};
