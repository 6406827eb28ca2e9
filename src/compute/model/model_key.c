/* model_key.c - the key of a pass: what tells a captured graph of it from that of another one. */
#include "model_impl.h"

#include <string.h>

#include "crmpi/base_mem.h"

static crm_status put(crm_model *m, const void *data, size_t bytes)
{
    size_t need = m->key_bytes + bytes;

    if (need > m->key_room) {
        char *grown = crm_mem_grow(m->key, m->key_room, 2 * need, 1);

        CRM_CHECK(grown, CRM_ERR_NOMEM, "out of memory: %zu bytes for the key of a pass", 2 * need);
        m->key = grown;
        m->key_room = 2 * need;
    }
    memcpy(m->key + m->key_bytes, data, bytes);
    m->key_bytes += bytes;
    return CRM_OK;
}

static crm_status put_i64(crm_model *m, const int64_t *v, int64_t n)
{
    return put(m, v, (size_t)n * sizeof *v);
}

/* Extents of one domain; where its rows stand is in device memory, but for the first row of lanes
 * and of steps, by which work is dealt. */
static crm_status put_rows(crm_model *m, const crm_rows *r, int64_t lanes)
{
    CRM_TRY(put_i64(m, &r->n, 1));
    if (r->first) CRM_TRY(put_i64(m, r->first, lanes + 1));
    for (int64_t l = 0; r->packed && l < lanes; l++) {
        CRM_TRY(put_i64(m, &r->packed[l].steps, 1));
        if (r->packed[l].steps > 0) CRM_TRY(put_i64(m, r->packed[l].first, r->packed[l].steps + 1));
    }
    return CRM_OK;
}

static crm_status put_batch(crm_model *m, const crm_model_batch *b)
{
    const void *place[] = {m->pass.w,  m->pass.grad, b->num,         b->cat,
                           b->monthly, b->category,  b->event_value, b->token,
                           b->row_id,  b->scale_at,  b->sparse_id,   b->sparse_value};

    CRM_TRY(put(m, place, sizeof place));
    for (int h = 0; h < m->n_heads; h++) {
        CRM_TRY(put(m, &b->label[h].class, sizeof b->label[h].class));
        CRM_TRY(put(m, &b->label[h].value, sizeof b->label[h].value));
        if (!b->scale_at) CRM_TRY(put(m, &b->scale[h], sizeof b->scale[h]));
    }
    return CRM_OK;
}

crm_status model_key(crm_model *m, const crm_model_batch *b)
{
    const int64_t head[] = {m->pass.n,
                            m->pass.lanes.n,
                            m->pass.lanes.rows,
                            m->pass.lanes.stride,
                            (int64_t)m->pass.seed,
                            m->pass.epoch};

    m->key_bytes = 0;
    CRM_TRY(put_i64(m, head, sizeof head / sizeof *head));
    CRM_TRY(put_batch(m, b));
    for (int k = 1; k < MODEL_DOMAINS_MAX; k++)
        CRM_TRY(put_rows(m, &m->rows[k], m->pass.lanes.n));
    return CRM_OK;
}

const void *crm_model_key(const crm_model *m, size_t *bytes)
{
    *bytes = m->key_bytes;
    return m->key;
}
