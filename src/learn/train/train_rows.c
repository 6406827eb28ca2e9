/* train_rows.c - rows of a data set in the form of the net: channels, numbers, categories and words
 * are found by name, so that a data set with other codes gives the same arrays. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "train_blocks.h"

/* ---- where the data set has what was fitted ---- */

static int64_t find(const char *name, int64_t n, const char *const *have)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(have[i], name) == 0) return i;
    return -1;
}

/* Column of the data set -> of the net, -1 for those that the net does not have; all that it has
 * must be there. */
static crm_status find_all(const names *want, const char *what, const char *path, int64_t n,
                           const char *const *have, int32_t **column)
{
    CRM_NEW(*column, n);
    for (int64_t i = 0; i < n; i++)
        (*column)[i] = -1;
    for (int64_t i = 0; i < want->n; i++) {
        int64_t at = find(want->text[i], n, have);
        CRM_CHECK(at >= 0, CRM_ERR_FORMAT, "%s: %s '%s' is missing, on which the model was fitted",
                  path, what, want->text[i]);
        (*column)[at] = (int32_t)i;
    }
    return CRM_OK;
}

static crm_status need_block(bool there, const char *block, const char *path)
{
    CRM_CHECK(there, CRM_ERR_FORMAT, "%s: there is no block of %s, on which the model was fitted",
              path, block);
    return CRM_OK;
}

static crm_status map_months(blocks_map *m)
{
    const crm_monthly *t = crm_data_monthly(m->data);
    const char *path = crm_data_path(m->data);

    CRM_TRY(need_block(t, "monthly values", path));
    CRM_CHECK(t->months == m->b->months, CRM_ERR_FORMAT,
              "%s: %lld months, the model was fitted on %lld", path, (long long)t->months,
              (long long)m->b->months);
    return find_all(&m->b->channel, "channel of the months", path, t->channels, t->name,
                    &m->channel);
}

static int64_t longest(const int64_t *first, int64_t n, int64_t limit)
{
    int64_t most = 1;

    for (int64_t i = 0; i < n; i++)
        if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
    return most < limit ? most : limit;
}

static crm_status map_events(blocks_map *m)
{
    const crm_events *e = crm_data_events(m->data);
    const names *want = &m->b->category;

    CRM_TRY(need_block(e, "events", crm_data_path(m->data)));
    CRM_TRY(find_all(&m->b->number, "number of the events", crm_data_path(m->data), e->numbers,
                     e->number_name, &m->number));
    CRM_NEW(m->category, e->n_categories);
    for (int64_t c = 0; c < e->n_categories; c++)
        m->category[c] =
            (int32_t)find(e->category_name[c], want->n, (const char *const *)want->text);
    m->max_events = longest(e->first, crm_data_rows(m->data), m->b->model->event_steps);
    return CRM_OK;
}

static crm_status map_documents(blocks_map *m)
{
    const crm_documents *d = crm_data_documents(m->data);
    const crm_text_cfg *cfg = &m->b->words->cfg;
    int64_t n;

    CRM_TRY(need_block(d, "documents", crm_data_path(m->data)));
    m->max_docs = longest(d->first, crm_data_rows(m->data), m->b->model->documents);
    m->max_tokens = longest(d->token_first, d->n, m->b->model->text_length);
    CRM_TRY(crm_forms_new(cfg, d->n_words, d->word, &m->forms));
    n = crm_forms_count(m->forms);
    CRM_NEW(m->word, n);
    for (int64_t i = 0; i < n; i++)
        m->word[i] = crm_vocab_id(m->b->vocab, cfg, crm_forms_text(m->forms)[i]);
    return CRM_OK;
}

static crm_status map_sparse(const crm_source *in, blocks_map *m)
{
    CRM_TRY(crm_source_sparse_most(in, &m->max_sparse));
    if (m->max_sparse < 1) m->max_sparse = 1;
    return CRM_OK;
}

crm_status crm_blocks_map(const blocks *b, const crm_source *in, blocks_map *out)
{
    const crm_data *d = crm_source_data(in);

    *out = (blocks_map){.data = d, .digest = crm_data_digest(d), .b = b};
    if (b->months) CRM_TRY(map_months(out));
    if (b->events) CRM_TRY(map_events(out));
    if (b->documents) CRM_TRY(map_documents(out));
    return b->sparse ? map_sparse(in, out) : CRM_OK;
}

void crm_blocks_map_free(blocks_map *m)
{
    crm_mem_free(m->channel);
    crm_mem_free(m->number);
    crm_mem_free(m->category);
    crm_forms_free(&m->forms);
    crm_mem_free(m->word);
    *m = (blocks_map){0};
}

void crm_blocks_inputs(const blocks_map *m, crm_model_inputs *in)
{
    const blocks *b = m->b;

    in->months = b->months;
    in->channels = b->channel_scale.n;
    in->categories = b->category.n;
    in->numbers = b->number_scale.n;
    in->words =
        b->documents ? crm_vocab_size(b->vocab) + crm_text_unknown_ids(&b->words->cfg) + 1 : 0;
    in->max_events = m->max_events;
    in->max_docs = m->max_docs;
    in->max_tokens = m->max_tokens;
    in->n_sparse = b->sparse;
    in->max_sparse = m->max_sparse;
}

/* The last `most` of [first, end). */
static void keep_last(const int64_t *bounds, int64_t row, int64_t most, int64_t *first,
                      int64_t *end)
{
    *first = bounds[row];
    *end = bounds[row + 1];
    if (*end - *first > most) *first = *end - most;
}

void crm_blocks_events(const blocks_map *m, int64_t row, int64_t *first, int64_t *end)
{
    *first = *end = 0;
    if (m->b->events && row >= 0)
        keep_last(crm_data_events(m->data)->first, row, m->b->model->event_steps, first, end);
}

void crm_blocks_documents(const blocks_map *m, int64_t row, int64_t *first, int64_t *end)
{
    *first = *end = 0;
    if (m->b->documents && row >= 0)
        keep_last(crm_data_documents(m->data)->first, row, m->b->model->documents, first, end);
}

/* ---- arrays ---- */

/* Even with no entry at all each array is there. */
static crm_status sparse_new(int64_t rows, crm_sparse *s)
{
    CRM_NEW(s->first, rows + 2);
    s->room_rows = rows + 2;
    CRM_NEW(s->id, 1);
    CRM_NEW(s->value, 1);
    s->room = 1;
    return CRM_OK;
}

crm_status crm_block_rows_new(const blocks_map *m, int64_t rows, block_rows *out)
{
    int64_t events = rows * m->max_events, docs = rows * m->max_docs;

    CRM_NEW(out->monthly, rows * m->b->months * m->b->channel_scale.n);
    CRM_NEW(out->event_first, rows + 1);
    CRM_NEW(out->category, events);
    CRM_NEW(out->event_value, events * m->b->number_scale.n);
    CRM_NEW(out->doc_first, rows + 1);
    CRM_NEW(out->token_first, docs + 1);
    CRM_NEW(out->token, docs * m->max_tokens);
    return m->b->sparse ? sparse_new(rows, &out->sparse) : CRM_OK;
}

void crm_block_rows_free(block_rows *r)
{
    crm_mem_free(r->monthly);
    crm_mem_free(r->event_first);
    crm_mem_free(r->category);
    crm_mem_free(r->event_value);
    crm_mem_free(r->doc_first);
    crm_mem_free(r->token_first);
    crm_mem_free(r->token);
    crm_sparse_free(&r->sparse);
    *r = (block_rows){0};
}

/* A value of column c, which the net has, to out[place * columns of the net + c]. */
static void scale_all(const blocks *b, const scales *s, const int32_t *column, values v, float *out)
{
    while (crm_values_more(b, &v))
        for (int64_t i = 0; i < v.n; i++, crm_values_step(&v)) {
            int64_t c = column[v.column];
            if (c < 0) continue;
            out[(v.row * v.inner + v.k) * s->n + c] =
                isfinite(v.x[i]) && s->sd[c] > 0 ? (float)((v.y[i] - s->mean[c]) / s->sd[c]) : 0;
        }
}

/* [channels][months] of the data set -> [months][channels]. */
static void fill_months(const blocks_map *m, int64_t row, float *out)
{
    const crm_monthly *t = crm_data_monthly(m->data);
    int64_t n = t->channels * t->months;

    memset(out, 0, (size_t)(m->b->channel_scale.n * t->months) * sizeof *out);
    if (row < 0) return;
    scale_all(
        m->b, &m->b->channel_scale, m->channel,
        (values){.x = t->value + row * n, .left = n, .columns = t->channels, .inner = t->months},
        out);
}

static int64_t fill_events(const blocks_map *m, int64_t row, int64_t at, block_rows *out)
{
    const crm_events *e = crm_data_events(m->data);
    const scales *s = &m->b->number_scale;
    const int32_t time = (int32_t)m->b->number.n;
    int64_t first, end;

    crm_blocks_events(m, row, &first, &end);
    for (int64_t i = first; i < end; i++) {
        int32_t code = e->category[i];
        out->category[at + i - first] =
            code >= 0 && code < e->n_categories ? m->category[code] : -1;
    }
    scale_all(m->b, s, m->number,
              (values){.x = e->value + first * e->numbers,
                       .left = (end - first) * e->numbers,
                       .columns = e->numbers,
                       .inner = 1},
              out->event_value + at * s->n);
    if (s->n > time)
        scale_all(m->b, s, &time,
                  (values){.x = e->time + first, .left = end - first, .columns = 1, .inner = 1},
                  out->event_value + at * s->n);
    return at + end - first;
}

/* First words of a document; returns how many. */
static int64_t fill_tokens(const blocks_map *m, const crm_documents *d, int64_t doc, int32_t *out)
{
    const int32_t *token = d->token + d->token_first[doc];
    int64_t n = d->token_first[doc + 1] - d->token_first[doc];

    n = crm_forms_walk_first(m->forms, token, n, m->max_tokens, out);
    for (int64_t i = 0; i < n; i++)
        out[i] = m->word[out[i]];
    return n;
}

static int64_t fill_documents(const blocks_map *m, int64_t row, int64_t at, block_rows *out)
{
    const crm_documents *d = crm_data_documents(m->data);
    int64_t first, end;

    crm_blocks_documents(m, row, &first, &end);
    for (int64_t i = first; i < end; i++, at++) {
        int64_t to = out->token_first[at];
        out->token_first[at + 1] = to + fill_tokens(m, d, i, out->token + to);
    }
    return at;
}

void crm_block_rows_fill(const blocks_map *m, const int64_t *row, int64_t n, block_rows *out)
{
    int64_t width = m->b->months * m->b->channel_scale.n;

    out->event_first[0] = out->doc_first[0] = out->token_first[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (m->b->months) fill_months(m, row[i], out->monthly + i * width);
        out->event_first[i + 1] =
            !m->b->events ? 0 : fill_events(m, row[i], out->event_first[i], out);
        out->doc_first[i + 1] =
            !m->b->documents ? 0 : fill_documents(m, row[i], out->doc_first[i], out);
    }
}
