/* estimator_sparse.c - rows with few values among many columns, put together entry by entry. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "estimator_impl.h"

/* Entries up to number `at`. */
static crm_status room_for(crm_sparse *s, int64_t at)
{
    int64_t more = at + at / 2 + 256;
    int32_t *id;
    float *value;

    if (at < s->room) return CRM_OK;
    id = crm_mem_grow(s->id, (size_t)s->room, (size_t)more, sizeof *id);
    CRM_CHECK(id, CRM_ERR_NOMEM, "out of memory: %lld entries of sparse rows", (long long)more);
    s->id = id;
    value = crm_mem_grow(s->value, (size_t)s->room, (size_t)more, sizeof *value);
    CRM_CHECK(value, CRM_ERR_NOMEM, "out of memory: %lld entries of sparse rows", (long long)more);
    s->value = value;
    s->room = more;
    return CRM_OK;
}

/* first[0 .. row + 1] are there. */
static crm_status room_for_row(crm_sparse *s, int64_t row)
{
    int64_t more = row + row / 2 + 64;
    int64_t *first;

    if (row + 2 <= s->room_rows) return CRM_OK;
    first = crm_mem_grow(s->first, (size_t)s->room_rows, (size_t)more, sizeof *first);
    CRM_CHECK(first, CRM_ERR_NOMEM, "out of memory: %lld sparse rows", (long long)more);
    if (!s->first) first[0] = first[1] = 0;
    s->first = first;
    s->room_rows = more;
    return CRM_OK;
}

/* first[n + 1] is the end of the row in the making. */
crm_status crm_sparse_add(crm_sparse *s, int32_t id, float value)
{
    CRM_TRY(room_for_row(s, s->n));
    CRM_TRY(room_for(s, s->first[s->n + 1]));
    s->id[s->first[s->n + 1]] = id;
    s->value[s->first[s->n + 1]++] = value;
    return CRM_OK;
}

crm_status crm_sparse_end_row(crm_sparse *s)
{
    CRM_TRY(room_for_row(s, s->n + 1));
    s->n++;
    s->first[s->n + 1] = s->first[s->n];
    return CRM_OK;
}

crm_status crm_sparse_add_rows(crm_sparse *s, const crm_sparse *other, int64_t first, int64_t n)
{
    int64_t from, entries, at;

    if (n == 0) return CRM_OK;
    CRM_TRY(room_for_row(s, s->n + n));
    from = other->first[first];
    entries = other->first[first + n] - from;
    at = s->first[s->n];
    if (entries > 0) {
        CRM_TRY(room_for(s, at + entries - 1));
        memcpy(s->id + at, other->id + from, (size_t)entries * sizeof *s->id);
        memcpy(s->value + at, other->value + from, (size_t)entries * sizeof *s->value);
    }
    for (int64_t i = 1; i <= n; i++)
        s->first[s->n + i] = at + other->first[first + i] - from;
    s->n += n;
    s->first[s->n + 1] = s->first[s->n];
    return CRM_OK;
}

void crm_sparse_clear(crm_sparse *s)
{
    s->n = 0;
    if (s->first) s->first[0] = s->first[1] = 0;
}

void crm_sparse_free(crm_sparse *s)
{
    crm_mem_free(s->first);
    crm_mem_free(s->id);
    crm_mem_free(s->value);
    *s = (crm_sparse){0};
}
