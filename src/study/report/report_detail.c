/* report_detail.c - confusion matrices and the scores of each fold, as Markdown. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "report_impl.h"

enum { MATRIX_CLASSES = 20, FOLD_ROWS = 200 };

static void print_and_free(report_table *t, crm_str *out)
{
    crm_report_table_markdown(t, out);
    crm_report_table_free(t);
}

void crm_report_matrix(const crm_sum_target *t, const crm_sum_model *m, crm_str *out)
{
    report_table table = {.columns = t->n_classes + 1};

    if (t->n_classes > MATRIX_CLASSES) return;
    crm_report_cell(&table, "true \\ predicted");
    for (int c = 0; c < t->n_classes; c++)
        crm_report_cell(&table, "%s", t->class_name[c]);
    for (int i = 0; i < t->n_classes; i++) {
        crm_report_cell(&table, "%s", t->class_name[i]);
        for (int j = 0; j < t->n_classes; j++)
            crm_report_cell(&table, "%lld", (long long)m->confusion[(int64_t)i * t->n_classes + j]);
    }
    print_and_free(&table, out);
}

static void add_class_scores(const crm_sum_target *t, const crm_sum_model *m, crm_str *out)
{
    static const char *const head[] = {"class", "precision", "recall", "F1", "rows", "predicted"};
    report_table table = {.columns = 6};
    crm_class_scores *s = crm_mem_new((size_t)t->n_classes, sizeof *s);
    char text[REPORT_CELL];

    if (!s) {
        out->failed = true;
        return;
    }
    crm_stats_class_scores(t->n_classes, m->confusion, s);
    for (int i = 0; i < 6; i++)
        crm_report_cell(&table, "%s", head[i]);
    for (int c = 0; c < t->n_classes; c++) {
        crm_report_cell(&table, "%s", t->class_name[c]);
        crm_report_cell(&table, "%s", crm_report_score(s[c].precision, text));
        crm_report_cell(&table, "%s", crm_report_score(s[c].recall, text));
        crm_report_cell(&table, "%s", crm_report_score(s[c].f1, text));
        crm_report_cell(&table, "%lld", (long long)s[c].support);
        crm_report_cell(&table, "%lld", (long long)s[c].predicted);
    }
    crm_mem_free(s);
    print_and_free(&table, out);
}

void crm_report_confusions(const crm_sum_target *t, crm_str *out)
{
    bool any = false;

    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_model *m = crm_report_model(t, i);
        if (!m->confusion) continue;
        if (!any)
            crm_str_addf(
                out,
                "### Confusion\n\nCounts over all test parts%s; a score that is 0/0 counts "
                "as 0.\n\n",
                t->repeats > 1 ? " of all repeats" : "");
        any = true;
        crm_str_addf(out, "**");
        crm_report_escape(m->name, out);
        crm_str_addf(out, "**\n\n");
        crm_report_matrix(t, m, out);
        add_class_scores(t, m, out);
    }
}

static void add_fold(const crm_sum_target *t, const char *metric, int fold, report_table *table)
{
    char text[REPORT_CELL];

    crm_report_cell(table, "%d.%d", fold / t->folds + 1, fold % t->folds + 1);
    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_metric *v = crm_summary_metric(crm_report_model(t, i), metric);
        if (v && fold < v->n_folds)
            crm_report_cell(table, "%s", crm_report_score(v->fold[fold], text));
        else
            crm_report_cell(table, "-");
    }
}

static void add_folds_of(const crm_sum_target *t, const char *metric, crm_str *out)
{
    report_table table = {.columns = t->n_models + 1};
    int n = t->folds * t->repeats;

    crm_str_addf(out, "**%s**\n\n", metric);
    crm_report_cell(&table, "fold");
    for (int i = 0; i < t->n_models; i++)
        crm_report_cell(&table, "%s", crm_report_model(t, i)->name);
    for (int f = 0; f < n && f < FOLD_ROWS; f++)
        add_fold(t, metric, f, &table);
    print_and_free(&table, out);
    if (n > FOLD_ROWS)
        crm_str_addf(out, "The other %d folds are in summary.json.\n\n", n - FOLD_ROWS);
}

void crm_report_folds(const crm_sum_target *t, crm_str *out)
{
    const char *metric;

    if (t->folds < 1 || t->repeats < 1 || t->n_models < 1) return;
    crm_str_addf(out, "### Scores of each fold\n\nFolds are numbered repeat.fold.\n\n");
    for (int i = 0; (metric = crm_report_metric(t, i)); i++)
        add_folds_of(t, metric, out);
}
