/* report_terminal.c - the report for a terminal. */
#include <stdio.h>

#include "report_impl.h"

static void add_wrapped(crm_str *line, int indent, crm_str *out)
{
    if (line->failed) out->failed = true;
    crm_report_wrap(line->text ? line->text : "", indent, out);
    crm_str_free(line);
}

static void add_metric(const crm_sum_target *t, const char *metric, crm_str *out)
{
    report_table table;
    crm_str head = {0};

    crm_str_addf(&head, "%s (", metric);
    crm_report_caption(t, metric, &head);
    crm_str_addf(&head, ")");
    crm_str_addf(out, "\n");
    add_wrapped(&head, 2, out);
    crm_report_metric_table(t, metric, false, &table);
    crm_report_table_text(&table, out);
    crm_report_table_free(&table);
}

static void add_target(const crm_sum_target *t, crm_str *out)
{
    crm_str line = {0}, lift[2] = {{0}, {0}};
    const char *metric;
    int n;

    crm_str_addf(&line, "Target %s (%s): ", t->name, t->level);
    crm_report_facts(t, &line);
    add_wrapped(&line, 2, out);
    for (int i = 0; (metric = crm_report_metric(t, i)); i++)
        add_metric(t, metric, out);
    if (crm_report_is_of_spans(t)) crm_report_spans_terminal(t, out);
    crm_report_published_terminal(t, out);
    crm_str_addf(out, "\n");
    crm_report_beside_lines(t, out);
    n = crm_report_lift(&t->lift, lift);
    for (int i = 0; i < n; i++)
        add_wrapped(&lift[i], 2, out);
    for (int i = 0; i < t->n_notes; i++) {
        crm_str_addf(&line, "note: %s", t->note[i]);
        add_wrapped(&line, 6, out);
    }
}

void crm_report_terminal(const crm_summary *s, crm_str *out)
{
    const struct {
        const char *name;
        crm_digest d;
    } digest[] = {{"data", s->data},
                  {"folds", s->folds},
                  {"weights", s->weights},
                  {"predictions", s->predictions},
                  {"summary", s->summary}};
    crm_str line = {0};
    char hex[CRM_DIGEST_HEX];

    for (int i = 0; i < s->n_targets; i++) {
        if (i) crm_str_addf(out, "\n");
        add_target(&s->target[i], out);
    }
    crm_str_addf(&line, "digests:");
    for (size_t i = 0; i < sizeof digest / sizeof *digest; i++)
        if (!crm_digest_equal(digest[i].d, (crm_digest){0})) /* of several runs there are fewer */
            crm_str_addf(&line, "%s %s %.12s", i ? "," : "", digest[i].name,
                         crm_digest_hex(digest[i].d, hex));
    add_wrapped(&line, 9, out);
}
