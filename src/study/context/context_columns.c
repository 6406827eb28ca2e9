/* context_columns.c - columns in the making, and tallies of mentions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "context_impl.h"

/* ---- names ---- */
static char *joined(const char *a, const char *b, const char *c)
{
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = crm_mem_new(n, 1);

    if (text) snprintf(text, n, "%s%s%s", a, b, c);
    return text;
}

static bool reserve(context_columns *c)
{
    int cap = 2 * c->cap + 64;
    crm_extend_column *p;

    if (c->n < c->cap) return true;
    p = crm_mem_grow(c->column, (size_t)c->n, (size_t)cap, sizeof *p);
    if (!p) return false;
    c->column = p;
    c->cap = cap;
    return true;
}

void context_columns_add(context_columns *c, const char *unit, const char *source, const char *base,
                         const char *end, const char *meaning)
{
    crm_extend_column *x;

    if (c->failed || !reserve(c)) {
        c->failed = true;
        return;
    }
    x = &c->column[c->n++];
    *x = (crm_extend_column){.name = joined(c->prefix, base, end),
                             .type = "real",
                             .unit = unit,
                             .meaning = joined(meaning, "", ""),
                             .source = joined(source, "", "")};
    c->failed = !x->name || !x->meaning || !x->source;
}

void context_columns_free(context_columns *c)
{
    for (int i = 0; i < c->n; i++) {
        crm_mem_free((char *)c->column[i].name);
        crm_mem_free((char *)c->column[i].meaning);
        crm_mem_free((char *)c->column[i].source);
    }
    crm_mem_free(c->column);
    *c = (context_columns){0};
}

/* ---- slots ---- */
static int new_slot(context *c, int kind, bool documents)
{
    context_slots *s = &c->slots;
    int cap = 2 * s->cap + 16;

    if (s->n == s->cap) {
        context_slot *p = crm_mem_grow(s->slot, (size_t)s->n, (size_t)cap, sizeof *p);
        s->failed = s->failed || !p;
        if (!p) return 0;
        s->slot = p;
        s->cap = cap;
    }
    s->slot[s->n] =
        (context_slot){.column = c->columns.n, .kind = kind, .all = -1, .documents = documents};
    return s->n++;
}

/* Whether mentions are told apart by their polarity. */
static bool splits(const context *c, int kind)
{
    return kind == CONTEXT_ANY && c->lexicon.there;
}

int context_slot_add(context *c, const char *base, const char *of, const char *source, int kind)
{
    static const char *const behind[] = {"", ": preferences", ": pain points"};
    int slot = new_slot(c, kind, false);
    char text[512];

    snprintf(text, sizeof text, "%s in the texts%s", of, behind[kind]);
    context_columns_add(&c->columns, "mentions", source, base, "", text);
    if (!c->lexicon.there) return slot;
    snprintf(text, sizeof text, "mean polarity of the words around %s, -1 to 1", of);
    context_columns_add(&c->columns, "", source, base, ".polarity", text);
    if (!splits(c, kind)) return slot;
    snprintf(text, sizeof text, "%s among positive words", of);
    context_columns_add(&c->columns, "mentions", source, base, ".preference", text);
    snprintf(text, sizeof text, "%s among negative words: pain points", of);
    context_columns_add(&c->columns, "mentions", source, base, ".pain", text);
    return slot;
}

int context_slot_documents(context *c, const char *source)
{
    int slot = new_slot(c, CONTEXT_ANY, true);

    context_columns_add(&c->columns, "", source, "lexicon", ".polarity",
                        "mean polarity of the documents, -1 to 1");
    context_columns_add(&c->columns, "documents", source, "lexicon", ".positive",
                        "documents with a positive polarity");
    context_columns_add(&c->columns, "documents", source, "lexicon", ".negative",
                        "documents with a negative polarity");
    return slot;
}

bool context_counts(const context *c, int64_t i)
{
    return !(c->docs->time[i] < 0);
}
