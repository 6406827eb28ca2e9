/* opt_log.c - the errors of one load: collected, sorted by position, raised as one text. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "opt_impl.h"

enum { LINE_MAX_BYTES = 2000, TAIL_BYTES = 100, LISTED_MAX = 8 };

static void add(opt_log *log, int source, int line, int col, crm_str *text)
{
    opt_error *grown;

    log->total++;
    log->nomem |= text->failed;
    if (log->n == log->cap && log->n < OPT_ERRORS_MAX) {
        grown = crm_mem_grow(log->item, (size_t)log->n, (size_t)log->cap + 32, sizeof *grown);
        log->nomem |= !grown;
        if (grown) {
            log->item = grown;
            log->cap += 32;
        }
    }
    if (log->n == log->cap || !text->text) {
        crm_str_free(text);
        return;
    }
    log->item[log->n] = (opt_error){source, line, col, log->n, text->text};
    log->n++;
}

/* Moves why behind the head of a line. */
static void join(crm_str *head, crm_str *why)
{
    head->failed |= why->failed;
    if (why->len > 0) crm_str_add(head, why->text, why->len);
    crm_str_free(why);
}

void crm_opt_log_file(opt_log *log, int line, int col, const char *key, crm_str *why)
{
    crm_str text = {0};

    crm_opt_escape(&text, log->name, strlen(log->name));
    crm_str_addf(&text, ":%d:%d: ", line, col);
    if (key) crm_opt_show(&text, key, strlen(key));
    if (key) crm_str_addf(&text, ": ");
    join(&text, why);
    add(log, 0, line, col, &text);
}

void crm_opt_log_twice(opt_log *log, int line, int col, const char *key, opt_text value, int first)
{
    crm_str why = {0};

    crm_str_addf(&why, "value '");
    crm_opt_show(&why, value.p, value.len);
    crm_str_addf(&why, "' is given to a key of line %d again; allowed: each key once", first);
    crm_opt_log_file(log, line, col, key, &why);
}

void crm_opt_log_set(opt_log *log, int number, const char *assignment, crm_str *why)
{
    crm_str text = {0};

    crm_str_addf(&text, "--set ");
    crm_opt_show(&text, assignment, strlen(assignment));
    crm_str_addf(&text, ": ");
    join(&text, why);
    add(log, 1, number, 0, &text);
}

static int by_position(const void *pa, const void *pb)
{
    const opt_error *a = pa, *b = pb;

    if (a->source != b->source) return a->source < b->source ? -1 : 1;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    if (a->col != b->col) return a->col < b->col ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* Length of a line cut between characters. */
static size_t cut(const char *text)
{
    size_t n = strlen(text);

    if (n <= LINE_MAX_BYTES) return n;
    for (n = LINE_MAX_BYTES; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;)
        n--;
    return n;
}

crm_status crm_opt_log_raise(opt_log *log)
{
    crm_str all = {0};
    crm_status st;
    int shown = 0;

    CRM_CHECK(!log->nomem, CRM_ERR_NOMEM, "%s: out of memory while reading options", log->name);
    if (log->total == 0) return CRM_OK;
    qsort(log->item, (size_t)log->n, sizeof *log->item, by_position);
    for (; shown < log->n; shown++) {
        size_t len = cut(log->item[shown].text);
        if (all.len + len + 1 > CRM_ERR_TEXT_MAX - TAIL_BYTES) break;
        crm_str_addf(&all, "%.*s\n", (int)len, log->item[shown].text);
    }
    if (shown < log->total)
        crm_str_addf(&all, "(%lld more not shown)\n", (long long)(log->total - shown));
    crm_str_addf(&all, "%lld error%s", (long long)log->total, log->total == 1 ? "" : "s");
    if (all.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "%s: out of memory while reporting errors", log->name);
    else
        CRM_SET(st, CRM_ERR_CONFIG, "%s", all.text);
    crm_str_free(&all);
    return st;
}

void crm_opt_log_free(opt_log *log)
{
    for (int i = 0; i < log->n; i++)
        crm_mem_free(log->item[i].text);
    crm_mem_free(log->item);
    *log = (opt_log){0};
}

static const char *leaf(const char *key)
{
    const char *dot = strrchr(key, '.');

    return dot ? dot + 1 : key;
}

/* The option meant by a slip of the pen, or by its last name alone ("epochs" for "train.epochs").
 */
static const char *nearest(const crm_opt_set *s, const char *key, bool is_mapping)
{
    const char **name = crm_mem_new(s->n + s->n_groups, sizeof *name), *found;
    int n = 0;

    if (!name) return NULL;
    for (size_t i = 0; i < s->n_groups && is_mapping; i++)
        name[n++] = s->group[i].name;
    for (size_t i = 0; i < s->n; i++)
        if (!s->entry[i].override) name[n++] = s->entry[i].o->key;
    found = crm_nearest(key, name, n);
    crm_mem_free(name);
    for (size_t i = 0; i < s->n && !found; i++)
        if (strcmp(leaf(s->entry[i].o->key), leaf(key)) == 0) found = s->entry[i].o->key;
    return found;
}

/* Length of the longest group that key lies in, with its dot; 0 for none. */
static size_t home(const crm_opt_set *s, const char *key, size_t len)
{
    while (len > 0 && !(key[len - 1] == '.' && crm_opt_find_group(s, key, len - 1)))
        len--;
    return len;
}

void crm_opt_add_name(crm_str *out, const char *name, int *listed)
{
    if (*listed < LISTED_MAX)
        crm_str_addf(out, "%s%s", *listed > 0 ? ", " : "", name);
    else if (*listed == LISTED_MAX)
        crm_str_addf(out, ", ... (see --help)");
    (*listed)++;
}

/* The keys of the group that key lies in, or the top level. */
static void add_allowed(const crm_opt_set *s, const char *key, size_t len, crm_str *why)
{
    size_t n = home(s, key, len);
    int listed = 0;

    for (size_t i = 0; i < s->n_groups && n == 0; i++)
        if (!strchr(s->group[i].name, '.')) crm_opt_add_name(why, s->group[i].name, &listed);
    for (size_t i = 0; i < s->n; i++)
        if (n > 0 ? strncmp(s->entry[i].o->key, key, n) == 0 : !strchr(s->entry[i].o->key, '.'))
            crm_opt_add_name(why, s->entry[i].o->key, &listed);
}

void crm_opt_unknown(const crm_opt_set *s, const char *key, size_t len, opt_text value,
                     bool is_mapping, crm_str *why)
{
    crm_str group = {0};
    const char *near;

    if (crm_opt_variant_unknown(s, key, len, value, why)) return;
    crm_str_addf(why, "value '");
    crm_opt_show(why, value.p, value.len);
    if (crm_opt_find_group(s, key, len)) {
        crm_str_addf(&group, "%.*s.", (int)len, key);
        crm_str_addf(why, "' is given to a group of options, a mapping is needed; allowed: ");
        if (group.text) add_allowed(s, group.text, group.len, why);
        crm_str_free(&group);
        return;
    }
    near = nearest(s, key, is_mapping);
    crm_str_addf(why, "' is given to an unknown key%s%s%s; allowed: ", near ? " (nearest: " : "",
                 near ? near : "", near ? ")" : "");
    add_allowed(s, key, len, why);
}
