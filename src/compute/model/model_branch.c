/* model_branch.c - the branches of the hybrid net, one row of the table each.
 *
 * profile: numbers and embeddings of the categorical columns side by side, then dense layers. */
#include "model_impl.h"

#include <string.h>

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

static bool profile_present(const crm_model *m)
{
    return m->in.n_num > 0 || m->in.n_cat > 0;
}

static int64_t profile_input_width(const crm_model *m)
{
    int64_t width = m->in.n_num;

    for (int64_t k = 0; k < m->in.n_cat; k++)
        width += embed_width(m, k);
    return width;
}

static int64_t profile_width(const crm_model *m)
{
    return m->n_hidden ? m->width[m->n_hidden - 1] : profile_input_width(m);
}

/* Embedding of column k into columns [at, ...) of x. */
static crm_status add_embedding(crm_model *m, const char *name, int64_t k, crm_value x, int64_t at)
{
    char full[CRM_PARAM_NAME_MAX];
    crm_value code, y;

    CRM_TRY(model_name(full, name, "embed", (int)k));
    CRM_TRY(crm_net_columns(m->net, m->cat, k, 1, &code));
    CRM_TRY(crm_net_columns(m->net, x, at, embed_width(m, k), &y));
    return crm_net_embedding(m->net, full, code, m->n_levels[k] > 0 ? m->n_levels[k] : 1, y);
}

/* *x = numbers and embeddings side by side; numbers alone are read where they are. */
static crm_status profile_inputs(crm_model *m, const char *name, crm_value *x)
{
    char full[CRM_PARAM_NAME_MAX];
    int64_t at = m->in.n_num;
    crm_value y;

    if (m->in.n_num > 0) CRM_TRY(crm_net_input(m->net, CRM_F32, m->in.n_num, &m->num));
    *x = m->num;
    if (m->in.n_cat == 0) return CRM_OK;
    CRM_TRY(crm_net_input(m->net, CRM_I32, m->in.n_cat, &m->cat));
    CRM_TRY(crm_net_value(m->net, profile_input_width(m), x));
    if (m->in.n_num > 0) {
        CRM_TRY(model_name(full, name, "num", -1));
        CRM_TRY(crm_net_columns(m->net, *x, 0, m->in.n_num, &y));
        CRM_TRY(crm_net_copy(m->net, full, m->num, y));
    }
    for (int64_t k = 0; k < m->in.n_cat; k++) {
        CRM_TRY(add_embedding(m, name, k, *x, at));
        at += embed_width(m, k);
    }
    return CRM_OK;
}

static crm_status profile_build(crm_model *m, const char *name, crm_value out)
{
    char full[CRM_PARAM_NAME_MAX];
    crm_value x, y;

    CRM_TRY(profile_inputs(m, name, &x));
    if (m->cfg.embed_dropout > 0) {
        CRM_TRY(model_name(full, name, "dropout", -1));
        CRM_TRY(crm_net_value(m->net, crm_net_width(m->net, x), &y));
        CRM_TRY(crm_net_dropout(m->net, full, x, m->cfg.embed_dropout, y));
        x = y;
    }
    for (int i = 0; i < m->n_hidden; i++) {
        y = i + 1 < m->n_hidden ? MODEL_NEW : out;
        CRM_TRY(model_name(full, name, NULL, i));
        CRM_TRY(model_add_dense(m, full, x, m->width[i], m->cfg.residual, &y));
        x = y;
    }
    if (m->n_hidden) return CRM_OK;
    CRM_TRY(model_name(full, name, "out", -1));
    return crm_net_copy(m->net, full, x, out);
}

static void profile_bind(crm_model *m, const crm_model_batch *b)
{
    /* inputs are only read */
    if (m->in.n_num > 0) crm_net_bind(m->net, m->num, (void *)(uintptr_t)b->num);
    if (m->in.n_cat > 0) crm_net_bind(m->net, m->cat, (void *)(uintptr_t)b->cat);
}

const model_branch model_branches[] = {
    {"profile", profile_present, profile_width, profile_build, profile_bind}, {.name = NULL}};
