/* report_beside.c - what stands beside the corrected test: sizes of differences, Bayesian t, rank
 * tests, one hold-out, segments, pooled predictions. */
#include <math.h>
#include <string.h>

#include "crmpi/stats.h"
#include "report_impl.h"

enum { LEVEL_ROWS = 60 };

static void print_and_free(report_table *t, crm_str *out)
{
    crm_report_table_markdown(t, out);
    crm_report_table_free(t);
}

static void header(report_table *t, const char *const *names)
{
    for (; *names; names++)
        crm_report_cell(t, "%s", *names);
}

bool crm_report_has_beside(const crm_summary *s)
{
    for (int i = 0; i < s->n_targets; i++)
        for (int c = 0; c < s->target[i].n_comparisons; c++)
            if (s->target[i].comparison[c].wins >= 0) return true;
    return false;
}

bool crm_report_has_curves(const crm_summary *s)
{
    for (int i = 0; i < s->n_targets; i++)
        for (int m = 0; m < s->target[i].n_models; m++)
            if (s->target[i].model[m].pooled.present) return true;
    return false;
}

/* ---- a metric's comparisons --------------------------------------------------------------------
 */

static bool any_5x2(const crm_sum_target *t)
{
    for (int i = 0; i < t->n_comparisons; i++)
        if (isfinite(t->comparison[i].t5x2_p) || isfinite(t->comparison[i].f5x2_p)) return true;
    return false;
}

static void p_cell(report_table *t, double p)
{
    char text[REPORT_CELL];

    crm_report_cell(t, "%s", crm_report_p(p, text));
}

static void score_cell(report_table *t, double v)
{
    char text[REPORT_CELL];

    crm_report_cell(t, "%s", crm_report_score(v, text));
}

static void add_beside(report_table *table, const crm_sum_comparison *c, bool halves)
{
    char text[REPORT_CELL];

    crm_report_cell(table, "%s", c->b);
    crm_report_cell(table, "%s", crm_report_diff(c->effect, text));
    crm_report_cell(table, "%d, %d, %d", c->wins, c->ties, c->losses);
    score_cell(table, c->worse);
    score_cell(table, c->in_rope);
    score_cell(table, c->better);
    p_cell(table, c->wilcoxon_p);
    if (halves) p_cell(table, c->t5x2_p);
    if (halves) p_cell(table, c->f5x2_p);
}

void crm_report_beside(const crm_sum_target *t, const char *metric, crm_str *out)
{
    static const char *const names[] = {"model",   "size",     "won, tied, lost", "P worse",
                                        "P equal", "P better", "Wilcoxon p",      NULL};
    bool halves = any_5x2(t);
    report_table table = {.columns = halves ? 9 : 7};
    double rope = (double)NAN;

    header(&table, names);
    if (halves) header(&table, (const char *const[]){"5x2cv t p", "5x2cv F p", NULL});
    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_comparison *c =
            crm_report_comparison(t, crm_report_model(t, i)->name, metric);
        if (!c || c->wins < 0) continue;
        rope = c->rope;
        add_beside(&table, c, halves);
    }
    if (table.n > table.columns) {
        crm_str_addf(out, "Beside the tests (rope %.6g):\n\n", rope);
        crm_report_table_markdown(&table, out);
    }
    if (table.failed) out->failed = true;
    crm_report_table_free(&table);
}

void crm_report_other_metrics(const crm_sum_target *t, crm_str *out)
{
    static const char *const others[] = {"precision", "recall", "average_precision", "brier", "ece",
                                         "kappa",     "mcc"};
    enum { OTHERS = sizeof others / sizeof *others };
    report_table table = {.columns = 1};
    int shown[OTHERS], n = 0;

    for (int i = 0; i < OTHERS; i++)
        if (crm_report_defined(t, others[i])) shown[n++] = i;
    if (n == 0) return;
    table.columns += n;
    crm_report_cell(&table, "model");
    for (int i = 0; i < n; i++)
        crm_report_cell(&table, "%s", others[shown[i]]);
    for (int m = 0; m < t->n_models; m++) {
        const crm_sum_model *model = crm_report_model(t, m);
        crm_report_cell(&table, "%s", model->name);
        for (int i = 0; i < n; i++) {
            const crm_sum_metric *v = crm_summary_metric(model, others[shown[i]]);
            char mean[REPORT_CELL], ci[REPORT_CELL];
            crm_report_cell(&table, "%s %s", crm_report_score(v ? v->mean : (double)NAN, mean),
                            v ? crm_report_interval(v->ci, ci) : "");
        }
    }
    crm_str_addf(out, "### Other metrics\n\nMeans over folds with 95 %% intervals; brier and ece: "
                      "lower is better.\n\n");
    print_and_free(&table, out);
}

/* ---- pooled predictions ------------------------------------------------------------------------
 */

void crm_report_pooled(const crm_sum_target *t, crm_str *out)
{
    static const char *const names[] = {
        "model", "rows",          "right", "accuracy", "95 % interval (Wilson)",
        "AUC",   "95 % interval", "of",    "ECE",      NULL};
    report_table table = {.columns = 9};

    header(&table, names);
    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_model *m = crm_report_model(t, i);
        const crm_sum_pooled *p = &m->pooled;
        char text[REPORT_CELL];
        if (!p->present) continue;
        crm_report_cell(&table, "%s", m->name);
        crm_report_cell(&table, "%lld", (long long)p->rows);
        crm_report_cell(&table, "%lld", (long long)p->right);
        score_cell(&table, p->accuracy);
        crm_report_cell(&table, "%s", crm_report_interval(p->accuracy_ci, text));
        score_cell(&table, p->auc);
        crm_report_cell(&table, "%s", crm_report_interval(p->auc_ci, text));
        crm_report_cell(&table, "%s", p->auc_ci_method ? p->auc_ci_method : "-");
        score_cell(&table, p->calibration.ece);
    }
    if (table.n > table.columns) {
        crm_str_addf(out, "### %s\n\n",
                     t->folds > 1 || t->repeats > 1 ? "First repeat, all test parts together"
                                                    : "Test part");
        crm_report_table_markdown(&table, out);
    }
    if (table.failed) out->failed = true;
    crm_report_table_free(&table);
}

/* ---- one hold-out ------------------------------------------------------------------------------
 */

static void add_words(const crm_sum_holdout_pair *p, const char *verdict, report_table *table)
{
    if (strcmp(verdict, "better") == 0 || strcmp(verdict, "worse") == 0)
        crm_report_cell(table, "%s %s", p->a, verdict);
    else
        crm_report_cell(table, "%s", verdict);
}

static void mcnemar_table(const crm_sum_holdout *h, crm_str *out)
{
    report_table table = {.columns = 7, .last_left = true};

    crm_report_cell(&table, "model");
    crm_report_cell(&table, "right: %s alone", h->pair[0].a);
    crm_report_cell(&table, "right: it alone");
    header(&table, (const char *const[]){"p, continuity-corrected", "exact p", "exact p after Holm",
                                         "accuracy", NULL});
    for (int i = 0; i < h->n; i++) {
        const crm_sum_holdout_pair *p = &h->pair[i];
        crm_report_cell(&table, "%s", p->b);
        crm_report_cell(&table, "%lld", (long long)p->only_a);
        crm_report_cell(&table, "%lld", (long long)p->only_b);
        p_cell(&table, p->p_corrected);
        p_cell(&table, p->p_exact);
        p_cell(&table, p->p_exact_holm);
        add_words(p, p->verdict, &table);
    }
    print_and_free(&table, out);
}

static void delong_table(const crm_sum_holdout *h, crm_str *out)
{
    static const char *const names[] = {
        "model",    "AUC",          "difference",           "its 95 % interval",
        "DeLong p", "p after Holm", "AUC of the reference", NULL};
    report_table table = {.columns = 7, .last_left = true};
    char text[REPORT_CELL];

    header(&table, names);
    for (int i = 0; i < h->n; i++) {
        const crm_sum_holdout_pair *p = &h->pair[i];
        if (!p->has_auc) continue;
        crm_report_cell(&table, "%s", p->b);
        score_cell(&table, p->auc_b);
        crm_report_cell(&table, "%s", crm_report_diff(p->diff, text));
        crm_report_cell(&table, "%s", crm_report_interval(p->ci, text));
        p_cell(&table, p->p);
        p_cell(&table, p->p_holm);
        add_words(p, p->auc_verdict, &table);
    }
    if (table.n > table.columns) crm_report_table_markdown(&table, out);
    if (table.failed) out->failed = true;
    crm_report_table_free(&table);
}

static void cochran_line(const crm_sum_holdout *h, crm_str *out)
{
    char q[REPORT_CELL], p[REPORT_CELL];

    crm_str_addf(
        out,
        "One hold-out of %lld rows; do the %d models have equally many right? Cochran's Q %s, %.0f "
        "df, p %s.",
        (long long)h->rows, h->n + 1, crm_report_score(h->q, q), h->q_df, crm_report_p(h->q_p, p));
}

void crm_report_holdout(const crm_sum_target *t, crm_str *out)
{
    const crm_sum_holdout *h = &t->holdout;

    if (!h->present || h->n < 1) return;
    crm_str_addf(out, "### One hold-out\n\n");
    cochran_line(h, out);
    crm_str_addf(out, "\n\n");
    mcnemar_table(h, out);
    delong_table(h, out);
}

/* ---- segments ----------------------------------------------------------------------------------
 */

static void rank_table(const crm_sum_segments *s, crm_str *out)
{
    report_table table = {.columns = s->n_models + 5};

    crm_report_cell(&table, "metric");
    crm_report_cell(&table, "segments");
    for (int m = 0; m < s->n_models; m++)
        crm_report_cell(&table, "mean rank of %s", s->model[m]);
    header(&table,
           (const char *const[]){"Friedman p", "Iman-Davenport p", "critical difference", NULL});
    for (int i = 0; i < s->n_tests; i++) {
        const crm_sum_segment_test *t = &s->test[i];
        crm_report_cell(&table, "%s", t->metric);
        crm_report_cell(&table, "%d", t->used);
        for (int m = 0; m < s->n_models; m++)
            score_cell(&table, t->mean_rank[m]);
        p_cell(&table, t->chi2_p);
        p_cell(&table, t->f_p);
        score_cell(&table, t->cd);
    }
    print_and_free(&table, out);
}

static void level_table(const crm_sum_segments *s, const crm_sum_segment_test *t, crm_str *out)
{
    report_table table = {.columns = s->n_models + 2};

    crm_str_addf(out, "**%s**\n\n", t->metric);
    crm_report_cell(&table, "level");
    crm_report_cell(&table, "rows");
    for (int m = 0; m < s->n_models; m++)
        crm_report_cell(&table, "%s", s->model[m]);
    for (int l = 0; l < s->n_levels && l < LEVEL_ROWS; l++) {
        crm_report_cell(&table, "%s", s->level[l]);
        crm_report_cell(&table, "%lld", (long long)s->rows[l]);
        for (int m = 0; m < s->n_models; m++)
            score_cell(&table, t->score[(int64_t)m * s->n_levels + l]);
    }
    print_and_free(&table, out);
}

void crm_report_segments(const crm_sum_target *t, crm_str *out)
{
    const crm_sum_segments *s = &t->segments;

    if (!s->column) return;
    crm_str_addf(out, "### Segments of ");
    crm_report_escape(s->column, out);
    crm_str_addf(out,
                 "\n\nRank 1 is best. A level counts when at least 10 of its rows were tested and "
                 "the metric is defined for all models.\n\n");
    rank_table(s, out);
    for (int i = 0; i < s->n_tests; i++)
        if (s->test[i].used) level_table(s, &s->test[i], out);
    if (s->n_levels > LEVEL_ROWS)
        crm_str_addf(out, "The other %d levels are in summary.json.\n\n", s->n_levels - LEVEL_ROWS);
}

/* ---- terminal ----------------------------------------------------------------------------------
 */

static void add_line(crm_str *line, int indent, crm_str *out)
{
    if (line->failed) out->failed = true;
    crm_report_wrap(line->text ? line->text : "", indent, out);
    crm_str_free(line);
}

static void add_verdict(const crm_sum_holdout_pair *p, const char *verdict, crm_str *out)
{
    bool named = strcmp(verdict, "better") == 0 || strcmp(verdict, "worse") == 0;

    crm_str_addf(out, ": %s%s%s", named ? p->a : "", named ? " " : "", verdict);
}

static void pair_line(const crm_sum_holdout_pair *p, crm_str *out)
{
    crm_str line = {0};
    char text[REPORT_CELL], diff[REPORT_CELL];

    crm_str_addf(&line, "%s against %s: right alone %lld and %lld, McNemar's exact p after Holm %s",
                 p->a, p->b, (long long)p->only_a, (long long)p->only_b,
                 crm_report_p(p->p_exact_holm, text));
    add_verdict(p, p->verdict, &line);
    if (p->has_auc) {
        crm_str_addf(&line, "; AUC %s, DeLong's p after Holm %s", crm_report_diff(p->diff, diff),
                     crm_report_p(p->p_holm, text));
        add_verdict(p, p->auc_verdict, &line);
    }
    add_line(&line, 2, out);
}

void crm_report_beside_lines(const crm_sum_target *t, crm_str *out)
{
    const crm_sum_segments *s = &t->segments;
    crm_str line = {0};
    char text[REPORT_CELL];

    if (t->holdout.present && t->holdout.n) {
        cochran_line(&t->holdout, &line);
        add_line(&line, 2, out);
        for (int i = 0; i < t->holdout.n; i++)
            pair_line(&t->holdout.pair[i], out);
    }
    if (!s->column) return;
    crm_str_addf(&line, "Do the models rank alike over segments of %s (Iman-Davenport)?",
                 s->column);
    for (int i = 0; i < s->n_tests; i++)
        crm_str_addf(&line, "%s %s p %s (%d segment%s)", i ? "," : "", s->test[i].metric,
                     crm_report_p(s->test[i].f_p, text), s->test[i].used,
                     s->test[i].used == 1 ? "" : "s");
    add_line(&line, 2, out);
}
