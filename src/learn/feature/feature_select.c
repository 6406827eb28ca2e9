/* feature_select.c - the columns that tell most of the target: by mutual information
 * (feature_info.c), by their entry into a path of L1 (feature_lasso.c), or by what a linear model
 * loses without them (feature_permute.c). */
#include "feature_impl.h"

/* Of more numbers, those with most mutual information take part in the path, or in the model. */
enum { MODEL_COLUMNS = 1000 };

typedef struct selection {
    feature f;
    int n_num, n_cat; /* columns that come in */
    int64_t num_kept, cat_kept;
    int32_t *num, *cat; /* [num_kept], [cat_kept] rising */
} selection;

static crm_status select_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_select_class, sizeof(selection), cfg, out);
}

static void select_free(crm_transform *t)
{
    selection *m = (selection *)t;

    crm_mem_free(m->num);
    crm_mem_free(m->cat);
    feature_free(t);
}

static crm_status name_columns(selection *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    for (int64_t i = 0; i < m->num_kept; i++)
        crm_columns_add_num(m->f.columns, "%s", in->num_name[m->num[i]]);
    for (int64_t i = 0; i < m->cat_kept; i++) {
        int32_t c = m->cat[i];
        crm_columns_add_cat(m->f.columns, in->cat_name[c], in->n_levels[c],
                            in->level ? in->level[c] : NULL);
    }
    return feature_columns_end(&m->f);
}

typedef struct judgement {
    double *value;  /* [n_num + n_cat] mutual information */
    int64_t *place; /* [n_num + n_cat] by it, over both kinds */
    int64_t *entry; /* [n_num] into the path, or by loss; -1: none */
    uint8_t *take;  /* [n_num] looked at by the path or model */
} judgement;

static crm_status begin_fit(selection *m, const crm_schema *in, judgement *j)
{
    m->n_num = in->n_num;
    m->n_cat = in->n_cat;
    CRM_NEW(j->value, m->n_num + m->n_cat);
    CRM_NEW(j->place, m->n_num + m->n_cat);
    CRM_NEW(j->entry, m->n_num);
    CRM_NEW(j->take, m->n_num);
    CRM_NEW(m->num, m->n_num);
    CRM_NEW(m->cat, m->n_cat);
    return CRM_OK;
}

static void keep_numbers(selection *m, const int64_t *place, int64_t want)
{
    for (int i = 0; i < m->n_num; i++)
        if (place[i] >= 0 && place[i] < want) m->num[m->num_kept++] = i;
}

static void keep_categories(selection *m, const int64_t *place, int64_t want)
{
    for (int i = 0; i < m->n_cat; i++)
        if (place[m->n_num + i] < want) m->cat[m->cat_kept++] = i;
}

/* The numbers with most information, by their place among numbers alone. */
static crm_status choose_candidates(const selection *m, judgement *j)
{
    CRM_TRY(feature_rank(m->n_num, j->value, j->entry));
    for (int i = 0; i < m->n_num; i++)
        j->take[i] = j->entry[i] < MODEL_COLUMNS;
    return CRM_OK;
}

/* Numbers by falling loss, those that lose nothing left out. */
static crm_status by_loss(const selection *m, judgement *j)
{
    CRM_TRY(feature_rank(m->n_num, j->value, j->entry));
    for (int i = 0; i < m->n_num; i++)
        if (!(j->value[i] > 0)) j->entry[i] = -1;
    return CRM_OK;
}

static crm_status order_numbers(selection *m, const crm_fit *fit, const crm_source *in,
                                judgement *j, int64_t want)
{
    const crm_select_cfg *cfg = m->f.cfg;

    CRM_TRY(crm_comm_agree(fit->comm, choose_candidates(m, j)));
    if (cfg->by == CRM_SELECT_L1) return feature_lasso(fit, in, j->take, want, j->entry);
    CRM_TRY(feature_permute(fit, in, j->take, j->value));
    return crm_comm_agree(fit->comm, by_loss(m, j));
}

static crm_status judge(selection *m, const crm_fit *fit, const crm_source *in, judgement *j)
{
    const crm_select_cfg *cfg = m->f.cfg;
    int64_t all = (int64_t)m->n_num + m->n_cat, want = cfg->columns ? cfg->columns : all;

    CRM_TRY(feature_mutual(fit, in, (int)cfg->bins, j->value, j->value + m->n_num));
    CRM_TRY(crm_comm_agree(fit->comm, feature_rank(all, j->value, j->place)));
    keep_categories(m, j->place, want);
    if (cfg->by == CRM_SELECT_MUTUAL || want >= all) {
        keep_numbers(m, j->place, want);
        return CRM_OK;
    }
    want -= m->cat_kept;
    CRM_TRY(order_numbers(m, fit, in, j, want));
    keep_numbers(m, j->entry, want);
    if (m->num_kept + m->cat_kept == 0) keep_numbers(m, j->place, 1);
    return CRM_OK;
}

static crm_status select_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    selection *m = (selection *)t;
    const crm_schema *s = crm_source_schema(in);
    judgement j = {0};
    crm_status st = crm_comm_agree(fit->comm, begin_fit(m, s, &j));

    if (!st) st = judge(m, fit, in, &j);
    if (!st) st = crm_comm_agree(fit->comm, name_columns(m, s));
    crm_mem_free(j.value);
    crm_mem_free(j.place);
    crm_mem_free(j.entry);
    crm_mem_free(j.take);
    return st;
}

static crm_status select_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                               const crm_block *in, crm_block *out)
{
    const selection *m = (const selection *)t;

    (void)data;
    (void)s;
    for (int64_t r = 0; r < in->n; r++) {
        for (int64_t i = 0; i < m->num_kept; i++)
            out->num[r * m->num_kept + i] = in->num[r * m->n_num + m->num[i]];
        for (int64_t i = 0; i < m->cat_kept; i++)
            out->cat[r * m->cat_kept + i] = in->cat[r * m->n_cat + m->cat[i]];
    }
    return CRM_OK;
}

static crm_status select_save(const crm_transform *t, crm_bag *b)
{
    const selection *m = (const selection *)t;

    CRM_TRY(feature_put(b, "num", CRM_I32, m->num_kept, m->num));
    return feature_put(b, "cat", CRM_I32, m->cat_kept, m->cat);
}

static crm_status load_list(const crm_bag *b, const char *name, int most, int32_t **list,
                            int64_t *n)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, name, CRM_I32, -1, &a));
    *n = a->n;
    CRM_NEW(*list, a->n);
    CRM_TRY(feature_get(b, name, CRM_I32, a->n, *list));
    for (int64_t i = 0; i < a->n; i++)
        CRM_CHECK((*list)[i] >= 0 && (*list)[i] < most, CRM_ERR_FORMAT,
                  "model file: column %d is kept of %d", (*list)[i], most);
    return CRM_OK;
}

static crm_status select_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    selection *m = (selection *)t;

    m->n_num = in->n_num;
    m->n_cat = in->n_cat;
    CRM_TRY(load_list(b, "num", m->n_num, &m->num, &m->num_kept));
    CRM_TRY(load_list(b, "cat", m->n_cat, &m->cat, &m->cat_kept));
    return name_columns(m, in);
}

static bool select_idle(const void *cfg)
{
    return ((const crm_select_cfg *)cfg)->columns == 0;
}

static const crm_cfg_part parts[] = {{crm_select_opts, 0}, {NULL, 0}};

const crm_transform_class crm_select_class = {
    .name = "select",
    .parts = parts,
    .cfg_size = sizeof(crm_select_cfg),
    .help = "The columns that tell most of the target.",
    .make = select_make,
    .fit = select_fit,
    .schema = feature_schema,
    .apply = select_apply,
    .save = select_save,
    .load = select_load,
    .free = select_free,
    .idle = select_idle,
};
