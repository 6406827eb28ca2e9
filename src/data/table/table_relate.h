/* table_relate.h - inside of room table: from the frames of a schema to the data set.
 *
 *   table_route      items to the ranks that they belong to, and answers back
 *   table_world      the frames that are in memory, and where their references lead
 *   table_values     values of a path for the rows of a table
 *   table_when       conditions
 *   table_entity     rows of the data set; what the rows of an entity say together
 *   table_stream     events and documents by entity and time
 *   table_words      their words
 *   table_classes    values as classes
 *   table_ahead      dates of the profile at or behind the cut-off
 *   table_set        all that a data set is made of
 *   table_target     labels
 *   table_aggregate  numbers of a stretch of a stream
 *   table_feature_names  which columns events and documents are made into
 *   table_features   columns and months made of streams
 *   table_make       the arrays of the data set
 *   table_tables     the import from end to end */
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
/* Add a text unless it is there. */
CRM_CHECKED crm_table_names_add(table_names *x, const char *text);
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
    int64_t rows, orphans, repeated;
    crm_digest source;
} table_member;

typedef struct table_world {
    crm_comm *comm;
    const crm_table_schema *schema;
    const char *folder, *key_file;
    table_rejects *rejects; /* may be NULL */
    table_member *member;   /* [tables]    */
    bool uncut;             /* values are those before the cleaning, but filled: for labels */
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
    uint8_t *filled; /* 1: a constant in the place of a missing value; NULL: none on any rank */
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
void crm_table_values_clear(table_values *v, int64_t i);
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
    int64_t *entity;          /* [route.n_in] entity of this rank, counted from 0        */
    table_index *by_key;      /* entities by key; NULL where no table asks for it        */
    int64_t contradictions;   /* entities and columns with more than one value, on all ranks */
} table_entities;
/* Distinct keys in the order of the entity table's rows.  Collective. */
CRM_CHECKED crm_table_entities_new(table_world *w, table_entities *e);
/* What the rows of each entity say: values of the entity table's rows -> one for each entity of
 * this rank, as schema.contradictions says; a missing value contradicts nothing, and one that
 * was filled says something only where no row has a value of its own.  What comes in as
 * number i [route.n_in] says nothing when use[i] == 0 (use NULL: all do).  name is for messages.
 * Collective. */
CRM_CHECKED crm_table_entities_say(table_world *w, table_entities *e, const table_values *v,
                                   const uint8_t *use, const char *name, table_values *out);
/* Entity of each row of a table; *of [rows] is the caller's.  Collective. */
CRM_CHECKED crm_table_entities_of(table_world *w, const table_entities *e, int table, int64_t **of);
/* Keys as texts, one behind the other (of the first row of each); both are the caller's.
 * Collective. */
CRM_CHECKED crm_table_entities_ids(table_world *w, const table_entities *e, int64_t **end,
                                   char **bytes);
void crm_table_entities_free(table_entities *e);

/* ---- words of documents ---- */
typedef struct table_words {
    table_levels local;  /* words of this rank in the order of their numbers           */
    table_levels all;    /* of all documents of the data set, once crm_table_words_end */
    const char **sorted; /* [all.n] by bytes                                           */
    int32_t *code;       /* [local.n] index in sorted, -1: not used                    */
} table_words;
/* Words that are used (used[i] != 0 of each of this rank's), in one list for all ranks.
 * Collective. */
CRM_CHECKED crm_table_words_end(crm_comm *comm, const uint8_t *used, table_words *x);
void crm_table_words_free(table_words *x);

/* ---- streams ---- */
/* A column of a stream: n items of size bytes. */
typedef struct table_lane {
    size_t size;
    void *data;
} table_lane;

enum { TABLE_MARK_THERE = 63 };
/* Rows of one table in one role, by (entity, time, row). */
typedef struct table_stream {
    int table;
    bool documents; /* else events */
    bool dated;     /* documents may have no time: it is then CRM_WHOLE_MISSING */
    int64_t n;
    int64_t *first; /* [entities + 1] */
    int64_t last;   /* the latest time of all rows of the table; INT64_MIN: none */
    int64_t homeless, undated, empty; /* rows of all ranks left out: without entity, time, text */
    int n_lanes;
    table_lane *lane;        /* the arrays below that are [n]                                  */
    int64_t *time;           /* s */
    uint64_t *mark;          /* bit 0: in the role; bit 1 + k: the condition of label k holds;
                                TABLE_MARK_THERE: a label asks whether there is a row at all */
    int32_t *category;       /* of an event, or kind of a document; -1 missing                */
    table_names names;       /* of the categories                                             */
    int64_t *uses;           /* [names.n] items of all ranks with each, once it is settled     */
    int n_numbers, n_labels; /* of the role */
    double **number;         /* [numbers of the role][n]                                      */
    int32_t **label;         /* [labels of the role][n] classes; NULL: a number               */
    double **label_number;   /* [labels of the role][n]                                       */
    table_names *classes;    /* [labels of the role]                                          */
    int64_t *token_first;    /* [n] of each document in token                                 */
    int64_t *tokens;         /* [n]                                                           */
    int32_t *token;          /* numbers of words                                              */
    int64_t n_tokens;
} table_stream;
/* Rows of a table in a role.  Collective. */
CRM_CHECKED crm_table_stream_new(table_world *w, const table_entities *e, int table, bool documents,
                                 table_words *words, table_stream *s);
/* Keep items i with keep[i] != 0, in place; first is made anew for the entities that stay
 * (entity_keep [entities], NULL: all). */
void crm_table_stream_keep(table_stream *s, int64_t n_entities, const uint8_t *keep,
                           const uint8_t *entity_keep);
void crm_table_stream_free(table_stream *s);

/* ---- classes ---- */
/* Values as classes: categories, whole numbers, booleans; sorted as levels are.  code [v->n].
 * Collective. */
CRM_CHECKED crm_table_classes(crm_comm *comm, const table_values *v, const crm_field *f,
                              int32_t *code, table_names *names);

/* ---- all that a data set is made of, on this rank ---- */
/* A target of the entities. */
typedef struct table_label {
    int32_t *code; /* [entities] classes; NULL: numbers */
    table_names classes;
    double *value;
    char *column; /* name of the number */
} table_label;

/* A column of the profile. */
typedef struct table_column {
    char *name;
    table_values v;
    crm_path from;  /* column -1: a flag of the cleaning */
    crm_path about; /* from, or the column that the flag tells about */
    bool outlier;   /* a flag of outliers, else of missing values */
} table_column;

typedef struct table_set {
    crm_comm *comm;
    const crm_table_schema *schema;
    const crm_table_like *like; /* NULL: none */
    const table_names *former;  /* digests of the data sets that it comes from; NULL: none */
    const char *key_check;      /* of the key of hashed columns; "" or NULL: none */
    table_entities e;
    int64_t n, before, total; /* rows here, on ranks before, on all */
    int64_t *cutoff;          /* [n] s since 1970; CRM_WHOLE_MISSING: none */
    int n_num, n_cat;
    table_column *num, *cat;
    table_label *label; /* [labels of the schema] */
    int64_t *id_end;    /* [n]; NULL: no ids */
    char *id_bytes;
    int n_streams;
    table_stream *stream;
    table_words words;
    int64_t late, no_history, no_cutoff;
    int64_t late_dates; /* of the profile, at or behind the cut-off */
} table_set;

/* ---- dates of the profile that were not known at the cut-off ---- */
enum { TABLE_AHEAD_LATE = 1, TABLE_AHEAD_FILLED = 2 };
/* *item [route.n_in]: what comes in says nothing of the column at p, as a date that it is, or is
 * made of, lies at or behind the cut-off (TABLE_AHEAD_LATE), or as it is made of a date that was
 * filled; the caller's, NULL: all may say something.  Collective. */
CRM_CHECKED crm_table_ahead(table_world *w, const table_set *x, const crm_path *p, uint8_t **item);
/* *out [route.n_in] of use and item, for crm_table_entities_say; the caller's, NULL without item:
 * use then.  *late (may be NULL) grows by the dates. */
CRM_CHECKED crm_table_ahead_use(const table_set *x, const uint8_t *use, const uint8_t *item,
                                uint8_t **out, int64_t *late);
/* Entities whose rows say nothing for such dates alone get what stands for a missing value. */
CRM_CHECKED crm_table_ahead_settle(const table_set *x, const uint8_t *item, table_column *c);
/* Likewise for the default cut-off, which is known when all tables are read: dates of the profile
 * alone, not what is derived from them. */
CRM_CHECKED crm_table_ahead_default(table_set *x);

/* What the entity table says of its rows; its frame and what it refers to are there.  Collective.
 */
CRM_CHECKED crm_table_set_entities(table_world *w, table_set *x);
/* Cut-offs, labels that look at events, what lies behind the cut-off goes; the frames are not
 * needed any more.  Collective. */
CRM_CHECKED crm_table_set_settle(table_set *x);
void crm_table_set_free(table_set *x);
/* Labels of the entity's own row, and those that look at a table.  Collective. */
CRM_CHECKED crm_table_target_own(table_world *w, table_set *x);
CRM_CHECKED crm_table_target_any(table_set *x);

/* ---- numbers of streams ---- */
typedef enum table_op {
    TABLE_COUNT,
    TABLE_SUM,
    TABLE_MEAN,
    TABLE_MAX,
    TABLE_DISTINCT,
    TABLE_RECENCY,
    TABLE_GAP_MEAN,
    TABLE_GAP_MAX,
    TABLE_TREND,
    TABLE_SEASON_SIN,
    TABLE_SEASON_COS,
    TABLE_CHANGE,
    TABLE_SHARE,
    TABLE_OP_COUNT
} table_op;
/* A column made of a stream. */
typedef struct table_feature {
    char *name;
    int stream;
    table_op op;
    int64_t span;     /* s before the cut-off; 0: the whole history */
    int number;       /* of the stream; -1: the events themselves   */
    int32_t category; /* TABLE_SHARE */
} table_feature;
/* Value for entity number i of this rank.  seen [names of the stream] is scratch, zeros at first.
 * NaN where there is nothing to tell from. */
double crm_table_aggregate(const table_set *x, const table_feature *f, int64_t i, int64_t *seen);
/* Events (number -1) or sum of a number in the months before the cut-off, oldest first. */
void crm_table_months(const table_set *x, int stream, int number, int64_t i, int months,
                      double *out);

typedef crm_status (*table_feature_fn)(void *ctx, const table_feature *f, const char *name);
/* Columns that the events or the documents of a table are made into, in the order of the data set:
 * f->name and f->stream are not set.  The shares of categories are one of them, whose name ends
 * with "share.": which there are only the rows can tell.  A status of fn that is not CRM_OK ends
 * it.  Not collective. */
CRM_CHECKED crm_table_features_each(const crm_table_schema *s, int table, bool documents,
                                    table_feature_fn fn, void *ctx);

typedef struct table_pair { /* a product or a ratio of two columns */
    char *name;
    bool ratio;
    int of[2];
} table_pair;
/* Columns of profile/num: the profile's, then features, then pairs. */
typedef struct table_features {
    int n, n_features, n_pairs;
    char **name; /* [n] */
    table_feature *feature;
    table_pair *pair;
    int64_t *seen; /* scratch */
    int n_channels, months;
    char **channel; /* [n_channels] of the monthly block */
    int *channel_stream, *channel_number;
} table_features;
/* Collective. */
CRM_CHECKED crm_table_features_new(const table_set *x, table_features *out);
/* All numbers of entity i: out [n]. */
void crm_table_features_row(const table_set *x, const table_features *f, int64_t i, double *out);
void crm_table_features_free(table_features *f);

/* ---- the data set ---- */
/* Counts in out are filled but rows, orphans, repeated and rejected.  Collective. */
CRM_CHECKED crm_table_make(const table_set *x, const char *path, crm_digest source, table_world *w,
                           crm_table_tables *out);
#endif
