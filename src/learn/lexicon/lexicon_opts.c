/* lexicon_opts.c - options lexicon.*. */
#include "crmpi/lexicon.h"

#define T crm_lexicon_cfg
const crm_opt crm_lexicon_opts[] = {
    CRM_OPT_S(T, file, "lexicon.file", "", CRM_OPT_FILE,
              "List of rated words: a word, a tab, its mean rating in each line, as VADER's; what "
              "is behind another tab does not matter."),
    CRM_OPT_L(T, classes, "lexicon.classes", "", NULL, 0,
              "Classes of the target in the order negative, neutral, positive, without the second "
              "where there are two; empty: by their names, such as neg, Neutral, positive."),
    CRM_OPT_R(T, negative, "lexicon.negative", -0.05, -1, 1, "1", 0,
              "Up to this score a text is negative, where there are three classes."),
    CRM_OPT_R(T, positive, "lexicon.positive", 0.05, -1, 1, "1", 0,
              "From this score on a text is positive, where there are three classes."),
    CRM_OPT_R(T, scale, "lexicon.scale", 0.5, 0.001, 100, "1", 0,
              "Probabilities are the softmax of distances of the score from its thresholds, "
              "divided by this; it does not change the class."),
    CRM_OPT_B(T, names, "lexicon.names", 1, 0,
              "@names and #names are words without their sign, as in the published program."),
    {.key = NULL},
};
