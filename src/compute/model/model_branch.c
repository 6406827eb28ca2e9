/* model_branch.c - the table of branches, in the order of their columns in the fused vector, and
 * the stages that several of them are made of. */
#include "model_impl.h"

#include <stdio.h>

const model_branch model_branches[] = {
    {"months", model_months_present, model_months_width, model_months_build, model_months_bind},
    {"profile", model_profile_present, model_profile_width, model_profile_build,
     model_profile_bind},
    {"events", model_events_present, model_events_width, model_events_build, model_events_bind},
    {"text", model_text_present, model_text_width, model_text_build, model_text_bind},
    {.name = NULL}};

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

crm_status model_add_rnn(crm_model *m, const char *name, crm_rnn_kind kind, int64_t units,
                         int64_t layers, bool both, crm_value x, crm_value *h)
{
    crm_domain domain = crm_net_domain_of(m->net, x);
    crm_value y;

    for (int layer = 0; layer < (int)layers; layer++) {
        CRM_TRY(crm_net_value_in(m->net, domain, both ? 2 * units : units, h));
        for (int back = 0; back <= (int)both; back++) {
            CRM_TRY(crm_net_columns(m->net, *h, back * units, units, &y));
            CRM_TRY(crm_net_rnn(m->net, name, kind, layer, back, x, y));
        }
        x = *h;
    }
    return CRM_OK;
}

/* score = w tanh(W x + b) + c of each row (Bahdanau et al. 2015, without a query). */
static crm_status add_attention(crm_model *m, const char *prefix, crm_value x, crm_value y)
{
    crm_domain domain = crm_net_domain_of(m->net, x);
    char name[32];
    crm_value h, score;

    CRM_TRY(crm_net_value_in(m->net, domain, crm_net_width(m->net, x), &h));
    CRM_TRY(crm_net_value_in(m->net, domain, 1, &score));
    snprintf(name, sizeof name, "%satt", prefix);
    CRM_TRY(crm_net_linear(m->net, name, x, CRM_ACT_TANH, h));
    snprintf(name, sizeof name, "%sscore", prefix);
    CRM_TRY(crm_net_linear(m->net, name, h, CRM_ACT_NONE, score));
    snprintf(name, sizeof name, "%spool", prefix);
    return crm_net_attend(m->net, name, score, x, y);
}

/* The last state of each direction. */
static crm_status add_last(crm_model *m, const char *name, crm_value x, crm_value y)
{
    int64_t half = crm_net_width(m->net, x) / 2;
    char full[CRM_PARAM_NAME_MAX];
    crm_value from[2], to[2];

    for (int k = 0; k < 2; k++) {
        CRM_TRY(crm_net_columns(m->net, x, k * half, half, &from[k]));
        CRM_TRY(crm_net_columns(m->net, y, k * half, half, &to[k]));
    }
    CRM_TRY(crm_net_pool(m->net, name, CRM_POOL_LAST, from[0], to[0]));
    CRM_TRY(model_name(full, name, "reverse", -1));
    return crm_net_pool_first(m->net, full, from[1], to[1]);
}

crm_status model_add_pool(crm_model *m, const char *prefix, int kind, bool both, crm_value x,
                          crm_value y)
{
    static const crm_pool_kind kinds[] = {CRM_POOL_MAX, CRM_POOL_MEAN, CRM_POOL_LAST};
    char name[32];

    snprintf(name, sizeof name, "%spool", prefix);
    if (kind == CRM_MODEL_ATTENTION) return add_attention(m, prefix, x, y);
    if (kind == CRM_MODEL_LAST && both) return add_last(m, name, x, y);
    return crm_net_pool(m->net, name, kinds[kind], x, y);
}
