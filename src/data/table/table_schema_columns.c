/* table_schema_columns.c - columns of a table: each a type alone, or a mapping. */
#include <limits.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "crmpi/base_str.h"
#include "table_scan.h"
#include "table_schema_impl.h"

const char *const crm_field_type_names[] = {"ignore", "integer", "real", "boolean", "category",
                                            "time",   "text",    "id",   NULL};
_Static_assert(sizeof crm_field_type_names / sizeof *crm_field_type_names ==
                   CRM_FIELD_TYPE_COUNT + 1,
               "one name per type");
const char *const crm_derive_names[] = {"none", "product", "ratio", "difference", "sum", NULL};
_Static_assert(sizeof crm_derive_names / sizeof *crm_derive_names == CRM_DERIVE_COUNT + 1,
               "one name per operation");
static const char *const OUTLIER_RULES[] = {"none", "iqr", "zscore", "robust", NULL};
_Static_assert(sizeof OUTLIER_RULES / sizeof *OUTLIER_RULES == CRM_OUTLIER_RULE_COUNT + 1, "names");
static const char *const OUTLIER_ACTIONS[] = {"flag", "winsorise", "drop", NULL};
_Static_assert(sizeof OUTLIER_ACTIONS / sizeof *OUTLIER_ACTIONS == CRM_OUTLIER_ACTION_COUNT + 1,
               "names");
static const char *const BAD[] = {"error", "skip", "missing", NULL};
_Static_assert(sizeof BAD / sizeof *BAD == CRM_BAD_COUNT + 1, "names");
static const char *const CASES[] = {"keep", "lower", "upper", NULL};
_Static_assert(sizeof CASES / sizeof *CASES == CRM_CASE_COUNT + 1, "names");
static const double FACTORS[] = {0, 1.5, 3, 3.5}; /* by rule */

/* ---- keys that a column may have, by type ---- */
#define COMMON "type", "unit", "meaning"
#define PARSED "missing", "bad"
#define FILLED "fill", "indicator"
static const char *const NO_KEYS[] = {"type", "meaning", NULL};
static const char *const NUMBER_KEYS[] = {COMMON,  PARSED, FILLED, "decimal",  "thousands",
                                          "strip", "min",  "max",  "outliers", NULL};
static const char *const BOOLEAN_KEYS[] = {COMMON, PARSED, FILLED, "yes", "no", NULL};
static const char *const CATEGORY_KEYS[] = {COMMON, PARSED,       FILLED, "case",
                                            "map",  "max_levels", "hash", NULL};
static const char *const TIME_KEYS[] = {COMMON, PARSED, FILLED,        "format",
                                        "min",  "max",  "known_ahead", NULL};
static const char *const TEXT_KEYS[] = {COMMON, PARSED, "scrub", NULL};
static const char *const ID_KEYS[] = {COMMON, PARSED, "references", "case", "hash", NULL};
static const char *const *const KEYS[CRM_FIELD_TYPE_COUNT] = {
    NO_KEYS, NUMBER_KEYS, NUMBER_KEYS, BOOLEAN_KEYS, CATEGORY_KEYS, TIME_KEYS, TEXT_KEYS, ID_KEYS,
};
static const char *const DERIVED_KEYS[] = {"product", "ratio",    "difference", "sum",
                                           "unit",    "meaning",  "min",        "max",
                                           "bad",     "outliers", FILLED,       NULL};

static const crm_field FIELD_DEFAULTS = {
    .format = "iso",
    .unit = "",
    .meaning = "",
    .decimal = '.',
    .min = -INFINITY,
    .max = INFINITY,
    .time_min = INT64_MIN,
    .time_max = INT64_MAX,
    .yes = "",
    .no = "",
    .max_levels = 10000,
    .fill_value = "",
    .ref_table = -1,
    .from = {-1, -1},
};

/* A limit of whole numbers as it is: a double does not hold every one of 64 bits. */
static int64_t whole_limit(const crm_node *node, double limit, bool low)
{
    int64_t v;

    if (node && node->kind == CRM_NODE_TEXT && crm_parse_i64(node->text, strlen(node->text), &v))
        return v;
    limit = low ? ceil(limit) : floor(limit);
    if (limit < -0x1p63) return INT64_MIN;
    return limit >= 0x1p63 ? INT64_MAX : (int64_t)limit;
}

static void read_range(schema_reader *r, const crm_node *node, crm_field *c)
{
    const crm_node *low = crm_node_get(node, "min"), *high = crm_node_get(node, "max");

    crm_node_f64(r->tree, low, -INFINITY, INFINITY, &c->min);
    crm_node_f64(r->tree, high, -INFINITY, INFINITY, &c->max);
    if (c->type == CRM_FIELD_INTEGER) {
        c->time_min = whole_limit(low, c->min, true);
        c->time_max = whole_limit(high, c->max, false);
    }
    if (c->min > c->max)
        crm_node_wrong(r->tree, high, "is less than min; allowed: numbers from %g on", c->min);
}

static void read_date(schema_reader *r, const crm_node *node, int64_t *out)
{
    const char *text = NULL;

    crm_node_text(r->tree, node, &text);
    if (text && !crm_table_schema_date(text, out))
        crm_node_wrong(r->tree, node, "is no date; allowed: 2024-06-30, 2024-06-30 12:00:00");
}

static void read_decimal(schema_reader *r, const crm_node *node, crm_field *c)
{
    static const char *const marks[] = {"point", "comma", NULL};
    int mark = 0;

    crm_node_enum(r->tree, node, marks, &mark);
    c->decimal = mark ? ',' : '.';
}

static void read_thousands(schema_reader *r, const crm_node *node, crm_field *c)
{
    static const char *const marks[] = {"none", "comma", "point", "space", "apostrophe", NULL};
    int mark = 0;

    crm_node_enum(r->tree, node, marks, &mark);
    c->thousands = "\0,. '"[mark];
    if (mark && c->thousands == c->decimal)
        crm_node_wrong(r->tree, node,
                       "is the decimal mark too; allowed: another one, or decimal: %s",
                       c->decimal == '.' ? "comma" : "point");
}

/* The rule alone, or {rule: iqr, factor: 3, action: drop}. */
static void read_outliers(schema_reader *r, const crm_node *node, crm_field *c)
{
    static const char *const keys[] = {"rule", "factor", "action", NULL};
    int rule = CRM_OUTLIER_NONE, action = CRM_OUTLIER_FLAG;

    if (!node) return;
    if (node->kind == CRM_NODE_MAP) {
        crm_node_keys(r->tree, node, keys);
        if (!crm_node_get(node, "rule"))
            crm_node_wrong(r->tree, node, "has no rule; allowed: rule: iqr, zscore or robust");
        crm_node_enum(r->tree, crm_node_get(node, "rule"), OUTLIER_RULES, &rule);
        crm_node_enum(r->tree, crm_node_get(node, "action"), OUTLIER_ACTIONS, &action);
    } else {
        crm_node_enum(r->tree, node, OUTLIER_RULES, &rule);
    }
    c->outlier = (crm_outlier_rule)rule;
    c->outlier_action = (crm_outlier_action)action;
    c->outlier_factor = FACTORS[rule];
    crm_node_f64(r->tree, crm_node_get(node, "factor"), 1e-3, 1e6, &c->outlier_factor);
}

/* keep, drop, or {constant: value}. */
static void read_fill(schema_reader *r, const crm_node *node, crm_field *c)
{
    static const char *const words[] = {"keep", "drop", NULL};
    static const char *const keys[] = {"constant", NULL};
    const crm_node *value = crm_node_get(node, "constant");
    int fill = CRM_FILL_KEEP;

    if (!node) return;
    if (node->kind != CRM_NODE_MAP) {
        crm_node_enum(r->tree, node, words, &fill);
        c->fill = (crm_fill)fill;
        return;
    }
    crm_node_keys(r->tree, node, keys);
    if (!value) crm_node_wrong(r->tree, node, "has no constant; allowed: {constant: VALUE}");
    crm_node_text(r->tree, value, &c->fill_value);
    c->fill = CRM_FILL_CONSTANT;
}

/* ---- what stands for a missing value, once the rest of the column is known ---- */
/* A number by the decimal mark of its column. */
static bool read_number(const crm_field *c, const char *text, double *v)
{
    char copy[64];
    int64_t i;

    if (strlen(text) >= sizeof copy) return false;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; *p && c->decimal == ','; p++)
        if (*p == ',') *p = '.';
    if (c->type == CRM_FIELD_REAL) return crm_parse_f64(copy, strlen(copy), v);
    if (!crm_parse_i64(copy, strlen(copy), &i)) return false;
    *v = (double)i;
    return true;
}

static void check_fill_number(schema_reader *r, const crm_node *value, const crm_field *c)
{
    double v;

    if (!read_number(c, c->fill_value, &v))
        crm_node_wrong(r->tree, value, "is no value of the column; allowed: a number (%s)",
                       crm_field_type_names[c->type]);
    else if (v < c->min || v > c->max)
        crm_node_wrong(r->tree, value, "is outside of the column's range; allowed: %g to %g",
                       c->min, c->max);
}

static void check_fill_time(schema_reader *r, const crm_node *value, const crm_field *c)
{
    table_time format;
    int64_t t;

    if (!crm_table_time_make(c->format, &format)) return; /* told already */
    if (!crm_table_time(c->format, c->fill_value, strlen(c->fill_value), &t))
        crm_node_wrong(r->tree, value, "is no value of the column; allowed: a time of its format");
    else if (t < c->time_min || t > c->time_max)
        crm_node_wrong(r->tree, value,
                       "is outside of the column's range; allowed: times from min to max");
}

static void check_fill_boolean(schema_reader *r, const crm_node *value, const crm_field *c)
{
    static const char *const words[] = {"no", "yes", "false", "true", "n", "y",
                                        "f",  "t",   "0",     "1",    NULL};
    bool known =
        c->yes[0] && (strcmp(c->fill_value, c->yes) == 0 || strcmp(c->fill_value, c->no) == 0);

    for (int w = 0; words[w]; w++)
        known |= strcasecmp(c->fill_value, words[w]) == 0;
    if (!known)
        crm_node_wrong(r->tree, value,
                       "is no value of the column; allowed: yes, no, or the texts of its own");
}

/* A category becomes what it would be in the file: case, then map. */
static void settle_fill_category(schema_reader *r, const crm_node *value, crm_field *c)
{
    char *text;

    if (!c->fill_value[0]) {
        crm_node_wrong(r->tree, value, "is no value of the column; allowed: a text");
        return;
    }
    text = crm_table_schema_new(r, (int)strlen(c->fill_value) + 1, 1);
    if (!text) return;
    crm_table_schema_letters(c->letters, c->fill_value, text);
    c->fill_value = text;
    for (int i = 0; i < c->map_from.n; i++) {
        if (strcmp(c->map_from.item[i], text) != 0) continue;
        c->fill_value = c->map_to.item[i];
        return;
    }
}

static void check_fill(schema_reader *r, const crm_node *node, crm_field *c)
{
    const crm_node *value = crm_node_get(crm_node_get(node, "fill"), "constant");

    if (c->fill != CRM_FILL_CONSTANT || !value || value->kind != CRM_NODE_TEXT) return;
    if (c->type == CRM_FIELD_INTEGER || c->type == CRM_FIELD_REAL) check_fill_number(r, value, c);
    if (c->type == CRM_FIELD_TIME) check_fill_time(r, value, c);
    if (c->type == CRM_FIELD_BOOLEAN) check_fill_boolean(r, value, c);
    if (c->type == CRM_FIELD_CATEGORY) settle_fill_category(r, value, c);
}

static void read_map(schema_reader *r, const crm_node *node, crm_field *c)
{
    const char **from, **to;
    int n = 0;

    if (!node) return;
    if (node->kind != CRM_NODE_MAP) {
        crm_node_wrong(r->tree, node, "is no mapping; allowed: {value: value that it stands for}");
        return;
    }
    from = crm_table_schema_new(r, node->n, sizeof *from);
    to = crm_table_schema_new(r, node->n, sizeof *to);
    if (!from || !to) return;
    for (int i = 0; i < node->n; i++) {
        const char *text = NULL;
        crm_node_text(r->tree, node->child[i], &text);
        if (!text) continue;
        from[n] = node->child[i]->key;
        to[n++] = text;
    }
    c->map_from = (crm_opt_list){n, from};
    c->map_to = (crm_opt_list){n, to};
}

static void read_boolean(schema_reader *r, const crm_node *node, crm_field *c)
{
    const crm_node *yes = crm_node_get(node, "yes"), *no = crm_node_get(node, "no");

    if (c->type != CRM_FIELD_BOOLEAN) return;
    crm_node_text(r->tree, yes, &c->yes);
    crm_node_text(r->tree, no, &c->no);
    if (!yes != !no)
        crm_node_wrong(r->tree, yes ? yes : no,
                       "is given without %s; allowed: both, or none of them", yes ? "no" : "yes");
    else if (yes && strcmp(c->yes, c->no) == 0)
        crm_node_wrong(r->tree, no, "is yes as well as no; allowed: two texts that differ");
}

void crm_table_schema_letters(crm_letter_case how, const char *text, char *out)
{
    for (size_t i = 0; text[i]; i++) {
        char c = text[i];
        if (how == CRM_CASE_LOWER && c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if (how == CRM_CASE_UPPER && c >= 'a' && c <= 'z') c = (char)(c - 32);
        out[i] = c;
    }
}

/* What every kind of column may have; keys that the type does not take are refused elsewhere. */
static void read_rules(schema_reader *r, const crm_node *node, crm_field *c)
{
    int letters = c->letters;

    crm_node_text(r->tree, crm_node_get(node, "unit"), &c->unit);
    crm_node_text(r->tree, crm_node_get(node, "meaning"), &c->meaning);
    crm_node_enum(r->tree, crm_node_get(node, "bad"), BAD, &c->bad);
    crm_table_schema_list(r, crm_node_get(node, "missing"), &c->missing);
    crm_node_enum(r->tree, crm_node_get(node, "case"), CASES, &letters);
    c->letters = (crm_letter_case)letters;
    crm_node_i64(r->tree, crm_node_get(node, "max_levels"), 2, 10000000, &c->max_levels);
    crm_node_bool(r->tree, crm_node_get(node, "indicator"), &c->indicator);
    crm_node_bool(r->tree, crm_node_get(node, "hash"), &c->hashed);
    crm_node_bool(r->tree, crm_node_get(node, "known_ahead"), &c->ahead);
    crm_node_bool(r->tree, crm_node_get(node, "scrub"), &c->scrubbed);
    read_decimal(r, crm_node_get(node, "decimal"), c);
    read_thousands(r, crm_node_get(node, "thousands"), c);
    crm_table_schema_list(r, crm_node_get(node, "strip"), &c->strip);
    read_outliers(r, crm_node_get(node, "outliers"), c);
    read_map(r, crm_node_get(node, "map"), c);
    read_boolean(r, node, c);
    read_fill(r, crm_node_get(node, "fill"), c);
}

static void check_format(schema_reader *r, const crm_node *node, const char *format)
{
    table_time ready;

    if (!crm_table_time_make(format, &ready))
        crm_node_wrong(
            r->tree, node,
            "is no format of times; allowed: iso, or such as \"%%d.%%m.%%Y %%H:%%M\", of "
            "%%Y %%y %%m %%b %%d %%j %%H %%I %%p %%M %%S %%f %%z %%s %%F %%T");
}

static void read_time(schema_reader *r, const crm_node *node, crm_field *c)
{
    const crm_node *format = crm_node_get(node, "format");

    crm_node_text(r->tree, format, &c->format);
    if (format && format->kind == CRM_NODE_TEXT) check_format(r, format, c->format);
    read_date(r, crm_node_get(node, "min"), &c->time_min);
    read_date(r, crm_node_get(node, "max"), &c->time_max);
    if (c->time_min > c->time_max)
        crm_node_wrong(r->tree, crm_node_get(node, "max"),
                       "lies before min; allowed: dates from min on");
}

static void read_column(schema_reader *r, const crm_node *node, int bad, crm_field *c,
                        const crm_node **reference)
{
    const crm_node *type_node = node->kind == CRM_NODE_MAP ? crm_node_get(node, "type") : node;
    int type = CRM_FIELD_IGNORE;

    *c = FIELD_DEFAULTS;
    c->name = node->key;
    c->bad = bad;
    c->line = node->key_line;
    c->col = node->key_col;
    if (!type_node) {
        crm_node_wrong(r->tree, node, "has no type; allowed: {type: real, ...}");
        return;
    }
    crm_node_enum(r->tree, type_node, crm_field_type_names, &type);
    c->type = (crm_field_type)type;
    if (node->kind != CRM_NODE_MAP) return;
    if (type_node->kind == CRM_NODE_TEXT &&
        strcmp(crm_field_type_names[type], type_node->text) == 0)
        crm_node_keys(r->tree, node, KEYS[type]);
    read_rules(r, node, c);
    if (c->type == CRM_FIELD_TIME)
        read_time(r, node, c);
    else if (c->type == CRM_FIELD_INTEGER || c->type == CRM_FIELD_REAL)
        read_range(r, node, c);
    check_fill(r, node, c);
    if (c->type == CRM_FIELD_ID) *reference = crm_node_get(node, "references");
}

/* ---- derived columns ---- */
static bool is_numeric(const crm_field *c)
{
    return c->type == CRM_FIELD_INTEGER || c->type == CRM_FIELD_REAL ||
           c->type == CRM_FIELD_BOOLEAN;
}

/* Two columns before t->n: numbers, or two times of a difference. */
static void read_sources(schema_reader *r, const crm_table_def *t, const crm_node *node,
                         crm_field *c)
{
    const crm_field *f[2];

    if (node->kind != CRM_NODE_LIST || node->n != 2) {
        crm_node_wrong(r->tree, node, "is not two columns; allowed: [A, B]");
        return;
    }
    for (int k = 0; k < 2; k++) {
        c->from[k] = crm_table_schema_need_column(r, t, node->child[k]);
        if (c->from[k] < 0) return;
        f[k] = &t->column[c->from[k]];
    }
    if (c->derive == CRM_DERIVE_DIFFERENCE && f[0]->type == CRM_FIELD_TIME &&
        f[1]->type == CRM_FIELD_TIME)
        return;
    for (int k = 0; k < 2; k++)
        if (!is_numeric(f[k]))
            crm_node_wrong(r->tree, node->child[k],
                           "is a column of type %s; allowed: integer, real, boolean%s",
                           crm_field_type_names[f[k]->type],
                           c->derive == CRM_DERIVE_DIFFERENCE ? ", or two columns of type time"
                                                              : "");
}

static void read_derived(schema_reader *r, const crm_table_def *t, const crm_node *node,
                         crm_field *c)
{
    const crm_node *sources = NULL;

    *c = FIELD_DEFAULTS;
    c->name = node->key;
    c->type = CRM_FIELD_REAL;
    c->bad = t->bad;
    c->line = node->key_line;
    c->col = node->key_col;
    if (crm_table_schema_column(t, node->key, strlen(node->key)) >= 0)
        crm_node_wrong(r->tree, node, "is derived under the name of a column; allowed: a new name");
    crm_node_keys(r->tree, node, DERIVED_KEYS);
    for (int k = CRM_DERIVE_NONE + 1; k < CRM_DERIVE_COUNT; k++) {
        const crm_node *found = crm_node_get(node, crm_derive_names[k]);
        if (found && sources)
            crm_node_wrong(r->tree, found, "is a second operation; allowed: one of them");
        if (!found || sources) continue;
        sources = found;
        c->derive = (crm_derive)k;
    }
    if (!sources) {
        crm_node_wrong(r->tree, node,
                       "has no operation; allowed: product, ratio, difference or sum: [A, B]");
        return;
    }
    read_sources(r, t, sources, c);
    read_rules(r, node, c);
    read_range(r, node, c);
    check_fill(r, node, c);
}

/* ---- all of a table ---- */
int crm_table_schema_column(const crm_table_def *t, const char *name, size_t len)
{
    for (int i = 0; i < t->n; i++)
        if (strlen(t->column[i].name) == len && memcmp(t->column[i].name, name, len) == 0) return i;
    return -1;
}

int crm_table_schema_need_column(schema_reader *r, const crm_table_def *t, const crm_node *node)
{
    const char *text = NULL, *near = NULL, **name;
    int found;

    crm_node_text(r->tree, node, &text);
    if (!text) return -1;
    found = crm_table_schema_column(t, text, strlen(text));
    if (found >= 0) return found;
    name = crm_table_schema_new(r, t->n, sizeof *name);
    for (int i = 0; i < t->n && name; i++)
        name[i] = t->column[i].name;
    if (name) near = crm_nearest(text, name, t->n);
    crm_node_wrong(r->tree, node, "is no column of table %s%s%s%s; allowed: its columns", t->name,
                   near ? " (nearest: " : "", near ? near : "", near ? ")" : "");
    return -1;
}

static bool is_map(schema_reader *r, const crm_node *node, const char *what)
{
    if (!node || node->kind == CRM_NODE_MAP) return node != NULL;
    crm_node_wrong(r->tree, node, "is no mapping; allowed: %s", what);
    return false;
}

void crm_table_schema_columns(schema_reader *r, crm_table_def *t, schema_side *side)
{
    const crm_node *named = crm_node_get(side->node, "columns");
    const crm_node *derived = crm_node_get(side->node, "derive");
    int n_named, n_derived;

    if (!named)
        crm_node_wrong(r->tree, side->node, "has no columns; allowed: columns: {NAME: TYPE}");
    n_named = is_map(r, named, "columns: {NAME: TYPE}") ? named->n : 0;
    n_derived = is_map(r, derived, "derive: {NAME: {product: [A, B]}}") ? derived->n : 0;
    if (named && n_named == 0 && named->kind == CRM_NODE_MAP)
        crm_node_wrong(r->tree, named, "names no column; allowed: {NAME: TYPE}");
    t->column = crm_table_schema_new(r, n_named + n_derived, sizeof *t->column);
    side->reference = crm_table_schema_new(r, n_named + n_derived, sizeof *side->reference);
    if (!t->column || !side->reference) return;
    for (int i = 0; i < n_named; i++)
        read_column(r, named->child[i], t->bad, &t->column[t->n++], &side->reference[i]);
    for (int i = 0; i < n_derived; i++) {
        crm_field c;
        read_derived(r, t, derived->child[i], &c);
        t->column[t->n++] = c;
    }
}
