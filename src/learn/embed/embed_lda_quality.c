/* embed_lda_quality.c - what topics say of documents, and how good they are. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/stats_dist.h"
#include "embed_lda.h"

static crm_status check_words(const crm_lda *m, const crm_bow *x)
{
    CRM_CHECK(x->n_words == m->words, CRM_ERR_ARG, "%lld words, the topics have %lld",
              (long long)x->n_words, (long long)m->words);
    return CRM_OK;
}

static lda_document document(const crm_bow *x, int64_t d)
{
    return (lda_document){.n = x->first[d + 1] - x->first[d],
                          .row = x->id + x->first[d],
                          .count = x->count + x->first[d]};
}

crm_status crm_lda_mix(const crm_lda *m, const crm_bow *x, float *out)
{
    lda_worker w = {0};
    crm_status st = check_words(m, x);

    if (!st) st = lda_worker_new(m, lda_longest(x), &w);
    for (int64_t d = 0; d < x->n && !st; d++) {
        lda_document doc = document(x, d);
        double total = 0;
        lda_infer(m, m->beta, &doc, &w);
        for (int64_t k = 0; k < m->topics; k++)
            total += w.gamma[k];
        for (int64_t k = 0; k < m->topics; k++)
            out[d * m->topics + k] = (float)(w.gamma[k] / total);
    }
    lda_worker_free(&w);
    return st;
}

/* ---- perplexity ---- */

/* E log p(v | prior) - E log q(v | at) of a Dirichlet distribution of n parts, each `step` apart.
 */
static double dirichlet_bound(double prior, int64_t n, const double *at, int64_t step)
{
    double total = 0, psi, s = 0;

    for (int64_t i = 0; i < n; i++)
        total += at[i * step];
    psi = crm_stats_digamma(total);
    for (int64_t i = 0; i < n; i++) {
        double v = at[i * step];
        s += (prior - v) * (crm_stats_digamma(v) - psi) + crm_stats_lgamma(v) -
             crm_stats_lgamma(prior);
    }
    return s + crm_stats_lgamma(prior * (double)n) - crm_stats_lgamma(total);
}

/* E log p(words | theta, beta) by the bound, as ratio holds count / phi. */
static double words_bound(const lda_document *d, const lda_worker *w)
{
    double s = 0;

    for (int64_t i = 0; i < d->n; i++)
        s += (double)d->count[i] * crm_log((double)d->count[i] / w->ratio[i]);
    return s;
}

crm_status crm_lda_perplexity(const crm_lda *m, const crm_bow *x, double *out)
{
    lda_worker w = {0};
    double bound = 0, words = 0;
    crm_status st = check_words(m, x);

    if (!st) st = lda_worker_new(m, lda_longest(x), &w);
    for (int64_t d = 0; d < x->n && !st; d++) {
        lda_document doc = document(x, d);
        lda_infer(m, m->beta, &doc, &w);
        bound += words_bound(&doc, &w) + dirichlet_bound(m->alpha, m->topics, w.gamma, 1);
        for (int64_t i = 0; i < doc.n; i++)
            words += (double)doc.count[i];
    }
    for (int64_t k = 0; k < m->topics && !st; k++)
        bound += dirichlet_bound(m->eta, m->words, m->lambda + k, m->stride);
    lda_worker_free(&w);
    *out = words > 0 ? crm_exp(-bound / words) : (double)NAN;
    return st;
}

/* ---- coherence ---- */

/* Documents that hold the top words of topics, alone and in pairs. */
typedef struct together {
    int top;
    int64_t topics, n;
    int32_t *word;  /* [topics][top]                               */
    int32_t *mark;  /* [words] first place of a word in word, or -1 */
    int32_t *next;  /* [topics x top] next place of the same word  */
    uint64_t *seen; /* [topics] bit i: top word i is in the document */
    int64_t *count; /* [topics][top][top]; on the diagonal: alone   */
} together;

static crm_status together_new(const crm_lda *m, int top, together *t)
{
    int64_t places = m->topics * top;

    t->top = top;
    t->topics = m->topics;
    CRM_NEW(t->word, places);
    CRM_NEW(t->next, places);
    CRM_NEW(t->mark, m->words);
    CRM_NEW(t->seen, m->topics);
    CRM_NEW(t->count, places * top);
    memset(t->mark, 0xff, (size_t)m->words * sizeof *t->mark);
    for (int64_t k = 0; k < m->topics; k++)
        crm_lda_top(m, k, top, t->word + k * top);
    for (int64_t i = 0; i < places; i++) {
        if (t->word[i] < 0) continue;
        t->next[i] = t->mark[t->word[i]];
        t->mark[t->word[i]] = (int32_t)i;
    }
    return CRM_OK;
}

static void count_document(together *t, const lda_document *d)
{
    memset(t->seen, 0, (size_t)t->topics * sizeof *t->seen);
    for (int64_t i = 0; i < d->n; i++)
        for (int32_t p = t->mark[d->row[i]]; p >= 0; p = t->next[p])
            t->seen[p / t->top] |= (uint64_t)1 << (p % t->top);
    for (int64_t k = 0; k < t->topics; k++)
        for (int i = 0; i < t->top && t->seen[k]; i++)
            for (int j = 0; j <= i; j++)
                t->count[(k * t->top + i) * t->top + j] += t->seen[k] >> i & t->seen[k] >> j & 1;
}

/* Means over pairs (i after j in the order of the topic) that the documents know. */
static void measure(const together *t, int64_t k, double *umass, double *npmi)
{
    const int64_t *c = t->count + k * t->top * t->top;
    double n = (double)t->n, u = 0, p = 0;
    int pairs = 0;

    for (int i = 1; i < t->top; i++)
        for (int j = 0; j < i; j++) {
            double a = (double)c[i * t->top + i], b = (double)c[j * t->top + j];
            double both = (double)c[i * t->top + j];
            if (a <= 0 || b <= 0) continue;
            pairs++;
            u += crm_log((both + 1) / b);
            if (both >= n)
                p += 1;
            else
                p += both > 0 ? crm_log(both * n / (a * b)) / -crm_log(both / n) : -1;
        }
    umass[k] = pairs ? u / pairs : (double)NAN;
    npmi[k] = pairs ? p / pairs : (double)NAN;
}

crm_status crm_lda_coherence(const crm_lda *m, const crm_bow *x, int top, double *umass,
                             double *npmi)
{
    together t = {.n = x->n};
    crm_status st = check_words(m, x);

    if (!st && (top < 2 || top > 64))
        CRM_SET(st, CRM_ERR_ARG, "coherence of %d words, 2 to 64 are possible", top);
    if (!st) st = together_new(m, top, &t);
    for (int64_t d = 0; d < x->n && !st; d++) {
        lda_document doc = document(x, d);
        count_document(&t, &doc);
    }
    for (int64_t k = 0; k < m->topics && !st; k++)
        measure(&t, k, umass, npmi);
    crm_mem_free(t.word);
    crm_mem_free(t.next);
    crm_mem_free(t.mark);
    crm_mem_free(t.seen);
    crm_mem_free(t.count);
    return st;
}
