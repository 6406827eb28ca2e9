/* embed_fit.c - word vectors from a corpus. */
#include <math.h>
#include <string.h>

#include "crmpi/base_stop.h"
#include "embed_impl.h"

enum { ASK_EVERY = 64 }; /* steps */

crm_status embed_stop(crm_comm *comm, int64_t step)
{
    int signal = crm_stop_signal();

    if (step % ASK_EVERY) return CRM_OK;
    if (comm) CRM_TRY(crm_comm_stop_signal(comm, &signal));
    CRM_CHECK(!signal, CRM_ERR_STOPPED,
              "stopped by %s; word vectors are learnt anew when run again", crm_stop_name(signal));
    return CRM_OK;
}

static crm_status check(const crm_embed_cfg *c, const crm_corpus *x)
{
    CRM_CHECK(x->n_words > 1, CRM_ERR_CONFIG,
              "%s frequent enough for a vector, two are needed; lower text.min_count or give more "
              "text",
              x->n_words ? "one word is" : "no word is");
    CRM_CHECK(crm_corpus_has_pairs(x), CRM_ERR_CONFIG,
              "none of the %lld documents has two of the %lld words that are frequent enough for a "
              "vector, so that no word is seen beside another; give longer documents (of a text "
              "file, each line is one), or lower text.min_count",
              (long long)x->n_documents, (long long)x->n_words);
    CRM_CHECK(x->n_words < INT32_MAX / 2, CRM_ERR_CONFIG,
              "%lld words, word vectors are learnt of at most %d; lower text.max_words",
              (long long)x->n_words, INT32_MAX / 2 - 1);
    CRM_CHECK(c->kind >= 0 && c->kind <= CRM_EMBED_GLOVE && c->dim > 0 && c->window > 0 &&
                  c->epochs > 0 && c->lanes > 0 && c->lane_words > 0 && c->cap > 0 &&
                  c->negative >= 0,
              CRM_ERR_ARG, "options embed.* out of range");
    return CRM_OK;
}

static crm_status copy_words(const crm_corpus *x, int64_t dim, crm_vectors *out)
{
    crm_status st = CRM_OK;

    *out = (crm_vectors){.dim = dim};
    CRM_NEW_TO(st, done, out->word, x->n_words);
    CRM_NEW_TO(st, done, out->value, x->n_words * dim);
    for (out->n = 0; out->n < x->n_words; out->n++) {
        out->word[out->n] = crm_mem_strdup(x->word[out->n]);
        CRM_CHECK_TO(st, done, out->word[out->n], CRM_ERR_NOMEM, "out of memory: words");
    }
done:
    return st;
}

static crm_status check_values(const crm_vectors *v)
{
    for (int64_t i = 0; i < v->n * v->dim; i++)
        CRM_CHECK(isfinite(v->value[i]), CRM_ERR_NUMERIC,
                  "the vector of word %lld is not finite; lower embed.alpha or embed.lane_words",
                  (long long)(i / v->dim));
    return CRM_OK;
}

crm_status crm_embed_fit(crm_comm *comm, crm_pool *pool, const crm_embed_cfg *cfg,
                         const crm_corpus *corpus, uint64_t seed, crm_embed_epoch_fn epoch,
                         void *ctx, crm_vectors *out)
{
    embed_fit f = {.comm = comm,
                   .pool = pool,
                   .cfg = cfg,
                   .corpus = corpus,
                   .seed = seed,
                   .epoch = epoch,
                   .ctx = ctx};
    crm_status st;

    *out = (crm_vectors){0};
    CRM_TRY(check(cfg, corpus));
    st = copy_words(corpus, cfg->dim, out);
    if (comm) st = crm_comm_agree(comm, st);
    if (!st)
        st = cfg->kind == CRM_EMBED_GLOVE ? embed_glove(&f, out->value)
                                          : embed_word2vec(&f, out->value);
    if (!st) st = check_values(out);
    if (st) crm_vectors_free(out);
    return st;
}
