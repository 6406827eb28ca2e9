/* context_emotions.c - emotions of words: lines of a word, a tab, an emotion, a tab, 0 or 1. */
#include <stdlib.h>
#include <string.h>

#include "context_impl.h"

enum { EMOTIONS_MAX = 1000, NAME_BYTES_MAX = 100 };

static crm_status bad_line(const context_file *f, int64_t line)
{
    CRM_FAIL(CRM_ERR_FORMAT,
             "%s:%lld:1: a word, a tab, an emotion of 1 to %d bytes, a tab and 0 or 1 belong here",
             f->path, (long long)line, NAME_BYTES_MAX);
}

/* Number of an emotion in the order of the file, for now. */
static crm_status find_name(context_emotions *e, const context_file *f, const char *name,
                            size_t len, int32_t *out)
{
    for (int i = 0; i < e->n; i++)
        if (strlen(e->name[i]) == len && memcmp(e->name[i], name, len) == 0) {
            *out = i;
            return CRM_OK;
        }
    CRM_CHECK(e->n < EMOTIONS_MAX, CRM_ERR_FORMAT, "%s: more than %d emotions", f->path,
              EMOTIONS_MAX);
    e->name[e->n] = crm_mem_new(len + 1, 1);
    CRM_CHECK(e->name[e->n], CRM_ERR_NOMEM, "out of memory: an emotion");
    memcpy(e->name[e->n], name, len);
    *out = e->n++;
    return CRM_OK;
}

static crm_status take_line(context_emotions *e, const context_file *f, int64_t number,
                            const char *line, size_t len)
{
    const char *end = line + len, *tab = memchr(line, '\t', len);
    const char *next = tab ? memchr(tab + 1, '\t', (size_t)(end - tab - 1)) : NULL;
    size_t n = next ? (size_t)(next - tab - 1) : 0;
    int32_t kind = 0;

    if (!next || tab == line || n == 0 || n > NAME_BYTES_MAX || end - next != 2 ||
        (next[1] != '0' && next[1] != '1'))
        return bad_line(f, number);
    CRM_TRY(find_name(e, f, tab + 1, n, &kind));
    return next[1] == '1' ? context_list_add(&e->list, line, (size_t)(tab - line), kind) : CRM_OK;
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
    context_list_sort(&e->list);
    return CRM_OK;
}

crm_status context_emotions_read(const context_file *f, context_emotions *out)
{
    const char *line;
    size_t len, at = 0;

    if (!f->text) return CRM_OK;
    CRM_NEW(out->name, EMOTIONS_MAX);
    for (int64_t i = 1; context_file_line(f, &at, &line, &len); i++)
        if (len > 0) CRM_TRY(take_line(out, f, i, line, len));
    CRM_CHECK(out->n > 0, CRM_ERR_FORMAT, "%s: no emotion is in it", f->path);
    return sort(out);
}

/* Emotions of a word, each once, to out (NULL: only counted). */
static int64_t kinds_of(const context_list *l, const char *word, int32_t *out)
{
    const context_entry *e = context_list_find(l, word), *end = l->entry + l->n;
    int64_t n = 0;

    for (const context_entry *x = e; x && x < end && strcmp(x->word, word) == 0; x++) {
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
