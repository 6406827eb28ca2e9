/* app_segments.h - shared by the files of crmpi segments. */
#ifndef CRM_APP_SEGMENTS_H
#define CRM_APP_SEGMENTS_H

#include "app_impl.h"
#include "crmpi/estimator_rows.h"
#include "crmpi/feature_kmeans.h"
#include "crmpi/record_segments.h"
#include "crmpi/store.h"

/** What is segmented: all rows of a data set, as points. */
typedef struct segments_work {
    app *a;
    const crm_data *d;
    crm_view *view;   /* all rows */
    crm_fit fit;      /* of all rows, for sums over them */
    crm_source *raw;  /* columns as they are */
    crm_store *store; /* of --embedding; NULL: none */
    crm_points points;
    float *x; /* points of this rank, when they are made here */
    crm_kmeans found;
    crm_segmentation r;
} segments_work;

/** app_segments_points.c: w->raw and w->points, from columns or from --embedding.  Collective. */
CRM_CHECKED app_segments_points(segments_work *w);
/** app_segments_table.c: columns and targets of w->r from w->found.  Collective. */
CRM_CHECKED app_segments_table(segments_work *w);
#endif
