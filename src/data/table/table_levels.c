/* table_levels.c - distinct texts of a column: hash set, union over the ranks, order. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_impl.h"

const char *crm_table_levels_text(const table_levels *l, int64_t i)
{
    return l->bytes + l->at[i];
}

void crm_table_levels_free(table_levels *l)
{
    crm_mem_free(l->at);
    crm_mem_free(l->bytes);
    crm_mem_free(l->slot);
    *l = (table_levels){0};
}

/* Slot that holds the text, or the free one where it belongs. */
static int64_t probe(const table_levels *l, const char *text, size_t len)
{
    uint64_t mask = (uint64_t)l->n_slots - 1, h = crm_digest_of(text, len).lo & mask;

    while (l->slot[h]) {
        const char *have = crm_table_levels_text(l, l->slot[h] - 1);
        if (strlen(have) == len && memcmp(have, text, len) == 0) break;
        h = (h + 1) & mask;
    }
    return (int64_t)h;
}

/* Twice the slots, at most half of them in use. */
static crm_status rehash(table_levels *l)
{
    int64_t n = l->n_slots ? 2 * l->n_slots : 64;

    crm_mem_free(l->slot);
    l->slot = crm_mem_new((size_t)n, sizeof *l->slot);
    l->n_slots = l->slot ? n : 0;
    CRM_CHECK(l->slot, CRM_ERR_NOMEM, "out of memory: %lld levels", (long long)n);
    for (int64_t i = 0; i < l->n; i++) {
        const char *text = crm_table_levels_text(l, i);
        l->slot[probe(l, text, strlen(text))] = (int32_t)(i + 1);
    }
    return CRM_OK;
}

static crm_status append(table_levels *l, const char *text, size_t len)
{
    if (l->n == l->cap) {
        int64_t cap = l->cap ? 2 * l->cap : 16;
        size_t *p = crm_mem_grow(l->at, (size_t)l->n, (size_t)cap, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %lld levels", (long long)cap);
        l->at = p;
        l->cap = cap;
    }
    if (l->used + len + 1 > l->room) {
        size_t room = 2 * (l->used + len + 1);
        char *p = crm_mem_grow(l->bytes, l->used, room, 1);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %zu bytes of levels", room);
        l->bytes = p;
        l->room = room;
    }
    l->at[l->n++] = l->used;
    memcpy(l->bytes + l->used, text, len);
    l->bytes[l->used + len] = '\0';
    l->used += len + 1;
    return CRM_OK;
}

crm_status crm_table_levels_add(table_levels *l, const char *text, size_t len, int64_t limit,
                                int32_t *index)
{
    int64_t h;

    *index = 0;
    if (2 * l->n >= l->n_slots) CRM_TRY(rehash(l));
    h = probe(l, text, len);
    if (!l->slot[h]) {
        if (l->n > limit) return CRM_OK;
        CRM_TRY(append(l, text, len));
        l->slot[h] = (int32_t)l->n;
    }
    *index = l->slot[h] - 1;
    return CRM_OK;
}

/* ---- union over the ranks: per rank and set, the size of its texts and the texts, each with its 0
 */
static crm_status pack(const table_levels *set, int n_sets, char **out, size_t *bytes)
{
    size_t used = 0;

    *bytes = 0;
    for (int k = 0; k < n_sets; k++)
        *bytes += sizeof(size_t) + set[k].used;
    CRM_NEW(*out, *bytes);
    for (int k = 0; k < n_sets; k++) {
        memcpy(*out + used, &set[k].used, sizeof(size_t));
        if (set[k].used) memcpy(*out + used + sizeof(size_t), set[k].bytes, set[k].used);
        used += sizeof(size_t) + set[k].used;
    }
    return CRM_OK;
}

static crm_status unpack(const char *p, size_t bytes, int n_sets, int64_t limit, table_levels *all)
{
    const char *end = p + bytes;

    for (int64_t k = 0; p < end; k++) {
        const char *stop;
        size_t used;
        memcpy(&used, p, sizeof used);
        p += sizeof used;
        for (stop = p + used; p < stop; p += strlen(p) + 1) {
            int32_t index;
            CRM_TRY(crm_table_levels_add(&all[k % n_sets], p, strlen(p), limit, &index));
        }
    }
    return CRM_OK;
}

crm_status crm_table_levels_gather(crm_comm *comm, const table_levels *mine, int n_sets,
                                   int64_t limit, table_levels *all)
{
    size_t bytes = 0, total = 0;
    void *gathered = NULL;
    char *packed = NULL;
    crm_status st = crm_comm_agree(comm, pack(mine, n_sets, &packed, &bytes));

    if (!st) st = crm_comm_allgather(comm, packed, bytes, &gathered, &total, NULL);
    crm_mem_free(packed);
    if (!st) st = crm_comm_agree(comm, unpack(gathered, total, n_sets, limit, all));
    crm_mem_free(gathered);
    return st;
}

/* ---- order ---- */
static int compare(const char *a, const char *b)
{
    double x, y;
    bool a_number = crm_parse_f64(a, strlen(a), &x), b_number = crm_parse_f64(b, strlen(b), &y);

    if (a_number != b_number) return a_number ? -1 : 1;
    if (a_number && x != y) return x < y ? -1 : 1;
    return strcmp(a, b);
}

static int compare_items(const void *a, const void *b)
{
    return compare(*(const char *const *)a, *(const char *const *)b);
}

crm_status crm_table_levels_sort(const table_levels *l, const char ***out)
{
    const char **text;

    *out = NULL;
    CRM_NEW(text, l->n);
    for (int64_t i = 0; i < l->n; i++)
        text[i] = crm_table_levels_text(l, i);
    qsort(text, (size_t)l->n, sizeof *text, compare_items);
    *out = text;
    return CRM_OK;
}

int32_t crm_table_levels_find(const char *const *sorted, int64_t n, const char *text)
{
    const char *const *hit = bsearch(&text, sorted, (size_t)n, sizeof *sorted, compare_items);

    return hit ? (int32_t)(hit - sorted) : -1;
}
