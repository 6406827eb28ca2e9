/* lexicon.h - sentiment by a list of rated words and rules (room lexicon): the opponent of models
 * that learn.
 *
 * Hutto, Gilbert (2014), VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
 * Media Text.  The words of a text that a list knows have a valence; degree adverbs, negation,
 * capitals and "but" change it, punctuation the sum x of a text.  Its compound score is
 * x / sqrt(x^2 + 15), in (-1, 1).  docs/text.md says what of the rules tokens can and cannot show.
 */
#ifndef CRM_LEXICON_H
#define CRM_LEXICON_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- the list ---- */
typedef struct crm_lexicon crm_lexicon; /* opaque: words as they are folded, with their valence */
/** Read a list: in each line a word, a tab, its mean rating (at most 100 either way), and what may
 *  stand behind another tab.
 *  Of a word that comes twice the last line counts.  Words that crm_text_split makes several of are
 *  left out.
 *  @return CRM_OK; CRM_ERR_IO; "FILE:LINE:COL: ...", columns in characters, CRM_ERR_FORMAT;
 * CRM_ERR_NOMEM.  Not collective.
 */
CRM_CHECKED crm_lexicon_read(const char *path, crm_lexicon **out);
int64_t crm_lexicon_size(const crm_lexicon *l);
/** Lines that were left out. */
int64_t crm_lexicon_left_out(const crm_lexicon *l);
void crm_lexicon_free(crm_lexicon **l);

/** Texts as tokens of crm_text_split: those of text d are token[first[d]] .. token[first[d + 1] -
 *  1], ids into word; all borrowed. */
typedef struct crm_lexicon_texts {
    int64_t n_words;
    const char *const *word; /* [n_words] */
    const int64_t *first;
    const int32_t *token;
} crm_lexicon_texts;
/** Compound scores of n texts to score [n]; a text without rated words has 0.
 *  @param[in] names  whether @names and #names are words without their sign
 *  @param[in] text   [n] numbers of texts; NULL: 0 .. n - 1
 *  @return CRM_OK; CRM_ERR_NOMEM.  Not collective, thread-safe. */
CRM_CHECKED crm_lexicon_scores(const crm_lexicon *l, bool names, const crm_lexicon_texts *t,
                               int64_t n, const int64_t *text, double *score);

/* ---- the estimator ---- */
typedef struct crm_lexicon_cfg {
    const char *file;
    crm_opt_list classes; /* names: negative, (neutral,) positive; none: found by their names */
    double negative, positive; /* thresholds of the score */
    double scale;
    bool names;
} crm_lexicon_cfg;
extern const crm_opt crm_lexicon_opts[]; /* lexicon.* */
/** Classes of rows by the mean score c of their documents (0 without any).  The fit learns nothing:
 *  it reads the list and finds the classes.  With n = lexicon.negative, p = lexicon.positive and
 *  s = lexicon.scale, probabilities are the softmax of (n - c) / s, 0, (c - p) / s, so that the
 *  likeliest class is positive from p on, negative up to n, and neutral between; with two classes
 *  that of -c / 2s, c / 2s.  embed gives c.
 *  CRM_ERR_CONFIG from check and fit when the target has not two or three classes of which one is
 *  known as negative and one as positive, or there is no list; CRM_ERR_FORMAT for a list that
 *  cannot be read.  Bag: "words" list, "valence" f64, "class" i32 [3] (-1: no neutral one),
 *  "threshold" f64 [2], "scale" f64, "names" i64, "left_out" i64. */
extern const crm_estimator_class crm_lexicon_class;
#endif
