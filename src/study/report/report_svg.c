/* report_svg.c - the figure: for each metric a panel, for each model a dot at the mean and a line
 * for the 95 % interval. */
#include <math.h>
#include <string.h>

#include "report_impl.h"

enum { WIDTH = 760, LEFT = 170, RIGHT = 30, ROW = 22, HEAD = 30, AXIS = 34, TITLE = 34, TICKS = 6 };

typedef struct axis {
    double lo, hi, step;
} axis;

static void add_xml(const char *text, crm_str *out)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            crm_str_addf(out, "&#%d;", *text);
        else
            crm_str_add(out, (unsigned char)*text < ' ' ? " " : text, 1);
    }
}

void crm_report_svg_text(double x, double y, const char *style, const char *text, crm_str *out)
{
    crm_str_addf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
    add_xml(text, out);
    crm_str_addf(out, "</text>\n");
}

void crm_report_svg_open(int width, int height, crm_str *out)
{
    crm_str_addf(out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                 "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
                 "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                 width, height, width, height);
}

static void widen(axis *a, double v)
{
    if (!isfinite(v)) return;
    if (!(a->lo <= v)) a->lo = v;
    if (!(a->hi >= v)) a->hi = v;
}

/* Steps of 1, 2 or 5 times a power of ten, at most TICKS of them. */
static axis make_axis(const crm_sum_target *t, const char *metric)
{
    static const double grow[] = {2, 2.5, 2};
    axis a = {(double)NAN, (double)NAN, 1e-6};

    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_metric *m = crm_summary_metric(&t->model[i], metric);
        if (!m) continue;
        widen(&a, m->mean);
        widen(&a, m->ci[0]);
        widen(&a, m->ci[1]);
    }
    if (a.hi - a.lo < 1e-4) {
        a.lo -= 5e-5;
        a.hi += 5e-5;
    }
    for (int i = 0; (a.hi - a.lo) / a.step > TICKS && i < 60; i++)
        a.step *= grow[i % 3];
    a.lo = floor(a.lo / a.step) * a.step;
    a.hi = ceil(a.hi / a.step) * a.step;
    return a;
}

static double place(const axis *a, double v)
{
    return LEFT + (v - a->lo) / (a->hi - a->lo) * (WIDTH - LEFT - RIGHT);
}

static void add_axis(const axis *a, double top, double bottom, crm_str *out)
{
    int n = (int)floor((a->hi - a->lo) / a->step + 0.5);
    char label[REPORT_CELL];

    for (int i = 0; i <= n; i++) {
        double v = a->lo + i * a->step, x = place(a, v);
        crm_str_addf(out,
                     "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x,
                     top, x, bottom);
        crm_report_svg_text(x, bottom + 14, "text-anchor=\"middle\" fill=\"#555\" font-size=\"11\"",
                            crm_report_score(v, label), out);
    }
}

static void add_model(const axis *a, const crm_sum_model *m, const char *metric, bool reference,
                      double y, crm_str *out)
{
    const crm_sum_metric *v = crm_summary_metric(m, metric);
    const char *colour = reference ? "#0b5394" : "#444";

    crm_report_svg_text(LEFT - 12, y + 4,
                        reference ? "text-anchor=\"end\" font-weight=\"bold\""
                                  : "text-anchor=\"end\"",
                        m->name, out);
    if (!v || !isfinite(v->mean)) {
        crm_report_svg_text(LEFT + 4, y + 4, "fill=\"#888\"", "undefined", out);
        return;
    }
    if (isfinite(v->ci[0]) && isfinite(v->ci[1]))
        crm_str_addf(out,
                     "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                     "stroke-width=\"2\"/>\n",
                     place(a, v->ci[0]), y, place(a, v->ci[1]), y, colour);
    crm_str_addf(out,
                 "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" stroke=\"%s\" stroke-width=\"2\" "
                 "fill=\"%s\"/>\n",
                 place(a, v->mean), y, colour, crm_report_is_oracle(m) ? "#fff" : colour);
}

static int panel_height(const crm_sum_target *t)
{
    return HEAD + ROW * t->n_models + AXIS;
}

static void add_panel(const crm_sum_target *t, const char *metric, double top, crm_str *out)
{
    axis a = make_axis(t, metric);
    double first = top + HEAD;

    crm_report_svg_text(LEFT, top + 20, "font-weight=\"bold\"", metric, out);
    add_axis(&a, first, first + ROW * t->n_models, out);
    for (int i = 0; i < t->n_models; i++) {
        const crm_sum_model *m = crm_report_model(t, i);
        add_model(&a, m, metric, strcmp(m->name, crm_report_reference(t)) == 0,
                  first + ROW * (i + 0.5), out);
    }
}

static int target_height(const crm_sum_target *t)
{
    int h = TITLE;

    for (int i = 0; crm_report_metric(t, i); i++)
        h += panel_height(t);
    return h;
}

static void add_target(const crm_sum_target *t, double top, crm_str *out)
{
    crm_str title = {0};
    const char *metric;

    crm_str_addf(&title, "%s: mean and 95 %% interval of each model", t->name);
    if (title.failed) out->failed = true;
    crm_report_svg_text(16, top + 24, "font-size=\"15\" font-weight=\"bold\"",
                        title.text ? title.text : "", out);
    crm_str_free(&title);
    top += TITLE;
    for (int i = 0; (metric = crm_report_metric(t, i)); i++) {
        add_panel(t, metric, top, out);
        top += panel_height(t);
    }
}

void crm_report_svg(const crm_summary *s, crm_str *out)
{
    int height = 10, top = 0;

    for (int i = 0; i < s->n_targets; i++)
        height += target_height(&s->target[i]);
    crm_report_svg_open(WIDTH, height, out);
    for (int i = 0; i < s->n_targets; i++) {
        add_target(&s->target[i], top, out);
        top += target_height(&s->target[i]);
    }
    crm_str_addf(out, "</svg>\n");
}
