/* feature_outliers.c - numbers beyond limits of the training rows are told, or cut to the limits:
 *
 *     iqr     q1 - f (q3 - q1) .. q3 + f (q3 - q1)               (Tukey 1977; f = 1.5)
 *     zscore  mean - f s .. mean + f s, s with divisor n         (f = 3)
 *     robust  median - f MAD / 0.6745 .. median + f MAD / 0.6745 (Iglewicz and Hoaglin 1993; f =
 * 3.5)
 *
 * MAD is the median of |x - median|, rounded to float.  0.6745 is the third quartile of the normal
 * distribution. */
#include <math.h>

#include "feature_impl.h"

/* What stands for a limit of a column that has none. */
static const double UNLIMITED = INFINITY;

typedef struct outliers {
    feature f;
    int n;           /* numeric columns that come in */
    double *limit;   /* [n][2] */
    uint8_t *tell;   /* [n] 1: has a column that tells */
    int64_t winsor;  /* 1: values are cut */
    double *middles; /* [n] of the transform |x - middle| below; NULL: limits */
} outliers;

static crm_status outliers_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_outliers_class, sizeof(outliers), cfg, out);
}

static void outliers_free(crm_transform *t)
{
    outliers *m = (outliers *)t;

    crm_mem_free(m->limit);
    crm_mem_free(m->tell);
    crm_mem_free(m->middles);
    feature_free(t);
}

static crm_status shape(outliers *m, const crm_schema *in)
{
    m->n = in->n_num;
    CRM_NEW(m->limit, 2 * m->n);
    CRM_NEW(m->tell, m->n);
    return CRM_OK;
}

static crm_status name_columns(outliers *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    for (int i = 0; i < m->n; i++)
        if (m->tell[i]) crm_columns_add_num(m->f.columns, "%s outlier", in->num_name[i]);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

/* ---- deviations from the middle, as columns whose quantiles can be asked for ---- */
static crm_status deviation_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                                  const crm_block *in, crm_block *out)
{
    const outliers *m = (const outliers *)t;

    (void)data;
    for (int64_t i = 0; i < in->n * m->n; i++)
        out->num[i] = (float)fabs((double)in->num[i] - m->middles[i % m->n]);
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static const crm_transform_class deviation_class = {
    .name = "deviation", .schema = feature_schema, .apply = deviation_apply, .free = outliers_free};

static crm_status deviation_new(const crm_schema *in, const double *middle, crm_transform **out)
{
    outliers *m;

    CRM_TRY(feature_make(&deviation_class, sizeof *m, NULL, out));
    m = (outliers *)*out;
    CRM_TRY(shape(m, in));
    CRM_NEW(m->middles, m->n);
    for (int i = 0; i < m->n; i++)
        m->middles[i] = isnan(middle[i]) ? 0 : middle[i];
    return name_columns(m, in);
}

static crm_status begin_deviation(const crm_source *in, const double *middle, crm_transform **t,
                                  crm_source **s)
{
    CRM_TRY(deviation_new(crm_source_schema(in), middle, t));
    return crm_source_then(in, *t, s);
}

/* mad[n] around middle[n]. */
static crm_status median_deviation(const crm_fit *fit, const crm_source *in, const double *middle,
                                   double *mad, int64_t *present)
{
    crm_transform *t = NULL;
    crm_source *s = NULL;
    crm_status st = crm_comm_agree(fit->comm, begin_deviation(in, middle, &t, &s));

    if (!st) st = crm_rows_quantiles(fit, s, 1, (double[]){0.5}, mad, present);
    crm_source_free(&s);
    if (t) outliers_free(t);
    return st;
}

/* ---- limits ---- */
static double factor_of(const crm_outliers_cfg *cfg)
{
    static const double usual[CRM_OUTLIERS_RULES] = {1.5, 3, 3.5};

    return cfg->factor > 0 ? cfg->factor : usual[cfg->rule];
}

static void set_limit(outliers *m, int i, double low, double high, double spread)
{
    double f = factor_of(m->f.cfg);
    bool limited = spread > 0 && isfinite(spread);

    m->limit[2 * i] = limited ? low - f * spread : -UNLIMITED;
    m->limit[2 * i + 1] = limited ? high + f * spread : UNLIMITED;
}

static crm_status measure(outliers *m, const crm_fit *fit, const crm_source *in, double *value,
                          int64_t *present)
{
    static const double p[] = {0.25, 0.5, 0.75};
    int rule = ((const crm_outliers_cfg *)m->f.cfg)->rule, n = m->n;
    double *spread = value + 3 * n;

    if (rule == CRM_OUTLIERS_IQR) {
        CRM_TRY(crm_rows_quantiles(fit, in, 3, p, value, present));
        for (int i = 0; i < n; i++)
            set_limit(m, i, value[3 * i], value[3 * i + 2], value[3 * i + 2] - value[3 * i]);
    } else if (rule == CRM_OUTLIERS_ZSCORE) {
        CRM_TRY(feature_moments(fit, in, value, spread, present));
        for (int i = 0; i < n; i++)
            set_limit(m, i, value[i], value[i], sqrt(spread[i]));
    } else {
        CRM_TRY(crm_rows_quantiles(fit, in, 1, p + 1, value, present));
        CRM_TRY(median_deviation(fit, in, value, spread, present));
        for (int i = 0; i < n; i++)
            set_limit(m, i, value[i], value[i], spread[i] / 0.6745);
    }
    return CRM_OK;
}

/* A missing value is within any limits. */
static bool beyond(const outliers *m, int i, float x)
{
    return x < m->limit[2 * i] || x > m->limit[2 * i + 1];
}

typedef struct tally {
    const outliers *m;
    int64_t *count;
} tally;

static void count_beyond(void *ctx, const crm_rows_piece *p, double *out)
{
    const tally *t = ctx;

    (void)out;
    for (int64_t r = 0; r < p->n; r++)
        for (int i = 0; i < t->m->n; i++)
            t->count[i] += beyond(t->m, i, p->num[r * t->m->n + i]);
}

static crm_status begin_fit(outliers *m, const crm_schema *in, double **value, int64_t **present)
{
    CRM_TRY(shape(m, in));
    CRM_NEW(*value, 4 * m->n);
    CRM_NEW(*present, m->n);
    return CRM_OK;
}

/* Columns that tell stand where training has something to tell; counts are made by one thread. */
static crm_status find_told(outliers *m, const crm_fit *fit, const crm_source *in, int64_t *count)
{
    crm_view own = crm_rows_own(fit);
    tally t = {.m = m, .count = count};

    for (int i = 0; i < m->n; i++)
        count[i] = 0;
    CRM_TRY(crm_comm_agree(fit->comm, crm_rows_each(in, &own, NULL, count_beyond, &t)));
    CRM_TRY(crm_comm_sum_i64(fit->comm, count, m->n));
    for (int i = 0; i < m->n; i++)
        m->tell[i] = count[i] > 0;
    return CRM_OK;
}

static crm_status outliers_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    outliers *m = (outliers *)t;
    const crm_outliers_cfg *cfg = m->f.cfg;
    const crm_schema *s = crm_source_schema(in);
    double *value = NULL;
    int64_t *present = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin_fit(m, s, &value, &present)));
    CRM_TRY_TO(st, done, measure(m, fit, in, value, present));
    m->winsor = cfg->action == CRM_OUTLIERS_WINSORISE;
    if (cfg->action == CRM_OUTLIERS_FLAG) CRM_TRY_TO(st, done, find_told(m, fit, in, present));
    st = crm_comm_agree(fit->comm, name_columns(m, s));
done:
    crm_mem_free(value);
    crm_mem_free(present);
    return st;
}

static float cut(const double *limit, float x)
{
    double v = x < limit[0] ? limit[0] : x > limit[1] ? limit[1] : x;

    return (float)v;
}

static crm_status outliers_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                                 const crm_block *in, crm_block *out)
{
    const outliers *m = (const outliers *)t;

    (void)data;
    for (int64_t r = 0; r < in->n; r++) {
        const float *x = in->num + r * m->n;
        float *y = out->num + r * m->f.schema->n_num, *tell = y + m->n;
        for (int i = 0; i < m->n; i++) {
            y[i] = m->winsor ? cut(m->limit + 2 * i, x[i]) : x[i];
            if (m->tell[i]) *tell++ = beyond(m, i, x[i]);
        }
    }
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static crm_status outliers_save(const crm_transform *t, crm_bag *b)
{
    const outliers *m = (const outliers *)t;

    CRM_TRY(feature_put(b, "limit", CRM_F64, 2 * (int64_t)m->n, m->limit));
    CRM_TRY(feature_put(b, "indicator", CRM_U8, m->n, m->tell));
    return crm_bag_put_i64(b, "winsorise", m->winsor);
}

static crm_status outliers_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    outliers *m = (outliers *)t;

    CRM_TRY(shape(m, in));
    CRM_TRY(feature_get(b, "limit", CRM_F64, 2 * (int64_t)m->n, m->limit));
    CRM_TRY(feature_get(b, "indicator", CRM_U8, m->n, m->tell));
    CRM_TRY(crm_bag_get_i64(b, "winsorise", &m->winsor));
    return name_columns(m, in);
}

static bool outliers_idle(const void *cfg)
{
    return ((const crm_outliers_cfg *)cfg)->action == CRM_OUTLIERS_NONE;
}

static const crm_cfg_part parts[] = {{crm_outliers_opts, 0}, {NULL, 0}};

const crm_transform_class crm_outliers_class = {
    .name = "outliers",
    .parts = parts,
    .cfg_size = sizeof(crm_outliers_cfg),
    .help = "Numbers beyond limits of the training rows are told, or cut to the limits.",
    .make = outliers_make,
    .fit = outliers_fit,
    .schema = feature_schema,
    .apply = outliers_apply,
    .save = outliers_save,
    .load = outliers_load,
    .free = outliers_free,
    .idle = outliers_idle,
};
