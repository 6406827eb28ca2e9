/* model_build.c - from config and inputs to a graph: branches -> fused vector -> fusion -> heads.
 */
#include "model_impl.h"

#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"

crm_status model_name(char out[CRM_PARAM_NAME_MAX], const char *a, const char *b, int number)
{
    char tail[16] = "";
    int n;

    if (number >= 0) snprintf(tail, sizeof tail, ".%d", number);
    n = snprintf(out, CRM_PARAM_NAME_MAX, "%s%s%s%s", a, b ? "." : "", b ? b : "", tail);
    CRM_CHECK(n >= 0 && n < CRM_PARAM_NAME_MAX, CRM_ERR_CONFIG,
              "name '%s...' has %d bytes, at most %d are allowed", a, n, CRM_PARAM_NAME_MAX - 1);
    return CRM_OK;
}

/* The value of a stage: *out when this is the last stage, else a new one. */
static crm_status stage_value(crm_model *m, int64_t width, bool last, crm_value *out, crm_value *y)
{
    if (last && *out != MODEL_NEW) {
        *y = *out;
        return CRM_OK;
    }
    return crm_net_value(m->net, width, y);
}

crm_status model_add_dense(crm_model *m, const char *name, crm_value x, int64_t width,
                           bool residual, crm_value *out)
{
    bool drop = m->cfg.dropout > 0, sum = residual && crm_net_width(m->net, x) == width;
    char full[CRM_PARAM_NAME_MAX];
    crm_value y, h;

    CRM_TRY(stage_value(m, width, !drop && !sum, out, &h));
    CRM_TRY(crm_net_linear(m->net, name, x, (crm_act)m->cfg.activation, h));
    if (drop) {
        CRM_TRY(stage_value(m, width, !sum, out, &y));
        CRM_TRY(model_name(full, name, "dropout", -1));
        CRM_TRY(crm_net_dropout(m->net, full, h, m->cfg.dropout, y));
        h = y;
    }
    if (sum) {
        CRM_TRY(stage_value(m, width, true, out, &y));
        CRM_TRY(model_name(full, name, "sum", -1));
        CRM_TRY(crm_net_add(m->net, full, h, x, y));
        h = y;
    }
    *out = h;
    return CRM_OK;
}

static crm_status build_branches(crm_model *m)
{
    int64_t width = 0, at = 0;
    crm_value columns;

    for (const model_branch *b = model_branches; b->name; b++)
        if (b->present(m)) width += b->width(m);
    CRM_CHECK(width > 0, CRM_ERR_CONFIG,
              "the net has no input: no numeric and no categorical column is left");
    CRM_TRY(crm_net_value(m->net, width, &m->fused));
    for (const model_branch *b = model_branches; b->name; b++) {
        if (!b->present(m)) continue;
        CRM_TRY(crm_net_columns(m->net, m->fused, at, b->width(m), &columns));
        CRM_TRY(b->build(m, b->name, columns));
        at += b->width(m);
    }
    return CRM_OK;
}

static crm_status build_fusion(crm_model *m)
{
    crm_value out = MODEL_NEW;

    if (m->cfg.fusion == 0) return CRM_OK;
    CRM_TRY(model_add_dense(m, "fusion", m->fused, m->cfg.fusion, false, &out));
    m->fused = out;
    return CRM_OK;
}

static crm_status build_head(crm_model *m, const crm_model_head *h)
{
    char name[CRM_PARAM_NAME_MAX];
    crm_value logits;
    int number;

    CRM_CHECK(h->n_classes >= 2, CRM_ERR_ARG, "head '%s' has %d classes, at least 2 are needed",
              h->name, h->n_classes);
    CRM_TRY(model_name(name, "heads", h->name, -1));
    CRM_TRY(crm_net_value(m->net, h->n_classes == 2 ? 1 : h->n_classes, &logits));
    CRM_TRY(crm_net_linear(m->net, name, m->fused, CRM_ACT_NONE, logits));
    CRM_TRY(crm_net_head(m->net, name, logits, h->class_weight, &number));
    m->n_classes[number] = h->n_classes;
    m->weight[number] = h->weight;
    if (h->n_classes > m->most_classes) m->most_classes = h->n_classes;
    return CRM_OK;
}

static crm_status build(crm_model *m, const crm_model_head *heads)
{
    CRM_TRY(build_branches(m));
    CRM_TRY(build_fusion(m));
    for (int h = 0; h < m->n_heads; h++)
        CRM_TRY(build_head(m, &heads[h]));
    crm_params_seal(m->params);
    return crm_net_finish(m->net);
}

static crm_status copy_arguments(crm_model *m, const crm_model_cfg *cfg, const crm_model_inputs *in)
{
    m->cfg = *cfg;
    CRM_TRY(model_read_widths(cfg, m->width, &m->n_hidden));
    m->cfg.hidden = (crm_opt_list){0};
    m->in = *in;
    CRM_NEW(m->n_levels, in->n_cat);
    for (int64_t k = 0; k < in->n_cat; k++)
        m->n_levels[k] = in->n_levels[k];
    m->in.n_levels = m->n_levels;
    CRM_NEW(m->n_classes, m->n_heads);
    CRM_NEW(m->weight, m->n_heads);
    CRM_NEW(m->head_loss, m->n_heads);
    return CRM_OK;
}

static crm_status set_up(crm_model *m, const crm_model_cfg *cfg, const crm_model_inputs *in,
                         const crm_model_head *heads, int64_t max_lanes)
{
    CRM_TRY(copy_arguments(m, cfg, in));
    CRM_TRY(crm_params_new(&m->params));
    CRM_TRY(crm_net_new(m->device, m->params, m->max_rows, max_lanes, &m->net));
    CRM_TRY(build(m, heads));
    CRM_NEW(m->host_proba, m->max_rows * m->most_classes);
    return crm_buf_new(m->device, (size_t)(m->max_rows * m->most_classes) * sizeof(float),
                       &m->proba);
}

crm_status crm_model_new(const crm_model_cfg *cfg, const crm_model_inputs *in,
                         const crm_model_head *heads, int n_heads, int64_t max_rows,
                         int64_t max_lanes, crm_device *d, crm_model **out)
{
    crm_status st;

    CRM_CHECK(n_heads >= 1 && in->n_num >= 0 && in->n_cat >= 0, CRM_ERR_ARG,
              "model with %d heads, %lld numbers, %lld codes", n_heads, (long long)in->n_num,
              (long long)in->n_cat);
    CRM_NEW(*out, 1);
    **out = (crm_model){.n_heads = n_heads, .device = d, .max_rows = max_rows};
    st = set_up(*out, cfg, in, heads, max_lanes);
    if (st) crm_model_free(out);
    return st;
}

void crm_model_free(crm_model **pm)
{
    crm_model *m = *pm;

    if (!m) return;
    if (m->proba) crm_buf_free(m->device, m->proba);
    crm_net_free(&m->net);
    if (m->params) crm_params_free(&m->params);
    crm_mem_free(m->host_proba);
    crm_mem_free(m->head_loss);
    crm_mem_free(m->weight);
    crm_mem_free(m->n_classes);
    crm_mem_free(m->n_levels);
    crm_mem_free(m);
    *pm = NULL;
}

const crm_params *crm_model_params(const crm_model *m)
{
    return m->params;
}

int64_t crm_model_size(const crm_model *m)
{
    return crm_params_size(m->params);
}

int64_t crm_model_n_params(const crm_model *m)
{
    int64_t n = 0;

    for (int i = 0; i < crm_params_count(m->params); i++)
        n += crm_params_get(m->params, i)->n;
    return n;
}

void crm_model_init(const crm_model *m, uint64_t seed, float *w)
{
    crm_params_init(m->params, seed, w);
}

int64_t crm_model_fused_width(const crm_model *m)
{
    return crm_net_width(m->net, m->fused);
}
