/* table_conll.h - a CoNLL file while it is read; shared by the files of room table only. */
#ifndef CRM_TABLE_CONLL_PRIVATE_H
#define CRM_TABLE_CONLL_PRIVATE_H

#include "crmpi/table_conll.h"

/** Distinct texts, numbered as they come. */
typedef struct conll_names {
    int64_t n, cap, slots; /* slots: a power of two */
    char **item;           /* [n]                   */
    int64_t *slot;         /* [slots] number + 1    */
} conll_names;

enum { CONLL_FILES = 2, CONLL_OUTSIDE = -1, CONLL_NO_TAG = -2 };
typedef struct conll {
    char *text[CONLL_FILES]; /* of the file, of the test file; NULL: none */
    size_t bytes[CONLL_FILES];
    conll_names words, types;
    int64_t n_tokens, n_sentences, n_rows, test_rows;
    int32_t *token,
        *tag; /* [n_tokens] number of the word; 2 type, 2 type + 1 inside, or the above */
    int64_t *sentence_first, *row_first; /* [n_sentences + 1], [n_rows + 1] */
    int32_t *part;                       /* [n_rows]                        */
    int32_t *zero;                       /* [n_sentences]                   */
} conll;

/** Read the files as they are.  Not collective, like all here. */
CRM_CHECKED crm_conll_load(const crm_conll_cfg *cfg, const char *path, conll *c);
/** Texts to tokens. */
CRM_CHECKED crm_conll_parse(const crm_conll_cfg *cfg, const char *path, conll *c);
void crm_conll_drop(conll *c);
#endif
