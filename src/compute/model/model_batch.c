/* model_batch.c - a batch bound to the inputs of the net, and the part of the tables it touches. */
#include "model_impl.h"

crm_status model_bind(crm_model *m, const crm_model_batch *b, const float *w, crm_pass *p)
{
    int64_t n = b->lanes * b->lane_rows;

    CRM_CHECK(n >= 0 && n <= m->max_rows && b->lanes >= 1 && b->lanes <= m->max_lanes, CRM_ERR_ARG,
              "%lld rows in %lld lanes of %lld; the model takes %lld rows in %lld lanes",
              (long long)n, (long long)b->lanes, (long long)b->lane_rows, (long long)m->max_rows,
              (long long)m->max_lanes);
    for (int64_t l = 0; l <= b->lanes; l++)
        m->sample_lanes[l] = l * b->lane_rows;
    for (const model_branch *k = model_branches; k->name; k++)
        if (k->present(m)) CRM_TRY(k->bind(m, b));
    *p = (crm_pass){.n = n,
                    .w = w,
                    .lanes = {.n = b->lanes, .rows = b->lane_rows},
                    .seed = b->seed,
                    .epoch = b->epoch,
                    .row_id = b->row_id,
                    .rows = m->rows};
    return CRM_OK;
}

int64_t crm_model_tables(const crm_model *m)
{
    int64_t at = crm_model_size(m);

    for (int i = 0; i < crm_params_count(m->params); i++) {
        const crm_param *p = crm_params_get(m->params, i);

        if (p->table && p->offset < at) at = p->offset;
    }
    return at;
}

/* Set the bits of the words of a batch; false: they cannot be read. */
static bool see_words(const crm_model *m, const crm_model_batch *b)
{
    int64_t first = b->token_first[b->doc_first[0]];
    int64_t n = b->token_first[b->doc_first[b->lanes * b->lane_rows]] - first;

    if (n <= 0) return true;
    if (n > m->tokens.max_rows ||
        crm_buf_download(m->device, b->token + first, m->staged, (size_t)n * sizeof *m->staged))
        return false;
    for (int64_t i = 0; i < n; i++) {
        int32_t t = m->staged[i];

        if (t > 0 && t < m->in.words) m->seen[t / 64] |= UINT64_C(1) << (t % 64);
    }
    return true;
}

/* Neighbours become one range. */
static void touched_words(const crm_model *m, const crm_param *p,
                          void (*note)(void *ctx, int64_t first, int64_t n), void *ctx)
{
    int64_t dim = p->dim[1], begin = -1;

    for (int64_t t = 0; t <= m->in.words; t++) {
        bool on;

        while (begin < 0 && t % 64 == 0 && t + 64 <= m->in.words && m->seen[t / 64] == 0)
            t += 64;
        on = t < m->in.words && m->seen[t / 64] >> (t % 64) & 1;
        if (on && begin < 0) begin = t;
        if (!on && begin >= 0) {
            note(ctx, p->offset + begin * dim, (t - begin) * dim);
            begin = -1;
        }
    }
    for (int64_t i = 0; i <= m->in.words / 64; i++)
        m->seen[i] = 0;
}

void crm_model_touched(const crm_model *m, const crm_model_batch *b,
                       void (*note)(void *ctx, int64_t first, int64_t n), void *ctx)
{
    for (int i = 0; i < crm_params_count(m->params); i++) {
        const crm_param *p = crm_params_get(m->params, i);

        if (!p->table) continue;
        if (p->zero_first && see_words(m, b))
            touched_words(m, p, note, ctx);
        else
            note(ctx, p->offset, p->n);
    }
}
