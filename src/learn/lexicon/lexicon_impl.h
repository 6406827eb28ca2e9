/* lexicon_impl.h - shared by the files of room lexicon only. */
#ifndef CRM_LEXICON_IMPL_H
#define CRM_LEXICON_IMPL_H

#include "crmpi/lexicon.h"
#include "crmpi/text.h"

enum { LEXICON_MOST = 100 }; /* valences are within +- of it, so that sums are finite */
struct crm_lexicon {
    int64_t n, left_out;
    char **word;     /* [n] folded, in byte order, each once */
    double *valence; /* [n] */
};
/** A list of n words in byte order; copies.  CRM_ERR_FORMAT when they are not. */
CRM_CHECKED lexicon_from(int64_t n, const char *const *word, const double *valence,
                         crm_lexicon **out);
/** NULL: not in it. */
const double *lexicon_find(const crm_lexicon *l, const char *folded);
/** Words as they are folded: in small letters, nothing else done to them. */
typedef struct lexicon_folded {
    const char **word; /* [n]; "" when nothing is left */
    char *byte;
} lexicon_folded;
CRM_CHECKED lexicon_fold(int64_t n, const char *const *word, lexicon_folded *out);
void lexicon_folded_free(lexicon_folded *f);

/** A word of a text, as the rules see it. */
typedef struct lexicon_item {
    const char *text; /* folded                              */
    double valence;   /* of the list, 0: not known           */
    double boost;     /* of a degree adverb, 0: it is none   */
    bool known, negates;
    bool upper, lower; /* has letters of this case as written */
} lexicon_item;
/** What text is; case is left alone. */
void lexicon_describe(const crm_lexicon *l, const char *text, lexicon_item *out);
/** Case of a token as written, added to the item. */
void lexicon_case(const char *token, lexicon_item *out);
/** Compound score of n words with so many "!" and "?" among them. */
double lexicon_compound(const lexicon_item *w, int64_t n, int64_t exclamations, int64_t questions);
#endif
