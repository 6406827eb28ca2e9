/* report_methods.c - which tests were made, what they mean, where the files are. */
#include <string.h>

#include "report_impl.h"

static const char *const tests =
    "All models see the same folds, and everything that is fitted (imputation, scaling, encoding, "
    "thresholds, weights) is fitted on the training part of a fold alone. With d_j the difference "
    "of the scores of two models on split j of J, d their mean and S^2 = sum (d_j - d)^2 / (J - 1):"
    "\n\n"
    "- **naive p**: paired t test, t = d / sqrt(S^2 / J), J - 1 degrees of freedom. The splits "
    "share "
    "training rows, so it rejects too often; it is printed beside and never decides.\n"
    "- **corrected p**: corrected resampled t test (Nadeau & Bengio 2003; repeated folds: "
    "Bouckaert & "
    "Frank 2004), t = d / sqrt((1/J + n2/n1) S^2), J - 1 degrees of freedom, n2/n1 = test rows / "
    "training rows of a split. k folds that are repeated r times are J = r k splits with n2/n1 = "
    "1/(k - 1).\n";

static const char *const after =
    "- **p after Holm**: the corrected p values of one metric, over all models compared with the "
    "reference, adjusted together (Holm 1979). This one decides.\n"
    "- **95 % interval** of a model's mean: mean -+ t(0.975, J - 1) sqrt((1/J + n2/n1) S^2) with S "
    "of "
    "the model's own scores. Two intervals that overlap do not say that two models are equal: the "
    "comparison is paired, the intervals are not.\n"
    "- **its 95 % interval**, of a difference: d -+ t(0.975, J - 1) sqrt((1/J + n2/n1) S^2), not "
    "adjusted for the number of comparisons.\n"
    "- p values are two-sided. A fold in which a metric is undefined is left out for that "
    "metric.\n\n";

static const char *const beside =
    "Beside the tests; none of it decides:\n\n"
    "- **size**: d / S (Cohen's d_z of the splits' differences; S counts splits that share rows, "
    "so "
    "it says how even the difference is over splits, not how many customers it is worth).\n"
    "- **won, tied, lost**: splits on which the reference is better, as good, worse.\n"
    "- **P worse, P equal, P better** of the reference: Bayesian correlated t test (Corani & "
    "Benavoli "
    "2015), the posterior of the mean difference below, within and above the rope, the region of "
    "differences that make no difference in practice.\n"
    "- **Wilcoxon p**: signed rank test on the splits' differences, exact up to 50; it takes the "
    "splits for independent, as the naive test does, and rejects too often.\n"
    "- **5x2cv t p, F p**: only for five repeats of two folds (Dietterich 1998; Alpaydin 1999).\n"
    "- **One hold-out**: McNemar's test on the rows that one of two models has right (exact "
    "binomial; chi2 with Edwards' continuity correction beside), Cochran's Q over all models, "
    "DeLong's "
    "test of two AUCs; p after Holm decides, over the models compared with the reference. They say "
    "what holds for these fitted models, not for the way to fit them: one training part was seen.\n"
    "- **Segments**: Friedman's test on the ranks of the models over the levels of a column, in "
    "the "
    "form of Iman & Davenport (1980); models whose mean ranks differ by more than the critical "
    "difference (Nemenyi, 0.05) differ. Segments of one data set were predicted by the same fits, "
    "so "
    "they are less independent than data sets.\n"
    "- **First repeat, all test parts together**: Wilson's interval of the accuracy; interval of "
    "the "
    "AUC by 2000 bootstrap resamples of the rows (BCa; DeLong's above 50,000 rows); curves; ten "
    "bins "
    "of equal width of the predicted probability, and the expected calibration error (ECE). The "
    "probabilities of different folds come from different fits. The intervals hold for new rows, "
    "not for new training parts, so they are narrower than those over folds.\n\n";

static const char *const heuristic =
    "For k-fold cross-validation the correction is a heuristic: it was derived for random splits, "
    "and no exact test is known.\n\n";

static const char *const verdicts =
    "## Reading the verdicts\n\n"
    "- **X better**, **X worse**: the p value after Holm is below the significance level alpha "
    "(above), and the mean difference is in that direction.\n"
    "- **no significant difference**: these data do not tell the two models apart. It is a result, "
    "and it does not say that they are equal.\n"
    "- **degenerate**: the difference is the same in all folds, so that the test has no "
    "statistic.\n"
    "- **too few folds**: fewer than two folds in which the metric is defined.\n"
    "- **upper bound**: the oracle predicts with the true probabilities of synthetic data; no "
    "model "
    "can be better but by chance.\n\n";

static const char *const files = "## Files\n\n"
                                 "| file | holds |\n|---|---|\n"
                                 "| `summary.json` | these results for scripts |\n";
static const char *const figures[] = {
    "| `report.svg`, `roc.svg`, `pr.svg`, `calibration.svg` | the figures |\n",
    "| `report.svg` | the figure |\n"};
static const char *const predictions[] = {
    "| `predictions.h5` | row ids, folds and probabilities of each model |\n",
    "| `predictions.conll` | words of the test parts, their tag, the tag of each model |\n"};
static const char *const run_files =
    "| `config.yaml` | effective configuration, each value with its origin |\n"
    "| `metrics.jsonl` | loss and score of each epoch |\n"
    "| `models/` | each model fitted on all rows, for `crmpi predict` |\n"
    "| `timing.md` | what each model costs, how it can be read (times are not reproducible) |\n"
    "| `run.json` | versions, hosts, times (not reproducible) |\n";

/* "stratified folds", "folds from a file", "hold-out" */
static void add_split(const char *split, crm_str *out)
{
    if (strcmp(split, "holdout") == 0) {
        crm_str_addf(out, "hold-out");
    } else if (strcmp(split, "file") == 0) {
        crm_str_addf(out, "folds from a file");
    } else {
        crm_report_escape(split, out);
        crm_str_addf(out, " folds");
    }
}

/* What the tests of each target went by; summaries of older releases do not hold it. */
static void add_splits(const crm_summary *s, crm_str *out)
{
    char number[REPORT_CELL];

    for (int i = 0; i < s->n_targets; i++) {
        const crm_sum_target *t = &s->target[i];
        if (!t->split) continue;
        crm_str_addf(out, "Target ");
        crm_report_escape(t->name, out);
        crm_str_addf(out, ": ");
        add_split(t->split, out);
        crm_str_addf(out, ", n2/n1 = %s", crm_report_score(t->test_over_train, number));
        crm_str_addf(out, ", significance level alpha = %.6g.\n\n", t->alpha);
    }
}

static bool has_folds(const crm_summary *s)
{
    for (int i = 0; i < s->n_targets; i++)
        if (s->target[i].folds > 1) return true;
    return false;
}

bool crm_report_is_joint(const crm_summary *s)
{
    return crm_digest_equal(s->weights, (crm_digest){0});
}

void crm_report_methods(const crm_summary *s, crm_str *out)
{
    const bool spans = s->n_targets > 0 && crm_report_is_of_spans(&s->target[0]);

    crm_str_addf(out, "## Methods\n\n%s%s%s", tests, after, crm_report_has_beside(s) ? beside : "");
    add_splits(s, out);
    crm_str_addf(out, "%s%s%s%s", has_folds(s) ? heuristic : "", verdicts, files, figures[spans]);
    if (!crm_report_is_joint(s)) crm_str_addf(out, "%s%s", predictions[spans], run_files);
    crm_str_addf(out, "\n");
}
