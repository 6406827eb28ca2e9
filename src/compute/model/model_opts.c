/* model_opts.c - option table of the hybrid net and what it can check by itself. */
#include "model_impl.h"

#include <string.h>

#include "crmpi/base_str.h"

#define S crm_model_cfg
const crm_opt crm_model_opts[] = {
    CRM_OPT_I(S, embed_dim, "model.embed_dim", 0, 0, 1024, "1", 0,
              "width of the embedding of a categorical column; 0: min(16, (levels + 1) / 2)"),
    CRM_OPT_L(S, hidden, "model.hidden", "128,64", NULL, 0,
              "widths of the dense layers of the profile branch"),
    CRM_OPT_E(S, activation, "model.activation", "relu", crm_act_names, 0,
              "activation of dense layers"),
    CRM_OPT_R(S, dropout, "model.dropout", 0.1, 0, 0.95, "1", 0,
              "part of the units dropped after each dense layer in training"),
    CRM_OPT_R(S, embed_dropout, "model.embed_dropout", 0, 0, 0.95, "1", 0,
              "part of the inputs of the profile branch dropped in training"),
    CRM_OPT_B(S, residual, "model.residual", 0, 0,
              "hidden layers of equal width add their input to their output"),
    CRM_OPT_I(S, fusion, "model.fusion", 64, 0, MODEL_WIDTH_MAX, "1", 0,
              "width of the dense layer on the fused vector; 0: heads read it directly"),
    {.key = NULL}};
#undef S

crm_status model_read_widths(const crm_model_cfg *cfg, int64_t *width, int *n)
{
    CRM_CHECK(cfg->hidden.n <= MODEL_HIDDEN_MAX, CRM_ERR_CONFIG,
              "model.hidden: %d widths, allowed: at most %d", cfg->hidden.n, MODEL_HIDDEN_MAX);
    for (int i = 0; i < cfg->hidden.n; i++) {
        const char *text = cfg->hidden.item[i];

        CRM_CHECK(crm_parse_i64(text, strlen(text), &width[i]) && width[i] >= 1 &&
                      width[i] <= MODEL_WIDTH_MAX,
                  CRM_ERR_CONFIG, "model.hidden: value '%s', allowed: integers 1..%d", text,
                  MODEL_WIDTH_MAX);
    }
    *n = cfg->hidden.n;
    return CRM_OK;
}

crm_status crm_model_cfg_check(const crm_model_cfg *cfg)
{
    int64_t width[MODEL_HIDDEN_MAX];
    int n;

    return model_read_widths(cfg, width, &n);
}
