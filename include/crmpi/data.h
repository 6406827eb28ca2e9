/* data.h - the data set as typed blocks, targets, views, folds and the flat view (room data).
 *
 * A row is a customer.  Blocks are optional; arrays are mapped from the file (docs/data-format.md)
 * and read-only.  Nothing here is collective but where said. */
#ifndef CRM_DATA_H
#define CRM_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/comm.h"

/* ---- columns ---- */
/** Names of the columns of a table-like block, and the levels of its categorical columns. */
typedef struct crm_schema {
    int n_num, n_cat;
    const char *const *num_name; /* [n_num] */
    const char *const *cat_name; /* [n_cat] */
    const int64_t *n_levels;     /* [n_cat] */
    const char *const *const
        *level; /* [n_cat][n_levels]; a row may be NULL (levels without names) */
} crm_schema;

/** Rows of a table in memory: num[n][schema.n_num] f32 (NaN = missing), cat[n][schema.n_cat] codes
 * (-1 = missing).  row[n] are data set rows (borrowed). */
typedef struct crm_block {
    int64_t n;
    const int64_t *row;
    float *num;
    int32_t *cat;
} crm_block;

/* ---- the data set ---- */
typedef enum crm_level {
    CRM_LEVEL_CUSTOMER,
    CRM_LEVEL_DOCUMENT,
    CRM_LEVEL_TOKEN,
    CRM_LEVEL_COUNT
} crm_level;
extern const char *const crm_level_names[]; /* "customer", "document", "token", NULL */

/** What is to be learnt about each unit: a row (customer), a document, or a token of a document.  A
 * class target has labels, a numeric target (n_classes 0) has values. */
typedef struct crm_target {
    const char *name;
    crm_level level;
    int n_classes;                  /* 0: numeric */
    const char *const *class_name;  /* [n_classes] */
    const int32_t *label;           /* [units]; -1 = missing; NULL when numeric */
    int width;                      /* numbers of a unit; 0 for classes */
    const char *const *column_name; /* [width] */
    const float *value;             /* [units][width]; NaN = missing; NULL for classes */
    const float
        *oracle; /* [units][n_classes] true probability, [units][width] true mean, or NULL */
} crm_target;

typedef struct crm_data crm_data; /* opaque; data_impl.h */
typedef struct crm_monthly {
    int64_t channels, months;
    const char *const *name; /* [channels] */
    const float *value;      /* [rows][channels][months] */
} crm_monthly;
typedef struct crm_events {
    int64_t n, numbers; /* events in all, numbers of each */
    int64_t n_categories;
    const char *const *category_name; /* [n_categories] */
    const char *const *number_name;   /* [numbers]      */
    const int64_t *first;             /* [rows + 1]     */
    const int32_t *category;          /* [n]            */
    const float *time;  /* [n] days before the end of the window, descending within a row */
    const float *value; /* [n][numbers]   */
} crm_events;
typedef struct crm_documents {
    int64_t n, n_tokens, n_words, n_kinds;
    const char *const *word;      /* [n_words] dictionary of tokens as written */
    const char *const *kind_name; /* [n_kinds] */
    const int64_t *first;         /* [rows + 1] documents of a row     */
    const int64_t *token_first;   /* [n + 1] tokens of a document      */
    const int32_t *kind;          /* [n]                               */
    const float *time;            /* [n] days before the end of the window */
    const int32_t *token;         /* [n_tokens] dictionary ids         */
} crm_documents;

/** Open a data set (HDF5).  CRM_ERR_IO / CRM_ERR_FORMAT with the path and what is wrong. */
CRM_CHECKED crm_data_open(const char *path, crm_data **out);
/** Compare the content of all arrays with the digest in the file, each rank a part of it;
 *  CRM_ERR_FORMAT when they differ.  Collective over comm (NULL: this process alone). */
CRM_CHECKED crm_data_verify(crm_comm *comm, const crm_data *d);
int64_t crm_data_rows(const crm_data *d);
crm_digest crm_data_digest(const crm_data *d);
/** Digest of the source it was imported from ("" when it has none), to see whether an import is
 * fresh. */
const char *crm_data_source_digest(const crm_data *d);
/** Tells keys of hashed columns apart and tells nothing of them ("" when no column is hashed, and
 * for data sets of before it was stored). */
const char *crm_data_key_check(const crm_data *d);
const char *crm_data_path(const crm_data *d);
/** Profile block: names, numbers [rows][n_num], codes [rows][n_cat] (NULL when none). */
const crm_schema *crm_data_profile(const crm_data *d, const float **num, const int32_t **cat);
/** NULL when the block is absent. */
const crm_monthly *crm_data_monthly(const crm_data *d);
const crm_events *crm_data_events(const crm_data *d);
const crm_documents *crm_data_documents(const crm_data *d);
/** Units of a level: rows, documents, tokens. */
int64_t crm_data_units(const crm_data *d, crm_level level);
int crm_data_n_targets(const crm_data *d);
const crm_target *crm_data_target(const crm_data *d, int i);
/** CRM_ERR_CONFIG naming the targets there are (nearest first) when name is unknown. */
CRM_CHECKED crm_data_find_target(const crm_data *d, const char *name, int *index);
/** Ids of all rows: numbers, or UTF-8 texts byte[first[i]] .. byte[first[i + 1] - 1]; what is not
 * there is NULL. */
typedef struct crm_ids {
    const int64_t *number; /* [rows]     */
    const int64_t *first;  /* [rows + 1] */
    const uint8_t *byte;   /* NULL too when all texts are empty */
} crm_ids;
crm_ids crm_data_ids(const crm_data *d);
/** Text id of a row (its number when the data set has no id column); out has cap bytes. */
const char *crm_data_row_id(const crm_data *d, int64_t row, char *out, size_t cap);
/** Surveyed satisfaction before and after a measure, [rows] each (NaN = not asked), and whether the
 * row was treated; NULL when absent. */
const float *crm_data_survey(const crm_data *d, const float **after, const int32_t **treated);
/** Group numbers of the rows, [rows], or NULL: rows with equal numbers are duplicates of each
 * other, which folds and splits below never part. */
const int64_t *crm_data_group(const crm_data *d);
/** 1 for the rows of a fixed test part, 0 for the others, [rows]; NULL: there is no such part. */
const int32_t *crm_data_part(const crm_data *d);
/** Cut-offs of the rows, s since 1970, [rows]; NULL: not stored. */
const int64_t *crm_data_cutoff(const crm_data *d);
/** What each column of each block is: a row for each, texts "" where nothing is known. */
typedef struct crm_dictionary {
    int n;
    const char *const *block, *const *name, *const *type, *const *unit;
    const char *const *meaning, *const *source, *const *cleaning;
    const float *missing; /* share of values, 0 to 1; NaN: not counted */
} crm_dictionary;
/** NULL when the data set has none (made by an older version). */
const crm_dictionary *crm_data_dictionary(const crm_data *d);
/** For who has read rows of the data set once and keeps them: its own pages no longer count as
 * memory of this process (crm_store_release).  Nothing changes for readers.  Not collective,
 * thread-safe. */
void crm_data_release(const crm_data *d);
void crm_data_close(crm_data **d);

/** In place of a data set of customers, one whose rows are its documents, in their order: each has
 *  its one document, its kind as a categorical column where there are several kinds, the group of
 *  its customer (so that folds keep the documents of a customer together; where duplicates of
 *  customers are known, theirs), the customer's cut-off and the id "<customer>#<number, from 1>".
 *  Targets of documents are those of the rows; digest and path stay.  crm_data_close closes both.
 *  CRM_ERR_CONFIG, in terms of data.units, when there are no documents; *d is as before then. */
CRM_CHECKED crm_data_take_documents(crm_data **d);

/** What a row is: a customer, or a document after crm_data_take_documents. */
crm_level crm_data_unit(const crm_data *d);

/** Rows put together from rows of a data set: customer i has the profile of row[i], and of other
 * rows what is listed. */
typedef struct crm_recombine {
    int64_t n;
    const int64_t *row;                          /* [n] of the base            */
    const int64_t *monthly, *events, *documents; /* [n] rows that these blocks are taken from;
                                                    NULL: row                   */
    int column;           /* of the profile, numeric or categorical, that has other values: */
    const float *num;     /* [n]; NULL: none */
    const int32_t *cat;   /* [n] codes; NULL: none; not both */
    int target;           /* with other labels:              */
    const int32_t *label; /* [n], borrowed; NULL: the labels of row */
} crm_recombine;
/** A data set in memory of such rows, for learning and predicting as with any other; its digest and
 *  path are the base's, it has no ids.  base must outlive it; crm_data_close frees it. */
CRM_CHECKED crm_data_recombine(const crm_data *base, const crm_recombine *g, crm_data **out);

/* ---- views and folds ---- */
/** A list of rows; the same on every rank. */
typedef struct crm_view {
    const crm_data *data;
    int64_t n;
    int64_t *row;
} crm_view;
/** Rows with a label of the target; for one of tokens, those with a labelled token.
 * CRM_ERR_CONFIG, in terms of eval.target, when the target is numeric or labels documents. */
CRM_CHECKED crm_view_labelled(const crm_data *d, int target, crm_view **out);
CRM_CHECKED crm_view_all(const crm_data *d, crm_view **out);
/** Rows of v at the positions where keep[i] != 0. */
CRM_CHECKED crm_view_select(const crm_view *v, const uint8_t *keep, crm_view **out);
/** Stratified split of v: about fraction of the rows of each class (at least one of each class with
 * two or more rows) into *second, the rest into *first.  Rows with equal group[row of the data set]
 * (NULL: none) and duplicates go the way of the first of them in the shuffled order, but never all
 * rows of v: *second is empty where they are one such group.  Keyed by seed; not by rank. */
CRM_CHECKED crm_view_split(const crm_view *v, const int64_t *group, int target, double fraction,
                           uint64_t seed, crm_view **first, crm_view **second);
/** About fraction of the rows of v, which need no class, into *second and the rest into *first.
 * Rows with equal group[row of the data set] (NULL: none) and duplicates go as one, each such group
 * by a draw of its own; both parts have a row when there are two groups.  Keyed by seed. */
CRM_CHECKED crm_view_draw(const crm_view *v, const int64_t *group, double fraction, uint64_t seed,
                          crm_view **first, crm_view **second);
void crm_view_free(crm_view **v);

typedef struct crm_folds {
    int folds, repeats;
    int64_t n;     /* rows of the view they were made for         */
    int32_t *fold; /* [repeats][n]: fold of the i-th row of the view; -1: never in a test part */
    crm_digest digest; /* of the above and the row numbers           */
} crm_folds;
typedef enum crm_fold_kind {
    CRM_FOLDS_STRATIFIED,
    CRM_FOLDS_PLAIN,
    CRM_FOLDS_GROUPED,
    CRM_FOLDS_FILE,
    CRM_FOLDS_CONTIGUOUS
} crm_fold_kind;
/** Make repeats x folds.  Contiguous: the i-th of n rows of the view is in fold i k / n.
 * Stratified: classes spread evenly, sizes differ by at most one per class. Grouped: rows with
 * equal group[row of the data set] stay together.  Duplicates (crm_data_group) stay together in
 * all kinds, and classes are then as even as that allows.  CRM_ERR_FORMAT "k = 10 folds, but class
 * 'x' has 7 rows" when k is larger than the rarest class (counted in groups of duplicates), and
 * when there is one class only. */
CRM_CHECKED crm_folds_make(const crm_view *v, int target, crm_fold_kind kind, int folds,
                           int repeats, uint64_t seed, const int64_t *group, crm_folds **out);
/** Hold-out: per repeat one test part (fold 0) as crm_view_split makes it; the rest is -1. */
CRM_CHECKED crm_folds_holdout(const crm_view *v, int target, double fraction, int repeats,
                              uint64_t seed, crm_folds **out);
/** Folds from a text file: one line per row of the data set, a fold number per repeat,
 * comma-separated; 0-based;
 *  -1: never in a test part. Errors name the line.  Duplicates stand where the file says. */
CRM_CHECKED crm_folds_read(const crm_view *v, const char *path, crm_folds **out);
/** One fold: the rows of the fixed test part (crm_data_part); CRM_ERR_CONFIG when there is none. */
CRM_CHECKED crm_folds_part(const crm_view *v, crm_folds **out);
/** Training and test view of one fold. */
CRM_CHECKED crm_folds_views(const crm_folds *f, const crm_view *v, int repeat, int fold,
                            crm_view **train, crm_view **test);
void crm_folds_free(crm_folds **f);

/* ---- flat view: the same information as one table, for classical models ---- */
typedef struct crm_flat crm_flat;
/** Parts of it: columns of the profile, aggregates of the months, of the events, of the documents.
 */
enum {
    CRM_FLAT_PROFILE = 1,
    CRM_FLAT_MONTHLY = 2,
    CRM_FLAT_EVENTS = 4,
    CRM_FLAT_DOCUMENTS = 8,
    CRM_FLAT_ALL = 15
};
/** Numeric columns: profile; each month of each channel, its sum, trend (least-squares slope) and
 * mean of the last three months; events: count, recency, one count per category (when there are at
 * most 64), sum, mean and last of each number; documents: recency, documents and tokens of each
 * kind.  Categorical: the profile's. */
CRM_CHECKED crm_flat_new(const crm_data *d, unsigned parts, crm_flat **out);
const crm_schema *crm_flat_schema(const crm_flat *f);
/** Fill block->num and block->cat (caller's memory) for block->n rows block->row.  Thread-safe. */
void crm_flat_fill(const crm_flat *f, crm_block *block);
void crm_flat_free(crm_flat **f);

/* ---- loader: produces batches one ahead in a thread of its own ---- */
typedef struct crm_loader crm_loader;
/** Fill buffer number slot (0 or 1) with batch number i. Runs in the loader's thread; may not call
 * MPI. */
typedef crm_status (*crm_load_fn)(void *ctx, int64_t i, int slot);
/** Batches 0 .. n-1 in order. */
CRM_CHECKED crm_loader_start(int64_t n, crm_load_fn fn, void *ctx, crm_loader **out);
/** Wait for the next batch; *slot holds it until the next call.  CRM_OK and *slot = -1 after the
 * last. */
CRM_CHECKED crm_loader_next(crm_loader *l, int *slot);
/** Stop early or after the end.  NULL is allowed. */
void crm_loader_stop(crm_loader **l);
#endif
