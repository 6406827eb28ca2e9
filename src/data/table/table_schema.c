/* table_schema.c - from a YAML file to tables, keys, references and the entity.
 *
 * The passes: columns of every table, keys, references, roles, the entity and the ways to it,
 * labels, profile, features.  A later pass looks only at what an earlier one has settled. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_frame.h"
#include "table_schema_impl.h"

enum { TABLES_MAX = 256, REFERENCES_MAX = 32 };

static const char *const SEPARATORS[] = {"auto", "comma", "semicolon", "tab", "pipe", NULL};
_Static_assert(sizeof SEPARATORS / sizeof *SEPARATORS == CRM_TABLE_SEPARATOR_COUNT + 2, "names");
static const char *const ENCODINGS[] = {"utf-8", "latin-1", NULL};
static const char *const BAD[] = {"error", "skip", "missing", NULL};
static const char *const RESTS[] = {"error", "ignore", NULL};
static const char *const DUPLICATES[] = {"keep", "drop", "near", NULL};
_Static_assert(sizeof DUPLICATES / sizeof *DUPLICATES == CRM_DUPLICATES_COUNT + 1, "names");
static const char *const CONTRADICTIONS[] = {"first", "last", "missing", "error", NULL};

void *crm_table_schema_new(schema_reader *r, int n, size_t size)
{
    void **grown, *p;

    if (r->n_owned == r->cap_owned) {
        int cap = r->cap_owned ? 2 * r->cap_owned : 64;
        grown = crm_mem_grow(r->owned, (size_t)r->n_owned, (size_t)cap, sizeof *grown);
        r->nomem |= !grown;
        if (!grown) return NULL;
        r->owned = grown;
        r->cap_owned = cap;
    }
    p = crm_mem_new((size_t)n, size);
    r->nomem |= !p;
    if (p) r->owned[r->n_owned++] = p;
    return p;
}

bool crm_table_schema_date(const char *text, int64_t *out)
{
    return crm_table_time("iso", text, strlen(text), out);
}

/* ---- tables ---- */
void crm_table_schema_list(schema_reader *r, const crm_node *node, crm_opt_list *out)
{
    crm_node_texts(r->tree, node, &out->n, &out->item);
}

int crm_table_schema_need_table(schema_reader *r, const crm_node *node)
{
    const char *text = NULL, *near = NULL, **name;

    crm_node_text(r->tree, node, &text);
    if (!text) return -1;
    for (int i = 0; i < r->pub.n; i++)
        if (strcmp(r->pub.table[i].name, text) == 0) return i;
    name = crm_table_schema_new(r, r->pub.n, sizeof *name);
    for (int i = 0; i < r->pub.n && name; i++)
        name[i] = r->pub.table[i].name;
    if (name) near = crm_nearest(text, name, r->pub.n);
    crm_node_wrong(r->tree, node, "is no table%s%s%s; allowed: a table of this schema",
                   near ? " (nearest: " : "", near ? near : "", near ? ")" : "");
    return -1;
}

/* What defaults: and a table both have. */
static void read_format(schema_reader *r, const crm_node *node, crm_table_def *t)
{
    int latin1 = t->latin1, rest = t->rest_ignored;
    bool header = !t->headerless, quotes = !t->unquoted;

    crm_node_enum(r->tree, crm_node_get(node, "separator"), SEPARATORS, &t->separator);
    crm_node_enum(r->tree, crm_node_get(node, "encoding"), ENCODINGS, &latin1);
    crm_node_enum(r->tree, crm_node_get(node, "bad"), BAD, &t->bad);
    crm_node_enum(r->tree, crm_node_get(node, "rest"), RESTS, &rest);
    crm_table_schema_list(r, crm_node_get(node, "missing"), &t->missing);
    crm_node_bool(r->tree, crm_node_get(node, "header"), &header);
    crm_node_bool(r->tree, crm_node_get(node, "quotes"), &quotes);
    t->headerless = !header;
    t->unquoted = !quotes;
    t->latin1 = latin1 != 0;
    t->rest_ignored = rest != 0;
}

/* Names of tables become names of columns ("orders.count.12m"). */
static void check_table_name(schema_reader *r, const crm_node *node)
{
    if (node->key[0] && strlen(node->key) <= CRM_TABLE_TARGET_MAX && !strpbrk(node->key, "./\n"))
        return;
    crm_node_wrong(r->tree, node,
                   "is given to a table of that name; allowed: names of 1..%d bytes without '.' "
                   "and '/'",
                   CRM_TABLE_TARGET_MAX);
}

static void read_table(schema_reader *r, const crm_table_def *defaults, const crm_node *node, int i)
{
    static const char *const keys[] = {
        "files",      "separator", "encoding", "missing",   "bad",    "rest",   "key",    "columns",
        "duplicates", "derive",    "events",   "documents", "entity", "header", "quotes", NULL};
    crm_table_def *t = &r->pub.table[i];
    int duplicates = CRM_DUPLICATES_KEEP;

    *t = *defaults;
    t->name = node->key;
    t->line = node->key_line;
    t->col = node->key_col;
    r->side[i].node = node;
    check_table_name(r, node);
    if (node->kind != CRM_NODE_MAP) {
        crm_node_wrong(r->tree, node, "is no mapping; allowed: {files: ..., columns: ...}");
        return;
    }
    crm_node_keys(r->tree, node, keys);
    if (!crm_node_get(node, "files"))
        crm_node_wrong(r->tree, node, "has no files; allowed: files: a pattern or a list of them");
    crm_table_schema_list(r, crm_node_get(node, "files"), &t->files);
    for (int k = 0; k < t->files.n; k++)
        if (!t->files.item[k][0])
            crm_node_wrong(r->tree, crm_node_get(node, "files"),
                           "holds an empty pattern; allowed: names of files");
    read_format(r, node, t);
    crm_node_enum(r->tree, crm_node_get(node, "duplicates"), DUPLICATES, &duplicates);
    t->duplicates = (crm_duplicates)duplicates;
    crm_table_schema_columns(r, t, &r->side[i]);
}

static void read_tables(schema_reader *r, const crm_node *top)
{
    static const char *const keys[] = {"separator", "encoding", "missing", "bad",
                                       "rest",      "header",   "quotes",  NULL};
    const crm_node *tables = crm_node_get(top, "tables"), *format = crm_node_get(top, "defaults");
    crm_table_def defaults = {
        .key = -1, .entity = -1, .entity_path = crm_path_none, .separator = 0};

    if (format && format->kind != CRM_NODE_MAP)
        crm_node_wrong(r->tree, format, "is no mapping; allowed: {separator: ..., bad: ...}");
    crm_node_keys(r->tree, format, keys);
    read_format(r, format, &defaults);
    if (!tables || tables->kind != CRM_NODE_MAP || tables->n == 0 || tables->n > TABLES_MAX) {
        crm_node_wrong(r->tree, tables ? tables : top,
                       "has no tables; allowed: tables: {NAME: {files: ..., columns: ...}}, 1..%d "
                       "of them",
                       TABLES_MAX);
        return;
    }
    r->pub.table = crm_table_schema_new(r, tables->n, sizeof *r->pub.table);
    r->side = crm_table_schema_new(r, tables->n, sizeof *r->side);
    if (!r->pub.table || !r->side) return;
    r->pub.n = tables->n;
    for (int i = 0; i < tables->n; i++)
        read_table(r, &defaults, tables->child[i], i);
}

/* ---- keys and references ---- */
/* An id column that node names; -1 after an error. */
static int need_id(schema_reader *r, const crm_table_def *t, const crm_node *node)
{
    int column = crm_table_schema_need_column(r, t, node);

    if (column >= 0 && t->column[column].type != CRM_FIELD_ID) {
        crm_node_wrong(r->tree, node,
                       "is a column of type %s and cannot be a key; allowed: type id",
                       crm_field_type_names[t->column[column].type]);
        return -1;
    }
    return column;
}

static void read_reference(schema_reader *r, int table, int column)
{
    crm_field *c = &r->pub.table[table].column[column];
    const crm_node *node = r->side[table].reference[column];
    int to = crm_table_schema_need_table(r, node);
    const crm_field *key;

    if (to < 0) return;
    if (r->pub.table[to].key < 0) {
        crm_node_wrong(r->tree, node, "is a table without key; allowed: tables with key: COLUMN");
        return;
    }
    key = &r->pub.table[to].column[r->pub.table[to].key];
    if (c->letters == CRM_CASE_KEEP) c->letters = key->letters;
    if (key->letters != c->letters)
        crm_node_wrong(r->tree, node, "has a key of another case; allowed: the same case in both");
    if (c->hashed && !key->hashed)
        crm_node_wrong(
            r->tree, node,
            "has a key that is not hashed, as this column is; allowed: hash: yes in both, "
            "or in the key alone");
    c->ref_table = to;
}

/* Whether a reference of table leads, over others, back to it; each is walked once. */
static bool leads_back(const crm_table_schema *s, int table, int goal, bool *seen)
{
    const crm_table_def *t = &s->table[table];

    for (int i = 0; i < t->n; i++) {
        int to = t->column[i].ref_table;
        if (to == goal) return true;
        if (to < 0 || seen[to]) continue;
        seen[to] = true;
        if (leads_back(s, to, goal, seen)) return true;
    }
    return false;
}

/* A reference that closes a circle is an error, and then is none, so that one is told once. */
static void check_circle(schema_reader *r, int table, int column)
{
    crm_field *c = &r->pub.table[table].column[column];
    bool seen[TABLES_MAX] = {false};

    if (c->ref_table < 0) return;
    if (c->ref_table != table && !leads_back(&r->pub, c->ref_table, table, seen)) return;
    crm_node_wrong(r->tree, r->side[table].reference[column],
                   "closes a circle of references from table %s to itself; allowed: leave one of "
                   "them out",
                   r->pub.table[table].name);
    c->ref_table = -1;
}

/* Bounds the number of ways that are looked at. */
static void check_references(schema_reader *r, int table)
{
    int n = 0;

    for (int c = 0; c < r->pub.table[table].n; c++) {
        const crm_node *node = r->side[table].reference[c];
        if (!node) continue;
        if (n++ < REFERENCES_MAX)
            read_reference(r, table, c);
        else if (n == REFERENCES_MAX + 1)
            crm_node_wrong(r->tree, node, "is one reference too many; allowed: %d of a table",
                           REFERENCES_MAX);
    }
}

static void read_references(schema_reader *r)
{
    for (int t = 0; t < r->pub.n; t++)
        r->pub.table[t].key =
            crm_node_get(r->side[t].node, "key")
                ? need_id(r, &r->pub.table[t], crm_node_get(r->side[t].node, "key"))
                : -1;
    for (int t = 0; t < r->pub.n; t++)
        check_references(r, t);
    for (int t = 0; t < r->pub.n; t++)
        for (int c = 0; c < r->pub.table[t].n; c++)
            check_circle(r, t, c);
}

/* ---- entity ---- */
static void read_entity_key(schema_reader *r, const crm_node *node)
{
    crm_table_def *t = &r->pub.table[r->pub.entity];

    r->pub.key = t->key;
    if (!node) return;
    r->pub.key = -1;
    if (node->kind == CRM_NODE_TEXT && !node->quoted && strcmp(node->text, "none") == 0) return;
    r->pub.key = need_id(r, t, node);
}

static void read_cutoff(schema_reader *r, const crm_node *node)
{
    r->pub.cutoff_at = INT64_MAX;
    if (!node) return;
    if (node->kind == CRM_NODE_TEXT && crm_table_schema_date(node->text, &r->pub.cutoff_at)) return;
    if (crm_table_schema_typed(r, r->pub.entity, node, 1 << CRM_FIELD_TIME, "a cut-off",
                               &r->pub.cutoff) &&
        r->pub.cutoff.n_hops == 0 && r->used)
        r->used[r->pub.cutoff.column] = true;
}

static bool read_entity(schema_reader *r, const crm_node *top)
{
    static const char *const keys[] = {"table",  "key",     "profile", "contradictions",
                                       "cutoff", "history", NULL};
    const crm_node *node = crm_node_get(top, "entity");

    if (node && node->kind != CRM_NODE_MAP)
        crm_node_wrong(r->tree, node, "is no mapping; allowed: {table: TABLE, key: COLUMN}");
    crm_node_keys(r->tree, node, keys);
    r->pub.entity = crm_node_get(node, "table")
                        ? crm_table_schema_need_table(r, crm_node_get(node, "table"))
                        : (r->pub.n == 1 ? 0 : -1);
    if (r->pub.entity < 0) {
        if (!crm_node_get(node, "table"))
            crm_node_wrong(r->tree, node ? node : top,
                           "has no entity; allowed: entity: {table: TABLE}");
        return false;
    }
    r->used = crm_table_schema_new(r, r->pub.table[r->pub.entity].n, sizeof *r->used);
    read_entity_key(r, crm_node_get(node, "key"));
    crm_node_enum(r->tree, crm_node_get(node, "contradictions"), CONTRADICTIONS,
                  &r->pub.contradictions);
    read_cutoff(r, crm_node_get(node, "cutoff"));
    crm_node_bool(r->tree, crm_node_get(node, "history"), &r->pub.history);
    return true;
}

/* ---- limits of outliers ---- */
static const crm_node *outliers_node(const schema_reader *r, int table, int column)
{
    const crm_field *c = &r->pub.table[table].column[column];
    const crm_node *all =
        crm_node_get(r->side[table].node, c->derive == CRM_DERIVE_NONE ? "columns" : "derive");

    return crm_node_get(crm_node_get(all, c->name), "outliers");
}

/* Rows behind the cut-off may not take part in the limits: it must be known which they are when the
 * table is cleaned, alone and row by row. */
static void check_outliers(schema_reader *r, int table)
{
    const crm_table_def *t = &r->pub.table[table];
    bool dated = r->pub.cutoff.column < 0;
    bool own =
        (!t->events.is || (t->events.time.column >= 0 && t->events.time.n_hops == 0)) &&
        (!t->documents.is || (t->documents.time.column >= 0 && t->documents.time.n_hops == 0));

    if ((!t->events.is && !t->documents.is) || (dated && r->pub.cutoff_at == INT64_MAX)) return;
    for (int c = 0; c < t->n; c++) {
        const crm_node *node = outliers_node(r, table, c);
        if (t->column[c].outlier == CRM_OUTLIER_NONE || !node || (dated && own)) continue;
        crm_node_wrong(r->tree, node,
                       "takes limits from a table of events or documents, of rows before the "
                       "cut-off, %s; allowed: entity: {cutoff: a date}, and a time that is a "
                       "column of the table itself",
                       dated ? "but their time is no column of the table"
                             : "but each entity has a cut-off of its own, and tables are cleaned "
                               "before their rows are those of entities, so that limits would come "
                               "from behind the cut-off of some");
    }
}

/* ---- ways to the entity ---- */
/* Shortest path over references from table to the entity's row; *n counts those of that length. */
static void walk(const crm_table_schema *s, int table, crm_path *now, crm_path *best, int *n)
{
    const crm_table_def *t = &s->table[table];

    if (table == s->entity) {
        if (best->column >= 0 && now->n_hops > best->n_hops) return;
        *n = best->column >= 0 && now->n_hops == best->n_hops ? *n + 1 : 1;
        *best = *now;
        best->table = table;
        best->column = s->key;
        return;
    }
    for (int i = 0; i < t->n && now->n_hops < CRM_TABLE_HOPS; i++) {
        if (t->column[i].ref_table < 0) continue;
        now->hop[now->n_hops++] = i;
        walk(s, t->column[i].ref_table, now, best, n);
        now->n_hops--;
    }
}

/* The way that the table itself names: entity: reference column, or a path to the key. */
static bool given_way(schema_reader *r, int table, const crm_node *node)
{
    crm_table_def *t = &r->pub.table[table];
    crm_path p;

    if (!crm_table_schema_typed(r, table, node, 1 << CRM_FIELD_ID, "the way to the entity", &p))
        return false;
    if (p.table != r->pub.entity || p.column != r->pub.key) {
        int to = crm_table_schema_field(&r->pub, &p)->ref_table;
        if (to != r->pub.entity || p.n_hops == CRM_TABLE_HOPS) {
            crm_node_wrong(r->tree, node,
                           "does not lead to the entity; allowed: a column that refers to table %s",
                           r->pub.table[r->pub.entity].name);
            return false;
        }
        p.hop[p.n_hops++] = p.column;
        p.table = to;
        p.column = r->pub.key;
    }
    t->entity_path = p;
    return true;
}

/* An id column of the same name as the entity's key. */
static bool same_name(schema_reader *r, int table)
{
    crm_table_def *t = &r->pub.table[table];
    const char *key = r->pub.table[r->pub.entity].column[r->pub.key].name;
    int column = crm_table_schema_column(t, key, strlen(key));

    if (column < 0 || t->column[column].type != CRM_FIELD_ID) return false;
    t->entity_path = (crm_path){.table = table, .column = column};
    return true;
}

static void find_way(schema_reader *r, int table)
{
    crm_table_def *t = &r->pub.table[table];
    const crm_node *node = r->side[table].node, *given = crm_node_get(node, "entity");
    bool role = t->events.is || t->documents.is;
    crm_path now = {.n_hops = 0};
    int n = 0;

    if (table == r->pub.entity) {
        t->entity_path = (crm_path){.table = table, .column = r->pub.key};
        return;
    }
    if (r->pub.key < 0) {
        if (role)
            crm_node_wrong(r->tree, node,
                           "has events or documents, but the entity has no key to find it by; "
                           "allowed: entity: {key: COLUMN}");
        return;
    }
    if (given) {
        if (!given_way(r, table, given)) return;
    } else {
        walk(&r->pub, table, &now, &t->entity_path, &n);
        if (n == 0 && !same_name(r, table) && role)
            crm_node_wrong(r->tree, node,
                           "has no way to the entity; allowed: a column with references: %s, or "
                           "one named %s of type id",
                           r->pub.table[r->pub.entity].name,
                           r->pub.table[r->pub.entity].column[r->pub.key].name);
        if (n > 1 && role)
            crm_node_wrong(r->tree, node,
                           "has %d ways to the entity; allowed: entity: the reference column that "
                           "leads there",
                           n);
    }
    t->entity = t->entity_path.n_hops > 0 ? t->entity_path.hop[0] : -1;
}

/* ---- the whole ---- */
static void read_all(schema_reader *r)
{
    static const char *const keys[] = {"defaults", "tables", "entity", "labels", "features", NULL};
    const crm_node *top = crm_tree_file_top(r->tree);

    crm_node_keys(r->tree, top, keys);
    read_tables(r, top);
    if (r->nomem || r->pub.n == 0) return;
    read_references(r);
    for (int t = 0; t < r->pub.n; t++)
        crm_table_schema_roles(r, t);
    if (!read_entity(r, top)) return;
    for (int t = 0; t < r->pub.n; t++)
        check_outliers(r, t);
    for (int t = 0; t < r->pub.n; t++)
        find_way(r, t);
    crm_table_schema_labels(r, crm_node_get(top, "labels"));
    crm_table_schema_profile(r, crm_node_get(crm_node_get(top, "entity"), "profile"));
    crm_table_schema_features(r, crm_node_get(top, "features"));
}

static crm_status finish(schema_reader *r, const char *name)
{
    CRM_CHECK(!r->nomem, CRM_ERR_NOMEM, "%s: out of memory while reading the schema", name);
    CRM_TRY(crm_tree_file_errors(r->tree));
    return crm_table_schema_digest(&r->pub, &r->pub.digest);
}

static crm_status read_schema(const char *name, const char *text, size_t len,
                              crm_table_schema **out)
{
    schema_reader *r;
    crm_status st;

    *out = NULL;
    r = crm_mem_new(1, sizeof *r);
    CRM_CHECK(r, CRM_ERR_NOMEM, "%s: out of memory", name);
    r->pub.key = -1;
    r->pub.cutoff = crm_path_none;
    *out = &r->pub;
    st = crm_tree_file_open(name, text, len, &r->tree);
    if (!st) {
        r->pub.path = crm_tree_file_path(r->tree);
        read_all(r);
        st = finish(r, name);
    }
    if (st) crm_table_schema_free(out);
    return st;
}

crm_status crm_table_schema_open(const char *path, crm_table_schema **out)
{
    return read_schema(path, NULL, 0, out);
}

crm_status crm_table_schema_text(const char *name, const char *text, size_t len,
                                 crm_table_schema **out)
{
    return read_schema(name, text ? text : "", len, out);
}

void crm_table_schema_free(crm_table_schema **s)
{
    schema_reader *r = (schema_reader *)*s;

    if (!r) return;
    for (int i = 0; i < r->n_owned; i++)
        crm_mem_free(r->owned[i]);
    crm_mem_free(r->owned);
    crm_tree_file_close(&r->tree);
    crm_mem_free(r);
    *s = NULL;
}
