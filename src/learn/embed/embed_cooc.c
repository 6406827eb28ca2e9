/* embed_cooc.c - how often words stand near each other, exact over ranks.
 *
 * A pair of words at distance d counts 1/d, in whole units of 2^-24, so that the order of the sum
 * and who counted what do not matter.  Each rank counts a share of the documents, the owner of a
 * word (word modulo ranks) adds up what all have of it, and every rank gets all, sorted. */
#include <stdlib.h>
#include <string.h>

#include "embed_cooc.h"

enum { UNIT_BITS = 24, FIRST_SLOTS = 1 << 16 };

/* Open addressing; key 0 is an empty slot, so that keys are one more than word * n_words + other.
 */
typedef struct counts {
    embed_cooc_item *slot;
    uint64_t n_slots, used;
} counts;

static uint64_t slot_of(const counts *c, uint64_t key)
{
    uint64_t at = (key * 0x9E3779B97F4A7C15u) >> 20;

    for (at &= c->n_slots - 1; c->slot[at].key && c->slot[at].key != key;)
        at = (at + 1) & (c->n_slots - 1);
    return at;
}

static crm_status grow(counts *c)
{
    counts next = {.n_slots = c->n_slots ? 2 * c->n_slots : FIRST_SLOTS, .used = c->used};

    CRM_NEW(next.slot, next.n_slots);
    for (uint64_t i = 0; i < c->n_slots; i++)
        if (c->slot[i].key) next.slot[slot_of(&next, c->slot[i].key)] = c->slot[i];
    crm_mem_free(c->slot);
    *c = next;
    return CRM_OK;
}

static crm_status add(counts *c, uint64_t key, int64_t units)
{
    embed_cooc_item *s;

    if (2 * c->used >= c->n_slots) CRM_TRY(grow(c));
    s = &c->slot[slot_of(c, key)];
    c->used += s->key == 0;
    s->key = key;
    s->units += units;
    return CRM_OK;
}

static uint64_t key_of(const crm_corpus *x, int32_t a, int32_t b)
{
    return (uint64_t)a * (uint64_t)x->n_words + (uint64_t)b + 1;
}

/* Words that are not in the vocabulary take no room between others.  before: room for the last
 * window words, as a ring. */
static crm_status count_document(const crm_corpus *x, int64_t d, int64_t window, int32_t *before,
                                 counts *c)
{
    int64_t n = 0;

    for (int64_t i = x->first[d]; i < x->first[d + 1]; i++) {
        int32_t a = x->token[i];
        if (a < 0) continue;
        for (int64_t far = 1; far <= window && far <= n; far++) {
            int32_t b = before[(n - far) % window];
            int64_t units = (((int64_t)1 << UNIT_BITS) + far / 2) / far;
            CRM_TRY(add(c, key_of(x, a, b), units));
            CRM_TRY(add(c, key_of(x, b, a), units));
        }
        before[n++ % window] = a;
    }
    return CRM_OK;
}

/* Documents [first, end) of this rank: about as many tokens on each. */
static crm_status count_share(const crm_corpus *x, int64_t window, int rank, int size, counts *c)
{
    int64_t begin = x->first[0], tokens = x->first[x->n_documents] - begin;
    int64_t from = begin + tokens / size * rank, to = begin + tokens / size * (rank + 1);
    int32_t *before;
    crm_status st = CRM_OK;

    CRM_NEW(before, window);
    for (int64_t d = 0; !st && d < x->n_documents; d++)
        if (x->first[d] >= from && (x->first[d] < to || rank == size - 1))
            st = count_document(x, d, window, before, c);
    crm_mem_free(before);
    return st;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const embed_cooc_item *)a)->key, y = ((const embed_cooc_item *)b)->key;

    return x < y ? -1 : x > y;
}

/* Slots in use to the front, sorted. */
static void settle(counts *c)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < c->n_slots; i++)
        if (c->slot[i].key) c->slot[n++] = c->slot[i];
    if (n) qsort(c->slot, n, sizeof *c->slot, by_key);
}

/* ---- over ranks ---- */
static int owner(const crm_corpus *x, const embed_cooc_item *i, int size)
{
    return (int)((i->key - 1) / (uint64_t)x->n_words % (uint64_t)size);
}

/* What this rank has of each owner's words, in the order of the owners. */
static crm_status deal(const crm_corpus *x, const counts *c, int size, embed_cooc_item **send,
                       size_t *bytes)
{
    size_t *at;
    crm_status st = CRM_OK;

    *send = NULL;
    CRM_NEW_TO(st, done, at, size + 1);
    CRM_NEW_TO(st, done, *send, c->used);
    memset(bytes, 0, (size_t)size * sizeof *bytes);
    for (uint64_t i = 0; i < c->used; i++)
        bytes[owner(x, &c->slot[i], size)] += sizeof **send;
    for (int r = 0; r < size; r++)
        at[r + 1] = at[r] + bytes[r] / sizeof **send;
    for (uint64_t i = 0; i < c->used; i++)
        (*send)[at[owner(x, &c->slot[i], size)]++] = c->slot[i];
done:
    crm_mem_free(at);
    return st;
}

static crm_status merge(const embed_cooc_item *item, size_t n, counts *c)
{
    crm_mem_free(c->slot);
    *c = (counts){0};
    for (size_t i = 0; i < n; i++)
        CRM_TRY(add(c, item[i].key, item[i].units));
    settle(c);
    return CRM_OK;
}

static crm_status add_up(crm_comm *comm, const crm_corpus *x, counts *c)
{
    int size = crm_comm_size(comm);
    size_t *send_bytes = crm_mem_new((size_t)size, sizeof(size_t));
    size_t *recv_bytes = crm_mem_new((size_t)size, sizeof(size_t)), total = 0;
    embed_cooc_item *send = NULL;
    void *all = NULL;
    crm_status st = CRM_OK;

    if (!send_bytes || !recv_bytes) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: co-occurrences");
    if (!st) st = deal(x, c, size, &send, send_bytes);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done, crm_comm_exchange(comm, send, send_bytes, &all, recv_bytes));
    for (int r = 0; r < size; r++)
        total += recv_bytes[r];
    st = merge(all, total / sizeof *c->slot, c);
    crm_mem_free(all);
    all = NULL;
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, done,
               crm_comm_allgather(comm, c->slot, c->used * sizeof *c->slot, &all, &total, NULL));
    crm_mem_free(c->slot);
    c->slot = all;
    c->used = total / sizeof *c->slot;
    if (c->used) qsort(c->slot, c->used, sizeof *c->slot, by_key);
done:
    crm_mem_free(send);
    crm_mem_free(send_bytes);
    crm_mem_free(recv_bytes);
    return st;
}

double embed_cooc_count(const embed_cooc_item *i)
{
    return (double)i->units / (double)(1 << UNIT_BITS);
}

crm_status embed_cooc(crm_comm *comm, const crm_corpus *x, int64_t window, embed_cooc_item **out,
                      int64_t *n)
{
    counts c = {0};
    int rank = comm ? crm_comm_rank(comm) : 0, size = comm ? crm_comm_size(comm) : 1;
    crm_status st = count_share(x, window, rank, size, &c);

    *out = NULL;
    *n = 0;
    if (!st) settle(&c);
    if (comm) st = crm_comm_agree(comm, st);
    if (!st && size > 1) st = add_up(comm, x, &c);
    if (st) {
        crm_mem_free(c.slot);
        return st;
    }
    *out = c.slot;
    *n = (int64_t)c.used;
    return CRM_OK;
}
