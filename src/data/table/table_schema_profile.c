/* table_schema_profile.c - columns of the profile, and which of them tell a label.
 *
 * A fact is what a label is made of: its column, or a comparison of its condition.  Its sources are
 * the columns of files from which it can be computed, through all derived columns between.  Columns
 * of the profile tell a fact when one of them stands in it, or when they are made of all of its
 * sources together: of "delivered > promised" a span up to the promised date alone tells nothing,
 * with one up to the delivery beside it everything. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_schema_impl.h"

enum {
    PROFILE = 1 << CRM_FIELD_INTEGER | 1 << CRM_FIELD_REAL | 1 << CRM_FIELD_BOOLEAN |
              1 << CRM_FIELD_CATEGORY | 1 << CRM_FIELD_TIME
};

typedef struct fact {
    const char *label;
    crm_path side[2]; /* seen from the entity table; column -1: none */
    int n;
    crm_path *source; /* [n] seen from there, too           */
    bool *known;      /* [n] the profile so far is made of it */
} fact;

typedef struct facts {
    int n;
    fact *fact; /* [n] */
    bool *made; /* [columns of the widest table] scratch */
} facts;

static bool same_way(const crm_path *a, const crm_path *b)
{
    return a->table == b->table && a->n_hops == b->n_hops &&
           memcmp(a->hop, b->hop, (size_t)a->n_hops * sizeof *a->hop) == 0;
}

static bool same_path(const crm_path *a, const crm_path *b)
{
    return a->column == b->column && same_way(a, b);
}

/* made[c]: the column is column c or derived from it, through others too.  A column is derived from
 * columns before it. */
static void mark_made(const crm_table_def *t, int column, bool *made)
{
    made[column] = true;
    for (int c = column; c >= 0; c--)
        for (int k = 0; k < 2 && made[c]; k++)
            if (t->column[c].from[k] >= 0) made[t->column[c].from[k]] = true;
}

/* ---- facts ---- */
/* A path seen from a table that the label looks at, as the entity sees it; none for columns of its
 * other rows, which the profile does not have. */
static crm_path from_entity(const schema_reader *r, const crm_label_def *l, const crm_path *p)
{
    const crm_path *way = l->table >= 0 ? &r->pub.table[l->table].entity_path : NULL;
    crm_path out = *p;

    if (p->column < 0 || l->kind != CRM_LABEL_ANY) return out;
    if (l->table == r->pub.entity)
        return r->pub.table[l->table].events.is ? crm_path_none : out; /* its rows are events */
    if (way->column < 0 || way->n_hops == 0 || p->n_hops < way->n_hops ||
        memcmp(p->hop, way->hop, (size_t)way->n_hops * sizeof *way->hop) != 0)
        return crm_path_none;
    out.n_hops = p->n_hops - way->n_hops;
    memmove(out.hop, p->hop + way->n_hops, (size_t)out.n_hops * sizeof *out.hop);
    return out;
}

static void add_sources(schema_reader *r, facts *f, fact *x, const crm_path *p)
{
    const crm_table_def *t;

    if (p->column < 0) return;
    t = &r->pub.table[p->table];
    memset(f->made, 0, (size_t)t->n * sizeof *f->made);
    mark_made(t, p->column, f->made);
    for (int c = 0; c < t->n; c++) {
        if (!f->made[c] || t->column[c].derive != CRM_DERIVE_NONE) continue;
        x->source[x->n] = *p;
        x->source[x->n++].column = c;
    }
}

static void add_fact(schema_reader *r, facts *f, const crm_label_def *l, const crm_path *left,
                     const crm_path *right)
{
    fact *x = &f->fact[f->n];
    int room = 0;

    *x = (fact){.label = l->name, .side = {from_entity(r, l, left), from_entity(r, l, right)}};
    /* with a side of other rows the whole is never told by the profile */
    if ((left->column >= 0) != (x->side[0].column >= 0)) return;
    if ((right->column >= 0) != (x->side[1].column >= 0)) return;
    for (int k = 0; k < 2; k++)
        if (x->side[k].column >= 0) room += r->pub.table[x->side[k].table].n;
    x->source = crm_table_schema_new(r, room, sizeof *x->source);
    x->known = crm_table_schema_new(r, room, sizeof *x->known);
    if (!x->source || !x->known) return;
    add_sources(r, f, x, &x->side[0]);
    add_sources(r, f, x, &x->side[1]);
    f->n++;
}

static void find_facts(schema_reader *r, facts *f)
{
    int n = r->pub.n_labels, widest = 1;

    for (int t = 0; t < r->pub.n; t++)
        if (r->pub.table[t].n > widest) widest = r->pub.table[t].n;
    for (int i = 0; i < r->pub.n_labels; i++)
        n += r->pub.label[i].when.n;
    f->fact = crm_table_schema_new(r, n, sizeof *f->fact);
    f->made = crm_table_schema_new(r, widest, sizeof *f->made);
    for (int i = 0; i < r->pub.n_labels && f->fact && f->made; i++) {
        const crm_label_def *l = &r->pub.label[i];
        if (l->path.column >= 0) add_fact(r, f, l, &l->path, &crm_path_none);
        for (int k = 0; k < l->when.n; k++)
            add_fact(r, f, l, &l->when.term[k].left.path, &l->when.term[k].right.path);
    }
}

/* ---- the default ---- */
static void tell(const schema_reader *r, const crm_path *p, bool *told)
{
    if (p->column >= 0 && p->table == r->pub.entity && p->n_hops == 0)
        mark_made(&r->pub.table[p->table], p->column, told);
}

/* told[c]: column c of the entity table stands in a label, or in what a label is derived from, or
 * is derived from one of those. */
static void find_told(const schema_reader *r, const facts *f, bool *told)
{
    const crm_table_def *t = &r->pub.table[r->pub.entity];

    for (int i = 0; i < f->n; i++)
        for (int k = 0; k < 2; k++)
            tell(r, &f->fact[i].side[k], told);
    for (int i = 0; i < t->documents.n_labels; i++)
        tell(r, &t->documents.label[i], told);
    for (int c = 0; c < t->n; c++)
        for (int k = 0; k < 2; k++)
            if (t->column[c].from[k] >= 0 && told[t->column[c].from[k]]) told[c] = true;
}

/* Columns of the entity table that are no cut-off and tell no label; a table whose rows are events
 * has none, as they are not the entity's. */
static void default_profile(schema_reader *r, const facts *f)
{
    const crm_table_def *t = &r->pub.table[r->pub.entity];
    bool *told = crm_table_schema_new(r, t->n, sizeof *told);

    if (t->events.is) return;
    r->pub.profile = crm_table_schema_new(r, t->n, sizeof *r->pub.profile);
    if (!told || !r->pub.profile || !r->used) return;
    find_told(r, f, told);
    for (int c = 0; c < t->n; c++)
        if ((PROFILE >> t->column[c].type & 1) && !r->used[c] && !told[c])
            r->pub.profile[r->pub.n_profile++] = (crm_path){.table = r->pub.entity, .column = c};
}

/* ---- as it is named ---- */
/* Whether the column, with those before it, tells the fact. */
static bool tells(const crm_path *p, const bool *made, fact *x)
{
    bool adds = false, all = true;

    for (int i = 0; i < x->n; i++) {
        bool is = same_way(p, &x->source[i]) && made[x->source[i].column];
        x->known[i] |= is;
        adds |= is;
        all &= x->known[i];
    }
    return (adds && all) || same_path(p, &x->side[0]) || same_path(p, &x->side[1]);
}

static void check_labels(schema_reader *r, facts *f, const crm_node *node, const crm_path *p)
{
    const crm_table_def *t = &r->pub.table[p->table];
    const char *label = NULL;

    memset(f->made, 0, (size_t)t->n * sizeof *f->made);
    mark_made(t, p->column, f->made);
    for (int i = 0; i < f->n; i++)
        if (tells(p, f->made, &f->fact[i]) && !label) label = f->fact[i].label;
    if (label)
        crm_node_wrong(r->tree, node,
                       "tells the label %s, alone or with columns before it; allowed: columns that "
                       "no label looks at, and that are not derived from such",
                       label);
}

static void check_twice(schema_reader *r, const crm_node *node, const crm_path *p)
{
    for (int i = 0; i < r->pub.n_profile; i++)
        if (same_path(p, &r->pub.profile[i]))
            crm_node_wrong(r->tree, node, "stands here twice; allowed: each column once");
}

void crm_table_schema_profile(schema_reader *r, const crm_node *node)
{
    facts f = {0};

    find_facts(r, &f);
    if (!f.fact || !f.made) return;
    if (!node) {
        default_profile(r, &f);
        return;
    }
    if (node->kind != CRM_NODE_LIST) {
        crm_node_wrong(r->tree, node, "is no list; allowed: [COLUMN, reference.COLUMN]");
        return;
    }
    r->pub.profile = crm_table_schema_new(r, node->n, sizeof *r->pub.profile);
    for (int i = 0; i < node->n && r->pub.profile; i++) {
        crm_path p;
        if (!crm_table_schema_typed(r, r->pub.entity, node->child[i], PROFILE,
                                    "a column of the profile", &p))
            continue;
        check_twice(r, node->child[i], &p);
        check_labels(r, &f, node->child[i], &p);
        r->pub.profile[r->pub.n_profile++] = p;
    }
}
