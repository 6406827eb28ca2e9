/* lexicon_texts.c - from the tokens of a text to the words that the rules speak of.
 *
 * The rules are written for words between spaces without the punctuation around them: clitics go
 * back to their word ("do" "n't": "don't"), punctuation is none, unless the list has it. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "lexicon_impl.h"

/* ---- case ---- */
static size_t char_bytes(const char *s)
{
    size_t n = 1;

    while (((unsigned char)s[n] & 0xC0) == 0x80)
        n++;
    return n;
}

void lexicon_case(const char *token, lexicon_item *out)
{
    char folded[64];

    for (size_t n; *token; token += n) {
        n = char_bytes(token);
        if (n == 1) {
            out->upper |= *token >= 'A' && *token <= 'Z';
            out->lower |= *token >= 'a' && *token <= 'z';
        } else if (n <= 4) {
            size_t m = crm_text_letters(token, n, folded);
            bool same = m == n && memcmp(folded, token, n) == 0;
            out->lower |= same;
            out->upper |= m > 0 && !same;
        }
    }
}

/* ---- words of the dictionary ---- */
typedef struct token_view {
    lexicon_item item; /* as a word of its own */
    crm_token_kind kind;
    int exclamations, questions;
    bool clitic, elided; /* belongs to the word before, to the one behind */
} token_view;

typedef struct scorer {
    const crm_lexicon *l;
    const crm_lexicon_texts *t;
    int32_t *view_of; /* [n_words] number of the view, -1: not used */
    token_view *view;
    lexicon_folded folded;
    lexicon_item *item; /* [room] of the text at hand */
    char *joined;       /* [room_bytes] words that are put together */
    int64_t room;
    size_t room_bytes;
} scorer;

static int count_of(const char *s, char c)
{
    int n = 0;

    for (; *s; s++)
        n += *s == c;
    return n;
}

static bool is_clitic(const char *folded)
{
    static const char *const clitic[] = {"n't", "'re", "'s", "'m", "'ve", "'ll", "'d"};

    for (size_t i = 0; i < sizeof clitic / sizeof *clitic; i++)
        if (strcmp(folded, clitic[i]) == 0) return true;
    return false;
}

static void look_at(const scorer *s, const char *token, const char *folded, bool names,
                    token_view *v)
{
    size_t n = strlen(token);

    v->kind = crm_token_kind_of(token);
    if (names && folded[0] && (v->kind == CRM_TOKEN_USER || v->kind == CRM_TOKEN_HASHTAG)) folded++;
    lexicon_describe(s->l, folded, &v->item);
    lexicon_case(token, &v->item);
    v->exclamations = count_of(token, '!');
    v->questions = count_of(token, '?');
    v->clitic = is_clitic(folded);
    v->elided = v->kind == CRM_TOKEN_WORD && n > 1 && token[n - 1] == '\'';
}

static const int32_t *tokens_of(const crm_lexicon_texts *t, int64_t d, int64_t *n)
{
    *n = t->first[d + 1] - t->first[d];
    return t->token + t->first[d];
}

/* Folded words of the texts that are asked for, each once. */
static crm_status view_words(scorer *s, bool names, int64_t n, const int64_t *text)
{
    const crm_lexicon_texts *t = s->t;
    const char **word;
    int32_t used = 0;
    int64_t many;
    crm_status st;

    CRM_NEW(s->view_of, t->n_words);
    memset(s->view_of, 0xFF, (size_t)t->n_words * sizeof *s->view_of);
    for (int64_t d = 0; d < n; d++) {
        const int32_t *token = tokens_of(t, text ? text[d] : d, &many);
        for (int64_t i = 0; i < many; i++)
            if (s->view_of[token[i]] < 0) s->view_of[token[i]] = used++;
    }
    CRM_NEW(s->view, used);
    CRM_NEW(word, used);
    for (int64_t i = 0; i < t->n_words; i++)
        if (s->view_of[i] >= 0) word[s->view_of[i]] = t->word[i];
    st = lexicon_fold(used, word, &s->folded);
    for (int32_t i = 0; i < used && !st; i++)
        look_at(s, word[i], s->folded.word[i], names, &s->view[i]);
    crm_mem_free(word);
    return st;
}

/* ---- one text ---- */
static crm_status reserve(scorer *s, const int32_t *token, int64_t n)
{
    size_t bytes = 0;

    for (int64_t i = 0; i < n; i++)
        bytes += 2 * (strlen(s->view[s->view_of[token[i]]].item.text) + 1);
    if (n > s->room) {
        crm_mem_free(s->item);
        s->room = 0;
        CRM_NEW(s->item, 2 * n);
        s->room = 2 * n;
    }
    if (bytes > s->room_bytes) {
        crm_mem_free(s->joined);
        s->room_bytes = 0;
        CRM_NEW(s->joined, 2 * bytes);
        s->room_bytes = 2 * bytes;
    }
    return CRM_OK;
}

/* A word that gets a further part: its text is made anew behind *used. */
static void join(scorer *s, lexicon_item *w, const lexicon_item *part, size_t *used)
{
    size_t a = strlen(w->text), b = strlen(part->text);
    lexicon_item all = {.upper = w->upper || part->upper, .lower = w->lower || part->lower};
    char *to = s->joined + *used;

    if (a >= *used || w->text != to - a - 1) { /* it is not the last one there, to go on from */
        memcpy(to, w->text, a);
    } else {
        to -= a + 1;
        *used -= a + 1;
    }
    memcpy(to + a, part->text, b + 1);
    *used += a + b + 1;
    lexicon_describe(s->l, to, &all);
    *w = all;
}

static double score_text(scorer *s, const int32_t *token, int64_t n)
{
    int64_t items = 0, exclamations = 0, questions = 0;
    const token_view *last = NULL; /* the token before */
    size_t used = 0;

    for (int64_t i = 0; i < n; i++) {
        const token_view *v = &s->view[s->view_of[token[i]]];
        exclamations += v->exclamations;
        questions += v->questions;
        if (last && last->kind == CRM_TOKEN_WORD && v->kind == CRM_TOKEN_WORD &&
            (v->clitic || last->elided))
            join(s, &s->item[items - 1], &v->item, &used);
        else if (v->kind != CRM_TOKEN_PUNCT || v->item.known)
            s->item[items++] = v->item;
        last = v;
    }
    return lexicon_compound(s->item, items, exclamations, questions);
}

static crm_status score_all(scorer *s, int64_t n, const int64_t *text, double *score)
{
    for (int64_t d = 0; d < n; d++) {
        int64_t many;
        const int32_t *token = tokens_of(s->t, text ? text[d] : d, &many);
        CRM_TRY(reserve(s, token, many));
        score[d] = score_text(s, token, many);
    }
    return CRM_OK;
}

crm_status crm_lexicon_scores(const crm_lexicon *l, bool names, const crm_lexicon_texts *t,
                              int64_t n, const int64_t *text, double *score)
{
    scorer s = {.l = l, .t = t};
    crm_status st = view_words(&s, names, n, text);

    if (!st) st = score_all(&s, n, text, score);
    lexicon_folded_free(&s.folded);
    crm_mem_free(s.view_of);
    crm_mem_free(s.view);
    crm_mem_free(s.item);
    crm_mem_free(s.joined);
    return st;
}
