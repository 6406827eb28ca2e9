/* opt_event.h - the events of a YAML text within the limits of a config: what opt_yaml.c and
 * opt_tree.c read (inside of room opt). */
#ifndef CRM_OPT_EVENT_H
#define CRM_OPT_EVENT_H

#include <yaml.h>

#include "opt_impl.h"

#define OPT_TOP "(top level)"

typedef struct opt_events {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    opt_log *log;
    const char *text, *key; /* key: what messages about anchors, tags and depth name */
    size_t len;
    int depth;
    bool stopped;
} opt_events;

static inline int opt_event_line(yaml_mark_t m)
{
    return (int)m.line + 1;
}

static inline int opt_event_col(yaml_mark_t m)
{
    return (int)m.column + 1;
}

/** Read the one document of a text: root(ctx) is called at the first event of its top node, and
 *  leaves the last one of it current. */
void crm_opt_events_read(opt_events *e, const char *text, size_t len, opt_log *log,
                         void (*root)(void *ctx), void *ctx);
/** The next event becomes the current one; false when the pass has ended by an error, or because
 *  memory is out: what is read then is short of something. */
bool crm_opt_event_next(opt_events *e);
/** To the last event of the node whose first event is the current one. */
void crm_opt_event_skip(opt_events *e);
/** What messages show of the current node. */
opt_text crm_opt_event_text(const opt_events *e);
void crm_opt_event_report(opt_events *e, yaml_mark_t at, const char *key, crm_str *why);
/** Error at the current event: "value '<mark><text>' <what>". */
void crm_opt_event_refuse(opt_events *e, const char *key, const char *mark, const char *text,
                          const char *what);
/** The current event begins a node that stands as a key, and cannot: it and its value are passed
 *  over. */
void crm_opt_event_refuse_key(opt_events *e);
#endif
