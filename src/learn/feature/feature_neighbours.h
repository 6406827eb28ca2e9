/* feature_neighbours.h - missing numbers by the nearest training rows (room feature only). */
#ifndef CRM_FEATURE_NEIGHBOURS_H
#define CRM_FEATURE_NEIGHBOURS_H

#include "feature_impl.h"

typedef struct feature_neighbours {
    int n;             /* numeric columns */
    int64_t k, rows;   /* neighbours; training rows kept */
    float *row;        /* [rows][n] as they are, NaN = missing */
    float *scaled;     /* [rows][n] divided by the deviations */
    double *deviation; /* [n] 0: the column is constant, and takes no part */
} feature_neighbours;

/** Keep up to most training rows, drawn by the seed; mean[n] and present[n] are of all of them.
 *  Collective. */
CRM_CHECKED feature_neighbours_fit(feature_neighbours *m, const crm_fit *fit, const crm_source *in,
                                   int64_t k, int64_t most, double *mean, int64_t *present);
/** y[n] = x[n] with missing values filled where a row can tell; the others stay missing. */
void feature_neighbours_fill(const feature_neighbours *m, const float *x, float *y);
CRM_CHECKED feature_neighbours_save(const feature_neighbours *m, crm_bag *b);
/** CRM_ERR_FORMAT when the bag has none that fit n columns. */
CRM_CHECKED feature_neighbours_load(feature_neighbours *m, int n, crm_bag *b);
void feature_neighbours_free(feature_neighbours *m);

#endif
