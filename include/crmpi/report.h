/* report.h - a summary as text for people (room report).
 *
 * All functions are pure: the same summary gives the same bytes.  They add to out; out->failed says
 * that memory is out.  Not collective. */
#ifndef CRM_REPORT_H
#define CRM_REPORT_H

#include "crmpi/base_str.h"
#include "crmpi/record_summary.h"

/** Tables for a terminal, at most 100 columns wide, ASCII but for names of the data. */
void crm_report_terminal(const crm_summary *s, crm_str *out);
/** The whole report as Markdown (RUN/report.md): the same tables, confusion matrices, scores of
 *  each fold, methods, digests.  Its figure is report.svg beside it. */
void crm_report_markdown(const crm_summary *s, crm_str *out);
/** Figure of the metrics as SVG (RUN/report.svg): a dot for each model's mean, a line for its 95 %
 *  interval. */
void crm_report_svg(const crm_summary *s, crm_str *out);
#endif
