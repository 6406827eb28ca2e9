/* opt.h - declarative options: one table per module serves YAML, --set, --help, docs and digest.
 *
 * A module owns a config struct and a table of rows ending in {.key = NULL}.  A crm_opt_set binds
 * tables to structs, reads a YAML file and --set assignments into them, and reports every error of
 * both in one pass. */
#ifndef CRM_OPT_H
#define CRM_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/base_str.h"

/* Type of the struct field, by kind of option. */
typedef enum crm_opt_type {
    CRM_OPT_INT,  /* int64_t                                             */
    CRM_OPT_REAL, /* double                                              */
    CRM_OPT_BOOL, /* bool                                                */
    CRM_OPT_STR,  /* const char *, owned by the set, never NULL          */
    CRM_OPT_ENUM, /* int: index into values                              */
    CRM_OPT_LIST, /* crm_opt_list of texts, owned by the set             */
    CRM_OPT_TYPE_COUNT
} crm_opt_type;

typedef struct crm_opt_list {
    int n;
    const char *const *item;
} crm_opt_list;

/* Flags of a row. */
enum {
    CRM_OPT_LAYOUT = 1, /* cannot change results (threads, paths, log): not in the digest */
    CRM_OPT_POW2 = 2,   /* INT: must be a power of two                                    */
    CRM_OPT_WORD = 4,   /* LIST: a single value in YAML stands for a list of it            */
    CRM_OPT_FILE = 8,   /* STR: may name a file, of which a result depends on the content   */
    CRM_OPT_TREE = 16   /* STR: a mapping or list of YAML, kept as one line of it          */
};

typedef struct crm_opt {
    const char *key; /* dotted, lower case: "train.lane_rows"; "device" has no dot        */
    crm_opt_type type;
    size_t offset;             /* of the field in the module's config struct               */
    double def, min, max;      /* INT, REAL, BOOL (def only); bounds are inclusive         */
    const char *def_str;       /* STR, ENUM; LIST: comma-separated                         */
    const char *const *values; /* ENUM: NULL-terminated; LIST: allowed items, or NULL      */
    const char *unit;          /* "rows", "s", "1"                                         */
    const char *help;          /* one sentence                                             */
    unsigned flags;
} crm_opt;

#define CRM_OPT_I(S, f, k, d, lo, hi, u, fl, h)                                                    \
    {                                                                                              \
        .key = k, .type = CRM_OPT_INT, .offset = offsetof(S, f), .def = d, .min = lo, .max = hi,   \
        .unit = u, .flags = fl, .help = h                                                          \
    }
#define CRM_OPT_R(S, f, k, d, lo, hi, u, fl, h)                                                    \
    {                                                                                              \
        .key = k, .type = CRM_OPT_REAL, .offset = offsetof(S, f), .def = d, .min = lo, .max = hi,  \
        .unit = u, .flags = fl, .help = h                                                          \
    }
#define CRM_OPT_B(S, f, k, d, fl, h)                                                               \
    {                                                                                              \
        .key = k, .type = CRM_OPT_BOOL, .offset = offsetof(S, f), .def = d, .unit = "",            \
        .flags = fl, .help = h                                                                     \
    }
#define CRM_OPT_S(S, f, k, d, fl, h)                                                               \
    {                                                                                              \
        .key = k, .type = CRM_OPT_STR, .offset = offsetof(S, f), .def_str = d, .unit = "",         \
        .flags = fl, .help = h                                                                     \
    }
#define CRM_OPT_E(S, f, k, d, vals, fl, h)                                                         \
    {                                                                                              \
        .key = k, .type = CRM_OPT_ENUM, .offset = offsetof(S, f), .def_str = d, .values = vals,    \
        .unit = "", .flags = fl, .help = h                                                         \
    }
#define CRM_OPT_L(S, f, k, d, vals, fl, h)                                                         \
    {                                                                                              \
        .key = k, .type = CRM_OPT_LIST, .offset = offsetof(S, f), .def_str = d, .values = vals,    \
        .unit = "", .flags = fl, .help = h                                                         \
    }

typedef struct crm_opt_set crm_opt_set;

/** An empty set; the caller's, for crm_opt_set_free.  CRM_ERR_NOMEM. */
CRM_CHECKED crm_opt_set_new(crm_opt_set **out);
/** Bind a table to a config struct and put the defaults into it.  Both are borrowed and must
 *  outlive the set.  CRM_ERR_INTERNAL when a key is bound twice or is not dotted lower case, and
 *  when a default is not a value that the option itself takes (range, power of two, values);
 *  CRM_ERR_NOMEM.  After a failure the set can only be freed.  Not collective, like all here. */
CRM_CHECKED crm_opt_set_add(crm_opt_set *s, const crm_opt *table, void *cfg);
/** Take variants too: a mapping "variants: {NAME: {KEY: value}}" in which KEY is an option of the
 *  set without CRM_OPT_LAYOUT; names are lower-case letters, digits, '-' and '_'.  Overrides are
 *  checked, digested and written out as options with the key "variants.NAME.KEY", which --set takes
 *  as well.  Before the first load; CRM_ERR_NOMEM. */
typedef struct crm_opt_variants {
    void *ctx;
    /** Whether there can be a variant of this name; when not, adds to why how it must be: "is given
     *  to ...; allowed: ...". */
    bool (*takes_name)(void *ctx, const char *name, crm_str *why);
    /** Whether a variant of a good name has this option. */
    bool (*takes)(void *ctx, const char *name, const crm_opt *o);
    const char *help; /* sentences */
} crm_opt_variants;
CRM_CHECKED crm_opt_set_variants(crm_opt_set *s, const crm_opt_variants *v);
/** Name of the i-th variant in the order of the config; NULL past the last.  Valid until the next
 *  load. */
const char *crm_opt_set_variant(const crm_opt_set *s, int i);
/** Put the overrides of a variant into cfg, a copy of the struct that table is bound to.  Texts and
 *  lists are the set's, as in the bound struct. */
void crm_opt_set_vary(const crm_opt_set *s, const char *name, const crm_opt *table, void *cfg);
/** Read the YAML file (NULL: none), then the n assignments "key=value" in order (--set; a list is
 *  comma-separated, as "a,b" or "[a, b]"; "\\," is a comma inside an item and "\\" a
 *  backslash).  Values are written into the bound structs only when all is right.
 *  YAML: one mapping, nested or dotted keys; at most 1 MiB and depth 32; no aliases, anchors or
 *  tags; duplicate and unknown keys are errors with the nearest key named.
 *  @return CRM_OK; CRM_ERR_CONFIG, and crm_err_text() has one line per error, all of them:
 *          "FILE:LINE:COL: key: value 'x' ...; allowed: ..." ("--set key=x: ..." for assignments),
 *          sorted by position, then a line "N errors" ("1 error"); more than the error text holds
 *          are only counted there.  CRM_ERR_IO when the file cannot be read or is no plain file;
 *          CRM_ERR_NOMEM.  Except after CRM_OK, every bound value stays as it was.
 *  A later load goes on from the values of the former.  Texts and lists taken from a bound struct
 *  before a load or an override are no longer valid behind it.
 *  Not collective: call on every rank with the same file, or on one and broadcast the text. */
CRM_CHECKED crm_opt_set_load(crm_opt_set *s, const char *path, const char *const *sets, int n);
/** As load, from YAML text in memory; name stands for the file in messages. */
CRM_CHECKED crm_opt_set_load_text(crm_opt_set *s, const char *name, const char *text, size_t len,
                                  const char *const *sets, int n);
/** Fail with CRM_ERR_CONFIG like a bad value, naming where key was set: for checks between options.
 *  fmt goes on behind "value 'x' ". */
CRM_CHECKED crm_opt_set_reject(const crm_opt_set *s, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** True when key was given by the file or by --set. */
bool crm_opt_set_given(const crm_opt_set *s, const char *key);
/** Overwrite one value, written as for --set, with an origin text ("derived: ...", shown in the
 *  effective config).  CRM_ERR_CONFIG for an unknown key or a bad value, naming the origin. */
CRM_CHECKED crm_opt_set_override(crm_opt_set *s, const char *key, const char *value,
                                 const char *origin);
/** Effective configuration as YAML in table order with dotted keys, each value with its origin as a
 *  comment ("# default", "# FILE:LINE", "# --set").  It can be loaded again.  with_origins false
 *  omits them.  Values are those now in the bound structs.  out->failed when memory is out. */
void crm_opt_set_write_yaml(const crm_opt_set *s, bool with_origins, crm_str *out);
/** Each option: visit(ctx, option, value text as --set takes it, origin text), in table order,
 * until memory is out (CRM_ERR_NOMEM). */
CRM_CHECKED crm_opt_set_each(const crm_opt_set *s,
                             void (*visit)(void *ctx, const crm_opt *o, const char *value,
                                           const char *origin),
                             void *ctx);
/** Digest of (key, value) of all options without CRM_OPT_LAYOUT, sorted by key, so that it depends
 *  neither on order nor on origin. */
CRM_CHECKED crm_opt_set_digest(const crm_opt_set *s, crm_digest *out);
/** Fields of the options of table, from one config struct to another; texts and lists stay those of
 *  from. */
void crm_opt_copy(const crm_opt *table, const void *from, void *to);
/** Options as aligned text for --help (CRM_ERR_NOMEM: nothing is written), and as Markdown tables
 * by module for docs/options.md (out->failed). */
CRM_CHECKED crm_opt_set_write_help(const crm_opt_set *s, FILE *f);
void crm_opt_set_write_markdown(const crm_opt_set *s, crm_str *out);
/** Whether an option takes a value, written as for --set; else adds why not ("value 'x' ...;
 *  allowed: ..."). */
bool crm_opt_takes(const crm_opt *o, const char *value, crm_str *why);
/** Put such a value into cfg, a copy of the config struct of the option's table.  *block is what a
 *  text or list stands in, the caller's (crm_mem_free) and to be kept with cfg; NULL: none.
 *  CRM_ERR_CONFIG as --set would say; CRM_ERR_NOMEM. */
CRM_CHECKED crm_opt_put(const crm_opt *o, const char *value, void *cfg, void **block);
/** Add a text with control characters and bad UTF-8 escaped, so that it stays on its line and does
 * nothing to a terminal. */
void crm_opt_escape(crm_str *out, const char *text, size_t n);
/** As above, cut when it is long: a value in a message. */
void crm_opt_show(crm_str *out, const char *text, size_t n);
/** Free the set with the texts and lists of the bound structs; *s becomes NULL. */
void crm_opt_set_free(crm_opt_set **s);
#endif
