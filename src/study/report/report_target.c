/* report_target.c - what both forms of the report say about one target. */
#include <math.h>
#include <string.h>

#include "crmpi/stats.h"
#include "report_impl.h"

bool crm_report_is_oracle(const crm_sum_model *m)
{
    return strcmp(m->name, "oracle") == 0;
}

const crm_sum_model *crm_report_model(const crm_sum_target *t, int i)
{
    for (int m = 0; m < t->n_models; m++)
        if (!crm_report_is_oracle(&t->model[m]) && i-- == 0) return &t->model[m];
    return crm_summary_model(t, "oracle");
}

static double mean_of(const crm_sum_model *m, const char *metric)
{
    const crm_sum_metric *v = crm_summary_metric(m, metric);

    return v ? v->mean : (double)NAN;
}

bool crm_report_defined(const crm_sum_target *t, const char *metric)
{
    for (int i = 0; i < t->n_models; i++)
        if (isfinite(mean_of(&t->model[i], metric))) return true;
    return false;
}

const char *crm_report_reference(const crm_sum_target *t)
{
    if (t->n_comparisons) return t->comparison[0].a;
    return t->n_models ? crm_report_model(t, 0)->name : "";
}

const char *crm_report_metric(const crm_sum_target *t, int i)
{
    static const char *const of_rows[] = {"accuracy", "f1", "f1_macro", "auc", "log_loss", NULL};
    static const char *const of_spans[] = {"f1", "precision", "recall", NULL};

    for (const char *const *m = crm_report_is_of_spans(t) ? of_spans : of_rows; *m; m++)
        if (crm_report_defined(t, *m) && i-- == 0) return *m;
    return NULL;
}

/* ---- facts ---------------------------------------------------------------------------------- */

static int64_t rows_of_class(const crm_sum_model *m, int k, int c)
{
    int64_t n = 0;

    for (int j = 0; j < k; j++)
        n += m->confusion[(int64_t)c * k + j];
    return n;
}

/* Rows of each class, from the confusion counts: all rows when each was tested in each repeat. */
static void add_classes(const crm_sum_target *t, crm_str *out)
{
    const crm_sum_model *m = t->n_models ? &t->model[0] : NULL;
    int64_t all = 0;
    bool whole;

    crm_str_addf(out, "; %d classes", t->n_classes);
    if (!m || !m->confusion || t->repeats < 1) return;
    for (int c = 0; c < t->n_classes; c++)
        all += rows_of_class(m, t->n_classes, c);
    whole = all == t->rows * t->repeats;
    crm_str_addf(out, "%s:", whole ? "" : ", tested rows");
    for (int c = 0; c < t->n_classes; c++)
        crm_str_addf(out, "%s %s %lld", c ? "," : "", t->class_name[c],
                     (long long)(rows_of_class(m, t->n_classes, c) / (whole ? t->repeats : 1)));
}

void crm_report_facts(const crm_sum_target *t, crm_str *out)
{
    crm_str_addf(out, "%lld rows, ", (long long)t->rows);
    if (t->folds == 1)
        crm_str_addf(out, "%d hold-out%s", t->repeats, t->repeats == 1 ? "" : "s");
    else
        crm_str_addf(out, "%d folds x %d repeat%s", t->folds, t->repeats,
                     t->repeats == 1 ? "" : "s");
    if (crm_report_is_of_spans(t))
        crm_report_span_types(t, out);
    else
        add_classes(t, out);
}

void crm_report_caption(const crm_sum_target *t, const char *metric, crm_str *out)
{
    int known = crm_metric_find(metric);

    if (known >= 0)
        crm_str_addf(out, "%s is better",
                     crm_metric_direction((crm_metric)known) > 0 ? "higher" : "lower");
    if (t->n_comparisons)
        crm_str_addf(out, "%sdifference = %s - model", known >= 0 ? "; " : "",
                     crm_report_reference(t));
}

/* ---- scores and comparisons -------------------------------------------------------------------
 */

const crm_sum_comparison *crm_report_comparison(const crm_sum_target *t, const char *model,
                                                const char *metric)
{
    for (int i = 0; i < t->n_comparisons; i++)
        if (strcmp(t->comparison[i].b, model) == 0 && strcmp(t->comparison[i].metric, metric) == 0)
            return &t->comparison[i];
    return NULL;
}

static void add_verdict(report_table *out, const crm_sum_target *t, const crm_sum_model *m,
                        const crm_sum_comparison *c, bool wide)
{
    enum { NAME_MAX_COLUMNS = 18 }; /* "no significant difference" is as wide as 18 + " better" */

    if (crm_report_is_oracle(m))
        crm_report_cell(out, "upper bound");
    else if (c && (strcmp(c->verdict, "better") == 0 || strcmp(c->verdict, "worse") == 0))
        crm_report_cell(out, "%s %s",
                        wide || crm_report_columns(c->a) <= NAME_MAX_COLUMNS ? c->a : "reference",
                        c->verdict);
    else if (c)
        crm_report_cell(out, "%s", c->verdict);
    else
        crm_report_cell(
            out, "%s",
            t->n_comparisons && strcmp(m->name, crm_report_reference(t)) == 0 ? "reference" : "-");
}

static void add_model(report_table *out, const crm_sum_target *t, const crm_sum_model *m,
                      const char *metric, bool wide)
{
    const crm_sum_comparison *c = crm_report_comparison(t, m->name, metric);
    const crm_sum_metric *v = crm_summary_metric(m, metric);
    const double none = (double)NAN, no_ci[2] = {none, none};
    char text[REPORT_CELL];

    crm_report_cell(out, "%s", m->name);
    crm_report_cell(out, "%s", crm_report_score(v ? v->mean : none, text));
    crm_report_cell(out, "%s", crm_report_interval(v ? v->ci : no_ci, text));
    crm_report_cell(out, "%s", crm_report_diff(c ? c->mean_diff : none, text));
    if (wide) crm_report_cell(out, "%s", crm_report_interval(c ? c->corrected.ci : no_ci, text));
    crm_report_cell(out, "%s", crm_report_p(c ? c->naive.p : none, text));
    crm_report_cell(out, "%s", crm_report_p(c ? c->corrected.p : none, text));
    crm_report_cell(out, "%s", crm_report_p(c ? c->corrected.p_holm : none, text));
    add_verdict(out, t, m, c, wide);
}

void crm_report_metric_table(const crm_sum_target *t, const char *metric, bool wide,
                             report_table *out)
{
    static const char *const brief[] = {"model",   "mean",   "95 % interval", "diff", "p naive",
                                        "p corr.", "p Holm", "verdict",       NULL};
    static const char *const full[] = {
        "model",   "mean",        "95 % interval", "difference", "its 95 % interval",
        "naive p", "corrected p", "p after Holm",  "verdict",    NULL};

    *out = (report_table){.columns = wide ? 9 : 8, .last_left = true};
    for (const char *const *h = wide ? full : brief; *h; h++)
        crm_report_cell(out, "%s", *h);
    for (int i = 0; i < t->n_models; i++)
        add_model(out, t, crm_report_model(t, i), metric, wide);
}

/* ---- satisfaction -------------------------------------------------------------------------------
 */

/* " (+16.67 %, 95 % interval [8.33, 25.00])" */
static void add_relative(const crm_sum_lift *l, crm_str *out)
{
    if (!isfinite(l->relative)) return;
    crm_str_addf(out, " (%+.2f %%", l->relative);
    if (isfinite(l->relative_ci[0]) && isfinite(l->relative_ci[1]))
        crm_str_addf(out, ", 95 %% interval [%.2f, %.2f]", l->relative_ci[0], l->relative_ci[1]);
    crm_str_addf(out, ")");
}

int crm_report_lift(const crm_sum_lift *l, crm_str line[2])
{
    char a[REPORT_CELL], b[REPORT_CELL], c[REPORT_CELL], d[REPORT_CELL], e[REPORT_CELL];

    if (!l->present) return 0;
    crm_str_addf(&line[0],
                 "Satisfaction of %lld customers asked before and after the measure: %s, then %s; "
                 "change %s, 95 %% interval %s",
                 (long long)l->treated, crm_report_score(l->before, a),
                 crm_report_score(l->after, b), crm_report_diff(l->diff, c),
                 crm_report_interval(l->ci, d));
    add_relative(l, &line[0]);
    crm_str_addf(&line[0], ", p %s.", crm_report_p(l->p, e));
    if (l->control < 2) return 1;
    crm_str_addf(
        &line[1],
        "Against %lld customers without the measure (change %s): effect %s, 95 %% interval "
        "%s, p %s.",
        (long long)l->control, crm_report_diff(l->control_diff, a), crm_report_diff(l->effect, b),
        crm_report_interval(l->effect_ci, c), crm_report_p(l->effect_p, d));
    return 2;
}
