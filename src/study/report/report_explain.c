/* report_explain.c - thresholds, importance, dependence, published figures. */
#include <math.h>
#include <string.h>

#include "report_impl.h"

static void add_table(report_table *t, crm_str *out)
{
    crm_report_table_markdown(t, out);
    crm_report_table_free(t);
}

static void head(report_table *t, int columns, const char *const *name)
{
    *t = (report_table){.columns = columns};
    for (int i = 0; i < columns; i++)
        crm_report_cell(t, "%s", name[i]);
}

/* ---- published figures ---- */

static void fill_published(const crm_sum_target *t, report_table *table)
{
    static const char *const name[] = {"model", "metric", "published", "here", "difference"};
    const crm_sum_published *p = &t->published;
    char text[REPORT_CELL];

    head(table, 5, name);
    for (int i = 0; i < p->n; i++) {
        const crm_sum_model *m = crm_summary_model(t, p->model[i]);
        const crm_sum_metric *v = m ? crm_summary_metric(m, p->metric[i]) : NULL;
        double here = v ? v->mean : (double)NAN;
        crm_report_cell(table, "%s", p->model[i]);
        crm_report_cell(table, "%s", p->metric[i]);
        crm_report_cell(table, "%s", crm_report_score(p->value[i], text));
        crm_report_cell(table, "%s", crm_report_score(here, text));
        crm_report_cell(table, "%s", crm_report_diff(here - p->value[i], text));
    }
}

void crm_report_published_terminal(const crm_sum_target *t, crm_str *out)
{
    report_table table;
    crm_str line = {0};

    if (!t->published.source) return;
    crm_str_addf(&line, "published figures beside ours%s%s%s", t->published.source[0] ? " (" : "",
                 t->published.source, t->published.source[0] ? ")" : "");
    if (line.failed) out->failed = true;
    crm_str_addf(out, "\n");
    crm_report_wrap(line.text ? line.text : "", 2, out);
    crm_str_free(&line);
    fill_published(t, &table);
    crm_report_table_text(&table, out);
    crm_report_table_free(&table);
}

void crm_report_published(const crm_sum_target *t, crm_str *out)
{
    report_table table;

    if (!t->published.source) return;
    crm_str_addf(out, "### Published figures\n\n");
    if (t->published.source[0]) {
        crm_report_escape(t->published.source, out);
        crm_str_addf(out, "\n\n");
    }
    fill_published(t, &table);
    add_table(&table, out);
}

/* ---- thresholds ---- */

static const crm_sum_model *first_with_threshold(const crm_sum_target *t)
{
    for (int i = 0; i < t->n_models; i++)
        if (t->model[i].threshold.present) return &t->model[i];
    return NULL;
}

/* Least and most of the thresholds that could be chosen. */
static void spread(const crm_sum_threshold *t, double ci[2])
{
    ci[0] = ci[1] = (double)NAN;
    for (int i = 0; i < t->n_folds; i++) {
        if (!(t->fold[i] >= ci[0])) ci[0] = t->fold[i];
        if (!(t->fold[i] <= ci[1])) ci[1] = t->fold[i];
    }
}

static void add_threshold(const crm_sum_model *m, report_table *table)
{
    const crm_sum_metric *f1 = crm_summary_metric(m, "f1");
    const crm_sum_threshold *t = &m->threshold;
    char text[REPORT_CELL];
    double range[2];

    if (!t->present) return;
    spread(t, range);
    crm_report_cell(table, "%s", m->name);
    crm_report_cell(table, "%s", crm_report_interval(range, text));
    for (int i = 0; i < t->n_metrics; i++)
        crm_report_cell(table, "%s", crm_report_score(t->metric[i].mean, text));
    crm_report_cell(table, "%s", crm_report_score(f1 ? f1->mean : (double)NAN, text));
}

void crm_report_thresholds(const crm_sum_target *t, crm_str *out)
{
    const crm_sum_model *m = first_with_threshold(t);
    report_table table = {0};

    if (!m) return;
    crm_str_addf(out,
                 "### Thresholds chosen on training rows\n\n"
                 "Rule: %s. The threshold of a fold is chosen on inner folds of its training part; "
                 "the scores are those of the test part. Cost of a row of class ",
                 strcmp(m->threshold.rule, "f1") == 0       ? "best F1"
                 : strcmp(m->threshold.rule, "youden") == 0 ? "best Youden index"
                                                            : "least cost");
    crm_report_escape(t->n_classes > 1 ? t->class_name[1] : "", out);
    crm_str_addf(out, " that is missed: %g, of one of the other class taken for it: %g.\n\n",
                 m->threshold.cost_fn, m->threshold.cost_fp);
    table.columns = 3 + m->threshold.n_metrics;
    crm_report_cell(&table, "model");
    crm_report_cell(&table, "thresholds (least, most)");
    for (int i = 0; i < m->threshold.n_metrics; i++)
        crm_report_cell(&table, "%s%s", m->threshold.metric[i].name,
                        strcmp(m->threshold.metric[i].name, "cost") == 0 ? " of a row" : "");
    crm_report_cell(&table, "f1 at 0.5");
    for (int i = 0; i < t->n_models; i++)
        if (t->model[i].threshold.n_metrics == m->threshold.n_metrics)
            add_threshold(&t->model[i], &table);
    add_table(&table, out);
}

/* ---- importance and dependence ---- */

static int explained(const crm_sum_target *t, const crm_sum_model **m)
{
    int n = 0;

    for (int i = 0; i < t->n_models; i++)
        if (t->model[i].explanation.metric) m[n++] = &t->model[i];
    return n;
}

/* Largest importance of a feature in any model; features are in the same order in all. */
static double weight(const crm_sum_model *const *m, int n, int f)
{
    double top = -INFINITY;

    for (int i = 0; i < n; i++)
        if (f < m[i]->explanation.n && m[i]->explanation.feature[f].mean > top)
            top = m[i]->explanation.feature[f].mean;
    return top;
}

/* The next feature by falling importance: below the last one (equal ones in their order). */
static int next_feature(const crm_sum_model *const *m, int n, int last)
{
    double limit = last < 0 ? INFINITY : weight(m, n, last);
    int best = -1;

    for (int f = 0; f < m[0]->explanation.n; f++) {
        double w = weight(m, n, f);
        if (w > limit || (w == limit && f <= last)) continue;
        if (best < 0 || w > weight(m, n, best)) best = f;
    }
    return best;
}

static void importance(const crm_sum_model *const *m, int n, crm_str *out)
{
    report_table table = {.columns = n + 1};
    char text[REPORT_CELL], range[REPORT_CELL];

    crm_str_addf(
        out,
        "### Importance of features\n\nFall of %s on test rows when the feature is that of "
        "another row, mean of %lld permutation%s and all folds, with its 95 %% interval. "
        "Features that tell the same share it.\n\n",
        m[0]->explanation.metric, (long long)m[0]->explanation.permutations,
        m[0]->explanation.permutations == 1 ? "" : "s");
    crm_report_cell(&table, "feature");
    for (int i = 0; i < n; i++)
        crm_report_cell(&table, "%s", m[i]->name);
    for (int f = next_feature(m, n, -1); f >= 0; f = next_feature(m, n, f)) {
        crm_report_cell(&table, "%s", m[0]->explanation.feature[f].name);
        for (int i = 0; i < n; i++) {
            const crm_sum_feature *x = &m[i]->explanation.feature[f];
            crm_report_cell(&table, "%s %s", crm_report_score(x->mean, text),
                            crm_report_interval(x->ci, range));
        }
    }
    add_table(&table, out);
}

static void add_point(const crm_sum_feature *x, int i, report_table *table)
{
    if (x->n_levels > 0)
        crm_report_cell(table, "%s", x->level[(int)x->x[i]]);
    else
        crm_report_cell(table, "%.6g", x->x[i]);
}

static void curve(const crm_sum_model *const *m, int n, int f, crm_str *out)
{
    const crm_sum_feature *first = &m[0]->explanation.feature[f];
    report_table table = {.columns = n + 1};
    char text[REPORT_CELL];

    if (first->n_points == 0) return;
    crm_report_cell(&table, "%s", first->name);
    for (int i = 0; i < n; i++)
        crm_report_cell(&table, "%s", m[i]->name);
    for (int p = 0; p < first->n_points; p++) {
        add_point(first, p, &table);
        for (int i = 0; i < n; i++)
            crm_report_cell(&table, "%s",
                            crm_report_score(m[i]->explanation.feature[f].y[p], text));
    }
    add_table(&table, out);
}

static void curves(const crm_sum_target *t, const crm_sum_model *const *m, int n, crm_str *out)
{
    bool any = false;

    for (int f = 0; f < m[0]->explanation.n; f++)
        any = any || m[0]->explanation.feature[f].n_points > 0;
    if (!any) return;
    crm_str_addf(out, "### Partial dependence\n\nMean probability of class ");
    crm_report_escape(t->n_classes > 0 ? t->class_name[t->n_classes - 1] : "", out);
    crm_str_addf(out, " over test rows when all of them have this value.\n\n");
    for (int f = 0; f < m[0]->explanation.n; f++)
        curve(m, n, f, out);
}

/* Models of runs with other features stand in no one table. */
static bool same_features(const crm_sum_model *const *m, int n)
{
    for (int i = 1; i < n; i++) {
        if (m[i]->explanation.n != m[0]->explanation.n) return false;
        for (int f = 0; f < m[0]->explanation.n; f++)
            if (m[i]->explanation.feature[f].n_points != m[0]->explanation.feature[f].n_points)
                return false;
    }
    return true;
}

void crm_report_explanations(const crm_sum_target *t, crm_str *out)
{
    enum { MOST = 64 };
    const crm_sum_model *m[MOST];
    int n;

    if (t->n_models > MOST) return;
    n = explained(t, m);
    if (n == 0 || !same_features(m, n)) return;
    if (m[0]->explanation.permutations > 0) importance(m, n, out);
    curves(t, m, n, out);
}
