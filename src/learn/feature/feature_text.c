/* feature_text.c - TF-IDF of the commonest words of the training documents, one row per customer:
 *
 *     v_w = log(1 + tf_w) (log((1 + D) / (1 + df_w)) + 1),   out = v / |v|
 *
 * tf_w counts over all documents of the customer; df_w and D count documents of training rows
 * (smoothed as in Pedregosa et al., scikit-learn, TfidfTransformer).  Words are kept by text, in a
 * vocabulary whose id i is column i - 1: a data set with another dictionary gets a map of its own,
 * made once. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/text.h"
#include "feature_impl.h"

/* Vocabulary id of each dictionary word of the data set with this digest. */
typedef struct word_map {
    crm_digest data;
    int32_t *id;
    struct word_map *next;
} word_map;

typedef struct text_bag {
    feature f;
    int64_t n;                /* words */
    crm_vocab *vocab;         /* n words; NULL before there are any */
    double *idf;              /* [n] */
    _Atomic(word_map *) maps; /* newest first; only ever grows while others read */
} text_bag;

static crm_status text_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_text_bag_class, sizeof(text_bag), cfg, out);
}

static void map_free(word_map *map)
{
    if (map) crm_mem_free(map->id);
    crm_mem_free(map);
}

static void text_free(crm_transform *t)
{
    text_bag *m = (text_bag *)t;

    for (word_map *next, *map = atomic_load(&m->maps); map; map = next) {
        next = map->next;
        map_free(map);
    }
    crm_vocab_free(&m->vocab);
    crm_mem_free(m->idf);
    feature_free(t);
}

static crm_status set_words(text_bag *m, int64_t n, const char *const *word)
{
    CRM_TRY(crm_vocab_from_list(n, word, &m->vocab));
    m->n = n;
    CRM_NEW(m->idf, n);
    return CRM_OK;
}

static const char *const *words(const text_bag *m)
{
    return m->vocab ? crm_vocab_words(m->vocab) : NULL;
}

static crm_status name_columns(text_bag *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    for (int64_t i = 0; i < m->n; i++)
        crm_columns_add_num(m->f.columns, "word %s", words(m)[i]);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

/* ---- fit ---- */

/* df of each word over the documents of own rows, number of documents behind them: df[n_words + 1].
 */
static crm_status count_own(const crm_documents *docs, const crm_view *own, int64_t **df)
{
    int64_t *seen; /* [n_words] 1 + last document with the word */

    CRM_NEW(*df, docs->n_words + 1);
    CRM_NEW(seen, docs->n_words);
    for (int64_t i = 0; i < own->n; i++) {
        int64_t first = docs->first[own->row[i]], end = docs->first[own->row[i] + 1];
        crm_text_tally(CRM_TEXT_DOCUMENTS, docs->token_first, docs->token, first, end,
                       docs->n_words, seen, *df);
        (*df)[docs->n_words] += end - first;
    }
    crm_mem_free(seen);
    return CRM_OK;
}

typedef struct candidate {
    int64_t df, word;
} candidate;

static int commoner(const void *pa, const void *pb)
{
    const candidate *a = pa, *b = pb;

    if (a->df != b->df) return a->df > b->df ? -1 : 1;
    return a->word < b->word ? -1 : a->word > b->word;
}

static crm_status choose(text_bag *m, const crm_documents *docs, const int64_t *df)
{
    const crm_text_bag_cfg *cfg = m->f.cfg;
    double n_docs = (double)df[docs->n_words];
    candidate *c = NULL;
    const char **word = NULL;
    int64_t n = 0;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, c, docs->n_words);
    CRM_NEW_TO(st, done, word, docs->n_words);
    for (int64_t w = 0; w < docs->n_words; w++)
        if (df[w] > 0 && (double)df[w] <= cfg->max_df * n_docs)
            c[n++] = (candidate){.df = df[w], .word = w};
    qsort(c, (size_t)n, sizeof *c, commoner);
    for (int64_t i = 0; i < n; i++)
        word[i] = docs->word[c[i].word];
    CRM_TRY_TO(st, done, set_words(m, n < cfg->words ? n : cfg->words, word));
    for (int64_t i = 0; i < m->n; i++)
        m->idf[i] = crm_log((1 + n_docs) / (1 + (double)c[i].df)) + 1;
done:
    crm_mem_free(c);
    crm_mem_free(word);
    return st;
}

static crm_status end_fit(text_bag *m, const crm_schema *in, const crm_documents *docs,
                          const int64_t *df)
{
    if (df) CRM_TRY(choose(m, docs, df));
    return name_columns(m, in);
}

static crm_status text_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    text_bag *m = (text_bag *)t;
    const crm_text_bag_cfg *cfg = m->f.cfg;
    const crm_documents *docs = crm_data_documents(crm_source_data(in));
    crm_view own = crm_rows_own(fit);
    int64_t *df = NULL;
    crm_status st = CRM_OK;

    if (docs && cfg->words) {
        CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, count_own(docs, &own, &df)));
        CRM_TRY_TO(st, done, crm_comm_sum_i64(fit->comm, df, docs->n_words + 1));
    }
    st = crm_comm_agree(fit->comm, end_fit(m, crm_source_schema(in), docs, df));
done:
    crm_mem_free(df);
    return st;
}

/* ---- apply ---- */

static word_map *map_new(const text_bag *m, const crm_documents *docs, crm_digest data)
{
    word_map *map = crm_mem_new(1, sizeof *map);

    if (!map) return NULL;
    map->data = data;
    map->id = crm_mem_new((size_t)docs->n_words, sizeof *map->id);
    if (!map->id) {
        map_free(map);
        return NULL;
    }
    crm_vocab_map(m->vocab, docs->n_words, docs->word, map->id);
    return map;
}

/* The map of this data set.  Two threads may make it at once; both stay, and are equal.  NULL when
 * memory is out: words are then searched one by one. */
static const word_map *map_of(const text_bag *m, const crm_data *data, const crm_documents *docs)
{
    _Atomic(word_map *) *head = &((text_bag *)(uintptr_t)m)->maps;
    crm_digest digest = crm_data_digest(data);
    word_map *map = atomic_load(head);

    while (map && !crm_digest_equal(map->data, digest))
        map = map->next;
    if (map) return map;
    map = map_new(m, docs, digest);
    if (!map) return NULL;
    map->next = atomic_load(head);
    while (!atomic_compare_exchange_weak(head, &map->next, map)) {
    }
    return map;
}

static void count_words(const text_bag *m, const crm_documents *docs, const word_map *map,
                        int64_t row, float *tf)
{
    int64_t end = docs->token_first[docs->first[row + 1]];

    for (int64_t t = docs->token_first[docs->first[row]]; t < end; t++) {
        int32_t w = docs->token[t], id;
        if (w < 0 || w >= docs->n_words) continue;
        id = map ? map->id[w] : crm_vocab_find(m->vocab, docs->word[w]);
        if (id != CRM_VOCAB_ABSENT) tf[id - 1] += 1;
    }
}

static void weigh(const text_bag *m, float *tf)
{
    double norm = 0;

    for (int64_t i = 0; i < m->n; i++) {
        double v = tf[i] > 0 ? crm_log1p(tf[i]) * m->idf[i] : 0;
        norm += v * v;
        tf[i] = (float)v;
    }
    norm = sqrt(norm);
    for (int64_t i = 0; i < m->n && norm > 0; i++)
        tf[i] = (float)(tf[i] / norm);
}

static void text_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                       const crm_block *in, crm_block *out)
{
    const text_bag *m = (const text_bag *)t;
    const crm_documents *docs = m->n ? crm_data_documents(data) : NULL;
    const word_map *map = docs ? map_of(m, data, docs) : NULL;

    for (int64_t r = 0; r < in->n; r++) {
        float *y = out->num + r * m->f.schema->n_num;
        feature_copy_row(in->num + r * s->n_num, s->n_num, y);
        y += s->n_num;
        memset(y, 0, (size_t)m->n * sizeof *y);
        if (!docs) continue;
        count_words(m, docs, map, in->row[r], y);
        weigh(m, y);
    }
    feature_copy_cats(s, in, out);
}

/* ---- bags ---- */
static crm_status text_save(const crm_transform *t, crm_bag *b)
{
    const text_bag *m = (const text_bag *)t;

    CRM_TRY(crm_bag_put_list(b, "words", m->n, words(m)));
    return feature_put(b, "idf", CRM_F64, m->n, m->idf);
}

static crm_status text_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    text_bag *m = (text_bag *)t;
    const char *const *word;
    int64_t n;

    CRM_TRY(crm_bag_get_list(b, "words", &n, &word));
    CRM_TRY(set_words(m, n, word));
    CRM_TRY(feature_get(b, "idf", CRM_F64, n, m->idf));
    return name_columns(m, in);
}

static const crm_cfg_part parts[] = {{crm_text_bag_opts, 0}, {NULL, 0}};

const crm_transform_class crm_text_bag_class = {
    .name = "text_bag",
    .parts = parts,
    .cfg_size = sizeof(crm_text_bag_cfg),
    .help = "Words of a customer's documents become TF-IDF columns.",
    .make = text_make,
    .fit = text_fit,
    .schema = feature_schema,
    .apply = text_apply,
    .save = text_save,
    .load = text_load,
    .free = text_free,
};
