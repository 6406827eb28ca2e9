/* classic_knn.h - k nearest neighbours (room classic). */
#ifndef CRM_CLASSIC_KNN_H
#define CRM_CLASSIC_KNN_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- knn: votes of the k training rows that are nearest in the numeric columns ---- */
typedef enum crm_knn_weights {
    CRM_KNN_UNIFORM,  /* each neighbour has one vote                                          */
    CRM_KNN_DISTANCE, /* 1 / distance; neighbours at distance 0, where there are any, vote alone */
    CRM_KNN_WEIGHTS_COUNT
} crm_knn_weights;
typedef enum crm_knn_metric {
    CRM_KNN_EUCLIDEAN,
    CRM_KNN_MANHATTAN,
    CRM_KNN_CHEBYSHEV,
    CRM_KNN_MINKOWSKI, /* (sum |x_j - y_j|^p)^(1/p) */
    CRM_KNN_METRIC_COUNT
} crm_knn_metric;
typedef enum crm_knn_method {
    CRM_KNN_AUTO, /* what needs fewer operations for some training rows as queries */
    CRM_KNN_BRUTE,
    CRM_KNN_KD_TREE,
    CRM_KNN_METHOD_COUNT
} crm_knn_method;
typedef struct crm_knn_cfg {
    int64_t k;
    int weights; /* crm_knn_weights */
    int metric;  /* crm_knn_metric  */
    double p;    /* of minkowski    */
    int method;  /* crm_knn_method; all give equal bits */
    int64_t max_bytes;
} crm_knn_cfg;
extern const crm_opt crm_knn_opts[];
/** Neighbours are the k training rows that come first by (distance, position in the training
 *  view); distances are f64 of the f32 values.  Probabilities are shares of the votes, so that the
 *  lower class wins among equals.  Unlabelled training rows are left out.
 *  Every rank holds all training rows after a fit: 4 n n_num bytes, as much again for a k-d tree.
 *  CRM_ERR_CONFIG from a fit when k is larger than the number of training rows, or when the rows
 *  need more than max_bytes.  CRM_ERR_NUMERIC from fit and predict when a number is missing or
 *  infinite (feature.impute fills missing ones).  Codes are not used.  Predicting uses one thread.
 *  Bag: "class" i32 [m] classes seen, "x" f32 [n][n_num] training rows, "label" i32 [n] numbers of
 *  their classes among those seen. */
extern const crm_estimator_class crm_knn_class;
#endif
