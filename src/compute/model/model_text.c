/* model_text.c - branch of the documents: each becomes a vector by a convolution over its tokens or
 * by a recurrent net in both directions, then the vectors of a sample become one. */
#include "model_impl.h"

bool model_text_present(const crm_model *m)
{
    return m->in.words > 0 && m->cfg.text != CRM_TEXT_NONE;
}

int64_t model_text_width(const crm_model *m)
{
    return m->cfg.text_filters * (m->cfg.text == CRM_TEXT_CNN ? m->kernels.n : 2);
}

static int64_t positive(int64_t n)
{
    return n > 0 ? n : 1;
}

static crm_status add_rows(crm_model *m)
{
    bool gru = m->cfg.text == CRM_TEXT_GRU;
    model_ragged *d = &m->docs, *t = &m->tokens;

    *d = (model_ragged){.what = "documents",
                        .of = "row",
                        .max_parents = m->max_rows,
                        .longest = positive(m->in.max_docs)};
    CRM_TRY(crm_net_domain(m->net, d->what, CRM_SAMPLES, d->max_parents * d->longest, &d->domain));
    CRM_TRY(model_ragged_new(m, d));
    *t = (model_ragged){.what = "tokens",
                        .of = "document",
                        .max_parents = d->max_rows,
                        .longest = positive(m->in.max_tokens),
                        .packed = gru,
                        .starts = gru && m->cfg.text_pool == CRM_MODEL_LAST};
    CRM_TRY(crm_net_domain(m->net, t->what, d->domain, t->max_parents * t->longest, &t->domain));
    CRM_TRY(model_ragged_new(m, t));
    return crm_net_input_in(m->net, t->domain, CRM_I32, 1, &m->token);
}

/* The widest sum of a filter at any position: Kim (2014). */
static crm_status add_cnn(crm_model *m)
{
    crm_text_conv p = {
        .n_kernels = m->kernels.n, .length = m->cfg.text_length, .act = CRM_ACT_RELU};

    for (int k = 0; k < p.n_kernels; k++)
        p.kernel[k] = m->kernels.item[k];
    return crm_net_text_conv(m->net, "temb", "tconv", &p, m->in.words, m->cfg.text_dim, m->token,
                             m->documents);
}

static crm_status add_gru(crm_model *m)
{
    crm_value x, h;

    CRM_TRY(crm_net_value_in(m->net, m->tokens.domain, m->cfg.text_dim, &x));
    CRM_TRY(crm_net_words(m->net, "temb", m->token, m->in.words, x));
    CRM_TRY(model_add_rnn(m, "tgru", CRM_RNN_GRU, m->cfg.text_filters, 1, true, x, &h));
    return model_add_pool(m, "t", m->cfg.text_pool, true, h, m->documents);
}

static int documents_pool(const crm_model *m)
{
    static const int pool[] = {[CRM_DOCUMENTS_MAX] = CRM_MODEL_MAX,
                               [CRM_DOCUMENTS_MEAN] = CRM_MODEL_MEAN,
                               [CRM_DOCUMENTS_ATTENTION] = CRM_MODEL_ATTENTION};

    return pool[m->cfg.documents_pool];
}

crm_status model_text_build(crm_model *m, crm_value out)
{
    CRM_TRY(add_rows(m));
    CRM_TRY(crm_net_value_in(m->net, m->docs.domain, model_text_width(m), &m->documents));
    CRM_TRY(m->cfg.text == CRM_TEXT_CNN ? add_cnn(m) : add_gru(m));
    if (m->cfg.text_frozen)
        CRM_TRY(crm_params_fix(m->params, crm_params_find(m->params, CRM_MODEL_WORDS)));
    return out == MODEL_NEW ? CRM_OK
                            : model_add_pool(m, "d", documents_pool(m), false, m->documents, out);
}

/* The words of this call, as a pass sees them. */
static crm_status bind_words(crm_model *m, const crm_model_batch *b, const int32_t **out)
{
    const model_ragged *d = &m->docs, *t = &m->tokens;
    const crm_doc_tokens of = {.n = b->lanes * b->lane_rows,
                               .n_docs = d->n,
                               .first = d->d_first,
                               .token_first = t->d_first,
                               .length = m->cfg.text_length};
    const crm_dropout p = {
        .rate = m->cfg.text_dropout, .seed = b->seed, .epoch = b->epoch, .row_id = b->row_id};
    crm_tensor x, y;

    *out = b->token + t->base;
    if (!m->training || !m->d_words) return CRM_OK;
    x = crm_tensor_1d((void *)(uintptr_t)*out, CRM_I32, t->n);
    y = crm_tensor_1d(m->d_words, CRM_I32, t->n);
    *out = m->d_words;
    return crm_op_drop_words(m->device, &p, &of, &x, &y);
}

crm_status model_text_bind(crm_model *m, const crm_model_batch *b)
{
    model_ragged *d = &m->docs, *t = &m->tokens;
    const int32_t *words = NULL;

    CRM_TRY(
        model_ragged_bind(m, d, b->doc_first, b->lanes * b->lane_rows, m->sample_lanes, b->lanes));
    CRM_CHECK(b->token_first, CRM_ERR_ARG, "the batch says nothing about its tokens");
    CRM_TRY(model_ragged_bind(m, t, b->token_first + d->base, d->n, d->lane_first, b->lanes));
    if (t->n > 0) CRM_TRY(bind_words(m, b, &words));
    if (t->packed && t->n > 0) CRM_TRY(model_ragged_own_codes(m, t, words, 1));
    crm_net_bind(m->net, m->token,
                 t->packed ? t->d_code
                 : words   ? (void *)(uintptr_t)words
                           : (void *)t->d_first); /* only read */
    return CRM_OK;
}
