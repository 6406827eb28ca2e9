/* test_opt_subtree.c - options that hold a mapping: one line of YAML, the same when it is read
 * again; values put into a copy of a config struct. */
#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/opt.h"

typedef struct cfg {
    const char *space;
    int64_t epochs;
    double lr;
    int kind;
    crm_opt_list names;
} cfg;

static const char *const kinds[] = {"gru", "lstm", NULL};
#define S cfg
static const crm_opt table[] = {
    CRM_OPT_S(S, space, "sweep.space", "", CRM_OPT_TREE, "Space."),
    CRM_OPT_I(S, epochs, "train.epochs", 3, 1, 100, "1", 0, "Epochs."),
    CRM_OPT_R(S, lr, "train.lr", 0.1, 1e-6, 1, "1", 0, "Rate."),
    CRM_OPT_E(S, kind, "model.rnn", "gru", kinds, 0, "Kind."),
    CRM_OPT_L(S, names, "model.names", "a,b", NULL, 0, "Names."),
    {.key = NULL},
};

static crm_status load(const char *yaml, const char *assignment, cfg *c, crm_opt_set **s)
{
    T_OK(crm_opt_set_new(s));
    T_OK(crm_opt_set_add(*s, table, c));
    return crm_opt_set_load_text(*s, "c.yaml", yaml, strlen(yaml), &assignment, assignment != NULL);
}

static void mapping_becomes_a_line(void)
{
    static const char yaml[] = "sweep:\n"
                               "  space:\n"
                               "    train.lr: {real: [1e-4, 1e-2], log: true}\n"
                               "    model.rnn:\n"
                               "      - gru\n"
                               "      - 'ls, tm'\n"
                               "    model.units: {integer: [1, 2], when: model.rnn == lstm}\n"
                               "    a: {list: ['', \"q\\\"\"], when: 'model.rnn in [gru, lstm]'}\n"
                               "train.epochs: 7\n";
    static const char line[] =
        "{train.lr: {real: [1e-4, 1e-2], log: true}, model.rnn: [gru, \"ls, tm\"], "
        "model.units: {integer: [1, 2], when: model.rnn == lstm}, "
        "a: {list: [\"\", \"q\\\"\"], when: \"model.rnn in [gru, lstm]\"}}";
    crm_opt_set *s;
    crm_str out = {0};
    crm_digest first, second;
    cfg c;

    T_OK(load(yaml, NULL, &c, &s));
    T_CHECK(strcmp(c.space, line) == 0);
    T_EQ_I(c.epochs, 7);
    crm_opt_set_write_yaml(s, false, &out);
    T_OK(crm_opt_set_digest(s, &first));
    crm_opt_set_free(&s);
    T_OK(load(out.text, NULL, &c, &s)); /* its own effective config */
    T_CHECK(strcmp(c.space, line) == 0);
    T_OK(crm_opt_set_digest(s, &second));
    T_CHECK(crm_digest_equal(first, second));
    crm_opt_set_free(&s);
    T_OK(load("", "sweep.space={train.lr: [0.1, 0.2]}", &c, &s));
    T_CHECK(strcmp(c.space, "{train.lr: [0.1, 0.2]}") == 0);
    crm_opt_set_free(&s);
    crm_str_free(&out);
}

static void wrong_trees_are_told(void)
{
    crm_opt_set *s;
    cfg c;

    T_EQ_I(load("sweep.space: {a: *b}\n", NULL, &c, &s), CRM_ERR_CONFIG);
    T_CHECK(strstr(crm_err_text(), "c.yaml:1:18: ") && strstr(crm_err_text(), "alias"));
    crm_opt_set_free(&s);
    T_EQ_I(load("sweep.space: {a: b}\nsweep.space: {a: c}\n", NULL, &c, &s), CRM_ERR_CONFIG);
    T_CHECK(strstr(crm_err_text(), "c.yaml:2:1: ") != NULL);
    crm_opt_set_free(&s);
    T_EQ_I(load("sweep.space: {a: [b\n", NULL, &c, &s), CRM_ERR_CONFIG);
    crm_opt_set_free(&s);
    T_EQ_I(load("train.epochs: {a: b}\n", NULL, &c, &s), CRM_ERR_CONFIG);
    crm_opt_set_free(&s);
}

static void values_go_into_a_copy(void)
{
    cfg c = {.epochs = 1, .lr = 0.5};
    crm_str why = {0};
    void *block;

    T_OK(crm_opt_put(&table[1], "12", &c, &block));
    T_CHECK(c.epochs == 12 && !block);
    T_OK(crm_opt_put(&table[2], "1e-3", &c, &block));
    T_CHECK(c.lr == 1e-3 && !block);
    T_OK(crm_opt_put(&table[3], "lstm", &c, &block));
    T_CHECK(c.kind == 1 && !block);
    T_OK(crm_opt_put(&table[4], "[x, y, z]", &c, &block));
    T_CHECK(c.names.n == 3 && strcmp(c.names.item[2], "z") == 0 && block);
    crm_mem_free(block);
    T_EQ_I(crm_opt_put(&table[1], "0", &c, &block), CRM_ERR_CONFIG);
    T_CHECK(strstr(crm_err_text(), "train.epochs: value '0'") && c.epochs == 12 && !block);
    T_CHECK(crm_opt_takes(&table[3], "gru", &why) && why.len == 0);
    T_CHECK(!crm_opt_takes(&table[3], "rnn", &why) && strstr(why.text, "allowed: gru, lstm"));
    crm_str_free(&why);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a mapping becomes a line of YAML", mapping_becomes_a_line},
                                   {"wrong trees are told", wrong_trees_are_told},
                                   {"values go into a copy", values_go_into_a_copy},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
