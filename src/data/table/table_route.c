/* table_route.c - exchange of items between the ranks by a plan that serves many columns. */
#include "table_route.h"

#include <string.h>

#include "crmpi/base_mem.h"

static crm_status make(const int32_t *to, int64_t n, int ranks, table_route *r)
{
    int64_t *next;

    CRM_NEW(r->place, n);
    CRM_NEW(r->out, ranks);
    CRM_NEW(r->in, ranks);
    CRM_NEW(next, ranks);
    for (int64_t i = 0; i < n; i++)
        if (to[i] >= 0) r->out[to[i]]++;
    for (int q = 0; q < ranks; q++) {
        next[q] = r->n_out;
        r->n_out += r->out[q];
    }
    for (int64_t i = 0; i < n; i++)
        r->place[i] = to[i] < 0 ? -1 : next[to[i]]++;
    crm_mem_free(next);
    return CRM_OK;
}

static crm_status swap_counts(table_route *r)
{
    int ranks = crm_comm_size(r->comm);
    size_t *one = crm_mem_new((size_t)ranks, sizeof *one);
    size_t *got = crm_mem_new((size_t)ranks, sizeof *got);
    void *in = NULL;
    crm_status st = CRM_OK;

    if (!one || !got) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d ranks", ranks);
    for (int q = 0; !st && q < ranks; q++)
        one[q] = sizeof *r->out;
    st = crm_comm_agree(r->comm, st);
    if (!st) st = crm_comm_exchange(r->comm, r->out, one, &in, got);
    for (int q = 0; !st && q < ranks; q++) {
        memcpy(&r->in[q], (const char *)in + (size_t)q * sizeof *r->in, sizeof *r->in);
        r->n_in += r->in[q];
    }
    crm_mem_free(in);
    crm_mem_free(got);
    crm_mem_free(one);
    return st;
}

crm_status crm_table_route_new(crm_comm *comm, const int32_t *to, int64_t n, table_route *r)
{
    *r = (table_route){.comm = comm, .n = n};
    CRM_TRY(crm_comm_agree(comm, make(to, n, crm_comm_size(comm), r)));
    return swap_counts(r);
}

void crm_table_route_free(table_route *r)
{
    crm_mem_free(r->place);
    crm_mem_free(r->out);
    crm_mem_free(r->in);
    *r = (table_route){0};
}

/* ---- items ---- */

/* Bytes to and from each rank. */
typedef struct parcel {
    char *send;
    size_t *to, *from; /* [ranks] */
} parcel;

static void drop(parcel *p)
{
    crm_mem_free(p->send);
    crm_mem_free(p->to);
    crm_mem_free(p->from);
}

static crm_status new_parcel(int ranks, const int64_t *count, int64_t n, size_t size, parcel *p)
{
    CRM_NEW(p->to, ranks);
    CRM_NEW(p->from, ranks);
    p->send = crm_mem_new((size_t)n, size);
    CRM_CHECK(p->send, CRM_ERR_NOMEM, "out of memory: %lld items to other ranks", (long long)n);
    for (int q = 0; q < ranks; q++)
        p->to[q] = (size_t)count[q] * size;
    return CRM_OK;
}

crm_status crm_table_route_items(const table_route *r, const void *items, size_t size, void **in)
{
    parcel p = {0};
    crm_status st = new_parcel(crm_comm_size(r->comm), r->out, r->n_out, size, &p);

    *in = NULL;
    for (int64_t i = 0; !st && i < r->n; i++)
        if (r->place[i] >= 0)
            memcpy(p.send + (size_t)r->place[i] * size, (const char *)items + (size_t)i * size,
                   size);
    st = crm_comm_agree(r->comm, st);
    if (!st) st = crm_comm_exchange(r->comm, p.send, p.to, in, p.from);
    drop(&p);
    return st;
}

crm_status crm_table_route_back(const table_route *r, const void *answer, size_t size, void *out)
{
    parcel p = {0};
    void *got = NULL;
    crm_status st = new_parcel(crm_comm_size(r->comm), r->in, 0, size, &p);

    st = crm_comm_agree(r->comm, st);
    if (!st) st = crm_comm_exchange(r->comm, answer, p.to, &got, p.from);
    for (int64_t i = 0; !st && i < r->n; i++)
        if (r->place[i] >= 0)
            memcpy((char *)out + (size_t)i * size, (char *)got + (size_t)r->place[i] * size, size);
    crm_mem_free(got);
    drop(&p);
    return st;
}

/* ---- texts ---- */

/* Texts in the order in which they are sent, and the bytes to each rank. */
static crm_status pack_texts(const table_route *r, const int64_t *end, const char *bytes, parcel *p)
{
    int ranks = crm_comm_size(r->comm);
    int64_t *at, total = 0, first = 0;

    CRM_NEW(at, r->n_out + 1);
    for (int64_t i = 0; i < r->n; i++)
        if (r->place[i] >= 0) at[r->place[i]] = end[i] - (i ? end[i - 1] : 0);
    for (int64_t k = 0; k <= r->n_out; k++) {
        int64_t len = k < r->n_out ? at[k] : 0;
        at[k] = total;
        total += len;
    }
    p->send = crm_mem_new((size_t)total, 1);
    for (int64_t i = 0; p->send && i < r->n; i++) {
        int64_t from = i ? end[i - 1] : 0;
        if (r->place[i] >= 0 && end[i] > from)
            memcpy(p->send + at[r->place[i]], bytes + from, (size_t)(end[i] - from));
    }
    for (int q = 0; q < ranks; first += r->out[q++])
        p->to[q] = (size_t)(at[first + r->out[q]] - at[first]);
    crm_mem_free(at);
    CRM_CHECK(p->send, CRM_ERR_NOMEM, "out of memory: %lld bytes of texts", (long long)total);
    return CRM_OK;
}

static crm_status lengths(const table_route *r, const int64_t *end, int64_t **in_end)
{
    int64_t *len = crm_mem_new((size_t)r->n, sizeof *len), sum = 0;
    void *in = NULL;
    crm_status st = CRM_OK;

    if (!len) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld texts", (long long)r->n);
    for (int64_t i = 0; !st && i < r->n; i++)
        len[i] = end[i] - (i ? end[i - 1] : 0);
    st = crm_comm_agree(r->comm, st);
    if (!st) st = crm_table_route_items(r, len, sizeof *len, &in);
    crm_mem_free(len);
    *in_end = in;
    for (int64_t i = 0; !st && i < r->n_in; i++)
        (*in_end)[i] = sum += (*in_end)[i];
    return st;
}

crm_status crm_table_route_texts(const table_route *r, const int64_t *end, const char *bytes,
                                 int64_t **in_end, char **in_bytes)
{
    parcel p = {0};
    void *in = NULL;
    crm_status st;

    *in_bytes = NULL;
    CRM_TRY(lengths(r, end, in_end));
    st = new_parcel(crm_comm_size(r->comm), r->out, 0, 1, &p);
    crm_mem_free(p.send);
    p.send = NULL;
    if (!st) st = pack_texts(r, end, bytes, &p);
    st = crm_comm_agree(r->comm, st);
    if (!st) st = crm_comm_exchange(r->comm, p.send, p.to, &in, p.from);
    *in_bytes = in;
    drop(&p);
    return st;
}
