/* text.h - from UTF-8 text to tokens, their forms, and the vocabulary of a training view (room
 * text).
 *
 * A data set holds its documents as ids into a complete dictionary of tokens as they are written.
 * What a model sees of them is its own choice (options text.*): each word of the dictionary becomes
 * a form (folded, stemmed, marked, dropped), each training view makes a vocabulary of the forms,
 * and tables map dictionary ids to it.
 *
 *     text --crm_text_split--> tokens                (once, when a data set is made)
 *     dictionary --crm_forms_new--> forms; document --crm_forms_walk--> its forms
 *     forms + counts of a training view --crm_vocab_new--> vocabulary --crm_vocab_map--> id[]
 *
 * Nothing here is collective; all of it is deterministic and does not depend on the locale.
 * Functions that take a const vocabulary may run in several threads at a time. */
#ifndef CRM_TEXT_H
#define CRM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/opt.h"

/* ---- tokens ---- */
/** What a token is, told from its characters alone (crm_token_kind_of), so that a dictionary needs
 *  no column for it. */
typedef enum crm_token_kind {
    CRM_TOKEN_WORD,    /* has a letter: "good", "n't", "e-mail", "24h"                         */
    CRM_TOKEN_NUMBER,  /* digits with . , : / - + % and currency between or around: "3.5", "$20" */
    CRM_TOKEN_URL,     /* "https://a.b/c", "www.a.b", and e-mail addresses                     */
    CRM_TOKEN_USER,    /* "@name"                                                              */
    CRM_TOKEN_HASHTAG, /* "#name"                                                              */
    CRM_TOKEN_EMOJI,   /* one emoji with its modifiers, or an emoticon such as ":-)" and "<3"  */
    CRM_TOKEN_PUNCT,   /* a run of one punctuation character: "!!!", "...", "("                */
    CRM_TOKEN_KIND_COUNT
} crm_token_kind;
extern const char *const crm_token_kind_names[]; /* "word" .. "punctuation", NULL */
/** Takes one token: len bytes of UTF-8, at least 1, followed by a 0; valid only during the call.
 * What it returns, when not CRM_OK, ends the splitting. */
typedef crm_status (*crm_text_fn)(void *ctx, const char *token, size_t len);

/** Split len bytes of text into tokens as they are written (NFC, case kept: nothing is lost but
 * space, markup and character references), and hand each to fn in order of the text.
 *
 * The text is taken through NFC; HTML tags ("<br />") are space, but the marks that scrubbing
 * leaves ("<mail>", "<phone>", "<card>", "<account>", "<number>") are words; "&amp;", "&#39;" and
 * the like are the characters that they name; control characters are space too; soft hyphens and
 * other characters without a shape are left out.  Then, from left to right, the longest of the
 * kinds above.  Words: letters, digits and marks, joined by an
 * apostrophe (' or U+2019, written ') or hyphen (U+2010 and U+2011 written -) with a letter or
 * digit on both sides.  Clitics are
 * tokens of their own: "don't" -> "do" "n't", "we're" -> "we" "'re" (also 's 'm 've 'll 'd),
 * "cannot" stays; "l'ami" -> "l'" "ami" (one of c d j l m n s t, or "qu", before the first
 * apostrophe).  A run of one punctuation character is one token.  Characters of Han, Hiragana,
 * Katakana, Thai and other scripts without spaces are a token each.
 *
 * Bytes that are not UTF-8 (overlong forms, surrogates and numbers above U+10FFFF among them) are
 * replaced by U+FFFD, one for each longest beginning of a character (Unicode 15, 3.9, "U+FFFD
 * Substitution of Maximal Subparts"), and *faults grows by their number.  U+FFFD is taken for a
 * mark, so that a damaged word stays one token.  A token longer than CRM_TOKEN_MAX bytes is handed
 * out in pieces of whole characters, so that no text needs memory beyond that and its own length.
 *
 * @param text [in] len bytes, with zero bytes or without; NULL when len is 0.
 * @param faults [in,out] may be NULL.
 * @return CRM_OK; CRM_ERR_NOMEM; what fn returned. */
CRM_CHECKED crm_text_split(const char *text, size_t len, crm_text_fn fn, void *ctx,
                           int64_t *faults);
enum { CRM_TOKEN_MAX = 256 };
/** Kind of a token that crm_text_split gave. */
crm_token_kind crm_token_kind_of(const char *token);

/** Letters, digits and marks of a token, case folded, to out, which has 3 * len + 1 bytes; returns
 * their bytes: what two ways to write the same have in common. */
size_t crm_text_letters(const char *token, size_t len, char *out);

/* ---- options ---- */
typedef enum crm_text_count {
    CRM_TEXT_DOCUMENTS, /* documents that hold the word */
    CRM_TEXT_TOKENS,    /* occurrences of the word      */
    CRM_TEXT_COUNT_COUNT
} crm_text_count;
typedef enum crm_text_keep {
    CRM_TEXT_KEEP,
    CRM_TEXT_MARK,
    CRM_TEXT_DROP,
    CRM_TEXT_KEEP_COUNT
} crm_text_keep;
typedef enum crm_text_language {
    CRM_TEXT_ANY_LANGUAGE,
    CRM_TEXT_ENGLISH,
    CRM_TEXT_PORTUGUESE,
    CRM_TEXT_GERMAN,
    CRM_TEXT_FRENCH,
    CRM_TEXT_SPANISH,
    CRM_TEXT_LANGUAGE_COUNT
} crm_text_language;
extern const char *const crm_text_language_names[]; /* "none", "en", "pt", "de", "fr", "es", NULL */
typedef enum crm_text_negation {
    CRM_NEGATION_KEEP, /* negators stay tokens of their own, never in a stop list               */
    CRM_NEGATION_MARK, /* and the next words, up to text.negation_span or a stop, get "_not" */
    CRM_NEGATION_COUNT
} crm_text_negation;
typedef enum crm_text_unknown {
    CRM_UNKNOWN_ABSENT, /* words outside the vocabulary are no words                            */
    CRM_UNKNOWN_ONE,    /* they share one id                                                    */
    CRM_UNKNOWN_HASH,   /* they share text.buckets ids, words with many character n-grams in
                           common likelier the same one (MinHash; Broder 1997)                  */
    CRM_UNKNOWN_COUNT
} crm_text_unknown;
typedef struct crm_text_cfg {
    int count; /* crm_text_count: what the caller counts, see crm_text_tally */
    int64_t min_count, max_words;
    int language;           /* crm_text_language                                                  */
    bool fold;              /* full case folding                                                  */
    bool strip_accents;     /* marks of the canonical decomposition are left out                  */
    bool stem;              /* Snowball stemmer of the language                                   */
    const char *stop_words; /* "none", "list" (of the language) or a file with a word in a line   */
    bool contractions;      /* "n't" -> "not", "'re" -> "are", "wo" before "n't" -> "will" ...    */
    int numbers, urls, users, hashtags, emoji, punctuation; /* crm_text_keep                    */
    int negation; /* crm_text_negation                                                  */
    int64_t negation_span;
    int unknown; /* crm_text_unknown                                                   */
    int64_t buckets;
    /* No option: stop words in the place of those that stop_words names; NULL: those. */
    const char *const *stop;
    int64_t n_stop;
} crm_text_cfg;
/** Options text.*: all of the above. */
extern const crm_opt crm_text_opts[];
/** CRM_ERR_CONFIG: stop words or a stemmer without a language, a list that cannot be read. */
CRM_CHECKED crm_text_cfg_check(const crm_text_cfg *cfg);
/** Options of a fitted model, to be saved with it: the stop words are in it, whatever becomes of
 * the file or list that they came from. */
typedef struct crm_text_fixed {
    crm_text_cfg cfg;  /* as good as the first, borrows from this struct                 */
    int64_t n;         /* the same as texts, for a list of a bag: "text.fold=true", ...  */
    char **item;       /* [n]                                                            */
    const char **stop; /* of cfg                                                         */
} crm_text_fixed;
/** Copy.  Reads the file of cfg->stop_words, so ranks that fit together should compare what it gave
 *.  CRM_ERR_CONFIG as crm_text_cfg_check; CRM_ERR_NOMEM. */
CRM_CHECKED crm_text_fix(const crm_text_cfg *cfg, crm_text_fixed **out);
/** From the texts of a list; options that it does not name have their defaults.  CRM_ERR_CONFIG. */
CRM_CHECKED crm_text_fixed_from(int64_t n, const char *const *item, crm_text_fixed **out);
void crm_text_fixed_free(crm_text_fixed **x);

/* ---- forms: what the options make of the words of a dictionary ---- */
/** Each dictionary word becomes one form or none: the steps are taken once for each word of the
 * dictionary, never for each token.  Marked kinds are the forms "<number>", "<url>", "<user>",
 * "<hashtag>", "<emoji>", "<punct>". */
typedef struct crm_forms crm_forms;
/** @param word [in] [n_words] of a data set's dictionary, or tokens of crm_text_split; not kept. */
CRM_CHECKED crm_forms_new(const crm_text_cfg *cfg, int64_t n_words, const char *const *word,
                          crm_forms **out);
/** Different forms, in order of their first dictionary word; plain ones first, then negated. */
int64_t crm_forms_count(const crm_forms *f);
const char *const *crm_forms_text(const crm_forms *f);
/** Forms of the n tokens of a document, in order, to out [n]; returns how many there are.  Ids
 * outside the dictionary are passed over.  Thread-safe. */
int64_t crm_forms_walk(const crm_forms *f, const int32_t *token, int64_t n, int32_t *out);
/** The first `most` of them, out [most]. */
int64_t crm_forms_walk_first(const crm_forms *f, const int32_t *token, int64_t n, int64_t most,
                             int32_t *out);
/** The next of them, at most `most` at a time, until 0 are left; *at is {0} at first. */
typedef struct crm_forms_cursor {
    int64_t token, negated; /* tokens done, words that are still to be marked */
} crm_forms_cursor;
int64_t crm_forms_next(const crm_forms *f, const int32_t *token, int64_t n, crm_forms_cursor *at,
                       int64_t most, int32_t *out);
/** As crm_text_tally below, of forms: seen and count are [crm_forms_count].  Thread-safe. */
void crm_forms_tally(const crm_forms *f, crm_text_count what, const int64_t *token_first,
                     const int32_t *token, int64_t first, int64_t end, int64_t *seen,
                     int64_t *count);
void crm_forms_free(crm_forms **f);
/** One step after the other for one token, as `crmpi text` shows it: the name of a step that
 * changes it, and what it is then (NULL: dropped there). */
typedef void (*crm_forms_step_fn)(void *ctx, const char *step, const char *now);
CRM_CHECKED crm_forms_explain(const crm_text_cfg *cfg, const char *token, crm_forms_step_fn fn,
                              void *ctx);
/** The same for many tokens, with the options made ready once; next: the token behind it, NULL:
 * none.  Not thread-safe. */
typedef struct text_words crm_explainer;
CRM_CHECKED crm_explainer_new(const crm_text_cfg *cfg, crm_explainer **out);
void crm_explainer_tell(crm_explainer *x, const char *token, const char *next, crm_forms_step_fn fn,
                        void *ctx);
void crm_explainer_free(crm_explainer **x);

/* ---- n-grams of a document ---- */
/** Hashes of word n-grams of forms (lowest .. highest words) and of character n-grams of each form
 * (with a space on either side: n-grams do not cross words), each once per occurrence, in order of
 * the document.  0 switches a part off.  Thread-safe. */
typedef struct crm_ngrams {
    int words_from, words_to, chars_from, chars_to;
} crm_ngrams;
typedef void (*crm_ngram_fn)(void *ctx, uint64_t hash);
void crm_ngrams_walk(const crm_ngrams *g, const crm_forms *f, const int32_t *form, int64_t n,
                     crm_ngram_fn fn, void *ctx);

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
/** Id of a form, or by cfg->unknown one that is shared: the ids behind those of the words, up to
 * crm_vocab_size + crm_text_unknown_ids. */
int32_t crm_vocab_id(const crm_vocab *v, const crm_text_cfg *cfg, const char *word);
/** Ids that words outside of any vocabulary share: 0, 1 or cfg->buckets. */
int64_t crm_text_unknown_ids(const crm_text_cfg *cfg);
/** id[i] = id of word[i], for the dictionary of any data set, [n_words] each. */
void crm_vocab_map(const crm_vocab *v, int64_t n_words, const char *const *word, int32_t *id);
/** NULL inside is allowed; *v becomes NULL. */
void crm_vocab_free(crm_vocab **v);
#endif
