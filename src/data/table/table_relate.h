/* table_relate.h - inside of room table: from the frames of a schema to the data set.
 *
 *   table_route      items to the ranks that they belong to, and answers back
 *   table_world      the frames that are in memory, and where their references lead
 *   table_values     values of a path for the rows of a table
 *   table_when       conditions
 *   table_entity     rows of the data set; what the rows of an entity say together
 *   table_stream     events and documents by entity and time
 *   table_target     labels
 *   table_features   columns made of events and documents
 *   table_make       the data set */
#ifndef CRM_TABLE_RELATE_H
#define CRM_TABLE_RELATE_H

#include "table_frame.h"
#include "table_route.h"

enum { TABLE_DAY = 86400, TABLE_MONTH = 30 * TABLE_DAY }; /* s */

/* Ranks that have the rows of a frame or an index.  *to is the caller's.  Not collective. */
CRM_CHECKED crm_table_owners(crm_comm *comm, const int64_t *first, const int64_t *row, int64_t n,
                             int32_t **to);
/* first [ranks + 1] of parts of n items on this rank; the caller's.  Collective. */
CRM_CHECKED crm_table_firsts(crm_comm *comm, int64_t n, int64_t **first);

/* ---- names: a list of texts that outlives the frame it came from ---- */
typedef struct table_names {
    int64_t n;
    char **item;
    char *bytes;
} table_names;
CRM_CHECKED crm_table_names_copy(int64_t n, const char *const *item, table_names *out);
void crm_table_names_free(table_names *x);
/* Keep the names whose used[k] > 0; used[k] becomes the new number, -1 for the others. */
void crm_table_names_keep(table_names *x, int64_t *used);

/* ---- frames in memory ---- */
typedef struct table_member {
    bool here;
    table_frame frame;
    table_extra extra;
    table_quality quality;
    int64_t *first;     /* [ranks + 1] rows of the ranks */
    table_index *index; /* of the key; NULL until a reference asks for it                      */
    int64_t **link;     /* [columns] of a reference: the row it leads to, -1; NULL until asked */
    int64_t rows, orphans;
    crm_digest source;
} table_member;

typedef struct table_world {
    crm_comm *comm;
    const crm_table_schema *schema;
    const char *folder, *key_file;
    table_rejects *rejects; /* may be NULL */
    table_member *member;   /* [tables]    */
} table_world;

/* The frame of a table is in its member: let others refer to it.  Collective. */
CRM_CHECKED crm_table_world_add(table_world *w, int table);
void crm_table_world_drop(table_world *w, int table);
/* Row of the table at the end of the path's references, for each row of table from; -1: none.
 * *row [rows of from] is the caller's.  Collective. */
CRM_CHECKED crm_table_world_rows(table_world *w, int from, const crm_path *p, int64_t **row);

/* ---- values ---- */
/* One value for each of n rows; what the type does not use is NULL. */
typedef struct table_values {
    crm_field_type type;
    int64_t n;
    bool owned; /* else the arrays are those of a frame */
    double *real;
    int64_t *whole;
    int32_t *code;
    crm_digest *key;
    int64_t n_levels;
    const char *const *level; /* of a frame, or names.item */
    table_names names;
} table_values;
/* Values of a path seen from table from.  Collective; crm_table_values_free also after a failure.
 */
CRM_CHECKED crm_table_values_get(table_world *w, int from, const crm_path *p, table_values *out);
void crm_table_values_free(table_values *v);
/* The array that the type uses, and the bytes of an item. */
void *crm_table_values_data(const table_values *v, size_t *size);
bool crm_table_values_missing(const table_values *v, int64_t i);
bool crm_table_values_equal(const table_values *v, int64_t i, int64_t j);
/* As a number: TIME in seconds; NaN: missing or no number. */
double crm_table_values_number(const table_values *v, int64_t i);
/* Copy of the kind and the levels of v with room for n values, all missing. */
CRM_CHECKED crm_table_values_like(const table_values *v, int64_t n, table_values *out);

/* ---- conditions ---- */
enum { TABLE_FALSE = 0, TABLE_TRUE = 1, TABLE_UNKNOWN = 2 };
/* out [rows of table] TABLE_FALSE, ...; without terms TABLE_TRUE.  Collective. */
CRM_CHECKED crm_table_when(table_world *w, int table, const crm_when *when, uint8_t *out);

/* ---- entities ---- */
/* Rows of the data set to be.  Entity e belongs to the rank with first[rank] <= e < first[rank +
 * 1]. */
typedef struct table_entities {
    crm_comm *comm;
    int64_t n, before, total; /* here, on ranks before, on all */
    int64_t *first;           /* [ranks + 1]                   */
    int64_t *of_row;          /* [rows of the entity table's frame] entity, -1: none */
    table_route route;        /* rows of the entity table to the ranks of their entities */
    int64_t *entity;          /* [route.n_in] entity of this rank, counted from 0     */
    table_index *by_key;      /* entities by key; NULL where each row is one          */
    int64_t *cutoff;          /* [n] s since 1970; CRM_WHOLE_MISSING: none            */
    int64_t contradictions;   /* entities and columns with more than one value, on all ranks */
} table_entities;
/* Distinct keys in the order of the entity table's rows.  Collective. */
CRM_CHECKED crm_table_entities_new(table_world *w, table_entities *e);
/* What the rows of each entity say: values of the entity table's rows -> one for each entity of
 * this rank, as schema.contradictions says.  A row with use[row] == 0 says nothing (use NULL: all
 * do).  name is for messages.  Collective. */
CRM_CHECKED crm_table_entities_say(table_world *w, table_entities *e, const table_values *v,
                                   const uint8_t *use, const char *name, table_values *out);
/* Entity of each row of a table; *of [rows] is the caller's.  Collective. */
CRM_CHECKED crm_table_entities_of(table_world *w, const table_entities *e, int table, int64_t **of);
/* What only the frame of the entity table needs. */
void crm_table_entities_settle(table_entities *e);
void crm_table_entities_free(table_entities *e);

/* ---- streams ---- */
/* A column of a stream. */
typedef struct table_lane {
    size_t size; /* bytes of an item */
    void *data;  /* [n] */
} table_lane;

/* Dated rows of one table in one role, by (entity, time, row). */
typedef struct table_stream {
    int table;
    bool documents; /* else events */
    bool dated;     /* documents may have no time; it is then CRM_WHOLE_MISSING */
    int64_t n;
    int64_t *first; /* [entities + 1] */
    int64_t last;   /* the latest time of all rows of the table; INT64_MIN: none */
    int n_lanes;
    table_lane *lane; /* all of the below that are [n], for what is done to each */
    int64_t *time;
    uint32_t *mark;    /* bit 0: it is in the role; bit 1 + k: the condition of label k holds */
    int32_t *category; /* or kind of a document; NULL: all have the first name */
    table_names names;
    int n_numbers;
    double **number; /* [n_numbers] events */
    table_names number_name;
    int n_labels; /* of documents */
    int32_t **label;
    int64_t *token_at, *tokens; /* [n] first token of each document, and how many it has */
    int32_t *token;             /* numbers of words */
    int64_t n_tokens;
} table_stream;

/* ---- words ---- */
typedef struct table_words {
    table_levels local;  /* words of this rank in the order of their numbers            */
    table_levels all;    /* of all documents of the data set, once crm_table_words_end  */
    const char **sorted; /* [all.n] by bytes */
    int32_t *code;       /* [local.n] index in sorted, -1: not used */
} table_words;
#endif
