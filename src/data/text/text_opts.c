/* text_opts.c - options text.*. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "text_impl.h"

const char *const crm_text_language_names[] = {"none", "en", "pt", "de", "fr", "es", NULL};
_Static_assert(sizeof crm_text_language_names / sizeof *crm_text_language_names ==
                   CRM_TEXT_LANGUAGE_COUNT + 1,
               "names");
const char *const crm_token_kind_names[] = {"word",    "number", "url",         "user",
                                            "hashtag", "emoji",  "punctuation", NULL};
_Static_assert(sizeof crm_token_kind_names / sizeof *crm_token_kind_names ==
                   CRM_TOKEN_KIND_COUNT + 1,
               "names");
static const char *const count_names[] = {"documents", "tokens", NULL};
_Static_assert(sizeof count_names / sizeof *count_names == CRM_TEXT_COUNT_COUNT + 1, "names");
static const char *const keep_names[] = {"keep", "mark", "drop", NULL};
_Static_assert(sizeof keep_names / sizeof *keep_names == CRM_TEXT_KEEP_COUNT + 1, "names");
static const char *const negation_names[] = {"keep", "mark", NULL};
_Static_assert(sizeof negation_names / sizeof *negation_names == CRM_NEGATION_COUNT + 1, "names");
static const char *const unknown_names[] = {"absent", "one", "hash", NULL};
_Static_assert(sizeof unknown_names / sizeof *unknown_names == CRM_UNKNOWN_COUNT + 1, "names");

#define KEEP(f, key, d, what)                                                                      \
    CRM_OPT_E(crm_text_cfg, f, key, d, keep_names, 0,                                              \
              "Whether " what " stay, become one word for all of them, or are dropped.")

const crm_opt crm_text_opts[] = {
    CRM_OPT_E(crm_text_cfg, count, "text.count", "documents", count_names, 0,
              "What makes a word frequent: the training documents that hold it, or its tokens in "
              "them."),
    CRM_OPT_I(crm_text_cfg, min_count, "text.min_count", 2, 1, 1e9, "1", 0,
              "Words that are less frequent in training get no id of their own."),
    CRM_OPT_I(crm_text_cfg, max_words, "text.max_words", 20000, 1, 1e7, "words", 0,
              "Most words of a vocabulary; the most frequent are kept."),
    CRM_OPT_E(crm_text_cfg, language, "text.language", "none", crm_text_language_names, 0,
              "Language of the documents, for stemming, stop words, contractions and negation."),
    CRM_OPT_B(crm_text_cfg, fold, "text.fold", true, 0,
              "Whether words that differ in case only are the same (full case folding of "
              "Unicode)."),
    CRM_OPT_B(crm_text_cfg, strip_accents, "text.strip_accents", false, 0,
              "Whether words that differ in accents only are the same."),
    CRM_OPT_B(crm_text_cfg, stem, "text.stem", false, 0,
              "Whether words are cut to stems (Snowball); needs text.language and text.fold."),
    CRM_OPT_S(crm_text_cfg, stop_words, "text.stop_words", "none", CRM_OPT_FILE,
              "Words that are left out: none, list (of the language) or a file with a word in a "
              "line; words that negate always stay."),
    CRM_OPT_B(crm_text_cfg, contractions, "text.contractions", false, 0,
              "Whether English clitics become the words they stand for: n't not, 're are; needs "
              "text.language en."),
    KEEP(numbers, "text.numbers", "keep", "numbers"),
    KEEP(urls, "text.urls", "mark", "web and mail addresses"),
    KEEP(users, "text.users", "keep", "names with @"),
    KEEP(hashtags, "text.hashtags", "keep", "names with #"),
    KEEP(emoji, "text.emoji", "keep", "emoji and emoticons"),
    KEEP(punctuation, "text.punctuation", "drop", "punctuation and symbols"),
    CRM_OPT_E(crm_text_cfg, negation, "text.negation", "keep", negation_names, 0,
              "Whether words behind one that negates get the ending _not; needs text.language."),
    CRM_OPT_I(crm_text_cfg, negation_span, "text.negation_span", 3, 1, 1000, "words", 0,
              "Most words behind one that negates that get _not; . , ; : ! ? end it."),
    CRM_OPT_E(crm_text_cfg, unknown, "text.unknown", "absent", unknown_names, 0,
              "Words of a net that are not in the vocabulary: none, one word, or one of "
              "text.buckets words by their parts (MinHash of 3-grams)."),
    CRM_OPT_I(crm_text_cfg, buckets, "text.buckets", 1000, 1, 1e6, "words", 0,
              "Words that those outside of the vocabulary share when text.unknown is hash."),
    {.key = NULL},
};

crm_status crm_text_cfg_check(const crm_text_cfg *cfg)
{
    text_words *w = NULL;
    bool any = cfg->language == CRM_TEXT_ANY_LANGUAGE;
    const char *stop = cfg->stop_words ? cfg->stop_words : "none";

    CRM_CHECK(!any || !cfg->stem, CRM_ERR_CONFIG,
              "text.stem needs a language; set text.language to en, pt, de, fr or es");
    CRM_CHECK(cfg->fold || !cfg->stem, CRM_ERR_CONFIG,
              "text.stem needs text.fold: stems are those of words in lower case");
    CRM_CHECK(!any || cfg->stop || strcmp(stop, "list") != 0, CRM_ERR_CONFIG,
              "text.stop_words 'list' needs a language; set text.language to en, pt, de, fr or "
              "es, or name a file");
    CRM_CHECK(!any || cfg->negation != CRM_NEGATION_MARK, CRM_ERR_CONFIG,
              "text.negation 'mark' needs a language; set text.language to en, pt, de, fr or es");
    CRM_CHECK(!cfg->contractions || cfg->language == CRM_TEXT_ENGLISH, CRM_ERR_CONFIG,
              "text.contractions are English; text.language is '%s'",
              crm_text_language_names[cfg->language]);
    CRM_TRY(text_words_new(cfg, &w));
    text_words_free(&w);
    return CRM_OK;
}

int64_t crm_text_unknown_ids(const crm_text_cfg *cfg)
{
    return cfg->unknown == CRM_UNKNOWN_ONE    ? 1
           : cfg->unknown == CRM_UNKNOWN_HASH ? cfg->buckets
                                              : 0;
}
