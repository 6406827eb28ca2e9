/* app_text_model.c - the model of crmpi text: its words, and its predictions for rows that have a
 * text each and nothing else: a data set of them is made for the time of the command. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app_text.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_temp.h"
#include "crmpi/lexicon.h"
#include "crmpi/store.h"

/* ---- the file ---- */
crm_status app_text_model_place(const app *a, app_text_model *m)
{
    char dir[CRM_PATH_MAX];
    const char *path = a->args.model, *slash = strrchr(path, '/');
    size_t n;

    if (crm_path_is_dir(path)) return crm_path_join("", path, m->run, sizeof m->run);
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO, "--model %s: there is no such run or file", path);
    slash = slash ? slash + 1 : path;
    n = strcspn(slash, ".");
    CRM_CHECK(n > 0 && n < sizeof m->name, CRM_ERR_CONFIG,
              "--model %s: not a model of a run, which is RUN/models/NAME.h5", path);
    memcpy(m->name, slash, n);
    m->name[n] = '\0';
    CRM_TRY(crm_path_dir(path, dir, sizeof dir));
    return crm_path_dir(dir, m->run, sizeof m->run);
}

/* Options and words under these names of the bag; none there is no error. */
static crm_status find_words(app_text_model *m, const char *options, const char *words)
{
    const char *const *item;
    int64_t n;

    if (m->fixed || !crm_bag_has_list(m->bag, words)) return CRM_OK;
    item = NULL;
    n = 0;
    if (crm_bag_has_list(m->bag, options)) CRM_TRY(crm_bag_get_list(m->bag, options, &n, &item));
    CRM_TRY(crm_text_fixed_from(n, item, &m->fixed));
    CRM_TRY(crm_bag_get_list(m->bag, words, &n, &item));
    return crm_vocab_from_list(n, item, &m->vocab);
}

crm_status app_text_model_read(app *a, app_text_model *m)
{
    char file[96], path[CRM_PATH_MAX], options[64], words[64];

    if (!m->name[0]) snprintf(m->name, sizeof m->name, "%.60s", a->eval.models.item[0]);
    snprintf(file, sizeof file, "models/%s.h5", m->name);
    CRM_TRY(crm_path_join(m->run, file, path, sizeof path));
    CRM_TRY(crm_bag_read(path, CRM_MODEL_KIND, &m->bag));
    CRM_TRY(crm_eval_check_model(m->run, m->name, path, m->bag));
    CRM_TRY(crm_bag_get_list(m->bag, "classes", &m->n_classes, &m->class_name));
    CRM_TRY(crm_bag_get_text(m->bag, "target", &m->target));
    CRM_TRY(find_words(m, "estimator/blocks/text", "estimator/blocks/words"));
    for (int i = 0; i < CRM_PIPELINE_MAX; i++) {
        snprintf(options, sizeof options, "transform%d/text", i);
        snprintf(words, sizeof words, "transform%d/words", i);
        CRM_TRY(find_words(m, options, words));
    }
    return CRM_OK;
}

/* ---- rows ---- */
typedef struct rows {
    const app_texts *t;
    const crm_schema *s;   /* columns that the model reads */
    const char *num[4096]; /* those of them that are not made of documents */
    const char *kind[64];  /* kinds of documents among them */
    int n_num, n_kinds;
} rows;

/* "documents review" and "tokens review" are made of documents of the kind review. */
static crm_status take_columns(rows *r)
{
    static const char head[] = "documents ", tokens[] = "tokens ";

    for (int c = 0; c < r->s->n_num; c++) {
        const char *name = r->s->num_name[c];
        if (strncmp(name, tokens, sizeof tokens - 1) == 0) continue;
        if (strncmp(name, head, sizeof head - 1) == 0) {
            if (strcmp(name, "documents recency") != 0 && r->n_kinds < 64)
                r->kind[r->n_kinds++] = name + sizeof head - 1;
            continue;
        }
        CRM_CHECK(r->n_num < 4096, CRM_ERR_CONFIG, "the model reads more than 4096 columns");
        r->num[r->n_num++] = name;
    }
    if (r->n_kinds == 0) r->kind[r->n_kinds++] = "text";
    return CRM_OK;
}

static crm_status define(const rows *r, crm_store_writer *w)
{
    int64_t n = r->t->n, num[] = {n, r->n_num}, cat[] = {n, r->s->n_cat}, ends = n + 1;
    char levels[64];

    CRM_TRY(crm_store_attr_i64(w, "", "rows", n));
    CRM_TRY(crm_store_attr_text(w, "", "source_digest", ""));
    if (r->n_num > 0) {
        CRM_TRY(crm_store_define(w, "profile/num", CRM_F32, 2, num, NULL));
        CRM_TRY(crm_store_attr_list(w, "profile/num", "columns", r->n_num, r->num));
    }
    if (r->s->n_cat > 0) {
        CRM_TRY(crm_store_define(w, "profile/cat", CRM_I32, 2, cat, NULL));
        CRM_TRY(crm_store_attr_list(w, "profile/cat", "columns", r->s->n_cat, r->s->cat_name));
    }
    for (int c = 0; c < r->s->n_cat; c++) {
        snprintf(levels, sizeof levels, "profile/levels/%d", c);
        CRM_TRY(crm_store_texts(w, levels, r->s->level && r->s->level[c] ? r->s->n_levels[c] : 0,
                                r->s->level ? r->s->level[c] : NULL));
    }
    CRM_TRY(crm_store_define(w, "documents/first", CRM_I64, 1, &ends, NULL));
    CRM_TRY(crm_store_define(w, "documents/token_first", CRM_I64, 1, &ends, NULL));
    CRM_TRY(crm_store_define(w, "documents/kind", CRM_I32, 1, &n, NULL));
    CRM_TRY(crm_store_define(w, "documents/time", CRM_F32, 1, &n, NULL));
    CRM_TRY(crm_store_define(w, "documents/token", CRM_I32, 1, &r->t->n_tokens, NULL));
    CRM_TRY(crm_store_texts(w, "documents/kinds", r->n_kinds, r->kind));
    return crm_store_texts(w, "documents/words", r->t->n_words, (const char *const *)r->t->word);
}

/* Nothing is known but the text. */
static crm_status fill(const rows *r, crm_store_writer *w)
{
    int64_t n = r->t->n, most = r->n_num > r->s->n_cat ? r->n_num : r->s->n_cat;
    float *missing = NULL;
    int32_t *none = NULL;
    int64_t *first = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, missing, n * most + 1);
    CRM_NEW_TO(st, done, none, n * (most + 1));
    CRM_NEW_TO(st, done, first, n + 1);
    for (int64_t i = 0; i < n * most; i++) {
        missing[i] = NAN;
        none[i] = -1;
    }
    if (r->n_num > 0) CRM_TRY_TO(st, done, crm_store_write(w, "profile/num", 0, n, missing));
    if (r->s->n_cat > 0) CRM_TRY_TO(st, done, crm_store_write(w, "profile/cat", 0, n, none));
    for (int64_t i = 0; i <= n; i++)
        first[i] = i;
    memset(none, 0, (size_t)n * sizeof *none); /* first kind, time 0 */
    CRM_TRY_TO(st, done, crm_store_write(w, "documents/first", 0, n + 1, first));
    CRM_TRY_TO(st, done, crm_store_write(w, "documents/token_first", 0, n + 1, r->t->first));
    CRM_TRY_TO(st, done, crm_store_write(w, "documents/kind", 0, n, none));
    CRM_TRY_TO(st, done, crm_store_write(w, "documents/time", 0, n, none));
    st = crm_store_write(w, "documents/token", 0, r->t->n_tokens, r->t->token);
done:
    crm_mem_free(missing);
    crm_mem_free(none);
    crm_mem_free(first);
    return st;
}

static crm_status write_rows(const rows *r, const char *path)
{
    crm_store_writer *w;
    crm_status st;

    CRM_TRY(crm_store_create(NULL, path, "crmpi-dataset", &w));
    st = define(r, w);
    if (!st) st = fill(r, w);
    if (!st) return crm_store_commit(&w, NULL);
    crm_store_abandon(&w);
    return st;
}

/* ---- predictions ---- */

/* A tagger tags tokens, a list of rated words has a score beside its probabilities. */
static crm_status ask(const crm_model_spec *spec, crm_pipeline *p, const crm_data *d,
                      const int64_t *row, int64_t n, app_text_model *m)
{
    int64_t width;

    if (spec->estimator->decode) {
        CRM_NEW(m->tag, crm_data_documents(d)->n_tokens);
        return crm_pipeline_decode(p, d, row, n, m->tag);
    }
    if (spec->estimator == &crm_lexicon_class)
        CRM_TRY(crm_pipeline_embed(p, d, row, n, &width, &m->score));
    CRM_NEW(m->proba, n * m->n_classes);
    return crm_pipeline_predict(p, d, row, n, m->proba);
}

/* Each text is a row with one document: a label of either is one of the text. */
static crm_status ask_further(crm_pipeline *p, const crm_data *d, const int64_t *row, int64_t n,
                              app_text_model *m)
{
    const crm_further *x;
    int all = crm_pipeline_further(p, &x);

    CRM_NEW(m->head, all);
    for (; m->n_heads < all; m->n_heads++) {
        app_text_head *h = &m->head[m->n_heads];
        *h = (app_text_head){.target = x[m->n_heads].target,
                             .class_name = x[m->n_heads].class_name,
                             .n_classes = x[m->n_heads].n_classes};
        CRM_NEW(h->proba, n * h->n_classes);
        CRM_TRY(crm_pipeline_predict_further(p, d, row, n, m->n_heads, h->proba));
    }
    return CRM_OK;
}

static crm_status predict_all(app *a, app_text_model *m, const crm_schema *columns,
                              const crm_data *d)
{
    const crm_model_spec *spec;
    crm_pipeline *p;
    int64_t *row = NULL, n = crm_data_rows(d);
    crm_status st;

    CRM_TRY(app_models_find(a, m->name, &spec));
    CRM_TRY(crm_pipeline_new(spec, &m->fitted));
    p = m->fitted;
    CRM_TRY_TO(st, done, crm_pipeline_load(p, d, m->bag));
    CRM_NEW_TO(st, done, row, n);
    for (int64_t i = 0; i < n; i++)
        row[i] = i;
    CRM_TRY_TO(st, done, ask(spec, p, d, row, n, m));
    CRM_TRY_TO(st, done, ask_further(p, d, row, n, m));
    st = app_text_topics_read(spec, d, columns, row, n, m);
done:
    crm_pipeline_forget(p);
    crm_mem_free(row);
    return st;
}

static crm_status with_rows(app *a, const app_texts *t, app_text_model *m, const char *path)
{
    rows *r = crm_mem_new(1, sizeof *r);
    crm_columns *columns = NULL;
    crm_data *d = NULL;
    crm_status st;

    CRM_CHECK(r, CRM_ERR_NOMEM, "out of memory: columns");
    r->t = t;
    CRM_TRY_TO(st, done, crm_columns_new(&columns));
    CRM_TRY_TO(st, done, crm_bag_push(m->bag, "columns"));
    st = crm_schema_load(m->bag, columns);
    crm_bag_pop(m->bag);
    if (!st) st = crm_columns_schema(columns, &r->s);
    if (!st) st = take_columns(r);
    if (!st) st = write_rows(r, path);
    if (!st) st = crm_data_open(path, &d);
    if (!st) st = predict_all(a, m, r->s, d);
done:
    crm_data_close(&d);
    crm_columns_free(&columns);
    crm_mem_free(r);
    return st;
}

static void forget(app_text_model *m)
{
    for (int i = 0; i < m->n_heads; i++)
        crm_mem_free(m->head[i].proba);
    crm_mem_free(m->head);
    m->head = NULL;
    m->n_heads = 0;
    crm_pipeline_free(&m->fitted);
    crm_mem_free(m->proba);
    crm_mem_free(m->score);
    crm_mem_free(m->tag);
    m->proba = NULL;
    m->score = NULL;
    m->tag = NULL;
    app_text_topics_free(m);
}

crm_status app_text_model_predict(app *a, const app_texts *t, app_text_model *m)
{
    char path[CRM_PATH_MAX];
    crm_temp temp;
    crm_status st;

    if (t->n == 0) return CRM_OK;
    CRM_TRY(crm_temp_make("text", NULL, &temp));
    st = crm_path_join(temp.dir, "texts.h5", path, sizeof path);
    if (!st) st = with_rows(a, t, m, path);
    if (st && st != CRM_ERR_NOMEM) { /* such as a model of events: said, and the words are shown */
        snprintf(m->why, sizeof m->why, "%.1000s", crm_err_text());
        forget(m);
        st = CRM_OK;
    }
    crm_temp_remove(&temp);
    return st;
}

void app_text_model_free(app_text_model *m)
{
    crm_vocab_free(&m->vocab);
    crm_text_fixed_free(&m->fixed);
    crm_bag_free(&m->bag);
    forget(m);
}
