/* model_build.c - from config and inputs to a graph: branches -> fused vector -> fusion -> heads.
 */
#include "model_impl.h"

#include "crmpi/base_mem.h"

static crm_status build_columns(crm_model *m, int64_t width)
{
    int64_t at = 0;
    crm_value columns;

    CRM_TRY(crm_net_value(m->net, width, &m->fused));
    for (const model_branch *b = model_branches; b->name; b++) {
        if (!b->present(m)) continue;
        CRM_TRY(crm_net_columns(m->net, m->fused, at, b->width(m), &columns));
        CRM_TRY(b->build(m, columns));
        at += b->width(m);
    }
    return CRM_OK;
}

/* Heads of a net without branches give their bias alone. */
static crm_status build_zeros(crm_model *m)
{
    size_t bytes = (size_t)m->max_rows * sizeof(float);
    void *buf;

    m->only_wide = true;
    CRM_TRY(crm_buf_new(m->device, bytes, &buf));
    m->zeros = buf;
    CRM_TRY(crm_buf_zero(m->device, buf, bytes));
    CRM_TRY(crm_net_input(m->net, CRM_F32, 1, &m->fused));
    crm_net_bind(m->net, m->fused, buf);
    return CRM_OK;
}

static crm_status build_branches(crm_model *m)
{
    int64_t width = 0;

    if (m->only_documents) return model_text_build(m, MODEL_NEW);
    for (const model_branch *b = model_branches; b->name; b++)
        if (b->present(m)) width += b->width(m);
    if (width == 0 && model_wide_present(m)) return build_zeros(m);
    CRM_CHECK(width > 0, CRM_ERR_CONFIG,
              "the net has no input: the data has none of the blocks whose branches are on "
              "(profile: model.columns; months: model.months; events: model.rnn; documents: "
              "model.text; sparse columns: model.wide_rate)");
    return build_columns(m, width);
}

static crm_status build_fusion(crm_model *m)
{
    crm_value out = MODEL_NEW;

    if (m->only_documents || m->only_wide) return CRM_OK;
    if (m->cfg.branch_dropout > 0) {
        CRM_TRY(crm_net_value(m->net, crm_net_width(m->net, m->fused), &out));
        CRM_TRY(crm_net_dropout(m->net, "fused.dropout", m->fused, m->cfg.branch_dropout, out));
        m->fused = out;
    }
    if (m->cfg.fusion == 0) return CRM_OK;
    out = MODEL_NEW;
    CRM_TRY(model_add_dense(m, "fus", m->fused, m->cfg.fusion, false, &out));
    m->fused = out;
    return CRM_OK;
}

static crm_status build(crm_model *m, const crm_model_head *heads)
{
    CRM_TRY(build_branches(m));
    CRM_TRY(build_fusion(m));
    CRM_TRY(model_heads_build(m, heads));
    crm_params_seal(m->params);
    return crm_net_finish(m->net);
}

static crm_status copy_cfg(crm_model *m, const crm_model_cfg *cfg)
{
    CRM_TRY(crm_model_cfg_check(cfg));
    m->cfg = *cfg;
    CRM_TRY(
        model_read_list("model.hidden", &cfg->hidden, MODEL_LIST_MAX, MODEL_WIDTH_MAX, &m->hidden));
    CRM_TRY(
        model_read_list("model.months", &cfg->months, MODEL_LIST_MAX, MODEL_WIDTH_MAX, &m->months));
    CRM_TRY(model_read_list("model.text_kernels", &cfg->text_kernels, CRM_TEXT_KERNELS,
                            MODEL_WIDTH_MAX, &m->kernels));
    m->cfg.hidden = m->cfg.months = m->cfg.text_kernels = m->cfg.heads = (crm_opt_list){0};
    m->cfg.text_vectors = NULL;
    return CRM_OK;
}

static crm_status copy_inputs(crm_model *m, const crm_model_inputs *in)
{
    m->in = *in;
    CRM_NEW(m->n_levels, in->n_cat);
    for (int64_t k = 0; k < in->n_cat; k++)
        m->n_levels[k] = in->n_levels[k];
    m->in.n_levels = m->n_levels;
    CRM_CHECK(!model_text_present(m) || in->max_tokens <= m->cfg.text_length, CRM_ERR_ARG,
              "documents of %lld tokens; model.text_length is %lld", (long long)in->max_tokens,
              (long long)m->cfg.text_length);
    return CRM_OK;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Memory of calls that does not belong to one block. */
static crm_status new_buffers(crm_model *m)
{
    int64_t most = 0;

    for (int h = 0; h < m->n_heads; h++) {
        int64_t rows = m->head[h].documents ? m->docs.max_rows : m->max_rows;

        if (rows * m->head[h].width > most) most = rows * m->head[h].width;
    }
    CRM_NEW(m->host_proba, most);
    CRM_NEW(m->staged, larger(m->tokens.max_rows, m->entries.max_rows));
    if (m->cfg.text_dropout > 0 && m->tokens.max_rows > 0) {
        void *words;
        CRM_TRY(crm_buf_new(m->device, (size_t)m->tokens.max_rows * sizeof *m->d_words, &words));
        m->d_words = words;
    }
    CRM_NEW(m->seen, larger(m->in.words, m->in.n_sparse) / 64 + 1);
    return crm_buf_new(m->device, (size_t)most * sizeof(float), &m->proba);
}

/* Lanes of samples and months; months of sample i are [i months, (i + 1) months). */
static crm_status new_lanes(crm_model *m)
{
    crm_status st = CRM_OK;
    int64_t *first = NULL;
    void *buf;

    CRM_NEW(m->sample_lanes, m->max_lanes + 1);
    CRM_NEW(m->month_lanes, m->max_lanes + 1);
    CRM_NEW(first, m->max_rows + 1);
    for (int64_t i = 0; i <= m->max_rows; i++)
        first[i] = i * m->in.months;
    CRM_TRY_TO(st, done, crm_buf_new(m->device, (size_t)(m->max_rows + 1) * sizeof *first, &buf));
    m->d_month_first = buf;
    st = crm_buf_upload(m->device, buf, first, (size_t)(m->max_rows + 1) * sizeof *first);
done:
    crm_mem_free(first);
    return st;
}

static crm_status set_up(crm_model *m, const crm_model_cfg *cfg, const crm_model_inputs *in,
                         const crm_model_head *heads)
{
    CRM_NEW(m->head, m->n_heads);
    CRM_NEW(m->head_loss, m->n_heads);
    CRM_TRY(crm_params_new(&m->params));
    CRM_TRY(crm_net_new(m->device, m->params, m->max_rows, m->max_lanes, &m->net));
    CRM_TRY(copy_cfg(m, cfg));
    CRM_TRY(copy_inputs(m, in));
    CRM_TRY(model_heads_check(m, heads));
    CRM_TRY(new_lanes(m));
    CRM_TRY(build(m, heads));
    return new_buffers(m);
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
    **out =
        (crm_model){.n_heads = n_heads, .device = d, .max_rows = max_rows, .max_lanes = max_lanes};
    st = set_up(*out, cfg, in, heads);
    if (st) crm_model_free(out);
    return st;
}

static void free_host(crm_model *m)
{
    void *host[] = {m->n_levels, m->head,       m->sample_lanes, m->month_lanes, m->seen,
                    m->staged,   m->host_proba, m->head_loss,    m->key};

    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        crm_mem_free(host[i]);
}

void crm_model_free(crm_model **pm)
{
    crm_model *m = *pm;

    if (!m) return;
    if (m->proba) crm_buf_free(m->device, m->proba);
    if (m->d_words) crm_buf_free(m->device, m->d_words);
    if (m->d_month_first) crm_buf_free(m->device, m->d_month_first);
    if (m->d_event_value) crm_buf_free(m->device, m->d_event_value);
    if (m->zeros) crm_buf_free(m->device, m->zeros);
    model_ragged_free(m, &m->events);
    model_ragged_free(m, &m->docs);
    model_ragged_free(m, &m->tokens);
    model_ragged_free(m, &m->entries);
    crm_net_free(&m->net);
    if (m->params) crm_params_free(&m->params);
    free_host(m);
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
    return m->only_documents || m->only_wide ? 0 : crm_net_width(m->net, m->fused);
}

size_t crm_model_bytes(const crm_model *m)
{
    return crm_net_bytes(m->net);
}
