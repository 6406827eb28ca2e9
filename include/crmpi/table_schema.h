/* table_schema.h - what the files of an export hold: tables, columns, keys, references between
 * them, and what of it becomes the data set (room table).
 *
 * A schema is a YAML file (docs/schema.md).  It is read on every rank from the same bytes, so it is
 * equal on all.  One row of the data set is an entity (customer, order, ticket): a distinct key of
 * the entity table, in the order in which the keys first come up in its files. */
#ifndef CRM_TABLE_SCHEMA_H
#define CRM_TABLE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/base_str.h"
#include "crmpi/comm.h"
#include "crmpi/opt.h"

enum {
    CRM_TABLE_HOPS = 4,        /* references that a path may follow        */
    CRM_TABLE_REJECTS = 100000 /* lines of each table in the rejects file  */
};

/* ---- columns ---- */
typedef enum crm_field_type {
    CRM_FIELD_IGNORE,
    CRM_FIELD_INTEGER,  /* whole number that fits int64                                         */
    CRM_FIELD_REAL,     /* finite number                                                        */
    CRM_FIELD_BOOLEAN,  /* yes/no, true/false, y/n, t/f, 1/0 in any case, or values of its own   */
    CRM_FIELD_CATEGORY, /* text of few distinct values                                          */
    CRM_FIELD_TIME,     /* date or date and time                                                */
    CRM_FIELD_TEXT,     /* free text                                                            */
    CRM_FIELD_ID,       /* key, or reference to one                                             */
    CRM_FIELD_TYPE_COUNT
} crm_field_type;
/** "ignore", "integer", ..., NULL. */
extern const char *const crm_field_type_names[];

typedef enum crm_outlier_rule {
    CRM_OUTLIER_NONE,
    CRM_OUTLIER_IQR,    /* beyond the quartiles by more than factor (1.5) times their distance   */
    CRM_OUTLIER_ZSCORE, /* |x - mean| > factor (3) population standard deviations                */
    CRM_OUTLIER_ROBUST, /* |x - median| > factor (3.5) * 1.4826 * median absolute deviation      */
    CRM_OUTLIER_RULE_COUNT
} crm_outlier_rule;
typedef enum crm_outlier_action {
    CRM_OUTLIER_FLAG,      /* a column "<name> outlier" (0 or 1) is added */
    CRM_OUTLIER_WINSORISE, /* set to the nearest limit                    */
    CRM_OUTLIER_DROP,      /* the row is left out                         */
    CRM_OUTLIER_ACTION_COUNT
} crm_outlier_action;
typedef enum crm_fill {
    CRM_FILL_KEEP,     /* stays missing: a model fills it from its training rows (impute.fill) */
    CRM_FILL_DROP,     /* the row is left out */
    CRM_FILL_CONSTANT, /* a value of the schema */
    CRM_FILL_COUNT
} crm_fill;
typedef enum crm_bad {
    CRM_BAD_ERROR,   /* ends the import with file:line:col                                   */
    CRM_BAD_SKIP,    /* the row is left out, counted, and listed in the rejects file          */
    CRM_BAD_MISSING, /* the value becomes missing (of a broken row: all values), counted, listed */
    CRM_BAD_COUNT
} crm_bad;
typedef enum crm_letter_case {
    CRM_CASE_KEEP,
    CRM_CASE_LOWER,
    CRM_CASE_UPPER,
    CRM_CASE_COUNT
} crm_letter_case;

/** What a column is made of that no file has: numbers of its row, one after the other. */
typedef enum crm_derive {
    CRM_DERIVE_NONE,       /* read from the files                                        */
    CRM_DERIVE_PRODUCT,    /* a * b                                                      */
    CRM_DERIVE_RATIO,      /* a / b; missing when b is 0                                 */
    CRM_DERIVE_DIFFERENCE, /* a - b; of two times: days                                  */
    CRM_DERIVE_SUM,        /* a + b                                                      */
    CRM_DERIVE_COUNT
} crm_derive;
/** "none", "product", "ratio", "difference", "sum", NULL. */
extern const char *const crm_derive_names[];

/** A column of a table.  Texts are the schema's; "" means none. */
typedef struct crm_field {
    const char *name; /* as in the header */
    crm_field_type type;
    const char *format; /* TIME: as of strptime, "iso" (default): ISO 8601 with or without time */
    const char *unit, *meaning; /* for the data dictionary */
    char decimal;               /* '.' or ',' */
    char thousands; /* INTEGER, REAL: mark that may stand between groups of three digits: ',', '.',
                       ' ', '\''; 0: none */
    crm_opt_list strip; /* INTEGER, REAL: texts that may stand before or behind a number: "$" */
    double min, max;    /* numbers outside are impossible: handled as `bad` says; +-inf: none  */
    int64_t time_min, time_max; /* likewise for TIME, s since 1970, and for INTEGER; INT64_MIN,
                                   INT64_MAX: none */
    int bad;              /* crm_bad: of values that do not fit the type or the range            */
    crm_opt_list missing; /* texts that mean missing here, besides those of the table            */
    const char *yes, *no; /* BOOLEAN: texts of its own */
    crm_letter_case letters; /* CATEGORY, ID: case is made one */
    crm_opt_list map_from,
        map_to;         /* CATEGORY: values that are others: "F" -> "female" (after letters) */
    int64_t max_levels; /* CATEGORY: more distinct values are an error */
    crm_outlier_rule outlier;
    double outlier_factor;
    crm_outlier_action outlier_action;
    crm_fill fill;
    const char *fill_value; /* CONSTANT: as it would stand in the file */
    bool indicator;         /* adds a column "<name> missing" (0 or 1) */
    int ref_table;          /* ID: table whose key it refers to; -1: none */
    bool hashed;            /* ID, CATEGORY: replaced by a keyed hash (privacy.key) */
    bool scrubbed; /* TEXT: e-mail addresses, telephone, card and account numbers are taken out */
    bool ahead; /* TIME: of what is to come, known before: stays when it lies behind the cut-off */
    crm_derive derive; /* REAL: not in the files, made by crm_table_derive of from[2]; missing when
                          one of them is, or when the result is not finite */
    int from[2];       /* columns of the table before this one */
    bool guess;        /* REAL, of a single CSV: text in it makes it a column of text */
    int line, col;     /* in the schema */
} crm_field;

/* ---- values of other tables ---- */
/** A column seen from a table: of the table itself, or of one that its references lead to. */
typedef struct crm_path {
    int table, column; /* where the value stands; column -1: no path */
    int n_hops;
    int hop[CRM_TABLE_HOPS]; /* reference columns, the first one in the table it is seen from */
} crm_path;

/** One side of a comparison: a path, or a constant. */
typedef struct crm_operand {
    crm_path path;    /* column -1: the constant */
    double number;    /* also a TIME, s since 1970 */
    int64_t whole;    /* the number, when is_whole */
    bool is_whole;    /* the constant is a whole number of 64 bits, a TIME, yes or no */
    const char *text; /* for categories and ids */
} crm_operand;
typedef enum crm_relation { CRM_LT, CRM_LE, CRM_GT, CRM_GE, CRM_EQ, CRM_NE } crm_relation;
/** "a < b and c == d ...": all must hold.  A comparison with a missing value is missing. */
typedef struct crm_when {
    int n;
    struct {
        crm_operand left, right;
        crm_relation relation;
    } * term; /* [n] */
} crm_when;

/* ---- tables ---- */
typedef enum crm_duplicates {
    CRM_DUPLICATES_KEEP, /* but rows of the data set with equal content share a fold (array group)
                          */
    CRM_DUPLICATES_DROP, /* of rows equal in all columns that are not ignored the first stays    */
    CRM_DUPLICATES_NEAR, /* also of rows with equal key whose numbers differ by less than 1e-6 of
                            their size and whose texts differ by case, blanks and punctuation only
                          */
    CRM_DUPLICATES_COUNT
} crm_duplicates;

/** Rows that are events of an entity. */
typedef struct crm_event_role {
    bool is;
    crm_path time, category; /* category.column -1: the table's name */
    int n_numbers;
    crm_path *number;
    crm_when when; /* only such rows; n 0: all */
} crm_event_role;
/** Rows that are documents of an entity. */
typedef struct crm_document_role {
    bool is;
    int n_texts;
    int *text;     /* columns, put together with a line end between */
    crm_path time; /* column -1: none: 0 days before the cut-off */
    crm_path kind; /* column -1: kind_name */
    const char *kind_name;
    int n_labels; /* targets of documents */
    const char **label_name;
    crm_path *label;
} crm_document_role;

typedef struct crm_table_def {
    const char *name;
    crm_opt_list files; /* patterns (glob), relative to the folder that the user gives; in byte
                           order of the paths.  Each has the header, or none has one. */
    int separator;      /* crm_table_separator of table.h, or '|' as CRM_TABLE_SEPARATOR_COUNT */
    bool latin1;
    bool headerless;      /* the columns stand in the order of column, and no line names them */
    bool unquoted;        /* a quote is a character like others */
    crm_opt_list missing; /* besides the empty field */
    int bad;              /* crm_bad of broken rows (wrong number of fields, bad quotes, bytes) */
    int key;              /* column; -1: none */
    crm_duplicates duplicates;
    int n;
    crm_field *column; /* [n], those that the schema names, then those that are derived; other
                          columns of the file are ignored when `rest` says so, else an error */
    bool rest_ignored;
    int entity;           /* reference column that leads to the entity (first hop); -1: the entity
                             table itself, or a table without role */
    crm_path entity_path; /* to the key of the entity table; column -1: no way there */
    crm_event_role events;
    crm_document_role documents;
    bool single; /* one CSV without a schema: files is its path and no pattern, categories and texts
                    are kept with the blanks round them, messages name the options data.* */
    int line, col;
} crm_table_def;

/* ---- what is made of them ---- */
typedef enum crm_label_kind {
    CRM_LABEL_COLUMN, /* classes: the values of path                                       */
    CRM_LABEL_VALUE,  /* a number: path                                                    */
    CRM_LABEL_CUTS,   /* classes of a number: class[i] from cut[i - 1] to below cut[i]     */
    CRM_LABEL_WHEN,   /* "yes" when the condition holds for the entity's row, else "no"    */
    CRM_LABEL_ANY     /* "yes" when any row of a table does, with a time in the window
                         [cut-off, cut-off + within) when within > 0, else at any time        */
} crm_label_kind;
typedef struct crm_label_def {
    const char *name;
    crm_label_kind kind;
    crm_path path;
    const char *positive; /* COLUMN: class 1 of two; "": the last one sorted */
    int n_cuts;
    double *cut;            /* CUTS: [n_cuts], rising                       */
    crm_opt_list cut_class; /* CUTS: names of the [n_cuts + 1] classes      */
    crm_when when;
    int table;            /* ANY: with an event or document role */
    bool without_missing; /* ANY: entities without any row of the table in that time have no label;
                             else they are "no" */
    int64_t
        within; /* s.  Entities whose window goes beyond the last time of the table have no label */
    int line, col;
} crm_label_def;

enum { /* aggregates */
       CRM_AGG_COUNT = 1,
       CRM_AGG_SUM = 2,
       CRM_AGG_MEAN = 4,
       CRM_AGG_MAX = 8,
       CRM_AGG_DISTINCT = 16, /* of the category */
       CRM_AGG_RECENCY = 32,  /* days since the last event; with its window: whole history */
       CRM_AGG_GAPS = 64,     /* mean and largest days between events                      */
       CRM_AGG_TREND = 128,   /* least-squares slope over the months                       */
       CRM_AGG_SEASON = 256,  /* sine and cosine of the yearly phase, weighted by events   */
       CRM_AGG_CHANGE = 512,  /* window against the window before it                       */
       CRM_AGG_SHARES = 1024  /* share of each category in the whole history               */
};
typedef struct crm_feature_def {
    int n_windows;
    int64_t *window;     /* months of 30 days before the cut-off; 0: the whole history */
    unsigned aggregates; /* CRM_AGG_... */
    int months;          /* of the monthly block; 0: none */
    int n_products, n_ratios;
    const char *(*product)[2], *(*ratio)[2]; /* names of numeric columns of the profile, engineered
                                                ones too */
} crm_feature_def;

typedef struct crm_table_schema {
    const char *path; /* of the YAML */
    int n;
    crm_table_def *table; /* [n] */
    int entity;           /* table */
    int key;              /* its key column; -1: each row is an entity */
    int n_profile;
    crm_path *profile;  /* seen from the entity table */
    int contradictions; /* of rows with equal key: 0 first, 1 last, 2 missing, 3 error; counted */
    crm_path cutoff;    /* TIME seen from the entity table; column -1: cutoff_at for all */
    int64_t cutoff_at;  /* s since 1970; INT64_MAX: one second behind the last time of all events */
    bool history;       /* only entities with an event or document before the cut-off */
    int n_labels;
    crm_label_def *label;
    crm_feature_def features;
    crm_digest digest; /* of all of it that can change a data set */
} crm_table_schema;

/** Read a schema.  path "-" is not special.
 *  @return CRM_OK; CRM_ERR_CONFIG with all errors "FILE:LINE:COL: ..."; CRM_ERR_IO; CRM_ERR_NOMEM.
 *  *out is the caller's, for crm_table_schema_free.  Not collective, equal on all ranks. */
CRM_CHECKED crm_table_schema_open(const char *path, crm_table_schema **out);
CRM_CHECKED crm_table_schema_text(const char *name, const char *text, size_t len,
                                  crm_table_schema **out);
void crm_table_schema_free(crm_table_schema **s);
/** The path as a user writes it ("customers.state"). */
void crm_table_path_text(const crm_table_schema *s, int from, const crm_path *p, crm_str *out);

/** What was imported; the same on every rank. */
typedef struct crm_table_tables {
    int64_t entities, events, documents, tokens;
    int64_t rejected;       /* rows and values left out or made missing                   */
    int64_t listed;         /* those of them in the rejects file: the first of each table */
    int64_t orphans;        /* rows whose reference leads nowhere                         */
    int64_t repeated;       /* rows of referenced tables whose key an earlier one has     */
    int64_t late;           /* rows at or behind the cut-off, left out of the blocks      */
    int64_t late_dates;     /* dates of the profile at or behind it, taken as missing     */
    int64_t no_history;     /* entities left out because nothing of them lies before it   */
    int64_t no_cutoff;      /* entities left out because their cut-off is missing         */
    int64_t homeless;       /* events and documents of no entity                          */
    int64_t undated;        /* events and documents whose time is missing                 */
    int64_t empty;          /* rows of a table of documents without text                  */
    int64_t contradictions; /* entities with several values of a column, each column   */
    int64_t exports;        /* that the data set is made of; 0: their tables are not kept */
    int64_t *rows;          /* [tables] as read */
    crm_digest source, content;
} crm_table_tables;

struct crm_table_like; /* table.h */
/** Import the tables of a schema into the data set store_path (arrays: docs/data-set-arrays.md).
 *  Rows and values that were left out are listed, by place only, in "<store_path>.rejects.tsv"; the
 *  quality of the columns and the data dictionary are written to "<store_path>.md".
 *  @param[in] folder  what relative file patterns begin at
 *  @param[in] key_file  key for hashed columns; "" when no column is hashed
 *  @param[in] like  numeric columns that a fitted model needs, or NULL: categories and kinds that
 *  they are made of are there though no row has them, and there are no labels of entities
 *  Collective; all arguments equal on all ranks.  info may be NULL; else crm_table_tables_free it.
 *  @return as crm_table_import. */
CRM_CHECKED crm_table_import_schema(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                    const char *key_file, const char *store_path,
                                    const struct crm_table_like *like, crm_table_tables *info);
/** As crm_table_import_schema, and keep the typed tables in "<store_path>.tables.h5", as they are
 *  after reading, keyed hashes and derived columns and before cleaning.  append: put the rows of
 * the files behind the tables that are kept there, and make the data set anew from all of them: it
 * is what an import of the files of all exports in that order gives, but for `source_digest`, which
 * is a chain.  All tables are read, one after the other, before the data set is made, so that no
 * more memory is needed than for an import of all exports.  Data set and tables stay as they were
 * when it fails; a pair that was cut off between the two renames is put right by the next append.
 *  Collective; all arguments equal on all ranks.
 *  @return as crm_table_import_schema; CRM_ERR_CONFIG no data set or tables to append to, a schema
 *  that differs in more than files, profile, cut-off, labels and features (the key is named),
 *  another key file, or files that are in the data set already; CRM_ERR_FORMAT tables that are
 *  damaged or do not belong to the data set. */
CRM_CHECKED crm_table_import_kept(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                  const char *key_file, const char *store_path, bool append,
                                  crm_table_tables *info);
void crm_table_tables_free(crm_table_tables *info);
/** Exports that the data set store_path is made of; 0: its tables are not kept.  Collective. */
CRM_CHECKED crm_table_kept_exports(crm_comm *comm, const char *store_path, int64_t *n);
/** Take entities out of the tables that are kept beside the data set store_path: the rows of every
 *  table that belong to one of the n ids, as crm_data_row_id writes them, also where the entity
 *  itself has no row or is not in the data set; rows of no entity stay.  Categories that only they
 *  had go.  The file is replaced by a new one when a row goes.
 *  @param[out] rows  taken out; -1: no tables are kept
 *  @return CRM_OK; CRM_ERR_FORMAT damaged, or tables without the text of their schema; CRM_ERR_IO;
 *  CRM_ERR_NOMEM.  Collective; all arguments equal on all ranks. */
CRM_CHECKED crm_table_forget(crm_comm *comm, const char *store_path, int64_t n,
                             const char *const *id, int64_t *rows);
/** What crm_table_import_schema writes into `source_digest`.  It depends on the key of hashed
 *  columns through a keyed hash of a fixed text.  Collective. */
CRM_CHECKED crm_table_schema_source(crm_comm *comm, const crm_table_schema *s, const char *folder,
                                    const char *key_file, crm_digest *digest);

/** Look at files and write a schema for them, with guessed types, keys, references, ranges and
 *  comments, to be edited.  Collective; out (rank 0's is filled) is YAML. */
CRM_CHECKED crm_table_propose(crm_comm *comm, int n_files, const char *const *file, crm_str *out);
#endif
