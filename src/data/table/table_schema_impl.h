/* table_schema_impl.h - what the files that read a schema share (inside of room table).
 *
 *   table_schema          file -> tables, entity; order of the passes
 *   table_schema_columns  columns of a table
 *   table_schema_paths    "reference.column", conditions
 *   table_schema_roles    events, documents, labels, features
 *   table_schema_numbers  names that products and ratios can have
 *   table_schema_profile  columns of the profile, and which of them tell a label
 *   table_schema_digest   digest of all that can change a data set
 *
 * Every function takes all that it can from its node and adds an error for the rest, so that one
 * pass tells all errors; what is wrong keeps its default. */
#ifndef CRM_TABLE_SCHEMA_IMPL_H
#define CRM_TABLE_SCHEMA_IMPL_H

#include "crmpi/opt_tree.h"
#include "crmpi/table_schema.h"

enum { CRM_PATH_TEXT_MAX = 1024 }; /* bytes of a path or a side of a comparison */

typedef struct schema_side { /* of a table, while it is read */
    const crm_node *node;
    const crm_node **reference; /* [n] by column; NULL: none */
} schema_side;

typedef struct schema_reader {
    crm_table_schema pub;
    crm_tree_file *tree; /* owns the texts */
    void **owned;
    int n_owned, cap_owned;
    schema_side *side; /* [pub.n] */
    bool *used;        /* columns that the profile leaves out, of the entity table [column]; may be
                          NULL */
    bool nomem;
} schema_reader;

extern const crm_path crm_path_none;

/* n zeroed items that live as long as the schema; NULL sets nomem. */
void *crm_table_schema_new(schema_reader *r, int n, size_t size);
/* Seconds since 1970 of an ISO date or date and time; false when it is none. */
bool crm_table_schema_date(const char *text, int64_t *out);

/* The text begins with digits as a date has them, whether it is one or not. */
bool crm_table_schema_is_dated(const char *text);

/* ---- columns ---- */
void crm_table_schema_columns(schema_reader *r, crm_table_def *t, schema_side *side);
/* text with the letters of a column; out [strlen(text) + 1] zeroed. */
void crm_table_schema_letters(crm_letter_case how, const char *text, char *out);
/* Index of the column, -1 when there is none. */
int crm_table_schema_column(const crm_table_def *t, const char *name, size_t len);
/* As column; an error at node, whose text is the name, when there is none. */
int crm_table_schema_need_column(schema_reader *r, const crm_table_def *t, const crm_node *node);
/* Index of the table; at -1 an error at node. */
int crm_table_schema_need_table(schema_reader *r, const crm_node *node);
/* A list of texts; an item with an error is left out. */
void crm_table_schema_list(schema_reader *r, const crm_node *node, crm_opt_list *out);

/* ---- paths ---- */
/* The column that the text of node names from a table; false after an error at node. */
bool crm_table_schema_path(schema_reader *r, int from, const crm_node *node, crm_path *out);
/* As path, of one of the types in the set 1 << type | ...; role: "the time of an event". */
bool crm_table_schema_typed(schema_reader *r, int from, const crm_node *node, unsigned types,
                            const char *role, crm_path *out);
void crm_table_schema_when(schema_reader *r, int from, const crm_node *node, crm_when *out);
const crm_field *crm_table_schema_field(const crm_table_schema *s, const crm_path *p);

/* ---- roles ---- */
void crm_table_schema_roles(schema_reader *r, int table);
void crm_table_schema_labels(schema_reader *r, const crm_node *node);
void crm_table_schema_features(schema_reader *r, const crm_node *node);
/* Behind the profile, and windows and aggregates of the features: an error at node when no number
 * of the data set will have that name. */
void crm_table_schema_number(schema_reader *r, const crm_node *node, const char *name);

/* ---- profile ---- */
/* Behind the labels.  A column of the profile that tells a label is an error. */
void crm_table_schema_profile(schema_reader *r, const crm_node *node);

/* ---- digest ---- */
CRM_CHECKED crm_table_schema_digest(const crm_table_schema *s, crm_digest *out);
/* What a later export must find as it was: for each key its name and the digest of its value in
 * hexadecimal, each with its 0, in the order of the schema.  Not of files, profile, cut-off, labels
 * and features, which the typed columns do not depend on.  Not collective. */
CRM_CHECKED crm_table_schema_keys(const crm_table_schema *s, crm_str *out);
#endif
