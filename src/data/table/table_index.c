/* table_index.c - rows found by key over all ranks.
 *
 * Each key is kept by one rank, chosen by its bits.  There the keys stand in buckets of about two,
 * chosen by other bits; those of a bucket are sorted, and of equal ones the first row stays.  24
 * bytes for each key and 4 for each bucket. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_frame.h"
#include "table_route.h"

struct table_index {
    crm_comm *comm;
    int64_t n; /* distinct keys of this rank */
    int shift; /* key.lo >> shift is the bucket  */
    int64_t n_buckets;
    int64_t *bucket; /* [n_buckets + 1] first key of each */
    crm_digest *key; /* [n] */
    int64_t *row;    /* [n] */
};

static bool is_missing(crm_digest k)
{
    return k.hi == 0 && k.lo == 0;
}

/* Rank that keeps each key; -1: missing. */
static crm_status owners(crm_comm *comm, const crm_digest *key, int64_t n, int32_t **to)
{
    uint64_t ranks = (uint64_t)crm_comm_size(comm);

    CRM_NEW(*to, n);
    for (int64_t i = 0; i < n; i++)
        (*to)[i] = is_missing(key[i]) ? -1 : (int32_t)(key[i].hi % ranks);
    return CRM_OK;
}

static crm_status new_route(crm_comm *comm, const crm_digest *key, int64_t n, table_route *r)
{
    int32_t *to = NULL;
    crm_status st;

    *r = (table_route){0};
    st = crm_comm_agree(comm, owners(comm, key, n, &to));
    if (!st) st = crm_table_route_new(comm, to, n, r);
    crm_mem_free(to);
    return st;
}

/* ---- buckets ---- */
static int order(crm_digest a, crm_digest b)
{
    if (a.hi != b.hi) return a.hi < b.hi ? -1 : 1;
    return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

static int64_t bucket_of(const table_index *x, crm_digest k)
{
    return x->shift > 63 ? 0 : (int64_t)(k.lo >> x->shift);
}

static crm_status make_buckets(table_index *x, const crm_digest *key, int64_t n)
{
    int bits = 0;

    while (bits < 40 && (INT64_C(2) << bits) < n)
        bits++;
    x->shift = 64 - bits;
    x->n_buckets = INT64_C(1) << bits;
    CRM_NEW(x->bucket, x->n_buckets + 1);
    CRM_NEW(x->key, n);
    CRM_NEW(x->row, n);
    for (int64_t i = 0; i < n; i++)
        x->bucket[bucket_of(x, key[i]) + 1]++;
    for (int64_t b = 0; b < x->n_buckets; b++)
        x->bucket[b + 1] += x->bucket[b];
    return CRM_OK;
}

/* Add a key to the m sorted ones of a bucket unless it is there with an earlier row; the new number
 * of keys. */
static int64_t insert(crm_digest *key, int64_t *row, int64_t m, crm_digest k, int64_t at)
{
    int64_t i = m;

    while (i > 0 && order(key[i - 1], k) > 0)
        i--;
    if (i > 0 && order(key[i - 1], k) == 0) {
        if (at < row[i - 1]) row[i - 1] = at;
        return m;
    }
    memmove(key + i + 1, key + i, (size_t)(m - i) * sizeof *key);
    memmove(row + i + 1, row + i, (size_t)(m - i) * sizeof *row);
    key[i] = k;
    row[i] = at;
    return m + 1;
}

/* Move the keys of the buckets together, once each bucket b has used[b] of its room. */
static void close_gaps(table_index *x, const int64_t *used)
{
    int64_t n = 0;

    for (int64_t b = 0; b < x->n_buckets; b++) {
        int64_t from = x->bucket[b];
        memmove(x->key + n, x->key + from, (size_t)used[b] * sizeof *x->key);
        memmove(x->row + n, x->row + from, (size_t)used[b] * sizeof *x->row);
        x->bucket[b] = n;
        n += used[b];
    }
    x->bucket[x->n_buckets] = x->n = n;
}

static crm_status fill(table_index *x, const crm_digest *key, const int64_t *row, int64_t n)
{
    int64_t *used;

    CRM_TRY(make_buckets(x, key, n));
    CRM_NEW(used, x->n_buckets);
    for (int64_t i = 0; i < n; i++) {
        int64_t b = bucket_of(x, key[i]), at = x->bucket[b];
        used[b] = insert(x->key + at, x->row + at, used[b], key[i], row[i]);
    }
    close_gaps(x, used);
    crm_mem_free(used);
    return CRM_OK;
}

static int64_t look_up(const table_index *x, crm_digest k)
{
    int64_t b = bucket_of(x, k), lo = x->bucket[b], hi = x->bucket[b + 1];

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int c = order(x->key[mid], k);
        if (c == 0) return x->row[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

/* ---- over all ranks ---- */
/* The rows that go with the keys that come in. */
static crm_status send_rows(const table_route *r, int64_t before, void **row)
{
    int64_t *mine = crm_mem_new((size_t)r->n, sizeof *mine);
    crm_status st = CRM_OK;

    if (!mine) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)r->n);
    for (int64_t i = 0; mine && i < r->n; i++)
        mine[i] = before + i;
    st = crm_comm_agree(r->comm, st);
    if (!st) st = crm_table_route_items(r, mine, sizeof *mine, row);
    crm_mem_free(mine);
    return st;
}

crm_status crm_table_index_new(crm_comm *comm, const crm_digest *key, int64_t n, int64_t before,
                               int64_t *repeated, table_index **out)
{
    table_index *x = crm_mem_new(1, sizeof *x);
    void *in_key = NULL, *in_row = NULL;
    table_route r = {0};
    int64_t more = 0;
    crm_status st = CRM_OK;

    *out = NULL;
    if (!x) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: an index");
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    x->comm = comm;
    CRM_TRY_TO(st, done, new_route(comm, key, n, &r));
    CRM_TRY_TO(st, done, crm_table_route_items(&r, key, sizeof *key, &in_key));
    CRM_TRY_TO(st, done, send_rows(&r, before, &in_row));
    CRM_TRY_TO(st, done, crm_comm_agree(comm, fill(x, in_key, in_row, r.n_in)));
    more = r.n_in - x->n;
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, &more, 1));
    *out = x;
    x = NULL;
done:
    if (repeated) *repeated = more;
    crm_mem_free(in_key);
    crm_mem_free(in_row);
    crm_table_route_free(&r);
    crm_table_index_free(&x);
    return st;
}

crm_status crm_table_index_find(crm_comm *comm, const table_index *x, const crm_digest *key,
                                int64_t n, int64_t *row)
{
    void *in_key = NULL;
    int64_t *hit = NULL;
    table_route r;
    crm_status st = CRM_OK;

    CRM_TRY_TO(st, done, new_route(comm, key, n, &r));
    CRM_TRY_TO(st, done, crm_table_route_items(&r, key, sizeof *key, &in_key));
    hit = crm_mem_new((size_t)r.n_in, sizeof *hit);
    if (!hit) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)r.n_in);
    for (int64_t i = 0; hit && i < r.n_in; i++)
        hit[i] = look_up(x, ((const crm_digest *)in_key)[i]);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    for (int64_t i = 0; i < n; i++)
        row[i] = -1;
    CRM_TRY_TO(st, done, crm_table_route_back(&r, hit, sizeof *hit, row));
done:
    crm_mem_free(in_key);
    crm_mem_free(hit);
    crm_table_route_free(&r);
    return st;
}

void crm_table_index_free(table_index **xp)
{
    table_index *x = *xp;

    *xp = NULL;
    if (!x) return;
    crm_mem_free(x->bucket);
    crm_mem_free(x->key);
    crm_mem_free(x->row);
    crm_mem_free(x);
}
