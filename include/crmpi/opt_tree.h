/* opt_tree.h - a YAML file as a tree of nodes that know where they stand (room opt).
 *
 * For files whose shape no option table can say, such as a schema of tables.  The limits are those
 * of a config: one document, at most 1 MiB and depth 32, no anchors, aliases or tags. */
#ifndef CRM_OPT_TREE_H
#define CRM_OPT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/base_str.h"

typedef enum crm_node_kind { CRM_NODE_TEXT, CRM_NODE_LIST, CRM_NODE_MAP } crm_node_kind;

typedef struct crm_node crm_node;
struct crm_node {
    crm_node_kind kind;
    const char *key;  /* in its mapping; NULL elsewhere                                        */
    const char *text; /* TEXT: the scalar; "" for an empty one.  LIST of scalars that are not  */
                      /* empty and without commas, brackets and backslashes: "[a, b]", as      */
                      /* --set takes it; of other ones, and MAP: NULL                          */
    bool quoted;      /* TEXT: it stood in quotes                                              */
    int n;            /* LIST, MAP: children in the order of the file                          */
    const crm_node *const *child;
    int line, col;         /* of the value, from 1; columns count characters */
    int key_line, key_col; /* of the key */
};

typedef struct crm_tree_file crm_tree_file; /* opaque: the nodes and the errors found so far */

/** Read a file (text NULL), or len bytes of text that messages call path.
 *  @return CRM_OK; CRM_ERR_CONFIG "FILE:LINE:COL: ..." when it is not such a YAML, or a key stands
 *  twice in a mapping; CRM_ERR_IO; CRM_ERR_NOMEM.  Not collective. */
CRM_CHECKED crm_tree_file_open(const char *path, const char *text, size_t len, crm_tree_file **out);
/** The top mapping; an empty file is an empty mapping. */
const crm_node *crm_tree_file_top(const crm_tree_file *f);
const char *crm_tree_file_path(const crm_tree_file *f);
/** Child of a mapping; NULL when absent, and when node is NULL or no mapping. */
const crm_node *crm_node_get(const crm_node *node, const char *key);
/** Add one error "FILE:LINE:COL: KEY: value 'x' ..." at a node, with its text and the keys that
 * lead to it ("tables.orders.bad"); fmt goes on behind "value 'x' ".  All are told at once by
 * errors.
 */
void crm_node_wrong(crm_tree_file *f, const crm_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** Values of nodes; a node that is NULL leaves *out as it is; a wrong one is added to the errors
 *  with its value and what is allowed, and leaves *out as it is.  Texts live until the file is
 *  closed. */
void crm_node_text(crm_tree_file *f, const crm_node *node, const char **out);
void crm_node_i64(crm_tree_file *f, const crm_node *node, int64_t min, int64_t max, int64_t *out);
void crm_node_f64(crm_tree_file *f, const crm_node *node, double min, double max, double *out);
/** yes, true, no or false. */
void crm_node_bool(crm_tree_file *f, const crm_node *node, bool *out);
/** values: NULL-terminated; *out becomes the index. */
void crm_node_enum(crm_tree_file *f, const crm_node *node, const char *const *values, int *out);
/** A list of texts, or a single text; *item [*n] lives until the file is closed. */
void crm_node_texts(crm_tree_file *f, const crm_node *node, int *n, const char *const **item);
/** Every key of a mapping that is not in keys (NULL-terminated) is an error that names the nearest
 *  one. */
void crm_node_keys(crm_tree_file *f, const crm_node *map, const char *const *keys);
/** Add a text as a YAML scalar, in quotes where a reader could take it for something else. */
void crm_node_quote(crm_str *out, const char *text);
/** CRM_OK, or CRM_ERR_CONFIG with all errors added so far, sorted by position, and their number, as
 *  crm_opt_set_load tells them. */
CRM_CHECKED crm_tree_file_errors(crm_tree_file *f);
void crm_tree_file_close(crm_tree_file **f);
#endif
