/* text.h - from UTF-8 text to normal forms, and the vocabulary of a training view (room text).
 *
 * A data set holds its documents as ids into a complete dictionary of normal forms.  A model sees
 * ids of its own: each training view makes a vocabulary, and a table maps dictionary ids to it.
 *
 *     text --crm_text_split--> normal forms          (once, when a data set is made)
 *     dictionary + counts of a training view --crm_vocab_new--> vocabulary --crm_vocab_map--> id[]
 *
 * Nothing here is collective; all of it is deterministic and does not depend on the locale.
 * Functions that take a const vocabulary may run in several threads at a time. */
#ifndef CRM_TEXT_H
#define CRM_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/opt.h"

/* ---- options ---- */
typedef enum crm_text_count {
    CRM_TEXT_DOCUMENTS, /* documents that hold the word */
    CRM_TEXT_TOKENS,    /* occurrences of the word      */
    CRM_TEXT_COUNT_COUNT
} crm_text_count;
typedef struct crm_text_cfg {
    int count; /* crm_text_count: what the caller counts, see crm_text_tally */
    int64_t min_count, max_words;
} crm_text_cfg;
/** Options text.count, text.min_count and text.max_words. */
extern const crm_opt crm_text_opts[];

/* ---- normal forms ---- */
/** Takes one token: len bytes of UTF-8, at least 1, followed by a 0; valid only during the call.
 * What it returns, when not CRM_OK, ends the splitting. */
typedef crm_status (*crm_text_fn)(void *ctx, const char *token, size_t len);

/** Split len bytes of text into tokens in normal form, and hand each to fn in order of the text.
 *
 * A token is a run of letters, digits and marks with at least one letter or digit.  An apostrophe
 * (' or U+2019) or a hyphen (-, U+2010, U+2011) with a letter or digit on both sides belongs to
 * the token, as ' or -: "don't", "e-mail", "24-7"; elsewhere it separates, as everything else does.
 * So "3.5" is two tokens, and "rock-'n'-roll" three.  Soft hyphens are left out.  Letters become
 * lower case: ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic letters; others stay as they
 * are.  Nothing is composed or decomposed.  Tokens may be of any length.
 *
 * Bytes that are not UTF-8 (overlong forms, surrogates and numbers above U+10FFFF among them) are
 * replaced by U+FFFD, one for each longest beginning of a character (Unicode 15, 3.9, "U+FFFD
 * Substitution of Maximal Subparts"), and *faults grows by their number.  U+FFFD is taken for a
 * mark, so that a damaged word stays one token.
 *
 * @param text [in] len bytes, with zero bytes or without; NULL when len is 0.
 * @param faults [in,out] may be NULL.
 * @return CRM_OK; CRM_ERR_NOMEM; what fn returned. */
CRM_CHECKED crm_text_split(const char *text, size_t len, crm_text_fn fn, void *ctx,
                           int64_t *faults);

/* ---- counting ---- */
/** Add documents [first, end) to counts of dictionary words: tokens of document d are
 * token[token_first[d]] .. token[token_first[d + 1] - 1]; ids outside [0, n_words) are passed over.
 * For counts over ranks, count disjoint documents on each and add the integers up.
 * @param seen [in,out] [n_words], zeros before the first call, then left alone: 1 + the last
 * document with the word.  Each document may be counted once.  May be NULL for CRM_TEXT_TOKENS.
 * @param count [in,out] [n_words]. */
void crm_text_tally(crm_text_count what, const int64_t *token_first, const int32_t *token,
                    int64_t first, int64_t end, int64_t n_words, int64_t *seen, int64_t *count);

/* ---- vocabulary ---- */
typedef struct crm_vocab crm_vocab; /* opaque: words with ids 1 .. size */
enum { CRM_VOCAB_ABSENT = 0 };      /* the id of padding and of words that are not in it */

/** The vocabulary of a training view: of the n_words of a dictionary those with count[i] >=
 * cfg->min_count (and > 0), of these the cfg->max_words with the highest counts, words of equal
 * counts in byte order.  Ids 1, 2, ... follow that order.  It may be empty.
 * @param word [in] [n_words], copied. @param count [in] [n_words].
 * @param out [out] the caller's, for crm_vocab_free; NULL on failure.
 * @return CRM_OK; CRM_ERR_FORMAT when a kept word comes twice in the dictionary; CRM_ERR_NOMEM. */
CRM_CHECKED crm_vocab_new(const crm_text_cfg *cfg, int64_t n_words, const char *const *word,
                          const int64_t *count, crm_vocab **out);
/** The vocabulary whose id i is word[i - 1], as crm_vocab_words gave it.  CRM_ERR_FORMAT when a
 * word comes twice or there are too many for int32 ids; CRM_ERR_NOMEM. */
CRM_CHECKED crm_vocab_from_list(int64_t n, const char *const *word, crm_vocab **out);
/** Number of words: ids are 1 .. size, so a table of embeddings has size + 1 rows. */
int64_t crm_vocab_size(const crm_vocab *v);
/** Words in the order of their ids, [size]: item i - 1 is the word of id i.  The vocabulary's. */
const char *const *crm_vocab_words(const crm_vocab *v);
/** Id of a word, CRM_VOCAB_ABSENT when it has none. */
int32_t crm_vocab_find(const crm_vocab *v, const char *word);
/** id[i] = id of word[i], for the dictionary of any data set, [n_words] each. */
void crm_vocab_map(const crm_vocab *v, int64_t n_words, const char *const *word, int32_t *id);
/** NULL inside is allowed; *v becomes NULL. */
void crm_vocab_free(crm_vocab **v);
#endif
