/* embed_lda.h - what the files embed_lda*.c share: topics as they stand, and what a document makes
 * of them.
 *
 * Hoffman, Blei, Bach, "Online learning for latent Dirichlet allocation", NIPS 2010:
 *
 *     q(beta_k) = Dirichlet(lambda_k),  q(theta_d) = Dirichlet(gamma_d)
 *     gamma_dk = alpha + exp(E log theta_dk) sum_w n_dw exp(E log beta_kw) / phi_dw
 *     phi_dw   = sum_k exp(E log theta_dk) exp(E log beta_kw)
 *     lambda  <- (1 - rho) lambda + rho (eta + D / B sum_d n_dw phi_dwk),  rho = (offset +
 * t)^-decay
 *
 * Topics stand side by side in rows of `stride`, a multiple of LANES; what is behind them is 0. */
#ifndef CRM_EMBED_LDA_H
#define CRM_EMBED_LDA_H

#include "crmpi/embed.h"

enum { LDA_LANES = 8, LDA_LEAF = 64 /* documents of a leaf */ };

struct crm_lda {
    int64_t topics, stride, words;
    int64_t iterations;
    double alpha, eta, tolerance;
    double documents; /* that it was fitted on */
    double *lambda;   /* [words][stride] */
    double *total;    /* [stride] sums of lambda over words */
    float *beta;      /* [words][stride] exp(E log beta); NULL while it is fitted */
};

/** A document: n words, each with its row of exp(E log beta) and its count. */
typedef struct lda_document {
    int64_t n;
    const int32_t *row;
    const float *count;
} lda_document;
/** Memory for one document at a time. */
typedef struct lda_worker {
    double *gamma, *theta, *next; /* [stride]; theta: exp(E log theta) */
    double *ratio;                /* [longest document] count / phi     */
    int32_t *row;                 /* [longest document]                 */
} lda_worker;
CRM_CHECKED lda_worker_new(const crm_lda *m, int64_t longest, lda_worker *out);
void lda_worker_free(lda_worker *w);
/** Words of the longest row of x, at least 1. */
int64_t lda_longest(const crm_bow *x);

/** w->gamma, w->theta and w->ratio of a document; rows of beta have m->stride. */
void lda_infer(const crm_lda *m, const float *beta, const lda_document *d, lda_worker *w);
/** out[stride] of a word: exp(E log beta). */
void lda_beta(const crm_lda *m, const double *psi_total, const double *lambda, float *out);
/** psi of the totals, [stride]. */
void lda_psi_totals(const crm_lda *m, double *out);
/** m->beta of all words. */
CRM_CHECKED lda_finish(crm_lda *m);

#endif
