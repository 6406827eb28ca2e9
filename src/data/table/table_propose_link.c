/* table_propose_link.c - what tables are to each other: keys, references, the entity, roles.
 *
 * A column refers to another table when it is called like its key and its values are found there.
 * The entity is the table that most others lead to; where another table has exactly one row for
 * each of its rows and leads to it, that one is (customers that are made anew for each order).  A
 * single table without key, whose rows have a time and repeat an id, holds events of that id. */
#include <string.h>
#include <strings.h>

#include "table_propose.h"

const char *const crm_guess_planned[] = {"estimated", "planned",  "promised", "expected", "due",
                                         "limit",     "deadline", "target",   NULL};

/* ---- keys ---- */
/* Letters and digits of a name without "id", in lower case. */
static void stem(const char *name, char out[64])
{
    size_t n = 0;

    for (; *name && n + 1 < 64; name++)
        if (*name != '_' && *name != ' ' && *name != '-' && *name != '.')
            out[n++] = (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
    if (n > 2 && strncmp(out + n - 2, "id", 2) == 0) n -= 2;
    out[n] = '\0';
}

/* "order_id" in table "orders". */
static bool is_called_like(const char *column, const char *table)
{
    char a[64], b[64];

    stem(column, a);
    stem(table, b);
    return a[0] && strncmp(a, b, strlen(a)) == 0;
}

static bool can_be_key(const guess_column *c)
{
    return c->unique && c->longest <= 128 &&
           (c->type == CRM_FIELD_ID || c->type == CRM_FIELD_IGNORE ||
            c->type == CRM_FIELD_CATEGORY || c->named_id) &&
           !(c->why && strcmp(c->why, "numbers the rows") == 0);
}

/* Names that stand in another table too. */
static bool is_shared(const guess *g, const guess_table *t, const char *name)
{
    for (int u = 0; u < g->n; u++)
        for (int k = 0; &g->table[u] != t && k < g->table[u].n; k++)
            if (strcasecmp(g->table[u].column[k].name, name) == 0) return true;
    return false;
}

static void find_key(const guess *g, guess_table *t)
{
    int best = 0;

    t->key = -1;
    for (int k = 0; k < t->n; k++) {
        const guess_column *c = &t->column[k];
        int score = 0;
        if (!can_be_key(c)) continue;
        if (c->type == CRM_FIELD_ID) score += 2;
        if (is_called_like(c->name, t->name)) score += 4;
        if (is_shared(g, t, c->name)) score += 1;
        if (score <= best) continue;
        best = score;
        t->key = k;
    }
    if (t->key < 0) return;
    t->column[t->key].type = CRM_FIELD_ID;
    t->column[t->key].why = NULL;
}

/* ---- references ---- */
/* Share of the distinct values of c that are keys of t. */
static double share_found(const guess_column *c, const guess_table *t)
{
    const guess_set *keys = &t->column[t->key].set;
    int64_t found = 0;

    if (c->set.full || keys->full || c->set.n == 0) return 0;
    for (int64_t i = 0; i < c->set.n_slots; i++)
        if (c->set.slot[i].hi || c->set.slot[i].lo)
            found += crm_guess_set_has(keys, c->set.slot[i]);
    return (double)found / (double)c->set.n;
}

static bool names_match(const char *column, const guess_table *to)
{
    char a[64], b[64];
    const char *key = to->column[to->key].name;

    if (strcasecmp(column, key) == 0) return true;
    stem(column, a);
    stem(key, b);
    if (!b[0]) return is_called_like(column, to->name); /* customer_id of key "id" */
    return strcmp(a, b) == 0;
}

/* Rows of a small table that others refer to are values with a name: what a name stands for is a
 * category too. */
static void see_names(guess *g)
{
    for (int t = 0; t < g->n; t++)
        for (int k = 0; k < g->table[t].n; k++) {
            guess_table *to = g->table[t].column[k].ref_table < 0
                                  ? NULL
                                  : &g->table[g->table[t].column[k].ref_table];
            if (to == &g->table[g->entity]) continue;
            for (int i = 0; to && to->rows <= GUESS_LEVELS_MAX && i < to->n; i++) {
                guess_column *c = &to->column[i];
                if (c->why != crm_guess_too_many || i == to->key) continue;
                c->type = CRM_FIELD_CATEGORY;
                c->why = NULL;
            }
        }
}

static void find_references(guess *g, int from)
{
    guess_table *t = &g->table[from];

    for (int k = 0; k < t->n; k++) {
        guess_column *c = &t->column[k];
        for (int u = 0; u < g->n && c->ref_table < 0; u++) {
            double share;
            if (u == from || k == t->key || g->table[u].key < 0 || c->n == 0) continue;
            if (!names_match(c->name, &g->table[u])) continue;
            share = share_found(c, &g->table[u]);
            if (share < 0.5) continue;
            c->ref_table = u;
            c->share = share;
            c->type = CRM_FIELD_ID;
            c->why = NULL;
        }
    }
}

/* ---- entity ---- */
bool crm_guess_reaches(const guess *g, int from, int to, int hops)
{
    if (from == to) return true;
    for (int k = 0; k < g->table[from].n && hops < CRM_TABLE_HOPS; k++) {
        int next = g->table[from].column[k].ref_table;
        if (next >= 0 && crm_guess_reaches(g, next, to, hops + 1)) return true;
    }
    return false;
}

static int count_reaching(const guess *g, int to)
{
    int n = 0;

    for (int t = 0; t < g->n; t++)
        n += t != to && crm_guess_reaches(g, t, to, 0);
    return n;
}

/* Column of a table by which it has one row for each of the entity's, -1. */
static int one_to_one(const guess *g, int from, int to)
{
    for (int k = 0; k < g->table[from].n; k++)
        if (g->table[from].column[k].ref_table == to && g->table[from].column[k].unique) return k;
    return -1;
}

/* A circle of references could not be read. */
static void break_circles(guess *g)
{
    for (int t = 0; t < g->n; t++)
        for (int k = 0; k < g->table[t].n; k++) {
            guess_column *c = &g->table[t].column[k];
            if (c->ref_table >= 0 && crm_guess_reaches(g, c->ref_table, t, 0)) c->ref_table = -1;
        }
}

static void find_entity(guess *g)
{
    int most = -1;

    for (int t = 0; t < g->n; t++) {
        int n = count_reaching(g, t);
        if (g->n > 1 && g->table[t].key < 0) continue;
        if (n <= most) continue;
        most = n;
        g->entity = t;
    }
    if (most < 0) g->entity = 0;
    for (int t = 0; t < g->n; t++)
        if (t != g->entity && g->table[t].key >= 0 && one_to_one(g, t, g->entity) >= 0 &&
            count_reaching(g, t) == most - 1) {
            g->entity = t;
            most--;
            t = -1;
        }
    g->key = g->table[g->entity].key;
}

/* ---- roles ---- */
int crm_guess_first_time(const guess_table *t)
{
    for (int k = 0; k < t->n; k++)
        if (t->column[k].type == CRM_FIELD_TIME && t->column[k].n > t->rows / 2 &&
            !crm_guess_named(t->column[k].name, crm_guess_planned, false))
            return k;
    return -1;
}

bool crm_guess_is_number(const guess_column *c)
{
    return (c->type == CRM_FIELD_INTEGER || c->type == CRM_FIELD_REAL) && !c->named_id;
}

static bool has_numbers(const guess_table *t)
{
    for (int k = 0; k < t->n; k++)
        if (crm_guess_is_number(&t->column[k])) return true;
    return false;
}

static bool has_text(const guess_table *t)
{
    for (int k = 0; k < t->n; k++)
        if (t->column[k].type == CRM_FIELD_TEXT) return true;
    return false;
}

/* The first category of the table itself, else of the tables that it refers to. */
static bool find_category(const guess *g, int at, int skip, int hops, guess_table *t)
{
    const guess_table *here = &g->table[at];

    for (int k = 0; k < here->n; k++)
        if (here->column[k].type == CRM_FIELD_CATEGORY) {
            t->category[hops] = k;
            t->n_category = hops + 1;
            return true;
        }
    for (int k = 0; k < here->n && hops < CRM_TABLE_HOPS; k++) {
        if (here->column[k].ref_table < 0 || k == skip) continue;
        t->category[hops] = k;
        if (find_category(g, here->column[k].ref_table, -1, hops + 1, t)) return true;
    }
    return false;
}

/* A quantity and a price of one of it. */
static void find_amount(guess_table *t)
{
    static const char *const amounts[] = {"amount", "total", "value", "revenue", NULL};
    static const char *const quantities[] = {"quantity", "qty", "units", "menge", NULL};
    static const char *const prices[] = {"price", "preis", "rate", NULL};

    t->quantity = t->price = -1;
    for (int k = 0; k < t->n; k++) {
        if (!crm_guess_is_number(&t->column[k])) continue;
        if (crm_guess_named(t->column[k].name, amounts, false)) return;
        if (crm_guess_named(t->column[k].name, quantities, false)) t->quantity = k;
        if (crm_guess_named(t->column[k].name, prices, false)) t->price = k;
    }
    t->derive_amount = t->quantity >= 0 && t->price >= 0;
}

static void find_role(guess *g, int at)
{
    guess_table *t = &g->table[at];
    int time = crm_guess_first_time(t);

    if (at == g->entity || !crm_guess_reaches(g, at, g->entity, 0)) return;
    for (int k = 0; k < t->n && t->way < 0; k++)
        if (t->column[k].ref_table >= 0 &&
            crm_guess_reaches(g, t->column[k].ref_table, g->entity, 1))
            t->way = k;
    t->time = time;
    if (time < 0) {
        t->time = crm_guess_first_time(&g->table[g->entity]);
        t->time_of_entity = true;
        if (t->column[t->way].ref_table != g->entity) t->time = -1;
    }
    t->documents = has_text(t);
    t->events = !t->documents && t->time >= 0 && has_numbers(t);
    if (t->events) {
        find_category(g, at, t->way, 0, t);
        find_amount(t);
    }
}

/* An id that comes up again and again in a table with times: the rows are its events. */
static int repeated_id(const guess_table *t)
{
    static const char *const people[] = {"customer", "client",  "user",    "member",
                                         "account",  "person",  "patient", "kunde",
                                         "kunden",   "cliente", NULL};
    int best = -1;

    for (int k = 0; k < t->n; k++) {
        const guess_column *c = &t->column[k];
        if (c->type != CRM_FIELD_ID || c->unique || c->set.n * 2 > c->n) continue;
        if (best < 0 || crm_guess_named(c->name, people, false)) best = k;
    }
    return best;
}

static void find_log(guess *g)
{
    enum { DAY = 86400 };
    guess_table *t = &g->table[g->entity];
    int id = repeated_id(t), time = crm_guess_first_time(t);

    t->documents = has_text(t);
    if (t->key >= 0 || id < 0 || time < 0) return;
    g->key = id;
    t->time = time;
    t->events = !t->documents;
    if (!t->events) return;
    find_category(g, g->entity, -1, 0, t);
    find_amount(t);
    g->cutoff_at = t->column[time].time_max[t->column[time].format] - 90 * DAY;
    g->cutoff_at -= (g->cutoff_at % DAY + DAY) % DAY;
    if (g->cutoff_at <= t->column[time].time_min[t->column[time].format]) g->cutoff_at = INT64_MIN;
}

/* Events that take their time from the entity must lie before the cut-off: it is the next time of
 * the entity that most rows have. */
static void find_cutoff(guess *g)
{
    const guess_table *t = &g->table[g->entity];
    bool taken = false;
    int first = crm_guess_first_time(t);

    g->cutoff = -1;
    for (int u = 0; u < g->n; u++)
        taken |= g->table[u].events && g->table[u].time_of_entity;
    for (int k = first + 1; taken && first >= 0 && k < t->n && g->cutoff < 0; k++)
        if (t->column[k].type == CRM_FIELD_TIME && t->column[k].n > t->rows * 9 / 10 &&
            !crm_guess_named(t->column[k].name, crm_guess_planned, false))
            g->cutoff = k;
}

crm_status crm_guess_link(guess *g)
{
    g->cutoff_at = INT64_MIN;
    for (int t = 0; t < g->n; t++) {
        g->table[t].way = g->table[t].time = -1;
        find_key(g, &g->table[t]);
    }
    for (int t = 0; t < g->n; t++)
        find_references(g, t);
    break_circles(g);
    find_entity(g);
    see_names(g);
    find_log(g);
    for (int t = 0; t < g->n; t++)
        find_role(g, t);
    find_cutoff(g);
    return CRM_OK;
}
