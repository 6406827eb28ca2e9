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

static double *reals(int n, const double *from)
{
    double *v = crm_mem_new((size_t)n, sizeof *v);

    memcpy(v, from, (size_t)n * sizeof *v);
    return v;
}

static int64_t *counts(int n, const int64_t *from)
{
    int64_t *v = crm_mem_new((size_t)n, sizeof *v);

    memcpy(v, from, (size_t)n * sizeof *v);
    return v;
}

static char **texts(int n, const char *const *from)
{
    char **v = crm_mem_new((size_t)n, sizeof *v);

    for (int i = 0; i < n; i++)
        v[i] = copy(from[i]);
    return v;
}

static void make_pooled(crm_sum_pooled *p)
{
    *p = (crm_sum_pooled){.present = true, .rows = 12, .right = 9, .accuracy = 0.75, .auc = 0.875};
    p->accuracy_ci[0] = 0.5;
    p->accuracy_ci[1] = 1;
    p->auc_ci[0] = p->auc_ci[1] = (double)NAN;
    p->auc_ci_method = copy("bootstrap");
    p->n_curves = 1;
    p->curve = crm_mem_new(1, sizeof *p->curve);
    *p->curve = (crm_sum_curve){.class_name = copy("yes"), .positives = 6, .negatives = 5, .n = 3};
    p->curve->threshold = reals(3, (double[]){(double)NAN, 0.5, 0.25});
    p->curve->tp = counts(3, (int64_t[]){0, 2, 6});
    p->curve->fp = counts(3, (int64_t[]){0, 1, 5});
    p->calibration = (crm_sum_calibration){.n = 2, .ece = 0.125};
    p->calibration.rows = counts(2, (int64_t[]){11, 0});
    p->calibration.hits = counts(2, (int64_t[]){6, 0});
    p->calibration.mean = reals(2, (double[]){0.375, (double)NAN});
}

static void make_holdout(crm_sum_holdout *h)
{
    *h = (crm_sum_holdout){.present = true, .rows = 12, .q = 3, .q_df = 1, .q_p = 0.0625, .n = 2};
    h->pair = crm_mem_new(2, sizeof *h->pair);
    for (int i = 0; i < 2; i++) {
        h->pair[i] = (crm_sum_holdout_pair){.a = copy("hybrid"), .b = copy(i ? "tree" : "rule")};
        h->pair[i].only_a = 7 + i;
        h->pair[i].only_b = 2;
        h->pair[i].chi2_corrected = 1.5;
        h->pair[i].p_corrected = 0.25;
        h->pair[i].p_exact = 0.125;
        h->pair[i].p_exact_holm = 0.25;
        h->pair[i].verdict = copy("no significant difference");
    }
    h->pair[0].has_auc = true;
    h->pair[0].auc_a = 0.875;
    h->pair[0].auc_b = 0.75;
    h->pair[0].diff = 0.125;
    h->pair[0].ci[0] = -0.25;
    h->pair[0].ci[1] = 0.5;
    h->pair[0].z = 2;
    h->pair[0].p = 0.03125;
    h->pair[0].p_holm = 0.0625;
    h->pair[0].auc_verdict = copy("better");
}

static void make_segments(crm_sum_segments *s)
{
    *s = (crm_sum_segments){.column = copy("city"), .n_models = 2, .n_levels = 3, .n_tests = 1};
    s->model = texts(2, (const char *const[]){"hybrid", "rule"});
    s->level = texts(3, (const char *const[]){"Oslo", "Bod\xc3\xb8", "Narvik"});
    s->rows = counts(3, (int64_t[]){6, 5, 1});
    s->test = crm_mem_new(1, sizeof *s->test);
    *s->test = (crm_sum_segment_test){.metric = copy("auc"), .used = 2, .chi2 = 2, .chi2_df = 1};
    s->test->chi2_p = 0.15625;
    s->test->f_df1 = s->test->f_df2 = 1;
    s->test->f_p = 0.5;
    s->test->cd = 1.375;
    s->test->score = reals(6, (double[]){0.75, 0.875, (double)NAN, 0.5, 0.625, (double)NAN});
    s->test->mean_rank = reals(2, (double[]){1, 2});
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
    c->rope = 0.01;
    c->worse = 0.625;
    c->in_rope = 0.125;
    c->better = 0.25;
    c->effect = -0.5;
    c->wins = 1;
    c->losses = 3;
    c->wilcoxon_p = 0.375;
    c->t5x2 = -1.25;
    c->t5x2_p = 0.3125;
    c->f5x2 = c->f5x2_p = none;
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
    make_pooled(&t->model[1].pooled);
    make_holdout(&t->holdout);
    make_segments(&t->segments);
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

static void check_pooled(const crm_sum_pooled *p)
{
    T_CHECK(p->present && p->rows == 12 && p->right == 9 && p->accuracy_ci[0] == 0.5);
    T_CHECK(p->auc == 0.875 && isnan(p->auc_ci[1]) && strcmp(p->auc_ci_method, "bootstrap") == 0);
    T_CHECK(p->n_curves == 1 && p->curve->n == 3 && strcmp(p->curve->class_name, "yes") == 0);
    T_CHECK(isnan(p->curve->threshold[0]) && p->curve->threshold[2] == 0.25);
    T_CHECK(p->curve->tp[1] == 2 && p->curve->fp[2] == 5 && p->curve->negatives == 5);
    T_CHECK(p->calibration.n == 2 && p->calibration.ece == 0.125 && p->calibration.rows[0] == 11);
    T_CHECK(p->calibration.hits[0] == 6 && isnan(p->calibration.mean[1]));
}

static void check_beside(const crm_sum_target *t)
{
    const crm_sum_comparison *c = &t->comparison[0];
    const crm_sum_holdout *h = &t->holdout;
    const crm_sum_segments *s = &t->segments;

    T_CHECK(c->rope == 0.01 && c->worse == 0.625 && c->in_rope == 0.125 && c->better == 0.25);
    T_CHECK(c->effect == -0.5 && c->wins == 1 && c->ties == 0 && c->losses == 3);
    T_CHECK(c->wilcoxon_p == 0.375 && c->t5x2 == -1.25 && c->t5x2_p == 0.3125 && isnan(c->f5x2_p));
    T_CHECK(h->present && h->rows == 12 && h->n == 2 && h->q_p == 0.0625);
    T_CHECK(h->pair[1].only_a == 8 && h->pair[1].p_exact_holm == 0.25 && !h->pair[1].has_auc);
    T_CHECK(h->pair[0].has_auc && h->pair[0].ci[1] == 0.5 && h->pair[0].p_holm == 0.0625);
    T_CHECK(strcmp(h->pair[0].auc_verdict, "better") == 0 && strcmp(h->pair[1].b, "tree") == 0);
    T_CHECK(strcmp(s->column, "city") == 0 && s->n_levels == 3 && s->rows[1] == 5);
    T_CHECK(strcmp(s->level[1], "Bod\xc3\xb8") == 0 && strcmp(s->model[1], "rule") == 0);
    T_CHECK(s->n_tests == 1 && s->test->used == 2 && isnan(s->test->score[5]));
    T_CHECK(s->test->score[4] == 0.625 && s->test->mean_rank[1] == 2 && s->test->cd == 1.375);
    T_CHECK(s->test->f_p == 0.5 && s->test->chi2_p == 0.15625);
}

static void round_trip(void)
{
    crm_summary *s = sample(), *back = NULL;
    char *text = text_of(s), *again = NULL;

    put_file(text, strlen(text));
    T_OK(crm_summary_read(path, &back));
    if (back) {
        check_numbers(back);
        check_pooled(&back->target[0].model[1].pooled);
        check_beside(&back->target[0]);
        T_CHECK(!back->target[0].model[0].pooled.present);
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
    l->relative = 16.5;
    l->relative_ci[0] = -1.5;
    l->relative_ci[1] = (double)NAN;
    l->control_diff = (double)NAN;
    l->effect_p = 0.0625;
    text = text_of(s);
    put_file(text, strlen(text));
    T_OK(crm_summary_read(path, &back));
    if (back) {
        l = &back->target[0].lift;
        T_CHECK(l->present && l->treated == 40 && l->control == 30 && l->after == 3.5);
        T_CHECK(l->ci[1] == 0.625 && isnan(l->control_diff) && l->effect_p == 0.0625);
        T_CHECK(l->relative == 16.5 && l->relative_ci[0] == -1.5 && isnan(l->relative_ci[1]));
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
    T_CHECK(strcmp(crm_digest_hex(s->summary, hex), "e3cec6ef99cd1c62d3d0471552082892") == 0);
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
    {"\"tp\": [0, 2, 6]", "\"tp\": [0, 2]",
     "targets[0].models[1].pooled.curves[0].tp: a list as long as the one beside it"},
    {"\"hits\": [6, 0]", "\"hits\": [6, -1]", "models[1].pooled.calibration.hits[1]: a count"},
    {"\"wins\": 1", "\"wins\": null", "comparisons[0].effect.wins: a count"},
    {"\"bayes\": {", "\"bayes\": 1, \"bay\": {", "comparisons[0].bayes: an object is expected"},
    {"[0.75, 0.875, null]", "[0.75, 0.875]",
     "targets[0].segments.tests[0].scores[0]: a list with a score for each level"},
    {"\"p_exact\": 0.125", "\"p_exact\": []", "holdout.comparisons[0].mcnemar.p_exact: a number"},
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

/* A file of a release that did not write split, test_over_train and alpha, nor what stands beside
 * the tests; its digest is from the Python package xxhash (the script of docs/summary-format.md).
 */
static void older_file(void)
{
    static const char *const text =
        "{\"format\": 1, \"targets\": [{\"name\": \"churn\", \"level\": \"customer\", \"rows\": 3, "
        "\"folds\": 2, \"repeats\": 1, \"classes\": [\"no\", \"yes\"], \"models\": ["
        "{\"name\": \"rule\", \"metrics\": {}, \"confusion\": null}], \"comparisons\": ["
        "{\"a\": \"tree\", \"b\": \"rule\", \"metric\": \"f1\", \"mean_diff\": 0.5, \"dropped\": "
        "0, "
        "\"naive\": {\"t\": 2, \"df\": 1, \"p\": 0.25}, \"corrected\": {\"t\": 1, \"df\": 1, "
        "\"p\": 0.5, \"p_holm\": 0.5, \"ci95\": [0, 1]}, \"verdict\": \"better\"}], "
        "\"satisfaction\": {\"treated\": 4, \"control\": 0, \"before\": 3, \"after\": 4, \"diff\": "
        "1, "
        "\"ci95\": [0, 2], \"p\": 0.125, \"control_diff\": null, \"effect\": null, "
        "\"effect_ci95\": [null, null], \"effect_p\": null}, \"notes\": []}], \"digests\": {"
        "\"data\": \"00000000000000000000000000000001\", "
        "\"folds\": \"00000000000000000000000000000002\", "
        "\"weights\": \"00000000000000000000000000000003\", "
        "\"predictions\": \"00000000000000000000000000000004\", "
        "\"summary\": \"74aa640a50e804fbd1001e095b8e052c\"}}\n";
    crm_summary *s = NULL;

    put_file(text, strlen(text));
    T_OK(crm_summary_read(path, &s));
    if (!s) return;
    T_CHECK(s->target[0].split == NULL && s->target[0].rows == 3);
    T_CHECK(isnan(s->target[0].alpha) && isnan(s->target[0].test_over_train));
    T_CHECK(!s->target[0].model[0].pooled.present && !s->target[0].holdout.present);
    T_CHECK(!s->target[0].segments.column && isnan(s->target[0].lift.relative));
    T_CHECK(isnan(s->target[0].lift.relative_ci[0]) && s->target[0].lift.diff == 1);
    T_CHECK(isnan(s->target[0].comparison[0].rope) && s->target[0].comparison[0].wins == -1);
    T_CHECK(isnan(s->target[0].comparison[0].wilcoxon_p) &&
            isnan(s->target[0].comparison[0].f5x2_p));
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
