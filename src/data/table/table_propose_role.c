/* table_propose_role.c - roles, entity, labels and features of a guess as YAML. */
#include <string.h>
#include <strings.h>

#include "crmpi/opt_tree.h"
#include "table_propose.h"

enum { DAY = 86400, MONTH = 30 * DAY };

static void add_list_item(crm_str *out, int *n, const char *text)
{
    crm_str_addf(out, "%s", (*n)++ ? ", " : "");
    crm_node_quote(out, text);
}

/* Adds a text that was put together as a YAML scalar, and frees it. */
static void add_quoted(crm_str *out, crm_str *text)
{
    if (text->text) crm_node_quote(out, text->text);
    out->failed |= text->failed;
    crm_str_free(text);
}

/* ---- planned times ---- */
static bool is_planned(const guess_column *c)
{
    return c->type == CRM_FIELD_TIME && crm_guess_named(c->name, crm_guess_planned, false);
}

/* A word of most columns tells nothing ("order_..."). */
static bool is_common(const guess_table *t, const char *word)
{
    const char *const words[] = {word, NULL};
    int n = 0;

    for (int k = 0; k < t->n; k++)
        n += crm_guess_named(t->column[k].name, words, false);
    return 2 * n > t->n;
}

/* "delivery" and "delivered": a word of one name begins as one of the other. */
static bool share_word(const guess_table *t, const char *a, const char *b)
{
    enum { LETTERS = 5 };
    char x[32], y[32];

    for (a = crm_guess_word(a, x); x[0]; a = crm_guess_word(a, x)) {
        if (strlen(x) < LETTERS || is_common(t, x)) continue;
        for (const char *p = crm_guess_word(b, y); y[0]; p = crm_guess_word(p, y))
            if (strncmp(x, y, LETTERS) == 0) return true;
    }
    return false;
}

/* The last time that is said to have been planned for column k; -1. */
static int actual_of(const guess_table *t, int k)
{
    int found = -1;

    for (int i = 0; i < t->n; i++)
        if (t->column[i].type == CRM_FIELD_TIME && !is_planned(&t->column[i]) &&
            share_word(t, t->column[k].name, t->column[i].name))
            found = i;
    return found;
}

/* Column of the entity table that is a planned time of something that came; -1. */
static int find_planned(const guess *g)
{
    const guess_table *t = &g->table[g->entity];

    for (int k = 0; k < t->n; k++)
        if (is_planned(&t->column[k]) && crm_guess_first_time(t) >= 0 && actual_of(t, k) >= 0)
            return k;
    return -1;
}

/* ---- tables ---- */
static void write_derived(const guess *g, int table, crm_str *out)
{
    const guess_table *t = &g->table[table];
    int planned = table == g->entity ? find_planned(g) : -1;

    if (!t->derive_amount && planned < 0) return;
    crm_str_addf(out, "    derive:\n");
    if (t->derive_amount) {
        int n = 0;
        crm_str_addf(out, "      amount: {product: [");
        add_list_item(out, &n, t->column[t->quantity].name);
        add_list_item(out, &n, t->column[t->price].name);
        crm_str_addf(out, "]}\n");
    }
    if (planned >= 0) {
        int n = 0;
        crm_str_addf(out, "      planned_days: {difference: [");
        add_list_item(out, &n, t->column[planned].name);
        add_list_item(out, &n, t->column[crm_guess_first_time(t)].name);
        crm_str_addf(out, "], unit: days}\n");
    }
}

static void write_time(const guess *g, const guess_table *t, crm_str *out)
{
    const guess_table *of = t->time_of_entity ? &g->table[g->entity] : t;
    crm_str path = {0};

    if (t->time_of_entity) crm_str_addf(&path, "%s.", t->column[t->way].name);
    crm_str_addf(&path, "%s", of->column[t->time].name);
    crm_str_addf(out, "time: ");
    add_quoted(out, &path);
}

static void write_category(const guess *g, const guess_table *t, crm_str *out)
{
    const guess_table *at = t;
    crm_str path = {0};

    if (t->n_category == 0) return;
    for (int i = 0; i < t->n_category; i++) {
        const guess_column *c = &at->column[t->category[i]];
        crm_str_addf(&path, "%s%s", i ? "." : "", c->name);
        if (i + 1 < t->n_category) at = &g->table[c->ref_table];
    }
    crm_str_addf(out, ", category: ");
    add_quoted(out, &path);
}

static void write_events(const guess *g, const guess_table *t, crm_str *out)
{
    int n = 0;

    crm_str_addf(out, "    events: {");
    write_time(g, t, out);
    write_category(g, t, out);
    crm_str_addf(out, ", numbers: [");
    if (t->derive_amount) add_list_item(out, &n, "amount");
    for (int k = 0; k < t->n; k++)
        if (crm_guess_is_number(&t->column[k])) add_list_item(out, &n, t->column[k].name);
    crm_str_addf(out, "]}\n");
}

/* ---- labels ---- */
static bool is_score(const guess_column *c)
{
    static const char *const words[] = {"score", "rating", "stars", "satisfaction", "nps", NULL};

    return (c->type == CRM_FIELD_INTEGER || c->type == CRM_FIELD_REAL) && c->as[c->mark].min >= 0 &&
           c->as[c->mark].max <= 10 && crm_guess_named(c->name, words, true);
}

static bool is_label(const guess_column *c)
{
    static const char *const ends[] = {"churn",     "churned",   "exited", "attrition",
                                       "response",  "converted", "fraud",  "defaulted",
                                       "purchased", "y",         NULL};
    static const char *const classes[] = {"label",     "target",   "class", "outcome",
                                          "sentiment", "priority", NULL};
    bool boolean = c->type == CRM_FIELD_BOOLEAN;

    if (is_score(c)) return true;
    return (boolean && crm_guess_named(c->name, ends, true)) ||
           ((boolean || (c->type == CRM_FIELD_CATEGORY && c->set.n <= 100)) &&
            (crm_guess_named(c->name, classes, true) ||
             (c->set.n <= 3 && crm_guess_named(c->name, ends, true))));
}

static bool has_label(const guess_table *t)
{
    for (int k = 0; k < t->n; k++)
        if (is_label(&t->column[k])) return true;
    return false;
}

/* A label by its name, else the last column when it is a boolean. */
static bool is_label_of(const guess_table *t, int k)
{
    return has_label(t) ? is_label(&t->column[k])
                        : k == t->n - 1 && t->column[k].type == CRM_FIELD_BOOLEAN;
}

/* Letters, digits and '_' of a name. */
static void write_label_name(const char *name, crm_str *out)
{
    char word[32];
    int n = 0;

    for (name = crm_guess_word(name, word); word[0]; name = crm_guess_word(name, word))
        crm_str_addf(out, "%s%s", n++ ? "_" : "", word);
    if (n == 0) crm_str_addf(out, "label");
}

/* The name of a label stands once, and is not too long for one. */
static bool can_name(const crm_str *labels, const char *column, const char *front)
{
    crm_str line = {0};
    bool good;

    crm_str_addf(&line, "  %s", front);
    write_label_name(column, &line);
    good = line.text && line.len <= 60;
    crm_str_addf(&line, ": ");
    good = good && line.text && !(labels->text && strstr(labels->text, line.text));
    crm_str_free(&line);
    return good;
}

/* A name that a condition reads as a column. */
static bool is_plain(const char *name)
{
    const char *p = name;

    if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))) return false;
    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
           *p == '_')
        p++;
    return !*p;
}

static void write_column_labels(const guess_table *t, crm_str *out)
{
    for (int k = 0; k < t->n; k++) {
        const guess_column *c = &t->column[k];
        if (!is_label_of(t, k) || !can_name(out, c->name, "")) continue;
        crm_str_addf(out, "  ");
        write_label_name(c->name, out);
        crm_str_addf(out, ": {%s: ", c->type == CRM_FIELD_REAL ? "value" : "column");
        crm_node_quote(out, c->name);
        crm_str_addf(out, "}\n");
    }
}

/* Rows of the lower half of a score. */
static void write_score_labels(const guess *g, crm_str *out)
{
    for (int t = 0; t < g->n; t++)
        for (int k = 0; k < g->table[t].n; k++) {
            const guess_column *c = &g->table[t].column[k];
            crm_str when = {0};
            if (t == g->entity || !is_score(c)) continue;
            if (!g->table[t].documents && !g->table[t].events) continue;
            if (!is_plain(c->name) || !can_name(out, c->name, "low_")) continue;
            crm_str_addf(out, "  low_");
            write_label_name(c->name, out);
            crm_str_addf(out, ": {any: ");
            crm_node_quote(out, g->table[t].name);
            crm_str_addf(&when, "%s <= %g", c->name,
                         (double)(int)((c->as[c->mark].min + c->as[c->mark].max - 1) / 2));
            crm_str_addf(out, ", when: ");
            add_quoted(out, &when);
            crm_str_addf(out, "}\n");
        }
}

static void write_late(const guess *g, crm_str *out)
{
    const guess_table *t = &g->table[g->entity];
    int planned = find_planned(g);
    crm_str when = {0};

    if (planned < 0 || !is_plain(t->column[planned].name) ||
        !is_plain(t->column[actual_of(t, planned)].name))
        return;
    crm_str_addf(&when, "%s > %s", t->column[actual_of(t, planned)].name, t->column[planned].name);
    crm_str_addf(out, "  late: {when: ");
    add_quoted(out, &when);
    crm_str_addf(out, "}\n");
}

static void write_again(const guess *g, crm_str *out)
{
    const guess_table *t = &g->table[g->entity];
    crm_str when = {0};

    if (g->cutoff_at == INT64_MIN) return;
    crm_str_addf(out, "  again: {any: ");
    crm_node_quote(out, t->name);
    crm_str_addf(out, ", within: 90 days");
    if (t->derive_amount && t->column[t->quantity].as[t->column[t->quantity].mark].min < 0 &&
        is_plain(t->column[t->quantity].name)) {
        crm_str_addf(&when, "%s > 0", t->column[t->quantity].name);
        crm_str_addf(out, ", when: ");
        add_quoted(out, &when);
    }
    crm_str_addf(out, "}\n");
}

/* ---- documents ---- */
/* Rows of the entity table that are texts of an id which comes up again. */
static bool is_log_of_texts(const guess *g)
{
    const guess_table *t = &g->table[g->entity];

    return t->documents && t->key < 0 && g->key >= 0;
}

/* A name that no other column has: labels of documents and of entities are targets of one set. */
static bool is_only(const guess *g, const char *name)
{
    int n = 0;

    for (int t = 0; t < g->n; t++)
        for (int k = 0; k < g->table[t].n; k++)
            n += strcasecmp(g->table[t].column[k].name, name) == 0;
    return n == 1;
}

static void write_document_labels(const guess *g, int table, crm_str *out)
{
    const guess_table *t = &g->table[table];
    int n = 0;

    if (table == g->entity && !is_log_of_texts(g)) return;
    for (int k = 0; k < t->n; k++) {
        const guess_column *c = &t->column[k];
        if (!is_label(c) || c->type == CRM_FIELD_REAL || !is_only(g, c->name)) continue;
        if (!can_name(&(crm_str){0}, c->name, "")) continue;
        crm_str_addf(out, "%s", n++ ? ", " : ", labels: {");
        write_label_name(c->name, out);
        crm_str_addf(out, ": ");
        crm_node_quote(out, c->name);
    }
    crm_str_addf(out, "%s", n ? "}" : "");
}

/* Texts of most rows; when there are none of those, all. */
static void write_documents(const guess *g, int table, crm_str *out)
{
    const guess_table *t = &g->table[table];
    int64_t most = 0;
    int n = 0;

    for (int k = 0; k < t->n; k++)
        if (t->column[k].type == CRM_FIELD_TEXT && t->column[k].n > most) most = t->column[k].n;
    crm_str_addf(out, "    documents: {text: [");
    for (int k = 0; k < t->n; k++)
        if (t->column[k].type == CRM_FIELD_TEXT && t->column[k].n > most / 2)
            add_list_item(out, &n, t->column[k].name);
    crm_str_addf(out, "]");
    if (t->time >= 0) {
        crm_str_addf(out, ", ");
        write_time(g, t, out);
    }
    write_document_labels(g, table, out);
    crm_str_addf(out, "}\n");
}

void crm_guess_write_roles(const guess *g, int table, crm_str *out)
{
    write_derived(g, table, out);
    if (g->table[table].events) write_events(g, &g->table[table], out);
    if (g->table[table].documents) write_documents(g, table, out);
}

static void write_labels(const guess *g, crm_str *out)
{
    crm_str labels = {0};

    if (!g->table[g->entity].events && !is_log_of_texts(g))
        write_column_labels(&g->table[g->entity], &labels);
    write_late(g, &labels);
    write_score_labels(g, &labels);
    write_again(g, &labels);
    if (labels.text)
        crm_str_addf(out, "\nlabels:\n%s", labels.text);
    else
        crm_str_addf(out, "\n# labels:\n#   NAME: {column: COLUMN}\n");
    out->failed |= labels.failed;
    crm_str_free(&labels);
}

/* ---- entity ---- */
/* Columns that tell how things ended. */
static bool tells_end(const guess_column *c)
{
    static const char *const words[] = {"status", "state", "outcome", "result", NULL};

    return c->type == CRM_FIELD_CATEGORY && crm_guess_named(c->name, words, true) && c->set.n <= 12;
}

/* The default is all of the entity table; it is written out where that would be wrong. */
static bool needs_profile(const guess *g)
{
    const guess_table *t = &g->table[g->entity];
    bool needs = t->events || find_planned(g) >= 0 || g->cutoff >= 0;

    for (int k = 0; k < t->n; k++)
        needs |= tells_end(&t->column[k]);
    return needs;
}

static void write_profile(const guess *g, crm_str *out)
{
    const guess_table *t = &g->table[g->entity];
    int n = 0;

    if (!needs_profile(g)) return;
    crm_str_addf(out, "  profile: [");
    for (int k = 0; k < t->n; k++) {
        const guess_column *c = &t->column[k];
        bool number = crm_guess_is_number(c) || c->type == CRM_FIELD_BOOLEAN;
        if (tells_end(c) || (!t->events && is_label_of(t, k))) continue;
        if (c->type == CRM_FIELD_CATEGORY || (number && !t->events))
            add_list_item(out, &n, c->name);
    }
    for (int k = 0; k < t->n; k++) {
        const guess_table *to =
            t->column[k].ref_table < 0 ? NULL : &g->table[t->column[k].ref_table];
        for (int i = 0; to && i < to->n; i++) {
            crm_str path = {0};
            if (to->column[i].type != CRM_FIELD_CATEGORY) continue;
            crm_str_addf(&path, "%s.%s", t->column[k].name, to->column[i].name);
            if (path.text) add_list_item(out, &n, path.text);
            out->failed |= path.failed;
            crm_str_free(&path);
        }
    }
    if (find_planned(g) >= 0) add_list_item(out, &n, "planned_days");
    crm_str_addf(out, "]    # what is known at the cut-off\n");
}

static void write_cutoff(const guess *g, crm_str *out)
{
    char text[32];

    if (g->cutoff >= 0) {
        crm_str_addf(out, "  cutoff: ");
        crm_node_quote(out, g->table[g->entity].column[g->cutoff].name);
        crm_str_addf(out, "\n");
    } else if (g->cutoff_at != INT64_MIN) {
        crm_str_addf(out, "  cutoff: %.10s    # 90 days before the last event\n  history: yes\n",
                     crm_table_time_text(g->cutoff_at, text));
    }
}

/* Events of one moment have no windows; those of a log as many as it has months. */
static void write_features(const guess *g, crm_str *out)
{
    static const int usual[] = {1, 3, 6, 12};
    const guess_table *t = &g->table[g->entity];
    int64_t months;

    if (g->cutoff >= 0) {
        crm_str_addf(out,
                     "\nfeatures: {windows: [0], aggregates: [count, sum, mean, max, distinct, "
                     "shares], months: 0}\n");
        return;
    }
    if (g->cutoff_at == INT64_MIN) return;
    months = (g->cutoff_at - t->column[t->time].time_min[t->column[t->time].format]) / MONTH;
    if (months < 1) months = 1;
    crm_str_addf(out, "\nfeatures:\n  windows: [1");
    for (int i = 1; i < 4; i++)
        if (usual[i] <= months) crm_str_addf(out, ", %d", usual[i]);
    crm_str_addf(out, "]\n  months: %lld\n", (long long)(months < 12 ? months : 12));
}

void crm_guess_write_entity(const guess *g, crm_str *out)
{
    const guess_table *t = &g->table[g->entity];

    crm_str_addf(out, "\nentity:\n  table: ");
    crm_node_quote(out, t->name);
    if (g->key < 0) {
        crm_str_addf(out, "\n  key: none    # no column is different in each row\n");
    } else {
        crm_str_addf(out, "\n  key: ");
        crm_node_quote(out, t->column[g->key].name);
        crm_str_addf(out, "\n");
    }
    write_profile(g, out);
    write_cutoff(g, out);
    write_labels(g, out);
    write_features(g, out);
}
