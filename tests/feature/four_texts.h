/* four_texts.h - four customers with five short documents, and the same with another dictionary:
 * for the tests of transforms of documents. */
#ifndef CRM_FOUR_TEXTS_H
#define CRM_FOUR_TEXTS_H

#include "feature/small_data.h"

static const char *const ft_words[] = {"good", "bad", "the", "late"};
/* "the good good", "the bad" | "the good" | "the late" | no documents */
static const int32_t ft_tokens[] = {2, 0, 0, 2, 1, 2, 0, 2, 3};
/* The same texts, the dictionary in another order. */
static const char *const ft_other_words[] = {"late", "the", "good", "bad"};
static const int32_t ft_other_tokens[] = {1, 2, 2, 1, 3, 1, 2, 1, 0};

static inline sd_spec ft_spec(const char *const *word, const int32_t *token)
{
    static const char *const classes[] = {"no", "yes"};
    static const int64_t doc_first[] = {0, 2, 3, 4, 4}, token_first[] = {0, 3, 5, 7, 9};
    static const int32_t labels[4] = {0, 1, 0, 1};

    return (sd_spec){.n = 4,
                     .n_classes = 2,
                     .class_name = classes,
                     .label = labels,
                     .doc_first = doc_first,
                     .token_first = token_first,
                     .token = token,
                     .n_words = 4,
                     .word = word};
}
#endif
