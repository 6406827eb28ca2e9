/* feature_text.c - TF-IDF of the commonest words of the training documents, one row per customer:
 *
 *     v_w = log(1 + tf_w) (log((1 + D) / (1 + df_w)) + 1),   out = v / |v|
 *
 * tf_w counts over all documents of the customer; df_w and D count documents of training rows
 * (smoothed as in Pedregosa et al., scikit-learn, TfidfTransformer).  Words are forms by the
 * options text.*, kept by text, in a vocabulary whose id i is column i - 1: a data set with another
 * dictionary gets a map of its own, made once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "feature_forms.h"

typedef struct text_bag {
    feature f;
    int64_t n;            /* words */
    crm_text_fixed *text; /* options that they were made with; NULL: no words */
    crm_vocab *vocab;     /* n words; NULL before there are any */
    double *idf;          /* [n] */
    feature_forms_list maps;
} text_bag;

static crm_status text_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_text_bag_class, sizeof(text_bag), cfg, out);
}

static void text_free(crm_transform *t)
{
    text_bag *m = (text_bag *)t;

    feature_forms_free(&m->maps);
    crm_text_fixed_free(&m->text);
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

/* Forms of the dictionary, and their counts. */
typedef struct counts {
    crm_forms *forms; /* NULL: no words are wanted */
    int64_t n;
    int64_t *df; /* [n + 1] documents with each, then all documents */
} counts;

static crm_status count_own(const crm_documents *docs, const crm_view *own, counts *c)
{
    int64_t *seen; /* [n] of crm_forms_tally */

    c->n = crm_forms_count(c->forms);
    CRM_NEW(c->df, c->n + 1);
    CRM_NEW(seen, c->n);
    for (int64_t i = 0; i < own->n; i++) {
        int64_t first = docs->first[own->row[i]], end = docs->first[own->row[i] + 1];
        crm_forms_tally(c->forms, CRM_TEXT_DOCUMENTS, docs->token_first, docs->token, first, end,
                        seen, c->df);
        c->df[c->n] += end - first;
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

static crm_status choose(text_bag *m, const counts *all)
{
    const crm_text_bag_cfg *cfg = m->f.cfg;
    const int64_t *df = all->df;
    double n_docs = (double)df[all->n];
    candidate *c = NULL;
    const char **word = NULL;
    int64_t n = 0;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, c, all->n);
    CRM_NEW_TO(st, done, word, all->n);
    for (int64_t w = 0; w < all->n; w++)
        if (df[w] > 0 && (double)df[w] <= cfg->max_df * n_docs)
            c[n++] = (candidate){.df = df[w], .word = w};
    if (n) qsort(c, (size_t)n, sizeof *c, commoner);
    for (int64_t i = 0; i < n; i++)
        word[i] = crm_forms_text(all->forms)[c[i].word];
    CRM_TRY_TO(st, done, set_words(m, n < cfg->words ? n : cfg->words, word));
    for (int64_t i = 0; i < m->n; i++)
        m->idf[i] = crm_log((1 + n_docs) / (1 + (double)c[i].df)) + 1;
done:
    crm_mem_free(c);
    crm_mem_free(word);
    return st;
}

static crm_status end_fit(text_bag *m, const crm_schema *in, const counts *c)
{
    if (c->forms) CRM_TRY(choose(m, c));
    return name_columns(m, in);
}

static crm_status text_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    text_bag *m = (text_bag *)t;
    const crm_text_bag_cfg *cfg = m->f.cfg;
    const crm_documents *docs = crm_data_documents(crm_source_data(in));
    crm_view own = crm_rows_own(fit);
    counts c = {0};
    crm_status st = CRM_OK;

    if (docs && cfg->words) {
        CRM_TRY_TO(st, done, feature_forms_learn(fit, &cfg->text, docs, &m->text, &c.forms));
        CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, count_own(docs, &own, &c)));
        CRM_TRY_TO(st, done, crm_comm_sum_i64(fit->comm, c.df, c.n + 1));
    }
    st = crm_comm_agree(fit->comm, end_fit(m, crm_source_schema(in), &c));
done:
    crm_forms_free(&c.forms);
    crm_mem_free(c.df);
    return st;
}

/* ---- apply ---- */

static crm_status text_ready(const crm_transform *t, const crm_data *data)
{
    const text_bag *m = (const text_bag *)t;

    return m->n ? feature_forms_ready(&m->maps, &m->text->cfg, m->vocab, data) : CRM_OK;
}

static void count_words(const crm_documents *docs, const feature_forms *map, int64_t row, float *tf)
{
    enum { PIECE = 512 };
    int32_t form[PIECE];

    for (int64_t d = docs->first[row]; d < docs->first[row + 1]; d++) {
        const int32_t *token = docs->token + docs->token_first[d];
        int64_t n = docs->token_first[d + 1] - docs->token_first[d], got;
        crm_forms_cursor at = {0};
        while ((got = crm_forms_next(map->forms, token, n, &at, PIECE, form)) > 0)
            for (int64_t i = 0; i < got; i++)
                if (map->id[form[i]] != CRM_VOCAB_ABSENT) tf[map->id[form[i]] - 1] += 1;
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

static crm_status text_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                             const crm_block *in, crm_block *out)
{
    const text_bag *m = (const text_bag *)t;
    const crm_documents *docs = m->n ? crm_data_documents(data) : NULL;
    const feature_forms *map = docs ? feature_forms_of(&m->maps, data) : NULL; /* by text_ready */

    for (int64_t r = 0; r < in->n; r++) {
        float *y = out->num + r * m->f.schema->n_num;
        feature_copy_row(in->num + r * s->n_num, s->n_num, y);
        y += s->n_num;
        memset(y, 0, (size_t)m->n * sizeof *y);
        if (!map) continue;
        count_words(docs, map, in->row[r], y);
        weigh(m, y);
    }
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

/* ---- bags ---- */
static crm_status text_save(const crm_transform *t, crm_bag *b)
{
    const text_bag *m = (const text_bag *)t;

    CRM_TRY(crm_bag_put_list(b, "words", m->n, words(m)));
    if (m->text)
        CRM_TRY(crm_bag_put_list(b, "text", m->text->n, (const char *const *)m->text->item));
    return feature_put(b, "idf", CRM_F64, m->n, m->idf);
}

static crm_status text_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    text_bag *m = (text_bag *)t;
    const char *const *word = NULL;
    int64_t n = 0;

    if (crm_bag_has_list(b, "text")) CRM_TRY(crm_bag_get_list(b, "text", &n, &word));
    CRM_TRY(crm_text_fixed_from(n, word, &m->text)); /* older models have none: defaults */
    CRM_TRY(crm_bag_get_list(b, "words", &n, &word));
    CRM_TRY(set_words(m, n, word));
    CRM_TRY(feature_get(b, "idf", CRM_F64, n, m->idf));
    return name_columns(m, in);
}

static const crm_cfg_part parts[] = {
    {crm_text_bag_opts, 0}, {crm_text_opts, offsetof(crm_text_bag_cfg, text)}, {NULL, 0}};

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
    .ready = text_ready,
};
