/* text.c - tokens and stems of a file with a text in a line: crmpi's half of "bench/run.sh text".
 *
 *   bench_text FILE LANGUAGE   the fewest seconds of a core of five rounds, as JSON:
 *     split   texts to tokens, each looked at
 *     stem    words to stems as a model does it: the words of the dictionary once, then each token
 *     each    every token through the steps anew, as if it were a dictionary of its own */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/text.h"

enum { ROUNDS = 5, SLOTS = 1 << 22 };

/* Of the core, so that what else runs on the machine does not count. */
static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void least(double *best, double seconds)
{
    if (*best == 0 || seconds < *best) *best = seconds;
}

typedef struct counter {
    int64_t tokens, bytes;
} counter;

static crm_status count(void *ctx, const char *token, size_t len)
{
    counter *c = ctx;

    c->tokens++;
    c->bytes += (int64_t)len + (token[0] == 'a');
    return CRM_OK;
}

/* All word tokens, as texts and as ids of a dictionary. */
typedef struct corpus {
    const char **token; /* [n] */
    int32_t *id;        /* [n] */
    int64_t n, cap, n_words;
    const char **word; /* [n_words] */
    int32_t *slot;     /* [SLOTS], -1: empty */
} corpus;

static int32_t id_of(corpus *c, const char *word)
{
    uint64_t s = 14695981039346656037u; /* FNV-1a */

    for (const char *p = word; *p; p++)
        s = (s ^ (unsigned char)*p) * 1099511628211u;
    for (s %= SLOTS; c->slot[s] >= 0; s = (s + 1) % SLOTS)
        if (strcmp(c->word[c->slot[s]], word) == 0) return c->slot[s];
    c->word[c->n_words] = crm_mem_strdup(word);
    return c->slot[s] = (int32_t)c->n_words++;
}

static crm_status gather(void *ctx, const char *token, size_t len)
{
    corpus *c = ctx;

    (void)len;
    if (crm_token_kind_of(token) != CRM_TOKEN_WORD || c->n == c->cap) return CRM_OK;
    c->id[c->n] = id_of(c, token);
    c->token[c->n] = c->word[c->id[c->n]];
    c->n++;
    return CRM_OK;
}

/* fn for each token of each line. */
static crm_status split_lines(const char *text, size_t len, crm_text_fn fn, void *ctx)
{
    for (size_t i = 0, n; i < len; i += n + 1) {
        const char *end = memchr(text + i, '\n', len - i);
        n = end ? (size_t)(end - text) - i : len - i;
        CRM_TRY(crm_text_split(text + i, n, fn, ctx, NULL));
    }
    return CRM_OK;
}

static crm_status stem_all(const crm_text_cfg *cfg, const corpus *c, int32_t *out, double *as_used,
                           double *each)
{
    crm_forms *f;
    double t = now();

    CRM_TRY(crm_forms_new(cfg, c->n_words, c->word, &f));
    crm_forms_walk(f, c->id, c->n, out);
    crm_forms_free(&f);
    least(as_used, now() - t);
    t = now();
    CRM_TRY(crm_forms_new(cfg, c->n, c->token, &f));
    crm_forms_free(&f);
    least(each, now() - t);
    return CRM_OK;
}

static crm_status make(corpus *c, const char *text, size_t len, int64_t tokens)
{
    c->cap = tokens;
    CRM_NEW(c->token, tokens);
    CRM_NEW(c->id, tokens);
    CRM_NEW(c->word, tokens);
    CRM_NEW(c->slot, SLOTS);
    memset(c->slot, 0xFF, SLOTS * sizeof *c->slot);
    return split_lines(text, len, gather, c);
}

static crm_status measure(const char *path, crm_text_cfg *cfg)
{
    double split = 0, stem = 0, each = 0;
    char *text;
    size_t len;
    counter n = {0};
    corpus c = {0};
    int32_t *out;

    CRM_TRY(crm_path_read(path, (size_t)1 << 32, &text, &len));
    for (int r = 0; r < ROUNDS; r++) {
        double t = now();
        n = (counter){0};
        CRM_TRY(split_lines(text, len, count, &n));
        least(&split, now() - t);
    }
    CRM_TRY(make(&c, text, len, n.tokens));
    CRM_NEW(out, c.n);
    for (int r = 0; r < ROUNDS; r++)
        CRM_TRY(stem_all(cfg, &c, out, &stem, &each));
    printf(
        "{\"bytes\": %zu, \"tokens\": %lld, \"words\": %lld, \"different\": %lld, \"split\": %g, "
        "\"stem\": %g, \"each\": %g}\n",
        len, (long long)n.tokens, (long long)c.n, (long long)c.n_words, split, stem, each);
    return CRM_OK;
}

int main(int argc, char **argv)
{
    crm_text_cfg cfg;
    crm_opt_set *s;
    char language[64];
    const char *sets[] = {language, "text.stem=true"};

    if (argc != 3) return 2;
    snprintf(language, sizeof language, "text.language=%.8s", argv[2]);
    if (crm_opt_set_new(&s) || crm_opt_set_add(s, crm_text_opts, &cfg) ||
        crm_opt_set_load(s, NULL, sets, 2) || measure(argv[1], &cfg)) {
        crm_err_print(0);
        return 1;
    }
    crm_opt_set_free(&s);
    return 0;
}
