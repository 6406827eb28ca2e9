/* context_aspects.c - aspects of a file and where texts mention them.
 *
 *     delay: [delay*, late, "hours late"]
 *     lost luggage: {words: [lost bag*, lost luggage], kind: pain}
 *
 * A pattern is one word or several in a row; a star at the end (at the beginning) of a word stands
 * for any end (beginning).  Words are split as texts are and compared case folded. */
#include <stdlib.h>
#include <string.h>

#include "context_impl.h"
#include "crmpi/opt_tree.h"

enum { ASPECTS_MAX = 1000 };

/* A word of a pattern. */
typedef struct context_element {
    char *word;             /* first of all; without stars, case folded */
    bool head, tail;        /* a star at the beginning, at the end */
    int aspect, at, length; /* place in the pattern, words of it */
} element;

/* ---- patterns of a file ---- */
typedef struct parser {
    context_aspects *a;
    crm_tree_file *tree;
    int64_t cap;
    int aspect;
    bool head, tail; /* of the words to come */
    int64_t first;   /* element of the pattern, of the piece */
} parser;

static crm_status add_element(void *ctx, const char *token, size_t len)
{
    parser *p = ctx;
    context_aspects *a = p->a;
    element *e;

    (void)len;
    if (a->n_elements == p->cap) {
        int64_t cap = 2 * p->cap + 64;
        e = crm_mem_grow(a->element, (size_t)a->n_elements, (size_t)cap, sizeof *e);
        CRM_CHECK(e, CRM_ERR_NOMEM, "out of memory: words of patterns");
        a->element = e;
        p->cap = cap;
    }
    e = &a->element[a->n_elements];
    *e = (element){.word = crm_mem_strdup(token), .aspect = p->aspect};
    CRM_CHECK(e->word, CRM_ERR_NOMEM, "out of memory: words of patterns");
    a->n_elements++;
    return CRM_OK;
}

/* A piece between blanks: its words, of which the first and the last may have a star. */
static crm_status add_piece(parser *p, const char *text, size_t len, bool *wrong)
{
    int64_t first = p->a->n_elements;
    bool head = len > 0 && text[0] == '*', tail = len > 1 && text[len - 1] == '*';

    text += head;
    len -= (size_t)head + (size_t)tail;
    if (len == 0 || memchr(text, '*', len)) {
        *wrong = true;
        return CRM_OK;
    }
    CRM_TRY(crm_text_split(text, len, add_element, p, NULL));
    if (p->a->n_elements == first) return CRM_OK;
    p->a->element[first].head = head;
    p->a->element[p->a->n_elements - 1].tail = tail;
    return CRM_OK;
}

static crm_status add_pattern(parser *p, const crm_node *node)
{
    context_aspects *a = p->a;
    int64_t first = a->n_elements;
    bool wrong = false;

    if (node->kind != CRM_NODE_TEXT) {
        crm_node_wrong(p->tree, node, "is no pattern: a word or several in a row are needed");
        return CRM_OK;
    }
    for (const char *s = node->text; *s && !wrong;) {
        size_t n = strcspn(s, " \t\n");
        if (n > 0) CRM_TRY(add_piece(p, s, n, &wrong));
        s += n + strspn(s + n, " \t\n");
    }
    if (wrong)
        crm_node_wrong(p->tree, node,
                       "has a star that is not at the beginning or the end of a word");
    else if (a->n_elements == first)
        crm_node_wrong(p->tree, node, "has no word");
    for (int64_t i = first; i < a->n_elements; i++) {
        a->element[i].at = (int)(i - first);
        a->element[i].length = (int)(a->n_elements - first);
    }
    return CRM_OK;
}

static crm_status add_patterns(parser *p, const crm_node *aspect, const crm_node *words)
{
    if (!words || (words->kind == CRM_NODE_LIST && words->n == 0))
        crm_node_wrong(p->tree, words ? words : aspect, "has no patterns");
    else if (words->kind != CRM_NODE_LIST)
        return add_pattern(p, words);
    for (int i = 0; words && i < words->n; i++)
        CRM_TRY(add_pattern(p, words->child[i]));
    return CRM_OK;
}

static crm_status add_aspect(parser *p, const crm_node *node)
{
    static const char *const keys[] = {"words", "kind", NULL};
    static const char *const kinds[] = {"any", "preference", "pain", NULL};
    context_aspects *a = p->a;
    const crm_node *words = node;

    p->aspect = a->n;
    a->name[a->n] = crm_mem_strdup(node->key);
    CRM_CHECK(a->name[a->n], CRM_ERR_NOMEM, "out of memory: names of aspects");
    if (!context_is_name(node->key, strlen(node->key)))
        crm_node_wrong(p->tree, node, "needs a name of 1 to %d bytes without control characters",
                       CONTEXT_NAME_MAX);
    if (strcmp(node->key, "any") == 0)
        crm_node_wrong(p->tree, node, "needs another name: aspects.any is all aspects");
    if (node->kind == CRM_NODE_MAP) {
        crm_node_keys(p->tree, node, keys);
        crm_node_enum(p->tree, crm_node_get(node, "kind"), kinds, &a->kind[a->n]);
        words = crm_node_get(node, "words");
    }
    a->n++;
    return add_patterns(p, node, words);
}

static crm_status read_all(parser *p)
{
    const crm_node *top = crm_tree_file_top(p->tree);
    context_aspects *a = p->a;

    CRM_CHECK(top->n > 0, CRM_ERR_CONFIG,
              "%s:1:1: no aspect is in it; a line such as 'delay: [late, delay*]' is needed",
              crm_tree_file_path(p->tree));
    if (top->n > ASPECTS_MAX) {
        crm_node_wrong(p->tree, top->child[ASPECTS_MAX], "is of aspect %d; there may be %d",
                       ASPECTS_MAX + 1, ASPECTS_MAX);
        return crm_tree_file_errors(p->tree);
    }
    CRM_NEW(a->name, top->n);
    CRM_NEW(a->kind, top->n);
    CRM_NEW(a->free_at, top->n);
    CRM_NEW(a->longest, top->n);
    for (int i = 0; i < top->n; i++)
        CRM_TRY(add_aspect(p, top->child[i]));
    return crm_tree_file_errors(p->tree);
}

crm_status context_aspects_read(const context_file *f, context_aspects *out)
{
    parser p = {.a = out};
    crm_status st;

    if (!f->text) return CRM_OK;
    CRM_TRY(crm_tree_file_open(f->path, f->text, f->len, &p.tree));
    st = read_all(&p);
    crm_tree_file_close(&p.tree);
    return st ? st : context_fold(out->n_elements, out->element, sizeof *out->element);
}

/* ---- which words of a dictionary they are ---- */
static bool is_element(const element *e, const char *word)
{
    size_t n = strlen(e->word), len = strlen(word);

    if (e->head && e->tail) return strstr(word, e->word) != NULL;
    if (e->tail) return strncmp(word, e->word, n) == 0;
    if (e->head) return len >= n && strcmp(word + len - n, e->word) == 0;
    return strcmp(word, e->word) == 0;
}

static int by_word(const void *a, const void *b)
{
    const element *x = *(const element *const *)a, *y = *(const element *const *)b;
    int order = strcmp(x->word, y->word);

    return order ? order : (x > y) - (x < y);
}

/* Elements in two lists: those without a star, sorted, and the others. */
typedef struct binder {
    const element **exact, **starred;
    int64_t n_exact, n_starred;
} binder;

static void sort_elements(const context_aspects *a, binder *b)
{
    for (int64_t i = 0; i < a->n_elements; i++) {
        const element *e = &a->element[i];
        if (e->head || e->tail)
            b->starred[b->n_starred++] = e;
        else
            b->exact[b->n_exact++] = e;
    }
    if (b->n_exact) qsort(b->exact, (size_t)b->n_exact, sizeof *b->exact, by_word);
}

/* Elements that a word is, to out (NULL: only counted); returns how many. */
static int64_t elements_of(const context_aspects *a, const binder *b, const char *word,
                           int32_t *out)
{
    int64_t lo = 0, n = b->n_exact, count = 0;

    while (n > 0) {
        int64_t half = n / 2;
        if (strcmp(b->exact[lo + half]->word, word) < 0) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    for (; lo < b->n_exact && strcmp(b->exact[lo]->word, word) == 0; lo++, count++)
        if (out) out[count] = (int32_t)(b->exact[lo] - a->element);
    for (int64_t i = 0; i < b->n_starred; i++) {
        if (!is_element(b->starred[i], word)) continue;
        if (out) out[count] = (int32_t)(b->starred[i] - a->element);
        count++;
    }
    return count;
}

static crm_status fill(context_aspects *a, const binder *b, const context_words *w)
{
    CRM_NEW(a->word_first, w->n + 1);
    for (int64_t i = 0; i < w->n; i++)
        a->word_first[i + 1] = a->word_first[i] + elements_of(a, b, w->text[i], NULL);
    CRM_NEW(a->word_element, a->word_first[w->n]);
    for (int64_t i = 0; i < w->n; i++)
        elements_of(a, b, w->text[i], a->word_element + a->word_first[i]);
    return CRM_OK;
}

crm_status context_aspects_bind(context_aspects *a, const context_words *w)
{
    binder b = {0};
    crm_status st = CRM_OK;

    if (a->n == 0) return CRM_OK;
    CRM_NEW_TO(st, done, b.exact, a->n_elements);
    CRM_NEW_TO(st, done, b.starred, a->n_elements);
    sort_elements(a, &b);
    st = fill(a, &b, w);
done:
    crm_mem_free(b.exact);
    crm_mem_free(b.starred);
    return st;
}

/* ---- mentions ---- */
static bool has_element(const context_aspects *a, int32_t word, int64_t e)
{
    for (int64_t i = a->word_first[word]; i < a->word_first[word + 1]; i++)
        if (a->word_element[i] == e) return true;
    return false;
}

/* Words of the pattern that begins with element e, when it stands at token t; else 0. */
static int64_t length_at(const context_aspects *a, const context_tokens *x, int64_t t, int32_t e)
{
    int64_t n = a->element[e].length;

    if (a->element[e].at != 0 || t + n > x->n) return 0;
    for (int64_t k = 1; k < n; k++)
        if (!has_element(a, x->id[t + k], e + k)) return 0;
    return n;
}

/* Longest pattern of each aspect that stands at token t and hits no mention before it. */
static bool look_at(context_aspects *a, const context_tokens *x, int64_t t)
{
    bool any = false;

    for (int64_t i = a->word_first[x->id[t]]; i < a->word_first[x->id[t] + 1]; i++) {
        int32_t e = a->word_element[i];
        int aspect = a->element[e].aspect;
        int64_t n = t < a->free_at[aspect] ? 0 : length_at(a, x, t, e);
        if (n > a->longest[aspect]) a->longest[aspect] = n;
        any = any || n > 0;
    }
    return any;
}

crm_status context_aspects_find(context_aspects *a, const context_tokens *x,
                                context_mention_fn take, void *ctx)
{
    for (int i = 0; i < a->n; i++)
        a->free_at[i] = 0;
    for (int64_t t = 0; a->n > 0 && t < x->n; t++) {
        if (!look_at(a, x, t)) continue;
        for (int i = 0; i < a->n; i++) {
            if (a->longest[i] == 0) continue;
            a->free_at[i] = t + a->longest[i];
            a->longest[i] = 0;
            CRM_TRY(take(ctx, i, t, a->free_at[i]));
        }
    }
    return CRM_OK;
}

void context_aspects_free(context_aspects *a)
{
    for (int i = 0; a->name && i < a->n; i++)
        crm_mem_free(a->name[i]);
    for (int64_t i = 0; i < a->n_elements; i++)
        crm_mem_free(a->element[i].word);
    crm_mem_free(a->name);
    crm_mem_free(a->kind);
    crm_mem_free(a->element);
    crm_mem_free(a->word_first);
    crm_mem_free(a->word_element);
    crm_mem_free(a->free_at);
    crm_mem_free(a->longest);
    *a = (context_aspects){0};
}
