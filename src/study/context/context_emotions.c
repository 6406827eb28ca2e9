/* context_emotions.c - emotions of words: lines of a word, a tab, an emotion, a tab, 0 or 1.  Words
 * are compared case folded. */
#include <stdlib.h>
#include <string.h>

#include "context_impl.h"

enum { EMOTIONS_MAX = 1000 };

/* A line at hand. */
typedef struct line_at {
    const context_file *f;
    int64_t number;
    const char *text, *end;
} line_at;

/* What is wrong at a place, up to end. */
static crm_status wrong(const line_at *l, const char *at, const char *end, const char *what)
{
    crm_str shown = {0};
    crm_status st = CRM_OK;

    crm_opt_show(&shown, at, (size_t)(end - at));
    CRM_SET(st, CRM_ERR_FORMAT,
            "%s:%lld:%lld: value '%s' %s; a line is a word, a tab, an emotion of 1 to %d bytes, a "
            "tab and 0 or 1",
            l->f->path, (long long)l->number, (long long)crm_column(l->text, at),
            shown.text ? shown.text : "", what, CONTEXT_NAME_MAX);
    crm_str_free(&shown);
    return st;
}

/* Number of an emotion in the order of the file, for now. */
static crm_status find_name(context_emotions *e, const line_at *l, const char *name,
                            const char *end, int32_t *out)
{
    size_t len = (size_t)(end - name);

    for (int i = 0; i < e->n; i++)
        if (strlen(e->name[i]) == len && memcmp(e->name[i], name, len) == 0) {
            *out = i;
            return CRM_OK;
        }
    if (e->n == EMOTIONS_MAX) return wrong(l, name, end, "is an emotion beyond the most, 1000");
    e->name[e->n] = crm_mem_new(len + 1, 1);
    CRM_CHECK(e->name[e->n], CRM_ERR_NOMEM, "out of memory: an emotion");
    memcpy(e->name[e->n], name, len);
    *out = e->n++;
    return CRM_OK;
}

static const char *tab_or_end(const char *from, const char *end)
{
    const char *tab = memchr(from, '\t', (size_t)(end - from));

    return tab ? tab : end;
}

static crm_status take_line(context_emotions *e, const line_at *l)
{
    const char *tab = tab_or_end(l->text, l->end), *name = tab + 1, *next, *flag;
    int32_t kind = 0;

    if (tab == l->end) return wrong(l, l->text, l->end, "has no tab");
    if (tab == l->text) return wrong(l, l->text, l->end, "has no word");
    next = tab_or_end(name, l->end);
    flag = next + 1;
    if (!context_is_name(name, (size_t)(next - name)))
        return wrong(l, name, next, "is no name of an emotion");
    if (next == l->end) return wrong(l, name, next, "has no tab behind it");
    if (l->end - flag != 1 || (*flag != '0' && *flag != '1'))
        return wrong(l, flag, l->end, "is neither 0 nor 1");
    CRM_TRY(find_name(e, l, name, next, &kind));
    return *flag == '1' ? context_list_add(&e->list, l->text, (size_t)(tab - l->text), kind)
                        : CRM_OK;
}

/* Emotions by their names, as columns will stand; words likewise. */
static crm_status sort(context_emotions *e)
{
    int32_t *to;

    CRM_NEW(to, e->n);
    for (int i = 0; i < e->n; i++)
        for (int k = 0; k < e->n; k++)
            to[i] += strcmp(e->name[k], e->name[i]) < 0;
    for (int64_t i = 0; i < e->list.n; i++)
        e->list.entry[i].kind = to[e->list.entry[i].kind];
    for (int i = 0; i < e->n;) { /* each swap brings one name to its place */
        char *name = e->name[to[i]];
        int32_t at = to[i];
        if (at == i) {
            i++;
            continue;
        }
        e->name[at] = e->name[i];
        e->name[i] = name;
        to[i] = to[at];
        to[at] = at;
    }
    crm_mem_free(to);
    return context_list_sort(&e->list);
}

crm_status context_emotions_read(const context_file *f, context_emotions *out)
{
    line_at l = {.f = f};
    size_t len, at = 0;

    if (!f->text) return CRM_OK;
    CRM_NEW(out->name, EMOTIONS_MAX);
    while (context_file_line(f, &at, &l.text, &len)) {
        l.number++;
        l.end = l.text + len;
        if (len > 0) CRM_TRY(take_line(out, &l));
    }
    CRM_CHECK(out->n > 0, CRM_ERR_FORMAT,
              "%s:1:1: no emotion is in it; a line is a word, a tab, an emotion, a tab and 0 or 1",
              f->path);
    return sort(out);
}

/* Emotions of a word, each once, to out (NULL: only counted). */
static int64_t kinds_of(const context_list *l, const char *word, int32_t *out)
{
    const context_entry *e = context_list_find(l, word);
    int64_t n = 0;

    if (!e) return 0;
    for (const context_entry *x = e; x < l->entry + l->n && strcmp(x->word, word) == 0; x++) {
        if (x > e && x[-1].kind == x->kind) continue;
        if (out) out[n] = x->kind;
        n++;
    }
    return n;
}

crm_status context_emotions_bind(context_emotions *e, const context_words *w)
{
    if (e->n == 0) return CRM_OK;
    CRM_NEW(e->word_first, w->n + 1);
    for (int64_t i = 0; i < w->n; i++)
        e->word_first[i + 1] = e->word_first[i] + kinds_of(&e->list, w->text[i], NULL);
    CRM_NEW(e->word_kind, e->word_first[w->n]);
    for (int64_t i = 0; i < w->n; i++)
        kinds_of(&e->list, w->text[i], e->word_kind + e->word_first[i]);
    return CRM_OK;
}

void context_emotions_free(context_emotions *e)
{
    for (int i = 0; i < e->n; i++)
        crm_mem_free(e->name[i]);
    crm_mem_free(e->name);
    crm_mem_free(e->word_first);
    crm_mem_free(e->word_kind);
    context_list_free(&e->list);
    *e = (context_emotions){0};
}
