/* table_schema_roles.c - events, documents, labels and features. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "crmpi/base_str.h"
#include "table_impl.h"
#include "table_schema_impl.h"

enum {
    NUMBERS = 1 << CRM_FIELD_INTEGER | 1 << CRM_FIELD_REAL | 1 << CRM_FIELD_BOOLEAN,
    CLASSES = 1 << CRM_FIELD_INTEGER | 1 << CRM_FIELD_BOOLEAN | 1 << CRM_FIELD_CATEGORY,
    DAY = 86400
};

static bool is_map(schema_reader *r, const crm_node *node, const char *what)
{
    if (!node || node->kind == CRM_NODE_MAP) return node != NULL;
    crm_node_wrong(r->tree, node, "is no mapping; allowed: %s", what);
    return false;
}

/* Items of a list, or the node itself when it is a text. */
static int count_items(const crm_node *node)
{
    return !node ? 0 : node->kind == CRM_NODE_LIST ? node->n : 1;
}

static const crm_node *item_of(const crm_node *node, int i)
{
    return node->kind == CRM_NODE_LIST ? node->child[i] : node;
}

/* Names of targets are names of files and of groups in them. */
static void check_name(schema_reader *r, const crm_node *node)
{
    const char *p = node->key;

    while (isalnum((unsigned char)*p) || *p == '_' || *p == '-')
        p++;
    if (*p || p == node->key || p - node->key > CRM_TABLE_TARGET_MAX)
        crm_node_wrong(r->tree, node,
                       "is given to a label of that name; allowed: names of letters, digits, '_' "
                       "and '-', at most %d",
                       CRM_TABLE_TARGET_MAX);
}

/* ---- events ---- */
static void read_events(schema_reader *r, int table, const crm_node *node)
{
    static const char *const keys[] = {"time", "category", "numbers", "when", NULL};
    crm_event_role *e = &r->pub.table[table].events;
    const crm_node *numbers = crm_node_get(node, "numbers");
    int n = count_items(numbers);

    if (!is_map(r, node, "events: {time: COLUMN, category: COLUMN, numbers: [COLUMN]}")) return;
    e->is = true;
    crm_node_keys(r->tree, node, keys);
    if (!crm_node_get(node, "time"))
        crm_node_wrong(r->tree, node, "has no time; allowed: time: a column of type time");
    crm_table_schema_typed(r, table, crm_node_get(node, "time"), 1 << CRM_FIELD_TIME,
                           "the time of an event", &e->time);
    crm_table_schema_typed(r, table, crm_node_get(node, "category"), 1 << CRM_FIELD_CATEGORY,
                           "the category of an event", &e->category);
    e->number = crm_table_schema_new(r, n, sizeof *e->number);
    for (int i = 0; i < n && e->number; i++)
        e->n_numbers += crm_table_schema_typed(r, table, item_of(numbers, i), NUMBERS,
                                               "a number of an event", &e->number[e->n_numbers]);
    crm_table_schema_when(r, table, crm_node_get(node, "when"), &e->when);
}

/* ---- documents ---- */
static void read_texts(schema_reader *r, const crm_table_def *t, const crm_node *node,
                       crm_document_role *d)
{
    int n = count_items(node);

    d->text = crm_table_schema_new(r, n, sizeof *d->text);
    for (int i = 0; i < n && d->text; i++) {
        const crm_node *item = item_of(node, i);
        int column = crm_table_schema_need_column(r, t, item);
        if (column < 0) continue;
        if (t->column[column].type != CRM_FIELD_TEXT)
            crm_node_wrong(r->tree, item,
                           "is a column of type %s and cannot be the text of a document; allowed: "
                           "type text",
                           crm_field_type_names[t->column[column].type]);
        for (int k = 0; k < d->n_texts; k++)
            if (d->text[k] == column)
                crm_node_wrong(r->tree, item, "stands here twice; allowed: each column once");
        d->text[d->n_texts++] = column;
    }
}

static void read_document_labels(schema_reader *r, int table, const crm_node *node,
                                 crm_document_role *d)
{
    if (!is_map(r, node, "labels: {NAME: COLUMN}")) return;
    d->label = crm_table_schema_new(r, node->n, sizeof *d->label);
    d->label_name = crm_table_schema_new(r, node->n, sizeof *d->label_name);
    for (int i = 0; i < node->n && d->label && d->label_name; i++) {
        const crm_node *item = node->child[i];
        check_name(r, item);
        d->label_name[d->n_labels] = item->key;
        d->n_labels += crm_table_schema_typed(r, table, item, CLASSES, "the label of a document",
                                              &d->label[d->n_labels]);
    }
}

/* A column, or a word in quotes; the table's name by default. */
static void read_kind(schema_reader *r, int table, const crm_node *node, crm_document_role *d)
{
    d->kind_name = r->pub.table[table].name;
    if (node && node->kind == CRM_NODE_TEXT && node->quoted)
        d->kind_name = node->text;
    else
        crm_table_schema_typed(r, table, node, 1 << CRM_FIELD_CATEGORY, "the kind of a document",
                               &d->kind);
}

static void read_documents(schema_reader *r, int table, const crm_node *node)
{
    static const char *const keys[] = {"text", "time", "kind", "labels", NULL};
    crm_document_role *d = &r->pub.table[table].documents;

    if (!is_map(r, node, "documents: {text: COLUMN, time: COLUMN, kind: COLUMN}")) return;
    d->is = true;
    crm_node_keys(r->tree, node, keys);
    if (!crm_node_get(node, "text"))
        crm_node_wrong(r->tree, node, "has no text; allowed: text: columns of type text");
    read_texts(r, &r->pub.table[table], crm_node_get(node, "text"), d);
    crm_table_schema_typed(r, table, crm_node_get(node, "time"), 1 << CRM_FIELD_TIME,
                           "the time of a document", &d->time);
    read_kind(r, table, crm_node_get(node, "kind"), d);
    read_document_labels(r, table, crm_node_get(node, "labels"), d);
}

void crm_table_schema_roles(schema_reader *r, int table)
{
    crm_table_def *t = &r->pub.table[table];
    const crm_node *node = r->side[table].node;

    t->events.time = t->events.category = crm_path_none;
    t->documents.time = t->documents.kind = crm_path_none;
    t->documents.kind_name = "";
    read_events(r, table, crm_node_get(node, "events"));
    read_documents(r, table, crm_node_get(node, "documents"));
}

/* ---- labels ---- */
/* "90 days" */
static void read_span(schema_reader *r, const crm_node *node, int64_t *seconds)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"hour", 3600}, {"day", DAY}, {"week", 7 * DAY}, {"month", 30 * DAY}};
    const char *text = NULL;
    char unit[16] = "";
    long long n = 0;
    int end = -1;

    crm_node_text(r->tree, node, &text);
    if (!text) return;
    if (sscanf(text, "%8lld %15[a-z]%n", &n, unit, &end) == 2 && end >= 0 && !text[end] && n > 0) {
        size_t len = strlen(unit);
        if (len > 1 && unit[len - 1] == 's') unit[len - 1] = '\0';
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strcmp(unit, units[i].name) == 0) {
                *seconds = n * units[i].seconds;
                return;
            }
    }
    crm_node_wrong(r->tree, node,
                   "is no length of time; allowed: 1 day, 90 days, 12 hours, 2 weeks, 3 months (of "
                   "30 days)");
}

/* The time by which rows of a table lie before or behind the cut-off. */
static const crm_path *time_of(const crm_table_def *t)
{
    return t->events.is ? &t->events.time : &t->documents.time;
}

static void read_any(schema_reader *r, const crm_node *node, crm_label_def *l)
{
    static const char *const without[] = {"no", "missing", NULL};
    const crm_node *any = crm_node_get(node, "any"), *within = crm_node_get(node, "within");
    const crm_table_def *t;
    int none = 0;

    l->kind = CRM_LABEL_ANY;
    l->table = crm_table_schema_need_table(r, any);
    read_span(r, within, &l->within);
    crm_node_enum(r->tree, crm_node_get(node, "without_rows"), without, &none);
    l->without_missing = none == 1;
    if (l->table < 0) return;
    t = &r->pub.table[l->table];
    if (!t->events.is && !t->documents.is)
        crm_node_wrong(r->tree, any,
                       "is a table without events or documents; allowed: a table with one of them");
    else if (within && time_of(t)->column < 0)
        crm_node_wrong(r->tree, within, "needs a time of table %s; allowed: documents: {time: ...}",
                       t->name);
    crm_table_schema_when(r, l->table, crm_node_get(node, "when"), &l->when);
}

static void read_when_label(schema_reader *r, const crm_node *node, crm_label_def *l)
{
    l->kind = CRM_LABEL_WHEN;
    crm_table_schema_when(r, r->pub.entity, crm_node_get(node, "when"), &l->when);
}

/* Where a number passes from one class to the next. */
static void read_cuts(schema_reader *r, const crm_node *node, crm_label_def *l)
{
    const crm_node *cuts = crm_node_get(node, "cuts"), *classes = crm_node_get(node, "classes");
    int n = count_items(cuts);

    if (!cuts) return;
    l->kind = CRM_LABEL_CUTS;
    l->cut = crm_table_schema_new(r, n, sizeof *l->cut);
    for (int i = 0; i < n && l->cut; i++) {
        const crm_node *item = item_of(cuts, i);
        double v = NAN;
        crm_node_f64(r->tree, item, -1e300, 1e300, &v);
        if (i > 0 && v <= l->cut[i - 1])
            crm_node_wrong(r->tree, item,
                           "does not lie above the cut before it; allowed: rising "
                           "numbers");
        l->cut[l->n_cuts++] = v;
    }
    crm_table_schema_list(r, classes, &l->cut_class);
    if (l->cut_class.n != n + 1 || n == 0)
        crm_node_wrong(r->tree, classes ? classes : node,
                       "does not name the classes between the cuts; allowed: cuts: [-1, 1] with "
                       "classes: [low, middle, high], one more than cuts");
    for (int i = 0; i < l->cut_class.n; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(l->cut_class.item[i], l->cut_class.item[k]) == 0)
                crm_node_wrong(r->tree, classes, "names a class twice; allowed: each name once");
}

static void read_label(schema_reader *r, const crm_node *node, crm_label_def *l)
{
    static const char *const any[] = {"any", "within", "when", "without_rows", NULL};
    static const char *const column[] = {"column", "positive", NULL};
    static const char *const value[] = {"value", "cuts", "classes", NULL};
    static const char *const when[] = {"when", NULL};
    static const char *const all[] = {"column", "value", "when", "any", NULL};
    const char *const *keys = crm_node_get(node, "any")      ? any
                              : crm_node_get(node, "column") ? column
                              : crm_node_get(node, "value")  ? value
                              : crm_node_get(node, "when")   ? when
                                                             : all;

    *l = (crm_label_def){.name = node->key,
                         .path = crm_path_none,
                         .positive = "",
                         .table = -1,
                         .line = node->key_line,
                         .col = node->key_col};
    check_name(r, node);
    crm_node_keys(r->tree, node, keys);
    if (keys == all || node->kind != CRM_NODE_MAP)
        crm_node_wrong(r->tree, node,
                       "says no label; allowed: {column: PATH}, {value: PATH}, {when: CONDITION}, "
                       "{any: TABLE, within: 90 days, when: CONDITION}");
    else if (keys == any)
        read_any(r, node, l);
    else if (keys == when)
        read_when_label(r, node, l);
    else
        l->kind = keys == value ? CRM_LABEL_VALUE : CRM_LABEL_COLUMN;
    if (keys == column || keys == value)
        crm_table_schema_typed(r, r->pub.entity, crm_node_get(node, keys[0]),
                               keys == column ? CLASSES : NUMBERS,
                               keys == column ? "a label of classes" : "a numeric label", &l->path);
    if (keys == value) read_cuts(r, node, l);
    crm_node_text(r->tree, crm_node_get(node, "positive"), &l->positive);
}

/* Labels of entities and of documents are targets of one data set. */
static void check_label_names(schema_reader *r, const crm_node *node)
{
    for (int t = 0; t < r->pub.n; t++) {
        const crm_node *documents = crm_node_get(r->side[t].node, "documents");
        const crm_node *labels = crm_node_get(documents, "labels");
        for (int i = 0; labels && labels->kind == CRM_NODE_MAP && i < labels->n; i++) {
            bool taken = crm_node_get(node, labels->child[i]->key) != NULL;
            for (int u = 0; u < t; u++)
                taken |=
                    crm_node_get(crm_node_get(crm_node_get(r->side[u].node, "documents"), "labels"),
                                 labels->child[i]->key) != NULL;
            if (taken)
                crm_node_wrong(r->tree, labels->child[i],
                               "is given to a second label of that name; allowed: each name once");
        }
    }
}

void crm_table_schema_labels(schema_reader *r, const crm_node *node)
{
    check_label_names(r, node);
    if (!is_map(r, node, "labels: {NAME: {column: PATH}}")) return;
    r->pub.label = crm_table_schema_new(r, node->n, sizeof *r->pub.label);
    for (int i = 0; i < node->n && r->pub.label; i++)
        read_label(r, node->child[i], &r->pub.label[r->pub.n_labels++]);
}

/* ---- features ---- */
static const char *const AGGREGATES[] = {"count",    "sum",     "mean",   "max",
                                         "distinct", "recency", "gaps",   "trend",
                                         "season",   "change",  "shares", NULL};

static void read_aggregates(schema_reader *r, const crm_node *node, crm_feature_def *f)
{
    int n = count_items(node), which;

    if (!node) return;
    f->aggregates = 0;
    for (int i = 0; i < n; i++) {
        which = -1;
        crm_node_enum(r->tree, item_of(node, i), AGGREGATES, &which);
        if (which >= 0) f->aggregates |= 1u << which;
    }
}

static void read_windows(schema_reader *r, const crm_node *node, crm_feature_def *f)
{
    static const int64_t usual[] = {1, 3, 6, 12};
    int n = node ? count_items(node) : 4;

    f->window = crm_table_schema_new(r, n, sizeof *f->window);
    if (!f->window) return;
    f->n_windows = n;
    if (!node) memcpy(f->window, usual, sizeof usual);
    for (int i = 0; node && i < n; i++) {
        const crm_node *item = item_of(node, i);
        crm_node_i64(r->tree, item, 0, 1200, &f->window[i]);
        for (int k = 0; k < i; k++)
            if (f->window[k] == f->window[i] && item->kind == CRM_NODE_TEXT)
                crm_node_wrong(r->tree, item, "stands here twice; allowed: each window once");
    }
}

static int read_pairs(schema_reader *r, const crm_node *node, const char *(**out)[2])
{
    int n = 0;

    if (!node) return 0;
    *out = crm_table_schema_new(r, node->n, sizeof **out);
    if (node->kind != CRM_NODE_LIST)
        crm_node_wrong(r->tree, node, "is no list; allowed: pairs, such as [[A, B], [A, C]]");
    for (int i = 0; node->kind == CRM_NODE_LIST && i < node->n && *out; i++) {
        const crm_node *pair = node->child[i];
        if (pair->kind != CRM_NODE_LIST || pair->n != 2) {
            crm_node_wrong(r->tree, pair, "is no pair; allowed: [A, B]");
            continue;
        }
        for (int k = 0; k < 2; k++) {
            const char *name = NULL;
            crm_node_text(r->tree, pair->child[k], &name);
            (*out)[n][k] = name;
            if (name) crm_table_schema_number(r, pair->child[k], name);
        }
        n++;
    }
    return n;
}

void crm_table_schema_features(schema_reader *r, const crm_node *node)
{
    static const char *const keys[] = {"windows",  "aggregates", "months",
                                       "products", "ratios",     NULL};
    crm_feature_def *f = &r->pub.features;
    int64_t months = 12;

    f->aggregates = 2 * CRM_AGG_SHARES - 1;
    if (!is_map(r, node, "features: {windows: [1, 3], aggregates: [count, sum]}")) node = NULL;
    crm_node_keys(r->tree, node, keys);
    read_windows(r, crm_node_get(node, "windows"), f);
    read_aggregates(r, crm_node_get(node, "aggregates"), f);
    crm_node_i64(r->tree, crm_node_get(node, "months"), 0, 120, &months);
    f->months = (int)months;
    f->n_products = read_pairs(r, crm_node_get(node, "products"), &f->product);
    f->n_ratios = read_pairs(r, crm_node_get(node, "ratios"), &f->ratio);
}
