/* embed_impl.h - what the files of room embed share: the table of rows, lanes, and one epoch of
 * each model.
 *
 * A step is cut into lanes.  A lane takes its pairs one after the other, on copies of the rows that
 * it touches, made from the table as it was before the step.  What the copies of all lanes moved is
 * then added to the table in the order of the lanes (embed_steps.c).  The table therefore depends
 * on the number of lanes and on their length, and not on who worked them out. */
#ifndef CRM_EMBED_IMPL_H
#define CRM_EMBED_IMPL_H

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/embed.h"
#include "embed_kernels.h"

/** Rows of floats; word w has the rows w and n_words + w. */
typedef struct embed_table {
    int64_t rows, width; /* width: a multiple of EMBED_STRIDE */
    float *value;        /* [rows][width] */
} embed_table;

/** Copies of the rows that a lane touches; afterwards, what they moved by. */
typedef struct embed_lane {
    int64_t n;
    int32_t *row; /* [n] in order of first touch */
    float *value; /* [n][width] */
    double loss;  /* of loss_n pairs that were looked at */
    int64_t loss_n;
} embed_lane;

/** Memory of a worker: which row has which copy (-1: none), and what a model needs. */
typedef struct embed_worker {
    int32_t *slot; /* [rows] */
    void *model;
} embed_worker;

typedef struct embed_steps embed_steps;
/** Work out lane l of the present step: call embed_touch for all rows, embed_copy, then change the
 * copies. */
typedef crm_status (*embed_lane_fn)(void *ctx, const embed_steps *s, int64_t l, embed_lane *lane,
                                    embed_worker *w);

/** Steps over a table by all ranks. */
struct embed_steps {
    crm_comm *comm; /* NULL: this process alone */
    crm_pool *pool;
    const embed_kernels *kernels;
    embed_table table;
    int64_t lanes, most; /* most rows of a lane */
    int64_t first, end;  /* lanes of this rank */
    embed_lane *lane;    /* [lanes] */
    embed_worker *worker;
    int workers;
    embed_lane_fn fn;
    void *ctx;
    double loss; /* summed since it was last set to 0, in order of the lanes */
    int64_t loss_n;
    char *mine; /* room for the lanes of this rank on their way to others */
    int32_t cap;
    int32_t *share; /* [rows] of those touched: how many lanes do */
};
CRM_CHECKED embed_steps_new(embed_steps *s, crm_comm *comm, crm_pool *pool, int64_t rows,
                            int64_t width, const crm_embed_cfg *cfg, int64_t most);
/** One step: all lanes, and the table after it.  Collective. */
CRM_CHECKED embed_steps_run(embed_steps *s);
void embed_steps_free(embed_steps *s);
/** Number of the copy of a row, which is not filled yet. */
static inline int32_t embed_touch(embed_lane *lane, embed_worker *w, int32_t row)
{
    if (w->slot[row] < 0) {
        w->slot[row] = (int32_t)lane->n;
        lane->row[lane->n++] = row;
    }
    return w->slot[row];
}
/** Fill the copies from the table. */
void embed_copy(const embed_steps *s, embed_lane *lane);

/** What is learnt from a corpus, common to all models. */
typedef struct embed_fit {
    crm_comm *comm;
    crm_pool *pool;
    const crm_embed_cfg *cfg;
    const crm_corpus *corpus;
    uint64_t seed;
    crm_embed_epoch_fn epoch;
    void *ctx;
} embed_fit;
/** Collective; the vectors to out [n_words][dim]. */
CRM_CHECKED embed_word2vec(const embed_fit *f, float *out);
CRM_CHECKED embed_glove(const embed_fit *f, float *out);
/** dim in whole strides. */
static inline int64_t embed_width(int64_t dim)
{
    return (dim + EMBED_STRIDE - 1) / EMBED_STRIDE * EMBED_STRIDE;
}
/** CRM_ERR_STOPPED when a signal has come to any rank, asked at some steps.  Collective. */
CRM_CHECKED embed_stop(crm_comm *comm, int64_t step);

/* ---- embed_walk.c: the words of an epoch ---- */
/** Words that are kept of the corpus in an epoch, those not in the vocabulary and frequent ones by
 * chance left out. */
typedef struct embed_walk {
    int64_t n, n_documents; /* that are not empty */
    int32_t *token;         /* [n] */
    int64_t *first;         /* [n_documents + 1] */
    uint32_t *keep;         /* [n_words] probability of a word to stay, in 2^-32; largest: always */
} embed_walk;
CRM_CHECKED embed_walk_new(const crm_corpus *c, double sample, embed_walk *w);
void embed_walk_epoch(const crm_corpus *c, uint64_t seed, uint32_t epoch, embed_walk *w);
void embed_walk_free(embed_walk *w);
/** Document that holds position i: first[d] <= i < first[d + 1]. */
int64_t embed_walk_document(const embed_walk *w, int64_t i);

/** Words drawn with probability by count^0.75 (Walker's alias method). */
typedef struct embed_noise {
    int64_t n;
    uint32_t *stay; /* [n] in 2^-32 */
    int32_t *other; /* [n] */
} embed_noise;
CRM_CHECKED embed_noise_new(const crm_corpus *c, embed_noise *out);
int32_t embed_noise_draw(const embed_noise *x, crm_rng *r);
void embed_noise_free(embed_noise *x);
#endif
