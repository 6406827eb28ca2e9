/* feature_rare.c - levels with few training rows become one level "(rare)"; what a level is that no
 * training row has, can be chosen. */
#include <string.h>

#include "feature_impl.h"

static const char *const RARE = "(rare)";

typedef struct rare {
    feature f;
    int n_num, n_cat;
    int64_t *first;  /* [n_cat + 1] levels before a column */
    int32_t *to;     /* [levels of all columns] new code, -1 */
    int32_t *lumped; /* [n_cat] code of the rare level */
    int32_t *unseen; /* [n_cat] code of a level that is not known */
} rare;

static crm_status rare_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_rare_class, sizeof(rare), cfg, out);
}

static void rare_free(crm_transform *t)
{
    rare *m = (rare *)t;

    crm_mem_free(m->first);
    crm_mem_free(m->to);
    crm_mem_free(m->lumped);
    crm_mem_free(m->unseen);
    feature_free(t);
}

static crm_status shape(rare *m, const crm_schema *in)
{
    m->n_num = in->n_num;
    m->n_cat = in->n_cat;
    CRM_TRY(feature_levels_new(in, &m->first));
    CRM_NEW(m->to, m->first[m->n_cat]);
    CRM_NEW(m->lumped, m->n_cat);
    CRM_NEW(m->unseen, m->n_cat);
    return CRM_OK;
}

/* Levels that stay, in their order, and the rare one at the end: its names in level. */
static void add_column(rare *m, const crm_schema *in, int c, const char **level)
{
    const char *const *name = in->level ? in->level[c] : NULL;
    int64_t n = 0;

    for (int64_t k = 0; k < in->n_levels[c]; k++) {
        int32_t to = m->to[m->first[c] + k];
        if (to < 0 || to == m->lumped[c]) continue;
        if (name) level[n] = name[k];
        n++;
    }
    level[n++] = RARE;
    crm_columns_add_cat(m->f.columns, in->cat_name[c], n, name ? level : NULL);
}

static crm_status name_columns(rare *m, const crm_schema *in)
{
    const char **level = NULL;
    int64_t most = 0;
    crm_status st;

    CRM_TRY(feature_columns_begin(&m->f));
    for (int c = 0; c < m->n_cat; c++)
        if (in->n_levels[c] > most) most = in->n_levels[c];
    CRM_NEW(level, most + 1);
    crm_columns_add_nums(m->f.columns, in);
    for (int c = 0; c < m->n_cat; c++)
        add_column(m, in, c, level);
    st = feature_columns_end(&m->f);
    crm_mem_free(level);
    return st;
}

static bool stays(const crm_rare_cfg *cfg, int64_t count, int64_t rows)
{
    return count >= cfg->min_count && (double)count >= cfg->min_share * (double)rows;
}

static bool is_rare_name(const crm_schema *in, int c, int64_t k)
{
    return in->level && in->level[c] && strcmp(in->level[c][k], RARE) == 0;
}

static void set_column(rare *m, const crm_schema *in, int c, const int64_t *count, int64_t rows)
{
    const crm_rare_cfg *cfg = m->f.cfg;
    int32_t *to = m->to + m->first[c], next = 0;

    for (int64_t k = 0; k < in->n_levels[c]; k++)
        if (count[k] > 0 && stays(cfg, count[k], rows) && !is_rare_name(in, c, k)) to[k] = next++;
    m->lumped[c] = next;
    m->unseen[c] = cfg->unseen == CRM_UNSEEN_RARE ? next : -1;
    for (int64_t k = 0; k < in->n_levels[c]; k++)
        if (count[k] == 0)
            to[k] = m->unseen[c];
        else if (!stays(cfg, count[k], rows) || is_rare_name(in, c, k))
            to[k] = next;
}

static crm_status rare_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    rare *m = (rare *)t;
    const crm_schema *s = crm_source_schema(in);
    int64_t *count = NULL;
    crm_status st;

    CRM_TRY(crm_comm_agree(fit->comm, shape(m, s)));
    CRM_TRY(feature_count_levels(fit, in, &count));
    for (int c = 0; c < m->n_cat; c++)
        set_column(m, s, c, count + m->first[c], fit->train->n);
    st = crm_comm_agree(fit->comm, name_columns(m, s));
    crm_mem_free(count);
    return st;
}

static crm_status rare_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                             const crm_block *in, crm_block *out)
{
    const rare *m = (const rare *)t;

    (void)data;
    (void)s;
    feature_copy_row(in->num, (int)(in->n * m->n_num), out->num);
    for (int64_t i = 0; i < in->n * m->n_cat; i++) {
        int c = (int)(i % m->n_cat);
        int32_t code = in->cat[i];
        out->cat[i] = code >= 0                 ? m->to[m->first[c] + code]
                      : code == CRM_CODE_UNSEEN ? m->unseen[c]
                                                : -1;
    }
    return CRM_OK;
}

static crm_status rare_save(const crm_transform *t, crm_bag *b)
{
    const rare *m = (const rare *)t;

    CRM_TRY(feature_put(b, "to", CRM_I32, m->first[m->n_cat], m->to));
    CRM_TRY(feature_put(b, "rare", CRM_I32, m->n_cat, m->lumped));
    return feature_put(b, "unseen", CRM_I32, m->n_cat, m->unseen);
}

static crm_status rare_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    rare *m = (rare *)t;

    CRM_TRY(shape(m, in));
    CRM_TRY(feature_get(b, "to", CRM_I32, m->first[m->n_cat], m->to));
    CRM_TRY(feature_get(b, "rare", CRM_I32, m->n_cat, m->lumped));
    CRM_TRY(feature_get(b, "unseen", CRM_I32, m->n_cat, m->unseen));
    for (int c = 0; c < m->n_cat; c++) {
        bool good = m->lumped[c] >= 0 && m->lumped[c] <= in->n_levels[c] && m->unseen[c] >= -1 &&
                    m->unseen[c] <= m->lumped[c];
        for (int64_t k = m->first[c]; k < m->first[c + 1] && good; k++)
            good = m->to[k] >= -1 && m->to[k] <= m->lumped[c];
        CRM_CHECK(good, CRM_ERR_FORMAT, "model file: codes of categorical column %d are wrong", c);
    }
    return name_columns(m, in);
}

static bool rare_idle(const void *cfg)
{
    const crm_rare_cfg *c = cfg;

    return c->min_count <= 1 && !(c->min_share > 0) && c->unseen == CRM_UNSEEN_MISSING;
}

static const crm_cfg_part parts[] = {{crm_rare_opts, 0}, {NULL, 0}};

const crm_transform_class crm_rare_class = {
    .name = "rare",
    .parts = parts,
    .cfg_size = sizeof(crm_rare_cfg),
    .help = "Levels with few training rows become one level.",
    .make = rare_make,
    .fit = rare_fit,
    .schema = feature_schema,
    .apply = rare_apply,
    .save = rare_save,
    .load = rare_load,
    .free = rare_free,
    .idle = rare_idle,
};
