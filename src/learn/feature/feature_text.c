/* feature_text.c - TF-IDF of the commonest words of the training documents, one row per customer:
 *
 *     v_w = log(1 + tf_w) (log((1 + D) / (1 + df_w)) + 1),   out = v / |v|
 *
 * tf_w counts over all documents of the customer; df_w and D count documents of training rows
 * (smoothed as in Pedregosa et al., scikit-learn, TfidfTransformer).  Words are kept by text: a
 * data set with another dictionary gets a map of its own, made once. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "feature_impl.h"

/* Column of each dictionary word (-1: none) of the data set with this digest. */
typedef struct word_map {
    crm_digest data;
    int32_t *column;
    struct word_map *next;
} word_map;

typedef struct text_bag {
    feature f;
    int64_t n;                /* words */
    char **word;              /* [n] in column order */
    double *idf;              /* [n] */
    int32_t *by_text;         /* [n] columns in the order of the words' text */
    _Atomic(word_map *) maps; /* newest first; only ever grows while others read */
} text_bag;

static crm_status text_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_text_bag_class, sizeof(text_bag), cfg, out);
}

static void map_free(word_map *map)
{
    if (map) crm_mem_free(map->column);
    crm_mem_free(map);
}

static void text_free(crm_transform *t)
{
    text_bag *m = (text_bag *)t;

    for (word_map *next, *map = atomic_load(&m->maps); map; map = next) {
        next = map->next;
        map_free(map);
    }
    for (int64_t i = 0; m->word && i < m->n; i++)
        crm_mem_free(m->word[i]);
    crm_mem_free(m->word);
    crm_mem_free(m->idf);
    crm_mem_free(m->by_text);
    feature_free(t);
}

static crm_status shape(text_bag *m, int64_t n)
{
    m->n = n;
    CRM_NEW(m->word, n);
    CRM_NEW(m->idf, n);
    CRM_NEW(m->by_text, n);
    return CRM_OK;
}

static crm_status set_word(text_bag *m, int64_t i, const char *text)
{
    m->word[i] = crm_mem_strdup(text);
    CRM_CHECK(m->word[i], CRM_ERR_NOMEM, "out of memory: word %lld", (long long)i);
    return CRM_OK;
}

/* Insert into the sorted part; words are few. */
static void sort_words(text_bag *m)
{
    for (int64_t i = 0; i < m->n; i++) {
        int64_t lo = 0, hi = i;
        while (lo < hi) {
            int64_t mid = (lo + hi) / 2;
            if (strcmp(m->word[m->by_text[mid]], m->word[i]) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        memmove(m->by_text + lo + 1, m->by_text + lo, (size_t)(i - lo) * sizeof *m->by_text);
        m->by_text[lo] = (int32_t)i;
    }
}

static crm_status name_columns(text_bag *m, const crm_schema *in)
{
    sort_words(m);
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    for (int64_t i = 0; i < m->n; i++)
        crm_columns_add_num(m->f.columns, "word %s", m->word[i]);
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
    for (int64_t i = 0; i < own->n; i++)
        for (int64_t d = docs->first[own->row[i]]; d < docs->first[own->row[i] + 1]; d++) {
            (*df)[docs->n_words]++;
            for (int64_t t = docs->token_first[d]; t < docs->token_first[d + 1]; t++) {
                int32_t w = docs->token[t];
                if (w < 0 || w >= docs->n_words || seen[w] == d + 1) continue;
                seen[w] = d + 1;
                (*df)[w]++;
            }
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
    candidate *c;
    int64_t n = 0;
    crm_status st;

    CRM_NEW(c, docs->n_words);
    for (int64_t w = 0; w < docs->n_words; w++)
        if (df[w] > 0 && (double)df[w] <= cfg->max_df * n_docs)
            c[n++] = (candidate){.df = df[w], .word = w};
    qsort(c, (size_t)n, sizeof *c, commoner);
    CRM_TRY_TO(st, done, shape(m, n < cfg->words ? n : cfg->words));
    for (int64_t i = 0; i < m->n; i++) {
        m->idf[i] = crm_log((1 + n_docs) / (1 + (double)c[i].df)) + 1;
        CRM_TRY_TO(st, done, set_word(m, i, docs->word[c[i].word]));
    }
done:
    crm_mem_free(c);
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

static int32_t find_word(const text_bag *m, const char *text)
{
    int64_t lo = 0, hi = m->n;

    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        int order = strcmp(m->word[m->by_text[mid]], text);
        if (order == 0) return m->by_text[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

static word_map *map_new(const text_bag *m, const crm_documents *docs, crm_digest data)
{
    word_map *map = crm_mem_new(1, sizeof *map);

    if (!map) return NULL;
    map->data = data;
    map->column = crm_mem_new((size_t)docs->n_words, sizeof *map->column);
    if (!map->column) {
        map_free(map);
        return NULL;
    }
    for (int64_t w = 0; w < docs->n_words; w++)
        map->column[w] = find_word(m, docs->word[w]);
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
        int32_t w = docs->token[t], c;
        if (w < 0 || w >= docs->n_words) continue;
        c = map ? map->column[w] : find_word(m, docs->word[w]);
        if (c >= 0) tf[c] += 1;
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

    CRM_TRY(crm_bag_put_list(b, "words", m->n, (const char *const *)m->word));
    return feature_put(b, "idf", CRM_F64, m->n, m->idf);
}

static crm_status text_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    text_bag *m = (text_bag *)t;
    const char *const *word;
    int64_t n;

    CRM_TRY(crm_bag_get_list(b, "words", &n, &word));
    CRM_TRY(shape(m, n));
    for (int64_t i = 0; i < n; i++)
        CRM_TRY(set_word(m, i, word[i]));
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
