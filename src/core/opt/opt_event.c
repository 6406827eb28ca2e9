/* opt_event.c - libyaml's events with the limits of a config: one document, depth, no anchors,
 * aliases and tags.
 *
 * Every event goes through crm_opt_event_next, which keeps the limits.  A wrong node is reported
 * and can be skipped, so that the errors behind it are found too; only a syntax error and too deep
 * nesting end the pass. */
#include "opt_event.h"

#include <string.h>

void crm_opt_event_report(opt_events *e, yaml_mark_t at, const char *key, crm_str *why)
{
    crm_opt_log_file(e->log, opt_event_line(at), opt_event_col(at), key, why);
}

void crm_opt_event_refuse(opt_events *e, const char *key, const char *mark, const char *text,
                          const char *what)
{
    crm_str why = {0};

    crm_str_addf(&why, "value '%s", mark);
    crm_opt_show(&why, text, strlen(text));
    crm_str_addf(&why, "' %s", what);
    crm_opt_event_report(e, e->event.start_mark, key, &why);
}

static void report_syntax(opt_events *e)
{
    const yaml_parser_t *p = &e->parser;
    int line = opt_event_line(p->problem_mark), col = opt_event_col(p->problem_mark);
    crm_str why = {0};
    size_t at, n;

    if (p->error == YAML_MEMORY_ERROR) {
        e->log->nomem = true;
        return;
    }
    if (p->error == YAML_READER_ERROR)
        crm_opt_text_position(e->text, p->problem_offset < e->len ? p->problem_offset : e->len,
                              &line, &col);
    at = crm_opt_text_offset(e->text, e->len, line, col);
    for (n = 0; at + n < e->len && e->text[at + n] != '\n' && e->text[at + n] != '\r';)
        n++;
    crm_str_addf(&why, "value '");
    crm_opt_show(&why, e->text + at, n);
    crm_str_addf(&why, "' is not YAML: %s", p->problem ? p->problem : "cannot be read");
    if (p->context)
        crm_str_addf(&why, " (%s from line %d)", p->context, opt_event_line(p->context_mark));
    crm_str_addf(&why, "; allowed: 'key: value' lines, indented by spaces");
    crm_opt_log_file(e->log, line, col, "(syntax)", &why);
}

static void check_plain_node(opt_events *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    const char *what = "is an anchor; allowed: no anchors, aliases or tags (write the value out)";

    if (anchor) crm_opt_event_refuse(e, e->key, "&", (const char *)anchor, what);
    what = "is a tag; allowed: no anchors, aliases or tags (leave it out)";
    if (tag) crm_opt_event_refuse(e, e->key, "", (const char *)tag, what);
}

static void check_depth(opt_events *e)
{
    char what[96];

    if (++e->depth <= OPT_DEPTH_MAX) return;
    snprintf(what, sizeof what, "is nested too deeply; allowed: at most %d levels", OPT_DEPTH_MAX);
    crm_opt_event_refuse(e, e->key, "", crm_opt_event_text(e).p, what);
    e->stopped = true;
}

static void check_event(opt_events *e)
{
    const yaml_event_t *v = &e->event;

    if (v->type == YAML_ALIAS_EVENT) {
        crm_opt_event_refuse(
            e, e->key, "*", (const char *)v->data.alias.anchor,
            "is an alias; allowed: no anchors, aliases or tags (write the value out)");
    } else if (v->type == YAML_SCALAR_EVENT) {
        check_plain_node(e, v->data.scalar.anchor, v->data.scalar.tag);
    } else if (v->type == YAML_MAPPING_START_EVENT) {
        check_plain_node(e, v->data.mapping_start.anchor, v->data.mapping_start.tag);
        check_depth(e);
    } else if (v->type == YAML_SEQUENCE_START_EVENT) {
        check_plain_node(e, v->data.sequence_start.anchor, v->data.sequence_start.tag);
        check_depth(e);
    } else if (v->type == YAML_MAPPING_END_EVENT || v->type == YAML_SEQUENCE_END_EVENT) {
        e->depth--;
    }
}

bool crm_opt_event_next(opt_events *e)
{
    e->stopped |= e->log->nomem;
    if (e->stopped) return false;
    yaml_event_delete(&e->event);
    if (!yaml_parser_parse(&e->parser, &e->event)) {
        report_syntax(e);
        e->stopped = true;
    } else {
        check_event(e);
    }
    return !e->stopped;
}

void crm_opt_event_skip(opt_events *e)
{
    int outside = e->depth - 1;

    if (e->event.type != YAML_MAPPING_START_EVENT && e->event.type != YAML_SEQUENCE_START_EVENT)
        return;
    while (e->depth > outside && crm_opt_event_next(e)) {
    }
}

opt_text crm_opt_event_text(const opt_events *e)
{
    const yaml_event_t *v = &e->event;

    if (v->type == YAML_SCALAR_EVENT)
        return (opt_text){(const char *)v->data.scalar.value, v->data.scalar.length,
                          v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? OPT_PLAIN : OPT_QUOTED};
    if (v->type == YAML_MAPPING_START_EVENT) return (opt_text){"{...}", 5, OPT_QUOTED};
    return (opt_text){"[...]", 5, OPT_QUOTED};
}

void crm_opt_event_refuse_key(opt_events *e)
{
    if (e->event.type != YAML_ALIAS_EVENT)
        crm_opt_event_refuse(e, e->key, "", crm_opt_event_text(e).p,
                             "is no key; allowed: a name such as train.epochs");
    crm_opt_event_skip(e);
    if (crm_opt_event_next(e)) crm_opt_event_skip(e);
}

/* An empty document has no top node for the reader; all but a mapping is refused. */
static void read_root(opt_events *e, void (*root)(void *ctx), void *ctx)
{
    opt_text t = crm_opt_event_text(e);

    if (e->event.type == YAML_MAPPING_START_EVENT) {
        root(ctx);
    } else if (e->event.type != YAML_SCALAR_EVENT || t.style != OPT_PLAIN || t.len > 0) {
        crm_opt_event_refuse(e, OPT_TOP, "", t.p, "is no mapping; allowed: 'key: value' lines");
        crm_opt_event_skip(e);
    }
}

static void read_stream(opt_events *e, void (*root)(void *ctx), void *ctx)
{
    bool second = false;

    while (crm_opt_event_next(e) && e->event.type != YAML_STREAM_END_EVENT) {
        if (e->event.type != YAML_DOCUMENT_START_EVENT) continue; /* stream start, document end */
        if (second) {
            crm_opt_event_refuse(e, OPT_TOP, "", "---",
                                 "is a second document; allowed: one document");
            return;
        }
        second = true;
        if (e->event.data.document_start.tag_directives.start !=
            e->event.data.document_start.tag_directives.end)
            crm_opt_event_refuse(
                e, OPT_TOP, "", "%TAG",
                "is a tag directive; allowed: no anchors, aliases or tags (leave it out)");
        if (crm_opt_event_next(e)) read_root(e, root, ctx);
    }
}

void crm_opt_events_read(opt_events *e, const char *text, size_t len, opt_log *log,
                         void (*root)(void *ctx), void *ctx)
{
    *e = (opt_events){.log = log, .text = text, .len = len, .key = OPT_TOP};
    if (!yaml_parser_initialize(&e->parser)) {
        log->nomem = true;
        return;
    }
    yaml_parser_set_input_string(&e->parser, (const unsigned char *)text, len);
    read_stream(e, root, ctx);
    yaml_event_delete(&e->event);
    yaml_parser_delete(&e->parser);
}
