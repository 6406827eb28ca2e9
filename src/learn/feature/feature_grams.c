/* feature_grams.c - n-grams of a customer's documents as sparse columns: buckets of hashes, those
 * that enough training rows have, weighted by TF-IDF. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "feature_forms.h"

enum { WORDS, CHARS, PARTS };

typedef struct grams {
    feature f;
    crm_text_fixed *text; /* options of the forms; NULL: no documents to learn from */
    int64_t n, bits;
    int32_t *bucket; /* [n] ascending                        */
    double *idf;     /* [n]                                  */
    int32_t *column; /* [2^bits] of a bucket, -1: none       */
    crm_ngrams part[PARTS];
    bool sublinear;
    feature_forms_list maps;
} grams;

static bool is_off(const crm_grams_cfg *c)
{
    return c->words == 0 && c->chars_to == 0;
}

static crm_status grams_make(const void *cfg, crm_transform **out)
{
    const crm_grams_cfg *c = cfg;

    *out = NULL;
    CRM_CHECK(c->chars_to == 0 || c->chars_from <= c->chars_to, CRM_ERR_CONFIG,
              "grams.chars_from: %lld is above grams.chars_to = %lld", (long long)c->chars_from,
              (long long)c->chars_to);
    return feature_make(&crm_grams_class, sizeof(grams), cfg, out);
}

static void grams_free(crm_transform *t)
{
    grams *m = (grams *)t;

    feature_forms_free(&m->maps);
    crm_text_fixed_free(&m->text);
    crm_mem_free(m->bucket);
    crm_mem_free(m->idf);
    crm_mem_free(m->column);
    feature_free(t);
}

/* What is wanted, from numbers that the model file has too. */
static void set_parts(grams *m, const int64_t *v)
{
    m->part[WORDS] = (crm_ngrams){.words_from = v[0] > 0, .words_to = (int)v[0]};
    if (v[2]) m->part[CHARS] = (crm_ngrams){.chars_from = (int)v[1], .chars_to = (int)v[2]};
    m->bits = v[3];
    m->sublinear = v[4] != 0;
}

static crm_status make_table(grams *m)
{
    CRM_NEW(m->column, (int64_t)1 << m->bits);
    memset(m->column, 0xff, ((size_t)1 << m->bits) * sizeof *m->column);
    for (int64_t i = 0; i < m->n; i++)
        m->column[m->bucket[i]] = (int32_t)i;
    return CRM_OK;
}

static crm_status pass_columns(grams *m, const crm_schema *in)
{
    CRM_TRY(feature_columns_begin(&m->f));
    crm_columns_add_nums(m->f.columns, in);
    crm_columns_add_cats(m->f.columns, in);
    return feature_columns_end(&m->f);
}

/* ---- n-grams of a row ---- */

/* Buckets of one part of a row, in the order of its documents. */
typedef struct found {
    uint32_t mask;
    int32_t *bucket;
    int64_t n, room;
    bool failed;
} found;

static void take(void *ctx, uint64_t hash)
{
    found *x = ctx;

    if (x->n == x->room) {
        int64_t more = 2 * x->room + 1024;
        int32_t *b = crm_mem_grow(x->bucket, (size_t)x->room, (size_t)more, sizeof *b);
        x->failed = x->failed || !b;
        if (!b) return;
        x->bucket = b;
        x->room = more;
    }
    x->bucket[x->n++] = (int32_t)((uint32_t)(hash ^ hash >> 32) & x->mask);
}

/* The forms of a document, and what is found in them. */
typedef struct bench {
    feature_walk walk;
    found x;
} bench;

static void bench_free(bench *w)
{
    crm_mem_free(w->walk.form);
    crm_mem_free(w->x.bucket);
}

/* Sorted buckets of a part of a row, in w->x. */
static crm_status find(const grams *m, const crm_ngrams *part, const crm_forms *forms,
                       const crm_documents *docs, int64_t row, bench *w)
{
    w->x.n = 0;
    w->x.mask = (uint32_t)(((uint64_t)1 << m->bits) - 1);
    for (int64_t d = docs->first[row]; d < docs->first[row + 1]; d++) {
        CRM_TRY(feature_forms_walk(forms, docs, d, &w->walk));
        crm_ngrams_walk(part, forms, w->walk.form, w->walk.n, take, &w->x);
    }
    CRM_CHECK(!w->x.failed, CRM_ERR_NOMEM, "out of memory: n-grams of a row");
    if (w->x.n) qsort(w->x.bucket, (size_t)w->x.n, sizeof *w->x.bucket, feature_by_number);
    return CRM_OK;
}

/* ---- fit ---- */

/* (*df)[b] own rows have bucket b; a bucket of both parts counts once for each. */
static crm_status count_own(const grams *m, const crm_forms *forms, const crm_documents *docs,
                            const crm_view *own, int64_t **df)
{
    bench w = {0};
    crm_status st = CRM_OK;

    CRM_NEW(*df, (int64_t)1 << m->bits);
    for (int64_t i = 0; i < own->n && !st; i++)
        for (int p = 0; p < PARTS && !st; p++) {
            st = find(m, &m->part[p], forms, docs, own->row[i], &w);
            for (int64_t k = 0; k < w.x.n && !st; k++)
                (*df)[w.x.bucket[k]] += k == 0 || w.x.bucket[k] != w.x.bucket[k - 1];
        }
    bench_free(&w);
    return st;
}

/* Smallest count of a kept bucket, and how many buckets with just that count are kept. */
static crm_status find_cut(const int64_t *df, int64_t buckets, int64_t most, int64_t *least,
                           int64_t *at_least)
{
    int64_t top = 0, n = 0, *with;

    for (int64_t b = 0; b < buckets; b++)
        top = df[b] > top ? df[b] : top;
    CRM_NEW(with, top + 1); /* buckets with a count: at most two for each row */
    for (int64_t b = 0; b < buckets; b++)
        with[df[b]]++;
    for (*at_least = INT64_MAX; top >= *least; top--) {
        if (n + with[top] > most) {
            *least = top;
            *at_least = most - n;
            break;
        }
        n += with[top];
    }
    crm_mem_free(with);
    return CRM_OK;
}

/* Columns of the buckets that enough rows have, in the order of the buckets. */
static crm_status choose(grams *m, const crm_grams_cfg *cfg, const int64_t *df, int64_t rows)
{
    int64_t buckets = (int64_t)1 << m->bits, least = cfg->min_count, left = 0, n = 0;

    CRM_TRY(find_cut(df, buckets, cfg->max_columns, &least, &left));
    for (int64_t b = 0; b < buckets; b++)
        n += df[b] >= least;
    CRM_NEW(m->bucket, n);
    CRM_NEW(m->idf, n);
    for (int64_t b = 0; b < buckets; b++) {
        if (df[b] < least || (df[b] == least && left-- <= 0)) continue;
        m->bucket[m->n] = (int32_t)b;
        m->idf[m->n++] = crm_log((1 + (double)rows) / (1 + (double)df[b])) + 1;
    }
    return make_table(m);
}

static crm_status learn(grams *m, const crm_fit *fit, const crm_documents *docs)
{
    const crm_grams_cfg *c = m->f.cfg;
    crm_view own = crm_rows_own(fit);
    crm_forms *forms = NULL;
    int64_t *df = NULL;
    crm_status st;

    set_parts(m, (int64_t[]){c->words, c->chars_from, c->chars_to, c->bits, c->sublinear});
    CRM_TRY_TO(st, done, feature_forms_learn(fit, &c->text, docs, &m->text, &forms));
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, count_own(m, forms, docs, &own, &df)));
    CRM_TRY_TO(st, done, crm_comm_sum_i64(fit->comm, df, (int64_t)1 << m->bits));
    st = crm_comm_agree(fit->comm, choose(m, c, df, fit->train->n));
done:
    crm_forms_free(&forms);
    crm_mem_free(df);
    return st;
}

static crm_status grams_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    grams *m = (grams *)t;
    const crm_documents *docs = crm_data_documents(crm_source_data(in));

    if (docs && !is_off(m->f.cfg)) CRM_TRY(learn(m, fit, docs));
    return crm_comm_agree(fit->comm, pass_columns(m, crm_source_schema(in)));
}

/* ---- rows ---- */

static crm_status grams_ready(const crm_transform *t, const crm_data *data)
{
    const grams *m = (const grams *)t;

    return m->n ? feature_forms_ready(&m->maps, &m->text->cfg, NULL, data) : CRM_OK;
}

static crm_status grams_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                              const crm_block *in, crm_block *out)
{
    (void)t;
    (void)data;
    feature_copy_row(in->num, (int)(in->n * s->n_num), out->num);
    feature_copy_cats(s, in, out);
    return CRM_OK;
}

static int64_t grams_width(const crm_transform *t)
{
    return ((const grams *)t)->n;
}

typedef struct entry {
    int32_t id;
    float value;
} entry;

static int by_id(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

/* Entries of the sorted buckets of one part, of norm 1; returns how many. */
static int64_t weigh(const grams *m, const found *x, entry *out)
{
    int64_t n = 0, same;
    double norm = 0;

    for (int64_t i = 0; i < x->n; i += same) {
        int32_t id = m->column[x->bucket[i]];
        double v;
        for (same = 1; i + same < x->n && x->bucket[i + same] == x->bucket[i];)
            same++;
        if (id < 0) continue;
        v = (m->sublinear ? 1 + crm_log((double)same) : (double)same) * m->idf[id];
        norm += v * v;
        out[n++] = (entry){.id = id, .value = (float)v};
    }
    norm = sqrt(norm);
    for (int64_t i = 0; i < n; i++)
        out[i].value = (float)((double)out[i].value / norm);
    return n;
}

/* A column of both parts has the sum of their values. */
static crm_status put(entry *e, int64_t n, crm_sparse *out)
{
    if (n) qsort(e, (size_t)n, sizeof *e, by_id);
    for (int64_t i = 0; i < n; i++) {
        float v = e[i].value;
        if (i + 1 < n && e[i + 1].id == e[i].id) v += e[++i].value;
        CRM_TRY(crm_sparse_add(out, e[i].id, v));
    }
    return crm_sparse_end_row(out);
}

typedef struct entries {
    entry *e;
    int64_t n, room;
} entries;

static crm_status add_part(const grams *m, const found *x, entries *all)
{
    if (all->n + x->n > all->room) {
        int64_t more = 2 * (all->n + x->n);
        entry *e = crm_mem_grow(all->e, (size_t)all->room, (size_t)more, sizeof *e);
        CRM_CHECK(e, CRM_ERR_NOMEM, "out of memory: n-grams of a row");
        all->e = e;
        all->room = more;
    }
    all->n += weigh(m, x, all->e + all->n);
    return CRM_OK;
}

static crm_status grams_sparse(const crm_transform *t, const crm_data *data, const int64_t *row,
                               int64_t n, crm_sparse *out)
{
    const grams *m = (const grams *)t;
    const crm_documents *docs = m->n ? crm_data_documents(data) : NULL;
    const feature_forms *map = docs ? feature_forms_of(&m->maps, data) : NULL; /* by ready */
    entries all = {0};
    bench w = {0};
    crm_status st = CRM_OK;

    for (int64_t i = 0; i < n && !st; i++) {
        all.n = 0;
        for (int p = 0; p < PARTS && map && !st; p++) {
            st = find(m, &m->part[p], map->forms, docs, row[i], &w);
            if (!st) st = add_part(m, &w.x, &all);
        }
        if (!st) st = put(all.e, all.n, out);
    }
    bench_free(&w);
    crm_mem_free(all.e);
    return st;
}

/* ---- how many there can be ---- */

static void count_one(void *ctx, uint64_t hash)
{
    (void)hash;
    ++*(int64_t *)ctx;
}

/* N-grams of characters of each form. */
static void count_chars(const grams *m, const crm_forms *forms, int64_t *chars)
{
    for (int64_t i = 0; i < crm_forms_count(forms); i++) {
        int32_t form = (int32_t)i;
        crm_ngrams_walk(&m->part[CHARS], forms, &form, 1, count_one, &chars[i]);
    }
}

/* Of the documents of a row, however often they occur. */
static int64_t count_row(const grams *m, const crm_forms *forms, const int64_t *chars,
                         const crm_documents *docs, int64_t row)
{
    enum { AT_ONCE = 256 };
    int32_t form[AT_ONCE];
    int64_t n = 0, k;

    for (int64_t d = docs->first[row]; d < docs->first[row + 1]; d++) {
        int64_t first = docs->token_first[d], end = docs->token_first[d + 1];
        crm_forms_cursor at = {0};
        while ((k = crm_forms_next(forms, docs->token + first, end - first, &at, AT_ONCE, form)) >
               0)
            for (int64_t i = 0; i < k; i++)
                n += chars[form[i]] + m->part[WORDS].words_to;
    }
    return n;
}

static crm_status grams_most(const crm_transform *t, const crm_data *data, int64_t *out)
{
    const grams *m = (const grams *)t;
    const crm_documents *docs = m->n ? crm_data_documents(data) : NULL;
    const feature_forms *map = docs ? feature_forms_of(&m->maps, data) : NULL; /* by ready */
    int64_t *chars;

    *out = 0;
    if (!map) return CRM_OK;
    CRM_NEW(chars, crm_forms_count(map->forms));
    count_chars(m, map->forms, chars);
    for (int64_t i = 0; i < crm_data_rows(data); i++) {
        int64_t n = count_row(m, map->forms, chars, docs, i);
        if (n > *out) *out = n;
    }
    crm_mem_free(chars);
    return CRM_OK;
}

/* ---- bags ---- */
enum { NUMBERS = 5 };

static crm_status grams_save(const crm_transform *t, crm_bag *b)
{
    const grams *m = (const grams *)t;
    int64_t v[NUMBERS] = {m->part[WORDS].words_to, m->part[CHARS].chars_from,
                          m->part[CHARS].chars_to, m->bits, m->sublinear};

    if (!m->text) return CRM_OK;
    CRM_TRY(crm_bag_put_list(b, "text", m->text->n, (const char *const *)m->text->item));
    CRM_TRY(crm_bag_put(b, "parts", CRM_I64, 1, (int64_t[]){NUMBERS}, v));
    CRM_TRY(feature_put(b, "bucket", CRM_I32, m->n, m->bucket));
    return feature_put(b, "idf", CRM_F64, m->n, m->idf);
}

static crm_status check_loaded(const grams *m, const int64_t *v)
{
    CRM_CHECK(v[0] >= 0 && v[0] <= 8 && v[1] >= 0 && v[1] <= 32 && v[2] >= 0 && v[2] <= 32 &&
                  (v[2] == 0 || (v[1] >= 1 && v[1] <= v[2])) && m->bits >= 8 &&
                  m->bits <= CRM_GRAMS_BITS_MAX,
              CRM_ERR_FORMAT, "n-grams of the model file: 'parts' is out of range");
    for (int64_t i = 0; i < m->n; i++)
        CRM_CHECK(m->bucket[i] > (i ? m->bucket[i - 1] : -1) && m->bucket[i] < 1 << m->bits &&
                      isfinite(m->idf[i]),
                  CRM_ERR_FORMAT, "n-grams of the model file: bucket %lld is out of order or range",
                  (long long)i);
    return CRM_OK;
}

static crm_status load_columns(grams *m, crm_bag *b)
{
    const char *const *text;
    const crm_bag_array *a;
    int64_t n, v[NUMBERS];

    CRM_TRY(crm_bag_get_list(b, "text", &n, &text));
    CRM_TRY(crm_text_fixed_from(n, text, &m->text));
    CRM_TRY(feature_get(b, "parts", CRM_I64, NUMBERS, v));
    CRM_TRY(crm_bag_get(b, "bucket", CRM_I32, -1, &a));
    m->n = a->n;
    CRM_NEW(m->bucket, m->n);
    CRM_NEW(m->idf, m->n);
    CRM_TRY(feature_get(b, "bucket", CRM_I32, m->n, m->bucket));
    CRM_TRY(feature_get(b, "idf", CRM_F64, m->n, m->idf));
    m->bits = v[3];
    CRM_TRY(check_loaded(m, v));
    set_parts(m, v);
    return make_table(m);
}

static crm_status grams_load(crm_transform *t, const crm_schema *in, crm_bag *b)
{
    grams *m = (grams *)t;

    if (crm_bag_find(b, "parts")) CRM_TRY(load_columns(m, b));
    return pass_columns(m, in);
}

static bool grams_idle(const void *cfg)
{
    return is_off(cfg);
}

static const crm_cfg_part parts[] = {
    {crm_grams_opts, 0}, {crm_text_opts, offsetof(crm_grams_cfg, text)}, {NULL, 0}};

const crm_transform_class crm_grams_class = {
    .name = "grams",
    .parts = parts,
    .cfg_size = sizeof(crm_grams_cfg),
    .help = "N-grams of a customer's documents become sparse TF-IDF columns.",
    .make = grams_make,
    .fit = grams_fit,
    .schema = feature_schema,
    .apply = grams_apply,
    .save = grams_save,
    .load = grams_load,
    .free = grams_free,
    .idle = grams_idle,
    .ready = grams_ready,
    .sparse_width = grams_width,
    .sparse = grams_sparse,
    .sparse_most = grams_most,
};
