/* table_propose.h - inside of room table: what files look like, and a schema guessed from it.
 *
 *   table_propose_scan   a file -> what stands in each column
 *   table_propose_type   what stands in a column -> its type
 *   table_propose_link   keys, references, entity, roles, labels
 *   table_propose        all files -> YAML */
#ifndef CRM_TABLE_PROPOSE_H
#define CRM_TABLE_PROPOSE_H

#include "table_scan.h"

enum {
    GUESS_FORMATS_MAX = 40,
    GUESS_MARKERS_MAX = 16,
    GUESS_FEW = 4,              /* distinct texts that are kept                               */
    GUESS_FEW_BYTES = 48,       /* of each                                                    */
    GUESS_SORTED_MAX = 1 << 20, /* numbers of a column for quantiles: the first ones          */
    GUESS_DISTINCT_MAX = 1 << 22,
    GUESS_BYTES_MAX = 1 << 29, /* of a file that is looked at: 512 MiB */
    GUESS_LEVELS_MAX = 1000,   /* of a category */
    GUESS_FOLDED_MAX = 4096,
    GUESS_DATED = 100
};

extern const char *const crm_guess_formats[]; /* of strptime, NULL at the end */
extern const char *const crm_guess_markers[]; /* of missing values, likewise  */

enum { GUESS_SYMBOLS_MAX = 16 };
extern const char *const crm_guess_symbols[]; /* of currencies and shares, NULL at the end */

/* Distinct texts, by digest. */
typedef struct guess_set {
    crm_digest *slot; /* zeros: free */
    int64_t n, n_slots;
    bool full; /* more than GUESS_DISTINCT_MAX */
} guess_set;

/* Numbers of a column as they read with one decimal mark. */
typedef struct guess_numbers {
    int64_t n, whole;
    int64_t plain;                     /* without a mark between thousands */
    int64_t zeros, exponent, fraction; /* leading zeros ("007"); "1e5"; other than ".0" */
    char thousands;                    /* 0: none came up */
    double min, max, *sorted;
    int64_t n_sorted;
} guess_numbers;

/* What stands in a column. */
typedef struct guess_column {
    char *name;
    int64_t rows, empty, blank;
    int64_t marker[GUESS_MARKERS_MAX];
    int64_t n; /* values: rows without those above */
    guess_set set;
    guess_set folded; /* the same with small letters, of at most GUESS_FOLDED_MAX */
    int n_few;        /* distinct texts, up to GUESS_FEW; GUESS_FEW + 1: more */
    char few[GUESS_FEW][GUESS_FEW_BYTES];
    int n_odd; /* likewise of those that are no numbers */
    char odd[GUESS_FEW][GUESS_FEW_BYTES];
    guess_numbers as[2]; /* with decimal point, with comma */
    int64_t symbol[GUESS_SYMBOLS_MAX];
    int64_t time[GUESS_FORMATS_MAX], time_min[GUESS_FORMATS_MAX], time_max[GUESS_FORMATS_MAX];
    int64_t tried; /* values that were tried as times              */
    int64_t dated; /* of the first GUESS_DATED, those of any format */
    int64_t bytes, longest, words, hex, mail;

    /* guesses */
    crm_field_type type;
    int format;           /* TIME */
    bool other_way;       /* TIME: day and month may be the other way round */
    int mark;             /* numbers: as[mark] */
    bool strange;         /* numbers, times: what does not fit becomes missing */
    int64_t sentinel;     /* numbers: one that means missing; 0: none */
    bool one_case;        /* category */
    const char *yes, *no; /* BOOLEAN: of its own */
    const char *why;      /* of ignore; NULL */
    bool unique, named_id;
    int ref_table; /* -1 */
    double share;  /* of the values that the reference finds */
} guess_column;

typedef struct guess_table {
    char *name;
    int n_files;
    const char **file; /* [n_files] last parts of the paths; files with one header are one table */
    char sep;          /* 0: not the same in all files */
    bool latin1, ascii, cut;
    int64_t rows, broken;
    int n;
    guess_column *column;

    /* guesses */
    int key; /* -1 */
    int way; /* reference column towards the entity; -1 */
    bool events, documents;
    int time;            /* column of the time, -1 */
    bool time_of_entity; /* of the entity's table */
    int n_category;
    int category[CRM_TABLE_HOPS + 1]; /* columns of the path; the last is the category */
    bool derive_amount;
    int quantity, price;
} guess_table;

typedef struct guess {
    int n;
    guess_table *table;
    int entity, key;   /* table; id column, -1: none */
    int cutoff;        /* column of the entity table, -1 */
    int64_t cutoff_at; /* INT64_MIN: none */
} guess;

/* Look at the header of a file: t->column[].name and how it is read are made here.  One process. */
CRM_CHECKED crm_guess_header(table_source *s, guess_table *t);
/* Look at the rows of a file whose field k is column to[k] of t.  One process. */
CRM_CHECKED crm_guess_rows(table_source *s, guess_table *t, const int *to);
void crm_guess_table_free(guess_table *t);
bool crm_guess_set_has(const guess_set *s, crm_digest d);
extern const char crm_guess_too_many[]; /* why a column is ignored */
void crm_guess_type(guess_column *c, const guess_table *t);
CRM_CHECKED crm_guess_link(guess *g);
/* The next word of a name, in lower case: up to what is no letter or digit, or a small letter
 * before a capital ("orderItem_ID": order, item, id); "" at the end. */
const char *crm_guess_word(const char *p, char out[32]);
/* One of the words of the name is in the list; last: the last one is. */
bool crm_guess_named(const char *name, const char *const *words, bool last);
extern const char *const crm_guess_planned[]; /* words of times that lie ahead */
/* The first time of most rows that is no planned one, -1. */
int crm_guess_first_time(const guess_table *t);
bool crm_guess_is_number(const guess_column *c);
bool crm_guess_reaches(const guess *g, int from, int to, int hops);
/* Events, documents, derived columns of a table; entity, labels and features, as YAML. */
void crm_guess_write_roles(const guess *g, int table, crm_str *out);
void crm_guess_write_entity(const guess *g, crm_str *out);
#endif
