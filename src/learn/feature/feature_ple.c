/* feature_ple.c - piecewise-linear encoding of numbers between quantiles of the training rows:
 *
 *     out_t = min(1, max(0, (x - e_(t-1)) / (e_t - e_(t-1)))),  t = 1..T
 *
 * Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
 * NeurIPS 2022, section 3.2; here cut to 0..1 in the outer bins too, so that a far value cannot
 * swamp the rest. */
#include "feature_impl.h"

typedef struct ple {
    feature f;
    int n;          /* numeric columns that come in */
    int64_t *edges; /* [n] edges of each; below 2: no columns */
    float *edge;    /* of all columns one after the other */
    int64_t n_edges;
    bool keep;
} ple;

static crm_status ple_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_ple_class, sizeof(ple), cfg, out);
}

static void ple_free(crm_transform *t)
{
    ple *m = (ple *)t;

    crm_mem_free(m->edges);
    crm_mem_free(m->edge);
    feature_free(t);
}

static crm_status name_columns(ple *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    if (m->keep) crm_columns_add_nums(m->f.columns, in);
    for (int i = 0; i < m->n; i++)
        for (int64_t e = 1; e < m->edges[i]; e++)
            crm_columns_add_num(m->f.columns, "%s bin %d", in->num_name[i], (int)e);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

typedef struct cuts {
    int n_p;
    double *p, *value;
    int64_t *present;
} cuts;

/* Without bins the numbers pass, whatever keep says. */
static crm_status begin_fit(ple *m, const crm_schema *in, cuts *c)
{
    const crm_ple_cfg *cfg = m->f.cfg;

    m->n = in->n_num;
    m->keep = cfg->keep || cfg->bins == 0;
    c->n_p = cfg->bins ? (int)cfg->bins + 1 : 0;
    CRM_NEW(m->edges, m->n);
    CRM_NEW(m->edge, (int64_t)m->n * c->n_p);
    CRM_NEW(c->p, c->n_p);
    CRM_NEW(c->value, (int64_t)m->n * c->n_p);
    CRM_NEW(c->present, m->n);
    for (int i = 0; i < c->n_p; i++)
        c->p[i] = (double)i / (double)cfg->bins;
    return CRM_OK;
}

/* Quantiles rise; equal ones are one edge. */
static void set_edges(ple *m, const cuts *c)
{
    for (int i = 0; i < m->n; i++)
        for (int q = 0; q < c->n_p && c->present[i]; q++) {
            float e = (float)c->value[i * c->n_p + q];
            if (m->edges[i] && e <= m->edge[m->n_edges - 1]) continue;
            m->edge[m->n_edges++] = e;
            m->edges[i]++;
        }
}

static crm_status ple_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    ple *m = (ple *)t;
    const crm_schema *s = crm_source_schema(in);
    cuts c = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin_fit(m, s, &c)));
    if (c.n_p) CRM_TRY_TO(st, done, crm_rows_quantiles(fit, in, c.n_p, c.p, c.value, c.present));
    set_edges(m, &c);
    st = crm_comm_agree(fit->comm, name_columns(m, s));
done:
    crm_mem_free(c.p);
    crm_mem_free(c.value);
    crm_mem_free(c.present);
    return st;
}

/* A missing value fails both comparisons: 0. */
static float part_of(float x, float from, float to)
{
    if (x >= to) return 1;
    return x > from ? (float)(((double)x - from) / ((double)to - from)) : 0;
}

static void encode_row(const ple *m, const float *x, float *y)
{
    const float *e = m->edge;

    if (m->keep) {
        feature_copy_row(x, m->n, y);
        y += m->n;
    }
    for (int i = 0; i < m->n; e += m->edges[i], i++)
        for (int64_t t = 1; t < m->edges[i]; t++)
            *y++ = part_of(x[i], e[t - 1], e[t]);
}

static crm_status ple_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                            const crm_block *in, crm_block *out)
{
    const ple *m = (const ple *)t;

    (void)data;
    for (int64_t r = 0; r < in->n; r++)
        encode_row(m, in->num + r * m->n, out->num + r * m->f.schema->n_num);
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static crm_status ple_save(const crm_transform *t, crm_bag *b)
{
    const ple *m = (const ple *)t;

    CRM_TRY(crm_bag_put_i64(b, "keep", m->keep));
    CRM_TRY(feature_put(b, "edges", CRM_I64, m->n, m->edges));
    return feature_put(b, "edge", CRM_F32, m->n_edges, m->edge);
}

/* Edges of a file rise within their column, and the counts add up. */
static crm_status check_edges(const ple *m)
{
    const float *e = m->edge;
    int64_t left = m->n_edges;

    for (int i = 0; i < m->n; e += m->edges[i], left -= m->edges[i], i++) {
        CRM_CHECK(m->edges[i] >= 0 && m->edges[i] <= left, CRM_ERR_FORMAT,
                  "model file: column %d has %lld edges, %lld are left", i, (long long)m->edges[i],
                  (long long)left);
        for (int64_t t = 1; t < m->edges[i]; t++)
            CRM_CHECK(e[t] > e[t - 1], CRM_ERR_FORMAT,
                      "model file: the edges of column %d do not rise", i);
    }
    return CRM_OK;
}

static crm_status ple_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    ple *m = (ple *)t;
    const crm_bag_array *a;
    int64_t keep;

    m->n = in->n_num;
    CRM_TRY(crm_bag_get_i64(b, "keep", &keep));
    m->keep = keep != 0;
    CRM_NEW(m->edges, m->n);
    CRM_TRY(feature_get(b, "edges", CRM_I64, m->n, m->edges));
    CRM_TRY(crm_bag_get(b, "edge", CRM_F32, -1, &a));
    m->n_edges = a->n;
    CRM_NEW(m->edge, a->n);
    CRM_TRY(feature_get(b, "edge", CRM_F32, a->n, m->edge));
    CRM_TRY(check_edges(m));
    return name_columns(m, in);
}

static const crm_cfg_part parts[] = {{crm_ple_opts, 0}, {NULL, 0}};

const crm_transform_class crm_ple_class = {
    .name = "ple",
    .parts = parts,
    .cfg_size = sizeof(crm_ple_cfg),
    .help = "Piecewise-linear encoding of numbers between quantiles of the training rows.",
    .make = ple_make,
    .fit = ple_fit,
    .schema = feature_schema,
    .apply = ple_apply,
    .save = ple_save,
    .load = ple_load,
    .free = ple_free,
};
