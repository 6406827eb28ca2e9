/* context_lexicon.c - polarity of texts and of the clauses around mentions, by the words and rules
 * of room lexicon. */
#include <string.h>

#include "context_impl.h"
#include "crmpi/base_path.h"

enum { BEFORE = 3 }; /* words that a negator reaches */

/* Of the languages that texts have lists of words for. */
static const char *const negators[] = {
    "not",  "n't",   "no",  "never",  "neither", "nor",   "none", "nothing", "nowhere", "without",
    "não",  "nunca", "sem", "nem",    "nenhum",  "nicht", "kein", "keine",   "keinen",  "nie",
    "ohne", "ne",    "pas", "jamais", "sans",    "sin",   "ni",   "jamás"};
/* A clause ends at these: what follows is another matter. */
static const char *const turns[] = {"but",  "however",  "although", "though", "whereas",
                                    "mas",  "porém",    "embora",   "aber",   "obwohl",
                                    "mais", "pourtant", "pero",     "aunque", "sondern"};
static const char *const stops[] = {".", "!", "?", ";", "…", "。", "！", "？"};

static bool is_one_of(const char *word, size_t n, const char *const *list)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0) return true;
    return false;
}

static bool is_stop(const char *word)
{
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        if (strncmp(word, stops[i], strlen(stops[i])) == 0)
            return crm_token_kind_of(word) == CRM_TOKEN_PUNCT;
    return false;
}

static uint8_t mark_of(const char *word)
{
    if (is_one_of(word, sizeof negators / sizeof *negators, negators)) return CONTEXT_NEGATES;
    if (is_one_of(word, sizeof turns / sizeof *turns, turns) || is_stop(word)) return CONTEXT_ENDS;
    return 0;
}

/* Each rank reads the list: it has to be the file that rank 0 has told of. */
static crm_status read_list(const context_file *f, crm_lexicon **out)
{
    char hex[CRM_DIGEST_HEX], *text = NULL;
    size_t len = 0;

    CRM_TRY(crm_path_read(f->path, f->len + 1, &text, &len));
    crm_digest_hex(crm_digest_of(text, len), hex);
    crm_mem_free(text);
    CRM_CHECK(strcmp(hex, f->digest) == 0, CRM_ERR_IO, "%s: is not the same on all nodes", f->path);
    return crm_lexicon_read(f->path, out);
}

crm_status context_lexicon_new(const context_file *f, const crm_documents *x,
                               const context_words *w, context_lexicon *out)
{
    CRM_NEW(out->mark, w->n);
    for (int64_t i = 0; i < w->n; i++)
        out->mark[i] = mark_of(w->text[i]);
    if (!f->text) return CRM_OK;
    out->there = true;
    out->texts = (crm_lexicon_texts){.n_words = x->n_words, .word = x->word};
    return read_list(f, &out->list);
}

void context_lexicon_free(context_lexicon *l)
{
    crm_lexicon_free(&l->list);
    crm_mem_free(l->mark);
    *l = (context_lexicon){0};
}

crm_status context_lexicon_scores(const context_lexicon *l, int64_t n, const int64_t *first,
                                  const int32_t *token, double *score)
{
    crm_lexicon_texts t = l->texts;

    t.first = first;
    t.token = token;
    return crm_lexicon_scores(l->list, false, &t, n, NULL, score); /* "@united" praises nobody */
}

static bool is_marked(const context_lexicon *l, const context_tokens *x, int64_t t, int mark)
{
    return t >= 0 && t < x->n && (l->mark[x->id[t]] & mark);
}

void context_clause(const context_lexicon *l, const context_tokens *x, int64_t window,
                    int64_t *from, int64_t *end)
{
    int64_t first = *from - window, last = *end + window;

    while (*from > 0 && *from > first && !is_marked(l, x, *from - 1, CONTEXT_ENDS))
        --*from;
    while (*end < x->n && *end < last && !is_marked(l, x, *end, CONTEXT_ENDS))
        ++*end;
    for (int64_t t = *from - 1; t >= *from - BEFORE && !is_marked(l, x, t, CONTEXT_ENDS); t--)
        if (is_marked(l, x, t, CONTEXT_NEGATES)) {
            *from = t;
            return;
        }
}
