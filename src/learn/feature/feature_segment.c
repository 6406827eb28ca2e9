/* feature_segment.c - the cluster of a row as a category, and its distances to all clusters. */
#include "crmpi/feature_segment.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/feature_kmeans.h"
#include "feature_impl.h"

enum { ITERATIONS = 300 };
static const double TOLERANCE = 1e-4; /* of the shift, as a part of the mean variance */
static const double LIMIT = 4;        /* deviations */

const crm_opt crm_segment_opts[] = {
    CRM_OPT_I(crm_segment_cfg, clusters, "segment.clusters", 0, 0, CRM_SEGMENT_MAX, "clusters", 0,
              "Clusters of the training rows, found by k-means on the numbers, that become a "
              "category of each row; 0 is off."),
    CRM_OPT_I(crm_segment_cfg, choose, "segment.choose", 0, 0, CRM_SEGMENT_MAX, "clusters", 0,
              "Most clusters when their number, from 2 on, is chosen by silhouette, whatever "
              "segment.clusters says; 0 is off."),
    CRM_OPT_I(crm_segment_cfg, restarts, "segment.restarts", 4, 1, 1000, "1", 0,
              "Seedings of k-means, of which the one with the least inertia stays."),
    CRM_OPT_I(crm_segment_cfg, sample, "segment.sample", 2000, 2, 100000, "rows", 0,
              "Training rows that silhouettes are worked out on."),
    CRM_OPT_B(crm_segment_cfg, distances, "segment.distances", 0, 0,
              "Add the distance of each row to the centre of each cluster."),
    {.key = NULL},
};

typedef struct segment {
    feature f;
    int64_t n, k;          /* numbers that come in, clusters */
    int64_t distances;     /* 1: are added */
    double *mean, *spread; /* [n]; spread 0: constant */
    double *centre;        /* [k][n] */
} segment;

static crm_status segment_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_segment_class, sizeof(segment), cfg, out);
}

static void segment_free(crm_transform *t)
{
    segment *m = (segment *)t;

    crm_mem_free(m->mean);
    crm_mem_free(m->spread);
    crm_mem_free(m->centre);
    feature_free(t);
}

static crm_status name_columns(segment *m, const crm_schema *in)
{
    char text[CRM_SEGMENT_MAX][24];
    const char *level[CRM_SEGMENT_MAX];

    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    crm_columns_add_cats(m->f.columns, in);
    for (int64_t j = 0; j < m->k; j++) {
        snprintf(text[j], sizeof text[j], "%lld", (long long)j + 1);
        level[j] = text[j];
        if (m->distances) crm_columns_add_num(m->f.columns, "distance to segment %s", level[j]);
    }
    crm_columns_add_cat(m->f.columns, "segment", m->k, level);
    return feature_columns_end(&m->f);
}

/* A column as k-means sees it. */
static float standard(const segment *m, int64_t c, float x)
{
    double v = m->spread[c] > 0 && !isnan(x) ? ((double)x - m->mean[c]) / m->spread[c] : 0;

    if (v > LIMIT) v = LIMIT;
    if (v < -LIMIT) v = -LIMIT;
    return (float)v;
}

/* ---- fit ---- */
static crm_status shape(segment *m, const crm_schema *in)
{
    m->n = in->n_num;
    CRM_NEW(m->mean, m->n);
    CRM_NEW(m->spread, m->n);
    return CRM_OK;
}

typedef struct taker {
    const segment *m;
    float *x;
} taker;

static void take(void *ctx, const crm_rows_piece *p, double *out)
{
    const taker *t = ctx;
    int64_t n = t->m->n;

    (void)out;
    for (int64_t i = 0; i < p->n * n; i++)
        t->x[p->at * n + i] = standard(t->m, i % n, p->num[i]);
}

/* The own rows as points; *x is the caller's. */
static crm_status own_points(const segment *m, const crm_fit *fit, const crm_source *in, float **x)
{
    crm_view own = crm_rows_own(fit);
    taker t = {.m = m};

    CRM_NEW(*x, own.n * m->n);
    t.x = *x;
    return crm_rows_each(in, &own, fit->pool, take, &t);
}

static crm_status cluster(const segment *m, const crm_fit *fit, const float *x, crm_kmeans *out)
{
    const crm_segment_cfg *cfg = m->f.cfg;
    const crm_points p = {
        .comm = fit->comm, .pool = fit->pool, .n = fit->train->n, .width = (int)m->n, .x = x};
    const crm_kmeans_cfg c = {.k = (int)cfg->clusters,
                              .restarts = (int)cfg->restarts,
                              .iterations = ITERATIONS,
                              .tolerance = TOLERANCE,
                              .seed = fit->seed};

    if (cfg->choose == 0) return crm_kmeans_fit(&p, &c, NULL, out);
    return crm_kmeans_choose(&p, &c, cfg->choose < 2 ? 2 : (int)cfg->choose, cfg->sample, NULL,
                             out);
}

static crm_status keep(segment *m, const crm_schema *in, const crm_kmeans *found)
{
    m->k = found->k;
    m->distances = ((const crm_segment_cfg *)m->f.cfg)->distances;
    CRM_NEW(m->centre, m->k * m->n);
    memcpy(m->centre, found->centre, (size_t)(m->k * m->n) * sizeof *m->centre);
    return name_columns(m, in);
}

static crm_status segment_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    segment *m = (segment *)t;
    const crm_schema *s = crm_source_schema(in);
    int64_t *present = NULL;
    float *x = NULL;
    crm_kmeans found = {0};
    crm_status st = shape(m, s);

    if (!st && !(present = crm_mem_new((size_t)m->n, sizeof *present)))
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld columns", (long long)m->n);
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, st));
    CRM_CHECK_TO(st, done, m->n > 0, CRM_ERR_CONFIG,
                 "segment.clusters: there is no numeric column to find clusters by");
    CRM_TRY_TO(st, done, feature_moments(fit, in, m->mean, m->spread, present));
    for (int64_t c = 0; c < m->n; c++)
        m->spread[c] = sqrt(m->spread[c]);
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, own_points(m, fit, in, &x)));
    CRM_TRY_TO(st, done, cluster(m, fit, x, &found));
    st = crm_comm_agree(fit->comm, keep(m, s, &found));
done:
    crm_kmeans_free(&found);
    crm_mem_free(present);
    crm_mem_free(x);
    return st;
}

/* ---- apply ---- */
/* Squared distances to all centres, summed over the columns in order. */
static int32_t nearest(const segment *m, const float *x, double *d)
{
    int32_t best = 0;

    memset(d, 0, (size_t)m->k * sizeof *d);
    for (int64_t c = 0; c < m->n; c++) {
        float v = standard(m, c, x[c]);
        for (int64_t j = 0; j < m->k; j++) {
            double t = (double)v - m->centre[j * m->n + c];
            d[j] += t * t;
        }
    }
    for (int32_t j = 1; j < m->k; j++)
        if (d[j] < d[best]) best = j;
    return best;
}

static crm_status segment_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                                const crm_block *in, crm_block *out)
{
    const segment *m = (const segment *)t;
    double d[CRM_SEGMENT_MAX];
    int width = m->f.schema->n_num;

    (void)data;
    for (int64_t r = 0; r < in->n; r++) {
        const float *x = in->num + r * m->n;
        int32_t *cat = out->cat + r * (s->n_cat + 1);
        feature_copy_row(x, (int)m->n, out->num + r * width);
        if (s->n_cat) memcpy(cat, in->cat + r * s->n_cat, (size_t)s->n_cat * sizeof *cat);
        cat[s->n_cat] = nearest(m, x, d);
        for (int64_t j = 0; m->distances && j < m->k; j++)
            out->num[r * width + m->n + j] = (float)sqrt(d[j]);
    }
    return CRM_OK;
}

/* ---- model file ---- */
static crm_status segment_save(const crm_transform *t, crm_bag *b)
{
    const segment *m = (const segment *)t;

    CRM_TRY(crm_bag_put_i64(b, "clusters", m->k));
    CRM_TRY(crm_bag_put_i64(b, "distances", m->distances));
    CRM_TRY(feature_put(b, "mean", CRM_F64, m->n, m->mean));
    CRM_TRY(feature_put(b, "spread", CRM_F64, m->n, m->spread));
    return feature_put(b, "centre", CRM_F64, m->k * m->n, m->centre);
}

static crm_status segment_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    segment *m = (segment *)t;

    CRM_TRY(shape(m, in));
    CRM_TRY(crm_bag_get_i64(b, "clusters", &m->k));
    CRM_CHECK(m->k >= 1 && m->k <= CRM_SEGMENT_MAX, CRM_ERR_FORMAT,
              "model file: %lld segments; allowed: 1 to %d", (long long)m->k, CRM_SEGMENT_MAX);
    CRM_TRY(crm_bag_get_i64(b, "distances", &m->distances));
    CRM_TRY(feature_get(b, "mean", CRM_F64, m->n, m->mean));
    CRM_TRY(feature_get(b, "spread", CRM_F64, m->n, m->spread));
    CRM_NEW(m->centre, m->k * m->n);
    CRM_TRY(feature_get(b, "centre", CRM_F64, m->k * m->n, m->centre));
    return name_columns(m, in);
}

static bool segment_idle(const void *cfg)
{
    const crm_segment_cfg *c = cfg;

    return c->clusters == 0 && c->choose == 0;
}

static const crm_cfg_part parts[] = {{crm_segment_opts, 0}, {NULL, 0}};

const crm_transform_class crm_segment_class = {
    .name = "segment",
    .parts = parts,
    .cfg_size = sizeof(crm_segment_cfg),
    .help = "The cluster of a row as a category.",
    .make = segment_make,
    .fit = segment_fit,
    .schema = feature_schema,
    .apply = segment_apply,
    .save = segment_save,
    .load = segment_load,
    .free = segment_free,
    .idle = segment_idle,
};
