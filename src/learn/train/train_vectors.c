/* train_vectors.c - word vectors that the text branch begins with: those of a file, or learnt from
 * the texts that a fit may see.
 *
 * A word of the net is a form (text.h).  In a file it is looked up as it is; failing that, it takes
 * the vector of the first word of the file that the options text.* turn into it ("Delayed" for
 * "delayed", or for "delay" where words are stemmed). */
#include "train_vectors.h"

#include <math.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/estimator_rows.h"

#define KEY "model.text_vectors"

void crm_first_vectors_free(first_vectors *v)
{
    crm_mem_free(v->there);
    crm_mem_free(v->value);
    *v = (first_vectors){0};
}

/* ---- given vectors to words of the net ---- */

/* id 0 is no word. */
static void take(const crm_vectors *from, int64_t row, int32_t id, first_vectors *out)
{
    if (id < 1 || out->there[id - 1]) return;
    memcpy(out->value + (id - 1) * out->dim, from->value + row * from->dim,
           (size_t)out->dim * sizeof *out->value);
    out->there[id - 1] = 1;
    out->found++;
}

static crm_status take_forms(const crm_vectors *from, const crm_text_cfg *text, const crm_vocab *v,
                             first_vectors *out)
{
    crm_forms *f = NULL;
    int32_t form;

    CRM_TRY(crm_forms_new(text, from->n, (const char *const *)from->word, &f));
    for (int64_t i = 0; i < from->n; i++) {
        int32_t word = (int32_t)i;
        if (crm_forms_walk(f, &word, 1, &form) == 1)
            take(from, i, crm_vocab_find(v, crm_forms_text(f)[form]), out);
    }
    crm_forms_free(&f);
    return CRM_OK;
}

static crm_status take_all(const crm_vectors *from, const blocks *b, bool forms, first_vectors *out)
{
    *out = (first_vectors){.n = crm_vocab_size(b->vocab), .dim = from->dim, .spread = 1};
    CRM_NEW(out->there, out->n);
    CRM_NEW(out->value, out->n * out->dim);
    for (int64_t i = 0; i < from->n; i++)
        take(from, i, crm_vocab_find(b->vocab, from->word[i]), out);
    return forms && out->found < out->n ? take_forms(from, &b->words->cfg, b->vocab, out) : CRM_OK;
}

/* ---- spread ---- */

/* Root mean square of the numbers of all words that have a vector. */
static double spread_of(const first_vectors *v)
{
    double sum = 0;

    for (int64_t i = 0; i < v->n; i++)
        for (int64_t k = 0; v->there[i] && k < v->dim; k++)
            sum += (double)v->value[i * v->dim + k] * (double)v->value[i * v->dim + k];
    return v->found > 0 ? sqrt(sum / (double)(v->found * v->dim)) : 0;
}

static void scale(first_vectors *v, double to)
{
    double is = spread_of(v);

    for (int64_t i = 0; to > 0 && is > 0 && i < v->n * v->dim; i++)
        v->value[i] = (float)((double)v->value[i] * (to / is));
    v->spread = to > 0 ? to : is > 0 ? is : 1;
}

/* ---- a file ---- */

static crm_status read_file(const crm_hybrid_cfg *cfg, const blocks *b, first_vectors *out)
{
    const char *path = cfg->model.text_vectors;
    crm_vectors v = {0};
    crm_status st = crm_vectors_read(path, &v);

    if (!st && v.dim != cfg->model.text_dim)
        CRM_SET(st, CRM_ERR_CONFIG,
                KEY ": the vectors of %s have %lld numbers, model.text_dim is %lld; set "
                    "model.text_dim to %lld",
                path, (long long)v.dim, (long long)cfg->model.text_dim, (long long)v.dim);
    if (!st) st = take_all(&v, b, true, out);
    crm_vectors_free(&v);
    return st;
}

/* Ranks on other nodes may see another file. */
static crm_status same_file(const crm_fit *fit, const first_vectors *v)
{
    char value[CRM_DIGEST_HEX], there[CRM_DIGEST_HEX];
    const char *text[] = {value, there};

    crm_digest_hex(crm_digest_of(v->value, (size_t)(v->n * v->dim) * sizeof *v->value), value);
    crm_digest_hex(crm_digest_of(v->there, (size_t)v->n), there);
    return crm_rows_same(fit, "the file of " KEY, 2, text);
}

/* ---- learnt in the fit ---- */

/* Documents of the training rows in their order, or of all rows. */
static crm_status training_documents(const crm_fit *fit, const crm_documents *d, int64_t **out,
                                     int64_t *n)
{
    const crm_view *v = fit->train;
    int64_t k = 0;

    *n = 0;
    for (int64_t i = 0; i < v->n; i++)
        *n += d->first[v->row[i] + 1] - d->first[v->row[i]];
    CRM_NEW(*out, *n);
    for (int64_t i = 0; i < v->n; i++)
        for (int64_t j = d->first[v->row[i]]; j < d->first[v->row[i] + 1]; j++)
            (*out)[k++] = j;
    return CRM_OK;
}

static crm_status corpus_of(const crm_hybrid_cfg *cfg, const blocks *b, const crm_fit *fit,
                            crm_corpus **out)
{
    const crm_documents *d = crm_data_documents(fit->train->data);
    crm_corpus_source s = {.n_words = d->n_words,
                           .n_documents = d->n,
                           .word = d->word,
                           .first = d->token_first,
                           .token = d->token};
    int64_t *document = NULL;
    crm_status st = CRM_OK;

    if (!cfg->model.text_transductive) {
        st = training_documents(fit, d, &document, &s.n_documents);
        s.document = document;
    }
    if (!st) st = crm_corpus_new(&b->words->cfg, &s, out);
    crm_mem_free(document);
    return st;
}

static crm_status learn(const crm_hybrid_cfg *cfg, const blocks *b, const crm_fit *fit,
                        first_vectors *out)
{
    crm_embed_cfg embed = cfg->embed;
    crm_corpus *corpus = NULL;
    crm_vectors v = {0};
    crm_status st = crm_comm_agree(fit->comm, corpus_of(cfg, b, fit, &corpus));

    embed.dim = cfg->model.text_dim;
    if (!st && !crm_corpus_has_pairs(corpus)) { /* nothing to learn from: all begin at random */
        crm_corpus_free(&corpus);
        return CRM_OK;
    }
    if (!st)
        st = crm_embed_fit(fit->comm, fit->pool, &embed, corpus,
                           crm_rng_derive(fit->seed, 0, CRM_RNG_EMBED_INIT, 0), NULL, NULL, &v);
    if (!st) st = crm_comm_agree(fit->comm, take_all(&v, b, false, out));
    crm_vectors_free(&v);
    crm_corpus_free(&corpus);
    return st;
}

/* ---- all ---- */

static void tell(const crm_hybrid_cfg *cfg, const crm_fit *fit, const first_vectors *v)
{
    const char *from = cfg->model.text_vectors;
    bool all = cfg->model.text_transductive, fold = strcmp(from, "fold") == 0;

    if (crm_comm_rank(fit->comm) == 0)
        crm_log_line(
            CRM_LOG_INFO, "train",
            "%lld of %lld words of the vocabulary have a vector%s%s, root mean square %.3g",
            (long long)v->found, (long long)v->n, fold ? "" : " in ",
            !fold ? from
            : all ? " learnt from the texts of all rows"
                  : " learnt from the training texts",
            v->spread);
}

crm_status crm_first_vectors_new(const crm_hybrid_cfg *cfg, const blocks *b, const crm_fit *fit,
                                 first_vectors *out)
{
    const char *from = cfg->model.text_vectors;
    crm_status st;

    *out = (first_vectors){.spread = cfg->model.text_spread};
    if (!b->documents || !from || !from[0] || strcmp(from, "none") == 0) return CRM_OK;
    if (strcmp(from, "fold") == 0) {
        st = learn(cfg, b, fit, out);
    } else {
        st = crm_comm_agree(fit->comm, read_file(cfg, b, out));
        if (!st) st = same_file(fit, out);
    }
    if (st) return st;
    scale(out, cfg->model.text_spread);
    tell(cfg, fit, out);
    return CRM_OK;
}

void crm_first_vectors_put(const first_vectors *v, const crm_params *ps, float *w)
{
    const crm_param *p;
    int at = crm_params_find(ps, CRM_MODEL_WORDS);

    if (at < 0 || v->spread <= 0) return;
    p = crm_params_get(ps, at);
    for (int64_t i = 1; i < p->dim[0]; i++) {
        int64_t dim = p->dim[1];
        float *row = w + p->offset + i * dim;
        if (i <= v->n && v->there[i - 1])
            memcpy(row, v->value + (i - 1) * dim, (size_t)dim * sizeof *row);
        for (int64_t k = 0; (i > v->n || !v->there[i - 1]) && k < dim; k++)
            row[k] = (float)((double)row[k] * v->spread);
    }
}
