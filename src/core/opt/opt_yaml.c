/* opt_yaml.c - reads a config through libyaml's event interface, in one pass that survives errors.
 *
 * Every event goes through next(), which keeps the limits: depth, no anchors, aliases and tags.  A
 * wrong node is reported and skipped, so that the errors behind it are found too; only a syntax
 * error and too deep nesting end the pass. */
#include <string.h>
#include <yaml.h>

#include "opt_impl.h"

#define TOP "(top level)"

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    crm_opt_set *set;
    opt_log *log;
    const char *text, *key; /* key: what messages of next() name */
    size_t len;
    int depth;
    int64_t mappings; /* opened so far */
    bool stopped;
} reader;

static int line_of(yaml_mark_t m)
{
    return (int)m.line + 1;
}

static int col_of(yaml_mark_t m)
{
    return (int)m.column + 1;
}

static void report(reader *r, yaml_mark_t at, const char *key, crm_str *why)
{
    crm_opt_log_file(r->log, line_of(at), col_of(at), key, why);
}

/* Error at the current event: "value '<mark><text>' <what>". */
static void report_here(reader *r, const char *key, const char *mark, const char *text,
                        const char *what)
{
    crm_str why = {0};

    crm_str_addf(&why, "value '%s", mark);
    crm_opt_show(&why, text, strlen(text));
    crm_str_addf(&why, "' %s", what);
    report(r, r->event.start_mark, key, &why);
}

static void report_syntax(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    int line = line_of(p->problem_mark), col = col_of(p->problem_mark);
    crm_str why = {0};
    size_t at, n;

    if (p->error == YAML_MEMORY_ERROR) {
        r->log->nomem = true;
        return;
    }
    if (p->error == YAML_READER_ERROR)
        crm_opt_text_position(r->text, p->problem_offset < r->len ? p->problem_offset : r->len,
                              &line, &col);
    at = crm_opt_text_offset(r->text, r->len, line, col);
    for (n = 0; at + n < r->len && r->text[at + n] != '\n' && r->text[at + n] != '\r';)
        n++;
    crm_str_addf(&why, "value '");
    crm_opt_show(&why, r->text + at, n);
    crm_str_addf(&why, "' is not YAML: %s", p->problem ? p->problem : "cannot be read");
    if (p->context) crm_str_addf(&why, " (%s from line %d)", p->context, line_of(p->context_mark));
    crm_str_addf(&why, "; allowed: 'key: value' lines, indented by spaces");
    crm_opt_log_file(r->log, line, col, "(syntax)", &why);
}

static void check_plain_node(reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    const char *what = "is an anchor; allowed: no anchors, aliases or tags (write the value out)";

    if (anchor) report_here(r, r->key, "&", (const char *)anchor, what);
    what = "is a tag; allowed: no anchors, aliases or tags (leave it out)";
    if (tag) report_here(r, r->key, "", (const char *)tag, what);
}

static void check_depth(reader *r)
{
    char what[96];

    if (++r->depth <= OPT_DEPTH_MAX) return;
    snprintf(what, sizeof what, "is nested too deeply; allowed: at most %d levels", OPT_DEPTH_MAX);
    report_here(r, r->key, "", r->event.type == YAML_MAPPING_START_EVENT ? "{...}" : "[...]", what);
    r->stopped = true;
}

static void check_event(reader *r)
{
    const yaml_event_t *e = &r->event;

    if (e->type == YAML_ALIAS_EVENT) {
        report_here(r, r->key, "*", (const char *)e->data.alias.anchor,
                    "is an alias; allowed: no anchors, aliases or tags (write the value out)");
    } else if (e->type == YAML_SCALAR_EVENT) {
        check_plain_node(r, e->data.scalar.anchor, e->data.scalar.tag);
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        check_plain_node(r, e->data.mapping_start.anchor, e->data.mapping_start.tag);
        check_depth(r);
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        check_plain_node(r, e->data.sequence_start.anchor, e->data.sequence_start.tag);
        check_depth(r);
    } else if (e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT) {
        r->depth--;
    }
}

/* The next event becomes the current one; false when the pass has ended by an error, or because
 * memory is out: what is read then is short of something. */
static bool next(reader *r)
{
    r->stopped |= r->log->nomem;
    if (r->stopped) return false;
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        report_syntax(r);
        r->stopped = true;
    } else {
        check_event(r);
    }
    return !r->stopped;
}

/* To the last event of the node whose first event is the current one. */
static void skip_node(reader *r)
{
    int outside = r->depth - 1;

    if (r->event.type != YAML_MAPPING_START_EVENT && r->event.type != YAML_SEQUENCE_START_EVENT)
        return;
    while (r->depth > outside && next(r)) {
    }
}

/* What messages show of the current node. */
static opt_text node_text(const reader *r)
{
    const yaml_event_t *e = &r->event;

    if (e->type == YAML_SCALAR_EVENT)
        return (opt_text){(const char *)e->data.scalar.value, e->data.scalar.length,
                          e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? OPT_PLAIN : OPT_QUOTED};
    if (e->type == YAML_MAPPING_START_EVENT) return (opt_text){"{...}", 5, OPT_QUOTED};
    return (opt_text){"[...]", 5, OPT_QUOTED};
}

/* The items of a list; true when the current node gave a value. */
static bool read_list(reader *r, const crm_opt *o, opt_value *v)
{
    opt_items items = {0};
    crm_str why = {0};
    bool good = true, item_good;

    while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        yaml_mark_t at = r->event.start_mark;
        if (r->event.type == YAML_SCALAR_EVENT)
            item_good = crm_opt_items_add(o, node_text(r), &items, &why);
        else if (r->event.type == YAML_ALIAS_EVENT)
            item_good = false; /* reported by next() */
        else
            item_good = crm_opt_refuse(o, node_text(r), &why, "is no item: single values needed");
        good = good && item_good;
        if (why.len > 0 || why.failed) report(r, at, o->key, &why);
        skip_node(r);
    }
    if (good && !r->stopped && crm_opt_items_end(&items, v, &why)) return true;
    r->log->nomem |= why.failed;
    crm_str_free(&items.bytes);
    return false;
}

static bool read_scalar(reader *r, const crm_opt *o, opt_value *v)
{
    crm_str why = {0};
    bool good = crm_opt_value_parse(o, node_text(r), v, &why);

    if (!good) report(r, r->event.start_mark, o->key, &why);
    return good;
}

/* A mapping, or a list where the option takes one value. */
static void refuse_node(reader *r, const crm_opt *o)
{
    bool is_mapping = r->event.type == YAML_MAPPING_START_EVENT;
    crm_str why = {0};

    crm_opt_refuse(o, node_text(r), &why, "is a %s, a %s is needed",
                   is_mapping ? "mapping" : "list",
                   o->type == CRM_OPT_LIST ? "list" : "single value");
    report(r, r->event.start_mark, o->key, &why);
    skip_node(r);
}

/* At a key that the file gave before, in line first. */
static void report_twice(reader *r, yaml_mark_t at, const char *key, int first)
{
    crm_str why = {0};
    opt_text t = node_text(r);

    crm_str_addf(&why, "value '");
    crm_opt_show(&why, t.p, t.len);
    crm_str_addf(&why, "' is given to a key of line %d again; allowed: each key once", first);
    report(r, at, key, &why);
}

static void read_option(reader *r, opt_entry *e, yaml_mark_t key_at)
{
    yaml_mark_t at = r->event.start_mark;
    opt_value v = {0};
    bool again = e->seen_line > 0, good = false;

    if (again)
        report_twice(r, key_at, e->o->key, e->seen_line);
    else
        e->seen_line = line_of(key_at);
    if (r->event.type == YAML_SCALAR_EVENT)
        good = read_scalar(r, e->o, &v);
    else if (r->event.type == YAML_SEQUENCE_START_EVENT && e->o->type == CRM_OPT_LIST)
        good = read_list(r, e->o, &v);
    else if (r->event.type != YAML_ALIAS_EVENT)
        refuse_node(r, e->o);
    if (good && !again)
        crm_opt_stage(e, &v, OPT_FROM_FILE, r->log->name, line_of(at), col_of(at), r->log);
    else
        crm_opt_value_free(&v);
}

static void read_mapping(reader *r, const char *prefix);

static void read_group(reader *r, opt_group *g, yaml_mark_t key_at, int64_t mapping)
{
    const char *name = g->name; /* g may be moved by the groups of variants */
    int64_t errors = r->log->total;
    crm_str why = {0};

    if (g->mapping == mapping) report_twice(r, key_at, g->name, g->line);
    g->mapping = mapping;
    g->line = line_of(key_at);
    read_mapping(r, name);
    if (r->log->total > errors || !crm_opt_variant_is_empty(r->set, name)) return;
    crm_str_addf(&why, "value '{}' is empty; allowed: at least one option that differs");
    report(r, key_at, name, &why);
}

/* A key that is no option: one error, whatever lies below it. */
static void refuse_value(reader *r, const crm_str *key, yaml_mark_t key_at, bool is_group)
{
    bool is_mapping = r->event.type == YAML_MAPPING_START_EVENT;
    crm_str why = {0};

    if (r->event.type == YAML_ALIAS_EVENT && is_group) return; /* reported by next() */
    if (r->log->total < OPT_ERRORS_MAX)
        crm_opt_unknown(r->set, key->text, key->len, node_text(r), is_mapping, &why);
    report(r, is_group ? r->event.start_mark : key_at, key->text, &why);
    skip_node(r);
}

/* The value of the full key; the current event is its first. */
static void read_value(reader *r, const crm_str *key, yaml_mark_t key_at, int64_t mapping)
{
    opt_entry *e;
    opt_group *g;

    r->log->nomem |= crm_opt_variant_admit(r->set, key->text, key->len) != CRM_OK;
    e = crm_opt_find(r->set, key->text, key->len);
    g = crm_opt_find_group(r->set, key->text, key->len);
    if (g && r->event.type == YAML_MAPPING_START_EVENT)
        read_group(r, g, key_at, mapping);
    else if (e)
        read_option(r, e, key_at);
    else
        refuse_value(r, key, key_at, g != NULL);
}

/* A key that is a list, a mapping or an alias: it and its value are passed over. */
static void refuse_key(reader *r)
{
    if (r->event.type != YAML_ALIAS_EVENT)
        report_here(r, r->key, "", node_text(r).p,
                    "is no key; allowed: a name such as train.epochs");
    skip_node(r);
    if (next(r)) skip_node(r);
}

static void read_mapping(reader *r, const char *prefix)
{
    const char *outer = r->key;
    int64_t mapping = ++r->mappings;
    crm_str key = {0};
    yaml_mark_t at;

    while (next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        if (r->event.type != YAML_SCALAR_EVENT) {
            refuse_key(r);
            continue;
        }
        at = r->event.start_mark;
        crm_str_addf(&key, "%s%s", prefix, prefix[0] ? "." : "");
        crm_str_add(&key, (const char *)r->event.data.scalar.value, r->event.data.scalar.length);
        r->log->nomem |= key.failed;
        r->key = key.failed ? TOP : key.text;
        if (!key.failed && next(r)) read_value(r, &key, at, mapping);
        r->key = outer;
        crm_str_free(&key);
    }
}

static void read_root(reader *r)
{
    opt_text t = node_text(r);

    if (r->event.type == YAML_MAPPING_START_EVENT) {
        read_mapping(r, "");
    } else if (r->event.type != YAML_SCALAR_EVENT || t.style != OPT_PLAIN || t.len > 0) {
        report_here(r, TOP, "", t.p, "is no mapping; allowed: 'key: value' lines");
        skip_node(r);
    }
}

static void read_stream(reader *r)
{
    bool second = false;

    while (next(r) && r->event.type != YAML_STREAM_END_EVENT) {
        if (r->event.type != YAML_DOCUMENT_START_EVENT) continue; /* stream start, document end */
        if (second) {
            report_here(r, TOP, "", "---", "is a second document; allowed: one document");
            return;
        }
        second = true;
        if (r->event.data.document_start.tag_directives.start !=
            r->event.data.document_start.tag_directives.end)
            report_here(r, TOP, "", "%TAG",
                        "is a tag directive; allowed: no anchors, aliases or tags (leave it out)");
        if (next(r)) read_root(r);
    }
}

void crm_opt_yaml_read(crm_opt_set *s, const char *text, size_t len, opt_log *log)
{
    reader r = {.set = s, .log = log, .text = text, .len = len, .key = TOP};

    for (size_t i = 0; i < s->n; i++)
        s->entry[i].seen_line = 0;
    for (size_t i = 0; i < s->n_groups; i++)
        s->group[i].mapping = 0;
    if (!yaml_parser_initialize(&r.parser)) {
        log->nomem = true;
        return;
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
}
