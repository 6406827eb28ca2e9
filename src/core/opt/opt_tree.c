/* opt_tree.c - a YAML file as nodes with positions, built from the events of opt_event.c.
 *
 * Nodes and texts lie in blocks that live as long as the file. */
#include "crmpi/opt_tree.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crmpi/base_mem.h"
#include "opt_event.h"

typedef struct tree_node {
    crm_node pub;
    const struct tree_node *parent;
} tree_node;

typedef struct block {
    struct block *next;
    size_t used, cap;
} block;

struct crm_tree_file {
    char *path;
    opt_log log;
    block *blocks;
    tree_node *top;
    opt_events in;
    const crm_node **open; /* children of the nodes that are not at their end */
    size_t n_open, cap_open;
};

/* ---- memory ---- */
static void *take(crm_tree_file *f, size_t n, size_t size)
{
    enum { BLOCK = 16384, ALIGN = 16 };
    size_t bytes = (n * size + ALIGN - 1) / ALIGN * ALIGN, cap;
    block *b = f->blocks;

    if (!b || b->cap - b->used < bytes) {
        cap = bytes > BLOCK ? bytes : BLOCK;
        b = crm_mem_new(1, sizeof *b + ALIGN + cap);
        if (!b) {
            f->log.nomem = true;
            return NULL;
        }
        *b = (block){f->blocks, 0, cap};
        f->blocks = b;
    }
    b->used += bytes;
    return (char *)b + (sizeof *b + ALIGN - 1) / ALIGN * ALIGN + b->used - bytes;
}

static char *take_text(crm_tree_file *f, const char *text, size_t len)
{
    char *p = take(f, len + 1, 1);

    if (p) memcpy(p, text, len);
    return p;
}

/* ---- errors ---- */
static void add_path(const tree_node *n, crm_str *out)
{
    if (n->parent) add_path(n->parent, out);
    if (n->pub.key) crm_str_addf(out, "%s%s", out->len ? "." : "", n->pub.key);
}

static void report(crm_tree_file *f, const crm_node *at, bool at_key, crm_str *why)
{
    crm_str path = {0};

    add_path((const tree_node *)at, &path);
    f->log.nomem |= path.failed;
    crm_opt_log_file(&f->log, at_key ? at->key_line : at->line, at_key ? at->key_col : at->col,
                     path.text ? path.text : OPT_TOP, why);
    crm_str_free(&path);
}

static opt_text text_of(const crm_node *n)
{
    const char *text = n->kind == CRM_NODE_TEXT   ? n->text
                       : n->kind == CRM_NODE_LIST ? "[...]"
                                                  : "{...}";

    return (opt_text){text, strlen(text), n->quoted ? OPT_QUOTED : OPT_PLAIN};
}

static void add_value(crm_str *why, const crm_node *n)
{
    opt_text t = text_of(n);

    crm_str_addf(why, "value '");
    crm_opt_show(why, t.p, t.len);
    crm_str_addf(why, "' ");
}

void crm_node_wrong(crm_tree_file *f, const crm_node *at, const char *fmt, ...)
{
    crm_str why = {0};
    va_list ap;

    add_value(&why, at);
    va_start(ap, fmt);
    crm_str_addv(&why, fmt, ap);
    va_end(ap);
    report(f, at, false, &why);
}

/* ---- reading ---- */
static void push(crm_tree_file *f, const crm_node *n)
{
    const crm_node **grown;

    if (f->n_open == f->cap_open) {
        size_t cap = f->cap_open ? 2 * f->cap_open : 64;
        grown = crm_mem_grow(f->open, f->n_open, cap, sizeof *grown);
        f->log.nomem |= !grown;
        if (!grown) return;
        f->open = grown;
        f->cap_open = cap;
    }
    f->open[f->n_open++] = n;
}

/* What was pushed since base becomes the children of n. */
static void adopt(crm_tree_file *f, tree_node *n, size_t base)
{
    size_t count = f->n_open - base;
    const crm_node **child = take(f, count, sizeof *child);

    if (child && count) memcpy(child, f->open + base, count * sizeof *child);
    n->pub.child = child;
    n->pub.n = child ? (int)count : 0;
    f->n_open = base;
}

static tree_node *new_node(crm_tree_file *f, const tree_node *parent, yaml_mark_t at)
{
    tree_node *n = take(f, 1, sizeof *n);

    if (!n) return NULL;
    n->parent = parent;
    n->pub.line = opt_event_line(at);
    n->pub.col = opt_event_col(at);
    return n;
}

static void read_text(crm_tree_file *f, tree_node *n)
{
    opt_text t = crm_opt_event_text(&f->in);

    n->pub.kind = CRM_NODE_TEXT;
    n->pub.quoted = t.style == OPT_QUOTED;
    n->pub.text = take_text(f, t.p, t.len);
    if (memchr(t.p, '\0', t.len))
        crm_opt_event_refuse(&f->in, f->in.key, "", t.p, "holds a zero byte; allowed: UTF-8 text");
}

static tree_node *read_node(crm_tree_file *f, const tree_node *parent, const tree_node *key);

/* A list of plain scalars as a text. */
static void write_flow(crm_tree_file *f, tree_node *list)
{
    crm_str flow = {0};
    bool plain = true;

    for (int i = 0; plain && i < list->pub.n; i++) {
        const crm_node *item = list->pub.child[i];
        plain = item->kind == CRM_NODE_TEXT && item->text && item->text[0] &&
                !strpbrk(item->text, ",[]\\");
        if (plain) crm_str_addf(&flow, "%s%s", i ? ", " : "[", item->text);
    }
    crm_str_addf(&flow, "%s", flow.len ? "]" : "[]");
    f->log.nomem |= flow.failed;
    if (plain && !flow.failed) list->pub.text = take_text(f, flow.text, flow.len);
    crm_str_free(&flow);
}

static void read_list(crm_tree_file *f, tree_node *n)
{
    size_t base = f->n_open;
    tree_node *item;

    n->pub.kind = CRM_NODE_LIST;
    while (crm_opt_event_next(&f->in) && f->in.event.type != YAML_SEQUENCE_END_EVENT) {
        item = read_node(f, n, NULL);
        if (item) push(f, &item->pub);
    }
    adopt(f, n, base);
    write_flow(f, n);
}

static int by_key(const void *pa, const void *pb)
{
    const crm_node *a = *(const crm_node *const *)pa, *b = *(const crm_node *const *)pb;
    int d = strcmp(a->key, b->key);

    if (d) return d;
    return a->key_line != b->key_line ? (a->key_line > b->key_line) - (a->key_line < b->key_line)
                                      : (a->key_col > b->key_col) - (a->key_col < b->key_col);
}

static void check_twice(crm_tree_file *f, const tree_node *map)
{
    size_t n = (size_t)map->pub.n;
    const crm_node **sorted = n > 1 ? crm_mem_new(n, sizeof *sorted) : NULL;
    crm_str path = {0};

    f->log.nomem |= n > 1 && !sorted;
    if (!sorted) return;
    memcpy(sorted, map->pub.child, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) != 0) continue;
        add_path((const tree_node *)sorted[i], &path);
        f->log.nomem |= path.failed;
        crm_opt_log_twice(&f->log, sorted[i]->key_line, sorted[i]->key_col,
                          path.text ? path.text : "", text_of(sorted[i]), sorted[i - 1]->key_line);
        crm_str_free(&path);
    }
    crm_mem_free(sorted);
}

/* One key and its value. */
static void read_pair(crm_tree_file *f, const tree_node *map)
{
    tree_node *key = new_node(f, map, f->in.event.start_mark), *value;

    if (!key) return;
    read_text(f, key);
    if (!key->pub.text || !crm_opt_event_next(&f->in)) return;
    value = read_node(f, map, key);
    if (value && !f->log.nomem) push(f, &value->pub);
}

static void read_map(crm_tree_file *f, tree_node *n)
{
    size_t base = f->n_open;

    n->pub.kind = CRM_NODE_MAP;
    while (crm_opt_event_next(&f->in) && f->in.event.type != YAML_MAPPING_END_EVENT) {
        if (f->in.event.type == YAML_SCALAR_EVENT)
            read_pair(f, n);
        else
            crm_opt_event_refuse_key(&f->in);
    }
    adopt(f, n, base);
    check_twice(f, n);
}

/* The node whose first event is the current one; NULL for an alias, which is an error already. */
static tree_node *read_node(crm_tree_file *f, const tree_node *parent, const tree_node *key)
{
    const char *outer = f->in.key;
    tree_node *n;

    if (f->in.event.type == YAML_ALIAS_EVENT) return NULL;
    n = new_node(f, parent, f->in.event.start_mark);
    if (!n) return NULL;
    if (key) {
        n->pub.key = f->in.key = key->pub.text;
        n->pub.key_line = key->pub.line;
        n->pub.key_col = key->pub.col;
    }
    if (f->in.event.type == YAML_MAPPING_START_EVENT)
        read_map(f, n);
    else if (f->in.event.type == YAML_SEQUENCE_START_EVENT)
        read_list(f, n);
    else
        read_text(f, n);
    f->in.key = outer;
    return n;
}

static void read_top(void *ctx)
{
    crm_tree_file *f = ctx;
    tree_node *n = read_node(f, NULL, NULL);

    if (n) f->top = n;
}

crm_status crm_tree_file_open(const char *path, const char *text, size_t len, crm_tree_file **out)
{
    crm_tree_file *f;
    char *owned = NULL;
    crm_status st;

    *out = NULL;
    if (!text) CRM_TRY(crm_opt_read_file(path, &owned, &len));
    f = crm_mem_new(1, sizeof *f);
    if (f) f->path = crm_mem_strdup(path);
    if (!f || !f->path) {
        crm_mem_free(f);
        crm_mem_free(owned);
        CRM_FAIL(CRM_ERR_NOMEM, "%s: out of memory", path);
    }
    f->log.name = f->path;
    f->top = new_node(f, NULL, (yaml_mark_t){0});
    if (f->top) f->top->pub.kind = CRM_NODE_MAP;
    text = text ? text : owned ? owned : "";
    if (crm_opt_check_bytes(text, len, &f->log))
        crm_opt_events_read(&f->in, text, len, &f->log, read_top, f);
    crm_mem_free(owned);
    st = crm_tree_file_errors(f);
    if (st)
        crm_tree_file_close(&f);
    else
        *out = f;
    return st;
}

const crm_node *crm_tree_file_top(const crm_tree_file *f)
{
    return &f->top->pub;
}

const char *crm_tree_file_path(const crm_tree_file *f)
{
    return f->path;
}

crm_status crm_tree_file_errors(crm_tree_file *f)
{
    return crm_opt_log_raise(&f->log);
}

void crm_tree_file_close(crm_tree_file **f)
{
    block *next;

    if (!*f) return;
    for (block *b = (*f)->blocks; b; b = next) {
        next = b->next;
        crm_mem_free(b);
    }
    crm_opt_log_free(&(*f)->log);
    crm_mem_free((*f)->open);
    crm_mem_free((*f)->path);
    crm_mem_free(*f);
    *f = NULL;
}

/* ---- values ---- */
const crm_node *crm_node_get(const crm_node *node, const char *key)
{
    if (!node || node->kind != CRM_NODE_MAP) return NULL;
    for (int i = 0; i < node->n; i++)
        if (strcmp(node->child[i]->key, key) == 0) return node->child[i];
    return NULL;
}

/* A single value that is there; bare: quotes make it a text. */
static bool is_single(crm_tree_file *f, const crm_node *node, bool bare, const char *what)
{
    if (node->kind != CRM_NODE_TEXT)
        crm_node_wrong(f, node, "is a %s; allowed: %s",
                       node->kind == CRM_NODE_MAP ? "mapping" : "list", what);
    else if (crm_opt_text_is_null(text_of(node)))
        crm_node_wrong(f, node, "is null; allowed: %s", what);
    else if (bare && node->quoted)
        crm_node_wrong(f, node, "is a quoted text; allowed: %s, without quotes", what);
    else
        return true;
    return false;
}

void crm_node_text(crm_tree_file *f, const crm_node *node, const char **out)
{
    if (node && is_single(f, node, false, "a text")) *out = node->text;
}

void crm_node_i64(crm_tree_file *f, const crm_node *node, int64_t min, int64_t max, int64_t *out)
{
    opt_number got;
    char what[64];
    int64_t v = 0;

    snprintf(what, sizeof what, "%lld..%lld", (long long)min, (long long)max);
    if (!node || !is_single(f, node, true, what)) return;
    got = crm_opt_number_int(node->text, strlen(node->text), &v);
    if (got == OPT_NUM_HUGE)
        crm_node_wrong(f, node, "does not fit in 64 bits; allowed: %s", what);
    else if (got != OPT_NUM_OK)
        crm_node_wrong(f, node, "is not an integer; allowed: %s", what);
    else if (v < min || v > max)
        crm_node_wrong(f, node, "is too %s; allowed: %s", v < min ? "small" : "large", what);
    else
        *out = v;
}

void crm_node_f64(crm_tree_file *f, const crm_node *node, double min, double max, double *out)
{
    char what[80], a[32], b[32];
    opt_number got;
    double v = 0;

    snprintf(what, sizeof what, "%s..%s", crm_format_f64(min, a), crm_format_f64(max, b));
    if (!(min > -1e300 && max < 1e300)) snprintf(what, sizeof what, "a finite number");
    if (!node || !is_single(f, node, true, what)) return;
    got = crm_opt_number_real(node->text, strlen(node->text), &v);
    if (got == OPT_NUM_HUGE)
        crm_node_wrong(f, node, "is not a finite number; allowed: %s", what);
    else if (got != OPT_NUM_OK)
        crm_node_wrong(f, node, "is not a number; allowed: %s", what);
    else if (v < min || v > max)
        crm_node_wrong(f, node, "is too %s; allowed: %s", v < min ? "small" : "large", what);
    else
        *out = v;
}

void crm_node_bool(crm_tree_file *f, const crm_node *node, bool *out)
{
    static const char *const words[] = {"no", "yes", "false", "true"};

    if (!node || !is_single(f, node, true, "yes, no")) return;
    for (int i = 0; i < 4; i++)
        if (strcasecmp(node->text, words[i]) == 0) {
            *out = i % 2;
            return;
        }
    crm_node_wrong(f, node, "is neither yes nor no; allowed: yes, no");
}

static int count(const char *const *words)
{
    int n = 0;

    while (words[n])
        n++;
    return n;
}

static void add_words(crm_str *out, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        crm_str_addf(out, "%s%s", i ? ", " : "", words[i]);
}

/* "value 'x' <what> (nearest: a); allowed: a, b, c" */
static void refuse_word(crm_tree_file *f, const crm_node *node, bool at_key, const char *what,
                        const char *const *words)
{
    const char *near = crm_nearest(at_key ? node->key : node->text, words, count(words));
    crm_str why = {0};

    add_value(&why, node);
    crm_str_addf(&why, "%s%s%s%s; allowed: ", what, near ? " (nearest: " : "", near ? near : "",
                 near ? ")" : "");
    add_words(&why, words);
    report(f, node, at_key, &why);
}

void crm_node_enum(crm_tree_file *f, const crm_node *node, const char *const *values, int *out)
{
    if (!node) return;
    if (node->kind != CRM_NODE_TEXT) {
        crm_node_wrong(f, node, "is a %s; allowed: a word, such as %s",
                       node->kind == CRM_NODE_MAP ? "mapping" : "list", values[0]);
        return;
    }
    for (int i = 0; values[i]; i++)
        if (strcmp(node->text, values[i]) == 0) {
            *out = i;
            return;
        }
    refuse_word(f, node, false, "is unknown", values);
}

void crm_node_texts(crm_tree_file *f, const crm_node *node, int *n, const char *const **item)
{
    const char **text;
    int m = 0;

    if (!node) return;
    if (node->kind == CRM_NODE_MAP) {
        crm_node_wrong(f, node, "is a mapping; allowed: a text or a list of texts");
        return;
    }
    text = take(f, node->kind == CRM_NODE_LIST ? (size_t)node->n : 1, sizeof *text);
    if (!text) return;
    if (node->kind == CRM_NODE_TEXT) {
        if (!is_single(f, node, false, "a text or a list of texts")) return;
        text[m++] = node->text;
    } else {
        for (int i = 0; i < node->n; i++)
            if (is_single(f, node->child[i], false, "a text")) text[m++] = node->child[i]->text;
    }
    *n = m;
    *item = text;
}

void crm_node_keys(crm_tree_file *f, const crm_node *map, const char *const *keys)
{
    if (!map || map->kind != CRM_NODE_MAP) return;
    for (int i = 0; i < map->n; i++) {
        const char *const *k = keys;
        while (*k && strcmp(*k, map->child[i]->key) != 0)
            k++;
        if (!*k) refuse_word(f, map->child[i], true, "is given to an unknown key", keys);
    }
}

void crm_node_quote(crm_str *out, const char *text)
{
    crm_opt_quote(out, text);
}
