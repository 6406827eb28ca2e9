/* data_columns.c - schema under construction: every text is a copy of its own. */
#include "crmpi/data_columns.h"

#include <stdarg.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"

/* Growing list of owned texts. */
typedef struct texts {
    char **item;
    int n, cap;
} texts;

struct crm_columns {
    texts num, cat;
    texts *level;      /* [cat.n]: names of levels, n = 0 when they have none */
    int64_t *n_levels; /* [cat.n] */
    const char *const **level_view;
    crm_schema schema;
    bool failed;
};

static bool grow(void **p, int n, int *cap, size_t size)
{
    int more = *cap ? 2 * *cap : 16;
    void *q = crm_mem_grow(*p, (size_t)n, (size_t)more, size);

    if (!q) return false;
    *p = q;
    *cap = more;
    return true;
}

static bool texts_add(texts *t, const char *s)
{
    if (t->n == t->cap && !grow((void **)&t->item, t->n, &t->cap, sizeof *t->item)) return false;
    t->item[t->n] = crm_mem_strdup(s);
    return t->item[t->n++] != NULL;
}

static void texts_free(texts *t)
{
    for (int i = 0; i < t->n; i++)
        crm_mem_free(t->item[i]);
    crm_mem_free(t->item);
}

crm_status crm_columns_new(crm_columns **out)
{
    CRM_NEW(*out, 1);
    return CRM_OK;
}

void crm_columns_add_num(crm_columns *c, const char *fmt, ...)
{
    crm_str s = {0};
    va_list ap;

    va_start(ap, fmt);
    crm_str_addv(&s, fmt, ap);
    va_end(ap);
    if (s.failed || !texts_add(&c->num, s.text ? s.text : "")) c->failed = true;
    crm_str_free(&s);
}

void crm_columns_add_cat(crm_columns *c, const char *name, int64_t n_levels,
                         const char *const *level)
{
    int n = c->cat.n, cap = c->cat.cap, cap2 = cap;

    if (n == cap && (!grow((void **)&c->level, n, &cap, sizeof *c->level) ||
                     !grow((void **)&c->n_levels, n, &cap2, sizeof *c->n_levels))) {
        c->failed = true;
        return;
    }
    if (!texts_add(&c->cat, name)) {
        c->failed = true;
        return;
    }
    c->n_levels[n] = n_levels;
    for (int64_t i = 0; level && i < n_levels; i++)
        if (!texts_add(&c->level[n], level[i])) c->failed = true;
}

void crm_columns_add_nums(crm_columns *c, const crm_schema *s)
{
    for (int i = 0; i < s->n_num; i++)
        crm_columns_add_num(c, "%s", s->num_name[i]);
}

void crm_columns_add_cats(crm_columns *c, const crm_schema *s)
{
    for (int i = 0; i < s->n_cat; i++)
        crm_columns_add_cat(c, s->cat_name[i], s->n_levels[i], s->level ? s->level[i] : NULL);
}

crm_status crm_columns_schema(crm_columns *c, const crm_schema **out)
{
    *out = &c->schema;
    crm_mem_free((void *)c->level_view);
    CRM_NEW(c->level_view, c->cat.n);
    for (int i = 0; i < c->cat.n; i++)
        c->level_view[i] = c->level[i].n ? (const char *const *)c->level[i].item : NULL;
    c->schema = (crm_schema){.n_num = c->num.n,
                             .n_cat = c->cat.n,
                             .num_name = (const char *const *)c->num.item,
                             .cat_name = (const char *const *)c->cat.item,
                             .n_levels = c->n_levels,
                             .level = c->level_view};
    CRM_CHECK(!c->failed, CRM_ERR_NOMEM, "out of memory: column names");
    return CRM_OK;
}

void crm_columns_free(crm_columns **cp)
{
    crm_columns *c = *cp;

    if (!c) return;
    for (int i = 0; i < c->cat.n; i++)
        texts_free(&c->level[i]);
    crm_mem_free(c->level);
    crm_mem_free(c->n_levels);
    crm_mem_free((void *)c->level_view);
    texts_free(&c->num);
    texts_free(&c->cat);
    crm_mem_free(c);
    *cp = NULL;
}
