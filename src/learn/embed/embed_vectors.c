/* embed_vectors.c - words with their vectors: life cycle, and a hash table over the words. */
#include <string.h>

#include "embed_impl.h"

const char *const crm_vectors_format_names[] = {"glove", "word2vec", "binary", NULL};

void crm_vectors_free(crm_vectors *v)
{
    for (int64_t i = 0; v->word && i < v->n; i++)
        crm_mem_free(v->word[i]);
    crm_mem_free(v->word);
    crm_mem_free(v->value);
    *v = (crm_vectors){0};
}

struct crm_vectors_index {
    const crm_vectors *v;
    int64_t *slot; /* [n_slots] row + 1; 0: free */
    uint64_t n_slots;
};

/* FNV-1a, with a last step that spreads it. */
static uint64_t hash(const char *word)
{
    uint64_t h = 0xCBF29CE484222325u;

    for (const unsigned char *p = (const unsigned char *)word; *p; p++)
        h = (h ^ *p) * 0x100000001B3u;
    return h ^ h >> 32;
}

static uint64_t slot_of(const crm_vectors_index *x, const char *word)
{
    uint64_t at = hash(word) & (x->n_slots - 1);

    while (x->slot[at] && strcmp(x->v->word[x->slot[at] - 1], word) != 0)
        at = (at + 1) & (x->n_slots - 1);
    return at;
}

crm_status crm_vectors_index_new(const crm_vectors *v, crm_vectors_index **out)
{
    crm_vectors_index *x = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW_TO(st, fail, x, 1);
    x->v = v;
    for (x->n_slots = 16; x->n_slots < 2 * (uint64_t)v->n;)
        x->n_slots *= 2;
    CRM_NEW_TO(st, fail, x->slot, x->n_slots);
    for (int64_t i = 0; i < v->n; i++) {
        int64_t *s = &x->slot[slot_of(x, v->word[i])];
        if (!*s) *s = i + 1;
    }
    *out = x;
    return CRM_OK;
fail:
    crm_vectors_index_free(&x);
    return st;
}

int64_t crm_vectors_find(const crm_vectors_index *x, const char *word)
{
    return x->slot[slot_of(x, word)] - 1;
}

void crm_vectors_index_free(crm_vectors_index **x)
{
    if (*x) crm_mem_free((*x)->slot);
    crm_mem_free(*x);
    *x = NULL;
}
