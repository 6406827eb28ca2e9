/* fuzz_context.c - any bytes as a file of aspects or of emotions, and as texts: no crash, no leak;
 * errors name the file and a place in it; mentions lie in their text, those of an aspect behind one
 * another, and letter case changes nothing.  The first byte chooses the file; a byte 1 ends it and
 * each text. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/study/context/context_impl.h"

enum { END = 1, TOKENS = 4096 };
static const char path[] = "words";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Texts as a dictionary with a word for each token. */
typedef struct texts {
    char *word[TOKENS];
    int32_t id[TOKENS];
    int64_t n;
} texts;

static crm_status add(void *ctx, const char *token, size_t len)
{
    texts *t = ctx;

    (void)len;
    if (t->n == TOKENS) return CRM_OK;
    t->id[t->n] = (int32_t)t->n;
    t->word[t->n] = crm_mem_strdup(token);
    if (!t->word[t->n++]) abort();
    return CRM_OK;
}

static void texts_free(texts *t)
{
    for (int64_t i = 0; i < t->n; i++)
        crm_mem_free(t->word[i]);
    t->n = 0;
}

static void must(crm_status st)
{
    if (st != CRM_OK) abort();
}

/* "words:LINE:COL: ..." of a place that there is, and nothing that a terminal would act on. */
static void check_message(const context_file *f)
{
    const char *text = crm_err_text();
    char *at;
    long line, col, lines = 1;

    for (size_t i = 0; i < f->len; i++)
        lines += f->text[i] == '\n' || f->text[i] == '\r';
    for (const char *s = text; *s; s++)
        if (*s != '\n' && iscntrl((unsigned char)*s)) abort();
    if (strncmp(text, "words:", 6) != 0) abort();
    line = strtol(text + 6, &at, 10);
    if (*at++ != ':' || line < 1 || line > 3 * lines) abort();
    col = strtol(at, &at, 10);
    if (*at != ':' || col < 1 || col > (long)f->len + 1) abort();
    crm_err_clear();
}

/* ---- aspects ---- */
typedef struct found {
    const context_aspects *a;
    int64_t n, n_tokens, end[1000];
    uint64_t sum;
} found;

static crm_status take(void *ctx, int aspect, int64_t from, int64_t end)
{
    found *x = ctx;

    if (aspect < 0 || aspect >= x->a->n) abort();
    if (from < x->end[aspect] || end <= from || end > x->n_tokens) abort();
    x->end[aspect] = end;
    x->n++;
    x->sum = x->sum * 31 + (uint64_t)(from * 1000 + end + aspect);
    return CRM_OK;
}

static uint64_t find_all(context_aspects *a, const texts *t)
{
    found x = {.a = a, .n_tokens = t->n};
    context_tokens tokens = {t->id, t->n};
    context_words w = {0};

    must(context_words_new(t->n, (const char *const *)t->word, &w));
    must(context_aspects_bind(a, &w));
    must(context_aspects_find(a, &tokens, take, &x));
    context_words_free(&w);
    return x.sum;
}

static void try_aspects(const context_file *f, const texts *t, const texts *large)
{
    uint64_t mentions[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        context_aspects a = {0};
        crm_status st = context_aspects_read(f, &a);
        if (st == CRM_OK) {
            if (a.n < 1 || a.n_elements < 1) abort();
            mentions[i] = find_all(&a, i ? large : t);
        } else if (st == CRM_ERR_CONFIG) {
            check_message(f);
        } else {
            abort();
        }
        context_aspects_free(&a);
    }
    if (mentions[0] != mentions[1]) abort();
}

/* ---- emotions ---- */
/* Numbers of emotions of all words, in order. */
static uint64_t count_all(context_emotions *e, const texts *t)
{
    context_words w = {0};
    uint64_t sum = 0;

    must(context_words_new(t->n, (const char *const *)t->word, &w));
    must(context_emotions_bind(e, &w));
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t k = e->word_first[i]; k < e->word_first[i + 1]; k++) {
            if (e->word_kind[k] < 0 || e->word_kind[k] >= e->n) abort();
            if (k > e->word_first[i] && e->word_kind[k] <= e->word_kind[k - 1]) abort();
            sum = sum * 31 + (uint64_t)(i * 1000 + e->word_kind[k]);
        }
    context_words_free(&w);
    return sum;
}

static void try_emotions(const context_file *f, const texts *t, const texts *large)
{
    uint64_t words[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        context_emotions e = {0};
        crm_status st = context_emotions_read(f, &e);
        if (st == CRM_OK) {
            for (int k = 1; k < e.n; k++)
                if (strcmp(e.name[k - 1], e.name[k]) >= 0) abort();
            words[i] = count_all(&e, i ? large : t);
        } else if (st == CRM_ERR_FORMAT) {
            check_message(f);
        } else {
            abort();
        }
        context_emotions_free(&e);
    }
    if (words[0] != words[1]) abort();
}

/* The texts again in capitals; emoticons, whose letters have a case of their own, stay. */
static void enlarge(const texts *t, texts *large)
{
    large->n = 0;
    for (int64_t i = 0; i < t->n; i++) {
        must(add(large, t->word[i], 0));
        if (crm_token_kind_of(t->word[i]) != CRM_TOKEN_WORD) continue;
        for (char *s = large->word[i]; *s; s++)
            if (*s >= 'a' && *s <= 'z') *s = (char)(*s - 32);
    }
}

static size_t part(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, END, size);

    return end ? (size_t)(end - data) : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static texts t, large;
    size_t used = crm_mem_used(), list;
    context_file f = {.path = path};
    void (*try)(const context_file *, const texts *, const texts *);

    if (size < 1) return 0;
    try = data[0] % 2 ? try_aspects : try_emotions;
    data++;
    size--;
    list = part(data, size);
    f.text = crm_mem_new(list + 1, 1);
    if (!f.text) abort();
    if (list) memcpy(f.text, data, list);
    f.len = list;
    list += list < size;
    must(crm_text_split((const char *)data + list, size - list, add, &t, NULL));
    enlarge(&t, &large);
    try(&f, &t, &large);
    texts_free(&t);
    texts_free(&large);
    context_file_free(&f);
    if (crm_mem_used() != used) abort();
    return 0;
}
