/* tagger_rows.c - sentences of a data set as features of their tokens. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "tagger_impl.h"

/* A label for each token, and none that the chain rules out. */
static bool well_formed(const tagger *g, const int32_t *label, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (label[i] < 0) return false;
        if (g->bio[label[i]].mark != 'I') continue;
        if (i == 0 || g->bio[label[i - 1]].type != g->bio[label[i]].type) return false;
    }
    return true;
}

crm_status tagger_sentences(const tagger *g, const crm_data *d, const crm_target *t,
                            const int64_t *row, int64_t n, sentences *out)
{
    const crm_documents *x = crm_data_documents(d);
    int64_t cap = 0;

    for (int64_t i = 0; i < n; i++)
        cap += x->first[row[i] + 1] - x->first[row[i]];
    CRM_NEW(out->document, cap);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = x->first[row[i]]; j < x->first[row[i] + 1]; j++) {
            int64_t from = x->token_first[j], m = x->token_first[j + 1] - from;
            if (m > 0 && well_formed(g, t->label + from, m)) out->document[out->n++] = j;
        }
    return CRM_OK;
}

/* ---- words of entities ---- */

static size_t gaz_place(const word_view *w)
{
    return (size_t)(w->folded & ((1u << GAZ_BITS) - 1));
}

void tagger_count_gazetteer(const tagger *g, const crm_data *d, const crm_target *t,
                            const sentences *s, int64_t first, int64_t end, int64_t *count)
{
    const crm_documents *x = crm_data_documents(d);
    word_view w;

    for (int64_t i = first; i < end; i++)
        for (int64_t j = x->token_first[s->document[i]]; j < x->token_first[s->document[i] + 1];
             j++) {
            int type = g->bio[t->label[j]].type;
            if (type < 0) continue;
            tagger_view_word(x->word[x->token[j]], &g->clusters, &w);
            count[gaz_place(&w) * (size_t)g->n_types + (size_t)type]++;
        }
}

/* The tokens of entities of the document at hand are taken out (by -1) or put back. */
static void shift_gazetteer(const tagger *g, const word_view *view, const int32_t *own, int64_t n,
                            int32_t by)
{
    for (int64_t i = 0; i < n; i++)
        if (g->bio[own[i]].type >= 0)
            g->gaz[gaz_place(&view[i]) * (size_t)g->n_types + (size_t)g->bio[own[i]].type] += by;
}

static void add_gazetteer(const tagger *g, const word_view *view, int64_t n, int64_t t, features *x)
{
    for (int by = -1; by <= 1; by++) {
        if (t + by < 0 || t + by >= n) continue;
        size_t place = gaz_place(&view[t + by]);
        for (int k = 0; k < g->n_types; k++)
            if (g->gaz[place * (size_t)g->n_types + (size_t)k] > 0)
                x->id[x->n++] = (int32_t)((by + 1) * g->n_types + k);
    }
}

/* ---- features ---- */

/* For so many tokens; their features come one by one. */
static crm_status make_room(int64_t tokens, features *x)
{
    if (x->n_tokens + tokens + 1 > x->cap_tokens) {
        int64_t cap = 2 * x->cap_tokens + tokens + 1024;
        void *p = crm_mem_grow(x->first, (size_t)x->cap_tokens, (size_t)cap, sizeof *x->first);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: features of %lld tokens", (long long)cap);
        x->first = p;
        x->cap_tokens = cap;
    }
    if (tokens > x->cap_view) {
        crm_mem_free(x->view);
        x->cap_view = 0;
        CRM_NEW(x->view, 2 * tokens);
        x->cap_view = 2 * tokens;
    }
    return CRM_OK;
}

static crm_status room_for_token(const tagger *g, features *x)
{
    int64_t need = FEATURES_MAX + GAZ_PLACES * (int64_t)g->n_types, cap;
    void *p;

    if (x->n + need <= x->cap) return CRM_OK;
    cap = x->cap + x->cap / 2 + 64 * need;
    p = crm_mem_grow(x->id, (size_t)x->n, (size_t)cap, sizeof *x->id);
    CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: %lld features", (long long)cap);
    x->id = p;
    x->cap = cap;
    return CRM_OK;
}

static void view_words(const tagger *g, const crm_data *d, int64_t from, int64_t n, word_view *out)
{
    const crm_documents *x = crm_data_documents(d);

    for (int64_t i = 0; i < n; i++)
        tagger_view_word(x->word[x->token[from + i]], &g->clusters, &out[i]);
}

static crm_status add_token(const tagger *g, int64_t n, int64_t t, features *x)
{
    uint64_t hash[FEATURES_MAX], mask = ((uint64_t)1 << g->cfg->bits) - 1;
    int m = tagger_features(x->view, n, t, hash);

    CRM_TRY(room_for_token(g, x));
    x->first[x->n_tokens++] = x->n;
    if (g->gaz) add_gazetteer(g, x->view, n, t, x);
    for (int i = 0; i < m; i++) {
        int32_t id = g->id_of[hash[i] & mask];
        if (id >= 0) x->id[x->n++] = (int32_t)g->n_reserved + id;
    }
    x->first[x->n_tokens] = x->n;
    return CRM_OK;
}

crm_status tagger_features_add(const tagger *g, const crm_data *d, int64_t document,
                               const int32_t *own, features *x)
{
    const crm_documents *docs = crm_data_documents(d);
    int64_t from = docs->token_first[document], n = docs->token_first[document + 1] - from;
    crm_status st = CRM_OK;

    CRM_TRY(make_room(n, x));
    view_words(g, d, from, n, x->view);
    if (g->gaz && own) shift_gazetteer(g, x->view, own, n, -1);
    for (int64_t t = 0; t < n && !st; t++)
        st = add_token(g, n, t, x);
    if (g->gaz && own) shift_gazetteer(g, x->view, own, n, 1);
    return st;
}

void tagger_features_clear(features *x)
{
    x->n_tokens = x->n = 0;
}

void tagger_features_free(features *x)
{
    crm_mem_free(x->first);
    crm_mem_free(x->id);
    crm_mem_free(x->view);
    *x = (features){0};
}

crm_status tagger_count(const tagger *g, const crm_data *d, const sentences *s, int64_t first,
                        int64_t end, int64_t *count)
{
    const crm_documents *docs = crm_data_documents(d);
    uint64_t hash[FEATURES_MAX], mask = ((uint64_t)1 << g->cfg->bits) - 1;
    features x = {0};
    crm_status st = CRM_OK;

    for (int64_t i = first; i < end; i++) {
        int64_t from = docs->token_first[s->document[i]];
        int64_t n = docs->token_first[s->document[i] + 1] - from;
        CRM_TRY_TO(st, done, make_room(n, &x));
        view_words(g, d, from, n, x.view);
        for (int64_t t = 0; t < n; t++) {
            int m = tagger_features(x.view, n, t, hash);
            for (int j = 0; j < m; j++)
                count[hash[j] & mask]++;
        }
    }
done:
    tagger_features_free(&x);
    return st;
}

void tagger_unary(const tagger *g, const double *weight, const features *x, int64_t first,
                  int64_t n, double *unary)
{
    int k = g->k;

    memset(unary, 0, (size_t)(n * k) * sizeof *unary);
    for (int64_t t = 0; t < n; t++) {
        double *u = unary + t * k;
        for (int64_t i = x->first[first + t]; i < x->first[first + t + 1]; i++) {
            const double *w = weight + (int64_t)x->id[i] * k;
            for (int j = 0; j < k; j++)
                u[j] += w[j];
        }
    }
}
