/* embed.c - word vectors of a text file, timed: bench/embed.py runs it beside gensim.
 *
 *   bench_embed TEXT MODEL SEED [SIMILARITY...] -- [ANALOGY...]
 *
 * Prints the digest of the vectors, words, words/s of the clock and of rank 0's core, and the score
 * of each file.  MODEL is skipgram, cbow or glove; options are those of the comparison: 64 numbers,
 * window 5, 5 words of noise, words of 5 tokens and more, subsampling 1e-3, 5 epochs, alpha .05. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_hash.h"
#include "crmpi/embed.h"
#include "crmpi/opt.h"
#include "fit.h"

static crm_status configure(const char *model, crm_opt_set **set, crm_embed_cfg *fit,
                            crm_text_cfg *text)
{
    char kind[64];
    const char *sets[] = {kind,
                          "embed.dim=64",
                          "embed.window=5",
                          "embed.negative=5",
                          "embed.sample=1e-3",
                          "embed.epochs=5",
                          "embed.alpha=0.05",
                          "text.min_count=5",
                          "text.max_words=1000000"};

    snprintf(kind, sizeof kind, "embed.model=%s", model);
    CRM_TRY(crm_opt_set_new(set));
    CRM_TRY(crm_opt_set_add(*set, crm_embed_opts, fit));
    CRM_TRY(crm_opt_set_add(*set, crm_text_opts, text));
    return crm_opt_set_load(*set, NULL, sets, sizeof sets / sizeof *sets);
}

static crm_status score(const crm_vectors *v, const char *path, bool analogy)
{
    double got;
    int64_t n, of;

    if (analogy)
        CRM_TRY(crm_vectors_analogy(v, path, &got, &n, &of));
    else
        CRM_TRY(crm_vectors_similarity(v, path, &got, &n, &of));
    printf(" %.6f %lld", got, (long long)n);
    return CRM_OK;
}

static crm_status score_all(const crm_vectors *v, int n, char **path)
{
    bool analogy = false;

    for (int i = 0; i < n; i++)
        if (strcmp(path[i], "--") == 0)
            analogy = true;
        else
            CRM_TRY(score(v, path[i], analogy));
    return CRM_OK;
}

static crm_status fit_and_tell(crm_comm *world, const crm_embed_cfg *fit, const crm_corpus *c,
                               int argc, char **argv)
{
    fit_clock start = fit_clock_start();
    double wall, core, words;
    char digest[CRM_DIGEST_HEX];
    crm_vectors v;
    crm_status st;

    CRM_TRY(crm_embed_fit(world, NULL, fit, c, (uint64_t)atoll(argv[3]), NULL, NULL, &v));
    fit_clock_read(&start, &wall, &core);
    words = (double)fit->epochs * (double)c->first[c->n_documents];
    crm_digest_hex(crm_digest_of(v.value, (size_t)(v.n * v.dim) * sizeof *v.value), digest);
    printf("%s %lld %.0f %.0f", digest, (long long)v.n, words / wall, words / core);
    st = score_all(&v, argc - 4, argv + 4);
    printf("\n");
    crm_vectors_free(&v);
    return st;
}

static crm_status run(crm_comm *world, int argc, char **argv)
{
    crm_opt_set *set = NULL;
    crm_embed_cfg fit = {0};
    crm_text_cfg text = {0}; /* more than the options set */
    crm_corpus *c = NULL;
    int64_t faults;
    crm_status st = configure(argv[2], &set, &fit, &text);

    if (!st) st = crm_corpus_read(&text, 1, (const char *const *)&argv[1], &c, &faults);
    if (!st) st = fit_and_tell(world, &fit, c, argc, argv);
    crm_corpus_free(&c);
    crm_opt_set_free(&set);
    return st;
}

int main(int argc, char **argv)
{
    return fit_main(argc, argv, 4, "bench_embed TEXT MODEL SEED [SIMILARITY...] -- [ANALOGY...]",
                    run);
}
