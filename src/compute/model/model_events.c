/* model_events.c - branch of the events: embedding of the category and numbers side by side, then
 * recurrent layers step by step, then one vector for each sample. */
#include "model_impl.h"

bool model_events_present(const crm_model *m)
{
    return (m->in.categories > 0 || m->in.numbers > 0) && m->cfg.rnn != CRM_MODEL_NO_RNN &&
           !m->only_documents;
}

int64_t model_events_width(const crm_model *m)
{
    return m->cfg.rnn_both ? 2 * m->cfg.rnn_units : m->cfg.rnn_units;
}

static crm_status add_rows(crm_model *m)
{
    int64_t longest = m->in.max_events > 0 ? m->in.max_events : 1;
    model_ragged *r = &m->events;
    void *value;

    *r = (model_ragged){.what = "events",
                        .of = "row",
                        .max_parents = m->max_rows,
                        .longest = longest,
                        .packed = true,
                        .starts = m->cfg.rnn_both && m->cfg.rnn_pool == CRM_MODEL_LAST};
    CRM_TRY(crm_net_domain(m->net, "events", CRM_SAMPLES, m->max_rows * longest, &r->domain));
    CRM_TRY(model_ragged_new(m, r));
    CRM_TRY(crm_buf_new(m->device, (size_t)(r->max_rows * (m->in.numbers + 1)) * sizeof(float),
                        &value));
    m->d_event_value = value;
    return CRM_OK;
}

/* *x = embedding and numbers side by side; numbers alone are read where they are. */
static crm_status add_inputs(crm_model *m, crm_value *x)
{
    int64_t e = m->cfg.event_dim, q = m->in.numbers;
    crm_domain domain = m->events.domain;
    crm_value y;

    if (q > 0) CRM_TRY(crm_net_input_in(m->net, domain, CRM_F32, q, &m->event_value));
    *x = m->event_value;
    if (m->in.categories == 0) return CRM_OK;
    CRM_TRY(crm_net_input_in(m->net, domain, CRM_I32, 1, &m->category));
    CRM_TRY(crm_net_value_in(m->net, domain, e + q, x));
    CRM_TRY(crm_net_columns(m->net, *x, 0, e, &y));
    CRM_TRY(crm_net_embedding(m->net, "cemb", m->category, m->in.categories, y));
    if (q == 0) return CRM_OK;
    CRM_TRY(crm_net_columns(m->net, *x, e, q, &y));
    return crm_net_copy(m->net, "events.num", m->event_value, y);
}

crm_status model_events_build(crm_model *m, crm_value out)
{
    crm_rnn_kind kind = m->cfg.rnn == CRM_MODEL_LSTM ? CRM_RNN_LSTM : CRM_RNN_GRU;
    crm_value x, h;

    CRM_TRY(add_rows(m));
    CRM_TRY(add_inputs(m, &x));
    CRM_TRY(model_add_rnn(m, crm_rnn_kind_names[kind], kind, m->cfg.rnn_units, m->cfg.rnn_layers,
                          m->cfg.rnn_both, x, &h));
    return model_add_pool(m, "e", m->cfg.rnn_pool, m->cfg.rnn_both, h, out);
}

/* Rows of numbers are gathered as an embedding gathers rows of a table. */
static crm_status pack_numbers(crm_model *m, const float *value)
{
    const model_ragged *r = &m->events;
    int64_t q = m->in.numbers;
    crm_tensor code = crm_tensor_1d(r->d_natural_of, CRM_I32, r->n), table, y;

    crm_net_bind(m->net, m->event_value, m->d_event_value);
    if (r->n == 0) return CRM_OK;
    table = crm_tensor_2d((void *)(uintptr_t)(value + r->base * q), CRM_F32, r->n, q);
    y = crm_tensor_2d(m->d_event_value, CRM_F32, r->n, q);
    return crm_op_embed(m->device, &code, &table, &y);
}

crm_status model_events_bind(crm_model *m, const crm_model_batch *b)
{
    model_ragged *r = &m->events;

    CRM_TRY(model_ragged_bind(m, r, b->event_first, b->lanes * b->lane_rows, m->sample_lanes,
                              b->lanes));
    if (m->in.numbers > 0) CRM_TRY(pack_numbers(m, b->event_value));
    if (m->in.categories == 0) return CRM_OK;
    CRM_TRY(model_ragged_codes(m, r, b->category, 0));
    crm_net_bind(m->net, m->category, r->d_code);
    return CRM_OK;
}
