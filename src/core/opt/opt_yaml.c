/* opt_yaml.c - reads a config into the entries of a set, in one pass that survives errors. */
#include <ctype.h>
#include <string.h>

#include "opt_event.h"

typedef struct reader {
    opt_events in;
    crm_opt_set *set;
    int64_t mappings; /* opened so far */
} reader;

/* The items of a list; true when the current node gave a value. */
static bool read_list(reader *r, const crm_opt *o, opt_value *v)
{
    opt_items items = {0};
    crm_str why = {0};
    bool good = true, item_good;

    while (crm_opt_event_next(&r->in) && r->in.event.type != YAML_SEQUENCE_END_EVENT) {
        yaml_mark_t at = r->in.event.start_mark;
        if (r->in.event.type == YAML_SCALAR_EVENT)
            item_good = crm_opt_items_add(o, crm_opt_event_text(&r->in), &items, &why);
        else if (r->in.event.type == YAML_ALIAS_EVENT)
            item_good = false; /* reported by crm_opt_event_next */
        else
            item_good = crm_opt_refuse(o, crm_opt_event_text(&r->in), &why,
                                       "is no item: single values needed");
        good = good && item_good;
        if (why.len > 0 || why.failed) crm_opt_event_report(&r->in, at, o->key, &why);
        crm_opt_event_skip(&r->in);
    }
    if (good && !r->in.stopped && crm_opt_items_end(&items, v, &why)) return true;
    r->in.log->nomem |= why.failed;
    crm_str_free(&items.bytes);
    return false;
}

static bool read_scalar(reader *r, const crm_opt *o, opt_value *v)
{
    crm_str why = {0};
    bool good = crm_opt_value_parse(o, crm_opt_event_text(&r->in), v, &why);

    if (!good) crm_opt_event_report(&r->in, r->in.event.start_mark, o->key, &why);
    return good;
}

/* A scalar of a tree in one line, as it was where it cannot be misread there. */
static void add_scalar(const reader *r, crm_str *out)
{
    opt_text t = crm_opt_event_text(&r->in);
    bool plain = t.style == OPT_PLAIN && t.len > 0;

    for (size_t i = 0; i < t.len && plain; i++)
        plain = isalnum((unsigned char)t.p[i]) || strchr(i > 0 ? "_.+-/ =!" : "_.+-/", t.p[i]);
    if (plain)
        crm_str_add(out, t.p, t.len);
    else
        crm_opt_quote(out, t.p);
}

/* The current node as one line of YAML; its last event becomes the current one. */
static void add_node(reader *r, crm_str *out)
{
    bool map = r->in.event.type == YAML_MAPPING_START_EVENT, key = true;
    yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;

    if (r->in.event.type == YAML_SCALAR_EVENT) {
        add_scalar(r, out);
        return;
    }
    if (!map && r->in.event.type != YAML_SEQUENCE_START_EVENT) return; /* an alias: told */
    crm_str_addf(out, map ? "{" : "[");
    for (int n = 0; crm_opt_event_next(&r->in) && r->in.event.type != end; n++) {
        if (n > 0) crm_str_addf(out, "%s", map && !key ? ": " : ", ");
        add_node(r, out);
        key = !map || !key;
    }
    crm_str_addf(out, map ? "}" : "]");
}

static bool read_tree(reader *r, opt_value *v)
{
    crm_str text = {0};

    add_node(r, &text);
    r->in.log->nomem |= text.failed;
    if (text.failed || r->in.stopped) {
        crm_str_free(&text);
        return false;
    }
    v->s = v->block = text.text;
    return true;
}

/* A mapping, or a list where the option takes one value. */
static void refuse_node(reader *r, const crm_opt *o)
{
    bool is_mapping = r->in.event.type == YAML_MAPPING_START_EVENT;
    crm_str why = {0};

    crm_opt_refuse(o, crm_opt_event_text(&r->in), &why, "is a %s, a %s is needed",
                   is_mapping ? "mapping" : "list",
                   o->type == CRM_OPT_LIST ? "list" : "single value");
    crm_opt_event_report(&r->in, r->in.event.start_mark, o->key, &why);
    crm_opt_event_skip(&r->in);
}

/* At a key that the file gave before, in line first. */
static void report_twice(reader *r, yaml_mark_t at, const char *key, int first)
{
    crm_opt_log_twice(r->in.log, opt_event_line(at), opt_event_col(at), key,
                      crm_opt_event_text(&r->in), first);
}

static void read_option(reader *r, opt_entry *e, yaml_mark_t key_at)
{
    yaml_mark_t at = r->in.event.start_mark;
    opt_value v = {0};
    bool again = e->seen_line > 0, good = false;

    if (again)
        report_twice(r, key_at, e->o->key, e->seen_line);
    else
        e->seen_line = opt_event_line(key_at);
    if (r->in.event.type == YAML_SCALAR_EVENT)
        good = read_scalar(r, e->o, &v);
    else if (r->in.event.type == YAML_SEQUENCE_START_EVENT && e->o->type == CRM_OPT_LIST)
        good = read_list(r, e->o, &v);
    else if (r->in.event.type != YAML_ALIAS_EVENT && (e->o->flags & CRM_OPT_TREE))
        good = read_tree(r, &v);
    else if (r->in.event.type != YAML_ALIAS_EVENT)
        refuse_node(r, e->o);
    if (good && !again)
        crm_opt_stage(e, &v, OPT_FROM_FILE, r->in.log->name, opt_event_line(at), opt_event_col(at),
                      r->in.log);
    else
        crm_opt_value_free(&v);
}

static void read_mapping(reader *r, const char *prefix);

static void read_group(reader *r, opt_group *g, yaml_mark_t key_at, int64_t mapping)
{
    const char *name = g->name; /* g may be moved by the groups of variants */
    int64_t errors = r->in.log->total;
    crm_str why = {0};

    if (g->mapping == mapping) report_twice(r, key_at, g->name, g->line);
    g->mapping = mapping;
    g->line = opt_event_line(key_at);
    read_mapping(r, name);
    if (r->in.log->total > errors || !crm_opt_variant_is_empty(r->set, name)) return;
    crm_str_addf(&why, "value '{}' is empty; allowed: at least one option that differs");
    crm_opt_event_report(&r->in, key_at, name, &why);
}

/* A key that is no option: one error, whatever lies below it. */
static void refuse_value(reader *r, const crm_str *key, yaml_mark_t key_at, bool is_group)
{
    bool is_mapping = r->in.event.type == YAML_MAPPING_START_EVENT;
    crm_str why = {0};

    if (r->in.event.type == YAML_ALIAS_EVENT && is_group)
        return; /* reported by crm_opt_event_next */
    if (r->in.log->total < OPT_ERRORS_MAX)
        crm_opt_unknown(r->set, key->text, key->len, crm_opt_event_text(&r->in), is_mapping, &why);
    crm_opt_event_report(&r->in, is_group ? r->in.event.start_mark : key_at, key->text, &why);
    crm_opt_event_skip(&r->in);
}

/* The value of the full key; the current event is its first. */
static void read_value(reader *r, const crm_str *key, yaml_mark_t key_at, int64_t mapping)
{
    opt_entry *e;
    opt_group *g;

    r->in.log->nomem |= crm_opt_variant_admit(r->set, key->text, key->len) != CRM_OK;
    e = crm_opt_find(r->set, key->text, key->len);
    g = crm_opt_find_group(r->set, key->text, key->len);
    if (g && r->in.event.type == YAML_MAPPING_START_EVENT)
        read_group(r, g, key_at, mapping);
    else if (e)
        read_option(r, e, key_at);
    else
        refuse_value(r, key, key_at, g != NULL);
}

static void read_mapping(reader *r, const char *prefix)
{
    const char *outer = r->in.key;
    int64_t mapping = ++r->mappings;
    crm_str key = {0};
    yaml_mark_t at;

    while (crm_opt_event_next(&r->in) && r->in.event.type != YAML_MAPPING_END_EVENT) {
        if (r->in.event.type != YAML_SCALAR_EVENT) {
            crm_opt_event_refuse_key(&r->in);
            continue;
        }
        at = r->in.event.start_mark;
        crm_str_addf(&key, "%s%s", prefix, prefix[0] ? "." : "");
        crm_str_add(&key, (const char *)r->in.event.data.scalar.value,
                    r->in.event.data.scalar.length);
        r->in.log->nomem |= key.failed;
        r->in.key = key.failed ? OPT_TOP : key.text;
        if (!key.failed && crm_opt_event_next(&r->in)) read_value(r, &key, at, mapping);
        r->in.key = outer;
        crm_str_free(&key);
    }
}

static void read_top(void *ctx)
{
    read_mapping(ctx, "");
}

void crm_opt_yaml_read(crm_opt_set *s, const char *text, size_t len, opt_log *log)
{
    reader r = {.set = s};

    for (size_t i = 0; i < s->n; i++)
        s->entry[i].seen_line = 0;
    for (size_t i = 0; i < s->n_groups; i++)
        s->group[i].mapping = 0;
    crm_opt_events_read(&r.in, text, len, log, read_top, &r);
}
