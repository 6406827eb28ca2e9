/* table_take.c - values of rows that other ranks have. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_relate.h"

crm_status crm_table_firsts(crm_comm *comm, int64_t n, int64_t **first)
{
    int ranks = crm_comm_size(comm);
    size_t bytes;
    void *all = NULL;
    crm_status st = CRM_OK;

    *first = crm_mem_new((size_t)ranks + 1, sizeof **first);
    if (!*first) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d ranks", ranks);
    st = crm_comm_agree(comm, st);
    if (!st) st = crm_comm_allgather(comm, &n, sizeof n, &all, &bytes, NULL);
    for (int r = 0; !st && r < ranks; r++)
        (*first)[r + 1] = (*first)[r] + ((const int64_t *)all)[r];
    crm_mem_free(all);
    return st;
}

/* Rank that has a row; -1: none. */
static int32_t owner(const int64_t *first, int ranks, int64_t row)
{
    int lo = 0, hi = ranks;

    if (row < 0 || row >= first[ranks]) return -1;
    while (hi - lo > 1) {
        int mid = lo + (hi - lo) / 2;
        if (first[mid] <= row)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

crm_status crm_table_owners(crm_comm *comm, const int64_t *first, const int64_t *row, int64_t n,
                            int32_t **to)
{
    int ranks = crm_comm_size(comm);

    CRM_NEW(*to, n);
    for (int64_t i = 0; i < n; i++)
        (*to)[i] = owner(first, ranks, row[i]);
    return CRM_OK;
}

/* The route by which this rank asks for the rows, and the rows that others ask of it (counted from
 * its first).  Collective. */
static crm_status ask(crm_comm *comm, const int64_t *first, const int64_t *row, int64_t n,
                      table_route *r, int64_t **asked)
{
    int64_t here = first[crm_comm_rank(comm)];
    int32_t *to = NULL;
    void *in = NULL;
    crm_status st = crm_comm_agree(comm, crm_table_owners(comm, first, row, n, &to));

    *r = (table_route){0};
    *asked = NULL;
    if (!st) st = crm_table_route_new(comm, to, n, r);
    crm_mem_free(to);
    if (!st) st = crm_table_route_items(r, row, sizeof *row, &in);
    *asked = in;
    for (int64_t i = 0; !st && i < r->n_in; i++)
        (*asked)[i] -= here;
    return st;
}

crm_status crm_table_take(crm_comm *comm, const int64_t *first, const void *items, size_t size,
                          const int64_t *row, int64_t n, void *out)
{
    int64_t *asked = NULL;
    char *answer = NULL;
    table_route r;
    crm_status st;

    CRM_TRY_TO(st, done, ask(comm, first, row, n, &r, &asked));
    answer = crm_mem_new((size_t)r.n_in, size);
    if (!answer) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld items", (long long)r.n_in);
    for (int64_t i = 0; answer && i < r.n_in; i++)
        memcpy(answer + (size_t)i * size, (const char *)items + (size_t)asked[i] * size, size);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, crm_table_route_back(&r, answer, size, out));
done:
    crm_mem_free(answer);
    crm_mem_free(asked);
    crm_table_route_free(&r);
    return st;
}
