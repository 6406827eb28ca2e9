/* lexicon_read.c - the list of rated words: lines "word <tab> mean <tab> ...", kept as words are
 * folded, in byte order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "lexicon_impl.h"

enum { LIST_BYTES_MAX = 1 << 26 };

/* ---- folding ---- */
static const char *form_of(const crm_forms *f, int64_t i)
{
    int32_t token = (int32_t)i, form;

    return crm_forms_walk(f, &token, 1, &form) ? crm_forms_text(f)[form] : "";
}

/* Forms leave letters of emoticons alone. */
static crm_status lower_all(const crm_forms *f, int64_t n, lexicon_folded *out)
{
    size_t bytes = 0, used = 0;

    for (int64_t i = 0; i < n; i++)
        bytes += strlen(form_of(f, i)) + 1;
    CRM_NEW(out->word, n);
    CRM_NEW(out->byte, bytes);
    for (int64_t i = 0; i < n; i++) {
        const char *s = form_of(f, i);
        out->word[i] = out->byte + used;
        for (; *s; s++)
            out->byte[used++] = (char)(*s >= 'A' && *s <= 'Z' ? *s | 32 : *s);
        used++;
    }
    return CRM_OK;
}

crm_status lexicon_fold(int64_t n, const char *const *word, lexicon_folded *out)
{
    const crm_text_cfg cfg = {.fold = true, .stop_words = "none"};
    crm_forms *f = NULL;
    crm_status st;

    *out = (lexicon_folded){0};
    st = crm_forms_new(&cfg, n, word, &f);
    if (!st) st = lower_all(f, n, out);
    crm_forms_free(&f);
    if (st) lexicon_folded_free(out);
    return st;
}

void lexicon_folded_free(lexicon_folded *f)
{
    crm_mem_free(f->word);
    crm_mem_free(f->byte);
    *f = (lexicon_folded){0};
}

/* ---- the file ---- */
typedef struct line {
    char *word; /* as written */
    double valence;
} line;

typedef struct reader {
    const char *path;
    int64_t n, room, number, left_out; /* number: of the line at hand */
    line *line;
    crm_str word;     /* of the line at hand, its tokens one behind the other */
    int64_t n_tokens; /* that are no continuation of the one before           */
} reader;

static crm_status take_token(void *ctx, const char *token, size_t len)
{
    reader *r = ctx;

    r->n_tokens += r->word.len == 0 || token[0] != '\'' || len < 2;
    if (strcmp(token, "n't") == 0) r->n_tokens--;
    crm_str_add(&r->word, token, len);
    return CRM_OK;
}

static crm_status keep(reader *r, double valence)
{
    char *word;

    if (r->n == r->room) {
        int64_t room = 2 * r->room + 1024;
        line *p = crm_mem_grow(r->line, (size_t)r->n, (size_t)room, sizeof *p);
        CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: words of %s", r->path);
        r->line = p;
        r->room = room;
    }
    word = crm_mem_strdup(r->word.text);
    CRM_CHECK(word, CRM_ERR_NOMEM, "out of memory: words of %s", r->path);
    r->line[r->n++] = (line){.word = word, .valence = valence};
    return CRM_OK;
}

/* What is wrong of len bytes at a place of a line. */
static crm_status wrong(const reader *r, const char *text, const char *at, size_t len,
                        const char *what)
{
    crm_str shown = {0};
    crm_status st = CRM_OK;

    crm_opt_show(&shown, at, len);
    CRM_SET(st, CRM_ERR_FORMAT,
            "%s:%lld:%lld: value '%s' %s; a line is a word, a tab and its mean rating, a number "
            "from -%d to %d",
            r->path, (long long)r->number, (long long)crm_column(text, at),
            shown.text ? shown.text : "", what, LEXICON_MOST, LEXICON_MOST);
    crm_str_free(&shown);
    return st;
}

static crm_status read_line(reader *r, const char *text, size_t len)
{
    const char *tab = memchr(text, '\t', len);
    size_t rest = tab ? len - (size_t)(tab - text) - 1 : 0, number = rest;
    const char *end = tab ? memchr(tab + 1, '\t', rest) : NULL;
    double valence = 0;

    if (!tab) return wrong(r, text, text, len, "has no tab");
    if (tab == text) return wrong(r, text, text, len, "has no word");
    if (end) number = (size_t)(end - tab) - 1;
    if (!crm_parse_f64(tab + 1, number, &valence) || fabs(valence) > LEXICON_MOST)
        return wrong(r, text, tab + 1, number, "is no such number");
    r->word.len = 0;
    r->n_tokens = 0;
    CRM_TRY(crm_text_split(text, (size_t)(tab - text), take_token, r, NULL));
    CRM_CHECK(!r->word.failed, CRM_ERR_NOMEM, "out of memory: a word of %s", r->path);
    if (r->n_tokens == 1 && r->word.len <= CRM_TOKEN_MAX) return keep(r, valence);
    r->left_out++;
    return CRM_OK;
}

static crm_status read_lines(reader *r, const char *text, size_t len)
{
    for (size_t i = 0, n, m; i < len; i += n + 1) {
        const char *end = memchr(text + i, '\n', len - i);
        n = m = end ? (size_t)(end - text) - i : len - i;
        if (m > 0 && text[i + m - 1] == '\r') m--;
        r->number++;
        if (m > 0) CRM_TRY(read_line(r, text + i, m));
    }
    CRM_CHECK(r->n > 0, CRM_ERR_FORMAT, "%s: has no rated words", r->path);
    return CRM_OK;
}

/* ---- in order ---- */
typedef struct entry {
    const char *word;
    bool plain; /* written as it is folded */
    int64_t at;
    double valence;
} entry;

/* Of equal words the one that counts first: written in small letters, then the last. */
static int by_word(const void *pa, const void *pb)
{
    const entry *a = pa, *b = pb;
    int c = strcmp(a->word, b->word);

    if (c) return c;
    if (a->plain != b->plain) return a->plain ? -1 : 1;
    return a->at > b->at ? -1 : a->at < b->at;
}

static crm_status make(crm_lexicon *l, const entry *e, int64_t n)
{
    CRM_NEW(l->word, n);
    CRM_NEW(l->valence, n);
    for (int64_t i = 0; i < n; i++) {
        if (!e[i].word[0] || (i > 0 && strcmp(e[i].word, e[i - 1].word) == 0)) continue;
        l->word[l->n] = crm_mem_strdup(e[i].word);
        CRM_CHECK(l->word[l->n], CRM_ERR_NOMEM, "out of memory: words of a list");
        l->valence[l->n++] = e[i].valence;
    }
    return CRM_OK;
}

static crm_status order(const reader *r, crm_lexicon *l)
{
    const char **word = NULL;
    lexicon_folded f = {0};
    entry *e = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, word, r->n);
    CRM_NEW_TO(st, done, e, r->n);
    for (int64_t i = 0; i < r->n; i++)
        word[i] = r->line[i].word;
    CRM_TRY_TO(st, done, lexicon_fold(r->n, word, &f));
    for (int64_t i = 0; i < r->n; i++) {
        e[i] = (entry){.word = f.word[i], .at = i, .valence = r->line[i].valence};
        e[i].plain = strcmp(e[i].word, word[i]) == 0;
    }
    qsort(e, (size_t)r->n, sizeof *e, by_word);
    st = make(l, e, r->n);
done:
    lexicon_folded_free(&f);
    crm_mem_free(word);
    crm_mem_free(e);
    return st;
}

static void reader_free(reader *r)
{
    for (int64_t i = 0; i < r->n; i++)
        crm_mem_free(r->line[i].word);
    crm_mem_free(r->line);
    crm_str_free(&r->word);
}

crm_status crm_lexicon_read(const char *path, crm_lexicon **out)
{
    reader r = {.path = path};
    char *text = NULL;
    size_t len = 0;
    crm_lexicon *l = NULL;
    crm_status st;

    *out = NULL;
    CRM_TRY(crm_path_read(path, LIST_BYTES_MAX, &text, &len));
    st = read_lines(&r, text, len);
    if (!st) {
        l = crm_mem_new(1, sizeof *l);
        if (!l) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", path);
    }
    if (!st) st = order(&r, l);
    if (!st) l->left_out = r.left_out;
    if (st) crm_lexicon_free(&l);
    *out = l;
    reader_free(&r);
    crm_mem_free(text);
    return st;
}

/* ---- the list ---- */
crm_status lexicon_from(int64_t n, const char *const *word, const double *valence,
                        crm_lexicon **out)
{
    crm_lexicon *l;
    crm_status st = CRM_OK;

    *out = NULL;
    for (int64_t i = 1; i < n; i++)
        CRM_CHECK(strcmp(word[i - 1], word[i]) < 0, CRM_ERR_FORMAT,
                  "model file: word %lld of the list is out of order", (long long)i + 1);
    CRM_NEW(l, 1);
    CRM_NEW_TO(st, done, l->word, n);
    CRM_NEW_TO(st, done, l->valence, n);
    for (; l->n < n; l->n++) {
        l->valence[l->n] = valence[l->n];
        l->word[l->n] = crm_mem_strdup(word[l->n]);
        CRM_CHECK_TO(st, done, l->word[l->n], CRM_ERR_NOMEM, "out of memory: words of a list");
    }
done:
    if (st) crm_lexicon_free(&l);
    *out = l;
    return st;
}

const double *lexicon_find(const crm_lexicon *l, const char *folded)
{
    int64_t lo = 0, hi = l->n;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int c = strcmp(l->word[mid], folded);
        if (c == 0) return &l->valence[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

int64_t crm_lexicon_size(const crm_lexicon *l)
{
    return l->n;
}

int64_t crm_lexicon_left_out(const crm_lexicon *l)
{
    return l->left_out;
}

void crm_lexicon_free(crm_lexicon **l)
{
    if (!*l) return;
    for (int64_t i = 0; (*l)->word && i < (*l)->n; i++)
        crm_mem_free((*l)->word[i]);
    crm_mem_free((*l)->word);
    crm_mem_free((*l)->valence);
    crm_mem_free(*l);
    *l = NULL;
}
