/* feature_onehot.c - categorical columns become a 0/1 column for each level that occurs in
 * training.
 */
#include <string.h>

#include "feature_impl.h"

typedef struct onehot {
    feature f;
    int n_num, n_cat; /* columns that come in */
    int64_t *first;   /* [n_cat + 1] levels before a column */
    uint8_t *keep;    /* [levels of all columns] 1: has a column */
    int32_t *column;  /* [levels of all columns] its number, -1: none */
} onehot;

static crm_status onehot_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_onehot_class, sizeof(onehot), cfg, out);
}

static void onehot_free(crm_transform *t)
{
    onehot *m = (onehot *)t;

    crm_mem_free(m->first);
    crm_mem_free(m->keep);
    crm_mem_free(m->column);
    feature_free(t);
}

static crm_status shape(onehot *m, const crm_schema *in)
{
    m->n_num = in->n_num;
    m->n_cat = in->n_cat;
    CRM_NEW(m->first, m->n_cat + 1);
    for (int i = 0; i < m->n_cat; i++)
        m->first[i + 1] = m->first[i] + in->n_levels[i];
    CRM_NEW(m->keep, m->first[m->n_cat]);
    CRM_NEW(m->column, m->first[m->n_cat]);
    return CRM_OK;
}

static void add_level(crm_columns *c, const crm_schema *in, int cat, int64_t level)
{
    const char *const *name = in->level ? in->level[cat] : NULL;

    if (name)
        crm_columns_add_num(c, "%s=%s", in->cat_name[cat], name[level]);
    else
        crm_columns_add_num(c, "%s=%lld", in->cat_name[cat], (long long)level);
}

static crm_status name_columns(onehot *m, const crm_schema *in)
{
    int32_t next = m->n_num;

    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    for (int i = 0; i < m->n_cat; i++)
        for (int64_t k = m->first[i]; k < m->first[i + 1]; k++) {
            m->column[k] = m->keep[k] ? next++ : -1;
            if (m->keep[k]) add_level(m->f.columns, in, i, k - m->first[i]);
        }
    return feature_columns_end(&m->f);
}

typedef struct tally {
    const onehot *m;
    int64_t *count;
} tally;

static void count_levels(void *ctx, const crm_rows_piece *p, double *out)
{
    const tally *t = ctx;
    const onehot *m = t->m;

    (void)out;
    for (int64_t r = 0; r < p->n; r++)
        for (int i = 0; i < m->n_cat; i++) {
            int32_t code = p->cat[r * m->n_cat + i];
            if (code >= 0) t->count[m->first[i] + code]++;
        }
}

/* The counters are shared, so the calling thread does all own rows. */
static crm_status count_own(onehot *m, const crm_fit *fit, const crm_source *in, int64_t **count)
{
    crm_view own = crm_rows_own(fit);
    tally t = {.m = m};

    CRM_TRY(shape(m, crm_source_schema(in)));
    CRM_NEW(*count, m->first[m->n_cat]);
    t.count = *count;
    if (m->n_cat == 0) return CRM_OK;
    return crm_rows_each(in, &own, NULL, count_levels, &t);
}

static crm_status onehot_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    onehot *m = (onehot *)t;
    const crm_onehot_cfg *cfg = m->f.cfg;
    int64_t *count = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, count_own(m, fit, in, &count)));
    CRM_TRY_TO(st, done, crm_comm_sum_i64(fit->comm, count, m->first[m->n_cat]));
    for (int64_t k = 0; k < m->first[m->n_cat]; k++)
        m->keep[k] = count[k] >= cfg->min_count;
    st = crm_comm_agree(fit->comm, name_columns(m, crm_source_schema(in)));
done:
    crm_mem_free(count);
    return st;
}

static crm_status onehot_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                               const crm_block *in, crm_block *out)
{
    const onehot *m = (const onehot *)t;
    int width = m->f.schema->n_num;

    (void)data;
    (void)s;
    for (int64_t r = 0; r < in->n; r++) {
        float *y = out->num + r * width;
        feature_copy_row(in->num + r * m->n_num, m->n_num, y);
        memset(y + m->n_num, 0, (size_t)(width - m->n_num) * sizeof *y);
        for (int i = 0; i < m->n_cat; i++) {
            int32_t code = in->cat[r * m->n_cat + i];
            if (code >= 0 && m->column[m->first[i] + code] >= 0)
                y[m->column[m->first[i] + code]] = 1;
        }
    }
    return CRM_OK;
}

static crm_status onehot_save(const crm_transform *t, crm_bag *b)
{
    const onehot *m = (const onehot *)t;

    return feature_put(b, "keep", CRM_U8, m->first[m->n_cat], m->keep);
}

static crm_status onehot_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    onehot *m = (onehot *)t;

    CRM_TRY(shape(m, in));
    CRM_TRY(feature_get(b, "keep", CRM_U8, m->first[m->n_cat], m->keep));
    return name_columns(m, in);
}

static const crm_cfg_part parts[] = {{crm_onehot_opts, 0}, {NULL, 0}};

const crm_transform_class crm_onehot_class = {
    .name = "onehot",
    .parts = parts,
    .cfg_size = sizeof(crm_onehot_cfg),
    .help = "Categories become a 0/1 column for each level that occurs in training.",
    .make = onehot_make,
    .fit = onehot_fit,
    .schema = feature_schema,
    .apply = onehot_apply,
    .save = onehot_save,
    .load = onehot_load,
    .free = onehot_free,
};
