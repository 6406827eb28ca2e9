/* model_profile.c - branch of the profile: numbers and embeddings of the categorical columns side
 * by side, then dense layers. */
#include "model_impl.h"

#include <stdio.h>

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Width of the embedding of a column; a column without levels has a table of one row. */
static int64_t embed_width(const crm_model *m, int64_t column)
{
    int64_t levels = m->n_levels[column] > 0 ? m->n_levels[column] : 1;

    return m->cfg.embed_dim > 0 ? m->cfg.embed_dim : least(16, (levels + 1) / 2);
}

bool model_profile_present(const crm_model *m)
{
    return (m->in.n_num > 0 || m->in.n_cat > 0) && m->cfg.columns != CRM_COLUMNS_NONE &&
           !m->only_documents;
}

static int64_t profile_input_width(const crm_model *m)
{
    int64_t width = m->in.n_num;

    for (int64_t k = 0; k < m->in.n_cat; k++)
        width += embed_width(m, k);
    return width;
}

int64_t model_profile_width(const crm_model *m)
{
    return m->hidden.n ? m->hidden.item[m->hidden.n - 1] : profile_input_width(m);
}

/* Embedding of column k into columns [at, ...) of x. */
static crm_status add_embedding(crm_model *m, int64_t k, crm_value x, int64_t at)
{
    char full[CRM_PARAM_NAME_MAX];
    crm_value code, y;

    CRM_TRY(model_name(full, "pemb", NULL, (int)k));
    CRM_TRY(crm_net_columns(m->net, m->cat, k, 1, &code));
    CRM_TRY(crm_net_columns(m->net, x, at, embed_width(m, k), &y));
    return crm_net_embedding(m->net, full, code, m->n_levels[k] > 0 ? m->n_levels[k] : 1, y);
}

/* *x = numbers and embeddings side by side; numbers alone are read where they are. */
static crm_status profile_inputs(crm_model *m, crm_value *x)
{
    int64_t at = m->in.n_num;
    crm_value y;

    if (m->in.n_num > 0) CRM_TRY(crm_net_input(m->net, CRM_F32, m->in.n_num, &m->num));
    *x = m->num;
    if (m->in.n_cat == 0) return CRM_OK;
    CRM_TRY(crm_net_input(m->net, CRM_I32, m->in.n_cat, &m->cat));
    CRM_TRY(crm_net_value(m->net, profile_input_width(m), x));
    if (m->in.n_num > 0) {
        CRM_TRY(crm_net_columns(m->net, *x, 0, m->in.n_num, &y));
        CRM_TRY(crm_net_copy(m->net, "prof.num", m->num, y));
    }
    for (int64_t k = 0; k < m->in.n_cat; k++) {
        CRM_TRY(add_embedding(m, k, *x, at));
        at += embed_width(m, k);
    }
    return CRM_OK;
}

/* "prof", "prof2", "prof3", ... */
static crm_status add_layers(crm_model *m, crm_value x, crm_value out)
{
    char name[32] = "prof";
    crm_value y;

    for (int i = 0; i < m->hidden.n; i++) {
        y = i + 1 < m->hidden.n ? MODEL_NEW : out;
        if (i) snprintf(name, sizeof name, "prof%d", i + 1);
        CRM_TRY(model_add_dense(m, name, x, m->hidden.item[i], m->cfg.residual, &y));
        x = y;
    }
    return m->hidden.n ? CRM_OK : crm_net_copy(m->net, "prof.out", x, out);
}

crm_status model_profile_build(crm_model *m, crm_value out)
{
    crm_value x, y;

    CRM_TRY(profile_inputs(m, &x));
    if (m->cfg.embed_dropout > 0) {
        CRM_TRY(crm_net_value(m->net, crm_net_width(m->net, x), &y));
        CRM_TRY(crm_net_dropout(m->net, "prof.dropout_in", x, m->cfg.embed_dropout, y));
        x = y;
    }
    return add_layers(m, x, out);
}

crm_status model_profile_bind(crm_model *m, const crm_model_batch *b)
{
    /* inputs are only read */
    if (m->in.n_num > 0) crm_net_bind(m->net, m->num, (void *)(uintptr_t)b->num);
    if (m->in.n_cat > 0) crm_net_bind(m->net, m->cat, (void *)(uintptr_t)b->cat);
    return CRM_OK;
}
