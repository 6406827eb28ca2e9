/* report_impl.h - shared by the files of room report only. */
#ifndef CRM_REPORT_IMPL_H
#define CRM_REPORT_IMPL_H

#include <stdbool.h>

#include "crmpi/report.h"

enum { REPORT_WIDTH = 100, REPORT_CELL = 48 };

/* ---- numbers and texts (report_format.c) ------------------------------------------------------
 */
/** Each writes into out[REPORT_CELL] and returns it; "-" where undefined. */
char *crm_report_score(double v, char *out);
char *crm_report_diff(double v, char *out);
char *crm_report_interval(const double ci[2], char *out);
char *crm_report_p(double p, char *out);
/** Columns that a UTF-8 text takes. */
int crm_report_columns(const char *text);
/** text without control characters. */
void crm_report_plain(const char *text, crm_str *out);
/** text with what Markdown would read as a sign of its own made plain. */
void crm_report_escape(const char *text, crm_str *out);
/** text broken at blanks into lines of at most REPORT_WIDTH; all lines but the first begin with
 *  indent blanks. */
void crm_report_wrap(const char *text, int indent, crm_str *out);

/* ---- tables (report_table.c) ------------------------------------------------------------------
 */
typedef struct report_table {
    int columns;
    bool last_left; /* last column is words; the first always is */
    int n, cap;     /* cells, row by row, the header first */
    char **cell;
    bool failed;
} report_table;
void crm_report_cell(report_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void crm_report_table_text(const report_table *t, crm_str *out);
void crm_report_table_markdown(const report_table *t, crm_str *out);
void crm_report_table_free(report_table *t);

/* ---- what is in a target (report_target.c) ----------------------------------------------------
 */
/** Metrics with a table of their own, as far as some model has a mean of them; NULL past the last.
 */
const char *crm_report_metric(const crm_sum_target *t, int i);
/** Whether some model has a mean of it. */
bool crm_report_defined(const crm_sum_target *t, const char *metric);
bool crm_report_is_oracle(const crm_sum_model *m);
/** Model that the others are compared with. */
const char *crm_report_reference(const crm_sum_target *t);
/** "3333 rows, 10 folds x 1 repeat; classes: no 2850, yes 483". */
void crm_report_facts(const crm_sum_target *t, crm_str *out);
/** "higher is better; ..." of a metric. */
void crm_report_caption(const crm_sum_target *t, const char *metric, crm_str *out);
/** Scores and comparisons of a metric; wide: full words as headers. */
void crm_report_metric_table(const crm_sum_target *t, const char *metric, bool wide,
                             report_table *out);
/** Sentences on satisfaction before and after a measure; 0, 1 or 2 of them into line. */
int crm_report_lift(const crm_sum_lift *l, crm_str line[2]);
/** The comparison of a model with the reference, NULL: none. */
const crm_sum_comparison *crm_report_comparison(const crm_sum_target *t, const char *model,
                                                const char *metric);
/** Models in printing order: the oracle last; i in 0 .. n_models - 1. */
const crm_sum_model *crm_report_model(const crm_sum_target *t, int i);

/* ---- what decides on one hold-out, ranks over segments: lines for a terminal (report_beside.c)
 * ----
 */
void crm_report_beside_lines(const crm_sum_target *t, crm_str *out);
/** Sizes, Bayesian t, Wilcoxon and 5x2cv beside the tests of a metric, as Markdown. */
void crm_report_beside(const crm_sum_target *t, const char *metric, crm_str *out);
/** Metrics that no table compares. */
void crm_report_other_metrics(const crm_sum_target *t, crm_str *out);
void crm_report_pooled(const crm_sum_target *t, crm_str *out);
void crm_report_holdout(const crm_sum_target *t, crm_str *out);
void crm_report_segments(const crm_sum_target *t, crm_str *out);
/** Whether a summary has what stands beside the tests, and curves; older ones have neither. */
bool crm_report_has_beside(const crm_summary *s);
bool crm_report_has_curves(const crm_summary *s);
/* Whether it is of several runs, which has no weights and predictions of its own. */
bool crm_report_is_joint(const crm_summary *s);

/* ---- SVG (report_svg.c) ------------------------------------------------------------------------
 */
void crm_report_svg_open(int width, int height, crm_str *out);
void crm_report_svg_text(double x, double y, const char *style, const char *text, crm_str *out);

/* ---- Markdown of more than one metric (report_detail.c, report_methods.c) ----------------------
 */
void crm_report_confusions(const crm_sum_target *t, crm_str *out);
/** Thresholds, importance, dependence, published figures, where there are any (report_explain.c).
 */
void crm_report_published(const crm_sum_target *t, crm_str *out);
void crm_report_published_terminal(const crm_sum_target *t, crm_str *out);
void crm_report_thresholds(const crm_sum_target *t, crm_str *out);
void crm_report_explanations(const crm_sum_target *t, crm_str *out);
void crm_report_folds(const crm_sum_target *t, crm_str *out);
/** One confusion matrix; nothing where there are too many classes. */
void crm_report_matrix(const crm_sum_target *t, const crm_sum_model *m, crm_str *out);

/* ---- a target of tokens (report_spans.c) -------------------------------------------------------
 */
/** Whether scores are of spans. */
bool crm_report_is_of_spans(const crm_sum_target *t);
void crm_report_span_types(const crm_sum_target *t, crm_str *out);
void crm_report_spans_terminal(const crm_sum_target *t, crm_str *out);
void crm_report_spans(const crm_sum_target *t, crm_str *out);
void crm_report_methods(const crm_summary *s, crm_str *out);
#endif
