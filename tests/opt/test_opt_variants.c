/* test_opt_variants.c - variants: a mapping of names to options that differ.
 *
 * The expected places were counted by hand in the texts below. */
#include "opt_sample.h"

#define EQ_TEXT(a, b)   T_CHECK((a) && strcmp(a, b) == 0)
#define HAS(text, part) has(__LINE__, text, part)

static void has(int line, const char *text, const char *part)
{
    if (text && strstr(text, part)) return;
    t_fail(__FILE__, line, part);
    fprintf(stderr, "#   not in: %s\n", text ? text : "(nothing)");
}

/* Models of the sample: "net" has train.*, "rule" has the list eval.tags only. */
static bool takes_name(void *ctx, const char *name, crm_str *why)
{
    (void)ctx;
    if (strncmp(name, "net-", 4) == 0 || strncmp(name, "rule-", 5) == 0) return true;
    crm_str_addf(why, "is given to a variant of no model; allowed: net-..., rule-...");
    return false;
}

static bool takes(void *ctx, const char *name, const crm_opt *o)
{
    (void)ctx;
    return name[0] == 'n' ? strncmp(o->key, "train.", 6) == 0 : strcmp(o->key, "eval.tags") == 0;
}

static const crm_opt_variants variants = {
    .takes_name = takes_name, .takes = takes, .help = "Settings that differ."};

static void open_with_variants(sample *s)
{
    sample_open(s);
    T_OK(crm_opt_set_variants(s->set, &variants));
}

/* Of the sample's train struct with the overrides of a variant. */
static sample_train varied(const sample *s, const char *name)
{
    sample_train t = s->train;

    crm_opt_set_vary(s->set, name, sample_train_opts, &t);
    return t;
}

static void check_values(const sample *s)
{
    sample_train a = varied(s, "net-a"), b = varied(s, "net-b_2"), r = varied(s, "rule-x");

    T_EQ_I(s->train.epochs, 7);
    T_EQ_I(a.epochs, 7);
    T_CHECK(a.lr == 2);
    T_CHECK(a.refit);
    T_EQ_I(b.epochs, 3);
    T_CHECK(b.lr == 0.5);
    T_EQ_I(b.schedule, 2);
    T_EQ_I(b.tags.n, 0);
    T_EQ_I(r.tags.n, 2);
    EQ_TEXT(r.tags.item[1], "c,d");
    EQ_TEXT(crm_opt_set_variant(s->set, 0), "net-a");
    EQ_TEXT(crm_opt_set_variant(s->set, 1), "net-b_2");
    EQ_TEXT(crm_opt_set_variant(s->set, 2), "rule-x");
    T_CHECK(!crm_opt_set_variant(s->set, 3));
}

static const char *const yaml = "variants:\n"
                                "  net-a: {train.lr: 2, train: {refit: true}}\n"
                                "  net-b_2:\n"
                                "    train:\n"
                                "      epochs: 3\n"
                                "      schedule: step\n"
                                "  rule-x: {eval.tags: [a, 'c,d']}\n"
                                "train: {epochs: 7, lr: 0.5}\n";

static void values(void)
{
    sample s, again;
    crm_str out = {0};

    open_with_variants(&s);
    T_OK(sample_load(&s, yaml, NULL));
    check_values(&s);
    T_CHECK(crm_opt_set_given(s.set, "variants.net-a.train.lr"));
    T_FAILS(crm_opt_set_reject(s.set, "variants.net-b_2.train.schedule", "is too late"),
            CRM_ERR_CONFIG,
            "c.yaml:6:17: variants.net-b_2.train.schedule: value 'step' is too late");
    crm_opt_set_write_yaml(s.set, true, &out);
    HAS(out.text, "variants.net-b_2.train.epochs: 3  # c.yaml:5\n");
    HAS(out.text, "variants.rule-x.eval.tags: [a, \"c,d\"]  # c.yaml:7\n");
    open_with_variants(&again); /* the effective config is a config */
    T_OK(sample_load(&again, out.text, NULL));
    check_values(&again);
    crm_str_free(&out);
    sample_close(&again);
    sample_close(&s);
}

static crm_digest digest_of(const char *text, const char *assignment)
{
    crm_digest d = {0};
    sample s;

    open_with_variants(&s);
    T_OK(sample_load(&s, text, assignment));
    T_OK(crm_opt_set_digest(s.set, &d));
    sample_close(&s);
    return d;
}

static void set_and_digest(void)
{
    const char *one = "variants: {net-a: {train.lr: 2}}\n";
    crm_digest a = digest_of(one, NULL), none = digest_of("", NULL);
    crm_digest set = digest_of("", "variants.net-a.train.lr=2");
    crm_digest nested = digest_of("variants: {net-a: {train: {lr: 2.0}}}\n", NULL);
    crm_digest other = digest_of(one, "variants.net-a.train.lr=3");
    crm_digest renamed = digest_of("variants: {net-b: {train.lr: 2}}\n", NULL);

    T_CHECK(crm_digest_equal(a, set) && crm_digest_equal(a, nested));
    T_CHECK(!crm_digest_equal(a, none) && !crm_digest_equal(a, other));
    T_CHECK(!crm_digest_equal(a, renamed));
}

static const struct wrong {
    const char *yaml, *assignment, *text[3];
    int errors;
} wrong[] = {
    {"variants: {net-a: {train.lr: fast}}\n",
     NULL,
     {"c.yaml:1:30: variants.net-a.train.lr: value 'fast' is not a number", "allowed: 0..10"},
     1},
    {"variants:\n  net-a:\n    train.learn: 2\n",
     NULL,
     {"c.yaml:3:5: variants.net-a.train.learn: value '2' is given to an unknown key",
      "allowed: train.epochs, train.lanes, train.seed"},
     1},
    {"variants: {net-a: {train.epocs: 2}}\n",
     NULL,
     {"c.yaml:1:20: variants.net-a.train.epocs", "(nearest: train.epochs)"},
     1},
    {"variants: {net-a: {lr: 2}}\n", NULL, {"(nearest: train.lr); allowed: train.*\n"}, 1},
    {"variants: {net-a: {eval.tags: [a]}}\n",
     NULL,
     {"c.yaml:1:20: variants.net-a.eval.tags: value '[...]' is given to an option that this model "
      "does not have; allowed: train.*"},
     1},
    {"variants: {net-a: {train.threads: 2}}\n",
     NULL,
     {"c.yaml:1:20: variants.net-a.train.threads: value '2' is given to an option that is the same "
      "for all models"},
     1},
    {"variants: {net-a: {eval: {tags: [a]}}}\n",
     NULL,
     {"c.yaml:1:20: variants.net-a.eval: value '{...}' is given to an unknown key"},
     1},
    {"variants: {tree-a: {train.lr: 2}}\n",
     NULL,
     {"c.yaml:1:12: variants.tree-a: value '{...}' is given to a variant of no model; allowed: "
      "net-"},
     1},
    {"variants: {Net-A: {train.lr: 2}}\n",
     NULL,
     {"c.yaml:1:12: variants.Net-A: value '{...}' is given to a variant whose name is not allowed",
      "at most 48 lower-case letters"},
     1},
    {"variants: {net-a23456789b123456789c123456789d123456789e12345: {train.lr: 2}}\n",
     NULL,
     {"whose name is not allowed"},
     1},
    {"variants: {net-a: {}}\n",
     NULL,
     {"c.yaml:1:12: variants.net-a: value '{}' is empty; allowed: at least one option"},
     1},
    {"variants: {net-a: 3}\n",
     NULL,
     {"c.yaml:1:19: variants.net-a: value '3' is given to a variant, a mapping is needed; "
      "allowed: train.*"},
     1},
    {"variants: {net-a: {train: 3}}\n",
     NULL,
     {"c.yaml:1:27: variants.net-a.train: value '3' is given to a group of options, a mapping is "
      "needed; allowed: train.epochs"},
     1},
    {"variants: 3\n",
     NULL,
     {"c.yaml:1:11: variants: value '3' is given to all variants, a mapping is needed; allowed: "
      "NAME: {KEY: value}"},
     1},
    {"variants: {net-a: {train.lr: 2, train: {lr: 3}}}\n",
     NULL,
     {"c.yaml:1:41: variants.net-a.train.lr: value '3' is given to a key of line 1 again"},
     1},
    {"variants:\n  net-a: {train.lr: 2}\n  net-a: {train.seed: 3}\n",
     NULL,
     {"c.yaml:3:3: variants.net-a: value '{...}' is given to a key of line 2 again"},
     1},
    {"variants.net-a.train.lr: 99\nvariants: {net-b: {train.lanes: 3, x: 1}, rule-a: {tags: "
     "[a]}}\n",
     NULL,
     {"c.yaml:1:26: variants.net-a.train.lr: value '99' is too large",
      "\nc.yaml:2:33: variants.net-b.train.lanes: value '3' is not a power of two",
      "\nc.yaml:2:52: variants.rule-a.tags: value '[...]' is given to an unknown key (nearest: "
      "eval.tags); allowed: eval.*"},
     4},
    {"variants.net-a.variants.net-a.train.lr: 2\n",
     NULL,
     {"c.yaml:1:1: variants.net-a.variants.net-a.train.lr: value '2' is given to an unknown key"},
     1},
    {"",
     "variants.net-a.train.lr=x",
     {"--set variants.net-a.train.lr=x: value 'x' is not a number"},
     1},
    {"", "variants.net-a=x", {"value 'x' is given to a variant, a mapping is needed"}, 1},
    {"", "variants.=x", {"a mapping is needed; allowed: NAME: {KEY: value}"}, 1},
    {"", "variants=x", {"a mapping is needed; allowed: NAME: {KEY: value}"}, 1},
    {"", "variants.net-a.=x", {"variants.net-a.=x: value 'x' is given to"}, 1},
};

static void check_wrong(const struct wrong *w)
{
    char end[32];
    crm_str out = {0};
    sample s;

    open_with_variants(&s);
    T_CHECK(sample_load(&s, w->yaml, w->assignment) == CRM_ERR_CONFIG);
    snprintf(end, sizeof end, "\n%d error%s", w->errors, w->errors == 1 ? "" : "s");
    HAS(crm_err_text(), end);
    for (int i = 0; i < 3 && w->text[i]; i++)
        HAS(crm_err_text(), w->text[i]);
    T_CHECK(!crm_opt_set_variant(s.set, 0)); /* nothing is left of them */
    crm_opt_set_write_yaml(s.set, false, &out);
    T_CHECK(!strstr(out.text, "variants"));
    crm_str_free(&out);
    crm_err_clear();
    sample_close(&s);
}

static void wrong_variants(void)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        T_NO_LEAK(check_wrong(&wrong[i]));
}

/* A second load goes on from the first; without the call there are no variants. */
static void loads(void)
{
    crm_str out = {0};
    sample s;

    open_with_variants(&s);
    T_OK(sample_load(&s, "variants: {net-a: {train.lr: 2}}\n", NULL));
    T_OK(sample_load(&s, "variants: {net-a: {train.seed: 5}}\n", NULL));
    T_CHECK(varied(&s, "net-a").lr == 2);
    T_EQ_I(varied(&s, "net-a").seed, 5);
    T_FAILS(sample_load(&s, "variants: {net-b: {train.seed: x}}\n", NULL), CRM_ERR_CONFIG, "net-b");
    EQ_TEXT(crm_opt_set_variant(s.set, 0), "net-a");
    T_CHECK(!crm_opt_set_variant(s.set, 1));
    crm_opt_set_write_markdown(s.set, &out);
    HAS(out.text, "## variants\n");
    T_CHECK(!strstr(out.text, "net-a"));
    crm_str_free(&out);
    sample_close(&s);
    sample_open(&s);
    T_FAILS(sample_load(&s, "variants: {net-a: {train.lr: 2}}\n", NULL), CRM_ERR_CONFIG,
            "given to an unknown key");
    sample_close(&s);
}

static void no_leak(void)
{
    T_NO_LEAK(values());
    T_NO_LEAK(set_and_digest());
    T_NO_LEAK(loads());
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"values", values},
                                   {"--set and digest", set_and_digest},
                                   {"wrong variants", wrong_variants},
                                   {"several loads", loads},
                                   {"memory is given back", no_leak},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
