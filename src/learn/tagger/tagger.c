/* tagger.c - the conditional random field as an estimator: shape, decode, save and load. */
#include "crmpi/tagger.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "tagger_impl.h"

static crm_status make(const void *cfg, crm_estimator **out)
{
    tagger *g;

    *out = NULL;
    CRM_NEW(g, 1);
    g->base.class = &crm_tagger_class;
    g->cfg = cfg;
    g->outside = -1;
    *out = &g->base;
    return CRM_OK;
}

static void drop(tagger *g)
{
    for (int i = 0; g->tag && i < g->k; i++)
        crm_mem_free(g->tag[i]);
    crm_mem_free(g->tag);
    crm_mem_free(g->bio);
    crm_mem_free(g->bucket);
    crm_mem_free(g->id_of);
    crm_mem_free(g->gaz);
    crm_mem_free(g->weight);
    crm_mem_free(g->start);
    crm_mem_free(g->trans);
    tagger_clusters_free(&g->clusters);
}

static void tagger_free(crm_estimator *e)
{
    drop((tagger *)e);
    crm_mem_free(e);
}

int64_t tagger_n_features(const tagger *g)
{
    return g->n_reserved + g->n_hashed;
}

int64_t tagger_n_weights(const tagger *g)
{
    return tagger_n_features(g) * g->k + (int64_t)g->k * g->k;
}

static bool may_follow(const tagger *g, int from, int to)
{
    return g->bio[to].mark != 'I' || g->bio[from].type == g->bio[to].type;
}

void tagger_set_chain(const tagger *g, const double *weight)
{
    const double *pair = weight + tagger_n_features(g) * g->k;

    for (int i = 0; i < g->k; i++) {
        g->start[i] = g->bio[i].mark == 'I' ? CRM_CRF_NEVER : 0;
        for (int j = 0; j < g->k; j++)
            g->trans[i * g->k + j] = may_follow(g, i, j) ? pair[i * g->k + j] : CRM_CRF_NEVER;
    }
}

/* A type with I only could never begin. */
static crm_status check_types(int k, const char *const *tag, const crm_bio *bio)
{
    for (int i = 0; i < k; i++) {
        int j = 0;
        while (j < k && !(bio[j].mark == 'B' && bio[j].type == bio[i].type))
            j++;
        CRM_CHECK(bio[i].mark == 'O' || j < k, CRM_ERR_CONFIG,
                  "crf: class '%s' has no class B-%s beside it", tag[i], tag[i] + 2);
    }
    return CRM_OK;
}

static crm_status read_tags(int k, const char *const *tag, crm_bio *bio, int *n_types)
{
    const char **type;
    crm_status st;

    CRM_NEW(type, k);
    st = crm_bio_read(k, tag, bio, type, n_types);
    if (!st) st = check_types(k, tag, bio);
    crm_mem_free(type);
    return st;
}

crm_status tagger_shape(tagger *g, int k, const char *const *tag)
{
    drop(g);
    *g = (tagger){.base = g->base, .cfg = g->cfg, .k = k, .outside = -1};
    CRM_NEW(g->tag, k);
    CRM_NEW(g->bio, k);
    CRM_NEW(g->start, k);
    CRM_NEW(g->trans, k * k);
    for (int i = 0; i < k; i++) {
        g->tag[i] = crm_mem_strdup(tag[i]);
        CRM_CHECK(g->tag[i], CRM_ERR_NOMEM, "out of memory: names of tags");
    }
    CRM_TRY(read_tags(k, tag, g->bio, &g->n_types));
    for (int i = k - 1; i >= 0; i--)
        if (g->bio[i].mark == 'O') g->outside = i;
    if (g->cfg->gazetteer) g->n_reserved = GAZ_PLACES * (int64_t)g->n_types;
    return CRM_OK;
}

/* ---- decode ---- */

/* Memory of one decode. */
typedef struct reader {
    features x;
    double *unary, *work;
    int64_t cap;
} reader;

static void reader_free(reader *r)
{
    tagger_features_free(&r->x);
    crm_mem_free(r->unary);
    crm_mem_free(r->work);
}

static crm_status reader_reserve(reader *r, int64_t n, int k)
{
    if (n <= r->cap) return CRM_OK;
    crm_mem_free(r->unary);
    crm_mem_free(r->work);
    r->unary = r->work = NULL;
    r->cap = 0;
    CRM_NEW(r->unary, 2 * n * k);
    CRM_NEW(r->work, crm_crf_work(2 * n, k));
    r->cap = 2 * n;
    return CRM_OK;
}

static crm_status decode_document(const tagger *g, const crm_data *d, int64_t document, reader *r,
                                  int32_t *tag)
{
    const crm_documents *x = crm_data_documents(d);
    int64_t n = x->token_first[document + 1] - x->token_first[document];
    crm_crf c;

    if (n == 0) return CRM_OK;
    CRM_TRY(reader_reserve(r, n, g->k));
    tagger_features_clear(&r->x);
    CRM_TRY(tagger_features_add(g, d, document, NULL, &r->x));
    tagger_unary(g, g->weight, &r->x, 0, n, r->unary);
    for (int64_t t = 0; t < n && g->outside >= 0; t++)
        r->unary[t * g->k + g->outside] -= g->bias;
    c = (crm_crf){.n = n, .k = g->k, .unary = r->unary, .start = g->start, .trans = g->trans};
    crm_crf_decode(&c, tag, r->work);
    return CRM_OK;
}

static crm_status decode(crm_estimator *e, const crm_data *d, const int64_t *row, int64_t n,
                         int32_t *tag)
{
    const crm_documents *x = crm_data_documents(d);
    reader r = {0};
    crm_status st = CRM_OK;

    CRM_CHECK(x, CRM_ERR_CONFIG, "crf: %s has no documents to be tagged", crm_data_path(d));
    for (int64_t i = 0; i < n && !st; i++)
        for (int64_t j = x->first[row[i]]; j < x->first[row[i] + 1] && !st; j++) {
            st = decode_document((const tagger *)e, d, j, &r, tag);
            tag += x->token_first[j + 1] - x->token_first[j];
        }
    reader_free(&r);
    return st;
}

static crm_status predict(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                          double *proba)
{
    (void)e;
    (void)in;
    (void)row;
    (void)n;
    (void)proba;
    CRM_FAIL(CRM_ERR_CONFIG, "crf: tags tokens; it has no probabilities of rows");
}

/* ---- save and load ---- */

static crm_status save_weights(const tagger *g, crm_bag *b)
{
    int64_t n = tagger_n_weights(g);
    float *w;
    crm_status st;

    CRM_NEW(w, n);
    for (int64_t i = 0; i < n; i++)
        w[i] = (float)g->weight[i];
    st = crm_bag_put(b, "weight", CRM_F32, 1, &n, w);
    crm_mem_free(w);
    return st;
}

/* Places of the gazetteer that are not 0. */
static crm_status save_gazetteer(const tagger *g, crm_bag *b)
{
    int64_t cells = g->gaz ? ((int64_t)1 << GAZ_BITS) * g->n_types : 0, n = 0;
    int32_t *at;
    crm_status st;

    CRM_NEW(at, cells);
    for (int64_t i = 0; i < cells; i++)
        if (g->gaz[i] > 0) at[n++] = (int32_t)i;
    st = crm_bag_put(b, "gazetteer", CRM_I32, 1, &n, at);
    crm_mem_free(at);
    return st;
}

static crm_status save_clusters(const tagger *g, crm_bag *b)
{
    const word_clusters *c = &g->clusters;

    CRM_TRY(crm_bag_put_text(b, "cluster/vectors", c->vectors));
    CRM_TRY(crm_bag_put(b, "cluster/word", CRM_I64, 1, &c->n, c->hash));
    return crm_bag_put(b, "cluster/id", CRM_I32, 2, (int64_t[]){c->n, CLUSTERINGS}, c->id);
}

static crm_status save(const crm_estimator *e, crm_bag *b)
{
    const tagger *g = (const tagger *)e;

    CRM_TRY(crm_bag_put_list(b, "tags", g->k, (const char *const *)g->tag));
    CRM_TRY(crm_bag_put_i64(b, "bits", g->cfg->bits));
    CRM_TRY(crm_bag_put(b, "feature", CRM_I32, 1, &g->n_hashed, g->bucket));
    CRM_TRY(crm_bag_put_f64(b, "bias", g->bias));
    CRM_TRY(save_gazetteer(g, b));
    CRM_TRY(save_clusters(g, b));
    return save_weights(g, b);
}

static crm_status load_features(tagger *g, crm_bag *b)
{
    const crm_bag_array *a;
    const int32_t *bucket;
    int64_t bits, buckets;

    CRM_TRY(crm_bag_get_i64(b, "bits", &bits));
    CRM_CHECK(bits == g->cfg->bits, CRM_ERR_FORMAT,
              "model file: features are hashed to %lld bits, "
              "crf.bits says %lld",
              (long long)bits, (long long)g->cfg->bits);
    buckets = (int64_t)1 << bits;
    CRM_TRY(crm_bag_get(b, "feature", CRM_I32, -1, &a));
    CRM_CHECK(a->n <= buckets, CRM_ERR_FORMAT, "model file: more features than buckets");
    bucket = a->data;
    g->n_hashed = a->n;
    CRM_NEW(g->bucket, a->n);
    CRM_NEW(g->id_of, buckets);
    for (int64_t i = 0; i < buckets; i++)
        g->id_of[i] = -1;
    for (int64_t i = 0; i < a->n; i++) {
        CRM_CHECK(bucket[i] >= 0 && bucket[i] < buckets && (i == 0 || bucket[i] > bucket[i - 1]),
                  CRM_ERR_FORMAT,
                  "model file: feature %lld is bucket %d; they must ascend below "
                  "%lld",
                  (long long)i, bucket[i], (long long)buckets);
        g->bucket[i] = bucket[i];
        g->id_of[bucket[i]] = (int32_t)i;
    }
    return CRM_OK;
}

static crm_status load_gazetteer(tagger *g, crm_bag *b)
{
    int64_t cells = ((int64_t)1 << GAZ_BITS) * g->n_types;
    const crm_bag_array *a;
    const int32_t *at;

    CRM_TRY(crm_bag_get(b, "gazetteer", CRM_I32, -1, &a));
    if (!g->n_reserved) return CRM_OK;
    CRM_NEW(g->gaz, cells);
    at = a->data;
    for (int64_t i = 0; i < a->n; i++) {
        CRM_CHECK(at[i] >= 0 && at[i] < cells, CRM_ERR_FORMAT,
                  "model file: word %lld of the gazetteer is out of range", (long long)i);
        g->gaz[at[i]] = 1;
    }
    return CRM_OK;
}

static crm_status load_clusters(tagger *g, crm_bag *b)
{
    const crm_bag_array *word, *id;
    const char *vectors;

    CRM_TRY(crm_bag_get_text(b, "cluster/vectors", &vectors));
    snprintf(g->clusters.vectors, sizeof g->clusters.vectors, "%s", vectors);
    CRM_TRY(crm_bag_get(b, "cluster/word", CRM_I64, -1, &word));
    CRM_TRY(crm_bag_get(b, "cluster/id", CRM_I32, word->n * CLUSTERINGS, &id));
    CRM_NEW(g->clusters.hash, word->n);
    CRM_NEW(g->clusters.id, id->n);
    g->clusters.n = word->n;
    if (word->n == 0) return CRM_OK;
    memcpy(g->clusters.hash, word->data, (size_t)word->n * sizeof *g->clusters.hash);
    memcpy(g->clusters.id, id->data, (size_t)id->n * sizeof *g->clusters.id);
    return CRM_OK;
}

static crm_status load_weights(tagger *g, crm_bag *b)
{
    const crm_bag_array *a;
    const float *w;

    CRM_TRY(crm_bag_get(b, "weight", CRM_F32, tagger_n_weights(g), &a));
    CRM_NEW(g->weight, a->n);
    w = a->data;
    for (int64_t i = 0; i < a->n; i++) {
        CRM_CHECK(isfinite(w[i]), CRM_ERR_FORMAT, "model file: weight %lld is not finite",
                  (long long)i);
        g->weight[i] = (double)w[i];
    }
    tagger_set_chain(g, g->weight);
    return CRM_OK;
}

static crm_status load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    tagger *g = (tagger *)e;
    const char *const *tag;
    int64_t k;

    (void)in;
    CRM_TRY(crm_bag_get_list(b, "tags", &k, &tag));
    CRM_CHECK(k == n_classes, CRM_ERR_FORMAT, "model file: %lld tags for %d classes", (long long)k,
              n_classes);
    CRM_TRY(tagger_shape(g, n_classes, tag));
    CRM_TRY(load_features(g, b));
    CRM_TRY(load_gazetteer(g, b));
    CRM_TRY(load_clusters(g, b));
    CRM_TRY(crm_bag_get_f64(b, "bias", &g->bias));
    CRM_CHECK(isfinite(g->bias), CRM_ERR_FORMAT, "model file: the bias is not finite");
    return load_weights(g, b);
}

static crm_status check(const void *cfg, const crm_schema *s, const crm_target *t, int64_t rows)
{
    crm_bio *bio;
    int n_types;
    crm_status st;

    (void)cfg;
    (void)s;
    (void)rows;
    CRM_CHECK(t->level == CRM_LEVEL_TOKEN && t->n_classes > 0, CRM_ERR_CONFIG,
              "crf: tags tokens; target '%s' labels no tokens", t->name);
    CRM_NEW(bio, t->n_classes);
    st = read_tags(t->n_classes, t->class_name, bio, &n_types);
    crm_mem_free(bio);
    return st;
}

/* A rank without a lane would only wait; the documents are no columns. */
static crm_estimator_traits traits(const void *cfg)
{
    return (crm_estimator_traits){.max_ranks = ((const crm_tagger_cfg *)cfg)->lanes};
}

static const crm_cfg_part parts[] = {{crm_tagger_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_tagger_class = {
    .name = "crf",
    .parts = parts,
    .cfg_size = sizeof(crm_tagger_cfg),
    .help = "Linear-chain conditional random field over features of words, for a target of tokens.",
    .reading = "one weight for each feature and tag",
    .make = make,
    .fit = tagger_fit,
    .predict = predict,
    .decode = decode,
    .save = save,
    .load = load,
    .free = tagger_free,
    .check = check,
    .traits = traits,
};
