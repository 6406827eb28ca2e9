/* embed_opts.c - options embed.*. */
#include "embed_impl.h"

static const char *const kind_names[] = {"skipgram", "cbow", "glove", NULL};

#define S crm_embed_cfg
const crm_opt crm_embed_opts[] = {
    CRM_OPT_E(S, kind, "embed.model", "skipgram", kind_names, 0,
              "How word vectors are learnt: Word2Vec by skip-gram or by CBOW, or GloVe."),
    CRM_OPT_I(S, dim, "embed.dim", 100, 1, 4096, "1", 0, "Numbers of a word vector."),
    CRM_OPT_I(
        S, window, "embed.window", 5, 1, 100, "words", 0,
        "Words on each side of a word that count as near it; Word2Vec draws 1 up to this many "
        "for each word, GloVe counts a word at distance d as 1/d."),
    CRM_OPT_I(S, epochs, "embed.epochs", 5, 1, 10000, "1", 0,
              "Passes over the text (GloVe: over the co-occurrences; it wants 25 or more)."),
    CRM_OPT_I(S, negative, "embed.negative", 5, 1, 100, "words", 0,
              "Word2Vec: words drawn as noise for each word, by count^0.75."),
    CRM_OPT_R(
        S, sample, "embed.sample", 1e-3, 0, 1, "1", 0,
        "Word2Vec: words with a larger share of the text are left out by chance; 0: none is."),
    CRM_OPT_R(S, alpha, "embed.alpha", 0.05, 1e-6, 10, "1", 0,
              "Learning rate; that of Word2Vec falls linearly to a thousandth over the epochs."),
    CRM_OPT_R(S, x_max, "embed.x_max", 100, 1e-3, 1e9, "1", 0,
              "GloVe: co-occurrences of this count and more weigh 1."),
    CRM_OPT_R(S, exponent, "embed.exponent", 0.75, 0, 2, "1", 0,
              "GloVe: those of less weigh (count / x_max) to this power."),
    CRM_OPT_I(
        S, lanes, "embed.lanes", 8, 1, 256, "1", 0,
        "Parts of a step that are worked out beside each other, on all ranks and threads; part "
        "of the result."),
    CRM_OPT_I(S, lane_words, "embed.lane_words", 128, 1, 65536, "words", 0,
              "Words of a lane (GloVe: co-occurrences), which it takes one after the other."),
    CRM_OPT_I(
        S, cap, "embed.cap", 4, 1, 256, "lanes", 0,
        "A word vector that more lanes of a step move takes this many times the mean of their "
        "moves."),
    {.key = NULL},
};
