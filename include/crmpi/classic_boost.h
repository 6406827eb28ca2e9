/* classic_boost.h - gradient boosting of trees (room classic). */
#ifndef CRM_CLASSIC_BOOST_H
#define CRM_CLASSIC_BOOST_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

typedef enum crm_boosting_stop {
    CRM_BOOSTING_AUTO, /* on with more than CRM_BOOSTING_AUTO_ROWS training rows */
    CRM_BOOSTING_ON,
    CRM_BOOSTING_OFF,
    CRM_BOOSTING_STOP_COUNT
} crm_boosting_stop;
enum { CRM_BOOSTING_AUTO_ROWS = 10000 };

/* ---- boosting: second-order gradient boosting on binned columns ---- */
typedef struct crm_boosting_cfg {
    int64_t iterations; /* a tree for two classes, one for each of more               */
    double learning_rate;
    int64_t max_leaves; /* of a tree; the leaf with the largest gain is split next    */
    int64_t max_depth;  /* -1: no limit; 0: one leaf                                  */
    int64_t min_samples_leaf;
    double min_child_weight; /* least sum of second derivatives of a leaf             */
    double l1, l2;           /* penalties of the values of leaves                     */
    double min_gain;         /* a split must lower the penalised loss by more         */
    double subsample;        /* part of the rows that a tree is grown on              */
    double colsample;        /* part of the columns that an iteration looks at        */
    int64_t max_bins;
    crm_opt_list class_weight; /* none, balanced, or CLASS:WEIGHT                     */
    int early_stopping;        /* crm_boosting_stop                                   */
    double validation;         /* part of the training rows held out for it; 0: none  */
    int64_t patience;          /* iterations without a lower validation loss          */
    int64_t hist_bytes;        /* of histograms kept on a rank; no part of the result */
    int64_t shared_values;     /* rows x columns from which on ranks share the rows   */
} crm_boosting_cfg;
extern const crm_opt crm_boosting_opts[];
/** Trees of steps of Newton's method on the log loss (Friedman 2001, Annals of Statistics 29(5);
 *  gain of a split and value of a leaf as in Chen & Guestrin 2016, "XGBoost", eqs. 5 and 7),
 *  grown leaf by leaf on histograms (Ke et al. 2017, "LightGBM").  Scores start from the weighted
 *  frequencies of the classes.  Numeric columns only; missing numbers go to the side of a split
 *  that gains more; where training rows of a node had none, to the side with more rows, of equals
 * to the right. Derivatives are integers of a fixed unit, so that histograms are the same on any
 * number of ranks; docs/boosting.md states the error. Early stopping: a stratified part of the
 * training rows, keyed by the seed of the fit, is held out; the model keeps the iterations up to
 * the least loss there. At most 2^28 - 1 training rows (CRM_ERR_ARG).  CRM_ERR_CONFIG from make
 * when early stopping is on without rows held out. Bag: "class" i32 [m]; "start" f64 [vectors]
 * (none for one class, one for two, else m): scores without trees; "iterations" i64; unless they
 * are 0, nodes and leaves of the trees, tree t being of score t mod vectors; "importance" f64
 * [n_num]: sum of the gains of each column's splits. */
extern const crm_estimator_class crm_boosting_class;
#endif
