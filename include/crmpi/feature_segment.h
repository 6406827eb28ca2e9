/* feature_segment.h - transform: the cluster of each row as a column (room feature). */
#ifndef CRM_FEATURE_SEGMENT_H
#define CRM_FEATURE_SEGMENT_H

#include "crmpi/feature.h"

enum { CRM_SEGMENT_MAX = 64 }; /* clusters */
typedef struct crm_segment_cfg {
    int64_t clusters; /* 0: off                                               */
    int64_t choose;   /* most clusters to choose from by silhouette; 0: clusters is the number */
    int64_t restarts; /* seedings of k-means                                  */
    int64_t sample;   /* training rows that silhouettes are worked out on     */
    bool distances;   /* add the distance to each centre                      */
} crm_segment_cfg;
extern const crm_opt crm_segment_opts[];
/** Adds the category "segment" with the levels "1" to "k" (by falling number of training rows) and,
 *  when asked for, numbers "distance to segment 1" ...  k-means on all numeric columns: each less
 *  its mean, divided by its deviation in training and cut to +-4; a missing value is the mean.  So
 *  it does not matter whether the columns come in filled and scaled.  Fit: CRM_ERR_CONFIG when
 *  there are more clusters than different training rows. */
extern const crm_transform_class crm_segment_class;
#endif
