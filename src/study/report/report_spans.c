/* report_spans.c - a target of tokens: spans of each type, and what they were taken for.  Classes
 * of such a target are the types, the last of them "none". */
#include <string.h>

#include "crmpi/stats_spans.h"
#include "report_impl.h"

bool crm_report_is_of_spans(const crm_sum_target *t)
{
    return strcmp(t->level, "token") == 0 && t->n_classes > 0;
}

static void add_type(const char *name, crm_span_counts c, report_table *out)
{
    char text[REPORT_CELL];

    crm_report_cell(out, "%s", name);
    crm_report_cell(out, "%lld", (long long)c.gold);
    crm_report_cell(out, "%lld", (long long)c.found);
    crm_report_cell(out, "%lld", (long long)c.right);
    crm_report_cell(out, "%s", crm_report_score(crm_spans_precision(c), text));
    crm_report_cell(out, "%s", crm_report_score(crm_spans_recall(c), text));
    crm_report_cell(out, "%s", crm_report_score(crm_spans_f1(c), text));
}

static void type_table(const crm_sum_target *t, const crm_sum_model *m, report_table *out)
{
    static const char *const head[] = {"type",      "spans",  "found", "right",
                                       "precision", "recall", "F1",    NULL};
    const int types = t->n_classes - 1;

    *out = (report_table){.columns = 7};
    for (const char *const *h = head; *h; h++)
        crm_report_cell(out, "%s", *h);
    for (int i = 0; i < types; i++)
        add_type(t->class_name[i], crm_spans_of_confusion(types, m->confusion, i), out);
    add_type("all", crm_spans_of_confusion(types, m->confusion, types), out);
}

static void add_tokens(const crm_sum_model *m, crm_str *out)
{
    if (m->tokens > 0)
        crm_str_addf(out, "Tokens with the right tag: %lld of %lld (%.2f %%).\n",
                     (long long)m->tokens_right, (long long)m->tokens,
                     100.0 * (double)m->tokens_right / (double)m->tokens);
}

/* "2 types of spans: place 24, person 31" */
void crm_report_span_types(const crm_sum_target *t, crm_str *out)
{
    const crm_sum_model *m = t->n_models ? &t->model[0] : NULL;
    const int types = t->n_classes - 1;

    crm_str_addf(out, "; %d type%s of spans", types, types == 1 ? "" : "s");
    if (!m || !m->confusion) return;
    crm_str_addf(out, ", in the test parts:");
    for (int i = 0; i < types; i++)
        crm_str_addf(out, "%s %s %lld", i ? "," : "", t->class_name[i],
                     (long long)crm_spans_of_confusion(types, m->confusion, i).gold);
}

void crm_report_spans_terminal(const crm_sum_target *t, crm_str *out)
{
    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_model *m = crm_report_model(t, i);
        report_table table;
        if (!m->confusion) continue;
        crm_str_addf(out, "\nspans of ");
        crm_report_plain(m->name, out);
        crm_str_addf(out, "\n");
        type_table(t, m, &table);
        crm_report_table_text(&table, out);
        crm_report_table_free(&table);
        add_tokens(m, out);
    }
}

void crm_report_spans(const crm_sum_target *t, crm_str *out)
{
    crm_str_addf(out,
                 "### Spans of each type\n\nCounts over all test parts%s; a score that is 0/0 "
                 "counts as 0.\n\n",
                 t->repeats > 1 ? " of all repeats" : "");
    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_model *m = crm_report_model(t, i);
        report_table table;
        if (!m->confusion) continue;
        crm_str_addf(out, "**");
        crm_report_escape(m->name, out);
        crm_str_addf(out, "**\n\n");
        type_table(t, m, &table);
        crm_report_table_markdown(&table, out);
        crm_report_table_free(&table);
        add_tokens(m, out);
        crm_str_addf(out, "\nWhat spans were taken for; \"none\": there is no span that begins and "
                          "ends with the same tokens.\n\n");
        crm_report_matrix(t, m, out);
    }
}
