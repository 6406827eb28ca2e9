/* report_markdown.c - the report as Markdown. */
#include "report_impl.h"

static void add_escaped(crm_str *text, crm_str *out)
{
    if (text->failed) out->failed = true;
    if (text->text) crm_report_escape(text->text, out);
    crm_str_free(text);
}

static void add_metric(const crm_sum_target *t, const char *metric, crm_str *out)
{
    report_table table;
    crm_str caption = {0};

    crm_str_addf(out, "### %s\n\n", metric);
    crm_report_caption(t, metric, &caption);
    add_escaped(&caption, out);
    crm_str_addf(out, ".\n\n");
    crm_report_metric_table(t, metric, true, &table);
    crm_report_table_markdown(&table, out);
    crm_report_table_free(&table);
    crm_report_beside(t, metric, out);
}

static void add_lift(const crm_sum_target *t, crm_str *out)
{
    crm_str line[2] = {{0}, {0}};
    int n = crm_report_lift(&t->lift, line);

    if (n) crm_str_addf(out, "### Satisfaction\n\n");
    for (int i = 0; i < n; i++) {
        add_escaped(&line[i], out);
        crm_str_addf(out, "\n\n");
    }
}

static void add_notes(const crm_sum_target *t, crm_str *out)
{
    if (t->n_notes) crm_str_addf(out, "### Notes\n\n");
    for (int i = 0; i < t->n_notes; i++) {
        crm_str_addf(out, "- ");
        crm_report_escape(t->note[i], out);
        crm_str_addf(out, "\n");
    }
    if (t->n_notes) crm_str_addf(out, "\n");
}

static void add_target(const crm_sum_target *t, crm_str *out)
{
    crm_str text = {0};
    const char *metric;

    crm_str_addf(out, "## Target ");
    crm_report_escape(t->name, out);
    crm_str_addf(out, " (%s)\n\n", t->level);
    crm_report_facts(t, &text);
    add_escaped(&text, out);
    crm_str_addf(out, ".\n\n");
    crm_report_published(t, out);
    for (int i = 0; (metric = crm_report_metric(t, i)); i++)
        add_metric(t, metric, out);
    if (crm_report_is_of_spans(t)) {
        crm_report_spans(t, out);
        add_notes(t, out);
        crm_report_folds(t, out);
        return;
    }
    crm_report_other_metrics(t, out);
    crm_report_thresholds(t, out);
    crm_report_explanations(t, out);
    crm_report_holdout(t, out);
    crm_report_segments(t, out);
    crm_report_pooled(t, out);
    add_lift(t, out);
    add_notes(t, out);
    crm_report_confusions(t, out);
    crm_report_folds(t, out);
}

static void add_digest(const char *name, crm_digest d, crm_str *out)
{
    char hex[CRM_DIGEST_HEX];

    crm_str_addf(out, "| %s | `%s` |\n", name, crm_digest_hex(d, hex));
}

void crm_report_markdown(const crm_summary *s, crm_str *out)
{
    crm_str_addf(out, "# Comparison of models\n\n"
                      "![Means and 95 %% intervals of each metric](report.svg)\n\n");
    for (int i = 0; i < s->n_targets; i++)
        add_target(&s->target[i], out);
    if (crm_report_has_curves(s))
        crm_str_addf(out, "## Curves\n\n"
                          "![ROC curves](roc.svg)\n\n"
                          "![Precision-recall curves](pr.svg)\n\n"
                          "![Calibration](calibration.svg)\n\n");
    crm_report_methods(s, out);
    crm_str_addf(out, "## Digests\n\nEqual data, configuration and seed give equal digests on any "
                      "number of ranks and threads.\n\n| of | digest |\n|---|---|\n");
    add_digest("data", s->data, out);
    add_digest("folds", s->folds, out);
    if (!crm_report_is_joint(s)) add_digest("weights", s->weights, out);
    if (!crm_report_is_joint(s)) add_digest("predictions", s->predictions, out);
    add_digest("summary", s->summary, out);
}
