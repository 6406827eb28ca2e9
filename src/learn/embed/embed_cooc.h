/* embed_cooc.h - how often words stand near each other (room embed). */
#ifndef CRM_EMBED_COOC_H
#define CRM_EMBED_COOC_H

#include "embed_impl.h"

/** key: 1 + word n_words + other; units: the sum of 1 / distance. */
typedef struct embed_cooc_item {
    uint64_t key;
    int64_t units;
} embed_cooc_item;
double embed_cooc_count(const embed_cooc_item *i);
/** Of all words of the corpus with words at most window away in the same document, both ways,
 * sorted; the same on every rank.  *out is the caller's (crm_mem_free).  Collective. */
CRM_CHECKED embed_cooc(crm_comm *comm, const crm_corpus *x, int64_t window, embed_cooc_item **out,
                       int64_t *n);
#endif
