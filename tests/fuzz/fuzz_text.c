/* fuzz_text.c - any bytes as a text, and any options: no crash, tokens are clean, gluing them and
 * splitting again loses nothing, forms of a document are forms of its words.  The first bytes
 * choose the options. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/text.h"

enum { HEAD = 4, TOKENS = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct document {
    char *word[TOKENS];
    int32_t token[TOKENS];
    int64_t n;
} document;

static crm_status add(void *ctx, const char *token, size_t len)
{
    document *d = ctx;

    if (len == 0 || len > CRM_TOKEN_MAX || strlen(token) != len || strchr(token, ' ')) abort();
    if ((unsigned)crm_token_kind_of(token) >= CRM_TOKEN_KIND_COUNT) abort();
    if (d->n == TOKENS) return CRM_OK;
    d->token[d->n] = (int32_t)d->n;
    d->word[d->n] = crm_mem_strdup(token);
    if (!d->word[d->n++]) abort();
    return CRM_OK;
}

static crm_status measure(void *ctx, const char *token, size_t len)
{
    (void)token;
    *(size_t *)ctx += len;
    return CRM_OK;
}

/* A token is text in normal form without faults, of which nothing is lost; it may look like markup,
 * when references in the text stood for its characters. */
static void check_token(const char *token)
{
    size_t len = strlen(token), got = 0;
    int64_t faults = 0;
    char letters[3 * CRM_TOKEN_MAX + 1];

    if (crm_text_split(token, len, measure, &got, &faults) != CRM_OK || faults) abort();
    if (got != len && !strchr(token, '&') && !strchr(token, '<')) abort();
    if (crm_text_letters(token, len, letters) > sizeof letters - 1) abort();
}

static crm_text_cfg options(const uint8_t *b)
{
    return (crm_text_cfg){.language = b[0] % CRM_TEXT_LANGUAGE_COUNT,
                          .fold = b[0] & 64,
                          .strip_accents = b[0] & 128,
                          .stem = b[1] & 1,
                          .stop_words =
                              b[1] & 2 && b[0] % CRM_TEXT_LANGUAGE_COUNT ? "list" : "none",
                          .contractions = b[1] & 4,
                          .negation = b[1] & 8 ? CRM_NEGATION_MARK : CRM_NEGATION_KEEP,
                          .negation_span = 1 + b[1] / 16,
                          .numbers = b[2] % 3,
                          .urls = b[2] / 3 % 3,
                          .users = b[2] / 9 % 3,
                          .hashtags = b[2] / 27 % 3,
                          .emoji = b[3] % 3,
                          .punctuation = b[3] / 3 % 3,
                          .unknown = CRM_UNKNOWN_HASH,
                          .buckets = 1 + b[3]};
}

static void take_hash(void *ctx, uint64_t hash)
{
    *(uint64_t *)ctx += hash;
}

static void check_forms(const crm_text_cfg *cfg, const document *d)
{
    static int32_t out[TOKENS];
    const crm_ngrams grams = {.words_from = 1, .words_to = 3, .chars_from = 2, .chars_to = 5};
    crm_forms *f = NULL;
    crm_vocab *v = NULL;
    uint64_t sum = 0;
    int64_t n;

    if (crm_forms_new(cfg, d->n, (const char *const *)d->word, &f) != CRM_OK) abort();
    n = crm_forms_walk(f, d->token, d->n, out);
    if (n > d->n) abort();
    for (int64_t i = 0; i < n; i++)
        if (out[i] < 0 || out[i] >= crm_forms_count(f) || !crm_forms_text(f)[out[i]][0]) abort();
    crm_ngrams_walk(&grams, f, out, n, take_hash, &sum);
    if (crm_vocab_from_list(crm_forms_count(f) / 2, crm_forms_text(f), &v) != CRM_OK) abort();
    for (int64_t i = 0; i < crm_forms_count(f); i++) {
        int32_t id = crm_vocab_id(v, cfg, crm_forms_text(f)[i]);
        if (id < 1 || id > crm_vocab_size(v) + crm_text_unknown_ids(cfg)) abort();
    }
    crm_vocab_free(&v);
    crm_forms_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static document d;
    crm_text_cfg cfg;
    size_t used = crm_mem_used();

    if (size < HEAD) return 0;
    cfg = options(data);
    d.n = 0;
    if (crm_text_split((const char *)data + HEAD, size - HEAD, add, &d, NULL) != CRM_OK) abort();
    for (int64_t i = 0; i < d.n; i++)
        check_token(d.word[i]);
    check_forms(&cfg, &d);
    for (int64_t i = 0; i < d.n; i++)
        crm_mem_free(d.word[i]);
    if (crm_mem_used() != used) abort();
    return 0;
}
