/* report.h - a summary as text for people (room report).
 *
 * All functions are pure: the same summary gives the same bytes.  They add to out; out->failed says
 * that memory is out.  Not collective. */
#ifndef CRM_REPORT_H
#define CRM_REPORT_H

#include "crmpi/base_str.h"
#include "crmpi/record_null.h"
#include "crmpi/record_summary.h"

/** Tables for a terminal, at most 100 columns wide, ASCII but for names of the data. */
void crm_report_terminal(const crm_summary *s, crm_str *out);
/** The whole report as Markdown (RUN/report.md): the same tables, confusion matrices, scores of
 *  each fold, methods, digests.  Its figures are the SVG files beside it. */
void crm_report_markdown(const crm_summary *s, crm_str *out);
/** Figure of the metrics as SVG (RUN/report.svg): a dot for each model's mean, a line for its 95 %
 *  interval. */
void crm_report_svg(const crm_summary *s, crm_str *out);
/** Figures of the first repeat's test predictions as SVG, a panel for each target and class, a line
 *  for each model: ROC curves (RUN/roc.svg); precision-recall curves, drawn as steps (RUN/pr.svg);
 *  share of hits over the mean probability of each bin (RUN/calibration.svg). */
void crm_report_roc(const crm_summary *s, crm_str *out);
void crm_report_pr(const crm_summary *s, crm_str *out);
void crm_report_calibration(const crm_summary *s, crm_str *out);

/** Null experiments (RUN/calibrate.md). */
void crm_report_null_terminal(const crm_null *n, crm_str *out);
void crm_report_null_markdown(const crm_null *n, crm_str *out);

/** What a model costs and how it can be read (RUN/timing.md): wall times, so never reproducible. */
typedef struct crm_report_cost {
    const char *name, *reading;         /* reading: how its decisions can be read; NULL: not told */
    int fits;                           /* with a test part */
    double fit_s, fit_s_min, fit_s_max; /* mean, least, most of a fit                  */
    double predict_us;                  /* mean, of a row                              */
    double bytes;                       /* held by one rank at most; NaN: not known */
} crm_report_cost;
void crm_report_timing(const crm_report_cost *c, int n, crm_str *out);
#endif
