/* model_heads.c - the outputs: one linear layer for each target, on the fused vector or on the
 * vectors of documents; the wide part is added to the first. */
#include "model_impl.h"

#include <string.h>

#include "crmpi/base_mem.h"

static crm_status check_head(const crm_model *m, const crm_model_head *h)
{
    bool classes = h->kind == CRM_HEAD_CLASSES;

    CRM_CHECK((unsigned)h->kind < CRM_HEAD_KIND_COUNT && h->n_classes >= (classes ? 2 : 1),
              CRM_ERR_ARG, "head '%s' has %d classes, at least %d are needed", h->name,
              h->n_classes, classes ? 2 : 1);
    CRM_CHECK(!h->documents || model_text_present(m), CRM_ERR_CONFIG,
              "target '%s' is one of documents, but the net has no text branch: set model.text to "
              "cnn or gru, and use data with documents",
              h->name);
    return CRM_OK;
}

crm_status model_heads_check(crm_model *m, const crm_model_head *heads)
{
    m->only_documents = true;
    CRM_CHECK(
        !heads[0].documents || !model_wide_present(m), CRM_ERR_CONFIG,
        "model.wide_rate: value '%g', but the first target '%s' is one of documents and the "
        "sparse columns are those of samples: set it to 0, or learn a target of samples first",
        m->cfg.wide_rate, heads[0].name);
    for (int h = 0; h < m->n_heads; h++) {
        CRM_TRY(check_head(m, &heads[h]));
        m->only_documents &= heads[h].documents;
        m->head[h] =
            (model_head){.kind = heads[h].kind,
                         .documents = heads[h].documents,
                         .n_classes = heads[h].n_classes,
                         .width = heads[h].kind == CRM_HEAD_CLASSES && heads[h].n_classes == 2
                                      ? 1
                                      : heads[h].n_classes,
                         .weight = heads[h].weight,
                         .smooth = heads[h].smooth};
    }
    return CRM_OK;
}

static crm_status build_head(crm_model *m, const crm_model_head *h, model_head *to, bool wide)
{
    crm_value x = h->documents ? m->documents : m->fused, z;
    int number;

    CRM_TRY(model_name(to->name, "heads", h->name, -1));
    CRM_TRY(crm_net_value_in(m->net, crm_net_domain_of(m->net, x), to->width, &z));
    CRM_TRY(crm_net_linear(m->net, to->name, x, CRM_ACT_NONE, z));
    if (wide) CRM_TRY(model_wide_add(m, z, &z));
    return crm_net_head_of(m->net, to->name, h->kind, z, h->class_weight, h->delta, &number);
}

crm_status model_heads_build(crm_model *m, const crm_model_head *heads)
{
    for (int h = 0; h < m->n_heads; h++)
        CRM_TRY(build_head(m, &heads[h], &m->head[h], h == 0 && model_wide_present(m)));
    return CRM_OK;
}
