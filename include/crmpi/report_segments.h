/* report_segments.h - segments of customers for people (room report).
 *
 * Pure functions: the same segments give the same bytes.  They add to out; out->failed says that
 * memory is out.  Not collective. */
#ifndef CRM_REPORT_SEGMENTS_H
#define CRM_REPORT_SEGMENTS_H

#include "crmpi/base_str.h"
#include "crmpi/record_segments.h"

/** Tables for a terminal. */
void crm_report_segments_terminal(const crm_segmentation *s, crm_str *out);
/** Heat map as SVG: a row for each column that is shown, a column for each segment; colour by the
 *  standardised mean, on a scale between blue and orange that the colour-blind tell apart. */
void crm_report_segments_svg(const crm_segmentation *s, crm_str *out);
#endif
