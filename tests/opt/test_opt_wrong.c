/* test_opt_wrong.c - wrong configs: each gives its place, the value and what would be right.
 *
 * The expected places were counted by hand in the texts below. */
#include "opt_sample.h"

/* The error text must begin with start (a whole line unless it ends with "..."), hold every hint,
 * and end with errors "N error(s)". */
typedef struct wrong {
    const char *yaml, *assignment;
    const char *start;
    const char *hint[3];
    int errors;
} wrong;

#define ONE(yaml, start, ...)                                                                      \
    {                                                                                              \
        yaml, NULL, start, {__VA_ARGS__}, 1                                                        \
    }
#define SET(assignment, start, ...)                                                                \
    {                                                                                              \
        "", assignment, start, {__VA_ARGS__}, 1                                                    \
    }
#define MANY(n, yaml, start, ...)                                                                  \
    {                                                                                              \
        yaml, NULL, start, {__VA_ARGS__}, n                                                        \
    }

static const wrong values[] = {
    ONE("train.epochs: x\n", "c.yaml:1:15: train.epochs: value 'x' is not an integer",
        "; allowed: 1..1000000 epochs"),
    ONE("train:\n  epochs: 0\n", "c.yaml:2:11: train.epochs: value '0' is too small",
        "allowed: 1..1000000 epochs"),
    ONE("train:\n  epochs: 1000001\n", "c.yaml:2:11: train.epochs: value '1000001' is too large"),
    ONE("train.epochs: 1_000\n", "c.yaml:1:15: train.epochs: value '1_000' is not an integer",
        "without '_'"),
    ONE("train.epochs: 2.5\n", "c.yaml:1:15: train.epochs: value '2.5' is not an integer"),
    ONE("train.epochs: 15e-1\n", "c.yaml:1:15: train.epochs: value '15e-1' is not an integer"),
    ONE("train.epochs: 0x10\n", "c.yaml:1:15: train.epochs: value '0x10' is not an integer"),
    ONE("train.epochs: 1e99\n", "c.yaml:1:15: train.epochs: value '1e99' does not fit in 64 bits"),
    ONE("train.epochs: '3'\n", "c.yaml:1:15: train.epochs: value '3' is a quoted text",
        "without quotes"),
    ONE("train.epochs: 3 4\n", "c.yaml:1:15: train.epochs: value '3 4' is not an integer"),
    ONE("train.epochs: true\n", "c.yaml:1:15: train.epochs: value 'true' is not an integer"),
    ONE("train.seed: 9007199254740993\n",
        "c.yaml:1:13: train.seed: value '9007199254740993' is too large", "0..9007199254740992"),
    ONE("train.lanes: 6\n", "c.yaml:1:14: train.lanes: value '6' is not a power of two",
        "allowed: a power of two in 1..64"),
    ONE("a: {b: {c: -6}}\n", "c.yaml:1:12: a.b.c: value '-6' is too small", "allowed: -5..5"),
    ONE("train.lr: fast\n", "c.yaml:1:11: train.lr: value 'fast' is not a number",
        "allowed: 0..10 1/step"),
    ONE("train.lr: .inf\n", "c.yaml:1:11: train.lr: value '.inf' is not a finite number"),
    ONE("train.lr: nan\n", "c.yaml:1:11: train.lr: value 'nan' is not a finite number"),
    ONE("train.lr: 1e999\n", "c.yaml:1:11: train.lr: value '1e999' is not a finite number"),
    ONE("train.lr: -1e-9\n", "c.yaml:1:11: train.lr: value '-1e-9' is too small"),
    ONE("train.lr: 10.5\n", "c.yaml:1:11: train.lr: value '10.5' is too large"),
    ONE("train.clip: \"2\"\n", "c.yaml:1:13: train.clip: value '2' is a quoted text",
        "allowed: any number"),
    ONE("train.refit: yes\n", "c.yaml:1:14: train.refit: value 'yes' is not a boolean",
        "write true", "allowed: true, false"),
    ONE("train.refit: Off\n", "c.yaml:1:14: train.refit: value 'Off' is not a boolean",
        "write false"),
    ONE("train.refit: maybe\n", "c.yaml:1:14: train.refit: value 'maybe' is not a boolean;"),
    ONE("train.refit: 1\n", "c.yaml:1:14: train.refit: value '1' is not a boolean", "write true"),
    ONE("train.schedule: cosin\n", "c.yaml:1:17: train.schedule: value 'cosin' is unknown",
        "(nearest: cosine)", "allowed: constant, cosine, step"),
    ONE("train.schedule: Cosine\n", "c.yaml:1:17: train.schedule: value 'Cosine' is unknown",
        "(nearest: cosine)"),
    ONE("device: quantum\n", "c.yaml:1:9: device: value 'quantum' is unknown; allowed: cpu, cuda"),
    ONE("train.lr:\n", "c.yaml:1:10: train.lr: value '' is null", "leave the key out",
        "allowed: 0..10"),
    ONE("data.path: null\n", "c.yaml:1:12: data.path: value 'null' is null", "write ''"),
    ONE("eval.models: ~\n", "c.yaml:1:14: eval.models: value '~' is null",
        "allowed: a list of hybrid, rule, logistic, tree"),
    ONE("data.path: \"a\\0b\"\n", "c.yaml:1:12: data.path: value 'a\\u0000b' holds a zero byte"),
};

static const wrong shapes[] = {
    ONE("train.epochs: [3]\n", "c.yaml:1:15: train.epochs: value '[...]' is a list",
        "a single value is needed", "1..1000000"),
    ONE("train:\n  epochs: {a: 1}\n", "c.yaml:2:11: train.epochs: value '{...}' is a mapping",
        "a single value is needed"),
    ONE("eval.models: hybrid\n", "c.yaml:1:14: eval.models: value 'hybrid' is a single value",
        "a list is needed", "allowed: a list of hybrid"),
    ONE("eval.models: {hybrid: 1}\n", "c.yaml:1:14: eval.models: value '{...}' is a mapping",
        "a list is needed"),
    ONE("eval.models:\n  - rule\n  - hybird\n",
        "c.yaml:3:5: eval.models: value 'hybird' is unknown", "(nearest: hybrid)"),
    ONE("eval.models: [rule, [tree]]\n", "c.yaml:1:21: eval.models: value '[...]' is no item"),
    ONE("eval.tags: [a, ~]\n", "c.yaml:1:16: eval.tags: value '~' is null, an item is needed"),
    ONE("eval.tags: [a, '']\n", "c.yaml:1:16: eval.tags: value '' is an empty item"),
    ONE("train: 3\n", "c.yaml:1:8: train: value '3' is given to a group", "a mapping is needed",
        "allowed: train.epochs, train.lanes"),
    ONE("train:\n", "c.yaml:1:7: train: value '' is given to a group"),
    ONE("a:\n  b: [1]\n", "c.yaml:2:6: a.b: value '[...]' is given to a group", "allowed: a.b.c"),
    ONE("just words\n", "c.yaml:1:1: (top level): value 'just words' is no mapping",
        "allowed: 'key: value' lines"),
    ONE("- train.epochs: 3\n", "c.yaml:1:1: (top level): value '[...]' is no mapping"),
    ONE("train.epochs: 3\n---\ntrain.lr: 1\n", "c.yaml:2:1: (top level): value '---'",
        "second document"),
    ONE("? [a, b]\n: 1\n", "c.yaml:1:3: (top level): value '[...]' is no key"),
};

static const wrong keys[] = {
    ONE("train.epocs: 3\n", "c.yaml:1:1: train.epocs: value '3' is given to an unknown key",
        "(nearest: train.epochs)", "allowed: train.epochs, train.lanes"),
    ONE("train:\n  learn: 3\n", "c.yaml:2:3: train.learn: value '3' is given to an unknown key",
        "allowed: train.epochs"),
    ONE("trian:\n  epochs: 3\n  lr: 1\n",
        "c.yaml:1:1: trian: value '{...}' is given to an unknown key", "(nearest: train)"),
    ONE("epochs: 3\n", "c.yaml:1:1: epochs: value '3' is given to an unknown key",
        "(nearest: train.epochs)", "allowed: train, eval, data, log, a, device"),
    ONE("Device: cpu\n", "c.yaml:1:1: Device: value 'cpu' is given to an unknown key",
        "(nearest: device)"),
    ONE("\"device\\0\": cpu\n", "c.yaml:1:1: device: value 'cpu' is given to an unknown key"),
    ONE("device: cpu\ndevice: cuda\n",
        "c.yaml:2:1: device: value 'cuda' is given to a key of line 1", "allowed: each key once"),
    ONE("train: {lr: 1}\n\ntrain.lr: 2\n", "c.yaml:3:1: train.lr: value '2'", "key of line 1"),
    ONE("train:\n  lr: 1\ntrain:\n  epochs: 2\n", "c.yaml:3:1: train: value '{...}'",
        "key of line 1"),
    MANY(2, "device: cpu\ndevice: gpu\n", "c.yaml:2:1: device: value 'gpu'",
         "\nc.yaml:2:9: device: value 'gpu' is unknown"),
};

static const wrong syntax[] = {
    ONE("device: &x cpu\n", "c.yaml:1:9: device: value '&x' is an anchor", "write the value out"),
    MANY(2, "device: &x cpu\nlog.level: *x\n", "c.yaml:1:9: device: value '&x' is an anchor",
         "\nc.yaml:2:12: log.level: value '*x' is an alias"),
    ONE("train.epochs: !!int 3\n",
        "c.yaml:1:15: train.epochs: value 'tag:yaml.org,2002:int' is a tag", "leave it out"),
    ONE("%TAG ! tag:x,2000:\n---\ndevice: cpu\n", "c.yaml:1:1: (top level): value '%TAG'",
        "no anchors, aliases or tags"),
    ONE("train:\n\tlr: 1\n", "c.yaml:2:1: (syntax): value '\\u0009lr: 1' is not YAML",
        "indented by spaces"),
    MANY(2, "train: [1, 2\n", "c.yaml:1:8: train: value '[...]' is given to a group",
         "\nc.yaml:2:1: (syntax): value '' is not YAML", "flow sequence"),
    ONE("train.lr: 1: 2\n", "c.yaml:1:12: (syntax): value ': 2' is not YAML"),
    ONE("data.path: \"open\n", "c.yaml:2:1: (syntax): value '' is not YAML", "quoted scalar"),
    ONE("device: cpu\n\xff\n", "c.yaml:2:1: (file): value '\\xff' is not valid UTF-8",
        "allowed: UTF-8 text"),
    ONE("data.path: \xc3\xa4\xc3\n", "c.yaml:1:13: (file): value '\\xc3' is not valid UTF-8"),
    ONE("a: \xc0\xaf\n", "c.yaml:1:4: (file): value '\\xc0' is not valid UTF-8"),
    ONE("a: \xe0\x80\xaf\n", "c.yaml:1:4: (file): value '\\xe0' is not valid UTF-8"),
    ONE("a: \xed\xa0\x80\n", "c.yaml:1:4: (file): value '\\xed' is not valid UTF-8"),
    ONE("a: \xf4\x90\x80\x80\n", "c.yaml:1:4: (file): value '\\xf4' is not valid UTF-8"),
    ONE("device: c\x01pu\n", "c.yaml:1:10: (file): value '\\x01' is a control character"),
    MANY(2, "data.path: \xc3\xa4\xc3\xb6 # \xe2\x82\xac\ndata: {path: \xc3\xa4, x\xc3\xa4: 1}\n",
         "c.yaml:2:8: data.path: value '\xc3\xa4' is given to a key of line 1",
         "\nc.yaml:2:17: data.x\xc3\xa4: value '1' is given to an unknown key"),
};

static const wrong sets[] = {
    SET("train.epochs=x", "--set train.epochs=x: value 'x' is not an integer",
        "allowed: 1..1000000 epochs"),
    SET("train.epochs=", "--set train.epochs=: value '' is not an integer"),
    SET("train.epocs=3", "--set train.epocs=3: value '3' is given to an unknown key",
        "(nearest: train.epochs)"),
    SET("train=3", "--set train=3: value '3' is given to a group"),
    SET("train.epochs", "--set train.epochs: is no assignment", "allowed: key=value"),
    SET("=3", "--set =3: value '3' is given to an unknown key"),
    SET("", "--set : is no assignment"),
    SET("eval.models=rule,hybird", "--set eval.models=rule,hybird: value 'hybird' is unknown",
        "(nearest: hybrid)"),
    SET("eval.tags=a,,b", "--set eval.tags=a,,b: value '' is an empty item"),
    SET("data.path=\xff", "--set data.path=\\xff: value '\\xff' is not UTF-8"),
    SET("train.refit=on", "--set train.refit=on: value 'on' is not a boolean", "write true"),
    SET("train.lr=1e-3 ", "--set train.lr=1e-3 : value '1e-3 ' is not a number"),
};

static bool ends_with_count(const char *text, int n)
{
    char line[32];
    const char *last = strrchr(text, '\n');

    snprintf(line, sizeof line, "%d error%s", n, n == 1 ? "" : "s");
    return last && strcmp(last + 1, line) == 0;
}

static void check(const wrong *w)
{
    sample s, untouched;
    bool good;

    sample_open(&s);
    untouched = s;
    good = sample_load(&s, w->yaml, w->assignment) == CRM_ERR_CONFIG;
    good = good && strncmp(crm_err_text(), w->start, strlen(w->start)) == 0;
    for (int i = 0; i < 3 && w->hint[i]; i++)
        good = good && strstr(crm_err_text(), w->hint[i]);
    good =
        good && strstr(crm_err_text(), "; allowed: ") && ends_with_count(crm_err_text(), w->errors);
    if (!good) {
        t_fail(__FILE__, __LINE__, w->start);
        fprintf(stderr, "# got: %s\n", crm_err_text());
    }
    T_CHECK(memcmp(&s, &untouched, sizeof s) == 0);
    sample_close(&s);
    crm_err_clear();
}

static void check_all(const wrong *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        T_NO_LEAK(check(&w[i]));
}

#define GROUP(name)                                                                                \
    static void wrong_##name(void)                                                                 \
    {                                                                                              \
        check_all(name, sizeof name / sizeof *name);                                               \
    }
GROUP(values)
GROUP(shapes)
GROUP(keys)
GROUP(syntax)
GROUP(sets)

/* All errors of file and --set in one pass, in the order of the file; the first value is right. */
static void all_in_one_pass(void)
{
    static const char yaml[] = "device: cpu\n"
                               "train:\n"
                               "  lr: fast\n"
                               "  epochs: 0\n"
                               "  oops: {lr: 1, lr: 2}\n"
                               "eval:\n"
                               "  models: [ruler, tree, trea]\n"
                               "log.level: [info]\n"
                               "x: [\n";
    static const char *const expected[] = {"c.yaml:3:7: train.lr: ",
                                           "c.yaml:4:11: train.epochs: ",
                                           "c.yaml:5:3: train.oops: ",
                                           "c.yaml:7:12: eval.models: ",
                                           "c.yaml:7:25: eval.models: ",
                                           "c.yaml:8:12: log.level: ",
                                           "c.yaml:9:1: x: ",
                                           "c.yaml:10:1: (syntax): ",
                                           "--set a.b.c=9: ",
                                           "--set zz=1: ",
                                           "10 errors"};
    static const char *const assignments[] = {"a.b.c=9", "train.epochs=4", "zz=1"};
    const char *at;
    sample s;

    sample_open(&s);
    T_EQ_I(crm_opt_set_load_text(s.set, "c.yaml", yaml, strlen(yaml), assignments, 3),
           CRM_ERR_CONFIG);
    at = crm_err_text();
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (strncmp(at, expected[i], strlen(expected[i])) != 0)
            t_fail(__FILE__, __LINE__, expected[i]);
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    T_CHECK(*at == '\0');
    if (t_failures) fprintf(stderr, "# got: %s\n", crm_err_text());
    T_EQ_I(s.train.epochs, 10);
    sample_close(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"wrong values", wrong_values},
                                   {"wrong shapes", wrong_shapes},
                                   {"wrong keys", wrong_keys},
                                   {"wrong syntax", wrong_syntax},
                                   {"wrong assignments", wrong_sets},
                                   {"all errors in one pass", all_in_one_pass},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
