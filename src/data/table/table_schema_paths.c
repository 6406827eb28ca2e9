/* table_schema_paths.c - columns seen from a table through its references, and conditions.
 *
 * A path is a column, or "reference.rest", where reference is a reference column or the table that
 * it leads to, and rest a path from there; "table.column" with the own table's name is the column.
 * Names may hold dots: every dot is tried, the first that leads somewhere wins. */
#include <string.h>
#include <strings.h>

#include "crmpi/base_str.h"
#include "table_private.h"
#include "table_schema_impl.h"

const crm_path crm_path_none = {.table = -1, .column = -1};

const crm_field *crm_table_schema_field(const crm_table_schema *s, const crm_path *p)
{
    return &s->table[p->table].column[p->column];
}

/* ---- paths ---- */
typedef enum found { FOUND, NOT_FOUND, AMBIGUOUS, TOO_FAR } found;

/* Reference column of t that is called so, or that leads to the table called so. */
static found find_reference(const crm_table_schema *s, const crm_table_def *t, const char *name,
                            size_t len, int *column)
{
    int n = 0;

    *column = crm_table_schema_column(t, name, len);
    if (*column >= 0) return t->column[*column].ref_table >= 0 ? FOUND : NOT_FOUND;
    for (int i = 0; i < t->n; i++) {
        int to = t->column[i].ref_table;
        if (to < 0 || strlen(s->table[to].name) != len || memcmp(s->table[to].name, name, len) != 0)
            continue;
        if (n++ == 0) *column = i;
    }
    return n == 0 ? NOT_FOUND : n == 1 ? FOUND : AMBIGUOUS;
}

static found resolve(const crm_table_schema *s, int at, const char *text, crm_path *p)
{
    const crm_table_def *t = &s->table[at];
    found worst = NOT_FOUND, got;
    int hops = p->n_hops, column;

    p->table = at;
    p->column = crm_table_schema_column(t, text, strlen(text));
    if (p->column >= 0) return FOUND;
    for (const char *dot = strchr(text, '.'); dot; dot = strchr(dot + 1, '.')) {
        size_t len = (size_t)(dot - text);
        if (hops == 0 && strlen(t->name) == len && memcmp(t->name, text, len) == 0) {
            p->column = crm_table_schema_column(t, dot + 1, strlen(dot + 1));
            if (p->column >= 0) return FOUND;
        }
        got = find_reference(s, t, text, len, &column);
        if (got == FOUND && hops == CRM_TABLE_HOPS) got = TOO_FAR;
        if (got == FOUND) {
            p->hop[hops] = column;
            p->n_hops = hops + 1;
            got = resolve(s, t->column[column].ref_table, dot + 1, p);
        }
        if (got == FOUND) return FOUND;
        if (got != NOT_FOUND) worst = got;
        p->n_hops = hops;
    }
    *p = crm_path_none;
    return worst;
}

/* Names that a path from this table can begin with. */
static const char *nearest(schema_reader *r, const crm_table_def *t, const char *text)
{
    const char **name = crm_table_schema_new(r, 2 * t->n, sizeof *name);
    int n = 0;

    if (!name) return NULL;
    for (int i = 0; i < t->n; i++) {
        name[n++] = t->column[i].name;
        if (t->column[i].ref_table >= 0) name[n++] = r->pub.table[t->column[i].ref_table].name;
    }
    return crm_nearest(text, name, n);
}

/* The last column of "a.b.colum" where "a.b" leads to a table. */
static void add_nearest(schema_reader *r, int from, const char *text, crm_str *why)
{
    const crm_table_def *t = &r->pub.table[from];
    const char *near, *rest = text, *dot;
    int column;

    while ((dot = strchr(rest, '.')) &&
           find_reference(&r->pub, t, rest, (size_t)(dot - rest), &column) == FOUND) {
        t = &r->pub.table[t->column[column].ref_table];
        rest = dot + 1;
    }
    near = nearest(r, t, rest);
    if (near) crm_str_addf(why, " (nearest: %.*s%s)", (int)(rest - text), text, near);
}

bool crm_table_schema_is_dated(const char *text)
{
    static const char FORM[] = "0000-00-00";

    for (int i = 0; FORM[i]; i++)
        if (FORM[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != FORM[i]) return false;
    return true;
}

/* Adds an error at node when text leads nowhere. */
static bool find_path(schema_reader *r, int from, const crm_node *node, const char *text,
                      crm_path *out)
{
    crm_path p = {.n_hops = 0};
    crm_str near = {0};
    found got;

    if (strlen(text) > CRM_PATH_TEXT_MAX) {
        crm_node_wrong(r->tree, node, "is too long; allowed: at most %d bytes", CRM_PATH_TEXT_MAX);
        return false;
    }
    got = resolve(&r->pub, from, text, &p);
    if (got == FOUND) {
        *out = p;
        return true;
    }
    if (got == AMBIGUOUS) {
        crm_node_wrong(r->tree, node,
                       "goes through a table that several columns refer to; allowed: the name of "
                       "the reference column in place of the table's");
    } else if (got == TOO_FAR) {
        crm_node_wrong(r->tree, node, "follows too many references; allowed: at most %d",
                       CRM_TABLE_HOPS);
    } else if (crm_table_schema_is_dated(text)) {
        crm_node_wrong(r->tree, node,
                       "has the date %.10s, which is none of the calendar; allowed: 2024-06-30, "
                       "2024-06-30 12:00:00",
                       text);
    } else {
        add_nearest(r, from, text, &near);
        crm_node_wrong(r->tree, node,
                       "leads nowhere from table %s%s; allowed: a column, or reference.column",
                       r->pub.table[from].name, near.text ? near.text : "");
        crm_str_free(&near);
    }
    return false;
}

bool crm_table_schema_path(schema_reader *r, int from, const crm_node *node, crm_path *out)
{
    const char *text = NULL;

    crm_node_text(r->tree, node, &text);
    return text && find_path(r, from, node, text, out);
}

static void add_types(crm_str *out, unsigned types)
{
    const char *comma = "";

    for (int i = 0; i < CRM_FIELD_TYPE_COUNT; i++) {
        if (!(types >> i & 1)) continue;
        crm_str_addf(out, "%s%s", comma, crm_field_type_names[i]);
        comma = ", ";
    }
}

bool crm_table_schema_typed(schema_reader *r, int from, const crm_node *node, unsigned types,
                            const char *role, crm_path *out)
{
    crm_str allowed = {0};
    const crm_field *c;
    crm_path p;

    if (!crm_table_schema_path(r, from, node, &p)) return false;
    c = crm_table_schema_field(&r->pub, &p);
    if (types >> c->type & 1) {
        *out = p;
        return true;
    }
    add_types(&allowed, types);
    r->nomem |= allowed.failed;
    crm_node_wrong(r->tree, node, "is a column of type %s and cannot be %s; allowed: type %s",
                   crm_field_type_names[c->type], role, allowed.text ? allowed.text : "");
    crm_str_free(&allowed);
    return false;
}

void crm_table_path_text(const crm_table_schema *s, int from, const crm_path *p, crm_str *out)
{
    int at = from;

    if (p->column < 0) return;
    for (int i = 0; i < p->n_hops; i++) {
        const crm_field *c = &s->table[at].column[p->hop[i]];
        crm_str_addf(out, "%s.", c->name);
        at = c->ref_table;
    }
    crm_str_addf(out, "%s", s->table[p->table].column[p->column].name);
}

/* ---- conditions ---- */
typedef struct side { /* of a comparison, before its type is known */
    crm_operand value;
    enum { SIDE_NUMBER, SIDE_TIME, SIDE_TEXT, SIDE_WORD } kind; /* WORD: a text without quotes */
    bool constant;
} side;

static const struct {
    const char *text;
    crm_relation relation;
} RELATIONS[] = {{"<=", CRM_LE}, {">=", CRM_GE}, {"==", CRM_EQ},
                 {"!=", CRM_NE}, {"<", CRM_LT},  {">", CRM_GT}};

/* Copy of text[0..len) without the blanks round it; NULL when memory is out. */
static char *trimmed(schema_reader *r, const char *text, size_t len)
{
    char *p;

    for (; len > 0 && strchr(" \t\r\n", *text); len--)
        text++;
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    p = crm_table_schema_new(r, (int)len + 1, 1);
    if (p) memcpy(p, text, len);
    return p;
}

static void kind_of_column(const crm_field *c, side *s)
{
    s->kind = c->type == CRM_FIELD_TIME                                  ? SIDE_TIME
              : c->type == CRM_FIELD_CATEGORY || c->type == CRM_FIELD_ID ? SIDE_TEXT
                                                                         : SIDE_NUMBER;
}

static bool is_quoted(const char *text, size_t len)
{
    return len >= 2 && text[0] == '\'' && text[len - 1] == '\'';
}

static void set_whole(crm_operand *o, int64_t v)
{
    o->number = (double)v;
    o->whole = v;
    o->is_whole = true;
}

/* yes and no are left for the other side to tell; all else that is no constant is a path. */
static bool read_side(schema_reader *r, int from, const crm_node *node, const char *text, side *s)
{
    size_t len = strlen(text);
    const crm_field *c;
    int64_t date;

    *s = (side){.value = {.path = crm_path_none, .text = ""}, .constant = true};
    if (is_quoted(text, len)) {
        s->kind = SIDE_TEXT;
        s->value.text = trimmed(r, text + 1, len - 2);
        return s->value.text != NULL;
    }
    if (crm_parse_f64(text, len, &s->value.number)) {
        s->value.is_whole = crm_parse_i64(text, len, &s->value.whole);
        return true;
    }
    if (crm_table_schema_date(text, &date)) {
        s->kind = SIDE_TIME;
        set_whole(&s->value, date);
        return true;
    }
    if (strcasecmp(text, "yes") == 0 || strcasecmp(text, "no") == 0) {
        s->kind = SIDE_WORD;
        set_whole(&s->value, strcasecmp(text, "yes") == 0);
        return true;
    }
    s->constant = false;
    if (!find_path(r, from, node, text, &s->value.path)) return false;
    c = crm_table_schema_field(&r->pub, &s->value.path);
    kind_of_column(c, s);
    if (c->type != CRM_FIELD_TEXT && c->type != CRM_FIELD_IGNORE) return true;
    crm_node_wrong(
        r->tree, node,
        "compares a column of type %s; allowed: numbers, booleans, times, categories, ids",
        crm_field_type_names[c->type]);
    return false;
}

static bool is_boolean(const schema_reader *r, const side *s)
{
    return !s->constant &&
           crm_table_schema_field(&r->pub, &s->value.path)->type == CRM_FIELD_BOOLEAN;
}

static bool is_hashed(const schema_reader *r, const side *s)
{
    const crm_path *p = &s->value.path;

    return !s->constant && crm_table_is_hashed(&r->pub, p->table, p->column);
}

/* The letters of a constant become those of the values of its column. */
static void set_letters(schema_reader *r, side *constant, const side *other)
{
    crm_letter_case how = crm_table_schema_field(&r->pub, &other->value.path)->letters;
    const char *text = constant->value.text;
    char *copy = crm_table_schema_new(r, (int)strlen(text) + 1, 1);

    if (!copy) return;
    crm_table_schema_letters(how, text, copy);
    constant->value.text = copy;
}

/* Texts on both sides, one of them a column. */
static void check_texts(schema_reader *r, const crm_node *node, side *a, side *b, crm_relation rel)
{
    side *constant = a->constant ? a : b->constant ? b : NULL, *other = constant == a ? b : a;
    const crm_field *f = crm_table_schema_field(&r->pub, &other->value.path);

    if (rel != CRM_EQ && rel != CRM_NE)
        crm_node_wrong(r->tree, node, "orders texts; allowed: == and != of texts");
    else if (constant && is_hashed(r, other))
        crm_node_wrong(r->tree, node,
                       "compares column %s, which is hashed: it cannot be compared with a text; "
                       "allowed: two hashed columns",
                       f->name);
    else if (constant)
        set_letters(r, constant, other);
    else if (is_hashed(r, a) != is_hashed(r, b))
        crm_node_wrong(r->tree, node,
                       "compares a column that is hashed with one that is not; allowed: hash: yes "
                       "in both, or in none of them");
    else if (crm_table_schema_field(&r->pub, &a->value.path)->type !=
             crm_table_schema_field(&r->pub, &b->value.path)->type)
        crm_node_wrong(r->tree, node, "compares an id with a category; allowed: two of one type");
}

static void check_term(schema_reader *r, const crm_node *node, side *a, side *b, crm_relation rel)
{
    static const char *const names[] = {"a number", "a time", "a text", "yes or no"};

    if (a->kind == SIDE_WORD && is_boolean(r, b)) a->kind = SIDE_NUMBER;
    if (b->kind == SIDE_WORD && is_boolean(r, a)) b->kind = SIDE_NUMBER;
    if (a->constant && b->constant)
        crm_node_wrong(r->tree, node, "compares two constants; allowed: a column on one side");
    else if (a->kind != b->kind)
        crm_node_wrong(r->tree, node, "compares %s with %s; allowed: two of one kind%s",
                       names[a->kind], names[b->kind],
                       a->kind == SIDE_TEXT || b->kind == SIDE_TEXT ? " (a text stands in '...')"
                                                                    : "");
    else if (a->kind == SIDE_TEXT)
        check_texts(r, node, a, b, rel);
}

/* Position of the relation outside quotes, NULL when there is none. */
static const char *find_relation(const char *text, const char *end, int *which)
{
    bool quoted = false;

    for (const char *p = text; p < end; p++) {
        quoted ^= *p == '\'';
        for (int i = 0; i < 6 && !quoted; i++) {
            size_t n = strlen(RELATIONS[i].text);
            if ((size_t)(end - p) < n || memcmp(p, RELATIONS[i].text, n) != 0) continue;
            *which = i;
            return p;
        }
    }
    return NULL;
}

/* End of the term: the next " and " outside quotes. */
static const char *term_end(const char *text)
{
    bool quoted = false;

    for (; *text; text++) {
        quoted ^= *text == '\'';
        if (!quoted && strncmp(text, " and ", 5) == 0) break;
    }
    return text;
}

static void read_term(schema_reader *r, int from, const crm_node *node, const char *text,
                      const char *end, crm_when *out)
{
    const char *p, *left, *right;
    side a, b;
    int which = 0;

    p = find_relation(text, end, &which);
    if (!p) {
        crm_node_wrong(r->tree, node,
                       "has no comparison; allowed: a < b, <=, >, >=, ==, !=, joined "
                       "by and");
        return;
    }
    left = trimmed(r, text, (size_t)(p - text));
    p += strlen(RELATIONS[which].text);
    right = trimmed(r, p, (size_t)(end - p));
    if (!left || !right) return;
    if (!left[0] || !right[0] || find_relation(right, right + strlen(right), &(int){0})) {
        crm_node_wrong(r->tree, node,
                       "is no comparison of two values; allowed: a < b, joined by and");
        return;
    }
    if (!read_side(r, from, node, left, &a) || !read_side(r, from, node, right, &b)) return;
    check_term(r, node, &a, &b, RELATIONS[which].relation);
    out->term[out->n].left = a.value;
    out->term[out->n].right = b.value;
    out->term[out->n++].relation = RELATIONS[which].relation;
}

void crm_table_schema_when(schema_reader *r, int from, const crm_node *node, crm_when *out)
{
    const char *text = NULL;
    int n = 1;

    crm_node_text(r->tree, node, &text);
    if (!text) return;
    if (strlen(text) > 4 * CRM_PATH_TEXT_MAX) {
        crm_node_wrong(r->tree, node, "is too long; allowed: at most %d bytes",
                       4 * CRM_PATH_TEXT_MAX);
        return;
    }
    for (const char *p = term_end(text); *p; p = term_end(p + 5))
        n++;
    out->term = crm_table_schema_new(r, n, sizeof *out->term);
    if (!out->term) return;
    for (;;) {
        const char *end = term_end(text);
        read_term(r, from, node, text, end, out);
        if (!*end) return;
        text = end + 5;
    }
}
