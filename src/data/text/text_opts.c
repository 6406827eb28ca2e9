/* text_opts.c - options text.*. */
#include "crmpi/text.h"

static const char *const count_names[] = {"documents", "tokens", NULL};
_Static_assert(sizeof count_names / sizeof *count_names == CRM_TEXT_COUNT_COUNT + 1, "names");

const crm_opt crm_text_opts[] = {
    CRM_OPT_E(crm_text_cfg, count, "text.count", "documents", count_names, 0,
              "What makes a word frequent: the training documents that hold it, or its tokens in "
              "them."),
    CRM_OPT_I(crm_text_cfg, min_count, "text.min_count", 2, 1, 1e9, "1", 0,
              "Words that are less frequent in training get no id of their own."),
    CRM_OPT_I(crm_text_cfg, max_words, "text.max_words", 20000, 1, 1e7, "words", 0,
              "Most words of a vocabulary; the most frequent are kept."),
    {.key = NULL},
};
