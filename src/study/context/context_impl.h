/* context_impl.h - inside of room context. */
#ifndef CRM_CONTEXT_IMPL_H
#define CRM_CONTEXT_IMPL_H

#include <stddef.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/context.h"
#include "crmpi/data_extend.h"
#include "crmpi/lexicon.h"
#include "crmpi/text.h"

/* ---- a file, read by rank 0 and sent to all ---- */
typedef struct context_file {
    const char *path;
    char *text; /* [len], then a 0 */
    size_t len;
    char digest[CRM_DIGEST_HEX];
} context_file;
/* path NULL: an empty one without text.  Collective. */
CRM_CHECKED context_file_read(crm_comm *comm, const char *path, context_file *out);
void context_file_free(context_file *f);
/* The next line from *at on without its end; false behind the last. */
bool context_file_line(const context_file *f, size_t *at, const char **line, size_t *len);
/* Whether columns can be named so: UTF-8 without control characters, for dictionary and page. */
enum { CONTEXT_NAME_MAX = 100 };
bool context_is_name(const char *name, size_t len);

/* ---- words of a dictionary, case folded ---- */
typedef struct context_words {
    int64_t n;
    crm_forms *forms;
    const char **text; /* [n] folded, hashtags without their mark */
} context_words;
CRM_CHECKED context_words_new(int64_t n, const char *const *word, context_words *out);
void context_words_free(context_words *w);
/* Words of a file as those of texts are: of n entries of this size, the first field of each. */
CRM_CHECKED context_fold(int64_t n, void *entry, size_t size);

/* Words of a file, each with the number of its kind. */
typedef struct context_entry {
    char *word;
    int32_t kind;
} context_entry;
typedef struct context_list {
    int64_t n, cap;
    context_entry *entry; /* sorted by word, then kind, once it is complete */
} context_list;
CRM_CHECKED context_list_add(context_list *l, const char *word, size_t len, int32_t kind);
/* Folded and in order. */
CRM_CHECKED context_list_sort(context_list *l);
/* First entry of the word, NULL: none; the others follow it. */
const context_entry *context_list_find(const context_list *l, const char *word);
void context_list_free(context_list *l);

/* Tokens of a document: ids of the dictionary. */
typedef struct context_tokens {
    const int32_t *id;
    int64_t n;
} context_tokens;

/* ---- polarity ---- */
typedef struct context_lexicon {
    bool there;
    crm_lexicon *list;
    crm_lexicon_texts texts; /* words of the dictionary */
    uint8_t *mark;           /* [words] CONTEXT_... */
} context_lexicon;
enum { CONTEXT_NEGATES = 1, CONTEXT_ENDS = 2 };
/* f without text: marks of words only. */
CRM_CHECKED context_lexicon_new(const context_file *f, const crm_documents *x,
                                const context_words *w, context_lexicon *out);
void context_lexicon_free(context_lexicon *l);
/* Scores of n texts, -1 to 1: those of text i are token[first[i]] .. token[first[i + 1] - 1]. */
CRM_CHECKED context_lexicon_scores(const context_lexicon *l, int64_t n, const int64_t *first,
                                   const int32_t *token, double *score);
/* The clause of a mention: at most window tokens more on either side, none beyond an end; a negator
 * just before them is one of them. */
void context_clause(const context_lexicon *l, const context_tokens *x, int64_t window,
                    int64_t *from, int64_t *end);

/* ---- columns ---- */
typedef struct context_columns {
    int n, cap;
    crm_extend_column *column; /* texts are owned */
    const char *prefix;
    bool failed;
} context_columns;
/* A column <prefix><base><end>; texts but the unit are copied. */
void context_columns_add(context_columns *c, const char *unit, const char *source, const char *base,
                         const char *end, const char *meaning);
void context_columns_free(context_columns *c);

/* ---- mentions, and what is counted of them for each customer ---- */
typedef enum context_kind { CONTEXT_ANY, CONTEXT_PREFERENCE, CONTEXT_PAIN } context_kind;
/* Something that is mentioned: a type of entity, an aspect, the documents themselves. */
typedef struct context_slot {
    int column; /* first of its columns */
    int kind;   /* context_kind */
    int all;    /* the slot of all of its sort; -1: none */
    bool documents;
} context_slot;
typedef struct context_slots {
    int n, cap;
    context_slot *slot;
    bool failed;
} context_slots;
/* Mentions in the order of the customers; words around them only where they are scored. */
typedef struct context_mentions {
    int64_t n, cap, cap_tokens;
    int32_t *slot;  /* [n]                                  */
    int64_t *first; /* [n + 1] tokens of a mention's clause */
    int32_t *token;
    double *score; /* [n] */
    int64_t *row;  /* [own rows + 1] mentions of a row     */
} context_mentions;
typedef struct context_tally {
    int64_t n, preference, pain;
    double sum; /* of polarities */
} context_tally;

/* ---- aspects ---- */
typedef struct context_aspects {
    int n;
    char **name; /* [n] */
    int *kind;   /* [n] context_kind */
    int64_t n_elements;
    struct context_element *element; /* words of all patterns, one pattern after the other */
    int64_t *word_first;             /* [words + 1] elements that a word of the dictionary is ... */
    int32_t *word_element;           /* ... */
    int64_t *free_at, *longest;      /* [n] working memory of a document */
} context_aspects;
CRM_CHECKED context_aspects_read(const context_file *f, context_aspects *out);
/* Which words of the dictionary the words of the patterns are. */
CRM_CHECKED context_aspects_bind(context_aspects *a, const context_words *w);
/* Calls take(ctx, aspect, from, end), until it fails, for each mention, by places, then aspects:
 * the longest pattern at a place; mentions of one aspect do not overlap. */
typedef crm_status (*context_mention_fn)(void *ctx, int aspect, int64_t from, int64_t end);
CRM_CHECKED context_aspects_find(context_aspects *a, const context_tokens *x,
                                 context_mention_fn take, void *ctx);
void context_aspects_free(context_aspects *a);

/* ---- emotions ---- */
typedef struct context_emotions {
    int n;
    char **name; /* [n] sorted */
    context_list list;
    int64_t *word_first; /* [words + 1] emotions of a word of the dictionary ... */
    int32_t *word_kind;  /* ... */
} context_emotions;
CRM_CHECKED context_emotions_read(const context_file *f, context_emotions *out);
CRM_CHECKED context_emotions_bind(context_emotions *e, const context_words *w);
void context_emotions_free(context_emotions *e);

/* ---- all of it ---- */
typedef struct context_reader context_reader; /* of one model: context_models.c */
typedef struct context {
    const crm_context_plan *plan;
    const crm_data *d;
    const crm_documents *docs;
    context_words words;
    context_lexicon lexicon;
    context_aspects aspects;
    context_emotions emotions;
    context_file lexicon_file, aspects_file, emotions_file;
    context_columns columns;
    context_slots slots;
    context_mentions mentions;
    context_tally *tally;                           /* [slots] of a customer */
    int document_slot, aspect_slot, emotion_column; /* of the first aspect, emotion */
    int n_readers;                                  /* models, or 1 for models of parts */
    context_reader *reader;                         /* [n_readers] */
    int64_t *emotion;                               /* [emotions] words of a customer */
    int64_t first, end;                             /* own rows */
    float *value;                                   /* [own rows][columns] */
    int64_t customers, documents, late;
} context;

/* A slot with its columns: of its count, and with a lexicon of its polarity.  Returns its number.
 */
int context_slot_add(context *c, const char *base, const char *of, const char *source, int kind);
/* That of the documents: with a lexicon only. */
int context_slot_documents(context *c, const char *source);
/* A mention at tokens [from, end) of a document. */
CRM_CHECKED context_mention(context *c, int slot, const context_tokens *x, int64_t from,
                            int64_t end);
/* All mentions are there: their columns. */
CRM_CHECKED context_count_mentions(context *c);
void context_mentions_free(context_mentions *m);
/* Whether document i is one that the cut-off of its customer lets through. */
bool context_counts(const context *c, int64_t i);

/* context_models.c: readers of all models, their columns, and their values and mentions of a row.
 */
CRM_CHECKED context_readers_new(context *c);
void context_readers_columns(context *c);
/* "documents", or "review and ticket documents" where a reader does not take all. */
void context_reader_documents(const context *c, int reader, char *out, size_t cap);
CRM_CHECKED context_readers_row(context *c, int64_t row);
void context_readers_free(context *c);
#endif
