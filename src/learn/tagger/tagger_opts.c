/* tagger_opts.c - options crf.*. */
#include "crmpi/tagger.h"

#define T crm_tagger_cfg
const crm_opt crm_tagger_opts[] = {
    CRM_OPT_R(T, l2, "crf.l2", 0.3, 0, 1e6, "1", 0,
              "Penalty on the weights: this half of their squares, beside the sum of the negative "
              "log-likelihoods of the training sentences."),
    CRM_OPT_I(T, max_iter, "crf.max_iter", 80, 1, 100000, "iterations", 0,
              "Most iterations of L-BFGS."),
    CRM_OPT_R(T, tol, "crf.tol", 1e-4, 0, 1, "1", 0,
              "Stop when an iteration lowers the loss by less than this part of it."),
    CRM_OPT_I(T, bits, "crf.bits", 20, 8, 24, "1", 0,
              "Features are hashed to 2 to the power of this many."),
    CRM_OPT_I(T, min_count, "crf.min_count", 2, 1, 1000000, "tokens", 0,
              "Features of fewer training tokens are left out."),
    CRM_OPT_I(T, lanes, "crf.lanes", 8, 1, 64, "1", CRM_OPT_POW2,
              "Parts of the training sentences whose gradients are summed; at most so many ranks "
              "and threads have work in a fit."),
    CRM_OPT_B(T, gazetteer, "crf.gazetteer", 1, 0,
              "Words of entities of other training sentences are features."),
    CRM_OPT_B(T, choose_bias, "crf.choose_bias", 1, 0,
              "A bias against the tag O is chosen by span F1 on training sentences that are held "
              "out of a first fit."),
    CRM_OPT_R(T, bias, "crf.bias", 0, -20, 20, "1", 0,
              "Bias against the tag O where none is chosen: taken off its score at each token."),
    CRM_OPT_R(T, bias_errors, "crf.bias_errors", 0, 0, 10, "standard errors", 0,
              "Of the biases above the best one the largest is chosen that costs no more than this "
              "of F1 on the sentences held out; 0: the best one."),
    CRM_OPT_R(T, holdout, "crf.holdout", 0.2, 0.01, 0.5, "1", 0,
              "Share of the training rows that the bias is chosen on."),
    CRM_OPT_S(T, vectors, "crf.vectors", "", CRM_OPT_FILE,
              "File of word vectors (GloVe or word2vec) whose clusters are features; empty: none."),
    CRM_OPT_I(T, clusters, "crf.clusters", 256, 2, 65536, "1", 0,
              "Clusters of the word vectors (k-means); there are two more clusterings, with a "
              "quarter and a "
              "sixteenth as many."),
    {.key = NULL},
};
