/* tagger_clusters.c - clusters of word vectors as features of words.
 *
 * Spherical k-means (Dhillon & Modha 2001): vectors of length 1, nearest by cosine.  Each rank does
 * all of it by itself in the order of the words, so the clusters are the same everywhere; products
 * of a word are sums over its dimensions in their order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/embed.h"
#include "crmpi/estimator_rows.h"
#include "tagger_impl.h"

enum { WORDS_MAX = 50000, ROUNDS = 12, BLOCK = 256 };

const int32_t *tagger_cluster(const word_clusters *c, uint64_t hash)
{
    int64_t lo = 0, hi = c->n;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (c->hash[mid] < hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < c->n && c->hash[lo] == hash ? c->id + lo * CLUSTERINGS : NULL;
}

void tagger_clusters_free(word_clusters *c)
{
    crm_mem_free(c->hash);
    crm_mem_free(c->id);
    *c = (word_clusters){0};
}

/* ---- k-means ---- */

typedef struct means {
    int64_t n, dim, k;
    float *x;     /* [n][dim] of length 1          */
    float *c;     /* [dim][k] centres, of length 1 */
    double *sum;  /* [k][dim]                      */
    int32_t *of;  /* [n] cluster                   */
    float *score; /* [workers][k]                  */
} means;

static void means_free(means *m)
{
    crm_mem_free(m->x);
    crm_mem_free(m->c);
    crm_mem_free(m->sum);
    crm_mem_free(m->of);
    crm_mem_free(m->score);
}

static void scale(int64_t dim, float *x)
{
    double sum = 0;

    for (int64_t d = 0; d < dim; d++)
        sum += (double)x[d] * (double)x[d];
    for (int64_t d = 0; d < dim && sum > 0; d++)
        x[d] = (float)((double)x[d] / sqrt(sum));
}

static crm_status means_new(const crm_vectors *v, int64_t k, int workers, means *m)
{
    m->n = v->n < WORDS_MAX ? v->n : WORDS_MAX;
    m->dim = v->dim;
    m->k = k < m->n ? k : m->n;
    CRM_NEW(m->x, m->n * m->dim);
    CRM_NEW(m->c, m->dim * m->k);
    CRM_NEW(m->sum, m->k * m->dim);
    CRM_NEW(m->of, m->n);
    CRM_NEW(m->score, workers * m->k);
    memcpy(m->x, v->value, (size_t)(m->n * m->dim) * sizeof *m->x);
    for (int64_t i = 0; i < m->n; i++)
        scale(m->dim, m->x + i * m->dim);
    for (int64_t j = 0; j < m->k; j++) /* words of all ranks of frequency */
        for (int64_t d = 0; d < m->dim; d++)
            m->c[d * m->k + j] = m->x[j * m->n / m->k * m->dim + d];
    return CRM_OK;
}

/* The nearest centre; of equal ones the first. */
static crm_status assign(void *ctx, int64_t block, int worker)
{
    means *m = ctx;
    float *score = m->score + worker * m->k;
    int64_t end = (block + 1) * BLOCK < m->n ? (block + 1) * BLOCK : m->n;

    for (int64_t i = block * BLOCK; i < end; i++) {
        int64_t best = 0;
        memset(score, 0, (size_t)m->k * sizeof *score);
        for (int64_t d = 0; d < m->dim; d++) {
            float x = m->x[i * m->dim + d];
            const float *c = m->c + d * m->k;
            for (int64_t j = 0; j < m->k; j++)
                score[j] += x * c[j];
        }
        for (int64_t j = 1; j < m->k; j++)
            if (score[j] > score[best]) best = j;
        m->of[i] = (int32_t)best;
    }
    return CRM_OK;
}

/* A centre without words stays where it is. */
static void move(means *m)
{
    memset(m->sum, 0, (size_t)(m->k * m->dim) * sizeof *m->sum);
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t d = 0; d < m->dim; d++)
            m->sum[m->of[i] * m->dim + d] += (double)m->x[i * m->dim + d];
    for (int64_t j = 0; j < m->k; j++) {
        double *s = m->sum + j * m->dim, squares = 0;
        for (int64_t d = 0; d < m->dim; d++)
            squares += s[d] * s[d];
        for (int64_t d = 0; d < m->dim && squares > 0; d++)
            m->c[d * m->k + j] = (float)(s[d] / sqrt(squares));
    }
}

/* ---- words ---- */

typedef struct entry {
    uint64_t hash;
    int64_t at; /* place in the file */
} entry;

static int by_hash(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Ascending hashes of the folded words; of words that fold to the same the first. */
static crm_status keep_words(const crm_vectors *v, int64_t n, entry *e, word_clusters *out)
{
    const word_clusters none = {0};
    word_view w;

    CRM_NEW(out->hash, n);
    CRM_NEW(out->id, n * CLUSTERINGS);
    for (int64_t i = 0; i < n; i++) {
        tagger_view_word(v->word[i], &none, &w);
        e[i] = (entry){w.folded, i};
    }
    if (n > 1) qsort(e, (size_t)n, sizeof *e, by_hash);
    for (int64_t i = 0; i < n; i++) {
        if (out->n > 0 && out->hash[out->n - 1] == e[i].hash) continue;
        e[out->n] = e[i];
        out->hash[out->n++] = e[i].hash;
    }
    return CRM_OK;
}

/* One clustering of k clusters into the column `number` of out->id. */
static crm_status cluster(const crm_vectors *v, int64_t k, crm_pool *pool, const entry *e,
                          int number, word_clusters *out)
{
    means m = {0};
    crm_status st = means_new(v, k, pool ? crm_pool_size(pool) : 1, &m);

    for (int r = 0; r < ROUNDS && !st; r++) {
        st = crm_pool_run(pool, (m.n + BLOCK - 1) / BLOCK, assign, &m);
        if (!st) move(&m);
    }
    for (int64_t i = 0; i < out->n && !st; i++)
        out->id[i * CLUSTERINGS + number] = m.of[e[i].at];
    means_free(&m);
    return st;
}

static crm_status cluster_all(const crm_vectors *v, int64_t k, crm_pool *pool, word_clusters *out)
{
    int64_t n = v->n < WORDS_MAX ? v->n : WORDS_MAX;
    entry *e;
    crm_status st;

    CRM_NEW(e, n);
    st = keep_words(v, n, e, out);
    for (int i = 0; i < CLUSTERINGS && !st; i++, k /= 4)
        st = cluster(v, k > 2 ? k : 2, pool, e, i, out);
    crm_mem_free(e);
    return st;
}

crm_status tagger_clusters_new(const crm_tagger_cfg *cfg, const crm_fit *fit, word_clusters *out)
{
    crm_vectors v = {0};
    const char *text = out->vectors;
    crm_status st = crm_vectors_read(cfg->vectors, &v);

    if (!st && v.n == 0)
        CRM_SET(st, CRM_ERR_FORMAT, "crf.vectors: %s has no vectors", cfg->vectors);
    if (!st) st = cluster_all(&v, cfg->clusters, fit->pool, out);
    if (!st)
        crm_digest_hex(crm_digest_of(v.value, (size_t)(v.n * v.dim) * sizeof *v.value),
                       out->vectors);
    crm_vectors_free(&v);
    CRM_TRY(crm_comm_agree(fit->comm, st));
    return crm_rows_same(fit, "crf.vectors", 1, &text);
}
