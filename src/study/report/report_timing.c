/* report_timing.c - what each model costs, and how it can be read. */
#include <math.h>

#include "crmpi/report.h"
#include "report_impl.h"

static void add_seconds(report_table *t, double v)
{
    if (isfinite(v))
        crm_report_cell(t, "%.3g", v);
    else
        crm_report_cell(t, "-");
}

static void fill(const crm_report_cost *c, int n, report_table *t)
{
    static const char *const head[] = {"model",       "fits",          "fit, s (mean)",
                                       "least",       "most",          "predict, us a row",
                                       "memory, MiB", "how it is read"};
    enum { COLUMNS = sizeof head / sizeof *head };

    *t = (report_table){.columns = COLUMNS, .last_left = true};
    for (int i = 0; i < COLUMNS; i++)
        crm_report_cell(t, "%s", head[i]);
    for (int i = 0; i < n; i++) {
        crm_report_cell(t, "%s", c[i].name);
        crm_report_cell(t, "%d", c[i].fits);
        add_seconds(t, c[i].fit_s);
        add_seconds(t, c[i].fit_s_min);
        add_seconds(t, c[i].fit_s_max);
        add_seconds(t, c[i].predict_us);
        add_seconds(t, c[i].bytes / 1048576.0);
        crm_report_cell(t, "%s", c[i].reading ? c[i].reading : "-");
    }
}

void crm_report_timing(const crm_report_cost *c, int n, crm_str *out)
{
    report_table t;

    crm_str_addf(
        out, "# What the models cost, and how they can be read\n\n"
             "Wall time of the fits with a test part as they ran, on the ranks that shared them; "
             "memory is what one rank asked for at most during a fit, libraries left out. "
             "Unlike all other results these differ from run to run.\n\n");
    fill(c, n, &t);
    crm_report_table_markdown(&t, out);
    crm_report_table_free(&t);
}
