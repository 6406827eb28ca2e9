/* tagger_impl.h - shared by the files of room tagger only. */
#ifndef CRM_TAGGER_IMPL_H
#define CRM_TAGGER_IMPL_H

#include "crmpi/stats_spans.h"
#include "crmpi/tagger.h"

enum {
    FEATURES_MAX = 128, /* of a token, the reserved ones too           */
    GAZ_BITS = 16,      /* words of entities are hashed to 2^this many */
    GAZ_PLACES = 3      /* the word before, the word, the word behind  */
};

/* ---- clusters of words (tagger_clusters.c) ---- */
enum { CLUSTERINGS = 3 }; /* with crf.clusters, a quarter and a sixteenth of them */
typedef struct word_clusters {
    int64_t n;                    /* words, 0: none                          */
    uint64_t *hash;               /* [n] ascending, of folded words          */
    int32_t *id;                  /* [n][CLUSTERINGS] their clusters         */
    char vectors[CRM_DIGEST_HEX]; /* digest of the vectors that they were made of */
} word_clusters;
/** k-means of the vectors of a file; the same on all ranks (the same file must be there). */
CRM_CHECKED tagger_clusters_new(const crm_tagger_cfg *cfg, const crm_fit *fit, word_clusters *out);
/** Clusters of a folded word, [CLUSTERINGS]; NULL: it has none. */
const int32_t *tagger_cluster(const word_clusters *c, uint64_t hash);
void tagger_clusters_free(word_clusters *c);

/* ---- what is seen of a word (tagger_words.c) ---- */
enum { AFFIXES = 4 };
typedef struct word_view {
    uint64_t word, folded, shape, brief; /* brief: runs of equal characters of the shape as one */
    uint64_t prefix[AFFIXES], suffix[AFFIXES]; /* of 1 .. 4 characters; 0: the word is shorter */
    unsigned flags;                            /* of WORD_... */
    int kind, length;
    int32_t cluster[CLUSTERINGS]; /* -1: none */
} word_view;
enum {
    WORD_TITLE = 1,
    WORD_UPPER = 2,
    WORD_MIXED = 4,
    WORD_DIGIT = 8,
    WORD_HYPHEN = 16,
    WORD_APOSTROPHE = 32,
    WORD_DOT = 64,
    WORD_FLAGS = 7 /* how many */
};
void tagger_view_word(const char *word, const word_clusters *c, word_view *out);
uint64_t tagger_hash(const void *data, size_t n);
/** Hashed features of token t of a sentence of n words to out [FEATURES_MAX]; returns how many. */
int tagger_features(const word_view *w, int64_t n, int64_t t, uint64_t *out);

/* ---- the model ---- */
typedef struct tagger {
    crm_estimator base;
    const crm_tagger_cfg *cfg;
    int k, n_types;
    crm_bio *bio;       /* [k]                                             */
    char **tag;         /* [k] names                                       */
    int outside;        /* class O; -1: none                                  */
    int64_t n_hashed;   /* features that were seen often enough               */
    int64_t n_reserved; /* of the gazetteer, before them                     */
    int32_t *bucket;    /* [n_hashed] ascending                               */
    int32_t *id_of;     /* [2^bits] feature of a bucket, -1: none             */
    int32_t *gaz;       /* [2^GAZ_BITS][n_types] tokens of entities, or NULL  */
    word_clusters clusters;
    double *weight; /* [(n_reserved + n_hashed) k + k k] */
    double *start;  /* [k]    */
    double *trans;  /* [k][k] with what cannot be */
    double bias;
} tagger;
/** Tags, their types, and what may follow what; the weights are none yet. */
CRM_CHECKED tagger_shape(tagger *g, int k, const char *const *tag);
int64_t tagger_n_features(const tagger *g);
int64_t tagger_n_weights(const tagger *g);
/** g->start and g->trans: which tags may follow which, and the weights of those that may. */
void tagger_set_chain(const tagger *g, const double *weight);

/* ---- sentences (tagger_rows.c) ---- */
/** Documents by number. */
typedef struct sentences {
    int64_t n;
    int64_t *document; /* [n] */
} sentences;
/** Documents of rows row[n] that have tokens, a label for each, and only tags that can follow each
 *  other. */
CRM_CHECKED tagger_sentences(const tagger *g, const crm_data *d, const crm_target *t,
                             const int64_t *row, int64_t n, sentences *out);
/** Features of tokens: token i has id[first[i]] .. id[first[i + 1] - 1]. */
typedef struct features {
    int64_t n_tokens, cap_tokens, n, cap;
    int64_t *first;
    int32_t *id;
    word_view *view; /* [cap_view] of the sentence at hand */
    int64_t cap_view;
} features;
/** Append the tokens of a document.  own: labels of the document [n], whose entities are taken out
 *  of the gazetteer; NULL: it is none of those that made it. */
CRM_CHECKED tagger_features_add(const tagger *g, const crm_data *d, int64_t document,
                                const int32_t *own, features *x);
void tagger_features_clear(features *x);
void tagger_features_free(features *x);
/** Count of each bucket over sentences [first, end) is added to count [2^bits]. */
CRM_CHECKED tagger_count(const tagger *g, const crm_data *d, const sentences *s, int64_t first,
                         int64_t end, int64_t *count);
/** Tokens inside of entities of each type are added to count [2^GAZ_BITS][n_types]. */
void tagger_count_gazetteer(const tagger *g, const crm_data *d, const crm_target *t,
                            const sentences *s, int64_t first, int64_t end, int64_t *count);
/** unary [n][k] of n tokens from token `first` of x on. */
void tagger_unary(const tagger *g, const double *weight, const features *x, int64_t first,
                  int64_t n, double *unary);

/* ---- fit (tagger_fit.c) ---- */
CRM_CHECKED tagger_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in);
#endif
