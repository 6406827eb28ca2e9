/* text_vocab.c - the vocabulary: counted words chosen and numbered, and found again by a hash table
 * with open addressing (ids in the slots, 0 is empty; at most half full). */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "text_impl.h"

struct crm_vocab {
    int64_t size;
    const char **word; /* [size], into text */
    char *text;        /* the words, each with its 0 */
    int32_t *slot;     /* [mask + 1] ids */
    uint64_t mask;
};

void crm_text_tally(crm_text_count what, const int64_t *token_first, const int32_t *token,
                    int64_t first, int64_t end, int64_t n_words, int64_t *seen, int64_t *count)
{
    for (int64_t d = first; d < end; d++)
        for (int64_t t = token_first[d]; t < token_first[d + 1]; t++) {
            int32_t w = token[t];
            if (w < 0 || w >= n_words) continue;
            if (what == CRM_TEXT_DOCUMENTS) {
                if (seen[w] == d + 1) continue;
                seen[w] = d + 1;
            }
            count[w]++;
        }
}

/* ---- search ---- */

/* The slot of a word: the one that holds its id, or the empty one where it would stand. */
static uint64_t slot_of(const crm_vocab *v, const char *word)
{
    uint64_t i = crm_digest_of(word, strlen(word)).lo & v->mask;

    while (v->slot[i] && strcmp(v->word[v->slot[i] - 1], word) != 0)
        i = (i + 1) & v->mask;
    return i;
}

int32_t crm_vocab_find(const crm_vocab *v, const char *word)
{
    return v->slot[slot_of(v, word)];
}

void crm_vocab_map(const crm_vocab *v, int64_t n_words, const char *const *word, int32_t *id)
{
    for (int64_t i = 0; i < n_words; i++)
        id[i] = crm_vocab_find(v, word[i]);
}

/* The 3-gram of " word " with the lowest hash: two words have the same one with the probability of
 * |A and B| / |A or B| of their sets of 3-grams (Broder 1997).  Bytes, not characters. */
static uint64_t min_hash(const char *word)
{
    char gram[3] = {' ', ' ', ' '};
    uint64_t least = UINT64_MAX;

    for (const char *s = word; s == word || s[-1]; s++) {
        uint64_t h;
        gram[0] = gram[1];
        gram[1] = gram[2];
        gram[2] = *s ? *s : ' ';
        if (s == word && word[0] && word[1]) continue;
        h = crm_digest_of(gram, sizeof gram).lo;
        if (h < least) least = h;
    }
    return least;
}

int32_t crm_vocab_id(const crm_vocab *v, const crm_text_cfg *cfg, const char *word)
{
    int32_t id = crm_vocab_find(v, word);

    if (id != CRM_VOCAB_ABSENT || cfg->unknown == CRM_UNKNOWN_ABSENT) return id;
    if (cfg->unknown == CRM_UNKNOWN_ONE) return (int32_t)v->size + 1;
    return (int32_t)(v->size + 1 + (int64_t)(min_hash(word) % (uint64_t)cfg->buckets));
}

int64_t crm_vocab_size(const crm_vocab *v)
{
    return v->size;
}

const char *const *crm_vocab_words(const crm_vocab *v)
{
    return v->word;
}

/* ---- making ---- */

static crm_status reserve(crm_vocab *v, int64_t n, size_t bytes)
{
    uint64_t slots = 2;

    while (slots < 2 * (uint64_t)n)
        slots *= 2;
    CRM_NEW(v->word, n);
    CRM_NEW(v->text, bytes);
    CRM_NEW(v->slot, slots);
    v->mask = slots - 1;
    return CRM_OK;
}

static crm_status fill(crm_vocab *v, int64_t n, const char *const *word)
{
    char *to;
    size_t bytes = 0;

    for (int64_t i = 0; i < n; i++)
        bytes += strlen(word[i]) + 1;
    CRM_TRY(reserve(v, n, bytes));
    to = v->text;
    for (int64_t i = 0; i < n; i++) {
        uint64_t s = slot_of(v, word[i]);
        size_t length = strlen(word[i]) + 1;
        CRM_CHECK(!v->slot[s], CRM_ERR_FORMAT,
                  "the word '%.80s' is twice in a vocabulary or a dictionary", word[i]);
        v->word[i] = memcpy(to, word[i], length);
        v->slot[s] = (int32_t)++v->size;
        to += length;
    }
    return CRM_OK;
}

crm_status crm_vocab_from_list(int64_t n, const char *const *word, crm_vocab **out)
{
    crm_vocab *v = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_CHECK(n >= 0 && n < INT32_MAX, CRM_ERR_FORMAT, "a vocabulary of %lld words; 0 to %d fit",
              (long long)n, INT32_MAX - 1);
    CRM_NEW(v, 1);
    st = fill(v, n, word);
    if (st)
        crm_vocab_free(&v);
    else
        *out = v;
    return st;
}

void crm_vocab_free(crm_vocab **v)
{
    if (!*v) return;
    crm_mem_free((*v)->word);
    crm_mem_free((*v)->text);
    crm_mem_free((*v)->slot);
    crm_mem_free(*v);
    *v = NULL;
}

typedef struct candidate {
    const char *word;
    int64_t count;
} candidate;

static int commoner(const void *pa, const void *pb)
{
    const candidate *a = pa, *b = pb;

    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return strcmp(a->word, b->word); /* bytes are compared as unsigned */
}

crm_status crm_vocab_new(const crm_text_cfg *cfg, int64_t n_words, const char *const *word,
                         const int64_t *count, crm_vocab **out)
{
    candidate *c = NULL;
    const char **list = NULL;
    int64_t n = 0;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW_TO(st, done, c, n_words);
    CRM_NEW_TO(st, done, list, n_words);
    for (int64_t i = 0; i < n_words; i++)
        if (count[i] > 0 && count[i] >= cfg->min_count)
            c[n++] = (candidate){.word = word[i], .count = count[i]};
    qsort(c, (size_t)n, sizeof *c, commoner);
    if (n > cfg->max_words) n = cfg->max_words;
    for (int64_t i = 0; i < n; i++)
        list[i] = c[i].word;
    st = crm_vocab_from_list(n, list, out);
done:
    crm_mem_free(c);
    crm_mem_free(list);
    return st;
}
