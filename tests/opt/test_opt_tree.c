/* test_opt_tree.c - YAML as a tree: kinds, positions, values, errors; and random bytes. */
#include <stdlib.h>

#include "crmpi/base_hash.h"
#include "crmpi/opt_tree.h"
#include "opt_sample.h"

static const char TEXT[] = "# a tree\n"
                           "name: 'Zoë'\n"
                           "size: {n: 1.5e3, x: -0.25}\n"
                           "list:\n"
                           "  - a\n"
                           "  - \"b c\"\n"
                           "on: yes\n"
                           "kind: tree\n"
                           "none:\n"
                           "é x: 1\n";

static crm_status open_text(const char *text, crm_tree_file **f)
{
    return crm_tree_file_open("t.yaml", text, strlen(text), f);
}

static void positions(void)
{
    crm_tree_file *f;
    const crm_node *top, *n;

    T_OK(open_text(TEXT, &f));
    top = crm_tree_file_top(f);
    T_EQ_I(top->kind, CRM_NODE_MAP);
    T_EQ_I(top->n, 7);
    T_CHECK(strcmp(crm_tree_file_path(f), "t.yaml") == 0);
    n = crm_node_get(top, "name");
    T_CHECK(n && n->quoted && strcmp(n->text, "Zoë") == 0 && n->key_line == 2 && n->col == 7);
    n = crm_node_get(crm_node_get(top, "size"), "x");
    T_CHECK(n && !n->quoted && n->line == 3 && n->key_col == 18 && n->col == 21);
    n = crm_node_get(top, "list");
    T_CHECK(n && n->kind == CRM_NODE_LIST && n->n == 2 && n->child[1]->line == 6);
    T_CHECK(n && strcmp(n->child[1]->text, "b c") == 0 && !n->child[1]->key);
    T_CHECK(n && strcmp(n->text, "[a, b c]") == 0);
    n = crm_node_get(top, "é x"); /* columns count characters */
    T_CHECK(n && n->col == 6);
    T_CHECK(!crm_node_get(top, "missing") && !crm_node_get(n, "x") && !crm_node_get(NULL, "x"));
    crm_tree_file_close(&f);
    T_CHECK(!f);
}

/* Texts of lists; one whose items a reader of the text would part otherwise has none. */
static void lists(void)
{
    static const struct {
        const char *yaml, *text;
    } CASE[] = {{"x: []\n", "[]"},       {"x: [64, 32]\n", "[64, 32]"},
                {"x: [ '' ]\n", NULL},   {"x: [\"a, b\", c]\n", NULL},
                {"x: [a, [b]]\n", NULL}, {"x: [\"[a]\"]\n", NULL},
                {"x: ['a\\b']\n", NULL}, {"x: [{a: b}]\n", NULL}};

    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        crm_tree_file *f;
        const char *text;
        T_OK(open_text(CASE[i].yaml, &f));
        text = crm_node_get(crm_tree_file_top(f), "x")->text;
        T_CHECK(CASE[i].text ? text && strcmp(text, CASE[i].text) == 0 : !text);
        crm_tree_file_close(&f);
    }
}

static void values(void)
{
    static const char *const kinds[] = {"bush", "tree", NULL};
    crm_tree_file *f;
    const crm_node *top;
    const char *text = "before";
    const char *const *item = NULL;
    int64_t n = 0;
    double x = 0;
    bool on = false;
    int kind = 0, count = 0;

    T_OK(open_text(TEXT, &f));
    top = crm_tree_file_top(f);
    crm_node_text(f, crm_node_get(top, "name"), &text);
    T_CHECK(strcmp(text, "Zoë") == 0);
    crm_node_i64(f, crm_node_get(crm_node_get(top, "size"), "n"), 0, 2000, &n);
    T_EQ_I(n, 1500);
    crm_node_f64(f, crm_node_get(crm_node_get(top, "size"), "x"), -1, 1, &x);
    T_CHECK(x == -0.25);
    crm_node_bool(f, crm_node_get(top, "on"), &on);
    T_CHECK(on);
    crm_node_enum(f, crm_node_get(top, "kind"), kinds, &kind);
    T_EQ_I(kind, 1);
    crm_node_texts(f, crm_node_get(top, "list"), &count, &item);
    T_CHECK(count == 2 && strcmp(item[0], "a") == 0);
    crm_node_texts(f, crm_node_get(top, "kind"), &count, &item);
    T_CHECK(count == 1 && strcmp(item[0], "tree") == 0);
    crm_node_i64(f, NULL, 0, 1, &n);
    T_EQ_I(n, 1500);
    T_OK(crm_tree_file_errors(f));
    crm_tree_file_close(&f);
}

static void wrong_values(void)
{
    static const char *const kinds[] = {"bush", "trees", NULL};
    static const char *const keys[] = {"names", "size", "list", "on", "kind", "none", NULL};
    crm_tree_file *f;
    const crm_node *top;
    const char *text = "before";
    int64_t n = 7;
    double x = 7;
    bool on = true;
    int kind = 7;

    T_OK(open_text(TEXT, &f));
    top = crm_tree_file_top(f);
    crm_node_keys(f, top, keys);
    crm_node_i64(f, crm_node_get(crm_node_get(top, "size"), "x"), 0, 9, &n);
    crm_node_f64(f, crm_node_get(crm_node_get(top, "size"), "n"), 0, 1, &x);
    crm_node_bool(f, crm_node_get(top, "kind"), &on);
    crm_node_enum(f, crm_node_get(top, "kind"), kinds, &kind);
    crm_node_text(f, crm_node_get(top, "none"), &text);
    crm_node_text(f, crm_node_get(top, "list"), &text);
    T_CHECK(n == 7 && x == 7 && on && kind == 7 && strcmp(text, "before") == 0);
    T_FAILS(crm_tree_file_errors(f), CRM_ERR_CONFIG,
            "t.yaml:2:1: name: value 'Zoë' is given to an unknown key (nearest: names); allowed: "
            "names, size, list, on, kind, none\n"
            "t.yaml:3:11: size.n: value '1.5e3' is too large; allowed: 0..1\n"
            "t.yaml:3:21: size.x: value '-0.25' is not an integer; allowed: 0..9\n"
            "t.yaml:5:3: list: value '[...]' is a list; allowed: a text\n"
            "t.yaml:8:7: kind: value 'tree' is neither yes nor no; allowed: yes, no\n"
            "t.yaml:8:7: kind: value 'tree' is unknown (nearest: trees); allowed: bush, trees\n"
            "t.yaml:9:6: none: value '' is null; allowed: a text\n"
            "t.yaml:10:1: \xC3\xA9 x: value '1' is given to an unknown key");
    crm_tree_file_close(&f);
}

static void refused(void)
{
    static const struct {
        const char *text, *message;
    } CASE[] = {
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: a: value '3' is given to a key of line 1 again"},
        {"x: {a: 1, a: 2}\n", "t.yaml:1:11: x.a: value '2' is given to a key of line 1 again"},
        {"a: &x 1\n", "is an anchor"},
        {"a: !t 1\n", "is a tag"},
        {"a: [*x]\n", "is an alias"},
        {"[a]: 1\n", "is no key"},
        {"- a\n", "(top level): value '[...]' is no mapping"},
        {"a: [1, 2\n", "is not YAML"},
        {"a: \"\\0\"\n", "holds a zero byte"},
        {"a: 1\n---\nb: 1\n", "is a second document"},
        {"a: \xff\n", "value '\\xff' is not valid UTF-8"},
        {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
         "is nested too deeply; allowed: at most 32 levels"},
    };
    crm_tree_file *f;

    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        T_NO_LEAK(T_FAILS(open_text(CASE[i].text, &f), CRM_ERR_CONFIG, CASE[i].message));
        T_CHECK(!f);
    }
    T_FAILS(crm_tree_file_open("/no/such.yaml", NULL, 0, &f), CRM_ERR_IO, "/no/such.yaml");
    T_OK(open_text("", &f));
    T_EQ_I(crm_tree_file_top(f)->n, 0);
    crm_tree_file_close(&f);
}

/* ---- random bytes ---- */
static int count_nodes(const crm_node *n, int depth)
{
    int sum = 1;

    T_CHECK(depth < 40 && n->line >= 1 && n->col >= 1);
    T_CHECK(n->kind == CRM_NODE_TEXT ? n->text != NULL : n->kind == CRM_NODE_LIST || !n->text);
    for (int i = 0; i < n->n; i++) {
        T_CHECK((n->kind == CRM_NODE_MAP) == (n->child[i]->key != NULL));
        sum += count_nodes(n->child[i], depth + 1);
    }
    return sum;
}

static uint64_t draw(uint64_t *state)
{
    *state += 1;
    return crm_digest_of(state, sizeof *state).lo;
}

/* Pieces of YAML and bytes of all values, one after the other. */
static size_t random_text(uint64_t *state, char *text, size_t cap)
{
    static const char *const PIECE[] = {"a: ", "b",  "\n", "  ", "- ", "{", "}",  "[",  "]",
                                        ", ",  ": ", "'",  "\"", "# ", "|", "\t", "? ", "\n\n"};
    size_t n = 0, pieces = draw(state) % 40;

    for (size_t i = 0; i < pieces && n + 8 < cap; i++) {
        uint64_t kind = draw(state) % 24;
        const char *p = kind < 18 ? PIECE[kind] : NULL;
        if (p)
            n += (size_t)snprintf(text + n, cap - n, "%s", p);
        else
            text[n++] =
                (char)(kind < 23 ? 'a' + (int)(draw(state) % 26) : (int)(draw(state) % 256));
    }
    return n;
}

static void random_bytes(void)
{
    enum { TRIALS = 20000 };
    char text[512];
    uint64_t state = 1;
    int read = 0;

    for (int trial = 0; trial < TRIALS && t_failures == 0; trial++) {
        size_t n = random_text(&state, text, sizeof text), used = crm_mem_used();
        crm_tree_file *f;
        crm_status st = crm_tree_file_open("r.yaml", text, n, &f);
        T_CHECK(st == CRM_OK || st == CRM_ERR_CONFIG);
        if (!st) read += count_nodes(crm_tree_file_top(f), 0) > 1;
        if (st) T_CHECK(strncmp(crm_err_text(), "r.yaml:", 7) == 0);
        crm_err_clear();
        crm_tree_file_close(&f);
        T_EQ_I(crm_mem_used(), used);
    }
    T_CHECK(read > 200); /* both ways are walked */
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"positions", positions},
                                   {"lists", lists},
                                   {"values", values},
                                   {"wrong values", wrong_values},
                                   {"refused", refused},
                                   {"random bytes", random_bytes},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
