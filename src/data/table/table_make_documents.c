/* table_make_documents.c - the document block: documents of all tables by time, and their targets.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/text.h"
#include "table_make.h"

/* ---- kinds ---- */
/* Kinds of all tables, each once; kinds with equal names are one. */
static crm_status name_kinds(table_output *o)
{
    const table_set *x = o->x;
    table_levels all = {0};
    const char **item = NULL;
    crm_status st = CRM_OK;

    for (int k = 0; k < x->n_streams; k++) {
        const table_names *names = &x->stream[k].names;
        if (!x->stream[k].documents) continue;
        CRM_NEW_TO(st, done, o->kind[k], names->n);
        for (int64_t c = 0; c < names->n; c++)
            CRM_TRY_TO(st, done,
                       crm_table_levels_add(&all, names->item[c], strlen(names->item[c]),
                                            INT32_MAX - 1, &o->kind[k][c]));
    }
    CRM_NEW_TO(st, done, item, all.n);
    for (int64_t c = 0; c < all.n; c++)
        item[c] = crm_table_levels_text(&all, c);
    CRM_TRY_TO(st, done, crm_table_names_copy(all.n, item, &o->kinds));
done:
    crm_mem_free(item);
    crm_table_levels_free(&all);
    return st;
}

static crm_status define_documents(table_output *o)
{
    static const char *const DOCUMENT[] = {"document"}, *const TOKEN[] = {"token"};

    CRM_TRY(crm_store_define(o->w, "documents/kind", CRM_I32, 1, &o->documents.total, DOCUMENT));
    CRM_TRY(crm_store_define(o->w, "documents/time", CRM_F32, 1, &o->documents.total, DOCUMENT));
    CRM_TRY(crm_store_define(o->w, "documents/token", CRM_I32, 1, &o->tokens.total, TOKEN));
    CRM_TRY(
        crm_store_texts(o->w, "documents/kinds", o->kinds.n, (const char *const *)o->kinds.item));
    return crm_store_texts(o->w, "documents/words", o->x->words.all.n, o->x->words.sorted);
}

/* Documents of each row, and words of each document, of this rank. */
static crm_status count_all(table_output *o, int64_t **documents, int64_t **tokens)
{
    int64_t j = 0, item;
    int stream;

    CRM_NEW(*documents, o->x->n);
    CRM_NEW(*tokens, o->documents.here);
    for (int64_t i = 0; i < o->x->n; i++) {
        (*documents)[i] = crm_table_walk_count(o, true, i);
        crm_table_walk(o, true, i);
        while (crm_table_walk_next(o, &stream, &item))
            (*tokens)[j++] = o->x->stream[stream].tokens[item];
    }
    return CRM_OK;
}

static crm_status write_offsets(table_output *o)
{
    const table_set *x = o->x;
    int64_t *documents = NULL, *tokens = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(x->comm, count_all(o, &documents, &tokens)));
    CRM_TRY_TO(st, done,
               crm_table_make_offsets(o, "documents/first", "row_offset", x->n, x->before, x->total,
                                      documents, o->documents.before));
    CRM_TRY_TO(st, done,
               crm_table_make_offsets(o, "documents/token_first", "document_offset",
                                      o->documents.here, o->documents.before, o->documents.total,
                                      tokens, o->tokens.before));
done:
    crm_mem_free(documents);
    crm_mem_free(tokens);
    return st;
}

/* ---- content ---- */
/* What of each word of the dictionary makes texts equal: its letters and digits in no case, or the
 * emoji that it is; 0: nothing, it is punctuation. */
static crm_status hash_words(table_output *o)
{
    int64_t n = o->x->words.all.n;
    char *letters;

    CRM_NEW(o->letters, n);
    CRM_NEW(letters, 3 * CRM_TOKEN_MAX + 1);
    for (int64_t i = 0; i < n; i++) {
        const char *word = o->x->words.sorted[i];
        size_t len = strlen(word), got;
        if (len == 0 || len > CRM_TOKEN_MAX) continue;
        got = crm_text_letters(word, len, letters);
        if (got > 0)
            o->letters[i] = crm_digest_of(letters, got).lo | 1;
        else if (crm_token_kind_of(word) == CRM_TOKEN_EMOJI)
            o->letters[i] = crm_digest_of(word, len).lo | 1;
    }
    crm_mem_free(letters);
    return CRM_OK;
}

/* A document as content of row i: of nothing but punctuation, its tokens. */
static void add_content(table_output *o, int64_t i, const int32_t *token, int64_t n)
{
    crm_digest all = {0, 0};
    bool any = false;

    for (int64_t k = 0; k < n; k++) {
        uint64_t word[3] = {all.hi, all.lo, o->letters[token[k]]};
        if (word[2] == 0) continue;
        all = crm_digest_of(word, sizeof word);
        any = true;
    }
    if (any)
        crm_table_content(o, i, &all, sizeof all);
    else
        crm_table_content(o, i, token, (size_t)n * sizeof *token);
}

crm_status crm_table_documents_open(table_output *o)
{
    if (!o->has_documents) return CRM_OK;
    CRM_TRY(crm_comm_agree(o->x->comm, name_kinds(o)));
    CRM_TRY(crm_comm_agree(o->x->comm, hash_words(o)));
    CRM_TRY(define_documents(o));
    return write_offsets(o);
}

/* ---- blocks ---- */
static crm_status make_room(table_output *o, table_block *b)
{
    int64_t n = 0, tokens = 0;

    for (int k = 0; k < o->x->n_streams; k++) {
        const table_stream *s = &o->x->stream[k];
        if (!s->documents) continue;
        for (int64_t d = s->first[b->first]; d < s->first[b->end]; d++, n++)
            tokens += s->tokens[d];
    }
    b->documents.before += b->documents.here;
    b->documents.here = n;
    b->tokens.before += b->tokens.here;
    b->tokens.here = tokens;
    CRM_NEW(b->kind, n);
    CRM_NEW(b->document_time, n);
    CRM_NEW(b->token, tokens);
    return CRM_OK;
}

crm_status crm_table_documents_fill(table_output *o, table_block *b)
{
    int64_t j = 0, t = 0, item;
    int stream;

    if (!o->has_documents) return CRM_OK;
    CRM_TRY(make_room(o, b));
    for (int64_t i = b->first; i < b->end; i++) {
        crm_table_walk(o, true, i);
        for (; crm_table_walk_next(o, &stream, &item); j++) {
            const table_stream *s = &o->x->stream[stream];
            int64_t from = t;
            int32_t kind = s->category ? s->category[item] : 0;
            double days = (double)(o->x->cutoff[i] - s->time[item]) / TABLE_DAY;
            b->kind[j] = kind < 0 ? -1 : o->kind[stream][kind];
            b->document_time[j] = s->dated ? crm_table_float(days) : 0;
            for (int64_t k = 0; k < s->tokens[item]; k++)
                b->token[t++] = o->x->words.code[s->token[s->token_first[item] + k]];
            add_content(o, i, b->token + from, t - from);
        }
    }
    return CRM_OK;
}

crm_status crm_table_documents_write(table_output *o, const table_block *b)
{
    int64_t first = o->documents.before + b->documents.before, n = b->documents.here;

    if (!o->has_documents) return CRM_OK;
    CRM_TRY(crm_store_write(o->w, "documents/kind", first, n, b->kind));
    CRM_TRY(crm_store_write(o->w, "documents/time", first, n, b->document_time));
    return crm_store_write(o->w, "documents/token", o->tokens.before + b->tokens.before,
                           b->tokens.here, b->token);
}

/* ---- targets ---- */
/* Items of a label of a stream at the places of their documents; others missing. */
static crm_status place(table_output *o, int of, int label, int32_t **code, float **value)
{
    const table_stream *with = &o->x->stream[of];
    int64_t j = 0, item;
    int stream;

    if (with->label[label])
        CRM_NEW(*code, o->documents.here);
    else
        CRM_NEW(*value, o->documents.here);
    for (int64_t i = 0; i < o->x->n; i++) {
        crm_table_walk(o, true, i);
        for (; crm_table_walk_next(o, &stream, &item); j++) {
            if (*code) (*code)[j] = stream == of ? with->label[label][item] : -1;
            if (*value)
                (*value)[j] = stream == of ? crm_table_float(with->label_number[label][item]) : NAN;
        }
    }
    return CRM_OK;
}

static crm_status write_target(table_output *o, int stream, int label)
{
    static const char *const DIM[] = {"document", "column"};
    const table_stream *s = &o->x->stream[stream];
    const char *title = o->x->schema->table[s->table].documents.label_name[label];
    int64_t dim[] = {o->documents.total, 1};
    char name[CRM_STORE_NAME_MAX];
    int32_t *code = NULL;
    float *value = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(o->x->comm, place(o, stream, label, &code, &value)));
    snprintf(name, sizeof name, "target/%s/%s", title, code ? "label" : "value");
    CRM_TRY_TO(st, done,
               crm_store_define(o->w, name, code ? CRM_I32 : CRM_F32, code ? 1 : 2, dim, DIM));
    CRM_TRY_TO(st, done, crm_store_attr_text(o->w, name, "level", "document"));
    if (code)
        CRM_TRY_TO(st, done,
                   crm_store_attr_list(o->w, name, "classes", s->classes[label].n,
                                       (const char *const *)s->classes[label].item));
    else
        CRM_TRY_TO(st, done, crm_store_attr_list(o->w, name, "columns", 1, &title));
    CRM_TRY_TO(st, done,
               crm_store_write(o->w, name, o->documents.before, o->documents.here,
                               code ? (const void *)code : (const void *)value));
done:
    crm_mem_free(code);
    crm_mem_free(value);
    return st;
}

crm_status crm_table_documents_targets(table_output *o)
{
    for (int k = 0; k < o->x->n_streams; k++)
        for (int l = 0; l < o->x->stream[k].n_labels; l++) {
            /* a target has a class at least */
            if (o->x->stream[k].label[l] && o->x->stream[k].classes[l].n == 0) continue;
            CRM_TRY(write_target(o, k, l));
        }
    return CRM_OK;
}
