/* tagger.h - named entities: a linear-chain conditional random field over sparse features of words
 * (room tagger).
 *
 * Lafferty, McCallum, Pereira (2001).  p(y | x) = exp(sum_t u[t][y_t] + sum_t T[y_t-1][y_t]) / Z(x)
 * with u[t] = sum of the weights of the features of token t.  The fitted tagger depends on (data,
 * options, seed) only, on no number of ranks or threads. */
#ifndef CRM_TAGGER_H
#define CRM_TAGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- the chain: pure functions, thread-safe ---- */
/** A transition or a start that cannot be; scores stay finite, so that sums of impossible paths
 *  are no NaN. */
#define CRM_CRF_NEVER (-1e30)
/** Scores of one sequence of n >= 1 tokens and k tags. */
typedef struct crm_crf {
    int64_t n;
    int k;
    const double *unary; /* [n][k]                             */
    const double *start; /* [k] 0 or CRM_CRF_NEVER             */
    const double *trans; /* [k][k] from, to; or CRM_CRF_NEVER  */
} crm_crf;
/** Doubles of working memory that the functions below need for n tokens and k tags. */
int64_t crm_crf_work(int64_t n, int k);
/** log p(tag | x), by forward and backward sums in log space.
 *  @param[in]  tag       [n]
 *  @param[out] marginal  [n][k] p(y_t = j | x)
 *  @param      pair      [k][k] p(y_t-1 = i, y_t = j | x), summed over t, is added */
double crm_crf_loglik(const crm_crf *c, const int32_t *tag, double *marginal, double *pair,
                      double *work);
/** The tags with the highest score to tag [n] (Viterbi); of equal ones the lower tag. */
void crm_crf_decode(const crm_crf *c, int32_t *tag, double *work);

/* ---- the estimator ---- */
typedef struct crm_tagger_cfg {
    double l2;
    int64_t max_iter;
    double tol;
    int64_t bits, min_count, lanes;
    bool gazetteer;
    bool choose_bias;
    double bias, bias_errors, holdout;
    const char *vectors; /* file of word vectors, "": none */
    int64_t clusters;
} crm_tagger_cfg;
extern const crm_opt crm_tagger_opts[]; /* crf.* */
/** Learns a target of tokens whose classes are BIO tags and tags by decode; it has no predict.
 *  Tags that it gives are well-formed: I-x stands behind B-x or I-x only.  Documents with a missing
 *  label are left out of the training.  CRM_ERR_CONFIG from check when the target is another one.
 *  Bag: "feature" i32 [F] hash buckets, "weight" f32 [(F + reserved) k + k k], "bias" f64,
 *  "gazetteer" i32 cells that are not empty, "cluster/vectors" text, "cluster/word" i64,
 * "cluster/id" i32. */
extern const crm_estimator_class crm_tagger_class;
#endif
