/* feature_bins.c - numbers become the number of their quantile bin, or a 0/1 column for each bin:
 *
 *     bin of x = number of inner edges <= x;  edges e_0 < ... < e_T: distinct quantiles 0/B .. B/B
 *
 * (scikit-learn's KBinsDiscretizer with quantiles does the same).  Two values say no more in bins
 * than as they are: a column with fewer than three edges passes. */
#include <math.h>
#include <string.h>

#include "feature_impl.h"

typedef struct bins {
    feature f;
    int n;          /* numeric columns that come in */
    int64_t code;   /* crm_bins_code */
    int64_t *edges; /* [n] inner edges; 0: the column passes */
    float *edge;    /* inner edges of all columns one after the other */
    int64_t n_edges;
    uint8_t *tell; /* [n] onehot: 1: a column for missing values */
} bins;

static crm_status bins_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_bins_class, sizeof(bins), cfg, out);
}

static void bins_free(crm_transform *t)
{
    bins *m = (bins *)t;

    crm_mem_free(m->edges);
    crm_mem_free(m->edge);
    crm_mem_free(m->tell);
    feature_free(t);
}

static void name_onehot(bins *m, int64_t edges, bool tell, const char *name)
{
    for (int64_t b = 0; b <= edges; b++)
        crm_columns_add_num(m->f.columns, "%s in bin %d", name, (int)b);
    if (tell) crm_columns_add_num(m->f.columns, "%s missing", name);
}

static crm_status name_columns(bins *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    for (int i = 0; i < m->n; i++)
        if (m->code == CRM_BINS_ONEHOT && m->edges[i])
            name_onehot(m, m->edges[i], m->tell[i], in->num_name[i]);
        else
            crm_columns_add_num(m->f.columns, "%s", in->num_name[i]);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

typedef struct cuts {
    int n_p;
    double *p, *value;
    int64_t *present;
} cuts;

static crm_status begin_fit(bins *m, const crm_schema *in, cuts *c)
{
    const crm_bins_cfg *cfg = m->f.cfg;

    m->n = in->n_num;
    m->code = cfg->code;
    c->n_p = cfg->count ? (int)cfg->count + 1 : 0;
    CRM_NEW(m->edges, m->n);
    CRM_NEW(m->edge, (int64_t)m->n * c->n_p);
    CRM_NEW(m->tell, m->n);
    CRM_NEW(c->p, c->n_p);
    CRM_NEW(c->value, (int64_t)m->n * c->n_p);
    CRM_NEW(c->present, m->n);
    for (int i = 0; i < c->n_p; i++)
        c->p[i] = (double)i / (double)cfg->count;
    return CRM_OK;
}

/* Distinct quantiles but the first and the last; returns how many. */
static int64_t inner_edges(const double *q, int n, float *edge)
{
    float last = (float)q[0];
    int64_t k = 0;

    for (int i = 1; i < n; i++) {
        if (!((float)q[i] > last)) continue;
        last = (float)q[i];
        edge[k++] = last;
    }
    return k > 0 ? k - 1 : 0;
}

static void set_edges(bins *m, const cuts *c, int64_t rows)
{
    for (int i = 0; i < m->n && c->n_p; i++) {
        if (!c->present[i]) continue;
        m->edges[i] = inner_edges(c->value + i * c->n_p, c->n_p, m->edge + m->n_edges);
        m->n_edges += m->edges[i];
        m->tell[i] = m->code == CRM_BINS_ONEHOT && m->edges[i] && c->present[i] < rows;
    }
}

static crm_status bins_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    bins *m = (bins *)t;
    const crm_schema *s = crm_source_schema(in);
    cuts c = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin_fit(m, s, &c)));
    if (c.n_p) CRM_TRY_TO(st, done, crm_rows_quantiles(fit, in, c.n_p, c.p, c.value, c.present));
    set_edges(m, &c, fit->train->n);
    st = crm_comm_agree(fit->comm, name_columns(m, s));
done:
    crm_mem_free(c.p);
    crm_mem_free(c.value);
    crm_mem_free(c.present);
    return st;
}

static int64_t bin_of(float x, const float *edge, int64_t n)
{
    int64_t b = 0;

    while (b < n && x >= edge[b])
        b++;
    return b;
}

/* Columns of one number; returns how many. */
static int64_t encode(const bins *m, int i, float x, const float *edge, float *y)
{
    int64_t n = m->edges[i], width = n + 1 + m->tell[i];

    if (m->code != CRM_BINS_ONEHOT || n == 0) {
        *y = n == 0 || isnan(x) ? x : (float)bin_of(x, edge, n);
        return 1;
    }
    memset(y, 0, (size_t)width * sizeof *y);
    if (!isnan(x))
        y[bin_of(x, edge, n)] = 1;
    else if (m->tell[i])
        y[n + 1] = 1;
    return width;
}

static crm_status bins_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                             const crm_block *in, crm_block *out)
{
    const bins *m = (const bins *)t;

    (void)data;
    for (int64_t r = 0; r < in->n; r++) {
        float *y = out->num + r * m->f.schema->n_num;
        const float *edge = m->edge;
        for (int i = 0; i < m->n; edge += m->edges[i], i++)
            y += encode(m, i, in->num[r * m->n + i], edge, y);
    }
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static crm_status bins_save(const crm_transform *t, crm_bag *b)
{
    const bins *m = (const bins *)t;

    CRM_TRY(crm_bag_put_i64(b, "code", m->code));
    CRM_TRY(feature_put(b, "edges", CRM_I64, m->n, m->edges));
    CRM_TRY(feature_put(b, "edge", CRM_F32, m->n_edges, m->edge));
    return feature_put(b, "indicator", CRM_U8, m->n, m->tell);
}

/* Edges of a file rise within their column, and the counts add up. */
static crm_status check_edges(const bins *m)
{
    const float *e = m->edge;
    int64_t left = m->n_edges;

    for (int i = 0; i < m->n; e += m->edges[i], i++) {
        CRM_CHECK(m->edges[i] >= 0 && m->edges[i] <= left, CRM_ERR_FORMAT,
                  "model file: column %d has %lld edges, %lld are left", i, (long long)m->edges[i],
                  (long long)left);
        left -= m->edges[i];
        for (int64_t k = 1; k < m->edges[i]; k++)
            CRM_CHECK(e[k] > e[k - 1], CRM_ERR_FORMAT,
                      "model file: the edges of column %d do not rise", i);
    }
    return CRM_OK;
}

static crm_status bins_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    bins *m = (bins *)t;
    const crm_bag_array *a;

    m->n = in->n_num;
    CRM_NEW(m->edges, m->n);
    CRM_NEW(m->tell, m->n);
    CRM_TRY(crm_bag_get_i64(b, "code", &m->code));
    CRM_TRY(feature_get(b, "edges", CRM_I64, m->n, m->edges));
    CRM_TRY(crm_bag_get(b, "edge", CRM_F32, -1, &a));
    m->n_edges = a->n;
    CRM_NEW(m->edge, a->n);
    CRM_TRY(feature_get(b, "edge", CRM_F32, a->n, m->edge));
    CRM_TRY(feature_get(b, "indicator", CRM_U8, m->n, m->tell));
    for (int i = 0; i < m->n; i++)
        m->tell[i] = m->tell[i] != 0;
    CRM_TRY(check_edges(m));
    return name_columns(m, in);
}

static bool bins_idle(const void *cfg)
{
    return ((const crm_bins_cfg *)cfg)->count == 0;
}

static const crm_cfg_part parts[] = {{crm_bins_opts, 0}, {NULL, 0}};

const crm_transform_class crm_bins_class = {
    .name = "bins",
    .parts = parts,
    .cfg_size = sizeof(crm_bins_cfg),
    .help = "Numbers become the number of their quantile bin, or a 0/1 column for each bin.",
    .make = bins_make,
    .fit = bins_fit,
    .schema = feature_schema,
    .apply = bins_apply,
    .save = bins_save,
    .load = bins_load,
    .free = bins_free,
    .idle = bins_idle,
};
