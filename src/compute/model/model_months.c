/* model_months.c - branch of the monthly block: convolutions over the months (kernel odd, padding
 * kernel / 2, ReLU), then one value per channel. */
#include "model_impl.h"

#include <stdio.h>

bool model_months_present(const crm_model *m)
{
    return m->in.months > 0 && m->in.channels > 0 && m->months.n > 0 && !m->only_documents;
}

int64_t model_months_width(const crm_model *m)
{
    return m->months.item[m->months.n - 1];
}

static crm_status add_inputs(crm_model *m)
{
    CRM_TRY(crm_net_domain(m->net, "months", CRM_SAMPLES, m->max_rows * m->in.months,
                           &m->month_domain));
    return crm_net_input_in(m->net, m->month_domain, CRM_F32, m->in.channels, &m->monthly);
}

crm_status model_months_build(crm_model *m, crm_value out)
{
    crm_conv conv = {.steps = m->in.months,
                     .kernel = m->cfg.months_kernel,
                     .pad = m->cfg.months_kernel / 2,
                     .act = CRM_ACT_RELU};
    char name[32];
    crm_value x, y;

    CRM_TRY(add_inputs(m));
    x = m->monthly;
    for (int i = 0; i < m->months.n; i++) {
        snprintf(name, sizeof name, "mconv%d", i + 1);
        CRM_TRY(crm_net_value_in(m->net, m->month_domain, m->months.item[i], &y));
        CRM_TRY(crm_net_conv(m->net, name, &conv, x, y));
        x = y;
    }
    return model_add_pool(m, "m", m->cfg.months_pool, false, x, out);
}

crm_status model_months_bind(crm_model *m, const crm_model_batch *b)
{
    int64_t n = b->lanes * b->lane_rows;

    for (int64_t l = 0; l <= b->lanes; l++)
        m->month_lanes[l] = l * b->lane_rows * m->in.months;
    m->rows[m->month_domain] = (crm_rows){.n = n * m->in.months,
                                          .first = m->month_lanes,
                                          .parts = {.n = n, .first = m->d_month_first}};
    crm_net_bind(m->net, m->monthly, (void *)(uintptr_t)b->monthly); /* only read */
    return CRM_OK;
}
