/* feature_topics.c - topics learnt from the documents of the training rows; their mix in the
 * documents of each customer becomes columns. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/embed.h"
#include "feature_forms.h"

enum { NAMED_BY = 3 };

typedef struct topics {
    feature f;
    crm_text_fixed *text; /* options of the forms; NULL: nothing was learnt */
    crm_vocab *vocab;
    crm_lda *lda;
    int64_t n; /* topics */
    feature_forms_list maps;
} topics;

static crm_status topics_make(const void *cfg, crm_transform **out)
{
    return feature_make(&crm_topics_class, sizeof(topics), cfg, out);
}

static void topics_free(crm_transform *t)
{
    topics *m = (topics *)t;

    feature_forms_free(&m->maps);
    crm_text_fixed_free(&m->text);
    crm_vocab_free(&m->vocab);
    crm_lda_free(&m->lda);
    feature_free(t);
}

static crm_status name_columns(topics *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    for (int64_t k = 0; k < m->n; k++) {
        int32_t top[NAMED_BY];
        const char *word[NAMED_BY];
        crm_lda_top(m->lda, k, NAMED_BY, top);
        for (int i = 0; i < NAMED_BY; i++)
            word[i] = top[i] >= 0 ? crm_vocab_words(m->vocab)[top[i]] : "";
        crm_columns_add_num(m->f.columns, "topic %lld (%s %s %s)", (long long)k + 1, word[0],
                            word[1], word[2]);
    }
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

/* ---- words of documents ---- */

/* Rows of words and counts in the making. */
typedef struct bow {
    int64_t n, *first; /* [rows + 1] */
    int32_t *id;
    float *count;
    int64_t room;
    feature_walk walk;
} bow;

static void bow_free(bow *x)
{
    crm_mem_free(x->first);
    crm_mem_free(x->id);
    crm_mem_free(x->count);
    crm_mem_free(x->walk.form);
}

static crm_status bow_new(bow *x, int64_t rows)
{
    CRM_NEW(x->first, rows + 1);
    return CRM_OK;
}

static crm_status make_room(bow *x, int64_t n)
{
    int64_t need = x->first[x->n] + n, more = 2 * need + 1024;
    int32_t *id;
    float *count;

    if (need <= x->room) return CRM_OK;
    id = crm_mem_grow(x->id, (size_t)x->room, (size_t)more, sizeof *id);
    CRM_CHECK(id, CRM_ERR_NOMEM, "out of memory: %lld words of documents", (long long)more);
    x->id = id;
    count = crm_mem_grow(x->count, (size_t)x->room, (size_t)more, sizeof *count);
    CRM_CHECK(count, CRM_ERR_NOMEM, "out of memory: %lld words of documents", (long long)more);
    x->count = count;
    x->room = more;
    return CRM_OK;
}

/* The row in the making ends: equal words become one. */
static void end_row(bow *x, int64_t n)
{
    int64_t from = x->first[x->n], to = from;

    if (n) qsort(x->id + from, (size_t)n, sizeof *x->id, feature_by_number);
    for (int64_t i = from; i < from + n; i++) {
        if (to > from && x->id[to - 1] == x->id[i]) {
            x->count[to - 1]++;
            continue;
        }
        x->id[to] = x->id[i];
        x->count[to++] = 1;
    }
    x->first[++x->n] = to;
}

/* Words of documents [first, end) as one row. */
static crm_status add_row(const feature_forms *map, const crm_documents *docs, int64_t first,
                          int64_t end, bow *x)
{
    int64_t n = 0;

    for (int64_t d = first; d < end; d++) {
        CRM_TRY(feature_forms_walk(map->forms, docs, d, &x->walk));
        CRM_TRY(make_room(x, n + x->walk.n));
        for (int64_t i = 0; i < x->walk.n; i++)
            if (map->id[x->walk.form[i]] != CRM_VOCAB_ABSENT)
                x->id[x->first[x->n] + n++] = map->id[x->walk.form[i]] - 1;
    }
    end_row(x, n);
    return CRM_OK;
}

static crm_bow as_bow(const topics *m, const bow *x)
{
    return (crm_bow){.n = x->n,
                     .n_words = crm_vocab_size(m->vocab),
                     .first = x->first,
                     .id = x->id,
                     .count = x->count};
}

/* ---- fit ---- */

/* How often own rows have each form, in *count. */
static crm_status count_words(const crm_forms *forms, const crm_documents *docs,
                              const crm_view *own, crm_text_count what, int64_t **count)
{
    int64_t *seen;

    CRM_NEW(*count, crm_forms_count(forms));
    CRM_NEW(seen, crm_forms_count(forms));
    for (int64_t i = 0; i < own->n; i++)
        crm_forms_tally(forms, what, docs->token_first, docs->token, docs->first[own->row[i]],
                        docs->first[own->row[i] + 1], seen, *count);
    crm_mem_free(seen);
    return CRM_OK;
}

/* The vocabulary of the training rows. */
static crm_status learn_words(topics *m, const crm_fit *fit, const crm_documents *docs)
{
    crm_view own = crm_rows_own(fit);
    crm_forms *forms = NULL;
    int64_t *count = NULL;
    crm_status st;

    CRM_TRY_TO(st, done,
               feature_forms_learn(fit, &((const crm_topics_cfg *)m->f.cfg)->text, docs, &m->text,
                                   &forms));
    st = count_words(forms, docs, &own, (crm_text_count)m->text->cfg.count, &count);
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, st));
    CRM_TRY_TO(st, done, crm_comm_sum_i64(fit->comm, count, crm_forms_count(forms)));
    st = crm_vocab_new(&m->text->cfg, crm_forms_count(forms), crm_forms_text(forms), count,
                       &m->vocab);
    st = crm_comm_agree(fit->comm, st);
done:
    crm_forms_free(&forms);
    crm_mem_free(count);
    return st;
}

/* Each document of the training rows is a row. */
static crm_status gather(topics *m, const crm_fit *fit, const crm_documents *docs, bow *x)
{
    const feature_forms *map;
    int64_t n = 0;

    CRM_TRY(feature_forms_ready(&m->maps, &m->text->cfg, m->vocab, fit->train->data));
    map = feature_forms_of(&m->maps, fit->train->data);
    for (int64_t i = 0; i < fit->train->n; i++)
        n += docs->first[fit->train->row[i] + 1] - docs->first[fit->train->row[i]];
    CRM_TRY(bow_new(x, n));
    for (int64_t i = 0; i < fit->train->n; i++)
        for (int64_t d = docs->first[fit->train->row[i]]; d < docs->first[fit->train->row[i] + 1];
             d++)
            CRM_TRY(add_row(map, docs, d, d + 1, x));
    return CRM_OK;
}

/* The same on every rank. */
static crm_status check_words(const topics *m, const crm_fit *fit, const bow *x)
{
    const crm_topics_cfg *cfg = m->f.cfg;

    CRM_CHECK(x->first[x->n] > 0, CRM_ERR_CONFIG,
              "lda.topics = %lld: the %lld documents of the training rows of %s hold none of the "
              "%lld words that topics could be learnt of; lower text.min_count, or set lda.topics "
              "to 0",
              (long long)cfg->lda.topics, (long long)x->n, crm_data_path(fit->train->data),
              (long long)crm_vocab_size(m->vocab));
    return CRM_OK;
}

static crm_status learn(topics *m, const crm_fit *fit, const crm_documents *docs)
{
    const crm_topics_cfg *cfg = m->f.cfg;
    crm_bow all;
    bow x = {0};
    crm_status st = learn_words(m, fit, docs);

    if (!st) st = crm_comm_agree(fit->comm, gather(m, fit, docs, &x));
    if (!st) st = check_words(m, fit, &x);
    if (!st) {
        all = as_bow(m, &x);
        st = crm_lda_fit(fit->comm, fit->pool, &cfg->lda, &all, fit->seed, &m->lda);
    }
    if (!st) m->n = cfg->lda.topics;
    bow_free(&x);
    return st;
}

static crm_status topics_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    topics *m = (topics *)t;
    const crm_topics_cfg *cfg = m->f.cfg;
    const crm_documents *docs = crm_data_documents(crm_source_data(in));

    CRM_CHECK(docs || !cfg->lda.topics, CRM_ERR_CONFIG,
              "lda.topics = %lld: %s has no documents to learn topics of; say in a schema which "
              "columns are text (docs/schema.md), or set lda.topics to 0",
              (long long)cfg->lda.topics, crm_data_path(crm_source_data(in)));
    if (cfg->lda.topics) CRM_TRY(learn(m, fit, docs));
    return crm_comm_agree(fit->comm, name_columns(m, crm_source_schema(in)));
}

/* ---- rows ---- */

static crm_status topics_ready(const crm_transform *t, const crm_data *data)
{
    const topics *m = (const topics *)t;

    return m->n ? feature_forms_ready(&m->maps, &m->text->cfg, m->vocab, data) : CRM_OK;
}

/* mix[n][topics] of all documents of each row. */
static crm_status mix_rows(const topics *m, const crm_documents *docs, const feature_forms *map,
                           const crm_block *in, float *mix)
{
    crm_bow all;
    bow x = {0};
    crm_status st = bow_new(&x, in->n);

    for (int64_t r = 0; r < in->n && !st; r++)
        st = add_row(map, docs, docs->first[in->row[r]], docs->first[in->row[r] + 1], &x);
    if (!st) {
        all = as_bow(m, &x);
        st = crm_lda_mix(m->lda, &all, mix);
    }
    bow_free(&x);
    return st;
}

static crm_status topics_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                               const crm_block *in, crm_block *out)
{
    const topics *m = (const topics *)t;
    const crm_documents *docs = m->n ? crm_data_documents(data) : NULL;
    const feature_forms *map = docs ? feature_forms_of(&m->maps, data) : NULL; /* by ready */
    float *mix;
    crm_status st = CRM_OK;

    CRM_NEW(mix, in->n * m->n);
    if (map) st = mix_rows(m, docs, map, in, mix);
    for (int64_t r = 0; r < in->n && !st; r++) {
        float *y = out->num + r * m->f.schema->n_num;
        feature_copy_row(in->num + r * s->n_num, s->n_num, y);
        for (int64_t k = 0; k < m->n; k++)
            y[s->n_num + k] = map ? mix[r * m->n + k] : 1 / (float)m->n;
    }
    feature_copy_cats(s, in, out);
    crm_mem_free(mix);
    return st;
}

/* ---- bags ---- */
static crm_status topics_save(const crm_transform *t, crm_bag *b)
{
    const topics *m = (const topics *)t;
    crm_status st;

    if (!m->n) return CRM_OK;
    CRM_TRY(crm_bag_put_list(b, "text", m->text->n, (const char *const *)m->text->item));
    CRM_TRY(crm_bag_put_list(b, "words", crm_vocab_size(m->vocab), crm_vocab_words(m->vocab)));
    CRM_TRY(crm_bag_push(b, "lda"));
    st = crm_lda_save(m->lda, b);
    crm_bag_pop(b);
    return st;
}

static crm_status load_topics(topics *m, crm_bag *b)
{
    const char *const *text;
    const crm_bag_array *lambda;
    int64_t n;
    crm_status st;

    CRM_TRY(crm_bag_get_list(b, "text", &n, &text));
    CRM_TRY(crm_text_fixed_from(n, text, &m->text));
    CRM_TRY(crm_bag_get_list(b, "words", &n, &text));
    CRM_TRY(crm_vocab_from_list(n, text, &m->vocab));
    CRM_TRY(crm_bag_push(b, "lda"));
    st = crm_bag_get(b, "lambda", CRM_F64, -1, &lambda);
    if (!st) m->n = lambda->rank == 2 ? lambda->dim[0] : 0;
    if (!st && (lambda->rank != 2 || lambda->dim[1] != n))
        CRM_SET(st, CRM_ERR_FORMAT, "topics of the model file are not of its %lld words",
                (long long)n);
    if (!st) st = crm_lda_load(b, &m->lda);
    crm_bag_pop(b);
    return st;
}

static crm_status topics_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    topics *m = (topics *)t;

    if (crm_bag_has_list(b, "words")) CRM_TRY(load_topics(m, b));
    return name_columns(m, in);
}

static bool topics_idle(const void *cfg)
{
    return ((const crm_topics_cfg *)cfg)->lda.topics == 0;
}

static const crm_cfg_part parts[] = {{crm_lda_opts, offsetof(crm_topics_cfg, lda)},
                                     {crm_text_opts, offsetof(crm_topics_cfg, text)},
                                     {NULL, 0}};

const crm_transform_class crm_topics_class = {
    .name = "topics",
    .parts = parts,
    .cfg_size = sizeof(crm_topics_cfg),
    .help = "Topics of the documents; their mix in those of a customer becomes columns.",
    .make = topics_make,
    .fit = topics_fit,
    .schema = feature_schema,
    .apply = topics_apply,
    .save = topics_save,
    .load = topics_load,
    .free = topics_free,
    .idle = topics_idle,
    .ready = topics_ready,
};
