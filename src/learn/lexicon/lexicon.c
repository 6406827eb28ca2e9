/* lexicon.c - the list and its rules as an estimator of classes of rows. */
#include "crmpi/lexicon.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/estimator_rows.h"
#include "lexicon_impl.h"

enum { NEGATIVE, NEUTRAL, POSITIVE, MOODS };
static const char *const mood_names[] = {"negative", "neutral", "positive"};

/* What a fitted model goes by: a copy, so that it keeps its options. */
typedef struct model {
    crm_estimator base;
    const crm_lexicon_cfg *cfg;
    crm_lexicon *list;
    int n_classes;
    int32_t class[MOODS]; /* -1: no neutral one */
    double threshold[2], scale;
    bool names;
    char *text;
} model;

static crm_status make(const void *cfg, crm_estimator **out)
{
    model *m;

    *out = NULL;
    CRM_NEW(m, 1);
    m->base.class = &crm_lexicon_class;
    m->cfg = cfg;
    *out = &m->base;
    return CRM_OK;
}

static void lexicon_free(crm_estimator *e)
{
    model *m = (model *)e;

    crm_lexicon_free(&m->list);
    crm_mem_free(m->text);
    crm_mem_free(m);
}

/* ---- classes ---- */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a >= 'A' && *a <= 'Z' ? *a | 32 : *a) != *b) return false;
    return *a == *b;
}

/* The mood that a name stands for, -1: none. */
static int mood_of(const char *name)
{
    static const char *const known[MOODS][6] = {{"negative", "neg", "bad", "-1", "-"},
                                                {"neutral", "neu", "mixed", "0"},
                                                {"positive", "pos", "good", "1", "+"}};

    for (int m = 0; m < MOODS; m++)
        for (const char *const *k = known[m]; *k; k++)
            if (same_name(name, *k)) return m;
    return -1;
}

static void add_classes(const crm_target *t, crm_str *out)
{
    for (int c = 0; c < t->n_classes; c++)
        crm_str_addf(out, "%s%s", c ? ", " : "", t->class_name[c]);
}

static crm_status by_names(const crm_target *t, int32_t class[MOODS])
{
    int found = 0;
    crm_str all = {0};
    crm_status st = CRM_OK;

    for (int c = 0; c < t->n_classes; c++) {
        int m = mood_of(t->class_name[c]);
        if (m < 0 || class[m] >= 0 || (m == NEUTRAL && t->n_classes == 2)) continue;
        class[m] = c;
        found++;
    }
    if (found == t->n_classes) return CRM_OK;
    add_classes(t, &all);
    CRM_SET(st, CRM_ERR_CONFIG,
            "lexicon.classes: which class of target '%s' (%s) is negative%s and positive is not "
            "told by their names; write them in that order, as [bad, %sgood]",
            t->name, all.text ? all.text : "", t->n_classes == 3 ? ", neutral" : "",
            t->n_classes == 3 ? "fair, " : "");
    crm_str_free(&all);
    return st;
}

static int find_class(const crm_target *t, const char *name)
{
    for (int c = 0; c < t->n_classes; c++)
        if (strcmp(t->class_name[c], name) == 0) return c;
    return -1;
}

static crm_status by_list(const crm_target *t, const crm_opt_list *list, int32_t class[MOODS])
{
    CRM_CHECK(list->n == t->n_classes, CRM_ERR_CONFIG,
              "lexicon.classes: names %d classes, target '%s' has %d", list->n, t->name,
              t->n_classes);
    for (int i = 0; i < list->n; i++) {
        int c = find_class(t, list->item[i]), m = i > 0 && list->n == 2 ? POSITIVE : i;
        CRM_CHECK(c >= 0, CRM_ERR_CONFIG, "lexicon.classes: target '%s' has no class '%s'", t->name,
                  list->item[i]);
        for (int k = 0; k < m; k++)
            CRM_CHECK(class[k] != c, CRM_ERR_CONFIG, "lexicon.classes: '%s' stands twice",
                      list->item[i]);
        class[m] = c;
    }
    return CRM_OK;
}

static crm_status find_classes(const crm_lexicon_cfg *cfg, const crm_target *t,
                               int32_t class[MOODS])
{
    class[NEGATIVE] = class[NEUTRAL] = class[POSITIVE] = -1;
    CRM_CHECK(t->level != CRM_LEVEL_TOKEN && (t->n_classes == 2 || t->n_classes == 3),
              CRM_ERR_CONFIG,
              "lexicon: tells two or three classes of texts apart; target '%s' has %d classes for "
              "each %s",
              t->name, t->n_classes, crm_level_names[t->level]);
    CRM_CHECK(cfg->negative <= cfg->positive, CRM_ERR_CONFIG,
              "lexicon.negative: %g is above lexicon.positive, %g", cfg->negative, cfg->positive);
    CRM_CHECK(cfg->file[0], CRM_ERR_CONFIG,
              "lexicon.file: a list of rated words is needed, such as vader_lexicon.txt");
    return cfg->classes.n ? by_list(t, &cfg->classes, class) : by_names(t, class);
}

static crm_status read_list(const char *path, crm_lexicon **out)
{
    char why[CRM_ERR_TEXT_MAX];
    crm_status st = crm_lexicon_read(path, out);

    if (!st || st == CRM_ERR_NOMEM) return st;
    snprintf(why, sizeof why, "%s", crm_err_text());
    CRM_FAIL(st, "lexicon.file: %s", why);
}

static crm_status check(const void *cfg, const crm_schema *s, const crm_target *t, int64_t rows)
{
    const crm_lexicon_cfg *c = cfg;
    int32_t class[MOODS];
    crm_lexicon *l;

    (void)s;
    (void)rows;
    CRM_TRY(find_classes(c, t, class));
    CRM_TRY(read_list(c->file, &l));
    crm_lexicon_free(&l);
    return CRM_OK;
}

/* ---- fit ---- */
static crm_status write_text(model *m, const char *const *class_name)
{
    crm_str s = {0};
    crm_status st = CRM_OK;

    crm_str_addf(&s, "%lld rated words; %lld of the list are several tokens and are never found\n",
                 (long long)m->list->n, (long long)m->list->left_out);
    for (int i = 0; i < MOODS; i++)
        if (m->class[i] >= 0)
            crm_str_addf(&s, "%s: class %s\n", mood_names[i], class_name[m->class[i]]);
    if (m->class[NEUTRAL] >= 0)
        crm_str_addf(&s, "neutral between the scores %g and %g\n", m->threshold[0],
                     m->threshold[1]);
    if (!s.failed) m->text = crm_mem_strdup(s.text);
    crm_str_free(&s);
    if (!m->text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: text of the list");
    return st;
}

static crm_status fit_local(model *m, const crm_data *d, const crm_target *t)
{
    CRM_CHECK(crm_data_documents(d), CRM_ERR_CONFIG, "lexicon: %s has no documents",
              crm_data_path(d));
    CRM_TRY(find_classes(m->cfg, t, m->class));
    crm_lexicon_free(&m->list);
    crm_mem_free(m->text);
    m->text = NULL;
    CRM_TRY(read_list(m->cfg->file, &m->list));
    m->n_classes = t->n_classes;
    m->threshold[0] = m->cfg->negative;
    m->threshold[1] = m->cfg->positive;
    m->scale = m->cfg->scale;
    m->names = m->cfg->names;
    return write_text(m, t->class_name);
}

/* Of words and valences. */
static crm_status list_digest(const crm_lexicon *l, char hex[CRM_DIGEST_HEX])
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    for (int64_t i = 0; i < l->n; i++) {
        crm_hash_add_text(h, l->word[i]);
        crm_hash_add_f64(h, l->valence[i]);
    }
    crm_digest_hex(crm_hash_value(h), hex);
    crm_hash_free(&h);
    return CRM_OK;
}

static crm_status fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    model *m = (model *)e;
    const crm_target *t = crm_data_target(fit->train->data, fit->target);
    char hex[CRM_DIGEST_HEX] = "";
    const char *text = hex;
    crm_status st = fit_local(m, crm_source_data(in), t);

    if (!st) st = list_digest(m->list, hex);
    CRM_TRY(crm_comm_agree(fit->comm, st));
    return crm_rows_same(fit, "lexicon.file", 1, &text);
}

/* ---- predict ---- */

/* Documents of rows row[n], one after the other; the caller's. */
static crm_status documents_of(const crm_documents *x, const int64_t *row, int64_t n, int64_t *many,
                               int64_t **out)
{
    int64_t k = 0;

    for (int64_t i = 0; i < n; i++)
        k += x->first[row[i] + 1] - x->first[row[i]];
    CRM_NEW(*out, k);
    *many = k;
    k = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = x->first[row[i]]; d < x->first[row[i] + 1]; d++)
            (*out)[k++] = d;
    return CRM_OK;
}

static void means(const crm_documents *x, const int64_t *row, int64_t n, const double *score,
                  double *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = x->first[row[i] + 1] - x->first[row[i]];
        out[i] = 0;
        for (int64_t j = 0; j < k; j++)
            out[i] += *score++;
        if (k > 0) out[i] /= (double)k;
    }
}

/* Mean score of the documents of each row. */
static crm_status row_scores(const model *m, const crm_data *d, const int64_t *row, int64_t n,
                             double *out)
{
    const crm_documents *x = crm_data_documents(d);
    crm_lexicon_texts t;
    int64_t *document = NULL, many = 0;
    double *score = NULL;
    crm_status st = CRM_OK;

    CRM_CHECK(x, CRM_ERR_CONFIG, "lexicon: %s has no documents", crm_data_path(d));
    t = (crm_lexicon_texts){
        .n_words = x->n_words, .word = x->word, .first = x->token_first, .token = x->token};
    CRM_TRY_TO(st, done, documents_of(x, row, n, &many, &document));
    CRM_NEW_TO(st, done, score, many);
    CRM_TRY_TO(st, done, crm_lexicon_scores(m->list, m->names, &t, many, document, score));
    means(x, row, n, score, out);
done:
    crm_mem_free(document);
    crm_mem_free(score);
    return st;
}

/* A score at a threshold is beyond it: the tie is broken by far less than scores differ. */
static void probabilities(const model *m, double c, double *proba)
{
    const double tie = 1e-9;
    double z[MOODS] = {-c / (2 * m->scale), -INFINITY, c / (2 * m->scale)}, most, sum = 0;

    if (m->class[NEUTRAL] >= 0) {
        z[NEGATIVE] = (m->threshold[0] - c) / m->scale + tie;
        z[NEUTRAL] = 0;
        z[POSITIVE] = (c - m->threshold[1]) / m->scale + tie;
    }
    most = fmax(fmax(z[NEGATIVE], z[POSITIVE]), z[NEUTRAL]);
    for (int i = 0; i < MOODS; i++)
        sum += z[i] = crm_exp(z[i] - most);
    for (int i = 0; i < MOODS; i++)
        if (m->class[i] >= 0) proba[m->class[i]] = z[i] / sum;
}

static crm_status predict(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                          double *proba)
{
    const model *m = (const model *)e;
    double *score;
    crm_status st;

    CRM_NEW(score, n);
    st = row_scores(m, crm_source_data(in), row, n, score);
    for (int64_t i = 0; i < n && !st; i++)
        probabilities(m, score[i], proba + i * m->n_classes);
    crm_mem_free(score);
    return st;
}

static int64_t embed_width(const crm_estimator *e)
{
    (void)e;
    return 1;
}

static crm_status embed(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                        float *out)
{
    double *score;
    crm_status st;

    CRM_NEW(score, n);
    st = row_scores((const model *)e, crm_source_data(in), row, n, score);
    for (int64_t i = 0; i < n && !st; i++)
        out[i] = (float)score[i];
    crm_mem_free(score);
    return st;
}

static const char *text(const crm_estimator *e)
{
    const model *m = (const model *)e;

    return m->text ? m->text : "";
}

/* ---- bags ---- */
static crm_status save(const crm_estimator *e, crm_bag *b)
{
    const model *m = (const model *)e;
    const crm_lexicon *l = m->list;

    CRM_TRY(crm_bag_put_list(b, "words", l->n, (const char *const *)l->word));
    CRM_TRY(crm_bag_put(b, "valence", CRM_F64, 1, &l->n, l->valence));
    CRM_TRY(crm_bag_put_i64(b, "left_out", l->left_out));
    CRM_TRY(crm_bag_put(b, "class", CRM_I32, 1, (int64_t[]){MOODS}, m->class));
    CRM_TRY(crm_bag_put(b, "threshold", CRM_F64, 1, (int64_t[]){2}, m->threshold));
    CRM_TRY(crm_bag_put_f64(b, "scale", m->scale));
    return crm_bag_put_i64(b, "names", m->names);
}

static crm_status load_list(model *m, crm_bag *b)
{
    const crm_bag_array *valence;
    const char *const *word;
    int64_t n;

    CRM_TRY(crm_bag_get_list(b, "words", &n, &word));
    CRM_TRY(crm_bag_get(b, "valence", CRM_F64, n, &valence));
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(fabs(((const double *)valence->data)[i]) <= LEXICON_MOST, CRM_ERR_FORMAT,
                  "model file: valence %lld of the list is out of range", (long long)i);
    CRM_TRY(lexicon_from(n, word, valence->data, &m->list));
    return crm_bag_get_i64(b, "left_out", &m->list->left_out);
}

static crm_status load_classes(model *m, int n_classes, crm_bag *b)
{
    const crm_bag_array *class;
    uint8_t seen[MOODS] = {0};

    CRM_TRY(crm_bag_get(b, "class", CRM_I32, MOODS, &class));
    memcpy(m->class, class->data, sizeof m->class);
    m->n_classes = n_classes;
    for (int i = 0; i < MOODS; i++) {
        bool none = i == NEUTRAL && n_classes == 2;
        CRM_CHECK(none ? m->class[i] == -1
                       : m->class[i] >= 0 && m->class[i] < n_classes && n_classes <= MOODS &&
                             !seen[m->class[i]],
                  CRM_ERR_FORMAT, "model file: the %s class is %d of %d", mood_names[i],
                  (int)m->class[i], n_classes);
        if (!none) seen[m->class[i]] = 1;
    }
    return CRM_OK;
}

static crm_status load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    model *m = (model *)e;
    const crm_bag_array *threshold;
    int64_t names;

    (void)in;
    crm_lexicon_free(&m->list);
    CRM_TRY(load_list(m, b));
    CRM_TRY(load_classes(m, n_classes, b));
    CRM_TRY(crm_bag_get(b, "threshold", CRM_F64, 2, &threshold));
    memcpy(m->threshold, threshold->data, sizeof m->threshold);
    CRM_TRY(crm_bag_get_f64(b, "scale", &m->scale));
    CRM_TRY(crm_bag_get_i64(b, "names", &names));
    m->names = names != 0;
    CRM_CHECK(m->scale > 0 && isfinite(m->scale) && isfinite(m->threshold[0]) &&
                  isfinite(m->threshold[1]),
              CRM_ERR_FORMAT, "model file: thresholds or scale of the score are out of range");
    return CRM_OK;
}

/* Documents are no columns. */
static crm_estimator_traits traits(const void *cfg)
{
    (void)cfg;
    return (crm_estimator_traits){.parts = 0};
}

static const crm_cfg_part parts[] = {{crm_lexicon_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_lexicon_class = {
    .name = "lexicon",
    .parts = parts,
    .cfg_size = sizeof(crm_lexicon_cfg),
    .help = "Sentiment by a list of rated words and the rules of VADER; learns nothing.",
    .reading = "rated words and a few rules",
    .make = make,
    .fit = fit,
    .predict = predict,
    .embed_width = embed_width,
    .embed = embed,
    .text = text,
    .check = check,
    .save = save,
    .load = load,
    .free = lexicon_free,
    .traits = traits,
};
