/* model_batch.c - a batch bound to the inputs of the net, and the part of the tables it touches. */
#include "model_impl.h"

#include <string.h>

crm_status model_bind(crm_model *m, const crm_model_batch *b, const float *w, bool training,
                      crm_pass *p)
{
    int64_t n = b->lanes * b->lane_rows;

    CRM_CHECK(n >= 0 && n <= m->max_rows && b->lanes >= 1 && b->lanes <= m->max_lanes, CRM_ERR_ARG,
              "%lld rows in %lld lanes of %lld; the model takes %lld rows in %lld lanes",
              (long long)n, (long long)b->lanes, (long long)b->lane_rows, (long long)m->max_rows,
              (long long)m->max_lanes);
    m->training = training;
    for (int64_t l = 0; l <= b->lanes; l++)
        m->sample_lanes[l] = l * b->lane_rows;
    for (const model_branch *k = model_branches; k->name; k++)
        if (k->present(m)) CRM_TRY(k->bind(m, b));
    if (model_wide_present(m)) CRM_TRY(model_wide_bind(m, b));
    *p = (crm_pass){.n = n,
                    .w = w,
                    .training = training,
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

/* Set the bits of the rows row[first .. first + n) of a table, those from `least` to below `end`;
 * false: they cannot be read. */
static bool see(const crm_model *m, const int32_t *row, int64_t first, int64_t n, int32_t least,
                int64_t end)
{
    if (n <= 0) return true;
    if (crm_buf_download(m->device, row + first, m->staged, (size_t)n * sizeof *m->staged))
        return false;
    for (int64_t i = 0; i < n; i++) {
        int32_t t = m->staged[i];

        if (t >= least && t < end) m->seen[t / 64] |= UINT64_C(1) << (t % 64);
    }
    return true;
}

static bool see_words(const crm_model *m, const crm_model_batch *b)
{
    int64_t first = b->token_first[b->doc_first[0]];
    int64_t n = b->token_first[b->doc_first[b->lanes * b->lane_rows]] - first;

    return n <= m->tokens.max_rows && see(m, b->token, first, n, 1, m->in.words);
}

static bool see_columns(const crm_model *m, const crm_model_batch *b)
{
    int64_t first = b->sparse_first[0], n = b->sparse_first[b->lanes * b->lane_rows] - first;

    return n <= m->entries.max_rows && see(m, b->sparse_id, first, n, 0, m->in.n_sparse);
}

/* First of the rows from `at` on whose bit is as said; rows: there is none. */
static int64_t next_row(const uint64_t *seen, int64_t at, int64_t rows, bool set)
{
    for (; at < rows; at = (at / 64 + 1) * 64) {
        uint64_t word = (set ? seen[at / 64] : ~seen[at / 64]) >> (at % 64);

        if (word == 0) continue;
        at += __builtin_ctzll(word);
        return at < rows ? at : rows;
    }
    return rows;
}

/* Neighbours become one range. */
static void touched_rows(const crm_model *m, const crm_param *p,
                         void (*note)(void *ctx, int64_t first, int64_t n), void *ctx)
{
    int64_t rows = p->dim[0], dim = p->dim[1], end;

    for (int64_t at = next_row(m->seen, 0, rows, true); at < rows;
         at = next_row(m->seen, end, rows, true)) {
        end = next_row(m->seen, at, rows, false);
        note(ctx, p->offset + at * dim, (end - at) * dim);
    }
    memset(m->seen, 0, (size_t)(rows / 64 + 1) * sizeof *m->seen);
}

/* The rows of this table that the batch names have their bits set. */
static bool see_rows(const crm_model *m, const crm_param *p, const crm_model_batch *b)
{
    if (p->zero_first) return see_words(m, b);
    return strcmp(p->name, MODEL_WIDE ".weight") == 0 && see_columns(m, b);
}

void crm_model_touched(const crm_model *m, const crm_model_batch *b,
                       void (*note)(void *ctx, int64_t first, int64_t n), void *ctx)
{
    for (int i = 0; i < crm_params_count(m->params); i++) {
        const crm_param *p = crm_params_get(m->params, i);

        if (!p->table || p->fixed) continue;
        if (see_rows(m, p, b))
            touched_rows(m, p, note, ctx);
        else
            note(ctx, p->offset, p->n);
    }
}
