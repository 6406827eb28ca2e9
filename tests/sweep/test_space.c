/* test_space.c - spaces: read from YAML with all errors at once, points, text, grid. */
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_rng.h"
#include "crmpi/sweep.h"

/* ---- options as a program would have them ---- */

static const char *const rnns[] = {"none", "gru", "lstm", NULL};
static const crm_opt table[] = {
    {.key = "optim.lr", .type = CRM_OPT_REAL, .min = 1e-9, .max = 10},
    {.key = "model.rnn", .type = CRM_OPT_ENUM, .values = rnns},
    {.key = "model.rnn_units", .type = CRM_OPT_INT, .min = 1, .max = 4096},
    {.key = "forest.trees", .type = CRM_OPT_INT, .min = 1, .max = 1e6},
    {.key = "model.hidden", .type = CRM_OPT_LIST},
    {.key = NULL}};

static const crm_opt *find(void *ctx, const char *key)
{
    (void)ctx;
    for (int i = 0; table[i].key; i++)
        if (strcmp(table[i].key, key) == 0) return &table[i];
    return NULL;
}

static bool takes(void *ctx, const crm_opt *o, const char *value, crm_str *why)
{
    double x;

    (void)ctx;
    if (o->type == CRM_OPT_LIST) return value[0] == '[';
    if (o->type == CRM_OPT_ENUM) {
        for (int i = 0; rnns[i]; i++)
            if (strcmp(rnns[i], value) == 0) return true;
        crm_str_addf(why, "is unknown");
        return false;
    }
    if (crm_parse_f64(value, strlen(value), &x) && x >= o->min && x <= o->max) return true;
    crm_str_addf(why, "is out of range");
    return false;
}

static const char *nearest(void *ctx, const char *key)
{
    (void)ctx, (void)key;
    return "optim.lr";
}

static const crm_space_options options = {.find = find, .takes = takes, .nearest = nearest};

typedef struct made {
    crm_tree_file *f;
    crm_space s;
    crm_status st;
} made;

static made make(const char *yaml)
{
    made m = {0};

    T_OK(crm_tree_file_open("s.yaml", yaml, strlen(yaml), &m.f));
    T_OK(crm_space_read(m.f, crm_tree_file_top(m.f), &options, &m.s));
    m.st = crm_tree_file_errors(m.f);
    return m;
}

static void drop(made *m)
{
    crm_space_free(&m->s);
    crm_tree_file_close(&m->f);
}

static const char good[] = "optim.lr: {real: [1e-4, 1e-2], log: true}\n"
                           "forest.trees: {integer: [50, 220], step: 50}\n"
                           "model.rnn: [none, gru, lstm]\n"
                           "model.rnn_units: {integer: [16, 128], log: true, when: model.rnn != "
                           "none}\n";

static void reads(void)
{
    made m = make(good);

    T_OK(m.st);
    T_EQ_I(m.s.n, 4);
    T_CHECK(m.s.dim[0].kind == CRM_DIM_REAL && m.s.dim[0].log && m.s.dim[0].hi == 1e-2);
    T_CHECK(m.s.dim[1].kind == CRM_DIM_INTEGER && m.s.dim[1].step == 50);
    T_CHECK(m.s.dim[2].kind == CRM_DIM_LIST && m.s.dim[2].n == 3);
    T_CHECK(m.s.dim[3].when == 2 && m.s.dim[3].unless && m.s.dim[3].n_given == 1);
    drop(&m);
    m = make("model.rnn: [none, gru, lstm]\n"
             "forest.trees: {list: [10, 20], when: \"model.rnn in [gru, lstm]\"}\n");
    T_OK(m.st);
    T_CHECK(m.s.dim[1].n_given == 2 && m.s.dim[1].given[0] == 1 && m.s.dim[1].given[1] == 2);
    drop(&m);
    m = make("model.hidden: [[64], [64, 32]]\n");
    T_OK(m.st);
    T_CHECK(m.s.dim[0].n == 2 && strcmp(m.s.dim[0].value[1], "[64, 32]") == 0);
    drop(&m);
}

/* Each is told, with its place and what is allowed. */
static void tells_errors(void)
{
    static const struct {
        const char *yaml, *part;
    } bad[] = {
        {"optim.rl: [1]\n", "s.yaml:1:11: optim.rl: "},
        {"optim.rl: [1]\n", "did you mean 'optim.lr'?"},
        {"optim.lr: {real: [1e-2, 1e-4]}\n", "value '1e-4' is not above 1e-2"},
        {"optim.lr: {real: [0.1, 100]}\n", "value '100' is out of range"},
        {"optim.lr: {real: [0.1]}\n", "is no range"},
        {"optim.lr: {real: [0.1, 1], integer: [1, 2]}\n", "is neither a list"},
        {"optim.lr: 3\n", "is neither a list"},
        {"optim.lr: {real: [0.1, 1], stepp: 2}\n", "stepp"},
        {"optim.lr: {real: [0.1, 1], step: 2}\n", "is wider than the range"},
        {"optim.lr: [0.1, 0.1]\n", "stands twice"},
        {"forest.trees: {real: [1, 5]}\n", "takes whole numbers"},
        {"forest.trees: {integer: [1, 5.5]}\n", "is no whole number"},
        {"model.rnn: {integer: [1, 5]}\n", "takes no numbers"},
        {"model.rnn: [gru, rnn]\n", "value 'rnn' is unknown"},
        {"model.rnn: []\n", "is no list of 1 to"},
        {"model.hidden: [[64, [32]]]\n", "neither a single value nor a list of plain ones"},
        {"optim.lr: {list: [0.1], when: model.rnn == gru}\n", "not searched above"},
        {"model.rnn: [gru]\noptim.lr: {list: [0.1], when: model.rnn == lstm}\n",
         "asks 'model.rnn' for 'lstm', which it cannot be"},
        {"model.rnn: [gru]\noptim.lr: {list: [0.1], when: model.rnn > gru}\n", "is no condition"},
        {"model.rnn: [gru, lstm]\noptim.lr: {list: [0.1], when: \"model.rnn in [gru, lstm\"}\n",
         "has no ']' at its end"},
        {"model.rnn: [gru, lstm]\noptim.lr: {list: [0.1], when: \"model.rnn in [gru] or\"}\n",
         "has no ']' at its end"},
        {"optim.lr: {real: [0.1, 1]}\nmodel.rnn: {list: [gru], when: optim.lr == 0.2}\n",
         "is a range of reals"},
        {"model.rnn: [gru]\noptim.lr: {list: [0.1], when: model.rnn in gru}\n", "is no condition"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        made m = make(bad[i].yaml);
        T_EQ_I(m.st, CRM_ERR_CONFIG);
        if (!strstr(crm_err_text(), bad[i].part)) {
            printf("# %s\n# lacks: %s\n", crm_err_text(), bad[i].part);
            T_CHECK(false);
        }
        drop(&m);
    }
}

static void points_hold_conditions(void)
{
    made m = make(good);
    crm_rng r = crm_rng_at(1, CRM_RNG_TEST, 0, 0);
    int with = 0, low = 0;

    for (int t = 0; t < 3000; t++) {
        double u[4], x[4];
        for (int d = 0; d < 4; d++)
            u[d] = crm_rng_uniform(&r);
        crm_space_point(&m.s, u, x);
        T_CHECK(x[0] >= 1e-4 && x[0] <= 1e-2);
        T_CHECK(x[1] == 50 || x[1] == 100 || x[1] == 150 || x[1] == 200);
        T_CHECK((x[2] == 0) == (isnan(x[3]) != 0));
        T_CHECK(isnan(x[3]) || (x[3] >= 16 && x[3] <= 128 && x[3] == floor(x[3])));
        with += !isnan(x[3]);
        low += x[0] < 1e-3;
    }
    T_NEAR(with / 3000.0, 2.0 / 3, 0.04);
    T_NEAR(low / 3000.0, 0.5, 0.04); /* even on the logarithm */
    drop(&m);
}

static void writes_values(void)
{
    made m = make(good);
    char room[32];

    T_CHECK(strcmp(crm_space_text(&m.s, 0, 0.001, room), "0.001") == 0);
    T_CHECK(strcmp(crm_space_text(&m.s, 1, 150, room), "150") == 0);
    T_CHECK(strcmp(crm_space_text(&m.s, 2, 2, room), "lstm") == 0);
    drop(&m);
}

/* By hand: 4 rates x 4 numbers of trees x (1 + 2 x 4 widths) = 144; with 3 of each, 3 x 3 x 7. */
static void grid_counts_each_once(void)
{
    made m = make(good);
    double x[4], first[4] = {0}, last[4] = {0};
    int64_t n = crm_space_grid(&m.s, 4, 1000), i = 0;

    T_EQ_I(n, 4 * 4 * 9);
    T_EQ_I(crm_space_grid(&m.s, 3, 1000), 3 * 3 * 7);
    T_EQ_I(crm_space_grid(&m.s, 3, 10), 11);
    while (crm_space_grid_point(&m.s, 4, i, x)) {
        if (i == 0) memcpy(first, x, sizeof x);
        T_CHECK(i == 0 || memcmp(last, x, sizeof x) != 0);
        memcpy(last, x, sizeof x);
        i++;
    }
    T_EQ_I(i, n);
    T_NEAR(first[0], 1e-4, 1e-9);
    T_CHECK(first[1] == 50 && first[2] == 0 && isnan(first[3]));
    T_NEAR(last[0], 1e-2, 1e-9);
    T_CHECK(last[1] == 200 && last[2] == 2 && last[3] == 128);
    drop(&m);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a space is read", reads},
                                   {"what is wrong is told", tells_errors},
                                   {"points hold to conditions and scales", points_hold_conditions},
                                   {"values are written as options take them", writes_values},
                                   {"a grid has each point once", grid_counts_each_once},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
