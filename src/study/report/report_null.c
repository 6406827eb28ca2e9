/* report_null.c - null experiments as text for people. */
#include <math.h>
#include <string.h>

#include "crmpi/report.h"
#include "report_impl.h"

/* Whether any two models have the same expected score on labels without signal. */
static bool equal_in_expectation(const crm_null *n)
{
    return strcmp(n->metric, "auc") == 0 ||
           (strcmp(n->metric, "accuracy") == 0 && strcmp(n->labels, "balanced") == 0);
}

static void facts(const crm_null *n, crm_str *out)
{
    crm_str_addf(out,
                 "%lld experiments without a difference: %s against %s by %s, target %s with %s "
                 "labels, %lld rows, ",
                 (long long)n->replicates, n->a, n->b, n->metric, n->target, n->labels,
                 (long long)n->rows);
    if (n->folds == 1)
        crm_str_addf(out, "%d hold-out%s", n->repeats, n->repeats == 1 ? "" : "s");
    else
        crm_str_addf(out, "%d folds x %d repeat%s (%s)", n->folds, n->repeats,
                     n->repeats == 1 ? "" : "s", n->split);
    crm_str_addf(out, ".  A test with a level of %g should reject in at most that part of them.",
                 n->alpha);
    if (isfinite(n->mean_diff) && n->n_tests > 0)
        crm_str_addf(out, "  Mean difference over all of them %+.4g, standard error %.2g.",
                     n->mean_diff, n->se_diff);
    if (!equal_in_expectation(n))
        crm_str_addf(
            out,
            "  By %s with %s labels, models that learnt nothing need not score alike (one "
            "that keeps to the larger class has more right), so that a rejection may be no "
            "error: read the rates as upper bounds, or take auc, or accuracy with "
            "balanced labels.",
            n->metric, n->labels);
    if (n->constant > 0)
        crm_str_addf(out,
                     "  In %lld experiments both models had the same score in every fold: models "
                     "that predict one class cannot show how a test errs.",
                     (long long)n->constant);
    if (n->n_tests == 0)
        crm_str_addf(out,
                     "  No test has an answer: %s is defined in fewer than two folds of an "
                     "experiment.",
                     n->metric);
}

/* The rate is told apart from the level when its interval lies beside it. */
static const char *verdict(const crm_null *n, const crm_null_test *t)
{
    if (t->n == 0) return "no answer";
    if (t->ci95[0] > n->alpha) return "rejects too often";
    return t->ci95[1] < n->alpha ? "conservative" : "holds its level";
}

static void fill(const crm_null *n, report_table *out)
{
    static const char *const head[] = {"test", "rejected",      "of",
                                       "rate", "95 % interval", "verdict"};
    char text[REPORT_CELL];

    *out = (report_table){.columns = 6, .last_left = true};
    for (int i = 0; i < 6; i++)
        crm_report_cell(out, "%s", head[i]);
    for (int i = 0; i < n->n_tests; i++) {
        const crm_null_test *t = &n->test[i];
        crm_report_cell(out, "%s", t->name);
        crm_report_cell(out, "%lld", (long long)t->rejected);
        crm_report_cell(out, "%lld", (long long)t->n);
        crm_report_cell(out, "%s", crm_report_score(t->rate, text));
        crm_report_cell(out, "%s", crm_report_interval(t->ci95, text));
        crm_report_cell(out, "%s", verdict(n, t));
    }
}

static void join(crm_str *text, bool markdown, crm_str *out)
{
    if (text->failed) out->failed = true;
    if (text->text && markdown)
        crm_report_escape(text->text, out);
    else if (text->text)
        crm_report_wrap(text->text, 0, out);
    crm_str_free(text);
}

void crm_report_null_terminal(const crm_null *n, crm_str *out)
{
    report_table table;
    crm_str text = {0};

    facts(n, &text);
    join(&text, false, out);
    crm_str_addf(out, "\n");
    fill(n, &table);
    crm_report_table_text(&table, out);
    crm_report_table_free(&table);
}

void crm_report_null_markdown(const crm_null *n, crm_str *out)
{
    report_table table;
    crm_str text = {0};

    crm_str_addf(out, "# How often tests reject when there is no difference\n\n");
    facts(n, &text);
    join(&text, true, out);
    crm_str_addf(out, "\n\n");
    fill(n, &table);
    crm_report_table_markdown(&table, out);
    crm_report_table_free(&table);
}
