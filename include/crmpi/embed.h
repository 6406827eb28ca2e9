/* embed.h - word vectors and topics learnt from documents (room embed).
 *
 * Word2Vec (Mikolov et al. 2013: CBOW, skip-gram, negative sampling, subsampling) and GloVe
 * (Pennington et al. 2014) over ranks in synchronous steps of a fixed number of lanes: each lane
 * descends on copies of the rows that it touches, and what the copies moved is added up in the
 * order of the lanes, so that the vectors depend on (text, options, seed) only.  Topics: online
 * variational LDA (Hoffman, Blei, Bach 2010), likewise.
 */
#ifndef CRM_EMBED_H
#define CRM_EMBED_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/ckpt.h"
#include "crmpi/comm.h"
#include "crmpi/device.h"
#include "crmpi/opt.h"
#include "crmpi/text.h"

/* ---- vectors ---- */
/** Words and their vectors, in the order of the file or of falling counts. */
typedef struct crm_vectors {
    int64_t n, dim;
    char **word;  /* [n] */
    float *value; /* [n][dim] */
} crm_vectors;
typedef enum crm_vectors_format {
    CRM_VECTORS_GLOVE,          /* "word v v v" a line                       */
    CRM_VECTORS_WORD2VEC,       /* the same after a line "n dim"             */
    CRM_VECTORS_WORD2VEC_BINARY /* "n dim" line, then word, space, f32[dim] little endian */
} crm_vectors_format;
extern const char *const crm_vectors_format_names[]; /* "glove", "word2vec", "binary", NULL */
/** Read a file of any of the formats (told from its content).  Sizes are bounded by the file before
 * memory is taken; a word that comes twice keeps its first vector.  CRM_ERR_IO; CRM_ERR_FORMAT with
 * path:line (binary: offset) and what is wrong; CRM_ERR_NOMEM. */
CRM_CHECKED crm_vectors_read(const char *path, crm_vectors *out);
/** Write to a temporary file, fsync, rename.  Text has the shortest digits that give the same f32.
 */
CRM_CHECKED crm_vectors_write(const crm_vectors *v, const char *path, crm_vectors_format format);
/** Row of a word, -1 when it has none: a hash table over the words (crm_vectors_index_new). */
typedef struct crm_vectors_index crm_vectors_index;
CRM_CHECKED crm_vectors_index_new(const crm_vectors *v, crm_vectors_index **out);
int64_t crm_vectors_find(const crm_vectors_index *x, const char *word);
void crm_vectors_index_free(crm_vectors_index **x);
void crm_vectors_free(crm_vectors *v);

/* ---- a corpus: what vectors and topics are learnt from ---- */
/** Documents (sentences, lines) of word ids; the same on every rank, borrowed. */
typedef struct crm_corpus {
    int64_t n_documents, n_words;
    const int64_t *first; /* [n_documents + 1] */
    const int32_t *token; /* ids 0 .. n_words - 1; negative: a word that is not in the vocabulary */
    const char *const *word; /* [n_words] */
    const int64_t *count;    /* [n_words] tokens of each; words are numbered by falling count */
} crm_corpus;
/** A corpus of documents of dictionary words, such as a data set's: the forms that cfg makes of
 * them (text.h), of which those with at least cfg->min_count tokens, at most cfg->max_words, have
 * ids; cfg->count is not looked at.  Document i is the tokens token[first[d]] .. token[first[d + 1]
 * - 1], d = document[i], or i when document is NULL.  Not collective; the same on ranks with the
 * same documents.  *out is the caller's, for crm_corpus_free; the arrays may go.  CRM_ERR_CONFIG as
 * crm_text_cfg_check; CRM_ERR_NOMEM. */
typedef struct crm_corpus_source {
    int64_t n_words, n_documents;
    const char *const *word; /* [n_words] */
    const int64_t *first;
    const int32_t *token;
    const int64_t *document; /* [n_documents], NULL: all from 0 on */
} crm_corpus_source;
CRM_CHECKED crm_corpus_new(const crm_text_cfg *cfg, const crm_corpus_source *source,
                           crm_corpus **out);
/** A corpus of text files, each line a document (crm_text_split).  faults: bytes that were not
 * UTF-8.  Not collective.  CRM_ERR_IO; CRM_ERR_CONFIG, CRM_ERR_NOMEM as above. */
CRM_CHECKED crm_corpus_read(const crm_text_cfg *cfg, int n, const char *const *path,
                            crm_corpus **out, int64_t *faults);
/** Whether a word ever stands beside another: two words or more have ids, and some document has two
 * tokens of such. */
bool crm_corpus_has_pairs(const crm_corpus *c);
void crm_corpus_free(crm_corpus **c);

/* ---- fit ---- */
typedef enum crm_embed_kind { CRM_EMBED_SKIPGRAM, CRM_EMBED_CBOW, CRM_EMBED_GLOVE } crm_embed_kind;
typedef struct crm_embed_cfg {
    int kind; /* crm_embed_kind                                                   */
    int64_t dim, window, epochs;
    int64_t negative;       /* samples of a pair (word2vec)                                     */
    double sample;          /* subsampling of frequent words (word2vec)                         */
    double alpha;           /* learning rate at the start; falls linearly to alpha / 1000 ...   */
    double x_max, exponent; /* weighting function of GloVe                                      */
    int64_t lanes, lane_words; /* of a step: lanes, and words (GloVe: co-occurrences) of each */
    int64_t cap;               /* most lanes whose moves of one row are added in full */
} crm_embed_cfg;
extern const crm_opt crm_embed_opts[]; /* embed.* */
/** What is told after each epoch: its number from 0, words of the corpus (GloVe: co-occurrences)
 * that it took, mean loss, seconds.  On every rank. */
typedef void (*crm_embed_epoch_fn)(void *ctx, int64_t epoch, int64_t words, double loss, double s);
/** Learn vectors of all words of the corpus.  Collective over comm (NULL: this process alone); the
 * result is the same on all ranks, for any number of them and of threads.  CRM_ERR_CONFIG, also for
 * a corpus without pairs, and when embed.sample has left none; CRM_ERR_NUMERIC (not finite);
 * CRM_ERR_STOPPED on a signal; CRM_ERR_NOMEM. */
CRM_CHECKED crm_embed_fit(crm_comm *comm, crm_pool *pool, const crm_embed_cfg *cfg,
                          const crm_corpus *corpus, uint64_t seed, crm_embed_epoch_fn epoch,
                          void *ctx, crm_vectors *out);

/* ---- quality ---- */
/** Least pairs that a correlation is told of. */
enum { CRM_SIMILARITY_LEAST = 3 };
/** Spearman correlation of cosines with people's scores of a file of "word word score" lines;
 * pairs: how many of its lines have both words.  *rho is NAN with fewer than CRM_SIMILARITY_LEAST
 * of them, and when all scores or all cosines are equal.  The whole file is checked whatever words
 * v has, so one without any checks a file.  Not collective.  CRM_ERR_IO; CRM_ERR_FORMAT names
 * file:line:column, or says that no line holds anything; CRM_ERR_NOMEM. */
CRM_CHECKED crm_vectors_similarity(const crm_vectors *v, const char *path, double *rho,
                                   int64_t *pairs, int64_t *of);
/** Share of the questions "a b c d" of a file (lines ": name" begin sections) for which d is the
 * nearest word to b - a + c (3CosAdd, without a, b, c); NAN when no question has all words.  Files
 * and errors as for crm_vectors_similarity. */
CRM_CHECKED crm_vectors_analogy(const crm_vectors *v, const char *path, double *accuracy,
                                int64_t *questions, int64_t *of);

/* ---- topics ---- */
enum { CRM_LDA_TOPICS_MAX = 4096 };
typedef struct crm_lda_cfg {
    int64_t topics, passes, batch, iterations;
    double alpha, eta;    /* priors; 0: 1 / topics     */
    double offset, decay; /* learning rate (offset + t)^-decay */
    double tolerance;     /* mean change of a document's mix that ends its iterations */
} crm_lda_cfg;
extern const crm_opt crm_lda_opts[]; /* lda.* */
typedef struct crm_lda crm_lda;
/** Fit on rows of (word, count) pairs: document d has id[first[d]] .. with count; the same on every
 * rank.  Collective, same bits on any layout. */
typedef struct crm_bow {
    int64_t n, n_words;
    const int64_t *first; /* [n + 1] */
    const int32_t *id;
    const float *count;
} crm_bow;
CRM_CHECKED crm_lda_fit(crm_comm *comm, crm_pool *pool, const crm_lda_cfg *cfg, const crm_bow *x,
                        uint64_t seed, crm_lda **out);
/** Topic mix of each row: out [n][topics], rows sum to 1.  Thread-safe. */
CRM_CHECKED crm_lda_mix(const crm_lda *m, const crm_bow *x, float *out);
/** Perplexity of rows by the variational bound, exp(-bound / words). */
CRM_CHECKED crm_lda_perplexity(const crm_lda *m, const crm_bow *x, double *out);
/** Coherence of each topic's top words over rows (UMass, Mimno et al. 2011; and NPMI), [topics]. */
CRM_CHECKED crm_lda_coherence(const crm_lda *m, const crm_bow *x, int top, double *umass,
                              double *npmi);
/** The top words of a topic by its probability, ids to out [top]. */
void crm_lda_top(const crm_lda *m, int64_t topic, int top, int32_t *out);
CRM_CHECKED crm_lda_save(const crm_lda *m, crm_bag *b);
CRM_CHECKED crm_lda_load(crm_bag *b, crm_lda **out);
void crm_lda_free(crm_lda **m);
#endif
