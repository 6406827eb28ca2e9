/* opt_impl.h - what the files of room opt share: bound options, parsed values, the list of errors.
 */
#ifndef CRM_OPT_IMPL_H
#define CRM_OPT_IMPL_H

#include "crmpi/opt.h"

/* Errors beyond the last limit are only counted: the error text could not hold them. */
enum {
    OPT_FILE_MAX = 1 << 20,
    OPT_DEPTH_MAX = 32,
    OPT_ERRORS_MAX = 256,
    OPT_VARIANT_NAME_MAX = 48
};
#define OPT_VARIANTS "variants"

/* How a text was written: only a plain YAML scalar can be null or a number. */
typedef enum opt_style {
    OPT_PLAIN,
    OPT_QUOTED,
    OPT_ARG /* --set, a default of a table, an override */
} opt_style;

typedef struct opt_text {
    const char *p;
    size_t len;
    opt_style style;
} opt_text;

typedef struct opt_value {
    int64_t i; /* INT, BOOL, ENUM (index) */
    double r;
    const char *s;
    crm_opt_list list;
    void *block; /* the one owned block behind s or list; NULL when the value is only looked at */
} opt_value;

typedef struct opt_items {
    crm_str bytes; /* items, each with its final 0 */
    int n;
} opt_items;

typedef enum opt_kind { OPT_DEFAULT, OPT_FROM_FILE, OPT_FROM_SET, OPT_DERIVED } opt_kind;

/* A value and where it came from. */
typedef struct opt_setting {
    opt_value value;
    opt_kind kind;
    int col;      /* OPT_FROM_FILE */
    char *origin; /* "FILE:LINE", "--set", "derived: ..."; NULL means "default" */
} opt_setting;

typedef struct opt_entry {
    const crm_opt *o;
    void *field;
    opt_setting now;  /* value is only the owner: the field of the bound struct is the truth */
    opt_setting next; /* of the load in progress */
    bool given, pending;
    int seen_line;                 /* where the file being read gives the key; 0: not yet */
    struct opt_override *override; /* owned; NULL: a row of a table */
} opt_entry;

/* "train" for "train.epochs": every text before a dot of a key. */
typedef struct opt_group {
    char *name;
    int64_t mapping; /* number of the YAML mapping that opened it last; 0: none */
    int line;
} opt_group;

struct crm_opt_set {
    opt_entry *entry;
    size_t n, cap;
    opt_group *group;
    size_t n_groups, cap_groups;
    crm_opt_variants variants; /* takes NULL: there are none */
};

typedef struct opt_error {
    int source, line, col, order; /* source 0: the file; 1: --set, line is its number */
    char *text;
} opt_error;

/* All errors of one load. */
typedef struct opt_log {
    const char *name; /* of the file */
    opt_error *item;
    int n, cap;
    int64_t total; /* n and those beyond OPT_ERRORS_MAX */
    bool nomem;
} opt_log;

/* opt_text.c */
/** Length of the code point at p, 0 when it is not valid UTF-8. */
size_t crm_opt_utf8(const char *p, size_t n, uint32_t *c);
/** True when all n bytes are UTF-8 characters that YAML allows; else *at is the first bad byte. */
bool crm_opt_text_valid(const char *p, size_t n, size_t *at);
/** Line and column (from 1, in characters) of byte at; and the byte of a line and column. */
void crm_opt_text_position(const char *p, size_t at, int *line, int *col);
size_t crm_opt_text_offset(const char *p, size_t n, int line, int col);
/** Adds s as a YAML scalar, quoted where a reader could take it for something else. */
void crm_opt_quote(crm_str *out, const char *s);

/* opt_number.c */
typedef enum opt_number { OPT_NUM_OK, OPT_NUM_NOT, OPT_NUM_FRACTION, OPT_NUM_HUGE } opt_number;
/** The whole text as an integer, exactly: 1500, 1.5e3; never through a double. */
opt_number crm_opt_number_int(const char *p, size_t n, int64_t *out);
opt_number crm_opt_number_real(const char *p, size_t n, double *out);

/* opt_value.c: the functions that return bool add the reason to why when they return false;
 * why->failed then means that memory is out. */
bool crm_opt_value_parse(const crm_opt *o, opt_text t, opt_value *v, crm_str *why);
bool crm_opt_value_default(const crm_opt *o, opt_value *v, crm_str *why);
bool crm_opt_items_add(const crm_opt *o, opt_text t, opt_items *items, crm_str *why);
bool crm_opt_items_end(opt_items *items, opt_value *v, crm_str *why);
/** Adds "value 't' <fmt>; allowed: ..." and returns false. */
bool crm_opt_refuse(const crm_opt *o, opt_text t, crm_str *why, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool crm_opt_text_is_null(opt_text t);
void crm_opt_value_free(opt_value *v);

/* opt_type.c: what differs by type */
typedef struct opt_type_ops {
    const char *name;
    bool bare; /* quoted text is never a value of this type */
    void (*get)(const void *field, opt_value *v);
    void (*put)(void *field, const opt_value *v);
    void (*print)(const crm_opt *o, const opt_value *v, bool yaml, crm_str *out);
    void (*hash)(const crm_opt *o, const opt_value *v, crm_hash *h);
} opt_type_ops;
extern const opt_type_ops crm_opt_types[CRM_OPT_TYPE_COUNT];
/** Adds the value now in the bound struct, as --set (yaml false) or YAML takes it. */
void crm_opt_entry_print(const opt_entry *e, bool yaml, crm_str *out);
/** Adds "1..64", "a, b, c", ...: what the option takes; with_unit also "rows". */
void crm_opt_allowed(crm_str *out, const crm_opt *o, bool with_unit);
int crm_opt_count_values(const crm_opt *o);

/* opt_set.c */
opt_entry *crm_opt_find(const crm_opt_set *s, const char *key, size_t len);
opt_group *crm_opt_find_group(const crm_opt_set *s, const char *key, size_t len);
void crm_opt_setting_free(opt_setting *s);
/** Add an entry; "train" to the groups, once. */
CRM_CHECKED crm_opt_append(crm_opt_set *s, const opt_entry *e);
CRM_CHECKED crm_opt_add_group(crm_opt_set *s, const char *key, size_t len);
/** Make the value and its origin those of the entry and of the bound struct; next is emptied. */
void crm_opt_entry_commit(opt_entry *e, opt_setting *next);

/* opt_log.c */
/** Add an error; why is emptied.  key NULL: none is named. */
void crm_opt_log_file(opt_log *log, int line, int col, const char *key, crm_str *why);
/** Add the error of a key that the file gave before, in line first. */
void crm_opt_log_twice(opt_log *log, int line, int col, const char *key, opt_text value, int first);
void crm_opt_log_set(opt_log *log, int number, const char *assignment, crm_str *why);
/** All errors as one CRM_ERR_CONFIG; CRM_OK when there are none. */
CRM_CHECKED crm_opt_log_raise(opt_log *log);
void crm_opt_log_free(opt_log *log);
/** Adds what is wrong with a key that is no option; value is what it was given. */
void crm_opt_unknown(const crm_opt_set *s, const char *key, size_t len, opt_text value,
                     bool is_mapping, crm_str *why);

/** Adds ", name", or at last "... (see --help)". */
void crm_opt_add_name(crm_str *out, const char *name, int *listed);

/* opt_variant.c */
/** Make the entry or the group of a key "variants.NAME...." when it is allowed and not there. */
CRM_CHECKED crm_opt_variant_admit(crm_opt_set *s, const char *key, size_t len);
/** Forget the entries that have no value. */
void crm_opt_variant_prune(crm_opt_set *s);
/** True when group is that of a variant, "variants.NAME", without an option. */
bool crm_opt_variant_is_empty(const crm_opt_set *s, const char *group);
/** As crm_opt_unknown for keys of variants; false for all others. */
bool crm_opt_variant_unknown(const crm_opt_set *s, const char *key, size_t len, opt_text value,
                             crm_str *why);

/* opt_yaml.c */
/** Reads the text into entry.next; errors go to the log. */
void crm_opt_yaml_read(crm_opt_set *s, const char *text, size_t len, opt_log *log);

/* opt_load.c */
/** Keep v (taken over) as the next value of e. */
void crm_opt_stage(opt_entry *e, opt_value *v, opt_kind kind, const char *name, int line, int col,
                   opt_log *log);
/** A file of another encoding, of more than OPT_FILE_MAX bytes or with control characters is not
 *  parsed: one error tells it all. */
bool crm_opt_check_bytes(const char *text, size_t len, opt_log *log);
/** The text of a plain file, the caller's; beyond OPT_FILE_MAX bytes *text stays as it is. */
CRM_CHECKED crm_opt_read_file(const char *path, char **text, size_t *len);
#endif
