/* feature_impute.c - missing numbers become a value of the training rows, with a column that tells
 * where. */
#include <math.h>

#include "feature_mode.h"
#include "feature_neighbours.h"

typedef struct impute {
    feature f;
    int n;         /* numeric columns that come in */
    float *fill;   /* [n] */
    uint8_t *tell; /* [n] 1: has an indicator column */
    bool asks;     /* the nearest rows first */
    feature_neighbours near;
} impute;

static crm_status impute_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_impute_class, sizeof(impute), cfg, out);
}

static void impute_free(crm_transform *t)
{
    impute *m = (impute *)t;

    crm_mem_free(m->fill);
    crm_mem_free(m->tell);
    feature_neighbours_free(&m->near);
    feature_free(t);
}

static crm_status shape(impute *m, const crm_schema *in)
{
    m->n = in->n_num;
    CRM_NEW(m->fill, m->n);
    CRM_NEW(m->tell, m->n);
    return CRM_OK;
}

static crm_status name_columns(impute *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    for (int i = 0; i < m->n; i++)
        if (m->tell[i]) crm_columns_add_num(m->f.columns, "%s missing", in->num_name[i]);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

static crm_status begin_fit(impute *m, const crm_schema *in, double **value, int64_t **present)
{
    CRM_TRY(shape(m, in));
    CRM_NEW(*value, m->n);
    CRM_NEW(*present, m->n);
    return CRM_OK;
}

/* Value of a column when any of its training rows has one. */
static double fill_of(const crm_impute_cfg *cfg, double value)
{
    return cfg->fill == CRM_IMPUTE_ZERO       ? 0
           : cfg->fill == CRM_IMPUTE_CONSTANT ? cfg->constant
                                              : value;
}

static void set_fills(impute *m, const double *value, const int64_t *present, int64_t rows)
{
    const crm_impute_cfg *cfg = m->f.cfg;

    for (int i = 0; i < m->n; i++) {
        bool any = present[i] > 0 || cfg->fill == CRM_IMPUTE_CONSTANT;
        m->fill[i] = any ? (float)fill_of(cfg, value[i]) : 0;
        m->tell[i] = cfg->indicator && present[i] < rows;
    }
}

static crm_status measure(impute *m, const crm_fit *fit, const crm_source *in, double *value,
                          int64_t *present)
{
    const crm_impute_cfg *cfg = m->f.cfg;

    m->asks = cfg->fill == CRM_IMPUTE_KNN;
    if (m->asks)
        return feature_neighbours_fit(&m->near, fit, in, cfg->neighbours, cfg->rows, value,
                                      present);
    if (cfg->fill == CRM_IMPUTE_MEDIAN)
        return crm_rows_quantiles(fit, in, 1, (double[]){0.5}, value, present);
    CRM_TRY(feature_moments(fit, in, value, NULL, present));
    return cfg->fill == CRM_IMPUTE_MODE ? feature_modes(fit, in, value) : CRM_OK;
}

static crm_status impute_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    impute *m = (impute *)t;
    const crm_schema *s = crm_source_schema(in);
    double *value = NULL;
    int64_t *present = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin_fit(m, s, &value, &present)));
    CRM_TRY_TO(st, done, measure(m, fit, in, value, present));
    set_fills(m, value, present, fit->train->n);
    st = crm_comm_agree(fit->comm, name_columns(m, s));
done:
    crm_mem_free(value);
    crm_mem_free(present);
    return st;
}

static crm_status impute_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                               const crm_block *in, crm_block *out)
{
    const impute *m = (const impute *)t;

    (void)data;
    for (int64_t r = 0; r < in->n; r++) {
        const float *x = in->num + r * m->n;
        float *y = out->num + r * m->f.schema->n_num, *tell = y + m->n;
        if (m->asks)
            feature_neighbours_fill(&m->near, x, y);
        else
            feature_copy_row(x, m->n, y);
        for (int i = 0; i < m->n; i++) {
            bool missing = isnan(x[i]);
            if (isnan(y[i])) y[i] = m->fill[i];
            if (m->tell[i]) *tell++ = missing;
        }
    }
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static crm_status impute_save(const crm_transform *t, crm_bag *b)
{
    const impute *m = (const impute *)t;

    CRM_TRY(feature_put(b, "fill", CRM_F32, m->n, m->fill));
    CRM_TRY(feature_put(b, "indicator", CRM_U8, m->n, m->tell));
    return m->asks ? feature_neighbours_save(&m->near, b) : CRM_OK;
}

static crm_status impute_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    impute *m = (impute *)t;

    CRM_TRY(shape(m, in));
    CRM_TRY(feature_get(b, "fill", CRM_F32, m->n, m->fill));
    CRM_TRY(feature_get(b, "indicator", CRM_U8, m->n, m->tell));
    m->asks = crm_bag_find(b, "rows") != NULL;
    if (m->asks) CRM_TRY(feature_neighbours_load(&m->near, m->n, b));
    return name_columns(m, in);
}

static const crm_cfg_part parts[] = {{crm_impute_opts, 0}, {NULL, 0}};

const crm_transform_class crm_impute_class = {
    .name = "impute",
    .parts = parts,
    .cfg_size = sizeof(crm_impute_cfg),
    .help = "Missing numbers become a value of the training rows.",
    .make = impute_make,
    .fit = impute_fit,
    .schema = feature_schema,
    .apply = impute_apply,
    .save = impute_save,
    .load = impute_load,
    .free = impute_free,
};
