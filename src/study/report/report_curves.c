/* report_curves.c - ROC, precision-recall and calibration figures: a square panel for each target
 * and class, a line for each model, the names beside it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report_impl.h"

enum {
    WIDTH = 760,
    LEFT = 60,
    SIDE = 400,
    TOP = 44,
    BOTTOM = 46,
    LEGEND = LEFT + SIDE + 28,
    ROW = 20
};

/* What a figure shows. */
typedef struct kind {
    const char *title, *x, *y;
    bool diagonal;
    void (*line)(const crm_sum_pooled *p, int curve, double top, const char *style, crm_str *out);
    /* a number behind a model's name; NaN: none */
    const char *number_name;
    double (*number)(const crm_sum_model *m);
} kind;

static double at_x(double v)
{
    return LEFT + SIDE * v;
}

static double at_y(double top, double v)
{
    return top + SIDE * (1 - v);
}

/* Colours that the colour-blind tell apart (Okabe & Ito 2008); the reference has that of
 * report.svg. */
static void style_of(const crm_sum_target *t, const crm_sum_model *m, int i, char out[96])
{
    static const char *const colour[] = {"#0b5394", "#d55e00", "#009e73", "#cc79a7",
                                         "#e69f00", "#56b4e9", "#7a5c00", "#000000"};
    static const char *const dash[] = {"", " stroke-dasharray=\"7 3\"",
                                       " stroke-dasharray=\"2 3\""};
    bool reference = strcmp(m->name, crm_report_reference(t)) == 0;

    if (crm_report_is_oracle(m))
        snprintf(out, 96, "stroke=\"#888\" stroke-width=\"1.5\" stroke-dasharray=\"5 4\"");
    else
        snprintf(out, 96, "stroke=\"%s\" stroke-width=\"%s\"%s", colour[i % 8],
                 reference ? "2.5" : "1.5", dash[i / 8 % 3]);
}

/* ---- frame -------------------------------------------------------------------------------------
 */

static void add_line(double x1, double y1, double x2, double y2, const char *style, crm_str *out)
{
    crm_str_addf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2,
                 y2, style);
}

static void add_frame(const kind *k, double top, crm_str *out)
{
    char label[8], turned[96];

    for (int i = 0; i <= 5; i++) {
        double v = i / 5.0;
        snprintf(label, sizeof label, "%.1f", v);
        add_line(at_x(v), top, at_x(v), top + SIDE, "stroke=\"#ddd\"", out);
        add_line(LEFT, at_y(top, v), LEFT + SIDE, at_y(top, v), "stroke=\"#ddd\"", out);
        crm_report_svg_text(at_x(v), top + SIDE + 14,
                            "text-anchor=\"middle\" fill=\"#555\" font-size=\"11\"", label, out);
        crm_report_svg_text(LEFT - 6, at_y(top, v) + 4,
                            "text-anchor=\"end\" fill=\"#555\" font-size=\"11\"", label, out);
    }
    if (k->diagonal)
        add_line(LEFT, top + SIDE, LEFT + SIDE, top, "stroke=\"#999\" stroke-dasharray=\"3 3\"",
                 out);
    crm_report_svg_text(LEFT + SIDE / 2.0, top + SIDE + 32, "text-anchor=\"middle\"", k->x, out);
    snprintf(turned, sizeof turned, "text-anchor=\"middle\" transform=\"rotate(-90 18 %.1f)\"",
             top + SIDE / 2.0);
    crm_report_svg_text(18, top + SIDE / 2.0, turned, k->y, out);
}

/* ---- lines -------------------------------------------------------------------------------------
 */

static double share(int64_t part, int64_t all)
{
    return all ? (double)part / (double)all : 0;
}

static void begin(const char *style, crm_str *out)
{
    crm_str_addf(out, "<polyline fill=\"none\" %s points=\"", style);
}

static void add_point(double x, double y, bool first, crm_str *out)
{
    crm_str_addf(out, "%s%.1f,%.1f", first ? "" : " ", x, y);
}

static void roc_line(const crm_sum_pooled *p, int curve, double top, const char *style,
                     crm_str *out)
{
    const crm_sum_curve *c = &p->curve[curve];

    begin(style, out);
    for (int i = 0; i < c->n; i++)
        add_point(at_x(share(c->fp[i], c->negatives)), at_y(top, share(c->tp[i], c->positives)),
                  i == 0, out);
    crm_str_addf(out, "\"/>\n");
}

/* The precision at a cut holds from the recall before it on: what average precision adds up. */
static void pr_line(const crm_sum_pooled *p, int curve, double top, const char *style, crm_str *out)
{
    const crm_sum_curve *c = &p->curve[curve];
    double before = 0;
    bool first = true;

    begin(style, out);
    for (int i = 0; i < c->n; i++) {
        double recall = share(c->tp[i], c->positives);
        double y = at_y(top, share(c->tp[i], c->tp[i] + c->fp[i]));
        if (c->tp[i] + c->fp[i] == 0) continue;
        add_point(at_x(before), y, first, out);
        add_point(at_x(recall), y, false, out);
        before = recall;
        first = false;
    }
    crm_str_addf(out, "\"/>\n");
}

static void calibration_line(const crm_sum_pooled *p, int curve, double top, const char *style,
                             crm_str *out)
{
    const crm_sum_calibration *c = &p->calibration;
    bool first = true;

    (void)curve;
    begin(style, out);
    for (int b = 0; b < c->n; b++) {
        if (!c->rows[b]) continue;
        add_point(at_x(c->mean[b]), at_y(top, share(c->hits[b], c->rows[b])), first, out);
        first = false;
    }
    crm_str_addf(out, "\"/>\n");
    for (int b = 0; b < c->n; b++)
        if (c->rows[b])
            crm_str_addf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#fff\" %s/>\n",
                         at_x(c->mean[b]), at_y(top, share(c->hits[b], c->rows[b])), style);
}

/* ---- panels ------------------------------------------------------------------------------------
 */

static double auc_of(const crm_sum_model *m)
{
    return m->pooled.auc;
}

static double precision_of(const crm_sum_model *m)
{
    const crm_sum_metric *v = crm_summary_metric(m, "average_precision");

    return v ? v->mean : (double)NAN;
}

static double ece_of(const crm_sum_model *m)
{
    return m->pooled.calibration.ece;
}

static const kind ROC = {
    "ROC curves", "false positive rate", "true positive rate", true, roc_line, "AUC", auc_of};
static const kind PR = {
    "precision-recall curves", "recall", "precision", false, pr_line, "mean AP", precision_of};
static const kind CALIBRATION = {"calibration",
                                 "mean predicted probability",
                                 "share that came true",
                                 true,
                                 calibration_line,
                                 "ECE",
                                 ece_of};

/* Panels of a target: one for each class that has a curve in some model; calibration has one. */
static int panels(const kind *k, const crm_sum_target *t)
{
    int most = 0;

    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_pooled *p = &t->model[i].pooled;
        int n = k == &CALIBRATION ? p->calibration.n > 0 : p->n_curves;
        if (p->present && n > most) most = n;
    }
    return most;
}

static int panel_height(const crm_sum_target *t)
{
    int names = ROW * t->n_models;

    return TOP + (names > SIDE ? names : SIDE) + BOTTOM;
}

static void add_name(const kind *k, const crm_sum_target *t, const crm_sum_model *m, int i,
                     double top, const char *style, crm_str *out)
{
    double y = top + ROW * (i + 0.5), v = k->number(m);
    bool told = isfinite(v) && (t->n_classes == 2 || k == &CALIBRATION);
    char number[REPORT_CELL];
    crm_str text = {0};

    add_line(LEGEND, y, LEGEND + 24, y, style, out);
    crm_str_addf(&text, "%s", m->name);
    if (told) crm_str_addf(&text, ", %s %s", k->number_name, crm_report_score(v, number));
    if (text.failed) out->failed = true;
    crm_report_svg_text(LEGEND + 30, y + 4,
                        strcmp(m->name, crm_report_reference(t)) == 0 ? "font-weight=\"bold\"" : "",
                        text.text ? text.text : "", out);
    crm_str_free(&text);
}

static const char *class_of(const crm_sum_target *t, int curve)
{
    for (int i = 0; i < t->n_models; i++)
        if (curve < t->model[i].pooled.n_curves) return t->model[i].pooled.curve[curve].class_name;
    return "";
}

static void add_panel(const kind *k, const crm_sum_target *t, int curve, double y, crm_str *out)
{
    crm_str title = {0};
    double top = y + TOP;
    char style[96];

    crm_str_addf(&title, "%s: %s", t->name, k->title);
    if (k != &CALIBRATION) crm_str_addf(&title, " of class %s", class_of(t, curve));
    if (title.failed) out->failed = true;
    crm_report_svg_text(16, y + 24, "font-size=\"15\" font-weight=\"bold\"",
                        title.text ? title.text : "", out);
    crm_str_free(&title);
    add_frame(k, top, out);
    for (int i = t->n_models - 1; i >= 0; i--) { /* the reference lies on top */
        const crm_sum_model *m = crm_report_model(t, i);
        style_of(t, m, i, style);
        if (m->pooled.present && (k == &CALIBRATION || curve < m->pooled.n_curves))
            k->line(&m->pooled, curve, top, style, out);
        add_name(k, t, m, i, top, style, out);
    }
}

static void figure(const kind *k, const crm_summary *s, crm_str *out)
{
    int height = 0, y = 0;

    for (int i = 0; i < s->n_targets; i++)
        height += panels(k, &s->target[i]) * panel_height(&s->target[i]);
    crm_report_svg_open(WIDTH, height ? height : TOP, out);
    if (!height) crm_report_svg_text(16, 24, "", "The summary has no curves.", out);
    for (int i = 0; i < s->n_targets; i++)
        for (int c = 0; c < panels(k, &s->target[i]); c++) {
            add_panel(k, &s->target[i], c, y, out);
            y += panel_height(&s->target[i]);
        }
    crm_str_addf(out, "</svg>\n");
}

void crm_report_roc(const crm_summary *s, crm_str *out)
{
    figure(&ROC, s, out);
}

void crm_report_pr(const crm_summary *s, crm_str *out)
{
    figure(&PR, s, out);
}

void crm_report_calibration(const crm_summary *s, crm_str *out)
{
    figure(&CALIBRATION, s, out);
}
