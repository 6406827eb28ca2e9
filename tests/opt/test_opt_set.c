/* test_opt_set.c - right values: YAML in its forms, --set, override, reject, tables. */
#include <stdlib.h>
#include <unistd.h>

#include "opt_sample.h"

static void defaults(void)
{
    sample s;

    sample_open(&s);
    T_EQ_I(s.train.epochs, 10);
    T_CHECK(s.train.lr == 1e-3);
    T_CHECK(!s.train.refit);
    T_EQ_I(s.train.schedule, 1);
    T_EQ_I(s.train.models.n, 2);
    T_CHECK(strcmp(s.train.models.item[1], "rule") == 0);
    T_EQ_I(s.train.tags.n, 0);
    T_CHECK(strcmp(s.run.path, "") == 0);
    T_EQ_I(s.run.level, 3);
    T_CHECK(!crm_opt_set_given(s.set, "train.epochs"));
    sample_close(&s);
}

static void nested_and_dotted(void)
{
    static const char *const same[] = {
        "train:\n  epochs: 3\n  schedule: step\n  refit: true\na: {b: {c: -5}}\n",
        "train: {epochs: 3, schedule: 'step', refit: true}\na.b: {c: -5}\n",
        "train.epochs: 3\ntrain.schedule: \"step\"\na: {b.c: -5}\ntrain: {refit: true}\n",
        "\xef\xbb\xbf# a comment\r\n---\r\na.b.c: -5\r\ntrain:\r\n  epochs: 3\r\n  schedule: "
        "step\r\n"
        "  refit: true\r\n...\r\n",
    };
    sample s;

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        sample_open(&s);
        T_OK(sample_load(&s, same[i], NULL));
        T_EQ_I(s.train.epochs, 3);
        T_EQ_I(s.train.schedule, 2);
        T_CHECK(s.train.refit);
        T_EQ_I(s.run.deep, -5);
        T_CHECK(crm_opt_set_given(s.set, "a.b.c") && !crm_opt_set_given(s.set, "train.lr"));
        sample_close(&s);
    }
}

static void empty_documents(void)
{
    static const char *const empty[] = {"",      "\n",       "# only a comment\n",
                                        "---\n", "--- {}\n", "---\n...\n"};
    sample s;

    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        sample_open(&s);
        T_OK(sample_load(&s, empty[i], NULL));
        T_EQ_I(s.train.epochs, 10);
        sample_close(&s);
    }
}

static void integers(void)
{
    static const struct {
        const char *text;
        int64_t value;
    } row[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"1e6", 1000000},
        {"1.5e3", 1500},
        {"1500e-2", 15},
        {"12.00", 12},
        {"0e999999999999", 0},
        {"9007199254740991", 9007199254740991},
        {"9007199254740992", 9007199254740992},
        {"9.007199254740991e15", 9007199254740991},
    };
    char yaml[64];
    sample s;

    sample_open(&s);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        snprintf(yaml, sizeof yaml, "train.seed: %s\n", row[i].text);
        T_OK(sample_load(&s, yaml, NULL));
        T_EQ_I(s.train.seed, row[i].value);
    }
    sample_close(&s);
}

static void reals(void)
{
    static const struct {
        const char *text;
        double value;
    } row[] = {{"0.1", 0.1},    {".5", 0.5},      {"5.", 5},        {"1e-300", 1e-300},
               {"-1E+3", -1e3}, {"1e308", 1e308}, {"+2.5e-1", 0.25}};
    char yaml[64];
    sample s;

    sample_open(&s);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        snprintf(yaml, sizeof yaml, "train.clip: %s\n", row[i].text);
        T_OK(sample_load(&s, yaml, NULL));
        T_CHECK(s.train.clip == row[i].value);
    }
    sample_close(&s);
}

static void texts_and_lists(void)
{
    sample s;

    sample_open(&s);
    T_OK(sample_load(
        &s, "data.path: 'null'\neval.models: [tree]\neval.tags: ['a,b', c d, \"\\u00e4\"]\n",
        NULL));
    T_CHECK(strcmp(s.run.path, "null") == 0);
    T_EQ_I(s.train.models.n, 1);
    T_EQ_I(s.train.tags.n, 3);
    T_CHECK(strcmp(s.train.tags.item[0], "a,b") == 0);
    T_CHECK(strcmp(s.train.tags.item[1], "c d") == 0);
    T_CHECK(strcmp(s.train.tags.item[2], "\xc3\xa4") == 0);
    T_OK(sample_load(&s, "data.path: 12\neval.tags: []\n", NULL));
    T_CHECK(strcmp(s.run.path, "12") == 0);
    T_EQ_I(s.train.tags.n, 0);
    sample_close(&s);
}

static void assignments(void)
{
    static const char *const sets[] = {"train.epochs=4", "train.epochs=5", "data.path=a=b c",
                                       "eval.tags= x , y\\,z,\\\\,\\N", "train.refit=true"};
    static const char yaml[] = "train.epochs: 3\ntrain.lr: 0.5\n";
    sample s;

    sample_open(&s);
    T_OK(crm_opt_set_load_text(s.set, "c.yaml", yaml, strlen(yaml), sets, 5));
    T_EQ_I(s.train.epochs, 5);
    T_CHECK(s.train.lr == 0.5);
    T_CHECK(strcmp(s.run.path, "a=b c") == 0);
    T_EQ_I(s.train.tags.n, 4);
    T_CHECK(s.train.tags.n == 4 && strcmp(s.train.tags.item[0], "x") == 0);
    T_CHECK(s.train.tags.n == 4 && strcmp(s.train.tags.item[1], "y,z") == 0);
    T_CHECK(s.train.tags.n == 4 && strcmp(s.train.tags.item[2], "\\") == 0);
    T_CHECK(s.train.tags.n == 4 && strcmp(s.train.tags.item[3], "\\N") == 0);
    T_CHECK(s.train.refit);
    T_OK(sample_load(&s, "", "eval.tags=[x, y ]"));
    T_EQ_I(s.train.tags.n, 2);
    T_CHECK(s.train.tags.n == 2 && strcmp(s.train.tags.item[0], "x") == 0);
    T_CHECK(s.train.tags.n == 2 && strcmp(s.train.tags.item[1], "y") == 0);
    T_OK(sample_load(&s, "", "eval.tags=[]"));
    T_EQ_I(s.train.tags.n, 0);
    T_OK(sample_load(&s, "", "eval.tags=[x],[y]")); /* brackets of the items */
    T_CHECK(s.train.tags.n == 2 && strcmp(s.train.tags.item[1], "[y]") == 0);
    T_OK(sample_load(&s, "", "data.path="));
    T_CHECK(strcmp(s.run.path, "") == 0);
    T_OK(sample_load(&s, "", "eval.tags="));
    T_EQ_I(s.train.tags.n, 0);
    T_OK(crm_opt_set_load(s.set, NULL, sets, 1));
    T_EQ_I(s.train.epochs, 4);
    T_CHECK(crm_opt_set_given(s.set, "data.path"));
    sample_close(&s);
}

static void rejected(void)
{
    sample s;

    sample_open(&s);
    T_OK(sample_load(&s, "train:\n  epochs: 3\n", "train.lanes=4"));
    T_FAILS(crm_opt_set_reject(s.set, "train.epochs", "is less than %d", 5), CRM_ERR_CONFIG,
            "c.yaml:2:11: train.epochs: value '3' is less than 5\n1 error");
    T_FAILS(crm_opt_set_reject(s.set, "train.lanes", "is odd"), CRM_ERR_CONFIG,
            "--set train.lanes=4: value '4' is odd");
    T_FAILS(crm_opt_set_reject(s.set, "data.path", "is needed"), CRM_ERR_CONFIG,
            "default: data.path: value '' is needed");
    T_FAILS(crm_opt_set_reject(s.set, "nothing", "x"), CRM_ERR_INTERNAL, "nothing");
    sample_close(&s);
}

static void overridden(void)
{
    sample s;

    sample_open(&s);
    T_OK(crm_opt_set_override(s.set, "train.lanes", "16", "derived: ranks"));
    T_OK(crm_opt_set_override(s.set, "data.path", "x.csv", "derived: data.store"));
    T_EQ_I(s.train.lanes, 16);
    T_CHECK(strcmp(s.run.path, "x.csv") == 0);
    T_CHECK(!crm_opt_set_given(s.set, "train.lanes"));
    T_FAILS(crm_opt_set_override(s.set, "train.lanes", "3", "trial 7"), CRM_ERR_CONFIG,
            "trial 7: train.lanes: value '3' is not a power of two");
    T_FAILS(crm_opt_set_override(s.set, "train.lane", "4", "trial 7"), CRM_ERR_CONFIG,
            "(nearest: train.lanes)");
    T_FAILS(crm_opt_set_reject(s.set, "train.lanes", "is bad"), CRM_ERR_CONFIG,
            "derived: ranks: train.lanes: value '16' is bad");
    T_EQ_I(s.train.lanes, 16);
    sample_close(&s);
}

/* The second struct of a table gets what the first was given. */
static void copied(void)
{
    sample s;
    sample_train second = {.epochs = -1};

    sample_open(&s);
    T_OK(crm_opt_set_override(s.set, "train.lanes", "16", "derived: ranks"));
    T_OK(crm_opt_set_override(s.set, "eval.tags", "a,b", "derived: tags"));
    crm_opt_copy(sample_train_opts, &s.train, &second);
    T_CHECK(second.lanes == 16 && second.epochs == 10 && second.lr == 1e-3 && second.schedule == 1);
    T_CHECK(second.tags.n == 2 && strcmp(second.tags.item[1], "b") == 0 && second.models.n == 2);
    sample_close(&s);
}

typedef struct bad_table {
    crm_opt row;
    const char *part;
} bad_table;

/* Mistakes in a table are found when it is bound. */
static void bad_tables(void)
{
    static const bad_table bad[] = {
        {CRM_OPT_I(sample_train, epochs, "train.lr", 1, 1, 2, "", 0, ""), "bound twice"},
        {CRM_OPT_I(sample_train, epochs, "Train.x", 1, 1, 2, "", 0, ""), "lower case"},
        {CRM_OPT_I(sample_train, epochs, "train..x", 1, 1, 2, "", 0, ""), "lower case"},
        {CRM_OPT_I(sample_train, epochs, "x.", 1, 1, 2, "", 0, ""), "lower case"},
        {CRM_OPT_I(sample_train, epochs, "x", 0, 1, 2, "", 0, ""), "too small"},
        {CRM_OPT_I(sample_train, epochs, "x", 1.5, 1, 2, "", 0, ""), "not an integer"},
        {CRM_OPT_I(sample_train, epochs, "x", 3, 1, 4, "", CRM_OPT_POW2, ""), "power of two"},
        {CRM_OPT_R(sample_train, lr, "x", 3, 0, 1, "", 0, ""), "too large"},
        {CRM_OPT_E(sample_train, schedule, "x", "none", sample_schedules, 0, ""), "unknown"},
        {CRM_OPT_L(sample_train, models, "x", "rule,none", sample_models, 0, ""), "unknown"},
    };
    crm_opt table[2] = {{.key = NULL}};
    sample_train extra;
    sample s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sample_open(&s);
        table[0] = bad[i].row;
        T_FAILS(crm_opt_set_add(s.set, table, &extra), CRM_ERR_INTERNAL, bad[i].part);
        sample_close(&s);
    }
}

static void files(void)
{
    char dir[] = "/tmp/crm_opt_XXXXXX", path[64], missing[64], hint[96];
    sample s;
    FILE *f;

    if (!mkdtemp(dir)) {
        T_SKIP("no temporary folder");
        return;
    }
    snprintf(path, sizeof path, "%s/c.yaml", dir);
    snprintf(missing, sizeof missing, "%s/none.yaml", dir);
    snprintf(hint, sizeof hint, "%s:1:15: train.epochs: ", path);
    sample_open(&s);
    T_FAILS(crm_opt_set_load(s.set, missing, NULL, 0), CRM_ERR_IO, missing);
    T_FAILS(crm_opt_set_load(s.set, dir, NULL, 0), CRM_ERR_IO, "is a folder");
    T_FAILS(crm_opt_set_load(s.set, "/dev/null", NULL, 0), CRM_ERR_IO, "plain file");
    f = fopen(path, "w");
    T_CHECK(f && fputs("train.epochs: 77\n", f) >= 0 && fclose(f) == 0);
    T_OK(crm_opt_set_load(s.set, path, NULL, 0));
    T_EQ_I(s.train.epochs, 77);
    f = fopen(path, "w");
    T_CHECK(f && fputs("train.epochs: no\n", f) >= 0 && fclose(f) == 0);
    T_FAILS(crm_opt_set_load(s.set, path, NULL, 0), CRM_ERR_CONFIG, hint);
    T_EQ_I(s.train.epochs, 77);
    unlink(path);
    rmdir(dir);
    sample_close(&s);
}

static void no_leak(void)
{
    static void (*const parts[])(void) = {defaults, nested_and_dotted, texts_and_lists, assignments,
                                          rejected, overridden,        bad_tables,      files};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        T_NO_LEAK(parts[i]());
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"defaults", defaults},
                                   {"nested and dotted keys", nested_and_dotted},
                                   {"empty documents", empty_documents},
                                   {"integers", integers},
                                   {"reals", reals},
                                   {"texts and lists", texts_and_lists},
                                   {"assignments", assignments},
                                   {"reject names the place", rejected},
                                   {"override", overridden},
                                   {"copied", copied},
                                   {"bad tables", bad_tables},
                                   {"files", files},
                                   {"memory is given back", no_leak},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
