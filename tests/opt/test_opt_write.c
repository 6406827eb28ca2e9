/* test_opt_write.c - effective config, digest, help and documentation. */
#include <stdlib.h>

#include "opt_sample.h"

static crm_digest digest_of(sample *s)
{
    crm_digest d = {0};

    T_OK(crm_opt_set_digest(s->set, &d));
    return d;
}

static crm_digest digest_after(const char *yaml, const char *assignment)
{
    crm_digest d;
    sample s;

    sample_open(&s);
    T_OK(sample_load(&s, yaml, assignment));
    d = digest_of(&s);
    sample_close(&s);
    return d;
}

static void effective_config(void)
{
    static const char expected[] = "train.epochs: 3  # c.yaml:2\n"
                                   "train.lanes: 16  # derived: ranks\n"
                                   "train.seed: 0  # default\n"
                                   "train.lr: 1.0e-05  # --set\n"
                                   "train.clip: 0.5  # default\n"
                                   "train.refit: false  # default\n"
                                   "train.schedule: cosine  # default\n"
                                   "\n"
                                   "eval.models: [hybrid, rule]  # default\n"
                                   "eval.tags: []  # default\n"
                                   "\n"
                                   "data.path: \"\"  # default\n"
                                   "\n"
                                   "device: cpu  # default\n"
                                   "\n"
                                   "log.level: info  # default\n"
                                   "\n"
                                   "train.threads: 1  # default\n"
                                   "\n"
                                   "a.b.c: 0  # default\n";
    crm_str out = {0};
    sample s;

    sample_open(&s);
    T_OK(sample_load(&s, "train:\n  epochs: 3\n", "train.lr=1e-5"));
    T_OK(crm_opt_set_override(s.set, "train.lanes", "16", "derived: ranks"));
    crm_opt_set_write_yaml(s.set, true, &out);
    T_CHECK(out.text && strcmp(out.text, expected) == 0);
    if (t_failures) fprintf(stderr, "# got:\n%s", out.text);
    crm_str_free(&out);
    crm_opt_set_write_yaml(s.set, false, &out);
    T_CHECK(out.text && !strchr(out.text, '#') && strstr(out.text, "train.lanes: 16\n"));
    crm_str_free(&out);
    sample_close(&s);
}

/* Awkward texts and numbers survive writing and reading. */
static void round_trip(void)
{
    static const char *const texts[] = {"plain",
                                        "",
                                        "null",
                                        "~",
                                        "true",
                                        "Yes",
                                        "12",
                                        "1e5",
                                        " lead",
                                        "trail ",
                                        "a: b",
                                        "a #b",
                                        "# c",
                                        "- x",
                                        "[x]",
                                        "{x",
                                        "\"q\"",
                                        "it's",
                                        "a\\b",
                                        "tab\there",
                                        "a\nb\n",
                                        "\r",
                                        "\x01\x7f",
                                        "\xc2\x85",
                                        "\xe2\x80\xa8",
                                        "\xef\xbb\xbf",
                                        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                        "*x",
                                        "&x",
                                        "!t",
                                        "%d",
                                        "@x",
                                        "a,b",
                                        "\xef\xbf\xbe",
                                        "?",
                                        "|",
                                        ">",
                                        "`",
                                        "=",
                                        "<<",
                                        ".inf",
                                        "/a/b-c_d.csv"};
    static const double reals[] = {0.1, 1e-300, 123456789012345678.0, -1e22, 5e-324, 2.0 / 3,
                                   1e5, 100};
    enum { N = sizeof texts / sizeof *texts };
    char number[32];
    sample a, b;

    for (size_t i = 0; i < N; i++) {
        crm_str out = {0}, again = {0}, path = {0}, tags = {0};
        sample_open(&a);
        sample_open(&b);
        crm_str_addf(&path, "data.path=%s", texts[i]);
        T_OK(sample_load(&a, "train.refit: true\neval.models: [tree, rule]\n", path.text));
        T_OK(crm_opt_set_override(a.set, "train.clip", crm_format_f64(reals[i % 8], number), "x"));
        crm_str_addf(&tags, "eval.tags=x,%s", strcmp(texts[i], "a,b") == 0 ? "a\\,b" : texts[i]);
        if (texts[i][0] && texts[i][0] != ' ') T_OK(sample_load(&a, "", tags.text));
        crm_opt_set_write_yaml(a.set, true, &out);
        T_OK(sample_load(&b, out.text, NULL));
        T_CHECK(strcmp(b.run.path, texts[i]) == 0);
        T_CHECK(b.train.clip == reals[i % 8]);
        T_CHECK(crm_digest_equal(digest_of(&a), digest_of(&b)));
        crm_opt_set_write_yaml(a.set, false, &again);
        crm_str_free(&out);
        crm_opt_set_write_yaml(b.set, false, &out);
        T_CHECK(strcmp(out.text, again.text) == 0);
        crm_str_free(&out);
        crm_str_free(&again);
        crm_str_free(&path);
        crm_str_free(&tags);
        sample_close(&a);
        sample_close(&b);
    }
}

static void digest_rules(void)
{
    crm_digest base = digest_after("", NULL);

    T_CHECK(crm_digest_equal(base, digest_after("train.epochs: 10\n", NULL)));
    T_CHECK(crm_digest_equal(base, digest_after("", "train.epochs=1e1")));
    T_CHECK(crm_digest_equal(base, digest_after("train.threads: 9\nlog.level: quiet\n", NULL)));
    T_CHECK(crm_digest_equal(digest_after("train: {lr: 1, epochs: 2}\n", NULL),
                             digest_after("train.epochs: 2\n", "train.lr=1.0")));
    T_CHECK(crm_digest_equal(digest_after("train.clip: 0\n", NULL),
                             digest_after("train.clip: -0.0\n", NULL)));
    T_CHECK(!crm_digest_equal(base, digest_after("train.epochs: 11\n", NULL)));
    T_CHECK(!crm_digest_equal(base, digest_after("train.lr: 0.0010000000000000002\n", NULL)));
    T_CHECK(!crm_digest_equal(base, digest_after("train.refit: true\n", NULL)));
    T_CHECK(!crm_digest_equal(base, digest_after("device: cuda\n", NULL)));
    T_CHECK(!crm_digest_equal(base, digest_after("data.path: x\n", NULL)));
    T_CHECK(!crm_digest_equal(base, digest_after("eval.models: [rule, hybrid]\n", NULL)));
    T_CHECK(!crm_digest_equal(digest_after("eval.tags: ['a,b']\n", NULL),
                              digest_after("eval.tags: [a, b]\n", NULL)));
    T_CHECK(!crm_digest_equal(digest_after("eval.tags: [ab, c]\n", NULL),
                              digest_after("eval.tags: [a, bc]\n", NULL)));
}

/* Tables bound in another order give the same digest. */
static void digest_order(void)
{
    sample a, b = {0};

    sample_open(&a);
    T_OK(crm_opt_set_new(&b.set));
    T_OK(crm_opt_set_add(b.set, sample_run_opts, &b.run));
    T_OK(crm_opt_set_add(b.set, sample_train_opts, &b.train));
    T_CHECK(crm_digest_equal(digest_of(&a), digest_of(&b)));
    sample_close(&a);
    sample_close(&b);
}

typedef struct visits {
    int n;
    crm_str text;
} visits;

static void visit(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    visits *v = ctx;

    v->n++;
    crm_str_addf(&v->text, "%s=%s (%s)\n", o->key, value, origin);
}

static void each_option(void)
{
    visits v = {0};
    sample s;

    sample_open(&s);
    T_OK(sample_load(&s, "eval.tags: ['a,b', c]\n", "data.path=x y"));
    T_OK(crm_opt_set_each(s.set, visit, &v));
    T_EQ_I(v.n, 14);
    T_CHECK(strncmp(v.text.text, "train.epochs=10 (default)\n", 26) == 0);
    T_CHECK(strstr(v.text.text, "\neval.tags=a\\,b,c (c.yaml:1)\n"));
    T_CHECK(strstr(v.text.text, "\ndata.path=x y (--set)\n"));
    T_CHECK(strstr(v.text.text, "\neval.models=hybrid,rule (default)\n"));
    crm_str_free(&v.text);
    sample_close(&s);
}

static void read_all(FILE *f, char *out, size_t cap)
{
    size_t n;

    rewind(f);
    n = fread(out, 1, cap - 1, f);
    out[n] = '\0';
}

static void help_text(void)
{
    static const char start[] = "train\n"
                                "  train.epochs    Passes over the rows.\n"
                                "                  default: 10; allowed: 1..1000000 epochs\n"
                                "  train.lanes     Lanes per step.\n"
                                "                  default: 8; allowed: a power of two in 1..64\n";
    static char text[8192];
    FILE *f = tmpfile();
    sample s;

    if (!f) {
        T_SKIP("no temporary file");
        return;
    }
    sample_open(&s);
    T_OK(crm_opt_set_write_help(s.set, f));
    read_all(f, text, sizeof text);
    T_CHECK(strncmp(text, start, strlen(start)) == 0);
    T_CHECK(strstr(text,
                   "  train.threads   Workers.\n                  default: 1; allowed: 1..256 "
                   "threads\n\neval\n"));
    T_CHECK(strstr(text, "\n\ndevice\n  device          Where"));
    T_CHECK(strstr(text, "default: (empty); allowed: a text\n"));
    for (char *line = text; *line; line += strcspn(line, "\n") + 1)
        T_CHECK(strcspn(line, "\n") <= 100);
    fclose(f);
    sample_close(&s);
}

static void markdown(void)
{
    crm_str out = {0};
    sample s;

    sample_open(&s);
    crm_opt_set_write_markdown(s.set, &out);
    T_CHECK(strncmp(out.text,
                    "## train\n\n| Key | Type | Default | Allowed | Unit | Meaning |\n| --- |",
                    64) == 0);
    T_CHECK(strstr(out.text,
                   "\n| `train.epochs` | integer | 10 | 1..1000000 | epochs | Passes over "
                   "the rows. |\n"));
    T_CHECK(strstr(out.text, "| Bound \\| of the norm. |\n"));
    T_CHECK(strstr(out.text,
                   "\n| `train.threads` | integer | 1 | 1..256 | threads | Workers. Not in the "
                   "digest. |\n\n## eval\n"));
    T_CHECK(strstr(out.text, "| `data.path` | text | (empty) | a text |  | What is read. |\n"));
    crm_str_free(&out);
    sample_close(&s);
}

static void no_leak(void)
{
    T_NO_LEAK(effective_config());
    T_NO_LEAK(round_trip());
    T_NO_LEAK(digest_rules());
    T_NO_LEAK(each_option());
    T_NO_LEAK(help_text());
    T_NO_LEAK(markdown());
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"effective config", effective_config},
                                   {"round trip", round_trip},
                                   {"digest rules", digest_rules},
                                   {"digest and order of tables", digest_order},
                                   {"each option", each_option},
                                   {"help", help_text},
                                   {"markdown", markdown},
                                   {"memory is given back", no_leak},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
