/* feature_interact.c - products of pairs of numbers that tell more of the target than either:
 *
 *     z_a z_b with z = (x - mean) / deviation;  gain = I(z_a z_b; y) - max(I(x_a; y), I(x_b; y))
 *
 * with the mutual information I over quantile cells (feature_info.c).  Centred, because the product
 * of two columns far from 0 is little but their sum again (Aiken and West, "Multiple Regression",
 * 1991, ch. 3). */
#include <float.h>
#include <math.h>

#include "feature_impl.h"

typedef struct interact {
    feature f;
    int n; /* numeric columns that come in */
    double *centre, *spread;
    int64_t pairs;
    int32_t *pair; /* [pairs][2] */
    bool alone;    /* the products only: candidates */
} interact;

static crm_status interact_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_interact_class, sizeof(interact), cfg, out);
}

static void interact_free(crm_transform *t)
{
    interact *m = (interact *)t;

    crm_mem_free(m->centre);
    crm_mem_free(m->spread);
    crm_mem_free(m->pair);
    feature_free(t);
}

static crm_status shape(interact *m, const crm_schema *in)
{
    m->n = in->n_num;
    CRM_NEW(m->centre, m->n);
    CRM_NEW(m->spread, m->n);
    return CRM_OK;
}

static crm_status name_columns(interact *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    if (!m->alone) crm_columns_add_nums(m->f.columns, in);
    for (int64_t i = 0; i < m->pairs; i++)
        crm_columns_add_num(m->f.columns, "%s x %s", in->num_name[m->pair[2 * i]],
                            in->num_name[m->pair[2 * i + 1]]);
    if (!m->alone) crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

static double standard(const interact *m, int c, float x)
{
    return m->spread[c] > 0 ? ((double)x - m->centre[c]) / m->spread[c] : 0;
}

static float product(const interact *m, const int32_t *pair, const float *x)
{
    double v = standard(m, pair[0], x[pair[0]]) * standard(m, pair[1], x[pair[1]]);

    if (v > FLT_MAX) return FLT_MAX;
    return v < -FLT_MAX ? -FLT_MAX : (float)v;
}

static crm_status interact_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                                 const crm_block *in, crm_block *out)
{
    const interact *m = (const interact *)t;

    (void)data;
    for (int64_t r = 0; r < in->n; r++) {
        const float *x = in->num + r * m->n;
        float *y = out->num + r * m->f.schema->n_num;
        if (!m->alone) {
            feature_copy_row(x, m->n, y);
            y += m->n;
        }
        for (int64_t i = 0; i < m->pairs; i++)
            y[i] = product(m, m->pair + 2 * i, x);
    }
    if (!m->alone) feature_copy_cats(s, in, out);
    return CRM_OK;
}

/* ---- candidates ---- */
typedef struct candidates {
    crm_transform *t; /* an interact that is alone */
    crm_source *source;
    double *own;    /* [n] information of the columns */
    double *gain;   /* [pairs] */
    int64_t *place; /* [n], then [pairs] */
    int64_t *present;
} candidates;

static void candidates_free(candidates *c)
{
    crm_source_free(&c->source);
    if (c->t) interact_free(c->t);
    crm_mem_free(c->own);
    crm_mem_free(c->gain);
    crm_mem_free(c->place);
    crm_mem_free(c->present);
}

static crm_status begin_fit(interact *m, const crm_schema *in, candidates *c)
{
    CRM_TRY(shape(m, in));
    CRM_NEW(c->own, m->n);
    CRM_NEW(c->present, m->n);
    return CRM_OK;
}

/* All pairs of the columns that tell most; constant ones take no part. */
static crm_status list_pairs(const interact *m, candidates *c, interact *all)
{
    int64_t most = ((const crm_interact_cfg *)m->f.cfg)->columns;

    CRM_NEW(c->place, m->n);
    for (int i = 0; i < m->n; i++)
        if (!(m->spread[i] > 0)) c->own[i] = -1;
    CRM_TRY(feature_rank(m->n, c->own, c->place));
    if (most > m->n) most = m->n;
    CRM_NEW(all->pair, most * (most - 1) + 1);
    for (int i = 0; i < m->n; i++)
        for (int j = i + 1; j < m->n; j++) {
            bool in = c->place[i] < most && c->place[j] < most && c->own[i] >= 0 && c->own[j] >= 0;
            if (!in) continue;
            all->pair[2 * all->pairs] = i;
            all->pair[2 * all->pairs++ + 1] = j;
        }
    return CRM_OK;
}

static crm_status make_candidates(const interact *m, const crm_source *in, candidates *c)
{
    interact *all;

    CRM_TRY(interact_make(m->f.cfg, &c->t));
    all = (interact *)c->t;
    CRM_TRY(shape(all, crm_source_schema(in)));
    for (int i = 0; i < m->n; i++) {
        all->centre[i] = m->centre[i];
        all->spread[i] = m->spread[i];
    }
    all->alone = true;
    CRM_TRY(list_pairs(m, c, all));
    CRM_TRY(name_columns(all, crm_source_schema(in)));
    CRM_NEW(c->gain, all->pairs);
    return crm_source_then(in, c->t, &c->source);
}

/* The best pairs, best first. */
static crm_status keep_best(interact *m, candidates *c, const crm_schema *in)
{
    const interact *all = (const interact *)c->t;
    int64_t most = ((const crm_interact_cfg *)m->f.cfg)->pairs;

    crm_mem_free(c->place);
    CRM_NEW(c->place, all->pairs);
    for (int64_t i = 0; i < all->pairs; i++) {
        double a = c->own[all->pair[2 * i]], b = c->own[all->pair[2 * i + 1]];
        c->gain[i] -= a > b ? a : b;
    }
    CRM_TRY(feature_rank(all->pairs, c->gain, c->place));
    CRM_NEW(m->pair, 2 * (most < all->pairs ? most : all->pairs) + 1);
    for (int64_t i = 0; i < all->pairs; i++) {
        if (c->place[i] >= most || !(c->gain[i] > 0)) continue;
        m->pair[2 * c->place[i]] = all->pair[2 * i];
        m->pair[2 * c->place[i] + 1] = all->pair[2 * i + 1];
        m->pairs++;
    }
    return name_columns(m, in);
}

static crm_status measure(interact *m, const crm_fit *fit, const crm_source *in, candidates *c)
{
    int bins = (int)((const crm_interact_cfg *)m->f.cfg)->bins;

    CRM_TRY(feature_moments(fit, in, m->centre, m->spread, c->present));
    for (int i = 0; i < m->n; i++)
        m->spread[i] = isfinite(m->spread[i]) ? sqrt(m->spread[i]) : 0;
    CRM_TRY(feature_mutual(fit, in, bins, c->own, NULL));
    CRM_TRY(crm_comm_agree(fit->comm, make_candidates(m, in, c)));
    return feature_mutual(fit, c->source, bins, c->gain, NULL);
}

static crm_status interact_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    interact *m = (interact *)t;
    const crm_schema *s = crm_source_schema(in);
    candidates c = {0};
    crm_status st = crm_comm_agree(fit->comm, begin_fit(m, s, &c));

    if (!st) st = measure(m, fit, in, &c);
    if (!st) st = crm_comm_agree(fit->comm, keep_best(m, &c, s));
    candidates_free(&c);
    return st;
}

static crm_status interact_save(const crm_transform *t, crm_bag *b)
{
    const interact *m = (const interact *)t;

    CRM_TRY(feature_put(b, "centre", CRM_F64, m->n, m->centre));
    CRM_TRY(feature_put(b, "spread", CRM_F64, m->n, m->spread));
    return feature_put(b, "pair", CRM_I32, 2 * m->pairs, m->pair);
}

static crm_status interact_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    interact *m = (interact *)t;
    const crm_bag_array *a;

    CRM_TRY(shape(m, in));
    CRM_TRY(feature_get(b, "centre", CRM_F64, m->n, m->centre));
    CRM_TRY(feature_get(b, "spread", CRM_F64, m->n, m->spread));
    CRM_TRY(crm_bag_get(b, "pair", CRM_I32, -1, &a));
    m->pairs = a->n / 2;
    CRM_NEW(m->pair, a->n + 1);
    CRM_TRY(feature_get(b, "pair", CRM_I32, a->n, m->pair));
    for (int64_t i = 0; i < a->n; i++)
        CRM_CHECK(m->pair[i] >= 0 && m->pair[i] < m->n && a->n % 2 == 0, CRM_ERR_FORMAT,
                  "model file: pair of columns %lld is none", (long long)i / 2);
    return name_columns(m, in);
}

static bool interact_idle(const void *cfg)
{
    return ((const crm_interact_cfg *)cfg)->pairs == 0;
}

static const crm_cfg_part parts[] = {{crm_interact_opts, 0}, {NULL, 0}};

const crm_transform_class crm_interact_class = {
    .name = "interact",
    .parts = parts,
    .cfg_size = sizeof(crm_interact_cfg),
    .help = "Products of pairs of numbers that tell more of the target than either.",
    .make = interact_make,
    .fit = interact_fit,
    .schema = feature_schema,
    .apply = interact_apply,
    .save = interact_save,
    .load = interact_load,
    .free = interact_free,
    .idle = interact_idle,
};
