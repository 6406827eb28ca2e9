/* model_wide.c - the wide part (Cheng et al. 2016, "Wide & deep learning"): a linear model on the
 * sparse columns of a sample, added to what the first head gives before its link function.  It
 * begins at 0, so that the net begins as it would without it. */
#include "model_impl.h"

bool model_wide_present(const crm_model *m)
{
    return m->in.n_sparse > 0 && m->cfg.wide_rate > 0;
}

static crm_status add_inputs(crm_model *m)
{
    model_ragged *r = &m->entries;

    *r = (model_ragged){.what = "entries of sparse columns",
                        .of = "row",
                        .max_parents = m->max_rows,
                        .longest = m->in.max_sparse > 0 ? m->in.max_sparse : 1};
    CRM_TRY(crm_net_domain(m->net, r->what, CRM_SAMPLES, r->max_parents * r->longest, &r->domain));
    CRM_TRY(model_ragged_new(m, r));
    CRM_TRY(crm_net_input_in(m->net, r->domain, CRM_I32, 1, &m->sparse_id));
    return crm_net_input_in(m->net, r->domain, CRM_F32, 1, &m->sparse_value);
}

crm_status model_wide_add(crm_model *m, crm_value deep, crm_value *z)
{
    int64_t width = crm_net_width(m->net, deep);
    crm_value wide;

    CRM_TRY(add_inputs(m));
    CRM_TRY(crm_net_value(m->net, width, &wide));
    CRM_TRY(crm_net_value(m->net, width, z));
    CRM_TRY(crm_net_bag(m->net, MODEL_WIDE, m->sparse_id, m->sparse_value, m->in.n_sparse,
                        m->cfg.wide_rate, wide));
    return crm_net_add(m->net, MODEL_WIDE ".sum", deep, wide, *z);
}

crm_status model_wide_bind(crm_model *m, const crm_model_batch *b)
{
    model_ragged *r = &m->entries;
    void *none = r->d_first; /* of a batch without entries; not read */

    CRM_TRY(model_ragged_bind(m, r, b->sparse_first, b->lanes * b->lane_rows, m->sample_lanes,
                              b->lanes));
    CRM_CHECK(r->n == 0 || (b->sparse_id && b->sparse_value), CRM_ERR_ARG,
              "the batch has %lld entries of sparse columns without ids or values",
              (long long)r->n);
    crm_net_bind(m->net, m->sparse_id,
                 r->n ? (void *)(uintptr_t)(b->sparse_id + r->base) : none); /* only read */
    crm_net_bind(m->net, m->sparse_value,
                 r->n ? (void *)(uintptr_t)(b->sparse_value + r->base) : none);
    return CRM_OK;
}
