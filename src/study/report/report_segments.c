/* report_segments.c - segments of customers: tables for a terminal, and the heat map. */
#include "crmpi/report_segments.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "report_impl.h"

enum { BLOCK = 7, CLASSES_SHOWN = 8 };

/* Three or four significant digits without an exponent where that is short. */
static char *number(double v, char *out)
{
    double a = fabs(v);

    if (!isfinite(v))
        snprintf(out, REPORT_CELL, "-");
    else if (a >= 1e7 || (a < 0.0005 && a > 0))
        snprintf(out, REPORT_CELL, "%.2g", v);
    else
        snprintf(out, REPORT_CELL, "%.*f", a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3, v);
    return out;
}

static char *percent(double part, double all, char *out)
{
    if (all > 0)
        snprintf(out, REPORT_CELL, "%.1f %%", 100 * part / all);
    else
        snprintf(out, REPORT_CELL, "-");
    return out;
}

static int shown_in(const crm_segmentation *s, int group)
{
    int n = 0;

    for (int i = 0; i < s->n_columns; i++)
        n += s->column[i].shown && s->column[i].group == group;
    return n;
}

/* The i-th column of a group by falling eta squared, of equal ones the first; NULL past the last.
 */
static const crm_segments_column *column_at(const crm_segmentation *s, int group, int i)
{
    for (int c = 0; c < s->n_columns; c++) {
        const crm_segments_column *x = &s->column[c];
        int before = 0;
        if (!x->shown || x->group != group) continue;
        for (int o = 0; o < s->n_columns; o++) {
            const crm_segments_column *y = &s->column[o];
            if (!y->shown || y->group != group) continue;
            before += y->eta2 > x->eta2 || (y->eta2 >= x->eta2 && o < c);
        }
        if (before == i) return x;
    }
    return NULL;
}

/* ---- terminal ---------------------------------------------------------------------------------
 */
static void add_choice(const crm_segmentation *s, crm_str *out)
{
    char cell[REPORT_CELL];
    report_table t = {.columns = 2};

    if (!s->score) return;
    crm_report_cell(&t, "segments");
    crm_report_cell(&t, "silhouette");
    for (int k = 2; k <= s->most; k++) {
        if (isnan(s->score[k])) continue;
        crm_report_cell(&t, "%d%s", k, k == s->k ? " *" : "");
        crm_report_cell(&t, "%s", crm_report_score(s->score[k], cell));
    }
    crm_report_table_text(&t, out);
    crm_report_table_free(&t);
    crm_str_addf(out, "* chosen\n\n");
}

static void add_stability(const crm_segmentation *s, crm_str *out)
{
    double sum = 0, least = INFINITY;

    for (int i = 0; i < s->seeds - 1; i++) {
        sum += s->agreement[i];
        if (s->agreement[i] < least) least = s->agreement[i];
    }
    crm_str_addf(out, "%lld customers, %d segments by %d %s; silhouette %.4f\n", (long long)s->rows,
                 s->k, s->width, s->embedding ? "numbers of an embedding" : "columns",
                 s->silhouette);
    if (s->seeds > 1)
        crm_str_addf(out, "stability over %d seeds: adjusted Rand index %.4f, the least %.4f\n",
                     s->seeds, sum / (s->seeds - 1), least);
}

/* A row with a name, cells, and what stands behind them. */
typedef char *(*cell_fn)(const crm_segmentation *s, const void *what, int segment, char *out);

static void add_cells(report_table *t, const crm_segmentation *s, int first, int end, cell_fn cell,
                      const void *what)
{
    char text[REPORT_CELL];

    for (int k = first; k < end; k++)
        crm_report_cell(t, "%s", cell(s, what, k, text));
}

static char *customers(const crm_segmentation *s, const void *what, int k, char *out)
{
    (void)what;
    snprintf(out, REPORT_CELL, "%lld", (long long)s->count[k]);
    return out;
}

static char *share(const crm_segmentation *s, const void *what, int k, char *out)
{
    (void)what;
    return percent((double)s->count[k], (double)s->rows, out);
}

static char *score(const crm_segmentation *s, const void *what, int k, char *out)
{
    const double *v = what;

    (void)s;
    return crm_report_score(v[k], out);
}

static char *mean(const crm_segmentation *s, const void *what, int k, char *out)
{
    (void)s;
    return number(((const crm_segments_column *)what)->of[k], out);
}

/* A class of a target. */
typedef struct class_of {
    const crm_segments_target *t;
    int which;
} class_of;

static double labelled(const crm_segments_target *t, int k)
{
    double n = 0;

    for (int c = 0; c < t->n_classes; c++)
        n += (double)t->count[(ptrdiff_t)k * t->n_classes + c];
    return n;
}

static char *class_share(const crm_segmentation *s, const void *what, int k, char *out)
{
    const class_of *c = what;

    (void)s;
    return percent((double)c->t->count[(ptrdiff_t)k * c->t->n_classes + c->which],
                   labelled(c->t, k), out);
}

static char *class_share_all(const crm_segmentation *s, const class_of *c, char *out)
{
    double n = 0, all = 0;

    for (int k = 0; k < s->k; k++) {
        n += (double)c->t->count[(ptrdiff_t)k * c->t->n_classes + c->which];
        all += labelled(c->t, k);
    }
    return percent(n, all, out);
}

static void add_header(report_table *t, const char *title, int first, int end)
{
    crm_report_cell(t, "%s", title);
    for (int k = first; k < end; k++)
        crm_report_cell(t, "%d", k + 1);
    crm_report_cell(t, "all");
    crm_report_cell(t, "eta^2");
}

static void add_sizes(report_table *t, const crm_segmentation *s, int first, int end)
{
    char cell[REPORT_CELL];
    const struct {
        const char *name, *all;
        cell_fn fn;
        const void *what;
    } rows[] = {{"customers", cell, customers, NULL},
                {"share", "100.0 %", share, NULL},
                {"silhouette", " ", score, s->silhouette_of},
                {"Jaccard over seeds", " ", score, s->jaccard}};

    snprintf(cell, sizeof cell, "%lld", (long long)s->rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        crm_report_cell(t, "%s", rows[i].name);
        add_cells(t, s, first, end, rows[i].fn, rows[i].what);
        crm_report_cell(t, "%s", rows[i].all);
        crm_report_cell(t, " ");
    }
}

/* A line with the title of what follows. */
static void add_title(report_table *t, const char *title)
{
    crm_report_cell(t, "%s", title);
    for (int c = 1; c < t->columns; c++)
        crm_report_cell(t, " ");
}

static void add_group(report_table *t, const crm_segmentation *s, int group, int first, int end)
{
    const crm_segments_column *c;
    char cell[REPORT_CELL];

    if (!shown_in(s, group)) return;
    add_title(t, crm_segments_group_names[group]);
    for (int i = 0; (c = column_at(s, group, i)); i++) {
        crm_report_cell(t, "  %s", c->name);
        add_cells(t, s, first, end, mean, c);
        crm_report_cell(t, "%s", number(c->mean, cell));
        crm_report_cell(t, "%s", number(c->eta2, cell));
    }
}

/* All classes of a target; of two the second, which says it all. */
static void add_target(report_table *t, const crm_segmentation *s, const crm_segments_target *x,
                       int first, int end)
{
    char cell[REPORT_CELL];

    if (x->n_classes < 2 || x->n_classes > CLASSES_SHOWN) return;
    crm_report_cell(t, "target %s", x->name);
    for (int c = 1; c < t->columns; c++)
        crm_report_cell(t, " ");
    for (int c = x->n_classes == 2; c < x->n_classes; c++) {
        class_of one = {x, c};
        crm_report_cell(t, "  %s", x->class_name[c]);
        add_cells(t, s, first, end, class_share, &one);
        crm_report_cell(t, "%s", class_share_all(s, &one, cell));
        crm_report_cell(t, " ");
    }
}

/* Segments [first, end). */
static void add_block(const crm_segmentation *s, int first, int end, crm_str *out)
{
    report_table t = {.columns = end - first + 3};

    add_header(&t, "segment", first, end);
    add_sizes(&t, s, first, end);
    for (int g = 0; g < CRM_SEGMENTS_GROUPS; g++)
        add_group(&t, s, g, first, end);
    for (int i = 0; i < s->n_targets; i++)
        add_target(&t, s, &s->target[i], first, end);
    crm_str_addf(out, "\n");
    crm_report_table_text(&t, out);
    crm_report_table_free(&t);
}

void crm_report_segments_terminal(const crm_segmentation *s, crm_str *out)
{
    add_choice(s, out);
    add_stability(s, out);
    for (int first = 0; first < s->k; first += BLOCK)
        add_block(s, first, first + BLOCK < s->k ? first + BLOCK : s->k, out);
}

/* ---- heat map ---------------------------------------------------------------------------------
 */
enum { LEFT = 230, TOP = 108, HEIGHT = 26, GROUP = 26, FOOT = 64, BAR = 240, STEPS = 24 };

/* Geometry, and the end of the colour scale in standard deviations. */
typedef struct map {
    const crm_segmentation *s;
    int cell;
    double limit;
} map;

/* From blue over white to orange (after the ends of ColorBrewer's PuOr and RdYlBu, Harrower and
 * Brewer 2003), linear in RGB on both sides. */
static void colour_of(double at, char out[8])
{
    static const double end[2][3] = {{33, 102, 172}, {230, 97, 1}};
    double t = fabs(at) > 1 ? 1 : fabs(at);
    int c[3];

    for (int i = 0; i < 3; i++)
        c[i] = (int)(247 + t * (end[at > 0][i] - 247) + 0.5);
    snprintf(out, 8, "#%02x%02x%02x", (unsigned)c[0] & 255, (unsigned)c[1] & 255,
             (unsigned)c[2] & 255);
}

static double limit_of(const crm_segmentation *s)
{
    double most = 0.5;

    for (int i = 0; i < s->n_columns; i++)
        for (int k = 0; s->column[i].shown && k < s->k; k++)
            if (fabs(s->column[i].z[k]) > most) most = fabs(s->column[i].z[k]);
    most = ceil(2 * most) / 2;
    return most < 2 ? most : 2;
}

static void add_rect(double x, double y, double w, double h, const char *fill, crm_str *out)
{
    crm_str_addf(out,
                 "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                 "stroke=\"#fff\"/>\n",
                 x, y, w, h, fill);
}

static void add_square(const map *m, int k, double y, double mean, double z, crm_str *out)
{
    double x = LEFT + k * m->cell;
    bool dark = fabs(z) > 0.75 * m->limit && z < 0;
    char fill[8] = "#eeeeee", text[REPORT_CELL];

    if (isfinite(z)) colour_of(z / m->limit, fill);
    add_rect(x, y, m->cell, HEIGHT, fill, out);
    crm_report_svg_text(x + m->cell / 2.0, y + HEIGHT / 2.0 + 4,
                        dark ? "text-anchor=\"middle\" font-size=\"11\" fill=\"#fff\""
                             : "text-anchor=\"middle\" font-size=\"11\"",
                        number(mean, text), out);
}

static void add_heads(const map *m, crm_str *out)
{
    static const char *const style = "text-anchor=\"middle\" font-size=\"11\" fill=\"#555\"";
    char text[REPORT_CELL];

    crm_report_svg_text(LEFT - 10, TOP - 36, "text-anchor=\"end\" font-weight=\"bold\"", "segment",
                        out);
    crm_report_svg_text(LEFT - 10, TOP - 22, "text-anchor=\"end\" font-size=\"11\" fill=\"#555\"",
                        "customers", out);
    for (int k = 0; k <= m->s->k; k++) {
        double x = LEFT + (k + 0.5) * m->cell;
        bool all = k == m->s->k;
        snprintf(text, sizeof text, "%d", k + 1);
        crm_report_svg_text(x, TOP - 36, "text-anchor=\"middle\" font-weight=\"bold\"",
                            all ? "all" : text, out);
        snprintf(text, sizeof text, "%lld", (long long)(all ? m->s->rows : m->s->count[k]));
        crm_report_svg_text(x, TOP - 22, style, text, out);
        if (!all)
            crm_report_svg_text(x, TOP - 8, style,
                                percent((double)m->s->count[k], (double)m->s->rows, text), out);
    }
}

static double add_rows(const map *m, int group, double y, crm_str *out)
{
    const crm_segments_column *c;
    char text[REPORT_CELL];

    if (!shown_in(m->s, group)) return y;
    crm_report_svg_text(16, y + 18, "font-weight=\"bold\"", crm_segments_group_names[group], out);
    y += GROUP;
    for (int i = 0; (c = column_at(m->s, group, i)); i++, y += HEIGHT) {
        crm_report_svg_text(LEFT - 10, y + HEIGHT / 2.0 + 4, "text-anchor=\"end\"", c->name, out);
        for (int k = 0; k < m->s->k; k++)
            add_square(m, k, y, c->of[k], c->z[k], out);
        crm_report_svg_text(LEFT + (m->s->k + 0.5) * m->cell, y + HEIGHT / 2.0 + 4,
                            "text-anchor=\"middle\" font-size=\"11\" fill=\"#555\"",
                            number(c->mean, text), out);
    }
    return y;
}

static void add_legend(const map *m, double y, crm_str *out)
{
    double width = (double)BAR / STEPS;
    char text[REPORT_CELL], fill[8];

    for (int i = 0; i < STEPS; i++) {
        colour_of(2 * (i + 0.5) / STEPS - 1, fill);
        crm_str_addf(out,
                     "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" fill=\"%s\"/>\n",
                     LEFT + i * width, y, width + 0.3, fill);
    }
    for (int i = -1; i <= 1; i++) {
        snprintf(text, sizeof text, i ? "%+.1f" : "0", i * m->limit);
        crm_report_svg_text(LEFT + (i + 1) * BAR / 2.0, y + 26,
                            "text-anchor=\"middle\" font-size=\"11\" fill=\"#555\"", text, out);
    }
    crm_report_svg_text(LEFT - 10, y + 10, "text-anchor=\"end\" font-size=\"11\"",
                        "standard deviations from the mean", out);
}

void crm_report_segments_svg(const crm_segmentation *s, crm_str *out)
{
    map m = {.s = s, .cell = s->k <= 9 ? 68 : 50, .limit = limit_of(s)};
    int height = TOP + FOOT, width = LEFT + (s->k + 1) * m.cell + 20;
    char text[128];
    double y = TOP;

    for (int g = 0; g < CRM_SEGMENTS_GROUPS; g++)
        if (shown_in(s, g)) height += GROUP + HEIGHT * shown_in(s, g);
    crm_report_svg_open(width < 520 ? 520 : width, height, out);
    crm_report_svg_text(16, 26, "font-size=\"15\" font-weight=\"bold\"", "Segments of customers",
                        out);
    snprintf(text, sizeof text, "by %d %s; silhouette %.3f; numbers are means", s->width,
             s->embedding ? "numbers of an embedding" : "columns", s->silhouette);
    crm_report_svg_text(16, 46, "font-size=\"11\" fill=\"#555\"", text, out);
    add_heads(&m, out);
    for (int g = 0; g < CRM_SEGMENTS_GROUPS; g++)
        y = add_rows(&m, g, y, out);
    add_legend(&m, y + 20, out);
    crm_str_addf(out, "</svg>\n");
}
