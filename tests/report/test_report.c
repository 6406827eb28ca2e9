/* test_report.c - the report of a summary written by hand.  The expected texts were written and
 * checked by a reader: means, class scores (precision 10/11, recall 10/12, F1 20/23 ...) and p
 * values follow from the numbers in report_sample.h. */
#include "crm_test.h"
#include "crmpi/base_str.h"
#include "crmpi/report.h"
#include "report_sample.h"

static const char *const golden =
    "Target churn (customer): 16 rows, 2 folds x 1 repeat; 2 classes: no 12, a|b 4\n"
    "\n"
    "accuracy (higher is better; difference = hybrid - model)\n"
    "model     mean     95 % interval     diff  p naive  p corr.  p Holm  verdict\n"
    "hybrid  0.8125  [0.7500, 0.8750]        -        -        -       -  reference\n"
    "rule    0.6250  [0.5625, 0.6875]  +0.1875  <0.0001   0.0040  0.0080  hybrid better\n"
    "oracle  0.9375  [0.8750, 1.0000]        -        -        -       -  upper bound\n"
    "\n"
    "log_loss (lower is better; difference = hybrid - model)\n"
    "model     mean  95 % interval    diff  p naive  p corr.  p Holm  verdict\n"
    "hybrid  0.3750              -       -        -        -       -  reference\n"
    "rule    0.3750              -  0.0000   0.0078   0.5000  1.0000  no significant difference\n"
    "oracle  0.3750              -       -        -        -       -  upper bound\n"
    "\n"
    "Satisfaction of 40 customers asked before and after the measure: 3.0000, then 3.5000; change\n"
    "  +0.5000, 95 % interval [0.2500, 0.7500] (+16.67 %, 95 % interval [8.25, 25.00]), p "
    "<0.0001.\n"
    "Against 30 customers without the measure (change +0.1250): effect +0.3750, 95 % interval "
    "[-0.1250,\n"
    "  0.8750], p 0.0625.\n"
    "note: A note that is so long that it does not fit on one line of a terminal, and is therefore "
    "broken\n"
    "      between two words.\n"
    "digests: data 0123456789ab, folds 0123456789ab, weights 0123456789ab, predictions "
    "0123456789ab,\n"
    "         summary 0123456789ab\n";

/* Longest line in characters (UTF-8). */
static int widest(const char *text)
{
    int most = 0, n = 0;

    for (; *text; text++) {
        n = *text == '\n' ? 0 : n + (((unsigned char)*text & 0xC0) != 0x80);
        if (n > most) most = n;
    }
    return most;
}

static void terminal(void)
{
    crm_summary *s = sample_new();
    crm_str out = {0};

    crm_report_terminal(s, &out);
    T_CHECK(!out.failed && out.text && strcmp(out.text, golden) == 0);
    if (out.text && strcmp(out.text, golden) != 0) fprintf(stderr, "%s", out.text);
    T_CHECK(out.text && strstr(out.text, "auc") == NULL); /* undefined everywhere */
    crm_str_free(&out);
    crm_summary_free(&s);
}

static void rename_text(char **text, const char *name)
{
    crm_mem_free(*text);
    *text = copy(name);
}

/* Names as long as one likes, from other alphabets, with control characters. */
static void long_names(void)
{
    static const char *const name = "hybrid-with-a-suffix-that-nobody-can-read-at-a-glance";
    crm_summary *s = sample_new();
    crm_sum_target *t = s->target;
    crm_str out = {0};

    rename_text(&t->model[1].name, name);
    rename_text(&t->comparison[0].a, name);
    rename_text(&t->model[2].name, "naive_bayes");
    rename_text(&t->comparison[0].b, "naive_bayes");
    rename_text(&t->class_name[0], "\xd0\xbd\xd0\xb5\xd1\x82\x1b[31m");
    crm_report_terminal(s, &out);
    T_CHECK(out.text && widest(out.text) <= 100);
    T_CHECK(out.text && strstr(out.text, name) && strstr(out.text, "naive_bayes"));
    T_CHECK(out.text && strchr(out.text, '\x1b') == NULL && strstr(out.text, "\xd0\xbd"));
    crm_str_free(&out);
    crm_summary_free(&s);
}

static void has(const crm_str *out, const char *part)
{
    if (out->text && strstr(out->text, part)) return;
    t_fail(__FILE__, __LINE__, "the text holds the part");
    fprintf(stderr, "#   missing: %s\n", part);
}

static void markdown(void)
{
    crm_summary *s = sample_new();
    crm_str out = {0};

    crm_report_markdown(s, &out);
    has(&out, "16 rows, 2 folds x 1 repeat; 2 classes: no 12, a\\|b 4.\n");
    has(&out,
        "| rule | 0.6250 | \\[0.5625, 0.6875\\] | +0.1875 | \\[0.0625, 0.3125\\] | &lt;0.0001 "
        "| 0.0040 | 0.0080 | hybrid better |\n");
    has(&out, "**hybrid**\n\n| true \\\\ predicted | no | a\\|b |\n|---|---:|---:|\n"
              "| no | 10 | 2 |\n| a\\|b | 1 | 3 |\n");
    has(&out, "| no | 0.9091 | 0.8333 | 0.8696 | 12 | 11 |\n"
              "| a\\|b | 0.6000 | 0.7500 | 0.6667 | 4 | 5 |\n");
    has(&out, "| fold | hybrid | rule | oracle |\n|---|---:|---:|---:|\n"
              "| 1.1 | 0.7500 | 0.5000 | 0.8750 |\n| 1.2 | 0.8750 | 0.7500 | 1.0000 |\n");
    has(&out,
        "\n\nTarget churn: stratified folds, n2/n1 = 1.0000, significance level alpha = 0.01.\n\n");
    T_CHECK(out.text && strstr(out.text, "alpha = 0.05") == NULL);
    has(&out, "Beside the tests (rope 0.0625):\n\n"
              "| model | size | won, tied, lost | P worse | P equal | P better | Wilcoxon p |\n"
              "|---|---:|---:|---:|---:|---:|---:|\n"
              "| rule | +1.5000 | 2, 0, 0 | 0.1250 | 0.2500 | 0.6250 | 0.5000 |\n");
    has(&out, "### First repeat, all test parts together\n\n");
    has(&out,
        "| hybrid | 16 | 13 | 0.8125 | \\[0.5625, 0.9375\\] | 0.8750 | \\[0.6250, 0.9688\\] | "
        "bootstrap | 0.1250 |\n");
    has(&out, "![ROC curves](roc.svg)");
    T_CHECK(out.text && !strstr(out.text, "5x2cv t p |") && !strstr(out.text, "### One hold-out"));
    T_CHECK(out.text && !strstr(out.text, "### Segments"));
    has(&out, "the correction is a heuristic");
    has(&out, "| data | `0123456789abcdeffedcba9876543210` |\n");
    has(&out, "](report.svg)");
    T_CHECK(out.text && strstr(out.text, "### auc") == NULL && strstr(out.text, "nan") == NULL);
    crm_str_free(&out);
    crm_summary_free(&s);
}

/* A hold-out: no word of folds; counts are those of tested rows. */
static void hold_out(void)
{
    crm_summary *s = sample_new();
    crm_str out = {0};

    s->target->folds = 1;
    s->target->rows = 80;
    rename_text(&s->target->split, "holdout");
    s->target->test_over_train = 0.25;
    crm_report_markdown(s, &out);
    has(&out, "80 rows, 1 hold-out; 2 classes, tested rows: no 12, a\\|b 4.\n");
    T_CHECK(out.text && strstr(out.text, "heuristic") == NULL);
    has(&out, "Target churn: hold-out, n2/n1 = 0.2500, significance");
    crm_str_free(&out);
    crm_summary_free(&s);
}

/* What decides on one hold-out, and ranks over segments, in both forms. */
static void holdout_and_segments(void)
{
    crm_summary *s = sample_new();
    crm_str out = {0}, markdown = {0};

    add_holdout(&s->target->holdout);
    add_segments(&s->target->segments);
    s->target->comparison[0].t5x2_p = 0.0625;
    crm_report_terminal(s, &out);
    has(&out,
        "\nOne hold-out of 16 rows; do the 2 models have equally many right? Cochran's Q 2.2500, 1 "
        "df, "
        "p\n  0.1250.\n"
        "hybrid against rule: right alone 6 and 1, McNemar's exact p after Holm 0.2500: no "
        "significant\n"
        "  difference; AUC +0.2500, DeLong's p after Holm 0.0004: hybrid better\n"
        "Do the models rank alike over segments of ci*ty (Iman-Davenport)? accuracy p 0.6250 (1 "
        "segment)\n");
    T_CHECK(out.text && widest(out.text) <= 100);
    crm_report_markdown(s, &markdown);
    has(&markdown, "| rule | 6 | 1 | 0.1094 | 0.1250 | 0.2500 | no significant difference |\n");
    has(&markdown,
        "| rule | 0.6250 | +0.2500 | \\[0.1250, 0.3750\\] | 0.0002 | 0.0004 | hybrid better "
        "|\n");
    has(&markdown, "### Segments of ci\\*ty\n");
    has(&markdown, "| accuracy | 1 | 1.2500 | 1.7500 | 0.5000 | 0.6250 | 1.3750 |\n");
    has(&markdown, "| Oslo | 10 | 0.7500 | 0.5000 |\n| Nar\\|vik | 6 | - | - |\n");
    has(&markdown, "| 0.6250 | 0.5000 | 0.0625 | - |\n"); /* 5x2cv t p, F p */
    T_CHECK(markdown.text && !strstr(markdown.text, "nan"));
    crm_str_free(&out);
    crm_str_free(&markdown);
    crm_summary_free(&s);
}

static void degenerate_words(void)
{
    crm_summary *s = sample_new();
    crm_sum_comparison *c = s->target->comparison;
    crm_str out = {0};

    rename_text(&c[0].verdict, "degenerate");
    rename_text(&c[1].verdict, "worse");
    c[0].corrected.p = (double)NAN;
    c[1].corrected.p = 1e-300;
    c[1].mean_diff = -0.00001;
    crm_report_terminal(s, &out);
    has(&out, "+0.1875  <0.0001        -  0.0080  degenerate\n");
    has(&out, "0.0000   0.0078  <0.0001  1.0000  hybrid worse\n");
    crm_str_free(&out);
    crm_summary_free(&s);
}

/* Nothing to compare, no counts, no targets. */
static void sparse(void)
{
    crm_summary *s = sample_new(), none = {0};
    crm_str out = {0};

    s->target->n_comparisons = 0;
    crm_mem_free(s->target->model[0].confusion);
    s->target->model[0].confusion = NULL;
    s->target->lift.present = false;
    crm_mem_free(s->target->split);
    s->target->split = NULL;
    crm_report_terminal(s, &out);
    has(&out, "2 folds x 1 repeat; 2 classes\n\naccuracy (higher is better)\n");
    has(&out, "hybrid  0.8125  [0.7500, 0.8750]     -        -        -       -  -\n");
    T_CHECK(out.text && strstr(out.text, "Satisfaction") == NULL);
    crm_report_markdown(s, &out);
    T_CHECK(out.text && strstr(out.text, "n2/n1 = 0") == NULL);
    crm_report_svg(s, &out);
    crm_report_terminal(&none, &out);
    crm_report_markdown(&none, &out);
    crm_report_svg(&none, &out);
    T_CHECK(!out.failed);
    s->target->n_comparisons = 2;
    crm_str_free(&out);
    crm_summary_free(&s);
}

/* Accuracy goes from 0.5625 to 1: ticks 0.5, 0.6 .. 1 over 560 points from 170 on, so that the
 * hybrid's mean stands at 170 + 560 (0.8125 - 0.5) / 0.5 = 520 and its line from 450 to 590. */
static void figure(void)
{
    crm_summary *s = sample_new();
    crm_str out = {0}, again = {0};

    rename_text(&s->target->name, "a<b");
    crm_report_svg(s, &out);
    crm_report_svg(s, &again);
    T_CHECK(out.text && again.text && strcmp(out.text, again.text) == 0);
    has(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    has(&out, "a&#60;b");
    has(&out, ">0.5000</text>");
    has(&out, "<line x1=\"450.0\" y1=\"75.0\" x2=\"590.0\" y2=\"75.0\"");
    has(&out, "<circle cx=\"520.0\" cy=\"75.0\"");
    T_CHECK(out.text && strcmp(out.text + out.len - 7, "</svg>\n") == 0);
    T_CHECK(out.text && strstr(out.text, "nan") == NULL);
    crm_str_free(&out);
    crm_str_free(&again);
    crm_summary_free(&s);
}

/* The square goes from 60 to 460 and from 44 to 444, so that tp 2 of 4 and fp 0 of 12 stand at 60,
 * 244; precision is 1 up to recall 0.5, 0.5 up to 0.75, 0.25 up to 1; a bin with mean 0.25 and 1
 * hit of 12 stands at 160, 444 - 400 / 12. */
static void curves(void)
{
    crm_summary *s = sample_new();
    crm_str roc = {0}, pr = {0}, calibration = {0};

    crm_report_roc(s, &roc);
    has(&roc, " points=\"60.0,444.0 60.0,244.0 160.0,144.0 460.0,44.0\"/>");
    has(&roc, ">churn: ROC curves of class a|b</text>");
    has(&roc, "font-weight=\"bold\">hybrid, AUC 0.8750</text>");
    has(&roc, "height=\"490\"");
    crm_report_pr(s, &pr);
    has(&pr, " points=\"60.0,44.0 260.0,44.0 260.0,244.0 360.0,244.0 360.0,344.0 460.0,344.0\"/>");
    crm_report_calibration(s, &calibration);
    has(&calibration, " points=\"160.0,410.7 360.0,144.0\"/>");
    has(&calibration, "<circle cx=\"160.0\" cy=\"410.7\"");
    has(&calibration, ">hybrid, ECE 0.1250</text>");
    T_CHECK(!strstr(roc.text, "nan") && !strstr(pr.text, "nan") &&
            !strstr(calibration.text, "nan"));
    s->target->model[1].pooled.present = false;
    crm_str_free(&roc);
    crm_report_roc(s, &roc);
    has(&roc, "The summary has no curves.");
    crm_str_free(&roc);
    crm_str_free(&pr);
    crm_str_free(&calibration);
    crm_summary_free(&s);
}

/* A target of tokens: the classes are types of spans and "none".  Counts by hand: of 13 spans of
 * type no, 10 are right, 2 were taken for the other type and 1 was missed; 4 were found where there
 * are none. */
static void spans(void)
{
    static const int64_t confusion[] = {10, 2, 1, 0, 4, 1, 3, 1, 0};
    crm_summary *s = sample_new();
    crm_sum_target *t = s->target;
    crm_sum_model *m = &t->model[1];
    crm_str out = {0}, text = {0};

    rename_text(&t->level, "token");
    rename_text(&m->metric[0].name, "f1");
    crm_mem_free(t->class_name[0]);
    crm_mem_free(t->class_name[1]);
    crm_mem_free(t->class_name);
    t->class_name = crm_mem_new(3, sizeof *t->class_name);
    t->class_name[0] = copy("no");
    t->class_name[1] = copy("a|b");
    t->class_name[2] = copy("none");
    t->n_classes = 3;
    t->n_models = 2; /* the third one is freed below */
    for (int i = 0; i < 2; i++) {
        crm_mem_free(t->model[i].confusion);
        t->model[i].confusion = NULL;
    }
    m->confusion = crm_mem_new(9, sizeof *m->confusion);
    memcpy(m->confusion, confusion, sizeof confusion);
    m->tokens = 80;
    m->pooled.present = false;
    m->tokens_right = 60;
    crm_report_markdown(s, &out);
    has(&out, "| type | spans | found | right | precision | recall | F1 |\n"
              "|---|---:|---:|---:|---:|---:|---:|\n"
              "| no | 13 | 13 | 10 | 0.7692 | 0.7692 | 0.7692 |\n"
              "| a\\|b | 5 | 7 | 4 | 0.5714 | 0.8000 | 0.6667 |\n"
              "| all | 18 | 20 | 14 | 0.7000 | 0.7778 | 0.7368 |\n");
    has(&out, "Tokens with the right tag: 60 of 80 (75.00 %).");
    has(&out, "| no | 10 | 2 | 1 |\n| a\\|b | 0 | 4 | 1 |\n| none | 3 | 1 | 0 |\n");
    has(&out, "### f1\n");
    has(&out, "| `predictions.conll` |");
    T_CHECK(out.text && !strstr(out.text, "nan") && !strstr(out.text, "roc.svg"));
    crm_report_terminal(s, &text);
    has(&text, "all      18     20     14     0.7000  0.7778  0.7368\n");
    T_CHECK(text.text && widest(text.text) <= 100);
    t->n_models = 3;
    crm_str_free(&out);
    crm_str_free(&text);
    crm_summary_free(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"terminal", terminal},
                                   {"long names", long_names},
                                   {"Markdown", markdown},
                                   {"hold-out", hold_out},
                                   {"verdicts and small numbers", degenerate_words},
                                   {"little to report", sparse},
                                   {"one hold-out and segments", holdout_and_segments},
                                   {"spans of tokens", spans},
                                   {"figure", figure},
                                   {"curves", curves},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
