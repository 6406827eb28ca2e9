/* rule_names.c - columns, levels and classes by the words of a rule. */
#include <string.h>

#include "rule_impl.h"

static bool equals(const char *name, const rule_word *w, bool loose)
{
    for (size_t i = 0; i < w->n; i++) {
        if (!name[i]) return false;
        if (name[i] != w->at[i] && !(loose && name[i] == ' ' && w->at[i] == '_')) return false;
    }
    return !name[w->n];
}

static int find(const char *const *name, int64_t n, const rule_word *w, bool loose)
{
    int at = -1;

    for (int64_t i = 0; i < n; i++)
        if (equals(name[i], w, loose)) at = at == -1 ? (int)i : -2;
    return at;
}

int rule_find_name(const char *const *name, int64_t n, const rule_word *w)
{
    int at = find(name, n, w, false);

    return at != -1 || w->kind == WORD_QUOTED ? at : find(name, n, w, true);
}

/* A copy with underscores for blanks. */
static char *as_word(const char *name)
{
    char *copy = crm_mem_strdup(name);

    for (char *c = copy; c && *c; c++)
        if (*c == ' ') *c = '_';
    return copy;
}

void rule_suggest(const char *const *a, int64_t n_a, const char *const *b, int64_t n_b,
                  const rule_word *w, crm_str *out)
{
    int n = (int)(n_a + n_b), made = 0;
    char **names = crm_mem_new((size_t)n, sizeof *names), *text = crm_mem_new(w->n + 1, 1);
    const char *near = NULL;

    for (; names && made < n; made++)
        if (!(names[made] = as_word(made < n_a ? a[made] : b[made - n_a]))) break;
    if (text && made == n) {
        memcpy(text, w->at, w->n);
        near = crm_nearest(text, (const char *const *)names, n);
    }
    if (near) crm_str_addf(out, "; did you mean '%s'?", near);
    for (int i = 0; i < made; i++)
        crm_mem_free(names[i]);
    crm_mem_free(names);
    crm_mem_free(text);
}
