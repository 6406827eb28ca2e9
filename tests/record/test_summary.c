/* test_summary.c - summary.json: round trip, its digest, damage. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/record_summary.h"

static char path[] = "/tmp/crmpi-summary-XXXXXX";

static void put_file(const char *text, size_t len)
{
    T_OK(crm_path_write_atomic(path, text, len));
}

static char *copy(const char *s)
{
    return crm_mem_strdup(s);
}

static void make_metric(crm_sum_metric *m, const char *name, double mean, double a, double b)
{
    m->name = copy(name);
    m->mean = mean;
    m->ci[0] = isnan(mean) ? mean : mean - 0.25;
    m->ci[1] = isnan(mean) ? mean : mean + 0.25;
    m->n_folds = 2;
    m->fold = crm_mem_new(2, sizeof *m->fold);
    m->fold[0] = a;
    m->fold[1] = b;
}

static void make_model(crm_sum_model *m, const char *name, bool counts)
{
    static const int64_t cm[] = {5, 1, 2, 4};

    m->name = copy(name);
    m->n_metrics = 2;
    m->metric = crm_mem_new(2, sizeof *m->metric);
    make_metric(&m->metric[0], "accuracy", 0.1, 0.5, -0.0);
    make_metric(&m->metric[1], "auc", (double)NAN, (double)NAN, 1.0 / 3);
    if (!counts) return;
    m->confusion = crm_mem_new(4, sizeof *m->confusion);
    memcpy(m->confusion, cm, sizeof cm);
}

static void make_comparison(crm_sum_comparison *c)
{
    const double none = (double)NAN;

    *c = (crm_sum_comparison){.a = copy("hybrid"),
                              .b = copy("rule"),
                              .metric = copy("accuracy"),
                              .mean_diff = -0.125,
                              .dropped = 1,
                              .verdict = copy("no significant difference")};
    c->naive = (crm_sum_test){.t = -1.5, .df = 1, .p = 0.25, .p_holm = none, .ci = {none, none}};
    c->corrected = (crm_sum_test){.t = -1, .df = 1, .p = 0.5, .p_holm = 0.5, .ci = {-1, 0.75}};
}

static crm_summary *sample(void)
{
    crm_summary *s = crm_mem_new(1, sizeof *s);
    crm_sum_target *t = crm_mem_new(1, sizeof *t);

    s->n_targets = 1;
    s->target = t;
    s->data = (crm_digest){1, 2};
    s->weights = (crm_digest){0xfedcba9876543210, 0x0123456789abcdef};
    *t = (crm_sum_target){.name = copy("churn"), .level = copy("customer"), .rows = 12, .folds = 2};
    t->repeats = 1;
    t->split = copy("plain");
    t->test_over_train = 0.1;
    t->alpha = 0.05;
    t->class_name = crm_mem_new(2, sizeof *t->class_name);
    t->class_name[0] = copy("no \"way\"");
    t->class_name[1] = copy("j\xc3\xa4\n");
    t->n_classes = 2;
    t->model = crm_mem_new(2, sizeof *t->model);
    make_model(&t->model[0], "hybrid", true);
    make_model(&t->model[1], "rule", false);
    t->n_models = 2;
    t->comparison = crm_mem_new(1, sizeof *t->comparison);
    make_comparison(t->comparison);
    t->n_comparisons = 1;
    t->note = crm_mem_new(1, sizeof *t->note);
    t->note[0] = copy("a note");
    t->n_notes = 1;
    return s;
}

static char *text_of(crm_summary *s)
{
    char *text = NULL;
    size_t len = 0;

    T_OK(crm_summary_write(s, &text, &len));
    T_CHECK(text && strlen(text) == len);
    return text;
}

static void check_numbers(const crm_summary *s)
{
    const crm_sum_target *t = &s->target[0];
    const crm_sum_model *m = crm_summary_model(t, "hybrid");
    const crm_sum_metric *auc = m ? crm_summary_metric(m, "auc") : NULL;

    T_CHECK(auc && isnan(auc->mean) && isnan(auc->ci[0]) && isnan(auc->fold[0]));
    if (!auc) return;
    T_CHECK(auc->fold[1] == 1.0 / 3 && auc->n_folds == 2);
    T_CHECK(m->metric[0].mean == 0.1 && m->metric[0].ci[1] == 0.1 + 0.25);
    T_CHECK(m->metric[0].fold[1] == 0 && !signbit(m->metric[0].fold[1]));
    T_CHECK(m->confusion && m->confusion[1] == 1 && m->confusion[2] == 2);
    T_CHECK(crm_summary_model(t, "rule")->confusion == NULL);
    T_CHECK(crm_summary_model(t, "svm") == NULL && crm_summary_metric(m, "f1") == NULL);
    T_CHECK(t->comparison[0].mean_diff == -0.125 && t->comparison[0].dropped == 1);
    T_CHECK(t->comparison[0].naive.p == 0.25 && isnan(t->comparison[0].naive.p_holm));
    T_CHECK(t->comparison[0].corrected.ci[1] == 0.75 && t->comparison[0].corrected.df == 1);
    T_CHECK(strcmp(t->class_name[1], "j\xc3\xa4\n") == 0 && strcmp(t->note[0], "a note") == 0);
    T_CHECK(strcmp(t->split, "plain") == 0 && t->test_over_train == 0.1 && t->alpha == 0.05);
    T_CHECK(!t->lift.present && t->rows == 12 && t->folds == 2 && t->repeats == 1);
    T_CHECK(s->data.lo == 2 && s->weights.hi == 0xfedcba9876543210);
}

static void round_trip(void)
{
    crm_summary *s = sample(), *back = NULL;
    char *text = text_of(s), *again = NULL;

    put_file(text, strlen(text));
    T_OK(crm_summary_read(path, &back));
    if (back) {
        check_numbers(back);
        again = text_of(back);
        T_CHECK(strcmp(text, again) == 0);
        T_CHECK(crm_digest_equal(s->summary, back->summary));
    }
    T_CHECK(strstr(text, "NaN") == NULL && strstr(text, "-0,") == NULL && strstr(text, "null"));
    crm_mem_free(text);
    crm_mem_free(again);
    crm_summary_free(&s);
    crm_summary_free(&back);
    T_CHECK(s == NULL);
}

static void satisfaction(void)
{
    crm_summary *s = sample(), *back = NULL;
    crm_sum_lift *l = &s->target[0].lift;
    char *text;

    *l = (crm_sum_lift){.present = true, .treated = 40, .control = 30, .before = 3, .after = 3.5};
    l->diff = 0.5;
    l->ci[1] = 0.625;
    l->control_diff = (double)NAN;
    l->effect_p = 0.0625;
    text = text_of(s);
    put_file(text, strlen(text));
    T_OK(crm_summary_read(path, &back));
    if (back) {
        l = &back->target[0].lift;
        T_CHECK(l->present && l->treated == 40 && l->control == 30 && l->after == 3.5);
        T_CHECK(l->ci[1] == 0.625 && isnan(l->control_diff) && l->effect_p == 0.0625);
    }
    crm_mem_free(text);
    crm_summary_free(&s);
    crm_summary_free(&back);
}

/* The canonical text of an empty summary is {"format":0x1.0000000000000p+0,"targets":[]} ; its
 * XXH3-128 is from the Python package xxhash, and so is that of the sample (the script of
 * docs/summary-format.md, run on the file that CRM_SUMMARY_KEEP names). */
static void known_digest(void)
{
    crm_summary *s = crm_mem_new(1, sizeof *s);
    char hex[CRM_DIGEST_HEX], *text = text_of(s);

    T_CHECK(strcmp(crm_digest_hex(s->summary, hex), "f8429c1bd4567522e4f8dde9d4dd637c") == 0);
    crm_mem_free(text);
    crm_summary_free(&s);
    s = sample();
    text = text_of(s);
    T_CHECK(strcmp(crm_digest_hex(s->summary, hex), "555f7efa05e97ff500a2c637919c5b82") == 0);
    if (getenv("CRM_SUMMARY_KEEP"))
        T_OK(crm_path_write_atomic(getenv("CRM_SUMMARY_KEEP"), text, strlen(text)));
    crm_mem_free(text);
    crm_summary_free(&s);
}

/* One change of the sample's text, and what reading it says. */
typedef struct damage {
    const char *from, *to, *message;
} damage;
static const damage damages[] = {
    {"\"format\": 1", "\"format\": 2", "format: is 2, this program reads 1"},
    {"\"format\": 1,", "", "format: a count is expected, nothing is there"},
    {"\"rows\": 12", "\"rows\": 13", "digests.summary: is "},
    {"\"rows\": 12", "\"rows\": -12", "targets[0].rows: a count is expected"},
    {"\"rows\": 12", "\"rows\": 12.5", "targets[0].rows: a count is expected"},
    {"\"folds\": 2", "\"folds\": 3000000000", "targets[0].folds: a count is expected"},
    {"\"mean\": 0.1", "\"mean\": \"0.1\"",
     "targets[0].models[0].metrics.accuracy.mean: a number or null is expected"},
    {"[5, 1]", "[5]", "targets[0].models[0].confusion[0]: a list with a count for each class"},
    {"[5, 1]", "[5, -1]", "targets[0].models[0].confusion[0][1]: a count"},
    {"[-1, 0.75]", "[-1]", "targets[0].comparisons[0].corrected.ci95: a list of 2 numbers"},
    {"\"naive\": {", "\"navy\": {", "targets[0].comparisons[0].naive: an object is expected"},
    {"\"b\": \"rule\"", "\"b\": 1", "targets[0].comparisons[0].b: a text is expected"},
    {"[\"a note\"]", "[7]", "targets[0].notes[0]: a text"},
    {"\"satisfaction\": null", "\"satisfaction\": 1", "targets[0].satisfaction: an object"},
    {"\"weights\": \"fe", "\"weights\": \"xe", "digests.weights: a digest of 32"},
    {"\"digests\"", "\"digest\"", "digests: an object is expected, nothing is there"},
    {"\"rows\": 12", "\"rows\": 12, \"rows\": 12", "is no JSON"},
    {"\"split\": \"plain\"", "\"split\": 3", "targets[0].split: a text is expected"},
    {"\"alpha\": 0.05", "\"alpha\": \"0.05\"", "targets[0].alpha: a number or null"},
    {"\"alpha\": 0.05", "\"alpha\": 0.1", "digests.summary: is "},
    {"\"rows\": 12", "\"rows\": ", "is no JSON"},
    {NULL, NULL, NULL},
};

static void damaged(const char *text, const damage *d)
{
    const char *at = strstr(text, d->from);
    crm_str s = {0};
    crm_summary *back = NULL;

    T_CHECK(at != NULL);
    if (!at) return;
    crm_str_add(&s, text, (size_t)(at - text));
    crm_str_addf(&s, "%s%s", d->to, at + strlen(d->from));
    put_file(s.text, s.len);
    T_FAILS(crm_summary_read(path, &back), CRM_ERR_FORMAT, d->message);
    T_CHECK(back == NULL);
    crm_str_free(&s);
}

static void damage_is_found(void)
{
    crm_summary *s = sample();
    char *text = text_of(s);

    for (const damage *d = damages; d->from; d++)
        damaged(text, d);
    crm_mem_free(text);
    crm_summary_free(&s);
}

static void cut_and_empty(void)
{
    crm_summary *s = sample(), *back = NULL;
    char *text = text_of(s);

    put_file(text, strlen(text) / 2);
    T_FAILS(crm_summary_read(path, &back), CRM_ERR_FORMAT, "is no JSON");
    put_file("", 0);
    T_FAILS(crm_summary_read(path, &back), CRM_ERR_FORMAT, "is no JSON");
    put_file("[]", 2);
    T_FAILS(crm_summary_read(path, &back), CRM_ERR_FORMAT, "an object is expected");
    T_FAILS(crm_summary_read("/nonexistent/summary.json", &back), CRM_ERR_IO, "No such file");
    T_FAILS(crm_summary_read("/tmp", &back), CRM_ERR_IO, "is a folder");
    T_CHECK(back == NULL);
    crm_mem_free(text);
    crm_summary_free(&s);
}

static void no_utf8(void)
{
    crm_summary *s = sample();
    char *text = NULL;
    size_t len;

    s->target[0].class_name[0][0] = '\xff';
    T_FAILS(crm_summary_write(s, &text, &len), CRM_ERR_FORMAT, "is no UTF-8");
    T_CHECK(text == NULL);
    crm_summary_free(&s);
}

/* A file of a release that did not write split, test_over_train and alpha; its digest is from the
 * Python package xxhash (the script of docs/summary-format.md). */
static void older_file(void)
{
    static const char *const text =
        "{\"format\": 1, \"targets\": [{\"name\": \"churn\", \"level\": \"customer\", \"rows\": 3, "
        "\"folds\": 2, \"repeats\": 1, \"classes\": [\"no\", \"yes\"], \"models\": [], "
        "\"comparisons\": [], \"satisfaction\": null, \"notes\": []}], \"digests\": {"
        "\"data\": \"00000000000000000000000000000001\", "
        "\"folds\": \"00000000000000000000000000000002\", "
        "\"weights\": \"00000000000000000000000000000003\", "
        "\"predictions\": \"00000000000000000000000000000004\", "
        "\"summary\": \"1128ca070496a41508bb147d41b27b27\"}}\n";
    crm_summary *s = NULL;

    put_file(text, strlen(text));
    T_OK(crm_summary_read(path, &s));
    if (!s) return;
    T_CHECK(s->target[0].split == NULL && s->target[0].rows == 3);
    T_CHECK(isnan(s->target[0].alpha) && isnan(s->target[0].test_over_train));
    crm_summary_free(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"round trip", round_trip},
                                   {"satisfaction", satisfaction},
                                   {"known digest", known_digest},
                                   {"damage is found", damage_is_found},
                                   {"cut and empty files", cut_and_empty},
                                   {"text that is no UTF-8", no_utf8},
                                   {"older file", older_file},
                                   {NULL, NULL}};
    int fd = mkstemp(path), bad;

    if (fd < 0) return 1;
    close(fd);
    bad = t_main(argc, argv, cases);
    unlink(path);
    return bad;
}
