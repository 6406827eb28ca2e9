/* model_ragged.c - rows of a ragged block: which belong to which parent, where the lanes begin, and
 * for recurrent layers where each row stands step by step.  Memory is taken once. */
#include "model_impl.h"

#include "crmpi/base_mem.h"

/* Host array and device array of n items. */
#define BOTH_NEW(m, host, dev, n)                                                                  \
    do {                                                                                           \
        void *p_;                                                                                  \
        CRM_NEW(host, n);                                                                          \
        CRM_TRY(crm_buf_new((m)->device, (size_t)(n) * sizeof *(host), &p_));                      \
        (dev) = p_;                                                                                \
    } while (0)

static crm_status packed_new(crm_model *m, model_ragged *r)
{
    void *code;

    CRM_NEW(r->pack, m->max_lanes);
    BOTH_NEW(m, r->step_first, r->d_step_first, m->max_lanes * (r->longest + 1));
    CRM_NEW(r->scratch, r->max_parents + r->longest + 1);
    BOTH_NEW(m, r->packed_of, r->d_packed_of, r->max_rows);
    BOTH_NEW(m, r->natural_of, r->d_natural_of, r->max_rows);
    CRM_TRY(crm_buf_new(m->device, (size_t)r->max_rows * sizeof *r->d_code, &code));
    r->d_code = code;
    if (!r->starts) return CRM_OK;
    BOTH_NEW(m, r->start_first, r->d_start_first, r->max_parents + 1);
    BOTH_NEW(m, r->start_row, r->d_start_row, r->max_parents);
    return CRM_OK;
}

crm_status model_ragged_new(crm_model *m, model_ragged *r)
{
    r->max_rows = r->max_parents * r->longest;
    CRM_CHECK(r->max_rows <= INT32_MAX, CRM_ERR_CONFIG,
              "%lld %s in a call, at most %d are allowed: take fewer train.lane_rows",
              (long long)r->max_rows, r->what, INT32_MAX);
    CRM_NEW(r->lane_first, m->max_lanes + 1);
    BOTH_NEW(m, r->first, r->d_first, r->max_parents + 1);
    return r->packed ? packed_new(m, r) : CRM_OK;
}

/* r->first = first from 0 on. */
static crm_status take_first(model_ragged *r, const int64_t *first, int64_t n_parents)
{
    CRM_CHECK(first, CRM_ERR_ARG, "the batch says nothing about its %s", r->what);
    r->base = first[0];
    r->n = first[n_parents] - first[0];
    for (int64_t i = 0; i < n_parents; i++)
        CRM_CHECK(first[i + 1] >= first[i] && first[i + 1] - first[i] <= r->longest, CRM_ERR_ARG,
                  "%s %lld has %lld %s, allowed: 0..%lld", r->of, (long long)i,
                  (long long)(first[i + 1] - first[i]), r->what, (long long)r->longest);
    for (int64_t i = 0; i <= n_parents; i++)
        r->first[i] = first[i] - first[0];
    return CRM_OK;
}

static crm_status upload(crm_model *m, void *dst, const void *src, int64_t n, size_t size)
{
    return n > 0 ? crm_buf_upload(m->device, dst, src, (size_t)n * size) : CRM_OK;
}

static void pack_lanes(model_ragged *r, const int64_t *parent_lanes, int64_t lanes)
{
    for (int64_t l = 0; l < lanes; l++) {
        int64_t p = parent_lanes[l], begin = r->first[p], *step = r->step_first;

        step += l * (r->longest + 1);
        r->pack[l].first = step;
        r->pack[l].device_first = r->d_step_first + l * (r->longest + 1);
        r->pack[l].steps = crm_pack_sequences(parent_lanes[l + 1] - p, r->first + p, begin, step,
                                              r->packed_of + begin, r->scratch);
    }
    for (int64_t i = 0; i < r->n; i++)
        r->natural_of[r->packed_of[i]] = (int32_t)i;
}

/* The first row of each parent that has one. */
static crm_status bind_starts(crm_model *m, model_ragged *r, int64_t n_parents)
{
    int64_t n = 0;

    for (int64_t i = 0; i < n_parents; i++) {
        r->start_first[i] = n;
        if (r->first[i + 1] > r->first[i]) r->start_row[n++] = r->packed_of[r->first[i]];
    }
    r->start_first[n_parents] = n;
    CRM_TRY(upload(m, r->d_start_first, r->start_first, n_parents + 1, sizeof *r->start_first));
    m->rows[r->domain].starts =
        (crm_segments){.n = n_parents, .first = r->d_start_first, .row = r->d_start_row};
    return upload(m, r->d_start_row, r->start_row, n, sizeof *r->start_row);
}

/* Kernels of a GPU read where each step begins from its own memory. */
static crm_status bind_steps(crm_model *m, const model_ragged *r, int64_t lanes)
{
    if (crm_device_is_host(m->device)) return CRM_OK;
    return upload(m, r->d_step_first, r->step_first, lanes * (r->longest + 1),
                  sizeof *r->step_first);
}

static crm_status bind_packed(crm_model *m, model_ragged *r, int64_t n_parents,
                              const int64_t *parent_lanes, int64_t lanes)
{
    pack_lanes(r, parent_lanes, lanes);
    CRM_TRY(bind_steps(m, r, lanes));
    m->rows[r->domain].packed = r->pack;
    m->rows[r->domain].parts.row = r->d_packed_of;
    CRM_TRY(upload(m, r->d_packed_of, r->packed_of, r->n, sizeof *r->packed_of));
    CRM_TRY(upload(m, r->d_natural_of, r->natural_of, r->n, sizeof *r->natural_of));
    return r->starts ? bind_starts(m, r, n_parents) : CRM_OK;
}

crm_status model_ragged_bind(crm_model *m, model_ragged *r, const int64_t *first, int64_t n_parents,
                             const int64_t *parent_lanes, int64_t lanes)
{
    CRM_TRY(take_first(r, first, n_parents));
    for (int64_t l = 0; l <= lanes; l++)
        r->lane_first[l] = r->first[parent_lanes[l]];
    CRM_TRY(upload(m, r->d_first, r->first, n_parents + 1, sizeof *r->first));
    m->rows[r->domain] = (crm_rows){
        .n = r->n, .first = r->lane_first, .parts = {.n = n_parents, .first = r->d_first}};
    return r->packed ? bind_packed(m, r, n_parents, parent_lanes, lanes) : CRM_OK;
}

crm_status model_ragged_codes(crm_model *m, model_ragged *r, const int32_t *code, int32_t least)
{
    return r->n == 0 ? CRM_OK : model_ragged_own_codes(m, r, code + r->base, least);
}

crm_status model_ragged_own_codes(crm_model *m, model_ragged *r, const int32_t *code, int32_t least)
{
    crm_tensor x, at, y;

    x = crm_tensor_1d((void *)(uintptr_t)code, CRM_I32, r->n);
    at = crm_tensor_1d(r->d_natural_of, CRM_I32, r->n);
    y = crm_tensor_1d(r->d_code, CRM_I32, r->n);
    return crm_op_take(m->device, &x, &at, least, &y);
}

void model_ragged_free(crm_model *m, model_ragged *r)
{
    void *host[] = {r->lane_first, r->first,      r->pack,        r->step_first, r->scratch,
                    r->packed_of,  r->natural_of, r->start_first, r->start_row};
    void *device[] = {r->d_first,       r->d_step_first, r->d_packed_of, r->d_natural_of,
                      r->d_start_first, r->d_start_row,  r->d_code};

    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        crm_mem_free(host[i]);
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        if (device[i]) crm_buf_free(m->device, device[i]);
}
