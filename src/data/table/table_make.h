/* table_make.h - inside of room table: what the files that write a data set share.
 *
 *   table_make            arrays block by block: profile, months
 *   table_make_events     events of all tables by time
 *   table_make_documents  documents of all tables by time, their targets
 *   table_make_targets    targets of entities, ids, groups of equal rows
 *   table_make_words      the data dictionary
 *   table_make_meaning    what it says of columns and targets */
#ifndef CRM_TABLE_MAKE_H
#define CRM_TABLE_MAKE_H

#include "crmpi/base_str.h"
#include "crmpi/store.h"
#include "crmpi/table_dictionary.h"
#include "table_relate.h"

/* Items of a ragged block: on this rank, on ranks before, on all. */
typedef struct make_count {
    int64_t here, before, total;
} make_count;

typedef struct table_output {
    const table_set *x;
    crm_store_writer *w;
    table_features f;
    make_count events, documents, tokens;
    bool has_events, has_documents;
    int64_t *at, *end; /* [streams] scratch of a walk over the streams of an entity */
    table_names categories, numbers, kinds;
    int64_t *first_name;   /* [streams] of the names of an event stream in categories  */
    int64_t *first_number; /* [streams] */
    int32_t **kind;        /* [streams][names] of a document stream in kinds           */
    crm_digest *content;   /* [rows] */
    bool by_text;          /* content is that of the documents, where there are any    */
    uint64_t *letters;     /* [words] what makes texts equal; 0: punctuation           */
    int64_t *missing;      /* [f.n] and [n_cat] rows of this rank without value        */
} table_output;

/* A block of rows and its buffers. */
typedef struct table_block {
    int64_t first, end;                   /* rows of this rank */
    float *num, *monthly;                 /* [rows][f.n], [rows][channels][months] */
    int32_t *cat;                         /* [rows][n_cat] */
    make_count events, documents, tokens; /* here, and before: on this rank before the block */
    int32_t *category, *kind, *token;
    float *event_time, *value, *document_time;
    int64_t *token_first;
    double *row; /* [f.n] */
} table_block;

/* Walk over the items of entity i of all event (or document) streams by (time, stream, row). */
void crm_table_walk(table_output *o, bool documents, int64_t i);
/* The next item; false after the last. */
bool crm_table_walk_next(table_output *o, int *stream, int64_t *item);
/* Items of entity i in all event (or document) streams. */
int64_t crm_table_walk_count(const table_output *o, bool documents, int64_t i);
/* What goes on to the content of row i. */
void crm_table_content(table_output *o, int64_t i, const void *data, size_t bytes);

CRM_CHECKED crm_table_events_open(table_output *o);
CRM_CHECKED crm_table_events_fill(table_output *o, table_block *b);
CRM_CHECKED crm_table_events_write(table_output *o, const table_block *b);
CRM_CHECKED crm_table_documents_open(table_output *o);
CRM_CHECKED crm_table_documents_fill(table_output *o, table_block *b);
CRM_CHECKED crm_table_documents_write(table_output *o, const table_block *b);
CRM_CHECKED crm_table_documents_targets(table_output *o);
/* name [total + 1] of a block whose rows have count items each (here [rows]).  Collective. */
CRM_CHECKED crm_table_make_offsets(table_output *o, const char *name, const char *dim, int64_t rows,
                                   int64_t before, int64_t total, const int64_t *count,
                                   int64_t count_before);
CRM_CHECKED crm_table_make_targets(table_output *o);
CRM_CHECKED crm_table_make_ids(table_output *o);
CRM_CHECKED crm_table_make_groups(table_output *o);
/* Words of the data dictionary, put behind *out: files of a table; "FILES: COLUMN", of a derived
 * one with what it is made of; a condition; an engineered column; a channel of the monthly block
 * (number -1: the events); a label that is a condition, and the columns it looks at. */
void crm_table_say_files(const crm_table_schema *s, int table, crm_str *out);
void crm_table_say_source(const crm_table_schema *s, const crm_path *p, crm_str *out);
void crm_table_say_when(const crm_table_schema *s, int from, const crm_when *when, crm_str *out);
void crm_table_say_feature(const crm_table_schema *s, const table_stream *x, const table_feature *f,
                           crm_str *out);
void crm_table_say_channel(const crm_table_schema *s, const table_stream *x, int number,
                           crm_str *out);
void crm_table_say_label(const crm_table_schema *s, const crm_label_def *l, crm_str *out);
void crm_table_say_label_source(const crm_table_schema *s, const crm_label_def *l, crm_str *out);
/* The data dictionary into the data set; *out is the caller's. */
CRM_CHECKED crm_table_make_dictionary(table_output *o, crm_table_dictionary **out);
#endif
