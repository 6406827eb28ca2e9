/* text_forms.c - forms of the words of a dictionary, and documents as forms.
 *
 * Forms are found by a hash table with open addressing (numbers in the slots, -1 is empty; at most
 * half full); their texts stand one behind the other. */
#include <string.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "text_impl.h"

/* A word that the clitic "n't" leans on, and that has another form there: "wo" of "won't". */
typedef struct clitic_host {
    int64_t word;
    int32_t form; /* before "n't" */
} clitic_host;

struct crm_forms {
    int64_t n_words, n, n_plain;
    int64_t span;      /* 0: negation is not marked */
    int32_t *form;     /* [n_words], -1: none       */
    uint8_t *flags;    /* [n_words]                 */
    int32_t *negated;  /* [n_plain], -1: none; NULL when negation is not marked */
    const char **text; /* [n]                       */
    uint64_t *hash;    /* [n]                       */
    clitic_host *host; /* [n_hosts] by falling word */
    int64_t n_hosts;
};

/* The forms in the making. */
typedef struct maker {
    crm_forms *f;
    text_words *w;
    char *bytes; /* texts with their zeros */
    size_t used, cap;
    size_t *at; /* [cap_forms] of each form */
    uint64_t *hash;
    int64_t cap_forms, cap_hosts;
    int32_t *slot; /* [mask + 1] */
    uint64_t mask;
} maker;

/* ---- look-up ---- */
static crm_status grow_slots(maker *m)
{
    uint64_t mask = 2 * m->mask + 1;
    int32_t *slot;

    CRM_NEW(slot, mask + 1);
    memset(slot, 0xFF, (size_t)(mask + 1) * sizeof *slot);
    for (int64_t i = 0; i < m->f->n; i++) {
        uint64_t s = m->hash[i] & mask;
        while (slot[s] >= 0)
            s = (s + 1) & mask;
        slot[s] = (int32_t)i;
    }
    crm_mem_free(m->slot);
    m->slot = slot;
    m->mask = mask;
    return CRM_OK;
}

#define GROW(p, n, cap)                                                                            \
    do {                                                                                           \
        void *new_ = crm_mem_grow(p, (size_t)(n), (size_t)(cap), sizeof *(p));                     \
        CRM_CHECK(new_, CRM_ERR_NOMEM, "out of memory: %lld forms of words", (long long)(cap));    \
        (p) = new_;                                                                                \
    } while (0)

static crm_status reserve(maker *m, size_t bytes)
{
    if (m->used + bytes > m->cap) {
        size_t cap = 2 * (m->used + bytes);
        GROW(m->bytes, m->used, cap);
        m->cap = cap;
    }
    if (m->f->n == m->cap_forms) {
        int64_t cap = 2 * m->cap_forms + 1024;
        GROW(m->at, m->f->n, cap);
        GROW(m->hash, m->f->n, cap);
        m->cap_forms = cap;
    }
    if (2 * (uint64_t)(m->f->n + 1) > m->mask) CRM_TRY(grow_slots(m));
    return CRM_OK;
}

/* The number of a form, new or old. */
static crm_status intern(maker *m, const char *text, int32_t *number)
{
    size_t len = strlen(text);
    uint64_t hash = crm_digest_of(text, len).lo, s;

    CRM_TRY(reserve(m, len + 1));
    for (s = hash & m->mask; m->slot[s] >= 0; s = (s + 1) & m->mask) {
        *number = m->slot[s];
        if (m->hash[*number] == hash && strcmp(m->bytes + m->at[*number], text) == 0) return CRM_OK;
    }
    CRM_CHECK(m->f->n < INT32_MAX - 1, CRM_ERR_FORMAT, "more than %d forms of words",
              INT32_MAX - 1);
    *number = m->slot[s] = (int32_t)m->f->n;
    m->at[m->f->n] = m->used;
    m->hash[m->f->n++] = hash;
    memcpy(m->bytes + m->used, text, len + 1);
    m->used += len + 1;
    return CRM_OK;
}

/* ---- making ---- */
static crm_status add_host(maker *m, int64_t word, const char *text)
{
    crm_forms *f = m->f;
    clitic_host *s;

    if (f->n_hosts == m->cap_hosts) {
        int64_t cap = 2 * m->cap_hosts + 8;
        GROW(f->host, f->n_hosts, cap);
        m->cap_hosts = cap;
    }
    s = &f->host[f->n_hosts++];
    *s = (clitic_host){.word = word, .form = -1};
    return text[0] ? intern(m, text, &s->form) : CRM_OK;
}

static crm_status add_word(maker *m, int64_t i, const char *word)
{
    char form[TEXT_FORM_MAX], before[TEXT_FORM_MAX];
    crm_forms *f = m->f;
    int flags;

    f->form[i] = -1;
    if (text_words_form(m->w, word, form, &flags, before, NULL, NULL))
        CRM_TRY(intern(m, form, &f->form[i]));
    if (flags & TEXT_IS_HOST) CRM_TRY(add_host(m, i, before));
    if (f->span == 0) flags &= TEXT_IS_HOST | TEXT_IS_NT; /* nothing else matters */
    f->flags[i] = (uint8_t)flags;
    return CRM_OK;
}

/* "_not" forms of all forms of words that do not negate. */
static crm_status add_negated(maker *m)
{
    char text[TEXT_FORM_MAX + 8];
    crm_forms *f = m->f;

    if (f->span == 0) return CRM_OK;
    CRM_NEW(f->negated, f->n_plain);
    for (int64_t i = 0; i < f->n_plain; i++)
        f->negated[i] = -1;
    for (int64_t i = 0; i < f->n_words; i++)
        if ((f->flags[i] & TEXT_IS_WORD) && f->form[i] >= 0) f->negated[f->form[i]] = 0;
    for (int64_t i = 0; i < f->n_hosts; i++)
        if (f->host[i].form >= 0) f->negated[f->host[i].form] = 0;
    for (int64_t i = 0; i < f->n_plain; i++) {
        if (f->negated[i] < 0) continue;
        snprintf(text, sizeof text, "%s_not", m->bytes + m->at[i]);
        CRM_TRY(intern(m, text, &f->negated[i]));
    }
    return CRM_OK;
}

static crm_status end_forms(maker *m)
{
    crm_forms *f = m->f;

    CRM_NEW(f->text, f->n);
    for (int64_t i = 0; i < f->n; i++)
        f->text[i] = m->bytes + m->at[i];
    f->hash = m->hash;
    m->hash = NULL;
    if (f->n > 0) m->bytes = NULL; /* text[0] owns them */
    return CRM_OK;
}

static crm_status make(maker *m, int64_t n_words, const char *const *word)
{
    crm_forms *f = m->f;

    f->n_words = n_words;
    CRM_NEW(f->form, n_words);
    CRM_NEW(f->flags, n_words);
    for (int64_t i = 0; i < n_words; i++)
        CRM_TRY(add_word(m, i, word[i]));
    f->n_plain = f->n;
    CRM_TRY(add_negated(m));
    return end_forms(m);
}

crm_status crm_forms_new(const crm_text_cfg *cfg, int64_t n_words, const char *const *word,
                         crm_forms **out)
{
    maker m = {0};
    crm_status st;

    *out = NULL;
    CRM_NEW(m.f, 1);
    m.f->span = cfg->negation == CRM_NEGATION_MARK ? cfg->negation_span : 0;
    st = text_words_new(cfg, &m.w);
    if (!st) st = make(&m, n_words, word);
    text_words_free(&m.w);
    crm_mem_free(m.bytes);
    crm_mem_free(m.at);
    crm_mem_free(m.hash);
    crm_mem_free(m.slot);
    if (st)
        crm_forms_free(&m.f);
    else
        *out = m.f;
    return st;
}

void crm_forms_free(crm_forms **pf)
{
    crm_forms *f = *pf;

    if (!f) return;
    if (f->text && f->n > 0) crm_mem_free((void *)(uintptr_t)f->text[0]);
    crm_mem_free(f->form);
    crm_mem_free(f->flags);
    crm_mem_free(f->negated);
    crm_mem_free(f->text);
    crm_mem_free(f->hash);
    crm_mem_free(f->host);
    crm_mem_free(f);
    *pf = NULL;
}

int64_t crm_forms_count(const crm_forms *f)
{
    return f->n;
}

const char *const *crm_forms_text(const crm_forms *f)
{
    return f->text;
}

/* ---- documents ---- */
static int32_t host_form(const crm_forms *f, int32_t word)
{
    for (int64_t i = 0; i < f->n_hosts; i++)
        if (f->host[i].word == word) return f->host[i].form;
    return -1;
}

static bool is_known(const crm_forms *f, int32_t word)
{
    return word >= 0 && word < f->n_words;
}

/* Form of token i of n, -1: none; *left: words that are still to be marked. */
static inline int32_t form_at(const crm_forms *f, const int32_t *token, int64_t i, int64_t n,
                              int64_t *left)
{
    int32_t w = token[i], form;
    int flags;

    if (!is_known(f, w)) return -1;
    flags = f->flags[w];
    form = f->form[w];
    if (flags == 0) return form;
    if ((flags & TEXT_IS_HOST) && i + 1 < n && is_known(f, token[i + 1]) &&
        (f->flags[token[i + 1]] & TEXT_IS_NT))
        form = host_form(f, w);
    if (flags & TEXT_IS_NEGATOR) *left = f->span;
    if ((flags & TEXT_IS_END) || ((flags & TEXT_IS_PAUSE) && *left < f->span)) *left = 0;
    if (!(flags & TEXT_IS_WORD) || *left == 0 || form < 0) return form;
    --*left;
    return f->negated[form];
}

int64_t crm_forms_next(const crm_forms *f, const int32_t *token, int64_t n, crm_forms_cursor *at,
                       int64_t most, int32_t *out)
{
    int64_t m = 0, i = at->token;

    for (; i < n && m < most; i++) {
        int32_t form = form_at(f, token, i, n, &at->negated);
        if (form >= 0) out[m++] = form;
    }
    at->token = i;
    return m;
}

int64_t crm_forms_walk_first(const crm_forms *f, const int32_t *token, int64_t n, int64_t most,
                             int32_t *out)
{
    return crm_forms_next(f, token, n, &(crm_forms_cursor){0}, most, out);
}

int64_t crm_forms_walk(const crm_forms *f, const int32_t *token, int64_t n, int32_t *out)
{
    return crm_forms_walk_first(f, token, n, n, out);
}

void crm_forms_tally(const crm_forms *f, crm_text_count what, const int64_t *token_first,
                     const int32_t *token, int64_t first, int64_t end, int64_t *seen,
                     int64_t *count)
{
    for (int64_t d = first; d < end; d++) {
        const int32_t *t = token + token_first[d];
        int64_t n = token_first[d + 1] - token_first[d], left = 0;
        for (int64_t i = 0; i < n; i++) {
            int32_t form = form_at(f, t, i, n, &left);
            if (form < 0 || (what == CRM_TEXT_DOCUMENTS && seen[form] == d + 1)) continue;
            if (what == CRM_TEXT_DOCUMENTS) seen[form] = d + 1;
            count[form]++;
        }
    }
}

crm_status crm_explainer_new(const crm_text_cfg *cfg, crm_explainer **out)
{
    return text_words_new(cfg, out);
}

void crm_explainer_tell(crm_explainer *x, const char *token, const char *next, crm_forms_step_fn fn,
                        void *ctx)
{
    char form[TEXT_FORM_MAX];
    int flags;

    text_words_before(x, next);
    (void)text_words_form(x, token, form, &flags, NULL, fn, ctx);
}

void crm_explainer_free(crm_explainer **x)
{
    text_words_free(x);
}

crm_status crm_forms_explain(const crm_text_cfg *cfg, const char *token, crm_forms_step_fn fn,
                             void *ctx)
{
    crm_explainer *x = NULL;

    CRM_TRY(crm_explainer_new(cfg, &x));
    crm_explainer_tell(x, token, NULL, fn, ctx);
    crm_explainer_free(&x);
    return CRM_OK;
}

/* ---- n-grams ---- */

/* Finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

enum { WORD_GRAM = 0x100, CHAR_GRAM = 0x200 }; /* kinds and lengths of n-grams hash apart */

/* Starts of the characters of " form ", and of its end; returns their number. */
static int characters(const char *form, char *text, uint16_t *start)
{
    size_t n = strlen(form);
    int m = 0;

    if (n > TEXT_FORM_MAX) n = TEXT_FORM_MAX;
    text[0] = ' ';
    memcpy(text + 1, form, n);
    text[n + 1] = ' ';
    for (size_t i = 0; i < n + 2; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80) start[m++] = (uint16_t)i;
    start[m] = (uint16_t)(n + 2);
    return m;
}

static void char_grams(const crm_ngrams *g, const char *form, crm_ngram_fn fn, void *ctx)
{
    char text[TEXT_FORM_MAX + 2];
    uint16_t start[TEXT_FORM_MAX + 3];
    int m = characters(form, text, start);

    for (int k = g->chars_from; k <= g->chars_to; k++)
        for (int i = 0; i + k <= m; i++) {
            size_t bytes = (size_t)(start[i + k] - start[i]);
            fn(ctx, mix(crm_digest_of(text + start[i], bytes).lo + (uint64_t)(CHAR_GRAM + k)));
        }
}

void crm_ngrams_walk(const crm_ngrams *g, const crm_forms *f, const int32_t *form, int64_t n,
                     crm_ngram_fn fn, void *ctx)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t hash = 0;
        for (int k = 1; g->words_from > 0 && k <= g->words_to && i + k <= n; k++) {
            hash = mix(hash ^ f->hash[form[i + k - 1]]);
            if (k >= g->words_from) fn(ctx, mix(hash + (uint64_t)(WORD_GRAM + k)));
        }
        if (g->chars_from > 0) char_grams(g, f->text[form[i]], fn, ctx);
    }
}
